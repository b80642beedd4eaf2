//! What changed between an initial state and a session's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::cell::{Cell, Row};
use crate::live::Live;
use crate::roles::{Identity, Role};
use crate::sql::TableKind;
use crate::state::State;
use crate::world::World;

/// One row that was inserted, deleted or updated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowChange {
    /// The table's name.
    pub table: String,
    /// The row's key.
    pub key: Vec<Cell>,
    /// The row in the initial state; None when it was inserted.
    pub before: Option<Row>,
    /// The row now; None when it was deleted.
    pub after: Option<Row>,
}

/// All changes since an initial state, by table in the order of the schema and by key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// The changed rows.
    pub changes: Vec<RowChange>,
    /// Ids that `new_id` minted in the session, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub minted: Vec<String>,
}

impl Diff {
    /// True when nothing changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes outside log tables.
    pub fn relevant<'a>(&'a self, world: &'a World) -> impl Iterator<Item = &'a RowChange> {
        self.changes.iter().filter(|change| {
            world
                .schema()
                .table(&change.table)
                .is_none_or(|table| !world.is_log(table))
        })
    }

    /// One line a change, for people: `orders W1: status pending -> cancelled`, `+ orders W2 (...)`,
    /// `- orders W3`.
    pub fn lines(&self, world: &World) -> Vec<String> {
        self.changes
            .iter()
            .map(|change| {
                let key: Vec<String> = change.key.iter().map(ToString::to_string).collect();
                let key = key.join(" ");
                let columns: Vec<&str> = world
                    .schema()
                    .table(&change.table)
                    .map(|table| {
                        world.schema().tables[table]
                            .columns
                            .iter()
                            .map(|column| column.name.as_str())
                            .collect()
                    })
                    .unwrap_or_default();
                match (&change.before, &change.after) {
                    (Some(before), Some(after)) => {
                        let cells: Vec<String> = columns
                            .iter()
                            .zip(before.iter().zip(after))
                            .filter(|(_, (before, after))| before != after)
                            .map(|(name, (before, after))| format!("{name} {before} -> {after}"))
                            .collect();
                        format!("{} {key}: {}", change.table, cells.join(", "))
                    }
                    (None, Some(after)) => {
                        let cells: Vec<String> = columns
                            .iter()
                            .zip(after)
                            .filter(|(_, cell)| !cell.is_null())
                            .map(|(name, cell)| format!("{name} {cell}"))
                            .collect();
                        format!("+ {} {key} ({})", change.table, cells.join(", "))
                    }
                    _ => format!("- {} {key}", change.table),
                }
            })
            .collect()
    }

    /// The ids that the session made and that are still there: minted ones, and keys that SQLite assigned.
    pub fn made(&self, world: &World) -> Vec<Cell> {
        let minted = self.minted.iter().map(Cell::text);
        let assigned = self.assigned(world).into_iter();
        minted
            .chain(assigned.map(|(_, id)| Cell::Integer(id)))
            .collect()
    }

    /// Keys of inserted rows that SQLite assigned, by table.
    pub(crate) fn assigned(&self, world: &World) -> Vec<(usize, i64)> {
        let mut assigned = Vec::new();
        for change in &self.changes {
            let Some(table) = world.schema().table(&change.table) else {
                continue;
            };
            let definition = &world.schema().tables[table];
            if change.before.is_some() || !definition.rowid_key {
                continue;
            }
            let key = crate::sql::ColumnRef {
                table,
                column: definition.key[0],
            };
            if let (Role::Identity(Identity::Rowid(_)), [Cell::Integer(id)]) =
                (world.role(key), &change.key[..])
            {
                assigned.push((table, *id));
            }
        }
        assigned
    }
}

/// Compares every touched row with the initial state.
pub(crate) fn diff_of(state: &State, live: &Live) -> rusqlite::Result<Diff> {
    let schema = &state.world().0.schema;
    let (touched, minted) = {
        let shared = live.cells.lock();
        let touched: BTreeSet<(u16, Vec<Cell>)> = shared.touched.iter().cloned().collect();
        let minted = shared.minted.iter().map(|id| id.id.to_string()).collect();
        (touched, minted)
    };
    let mut changes = Vec::new();
    for (table, key) in touched {
        let definition = &schema.tables[usize::from(table)];
        if definition.kind != TableKind::Table {
            continue;
        }
        let before = state.base_row(usize::from(table), &key)?;
        let after = live.row(definition, &key)?;
        if before != after {
            changes.push(RowChange {
                table: definition.name.clone(),
                key,
                before,
                after,
            });
        }
    }
    Ok(Diff { changes, minted })
}
