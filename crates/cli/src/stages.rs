//! The stages of a run. Each reads the artefacts before it, writes its own, and knows nothing of those
//! after it.

pub(crate) mod author;
pub(crate) mod export;
pub(crate) mod funnel;
pub(crate) mod graph;
pub(crate) mod ingest;
pub(crate) mod report;
pub(crate) mod rollout;
pub(crate) mod task;

use crate::error::Result;
use crate::recipe::Recipe;
use crate::run_folder::RunFolder;

/// What every stage is given.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) recipe: Recipe,
    pub(crate) folder: RunFolder,
    pub(crate) quiet: bool,
}

/// A stage: its name, which is that of its folder and subcommand, and what it does.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Context) -> Result<()>,
}

/// All stages in order. The last one writes the run's report.
pub(crate) const STAGES: [Stage; 8] = [
    Stage {
        name: "ingest",
        run: ingest::run,
    },
    Stage {
        name: "graph",
        run: graph::run,
    },
    Stage {
        name: "author",
        run: author::run,
    },
    Stage {
        name: "task",
        run: task::run,
    },
    Stage {
        name: "rollout",
        run: rollout::run,
    },
    Stage {
        name: "funnel",
        run: funnel::run,
    },
    Stage {
        name: "export",
        run: export::run,
    },
    Stage {
        name: "report",
        run: report::run,
    },
];

/// The stage's options as text: a part of its key.
pub(crate) fn key_part(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
