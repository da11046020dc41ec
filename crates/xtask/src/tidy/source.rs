//! Tells code from comments, texts and tests, so that rules about code do not stumble over words.
//!
//! Not a parser: it knows just enough of Rust's tokens to find where comments and literals end.

/// One line of a Rust file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its code; comments and the insides of literals are blanks.
    pub(super) code: String,
    /// It stands in an item under `#[cfg(test)]`.
    pub(super) is_test: bool,
}

/// The lines of a Rust file.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let code = code_only(text);
    let tests = test_ranges(&code);
    let mut at = 0;
    let mut lines = Vec::new();
    for line in code.split('\n') {
        let is_test = tests.iter().any(|(begin, end)| (*begin..=*end).contains(&at));
        lines.push(Line { code: line.to_owned(), is_test });
        at += line.len() + 1;
    }
    if code.is_empty() || code.ends_with('\n') {
        lines.pop();
    }
    lines
}

/// The text with comments and the insides of literals blanked; line breaks stay where they are.
fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let end = match c {
            '/' if chars.get(at + 1) == Some(&'/') => line_comment_end(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => block_comment_end(&chars, at),
            '"' => quoted_end(&chars, at, '"'),
            '\'' => char_end(&chars, at),
            'r' if !follows_word(&chars, at) => raw_end(&chars, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            out.push(c);
            at += 1;
            continue;
        }
        for &skipped in chars.get(at..end).unwrap_or_default() {
            out.push(if skipped == '\n' { '\n' } else { ' ' });
        }
        at = end;
    }
    out
}

/// Whether the character before is part of the same word; `br` and `cr` begin a raw literal as `r` does.
fn follows_word(chars: &[char], at: usize) -> bool {
    let back = |n: usize| at.checked_sub(n).and_then(|i| chars.get(i)).copied();
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    match back(1) {
        Some('b' | 'c') => is_word(back(2)),
        before => is_word(before),
    }
}

fn line_comment_end(chars: &[char], at: usize) -> usize {
    let rest = chars.get(at..).unwrap_or_default();
    at + rest.iter().position(|c| *c == '\n').unwrap_or(rest.len())
}

fn block_comment_end(chars: &[char], begin: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = begin;
    while at < chars.len() {
        match (chars.get(at), chars.get(at + 1)) {
            (Some('/'), Some('*')) => (depth, at) = (depth + 1, at + 2),
            (Some('*'), Some('/')) if depth == 1 => return at + 2,
            (Some('*'), Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    chars.len()
}

fn quoted_end(chars: &[char], begin: usize, quote: char) -> usize {
    let mut at = begin + 1;
    while let Some(&c) = chars.get(at) {
        match c {
            '\\' => at += 2,
            _ if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// A lifetime is no literal: its quote has no partner two characters later.
fn char_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) | (Some(_), Some('\'')) => quoted_end(chars, at, '\''),
        _ => at,
    }
}

fn raw_end(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars.get(at + 1..)?.iter().take_while(|c| **c == '#').count();
    let open = at + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let is_end = |i: &usize| {
        let tail = chars.get(i + 1..i + 1 + hashes);
        chars.get(*i) == Some(&'"') && tail.is_some_and(|tail| tail.iter().all(|c| *c == '#'))
    };
    let end = (open + 1..chars.len()).find(is_end);
    Some(end.map_or(chars.len(), |end| end + 1 + hashes))
}

/// First and last byte of each item under `#[cfg(test)]`.
fn test_ranges(code: &str) -> Vec<(usize, usize)> {
    let mut ranges = Vec::new();
    let mut from = 0;
    while let Some(begin) = code.get(from..).and_then(|rest| rest.find("#[cfg(test)]")).map(|i| from + i) {
        let end = item_end(code, begin + "#[cfg(test)]".len());
        // From the start of the attribute's line, so that the line counts as a whole.
        let line = code.get(..begin).and_then(|before| before.rfind('\n')).map_or(0, |i| i + 1);
        ranges.push((line, end));
        from = end + 1;
    }
    ranges
}

/// Where the item that begins here ends: at its closing brace, or at a semicolon before any brace.
fn item_end(code: &str, begin: usize) -> usize {
    let mut depth = 0_usize;
    for (i, c) in code.get(begin..).unwrap_or_default().char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return begin + i,
            '}' => depth -= 1,
            ';' if depth == 0 => return begin + i,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(code_only(text), expected);
    }

    #[test]
    fn comments_and_literals_are_blank_and_code_stays() {
        check("a // f64\nb", "a       \nb");
        check("a /* x /* y */ f64 */ b", "a                     b");
        check(r#"f("a \" f64", 1)"#, "f(          , 1)");
        check("r\"f64\" r#\"a\"f64\"# b\"f64\" br#\"f64\"#", "                  b      b        ");
        check("'\\'' 'x' '\"' &'a str", "             &'a str");
        check("for_r\"x\"", "for_r   ");
        check("/* never closed", "               ");
    }

    #[test]
    fn a_line_break_in_a_text_stays_a_line() {
        assert_eq!(lines("let a = \"x\ny\";\n").len(), 2);
        assert_eq!(lines("").len(), 0);
        assert_eq!(lines("a").len(), 1);
    }

    #[test]
    fn only_items_under_cfg_test_are_tests() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { if x {} }\n}\nfn c() {}\n";
        let marks: Vec<bool> = lines(text).iter().map(|line| line.is_test).collect();
        assert_eq!(marks, [false, true, true, true, true, false]);

        let text = "#[cfg(test)]\nmod tests;\nfn c() {}\n// #[cfg(test)]\nfn d() {}\n";
        let marks: Vec<bool> = lines(text).iter().map(|line| line.is_test).collect();
        assert_eq!(marks, [true, true, false, false, false]);
    }
}
