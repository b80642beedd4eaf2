//! The OpenAPI document of everything that is served over HTTP.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::openenv::action_schema;
use crate::rest::answer;

/// Method, path, what it does, the request's schema, the answer's schema.
type Route = (
    &'static str,
    &'static str,
    &'static str,
    Option<Value>,
    Value,
);

pub(crate) async fn document() -> Response {
    answer(StatusCode::OK, &openapi())
}

/// The document.
pub(crate) fn openapi() -> Value {
    let mut paths = Map::new();
    for (method, path, summary, request, response) in routes() {
        let parameters: Vec<Value> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| {
                json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
            })
            .collect();
        let json_content = |schema: Value| json!({"application/json": {"schema": schema}});
        let mut operation = json!({
            "summary": summary,
            "operationId": format!("{method} {path}"),
            "parameters": parameters,
            "responses": {
                "200": {"description": "Done.", "content": json_content(response)},
                "4XX": {"description": "Not done; the body says why.", "content": json_content(
                    json!({"$ref": "#/components/schemas/Error"})
                )}
            }
        });
        if let Some(request) = request {
            operation["requestBody"] = json!({"content": json_content(request)});
        }
        let own = paths
            .entry(path)
            .or_insert_with(|| Value::Object(Map::new()));
        own[method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Practicum",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Served worlds: episodes with a user, an end and a verdict. \
                Sockets: `/ws` (OpenEnv), `/mcp` (OpenEnv's JSON-RPC), `/sessions/{id}/ws` (resume)."
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}
        }
    })
}

fn of(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn list(of: &Value) -> Value {
    json!({"type": "array", "items": of})
}

fn any_object() -> Value {
    json!({"type": "object", "additionalProperties": true})
}

/// The routes with their shapes; a test holds them equal to those that are served.
fn routes() -> Vec<Route> {
    let text = || json!({"type": "string"});
    vec![
        (
            "get",
            "/health",
            "Whether the server is there",
            None,
            any_object(),
        ),
        (
            "get",
            "/metrics",
            "Counters for Prometheus, as text",
            None,
            text(),
        ),
        ("get", "/worlds", "The worlds", None, list(&of("World"))),
        (
            "get",
            "/tasks",
            "The tasks; query: world, start, count",
            None,
            list(&of("Task")),
        ),
        ("get", "/tasks/{id}", "One task", None, of("Task")),
        (
            "post",
            "/sessions",
            "Begins an episode, or goes on from a snapshot",
            Some(of("Begin")),
            of("Begun"),
        ),
        (
            "get",
            "/sessions/{id}",
            "What an episode is now",
            None,
            of("View"),
        ),
        (
            "delete",
            "/sessions/{id}",
            "Closes an episode",
            None,
            json!({}),
        ),
        (
            "post",
            "/sessions/{id}/call",
            "Calls a tool of the world, `say` or `finish`",
            Some(of("Call")),
            of("Reply"),
        ),
        (
            "post",
            "/sessions/{id}/reset",
            "Another episode under the same id",
            Some(of("Begin")),
            of("Begun"),
        ),
        (
            "post",
            "/sessions/{id}/fork",
            "Another episode at the same instant",
            None,
            of("Begun"),
        ),
        (
            "get",
            "/sessions/{id}/snapshot",
            "The episode as a text, to begin others at this instant",
            None,
            json!({"type": "object", "properties": {"snapshot": {"type": "string"}}}),
        ),
        (
            "get",
            "/sessions/{id}/verdict",
            "The judgement of an episode that has ended",
            None,
            of("Judgement"),
        ),
        (
            "post",
            "/s/{handle}/mcp",
            "MCP for the agent of one session (2025-06-18, 2025-11-25, 2026-07-28)",
            Some(any_object()),
            any_object(),
        ),
        (
            "get",
            "/metadata",
            "OpenEnv: name and description",
            None,
            any_object(),
        ),
        (
            "get",
            "/schema",
            "OpenEnv: action, observation, state",
            None,
            any_object(),
        ),
        (
            "get",
            "/openenv.yaml",
            "OpenEnv: the manifest",
            None,
            text(),
        ),
        ("get", "/openapi.json", "This document", None, any_object()),
        (
            "post",
            "/reset",
            "OpenEnv: begins an episode; kept where a session_id is given",
            Some(any_object()),
            of("Observed"),
        ),
        (
            "post",
            "/step",
            "OpenEnv: one action",
            Some(json!({
                "type": "object",
                "required": ["action"],
                "properties": {
                    "action": action_schema(),
                    "session_id": {"type": "string"},
                    "request_id": {"type": "string"}
                }
            })),
            of("Observed"),
        ),
        (
            "get",
            "/state",
            "OpenEnv: what a session is; query: session_id",
            None,
            any_object(),
        ),
        (
            "post",
            "/mcp",
            "OpenEnv's JSON-RPC: tools/list, tools/call, openenv/session/create and close",
            Some(any_object()),
            any_object(),
        ),
        (
            "get",
            "/list_environments",
            "OpenEnv: the worlds' names",
            None,
            list(&text()),
        ),
        (
            "get",
            "/{environment}/splits",
            "OpenEnv: the splits",
            None,
            list(&any_object()),
        ),
        (
            "post",
            "/{environment}/tasks",
            "OpenEnv: all tasks of a split",
            Some(of("Split")),
            any_object(),
        ),
        (
            "post",
            "/{environment}/num_tasks",
            "OpenEnv: how many tasks a split has",
            Some(of("Split")),
            any_object(),
        ),
        (
            "post",
            "/{environment}/task",
            "OpenEnv: the task of an index",
            Some(of("Split")),
            any_object(),
        ),
        (
            "post",
            "/{environment}/task_range",
            "OpenEnv: the tasks from start to stop",
            Some(of("Split")),
            any_object(),
        ),
    ]
}

fn schemas() -> Value {
    let text = json!({"type": "string"});
    let maybe = json!({"type": ["string", "null"]});
    json!({
        "Error": {
            "type": "object",
            "properties": {"error": {"type": "object", "properties": {"message": text}}}
        },
        "World": {
            "type": "object",
            "properties": {"name": text, "title": text, "digest": text, "tasks": {"type": "integer"}}
        },
        "Task": {
            "type": "object",
            "properties": {"id": text, "world": text, "request": text}
        },
        "Begin": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "task": text,
                "world": text,
                "size": text,
                "seed": {"type": "integer", "minimum": 0},
                "snapshot": {"type": "string", "description": "Of `GET /sessions/{id}/snapshot`; nothing else beside it."}
            }
        },
        "View": {
            "type": "object",
            "properties": {
                "id": text,
                "world": text,
                "task": maybe,
                "state": any_object(),
                "seed": {"type": "integer"},
                "calls": {"type": "integer"},
                "turns": {"type": "integer"},
                "ended": maybe
            }
        },
        "Begun": {
            "allOf": [
                of("View"),
                {
                    "type": "object",
                    "properties": {
                        "mcp": {"type": "string", "description": "The path of MCP for this session's agent."},
                        "opening": {
                            "type": "object",
                            "properties": {
                                "system": text,
                                "user": maybe,
                                "tools": list(&any_object())
                            }
                        }
                    }
                }
            ]
        },
        "Call": {
            "type": "object",
            "required": ["tool"],
            "additionalProperties": false,
            "properties": {
                "tool": text,
                "arguments": any_object(),
                "request_id": {"type": "string", "description": "An act that is sent again under its id is done once."}
            }
        },
        "Reply": {
            "type": "object",
            "properties": {"ok": {"type": "boolean"}, "reply": {}, "ended": maybe}
        },
        "Judgement": {
            "type": "object",
            "properties": {
                "ending": text,
                "reward": {"type": ["number", "null"], "description": "Null where the failure is not the agent's."},
                "fault": maybe,
                "verdict": any_object()
            }
        },
        "Observed": {
            "type": "object",
            "properties": {
                "observation": any_object(),
                "reward": {"type": ["number", "null"]},
                "done": {"type": "boolean"},
                "metadata": any_object()
            }
        },
        "Split": {
            "type": "object",
            "required": ["split"],
            "properties": {
                "split": text,
                "index": {"type": "integer"},
                "start": {"type": "integer"},
                "stop": {"type": "integer"}
            }
        }
    })
}
