//! An endpoint for tests and benchmarks of the client: it answers chat completions by a function of the
//! request, after a delay, and breaks things as told.
//!
//! What breaks is decided by the number of the request, so that every kind comes up as often as its share.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// A way in which an endpoint breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The connection is dropped before the reply.
    Drop,
    /// The connection is dropped in the middle of the reply.
    DropHalfway,
    /// Nothing comes for this long.
    Stall(Duration),
    /// 429 with `Retry-After: 0`.
    TooMany,
    /// 500.
    Internal,
    /// A reply that says that it is whole and ends in the middle of its JSON.
    HalfJson,
    /// Bytes that are no UTF-8.
    NotUtf8,
}

/// How the endpoint behaves.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// How long each reply takes.
    pub delay: Duration,
    /// Of a hundred requests, how many break, and how they do in turn.
    pub breaks: Vec<Break>,
    /// Of a hundred requests, how many break.
    pub share: u64,
}

/// Answers a request's body with the reply's message: `{"role": "assistant", ...}`.
pub type Answering = Arc<dyn Fn(&[u8]) -> Value + Send + Sync>;

/// A running endpoint; it stops with the runtime.
pub struct Stub {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
    broken: Arc<AtomicU64>,
}

impl fmt::Debug for Stub {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Stub({})", self.address)
    }
}

impl Stub {
    /// Starts on a free port of the loopback, in the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(behaviour: Behaviour, answering: Answering) -> std::io::Result<Self> {
        Self::start_at(0, behaviour, answering).await
    }

    /// Starts on a port of the loopback.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start_at(
        port: u16,
        behaviour: Behaviour,
        answering: Answering,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let (requests, broken) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let endpoint = Arc::new(Endpoint {
            behaviour,
            answering,
            requests: Arc::clone(&requests),
            broken: Arc::clone(&broken),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let endpoint = Arc::clone(&endpoint);
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let endpoint = Arc::clone(&endpoint);
                        async move { endpoint.reply(request).await }
                    });
                    // A client that goes away, or a reply that is to break, ends the connection.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Self {
            address,
            requests,
            broken,
        })
    }

    /// The endpoint's address, as clients take it.
    pub fn endpoint(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests that were answered in a broken way.
    pub fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }
}

struct Endpoint {
    behaviour: Behaviour,
    answering: Answering,
    requests: Arc<AtomicU64>,
    broken: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("dropped on purpose")
    }
}

impl std::error::Error for Dropped {}

type Reply = Response<Payload>;

impl Endpoint {
    async fn reply(&self, request: Request<Incoming>) -> Result<Reply, Dropped> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let body = request
            .into_body()
            .collect()
            .await
            .map_err(|_| Dropped)?
            .to_bytes();
        if !self.behaviour.delay.is_zero() {
            sleep(self.behaviour.delay).await;
        }
        // Spread over the hundred, and through the kinds one after the other.
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let kinds = &self.behaviour.breaks;
        let broken = (spread % 100 < self.behaviour.share && !kinds.is_empty())
            .then(|| kinds[(spread / 100) as usize % kinds.len()]);
        if broken.is_some() {
            self.broken.fetch_add(1, Ordering::Relaxed);
        }
        match broken {
            Some(Break::Drop) => return Err(Dropped),
            Some(Break::TooMany) => {
                return Ok(status(StatusCode::TOO_MANY_REQUESTS, "slow down", true));
            }
            Some(Break::Internal) => {
                return Ok(status(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "out of order",
                    false,
                ));
            }
            Some(Break::Stall(time)) => sleep(time).await,
            _ => {}
        }
        let streamed = memmem(&body, br#""stream":true"#);
        let message = (self.answering)(&body);
        let whole = if streamed {
            events(&message)
        } else {
            completion(&message, body.len())
        };
        Ok(match broken {
            Some(Break::HalfJson) => whole_reply(whole.slice(..whole.len() / 2), streamed),
            Some(Break::NotUtf8) => {
                let mut bytes = whole.to_vec();
                let at = bytes.len() / 3;
                bytes.splice(at..at, [0xff, 0xfe]);
                whole_reply(bytes.into(), streamed)
            }
            Some(Break::DropHalfway) => {
                let mut reply = whole_reply(whole.slice(..whole.len() / 2), streamed);
                reply.body_mut().breaks_off = true;
                reply
            }
            _ => whole_reply(whole, streamed),
        })
    }
}

fn payload(data: Bytes) -> Payload {
    Payload {
        data: Some(data),
        breaks_off: false,
    }
}

fn status(status: StatusCode, text: &str, retry: bool) -> Reply {
    let mut response = Response::new(payload(Bytes::from(text.to_string())));
    *response.status_mut() = status;
    if retry {
        response.headers_mut().insert(RETRY_AFTER, 0.into());
    }
    response
}

fn whole_reply(body: Bytes, streamed: bool) -> Reply {
    let mut response = Response::new(payload(body));
    let kind = if streamed {
        "text/event-stream"
    } else {
        "application/json"
    };
    if let Ok(kind) = kind.parse() {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

/// A reply of the usual form around a message.
fn completion(message: &Value, prompt_bytes: usize) -> Bytes {
    let calls = message["tool_calls"]
        .as_array()
        .is_some_and(|calls| !calls.is_empty());
    let completion_bytes = message["content"].as_str().map_or(40, str::len);
    let reply = json!({
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "model": "stub",
        "choices": [{
            "index": 0,
            "message": message,
            "finish_reason": if calls { "tool_calls" } else { "stop" },
        }],
        "usage": {
            "prompt_tokens": prompt_bytes / 4,
            "completion_tokens": completion_bytes / 4 + 1,
            "total_tokens": (prompt_bytes + completion_bytes) / 4 + 1,
        }
    });
    Bytes::from(reply.to_string())
}

/// The same as server-sent events: text by words, arguments in halves.
fn events(message: &Value) -> Bytes {
    let mut text = String::new();
    let mut event = |chunk: Value| text.push_str(&format!("data: {chunk}\n\n"));
    let delta = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]});
    for piece in message["content"]
        .as_str()
        .unwrap_or_default()
        .split_inclusive(' ')
    {
        event(delta(json!({"content": piece})));
    }
    let calls = message["tool_calls"].as_array();
    for (at, call) in calls.into_iter().flatten().enumerate() {
        let function = &call["function"];
        let arguments = function["arguments"].as_str().unwrap_or_default();
        let half = (0..=arguments.len() / 2)
            .rev()
            .find(|at| arguments.is_char_boundary(*at))
            .unwrap_or_default();
        event(delta(json!({"tool_calls": [{
            "index": at, "id": call["id"], "type": "function",
            "function": {"name": function["name"], "arguments": &arguments[..half]}
        }]})));
        event(delta(json!({"tool_calls": [{
            "index": at, "function": {"arguments": &arguments[half..]}
        }]})));
    }
    let reason = if calls.is_some_and(|calls| !calls.is_empty()) {
        "tool_calls"
    } else {
        "stop"
    };
    event(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}));
    event(json!({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 10}}));
    text.push_str("data: [DONE]\n\n");
    Bytes::from(text)
}

fn memmem(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// A body that is whole, or breaks off after its first half.
struct Payload {
    data: Option<Bytes>,
    breaks_off: bool,
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        Poll::Ready(match self.data.take() {
            Some(data) => Some(Ok(Frame::data(data))),
            None if self.breaks_off => Some(Err(Dropped)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && !self.breaks_off
    }

    fn size_hint(&self) -> SizeHint {
        if self.breaks_off {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.data.as_ref().map_or(0, Bytes::len) as u64)
    }
}
