//! `world.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::compatibility::{CompatibilityFile, ExportFile};
use super::tool::{Actor, StepFile};
use crate::roles::ROLE_NAMES;

/// `world.toml`: what the world is, its clock, its limits, and what cannot be derived.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorldFile {
    /// Version of the format; 1.
    #[schemars(extend("const" = 1))]
    pub format: u32,
    /// Short name, `[a-z0-9-]`, unique among worlds used together.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,64}$"))]
    pub name: String,
    /// Name for people.
    pub title: String,
    /// One paragraph for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The instant at which every session starts: `2026-03-02T09:00:00Z`.
    pub clock: String,
    /// Seconds by which the clock advances after every successful call; 0 freezes it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_step_s: u32,
    /// What one call may use.
    #[serde(default, skip_serializing_if = "LimitsFile::is_default")]
    pub limits: LimitsFile,
    /// The form of minted ids.
    #[serde(default, skip_serializing_if = "IdsFile::is_default")]
    pub ids: IdsFile,
    /// Roles of columns that cannot be derived: `"orders.note" = "text"`.
    #[schemars(extend("additionalProperties" = { "enum": ROLE_NAMES }))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, String>,
    /// What is special about a table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, TableFile>,
    /// Steps that run after every successful call of the agent or the user, or of the actors that they
    /// name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_call: Vec<AfterCall>,
    /// Where it departs from the rules of other worlds.
    #[serde(default, skip_serializing_if = "CompatibilityFile::is_default")]
    pub compatibility: CompatibilityFile,
    /// How the state is written out as documents.
    #[serde(default, rename = "export", skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<ExportFile>,
    /// Where the world comes from: specs, hashes, author. Free form.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub provenance: toml::Table,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// What one call may use before it ends as `limit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsFile {
    /// Steps of SQLite's virtual machine; 1,000 at least.
    #[schemars(range(min = 1000))]
    pub vm_steps: u32,
    /// Bytes of one string or row, 1,024 to 16,777,216.
    #[schemars(range(min = 1024, max = 16_777_216))]
    pub string_bytes: u32,
    /// Rows of one reply.
    pub rows: u32,
    /// Bytes of one reply.
    pub reply_bytes: u32,
    /// Pages of 1,024 bytes that the database may grow to.
    pub pages: u32,
}

impl Default for LimitsFile {
    fn default() -> Self {
        Self {
            vm_steps: 200_000,
            string_bytes: 256 << 10,
            rows: 1_000,
            reply_bytes: 256 << 10,
            pages: 256 << 10,
        }
    }
}

impl LimitsFile {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The form of ids that `new_id` mints and the `id` generator gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdsFile {
    /// Decimal digits after the prefix, 2 to 15. Generated rows take the numbers whose first digit is
    /// 1 to 8, minted ids those that start with 9, so that the two never meet.
    #[schemars(range(min = 2, max = 15))]
    pub digits: u32,
}

impl Default for IdsFile {
    fn default() -> Self {
        Self { digits: 6 }
    }
}

impl IdsFile {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What is special about a table.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TableFile {
    /// A log (views, audit, notifications): not compared.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub log: bool,
    /// The group of tables that it belongs to: one party's side of the world, with a diff and a hash of
    /// its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// One synchronisation that runs after successful calls.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AfterCall {
    /// Whose calls it follows.
    #[serde(default = "parties", skip_serializing_if = "are_parties")]
    pub actors: Vec<Actor>,
    /// The steps, run as those of a tool without arguments.
    pub step: Vec<StepFile>,
}

fn parties() -> Vec<Actor> {
    vec![Actor::Agent, Actor::User]
}

fn are_parties(actors: &[Actor]) -> bool {
    actors == [Actor::Agent, Actor::User]
}
