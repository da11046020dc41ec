//! Bounds on a condition's text that hold before the parser sees it.
//!
//! A text stays within one line and has no backslash, so that this scan and the parser can never disagree on what is
//! text and what is brackets.

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
    let mut scan = Scan { text, quote: None, depth: 0, brackets: 0, choices: 0 };
    text.char_indices().try_for_each(|(at, c)| scan.step(at, c))?;
    match scan.quote {
        Some((at, _)) => Err(fault(text, at, "the text is not closed", "end it with the same quote")),
        None => Ok(()),
    }
}

struct Scan<'a> {
    text: &'a str,
    quote: Option<(usize, char)>,
    depth: usize,
    brackets: usize,
    choices: usize,
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
            '(' | '[' => self.open(at),
            ')' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
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

    fn open(&mut self, at: usize) -> Result<(), Fault> {
        self.depth += 1;
        self.brackets += 1;
        if self.depth > NESTING_MAX {
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

    fn choose(&mut self, at: usize) -> Result<(), Fault> {
        self.choices += 1;
        if self.choices > CHOICES_MAX {
            let right = format!("a condition has at most {CHOICES_MAX} of them; make two rules of it");
            return Err(fault(self.text, at, "it has too many `?`", &right));
        }
        Ok(())
    }
}

fn fault(text: &str, at: usize, wrong: &str, right: &str) -> Fault {
    Fault { place: Place::of(text, at), field: String::new(), wrong: wrong.into(), right: right.into() }
}
