//! The one table: what an error code means, by call.
//!
//! - "No" is final and says that nothing moved, so it stands only where that is certain: an order creation that was
//!   turned down has shown nothing to any payer. A *refund* that was turned down may have an earlier copy that was carried
//!   out, so there a "no" becomes final together with a query that finds nothing.
//! - What is repaired (a key, a permission, the merchant's balance) or passes (a rate, an overload) is doubt in a
//!   refund, which then goes out again under the same number.
//! - An error of a query or a close never says anything of the order, except that there is no such order.
//! - The status goes before the code: 429 and 5xx are doubt whatever their body says (see `answer`). Codes that are
//!   documented with such a status stand here for the case that they come with another one.
//! - A code that is not in the table, or not for this call, is [`Doubt::UnlistedCode`].

use paifang_payment::{Doubt, Verb};
use paifang_rail::{Answer, Genuine, Outcome};

use crate::answer::{Error, doubt, rule};
use crate::wire::{reason, shortened};

/// What a code means in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The call was turned down for good, for this reason.
    No(&'static str),
    /// The rail does not know, or it can be had later, or a query tells more.
    Unsure,
    /// The order may be paid.
    Paid,
    /// There is no such order or refund; believed with status 404 only.
    Absent,
    /// Documented for other calls than this one.
    Else,
}

use Meaning::{Absent, Else, No, Paid, Unsure};

/// A code in the spelling of today, then in that of 2020, which some pages and accounts still have.
struct Row {
    spellings: &'static [&'static str],
    charge: Meaning,
    query: Meaning,
    close: Meaning,
    refund: Meaning,
    query_refund: Meaning,
}

const fn row(
    spellings: &'static [&'static str],
    charge: Meaning,
    query: Meaning,
    close: Meaning,
    refund: Meaning,
    query_refund: Meaning,
) -> Row {
    Row { spellings, charge, query, close, refund, query_refund }
}

#[rustfmt::skip]
static TABLE: &[Row] = &[
    //                                             charge                    query   close   refund                    query_refund
    row(&["PARAM_ERROR"],                          No("invalid_request"),    Unsure, Unsure, No("invalid_request"),    Unsure),
    // Also a repeat whose content differs from the first one's, and a refund of more than is left.
    row(&["INVALID_REQUEST"],                      No("invalid_request"),    Unsure, Unsure, No("invalid_request"),    Unsure),
    row(&["APPID_MCHID_NOT_MATCH"],                No("rail_configuration"), Else,   Else,   Else,                     Else),
    row(&["MCH_NOT_EXISTS"],                       No("rail_configuration"), Unsure, Unsure, Unsure,                   Unsure),
    row(&["ORDER_CLOSED", "ORDERCLOSED"],          No("order_closed"),       Else,   Unsure, Else,                     Else),
    row(&["ORDER_PAID", "ORDERPAID"],              Paid,                     Else,   Paid,   Else,                     Else),
    row(&["NO_STATEMENT_EXIST"],                   Else,                     Else,   Else,   Else,                     Else),
    row(&["STATEMENT_CREATING"],                   Else,                     Else,   Else,   Else,                     Else),
    row(&["SIGN_ERROR"],                           No("rail_configuration"), Unsure, Unsure, Unsure,                   Unsure),
    row(&["NO_AUTH", "NOAUTH"],                    No("not_permitted"),      Unsure, Unsure, Unsure,                   Unsure),
    row(&["RULE_LIMIT", "RULELIMIT"],              No("risk"),               Else,   Else,   Else,                     Else),
    row(&["TRADE_ERROR"],                          No("not_permitted"),      Else,   Else,   Else,                     Else),
    row(&["ACCOUNT_ERROR", "ACCOUNTERROR"],        No("payer_account"),      Else,   Else,   Else,                     Else),
    // An order of this number exists; a query tells what became of it.
    row(&["OUT_TRADE_NO_USED"],                    Unsure,                   Else,   Else,   Else,                     Else),
    // Of the merchant's own money.
    row(&["NOT_ENOUGH", "NOTENOUGH"],              Else,                     Else,   Else,   Unsure,                   Else),
    row(&["USER_ACCOUNT_ABNORMAL"],                Else,                     Else,   Else,   No("payer_account"),      Else),
    row(&["ORDER_NOT_EXIST", "ORDERNOTEXIST"],     Else,                     Absent, Absent, Else,                     Else),
    // In a refund it is the order that does not exist or is not paid.
    row(&["RESOURCE_NOT_EXISTS"],                  Else,                     Else,   Else,   No("refund_not_allowed"), Absent),
    row(&["FREQUENCY_LIMITED"],                    Unsure,                   Unsure, Unsure, Unsure,                   Unsure),
    row(&["RATELIMIT_EXCEEDED"],                   Unsure,                   Unsure, Unsure, Unsure,                   Unsure),
    row(&["RATELIMIT_EXCEED"],                     Unsure,                   Unsure, Unsure, Unsure,                   Unsure),
    row(&["RATE_LIMITED"],                         Unsure,                   Unsure, Unsure, Unsure,                   Unsure),
    row(&["FREQUENCY_LIMIT_EXCEED"],               Unsure,                   Unsure, Unsure, Unsure,                   Unsure),
    row(&["REQUEST_BLOCKED"],                      Else,                     Else,   Else,   Else,                     Else),
    row(&["SYSTEM_ERROR", "SYSTEMERROR"],          Unsure,                   Unsure, Unsure, Unsure,                   Unsure),
    row(&["BANK_ERROR", "BANKERROR"],              Unsure,                   Unsure, Unsure, Unsure,                   Unsure),
    row(&["INVALID_TRANSACTIONID"],                Else,                     Unsure, Else,   Else,                     Else),
    row(&["OPENID_MISMATCH"],                      No("payer_mismatch"),     Else,   Else,   Else,                     Else),
    row(&["SERVICE_UNAVAILABLE"],                  Unsure,                   Unsure, Unsure, Unsure,                   Unsure),
    // A state today; in 2020 a code beside status 202. Only orders of payer's codes have it.
    row(&["USERPAYING"],                           Unsure,                   Unsure, Unsure, Else,                     Else),
];

/// What an error means for a call of this verb.
pub(crate) fn read(verb: Verb, error: &Error, proof: Option<Genuine>) -> Answer {
    let code = shortened(&error.code);
    let case = code.to_ascii_lowercase();
    match find(verb, &error.code) {
        None | Some(Else) => doubt(verb, Doubt::UnlistedCode(code), "unlisted_code"),
        Some(Unsure) => doubt(verb, Doubt::RailUnsure(code), &case),
        Some(Paid) => doubt(verb, Doubt::MaybePaid(code), &case),
        Some(Absent) if error.status == 404 => Answer::absent(proof, rule(verb, &case)),
        Some(Absent) => doubt(verb, Doubt::RailUnsure(code), "absent_without_404"),
        Some(No(word)) => Answer::is(refuse(verb, word, error, proof), rule(verb, &case)),
    }
}

/// The meaning of a code; `None` where it is not listed at all.
pub(crate) fn find(verb: Verb, code: &str) -> Option<Meaning> {
    let row = TABLE.iter().find(|row| row.spellings.contains(&code))?;
    Some(match verb {
        Verb::Charge => row.charge,
        Verb::Query => row.query,
        Verb::Close => row.close,
        Verb::Refund => row.refund,
        Verb::QueryRefund => row.query_refund,
        Verb::Reverse
        | Verb::QueryReverse
        | Verb::Capture
        | Verb::QueryCapture
        | Verb::Release
        | Verb::QueryRelease => Else,
    })
}

/// Errors are not signed, as far as is known, and then rest on the channel, after which the machine of refunds asks once
/// more. A signature must not spare that question: an earlier copy of the refund may have been carried out.
fn refuse(verb: Verb, word: &'static str, error: &Error, proof: Option<Genuine>) -> Outcome {
    let message = error.message.as_deref().unwrap_or_default();
    match proof.filter(|_| verb != Verb::Refund) {
        Some(proof) => Outcome::refused(proof, reason(word), &error.code, message),
        None => Outcome::refused_by_channel(reason(word), &error.code, message),
    }
}

#[cfg(test)]
pub(crate) fn listed() -> impl Iterator<Item = &'static [&'static str]> {
    TABLE.iter().map(|row| row.spellings)
}
