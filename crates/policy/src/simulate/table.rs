//! Aligned tables for people: texts to the left, numbers to the right.

use std::fmt;

use paifang_money::Currency;

/// A table; the columns from `numbers_from` on are numbers.
pub(super) struct Table {
    numbers_from: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(numbers_from: usize, head: &[&str]) -> Self {
        Self { numbers_from, rows: vec![head.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Without rows it is not told.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (at, (cell, width)) in row.iter().zip(widths.iter().copied()).enumerate() {
                let gap = if at == 0 { "" } else { "  " };
                let cell = if at < self.numbers_from {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                };
                line.push_str(gap);
                line.push_str(&cell);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A number with its thousands apart.
pub(super) fn count(number: u64) -> String {
    apart(&number.to_string())
}

/// An amount of minor units in its currency's major ones, such as `1,234.56`.
pub(super) fn amount(minor: i128, currency: &str) -> String {
    let places = Currency::parse(currency).map_or(0, |currency| currency.exponent() as usize);
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let sign = if minor < 0 { "-" } else { "" };
    let dot = if places == 0 { "" } else { "." };
    format!("{sign}{}{dot}{fraction}", apart(whole))
}

fn apart(digits: &str) -> String {
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group));
    groups.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_by_people() {
        let said: Vec<String> = [0, 5, -100, 123_456, 100_000_000].map(|minor| amount(minor, "CNY")).into();
        assert_eq!(said, ["0.00", "0.05", "-1.00", "1,234.56", "1,000,000.00"]);
        assert_eq!((amount(1_234, "JPY"), count(12_345)), ("1,234".to_owned(), "12,345".to_owned()));
    }

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new(1, &["who", "much"]);
        table.row(vec!["platform".into(), "1".into()]);
        assert_eq!(table.to_string(), "who       much\nplatform     1\n");
    }
}
