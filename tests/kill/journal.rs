//! What the gateway has acknowledged, kept by the other side: the harness. None of it may ever be lost (I3).

use std::collections::BTreeMap;
use std::sync::Mutex;

use paifang_proto::v1;
use v1::PaymentIntentState as State;

/// A request that was acknowledged, to be repeated word by word.
#[derive(Debug, Clone)]
pub enum Asked {
    Create(v1::CreatePaymentIntentRequest),
    Confirm(v1::ConfirmPaymentIntentRequest),
    Capture(v1::CapturePaymentIntentRequest),
    Cancel(v1::CancelPaymentIntentRequest),
    Refund(v1::CreateRefundRequest),
    CancelRefund(v1::CancelRefundRequest),
    Reverse(v1::ReverseRefundDecisionRequest),
    Complain(v1::ReportComplaintRequest),
    Draft(v1::DraftPolicyRequest),
    Announce(v1::AnnouncePolicyRequest),
    Reopen(v1::ReopenOpeningRequest),
    Transfer(v1::TransferFundsRequest),
    CreateBulk(v1::CreateBulkRefundRequest),
    AddEntries(v1::AddBulkRefundEntriesRequest),
    StartBulk(v1::StartBulkRefundRequest),
}

/// What came of it.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "a few hundred of them live at once")]
pub enum Resource {
    Intent(v1::PaymentIntent),
    Refund(v1::Refund),
    /// A transfer of funds, by its id.
    Funds(String),
    /// A bulk refund, by its id.
    Bulk(String),
    /// The storefront's rules.
    Rules,
}

impl Resource {
    /// Its id; the rules have none.
    pub fn id(&self) -> &str {
        match self {
            Self::Intent(intent) => &intent.payment_intent_id,
            Self::Refund(refund) => &refund.refund_id,
            Self::Funds(id) | Self::Bulk(id) => id,
            Self::Rules => "rules",
        }
    }
}

/// How far something had come when it was last acknowledged or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    version: u64,
    ended: Option<i32>,
    captured: i64,
    refunded: i64,
}

/// The harness's own book.
#[derive(Default)]
pub struct Journal {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    acks: Vec<(Asked, String)>,
    progress: BTreeMap<String, Progress>,
    broken: Vec<String>,
}

impl Journal {
    /// An acknowledgement arrived.
    pub fn acked(&self, asked: Asked, resource: &Resource) {
        self.saw(resource);
        let id = resource.id().to_owned();
        self.inner.lock().expect("no panic holds it").acks.push((asked, id));
    }

    /// A state was read: from now on nothing less may be read.
    pub fn saw(&self, resource: &Resource) {
        let now = match resource {
            Resource::Intent(intent) => of_intent(intent),
            Resource::Refund(refund) => of_refund(refund),
            // Nothing of them moves, or it is looked at elsewhere.
            Resource::Funds(_) | Resource::Bulk(_) | Resource::Rules => return,
        };
        let mut inner = self.inner.lock().expect("no panic holds it");
        let before = inner.progress.insert(resource.id().to_owned(), now);
        let fell = before.is_some_and(|before| {
            now.version < before.version
                || now.captured < before.captured
                || now.refunded < before.refunded
                || (before.ended.is_some() && before.ended != now.ended)
        });
        if fell {
            inner.broken.push(format!("{} fell from {before:?} to {now:?}", resource.id()));
        }
    }

    /// The rules that were broken so far.
    pub fn broken(&self) -> Vec<String> {
        self.inner.lock().expect("no panic holds it").broken.clone()
    }

    /// The acknowledgements from that one on.
    pub fn acks_from(&self, first: usize) -> Vec<(Asked, String)> {
        self.inner.lock().expect("no panic holds it").acks[first..].to_vec()
    }

    /// How many acknowledgements there are.
    pub fn count(&self) -> usize {
        self.inner.lock().expect("no panic holds it").acks.len()
    }

    /// Every intent and refund that was acknowledged or read.
    pub fn ids(&self) -> Vec<String> {
        self.inner.lock().expect("no panic holds it").progress.keys().cloned().collect()
    }
}

fn of_intent(intent: &v1::PaymentIntent) -> Progress {
    let ended = match intent.state() {
        State::Succeeded | State::Canceled | State::Expired | State::Failed => Some(intent.state),
        State::RequiresWallet
        | State::AwaitingPayer
        | State::Processing
        | State::Authorized
        | State::Unspecified => None,
    };
    Progress {
        version: version(&intent.etag),
        ended,
        captured: fen(intent.amount_captured.as_ref()),
        refunded: fen(intent.amount_refunded.as_ref()),
    }
}

fn of_refund(refund: &v1::Refund) -> Progress {
    let ended = match refund.state() {
        v1::RefundState::Succeeded | v1::RefundState::Failed => Some(refund.state),
        v1::RefundState::Sending
        | v1::RefundState::Processing
        | v1::RefundState::InDoubt
        | v1::RefundState::AwaitingFunds
        | v1::RefundState::Unspecified => None,
    };
    Progress { version: version(&refund.etag), ended, captured: 0, refunded: 0 }
}

/// An etag begins with the version of its row, which only grows.
fn version(etag: &str) -> u64 {
    let digits = etag.split('-').next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("an etag without a version: {etag}"))
}

/// An amount; none is nothing.
pub fn fen(money: Option<&v1::Money>) -> i64 {
    money.map_or(0, |money| money.minor_units)
}
