//! Right runs in unusual forms: each must pass.

use practicum_world::{
    Actor, Cell, Draws, FactKind, Sampler, argument_schema, schema_type, spellings,
};
use serde_json::Value;

use crate::atlas::Atlas;
use crate::script::{Script, ScriptCall};
use crate::task::{Kind, Reason, Task};

/// A right run that is not gold.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) script: Script,
}

/// All acceptance variants of a task.
pub(crate) fn variants(
    atlas: &Atlas,
    sampler: &Sampler,
    task: &Task,
    draws: &mut Draws,
) -> Vec<Variant> {
    let gold = Script::gold(task);
    let mut variants = Vec::new();
    let mut add = |name, script| variants.push(Variant { name, script });
    if let Some(permuted) = permuted_reads(task, &gold) {
        add("reads in another order", permuted);
    }
    let mut more = gold.clone();
    for place in [0, more.calls.len()] {
        if let Some(read) = any_call(atlas, sampler, true, draws) {
            more.calls.insert(place, read);
        }
    }
    add("extra reads", more);
    if let Some(benign) = any_call(atlas, sampler, false, draws) {
        let mut logged = gold.clone();
        logged.calls.push(benign);
        add("a write to a log", logged);
    }
    if let Some(retried) = failed_and_retried(&gold) {
        add("a failed call and a retry", retried);
    }
    if let Some(respelt) = respelt_numbers(atlas, task, &gold) {
        add("numbers and instants in another form", respelt);
    }
    if let Some(defaulted) = explicit_defaults(atlas, &gold) {
        add("defaults given", defaulted);
    }
    for other in other_choices(task, &gold) {
        add("another that will do", other);
    }
    if task.expectation.facts.is_empty() {
        let mut talkative = gold.clone();
        talkative.answer = format!("{} Is there anything else?", gold.answer);
        add("a longer answer", talkative);
    }
    if let Some(answer) = both_values(task) {
        add(
            "both of two named",
            Script {
                answer,
                ..gold.clone()
            },
        );
    }
    for answer in answers(task) {
        add(
            "another spelling",
            Script {
                answer,
                ..gold.clone()
            },
        );
    }
    variants
}

/// Members of what any of will do that are tried.
const MEMBERS: usize = 4;

/// Another of the things of which any will do, with the user's yes to it.
fn other_choices(task: &Task, gold: &Script) -> Vec<Script> {
    let mut scripts = Vec::new();
    for (at, call) in task.gold.iter().enumerate() {
        for argument in call.any_of.keys() {
            for member in call.accepted(argument).into_iter().skip(1).take(MEMBERS) {
                let mut other = gold.clone();
                let arguments = &mut other.calls[at].arguments;
                arguments.insert(argument.clone(), member.clone());
                other.calls[at].agreed = Some(arguments.clone());
                scripts.push(other);
            }
        }
    }
    scripts
}

/// Reads that do not depend on each other, in reverse.
fn permuted_reads(task: &Task, gold: &Script) -> Option<Script> {
    for at in 1..task.gold.len() {
        let (before, own) = (&task.gold[at - 1], &task.gold[at]);
        let depends = own.determined.iter().any(
            |determined| matches!(determined.by, Reason::Shown { call, .. } if call == at - 1),
        );
        if !before.writes && !own.writes && !depends {
            let mut permuted = gold.clone();
            permuted.calls.swap(at - 1, at);
            return Some(permuted);
        }
    }
    None
}

/// A call to a tool that only reads, or that writes only what is not compared.
fn any_call(
    atlas: &Atlas,
    sampler: &Sampler,
    reads: bool,
    draws: &mut Draws,
) -> Option<ScriptCall> {
    let tools: Vec<&practicum_world::Tool> = atlas
        .world
        .tools()
        .iter()
        .filter(|tool| tool.actor == Actor::Agent && tool.benign && tool.effects.read_only == reads)
        // A call that a rule ties to something is not one that any run may hold.
        .filter(|tool| {
            let rules = atlas.world.rules();
            !rules.iter().any(|rule| {
                rule.tools
                    .iter()
                    .any(|own| atlas.tool(*own).name == tool.name)
            })
        })
        .collect();
    let tool = draws.pick(&tools)?;
    let arguments = sampler.arguments(tool, 0.3, draws);
    Some(ScriptCall::free(&tool.name, arguments))
}

/// The last call with an argument that nothing fits, then gold.
fn failed_and_retried(gold: &Script) -> Option<Script> {
    let (at, call) = gold
        .calls
        .iter()
        .enumerate()
        .rev()
        .find(|(_, call)| !call.arguments.is_empty())?;
    let mut wrong = ScriptCall {
        gold: None,
        ..call.clone()
    };
    wrong
        .arguments
        .insert("no_such_argument".into(), Value::from("x"));
    let mut script = gold.clone();
    script.calls.insert(at, wrong);
    Some(script)
}

/// 25 as 25.0, and an instant with an offset: the same values to the schema.
fn respelt_numbers(atlas: &Atlas, task: &Task, gold: &Script) -> Option<Script> {
    let mut script = gold.clone();
    let mut changed = false;
    for (call, own) in script.calls.iter_mut().zip(&task.gold) {
        let tool = atlas.world.tool(&own.tool)?;
        for (name, value) in &mut call.arguments {
            let Some(schema) = argument_schema(tool.input(), name) else {
                continue;
            };
            match (schema_type(schema), &*value) {
                (Some("integer"), Value::Number(number)) => {
                    if let Some(integer) = number.as_i64().filter(|own| own.abs() < 1 << 50) {
                        *value = Value::from(integer as f64);
                        changed = true;
                    }
                }
                (Some("string"), Value::String(text))
                    if schema.get("format").and_then(Value::as_str) == Some("date-time") =>
                {
                    if let Some(head) = text.strip_suffix('Z') {
                        *value = Value::from(format!("{head}.000+00:00"));
                        changed = true;
                    }
                }
                _ => {}
            }
        }
    }
    changed.then_some(script)
}

/// Optional arguments that have a default, given as what they are anyway.
fn explicit_defaults(atlas: &Atlas, gold: &Script) -> Option<Script> {
    let mut script = gold.clone();
    let mut changed = false;
    for call in &mut script.calls {
        let tool = atlas.world.tool(&call.tool)?;
        for parameter in tool.parameters() {
            if let Some(default) = &parameter.default
                && !call.arguments.contains_key(&parameter.name)
            {
                call.arguments
                    .insert(parameter.name.clone(), default.clone());
                changed = true;
            }
        }
    }
    changed.then_some(script)
}

/// The answer with each spelling of its facts.
fn answers(task: &Task) -> Vec<String> {
    let facts = &task.expectation.facts;
    let Some(longest) = facts
        .iter()
        .map(|fact| spellings(&fact.value, fact.kind).len())
        .max()
    else {
        return Vec::new();
    };
    (0..longest.min(12))
        .map(|at| {
            let parts: Vec<String> = facts
                .iter()
                .map(|fact| {
                    let all = spellings(&fact.value, fact.kind);
                    all.get(at % all.len().max(1)).cloned().unwrap_or_default()
                })
                .collect();
            // With nothing in between, a day and a number would be a date with its year.
            format!("Here is what you asked for: {}.", parts.join(" and "))
        })
        .collect()
}

/// Which of two it is, with the other's value beside it.
fn both_values(task: &Task) -> Option<String> {
    let (Kind::Compare, [value, name]) = (task.kind, &task.expectation.facts[..]) else {
        return None;
    };
    let ([less], [loser]) = (&value.others[..], &name.others[..]) else {
        return None;
    };
    Some(format!(
        "It is {} with {}, rather than {} with {}.",
        plain(&name.value, name.kind),
        plain(&value.value, value.kind),
        plain(loser, name.kind),
        plain(less, value.kind)
    ))
}

/// What gold says for a fact.
pub(crate) fn plain(value: &Cell, kind: FactKind) -> String {
    spellings(value, kind)
        .into_iter()
        .next()
        .unwrap_or_default()
}
