//! What a party is handed of the events, and what it can make of it.

use super::*;

/// Every word of the contract's JSON that may stand beside a party's own parts.
fn words(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => fields.values().for_each(|one| words(one, found)),
        serde_json::Value::Array(all) => all.iter().for_each(|one| words(one, found)),
        serde_json::Value::String(text) => found.push(text.clone()),
        other => found.push(other.to_string()),
    }
}

/// A party that is handed its own parts has the same statement, and learns no name and no amount of anybody else.
#[tokio::test]
async fn a_party_is_handed_what_its_statement_is_made_of_and_nothing_else() {
    let trade = Trade::done().await;
    let parties = trade.parties().await;
    for (party, _) in &parties {
        let handed: Vec<v1::Event> =
            trade.events.iter().filter_map(|event| net::handed_to(party, event).unwrap()).collect();
        assert!(!handed.is_empty() && handed.len() < trade.events.len(), "{party}");
        let lines = lines(&handed);
        let mut own = Heard::of(party.clone());
        handed.iter().for_each(|event| own.hear(event).unwrap());
        let mut opening = Balances::new();
        for month in trade.months {
            let told = trade.told(party, month).await;
            let ours = trade.heard(&lines, party, month, opening);
            assert_eq!(told.digest, ours.digest().to_string(), "{party} {month:?}");
            opening =
                ours.lines_of(&storefront()).into_iter().map(|(code, line)| (code, line.closing)).collect();
        }
        // All that is in the file: what names entries and events, the party's own name, and its own amounts.
        let amounts: Vec<String> =
            own.entries().map(|entry| entry.amount.minor_units().to_string()).collect();
        let (_, name) = party.as_str().split_once(':').unwrap_or(("", party.as_str()));
        let kinds = ["FUND_KIND_", "REFUND_BEARER_", "DISCOUNT_FUNDER_"];
        let is_kind = |word: &str| {
            let kind = kinds.iter().find_map(|kind| word.strip_prefix(kind));
            let kind = kind.map(str::to_lowercase);
            let own =
                party.as_str().replace("balance", "merchant_balance").replace("unsettled", "unsettled_funds");
            kind.is_some_and(|kind| {
                own.starts_with(&kind)
                    || party.as_str().starts_with(&kind)
                    || own.ends_with(&format!(":{kind}"))
            })
        };
        for line in &lines {
            let mut found = Vec::new();
            words(&serde_json::from_str(line).unwrap(), &mut found);
            for word in found {
                let is_id = ["ev_", "at_", "re_", "fm_", "rv_"].iter().any(|id| word.starts_with(id));
                let is_plain = ["CNY", "true", "0"].contains(&word.as_str())
                    || word.parse::<jiff::Timestamp>().is_ok()
                    || ["payment_intent.", "refund.", "funds."].iter().any(|kind| word.starts_with(kind))
                    || ["ATTEMPT_STATE_", "REFUND_STATE_", "FAILURE_CATEGORY_"]
                        .iter()
                        .any(|one| word.starts_with(one));
                let is_own = word == name || amounts.contains(&word) || is_kind(&word);
                let is_version = line.contains("refundReversal") && word.parse::<u8>().is_ok();
                assert!(is_id || is_plain || is_own || is_version, "{word} is told to {party}: {line}");
            }
        }
    }
}
