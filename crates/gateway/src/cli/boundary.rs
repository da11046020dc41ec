//! `paifang boundary`: which field of an order goes to whom. Names only; no gateway and no store is asked.

use std::fmt::Write;

use paifang_boundary::{Audience, Field, Fields};
use paifang_rail::Descriptor;

use crate::cli::{Configured, Ended, say};
use crate::registry::RailAccount;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// List every marked field of the contract instead, with its purpose and its audiences. No config is read for it.
    #[arg(long)]
    fields: bool,
    #[command(flatten)]
    at: Configured,
}

pub(crate) fn run(options: &Options) -> Result<(), Ended> {
    let text = if options.fields { marks() } else { crossing(&options.at.load()?.accounts) };
    say(text.trim_end())
}

/// Every marked field: what it is for, and who may see it.
fn marks() -> String {
    let row = |field: Field| {
        let audiences: Vec<&str> = field.audiences().iter().map(|audience| audience.as_str()).collect();
        let form = if field.is_pseudonymous() { "  as a pseudonym" } else { "" };
        format!("{:<52}  {:<14}  {}{form}\n", field.name(), field.purpose().as_str(), audiences.join(","))
    };
    Field::ALL.into_iter().map(row).collect()
}

/// What may cross to each rail account, and what to readers of events.
pub(crate) fn crossing(accounts: &[RailAccount]) -> String {
    let of = |audience| Fields::those(move |field: Field| field.is_for(audience));
    let (terms, others): (Vec<Field>, Vec<Field>) =
        of(Audience::Rail).iter().partition(|field| field.is_term());
    let mut text = String::new();
    let name = |account: &RailAccount| account.id.to_string();
    row(&mut text, "field", accounts.iter().map(name));
    for field in others {
        row(&mut text, field.name(), accounts.iter().map(|account| cell(account, field).to_owned()));
    }
    for account in accounts {
        let tellable = account.built.adapter.descriptor().tellable();
        for tenant in account.shares.tenants() {
            let (all, own) = (account.shares.of_others(), account.shares.with(tenant));
            let less = Fields::those(|field| tellable.and(all).contains(field) && !own.contains(field));
            // Writing into a String never fails.
            let _ = writeln!(text, "of {tenant}, {} is not told: {}", account.id, named(less));
        }
    }
    let terms: Fields = terms.into_iter().collect();
    let _ = writeln!(text, "\nterms of orders, told to every account: {terms}");
    let _ = writeln!(text, "\ntold to readers of events: {}", of(Audience::Event));
    text
}

fn row(text: &mut String, first: &str, cells: impl Iterator<Item = String>) {
    let line = cells.fold(format!("{first:<32}"), |line, cell| line + &format!("  {cell:<16}"));
    let _ = writeln!(text, "{}", line.trim_end());
}

fn named(fields: Fields) -> String {
    if fields.is_empty() { "nothing more".to_owned() } else { fields.to_string() }
}

/// What an operator types in for one refund, for a rail whose adapter takes it: the decision is the policy.
const TYPED_IN: [Field; 3] =
    [Field::PayerCardBankAccount, Field::PayerCardBankType, Field::PayerCardRealName];

/// How a field stands with an account.
fn cell(account: &RailAccount, field: Field) -> &'static str {
    let descriptor = account.built.adapter.descriptor();
    let shared = account.shares.of_others().contains(field);
    if TYPED_IN.contains(&field) && account.built.adapter.redirects().is_some() {
        return "by an operator";
    }
    match (descriptor.tellable().contains(field), shared, need(descriptor, field)) {
        (false, ..) => "-",
        (true, false, Need::Never) => "withheld",
        (true, false, Need::Always) => "withheld, closed",
        (true, false, Need::Sometimes) => "withheld, partly",
        (true, true, Need::Always) => "required",
        (true, true, Need::Sometimes) => "required by some",
        (true, true, Need::Never) => "optional",
    }
}

/// How many of the account's offers cannot do without a field.
enum Need {
    Never,
    Sometimes,
    Always,
}

fn need(descriptor: &Descriptor, field: Field) -> Need {
    let needing = descriptor.offers.iter().filter(|offer| descriptor.required(offer).contains(field)).count();
    match needing {
        0 => Need::Never,
        some if some < descriptor.offers.len() => Need::Sometimes,
        _ => Need::Always,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::testing::Keys;

    const LOOPBACK: &str = "http://127.0.0.1:1";

    fn table(rails: &str) -> String {
        let text = crossing(&Keys::new().parse(rails).unwrap().accounts);
        text.lines().take_while(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
    }

    /// The table of docs/data-boundary.md. Whoever changes it changes what crosses by default.
    #[test]
    fn what_crosses_by_default() {
        let expected = expect![[r#"
            field                             alipay-main       wechatpay-main    unionpay-main
            client_context.payer_code         required by some  optional          optional
            client_context.payer_id           required by some  required by some  -
            client_context.payer_ip           optional          required by some  -
            declared_facts.payer_reference    -                 -                 -
            payer_card.bank_account           -                 by an operator    -
            payer_card.bank_type              -                 by an operator    -
            payer_card.real_name              -                 by an operator    -
            payment_intent.description        required          required          optional
            refund.reason                     optional          optional          -
        "#]];
        let table = table(&Keys::rails(LOOPBACK, LOOPBACK, LOOPBACK));
        expected.assert_eq(&table);
        let page = include_str!("../../../../docs/data-boundary.md");
        assert!(page.contains(&table), "docs/data-boundary.md shows another table than\n{table}");
    }

    #[test]
    fn what_is_withheld_is_shown_with_what_it_closes() {
        let share =
            "rail = \"wechatpay\"\nshare = [\"client_context.payer_id\", \"payment_intent.description\"]";
        let rails = Keys::rails(LOOPBACK, LOOPBACK, LOOPBACK).replace("rail = \"wechatpay\"", share);
        let tenant = "tn_0123456789abcdef0123456789abcdef";
        let own = format!("\n[[rail.tenant]]\nid = \"{tenant}\"\nshare = []\n");
        let table = table(&(rails + &own));
        let expected = expect![[r#"
            field                             alipay-main       wechatpay-main    unionpay-main
            client_context.payer_code         required by some  withheld          optional
            client_context.payer_id           required by some  required by some  -
            client_context.payer_ip           optional          withheld, partly  -
            declared_facts.payer_reference    -                 -                 -
            payer_card.bank_account           -                 by an operator    -
            payer_card.bank_type              -                 by an operator    -
            payer_card.real_name              -                 by an operator    -
            payment_intent.description        required          required          optional
            refund.reason                     optional          withheld          -
            of tn_0123456789abcdef0123456789abcdef, unionpay-main is not told: client_context.payer_code,payment_intent.description
        "#]];
        expected.assert_eq(&table);
    }

    #[test]
    fn every_marked_field_is_listed_with_its_mark() {
        let text = marks();
        assert_eq!(text.lines().count(), Field::COUNT);
        let line = text.lines().find(|line| line.starts_with("declared_facts.payer_reference ")).unwrap();
        assert!(line.ends_with("risk            rail,rules  as a pseudonym"), "{line}");
    }
}
