//! The other side of a net statement: the entries of one party, out of events and nothing else.
//!
//! | event | entries |
//! |---|---|
//! | `payment_intent.succeeded` | `discount:<attempt>:<n>` of each discount, `share:<attempt>:<n>` of each receiver and then of the merchant |
//! | `refund.created` that is funded, `refund.funded` | `bear:<refund>:<n>` of each receiver, then of each bearer |
//! | `refund.failed` of a refund that was funded | `unbear:<refund>:<n>`, the same back |
//! | `refund.succeeded` | `discount_back:<refund>:<n>` of each discount |
//! | `refund.reversed` | `reversal:<version>:<refund>:<n>` of each bearer that got something back |
//! | `funds.transferred` | `funds:<transfer>` |
//!
//! `n` is the part's place in its list, from 0; a part of zero keeps its number and makes no entry. An entry's time is the
//! event's. Nothing here knows what the gateway has booked, so that both sides are computed apart.
//!
//! The order of events does not matter, and one that comes again changes nothing: whether a refund that failed had been funded is
//! told by its other events, so that what it gave back is an entry once one of those is there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paifang_money::{Currency, PositiveMoney};
use paifang_proto::v1;
use paifang_shares::statement::{Entry, StatementError};
use paifang_shares::{EntryId, EntryKind, Party};
use paifang_store::net::storefront;

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
    /// Refunds that some event shows as funded.
    funded: BTreeSet<String>,
    /// What refunds that failed give back, where they had been funded.
    failed: BTreeMap<String, Vec<Entry>>,
    /// Whether any event is about the party.
    known: bool,
}

/// One movement among the storefront's own funds: from whom to whom; nobody is the storefront.
struct Move {
    number: usize,
    from: Option<String>,
    to: Option<String>,
    amount: i64,
    currency: String,
}

/// What the moves of one event have in common.
struct Told<'a> {
    event: &'a v1::Event,
    at: Timestamp,
}

impl Heard {
    /// Nothing yet.
    pub fn of(party: Party) -> Self {
        let (entries, funded, failed) = Default::default();
        Self { party, entries, funded, failed, known: false }
    }

    /// Whether any event so far is about the party.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// Takes an event in. One of a kind that moves nothing, or that is not known, changes nothing.
    ///
    /// # Errors
    /// An event that lacks what it has to tell; an entry that came with another content.
    pub fn hear(&mut self, event: &v1::Event) -> Result<(), EventError> {
        let told = Told::of(event)?;
        match &event.resource {
            Some(v1::event::Resource::PaymentIntent(intent))
                if event.r#type == "payment_intent.succeeded" =>
            {
                self.paid(&told, intent)
            }
            Some(v1::event::Resource::Refund(refund)) => self.refund(&told, refund),
            Some(v1::event::Resource::FundsTransfer(transfer)) => {
                let one = told.transferred(transfer)?;
                let entries = self.own(&told, &format!("funds:{}", transfer.funds_transfer_id), vec![one])?;
                self.keep(entries)
            }
            Some(v1::event::Resource::PaymentIntent(_)) | None => Ok(()),
        }
    }

    /// The entries of all events, those of refunds that gave back what they had been funded with included.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let given_back = self.failed.iter().filter(|(refund, _)| self.funded.contains(*refund));
        self.entries.values().chain(given_back.flat_map(|(_, entries)| entries))
    }

    fn paid(&mut self, told: &Told<'_>, intent: &v1::PaymentIntent) -> Result<(), EventError> {
        let paid = intent.attempts.iter().find(|attempt| attempt.state() == v1::AttemptState::Paid);
        let paid = paid.ok_or_else(|| told.wrong("payment_intent.attempts", "has none that is paid"))?;
        let Some(division) = &paid.division else { return Ok(()) };
        let given = told.discounts("payment_intent.attempts.discounts", &paid.discounts, false)?;
        let given = self.own(told, &format!("discount:{}", paid.attempt_id), given)?;
        let receivers = division.receivers.iter().map(|one| (receiver(&one.receiver), &one.amount));
        let merchant = (merchants("unsettled", &division.merchant_id), &division.merchant_amount);
        let parts = receivers.chain([merchant]);
        let field = "payment_intent.attempts.division";
        let parts = told.moves(field, parts.map(|(to, amount)| (None, Some(to), amount)))?;
        let parts = self.own(told, &format!("share:{}", paid.attempt_id), parts)?;
        self.keep(given.into_iter().chain(parts))
    }

    fn refund(&mut self, told: &Told<'_>, refund: &v1::Refund) -> Result<(), EventError> {
        let Some(bearing) = &refund.bearing else { return Ok(()) };
        let (kind, id) = (told.event.r#type.as_str(), refund.refund_id.as_str());
        let waits = refund.state() == v1::RefundState::AwaitingFunds;
        if kind == "refund.reversed" {
            let reversal = told.event.refund_reversal.as_ref().ok_or_else(|| {
                told.wrong("refund_reversal", "is missing; earlier releases do not tell what was given back")
            })?;
            let moves = told.reversed(reversal, bearing)?;
            let entries = self.own(told, &format!("reversal:{}:{id}", reversal.version), moves)?;
            self.keep(entries)?;
        } else if kind == "refund.failed" {
            let moves = told.borne(bearing, true)?;
            let entries = self.own(told, &format!("unbear:{id}"), moves)?;
            return self.give_back(id, entries);
        } else if matches!(kind, "refund.created" | "refund.funded") && !waits {
            let moves = told.borne(bearing, false)?;
            let entries = self.own(told, &format!("bear:{id}"), moves)?;
            self.keep(entries)?;
        } else if kind == "refund.succeeded" {
            let back = told.discounts("refund.bearing.discounts", &bearing.discounts, true)?;
            let entries = self.own(told, &format!("discount_back:{id}"), back)?;
            self.keep(entries)?;
        }
        if !waits {
            self.funded.insert(id.to_owned());
        }
        Ok(())
    }

    /// Those of the moves that are the party's, as entries.
    fn own(&mut self, told: &Told<'_>, stem: &str, moves: Vec<Move>) -> Result<Vec<Entry>, EventError> {
        let mut found = Vec::new();
        for one in moves {
            let is_own = |side: &Option<String>| side.as_deref() == Some(self.party.as_str());
            let (gives, gets) = (is_own(&one.from), is_own(&one.to));
            self.known |= gives || gets;
            if gives == gets || one.amount == 0 {
                continue;
            }
            let kind = stem.split(':').next().unwrap_or_default();
            let id = if kind == "funds" { stem.to_owned() } else { format!("{stem}:{}", one.number) };
            let currency = Currency::parse(&one.currency);
            let currency = currency.map_err(|error| told.wrong("currency_code", &error.to_string()))?;
            let amount = PositiveMoney::new(one.amount, currency);
            let (storefront, party) = (storefront(), self.party.clone());
            let (from, to) = if gets { (storefront, party) } else { (party, storefront) };
            found.push(Entry {
                id: EntryId::parse(&id).map_err(|error| told.wrong("id", &error.to_string()))?,
                at: told.at,
                from,
                to,
                amount: amount.map_err(|error| told.wrong("minor_units", &error.to_string()))?,
                kind: EntryKind::parse(kind).map_err(|error| told.wrong("type", &error.to_string()))?,
            });
        }
        Ok(found)
    }

    fn keep(&mut self, entries: impl IntoIterator<Item = Entry>) -> Result<(), EventError> {
        for entry in entries {
            let known = self.entries.entry(entry.id.clone()).or_insert_with(|| entry.clone());
            if *known != entry {
                return Err(StatementError::Contradiction(entry.id).into());
            }
        }
        Ok(())
    }

    fn give_back(&mut self, refund: &str, entries: Vec<Entry>) -> Result<(), EventError> {
        let known = self.failed.entry(refund.to_owned()).or_insert_with(|| entries.clone());
        let other = known.iter().zip(&entries).find(|(known, entry)| known != entry);
        let longer = || known.get(entries.len()).or(entries.get(known.len()));
        match other.map(|(known, _)| known).or_else(longer) {
            Some(entry) => Err(StatementError::Contradiction(entry.id.clone()).into()),
            None => Ok(()),
        }
    }
}

impl<'a> Told<'a> {
    fn of(event: &'a v1::Event) -> Result<Self, EventError> {
        let mut told = Self { event, at: Timestamp::UNIX_EPOCH };
        let time = event.create_time.as_ref().ok_or_else(|| told.wrong("create_time", "is missing"))?;
        let at = Timestamp::new(time.seconds, time.nanos);
        told.at = at.map_err(|_| told.wrong("create_time", "must be a point in time"))?;
        Ok(told)
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
        let funder = |one: &v1::Discount| match (one.budgeted, one.funder()) {
            (true, _) => Ok(Some(format!("budget:{}", one.discount_id))),
            (false, v1::DiscountFunder::Merchant) => Ok(None),
            (false, funder) => match party::funder_word(funder) {
                Some(word) => Ok(Some(format!("discount:{word}"))),
                None => Err(self.wrong(field, "has one without a funder that is known here")),
            },
        };
        let funders: Result<Vec<_>, EventError> = discounts.iter().map(funder).collect();
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
        let receivers = bearing.receivers.iter().map(|one| (receiver(&one.receiver), &one.amount));
        let mut all: Vec<(String, &Option<v1::Money>)> = receivers.collect();
        for one in &bearing.bearers {
            all.push((self.bearer("refund.bearing.bearers", one.bearer(), bearing)?, &one.amount));
        }
        self.moves(
            "refund.bearing",
            all.into_iter().map(|(who, amount)| match back {
                true => (None, Some(who), amount),
                false => (Some(who), None, amount),
            }),
        )
    }

    /// What bearers got back, and from whom.
    fn reversed(
        &self,
        reversal: &v1::RefundReversal,
        bearing: &v1::RefundBearing,
    ) -> Result<Vec<Move>, EventError> {
        let from = match reversal.charged_to() {
            v1::RefundBearer::Unspecified => "outside".to_owned(),
            bearer => self.bearer("refund_reversal.charged_to", bearer, bearing)?,
        };
        let mut all = Vec::new();
        for one in &reversal.returned {
            let to = self.bearer("refund_reversal.returned", one.bearer(), bearing)?;
            all.push((Some(from.clone()), Some(to), &one.amount));
        }
        self.moves("refund_reversal.returned", all.into_iter())
    }

    fn bearer(
        &self,
        field: &'static str,
        bearer: v1::RefundBearer,
        bearing: &v1::RefundBearing,
    ) -> Result<String, EventError> {
        Ok(match bearer {
            v1::RefundBearer::Unspecified => {
                return Err(self.wrong(field, "has a bearer that is not known here"));
            }
            v1::RefundBearer::MerchantBalance => merchants("balance", &bearing.merchant_id),
            v1::RefundBearer::UnsettledFunds => merchants("unsettled", &bearing.merchant_id),
            v1::RefundBearer::Platform => "platform".to_owned(),
            v1::RefundBearer::Insurance => "insurance".to_owned(),
            v1::RefundBearer::Rail => "rail_fund".to_owned(),
        })
    }

    fn transferred(&self, transfer: &v1::FundsTransfer) -> Result<Move, EventError> {
        let side = |field, fund: &Option<v1::Fund>| {
            let party = fund.as_ref().and_then(party::name);
            party.ok_or_else(|| self.wrong(field, "is no fund that is known here")).map(Some)
        };
        let from = side("funds_transfer.from", &transfer.from)?;
        let to = side("funds_transfer.to", &transfer.to)?;
        let moves = self.moves("funds_transfer.amount", std::iter::once((from, to, &transfer.amount)))?;
        moves.into_iter().next().ok_or_else(|| self.wrong("funds_transfer", "is missing"))
    }
}

fn receiver(name: &str) -> String {
    if name == "fee" { name.to_owned() } else { format!("receiver:{name}") }
}

fn merchants(kind: &str, merchant: &str) -> String {
    if merchant.is_empty() { kind.to_owned() } else { format!("{kind}:{merchant}") }
}

#[cfg(test)]
mod tests;
