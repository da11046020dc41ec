//! A report for people.

use std::fmt;

use paifang_shares::refund_terms::RefundMode;

use super::money::{Changes, MoneyReport, Pair, Refunds, Verdict};
use super::table::{Table, amount, count};
use super::{Line, Report, Totals};

/// A table for people: one line per wallet and presentation, then the total and what decided.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { draft, total, lines, rules, because, missing, beyond_lines, money } = self;
        writeln!(
            f,
            "{} version {}: {} records, {} unchanged",
            draft.name, draft.version, total.records, total.unchanged
        )?;
        writeln!(
            f,
            "{:<32} {:<13} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "wallet", "presentation", "records", "+shown", "-shown", "+accepted", "-accepted"
        )?;
        for Line { wallet, presentation, totals } in lines {
            row(f, wallet.as_str(), presentation.as_str(), totals)?;
        }
        row(f, "total", "", total)?;
        for (currency, amount) in &total.amount_newly_accepted {
            writeln!(f, "newly accepted: {amount} minor units of {currency}")?;
        }
        for (currency, amount) in &total.amount_no_longer_accepted {
            writeln!(f, "no longer accepted: {amount} minor units of {currency}")?;
        }
        credit(f, total)?;
        for (rule, count) in rules {
            writeln!(f, "decided by {rule}: {count}")?;
        }
        for (because, count) in because {
            writeln!(f, "because {}: {count}", because.as_str())?;
        }
        for (lack, count) in missing {
            writeln!(f, "missing {lack}: {count}")?;
        }
        if *beyond_lines > 0 {
            writeln!(f, "in the total only: {beyond_lines}")?;
        }
        money.as_ref().map_or(Ok(()), |money| money.fmt(f))
    }
}

fn row(f: &mut fmt::Formatter<'_>, wallet: &str, presentation: &str, totals: &Totals) -> fmt::Result {
    let Totals { records, newly_shown, no_longer_shown, newly_accepted, no_longer_accepted, .. } = totals;
    writeln!(
        f,
        "{wallet:<32} {presentation:<13} {records:>9} {newly_shown:>9} {no_longer_shown:>9} {newly_accepted:>9} {no_longer_accepted:>9}"
    )
}

/// What came of leaving credit out; nothing where nobody did.
fn credit(f: &mut fmt::Formatter<'_>, total: &Totals) -> fmt::Result {
    let Totals { without_credit_before, without_credit_after, without_credit_assumed, credit_stays, .. } =
        total;
    if without_credit_before + without_credit_after > 0 {
        writeln!(f, "accepted without credit: {without_credit_before} before, {without_credit_after} after")?;
    }
    if *without_credit_assumed > 0 {
        writeln!(
            f,
            "of these, not recorded whether an order can leave credit out: {without_credit_assumed}"
        )?;
    }
    if *credit_stays > 0 {
        writeln!(f, "closed, because no order can leave credit out: {credit_stays}")?;
    }
    Ok(())
}

/// What changed in money: payments, then fees, parts, refunds and their bearers, a table each.
impl fmt::Display for MoneyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.payments {
            let (code, taken, closed) = (one.currency, one.taken, one.closed);
            writeln!(f, "\n{} payments of {} {code}", count(taken.count), amount(taken.amount, code))?;
            let Pair { before, after } = one.paid_in;
            if before.count + after.count > 0 {
                let said = [before, after].map(|of| (count(of.count), amount(of.amount, code)));
                let [(were, had), (are, have)] = said;
                writeln!(
                    f,
                    "paid in by funders of discounts: {were}, {had} {code} before; {are}, {have} {code} after"
                )?;
            }
            let misfits = one.misfits.iter().map(|(table, of)| (format!("its {table} do not fit"), *of));
            let closed = (closed.count > 0).then(|| ("its openings close them".to_owned(), closed));
            for (why, of) in closed.into_iter().chain(misfits) {
                let (many, much) = (count(of.count), amount(of.amount, code));
                writeln!(f, "not taken by the draft, {why}: {many}, {much} {code}")?;
            }
        }
        section(f, "fees", &self.fees())?;
        section(f, "parts of payments, and what of them came back with refunds", &self.parts())?;
        self.refunds.fmt(f)?;
        if self.contradictory > 0 {
            writeln!(f, "\nleft out, their records contradict themselves: {}", count(self.contradictory))?;
        }
        if self.beyond_lines > 0 {
            writeln!(f, "in no line, there would be too many: {}", count(self.beyond_lines))?;
        }
        Ok(())
    }
}

impl MoneyReport {
    fn fees(&self) -> Table {
        let mut table =
            Table::new(3, &["currency", "wallet", "rule", "before", "amount", "after", "amount", "change"]);
        for line in &self.fees {
            let names = [line.currency, line.wallet.as_str(), line.rule.as_str()];
            table.row(names.into_iter().map(str::to_owned).chain(pair(&line.fees, line.currency)).collect());
        }
        table
    }

    fn parts(&self) -> Table {
        let head =
            ["currency", "who", "got before", "after", "change", "gave back before", "after", "change"];
        let mut table = Table::new(2, &head);
        for line in &self.parts {
            let who = line.receiver.as_ref().map_or("the merchants", |receiver| receiver.as_str());
            let mut cells = vec![line.currency.to_owned(), who.to_owned()];
            for of in [&line.got, &line.gave_back] {
                let (before, after) = (of.before.amount, of.after.amount);
                cells.extend([before, after, after - before].map(|much| amount(much, line.currency)));
            }
            if line.receiver.is_none() {
                cells.truncate(5);
                cells.extend(["-"; 3].map(str::to_owned));
            }
            table.row(cells);
        }
        table
    }
}

impl fmt::Display for Refunds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for changes in &self.changes {
            changes.fmt(f)?;
        }
        section(f, "refunds by what was decided", &self.verdicts())?;
        section(f, "refunds that were granted, by reason", &self.reasons())?;
        section(f, "who bore what went out", &self.bearers())?;
        let (recorded, assumed) = (self.funds.recorded, self.funds.assumed);
        if recorded + assumed > 0 {
            writeln!(
                f,
                "\nwhat bearers of the draft had: as recorded {}; not recorded, assumed to be enough up to their caps {}",
                count(recorded),
                count(assumed)
            )?;
        }
        if self.left_out > 0 {
            writeln!(f, "\nleft out of the records, and of these figures: {} refunds", count(self.left_out))?;
        }
        Ok(())
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.currency;
        let mut asked = Table::new(1, &["refunds", "count", "amount"]);
        let kinds = [
            ("asked for", self.asked),
            ("granted as before", self.still_granted),
            ("of those by another rule", self.by_another_rule),
            ("newly granted", self.newly_granted),
            ("no longer granted", self.no_longer_granted),
            ("refused as before", self.still_refused),
            ("cannot be told, their reason was not recorded", self.untold),
            ("their payment is not taken by the draft", self.without_payment),
        ];
        for (kind, of) in kinds.into_iter().filter(|(_, of)| of.count > 0) {
            asked.row(vec![kind.to_owned(), count(of.count), amount(of.amount, code)]);
        }
        let mut out = Table::new(1, &["refunds", "before", "amount", "after", "amount", "change"]);
        for (kind, of) in [("went out", &self.out), ("short of funds, what they lack", &self.short)] {
            out.row(std::iter::once(kind.to_owned()).chain(pair(of, code)).collect());
        }
        write!(f, "\nrefunds in {code}\n{asked}\n{out}")?;
        let no_refusal = self.still_refused.count + self.newly_granted.count == 0;
        if no_refusal {
            writeln!(f, "no refused request is recorded: what the draft would grant of such is not seen")?;
        }
        Ok(())
    }
}

impl Refunds {
    fn verdicts(&self) -> Table {
        let head = ["currency", "decision", "mode", "rule", "before", "amount", "after", "amount", "change"];
        let mut table = Table::new(4, &head);
        for line in &self.verdicts {
            let names = std::iter::once(line.currency.to_owned()).chain(named(&line.verdict));
            table.row(names.chain(pair(&line.refunds, line.currency)).collect());
        }
        table
    }

    fn reasons(&self) -> Table {
        let head = ["currency", "reason", "asked", "before", "amount", "after", "amount", "change"];
        let mut table = Table::new(2, &head);
        for line in &self.reasons {
            let reason = line.reason.map_or("not recorded", |reason| reason.word());
            let mut cells = vec![line.currency.to_owned(), reason.to_owned(), count(line.asked.count)];
            cells.extend(pair(&line.granted, line.currency));
            table.row(cells);
        }
        table
    }

    fn bearers(&self) -> Table {
        let head = ["currency", "who", "before", "amount", "after", "amount", "change"];
        let mut table = Table::new(2, &head);
        for line in &self.bearers {
            let names = [line.currency.to_owned(), line.who.word().to_owned()];
            table.row(names.into_iter().chain(pair(&line.borne, line.currency)).collect());
        }
        table
    }
}

/// How a decision is called: what, by which mode, by which rule.
fn named(verdict: &Verdict) -> [String; 3] {
    let none = || "-".to_owned();
    let word = |mode: &Option<RefundMode>| mode.map_or_else(none, |mode| mode.word().to_owned());
    match verdict {
        Verdict::Granted { mode, rule } => ["granted".to_owned(), mode.word().to_owned(), rule.to_string()],
        Verdict::Unruled => ["granted, no rules".to_owned(), none(), none()],
        Verdict::Refused { mode, because, rule } => {
            let rule = rule.as_ref().map_or_else(none, ToString::to_string);
            [format!("refused, {because}"), word(mode), rule]
        }
        Verdict::Exceeds => ["refused, more than is left".to_owned(), none(), none()],
        Verdict::Untold => ["reason not recorded".to_owned(), none(), none()],
        Verdict::WithoutPayment => ["payment not taken".to_owned(), none(), none()],
    }
}

/// Both sides, and the difference of their amounts.
fn pair(pair: &Pair, currency: &str) -> [String; 5] {
    let Pair { before, after } = pair;
    let change = after.amount - before.amount;
    [
        count(before.count),
        amount(before.amount, currency),
        count(after.count),
        amount(after.amount, currency),
        amount(change, currency),
    ]
}

/// A table under its name; nothing where it has no rows.
fn section(f: &mut fmt::Formatter<'_>, name: &str, table: &Table) -> fmt::Result {
    if table.is_empty() { Ok(()) } else { write!(f, "\n{name}\n{table}") }
}
