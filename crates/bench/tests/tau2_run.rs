//! Trials of tau2-bench with models: an endpoint plays gold as both parties, and as the judge.
//!
//! The benchmark's data lies beside the checkout or nowhere. To let the official package grade what was
//! played, name a Python 3.12 that has it in `PRACTICUM_TAU2_PYTHON`.

#![allow(clippy::print_stderr, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use practicum_bench::tau2::{
    Action, Benchmark, Domain, Limits, Prompts, Requestor, Results, RunError, RunOptions, Runner,
    Side, Termination, TrajectoryMessage, Trial,
};
use practicum_chat::{Message, Role};
use practicum_client::{Client, ClientOptions, Clock, Sampling};
use practicum_rollout::{ModelAgent, Speech};
use practicum_stub::{Answering, Behaviour, Break, Stub};
use serde::Deserialize;
use serde_json::{Value, json};

fn data() -> Option<Benchmark> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/benchmarks/tau2");
    if path.is_dir() {
        return Some(Benchmark::open(&path).unwrap());
    }
    eprintln!("skipped: there is no {}", path.display());
    None
}

#[derive(Deserialize)]
struct Request {
    model: String,
    messages: Vec<Message>,
    seed: u64,
}

/// What is to be done in a task.
struct Part {
    id: String,
    gold: Vec<Action>,
    say: String,
}

/// Base tasks, no two of which tell the user the same.
fn chosen(benchmark: &Benchmark, domain: Domain, count: usize) -> Vec<String> {
    let prompts = Prompts::read(benchmark, domain.has_user_tools()).unwrap();
    let base = &benchmark.splits(domain).unwrap()["base"];
    let mut told = BTreeSet::new();
    let documents = benchmark.task_documents(domain).unwrap();
    documents
        .iter()
        .filter(|document| base.iter().any(|id| document["id"] == **id))
        .filter(|document| told.insert(prompts.user(document)))
        .map(|document| document["id"].as_str().unwrap().to_string())
        .take(count)
        .collect()
}

/// Plays gold: each party makes the calls that are its own, and says how far they are: `over 3`.
fn gold(benchmark: &Benchmark, domain: Domain) -> Answering {
    let prompts = Prompts::read(benchmark, domain.has_user_tools()).unwrap();
    let documents = benchmark.task_documents(domain).unwrap();
    let tasks = benchmark.tasks(domain).unwrap();
    let base = &benchmark.splits(domain).unwrap()["base"];
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    for (task, document) in tasks.into_iter().zip(&documents) {
        let told = prompts.user(document);
        // Some tasks of telecom differ in what the user does not know.
        if !base.contains(&task.id) || parts.contains_key(&told) {
            continue;
        }
        let criteria = task.evaluation_criteria.unwrap();
        let part = Part {
            id: task.id,
            gold: criteria.actions.unwrap_or_default(),
            say: criteria.communicate_info.unwrap_or_default().join(" and "),
        };
        parts.insert(told, part);
    }
    Arc::new(move |body: &[u8]| {
        let request: Request = serde_json::from_slice(body).unwrap();
        assert!(request.seed < 1 << 31);
        let messages = &request.messages;
        let user = request.model == "user";
        let text = |text: String| json!({"role": "assistant", "content": text});
        if request.model == "judge" {
            let sentences = messages[1].content.matches("', ").count() + 1;
            let held = json!({"metExpectation": true, "reasoning": "so it is"});
            return text(json!({"results": vec![held; sentences]}).to_string());
        }
        let part = if user {
            &parts[&messages[0].content]
        } else {
            let first = messages.iter().find(|own| own.role == Role::User).unwrap();
            let id = first.content.split(" :: ").next().unwrap();
            parts.values().find(|part| part.id == id).unwrap()
        };
        let place = |own: &Message| -> Option<usize> {
            (own.role == Role::User)
                .then(|| own.content.rsplit_once("over ")?.1.parse().ok())
                .flatten()
        };
        let heard = messages.iter().rposition(|own| own.role == Role::User);
        let heard = heard.unwrap();
        let Some(from) = place(&messages[heard]) else {
            return text(format!("{} :: over 0", part.id));
        };
        let made: usize = messages[heard..]
            .iter()
            .map(|own| own.tool_calls.len())
            .sum();
        let at = from + made;
        let me = if user {
            Requestor::User
        } else {
            Requestor::Assistant
        };
        match part.gold.get(at) {
            Some(call) if call.requestor == me => json!({"role": "assistant", "content": "",
                "tool_calls": [{"id": "", "type": "function", "function": {
                    "name": call.name, "arguments": json!(call.arguments).to_string()}}]}),
            None if user => text("###STOP###".into()),
            None => text(format!("{} :: over {at}", part.say)),
            Some(_) => text(format!("over {at}")),
        }
    })
}

fn clock() -> Clock {
    Arc::new(|| Duration::from_hours(492_345))
}

fn side(stub: &Stub, model: &str) -> Side {
    let options = ClientOptions {
        pause: Duration::from_millis(1),
        ..ClientOptions::new(stub.endpoint())
    };
    Side {
        client: Arc::new(Client::new(options, clock()).unwrap()),
        model: ModelAgent {
            model: model.into(),
            speech: Speech::Native,
            sampling: Sampling::default(),
            seed: 300,
        },
        prices: Some((1.0, 2.0)),
    }
}

fn options(domain: Domain) -> RunOptions {
    RunOptions {
        domain: domain.name().into(),
        limits: Limits::default(),
        time: None,
        tries: 2,
        seed: 300,
        program: "practicum".into(),
    }
}

fn runner(
    benchmark: &Benchmark,
    options: RunOptions,
    stub: &Stub,
    judge: bool,
) -> Result<Runner, RunError> {
    Runner::new(
        benchmark,
        options,
        side(stub, "agent"),
        side(stub, "user"),
        judge.then(|| side(stub, "judge")),
        clock(),
        clock(),
    )
}

async fn played(runner: &Runner, task: &str, trial: u32) -> practicum_bench::tau2::Simulation {
    match runner.trial(task, trial).await.unwrap() {
        Trial::Played(simulation) => *simulation,
        other => panic!("{other:?}"),
    }
}

/// The base tasks of a domain, played by gold.
async fn base_run(benchmark: &Benchmark, domain: Domain, count: usize) -> Results {
    let behaviour = Behaviour {
        breaks: vec![Break::Drop, Break::Internal, Break::HalfJson],
        share: 10,
        ..Behaviour::default()
    };
    let stub = Stub::start(behaviour, gold(benchmark, domain))
        .await
        .unwrap();
    let runner = runner(benchmark, options(domain), &stub, true).unwrap();
    let ids = chosen(benchmark, domain, count);
    let mut simulations = Vec::new();
    for id in &ids {
        simulations.push(played(&runner, id, 0).await);
    }
    Results {
        timestamp: None,
        info: runner.info(1),
        tasks: ids
            .iter()
            .map(|id| runner.grader().document(id).unwrap().clone())
            .collect(),
        simulations,
    }
}

#[tokio::test]
async fn gold_succeeds_in_every_domain() {
    let Some(benchmark) = data() else { return };
    for domain in Domain::ALL {
        let results = base_run(&benchmark, domain, 12).await;
        for one in &results.simulations {
            assert_eq!(one.termination_reason, Termination::UserStop, "{}", one.id);
            assert_eq!(one.reward(), Some(1.0), "{}: {:?}", one.id, one.reward_info);
            assert!(one.agent_cost.unwrap() > 0.0 && one.user_cost.unwrap() > 0.0);
            let messages = one.messages.as_ref().unwrap();
            assert!(matches!(&messages[0], TrajectoryMessage::Assistant(said)
                if said.content.as_deref() == Some(practicum_bench::tau2::GREETING)));
        }
        assert_eq!(results.counts().len(), 12);
    }
}

#[tokio::test]
#[allow(clippy::disallowed_methods)] // the one place that names another program for this test
async fn the_official_program_grades_what_was_played_as_we_do() {
    let Some(benchmark) = data() else { return };
    let Some(python) = std::env::var_os("PRACTICUM_TAU2_PYTHON") else {
        eprintln!("skipped: PRACTICUM_TAU2_PYTHON names no Python with the tau2 package");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(python);
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    command
        .arg(peers.join("tau2_results.py"))
        .arg("--view")
        .arg("--results");
    for domain in Domain::ALL {
        let path = folder.path().join(format!("{}.json", domain.name()));
        let results = base_run(&benchmark, domain, 10).await;
        std::fs::write(&path, serde_json::to_string(&results).unwrap()).unwrap();
        command.arg(path);
    }
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}{errors}");
    assert_eq!(said.matches(" 0 differ;").count(), 3, "{said}");
}

#[tokio::test]
async fn without_a_judge_its_part_is_unknown() {
    let Some(benchmark) = data() else { return };
    let domain = Domain::Retail;
    let stub = Stub::start(Behaviour::default(), gold(&benchmark, domain))
        .await
        .unwrap();
    let tasks = benchmark.tasks(domain).unwrap();
    let judged = tasks
        .iter()
        .find(|task| !practicum_bench::tau2::sentences_to_judge(task).is_empty())
        .unwrap();
    let alone = runner(&benchmark, options(domain), &stub, false).unwrap();
    let one = played(&alone, &judged.id, 0).await;
    assert_eq!(one.reward_info, None);
    let why = one.info.unwrap()["not_judged"]
        .as_str()
        .unwrap()
        .to_string();
    assert!(why.contains("none was given"), "{why}");
    let with = runner(&benchmark, options(domain), &stub, true).unwrap();
    let one = played(&with, &judged.id, 0).await;
    let info = one.reward_info.unwrap();
    assert!(info.reward > 0.5 && !info.nl_assertions.unwrap().is_empty());
}

/// A model that says what a function of the turn says.
async fn says(answer: fn(&str, usize) -> Value) -> Stub {
    let answering: Answering = Arc::new(move |body: &[u8]| {
        let request: Request = serde_json::from_slice(body).unwrap();
        answer(&request.model, request.messages.len())
    });
    Stub::start(Behaviour::default(), answering).await.unwrap()
}

fn call(name: &str, arguments: &str) -> Value {
    json!({"role": "assistant", "content": "One moment.", "tool_calls": [
        {"id": "x", "type": "function", "function": {"name": name, "arguments": arguments}}]})
}

#[tokio::test]
async fn conversations_end_by_the_rules() {
    let Some(benchmark) = data() else { return };
    let domain = Domain::Airline;
    let talk = says(|_, _| json!({"role": "assistant", "content": "Go on."})).await;
    let errors = says(|model, _| match model {
        "user" => json!({"role": "assistant", "content": "Please."}),
        _ => call("no_such_tool", "{}"),
    })
    .await;
    let silent = says(|model, _| match model {
        "user" => json!({"role": "assistant", "content": "Please."}),
        _ => json!({"role": "assistant", "content": "  "}),
    })
    .await;
    let half = says(|model, _| match model {
        "user" => json!({"role": "assistant", "content": "Please."}),
        _ => call("get_user_details", "{\"user_id\": "),
    })
    .await;
    let mute = says(|_, _| json!({"role": "assistant", "content": ""})).await;
    let transfer = says(|_, _| json!({"role": "assistant", "content": "###TRANSFER### now"})).await;
    for (stub, ending, messages) in [
        (&talk, Termination::MaxSteps, 201),
        // Ten calls with their replies, after greeting and request.
        (&errors, Termination::TooManyErrors, 22),
        (&silent, Termination::AgentError, 2),
        (&half, Termination::AgentError, 2),
        (&transfer, Termination::UserStop, 2),
    ] {
        let runner = runner(&benchmark, options(domain), stub, false).unwrap();
        let one = played(&runner, "0", 1).await;
        assert_eq!(one.termination_reason, ending);
        assert_eq!(one.messages.as_ref().unwrap().len(), messages, "{ending:?}");
        if ending != Termination::UserStop {
            assert_eq!(one.reward(), Some(0.0));
        }
        assert_eq!(one.seed, Some(runner.seed_of(1)));
    }
    // The user's model, not the agent's, fails: nothing is counted.
    let runner = runner(&benchmark, options(domain), &mute, false).unwrap();
    let Trial::Lost(one) = runner.trial("0", 0).await.unwrap() else {
        panic!("it was played");
    };
    assert_eq!(one.reward(), None);
    assert_eq!(one.termination_reason, Termination::InfrastructureError);
    assert_eq!(mute.requests(), 2);
    let stranger = runner.trial("none", 0).await;
    assert!(matches!(stranger, Err(RunError::NoTask(..))));
}
