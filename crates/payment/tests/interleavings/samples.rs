//! The intent, its attempts and its refunds as the search opens them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::attempt::{self, ABSENCE_MARGIN, PATIENCE};
use paifang_payment::intent::{self, Namer};
use paifang_payment::refund::{self, Purpose};
use paifang_payment::{
    AccountId, AttemptId, Credit, Evidence, IntentId, NextAction, OrderNo, RailName, RailRef, Reason,
    RefundId, Refusal, RequestId, Settled, Source, TenantId, WalletName,
};

use crate::rail::Rail;

/// When the intent and its attempts expire, in seconds from the start.
pub const EXPIRY_S: i64 = 900;
/// A payer's code has been undecided for too long.
pub const IMPATIENT_S: i64 = PATIENCE.as_secs();
/// "No such order" is final.
pub const OVER_S: i64 = EXPIRY_S + ABSENCE_MARGIN.as_secs();

pub fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-11-21T04:00:00Z".parse().expect("a literal");
    start + SignedDuration::from_secs(seconds)
}

fn amount() -> PositiveMoney {
    PositiveMoney::new(10_000, Currency::CNY).expect("a literal")
}

fn number(text: &str) -> OrderNo {
    OrderNo::parse(text).expect("letters and digits")
}

fn attempt_id(n: u8) -> AttemptId {
    AttemptId::from_parts(at(0), [n; 10])
}

pub fn intent_terms() -> intent::Terms {
    intent::Terms {
        id: IntentId::from_parts(at(0), [0; 10]),
        tenant: TenantId::from_parts(at(0), [0; 10]),
        request_id: RequestId::parse("create").expect("a literal"),
        amount: amount(),
        capture: intent::CaptureMode::Automatic,
        description: String::new(),
        metadata: BTreeMap::new(),
        created_at: at(0),
        expires_at: at(EXPIRY_S),
    }
}

/// The `n`th choice of the storefront, of this rail; the rail's index is its name.
pub fn choice(n: u8, index: u8, rail: &Rail) -> attempt::Terms {
    attempt::Terms {
        id: attempt_id(16 * (n + 1)),
        request_id: RequestId::parse(&format!("confirm-{n}")).expect("a literal"),
        n: 0,
        repeats: None,
        rail: RailName::parse(&index.to_string()).expect("a digit"),
        account: AccountId::parse("account").expect("a literal"),
        wallet: WalletName::parse("wallet").expect("a literal"),
        presentation: rail.presentation,
        order_no: number(&format!("ORDER00{n}")),
        reversal_no: number(&format!("REVERSE{n}")),
        amount: amount(),
        opened_at: at(0),
        expires_at: at(EXPIRY_S),
        nonce: String::new(),
        return_url: None,
        rules: rail.rules,
        hold: None,
        credit: Credit::Allowed,
        division: None,
    }
}

/// Names repeats after what they repeat.
pub struct Names;

impl Namer for Names {
    fn repeat(&self, of: &attempt::Terms, _now: Timestamp) -> attempt::Terms {
        let digit = of.request_id.as_str().bytes().last().map_or(0, |byte| byte - b'0');
        let n = u8::try_from(of.n + 1).expect("two repeats at most");
        attempt::Terms {
            id: attempt_id(16 * (digit + 1) + n),
            n: of.n + 1,
            repeats: Some(of.id),
            order_no: number(&format!("{}R{n}", of.order_no)),
            ..of.clone()
        }
    }

    fn capture_again(&self, of: &attempt::Terms, n: u32) -> OrderNo {
        number(&format!("{}C{n}", of.order_no))
    }
}

/// The refund of late money. All are alike; which order one belongs to is known by its place.
pub fn late_refund(opened_at: Timestamp) -> refund::Step {
    let terms = refund::Terms {
        id: RefundId::from_parts(at(0), [0; 10]),
        tenant: TenantId::from_parts(at(0), [0; 10]),
        intent: IntentId::from_parts(at(0), [0; 10]),
        attempt: attempt_id(0),
        request_id: RequestId::parse("refund").expect("a literal"),
        purpose: Purpose::LateMoney,
        rail: RailName::parse("rail").expect("a literal"),
        account: AccountId::parse("account").expect("a literal"),
        refund_no: number("REFUND00"),
        amount: amount(),
        reason: None,
        opened_at,
        resend_until: at(100 * OVER_S),
        nonce: String::new(),
        paced: false,
        bearing: None,
        granted_by: None,
        case: None,
    };
    refund::Refund::open(terms, Evidence::plain(Source::Rule, "refund.late_money"))
}

pub fn settled(slot: u8) -> Settled {
    let rail_ref = RailRef::parse(&format!("T{slot}")).expect("visible");
    Settled { amount: amount(), rail_ref: Some(rail_ref), settled_at: None }
}

pub fn returned() -> PositiveMoney {
    amount()
}

pub fn refusal(basis: paifang_payment::Basis) -> Refusal {
    let reason = Reason::parse("payer_declined").expect("a literal");
    Refusal { reason, rail_code: "NO".into(), rail_message: String::new(), basis }
}

pub fn next_action() -> NextAction {
    NextAction::ShowQr { content: "qr".into(), expires_at: at(EXPIRY_S) }
}
