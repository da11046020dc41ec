//! Rules that decide on a stage, and its own funds.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use paifang_engine::{ChangeRules, Confirmation, Declared, Error, Fund, RulesChange, TransferFunds};
use paifang_payment::{IntentId, RequestId};
use paifang_policy::facts::{Facts, Input};
use paifang_store::{AccountBalance, Store};

use super::{Stage, qr, yuan};

/// Two percent to the storefront, a fifth to a streamer.
pub const FEE_AND_STREAMER: &str = r#"
[fees]
currency = "CNY"
[[fees.rules]]
id = "standard"
rate_ppm = 20_000
on_refund = "proportional"

[splits]
currency = "CNY"
receivers = [{ receiver = "streamer", share_ppm = 200_000, on_refund = "proportional" }]
"#;

/// A version in which every wallet is open, with these tables.
pub fn bundle(version: u32, tables: &[&str]) -> String {
    let head = format!(
        "[bundle]\nname = \"mall\"\nversion = {version}\nnote = \"for a test\"\neffective_at = 2026-01-01T00:00:00+08:00\nunlisted = \"open\"\n"
    );
    format!("{head}{}", tables.concat())
}

/// What accounts of the storefront hold, by their first word.
pub fn held(pairs: &[(&str, i128)]) -> BTreeMap<String, i128> {
    pairs.iter().map(|(name, fen)| ((*name).to_owned(), *fen)).collect()
}

impl Stage {
    /// Drafts and announces a version, which decides from now on.
    pub async fn announce(&self, version: u32, text: impl Into<String>) {
        let announce = RulesChange::Announce { version, effective_at: None, without: Default::default() };
        for (verb, change) in [("d", RulesChange::Draft { text: text.into() }), ("a", announce)] {
            let request_id = RequestId::parse(&format!("{verb}{version}")).unwrap();
            self.engine.change_rules(self.tenant, ChangeRules { request_id, change }).await.unwrap();
        }
    }

    /// Moves funds of the storefront's own.
    pub async fn move_funds(&self, request: &str, from: Fund, to: Fund, fen: i64) -> Result<(), Error> {
        let request_id = RequestId::parse(request).unwrap();
        let wanted = TransferFunds { request_id, from, to, amount: yuan(fen) };
        self.engine.transfer_funds(self.tenant, wanted).await.map(|_| ())
    }

    /// What this tells of each of the storefront's own accounts, summed by their first word.
    pub async fn own_funds(&self, of: impl Fn(&AccountBalance) -> i128) -> BTreeMap<String, i128> {
        let rows = self.engine.store().balances(self.tenant).await.unwrap();
        let own = rows.iter().filter(|row| row.account.kind().is_own());
        own.fold(BTreeMap::new(), |mut sums, row| {
            let name = row.account.to_string().split(':').next().unwrap().to_owned();
            *sums.entry(name).or_default() += of(row);
            sums
        })
    }

    /// A hundred yuan, declared so, paid with `sturdy`.
    pub async fn paid(&self, request: &str, declared: &[(Input, &str)]) -> IntentId {
        let with = |facts: Facts, (input, word): &(Input, &str)| facts.with(*input, *word).unwrap();
        let facts = declared.iter().fold(Facts::new(), with);
        let choice = Confirmation { declared: Declared { facts, payer: None }, ..qr("sturdy") };
        let row = self.create(request, Some(choice)).await;
        let id = row.intent.terms.id;
        self.state_within(id, "awaiting_payer", SignedDuration::from_mins(5)).await;
        let order_no = row.intent.attempts[0].terms.order_no.to_string();
        self.truth.lock().unwrap().pay(&order_no);
        self.state_within(id, "succeeded", SignedDuration::from_hours(1)).await;
        id
    }
}
