//! Generates tasks for a world: coverage first, each proven before it ships.

use std::collections::{BTreeMap, BTreeSet};

use practicum_world::{Draws, Sampler, State, StateError, StateSpec, TableKind, World};
use serde::{Deserialize, Serialize};

use crate::atlas::Atlas;
use crate::builder::Dropped;
use crate::chain::Extent;
use crate::coverage::{Coverage, Usage};
use crate::goals::Ground;
use crate::mutate::Mutator;
use crate::namesakes::with_namesakes;
use crate::near::Near;
use crate::prove::{Tally, prove};
use crate::shares::{carried, choosing};
use crate::task::{Kind, Task};

/// How many tasks, of which kinds, on which states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Tasks wanted for each world.
    pub per_world: usize,
    /// Shares of the kinds; they need not sum to one.
    pub kinds: BTreeMap<Kind, f64>,
    /// Most changes of a chain; short ones are commoner.
    pub chain_length: usize,
    /// Shares of the lengths of gold, in calls. Empty: as they come.
    pub lengths: Vec<Length>,
    /// Size of the generated states.
    pub size: String,
    /// Number of states for each world.
    pub states: usize,
    /// Share of the states with namesakes: rows that have the name of another.
    pub namesakes: f64,
    /// Tries for each wanted task before giving up.
    pub tries: usize,
    /// The seed.
    pub seed: u64,
}

/// A share of tasks by the number of their gold calls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Length {
    /// Fewest calls.
    pub least: usize,
    /// Most calls.
    pub most: usize,
    /// The share; shares need not sum to one.
    pub share: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            per_world: 60,
            kinds: BTreeMap::from([
                (Kind::Write, 0.18),
                (Kind::Chain, 0.15),
                (Kind::Lookup, 0.08),
                (Kind::Count, 0.05),
                (Kind::Sum, 0.05),
                (Kind::Compare, 0.05),
                (Kind::Extremum, 0.05),
                (Kind::Conditional, 0.07),
                (Kind::Choice, 0.05),
                (Kind::Incomplete, 0.06),
                (Kind::Reconsidered, 0.06),
                (Kind::Together, 0.04),
                (Kind::Declined, 0.06),
                (Kind::Impossible, 0.05),
            ]),
            chain_length: 5,
            lengths: Vec::new(),
            size: "medium".into(),
            states: 3,
            namesakes: 0.3,
            tries: 12,
            seed: 1,
        }
    }
}

/// What became of the tries for one world, or for many together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Goals that were tried.
    pub tried: usize,
    /// Tasks that were proven.
    pub proven: usize,
    /// Tasks by kind.
    pub kinds: BTreeMap<String, usize>,
    /// Tasks by the number of their gold calls.
    #[serde(default)]
    pub lengths: BTreeMap<usize, usize>,
    /// Goals that were dropped, by reason.
    pub rejected: BTreeMap<String, usize>,
    /// The same by kind.
    #[serde(default)]
    pub rejected_by_kind: BTreeMap<String, BTreeMap<String, usize>>,
    /// The same by the tool, or the table of a question, that they aimed at; not added up over worlds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected_by_aim: BTreeMap<String, BTreeMap<String, usize>>,
    /// Gating mutants killed and survived, of all tasks whose gold passed, before any was dropped.
    pub killed_before: usize,
    /// See `killed_before`.
    pub survived_before: usize,
    /// Acceptance variants that passed and failed, before any task was dropped.
    pub accepted_before: usize,
    /// See `accepted_before`.
    pub refused_before: usize,
    /// Which mutants survived and which variants were refused, by name, before any task was dropped.
    pub failures_before: BTreeMap<String, usize>,
    /// Tasks whose proof failed at first and that were mended, by how.
    #[serde(default)]
    pub mended: BTreeMap<String, usize>,
    /// Mutants killed of the tasks that ship.
    pub killed: usize,
    /// Mutants that survived of the tasks that ship.
    pub survived: usize,
    /// Mutants that never gate: killed, and not, of the tasks that ship.
    pub beyond_killed: usize,
    /// See `beyond_killed`.
    pub beyond_survived: usize,
    /// Acceptance variants that passed of the tasks that ship.
    pub accepted: usize,
    /// Acceptance variants that failed of the tasks that ship.
    pub refused: usize,
    /// What gold uses of the agent's tools.
    #[serde(default)]
    pub coverage: Coverage,
}

impl Report {
    /// Adds another world's.
    pub fn add(&mut self, other: &Self) {
        self.tried += other.tried;
        self.proven += other.proven;
        for (name, count) in &other.kinds {
            *self.kinds.entry(name.clone()).or_default() += count;
        }
        for (length, count) in &other.lengths {
            *self.lengths.entry(*length).or_default() += count;
        }
        for (name, count) in &other.rejected {
            *self.rejected.entry(name.clone()).or_default() += count;
        }
        for (kind, reasons) in &other.rejected_by_kind {
            let own = self.rejected_by_kind.entry(kind.clone()).or_default();
            for (name, count) in reasons {
                *own.entry(name.clone()).or_default() += count;
            }
        }
        self.killed_before += other.killed_before;
        self.survived_before += other.survived_before;
        self.accepted_before += other.accepted_before;
        self.refused_before += other.refused_before;
        for (name, count) in &other.failures_before {
            *self.failures_before.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &other.mended {
            *self.mended.entry(name.clone()).or_default() += count;
        }
        self.killed += other.killed;
        self.survived += other.survived;
        self.beyond_killed += other.beyond_killed;
        self.beyond_survived += other.beyond_survived;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.coverage.add(&other.coverage);
    }

    /// Share of gating mutants that were killed, of the tasks that ship.
    pub fn kill_rate(&self) -> f64 {
        share(self.killed, self.survived)
    }

    /// Share of acceptance variants that passed, of the tasks that ship.
    pub fn acceptance_rate(&self) -> f64 {
        share(self.accepted, self.refused)
    }

    /// Share of gating mutants that were killed before any task was dropped.
    pub fn kill_rate_before(&self) -> f64 {
        share(self.killed_before, self.survived_before)
    }

    /// Share of acceptance variants that passed before any task was dropped.
    pub fn acceptance_rate_before(&self) -> f64 {
        share(self.accepted_before, self.refused_before)
    }

    /// Share of the mutants that never gate that were killed.
    pub fn beyond_kill_rate(&self) -> f64 {
        share(self.beyond_killed, self.beyond_survived)
    }
}

fn share(yes: usize, no: usize) -> f64 {
    if yes + no == 0 {
        1.0
    } else {
        yes as f64 / (yes + no) as f64
    }
}

/// Generates and proves tasks for a world.
///
/// # Errors
/// When a state cannot be made or SQLite fails.
pub fn generate(world: &World, options: &Options) -> Result<(Vec<Task>, Report), StateError> {
    let atlas = Atlas::new(world);
    let mut run = Run {
        world,
        options,
        tasks: Vec::new(),
        report: Report::default(),
        used: BTreeMap::new(),
        proven: BTreeMap::new(),
        seen: BTreeSet::new(),
        lengths: BTreeMap::new(),
        tally: Tally::default(),
        usage: Usage::new(world),
        carried: carried(world),
        near: Near::default(),
    };
    let states = options.states.max(1);
    let mut grounds: Vec<(State, Sampler)> = Vec::new();
    let mut draws = Draws::new(options.seed, &["tasks", world.name()]);
    let plain = states - (options.namesakes.clamp(0.0, 1.0) * states as f64).round() as usize;
    for number in 0..states {
        let spec = StateSpec::generated(&options.size, options.seed.wrapping_add(number as u64));
        let state = if number < plain {
            world.state(&spec)?
        } else {
            with_namesakes(world, &spec, &mut draws)?
        };
        let sampler = Sampler::new(&state)?;
        grounds.push((state, sampler));
    }
    let most = options.per_world * options.tries;
    let mut number = 0;
    while run.tasks.len() < options.per_world && number < most {
        let (state, sampler) = &grounds[number % grounds.len()];
        let seed = options
            .seed
            .wrapping_mul(1_000_003)
            .wrapping_add(number as u64);
        run.one(&atlas, (state, sampler), seed, &mut draws)?;
        number += 1;
    }
    run.report.tried = number;
    run.report.proven = run.tasks.len();
    run.report.killed_before = run.tally.killed;
    run.report.survived_before = run.tally.survived;
    run.report.accepted_before = run.tally.passed;
    run.report.refused_before = run.tally.refused;
    run.report.failures_before = run.tally.names.clone();
    run.report.mended = run.tally.mended.clone();
    for task in &run.tasks {
        *run.report
            .kinds
            .entry(task.kind.name().to_string())
            .or_default() += 1;
        run.report.killed += task.proof.killed;
        run.report.survived += task.proof.survived;
        run.report.accepted += task.proof.accepted;
        run.report.refused += task.proof.refused;
        run.report.beyond_killed += task.proof.beyond_killed;
        run.report.beyond_survived += task.proof.beyond_survived;
    }
    run.report.lengths = run.lengths.clone();
    run.report.coverage = run.usage.coverage().named(world.name());
    Ok((run.tasks, run.report))
}

/// Most calls of gold.
const MOST_CALLS: usize = 20;
/// Tries of which one must have worked.
const IN_VAIN: usize = 16;
/// Calls that any kind of task may have.
const SHORT: usize = 5;

struct Run<'a> {
    world: &'a World,
    options: &'a Options,
    tasks: Vec<Task>,
    report: Report,
    /// How often each tool, or table, was the aim of a goal that was tried.
    used: BTreeMap<(Kind, usize), usize>,
    /// How often it became a task.
    proven: BTreeMap<(Kind, usize), usize>,
    seen: BTreeSet<[u8; 32]>,
    /// Tasks by the number of their gold calls.
    lengths: BTreeMap<usize, usize>,
    tally: Tally,
    usage: Usage,
    carried: BTreeSet<Kind>,
    near: Near,
}

impl Run<'_> {
    fn one(
        &mut self,
        atlas: &Atlas,
        (state, sampler): (&State, &Sampler),
        seed: u64,
        draws: &mut Draws,
    ) -> Result<(), StateError> {
        let length = self.length();
        let kind = self.kind(length, draws);
        let Some(aim) = self.aim(atlas, kind, draws) else {
            self.drop_goal(kind, None, Dropped::NotHere);
            return Ok(());
        };
        *self.used.entry((kind, aim)).or_default() += 1;
        let ground = Ground {
            atlas,
            state,
            sampler,
            usage: &self.usage,
            seed,
        };
        let made = match kind {
            Kind::Write => ground.write(aim, draws)?,
            Kind::Chain => {
                let extent = match length {
                    Some(length) => Extent {
                        changes: usize::MAX,
                        calls: draws.between(length.least as i64, length.most as i64) as usize,
                        most: length.most,
                    },
                    None => Extent {
                        changes: self.changes(draws),
                        calls: usize::MAX,
                        most: MOST_CALLS,
                    },
                };
                ground.chain(aim, extent, draws)?
            }
            Kind::Lookup => ground.lookup(aim, draws)?,
            Kind::Count => ground.count(aim, draws)?,
            Kind::Sum => ground.sum(aim, draws)?,
            Kind::Compare => ground.compare(aim, draws)?,
            Kind::Extremum => ground.extremum(aim, draws)?,
            Kind::Conditional => ground.conditional(aim, draws)?,
            Kind::Choice => ground.choice(aim, draws)?,
            Kind::Incomplete => ground.incomplete(aim, draws)?,
            Kind::Reconsidered => ground.reconsidered(aim, draws)?,
            Kind::Together => ground.together(aim, draws)?,
            Kind::Declined => ground.declined(aim, draws)?,
            Kind::Impossible => ground.impossible(aim, draws)?,
        };
        let mut task = match made {
            Ok(task) => task,
            Err(dropped) => {
                self.drop_goal(kind, Some(aim), dropped);
                return Ok(());
            }
        };
        let print = fingerprint(&task);
        if self.seen.contains(&print) {
            self.drop_goal(kind, Some(aim), Dropped::Duplicate);
            return Ok(());
        }
        if self.near.holds(atlas, &task) {
            self.drop_goal(kind, Some(aim), Dropped::NearDuplicate);
            return Ok(());
        }
        if !self.has_room(task.gold.len()) {
            self.drop_goal(kind, Some(aim), Dropped::Length);
            return Ok(());
        }
        let mutator = Mutator {
            atlas,
            sampler,
            rows: sampler.rows(),
        };
        let mut session = state.session(task.seed)?;
        match prove(&mut task, &mut session, &mutator, &mut self.tally, draws)? {
            Ok(()) => {
                self.seen.insert(print);
                self.usage.note(&task);
                self.near.note(atlas, &task);
                *self.proven.entry((kind, aim)).or_default() += 1;
                *self.lengths.entry(task.gold.len()).or_default() += 1;
                task.id = format!("{}-{:05}", self.world.name(), self.tasks.len());
                self.tasks.push(task);
            }
            Err(dropped) => self.drop_goal(kind, Some(aim), dropped),
        }
        Ok(())
    }

    /// The changes of a chain: each further one is half as likely.
    fn changes(&self, draws: &mut Draws) -> usize {
        let most = self.options.chain_length.max(2);
        let mut changes = 2;
        while changes < most && draws.chance(0.5) {
            changes += 1;
        }
        changes
    }

    /// The length of gold that is the furthest behind its share.
    fn length(&self) -> Option<Length> {
        let behind = |length: &Length| self.wanted_of(length) - self.made_of(length) as f64;
        self.options
            .lengths
            .iter()
            .copied()
            .max_by(|a, b| behind(a).total_cmp(&behind(b)))
    }

    fn wanted_of(&self, length: &Length) -> f64 {
        let sum: f64 = self.options.lengths.iter().map(|own| own.share).sum();
        length.share / sum * self.options.per_world as f64
    }

    fn made_of(&self, length: &Length) -> usize {
        (length.least..=length.most)
            .map(|calls| self.lengths.get(&calls).copied().unwrap_or(0))
            .sum()
    }

    /// True when a task with so many calls is still wanted.
    fn has_room(&self, calls: usize) -> bool {
        let lengths = &self.options.lengths;
        lengths.is_empty()
            || lengths.iter().any(|length| {
                (length.least..=length.most).contains(&calls)
                    && (self.made_of(length) as f64) < self.wanted_of(length).ceil()
            })
    }

    fn drop_goal(&mut self, kind: Kind, aim: Option<usize>, dropped: Dropped) {
        if let Some(aim) = aim {
            let name = if kind.is_question() {
                &self.world.schema().tables[aim].name
            } else {
                &self.world.tools()[aim].name
            };
            let own = self.report.rejected_by_aim.entry(name.clone()).or_default();
            *own.entry(dropped.name().to_string()).or_default() += 1;
        }
        let own = self
            .report
            .rejected_by_kind
            .entry(kind.name().to_string())
            .or_default();
        *own.entry(dropped.name().to_string()).or_default() += 1;
        *self
            .report
            .rejected
            .entry(dropped.name().to_string())
            .or_default() += 1;
    }

    /// A kind that is behind its share, the further the likelier. A kind may use up its share of the tries
    /// and no more; what it leaves open is made up by those that work here.
    fn kind(&self, length: Option<Length>, draws: &mut Draws) -> Kind {
        // Only chains grow that long.
        let chains = self.options.kinds.get(&Kind::Chain).copied();
        if length.is_some_and(|length| length.least > SHORT) && chains > Some(0.0) {
            return Kind::Chain;
        }
        let possible: Vec<(Kind, f64)> = self
            .options
            .kinds
            .iter()
            .filter(|(kind, share)| **share > 0.0 && self.carried.contains(kind))
            .map(|(kind, share)| (*kind, *share))
            .collect();
        let sum: f64 = possible.iter().map(|(_, share)| share).sum();
        let mut behind = Vec::new();
        let mut working = Vec::new();
        for (kind, share) in &possible {
            let wanted = share / sum * self.options.per_world as f64;
            let made = self.made(*kind);
            let tried = self.tried(*kind);
            let hopeless = made == 0 && tried > 80;
            let used_up = tried as f64 >= wanted * self.options.tries as f64;
            behind.push(if hopeless || used_up {
                0.0
            } else {
                (wanted - made as f64).max(0.0)
            });
            working.push(if made > 0 { *share } else { 0.0 });
        }
        let shares = possible.iter().map(|(_, share)| *share).collect();
        // Where nothing works, all kinds that are wanted go on being tried.
        let weights = [behind, working, shares]
            .into_iter()
            .find(|weights| weights.iter().any(|weight| *weight > 0.0));
        weights
            .and_then(|weights| possible.get(draws.weighted(&weights)))
            .map_or(Kind::Lookup, |(kind, _)| *kind)
    }

    fn made(&self, kind: Kind) -> usize {
        self.tasks.iter().filter(|task| task.kind == kind).count()
    }

    fn tried(&self, kind: Kind) -> usize {
        let own = self.used.iter().filter(|((own, _), _)| *own == kind);
        own.map(|(_, count)| count).sum()
    }

    /// The least used tool, or table, that a goal of the kind can aim at.
    fn aim(&self, atlas: &Atlas, kind: Kind, draws: &mut Draws) -> Option<usize> {
        let mut aims: Vec<usize> = match kind {
            _ if kind.is_question() => (0..atlas.readers.len())
                .filter(|table| {
                    !atlas.readers[*table].is_empty()
                        && atlas.schema().tables[*table].kind == TableKind::Table
                })
                .collect(),
            Kind::Together => atlas.users_writes.clone(),
            Kind::Choice => choosing(atlas),
            _ => atlas.writes.clone(),
        };
        draws.shuffle(&mut aims);
        // What hardly ever works is tried now and then, what leaves most pairs of tools open more often;
        // else what has been made least comes first.
        let (explore, connect) = (draws.chance(0.1), draws.chance(0.3));
        let reads = |aim: &usize| atlas.readers[*aim].iter().map(|reader| reader.tool);
        aims.into_iter().min_by_key(|aim| {
            let tried = self.used.get(&(kind, *aim)).copied().unwrap_or(0);
            let made = self.proven.get(&(kind, *aim)).copied().unwrap_or(0);
            let in_vain = tried >= IN_VAIN && made * IN_VAIN <= tried;
            if explore {
                (false, 0, 0, tried)
            } else if connect {
                let open = if kind.is_question() {
                    reads(aim).map(|tool| self.usage.new_pairs_of(tool)).sum()
                } else {
                    self.usage.new_pairs_of(*aim)
                };
                (in_vain, usize::MAX - open, made, tried)
            } else {
                (in_vain, 0, made, tried)
            }
        })
    }
}

/// Two tasks with the same calls on the same state, that end alike, are one.
fn fingerprint(task: &Task) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(task.kind.name().as_bytes());
    hasher.update(&task.state.seed.to_le_bytes());
    for call in &task.gold {
        hasher.update(call.tool.as_bytes());
        let minted: Vec<&str> = call
            .determined
            .iter()
            .filter(|determined| {
                matches!(
                    determined.by,
                    crate::task::Reason::Shown { minted: true, .. }
                )
            })
            .map(|determined| determined.argument.as_str())
            .collect();
        for (name, value) in &call.arguments {
            hasher.update(name.as_bytes());
            if !minted.contains(&name.as_str()) {
                hasher.update(value.to_string().as_bytes());
            }
        }
    }
    for fact in &task.expectation.facts {
        hasher.update(fact.about.as_bytes());
    }
    for slot in &task.slots {
        hasher.update(slot.about.as_bytes());
        hasher.update(slot.value.to_string().as_bytes());
    }
    *hasher.finalize().as_bytes()
}
