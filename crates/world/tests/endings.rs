//! Endings of hand-made episodes on the six hand-written worlds, judged as a person judges them.
//!
//! `endings/<world>/rows.toml` holds the rows of a world's state; every other file there holds a task on
//! it, what it expects, and endings: an agent's calls and words, whether a person calls that right, and
//! why. Where the verdict differs from the person, the verifier is mended, not the file.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use practicum_world::{
    AcceptedEnd, Agreement, Cell, Expectation, Fact, FactKind, Outcome, Session, State, StateSpec,
    Support, TextCell, TextRule, Transcript, Verdict, World, verify,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// `rows.toml`: rows by table, in an order in which they can be inserted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowsFile {
    rows: Vec<TableRows>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableRows {
    table: String,
    values: Vec<Map<String, Value>>,
}

/// A task and how agents ended it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskFile {
    /// What the user wants, for people.
    wish: String,
    /// Rows besides those of `rows.toml`.
    #[serde(default)]
    rows: Vec<TableRows>,
    outcome: Outcome,
    #[serde(default)]
    reason: Option<String>,
    /// Accepted ends, each as the calls that lead there; none: nothing may change.
    #[serde(default)]
    end: Vec<EndFile>,
    #[serde(default)]
    fact: Vec<FactFile>,
    #[serde(default)]
    ground: Vec<SupportFile>,
    #[serde(default)]
    looked: Vec<String>,
    ending: Vec<Ending>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndFile {
    calls: Vec<Step>,
    /// Free texts that are compared to the letter: `table.column`.
    #[serde(default)]
    exact: Vec<String>,
    /// Words that a free text must hold.
    #[serde(default)]
    holds: Vec<HoldsFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldsFile {
    column: String,
    parts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FactFile {
    value: Value,
    kind: FactKind,
    #[serde(default)]
    nouns: Vec<String>,
    about: String,
    #[serde(default)]
    support: Vec<SupportFile>,
    #[serde(default)]
    others: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SupportFile {
    table: String,
    key: Vec<Value>,
    #[serde(default)]
    columns: Vec<String>,
}

/// What an agent did and said, and what a person thinks of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ending {
    name: String,
    right: bool,
    why: String,
    #[serde(default)]
    calls: Vec<Step>,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    outcome: Option<Outcome>,
}

/// A call, or the user's yes to one. Ids that were minted are written `$1`, `$2`... in order of minting.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// The tool that is called.
    #[serde(default)]
    tool: Option<String>,
    /// The tool to a call of which the user says yes.
    #[serde(default)]
    yes: Option<String>,
    #[serde(default)]
    arguments: Map<String, Value>,
    /// The user said yes to this very call just before it.
    #[serde(default)]
    agreed: bool,
    /// The call must fail; all others must succeed.
    #[serde(default)]
    fails: bool,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/endings")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn with_minted(value: &Value, minted: &[String]) -> Value {
    match value {
        Value::String(text) => Value::String(fill(text, minted)),
        Value::Array(elements) => elements
            .iter()
            .map(|element| with_minted(element, minted))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), with_minted(member, minted)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn fill(text: &str, minted: &[String]) -> String {
    let mut text = text.to_string();
    for (at, id) in minted.iter().enumerate().rev() {
        text = text.replace(&format!("${}", at + 1), id);
    }
    text
}

/// Makes the calls; gives the agreements.
fn play(session: &mut Session, steps: &[Step], place: &str) -> Vec<Agreement> {
    let mut agreements = Vec::new();
    for step in steps {
        let arguments = with_minted(&Value::Object(step.arguments.clone()), &session.minted());
        let yes = step
            .yes
            .as_ref()
            .or(step.tool.as_ref().filter(|_| step.agreed));
        if let Some(tool) = yes {
            agreements.push(Agreement {
                tool: tool.clone(),
                arguments: arguments.clone(),
                calls: session.log().len(),
            });
        }
        let Some(tool) = &step.tool else {
            assert!(step.yes.is_some(), "{place}: a step needs a tool or a yes");
            continue;
        };
        let reply = session.call(tool, &arguments);
        assert_eq!(
            !reply.is_ok(),
            step.fails,
            "{place}: {tool} {arguments}: {}",
            reply.content()
        );
    }
    agreements
}

fn cell(value: &Value, minted: &[String]) -> Cell {
    Cell::from_json(&with_minted(value, minted))
}

fn support(file: &SupportFile, minted: &[String]) -> Support {
    Support {
        table: file.table.clone(),
        key: file.key.iter().map(|value| cell(value, minted)).collect(),
        columns: file.columns.clone(),
    }
}

/// What the task expects. Its ends come of runs with a seed of their own, so their ids are others than
/// an agent's.
fn expectation(state: &State, task: &TaskFile, place: &str) -> Expectation {
    let schema = state.world().schema();
    let mut minted = Vec::new();
    let mut ends: Vec<AcceptedEnd> = Vec::new();
    for end in &task.end {
        let mut session = state.session(77).unwrap();
        play(&mut session, &end.calls, place);
        let diff = session.diff().unwrap();
        assert!(!diff.is_empty(), "{place}: an end that changes nothing");
        if minted.is_empty() {
            minted = session.minted();
        }
        let mut texts = Vec::new();
        let exact = end.exact.iter().map(|column| (column, TextRule::Exact));
        let holds = end
            .holds
            .iter()
            .map(|holds| (&holds.column, TextRule::Holds(holds.parts.clone())));
        for (name, rule) in exact.chain(holds) {
            let at = schema.resolve(name).unwrap();
            for (change, row) in diff.changes.iter().enumerate() {
                if row.table == schema.tables[at.table].name && row.after.is_some() {
                    texts.push(TextCell {
                        change,
                        column: schema.get(at).name.clone(),
                        rule: rule.clone(),
                    });
                }
            }
        }
        ends.push(AcceptedEnd { diff, texts });
    }
    if ends.is_empty() {
        ends.push(AcceptedEnd::default());
    }
    Expectation {
        outcome: task.outcome,
        reason: task.reason.clone(),
        ends,
        facts: task
            .fact
            .iter()
            .map(|fact| Fact {
                value: cell(&fact.value, &minted),
                kind: fact.kind,
                nouns: fact.nouns.clone(),
                about: fact.about.clone(),
                support: fact
                    .support
                    .iter()
                    .map(|file| support(file, &minted))
                    .collect(),
                others: fact
                    .others
                    .iter()
                    .map(|value| cell(value, &minted))
                    .collect(),
            })
            .collect(),
        grounds: task
            .ground
            .iter()
            .map(|file| support(file, &minted))
            .collect(),
        looked: task.looked.clone(),
    }
}

fn judge(state: &State, expectation: &Expectation, ending: &Ending, place: &str) -> Verdict {
    let mut session = state.session(5).unwrap();
    let agreements = play(&mut session, &ending.calls, place);
    let transcript = Transcript {
        answer: fill(&ending.answer, &session.minted()),
        outcome: ending.outcome,
        agreements,
    };
    let verdict = verify(&mut session, &transcript, expectation).unwrap();
    assert_eq!(verdict.fault, None, "{place}");
    // Judging changes nothing: a second look says the same.
    assert_eq!(
        verify(&mut session, &transcript, expectation).unwrap(),
        verdict,
        "{place}"
    );
    verdict
}

#[test]
fn the_verdict_is_a_persons() {
    let (mut right, mut wrong, mut wrong_by) = (0, 0, BTreeSet::new());
    let mut differing = Vec::new();
    let worlds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds");
    for path in entries(&folder()) {
        let world = World::load(&worlds.join(path.file_name().unwrap())).unwrap();
        let shared: RowsFile = read(&path.join("rows.toml"));
        for file in entries(&path) {
            if file.ends_with("rows.toml") {
                continue;
            }
            let task: TaskFile = read(&file);
            assert!(!task.wish.is_empty());
            let rows: Vec<(String, Map<String, Value>)> = shared
                .rows
                .iter()
                .chain(&task.rows)
                .flat_map(|rows| {
                    let table = &rows.table;
                    rows.values
                        .iter()
                        .map(move |row| (table.clone(), row.clone()))
                })
                .collect();
            let place = format!(
                "{}/{}",
                world.name(),
                file.file_stem().unwrap().to_string_lossy()
            );
            let state = world
                .state_with(&StateSpec::empty(), &rows)
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            let expectation = expectation(&state, &task, &place);
            for ending in &task.ending {
                let place = format!("{place}: {}", ending.name);
                assert!(!ending.why.is_empty(), "{place}");
                let verdict = judge(&state, &expectation, ending, &place);
                if ending.right {
                    right += 1;
                } else {
                    wrong += 1;
                    wrong_by.extend(
                        verdict
                            .clauses
                            .iter()
                            .filter(|clause| !clause.passed)
                            .map(|clause| clause.name.clone()),
                    );
                }
                if verdict.passed != ending.right {
                    differing.push(format!(
                        "{place}\n  a person: {}, because {}\n  the verdict: {:?}",
                        if ending.right { "right" } else { "wrong" },
                        ending.why,
                        verdict.failures()
                    ));
                }
            }
        }
    }
    println!("{right} right endings and {wrong} wrong ones, these by {wrong_by:?}");
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    // Both sides of trust, and every clause.
    assert!(right >= 30 && wrong >= 30, "{right}, {wrong}");
    for clause in [
        "state",
        "outcome",
        "answer",
        "policy",
        "confirmation",
        "grounds",
    ] {
        assert!(wrong_by.contains(clause), "{clause} never decides");
    }
}

/// Of every rule of the six worlds: a refusal in the rule's own text gives the right reason, and one in the
/// text of another rule does not.
#[test]
fn a_refusal_names_its_rule() {
    let worlds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds");
    let (mut told_apart, mut pairs) = (0, 0);
    for path in entries(&worlds) {
        if !path.join("world.toml").is_file() {
            continue;
        }
        let world = World::load(&path).unwrap();
        let state = world.state(&StateSpec::empty()).unwrap();
        let mut session = state.session(1).unwrap();
        let rules = world.rules();
        for right in rules {
            let expectation = Expectation {
                outcome: Outcome::Declined,
                reason: Some(right.id.clone()),
                ends: vec![AcceptedEnd::default()],
                facts: Vec::new(),
                grounds: Vec::new(),
                looked: Vec::new(),
            };
            for said in rules {
                let transcript = Transcript {
                    answer: format!("I'm sorry, I can't do that. {}", said.text),
                    outcome: Some(Outcome::Declined),
                    ..Transcript::default()
                };
                let passed = verify(&mut session, &transcript, &expectation)
                    .unwrap()
                    .passed;
                if said.id == right.id {
                    assert!(passed, "{}: {}", world.name(), right.id);
                } else {
                    pairs += 1;
                    told_apart += usize::from(!passed);
                }
            }
            // Naming none of them is no lie.
            for answer in ["I'm sorry, I can't do that.", "No.", ""] {
                let transcript = Transcript {
                    answer: answer.into(),
                    outcome: Some(Outcome::Declined),
                    ..Transcript::default()
                };
                assert!(
                    verify(&mut session, &transcript, &expectation)
                        .unwrap()
                        .passed
                );
            }
        }
    }
    println!("{told_apart} of {pairs} pairs of rules are told apart");
    assert!(told_apart * 100 >= pairs * 97, "{told_apart} of {pairs}");
}
