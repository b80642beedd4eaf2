//! What must hold at the end of an episode, and whether it does.

use serde::{Deserialize, Serialize};

use crate::agreement::unconfirmed;
use crate::cell::Cell;
use crate::diff::{Diff, RowChange};
use crate::equal::{AcceptedEnd, Comparison, Renaming, compare};
use crate::facts::{Attribution, attribution, is_named_briefly, was_added_up, was_sorted};
use crate::reason::other_reason;
use crate::session::Session;
use crate::speller::{Answer, FactKind};
use crate::spray::{is_sprayed, without_longer};
use crate::state::StateError;
use crate::transcript::{Outcome, Transcript};
use crate::world::World;

/// What must hold at the end of an episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The outcome that the agent must state.
    pub outcome: Outcome,
    /// The rule that forbids it, or why it is impossible. A refusal need not name the rule, but must not name
    /// another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The end states that count as right; at least one.
    pub ends: Vec<AcceptedEnd>,
    /// The facts that the agent must state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// Rows that the agent must have seen to know why it declines: declining unseen is a guess.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grounds: Vec<Support>,
    /// Tables into which the agent must have looked to know that something is not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looked: Vec<String>,
}

/// A fact that the user asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Its value.
    pub value: Cell,
    /// How people write it.
    pub kind: FactKind,
    /// The noun that belongs to a count, in singular and plural: `3 orders`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nouns: Vec<String>,
    /// `table.column` that it stands in, or what was computed.
    pub about: String,
    /// What the agent must have seen to know it.
    pub support: Vec<Support>,
    /// Other values that stand in the same column of rows in the question's scope: naming more of them
    /// than was asked for is spraying.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Cell>,
}

/// A row that determines a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: Vec<Cell>,
    /// The columns that had to be seen: a result that showed the row without them is no support.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

/// One clause of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clause {
    /// `state`, `outcome`, `reason`, `grounds`, `answer`, `policy` or `confirmation`.
    pub name: String,
    /// Whether it holds.
    pub passed: bool,
    /// Why it does not, or what was compared.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What verification says of a finished session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// All clauses hold.
    pub passed: bool,
    /// The clauses, in a fixed order.
    pub clauses: Vec<Clause>,
    /// The accepted end that was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<usize>,
    /// Changes of the first accepted end that are missing, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Changes that no accepted end asks for, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<String>,
    /// The verifier could not decide: never a reward of 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Verdict {
    /// 1 when passed, else 0; None when the verifier could not decide.
    pub fn reward(&self) -> Option<f64> {
        if self.fault.is_some() {
            None
        } else {
            Some(f64::from(u8::from(self.passed)))
        }
    }

    /// The clauses that do not hold, in words.
    pub fn failures(&self) -> Vec<String> {
        self.clauses
            .iter()
            .filter(|clause| !clause.passed)
            .map(|clause| format!("{}: {}", clause.name, clause.detail))
            .collect()
    }
}

/// Judges a finished session.
///
/// # Errors
/// When SQLite fails: an infrastructure fault, never a reward.
pub fn verify(
    session: &mut Session,
    transcript: &Transcript,
    expectation: &Expectation,
) -> Result<Verdict, StateError> {
    let diff = session.diff()?;
    let world = session.world().clone();
    let mut verdict = Verdict::default();
    let renaming = state_clause(&world, &diff, expectation, &mut verdict);
    outcome_clause(transcript, expectation, &mut verdict);
    reason_clause(&world, transcript, expectation, &mut verdict);
    grounds_clause(session, expectation, &renaming, &mut verdict);
    answer_clause(session, transcript, expectation, &renaming, &mut verdict)?;
    policy_clause(session, &mut verdict);
    confirmation_clause(session, transcript, &mut verdict)?;
    verdict.passed = verdict.fault.is_none() && verdict.clauses.iter().all(|clause| clause.passed);
    Ok(verdict)
}

fn push(verdict: &mut Verdict, name: &str, passed: bool, detail: impl Into<String>) {
    verdict.clauses.push(Clause {
        name: name.to_string(),
        passed,
        detail: if passed { String::new() } else { detail.into() },
    });
}

fn state_clause(
    world: &World,
    diff: &Diff,
    expectation: &Expectation,
    verdict: &mut Verdict,
) -> Renaming {
    let mut over_budget = false;
    for (at, end) in expectation.ends.iter().enumerate() {
        match compare(world, diff, end) {
            Comparison::Equal(renaming) => {
                verdict.end = Some(at);
                push(verdict, "state", true, "");
                return renaming;
            }
            Comparison::Different => {}
            Comparison::OverBudget => over_budget = true,
        }
    }
    if over_budget {
        verdict.fault =
            Some("the end state has too many interchangeable new rows to be compared".into());
    }
    if let Some(end) = expectation.ends.first() {
        let (missing, extra) = unmatched(world, diff, &end.diff);
        verdict.missing = missing;
        verdict.extra = extra;
    }
    let mut parts = Vec::new();
    if !verdict.missing.is_empty() {
        parts.push(format!("missing: {}", verdict.missing.join("; ")));
    }
    if !verdict.extra.is_empty() {
        parts.push(format!("not asked for: {}", verdict.extra.join("; ")));
    }
    if parts.is_empty() {
        parts.push("the end state differs from every accepted one".into());
    }
    push(verdict, "state", false, parts.join("; "));
    Renaming::default()
}

/// The changes of each side that have no counterpart on the other, minted ids aside.
fn unmatched(world: &World, own: &Diff, gold: &Diff) -> (Vec<String>, Vec<String>) {
    let mask = |diff: &Diff| -> Vec<(String, String)> {
        let lines = diff.lines(world);
        diff.changes
            .iter()
            .zip(lines)
            .filter(|(change, _)| {
                world
                    .schema()
                    .table(&change.table)
                    .is_none_or(|table| !world.is_log(table))
            })
            .map(|(change, line)| (masked(world, change, &diff.minted), line))
            .collect()
    };
    let (own, gold) = (mask(own), mask(gold));
    let minus = |a: &[(String, String)], b: &[(String, String)]| {
        let mut left: Vec<&String> = b.iter().map(|(masked, _)| masked).collect();
        a.iter()
            .filter(
                |(masked, _)| match left.iter().position(|other| *other == masked) {
                    Some(at) => {
                        left.swap_remove(at);
                        false
                    }
                    None => true,
                },
            )
            .map(|(_, line)| line.clone())
            .collect()
    };
    (minus(&gold, &own), minus(&own, &gold))
}

/// A change with what is not compared, and ids that were minted, left out.
fn masked(world: &World, change: &RowChange, minted: &[String]) -> String {
    use crate::roles::{Identity, Role};
    use crate::sql::ColumnRef;
    let Some(table) = world.schema().table(&change.table) else {
        return change.table.clone();
    };
    let mut text = change.table.clone();
    if change.before.is_some() {
        text.push_str(&format!("{:?}", change.key));
    }
    for (column, cell) in change.after.iter().flatten().enumerate() {
        let shown = match world.role(ColumnRef { table, column }) {
            Role::Stamp | Role::Random | Role::Text | Role::Sequence => String::new(),
            Role::Identity(Identity::Rowid(_)) if change.before.is_none() => String::new(),
            _ => {
                let mut shown = cell.to_string();
                for id in minted {
                    shown = shown.replace(id.as_str(), "");
                }
                shown
            }
        };
        text.push('\u{1}');
        text.push_str(&shown);
    }
    if change.after.is_none() {
        text.push('-');
    }
    text
}

fn outcome_clause(transcript: &Transcript, expectation: &Expectation, verdict: &mut Verdict) {
    let stated = transcript.outcome;
    let passed = stated == Some(expectation.outcome);
    let detail = match stated {
        None => format!(
            "no outcome was stated; {} was right",
            expectation.outcome.name()
        ),
        Some(stated) => format!(
            "{} was stated; {} was right",
            stated.name(),
            expectation.outcome.name()
        ),
    };
    push(verdict, "outcome", passed, detail);
}

/// A refusal that gives another rule as its reason tells the user something false. One that gives none, or
/// the right one in whatever words, holds.
fn reason_clause(
    world: &World,
    transcript: &Transcript,
    expectation: &Expectation,
    verdict: &mut Verdict,
) {
    let rules = world.rules();
    let right = expectation
        .reason
        .as_ref()
        .and_then(|reason| rules.iter().position(|rule| rule.id == *reason));
    let (Outcome::Declined, Some(right)) = (expectation.outcome, right) else {
        return;
    };
    let other = other_reason(&transcript.answer, rules, right);
    push(
        verdict,
        "reason",
        other.is_none(),
        other.map_or_else(String::new, |other| {
            format!(
                "{} was given; {} forbids it",
                rules[other].id, rules[right].id
            )
        }),
    );
}

/// An outcome is known, not guessed: what shows it was seen.
fn grounds_clause(
    session: &Session,
    expectation: &Expectation,
    renaming: &Renaming,
    verdict: &mut Verdict,
) {
    if expectation.grounds.is_empty() && expectation.looked.is_empty() {
        return;
    }
    let world = session.world();
    let mut problems = Vec::new();
    for support in &expectation.grounds {
        if !is_supported(session, support, renaming) {
            problems.push(format!("{} was never shown", describe(support)));
        }
    }
    for name in &expectation.looked {
        let looked = session.log().iter().any(|record| {
            record.error.is_none()
                && world.tool(&record.tool).is_some_and(|tool| {
                    tool.flow.results.iter().any(|field| {
                        field
                            .origins
                            .columns
                            .iter()
                            .any(|column| world.schema().tables[column.table].name == *name)
                    })
                })
        });
        if !looked {
            problems.push(format!("nobody looked into {name}"));
        }
    }
    push(verdict, "grounds", problems.is_empty(), problems.join("; "));
}

fn describe(support: &Support) -> String {
    let key: Vec<String> = support.key.iter().map(ToString::to_string).collect();
    format!("{} {}", support.table, key.join(" "))
}

fn answer_clause(
    session: &mut Session,
    transcript: &Transcript,
    expectation: &Expectation,
    renaming: &Renaming,
    verdict: &mut Verdict,
) -> Result<(), StateError> {
    if expectation.facts.is_empty() {
        return Ok(());
    }
    let mut problems = Vec::new();
    for fact in &expectation.facts {
        // Facts that stand in one column are asked together: their values are no spray of each other.
        let asked: Vec<Cell> = expectation
            .facts
            .iter()
            .filter(|other| other.about == fact.about)
            .map(|other| own_cell(&other.value, renaming))
            .collect();
        problems.extend(fact_problem(session, transcript, fact, &asked, renaming)?);
    }
    push(verdict, "answer", problems.is_empty(), problems.join("; "));
    Ok(())
}

/// What is wrong with how an answer gives a fact.
fn fact_problem(
    session: &mut Session,
    transcript: &Transcript,
    fact: &Fact,
    asked: &[Cell],
    renaming: &Renaming,
) -> Result<Option<String>, StateError> {
    let text = &transcript.answer;
    let value = own_cell(&fact.value, renaming);
    let answer = Answer::new(&without_longer(text, &value, &fact.others, fact.kind));
    let stated = if fact.nouns.is_empty() {
        answer.mentions(&value, fact.kind)
    } else {
        answer.counts(&value, &fact.nouns)
    };
    if !stated && !is_named_briefly(session, text, &value, fact)? {
        return Ok(Some(format!("{} ({value}) is not stated", fact.about)));
    }
    let missing = fact
        .support
        .iter()
        .find(|support| !is_supported(session, support, renaming));
    if let Some(missing) = missing {
        let rows: Option<Vec<(usize, Vec<Cell>)>> = fact
            .support
            .iter()
            .map(|support| own_row(session.world(), support, renaming))
            .collect();
        // What a tool has counted or added up is known without the rows.
        let computed = session.world().schema().resolve(&fact.about).is_none();
        // And what is first of a list that a tool has sorted is known without the rest.
        let ordered = fact
            .support
            .last()
            .and_then(|support| support.columns.first())
            .filter(|_| fact.support.len() > 1);
        let known = match (rows, ordered) {
            (Some(rows), _) if computed && was_added_up(session, &value, &rows)? => true,
            (Some(rows), Some(column)) if is_supported(session, &fact.support[0], renaming) => {
                was_sorted(session, &rows, column)?
            }
            _ => false,
        };
        if !known {
            let problem = format!("{} was never shown: {}", fact.about, describe(missing));
            return Ok(Some(problem));
        }
    }
    let row = fact
        .support
        .first()
        .filter(|support| fact.about.starts_with(&format!("{}.", support.table)))
        .and_then(|support| own_row(session.world(), support, renaming));
    let whose = match row {
        Some((_, key)) => attribution(session, text, &value, fact, &key)?,
        None => Attribution::Open,
    };
    if whose == Attribution::MixedUp {
        return Ok(Some(format!(
            "{value} is stated, but another value is given for the row that was asked about"
        )));
    }
    let asked: Vec<&Cell> = asked.iter().collect();
    let clear = whose == Attribution::Clear;
    if stated && is_sprayed(text, &value, &asked, &fact.others, fact.kind, clear) {
        return Ok(Some(format!(
            "other values of {} are stated beside {value}, and nothing says which is meant",
            fact.about
        )));
    }
    Ok(None)
}

/// The session's own id for one that gold's run minted.
fn own_cell(cell: &Cell, renaming: &Renaming) -> Cell {
    match cell {
        Cell::Text(text) => renaming
            .texts
            .iter()
            .find(|(_, gold)| gold.as_str() == &**text)
            .map_or_else(|| cell.clone(), |(own, _)| Cell::text(own)),
        other => other.clone(),
    }
}

/// The row of a support in this session: its table and key.
fn own_row(world: &World, support: &Support, renaming: &Renaming) -> Option<(usize, Vec<Cell>)> {
    let table = world.schema().table(&support.table)?;
    let definition = &world.schema().tables[table];
    let key = support
        .key
        .iter()
        .map(|cell| match cell {
            Cell::Integer(id) if definition.rowid_key => renaming
                .keys
                .iter()
                .find(|((owner, _), gold)| *owner == table && *gold == id)
                .map_or_else(|| cell.clone(), |((_, own), _)| Cell::Integer(*own)),
            cell => own_cell(cell, renaming),
        })
        .collect();
    Some((table, key))
}

fn is_supported(session: &Session, support: &Support, renaming: &Renaming) -> bool {
    let world = session.world();
    let Some((table, key)) = own_row(world, support, renaming) else {
        return false;
    };
    let definition = &world.schema().tables[table];
    let columns: Vec<usize> = support
        .columns
        .iter()
        .filter_map(|name| definition.column(name))
        .collect();
    session.has_observed(table, &key, |tool| {
        columns.iter().all(|column| {
            tool.flow.results.iter().any(|field| {
                field
                    .origins
                    .columns
                    .iter()
                    .any(|shown| shown.table == table && shown.column == *column)
            })
        })
    })
}

fn policy_clause(session: &Session, verdict: &mut Verdict) {
    let rules = session.world().rules();
    if rules.is_empty() {
        return;
    }
    let violated: Vec<&str> = session
        .violations()
        .into_iter()
        .filter_map(|rule| rules.get(rule))
        .map(|rule| rule.id.as_str())
        .collect();
    push(
        verdict,
        "policy",
        violated.is_empty(),
        format!("violated: {}", violated.join(", ")),
    );
}

/// Calls that a rule asks the user's agreement for must have it, given before and for these arguments.
fn confirmation_clause(
    session: &Session,
    transcript: &Transcript,
    verdict: &mut Verdict,
) -> Result<(), StateError> {
    if !session
        .world()
        .rules()
        .iter()
        .any(|rule| rule.needs_confirmation)
    {
        return Ok(());
    }
    let problems: Vec<String> = unconfirmed(session, transcript)?
        .into_iter()
        .map(|(_, call)| format!("{} was not agreed to", session.log()[call].tool))
        .collect();
    push(
        verdict,
        "confirmation",
        problems.is_empty(),
        problems.join("; "),
    );
    Ok(())
}
