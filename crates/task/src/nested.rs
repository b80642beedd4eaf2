//! Finding a row's id inside the entry of another: the lines of a customer, the policies of a holder.

use practicum_world::{Cell, ColumnRef, Draws, Role, as_type};
use serde_json::{Map, Value};

use crate::atlas::Reader;
use crate::builder::{Builder, Dropped, pointer};
use crate::handle::{Handle, same};
use crate::task::{Determined, Reason};

/// An object of a reply: its place, and the objects around it, the outermost first.
struct Entry<'a> {
    place: String,
    own: &'a Map<String, Value>,
    around: Vec<&'a Map<String, Value>>,
}

impl Builder<'_> {
    /// One reader that shows the row inside another's entry.
    pub(crate) fn read_nested(
        &mut self,
        handle: &Handle,
        reader: &Reader,
        draws: &mut Draws,
    ) -> Result<(), Dropped> {
        let atlas = self.atlas;
        let tool = atlas.tool(reader.tool);
        let chain = handle.chain();
        let mut arguments = Map::new();
        let mut determined = Vec::new();
        // What the arguments have narrowed the reply down by.
        let mut filtered: Vec<ColumnRef> = Vec::new();
        for argument in &reader.arguments {
            let parameter = tool
                .parameters()
                .iter()
                .find(|parameter| parameter.name == argument.name)
                .ok_or(Dropped::NoPath)?;
            let fact = argument.column.and_then(|column| {
                let mut facts = chain.iter().flat_map(|own| &own.facts);
                facts.find(|(at, _)| *at == column).cloned()
            });
            let picked = atlas
                .picked_table(tool, &argument.name)
                .and_then(|table| chain.iter().find(|own| own.table == table));
            if let Some((at, cell)) = fact {
                let slot = self.fact(at, &cell, draws);
                arguments.insert(argument.name.clone(), as_type(&cell, &parameter.schema));
                determined.push(Determined {
                    argument: argument.name.clone(),
                    by: Reason::Told(slot),
                });
                filtered.push(at);
            } else if let Some(picked) = picked.filter(|picked| picked.table != handle.table) {
                let by = self.find(picked, draws)?;
                arguments.insert(
                    argument.name.clone(),
                    as_type(&picked.key, &parameter.schema),
                );
                determined.push(Determined {
                    argument: argument.name.clone(),
                    by,
                });
                for own in picked.chain() {
                    filtered.extend(own.facts.iter().map(|(at, _)| *at));
                }
            } else if argument.required {
                return Err(Dropped::NoPath);
            }
        }
        if arguments.is_empty() {
            return Err(Dropped::NoPath);
        }
        let call = self.call(reader.tool, arguments, determined, false)?;
        let place = self.place_of(handle, &filtered, call)?;
        for own in &chain {
            for (at, cell) in &own.facts {
                self.fact(*at, cell, draws);
            }
        }
        self.note_shown(handle.table, &handle.key, call, place);
        Ok(())
    }

    /// Where the only entry of a reply that fits a handle shows its key.
    fn place_of(
        &self,
        handle: &Handle,
        filtered: &[ColumnRef],
        call: usize,
    ) -> Result<String, Dropped> {
        let schema = self.atlas.schema();
        let key = self.atlas.key(handle.table).ok_or(Dropped::NoPath)?;
        let key_name = &schema.get(key).name;
        let mut entries = Vec::new();
        collect(&self.replies[call], String::new(), &[], &mut entries);
        let says = |members: &Map<String, Value>, (at, cell): &(ColumnRef, Cell)| {
            members
                .get(&schema.get(*at).name)
                .is_some_and(|value| same(&Cell::from_json(value), cell))
        };
        let parents: Vec<&Handle> = handle.chain().into_iter().rev().skip(1).collect();
        let fitting: Vec<&Entry<'_>> = entries
            .iter()
            .filter(|entry| entry.own.contains_key(key_name))
            .filter(|entry| {
                let own = handle.facts.iter().all(|fact| says(entry.own, fact));
                let theirs = parents.iter().flat_map(|parent| &parent.facts).all(|fact| {
                    filtered.contains(&fact.0)
                        || entry.around.iter().any(|members| says(members, fact))
                });
                own && theirs
            })
            .collect();
        let [only] = fitting[..] else {
            return Err(if fitting.is_empty() {
                Dropped::NoPath
            } else {
                Dropped::Ambiguous
            });
        };
        if only.own.get(key_name).map(Cell::from_json).as_ref() != Some(&handle.key) {
            return Err(Dropped::Ambiguous);
        }
        Ok(format!("{}/{}", only.place, pointer(key_name)))
    }
}

/// All objects of a reply.
fn collect<'a>(
    value: &'a Value,
    place: String,
    around: &[&'a Map<String, Value>],
    entries: &mut Vec<Entry<'a>>,
) {
    match value {
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                collect(element, format!("{place}/{at}"), around, entries);
            }
        }
        Value::Object(members) => {
            let mut inside = around.to_vec();
            inside.push(members);
            for (name, member) in members {
                collect(
                    member,
                    format!("{place}/{}", pointer(name)),
                    &inside,
                    entries,
                );
            }
            entries.push(Entry {
                place,
                own: members,
                around: around.to_vec(),
            });
        }
        _ => {}
    }
}

/// The columns of a table that a tool shows inside a field of another table's rows, when its key is among
/// them and is shown by its own name.
pub(crate) fn shown_inside(
    world: &practicum_world::World,
    tool: &practicum_world::Tool,
    table: usize,
) -> Option<Vec<(usize, String)>> {
    let schema = world.schema();
    let [key] = schema.tables[table].key[..] else {
        return None;
    };
    let field = tool.flow.results.iter().find(|field| {
        field.origins.column.is_none()
            && field
                .origins
                .columns
                .contains(&ColumnRef { table, column: key })
    })?;
    let shows = field
        .origins
        .columns
        .iter()
        .filter(|column| column.table == table && world.role(**column) != Role::Random)
        .map(|column| (column.column, schema.get(*column).name.clone()))
        .collect();
    Some(shows)
}
