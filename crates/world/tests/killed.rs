//! A process with many journalled sessions is killed at random moments, again and again: every acknowledged
//! call is there after the restart, and at most the one that was under way in each thread besides.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use practicum_world::{Draws, Recovered, Request, Sampler, Sessions, State, StateSpec, World};
use serde_json::Value;

const THREADS: usize = 2;

fn states() -> Vec<State> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds");
    [
        "bank",
        "clinic",
        "hotel",
        "insurance",
        "mobile",
        "workplace",
    ]
    .iter()
    .map(|name| {
        let world = World::load(&root.join(name)).unwrap();
        world.state(&StateSpec::generated("small", 1)).unwrap()
    })
    .collect()
}

fn parts(folder: &Path) -> Vec<PathBuf> {
    let mut parts: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    parts.sort();
    parts
}

fn recover(parts: &[PathBuf], states: &[State]) -> Recovered {
    let readers = parts
        .iter()
        .map(|path| BufReader::new(File::open(path).unwrap()));
    let recovered = Sessions::recover(16, readers, |key| {
        let mut states = states.iter();
        states
            .find(|state| state.world().digest() == key.world)
            .cloned()
    })
    .unwrap();
    assert_eq!(recovered.lost, []);
    recovered
}

/// What the killed process does: takes up the journal in the folder that standard input names, begins a new
/// part, and calls until it is killed. It says of each call, once it has the reply, that it was made.
#[test]
#[ignore = "the process that is killed; started by the tests of this file"]
fn victim() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let mut words = line.split_whitespace();
    let (Some(folder), Some(count), Some(round)) = (words.next(), words.next(), words.next())
    else {
        return;
    };
    let (folder, count, round) = (
        Path::new(folder),
        count.parse::<usize>().unwrap(),
        round.parse::<u64>().unwrap(),
    );
    let states = states();
    let old = parts(folder);
    let sessions = recover(&old, &states).sessions;
    let part = File::create(folder.join(format!("{round:04}"))).unwrap();
    sessions.journal_to(Box::new(part)).unwrap();
    for part in old {
        std::fs::remove_file(part).unwrap();
    }
    for at in sessions.len()..count {
        let state = &states[at % states.len()];
        sessions.open(&name(at), state, at as u64).unwrap();
    }
    let samplers: Vec<Sampler> = states
        .iter()
        .map(|state| Sampler::new(state).unwrap())
        .collect();
    println!("\nready");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (states, samplers, sessions) = (&states, &samplers, &sessions);
            scope.spawn(move || {
                let mut draws = Draws::new(round, &["victim", &thread.to_string()]);
                for number in 0.. {
                    let at = draws.below(count / THREADS) * THREADS + thread;
                    let state = at % states.len();
                    let tools = states[state].world().tools();
                    let tool = &tools[draws.below(tools.len())];
                    let arguments = samplers[state].arguments(tool, 0.5, &mut draws);
                    let id = format!("{round}-{number}");
                    let request = Request {
                        id: Some(&id),
                        actor: tool.actor,
                        tool: &tool.name,
                        arguments: &Value::Object(arguments).to_string(),
                    };
                    let reply = sessions.call(&name(at), &request).unwrap();
                    let said = blake3::hash(reply.content().as_bytes()).to_hex();
                    println!("made {at} {} {said} {}", tool.name, request.arguments);
                }
            });
        }
    });
}

fn name(at: usize) -> String {
    format!("session-{at:05}")
}

/// A call that was acknowledged: tool, arguments, hash of the reply.
type Acknowledged = (String, String, String);

/// Starts a victim, lets it acknowledge some calls, and kills it.
fn kill(folder: &Path, count: usize, round: u64, after: usize) -> Vec<(usize, Acknowledged)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "victim", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{} {count} {round}", folder.display()).unwrap();
    let mut made = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // What it had said by the time it was killed counts, too.
        let line = line.unwrap();
        let mut words = line.splitn(5, ' ');
        if words.next() != Some("made") {
            continue;
        }
        let fields: Vec<&str> = words.collect();
        let [at, tool, said, arguments] = fields[..] else {
            continue;
        };
        // The last line may be cut in its arguments: then it was not said.
        if serde_json::from_str::<Value>(arguments).is_err() {
            continue;
        }
        made.push((
            at.parse().unwrap(),
            (tool.into(), arguments.into(), said.into()),
        ));
        if made.len() == after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    made
}

fn run(count: usize, kills: u64, most_calls: usize) {
    let folder = tempfile::tempdir().unwrap();
    let states = states();
    let mut draws = Draws::new(7, &["killer"]);
    let mut calls_of: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut acknowledged, mut under_way, mut torn) = (0, 0, 0);
    for round in 0..kills {
        let after = 1 + draws.below(most_calls);
        let made = kill(folder.path(), count, round, after);
        assert!(made.len() >= after);
        acknowledged += made.len();
        let recovered = recover(&parts(folder.path()), &states);
        torn += usize::from(recovered.unfinished_bytes > 0);
        assert_eq!(recovered.sessions.len(), count);
        let mut by_session: BTreeMap<usize, Vec<&Acknowledged>> = BTreeMap::new();
        for (at, call) in &made {
            by_session.entry(*at).or_default().push(call);
        }
        let mut besides = 0;
        for at in 0..count {
            let before = calls_of.get(&at).copied().unwrap_or_default();
            let own = by_session.get(&at).cloned().unwrap_or_default();
            let log = recovered
                .sessions
                .with(&name(at), |session| session.log().to_vec())
                .unwrap();
            assert!(log.len() >= before + own.len(), "{} lost a call", name(at));
            besides += log.len() - before - own.len();
            for (record, (tool, _, _)) in log[before..].iter().zip(&own) {
                assert_eq!(record.tool, *tool);
            }
            // A session that was never killed says the same.
            if !own.is_empty() {
                let mut model = states[at % states.len()].session(at as u64).unwrap();
                for record in &log[..before] {
                    model.call_as(record.actor, &record.tool, &record.arguments);
                }
                for (record, (tool, arguments, said)) in log[before..].iter().zip(&own) {
                    let reply = model.call_text_as(record.actor, tool, arguments);
                    let hash = blake3::hash(reply.content().as_bytes()).to_hex();
                    assert_eq!(hash.as_str(), said, "{} {tool}", name(at));
                }
            }
            calls_of.insert(at, log.len());
        }
        // Each thread may have been cut off between the journal and its word.
        assert!(besides <= THREADS, "{besides} calls nobody was told of");
        under_way += besides;
    }
    println!(
        "{count} sessions, {kills} kills: {acknowledged} acknowledged calls, none lost; {under_way} \
         calls under way were kept, {torn} records were unfinished"
    );
}

#[test]
fn a_killed_process_loses_no_acknowledged_call() {
    run(60, 3, 300);
}

/// The long run of `cargo xtask soak`.
#[test]
#[ignore = "a minute: run by `cargo xtask soak`"]
fn a_thousand_sessions_killed_twenty_times() {
    run(1_000, 20, 5_000);
}
