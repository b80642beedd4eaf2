//! Groups of tables: the sides of a world, such as what the user holds, each with a diff and a hash.

use std::collections::BTreeSet;

use crate::diff::Diff;
use crate::session::Session;
use crate::state::{State, StateError, all_rows_query};
use crate::world::World;

impl World {
    /// The group of a table; None for the tables that `world.toml` puts into no group.
    pub fn group(&self, table: usize) -> Option<&str> {
        let name = &self.schema().tables[table].name;
        let of = |(own, _): &(&String, _)| own.eq_ignore_ascii_case(name);
        self.file().tables.iter().find(of)?.1.group.as_deref()
    }

    /// The groups that `world.toml` names, in alphabetical order.
    pub fn groups(&self) -> BTreeSet<&str> {
        let tables = self.file().tables.values();
        tables.filter_map(|table| table.group.as_deref()).collect()
    }

    /// The tables of a group that are compared: logs are not. None stands for the tables without one.
    fn tables_of_group(&self, group: Option<&str>) -> impl Iterator<Item = usize> {
        (0..self.schema().tables.len())
            .filter(move |table| !self.is_log(*table) && self.group(*table) == group)
    }
}

impl Diff {
    /// The changes in the tables of one group; None stands for the tables without one.
    #[must_use]
    pub fn of_group(&self, world: &World, group: Option<&str>) -> Self {
        let own = |name: &str| {
            let table = world.schema().table(name);
            table.and_then(|table| world.group(table)) == group
        };
        let changes = self.changes.iter().filter(|change| own(&change.table));
        Self {
            changes: changes.cloned().collect(),
            minted: self.minted.clone(),
        }
    }
}

impl State {
    /// A hash over all rows of a group's tables, logs left out; None stands for the tables without a
    /// group. It takes cells as they are: to compare ends up to minted ids, use [`crate::compare`].
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn group_digest(&self, group: Option<&str>) -> Result<String, StateError> {
        group_digest(self.world(), group, |query| self.query(query, &[]))
    }
}

impl Session {
    /// The same as [`State::group_digest`], over the rows that the session has now.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn group_digest(&mut self, group: Option<&str>) -> Result<String, StateError> {
        let world = self.world().clone();
        group_digest(&world, group, |query| self.query(query, &[]))
    }
}

/// Rows count in the order of their keys, so that the order in which they were written does not matter.
fn group_digest(
    world: &World,
    group: Option<&str>,
    mut query: impl FnMut(&str) -> Result<Vec<crate::cell::Row>, StateError>,
) -> Result<String, StateError> {
    let mut hasher = blake3::Hasher::new();
    for table in world.tables_of_group(group) {
        let definition = &world.schema().tables[table];
        let mut rows = query(&all_rows_query(definition))?;
        rows.sort_by_cached_key(|row| -> Vec<_> {
            let key = definition.key.iter();
            key.map(|column| row[*column].clone()).collect()
        });
        hasher.update(definition.name.as_bytes());
        for row in rows {
            let text = serde_json::to_string(&row).unwrap_or_default();
            hasher.update(b"\n");
            hasher.update(text.as_bytes());
        }
        hasher.update(b"\0");
    }
    Ok(hasher.finalize().to_hex()[..32].to_string())
}
