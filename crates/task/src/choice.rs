//! Goals for which any of several things will do: every member that works is an accepted end.

use practicum_world::{
    AcceptedEnd, Cell, ColumnRef, Draws, Expectation, FactKind, Outcome, Row, as_type,
};
use serde_json::{Map, Value};

use crate::atlas::{Atlas, Reader, is_boolean};
use crate::builder::{Builder, Dropped, Wish, pointer, say};
use crate::chain::MANY_DRAWS;
use crate::conversation::is_caller;
use crate::goals::{Ground, Made, attempt};
use crate::handle::name_row;
use crate::task::{Determined, Kind, Reason, Slot, Told};
use crate::words::{column_words, is_plural, nouns};
use crate::{intent, phrase};

/// Things among which a user lets the agent choose, at most.
const MOST_MEMBERS: usize = 24;
/// Things that are tried for that, at most: those that are refused will not do.
const MOST_TRIED: usize = 80;

/// What a user lets the agent choose from.
struct Offer {
    rows: Vec<Row>,
    /// `any slot of the doctor Ana Ruiz whose kind is video`
    phrase: String,
    call: usize,
    reader: Reader,
}

impl Ground<'_> {
    /// A change that makes something new, for which any of several rows will do.
    pub(crate) fn choice(&self, tool: usize, draws: &mut Draws) -> Made {
        let definition = self.atlas.tool(tool);
        let mut builder = self.builder()?;
        let Some(arguments) =
            self.allowed(&mut builder, tool, self.sampler, &[], MANY_DRAWS, draws)?
        else {
            return Ok(Err(Dropped::Refused));
        };
        let mut chosen = self.atlas.left_open(tool);
        chosen.retain(|(name, _)| arguments.contains_key(name));
        let Some((argument, column)) = draws.pick(&chosen).cloned() else {
            return Ok(Err(Dropped::NotHere));
        };
        let table = column.table;
        let value = Cell::from_json(&arguments[&argument]);
        let mut rest = arguments.clone();
        rest.remove(&argument);
        let (mut wish, mut determined) = attempt!(builder.prepare(tool, &rest, draws));
        let offer = attempt!(self.offer(&mut builder, tool, column, &value, draws));
        let Some(parameter) = definition
            .parameters()
            .iter()
            .find(|parameter| parameter.name == argument)
        else {
            return Ok(Err(Dropped::NotHere));
        };
        // Each is tried: those that are refused, or that a rule forbids, will not do.
        let before = builder.session.snapshot()?;
        let mut trial = before.session()?;
        let mut members: Vec<(Value, AcceptedEnd)> = Vec::new();
        let mut refused = false;
        for row in &offer.rows {
            let member = as_type(&row[column.column], &parameter.schema);
            let mut with = rest.clone();
            with.insert(argument.clone(), member.clone());
            trial.restore(&before)?;
            let reply = trial.call(&definition.name, &Value::Object(with));
            if !reply.is_ok() || !trial.violations().is_empty() {
                refused = true;
                continue;
            }
            let diff = trial.diff()?;
            let texts = self.text_rules(&diff, &builder);
            members.push((member, AcceptedEnd { diff, texts }));
        }
        let listed = listed(&builder, &offer, column);
        let gold = members.iter().position(|(member, _)| {
            listed
                .iter()
                .any(|(own, _)| *own == Cell::from_json(member))
        });
        let several = (2..=MOST_MEMBERS).contains(&members.len());
        let Some(gold) = gold.filter(|_| several) else {
            let none = if refused {
                Dropped::Refused
            } else {
                Dropped::NotHere
            };
            return Ok(Err(none));
        };
        members.swap(0, gold);
        let member = members[0].0.clone();
        let Some((_, place)) = listed
            .into_iter()
            .find(|(own, _)| *own == Cell::from_json(&member))
        else {
            return Ok(Err(Dropped::NoPath));
        };
        determined.push(Determined {
            argument: argument.clone(),
            by: Reason::Shown {
                call: offer.call,
                place,
                minted: false,
            },
        });
        rest.insert(argument.clone(), member);
        let call = attempt!(builder.call(tool, rest, determined, true));
        let values = |members: &[(Value, AcceptedEnd)]| {
            members.iter().map(|(value, _)| value.clone()).collect()
        };
        builder.calls[call]
            .any_of
            .insert(argument.clone(), Value::Array(values(&members[1..])));
        let endings = ["", " (no matter which)", " (I don't mind which)"];
        let ending = draws.pick(&endings).copied().unwrap_or_default();
        wish.chosen = Some((argument, table, format!("{}{ending}", offer.phrase)));
        builder.wishes.push(wish);
        let intent = intent::request(&mut builder, draws);
        let expectation = Expectation {
            outcome: Outcome::Done,
            reason: None,
            ends: members.into_iter().map(|(_, end)| end).collect(),
            facts: Vec::new(),
            grounds: Vec::new(),
            looked: Vec::new(),
        };
        Ok(self.task(
            builder,
            Kind::Choice,
            intent,
            "That is done.".into(),
            expectation,
            Vec::new(),
        ))
    }

    /// Rows that are alike in what the user cares about, one of them, and no other, with this value.
    fn offer(
        &self,
        builder: &mut Builder<'_>,
        tool: usize,
        column: ColumnRef,
        value: &Cell,
        draws: &mut Draws,
    ) -> Result<Offer, Dropped> {
        let schema = self.atlas.schema();
        let table = column.table;
        let has = |row: &&Row| row[column.column] == *value;
        let mut with_it = self.rows()[table].iter().filter(has);
        let (Some(own), None) = (with_it.next(), with_it.next()) else {
            return Err(Dropped::NotHere);
        };
        let wanted_by = tool;
        let way = self
            .way(table, Some(wanted_by), draws)
            .ok_or(Dropped::NoPath)?;
        if way.reader.shows_column(column.column).is_none() {
            return Err(Dropped::NoPath);
        }
        let tool = self.atlas.tool(way.reader.tool);
        let mut rows: Vec<&Row> = self.rows()[table].iter().collect();
        let mut arguments = Map::new();
        let mut determined = Vec::new();
        let (_, noun) = nouns(schema, table);
        let mut phrase = format!("any {noun}");
        if let Some((argument, column, parent)) = &way.owner {
            let id = &own[column.column];
            let handle =
                name_row(self.atlas, self.rows(), *parent, id, draws).ok_or(Dropped::NoHandle)?;
            let by = builder.for_tool(way.reader.tool, |own| own.find(&handle, draws))?;
            let parameter = tool
                .parameters()
                .iter()
                .find(|own| own.name == *argument)
                .ok_or(Dropped::NotHere)?;
            arguments.insert(argument.clone(), as_type(id, &parameter.schema));
            determined.push(Determined {
                argument: argument.clone(),
                by,
            });
            rows.retain(|row| row[column.column] == *id);
            let owner = phrase::handle_phrase(builder, &handle, None, draws);
            phrase.push_str(&format!(" of {owner}"));
        }
        // What it must be like, by a value that the list shows.
        let mut columns: Vec<(ColumnRef, FactKind)> = way
            .reader
            .shows
            .iter()
            .map(|(column, _)| ColumnRef {
                table,
                column: *column,
            })
            .filter(|at| self.atlas.is_natural(*at) && !own[at.column].is_null())
            .filter(|at| !is_boolean(schema.get(*at)))
            .map(|at| (at, self.atlas.value_kind(at, &own[at.column])))
            .filter(|(_, kind)| *kind != FactKind::Text)
            .collect();
        draws.shuffle(&mut columns);
        let wanted = draws.below(3);
        for (at, kind) in columns {
            let before = phrase.matches(" whose ").count();
            if before >= wanted && rows.len() <= MOST_TRIED {
                break;
            }
            let what = column_words(schema, at);
            let value = own[at.column].clone();
            let fits = |row: &Row| match kind {
                FactKind::Label => row[at.column] == value,
                _ => row[at.column] <= value && !row[at.column].is_null(),
            };
            let left = rows.iter().filter(|row| fits(row)).count();
            if left < 2 || left == rows.len() {
                continue;
            }
            rows.retain(|row| fits(row));
            let said = say(&value, kind, draws);
            let are = if is_plural(&what) { "are" } else { "is" };
            let relation = match kind {
                FactKind::Label => are.to_string(),
                FactKind::Date | FactKind::Instant => format!("{are} not after"),
                _ => format!("{are} at most"),
            };
            let joint = if before == 0 { " whose" } else { " and whose" };
            phrase.push_str(&format!("{joint} {what} {relation} {said}"));
            let slot = builder.slot(Slot {
                name: format!("wanted {what}"),
                about: format!("any {}", schema.name(at)),
                value: value.clone(),
                said,
                kind,
                told: Told::AtStart,
            });
            // The list is asked for only those, where it can be.
            let filter = way.reader.arguments.iter().find(|argument| {
                kind == FactKind::Label
                    && argument.column == Some(at)
                    && !arguments.contains_key(&argument.name)
            });
            if let Some(filter) = filter {
                arguments.insert(filter.name.clone(), value.to_json());
                determined.push(Determined {
                    argument: filter.name.clone(),
                    by: Reason::Told(slot),
                });
            }
        }
        if rows.len() < 2 || rows.len() > MOST_TRIED {
            return Err(Dropped::NotHere);
        }
        let call = builder.call(way.reader.tool, arguments, determined, false)?;
        Ok(Offer {
            rows: rows.into_iter().cloned().collect(),
            phrase,
            call,
            reader: way.reader,
        })
    }
}

impl Atlas {
    /// The arguments of a write for which any of several rows may do, with the column by whose value they
    /// pick one: the key, or a name of which lists say whose it is. Nobody lets another choose what is to be
    /// changed, only what it is to be changed to.
    pub(crate) fn left_open(&self, tool: usize) -> Vec<(String, ColumnRef)> {
        let tool = self.tool(tool);
        let subject = self.subject(tool);
        let parameters = tool.parameters().iter();
        parameters
            .filter_map(|own| {
                let by_key = self.picked_table(tool, &own.name);
                let column = match by_key {
                    Some(table) => self.key(table)?,
                    None => tool.flow.column_of(&own.name, self.schema())?,
                };
                let named = by_key.is_some() || self.naming_rank(column) == Some(0);
                named.then(|| (own.name.clone(), column))
            })
            .filter(|(_, column)| {
                let table = column.table;
                let lists = &mut self.readers[table].iter();
                Some(table) != subject
                    && !self.is_owned(table)
                    && lists.any(|own| own.many && own.shows_column(column.column).is_some())
            })
            .collect()
    }

    /// True for tables whose rows belong to people who call: nobody pays any bill of theirs, whichever.
    fn is_owned(&self, table: usize) -> bool {
        let schema = self.schema();
        let mut seen = vec![table];
        let mut at = 0;
        while let Some(table) = seen.get(at).copied() {
            if is_caller(&nouns(schema, table).1) {
                return true;
            }
            for key in &schema.tables[table].foreign_keys {
                if !seen.contains(&key.parent) {
                    seen.push(key.parent);
                }
            }
            at += 1;
        }
        false
    }
}

/// The keys that a list shows, and where.
fn listed(builder: &Builder<'_>, offer: &Offer, key: ColumnRef) -> Vec<(Cell, String)> {
    let Some(field) = offer.reader.shows_column(key.column) else {
        return Vec::new();
    };
    let entries = builder.replies[offer.call].as_array();
    entries
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(at, entry)| {
            let own = Cell::from_json(entry.get(field)?);
            Some((own, format!("/{at}/{}", pointer(field))))
        })
        .collect()
}

impl Wish {
    /// A wish about nothing yet.
    pub(crate) fn of(tool: usize) -> Self {
        Self {
            tool,
            picks: Vec::new(),
            made: Vec::new(),
            told: Vec::new(),
            chosen: None,
        }
    }
}
