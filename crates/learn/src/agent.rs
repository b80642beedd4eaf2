//! A small model as an agent, and many of its episodes at once.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};

use practicum_rollout::{Action, Agent, EpisodeLimits, Keep, Observation, run_episode};
use practicum_task::{Dressing, Perturbation, Task};
use practicum_world::{Draws, World};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cache::Cache;
use crate::demonstrate::shown_tools;
use crate::error::{LearnError, Result};
use crate::form::{Conversation, Form};
use crate::generate::{Request, WriteOptions, Written, write};
use crate::model::Model;

/// What an episode of a small model may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlayOptions {
    /// Turns of the agent, calls and messages together.
    pub turns: usize,
    /// New tokens of a turn.
    pub turn_tokens: usize,
    /// Turns that make no sense before the episode ends.
    pub invalid: usize,
    /// 0: the likeliest token each time.
    pub temperature: f32,
    /// Sampled tokens come from the likeliest that have this probability together.
    pub top_p: f32,
    /// Episodes that go through the model together.
    pub width: usize,
    /// The seed of sampled turns.
    pub seed: u64,
}

impl Default for PlayOptions {
    fn default() -> Self {
        Self {
            turns: 5,
            turn_tokens: 48,
            invalid: 2,
            temperature: 0.0,
            top_p: 0.95,
            width: 8,
            seed: 1,
        }
    }
}

/// An episode to play.
#[derive(Debug, Clone, Copy)]
pub struct Play<'a> {
    /// The world.
    pub world: &'a World,
    /// The task.
    pub task: &'a Task,
    /// Only well-formed turns with the shown tools can be written.
    pub guided: bool,
    /// Tools and parameters have other names and stand in another order.
    pub perturbed: bool,
    /// Number of the attempt; each samples anew.
    pub attempt: u32,
}

/// How an episode went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Played {
    /// The verdict.
    pub passed: bool,
    /// The first turn is gold's first call, argument for argument (or gold's outcome where gold calls nothing).
    pub first_right: bool,
    /// The first turn could be understood.
    pub first_valid: bool,
    /// Turns.
    pub turns: usize,
    /// Turns that made no sense.
    pub invalid: usize,
    /// Tokens read, what was shared left out.
    pub read: usize,
    /// Tokens written.
    pub written: usize,
    /// What the agent wrote, turn by turn.
    pub said: Vec<String>,
}

/// What a model is asked for by an episode.
enum Ask {
    Turn {
        number: usize,
        request: Box<Request>,
        prefix: usize,
    },
    Over {
        number: usize,
        played: Box<Result<Played>>,
    },
}

/// A small model as an agent: its turns are written elsewhere, together with those of other episodes.
struct ModelAgent<'a> {
    number: usize,
    conversation: Conversation<'a>,
    options: &'a PlayOptions,
    guided: bool,
    draws: Option<Draws>,
    asks: Sender<Ask>,
    turns_back: Receiver<Written>,
    cache: Option<Cache>,
    played: Played,
    first: Option<Action>,
    failed: Option<LearnError>,
}

/// What a turn that makes no sense is answered with.
const NOT_UNDERSTOOD: &str = r#"{"error":{"message":"Not understood. Write a tool and its arguments as JSON, or done: and the answer."}}"#;

impl ModelAgent<'_> {
    fn turn(&mut self, observation: &Observation) -> Result<Action> {
        self.conversation.observe(observation)?;
        loop {
            if self.played.turns >= self.options.turns {
                return Ok(give_up());
            }
            self.conversation.open()?;
            let cache = self.cache.take().unwrap_or_default();
            let tokens = self.conversation.tokens()[cache.len()..].to_vec();
            self.played.read += tokens.len();
            let prefix = if cache.is_empty() {
                self.conversation.prefix()
            } else {
                0
            };
            let request = Request {
                cache,
                tokens,
                guide: self.guided.then(|| self.conversation.guide()),
                draws: self.draws.clone(),
            };
            // A new stream for the next turn.
            if let Some(draws) = &mut self.draws {
                let seed = draws.bits();
                *draws = Draws::new(seed, &["turn"]);
            }
            let lost = || LearnError::Invalid("the model stopped while an episode ran".into());
            self.asks
                .send(Ask::Turn {
                    number: self.number,
                    request: Box::new(request),
                    prefix,
                })
                .map_err(|_| lost())?;
            let written = self.turns_back.recv().map_err(|_| lost())?;
            self.played.turns += 1;
            self.played.written += written.tokens.len();
            self.conversation.close(&written.tokens, false)?;
            self.cache = Some(written.cache);
            let text = self
                .conversation
                .said()
                .last()
                .map(|(text, _)| text.clone())
                .unwrap_or_default();
            self.played.said.push(text.clone());
            let action = self.conversation.understand(&text);
            if self.played.turns == 1 {
                self.played.first_valid = action.is_some();
                self.first.clone_from(&action);
            }
            if let Some(action) = action {
                return Ok(action);
            }
            self.played.invalid += 1;
            if self.played.invalid >= self.options.invalid {
                return Ok(give_up());
            }
            self.conversation.observe(&Observation::Reply {
                content: NOT_UNDERSTOOD.into(),
                ok: false,
            })?;
        }
    }
}

fn give_up() -> Action {
    Action::Finish {
        outcome: None,
        answer: String::new(),
    }
}

impl Agent for ModelAgent<'_> {
    fn act(&mut self, observation: &Observation) -> Action {
        if self.failed.is_some() {
            return give_up();
        }
        self.turn(observation).unwrap_or_else(|error| {
            self.failed = Some(error);
            give_up()
        })
    }
}

/// Plays episodes, some at a time, their turns written together. The result does not depend on how fast anything
/// is: the model writes when every running episode waits for it.
///
/// # Errors
/// When a state cannot be made or the model cannot read a conversation.
pub fn play(
    model: &Model,
    form: &Form<'_>,
    plays: &[Play<'_>],
    options: &PlayOptions,
    mut each: impl FnMut(usize, &Played),
) -> Result<Vec<Played>> {
    let write_options = WriteOptions {
        most: options.turn_tokens.max(1),
        end: form.end(),
        temperature: options.temperature,
        top_p: options.top_p,
    };
    let mut done: Vec<Option<Played>> = plays.iter().map(|_| None).collect();
    let mut prefixes: BTreeMap<Vec<u32>, Cache> = BTreeMap::new();
    std::thread::scope(|scope| -> Result<()> {
        let (asks, questions) = channel();
        let mut backs: BTreeMap<usize, Sender<Written>> = BTreeMap::new();
        let mut next = 0;
        let mut waiting: BTreeMap<usize, (Request, usize)> = BTreeMap::new();
        loop {
            while backs.len() < options.width.max(1) && next < plays.len() {
                let (back, turns_back) = channel();
                let (number, play, asks) = (next, plays[next], asks.clone());
                scope.spawn(move || {
                    let played = episode(number, form, play, options, asks.clone(), turns_back);
                    // Nobody listens any more only when another episode failed.
                    let _ = asks.send(Ask::Over {
                        number,
                        played: Box::new(played),
                    });
                });
                backs.insert(next, back);
                next += 1;
            }
            if backs.is_empty() {
                return Ok(());
            }
            if waiting.len() < backs.len() {
                let lost = |_| LearnError::Invalid("an episode stopped without a word".into());
                match questions.recv().map_err(lost)? {
                    Ask::Turn {
                        number,
                        request,
                        prefix,
                    } => {
                        waiting.insert(number, (*request, prefix));
                    }
                    Ask::Over { number, played } => {
                        let played = (*played)?;
                        each(number, &played);
                        done[number] = Some(played);
                        backs.remove(&number);
                    }
                }
                continue;
            }
            let (numbers, mut requests): (Vec<usize>, Vec<(Request, usize)>) =
                std::mem::take(&mut waiting).into_iter().unzip();
            share_prefixes(model, &mut requests, &mut prefixes)?;
            let requests = requests.into_iter().map(|(request, _)| request).collect();
            let written = write(model, form.tokenizer(), requests, write_options)?;
            for (number, written) in numbers.into_iter().zip(written) {
                if let Some(back) = backs.get(&number) {
                    let _ = back.send(written);
                }
            }
        }
    })?;
    Ok(done.into_iter().flatten().collect())
}

/// Beginnings that are kept: those of the tasks that are played at the same time, and a few more.
const PREFIXES: usize = 32;

/// Reads each new beginning once, and lets every conversation that begins so go on from there.
fn share_prefixes(
    model: &Model,
    requests: &mut [(Request, usize)],
    prefixes: &mut BTreeMap<Vec<u32>, Cache>,
) -> Result<()> {
    let beginnings: std::collections::BTreeSet<Vec<u32>> = requests
        .iter()
        .filter(|(request, prefix)| *prefix > 0 && *prefix < request.tokens.len())
        .map(|(request, prefix)| request.tokens[..*prefix].to_vec())
        .collect();
    let new: Vec<&Vec<u32>> = beginnings
        .iter()
        .filter(|tokens| !prefixes.contains_key(*tokens))
        .collect();
    if !new.is_empty() {
        let mut caches: Vec<Cache> = new.iter().map(|_| Cache::new()).collect();
        let mut own: Vec<&mut Cache> = caches.iter_mut().collect();
        let news: Vec<&[u32]> = new.iter().map(|tokens| tokens.as_slice()).collect();
        model.extend(&mut own, &news)?;
        if prefixes.len() + new.len() > PREFIXES {
            prefixes.retain(|tokens, _| beginnings.contains(tokens));
        }
        for (tokens, cache) in new.into_iter().zip(caches) {
            prefixes.insert(tokens.clone(), cache);
        }
    }
    for (request, prefix) in requests {
        if let Some(cache) = prefixes.get(&request.tokens[..*prefix]) {
            request.cache = cache.clone();
            request.tokens.drain(..*prefix);
        }
    }
    Ok(())
}

fn episode(
    number: usize,
    form: &Form<'_>,
    play: Play<'_>,
    options: &PlayOptions,
    asks: Sender<Ask>,
    turns_back: Receiver<Written>,
) -> Result<Played> {
    let (world, task) = (play.world, play.task);
    let state = world.state(&task.state)?;
    let mut session = state.session(task.seed)?;
    let attempt = play.attempt.to_string();
    let tools = shown_tools(form, world, task);
    let conversation = if play.perturbed {
        // No faults and no pages: they would ask for turns that the compact form has not.
        let layer = Dressing::new(world, task, &Perturbation::default());
        form.begin_behind(world, &tools, layer)?
    } else {
        form.begin(world, tools)?
    };
    let mut agent = ModelAgent {
        number,
        conversation,
        options,
        guided: play.guided,
        draws: (options.temperature > 0.0)
            .then(|| Draws::new(options.seed, &["play", &task.id, &attempt])),
        asks,
        turns_back,
        cache: None,
        played: Played {
            passed: false,
            first_right: false,
            first_valid: false,
            turns: 0,
            invalid: 0,
            read: 0,
            written: 0,
            said: Vec::new(),
        },
        first: None,
        failed: None,
    };
    let limits = EpisodeLimits::default();
    let episode = run_episode(&mut session, task, &mut agent, limits, Keep::Verdict)?;
    if let Some(error) = agent.failed {
        return Err(error);
    }
    let mut played = agent.played;
    played.passed = episode.verdict.passed;
    played.first_right = agent.first.is_some_and(|first| is_gold(&first, task));
    Ok(played)
}

fn is_gold(first: &Action, task: &Task) -> bool {
    match (first, task.gold.first()) {
        (Action::Call { tool, arguments }, Some(gold)) => {
            *tool == gold.tool && *arguments == Value::Object(gold.arguments.clone())
        }
        (Action::Finish { outcome, .. }, None) => *outcome == Some(task.expectation.outcome),
        _ => false,
    }
}
