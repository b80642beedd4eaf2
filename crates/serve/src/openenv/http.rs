//! The routes of OpenEnv 0.10.

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Path, Query, RawPathParams, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use practicum_world::World;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::link::Link;
use super::socket::{Owner, Speech, converse};
use super::{Refusal, Scope, package, rpc};
use crate::rest::{answer, failure};
use crate::routes::MAX_BODY;
use crate::server::Server;

/// The routes of one environment: all worlds, or that of the path.
pub(crate) fn scoped() -> Router<Server> {
    Router::new()
        .route("/health", get(health))
        .route("/metadata", get(package::metadata))
        .route("/schema", get(package::schema))
        .route("/openenv.yaml", get(package::manifest))
        .route("/openapi.json", get(crate::openapi::document))
        .route("/reset", post(reset))
        .route("/step", post(step))
        .route("/state", get(state))
        .route("/mcp", post(mcp).get(mcp_socket))
        .route("/ws", any(socket))
        .route("/list_environments", get(list_environments))
        .route("/{environment}/splits", get(splits))
        .route("/{environment}/tasks", post(tasks))
        .route("/{environment}/num_tasks", post(num_tasks))
        .route("/{environment}/task", post(task))
        .route("/{environment}/task_range", post(task_range))
}

/// Routes that are there once: a socket for a session that is there already.
pub(crate) fn top() -> Router<Server> {
    Router::new().route("/sessions/{id}/ws", any(resume))
}

impl FromRequestParts<Server> for Scope {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Response> {
        let path = RawPathParams::from_request_parts(parts, server)
            .await
            .map_err(IntoResponse::into_response)?;
        let world = path.iter().find(|(name, _)| *name == "world");
        let world = world.map(|(_, world)| world.to_string());
        if let Some(world) = &world
            && server.episodes().catalogue().world(world).is_none()
        {
            return Err(failure(StatusCode::NOT_FOUND, "there is no such world"));
        }
        Ok(Scope(world))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.code {
            "VALIDATION_ERROR" => StatusCode::UNPROCESSABLE_ENTITY,
            "CAPACITY_REACHED" => StatusCode::SERVICE_UNAVAILABLE,
            "SESSION_ERROR" => StatusCode::NOT_FOUND,
            "INVALID_JSON" => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        // The reference server's errors are FastAPI's.
        let detail = match self.more.get("errors") {
            Some(errors) => errors.clone(),
            None => self.message.into(),
        };
        answer(status, &json!({"detail": detail}))
    }
}

async fn health(State(server): State<Server>, _: Scope) -> Response {
    let stopping = *server.stopping().borrow();
    let status = if stopping { "degraded" } else { "healthy" };
    answer(StatusCode::OK, &json!({"status": status}))
}

fn object(body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    let bytes: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(bytes)
        .map_err(|error| Refusal::invalid(&["body"], format!("no JSON object: {error}")))
}

/// The session that a request names; a request without one gets an episode of its own, for as long as it
/// lasts, as from the reference server.
fn named(body: &mut Map<String, Value>) -> Option<String> {
    body.remove("session_id")?.as_str().map(str::to_string)
}

async fn reset(
    State(server): State<Server>,
    scope: Scope,
    body: Bytes,
) -> Result<Response, Refusal> {
    let mut body = object(&body)?;
    let named = named(&mut body);
    let throwaway = named.is_none();
    let mut link = Link::new(server, scope, named);
    link.check().await?;
    let done = link.reset(&body).await;
    if throwaway {
        link.close().await;
    }
    Ok(answer(StatusCode::OK, &done?))
}

async fn step(
    State(server): State<Server>,
    scope: Scope,
    body: Bytes,
) -> Result<Response, Refusal> {
    let mut body = object(&body)?;
    let named = named(&mut body);
    let Some(Value::Object(mut action)) = body.remove("action") else {
        return Err(Refusal::invalid(
            &["body", "action"],
            "it must be an object",
        ));
    };
    if let Some(request) = body.remove("request_id") {
        action.entry("request_id").or_insert(request);
    }
    let throwaway = named.is_none();
    let mut link = Link::new(server, scope, named);
    link.check().await?;
    let done = link.step(&action).await;
    if throwaway {
        link.close().await;
    }
    Ok(answer(StatusCode::OK, &done?))
}

/// The session of a query.
#[derive(Deserialize)]
struct Named {
    session_id: Option<String>,
}

async fn state(
    State(server): State<Server>,
    scope: Scope,
    Query(named): Query<Named>,
) -> Result<Response, Refusal> {
    let link = Link::new(server, scope, named.session_id);
    Ok(answer(StatusCode::OK, &link.state().await?))
}

async fn mcp(State(server): State<Server>, scope: Scope, body: Bytes) -> Response {
    let mut link = Link::new(server, scope, None);
    answer(StatusCode::OK, &rpc::answer_text(&mut link, &body).await)
}

fn upgrade(socket: WebSocketUpgrade) -> WebSocketUpgrade {
    socket.max_message_size(MAX_BODY).max_frame_size(MAX_BODY)
}

async fn mcp_socket(
    State(server): State<Server>,
    scope: Scope,
    socket: WebSocketUpgrade,
) -> Response {
    let link = Link::new(server, scope, None);
    upgrade(socket).on_upgrade(move |socket| converse(socket, link, Speech::Rpc, Owner::Socket))
}

async fn socket(
    State(server): State<Server>,
    scope: Scope,
    Query(named): Query<Named>,
    socket: WebSocketUpgrade,
) -> Response {
    let owner = match &named.session_id {
        Some(_) => Owner::Other,
        None => Owner::Socket,
    };
    let link = Link::new(server, scope, named.session_id);
    upgrade(socket).on_upgrade(move |socket| converse(socket, link, Speech::Frames, owner))
}

async fn resume(
    State(server): State<Server>,
    Path(id): Path<String>,
    socket: WebSocketUpgrade,
) -> Response {
    let link = Link::new(server, Scope::default(), Some(id));
    upgrade(socket).on_upgrade(move |socket| converse(socket, link, Speech::Frames, Owner::Socket))
}

/// Every task is for training; who wants to hold some back serves them from another file.
const SPLIT: &str = "train";

/// The environment of a path, and the tasks that are asked for.
#[derive(Deserialize)]
struct Environment {
    environment: String,
}

#[derive(Deserialize)]
struct Asked {
    split: String,
    index: Option<i64>,
    start: Option<usize>,
    stop: Option<usize>,
}

async fn list_environments(State(server): State<Server>, scope: Scope) -> Response {
    let worlds = server.episodes().catalogue().worlds();
    let names = worlds.map(World::name);
    let names: Vec<&str> = names
        .filter(|name| scope.0.as_deref().is_none_or(|own| own == *name))
        .collect();
    answer(StatusCode::OK, &json!(names))
}

fn detail(status: StatusCode, detail: &str) -> Response {
    answer(status, &json!({"detail": detail}))
}

/// The tasks of an environment, as the task API tells them: nothing of gold, nor of the kind, which would tell
/// that a request is to be declined.
fn offered(server: &Server, environment: &Environment) -> Result<Vec<Value>, Box<Response>> {
    let catalogue = server.episodes().catalogue();
    let name = &environment.environment;
    let mut worlds = catalogue.worlds().map(World::name);
    let world = worlds.find(|world| world.eq_ignore_ascii_case(name));
    let world = world.ok_or_else(|| {
        Box::new(detail(
            StatusCode::NOT_FOUND,
            &format!("unknown environment {name:?}"),
        ))
    })?;
    let tasks = catalogue.tasks_of(world).enumerate();
    let told = tasks.map(|(at, task)| {
        json!({"id": task.id, "index": at, "world": task.world, "request": task.intent})
    });
    Ok(told.collect())
}

fn asked(
    server: &Server,
    environment: &Environment,
    body: &Bytes,
) -> Result<(Vec<Value>, Asked), Box<Response>> {
    let tasks = offered(server, environment)?;
    let asked: Asked = serde_json::from_slice(body)
        .map_err(|error| Box::new(detail(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string())))?;
    if asked.split != SPLIT {
        return Err(Box::new(detail(
            StatusCode::BAD_REQUEST,
            &format!("there is no split {:?}, only {SPLIT:?}", asked.split),
        )));
    }
    Ok((tasks, asked))
}

async fn splits(State(server): State<Server>, Path(environment): Path<Environment>) -> Response {
    match offered(&server, &environment) {
        Ok(_) => answer(StatusCode::OK, &json!([{"name": SPLIT, "type": SPLIT}])),
        Err(response) => *response,
    }
}

async fn tasks(
    State(server): State<Server>,
    Path(environment): Path<Environment>,
    body: Bytes,
) -> Response {
    match asked(&server, &environment, &body) {
        Ok((tasks, _)) => answer(
            StatusCode::OK,
            &json!({"tasks": tasks, "env_name": environment.environment}),
        ),
        Err(response) => *response,
    }
}

async fn num_tasks(
    State(server): State<Server>,
    Path(environment): Path<Environment>,
    body: Bytes,
) -> Response {
    match asked(&server, &environment, &body) {
        Ok((tasks, _)) => answer(StatusCode::OK, &json!({"num_tasks": tasks.len()})),
        Err(response) => *response,
    }
}

async fn task(
    State(server): State<Server>,
    Path(environment): Path<Environment>,
    body: Bytes,
) -> Response {
    let (tasks, asked) = match asked(&server, &environment, &body) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    let at = asked.index.and_then(|index| usize::try_from(index).ok());
    match at.and_then(|at| tasks.get(at)) {
        Some(task) => answer(StatusCode::OK, &json!({"task": task})),
        None => detail(StatusCode::BAD_REQUEST, "Invalid task index"),
    }
}

async fn task_range(
    State(server): State<Server>,
    Path(environment): Path<Environment>,
    body: Bytes,
) -> Response {
    let (tasks, asked) = match asked(&server, &environment, &body) {
        Ok(asked) => asked,
        Err(response) => return *response,
    };
    let start = asked.start.unwrap_or(0);
    match tasks.get(start..asked.stop.unwrap_or(tasks.len())) {
        Some(tasks) => answer(StatusCode::OK, &json!({"tasks": tasks})),
        None => detail(StatusCode::BAD_REQUEST, "Invalid task index"),
    }
}
