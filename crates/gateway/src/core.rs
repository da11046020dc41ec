//! The one concrete engine of this binary.

use paifang_engine::Engine;

use crate::outbound::RailTransport;
use crate::rails::LocalRails;
use crate::world::TokioWorld;

/// The engine over a store, with everything else as this binary has it.
pub type Over<S> = Engine<S, LocalRails, RailTransport, TokioWorld>;
