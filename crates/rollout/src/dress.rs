//! Demonstrations in which tools and parameters have other names and descriptions, so that schemas are read and not
//! remembered.
//!
//! The episode is played again behind a [`Dressing`], on a fresh session: every call is made in the layer's words, and
//! its reply is what the layer shows. It must end as it did.

use std::collections::BTreeMap;

use practicum_chat::{Role, tool_schema};
use practicum_task::{Dressing, Perturbation, Task};
use practicum_world::{Actor, State, StateError, verify};
use serde_json::{Map, Value};

use crate::episode::finish_tool;
use crate::trajectory::Trajectory;

/// A demonstration behind a layer, and the tools as they look there.
#[derive(Debug, Clone, PartialEq)]
pub struct Dressed {
    /// The episode; its id ends with `/dressed`.
    pub trajectory: Trajectory,
    /// What the agent reads of its tools.
    pub tools: Vec<Value>,
}

/// Dresses a demonstration of a reference agent. None where that is impossible: a call of a tool or with arguments that the
/// layer does not show (mistakes that demonstrations make on purpose), a user who acts with tools of its own, a reply
/// that fails where it succeeded.
///
/// # Errors
/// When SQLite fails.
pub fn dress(
    state: &State,
    task: &Task,
    own: &Trajectory,
    perturbation: &Perturbation,
) -> Result<Option<Dressed>, StateError> {
    if own.source != "oracle"
        || !own.verdict.passed
        || own.messages.is_empty()
        || task.gold.iter().any(|call| call.actor == Actor::User)
    {
        return Ok(None);
    }
    let world = state.world();
    let mut layer = Dressing::new(world, task, perturbation);
    let names: BTreeMap<String, String> = world
        .tools_of(Actor::Agent)
        .filter_map(|tool| {
            let (shown, _) = layer.dress(&tool.name, &Map::new())?;
            Some((tool.name.clone(), shown))
        })
        .collect();
    let mut session = state.session(own.seed)?;
    let mut dressed = own.clone();
    let mut steps = own.steps.iter();
    let mut replies: BTreeMap<String, String> = BTreeMap::new();
    for message in &mut dressed.messages {
        match message.role {
            // The policy names tools.
            Role::System => message.content = renamed(&message.content, &names),
            Role::Tool => {
                let id = message.tool_call_id.as_deref().unwrap_or_default();
                if let Some(reply) = replies.remove(id) {
                    message.content = reply;
                }
                if let Some(shown) = message.name.as_ref().and_then(|name| names.get(name)) {
                    message.name = Some(shown.clone());
                }
            }
            Role::User | Role::Assistant => {}
        }
        for call in &mut message.tool_calls {
            if call.function.name == "finish" {
                continue;
            }
            let Some(step) = steps.next() else {
                return Ok(None);
            };
            let arguments = serde_json::from_str(&call.function.arguments);
            let Ok(Value::Object(arguments)) = arguments else {
                return Ok(None);
            };
            let Some((name, shown)) = layer.dress(&call.function.name, &arguments) else {
                return Ok(None);
            };
            // An argument that the layer does not show keeps its name, which is unknown there.
            let reply = layer.call(&mut session, &name, &shown);
            if reply.ok != step.call.error.is_none() {
                return Ok(None);
            }
            replies.insert(call.id.clone(), reply.content);
            call.function.name = name;
            call.function.arguments = shown.to_string();
        }
    }
    let verdict = verify(&mut session, &own.transcript(), &task.expectation)?;
    if !verdict.passed {
        return Ok(None);
    }
    dressed.id.push_str("/dressed");
    let mut tools: Vec<Value> = layer
        .tools()
        .iter()
        .map(|tool| tool_schema(&tool.name, &tool.description, &tool.input))
        .collect();
    tools.push(finish_tool());
    Ok(Some(Dressed {
        trajectory: dressed,
        tools,
    }))
}

/// A text in which tools go by their shown names. Names of one word are words of the language, and stay.
fn renamed(text: &str, names: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let part = |own: char| own.is_alphanumeric() || own == '_';
    while let Some(start) = rest.find(part) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|own| !part(own)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        out.push_str(before);
        let shown = names.get(word).filter(|_| word.contains('_'));
        out.push_str(shown.map_or(word, String::as_str));
        rest = after;
    }
    out.push_str(rest);
    out
}
