//! I4 for every signed kind of message: each byte that a signature covers, and each of the signature, flipped once. What
//! comes out is doubt, or the very same news.

use paifang_payment::{Doubt, Outcome, Presentation};
use paifang_rail::{Call, Context, Finding, Inquiry, Rail, RawNotification, Reply};

use super::bills;
use super::inquiries::{address, bootstrap, download, keys_of};
use super::notification::case;
use super::support::*;

/// A reply under its headers, one byte of it changed: with the place, for messages.
fn flipped(good: &Reply) -> Vec<(String, Reply)> {
    let mut all = Vec::new();
    for index in 0..good.body.len() {
        let mut reply = good.clone();
        reply.body[index] ^= 1 << (index % 7);
        all.push((format!("byte {index} of the body"), reply));
    }
    for (header, (name, value)) in good.headers.iter().enumerate() {
        for index in 0..value.len() {
            let mut bytes = value.clone().into_bytes();
            bytes[index] ^= 1 << (index % 6);
            let Ok(value) = String::from_utf8(bytes) else { continue };
            let mut reply = good.clone();
            reply.headers[header].1 = value;
            all.push((format!("byte {index} of {name}"), reply));
        }
    }
    all
}

/// The vendor's wrong signatures: in the form of a good one, and in none.
fn probes(good: &Reply) -> Vec<Reply> {
    let mut form = "WECHATPAY/SIGNTEST/".to_owned();
    form += &"A".repeat(344 - 2 - form.len());
    form += "==";
    let set = |signature: &str| {
        let mut reply = good.clone();
        for (name, value) in &mut reply.headers {
            if name == "Wechatpay-Signature" {
                signature.clone_into(value);
            }
        }
        reply
    };
    vec![set(&form), set("WECHATPAY/SIGNTEST/x"), set("WECHATPAY/SIGNTEST/")]
}

/// Whether the reply says something, and all of what it says.
fn check(what: &str, good: &Reply, read: impl Fn(&Reply) -> Result<String, Doubt>) {
    let genuine = read(good).unwrap_or_else(|doubt| panic!("{what}: {doubt:?}"));
    for (place, reply) in flipped(good) {
        if let Ok(said) = read(&reply) {
            assert_eq!(said, genuine, "{what}: {place}");
            // Only the case of a hex serial is no part of what is signed or chosen.
            assert!(place.ends_with("of Wechatpay-Serial"), "{what}: {place}");
        }
    }
    for probe in probes(good) {
        assert_eq!(read(&probe), Err(Doubt::BadSignature), "{what}: a probe");
    }
}

fn call_says(call: &Call<'_>, reply: &Reply) -> Result<String, Doubt> {
    let answer = shop().read(call, reply, &cx(CLOCK));
    match answer.outcome() {
        Some(Outcome::Unknown(doubt)) => Err(doubt.clone()),
        Some(outcome) => Ok(format!("{outcome:?}")),
        None => Ok("absent".to_owned()),
    }
}

#[test]
fn replies_to_creations() {
    for (presentation, body) in [
        (Presentation::QrShown, r#"{"code_url":"weixin://wxpay/bizpayurl?pr=TESTabcd1"}"#),
        (Presentation::Jsapi, r#"{"prepay_id":"wx0108000000000000000000000000000000"}"#),
        (Presentation::MiniProgram, r#"{"prepay_id":"wx0108000000000000000000000000000000"}"#),
        (Presentation::App, r#"{"prepay_id":"wx0108000000000000000000000000000000"}"#),
        (Presentation::MobileWeb, r#"{"h5_url":"https://wx.tenpay.com/checkmweb?prepay_id=wx01"}"#),
    ] {
        let charge = charge(presentation);
        let call = Call::Charge(&charge);
        check(presentation.as_str(), &signed(200, body), |reply| call_says(&call, reply));
    }
}

#[test]
fn replies_about_scanned_codes() {
    let (charge, reversal) = (scanned(), reversal());
    let paying = r#"{"appid":"wxd678efh567hg6787","mchid":"1900000109","out_trade_no":"T20260101000001","trade_state":"USERPAYING"}"#;
    let call = Call::Charge(&charge);
    check("codepay", &signed(200, &transaction("SUCCESS").to_string()), |reply| call_says(&call, reply));
    check("codepay 202", &signed(202, paying), |reply| call_says(&call, reply));
    let call = Call::Reverse(&reversal);
    let reversed = r#"{"appid":"wxd678efh567hg6787","mchid":"1900000109","out_trade_no":"T20260101000001"}"#;
    check("reverse", &signed(200, reversed), |reply| call_says(&call, reply));
    let call = Call::QueryReverse(&reversal);
    check("query of a reverse", &signed(200, &transaction("REVOKED").to_string()), |reply| {
        call_says(&call, reply)
    });
}

#[test]
fn replies_to_queries_and_closes() {
    let order = order(Presentation::QrShown);
    for state in ["SUCCESS", "REFUND"] {
        let call = Call::Query(&order);
        check(state, &signed(200, &transaction(state).to_string()), |reply| call_says(&call, reply));
    }
    check("close", &signed(204, ""), |reply| call_says(&Call::Close(&order), reply));
}

#[test]
fn replies_about_refunds() {
    let refund = refund();
    for call in [Call::Refund(&refund), Call::QueryRefund(&refund)] {
        let good = signed(200, &refunded("SUCCESS").to_string());
        check("refund", &good, |reply| call_says(&call, reply));
    }
    check("abnormal refund", &signed(200, &refunded("PROCESSING").to_string()), |reply| {
        match account().read_abnormal_refund(&refund, reply, &cx(CLOCK)).outcome() {
            Some(Outcome::Unknown(doubt)) => Err(doubt.clone()),
            said => Ok(format!("{said:?}")),
        }
    });
}

/// A signature on an error must be right. (One that is taken away leaves an unsigned error, which rests on the channel.)
#[test]
fn signed_errors() {
    let (native, order) = (charge(Presentation::QrShown), order(Presentation::QrShown));
    let body = |code| format!(r#"{{"code":"{code}","message":"x"}}"#);
    let call = Call::Charge(&native);
    check("a refusal", &signed(400, &body("PARAM_ERROR")), |reply| call_says(&call, reply));
    let call = Call::Query(&order);
    check("absence", &signed(404, &body("ORDER_NOT_EXIST")), |reply| call_says(&call, reply));
}

#[test]
fn the_download_of_certificates() {
    let (good, at) = download();
    let full = cx(at);
    check("certificates", &good, |reply| Ok(keys_of(reply, at, full.keys)?.join("\n")));
    let first = bootstrap(text("/keys/apiv3_key"));
    check("first download", &good, |reply| Ok(keys_of(reply, at, &first)?.join("\n")));
}

#[test]
fn where_a_bill_lies() {
    let wish = bills::wish("fund_flow");
    let good = signed(200, &address("https://api.mch.weixin.qq.com/v3/billdownload/file?token=x"));
    check("address", &good, |reply| {
        match account().read_inquiry(&Inquiry::Statement(&wish), reply, &cx(CLOCK)) {
            Finding::Download { exchange, digest } => {
                Ok(format!("{:?} {} {digest:?}", exchange.method, exchange.url))
            }
            Finding::Unknown(doubt) => Err(doubt),
            other => panic!("{other:?}"),
        }
    });
}

/// A bill is not signed: its digest stands in for that.
#[test]
fn bills_under_their_digest() {
    for (kind, index) in bills::KINDS {
        let digest = bills::own_digest(index);
        for file in bills::recorded(index) {
            let (genuine, _) = bills::read(kind, &file, Some(&digest)).unwrap();
            for at in 0..file.len() {
                let mut altered = file.clone();
                altered[at] ^= 1 << (at % 8);
                if let Ok((lines, _)) = bills::read(kind, &altered, Some(&digest)) {
                    assert_eq!(lines, genuine, "{kind}: byte {at}");
                    assert_eq!(file[..2], [0x1f, 0x8b], "{kind}: byte {at} of an unpacked bill");
                }
            }
        }
    }
}

#[test]
fn notifications() {
    for name in [
        "transaction-success",
        "transaction-success-public-key",
        "refund-success",
        "refund-abnormal",
        "refund-closed",
        "empty-associated-data",
    ] {
        let (headers, body, at) = case(name);
        let headers = headers.into_iter().filter(|(name, _)| name.starts_with("Wechatpay-")).collect();
        let good = Reply { status: 200, headers, body: body.into() };
        check(name, &good, |message| {
            let raw = RawNotification { headers: &message.headers, query: "", body: &message.body };
            match account().open_notification(&raw, &cx(at)) {
                Ok(opened) => Ok(format!("{:?}", opened.get())),
                Err(_) => Err(Doubt::BadSignature),
            }
        });
    }
}

/// A key that is not the account's verifies nothing, and is named.
#[test]
fn unknown_keys_are_named() {
    let empty = bootstrap(text("/keys/apiv3_key"));
    let order = order(Presentation::QrShown);
    let good = signed(200, &transaction("SUCCESS").to_string());
    let answer = account().read(&Call::Query(&order), &good, &Context { keys: &empty, ..cx(CLOCK) });
    assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::BadSignature)));
    assert_eq!(answer.unknown_key(), Some(text("/keys/platform_certificate/serial_no")));
}
