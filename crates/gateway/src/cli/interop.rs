//! `paifang interop`: the published tables that this release goes by. No gateway is asked, and no code is taken: an argument
//! of a command can be read by everybody on the machine.

use paifang_interop::matrix::{self, CodeKind, Since};
use paifang_interop::{Confidence, codes};
use paifang_payment::{RailName, WalletName};
use serde_json::{Value, json};

use crate::cli::{Ended, say};

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Only what this wallet issues.
    #[arg(long, value_parser = wallet)]
    issuer: Option<WalletName>,
    /// Only what this rail takes.
    #[arg(long, value_parser = rail)]
    acceptor: Option<RailName>,
    /// Only this kind of code: payer_code, merchant_code or in_app.
    #[arg(long, value_parser = kind)]
    kind: Option<CodeKind>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn wallet(text: &str) -> Result<WalletName, String> {
    WalletName::parse(text).map_err(|error| error.to_string())
}

fn rail(text: &str) -> Result<RailName, String> {
    RailName::parse(text).map_err(|error| error.to_string())
}

fn kind(text: &str) -> Result<CodeKind, String> {
    let known = CodeKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| "must be payer_code, merchant_code or in_app".to_owned())
}

pub(crate) fn run(options: &Options) -> Result<(), Ended> {
    let told = Told::of(options);
    if options.json { say(format_args!("{:#}", told.json())) } else { say(told.text()) }
}

/// The rows that are asked for.
struct Told {
    codes: Vec<&'static codes::Row>,
    rows: Vec<&'static matrix::Row>,
    closed: Vec<&'static matrix::Closed>,
}

impl Told {
    fn of(options: &Options) -> Self {
        let issuer = |wallet: &WalletName| options.issuer.as_ref().is_none_or(|issuer| issuer == wallet);
        let rail = |rail: &RailName| options.acceptor.as_ref().is_none_or(|acceptor| acceptor == rail);
        let kind = |kind: CodeKind| options.kind.is_none_or(|wanted| wanted == kind);
        let matrix = matrix::published();
        Self {
            codes: codes::published().rows().iter().filter(|row| issuer(&row.wallet)).collect(),
            rows: (matrix.rows().iter())
                .filter(|row| issuer(&row.issuer) && rail(&row.acceptor) && kind(row.kind))
                .collect(),
            closed: (matrix.closed().iter()).filter(|row| rail(&row.acceptor) && kind(row.kind)).collect(),
        }
    }

    fn json(&self) -> Value {
        let codes = self.codes.iter().map(|row| {
            json!({
                "row": row.id,
                "wallet": row.wallet,
                "digits": row.digits,
                "prefix": row.prefix,
                "confidence": row.confidence,
                "source": row.source,
                "note": row.note,
            })
        });
        let rows = self.rows.iter().map(|row| {
            json!({
                "row": row.id,
                "issuer": row.issuer,
                "acceptor": row.acceptor,
                "kind": row.kind,
                "direction": row.direction,
                "since": row.since,
                "confidence": row.confidence,
                "source": row.source,
                "note": row.note,
            })
        });
        let closed = self.closed.iter().map(
            |row| json!({ "row": row.id, "acceptor": row.acceptor, "kind": row.kind, "source": row.source }),
        );
        json!({
            "payer_codes": codes.collect::<Vec<_>>(),
            "interoperability": rows.collect::<Vec<_>>(),
            "closed": closed.collect::<Vec<_>>(),
        })
    }

    /// For people: a line per row, and below it who says so.
    fn text(&self) -> String {
        let mut lines = vec!["Whose a payer's code is".to_owned()];
        for row in &self.codes {
            let ((least, most), (first, last)) = (row.digits, &row.prefix);
            let digits = if least == most { format!("{least}") } else { format!("{least}-{most}") };
            let begins = if first == last { first.clone() } else { format!("{first}-{last}") };
            lines.push(format!(
                "  {:12} {digits:>5} digits from {begins:7}{}",
                row.wallet.as_str(),
                sure(row.confidence)
            ));
            lines.push(format!("      {}", said(&row.source, &row.note)));
        }
        lines.push("Who pays at whose rail".to_owned());
        for row in &self.rows {
            let since = row.since.as_ref().map_or_else(|| "undated".to_owned(), Since::to_string);
            lines.push(format!(
                "  {:15} at {:10} {:13} {:9} {since:10}{}",
                row.issuer.as_str(),
                row.acceptor.as_str(),
                row.kind.as_str(),
                row.direction.as_str(),
                sure(row.confidence),
            ));
            lines.push(format!("      {}", said(&row.source, &row.note)));
        }
        lines.push("What is refused unless a row above brings it there".to_owned());
        for row in &self.closed {
            lines.push(format!("  other wallets' {} at {}", row.kind.as_str(), row.acceptor));
            lines.push(format!("      {}", row.source));
        }
        lines.join("\n")
    }
}

fn sure(confidence: Confidence) -> String {
    format!("  {}", confidence.as_str())
}

fn said(source: &str, note: &str) -> String {
    if note.is_empty() { source.to_owned() } else { format!("{source} ({note})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_are_told_whole_or_as_they_are_asked_for() {
        let all = Told::of(&Options::default());
        assert_eq!(all.codes.len(), codes::published().rows().len());
        assert_eq!(all.rows.len(), matrix::published().rows().len());
        let text = all.text();
        assert!(text.contains("alipay       16-24 digits from 25-30    documented"), "{text}");
        assert!(text.contains("merchant_code domestic  2024-06     reported"), "{text}");
        let json = all.json();
        assert_eq!(json["payer_codes"][0]["prefix"], json!(["10", "15"]));
        assert_eq!(json["closed"].as_array().map(Vec::len), Some(matrix::published().closed().len()));

        let options = Options {
            issuer: wallet("quickpass").ok(),
            acceptor: rail("wechatpay").ok(),
            kind: kind("in_app").ok(),
            json: false,
        };
        let some = Told::of(&options).json();
        let rows: Vec<&Value> = some["interoperability"].as_array().unwrap().iter().collect();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (&rows[0]["row"], &rows[0]["since"]),
            (&json!("quickpass-in-wechat"), &json!("2021-09-30"))
        );
        assert!(kind("qr").is_err());
    }
}
