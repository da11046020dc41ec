//! Numbers of stories: larger than 128 bits hold, only ever added and printed.

use std::fmt;

const LIMBS: usize = 6;
const BASE: u64 = 1_000_000_000_000_000_000;

/// At most 108 decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count([u64; LIMBS]);

impl Count {
    pub const ZERO: Self = Self([0; LIMBS]);
    pub const ONE: Self = Self([1, 0, 0, 0, 0, 0]);

    pub fn plus(&self, other: &Self) -> Self {
        let (mut sum, mut carry) = (Self::ZERO, 0);
        for place in 0..LIMBS {
            let limb = self.0[place] + other.0[place] + carry;
            (sum.0[place], carry) = (limb % BASE, limb / BASE);
        }
        assert_eq!(carry, 0, "more stories than {LIMBS} limbs hold");
        sum
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = String::new();
        for limb in self.0.iter().rev() {
            digits.push_str(&format!("{limb:018}"));
        }
        let digits = digits.trim_start_matches('0');
        f.write_str(if digits.is_empty() { "0" } else { digits })
    }
}
