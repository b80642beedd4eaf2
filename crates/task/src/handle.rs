//! How a user names a row without its id: natural facts whose uniqueness is proven on the rows.

use practicum_world::{Cell, ColumnRef, Draws, Row};

use crate::atlas::Atlas;
use crate::builder::Builder;

/// A row as a user names it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Handle {
    pub(crate) table: usize,
    pub(crate) key: Cell,
    /// Facts that single it out, among all rows or among its parent's.
    pub(crate) facts: Vec<(ColumnRef, Cell)>,
    /// The row that it is named by, and the column that refers to that row.
    pub(crate) parent: Option<(ColumnRef, Box<Handle>)>,
}

impl Handle {
    /// The handle and its parents, the outermost parent first.
    pub(crate) fn chain(&self) -> Vec<&Self> {
        let mut chain = self
            .parent
            .as_ref()
            .map_or_else(Vec::new, |(_, parent)| parent.chain());
        chain.push(self);
        chain
    }

    /// The name by which the user knows the row, as it is said.
    pub(crate) fn name(&self, builder: &Builder<'_>) -> Option<String> {
        let full = full_name(builder.atlas, &self.facts);
        let facts = full.unwrap_or_else(|| {
            let named = |at: &ColumnRef| builder.atlas.naming_rank(*at) == Some(0);
            let mut facts = self.facts.clone();
            facts.retain(|(at, _)| named(at));
            facts
        });
        let said: Vec<String> = facts.iter().map(|(_, cell)| cell.to_string()).collect();
        (!said.is_empty()).then(|| said.join(" "))
    }
}

/// A sentence is nothing that one names a row by.
fn is_short(text: &str) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= 48
        && text.split_whitespace().count() <= 5
        && !text.ends_with('.')
}

/// Names a row. `rows` are the rows of all tables in the state that the user knows.
pub(crate) fn name_row(
    atlas: &Atlas,
    rows: &[Vec<Row>],
    table: usize,
    key: &Cell,
    draws: &mut Draws,
) -> Option<Handle> {
    name(atlas, rows, table, key, draws, 0)
}

fn name(
    atlas: &Atlas,
    rows: &[Vec<Row>],
    table: usize,
    key: &Cell,
    draws: &mut Draws,
    depth: usize,
) -> Option<Handle> {
    let key_column = atlas.key(table)?.column;
    let row = rows[table].iter().find(|row| row[key_column] == *key)?;
    let columns = naming_columns(atlas, table, row, draws);
    let all: Vec<&Row> = rows[table].iter().collect();
    let full_name = full_name(atlas, &columns).filter(|facts| {
        all.iter()
            .filter(|other| facts.iter().all(|(at, cell)| same(&other[at.column], cell)))
            .count()
            == 1
    });
    if let Some(facts) = full_name {
        return Some(Handle {
            table,
            key: key.clone(),
            facts,
            parent: None,
        });
    }
    let absolute = smallest_set(&columns, row, &all, 2);
    let plain = |facts: Vec<(ColumnRef, Cell)>| Handle {
        table,
        key: key.clone(),
        facts,
        parent: None,
    };
    // A name, a title or an address says it at once.
    if let Some(facts) = &absolute
        && facts.len() == 1
        && atlas.naming_rank(facts[0].0).is_some_and(|rank| rank <= 1)
    {
        return Some(plain(facts.clone()));
    }
    if depth < 2 {
        let schema = atlas.schema();
        let mut parents: Vec<(ColumnRef, usize)> = schema.tables[table]
            .foreign_keys
            .iter()
            .filter(|key| key.columns.len() == 1 && key.parent != table)
            .map(|key| {
                (
                    ColumnRef {
                        table,
                        column: key.columns[0],
                    },
                    key.parent,
                )
            })
            .filter(|(column, _)| !row[column.column].is_null())
            .collect();
        draws.shuffle(&mut parents);
        // A list that insists on one parent is of no use to a user who names another.
        parents.sort_by_key(|(column, _)| !is_asked_for(atlas, *column));
        for (column, parent) in parents {
            let siblings: Vec<&Row> = rows[table]
                .iter()
                .filter(|other| other[column.column] == row[column.column])
                .collect();
            let Some(facts) = smallest_set(&columns, row, &siblings, 2) else {
                continue;
            };
            if let Some(parent) = name(atlas, rows, parent, &row[column.column], draws, depth + 1) {
                return Some(Handle {
                    table,
                    key: key.clone(),
                    facts,
                    parent: Some((column, Box::new(parent))),
                });
            }
        }
    }
    absolute.map(plain)
}

/// A list of the table insists on this reference.
fn is_asked_for(atlas: &Atlas, column: ColumnRef) -> bool {
    atlas.readers[column.table].iter().any(|reader| {
        reader.many
            && reader
                .arguments
                .iter()
                .any(|argument| argument.required && argument.column == Some(column))
    })
}

/// First and last name, where a table keeps them apart.
pub(crate) fn full_name(
    atlas: &Atlas,
    facts: &[(ColumnRef, Cell)],
) -> Option<Vec<(ColumnRef, Cell)>> {
    let find = |wanted: [&str; 2]| {
        facts
            .iter()
            .find(|(at, _)| {
                let words = crate::words::words(&atlas.schema().get(*at).name);
                words.len() == 2 && wanted.contains(&words[0].as_str()) && words[1] == "name"
            })
            .cloned()
    };
    Some(vec![find(["first", "given"])?, find(["last", "family"])?])
}

/// The columns by which a row may be named, the best first.
fn naming_columns(
    atlas: &Atlas,
    table: usize,
    row: &Row,
    draws: &mut Draws,
) -> Vec<(ColumnRef, Cell)> {
    let mut columns: Vec<(u8, u64, ColumnRef)> = (0..row.len())
        .filter_map(|column| {
            let at = ColumnRef { table, column };
            let rank = atlas.naming_rank(at)?;
            let shown = atlas.readers[table]
                .iter()
                .chain(&atlas.readers_inside[table])
                .any(|reader| reader.shows_column(column).is_some());
            let said = match &row[column] {
                Cell::Null => false,
                Cell::Text(text) => is_short(text),
                _ => true,
            };
            (shown && said).then(|| (rank, draws.bits(), at))
        })
        .collect();
    columns.sort_unstable();
    columns
        .into_iter()
        .map(|(_, _, at)| (at, row[at.column].clone()))
        .collect()
}

/// The fewest facts that no other row of `among` shares; none at all when the row is alone.
fn smallest_set(
    columns: &[(ColumnRef, Cell)],
    row: &Row,
    among: &[&Row],
    most: usize,
) -> Option<Vec<(ColumnRef, Cell)>> {
    let alone = |facts: &[&(ColumnRef, Cell)]| {
        among
            .iter()
            .filter(|other| facts.iter().all(|(at, cell)| same(&other[at.column], cell)))
            .count()
            == 1
    };
    if among.len() == 1 && among[0] == row {
        return Some(Vec::new());
    }
    for fact in columns {
        if alone(&[fact]) {
            return Some(vec![fact.clone()]);
        }
    }
    if most > 1 {
        for (at, first) in columns.iter().enumerate() {
            for second in &columns[at + 1..] {
                if alone(&[first, second]) {
                    return Some(vec![first.clone(), second.clone()]);
                }
            }
        }
    }
    None
}

/// Two values that a person would take for the same.
pub(crate) fn same(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Text(a), Cell::Text(b)) => a.to_lowercase() == b.to_lowercase(),
        _ => a == b,
    }
}
