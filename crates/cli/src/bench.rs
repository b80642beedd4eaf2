//! `practicum bench`: the field's benchmarks, with verdicts equal to the official ones.
//!
//! The benchmarks' data is not part of this program: every command takes the folder of the user's own checkout.

mod acebench;
mod acebench_run;
mod models;
mod overlap;
mod report;
mod tau2;
mod tau2_run;
mod tau2_score;

use clap::Subcommand;

use crate::error::Result;

/// What to do with a benchmark; each variant names the benchmarks that it knows.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a model, and score what it does.
    #[command(subcommand)]
    Run(Run),
    /// Score a model's answers as the official scorer does.
    #[command(subcommand)]
    Score(Score),
    /// Replay lists of calls in a benchmark's environments, and judge where they lead.
    #[command(subcommand)]
    Replay(Replay),
    /// Write a model's scores in the shape of the paper's table, beside its rows.
    Report(report::Arguments),
    /// Say what worlds and tasks share with evaluation sets, and fail when it is too much.
    Overlap(overlap::Arguments),
}

/// The benchmarks that models can be run on.
#[derive(Debug, Subcommand)]
pub(crate) enum Run {
    /// tau2-bench: an agent and a simulated user, each a model behind an endpoint.
    Tau2(Box<tau2_run::Arguments>),
    /// ACEBench: the normal and special categories, a request for each question.
    Acebench(Box<acebench_run::Arguments>),
}

/// The benchmarks whose answers can be scored from files.
#[derive(Debug, Subcommand)]
pub(crate) enum Score {
    /// ACEBench: normal, special and agent categories.
    Acebench(acebench::Arguments),
    /// tau2-bench: a file of results in its own format, graded again.
    Tau2(tau2_score::Arguments),
}

/// The benchmarks whose environments are ported.
#[derive(Debug, Subcommand)]
pub(crate) enum Replay {
    /// tau2-bench: airline, retail and telecom.
    Tau2(tau2::Arguments),
}

/// Runs a benchmark's command.
pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Run(Run::Tau2(arguments)) => tau2_run::run(arguments),
        Command::Run(Run::Acebench(arguments)) => acebench_run::run(arguments),
        Command::Score(Score::Acebench(arguments)) => acebench::run(arguments),
        Command::Score(Score::Tau2(arguments)) => tau2_score::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Overlap(arguments) => overlap::run(arguments),
        Command::Replay(Replay::Tau2(arguments)) => tau2::run(arguments),
    }
}
