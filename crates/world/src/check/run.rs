//! Runs every tool on a generated state, in every way that shows a defect.

use serde_json::{Map, Value};

use super::{Check, CheckOptions, POISONED, example, hostile, writing_step};
use crate::arguments::cut;
use crate::cell::Row;
use crate::diff::RowChange;
use crate::problem::Severity;
use crate::program::Tool;
use crate::reply::{ErrorKind, Reply};
use crate::rng::Draws;
use crate::sample::Sampler;
use crate::session::Session;
use crate::sql::Table;
use crate::state::{State, StateError, StateSpec, all_rows_query};

/// Sessions on which all tools are called in turn.
const WALKS: u64 = 4;
/// Turns on each.
const ROUNDS: usize = 5;

impl Check<'_> {
    pub(super) fn run_on(&mut self, size: &str, options: &CheckOptions) -> Result<(), StateError> {
        let spec = StateSpec::generated(size, options.seed);
        let state = self.world.state(&spec)?;
        let again = self.world.state(&spec)?;
        if state.digest()? != again.digest()? {
            self.problems.error(
                "data.toml",
                format!("size {size}"),
                "the same seed gave two different states",
            );
        }
        let sampler = Sampler::new(&state)?;
        for tool in 0..self.world.tools().len() {
            self.probe(&state, &sampler, tool, options)?;
        }
        self.wander(&state, options)?;
        for tool in 0..self.world.tools().len() {
            self.fuzz(&state, &sampler, tool, options)?;
        }
        self.repeat(&state, &sampler, options)
    }

    /// Calls a tool with arguments found by query.
    fn probe(
        &mut self,
        state: &State,
        sampler: &Sampler,
        at: usize,
        options: &CheckOptions,
    ) -> Result<(), StateError> {
        let tool = &self.world.tools()[at];
        let mut draws = Draws::new(options.seed, &["check", self.world.name(), &tool.name]);
        let mut session = state.session(options.seed)?;
        for attempt in 0..options.tries {
            session.reset(options.seed)?;
            let optional = [0.0, 0.3, 0.7, 1.0][attempt % 4];
            let mut arguments = sampler.arguments(tool, optional, &mut draws);
            if attempt % 4 == 3 {
                estrange(tool, sampler, &mut arguments, attempt / 4, &mut draws);
            }
            let arguments = Value::Object(arguments);
            let reply = session.call_as(tool.actor, &tool.name, &arguments);
            self.look(at, &mut session, &reply, &arguments)?;
            if reply.is_ok() && attempt % 8 == 0 {
                // Once more on the changed state: guards on what was done already fire here.
                let reply = session.call_as(tool.actor, &tool.name, &arguments);
                self.look(at, &mut session, &reply, &arguments)?;
            }
        }
        Ok(())
    }

    /// Calls all tools in turn on one session, with arguments from the rows of now: some tools apply only
    /// to what others have made, and some guards fire only after them.
    fn wander(&mut self, state: &State, options: &CheckOptions) -> Result<(), StateError> {
        let tools = self.world.tools();
        let unseen = |check: &Self, at: usize| {
            let fired = check.fired[at].len() < tools[at].guards.len();
            fired || check.seen[at].success.is_none() || check.tools[at].succeeded == 0
        };
        for walk in 0..WALKS {
            if !(0..tools.len()).any(|at| unseen(self, at)) {
                return Ok(());
            }
            let path = walk.to_string();
            let mut draws = Draws::new(options.seed, &["wander", self.world.name(), &path]);
            let mut session = state.session(options.seed ^ walk)?;
            for _ in 0..ROUNDS {
                // Arguments come from the rows that the round before has left.
                let sampler = Sampler::of_session(&mut session)?;
                for (at, tool) in tools.iter().enumerate() {
                    let calls = match (unseen(self, at), tool.effects.read_only) {
                        (true, _) => 3,
                        (false, false) => 1,
                        (false, true) => 0,
                    };
                    for _ in 0..calls {
                        let arguments = sampler.arguments(tool, draws.unit(), &mut draws);
                        let arguments = Value::Object(arguments);
                        let before = session.diff()?;
                        let reply = session.call_as(tool.actor, &tool.name, &arguments);
                        self.look_since(at, &mut session, &reply, &arguments, &before.changes)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What must hold after a call on a fresh session.
    fn look(
        &mut self,
        at: usize,
        session: &mut Session,
        reply: &Reply,
        arguments: &Value,
    ) -> Result<(), StateError> {
        self.look_since(at, session, reply, arguments, &[])
    }

    /// What must hold after a call before which these rows were changed.
    fn look_since(
        &mut self,
        at: usize,
        session: &mut Session,
        reply: &Reply,
        arguments: &Value,
        before: &[RowChange],
    ) -> Result<(), StateError> {
        let tool = &self.world.tools()[at];
        self.tools[at].tried += 1;
        match &reply.result {
            Err(error) => {
                let place = session.stopped_at();
                match error.kind {
                    ErrorKind::Fault => {
                        self.error(
                            at,
                            &place,
                            format!("the call ended as a fault: {}", error.message),
                            arguments,
                        );
                    }
                    ErrorKind::Refused if error.guard.is_none() => {
                        let message = format!(
                            "no guard foresees this: {}; add a require or reject with a message",
                            error.message
                        );
                        self.note(Severity::Warning, at, &place, &message, arguments);
                    }
                    _ => {}
                }
                self.fired[at].extend(error.guard.filter(|_| !place.is_empty()));
                let seen = &mut self.seen[at].refusals;
                let known = seen.len();
                let key = (place, reply.content());
                if known < 64 || seen.contains_key(&key) {
                    seen.entry(key).or_insert_with(|| (0, arguments.clone())).0 += 1;
                }
            }
            Ok(_) => {
                self.tools[at].succeeded += 1;
                self.seen[at]
                    .success
                    .get_or_insert_with(|| arguments.clone());
                let diff = session.diff()?;
                if diff.changes != before {
                    self.changed[at] = true;
                    // What runs after every call writes where it likes.
                    if tool.effects.read_only && self.world.0.after_call.is_empty() {
                        self.error(
                            at,
                            "",
                            "it is proven read-only but changed the state",
                            arguments,
                        );
                    }
                }
                self.foreign_keys_hold(at, session, arguments)?;
                self.result_meets_output(at, reply, arguments);
            }
        }
        Ok(())
    }

    fn foreign_keys_hold(
        &mut self,
        at: usize,
        session: &mut Session,
        arguments: &Value,
    ) -> Result<(), StateError> {
        let text = "SELECT \"table\", parent FROM pragma_foreign_key_check LIMIT 1";
        if let Some(row) = session.query(text, &[])?.first() {
            let place = writing_step(&self.world.tools()[at].steps).unwrap_or_default();
            let message = format!(
                "a foreign key points nowhere after the call: from {} to {}",
                row[0], row[1]
            );
            self.error(at, &place, message, arguments);
        }
        Ok(())
    }

    fn result_meets_output(&mut self, at: usize, reply: &Reply, arguments: &Value) {
        let tool = &self.world.tools()[at];
        let (Some(value), Ok(output)) = (
            reply.value().filter(|value| !value.is_null()),
            crate::arguments::output_validator(&tool.output),
        ) else {
            return;
        };
        if let Err(error) = output.validate(&value) {
            let path = error.instance_path().to_string();
            let place = format!("output{}", path.replace('/', "."));
            let message = format!(
                "the result does not meet [output]: {}",
                cut(&error.to_string())
            );
            self.error(at, &place, message, arguments);
        }
    }

    /// Calls a tool with hostile arguments: a typed error or a success, never a changed state after an
    /// error, and nothing stored at which another tool breaks.
    fn fuzz(
        &mut self,
        state: &State,
        sampler: &Sampler,
        at: usize,
        options: &CheckOptions,
    ) -> Result<(), StateError> {
        let tool = &self.world.tools()[at];
        let mut draws = Draws::new(options.seed, &["fuzz", self.world.name(), &tool.name]);
        let calls = hostile::hostile(tool, sampler, options.fuzz, &mut draws);
        let mut session = state.session(options.seed)?;
        let untouched = rows_of(&mut session)?;
        let mut failed: Vec<Value> = Vec::new();
        let mut poisoned = 0;
        for arguments in calls {
            let reply = session.call_as(tool.actor, &tool.name, &arguments);
            let kind = reply.result.as_ref().err().map(|error| error.kind);
            if let Err(error) = &reply.result
                && error.kind == ErrorKind::Fault
            {
                let place = session.stopped_at();
                let example = example::smallest(&arguments, |smaller| {
                    session.reset(options.seed).is_ok()
                        && is_fault(&session.call_as(tool.actor, &tool.name, smaller))
                });
                let message = format!("a hostile call ended as a fault: {}", error.message);
                self.error(at, &place, message, &example);
                session.reset(options.seed)?;
            }
            if kind.is_some() {
                if !session.diff()?.is_empty() {
                    self.error(at, "", "a failed call changed the state", &arguments);
                    session.reset(options.seed)?;
                }
                failed.push(arguments);
                continue;
            }
            if !session.diff()?.is_empty() {
                poisoned += 1;
                if poisoned <= POISONED {
                    self.readers(at, &mut session, &arguments, &mut draws)?;
                }
                session.reset(options.seed)?;
            }
        }
        // The log of changed rows says that failed calls changed nothing: so do the rows themselves.
        session.reset(options.seed)?;
        for arguments in &failed {
            session.call_as(tool.actor, &tool.name, arguments);
        }
        if rows_of(&mut session)? != untouched {
            let culprit = failed.iter().find(|arguments| {
                session.reset(options.seed).is_ok()
                    && !session.call_as(tool.actor, &tool.name, arguments).is_ok()
                    && rows_of(&mut session).is_ok_and(|rows| rows != untouched)
            });
            let example = culprit.cloned().unwrap_or_default();
            self.error(at, "", "failed calls changed the state", &example);
        }
        Ok(())
    }

    /// Calls the tools that read what a hostile call has stored: none may break at it.
    fn readers(
        &mut self,
        writer: usize,
        session: &mut Session,
        stored: &Value,
        draws: &mut Draws,
    ) -> Result<(), StateError> {
        let sampler = Sampler::of_session(session)?;
        let tools = self.world.tools();
        let changed = session.diff()?.changes;
        for (at, tool) in tools.iter().enumerate() {
            let reads = |table: usize| {
                tool.effects
                    .reads
                    .iter()
                    .any(|column| column.table == table)
            };
            let about: Vec<_> = changed
                .iter()
                .filter_map(|change| {
                    let table = self.world.schema().table(&change.table)?;
                    let [key] = &change.key[..] else { return None };
                    (change.after.is_some() && reads(table)).then(|| (table, key.clone()))
                })
                .collect();
            if about.is_empty() || !tool.effects.read_only {
                continue;
            }
            let arguments = Value::Object(sampler.arguments_about(tool, 0.0, &about, draws));
            let reply = session.call_as(tool.actor, &tool.name, &arguments);
            if let Err(error) = &reply.result
                && error.kind == ErrorKind::Fault
            {
                let place = session.stopped_at();
                let message = format!(
                    "it ends as a fault on what {} may store: {}; after {}",
                    tools[writer].name,
                    error.message,
                    self.shown(writer, stored)
                );
                self.error(at, &place, message, &arguments);
            }
        }
        Ok(())
    }

    /// The same calls on two sessions give the same bytes.
    fn repeat(
        &mut self,
        state: &State,
        sampler: &Sampler,
        options: &CheckOptions,
    ) -> Result<(), StateError> {
        let mut draws = Draws::new(options.seed, &["repeat", self.world.name()]);
        let mut calls: Vec<(usize, Value)> = Vec::new();
        for _ in 0..3 {
            for (at, tool) in self.world.tools().iter().enumerate() {
                let arguments = sampler.arguments(tool, 0.5, &mut draws);
                calls.push((at, Value::Object(arguments)));
            }
        }
        let mut sessions = [state.session(5)?, state.session(5)?];
        for (at, arguments) in &calls {
            let tool = &self.world.tools()[*at];
            let [first, second] = &mut sessions;
            let replies = [first, second].map(|session| {
                let reply = session.call_as(tool.actor, &tool.name, arguments);
                (reply.content(), session.stopped_at())
            });
            if replies[0] != replies[1] {
                let place = match (&replies[0].1, writing_step(&tool.steps)) {
                    (place, _) if !place.is_empty() => place.clone(),
                    (_, Some(step)) => step,
                    _ => String::new(),
                };
                let message = format!(
                    "two runs gave different replies: {} and {}",
                    cut(&replies[0].0),
                    cut(&replies[1].0)
                );
                self.error(*at, &place, message, arguments);
            }
            let [first, second] = &mut sessions;
            if first.diff()? != second.diff()? {
                let place = writing_step(&tool.steps).unwrap_or_default();
                self.error(
                    *at,
                    &place,
                    "two runs of the same call left different states",
                    arguments,
                );
                return Ok(());
            }
        }
        Ok(())
    }
}

fn is_fault(reply: &Reply) -> bool {
    matches!(&reply.result, Err(error) if error.kind == ErrorKind::Fault)
}

/// All rows of a session, by table.
fn rows_of(session: &mut Session) -> Result<Vec<Vec<Row>>, StateError> {
    let world = session.world().clone();
    let tables = world.schema().tables.iter();
    tables
        .map(|table: &Table| session.query(&all_rows_query(table), &[]))
        .collect()
}

/// Replaces one argument by a value that the state does not hold.
fn estrange(
    tool: &Tool,
    sampler: &Sampler,
    arguments: &mut Map<String, Value>,
    turn: usize,
    draws: &mut Draws,
) {
    let given: Vec<String> = arguments.keys().cloned().collect();
    if let Some(name) = given.get(turn % given.len().max(1))
        && let Some(parameter) = tool
            .parameters()
            .iter()
            .find(|parameter| parameter.name == *name)
    {
        arguments.insert(name.clone(), sampler.stranger(parameter, draws));
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::config::DbConfig;
    use serde_json::json;

    use super::*;
    use crate::files::WorldFiles;
    use crate::world::World;

    /// SQLite holds foreign keys by itself; with that switched off, the checker sees what it would.
    #[test]
    fn a_foreign_key_that_points_nowhere() {
        let mut files = WorldFiles::new();
        files.insert(
            "world.toml",
            "format = 1\nname = \"w\"\ntitle = \"W\"\nclock = \"2026-03-02T09:00:00Z\"",
        );
        files.insert(
            "schema.sql",
            "CREATE TABLE a (id TEXT PRIMARY KEY) STRICT;
             CREATE TABLE b (id TEXT PRIMARY KEY, a_id TEXT NOT NULL REFERENCES a (id)) STRICT;",
        );
        files.insert(
            "tools/add.toml",
            "name = \"add\"\ndescription = \"Adds.\"\n[[step]]\nrun = \"INSERT INTO b VALUES ('b', 'nobody')\"\n[[step]]\nreturn = \"SELECT 1 AS done\"",
        );
        let world = World::from_files(&files).unwrap();
        let state = world.state(&StateSpec::empty()).unwrap();
        let mut session = state.session(1).unwrap();
        assert!(!session.call("add", &json!({})).is_ok());
        let (live, _) = session.parts().unwrap();
        live.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)
            .unwrap();
        let reply = session.call("add", &json!({}));
        assert!(reply.is_ok(), "{}", reply.content());
        let mut check = Check::new(&world);
        check.look(0, &mut session, &reply, &json!({})).unwrap();
        let mut problems = check.problems.0.iter();
        let found = problems.find(|own| own.file == "tools/add.toml").unwrap();
        assert_eq!(found.place, "step 1");
        assert!(found.message.ends_with("from b to a"), "{found}");
    }
}
