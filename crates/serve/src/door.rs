//! Who may come in: requests for a known host, from no foreign page, with the token where one is asked for.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::rest::failure;
use crate::routes::MAX_BODY;

/// Names under which a server on this machine is reached.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Paths for agents: each holds the handle of a session, which is as good as a token.
const AGENTS: &str = "/s/";

/// The path that tells only that the server is there.
const HEALTH: &str = "/health";

/// How long a request may take. A WebSocket's takes until the socket is open.
const PATIENCE: Duration = Duration::from_mins(5);

/// What a request must show. A browser page of another site can reach loopback servers: it is known by its
/// `Origin`, or, where its name was bound to this address, by its `Host`.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// Host names, without port, under which the server is known beside those of this machine.
    pub hosts: Vec<String>,
    /// What `Authorization: Bearer` must hold. Needed wherever others than this machine can connect, and where
    /// agents can: they have the address of their own session's MCP, which needs no token, and nothing else.
    pub token: Option<String>,
}

impl Door {
    fn knows(&self, authority: &str) -> bool {
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        LOOPBACK.iter().any(|own| own.eq_ignore_ascii_case(host))
            || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
    }

    /// The status and the reason for which a request stays outside.
    fn refusal(&self, path: &str, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
        // Who watches over servers asks whether this one is there, by its address and without a token.
        if path == HEALTH {
            return None;
        }
        if !text(header::HOST).is_some_and(|host| self.knows(host)) {
            return Some((
                StatusCode::FORBIDDEN,
                "this server has no such host name; `practicum serve --host NAME` adds one",
            ));
        }
        if let Some(origin) = text(header::ORIGIN) {
            let authority = origin.split_once("://").map_or("", |(_, rest)| rest);
            if !self.knows(authority) {
                return Some((StatusCode::FORBIDDEN, "pages of other sites may not call"));
            }
        }
        // Told before the body is sent. One that does not say its length is stopped at the limit.
        let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
        if length.is_some_and(|length| length > MAX_BODY) {
            return Some((StatusCode::PAYLOAD_TOO_LARGE, "a request has 1 MiB at most"));
        }
        if path.starts_with(AGENTS) {
            return None;
        }
        let token = self.token.as_ref()?;
        let given = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        // Digests compare in constant time: how long it takes tells nothing of the token.
        let fits =
            given.is_some_and(|own| blake3::hash(own.as_bytes()) == blake3::hash(token.as_bytes()));
        (!fits).then_some((
            StatusCode::UNAUTHORIZED,
            "send the server's token as `Authorization: Bearer TOKEN`",
        ))
    }
}

pub(crate) async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    match door.refusal(request.uri().path(), request.headers()) {
        None => match tokio::time::timeout(PATIENCE, next.run(request)).await {
            Ok(response) => response,
            // Its body did not come, as a rule: places are waited for for a shorter time.
            Err(_) => {
                failure(StatusCode::REQUEST_TIMEOUT, "the request took too long").into_response()
            }
        },
        Some((status, reason)) => failure(status, reason).into_response(),
    }
}
