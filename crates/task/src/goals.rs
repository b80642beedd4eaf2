//! Goals of each kind, from what the tools can do to what a user might want.

use practicum_world::{
    AcceptedEnd, Cell, ColumnRef, Diff, Draws, Expectation, Fact, FactKind, Outcome, Parameter,
    Role, Row, Sampler, State, StateError, Support, TextCell, TextRule, Tool, as_type,
};
use serde_json::{Map, Value};

use crate::accept::plain;
use crate::atlas::{Atlas, Reader, is_moment};
use crate::builder::{Builder, Dropped, Wish, is_internal};
use crate::coverage::Usage;
use crate::handle::{Handle, name_row, same};
use crate::task::{Determined, GoldCall, Kind, Proof, Reason, Task};
use crate::words::{column_words, is_plural, nouns};
use crate::{intent, phrase};

/// Other values of a column that a fact keeps, to recognise spraying.
pub(crate) const MOST_OTHERS: usize = 60;

/// Share of the chains after which the user asks how something stands, where that would be new.
const ASKED_AFTERWARDS: f64 = 0.7;

/// What goals of one state are made from.
pub(crate) struct Ground<'a> {
    pub(crate) atlas: &'a Atlas,
    pub(crate) state: &'a State,
    pub(crate) sampler: &'a Sampler,
    /// What gold has used so far.
    pub(crate) usage: &'a Usage,
    pub(crate) seed: u64,
}

pub(crate) type Made = Result<Result<Task, Dropped>, StateError>;

macro_rules! attempt {
    ($step:expr) => {
        match $step {
            Ok(value) => value,
            Err(dropped) => return Ok(Err(dropped)),
        }
    };
}

pub(crate) use attempt;

impl Ground<'_> {
    pub(crate) fn rows(&self) -> &[Vec<Row>] {
        self.sampler.rows()
    }

    pub(crate) fn builder(&self) -> Result<Builder<'_>, StateError> {
        Builder::new(self.atlas, self.state, self.rows(), self.usage, self.seed)
    }

    pub(crate) fn finish_writes(
        &self,
        mut builder: Builder<'_>,
        kind: Kind,
        draws: &mut Draws,
    ) -> Made {
        let before = builder.mark();
        if kind == Kind::Chain && draws.chance(ASKED_AFTERWARDS) {
            builder.afterwards = self.afterwards(&mut builder, draws)?;
        }
        let mut intent = intent::request(&mut builder, draws);
        let question = builder.afterwards.take();
        let Some(question) = question.filter(|own| !own.is_answered_by(&intent)) else {
            if builder.is_beyond(&before) {
                builder.back_to(before);
                attempt!(builder.rewind());
                builder.named.clear();
                intent = intent::request(&mut builder, draws);
            }
            return self.finish_with(builder, kind, intent);
        };
        let made = self.finish_with(builder, kind, intent)?;
        Ok(made.map(|mut task| {
            task.answer = question.answer;
            task.expectation.facts.push(question.fact);
            task
        }))
    }

    /// The task of changes that were made, in given words.
    pub(crate) fn finish_with(&self, mut builder: Builder<'_>, kind: Kind, intent: String) -> Made {
        let diff = builder.session.diff()?;
        if diff.relevant(&self.atlas.world).next().is_none() {
            return Ok(Err(Dropped::Refused));
        }
        let texts = self.text_rules(&diff, &builder);
        let expectation = Expectation {
            outcome: Outcome::Done,
            reason: None,
            ends: vec![AcceptedEnd { diff, texts }],
            facts: Vec::new(),
            grounds: Vec::new(),
            looked: Vec::new(),
        };
        Ok(self.task(
            builder,
            kind,
            intent,
            "That is done.".into(),
            expectation,
            Vec::new(),
        ))
    }

    /// Free text that the user dictated is compared to the letter.
    pub(crate) fn text_rules(&self, diff: &Diff, builder: &Builder<'_>) -> Vec<TextCell> {
        let schema = self.atlas.schema();
        let mut rules = Vec::new();
        for (position, change) in diff.changes.iter().enumerate() {
            let (Some(table), Some(after)) = (schema.table(&change.table), &change.after) else {
                continue;
            };
            for (column, cell) in after.iter().enumerate() {
                let at = ColumnRef { table, column };
                let dictated = builder.slots.iter().any(|slot| slot.value == *cell);
                if self.atlas.world.role(at) == Role::Text && dictated {
                    rules.push(TextCell {
                        change: position,
                        column: schema.get(at).name.clone(),
                        rule: TextRule::Exact,
                    });
                }
            }
        }
        rules
    }

    pub(crate) fn task(
        &self,
        builder: Builder<'_>,
        kind: Kind,
        intent: String,
        answer: String,
        expectation: Expectation,
        temptation: Vec<GoldCall>,
    ) -> Result<Task, Dropped> {
        if !intent::check(
            &intent,
            &builder.slots,
            &builder.calls,
            self.atlas.world.tools(),
        ) {
            return Err(Dropped::Intent);
        }
        Ok(Task {
            id: String::new(),
            world: self.atlas.world.name().to_string(),
            world_digest: self.atlas.world.digest().to_string(),
            kind,
            state: self.state.spec().clone(),
            seed: self.seed,
            intent,
            slots: builder.slots,
            gold: builder.calls,
            temptation,
            second_thoughts: None,
            answer,
            expectation,
            proof: Proof::default(),
        })
    }

    /// A question about one column of one row.
    pub(crate) fn lookup(&self, table: usize, draws: &mut Draws) -> Made {
        let Some(key) = self.atlas.key(table) else {
            return Ok(Err(Dropped::NotHere));
        };
        let Some(row) = draws.pick(&self.rows()[table]) else {
            return Ok(Err(Dropped::NotHere));
        };
        let Some(handle) = name_row(self.atlas, self.rows(), table, &row[key.column], draws) else {
            return Ok(Err(Dropped::NoHandle));
        };
        let asked: Vec<ColumnRef> = (0..row.len())
            .map(|column| ColumnRef { table, column })
            .filter(|at| self.can_be_asked(*at, row, &handle))
            .collect();
        let Some(asked) = draws.pick(&asked).copied() else {
            return Ok(Err(Dropped::NotHere));
        };
        let mut builder = self.builder()?;
        let shown = attempt!(builder.find(&handle, draws));
        if !self.is_shown(&builder, asked, &handle) {
            attempt!(self.get(&mut builder, asked, &handle, &shown, draws));
        } else if self.shows_anew(&builder, asked, &shown) {
            let before = builder.mark();
            if self
                .get(&mut builder, asked, &handle, &shown, draws)
                .is_err()
            {
                builder.back_to(before);
            }
        }
        let value = row[asked.column].clone();
        let kind = self.atlas.value_kind(asked, &value);
        let mut others: Vec<Cell> = Vec::new();
        for other in &self.rows()[table] {
            let other = &other[asked.column];
            if !other.is_null() && !same(other, &value) && !others.contains(other) {
                others.push(other.clone());
            }
        }
        others.truncate(MOST_OTHERS);
        let fact = self.fact(
            asked,
            &value,
            kind,
            vec![(table, handle.key.clone())],
            others,
        );
        let thing = phrase::handle_phrase(&builder, &handle, None, draws);
        let what = column_words(self.atlas.schema(), asked);
        let is = if is_plural(&what) { "are" } else { "is" };
        let phrase = match draws.below(4) {
            0 => format!("what {is} the {what} of {thing}"),
            1 => format!("which {what} does {thing} have"),
            2 => format!("what {what} {is} noted for {thing}"),
            _ => format!("what does it say about {thing}, under {what}"),
        };
        let intent = intent::question(&phrase, draws);
        let answer = format!(
            "The {what} {is} {}.",
            plain(&value, kind).trim_end_matches('.')
        );
        Ok(self.question_task(builder, Kind::Lookup, intent, answer, vec![fact]))
    }

    pub(crate) fn question_task(
        &self,
        builder: Builder<'_>,
        kind: Kind,
        intent: String,
        answer: String,
        facts: Vec<Fact>,
    ) -> Result<Task, Dropped> {
        // The question must not hold its own answer.
        let said = practicum_world::Answer::new(&intent);
        if facts
            .iter()
            .all(|fact| said.mentions(&fact.value, fact.kind))
        {
            return Err(Dropped::Intent);
        }
        let expectation = Expectation {
            outcome: Outcome::Done,
            reason: None,
            ends: vec![AcceptedEnd::default()],
            facts,
            grounds: Vec::new(),
            looked: Vec::new(),
        };
        self.task(builder, kind, intent, answer, expectation, Vec::new())
    }

    fn fact(
        &self,
        at: ColumnRef,
        value: &Cell,
        kind: FactKind,
        rows: Vec<(usize, Cell)>,
        others: Vec<Cell>,
    ) -> Fact {
        let schema = self.atlas.schema();
        Fact {
            value: value.clone(),
            kind,
            nouns: Vec::new(),
            about: schema.name(at),
            support: rows
                .into_iter()
                .map(|(table, key)| Support {
                    table: schema.tables[table].name.clone(),
                    key: vec![key],
                    columns: if table == at.table {
                        vec![schema.get(at).name.clone()]
                    } else {
                        Vec::new()
                    },
                })
                .collect(),
            others,
        }
    }

    /// A row that must have been seen.
    pub(crate) fn row(&self, table: usize, key: &Cell) -> Support {
        Support {
            table: self.atlas.schema().tables[table].name.clone(),
            key: vec![key.clone()],
            columns: Vec::new(),
        }
    }

    pub(crate) fn can_be_asked(&self, at: ColumnRef, row: &Row, handle: &Handle) -> bool {
        let column = self.atlas.schema().get(at);
        let boolean = column
            .choices
            .as_deref()
            .is_some_and(|choices| choices == [Cell::Integer(0), Cell::Integer(1)]);
        let value = &row[at.column];
        let short = value
            .as_text()
            .is_none_or(|text| text.chars().count() <= 60 && !text.trim().is_empty());
        self.atlas.is_natural(at)
            && !boolean
            && !value.is_null()
            && short
            && !handle.facts.iter().any(|(fact, _)| *fact == at)
            && self.atlas.readers[at.table]
                .iter()
                .any(|reader| reader.shows_column(at.column).is_some())
    }

    /// True when a reply of gold shows the column of the row already.
    pub(crate) fn is_shown(&self, builder: &Builder<'_>, at: ColumnRef, handle: &Handle) -> bool {
        builder.calls.iter().any(|call| {
            self.atlas.readers[at.table].iter().any(|reader| {
                self.atlas.tool(reader.tool).name == call.tool
                    && reader.shows_column(at.column).is_some()
            })
        }) && builder
            .session
            .has_observed(at.table, std::slice::from_ref(&handle.key), |tool| {
                tool.flow
                    .results
                    .iter()
                    .any(|field| field.origins.column == Some(at))
            })
    }

    /// Gets the row by its id from a tool that shows the column.
    pub(crate) fn get(
        &self,
        builder: &mut Builder<'_>,
        at: ColumnRef,
        handle: &Handle,
        shown: &Reason,
        draws: &mut Draws,
    ) -> Result<(), Dropped> {
        let key = self.atlas.key(at.table).ok_or(Dropped::NoPath)?;
        let readers = self.atlas.readers[at.table].iter();
        let mut readers: Vec<&Reader> = readers
            .filter(|reader| reader.shows_column(at.column).is_some())
            .collect();
        readers.sort_by_key(|reader| !builder.is_new(reader.tool));
        for reader in readers {
            let before = builder.mark();
            match builder.get_by(reader, key, handle, shown, draws) {
                Ok(true) => return Ok(()),
                Ok(false) | Err(Dropped::NoPath | Dropped::NoHandle | Dropped::Ambiguous) => {
                    builder.back_to(before);
                }
                Err(dropped) => return Err(dropped),
            }
        }
        Err(Dropped::NoPath)
    }

    /// A tool that no gold has yet, or not after the one that has just shown the row, shows the column
    /// when it is given the row's id.
    pub(crate) fn shows_anew(&self, builder: &Builder<'_>, at: ColumnRef, shown: &Reason) -> bool {
        let Some(key) = self.atlas.key(at.table) else {
            return false;
        };
        let from = match shown {
            Reason::Shown { call, .. } => self.atlas.position(&builder.calls[*call].tool),
            _ => None,
        };
        self.atlas.readers[at.table].iter().any(|reader| {
            let by_key = reader
                .arguments
                .iter()
                .any(|argument| argument.column == Some(key));
            by_key
                && reader.shows_column(at.column).is_some()
                && (self.usage.is_new(reader.tool)
                    || from.is_some_and(|from| self.usage.is_new_pair(from, reader.tool)))
        })
    }

    /// A request that a rule forbids.
    pub(crate) fn declined(&self, tool: usize, draws: &mut Draws) -> Made {
        let definition = self.atlas.tool(tool);
        let mut trial = self.state.session(self.seed)?;
        for _ in 0..40 {
            let arguments = wanted(self.sampler, definition, &[], draws);
            trial.reset(self.seed)?;
            let reply = trial.call(&definition.name, &Value::Object(arguments.clone()));
            // The trial made no reads, so rules that ask for earlier calls say nothing here.
            let violated = trial
                .violations()
                .into_iter()
                .find(|rule| !self.atlas.world.rules()[*rule].looks_back());
            let (true, Some(rule)) = (reply.is_ok(), violated) else {
                continue;
            };
            let mut builder = self.builder()?;
            let (wish, determined) = attempt!(builder.prepare(tool, &arguments, draws));
            let mut shown = self.shows_why(&builder, rule);
            for (_, handle) in &wish.picks {
                if shown {
                    break;
                }
                shown = attempt!(self.look_closer(&mut builder, handle, rule, draws));
            }
            if builder.calls.is_empty() || !shown {
                return Ok(Err(Dropped::NotHere));
            }
            let grounds: Vec<Support> = wish
                .picks
                .iter()
                .map(|(_, handle)| self.row(handle.table, &handle.key))
                .collect();
            builder.wishes.push(wish);
            let intent = intent::request(&mut builder, draws);
            let rule = &self.atlas.world.rules()[rule];
            let answer = format!("I'm sorry, I can't do that. {}", rule.text);
            let expectation = Expectation {
                outcome: Outcome::Declined,
                reason: Some(rule.id.clone()),
                ends: vec![AcceptedEnd::default()],
                facts: Vec::new(),
                grounds,
                looked: Vec::new(),
            };
            let temptation = vec![GoldCall::new(&definition.name, arguments, determined, true)];
            return Ok(self.task(
                builder,
                Kind::Declined,
                intent,
                answer,
                expectation,
                temptation,
            ));
        }
        Ok(Err(Dropped::NotHere))
    }

    /// Reads a row by its id with one tool after the other until it is seen why a rule forbids something.
    fn look_closer(
        &self,
        builder: &mut Builder<'_>,
        handle: &Handle,
        rule: usize,
        draws: &mut Draws,
    ) -> Result<bool, Dropped> {
        let key = self.atlas.key(handle.table).ok_or(Dropped::NoPath)?;
        let shown = builder.find(handle, draws)?;
        for reader in &self.atlas.readers[handle.table] {
            let tool = self.atlas.tool(reader.tool);
            let by_key = reader
                .arguments
                .iter()
                .find(|argument| argument.column == Some(key));
            let Some(argument) = by_key else {
                continue;
            };
            let others = reader.arguments.iter();
            if others
                .filter(|own| own.required)
                .any(|own| own.name != argument.name)
            {
                continue;
            }
            let Some(parameter) = tool
                .parameters()
                .iter()
                .find(|parameter| parameter.name == argument.name)
            else {
                continue;
            };
            let arguments = Map::from_iter([(
                argument.name.clone(),
                as_type(&handle.key, &parameter.schema),
            )]);
            let determined = vec![Determined {
                argument: argument.name.clone(),
                by: shown.clone(),
            }];
            let before = builder.mark();
            if builder
                .call(reader.tool, arguments, determined, false)
                .is_ok()
                && self.shows_why(builder, rule)
            {
                return Ok(true);
            }
            builder.back_to(before);
        }
        Ok(false)
    }

    /// True when gold's reads show a value that the rule names: the agent can see why.
    fn shows_why(&self, builder: &Builder<'_>, rule: usize) -> bool {
        let rule = &self.atlas.world.rules()[rule];
        if rule.keywords.is_empty() {
            return true;
        }
        let replies: String = builder
            .replies
            .iter()
            .map(|reply| reply.to_string().to_lowercase().replace(['_', '-'], " "))
            .collect();
        rule.keywords
            .iter()
            .any(|keyword| replies.contains(&format!("\"{}\"", keyword.to_lowercase())))
    }

    /// A request about something that does not exist.
    pub(crate) fn impossible(&self, tool: usize, draws: &mut Draws) -> Made {
        let definition = self.atlas.tool(tool);
        let arguments = wanted(self.sampler, definition, &[], draws);
        let mut real = self.builder()?;
        let (wish, _) = attempt!(real.prepare(tool, &arguments, draws));
        let Some((argument, handle)) = wish.picks.first().cloned() else {
            return Ok(Err(Dropped::NotHere));
        };
        let Some((stranger, at)) = self.stranger(&handle, draws) else {
            return Ok(Err(Dropped::NoHandle));
        };
        let mut builder = self.builder()?;
        let missing = stranger.chain()[at].clone();
        attempt!(self.find_nothing(&mut builder, &missing, draws));
        for own in stranger.chain() {
            for (at, cell) in &own.facts {
                builder.fact(*at, cell, draws);
            }
        }
        for slot in &real.slots {
            // What the user wants besides is said as well.
            if slot.about.starts_with(&format!("{}.", definition.name)) {
                builder.slot(slot.clone());
            }
        }
        let told = wish
            .told
            .iter()
            .map(|(name, slots)| {
                let slots = slots
                    .iter()
                    .map(|slot| builder.slot(real.slots[*slot].clone()))
                    .collect();
                (name.clone(), slots)
            })
            .collect();
        builder.wishes.push(Wish {
            picks: vec![(argument, stranger)],
            told,
            ..Wish::of(tool)
        });
        let intent = intent::request(&mut builder, draws);
        let (_, noun) = nouns(self.atlas.schema(), missing.table);
        let answer = format!("I'm sorry, there is no such {noun}.");
        let expectation = Expectation {
            outcome: Outcome::Impossible,
            reason: Some(format!("there is no such {noun}")),
            ends: vec![AcceptedEnd::default()],
            facts: Vec::new(),
            grounds: Vec::new(),
            looked: vec![self.atlas.schema().tables[missing.table].name.clone()],
        };
        let mut trial = self.state.session(self.seed)?;
        let works = trial
            .call(&definition.name, &Value::Object(arguments.clone()))
            .is_ok();
        let temptation = if works {
            vec![GoldCall::new(&definition.name, arguments, Vec::new(), true)]
        } else {
            Vec::new()
        };
        Ok(self.task(
            builder,
            Kind::Impossible,
            intent,
            answer,
            expectation,
            temptation,
        ))
    }

    /// The handle with a name changed to one that nobody has, the outermost that can be; and which of the
    /// chain that is.
    fn stranger(&self, handle: &Handle, draws: &mut Draws) -> Option<(Handle, usize)> {
        if let Some((column, parent)) = &handle.parent
            && let Some((parent, at)) = self.stranger(parent, draws)
        {
            let stranger = Handle {
                parent: Some((*column, Box::new(parent))),
                ..handle.clone()
            };
            return Some((stranger, at));
        }
        let at = handle
            .facts
            .iter()
            .position(|(at, _)| self.atlas.naming_rank(*at).is_some_and(|rank| rank <= 1))?;
        let (column, own) = handle.facts[at].clone();
        let own = own.as_text()?.to_string();
        // A name of the same make: the first half of one row's, the second half of another's.
        let names: Vec<&str> = self.rows()[column.table]
            .iter()
            .filter_map(|row| row[column.column].as_text())
            .collect();
        for _ in 0..20 {
            let other = draws.pick(&names)?;
            let made = cross(&own, other)?;
            let taken = names.iter().any(|name| name.eq_ignore_ascii_case(&made));
            if !taken {
                let mut handle = handle.clone();
                handle.facts[at].1 = Cell::from(made);
                let depth = handle.chain().len() - 1;
                return Some((handle, depth));
            }
        }
        None
    }

    /// A read that would show the row if it existed.
    fn find_nothing(
        &self,
        builder: &mut Builder<'_>,
        handle: &Handle,
        draws: &mut Draws,
    ) -> Result<(), Dropped> {
        let mut readers: Vec<&Reader> = self.atlas.readers[handle.table]
            .iter()
            .filter(|reader| reader.many)
            .collect();
        draws.shuffle(&mut readers);
        for reader in readers {
            let tool = self.atlas.tool(reader.tool);
            let mut arguments = Map::new();
            let mut determined = Vec::new();
            let mut complete = true;
            let shows_all = handle
                .facts
                .iter()
                .all(|(at, _)| reader.shows_column(at.column).is_some());
            for argument in &reader.arguments {
                let fact = argument
                    .column
                    .and_then(|column| handle.facts.iter().find(|(at, _)| *at == column).cloned());
                let parameter = tool
                    .parameters()
                    .iter()
                    .find(|parameter| parameter.name == argument.name);
                let owner = handle.parent.as_ref().filter(|(column, parent)| {
                    argument.column == Some(*column)
                        || argument.column == self.atlas.key(parent.table)
                });
                match (fact, parameter) {
                    (None, Some(parameter)) if owner.is_some() => {
                        let Some((_, owner)) = owner else {
                            continue;
                        };
                        let by = builder.find(owner, draws)?;
                        arguments.insert(
                            argument.name.clone(),
                            as_type(&owner.key, &parameter.schema),
                        );
                        determined.push(Determined {
                            argument: argument.name.clone(),
                            by,
                        });
                    }
                    (Some((at, cell)), Some(parameter)) => {
                        let slot = builder.fact(at, &cell, draws);
                        arguments.insert(argument.name.clone(), as_type(&cell, &parameter.schema));
                        determined.push(Determined {
                            argument: argument.name.clone(),
                            by: Reason::Told(slot),
                        });
                    }
                    _ => complete &= !argument.required,
                }
            }
            if !complete || !shows_all {
                continue;
            }
            let call = builder.call(reader.tool, arguments, determined, false)?;
            let entries = builder.replies[call]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let found = entries.iter().any(|entry| {
                handle.facts.iter().all(|(at, cell)| {
                    reader.shows_column(at.column).is_some_and(|field| {
                        entry
                            .get(field)
                            .is_some_and(|value| same(&Cell::from_json(value), cell))
                    })
                })
            });
            if found {
                return Err(Dropped::Ambiguous);
            }
            return Ok(());
        }
        Err(Dropped::NoPath)
    }
}

/// Verbs that end something.
const ENDING: &[&str] = &[
    "archive", "bar", "block", "cancel", "close", "delete", "discard", "reject", "remove",
    "revoke", "withdraw",
];

/// A chain that takes back what it did is no wish, nor is one that changes a thing and then ends it.
pub(crate) fn is_sensible(builder: &Builder<'_>) -> bool {
    let Some((last, before)) = builder.wishes.split_last() else {
        return true;
    };
    let tool = builder.atlas.tool(last.tool);
    let keys = |wish: &Wish| -> Vec<Cell> {
        let picks = wish.picks.iter();
        picks.map(|(_, handle)| handle.key.clone()).collect()
    };
    let repeats = before
        .iter()
        .any(|wish| wish.tool == last.tool && last.made.is_empty() && keys(wish) == keys(last));
    let ends = crate::words::verb(tool).is_some_and(|verb| ENDING.contains(&verb.as_str()))
        || (tool.effects.inserts.is_empty() && !tool.effects.deletes.is_empty());
    let subject = builder.atlas.subject(tool);
    let own = |wish: &Wish| -> Vec<(usize, Cell)> {
        let rows = wish.picks.iter();
        rows.map(|(_, handle)| (handle.table, handle.key.clone()))
            .filter(|(table, _)| Some(*table) == subject)
            .collect()
    };
    let ended = own(last);
    let touched = before
        .iter()
        .any(|wish| own(wish).iter().any(|row| ended.contains(row)));
    !repeats && !(ends && (!last.made.is_empty() || touched))
}

/// The arguments of a call that a user would want: for a change, at least one thing changes.
pub(crate) fn wanted(
    sampler: &Sampler,
    tool: &Tool,
    about: &[(usize, Cell)],
    draws: &mut Draws,
) -> Map<String, Value> {
    let optional = [0.0, 0.25, 0.5][draws.below(3)];
    let mut arguments = sampler.arguments_about(tool, optional, about, draws);
    let internal = |name: &str| is_internal(name);
    for parameter in tool.parameters() {
        let known = tool
            .flow
            .column_of(&parameter.name, sampler.world().schema())
            .is_some_and(|column| is_id(sampler.world().schema(), column));
        if !parameter.required && !known && (internal(&parameter.name) || is_bookkeeping(parameter))
        {
            arguments.remove(&parameter.name);
        }
    }
    if !tool.effects.inserts.is_empty() {
        // Nobody asks for something new by what it is not.
        for parameter in tool.parameters() {
            if !parameter.required && arguments.get(&parameter.name) == Some(&Value::Bool(false)) {
                arguments.remove(&parameter.name);
            }
        }
    }
    // A wish says something beyond whom it is about, where the tool has room for it.
    let says = |arguments: &Map<String, Value>| {
        arguments.keys().any(|name| {
            tool.flow
                .column_of(name, sampler.world().schema())
                .is_none_or(|column| !is_id(sampler.world().schema(), column))
        })
    };
    if !says(&arguments) {
        let rest: Vec<&str> = tool
            .parameters()
            .iter()
            .filter(|parameter| {
                !parameter.required && !internal(&parameter.name) && !is_bookkeeping(parameter)
            })
            .map(|parameter| parameter.name.as_str())
            .collect();
        let all = sampler.arguments_about(tool, 1.0, about, draws);
        for _ in 0..2 {
            if let Some(name) = draws.pick(&rest)
                && let Some(value) = all.get(*name)
            {
                arguments.insert((*name).to_string(), value.clone());
            }
        }
    }
    // Nobody pays a cent.
    for (name, value) in &mut arguments {
        let is_amount = crate::words::words(name)
            .last()
            .is_some_and(|last| last == "cents");
        if is_amount
            && value
                .as_i64()
                .is_some_and(|cents| (0..100).contains(&cents))
        {
            *value = Value::from(draws.between(4, 300) * 50);
        }
    }
    arguments
}

/// What a service notes for itself, though its spec lets callers send it: when something was made, in
/// seconds since 1970.
fn is_bookkeeping(parameter: &Parameter) -> bool {
    let words = crate::words::words(&parameter.name);
    let noted = words.first().is_some_and(|first| {
        ["created", "updated", "modified", "creation", "last"].contains(&first.as_str())
    });
    noted || (parameter.kind() != "string" && is_moment(&parameter.name))
}

/// A key, or a reference to one.
fn is_id(schema: &practicum_world::Schema, at: ColumnRef) -> bool {
    let root = schema.root(at);
    schema.tables[root.table].key == [root.column]
}

/// The beginning of one name and the end of another.
fn cross(own: &str, other: &str) -> Option<String> {
    if let (Some((local, _)), Some((_, host))) = (own.split_once('@'), other.split_once('@')) {
        let other_local = other.split('@').next()?;
        let first = local.split(['.', '-']).next()?;
        let last = other_local.rsplit(['.', '-']).next()?;
        return Some(format!("{first}.{last}@{host}"));
    }
    let first: Vec<&str> = own.split_whitespace().collect();
    let last: Vec<&str> = other.split_whitespace().collect();
    if first.len() < 2 || last.len() < 2 {
        return None;
    }
    Some(format!(
        "{} {}",
        first[..first.len() - 1].join(" "),
        last[last.len() - 1]
    ))
}
