//! A row written out, in a test or a named state.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One row to add.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowFile {
    /// The table.
    pub table: String,
    /// Values by column; the others take their DEFAULT.
    pub values: serde_json::Map<String, Value>,
}
