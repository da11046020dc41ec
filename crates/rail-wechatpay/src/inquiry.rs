//! Questions about the account: platform certificates, and where the daily bills lie.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paifang_payment::Doubt;
use paifang_rail::{
    Context, Fetch, FileDigest, Finding, Inquiry, Plan, PlanError, Reply, SealedCertificate, StatementWish,
};
use serde::Deserialize;

use crate::answer::{Api, Error};
use crate::{Settings, codes, request, signature, wire};

/// The kind of the bill that lists payments and refunds.
pub(crate) const TRADE: &str = "trade";
/// The kind of the bill that lists what moved the merchant's balance.
pub(crate) const FUND_FLOW: &str = "fund_flow";
/// Certificates in one answer at most; during a change there are two.
const CERTIFICATES_MAX: usize = 8;

#[derive(Deserialize)]
struct Certificates {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    serial_no: String,
    encrypt_certificate: Sealed,
}

#[derive(Deserialize)]
struct Sealed {
    algorithm: String,
    nonce: String,
    #[serde(default)]
    associated_data: String,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Bill {
    hash_type: String,
    hash_value: String,
    download_url: String,
}

pub(crate) fn plan(settings: &Settings, inquiry: &Inquiry<'_>, cx: &Context<'_>) -> Result<Fetch, PlanError> {
    let target = match inquiry {
        Inquiry::Keys { .. } => "/v3/certificates?algorithm_type=RSA".to_owned(),
        Inquiry::Statement(StatementWish { kind: TRADE, day, .. }) => {
            format!("/v3/bill/tradebill?bill_date={day}&bill_type=ALL&tar_type=GZIP")
        }
        Inquiry::Statement(StatementWish { kind: FUND_FLOW, day, .. }) => {
            format!("/v3/bill/fundflowbill?bill_date={day}&account_type=BASIC&tar_type=GZIP")
        }
        Inquiry::Statement(_) => return Err(PlanError::Unsupported("this kind of bill")),
    };
    match request::get(settings, &target, cx)? {
        Plan::Send(exchange) => Ok(Fetch::Ask(exchange)),
        Plan::HandOff(_) => Err(PlanError::Unsupported("an inquiry without a request")),
    }
}

pub(crate) fn read(settings: &Settings, inquiry: &Inquiry<'_>, reply: &Reply, cx: &Context<'_>) -> Finding {
    if reply.status != 200 {
        return refused(settings, inquiry, reply);
    }
    match inquiry {
        Inquiry::Keys { .. } => keys(reply, cx),
        Inquiry::Statement(_) => match signature::verify(&reply.headers, &reply.body, cx.keys, cx.now) {
            Ok(_) => address(settings, &reply.body, cx),
            Err(_) => Finding::Unknown(Doubt::BadSignature),
        },
    }
}

/// Errors are not signed as far as is known; nothing of money rests on them.
fn refused(settings: &Settings, inquiry: &Inquiry<'_>, reply: &Reply) -> Finding {
    let (400 | 401 | 403 | 404) = reply.status else {
        return Finding::Unknown(Doubt::HttpStatus(reply.status));
    };
    let Some(error) = wire::parse::<Error>(&reply.body) else {
        return Finding::Unknown(Doubt::Unreadable);
    };
    let api = match inquiry {
        Inquiry::Keys { .. } => Api::Certificates,
        Inquiry::Statement(_) => Api::Bill,
    };
    let message = error.message.clone().unwrap_or_default();
    match codes::finding(api, error) {
        // A merchant without the public key has certificates: then this is no "not yet".
        Finding::NotYet(code) if api == Api::Certificates && settings.public_key_id.is_none() => {
            Finding::Refused { code, message }
        }
        // Documented under 400 only; whoever says it otherwise is not believed to mean it.
        Finding::NoMovements { .. } if reply.status != 400 => {
            Finding::Unknown(Doubt::HttpStatus(reply.status))
        }
        finding => finding,
    }
}

/// The list is believed by one of the account's keys, or by one of its own certificates.
fn keys(reply: &Reply, cx: &Context<'_>) -> Finding {
    let Some(list) = wire::parse::<Certificates>(&reply.body) else {
        return Finding::Unknown(Doubt::Unreadable);
    };
    if list.data.len() > CERTIFICATES_MAX {
        return Finding::Unknown(Doubt::Unreadable);
    }
    let opened: Option<Vec<SealedCertificate>> = list.data.iter().map(|entry| unseal(entry, cx)).collect();
    let Some(opened) = opened else { return Finding::Unknown(Doubt::Unreadable) };
    let (headers, body) = (&reply.headers, &reply.body);
    let proof = signature::verify(headers, body, cx.keys, cx.now)
        .or_else(|_| signature::verify_by_own(headers, body, &opened, cx.keys, cx.now));
    match proof {
        Ok(proof) => {
            Finding::Keys(opened.into_iter().map(|certificate| certificate.into_key(&proof)).collect())
        }
        Err(_) => Finding::Unknown(Doubt::BadSignature),
    }
}

fn unseal(entry: &Entry, cx: &Context<'_>) -> Option<SealedCertificate> {
    let Sealed { algorithm, nonce, associated_data, ciphertext } = &entry.encrypt_certificate;
    if algorithm != "AEAD_AES_256_GCM" {
        return None;
    }
    let ciphertext = STANDARD.decode(ciphertext).ok()?;
    let certificate =
        cx.keys.unseal_certificate(nonce.as_bytes(), associated_data.as_bytes(), &ciphertext).ok()?;
    certificate.id().eq_ignore_ascii_case(&entry.serial_no).then_some(certificate)
}

/// The file itself is not signed; its digest stands in this signed answer, and its address is the endpoint's.
fn address(settings: &Settings, body: &[u8], cx: &Context<'_>) -> Finding {
    let unreadable = Finding::Unknown(Doubt::Unreadable);
    let Some(Bill { hash_type, hash_value, download_url }) = wire::parse(body) else { return unreadable };
    let digits = hash_value.len() == 40 && hash_value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let target = download_url.strip_prefix(&settings.endpoint).filter(|target| target.starts_with("/v3/"));
    let plain =
        |target: &&str| target.len() <= 2_048 && target.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
    let (true, "SHA1", Some(target)) = (digits, hash_type.as_str(), target.filter(plain)) else {
        return unreadable;
    };
    match request::get(settings, target, cx) {
        Ok(Plan::Send(exchange)) => Finding::Download {
            exchange,
            digest: Some(FileDigest { sha1_hex: hash_value.to_ascii_lowercase() }),
        },
        Ok(Plan::HandOff(_)) | Err(_) => unreadable,
    }
}
