//! What a server says of itself in OpenEnv's words: metadata, schemas, and a package's manifest.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Scope, tools};
use crate::catalogue::Catalogue;
use crate::rest::answer;
use crate::server::Server;

/// Name and description of what a scope offers.
fn described(catalogue: &Catalogue, scope: &Scope) -> (String, String) {
    let mut worlds = catalogue.worlds();
    let only = match (&scope.0, worlds.next(), worlds.next()) {
        (Some(name), ..) => catalogue.world(name),
        (None, Some(world), None) => Some(world),
        _ => None,
    };
    match only {
        Some(world) => {
            let file = world.file();
            let description = format!("{}: {}", file.title, file.summary);
            (world.name().into(), description)
        }
        None => {
            let titles = catalogue.worlds().map(|world| world.file().title.as_str());
            let titles: Vec<&str> = titles.take(10).collect();
            let count = catalogue.worlds().count();
            let description = format!("{count} worlds, among them {}", titles.join(", "));
            ("practicum".into(), description)
        }
    }
}

pub(super) async fn metadata(State(server): State<Server>, scope: Scope) -> Response {
    let (name, description) = described(server.episodes().catalogue(), &scope);
    answer(
        StatusCode::OK,
        &json!({
            "name": name,
            "description": description,
            "readme_content": null,
            "version": env!("CARGO_PKG_VERSION"),
            "author": null,
            "documentation_url": null,
        }),
    )
}

pub(super) async fn schema(_: Scope) -> Response {
    answer(
        StatusCode::OK,
        &json!({
            "action": action_schema(),
            "observation": observation_schema(),
            "reset_observation": reset_schema(),
            "state": state_schema(),
        }),
    )
}

/// Clients know by the title that they may ask for the tools.
pub(crate) fn action_schema() -> Value {
    json!({
        "title": "CallToolAction",
        "description": "Calls a tool; `list_tools` in place of `call_tool` lists them.",
        "type": "object",
        "required": ["tool_name"],
        "properties": {
            "type": {"type": "string", "const": "call_tool", "default": "call_tool"},
            "tool_name": {"type": "string", "description": "A tool of the world, `say` or `finish`."},
            "arguments": {"type": "object", "additionalProperties": true, "default": {}},
            "request_id": {
                "type": "string",
                "description": "An act that is sent again under its id is answered as before, and not done twice."
            },
            "metadata": {"type": "object", "additionalProperties": true, "default": {}}
        }
    })
}

fn observation_schema() -> Value {
    json!({
        "title": "CallToolObservation",
        "type": "object",
        "required": ["tool_name", "result"],
        "properties": {
            "tool_name": {"type": "string"},
            "result": {"description": "The reply, or {\"error\": {\"type\", \"message\"}}."},
            "error": {
                "anyOf": [
                    {"type": "null"},
                    {
                        "type": "object",
                        "required": ["error_type", "message"],
                        "properties": {
                            "error_type": {"enum": ["execution_error", "invalid_args", "tool_not_found"]},
                            "message": {"type": "string"}
                        }
                    }
                ]
            },
            "done": {"type": "boolean", "default": false},
            "reward": {
                "type": ["number", "null"],
                "description": "1 or 0 at the end; null before it, and where the failure is not the agent's."
            },
            "metadata": {"type": "object", "additionalProperties": true}
        }
    })
}

fn reset_schema() -> Value {
    json!({
        "title": "OpeningObservation",
        "type": "object",
        "required": ["system", "request"],
        "properties": {
            "system": {"type": "string", "description": "The world's policy and the time."},
            "request": {"type": ["string", "null"], "description": "What the user asks for."},
            "metadata": {"type": "object", "additionalProperties": true}
        }
    })
}

fn state_schema() -> Value {
    json!({
        "title": "State",
        "type": "object",
        "required": ["episode_id", "step_count"],
        "properties": {
            "episode_id": {"type": ["string", "null"]},
            "step_count": {"type": "integer", "minimum": 0},
            "world": {"type": "string"},
            "task": {"type": ["string", "null"]},
            "ended": {"type": ["string", "null"]}
        }
    })
}

pub(super) async fn manifest(State(server): State<Server>, scope: Scope) -> Response {
    let text = text(server.episodes().catalogue(), &scope, None);
    ([(header::CONTENT_TYPE, "application/yaml")], text).into_response()
}

/// `openenv.yaml` of a package that serves all of this, with the path of its oracle: a script that gets the
/// greatest reward on each task.
pub fn openenv_manifest(catalogue: &Catalogue, oracle: &str) -> String {
    text(catalogue, &Scope::default(), Some(oracle))
}

/// `openenv.yaml`. Every task ships with the proof that its gold gets 1 and doing nothing gets 0, so that the
/// declared margins are exact.
fn text(catalogue: &Catalogue, scope: &Scope, oracle: Option<&str>) -> String {
    let (name, description) = described(catalogue, scope);
    let oracle = oracle.map_or_else(String::new, |oracle| {
        let location = Value::from(oracle);
        format!("\n    oracle:\n      form: script\n      location: {location}")
    });
    let worlds = catalogue.worlds();
    let worlds: Vec<_> = worlds
        .filter(|world| scope.0.as_deref().is_none_or(|own| own == world.name()))
        .collect();
    let tasks: usize = worlds
        .iter()
        .map(|world| catalogue.tasks_of(world.name()).count())
        .sum();
    let names: BTreeSet<String> = worlds
        .iter()
        .flat_map(|world| tools(world, "schema"))
        .filter_map(|tool| tool["name"].as_str().map(str::to_string))
        .collect();
    let names: Vec<Value> = names.into_iter().map(Value::from).collect();
    let (name, description) = (Value::from(name), Value::from(description));
    let version = Value::from(env!("CARGO_PKG_VERSION"));
    // JSON's strings and lists are YAML's.
    let names = Value::Array(names);
    format!(
        "spec_version: 1
name: {name}
version: {version}
description: {description}
type: space
runtime: docker
app: practicum
port: 8000
validation:
  reward:
    range: [0.0, 1.0]
    oracle_tolerance: 0.0
    floor_margin: 1.0
  resources:
    cpu: 1.0
    memory_mb: 512
    disk_mb: 64
    episode_timeout_s: 3600.0
  network:
    mode: no-network
  capabilities:
    verifier:
      kind: reward_channel{oracle}
    llm_judged: false
    task_api: true
    declared_tools: {names}
    declared_task_count:
      train: {tasks}
  types:
    tags: [tool-use]
"
    )
}
