//! Goals that take a conversation: something is left out and must be asked for, or wanted otherwise than
//! was said first.

use practicum_world::{Answer, Cell, ColumnRef, Draws, FactKind, StateError, World};
use serde_json::{Map, Value};

use crate::builder::{Builder, Dropped, argument_kind, say};
use crate::goals::{Ground, Made};
use crate::intent;
use crate::mutate::other_value;
use crate::phrase::is_flag;
use crate::proposal::{is_proposal, propose};
use crate::task::{Kind, Reason, SecondThoughts, Slot, Task, Told};
use crate::words::nouns;

/// Tables whose rows are people who call.
const CALLERS: &[&str] = &[
    "account holder",
    "buyer",
    "client",
    "customer",
    "employee",
    "guest",
    "member",
    "passenger",
    "patient",
    "policyholder",
    "student",
    "subscriber",
    "tenant",
    "user",
];

/// True for the name of a table whose rows are people who call.
pub(crate) fn is_caller(noun: &str) -> bool {
    CALLERS.contains(&noun)
}

/// How a change of mind is said.
const NEWS: &[&str] = &[
    "Sorry, I changed my mind: the {name} should be {new}.",
    "Wait, please make the {name} {new} instead.",
    "On second thoughts, I want {new} as the {name}.",
    "Hm, no. Let the {name} be {new}, everything else as I said.",
];

impl Ground<'_> {
    /// A change of which the user leaves out something that the tool needs.
    pub(crate) fn incomplete(&self, tool: usize, draws: &mut Draws) -> Made {
        let mut builder = self.builder()?;
        if let Err(dropped) = self.allowed_write(&mut builder, tool, None, &[], draws)? {
            return Ok(Err(dropped));
        }
        let mut left_out: Vec<Vec<usize>> = self.needed(&builder);
        left_out.extend(self.caller(&builder));
        let Some(slots) = draws.pick(&left_out) else {
            return Ok(Err(Dropped::NotHere));
        };
        for slot in slots {
            builder.slots[*slot].told = Told::IfAsked;
        }
        self.finish_writes(builder, Kind::Incomplete, draws)
    }

    /// Required arguments, each told by one slot, whose values nobody would guess.
    fn needed(&self, builder: &Builder<'_>) -> Vec<Vec<usize>> {
        let wish = &builder.wishes[0];
        let tool = self.atlas.tool(wish.tool);
        wish.told
            .iter()
            .filter(|(name, slots)| {
                let [slot] = slots[..] else {
                    return false;
                };
                let parameter = tool.parameters().iter().find(|own| own.name == *name);
                let required = parameter.is_some_and(|own| {
                    own.required && own.default.is_none() && own.choices().is_none()
                });
                required && is_open(&builder.slots[slot])
            })
            .map(|(_, slots)| slots.clone())
            .collect()
    }

    /// The facts by which a caller is known, who says no name: `the booking of mine`.
    fn caller(&self, builder: &Builder<'_>) -> Option<Vec<usize>> {
        let wish = &builder.wishes[0];
        let handles = wish.picks.iter().flat_map(|(_, handle)| handle.chain());
        let callers: Vec<_> = handles
            .filter(|handle| {
                let (_, noun) = nouns(self.atlas.schema(), handle.table);
                handle.parent.is_none() && !handle.facts.is_empty() && is_caller(&noun)
            })
            .collect();
        let first = callers.first()?;
        if callers.iter().any(|other| other.key != first.key) {
            return None;
        }
        let slot = |(at, cell): &(ColumnRef, Cell)| {
            let about = self.atlas.schema().name(*at);
            builder
                .slots
                .iter()
                .position(|slot| slot.about == about && slot.value == *cell)
        };
        first.facts.iter().map(slot).collect()
    }

    /// A change of which the user wants one detail otherwise than was said first.
    pub(crate) fn reconsidered(&self, tool: usize, draws: &mut Draws) -> Made {
        let mut builder = self.builder()?;
        if let Err(dropped) = self.allowed_write(&mut builder, tool, None, &[], draws)? {
            return Ok(Err(dropped));
        }
        let definition = self.atlas.tool(tool);
        let wish = builder.wishes[0].clone();
        let told: Vec<(String, usize)> = wish
            .told
            .iter()
            .filter_map(|(name, slots)| match slots[..] {
                [slot] if !is_flag(&builder.slots[slot]) => Some((name.clone(), slot)),
                _ => None,
            })
            .collect();
        let Some((argument, slot)) = draws.pick(&told).cloned() else {
            return Ok(Err(Dropped::NotHere));
        };
        let Some(call) = builder.calls.iter().rposition(|call| call.writes) else {
            return Ok(Err(Dropped::NotHere));
        };
        let wanted = builder.calls[call].arguments[&argument].clone();
        // What was said first would have been possible, too.
        let Some(first) = self.allowed_other(&builder, call, &argument, &wanted, draws)? else {
            return Ok(Err(Dropped::NotHere));
        };
        let cell = Cell::from_json(&first);
        let kind = argument_kind(definition, &argument, &cell);
        let mut before = Slot {
            said: say(&cell, kind, draws),
            value: cell,
            kind,
            ..builder.slots[slot].clone()
        };
        before.about.push_str(" at first");
        // A quantity keeps its unit.
        let plain = say(&builder.slots[slot].value, kind, draws);
        if let Some(unit) = builder.slots[slot].said.strip_prefix(&plain)
            && unit.starts_with(' ')
        {
            before.said.push_str(unit);
        }
        let now = builder.slots[slot].clone();
        let later = self.atlas.world.needs_agreement(&definition.name) && draws.chance(0.7);
        let pattern = draws.pick(NEWS).copied().unwrap_or(NEWS[0]);
        let says = pattern
            .replace("{name}", &now.name)
            .replace("{new}", &crate::phrase::quoted(&now));
        // The request is worded with what was wanted first.
        builder.slots[slot] = before.clone();
        let mut text = intent::request(&mut builder, draws);
        builder.slots[slot] = now;
        if later {
            builder.slots[slot].told = Told::AtProposal;
        } else {
            text = format!("{text} {says}");
        }
        let said = Answer::new(&text);
        if !said.mentions(&before.value, before.kind) {
            return Ok(Err(Dropped::Intent));
        }
        let thoughts = SecondThoughts {
            call,
            argument,
            first,
            kind,
            says,
            told: if later {
                Told::AtProposal
            } else {
                Told::AtStart
            },
        };
        let made = self.finish_with(builder, Kind::Reconsidered, text)?;
        Ok(made.map(|task| Task {
            second_thoughts: Some(thoughts),
            ..task
        }))
    }

    /// Another value of an argument with which the call would have been allowed.
    fn allowed_other(
        &self,
        builder: &Builder<'_>,
        call: usize,
        argument: &str,
        own: &Value,
        draws: &mut Draws,
    ) -> Result<Option<Value>, StateError> {
        let gold = &builder.calls[call];
        let Some(tool) = self.atlas.world.tool(&gold.tool) else {
            return Ok(None);
        };
        let mut trial = self.state.session(self.seed)?;
        for _ in 0..6 {
            let sampled = self
                .sampler
                .arguments(tool, 1.0, draws)
                .get(argument)
                .cloned()
                .filter(|value| value != own);
            let Some(other) = sampled.or_else(|| other_value(tool, argument, own, draws)) else {
                continue;
            };
            if other.is_array() || other.is_object() {
                continue;
            }
            trial.reset(self.seed)?;
            for before in &builder.calls[..call] {
                trial.call(&before.tool, &Value::Object(before.arguments.clone()));
            }
            let mut with = gold.arguments.clone();
            with.insert(argument.to_string(), other.clone());
            let reply = trial.call(&gold.tool, &Value::Object(with));
            if reply.is_ok() && trial.violations().is_empty() {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }
}

/// A value that an agent cannot hit by trying: no short number, no word of a list.
fn is_open(slot: &Slot) -> bool {
    match (&slot.value, slot.kind) {
        (_, FactKind::Label) => false,
        (_, FactKind::Date | FactKind::Instant | FactKind::Cents) => true,
        (Cell::Text(text), _) => text.chars().count() >= 3,
        (Cell::Integer(number), _) => number.abs() > 20,
        _ => false,
    }
}

/// What a good agent says in the course of a task, each with the position of the gold call before which it
/// says it: it asks for what was left out, and proposes what was wanted first.
pub fn sayings(world: &World, task: &Task) -> Vec<(usize, String)> {
    let mut all = Vec::new();
    for (at, slot) in task.slots.iter().enumerate() {
        if slot.told != Told::IfAsked {
            continue;
        }
        let uses = |by: &Reason| match by {
            Reason::Told(slot) => *slot == at,
            Reason::Parts(slots) => slots.contains(&at),
            Reason::Shown { .. } => false,
        };
        let call = task
            .gold
            .iter()
            .position(|call| call.determined.iter().any(|why| uses(&why.by)));
        all.push((
            call.unwrap_or(0),
            format!("Could you tell me the {}, please?", slot.name),
        ));
    }
    if let Some(thoughts) = &task.second_thoughts
        && thoughts.told == Told::AtProposal
        && let Some(gold) = task.gold.get(thoughts.call)
        && let Some(tool) = world.tool(&gold.tool)
    {
        let mut first: Map<String, Value> = gold.arguments.clone();
        first.insert(thoughts.argument.clone(), thoughts.first.clone());
        let said = propose(world, task, tool, &first);
        all.push((thoughts.call, said));
    }
    all.sort_by_key(|(call, _)| *call);
    all
}

/// What a user says to a proposal of what was wanted first, and is no longer; None for all other words.
pub fn second_thoughts<'a>(task: &'a Task, said: &str) -> Option<&'a str> {
    let thoughts = task.second_thoughts.as_ref()?;
    if thoughts.told != Told::AtProposal || !is_proposal(said) {
        return None;
    }
    let wanted = task.gold.get(thoughts.call)?;
    let wanted = wanted.arguments.get(&thoughts.argument)?;
    let said = Answer::new(said);
    let says = |value: &Value| said.mentions(&Cell::from_json(value), thoughts.kind);
    (says(&thoughts.first) && !says(wanted)).then_some(thoughts.says.as_str())
}
