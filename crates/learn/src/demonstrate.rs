//! Demonstrations in the compact form: a reference agent acts, and what a small model would have read and written
//! is recorded.

use std::collections::BTreeMap;
use std::ops::Range;

use practicum_rollout::{
    Action, Agent, EpisodeLimits, Keep, Observation, Reference, run_episode, tools_of,
};
use practicum_task::{Kind, Reason, Task};
use practicum_world::{Cell, Draws, Sampler, World};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{LearnError, Result};
use crate::form::{Conversation, Form};
use crate::trainer::Example;

/// What a task asks of an agent, as small models see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// One call, then the answer.
    OneCall,
    /// Two calls.
    TwoCall,
    /// Three calls.
    ThreeCall,
    /// More calls.
    Longer,
    /// Declining, or saying that it cannot be done.
    Refuse,
}

impl Length {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::OneCall,
        Self::TwoCall,
        Self::ThreeCall,
        Self::Longer,
        Self::Refuse,
    ];

    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneCall => "one_call",
            Self::TwoCall => "two_call",
            Self::ThreeCall => "three_call",
            Self::Longer => "longer",
            Self::Refuse => "refuse",
        }
    }

    /// Of a task.
    pub fn of(task: &Task) -> Self {
        match (task.kind, task.gold.len()) {
            (Kind::Declined | Kind::Impossible, _) => Self::Refuse,
            (_, 0 | 1) => Self::OneCall,
            (_, 2) => Self::TwoCall,
            (_, 3) => Self::ThreeCall,
            _ => Self::Longer,
        }
    }
}

/// A demonstration that a small model can learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Demonstration {
    /// The task's id.
    pub task: String,
    /// The world's name.
    pub world: String,
    /// What it asks.
    pub length: Length,
    /// The tokens.
    pub example: Example,
    /// Where the agent wrote, the mark that ends the turn left out.
    pub turns: Vec<Range<usize>>,
}

/// Demonstrations of a world's tasks, and why the other tasks have none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Demonstrations {
    /// In the order of the tasks.
    pub kept: Vec<Demonstration>,
    /// Tasks without one, by reason.
    pub dropped: BTreeMap<String, usize>,
}

/// The tools that a task needs, and others beside them: the same for whoever acts on it.
pub(crate) fn shown_tools(form: &Form<'_>, world: &World, task: &Task) -> Vec<Value> {
    let needed: Vec<&str> = task
        .gold
        .iter()
        .chain(&task.temptation)
        .map(|call| call.tool.as_str())
        .collect();
    let mut draws = Draws::new(task.seed, &["shown", &task.id]);
    form.choose(&tools_of(world), &needed, &mut draws)
}

/// Acts as the reference agent does, and writes the conversation down.
struct Recorder<'a> {
    inner: Box<dyn Agent + 'a>,
    conversation: Conversation<'a>,
    task: &'a Task,
    calls: usize,
    turns: Vec<Range<usize>>,
    /// Why nothing can be learnt from it.
    missing: Option<&'static str>,
    failed: Option<LearnError>,
}

impl Recorder<'_> {
    fn write(&mut self, observation: &Observation, action: &Action) -> Result<()> {
        self.conversation.observe(observation)?;
        self.check(action);
        self.conversation.act(action, true)?;
        let end = self.conversation.tokens().len() - 2;
        let written = self
            .conversation
            .keeps()
            .iter()
            .take(end)
            .rev()
            .take_while(|keep| **keep)
            .count();
        self.turns.push(end - written..end);
        Ok(())
    }

    /// What gold knows from a reply must have been shown: else the model would learn to guess.
    fn check(&mut self, action: &Action) {
        match action {
            Action::Call { tool, arguments } => {
                let names = arguments.as_object().into_iter().flatten();
                if !(self.conversation).lists(tool, names.map(|(name, _)| name.as_str())) {
                    self.missing = Some("a parameter that is not shown");
                }
                if let Some(call) = self.task.gold.get(self.calls) {
                    for determined in &call.determined {
                        let value = &arguments[determined.argument.as_str()];
                        if matches!(determined.by, Reason::Shown { .. })
                            && !self.conversation.has_shown(value)
                        {
                            self.missing = Some("an argument that is not shown");
                        }
                    }
                }
                self.calls += 1;
            }
            Action::Finish { .. } => {
                for fact in &self.task.expectation.facts {
                    let value = match &fact.value {
                        Cell::Integer(number) => {
                            if self.conversation.has_counted(*number) {
                                continue;
                            }
                            Value::from(*number)
                        }
                        Cell::Real(number) => Value::from(*number),
                        Cell::Text(text) => Value::from(&**text),
                        Cell::Null => continue,
                    };
                    if !self.conversation.has_shown(&value) {
                        self.missing = Some("a fact that is not shown");
                    }
                }
            }
            Action::Say(_) => {}
        }
    }
}

impl Agent for Recorder<'_> {
    fn act(&mut self, observation: &Observation) -> Action {
        let action = self.inner.act(observation);
        if self.failed.is_none()
            && let Err(error) = self.write(observation, &action)
        {
            self.failed = Some(error);
        }
        action
    }
}

/// Demonstrations of the tasks of one world, by the oracle. `most` is the most tokens of one.
///
/// # Errors
/// When a state cannot be made or the tokenizer fails.
pub fn demonstrate(
    form: &Form<'_>,
    world: &World,
    tasks: &[Task],
    most: usize,
) -> Result<Demonstrations> {
    let mut all = Demonstrations::default();
    for task in tasks {
        match one(form, world, task, most)? {
            Ok(demonstration) => all.kept.push(demonstration),
            Err(reason) => *all.dropped.entry(reason.to_string()).or_default() += 1,
        }
    }
    Ok(all)
}

fn one(
    form: &Form<'_>,
    world: &World,
    task: &Task,
    most: usize,
) -> Result<std::result::Result<Demonstration, &'static str>> {
    if Length::of(task) == Length::Longer {
        return Ok(Err("more than three calls"));
    }
    let state = world.state(&task.state)?;
    let sampler = Sampler::new(&state)?;
    let mut session = state.session(task.seed)?;
    let mut recorder = Recorder {
        inner: Reference::Gold.agent(&state, &sampler, task, 1)?,
        conversation: form.begin(world, shown_tools(form, world, task))?,
        task,
        calls: 0,
        turns: Vec::new(),
        missing: None,
        failed: None,
    };
    let limits = EpisodeLimits::default();
    let episode = run_episode(&mut session, task, &mut recorder, limits, Keep::Verdict)?;
    if let Some(error) = recorder.failed {
        return Err(error);
    }
    let conversation = &recorder.conversation;
    let reason = if !episode.verdict.passed {
        Some("the oracle fails")
    } else if conversation.tokens().len() > most {
        Some("too many tokens")
    } else {
        recorder.missing
    };
    Ok(match reason {
        Some(reason) => Err(reason),
        None => Ok(Demonstration {
            task: task.id.clone(),
            world: world.name().to_string(),
            length: Length::of(task),
            example: Example {
                id: format!("{}/gold/0", task.id),
                tokens: conversation.tokens().to_vec(),
                keeps: conversation.keeps().to_vec(),
            },
            turns: recorder.turns,
        }),
    })
}

/// The control that only teaches the form: every demonstration gets the agent's turns of another one of the same
/// number of turns, of the same world where there is one. The conversations stay, the calls are wrong.
pub fn with_wrong_turns(demonstrations: &[Demonstration], seed: u64) -> Vec<Demonstration> {
    let mut draws = Draws::new(seed, &["wrong turns"]);
    demonstrations
        .iter()
        .enumerate()
        .map(|(at, own)| {
            let fits = |same_world: bool| -> Vec<&Demonstration> {
                demonstrations
                    .iter()
                    .enumerate()
                    .filter(|(other, demonstration)| {
                        *other != at
                            && demonstration.turns.len() == own.turns.len()
                            && (!same_world || demonstration.world == own.world)
                    })
                    .map(|(_, demonstration)| demonstration)
                    .collect()
            };
            let near = fits(true);
            let others = if near.is_empty() { fits(false) } else { near };
            match draws.pick(&others) {
                Some(other) => splice(own, other),
                None => own.clone(),
            }
        })
        .collect()
}

fn splice(own: &Demonstration, other: &Demonstration) -> Demonstration {
    let mut tokens = Vec::new();
    let mut keeps = Vec::new();
    let mut turns = Vec::new();
    let mut from = 0;
    for (own_turn, other_turn) in own.turns.iter().zip(&other.turns) {
        tokens.extend_from_slice(&own.example.tokens[from..own_turn.start]);
        keeps.extend_from_slice(&own.example.keeps[from..own_turn.start]);
        let start = tokens.len();
        tokens.extend_from_slice(&other.example.tokens[other_turn.clone()]);
        keeps.resize(tokens.len(), true);
        turns.push(start..tokens.len());
        from = own_turn.end;
    }
    tokens.extend_from_slice(&own.example.tokens[from..]);
    keeps.extend_from_slice(&own.example.keeps[from..]);
    Demonstration {
        example: Example {
            id: format!("{}/wrong", own.example.id),
            tokens,
            keeps,
        },
        turns,
        ..own.clone()
    }
}
