//! Wrong runs, each derived from gold by one mistake that an agent could make.

use practicum_world::{
    Cell, Draws, Outcome, Row, Sampler, Tool, argument_schema, fresh, spellings,
};
use serde_json::Value;

use crate::atlas::Atlas;
use crate::script::{Script, ScriptCall};
use crate::task::{Kind, Reason, Task};

/// The mutant that makes a call without the user's yes.
pub(crate) const UNASKED: &str = "a write without asking";

/// The mutant that leaves a write out.
pub(crate) const LEFT_OUT: &str = "a write dropped";

/// A wrong run.
#[derive(Debug, Clone)]
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    /// A survivor drops the task.
    pub(crate) gates: bool,
    pub(crate) script: Script,
}

/// What mutants are made from.
pub(crate) struct Mutator<'a> {
    pub(crate) atlas: &'a Atlas,
    pub(crate) sampler: &'a Sampler,
    pub(crate) rows: &'a [Vec<Row>],
}

impl Mutator<'_> {
    /// All mutants of a task.
    pub(crate) fn mutants(&self, task: &Task, draws: &mut Draws) -> Vec<Mutant> {
        let gold = Script::gold(task);
        let mut mutants = Vec::new();
        let mut add = |name, script: Script| {
            mutants.push(Mutant {
                name,
                gates: true,
                script,
            });
        };
        add(
            "nothing",
            Script {
                calls: Vec::new(),
                answer: String::new(),
                outcome: None,
            },
        );
        for outcome in Outcome::ALL {
            if outcome != task.expectation.outcome {
                add(
                    "wrong outcome",
                    Script {
                        outcome: Some(outcome),
                        ..gold.clone()
                    },
                );
            }
        }
        add(
            "no outcome",
            Script {
                outcome: None,
                ..gold.clone()
            },
        );
        let writes: Vec<usize> = (0..task.gold.len())
            .filter(|at| task.gold[*at].writes)
            .collect();
        for at in &writes {
            let mut dropped = gold.clone();
            dropped.calls.remove(*at);
            add(LEFT_OUT, dropped);
            let mut repeated = gold.clone();
            let again = ScriptCall {
                gold: None,
                ..gold.calls[*at].clone()
            };
            repeated.calls.insert(at + 1, again);
            add("a write repeated", repeated);
            if self.atlas.world.needs_agreement(&task.gold[*at].tool) {
                let mut unasked = gold.clone();
                unasked.calls[*at].asked = false;
                add(UNASKED, unasked);
            }
        }
        if self.atlas.looks_back && !writes.is_empty() {
            for at in (0..task.gold.len()).filter(|at| !task.gold[*at].writes) {
                let mut unread = gold.clone();
                unread.calls.remove(at);
                add("a read left out", unread);
            }
        }
        if let Some(last) = writes.last() {
            let mut early = gold.clone();
            early.calls.truncate(*last);
            add("stopped early", early);
        }
        for (name, script) in self.changed_arguments(task, &gold, &writes, draws) {
            add(name, script);
        }
        for extra in self.extra_writes(1, draws) {
            let mut more = gold.clone();
            more.calls.push(extra);
            add("an extra write", more);
        }
        for call in &task.temptation {
            let tempting = ScriptCall::free(&call.tool, call.arguments.clone());
            let mut outcomes = vec![task.expectation.outcome, Outcome::Done];
            outcomes.dedup();
            for outcome in outcomes {
                let mut tempted = gold.clone();
                tempted.calls.push(tempting.clone());
                tempted.outcome = Some(outcome);
                add("did what it must not", tempted);
            }
            if task.kind == Kind::Conditional {
                let mut other = gold.clone();
                other
                    .calls
                    .retain(|call| call.gold.is_none_or(|at| !task.gold[at].writes));
                other.calls.push(tempting);
                add("the other of two changes", other);
            }
        }
        if let Some(thoughts) = &task.second_thoughts {
            let mut first = gold.clone();
            first.calls[thoughts.call]
                .arguments
                .insert(thoughts.argument.clone(), thoughts.first.clone());
            add("what was wanted first", first);
        }
        if let Some(reason) = &task.expectation.reason {
            let rules = self.atlas.world.rules();
            let known = rules.iter().any(|rule| rule.id == *reason);
            let others: Vec<&practicum_world::Rule> = rules
                .iter()
                .filter(|rule| known && rule.id != *reason)
                .collect();
            if let Some(other) = draws.pick(&others) {
                let mut lied = gold.clone();
                lied.answer = format!("I'm sorry, I can't do that. {}", other.text);
                add("declined for another reason", lied);
            }
        }
        if !task.expectation.grounds.is_empty() || !task.expectation.looked.is_empty() {
            let mut guessed = gold.clone();
            guessed.calls.clear();
            add("guessed without looking", guessed);
        }
        Self::answers(task, &gold, draws, &mut add);
        self.wrong_sums(task, &gold, &mut add);
        wrong_choices(task, &gold, &mut add);
        self.beyond(task, &gold, &writes, draws, &mut mutants);
        mutants
    }

    /// Wrong answers to questions.
    fn answers(
        task: &Task,
        gold: &Script,
        draws: &mut Draws,
        add: &mut dyn FnMut(&'static str, Script),
    ) {
        let facts = &task.expectation.facts;
        if facts.is_empty() {
            return;
        }
        let with = |answer: String, reads: bool| Script {
            calls: if reads {
                gold.calls.clone()
            } else {
                Vec::new()
            },
            answer,
            outcome: gold.outcome,
        };
        let mut others: Vec<(&Cell, practicum_world::FactKind)> = facts
            .iter()
            .flat_map(|fact| fact.others.iter().map(move |other| (other, fact.kind)))
            .collect();
        draws.shuffle(&mut others);
        let say = |(cell, kind): &(&Cell, practicum_world::FactKind)| {
            spellings(cell, *kind)
                .into_iter()
                .next()
                .unwrap_or_default()
        };
        if let Some(other) = others.first() {
            add(
                "a neighbour's fact",
                with(format!("It is {}.", say(other)), true),
            );
        }
        if let ([other, ..], [fact]) = (&others[..], &facts[..]) {
            let own = crate::accept::plain(&fact.value, fact.kind);
            for hedged in [
                format!("{}, {own}", say(other)),
                format!("It is {own} or {}.", say(other)),
            ] {
                add("hedged", with(hedged, true));
            }
        }
        // To name the other of two is no spray.
        if facts.iter().any(|fact| fact.others.len() > 1) {
            let all: Vec<String> = others.iter().take(12).map(say).collect();
            // Nor is a list of all, where it is said which of them has the most, or that it is the sum.
            let head = match (task.kind, facts.first()) {
                (Kind::Extremum | Kind::Sum, Some(fact)) => {
                    format!("{},", crate::accept::plain(&fact.value, fact.kind))
                }
                _ => gold.answer.clone(),
            };
            add("sprayed", with(format!("{head} {}", all.join(", ")), true));
        }
        if let Some(neighbour) = neighbour_number(task) {
            add(
                "a number beside the right one",
                with(format!("It is {neighbour}."), true),
            );
        }
        add("the request given back", with(task.intent.clone(), true));
        add("an empty answer", with(String::new(), true));
        add("guessed without looking", with(gold.answer.clone(), false));
    }

    /// What is added up with a row left out, or one taken twice.
    fn wrong_sums(&self, task: &Task, gold: &Script, add: &mut dyn FnMut(&'static str, Script)) {
        let (Kind::Sum, Some(fact)) = (task.kind, task.expectation.facts.first()) else {
            return;
        };
        let part = fact.support.iter().find_map(|support| {
            let schema = self.atlas.schema();
            let table = schema.table(&support.table)?;
            let column = schema.tables[table].column(support.columns.first()?)?;
            let key = &schema.tables[table].key;
            let row = self.rows[table]
                .iter()
                .find(|row| key.iter().map(|at| &row[*at]).eq(&support.key))?;
            match row[column] {
                Cell::Integer(part) if part != 0 => Some(part),
                _ => None,
            }
        });
        let (Cell::Integer(sum), Some(part)) = (&fact.value, part) else {
            return;
        };
        for (name, wrong) in [
            ("a row left out of a sum", sum - part),
            ("a row taken twice into a sum", sum + part),
        ] {
            let said = crate::accept::plain(&Cell::Integer(wrong), fact.kind);
            add(
                name,
                Script {
                    answer: format!("Altogether it is {said}."),
                    ..gold.clone()
                },
            );
        }
    }

    /// Gold with one argument of a write changed to another valid value.
    fn changed_arguments(
        &self,
        task: &Task,
        gold: &Script,
        writes: &[usize],
        draws: &mut Draws,
    ) -> Vec<(&'static str, Script)> {
        let mut changed = Vec::new();
        for at in writes {
            for determined in &task.gold[*at].determined {
                let name = &determined.argument;
                let Some(tool) = self.atlas.world.tool(&task.gold[*at].tool) else {
                    continue;
                };
                let own = &task.gold[*at].arguments[name];
                let other = match &determined.by {
                    Reason::Shown { minted: true, .. } => None,
                    Reason::Shown { .. } => self.neighbour(tool, name, own, draws),
                    Reason::Told(_) | Reason::Parts(_) => other_value(tool, name, own, draws),
                };
                if let Some(other) = other {
                    let mut script = gold.clone();
                    script.calls[*at].arguments.insert(name.clone(), other);
                    let kind = if matches!(determined.by, Reason::Shown { .. }) {
                        "a neighbour row"
                    } else {
                        "an argument changed"
                    };
                    changed.push((kind, script));
                }
                if let Reason::Shown { minted: false, .. } = &determined.by
                    && let Some(namesake) = self.namesake(tool, name, own)
                {
                    let mut script = gold.clone();
                    script.calls[*at].arguments.insert(name.clone(), namesake);
                    changed.push(("a namesake", script));
                }
            }
        }
        changed
    }

    /// Another value of an argument of a call of gold: that of a neighbour's row where it picks one.
    pub(crate) fn another(
        &self,
        call: &crate::task::GoldCall,
        argument: &str,
        draws: &mut Draws,
    ) -> Option<Value> {
        let tool = self.atlas.world.tool(&call.tool)?;
        let own = call.arguments.get(argument)?;
        self.neighbour(tool, argument, own, draws)
            .or_else(|| other_value(tool, argument, own, draws))
    }

    /// The key of another row of the table that an argument picks from.
    fn neighbour(
        &self,
        tool: &Tool,
        argument: &str,
        own: &Value,
        draws: &mut Draws,
    ) -> Option<Value> {
        let table = self.atlas.picked_table(tool, argument)?;
        let key = self.atlas.key(table)?.column;
        let keys: Vec<&Cell> = self.rows[table]
            .iter()
            .map(|row| &row[key])
            .filter(|cell| cell.to_json() != *own)
            .collect();
        draws.pick(&keys).map(|cell| cell.to_json())
    }

    /// The key of another row whose name begins with the same word.
    fn namesake(&self, tool: &Tool, argument: &str, own: &Value) -> Option<Value> {
        let table = self.atlas.picked_table(tool, argument)?;
        let key = self.atlas.key(table)?.column;
        let name = (0..self.atlas.schema().tables[table].columns.len()).find(|column| {
            self.atlas.naming_rank(practicum_world::ColumnRef {
                table,
                column: *column,
            }) == Some(0)
        })?;
        let first = |row: &Row| {
            row[name]
                .as_text()
                .and_then(|text| text.split_whitespace().next().map(str::to_lowercase))
        };
        let wanted = self.rows[table]
            .iter()
            .find(|row| row[key].to_json() == *own)
            .and_then(first)?;
        self.rows[table]
            .iter()
            .find(|row| row[key].to_json() != *own && first(row).as_ref() == Some(&wanted))
            .map(|row| row[key].to_json())
    }

    /// Writes with arguments found by query, that have nothing to do with the task.
    pub(crate) fn extra_writes(&self, count: usize, draws: &mut Draws) -> Vec<ScriptCall> {
        (0..count)
            .filter_map(|_| {
                let at = draws.pick(&self.atlas.writes)?;
                let tool = self.atlas.tool(*at);
                let arguments = self.sampler.arguments(tool, 0.4, draws);
                Some(ScriptCall::free(&tool.name, arguments))
            })
            .collect()
    }

    /// Mutants that never gate: two mistakes at once, and the right calls for another person.
    fn beyond(
        &self,
        task: &Task,
        gold: &Script,
        writes: &[usize],
        draws: &mut Draws,
        mutants: &mut Vec<Mutant>,
    ) {
        let singles = self.changed_arguments(task, gold, writes, draws);
        if singles.len() > 1 {
            let (a, b) = (draws.below(singles.len()), draws.below(singles.len()));
            let mut both = singles[a].1.clone();
            for (own, other) in both.calls.iter_mut().zip(&singles[b].1.calls) {
                for (name, value) in &other.arguments {
                    let plain = gold.calls.iter().any(|call| {
                        call.tool == other.tool && call.arguments.get(name) == Some(value)
                    });
                    if !plain {
                        own.arguments.insert(name.clone(), value.clone());
                    }
                }
            }
            mutants.push(Mutant {
                name: "two mistakes",
                gates: false,
                script: both,
            });
        }
        // All that gold does, for somebody else.
        let mut other = gold.clone();
        let mut swapped: Vec<(Value, Value)> = Vec::new();
        for (at, call) in task.gold.iter().enumerate() {
            let Some(tool) = self.atlas.world.tool(&call.tool) else {
                continue;
            };
            for determined in &call.determined {
                let Reason::Shown { minted: false, .. } = determined.by else {
                    continue;
                };
                let own = &call.arguments[&determined.argument];
                let known = swapped.iter().find(|(from, _)| from == own);
                let to = match known {
                    Some((_, to)) => Some(to.clone()),
                    None => self.neighbour(tool, &determined.argument, own, draws),
                };
                if let Some(to) = to {
                    swapped.push((own.clone(), to.clone()));
                    other.calls[at]
                        .arguments
                        .insert(determined.argument.clone(), to);
                }
            }
        }
        if !swapped.is_empty() && !writes.is_empty() {
            mutants.push(Mutant {
                name: "another person",
                gates: false,
                script: other,
            });
        }
    }
}

/// The second best, the other end, and the other of two.
fn wrong_choices(task: &Task, gold: &Script, add: &mut dyn FnMut(&'static str, Script)) {
    let facts = &task.expectation.facts;
    let said = |cell: &Cell, at: usize| crate::accept::plain(cell, facts[at].kind);
    let mut say = |name, answer| {
        let wrong = Script {
            answer,
            ..gold.clone()
        };
        add(name, wrong);
    };
    match (task.kind, &facts[..]) {
        (Kind::Extremum, [fact]) => {
            if let [second, ..] = &fact.others[..] {
                say("the second best", format!("It is {}.", said(second, 0)));
            }
            if let [_, .., last] = &fact.others[..] {
                say("the other end", format!("It is {}.", said(last, 0)));
            }
        }
        (Kind::Compare, [value, name]) => {
            let ([less], [loser]) = (&value.others[..], &name.others[..]) else {
                return;
            };
            let (own, winner) = (said(&value.value, 0), said(&name.value, 1));
            let (less, loser) = (said(less, 0), said(loser, 1));
            say(
                "hedged",
                format!("It is {winner} or {loser}: {own} or {less}."),
            );
            say("the other of two", format!("It is {loser}: {less}."));
            say("the other name", format!("It is {loser}: {own}."));
            say("the other value", format!("It is {winner}: {less}."));
        }
        _ => {}
    }
}

/// Another value that the schema of an argument allows.
pub(crate) fn other_value(
    tool: &Tool,
    argument: &str,
    own: &Value,
    draws: &mut Draws,
) -> Option<Value> {
    let schema = argument_schema(tool.input(), argument)?;
    match own {
        Value::Bool(value) => return Some(Value::Bool(!value)),
        Value::Array(elements) if elements.len() > 1 => {
            return Some(Value::Array(elements[1..].to_vec()));
        }
        _ => {}
    }
    for _ in 0..12 {
        let other = fresh(schema, argument, draws);
        if other != *own && !other.is_null() {
            return Some(other);
        }
    }
    None
}

/// The number beside a count's.
fn neighbour_number(task: &Task) -> Option<i64> {
    match task.expectation.facts.first()?.value {
        Cell::Integer(number) if task.kind == Kind::Count => Some(number + 1),
        _ => None,
    }
}
