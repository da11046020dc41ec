//! One order and the trade it becomes: its states, and who may be charged when.
//!
//! An order that was only announced (precreate, page pay) has no trade until the payer comes: query and close do not
//! know it. Every way to charge goes through [`Order::pay`], which takes a trade's money at most once.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::channels::Funds;
use super::material::Account;
use super::notify::Event;
use super::wire::Charset;

/// From payment on; afterwards the trade is finished. Twelve months in current documentation.
const REFUND_WINDOW: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The state of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    WaitBuyerPay,
    Success,
    Closed,
    Finished,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::WaitBuyerPay => "WAIT_BUYER_PAY",
            Self::Success => "TRADE_SUCCESS",
            Self::Closed => "TRADE_CLOSED",
            Self::Finished => "TRADE_FINISHED",
        }
    }
}

/// How the payer gets to the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Product {
    /// Scans a code that the merchant shows.
    Precreate,
    /// A browser on a desktop.
    Page,
    /// A browser on a phone.
    Wap,
    /// Shows a code that the merchant scans.
    Code,
    /// A front end inside the wallet, which gets the trade number.
    Create,
    /// The wallet, called by the merchant's app with an order string.
    App,
    /// Nothing: the money was set aside before (pre-authorisation).
    Hold,
}

/// What a cancel did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum CancelAction {
    Close,
    Refund,
}

impl CancelAction {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Refund => "refund",
        }
    }
}

/// A payer who thinks about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) due: Timestamp,
    /// What comes of it: paid, or closed.
    pub(super) pays: bool,
}

/// A notice that was made: its number stays the same when it is made again after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) event: Event,
    pub(super) notify_id: String,
}

/// What the merchant asked for, and the trade once there is one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) out_trade_no: String,
    /// When the merchant asked for it first.
    pub(super) announced: Timestamp,
    pub(super) product: Product,
    /// All members of the request that made it.
    pub(super) members: Value,
    pub(super) subject: String,
    pub(super) body: Option<String>,
    pub(super) passback_params: Option<String>,
    pub(super) total_fen: i64,
    pub(super) notify_url: Option<String>,
    pub(super) return_url: Option<String>,
    pub(super) charset: Charset,
    /// Who is to pay, when the merchant said so.
    pub(super) buyer_id: Option<String>,
    pub(super) store_id: Option<String>,
    pub(super) terminal_id: Option<String>,
    pub(super) operator_id: Option<String>,
    pub(super) funds: Funds,
    /// The pre-authorisation it is paid out of.
    pub(super) auth_no: Option<String>,
    /// The text of the QR code, or the address of the cashier.
    pub(super) entrance: Option<String>,
    /// When the order ends unpaid.
    pub(super) expires: Timestamp,
    /// Until when the entrance leads anywhere.
    pub(super) entrance_until: Timestamp,
    /// Cancelled before any trade existed: must never become payable.
    pub(super) cancelled: bool,
    pub(super) pending: Option<Pending>,
    pub(super) trade: Option<Trade>,
    pub(super) told: Vec<Told>,
}

/// A trade.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Trade {
    pub(super) trade_no: String,
    pub(super) status: Status,
    pub(super) created: Timestamp,
    pub(super) paid: Option<Timestamp>,
    pub(super) closed: Option<Timestamp>,
    /// How often money was taken: 0 or 1.
    pub(super) charges: u32,
    pub(super) refunds: Vec<Refund>,
    /// What a cancel did, which a repeated cancel tells again.
    pub(super) cancel_action: Option<CancelAction>,
    /// The money that was taken once more (F05).
    #[serde(default)]
    pub(super) again: Option<Again>,
}

/// A second payment of one order, as the rail's own mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Again {
    pub(super) trade_no: String,
    pub(super) at: Timestamp,
}

/// A refund that was taken on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Refund {
    pub(super) out_request_no: String,
    pub(super) fen: i64,
    /// When the money moved, or will.
    pub(super) at: Timestamp,
    pub(super) state: RefundState,
    pub(super) reason: Option<String>,
}

/// How a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum RefundState {
    Done,
    /// The money moves at its time; until then it is set aside from what is left.
    Processing {
        /// Whether it comes to nothing then.
        fails: bool,
    },
    Failed,
}

impl RefundState {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Done => "REFUND_SUCCESS",
            Self::Processing { .. } => "REFUND_PROCESSING",
            Self::Failed => "REFUND_FAIL",
        }
    }
}

/// The order cannot do this; its state in the rail's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotNow(pub(super) &'static str);

impl Trade {
    /// Ends it unpaid.
    pub(super) fn close(&mut self, at: Timestamp) {
        self.status = Status::Closed;
        self.closed = Some(at);
    }

    /// The rail's numbers that lead to it.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.trade_no).chain(self.again.iter().map(|again| &again.trade_no))
    }

    fn sum(&self, counts: impl Fn(RefundState) -> bool) -> i64 {
        self.refunds.iter().filter(|refund| counts(refund.state)).map(|refund| refund.fen).sum()
    }

    /// What has gone back.
    pub(super) fn refunded_fen(&self) -> i64 {
        self.sum(|state| state == RefundState::Done)
    }

    /// What has gone back or is on its way.
    pub(super) fn reserved_fen(&self) -> i64 {
        self.sum(|state| state != RefundState::Failed)
    }

    /// Takes a refund on, and closes the trade when nothing is left of it. The caller has checked the amount.
    pub(super) fn refund(&mut self, refund: Refund, total_fen: i64) {
        let at = refund.at;
        self.refunds.push(refund);
        self.close_if_empty(total_fen, at);
    }

    pub(super) fn close_if_empty(&mut self, total_fen: i64, at: Timestamp) {
        if self.refunded_fen() >= total_fen {
            self.close(at);
        }
    }
}

impl Order {
    /// Who pays: the one the merchant named, or the payer of this world.
    pub(super) fn buyer_id<'a>(&'a self, account: &'a Account) -> &'a str {
        self.buyer_id.as_deref().unwrap_or(&account.buyer_id)
    }

    /// Lets time do what it does: an unpaid trade ends at the order's expiry, a paid one after the refund window.
    pub(super) fn touch(&mut self, now: Timestamp) {
        let expires = self.expires;
        let Some(trade) = &mut self.trade else { return };
        match (trade.status, trade.paid) {
            (Status::WaitBuyerPay, _) if now >= expires => {
                trade.close(expires);
            }
            (Status::Success, Some(paid)) if now.duration_since(paid) >= REFUND_WINDOW => {
                trade.status = Status::Finished;
            }
            (Status::WaitBuyerPay | Status::Success | Status::Closed | Status::Finished, _) => {}
        }
    }

    /// The rail's word for its state; `NOT_SCANNED`, `CODE_EXPIRED` and `CANCELLED` are the mock's, as no trade exists.
    pub(super) fn word(&self, now: Timestamp) -> &'static str {
        match &self.trade {
            Some(trade) => trade.status.word(),
            None if self.cancelled => "CANCELLED",
            None if now >= self.entrance_until => "CODE_EXPIRED",
            None => "NOT_SCANNED",
        }
    }

    /// The payer comes: the trade exists from now on.
    pub(super) fn open(&mut self, trade_no: impl FnOnce() -> String, now: Timestamp) -> Result<(), NotNow> {
        self.touch(now);
        if self.trade.is_some() {
            return Ok(());
        }
        if self.cancelled || now >= self.entrance_until {
            return Err(NotNow(self.word(now)));
        }
        self.trade = Some(Trade::waiting(trade_no(), now));
        Ok(())
    }

    /// Takes the payer's money. With `force` also from an order that is closed, expired or cancelled (the payer's bank
    /// was slow), but never twice.
    pub(super) fn pay(
        &mut self,
        trade_no: impl FnOnce() -> String,
        force: bool,
        now: Timestamp,
    ) -> Result<(), NotNow> {
        self.touch(now);
        let word = self.word(now);
        let open = now < self.entrance_until && !self.cancelled;
        let trade = match &mut self.trade {
            Some(trade) => trade,
            slot @ None if force || open => slot.insert(Trade::waiting(trade_no(), now)),
            None => return Err(NotNow(word)),
        };
        let payable = trade.status == Status::WaitBuyerPay || (trade.status == Status::Closed && force);
        if !payable || trade.charges > 0 {
            return Err(NotNow(word));
        }
        trade.status = Status::Success;
        trade.charges += 1;
        trade.paid = Some(now);
        trade.closed = None;
        Ok(())
    }

    /// Takes the payer's money once more (F05): once, of what was paid, and not out of a hold.
    pub(super) fn pay_again(
        &mut self,
        trade_no: impl FnOnce() -> String,
        now: Timestamp,
    ) -> Result<Again, NotNow> {
        let word = self.word(now);
        let free = self.auth_no.is_none();
        let trade = self.trade.as_mut().filter(|trade| free && trade.paid.is_some() && trade.again.is_none());
        let trade = trade.ok_or(NotNow(word))?;
        let again = Again { trade_no: trade_no(), at: now };
        trade.again = Some(again.clone());
        Ok(again)
    }
}

impl Trade {
    fn waiting(trade_no: String, now: Timestamp) -> Self {
        Self {
            trade_no,
            status: Status::WaitBuyerPay,
            created: now,
            paid: None,
            closed: None,
            charges: 0,
            refunds: Vec::new(),
            cancel_action: None,
            again: None,
        }
    }

    /// The second payment, as if it were the only one.
    pub(super) fn paid_again(again: &Again) -> Self {
        let paid = Self::waiting(again.trade_no.clone(), again.at);
        Self { status: Status::Success, paid: Some(again.at), charges: 1, ..paid }
    }
}
