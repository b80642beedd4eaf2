//! A task taken apart: what its gold calls return, what they change, how each run of its proof went.

use practicum_world::{
    AcceptedEnd, Draws, Outcome, Sampler, State, StateError, StateSpec, Verdict, World,
};
use serde_json::Value;

use crate::atlas::Atlas;
use crate::mutate::Mutator;
use crate::probe::{Probe, passes};
use crate::prove::{Fate, try_all};
use crate::script::{Script, run};
use crate::task::Task;

/// Takes tasks of a world apart, and proves them again.
pub struct Examiner {
    atlas: Atlas,
    /// The states that tasks began from so far.
    grounds: Vec<(State, Sampler)>,
}

/// A task taken apart.
#[derive(Debug)]
pub struct Examination {
    /// What each gold call returned; None when it failed.
    pub replies: Vec<Option<Value>>,
    /// What gold changed, one line each.
    pub changes: Vec<String>,
    /// The verdict on gold.
    pub verdict: Verdict,
    /// The accepted ends, one line for each change.
    pub ends: Vec<Vec<String>>,
    /// How each mutant and each variant went; empty when gold fails.
    pub trials: Vec<Trial>,
}

/// One run of the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The mutator's or variant's name.
    pub name: &'static str,
    /// How it went.
    pub fate: Fate,
    /// A bad fate drops the task.
    pub gates: bool,
    /// What it does otherwise than gold.
    pub differs: String,
    /// The clauses that did not hold.
    pub failures: Vec<String>,
}

impl Examination {
    /// What is wrong with the task now: nothing, as long as its world is the one that it was proven on.
    pub fn problems(&self) -> Vec<String> {
        if !self.verdict.passed || self.replies.contains(&None) {
            let mut problems = self.verdict.failures();
            problems.extend(
                self.replies
                    .iter()
                    .position(Option::is_none)
                    .map(|call| format!("gold call {} fails", call + 1)),
            );
            return vec![format!("gold no longer passes: {}", problems.join("; "))];
        }
        self.trials
            .iter()
            .filter(|trial| trial.gates && matches!(trial.fate, Fate::Survived | Fate::Refused))
            .map(|trial| format!("{} {}: {}", trial.fate.name(), trial.name, trial.differs))
            .collect()
    }
}

impl Examiner {
    /// For the tasks of a world.
    pub fn new(world: &World) -> Self {
        Self {
            atlas: Atlas::new(world),
            grounds: Vec::new(),
        }
    }

    /// Plays a task's gold and its proof on fresh sessions.
    ///
    /// # Errors
    /// When the state cannot be made, or SQLite fails.
    pub fn examine(&mut self, task: &Task) -> Result<Examination, StateError> {
        let at = self.ground(&task.state)?;
        let (state, sampler) = &self.grounds[at];
        let world = &self.atlas.world;
        let mut session = state.session(task.seed)?;
        let gold = Script::gold(task);
        let played = run(&mut session, task, &gold)?;
        let changes = session.diff()?.lines(world);
        let lines = |end: &AcceptedEnd| end.diff.lines(world);
        let ends = task.expectation.ends.iter().map(lines).collect();
        let mutator = Mutator {
            atlas: &self.atlas,
            sampler,
            rows: sampler.rows(),
        };
        let mut draws = Draws::new(task.seed, &["examine", &task.id]);
        let tried = try_all(task, &mut session, &mutator, &mut draws)?;
        let trials = tried
            .unwrap_or_default()
            .into_iter()
            .map(|own| Trial {
                name: own.name,
                fate: own.fate,
                gates: own.gates,
                differs: difference(&gold, &own.script),
                failures: own.verdict.failures(),
            })
            .collect();
        Ok(Examination {
            replies: played.replies,
            changes,
            verdict: played.verdict,
            ends,
            trials,
        })
    }

    /// True when a reference run of a task passes; `seed` draws its slips.
    ///
    /// # Errors
    /// When the state cannot be made, or SQLite fails.
    pub fn passes(&mut self, task: &Task, probe: Probe, seed: u64) -> Result<bool, StateError> {
        let at = self.ground(&task.state)?;
        let (state, sampler) = &self.grounds[at];
        let mutator = Mutator {
            atlas: &self.atlas,
            sampler,
            rows: sampler.rows(),
        };
        let mut session = state.session(task.seed)?;
        let mut draws = Draws::new(seed, &["probe", &task.id]);
        passes(task, &mut session, &mutator, probe, &mut draws)
    }

    /// The position of a state that was made, or is made now.
    fn ground(&mut self, spec: &StateSpec) -> Result<usize, StateError> {
        let known = self
            .grounds
            .iter()
            .position(|(state, _)| state.spec() == spec);
        if let Some(at) = known {
            return Ok(at);
        }
        let state = self.atlas.world.state(spec)?;
        let sampler = Sampler::new(&state)?;
        self.grounds.push((state, sampler));
        Ok(self.grounds.len() - 1)
    }
}

/// What a script does otherwise than gold, in words.
fn difference(gold: &Script, script: &Script) -> String {
    let mut parts = Vec::new();
    let call = |call: &crate::script::ScriptCall| {
        format!("{} {}", call.tool, Value::Object(call.arguments.clone()))
    };
    let kept: Vec<usize> = script.calls.iter().filter_map(|own| own.gold).collect();
    for (at, own) in gold.calls.iter().enumerate() {
        if !kept.contains(&at) {
            parts.push(format!("without {}", call(own)));
        }
    }
    if kept.windows(2).any(|pair| pair[0] > pair[1]) {
        parts.push("calls in another order".to_string());
    }
    for own in &script.calls {
        match own.gold.map(|at| &gold.calls[at]) {
            None => parts.push(format!("also {}", call(own))),
            Some(gold) => {
                for (name, value) in &own.arguments {
                    match gold.arguments.get(name) {
                        Some(wanted) if wanted == value => {}
                        Some(wanted) => {
                            parts.push(format!("{}: {name} {value} instead of {wanted}", own.tool));
                        }
                        None => parts.push(format!("{}: with {name} {value}", own.tool)),
                    }
                }
                if !own.asked {
                    parts.push(format!("{} without the user's yes", own.tool));
                }
            }
        }
    }
    if script.answer != gold.answer {
        parts.push(format!("says {:?}", script.answer));
    }
    if script.outcome != gold.outcome {
        let name = script.outcome.map_or("no outcome", Outcome::name);
        parts.push(format!("states {name}"));
    }
    parts.join("; ")
}
