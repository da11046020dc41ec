//! Notices over real sockets: what is sent, when it is repeated, and the faults.

use std::collections::BTreeMap;

use http::Method;
use serde_json::json;

use super::{material, noon, order, signed_form};
use crate::alipay::sign::notice_string;
use crate::clock::Clock;
use crate::faults::Fault;
use crate::notifier::{Delivery, DeliveryState};
use crate::testing::{Shop, send, within};
use crate::{CodeOutcome, MockRails, Options, PayerAct, PayerTarget};

/// All rails on a standing clock, and an order paid at a shop that answers this script.
struct World {
    rails: MockRails,
    shop: Shop,
}

impl World {
    async fn open(script: &[(u16, &'static str)]) -> Self {
        let options = Options { clock: Clock::standing_at(noon()), ..Options::default() };
        let world =
            Self { rails: MockRails::start_with(options).await.unwrap(), shop: Shop::open(script).await };
        let mut biz = order("A1", "88.88");
        biz["body"] = json!("a=b&c=d");
        biz["passback_params"] = json!("k%3D1");
        world.call("alipay.trade.precreate", &biz.to_string(), &[("notify_url", &world.shop.url)]).await;
        world
    }

    async fn call(&self, method: &str, biz: &str, more: &[(&str, &str)]) -> String {
        let url = format!("{}/gateway.do", self.rails.url("alipay"));
        let headers = [("content-type", "application/x-www-form-urlencoded;charset=utf-8")];
        let form = signed_form(method, biz, more);
        let (status, _, body) = send(Method::POST, &url, &headers, form).await.unwrap();
        assert_eq!(status, 200);
        String::from_utf8(body.to_vec()).unwrap()
    }

    fn arm(&self, operation: &str, fault: Fault) {
        self.rails.bench("alipay").faults.arm(Some(operation), fault, 1);
    }

    fn pay(&self) {
        let target = PayerTarget::OrderNo("A1".into());
        self.rails.rail("alipay").payer(PayerAct::Pay { target, force: false }).unwrap();
    }

    async fn refund(&self, yuan: &str, no: &str) -> String {
        let biz = json!({"out_trade_no":"A1","refund_amount":yuan,"out_request_no":no}).to_string();
        self.call("alipay.trade.refund", &biz, &[]).await
    }

    async fn until(&self, wanted: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
        within(self.rails.bench("alipay").notifier.until(wanted)).await
    }

    /// The notices that have been tried `tries` times in all, as forms.
    async fn forms(&self, tries: usize) -> Vec<BTreeMap<String, String>> {
        self.until(|all| all.iter().map(|d| d.tries.len()).sum::<usize>() == tries).await;
        self.shop.seen().iter().map(|request| form(&request.body)).collect()
    }
}

pub(super) fn form(body: &[u8]) -> BTreeMap<String, String> {
    let decode = |part: &str| {
        percent_encoding::percent_decode_str(&part.replace('+', " ")).decode_utf8().unwrap().into_owned()
    };
    let text = std::str::from_utf8(body).unwrap();
    text.split('&').map(|p| p.split_once('=').unwrap()).map(|(k, v)| (decode(k), decode(v))).collect()
}

/// Whether the rail signed this form, as a merchant checks it.
pub(super) fn genuine(form: &BTreeMap<String, String>) -> bool {
    assert!(form.values().all(|value| !value.is_empty()), "only fields with a value are sent: {form:?}");
    let string = notice_string(form.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())));
    material().keys.rail_signed(&string, &form["sign"])
}

fn told<'a>(form: &'a BTreeMap<String, String>, names: &[&str]) -> Vec<&'a str> {
    names.iter().map(|name| form.get(*name).map_or("-", String::as_str)).collect()
}

#[tokio::test]
async fn paid_partly_refunded_and_fully_refunded_are_told_in_their_own_words() {
    let world = World::open(&[(200, "success")]).await;
    world.pay();
    world.forms(1).await;
    world.refund("8.88", "R1").await;
    world.forms(2).await;
    world.refund("80.00", "R2").await;
    let forms = world.forms(3).await;
    let names = ["trade_status", "total_amount", "refund_fee", "out_biz_no", "gmt_refund", "gmt_close"];
    let at = ("2024-07-09 12:00:00.000", "2024-07-09 12:00:00");
    assert_eq!(told(&forms[0], &names), ["TRADE_SUCCESS", "88.88", "-", "-", "-", "-"]);
    assert_eq!(told(&forms[1], &names), ["TRADE_SUCCESS", "88.88", "8.88", "R1", at.0, "-"]);
    assert_eq!(told(&forms[2], &names), ["TRADE_CLOSED", "88.88", "88.88", "R2", at.0, at.1]);
    let common =
        ["out_trade_no", "app_id", "seller_id", "notify_type", "body", "passback_params", "gmt_payment"];
    for form in &forms {
        assert!(genuine(form), "{form:?}");
        assert_eq!(
            told(form, &common),
            ["A1", "9021000000000001", "2088000000000001", "trade_status_sync", "a=b&c=d", "k%3D1", at.1]
        );
    }
    let ids: std::collections::BTreeSet<_> = forms.iter().map(|form| &form["notify_id"]).collect();
    assert_eq!((ids.len(), forms[0]["notify_id"].len()), (3, 34), "one id per notice");
}

#[tokio::test]
async fn a_notice_is_repeated_eight_times_in_all_with_one_id_and_fresh_times() {
    let world =
        World::open(&[(500, "success"), (200, "SUCCESS"), (200, "success\n"), (302, "success")]).await;
    world.pay();
    let mut times = Vec::new();
    for (tries, minutes) in [4, 10, 10, 60, 120, 360, 900].into_iter().enumerate() {
        times.push(world.forms(tries + 1).await.pop().unwrap()["notify_time"].clone());
        world.rails.clock().step(jiff::SignedDuration::from_mins(minutes));
    }
    let forms = world.forms(8).await;
    times.push(forms[7]["notify_time"].clone());
    assert_eq!(forms.len(), 8);
    assert!(forms.iter().all(genuine), "each try is signed for itself");
    assert!(forms.iter().all(|form| form["notify_id"] == forms[0]["notify_id"]));
    let clock: Vec<&str> = times.iter().map(|time| &time[8..16]).collect();
    assert_eq!(
        clock,
        ["09 12:00", "09 12:04", "09 12:14", "09 12:24", "09 13:24", "09 15:24", "09 21:24", "10 12:24"]
    );
    let last = world.until(|all| all[0].state == DeliveryState::GivenUp).await;
    assert_eq!(last[0].tries.len(), 8);
}

#[tokio::test]
async fn a_payer_who_was_asked_is_told_of_when_done_though_nobody_asks() {
    let world = World::open(&[(200, "success")]).await;
    for (no, seconds) in [("B1", 10), ("B2", 5)] {
        let shown =
            world.rails.rail("alipay").payer(PayerAct::IssueCode(CodeOutcome::PendingThenPays)).unwrap();
        let biz = json!({"out_trade_no":no,"total_amount":"1.00","subject":"s","auth_code":shown["code"]});
        world.call("alipay.trade.pay", &biz.to_string(), &[("notify_url", &world.shop.url)]).await;
        world.rails.clock().step(jiff::SignedDuration::from_secs(seconds));
    }
    let forms = world.forms(1).await;
    assert_eq!(
        told(&forms[0], &["out_trade_no", "trade_status", "gmt_payment"]),
        ["B1", "TRADE_SUCCESS", "2024-07-09 12:00:10"]
    );
    world.rails.clock().step(jiff::SignedDuration::from_secs(5));
    assert_eq!(
        told(&world.forms(2).await[1], &["out_trade_no", "gmt_payment"]),
        ["B2", "2024-07-09 12:00:20"]
    );
}

#[tokio::test]
async fn exactly_success_ends_it() {
    let world = World::open(&[(200, "fail"), (200, "success")]).await;
    world.pay();
    world.forms(1).await;
    world.rails.clock().step(jiff::SignedDuration::from_mins(4));
    let done = world.until(|all| all[0].state == DeliveryState::Acknowledged).await;
    assert_eq!((done[0].key.as_str(), done[0].tries.len(), done[0].next_try_at), ("paid A1", 2, None));
}

#[tokio::test]
async fn notices_are_doubled_falsified_or_withheld_on_demand() {
    let world = World::open(&[(200, "success")]).await;
    world.arm("charge", Fault::TwinNotifications);
    world.pay();
    let twins = world.forms(2).await;
    assert_eq!(twins[0]["notify_id"], twins[1]["notify_id"]);
    world.arm("refund", Fault::NotificationAmount(1));
    world.refund("1.00", "R1").await;
    let lie = world.forms(3).await.pop().unwrap();
    assert!(genuine(&lie));
    assert_eq!(told(&lie, &["total_amount", "refund_fee"]), ["0.01", "1.00"]);
    world.arm("refund", Fault::NotificationWrongSignature);
    world.refund("1.00", "R2").await;
    let forged = world.forms(4).await.pop().unwrap();
    assert!(!genuine(&forged) && forged["sign"].len() == 344);
    world.arm("refund", Fault::NoNotification);
    world.refund("1.00", "R3").await;
    assert_eq!(world.rails.bench("alipay").notifier.deliveries().len(), 4, "none for R3");
}

#[tokio::test]
async fn a_notice_can_come_before_the_answer() {
    let world = World::open(&[(200, "success")]).await;
    world.pay();
    world.forms(1).await;
    world.arm("refund", Fault::NotificationFirst);
    world.refund("1.00", "R1").await;
    // No waiting here: the answer has come, so the notice must be over.
    let deliveries = world.rails.bench("alipay").notifier.deliveries();
    assert_eq!((deliveries.len(), deliveries[1].state), (2, DeliveryState::Acknowledged));
}

#[tokio::test]
async fn repeats_and_closes_are_not_notified_and_an_order_without_url_never_is() {
    let world = World::open(&[(200, "success")]).await;
    world.pay();
    world.refund("1.00", "R1").await;
    world.refund("1.00", "R1").await;
    world.refund("2.00", "R1").await;
    world.call("alipay.trade.precreate", &order("A2", "1.00").to_string(), &[]).await;
    let target = PayerTarget::OrderNo("A2".into());
    world.rails.rail("alipay").payer(PayerAct::Pay { target, force: false }).unwrap();
    let more = [("notify_url", world.shop.url.as_str())];
    world.call("alipay.trade.precreate", &order("A3", "1.00").to_string(), &more).await;
    world.rails.rail("alipay").payer(PayerAct::Scan(PayerTarget::OrderNo("A3".into()))).unwrap();
    world.call("alipay.trade.close", r#"{"out_trade_no":"A3"}"#, &[]).await;
    let keys: Vec<_> =
        world.rails.bench("alipay").notifier.deliveries().into_iter().map(|delivery| delivery.key).collect();
    assert_eq!(keys, ["paid A1", "refunded A1 R1"]);
}

#[tokio::test]
async fn the_control_api_drives_a_payment_and_shows_the_book_and_the_journal() {
    let world = World::open(&[(200, "success")]).await;
    let at = |path: &str| format!("{}/v1/alipay/{path}", world.rails.control_url());
    let paid = crate::testing::json(Method::POST, &at("payer/pay"), r#"{"order_no":"A1"}"#).await;
    assert_eq!((paid.0, &paid.1["state"]), (200, &json!("TRADE_SUCCESS")));
    let again =
        crate::testing::json(Method::POST, &at("payer/pay_after_close"), r#"{"order_no":"A1"}"#).await;
    assert_eq!(again.0, 409);
    let book = crate::testing::json(Method::GET, &at("book"), "").await.1;
    assert_eq!((&book[0]["charges"], &book[0]["total_fen"]), (&json!(1), &json!(8888)));
    let requests = crate::testing::json(Method::GET, &at("requests"), "").await.1;
    assert_eq!(
        (&requests[0]["operation"], &requests[0]["verdict"]),
        (&json!("alipay.trade.precreate"), &json!("10000"))
    );
    assert!(requests[0]["expected"].as_str().unwrap().starts_with("app_id=9021000000000001&biz_content={"));
}

/// F05: the second payment has a number, an entry in the book and a notice of its own; queries know the first one.
#[tokio::test]
async fn a_rail_that_forgets_takes_the_money_once_more_and_tells_of_it() {
    let world = World::open(&[(200, "success")]).await;
    let rail = world.rails.rail("alipay");
    assert!(rail.charge_again("A1").is_err(), "nobody has paid");
    world.pay();
    let second = rail.charge_again("A1").unwrap();
    assert!(rail.charge_again("A1").is_err(), "once");
    let entry = rail.book().remove(0);
    let again = entry.again.unwrap();
    assert_eq!((entry.charges, again.fen, &again.rail_ref), (1, 8_888, &second));
    let first = entry.rail_ref.unwrap();
    let forms = world.forms(2).await;
    let mut told: Vec<&str> = forms.iter().map(|form| form["trade_no"].as_str()).collect();
    told.sort_unstable();
    let mut numbers = [first.as_str(), second.as_str()];
    numbers.sort_unstable();
    assert_eq!(told, numbers);
    assert!(forms.iter().all(|form| genuine(form) && form["trade_status"] == "TRADE_SUCCESS"));
    let answer = world.call("alipay.trade.query", r#"{"out_trade_no":"A1"}"#, &[]).await;
    assert!(answer.contains(&first) && !answer.contains(&second), "{answer}");
}
