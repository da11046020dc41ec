//! The search itself: every reachable world once, breadth first, so that the first broken law has the shortest story; then
//! the number of stories, by adding up from the ends. That no story can go in a circle is part of the proof.

use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};

use crate::actions::{Action, Defect, Next, Variant};
use crate::count::Count;
use crate::laws;
use crate::mixer::Mixer;
use crate::steps::Steps;
use crate::world::World;

/// What a search has seen.
#[derive(Debug)]
pub struct Report {
    pub worlds: usize,
    pub transitions: usize,
    pub stories: Count,
    pub ends: usize,
    pub longest: u32,
    /// Ends by how often the payer was charged in all, at most one of which stays.
    pub charged: [usize; 8],
    /// Ends in which one charge stays.
    pub one_stays: usize,
    pub machine_states: usize,
    pub machine_transitions: usize,
}

/// A broken law and the shortest story that breaks it.
#[derive(Debug)]
pub struct Found {
    pub law: String,
    pub story: Vec<String>,
    pub worlds: usize,
}

struct Search {
    steps: Steps,
    worlds: Vec<World>,
    parents: Vec<u32>,
    table: Vec<u32>,
    edges: Vec<u32>,
    first_edge: Vec<usize>,
    /// Whether a story may end there.
    is_end: Vec<bool>,
}

/// Searches all of a variant. `worlds_max` bounds the memory, about 200 bytes each.
pub fn search(variant: Variant, defect: Defect, worlds_max: usize) -> Result<Report, Found> {
    let mut search = Search {
        steps: Steps::new(variant, defect),
        worlds: Vec::new(),
        parents: Vec::new(),
        table: vec![0; 1 << 12],
        edges: Vec::new(),
        first_edge: vec![0],
        is_end: Vec::new(),
    };
    let start = search.steps.start();
    search.number(start, 0);
    let (mut ends, mut charged, mut one_stays) = (0, [0; 8], 0);
    let mut nexts = Vec::new();
    let mut here = 0;
    while here < search.worlds.len() {
        assert!(search.worlds.len() <= worlds_max, "more than {worlds_max} worlds");
        let world = search.worlds[here];
        let number = u32::try_from(here).expect("bounded above");
        search.steps.all(&world, &mut nexts);
        let is_end = nexts.iter().all(|next| next.action.what.is_optional());
        search.is_end.push(is_end);
        for next in nexts.drain(..) {
            if let Some(law) = next.broken {
                return Err(search.found(law, number, Some(next.action)));
            }
            let child = search.number(next.world, number);
            search.edges.push(child);
        }
        search.first_edge.push(search.edges.len());
        let known = search.steps.machine.get(world.intent);
        if let Some(law) = laws::of_world(&world, known) {
            return Err(search.found(law, number, None));
        }
        if is_end {
            if let Some(law) = laws::of_end(&world, known) {
                return Err(search.found(law, number, None));
            }
            ends += 1;
            let charges: u8 = world.slots.iter().map(|slot| slot.charges()).sum();
            charged[usize::from(charges)] += 1;
            one_stays += usize::from(laws::stays(&world) == 1);
        }
        here += 1;
    }
    let (stories, longest) = search.stories()?;
    Ok(Report {
        worlds: search.worlds.len(),
        transitions: search.edges.len(),
        stories,
        ends,
        longest,
        charged,
        one_stays,
        machine_states: search.steps.machine.states(),
        machine_transitions: search.steps.machine.transitions(),
    })
}

impl Search {
    /// The number of a world, a new one if it was never seen. An open table of numbers, kept at most half full.
    fn number(&mut self, world: World, parent: u32) -> u32 {
        if self.worlds.len() * 2 >= self.table.len() {
            let size = self.table.len() * 2;
            self.table = vec![0; size];
            for place in 0..self.worlds.len() {
                let free = self.probe(&self.worlds[place]).1;
                self.table[free] = u32::try_from(place + 1).expect("bounded by the caller");
            }
        }
        let (known, free) = self.probe(&world);
        if let Some(number) = known {
            return number;
        }
        self.worlds.push(world);
        self.parents.push(parent);
        let count = u32::try_from(self.worlds.len()).expect("bounded by the caller");
        self.table[free] = count;
        count - 1
    }

    fn probe(&self, world: &World) -> (Option<u32>, usize) {
        let mask = self.table.len() - 1;
        let mut place = usize::try_from(mixed(world)).expect("64 bits") & mask;
        loop {
            match self.table[place] {
                0 => return (None, place),
                found if self.worlds[found as usize - 1] == *world => return (Some(found - 1), place),
                _ => place = (place + 1) & mask,
            }
        }
    }

    /// How many ways lead from the start to an end, and the longest of them. Fails on a circle.
    fn stories(&mut self) -> Result<(Count, u32), Found> {
        let count = self.worlds.len();
        let mut open: Vec<u32> = vec![0; count];
        for child in &self.edges {
            open[*child as usize] += 1;
        }
        let mut ways = vec![Count::ZERO; count];
        let mut depths = vec![0_u32; count];
        ways[0] = Count::ONE;
        let (mut ready, mut done) = (vec![0_usize], 0);
        let (mut stories, mut longest) = (Count::ZERO, 0);
        while let Some(place) = ready.pop() {
            done += 1;
            let (from, to) = (self.first_edge[place], self.first_edge[place + 1]);
            if self.is_end[place] {
                stories = stories.plus(&ways[place]);
                longest = longest.max(depths[place]);
            }
            let (own, depth) = (ways[place], depths[place] + 1);
            for child in self.edges[from..to].iter().map(|child| *child as usize) {
                ways[child] = ways[child].plus(&own);
                depths[child] = depths[child].max(depth);
                open[child] -= 1;
                if open[child] == 0 {
                    ready.push(child);
                }
            }
        }
        if done == count {
            return Ok((stories, longest));
        }
        let stuck = open.iter().position(|open| *open > 0).expect("something was not reached");
        let stuck = u32::try_from(stuck).expect("bounded by the caller");
        Err(self.found("a story goes in a circle, or comes from one".into(), stuck, None))
    }

    fn found(&mut self, law: String, at: u32, last: Option<Action>) -> Found {
        let mut path = vec![at];
        while let Some(place) = path.last().copied().filter(|place| *place != 0) {
            path.push(self.parents[place as usize]);
        }
        path.reverse();
        let mut story = Vec::new();
        let mut nexts: Vec<Next> = Vec::new();
        for pair in path.windows(2) {
            let (from, to) = (self.worlds[pair[0] as usize], self.worlds[pair[1] as usize]);
            nexts.clear();
            self.steps.all(&from, &mut nexts);
            let next = nexts.iter().find(|next| next.world == to).expect("it was found this way");
            story.push(format!("{:<44} {}", next.action.to_string(), self.shown(&to)));
        }
        story.extend(last.map(|action| action.to_string()));
        Found { law, story, worlds: self.worlds.len() }
    }

    fn shown(&self, world: &World) -> String {
        let intent = &self.steps.machine.get(world.intent).intent;
        let mut text =
            format!("{}s {}", self.steps.variant.times[usize::from(world.phase)], intent.state.name());
        for (attempt, slot) in intent.attempts.iter().zip(&world.slots) {
            let rail = self.steps.variant.rails[usize::from(slot.rail)].name;
            let left = if attempt.left { " (left)" } else { "" };
            let _ = write!(text, "; {rail}: {}{left}, truly {:?}", attempt.state.name(), slot.truth);
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (once, more): (usize, usize) = (self.charged[1], self.charged[2..].iter().sum());
        write!(
            f,
            "{} worlds, {} transitions, {} interleavings of up to {} steps; {} different ends: {} charged never, {once} \
             once, {more} more often; one charge stays in {}, none in {}, more in 0; machine: {} states, {} transitions",
            self.worlds,
            self.transitions,
            self.stories,
            self.longest,
            self.ends,
            self.charged[0],
            self.one_stays,
            self.ends - self.one_stays,
            self.machine_states,
            self.machine_transitions
        )
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (after {} worlds)", self.law, self.worlds)?;
        for (n, line) in self.story.iter().enumerate() {
            writeln!(f, "{:>3}. {line}", n + 1)?;
        }
        Ok(())
    }
}

/// The unused slots of all worlds are alike.
fn mixed(world: &World) -> u64 {
    let mut mixer = Mixer::default();
    (world.intent, world.phase, world.chosen, world.harms).hash(&mut mixer);
    world.slots.iter().take_while(|slot| slot.used).for_each(|slot| slot.hash(&mut mixer));
    mixer.finish()
}
