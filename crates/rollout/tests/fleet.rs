//! A model behind an endpoint acts on tasks: every attempt gets its verdict once, whatever breaks.
#![allow(clippy::unwrap_used)]

mod oracle;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oracle::{oracle, world_with_tasks};
use practicum_chat::ToolCall;
use practicum_client::{Cassette, Client, ClientOptions, Clock, Recorder, Sampling};
use practicum_rollout::{
    Ending, EpisodeLimits, Fault, Fleet, FleetError, FleetOptions, Ground, ModelAgent, Progress,
    Speech, Trajectory, read_trajectories,
};
use practicum_stub::{Answering, Behaviour, Break, Stub};
use practicum_task::Task;
use practicum_world::World;
use serde_json::{Value, json};

fn clock() -> Clock {
    // A clock that counts how often it is asked: times are in the records, and no test needs real ones.
    let ticks = AtomicU64::new(0);
    Arc::new(move || Duration::from_millis(ticks.fetch_add(1, Ordering::Relaxed)))
}

fn client_options(endpoint: &str) -> ClientOptions {
    ClientOptions {
        pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(3),
        patience: Duration::from_secs(5),
        ..ClientOptions::new(endpoint)
    }
}

fn agent(speech: Speech) -> ModelAgent {
    ModelAgent {
        model: "stub".into(),
        speech,
        sampling: Sampling::default(),
        seed: 1,
    }
}

async fn run(
    client: Client,
    world: &World,
    tasks: &[Task],
    options: FleetOptions,
    folder: &Path,
) -> Result<Progress, FleetError> {
    let ground = Ground::new(world.clone(), tasks.to_vec())?;
    let fleet = Fleet::new(
        client,
        agent(Speech::Native),
        vec![ground],
        options,
        clock(),
    )?;
    Arc::new(fleet).run(folder, |_| {}).await
}

fn read(folder: &Path) -> Vec<Trajectory> {
    let mut all = Vec::new();
    read_trajectories(&folder.join("trajectories.jsonl"), |own| all.push(own)).unwrap();
    all
}

fn message(message: Value) -> Answering {
    Arc::new(move |_: &[u8]| message.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oracle_behind_an_endpoint_passes_everything() {
    let (world, tasks) = world_with_tasks("corner-shop", 20);
    let stub = Stub::start(
        Behaviour::default(),
        oracle(vec![(world.clone(), tasks.clone())]),
    )
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = FleetOptions {
        attempts: 2,
        ..FleetOptions::default()
    };
    let client = Client::new(client_options(&stub.endpoint()), clock()).unwrap();
    let progress = run(client, &world, &tasks, options.clone(), folder.path())
        .await
        .unwrap();
    assert_eq!(progress.total, 2 * tasks.len());
    assert_eq!(
        (progress.done, progress.passed),
        (progress.total, progress.total)
    );
    assert!(progress.over && progress.usage.total() > 0);
    let records = read(folder.path());
    assert_eq!(records.len(), progress.total);
    for own in &records {
        assert_eq!(own.reward(), Some(1.0));
        assert_eq!(own.source, "model");
        assert!(!own.turns.is_empty() && own.usage.unwrap().total() > 0);
        let seeds: BTreeSet<u64> = own.turns.iter().map(|turn| turn.seed).collect();
        assert_eq!(seeds.len(), own.turns.len());
    }

    // The same again: nothing is left to do.
    let asked = stub.requests();
    let client = Client::new(client_options(&stub.endpoint()), clock()).unwrap();
    let again = run(client, &world, &tasks, options.clone(), folder.path())
        .await
        .unwrap();
    assert_eq!((again.done, again.here), (progress.total, 0));
    assert_eq!(stub.requests(), asked);

    // Another run does not go on in this folder.
    let client = Client::new(client_options(&stub.endpoint()), clock()).unwrap();
    let other = FleetOptions {
        limits: EpisodeLimits {
            turns: 3,
            ..EpisodeLimits::default()
        },
        ..options
    };
    let error = run(client, &world, &tasks, other, folder.path())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("limit"), "{error}");
}

/// Every kind of infrastructure fault, and a run that is cut off five times: no attempt is lost, made twice,
/// or scored for what it did not do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_scored_for_what_breaks() {
    let (world, tasks) = world_with_tasks("corner-shop", 20);
    let behaviour = Behaviour {
        breaks: vec![
            Break::Drop,
            Break::DropHalfway,
            Break::TooMany,
            Break::Internal,
            Break::HalfJson,
            Break::NotUtf8,
            Break::Stall(Duration::from_secs(3)),
        ],
        share: 25,
        delay: Duration::ZERO,
    };
    let stub = Stub::start(behaviour, oracle(vec![(world.clone(), tasks.clone())]))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = FleetOptions {
        attempts: 10,
        concurrency: 8,
        ..FleetOptions::default()
    };
    let client = || {
        let options = ClientOptions {
            patience: Duration::from_millis(60),
            ..client_options(&stub.endpoint())
        };
        Client::new(options, clock()).unwrap()
    };
    for _ in 0..5 {
        // Cut off in the middle, as a kill does: the last record is half written.
        let cut = tokio::time::timeout(
            Duration::from_millis(150),
            run(client(), &world, &tasks, options.clone(), folder.path()),
        );
        let _ = cut.await;
        let path = folder.path().join("trajectories.jsonl");
        if let Ok(bytes) = std::fs::read(&path) {
            std::fs::write(&path, &bytes[..bytes.len().saturating_sub(7)]).unwrap();
        }
    }
    let mut progress = Progress::default();
    for _ in 0..20 {
        progress = run(client(), &world, &tasks, options.clone(), folder.path())
            .await
            .unwrap();
        if progress.done == progress.total {
            break;
        }
    }
    assert_eq!(progress.done, 10 * tasks.len());
    assert_eq!(progress.passed, progress.total, "{:?}", progress.faults);
    assert!(stub.broken() > 50);
    let keys: BTreeSet<(String, u32)> = read(folder.path())
        .into_iter()
        .map(|own| (own.task, own.attempt))
        .collect();
    assert_eq!(keys.len(), progress.total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_down_scores_nobody() {
    let (world, tasks) = world_with_tasks("corner-shop", 5);
    let behaviour = Behaviour {
        breaks: vec![Break::Internal],
        share: 100,
        ..Behaviour::default()
    };
    let stub = Stub::start(behaviour, message(Value::Null)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(client_options(&stub.endpoint()), clock()).unwrap();
    let progress = run(
        client,
        &world,
        &tasks,
        FleetOptions::default(),
        folder.path(),
    )
    .await
    .unwrap();
    assert_eq!((progress.done, progress.here), (0, 0));
    assert_eq!(progress.infrastructure["status 500"], tasks.len());
    assert_eq!(progress.begun_again, 2 * tasks.len());
    let faults = std::fs::read_to_string(folder.path().join("faults.jsonl")).unwrap();
    assert_eq!(faults.lines().count(), tasks.len());

    // A key that is refused stops the run at once.
    let client = Client::new(client_options("http://127.0.0.1:9/v1"), clock()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = FleetOptions {
        tries: 1,
        ..FleetOptions::default()
    };
    let progress = run(client, &world, &tasks, options, folder.path())
        .await
        .unwrap();
    assert_eq!(progress.infrastructure["transport"], tasks.len());
}

/// What a model may do wrong ends its episode, and is its fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wild_models_end_at_a_limit_of_their_own() {
    let (world, tasks) = world_with_tasks("corner-shop", 2);
    let call = |name: &str, arguments: &str| ToolCall::new("x", name, arguments);
    let calls =
        |calls: &[ToolCall]| json!({"role": "assistant", "content": null, "tool_calls": calls});
    let tool = world.tools()[0].name.clone();
    let huge = format!("{{\"text\": \"{}\"}}", "x".repeat(1 << 20));
    let cases = [
        (calls(&vec![call(&tool, "{}"); 1000]), Ending::ErrorLimit),
        (calls(&[call("no_such_tool", "{}")]), Ending::ErrorLimit),
        (calls(&[call(&tool, &huge)]), Ending::ErrorLimit),
        (calls(&[call(&tool, "{not json")]), Ending::ErrorLimit),
        (calls(&[call("", "")]), Ending::ErrorLimit),
        (calls(&[call("finish", "{}")]), Ending::ErrorLimit),
        (
            json!({"role": "assistant", "content": ""}),
            Ending::UserGaveUp,
        ),
        (
            json!({"role": "assistant", "content": "Hmm."}),
            Ending::UserGaveUp,
        ),
    ];
    for (answer, ending) in cases {
        let shown = answer.to_string();
        let stub = Stub::start(Behaviour::default(), message(answer))
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let client = Client::new(client_options(&stub.endpoint()), clock()).unwrap();
        let options = FleetOptions {
            errors: 3,
            ..FleetOptions::default()
        };
        let progress = run(client, &world, &tasks, options, folder.path())
            .await
            .unwrap();
        assert_eq!(progress.done, tasks.len());
        for own in read(folder.path()) {
            assert_eq!(own.ending, ending, "{}", &shown[..shown.len().min(200)]);
            assert_eq!(own.fault, Some(Fault::Agent));
            assert_eq!(own.reward(), Some(0.0));
            // Each call has its reply, and nothing is left open.
            let called: usize = own.messages.iter().map(|own| own.tool_calls.len()).sum();
            let replied = own.messages.iter().filter(|own| own.tool_call_id.is_some());
            assert_eq!(called, replied.count());
        }
    }

    // Tokens and a context that is too short have endings of their own.
    let stub = Stub::start(
        Behaviour::default(),
        message(json!({"role": "assistant", "content": "word ".repeat(400)})),
    )
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(client_options(&stub.endpoint()), clock()).unwrap();
    let options = FleetOptions {
        tokens: Some(800),
        ..FleetOptions::default()
    };
    run(client, &world, &tasks, options, folder.path())
        .await
        .unwrap();
    for own in read(folder.path()) {
        assert_eq!(own.ending, Ending::TokenLimit);
        assert_eq!(own.turns.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_budget_of_tokens_stops_cleanly() {
    let (world, tasks) = world_with_tasks("corner-shop", 20);
    let stub = Stub::start(
        Behaviour::default(),
        oracle(vec![(world.clone(), tasks.clone())]),
    )
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut runs = 0;
    loop {
        let options = ClientOptions {
            budget: Some(60_000),
            ..client_options(&stub.endpoint())
        };
        let client = Client::new(options, clock()).unwrap();
        let options = FleetOptions {
            concurrency: 2,
            ..FleetOptions::default()
        };
        let progress = run(client, &world, &tasks, options, folder.path())
            .await
            .unwrap();
        assert!(progress.here > 0);
        runs += 1;
        if progress.done == progress.total {
            assert_eq!(progress.passed, progress.total);
            break;
        }
        assert!(progress.spent);
    }
    assert!(runs > 1);
}

/// A recorded run is the same without the endpoint: same conversations, same verdicts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cassette_gives_the_same_run() {
    let (world, tasks) = world_with_tasks("corner-shop", 6);
    let stub = Stub::start(
        Behaviour::default(),
        oracle(vec![(world.clone(), tasks.clone())]),
    )
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("tape.jsonl");
    let recorder = Recorder::new(std::fs::File::create(&tape).unwrap(), json!({})).unwrap();
    let client = Client::new(client_options(&stub.endpoint()), clock())
        .unwrap()
        .recording(recorder);
    let lived = folder.path().join("lived");
    run(client, &world, &tasks, FleetOptions::default(), &lived)
        .await
        .unwrap();
    let bytes = std::fs::read(&tape).unwrap();
    let cassette = Cassette::read(&bytes[..]).unwrap();
    let client = Client::replay(client_options("http://gone/v1"), cassette, clock());
    let replayed = folder.path().join("replayed");
    run(client, &world, &tasks, FleetOptions::default(), &replayed)
        .await
        .unwrap();
    let plain = |folder: &Path| {
        let mut all = read(folder);
        for own in &mut all {
            own.took_ms = None;
            for turn in &mut own.turns {
                turn.took_ms = 0;
            }
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    };
    assert_eq!(plain(&lived), plain(&replayed));
}
