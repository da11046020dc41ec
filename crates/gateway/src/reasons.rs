//! Every reason that an error of the contract can have. Each has a page of its own under `docs/errors/`, named after it;
//! a test holds both lists together.

pub use paifang_engine::reason as precondition;

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "paifang";

/// Fields of the request are wrong; all of them are told.
pub const INVALID_REQUEST: &str = "INVALID_REQUEST";
/// A page token that was not made by this list, for this tenant and filter.
pub const PAGE_TOKEN_INVALID: &str = "PAGE_TOKEN_INVALID";
/// A cursor that is not from this tenant's stream of events.
pub const CURSOR_INVALID: &str = "CURSOR_INVALID";
/// The bytes are no message of this method.
pub const MESSAGE_UNREADABLE: &str = "MESSAGE_UNREADABLE";
/// The message is larger than 64 KiB.
pub const MESSAGE_TOO_LARGE: &str = "MESSAGE_TOO_LARGE";
/// There is no such method.
pub const METHOD_UNKNOWN: &str = "METHOD_UNKNOWN";
/// No API key, or none that is known.
pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
/// This tenant has no such resource.
pub const RESOURCE_NOT_FOUND: &str = "RESOURCE_NOT_FOUND";
/// The request id was used before with another content.
pub const REQUEST_ID_REUSED: &str = "REQUEST_ID_REUSED";
/// The resource has changed since its etag was read.
pub const ETAG_MISMATCH: &str = "ETAG_MISMATCH";
/// More is under way than this gateway takes on.
pub const OVERLOADED: &str = "OVERLOADED";
/// This gateway's config lacks the rail account of the payment.
pub const ACCOUNT_NOT_CONFIGURED: &str = "ACCOUNT_NOT_CONFIGURED";
/// A net statement of more entries than are folded for one call.
pub const STATEMENT_TOO_LARGE: &str = "STATEMENT_TOO_LARGE";
/// The gateway is going down.
pub const SHUTTING_DOWN: &str = "SHUTTING_DOWN";
/// The store does not answer; nothing was changed.
pub const STORE_UNAVAILABLE: &str = "STORE_UNAVAILABLE";
/// It is not known whether the call was committed.
pub const OUTCOME_UNKNOWN: &str = "OUTCOME_UNKNOWN";
/// A fault of the gateway.
pub const INTERNAL: &str = "INTERNAL";

/// The reasons that the edge gives by itself.
const OF_THE_EDGE: &[&str] = &[
    INVALID_REQUEST,
    PAGE_TOKEN_INVALID,
    CURSOR_INVALID,
    MESSAGE_UNREADABLE,
    MESSAGE_TOO_LARGE,
    METHOD_UNKNOWN,
    UNAUTHENTICATED,
    RESOURCE_NOT_FOUND,
    REQUEST_ID_REUSED,
    ETAG_MISMATCH,
    OVERLOADED,
    ACCOUNT_NOT_CONFIGURED,
    STATEMENT_TOO_LARGE,
    SHUTTING_DOWN,
    STORE_UNAVAILABLE,
    OUTCOME_UNKNOWN,
    INTERNAL,
];

/// All of them: those of the edge, then those of [`precondition`].
pub fn all() -> impl Iterator<Item = &'static str> {
    OF_THE_EDGE.iter().chain(precondition::ALL).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// A reason without a page would leave its reader alone; a page without a reason would be of no use.
    #[test]
    fn every_reason_has_a_page_and_every_page_a_reason() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        let mut pages = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if name == "README" {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with(&format!("# {name}\n")), "{name} does not begin with its name");
            for part in ["Code: `", "## What it means\n", "## What to do\n", "## Example\n"] {
                assert!(text.contains(part), "{name} lacks {part:?}");
            }
            pages.insert(name);
        }
        let reasons: BTreeSet<String> = all().map(str::to_owned).collect();
        assert_eq!(reasons, pages);
        assert_eq!(reasons.len(), all().count(), "a reason stands there twice");
    }
}
