//! Who may come in: requests for a known host, from no foreign page, with the token where one is asked for.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::rest::failure;
use crate::routes::MAX_BODY;

/// Names under which a server on this machine is reached.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What a request must show. A browser page of another site can reach loopback servers: it is known by its
/// `Origin`, or, where its name was bound to this address, by its `Host`.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// Host names, without port, under which the server is known beside those of this machine.
    pub hosts: Vec<String>,
    /// What `Authorization: Bearer` must hold. Needed wherever others than this machine can connect.
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
    fn refusal(&self, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
        if !text(header::HOST).is_some_and(|host| self.knows(host)) {
            return Some((StatusCode::FORBIDDEN, "this server has no such host name"));
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
    match door.refusal(request.headers()) {
        None => next.run(request).await,
        Some((status, reason)) => failure(status, reason).into_response(),
    }
}
