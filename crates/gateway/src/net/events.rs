//! The other side of a net statement: the entries of one party, out of events and nothing else.
//!
//! | event | entries |
//! |---|---|
//! | `payment_intent.succeeded` | `discount:<attempt>:<n>` of each discount, `share:<attempt>:<n>` of each receiver and then of the merchant |
//! | `refund.created` that is funded, `refund.funded` | `bear:<refund>:<n>` of each receiver, then of each bearer |
//! | `refund.failed`, unless it was given up while it was short of funds | `unbear:<refund>:<n>`, the same back |
//! | `refund.succeeded` | `discount_back:<refund>:<n>` of each discount |
//! | `refund.reversed` | `reversal:<version>:<refund>:<n>` of each bearer that got something back |
//! | `funds.transferred` | `funds:<transfer>` |
//!
//! `n` is the part's place in its list, from 0; a part of zero keeps its number and makes no entry. An entry's time is the
//! event's. Nothing here knows what the gateway has booked, so that both sides are computed apart.
//!
//! Each event tells by itself what it comes to: their order does not matter, one that comes again changes nothing, and those of
//! one month are enough for its entries.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paifang_money::{Currency, PositiveMoney};
use paifang_proto::v1;
use paifang_shares::statement::{Entry, StatementError};
use paifang_shares::{EntryId, EntryKind, Party};
use paifang_store::net::storefront;

use super::names::{Unknown, bearer_name, charged, giver, is_zero, merchants, receiver};
use super::party;

/// Why an event tells nothing that can be counted. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A field is missing or not as it has to be.
    #[error("event {event}: {field} {rule}")]
    Field {
        /// The event.
        event: String,
        /// The field.
        field: &'static str,
        /// What is wrong.
        rule: String,
    },
    /// An entry came with two contents.
    #[error(transparent)]
    Entry(#[from] StatementError),
}

/// What was heard of one party.
#[derive(Debug)]
pub struct Heard {
    party: Party,
    entries: BTreeMap<EntryId, Entry>,
    /// Whether any event is about the party.
    known: bool,
}

/// One movement among the storefront's own funds: from whom to whom; nobody is the storefront, or whoever was left out of a
/// party's own events.
struct Move {
    number: usize,
    from: Option<String>,
    to: Option<String>,
    amount: i64,
    currency: String,
}

/// What one event tells of the party.
#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    known: bool,
}

/// An event, and for whom it is read.
struct Told<'a> {
    event: &'a v1::Event,
    at: Timestamp,
    party: &'a Party,
}

impl Heard {
    /// Nothing yet.
    pub fn of(party: Party) -> Self {
        Self { party, entries: BTreeMap::new(), known: false }
    }

    /// Whether any event so far is about the party.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// Takes an event in. One of a kind that moves nothing, or that is not known, changes nothing.
    ///
    /// # Errors
    /// An event that lacks what it has to tell; an entry that came with another content. Nothing was changed then.
    pub fn hear(&mut self, event: &v1::Event) -> Result<(), EventError> {
        let Found { entries, known } = Told::of(event, &self.party)?.found()?;
        let is_other = |entry: &&Entry| self.entries.get(&entry.id).is_some_and(|before| before != *entry);
        if let Some(entry) = entries.iter().find(is_other) {
            return Err(StatementError::Contradiction(entry.id.clone()).into());
        }
        self.known |= known;
        self.entries.extend(entries.into_iter().map(|entry| (entry.id.clone(), entry)));
        Ok(())
    }

    /// The entries of all events.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
}

impl<'a> Told<'a> {
    fn of(event: &'a v1::Event, party: &'a Party) -> Result<Self, EventError> {
        let mut told = Self { event, at: Timestamp::UNIX_EPOCH, party };
        let time = event.create_time.as_ref().ok_or_else(|| told.wrong("create_time", "is missing"))?;
        let at = Timestamp::new(time.seconds, time.nanos);
        told.at = at.map_err(|_| told.wrong("create_time", "must be a point in time"))?;
        Ok(told)
    }

    fn found(&self) -> Result<Found, EventError> {
        match &self.event.resource {
            Some(v1::event::Resource::PaymentIntent(intent))
                if self.event.r#type == "payment_intent.succeeded" =>
            {
                self.paid(intent)
            }
            Some(v1::event::Resource::Refund(refund)) => self.refund(refund),
            Some(v1::event::Resource::FundsTransfer(transfer)) => {
                let moved = self.transferred(transfer)?;
                self.own(&format!("funds:{}", transfer.funds_transfer_id), moved)
            }
            Some(v1::event::Resource::PaymentIntent(_)) | None => Ok(Found::default()),
        }
    }

    fn paid(&self, intent: &v1::PaymentIntent) -> Result<Found, EventError> {
        let paid = intent.attempts.iter().find(|attempt| attempt.state() == v1::AttemptState::Paid);
        let paid = paid.ok_or_else(|| self.wrong("payment_intent.attempts", "has none that is paid"))?;
        let Some(division) = &paid.division else { return Ok(Found::default()) };
        let given = self.discounts("payment_intent.attempts.discounts", &paid.discounts, false)?;
        let given = self.own(&format!("discount:{}", paid.attempt_id), given)?;
        let receivers = division.receivers.iter().map(|one| (receiver(&one.receiver), &one.amount));
        let merchant = (merchants("unsettled", &division.merchant_id), &division.merchant_amount);
        let parts = receivers.chain([merchant]);
        let field = "payment_intent.attempts.division";
        let parts = self.moves(field, parts.map(|(to, amount)| (None, Some(to), amount)))?;
        Ok(given.and(self.own(&format!("share:{}", paid.attempt_id), parts)?))
    }

    fn refund(&self, refund: &v1::Refund) -> Result<Found, EventError> {
        let Some(bearing) = &refund.bearing else { return Ok(Found::default()) };
        let id = refund.refund_id.as_str();
        match self.event.r#type.as_str() {
            "refund.created" | "refund.funded" if refund.state() != v1::RefundState::AwaitingFunds => {
                self.own(&format!("bear:{id}"), self.borne(bearing, false)?)
            }
            "refund.failed" => {
                let failure = refund.failure.as_ref();
                let failure = failure.ok_or_else(|| self.wrong("refund.failure", "is missing"))?;
                if was_given_up(failure) {
                    return Ok(Found::default());
                }
                self.own(&format!("unbear:{id}"), self.borne(bearing, true)?)
            }
            "refund.succeeded" => {
                let back = self.discounts("refund.bearing.discounts", &bearing.discounts, true)?;
                self.own(&format!("discount_back:{id}"), back)
            }
            "refund.reversed" => {
                let reversal = self.event.refund_reversal.as_ref().ok_or_else(|| {
                    self.wrong(
                        "refund_reversal",
                        "is missing; earlier releases do not tell what was given back",
                    )
                })?;
                let moves = self.reversed(reversal, bearing)?;
                self.own(&format!("reversal:{}:{id}", reversal.version), moves)
            }
            _ => Ok(Found::default()),
        }
    }

    /// Those of the moves that are the party's, as entries.
    fn own(&self, stem: &str, moves: Vec<Move>) -> Result<Found, EventError> {
        let mut found = Found::default();
        for one in moves {
            let (gives, gets) = (self.is_own(one.from.as_deref()), self.is_own(one.to.as_deref()));
            found.known |= gives || gets;
            if gives == gets || one.amount == 0 {
                continue;
            }
            let kind = stem.split(':').next().unwrap_or_default();
            let id = if kind == "funds" { stem.to_owned() } else { format!("{stem}:{}", one.number) };
            let currency = Currency::parse(&one.currency);
            let currency = currency.map_err(|error| self.wrong("currency_code", &error.to_string()))?;
            let amount = PositiveMoney::new(one.amount, currency);
            let (storefront, party) = (storefront(), self.party.clone());
            let (from, to) = if gets { (storefront, party) } else { (party, storefront) };
            found.entries.push(Entry {
                id: EntryId::parse(&id).map_err(|error| self.wrong("id", &error.to_string()))?,
                at: self.at,
                from,
                to,
                amount: amount.map_err(|error| self.wrong("minor_units", &error.to_string()))?,
                kind: EntryKind::parse(kind).map_err(|error| self.wrong("type", &error.to_string()))?,
            });
        }
        Ok(found)
    }

    fn is_own(&self, side: Option<&str>) -> bool {
        side == Some(self.party.as_str())
    }

    fn wrong(&self, field: &'static str, rule: &str) -> EventError {
        EventError::Field { event: self.event.event_id.clone(), field, rule: rule.to_owned() }
    }

    /// Numbered moves; each has to have its amount.
    fn moves<'m>(
        &self,
        field: &'static str,
        moves: impl Iterator<Item = (Option<String>, Option<String>, &'m Option<v1::Money>)>,
    ) -> Result<Vec<Move>, EventError> {
        let one = |(number, (from, to, amount)): (usize, (_, _, &Option<v1::Money>))| {
            let money = amount.as_ref().filter(|money| money.minor_units >= 0);
            let money = money.ok_or_else(|| self.wrong(field, "has a part without an amount"))?;
            Ok(Move { number, from, to, amount: money.minor_units, currency: money.currency_code.clone() })
        };
        moves.enumerate().map(one).collect()
    }

    /// What discounts give or get back; what a merchant gives without a budget moves nothing.
    fn discounts(
        &self,
        field: &'static str,
        discounts: &[v1::Discount],
        back: bool,
    ) -> Result<Vec<Move>, EventError> {
        let unknown = |Unknown| self.wrong(field, "has one without a funder that is known here");
        let funders = discounts.iter().map(|one| giver(one).map_err(unknown));
        let funders: Result<Vec<_>, EventError> = funders.collect();
        let sides = funders?.into_iter().zip(discounts);
        self.moves(
            field,
            sides.map(|(funder, one)| match back {
                true => (None, funder, &one.amount),
                false => (funder, None, &one.amount),
            }),
        )
    }

    /// What receivers and bearers bring to a refund, or get back of it.
    fn borne(&self, bearing: &v1::RefundBearing, back: bool) -> Result<Vec<Move>, EventError> {
        let receivers = bearing.receivers.iter().map(|one| (Some(receiver(&one.receiver)), &one.amount));
        let mut all: Vec<(Option<String>, &Option<v1::Money>)> = receivers.collect();
        for one in &bearing.bearers {
            let left_out = one.bearer == 0 && is_zero(&one.amount);
            let who = self.bearer("refund.bearing.bearers", one.bearer(), bearing, left_out)?;
            all.push((who, &one.amount));
        }
        self.moves(
            "refund.bearing",
            all.into_iter().map(|(who, amount)| match back {
                true => (None, who, amount),
                false => (who, None, amount),
            }),
        )
    }

    /// What bearers got back, and from whom.
    fn reversed(
        &self,
        reversal: &v1::RefundReversal,
        bearing: &v1::RefundBearing,
    ) -> Result<Vec<Move>, EventError> {
        let from = charged(reversal, bearing);
        let from = from.map_err(|Unknown| {
            self.wrong("refund_reversal.charged_to", "has a bearer that is not known here")
        })?;
        let mut all = Vec::new();
        for one in &reversal.returned {
            let left_out = one.bearer == 0 && (is_zero(&one.amount) || self.is_own(Some(&from)));
            let to = self.bearer("refund_reversal.returned", one.bearer(), bearing, left_out)?;
            all.push((Some(from.clone()), to, &one.amount));
        }
        self.moves("refund_reversal.returned", all.into_iter())
    }

    /// The bearer's name; nobody where it may be `left_out`, as another one is from a party's own events.
    fn bearer(
        &self,
        field: &'static str,
        bearer: v1::RefundBearer,
        bearing: &v1::RefundBearing,
        left_out: bool,
    ) -> Result<Option<String>, EventError> {
        match bearer_name(bearer, &bearing.merchant_id) {
            Some(name) => Ok(Some(name)),
            None if left_out => Ok(None),
            None => Err(self.wrong(field, "has a bearer that is not known here")),
        }
    }

    /// A party's own events leave out who the other one was.
    fn transferred(&self, transfer: &v1::FundsTransfer) -> Result<Vec<Move>, EventError> {
        let unknown = |field| self.wrong(field, "is no fund that is known here");
        let name = |fund: &Option<v1::Fund>| fund.as_ref().and_then(party::name);
        let (from, to) = (name(&transfer.from), name(&transfer.to));
        let is_own = [&from, &to].map(|side| self.is_own(side.as_deref()));
        if from.is_none() && (transfer.from.is_some() || !is_own[1]) {
            return Err(unknown("funds_transfer.from"));
        }
        if to.is_none() && (transfer.to.is_some() || !is_own[0]) {
            return Err(unknown("funds_transfer.to"));
        }
        self.moves("funds_transfer.amount", std::iter::once((from, to, &transfer.amount)))
    }
}

impl Found {
    fn and(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self.known |= other.known;
        self
    }
}

/// Whether the refund ended while it was short of funds, so that nobody had borne anything of it. It ends in no other way then,
/// and one that is funded cannot be given up.
fn was_given_up(failure: &v1::Failure) -> bool {
    failure.category() == v1::FailureCategory::NotSent && failure.reason == "canceled"
}

#[cfg(test)]
mod tests;
