//! JSON Schemas of the TOML files, derived from the types that read them, so that editors complete and
//! check what a person writes.

use std::path::Path;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::{DataFile, PolicyFile, TestFile, ToolFile, WorldFile};

/// The kinds of TOML file that a world is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// `world.toml`
    World,
    /// `tools/*.toml`
    Tool,
    /// `data.toml`
    Data,
    /// `policy.toml`
    Policy,
    /// `tests/*.toml`
    Test,
}

impl FileKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::World,
        Self::Tool,
        Self::Data,
        Self::Policy,
        Self::Test,
    ];

    /// Its name: `world`, `tool`, `data`, `policy`, `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::Tool => "tool",
            Self::Data => "data",
            Self::Policy => "policy",
            Self::Test => "test",
        }
    }

    /// The kind of a file by its path in a world's folder; None for files that are no TOML of a world.
    pub fn of_path(path: &str) -> Option<Self> {
        match path {
            "world.toml" => Some(Self::World),
            "data.toml" => Some(Self::Data),
            "policy.toml" => Some(Self::Policy),
            _ if Path::new(path).extension() != Some("toml".as_ref()) => None,
            _ if path.starts_with("tools/") => Some(Self::Tool),
            _ if path.starts_with("tests/") => Some(Self::Test),
            _ => None,
        }
    }

    /// The JSON Schema (2020-12) of its files. What a schema cannot say, such as that a statement is
    /// valid, the loader checks.
    pub fn json_schema(self) -> Value {
        match self {
            Self::World => schema_of::<WorldFile>(),
            Self::Tool => schema_of::<ToolFile>(),
            Self::Data => schema_of::<DataFile>(),
            Self::Policy => schema_of::<PolicyFile>(),
            Self::Test => schema_of::<TestFile>(),
        }
    }
}

fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings
        .transforms
        .push(Box::new(RecursiveTransform(without_null)));
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

/// TOML has no null: an optional key is absent.
fn without_null(schema: &mut Schema) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(kinds)) = members.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = &kinds[..] {
            let kind = kind.clone();
            members.insert("type".into(), kind);
        }
    }
    if let Some(Value::Array(options)) = members.get_mut("anyOf") {
        options.retain(|option| option.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = &options[..] {
            let only = only.clone();
            members.remove("anyOf");
            members.extend(only);
        }
    }
    // Nothing, written out, is no help to anyone.
    if [Value::Null, json!(""), json!([]), json!({})]
        .iter()
        .any(|empty| members.get("default") == Some(empty))
    {
        members.remove("default");
    }
}

/// Alternatives of which exactly one key is given.
pub(super) fn exactly_one(kinds: &[(&'static str, bool)]) -> Value {
    kinds
        .iter()
        .map(|(name, _)| json!({ "required": [name] }))
        .collect()
}
