//! Agents, and the reference agents that need no model: ceiling, floor and probes of every report.

use practicum_task::{GoldCall, Kind, Reason, Task, instruct, propose, sayings};
use practicum_world::{Actor, Cell, Draws, Outcome, Sampler, State, StateError, World};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What an agent does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Calls a tool.
    Call {
        /// The tool.
        tool: String,
        /// The arguments.
        arguments: Value,
    },
    /// Says something to the user and waits for the answer.
    Say(String),
    /// Ends the episode with an outcome and an answer.
    Finish {
        /// The outcome; None states none.
        outcome: Option<Outcome>,
        /// What the user reads.
        answer: String,
    },
}

/// What an agent learns after each action.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// What the user says; the first one is the request.
    User(String),
    /// The reply to a call, as JSON text; errors included.
    Reply {
        /// The reply.
        content: String,
        /// The call succeeded.
        ok: bool,
    },
}

/// Someone who acts in an episode.
pub trait Agent {
    /// The next action after an observation.
    fn act(&mut self, observation: &Observation) -> Action;
}

/// The reference agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// Makes gold's calls, asks first where a rule wants that, and gives gold's answer.
    Gold,
    /// Makes gold's calls with mistakes in between, and recovers.
    NoisyGold,
    /// Does and says nothing.
    Noop,
    /// Calls any tool with values seen so far, then states one of them.
    Random,
    /// Writes nothing, reads all that it can and lists it.
    Spray,
    /// Gives the request back.
    Echo,
    /// Tries what policy forbids or the world cannot do.
    YesMan,
    /// Gold and one extra write.
    GoldPlusOne,
    /// Gold, but takes the first row of every list.
    FirstRow,
}

impl Reference {
    /// All reference agents.
    pub const ALL: [Self; 9] = [
        Self::Gold,
        Self::NoisyGold,
        Self::FirstRow,
        Self::Noop,
        Self::Random,
        Self::Spray,
        Self::Echo,
        Self::YesMan,
        Self::GoldPlusOne,
    ];

    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gold => "gold",
            Self::NoisyGold => "noisy-gold",
            Self::Noop => "noop",
            Self::Random => "random",
            Self::Spray => "spray",
            Self::Echo => "echo",
            Self::YesMan => "yes-man",
            Self::GoldPlusOne => "gold+1",
            Self::FirstRow => "first-row",
        }
    }

    /// The agent of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|agent| agent.name() == name)
    }

    /// Agents that must pass next to nothing; on which tasks they are counted is up to the report.
    pub fn is_floor(self) -> bool {
        !matches!(self, Self::Gold | Self::NoisyGold | Self::FirstRow)
    }

    /// Gold's agent for a task: the ceiling, and the check that the task can still be passed.
    pub fn oracle<'a>(world: &'a World, task: &'a Task) -> Box<dyn Agent + 'a> {
        Box::new(Plan::gold(world, task, gold_steps(task)))
    }

    /// The agent for a task. `sampler` holds the rows of `state`, the task's initial state.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn agent<'a>(
        self,
        state: &'a State,
        sampler: &'a Sampler,
        task: &'a Task,
        seed: u64,
    ) -> Result<Box<dyn Agent + 'a>, StateError> {
        let world = state.world();
        let draws = Draws::new(seed, &["agent", self.name(), &task.id]);
        Ok(match self {
            Self::Random => Box::new(Random {
                world,
                left: 2 * task.gold.len().max(1),
                seen: Vec::new(),
                draws,
            }),
            Self::Spray => Box::new(Spray {
                world,
                sampler,
                calls: None,
                seen: Vec::new(),
                draws,
            }),
            Self::Echo => Box::new(Plan::new(task, Vec::new(), |request| {
                (Some(Outcome::Done), request.to_string())
            })),
            Self::Noop => Box::new(Plan::new(task, Vec::new(), |_| (None, String::new()))),
            Self::Gold => Self::oracle(world, task),
            Self::NoisyGold => {
                let mut draws = draws;
                Box::new(Plan::gold(
                    world,
                    task,
                    noisy_steps(world, sampler, task, &mut draws),
                ))
            }
            Self::FirstRow => {
                let mut steps = gold_steps(task);
                for step in &mut steps {
                    for place in &mut step.places {
                        place.2 = first_row(&place.2);
                    }
                }
                Box::new(Plan::gold(world, task, steps))
            }
            Self::GoldPlusOne => {
                let mut draws = draws;
                let mut steps = gold_steps(task);
                steps.extend(extra_write(state, sampler, task, &mut draws)?);
                Box::new(Plan::gold(world, task, steps))
            }
            Self::YesMan => {
                let mut steps = gold_steps(task);
                steps.extend(task.temptation.iter().map(|call| Step {
                    tool: call.tool.clone(),
                    arguments: call.arguments.clone(),
                    gold: None,
                    actor: Actor::Agent,
                    places: Vec::new(),
                }));
                let answer = if task.temptation.is_empty() && task.kind == Kind::Impossible {
                    "That is done.".to_string()
                } else {
                    task.answer.clone()
                };
                Box::new(Plan::new(task, steps, move |_| {
                    (Some(Outcome::Done), answer.clone())
                }))
            }
        })
    }
}

/// `/3/id` as `/0/id`.
fn first_row(place: &str) -> String {
    let mut parts: Vec<&str> = place.split('/').collect();
    if let Some(row) = parts.get_mut(1)
        && row.bytes().all(|byte| byte.is_ascii_digit())
        && !row.is_empty()
    {
        *row = "0";
    }
    parts.join("/")
}

/// One call of a plan.
#[derive(Debug, Clone)]
struct Step {
    tool: String,
    arguments: Map<String, Value>,
    /// Position in gold: later steps may refer to its reply.
    gold: Option<usize>,
    /// Who makes the call.
    actor: Actor,
    /// Arguments taken from a reply to a call of gold: name, call, place.
    places: Vec<(String, usize, String)>,
}

fn gold_steps(task: &Task) -> Vec<Step> {
    task.gold
        .iter()
        .enumerate()
        .map(|(at, call)| gold_step(at, call))
        .collect()
}

fn gold_step(at: usize, call: &GoldCall) -> Step {
    Step {
        tool: call.tool.clone(),
        arguments: call.arguments.clone(),
        gold: Some(at),
        actor: call.actor,
        places: call
            .determined
            .iter()
            .filter_map(|determined| match &determined.by {
                Reason::Shown { call, place, .. } => {
                    Some((determined.argument.clone(), *call, place.clone()))
                }
                Reason::Told(_) | Reason::Parts(_) => None,
            })
            .collect(),
    }
}

/// Gold with calls in between that fail, as a model's do: an unknown id, an argument too many or too
/// few, a tool that does not exist.
fn noisy_steps(world: &World, sampler: &Sampler, task: &Task, draws: &mut Draws) -> Vec<Step> {
    let mut steps = Vec::new();
    for step in gold_steps(task) {
        if draws.chance(0.3) {
            let mut wrong = Step {
                gold: None,
                actor: Actor::Agent,
                ..step.clone()
            };
            let parameters = world
                .tool(&wrong.tool)
                .map(|tool| tool.parameters().to_vec())
                .unwrap_or_default();
            let required: Vec<&practicum_world::Parameter> = parameters
                .iter()
                .filter(|parameter| parameter.required)
                .collect();
            match (draws.below(3), draws.pick(&required)) {
                (0, Some(parameter)) => {
                    wrong.arguments.remove(&parameter.name);
                    wrong.places.retain(|(name, _, _)| *name != parameter.name);
                }
                (1, _) => {
                    wrong.tool = format!("{}_v2", wrong.tool);
                }
                (_, Some(parameter)) if !wrong.places.is_empty() => {
                    let stranger = sampler.stranger(parameter, draws);
                    wrong.places.retain(|(name, _, _)| *name != parameter.name);
                    wrong.arguments.insert(parameter.name.clone(), stranger);
                }
                _ => {
                    wrong.arguments.insert("verbose".into(), Value::Bool(true));
                }
            }
            steps.push(wrong);
        }
        steps.push(step);
    }
    steps
}

/// A write that works after gold, changes something, and has nothing to do with the task.
fn extra_write(
    state: &State,
    sampler: &Sampler,
    task: &Task,
    draws: &mut Draws,
) -> Result<Option<Step>, StateError> {
    let world = state.world();
    let writes: Vec<&practicum_world::Tool> = world
        .tools_of(Actor::Agent)
        .filter(|tool| !tool.benign)
        .collect();
    let mut session = state.session(task.seed)?;
    for call in &task.gold {
        session.call(&call.tool, &Value::Object(call.arguments.clone()));
    }
    let before = session.diff()?;
    for _ in 0..40 {
        let Some(tool) = draws.pick(&writes) else {
            break;
        };
        let arguments = sampler.arguments(tool, 0.4, draws);
        session.call(&tool.name, &Value::Object(arguments.clone()));
        if session.diff()? != before {
            return Ok(Some(Step {
                tool: tool.name.clone(),
                arguments,
                gold: None,
                actor: Actor::Agent,
                places: Vec::new(),
            }));
        }
    }
    Ok(None)
}

/// Who asks the user before calls that need it.
struct Asking<'a> {
    world: &'a World,
    task: &'a Task,
    /// Step before which the user was asked.
    asked: Option<usize>,
    /// What is said in the course of the task, with the gold call before which it is said.
    sayings: Vec<(usize, String)>,
}

/// Makes planned calls one after the other, then ends.
struct Plan<'a, F> {
    steps: Vec<Step>,
    next: usize,
    replies: Vec<(usize, Value)>,
    request: String,
    asking: Option<Asking<'a>>,
    end: F,
}

impl<F: Fn(&str) -> (Option<Outcome>, String)> Plan<'_, F> {
    fn new(_task: &Task, steps: Vec<Step>, end: F) -> Self {
        Self {
            steps,
            next: 0,
            replies: Vec::new(),
            request: String::new(),
            asking: None,
            end,
        }
    }
}

/// From the request to the outcome and the answer.
type End = Box<dyn Fn(&str) -> (Option<Outcome>, String)>;

impl<'a> Plan<'a, End> {
    fn gold(world: &'a World, task: &'a Task, steps: Vec<Step>) -> Self {
        let outcome = task.expectation.outcome;
        let answer = task.answer.clone();
        let end: End = Box::new(move |_: &str| (Some(outcome), answer.clone()));
        Self {
            asking: Some(Asking {
                world,
                task,
                asked: None,
                sayings: sayings(world, task),
            }),
            ..Self::new(task, steps, end)
        }
    }
}

impl<F: Fn(&str) -> (Option<Outcome>, String)> Agent for Plan<'_, F> {
    fn act(&mut self, observation: &Observation) -> Action {
        match observation {
            Observation::User(text) => {
                if self.request.is_empty() {
                    self.request.clone_from(text);
                }
            }
            Observation::Reply { content, ok } => {
                let last = self
                    .next
                    .checked_sub(1)
                    .and_then(|last| self.steps.get(last));
                if let Some(gold) = last.and_then(|step| step.gold)
                    && *ok
                    && let Ok(value) = serde_json::from_str(content)
                {
                    self.replies.push((gold, value));
                }
            }
        }
        let Some(step) = self.steps.get(self.next) else {
            let (outcome, answer) = (self.end)(&self.request);
            return Action::Finish { outcome, answer };
        };
        let mut arguments = step.arguments.clone();
        for (name, call, place) in &step.places {
            let value = self
                .replies
                .iter()
                .find(|(gold, _)| gold == call)
                .and_then(|(_, reply)| reply.pointer(place));
            if let Some(value) = value {
                arguments.insert(name.clone(), value.clone());
            }
        }
        if let Some(asking) = &mut self.asking
            && let Some(at) = asking
                .sayings
                .iter()
                .position(|(call, _)| step.gold == Some(*call))
        {
            return Action::Say(asking.sayings.remove(at).1);
        }
        if let Some(asking) = &mut self.asking
            && step.gold.is_some()
            && asking.asked != Some(self.next)
            && asking.world.needs_agreement(&step.tool)
            && let Some(tool) = asking.world.tool(&step.tool)
        {
            asking.asked = Some(self.next);
            return Action::Say(propose(asking.world, asking.task, tool, &arguments));
        }
        self.next += 1;
        // What only the user holds, the user does.
        if step.actor == Actor::User
            && let Some(asking) = &self.asking
            && let Some(tool) = asking.world.tool(&step.tool)
        {
            return Action::Say(instruct(tool, &arguments));
        }
        Action::Call {
            tool: step.tool.clone(),
            arguments: Value::Object(arguments),
        }
    }
}

/// Remembers every plain value of a text that may be JSON.
fn remember(seen: &mut Vec<Value>, value: &Value) {
    match value {
        Value::Array(elements) => {
            for element in elements {
                remember(seen, element);
            }
        }
        Value::Object(members) => {
            for member in members.values() {
                remember(seen, member);
            }
        }
        Value::Null => {}
        plain => {
            if seen.len() < 400 && !seen.contains(plain) {
                seen.push(plain.clone());
            }
        }
    }
}

struct Random<'a> {
    world: &'a World,
    left: usize,
    seen: Vec<Value>,
    draws: Draws,
}

impl Agent for Random<'_> {
    fn act(&mut self, observation: &Observation) -> Action {
        match observation {
            Observation::User(text) => {
                for word in text.split_whitespace() {
                    let word = word.trim_matches(|character: char| !character.is_alphanumeric());
                    remember(&mut self.seen, &Value::from(word));
                }
            }
            Observation::Reply { content, .. } => {
                if let Ok(value) = serde_json::from_str(content) {
                    remember(&mut self.seen, &value);
                }
            }
        }
        if self.left == 0 {
            let said = self
                .draws
                .pick(&self.seen)
                .map(|value| Cell::from_json(value).to_string());
            return Action::Finish {
                outcome: Some(Outcome::Done),
                answer: said.unwrap_or_default(),
            };
        }
        self.left -= 1;
        let tools: Vec<&practicum_world::Tool> = self.world.tools_of(Actor::Agent).collect();
        let Some(tool) = self.draws.pick(&tools) else {
            return Action::Say("Hello?".into());
        };
        let mut arguments = Map::new();
        for parameter in tool.parameters() {
            if !parameter.required && self.draws.chance(0.5) {
                continue;
            }
            let value = match parameter.choices() {
                Some(choices) => self.draws.pick(choices).cloned(),
                None => {
                    let fitting: Vec<&Value> = self
                        .seen
                        .iter()
                        .filter(|value| fits(value, parameter.kind()))
                        .collect();
                    self.draws.pick(&fitting).map(|value| (*value).clone())
                }
            };
            if let Some(value) = value {
                arguments.insert(parameter.name.clone(), value);
            }
        }
        Action::Call {
            tool: tool.name.clone(),
            arguments: Value::Object(arguments),
        }
    }
}

fn fits(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => false,
    }
}

struct Spray<'a> {
    world: &'a World,
    sampler: &'a Sampler,
    calls: Option<Vec<(String, Value)>>,
    seen: Vec<Value>,
    draws: Draws,
}

impl Agent for Spray<'_> {
    fn act(&mut self, observation: &Observation) -> Action {
        if let Observation::Reply { content, .. } = observation
            && let Ok(value) = serde_json::from_str(content)
        {
            remember(&mut self.seen, &value);
        }
        let calls = self.calls.get_or_insert_with(|| {
            self.world
                .tools_of(Actor::Agent)
                .filter(|tool| tool.effects.read_only)
                .flat_map(|tool| {
                    let open = tool
                        .parameters()
                        .iter()
                        .all(|parameter| !parameter.required);
                    let times = if open { 1 } else { 3 };
                    (0..times)
                        .map(|_| {
                            let arguments = self.sampler.arguments(tool, 0.0, &mut self.draws);
                            (tool.name.clone(), Value::Object(arguments))
                        })
                        .collect::<Vec<_>>()
                })
                .collect()
        });
        match calls.pop() {
            Some((tool, arguments)) => Action::Call { tool, arguments },
            None => {
                let all: Vec<String> = self
                    .seen
                    .iter()
                    .map(|value| Cell::from_json(value).to_string())
                    .collect();
                Action::Finish {
                    outcome: Some(Outcome::Done),
                    answer: all.join(", "),
                }
            }
        }
    }
}
