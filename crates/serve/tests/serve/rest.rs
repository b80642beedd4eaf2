//! The REST API over loopback, by plain requests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use practicum_rollout::EpisodeLimits;
use practicum_serve::{Capacity, Door, Episodes, Server, routes};
use serde_json::{Value, json};

use crate::support::{catalogue, gold, shop};

/// A server on a free port of this machine, until it is dropped.
struct Served {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Served {
    fn start(capacity: Capacity, door: Door) -> Self {
        let episodes = Episodes::new(catalogue(), 4, EpisodeLimits::default());
        let count = AtomicU64::new(0);
        let ids = move || format!("s{}", count.fetch_add(1, Ordering::SeqCst));
        let server = Server::new(episodes, capacity, || Duration::ZERO, ids);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, routes(server, door)).await });
        Self {
            address,
            _runtime: runtime,
        }
    }

    /// Sends a request, without waiting for its answer.
    fn send(&self, line: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        stream
    }

    fn ask(&self, line: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        received(self.send(line, "Host: localhost\r\n", &body))
    }
}

fn received(mut stream: TcpStream) -> (u16, Value) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

#[test]
fn an_episode_by_plain_requests() {
    let (world, tasks) = shop();
    let served = Served::start(Capacity::default(), Door::default());
    assert_eq!(served.ask("GET /health", &Value::Null).0, 200);
    let (_, listed) = served.ask("GET /tasks", &Value::Null);
    assert_eq!(listed.as_array().unwrap().len(), tasks.len());
    let task = &tasks[0];
    let (status, begun) = served.ask("POST /sessions", &json!({"task": task.id}));
    assert_eq!(status, 201);
    assert_eq!(begun["opening"]["user"], json!(task.intent));
    let path = format!("/sessions/{}", begun["id"].as_str().unwrap());
    let (status, _) = served.ask(&format!("GET {path}/verdict"), &Value::Null);
    assert_eq!(status, 409);
    let (status, fork) = served.ask(&format!("POST {path}/fork"), &Value::Null);
    assert_eq!(status, 201);
    for (tool, arguments) in gold(&world, task) {
        let call = json!({"tool": tool, "arguments": arguments});
        assert_eq!(served.ask(&format!("POST {path}/call"), &call).0, 200);
    }
    let (_, verdict) = served.ask(&format!("GET {path}/verdict"), &Value::Null);
    assert_eq!(verdict["reward"], json!(1.0), "{verdict}");
    let fork = format!("/sessions/{}", fork["id"].as_str().unwrap());
    let (_, view) = served.ask(&format!("GET {fork}"), &Value::Null);
    assert_eq!(view["calls"], json!(0));
    let (status, _) = served.ask(&format!("POST {path}/reset"), &json!({"task": task.id}));
    assert_eq!(status, 200);
    let (_, view) = served.ask(&format!("GET {path}"), &Value::Null);
    assert_eq!(view["ended"], Value::Null);
    assert_eq!(served.ask(&format!("DELETE {path}"), &Value::Null).0, 204);
    assert_eq!(served.ask(&format!("GET {path}"), &Value::Null).0, 404);
}

#[test]
fn wrong_requests_are_told() {
    let served = Served::start(Capacity::default(), Door::default());
    for (line, body, status) in [
        ("GET /nowhere", Value::Null, 404),
        ("GET /sessions/none", Value::Null, 404),
        ("POST /sessions", json!({"task": "none"}), 404),
        ("POST /sessions", json!({"tsak": "none"}), 400),
        ("POST /sessions/none/call", json!({"tool": 3}), 400),
        ("POST /sessions/none/call", json!({"tool": "a"}), 404),
    ] {
        let (given, told) = served.ask(line, &body);
        assert_eq!(given, status, "{line} {body}");
        assert!(told["error"]["message"].is_string(), "{line} {told}");
    }
    let large = "x".repeat((1 << 20) + 1);
    let body = json!({ "task": large }).to_string();
    let mut stream = TcpStream::connect(served.address).unwrap();
    // The answer comes before the body is sent.
    let head = format!(
        "POST /sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(received(stream).0, 413);
}

#[test]
fn foreign_hosts_pages_and_tokens_stay_outside() {
    let door = Door {
        hosts: vec!["worlds.example".into()],
        token: Some("open".into()),
    };
    let served = Served::start(Capacity::default(), door);
    let token = "Authorization: Bearer open\r\n";
    for (headers, status) in [
        (format!("Host: localhost:80\r\n{token}"), 200),
        (format!("Host: Worlds.example\r\n{token}"), 200),
        (format!("Host: other.example\r\n{token}"), 403),
        (format!("Host: localhost.other.example\r\n{token}"), 403),
        (
            format!("Host: localhost\r\nOrigin: http://localhost:3000\r\n{token}"),
            200,
        ),
        (
            format!("Host: localhost\r\nOrigin: http://other.example\r\n{token}"),
            403,
        ),
        (format!("Host: localhost\r\nOrigin: null\r\n{token}"), 403),
        ("Host: localhost\r\n".into(), 401),
        (
            "Host: localhost\r\nAuthorization: Bearer ope\r\n".into(),
            401,
        ),
    ] {
        let (given, _) = received(served.send("GET /health", &headers, ""));
        assert_eq!(given, status, "{headers}");
    }
}

#[test]
fn at_capacity_one_waits_for_a_place() {
    let capacity = Capacity {
        episodes: 1,
        queue: 1,
        wait: Duration::from_mins(10),
        ..Capacity::default()
    };
    let served = Served::start(capacity, Door::default());
    assert_eq!(served.ask("POST /sessions", &json!({})).0, 201);
    // Of two that ask now, one waits and the other is told, whichever comes first.
    let (answers, received_first) = std::sync::mpsc::channel();
    for _ in 0..2 {
        let stream = served.send("POST /sessions", "Host: localhost\r\n", "{}");
        let answers = answers.clone();
        std::thread::spawn(move || answers.send(received(stream).0));
    }
    assert_eq!(received_first.recv().unwrap(), 503);
    assert_eq!(served.ask("DELETE /sessions/s0", &Value::Null).0, 204);
    assert_eq!(received_first.recv().unwrap(), 201);
}
