//! Choices from a seed: the same seed makes the same plan. When a process really dies is up to the machine.

/// A stream of numbers (splitmix64).
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// The stream of one cycle.
    pub fn new(seed: u64, cycle: u64) -> Self {
        let mut draw = Self(seed ^ cycle.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        draw.next();
        draw
    }

    /// From 0 up to and without `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// One of them.
    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        let at = self.below(u64::try_from(of.len()).expect("a slice fits"));
        of[usize::try_from(at).expect("below a length")]
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
