//! Tasks for worlds: what a user wants, how it is done, what must hold at the end, and the proof that the
//! verifier knows.
//!
//! ```
//! use practicum_task::{Options, generate};
//! use practicum_world::{Transcript, World, verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../world/tests/worlds/corner-shop");
//! let world = World::load(folder.as_ref())?;
//! let options = Options { per_world: 10, ..Options::default() };
//! let (tasks, report) = generate(&world, &options)?;
//! println!("{} of {} goals were proven", report.proven, report.tried);
//!
//! for task in &tasks {
//!     // Gold, on a fresh session.
//!     let mut session = world.state(&task.state)?.session(task.seed)?;
//!     for call in &task.gold {
//!         session.call(&call.tool, &call.arguments.clone().into());
//!     }
//!     let said = Transcript {
//!         answer: task.answer.clone(),
//!         outcome: Some(task.expectation.outcome),
//!         ..Transcript::default()
//!     };
//!     assert!(verify(&mut session, &said, &task.expectation)?.passed, "{}", task.intent);
//!
//!     // Every wrong run that was derived from it fails, every right one in another form passes.
//!     assert_eq!((task.proof.survived, task.proof.refused), (0, 0));
//!     assert!(task.proof.killed > 0 && task.proof.accepted > 0);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # The way
//!
//! A goal is drawn from what the world's tools can change and show, known from their SQL. Its gold calls
//! are executed; each argument must be told by the user or shown by an earlier reply, else the goal is
//! dropped. A grammar words the request. Then the proof: mutants, each derived from gold by one mistake that
//! an agent could make, must fail; variants, right runs in another form, must pass. What does not hold is
//! dropped and counted by reason, and the [`Report`] gives the rates before any task was dropped.
//!
//! Where a rule asks for the user's yes, gold's calls have it, and no others: a run without it is one of the
//! mutants. Reads that a rule demands before a write are found by making the write and asking the rules
//! what they missed, and become part of gold. [`propose`] words a call so that all of it is named, and
//! [`agreement`] reads such words: what a simulated user says yes to.
//!
//! How many tasks of which kinds and under which rules are proven on the hand-written worlds is printed by
//! `cargo test -p practicum-task --test hand_written -- --ignored --nocapture`.
//!
//! # What holds
//!
//! - A [`Task`] has no surviving mutant and no refused variant.
//! - Whether a mutant is void or equivalent is decided by running it, never by an excuse.
//! - The same world, options and seed give the same tasks.
mod accept;
mod afterwards;
mod atlas;
mod builder;
mod chain;
mod choice;
mod conditional;
mod conversation;
mod coverage;
mod demanded;
mod difficulty;
mod examine;
mod generate;
mod goals;
mod handle;
mod intent;
mod mutate;
mod namesakes;
mod near;
mod nested;
mod perturb;
mod phrase;
mod probe;
mod proposal;
mod prove;
mod questions;
mod reach;
mod repair;
mod reported;
mod script;
mod shares;
mod split;
mod task;
mod together;
mod variety;
mod words;

pub use conversation::{sayings, second_thoughts};
pub use coverage::{Coverage, Usage};
pub use difficulty::difficulty;
pub use examine::{Examination, Examiner, Trial};
pub use generate::{Length, Options, Report, generate};
pub use perturb::{DressedReply, DressedTool, Dressing, Perturbation};
pub use probe::{Probe, rank_correlation};
pub use proposal::{agreement, is_proposal, propose, wishes};
pub use prove::Fate;
pub use shares::{balanced, carried};
pub use split::{Fingerprint, Overlap, overlaps, split};
pub use task::{Determined, GoldCall, Kind, Proof, Reason, SecondThoughts, Slot, Task, Told};
pub use together::{instruct, users_call};
pub use variety::{Variety, Wordings, masked_intent};
