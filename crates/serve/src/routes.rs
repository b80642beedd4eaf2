//! All routes of a server, behind its door.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::door::{Door, guard};
use crate::mcp::mcp;
use crate::metrics::Now;
use crate::openenv;
use crate::rest::{failure, rest};
use crate::server::Server;

/// Bytes of the largest request or frame.
pub(crate) const MAX_BODY: usize = 1 << 20;

/// What a server offers over HTTP: the REST API, OpenEnv (of all worlds, and of each below `/worlds/NAME`),
/// MCP for agents (`/s/HANDLE/mcp`), and what monitors it.
pub fn routes(server: Server, door: Door) -> Router {
    Router::new()
        .merge(rest())
        .merge(mcp())
        .merge(openenv::top())
        .merge(openenv::scoped())
        .nest("/worlds/{world}", openenv::scoped())
        .route("/metrics", get(metrics))
        .fallback(|| async { failure(StatusCode::NOT_FOUND, "there is no such route") })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(Arc::new(door), guard))
        .with_state(server)
}

async fn metrics(State(server): State<Server>) -> Response {
    let episodes = server.episodes();
    let text = server.metrics().text(Now {
        sessions: episodes.len(),
        places: server.capacity().episodes,
        waiting: server.waiting(),
        connections: episodes.connections(),
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, text).into_response()
}
