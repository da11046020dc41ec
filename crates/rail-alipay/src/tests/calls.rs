//! The ways to charge, and reverses.

use std::collections::BTreeMap;

use paifang_payment::{Credit, NextAction, PayerId, Presentation};
use paifang_rail::{Call, Charge, PayerCode, Plan, Rail, Reversal};

use super::requests::{check_with, shown};
use super::*;

pub(super) fn reversal(presentation: Presentation) -> Reversal {
    let reversal_no = OrderNo::parse("V20240709A0001").unwrap();
    Reversal { order: order(presentation), reversal_no, opened_at: at(NOW) }
}

pub(super) fn by_code() -> Charge {
    let payer_code = Some(PayerCode::parse("287951669891795468").unwrap());
    Charge { payer_code: payer_code.into(), ..charge(Presentation::PayerCode) }
}

fn with_payer(presentation: Presentation, payer: &str) -> Charge {
    Charge { payer: Some(PayerId::parse(payer).unwrap()).into(), ..charge(presentation) }
}

const NOTIFY: &str = "notify_url=https://pay.example.test/notices/alipay-main\n";

const BASE: &str =
    r#""out_trade_no":"T20240709A0001","total_amount":"88.88","subject":"奶茶 (大杯) 50% off + 1""#;

const SELLER: &str = r#""seller_id":"2088000000000001","time_expire":"2024-07-09 12:36:08""#;

#[test]
fn a_payers_code_is_charged_by_pay() {
    let content = format!(
        r#"{{{BASE},"product_code":"FACE_TO_FACE_PAYMENT",{SELLER},"scene":"bar_code","auth_code":"287951669891795468"}}"#
    );
    check_with(settings(Charset::Utf8), &Call::Charge(&by_code()), "alipay.trade.pay", NOTIFY, &content);
}

#[test]
fn a_payer_in_the_wallet_is_named_by_uid_or_open_id() {
    let uid = with_payer(Presentation::Jsapi, "2088123412341234");
    let content = format!(r#"{{{BASE},{SELLER},"buyer_id":"2088123412341234"}}"#);
    check_with(settings(Charset::Utf8), &Call::Charge(&uid), "alipay.trade.create", NOTIFY, &content);
    let open = with_payer(Presentation::MiniProgram, "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5");
    let settings = Settings { op_app_id: Some("2021000000000009".into()), ..settings(Charset::Utf8) };
    let content = format!(
        r#"{{{BASE},"product_code":"JSAPI_PAY",{SELLER},"buyer_open_id":"074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5","op_app_id":"2021000000000009"}}"#
    );
    check_with(settings, &Call::Charge(&open), "alipay.trade.create", NOTIFY, &content);
}

#[test]
fn huabei_is_forced_with_its_terms_and_without_the_accounts_channels() {
    let huabei = Some(Huabei { instalments: 6, seller_percent: 100 });
    let settings = Settings {
        huabei,
        disable_pay_channels: vec!["credit_group".into(), "balance".into()],
        ..settings(Charset::Utf8)
    };
    let mut charge = charge(Presentation::QrShown);
    let content = format!(r#"{{{BASE},{SELLER},"disable_pay_channels":"credit_group,balance"}}"#);
    check_with(settings.clone(), &Call::Charge(&charge), "alipay.trade.precreate", NOTIFY, &content);
    charge.wallet = WalletName::parse("huabei").unwrap();
    let content = format!(
        r#"{{{BASE},{SELLER},"extend_params":{{"hb_fq_num":"6","hb_fq_seller_percent":"100"}},"enable_pay_channels":"pcreditpayInstallment"}}"#
    );
    check_with(settings, &Call::Charge(&charge), "alipay.trade.precreate", NOTIFY, &content);
    let plain = Bench::new();
    let refused = plain.rail.plan(&Call::Charge(&charge), &plain.cx());
    assert_eq!(refused, Err(paifang_rail::PlanError::Unsupported("this wallet")));
}

/// Credit is left out under the account's own channels, whichever of the two lists it has.
#[test]
fn an_order_without_credit_says_so_beside_the_accounts_channels() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let own = |enabled: &[&str], disabled: &[&str]| Settings {
        enable_pay_channels: names(enabled),
        disable_pay_channels: names(disabled),
        ..settings(Charset::Utf8)
    };
    let charge = Charge { credit: Credit::Excluded, ..charge(Presentation::QrShown) };
    for (settings, channels) in [
        (own(&[], &[]), r#""disable_pay_channels":"credit_group""#),
        (own(&[], &["balance", "pcredit"]), r#""disable_pay_channels":"balance,credit_group""#),
        (own(&["creditCard", "balance", "moneyFund"], &[]), r#""enable_pay_channels":"balance,moneyFund""#),
    ] {
        let content = format!("{{{BASE},{SELLER},{channels}}}");
        check_with(settings, &Call::Charge(&charge), "alipay.trade.precreate", NOTIFY, &content);
    }
    let bench = Bench::with(own(&["credit_group", "pcredit"], &[]));
    let nothing = bench.rail.plan(&Call::Charge(&charge), &bench.cx());
    assert!(matches!(nothing, Err(paifang_rail::PlanError::Unsupported(_))), "{nothing:?}");
}

fn handed(bench: &Bench, charge: &Charge) -> NextAction {
    match bench.rail.plan(&Call::Charge(charge), &bench.cx()).unwrap() {
        Plan::HandOff(action) => action,
        Plan::Send(exchange) => panic!("{exchange:?}"),
    }
}

#[test]
fn a_phones_page_is_a_signed_url() {
    let bench = Bench::new();
    let NextAction::Redirect { url } = handed(&bench, &charge(Presentation::MobileWeb)) else { panic!() };
    let shown = shown(&bench, &url, b"");
    assert!(shown.contains("method=alipay.trade.wap.pay\n"), "{shown}");
    assert!(shown.contains(r#""product_code":"QUICK_WAP_WAY""#), "{shown}");
    assert!(shown.contains(r#""quit_url":"https://pay.example.test/back/7"}"#), "{shown}");
    assert!(shown.contains("return_url=https://pay.example.test/back/7\n"), "{shown}");
}

fn order_string(action: NextAction) -> String {
    let NextAction::InvokeWallet { parameters } = action else { panic!("{action:?}") };
    let mut parameters: BTreeMap<String, String> = parameters;
    let text = parameters.remove("orderStr").unwrap();
    assert!(parameters.is_empty());
    text
}

#[test]
fn the_app_is_handed_an_order_string() {
    let bench = Bench::new();
    let text = order_string(handed(&bench, &charge(Presentation::App)));
    let shown = shown(&bench, &format!("x?{text}"), b"");
    assert!(shown.contains("method=alipay.trade.app.pay\n"), "{shown}");
    assert!(shown.contains(r#""product_code":"QUICK_MSECURITY_PAY""#), "{shown}");
    assert!(!text.contains('+') && text.starts_with("app_id="), "{text}");
}

#[test]
fn the_order_string_of_the_vectors_is_made_to_the_byte() {
    use crate::request::Parameters;
    let (bench, vectors) = (Bench::new(), vectors());
    let wanted = text(&vectors, "/app_pay/order_string/order_string");
    let mut parameters =
        Parameters::common(&settings(Charset::Utf8), "alipay.trade.app.pay", &bench.cx()).unwrap();
    parameters.push("notify_url", "https://merchant.example.test/alipay/notify").unwrap();
    let content = r#"{"out_trade_no":"T20240709_0004","total_amount":"9.00","subject":"新鲜空气","product_code":"QUICK_MSECURITY_PAY"}"#;
    assert_eq!(parameters.order_string(content, &bench.cx()).unwrap(), wanted);
}

#[test]
fn a_reverse_is_a_cancel_and_its_query_the_orders() {
    let reversal = reversal(Presentation::PayerCode);
    let content = r#"{"out_trade_no":"T20240709A0001"}"#;
    let of = settings(Charset::Utf8);
    check_with(of.clone(), &Call::Reverse(&reversal), "alipay.trade.cancel", "", content);
    check_with(of, &Call::QueryReverse(&reversal), "alipay.trade.query", "", content);
}

const NAMES: &str = r#""code":"10000","msg":"Success","out_trade_no":"T20240709A0001","trade_no":"2024070922001400000500000001""#;

#[test]
fn a_payers_code_pays_waits_or_leaves_doubt() {
    let bench = Bench::new();
    let charge = by_code();
    let check = |content: &str, wanted: &str| {
        let answer = bench.read(&Call::Charge(&charge), content);
        assert_eq!(told(&answer), format!("alipay.charge.{wanted}"), "{content}");
    };
    check(
        &format!(
            r#"{{{NAMES},"gmt_payment":"2024-07-09 12:06:10","total_amount":"88.88","receipt_amount":"88.00"}}"#
        ),
        "paid: paid 88.88 CNY 2024070922001400000500000001 2024-07-09T04:06:10Z",
    );
    check(&format!(r#"{{{NAMES},"total_amount":"88.88"}}"#), "no_payment_time: pending");
    let waiting = NAMES.replace("10000", "10003").replace("Success", " order success pay inprocess");
    check(&format!("{{{waiting}}}"), "in_process: pending");
    check(&format!(r#"{{{NAMES},"gmt_payment":"2024-07-09 12:06:10"}}"#), "no_amount: unknown Unreadable");
    let key = "alipay_trade_pay_response";
    let unsigned = bench.read_raw(&Call::Charge(&charge), format!(r#"{{"{key}":{{{waiting}}}}}"#).into());
    assert_eq!(told(&unsigned), r#"alipay.charge.10003: unknown RailUnsure("10003")"#);
    let query = Call::Query(&charge.order);
    assert_eq!(
        told(&bench.read(&query, &format!("{{{waiting}}}"))),
        r#"alipay.query.10003: unknown RailUnsure("10003")"#
    );
}

#[test]
fn a_created_trade_is_opened_by_the_bridge() {
    let bench = Bench::new();
    let charge = with_payer(Presentation::Jsapi, "2088123412341234");
    let answer = bench.read(&Call::Charge(&charge), &format!("{{{NAMES}}}"));
    let Some(Outcome::Pending(pending)) = answer.outcome() else { panic!("{answer:?}") };
    let Some(NextAction::InvokeWallet { parameters }) = &pending.next_action else { panic!("{answer:?}") };
    assert_eq!(parameters.get("tradeNO").map(String::as_str), Some("2024070922001400000500000001"));
    assert_eq!(pending.rail_ref.as_ref().map(|no| no.as_str()), Some("2024070922001400000500000001"));
}

#[test]
fn a_cancel_closes_refunds_or_found_nothing() {
    let bench = Bench::new();
    let reversal = reversal(Presentation::PayerCode);
    let check = |call: Call<'_>, members: &str, wanted: &str| {
        let answer = bench.read(&call, &format!("{{{NAMES}{members}}}"));
        let returned = match answer.outcome() {
            Some(Outcome::Closed(close)) => close.returned.map_or(" -".into(), |money| format!(" {money}")),
            Some(_) | None => String::new(),
        };
        assert_eq!(format!("{}{returned}", told(&answer)), format!("alipay.{wanted}"), "{members}");
    };
    let reverse = Call::Reverse(&reversal);
    check(reverse, r#","retry_flag":"N","action":"close""#, "reverse.closed: closed -");
    check(reverse, r#","retry_flag":"N","action":"refund""#, "reverse.refunded: closed 88.88 CNY");
    check(reverse, r#","retry_flag":"N""#, "reverse.no_action: absent");
    let again = r#"reverse.retry_flag: unknown RailUnsure("retry_flag")"#;
    check(reverse, r#","retry_flag":"Y","action":"close""#, again);
    check(reverse, r#","retry_flag":"Y""#, again);
    check(
        reverse,
        r#","retry_flag":"N","action":"x""#,
        r#"reverse.unlisted_action: unknown UnlistedCode("x")"#,
    );
    check(reverse, "", r#"reverse.mismatch: unknown Mismatch("method")"#);
    let query = Call::QueryReverse(&reversal);
    check(query, r#","trade_status":"TRADE_CLOSED""#, "query_reverse.trade_closed: closed -");
    let paid = r#","send_pay_date":"2024-07-09 12:07:31","total_amount":"88.88""#;
    let closed = format!(r#"{paid},"trade_status":"TRADE_CLOSED""#);
    check(query, &closed, "query_reverse.trade_closed: closed 88.88 CNY");
    for standing in ["TRADE_SUCCESS", "TRADE_FINISHED", "WAIT_BUYER_PAY"] {
        let stands = format!(r#"{paid},"trade_status":"{standing}""#);
        check(query, &stands, "query_reverse.not_reversed: absent");
    }
}
