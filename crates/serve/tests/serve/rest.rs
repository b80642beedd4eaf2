//! The REST API over loopback, by plain requests.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use practicum_rollout::EpisodeLimits;
use practicum_serve::{Capacity, Door, Episodes, Wanted};
use serde_json::{Value, json};

use crate::served::{Served, received};
use crate::support::{catalogue, gold, shop};

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
        ("GET /tasks/none", Value::Null, 404),
        ("GET /tasks?strat=3", Value::Null, 400),
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
        let (given, _) = received(served.send("GET /tasks", &headers, ""));
        assert_eq!(given, status, "{headers}");
    }
    assert_eq!(received(served.send("GET /health", "", "")).0, 200);
    // An agent has its handle in place of the token, and with it its tools and nothing else.
    let begun = format!("Host: localhost\r\n{token}");
    let (_, begun) = received(served.send("POST /sessions", &begun, "{}"));
    let mcp = begun["mcp"].as_str().unwrap();
    let plain = "Host: localhost\r\nContent-Type: application/json\r\n\
                 Accept: application/json, text/event-stream\r\n";
    let list = r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}"#;
    let (status, told) = received(served.send(&format!("POST {mcp}"), plain, list));
    assert_eq!(status, 200, "{told}");
    assert!(told["result"]["tools"].is_array(), "{told}");
    let handle = mcp.split('/').nth(2).unwrap();
    for line in [
        format!("GET /sessions/{handle}"),
        format!("GET /sessions/{}", begun["id"].as_str().unwrap()),
        "GET /s/../sessions".into(),
    ] {
        assert_ne!(received(served.send(&line, plain, "")).0, 200, "{line}");
    }
    let session = format!("POST /s/{}/mcp", begun["id"].as_str().unwrap());
    assert_eq!(received(served.send(&session, plain, list)).0, 404);
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
    assert_eq!(served.ask("DELETE /sessions/s1", &Value::Null).0, 204);
    assert_eq!(received_first.recv().unwrap(), 201);
}

#[test]
fn episodes_beyond_the_places_give_none_back() {
    let episodes = Episodes::new(catalogue(), 4, EpisodeLimits::default());
    for id in ["a", "b", "c"] {
        episodes
            .begin(id, &Wanted::default(), Duration::ZERO)
            .unwrap();
    }
    // As after a restart with fewer places.
    let capacity = Capacity {
        episodes: 1,
        queue: 0,
        ..Capacity::default()
    };
    let served = Served::of(episodes, capacity, Door::default());
    for id in ["a", "b", "c"] {
        assert_eq!(served.ask("POST /sessions", &json!({})).0, 503);
        let line = format!("DELETE /sessions/{id}");
        assert_eq!(served.ask(&line, &Value::Null).0, 204);
    }
    assert_eq!(served.ask("POST /sessions", &json!({})).0, 201);
    assert_eq!(served.ask("POST /sessions", &json!({})).0, 503);
}

#[test]
fn who_is_gone_has_the_lease_and_who_stays_the_idle_time() {
    let served = Served::start(Capacity::default(), Door::default());
    let capacity = *served.server.capacity();
    assert_eq!(served.ask("POST /sessions", &json!({})).0, 201);
    let mut socket = served.socket("/ws");
    let begun = socket.ask(&json!({"type": "reset"}));
    let id = begun["data"]["metadata"]["session_id"].as_str().unwrap();
    let path = format!("/sessions/{id}");
    drop(socket);
    // The server sees the end of the socket when it sees it.
    let closed = |text: &Value| text.as_str().unwrap().contains("practicum_sockets 0");
    while !closed(&served.ask("GET /metrics", &Value::Null).1) {
        std::thread::yield_now();
    }
    assert_eq!(served.close_idle(), 0);
    let lease = capacity.lease.as_secs() + 1;
    served.clock.store(lease, Ordering::SeqCst);
    assert_eq!(served.close_idle(), 1);
    assert_eq!(served.ask(&format!("GET {path}"), &Value::Null).0, 404);
    assert_eq!(served.ask("GET /sessions/s1", &Value::Null).0, 200);
    served
        .clock
        .fetch_add(capacity.idle.as_secs() + 1, Ordering::SeqCst);
    assert_eq!(served.close_idle(), 1);
}

#[test]
fn a_snapshot_begins_others_and_is_not_to_be_forged() {
    let (world, tasks) = shop();
    let served = Served::start(Capacity::default(), Door::default());
    let task = tasks.iter().find(|task| !task.kind.changes_nothing());
    let task = task.unwrap();
    let (_, begun) = served.ask("POST /sessions", &json!({"task": task.id}));
    let path = format!("/sessions/{}", begun["id"].as_str().unwrap());
    let acts = gold(&world, task);
    let half = acts.len() / 2;
    let call = |path: &str, (tool, arguments): &(String, Value)| {
        let call = json!({"tool": tool, "arguments": arguments});
        assert_eq!(served.ask(&format!("POST {path}/call"), &call).0, 200);
    };
    for act in &acts[..half] {
        call(&path, act);
    }
    let (_, taken) = served.ask(&format!("GET {path}/snapshot"), &Value::Null);
    assert_eq!(served.ask(&format!("DELETE {path}"), &Value::Null).0, 204);
    for _ in 0..2 {
        let (status, begun) = served.ask("POST /sessions", &taken);
        assert_eq!(status, 201, "{begun}");
        let path = format!("/sessions/{}", begun["id"].as_str().unwrap());
        for act in &acts[half..] {
            call(&path, act);
        }
        let (_, verdict) = served.ask(&format!("GET {path}/verdict"), &Value::Null);
        assert_eq!(verdict["reward"], json!(1.0), "{verdict}");
    }
    let mut forged = taken["snapshot"].as_str().unwrap().to_string();
    let at = forged.len() / 2;
    let other = if &forged[at..=at] == "A" { "B" } else { "A" };
    forged.replace_range(at..=at, other);
    for body in [json!({"snapshot": forged}), json!({"snapshot": "AAAA"})] {
        assert_eq!(served.ask("POST /sessions", &body).0, 400);
    }
}

#[test]
fn the_openapi_document_has_every_route() {
    let served = Served::start(Capacity::default(), Door::default());
    let (_, document) = served.ask("GET /openapi.json", &Value::Null);
    let world = shop().0.name().to_string();
    let mut count = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            count += 1;
            let filled = path
                .replace("{environment}", &world)
                .replace("{id}", "none")
                .replace("{handle}", "none");
            let line = format!("{} {filled}", method.to_uppercase());
            let (status, told) = served.ask(&line, &json!({"split": "train"}));
            // There is such a route: what is missing is the session.
            assert_ne!(status, 405, "{line}: {told}");
            let message = told["error"]["message"].as_str().unwrap_or("");
            assert_ne!(message, "there is no such route", "{line}");
        }
    }
    assert!(count > 25, "{count} routes");
    // Every schema that is named is there.
    let text = document.to_string();
    for named in text.split("#/components/schemas/").skip(1) {
        let name = named.split('"').next().unwrap();
        assert!(
            document["components"]["schemas"][name].is_object(),
            "{name}"
        );
    }
}

#[test]
fn what_was_done_is_counted() {
    let (world, tasks) = shop();
    let served = Served::start(Capacity::default(), Door::default());
    let task = &tasks[0];
    let (_, begun) = served.ask("POST /sessions", &json!({"task": task.id}));
    let path = format!("/sessions/{}", begun["id"].as_str().unwrap());
    let wrong = json!({"tool": "no_such_tool"});
    assert_eq!(served.ask(&format!("POST {path}/call"), &wrong).0, 200);
    let acts = gold(&world, task);
    for (tool, arguments) in &acts {
        let call = json!({"tool": tool, "arguments": arguments});
        assert_eq!(served.ask(&format!("POST {path}/call"), &call).0, 200);
    }
    served.ask(&format!("GET {path}/verdict"), &Value::Null);
    let (_, text) = served.ask("GET /metrics", &Value::Null);
    let text = text.as_str().unwrap();
    let name = world.name();
    for line in [
        "practicum_sessions 1".to_string(),
        "practicum_places 10000".to_string(),
        format!("practicum_sessions_begun_total{{world=\"{name}\"}} 1"),
        format!(
            "practicum_acts_total{{world=\"{name}\",reply=\"ok\"}} {}",
            acts.len()
        ),
        format!("practicum_acts_total{{world=\"{name}\",reply=\"not_found\"}} 1"),
        format!(
            "practicum_act_seconds_count{{world=\"{name}\"}} {}",
            acts.len() + 1
        ),
        format!("practicum_judged_total{{world=\"{name}\",result=\"passed\"}} 1"),
        "practicum_infrastructure_faults_total 0".to_string(),
    ] {
        assert!(text.lines().any(|own| own == line), "no {line} in:\n{text}");
    }
}

#[test]
fn who_is_too_fast_is_held_back_and_then_told() {
    let capacity = Capacity {
        rate: 2,
        ..Capacity::default()
    };
    let served = Served::start(capacity, Door::default());
    assert_eq!(served.ask("POST /sessions", &json!({})).0, 201);
    // The server's clock stands still, at the idle time: two at once, ten more within the five seconds of patience, no more. Those
    // that are held back wait by the runtime's clock, so that they are not waited for here.
    let episodes = served.server.episodes();
    let most = Duration::from_secs(5);
    let pauses: Vec<_> = (0..13)
        .map(|_| episodes.pace("s1", capacity.idle, 2, most))
        .collect();
    assert_eq!(pauses[..2], [Some(Duration::ZERO); 2]);
    assert_eq!(pauses[2], Some(Duration::from_millis(500)));
    assert_eq!(pauses[11], Some(most));
    assert_eq!(pauses[12], None);
    let call = json!({"tool": "a"});
    assert_eq!(served.ask("POST /sessions/s1/call", &call).0, 429);
}
