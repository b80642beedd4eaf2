//! What a snapshot's bytes hold, in the order in which they hold it.
//!
//! What can be computed again is left out: minted ids follow from the session's seed, how often a call was
//! made from the log. What the world knows by name stands by position.

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Map, Value};

use super::bytes::{Decoder, Encoder};
use super::rows::{self, Touched};
use super::{Memory, SnapshotError};
use crate::cell::Cell;
use crate::execute::Shown;
use crate::format::Actor;
use crate::functions::{Mint, MintedText};
use crate::live::Live;
use crate::program::Tool;
use crate::reply::{CallError, ErrorKind, Reply};
use crate::session::CallRecord;
use crate::state::{Mark, State, StateError};
use crate::world::Inner;

/// Changes with everything below.
const FORMAT: u8 = 2;

type Result<T> = std::result::Result<T, SnapshotError>;

/// What a snapshot holds.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) seed: u64,
    pub(crate) now: i64,
    /// Per prefix, how many ids were minted.
    pub(crate) counters: Vec<(String, u64)>,
    pub(crate) minted: Vec<MintedText>,
    pub(crate) log: Vec<CallRecord>,
    pub(crate) observed: BTreeSet<(usize, Shown)>,
    pub(crate) kept: VecDeque<(String, Reply)>,
    /// What the session touched; None where rows cannot say all, and the calls are made again instead.
    pub(crate) touched: Option<Touched>,
}

const ACTORS: [Actor; 4] = [Actor::Agent, Actor::User, Actor::Setup, Actor::Verifier];
const ERRORS: [ErrorKind; 5] = [
    ErrorKind::InvalidArguments,
    ErrorKind::Refused,
    ErrorKind::NotFound,
    ErrorKind::Limit,
    ErrorKind::Fault,
];

// The first number of a call: its actor, what it ended with, and what else is said of it.
const ACTOR_BITS: u32 = 2;
const ERROR_BITS: u32 = 3;
const KNOWN_TOOL: u64 = 1 << (ACTOR_BITS + ERROR_BITS);
const OBJECT: u64 = KNOWN_TOOL << 1;
const RULES: u64 = OBJECT << 1;
const ALONE: u64 = RULES << 1;

/// Writes a session.
pub(crate) fn encode(
    state: &State,
    live: &Live,
    seed: u64,
    log: &[CallRecord],
    memory: &Memory<'_>,
) -> std::result::Result<Vec<u8>, StateError> {
    let world = &*state.world().0;
    let mut out = Encoder::with_capacity(1 << 11);
    out.raw(&[FORMAT]);
    let Mark {
        world: own,
        state: spec,
    } = state.mark();
    out.raw(own);
    out.raw(spec);
    out.number(seed);
    {
        let shared = live.cells.lock();
        out.signed(shared.now.wrapping_sub(world.clock));
        out.count(shared.counters.len());
        for (prefix, _) in &shared.counters {
            out.text(prefix);
        }
        out.count(shared.minted.len());
        for id in &shared.minted {
            out.count(id.counter);
        }
    }
    out.count(log.len());
    for record in log {
        encode_call(&mut out, world, record);
    }
    encode_observed(&mut out, memory.observed);
    out.count(memory.kept.len());
    for (request, reply) in memory.kept {
        out.text(request);
        encode_reply(&mut out, reply);
    }
    rows::encode(state, live, &mut out)?;
    Ok(out.finish())
}

impl Content {
    /// Reads a session of a state.
    pub(crate) fn decode(state: &State, bytes: &[u8]) -> Result<Self> {
        let world = &*state.world().0;
        let mut bytes = Decoder::new(bytes)?;
        if bytes.raw(1)? != [FORMAT] {
            return Err(SnapshotError::Damaged(
                "another version of the program wrote them",
            ));
        }
        let Mark {
            world: own,
            state: spec,
        } = state.mark();
        if bytes.raw(own.len())? != own {
            return Err(SnapshotError::Foreign("world, or another version of it"));
        }
        if bytes.raw(spec.len())? != spec {
            return Err(SnapshotError::Foreign("initial state"));
        }
        let seed = bytes.number()?;
        let now = world.clock.wrapping_add(bytes.signed()?);
        let mut counters = Vec::new();
        for _ in 0..bytes.count()? {
            counters.push((bytes.text()?.to_string(), 0));
        }
        let mint = Mint::new(seed, world.file.ids.digits);
        let mut minted = Vec::new();
        for _ in 0..bytes.count()? {
            let counter = bytes.position(counters.len())?;
            let (prefix, number) = &mut counters[counter];
            let id = mint
                .id(prefix, *number)
                .ok_or(SnapshotError::Damaged("more ids than can be minted"))?;
            *number += 1;
            minted.push(MintedText {
                id: id.into(),
                counter,
            });
        }
        let mut log = Vec::new();
        for _ in 0..bytes.count()? {
            log.push(decode_call(&mut bytes, world)?);
        }
        let observed = decode_observed(&mut bytes, world)?;
        let mut kept = VecDeque::new();
        for _ in 0..bytes.count()? {
            let request = bytes.text()?.to_string();
            kept.push_back((request, decode_reply(&mut bytes)?));
        }
        let touched = rows::decode(state, &mut bytes)?;
        bytes.end()?;
        Ok(Self {
            seed,
            now,
            counters,
            minted,
            log,
            observed,
            kept,
            touched,
        })
    }
}

fn encode_call(out: &mut Encoder, world: &Inner, record: &CallRecord) {
    let tool = world.by_name.get(&record.tool).copied();
    let members = record.arguments.as_object();
    let rules = !(record.violations.is_empty() && record.attempts.is_empty());
    let position = |all: &[ErrorKind], own| all.iter().position(|kind| *kind == own);
    let error = record
        .error
        .and_then(|kind| position(&ERRORS, kind))
        .map_or(0, |at| at as u64 + 1);
    let actor = ACTORS.iter().position(|actor| *actor == record.actor);
    out.number(
        actor.unwrap_or_default() as u64
            | error << ACTOR_BITS
            | if tool.is_some() { KNOWN_TOOL } else { 0 }
            | if members.is_some() { OBJECT } else { 0 }
            | if rules { RULES } else { 0 }
            | if record.alone { ALONE } else { 0 },
    );
    match tool {
        Some(position) => out.count(position),
        None => out.text(&record.tool),
    }
    let parameters = tool.map_or(&[][..], |at| world.tools[at].parameters());
    match members {
        Some(members) => {
            out.count(members.len());
            for (name, value) in members {
                match parameters.iter().position(|known| known.name == *name) {
                    Some(position) => out.count(position + 1),
                    None => {
                        out.number(0);
                        out.text(name);
                    }
                }
                out.value(value);
            }
        }
        None => out.value(&record.arguments),
    }
    if rules {
        for positions in [&record.violations, &record.attempts] {
            out.count(positions.len());
            for position in positions {
                out.count(*position);
            }
        }
    }
}

fn decode_call(bytes: &mut Decoder<'_>, world: &Inner) -> Result<CallRecord> {
    let first = bytes.number()?;
    let bits = |from: u32, count: u32| (first >> from & ((1 << count) - 1)) as usize;
    let error = match bits(ACTOR_BITS, ERROR_BITS) {
        0 => None,
        at => Some(
            *ERRORS
                .get(at - 1)
                .ok_or(SnapshotError::Damaged("an error is of no known kind"))?,
        ),
    };
    let known: Option<&Tool> = if first & KNOWN_TOOL == 0 {
        None
    } else {
        Some(&world.tools[bytes.position(world.tools.len())?])
    };
    let tool = match known {
        Some(tool) => tool.name.clone(),
        None => bytes.text()?.to_string(),
    };
    let parameters = known.map_or(&[][..], Tool::parameters);
    let arguments = if first & OBJECT == 0 {
        bytes.value()?
    } else {
        let count = bytes.count()?;
        let mut members = Map::with_capacity(count);
        for _ in 0..count {
            let name = match bytes.position(parameters.len() + 1)? {
                0 => bytes.text()?.to_string(),
                at => parameters[at - 1].name.clone(),
            };
            members.insert(name, bytes.value()?);
        }
        Value::Object(members)
    };
    let mut rules = || -> Result<Vec<usize>> {
        if first & RULES == 0 {
            return Ok(Vec::new());
        }
        let count = bytes.count()?;
        (0..count)
            .map(|_| bytes.position(world.rules.len()))
            .collect()
    };
    Ok(CallRecord {
        actor: ACTORS[bits(0, ACTOR_BITS)],
        tool,
        arguments,
        error,
        violations: rules()?,
        attempts: rules()?,
        alone: first & ALONE != 0,
    })
}

/// Keys in runs that one tool showed of one table. They are in order, so that each begins much as the one
/// before it.
fn encode_observed(out: &mut Encoder, observed: &BTreeSet<(usize, Shown)>) {
    let all: Vec<&(usize, Shown)> = observed.iter().collect();
    let same = |(tool, (table, key)): &(usize, Shown),
                (next, (next_table, next_key)): &(usize, Shown)| {
        (tool, table, key.len()) == (next, next_table, next_key.len())
    };
    let runs = || all.chunk_by(|own, next| same(own, next));
    out.count(runs().count());
    for run in runs() {
        let (tool, (table, first)) = run[0];
        out.count(*tool);
        out.count(*table);
        out.count(first.len());
        out.count(run.len());
        let mut before: Option<&[Cell]> = None;
        for (_, (_, key)) in run {
            for (at, cell) in key.iter().enumerate() {
                out.cell_after(before.map(|before| &before[at]), cell);
            }
            before = Some(key);
        }
    }
}

fn decode_observed(bytes: &mut Decoder<'_>, world: &Inner) -> Result<BTreeSet<(usize, Shown)>> {
    let mut all = Vec::new();
    for _ in 0..bytes.count()? {
        let tool = bytes.position(world.tools.len())?;
        let table = bytes.position(world.schema.tables.len())?;
        let length = bytes.count()?;
        if length == 0 {
            return Err(SnapshotError::Damaged("a key is empty"));
        }
        let count = bytes.count()?;
        let start = all.len();
        for _ in 0..count {
            let before: Option<&(usize, Shown)> = all[start..].last();
            let key = (0..length)
                .map(|at| bytes.cell_after(before.map(|(_, (_, key))| &key[at])))
                .collect::<Result<Vec<Cell>>>()?;
            all.push((tool, (table, key)));
        }
    }
    Ok(all.into_iter().collect())
}

fn encode_reply(out: &mut Encoder, reply: &Reply) {
    match &reply.result {
        Ok(text) => {
            out.number(0);
            out.text(text);
        }
        Err(error) => {
            let kind = ERRORS.iter().position(|kind| *kind == error.kind);
            out.count(kind.unwrap_or_default() + 1);
            out.text(&error.message);
            out.count(error.guard.map_or(0, |guard| guard + 1));
        }
    }
}

fn decode_reply(bytes: &mut Decoder<'_>) -> Result<Reply> {
    let result = match bytes.position(ERRORS.len() + 1)? {
        0 => Ok(bytes.text()?.to_string()),
        at => {
            let message = bytes.text()?.to_string();
            Err(CallError {
                kind: ERRORS[at - 1],
                message,
                guard: (bytes.number()? as usize).checked_sub(1),
            })
        }
    };
    Ok(Reply { result })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{StateSpec, World};

    /// A session with some of everything.
    fn bytes() -> (State, Vec<u8>) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds/corner-shop");
        let world = World::load(&folder).unwrap();
        let state = world.state(&StateSpec::generated("small", 1)).unwrap();
        let customer = state
            .query("SELECT customer_id FROM customers", &[])
            .unwrap();
        let product = state
            .query("SELECT sku FROM products WHERE stock > 9", &[])
            .unwrap();
        let (customer, product) = (customer[0][0].to_json(), product[0][0].to_json());
        let mut session = state.session(9).unwrap();
        let items = json!([{"sku": product, "quantity": 7}]);
        let order = json!({"customer_id": customer, "items": items, "note": "\u{e9}"});
        let placed = session.call("place_order", &order).value().unwrap();
        let order = json!({"order_id": placed["order_id"]}).to_string();
        session.call_once("1", Actor::Agent, "get_order", &order);
        session.call_once("2", Actor::Agent, "get_order", "{\"order_id\": 1.5}");
        session.call_once("3", Actor::User, "get_order", "[]");
        session.call_text("view_product", "no JSON");
        session.call_text("view_product", &json!({ "sku": product }).to_string());
        let review = json!({"sku": product, "stars": 5, "text": "good"}).to_string();
        session.call_text("add_review", &review);
        session.call_text("cancel_order", &order);
        let bytes = session.snapshot().unwrap().bytes().to_vec();
        (state, bytes)
    }

    #[test]
    fn what_was_written_is_read() {
        let (state, bytes) = bytes();
        let content = Content::decode(&state, &bytes).unwrap();
        assert_eq!(content.log.len(), 8);
        assert_eq!(content.kept.len(), 3);
        assert_eq!(content.minted.len(), 1);
        let again = |bytes: &[u8]| {
            let mut session = state.snapshot(bytes).unwrap().session().unwrap();
            assert_eq!(session.log(), content.log);
            session.snapshot().unwrap().bytes().to_vec()
        };
        assert_eq!(again(&bytes), bytes);
    }

    proptest! {
        /// Whoever writes the sum as well can write anything: it is refused, or gives a session.
        #[test]
        fn forged_bytes_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
            thread_local! {
                static ORIGINAL: (State, Vec<u8>) = bytes();
            }
            ORIGINAL.with(|(state, original)| {
                let mut payload = original[..original.len() - 8].to_vec();
                for (at, byte) in &changes {
                    // Behind the marks of format, world and state.
                    let at = 17 + at.index(payload.len() - 17);
                    payload[at] = *byte;
                }
                let mut out = Encoder::default();
                out.raw(&payload);
                if let Ok(snapshot) = state.snapshot(&out.finish())
                    && let Ok(mut session) = snapshot.session()
                {
                    assert!(session.diff().is_ok());
                    session.call_text("list_orders", "{\"customer_id\": \"C1\"}");
                }
            });
        }
    }
}
