//! Compiles a tool's steps into programs that a session runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::Value;

use crate::arguments::{ArgumentSchema, Parameter, output_validator};
use crate::format::{Actor, StepFile, ToolFile, Validate};
use crate::problem::Problems;
use crate::reply::{Rows, Shape, rows_of, shape_of};
use crate::sql::{
    Access, AccessLog, ColumnRef, Compare, Environment, Flow, Keyed, Kind, Origins, Parsed,
    ResultField, Schema, Store, TableKind, analyse, literal_calls, parse_program, with_keys,
    written_columns,
};

/// One prepared text with the slots that its parameters take.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) text: Arc<str>,
    /// The slot of each parameter, in SQLite's numbering.
    pub(crate) binds: Vec<usize>,
}

/// One compiled step.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Require {
        guard: usize,
        query: Statement,
        error: Template,
    },
    Reject {
        guard: usize,
        query: Statement,
        columns: Vec<String>,
        error: Template,
    },
    Let {
        query: Statement,
        /// Slots of the query's columns, in order.
        slots: Vec<usize>,
        /// Position of the guard that it is when it has a message.
        guard: usize,
        error: Option<Template>,
    },
    ForEach {
        array: usize,
        element: usize,
        index: usize,
        /// Slots of the element's members.
        members: Vec<(String, usize)>,
        steps: Vec<Step>,
    },
    Run {
        statements: Vec<Statement>,
    },
    Return(Returned),
}

/// The compiled `return` step.
#[derive(Debug, Clone)]
pub(crate) struct Returned {
    pub(crate) query: Statement,
    pub(crate) rows: Rows,
    /// Name and shape of the visible columns; hidden key columns follow them.
    pub(crate) columns: Vec<(String, Shape)>,
    pub(crate) keys: Vec<crate::sql::KeyGroup>,
}

/// An error message with places for bound values: `There is no order {order_id}.`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Slot(usize),
    Column(usize),
}

impl Template {
    /// The message with its places filled in.
    pub(crate) fn fill(
        &self,
        slot: impl Fn(usize) -> String,
        column: impl Fn(usize) -> String,
    ) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(own) => text.push_str(own),
                Part::Slot(at) => text.push_str(&slot(*at)),
                Part::Column(at) => text.push_str(&column(*at)),
            }
        }
        text
    }
}

/// What a tool does to the state, proven from its statements.
#[derive(Debug, Clone, Default)]
pub struct ToolEffects {
    /// Columns that it may read. A superset.
    pub reads: BTreeSet<ColumnRef>,
    /// Columns that it may write: those it updates, and all of a table that it inserts into or deletes
    /// from, triggers and cascades included. A superset.
    pub writes: BTreeSet<ColumnRef>,
    /// Tables it inserts into, updates, deletes from, by its own statements.
    pub inserts: BTreeSet<usize>,
    /// Tables whose rows its own statements update.
    pub updates: BTreeSet<usize>,
    /// Tables from which its own statements delete.
    pub deletes: BTreeSet<usize>,
    /// No table is written, not even by a trigger.
    pub read_only: bool,
}

/// How values flow through a tool.
#[derive(Debug, Clone, Default)]
pub struct ToolFlow {
    /// Arguments compared with columns, in any statement.
    pub compares: Vec<Compare>,
    /// Values stored into columns.
    pub stores: Vec<Store>,
    /// The fields of the result.
    pub results: Vec<ResultField>,
    /// Columns compared with each other.
    pub joins: Vec<(ColumnRef, ColumnRef)>,
}

impl ToolFlow {
    /// The column that an argument stands for: the one it is stored into or compared for equality with.
    /// Keys come before other columns, so that `customer_id` stands for `customers.customer_id`.
    pub fn column_of(&self, argument: &str, schema: &Schema) -> Option<ColumnRef> {
        let equal = self
            .compares
            .iter()
            .filter(|compare| {
                compare.argument == argument && compare.comparison == crate::sql::Comparison::Equal
            })
            .map(|compare| compare.column);
        let stored = self
            .stores
            .iter()
            .filter(|store| store.origins.argument.as_deref() == Some(argument))
            .map(|store| store.column);
        let candidates: Vec<ColumnRef> = equal.chain(stored).collect();
        candidates
            .iter()
            .copied()
            .find(|column| schema.tables[column.table].key.contains(&column.column))
            .or_else(|| {
                candidates
                    .iter()
                    .copied()
                    .find(|column| schema.referenced(*column).is_some())
            })
            .or_else(|| candidates.first().copied())
    }
}

/// A guard of a tool: a query and what it says when it refuses.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Where it stands: `step 2`.
    pub place: String,
    /// A row must be there (`require`, `let`), or no row may be (`reject`).
    pub requires: bool,
    /// The query's text.
    pub query: String,
    /// The message with its places.
    pub error: String,
}

/// A tool, checked and compiled.
#[derive(Debug)]
pub struct Tool {
    /// What a model calls.
    pub name: String,
    /// The file that it is written in: `tools/cancel_order.toml`.
    pub file: String,
    /// What a model reads.
    pub description: String,
    /// Who may call it.
    pub actor: Actor,
    /// JSON Schema of the result.
    pub output: Value,
    /// What it does to the state.
    pub effects: ToolEffects,
    /// How values flow through it.
    pub flow: ToolFlow,
    /// Its guards, in order.
    pub guards: Vec<Guard>,
    /// It writes nothing, or only tables that are logs.
    pub benign: bool,
    pub(crate) arguments: ArgumentSchema,
    pub(crate) steps: Vec<Step>,
    /// Names of the slots: the arguments, then `has_` of each, then, where arguments of any type are
    /// taken, `json_` of each, then what steps bind.
    pub(crate) slots: Vec<String>,
    /// Arguments that some step reads as JSON text: position and slot.
    pub(crate) as_json: Vec<(usize, usize)>,
    pub(crate) rules: Vec<ToolRule>,
    /// It calls `random_int`.
    pub(crate) draws: bool,
}

impl Tool {
    /// JSON Schema of the arguments.
    pub fn input(&self) -> &Value {
        &self.arguments.schema
    }

    /// The parameters, in the order of the schema.
    pub fn parameters(&self) -> &[Parameter] {
        &self.arguments.parameters
    }
}

/// A rule as it applies to one tool.
#[derive(Debug, Clone)]
pub(crate) struct ToolRule {
    /// Position of the rule in the policy.
    pub(crate) rule: usize,
    pub(crate) query: Option<Statement>,
    pub(crate) before: bool,
    pub(crate) after: bool,
}

/// Compiles steps and rules against a schema.
pub(crate) struct Compiler<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) connection: &'a Connection,
    pub(crate) log: &'a AccessLog,
    pub(crate) problems: &'a mut Problems,
    pub(crate) file: String,
    place: String,
    slots: Vec<String>,
    environment: Environment,
    access: Access,
    flow: ToolFlow,
    effects: ToolEffects,
    used: BTreeSet<String>,
    guards: Vec<Guard>,
    returns: usize,
    output: Value,
    /// The tools that a rule may look back at; None for anything but a rule.
    signatures: Option<Vec<Signature>>,
}

/// A tool's name and its parameters' names.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) tool: String,
    pub(crate) parameters: Vec<String>,
}

/// The function by which a rule looks back at earlier calls.
pub(crate) const LOOK_BACK: &str = "called";
/// The function by which a rule asks whether the session made an id.
const MINTED: &str = "minted";
/// Functions that advance the session; a rule only looks at it.
const ADVANCING: [&str; 2] = ["new_id", "random_int"];

impl<'a> Compiler<'a> {
    pub(crate) fn new(
        schema: &'a Schema,
        connection: &'a Connection,
        log: &'a AccessLog,
        problems: &'a mut Problems,
        file: &str,
    ) -> Self {
        Self {
            schema,
            connection,
            log,
            problems,
            file: file.to_string(),
            place: String::new(),
            slots: Vec::new(),
            environment: Environment::new(),
            access: Access::default(),
            flow: ToolFlow::default(),
            effects: ToolEffects::default(),
            used: BTreeSet::new(),
            guards: Vec::new(),
            returns: 0,
            output: Value::Null,
            signatures: None,
        }
    }

    fn error(&mut self, message: impl Into<String>) {
        self.problems
            .error(self.file.clone(), self.place.clone(), message);
    }

    fn warning(&mut self, message: impl Into<String>) {
        self.problems
            .warning(self.file.clone(), self.place.clone(), message);
    }

    /// Compiles a tool. Problems are noted; what comes back is usable only when none of them is an
    /// error.
    pub(crate) fn tool(mut self, tool: &ToolFile, validate: Validate) -> Option<Tool> {
        self.place = "input".into();
        let arguments = match ArgumentSchema::compile(&tool.input, validate == Validate::Lenient) {
            Ok(arguments) => arguments,
            Err(message) => {
                self.error(message);
                return None;
            }
        };
        self.place = "output".into();
        self.output = tool.output.clone();
        if let Err(message) = output_validator(&tool.output) {
            self.error(message);
        }
        self.bind_arguments(&arguments, validate);
        self.check_names(tool, &arguments);
        let problems = self.problems.0.len();
        let steps = self.steps(&tool.step, "");
        // A step that could not be compiled may be the one that uses a parameter.
        let whole = self.problems.0[problems..]
            .iter()
            .all(|problem| problem.severity == crate::problem::Severity::Warning);
        self.place = String::new();
        if self.returns == 0 {
            self.error("no step returns anything; add one with `return = \"SELECT ...\"`");
        }
        for parameter in &arguments.parameters {
            let spellings =
                ["", "has_", "json_"].map(|prefix| format!("{prefix}{}", parameter.name));
            if whole && !spellings.iter().any(|name| self.used.contains(name)) {
                self.place = format!("input.{}", parameter.name);
                self.error(format!(
                    "no step uses :{0}; use it or drop the parameter",
                    parameter.name
                ));
            }
        }
        self.effects.read_only = self.access.writes_nothing();
        let effects = self.finish_effects();
        let as_json = (0..arguments.parameters.len())
            .filter_map(|at| {
                let name = format!("json_{}", arguments.parameters[at].name);
                let slot = self.slots.iter().position(|slot| *slot == name)?;
                (validate == Validate::Lenient && self.used.contains(&name)).then_some((at, slot))
            })
            .collect();
        Some(Tool {
            name: tool.name.clone(),
            file: self.file,
            description: tool.description.clone(),
            actor: tool.actor,
            output: tool.output.clone(),
            effects,
            flow: self.flow,
            guards: self.guards,
            benign: false,
            arguments,
            steps,
            slots: self.slots,
            as_json,
            rules: Vec::new(),
            draws: self.access.functions.contains("random_int"),
        })
    }

    /// Compiles the steps of an `[[after_call]]`: a program without arguments or result. With it come the
    /// names of its slots, and what it stores.
    pub(crate) fn after_call(mut self, steps: &[StepFile]) -> (Vec<Step>, Vec<String>, Vec<Store>) {
        let steps = self.steps(steps, "after_call ");
        if self.returns > 0 {
            self.error("an after_call step returns nothing to anyone; drop its `return`");
        }
        (steps, self.slots, self.flow.stores)
    }

    /// Compiles a rule's query over these slots. It may look back at calls of these tools. None when it
    /// cannot be compiled.
    pub(crate) fn rule(
        mut self,
        place: &str,
        text: &str,
        slots: &[String],
        signatures: &[Signature],
    ) -> Option<(Statement, Access)> {
        self.place = place.to_string();
        self.signatures = Some(signatures.to_vec());
        self.slots = slots.to_vec();
        let parsed = self.parse_one(text, "a rule's violated_if")?;
        if parsed.kind != Kind::Select {
            self.error("violated_if must be a SELECT");
            return None;
        }
        let (statement, _, _) = self.statement(&parsed)?;
        if !self.access.writes_nothing() {
            self.error("violated_if must not write");
            return None;
        }
        for name in ADVANCING {
            // Not from the authorizer: it reports the DEFAULTs of tables that a query only reads.
            if !literal_calls(&parsed.tree, name).is_empty() {
                self.error(format!(
                    "a rule only looks: {name}() would change what the session does next"
                ));
            }
        }
        Some((statement, self.access))
    }

    /// Checks what a statement asks of earlier calls: a misspelt tool would never have been called.
    fn looks_back(&mut self, parsed: &Parsed) -> bool {
        let Some(signatures) = self.signatures.clone() else {
            self.error("called() is for the rules of policy.toml: a tool sees the state alone");
            return false;
        };
        for arguments in literal_calls(&parsed.tree, LOOK_BACK) {
            let [tool, asked @ ..] = &arguments[..] else {
                self.error("called() needs the name of a tool");
                return false;
            };
            let known = tool
                .as_ref()
                .and_then(|tool| signatures.iter().find(|own| own.tool == *tool));
            let Some(signature) = known else {
                self.error(format!(
                    "called() needs the name of a tool in quotes, and {} is none",
                    tool.as_deref().unwrap_or("an expression")
                ));
                return false;
            };
            let pairs = asked.chunks(2).all(|pair| {
                matches!(pair, [Some(argument), _] if signature.parameters.contains(argument))
            });
            if !pairs {
                self.error(format!(
                    "called('{}', ...) takes arguments of the tool, each in quotes and with its value; it has {}",
                    signature.tool,
                    signature.parameters.join(", ")
                ));
                return false;
            }
        }
        true
    }

    fn bind_arguments(&mut self, arguments: &ArgumentSchema, validate: Validate) {
        for parameter in &arguments.parameters {
            self.slots.push(parameter.name.clone());
        }
        for parameter in &arguments.parameters {
            self.slots.push(format!("has_{}", parameter.name));
            self.environment
                .insert(format!("has_{}", parameter.name), Origins::default());
        }
        if validate == Validate::Lenient {
            for parameter in &arguments.parameters {
                self.slots.push(format!("json_{}", parameter.name));
            }
        }
    }

    fn check_names(&mut self, tool: &ToolFile, arguments: &ArgumentSchema) {
        self.place = "name".into();
        if !is_tool_name(&tool.name) {
            self.error(format!(
                "{:?} is no tool name: 1 to 64 letters, digits, _ and - only",
                tool.name
            ));
        } else if !tool
            .name
            .starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        {
            self.error(format!(
                "{:?} begins with neither a letter nor _, which some function-calling APIs refuse",
                tool.name
            ));
        }
        if ["say", "finish", "reset", "step", "state", "close"].contains(&tool.name.as_str()) {
            self.error(format!(
                "{} is the name of an operation of served sessions; choose another",
                tool.name
            ));
        }
        self.place = "description".into();
        let length = tool.description.chars().count();
        if length == 0 {
            self.error("a tool needs a description: it is all that an agent knows of it");
        } else if length > 1_024 {
            self.error(format!(
                "the description has {length} characters; common function-calling APIs take 1,024"
            ));
        }
        for parameter in &arguments.parameters {
            self.place = format!("input.{}", parameter.name);
            if !is_tool_name(&parameter.name) || !is_identifier(&parameter.name) {
                self.error(format!(
                    "{:?} is no parameter name: a letter or _, then letters, digits and _",
                    parameter.name
                ));
            }
            if parameter.name.starts_with("has_") {
                self.error("names that begin with has_ are taken: :has_x is 1 when x was given");
            }
            let name = format!("input.{}", parameter.name);
            self.check_members(&name, &parameter.schema);
        }
    }

    /// Function-calling APIs take names of members of at most 64 letters, digits, `_`, `-` and `.`.
    fn check_members(&mut self, place: &str, schema: &Value) {
        for (name, member) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            self.place = format!("{place}.{}", crate::arguments::cut(name));
            if !is_tool_name(&name.replace('.', "_")) {
                self.warning(
                    "some function-calling APIs refuse this name: 1 to 64 letters, digits, _, - and .",
                );
            }
            self.check_members(&format!("{place}.{name}"), member);
        }
        for inner in ["items", "additionalProperties"] {
            if let Some(schema) = schema.get(inner) {
                self.check_members(&format!("{place}[]"), schema);
            }
        }
    }

    fn finish_effects(&mut self) -> ToolEffects {
        let mut effects = std::mem::take(&mut self.effects);
        let schema = self.schema;
        for (table, column) in &self.access.reads {
            effects.reads.extend(schema.column(table, column));
        }
        for (table, column) in &self.access.updates {
            effects.writes.extend(schema.column(table, column));
        }
        for name in self.access.inserts.iter().chain(&self.access.deletes) {
            if let Some(table) = schema.table(name) {
                let columns = schema.tables[table].columns.len();
                effects
                    .writes
                    .extend((0..columns).map(|column| ColumnRef { table, column }));
            }
        }
        effects
    }

    fn steps(&mut self, steps: &[StepFile], prefix: &str) -> Vec<Step> {
        let mut compiled = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            self.place = format!("{prefix}step {}", at + 1);
            let place = self.place.clone();
            if let Some(step) = self.step(step) {
                compiled.push(step);
            }
            self.place = place;
            if self.returns > 0 && at + 1 < steps.len() && prefix.is_empty() {
                self.error("steps after `return` never run; make it the last one");
                break;
            }
        }
        compiled
    }

    fn step(&mut self, step: &StepFile) -> Option<Step> {
        if step.kinds().iter().filter(|(_, given)| *given).count() != 1 {
            self.error("a step has exactly one of require, reject, let, for_each, run and return");
            return None;
        }
        let guard = step.require.is_some() || step.reject.is_some();
        if step.error.is_some() && !guard && step.bind.is_none() {
            self.error("`error` belongs to require, reject and let");
        }
        if step.query.is_some() != step.bind.is_some() {
            self.error(
                "`let` and `query` belong together: let = \"order\", query = \"SELECT ...\"",
            );
            return None;
        }
        if (!step.step.is_empty() || step.element.is_some()) && step.for_each.is_none() {
            self.error("`as` and inner steps belong to for_each");
        }
        if let Some(text) = &step.require {
            return self.guard(text, step.error.as_deref(), true);
        }
        if let Some(text) = &step.reject {
            return self.guard(text, step.error.as_deref(), false);
        }
        if let (Some(name), Some(text)) = (&step.bind, &step.query) {
            return self.bind(name, text, step.error.as_deref());
        }
        if let Some(array) = &step.for_each {
            return self.for_each(array, step.element.as_deref(), &step.step);
        }
        if let Some(text) = &step.run {
            return self.run(text);
        }
        step.result
            .as_deref()
            .and_then(|text| self.returned(text))
            .map(Step::Return)
    }

    fn parse_one(&mut self, text: &str, what: &str) -> Option<Parsed> {
        match parse_program(text) {
            Err(message) => {
                self.error(message);
                None
            }
            Ok(mut statements) => {
                if statements.len() == 1 {
                    statements.pop()
                } else {
                    self.error(format!("{what} is one statement, not {}", statements.len()));
                    None
                }
            }
        }
    }

    fn query(&mut self, text: &str, what: &str) -> Option<(Parsed, Statement, Flow, Vec<String>)> {
        let parsed = self.parse_one(text, what)?;
        if parsed.kind != Kind::Select {
            self.error(format!("{what} must be a SELECT"));
            return None;
        }
        let (statement, flow, columns) = self.statement(&parsed)?;
        Some((parsed, statement, flow, columns))
    }

    /// Prepares a statement under the authorizer, analyses its flow, and resolves its parameters.
    fn statement(&mut self, parsed: &Parsed) -> Option<(Statement, Flow, Vec<String>)> {
        self.log.take();
        let prepared = self.connection.prepare(&parsed.text);
        let access = self.log.take();
        if let Some(message) = access.refused.first() {
            self.error(message.clone());
            return None;
        }
        if access.functions.contains(LOOK_BACK) && !self.looks_back(parsed) {
            return None;
        }
        if access.functions.contains(MINTED) && self.signatures.is_none() {
            self.error("minted() is for the rules of policy.toml: a tool sees the state alone");
            return None;
        }
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                self.error(format!("SQLite refuses it: {error}"));
                return None;
            }
        };
        if let Some(message) = self.reaches_inside(parsed, &access) {
            self.error(message);
            return None;
        }
        let mut binds = Vec::new();
        for at in 1..=prepared.parameter_count() {
            let name = prepared
                .parameter_name(at)
                .unwrap_or_default()
                .trim_start_matches(':')
                .to_string();
            let Some(slot) = self.slots.iter().position(|slot| *slot == name) else {
                self.error(format!(
                    ":{name} is not bound here; bound are: {}",
                    self.slots
                        .iter()
                        .filter(|slot| !slot.is_empty())
                        .map(|slot| format!(":{slot}"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ));
                return None;
            };
            self.used.insert(name);
            binds.push(slot);
        }
        let columns: Vec<String> = prepared.column_names().map(str::to_string).collect();
        if !prepared.readonly() && parsed.kind == Kind::Select {
            self.error("SQLite says that this SELECT writes");
        }
        let flow = analyse(&parsed.tree, self.schema, &self.environment);
        let written = flow
            .inserts
            .iter()
            .chain(&flow.updates)
            .chain(&flow.deletes);
        for table in written {
            if self.schema.tables[*table].kind == TableKind::FullText {
                // Kept in step by the tools themselves; it follows from other tables.
                continue;
            }
            if parsed.kind == Kind::Select {
                self.error("a query must not write");
            }
        }
        self.effects.inserts.extend(&flow.inserts);
        self.effects.updates.extend(&flow.updates);
        self.effects.deletes.extend(&flow.deletes);
        self.flow.compares.extend(flow.compares.iter().cloned());
        self.flow.stores.extend(flow.stores.iter().cloned());
        self.flow.joins.extend(flow.joins.iter().copied());
        self.access.extend(access);
        Some((
            Statement {
                text: parsed.text.as_str().into(),
                binds,
            },
            flow,
            columns,
        ))
    }

    /// What a statement asks of SQLite's own bookkeeping, in words: tables inside an FTS5 index, rowids of
    /// tables that have another key.
    fn reaches_inside(&self, parsed: &Parsed, access: &Access) -> Option<String> {
        let full_text = |table: &crate::sql::Table| table.kind == TableKind::FullText;
        let named = access
            .reads
            .iter()
            .chain(&access.updates)
            .map(|(table, _)| table)
            .chain(&access.inserts)
            .chain(&access.deletes);
        for name in named {
            let inside = self.schema.tables.iter().find(|table| {
                full_text(table)
                    && name
                        .to_ascii_lowercase()
                        .strip_prefix(&table.name.to_ascii_lowercase())
                        .is_some_and(|rest| {
                            ["_data", "_idx", "_content", "_docsize", "_config"].contains(&rest)
                        })
            });
            if let Some(table) = inside
                && self.schema.table(name).is_none()
            {
                return Some(format!(
                    "{name} belongs to the index {}; use the index itself",
                    table.name
                ));
            }
        }
        let (table, column) = written_columns(&parsed.tree).find_map(|(table, column)| {
            let table = &self.schema.tables[self.schema.table(table)?];
            let rowid = ["rowid", "_rowid_", "oid"]
                .iter()
                .any(|own| column.eq_ignore_ascii_case(own));
            (rowid && !table.rowid_key && !full_text(table) && table.column(column).is_none())
                .then_some((table, column))
        })?;
        Some(format!(
            "{column} is no column of {}: SQLite numbers its rows itself",
            table.name
        ))
    }

    fn template(&mut self, text: &str, columns: &[String]) -> Template {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, after) = rest.split_at(open);
            if !before.is_empty() {
                parts.push(Part::Text(before.to_string()));
            }
            let Some(close) = after.find('}') else {
                parts.push(Part::Text(after.to_string()));
                rest = "";
                break;
            };
            let name = &after[1..close];
            if let Some(at) = columns.iter().position(|column| column == name) {
                parts.push(Part::Column(at));
            } else if let Some(at) = self.slots.iter().position(|slot| slot == name) {
                parts.push(Part::Slot(at));
            } else {
                self.error(format!(
                    "the message names {{{name}}}, which is neither bound nor a column of the query"
                ));
            }
            rest = &after[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_string()));
        }
        Template { parts }
    }

    fn guard(&mut self, text: &str, error: Option<&str>, requires: bool) -> Option<Step> {
        let what = if requires { "require" } else { "reject" };
        let (_, query, _, columns) = self.query(text, what)?;
        let Some(error) = error else {
            self.error("a guard needs a message: error = \"...\"");
            return None;
        };
        let guard = self.note_guard(text, error, requires);
        if requires {
            let error = self.template(error, &[]);
            Some(Step::Require {
                guard,
                query,
                error,
            })
        } else {
            let error = self.template(error, &columns);
            Some(Step::Reject {
                guard,
                query,
                columns,
                error,
            })
        }
    }

    fn note_guard(&mut self, query: &str, error: &str, requires: bool) -> usize {
        self.guards.push(Guard {
            place: self.place.clone(),
            requires,
            query: query.to_string(),
            error: error.to_string(),
        });
        self.guards.len() - 1
    }

    fn bind(&mut self, name: &str, text: &str, error: Option<&str>) -> Option<Step> {
        if !is_identifier(name) {
            self.error(format!(
                "{name:?} is no name: a letter or _, then letters, digits and _"
            ));
            return None;
        }
        let (_, query, flow, columns) = self.query(text, "let")?;
        let guard = match error {
            Some(error) => self.note_guard(text, error, true),
            None => 0,
        };
        let error = error.map(|error| self.template(error, &[]));
        let mut slots = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            let slot = format!("{name}_{column}");
            if !is_identifier(&slot) {
                self.error(format!(
                    "column {} of the query needs a plain name: AS something",
                    at + 1
                ));
            }
            if self.slots.contains(&slot) {
                self.error(format!(":{slot} is bound twice"));
            }
            slots.push(self.slots.len());
            self.slots.push(slot.clone());
            let origins = flow
                .results
                .get(at)
                .map(|field| field.origins.clone())
                .unwrap_or_default();
            self.environment.insert(slot, origins);
        }
        Some(Step::Let {
            query,
            slots,
            guard,
            error,
        })
    }

    fn for_each(&mut self, array: &str, element: Option<&str>, steps: &[StepFile]) -> Option<Step> {
        let Some(position) = self.slots.iter().position(|slot| slot == array) else {
            self.error(format!("for_each = {array:?} names nothing that is bound"));
            return None;
        };
        self.used.insert(array.to_string());
        let element = element.unwrap_or("item");
        if steps.is_empty() {
            self.error("for_each has no inner steps");
            return None;
        }
        let path = self
            .environment
            .get(array)
            .map_or_else(|| Some(array.to_string()), |own| own.argument.clone());
        let mut twice: Option<String> = None;
        let mut add = |name: String, path: Option<String>| {
            let slot = self.slots.len();
            if self.slots.contains(&name) {
                twice = Some(name.clone());
            }
            let origins = path.map_or_else(Origins::default, |path| Origins {
                arguments: BTreeSet::from([path.clone()]),
                argument: Some(path),
                ..Origins::default()
            });
            self.environment.insert(name.clone(), origins);
            self.slots.push(name);
            slot
        };
        let element_path = path.map(|path| format!("{path}[]"));
        let own = add(element.to_string(), element_path.clone());
        let index = add(format!("{element}_index"), None);
        // Members are those that the inner steps name as :element_member.
        let prefix = format!("{element}_");
        let mut members = BTreeSet::new();
        collect_members(steps, &prefix, &mut members);
        let members: Vec<(String, usize)> = members
            .into_iter()
            .filter(|member| member != "index")
            .map(|member| {
                let path = element_path.as_ref().map(|path| format!("{path}.{member}"));
                let slot = add(format!("{prefix}{member}"), path);
                (member, slot)
            })
            .collect();
        if let Some(name) = twice {
            self.error(format!(
                ":{name} is bound already; give the element another name with `as`"
            ));
        }
        let place = format!("{}, inner ", self.place);
        let returns = self.returns;
        let steps = self.steps(steps, &place);
        if self.returns > returns {
            self.error("`return` cannot stand inside for_each");
        }
        // The element's names end with the loop: the next one may use them again.
        for slot in [own, index]
            .into_iter()
            .chain(members.iter().map(|(_, slot)| *slot))
        {
            self.slots[slot].clear();
        }
        Some(Step::ForEach {
            array: position,
            element: own,
            index,
            members,
            steps,
        })
    }

    fn run(&mut self, text: &str) -> Option<Step> {
        let parsed = match parse_program(text) {
            Ok(parsed) => parsed,
            Err(message) => {
                self.error(message);
                return None;
            }
        };
        if parsed.is_empty() {
            self.error("run holds no statement");
        }
        let mut statements = Vec::new();
        for statement in &parsed {
            if statement.kind == Kind::Select {
                self.error("run holds a SELECT, whose result nobody sees; use let or return");
            }
            statements.push(self.statement(statement)?.0);
        }
        Some(Step::Run { statements })
    }

    fn returned(&mut self, text: &str) -> Option<Returned> {
        self.returns += 1;
        let (parsed, plain, flow, names) = self.query(text, "return")?;
        let output = self.output.clone();
        let (rows, members) = rows_of(&output);
        let columns = self.shapes(rows, members, &names);
        self.flow.results = flow
            .results
            .iter()
            .enumerate()
            .map(|(at, field)| ResultField {
                name: names.get(at).cloned().or_else(|| field.name.clone()),
                origins: field.origins.clone(),
            })
            .collect();
        let mut keys = Vec::new();
        let mut query = plain.clone();
        if let Some(Keyed { text, groups }) = with_keys(&parsed.tree, self.schema)
            && let Some(keyed) = self.keyed(&text, &names, &groups)
        {
            query = Statement {
                text: text.into(),
                binds: keyed,
            };
            keys = groups;
        }
        Some(Returned {
            query,
            rows,
            columns,
            keys,
        })
    }

    /// The binds of the query with hidden keys, if SQLite takes it and its visible columns are the same.
    fn keyed(
        &mut self,
        text: &str,
        names: &[String],
        groups: &[crate::sql::KeyGroup],
    ) -> Option<Vec<usize>> {
        let hidden: usize = groups.iter().map(|group| group.columns.max(1)).sum();
        let Ok(prepared) = self.connection.prepare(text) else {
            self.log.take();
            self.warning("its rows cannot be keyed, so no task can ask for what it shows");
            return None;
        };
        self.log.take();
        let columns: Vec<&str> = prepared.column_names().collect();
        if columns.len() != names.len() + hidden || columns.iter().zip(names).any(|(a, b)| a != b) {
            return None;
        }
        (1..=prepared.parameter_count())
            .map(|at| {
                let name = prepared.parameter_name(at)?.trim_start_matches(':');
                self.slots.iter().position(|slot| slot == name)
            })
            .collect()
    }

    fn shapes(
        &mut self,
        rows: Rows,
        members: Option<&Value>,
        names: &[String],
    ) -> Vec<(String, Shape)> {
        if matches!(rows, Rows::Scalar | Rows::Scalars) {
            if names.len() != 1 {
                self.error(format!(
                    "[output] is no object, so the query returns one column, not {}",
                    names.len()
                ));
            }
            let shape = members.map_or(Shape::Plain, shape_of);
            return names
                .iter()
                .map(|name| (name.clone(), shape.clone()))
                .collect();
        }
        let properties = members
            .and_then(|schema| schema.get("properties"))
            .and_then(Value::as_object);
        if let Some(properties) = properties {
            for name in names {
                if !properties.contains_key(name) {
                    self.error(format!("column {name} is no property of [output]"));
                }
            }
            for name in properties.keys() {
                if !names.contains(name) {
                    self.error(format!(
                        "[output] promises {name}, but the query returns no such column"
                    ));
                }
            }
        }
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name) {
                self.error(format!("two columns of the result are called {name}"));
            }
        }
        names
            .iter()
            .map(|name| {
                let shape = properties
                    .and_then(|properties| properties.get(name))
                    .map_or(Shape::Plain, shape_of);
                (name.clone(), shape)
            })
            .collect()
    }
}

/// The members of an element that inner steps name as `:element_member`.
fn collect_members(steps: &[StepFile], prefix: &str, found: &mut BTreeSet<String>) {
    for step in steps {
        let texts = [
            &step.require,
            &step.reject,
            &step.query,
            &step.run,
            &step.result,
        ];
        for text in texts.into_iter().flatten() {
            for part in text.split(':').skip(1) {
                let name: String = part
                    .chars()
                    .take_while(|character| character.is_alphanumeric() || *character == '_')
                    .collect();
                if let Some(member) = name.strip_prefix(prefix) {
                    found.insert(member.to_string());
                }
            }
        }
        if let Some(member) = step
            .for_each
            .as_deref()
            .and_then(|name| name.strip_prefix(prefix))
        {
            found.insert(member.to_string());
        }
        for part in step.error.iter().flat_map(|text| text.split('{').skip(1)) {
            let name = part.split('}').next().unwrap_or_default();
            if let Some(member) = name.strip_prefix(prefix) {
                found.insert(member.to_string());
            }
        }
        collect_members(&step.step, prefix, found);
    }
}

/// `[A-Za-z0-9_-]{1,64}`
pub(crate) fn is_tool_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// A letter or underscore, then letters, digits and underscores.
pub(crate) fn is_identifier(name: &str) -> bool {
    name.bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
