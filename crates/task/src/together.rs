//! Goals that take the user's own tools as well as the agent's: the agent does its part, and tells the user
//! what to do with the things that only the user holds.

use practicum_world::{Actor, Answer, Cell, Draws, Sampler, Tool};
use serde_json::{Map, Value};

use crate::builder::{Builder, Dropped, Wish};
use crate::goals::{Ground, Made};
use crate::proposal::name_value;
use crate::task::{Determined, GoldCall, Kind, Reason, Task};
use crate::words::{verb_at, words};

/// Tries of the agent's part, and of the user's arguments.
const TRIES: usize = 12;

impl Ground<'_> {
    /// A change by the agent, then one by the user, on the agent's word.
    pub(crate) fn together(&self, tool: usize, draws: &mut Draws) -> Made {
        let mut builder = self.builder()?;
        let mut reason = Dropped::NotHere;
        for _ in 0..TRIES {
            let Some(first) = draws.pick(&self.atlas.writes).copied() else {
                break;
            };
            match self.allowed_write(&mut builder, first, None, &[], draws)? {
                Ok(()) => break,
                Err(dropped) => reason = dropped,
            }
        }
        let Some(wish) = builder.wishes.first() else {
            return Ok(Err(reason));
        };
        let rows: Vec<(usize, Cell)> = wish.rows().collect();
        let definition = self.atlas.tool(tool);
        let now = Sampler::of_session(&mut builder.session)?;
        let mark = builder.session.snapshot()?;
        let before = builder.session.diff()?;
        let mut trial = mark.session()?;
        for _ in 0..TRIES {
            let about = draws.pick(&rows).cloned();
            let about: Vec<(usize, Cell)> = about.into_iter().collect();
            let arguments = now.arguments_about(definition, 0.5, &about, draws);
            trial.restore(&mark)?;
            let reply = trial.call_as(
                Actor::User,
                &definition.name,
                &Value::Object(arguments.clone()),
            );
            let world = &self.atlas.world;
            if !reply.is_ok()
                || !trial.violations().is_empty()
                || trial.diff()?.relevant(world).eq(before.relevant(world))
            {
                continue;
            }
            match self.users_part(&mut builder, tool, arguments, draws) {
                Ok(()) => return self.finish_writes(builder, Kind::Together, draws),
                Err(dropped) => return Ok(Err(dropped)),
            }
        }
        Ok(Err(Dropped::Refused))
    }

    /// Adds the user's call to gold: what earlier replies show the agent tells, the rest the user knows.
    fn users_part(
        &self,
        builder: &mut Builder<'_>,
        tool: usize,
        arguments: Map<String, Value>,
        draws: &mut Draws,
    ) -> Result<(), Dropped> {
        let definition = self.atlas.tool(tool);
        let minted = builder.session.minted();
        let mut wish = Wish::of(tool);
        let mut determined = Vec::new();
        for (name, value) in &arguments {
            let own = |id: &String| value.as_str() == Some(id);
            let shown = builder
                .replies
                .iter()
                .enumerate()
                .find_map(|(call, reply)| {
                    let place = place_of(reply, value, String::new())?;
                    minted.iter().any(own).then_some((call, place))
                });
            let by = if let Some((call, place)) = shown {
                Reason::Shown {
                    call,
                    place,
                    minted: true,
                }
            } else {
                let slots = builder.tell(definition, name, value, draws)?;
                let by = match &slots[..] {
                    [slot] => Reason::Told(*slot),
                    _ => Reason::Parts(slots.clone()),
                };
                wish.told.push((name.clone(), slots));
                by
            };
            determined.push(Determined {
                argument: name.clone(),
                by,
            });
        }
        builder.users_call(tool, arguments, determined)?;
        builder.wishes.push(wish);
        Ok(())
    }
}

impl Builder<'_> {
    /// Makes a call of the user, and adds it to gold.
    fn users_call(
        &mut self,
        tool: usize,
        arguments: Map<String, Value>,
        determined: Vec<Determined>,
    ) -> Result<(), Dropped> {
        let definition = self.atlas.tool(tool);
        let reply = self.session.call_as(
            Actor::User,
            &definition.name,
            &Value::Object(arguments.clone()),
        );
        let value = reply.value().ok_or(Dropped::Refused)?;
        self.calls.push(GoldCall {
            actor: Actor::User,
            ..GoldCall::new(&definition.name, arguments, determined, true)
        });
        self.replies.push(value);
        Ok(())
    }
}

/// Where a reply shows a value.
fn place_of(reply: &Value, wanted: &Value, place: String) -> Option<String> {
    match reply {
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .find_map(|(at, element)| place_of(element, wanted, format!("{place}/{at}"))),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            let name = crate::builder::pointer(name);
            place_of(member, wanted, format!("{place}/{name}"))
        }),
        plain => (plain == wanted).then_some(place),
    }
}

/// What is to be done with a user's tool, in words: `install the esim`.
pub(crate) fn deed_of(tool: &Tool) -> String {
    let all = words(&tool.name);
    match verb_at(&all).unwrap_or(0) {
        at if at + 1 < all.len() => format!("{} the {}", all[at], all[at + 1..].join(" ")),
        at => all[at].clone(),
    }
}

/// What an agent says to have the user use a tool of the user's own.
pub fn instruct(tool: &Tool, arguments: &Map<String, Value>) -> String {
    let mut parts = Vec::new();
    for (name, value) in arguments {
        name_value(tool, name, value, &mut parts);
    }
    let with = if parts.is_empty() {
        String::new()
    } else {
        format!(" with {}", parts.join("; "))
    };
    format!(
        "Please {} now{with}, and tell me what you see.",
        deed_of(tool)
    )
}

/// What the user does when an agent says this: a call of a tool of the user's own that the message names
/// and that the user wants. What only the agent can know is taken from the message; `minted` are the ids that
/// the session made so far. None when the message names no such thing.
pub fn users_call(
    world: &practicum_world::World,
    task: &Task,
    said: &str,
    minted: &[String],
) -> Option<(String, Value)> {
    let heard = words(said);
    let answer = Answer::new(said);
    task.gold
        .iter()
        .filter(|call| call.actor == Actor::User)
        .find_map(|call| {
            let tool = world.tool(&call.tool)?;
            let named = words(&tool.name).iter().all(|word| heard.contains(word));
            let mut arguments = call.arguments.clone();
            for why in &call.determined {
                let Reason::Shown { .. } = &why.by else {
                    continue;
                };
                let mut meant = minted.iter().filter(|id| {
                    answer.mentions(&Cell::from(id.as_str()), practicum_world::FactKind::Text)
                });
                let (Some(id), None) = (meant.next(), meant.next()) else {
                    return None;
                };
                arguments.insert(why.argument.clone(), Value::from(id.as_str()));
            }
            named.then(|| (call.tool.clone(), Value::Object(arguments)))
        })
}
