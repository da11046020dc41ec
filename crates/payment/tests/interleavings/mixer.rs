//! A hash that is quick in a debug build, too, and only good enough to spread: whatever it finds is compared whole.

use std::hash::Hasher;

/// See the module.
#[derive(Default)]
pub struct Mixer(u64);

impl Mixer {
    fn take(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.take(u64::from(*byte)));
    }

    fn write_u8(&mut self, byte: u8) {
        self.take(u64::from(byte));
    }

    fn write_u32(&mut self, word: u32) {
        self.take(u64::from(word));
    }

    /// Which variant of an enum it is.
    fn write_isize(&mut self, word: isize) {
        self.take(u64::from_ne_bytes(i64::try_from(word).unwrap_or(i64::MAX).to_ne_bytes()));
    }

    fn write_i64(&mut self, word: i64) {
        self.take(u64::from_ne_bytes(word.to_ne_bytes()));
    }
}
