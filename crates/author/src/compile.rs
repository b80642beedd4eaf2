//! The spec compiler: a domain of operations becomes the files of a world.

use std::collections::{BTreeMap, BTreeSet};

use practicum_corpus::ToolSpec;
use practicum_world::format::{IdsFile, LimitsFile, PolicyFile, ToolFile, WorldFile};
use practicum_world::{CheckOptions, CheckReport, Severity, World, WorldFiles};
use serde::{Deserialize, Serialize};

use crate::classify::{Class, Classified, classify, noun_facts};
use crate::links;
use crate::operation::Operation;
use crate::plan::Plan;
use crate::words::snake;
use crate::{data, policy, render, resources};

/// What a world must have to be of use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Least confidence of an operation that is taken, 0 to 1.
    pub confidence: f64,
    /// Fewest tools.
    pub min_tools: usize,
    /// Fewest tables.
    pub min_tables: usize,
    /// The clock of the worlds.
    pub clock: String,
    /// Seed of the dynamic check.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            confidence: 0.6,
            min_tools: 5,
            min_tables: 2,
            clock: "2026-03-02T09:00:00Z".into(),
            seed: 1,
        }
    }
}

/// An operation that the compiler left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Uncertain {
    /// The tool spec's id.
    pub tool: String,
    /// Why it was left out.
    pub reason: String,
}

/// What came of a domain.
#[derive(Debug, Clone)]
pub struct Authored {
    /// The world, when there is one.
    pub world: Option<AuthoredWorld>,
    /// Why there is no world.
    pub failure: Option<String>,
    /// Operations that were left out.
    pub uncertain: Vec<Uncertain>,
}

/// A world that passed the checker.
#[derive(Debug, Clone)]
pub struct AuthoredWorld {
    /// Its files, `check.json` among them.
    pub files: WorldFiles,
    /// The world, loaded.
    pub world: World,
    /// What the checker found.
    pub check: CheckReport,
    /// Ids of the tool specs behind its tools.
    pub tools: Vec<String>,
}

/// Compiles a domain. `name` becomes the world's name.
pub fn compile(name: &str, title: &str, tools: &[ToolSpec], options: &Options) -> Authored {
    let mut authored = Authored {
        world: None,
        failure: None,
        uncertain: Vec::new(),
    };
    let mut origin: Vec<usize> = Vec::new();
    let mut operations: Vec<Operation<'_>> = Vec::new();
    for (at, spec) in tools.iter().enumerate() {
        match Operation::read(spec) {
            Ok(operation) => {
                origin.push(at);
                operations.push(operation);
            }
            Err(reason) => authored.leave_out(spec, reason),
        }
    }
    let links = links::separate(&mut operations);
    let facts = noun_facts(&operations);
    let mut classified: BTreeMap<usize, Classified> = BTreeMap::new();
    for (at, operation) in operations.iter().enumerate() {
        match classify(operation, &facts) {
            Ok(found) if found.confidence >= options.confidence => {
                classified.insert(at, found);
            }
            Ok(_) => {
                authored.leave_out(operation.spec, "too little speaks for what it does".into());
            }
            Err(reason) => authored.leave_out(operation.spec, reason),
        }
    }
    let (mut plan, left_out) = resources::plan(&operations, &classified, &facts, &links);
    for (at, reason) in left_out {
        authored.leave_out(operations[at].spec, reason);
    }
    let mut files = write_tools(&mut plan, &operations, &mut authored);
    prune(&mut plan, &mut files, &operations, &mut authored);
    if let Err(reason) = is_enough(&plan, &files, options) {
        authored.failure = Some(reason);
        authored.uncertain.sort();
        return authored;
    }
    check(
        name,
        title,
        &mut plan,
        &mut files,
        &operations,
        options,
        &mut authored,
    );
    authored.uncertain.sort();
    authored
}

impl Authored {
    fn leave_out(&mut self, spec: &ToolSpec, reason: String) {
        self.uncertain.push(Uncertain {
            tool: spec.id.clone(),
            reason,
        });
    }
}

type Written = BTreeMap<usize, ToolFile>;

/// Writes the tools. Columns that a creation cannot give may be NULL; since that shows in every reply,
/// the tools are written again once it is known.
fn write_tools(plan: &mut Plan, operations: &[Operation<'_>], authored: &mut Authored) -> Written {
    let mut written = Written::new();
    for pass in 0..2 {
        written.clear();
        let mut kept = Vec::new();
        let mut relaxed: Vec<(usize, usize)> = Vec::new();
        for tool in std::mem::take(&mut plan.tools) {
            let operation = &operations[tool.operation];
            match render::tool(plan, operation, &tool) {
                Ok((file, columns)) => {
                    relaxed.extend(columns.into_iter().map(|column| (tool.table, column)));
                    written.insert(tool.operation, file);
                    kept.push(tool);
                }
                Err(reason) => authored.leave_out(operation.spec, reason),
            }
        }
        plan.tools = kept;
        if relaxed.is_empty() || pass == 1 {
            break;
        }
        for (table, column) in relaxed {
            plan.tables[table].columns[column].required = false;
        }
    }
    written
}

/// Drops tables that no tool reads, and tools of the same name.
fn prune(
    plan: &mut Plan,
    files: &mut Written,
    operations: &[Operation<'_>],
    authored: &mut Authored,
) {
    let mut names: Vec<String> = Vec::new();
    let mut dropped: Vec<usize> = Vec::new();
    for tool in &plan.tools {
        let name = &files[&tool.operation].name;
        if names.contains(name) {
            dropped.push(tool.operation);
            authored.leave_out(
                operations[tool.operation].spec,
                format!("another tool of the world is called {name}"),
            );
        } else {
            names.push(name.clone());
        }
    }
    loop {
        plan.tools.retain(|tool| !dropped.contains(&tool.operation));
        let read: Vec<bool> = (0..plan.tables.len())
            .map(|at| {
                plan.tools
                    .iter()
                    .any(|tool| tool.table == at && matches!(tool.class, Class::List | Class::Get))
            })
            .collect();
        let before = dropped.len();
        for tool in &plan.tools {
            let link = plan.tables[tool.table].key.len() > 1
                && plan
                    .tools
                    .iter()
                    .any(|other| other.via.as_ref().is_some_and(|via| via.link == tool.table));
            if !read[tool.table] && !link {
                dropped.push(tool.operation);
                authored.leave_out(
                    operations[tool.operation].spec,
                    format!("no tool reads {}", plan.tables[tool.table].name),
                );
            }
        }
        if dropped.len() == before {
            break;
        }
    }
    for operation in &dropped {
        files.remove(operation);
    }
}

fn is_enough(plan: &Plan, files: &Written, options: &Options) -> Result<(), String> {
    let used = used_tables(plan);
    if files.len() < options.min_tools {
        return Err(format!(
            "{} of its operations could be compiled; a world needs {}",
            files.len(),
            options.min_tools
        ));
    }
    if used.len() < options.min_tables {
        return Err(format!(
            "it has {} table(s); a world needs {}",
            used.len(),
            options.min_tables
        ));
    }
    let joined = used.iter().any(|at| {
        plan.tables[*at].columns.iter().any(|column| {
            column
                .references
                .is_some_and(|parent| parent != *at && used.contains(&parent))
        })
    });
    if !joined {
        return Err("no key joins its tables".into());
    }
    let writes = plan
        .tools
        .iter()
        .any(|tool| !matches!(tool.class, Class::List | Class::Get));
    let reads = plan
        .tools
        .iter()
        .any(|tool| matches!(tool.class, Class::List | Class::Get));
    if !writes || !reads {
        return Err("a world needs a tool that reads and one that writes".into());
    }
    Ok(())
}

/// Tables that a tool is about, and those that they refer to.
fn used_tables(plan: &Plan) -> Vec<usize> {
    let mut used: Vec<usize> = plan.tools.iter().map(|tool| tool.table).collect();
    used.extend(
        plan.tools
            .iter()
            .filter_map(|tool| tool.via.as_ref().map(|via| via.link)),
    );
    let mut at = 0;
    while at < used.len() {
        for column in &plan.tables[used[at]].columns {
            if let Some(parent) = column.references
                && !used.contains(&parent)
            {
                used.push(parent);
            }
        }
        at += 1;
    }
    used.sort_unstable();
    used.dedup();
    used
}

/// Keeps the tables that are used, under new positions.
fn compact(plan: &Plan) -> Plan {
    let used = used_tables(plan);
    let place = |at: usize| used.iter().position(|own| *own == at);
    let mut compacted = Plan::default();
    for at in &used {
        let mut table = plan.tables[*at].clone();
        for column in &mut table.columns {
            column.references = column.references.and_then(place);
        }
        table.owner = table.owner.and_then(place);
        compacted.tables.push(table);
    }
    for tool in &plan.tools {
        let mut tool = tool.clone();
        tool.table = place(tool.table).unwrap_or(0);
        if let Some(via) = &mut tool.via {
            via.link = place(via.link).unwrap_or(0);
        }
        compacted.tools.push(tool);
    }
    compacted
}

fn check(
    name: &str,
    title: &str,
    plan: &mut Plan,
    tools: &mut Written,
    operations: &[Operation<'_>],
    options: &Options,
    authored: &mut Authored,
) {
    // A tool that fails the check is dropped, and the rest is tried again.
    for _ in 0..6 {
        let files = write(name, title, plan, tools, operations, options);
        let world = match World::from_files(&files) {
            Ok(world) => world,
            Err(error) => {
                let problems = error.problems();
                let faulty = faulty_tools(problems, tools);
                if faulty.is_empty() {
                    authored.failure = Some(error.to_string());
                    return;
                }
                drop_tools(plan, tools, operations, authored, &faulty);
                if let Err(reason) = is_enough(plan, tools, options) {
                    authored.failure = Some(reason);
                    return;
                }
                continue;
            }
        };
        let report = world.check(&CheckOptions {
            seed: options.seed,
            tries: 40,
            fuzz: 12,
            ..CheckOptions::default()
        });
        if report.passed() {
            let mut files = files;
            files.insert(
                "check.json",
                serde_json::to_string_pretty(&report).unwrap_or_default() + "\n",
            );
            authored.world = Some(AuthoredWorld {
                files,
                world,
                check: report,
                tools: plan
                    .tools
                    .iter()
                    .map(|tool| operations[tool.operation].spec.id.clone())
                    .collect(),
            });
            return;
        }
        let faulty = faulty_tools(&report.problems, tools);
        if faulty.is_empty() {
            let first = report
                .problems
                .iter()
                .find(|problem| problem.severity == Severity::Error);
            authored.failure = first.map(ToString::to_string);
            return;
        }
        drop_tools(plan, tools, operations, authored, &faulty);
        if let Err(reason) = is_enough(plan, tools, options) {
            authored.failure = Some(reason);
            return;
        }
    }
    authored.failure = Some("tools kept failing the check".into());
}

fn faulty_tools(problems: &[practicum_world::Problem], tools: &Written) -> BTreeMap<usize, String> {
    let mut faulty = BTreeMap::new();
    for problem in problems {
        if problem.severity != Severity::Error {
            continue;
        }
        let Some(name) = problem
            .file
            .strip_prefix("tools/")
            .and_then(|rest| rest.strip_suffix(".toml"))
        else {
            continue;
        };
        if let Some((operation, _)) = tools.iter().find(|(_, file)| file.name == name) {
            faulty
                .entry(*operation)
                .or_insert_with(|| problem.message.clone());
        }
    }
    faulty
}

fn drop_tools(
    plan: &mut Plan,
    tools: &mut Written,
    operations: &[Operation<'_>],
    authored: &mut Authored,
    faulty: &BTreeMap<usize, String>,
) {
    for (operation, reason) in faulty {
        tools.remove(operation);
        plan.tools.retain(|tool| tool.operation != *operation);
        authored.leave_out(
            operations[*operation].spec,
            format!("its tool failed the check: {reason}"),
        );
    }
    prune(plan, tools, operations, authored);
}

fn write(
    name: &str,
    title: &str,
    plan: &Plan,
    tools: &Written,
    operations: &[Operation<'_>],
    options: &Options,
) -> WorldFiles {
    let plan = compact(plan);
    let mut files = WorldFiles::new();
    let mut provenance = toml::Table::new();
    provenance.insert("author".into(), "compiler".into());
    let mut sources: Vec<toml::Value> = Vec::new();
    let mut licences: Vec<String> = Vec::new();
    for tool in &plan.tools {
        let source = &operations[tool.operation].spec.source;
        let shown = toml::Value::from(format!("{} {}", source.provider, source.file));
        if !sources.contains(&shown) {
            sources.push(shown);
        }
        let licence = source
            .licence
            .clone()
            .unwrap_or_else(|| "not stated".into());
        if !licences.contains(&licence) {
            licences.push(licence);
        }
    }
    provenance.insert("sources".into(), toml::Value::Array(sources));
    provenance.insert(
        "licences".into(),
        toml::Value::Array(licences.into_iter().map(toml::Value::from).collect()),
    );
    let world = WorldFile {
        format: 1,
        name: name.to_string(),
        title: title.to_string(),
        summary: summary(&plan),
        clock: options.clock.clone(),
        clock_step_s: 0,
        limits: LimitsFile::default(),
        ids: IdsFile::default(),
        roles: BTreeMap::new(),
        tables: BTreeMap::new(),
        after_call: Vec::new(),
        compatibility: practicum_world::format::CompatibilityFile::default(),
        exports: Vec::new(),
        provenance,
    };
    let text = |result: Result<String, toml::ser::Error>| result.unwrap_or_default();
    files.insert("world.toml", text(toml::to_string_pretty(&world)));
    files.insert("schema.sql", render::schema(&plan));
    files.insert(
        "data.toml",
        text(toml::to_string_pretty(&data::data(&plan))),
    );
    let rules = policy::rules(&plan);
    if !rules.is_empty() {
        files.insert(
            "policy.toml",
            text(toml::to_string_pretty(&PolicyFile { rule: rules })),
        );
        files.insert(
            "policy.md",
            format!("You work for {title}. Help the user with the tools that you have. Obey these rules:\n\n{{{{rules}}}}\n"),
        );
    }
    for tool in &plan.tools {
        if let Some(file) = tools.get(&tool.operation) {
            files.insert(
                format!("tools/{}.toml", file.name),
                text(toml::to_string_pretty(file)),
            );
        }
    }
    files
}

fn summary(plan: &Plan) -> String {
    let names: Vec<String> = plan
        .tables
        .iter()
        .map(|table| crate::words::spoken(&table.name))
        .collect();
    match &names[..] {
        [] => String::new(),
        [one] => format!("A world of {one}."),
        [head @ .., last] => format!("A world of {} and {last}.", head.join(", ")),
    }
}

/// Names that worlds may have, one for each text: `[a-z0-9-]`, at most 48 characters, no two alike. A name
/// that an earlier text has taken gets a number behind it.
pub fn world_names<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut names = Vec::new();
    for text in texts {
        let plain = snake(text).replace('_', "-");
        let mut name = cut(&plain, 48);
        let mut number = 1;
        while taken.contains(&name) {
            number += 1;
            let end = format!("-{number}");
            name = cut(&plain, 48 - end.len()) + &end;
        }
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

fn cut(name: &str, length: usize) -> String {
    let mut name = name.to_string();
    name.truncate(length);
    name.trim_matches('-').to_string()
}

#[cfg(test)]
mod tests {
    use super::world_names;

    #[test]
    fn no_two_worlds_have_one_name() {
        let long = "Entitlement Governance Access Package Assignment Requests";
        let names = world_names([
            &format!("{long} A")[..],
            &format!("{long} B"),
            "Shop",
            "shop",
        ]);
        assert_eq!(
            names,
            [
                "entitlement-governance-access-package-assignment",
                "entitlement-governance-access-package-assignme-2",
                "shop",
                "shop-2"
            ]
        );
    }
}
