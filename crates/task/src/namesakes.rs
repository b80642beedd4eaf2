//! Near-misses placed on purpose: rows that have the name of another, so that a name alone does not do.

use practicum_world::{
    AddedRow, Cell, ColumnRef, ColumnType, Draws, Row, Sampler, State, StateError, StateSpec,
    TableKind, World,
};
use serde_json::{Map, Value};

use crate::atlas::Atlas;

/// Namesakes of a table, at most.
const MOST: usize = 6;
/// Tables of a state with namesakes, at most: a task names each added row.
const TABLES: usize = 4;
/// Tries to find a value that no row has.
const TRIES: usize = 20;

/// A generated state to which namesakes are added: rows with the name of one row and everything else of a
/// third. Tables in which names are unique, or whose rows cannot be copied, are left as they are.
///
/// # Errors
/// When the state cannot be made, or SQLite fails.
pub(crate) fn with_namesakes(
    world: &World,
    spec: &StateSpec,
    draws: &mut Draws,
) -> Result<State, StateError> {
    let atlas = Atlas::new(world);
    let mut spec = spec.clone();
    let mut state = world.state(&spec)?;
    let mut tables: Vec<usize> = (0..world.schema().tables.len()).collect();
    draws.shuffle(&mut tables);
    let mut left = TABLES;
    for table in tables {
        if left == 0 {
            break;
        }
        let sampler = Sampler::new(&state)?;
        let added = namesakes(&atlas, table, &sampler.rows()[table], draws);
        if added.is_empty() {
            continue;
        }
        let mut more = spec.clone();
        more.added.extend(added);
        // What a CHECK or a trigger does not allow is left out.
        if let Ok(made) = world.state(&more) {
            spec = more;
            state = made;
            left -= 1;
        }
    }
    Ok(state)
}

fn namesakes(atlas: &Atlas, table: usize, rows: &[Row], draws: &mut Draws) -> Vec<AddedRow> {
    let schema = atlas.schema();
    let definition = &schema.tables[table];
    let at = |column| ColumnRef { table, column };
    let names: Vec<usize> = (0..definition.columns.len())
        .filter(|column| atlas.naming_rank(at(*column)) == Some(0))
        .filter(|column| definition.columns[*column].kind == ColumnType::Text)
        .collect();
    let Some(key) = atlas.key(table) else {
        return Vec::new();
    };
    // A name that must be unique has no namesake, and one that is a reference names something else.
    let unique = |column: &usize| definition.unique.iter().any(|own| own.contains(column));
    if definition.kind != TableKind::Table
        || names.is_empty()
        || names.iter().any(unique)
        || schema.referenced(key).is_some()
        || rows.len() < 4
    {
        return Vec::new();
    }
    let mut all: Vec<Row> = rows.to_vec();
    let mut added = Vec::new();
    for _ in 0..(rows.len() / 2).min(MOST) {
        let (Some(named), Some(other)) = (draws.pick(rows), draws.pick(rows)) else {
            break;
        };
        let same_name = names.iter().all(|column| named[*column] == other[*column]);
        if same_name || names.iter().any(|column| named[*column].is_null()) {
            continue;
        }
        let mut row = other.clone();
        for column in &names {
            row[*column] = named[*column].clone();
        }
        let fresh = definition.key.iter().chain(
            definition
                .unique
                .iter()
                .filter_map(|own| own.iter().find(|column| !names.contains(column))),
        );
        let mut complete = true;
        for column in fresh {
            if row[*column].is_null() || definition.columns[*column].generated {
                continue;
            }
            match another(&all, *column, &row[*column], draws) {
                Some(cell) => row[*column] = cell,
                None => complete = false,
            }
        }
        if !complete {
            continue;
        }
        let values: Map<String, Value> = definition
            .columns
            .iter()
            .zip(&row)
            .filter(|(column, cell)| !column.generated && !cell.is_null())
            .map(|(column, cell)| (column.name.clone(), cell.to_json()))
            .collect();
        all.push(row);
        added.push(AddedRow {
            table: definition.name.clone(),
            values: Value::Object(values).to_string(),
        });
    }
    added
}

/// A value of the same make that no row has: with other digits, or an initial before it.
fn another(rows: &[Row], column: usize, own: &Cell, draws: &mut Draws) -> Option<Cell> {
    for _ in 0..TRIES {
        let made = match own {
            Cell::Integer(_) => {
                let largest = rows.iter().filter_map(|row| match row[column] {
                    Cell::Integer(value) => Some(value),
                    _ => None,
                });
                Cell::Integer(largest.max()?.checked_add(1)?)
            }
            Cell::Text(text) => {
                let mut changed = false;
                let digits: String = text
                    .chars()
                    .map(|character| {
                        if character.is_ascii_digit() {
                            changed = true;
                            char::from(b'0' + draws.below(10) as u8)
                        } else {
                            character
                        }
                    })
                    .collect();
                if changed {
                    Cell::from(digits)
                } else {
                    let initial = char::from(b'a' + draws.below(26) as u8);
                    Cell::from(format!("{initial}{text}"))
                }
            }
            _ => return None,
        };
        if rows.iter().all(|row| row[column] != made) {
            return Some(made);
        }
    }
    None
}
