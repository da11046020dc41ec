//! Rules about the text of one file: sizes, banned words, crate roots.

use super::layers::{PURE, fits};
use super::source::{self, Line};
use super::{TextFile, Violation};

/// Lines of a file, its tests apart.
const FILE_LINES_MAX: usize = 500;

/// Marks a file that a program writes, in its first line; such a file may be long.
const GENERATED: &str = concat!("@gene", "rated");

/// Folders that exist on somebody's machine only. Spelled in halves, so that this file passes its own rule.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/op", "t/")];

/// Where an amount, or what carries one, lives.
const EXACT: &[&str] =
    &["money", "payment", "ledger", "policy", "shares", "rail", "store", "engine", "rail-*", "store-*"];

/// Words that code may not contain.
const BANNED: &[Banned] = &[
    Banned {
        words: &["todo!(", "unimplemented!(", "dbg!("],
        crates: &["*"],
        tests_too: true,
        why: "what is not there yet is left out, or refused with an error",
    },
    Banned {
        words: &["f32", "f64"],
        crates: EXACT,
        tests_too: false,
        why: "there is no float near money; count minor units or whole milliseconds",
    },
    Banned {
        words: &[
            "SystemTime::now",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "Uuid::now_v7",
            "Uuid::new_v4",
            "thread_rng",
            "std::env",
            "env::var",
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "ToSocketAddrs",
            "std::thread",
            "thread::sleep",
        ],
        crates: PURE,
        tests_too: false,
        why: "time, entropy, settings and sockets are handed in",
    },
    Banned {
        words: &["tokio", "tonic", "rusqlite"],
        crates: PURE,
        tests_too: false,
        why: "the core, the adapters and the engine know no runtime, no protobuf and no SQL",
    },
];

struct Banned {
    words: &'static [&'static str],
    crates: &'static [&'static str],
    tests_too: bool,
    why: &'static str,
}

pub(super) fn check(files: &[TextFile]) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in files {
        machine_paths(file, &mut found);
        if file.path.ends_with(".rs") {
            let is_test_file = is_test_path(&file.path);
            let lines = source::lines(&file.text);
            banned_words(file, &lines, is_test_file, &mut found);
            if !is_test_file {
                size(file, &lines, &mut found);
            }
        }
    }
    found
}

/// Each library and binary says what it is and forbids unsafe code; each manifest takes the workspace's lints.
pub(super) fn check_roots(files: &[TextFile], roots: &[String]) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| roots.contains(&file.path)) {
        let mut broken = |text: &str| found.push(violation(file, 0, text));
        if file.path.ends_with(".toml") {
            let inherits = file.text.split_once("[lints]").map(|(_, rest)| rest.trim_start());
            if !inherits.is_some_and(|rest| rest.starts_with("workspace = true")) {
                broken("lacks `[lints] workspace = true`");
            }
            continue;
        }
        if !file.text.starts_with("//!") {
            broken("does not begin with `//!` and what the crate is for");
        }
        let forbids = |line: &Line| line.code.trim() == "#![forbid(unsafe_code)]";
        if !source::lines(&file.text).iter().any(forbids) {
            broken("lacks `#![forbid(unsafe_code)]`");
        }
    }
    found
}

fn machine_paths(file: &TextFile, found: &mut Vec<Violation>) {
    for (at, line) in file.text.lines().enumerate() {
        for path in MACHINE_PATHS.iter().filter(|path| names_path(line, path)) {
            found.push(violation(file, at + 1, &format!("names {path}, a folder of some machine")));
        }
    }
}

/// Whether an absolute path begins there: not in the middle of a longer path or of a URL.
fn names_path(line: &str, path: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '}' | ')');
    line.match_indices(path).any(|(at, _)| !line.get(..at).unwrap_or_default().ends_with(goes_on))
}

fn banned_words(file: &TextFile, lines: &[Line], is_test_file: bool, found: &mut Vec<Violation>) {
    let name = crate_of(&file.path);
    let rules = BANNED.iter().filter(|rule| rule.crates.iter().any(|pattern| fits(pattern, name)));
    for rule in rules {
        for (at, line) in lines.iter().enumerate() {
            if !rule.tests_too && (is_test_file || line.is_test) {
                continue;
            }
            for word in rule.words.iter().filter(|word| has_word(&line.code, word)) {
                found.push(violation(file, at + 1, &format!("`{word}` is banned: {}", rule.why)));
            }
        }
    }
}

fn size(file: &TextFile, lines: &[Line], found: &mut Vec<Violation>) {
    let is_generated = file.text.lines().next().is_some_and(|first| first.contains(GENERATED));
    let count = lines.iter().filter(|line| !line.is_test).count();
    if count > FILE_LINES_MAX && !is_generated {
        let text = format!("has {count} lines besides tests; split it ({FILE_LINES_MAX} at most)");
        found.push(violation(file, 0, &text));
    }
}

/// Whether the word stands there by itself, not as a part of a longer one.
fn has_word(code: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code.get(..at).unwrap_or_default();
        let after = code.get(at + word.len()..).unwrap_or_default();
        let open_end = !word.ends_with(is_word) || !after.starts_with(is_word);
        !before.ends_with(is_word) && open_end
    })
}

/// The short name of the crate that a path belongs to: `crates/NAME/...`, else the first folder.
fn crate_of(path: &str) -> &str {
    path.strip_prefix("crates/").unwrap_or(path).split('/').next().unwrap_or_default()
}

/// `tests.rs` and everything in `tests/`, `benches/` and `examples/`.
fn is_test_path(path: &str) -> bool {
    let in_tests = |part: &str| matches!(part, "tests" | "benches" | "examples" | "tests.rs");
    path.split('/').any(in_tests)
}

fn violation(file: &TextFile, line: usize, text: &str) -> Violation {
    Violation { path: file.path.clone(), line, text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: [usize; 0] = [];

    fn lines_found(path: &str, text: &str) -> Vec<usize> {
        let file = TextFile { path: path.into(), text: text.into() };
        check(&[file]).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn floats_are_banned_where_money_is_but_not_in_words_and_tests() {
        let text = "let a: f64 = x;\n// f64\nlet b = \"f64\";\nlet of64 = 1;\n#[cfg(test)]\nmod tests { use f64; }\n";
        assert_eq!(lines_found("crates/payment/src/a.rs", text), [1]);
        assert_eq!(lines_found("crates/rail-new/src/a.rs", text), [1]);
        assert_eq!(lines_found("crates/gateway/src/a.rs", text), NOTHING);
        assert_eq!(lines_found("crates/payment/src/a/tests.rs", text), NOTHING);
        assert_eq!(lines_found("crates/payment/tests/a.rs", text), NOTHING);
    }

    #[test]
    fn clocks_and_runtimes_stay_out_of_the_core() {
        let text = "let t = SystemTime::now();\nuse tokio::sync;\nlet i = std::time::Instant::now();\nuse std::net::IpAddr;\n";
        assert_eq!(lines_found("crates/engine/src/a.rs", text), [1, 3, 2]);
        assert_eq!(lines_found("crates/transport/src/a.rs", text), NOTHING);
    }

    #[test]
    fn unfinished_code_is_banned_in_tests_too() {
        for macro_name in ["todo", "unimplemented", "dbg"] {
            let text = format!("fn a() {{ {macro_name}!() }}\n");
            assert_eq!(lines_found("crates/gateway/src/a.rs", &text), [1], "{macro_name}");
            assert_eq!(lines_found("crates/gateway/tests/a.rs", &text), [1], "{macro_name}");
        }
    }

    #[test]
    fn a_path_of_a_machine_is_found_in_any_file_but_not_in_urls() {
        let [work, .., opt] = MACHINE_PATHS;
        assert_eq!(lines_found("docs/a.md", &format!("see\n`{work}x`\n")), [2]);
        assert_eq!(lines_found("deploy/run", &format!("PATH={opt}bin")), [1]);
        assert_eq!(lines_found("docs/a.md", &format!("https://example.com{work}x\n")), NOTHING);
    }

    #[test]
    fn a_long_file_is_found_unless_its_length_is_tests_or_generated() {
        let code = "fn a() {}\n".repeat(FILE_LINES_MAX);
        assert_eq!(lines_found("crates/gateway/src/a.rs", &code), NOTHING);
        assert_eq!(lines_found("crates/gateway/src/a.rs", &format!("{code}fn b() {{}}\n")), [0]);
        let tested = format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n");
        assert_eq!(lines_found("crates/gateway/src/a.rs", &tested), NOTHING);
        assert_eq!(lines_found("crates/gateway/src/a.rs", &format!("// {GENERATED}\n{code}")), NOTHING);
    }

    #[test]
    fn a_crate_root_says_what_it_is_and_forbids_unsafe_code() {
        let roots = ["a/lib.rs", "b/lib.rs", "a.toml", "b.toml"].map(str::to_owned);
        let file = |path: &str, text: &str| TextFile { path: path.into(), text: text.into() };
        let found = check_roots(
            &[
                file("a/lib.rs", "//! A.\n#![forbid(unsafe_code)]\n"),
                file("b/lib.rs", "// #![forbid(unsafe_code)]\n"),
                file("a.toml", "[package]\n[lints]\nworkspace = true\n"),
                file("b.toml", "[package]\n"),
                file("c/not_a_root.rs", ""),
            ],
            &roots,
        );
        let paths: Vec<&str> = found.iter().map(|violation| violation.path.as_str()).collect();
        assert_eq!(paths, ["b/lib.rs", "b/lib.rs", "b.toml"]);
    }
}
