//! `practicum schema KIND`

use clap::ValueEnum;
use practicum_world::format::FileKind;

use crate::error::{CommandError, Result};
use crate::progress::result;

/// Arguments of `practicum schema`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The kind of file.
    kind: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// A world's `world.toml`.
    World,
    /// A tool of a world, `tools/*.toml`.
    Tool,
    /// A world's `data.toml`.
    Data,
    /// A world's `policy.toml`.
    Policy,
    /// Tests of a world, `tests/*.toml`.
    Test,
}

/// Prints the JSON Schema on standard output.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let kind = match arguments.kind {
        Kind::World => FileKind::World,
        Kind::Tool => FileKind::Tool,
        Kind::Data => FileKind::Data,
        Kind::Policy => FileKind::Policy,
        Kind::Test => FileKind::Test,
    };
    let text = serde_json::to_string_pretty(&kind.json_schema())
        .map_err(|error| CommandError::work(error.to_string()))?;
    result(&text);
    Ok(())
}
