//! `alipay.trade.pay`: codes, waiting payers, refusals, repeats; nobody is charged twice (I2).

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Rig, code};
use crate::alipay::codes;
use crate::faults::Fault;
use crate::{CodeOutcome, PayerAct, PayerTarget, RailMock};

impl Rig {
    /// A code that the payer shows, as scene `bar_code` and as face token.
    fn codes(&self, outcome: CodeOutcome) -> (String, String) {
        let shown = self.mock.payer(PayerAct::IssueCode(outcome)).unwrap();
        let text = |name: &str| shown[name].as_str().unwrap().to_owned();
        (text("code"), text("face_token"))
    }

    pub(super) fn bar_code(&self, outcome: CodeOutcome) -> String {
        self.codes(outcome).0
    }

    fn charge(&self, no: &str, code: &str) -> Value {
        let biz = json!({"out_trade_no":no,"total_amount":"88.88","subject":"奶茶","auth_code":code,"scene":"bar_code"});
        self.call("alipay.trade.pay", biz)
    }

    fn step_seconds(&self, seconds: i64) {
        self.mock.bench.clock.step(SignedDuration::from_secs(seconds));
    }
}

#[test]
fn a_code_pays_at_once_in_the_documented_shape() {
    let rig = Rig::new();
    let answer = rig.charge("C1", &rig.bar_code(CodeOutcome::Pays));
    let trade_no = rig.entry("C1").rail_ref.unwrap();
    assert_eq!(
        answer,
        json!({"code":"10000","msg":"Success","buyer_logon_id":"ljf***@sandbox.com","buyer_pay_amount":"88.88",
            "buyer_user_id":"2088000000000102","fund_bill_list":[{"amount":"88.88","fund_channel":"ALIPAYACCOUNT"}],
            "gmt_payment":"2024-07-09 12:00:00","invoice_amount":"88.88","out_trade_no":"C1","point_amount":"0.00",
            "receipt_amount":"88.88","total_amount":"88.88","trade_no":trade_no})
    );
    assert_eq!(code(&rig.charge("C1", &rig.bar_code(CodeOutcome::Pays))), "ACQ.TRADE_HAS_SUCCESS");
    assert_eq!((rig.status("C1").as_str(), rig.entry("C1").charges), ("TRADE_SUCCESS", 1));
}

#[test]
fn a_face_token_pays_in_its_own_scene() {
    let rig = Rig::new();
    let (_, face) = rig.codes(CodeOutcome::Pays);
    assert_eq!(face.len(), 35);
    let biz = |scene: &str| json!({"out_trade_no":"F1","total_amount":"1.00","subject":"s","auth_code":face,"scene":scene});
    assert_eq!(code(&rig.call("alipay.trade.pay", biz("bar_code"))), "ACQ.PAYMENT_AUTH_CODE_INVALID");
    assert_eq!(code(&rig.call("alipay.trade.pay", biz("nod"))), "ACQ.INVALID_PARAMETER");
    assert_eq!(code(&rig.call("alipay.trade.pay", biz("security_code"))), "10000");
}

#[test]
fn a_payer_who_is_asked_pays_or_turns_away_and_the_answer_waits_in_the_words_of_the_vector() {
    for (outcome, end, charges) in [
        (CodeOutcome::PendingThenPays, "TRADE_SUCCESS", 1),
        (CodeOutcome::PendingThenDeclines, "TRADE_CLOSED", 0),
    ] {
        let rig = Rig::new();
        let shown = rig.bar_code(outcome);
        let waiting = rig.charge("C1", &shown);
        let trade_no = rig.entry("C1").rail_ref.unwrap();
        assert_eq!(
            waiting,
            json!({"code":"10003","msg":" order success pay inprocess","buyer_logon_id":"ljf***@sandbox.com",
                "buyer_pay_amount":"0.00","buyer_user_id":"2088000000000102","invoice_amount":"0.00",
                "out_trade_no":"C1","point_amount":"0.00","receipt_amount":"0.00","total_amount":"88.88",
                "trade_no":trade_no})
        );
        assert_eq!(rig.charge("C1", &shown), waiting, "the same request again while the payer is asked");
        rig.step_seconds(9);
        assert_eq!(rig.status("C1"), "WAIT_BUYER_PAY");
        rig.step_seconds(1);
        assert_eq!((rig.status("C1").as_str(), rig.entry("C1").charges), (end, charges));
    }
}

#[test]
fn an_act_from_outside_comes_before_the_payer_has_thought() {
    for (declines, end) in [(true, "TRADE_CLOSED"), (false, "TRADE_SUCCESS")] {
        let rig = Rig::new();
        rig.charge("C1", &rig.bar_code(CodeOutcome::PendingThenPays));
        let target = PayerTarget::OrderNo("C1".into());
        let act = if declines { PayerAct::Decline(target) } else { PayerAct::Pay { target, force: false } };
        rig.mock.payer(act).unwrap();
        assert_eq!(rig.status("C1"), end);
        rig.step_seconds(60);
        assert_eq!((rig.status("C1").as_str(), rig.entry("C1").charges), (end, u32::from(!declines)));
    }
}

#[test]
fn cancel_ends_a_waiting_charge_and_gives_back_a_paid_one() {
    for (outcome, action, charges) in
        [(CodeOutcome::PendingThenPays, "close", 0), (CodeOutcome::Pays, "refund", 1)]
    {
        let rig = Rig::new();
        rig.charge("C1", &rig.bar_code(outcome));
        let answer = rig.call("alipay.trade.cancel", json!({"out_trade_no":"C1"}));
        assert_eq!(answer["action"], action);
        rig.step_seconds(60);
        let entry = rig.entry("C1");
        assert_eq!((entry.state.as_str(), entry.charges), ("TRADE_CLOSED", charges));
        assert_eq!(entry.refunded_fen, i64::from(charges) * 8888);
        assert_eq!(code(&rig.charge("C1", &rig.bar_code(CodeOutcome::Pays))), "ACQ.TRADE_HAS_CLOSE");
    }
    let rig = Rig::new();
    rig.call("alipay.trade.cancel", json!({"out_trade_no":"LATE"}));
    let late = rig.charge("LATE", &rig.bar_code(CodeOutcome::Pays));
    assert_eq!(code(&late), "ACQ.TRADE_HAS_CLOSE", "cancelled before it came");
    assert_eq!(rig.mock.book(), []);
}

#[test]
fn a_refused_charge_leaves_no_trade_and_a_fresh_code_may_pay() {
    let rig = Rig::new();
    let broke = rig.bar_code(CodeOutcome::Declines);
    let refused = rig.charge("C1", &broke);
    assert_eq!(
        refused,
        json!({"code":"40004","msg":"Business Failed","sub_code":"ACQ.BUYER_BALANCE_NOT_ENOUGH",
            "sub_msg":"买家余额不足","buyer_pay_amount":"0.00","invoice_amount":"0.00","out_trade_no":"C1",
            "point_amount":"0.00","receipt_amount":"0.00"})
    );
    assert_eq!(rig.status("C1"), "ACQ.TRADE_NOT_EXIST");
    for bad in [broke.as_str(), "280000000000000000", "310000000000000000", "28", ""] {
        let wanted = if bad.is_empty() { "ACQ.INVALID_PARAMETER" } else { "ACQ.PAYMENT_AUTH_CODE_INVALID" };
        assert_eq!(code(&rig.charge("C1", bad)), wanted, "{bad}");
    }
    let old = rig.bar_code(CodeOutcome::Pays);
    rig.step_seconds(60);
    assert_eq!(code(&rig.charge("C1", &old)), "ACQ.PAYMENT_AUTH_CODE_INVALID", "a minute old");
    let shown = rig.bar_code(CodeOutcome::Pays);
    assert_eq!(code(&rig.charge("C1", &shown)), "10000");
    assert_eq!(code(&rig.charge("C2", &shown)), "ACQ.PAYMENT_AUTH_CODE_INVALID", "used");
}

#[test]
fn every_documented_code_can_be_asked_for_with_its_text_and_without_effect() {
    let rig = Rig::new();
    assert_eq!(codes::PAY.len(), 97);
    for (bare, text) in codes::PAY {
        let wanted = format!("ACQ.{bare}");
        rig.mock.bench.faults.arm(Some("charge"), Fault::BusinessCode(wanted.clone()), 1);
        let answer = rig.charge("C1", "x");
        assert_eq!((answer["code"].as_str(), code(&answer)), (Some("40004"), wanted.as_str()));
        assert_eq!(answer["sub_msg"], *text);
    }
    assert_eq!(rig.mock.book(), []);
}

#[test]
fn create_makes_a_trade_that_the_wallet_pays_by_its_number() {
    let rig = Rig::new();
    let mut biz = super::order("J1", "9.90");
    assert_eq!(code(&rig.call("alipay.trade.create", biz.clone())), "ACQ.INVALID_PARAMETER", "no buyer");
    biz["buyer_id"] = json!("2088000000000001");
    assert_eq!(code(&rig.call("alipay.trade.create", biz.clone())), "ACQ.BUYER_SELLER_EQUAL");
    biz["buyer_id"] = json!("2088000000000777");
    let answer = rig.call("alipay.trade.create", biz.clone());
    let trade_no = answer["trade_no"].as_str().unwrap().to_owned();
    assert_eq!(answer, json!({"code":"10000","msg":"Success","out_trade_no":"J1","trade_no":trade_no}));
    assert_eq!(rig.status("J1"), "WAIT_BUYER_PAY");
    assert_eq!(rig.call("alipay.trade.create", biz), answer, "the same request finds the same trade");
    let target = PayerTarget::PrepayId(trade_no);
    rig.mock.payer(PayerAct::Pay { target, force: false }).unwrap();
    let seen = rig.query("J1");
    assert_eq!(
        (&seen["trade_status"], &seen["buyer_user_id"]),
        (&json!("TRADE_SUCCESS"), &json!("2088000000000777"))
    );
}

#[test]
fn channels_and_instalments_show_in_what_was_paid() {
    let rig = Rig::new();
    let mut biz = json!({"out_trade_no":"H1","total_amount":"600.00","subject":"s",
        "auth_code":rig.bar_code(CodeOutcome::Pays),"extend_params":{"hb_fq_num":"6","hb_fq_seller_percent":"0"}});
    let paid = rig.call("alipay.trade.pay", biz.clone());
    assert_eq!(paid["fund_bill_list"], json!([{"amount":"600.00","fund_channel":"PCREDIT"}]));
    let info = &rig.query("H1")["hb_fq_pay_info"];
    assert_eq!((&info["user_install_num"], &info["fq_amount"]), (&json!("6"), &json!("600.00")));
    biz["out_trade_no"] = json!("H2");
    biz["extend_params"] = json!({});
    for (name, list, wanted) in [
        ("enable_pay_channels", "coupon", "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE"),
        (
            "disable_pay_channels",
            "balance,moneyFund,bankPay,debitCardExpress,credit_group",
            "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE",
        ),
    ] {
        let mut biz = biz.clone();
        biz[name] = json!(list);
        assert_eq!(code(&rig.call("alipay.trade.pay", biz)), wanted, "{name}");
    }
    assert!(rig.mock.book().iter().all(|entry| entry.order_no != "H2"));
}
