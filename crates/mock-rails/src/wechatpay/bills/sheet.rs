//! The form of a bill file: UTF-8 with a byte order mark, CRLF, bare header rows, and a backtick before every value.

/// A bill: rows under a header, and one row of sums under another.
pub(super) struct Sheet<'a> {
    pub(super) columns: &'a [&'a str],
    pub(super) rows: Vec<Vec<String>>,
    pub(super) sum_columns: &'a [&'a str],
    pub(super) sums: Vec<String>,
}

impl Sheet<'_> {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let header = |names: &[&str]| names.join(",");
        let mut lines = vec![header(self.columns)];
        lines.extend(self.rows.iter().map(|row| values(row)));
        lines.push(header(self.sum_columns));
        lines.push(values(&self.sums));
        let mut text = String::from('\u{FEFF}');
        for line in lines {
            text.push_str(&line);
            text.push_str("\r\n");
        }
        text.into_bytes()
    }
}

fn values(row: &[String]) -> String {
    let quoted: Vec<String> = row.iter().map(|value| format!("`{}", escaped(value))).collect();
    quoted.join(",")
}

/// A comma becomes a backslash and a space, a line break its escape: so a line can be cut at commas.
fn escaped(value: &str) -> String {
    value.replace(',', "\\ ").replace('\r', "\\r").replace('\n', "\\n")
}

/// `12.34`
pub(super) fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    format!("{sign}{}.{:02}", fen / 100, fen % 100)
}

/// `0.01000`: fees have five decimals.
pub(super) fn fee(fen: i64) -> String {
    format!("{}000", yuan(fen))
}

/// `0.60%`
pub(super) fn rate(basis_points: u16) -> String {
    format!("{}.{:02}%", basis_points / 100, basis_points % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_in_yuan() {
        assert_eq!([yuan(0), yuan(5), yuan(-1), yuan(12_345)], ["0.00", "0.05", "-0.01", "123.45"]);
        assert_eq!(
            [fee(1), fee(-12), rate(60), rate(38), rate(100)],
            ["0.01000", "-0.12000", "0.60%", "0.38%", "1.00%"]
        );
    }

    #[test]
    fn no_value_breaks_a_line() {
        let row = ["a,b".to_owned(), "c\r\nd".to_owned(), String::new()];
        assert_eq!(values(&row), "`a\\ b,`c\\r\\nd,`");
    }
}
