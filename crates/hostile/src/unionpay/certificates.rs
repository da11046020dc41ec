//! F46: messages that bring a certificate which must not be believed. Whoever signs names the key, so the chain is all.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256,
    SerialNumber, date_time_ymd,
};

use super::{Signer, certificate, digits, held, own, paid, posted, refunded, signed, signed_by};
use crate::book::Book;
use crate::case::Case;
use crate::form::{get, set};
use crate::sign::{How, Key, text_at};

const OWNER: &str = "041@MOCK000000000001@中国银联股份有限公司@00000002";

pub(super) fn file() -> (String, Vec<Case>) {
    let mut book = Book::new("unionpay", "certificates");
    vectors(&mut book);
    swapped(&mut book);
    made(&mut book);
    texts(&mut book);
    book.file()
}

/// Signers that the vectors have for this, each with its own good signature.
fn vectors(book: &mut Book) {
    book.kind("F46", "certificate that is not UnionPay's");
    for (from, news) in
        [("the order was paid", paid()), ("the refund went out", refunded()), ("the money is held", held())]
    {
        book.from(from);
        for (why, name) in [
            ("of another company, from the right authority", "wrongcn"),
            ("of the merchant itself, from the right authority", "merchant"),
            ("run out", "expired"),
            ("the right name, from an authority that nobody trusts", "badleaf"),
            ("of the test environment, which this account does not take", "upsign_test"),
            ("for encryption, of the test environment", "upenc"),
        ] {
            book.refused(why, &posted(&signed_by(&news, &Signer::named(name), How::Sha256)));
        }
    }
}

/// The certificate and the signature do not belong together.
fn swapped(book: &mut Book) {
    book.from("the order was paid").kind("F46", "certificate swapped");
    let news = signed(&paid());
    for name in ["upsign_test", "wrongcn", "merchant", "badleaf", "expired", "root", "middle", "badroot"] {
        book.refused(
            &format!("UnionPay's signature, the certificate {name}"),
            &posted(&set(&news, "signPubKeyCert", &certificate(name))),
        );
        // Signed over the message with the other certificate in it, by UnionPay's own key.
        let whole = Signer { certificate: certificate(name), ..own() };
        book.refused(
            &format!("signed by UnionPay over the certificate {name}"),
            &posted(&signed_by(&paid(), &whole, How::Sha256)),
        );
    }
}

/// Certificates that an attacker makes; the keys are those of the vectors, so that the bytes are always the same.
fn made(book: &mut Book) {
    book.kind("F46", "certificate that an attacker made");
    let attacker = Key::at("unionpay", "/certificates/badleaf/private_key_pem");
    let pem = text_at("unionpay", "/certificates/badleaf/private_key_pem");
    let leaf_key = text_at("unionpay", "/certificates/upsign/private_key_pem");
    let alone = |name: &str| selfmade(&params(name, false), &pem);
    let by = |subject: &str, issuer: &str, key: &str, ca: bool| {
        issued(&params(subject, false), &pem, &params(issuer, ca), key)
    };
    for (why, certificate) in [
        ("self-signed under UnionPay's name", alone(OWNER)),
        ("self-signed as an authority under UnionPay's name", selfmade(&params(OWNER, true), &pem)),
        (
            "from an authority of the root's name and another key",
            by(
                OWNER,
                "MOCK ACP TEST ROOT",
                &text_at("unionpay", "/certificates/wrongcn/private_key_pem"),
                true,
            ),
        ),
        (
            "from an authority of the middle's name and another key",
            by(
                OWNER,
                "MOCK ACP TEST OCA1",
                &text_at("unionpay", "/certificates/wrongcn/private_key_pem"),
                true,
            ),
        ),
        ("issued by UnionPay's leaf, which is no authority", by(OWNER, OWNER, &leaf_key, false)),
        ("issued by UnionPay's leaf, said to be an authority", by(OWNER, OWNER, &leaf_key, true)),
        (
            "issued by the merchant's leaf",
            by(
                OWNER,
                "041@MOCK-2026@777290058110048:SIGN@00000001",
                &text_at("unionpay", "/certificates/merchant/private_key_pem"),
                false,
            ),
        ),
        ("an empty name", alone("")),
        ("the owner in the first part", alone("中国银联股份有限公司@x@y@z")),
        ("the owner with a blank", alone("041@x@中国银联股份有限公司 @1")),
        ("the owner in letters that look the same", alone("041@x@中国银联股份冇限公司@1")),
        ("the owner of the test environment", alone("041@x@00040000:SIGN@1")),
        ("a NUL in the name", alone("041@x@中国银联股份有限公司\0@1")),
    ] {
        let signer = Signer { key: attacker.clone(), certificate };
        book.refused(why, &posted(&signed_by(&paid(), &signer, How::Sha256)));
    }
}

/// Not one certificate in PEM.
fn texts(book: &mut Book) {
    book.kind("F46", "certificate that cannot be read");
    let good = own().certificate;
    let key = text_at("unionpay", "/certificates/upsign/private_key_pem");
    for (why, certificate) in [
        ("two of them, the attacker's first", format!("{}{good}", certificate("badleaf"))),
        ("two of them, the attacker's last", format!("{good}{}", certificate("badleaf"))),
        ("another label", good.replace("CERTIFICATE", "PUBLIC KEY")),
        ("half of it", good[..good.len() / 2].to_owned()),
        ("a private key", key),
        ("a path", "/etc/ssl/certs/acp.cer".to_owned()),
        ("an address", "http://127.0.0.1:9/acp.cer".to_owned()),
        ("a certId", "69990000002".to_owned()),
        ("nothing in the frame", "-----BEGIN CERTIFICATE-----\r\n-----END CERTIFICATE-----".to_owned()),
        (
            "DER of 4 GB",
            "-----BEGIN CERTIFICATE-----\r\nMIT/////AAAA\r\n-----END CERTIFICATE-----".to_owned(),
        ),
        (
            "40 KB of letters",
            format!("-----BEGIN CERTIFICATE-----\r\n{}\r\n-----END CERTIFICATE-----", "A".repeat(40_000)),
        ),
    ] {
        let signer = Signer { certificate, ..own() };
        book.refused(why, &posted(&signed_by(&paid(), &signer, How::Sha256)));
    }
    let news = signed(&paid());
    book.refused(
        "one bit of it flipped",
        &posted(&set(&news, "signPubKeyCert", &get(&news, "signPubKeyCert").replacen('A', "B", 1))),
    );
    debug_assert!(!digits(&news).is_empty());
}

fn params(common_name: &str, authority: bool) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "CN");
    name.push(DnType::OrganizationName, "MOCK CFCA");
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.serial_number = Some(SerialNumber::from(69_990_000_099_u64));
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2099, 1, 1));
    params.is_ca = if authority { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    params
}

fn pair(pem: &str) -> KeyPair {
    KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_RSA_SHA256).expect("a key of the vectors")
}

fn crlf(pem: &str) -> String {
    pem.replace("\r\n", "\n").replace('\n', "\r\n")
}

fn selfmade(params: &CertificateParams, key: &str) -> String {
    crlf(&params.self_signed(&pair(key)).expect("a whole certificate").pem())
}

fn issued(leaf: &CertificateParams, leaf_key: &str, issuer: &CertificateParams, issuer_key: &str) -> String {
    let issuer = Issuer::new(issuer.clone(), pair(issuer_key));
    crlf(&leaf.signed_by(&pair(leaf_key), &issuer).expect("a whole certificate").pem())
}
