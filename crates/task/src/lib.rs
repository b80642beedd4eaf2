//! Tasks for worlds.
mod accept;
mod atlas;
mod builder;
mod generate;
mod goals;
mod handle;
mod intent;
mod mutate;
mod prove;
mod script;
mod task;
mod words;

pub use generate::{Options, Report, generate};
pub use task::{Determined, GoldCall, Kind, Proof, Reason, Slot, Task};
