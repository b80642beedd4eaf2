//! What goes wrong on a network, and what clients do that are broken or hostile: no wrong state, no lost
//! acknowledged act, no panic, and the server is there afterwards. Kills are in the end-to-end tests.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use practicum_rollout::EpisodeLimits;
use practicum_serve::{Capacity, Door, Episodes};
use serde_json::{Value, json};
use tungstenite::Message;
use tungstenite::protocol::WebSocketConfig;

use crate::served::{Served, Socket, panics};
use crate::support::{Written, catalogue, gold, shop};

fn served() -> Served {
    Served::start(Capacity::default(), Door::default())
}

/// The server still plays an episode as it should.
fn assert_well(served: &Served) {
    let (world, tasks) = shop();
    let mut socket = served.socket("/ws");
    socket.ask(&json!({"type": "reset", "data": {"task": tasks[0].id}}));
    let mut reward = Value::Null;
    for (tool, arguments) in gold(&world, &tasks[0]) {
        reward = socket.call(&tool, &arguments)["data"]["reward"].clone();
    }
    assert_eq!(reward, json!(1.0));
    socket.say(&json!({"type": "close"}));
    assert_eq!(socket.hear(), Value::Null);
    let (_, metrics) = served.ask("GET /metrics", &Value::Null);
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("practicum_infrastructure_faults_total 0"));
    assert_eq!(panics(), 0);
}

/// Waits until no socket is open any more.
fn all_left(served: &Served) {
    loop {
        let (_, metrics) = served.ask("GET /metrics", &Value::Null);
        if metrics.as_str().unwrap().contains("practicum_sockets 0") {
            return;
        }
        std::thread::yield_now();
    }
}

/// The bytes of a client's text frame, whole.
fn frame_bytes(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x81];
    match text.len() {
        short @ 0..=125 => bytes.push(0x80 + short as u8),
        long => {
            bytes.push(0x80 + 126);
            bytes.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    // A mask of zeros leaves the text as it is.
    bytes.extend([0; 4]);
    bytes.extend(text.as_bytes());
    bytes
}

#[test]
fn sockets_that_are_cut_in_the_middle_of_a_frame() {
    let (world, tasks) = shop();
    let served = served();
    let task = tasks.iter().find(|task| !task.kind.changes_nothing());
    let task = task.unwrap();
    let acts = gold(&world, task);
    let mut socket = served.socket("/ws");
    let begun = socket.ask(&json!({"type": "reset", "data": {"task": task.id}}));
    let id = begun["data"]["metadata"]["session_id"].as_str().unwrap();
    let path = format!("/sessions/{id}/ws");
    let (tool, arguments) = acts.iter().find(|(tool, _)| tool != "say").unwrap();
    let step = json!({"type": "step", "data": {"tool_name": tool, "arguments": arguments}});
    let bytes = frame_bytes(&step.to_string());
    // Cut anywhere before its end, the act was never sent: nothing is done.
    for cut in [1, 2, 5, 9, bytes.len() / 2, bytes.len() - 1] {
        let mut other = served.socket(&path);
        let stream = other.0.get_mut();
        stream.write_all(&bytes[..cut]).unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    }
    all_left(&served);
    let (_, view) = served.ask(&format!("GET /sessions/{id}"), &Value::Null);
    assert_eq!((&view["calls"], &view["turns"]), (&json!(0), &json!(0)));
    let mut reward = Value::Null;
    let mut socket = served.socket(&path);
    for (tool, arguments) in &acts {
        reward = socket.call(tool, arguments)["data"]["reward"].clone();
    }
    assert_eq!(reward, json!(1.0));
    assert_well(&served);
}

#[test]
fn clients_that_never_say_anything() {
    let served = served();
    // Connections without a request, with half a head, with half a body, with half a handshake.
    let halves = [
        "",
        "GET /health HT",
        "POST /sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{",
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n",
    ];
    let mut silent: Vec<TcpStream> = Vec::new();
    for half in halves.iter().cycle().take(200) {
        let mut stream = TcpStream::connect(served.address).unwrap();
        stream.write_all(half.as_bytes()).unwrap();
        silent.push(stream);
    }
    let sockets: Vec<Socket> = (0..50).map(|_| served.socket("/ws")).collect();
    assert_well(&served);
    assert!(served.server.episodes().is_empty(), "none of them has one");
    drop((silent, sockets));
    all_left(&served);
    assert_well(&served);
}

#[test]
fn frames_of_a_hundred_megabytes() {
    let served = served();
    let stream = TcpStream::connect(served.address).unwrap();
    let config = WebSocketConfig::default()
        .max_message_size(None)
        .max_frame_size(None);
    let (mut socket, _) =
        tungstenite::client::client_with_config("ws://localhost/ws", stream, Some(config)).unwrap();
    let large = "x".repeat(100 << 20);
    // The server leaves when it has read the frame's head, so that not all of it can be sent.
    let _ = socket.send(Message::text(large));
    loop {
        match socket.read() {
            Ok(Message::Close(Some(frame))) => {
                assert_eq!(u16::from(frame.code), 1009);
                break;
            }
            Ok(_) => {}
            // The farewell is lost where the system throws away what was not read.
            Err(_) => break,
        }
    }
    all_left(&served);
    // In pieces, too.
    let mut socket = served.socket("/ws");
    let stream = socket.0.get_mut();
    let piece = "y".repeat(60_000);
    let mut sent = 0;
    while sent < 2 << 20 {
        let mut bytes = frame_bytes(&piece);
        // The first one is text, the others go on with it, none is the last.
        bytes[0] = u8::from(sent == 0);
        if stream.write_all(&bytes).is_err() {
            break;
        }
        sent += piece.len();
    }
    assert_eq!(socket.hear(), Value::Null);
    // Over HTTP, with a length, and without one.
    let head = "POST /sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    for body in [
        "Content-Length: 104857600\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(served.address).unwrap();
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .unwrap();
        if body.contains("chunked") {
            let chunk = format!("{:x}\r\n{}\r\n", piece.len(), piece);
            for _ in 0..40 {
                if stream.write_all(chunk.as_bytes()).is_err() {
                    break;
                }
            }
            let _ = stream.write_all(b"0\r\n\r\n");
        }
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text);
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 413"),
            "{text}"
        );
    }
    assert_well(&served);
}

#[test]
fn a_client_that_does_not_read() {
    let served = served();
    let mut slow = served.socket("/ws");
    slow.ask(&json!({"type": "reset"}));
    // It asks on and on, and reads nothing: it is told to wait for answers, and others do not notice.
    let list = json!({"type": "step", "data": {"type": "list_tools"}}).to_string();
    let bytes = frame_bytes(&list);
    slow.0
        .get_mut()
        .set_write_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut sent = 0;
    while sent < 200_000 && slow.0.get_mut().write_all(&bytes).is_ok() {
        sent += 1;
    }
    assert!(sent < 200_000, "it could go on without end");
    assert_well(&served);
    drop(slow);
    all_left(&served);
}

#[test]
fn bytes_that_are_no_protocol() {
    let served = served();
    let mut seed: u64 = 7;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as u8
    };
    for round in 0..60 {
        let noise: Vec<u8> = (0..200).map(|_| random()).collect();
        if round % 2 == 0 {
            let mut stream = TcpStream::connect(served.address).unwrap();
            let _ = stream.write_all(&noise);
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        } else {
            let mut socket = served.socket("/ws");
            let _ = socket.0.get_mut().write_all(&noise);
            let _ = socket.0.get_mut().shutdown(Shutdown::Write);
            let _ = socket.hear();
        }
    }
    let deep = "[".repeat(100_000);
    let mut socket = served.socket("/ws");
    for text in [
        deep.as_str(),
        "{\"type\": \"reset\", \"data\": {\"seed\": 1e999}}",
        "{\"type\": \"step\", \"data\": {\"tool_name\": \"\\ud800\"}}",
        "{\"type\": \"step\", \"data\": {\"tool_name\": \"say\", \"arguments\": \"[[[[\"}}",
        "\u{feff}{}",
        "null",
    ] {
        socket.0.send(Message::text(text)).unwrap();
        let told = socket.hear();
        let wrong = told["type"] == "error" || !told["data"]["observation"]["error"].is_null();
        assert!(wrong, "{told}");
    }
    for line in [
        "GET /sessions/..%2f..%2fetc%2fpasswd",
        "GET /sessions/%00",
        "GET /s/%ff/mcp",
        "POST /s/none/mcp",
        "GET /worlds/..%2f/ws",
        "DELETE /sessions/none",
        "POST /sessions/none/fork",
    ] {
        let (status, told) = served.ask(line, &Value::Null);
        assert!((400..500).contains(&status), "{line}: {status} {told}");
    }
    assert_well(&served);
}

#[test]
fn acts_that_are_sent_again_from_everywhere_are_done_once() {
    let (world, tasks) = shop();
    let served = served();
    for task in tasks
        .iter()
        .filter(|task| !task.kind.changes_nothing())
        .take(3)
    {
        let (_, begun) = served.ask("POST /sessions", &json!({"task": task.id}));
        let id = begun["id"].as_str().unwrap();
        for (at, (tool, arguments)) in gold(&world, task).into_iter().enumerate() {
            let call =
                json!({"tool": tool, "arguments": arguments, "request_id": format!("act-{at}")});
            let step = json!({"action": {"tool_name": tool, "arguments": arguments},
                "request_id": format!("act-{at}"), "session_id": id});
            let replies: Mutex<Vec<Value>> = Mutex::default();
            std::thread::scope(|scope| {
                for number in 0..6 {
                    let (served, replies, call, step) = (&served, &replies, &call, &step);
                    scope.spawn(move || {
                        let reply = if number % 2 == 0 {
                            let line = format!("POST /sessions/{id}/call");
                            served.ask(&line, call).1["reply"].clone()
                        } else {
                            served.ask("POST /step", step).1["observation"]["result"].clone()
                        };
                        replies.lock().unwrap().push(reply);
                    });
                }
            });
            let replies = replies.into_inner().unwrap();
            assert!(replies.iter().all(|own| *own == replies[0]), "{replies:?}");
            let (_, view) = served.ask(&format!("GET /sessions/{id}"), &Value::Null);
            let done = view["calls"].as_u64().unwrap() + view["turns"].as_u64().unwrap();
            let ended = u64::from(!view["ended"].is_null());
            assert_eq!(done + ended, at as u64 + 1);
        }
        let (_, verdict) = served.ask(&format!("GET /sessions/{id}/verdict"), &Value::Null);
        assert_eq!(verdict["reward"], json!(1.0), "{verdict}");
    }
}

/// A journal that the disk refuses after some writes.
struct Full {
    written: Written,
    left: Arc<AtomicUsize>,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.left.store(left - 1, Ordering::SeqCst);
        self.written.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_no_reward_and_loses_nothing_acknowledged() {
    let (world, tasks) = shop();
    let task = &tasks[0];
    let acts = gold(&world, task);
    let written = Written::default();
    let left = Arc::new(AtomicUsize::new(usize::MAX));
    let episodes = Episodes::new(catalogue(), 4, EpisodeLimits::default());
    let journal = Full {
        written: written.clone(),
        left: Arc::clone(&left),
    };
    episodes.journal_to(Box::new(journal)).unwrap();
    let served = Served::of(episodes, Capacity::default(), Door::default());
    let mut socket = served.socket("/ws");
    let begun = socket.ask(&json!({"type": "reset", "data": {"task": task.id}}));
    let id = begun["data"]["metadata"]["session_id"].as_str().unwrap();
    let mut acknowledged = 0;
    for (at, (tool, arguments)) in acts.iter().enumerate() {
        if at + 1 == acts.len() {
            left.store(0, Ordering::SeqCst);
        }
        let seen = socket.call(tool, arguments);
        if seen["type"] == "observation" {
            acknowledged += 1;
        } else {
            assert_eq!(seen["data"]["code"], "EXECUTION_ERROR");
            assert!(
                seen["data"]["message"]
                    .as_str()
                    .unwrap()
                    .contains("journal")
            );
        }
    }
    assert_eq!(acknowledged, acts.len() - 1);
    let (_, metrics) = served.ask("GET /metrics", &Value::Null);
    assert!(
        metrics
            .as_str()
            .unwrap()
            .contains("practicum_infrastructure_faults_total 1")
    );
    // The next process goes on from what is there.
    let bytes = written.bytes();
    let recovered =
        Episodes::recover(catalogue(), 4, EpisodeLimits::default(), [&bytes[..]]).unwrap();
    let served = Served::of(recovered.episodes, Capacity::default(), Door::default());
    let mut socket = served.socket(&format!("/sessions/{id}/ws"));
    let (tool, arguments) = acts.last().unwrap();
    assert_eq!(socket.call(tool, arguments)["data"]["reward"], json!(1.0));
}
