//! What is decided follows from what was declared, and from nothing else: the same again among other names, payers, neighbours,
//! and in another order.

use paifang_engine::{CreateRefund, Error, Fund, reason};
use paifang_payment::TenantId;
use paifang_payment::refund::Refund;
use paifang_policy::bundle::Bundle;
use paifang_policy::facts::Facts;
use paifang_policy::testing::{Shape, bundle_text, declared, seeded};
use paifang_shares::Merchant;
use paifang_shares::bearing::Bearing;
use paifang_shares::division::Division;
use paifang_shares::waterfall::Bearer;
use paifang_store::IntentRow;

use super::world::Stage;
use super::{SignedDuration, announce, move_funds, paid, payable, refund_of, request, shape};

/// Two runs that have nothing in common but what is declared decide the same.
pub async fn decides_alone(seed: u64) {
    let one = Undeclared {
        name: "one",
        payers: ["payer-a", "payer-b"],
        is_interleaved: false,
        has_neighbours: false,
        zone: "1970-01-01T00:00:00Z",
    };
    let other = Undeclared {
        name: "another",
        payers: ["Z9999", "o-7f3a"],
        is_interleaved: true,
        has_neighbours: true,
        zone: "1970-01-01T08:00:00+08:00",
    };
    let decided = decide(seed, &one).await;
    assert_eq!(decided, decide(seed, &other).await);
}

/// What is decided about a payment and its refunds, without the times of deadlines.
#[derive(Debug, PartialEq)]
struct Decided {
    division: Option<Division>,
    answers: Vec<Result<Option<Bearing>, String>>,
}

/// Nothing of this is declared, and all of it differs between two runs.
struct Undeclared {
    name: &'static str,
    payers: [&'static str; 2],
    is_interleaved: bool,
    has_neighbours: bool,
    zone: &'static str,
}

/// Two payments and their refunds, decided among everything that was not declared.
async fn decide(seed: u64, around: &Undeclared) -> Vec<Decided> {
    let stage = Stage::open_looking_every(SignedDuration::from_secs(60)).await;
    let mut pick = seeded(seed);
    // What is left of a budget is a fact of the books as well.
    let shape = Shape { budgets: false, ..shape() };
    let text = bundle_text(&shape, 1, &mut pick);
    let spelled =
        text.replace("effective_at = 1970-01-01T00:00:00Z", &format!("effective_at = {}", around.zone));
    assert_eq!(Bundle::read(&text).unwrap().digest(), Bundle::read(&spelled).unwrap().digest());
    announce(&stage, stage.tenant, spelled).await;
    if around.has_neighbours {
        let other = TenantId::from_parts(stage_time(), [9; 10]);
        announce(&stage, other, bundle_text(&shape, 1, &mut seeded(seed ^ 1))).await;
        paid(&stage, "noise", 777, Facts::new(), Some("noise")).await;
    }
    // All bearers have enough: what they have is a fact of the books, and no input that anybody declares.
    for (at, bearer) in [Bearer::Platform, Bearer::Insurance, Bearer::Rail].into_iter().enumerate() {
        move_funds(&stage, &format!("all-{at}"), Fund::Bearer(bearer, None), 1_000_000).await;
    }
    for (at, merchant) in [Some("m-1"), Some("m-2"), None].into_iter().enumerate() {
        let merchant = merchant.map(|name| Merchant::parse(name).unwrap());
        for bearer in [Bearer::MerchantBalance, Bearer::UnsettledFunds] {
            let to = Fund::Bearer(bearer, merchant.clone());
            move_funds(&stage, &format!("own-{at}-{bearer}"), to, 1_000_000).await;
        }
    }
    let mut rows = Vec::new();
    for (at, payer) in around.payers.into_iter().enumerate() {
        let fen = 100 + i64::try_from(pick(20_000)).unwrap();
        let facts = declared(&shape, &mut pick);
        rows.push(paid(&stage, &format!("{}-{at}", around.name), fen, facts, Some(payer)).await);
    }
    let asked: Vec<Vec<CreateRefund>> = rows
        .iter()
        .map(|row| {
            let left = payable(row);
            (0..4).map(|at| refund_of(row, at, left / 2, &mut pick)).collect()
        })
        .collect();
    let turns: Vec<(usize, usize)> = match around.is_interleaved {
        true => (0..4).flat_map(|at| [(1, at), (0, at)]).collect(),
        false => (0..2).flat_map(|of| (0..4).map(move |at| (of, at))).collect(),
    };
    let mut answers: [Vec<_>; 2] = Default::default();
    for (of, at) in turns {
        let request_id = request(format!("{}-refund-{of}-{at}", around.name));
        let wanted = CreateRefund { request_id, ..asked[of][at].clone() };
        let answer = stage.engine.create_refund(stage.tenant, wanted).await;
        answers[of].push(answer.map(|made| timeless(&made.resource)).map_err(said));
    }
    let division = |row: &IntentRow| row.intent.attempts[0].terms.division.as_deref().cloned();
    rows.iter().zip(answers).map(|(row, answers)| Decided { division: division(row), answers }).collect()
}

/// What the rules said. What is left of a payment is told with what is under way at that moment, which is no decision.
fn said(error: Error) -> String {
    match error {
        Error::Precondition { reason: reason::REFUND_CLOSED_BY_POLICY, message, .. } => message,
        Error::Precondition { reason, .. } => reason.to_owned(),
        other => panic!("{other:?}"),
    }
}

fn stage_time() -> jiff::Timestamp {
    "2026-11-21T04:00:00Z".parse().unwrap()
}

fn timeless(refund: &Refund) -> Option<Bearing> {
    let mut bearing = refund.bearing().cloned()?;
    if let Some(granted) = &mut bearing.granted {
        (granted.grant.deadline, granted.grant.appeal_until) = (stage_time(), stage_time());
    }
    Some(bearing)
}
