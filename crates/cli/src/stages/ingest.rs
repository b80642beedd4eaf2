//! Specs become tool specs: `ingest/tools.parquet`, `diagnostics.jsonl`, `report.json`.

use std::num::NonZero;

use practicum_corpus::{IngestError, Options};

use super::{Context, key_part};
use crate::error::{CommandError, Result};
use crate::progress::Progress;
use crate::run_folder::{Due, hash_inputs, read_json};

const NAME: &str = "ingest";

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
    .map_err(|error| command_error(&error))?;
    context.folder.finish(NAME)?;
    progress.done(&summary(&report));
    Ok(())
}

fn summary(report: &practicum_corpus::Report) -> String {
    let dropped: usize = report.operations.dropped.values().sum();
    format!(
        "{} operations read from {} files, {} kept, {dropped} dropped",
        report.operations.read, report.files.specs, report.operations.kept
    )
}

fn command_error(error: &IngestError) -> CommandError {
    match error {
        IngestError::NoInput
        | IngestError::InputMissing { .. }
        | IngestError::InputUnreadable { .. }
        | IngestError::NoSpec { .. }
        | IngestError::OutputFolder { .. } => CommandError::user(error.to_string()),
        IngestError::Output(_) | IngestError::Threads { .. } => {
            CommandError::work(error.to_string())
        }
    }
}
