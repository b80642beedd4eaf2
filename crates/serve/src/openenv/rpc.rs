//! The JSON-RPC of OpenEnv's `/mcp`: two methods of MCP, and two to hold a session over HTTP.

use serde_json::{Map, Value, json};

use super::link::{Link, content};
use crate::catalogue::Wanted;
use crate::server::OwnedAct;

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const SERVER_ERROR: i64 = -32000;

/// An error as JSON-RPC has it.
struct RpcError {
    code: i64,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }
}

impl From<super::Refusal> for RpcError {
    fn from(refusal: super::Refusal) -> Self {
        Self {
            code: match refusal.code {
                "SESSION_ERROR" => INVALID_PARAMS,
                _ => SERVER_ERROR,
            },
            message: refusal.message.clone(),
            data: Some(refusal.data()),
        }
    }
}

/// A request.
struct Rpc {
    method: String,
    params: Map<String, Value>,
    id: Value,
}

/// The answer to a request as text.
pub(super) async fn answer_text(link: &mut Link, text: &[u8]) -> Value {
    match serde_json::from_slice(text) {
        Ok(request) => answer(link, request).await,
        Err(error) => failed(&Value::Null, &RpcError::new(PARSE_ERROR, error.to_string())),
    }
}

/// The answer to a request.
pub(super) async fn answer(link: &mut Link, request: Value) -> Value {
    let rpc = match read(request) {
        Ok(rpc) => rpc,
        Err(wrong) => return failed(&wrong.0, &wrong.1),
    };
    match done(link, &rpc).await {
        Ok(result) => json!({"jsonrpc": "2.0", "id": rpc.id, "result": result}),
        Err(error) => failed(&rpc.id, &error),
    }
}

fn failed(id: &Value, error: &RpcError) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": id,
        "error": {"code": error.code, "message": error.message, "data": error.data},
    })
}

fn read(request: Value) -> Result<Rpc, Box<(Value, RpcError)>> {
    let wrong = |id: &Value, message: &str| {
        Box::new((
            id.clone(),
            RpcError::new(INVALID_REQUEST, format!("Invalid request: {message}")),
        ))
    };
    let Value::Object(mut request) = request else {
        return Err(wrong(&Value::Null, "it is no object"));
    };
    let id = request.remove("id").unwrap_or_default();
    if !(id.is_null() || id.is_string() || id.is_i64() || id.is_u64()) {
        return Err(wrong(&Value::Null, "`id` must be a string or an integer"));
    }
    if request.remove("jsonrpc") != Some("2.0".into()) {
        return Err(wrong(&id, "`jsonrpc` must be \"2.0\""));
    }
    let Some(Value::String(method)) = request.remove("method") else {
        return Err(wrong(&id, "`method` must be a string"));
    };
    let params = match request.remove("params") {
        None => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(wrong(&id, "`params` must be an object")),
    };
    if let Some(name) = request.keys().next() {
        return Err(wrong(&id, &format!("`{name}` is not known")));
    }
    Ok(Rpc { method, params, id })
}

async fn done(link: &mut Link, rpc: &Rpc) -> Result<Value, RpcError> {
    let named = match rpc.params.get("session_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(_) => {
            return Err(RpcError::new(
                INVALID_PARAMS,
                "Invalid params: `session_id` must be a string",
            ));
        }
    };
    match rpc.method.as_str() {
        "openenv/session/create" => {
            let id = link.begun(Wanted::default()).await?;
            Ok(json!({"session_id": id}))
        }
        "openenv/session/close" => close(link, named).await,
        "tools/list" => {
            let of = named.map_or_else(|| link.clone(), |id| other(link, id));
            Ok(json!({"tools": of.tools("inputSchema").await?}))
        }
        "tools/call" => call(link, named, &rpc.params).await,
        method => Err(RpcError::new(
            METHOD_NOT_FOUND,
            format!(
                "Method not found: {method}; MCP itself is at the address that a session's `mcp` tells"
            ),
        )),
    }
}

/// A hold on another episode for one request.
fn other(link: &Link, id: String) -> Link {
    Link::new(link.server.clone(), link.scope.clone(), Some(id))
}

async fn close(link: &Link, named: Option<String>) -> Result<Value, RpcError> {
    let id = named
        .ok_or_else(|| RpcError::new(INVALID_PARAMS, "Invalid params: `session_id` is required"))?;
    if link.id.as_ref() == Some(&id) {
        return Err(RpcError::new(
            INVALID_REQUEST,
            "a socket's own session is closed by the socket's `close`",
        ));
    }
    let mut closed = other(link, id.clone());
    closed.check().await?;
    if link.server.attachments().close_later(&id) {
        return Ok(json!({"session_id": id, "closed": false, "closing": true}));
    }
    closed.close().await;
    Ok(json!({"session_id": id, "closed": true}))
}

async fn call(
    link: &mut Link,
    named: Option<String>,
    params: &Map<String, Value>,
) -> Result<Value, RpcError> {
    let text = |name: &str| params.get(name).and_then(Value::as_str).map(str::to_string);
    let tool = text("name")
        .ok_or_else(|| RpcError::new(INVALID_PARAMS, "Invalid params: `name` is required"))?;
    let arguments = match params.get("arguments") {
        None | Some(Value::Null) => "{}".to_string(),
        Some(arguments) => arguments.to_string(),
    };
    let act = OwnedAct {
        request: text("request_id"),
        tool,
        arguments,
    };
    let (mut own, throwaway) = match named {
        Some(id) => (other(link, id), false),
        None => (link.clone(), link.id.is_none() && !link.keeps),
    };
    let seen = own.act(act).await;
    let told = match &seen {
        Ok(seen) => own.judged(seen).await,
        Err(_) => Ok((None, Map::new())),
    };
    if throwaway {
        own.close().await;
    } else if link.id.is_none() && own.keeps {
        link.id.clone_from(&own.id);
    }
    let (seen, (reward, metadata)) = (seen?, told?);
    // The client takes `data` out of the result, so that it is there whatever the tool gives.
    let mut result = json!({
        "content": [{"type": "text", "text": seen.reply.content()}],
        "data": content(&seen),
        "is_error": !seen.reply.is_ok(),
        "done": seen.ended.is_some(),
        "reward": reward,
    });
    if !metadata.is_empty() {
        result["metadata"] = metadata.into();
    }
    Ok(result)
}
