//! Chance in the rails' world: the system's, or that of a seed where a simulator wants every run to be the same again.
//! Keys are not drawn here; they always come from the system.

use std::cell::Cell;

thread_local! {
    static STATE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From now on the mock rails on this thread draw their numbers and nonces from this seed; `None`: from the system again.
pub fn seed(seed: Option<u64>) {
    STATE.set(seed);
}

/// Fills with bytes that nobody guesses, unless there is a seed.
///
/// # Errors
/// When the system has no random bytes.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), aws_lc_rs::error::Unspecified> {
    let Some(mut state) = STATE.get() else { return aws_lc_rs::rand::fill(bytes) };
    for chunk in bytes.chunks_mut(8) {
        // SplitMix64: a counter and a mixer, published in 2014 with these constants.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes()[..chunk.len()]);
    }
    STATE.set(Some(state));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_bytes_again_and_others_after_them() {
        let draw = || {
            let mut bytes = [0; 20];
            fill(&mut bytes).unwrap();
            bytes
        };
        seed(Some(7));
        let (first, second) = (draw(), draw());
        assert_ne!(first, second);
        seed(Some(7));
        assert_eq!((draw(), draw()), (first, second));
        seed(None);
        assert_ne!(draw(), draw());
    }
}
