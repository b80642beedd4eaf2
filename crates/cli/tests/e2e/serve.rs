//! `practicum serve`: it starts, stops, refuses, and loses nothing when it is killed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::serving::Shop;
use crate::support::Bench;

#[test]
fn it_says_where_it_is_and_stops_when_told() {
    let bench = Bench::new();
    let shop = Shop::new(&bench);
    let serving = shop.serve(&bench, &["--log", "json"]);
    assert_eq!(
        serving.ask("GET /health", &Value::Null).1["status"],
        "healthy"
    );
    let (status, begun) = serving.ask("POST /sessions", &json!({}));
    assert_eq!(status, 201);
    let id = begun["id"].as_str().unwrap().to_string();
    assert_eq!(id.len(), 32, "128 random bits");
    let (_, other) = serving.ask("POST /sessions", &json!({}));
    assert_ne!(other["id"], begun["id"]);
    let (status, log) = serving.terminate();
    assert!(status.success(), "{log}");
    for words in ["Serving 1 worlds and", "curl http://127.0.0.1:", "stopped"] {
        assert!(log.contains(words), "no {words:?} in: {log}");
    }
    // Who reads the log cannot act.
    assert!(log.contains(&id[..8]) && !log.contains(&id), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn wrong_arguments_are_told() {
    let bench = Bench::new();
    let shop = Shop::new(&bench);
    let world = shop.arguments[0].as_str();
    let tasks = shop.arguments[2].as_str();
    bench.write("short", "secret");
    bench.write("no-task.jsonl", "{}\n");
    bench.write("empty/readme.md", "");
    let open = ["serve", world, "--address", "0.0.0.0:0"];
    bench.run(&open).refused(&["a token is needed", "openssl"]);
    let short = [&open[..], &["--token-file", "short"]].concat();
    bench.run(&short).refused(&["shorter than 16"]);
    bench
        .run(&["serve", "nowhere"])
        .refused(&["nowhere", "practicum check"]);
    bench
        .run(&["serve", "empty"])
        .refused(&["nothing to serve in empty", "world.toml"]);
    bench
        .run(&["serve", world, "--tasks", "no-task.jsonl"])
        .refused(&["no-task.jsonl, line 1"]);
    bench
        .run(&["serve", world, world])
        .refused(&["two worlds are named"]);
    bench
        .run(&["serve", world, "--tasks", tasks, tasks])
        .refused(&["two tasks have the id"]);
    bench
        .run(&[
            "serve",
            world,
            "--address",
            "192.0.2.1:1",
            "--token-file",
            tasks,
        ])
        .refused(&["cannot listen on 192.0.2.1:1", "--address"]);
    let _serving = shop.serve(&bench, &["--journal", "journal"]);
    bench
        .run(&["serve", world, "--journal", "journal"])
        .refused(&["another process uses the journal"]);
}

/// One session of the client that survives the server's kills.
struct Running {
    id: String,
    acts: Vec<Value>,
    /// Acts whose reply came.
    acknowledged: usize,
    /// The replies that came.
    replies: BTreeMap<usize, Value>,
}

#[test]
fn a_killed_server_goes_on_with_every_acknowledged_act() {
    const KILLS: usize = 3;
    let bench = Bench::new();
    let shop = Shop::new(&bench);
    let changing = shop
        .tasks
        .iter()
        .filter(|task| !task.kind.changes_nothing());
    let mut serving = shop.serve(&bench, &["--journal", "journal", "--connections", "2"]);
    let mut running: Vec<Running> = Vec::new();
    for task in changing.take(4) {
        let (_, begun) = serving.ask("POST /sessions", &json!({"task": task.id}));
        running.push(Running {
            id: begun["id"].as_str().unwrap().into(),
            acts: shop.gold(task),
            acknowledged: 0,
            replies: BTreeMap::new(),
        });
    }
    let closed = serving.ask("POST /sessions", &json!({})).1["id"].clone();
    let closed = format!("/sessions/{}", closed.as_str().unwrap());
    assert_eq!(
        serving.ask(&format!("DELETE {closed}"), &Value::Null).0,
        204
    );
    let most = running.iter().map(|own| own.acts.len()).max().unwrap();
    let done = AtomicUsize::new(0);
    for kill in 1..=KILLS {
        // Every session goes on at one time; one more begins sessions and makes calls without end. The
        // server dies while all of them wait for it.
        let until =
            running.iter().map(|own| own.acts.len() - 1).sum::<usize>() * kill / (KILLS + 1);
        let dead = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for own in &mut running {
                let (serving, done, dead) = (&serving, &done, &dead);
                scope.spawn(move || {
                    // The last act is left for the end.
                    while own.acknowledged + 1 < own.acts.len() && !dead.load(Ordering::SeqCst) {
                        let at = own.acknowledged;
                        let mut call = own.acts[at].clone();
                        call["request_id"] = format!("act-{at}").into();
                        let line = format!("POST /sessions/{}/call", own.id);
                        let Some((status, reply)) = serving.try_ask(&line, &call) else {
                            return;
                        };
                        assert_eq!(status, 200, "{reply}");
                        own.replies.insert(at, reply);
                        own.acknowledged += 1;
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            let (serving, done, dead) = (&serving, &done, &dead);
            scope.spawn(move || {
                while !dead.load(Ordering::SeqCst) {
                    if done.load(Ordering::SeqCst) >= until {
                        dead.store(true, Ordering::SeqCst);
                        let process = serving.process().to_string();
                        let mut kill = std::process::Command::new("kill");
                        assert!(kill.args(["-KILL", &process]).status().unwrap().success());
                    }
                    let _ = serving.try_ask("POST /sessions", &json!({}));
                }
            });
        });
        serving.kill();
        serving = shop.serve(&bench, &["--journal", "journal", "--connections", "2"]);
        for own in &running {
            // What was acknowledged is there; an act that was under way may be.
            let (status, view) = serving.ask(&format!("GET /sessions/{}", own.id), &Value::Null);
            assert_eq!(status, 200, "{view}");
            let there = view["calls"].as_u64().unwrap() + view["turns"].as_u64().unwrap();
            let there = usize::try_from(there).unwrap();
            assert!(
                (own.acknowledged..=own.acknowledged + 1).contains(&there),
                "{view} after {}",
                own.acknowledged
            );
            // Sent again, the newest acknowledged act is answered as it was.
            if let Some((at, reply)) = own.replies.last_key_value() {
                let mut call = own.acts[*at].clone();
                call["request_id"] = format!("act-{at}").into();
                let line = format!("POST /sessions/{}/call", own.id);
                assert_eq!(serving.ask(&line, &call).1, *reply);
            }
        }
        assert_eq!(serving.ask(&format!("GET {closed}"), &Value::Null).0, 404);
    }
    assert!(most > 1);
    for own in &running {
        let path = format!("/sessions/{}", own.id);
        for (at, act) in own.acts.iter().enumerate().skip(own.acknowledged) {
            let mut call = act.clone();
            call["request_id"] = format!("act-{at}").into();
            assert_eq!(serving.ask(&format!("POST {path}/call"), &call).0, 200);
        }
        let (_, verdict) = serving.ask(&format!("GET {path}/verdict"), &Value::Null);
        assert_eq!(verdict["reward"], json!(1.0), "{verdict}");
    }
    // One part is left: those before it were dropped.
    let parts = std::fs::read_dir(bench.path("journal")).unwrap();
    assert_eq!(parts.count(), 2, "a part and the lock");
}
