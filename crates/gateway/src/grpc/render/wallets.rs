//! Ways to pay, and what is known of codes.

use paifang_engine::{Obstacle, Placed, Weighed};
use paifang_interop::matrix::{Acceptance, CodeKind, Direction, Row, Since};
use paifang_interop::{Confidence, codes};
use paifang_payment::WalletName;
use paifang_policy::rank::{Reason, Unjudged};
use paifang_proto::v1;
use paifang_rail::{CreditUse, Need};
use paifang_shares::division::Division;

use super::{decision, discount, money, presentation, time};

/// A way to pay, for a payer who is inside of this wallet, if any.
pub(crate) fn wallet_option(placed: &Placed, inside: Option<&WalletName>) -> v1::WalletOption {
    let Placed { weighed, degraded, position, opens } = placed;
    let Weighed { option, judged, ranked, .. } = weighed;
    let available = option.obstacles.is_empty() && weighed.is_accepted();
    let discounts = division(weighed).and_then(|division| division.discounts.as_ref());
    let reasons = ranked.as_ref().map_or(&[][..], |ranked| &ranked.reasons);
    let unjudged = ranked.as_ref().map_or(&[][..], |ranked| &ranked.unjudged);
    let missing = option.obstacles.iter().filter_map(|obstacle| match obstacle {
        Obstacle::Missing(need) => Some(need_field(*need).to_owned()),
        Obstacle::AccountDisabled
        | Obstacle::Currency
        | Obstacle::AmountTooSmall
        | Obstacle::AmountTooLarge
        | Obstacle::ClientKind
        | Obstacle::OtherWallet
        | Obstacle::NoHold
        | Obstacle::OtherWalletsCode
        | Obstacle::Withheld(_)
        | Obstacle::TooLittleTime => None,
    });
    v1::WalletOption {
        rail: option.rail.to_string(),
        wallet: option.wallet.to_string(),
        presentation: presentation(option.presentation).into(),
        available,
        shown: weighed.is_shown(),
        policy_decision: judged.as_ref().map(|judged| decision(&judged.decision)),
        weight: ranked.as_ref().map_or(0, |ranked| ranked.weight),
        ranking_reasons: reasons.iter().map(|reason| reason.reason.to_string()).collect(),
        missing_inputs: missing.collect(),
        reason_codes: reason_codes(weighed, *degraded, inside),
        amount_min: option.limits.map(|(least, _)| money(least)),
        amount_max: option.limits.map(|(_, most)| money(most)),
        position_reason: position.code().to_owned(),
        fee: fee(weighed),
        opens_time: opens.map(|opens| time(opens.at)),
        opens_version: opens.map_or(0, |opens| opens.version),
        credit: credit(weighed).into(),
        discounts: discount::given(discounts),
        payable_amount: discounts.map(|discounts| money(discounts.payable().money())),
        ranking_rules: reasons.iter().map(ranking_rule).collect(),
        unjudged_rankings: unjudged.iter().map(unjudged_ranking).collect(),
        terms_failure: terms_failure(weighed),
    }
}

fn ranking_rule(reason: &Reason) -> v1::RankingRule {
    let Reason { rule, reason, weight } = reason;
    v1::RankingRule { rule: rule.to_string(), reason: reason.to_string(), weight: *weight }
}

fn unjudged_ranking(one: &Unjudged) -> v1::UnjudgedRanking {
    let Unjudged { rule, missing, failure } = one;
    v1::UnjudgedRanking {
        rule: rule.to_string(),
        missing_inputs: missing.iter().map(|input| input.name().to_owned()).collect(),
        failure: failure.clone().unwrap_or_default(),
    }
}

/// Why its money cannot be divided, in the words of a choice.
fn terms_failure(weighed: &Weighed) -> String {
    let failure = weighed.division.as_ref().and_then(|division| division.as_ref().err());
    failure.map(ToString::to_string).unwrap_or_default()
}

/// What the payment would cost with it.
fn fee(weighed: &Weighed) -> Option<v1::Money> {
    division(weighed)?.fee.as_ref().map(|fee| money(fee.amount()))
}

fn division(weighed: &Weighed) -> Option<&Division> {
    weighed.division.as_ref()?.as_ref().ok().map(|division| &**division)
}

/// Whether the payer may pay on credit with it.
fn credit(weighed: &Weighed) -> v1::Credit {
    match (weighed.option.credit, weighed.excludes_credit()) {
        (CreditUse::Never, _) | (CreditUse::Excludable, true) => v1::Credit::Excluded,
        (CreditUse::Always, _) => v1::Credit::Only,
        (CreditUse::Payers | CreditUse::Excludable, _) => v1::Credit::Allowed,
    }
}

fn reason_codes(weighed: &Weighed, degraded: bool, inside: Option<&WalletName>) -> Vec<String> {
    let option = &weighed.option;
    let mut codes: Vec<&str> = option.obstacles.iter().map(|obstacle| obstacle.code()).collect();
    codes.dedup();
    if matches!(weighed.division, Some(Err(_))) {
        codes.push("terms_do_not_fit");
    } else if weighed.keeps_credit() {
        codes.push("credit_not_excludable");
    } else if !weighed.is_accepted() {
        codes.push("closed_by_policy");
    }
    if codes.is_empty() && inside == Some(&option.wallet) {
        codes.push("inside_this_wallet");
    }
    if degraded {
        codes.push("rail_degraded");
    }
    codes.into_iter().map(str::to_owned).collect()
}

/// Whose a payer's code is.
pub(crate) fn issuer(row: &codes::Row) -> v1::PayerCodeIssuer {
    v1::PayerCodeIssuer {
        wallet: row.wallet.to_string(),
        row: row.id.to_string(),
        confidence: confidence(row.confidence).into(),
        source: row.source.clone(),
        note: row.note.clone(),
    }
}

/// A way to charge a payer's code.
pub(crate) fn way(placed: &Placed) -> v1::PayerCodeWay {
    use v1::CodeAcceptance as Wire;
    let (acceptance, row, refusal) = match placed.weighed.option.code.map(|code| code.acceptance) {
        Some(Acceptance::Taken(row)) => (Wire::Taken, Some(row), None),
        Some(Acceptance::Open(row)) => (Wire::Unconfirmed, row, None),
        Some(Acceptance::Refused(closed)) => (Wire::Refused, None, Some(closed)),
        None => (Wire::Unspecified, None, None),
    };
    v1::PayerCodeWay {
        option: Some(wallet_option(placed, None)),
        acceptance: acceptance.into(),
        interoperability: row.map(interoperability),
        refusal_source: refusal.map(|closed| closed.source.clone()).unwrap_or_default(),
    }
}

/// A row of the matrix.
pub(crate) fn interoperability(row: &Row) -> v1::Interoperability {
    let kind = match row.kind {
        CodeKind::PayerCode => v1::CodeKind::PayerCode,
        CodeKind::MerchantCode => v1::CodeKind::MerchantCode,
        CodeKind::InApp => v1::CodeKind::InApp,
    };
    let direction = match row.direction {
        Direction::Domestic => v1::InteroperabilityDirection::Domestic,
        Direction::Inbound => v1::InteroperabilityDirection::Inbound,
        Direction::Outbound => v1::InteroperabilityDirection::Outbound,
    };
    v1::Interoperability {
        row: row.id.to_string(),
        issuer: row.issuer.to_string(),
        acceptor: row.acceptor.to_string(),
        code_kind: kind.into(),
        direction: direction.into(),
        since: row.since.as_ref().map(Since::to_string).unwrap_or_default(),
        confidence: confidence(row.confidence).into(),
        note: row.note.clone(),
        source: row.source.clone(),
    }
}

fn confidence(confidence: Confidence) -> v1::Confidence {
    match confidence {
        Confidence::Documented => v1::Confidence::Documented,
        Confidence::Reported => v1::Confidence::Reported,
        Confidence::Unconfirmed => v1::Confidence::Unconfirmed,
    }
}

fn need_field(need: Need) -> &'static str {
    match need {
        Need::PayerId => "payer_id",
        Need::PayerCode => "payer_code",
        Need::ClientIp => "payer_ip",
    }
}

#[cfg(test)]
mod tests {
    use paifang_engine::Position;

    use super::*;

    /// The page that the contract points to lists every code; a new obstacle has to be added here to compile.
    #[test]
    fn every_reason_is_on_the_page() {
        let page = include_str!("../../../../../docs/consulting.md");
        let obstacle = |obstacle: Obstacle| match obstacle {
            Obstacle::AccountDisabled
            | Obstacle::Currency
            | Obstacle::AmountTooSmall
            | Obstacle::AmountTooLarge
            | Obstacle::ClientKind
            | Obstacle::OtherWallet
            | Obstacle::Missing(_)
            | Obstacle::TooLittleTime
            | Obstacle::NoHold
            | Obstacle::OtherWalletsCode
            // One for each field: the page has the pattern.
            | Obstacle::Withheld(_) => obstacle.code(),
        };
        let obstacles = [
            Obstacle::AccountDisabled,
            Obstacle::Currency,
            Obstacle::AmountTooSmall,
            Obstacle::AmountTooLarge,
            Obstacle::ClientKind,
            Obstacle::OtherWallet,
            Obstacle::Missing(Need::PayerId),
            Obstacle::TooLittleTime,
            Obstacle::NoHold,
            Obstacle::OtherWalletsCode,
        ];
        let codes = obstacles.into_iter().map(obstacle).chain(Position::ALL.map(Position::code));
        for code in
            codes.chain(["closed_by_policy", "terms_do_not_fit", "inside_this_wallet", "rail_degraded"])
        {
            assert!(page.contains(&format!("`{code}`")), "{code} is not on the page");
        }
        for row in codes::published().rows() {
            assert!(page.contains(&format!("| `{}`", row.wallet)), "{} is not on the page", row.wallet);
        }
    }
}
