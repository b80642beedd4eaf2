//! What an agent says before a call that needs the user's agreement, and what a user agrees to.
//!
//! An agreement is worth what was named: every argument that is not a default, and the row that is meant,
//! by its id or by the facts by which the user knows it.

use practicum_world::{Actor, Agreement, Answer, Cell, FactKind, Tool, World};
use serde_json::{Map, Value};

use crate::builder::argument_kind;
use crate::conversation::second_thoughts;
use crate::task::{GoldCall, Reason, Slot, Task};
use crate::words;

/// Words by which a message asks whether to go on.
const CUES: &[&str] = &[
    "shall i",
    "should i",
    "may i",
    "can i",
    "do you want me to",
    "would you like me to",
    "do you agree",
    "do you confirm",
    "please confirm",
    "can you confirm",
    "could you confirm",
    "is that right",
    "is that correct",
    "is this correct",
    "is that ok",
    "is that okay",
    "go ahead",
    "proceed",
    "yes or no",
    "(yes/no)",
];

/// True when a message asks whether to do something.
pub fn is_proposal(said: &str) -> bool {
    let said = said.to_lowercase();
    CUES.iter().any(|cue| said.contains(cue))
}

/// A call in words that name every argument, and the question whether to make it.
pub fn propose(world: &World, task: &Task, tool: &Tool, arguments: &Map<String, Value>) -> String {
    let mut parts = Vec::new();
    for (name, value) in arguments {
        name_value(tool, name, value, &mut parts);
    }
    let about: Vec<String> = row_facts(world, task)
        .map(|slot| format!("the {} is {}", slot.name, slot.said))
        .collect();
    let mut text = format!(
        "Before I do anything, here is what it would be: {}",
        words::words(&tool.name).join(" ")
    );
    if !parts.is_empty() {
        text.push_str(&format!(" with {}", parts.join("; ")));
    }
    if !about.is_empty() {
        text.push_str(&format!(" ({})", about.join(", ")));
    }
    text.push_str(". Shall I go ahead?");
    text
}

pub(crate) fn name_value(tool: &Tool, path: &str, value: &Value, parts: &mut Vec<String>) {
    let name = words::argument_words(path);
    match value {
        Value::Null => {}
        Value::Bool(yes) => parts.push(format!("{name}: {}", if *yes { "yes" } else { "no" })),
        Value::Array(elements) => {
            for element in elements {
                name_value(tool, path, element, parts);
            }
        }
        Value::Object(members) => {
            for (member, value) in members {
                name_value(tool, &format!("{path}.{member}"), value, parts);
            }
        }
        plain => {
            let cell = Cell::from_json(plain);
            let kind = argument_kind(tool, path, &cell);
            let said = crate::accept::plain(&cell, kind);
            let several = said.split_whitespace().count() > 1 && kind == FactKind::Text;
            parts.push(if several {
                format!("{name} \"{said}\"")
            } else {
                format!("{name} {said}")
            });
        }
    }
}

/// What the user agrees to when an agent says this: a change that the user wants and that the message
/// names in full. `made` are the ids that the session made so far, `calls` the calls in its log, `agreed`
/// the wishes that the user agreed to already: those come last. Gives the position of the wish, in
/// [`wishes`].
pub fn agreement(
    world: &World,
    task: &Task,
    said: &str,
    made: &[Cell],
    calls: usize,
    agreed: &[usize],
) -> Option<(usize, Agreement)> {
    if !is_proposal(said) || second_thoughts(task, said).is_some() {
        return None;
    }
    let answer = Answer::new(said);
    let facts: Vec<&Slot> = row_facts(world, task).collect();
    let known = !facts.is_empty()
        && facts
            .iter()
            .all(|slot| answer.mentions(&slot.value, slot.kind));
    let mut wishes: Vec<(usize, &GoldCall)> = wishes(task).enumerate().collect();
    wishes.sort_by_key(|(at, _)| agreed.contains(at));
    wishes.into_iter().find_map(|(at, call)| {
        let tool = world.tool(&call.tool)?;
        let arguments = named(tool, call, &answer, known, made)?;
        Some((
            at,
            Agreement {
                tool: call.tool.clone(),
                arguments: Value::Object(arguments),
                calls,
            },
        ))
    })
}

/// The changes that the user wants: also those that are forbidden or impossible.
pub fn wishes(task: &Task) -> impl Iterator<Item = &GoldCall> {
    let gold = task.gold.iter();
    let gold = gold.filter(|call| call.writes && call.actor == Actor::Agent);
    gold.chain(&task.temptation)
}

/// The arguments of a wish, when the answer names them all.
fn named(
    tool: &Tool,
    call: &GoldCall,
    answer: &Answer,
    known: bool,
    made: &[Cell],
) -> Option<Map<String, Value>> {
    let mut arguments = call.arguments.clone();
    for (name, value) in &call.arguments {
        let default = tool
            .parameters()
            .iter()
            .find(|parameter| parameter.name == *name)
            .and_then(|parameter| parameter.default.as_ref());
        if default == Some(value) {
            match value {
                // What goes without saying must not be said the other way round.
                Value::Bool(yes) if flag_is_named(name, !yes, answer) => return None,
                _ => continue,
            }
        }
        let by = call
            .determined
            .iter()
            .find(|determined| determined.argument == *name)
            .map(|determined| &determined.by);
        // Where any of several will do, the one that the words name.
        if call.any_of.contains_key(name) {
            let accepted = call.accepted(name);
            let mut meant = accepted
                .iter()
                .filter(|value| mentions(answer, &Cell::from_json(value)));
            let (Some(id), None) = (meant.next(), meant.next()) else {
                return None;
            };
            arguments.insert(name.clone(), (**id).clone());
            continue;
        }
        match by {
            // An id that was made in gold's run may be another here: the one that the words name.
            Some(Reason::Shown { minted: true, .. }) => {
                let mut meant = made.iter().filter(|id| mentions(answer, id));
                let (Some(id), None) = (meant.next(), meant.next()) else {
                    return None;
                };
                arguments.insert(name.clone(), id.to_json());
            }
            Some(Reason::Shown { .. }) => {
                if !known && !mentions(answer, &Cell::from_json(value)) {
                    return None;
                }
            }
            _ => {
                if !is_named(tool, name, value, answer) {
                    return None;
                }
            }
        }
    }
    Some(arguments)
}

fn mentions(answer: &Answer, id: &Cell) -> bool {
    let kind = match id {
        Cell::Text(_) => FactKind::Text,
        _ => FactKind::Number,
    };
    answer.mentions(id, kind)
}

fn is_named(tool: &Tool, path: &str, value: &Value, answer: &Answer) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(yes) => flag_is_named(path, *yes, answer),
        Value::Array(elements) => elements
            .iter()
            .all(|element| is_named(tool, path, element, answer)),
        Value::Object(members) => members
            .iter()
            .all(|(member, value)| is_named(tool, &format!("{path}.{member}"), value, answer)),
        Value::String(text) if text.trim().is_empty() => true,
        plain => {
            let cell = Cell::from_json(plain);
            answer.mentions(&cell, argument_kind(tool, path, &cell))
        }
    }
}

/// `late fee: yes`, `with late fee`, `no late fee`.
fn flag_is_named(path: &str, yes: bool, answer: &Answer) -> bool {
    let name = words::argument_words(path);
    let says = |text: String| answer.mentions(&Cell::from(text), FactKind::Text);
    let denied = ["no", "not", "without", "not with"]
        .iter()
        .any(|no| says(format!("{no} {name}")))
        || ["no", "false", "off"]
            .iter()
            .any(|no| says(format!("{name}: {no}")) || says(format!("{name} {no}")))
        || says(words::flag(&name, false));
    let affirmed = says(name.clone()) || says(words::flag(&name, true));
    if yes { affirmed && !denied } else { denied }
}

/// What the user told of the rows that the task is about, as far as a tool shows it: not the secrets by
/// which callers are identified.
fn row_facts<'a>(world: &'a World, task: &'a Task) -> impl Iterator<Item = &'a Slot> {
    task.slots.iter().filter(|slot| {
        world.schema().resolve(&slot.about).is_some_and(|column| {
            world.tools().iter().any(|tool| {
                tool.flow
                    .results
                    .iter()
                    .any(|field| field.origins.columns.contains(&column))
            })
        })
    })
}
