//! Clauses of the verdict that need a world of their own: what cannot be compared, rules before and after a
//! call, answers that list.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use practicum_world::{
    AcceptedEnd, Cell, Expectation, Fact, FactKind, Outcome, Session, StateSpec, Support,
    Transcript, Verdict, World, WorldFiles, spellings, verify,
};
use proptest::prelude::*;
use serde_json::json;

fn done(ends: Vec<AcceptedEnd>) -> Expectation {
    Expectation {
        outcome: Outcome::Done,
        reason: None,
        ends,
        facts: Vec::new(),
        grounds: Vec::new(),
        looked: Vec::new(),
    }
}

fn said(answer: &str) -> Transcript {
    Transcript {
        answer: answer.into(),
        outcome: Some(Outcome::Done),
        ..Transcript::default()
    }
}

/// Adds a graph on sixteen nodes, four by four round a torus, in which every node has six neighbours.
fn add_graph(session: &mut Session, adjacent: impl Fn(i32, i32) -> bool) {
    let nodes: Vec<String> = (0..16)
        .map(|_| {
            let reply = session.call("add_node", &json!({"colour": "red"}));
            let id = reply.value().unwrap()["node_id"].clone();
            id.as_str().unwrap().to_string()
        })
        .collect();
    for from in 0..16i32 {
        for to in 0..16i32 {
            let across = (from % 4 - to % 4).rem_euclid(4);
            let down = (from / 4 - to / 4).rem_euclid(4);
            if from != to && adjacent(across, down) {
                let edge = json!({"source": nodes[from as usize], "target": nodes[to as usize]});
                assert!(session.call("add_edge", &edge).is_ok());
            }
        }
    }
}

/// Same row or same column.
fn rook(across: i32, down: i32) -> bool {
    across == 0 || down == 0
}

/// Shrikhande's graph (1959): as regular as the rook's in every count, and not the same.
fn shrikhande(across: i32, down: i32) -> bool {
    [(0, 1), (0, 3), (1, 0), (3, 0), (1, 1), (3, 3)].contains(&(across, down))
}

/// Ends that are too much alike to be told apart within the budget are a fault of the verifier: no reward
/// at all, rather than none.
#[test]
fn what_cannot_be_decided_is_no_reward_of_zero() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds/graph");
    let state = World::load(&folder)
        .unwrap()
        .state(&StateSpec::empty())
        .unwrap();
    let session = |graphs: &[fn(i32, i32) -> bool], seed: u64| {
        let mut session = state.session(seed).unwrap();
        for graph in graphs {
            add_graph(&mut session, graph);
        }
        session
    };
    let expects = |graphs: &[fn(i32, i32) -> bool]| {
        done(vec![AcceptedEnd {
            diff: session(graphs, 7).diff().unwrap(),
            texts: Vec::new(),
        }])
    };
    let judged = |graphs: &[fn(i32, i32) -> bool], expectation: &Expectation| -> Verdict {
        verify(&mut session(graphs, 1), &said("Done."), expectation).unwrap()
    };
    // One of them is told from the other, and a copy from nothing.
    assert_eq!(judged(&[rook], &expects(&[shrikhande])).reward(), Some(0.0));
    assert_eq!(judged(&[rook], &expects(&[rook])).reward(), Some(1.0));
    // Copies hide the difference behind too many ways to pair them.
    let verdict = judged(&[shrikhande, shrikhande], &expects(&[shrikhande, rook]));
    assert_eq!(verdict.reward(), None);
    assert!(!verdict.passed && verdict.fault.is_some(), "{verdict:?}");
}

/// A dial, and the same rule on it bound to the moment before, the moment after, and both.
fn dial() -> World {
    let mut files = WorldFiles::new();
    files.insert(
        "world.toml",
        "format = 1\nname = \"dial\"\ntitle = \"Dial\"\nsummary = \"One number.\"\nclock = \"2026-03-02T09:00:00Z\"\n",
    );
    files.insert(
        "schema.sql",
        "CREATE TABLE dials (dial_id TEXT PRIMARY KEY, level INTEGER NOT NULL CHECK (level < 100)) STRICT;",
    );
    files.insert(
        "tools/turn.toml",
        r#"
name = "turn"
description = "Turn the dial."
[input]
type = "object"
required = ["level"]
[input.properties.level]
type = "integer"
[output]
type = "object"
[[step]]
run = "UPDATE dials SET level = :level WHERE dial_id = 'D'"
[[step]]
return = "SELECT dial_id, level FROM dials WHERE dial_id = 'D'"
"#,
    );
    let rule = |id: &str, when: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\ntext = \"Not above five.\"\ntools = [\"turn\"]\nviolated_if = \"SELECT 1 FROM dials WHERE level > 5\"\nwhen = \"{when}\"\n"
        )
    };
    files.insert(
        "policy.toml",
        rule("before", "before") + &rule("after", "after") + &rule("both", "both"),
    );
    World::from_files(&files).unwrap_or_else(|error| panic!("{:#?}", error.problems()))
}

#[test]
fn rules_hold_before_and_after_each_call() {
    let world = dial();
    let row = json!({"dial_id": "D", "level": 3});
    let rows = [("dials".to_string(), row.as_object().unwrap().clone())];
    let state = world.state_with(&StateSpec::empty(), &rows).unwrap();
    for (levels, violated) in [
        (&[4][..], &[][..]),
        (&[9], &["after", "both"]),
        // Undone, and broken all the same: when it was turned back, it stood too high.
        (&[9, 3], &["before", "after", "both"]),
        // A call that fails breaks nothing.
        (&[200, 4], &[]),
    ] {
        let mut session = state.session(1).unwrap();
        for level in levels {
            session.call("turn", &json!({"level": level}));
        }
        let mut expectation = done(vec![AcceptedEnd {
            diff: session.diff().unwrap(),
            texts: Vec::new(),
        }]);
        let verdict = verify(&mut session, &said("Done."), &expectation).unwrap();
        assert_eq!(verdict.passed, violated.is_empty(), "{levels:?}");
        let named: String = verdict.failures().join(" ");
        for rule in ["before", "after", "both"] {
            assert_eq!(
                named.contains(rule),
                violated.contains(&rule),
                "{levels:?}: {named}"
            );
        }
        // Beside the first end that does not fit, a second one may.
        expectation.ends.insert(0, AcceptedEnd::default());
        let again = verify(&mut session, &said("Done."), &expectation).unwrap();
        assert_eq!(again.passed, violated.is_empty(), "{levels:?}");
    }
}

/// Rows with a price each, all seen.
fn market() -> (Session, Vec<(String, i64)>) {
    let mut files = WorldFiles::new();
    files.insert(
        "world.toml",
        "format = 1\nname = \"market\"\ntitle = \"Market\"\nsummary = \"Prices.\"\nclock = \"2026-03-02T09:00:00Z\"\n",
    );
    files.insert(
        "schema.sql",
        "CREATE TABLE fruits (name TEXT PRIMARY KEY, price_cents INTEGER NOT NULL) STRICT;",
    );
    files.insert(
        "tools/list_fruits.toml",
        r#"
name = "list_fruits"
description = "List the fruits."
[input]
type = "object"
[output]
type = "array"
[[step]]
return = "SELECT name, price_cents FROM fruits ORDER BY name"
"#,
    );
    let world = World::from_files(&files).unwrap_or_else(|error| panic!("{:#?}", error.problems()));
    let fruits: Vec<(String, i64)> = ["Apples", "Cherries", "Figs", "Melons", "Plums"]
        .iter()
        .zip([130, 425, 380, 299, 1250])
        .map(|(name, price)| ((*name).to_string(), price))
        .collect();
    let rows: Vec<_> = fruits
        .iter()
        .map(|(name, price)| {
            let row = json!({"name": name, "price_cents": price});
            ("fruits".to_string(), row.as_object().unwrap().clone())
        })
        .collect();
    let state = world.state_with(&StateSpec::empty(), &rows).unwrap();
    let mut session = state.session(1).unwrap();
    session.call("list_fruits", &json!({}));
    (session, fruits)
}

fn price_of(fruits: &[(String, i64)], asked: usize) -> Expectation {
    let mut expectation = done(vec![AcceptedEnd::default()]);
    expectation.facts = vec![Fact {
        value: Cell::Integer(fruits[asked].1),
        kind: FactKind::Cents,
        nouns: Vec::new(),
        about: "fruits.price_cents".into(),
        support: vec![Support {
            table: "fruits".into(),
            key: vec![Cell::from(fruits[asked].0.as_str())],
            columns: vec!["price_cents".into()],
        }],
        others: fruits
            .iter()
            .filter(|fruit| fruit.1 != fruits[asked].1)
            .map(|fruit| Cell::Integer(fruit.1))
            .collect(),
    }];
    expectation
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Prices in any order and spelling, joined by anything, do not say which was asked for; with a last
    /// sentence that says it, they do; and that sentence about another fruit does not.
    #[test]
    fn a_list_is_no_answer(
        asked in 0usize..5,
        order in Just((0..5usize).collect::<Vec<_>>()).prop_shuffle(),
        count in 2usize..=5,
        spelling in 0usize..5,
        joint in prop::sample::select(vec![", ", " and ", " or ", "\n", "; ", " / ", ". "]),
        opening in prop::sample::select(vec!["", "The prices are ", "It is one of ", "Here: "]),
    ) {
        let (mut session, fruits) = market();
        let expectation = price_of(&fruits, asked);
        let say = |fruit: usize| {
            let all = spellings(&Cell::Integer(fruits[fruit].1), FactKind::Cents);
            all[spelling % all.len()].clone()
        };
        let mut listed: Vec<usize> = order.iter().copied().filter(|fruit| *fruit != asked).take(count - 1).collect();
        listed.push(asked);
        listed.sort_by_key(|fruit| order.iter().position(|own| own == fruit));
        let list: Vec<String> = listed.iter().map(|fruit| say(*fruit)).collect();
        let list = format!("{opening}{}", list.join(joint));
        let mut passes = |answer: &str| verify(&mut session, &said(answer), &expectation).unwrap().passed;
        prop_assert!(!passes(&list), "{list}");
        let marked = format!("{list}.\nSo the answer is {}.", say(asked));
        prop_assert!(passes(&marked), "{marked}");
        let other = listed.iter().copied().find(|fruit| *fruit != asked).unwrap();
        let wrong = format!("{list}.\nSo the answer is {}.", say(other));
        prop_assert!(!passes(&wrong), "{wrong}");
        // Each with its name is no riddle, and mixed up it is wrong.
        let alone = format!("{} cost {}.", fruits[asked].0, say(asked));
        prop_assert!(passes(&alone), "{alone}");
        let mixed = format!(
            "{} cost {} and {} cost {}.",
            fruits[other].0, say(asked), fruits[asked].0, say(other)
        );
        prop_assert!(!passes(&mixed), "{mixed}");
    }
}
