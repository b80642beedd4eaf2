//! Intents in words, by a grammar, and the check that they say what is needed and give nothing away.

use practicum_world::{Answer, Cell, ColumnRef, Draws, FactKind, Tool};

use crate::atlas::Atlas;
use crate::builder::{Builder, Wish};
use crate::handle::{Handle, full_name};
use crate::task::{GoldCall, Reason, Slot};
use crate::words::{self, article, capital, column_words, nouns, verb};

const OPENINGS: &[&str] = &[
    "Please {}.",
    "Could you {}?",
    "Can you {}?",
    "I need you to {}.",
    "I'd like you to {}.",
    "Would you {}, please?",
    "Hi, please {}.",
    "Hello! Could you {}?",
    "I want to {}.",
    "I'd like to {}.",
    "My request: {}.",
    "One thing to do: {}.",
];
const LINKS: &[&str] = &[
    "After that, {}.",
    "Then {}.",
    "Once that is done, {}.",
    "Next, {}.",
    "And then {}.",
];
const QUESTIONS: &[&str] = &[
    "{}?",
    "Please tell me: {}?",
    "I'd like to know: {}?",
    "Quick question: {}?",
    "Could you look something up for me? {}?",
    "Hi, {}?",
    "I was wondering: {}?",
];
const CLOSINGS: &[&str] = &[
    "",
    "",
    "",
    " Thanks.",
    " Thank you!",
    " That's all.",
    " Thanks a lot.",
];

/// A request for one or several changes.
pub(crate) fn request(builder: &Builder<'_>, draws: &mut Draws) -> String {
    let mut text = String::new();
    for (at, wish) in builder.wishes.iter().enumerate() {
        let phrase = wish_phrase(builder, wish, at > 0, draws);
        let patterns = if at == 0 { OPENINGS } else { LINKS };
        let pattern = draws.pick(patterns).copied().unwrap_or("{}.");
        if at > 0 {
            text.push(' ');
        }
        text.push_str(&fill(pattern, &phrase));
    }
    for slot in &builder.said_besides {
        let slot = &builder.slots[*slot];
        if !Answer::new(&text).mentions(&slot.value, slot.kind) {
            text.push_str(&format!(" The {} is {}.", slot.name, quoted(slot)));
        }
    }
    text.push_str(draws.pick(CLOSINGS).copied().unwrap_or_default());
    text
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
    let mut text = pattern.replacen("{}", &phrase, 1);
    text.push_str(draws.pick(CLOSINGS).copied().unwrap_or_default());
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

fn wish_phrase(builder: &Builder<'_>, wish: &Wish, later: bool, draws: &mut Draws) -> String {
    let atlas = builder.atlas;
    let tool = atlas.tool(wish.tool);
    let effects = &tool.effects;
    let Some(subject) = atlas.subject(tool) else {
        return words::words(&tool.name).join(" ");
    };
    let (_, noun) = nouns(atlas.schema(), subject);
    let own = verb(tool);
    if effects.inserts.contains(&subject) {
        let verb = own.unwrap_or_else(|| "create".into());
        let mut phrase = format!("{verb} {} {noun}", article(&noun));
        for (argument, handle) in &wish.picks {
            let role = role_of(atlas, tool, argument, handle.table);
            phrase.push_str(&format!(
                " for {}",
                handle_phrase(builder, handle, role.as_deref(), draws)
            ));
        }
        for (_, table) in &wish.made {
            let (_, noun) = nouns(atlas.schema(), *table);
            phrase.push_str(&format!(" for that new {noun}"));
        }
        let told = told_list(builder, wish, draws);
        if !told.is_empty() {
            let joint = draws
                .pick(&[" with ", ": ", ", "])
                .copied()
                .unwrap_or(" with ");
            phrase.push_str(joint);
            phrase.push_str(&told);
        }
        return phrase;
    }
    let thing = subject_phrase(builder, wish, subject, later, draws);
    if effects.deletes.contains(&subject) && !effects.updates.contains(&subject) {
        let verb = own
            .filter(|verb| !["update", "set", "change"].contains(&verb.as_str()))
            .unwrap_or_else(|| "delete".into());
        return format!("{verb} {thing}{}", with_told(builder, wish, draws));
    }
    let plain = own.as_deref().is_none_or(|verb| {
        [
            "change", "edit", "modify", "patch", "put", "replace", "save", "set", "update",
        ]
        .contains(&verb)
    });
    if plain && !wish.told.is_empty() {
        return change_phrase(builder, wish, &thing);
    }
    let verb = own.unwrap_or_else(|| words::words(&tool.name).join(" "));
    format!("{verb} {thing}{}", with_told(builder, wish, draws))
}

/// A slot that says whether something is so.
fn is_flag(slot: &Slot) -> bool {
    slot.kind == FactKind::Text && slot.value.as_text().is_none()
}

/// `change the city of the clinic Wild Signal to Oslo and mark it as closed`
fn change_phrase(builder: &Builder<'_>, wish: &Wish, thing: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (_, slots) in &wish.told {
        let Some(slot) = slots.first().map(|slot| &builder.slots[*slot]) else {
            continue;
        };
        let first = parts.is_empty();
        let own = if first { thing } else { "it" };
        parts.push(if is_flag(slot) {
            if slot.said.starts_with("with") {
                format!("change {own} to be {}", slot.said)
            } else {
                format!("mark {own} as {}", slot.said)
            }
        } else if slots.len() > 1 && builder.slots[slots[1]].name != slot.name {
            let members: Vec<String> = slots
                .iter()
                .map(|at| {
                    let name = &builder.slots[*at].name;
                    format!("its {name} to {}", values(builder, &[*at]))
                })
                .collect();
            format!("change, for {own}, {}", members.join(" and "))
        } else if first {
            format!(
                "change the {} of {own} to {}",
                slot.name,
                values(builder, slots)
            )
        } else {
            format!("change its {} to {}", slot.name, values(builder, slots))
        });
    }
    match &parts[..] {
        [] => format!("change {thing}"),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

fn with_told(builder: &Builder<'_>, wish: &Wish, draws: &mut Draws) -> String {
    let told = told_list(builder, wish, draws);
    if told.is_empty() {
        String::new()
    } else {
        format!(", {told}")
    }
}

fn values(builder: &Builder<'_>, slots: &[usize]) -> String {
    let said: Vec<String> = slots
        .iter()
        .map(|slot| {
            let slot = &builder.slots[*slot];
            quoted(slot)
        })
        .collect();
    said.join(" and ")
}

/// Free text of several words is quoted, so that it is clear where it ends.
fn quoted(slot: &Slot) -> String {
    let words = slot.said.split_whitespace().count();
    if slot.kind == FactKind::Text && words > 1 {
        format!("\"{}\"", slot.said)
    } else {
        slot.said.clone()
    }
}

fn told_list(builder: &Builder<'_>, wish: &Wish, draws: &mut Draws) -> String {
    let mut told: Vec<String> = wish
        .told
        .iter()
        .map(|(_, slots)| {
            let name = slots
                .first()
                .map_or("", |slot| builder.slots[*slot].name.as_str());
            if slots
                .first()
                .is_some_and(|slot| is_flag(&builder.slots[*slot]))
            {
                return values(builder, slots);
            }
            let names: Vec<&str> = slots
                .iter()
                .map(|slot| builder.slots[*slot].name.as_str())
                .collect();
            if names.iter().any(|own| *own != name) {
                // The members of an object each have a name.
                let parts: Vec<String> = names
                    .iter()
                    .zip(slots)
                    .map(|(own, slot)| format!("{own} {}", values(builder, &[*slot])))
                    .collect();
                return parts.join(", ");
            }
            format!("{name} {}", values(builder, slots))
        })
        .collect();
    if draws.chance(0.3) {
        draws.shuffle(&mut told);
    }
    match &told[..] {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// The role of a picked row when its column's name says more than its table's: `sender`.
fn role_of(atlas: &Atlas, tool: &Tool, argument: &str, table: usize) -> Option<String> {
    let (_, noun) = nouns(atlas.schema(), table);
    let mut all = words::words(argument);
    if all
        .last()
        .is_some_and(|last| ["id", "key", "uuid"].contains(&last.as_str()))
    {
        all.pop();
    }
    let own = all.join(" ");
    let _ = tool;
    (own != noun && own.ends_with(&noun) && own.len() > noun.len()).then_some(own)
}

/// The row that a change is about: picked by a handle, or made just before.
fn subject_phrase(
    builder: &Builder<'_>,
    wish: &Wish,
    subject: usize,
    later: bool,
    draws: &mut Draws,
) -> String {
    let schema = builder.atlas.schema();
    if let Some((_, handle)) = wish
        .picks
        .iter()
        .find(|(_, handle)| handle.table == subject)
    {
        return handle_phrase(builder, handle, None, draws);
    }
    if wish.made.iter().any(|(_, table)| *table == subject) {
        let (_, noun) = nouns(schema, subject);
        return if later {
            format!("that {noun}")
        } else {
            format!("the new {noun}")
        };
    }
    // A row of a link table is known by what it connects.
    let (_, noun) = nouns(schema, subject);
    let ends: Vec<String> = wish
        .picks
        .iter()
        .map(|(_, handle)| handle_phrase(builder, handle, None, draws))
        .collect();
    if ends.is_empty() {
        format!("the {noun}")
    } else {
        format!("the {noun} of {}", ends.join(" and "))
    }
}

/// A row as the user names it: `the appointment with status booked of the patient Ana Ruiz`.
pub(crate) fn handle_phrase(
    builder: &Builder<'_>,
    handle: &Handle,
    role: Option<&str>,
    draws: &mut Draws,
) -> String {
    let atlas = builder.atlas;
    let (_, noun) = nouns(atlas.schema(), handle.table);
    let noun = role.map_or(noun, str::to_string);
    let mut name = None;
    let mut clauses = Vec::new();
    let full = full_name(atlas, &handle.facts);
    if let Some(facts) = &full {
        let parts: Vec<String> = facts
            .iter()
            .map(|(at, cell)| said(builder, *at, cell))
            .collect();
        name = Some(parts.join(" "));
    }
    for (at, cell) in &handle.facts {
        if full
            .as_ref()
            .is_some_and(|facts| facts.iter().any(|(own, _)| own == at))
        {
            continue;
        }
        let said = said(builder, *at, cell);
        if name.is_none() && atlas.naming_rank(*at) == Some(0) {
            name = Some(said);
        } else {
            clauses.push(format!("{} {said}", column_words(atlas.schema(), *at)));
        }
    }
    let own = match &name {
        Some(name) => {
            let pattern = draws
                .pick(&["{noun} {name}", "{noun} called {name}", "{noun} {name}"])
                .copied()
                .unwrap_or("{noun} {name}");
            pattern.replace("{noun}", &noun).replace("{name}", name)
        }
        None => noun.clone(),
    };
    let Some((column, parent)) = &handle.parent else {
        return if clauses.is_empty() {
            format!("the {own}")
        } else {
            format!("the {own} with {}", clauses.join(" and "))
        };
    };
    let owner = handle_phrase(builder, parent, None, draws);
    if let Some(role) = atlas.role_words(*column) {
        let clauses: String = clauses
            .iter()
            .map(|clause| format!(" and with {clause}"))
            .collect();
        return format!("the {own} with {owner} as its {role}{clauses}");
    }
    // Of several clauses it must be clear whose they are.
    match &clauses[..] {
        [] => format!("the {own} of {owner}"),
        [one] if parent.parent.is_none() => format!("the {own} with {one} of {owner}"),
        _ => format!("the {own} ({}) of {owner}", clauses.join(", ")),
    }
}

/// The value as the slot says it.
fn said(builder: &Builder<'_>, at: ColumnRef, cell: &Cell) -> String {
    let about = builder.atlas.schema().name(at);
    builder
        .slots
        .iter()
        .find(|slot| slot.about == about && slot.value == *cell)
        .map_or_else(|| cell.to_string(), |slot| slot.said.clone())
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
    if !slots.iter().all(says) {
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
