//! Changes and rows in words.

use practicum_world::{Actor, Cell, ColumnRef, Draws, FactKind, Tool};

use crate::atlas::Atlas;
use crate::builder::{Builder, Wish};
use crate::handle::{Handle, full_name};
use crate::task::Slot;
use crate::together::deed_of;
use crate::words::{self, article, column_words, nouns};

/// What a change is, in words: `cancel the booking with check-in date 29 June of the guest Ana Ruiz`.
pub(crate) fn wish_phrase(
    builder: &Builder<'_>,
    wish: &Wish,
    later: bool,
    draws: &mut Draws,
) -> String {
    let atlas = builder.atlas;
    let tool = atlas.tool(wish.tool);
    let effects = &tool.effects;
    if tool.actor == Actor::User {
        let told = with_told(builder, wish, draws);
        return format!("help me to {}{told}", deed_of(tool));
    }
    let Some(subject) = atlas.subject(tool) else {
        return words::words(&tool.name).join(" ");
    };
    let (_, noun) = nouns(atlas.schema(), subject);
    let deed = Deed::of(tool);
    let picks = own_picks(wish);
    let chosen = |preposition: &str| {
        wish.chosen
            .as_ref()
            .map_or_else(String::new, |(_, _, any)| format!(" {preposition} {any}"))
    };
    let meant = picks.iter().position(|(_, handle)| {
        handle.table != subject && deed.is_about(&nouns(atlas.schema(), handle.table).1)
    });
    // `extra` is the extra rather than the booking's extra, where both are meant.
    let about_subject = deed.object.is_empty()
        || deed.is_exactly(&noun)
        || (meant.is_none() && deed.is_about(&noun));
    // `remove the extra Parking from the booking ...`, `pay the claim ...`
    if let Some(meant) = meant.filter(|_| !about_subject && !deed.is_plain()) {
        let (_, handle) = &picks[meant];
        let mut phrase = format!(
            "{} {}",
            deed.verb,
            handle_phrase(builder, handle, None, draws)
        );
        for (at, (argument, handle)) in picks.iter().enumerate() {
            if at != meant {
                let towards = deed.towards();
                phrase.push_str(&pick_phrase(builder, argument, handle, towards, draws));
            }
        }
        for (_, table) in &wish.made {
            let (_, noun) = nouns(atlas.schema(), *table);
            phrase.push_str(&format!(" {} that new {noun}", deed.towards()));
        }
        phrase.push_str(&chosen(deed.towards()));
        phrase.push_str(&with_told(builder, wish, draws));
        return phrase;
    }
    // `change the plan of the line ... to any plan whose ...`
    if let Some((_, table, any)) = &wish.chosen
        && !about_subject
        && deed.is_plain()
        && deed.is_about(&nouns(atlas.schema(), *table).1)
    {
        let (_, what) = nouns(atlas.schema(), *table);
        let thing = subject_phrase(builder, wish, subject, later, draws);
        let told = with_told(builder, wish, draws);
        return format!("{} the {what} of {thing} to {any}{told}", deed.verb);
    }
    // `book any slot of the doctor ...`
    if let Some((_, table, any)) = &wish.chosen
        && !about_subject
        && deed.is_about(&nouns(atlas.schema(), *table).1)
    {
        let mut phrase = format!("{} {any}", deed.verb);
        for (argument, handle) in &picks {
            phrase.push_str(&pick_phrase(builder, argument, handle, "for", draws));
        }
        phrase.push_str(&with_told(builder, wish, draws));
        return phrase;
    }
    if effects.inserts.contains(&subject) {
        let object = if about_subject {
            noun.clone()
        } else {
            deed.object.join(" ")
        };
        let mut phrase = if words::is_plural(&object) || object == "savings" {
            format!("{} {object}", deed.verb)
        } else {
            format!("{} {} {object}", deed.verb, article(&object))
        };
        for (argument, handle) in &picks {
            phrase.push_str(&pick_phrase(builder, argument, handle, "for", draws));
        }
        for (_, table) in &wish.made {
            let (_, noun) = nouns(atlas.schema(), *table);
            phrase.push_str(&format!(" for that new {noun}"));
        }
        phrase.push_str(&chosen("for"));
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
    let mut thing = subject_phrase(builder, wish, subject, later, draws);
    thing.push_str(&chosen("to"));
    if effects.deletes.contains(&subject) && !effects.updates.contains(&subject) {
        let verb = if deed.is_plain() {
            "delete"
        } else {
            deed.verb.as_str()
        };
        return format!("{verb} {thing}{}", with_told(builder, wish, draws));
    }
    if deed.is_plain() && wish.told.iter().any(|(_, slots)| is_said(builder, slots)) {
        return change_phrase(builder, wish, &thing);
    }
    let rest = if deed.is_way() {
        format!(" {}", deed.object.join(" "))
    } else {
        String::new()
    };
    format!(
        "{} {thing}{rest}{}",
        deed.verb,
        with_told(builder, wish, draws)
    )
}

/// What a tool does, as its name says it: a verb and what it is done to.
struct Deed {
    verb: String,
    /// The words after the verb, the last in the singular where the tool is about one thing.
    object: Vec<String>,
}

impl Deed {
    fn of(tool: &Tool) -> Self {
        let all = words::words(&tool.name);
        let inserts = !tool.effects.inserts.is_empty();
        let Some(at) = words::verb_at(&all) else {
            let verb = if inserts { "create" } else { "change" };
            return Self {
                verb: verb.into(),
                object: Vec::new(),
            };
        };
        let mut verb = words::plain_verb(&all, at);
        let mut object: Vec<String> = all[at + 1..].to_vec();
        // `check in`, `respond to`
        if let Some(first) = object.first()
            && ["to", "in", "out", "off", "on", "up"].contains(&first.as_str())
        {
            verb = format!("{verb} {first}");
            object.remove(0);
        }
        Self { verb, object }
    }

    /// It is done to a row with this name.
    fn is_about(&self, noun: &str) -> bool {
        let Some(last) = self.object.last() else {
            return false;
        };
        let own = words::singular(last);
        own == noun || noun.rsplit(' ').next() == Some(own.as_str())
    }

    /// It is done to a row with this name and no longer one.
    fn is_exactly(&self, noun: &str) -> bool {
        let mut object = self.object.clone();
        if let Some(last) = object.last_mut() {
            *last = words::singular(last);
        }
        object.join(" ") == noun
    }

    /// A verb that says only that something changes.
    fn is_plain(&self) -> bool {
        [
            "amend", "change", "edit", "modify", "patch", "put", "replace", "save", "set", "update",
        ]
        .contains(&self.verb.as_str())
    }

    /// `mark ... as paid`
    fn is_way(&self) -> bool {
        self.object.first().is_some_and(|first| first == "as")
    }

    /// `add to`, `remove from`, `pay for`
    fn towards(&self) -> &'static str {
        match self.verb.as_str() {
            "add" | "attach" | "append" | "assign" => "to",
            "remove" | "detach" | "withdraw" | "delete" => "from",
            _ => "for",
        }
    }
}

/// The picked rows but for those by which another is named anyway: the owner of what is picked as well.
fn own_picks(wish: &Wish) -> Vec<(String, Handle)> {
    wish.picks
        .iter()
        .filter(|(_, own)| {
            !wish.picks.iter().any(|(_, other)| {
                let chain = other.chain();
                chain[..chain.len() - 1]
                    .iter()
                    .any(|outer| outer.table == own.table && outer.key == own.key)
            })
        })
        .cloned()
        .collect()
}

/// ` for the guest Ana Ruiz`, ` from the account with number 12-34`, ` in reply to the message Hello`
fn pick_phrase(
    builder: &Builder<'_>,
    argument: &str,
    handle: &Handle,
    preposition: &str,
    draws: &mut Draws,
) -> String {
    let atlas = builder.atlas;
    let (preposition, role) = match role_of(atlas, argument, handle.table) {
        Some(role) if role.starts_with("from ") => ("from", None),
        Some(role) if role.starts_with("to ") => ("to", None),
        role => (preposition, role),
    };
    let preposition = if argument.starts_with("reply_to") || argument.starts_with("replyTo") {
        "in reply to"
    } else {
        preposition
    };
    let thing = handle_phrase(builder, handle, role.as_deref(), draws);
    format!(" {preposition} {thing}")
}

/// True when the request says one of these.
fn is_said(builder: &Builder<'_>, slots: &[usize]) -> bool {
    slots
        .iter()
        .any(|slot| builder.slots[*slot].told.is_at_start())
}

/// A slot that says whether something is so.
pub(crate) fn is_flag(slot: &Slot) -> bool {
    slot.kind == FactKind::Text && slot.value.as_text().is_none()
}

/// `change the city of the clinic Wild Signal to Oslo and mark it as closed`
fn change_phrase(builder: &Builder<'_>, wish: &Wish, thing: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (_, slots) in wish
        .told
        .iter()
        .filter(|(_, slots)| is_said(builder, slots))
    {
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
pub(crate) fn quoted(slot: &Slot) -> String {
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
        .filter(|(_, slots)| is_said(builder, slots))
        .map(|(_, slots)| {
            let name = slots
                .first()
                .map_or("", |slot| builder.slots[*slot].name.as_str());
            if slots
                .first()
                .is_some_and(|slot| is_flag(&builder.slots[*slot]))
            {
                return builder.slots[slots[0]].said.clone();
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
fn role_of(atlas: &Atlas, argument: &str, table: usize) -> Option<String> {
    let (_, noun) = nouns(atlas.schema(), table);
    let mut all = words::words(argument);
    if all
        .last()
        .is_some_and(|last| ["id", "key", "uuid"].contains(&last.as_str()))
    {
        all.pop();
    }
    let own = all.join(" ");
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
            format!("that new {noun}")
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
    let mut named = builder
        .named
        .iter()
        .filter(|(table, _)| *table == handle.table);
    if let (Some((_, key)), None) = (named.next(), named.next())
        && *key == handle.key
    {
        return format!("that {noun}");
    }
    let withheld = |(at, cell): &(ColumnRef, Cell)| is_withheld(builder, *at, cell);
    if handle.parent.is_none() && !handle.facts.is_empty() && handle.facts.iter().all(withheld) {
        return format!("my {noun} record");
    }
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
        let in_name = full
            .as_ref()
            .is_some_and(|facts| facts.iter().any(|(own, _)| own == at));
        if in_name || is_withheld(builder, *at, cell) {
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
        // `the transfer from the account with number 12-34 (amount 5.00)`
        if let Some(way) = ["from", "to"]
            .iter()
            .find(|way| role.starts_with(&format!("{way} ")))
        {
            let clauses = if clauses.is_empty() {
                String::new()
            } else {
                format!(" ({})", clauses.join(", "))
            };
            return format!("the {own}{clauses} {way} {owner}");
        }
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

/// True when the user does not say a fact of a row in the request.
fn is_withheld(builder: &Builder<'_>, at: ColumnRef, cell: &Cell) -> bool {
    let about = builder.atlas.schema().name(at);
    builder
        .slots
        .iter()
        .any(|slot| slot.about == about && slot.value == *cell && !slot.told.is_at_start())
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
