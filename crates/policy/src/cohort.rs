//! Which share of payers a rule reaches, by a stable hash of a pseudonym.
//!
//! Anyone can compute it again: take SHA-256 over the salt's bytes, one zero byte and the pseudonym's bytes; read the
//! first 8 bytes of the digest as a big-endian number `h`; the bucket is `h * 1,000,000 / 2^64`, rounded down, so a
//! number from 0 to 999,999. A payer is in the cohort when the bucket is less than the cohort's parts per million.
//! So widening a cohort under the same salt never drops anyone, and two salts draw independently.

use ring::digest::{Context, SHA256};
use serde::Serialize;

use crate::Ppm;
pub use crate::name::{Pseudonym, Salt};

/// A share of the payers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cohort {
    /// Which draw.
    pub salt: Salt,
    /// How many of it.
    pub ppm: Ppm,
}

impl Cohort {
    /// Whether the payer is in it.
    pub fn holds(&self, payer: &Pseudonym) -> bool {
        bucket(&self.salt, payer) < self.ppm.get()
    }
}

/// The payer's bucket under a salt, 0 to 999,999.
pub fn bucket(salt: &Salt, payer: &Pseudonym) -> u32 {
    let mut hash = Context::new(&SHA256);
    hash.update(salt.as_str().as_bytes());
    hash.update(&[0]);
    hash.update(payer.as_str().as_bytes());
    let digest = hash.finish();
    let first = digest.as_ref().iter().take(8).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    // Less than 1,000,000, for the number is less than 2^64.
    u32::try_from((first * 1_000_000) >> 64).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salt(text: &str) -> Salt {
        Salt::parse(text).unwrap()
    }

    fn payer(number: u32) -> Pseudonym {
        Pseudonym::parse(&format!("payer-{number}")).unwrap()
    }

    /// These numbers may never change: who is in a running cohort would change with them.
    #[test]
    fn golden_buckets() {
        for (salt_text, payer_text, wanted) in GOLDEN {
            let found = bucket(&salt(salt_text), &Pseudonym::parse(payer_text).unwrap());
            assert_eq!(found, wanted, "{salt_text} {payer_text}");
        }
    }

    /// Computed by another program, after the module's text.
    const GOLDEN: [(&str, &str, u32); 5] = [
        ("walls-2024", "payer-1", 524_675),
        ("walls-2024", "payer-2", 866_167),
        ("walls-2025", "payer-1", 191_158),
        ("s", "p", 198_463),
        (
            "a",
            "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
            498_456,
        ),
    ];

    /// Must show 5: 5 % of a million is 5 % to a tenth of a point, and two salts draw independently of each other.
    #[test]
    fn a_million_payers_fall_where_they_should() {
        let (one, other) = (salt("walls-2024"), salt("walls-2025"));
        let (mut in_one, mut in_other, mut in_both) = (0_u32, 0_u32, 0_u32);
        for number in 0..1_000_000 {
            let payer = payer(number);
            let first = bucket(&one, &payer) < 50_000;
            let second = bucket(&other, &payer) < 200_000;
            in_one += u32::from(first);
            in_other += u32::from(second);
            in_both += u32::from(first && second);
        }
        assert!((49_000..=51_000).contains(&in_one), "{in_one}");
        assert!((199_000..=201_000).contains(&in_other), "{in_other}");
        assert!((9_500..=10_500).contains(&in_both), "1 % is in both when they are independent: {in_both}");
    }

    #[test]
    fn the_ends_hold_nobody_and_everybody_and_nobody_prints() {
        for number in 0..1_000 {
            let holds = |ppm| Cohort { salt: salt("s"), ppm }.holds(&payer(number));
            assert!(!holds(Ppm::NONE) && holds(Ppm::WHOLE));
        }
        assert_eq!(format!("{:?}", payer(7)), "Pseudonym(***)");
        assert!(Pseudonym::parse("a b").is_err() && Salt::parse("a\0b").is_err());
    }

    proptest::proptest! {
        #[test]
        fn widening_never_drops_anyone(salt in "[!-~]{1,64}", payer in "[!-~]{1,128}", a in 0_u32..=1_000_000, b in 0_u32..=1_000_000) {
            let salt = Salt::parse(&salt).unwrap();
            let payer = Pseudonym::parse(&payer).unwrap();
            let holds = |ppm| Cohort { salt: salt.clone(), ppm: Ppm::new(ppm).unwrap() }.holds(&payer);
            let bucket = bucket(&salt, &payer);
            proptest::prop_assert!(bucket < 1_000_000 && !holds(bucket) && holds(bucket + 1));
            proptest::prop_assert!(!holds(a.min(b)) || holds(a.max(b)));
        }
    }
}
