//! The one table of `respCode` and `origRespCode`: what each means by itself. What follows from it depends on the call
//! and stands in the module of the call.
//!
//! Source: the response-code list of the gateway's documents, as the official samples and several clients agree on it.
//! A code that is not here says nothing: [`paifang_payment::Doubt::UnlistedCode`]. `docs/codes/unionpay.md` is printed from
//! this table and from what the calls make of it.

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

/// By these the gateway says that it is closed, got no answer in time, or is busy, whatever it is asked about. The others that
/// leave a call in doubt are about its transaction: `12` repeats a number, `34` finds nothing.
pub(crate) const FAILING: &[&str] = &["02", "03", "06"];

/// Every listed code, what it means, and what UnionPay says with it.
pub(crate) const TABLE: &[(&str, Meaning, &str)] = &[
    ("00", Done, "done, or accepted"),
    ("A6", Done, "done, with a defect"),
    ("01", Failed("payer_declined"), "failed, reason with UnionPay"),
    ("02", Depends, "system closed"),
    ("03", Unsure, "communication timed out"),
    ("04", Unsure, "state unknown"),
    ("05", Running, "accepted"),
    ("06", Depends, "busy"),
    ("10", Faulty("invalid_request"), "wrong format"),
    ("11", Faulty("rail_configuration"), "signature does not verify"),
    // Something with this name is there already, so it is asked for before anything else.
    ("12", Depends, "transaction repeated"),
    ("13", Faulty("invalid_request"), "field missing"),
    ("14", Faulty("invalid_request"), "batch file wrong"),
    ("30", Failed("payer_declined"), "not passed"),
    ("31", Faulty("rail_configuration"), "merchant's state"),
    ("32", Faulty("not_permitted"), "no permission"),
    ("33", Failed("amount_limit"), "amount over a limit"),
    ("34", Absent, "no such transaction"),
    ("35", Failed("order_conflict"), "original missing or in another state"),
    ("36", Failed("refund_amount"), "does not fit the original"),
    ("37", Depends, "queried too often"),
    ("38", Failed("risk"), "risk control"),
    ("39", Failed("rail_limit"), "outside of service hours"),
    ("40", Failed("payer_account"), "binding check failed"),
    ("41", Faulty("invalid_request"), "batch in another state"),
    // Debited after payTimeout; UnionPay returns the money by itself, so nothing stays with us.
    ("42", Failed("expired"), "debited after payTimeout"),
    ("43", Faulty("not_permitted"), "business not opened"),
    ("44", Failed("payer_account"), "card number wrong or closed"),
    ("45", Failed("refund_not_allowed"), "refunded or undone already"),
    ("60", Failed("payer_declined"), "refused by the issuer"),
    ("61", Failed("payer_account"), "card number invalid"),
    ("62", Failed("not_permitted"), "issuer does not serve the merchant"),
    ("63", Failed("payer_account"), "card's state"),
    ("64", Failed("insufficient_funds"), "not enough money"),
    ("65", Failed("payer_declined"), "PIN, expiry or CVN2 wrong"),
    ("66", Failed("payer_mismatch"), "identity or phone wrong"),
    ("67", Failed("payer_account"), "PIN tried too often"),
    ("68", Failed("payer_account"), "card not supported"),
    ("69", Failed("expired"), "payer too slow"),
    ("70", Running, "payer was sent on, not done"),
    ("71", Failed("payer_declined"), "one-time code failed"),
    ("72", Failed("payer_account"), "no agreement, or another card"),
    ("73", Failed("payer_account"), "card expired"),
    ("74", Debited, "debited, write-off unknown"),
    ("75", Debited, "debited, write-off failed"),
    ("76", Failed("payer_account"), "needs opening with a PIN"),
    ("77", Failed("payer_account"), "not opened for online payment"),
    ("78", Failed("payer_account"), "restricted by the issuer"),
    ("79", Failed("payer_account"), "opened, cannot take texts"),
    ("80", Failed("payer_code_invalid"), "token expired"),
    ("82", Failed("payer_declined"), "needs a PIN"),
    ("98", Depends, "no such file"),
    ("99", Depends, "any other error"),
    ("PR05", Running, "under review"),
    ("PR99", Failed("risk"), "review not passed"),
];

/// What a code means, or `None` for one that is not listed.
pub(crate) fn meaning(code: &str) -> Option<Meaning> {
    TABLE.iter().find(|(listed, _, _)| *listed == code).map(|(_, meaning, _)| *meaning)
}
