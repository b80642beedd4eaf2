//! What stands in for learning in a program that was built without it.

use std::path::PathBuf;

use crate::RunArguments;
use crate::error::{CommandError, Result};
use crate::stages::Context;

/// What to judge.
#[derive(Debug, clap::Args)]
pub(crate) struct EvalArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// The model: a Hugging Face folder or a GGUF file.
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
    /// Also on versions of the tasks in which tools and parameters have other names.
    #[arg(long)]
    pub(crate) perturbed: bool,
    /// Where the episodes are written, as JSON lines.
    #[arg(long, default_value = "eval.jsonl")]
    pub(crate) episodes: PathBuf,
    /// Episodes of an earlier evaluation to compare with.
    #[arg(long)]
    pub(crate) against: Option<PathBuf>,
}

fn missing() -> CommandError {
    CommandError::user("this program was built without learning")
        .hint("build it with: cargo build --release -p practicum-cli --features learn")
}

pub(crate) fn run(_: &Context) -> Result<()> {
    Err(missing())
}

pub(crate) fn eval(_: &Context, _: &EvalArguments) -> Result<()> {
    Err(missing())
}

pub(crate) fn curve(_: &Context) -> Result<()> {
    Err(missing())
}
