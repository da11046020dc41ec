//! A set of fields.

use std::fmt;

use crate::Field;

const WORDS: usize = Field::COUNT.div_ceil(64);

/// A set of fields, as bits: copied freely, made without an allocation.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Fields([u64; WORDS]);

impl Fields {
    /// None.
    pub const NONE: Self = Self([0; WORDS]);

    /// Those for which it holds.
    pub fn those(holds: impl Fn(Field) -> bool) -> Self {
        Field::ALL.into_iter().filter(|field| holds(*field)).collect()
    }

    /// With one more.
    pub fn insert(&mut self, field: Field) {
        let (word, bit) = (field.index() / 64, field.index() % 64);
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    /// Whether it is in.
    pub fn contains(&self, field: Field) -> bool {
        let (word, bit) = (field.index() / 64, field.index() % 64);
        self.0.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut both = self;
        both.0.iter_mut().zip(other.0).for_each(|(own, others)| *own &= others);
        both
    }

    /// Those that are in one or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let mut all = self;
        all.0.iter_mut().zip(other.0).for_each(|(own, others)| *own |= others);
        all
    }

    /// Whether none is in.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// All that are in, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = Field> {
        let set = *self;
        Field::ALL.into_iter().filter(move |field| set.contains(*field))
    }
}

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        let mut set = Self::NONE;
        fields.into_iter().for_each(|field| set.insert(field));
        set
    }
}

/// Names, with commas between them.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for field in self.iter() {
            write!(f, "{between}{field}")?;
            between = ",";
        }
        Ok(())
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
