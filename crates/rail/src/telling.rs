//! What a rail is told of an order beside its terms: one value per field of the contract, behind a door.
//!
//! The contract's schema says which fields may go to a rail at all: only those have a type in [`paifang_boundary::told`], and a
//! [`Told`] of any other cannot be written. An adapter lists what it uses ([`tells!`](crate::tells)), which is what its
//! descriptor shows, and opens a value by naming that list: one that it does not list does not compile.
//!
//! ```compile_fail
//! # use paifang_boundary::told::ClientContextPayerIp;
//! # use paifang_rail::Told;
//! paifang_rail::tells! {
//!     /// Nothing but the description.
//!     struct Uses { required: [PaymentIntentDescription], optional: [] }
//! }
//! fn smuggle(ip: &Told<ClientContextPayerIp, String>) -> Option<&String> { ip.open(Uses) }
//! ```
//! ```compile_fail
//! // The storefront's notes are for no rail, so there is no such type.
//! type Notes = paifang_rail::Told<paifang_boundary::told::PaymentIntentMetadata, String>;
//! ```
//!
//! Before an adapter sees a call, the core has emptied whatever the descriptor and the operator's policy do not both allow
//! ([`Told::narrow`]): a list that names more than the descriptor opens nothing. Each door remembers whether it was opened, so
//! that what crossed can be counted by name.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

use paifang_boundary::{Field, Fields, RailField};

/// The value of a field, for the adapter that lists it. `Debug` shows the field's name and never its value; clones and fresh
/// values are closed.
pub struct Told<F, T> {
    value: Option<T>,
    opened: AtomicBool,
    field: PhantomData<fn() -> F>,
}

/// What an adapter uses; made by [`tells!`](crate::tells).
pub trait Uses<F: RailField> {}

/// A field that an adapter uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldUse {
    /// Which.
    pub field: Field,
    /// No order is made without it. Where it is needed by some offers only, [`crate::Offer::needs`] says so.
    pub required: bool,
}

impl<F: RailField, T> Told<F, T> {
    /// A value to be told, if there is one.
    pub fn new(value: Option<T>) -> Self {
        Self { value, opened: AtomicBool::new(false), field: PhantomData }
    }

    /// The value, if there is one and it may cross. `by` is the adapter's list.
    pub fn open<U: Uses<F>>(&self, _by: U) -> Option<&T> {
        let value = self.value.as_ref()?;
        self.opened.store(true, Ordering::Relaxed);
        Some(value)
    }

    /// Empties it unless its field is allowed.
    pub fn narrow(&mut self, allowed: &Fields) {
        if !allowed.contains(F::FIELD) {
            self.value = None;
        }
    }

    /// Its field, if somebody has opened it.
    pub fn crossed(&self) -> Option<Field> {
        self.opened.load(Ordering::Relaxed).then_some(F::FIELD)
    }

    /// Whether there is a value.
    pub fn is_there(&self) -> bool {
        self.value.is_some()
    }
}

impl<F: RailField, T> From<T> for Told<F, T> {
    fn from(value: T) -> Self {
        Self::new(Some(value))
    }
}

impl<F: RailField, T> From<Option<T>> for Told<F, T> {
    fn from(value: Option<T>) -> Self {
        Self::new(value)
    }
}

impl<F: RailField> From<&str> for Told<F, String> {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl<F: RailField, T> Default for Told<F, T> {
    fn default() -> Self {
        Self::new(None)
    }
}

impl<F: RailField, T: Clone> Clone for Told<F, T> {
    fn clone(&self) -> Self {
        Self::new(self.value.clone())
    }
}

impl<F, T: PartialEq> PartialEq for Told<F, T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<F, T: Eq> Eq for Told<F, T> {}

impl<F: RailField, T> fmt::Debug for Told<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there = if self.is_there() { "***" } else { "none" };
        write!(f, "Told({}: {there})", F::FIELD)
    }
}

/// Declares what an adapter uses of what may be told to a rail, by the names of [`paifang_boundary::told`]: a unit struct that
/// opens those fields and no others, and whose `LIST` the descriptor shows.
#[macro_export]
macro_rules! tells {
    (
        $(#[$about:meta])*
        $sight:vis struct $name:ident { required: [$($required:ident),*], optional: [$($optional:ident),* $(,)?] $(,)? }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy)]
        $sight struct $name;

        impl $name {
            /// All of them, as a descriptor shows them.
            $sight const LIST: &'static [$crate::FieldUse] = &[
                $($crate::FieldUse {
                    field: <$crate::told::$required as $crate::RailField>::FIELD,
                    required: true,
                },)*
                $($crate::FieldUse {
                    field: <$crate::told::$optional as $crate::RailField>::FIELD,
                    required: false,
                },)*
            ];
        }

        $(impl $crate::Uses<$crate::told::$required> for $name {})*
        $(impl $crate::Uses<$crate::told::$optional> for $name {})*
    };
}

#[cfg(test)]
mod tests {
    use paifang_boundary::told::ClientContextPayerIp;

    use super::*;

    crate::tells! {
        struct Both { required: [ClientContextPayerId], optional: [ClientContextPayerIp] }
    }

    const CANARY: &str = "canary-7281";

    #[test]
    fn a_value_crosses_when_it_is_opened_and_not_before() {
        let ip: Told<ClientContextPayerIp, String> = CANARY.to_owned().into();
        assert_eq!(ip.crossed(), None);
        assert_eq!(ip.open(Both).map(String::as_str), Some(CANARY));
        assert_eq!(ip.crossed(), Some(Field::ClientContextPayerIp));
        assert_eq!(ip.clone().crossed(), None, "a clone is another message");
    }

    #[test]
    fn what_is_not_allowed_is_not_there_whoever_opens_it() {
        let mut ip: Told<ClientContextPayerIp, String> = CANARY.to_owned().into();
        ip.narrow(&[Field::ClientContextPayerId].into_iter().collect());
        assert_eq!((ip.open(Both), ip.crossed()), (None, None));
    }

    #[test]
    fn a_list_says_what_is_required_and_nothing_prints_a_value() {
        let uses = |field, required| FieldUse { field, required };
        let expected = [uses(Field::ClientContextPayerId, true), uses(Field::ClientContextPayerIp, false)];
        assert_eq!(Both::LIST, expected);
        let ip: Told<ClientContextPayerIp, String> = CANARY.to_owned().into();
        assert_eq!(format!("{ip:?}"), "Told(client_context.payer_ip: ***)");
    }
}
