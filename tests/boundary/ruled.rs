//! The storefront's own rules in this run: everything that they can say is said, and what they do beside payments is done. Rails
//! come to know none of it but that an order leaves credit out.

use paifang_boundary::Field;
use paifang_proto::v1;
use v1::PaymentIntentState as State;

use crate::run::{PRICE, Run, canary};
use crate::support::{RAILS, money};

/// A payer gets this much off, out of a budget.
const GIFT: i64 = 2_000;

/// More than anybody draws on.
const PLENTY: i64 = 1_000_000_000;

const RULES: &str = r#"
[bundle]
name = "canary-rules-7281"
version = 1
note = "all four tables about money"
effective_at = 2020-01-01T00:00:00+08:00
unlisted = "open"

# A way that never holds money: of a hold no order can say it.
[[opening]]
id = "canary-opening-7281"
wallet = "alipay"
presentation = "desktop_web"
show = true
accept = true
credit = false
[[opening]]
id = "others"
wallet = "alipay"
show = true
accept = true

[fees]
currency = "CNY"
[[fees.rules]]
id = "canary-fee-7281"
rate_ppm = 6_000
on_refund = "proportional"

[splits]
currency = "CNY"
receivers = [{ receiver = "canary-streamer-7281", share_ppm = 100_000, on_refund = "proportional" }]

[discounts]
currency = "CNY"
[[discounts.rules]]
id = "canary-gift-7281"
funder = "platform_b"
amount_minor = 2_000
budgeted = true

[refunds]
currency = "CNY"
[refunds.waterfalls]
canary-fall-7281 = [{ bearer = "unsettled_funds", cap_ppm = 500_000 }, { bearer = "platform" }]
nobody = [{ bearer = "insurance" }]
[[refunds.rules]]
id = "canary-rule-7281"
mode = "refund_without_return"
reasons = ["damaged"]
total_max_ppm = 1_000_000
days_max = 30
waterfall = "canary-fall-7281"
decide_within_s = 86_400
appeal_within_s = 604_800
[[refunds.rules]]
id = "late"
mode = "refund_without_return"
reasons = ["late"]
total_max_ppm = 1_000_000
days_max = 30
waterfall = "nobody"
decide_within_s = 86_400
appeal_within_s = 604_800
"#;

impl Run {
    /// The rules decide from now on, and what they draw on is there.
    pub async fn under_rules(&self) {
        let mut policies = self.world.shop.policies.clone();
        let request_id = self.world.request_id("draft");
        let draft = v1::DraftPolicyRequest { request_id, bundle: RULES.into() };
        policies.draft_policy(draft).await.unwrap();
        let request_id = self.world.request_id("announce");
        let announce = v1::AnnouncePolicyRequest { request_id, version: 1, ..Default::default() };
        policies.announce_policy(announce).await.unwrap();
        let outside = fund(v1::FundKind::Outside);
        self.transfer(&outside, &budget(), PLENTY).await;
        self.transfer(&outside, &fund(v1::FundKind::Platform), PLENTY).await;
        self.transfer(&outside, &fund(v1::FundKind::Rail), PLENTY).await;
    }

    /// What a storefront does under its rules that reaches no rail: a complaint, funds of every kind, a reversed decision, and a
    /// refund that nobody bears and that is given up.
    pub async fn beyond_payments(&mut self) {
        let way = self.ways(v1::CaptureMethod::Automatic).await.remove(0);
        let intent = self.choose(&way, v1::CaptureMethod::Automatic).await;
        let id = intent.payment_intent_id.clone();
        self.pay(&way, &intent).await;
        self.world.becomes(&id, State::Succeeded).await;
        let complaint = v1::ReportComplaintRequest {
            request_id: self.world.request_id("complain"),
            payment_intent_id: id.clone(),
            reason: v1::ComplaintReason::NotReceived.into(),
        };
        self.world.shop.intents.clone().report_complaint(complaint).await.unwrap();

        let outside = fund(v1::FundKind::Outside);
        let discount =
            v1::Fund { funder: v1::DiscountFunder::Creator.into(), ..fund(v1::FundKind::Discount) };
        let streamer =
            v1::Fund { receiver: canary(Field::ReceiverAmountReceiver), ..fund(v1::FundKind::Receiver) };
        let of_merchant =
            |kind| v1::Fund { merchant_id: canary(Field::PaymentDivisionMerchantId), ..fund(kind) };
        self.transfer(&outside, &discount, 1).await;
        self.transfer(&streamer, &outside, 1).await;
        let (earned, settled) = (v1::FundKind::Unsettled, v1::FundKind::MerchantBalance);
        self.transfer(&of_merchant(earned), &of_merchant(settled), 1).await;

        let reverse = v1::ReverseRefundDecisionRequest {
            request_id: self.world.request_id("reverse"),
            refund_id: self.refund(&id, v1::RefundReason::Damaged).await,
            amount: Some(money(100)),
            charged_to: v1::RefundBearer::Rail.into(),
            remark: "canary-remark-7281".into(),
        };
        let mut refunds = self.world.shop.refunds.clone();
        refunds.reverse_refund_decision(reverse).await.unwrap();

        let short = self.ask_refund(&id, v1::RefundReason::Late).await;
        assert_eq!(short.state(), v1::RefundState::AwaitingFunds);
        let request_id = self.world.request_id("give-up");
        let given_up = v1::CancelRefundRequest { request_id, refund_id: short.refund_id };
        refunds.cancel_refund(given_up).await.unwrap();
    }

    /// A rail is told what the payer pays, and never what it costs or that something is off.
    pub async fn prices_stay(&self) {
        for rail in RAILS {
            let wire = self.wire(rail);
            let has = |fen: i64| {
                let yuan = format!("{}.{:02}", fen / 100, fen % 100);
                wire.contains(&fen.to_string()) || wire.contains(&yuan)
            };
            assert!(has(PRICE - GIFT), "{rail} is told what is to be paid");
            assert!(!has(PRICE), "{rail} is told the price");
        }
    }

    async fn transfer(&self, from: &v1::Fund, to: &v1::Fund, fen: i64) {
        let request = v1::TransferFundsRequest {
            request_id: self.world.request_id("funds"),
            from: Some(from.clone()),
            to: Some(to.clone()),
            amount: Some(money(fen)),
        };
        self.world.shop.funds.clone().transfer_funds(request).await.unwrap();
    }
}

fn fund(kind: v1::FundKind) -> v1::Fund {
    v1::Fund { kind: kind.into(), ..Default::default() }
}

fn budget() -> v1::Fund {
    v1::Fund { discount_id: canary(Field::DiscountDiscountId), ..fund(v1::FundKind::Budget) }
}
