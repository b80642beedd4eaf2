//! What the tools of a world do, as far as goals need it: which read what, which write what.

use std::collections::BTreeSet;

use practicum_world::{
    Actor, ArgumentComparison, Cell, Column, ColumnRef, ColumnType, FactKind, Identity, Role,
    Schema, TableKind, Tool, World, schema_type,
};

use crate::nested::shown_inside;

/// How a world's tools read and write its tables.
#[derive(Debug)]
pub(crate) struct Atlas {
    pub(crate) world: World,
    /// Positions of the agent's tools that write.
    pub(crate) writes: Vec<usize>,
    /// Positions of the user's tools that write.
    pub(crate) users_writes: Vec<usize>,
    /// The agent's tools that show rows, by table.
    pub(crate) readers: Vec<Vec<Reader>>,
    /// The agent's tools that show rows inside the entries of others, by table.
    pub(crate) readers_inside: Vec<Vec<Reader>>,
    /// Some rule asks what was called before.
    pub(crate) looks_back: bool,
}

/// A read-only tool that shows rows of a table.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    /// Position of the tool.
    pub(crate) tool: usize,
    /// It returns a list.
    pub(crate) many: bool,
    /// It shows the rows inside the entries of another table's.
    pub(crate) inside: bool,
    /// Columns of the table that it shows, with the field that shows each.
    pub(crate) shows: Vec<(usize, String)>,
    /// Its arguments.
    pub(crate) arguments: Vec<ReaderArgument>,
}

/// What an argument of a reader picks.
#[derive(Debug, Clone)]
pub(crate) struct ReaderArgument {
    pub(crate) name: String,
    pub(crate) required: bool,
    /// The column that it is compared with for equality, or searched for in.
    pub(crate) column: Option<ColumnRef>,
}

impl Reader {
    pub(crate) fn shows_column(&self, column: usize) -> Option<&str> {
        self.shows
            .iter()
            .find(|(shown, _)| *shown == column)
            .map(|(_, field)| field.as_str())
    }
}

impl Atlas {
    pub(crate) fn new(world: &World) -> Self {
        let schema = world.schema();
        let mut readers: Vec<Vec<Reader>> = vec![Vec::new(); schema.tables.len()];
        let mut readers_inside = readers.clone();
        let mut writes = Vec::new();
        let mut users_writes = Vec::new();
        for (at, tool) in world.tools().iter().enumerate() {
            if tool.actor == Actor::User && !tool.effects.read_only && !tool.benign {
                users_writes.push(at);
            }
            if tool.actor != Actor::Agent {
                continue;
            }
            if tool.effects.read_only {
                for (table, readers) in readers.iter_mut().enumerate() {
                    readers.extend(reader(schema, at, tool, table));
                }
                for (table, readers) in readers_inside.iter_mut().enumerate() {
                    let shows = shown_inside(world, tool, table);
                    readers.extend(shows.map(|shows| Reader {
                        tool: at,
                        many: true,
                        inside: true,
                        shows,
                        arguments: arguments(tool, table),
                    }));
                }
            } else if !tool.benign {
                writes.push(at);
            }
        }
        Self {
            world: world.clone(),
            writes,
            users_writes,
            readers,
            readers_inside,
            looks_back: world.rules().iter().any(practicum_world::Rule::looks_back),
        }
    }

    pub(crate) fn schema(&self) -> &Schema {
        self.world.schema()
    }

    pub(crate) fn tool(&self, at: usize) -> &Tool {
        &self.world.tools()[at]
    }

    /// The position of a tool.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let tools = self.world.tools().iter();
        tools
            .enumerate()
            .find(|(_, tool)| tool.name == name)
            .map(|(at, _)| at)
    }

    /// The whole key of a table when it is one column.
    pub(crate) fn key(&self, table: usize) -> Option<ColumnRef> {
        match &self.schema().tables[table].key[..] {
            [column] => Some(ColumnRef {
                table,
                column: *column,
            }),
            _ => None,
        }
    }

    /// The table that an argument picks a row of, when it stands for a key.
    pub(crate) fn picked_table(&self, tool: &Tool, argument: &str) -> Option<usize> {
        let column = tool.flow.column_of(argument, self.schema())?;
        let root = self.schema().root(column);
        (self.key(root.table) == Some(root)).then_some(root.table)
    }

    /// The table whose rows a tool is about: the one that it writes, else the one that it shows.
    pub(crate) fn subject(&self, tool: &Tool) -> Option<usize> {
        let effects = &tool.effects;
        let own = |tables: &BTreeSet<usize>| {
            tables
                .iter()
                .copied()
                .find(|table| self.schema().tables[*table].kind == TableKind::Table)
        };
        // The table of the returned key tells a creation's subject from the stock that it changes.
        let returned = tool
            .flow
            .results
            .iter()
            .filter_map(|field| field.origins.column)
            .find(|column| {
                effects.inserts.contains(&column.table) || effects.updates.contains(&column.table)
            })
            .map(|column| column.table);
        returned
            .or_else(|| own(&effects.inserts))
            .or_else(|| own(&effects.updates))
            .or_else(|| own(&effects.deletes))
    }

    /// The role of a reference, where its table refers to the same table in several: `sender address`.
    pub(crate) fn role_words(&self, at: ColumnRef) -> Option<String> {
        let schema = self.schema();
        let parent = schema.referenced(at)?;
        let several = (0..schema.tables[at.table].columns.len())
            .filter(|column| {
                let other = ColumnRef {
                    table: at.table,
                    column: *column,
                };
                schema.referenced(other) == Some(parent)
            })
            .count()
            > 1;
        several.then(|| crate::words::column_words(schema, at))
    }

    /// True for columns by whose value a person would pick a row or ask about it.
    pub(crate) fn is_natural(&self, at: ColumnRef) -> bool {
        let schema = self.schema();
        let table = &schema.tables[at.table];
        let column = schema.get(at);
        if table.kind != TableKind::Table
            || table.key.contains(&at.column)
            || schema.referenced(at).is_some()
            || column.json
            || column.kind == ColumnType::Any
        {
            return false;
        }
        if column.kind != ColumnType::Text && is_moment(&column.name) {
            // Seconds since 1970 are nothing that people say.
            return false;
        }
        match self.world.role(at) {
            Role::Identity(_) | Role::Stamp | Role::Random | Role::Json | Role::Sequence => false,
            Role::Value | Role::Text => !looks_internal(&column.name),
        }
    }

    /// How well a column names a row: names before dates, dates before numbers; None for what nobody
    /// would name a row by.
    pub(crate) fn naming_rank(&self, at: ColumnRef) -> Option<u8> {
        if !self.is_natural(at) {
            return None;
        }
        let column = self.schema().get(at);
        let words = crate::words::words(&column.name);
        let last = words.last().map_or("", String::as_str);
        let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        if column.kind == ColumnType::Text {
            if is_boolean(column) {
                return None;
            }
            if last == "name" || has(&["title", "subject", "fullname", "username"]) {
                return Some(0);
            }
            if has(&["email"]) {
                return Some(1);
            }
            if has(&["number", "code", "reference", "phone"]) {
                return Some(2);
            }
            if column.choices.is_some() {
                return Some(5);
            }
            if self.fact_kind(at) != FactKind::Text {
                return Some(3);
            }
            if has(&["city", "country", "address", "street", "company"]) {
                return Some(4);
            }
            if has(&["url", "image", "photo", "avatar", "link", "website"]) {
                return None;
            }
            return Some(6);
        }
        if is_boolean(column) {
            return None;
        }
        Some(7)
    }

    /// How people write the values of a column.
    pub(crate) fn fact_kind(&self, at: ColumnRef) -> FactKind {
        let column = self.schema().get(at);
        let words = crate::words::words(&column.name);
        match column.kind {
            ColumnType::Integer => {
                if words.iter().any(|word| word == "cents") {
                    FactKind::Cents
                } else {
                    FactKind::Number
                }
            }
            ColumnType::Real => FactKind::Number,
            _ => {
                if column.choices.is_some() {
                    FactKind::Label
                } else {
                    FactKind::Text
                }
            }
        }
    }

    /// How people write one value of a column: dates are told by their form.
    pub(crate) fn value_kind(&self, at: ColumnRef, value: &Cell) -> FactKind {
        match (self.fact_kind(at), value.as_text()) {
            (FactKind::Text, Some(text)) => text_kind(text),
            (kind, _) => kind,
        }
    }

    /// Which ids a key holds are minted.
    pub(crate) fn is_minted_key(&self, table: usize) -> bool {
        self.key(table).is_some_and(|key| {
            matches!(
                self.world.role(key),
                Role::Identity(Identity::Minted | Identity::Rowid(_))
            )
        })
    }
}

/// A text that is a date or an instant by its form.
pub(crate) fn text_kind(text: &str) -> FactKind {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let date = bytes.len() >= 10
        && digits(0..4)
        && bytes[4] == b'-'
        && digits(5..7)
        && bytes[7] == b'-'
        && digits(8..10);
    if date && bytes.len() == 10 {
        FactKind::Date
    } else if date && bytes.len() >= 16 && bytes[10] == b'T' {
        FactKind::Instant
    } else {
        FactKind::Text
    }
}

pub(crate) fn is_boolean(column: &Column) -> bool {
    column
        .choices
        .as_deref()
        .is_some_and(|choices| choices == [Cell::Integer(0), Cell::Integer(1)])
}

/// Names of moments.
pub(crate) fn is_moment(name: &str) -> bool {
    let words = crate::words::words(name);
    words.iter().any(|word| {
        [
            "time",
            "timestamp",
            "date",
            "at",
            "created",
            "updated",
            "modified",
            "since",
            "until",
            "expires",
            "expiry",
            "epoch",
            "millis",
            "ms",
        ]
        .contains(&word.as_str())
    })
}

/// Names of values that only machines handle.
fn looks_internal(name: &str) -> bool {
    let words = crate::words::words(name);
    let last = words.last().map_or("", String::as_str);
    [
        "id",
        "ids",
        "uuid",
        "guid",
        "hash",
        "token",
        "etag",
        "checksum",
        "url",
        "uri",
        "ip",
        "latitude",
        "longitude",
        "lat",
        "lng",
        "secret",
        "key",
        "fingerprint",
        "cursor",
        "html",
        "sid",
        "arn",
    ]
    .contains(&last)
}

fn reader(schema: &Schema, at: usize, tool: &Tool, table: usize) -> Option<Reader> {
    let definition = &schema.tables[table];
    if definition.kind != TableKind::Table {
        return None;
    }
    let shows: Vec<(usize, String)> = tool
        .flow
        .results
        .iter()
        .filter_map(|field| {
            let column = field
                .origins
                .column
                .filter(|column| column.table == table)?;
            Some((column.column, field.name.clone()?))
        })
        .collect();
    // A row is known by its key.
    if !definition
        .key
        .iter()
        .all(|key| shows.iter().any(|(shown, _)| shown == key))
    {
        return None;
    }
    Some(Reader {
        tool: at,
        many: schema_type(&tool.output) == Some("array"),
        inside: false,
        shows,
        arguments: arguments(tool, table),
    })
}

/// What each argument of a tool picks, seen from a table.
fn arguments(tool: &Tool, table: usize) -> Vec<ReaderArgument> {
    tool.parameters()
        .iter()
        .map(|parameter| ReaderArgument {
            name: parameter.name.clone(),
            required: parameter.required,
            column: tool
                .flow
                .compares
                .iter()
                .filter(|compare| compare.argument == parameter.name)
                // Who gives a whole value finds it by a search for a part, too.
                .filter_map(|compare| match compare.comparison {
                    ArgumentComparison::Equal => Some((compare.column, true)),
                    ArgumentComparison::Like => Some((compare.column, false)),
                    _ => None,
                })
                .max_by_key(|(column, equal)| (column.table == table, *equal))
                .map(|(column, _)| column),
        })
        .collect()
}
