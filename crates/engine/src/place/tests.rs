use expect_test::expect;
use paifang_interop::matrix;
use paifang_payment::{AccountId, RailName, WalletName};
use paifang_policy::opening::Offer;
use paifang_policy::rank::Ranked;
use paifang_rail::CreditUse;
use proptest::prelude::*;

use super::*;
use crate::{Accounts, CodeKnown, Obstacle, WalletOption};

fn way(name: &str, obstacles: &[Obstacle], open: bool, weight: i64) -> Weighed {
    let (rail, wallet) = (RailName::parse("unionpay").unwrap(), WalletName::parse(name).unwrap());
    let code = if open { "770000000000000001" } else { "6200000000000000001" };
    let issuer = codes::published().identify(code);
    let day = "2026-11-21".parse().unwrap();
    let option = WalletOption {
        account: AccountId::parse(name).unwrap(),
        rail: rail.clone(),
        wallet,
        presentation: Presentation::PayerCode,
        limits: None,
        credit: CreditUse::Payers,
        code: Some(CodeKnown { issuer, acceptance: matrix::published().payer_code(issuer, &rail, day) }),
        obstacles: obstacles.to_vec(),
    };
    let offer =
        Offer { rail: option.rail.clone(), wallet: option.wallet.clone(), presentation: option.presentation };
    let ranked = Some(Ranked { offer, weight, reasons: Vec::new(), unjudged: Vec::new() });
    Weighed { option, judged: None, ranked, division: None, closed: false }
}

fn told(placed: &[Placed]) -> String {
    placed.iter().map(|one| format!("{}: {}\n", one.weighed.option.wallet, one.position.code())).collect()
}

const MISSING: &[Obstacle] = &[Obstacle::Missing(paifang_rail::Need::ClientIp)];

#[test]
fn each_way_says_why_it_stands_behind_the_one_before_it() {
    let ways = vec![
        way("disabled", &[Obstacle::AccountDisabled], false, 99),
        way("asks", MISSING, false, 50),
        way("open", &[], true, 40),
        way("light", &[], false, 1),
        way("heavy", &[], false, 7),
        way("later", &[], false, 1),
        way("heavy", &[], false, 9),
    ];
    let placed = place(ways, &Health::of(&Accounts::default()), Timestamp::UNIX_EPOCH);
    expect![[r#"
        heavy: first
        light: less_weight
        later: configured_order
        open: payer_code_unconfirmed
        asks: input_missing
        disabled: unavailable
    "#]]
    .assert_eq(&told(&placed));
    assert_eq!(placed[0].weighed.ranked.as_ref().unwrap().weight, 7, "the account that a confirm would take");
}

proptest! {
    /// Whatever comes in comes out once, in order, and each position names the first difference.
    #[test]
    fn positions_name_the_first_difference(
        ways in prop::collection::vec((0_u8..3, any::<bool>(), any::<bool>(), 0_i64..3), 0..12),
    ) {
        let placed: Vec<Placed> = ways.iter().enumerate().map(|(n, (rank, open, degraded, weight))| {
            let obstacles = match rank { 0 => &[], 1 => MISSING, _ => &[Obstacle::AccountDisabled][..] };
            let weighed = way(&format!("w{n}"), obstacles, *open, *weight);
            Placed { weighed, degraded: *degraded, position: Position::First, opens: None }
        }).collect();
        let sorted = in_order(placed);
        prop_assert_eq!(sorted.len(), ways.len());
        for pair in sorted.windows(2) {
            let (before, own) = (pair[0].key(), pair[1].key());
            prop_assert!(before <= own);
            let equal_up_to = [
                before.rank == own.rank,
                before.code_unconfirmed == own.code_unconfirmed,
                before.degraded == own.degraded,
                before.weight == own.weight,
            ].into_iter().take_while(|equal| *equal).count();
            let expected: &[Position] = match equal_up_to {
                0 => &[Position::MissingInput, Position::Unavailable],
                1 => &[Position::CodeUnconfirmed],
                2 => &[Position::RailDegraded],
                3 => &[Position::LessWeight],
                _ => &[Position::ConfiguredOrder],
            };
            prop_assert!(expected.contains(&pair[1].position), "{:?} for {:?}", pair[1].position, (before, own));
        }
        prop_assert!(sorted.first().is_none_or(|first| first.position == Position::First));
    }
}
