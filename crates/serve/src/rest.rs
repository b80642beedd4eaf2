//! A small REST API for who runs agents.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use practicum_rollout::Ending;
use practicum_task::Task;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::catalogue::{StartError, Wanted};
use crate::episodes::{EpisodeSnapshot, Episodes, EpisodesError};
use crate::server::{OwnedAct, Server, ServerError, handle_of};

/// The routes for who runs agents:
///
/// | route | what it does |
/// |---|---|
/// | `GET /worlds` | names and titles |
/// | `GET /tasks?world=&start=&count=` | ids, worlds and requests; nothing of gold |
/// | `GET /tasks/ID` | one of them |
/// | `POST /sessions` `{task?, world?, size?, seed?}` | begins an episode: its view and what an agent is told first |
/// | `POST /sessions` `{snapshot}` | begins one at the instant of a snapshot |
/// | `GET /sessions/ID` | what it is now |
/// | `DELETE /sessions/ID` | closes it |
/// | `POST /sessions/ID/call` `{tool, arguments?, request_id?}` | a tool of the world, `say` or `finish` |
/// | `POST /sessions/ID/reset` `{task?, ...}` | another episode under the same id |
/// | `POST /sessions/ID/fork` | another episode at the same instant |
/// | `GET /sessions/ID/snapshot` | the episode as a text, sealed by the server |
/// | `GET /sessions/ID/verdict` | the judgement of an episode that has ended |
///
/// What is wrong with a call itself is told in its `reply`, with status 200; every other error is
/// `{"error": {"message": ...}}` with a status of 400 and above.
pub(crate) fn rest() -> Router<Server> {
    Router::new()
        .route("/worlds", get(worlds))
        .route("/tasks", get(tasks))
        .route("/tasks/{id}", get(task))
        .route("/sessions", post(begin))
        .route("/sessions/{id}", get(view).delete(close))
        .route("/sessions/{id}/call", post(call))
        .route("/sessions/{id}/reset", post(reset))
        .route("/sessions/{id}/fork", post(fork))
        .route("/sessions/{id}/snapshot", get(snapshot))
        .route("/sessions/{id}/verdict", get(verdict))
}

type Answer = Result<Response, ServerError>;

pub(crate) fn answer(status: StatusCode, body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, body.to_string()).into_response()
}

pub(crate) fn failure(status: StatusCode, message: &str) -> Response {
    answer(status, &json!({"error": {"message": message}}))
}

impl IntoResponse for ServerError {
    fn into_response(self) -> Response {
        let status = match &self {
            ServerError::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
            ServerError::TooFast(_) => StatusCode::TOO_MANY_REQUESTS,
            ServerError::Episodes(
                EpisodesError::Unknown(_)
                | EpisodesError::Start(StartError::NoTask(_) | StartError::NoWorld(_)),
            ) => StatusCode::NOT_FOUND,
            error if error.is_infrastructure() => StatusCode::INTERNAL_SERVER_ERROR,
            ServerError::Body(_)
            | ServerError::Snapshot(_)
            | ServerError::Episodes(
                EpisodesError::BadId(_) | EpisodesError::Start(_) | EpisodesError::Snapshot(_),
            ) => StatusCode::BAD_REQUEST,
            ServerError::Episodes(
                EpisodesError::Taken(_) | EpisodesError::NotEnded | EpisodesError::NoTask,
            ) => StatusCode::CONFLICT,
            ServerError::BrokenOff | ServerError::Answer(_) | ServerError::Episodes(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        failure(status, &self.to_string())
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, ServerError> {
    // No body is an empty one.
    let bytes: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(bytes).map_err(ServerError::Body)
}

fn value(of: &impl serde::Serialize) -> Result<Value, ServerError> {
    serde_json::to_value(of).map_err(ServerError::Answer)
}

async fn worlds(State(server): State<Server>) -> Response {
    let catalogue = server.episodes().catalogue();
    let told = catalogue.worlds().map(|world| {
        json!({
            "name": world.name(),
            "title": world.file().title,
            "digest": world.digest(),
            "tasks": catalogue.tasks_of(world.name()).count(),
        })
    });
    answer(StatusCode::OK, &told.collect())
}

/// What is told of a task. Its kind would tell that a request is to be declined.
fn told(task: &Task) -> Value {
    json!({"id": task.id, "world": task.world, "request": task.intent})
}

/// Which tasks are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    world: Option<String>,
    #[serde(default)]
    start: usize,
    count: Option<usize>,
}

async fn tasks(
    State(server): State<Server>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, ServerError> {
    let Query(page) = match page {
        Ok(page) => page,
        Err(error) => return Ok(failure(StatusCode::BAD_REQUEST, &error.body_text())),
    };
    let catalogue = server.episodes().catalogue();
    let of = |task: &&Arc<Task>| page.world.as_ref().is_none_or(|world| *world == task.world);
    let tasks = catalogue.tasks().iter().filter(of).skip(page.start);
    let tasks = tasks.take(page.count.unwrap_or(usize::MAX));
    Ok(answer(
        StatusCode::OK,
        &tasks.map(|task| told(task)).collect(),
    ))
}

async fn task(State(server): State<Server>, Path(id): Path<String>) -> Answer {
    match server.episodes().catalogue().task(&id) {
        Some(task) => Ok(answer(StatusCode::OK, &told(task))),
        None => Err(EpisodesError::from(StartError::NoTask(id)).into()),
    }
}

async fn begun(server: &Server, id: String, status: StatusCode) -> Answer {
    let told = server.run(move |episodes: &Episodes, now| {
        Ok((episodes.view(&id, now)?, episodes.opening(&id, now)?))
    });
    let (view, opening) = told.await?;
    let mut body = value(&view)?;
    body["mcp"] = format!("/s/{}/mcp", handle_of(&view.id)).into();
    body["opening"] = value(&opening)?;
    Ok(answer(status, &body))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    snapshot: String,
}

async fn begin(State(server): State<Server>, body: Bytes) -> Answer {
    let raw: Value = read(&body)?;
    let id = if raw.get("snapshot").is_some() {
        let kept: Kept = read(&body)?;
        let content = server.seal().open(&kept.snapshot).ok_or_else(|| {
            ServerError::Snapshot("its seal is broken, or another server's".into())
        })?;
        let snapshot: EpisodeSnapshot = serde_json::from_slice(&content)
            .map_err(|error| ServerError::Snapshot(error.to_string()))?;
        server
            .place(move |episodes, id, now| episodes.restore(id, &snapshot, now))
            .await?
    } else {
        server.begin(read(&body)?).await?
    };
    begun(&server, id, StatusCode::CREATED).await
}

async fn fork(State(server): State<Server>, Path(id): Path<String>) -> Answer {
    let id = server.fork(id).await?;
    begun(&server, id, StatusCode::CREATED).await
}

async fn reset(State(server): State<Server>, Path(id): Path<String>, body: Bytes) -> Answer {
    let wanted: Wanted = read(&body)?;
    let own = id.clone();
    server
        .run(move |episodes, now| episodes.reset(&own, &wanted, now))
        .await?;
    begun(&server, id, StatusCode::OK).await
}

async fn view(State(server): State<Server>, Path(id): Path<String>) -> Answer {
    let view = server.run(move |episodes, now| episodes.view(&id, now));
    Ok(answer(StatusCode::OK, &value(&view.await?)?))
}

async fn close(State(server): State<Server>, Path(id): Path<String>) -> Answer {
    server.close(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallBody {
    tool: String,
    #[serde(default)]
    arguments: Option<Box<RawValue>>,
    #[serde(default)]
    request_id: Option<String>,
}

async fn call(State(server): State<Server>, Path(id): Path<String>, body: Bytes) -> Answer {
    let body: CallBody = read(&body)?;
    let act = OwnedAct {
        request: body.request_id,
        tool: body.tool,
        arguments: body.arguments.as_deref().map_or("{}", RawValue::get).into(),
    };
    let seen = server.act(&id, act).await?;
    let ended: Option<Ending> = seen.ended;
    let reply: Value = serde_json::from_str(&seen.reply.content()).unwrap_or_default();
    Ok(answer(
        StatusCode::OK,
        &json!({"ok": seen.reply.is_ok(), "reply": reply, "ended": ended}),
    ))
}

async fn snapshot(State(server): State<Server>, Path(id): Path<String>) -> Answer {
    let taken = server.run(move |episodes, now| episodes.snapshot(&id, now));
    let content = serde_json::to_vec(&taken.await?).map_err(ServerError::Answer)?;
    let sealed = server.seal().close(&content);
    Ok(answer(StatusCode::OK, &json!({"snapshot": sealed})))
}

async fn verdict(State(server): State<Server>, Path(id): Path<String>) -> Answer {
    Ok(answer(StatusCode::OK, &value(&server.judge(&id).await?)?))
}
