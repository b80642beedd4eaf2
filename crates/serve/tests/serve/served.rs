//! A server over loopback, and plain requests to it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use practicum_rollout::EpisodeLimits;
use practicum_serve::{Capacity, Door, Episodes, Server, listen, routes};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::support::catalogue;

/// Panics on the servers' threads so far, of all tests of this process.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts panics on the servers' threads, where nobody would see them.
fn watch_for_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            if thread.name().is_some_and(|name| name.starts_with("served")) {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            before(panic);
        }));
    });
}

/// How often a server has panicked.
pub(crate) fn panics() -> usize {
    PANICS.load(Ordering::SeqCst)
}

/// A server on a free port of this machine, until it is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) server: Server,
    /// The server's clock, in seconds.
    pub(crate) clock: Arc<AtomicU64>,
    runtime: Option<tokio::runtime::Runtime>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    done: Option<tokio::sync::oneshot::Receiver<()>>,
}

impl Served {
    pub(crate) fn start(capacity: Capacity, door: Door) -> Self {
        let episodes = Episodes::new(catalogue(), 4, EpisodeLimits::default());
        Self::of(episodes, capacity, door)
    }

    pub(crate) fn of(episodes: Episodes, capacity: Capacity, door: Door) -> Self {
        watch_for_panics();
        let count = AtomicU64::new(0);
        let ids = move || format!("s{}", count.fetch_add(1, Ordering::SeqCst));
        let clock = Arc::new(AtomicU64::new(0));
        let now = Arc::clone(&clock);
        let now = move || Duration::from_secs(now.load(Ordering::SeqCst));
        let server = Server::new(episodes, capacity, now, ids);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("served")
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (told, done) = tokio::sync::oneshot::channel();
        let own = server.clone();
        runtime.spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            listen(listener, routes(own.clone(), door), own, stopped).await;
            let _ = told.send(());
        });
        Self {
            address,
            server,
            clock,
            runtime: Some(runtime),
            stop: Some(stop),
            done: Some(done),
        }
    }

    /// Asks the server to stop and waits until it has.
    pub(crate) fn stop(mut self) {
        drop(self.stop.take());
        self.done.take().unwrap().blocking_recv().unwrap();
    }

    pub(crate) fn close_idle(&self) -> usize {
        let runtime = self.runtime.as_ref().unwrap();
        runtime.block_on(self.server.close_idle())
    }

    /// Sends a request, without waiting for its answer.
    pub(crate) fn send(&self, line: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        stream
    }

    pub(crate) fn ask(&self, line: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        received(self.send(line, "Host: localhost\r\n", &body))
    }

    /// Opens a WebSocket.
    pub(crate) fn socket(&self, path: &str) -> Socket {
        let stream = TcpStream::connect(self.address).unwrap();
        // A test that waits for a frame that never comes fails in place of hanging.
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        let url = format!("ws://localhost{path}");
        Socket(tungstenite::client(url, stream).unwrap().0)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) fn received(mut stream: TcpStream) -> (u16, Value) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|_| body.into());
    (status, body)
}

/// A client's end of a WebSocket.
pub(crate) struct Socket(pub(crate) WebSocket<TcpStream>);

impl Socket {
    pub(crate) fn say(&mut self, frame: &Value) {
        self.0.send(Message::text(frame.to_string())).unwrap();
    }

    /// The next frame as JSON; null when the server has closed.
    pub(crate) fn hear(&mut self) -> Value {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return serde_json::from_str(&text).unwrap(),
                Ok(Message::Close(_)) | Err(_) => return Value::Null,
                Ok(_) => {}
            }
        }
    }

    pub(crate) fn ask(&mut self, frame: &Value) -> Value {
        self.say(frame);
        self.hear()
    }

    /// One call of a tool.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let action = json!({"type": "call_tool", "tool_name": tool, "arguments": arguments});
        self.ask(&json!({"type": "step", "data": action}))
    }
}
