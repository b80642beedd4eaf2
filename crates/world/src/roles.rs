//! The roles of columns: how each is compared when two states are.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::problem::Problems;
use crate::program::Tool;
use crate::sql::{ColumnRef, ColumnType, Schema, Store, StoreKind, TableKind};

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// As it is; ids minted in the session are renamed where they stand in text as whole words.
    Value,
    /// It holds ids: those minted in the session are renamed.
    Identity(Identity),
    /// An instant of the session's clock: not compared.
    Stamp,
    /// A random draw: not compared.
    Random,
    /// Free text: compared where the task quotes it, else it must be there.
    Text,
    /// A position: compared as its rank.
    Sequence,
    /// JSON: compared as a value, whatever the order of members.
    Json,
}

/// Which ids an identity column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// Texts that `new_id` mints; unique in the world, so they are renamed wherever they stand.
    Minted,
    /// Integers that SQLite assigns to this table's rows; renamed in columns that refer to it.
    Rowid(usize),
}

/// The names of roles that `world.toml` may state.
pub const ROLE_NAMES: [&str; 8] = [
    "value", "identity", "rowid", "stamp", "random", "text", "sequence", "json",
];

impl Role {
    /// Its name, as `world.toml` states it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Identity(Identity::Minted) => "identity",
            Self::Identity(Identity::Rowid(_)) => "rowid",
            Self::Stamp => "stamp",
            Self::Random => "random",
            Self::Text => "text",
            Self::Sequence => "sequence",
            Self::Json => "json",
        }
    }

    fn parse(name: &str, at: ColumnRef) -> Option<Self> {
        Some(match name {
            "value" => Self::Value,
            "identity" => Self::Identity(Identity::Minted),
            "rowid" => Self::Identity(Identity::Rowid(at.table)),
            "stamp" => Self::Stamp,
            "random" => Self::Random,
            "text" => Self::Text,
            "sequence" => Self::Sequence,
            "json" => Self::Json,
            _ => return None,
        })
    }
}

/// Derives the role of every column from what flows into it; `stated` overrules.
pub(crate) fn derive(
    schema: &Schema,
    tools: &[Tool],
    other_stores: &[Store],
    stated: &BTreeMap<String, String>,
    clock_advances: bool,
    problems: &mut Problems,
) -> Vec<Vec<Role>> {
    let mut roles: Vec<Vec<Role>> = schema
        .tables
        .iter()
        .map(|table| {
            table
                .columns
                .iter()
                .map(|column| if column.json { Role::Json } else { Role::Value })
                .collect()
        })
        .collect();
    let stores = tools
        .iter()
        .flat_map(|tool| {
            tool.flow
                .stores
                .iter()
                .map(move |store| (Some(tool), store))
        })
        .chain(other_stores.iter().map(|store| (None, store)));
    for (tool, store) in stores {
        let found = role_of_store(schema, tool, store, clock_advances);
        let own = &mut roles[store.column.table][store.column.column];
        // The strongest finding wins: an id is an id whatever else is stored there.
        if rank(found) > rank(*own) {
            *own = found;
        }
    }
    for (name, role) in stated {
        let Some(at) = schema.resolve(name) else {
            problems.error(
                "world.toml",
                format!("roles.{name}"),
                "there is no such column; write \"table.column\" = \"role\"",
            );
            continue;
        };
        match Role::parse(role, at) {
            Some(role) => roles[at.table][at.column] = role,
            None => problems.error(
                "world.toml",
                format!("roles.{name}"),
                format!("{role:?} is no role; there are: {}", ROLE_NAMES.join(", ")),
            ),
        }
    }
    // What refers to an identity is one.
    for (at, table) in schema.tables.iter().enumerate() {
        for column in 0..table.columns.len() {
            let own = ColumnRef { table: at, column };
            let root = schema.root(own);
            if root != own
                && let role @ Role::Identity(_) = roles[root.table][root.column]
            {
                roles[at][column] = role;
            }
        }
    }
    roles
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Value => 0,
        Role::Text => 1,
        Role::Json => 2,
        Role::Sequence => 3,
        Role::Random => 4,
        Role::Stamp => 5,
        Role::Identity(_) => 6,
    }
}

fn role_of_store(
    schema: &Schema,
    tool: Option<&Tool>,
    store: &Store,
    clock_advances: bool,
) -> Role {
    let table = &schema.tables[store.column.table];
    let column = schema.get(store.column);
    if table.kind == TableKind::FullText {
        return Role::Value;
    }
    let functions = &store.origins.functions;
    match store.origins.call.as_deref() {
        Some("new_id") => return Role::Identity(Identity::Minted),
        Some("rowid") => return Role::Identity(Identity::Rowid(store.column.table)),
        _ => {}
    }
    if functions.contains("now") || (clock_advances && functions.contains("today")) {
        return Role::Stamp;
    }
    if functions.contains("random_int") {
        return Role::Random;
    }
    if functions.contains("max")
        && store.origins.columns.contains(&store.column)
        && store.kind == StoreKind::Insert
        && column.kind == ColumnType::Integer
    {
        return Role::Sequence;
    }
    let in_key = table.key.contains(&store.column.column);
    let Some(argument) = store.origins.argument.as_deref() else {
        return Role::Value;
    };
    let Some(schema_of) = tool.and_then(|tool| argument_schema(tool.input(), argument)) else {
        return Role::Value;
    };
    match crate::arguments::schema_type(schema_of) {
        Some("array" | "object") => Role::Json,
        Some("string") | None
            if column.kind == ColumnType::Text
                && column.choices.is_none()
                && !in_key
                && schema.referenced(store.column).is_none()
                && !is_precise(schema_of) =>
        {
            Role::Text
        }
        _ => Role::Value,
    }
}

/// True when a schema leaves no freedom in wording: an enumeration, a format, a pattern.
pub(crate) fn is_precise(schema: &Value) -> bool {
    ["enum", "const", "format", "pattern"]
        .iter()
        .any(|keyword| schema.get(keyword).is_some())
}

/// The schema of an argument by its path: `order_id`, `items[].sku`.
pub fn argument_schema<'a>(input: &'a Value, path: &str) -> Option<&'a Value> {
    let mut schema = input;
    for part in path.split('.') {
        let name = part.trim_end_matches("[]");
        if !name.is_empty() {
            schema = schema.get("properties")?.get(name)?;
        }
        for _ in 0..(part.len() - name.len()) / 2 {
            schema = schema.get("items")?;
        }
    }
    Some(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_role() {
        let at = ColumnRef {
            table: 0,
            column: 0,
        };
        for name in ROLE_NAMES {
            assert_eq!(Role::parse(name, at).unwrap().name(), name);
        }
        assert!(Role::parse("secret", at).is_none());
    }
}
