//! Splits of a payment: receivers with fixed amounts and with shares, the rest to the merchant.
//!
//! Shares are parts per million of the whole payment. They and the merchant's remaining share are divided together by
//! the largest remainder, so every share is within one minor unit of its exact amount. Fixed amounts then come out of the
//! merchant's part; where that does not suffice the split is refused, naming the receiver at which it broke.
//!
//! A receiver may have a condition, `when`: where it does not hold, the receiver is none of this payment's, and its part stays with
//! the merchant. Where it cannot be told because an input is not known, the payment is not split: nobody is to be surprised.
//! Shares of all receivers together are at most the whole, also of those whose conditions exclude each other.
//!
//! At partial refunds each receiver gives back by the cumulative rule of [`crate::Parts`], and all refunds together give back
//! exactly what was split. What a receiver keeps by rule, the merchant gives back in its place.
//!
//! ```toml
//! currency = "CNY"
//!
//! [[receivers]]
//! receiver = "platform-commission"
//! share_ppm = 50_000
//! on_refund = "proportional"
//! when = "product.live_room"
//!
//! [[receivers]]
//! receiver = "delivery"
//! amount_minor = 500
//! on_refund = "keep"
//! ```

use paifang_money::{Currency, Money, PositiveMoney};
use serde::{Deserialize, Serialize};

use crate::fault::{Check, Faults};
use crate::fees::Fee;
use crate::parts::{Misfit, Parts, RECEIVERS_MAX, same_currency, sum_of};
use crate::refund_terms::{Applies, WHEN_CHARS_MAX};
use crate::units::part;
use crate::{ApportionError, Minor, OnRefund, Ppm, Receiver, apportion};

/// Checked split rules of one currency; receivers in their order, which breaks ties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct SplitRules {
    currency: Currency,
    receivers: Vec<ReceiverRule>,
}

/// What one receiver gets: either a fixed amount or a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverRule {
    /// Who; unique in the rules.
    pub receiver: Receiver,
    /// A fixed amount, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<Minor>,
    /// A share of the whole payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_ppm: Option<Ppm>,
    /// What a refund does to this part.
    pub on_refund: OnRefund,
    /// Only of payments for which this condition holds, of at most [`WHEN_CHARS_MAX`] characters; the caller reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// A divided payment. Stored with it; what goes back at a refund is computed from this, not from the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SplitForm", into = "SplitForm")]
pub struct Split {
    receivers: Vec<(Receiver, OnRefund)>,
    /// One part per receiver, in their order; the merchant's part is the last.
    parts: Parts,
}

/// Amounts by receiver, and the merchant's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitAmounts {
    /// In the order of the rules; amounts may be zero.
    pub receivers: Vec<(Receiver, Money)>,
    /// What the merchant gets, or gives back.
    pub merchant: Money,
}

/// Why a payment cannot be split so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The receivers together get more than the payment.
    #[error("{field}: {receiver} gets {wanted}, but only {left} of {payment} is left for it")]
    OverAllocated {
        /// The field at which it broke: `receivers[2].amount_minor`.
        field: String,
        /// Whose amount it is.
        receiver: Receiver,
        /// The fixed amount.
        wanted: Money,
        /// What shares and earlier fixed amounts leave of the payment.
        left: Money,
        /// The payment.
        payment: PositiveMoney,
    },
    /// Discounts that the merchant funds give more than is left of its part.
    #[error("the merchant's own discounts give {own}, but its part of {payment} is only {left}")]
    OwnDiscounts {
        /// What they give.
        own: Money,
        /// The merchant's part.
        left: Money,
        /// The payment.
        payment: Money,
    },
    /// Whether it is a receiver of this payment cannot be told.
    #[error("receiver {receiver} cannot be told without {}", inputs.join(", "))]
    InputMissing {
        /// The receiver.
        receiver: Receiver,
        /// What its condition lacks.
        inputs: Vec<String>,
    },
    /// Its condition could not be evaluated.
    #[error("the condition of receiver {receiver} fails: {text}")]
    ConditionFailed {
        /// The receiver.
        receiver: Receiver,
        /// Why.
        text: String,
    },
    /// The shares cannot be divided.
    #[error(transparent)]
    Apportion(#[from] ApportionError),
    /// An amount does not fit.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

impl SplitRules {
    /// Receivers at most: the merchant and the fee are parts, too.
    pub const RECEIVERS_MAX: usize = RECEIVERS_MAX - 2;

    /// The name under which a fee stands among the receivers of a division ([`crate::division`]); no receiver may have it.
    pub const FEE: &'static str = "fee";

    /// Checks the rules: up to [`Self::RECEIVERS_MAX`] receivers, each once and none [`Self::FEE`], each with exactly one of
    /// an amount and a share, and shares of at most the whole.
    pub fn new(currency: Currency, receivers: Vec<ReceiverRule>) -> Result<Self, Faults> {
        let mut check = Check::default();
        if !check.length(receivers.len(), 0, Self::RECEIVERS_MAX, "receivers") {
            return Err(check.faults());
        }
        check.unique(receivers.iter().map(|rule| &rule.receiver), "receivers", "receiver");
        let mut left = u64::from(Ppm::WHOLE.get());
        for (at, rule) in receivers.iter().enumerate() {
            let own = rule.receiver.as_str() != Self::FEE;
            check.require(
                own,
                format_args!("receivers[{at}].receiver"),
                "must not be fee: that is the fee's own name",
            );
            let one = rule.amount_minor.is_some() != rule.share_ppm.is_some();
            check.require(one, format_args!("receivers[{at}]"), "must have either amount_minor or share_ppm");
            let share = rule.share();
            let most = format_args!("must be at most {left}, since all shares together are at most 1000000")
                .to_string();
            check.require(share <= left, format_args!("receivers[{at}].share_ppm"), most);
            left = left.saturating_sub(share);
            let fits = |text: &str| !text.trim().is_empty() && text.chars().count() <= WHEN_CHARS_MAX;
            let length = format_args!("must have 1 to {WHEN_CHARS_MAX} characters").to_string();
            check.require(
                rule.when.as_deref().is_none_or(fits),
                format_args!("receivers[{at}].when"),
                length,
            );
        }
        check.done(Self { currency, receivers })
    }

    /// The currency of the rules.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The receivers in their order.
    pub fn receivers(&self) -> &[ReceiverRule] {
        &self.receivers
    }

    /// Divides a payment among the receivers whose conditions hold, which `applies` answers.
    ///
    /// Errors: another currency; a receiver of which it cannot be told whether it is one; fixed amounts for which shares and
    /// earlier amounts leave too little.
    pub fn divide(
        &self,
        payment: PositiveMoney,
        applies: impl Fn(&str) -> Applies,
    ) -> Result<Split, SplitError> {
        same_currency("payment", payment.money(), self.currency)?;
        let mut fitting = Vec::with_capacity(self.receivers.len());
        for (at, rule) in self.receivers.iter().enumerate() {
            if rule.fits(&applies)? {
                fitting.push((at, rule));
            }
        }
        self.divide_among(payment, &fitting)
    }

    /// `receivers` are those of this payment, each with its place among the rules.
    fn divide_among(
        &self,
        payment: PositiveMoney,
        receivers: &[(usize, &ReceiverRule)],
    ) -> Result<Split, SplitError> {
        let mut weights: Vec<u64> = receivers.iter().map(|(_, rule)| rule.share()).collect();
        weights.push(u64::from(Ppm::WHOLE.get()).saturating_sub(weights.iter().sum()));
        let mut minor: Vec<i64> =
            apportion(payment.money(), &weights)?.iter().map(Money::minor_units).collect();
        let mut merchant = minor.pop().unwrap_or(0); // the last weight's part: there is always one
        for ((at, rule), minor) in receivers.iter().zip(&mut minor) {
            let Some(wanted) = rule.amount_minor else { continue };
            if wanted.get() > merchant {
                return Err(SplitError::OverAllocated {
                    field: format!("receivers[{at}].amount_minor"),
                    receiver: rule.receiver.clone(),
                    wanted: wanted.of(self.currency),
                    left: part(i128::from(merchant), self.currency),
                    payment,
                });
            }
            merchant -= wanted.get();
            *minor = wanted.get();
        }
        minor.push(merchant);
        let receivers = receivers.iter().map(|(_, rule)| (rule.receiver.clone(), rule.on_refund));
        Ok(Split { receivers: receivers.collect(), parts: Parts::of(self.currency, minor) })
    }
}

impl SplitRules {
    /// No receivers: everything is the merchant's.
    pub(crate) fn none(currency: Currency) -> Self {
        Self { currency, receivers: Vec::new() }
    }

    /// The same, with the fee as one more receiver behind the others.
    pub(crate) fn with_fee(&self, fee: &Fee) -> Self {
        let fee = ReceiverRule {
            receiver: Receiver::parse(Self::FEE).expect("three visible characters"),
            amount_minor: Some(Minor::new(fee.amount().minor_units()).expect("an amount's own minor units")),
            share_ppm: None,
            on_refund: fee.on_refund(),
            when: None,
        };
        let receivers = self.receivers.iter().cloned().chain([fee]).collect();
        Self { currency: self.currency, receivers }
    }
}

impl ReceiverRule {
    /// Its share in ppm; 0 for a fixed amount.
    fn share(&self) -> u64 {
        u64::from(self.share_ppm.unwrap_or_default().get())
    }

    fn fits(&self, applies: &impl Fn(&str) -> Applies) -> Result<bool, SplitError> {
        let receiver = || self.receiver.clone();
        match self.when.as_deref().map_or(Applies::Yes, applies) {
            Applies::Yes => Ok(true),
            Applies::No => Ok(false),
            Applies::Missing(inputs) => Err(SplitError::InputMissing { receiver: receiver(), inputs }),
            Applies::Failed(text) => Err(SplitError::ConditionFailed { receiver: receiver(), text }),
        }
    }
}

impl Split {
    /// The payment.
    pub fn payment(&self) -> Money {
        self.parts.sum()
    }

    /// Who got what of the payment.
    pub fn amounts(&self) -> SplitAmounts {
        self.by_receiver(&self.parts)
    }

    /// Who gives back what of a refund of `refund`, after `before` of the payment was refunded already. The amounts sum
    /// exactly to the refund.
    ///
    /// Errors: another currency; more than the payment.
    pub fn give_back(&self, before: Money, refund: PositiveMoney) -> Result<SplitAmounts, Misfit> {
        let step = self.bearing().step(before, refund.money())?;
        Ok(self.by_receiver(&step))
    }

    /// Who gives back what of one more refund, where these were given back by refunds that stand: in whatever order they
    /// came, and whichever were undone ([`Parts::next`]). The amounts sum exactly to the refund.
    ///
    /// Errors: another currency; amounts of another split; more than is left.
    pub fn next<'a>(
        &self,
        given: impl IntoIterator<Item = &'a SplitAmounts>,
        refund: PositiveMoney,
    ) -> Result<SplitAmounts, Misfit> {
        let mut sums = vec![Money::zero(self.parts.currency()); self.parts.len()];
        for amounts in given {
            let receivers = amounts.receivers.iter().map(|(_, amount)| *amount);
            let parts: Vec<Money> = receivers.chain([amounts.merchant]).collect();
            if parts.len() != sums.len() {
                return Err(Misfit::OtherParts { wanted: sums.len(), given: parts.len() });
            }
            for (sum, part) in sums.iter_mut().zip(parts) {
                *sum = sum_of("what was given back", *sum, part)?;
            }
        }
        let given = Parts::new(self.parts.currency(), sums)?;
        Ok(self.by_receiver(&self.bearing().next(&given, refund.money())?))
    }

    /// The same division of a smaller payment, such as a capture of less than was held: each part in proportion, exact in
    /// sum.
    ///
    /// Errors: another currency; more than the payment.
    pub fn of_less(&self, payment: PositiveMoney) -> Result<Self, Misfit> {
        Ok(Self { receivers: self.receivers.clone(), parts: self.parts.after(payment.money())? })
    }

    /// The same with so much less for the merchant: what it gives the payer by discounts of its own.
    ///
    /// Errors: another currency; more than the merchant's part.
    pub fn less_own(&self, own: Money) -> Result<Self, SplitError> {
        same_currency("the merchant's own discounts", own, self.parts.currency())?;
        let mut minor: Vec<i64> = self.parts.iter().map(Money::minor_units).collect();
        if let Some(merchant) = minor.last_mut() {
            let left = *merchant;
            *merchant -= own.minor_units();
            if *merchant < 0 {
                let left = part(i128::from(left), own.currency());
                return Err(SplitError::OwnDiscounts { own, left, payment: self.payment() });
            }
        }
        Ok(Self { receivers: self.receivers.clone(), parts: Parts::of(self.parts.currency(), minor) })
    }

    /// Who bears how much of the whole payment's refund: what a receiver keeps, the merchant bears.
    fn bearing(&self) -> Parts {
        let mut minor: Vec<i64> = self.parts.iter().map(Money::minor_units).collect();
        let mut kept = 0;
        for ((_, on_refund), minor) in self.receivers.iter().zip(&mut minor) {
            match on_refund {
                OnRefund::Proportional => {}
                OnRefund::Keep => kept += std::mem::take(minor),
            }
        }
        if let Some(merchant) = minor.last_mut() {
            *merchant += kept;
        }
        Parts::of(self.parts.currency(), minor)
    }

    fn by_receiver(&self, parts: &Parts) -> SplitAmounts {
        let names = self.receivers.iter().map(|(receiver, _)| receiver.clone());
        let merchant = parts.iter().next_back().unwrap_or(Money::zero(parts.currency()));
        SplitAmounts { receivers: names.zip(parts.iter()).collect(), merchant }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    currency: Currency,
    receivers: Vec<ReceiverRule>,
}

impl TryFrom<Form> for SplitRules {
    type Error = Faults;

    fn try_from(form: Form) -> Result<Self, Faults> {
        Self::new(form.currency, form.receivers)
    }
}

impl From<SplitRules> for Form {
    fn from(rules: SplitRules) -> Self {
        Self { currency: rules.currency, receivers: rules.receivers }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitForm {
    receivers: Vec<(Receiver, OnRefund)>,
    parts: Parts,
}

impl TryFrom<SplitForm> for Split {
    type Error = String;

    fn try_from(form: SplitForm) -> Result<Self, String> {
        let SplitForm { receivers, parts } = form;
        if parts.len() == receivers.len() + 1 {
            Ok(Self { receivers, parts })
        } else {
            Err(format!(
                "parts must be {} (one per receiver and the merchant's), are {}",
                receivers.len() + 1,
                parts.len()
            ))
        }
    }
}

impl From<Split> for SplitForm {
    fn from(split: Split) -> Self {
        Self { receivers: split.receivers, parts: split.parts }
    }
}

#[cfg(test)]
mod tests;
