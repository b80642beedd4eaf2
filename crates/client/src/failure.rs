//! What can go wrong between a request and a completion.

use std::time::Duration;

use crate::cassette::CassetteError;

/// Why there is no completion.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The endpoint's address cannot be used.
    #[error("{0:?} is no endpoint: write it like http://127.0.0.1:8000/v1")]
    BadEndpoint(String),
    /// TLS could not be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The connection failed or was dropped.
    #[error("the connection to the endpoint failed: {0}")]
    Transport(String),
    /// Nothing came for too long.
    #[error("the endpoint said nothing for {0:?}")]
    Timeout(Duration),
    /// A status that is no success.
    #[error("the endpoint answered {status}: {body}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The start of the body.
        body: String,
        /// What `Retry-After` asks for.
        retry_after: Option<Duration>,
    },
    /// The conversation is longer than the model's context.
    #[error("the conversation is longer than the model's context: {0}")]
    ContextLength(String),
    /// A reply that is no completion.
    #[error("the endpoint's reply is no completion: {0}")]
    Malformed(String),
    /// The budget of tokens is spent.
    #[error("the budget of {0} tokens is spent")]
    Budget(u64),
    /// The cassette cannot answer, or cannot be written.
    #[error(transparent)]
    Cassette(#[from] CassetteError),
}

impl ClientError {
    /// It may pass by itself: the same request may be sent again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport(_) | Self::Timeout(_) | Self::Malformed(_) => true,
            Self::Status { status, .. } => matches!(status, 408 | 409 | 425 | 429 | 500..=599),
            _ => false,
        }
    }

    /// No request to this endpoint will succeed as things are: a wrong key, address or model.
    pub fn is_final(&self) -> bool {
        match self {
            Self::BadEndpoint(_) | Self::Tls(_) | Self::Cassette(_) => true,
            Self::Status { status, .. } => matches!(status, 401..=405),
            _ => false,
        }
    }

    /// A word for counting: `timeout`, `status 429`.
    pub fn kind(&self) -> String {
        match self {
            Self::BadEndpoint(_) => "endpoint".into(),
            Self::Tls(_) => "tls".into(),
            Self::Transport(_) => "transport".into(),
            Self::Timeout(_) => "timeout".into(),
            Self::Status { status, .. } => format!("status {status}"),
            Self::ContextLength(_) => "context length".into(),
            Self::Malformed(_) => "malformed".into(),
            Self::Budget(_) => "budget".into(),
            Self::Cassette(_) => "cassette".into(),
        }
    }

    /// The failure that a reply's status stands for. Servers say in many ways that a prompt is too long.
    pub(crate) fn of_status(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let text = String::from_utf8_lossy(&body[..body.len().min(600)]).into_owned();
        let lower = text.to_lowercase();
        let too_long = [
            "context_length_exceeded",
            "maximum context length",
            "exceed_context_size",
            "exceeds the available context size",
            "longer than the model's context",
            "max_model_len",
        ];
        if matches!(status, 400 | 413 | 422) && too_long.iter().any(|cue| lower.contains(cue)) {
            return Self::ContextLength(text);
        }
        Self::Status {
            status,
            body: text,
            retry_after,
        }
    }
}
