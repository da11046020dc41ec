//! The one table of `respCode` and `origRespCode`: what each means by itself. What follows from it depends on the call
//! and stands in the module of the call.
//!
//! Source: the response-code list of the gateway's documents, as the official samples and several clients agree on it.
//! A code that is not here says nothing: [`paifang_payment::Doubt::UnlistedCode`].

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Done, or accepted where acceptance is all that a reply can say.
    Done,
    /// UnionPay has the transaction; its end comes later.
    Running,
    /// UnionPay does not know yet whether it has.
    Unsure,
    /// Says nothing about the money by itself: ask (again), later.
    Depends,
    /// The payer was debited and the rest is open. Only reconciliation settles it.
    Debited,
    /// No such transaction now.
    Absent,
    /// A final no of UnionPay or the issuer, in our word.
    Failed(&'static str),
    /// A final no to the message or to the account's set-up, in our word.
    Faulty(&'static str),
}

use Meaning::{Absent, Debited, Depends, Done, Failed, Faulty, Running, Unsure};

/// Every listed code.
pub(crate) const TABLE: &[(&str, Meaning)] = &[
    ("00", Done),
    ("A6", Done),
    ("01", Failed("payer_declined")),
    ("02", Depends),
    ("03", Unsure),
    ("04", Unsure),
    ("05", Running),
    ("06", Depends),
    ("10", Faulty("invalid_request")),
    ("11", Faulty("rail_configuration")),
    // Something with this name is there already, so it is asked for before anything else.
    ("12", Depends),
    ("13", Faulty("invalid_request")),
    ("14", Faulty("invalid_request")),
    ("30", Failed("payer_declined")),
    ("31", Faulty("rail_configuration")),
    ("32", Faulty("not_permitted")),
    ("33", Failed("amount_limit")),
    ("34", Absent),
    ("35", Failed("order_conflict")),
    ("36", Failed("refund_amount")),
    ("37", Depends),
    ("38", Failed("risk")),
    ("39", Failed("rail_limit")),
    ("40", Failed("payer_account")),
    ("41", Faulty("invalid_request")),
    // Debited after payTimeout; UnionPay returns the money by itself, so nothing stays with us.
    ("42", Failed("expired")),
    ("43", Faulty("not_permitted")),
    ("44", Failed("payer_account")),
    ("45", Failed("refund_not_allowed")),
    ("60", Failed("payer_declined")),
    ("61", Failed("payer_account")),
    ("62", Failed("not_permitted")),
    ("63", Failed("payer_account")),
    ("64", Failed("insufficient_funds")),
    ("65", Failed("payer_declined")),
    ("66", Failed("payer_mismatch")),
    ("67", Failed("payer_account")),
    ("68", Failed("payer_account")),
    ("69", Failed("expired")),
    ("70", Running),
    ("71", Failed("payer_declined")),
    ("72", Failed("payer_account")),
    ("73", Failed("payer_account")),
    ("74", Debited),
    ("75", Debited),
    ("76", Failed("payer_account")),
    ("77", Failed("payer_account")),
    ("78", Failed("payer_account")),
    ("79", Failed("payer_account")),
    ("80", Failed("payer_code_invalid")),
    ("82", Failed("payer_declined")),
    ("98", Depends),
    ("99", Depends),
    ("PR05", Running),
    ("PR99", Failed("risk")),
];

/// What a code means, or `None` for one that is not listed.
pub(crate) fn meaning(code: &str) -> Option<Meaning> {
    TABLE.iter().find(|(listed, _)| *listed == code).map(|(_, meaning)| *meaning)
}
