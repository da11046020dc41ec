//! Bounds on a condition's text that hold before the parser sees it.
//!
//! A text stays within one line and has no backslash, so that this scan and the parser can never disagree on what is
//! text and what is brackets. Brackets come in pairs and hold something: a parser that meets others recovers by
//! guessing, and its guesses nest.

use super::{BRACKETS_MAX, CHARS_MAX, CHOICES_MAX, NESTING_MAX};
use crate::{Fault, Place};

/// The first thing that is out of bounds.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    if text.trim().is_empty() {
        return Err(fault(text, 0, "it is empty", "leave it out where the rule always holds"));
    }
    if text.chars().nth(CHARS_MAX).is_some() {
        let right = format!("it must be at most {CHARS_MAX} characters; make two rules of it");
        return Err(fault(text, 0, "it is too long", &right));
    }
    let mut scan = Scan { text, quote: None, open: Vec::new(), brackets: 0, choices: 0 };
    text.char_indices().try_for_each(|(at, c)| scan.step(at, c))?;
    if let Some((at, _)) = scan.quote {
        return Err(fault(text, at, "the text is not closed", "end it with the same quote"));
    }
    match scan.open.last() {
        Some((at, kind)) => {
            let right = format!("close it with {}", kind.closer());
            Err(fault(text, *at, "this bracket is not closed", &right))
        }
        None => Ok(()),
    }
}

struct Scan<'a> {
    text: &'a str,
    quote: Option<(usize, char)>,
    /// The brackets that are open, each with its place.
    open: Vec<(usize, Bracket)>,
    brackets: usize,
    choices: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Round,
    Square,
}

/// What stands before a place, as far as brackets go by it.
enum Before {
    /// Nothing, an operator, a dot, `in`: a value is due.
    Operator,
    Comma,
    /// A bracket that opens here.
    Opener(usize),
    /// A bracket that closes, or a text.
    Whole,
    /// A name or a number.
    Word,
}

impl Scan<'_> {
    fn step(&mut self, at: usize, c: char) -> Result<(), Fault> {
        if let Some((_, quote)) = self.quote {
            return self.within_text(at, c, quote);
        }
        let refused = |wrong: &str, right: &str| Err(fault(self.text, at, wrong, right));
        let rest = self.text.get(at..).unwrap_or_default();
        match c {
            '"' | '\'' if rest.starts_with("\"\"\"") || rest.starts_with("'''") => {
                refused("a text in three quotes", "write it in one pair of quotes")
            }
            '"' | '\'' => {
                self.quote = Some((at, c));
                Ok(())
            }
            '(' => self.open(at, Bracket::Round),
            '[' => self.open(at, Bracket::Square),
            ')' => self.close(at, Bracket::Round),
            ']' => self.close(at, Bracket::Square),
            '?' => self.choose(at),
            '{' | '}' => {
                refused("there are no maps in conditions", "use x in [\"a\", \"b\"] for a choice of values")
            }
            '/' if rest.starts_with("//") => refused("a comment", "write comments in the TOML around it"),
            '\\' | '`' => refused("a backslash or a backtick", "the names of inputs need neither"),
            _ if !c.is_ascii() || (c.is_ascii_control() && !c.is_ascii_whitespace()) => {
                refused("a character outside of ASCII", "only texts in quotes may hold it")
            }
            _ => Ok(()),
        }
    }

    fn within_text(&mut self, at: usize, c: char, quote: char) -> Result<(), Fault> {
        if c == quote {
            self.quote = None;
        } else if c == '\\' || c.is_control() {
            let right = "a text in a condition is one line without backslashes";
            return Err(fault(self.text, at, "a backslash or a control character in a text", right));
        }
        Ok(())
    }

    fn open(&mut self, at: usize, kind: Bracket) -> Result<(), Fault> {
        if kind == Bracket::Round && matches!(self.before(at), Before::Whole) {
            let right = "put an operator such as && between the two";
            return Err(fault(self.text, at, "an operator is missing before this bracket", right));
        }
        self.open.push((at, kind));
        self.brackets += 1;
        if self.open.len() > NESTING_MAX {
            let right =
                format!("at most {NESTING_MAX} brackets may stand within each other; make two rules of it");
            return Err(fault(self.text, at, "it is nested too deeply", &right));
        }
        if self.brackets > BRACKETS_MAX {
            let right =
                format!("a condition has at most {BRACKETS_MAX} opening brackets; make two rules of it");
            return Err(fault(self.text, at, "it has too many brackets", &right));
        }
        Ok(())
    }

    fn close(&mut self, at: usize, kind: Bracket) -> Result<(), Fault> {
        let refused = |wrong: &str, right: &str| Err(fault(self.text, at, wrong, right));
        let Some((_, opened)) = self.open.pop() else {
            return refused("this bracket closes nothing", "leave it out, or open it before");
        };
        if opened != kind {
            return refused("this bracket closes another kind", &format!("close with {}", opened.closer()));
        }
        match (self.before(at), kind) {
            // `f()` and `[]` are CEL: what is wrong with them is told by name.
            (Before::Opener(opener), _) => match (self.before(opener), kind) {
                (Before::Word, Bracket::Round) | (Before::Operator | Before::Comma, Bracket::Square) => {
                    Ok(())
                }
                (Before::Opener(_), Bracket::Square) => Ok(()),
                _ => refused("there is nothing within these brackets", "leave them out"),
            },
            (Before::Whole | Before::Word, _) | (Before::Comma, Bracket::Square) => Ok(()),
            (Before::Operator, _) | (Before::Comma, Bracket::Round) => refused(
                "a bracket closes where a value is due",
                "write the value, or leave out what asks for it",
            ),
        }
    }

    fn before(&self, at: usize) -> Before {
        let before = self.text.get(..at).unwrap_or_default().trim_ascii_end();
        let word_at = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
        match (before.get(word_at..), before.chars().next_back()) {
            (Some("in"), _) => Before::Operator,
            (_, Some(c)) if c.is_ascii_alphanumeric() || c == '_' => Before::Word,
            (_, Some(')' | ']' | '"' | '\'')) => Before::Whole,
            (_, Some('(' | '[')) => Before::Opener(before.len().saturating_sub(1)),
            (_, Some(',')) => Before::Comma,
            (_, Some(_) | None) => Before::Operator,
        }
    }

    fn choose(&mut self, at: usize) -> Result<(), Fault> {
        self.choices += 1;
        if self.choices > CHOICES_MAX {
            let right = format!("a condition has at most {CHOICES_MAX} of them; make two rules of it");
            return Err(fault(self.text, at, "it has too many `?`", &right));
        }
        Ok(())
    }
}

impl Bracket {
    fn closer(self) -> char {
        match self {
            Self::Round => ')',
            Self::Square => ']',
        }
    }
}

fn fault(text: &str, at: usize, wrong: &str, right: &str) -> Fault {
    Fault { place: Place::of(text, at), field: String::new(), wrong: wrong.into(), right: right.into() }
}
