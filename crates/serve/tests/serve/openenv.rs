//! OpenEnv's protocol, frame by frame. Its own clients are in the end-to-end tests.

use practicum_serve::{Capacity, Door};
use serde_json::{Value, json};

use crate::served::Served;
use crate::support::{gold, shop};

fn served() -> Served {
    Served::start(Capacity::default(), Door::default())
}

fn reset(task: &str) -> Value {
    json!({"type": "reset", "data": {"task": task}})
}

#[test]
fn an_episode_over_a_socket() {
    let (world, tasks) = shop();
    let served = served();
    let mut socket = served.socket("/ws");
    let state = socket.ask(&json!({"type": "state"}));
    assert_eq!(state["data"], json!({"episode_id": null, "step_count": 0}));
    let tools = socket.ask(&json!({"type": "step", "data": {"type": "list_tools"}}));
    let tools = tools["data"]["observation"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools
        .iter()
        .map(|own| own["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"say") && names.contains(&"finish"));
    assert!(
        tools
            .iter()
            .all(|own| own["input_schema"]["type"] == "object")
    );
    // Nothing is begun for a look.
    assert!(served.server.episodes().is_empty());
    for task in &tasks {
        let seen = socket.ask(&reset(&task.id));
        assert_eq!(seen["type"], "observation");
        assert_eq!(seen["data"]["observation"]["request"], json!(task.intent));
        // What the model reads does not hold what its trainer has.
        let id = seen["data"]["metadata"]["session_id"].as_str().unwrap();
        assert!(!seen["data"]["observation"].to_string().contains(id));
        let acts = gold(&world, task);
        for (at, (tool, arguments)) in acts.iter().enumerate() {
            let seen = socket.call(tool, arguments);
            let data = &seen["data"];
            let last = at + 1 == acts.len();
            assert_eq!(data["done"], json!(last), "{seen}");
            assert_eq!(data["reward"], if last { json!(1.0) } else { Value::Null });
            assert_eq!(data["observation"]["tool_name"], json!(tool));
        }
        // Steps after the end change nothing and are no second reward.
        let after = socket.call("finish", &json!({"outcome": "done", "answer": ""}));
        assert_eq!(after["data"]["reward"], Value::Null);
        assert_eq!(after["data"]["done"], json!(true));
    }
    assert_eq!(served.server.episodes().len(), 1);
    socket.say(&json!({"type": "close"}));
    assert_eq!(socket.hear(), Value::Null);
    while !served.server.episodes().is_empty() {
        std::thread::yield_now();
    }
}

#[test]
fn wrong_frames_are_told_and_the_socket_goes_on() {
    let served = served();
    let mut socket = served.socket("/ws");
    let long = "x".repeat(256);
    for (frame, code) in [
        ("no json".to_string(), "INVALID_JSON"),
        ("[1]".into(), "UNKNOWN_TYPE"),
        (r#"{"type": "jump"}"#.into(), "UNKNOWN_TYPE"),
        (r#"{"type": "step"}"#.into(), "VALIDATION_ERROR"),
        (r#"{"type": "step", "data": []}"#.into(), "VALIDATION_ERROR"),
        (
            r#"{"type": "step", "data": {"type": "x"}}"#.into(),
            "VALIDATION_ERROR",
        ),
        (
            r#"{"type": "step", "data": {"type": "call_tool"}}"#.into(),
            "VALIDATION_ERROR",
        ),
        (
            r#"{"type": "step", "data": {"tool_name": "a", "arguments": 3}}"#.into(),
            "VALIDATION_ERROR",
        ),
        (
            r#"{"type": "reset", "data": {"seed": -1}}"#.into(),
            "VALIDATION_ERROR",
        ),
        (
            r#"{"type": "reset", "data": {"task": "none"}}"#.into(),
            "VALIDATION_ERROR",
        ),
        (
            format!(r#"{{"type": "reset", "data": {{"episode_id": "{long}"}}}}"#),
            "VALIDATION_ERROR",
        ),
    ] {
        socket
            .0
            .send(tungstenite::Message::text(frame.as_str()))
            .unwrap();
        let told = socket.hear();
        assert_eq!(told["type"], "error", "{frame}");
        assert_eq!(told["data"]["code"], code, "{frame}");
        assert!(told["data"]["message"].is_string());
    }
    socket
        .0
        .send(tungstenite::Message::binary(vec![0xff]))
        .unwrap();
    assert_eq!(socket.hear()["data"]["code"], "INVALID_JSON");
    // Rows of a data set have more columns than a reset knows.
    let row = json!({"type": "reset", "data": {"prompt": "Hello", "seed": 1, "task": null}});
    let seen = socket.ask(&row);
    assert_eq!(seen["data"]["metadata"]["ignored"], json!(["prompt"]));
    for (tool, arguments, error) in [
        ("no_such_tool", json!({}), "tool_not_found"),
        ("say", json!({}), "invalid_args"),
        // As a model's text, which is no JSON here.
        ("say", json!("{"), "invalid_args"),
    ] {
        let seen = socket.call(tool, &arguments);
        let observation = &seen["data"]["observation"];
        assert_eq!(observation["error"]["error_type"], error);
        assert!(observation["result"]["error"]["message"].is_string());
        assert_eq!(seen["data"]["done"], json!(false));
    }
}

#[test]
fn a_session_goes_on_over_another_socket() {
    let (world, tasks) = shop();
    let served = served();
    let task = tasks.iter().find(|task| !task.kind.changes_nothing());
    let task = task.unwrap();
    let mut socket = served.socket("/ws");
    let seen = socket.ask(&reset(&task.id));
    let id = seen["data"]["metadata"]["session_id"].as_str().unwrap();
    let acts = gold(&world, task);
    for (at, (tool, arguments)) in acts.iter().enumerate() {
        let action = json!({
            "type": "call_tool",
            "tool_name": tool,
            "arguments": arguments,
            "request_id": format!("act-{at}"),
        });
        let step = json!({"type": "step", "data": action});
        let first = socket.ask(&step);
        // The socket dies without a word, or is still there while its client comes back already.
        let mut next = served.socket(&format!("/sessions/{id}/ws"));
        assert_eq!(next.ask(&step), first, "the same act, sent again");
        if at % 2 == 0 {
            assert_eq!(socket.hear()["data"]["code"], "SESSION_ERROR");
            assert_eq!(socket.hear(), Value::Null);
        }
        socket = next;
        if at + 1 == acts.len() {
            assert_eq!(first["data"]["reward"], json!(1.0));
        }
    }
    let state = socket.ask(&json!({"type": "state"}));
    assert_eq!(state["data"]["episode_id"], json!(id));
    assert_eq!(state["data"]["step_count"], json!(acts.len()));
    let mut nowhere = served.socket("/sessions/none/ws");
    assert_eq!(nowhere.hear()["data"]["code"], "SESSION_ERROR");
    assert_eq!(nowhere.hear(), Value::Null);
}

#[test]
fn a_session_over_http_with_a_socket_beside_it() {
    let (world, tasks) = shop();
    let served = served();
    let rpc = |method: &str, params: Value| {
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let (status, told) = served.ask("POST /mcp", &request);
        assert_eq!(status, 200);
        assert_eq!((&told["jsonrpc"], &told["id"]), (&json!("2.0"), &json!(7)));
        told
    };
    let made = rpc("openenv/session/create", json!({}));
    let id = made["result"]["session_id"].as_str().unwrap().to_string();
    let mut socket = served.socket(&format!("/ws?session_id={id}"));
    let task = &tasks[0];
    socket.ask(&reset(&task.id));
    let listed = rpc("tools/list", json!({"session_id": id}));
    assert!(listed["result"]["tools"][0]["inputSchema"].is_object());
    let acts = gold(&world, task);
    for (at, (tool, arguments)) in acts.iter().enumerate() {
        let call = json!({"name": tool, "arguments": arguments, "session_id": id});
        let told = rpc("tools/call", call);
        let last = at + 1 == acts.len();
        assert_eq!(told["result"]["done"], json!(last));
        assert_eq!(told["result"]["is_error"], json!(false));
        assert_eq!(
            told["result"]["reward"],
            if last { json!(1.0) } else { Value::Null }
        );
    }
    let state = socket.ask(&json!({"type": "state"}));
    assert_eq!(state["data"]["ended"], json!("finished"));
    // While a socket holds it, it is closed when that leaves.
    let closing = rpc("openenv/session/close", json!({"session_id": id}));
    assert_eq!(closing["result"]["closing"], json!(true));
    socket.say(&json!({"type": "close"}));
    while !served.server.episodes().is_empty() {
        std::thread::yield_now();
    }
    let made = rpc("openenv/session/create", json!({}));
    let id = made["result"]["session_id"].as_str().unwrap();
    let closed = rpc("openenv/session/close", json!({"session_id": id}));
    assert_eq!(closed["result"], json!({"session_id": id, "closed": true}));
    // Without a session, a call has an episode of its own.
    let (tool, arguments) = &acts[0];
    let told = rpc("tools/call", json!({"name": tool, "arguments": arguments}));
    assert!(told["result"]["data"].is_object() || told["result"]["data"].is_array());
    assert!(served.server.episodes().is_empty());
    for (method, params, code) in [
        ("initialize", json!({}), -32601),
        ("tools/call", json!({}), -32602),
        (
            "tools/call",
            json!({"name": "a", "session_id": "none"}),
            -32602,
        ),
        ("tools/list", json!({"session_id": 3}), -32602),
        ("openenv/session/close", json!({}), -32602),
        (
            "openenv/session/close",
            json!({"session_id": "none"}),
            -32602,
        ),
    ] {
        assert_eq!(
            rpc(method, params)["error"]["code"],
            json!(code),
            "{method}"
        );
    }
    for body in [
        json!({}),
        json!([]),
        json!({"jsonrpc": "2.0"}),
        json!({"jsonrpc": "2.0", "method": "tools/list", "extra": 1}),
        json!({"jsonrpc": "2.0", "method": "tools/list", "params": []}),
    ] {
        let (status, told) = served.ask("POST /mcp", &body);
        assert_eq!(
            (status, &told["error"]["code"]),
            (200, &json!(-32600)),
            "{body}"
        );
    }
    let mut socket = served.socket("/mcp");
    let list = json!({"jsonrpc": "2.0", "id": "a", "method": "tools/list"});
    assert!(socket.ask(&list)["result"]["tools"].is_array());
    let call = json!({"jsonrpc": "2.0", "id": "b", "method": "tools/call",
        "params": {"name": tool, "arguments": arguments}});
    assert_eq!(socket.ask(&call)["result"]["is_error"], json!(false));
    assert_eq!(served.server.episodes().len(), 1, "it keeps its episode");
}

#[test]
fn requests_without_a_socket() {
    let (world, tasks) = shop();
    let served = served();
    let task = &tasks[0];
    let (status, seen) = served.ask("POST /reset", &json!({"task": task.id}));
    assert_eq!(status, 200);
    assert_eq!(seen["observation"]["request"], json!(task.intent));
    let (tool, arguments) = &gold(&world, task)[0];
    let action = json!({"type": "call_tool", "tool_name": tool, "arguments": arguments});
    let (status, seen) = served.ask("POST /step", &json!({"action": action}));
    assert_eq!((status, &seen["done"]), (200, &json!(false)));
    assert_eq!(
        served
            .ask("POST /step", &json!({"action": {"type": "x"}}))
            .0,
        422
    );
    assert_eq!(served.ask("POST /step", &json!({})).0, 422);
    assert_eq!(served.ask("POST /reset", &json!({"seed": "x"})).0, 422);
    assert_eq!(
        served.ask("POST /reset", &json!({"session_id": "none"})).0,
        404
    );
    assert_eq!(
        served.ask("GET /state", &Value::Null).1["step_count"],
        json!(0)
    );
    assert!(
        served.server.episodes().is_empty(),
        "nothing is left behind"
    );
    // With a session's id, they are about that session.
    let (_, begun) = served.ask("POST /sessions", &json!({"task": task.id}));
    let id = begun["id"].as_str().unwrap();
    for (tool, arguments) in gold(&world, task) {
        let action = json!({"type": "call_tool", "tool_name": tool, "arguments": arguments});
        let step = json!({"action": action, "session_id": id});
        assert_eq!(served.ask("POST /step", &step).0, 200);
    }
    let (_, state) = served.ask(&format!("GET /state?session_id={id}"), &Value::Null);
    assert_eq!(state["ended"], json!("finished"));
}

#[test]
fn each_world_is_an_environment_with_tasks() {
    let (world, tasks) = shop();
    let served = served();
    let name = world.name();
    let (_, listed) = served.ask("GET /list_environments", &Value::Null);
    assert_eq!(listed, json!([name]));
    for prefix in [String::new(), format!("/worlds/{name}")] {
        let ask = |route: &str, body: Value| {
            let line = format!("POST {prefix}/{name}/{route}");
            served.ask(&line, &body)
        };
        let (_, splits) = served.ask(&format!("GET {prefix}/{name}/splits"), &Value::Null);
        assert_eq!(splits, json!([{"name": "train", "type": "train"}]));
        let (_, all) = ask("tasks", json!({"split": "train"}));
        assert_eq!(all["tasks"].as_array().unwrap().len(), tasks.len());
        let (_, count) = ask("num_tasks", json!({"split": "train"}));
        assert_eq!(count, json!({"num_tasks": tasks.len()}));
        let (_, one) = ask("task", json!({"split": "train", "index": 1}));
        assert_eq!(one["task"], all["tasks"][1]);
        let (_, some) = ask(
            "task_range",
            json!({"split": "train", "start": 1, "stop": 3}),
        );
        assert_eq!(some["tasks"].as_array().unwrap().len(), 2);
        assert_eq!(ask("task", json!({"split": "train", "index": -1})).0, 400);
        assert_eq!(ask("task", json!({"split": "test", "index": 0})).0, 400);
        assert_eq!(ask("tasks", json!({})).0, 422);
        let line = format!("GET {prefix}/nowhere/splits");
        assert_eq!(served.ask(&line, &Value::Null).0, 404);
        // A task as the API gave it begins its episode.
        let mut socket = served.socket(&format!("{prefix}/ws"));
        let seen = socket.ask(&json!({"type": "reset", "data": {"task": one["task"]}}));
        assert_eq!(seen["data"]["metadata"]["task"], one["task"]["id"]);
        // A seed draws.
        let seen = socket.ask(&json!({"type": "reset", "data": {"seed": tasks.len() + 2}}));
        assert_eq!(seen["data"]["metadata"]["task"], json!(tasks[2].id));
    }
    assert_eq!(
        served.ask("GET /worlds/nowhere/schema", &Value::Null).0,
        404
    );
    let (status, manifest) = served.ask("GET /openenv.yaml", &Value::Null);
    assert_eq!(status, 200);
    assert!(manifest.as_str().unwrap().contains("kind: reward_channel"));
}

#[test]
fn a_server_that_stops_tells_its_sockets() {
    let served = served();
    let mut socket = served.socket("/ws");
    socket.ask(&json!({"type": "reset"}));
    served.stop();
    loop {
        match socket.0.read() {
            Ok(tungstenite::Message::Close(Some(frame))) => {
                assert_eq!(u16::from(frame.code), 1001);
                break;
            }
            Ok(_) => {}
            Err(error) => panic!("no farewell: {error}"),
        }
    }
}

#[test]
fn over_capacity_one_waits_and_pings_are_answered_meanwhile() {
    let capacity = Capacity {
        episodes: 1,
        queue: 1,
        ..Capacity::default()
    };
    let served = Served::start(capacity, Door::default());
    let mut first = served.socket("/ws");
    first.ask(&json!({"type": "reset"}));
    let mut second = served.socket("/ws");
    second.say(&json!({"type": "reset"}));
    // While its reset waits for a place.
    second
        .0
        .send(tungstenite::Message::Ping(vec![7].into()))
        .unwrap();
    loop {
        match second.0.read().unwrap() {
            tungstenite::Message::Pong(bytes) => {
                assert_eq!(bytes[..], [7]);
                break;
            }
            tungstenite::Message::Ping(_) => {}
            other => panic!("{other} before the pong"),
        }
    }
    while served.server.waiting() == 0 {
        std::thread::yield_now();
    }
    let mut third = served.socket("/ws");
    let full = third.ask(&json!({"type": "reset"}));
    assert_eq!(full["data"]["code"], "CAPACITY_REACHED");
    assert_eq!(full["data"]["max_sessions"], json!(1));
    first.say(&json!({"type": "close"}));
    assert_eq!(second.hear()["type"], "observation");
    // One that gives up while it waits is no longer waited for, and takes no place.
    third.say(&json!({"type": "reset"}));
    while served.server.waiting() == 0 {
        std::thread::yield_now();
    }
    drop(third);
    while served.server.waiting() > 0 {
        std::thread::yield_now();
    }
    second.say(&json!({"type": "close"}));
    let mut fourth = served.socket("/ws");
    assert_eq!(fourth.ask(&json!({"type": "reset"}))["type"], "observation");
    assert_eq!(served.server.episodes().len(), 1);
}
