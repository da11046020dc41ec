//! The book of pre-authorisations: money set aside, then paid out of or set free.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::{Sub, acq};
use super::biz::Biz;
use super::material::Account;
use super::numbers::Numbers;
use super::trades::{NotNow, ORDERS_MAX, Pending};
use super::wire::Charset;

/// What happened to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Event {
    Frozen,
    Unfrozen { operation_id: String },
}

/// A notice that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) event: Event,
    pub(super) notify_id: String,
}

/// The state of a pre-authorisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    Init,
    Authorized,
    Finish,
    Closed,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Init => "INIT",
            Self::Authorized => "AUTHORIZED",
            Self::Finish => "FINISH",
            Self::Closed => "CLOSED",
        }
    }
}

/// What a movement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Freeze,
    Unfreeze,
    Pay,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Freeze => "FREEZE",
            Self::Unfreeze => "UNFREEZE",
            Self::Pay => "PAY",
        }
    }
}

/// One movement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Operation {
    pub(super) operation_id: String,
    pub(super) out_request_no: String,
    pub(super) kind: Kind,
    pub(super) fen: i64,
    pub(super) created: Timestamp,
    pub(super) remark: Option<String>,
    /// Where its notice goes.
    pub(super) notify_url: Option<String>,
}

/// One pre-authorisation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hold {
    pub(super) auth_no: String,
    pub(super) out_order_no: String,
    pub(super) product_code: String,
    pub(super) title: String,
    pub(super) extra_param: Option<String>,
    /// All members of the request that made it, without the payer's code.
    pub(super) members: Value,
    pub(super) fen: i64,
    pub(super) charset: Charset,
    /// The text of the QR code.
    pub(super) entrance: Option<String>,
    pub(super) expires: Timestamp,
    pub(super) status: Status,
    /// Whether the payer has come: before, nobody knows of it.
    pub(super) opened: bool,
    pub(super) frozen: Option<Timestamp>,
    pub(super) pending: Option<Pending>,
    /// The freeze is the first.
    pub(super) operations: Vec<Operation>,
    pub(super) told: Vec<Told>,
}

impl Hold {
    fn sum(&self, kind: Kind) -> i64 {
        self.operations.iter().filter(|operation| operation.kind == kind).map(|operation| operation.fen).sum()
    }

    pub(super) fn captured_fen(&self) -> i64 {
        self.sum(Kind::Pay)
    }

    pub(super) fn released_fen(&self) -> i64 {
        self.sum(Kind::Unfreeze)
    }

    /// What was ever set aside.
    pub(super) fn held_fen(&self) -> i64 {
        if self.frozen.is_some() { self.fen } else { 0 }
    }

    /// What is still set aside.
    pub(super) fn rest_fen(&self) -> i64 {
        self.held_fen() - self.captured_fen() - self.released_fen()
    }

    /// What a movement came to, in the rail's word.
    pub(super) fn outcome(&self, operation: &Operation) -> &'static str {
        match (operation.kind, self.frozen, self.status) {
            (Kind::Freeze, None, Status::Closed) => "CLOSED",
            (Kind::Freeze, None, Status::Init | Status::Authorized | Status::Finish) => "INIT",
            (Kind::Freeze, Some(_), _) | (Kind::Unfreeze | Kind::Pay, _, _) => "SUCCESS",
        }
    }

    /// `NOT_SCANNED` and `CODE_EXPIRED` are the mock's words: nobody has come.
    pub(super) fn word(&self) -> &'static str {
        match (self.opened, self.status) {
            (false, Status::Init) => "NOT_SCANNED",
            (false, Status::Closed) => "CODE_EXPIRED",
            (_, status) => status.word(),
        }
    }

    /// Sets money free; the caller has checked the amount.
    pub(super) fn release(&mut self, operation: Operation) {
        self.operations.push(operation);
        if self.rest_fen() == 0 {
            self.status = Status::Finish;
        }
    }

    /// The payer was asked and refuses.
    pub(super) fn refuse(&mut self) {
        self.pending = None;
        if self.status == Status::Init {
            self.status = Status::Closed;
        }
    }

    fn touch(&mut self, now: Timestamp) {
        if self.status == Status::Init && now >= self.expires {
            self.status = Status::Closed;
        }
    }

    /// Sets the payer's money aside; with `force` also after its time.
    fn freeze(&mut self, force: bool, now: Timestamp) -> Result<(), NotNow> {
        self.touch(now);
        let late = force && self.status == Status::Closed && self.frozen.is_none();
        if self.status != Status::Init && !late {
            return Err(NotNow(self.word()));
        }
        self.status = Status::Authorized;
        (self.opened, self.frozen, self.pending) = (true, Some(now), None);
        Ok(())
    }
}

/// All pre-authorisations.
#[derive(Debug, Default)]
pub(super) struct Holds {
    all: Vec<Hold>,
    by_order: HashMap<String, usize>,
    by_auth: HashMap<String, usize>,
    by_entrance: HashMap<String, usize>,
    thinking: BTreeSet<(Timestamp, String)>,
}

impl Holds {
    pub(super) fn load(all: Vec<Hold>) -> Self {
        let mut holds = Self::default();
        for hold in all {
            if let Some(pending) = hold.pending {
                holds.thinking.insert((pending.due, hold.out_order_no.clone()));
            }
            holds.put(hold);
        }
        holds
    }

    pub(super) fn all(&self) -> &[Hold] {
        &self.all
    }

    pub(super) fn is_full(&self) -> bool {
        self.all.len() >= ORDERS_MAX
    }

    pub(super) fn put(&mut self, hold: Hold) {
        let at = self.all.len();
        self.by_order.insert(hold.out_order_no.clone(), at);
        self.by_auth.insert(hold.auth_no.clone(), at);
        if let Some(entrance) = &hold.entrance {
            self.by_entrance.insert(entrance.clone(), at);
        }
        self.all.push(hold);
    }

    /// Takes the last one out again: its charge was refused.
    pub(super) fn withdraw(&mut self, out_order_no: &str) {
        if self.all.last().is_some_and(|hold| hold.out_order_no == out_order_no && hold.frozen.is_none())
            && let Some(hold) = self.all.pop()
        {
            self.by_order.remove(&hold.out_order_no);
            self.by_auth.remove(&hold.auth_no);
        }
    }

    fn at(&mut self, at: Option<usize>, now: Timestamp) -> Option<&mut Hold> {
        let hold = self.all.get_mut(at?)?;
        hold.touch(now);
        Some(hold)
    }

    pub(super) fn by_order(&mut self, out_order_no: &str, now: Timestamp) -> Option<&mut Hold> {
        self.at(self.by_order.get(out_order_no).copied(), now)
    }

    pub(super) fn by_auth(&mut self, auth_no: &str, now: Timestamp) -> Option<&mut Hold> {
        self.at(self.by_auth.get(auth_no).copied(), now)
    }

    pub(super) fn by_entrance(&mut self, entrance: &str, now: Timestamp) -> Option<&mut Hold> {
        self.at(self.by_entrance.get(entrance).copied(), now)
    }

    pub(super) fn expire_due(&mut self, now: Timestamp) {
        self.all.iter_mut().for_each(|hold| hold.touch(now));
    }

    /// The payer comes.
    pub(super) fn open(&mut self, out_order_no: &str, now: Timestamp) -> Result<&Hold, NotNow> {
        let hold = self.by_order(out_order_no, now).ok_or(NotNow("AUTH_ORDER_NOT_EXIST"))?;
        if !hold.opened && hold.status == Status::Closed {
            return Err(NotNow(hold.word()));
        }
        hold.opened = true;
        Ok(hold)
    }

    /// The payer agrees; see [`Hold::freeze`].
    pub(super) fn freeze(
        &mut self,
        out_order_no: &str,
        force: bool,
        now: Timestamp,
    ) -> Result<&Hold, NotNow> {
        let hold = self.by_order(out_order_no, now).ok_or(NotNow("AUTH_ORDER_NOT_EXIST"))?;
        hold.freeze(force, now)?;
        Ok(hold)
    }

    pub(super) fn think(&mut self, out_order_no: &str, pending: Pending, now: Timestamp) {
        if let Some(hold) = self.by_order(out_order_no, now) {
            hold.opened = true;
            hold.pending = Some(pending);
            self.thinking.insert((pending.due, out_order_no.to_owned()));
        }
    }

    /// Ends what payers thought about until now, and returns the holds whose money was set aside by it.
    pub(super) fn settle_due(&mut self, now: Timestamp) -> Vec<Hold> {
        let mut frozen = Vec::new();
        while let Some((due, no)) = self.thinking.first().cloned().filter(|(due, _)| *due <= now) {
            self.thinking.pop_first();
            let Some(hold) = self.by_order(&no, due) else { continue };
            let Some(pending) = hold.pending.take().filter(|pending| pending.due == due) else { continue };
            if pending.pays {
                frozen.extend(hold.freeze(false, due).ok().map(|()| hold.clone()));
            } else if hold.status == Status::Init {
                hold.status = Status::Closed;
            }
        }
        frozen
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.thinking.first().map(|(due, _)| *due)
    }

    /// Whether this much can be paid out of it now.
    pub(super) fn capturable(
        &mut self,
        auth_no: &str,
        fen: i64,
        biz: &Biz,
        account: &Account,
        now: Timestamp,
    ) -> Result<(), Sub> {
        let hold = self.by_auth(auth_no, now).filter(|hold| hold.opened).ok_or(acq::AUTH_NO_ERROR)?;
        match hold.status {
            Status::Init => return Err(acq::AUTH_NOT_PAID),
            Status::Finish => return Err(acq::AUTH_FINISHED),
            Status::Closed => return Err(acq::AUTH_CLOSED),
            Status::Authorized => {}
        }
        if biz.text("product_code").is_some_and(|code| code != hold.product_code) {
            return Err(acq::AUTH_PRODUCT);
        }
        if biz.text("buyer_id").is_some_and(|buyer| buyer != account.buyer_id) {
            return Err(acq::BUYER_NOT_MATCH);
        }
        if fen > hold.rest_fen() { Err(acq::AUTH_NOT_ENOUGH) } else { Ok(()) }
    }

    /// Pays out of it, and sets the rest free when that was the last payment: then the hold and the movement that did.
    pub(super) fn capture(
        &mut self,
        auth_no: &str,
        out_trade_no: &str,
        fen: i64,
        complete: bool,
        numbers: &mut Numbers,
        now: Timestamp,
    ) -> Option<(Hold, String)> {
        let hold = self.by_auth(auth_no, now)?;
        let mut movement = |kind, fen| Operation {
            operation_id: numbers.operation_id(now),
            out_request_no: out_trade_no.to_owned(),
            kind,
            fen,
            created: now,
            remark: None,
            notify_url: None,
        };
        hold.operations.push(movement(Kind::Pay, fen));
        let rest = hold.rest_fen();
        if rest == 0 {
            hold.status = Status::Finish;
            return None;
        }
        if !complete {
            return None;
        }
        let release = movement(Kind::Unfreeze, rest);
        let operation_id = release.operation_id.clone();
        hold.release(release);
        Some((hold.clone(), operation_id))
    }
}
