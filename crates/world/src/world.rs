//! A world: loaded from its files, checked, compiled.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use crate::connection;
use crate::export::{self, Export};
use crate::files::{FilesError, WorldFiles};
use crate::format::{
    Actor, DataFile, FileKind, PolicyFile, TestCase, TestFile, ToolFile, Validate, WorldFile, parse,
};
use crate::functions::{Cells, FIRES, Functions};
use crate::instant;
use crate::policy::{self, Rule};
use crate::problem::{Problem, Problems, Severity};
use crate::program::{Compiler, Step, Tool};
use crate::roles::{self, Role};
use crate::sql::{
    AccessLog, ColumnRef, Parsed, Schema, Store, TableKind, Text, analyse, is_refused_table,
    parse_schema, trigger_cycle, with_condition,
};

/// Tools that common function-calling APIs take.
const MAX_TOOLS: usize = 128;

/// A world, checked and compiled; cheap to clone and shared by all its sessions.
#[derive(Clone)]
pub struct World(pub(crate) Arc<Inner>);

impl std::fmt::Debug for World {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "World({})", self.0.file.name)
    }
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) file: WorldFile,
    pub(crate) clock: i64,
    pub(crate) schema: Schema,
    /// The schema as states are made with it: triggers are silent while rows are brought back.
    pub(crate) schema_sql: Vec<String>,
    /// There is a trigger that could not be made silent.
    pub(crate) loud_triggers: bool,
    pub(crate) tools: Vec<Tool>,
    pub(crate) by_name: BTreeMap<String, usize>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) roles: Vec<Vec<Role>>,
    pub(crate) logs: Vec<bool>,
    pub(crate) after_call: Vec<AfterSteps>,
    pub(crate) exports: Vec<Export>,
    pub(crate) data: DataFile,
    pub(crate) tests: Vec<(String, TestCase)>,
    pub(crate) policy_text: String,
    pub(crate) warnings: Vec<Problem>,
    pub(crate) digest: String,
    pub(crate) functions: Functions,
    /// Statements that a connection of this world may hold prepared.
    pub(crate) statements: usize,
}

/// Compiled steps that follow the successful calls of some actors.
#[derive(Debug)]
pub(crate) struct AfterSteps {
    pub(crate) actors: Vec<Actor>,
    pub(crate) steps: Vec<Step>,
    /// Names of their slots.
    pub(crate) names: Vec<String>,
}

/// Why a world could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its files cannot be read.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Its files are not a valid world.
    #[error("the world has {} error(s); the first: {}", .0.iter().filter(|problem| problem.severity == Severity::Error).count(), .0.iter().find(|problem| problem.severity == Severity::Error).map_or_else(String::new, ToString::to_string))]
    Invalid(Vec<Problem>),
}

impl LoadError {
    /// The findings, when the files could be read.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Files(_) => &[],
            Self::Invalid(problems) => problems,
        }
    }
}

impl World {
    /// Loads, checks and compiles the world in a folder.
    ///
    /// # Errors
    /// When the folder cannot be read or holds no valid world; the error lists every finding.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        Self::from_files(&WorldFiles::read(folder)?)
    }

    /// Checks and compiles a world that is held in memory.
    ///
    /// # Errors
    /// [`LoadError::Invalid`] with every finding.
    pub fn from_files(files: &WorldFiles) -> Result<Self, LoadError> {
        Self::with_functions(files, Functions::default())
    }

    /// The same, with pure functions of the embedding program that the world's SQL may call.
    ///
    /// # Errors
    /// [`LoadError::Invalid`] with every finding.
    pub fn with_functions(files: &WorldFiles, functions: Functions) -> Result<Self, LoadError> {
        let mut problems = Problems::default();
        let inner = compile(files, functions, &mut problems);
        match inner {
            Some(mut inner) if !problems.has_errors() => {
                inner.warnings = problems.0;
                Ok(Self(Arc::new(inner)))
            }
            _ => Err(LoadError::Invalid(problems.0)),
        }
    }

    /// The short name.
    pub fn name(&self) -> &str {
        &self.0.file.name
    }

    /// `world.toml` as it was written.
    pub fn file(&self) -> &WorldFile {
        &self.0.file
    }

    /// A hash over the world's files.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// The tables.
    pub fn schema(&self) -> &Schema {
        &self.0.schema
    }

    /// All tools, in the order of their files.
    pub fn tools(&self) -> &[Tool] {
        &self.0.tools
    }

    /// The tools that a party may call.
    pub fn tools_of(&self, actor: Actor) -> impl Iterator<Item = &Tool> {
        self.0.tools.iter().filter(move |tool| tool.actor == actor)
    }

    /// A tool by its name.
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.0.by_name.get(name).map(|at| &self.0.tools[*at])
    }

    /// The rules of the policy.
    pub fn rules(&self) -> &[Rule] {
        &self.0.rules
    }

    /// The policy as an agent reads it, `{{rules}}` expanded; empty when there is none.
    pub fn policy_text(&self) -> &str {
        &self.0.policy_text
    }

    /// How a column is compared.
    pub fn role(&self, column: ColumnRef) -> Role {
        self.0.roles[column.table][column.column]
    }

    /// True for tables that are logs, or follow from others: not compared.
    pub fn is_log(&self, table: usize) -> bool {
        self.0.logs[table]
    }

    /// What the checker found that does not stop the world from being used.
    pub fn warnings(&self) -> &[Problem] {
        &self.0.warnings
    }

    /// The data-file tests with their files; a file may hold several.
    pub fn tests(&self) -> &[(String, TestCase)] {
        &self.0.tests
    }

    /// The data generator's description.
    pub fn data(&self) -> &DataFile {
        &self.0.data
    }

    /// The clock at which sessions start, `YYYY-MM-DDTHH:MM:SSZ`.
    pub fn clock(&self) -> String {
        instant::format(self.0.clock)
    }
}

fn compile(files: &WorldFiles, functions: Functions, problems: &mut Problems) -> Option<Inner> {
    let Some(text) = files.get("world.toml") else {
        problems.error(
            "world.toml",
            "",
            "there is no such file; a world's folder holds world.toml, schema.sql, tools/ and data.toml",
        );
        return None;
    };
    let file: WorldFile = parse("world.toml", text, problems)?;
    let clock = check_world_file(&file, problems);
    if let Some(name) = functions.taken() {
        let message = format!("the program registers {name}(), which is a function of the engine");
        problems.error("", "", message);
        return None;
    }

    let cells = Arc::new(Cells::default());
    connection::set_budget(&cells, connection::LOADING_STEPS);
    let opened = connection::open(&cells, &functions, &file.limits).and_then(|mut connection| {
        let log = AccessLog::install(&mut connection)?;
        Ok((connection, log))
    });
    let (connection, log) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            problems.error("", "", format!("SQLite cannot be opened: {error}"));
            return None;
        }
    };
    for (path, _) in files.iter() {
        let kind = Path::new(path).extension().and_then(|own| own.to_str());
        let read = path == "schema.sql" || FileKind::of_path(path).is_some();
        if matches!(kind, Some("toml" | "sql")) && !read {
            problems.warning(path, "", "no file of a world has this name; it is not read");
        }
    }
    let (schema, statements) = load_schema(files, &connection, &log, problems)?;
    let logs = table_kinds(&file, &schema, problems);

    let mut tools = load_tools(
        files,
        &schema,
        &connection,
        &log,
        file.compatibility.validate,
        problems,
    );
    let exports = export::compile(&file.exports, &schema, &connection, &log, problems);
    for tool in &mut tools {
        let written = tool.effects.writes.iter().map(|column| column.table);
        tool.benign = tool.effects.read_only || written.into_iter().all(|table| logs[table]);
    }
    let mut by_name = BTreeMap::new();
    for (at, tool) in tools.iter().enumerate() {
        if by_name.insert(tool.name.clone(), at).is_some() {
            problems.error("tools", "", format!("two tools are called {:?}", tool.name));
        }
    }
    if tools.is_empty() {
        problems.error("tools", "", "a world needs at least one tool");
    }
    for actor in [Actor::Agent, Actor::User] {
        let count = tools.iter().filter(|tool| tool.actor == actor).count();
        if count > MAX_TOOLS {
            problems.warning(
                "tools",
                "",
                format!(
                    "{count} tools for one party; common function-calling APIs take {MAX_TOOLS}"
                ),
            );
        }
    }

    // What is stored by no tool: by what runs after calls, by triggers.
    let mut other_stores: Vec<Store> = Vec::new();
    let mut after_call = Vec::new();
    for steps in &file.after_call {
        let compiler = Compiler::new(&schema, &connection, &log, problems, "world.toml");
        let (compiled, names, stores) = compiler.after_call(&steps.step);
        after_call.push(AfterSteps {
            actors: steps.actors.clone(),
            steps: compiled,
            names,
        });
        other_stores.extend(stores);
    }

    for statement in &statements {
        other_stores.extend(analyse(&statement.tree, &schema, &BTreeMap::new()).stores);
    }
    let roles = roles::derive(
        &schema,
        &tools,
        &other_stores,
        &file.roles,
        file.clock_step_s > 0,
        problems,
    );
    references(&schema, &tools, problems);

    let policy: PolicyFile = files.get("policy.toml").map_or_else(
        || Some(PolicyFile::default()),
        |text| parse("policy.toml", text, problems),
    )?;
    let rules = policy::compile(&policy, &schema, &mut tools, &connection, &log, problems);
    let policy_text = expand_policy(files.get("policy.md"), &rules, problems);

    let data: DataFile = files.get("data.toml").map_or_else(
        || Some(DataFile::default()),
        |text| parse("data.toml", text, problems),
    )?;
    if files.get("data.toml").is_none() {
        problems.warning(
            "data.toml",
            "",
            "there is no such file: generated states have no rows, so no tasks can be made",
        );
    }
    crate::generate::check(&data, &schema, &connection, &log, problems);

    let mut tests = Vec::new();
    for (path, text) in files.below("tests/", ".toml") {
        if let Some(test) = parse::<TestFile>(path, text, problems) {
            match test.into_cases() {
                Ok(cases) => {
                    tests.extend(cases.into_iter().map(|case| (path.to_string(), case)));
                }
                Err(message) => problems.error(path, "", message),
            }
        }
    }

    // Each tool's statements, the rules', savepoints, and for each table the look-up of rows by key and
    // what a snapshot reads and writes.
    let after_calls = after_call
        .iter()
        .map(|after: &AfterSteps| count_statements(&after.steps));
    let statements_held = tools
        .iter()
        .map(|tool| count_statements(&tool.steps) + 2 * tool.rules.len())
        .chain(after_calls)
        .sum::<usize>()
        + 12 * schema.tables.len()
        + rules.len()
        + 16;
    let mut loud_triggers = false;
    let schema_sql = statements
        .into_iter()
        .map(|statement| match with_condition(&statement, FIRES) {
            Some(text) => text,
            None => {
                loud_triggers |= statement.is_trigger();
                statement.text
            }
        })
        .collect();
    Some(Inner {
        clock,
        schema_sql,
        loud_triggers,
        schema,
        tools,
        by_name,
        rules,
        roles,
        logs,
        after_call,
        exports,
        data,
        tests,
        policy_text,
        warnings: Vec::new(),
        digest: files.digest(),
        functions,
        statements: statements_held,
        file,
    })
}

fn count_statements(steps: &[Step]) -> usize {
    steps
        .iter()
        .map(|step| match step {
            Step::Run { statements } => statements.len(),
            Step::ForEach { steps, .. } => count_statements(steps),
            _ => 1,
        })
        .sum()
}

fn check_world_file(file: &WorldFile, problems: &mut Problems) -> i64 {
    const FILE: &str = "world.toml";
    if file.format != 1 {
        problems.error(
            FILE,
            "format",
            format!("this program reads format 1, not {}", file.format),
        );
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if file.name.is_empty() || file.name.len() > 64 || !file.name.bytes().all(plain) {
        problems.error(FILE, "name", "1 to 64 of a-z, 0-9 and -");
    }
    if !(2..=15).contains(&file.ids.digits) {
        problems.error(FILE, "ids.digits", "2 to 15");
    }
    let limits = &file.limits;
    if limits.vm_steps < 1_000 || limits.string_bytes < 1_024 || limits.string_bytes > 16 << 20 {
        problems.error(
            FILE,
            "limits",
            "vm_steps is at least 1,000, string_bytes 1,024 to 16,777,216",
        );
    }
    // What one call may use, no world may set beyond what a machine bears.
    for (name, value, least, most) in [
        ("vm_steps", limits.vm_steps, 1_000, 100_000_000),
        ("rows", limits.rows, 1, 1_000_000),
        ("reply_bytes", limits.reply_bytes, 1_024, 64 << 20),
        ("pages", limits.pages, 64, 4 << 20),
    ] {
        if !(least..=most).contains(&value) {
            problems.error(
                FILE,
                format!("limits.{name}"),
                format!("{value} is outside {least} to {most}"),
            );
        }
    }
    instant::parse(&file.clock).unwrap_or_else(|| {
        problems.error(
            FILE,
            "clock",
            format!(
                "{:?} is no instant such as 2026-03-02T09:00:00Z",
                file.clock
            ),
        );
        0
    })
}

fn load_schema(
    files: &WorldFiles,
    connection: &Connection,
    log: &AccessLog,
    problems: &mut Problems,
) -> Option<(Schema, Vec<Parsed>)> {
    const FILE: &str = "schema.sql";
    let Some(text) = files.get(FILE) else {
        problems.error(FILE, "", "there is no such file");
        return None;
    };
    let statements = match parse_schema(text) {
        Ok(statements) => statements,
        Err(fault) => {
            problems.error(
                FILE,
                format!("statement {}", fault.statement),
                fault.message,
            );
            return None;
        }
    };
    log.expect(Text::Schema);
    for (at, statement) in statements.iter().enumerate() {
        let place = format!("statement {}", at + 1);
        log.take();
        let result = connection.execute_batch(&statement.text);
        let access = log.take();
        if let Some(message) = access.refused.first() {
            problems.error(FILE, place, message.clone());
            return None;
        }
        if let Err(error) = result {
            problems.error(FILE, place, error.to_string());
            return None;
        }
    }
    if let Some(tables) = trigger_cycle(&statements) {
        problems.error(
            FILE,
            "",
            format!("triggers form a cycle: {}", tables.join(" -> ")),
        );
    }
    log.expect(Text::Engine);
    let schema = Schema::read(connection, &statements);
    log.expect(Text::Program);
    match schema {
        Ok(schema) => {
            for (at, table) in schema.tables.iter().enumerate() {
                if schema.table(&table.name) != Some(at) {
                    problems.error(FILE, &table.name, "two tables have this name");
                }
                if is_refused_table(&table.name)
                    || ["json_each", "json_tree"].contains(&table.name.to_lowercase().as_str())
                {
                    problems.error(FILE, &table.name, "the name is taken by the engine");
                }
            }
            Some((schema, statements))
        }
        Err(fault) => {
            problems.error(FILE, "", fault.to_string());
            None
        }
    }
}

fn table_kinds(file: &WorldFile, schema: &Schema, problems: &mut Problems) -> Vec<bool> {
    let mut logs: Vec<bool> = schema
        .tables
        .iter()
        .map(|table| table.kind == TableKind::FullText)
        .collect();
    for (name, table) in &file.tables {
        match schema.table(name) {
            Some(at) => {
                logs[at] |= table.log;
                if table.group.as_ref().is_some_and(String::is_empty) {
                    problems.error(
                        "world.toml",
                        format!("tables.{name}"),
                        "a group needs a name",
                    );
                }
            }
            None => problems.error(
                "world.toml",
                format!("tables.{name}"),
                "there is no such table",
            ),
        }
    }
    logs
}

fn load_tools(
    files: &WorldFiles,
    schema: &Schema,
    connection: &Connection,
    log: &AccessLog,
    validate: Validate,
    problems: &mut Problems,
) -> Vec<Tool> {
    let mut tools = Vec::new();
    for (path, text) in files.below("tools/", ".toml") {
        let Some(file) = parse::<ToolFile>(path, text, problems) else {
            continue;
        };
        let compiler = Compiler::new(schema, connection, log, problems, path);
        tools.extend(compiler.tool(&file, validate));
    }
    tools
}

/// Columns that statements join but no foreign key connects.
fn references(schema: &Schema, tools: &[Tool], problems: &mut Problems) {
    let mut seen = std::collections::BTreeSet::new();
    for tool in tools {
        for (a, b) in &tool.flow.joins {
            // A full-text table cannot have foreign keys.
            let full_text = |at: ColumnRef| schema.tables[at.table].kind == TableKind::FullText;
            if schema.root(*a) == schema.root(*b)
                || a.table == b.table
                || full_text(*a)
                || full_text(*b)
            {
                continue;
            }
            let key = |at: ColumnRef| schema.tables[at.table].key == [at.column];
            if (key(*a) || key(*b)) && seen.insert((*a, *b)) {
                let refers = if key(*a) { *b } else { *a };
                problems.warning(
                    "schema.sql",
                    schema.name(refers),
                    format!(
                        "{} joins {} with {}, but no foreign key connects them; without one, ids are not followed",
                        tool.name,
                        schema.name(*a),
                        schema.name(*b)
                    ),
                );
            }
        }
    }
}

fn expand_policy(text: Option<&str>, rules: &[Rule], problems: &mut Problems) -> String {
    let listed: String = rules
        .iter()
        .map(|rule| format!("- {}\n", rule.text.trim()))
        .collect();
    match text {
        None => listed,
        Some(text) => {
            if !rules.is_empty() && !text.contains("{{rules}}") {
                problems.error(
                    "policy.md",
                    "",
                    "the rules of policy.toml are not shown to the agent: write {{rules}} where they belong",
                );
            }
            text.replace("{{rules}}", listed.trim_end())
        }
    }
}
