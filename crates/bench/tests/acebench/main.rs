//! ACEBench's scorer: its oddities one by one on data written here, and its agreement with the official scorer on the
//! benchmark's own data where that is at hand.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests
#![allow(clippy::needless_pass_by_value)] // `json!(...)` as an argument reads best

mod agreement;
mod answers;
mod dice;
mod fixture;
mod golden;
mod hostile;
mod mutants;
mod normal;
mod prose_and_states;
mod scorecard;
