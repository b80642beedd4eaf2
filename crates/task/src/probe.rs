//! Reference runs that say how hard a task is: gold with slips, and whoever takes the first row.

use practicum_world::{Draws, Session, StateError, Transcript, verify};
use serde_json::Value;

use crate::mutate::Mutator;
use crate::script::{Script, ScriptCall, run};
use crate::task::{Reason, Task};

/// Who plays a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Probe {
    /// Gold, but each call is left out, or made with an argument that is wrong, with this probability; what
    /// a wrong read would have shown is wrong in later calls, too. Nothing is noticed and mended.
    Slips(f64),
    /// Gold, but of each list the first row is taken.
    FirstRow,
}

/// True when a run passes.
pub(crate) fn passes(
    task: &Task,
    session: &mut Session,
    mutator: &Mutator<'_>,
    probe: Probe,
    draws: &mut Draws,
) -> Result<bool, StateError> {
    match probe {
        Probe::Slips(share) => {
            let script = with_slips(task, mutator, share, draws);
            Ok(run(session, task, &script)?.verdict.passed)
        }
        Probe::FirstRow => first_row(task, session),
    }
}

fn with_slips(task: &Task, mutator: &Mutator<'_>, share: f64, draws: &mut Draws) -> Script {
    let gold = Script::gold(task);
    let mut wrong: Vec<bool> = Vec::new();
    let mut script = gold.clone();
    script.calls.clear();
    for (at, call) in gold.calls.iter().enumerate() {
        let own = &task.gold[at];
        let misled = own.determined.iter().find(
            |why| matches!(&why.by, Reason::Shown { call, minted: false, .. } if wrong[*call]),
        );
        let slips = draws.chance(share);
        wrong.push(slips && !own.writes);
        if slips && draws.chance(0.5) {
            continue;
        }
        let names: Vec<&String> = match misled {
            Some(why) => vec![&why.argument],
            None if slips => own.determined.iter().map(|why| &why.argument).collect(),
            None => Vec::new(),
        };
        let mut made: ScriptCall = call.clone();
        if let Some(name) = draws.pick(&names)
            && let Some(other) = mutator.another(own, name, draws)
        {
            made.arguments.insert((*name).clone(), other);
        }
        script.calls.push(made);
    }
    // Who has seen the wrong rows has nothing right to say.
    if wrong.contains(&true) && !task.expectation.facts.is_empty() {
        script.answer = "I could not find that.".into();
    }
    script
}

fn first_row(task: &Task, session: &mut Session) -> Result<bool, StateError> {
    session.reset(task.seed)?;
    let mut replies: Vec<Option<Value>> = Vec::new();
    let mut agreements = Vec::new();
    let mut right = true;
    for call in &task.gold {
        let mut arguments = call.arguments.clone();
        for why in &call.determined {
            let Reason::Shown { call, place, .. } = &why.by else {
                continue;
            };
            let first: Vec<&str> = place
                .split('/')
                .map(|part| match part.parse::<usize>() {
                    Ok(_) => "0",
                    Err(_) => part,
                })
                .collect();
            let shown = replies[*call]
                .as_ref()
                .and_then(|reply| reply.pointer(&first.join("/")));
            if let Some(value) = shown {
                right &= arguments.get(&why.argument) == Some(value) || first.join("/") == *place;
                arguments.insert(why.argument.clone(), value.clone());
            }
        }
        let arguments = Value::Object(arguments);
        if session.world().needs_agreement(&call.tool) {
            // The user agrees to what is wanted, whatever is done.
            agreements.push(practicum_world::Agreement {
                tool: call.tool.clone(),
                arguments: Value::Object(call.arguments.clone()),
                calls: session.log().len(),
            });
        }
        replies.push(session.call_as(call.actor, &call.tool, &arguments).value());
    }
    let said = Transcript {
        answer: if right || task.expectation.facts.is_empty() {
            task.answer.clone()
        } else {
            "I could not find that.".into()
        },
        outcome: Some(task.expectation.outcome),
        agreements,
    };
    Ok(verify(session, &said, &task.expectation)?.passed)
}

/// How well two rankings agree: the correlation of the ranks, between -1 and 1, ties sharing their mean rank.
pub fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = f64::midpoint(a.len() as f64, 1.0);
    let (mut both, mut own, mut theirs) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        both += (a - mean) * (b - mean);
        own += (a - mean) * (a - mean);
        theirs += (b - mean) * (b - mean);
    }
    if own == 0.0 || theirs == 0.0 {
        0.0
    } else {
        both / (own * theirs).sqrt()
    }
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut at = 0;
    while at < order.len() {
        let mut end = at;
        while end < order.len() && values[order[end]].total_cmp(&values[order[at]]).is_eq() {
            end += 1;
        }
        for place in &order[at..end] {
            ranks[*place] = (at + 1 + end) as f64 / 2.0;
        }
        at = end;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_that_agree_correlate() {
        assert!((rank_correlation(&[1.0, 2.0, 3.0], &[10.0, 20.0, 70.0]) - 1.0).abs() < 1e-9);
        assert!((rank_correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-9);
        assert!(rank_correlation(&[1.0, 2.0], &[5.0, 5.0]).abs() < 1e-9);
        // Two firsts share the rank between.
        assert_eq!(ranks(&[4.0, 4.0, 9.0]), [1.5, 1.5, 3.0]);
    }
}
