//! The data boundary as code: every field of the contract that has a mark, what it is for and who may see it.
//!
//! [`Field`], [`Purpose`], [`Audience`] and [`told`] are generated from `proto/paifang/boundary/v1` and the marks in
//! `proto/paifang/v1`. A [`Field`] is a name and never a value: it may stand in a log, a label or an error. [`Fields`] is a
//! set of them, a few words of bits.
//!
//! What crosses to a rail is of two kinds. *Terms* are what an order is made of ([`Field::is_term`]): amounts, order numbers,
//! times. They cross with every call. All else has a type in [`told`] and crosses only where adapter and policy both allow it.
#![forbid(unsafe_code)]

mod set;

pub use set::Fields;

use std::fmt;

include!(concat!(env!("OUT_DIR"), "/fields.rs"));

/// A field that an adapter may open; one type per field, in [`told`].
pub trait RailField {
    /// Which.
    const FIELD: Field;
}

/// What the schema says of a field.
struct Mark {
    name: &'static str,
    withheld: &'static str,
    purpose: Purpose,
    audiences: &'static [Audience],
    as_pseudonym: bool,
    term: bool,
}

/// Not the name of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField;

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is no field of the contract; `paifang boundary --fields` lists them")
    }
}

impl std::error::Error for UnknownField {}

impl Field {
    /// Reads a name, such as `client_context.payer_id`.
    ///
    /// # Errors
    /// When no marked field has it.
    pub fn parse(name: &str) -> Result<Self, UnknownField> {
        let found = MARKS.binary_search_by(|mark| mark.name.cmp(name)).ok();
        found.and_then(|at| Self::ALL.get(at).copied()).ok_or(UnknownField)
    }

    /// Its stable name, such as `client_context.payer_id`.
    pub fn name(self) -> &'static str {
        self.mark().name
    }

    /// The reason code of what cannot be used because the policy withholds this field.
    pub fn withheld_code(self) -> &'static str {
        self.mark().withheld
    }

    /// What it is for.
    pub fn purpose(self) -> Purpose {
        self.mark().purpose
    }

    /// Who may see it.
    pub fn audiences(self) -> &'static [Audience] {
        self.mark().audiences
    }

    /// Whether these may see it.
    pub fn is_for(self, audience: Audience) -> bool {
        self.audiences().contains(&audience)
    }

    /// It leaves the gateway as a pseudonym only.
    pub fn is_pseudonymous(self) -> bool {
        self.mark().as_pseudonym
    }

    /// What an order is made of: it crosses with every call to a rail, and cannot be withheld from one.
    pub fn is_term(self) -> bool {
        self.mark().term
    }

    /// Its place in [`Field::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    fn mark(self) -> &'static Mark {
        MARKS.get(self.index()).expect("the table has a row per variant, in the same order")
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
