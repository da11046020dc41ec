//! Under which time a reverse is sent. Some rails know it by its number together with the time that its message tells, and
//! refuse a message whose time is too old for them (UnionPay's `txnTime`): a reverse that could not be sent for a while
//! would never be taken.
//!
//! So its time may be renewed, but only while it is certain that no copy of it has left us: each of the first two sends is
//! written ahead, and "not sent" is believed of the only one. From then on the time stays, as its number does: a rail that
//! has taken the first copy would not know the second one as the same.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Closing, State, Turn};

/// How old the time of a reverse that was never sent may be before it is renewed. Rails allow minutes.
pub const UNDO_FRESH: SignedDuration = SignedDuration::from_secs(60);

/// What is known of a reverse's copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// The time that its message tells, where that was renewed; whole seconds. Absent: the time of its opening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamped_at: Option<Timestamp>,
    /// How many copies may have left us under that time.
    pub copies: Copies,
}

/// How many copies of a message may have left us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Copies {
    /// It is certain that none has.
    None,
    /// One was written ahead.
    One,
    /// More than one was written ahead.
    More,
}

impl Undo {
    /// Opened, and not sent.
    pub(crate) const UNSENT: Self = Self { stamped_at: None, copies: Copies::None };

    /// Written ahead (again): `told` is the time that its message would tell; `only` says that no other reverse of this
    /// attempt was opened before. `None` where nothing new is to be written.
    pub(crate) fn ahead(self, told: Timestamp, only: bool, now: Timestamp) -> Option<Self> {
        match self.copies {
            Copies::None if only && now.duration_since(told) > UNDO_FRESH => {
                let stamped_at = Timestamp::from_second(now.as_second()).ok();
                Some(Self { stamped_at, copies: Copies::One })
            }
            Copies::None => Some(Self { copies: Copies::One, ..self }),
            Copies::One => Some(Self { copies: Copies::More, ..self }),
            Copies::More => None,
        }
    }

    /// Proven that the last send did not leave us; `None` where that says nothing about the others.
    pub(crate) fn not_sent(self) -> Option<Self> {
        match self.copies {
            Copies::One => Some(Self { copies: Copies::None, ..self }),
            Copies::None | Copies::More => None,
        }
    }
}

/// The only copy of a reverse has not left us: it is sent later, as if for the first time.
pub(super) fn undo_not_sent(closing: &Closing) -> Turn {
    match closing.undo.and_then(Undo::not_sent).filter(|_| !closing.ask) {
        Some(undo) => {
            let sends = closing.sends + 1;
            Turn::Move(State::Closing(Closing { sends, undo: Some(undo), ..closing.clone() }))
        }
        None => Turn::Stay,
    }
}
