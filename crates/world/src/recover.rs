//! Sessions from a journal: who there was, then each one's calls made again.

use std::collections::BTreeMap;
use std::io::BufRead;

use crate::journal::{Call, JournalError, Record, fingerprint, read_part, snapshot_bytes};
use crate::sessions::{Request, Sessions, SessionsError, make};
use crate::snapshot::Snapshot;
use crate::state::{State, StateSpec};

/// Which initial state a journal's sessions start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateKey {
    /// [`crate::World::digest`] of the world.
    pub world: String,
    /// The state's specification.
    pub spec: StateSpec,
    /// [`State::digest`] of its rows.
    pub digest: String,
}

/// What came back from a journal.
#[derive(Debug)]
pub struct Recovered {
    /// The sessions, as they were.
    pub sessions: Sessions,
    /// Calls that were made again.
    pub calls: usize,
    /// Bytes of unfinished records, which were never acknowledged.
    pub unfinished_bytes: usize,
    /// Sessions that could not be brought back: name and reason.
    pub lost: Vec<(String, String)>,
}

/// One session since the journal last said where it is.
struct Story {
    state: usize,
    start: Start,
    events: Vec<Event>,
    notes: Vec<String>,
}

enum Start {
    Seed(u64),
    Bytes(Vec<u8>),
}

enum Event {
    Call(Call),
    Reset(u64),
}

/// The stories of all parts.
#[derive(Default)]
struct Stories {
    states: Vec<StateKey>,
    /// Numbers of this part's states.
    numbers: Vec<usize>,
    open: BTreeMap<String, Story>,
    /// A part was whole: from there on, every session is known.
    whole: bool,
}

impl Stories {
    fn take(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::State {
                number,
                world,
                spec,
                digest,
            } => {
                if number != self.numbers.len() {
                    return Err(format!("state {number} is out of order"));
                }
                let key = StateKey {
                    world,
                    spec,
                    digest,
                };
                let known = self.states.iter().position(|own| *own == key);
                self.numbers.push(known.unwrap_or_else(|| {
                    self.states.push(key);
                    self.states.len() - 1
                }));
            }
            Record::Open {
                session,
                state,
                seed,
            } => self.begin(session, state, Start::Seed(seed), Vec::new())?,
            Record::At {
                session,
                state,
                snapshot,
                notes,
            } => {
                let bytes = snapshot_bytes(&snapshot).ok_or("its snapshot is not base64")?;
                self.begin(session, state, Start::Bytes(bytes), notes)?;
            }
            Record::Call(call) => {
                if let Some(story) = self.story(&call.session)? {
                    story.events.push(Event::Call(call));
                }
            }
            Record::Reset { session, seed } => {
                if let Some(story) = self.story(&session)? {
                    story.events.push(Event::Reset(seed));
                }
            }
            Record::Note { session, text } => {
                if let Some(story) = self.story(&session)? {
                    story.notes.push(text);
                }
            }
            Record::Close { session } => {
                if self.story(&session)?.is_some() {
                    self.open.remove(&session);
                }
            }
            Record::Whole => self.whole = true,
        }
        Ok(())
    }

    /// The story of a session; None where it is not placed yet and the part is not whole. A part begins while
    /// sessions go on: what they do before they are placed in it is part of where they are placed.
    fn story(&mut self, session: &str) -> Result<Option<&mut Story>, String> {
        let story = self.open.get_mut(session);
        if story.is_none() && self.whole {
            return Err(format!("there is no session {session:?}"));
        }
        Ok(story)
    }

    fn begin(
        &mut self,
        session: String,
        state: usize,
        start: Start,
        notes: Vec<String>,
    ) -> Result<(), String> {
        let state = *self
            .numbers
            .get(state)
            .ok_or_else(|| format!("there is no state {state}"))?;
        let story = Story {
            state,
            start,
            events: Vec::new(),
            notes,
        };
        self.open.insert(session, story);
        Ok(())
    }
}

pub(crate) fn recover<R: BufRead>(
    sessions: Sessions,
    parts: impl IntoIterator<Item = R>,
    mut states: impl FnMut(&StateKey) -> Option<State>,
) -> Result<Recovered, SessionsError> {
    let mut all = Stories::default();
    let mut unfinished_bytes = 0;
    let mut records = 0;
    for (at, reader) in parts.into_iter().enumerate() {
        all.numbers.clear();
        unfinished_bytes += read_part(at + 1, reader, |record| {
            records += 1;
            all.take(record)
        })?;
        if at == 0 && records > 0 && !all.whole {
            return Err(JournalError::Incomplete.into());
        }
    }
    let mut recovered = Recovered {
        sessions,
        calls: 0,
        unfinished_bytes,
        lost: Vec::new(),
    };
    let mut by_state: Vec<Vec<(String, Story)>> = all.states.iter().map(|_| Vec::new()).collect();
    for (name, story) in all.open {
        by_state[story.state].push((name, story));
    }
    // State by state, so that one connection serves all sessions of a state in turn.
    for (key, stories) in all.states.iter().zip(by_state) {
        if stories.is_empty() {
            continue;
        }
        let state = states(key);
        let state = match state {
            Some(state) if state.world().digest() == key.world && state.digest()? == key.digest => {
                state
            }
            _ => {
                let reason = "its initial state is not at hand, or is another one now";
                let names = stories.into_iter().map(|(name, _)| (name, reason.into()));
                recovered.lost.extend(names);
                continue;
            }
        };
        for (name, story) in stories {
            match tell(&story, &state)? {
                Ok((snapshot, calls)) => {
                    recovered.calls += calls;
                    recovered.sessions.parked(&name, snapshot, story.notes)?;
                }
                Err(reason) => recovered.lost.push((name, reason)),
            }
        }
        state.drop_idle();
    }
    Ok(recovered)
}

/// Where a story ends, and how many calls it made; or why it cannot be told.
type Told = Result<(Snapshot, usize), String>;

fn tell(story: &Story, state: &State) -> Result<Told, SessionsError> {
    let begun = match &story.start {
        Start::Seed(seed) => state.session(*seed),
        Start::Bytes(bytes) => match state.snapshot(bytes) {
            Ok(snapshot) if story.events.is_empty() => return Ok(Ok((snapshot, 0))),
            Ok(snapshot) => snapshot.session(),
            Err(error) => return Ok(Err(error.to_string())),
        },
    };
    let mut session = begun?;
    let mut calls = 0;
    for event in &story.events {
        match event {
            Event::Call(call) => {
                calls += 1;
                let request = Request {
                    id: call.request.as_deref(),
                    actor: call.actor,
                    tool: &call.tool,
                    arguments: &call.arguments,
                };
                if fingerprint(&make(&mut session, &request)) != call.reply {
                    return Ok(Err(format!(
                        "call {calls} ({}) is answered differently now: the program has changed \
                         since the journal was written",
                        call.tool
                    )));
                }
            }
            Event::Reset(seed) => session.reset(*seed)?,
        }
    }
    Ok(Ok((session.park()?, calls)))
}
