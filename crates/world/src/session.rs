//! A session: one live copy of a world.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::arguments::{ArgumentSchema, MAX_ARGUMENT_BYTES};
use crate::cell::Cell;
use crate::connection::without_budget;
use crate::diff::{Diff, diff_of};
use crate::execute::{Execution, Shown};
use crate::format::{Actor, OnError, OutputStyle, Validate};
use crate::functions::{Changed, LookBack, PastCall};
use crate::instant;
use crate::live::{Live, call_error};
use crate::program::{Tool, ToolRule};
use crate::python;
use crate::reply::{CallError, ErrorKind, Reply};
use crate::snapshot::{Memory, Snapshot, SnapshotError, bring_back};
use crate::state::{State, StateError};
use crate::world::{Inner, World};

/// A rule may take this many times the steps of a call: it sees what the agent cannot, in one query.
const RULE_SHARE: u32 = 10;
/// Replies kept for calls that are sent again with the same request id.
const KEPT_REPLIES: usize = 8;

/// One call of a session's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Who called.
    pub actor: Actor,
    /// The tool's name, as it was given.
    pub tool: String,
    /// The arguments; in canonical form when they were valid.
    pub arguments: Value,
    /// None when it succeeded.
    pub error: Option<ErrorKind>,
    /// Positions of the rules that it violated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<usize>,
    /// Positions of the rules that it would have violated, had it not failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<usize>,
    /// No `[[after_call]]` followed it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

/// One live copy of a world: a state, a clock, a source of ids, a log of calls.
///
/// Calls are serial within a session; sessions are independent of each other.
#[derive(Debug)]
pub struct Session {
    state: State,
    live: Option<Live>,
    seed: u64,
    log: Vec<CallRecord>,
    /// Rows that results showed, with the tool that showed them.
    observed: BTreeSet<(usize, Shown)>,
    /// How often each call to a tool that draws was made.
    occurrences: BTreeMap<[u8; 32], u32>,
    kept: VecDeque<(String, Reply)>,
    slots: Vec<Cell>,
    revision: u64,
    /// Where the last call that reached its steps stopped, if it failed there.
    stopped: Vec<usize>,
}

impl Session {
    pub(crate) fn new(state: State, live: Live, seed: u64) -> Result<Self, rusqlite::Error> {
        let mut session = Self {
            state,
            live: Some(live),
            seed,
            log: Vec::new(),
            observed: BTreeSet::new(),
            occurrences: BTreeMap::new(),
            kept: VecDeque::new(),
            slots: Vec::new(),
            revision: 0,
            stopped: Vec::new(),
        };
        session.start(seed)?;
        Ok(session)
    }

    fn start(&mut self, seed: u64) -> Result<(), rusqlite::Error> {
        self.seed = seed;
        self.revision += 1;
        self.log.clear();
        self.observed.clear();
        self.occurrences.clear();
        self.kept.clear();
        let inner = Arc::clone(&self.state.world().0);
        if let Some(live) = &self.live {
            live.reset()?;
            let mut shared = live.cells.lock();
            shared.now = inner.clock;
            shared.seed = seed;
            shared.id_digits = inner.file.ids.digits;
            shared.counters.clear();
            shared.minted.clear();
            shared.touched.clear();
            shared.changed.clear();
            shared.calls.clear();
            shared.missed.clear();
        }
        Ok(())
    }

    /// Back to the initial state, with a new seed for ids and draws.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn reset(&mut self, seed: u64) -> Result<(), StateError> {
        self.ensure_live()?;
        Ok(self.start(seed)?)
    }

    /// Back to an instant of this or another session of the same initial state.
    ///
    /// # Errors
    /// When SQLite fails, or the snapshot is of another initial state.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<(), StateError> {
        if !self.state.is(snapshot.state()) {
            return Err(StateError::Snapshot(SnapshotError::Foreign(
                "initial state",
            )));
        }
        let content = snapshot.content()?;
        self.ensure_live()?;
        self.start(content.seed)?;
        if let Some(touched) = &content.touched {
            let Some(live) = &self.live else {
                return Ok(());
            };
            if let Err(error) = bring_back(&self.state, live, touched) {
                // Half of a session is none.
                self.start(content.seed)?;
                return Err(error.into());
            }
            let looks_back = self.world().rules().iter().any(|rule| rule.looks_back);
            let mut shared = live.cells.lock();
            shared.changed.clear();
            shared.now = content.now;
            shared.counters = content.counters;
            shared.minted = content.minted;
            if looks_back {
                let made = content.log.iter().filter(|record| record.error.is_none());
                shared.calls = made
                    .filter_map(|record| Some(past_call(self.world().tool(&record.tool)?, record)))
                    .collect();
            }
            drop(shared);
            for record in &content.log {
                self.count(record);
            }
            self.log = content.log;
        } else {
            self.replay(&content.log);
        }
        self.observed = content.observed;
        self.kept = content.kept;
        Ok(())
    }

    /// The connection, and what the session remembers beside it.
    pub(crate) fn parts(&self) -> Result<(&Live, Memory<'_>), StateError> {
        let live = self
            .live
            .as_ref()
            .ok_or(StateError::Sql(rusqlite::Error::InvalidQuery))?;
        let memory = Memory {
            observed: &self.observed,
            kept: &self.kept,
        };
        Ok((live, memory))
    }

    /// The world.
    pub fn world(&self) -> &World {
        self.state.world()
    }

    /// The initial state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The seed of ids and draws.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The session's clock, `YYYY-MM-DDTHH:MM:SSZ`.
    pub fn now(&self) -> String {
        self.live
            .as_ref()
            .map_or_else(String::new, |live| instant::format(live.cells.lock().now))
    }

    /// Ids that `new_id` minted so far, in order.
    pub fn minted(&self) -> Vec<String> {
        self.live.as_ref().map_or_else(Vec::new, |live| {
            let shared = live.cells.lock();
            shared.minted.iter().map(|id| id.id.to_string()).collect()
        })
    }

    /// The step at which the last call stopped that failed in its steps: `step 2, inner step 1`; empty
    /// when it failed elsewhere.
    pub(crate) fn stopped_at(&self) -> String {
        let steps: Vec<String> = self.stopped.iter().map(|at| format!("step {at}")).collect();
        steps.join(", inner ")
    }

    /// All calls so far.
    pub fn log(&self) -> &[CallRecord] {
        &self.log
    }

    /// Rules that were violated so far, by position, in order of first violation.
    pub fn violations(&self) -> Vec<usize> {
        let mut seen = Vec::new();
        for rule in self.log.iter().flat_map(|record| &record.violations) {
            if !seen.contains(rule) {
                seen.push(*rule);
            }
        }
        seen
    }

    /// What rules asked of earlier calls when the last call was made, and did not find: the calls that
    /// would have had to come first.
    pub fn missed(&self) -> Vec<LookBack> {
        self.live
            .as_ref()
            .map_or_else(Vec::new, |live| live.cells.lock().missed.clone())
    }

    /// True when a result of this session showed the row, by a tool for which `shows` holds.
    pub fn has_observed(&self, table: usize, key: &[Cell], shows: impl Fn(&Tool) -> bool) -> bool {
        let tools = self.world().tools();
        self.observed.iter().any(|(tool, (seen, seen_key))| {
            *seen == table && seen_key == key && shows(&tools[*tool])
        })
    }

    /// The agent calls a tool.
    pub fn call(&mut self, tool: &str, arguments: &Value) -> Reply {
        self.call_as(Actor::Agent, tool, arguments)
    }

    /// The agent calls a tool with arguments as JSON text.
    pub fn call_text(&mut self, tool: &str, arguments: &str) -> Reply {
        self.call_text_as(Actor::Agent, tool, arguments)
    }

    /// A party calls a tool with arguments as JSON text.
    pub fn call_text_as(&mut self, actor: Actor, tool: &str, arguments: &str) -> Reply {
        let text = arguments.trim();
        if text.len() > MAX_ARGUMENT_BYTES {
            return self.rejected(
                actor,
                tool,
                Value::Null,
                CallError::limit(format!(
                    "arguments may take {MAX_ARGUMENT_BYTES} bytes, not {}",
                    text.len()
                )),
            );
        }
        if text.is_empty() {
            return self.call_as(actor, tool, &Value::Object(Map::new()));
        }
        match serde_json::from_str::<Value>(text) {
            Ok(arguments) => self.call_as(actor, tool, &arguments),
            Err(error) => self.rejected(
                actor,
                tool,
                Value::String(crate::arguments::cut(text)),
                CallError::new(
                    ErrorKind::InvalidArguments,
                    format!("the arguments are not valid JSON: {error}"),
                ),
            ),
        }
    }

    /// The same as [`Self::call_text_as`], but a call that was already made under this request id is
    /// answered from memory. The last 8 are remembered.
    pub fn call_once(
        &mut self,
        request_id: &str,
        actor: Actor,
        tool: &str,
        arguments: &str,
    ) -> Reply {
        if let Some(reply) = self.kept(request_id) {
            return reply.clone();
        }
        let reply = self.call_text_as(actor, tool, arguments);
        if self.kept.len() == KEPT_REPLIES {
            self.kept.pop_front();
        }
        self.kept.push_back((request_id.to_string(), reply.clone()));
        reply
    }

    /// The reply to a call that was made under this request id, while it is remembered.
    pub fn kept(&self, request_id: &str) -> Option<&Reply> {
        let mut kept = self.kept.iter();
        kept.find(|(id, _)| id == request_id)
            .map(|(_, reply)| reply)
    }

    /// Another one after every call and every return to an earlier instant.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// A party calls a tool.
    pub fn call_as(&mut self, actor: Actor, tool: &str, arguments: &Value) -> Reply {
        self.make_call(actor, tool, arguments, false)
    }

    /// The same as [`Self::call_as`], but no `[[after_call]]` follows: for programs that compare with
    /// another whose gold is replayed so.
    pub fn call_alone(&mut self, actor: Actor, tool: &str, arguments: &Value) -> Reply {
        self.make_call(actor, tool, arguments, true)
    }

    fn make_call(&mut self, actor: Actor, tool: &str, arguments: &Value, alone: bool) -> Reply {
        let world = Arc::clone(&self.state.world().0);
        let position = world
            .by_name
            .get(tool)
            .copied()
            .filter(|at| world.tools[*at].actor == actor);
        if let Some(message) = crate::arguments::too_large(arguments) {
            // Not kept in the log either: a session must be able to write and read its own.
            return self.rejected(actor, tool, Value::Null, CallError::limit(message));
        }
        let Some(position) = position else {
            let known: Vec<&str> = world
                .tools
                .iter()
                .filter(|own| own.actor == actor)
                .map(|own| own.name.as_str())
                .collect();
            let error = CallError::new(
                ErrorKind::NotFound,
                format!(
                    "there is no tool {:?}; there are: {}",
                    crate::arguments::cut(tool),
                    known.join(", ")
                ),
            );
            return self.rejected(actor, tool, arguments.clone(), error);
        };
        let definition = &world.tools[position];
        let canonical = match definition.arguments.check(arguments) {
            Ok(canonical) => canonical,
            Err(message) => {
                let error = CallError::new(ErrorKind::InvalidArguments, message);
                return self.rejected(actor, tool, arguments.clone(), error);
            }
        };
        if let Err(error) = self.ensure_live() {
            let error = CallError::fault(error.to_string());
            return self.rejected(actor, tool, Value::Object(canonical), error);
        }
        self.stopped.clear();
        self.bind(definition, &canonical);
        let longest = world.file.limits.string_bytes as usize;
        let fits = |cell: &Cell| cell.as_text().is_none_or(|text| text.len() <= longest);
        if !self.slots.iter().all(fits) {
            let error = CallError::limit(format!("an argument takes more than {longest} bytes"));
            return self.rejected(actor, tool, Value::Object(canonical), error);
        }
        let mut record = CallRecord {
            actor,
            tool: tool.to_string(),
            arguments: Value::Object(canonical),
            error: None,
            violations: Vec::new(),
            attempts: Vec::new(),
            alone,
        };
        let result = self.transact(&world, position, &mut record);
        record.error = result.as_ref().err().map(|error| error.kind);
        self.log.push(record);
        self.revision += 1;
        Reply { result }
    }

    /// Notes a call that never reached the state.
    fn rejected(&mut self, actor: Actor, tool: &str, arguments: Value, error: CallError) -> Reply {
        self.log.push(CallRecord {
            actor,
            tool: crate::arguments::cut(tool),
            arguments,
            error: Some(error.kind),
            violations: Vec::new(),
            attempts: Vec::new(),
            alone: false,
        });
        self.revision += 1;
        Reply { result: Err(error) }
    }

    pub(crate) fn ensure_live(&mut self) -> Result<(), StateError> {
        if self.live.is_none() {
            self.live = Some(self.state.live()?);
            let seed = self.seed;
            let log = std::mem::take(&mut self.log);
            let observed = std::mem::take(&mut self.observed);
            let kept = std::mem::take(&mut self.kept);
            self.start(seed)?;
            self.replay(&log);
            self.observed = observed;
            self.kept = kept;
        }
        Ok(())
    }

    /// Makes the logged calls again. They are deterministic, so the state is what it was.
    fn replay(&mut self, log: &[CallRecord]) {
        for record in log {
            let keeps = self.world().0.file.compatibility.on_error == OnError::Keep
                && record.error == Some(ErrorKind::Refused);
            if record.error.is_none() || keeps {
                self.make_call(record.actor, &record.tool, &record.arguments, record.alone);
            } else {
                self.count(record);
                self.log.push(record.clone());
            }
        }
    }

    /// Counts a logged call that drew, or failed when it might have: the next one of its kind draws anew.
    fn count(&mut self, record: &CallRecord) {
        let reached = record.arguments.is_object()
            && !matches!(
                record.error,
                Some(ErrorKind::InvalidArguments | ErrorKind::NotFound)
            );
        let draws = |tool: &Tool| tool.draws && tool.actor == record.actor;
        if reached && self.world().tool(&record.tool).is_some_and(draws) {
            call_hash(&mut self.occurrences, record);
        }
    }

    /// Fills the slots of a tool: its arguments, and which of them were given.
    fn bind(&mut self, tool: &Tool, arguments: &Map<String, Value>) {
        self.slots.clear();
        let lenient = self.world().0.file.compatibility.validate == Validate::Lenient;
        for parameter in tool.parameters() {
            let cell = match arguments.get(&parameter.name) {
                Some(value) if lenient && !parameter.takes(value) => Cell::Null,
                _ => ArgumentSchema::cell(parameter, arguments),
            };
            self.slots.push(cell);
        }
        for parameter in tool.parameters() {
            let given = arguments.contains_key(&parameter.name);
            self.slots.push(Cell::Integer(i64::from(given)));
        }
        self.slots.resize(tool.slots.len(), Cell::Null);
        for (at, slot) in &tool.as_json {
            if let Some(value) = arguments.get(&tool.parameters()[*at].name) {
                self.slots[*slot] = Cell::text(value.to_string());
            }
        }
    }

    fn transact(
        &mut self,
        world: &Inner,
        position: usize,
        record: &mut CallRecord,
    ) -> Result<String, CallError> {
        let tool = &world.tools[position];
        let Some(live) = &self.live else {
            return Err(CallError::fault("the session has no connection"));
        };
        let call = (tool.draws).then(|| call_hash(&mut self.occurrences, record));
        let base_slots = self.slots[..2 * tool.parameters().len()].to_vec();
        live.cells.lock().missed.clear();
        let rule_steps = world.file.limits.vm_steps.saturating_mul(RULE_SHARE);
        let before = evaluate_rules(live, &tool.rules, &base_slots, true, rule_steps)?;

        let (touched, minted) = {
            let mut shared = live.cells.lock();
            shared.changed.clear();
            shared.draws = 0;
            if let Some(call) = call {
                shared.call = call;
            }
            (shared.touched.len(), shared.minted.len())
        };
        live.set_budget(world.file.limits.vm_steps);
        // A tool that is proven to write nothing has nothing to roll back.
        let transaction = !tool.effects.read_only || !world.after_call.is_empty();
        if transaction {
            live.simple("SAVEPOINT call")
                .map_err(|error| call_error(&error))?;
        }
        let compatibility = world.file.compatibility;
        let mut execution = Execution {
            live,
            limits: &world.file.limits,
            whole: compatibility.output == OutputStyle::Python,
            slots: &mut self.slots,
            stopped: Vec::new(),
        };
        let result = execution.run(&tool.steps);
        if result.is_err() {
            self.stopped = execution.stopped;
        }
        let result = result.and_then(|outcome| {
            if !record.alone {
                after_call(live, world, record.actor)?;
            }
            let outcome = outcome.unwrap_or_default();
            Ok(outcome)
        });
        let result = result.and_then(|outcome| {
            let json = String::from_utf8(outcome.json)
                .map_err(|_| CallError::fault("a result is not UTF-8"))?;
            let json = match compatibility.output {
                OutputStyle::Json => json,
                OutputStyle::Python => as_python(&json)?,
            };
            Ok((json, outcome.shown))
        });
        // A rule that cannot be put makes the call a failed one, which changes nothing.
        let result = result.and_then(|(json, shown)| {
            let step = i64::from(world.file.clock_step_s);
            let changed = {
                let mut shared = live.cells.lock();
                shared.now += step;
                std::mem::take(&mut shared.changed)
            };
            let judged = evaluate_rules(live, &tool.rules, &base_slots, false, rule_steps)
                .and_then(|after| {
                    Ok((after, evaluate_effects(live, world, &changed, rule_steps)?))
                });
            if judged.is_err() {
                live.cells.lock().now -= step;
            }
            judged.map(|(after, effects)| (json, shown, after, effects))
        });
        match result {
            Ok((json, shown, after, effects)) => {
                without_budget(&live.cells);
                if transaction {
                    live.simple("RELEASE call")
                        .map_err(|error| call_error(&error))?;
                }
                record.violations = before;
                for rule in after.into_iter().chain(effects) {
                    if !record.violations.contains(&rule) {
                        record.violations.push(rule);
                    }
                }
                if world.rules.iter().any(|rule| rule.looks_back) {
                    live.cells.lock().calls.push(past_call(tool, record));
                }
                self.observed
                    .extend(shown.into_iter().map(|row| (position, row)));
                Ok(json)
            }
            Err(error) => {
                record.attempts = before;
                let keep = compatibility.on_error == OnError::Keep
                    && error.kind == ErrorKind::Refused
                    && !live.connection.is_autocommit();
                if keep {
                    without_budget(&live.cells);
                    if transaction {
                        live.simple("RELEASE call")
                            .map_err(|error| call_error(&error))?;
                    }
                    let changed = std::mem::take(&mut live.cells.lock().changed);
                    record.violations = evaluate_effects(live, world, &changed, rule_steps)?;
                } else {
                    self.undo(transaction, touched, minted)?;
                }
                Err(error)
            }
        }
    }

    /// Takes back what a failed call did.
    fn undo(&mut self, transaction: bool, touched: usize, minted: usize) -> Result<(), CallError> {
        let Some(live) = &self.live else {
            return Ok(());
        };
        without_budget(&live.cells);
        if live.connection.is_autocommit() {
            // A limit that strikes inside a write makes SQLite roll back everything, the episode's
            // savepoint included. The calls before this one are deterministic: make them again.
            let log = std::mem::take(&mut self.log);
            let observed = std::mem::take(&mut self.observed);
            let occurrences = std::mem::take(&mut self.occurrences);
            let kept = std::mem::take(&mut self.kept);
            let slots = std::mem::take(&mut self.slots);
            let stopped = std::mem::take(&mut self.stopped);
            self.start(self.seed)
                .map_err(|error| CallError::fault(error.to_string()))?;
            self.replay(&log);
            self.observed = observed;
            self.occurrences = occurrences;
            self.kept = kept;
            self.slots = slots;
            self.stopped = stopped;
            return Ok(());
        }
        if transaction {
            live.simple("ROLLBACK TO call")
                .and_then(|()| live.simple("RELEASE call"))
                .map_err(|error| CallError::fault(error.to_string()))?;
        }
        let mut shared = live.cells.lock();
        shared.touched.truncate(touched);
        let undone = shared.minted.split_off(minted);
        for id in &undone {
            if let Some(counter) = shared.counters.get_mut(id.counter) {
                counter.1 -= 1;
            }
        }
        shared.changed.clear();
        Ok(())
    }

    /// What changed since the initial state.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn diff(&mut self) -> Result<Diff, StateError> {
        self.ensure_live()?;
        let Some(live) = &self.live else {
            return Ok(Diff::default());
        };
        without_budget(&live.cells);
        Ok(diff_of(&self.state, live)?)
    }

    /// Runs a query on the session's state. For the program that embeds worlds; no agent can reach it.
    ///
    /// # Errors
    /// When SQLite refuses the query.
    pub fn query(
        &mut self,
        text: &str,
        parameters: &[Cell],
    ) -> Result<Vec<crate::cell::Row>, StateError> {
        self.ensure_live()?;
        let Some(live) = &self.live else {
            return Ok(Vec::new());
        };
        without_budget(&live.cells);
        let mut statement = live.connection.prepare_cached(text)?;
        let columns = statement.column_count();
        let rows = statement.query_map(rusqlite::params_from_iter(parameters), |row| {
            (0..columns).map(|at| row.get::<_, Cell>(at)).collect()
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            self.state.give_back(live);
        }
    }
}

/// A call as rules look back at it: an argument that was left out has its default.
fn past_call(tool: &Tool, record: &CallRecord) -> PastCall {
    let mut arguments = record.arguments.as_object().cloned().unwrap_or_default();
    for parameter in tool.parameters() {
        if let (Some(default), false) =
            (&parameter.default, arguments.contains_key(&parameter.name))
        {
            arguments.insert(parameter.name.clone(), default.clone());
        }
    }
    PastCall {
        tool: tool.name.as_str().into(),
        arguments: Arc::new(arguments),
    }
}

/// The hash that keys a call's random draws: tool, canonical arguments, and how often this very call
/// was made before. Other calls in between do not matter.
fn call_hash(occurrences: &mut BTreeMap<[u8; 32], u32>, record: &CallRecord) -> [u8; 32] {
    let arguments = crate::equal::canonical_json(&record.arguments).to_string();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(record.tool.len() as u64).to_le_bytes());
    hasher.update(record.tool.as_bytes());
    hasher.update(arguments.as_bytes());
    let own = *hasher.finalize().as_bytes();
    let count = occurrences.entry(own).or_default();
    hasher.update(&count.to_le_bytes());
    *count = count.wrapping_add(1);
    *hasher.finalize().as_bytes()
}

/// A result in Python's spelling; one that is a string, without quotes.
fn as_python(json: &str) -> Result<String, CallError> {
    if json.starts_with('"') {
        serde_json::from_str(json).map_err(|error| CallError::fault(error.to_string()))
    } else {
        python::respell(json).map_err(CallError::fault)
    }
}

fn after_call(live: &Live, world: &Inner, actor: Actor) -> Result<(), CallError> {
    for after in &world.after_call {
        if !after.actors.contains(&actor) {
            continue;
        }
        let mut slots = vec![Cell::Null; after.names.len()];
        Execution {
            live,
            limits: &world.file.limits,
            whole: world.file.compatibility.output == OutputStyle::Python,
            slots: &mut slots,
            stopped: Vec::new(),
        }
        .run(&after.steps)?;
    }
    Ok(())
}

/// The rules on tools that hold at this moment of a call.
fn evaluate_rules(
    live: &Live,
    rules: &[ToolRule],
    slots: &[Cell],
    before: bool,
    steps: u32,
) -> Result<Vec<usize>, CallError> {
    let mut violated = Vec::new();
    for rule in rules {
        let Some(query) = &rule.query else { continue };
        if if before { rule.before } else { rule.after } {
            live.set_budget(steps);
            let found = live
                .prepare(query, slots)
                .and_then(|mut prepared| Ok(prepared.raw_query().next()?.is_some()))
                .map_err(|error| CallError::fault(format!("a rule cannot be put: {error}")))?;
            if found {
                violated.push(rule.rule);
            }
        }
    }
    Ok(violated)
}

/// The rules on effects that the changes of a call violate. Several changes of one row count as one,
/// from its first OLD to its last NEW.
fn evaluate_effects(
    live: &Live,
    world: &Inner,
    changed: &[Changed],
    steps: u32,
) -> Result<Vec<usize>, CallError> {
    let mut violated = Vec::new();
    if changed.is_empty() {
        return Ok(violated);
    }
    for change in net_changes(world, changed) {
        for (position, rule) in world.rules.iter().enumerate() {
            for (effect, query) in &rule.on_change {
                let columns = world.schema.tables[effect.table].columns.len();
                let same = |column: usize| match (&change.old, &change.new) {
                    (Some(old), Some(new)) => old[column] == new[column],
                    _ => false,
                };
                if effect.table != usize::from(change.table)
                    || effect.column.is_some_and(same)
                    || (0..columns).all(same)
                {
                    continue;
                }
                let absent = || vec![Cell::Null; columns];
                let mut slots = change.old.clone().unwrap_or_else(absent);
                slots.extend(change.new.clone().unwrap_or_else(absent));
                live.set_budget(steps);
                let found = live
                    .prepare(query, &slots)
                    .and_then(|mut prepared| Ok(prepared.raw_query().next()?.is_some()))
                    .map_err(|error| CallError::fault(format!("a rule cannot be put: {error}")))?;
                if found && !violated.contains(&position) {
                    violated.push(position);
                }
            }
        }
    }
    Ok(violated)
}

fn net_changes(world: &Inner, changed: &[Changed]) -> Vec<Changed> {
    let key_of = |change: &Changed, row: &[Cell]| -> Vec<Cell> {
        world.schema.tables[usize::from(change.table)]
            .key
            .iter()
            .map(|column| row[*column].clone())
            .collect()
    };
    let mut net: Vec<(u16, Vec<Cell>, Changed)> = Vec::new();
    for change in changed {
        let before = change.old.as_deref().map(|row| key_of(change, row));
        let after = change.new.as_deref().map(|row| key_of(change, row));
        let known = net
            .iter_mut()
            .find(|(table, key, _)| *table == change.table && before.as_ref() == Some(key));
        match known {
            Some((_, key, earlier)) => {
                earlier.new.clone_from(&change.new);
                if let Some(after) = after {
                    *key = after;
                }
            }
            None => {
                let key = before.or(after).unwrap_or_default();
                net.push((change.table, key, change.clone()));
            }
        }
    }
    net.into_iter().map(|(_, _, change)| change).collect()
}
