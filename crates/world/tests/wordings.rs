//! Answers whose values hold the words and marks that part an answer's own clauses, or each other.
#![allow(clippy::unwrap_used)]

use practicum_world::{
    AcceptedEnd, Cell, Expectation, Fact, FactKind, Outcome, StateSpec, Support, Transcript, World,
    WorldFiles, verify,
};
use serde_json::json;

/// Answers to "which directions (or kind) has the first row", judged.
fn judge(column: &str, kind: FactKind, answer: &str) -> bool {
    let mut files = WorldFiles::new();
    files.insert(
        "world.toml",
        "format = 1\nname = \"doses\"\ntitle = \"Doses\"\nsummary = \"Prescriptions.\"\nclock = \"2026-03-02T09:00:00Z\"\n",
    );
    files.insert(
        "schema.sql",
        "CREATE TABLE doses (dose_id TEXT PRIMARY KEY, directions TEXT NOT NULL, kind TEXT NOT NULL) STRICT;",
    );
    files.insert(
        "data.toml",
        r#"
[[state]]
name = "two"
[[state.row]]
table = "doses"
values = { dose_id = "D1", directions = "One in the morning", kind = "visit" }
[[state.row]]
table = "doses"
values = { dose_id = "D2", directions = "One before bed", kind = "missed_visit" }
[[state.row]]
table = "doses"
values = { dose_id = "D3", directions = "One with breakfast, one with dinner", kind = "late" }
"#,
    );
    files.insert(
        "tools/list_doses.toml",
        r#"
name = "list_doses"
description = "List all doses."
[input]
type = "object"
[output]
type = "array"
[output.items]
type = "object"
[output.items.properties]
dose_id.type = "string"
directions.type = "string"
kind.type = "string"
[[step]]
return = "SELECT dose_id, directions, kind FROM doses ORDER BY dose_id"
"#,
    );
    let world = World::from_files(&files).unwrap();
    let state = world.state(&StateSpec::generated("two", 1)).unwrap();
    let mut session = state.session(1).unwrap();
    assert!(session.call("list_doses", &json!({})).is_ok());
    let values: Vec<Cell> = state
        .query(&format!("SELECT {column} FROM doses ORDER BY dose_id"), &[])
        .unwrap()
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    let expectation = Expectation {
        outcome: Outcome::Done,
        reason: None,
        ends: vec![AcceptedEnd::default()],
        facts: vec![Fact {
            value: values[0].clone(),
            kind,
            nouns: Vec::new(),
            about: format!("doses.{column}"),
            support: vec![Support {
                table: "doses".into(),
                key: vec![Cell::from("D1")],
                columns: vec![column.into()],
            }],
            others: values[1..].to_vec(),
        }],
        grounds: Vec::new(),
        looked: Vec::new(),
    };
    let said = Transcript {
        answer: answer.into(),
        outcome: Some(Outcome::Done),
        ..Transcript::default()
    };
    verify(&mut session, &said, &expectation).unwrap().passed
}

#[test]
fn words_of_a_value_part_no_clauses() {
    let directions = |answer: &str| judge("directions", FactKind::Text, answer);
    assert!(directions("One in the morning."));
    assert!(directions("It is one in the morning, not one before bed."));
    assert!(!directions("It is One in the morning or One before bed."));
    assert!(!directions(
        "One with breakfast, one with dinner, One in the morning"
    ));
    assert!(!directions("One before bed."));
}

#[test]
fn a_value_inside_a_longer_one_is_not_said() {
    let kind = |answer: &str| judge("kind", FactKind::Label, answer);
    assert!(kind("It is a visit."));
    assert!(kind("It is a visit, not a missed visit."));
    assert!(!kind("It is missed_visit."));
    assert!(!kind("It is a missed visit."));
}

/// The cheapest of three, where a tool lists them cheapest first or in no order.
fn cheapest(arguments: &serde_json::Value, sorted: bool) -> bool {
    let mut files = WorldFiles::new();
    files.insert(
        "world.toml",
        "format = 1\nname = \"stall\"\ntitle = \"Stall\"\nsummary = \"Fruit.\"\nclock = \"2026-03-02T09:00:00Z\"\n",
    );
    files.insert(
        "schema.sql",
        "CREATE TABLE fruits (fruit_id TEXT PRIMARY KEY, price INTEGER NOT NULL) STRICT;",
    );
    files.insert(
        "data.toml",
        r#"
[[state]]
name = "three"
[[state.row]]
table = "fruits"
values = { fruit_id = "F1", price = 30 }
[[state.row]]
table = "fruits"
values = { fruit_id = "F2", price = 70 }
[[state.row]]
table = "fruits"
values = { fruit_id = "F3", price = 50 }
"#,
    );
    let order = if sorted { "price" } else { "fruit_id" };
    files.insert(
        "tools/list_fruits.toml",
        format!(
            r#"
name = "list_fruits"
description = "List the fruits."
[input]
type = "object"
[input.properties.limit]
type = "integer"
minimum = 1
default = 20
description = "At most so many."
[output]
type = "array"
[output.items]
type = "object"
[output.items.properties]
fruit_id.type = "string"
price.type = "integer"
[[step]]
return = "SELECT fruit_id, price FROM fruits ORDER BY {order} LIMIT :limit"
"#
        ),
    );
    let world = World::from_files(&files).unwrap();
    let state = world.state(&StateSpec::generated("three", 1)).unwrap();
    let mut session = state.session(1).unwrap();
    assert!(session.call("list_fruits", arguments).is_ok());
    let seen = |id: &str| Support {
        table: "fruits".into(),
        key: vec![Cell::from(id)],
        columns: vec!["price".into()],
    };
    let expectation = Expectation {
        outcome: Outcome::Done,
        reason: None,
        ends: vec![AcceptedEnd::default()],
        facts: vec![Fact {
            value: Cell::Integer(30),
            kind: FactKind::Number,
            nouns: Vec::new(),
            about: "lowest price of the fruits".into(),
            support: vec![seen("F1"), seen("F3"), seen("F2")],
            others: vec![Cell::Integer(50), Cell::Integer(70)],
        }],
        grounds: Vec::new(),
        looked: Vec::new(),
    };
    let said = Transcript {
        answer: "The lowest price is 30.".into(),
        outcome: Some(Outcome::Done),
        ..Transcript::default()
    };
    verify(&mut session, &said, &expectation).unwrap().passed
}

#[test]
fn the_first_of_a_sorted_list_is_known_without_the_rest() {
    assert!(cheapest(&json!({}), true));
    assert!(cheapest(&json!({}), false));
    assert!(cheapest(&json!({"limit": 1}), true));
    // The first of a list in no such order may be the cheapest, and who saw it alone cannot know.
    assert!(!cheapest(&json!({"limit": 1}), false));
}
