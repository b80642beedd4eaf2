//! Episodes: agents, users, trajectories, the funnel and the exports.
//!
//! An episode is one [`Agent`], one user, one task and one session, until it ends; its record is a
//! [`Trajectory`]. [`run_world`] plays every task of a world with the [`Reference`] agents, which need no
//! model: they are the ceiling and the floor of every report. [`Funnel`] decides which trajectories become
//! training data, [`trl_row`] writes one down.

mod agents;
mod attribution;
mod card;
mod dialogue;
mod dress;
mod episode;
mod export;
mod fleet;
mod formats;
mod funnel;
mod log;
mod model;
mod replay;
mod run;
mod trajectory;
mod user;

pub use agents::{Action, Agent, Observation, Reference};
pub use card::Card;
pub use dialogue::{Dialogue, Heard, Turn};
pub use dress::{Dressed, dress};
pub use episode::{
    Episode, EpisodeLimits, Keep, finish_tool, run_episode, system_message, tools_of,
};
pub use export::trl_row;
pub use fleet::{Fleet, FleetError, FleetOptions, Ground, Progress, RunFile};
pub use formats::{Format, VERL_DATASET, segments};
pub use funnel::{Dropped, Funnel, FunnelOptions, Origin, STAGES, StageCount};
pub use log::{LogError, TrajectoryLog};
pub use model::{ModelAgent, Offer, Speech, Spoken};
pub use replay::{Difference, Replayed, replay};
pub use run::{Options, RolloutError, Score, Summary, agents, read_trajectories, run_world};
pub use trajectory::{
    Ending, Fault, Group, ModelRecord, StepRecord, Trajectory, TurnRecord, VERSION,
};
pub use user::{ModelVoice, Refusal, TemplateUser, UserMemory, UserRecord, UserTurn, Worded};
