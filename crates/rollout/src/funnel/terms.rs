//! Values from nowhere, evaluation sets, licences.

use practicum_chat::Role;
use practicum_task::Fingerprint;
use serde_json::Value;

use super::{Held, Origin};
use crate::trajectory::Trajectory;

/// A value shorter than this may be anybody's.
const SHORTEST: usize = 4;
/// From this share of its runs of eight words on, a conversation repeats an evaluation set.
const REPEATED: f64 = 0.01;
/// What forbids derived data, in a licence's name.
const FORBIDDING: [&str; 6] = [
    "noncommercial",
    "non-commercial",
    "-nc",
    "noderivatives",
    "-nd",
    "proprietary",
];

/// Names, numbers and ids that a changing call got right by chance are nothing to learn from: each must have been said
/// or shown before. Free text (of several words), dates and what the schemas name are the agent's to choose.
pub(super) fn grounding(trajectory: &Trajectory) -> Result<(), Held> {
    let mut steps = trajectory.steps.iter();
    let mut said = String::new();
    for (at, message) in trajectory.messages.iter().enumerate() {
        for call in &message.tool_calls {
            if call.function.name == "finish" {
                continue;
            }
            let Some(step) = steps.next() else { continue };
            if step.call.error.is_some() || step.changes.is_empty() {
                continue;
            }
            let arguments: Value =
                serde_json::from_str(&call.function.arguments).unwrap_or_default();
            if let Some(value) = from_nowhere(&arguments, &said) {
                let detail = format!("{value:?} in message {at}");
                return Err(("a value from nowhere", Some(detail)));
            }
        }
        if message.role != Role::Assistant {
            said.push_str(&message.content.to_lowercase());
            said.push('\n');
        }
    }
    Ok(())
}

/// The first text among arguments that looks like an id and was not said.
fn from_nowhere(arguments: &Value, said: &str) -> Option<String> {
    match arguments {
        Value::String(text) => {
            let digits = text.chars().any(|own| own.is_ascii_digit());
            let name = text.contains('@') || digits;
            // Dates and times are computed from what was said.
            let moment =
                text.len() >= 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
            let free = text.split_whitespace().count() > 1;
            let checked = name && !moment && !free && text.len() >= SHORTEST;
            (checked && !said.contains(&text.to_lowercase())).then(|| text.clone())
        }
        Value::Array(all) => all.iter().find_map(|own| from_nowhere(own, said)),
        Value::Object(all) => all.values().find_map(|own| from_nowhere(own, said)),
        _ => None,
    }
}

/// A world that is an evaluation set's twin, or words of one.
pub(super) fn contamination(
    trajectory: &Trajectory,
    origin: Option<&Origin>,
    sets: &[Fingerprint],
) -> Result<(), Held> {
    if sets.is_empty() {
        return Ok(());
    }
    if let Some(origin) = origin
        && let Some(set) = sets.iter().find(|set| origin.print.is_twin(set))
    {
        return Err(("a world of an evaluation set", Some(set.world.clone())));
    }
    let mut own = Fingerprint::default();
    for message in &trajectory.messages {
        if matches!(message.role, Role::User | Role::Assistant) {
            own.add_text(&message.content);
        }
    }
    for set in sets {
        let shared = own.texts.intersection(&set.texts).count();
        // One run by itself is a figure of speech.
        if shared > 1 && shared as f64 > REPEATED * own.texts.len() as f64 {
            let detail = format!(
                "{shared} of {} runs of eight words are in {}",
                own.texts.len(),
                set.world
            );
            return Err(("words of an evaluation set", Some(detail)));
        }
    }
    Ok(())
}

/// What a world was made from must permit it.
pub(super) fn licence(origin: Option<&Origin>, permitted: &[String]) -> Result<(), Held> {
    let licences = origin.map_or(&[][..], |origin| &origin.licences);
    if permitted.is_empty() {
        let forbids = |own: &&String| {
            let own = own.to_lowercase();
            FORBIDDING.iter().any(|word| own.contains(word))
        };
        return match licences.iter().find(forbids) {
            Some(own) => Err(("a licence that forbids it", Some(own.clone()))),
            None => Ok(()),
        };
    }
    if licences.is_empty() {
        return Err(("no licence is stated", None));
    }
    // Of "A OR B", either will do.
    let fits = |own: &String| {
        let either = own.split(" OR ");
        either.into_iter().any(|own| {
            permitted
                .iter()
                .any(|permitted| permitted.eq_ignore_ascii_case(own.trim()))
        }) || permitted
            .iter()
            .any(|permitted| permitted.eq_ignore_ascii_case(own))
    };
    match licences.iter().find(|own| !fits(own)) {
        Some(own) => Err((
            "a licence that is not among the permitted",
            Some(own.clone()),
        )),
        None => Ok(()),
    }
}
