//! Every reason of a gRPC error has a page under `docs/errors/`, and every page a reason.

use std::collections::BTreeSet;

use super::{TextFile, Violation};

/// The list of reasons: every literal in capitals, such as `"REQUEST_ID_REUSED"`, is one.
const REASONS: &str = "crates/gateway/src/reasons.rs";

/// The engine names its own; the gateway's list takes them over.
const ENGINE_REASONS: &str = "crates/engine/src/error.rs";

/// `docs/errors/REQUEST_ID_REUSED.md`; files in small letters (an index) are no pages.
const PAGES: &str = "docs/errors/";

pub(super) fn check(files: &[TextFile]) -> Vec<Violation> {
    // Without the list there is nothing to hold the pages against.
    let Some(list) = files.iter().find(|file| file.path == REASONS) else { return Vec::new() };
    let engine = files.iter().find(|file| file.path == ENGINE_REASONS).map_or("", |file| &file.text);
    let mut reasons = literals(&list.text);
    reasons.extend(literals(engine));
    let pages: BTreeSet<&str> = files.iter().filter_map(|file| page(&file.path)).collect();

    let mut found = Vec::new();
    if reasons.is_empty() {
        found.push(Violation { path: REASONS.into(), line: 0, text: "lists no reason".into() });
    }
    for reason in reasons.difference(&pages) {
        let text = format!("the reason {reason} has no page {PAGES}{reason}.md");
        found.push(Violation { path: REASONS.into(), line: 0, text });
    }
    for page in pages.difference(&reasons) {
        let text = format!("no reason of {REASONS} is called {page}");
        found.push(Violation { path: format!("{PAGES}{page}.md"), line: 0, text });
    }
    found
}

fn page(path: &str) -> Option<&str> {
    path.strip_prefix(PAGES)?.strip_suffix(".md").filter(|name| is_reason(name))
}

/// Only the part before the tests, line comments left out.
fn literals(text: &str) -> BTreeSet<&str> {
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).filter(|literal| is_reason(literal)).collect()
}

fn is_reason(text: &str) -> bool {
    let in_alphabet = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text != "README" && text.starts_with(|c: char| c.is_ascii_uppercase()) && text.bytes().all(in_alphabet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| TextFile { path: (*path).into(), text: (*text).into() };
        let files: Vec<TextFile> = files.iter().map(file).collect();
        check(&files).into_iter().map(|violation| violation.text).collect()
    }

    #[test]
    fn both_lists_are_held_together() {
        let list = "// \"NOT_ME\"\nconst A: &str = \"HAS_PAGE\";\nconst B: &str = \"LACKS_PAGE\";\nlet c = \"small\";\n";
        let texts = found(&[(REASONS, list), ("docs/errors/HAS_PAGE.md", ""), ("docs/errors/GONE.md", "")]);
        assert_eq!(
            texts,
            [
                "the reason LACKS_PAGE has no page docs/errors/LACKS_PAGE.md",
                "no reason of crates/gateway/src/reasons.rs is called GONE",
            ]
        );
        assert_eq!(found(&[(REASONS, "")]), ["lists no reason"]);
    }

    #[test]
    fn without_a_list_nothing_is_asked() {
        assert!(found(&[("docs/errors/GONE.md", ""), ("docs/errors/README.md", "")]).is_empty());
    }
}
