//! `data.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::row::RowFile;
use super::schema::exactly_one;
use crate::fakes;

/// `data.toml`: how to generate rows.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DataFile {
    /// Factors on `rows` by the size's name; `small`, `medium` and `large` are 0.25, 1 and 10 unless
    /// given.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sizes: BTreeMap<String, f64>,
    /// The tables, in the order in which they are filled: a referenced table before its referrer.
    pub table: Vec<TableData>,
    /// Statements that run once all rows are there: totals, counters, statuses that follow from others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub derive: Vec<Derive>,
    /// Queries that must return no row on any generated state.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consistency: Vec<Derive>,
    /// Named initial states beside the generated ones; their names stand wherever a size's may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<StateFile>,
}

/// A named initial state: a generated one or none, then statements, then rows.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateFile {
    /// Its name, `[a-z0-9-]`, no size's.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,64}$"))]
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The size of the generated state that it starts from; absent: tables are empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// The seed of that state; absent: whichever is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// INSERT, UPDATE and DELETE statements that run on it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sql: String,
    /// Rows that are added at last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row: Vec<RowFile>,
}

/// A named statement or query.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Derive {
    /// The statement.
    pub sql: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// How to fill one table: `rows`, or `per` with `count`, or `literal`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend(
    "required" = ["name"],
    "oneOf" = [{ "required": ["rows"] }, { "required": ["per"] }, { "required": ["literal"] }],
    "dependentRequired" = { "per": ["count"], "count": ["per"], "fixed": ["rows"] },
))]
pub struct TableData {
    /// The table's name.
    pub name: String,
    /// Number of rows at size `medium`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u32>,
    /// `rows` stays as it is at every size: a catalogue that does not grow.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fixed: bool,
    /// Some rows for each row of this table; the foreign key to it is filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// Least and greatest number of rows for `per`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<[u32; 2]>,
    /// Rows written out; a column that a row leaves out takes its generator, else its DEFAULT.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub literal: Vec<BTreeMap<String, Value>>,
    /// The generator of each column that is not left to its DEFAULT.
    pub columns: BTreeMap<String, ColumnData>,
}

/// The generator of one column: exactly one of the kinds, with its options.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend(
    "oneOf" = exactly_one(&Self::default().kinds()),
    "dependentRequired" = {
        "weights": ["choice"], "step": ["int"], "places": ["real"], "via": ["ref"], "len": ["list_of"],
        "within": ["sequence"]
    },
    "dependentSchemas" = {
        "from": { "anyOf": [{ "required": ["date"] }, { "required": ["datetime"] }] }
    },
))]
pub struct ColumnData {
    /// An id: this prefix and a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Consecutive integers from this one, over the whole table unless `within` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// The column within whose values `sequence` counts: it starts anew for each of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// A random UUID; the value is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<bool>,
    /// A value of this kind: `full_name`, `city`, `company`...
    #[schemars(extend("enum" = fakes::KINDS))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fake: Option<String>,
    /// Text of the make of this example: its digits and letters are drawn anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// One of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<Vec<Value>>,
    /// The weights of `choice`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<f64>>,
    /// An integer of this range, ends included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub int: Option<[i64; 2]>,
    /// The step of `int`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
    /// A real of this range, rounded to `places`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real: Option<[f64; 2]>,
    /// Decimal places of `real`; 2 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<u32>,
    /// 1 with this probability, else 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub bool: Option<f64>,
    /// A date this many days from the clock, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<[i64; 2]>,
    /// An instant this many days from the clock, `YYYY-MM-DDTHH:MM:SSZ`, on a quarter of an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datetime: Option<[i64; 2]>,
    /// A time of day on a quarter of an hour between these hours, `HH:MM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<[i64; 2]>,
    /// The column from which the days of `date` and `datetime` count instead of the clock: one of the same
    /// row, or "table.column" of the row of `per`. NULL gives NULL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// A value of another table's column: `"customers.customer_id"`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// References that share this name are taken from the same row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// Text with `{column}` of the same row, `{column|lower}`, `{column|slug}` or `{#}` (row number).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Always this value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// A JSON array of values from this generator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_of: Option<Box<ColumnData>>,
    /// Least and greatest length of `list_of`; 0 and 3 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub len: Option<[u32; 2]>,
    /// NULL with this probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub null_share: Option<f64>,
    /// No two rows share a value.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
}

impl ColumnData {
    /// The generators, and which of them this one is.
    pub(crate) fn kinds(&self) -> [(&'static str, bool); 16] {
        [
            ("id", self.id.is_some()),
            ("sequence", self.sequence.is_some()),
            ("uuid", self.uuid.is_some()),
            ("fake", self.fake.is_some()),
            ("like", self.like.is_some()),
            ("choice", self.choice.is_some()),
            ("int", self.int.is_some()),
            ("real", self.real.is_some()),
            ("bool", self.bool.is_some()),
            ("date", self.date.is_some()),
            ("datetime", self.datetime.is_some()),
            ("time", self.time.is_some()),
            ("ref", self.reference.is_some()),
            ("template", self.template.is_some()),
            ("value", self.value.is_some()),
            ("list_of", self.list_of.is_some()),
        ]
    }
}
