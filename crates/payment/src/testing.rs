//! Samples that the tests of all machines share.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use paifang_money::{Currency, PositiveMoney};

use crate::attempt::{self, Rules};
use crate::intent::{self, Namer};
use crate::{
    AccountId, AttemptId, Basis, CloseProof, Credit, Doubt, Evidence, IntentId, News, NextAction, NotSent,
    Observation, OrderNo, Outcome, Pending, Presentation, RailName, RailRef, Reason, Refusal, RequestId,
    Settled, Source, TenantId, Verb, WalletName,
};

pub fn start() -> Timestamp {
    "2026-11-21T04:00:00Z".parse().unwrap()
}

pub fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

pub fn yuan(fen: i64) -> PositiveMoney {
    PositiveMoney::new(fen, Currency::CNY).unwrap()
}

pub const ALL: Rules =
    Rules { resendable: true, closable: true, reversible: true, reversible_unknown: false };
pub const NOTHING: Rules =
    Rules { resendable: false, closable: false, reversible: false, reversible_unknown: false };
pub const CLOSABLE: Rules =
    Rules { resendable: false, closable: true, reversible: false, reversible_unknown: false };

pub fn attempt_terms(n: u8, presentation: Presentation, rules: Rules) -> attempt::Terms {
    attempt::Terms {
        id: AttemptId::from_parts(start(), [n; 10]),
        request_id: RequestId::parse(&format!("request-{n}")).unwrap(),
        n: 0,
        repeats: None,
        rail: RailName::parse("rail").unwrap(),
        account: AccountId::parse("account").unwrap(),
        wallet: WalletName::parse("wallet").unwrap(),
        presentation,
        order_no: OrderNo::parse(&format!("ORDER{n:03}")).unwrap(),
        reversal_no: OrderNo::parse(&format!("REVERSE{n:03}")).unwrap(),
        amount: yuan(10_000),
        opened_at: start(),
        expires_at: after(900),
        nonce: "0".repeat(32),
        return_url: None,
        rules,
        hold: None,
        credit: Credit::Allowed,
        division: None,
    }
}

/// The same attempt as a hold of seven days.
pub fn hold_terms(n: u8, presentation: Presentation, rules: Rules) -> attempt::Terms {
    let number = |word: &str| OrderNo::parse(&format!("{word}{n:03}")).unwrap();
    let (capture_no, release_no) = (number("CAPTURE"), number("RELEASE"));
    let hold = attempt::HoldTerms { capture_no, release_no, days: 7, partial: true, resend_s: 3600 };
    attempt::Terms { hold: Some(hold), ..attempt_terms(n, presentation, rules) }
}

pub fn intent_terms() -> intent::Terms {
    intent::Terms {
        id: IntentId::from_parts(start(), [0; 10]),
        tenant: TenantId::from_parts(start(), [0; 10]),
        request_id: RequestId::parse("create-1").unwrap(),
        amount: yuan(10_000),
        capture: intent::CaptureMode::Automatic,
        description: "tea".into(),
        metadata: BTreeMap::new(),
        created_at: start(),
        expires_at: after(900),
    }
}

/// Numbers repeats after what they repeat.
pub struct Counting;

impl Namer for Counting {
    fn repeat(&self, of: &attempt::Terms, _now: Timestamp) -> attempt::Terms {
        let text = format!("{}R{}", of.order_no, of.n + 1);
        let mut entropy = [9; 10];
        entropy[0] = u8::try_from(text.bytes().map(u32::from).sum::<u32>() % 251).unwrap();
        entropy[1] = u8::try_from(of.n).unwrap();
        attempt::Terms {
            id: AttemptId::from_parts(start(), entropy),
            n: of.n + 1,
            repeats: Some(of.id),
            order_no: OrderNo::parse(&text).unwrap(),
            hold: of.hold.clone().map(|hold| attempt::HoldTerms {
                capture_no: OrderNo::parse(&format!("{text}C")).unwrap(),
                release_no: OrderNo::parse(&format!("{text}D")).unwrap(),
                ..hold
            }),
            ..of.clone()
        }
    }

    fn capture_again(&self, of: &attempt::Terms, n: u32) -> OrderNo {
        OrderNo::parse(&format!("{}C{n}", of.order_no)).unwrap()
    }
}

pub fn seen(verb: Verb, news: News) -> Observation {
    Observation { verb, news, attention: None, evidence: Evidence::plain(Source::Reply, "test") }
}

pub fn settled(fen: i64) -> Settled {
    Settled { amount: yuan(fen), rail_ref: Some(RailRef::parse("T1").unwrap()), settled_at: Some(start()) }
}

pub fn paid() -> News {
    News::Outcome(Outcome::Paid(settled(10_000)))
}

pub fn refunded(fen: i64) -> News {
    News::Outcome(Outcome::Refunded(settled(fen)))
}

pub fn closed() -> News {
    News::Outcome(Outcome::Closed(CloseProof { returned: None, rail_ref: None }))
}

pub fn shown() -> News {
    let next_action = Some(NextAction::ShowQr { content: "qr".into(), expires_at: after(900) });
    News::Outcome(Outcome::Pending(Pending { next_action, rail_ref: None }))
}

pub fn unpaid() -> News {
    News::Outcome(Outcome::Pending(Pending { next_action: None, rail_ref: None }))
}

pub fn unpaid_with_ref() -> News {
    let rail_ref = Some(RailRef::parse("T1").unwrap());
    News::Outcome(Outcome::Pending(Pending { next_action: None, rail_ref }))
}

pub fn refused(basis: Basis) -> News {
    let reason = Reason::parse("insufficient_funds").unwrap();
    let refusal = Refusal { reason, rail_code: "NO".into(), rail_message: "no".into(), basis };
    News::Outcome(Outcome::Refused(refusal))
}

pub fn unknown() -> News {
    News::Outcome(Outcome::Unknown(Doubt::TimedOut))
}

pub fn not_sent() -> News {
    News::Outcome(Outcome::NotSent(NotSent::NotConnected))
}
