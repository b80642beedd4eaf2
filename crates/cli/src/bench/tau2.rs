//! `practicum bench replay tau2`

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;

use practicum_bench::tau2::{Benchmark, Replayer};

use crate::error::{CommandError, Result, io_error};
use crate::progress::line;

/// Arguments of `practicum bench replay tau2`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The benchmark's data: a checkout of tau2-bench, or a folder that holds `domains`.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The calls: JSON lines {"domain", "task_id", "actions": [{"requestor", "name", "arguments"}]}.
    #[arg(long, value_name = "FILE")]
    actions: PathBuf,
    /// Where the verdicts go, one JSON line per line of calls; standard output unless given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Replays lists of calls, in order. A line that cannot be replayed is reported, and the others still run.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let benchmark = Benchmark::open(&arguments.data).map_err(|error| {
        CommandError::user(error.to_string())
            .hint("get a checkout of github.com/sierra-research/tau2-bench")
    })?;
    let lines = File::open(&arguments.actions)
        .map(BufReader::new)
        .map_err(|error| io_error(&arguments.actions, &error))?;
    let mut out: Box<dyn Write> = match &arguments.out {
        Some(path) => Box::new(BufWriter::new(
            File::create(path).map_err(|error| io_error(path, &error))?,
        )),
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
    };
    let place = arguments
        .out
        .clone()
        .unwrap_or_else(|| "standard output".into());
    let mut replayer = Replayer::new(benchmark);
    let mut bad = 0_usize;
    for (at, calls) in lines.split(b'\n').enumerate() {
        let calls = calls.map_err(|error| io_error(&arguments.actions, &error))?;
        let replayed = match std::str::from_utf8(&calls) {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => replayer
                .replay_text(text)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match replayed {
            Ok(replayed) => {
                let text = serde_json::to_string(&replayed)
                    .map_err(|error| CommandError::work(error.to_string()))?;
                writeln!(out, "{text}").map_err(|error| io_error(&place, &error))?;
            }
            Err(message) => {
                bad += 1;
                line(&format!(
                    "{}, line {}: {message}",
                    arguments.actions.display(),
                    at + 1
                ));
            }
        }
    }
    out.flush().map_err(|error| io_error(&place, &error))?;
    if bad > 0 {
        return Err(CommandError::user(format!(
            "{bad} line(s) of {} could not be replayed; the others were",
            arguments.actions.display()
        )));
    }
    Ok(())
}
