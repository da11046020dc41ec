//! Requests, exact to the byte.

use paifang_payment::NextAction;
use paifang_rail::{Exchange, Method, Plan, PlanError};

use super::*;
use crate::sign;

fn sent(bench: &Bench, call: &Call<'_>, notify_url: &str) -> Exchange {
    match bench.rail.plan(call, &bench.cx_to(notify_url)).unwrap() {
        Plan::Send(exchange) => exchange,
        Plan::HandOff(action) => panic!("{action:?}"),
    }
}

fn check(call: &Call<'_>, notify_url: &str, id: &str) {
    let (bench, vector) = (Bench::new(), vector("requests", id));
    let exchange = sent(&bench, call, notify_url);
    assert_eq!(exchange.url, format!("{GATEWAY}{}", text(&vector, "/path")));
    assert_eq!(exchange.method, Method::Post);
    assert_eq!(
        exchange.headers,
        [("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8".to_owned())]
    );
    assert_eq!(String::from_utf8(exchange.body.clone()).unwrap(), text(&vector, "/form_body"), "{id}");
    assert_eq!(sent(&bench.when("2026-11-22T00:00:00Z"), call, notify_url), exchange, "{id} depends on now");
}

#[test]
fn requests_are_those_of_the_vectors() {
    let pay = "http://127.0.0.1:9000/notify/unionpay";
    check(&Call::Query(&order(Presentation::DesktopWeb)), pay, "query");
    check(&Call::Refund(&refund()), &format!("{pay}/refund"), "refund_partial");
    check(&Call::Reverse(&reversal(Presentation::DesktopWeb)), &format!("{pay}/undo"), "consume_undo");
    let scanned = code_charge(Presentation::PayerCode, "B20261121101533001", "2026-11-21T02:15:33Z");
    check(&Call::Charge(&scanned), pay, "qr_barcode_consume");
}

/// Signatures, the Chinese and nested one included, and the order of their text.
#[test]
fn every_signature_of_the_vectors_is_reproduced() {
    let bench = Bench::new();
    let mut seen = 0;
    for vector in vectors()["requests"].as_array().unwrap() {
        if text(vector, "/fields/version") != "5.1.0" || text(vector, "/fields/encoding") != "UTF-8" {
            continue;
        }
        let fields = vector["fields"].as_object().unwrap().iter();
        let unsigned = fields.filter(|(name, _)| !["certId", "signature"].contains(&name.as_str()));
        let unsigned = unsigned.map(|(name, value)| (leaked(name), value.as_str().unwrap().to_owned()));
        let signed = sign::sign(unsigned.collect(), &bench.keys).unwrap();
        assert_eq!(signed.last().unwrap().1, text(vector, "/signature"), "{}", vector["id"]);
        seen += 1;
    }
    assert_eq!(seen, 10);
}

fn leaked(name: &str) -> &'static str {
    Box::leak(name.to_owned().into_boxed_str())
}

/// A vector's fields with some replaced, as the adapter must have signed them.
fn expected(bench: &Bench, id: &str, without: &str, with: &[(&'static str, &str)]) -> Vec<(String, String)> {
    let vector = vector("requests", id);
    let decoded = form_urlencoded::parse(text(&vector, "/form_body").as_bytes()).into_owned();
    let mut fields: Vec<(&'static str, String)> = decoded
        .filter(|(name, _)| !["certId", "signature", without].contains(&name.as_str()))
        .map(|(name, value)| (leaked(&name), value))
        .collect();
    fields.extend(with.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let signed = sign::sign(fields, &bench.keys).unwrap();
    signed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The code's request is the vector's and the order's expiry.
#[test]
fn a_code_to_show_carries_the_expiry_of_its_order() {
    let bench = Bench::new();
    let shown = code_charge(Presentation::QrShown, "Q20261121101532001", "2026-11-21T02:15:32Z");
    let exchange = sent(&bench, &Call::Charge(&shown), bench.cx().notify_url);
    assert_eq!(exchange.url, format!("{GATEWAY}/gateway/api/backTransReq.do"));
    let fields: Vec<_> = form_urlencoded::parse(&exchange.body).into_owned().collect();
    assert_eq!(fields, expected(&bench, "qr_apply", "", &[("payTimeout", "20261121103030")]));
}

/// The form is the vector's without its free text; values are unescaped, and the url is the front's.
#[test]
fn a_page_is_a_signed_form_without_a_round_trip() {
    let bench = Bench::new();
    let page = charge(order(Presentation::DesktopWeb));
    let plan = bench.rail.plan(&Call::Charge(&page), &bench.cx()).unwrap();
    let Plan::HandOff(NextAction::PostForm { url, fields }) = plan else { panic!("{plan:?}") };
    assert_eq!(url, format!("{GATEWAY}/gateway/api/frontTransReq.do"));
    let fields: Vec<_> = fields.into_iter().map(|field| (field.name, field.value)).collect();
    assert_eq!(fields, expected(&bench, "front_consume", "reqReserved", &[]));
    assert!(fields.contains(&("riskRateInfo".into(), "{commodityName=测试商品名称}".into())));
}

/// The same form for phones; what is asked for differs by the channel only.
#[test]
fn a_page_for_phones_differs_by_its_channel() {
    let bench = Bench::new();
    let form = |presentation| {
        let plan = bench.rail.plan(&Call::Charge(&charge(order(presentation))), &bench.cx()).unwrap();
        let Plan::HandOff(NextAction::PostForm { url, fields }) = plan else { panic!("{plan:?}") };
        assert_eq!(url, format!("{GATEWAY}/gateway/api/frontTransReq.do"));
        let fields = fields.into_iter().filter(|field| field.name != "signature");
        fields.map(|field| (field.name, field.value)).collect::<Vec<_>>()
    };
    let (desktop, phone) = (form(Presentation::DesktopWeb), form(Presentation::MobileWeb));
    let differ: Vec<_> = desktop.iter().zip(&phone).filter(|(one, other)| one != other).collect();
    let channel = |code: &str| ("channelType".to_owned(), code.to_owned());
    assert_eq!(differ, [(&channel("07"), &channel("08"))]);
    assert_eq!(desktop.len(), phone.len());
}

/// The app's order and a hold are the vectors', with the expiry of the order and the goods.
#[test]
fn the_app_and_holds_are_asked_for_as_the_vectors_do() {
    let bench = Bench::new();
    let extra = [("payTimeout", "20261121103030"), ("riskRateInfo", "{commodityName=测试商品名称}")];
    let app = charge(Order {
        order_no: number("T20261121101531002"),
        amount: yuan(2500),
        opened_at: at("2026-11-21T02:15:31Z"),
        ..order(Presentation::App)
    });
    let exchange = sent(&bench, &Call::Charge(&app), bench.cx().notify_url);
    assert_eq!(exchange.url, format!("{GATEWAY}/gateway/api/appTransReq.do"));
    let fields: Vec<_> = form_urlencoded::parse(&exchange.body).into_owned().collect();
    assert_eq!(fields, expected(&bench, "app_consume_tn", "", &extra));
    let page = charge(hold(Presentation::DesktopWeb));
    let plan = bench.rail.plan(&Call::Charge(&page), &bench.cx()).unwrap();
    let Plan::HandOff(NextAction::PostForm { url, fields }) = plan else { panic!("{plan:?}") };
    assert_eq!(url, format!("{GATEWAY}/gateway/api/frontTransReq.do"));
    let fields: Vec<_> = fields.into_iter().map(|field| (field.name, field.value)).collect();
    assert_eq!(fields, expected(&bench, "preauth", "", &extra));
}

#[test]
fn a_description_cannot_break_out_of_its_field() {
    let bench = Bench::new();
    for (description, sent) in [
        ("Tea & \"milk\" {50%} a=b [x]'<>", Some("{commodityName=Tea    milk   50%  a b  x}")),
        ("茶|1 yuan + 1", Some("{commodityName=茶|1 yuan + 1}")),
        ("&={}", None),
    ] {
        let page = Charge { description: description.into(), ..charge(order(Presentation::DesktopWeb)) };
        let plan = bench.rail.plan(&Call::Charge(&page), &bench.cx()).unwrap();
        let Plan::HandOff(NextAction::PostForm { fields, .. }) = plan else { panic!("{plan:?}") };
        let goods = fields.iter().find(|field| field.name == "riskRateInfo");
        assert_eq!(goods.map(|field| field.value.as_str()), sent, "{description}");
    }
}

/// A query, undo or refund names the product of its order, and its own number and time.
#[test]
fn everything_about_a_code_names_the_code_product() {
    let bench = Bench::new();
    let order = order(Presentation::PayerCode);
    let (undo, back) = (reversal(Presentation::PayerCode), RefundOrder { order: order.clone(), ..refund() });
    for (call, name, time) in [
        (Call::Query(&order), "T20261121101530001", "20261121101530"),
        (Call::Reverse(&undo), "U20261121120100001", "20261121120100"),
        (Call::QueryReverse(&undo), "U20261121120100001", "20261121120100"),
        (Call::Refund(&back), "R20261121120000001", "20261121120000"),
        (Call::QueryRefund(&back), "R20261121120000001", "20261121120000"),
    ] {
        let body = sent(&bench, &call, "https://pay.example.test/n").body;
        let fields: std::collections::HashMap<_, _> = form_urlencoded::parse(&body).into_owned().collect();
        let asks = matches!(call, Call::Query(_) | Call::QueryReverse(_) | Call::QueryRefund(_));
        assert_eq!(fields["bizType"], "000000");
        assert_eq!((fields["orderId"].as_str(), fields["txnTime"].as_str()), (name, time));
        assert_eq!(fields.get("channelType").map(String::as_str), (!asks).then_some("08"), "{call:?}");
        assert_eq!(fields.get("origQryId").map(String::as_str), (!asks).then_some(QUERY_ID), "{call:?}");
        assert_eq!(fields["txnType"] == "00", asks);
    }
}

#[test]
fn what_cannot_be_said_is_refused_before_it_is_sent() {
    let bench = Bench::new();
    let plan = |call: &Call<'_>| bench.rail.plan(call, &bench.cx()).map(drop);
    let bad = |result: Result<(), PlanError>, wrong: &str| match result {
        Err(PlanError::BadValue { field, .. }) => assert_eq!(field, wrong),
        other => panic!("{wrong}: {other:?}"),
    };
    let usd = PositiveMoney::new(1000, Currency::parse("USD").unwrap()).unwrap();
    let page = || order(Presentation::DesktopWeb);
    bad(plan(&Call::Charge(&charge(Order { amount: usd, ..page() }))), "amount");
    bad(plan(&Call::Charge(&charge(Order { amount: yuan(1_000_000_000_000), ..page() }))), "amount");
    let unpaid = Order { rail_ref: None, ..page() };
    bad(
        plan(&Call::Reverse(&Reversal { order: unpaid.clone(), ..reversal(Presentation::PayerCode) })),
        "rail_ref",
    );
    bad(plan(&Call::Refund(&RefundOrder { order: unpaid, ..refund() })), "rail_ref");
    for code in ["622048372837483728100", "62204837283A"] {
        let payer_code = Some(PayerCode::parse(code).unwrap());
        bad(
            plan(&Call::Charge(&Charge {
                payer_code: payer_code.into(),
                ..charge(order(Presentation::PayerCode))
            })),
            "payer_code",
        );
    }
    bad(
        plan(&Call::Charge(&Charge {
            payer_code: Default::default(),
            ..charge(order(Presentation::PayerCode))
        })),
        "payer_code",
    );
    let tail =
        bench.rail.plan(&Call::Charge(&charge(page())), &bench.cx_to("https://pay.example.test/n?a=1"));
    bad(tail.map(drop), "notify_url");
    assert_eq!(plan(&Call::Close(&page())), Err(PlanError::Unsupported("close")));
    for presentation in [Presentation::Jsapi, Presentation::MiniProgram] {
        assert!(matches!(plan(&Call::Charge(&charge(order(presentation)))), Err(PlanError::Unsupported(_))));
        assert!(matches!(plan(&Call::Query(&order(presentation))), Err(PlanError::Unsupported(_))));
    }
    let other = Charge { wallet: WalletName::parse("alipay").unwrap(), ..charge(page()) };
    assert!(matches!(plan(&Call::Charge(&other)), Err(PlanError::Unsupported(_))));
}

#[test]
fn a_missing_key_is_named() {
    let (bench, order) = (Bench::new(), order(Presentation::QrShown));
    let empty = Keyring::builder().build().unwrap();
    let plan = bench.rail.plan(&Call::Query(&order), &Context { keys: &empty, ..bench.cx() });
    assert_eq!(plan, Err(PlanError::MissingKey("merchant_certificate")));
    let certificate = text(bench.vectors, "/certificates/merchant/cert_pem");
    let half = Keyring::builder().signer_certificate(certificate).and_then(|ring| ring.build()).unwrap();
    let plan = bench.rail.plan(&Call::Query(&order), &Context { keys: &half, ..bench.cx() });
    assert_eq!(plan, Err(PlanError::MissingKey("merchant_private_key")));
}

/// Opening times are told in Beijing, across midnight.
#[test]
fn a_late_evening_in_greenwich_is_the_next_day_in_beijing() {
    assert_eq!(crate::beijing::text(at("2026-12-31T16:00:01.9Z")), "20270101000001");
}
