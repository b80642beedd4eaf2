//! `[compatibility]` and `[[export]]` of `world.toml`: what a world needs that stands in for a program
//! whose every byte is known, such as a benchmark's environment.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a world departs from the rules of other worlds, to behave as another program does.
///
/// A world that stands for nothing but itself has no such table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CompatibilityFile {
    /// What of a call's arguments is checked before the steps run.
    pub validate: Validate,
    /// What becomes of the changes that a refused call made before it was refused.
    pub on_error: OnError,
    /// How results are written.
    pub output: OutputStyle,
}

impl CompatibilityFile {
    /// True when nothing departs from the rules.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What of a call's arguments is checked before the steps run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Validate {
    /// All that the tool's JSON Schema says.
    #[default]
    Schema,
    /// Names alone: required arguments are there, and there are no others. `:name` is NULL for a value
    /// of another type than the schema's; `:json_name` is the JSON text of what was given, whatever it
    /// is, and NULL when nothing was.
    Lenient,
}

/// What becomes of the changes that a refused call made before it was refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// They are taken back.
    #[default]
    Undo,
    /// They stay. Only what a limit or a fault ends is still taken back.
    Keep,
}

/// How results are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputStyle {
    /// Compact JSON.
    #[default]
    Json,
    /// As Python's `json.dumps` writes it; a result that is one string stands without quotes.
    Python,
}

/// One member of a document into which a group's state is put together: the exact JSON that another
/// program would keep.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportFile {
    /// The document that it belongs to.
    pub group: String,
    /// Its name in the document.
    pub member: String,
    /// A view with columns `key` (text) and `value` (JSON text): one row an element. Elements of a list
    /// stand in the order of its column `position`.
    pub view: String,
    /// How the rows become one value.
    #[serde(default)]
    pub form: ExportForm,
    /// The tables that the view is made from, each with the column of its primary key that holds the
    /// element's `key`. Elements whose rows were not touched are not read again.
    pub tables: BTreeMap<String, String>,
}

/// How the rows of an export become one value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportForm {
    /// An object with one member a row.
    #[default]
    Map,
    /// An array of all rows.
    List,
    /// The value of the only row.
    Single,
}
