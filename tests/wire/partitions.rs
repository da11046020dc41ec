//! Every link of the story is harmed at every message that it carries: the link is cut for a while and what was sent is lost,
//! or arrives later; the connection is reset; the host at its far end dies and comes back. However it goes, everything ends,
//! the books are equal, and nobody is charged twice.

use std::time::Duration;

use crate::check;
use crate::net::{Accident, Harm, Link};
use crate::stories::play;
use crate::story::Plot;
use crate::world::World;

/// How long an accident lasts: longer than any time-out of the gateway but the lease.
const LASTS: Duration = Duration::from_secs(12);

/// Plays the story once for each message of the link, with an accident at that message.
fn every_message(plot: Plot, link: Link, harm: Harm) {
    let whole = World::new(plot.rail(), None);
    play(&whole, plot);
    let messages = whole.wire.count(link);
    let (mut struck, mut missed, mut longest) = (0, 0, Duration::ZERO);
    // Numbers differ from run to run, and with them a wait and a message or two.
    let mut at = 0;
    while missed < 2 {
        at += 1;
        let accident = Accident { link, at, harm, lasts: LASTS };
        let world = World::new(plot.rail(), Some(accident));
        let lasted = play(&world, plot);
        assert_eq!(check::wrong(&world), [""; 0], "{plot:?}: {accident:?}");
        if world.wire.was_struck() {
            struck += 1;
            longest = longest.max(lasted);
        } else {
            missed += 1;
        }
    }
    println!("WIRE {plot:?}, {link:?} {harm:?}: at {struck} messages; the longest story took {longest:?}");
    assert!(struck * 3 >= messages * 2, "only {struck} of about {messages} messages were harmed");
}

/// Each row is a test: a story, a link, a harm.
macro_rules! rows {
    ($($name:ident: $plot:ident, $link:ident, $harm:ident;)*) => {$(
        #[test]
        fn $name() {
            every_message(Plot::$plot, Link::$link, Harm::$harm);
        }
    )*};
}

rows! {
    f34_calls_are_lost: Shown, Calls, Lost;
    f34_calls_are_late: Shown, Calls, Held;
    f34_calls_are_reset: Shown, Calls, Reset;
    f19_the_gateway_dies_in_a_call: Shown, Calls, Crash;
    f02_exchanges_are_lost: Shown, Rail, Lost;
    f04_exchanges_are_late: Shown, Rail, Held;
    f02_exchanges_are_reset: Shown, Rail, Reset;
    f02_the_rail_dies_in_an_exchange: Shown, Rail, Crash;
    f60_news_are_lost: Shown, News, Lost;
    f61_news_are_late: Shown, News, Held;
    f60_news_are_reset: Shown, News, Reset;
    f19_the_gateway_dies_in_news: Shown, News, Crash;
    f02_scanned_charges_are_lost: Scanned, Rail, Lost;
    f04_scanned_charges_are_late: Scanned, Rail, Held;
    f02_scanned_charges_are_reset: Scanned, Rail, Reset;
    f02_the_rail_dies_in_a_scanned_charge: Scanned, Rail, Crash;
    f34_calls_stop_halfway: Shown, Calls, Half;
    f03_exchanges_stop_halfway: Shown, Rail, Half;
    f03_scanned_charges_stop_halfway: Scanned, Rail, Half;
    f65_news_stop_halfway: Shown, News, Half;
    f02_union_exchanges_are_lost: Union, Rail, Lost;
    f04_union_exchanges_are_late: Union, Rail, Held;
}
