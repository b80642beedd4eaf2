//! Builds gold: executes calls on a session, and keeps for each argument why it is what it is.

use std::collections::BTreeMap;

use practicum_world::{
    Cell, ColumnRef, Draws, FactKind, Row, Session, State, StateError, as_type, spellings,
};
use serde_json::{Map, Value};

use crate::afterwards::Question;
use crate::atlas::{Atlas, Reader, text_kind};
use crate::coverage::Usage;
use crate::handle::{Handle, name_row, same};
use crate::task::{Determined, GoldCall, Reason, Slot, Told};
use crate::words;

/// Share of the rows that are looked at by their ids before something is done with them, where no gold has
/// the two calls yet.
const LOOKED_AT: f64 = 0.5;
/// References between a row and one above it whose key a call needs, at most.
const HOPS: usize = 3;

/// Why a goal could not become a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dropped {
    /// No natural facts single the row out.
    NoHandle,
    /// No read-only tool leads from what the user knows to the id.
    NoPath,
    /// A read shows several rows that fit what the user said.
    Ambiguous,
    /// The call failed, or changed nothing.
    Refused,
    /// The call would break a rule.
    Forbidden,
    /// An argument is nested deeper than an intent can say.
    Nested,
    /// The goal does not fit the world or state.
    NotHere,
    /// The intent does not hold a fact that is needed, or gives away an id.
    Intent,
    /// Gold does not pass, or doing nothing does.
    Gold,
    /// A change of several makes no difference to the end.
    Idle,
    /// A mutant survives.
    Survivor,
    /// A right variant is not accepted.
    Rejected,
    /// Another task has the same calls.
    Duplicate,
    /// Another task is about the same rows, done in the same way and asked for in nearly the same words.
    NearDuplicate,
    /// Gold has more or fewer calls than are wanted.
    Length,
}

impl Dropped {
    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoHandle => "no_natural_facts",
            Self::NoPath => "no_path_to_id",
            Self::Ambiguous => "ambiguous",
            Self::Refused => "refused",
            Self::Forbidden => "breaks_rule",
            Self::Nested => "nested_argument",
            Self::NotHere => "not_applicable",
            Self::Intent => "intent_check",
            Self::Gold => "gold_fails",
            Self::Idle => "idle_write",
            Self::Survivor => "mutant_survived",
            Self::Rejected => "variant_rejected",
            Self::Duplicate => "duplicate",
            Self::NearDuplicate => "near_duplicate",
            Self::Length => "length_not_wanted",
        }
    }
}

/// Where a key was shown.
#[derive(Debug, Clone)]
struct Known {
    call: usize,
    place: String,
    minted: bool,
}

/// What a write of gold is about, for the intent.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) tool: usize,
    /// Handles of the rows that arguments pick, by argument.
    pub(crate) picks: Vec<(String, Handle)>,
    /// Arguments that pick a row made earlier in the same task.
    pub(crate) made: Vec<(String, usize)>,
    /// Arguments whose values the user tells: name, positions of slots.
    pub(crate) told: Vec<(String, Vec<usize>)>,
    /// An argument for which any of several rows will do, the table of these, and which in words.
    pub(crate) chosen: Option<(String, usize, String)>,
}

impl Wish {
    /// The rows that arguments pick, and those by which the user names them.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, Cell)> {
        self.picks
            .iter()
            .flat_map(|(_, handle)| handle.chain())
            .map(|handle| (handle.table, handle.key.clone()))
    }
}

/// Gold in the making.
pub(crate) struct Builder<'a> {
    pub(crate) atlas: &'a Atlas,
    pub(crate) session: Session,
    /// The rows of the initial state.
    pub(crate) rows: &'a [Vec<Row>],
    pub(crate) calls: Vec<GoldCall>,
    pub(crate) replies: Vec<Value>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) wishes: Vec<Wish>,
    /// Rows that the request has named already, by table and key: they are not named again in full.
    pub(crate) named: Vec<(usize, Cell)>,
    /// Facts that the user tells because a rule demands a read that needs them: positions of slots, and
    /// the row that each is of.
    pub(crate) said_besides: Vec<(usize, Option<(usize, Cell)>)>,
    /// What the user asks in the end.
    pub(crate) afterwards: Option<Question>,
    /// What other tasks' gold has used: what is new comes first.
    pub(crate) usage: &'a Usage,
    /// The tool that needs what is being looked for.
    needed_by: Option<usize>,
    /// Rows that are being looked for: one may lead to another, but not in a circle.
    sought: Vec<(usize, Cell)>,
    known: BTreeMap<(usize, Cell), Known>,
}

/// How far gold was when something was tried.
pub(crate) struct Mark {
    calls: usize,
    slots: usize,
    said_besides: usize,
    known: BTreeMap<(usize, Cell), Known>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(
        atlas: &'a Atlas,
        state: &State,
        rows: &'a [Vec<Row>],
        usage: &'a Usage,
        seed: u64,
    ) -> Result<Self, StateError> {
        Ok(Self {
            atlas,
            session: state.session(seed)?,
            rows,
            calls: Vec::new(),
            replies: Vec::new(),
            slots: Vec::new(),
            wishes: Vec::new(),
            named: Vec::new(),
            said_besides: Vec::new(),
            afterwards: None,
            usage,
            needed_by: None,
            sought: Vec::new(),
            known: BTreeMap::new(),
        })
    }

    /// Where gold is now.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            calls: self.calls.len(),
            slots: self.slots.len(),
            said_besides: self.said_besides.len(),
            known: self.known.clone(),
        }
    }

    /// Gold has calls that it had not at a mark.
    pub(crate) fn is_beyond(&self, mark: &Mark) -> bool {
        self.calls.len() > mark.calls
    }

    /// Forgets what came after a mark; the session keeps it.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.calls.truncate(mark.calls);
        self.replies.truncate(mark.calls);
        self.slots.truncate(mark.slots);
        self.said_besides.truncate(mark.said_besides);
        self.known = mark.known;
    }

    /// Makes gold's calls, and no others, on a fresh session.
    pub(crate) fn rewind(&mut self) -> Result<(), Dropped> {
        let seed = self.session.seed();
        self.session.reset(seed).map_err(|_| Dropped::Gold)?;
        for call in &self.calls {
            let arguments = Value::Object(call.arguments.clone());
            self.session.call_as(call.actor, &call.tool, &arguments);
        }
        Ok(())
    }

    /// Notes something that the user tells; the same thing is told once.
    pub(crate) fn slot(&mut self, slot: Slot) -> usize {
        let known = self
            .slots
            .iter()
            .position(|known| known.about == slot.about && known.value == slot.value);
        known.unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        })
    }

    /// Notes a fact of a row.
    pub(crate) fn fact(&mut self, at: ColumnRef, value: &Cell, draws: &mut Draws) -> usize {
        let schema = self.atlas.schema();
        let kind = self.atlas.value_kind(at, value);
        let (_, noun) = words::nouns(schema, at.table);
        self.slot(Slot {
            name: format!("{} of the {noun}", words::column_words(schema, at)),
            about: schema.name(at),
            value: value.clone(),
            said: say(value, kind, draws),
            kind,
            told: Told::AtStart,
        })
    }

    /// Finds the id of a row by read-only calls, and returns where it was shown.
    pub(crate) fn find(&mut self, handle: &Handle, draws: &mut Draws) -> Result<Reason, Dropped> {
        if let Some(known) = self.known.get(&(handle.table, handle.key.clone())) {
            return Ok(shown(known));
        }
        let row = (handle.table, handle.key.clone());
        if self.sought.contains(&row) {
            return Err(Dropped::NoPath);
        }
        self.sought.push(row);
        let found = self.find_anew(handle, draws);
        self.sought.pop();
        found
    }

    fn find_anew(&mut self, handle: &Handle, draws: &mut Draws) -> Result<Reason, Dropped> {
        let mut readers: Vec<Reader> = self.atlas.readers[handle.table].clone();
        draws.shuffle(&mut readers);
        // What shows a list needs less to be known.
        readers.sort_by_key(|reader| !reader.many);
        readers.extend(self.atlas.readers_inside[handle.table].iter().cloned());
        // Before all comes what no gold has used yet.
        readers.sort_by_key(|reader| !self.is_new(reader.tool));
        let mut reason = Dropped::NoPath;
        for reader in &readers {
            let before = self.mark();
            match self.for_tool(reader.tool, |own| own.read(handle, reader, draws)) {
                Ok(()) => {
                    let known = &self.known[&(handle.table, handle.key.clone())];
                    return Ok(shown(known));
                }
                Err(dropped) => {
                    if dropped != Dropped::NoPath {
                        reason = dropped;
                    }
                    // What was read on the way is not part of gold.
                    self.back_to(before);
                }
            }
        }
        Err(reason)
    }

    /// No gold has the tool yet, or not together with the one that needs what it shows.
    pub(crate) fn is_new(&self, tool: usize) -> bool {
        let next = self.needed_by;
        self.usage.is_new(tool) || next.is_some_and(|next| self.usage.is_new_pair(tool, next))
    }

    /// Does something for a tool that needs its outcome.
    pub(crate) fn for_tool<T>(
        &mut self,
        tool: usize,
        step: impl FnOnce(&mut Self) -> Result<T, Dropped>,
    ) -> Result<T, Dropped> {
        let outer = self.needed_by.replace(tool);
        let outcome = step(self);
        self.needed_by = outer;
        outcome
    }

    /// Notes where a key was shown.
    pub(crate) fn note_shown(&mut self, table: usize, key: &Cell, call: usize, place: String) {
        let known = Known {
            call,
            place,
            minted: false,
        };
        self.known.insert((table, key.clone()), known);
    }

    /// One reader for one row.
    fn read(&mut self, handle: &Handle, reader: &Reader, draws: &mut Draws) -> Result<(), Dropped> {
        if reader.inside {
            return self.read_nested(handle, reader, draws);
        }
        let tool = self.atlas.tool(reader.tool);
        let schema = self.atlas.schema();
        let mut arguments = Map::new();
        let mut determined = Vec::new();
        let mut filtered: Vec<ColumnRef> = Vec::new();
        let mut scoped = handle.parent.is_none();
        for argument in &reader.arguments {
            let parameter = tool
                .parameters()
                .iter()
                .find(|parameter| parameter.name == argument.name)
                .ok_or(Dropped::NoPath)?;
            let fact = argument.column.and_then(|column| {
                handle
                    .facts
                    .iter()
                    .find(|(at, _)| *at == column)
                    .map(|(at, cell)| (*at, cell.clone()))
            });
            let parent = handle.parent.as_ref().filter(|(column, parent)| {
                argument.column.is_some_and(|own| {
                    own == *column
                        || (self.atlas.key(parent.table) == Some(schema.root(own))
                            && own.table != handle.table)
                })
            });
            if let Some((column, parent)) = parent {
                let reason = self.find(&parent.clone(), draws)?;
                scoped |= argument.column == Some(*column) || argument.required;
                arguments.insert(
                    argument.name.clone(),
                    as_type(&parent.key, &parameter.schema),
                );
                determined.push(Determined {
                    argument: argument.name.clone(),
                    by: reason,
                });
            } else if let Some((at, cell)) = fact {
                if argument.required || draws.chance(0.7) {
                    let slot = self.fact(at, &cell, draws);
                    arguments.insert(argument.name.clone(), as_type(&cell, &parameter.schema));
                    determined.push(Determined {
                        argument: argument.name.clone(),
                        by: Reason::Told(slot),
                    });
                    filtered.push(at);
                }
            } else if argument.required {
                let by = self.ancestor(handle, tool, &argument.name, draws)?;
                let Some((key, by)) = by else {
                    return Err(Dropped::NoPath);
                };
                arguments.insert(argument.name.clone(), as_type(&key, &parameter.schema));
                determined.push(Determined {
                    argument: argument.name.clone(),
                    by,
                });
            }
        }
        let mut parent_key = None;
        if let Some((column, parent)) = &handle.parent
            && !scoped
        {
            // The list is not the parent's own: its rows must show whose they are.
            if reader.shows_column(column.column).is_none() {
                return Err(Dropped::NoPath);
            }
            self.find(parent, draws)?;
            parent_key = Some((*column, parent.key.clone()));
        }
        let call = self.call(reader.tool, arguments, determined, false)?;
        self.pick(handle, reader, call, &filtered, parent_key, draws)
    }

    /// Finds the row above another one that an argument picks: the account of the invoice of a line. The
    /// user says which, when it is none of those by which the row is named.
    pub(crate) fn ancestor(
        &mut self,
        handle: &Handle,
        tool: &practicum_world::Tool,
        argument: &str,
        draws: &mut Draws,
    ) -> Result<Option<(Cell, Reason)>, Dropped> {
        let Some(table) = self.atlas.picked_table(tool, argument) else {
            return Ok(None);
        };
        let Some(key) = self.above(handle.table, &handle.key, table, HOPS) else {
            return Ok(None);
        };
        let chain = handle.chain();
        if let Some(own) = chain
            .iter()
            .find(|own| own.table == table && own.key == key)
        {
            let by = self.find(own, draws)?;
            return Ok(Some((key, by)));
        }
        if table == handle.table {
            return Ok(None);
        }
        let other = self
            .handle_of(table, &key, draws)
            .ok_or(Dropped::NoHandle)?;
        let by = self.find(&other, draws)?;
        for own in other.chain() {
            for (at, cell) in &own.facts {
                let slot = self.fact(*at, cell, draws);
                self.said_besides
                    .push((slot, Some((own.table, own.key.clone()))));
            }
        }
        Ok(Some((key, by)))
    }

    /// The key of the row of a table to which references lead from a row.
    fn above(&self, from: usize, key: &Cell, to: usize, hops: usize) -> Option<Cell> {
        let schema = self.atlas.schema();
        let own = self.atlas.key(from)?.column;
        let row = self.rows[from].iter().find(|row| row[own] == *key)?;
        let mut next = Vec::new();
        for (column, cell) in row.iter().enumerate() {
            let at = ColumnRef {
                table: from,
                column,
            };
            let Some(parent) = schema.referenced(at) else {
                continue;
            };
            if cell.is_null() || parent.table == from {
                continue;
            }
            if parent.table == to {
                return Some(cell.clone());
            }
            next.push((parent.table, cell.clone()));
        }
        if hops == 0 {
            return None;
        }
        next.iter()
            .find_map(|(table, key)| self.above(*table, key, to, hops - 1))
    }

    /// Finds the row in a reply, and makes sure that what the user said fits no other row there.
    fn pick(
        &mut self,
        handle: &Handle,
        reader: &Reader,
        call: usize,
        filtered: &[ColumnRef],
        parent_key: Option<(ColumnRef, Cell)>,
        draws: &mut Draws,
    ) -> Result<(), Dropped> {
        let key = self.atlas.key(handle.table).ok_or(Dropped::NoPath)?;
        let key_field = reader.shows_column(key.column).ok_or(Dropped::NoPath)?;
        let reply = self.replies[call].clone();
        let single = [reply.clone()];
        let entries: &[Value] = match &reply {
            Value::Array(entries) => entries,
            _ => &single,
        };
        let facts: Vec<(ColumnRef, Cell)> =
            handle.facts.iter().cloned().chain(parent_key).collect();
        for (at, _) in &facts {
            if reader.shows_column(at.column).is_none() && !filtered.contains(at) {
                return Err(Dropped::NoPath);
            }
        }
        let fits = |entry: &Value| {
            facts.iter().all(|(at, cell)| {
                reader.shows_column(at.column).is_none_or(|field| {
                    entry
                        .get(field)
                        .is_some_and(|value| same(&Cell::from_json(value), cell))
                })
            })
        };
        let matching: Vec<usize> = (0..entries.len())
            .filter(|at| fits(&entries[*at]))
            .collect();
        let [only] = matching[..] else {
            return Err(if matching.is_empty() {
                Dropped::NoPath
            } else {
                Dropped::Ambiguous
            });
        };
        if entries[only].get(key_field).map(Cell::from_json).as_ref() != Some(&handle.key) {
            return Err(Dropped::Ambiguous);
        }
        for (at, cell) in &handle.facts {
            self.fact(*at, cell, draws);
        }
        let place = if reply.is_array() {
            format!("/{only}/{}", pointer(key_field))
        } else {
            format!("/{}", pointer(key_field))
        };
        self.known.insert(
            (handle.table, handle.key.clone()),
            Known {
                call,
                place,
                minted: false,
            },
        );
        Ok(())
    }

    /// Executes a call, adds it to gold and returns its position there.
    pub(crate) fn call(
        &mut self,
        tool: usize,
        arguments: Map<String, Value>,
        determined: Vec<Determined>,
        writes: bool,
    ) -> Result<usize, Dropped> {
        let definition = self.atlas.tool(tool);
        // A read that was made already is not made again, unless something changed since.
        let fresh = self
            .calls
            .iter()
            .rposition(|call| call.writes)
            .map_or(0, |last| last + 1);
        if !writes
            && let Some(at) = (fresh..self.calls.len()).find(|at| {
                self.calls[*at].tool == definition.name && self.calls[*at].arguments == arguments
            })
        {
            return Ok(at);
        }
        let reply = self
            .session
            .call(&definition.name, &Value::Object(arguments.clone()));
        let value = reply.value().ok_or(Dropped::Refused)?;
        let call = GoldCall::new(&definition.name, arguments, determined, writes);
        self.calls.push(call);
        self.replies.push(value);
        Ok(self.calls.len() - 1)
    }

    /// Adds a write with these arguments: finds the ids that it needs, and lets the user tell the rest.
    pub(crate) fn write(
        &mut self,
        tool: usize,
        arguments: &Map<String, Value>,
        draws: &mut Draws,
    ) -> Result<(), Dropped> {
        let (wish, determined) = self.prepare(tool, arguments, draws)?;
        let looks_back = self.atlas.looks_back;
        if looks_back && self.session.log().len() != self.calls.len() {
            // A read that led nowhere is not part of gold, and rules must not count it.
            self.rewind()?;
        }
        let before = self.session.violations().len();
        let mut call = self.call(tool, arguments.clone(), determined.clone(), true)?;
        if self.session.violations().len() > before {
            if !looks_back {
                return Err(Dropped::Forbidden);
            }
            call = self.write_after_reads(tool, arguments, &determined, draws)?;
        }
        self.note_made(tool, call);
        self.wishes.push(wish);
        Ok(())
    }

    /// Where the key of a row was shown, after finding it if need be.
    pub(crate) fn find_key(
        &mut self,
        table: usize,
        key: &Cell,
        draws: &mut Draws,
    ) -> Result<Reason, Dropped> {
        if let Some(known) = self.known.get(&(table, key.clone())) {
            return Ok(shown(known));
        }
        let handle = self.handle_of(table, key, draws).ok_or(Dropped::NoHandle)?;
        self.find(&handle, draws)
    }

    /// The reads and facts that a write needs, without the write.
    pub(crate) fn prepare(
        &mut self,
        tool: usize,
        arguments: &Map<String, Value>,
        draws: &mut Draws,
    ) -> Result<(Wish, Vec<Determined>), Dropped> {
        self.for_tool(tool, |own| own.prepared(tool, arguments, draws))
    }

    fn prepared(
        &mut self,
        tool: usize,
        arguments: &Map<String, Value>,
        draws: &mut Draws,
    ) -> Result<(Wish, Vec<Determined>), Dropped> {
        let definition = self.atlas.tool(tool);
        let mut wish = Wish::of(tool);
        let mut determined = Vec::new();
        let mut values: Vec<(&String, &Value)> = arguments.iter().collect();
        // Ids first: what the user names comes before what the user wants.
        values.sort_by_key(|(name, _)| self.atlas.picked_table(definition, name).is_none());
        for (name, value) in values {
            if let Some(table) = self.atlas.picked_table(definition, name) {
                let key = Cell::from_json(value);
                let by = if let Some(known) = self.known.get(&(table, key.clone())) {
                    if known.minted {
                        wish.made.push((name.clone(), table));
                    } else if let Some(handle) = self.handle_of(table, &key, draws) {
                        wish.picks.push((name.clone(), handle));
                    }
                    shown(known)
                } else {
                    let handle = self
                        .handle_of(table, &key, draws)
                        .ok_or(Dropped::NoHandle)?;
                    let by = self.find(&handle, draws)?;
                    self.look_at(tool, &handle, &by, draws);
                    wish.picks.push((name.clone(), handle));
                    by
                };
                determined.push(Determined {
                    argument: name.clone(),
                    by,
                });
                continue;
            }
            if is_internal(name) {
                // An id of something that no tool shows.
                return Err(Dropped::NoPath);
            }
            let slots = self.tell(definition, name, value, draws)?;
            let by = match &slots[..] {
                [slot] => Reason::Told(*slot),
                _ => Reason::Parts(slots.clone()),
            };
            wish.told.push((name.clone(), slots));
            determined.push(Determined {
                argument: name.clone(),
                by,
            });
        }
        Ok((wish, determined))
    }

    /// Looks at a row by its id before something is done with it, where that would be new.
    fn look_at(&mut self, tool: usize, handle: &Handle, shown: &Reason, draws: &mut Draws) {
        let Some(key) = self.atlas.key(handle.table) else {
            return;
        };
        let atlas = self.atlas;
        let readers = atlas.readers[handle.table].iter();
        let new: Vec<&Reader> = readers
            .filter(|reader| {
                let mut arguments = reader.arguments.iter();
                arguments.any(|own| own.column == Some(key))
                    && (self.usage.is_new(reader.tool) || self.usage.is_new_pair(reader.tool, tool))
            })
            .collect();
        if let Some(reader) = draws.pick(&new)
            && draws.chance(LOOKED_AT)
        {
            let before = self.mark();
            if self.get_by(reader, key, handle, shown, draws) != Ok(true) {
                self.back_to(before);
            }
        }
    }

    /// Reads a row by its id with one tool; false when the tool needs more than is known.
    pub(crate) fn get_by(
        &mut self,
        reader: &Reader,
        key: ColumnRef,
        handle: &Handle,
        shown: &Reason,
        draws: &mut Draws,
    ) -> Result<bool, Dropped> {
        let tool = self.atlas.tool(reader.tool);
        let mut arguments = Map::new();
        let mut determined = Vec::new();
        for argument in &reader.arguments {
            let parameter = tool
                .parameters()
                .iter()
                .find(|parameter| parameter.name == argument.name)
                .ok_or(Dropped::NoPath)?;
            let (value, by) = if argument.column == Some(key) {
                (handle.key.clone(), shown.clone())
            } else if argument.required {
                let by = self.for_tool(reader.tool, |own| {
                    own.ancestor(handle, tool, &argument.name, draws)
                })?;
                let Some(found) = by else {
                    return Ok(false);
                };
                found
            } else {
                continue;
            };
            arguments.insert(argument.name.clone(), as_type(&value, &parameter.schema));
            determined.push(Determined {
                argument: argument.name.clone(),
                by,
            });
        }
        let by_key = reader
            .arguments
            .iter()
            .any(|argument| argument.column == Some(key) && arguments.contains_key(&argument.name));
        if by_key {
            self.call(reader.tool, arguments, determined, false)?;
        }
        Ok(by_key)
    }

    /// The handle by which a row was found, or a new one.
    fn handle_of(&self, table: usize, key: &Cell, draws: &mut Draws) -> Option<Handle> {
        self.wishes
            .iter()
            .flat_map(|wish| &wish.picks)
            .map(|(_, handle)| handle)
            .find(|handle| handle.table == table && handle.key == *key)
            .cloned()
            .or_else(|| name_row(self.atlas, self.rows, table, key, draws))
    }

    /// Lets the user tell the value of an argument.
    pub(crate) fn tell(
        &mut self,
        tool: &practicum_world::Tool,
        name: &str,
        value: &Value,
        draws: &mut Draws,
    ) -> Result<Vec<usize>, Dropped> {
        let about = format!("{}.{name}", tool.name);
        match value {
            Value::Array(elements) => {
                if elements.is_empty() {
                    return Err(Dropped::Nested);
                }
                if elements.iter().all(Value::is_object) {
                    return self.tell_objects(tool, name, &about, elements, draws);
                }
                if !elements.iter().all(is_plain) {
                    return Err(Dropped::Nested);
                }
                let slots = elements
                    .iter()
                    .map(|element| self.tell_plain(tool, name, &about, element, draws))
                    .collect();
                Ok(slots)
            }
            Value::Object(members) => {
                if members.is_empty()
                    || !members.values().all(is_plain)
                    || members.keys().any(|member| is_internal(member))
                {
                    return Err(Dropped::Nested);
                }
                Ok(members
                    .iter()
                    .map(|(member, value)| {
                        let about = format!("{about}.{member}");
                        self.tell_plain(tool, &format!("{name}.{member}"), &about, value, draws)
                    })
                    .collect())
            }
            Value::Null => Err(Dropped::Nested),
            value => Ok(vec![self.tell_plain(tool, name, &about, value, draws)]),
        }
    }

    /// Lets the user tell a list of things, member by member.
    fn tell_objects(
        &mut self,
        tool: &practicum_world::Tool,
        name: &str,
        about: &str,
        elements: &[Value],
        draws: &mut Draws,
    ) -> Result<Vec<usize>, Dropped> {
        let mut slots = Vec::new();
        for members in elements.iter().filter_map(Value::as_object) {
            for (member, value) in members {
                if !is_plain(value) || is_internal(member) {
                    return Err(Dropped::Nested);
                }
                let about = format!("{about}.{member}");
                let path = format!("{name}[].{member}");
                let slot = self.tell_plain(tool, &path, &about, value, draws);
                self.slots[slot].name = words::argument_words(member);
                slots.push(slot);
            }
        }
        if slots.is_empty() {
            return Err(Dropped::Nested);
        }
        Ok(slots)
    }

    fn tell_plain(
        &mut self,
        tool: &practicum_world::Tool,
        path: &str,
        about: &str,
        value: &Value,
        draws: &mut Draws,
    ) -> usize {
        let cell = Cell::from_json(value);
        let kind = argument_kind(tool, path, &cell);
        let name = words::argument_words(path);
        let (name, unit) = match words::unit_of(&name) {
            Some((head, unit)) if value.is_number() => (head.to_string(), Some(unit)),
            _ => (name, None),
        };
        let (said, kind) = match value {
            Value::Bool(yes) => (words::flag(&name, *yes), FactKind::Text),
            _ => (say(&cell, kind, draws), kind),
        };
        let said = unit.map_or_else(|| said.clone(), |unit| format!("{said} {unit}"));
        self.slot(Slot {
            name,
            about: about.to_string(),
            value: cell,
            said,
            kind,
            told: Told::AtStart,
        })
    }

    /// What a write made can be picked by later calls.
    fn note_made(&mut self, tool: usize, call: usize) {
        let definition = self.atlas.tool(tool);
        for field in &definition.flow.results {
            let (Some(column), Some(name)) = (field.origins.column, &field.name) else {
                continue;
            };
            if self.atlas.key(column.table) != Some(column)
                || !definition.effects.inserts.contains(&column.table)
            {
                continue;
            }
            if let Some(value) = self.replies[call].get(name).cloned() {
                self.known.insert(
                    (column.table, Cell::from_json(&value)),
                    Known {
                        call,
                        place: format!("/{}", pointer(name)),
                        minted: self.atlas.is_minted_key(column.table),
                    },
                );
            }
        }
    }

    /// The key that the last write made, if it made one that later calls can pick.
    pub(crate) fn last_made(&self) -> Option<(usize, Cell)> {
        let last = self.calls.len().checked_sub(1)?;
        self.known
            .iter()
            .find(|(_, known)| known.call == last && known.minted)
            .map(|((table, key), _)| (*table, key.clone()))
    }
}

fn shown(known: &Known) -> Reason {
    Reason::Shown {
        call: known.call,
        place: known.place.clone(),
        minted: known.minted,
    }
}

/// How people write a value of an argument.
pub(crate) fn argument_kind(tool: &practicum_world::Tool, path: &str, value: &Cell) -> FactKind {
    let enumerated = practicum_world::argument_schema(tool.input(), path)
        .is_some_and(|schema| schema.get("enum").is_some());
    let words = words::words(path);
    match value {
        Cell::Integer(_) if words.iter().any(|word| word == "cents") => FactKind::Cents,
        Cell::Text(_) if enumerated => FactKind::Label,
        Cell::Text(text) => text_kind(text),
        _ => FactKind::Number,
    }
}

/// Names of arguments whose values only machines know.
pub(crate) fn is_internal(name: &str) -> bool {
    let words = words::words(name);
    words.last().is_some_and(|last| {
        [
            "id", "ids", "uuid", "guid", "token", "etag", "key", "arn", "sid", "hash",
        ]
        .contains(&last.as_str())
    })
}

fn is_plain(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

pub(crate) fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The value in one of the ways in which people say it.
pub(crate) fn say(value: &Cell, kind: FactKind, draws: &mut Draws) -> String {
    let all = spellings(value, kind);
    match kind {
        // The year is said: a day alone would leave it open.
        FactKind::Date => {
            let full: Vec<&String> = all.iter().take(3).collect();
            draws
                .pick(&full)
                .map_or_else(|| value.to_string(), |said| (*said).clone())
        }
        FactKind::Instant => {
            let full: Vec<&String> = all
                .iter()
                .filter(|said| said.contains(char::is_numeric) && year_of(value, said))
                .collect();
            draws
                .pick(&full)
                .map_or_else(|| value.to_string(), |said| (*said).clone())
        }
        // As it stands in lists, but for what only machines write: `no_longer_needed`.
        FactKind::Label => {
            let raw = value.to_string();
            if raw.contains('_') {
                raw.replace('_', " ")
            } else {
                raw
            }
        }
        FactKind::Cents => all
            .get(draws.below(2))
            .cloned()
            .unwrap_or_else(|| value.to_string()),
        FactKind::Number | FactKind::Text => value.to_string(),
    }
}

fn year_of(value: &Cell, said: &str) -> bool {
    value
        .as_text()
        .and_then(|text| text.get(..4))
        .is_some_and(|year| said.contains(year))
}
