//! The calls that the corpus's replies answer, and the machines that hear of them.

use jiff::{SignedDuration, Timestamp};
use paifang_hostile::scene::{OPENED_BEFORE_S, ORDER_FEN, OTHER_NO, REFUND_FEN, now, orders};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::attempt::{self, Attempt, Capturing, Held, HoldTerms, Operation, Phase, Rules, State};
use paifang_payment::{
    AccountId, AttemptId, Credit, IntentId, OrderNo, Presentation, RailName, RailRef, RefundId, RequestId,
    Settled, TenantId, WalletName, refund,
};
use paifang_rail::{Call, CaptureOrder, Charge, Order, OrderKind, PayerCode, RefundOrder, Reversal};

/// Every call of one rail.
pub struct Calls {
    charge: Charge,
    code: Charge,
    reversal: Reversal,
    refund: RefundOrder,
    capture: CaptureOrder,
    captured: Order,
}

/// The names that the corpus gives to calls.
pub const NAMES: [&str; 11] = [
    "charge",
    "charge_code",
    "query",
    "close",
    "reverse",
    "query_reverse",
    "refund",
    "query_refund",
    "capture",
    "query_capture",
    "query_captured",
];

impl Calls {
    /// The calls of this rail, about the scene's orders.
    ///
    /// # Panics
    /// Never: every number here is a literal that is read.
    pub fn of(rail: &str) -> Self {
        let known = orders(rail);
        let shown = order(known.charge, Presentation::QrShown, OrderKind::Payment);
        let scanned = order(known.charge, Presentation::PayerCode, OrderKind::Payment);
        let paid = order(known.paid, Presentation::QrShown, OrderKind::Payment);
        let hold = order(known.hold.unwrap_or(known.charge), Presentation::QrShown, OrderKind::Hold);
        Self {
            charge: charge(shown, None),
            code: charge(scanned.clone(), PayerCode::parse("281234567890123456").ok()),
            reversal: Reversal { order: scanned, reversal_no: number(OTHER_NO), opened_at: opened() },
            refund: RefundOrder {
                order: paid,
                refund_no: number(known.refund),
                amount: fen(REFUND_FEN),
                reason: Default::default(),
                opened_at: opened(),
            },
            capture: CaptureOrder {
                hold,
                capture_no: number(OTHER_NO),
                amount: fen(ORDER_FEN),
                description: "tea".into(),
                opened_at: opened(),
            },
            captured: order(OTHER_NO, Presentation::QrShown, OrderKind::Capture),
        }
    }

    /// The call of this name; a query of the order for a name that is not in [`NAMES`].
    pub fn named(&self, name: &str) -> Call<'_> {
        match name {
            "charge" => Call::Charge(&self.charge),
            "charge_code" => Call::Charge(&self.code),
            "close" => Call::Close(&self.charge.order),
            "reverse" => Call::Reverse(&self.reversal),
            "query_reverse" => Call::QueryReverse(&self.reversal),
            "refund" => Call::Refund(&self.refund),
            "query_refund" => Call::QueryRefund(&self.refund),
            "capture" => Call::Capture(&self.capture),
            "query_capture" => Call::QueryCapture(&self.capture),
            "query_captured" => Call::Query(&self.captured),
            _ => Call::Query(&self.charge.order),
        }
    }

    /// The order as an attempt that waits for its payer.
    pub fn attempt_terms(&self) -> attempt::Terms {
        let order = &self.charge.order;
        attempt::Terms {
            id: AttemptId::from_parts(now(), [1; 10]),
            request_id: request(),
            n: 0,
            repeats: None,
            rail: RailName::parse("rail").expect("a literal"),
            account: AccountId::parse("rail-main").expect("a literal"),
            wallet: WalletName::parse("wallet").expect("a literal"),
            presentation: order.presentation,
            order_no: order.order_no.clone(),
            reversal_no: number(OTHER_NO),
            amount: order.amount,
            opened_at: order.opened_at,
            expires_at: order.expires_at,
            nonce: "0".repeat(32),
            return_url: None,
            rules: Rules { resendable: true, closable: true, reversible: true, reversible_unknown: false },
            hold: None,
            credit: Credit::Allowed,
            division: None,
        }
    }

    /// A hold whose capture was sent.
    pub fn capturing(&self) -> Attempt {
        let (capture_no, release_no) = (number(OTHER_NO), number("RELEASE1"));
        let hold =
            HoldTerms { capture_no: capture_no.clone(), release_no, days: 7, partial: true, resend_s: 600 };
        let settled = Settled {
            amount: fen(ORDER_FEN),
            rail_ref: RailRef::parse("HELD1").ok(),
            settled_at: Some(opened()),
        };
        let held = Held { settled, since: opened(), captures: 0, last_failure: None };
        let phase = Phase::Sending { doubted: false };
        let operation = Operation {
            number: capture_no,
            opened_at: opened(),
            sends: 1,
            doubted: false,
            sent_at: None,
            phase,
        };
        let state = State::Capturing(Capturing { held, amount: self.capture.amount, operation });
        Attempt { state, ..Attempt::open(attempt::Terms { hold: Some(hold), ..self.attempt_terms() }) }
    }

    /// The refund, as it was opened.
    pub fn refund_terms(&self) -> refund::Terms {
        refund::Terms {
            id: RefundId::from_parts(now(), [1; 10]),
            tenant: TenantId::from_parts(now(), [1; 10]),
            intent: IntentId::from_parts(now(), [1; 10]),
            attempt: AttemptId::from_parts(now(), [1; 10]),
            request_id: request(),
            purpose: refund::Purpose::Requested,
            rail: RailName::parse("rail").expect("a literal"),
            account: AccountId::parse("rail-main").expect("a literal"),
            refund_no: self.refund.refund_no.clone(),
            amount: self.refund.amount,
            reason: Default::default(),
            opened_at: self.refund.opened_at,
            resend_until: now(),
            nonce: "0".repeat(32),
            paced: false,
            bearing: None,
            granted_by: None,
            case: None,
        }
    }
}

fn request() -> RequestId {
    RequestId::parse("request-1").expect("a literal")
}

fn number(text: &str) -> OrderNo {
    OrderNo::parse(text).expect("a number of the scene")
}

fn fen(amount: i64) -> PositiveMoney {
    PositiveMoney::new(amount, Currency::CNY).expect("more than nothing")
}

fn opened() -> Timestamp {
    now() - SignedDuration::from_secs(OPENED_BEFORE_S)
}

fn order(order_no: &str, presentation: Presentation, kind: OrderKind) -> Order {
    Order {
        kind,
        order_no: number(order_no),
        amount: fen(ORDER_FEN),
        presentation,
        rail_ref: RailRef::parse("042603011158006789018").ok(),
        opened_at: opened(),
        expires_at: now() + SignedDuration::from_mins(15),
    }
}

fn charge(order: Order, payer_code: Option<PayerCode>) -> Charge {
    Charge {
        order,
        description: "tea".into(),
        wallet: WalletName::parse("wallet").expect("a literal"),
        credit: Credit::Allowed,
        payer: Default::default(),
        payer_code: payer_code.into(),
        client_ip: Default::default(),
        payer_alias: Default::default(),
    }
}
