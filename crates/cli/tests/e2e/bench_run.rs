//! `practicum bench run`: a model on a small shop in tau2's layout, stopped and gone on with.

use std::sync::Arc;

use practicum_stub::{Answering, Behaviour, Stub};
use serde_json::{Value, json};

use crate::bench_tau2::with_data;
use crate::support::Bench;

const FOLDER: &str = "checkout/data/tau2/domains/retail";

fn shop() -> Bench {
    let bench = with_data();
    bench.write(&format!("{FOLDER}/policy.md"), "Be kind.");
    bench.write(&format!("{FOLDER}/split_tasks.json"), r#"{"base": ["0"]}"#);
    let guidelines = "checkout/data/tau2/user_simulator/simulation_guidelines.md";
    bench.write(guidelines, "You call a shop.<PERSONA_GUIDELINES>");
    bench
}

/// The agent changes the order as it should, but for every second seed; the user then stops.
fn agent_and_user() -> Answering {
    Arc::new(|body: &[u8]| {
        let request: Value = serde_json::from_slice(body).unwrap();
        let messages = request["messages"].as_array().unwrap();
        let told = messages[0]["content"].as_str().unwrap();
        let last = messages.last().unwrap();
        let text = |text: &str| json!({"role": "assistant", "content": text});
        if told.starts_with("You call a shop.") {
            assert!(request.get("tools").is_none());
            return match messages.len() {
                2 => text("I want V2 instead."),
                _ => text("Thanks. ###STOP###"),
            };
        }
        assert!(told.contains("Be kind."), "{told}");
        assert_eq!(request["tools"].as_array().unwrap().len(), 16);
        if last["role"] == "tool" {
            return text("It is changed.");
        }
        let item = if request["seed"].as_u64().unwrap().is_multiple_of(2) {
            "V2"
        } else {
            "V1"
        };
        let arguments = json!({"order_id": "#W1", "item_ids": ["V1"], "new_item_ids": [item],
                               "payment_method_id": "gift_card_1"});
        json!({"role": "assistant", "content": "", "tool_calls": [{"id": "a", "type": "function",
            "function": {"name": "modify_pending_order_items", "arguments": arguments.to_string()}}]})
    })
}

fn endpoint(answering: Answering) -> (tokio::runtime::Runtime, Stub) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stub = runtime
        .block_on(Stub::start(Behaviour::default(), answering))
        .unwrap();
    (runtime, stub)
}

#[test]
fn a_run_goes_on_where_it_stopped() {
    let bench = shop();
    let (_runtime, stub) = endpoint(agent_and_user());
    let address = stub.endpoint();
    let arguments = |trials: &'static str, seed: &'static str| -> Vec<String> {
        [
            "bench", "run", "tau2", "--data", "checkout", "--domain", "retail",
        ]
        .into_iter()
        .chain(["--out", "run", "--model", "stub", "--endpoint", &address])
        .chain(["--trials", trials, "--seed", seed])
        .map(String::from)
        .collect()
    };
    let run = |trials, seed| {
        let arguments = arguments(trials, seed);
        bench.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let ran = run("2", "300").done();
    assert!(ran.stdout.starts_with("retail: "), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("described in this program's words"),
        "{}",
        ran.stderr
    );
    assert_eq!(stub.requests(), 8);

    // Half a record, as a kill leaves it, is made again; whole ones are not.
    let log = bench.path("run/retail/simulations.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, &text[..text.len() - 40]).unwrap();
    let ran = run("6", "300").done();
    assert_eq!(stub.requests(), 8 + 5 * 4);
    let results = std::fs::read_to_string(bench.path("run/retail/results.json")).unwrap();
    let results: Value = serde_json::from_str(&results).unwrap();
    let simulations = results["simulations"].as_array().unwrap();
    assert_eq!(simulations.len(), 6);
    let mut right = 0;
    for (trial, one) in simulations.iter().enumerate() {
        assert_eq!(one["trial"], trial);
        assert_eq!(one["termination_reason"], "user_stop");
        let even = one["seed"].as_u64().unwrap().is_multiple_of(2);
        assert_eq!(one["reward_info"]["reward"], if even { 1.0 } else { 0.0 });
        right += u32::from(even);
    }
    assert!(
        ran.stdout.starts_with(&format!(
            "retail: {right} of 6 trials of 1 tasks succeed\npass^1 "
        )),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.stdout.matches("pass^").count(), 6);

    run("6", "7").refused(&["holds a run of another kind: its seed differs"]);
    let again = [
        "bench",
        "score",
        "tau2",
        "--data",
        "checkout",
        "--results",
        "run/retail/results.json",
    ];
    let ran = bench.run(&again).done();
    assert!(!ran.stderr.contains("are not those in the file"));

    let report = [
        "bench",
        "report",
        "--tau2",
        "run/retail/results.json",
        "--data",
        "checkout",
        "--name",
        "Mine",
    ];
    let text = bench.run(&report).done().stdout;
    for words in [
        "| **Mine** | – | – | ",
        "| **Mine, basis of 2025** | – | – | ",
        "| AgentScaler-4B | 64.3 | 54.0 | 62.3 | 56.0 | 48.2 | 70.3 | 76.7 | 30.8 | 65.9 |",
        "- τ² retail: 1 tasks, 6 trials of each; agent stub, user stub; run by practicum ",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    bench
        .run(&["bench", "report"])
        .refused(&["there is nothing to report"]);
}

#[test]
fn what_the_infrastructure_ends_counts_for_nothing() {
    let bench = shop();
    let command = [
        "bench",
        "run",
        "tau2",
        "--data",
        "checkout",
        "--domain",
        "retail",
        "--out",
        "run",
        "--model",
        "stub",
        "--endpoint",
        "http://127.0.0.1:9/v1",
        "--tries",
        "1",
    ];
    let ran = bench.run(&command);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("count for nothing"), "{}", ran.stderr);
    assert!(
        ran.stdout
            .contains("not counted: 1 trials that the infrastructure ended"),
        "{}",
        ran.stdout
    );
    let log = bench.path("run/retail/simulations.jsonl");
    assert_eq!(std::fs::metadata(log).unwrap().len(), 0);
    let wrong = |more: &[&'static str], words: &str| {
        bench.run(&[&command[..], more].concat()).refused(&[words]);
    };
    wrong(
        &["--split", "train"],
        "retail has no split \"train\"; it has: base",
    );
    wrong(&["--task-ids", "7"], "retail has no task \"7\"");
    wrong(&["--speech", "smoke"], "there is no way of speaking");
}

/// Two normal questions and a special one.
fn questions() -> Bench {
    let bench = Bench::new();
    let function = json!({"name": "Lamp_on", "description": "Turns a lamp on.", "parameters": {
        "type": "object", "properties": {"room": {"type": "string"}}, "required": ["room"]}});
    let folder = "ace/data_all/data_en";
    let question = |id: &str, room: &str| {
        json!({"id": id, "question": format!("user: Light in the {room}.\n"), "time": "", "function": [function]})
            .to_string()
            + "\n"
    };
    let answer =
        |id: &str, truth: Value| json!({"id": id, "ground_truth": truth}).to_string() + "\n";
    let right = |room: &str| json!({"Lamp_on": {"room": room}});
    for (category, lines) in [
        ("normal_atom_bool", ["hall", "yard"].as_slice()),
        ("special_irrelevant", ["moon"].as_slice()),
    ] {
        let id = |at: usize| format!("{category}_{at}");
        let asked: String = lines
            .iter()
            .enumerate()
            .map(|(at, room)| question(&id(at), room))
            .collect();
        let told: String = lines
            .iter()
            .enumerate()
            .map(|(at, room)| match category {
                "normal_atom_bool" => answer(&id(at), right(room)),
                _ => answer(&id(at), json!("the limitations of the function")),
            })
            .collect();
        bench.write(&format!("{folder}/data_{category}.json"), asked);
        bench.write(
            &format!("{folder}/possible_answer/data_{category}.json"),
            told,
        );
    }
    bench
}

#[test]
fn questions_are_asked_once_and_their_answers_scored() {
    let bench = questions();
    let answering: Answering = Arc::new(|body: &[u8]| {
        let request: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(request["temperature"], 0.7);
        let told = request["messages"][0]["content"].as_str().unwrap();
        assert!(
            told.contains("[{'name': 'Lamp_on', 'description': 'Turns a lamp on.'"),
            "{told}"
        );
        let asked = request["messages"][1]["content"].as_str().unwrap();
        let said = match asked {
            _ if asked.contains("hall") => "<think>The hall.</think>[Lamp_on(room='hall')]",
            _ if asked.contains("yard") => "[Lamp_on(room='attic')]",
            _ => "[\"Due to the limitations of the function, I cannot solve this problem.\"]",
        };
        json!({"role": "assistant", "content": said})
    });
    let (_runtime, stub) = endpoint(answering);
    let address = stub.endpoint();
    let command = [
        "bench",
        "run",
        "acebench",
        "--data",
        "ace",
        "--out",
        "run",
        "--model",
        "some/model",
        "--endpoint",
        &address,
    ];
    let ran = bench.run(&command).done();
    assert!(
        ran.stderr.contains("in this program's words"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("1/2"), "{}", ran.stdout);
    assert_eq!(stub.requests(), 3);
    bench.run(&command).done();
    assert_eq!(stub.requests(), 3);

    // The folder is the official layout, which is scored to the same rates.
    let folder = "run/result_all/result_en/some_model";
    let line =
        std::fs::read_to_string(bench.path(&format!("{folder}/data_normal_atom_bool_result.json")))
            .unwrap();
    assert_eq!(
        line.lines().next().unwrap(),
        r#"{"id":"normal_atom_bool_0","result":"[Lamp_on(room='hall')]"}"#
    );
    let score = [
        "bench",
        "score",
        "acebench",
        "--data",
        "ace",
        "--results",
        folder,
        "--summary",
        "again.json",
    ];
    bench.run(&score).done();
    let read = |name: &str| std::fs::read_to_string(bench.path(name)).unwrap();
    assert_eq!(read("again.json"), read("run/summary.json"));

    // With the official program beside the data, its words are used, and that is another run.
    let prompts = ["NORMAL", "PREFERENCE", "SPECIAL"]
        .map(|kind| format!("SYSTEM_PROMPT_FOR_{kind}_DATA_EN = \"\"\"Say {{function}}\"\"\"\n"))
        .concat();
    let prompts = prompts + "USER_PROMPT_EN = \"\"\"Now:\\n{question}\"\"\"\n";
    bench.write("ace/model_inference/prompt_en.py", prompts);
    bench.run(&command).refused(&["its prompts differs"]);
    let agent = [&command[..], &["--category", "agent_multi_turn"]].concat();
    bench
        .run(&agent)
        .refused(&["the environments of agent categories are not ported"]);
}
