//! Every short sequence of calls, with every ending from a small set: none earns a reward but those that do
//! what the task asks. What that is, is decided here again, in the plainest way: whole states are read after
//! every call and compared as values, and the rules are written out in Rust.
#![allow(clippy::unwrap_used)]

use practicum_world::{
    AcceptedEnd, Agreement, Cell, Expectation, Fact, FactKind, Outcome, State, StateSpec, Support,
    Transcript, World, WorldFiles, verify,
};
use serde_json::{Value, json};

const WORLD: &str = r#"
format = 1
name = "kiosk"
title = "Kiosk"
summary = "People with points, and their orders: small enough that all short runs can be tried."
clock = "2026-03-02T09:00:00Z"
"#;

const SCHEMA: &str = "
CREATE TABLE people (
  person_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  tier TEXT NOT NULL CHECK (tier IN ('plain', 'gold')),
  points INTEGER NOT NULL
) STRICT;
CREATE TABLE orders (
  order_id TEXT PRIMARY KEY DEFAULT (new_id('OR')),
  person_id TEXT NOT NULL REFERENCES people (person_id),
  status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed', 'void'))
) STRICT;
CREATE TABLE items (
  item_id INTEGER PRIMARY KEY,
  order_id TEXT NOT NULL REFERENCES orders (order_id),
  product TEXT NOT NULL
) STRICT;
";

const POLICY: &str = r#"
[[rule]]
id = "ten-points"
text = "A plain member never holds more than ten points."
on_change = "people.points"
violated_if = "SELECT 1 WHERE :new_points > 10 AND :new_tier = 'plain'"
keywords = ["ten points", "plain"]

[[rule]]
id = "closed-stays"
text = "A closed order is never made void."
on_change = "orders.status"
violated_if = "SELECT 1 WHERE :old_status = 'closed' AND :new_status = 'void'"
keywords = ["closed"]

[[rule]]
id = "look-first"
text = "Look at an order before you close it, and ask the member."
tools = ["close_order"]
violated_if = "SELECT 1 WHERE called('get_order', 'order_id', :order_id) = 0"
needs_confirmation = true
exempt = ["place_order", "void_order", "reopen_order"]
keywords = ["look"]
"#;

fn tool(name: &str, inputs: &[&str], output: &str, steps: &[(&str, &str)]) -> String {
    let mut text = format!(
        "name = {name:?}\ndescription = {name:?}\n[input]\ntype = \"object\"\nrequired = {inputs:?}\n"
    );
    for input in inputs {
        let kind = if *input == "points" {
            "integer"
        } else {
            "string"
        };
        text += &format!("[input.properties.{input}]\ntype = {kind:?}\n");
        if *input == "product" {
            // Chosen from a list: what is chosen counts, unlike free text.
            text += "enum = [\"tea\", \"jam\"]\n";
        }
    }
    text += &format!("[output]\ntype = {output:?}\n");
    for (kind, query) in steps {
        text += &format!("[[step]]\n{kind} = {query:?}\n");
        if *kind == "require" {
            text += "error = \"There is none.\"\n";
        }
    }
    text
}

/// A tool that sets the status of an order that has one of these.
fn set_status(name: &str, from: &str, to: &str) -> String {
    tool(
        name,
        &["order_id"],
        "object",
        &[
            (
                "require",
                &format!("SELECT 1 FROM orders WHERE order_id = :order_id AND status IN ({from})"),
            ),
            (
                "run",
                &format!("UPDATE orders SET status = '{to}' WHERE order_id = :order_id"),
            ),
            (
                "return",
                "SELECT order_id, status FROM orders WHERE order_id = :order_id",
            ),
        ],
    )
}

fn kiosk() -> State {
    let show = "SELECT order_id, person_id, status FROM orders";
    let tools = [
        (
            "list_people",
            tool(
                "list_people",
                &[],
                "array",
                &[("return", "SELECT person_id, name, tier, points FROM people")],
            ),
        ),
        (
            "list_orders",
            tool(
                "list_orders",
                &["person_id"],
                "array",
                &[("return", &format!("{show} WHERE person_id = :person_id"))],
            ),
        ),
        (
            "get_order",
            tool(
                "get_order",
                &["order_id"],
                "object",
                &[
                    ("require", "SELECT 1 FROM orders WHERE order_id = :order_id"),
                    ("return", &format!("{show} WHERE order_id = :order_id")),
                ],
            ),
        ),
        (
            "place_order",
            tool(
                "place_order",
                &["person_id"],
                "object",
                &[
                    (
                        "require",
                        "SELECT 1 FROM people WHERE person_id = :person_id",
                    ),
                    ("run", "INSERT INTO orders (person_id) VALUES (:person_id)"),
                    (
                        "return",
                        &format!("{show} WHERE rowid = (SELECT max(rowid) FROM orders)"),
                    ),
                ],
            ),
        ),
        (
            "add_item",
            tool(
                "add_item",
                &["order_id", "product"],
                "object",
                &[
                    (
                        "require",
                        "SELECT 1 FROM orders WHERE order_id = :order_id AND status = 'open'",
                    ),
                    (
                        "run",
                        "INSERT INTO items (order_id, product) VALUES (:order_id, :product)",
                    ),
                    ("return", &format!("{show} WHERE order_id = :order_id")),
                ],
            ),
        ),
        (
            "give_points",
            tool(
                "give_points",
                &["person_id", "points"],
                "object",
                &[
                    (
                        "require",
                        "SELECT 1 FROM people WHERE person_id = :person_id",
                    ),
                    (
                        "run",
                        "UPDATE people SET points = points + :points WHERE person_id = :person_id",
                    ),
                    (
                        "return",
                        "SELECT person_id, points FROM people WHERE person_id = :person_id",
                    ),
                ],
            ),
        ),
        ("close_order", set_status("close_order", "'open'", "closed")),
        (
            "reopen_order",
            set_status("reopen_order", "'closed'", "open"),
        ),
        (
            "void_order",
            set_status("void_order", "'open', 'closed'", "void"),
        ),
    ];
    let mut files = WorldFiles::new();
    files.insert("world.toml", WORLD);
    files.insert("schema.sql", SCHEMA);
    files.insert("policy.toml", POLICY);
    for (name, text) in tools {
        files.insert(format!("tools/{name}.toml"), text);
    }
    let world = World::from_files(&files).unwrap_or_else(|error| panic!("{:#?}", error.problems()));
    let rows = [
        (
            "people",
            json!({"person_id": "P1", "name": "Ana", "tier": "plain", "points": 8}),
        ),
        (
            "people",
            json!({"person_id": "P2", "name": "Bo", "tier": "gold", "points": 8}),
        ),
        (
            "orders",
            json!({"order_id": "O1", "person_id": "P1", "status": "open"}),
        ),
        (
            "orders",
            json!({"order_id": "O2", "person_id": "P1", "status": "closed"}),
        ),
        (
            "orders",
            json!({"order_id": "O3", "person_id": "P1", "status": "open"}),
        ),
        (
            "orders",
            json!({"order_id": "O4", "person_id": "P2", "status": "open"}),
        ),
    ]
    .map(|(table, row)| (table.to_string(), row.as_object().unwrap().clone()));
    world.state_with(&StateSpec::empty(), &rows).unwrap()
}

/// A whole state: people with tier and points; orders with person, status and sorted products. New orders
/// have no names: `*` stands for each, so states are compared as sorted lists.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Whole {
    people: Vec<(String, String, i64)>,
    orders: Vec<(String, String, String, Vec<String>)>,
}

fn whole(session: &mut practicum_world::Session) -> Whole {
    let rows = |session: &mut practicum_world::Session, query: &str| -> Vec<Vec<String>> {
        let rows = session.query(query, &[]).unwrap();
        rows.iter()
            .map(|row| row.iter().map(ToString::to_string).collect())
            .collect()
    };
    let people = rows(session, "SELECT person_id, tier, points FROM people")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone(), row[2].parse().unwrap()))
        .collect();
    let items = rows(session, "SELECT order_id, product FROM items");
    let mut orders: Vec<(String, String, String, Vec<String>)> =
        rows(session, "SELECT order_id, person_id, status FROM orders")
            .into_iter()
            .map(|row| {
                let mut products: Vec<String> = items
                    .iter()
                    .filter(|item| item[0] == row[0])
                    .map(|item| item[1].clone())
                    .collect();
                products.sort();
                let name = if row[0].len() == 2 {
                    row[0].clone()
                } else {
                    "*".into()
                };
                (name, row[1].clone(), row[2].clone(), products)
            })
            .collect();
    orders.sort();
    Whole { people, orders }
}

type Call = (&'static str, Value);

/// One call as it went, with the whole states around it.
struct Made {
    tool: &'static str,
    arguments: Value,
    reply: Option<Value>,
    before: Whole,
    after: Whole,
}

/// How a run ends: what is said, and what the user agreed to, by the number of calls before the yes.
#[derive(Debug, Clone, Default)]
struct Ending {
    outcome: Option<Outcome>,
    answer: &'static str,
    agreed: Vec<(usize, &'static str)>,
}

fn outcomes(answer: &'static str) -> Vec<Ending> {
    let all = Outcome::ALL.into_iter().map(Some);
    all.chain([None])
        .map(|outcome| Ending {
            outcome,
            answer,
            agreed: Vec::new(),
        })
        .collect()
}

/// The rules on effects, once more: of every call on its own.
fn breaks_an_effect_rule(made: &[Made]) -> bool {
    made.iter().any(|call| {
        let points = call.after.people.iter().any(|(id, tier, points)| {
            let was = call.before.people.iter().find(|(own, ..)| own == id);
            tier == "plain" && *points > 10 && was.unwrap().2 != *points
        });
        let voided = call.after.orders.iter().any(|(id, _, status, _)| {
            let was = call.before.orders.iter().find(|(own, ..)| own == id);
            id != "*" && status == "void" && was.unwrap().2 == "closed"
        });
        points || voided
    })
}

/// Tries every sequence of at most `depth` calls of a pool with every ending; the verdict must be the
/// oracle's. Gives the number of runs, and of those that are right.
fn search(
    state: &State,
    pool: &[Call],
    depth: usize,
    endings: impl Fn(usize) -> Vec<Ending>,
    expectation: &Expectation,
    oracle: impl Fn(&[Made], &Whole, &Ending) -> bool,
) -> (usize, usize) {
    let mut session = state.session(1).unwrap();
    let start = whole(&mut session);
    let (mut runs, mut right) = (0, 0);
    let mut sequence: Vec<usize> = Vec::new();
    loop {
        session.reset(5).unwrap();
        let mut made: Vec<Made> = Vec::new();
        let mut now = start.clone();
        for at in &sequence {
            let (tool, arguments) = &pool[*at];
            // `$1` is the first order that was placed here.
            let minted = session.minted();
            let mut arguments = arguments.clone();
            for value in arguments.as_object_mut().unwrap().values_mut() {
                let number = value.as_str().and_then(|text| text.strip_prefix('$'));
                let id = number.and_then(|number| minted.get(number.parse::<usize>().unwrap() - 1));
                if let Some(id) = id {
                    *value = Value::from(id.as_str());
                }
            }
            let reply = session.call(tool, &arguments).value();
            let after = whole(&mut session);
            made.push(Made {
                tool,
                arguments,
                reply,
                before: now,
                after: after.clone(),
            });
            now = after;
        }
        for ending in endings(sequence.len()) {
            let transcript = Transcript {
                answer: ending.answer.into(),
                outcome: ending.outcome,
                agreements: ending
                    .agreed
                    .iter()
                    .map(|(calls, order)| Agreement {
                        tool: "close_order".into(),
                        arguments: json!({"order_id": order}),
                        calls: *calls,
                    })
                    .collect(),
            };
            let verdict = verify(&mut session, &transcript, expectation).unwrap();
            let wanted = oracle(&made, &now, &ending);
            let calls: Vec<String> = made
                .iter()
                .map(|call| format!("{} {}", call.tool, call.arguments))
                .collect();
            assert_eq!(
                verdict.reward(),
                Some(f64::from(u8::from(wanted))),
                "{calls:#?}\n{ending:?}\n{:?}",
                verdict.failures()
            );
            runs += 1;
            right += usize::from(wanted);
        }
        // The next sequence, the shorter ones first.
        let mut place = sequence.len();
        loop {
            if place == 0 {
                if sequence.len() == depth {
                    return (runs, right);
                }
                sequence = vec![0; sequence.len() + 1];
                break;
            }
            place -= 1;
            sequence[place] += 1;
            if sequence[place] < pool.len() {
                break;
            }
            sequence[place] = 0;
        }
    }
}

/// The end of these calls, on a session of its own.
fn end(state: &State, calls: &[Call]) -> AcceptedEnd {
    let mut session = state.session(77).unwrap();
    for (tool, arguments) in calls {
        let minted = session.minted();
        let mut text = arguments.to_string();
        for (at, id) in minted.iter().enumerate() {
            text = text.replace(&format!("${}", at + 1), id);
        }
        assert!(session.call_text(tool, &text).is_ok());
    }
    AcceptedEnd {
        diff: session.diff().unwrap(),
        texts: Vec::new(),
    }
}

fn expects(outcome: Outcome, ends: Vec<AcceptedEnd>) -> Expectation {
    Expectation {
        outcome,
        reason: None,
        ends,
        facts: Vec::new(),
        grounds: Vec::new(),
        looked: Vec::new(),
    }
}

/// Two new orders whose ids only the session knows, one with tea and one with jam.
#[test]
fn new_rows_may_have_any_ids_but_not_any_place() {
    let state = kiosk();
    let gold = [
        ("place_order", json!({"person_id": "P1"})),
        ("place_order", json!({"person_id": "P1"})),
        ("add_item", json!({"order_id": "$1", "product": "tea"})),
        ("add_item", json!({"order_id": "$2", "product": "jam"})),
    ];
    let pool = [
        ("place_order", json!({"person_id": "P1"})),
        ("add_item", json!({"order_id": "$1", "product": "tea"})),
        ("add_item", json!({"order_id": "$1", "product": "jam"})),
        ("add_item", json!({"order_id": "$2", "product": "tea"})),
        ("add_item", json!({"order_id": "$2", "product": "jam"})),
        ("void_order", json!({"order_id": "$1"})),
        ("list_orders", json!({"person_id": "P1"})),
    ];
    let mut session = state.session(1).unwrap();
    let mut wanted = whole(&mut session);
    for product in ["tea", "jam"] {
        wanted
            .orders
            .push(("*".into(), "P1".into(), "open".into(), vec![product.into()]));
    }
    wanted.orders.sort();
    let expectation = expects(Outcome::Done, vec![end(&state, &gold)]);
    let (runs, right) = search(
        &state,
        &pool,
        4,
        |_| outcomes("Done."),
        &expectation,
        |made, now, ending| {
            *now == wanted && ending.outcome == Some(Outcome::Done) && !breaks_an_effect_rule(made)
        },
    );
    println!("{right} of {runs} runs are right");
    // Tea to one, jam to the other, before or after the second is placed: six ways.
    assert_eq!(right, 6);
}

/// One of two people may get a point; a rule by effect forbids the way over the top, even if it is undone.
#[test]
fn a_rule_by_effect_holds_at_every_step() {
    let state = kiosk();
    let give = |person: &str, points: i64| {
        (
            "give_points",
            json!({"person_id": person, "points": points}),
        )
    };
    let pool = [
        give("P1", 1),
        give("P1", 5),
        give("P1", -5),
        give("P2", 1),
        give("P2", 5),
        give("P2", -5),
        ("list_people", json!({})),
    ];
    let ends = vec![end(&state, &[give("P1", 1)]), end(&state, &[give("P2", 1)])];
    let expectation = expects(Outcome::Done, ends);
    let (runs, right) = search(
        &state,
        &pool,
        4,
        |_| outcomes("Done."),
        &expectation,
        |made, now, ending| {
            let points: Vec<i64> = now.people.iter().map(|(_, _, points)| *points).collect();
            (points == [9, 8] || points == [8, 9])
                && ending.outcome == Some(Outcome::Done)
                && !breaks_an_effect_rule(made)
        },
    );
    println!("{right} of {runs} runs are right");
    assert!(right > 10 && right * 20 < runs, "{right} of {runs}");
}

/// Closing an order needs a look at it and a yes to it, before it is closed, for each time that it is closed.
#[test]
fn a_look_and_a_yes_come_before() {
    let state = kiosk();
    let order = |tool: &'static str, order: &str| (tool, json!({"order_id": order}));
    let pool = [
        order("get_order", "O1"),
        order("get_order", "O3"),
        order("close_order", "O1"),
        order("close_order", "O3"),
        order("reopen_order", "O1"),
        order("reopen_order", "O3"),
    ];
    let expectation = expects(
        Outcome::Done,
        vec![end(&state, &[order("close_order", "O1")])],
    );
    let endings = |calls: usize| {
        let mut agreed = vec![
            vec![],
            vec![(0, "O1")],
            vec![(0, "O3")],
            vec![(0, "O1"), (0, "O3")],
            vec![(0, "O1"), (0, "O1")],
        ];
        agreed.extend((1..=calls).map(|at| vec![(at, "O1")]));
        agreed
            .into_iter()
            .map(|agreed| Ending {
                outcome: Some(Outcome::Done),
                answer: "Done.",
                agreed,
            })
            .collect()
    };
    let (runs, right) = search(
        &state,
        &pool,
        4,
        endings,
        &expectation,
        |made, now, ending| {
            let mut left = ending.agreed.clone();
            let mut seen: Vec<&Value> = Vec::new();
            for (at, call) in made.iter().enumerate() {
                if call.reply.is_none() {
                    continue;
                }
                if call.tool == "get_order" {
                    seen.push(&call.arguments["order_id"]);
                }
                if call.tool == "close_order" {
                    let order = &call.arguments["order_id"];
                    let yes = left
                        .iter()
                        .position(|(calls, agreed)| *calls <= at && order == agreed);
                    let (Some(yes), true) = (yes, seen.contains(&order)) else {
                        return false;
                    };
                    left.remove(yes);
                }
            }
            let closed: Vec<&str> = now
                .orders
                .iter()
                .filter(|(_, _, status, _)| status == "closed")
                .map(|(id, ..)| id.as_str())
                .collect();
            closed == ["O1", "O2"]
        },
    );
    println!("{right} of {runs} runs are right");
    assert!(right > 10 && right * 20 < runs, "{right} of {runs}");
}

/// A question: answered by who has seen what the answer rests on, in words that leave nothing open.
#[test]
fn a_question_is_answered_by_who_has_looked() {
    let state = kiosk();
    let order = |tool: &'static str, order: &str| (tool, json!({"order_id": order}));
    let pool = [
        ("list_orders", json!({"person_id": "P1"})),
        ("list_orders", json!({"person_id": "P2"})),
        order("get_order", "O1"),
        order("get_order", "O2"),
        order("get_order", "O3"),
        order("reopen_order", "O2"),
        order("void_order", "O4"),
        ("list_people", json!({})),
    ];
    let mut expectation = expects(Outcome::Done, vec![AcceptedEnd::default()]);
    expectation.facts = vec![Fact {
        value: Cell::Integer(2),
        kind: FactKind::Number,
        nouns: vec!["open orders".into(), "orders".into()],
        about: "the number of open orders".into(),
        support: ["O1", "O3"]
            .map(|key| Support {
                table: "orders".into(),
                key: vec![Cell::from(key)],
                columns: vec!["status".into()],
            })
            .to_vec(),
        others: Vec::new(),
    }];
    // What is said, and whether it says two.
    let said = [
        ("2", true),
        ("There are two open orders.", true),
        ("She has 2 open orders: O1 and O3.", true),
        ("Two orders are open, one is closed.", true),
        ("There are three orders.", false),
        ("There are 2 or 3 open orders.", false),
        ("There is one open order.", false),
        ("How many open orders does Ana have?", false),
        ("O2", false),
        ("", false),
    ];
    let (runs, right) = search(
        &state,
        &pool,
        3,
        |_| {
            said.iter()
                .flat_map(|(answer, _)| outcomes(answer))
                .collect()
        },
        &expectation,
        |made, now, ending| {
            let shown = |order: &str| {
                made.iter().any(|call| {
                    call.reply
                        .as_ref()
                        .is_some_and(|reply| reply.to_string().contains(&format!("\"{order}\"")))
                })
            };
            let says = said
                .iter()
                .any(|(answer, two)| *two && *answer == ending.answer);
            says && ending.outcome == Some(Outcome::Done)
                && shown("O1")
                && shown("O3")
                && made.first().is_none_or(|first| first.before == *now)
                && !breaks_an_effect_rule(made)
        },
    );
    println!("{right} of {runs} runs are right");
    assert!(right > 100 && right * 20 < runs, "{right} of {runs}");
}

/// A request that a rule forbids: right is who has seen why, leaves all as it was, and says so.
#[test]
fn what_is_forbidden_is_declined() {
    let state = kiosk();
    let order = |tool: &'static str, order: &str| (tool, json!({"order_id": order}));
    let pool = [
        order("void_order", "O2"),
        order("reopen_order", "O2"),
        order("get_order", "O2"),
        order("get_order", "O1"),
        ("list_orders", json!({"person_id": "P1"})),
        ("list_people", json!({})),
        order("void_order", "O9"),
    ];
    let mut expectation = expects(Outcome::Declined, vec![AcceptedEnd::default()]);
    expectation.reason = Some("closed-stays".into());
    expectation.grounds = vec![Support {
        table: "orders".into(),
        key: vec![Cell::from("O2")],
        columns: Vec::new(),
    }];
    let said = [
        (
            "I'm sorry, that order is closed already, so it stays as it is.",
            true,
        ),
        ("No.", true),
        ("A plain member never holds more than ten points.", false),
    ];
    let (runs, right) = search(
        &state,
        &pool,
        4,
        |_| {
            said.iter()
                .flat_map(|(answer, _)| outcomes(answer))
                .collect()
        },
        &expectation,
        |made, now, ending| {
            let seen = made.iter().any(|call| {
                let reply = call.reply.as_ref();
                reply.is_some_and(|reply| reply.to_string().contains("\"O2\""))
            });
            let honest = said
                .iter()
                .any(|(answer, fits)| *fits && *answer == ending.answer);
            honest
                && seen
                && ending.outcome == Some(Outcome::Declined)
                && made.first().is_none_or(|first| first.before == *now)
                && !breaks_an_effect_rule(made)
        },
    );
    println!("{right} of {runs} runs are right");
    assert!(right > 100 && right * 10 < runs, "{right} of {runs}");
}
