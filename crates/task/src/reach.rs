//! Which tools can be in no gold, because nothing leads from what a user knows to what they need.

use std::collections::BTreeMap;

use practicum_world::{Actor, ArgumentComparison, ColumnRef};

use crate::atlas::{Atlas, Reader};
use crate::builder::is_internal;
use crate::words::nouns;

/// How a row of a table can come into gold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    /// Not at all.
    No,
    /// A call makes it.
    Made,
    /// It is there, and found from what people know.
    Found,
}

/// The tools that no gold can have, by position, with the reason in words.
///
/// A row can be reached when a tool lists it with something that people name it by, and the arguments of
/// that tool can be given; or when a tool that can be called makes one. What is left is out of reach.
pub(crate) fn out_of_reach(atlas: &Atlas) -> BTreeMap<usize, String> {
    let schema = atlas.schema();
    let mut reached = vec![Reached::No; schema.tables.len()];
    loop {
        let before = reached.clone();
        for table in 0..schema.tables.len() {
            let readers = atlas.readers[table].iter();
            let shown = readers
                .chain(&atlas.readers_inside[table])
                .any(|reader| shows_rows(atlas, reader, table, &reached));
            let made = atlas.writes.iter().any(|tool| {
                let definition = atlas.tool(*tool);
                definition.effects.inserts.contains(&table)
                    && missing(atlas, *tool, &reached).is_none()
                    && definition.flow.results.iter().any(|field| {
                        let key = atlas.key(table);
                        field.origins.column.is_some() && field.origins.column == key
                    })
            });
            reached[table] = match (shown, made) {
                (true, _) => Reached::Found,
                (false, true) => Reached::Made,
                (false, false) => reached[table],
            };
        }
        if reached == before {
            break;
        }
    }
    let all = 0..atlas.world.tools().len();
    all.filter(|tool| atlas.tool(*tool).actor == Actor::Agent)
        .filter_map(|tool| {
            let reason = missing(atlas, tool, &reached).or_else(|| shows_nothing(atlas, tool))?;
            Some((tool, reason))
        })
        .collect()
}

/// A list shows rows of a table by which a person can tell them apart, and can be called.
fn shows_rows(atlas: &Atlas, reader: &Reader, table: usize, reached: &[Reached]) -> bool {
    let named = reader.shows.iter().any(|(column, _)| {
        let at = ColumnRef {
            table,
            column: *column,
        };
        atlas.naming_rank(at).is_some()
    });
    // A row that is alone with its parent needs no name.
    let owned = atlas.schema().tables[table]
        .foreign_keys
        .iter()
        .any(|key| key.parent != table && reached[key.parent] == Reached::Found);
    // By its own key alone a row is not found, only looked at.
    let by_key = reader.arguments.iter().any(|argument| {
        let key = atlas.key(table);
        argument.required && key.is_some() && argument.column == key
    });
    (named || owned) && !by_key && missing(atlas, reader.tool, reached).is_none()
}

/// Why what a tool returns answers no question of ours: it only reads, and shows no row by its key.
fn shows_nothing(atlas: &Atlas, tool: usize) -> Option<String> {
    let mut readers = atlas.readers.iter().chain(&atlas.readers_inside).flatten();
    let definition = atlas.tool(tool);
    let shows = readers.any(|reader| reader.tool == tool);
    (definition.effects.read_only && !shows)
        .then(|| "returns only what it computes, of which no row can be named as the reason".into())
}

/// What a tool needs that nobody can give, in words.
fn missing(atlas: &Atlas, tool: usize, reached: &[Reached]) -> Option<String> {
    let schema = atlas.schema();
    let definition = atlas.tool(tool);
    let effects = &definition.effects;
    let finds = [ArgumentComparison::Equal, ArgumentComparison::Like];
    // Nobody asks to see, or to end, what was made a moment ago.
    let ends = effects.inserts.is_empty() && effects.updates.is_empty();
    let least = if ends { Reached::Found } else { Reached::Made };
    for parameter in definition.parameters().iter().filter(|own| own.required) {
        let name = &parameter.name;
        if let Some(table) = atlas.picked_table(definition, name) {
            if reached[table] >= least {
                continue;
            }
            let (many, one) = nouns(schema, table);
            return Some(format!(
                "needs the id of a {one}, and no tool leads from what people know to the {many}"
            ));
        }
        let compares = &definition.flow.compares;
        if effects.read_only
            && parameter.default.is_none()
            && parameter.choices().is_none()
            && !compares
                .iter()
                .any(|own| own.argument == *name && finds.contains(&own.comparison))
        {
            return Some(format!("needs {name}, by which no row is found or named"));
        }
        if is_internal(name) && parameter.choices().is_none() {
            return Some(format!("needs {name}, which no tool shows"));
        }
    }
    None
}
