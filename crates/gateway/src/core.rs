//! The one concrete engine of this binary.

use paifang_engine::Engine;
use paifang_store_sqlite::SqliteStore;

use crate::outbound::RailTransport;
use crate::rails::LocalRails;
use crate::world::TokioWorld;

/// The engine over the embedded store.
pub type Core = Over<SqliteStore>;

/// The engine over a store, with everything else as this binary has it.
pub type Over<S> = Engine<S, LocalRails, RailTransport, TokioWorld>;
