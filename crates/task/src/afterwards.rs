//! Changes after which the user asks how something stands now.

use practicum_world::{Answer, Cell, ColumnRef, Draws, Fact, Sampler, StateError, Support};

use crate::accept::plain;
use crate::atlas::Reader;
use crate::builder::Builder;
use crate::goals::{Ground, MOST_OTHERS};
use crate::handle::{Handle, same};
use crate::phrase;
use crate::words::{column_words, is_plural};

/// A question that follows a change.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    handle: Handle,
    /// What is asked, in words.
    what: String,
    /// What a good answer says.
    pub(crate) answer: String,
    /// What it must hold.
    pub(crate) fact: Fact,
}

impl Ground<'_> {
    /// A question about a row that was changed or named by a change, whose answer a tool shows that no gold
    /// has used after such a change. The read becomes part of gold; None when there is none to ask.
    pub(crate) fn afterwards(
        &self,
        builder: &mut Builder<'_>,
        draws: &mut Draws,
    ) -> Result<Option<Question>, StateError> {
        let mut all: Vec<(Handle, &Reader)> = Vec::new();
        for wish in &builder.wishes {
            let ended = &self.atlas.tool(wish.tool).effects.deletes;
            for (_, handle) in &wish.picks {
                let Some(key) = self.atlas.key(handle.table) else {
                    continue;
                };
                for reader in &self.atlas.readers[handle.table] {
                    let mut arguments = reader.arguments.iter();
                    if arguments.any(|own| own.column == Some(key))
                        && self.usage.is_new_pair(wish.tool, reader.tool)
                        && !ended.contains(&handle.table)
                    {
                        all.push((handle.clone(), reader));
                    }
                }
            }
        }
        let Some((handle, reader)) = draws.pick(&all) else {
            return Ok(None);
        };
        let mark = builder.mark();
        let now = Sampler::of_session(&mut builder.session)?;
        let asked = self.ask(builder, handle, reader, &now, draws);
        if asked.is_none() {
            builder.back_to(mark);
        }
        Ok(asked)
    }

    fn ask(
        &self,
        builder: &mut Builder<'_>,
        handle: &Handle,
        reader: &Reader,
        now: &Sampler,
        draws: &mut Draws,
    ) -> Option<Question> {
        let table = handle.table;
        let key = self.atlas.key(table)?;
        let shown = builder.find(handle, draws).ok()?;
        let before = builder.calls.len();
        let looked = builder.get_by(reader, key, handle, &shown, draws);
        if looked != Ok(true) || builder.calls.len() == before {
            return None;
        }
        let schema = self.atlas.schema();
        let rows = &now.rows()[table];
        let row = rows.iter().find(|row| row[key.column] == handle.key)?;
        let columns: Vec<ColumnRef> = (0..row.len())
            .map(|column| ColumnRef { table, column })
            .filter(|at| reader.shows_column(at.column).is_some())
            .filter(|at| self.can_be_asked(*at, row, handle))
            .collect();
        let at = draws.pick(&columns).copied()?;
        let value = row[at.column].clone();
        let kind = self.atlas.value_kind(at, &value);
        let mut others: Vec<Cell> = Vec::new();
        for other in rows {
            let other = &other[at.column];
            if !other.is_null() && !same(other, &value) && !others.contains(other) {
                others.push(other.clone());
            }
        }
        others.truncate(MOST_OTHERS);
        let what = column_words(schema, at);
        let is = if is_plural(&what) { "are" } else { "is" };
        let fact = Fact {
            value: value.clone(),
            kind,
            nouns: Vec::new(),
            about: schema.name(at),
            support: vec![Support {
                table: schema.tables[table].name.clone(),
                key: vec![handle.key.clone()],
                columns: vec![schema.get(at).name.clone()],
            }],
            others,
        };
        let said = plain(&value, kind);
        let answer = format!(
            "That is done. The {what} {is} {}.",
            said.trim_end_matches('.')
        );
        Some(Question {
            handle: handle.clone(),
            what,
            answer,
            fact,
        })
    }
}

impl Question {
    /// The question, to stand after what was asked for.
    pub(crate) fn phrase(&self, builder: &Builder<'_>, draws: &mut Draws) -> String {
        let thing = phrase::handle_phrase(builder, &self.handle, None, draws);
        let what = &self.what;
        let is = if is_plural(what) { "are" } else { "is" };
        match draws.below(4) {
            0 => format!("When that is done, tell me what the {what} of {thing} {is}."),
            1 => format!("And what {is} the {what} of {thing} then?"),
            2 => format!("Afterwards I'd like to know the {what} of {thing}."),
            _ => format!("Please tell me the {what} of {thing}, too, once you are through."),
        }
    }

    /// A text says the answer already.
    pub(crate) fn is_answered_by(&self, text: &str) -> bool {
        Answer::new(text).mentions(&self.fact.value, self.fact.kind)
    }
}
