//! Magic amounts: what an integrator types into a price field to see a fault, on every rail alike.
//!
//! The last four digits of an amount in fen decide (`199.01` yuan is 19901 fen, so `9901`). Prices that end so by chance
//! are rare, and the table is on only where somebody asked for it. The table in `docs/mock-rails.md` is checked against
//! [`table`].

use serde::Serialize;

use crate::faults::Fault;

/// What an amount does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trick {
    /// A fault of the wire or of notifications: the framework carries it out.
    Fault(Fault),
    /// Something of the business that each rail says in its own codes.
    Mood(Mood),
}

/// What a rail or a payer does in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    /// The payer's funds do not suffice: a final no.
    Declined,
    /// The rail's risk rules say no.
    Risk,
    /// The payer is asked for a password and pays after ten seconds.
    PendingThenPaid,
    /// The payer is asked for a password and turns away after ten seconds.
    PendingThenDeclined,
    /// The rail answers that it does not know, and has done the work.
    Unsure,
    /// Too many calls.
    RateLimited,
    /// The merchant's balance does not suffice for this refund.
    RefundNotEnough,
    /// The refund takes an hour.
    RefundSlow,
    /// The refund ends badly after it was accepted.
    RefundFails,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The last four digits of the amount in fen.
    pub digits: i64,
    /// Whether it counts for payments (and holds) or for refunds.
    pub on: On,
    /// What happens, for people.
    pub about: &'static str,
    /// What happens.
    pub trick: Trick,
}

/// What the amount is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// A payment or a hold.
    Payment,
    /// A refund.
    Refund,
}

/// Whether magic amounts work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Magic {
    /// An amount is only an amount.
    #[default]
    Off,
    /// The table counts.
    On,
}

/// How long [`Mood::PendingThenPaid`] and its sibling think, in seconds.
pub const THINKING_S: i64 = 10;

/// The table, by digits.
pub fn table() -> Vec<Row> {
    use Mood::{
        Declined, PendingThenDeclined, PendingThenPaid, RateLimited, RefundFails, RefundNotEnough,
        RefundSlow, Risk, Unsure,
    };
    let mood = |digits, on, about, mood| Row { digits, on, about, trick: Trick::Mood(mood) };
    let fault = |digits, about, fault| Row { digits, on: On::Payment, about, trick: Trick::Fault(fault) };
    vec![
        mood(9901, On::Payment, "declined: the payer's funds do not suffice", Declined),
        mood(9902, On::Payment, "declined by the rail's risk rules", Risk),
        mood(9903, On::Payment, "a payment code asks for a password; paid after 10 s", PendingThenPaid),
        mood(
            9904,
            On::Payment,
            "a payment code asks for a password; declined after 10 s",
            PendingThenDeclined,
        ),
        mood(9905, On::Payment, "done, but the rail answers that it does not know (F06)", Unsure),
        fault(9906, "done, and the connection drops without an answer (F02)", Fault::AnswerLost),
        fault(9907, "the connection drops before anything is done (F01)", Fault::RequestLost),
        fault(9908, "done at once, answered after 8 s (F03)", Fault::Late { by_ms: 8_000 }),
        fault(9909, "HTTP 503, nothing done (F07)", Fault::Status(503)),
        fault(9910, "done, then HTTP 502 (F07)", Fault::StatusAfter(502)),
        fault(9911, "done, the answer's signature is wrong (F08)", Fault::WrongSignature),
        fault(9912, "done, the answer is not signed (F08)", Fault::Unsigned),
        fault(9913, "done, the answer is no message of the rail (F07)", Fault::GarbageBody),
        fault(9914, "the notification comes twice (F50)", Fault::TwinNotifications),
        fault(9915, "the notification never comes", Fault::NoNotification),
        fault(9916, "the notification comes before the answer", Fault::NotificationFirst),
        fault(9917, "the notification names one fen, correctly signed (F52)", Fault::NotificationAmount(1)),
        fault(9918, "the notification's signature is wrong (F45)", Fault::NotificationWrongSignature),
        mood(9919, On::Payment, "too many calls: the rail's own rate limit (F14)", RateLimited),
        mood(9921, On::Refund, "refused for now: the merchant's balance does not suffice", RefundNotEnough),
        mood(9922, On::Refund, "accepted, done after an hour", RefundSlow),
        mood(9923, On::Refund, "accepted, ends badly after ten seconds (F18)", RefundFails),
    ]
}

impl Magic {
    /// What this amount does.
    pub fn of(self, on: On, fen: i64) -> Option<Trick> {
        match self {
            Self::Off => None,
            Self::On => table()
                .into_iter()
                .find(|row| row.on == on && fen % 10_000 == row.digits)
                .map(|row| row.trick),
        }
    }

    /// The fault of this amount, if it is one.
    pub fn fault(self, on: On, fen: i64) -> Option<Fault> {
        match self.of(on, fen)? {
            Trick::Fault(fault) => Some(fault),
            Trick::Mood(_) => None,
        }
    }

    /// The mood of this amount, if it is one.
    pub fn mood(self, on: On, fen: i64) -> Option<Mood> {
        match self.of(on, fen)? {
            Trick::Fault(_) => None,
            Trick::Mood(mood) => Some(mood),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_amount_means_one_thing_and_only_when_it_is_on() {
        let mut digits: Vec<(On, i64)> = table().iter().map(|row| (row.on, row.digits)).collect();
        let count = digits.len();
        digits.sort_by_key(|(on, digits)| (*on == On::Refund, *digits));
        digits.dedup();
        assert_eq!(digits.len(), count);
        assert_eq!(Magic::Off.of(On::Payment, 9_906), None);
        assert_eq!(Magic::On.fault(On::Payment, 19_906), Some(Fault::AnswerLost));
        assert_eq!(Magic::On.mood(On::Refund, 9_906), None);
        assert_eq!(Magic::On.mood(On::Payment, 129_901), Some(Mood::Declined));
        assert_eq!(Magic::On.of(On::Payment, 12_345), None);
    }
}
