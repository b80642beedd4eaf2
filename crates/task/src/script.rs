//! A run of calls against a fresh session, and the verdict on it.

use practicum_world::{
    Actor, Agreement, Outcome, Session, StateError, Transcript, Verdict, verify,
};
use serde_json::{Map, Value};

use crate::task::{Reason, Task};

/// What an agent does and says: gold, or a variation of it.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) calls: Vec<ScriptCall>,
    pub(crate) answer: String,
    pub(crate) outcome: Option<Outcome>,
}

/// One call of a script.
#[derive(Debug, Clone)]
pub(crate) struct ScriptCall {
    pub(crate) tool: String,
    pub(crate) arguments: Map<String, Value>,
    /// Position in gold, when it is a call of gold: later calls may use what it minted.
    pub(crate) gold: Option<usize>,
    /// Arguments to be taken from the reply to a call of gold: name, call, place.
    pub(crate) minted: Vec<(String, usize, String)>,
    /// The user is asked first, where a rule wants that. Users agree to gold's calls and to no others.
    pub(crate) asked: bool,
    /// What the user agrees to, where it is not what gold has.
    pub(crate) agreed: Option<Map<String, Value>>,
    /// Who makes it.
    pub(crate) actor: Actor,
}

impl ScriptCall {
    pub(crate) fn free(tool: &str, arguments: Map<String, Value>) -> Self {
        Self {
            tool: tool.to_string(),
            arguments,
            gold: None,
            minted: Vec::new(),
            asked: true,
            agreed: None,
            actor: Actor::Agent,
        }
    }
}

impl Script {
    /// Gold itself.
    pub(crate) fn gold(task: &Task) -> Self {
        let calls = task
            .gold
            .iter()
            .enumerate()
            .map(|(at, call)| ScriptCall {
                tool: call.tool.clone(),
                arguments: call.arguments.clone(),
                gold: Some(at),
                minted: call
                    .determined
                    .iter()
                    .filter_map(|determined| match &determined.by {
                        Reason::Shown {
                            call,
                            place,
                            minted: true,
                        } => Some((determined.argument.clone(), *call, place.clone())),
                        _ => None,
                    })
                    .collect(),
                asked: true,
                agreed: None,
                actor: call.actor,
            })
            .collect();
        Self {
            calls,
            answer: task.answer.clone(),
            outcome: Some(task.expectation.outcome),
        }
    }
}

/// How a script went.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) verdict: Verdict,
    /// Calls that failed.
    pub(crate) failed: usize,
    /// The replies, in order; None for calls that failed.
    pub(crate) replies: Vec<Option<Value>>,
}

/// Resets a session, runs a script on it and judges it.
pub(crate) fn run(session: &mut Session, task: &Task, script: &Script) -> Result<Run, StateError> {
    session.reset(task.seed)?;
    let mut by_gold: Vec<(usize, Value)> = Vec::new();
    let mut replies = Vec::new();
    let mut failed = 0;
    let mut agreements = Vec::new();
    for call in &script.calls {
        let with_minted = |mut arguments: Map<String, Value>| {
            for (name, gold, place) in &call.minted {
                let value = by_gold
                    .iter()
                    .find(|(at, _)| at == gold)
                    .and_then(|(_, reply)| reply.pointer(place));
                if let Some(value) = value {
                    arguments.insert(name.clone(), value.clone());
                }
            }
            Value::Object(arguments)
        };
        // The user agrees to what gold would do, whatever the script does instead.
        if let Some(gold) = call.gold.filter(|_| call.asked).map(|at| &task.gold[at])
            && session.world().needs_agreement(&gold.tool)
        {
            let agreed = call.agreed.as_ref().unwrap_or(&gold.arguments);
            agreements.push(Agreement {
                tool: gold.tool.clone(),
                arguments: with_minted(agreed.clone()),
                calls: session.log().len(),
            });
        }
        let arguments = with_minted(call.arguments.clone());
        let reply = session.call_as(call.actor, &call.tool, &arguments);
        failed += usize::from(!reply.is_ok());
        let value = reply.value();
        if let (Some(gold), Some(value)) = (call.gold, &value) {
            by_gold.push((gold, value.clone()));
        }
        replies.push(value);
    }
    let transcript = Transcript {
        answer: script.answer.clone(),
        outcome: script.outcome,
        agreements,
    };
    let verdict = verify(session, &transcript, &task.expectation)?;
    Ok(Run {
        verdict,
        failed,
        replies,
    })
}
