//! What both benchmarks measure: the nursery's states, and the episodes that are played on them.
//!
//! All calls go the whole way, from the arguments' JSON text to the reply's: parsing, validation, guards,
//! rules, statements and the log.
#![allow(dead_code)] // each benchmark uses its part

use std::path::Path;

use practicum_world::{
    AcceptedEnd, Actor, Expectation, Outcome, Session, State, StateSpec, Transcript, World,
};
use serde_json::json;

/// One call: the tool and its arguments as JSON text.
pub(crate) type Call = (&'static str, String);

/// A world's state and what is done on it.
pub(crate) struct Bench {
    pub(crate) state: State,
    /// Rows of all tables.
    pub(crate) rows: usize,
    /// Reads by key, each of another row.
    pub(crate) by_key: Vec<Call>,
    /// Reads with a guard and a nested array of three, each of another order.
    pub(crate) nested: Vec<Call>,
    /// Writes with two guards and two statements; 20 in a row, no two on one row.
    pub(crate) writes: Vec<Vec<Call>>,
    /// Episodes of 20 calls after which ten rows differ from the initial state.
    pub(crate) changing: Vec<Vec<Call>>,
    /// Episodes of 20 calls that add ten rows, each with an id that was minted.
    pub(crate) minting: Vec<Vec<Call>>,
}

/// Different episodes, so that not one of them sits in the processor's caches.
const EPISODES: usize = 15;

/// The nursery.
pub(crate) fn nursery() -> World {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/nursery");
    World::load(&folder).expect("the benchmark's world loads")
}

impl Bench {
    /// A generated state of this size.
    pub(crate) fn new(world: &World, size: &str) -> Self {
        let state = world
            .state(&StateSpec::generated(size, 1))
            .expect("the nursery has this size");
        let rows = (0..world.schema().tables.len())
            .map(|table| state.rows(table).map_or(0, |rows| rows.len()))
            .sum();
        let ids = |query: &str| -> Vec<String> {
            let rows = state.query(query, &[]).expect("the query is valid");
            rows.iter().map(|row| row[0].to_string()).collect()
        };
        // One order of a voucher: what is paid back goes onto a row of its own.
        let waiting = ids(
            "SELECT min(order_id) FROM orders WHERE progress = 'waiting' GROUP BY voucher_id ORDER BY 1",
        );
        let by_key = ids("SELECT offer_id FROM offers ORDER BY offer_id LIMIT 90")
            .iter()
            .map(|id| ("read_offer", json!({ "offer_id": id }).to_string()))
            .collect();
        let open = |order: &String| ("open_order", json!({ "order_id": order }).to_string());
        let call_off = |order: &String| {
            let arguments = json!({"order_id": order, "cause": "too late"});
            ("call_off", arguments.to_string())
        };
        let offers = ids("SELECT offer_id FROM offers ORDER BY offer_id DESC LIMIT 90");
        let order = |at: usize| &waiting[at % waiting.len()];
        let changing = |episode: usize| -> Vec<Call> {
            (0..5)
                .flat_map(|at| {
                    let (order, offer) = (order(episode * 5 + at), &offers[episode * 5 + at]);
                    let offer = ("read_offer", json!({ "offer_id": offer }).to_string());
                    [open(order), offer, call_off(order), open(order)]
                })
                .collect()
        };
        let minting = |episode: usize| -> Vec<Call> {
            (0..5)
                .flat_map(|at| {
                    let order = order(episode * 5 + at);
                    let complain = |line: u32, wish: &str| {
                        let arguments =
                            json!({"order_id": order, "line": line, "pieces": 1, "wish": wish});
                        ("complain", arguments.to_string())
                    };
                    let about = json!({ "order_id": order }).to_string();
                    [
                        open(order),
                        complain(1, "replace"),
                        complain(2, "refund"),
                        ("complaints_about", about),
                    ]
                })
                .collect()
        };
        Self {
            rows,
            by_key,
            nested: waiting.iter().take(90).map(open).collect(),
            writes: (0..EPISODES)
                .map(|episode| {
                    (0..20)
                        .map(|at| call_off(order(episode * 3 + at)))
                        .collect()
                })
                .collect(),
            changing: (0..EPISODES).map(changing).collect(),
            minting: (0..EPISODES).map(minting).collect(),
            state,
        }
    }

    /// A session at the initial state.
    pub(crate) fn session(&self) -> Session {
        self.state.session(1).expect("a connection opens")
    }

    /// A session that has made these calls.
    pub(crate) fn played(&self, calls: &[Call]) -> Session {
        let mut session = self.session();
        play(&mut session, calls);
        session
    }

    /// What is expected of a session that makes these calls, from another session that made them in
    /// another order of its episodes' parts: other ids, other times.
    pub(crate) fn expectation(&self, calls: &[Call]) -> Expectation {
        let mut gold = self.state.session(2).expect("a connection opens");
        for part in calls.chunks(4).rev() {
            play(&mut gold, part);
        }
        let end = AcceptedEnd {
            diff: gold.diff().expect("the states compare"),
            texts: Vec::new(),
        };
        assert_eq!(end.diff.changes.len(), 10, "ten rows differ");
        Expectation {
            outcome: Outcome::Done,
            reason: None,
            ends: vec![end],
            facts: Vec::new(),
            grounds: Vec::new(),
            looked: Vec::new(),
        }
    }
}

/// What the agent said, as a verdict needs it.
pub(crate) fn transcript() -> Transcript {
    Transcript {
        outcome: Some(Outcome::Done),
        ..Transcript::default()
    }
}

/// Makes one call and gives the reply's text.
pub(crate) fn call(session: &mut Session, (tool, arguments): &Call) -> String {
    let reply = session.call_text(tool, arguments);
    match reply.result {
        Ok(text) => text,
        Err(error) => panic!("{tool} {arguments}: {error}"),
    }
}

/// Makes calls.
pub(crate) fn play(session: &mut Session, calls: &[Call]) {
    for own in calls {
        call(session, own);
    }
}

/// Makes calls that may be sent again: their replies are kept.
pub(crate) fn play_kept(session: &mut Session, calls: &[Call]) {
    for (at, (tool, arguments)) in calls.iter().enumerate() {
        let reply = session.call_once(&format!("request-{at}"), Actor::Agent, tool, arguments);
        assert!(reply.is_ok(), "{tool} {arguments}");
    }
}
