//! Specs become tool specs: `ingest/tools.parquet`, `diagnostics.jsonl`, `report.json`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::num::NonZero;
use std::path::PathBuf;

use practicum_corpus::{Diagnostic, DiagnosticKind, IngestError, Options, Severity};

use super::{Context, key_part};
use crate::error::{CommandError, Result, io_error};
use crate::progress::Progress;
use crate::run_folder::{Due, hash_inputs, read_json};

const NAME: &str = "ingest";

/// Files that could not be read and are named on the terminal; all are in the diagnostics.
const SHOWN: usize = 5;

pub(crate) fn run(context: &Context) -> Result<()> {
    let recipe = &context.recipe;
    let progress = Progress::new(NAME, context.quiet);
    for path in &recipe.ingest.specs {
        if !path.exists() {
            return Err(
                CommandError::user(format!("{} does not exist", path.display())).hint(
                    "name a file, a folder or an archive in the recipe's `specs`, or with --specs",
                ),
            );
        }
    }
    let inputs = hash_inputs(&recipe.ingest.specs).map_err(|error| {
        CommandError::user(format!("the specs cannot be read: {error}"))
            .hint("check the paths in the recipe's `specs`, or those given with --specs")
    })?;
    let options = Options {
        limits: recipe.ingest.limits.clone(),
        filters: recipe.ingest.filters.clone(),
        include_benchmarks: false,
        threads: recipe.threads.and_then(NonZero::new),
    };
    let part = key_part(&(&options.limits, &options.filters));
    let folder = match context.folder.begin(NAME, &[&inputs, &part])? {
        Due::Nothing => {
            progress.done(&summary(&read_json(
                &context.folder.stage(NAME).join("report.json"),
            )?));
            return Ok(());
        }
        Due::Work(folder) => folder,
    };
    let report = practicum_corpus::ingest(&recipe.ingest.specs, &options, &folder, &mut |step| {
        progress.at(step.files_done, step.files_known);
    })
    .map_err(|error| command_error(&error, &recipe.ingest.specs))?;
    context.folder.finish(NAME)?;
    progress.done(&summary(&report));
    tell_unread(context)
}

/// Says which files and archives could not be read, so that nobody takes a part for the whole.
fn tell_unread(context: &Context) -> Result<()> {
    let path = context.folder.stage(NAME).join("diagnostics.jsonl");
    let file = File::open(&path).map_err(|error| io_error(&path, &error))?;
    let mut unread = 0;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| io_error(&path, &error))?;
        let Ok(note) = serde_json::from_str::<Diagnostic>(&line) else {
            continue;
        };
        let whole = matches!(
            note.kind,
            DiagnosticKind::FileSkipped(_) | DiagnosticKind::ArchiveCut
        );
        if whole && note.severity >= Severity::Warning {
            unread += 1;
            if unread <= SHOWN && !context.quiet {
                crate::progress::line(&format!("  warning: {}: {}", note.file, note.message));
            }
        }
    }
    if unread > SHOWN && !context.quiet {
        crate::progress::line(&format!(
            "  and {} more: all are in {}",
            unread - SHOWN,
            path.display()
        ));
    }
    Ok(())
}

fn summary(report: &practicum_corpus::Report) -> String {
    let dropped: usize = report.operations.dropped.values().sum();
    format!(
        "{} operations read from {} files, {} kept, {dropped} dropped",
        report.operations.read, report.files.specs, report.operations.kept
    )
}

fn command_error(error: &IngestError, specs: &[PathBuf]) -> CommandError {
    match error {
        IngestError::NoSpec { .. } => {
            let names: Vec<String> = specs
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            CommandError::user(error.to_string()).hint(format!("looked in {}", names.join(", ")))
        }
        IngestError::NoInput
        | IngestError::InputMissing { .. }
        | IngestError::InputUnreadable { .. }
        | IngestError::OutputFolder { .. } => CommandError::user(error.to_string()),
        IngestError::Output(_) | IngestError::Threads { .. } => {
            CommandError::work(error.to_string())
        }
    }
}
