//! The TOML files of a world, as they are written down.
//!
//! These types mirror the files one to one; [`crate::World`] turns them into something that runs.

mod compatibility;
mod data;
mod policy;
mod row;
mod schema;
mod test;
mod tool;
mod world;

pub use compatibility::{
    CompatibilityFile, ExportFile, ExportForm, OnError, OutputStyle, Validate,
};
pub use data::{ColumnData, DataFile, Derive, StateFile, TableData};
pub use policy::{BindingFile, PolicyFile, RuleFile, RuleMoment};
pub use row::RowFile;
pub use schema::FileKind;
pub use test::{TestAgreement, TestCall, TestCase, TestFile, TestState};
pub use tool::{Actor, StepFile, ToolFile};
pub use world::{AfterCall, IdsFile, LimitsFile, TableFile, WorldFile};

use serde::de::DeserializeOwned;

use crate::problem::Problems;

/// Parses one file, noting as a problem what TOML or the format forbids.
pub(crate) fn parse<T: DeserializeOwned>(
    file: &str,
    text: &str,
    problems: &mut Problems,
) -> Option<T> {
    match toml::from_str(text) {
        Ok(value) => Some(value),
        Err(error) => {
            let place = error.span().map_or_else(String::new, |span| {
                let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
                format!("line {line}")
            });
            problems.error(file, place, error.message().trim().to_string());
            None
        }
    }
}
