//! How hard a task is, by what its gold takes.

use crate::task::{Kind, Reason, Task};

/// A score of how much a task takes: calls, ids that must be carried from one reply to another call (those
/// out of lists more), details that are told, things that must be asked for, rows that an answer rests on,
/// and a decision. Of the reference agents, who takes the first row of every list passes the less the higher
/// it is: 92, 74, 59, 56 and 31 % by fifths of the 600 tasks of the quickstart recipe.
pub fn difficulty(task: &Task) -> f64 {
    let mut score = task.gold.len() as f64;
    for why in task.gold.iter().flat_map(|call| &call.determined) {
        if let Reason::Shown { place, .. } = &why.by {
            let in_list = place
                .split('/')
                .any(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
            score += if in_list { 1.0 } else { 0.5 };
        }
    }
    score += 0.25 * task.slots.len() as f64;
    let later = task.slots.iter().filter(|slot| !slot.told.is_at_start());
    score += 2.0 * later.count() as f64;
    let facts = task.expectation.facts.iter();
    let rows = facts.map(|fact| fact.support.len()).max().unwrap_or(0);
    score += (1.0 + rows as f64).log2();
    if matches!(
        task.kind,
        Kind::Declined | Kind::Impossible | Kind::Conditional
    ) {
        score += 2.0;
    }
    score
}
