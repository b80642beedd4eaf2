//! Many sessions on few connections, their journal, and what a killed process leaves.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use practicum_world::{
    Actor, Draws, JournalError, Recovered, Request, Sampler, Session, Sessions, SessionsError,
    State, StateKey, StateSpec, World,
};
use serde_json::Value;

/// A journal in memory; after `limit` bytes, the disk is full.
#[derive(Clone)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Disk {
    fn new() -> Self {
        Self::of_size(usize::MAX)
    }

    fn of_size(limit: usize) -> Self {
        Self {
            bytes: Arc::default(),
            limit,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut written = self.bytes.lock().unwrap();
        let room = self.limit - written.len();
        if room == 0 {
            return Err(std::io::Error::other("no space left"));
        }
        let taken = bytes.len().min(room);
        written.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn states() -> Vec<State> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../../worlds/bank", "tests/worlds/corner-shop"]
        .iter()
        .flat_map(|folder| {
            let world = World::load(&root.join(folder)).unwrap();
            [1, 2].map(|seed| world.state(&StateSpec::generated("small", seed)).unwrap())
        })
        .collect()
}

fn one_of(states: &[State]) -> impl Fn(&StateKey) -> Option<State> {
    |key| {
        states
            .iter()
            .find(|state| state.world().digest() == key.world && *state.spec() == key.spec)
            .cloned()
    }
}

fn recover(parts: &[&[u8]], states: &[State]) -> Result<Recovered, SessionsError> {
    Sessions::recover(4, parts.iter().copied(), one_of(states))
}

/// Calls with arguments that fit, for the tools of a state's world.
struct Caller {
    draws: Draws,
    made: u64,
}

struct Made {
    id: String,
    actor: Actor,
    tool: String,
    arguments: String,
}

impl Made {
    fn request(&self) -> Request<'_> {
        Request {
            id: Some(&self.id),
            actor: self.actor,
            tool: &self.tool,
            arguments: &self.arguments,
        }
    }
}

impl Caller {
    fn new(seed: u64) -> Self {
        Self {
            draws: Draws::new(seed, &["caller"]),
            made: 0,
        }
    }

    fn next(&mut self, sampler: &Sampler, world: &World) -> Made {
        let tool = &world.tools()[self.draws.below(world.tools().len())];
        self.made += 1;
        Made {
            id: format!("request-{}", self.made),
            actor: tool.actor,
            tool: tool.name.clone(),
            arguments: Value::Object(sampler.arguments(tool, 0.5, &mut self.draws)).to_string(),
        }
    }
}

/// All that can be seen of a session; its rows as a hash, so that a failure can be read.
fn seen(session: &mut Session) -> String {
    let tables: Vec<_> = session.world().schema().tables.clone();
    let mut hasher = blake3::Hasher::new();
    for table in tables {
        let rows = session.query(&format!("SELECT * FROM \"{}\"", table.name), &[]);
        hasher.update(format!("{:?}", rows.unwrap()).as_bytes());
    }
    let changes = session.diff().unwrap().changes.len();
    let last = session.log().last().cloned();
    format!(
        "{} minted {:?}, {} calls, {changes} changes, {}, {last:?}",
        session.now(),
        session.minted(),
        session.log().len(),
        hasher.finalize().to_hex(),
    )
}

/// Every session: name, what can be seen, notes.
type AllSeen = Vec<(String, String, Vec<String>)>;

fn all_seen(sessions: &Sessions) -> AllSeen {
    sessions
        .names()
        .into_iter()
        .map(|name| {
            let own = sessions.with(&name, seen).unwrap();
            let notes = sessions.notes(&name).unwrap();
            (name, own, notes)
        })
        .collect()
}

#[test]
fn whom_to_park_is_chosen_while_others_are_used() {
    const SESSIONS: usize = 150;
    let states = states();
    let sessions = Sessions::new(48);
    for at in 0..SESSIONS {
        let state = &states[at % states.len()];
        sessions.open(&at.to_string(), state, 1).unwrap();
    }
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let sessions = &sessions;
            scope.spawn(move || {
                let mut draws = Draws::new(thread, &["use"]);
                for turn in 0..6_000 {
                    // Most are at hand, so that their last use changes all the time; some are not.
                    let among = if turn % 16 == 0 { SESSIONS } else { 40 };
                    let name = draws.below(among).to_string();
                    assert_eq!(sessions.with(&name, |own| own.log().len()).unwrap(), 0);
                }
            });
        }
    });
    assert!(sessions.connections() <= 48);
}

#[test]
fn many_sessions_share_few_connections_and_threads_do_not_see_each_other() {
    const THREADS: usize = 4;
    const SESSIONS: usize = 10;
    let states = states();
    let sessions = Sessions::new(3);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (states, sessions) = (&states, &sessions);
            scope.spawn(move || {
                let mut draws = Draws::new(thread as u64, &["thread"]);
                let mut caller = Caller::new(thread as u64);
                let mut models = Vec::new();
                let mut samplers = Vec::new();
                for at in 0..SESSIONS {
                    let state = &states[at % states.len()];
                    sessions
                        .open(&format!("{thread}-{at}"), state, at as u64)
                        .unwrap();
                    let mut model = state.session(at as u64).unwrap();
                    samplers.push(Sampler::of_session(&mut model).unwrap());
                    models.push(model);
                }
                for _ in 0..200 {
                    let at = draws.below(SESSIONS);
                    let call = caller.next(&samplers[at], models[at].world());
                    let reply = sessions.call(&format!("{thread}-{at}"), &call.request());
                    let request = call.request();
                    let model =
                        models[at].call_text_as(request.actor, request.tool, request.arguments);
                    assert_eq!(reply.unwrap(), model);
                    assert!(sessions.connections() <= 3);
                }
                for (at, model) in models.iter_mut().enumerate() {
                    let own = sessions.with(&format!("{thread}-{at}"), seen).unwrap();
                    assert_eq!(own, seen(model));
                }
            });
        }
    });
    assert_eq!(sessions.len(), THREADS * SESSIONS);
    for name in sessions.names() {
        sessions.close(&name).unwrap();
    }
    assert!(sessions.is_empty() && sessions.connections() <= 3);
}

/// Does a bit of everything, and returns how long the journal was after each acknowledgement, with all that
/// could be seen then.
fn episode(sessions: &Sessions, states: &[State], disk: &Disk) -> Vec<(usize, AllSeen)> {
    let mut acknowledged = Vec::new();
    let mut caller = Caller::new(5);
    let mut samplers = Vec::new();
    let mut note = |sessions: &Sessions| {
        let length = disk.bytes().len();
        acknowledged.push((length, all_seen(sessions)));
    };
    note(sessions);
    for (at, state) in states.iter().enumerate() {
        sessions.open(&format!("s{at}"), state, at as u64).unwrap();
        samplers.push(Sampler::new(state).unwrap());
        note(sessions);
    }
    for turn in 0..10 {
        for (at, sampler) in samplers.iter().enumerate() {
            let name = format!("s{at}");
            let call = caller.next(sampler, states[at].world());
            sessions.call(&name, &call.request()).unwrap();
            match (turn, at) {
                (3, 0) => sessions.fork("s0", "fork").unwrap(),
                (4, 1) => sessions.note("s1", "said: hello").unwrap(),
                (5, 2) => sessions.reset("s2", 99).unwrap(),
                (6, 3) => {
                    sessions.close("s3").unwrap();
                    sessions.open("s3", &states[3], 8).unwrap();
                }
                (8, 0) => sessions
                    .with("s0", |session| {
                        session.call_text("no_such_tool", "{}");
                    })
                    .unwrap(),
                _ => {}
            }
            note(sessions);
        }
    }
    acknowledged
}

/// Wherever the journal is cut, what was acknowledged by then is there, and nothing else but the one thing
/// that was under way.
#[test]
fn a_journal_cut_anywhere_gives_what_was_acknowledged() {
    let states = states();
    let disk = Disk::new();
    let sessions = Sessions::new(2);
    sessions.journal_to(Box::new(disk.clone())).unwrap();
    let acknowledged = episode(&sessions, &states, &disk);
    let bytes = disk.bytes();
    let mut draws = Draws::new(1, &["cut"]);
    for window in acknowledged.windows(2) {
        let ((length, before), (next, _)) = (&window[0], &window[1]);
        // At the acknowledgement, and somewhere in the record that follows.
        let first = bytes[*length..*next]
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap();
        for cut in [*length, length + draws.below(first + 1)] {
            let recovered = recover(&[&bytes[..cut]], &states).unwrap();
            assert!(recovered.lost.is_empty());
            assert_eq!(recovered.unfinished_bytes, cut - length);
            assert_eq!(all_seen(&recovered.sessions), *before);
        }
    }
    let recovered = recover(&[&bytes], &states).unwrap();
    assert_eq!(all_seen(&recovered.sessions), all_seen(&sessions));
}

/// A part that begins while calls go on is enough by itself once it is whole; before, it needs the one
/// before it.
#[test]
fn a_part_begun_under_load_takes_the_place_of_earlier_ones() {
    let states = states();
    let first = Disk::new();
    let second = Disk::new();
    let sessions = Sessions::new(3);
    sessions.journal_to(Box::new(first.clone())).unwrap();
    let gate = std::sync::Barrier::new(3);
    std::thread::scope(|scope| {
        for thread in 0..2_usize {
            let (states, sessions, gate) = (&states, &sessions, &gate);
            scope.spawn(move || {
                let mut caller = Caller::new(thread as u64);
                let samplers: Vec<_> = states
                    .iter()
                    .map(|own| Sampler::new(own).unwrap())
                    .collect();
                for at in 0..40 {
                    let state = at % states.len();
                    let name = format!("{thread}-{at}");
                    sessions.open(&name, &states[state], 1).unwrap();
                    if at == 20 {
                        gate.wait();
                    }
                    for _ in 0..3 {
                        let call = caller.next(&samplers[state], states[state].world());
                        sessions.call(&name, &call.request()).unwrap();
                    }
                    if at % 5 == 0 {
                        sessions.fork(&name, &format!("{name}-fork")).unwrap();
                    }
                    if at % 7 == 0 {
                        sessions.close(&name).unwrap();
                    }
                }
            });
        }
        gate.wait();
        sessions.journal_to(Box::new(second.clone())).unwrap();
    });
    let now = all_seen(&sessions);
    let (first, second) = (first.bytes(), second.bytes());
    let alone = recover(&[&second], &states).unwrap();
    assert_eq!(all_seen(&alone.sessions), now);
    let both = recover(&[&first, &second], &states).unwrap();
    assert_eq!(all_seen(&both.sessions), now);

    // Killed while the second part was being begun: the first is needed, and says so when it is missing.
    let whole = second
        .windows(9)
        .position(|window| window == b" \"whole\"\n")
        .unwrap();
    let begun = &second[..whole - 8];
    assert!(recover(&[&first, begun], &states).unwrap().lost.is_empty());
    let alone = recover(&[begun], &states);
    assert!(matches!(
        alone,
        Err(SessionsError::Journal(JournalError::Incomplete))
    ));
}

#[test]
fn a_damaged_record_is_named_and_a_foreign_state_is_not_made_up() {
    let states = states();
    let disk = Disk::new();
    let sessions = Sessions::new(2);
    sessions.journal_to(Box::new(disk.clone())).unwrap();
    episode(&sessions, &states, &disk);
    let bytes = disk.bytes();
    let mut draws = Draws::new(2, &["damage"]);
    for _ in 0..50 {
        let mut damaged = bytes.clone();
        let at = draws.below(bytes.len() - 1);
        damaged[at] ^= 4;
        let line = bytes[..at].split(|byte| *byte == b'\n').count();
        match recover(&[&damaged], &states) {
            Err(SessionsError::Journal(JournalError::Damaged {
                part: 1,
                line: found,
                ..
            })) => {
                assert_eq!(found, line);
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
    // The second state is not at hand: its sessions are listed, the others are back.
    let others = [states[0].clone(), states[2].clone(), states[3].clone()];
    let recovered = recover(&[&bytes], &others).unwrap();
    assert_eq!(recovered.lost.len(), 1);
    assert_eq!(recovered.lost[0].0, "s1");
    assert_eq!(recovered.sessions.len(), sessions.len() - 1);
}

/// When a record cannot be written, nothing is acknowledged from then on.
#[test]
fn a_full_disk_stops_acknowledgements() {
    let states = states();
    let disk = Disk::of_size(4_000);
    let sessions = Sessions::new(2);
    sessions.journal_to(Box::new(disk.clone())).unwrap();
    sessions.open("a", &states[0], 1).unwrap();
    let sampler = Sampler::new(&states[0]).unwrap();
    let mut caller = Caller::new(3);
    let mut acknowledged = 0;
    let error = loop {
        let call = caller.next(&sampler, states[0].world());
        match sessions.call("a", &call.request()) {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("no space left"), "{error}");
    assert!(sessions.note("a", "still there?").is_err());
    assert!(sessions.open("b", &states[0], 1).is_err());
    assert!(acknowledged > 3);
    let recovered = recover(&[&disk.bytes()], &states).unwrap();
    assert_eq!(recovered.calls, acknowledged);
    assert_eq!(recovered.sessions.names(), ["a"]);
}

#[test]
fn a_request_sent_again_is_the_same_call_after_a_restart_too() {
    let states = states();
    let disk = Disk::new();
    let sessions = Sessions::new(1);
    sessions.journal_to(Box::new(disk.clone())).unwrap();
    sessions.open("a", &states[0], 1).unwrap();
    let sampler = Sampler::new(&states[0]).unwrap();
    let mut caller = Caller::new(4);
    let calls: Vec<Made> = (0..8)
        .map(|_| caller.next(&sampler, states[0].world()))
        .collect();
    let replies: Vec<_> = calls
        .iter()
        .map(|call| sessions.call("a", &call.request()).unwrap())
        .collect();
    let recovered = recover(&[&disk.bytes()], &states).unwrap().sessions;
    for sessions in [&sessions, &recovered] {
        for (call, reply) in calls.iter().zip(&replies) {
            assert_eq!(sessions.call("a", &call.request()).unwrap(), *reply);
        }
        let made = sessions.with("a", |session| session.log().len()).unwrap();
        assert_eq!(made, calls.len());
    }
    assert!(matches!(
        sessions.call("b", &calls[0].request()),
        Err(SessionsError::Unknown(_))
    ));
    assert!(matches!(
        sessions.open("a", &states[0], 1),
        Err(SessionsError::Taken(_))
    ));
}

/// Text without bound is not copied into the journal, and the session is what it was all the same.
#[test]
fn arguments_beyond_the_limit_do_not_fill_the_journal() {
    let states = states();
    let disk = Disk::new();
    let sessions = Sessions::new(1);
    sessions.journal_to(Box::new(disk.clone())).unwrap();
    sessions.open("a", &states[0], 1).unwrap();
    let huge = Made {
        id: "huge".into(),
        actor: Actor::Agent,
        tool: states[0].world().tools()[0].name.clone(),
        arguments: format!("{{\"x\": \"{}\"}}", "x".repeat(5 << 20)),
    };
    assert!(!sessions.call("a", &huge.request()).unwrap().is_ok());
    assert!(disk.bytes().len() < 64 << 10);
    let recovered = recover(&[&disk.bytes()], &states).unwrap();
    assert_eq!(all_seen(&recovered.sessions), all_seen(&sessions));
}
