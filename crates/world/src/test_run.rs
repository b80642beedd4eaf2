//! Runs a world's data-file tests.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::agreement::unconfirmed;
use crate::equal::canonical_json;
use crate::format::{Actor, TestAgreement, TestCall, TestCase};
use crate::reply::Reply;
use crate::session::Session;
use crate::state::StateSpec;
use crate::transcript::{Agreement, Transcript};
use crate::world::World;

/// How one data-file test went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// The file: `tests/cancel.toml`.
    pub file: String,
    /// What the test shows.
    pub name: String,
    /// What was not as expected; empty when the test passed.
    pub failures: Vec<String>,
    /// Tools that succeeded.
    pub succeeded: BTreeSet<String>,
    /// Tools that changed the state.
    pub changed: BTreeSet<String>,
    /// Guards that fired: the tool, and the position in its guards.
    pub fired: BTreeSet<(String, usize)>,
}

impl World {
    /// Runs all data-file tests of the world.
    pub fn run_tests(&self) -> Vec<TestResult> {
        self.tests()
            .iter()
            .map(|(file, test)| {
                let mut result = TestResult {
                    file: file.clone(),
                    name: test.name.clone(),
                    failures: Vec::new(),
                    succeeded: BTreeSet::new(),
                    changed: BTreeSet::new(),
                    fired: BTreeSet::new(),
                };
                run(self, test, &mut result);
                result
            })
            .collect()
    }
}

fn run(world: &World, test: &TestCase, result: &mut TestResult) {
    let from = test.state.clone().unwrap_or_default();
    let spec = match &from.size {
        Some(size) => StateSpec::generated(size, from.seed),
        None => StateSpec::empty(),
    };
    let rows: Vec<(String, Map<String, Value>)> = test
        .row
        .iter()
        .map(|row| (row.table.clone(), row.values.clone()))
        .collect();
    let session = world
        .state_with(&spec, &rows)
        .and_then(|state| state.session(from.seed));
    let mut session = match session {
        Ok(session) => session,
        Err(error) => {
            result
                .failures
                .push(format!("the state cannot be made: {error}"));
            return;
        }
    };
    let failures = &mut result.failures;
    let mut transcript = Transcript::default();
    for (at, call) in test.call.iter().enumerate() {
        transcript.agreements.extend(agreement(&session, call));
        let writes = world
            .tool(&call.tool)
            .is_some_and(|tool| !tool.effects.read_only);
        let before = writes.then(|| session.diff());
        let reply = run_call(&mut session, call);
        if let Some(Ok(before)) = before
            && session.diff().is_ok_and(|after| after != before)
        {
            result.changed.insert(call.tool.clone());
        }
        match &reply.result {
            Ok(_) => {
                result.succeeded.insert(call.tool.clone());
            }
            Err(error) => {
                let guard = error.guard.map(|guard| (call.tool.clone(), guard));
                result.fired.extend(guard);
            }
        }
        if let Err(message) = expect_reply(&session, call, &reply) {
            failures.push(format!("call {} ({}): {message}", at + 1, call.tool));
        }
    }
    let minted = session.minted();
    if let Some(expected) = &test.changes {
        match session.diff() {
            Ok(diff) => {
                let lines: Vec<String> = diff
                    .lines(world)
                    .iter()
                    .map(|line| masked(line, &minted))
                    .collect();
                if lines != *expected {
                    failures.push(format!(
                        "changes are\n      {}\n    expected\n      {}",
                        lines.join("\n      "),
                        expected.join("\n      ")
                    ));
                }
            }
            Err(error) => failures.push(error.to_string()),
        }
    }
    if let Some(expected) = &test.violations {
        let mut rules = session.violations();
        match unconfirmed(&session, &transcript) {
            Ok(unasked) => {
                for (rule, _) in unasked {
                    if !rules.contains(&rule) {
                        rules.push(rule);
                    }
                }
            }
            Err(error) => failures.push(error.to_string()),
        }
        let violated: Vec<&str> = rules
            .into_iter()
            .map(|rule| world.rules()[rule].id.as_str())
            .collect();
        if violated != *expected {
            failures.push(format!(
                "violated rules are {violated:?}, expected {expected:?}"
            ));
        }
    }
}

fn agreement(session: &Session, call: &TestCall) -> Option<Agreement> {
    let arguments = match call.agreed.as_ref()? {
        TestAgreement::ToThisCall(false) => return None,
        TestAgreement::ToThisCall(true) => &call.arguments,
        TestAgreement::ToArguments(arguments) => arguments,
    };
    Some(Agreement {
        tool: call.tool.clone(),
        arguments: unmask_value(&Value::Object(arguments.clone()), &session.minted()),
        calls: session.log().len(),
    })
}

fn run_call(session: &mut Session, call: &TestCall) -> Reply {
    let minted = session.minted();
    let arguments = unmask_value(&Value::Object(call.arguments.clone()), &minted);
    session.call_as(call.actor.unwrap_or(Actor::Agent), &call.tool, &arguments)
}

fn expect_reply(session: &Session, call: &TestCall, reply: &Reply) -> Result<(), String> {
    let minted = session.minted();
    match (&reply.result, &call.error) {
        (Ok(_), Some(kind)) => return Err(format!("succeeded, expected the error {kind}")),
        (Err(error), None) => return Err(format!("failed: {error}")),
        (Err(error), Some(kind)) => {
            if error.kind.name() != kind {
                return Err(format!("failed as {error}, expected {kind}"));
            }
            if let Some(message) = &call.message
                && !error.message.contains(message)
            {
                return Err(format!(
                    "the message is {:?}, expected {message:?}",
                    error.message
                ));
            }
        }
        (Ok(_), None) => {}
    }
    if let Some(expected) = &call.result {
        let result = reply.value().unwrap_or(Value::Null);
        let expected = unmask_value(expected, &minted);
        if without_nulls(&canonical_json(&result)) != without_nulls(&canonical_json(&expected)) {
            return Err(format!("the result is {result}, expected {expected}"));
        }
    }
    Ok(())
}

/// TOML has no null, so members that are null are not compared.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Array(elements) => elements.iter().map(without_nulls).collect(),
        Value::Object(members) => members
            .iter()
            .filter(|(_, member)| !member.is_null())
            .map(|(name, member)| (name.clone(), without_nulls(member)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// `$1` for the first minted id, and so on.
fn masked(text: &str, minted: &[String]) -> String {
    let mut text = text.to_string();
    for (at, id) in minted.iter().enumerate() {
        text = text.replace(id.as_str(), &format!("${}", at + 1));
    }
    text
}

fn unmask_value(value: &Value, minted: &[String]) -> Value {
    match value {
        Value::String(text) => {
            let id = text
                .strip_prefix('$')
                .and_then(|number| number.parse::<usize>().ok())
                .and_then(|number| minted.get(number.checked_sub(1)?));
            id.map_or_else(|| value.clone(), |id| Value::String(id.clone()))
        }
        Value::Array(elements) => elements
            .iter()
            .map(|element| unmask_value(element, minted))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), unmask_value(member, minted)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}
