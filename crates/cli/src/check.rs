//! `practicum check WORLD...`

use std::path::PathBuf;

use practicum_world::{CheckOptions, CheckReport, Problem, Severity, World, WorldFiles};

use crate::error::{CommandError, Result};
use crate::progress::{line, result};
use crate::run_folder::write_json;

/// Arguments of `practicum check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folders of worlds.
    #[arg(required = true)]
    worlds: Vec<PathBuf>,
    /// The seed of states and arguments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Sizes of the generated states to try on, or names of states, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "small,medium")]
    sizes: Vec<String>,
    /// Print the findings as JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Checks worlds, writes each one's `check.json`, and fails when one has errors.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut reports = Vec::new();
    for folder in &arguments.worlds {
        let files =
            WorldFiles::read(folder).map_err(|error| CommandError::user(error.to_string()))?;
        let options = CheckOptions {
            sizes: arguments.sizes.clone(),
            seed: arguments.seed,
            ..CheckOptions::default()
        };
        let report = match World::from_files(&files) {
            Ok(world) => world.check(&options),
            Err(error) => CheckReport {
                world: folder.display().to_string(),
                digest: files.digest(),
                problems: error.problems().to_vec(),
                tools: Vec::new(),
            },
        };
        for problem in &report.problems {
            line(&format!("{}: {problem}", folder.display()));
        }
        let count = |severity| {
            report
                .problems
                .iter()
                .filter(|problem: &&Problem| problem.severity == severity)
                .count()
        };
        line(&format!(
            "{}: {} tools, {} errors, {} warnings",
            folder.display(),
            report.tools.len(),
            count(Severity::Error),
            count(Severity::Warning)
        ));
        write_json(&folder.join("check.json"), &report)?;
        reports.push(report);
    }
    if arguments.json {
        result(&serde_json::to_string(&reports).unwrap_or_default());
    }
    if reports.iter().all(CheckReport::passed) {
        Ok(())
    } else {
        Err(CommandError::work("a world has errors and cannot be used"))
    }
}
