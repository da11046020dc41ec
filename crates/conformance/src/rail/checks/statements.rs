//! The rail's daily bill, read by the adapter: each movement once, to the fen, and nothing that did not happen.

use std::io::Cursor;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use paifang_payment::Outcome;
use paifang_rail::{
    Call, Fetch, FileDigest, Finding, Inquiry, Order, StatementError, StatementKind, StatementLine,
    StatementSpec, StatementWish,
};

use crate::rail::send;
use crate::rail::world::{AMOUNT, World};

/// How often an inquiry leads on to another one.
const FOLLOWS_MAX: usize = 3;
/// How many bytes of a bill are altered, one at a time, evenly over the file.
const FLIPS: usize = 97;

/// The bill of a day lists what moved that day.
pub async fn statements_list_what_moved(world: &World) {
    let Some(spec) = world.rail.descriptor().statements.first() else { return };
    let day = beijing(world.counterpart.now().await);
    let mut moved: Vec<(StatementKind, String, i64)> = Vec::new();
    for offer in world.awaiting() {
        let order = world.paid_order(&offer).await;
        moved.push((StatementKind::Payment, order.order_no.to_string(), AMOUNT));
        for minor in [1, 2_345] {
            let refund = world.refund(&order, minor).await;
            world.refunded(&refund).await;
            moved.push((StatementKind::Refund, order.order_no.to_string(), minor));
            world.pause_between_refunds().await;
        }
        let unpaid = world.charge(&offer).await;
        world.create(&unpaid).await;
    }
    for offer in world.holding() {
        let taken = world.captured(&world.capture(&world.held_order(&offer).await, 5_000).await).await;
        moved.push((StatementKind::Payment, taken.order_no.to_string(), 5_000));
    }
    assert_eq!(beijing(world.counterpart.now().await), day, "the kit's day is over too soon");
    let early = world.statement(spec, day).await;
    assert!(
        !matches!(early, Ok(ref lines) if !lines.is_empty()),
        "a bill of a day that is not over: {early:?}"
    );

    world.reach(spec, day).await;
    let lines = world.statement(spec, day).await.expect("a bill");
    compare(&lines, moved);
    let before = world.statement(spec, day.yesterday().expect("a day before")).await;
    assert!(
        !matches!(before, Ok(ref lines) if !lines.is_empty()),
        "a bill of a day without trade: {before:?}"
    );
}

/// Lines name a refund by its own number, or by the order it belongs to.
fn compare(lines: &[StatementLine], mut moved: Vec<(StatementKind, String, i64)>) {
    for line in lines {
        let minor = line.amount.minor_units();
        let at = moved.iter().position(|(kind, order, fen)| {
            let named = *order == line.order_no || line.kind == StatementKind::Refund;
            (*kind, *fen) == (line.kind, minor) && named
        });
        let at = at.unwrap_or_else(|| panic!("a line of what did not happen: {line:?}"));
        moved.remove(at);
    }
    assert!(moved.is_empty(), "not on the bill: {moved:?}");
}

/// A bill of which a byte was altered on its way is refused, or reads as the very same lines.
pub async fn tampered_statements_are_refused(world: &World) {
    let Some(spec) = world.rail.descriptor().statements.first() else { return };
    let day = beijing(world.counterpart.now().await);
    let order = world.paid_order(&world.any_awaiting()).await;
    world.refunded(&world.refund(&order, 300).await).await;
    world.reach(spec, day).await;
    let wish = world.wish(spec, day);
    let (file, digest) = world.file(&wish).await.expect("a bill");
    let lines = world.lines(&wish, file.clone(), digest.as_ref()).await.expect("a good bill");
    assert_eq!(lines.len(), 2, "{lines:?}");
    for flip in 0..FLIPS {
        let mut altered = file.clone();
        let at = flip * (file.len() - 1) / (FLIPS - 1);
        altered[at] ^= 0x01;
        if let Ok(read) = world.lines(&wish, altered, digest.as_ref()).await {
            assert_eq!(read, lines, "byte {at} of the bill was altered");
        }
    }
    for length in [0, 1, file.len() / 2, file.len() - 1] {
        let cut = file[..length].to_vec();
        assert!(world.lines(&wish, cut, digest.as_ref()).await.is_err(), "cut after {length} bytes");
    }
}

fn beijing(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::fixed(jiff::tz::offset(8))).date()
}

impl World {
    /// Lets time pass until the bill of this day is there.
    async fn reach(&self, spec: &StatementSpec, day: Date) {
        let ready =
            day.tomorrow().expect("a day after").at(i8::try_from(spec.ready_hour).expect("an hour"), 1, 0, 0);
        let ready = ready.to_zoned(TimeZone::fixed(jiff::tz::offset(8))).expect("a time").timestamp();
        let wait = ready.duration_since(self.counterpart.now().await);
        assert!(wait > SignedDuration::ZERO, "the bill of {day} is due already");
        self.counterpart.advance(wait).await;
    }

    fn wish(&self, spec: &StatementSpec, day: Date) -> StatementWish {
        StatementWish { kind: spec.kind, day, inquiry_no: self.number('S') }
    }

    /// The lines of a day's bill, or why there are none.
    async fn statement(&self, spec: &StatementSpec, day: Date) -> Result<Vec<StatementLine>, String> {
        let wish = self.wish(spec, day);
        let (file, digest) = self.file(&wish).await?;
        self.lines(&wish, file, digest.as_ref()).await.map_err(|error| error.to_string())
    }

    /// The file, as the engine fetches it.
    async fn file(&self, wish: &StatementWish) -> Result<(Vec<u8>, Option<FileDigest>), String> {
        let inquiry = Inquiry::Statement(wish);
        let nonce = format!("{:0>32}", "5");
        let now = self.counterpart.now().await;
        let mut exchange = match self.rail.plan_inquiry(&inquiry, &self.cx(now, &nonce)) {
            Ok(Fetch::Download(exchange)) => {
                return Ok((send(&exchange).await.expect("an answer").body, None));
            }
            Ok(Fetch::Ask(exchange)) => exchange,
            Err(error) => panic!("an inquiry that the descriptor lists: {error}"),
        };
        for _ in 0..=FOLLOWS_MAX {
            let reply = send(&exchange).await.expect("an answer");
            let now = self.counterpart.now().await;
            exchange = match self.rail.read_inquiry(&inquiry, &reply, &self.cx(now, &nonce)) {
                Finding::Follow(next) => next,
                Finding::Download { exchange, digest } => {
                    return Ok((send(&exchange).await.expect("an answer").body, digest));
                }
                other => return Err(format!("{other:?}")),
            };
        }
        panic!("an inquiry leads on more than {FOLLOWS_MAX} times")
    }

    async fn lines(
        &self,
        wish: &StatementWish,
        file: Vec<u8>,
        digest: Option<&FileDigest>,
    ) -> Result<Vec<StatementLine>, StatementError> {
        let (mut lines, mut file) = (Vec::new(), Cursor::new(file));
        let cx = self.cx(self.counterpart.now().await, "0");
        self.rail.read_statement(wish, &mut file, digest, &cx, &mut |line| lines.push(line))?;
        Ok(lines)
    }
}

/// What was paid by payer's code is on the bill too, and what was reversed cancels out.
pub async fn statements_list_payers_codes(world: &World) {
    let (Some(spec), Some(offer)) = (world.rail.descriptor().statements.first(), world.by_code()) else {
        return;
    };
    let day = beijing(world.counterpart.now().await);
    let code = world.counterpart.issue_code(crate::rail::CodeOutcome::Pays).await.expect("a payer's code");
    let charge = world.charge_by_code(&offer, &code).await;
    world.ask(&Call::Charge(&charge)).await;
    let answer = world.settled(&Call::Query(&charge.order)).await;
    let Some(Outcome::Paid(settled)) = answer.outcome() else { panic!("not paid: {answer:?}") };
    let order = Order { rail_ref: settled.rail_ref.clone(), ..charge.order.clone() };
    let mut net = AMOUNT;
    if world.rail.descriptor().reverses {
        let reversal = world.reversal(&order).await;
        world.ask(&Call::Reverse(&reversal)).await;
        world.settled(&Call::QueryReverse(&reversal)).await;
        net = 0;
    }
    world.reach(spec, day).await;
    let lines = world.statement(spec, day).await.expect("a bill");
    let sum: i64 = lines.iter().map(signed).sum();
    assert_eq!(sum, net, "{lines:?}");
}

fn signed(line: &StatementLine) -> i64 {
    match line.kind {
        StatementKind::Payment => line.amount.minor_units(),
        StatementKind::Refund | StatementKind::Reversal => -line.amount.minor_units(),
    }
}
