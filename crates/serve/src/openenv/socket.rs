//! One client over a WebSocket: its frames, one answer each, in order.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::attachments::Hold;
use super::link::Link;
use super::{Refusal, rpc};
use crate::server::Server;

/// How often a client is asked whether it is there. Stock clients ask every 20 seconds themselves.
const PULSE: Duration = Duration::from_secs(20);

/// Pulses without any sign of life after which a client counts as gone.
const SILENT_PULSES: usize = 3;

/// How long a client may take to take a frame.
const SLOW: Duration = Duration::from_secs(30);

/// Frames that may wait while one is answered; who sends more does not wait for answers.
const MAX_WAITING: usize = 64;

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    /// The frames of `/ws`.
    Frames,
    /// JSON-RPC, as on `/mcp`.
    Rpc,
}

/// Whose the episode is when the client says `close`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// This socket's: it is closed.
    Socket,
    /// Somebody else's, who closes it over HTTP.
    Other,
}

enum Answer {
    Text(String),
    /// The client is done.
    Close,
}

type Answering = Pin<Box<dyn Future<Output = (Link, Answer)> + Send>>;

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client said so.
    Closed,
    /// The socket broke off, or the server stops.
    BrokenOff,
    /// Another socket has the episode now.
    TakenOver,
}

/// Counts a socket for as long as it is open.
struct Counted(Server);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics().socket_closed();
    }
}

/// Serves one client until one of the two leaves.
pub(super) async fn converse(mut socket: WebSocket, mut link: Link, speech: Speech, owner: Owner) {
    link.keeps = true;
    let server = link.server.clone();
    server.metrics().socket_opened();
    let _counted = Counted(server.clone());
    if let Err(refusal) = link.check().await {
        let refusal = Refusal {
            code: "SESSION_ERROR",
            ..refusal
        };
        let _ = send(&mut socket, refusal.frame().to_string()).await;
        return;
    }
    let mut held = None;
    hold(&link, &mut held);
    let (end, answering) = talk(&mut socket, link, speech, &mut held).await;
    if let (Some(answering), true) = (answering, held.is_some()) {
        // What was asked for is done to its end, though nobody reads the answer: it can be asked for again.
        tokio::spawn(async move {
            answering.await;
            leave(&server, held, end, owner).await;
        });
        return;
    }
    leave(&server, held, end, owner).await;
    // A client that does not answer a closing handshake is not waited for.
    let _ = timeout(SLOW, socket.send(Message::Close(None))).await;
}

/// Holds the episode of a link, once it has one.
fn hold(link: &Link, held: &mut Option<(String, Hold)>) {
    if let (None, Some(id)) = (&held, &link.id) {
        *held = Some((id.clone(), link.server.attachments().attach(id)));
    }
}

async fn leave(server: &Server, held: Option<(String, Hold)>, end: End, owner: Owner) {
    let Some((id, hold)) = held else { return };
    let Some(closing) = server.attachments().detach(&id, &hold) else {
        return;
    };
    if closing || (end == End::Closed && owner == Owner::Socket) {
        let _ = server.close(id).await;
    } else {
        server.let_go(&id);
    }
}

async fn talk(
    socket: &mut WebSocket,
    link: Link,
    speech: Speech,
    held: &mut Option<(String, Hold)>,
) -> (End, Option<Answering>) {
    let server = link.server.clone();
    let mut stopping = server.stopping();
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent = 0;
    let mut waiting: VecDeque<Utf8Bytes> = VecDeque::new();
    let mut link = Some(link);
    let mut answering: Option<Answering> = None;
    loop {
        if let Some(free) = link.take() {
            if *stopping.borrow_and_update() {
                let _ = timeout(SLOW, socket.send(closing(close_code::AWAY, "stopping"))).await;
                return (End::BrokenOff, None);
            }
            match waiting.pop_front() {
                Some(text) => answering = Some(Box::pin(answer(free, text, speech))),
                None => link = Some(free),
            }
        }
        // Frames are read while one is answered, so that pings are answered meanwhile.
        tokio::select! {
            frame = socket.recv() => {
                silent = 0;
                match frame {
                    None => return (End::BrokenOff, answering),
                    Some(Err(error)) => {
                        tracing::debug!(%error, "a socket broke off");
                        let large = closing(close_code::SIZE, "a frame has 1 MiB at most");
                        let _ = timeout(SLOW, socket.send(large)).await;
                        return (End::BrokenOff, answering);
                    }
                    Some(Ok(Message::Close(_))) => return (End::BrokenOff, answering),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(frame)) => {
                        if waiting.len() >= MAX_WAITING {
                            let hasty = closing(close_code::POLICY, "wait for answers");
                            let _ = timeout(SLOW, socket.send(hasty)).await;
                            return (End::BrokenOff, answering);
                        }
                        // Bytes that are no text are no JSON either.
                        waiting.push_back(frame.into_text().unwrap_or_else(|_| "\u{0}".into()));
                    }
                }
            }
            (free, done) = finished(&mut answering) => {
                answering = None;
                hold(&free, held);
                link = Some(free);
                let text = match done {
                    Answer::Close => return (End::Closed, None),
                    Answer::Text(text) => text,
                };
                if send(socket, text).await.is_err() {
                    return (End::BrokenOff, None);
                }
            }
            () = lost(held.as_ref()) => {
                let refusal = Refusal::new("SESSION_ERROR", "another socket has this session now");
                let _ = send(socket, refusal.frame().to_string()).await;
                return (End::TakenOver, answering);
            }
            _ = pulse.tick() => {
                silent += 1;
                let asked = timeout(SLOW, socket.send(Message::Ping(Vec::new().into()))).await;
                if silent > SILENT_PULSES || !matches!(asked, Ok(Ok(()))) {
                    return (End::BrokenOff, answering);
                }
                if let Some((id, _)) = held {
                    server.touch(id);
                }
            }
            _ = stopping.changed() => {}
        }
    }
}

fn closing(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame {
        code,
        reason: reason.into(),
    }))
}

/// The answer that is being made; never, where there is none.
async fn finished(answering: &mut Option<Answering>) -> (Link, Answer) {
    match answering {
        Some(answering) => answering.await,
        None => std::future::pending().await,
    }
}

async fn lost(held: Option<&(String, Hold)>) {
    match held {
        Some((_, hold)) => hold.lost().await,
        None => std::future::pending().await,
    }
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), ()> {
    let sent = timeout(SLOW, socket.send(Message::Text(text.into()))).await;
    matches!(sent, Ok(Ok(()))).then_some(()).ok_or(())
}

async fn answer(mut link: Link, text: Utf8Bytes, speech: Speech) -> (Link, Answer) {
    let answer = match speech {
        Speech::Rpc => Answer::Text(
            rpc::answer_text(&mut link, text.as_bytes())
                .await
                .to_string(),
        ),
        Speech::Frames => match frame(&mut link, &text).await {
            Ok(Some(frame)) => Answer::Text(frame.to_string()),
            Ok(None) => Answer::Close,
            Err(refusal) => Answer::Text(refusal.frame().to_string()),
        },
    };
    (link, answer)
}

/// The answer to a frame of `/ws`; None to `close`.
async fn frame(link: &mut Link, text: &str) -> Result<Option<Value>, Refusal> {
    let frame: Value = serde_json::from_str(text)
        .map_err(|error| Refusal::new("INVALID_JSON", format!("Invalid JSON: {error}")))?;
    let kind = frame.get("type").and_then(Value::as_str).unwrap_or("");
    let object = |missing: Option<Value>| match (frame.get("data"), missing) {
        (Some(Value::Object(data)), _) => Ok(data.clone()),
        (None, Some(Value::Object(data))) => Ok(data),
        _ => Err(Refusal::invalid(&["data"], "it must be an object")),
    };
    let (name, data) = match kind {
        "reset" => ("observation", link.reset(&object(Some(json!({})))?).await?),
        "step" => ("observation", link.step(&object(None)?).await?),
        "state" => ("state", link.state().await?),
        "mcp" => {
            let data = Value::Object(object(None)?);
            ("mcp", rpc::answer(link, data).await)
        }
        "close" => return Ok(None),
        kind => {
            return Err(Refusal::new(
                "UNKNOWN_TYPE",
                format!("Unknown message type: {kind}"),
            ));
        }
    };
    Ok(Some(json!({"type": name, "data": data})))
}
