//! AES content encryption, v2 and v3.

use paifang_payment::{Doubt, Outcome, Presentation};
use paifang_rail::{Call, Plan, Rail};

use super::*;
use crate::envelope;
use crate::request::Parameters;

fn bench(protocol: Protocol) -> Bench {
    Bench::keyed(Settings { protocol, ..settings(Charset::Utf8) }, encrypting(public_keys()))
}

#[test]
fn the_request_vector_is_reproduced() {
    let (bench, vectors) = (bench(Protocol::V2), vectors());
    let case = &vectors["aes"]["request"];
    let mut parameters =
        Parameters::common(&settings(Charset::Utf8), "alipay.trade.query", &bench.cx()).unwrap();
    parameters.push_content(text(case, "/plain_biz_content"), &bench.cx()).unwrap();
    assert_eq!(parameters.string_to_sign(), text(case, "/string_to_sign").as_bytes());
    let sign = STANDARD.encode(bench.keys.sign(&parameters.string_to_sign()).unwrap());
    assert_eq!(sign, text(case, "/sign"));
}

#[test]
fn the_response_vector_is_verified_then_opened() {
    let (bench, vectors) = (bench(Protocol::V2), vectors());
    let raw = text(&vectors, "/aes/response/raw_body");
    let cut = envelope::cut(raw.as_bytes(), "alipay.trade.query", Charset::Utf8).unwrap();
    assert_eq!(cut.content, text(&vectors, "/aes/response/signed_content").as_bytes());
    let order = order(Presentation::QrShown);
    let read = |bench: &Bench, body: &str| told(&bench.read_raw(&Call::Query(&order), body.into()));
    let mismatch = r#"alipay.query.mismatch: unknown Mismatch("out_trade_no")"#;
    assert_eq!(read(&bench, raw), mismatch, "it was opened and names another order");
    assert_eq!(read(&Bench::new(), raw), "alipay.query.unreadable: unknown Unreadable", "without the key");
    let (unsigned, _) = raw.split_once(",\"sign\"").unwrap();
    assert_eq!(read(&bench, &format!("{unsigned}}}")), "alipay.query.bad_signature: unknown BadSignature");
}

fn sealed(bench: &Bench, plain: &str) -> String {
    STANDARD.encode(bench.keys.seal_content(plain.as_bytes()).unwrap())
}

const PAID: &str = r#"{"code":"10000","out_trade_no":"T20240709A0001","total_amount":"88.88","trade_status":"TRADE_SUCCESS"}"#;

/// I4: an encrypted answer, each byte flipped.
#[test]
fn an_encrypted_answer_is_read_like_a_plain_one_and_not_altered() {
    let bench = bench(Protocol::V2);
    let order = order(Presentation::QrShown);
    let content = format!("\"{}\"", sealed(&bench, PAID));
    let body = bench.answer("alipay.trade.query", content.as_bytes());
    let genuine = "alipay.query.trade_success: paid 88.88 CNY - -";
    assert_eq!(told(&bench.read_raw(&Call::Query(&order), body.clone())), genuine);
    // An error may come plain.
    let plain = r#"{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}"#;
    assert_eq!(told(&bench.read(&Call::Query(&order), plain)), "alipay.query.trade_not_exist: absent");
    for at in 0..body.len() {
        let mut flipped = body.clone();
        flipped[at] ^= 0x01;
        let answer = bench.read_raw(&Call::Query(&order), flipped);
        let doubted =
            matches!(answer.outcome(), Some(Outcome::Unknown(Doubt::BadSignature | Doubt::Unreadable)));
        assert!(doubted || told(&answer) == genuine, "byte {at}: {answer:?}");
    }
}

#[test]
fn in_v3_the_ciphertext_is_the_body() {
    let bench = bench(Protocol::V3);
    let order = order(Presentation::QrShown);
    let Plan::Send(exchange) = bench.rail.plan(&Call::Query(&order), &bench.cx()).unwrap() else { panic!() };
    let body = std::str::from_utf8(&exchange.body).unwrap();
    assert_eq!(body, sealed(&bench, r#"{"out_trade_no":"T20240709A0001"}"#));
    let header = |name: &str| {
        exchange.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    };
    assert_eq!(header("Content-Type"), Some("text/plain"));
    assert_eq!(header("Alipay-Encrypt-Type"), Some("AES"));

    let millis = at(NOW).as_millisecond();
    let answer = sealed(&bench, &PAID.replace(r#""code":"10000","#, ""));
    let reply = super::v3::answered(&bench, 200, &answer, millis);
    let read = bench.rail.read(&Call::Query(&order), &reply, &bench.cx());
    assert_eq!(told(&read), "alipay.query.trade_success: paid 88.88 CNY - -");
    let error = r#"{"code":"ACQ.TRADE_NOT_EXIST","message":"x"}"#;
    let reply = super::v3::answered(&bench, 400, error, millis);
    let read = bench.rail.read(&Call::Query(&order), &reply, &bench.cx());
    assert_eq!(told(&read), "alipay.query.trade_not_exist: absent");
}
