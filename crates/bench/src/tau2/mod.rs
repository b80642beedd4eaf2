//! tau2-bench: airline, retail and telecom as worlds, replayed and scored as the official evaluator does.
//!
//! The benchmark's tools are ported as worlds under `worlds/` of this crate, embedded in the program. Its
//! databases, tasks and policies are read from the user's checkout ([`Benchmark::open`]).

mod calculate;
mod conversation;
mod data;
mod descriptions;
mod domain;
mod environment;
mod functions;
mod graded;
mod import;
mod prompts;
mod pydantic;
mod replay;
mod results;
mod run;
mod score;
pub(crate) mod spelling;
mod task;
mod trials;

pub use conversation::{Conversation, Limits};
pub use data::{Benchmark, DataError};
pub use descriptions::ToolDescriptions;
pub use domain::Domain;
pub use environment::{Environment, EnvironmentError, Output, Requestor, Role};
pub use graded::{
    ActionResult, AssertionCheck, DbCheck, GradeError, Grader, Judged, RewardInfo, SaidCheck,
    grade, sentences_to_judge, with_older_basis,
};
pub use prompts::Prompts;
pub use replay::{LineError, ReplayLine, Replayed, Replayer};
pub use results::{
    EnvironmentInfo, GREETING, Info, Party, RecordedCall, Results, Simulation, ToolReply,
    TrajectoryMessage, Utterance, number, timestamp, trajectory,
};
pub use run::{RunError, RunOptions, Runner, Side, Trial};
pub use score::{
    ActionCheck, EnvironmentScore, Judge, Message, Replaying, Reward, Termination, action_checks,
    reward,
};
pub use task::{Action, EnvironmentCall, Part, Task};
pub use trials::{Proportion, pass_hat_k};
