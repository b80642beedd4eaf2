//! Intents in words, by a grammar, and the check that they say what is needed and give nothing away.

use practicum_world::{Answer, Cell, Draws, FactKind, Tool};

use crate::builder::{Builder, Wish};
use crate::handle::Handle;
use crate::phrase::{is_flag, quoted, wish_phrase};
use crate::task::{GoldCall, Reason, Slot};
use crate::words::{capital, nouns};

/// How a request for a change begins.
const OPENINGS: &[&str] = &[
    "Please {}.",
    "Could you {}?",
    "Could you please {}?",
    "Can you {}?",
    "Can you {} for me?",
    "I need you to {}.",
    "I'd like you to {}.",
    "Would you {}, please?",
    "Would you mind? I want you to {}.",
    "I want to {}.",
    "I'd like to {}.",
    "I would like to {}, please.",
    "I need to {}.",
    "My request: {}.",
    "What I need: {}.",
    "{}.",
    "{}, please.",
    "Kindly {}.",
    "It would be great if you could {}.",
    "I was hoping that you could {}.",
    "We have to {}.",
    "Is it possible to {}? If so, please do.",
];
const LINKS: &[&str] = &[
    "After that, {}.",
    "Then {}.",
    "Once that is done, {}.",
    "Next, {}.",
    "And then {}.",
    "Also, {}.",
    "On top of that, please {}.",
    "Besides, I'd like you to {}.",
    "And please {}.",
    "When you have that, {}.",
];
const LAST_LINKS: &[&str] = &[
    "Finally, {}.",
    "And last, {}.",
    "To finish, {}.",
    "And then, as the last thing, {}.",
];
const QUESTIONS: &[&str] = &[
    "{}?",
    "{}?",
    "Please tell me: {}?",
    "I'd like to know: {}?",
    "Quick question: {}?",
    "Could you look something up for me? {}?",
    "I was wondering: {}?",
    "I need to find something out: {}?",
    "Can you check something? {}?",
    "My question: {}?",
    "Somebody asked me, and I don't know: {}?",
    "Would you have a look? {}?",
    "For my notes: {}?",
    "I can't find it myself: {}?",
];
/// What people say before they come to the point. None of it is a fact or a number.
const PREFACES: &[&str] = &[
    "Hi.",
    "Hi there!",
    "Hello.",
    "Hello!",
    "Good morning.",
    "Good afternoon.",
    "Hey.",
    "Sorry to bother you.",
    "I hope you can help me.",
    "I'm in a bit of a hurry.",
    "I tried it myself and got nowhere.",
    "I was told to turn to you.",
    "I've been putting this off for ages.",
    "It's me again.",
    "Thanks for taking the time.",
    "I'm not good with computers, so bear with me.",
    "Hope you're well.",
];
/// Why it matters, in words that say nothing about the state.
const REASONS: &[&str] = &[
    "I'd like to have that off my list today.",
    "It has been on my mind for a while.",
    "I was asked to take care of it.",
    "My colleague insists on it.",
    "I promised that I would see to it.",
    "That would help me a lot.",
    "We talked about it on the phone.",
    "I forgot about it before.",
    "It matters to me.",
    "No rush, but I'd like to know that it is settled.",
];
const CLOSINGS: &[&str] = &[
    "Thanks.",
    "Thank you!",
    "That's all.",
    "Thanks a lot.",
    "Many thanks.",
    "Thanks in advance.",
    "Cheers!",
    "Much appreciated.",
    "Best regards.",
    "That would be all, thank you.",
];

/// What comes before the point, for a share of those who ask.
fn preface(draws: &mut Draws) -> String {
    let all = if draws.chance(0.35) { PREFACES } else { &[] };
    draws
        .pick(all)
        .map_or_else(String::new, |preface| format!("{preface} "))
}

fn closing(text: &mut String, draws: &mut Draws) {
    let all = if draws.chance(0.4) { CLOSINGS } else { &[] };
    if let Some(closing) = draws.pick(all) {
        text.push(' ');
        text.push_str(closing);
    }
}

/// A request for one or several changes.
pub(crate) fn request(builder: &mut Builder<'_>, draws: &mut Draws) -> String {
    let wishes = builder.wishes.clone();
    let mut text = preface(draws);
    // Several errands are told one after the other, or as a list.
    let listed = wishes.len() > 2 && draws.chance(0.3);
    if listed {
        let heads = [
            "I have a few things for you:",
            "Please do the following:",
            "Here is what I need:",
            "Some errands:",
        ];
        text.push_str(draws.pick(&heads).copied().unwrap_or_default());
    }
    for (at, wish) in wishes.iter().enumerate() {
        let phrase = wish_phrase(builder, wish, at > 0, draws);
        note_named(builder, wish);
        if listed {
            let ending = if at + 1 == wishes.len() { "." } else { ";" };
            let mark = if at == 0 { "first" } else { "then" };
            text.push_str(&format!(" {mark} {}{ending}", phrase.trim_end_matches('.')));
            continue;
        }
        let patterns = match at {
            0 => OPENINGS,
            _ if at + 1 == wishes.len() && at > 1 => LAST_LINKS,
            _ => LINKS,
        };
        let pattern = draws.pick(patterns).copied().unwrap_or("{}.");
        if at > 0 {
            text.push(' ');
        }
        text.push_str(&fill(pattern, &phrase));
        if at == 0 && draws.chance(0.15) {
            text.push(' ');
            text.push_str(draws.pick(REASONS).copied().unwrap_or_default());
        }
    }
    besides(builder, &mut text);
    if let Some(question) = builder.afterwards.clone() {
        text.push(' ');
        text.push_str(&question.phrase(builder, draws));
    }
    closing(&mut text, draws);
    text
}

/// A request for one change or another: the wishes are what is wanted if the condition holds, and if not.
pub(crate) fn conditional(
    builder: &mut Builder<'_>,
    thing: &str,
    condition: &str,
    wishes: [&Wish; 2],
    draws: &mut Draws,
) -> String {
    let mut text = preface(draws);
    let [then, otherwise] = wishes.map(|wish| {
        wish_phrase(builder, wish, true, draws)
            .trim_end_matches('.')
            .to_string()
    });
    let pattern = draws
        .pick(&[
            "Please have a look at {thing}. If {condition}, {then}. If not, {otherwise}.",
            "It is about {thing}: if {condition}, please {then}; otherwise {otherwise}.",
            "Could you check {thing} for me? If {condition}, {then}, else {otherwise}.",
            "Look up {thing} first. Should it turn out that {condition}, {then}. In any other case, {otherwise}.",
            "What to do about {thing} depends: when {condition}, I'd like you to {then}, and when that is not so, to {otherwise}.",
        ])
        .copied()
        .unwrap_or("It is about {thing}: if {condition}, please {then}; otherwise {otherwise}.");
    text.push_str(
        &pattern
            .replace("{condition}", condition)
            .replace("{thing}", thing)
            .replace("{then}", &then)
            .replace("{otherwise}", &otherwise),
    );
    besides(builder, &mut text);
    closing(&mut text, draws);
    text
}

/// What is told because a rule demands a read that needs it.
fn besides(builder: &Builder<'_>, text: &mut String) {
    for (at, row) in &builder.said_besides {
        let slot = &builder.slots[*at];
        if Answer::new(text).mentions(&slot.value, slot.kind) {
            continue;
        }
        let rows: Vec<&Handle> = builder
            .wishes
            .iter()
            .flat_map(|wish| wish.picks.iter().flat_map(|(_, handle)| handle.chain()))
            .collect();
        let whose = row.as_ref().and_then(|(table, key)| {
            let several = rows
                .iter()
                .any(|other| other.table == *table && other.key != *key);
            let name = rows
                .iter()
                .find(|own| own.table == *table && own.key == *key)
                .and_then(|own| own.name(builder))?;
            several.then_some((*table, name))
        });
        match whose {
            Some((table, name)) => {
                let (_, noun) = nouns(builder.atlas.schema(), table);
                let what = slot.name.replace(&format!(" of the {noun}"), "");
                text.push_str(&format!(" The {what} of {name} is {}.", quoted(slot)));
            }
            None => text.push_str(&format!(" The {} is {}.", slot.name, quoted(slot))),
        }
    }
}

/// The rows of a wish are not named in full again.
pub(crate) fn note_named(builder: &mut Builder<'_>, wish: &Wish) {
    for row in wish.rows() {
        if !builder.named.contains(&row) {
            builder.named.push(row);
        }
    }
}

/// A question.
pub(crate) fn question(phrase: &str, draws: &mut Draws) -> String {
    let pattern = draws.pick(QUESTIONS).copied().unwrap_or("{}?");
    let starts = pattern.starts_with('{') || pattern.contains("? {");
    let phrase = if starts {
        capital(phrase)
    } else {
        phrase.to_string()
    };
    let mut text = preface(draws);
    text.push_str(&pattern.replacen("{}", &phrase, 1));
    closing(&mut text, draws);
    text
}

fn fill(pattern: &str, phrase: &str) -> String {
    let phrase = if pattern.starts_with('{') {
        capital(phrase)
    } else {
        phrase.to_string()
    };
    // A value may end with a full stop of its own.
    pattern.replacen("{}", phrase.trim_end_matches('.'), 1)
}

/// True when an intent says everything that gold was told, and gives away neither ids nor tool names.
pub(crate) fn check(intent: &str, slots: &[Slot], gold: &[GoldCall], tools: &[Tool]) -> bool {
    let answer = Answer::new(intent);
    let says = |slot: &Slot| {
        if is_flag(slot) {
            return answer.mentions(&Cell::from(slot.said.as_str()), FactKind::Text);
        }
        answer.mentions(&slot.value, slot.kind)
    };
    // What is told later must not be said already.
    if !slots
        .iter()
        .all(|slot| says(slot) == slot.told.is_at_start())
    {
        return false;
    }
    for call in gold {
        for determined in &call.determined {
            if let Reason::Shown { .. } = determined.by
                && let Some(id) = call.arguments.get(&determined.argument)
            {
                let id = Cell::from_json(id);
                let told = slots.iter().any(|slot| slot.value == id);
                // A short number may stand in an intent for something else.
                let telling = id.as_text().is_some_and(|text| text.len() > 3);
                if telling && !told && answer.mentions(&id, FactKind::Text) {
                    return false;
                }
            }
        }
    }
    !tools
        .iter()
        .any(|tool| tool.name.contains(['_', '.']) && intent.contains(&tool.name))
}
