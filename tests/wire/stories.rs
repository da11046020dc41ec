//! The undisturbed story, in plain and under TLS, on each rail.

use std::rc::Rc;
use std::time::Duration;

use crate::check;
use crate::net::Link;
use crate::story::{BACK_FEN, FEN, Plot, Shop};
use crate::world::World;

/// Longer than any story takes, in virtual time.
pub const LONG: Duration = Duration::from_secs(900);

/// Plays it; answers how long it took.
pub fn play(world: &Rc<World>, plot: Plot) -> Duration {
    let mut sim = world.sim(LONG);
    let shop = Rc::clone(world);
    sim.client("shop", async move { Shop::new(shop, plot).play().await });
    world.run(sim)
}

fn undisturbed(world: &Rc<World>, plot: Plot) {
    let lasted = play(world, plot);
    assert_eq!(check::wrong(world), [""; 0], "{plot:?}");
    let kept: i64 =
        world.rail().book().iter().filter(|it| it.paid).map(|it| it.total_fen - it.refunded_fen).sum();
    assert_eq!(kept, FEN - BACK_FEN, "{:#?}", world.rail().book());
    let counts = [Link::Calls, Link::Rail, Link::News].map(|link| world.wire.count(link));
    println!("WIRE {plot:?}: {counts:?} messages (calls, rail, news) in {lasted:?} of virtual time");
    assert!(lasted < Duration::from_secs(30), "{lasted:?}");
}

#[test]
fn a_payment_is_made_notified_refunded_and_looked_at() {
    for plot in [Plot::Shown, Plot::Scanned, Plot::Union] {
        undisturbed(&World::new(plot.rail(), None), plot);
    }
}

#[test]
fn the_same_under_tls_on_every_connection() {
    for plot in [Plot::Shown, Plot::Scanned, Plot::Union] {
        undisturbed(&World::secured(plot.rail()), plot);
    }
}
