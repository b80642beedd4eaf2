//! The rules of a world, compiled.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::format::{BindingFile, PolicyFile, RuleFile, RuleMoment};
use crate::problem::Problems;
use crate::program::{Compiler, LOOK_BACK, Signature, Statement, Tool, ToolRule};
use crate::sql::{AccessLog, ColumnRef, Schema};
use crate::world::World;

const FILE: &str = "policy.toml";

/// A rule that the agent is told to obey.
#[derive(Debug)]
pub struct Rule {
    /// Its short name.
    pub id: String,
    /// Its text, as the agent reads it.
    pub text: String,
    /// Words by which a refusal names it.
    pub keywords: Vec<String>,
    /// The user must agree to each call that it covers.
    pub needs_confirmation: bool,
    /// Positions of the tools that it is bound to; empty for a rule on effects alone.
    pub tools: Vec<usize>,
    /// The effects that it is bound to.
    pub effects: Vec<Effect>,
    pub(crate) on_change: Vec<(Effect, Statement)>,
    /// Its query asks what was called before.
    pub(crate) looks_back: bool,
}

impl Rule {
    /// True when it asks what was called before: with `called`.
    pub fn looks_back(&self) -> bool {
        self.looks_back
    }
}

impl World {
    /// True when a rule asks for the user's agreement before each call of the tool.
    pub fn needs_agreement(&self, tool: &str) -> bool {
        self.rules().iter().any(|rule| {
            rule.needs_confirmation && rule.tools.iter().any(|own| self.tools()[*own].name == tool)
        })
    }
}

/// A change of a row that a rule is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// The table.
    pub table: usize,
    /// The column whose change counts; None for any change of the row.
    pub column: Option<usize>,
}

impl Effect {
    /// True when a change of the column is one that the rule sees.
    fn covers(self, at: ColumnRef) -> bool {
        self.table == at.table && self.column.is_none_or(|column| column == at.column)
    }
}

/// Compiles the rules and binds them to the tools that they cover.
pub(crate) fn compile(
    policy: &PolicyFile,
    schema: &Schema,
    tools: &mut [Tool],
    connection: &Connection,
    log: &AccessLog,
    problems: &mut Problems,
) -> Vec<Rule> {
    let signatures: Vec<Signature> = tools
        .iter()
        .map(|tool| Signature {
            tool: tool.name.clone(),
            parameters: tool
                .parameters()
                .iter()
                .map(|parameter| parameter.name.clone())
                .collect(),
        })
        .collect();
    let mut rules = Vec::new();
    let mut ids = BTreeSet::new();
    for (position, file) in policy.rule.iter().enumerate() {
        let place = format!("rule {:?}", file.id);
        if !ids.insert(&file.id) {
            problems.error(FILE, &place, "two rules have this id");
        }
        if file.text.trim().is_empty() {
            problems.error(FILE, &place, "a rule needs a text: the agent reads it");
        }
        let bindings = bindings(file);
        if bindings
            .iter()
            .any(|binding| binding.tools.is_empty() == binding.on_change.is_none())
        {
            problems.error(
                FILE,
                &place,
                "a rule, and each [[rule.also]], is bound either to tools (tools = [...]) or to an effect (on_change = \"table.column\")",
            );
            continue;
        }
        if file.violated_if.is_none() && !file.needs_confirmation {
            problems.error(
                FILE,
                &place,
                "a rule needs violated_if = \"SELECT ...\" or needs_confirmation = true",
            );
        }
        let mut rule = Rule {
            id: file.id.clone(),
            text: file.text.clone(),
            keywords: file.keywords.clone(),
            needs_confirmation: file.needs_confirmation,
            tools: Vec::new(),
            effects: Vec::new(),
            on_change: Vec::new(),
            looks_back: false,
        };
        let mut context = Context {
            schema,
            connection,
            log,
            problems,
            place: &place,
            signatures: &signatures,
        };
        if file.needs_confirmation && file.on_change.is_some() {
            context.problems.error(
                FILE,
                context.place,
                "a confirmation is asked for a call: bind the rule to tools",
            );
        }
        for binding in &bindings {
            if binding.on_change.is_some() {
                context.on_effect(binding, &mut rule);
            } else {
                context.on_tools(binding, position, tools, &mut rule);
            }
        }
        rules.push(rule);
    }
    dodges(policy, &rules, tools, schema, problems);
    rules
}

/// All bindings of a rule: its own, and those of `also`, which take the rule's query where they have none.
fn bindings(file: &RuleFile) -> Vec<BindingFile> {
    let own = BindingFile {
        tools: file.tools.clone(),
        on_change: file.on_change.clone(),
        violated_if: file.violated_if.clone(),
        when: file.when,
    };
    let also = file.also.iter().map(|binding| BindingFile {
        violated_if: binding
            .violated_if
            .clone()
            .or_else(|| file.violated_if.clone()),
        ..binding.clone()
    });
    std::iter::once(own).chain(also).collect()
}

struct Context<'a> {
    schema: &'a Schema,
    connection: &'a Connection,
    log: &'a AccessLog,
    problems: &'a mut Problems,
    place: &'a str,
    signatures: &'a [Signature],
}

impl Context<'_> {
    fn compiler(&mut self) -> Compiler<'_> {
        Compiler::new(self.schema, self.connection, self.log, self.problems, FILE)
    }

    fn on_effect(&mut self, file: &BindingFile, rule: &mut Rule) {
        let name = file.on_change.as_deref().unwrap_or_default();
        let effect = match name.split_once('.') {
            Some(_) => self.schema.resolve(name).map(|at| Effect {
                table: at.table,
                column: Some(at.column),
            }),
            None => self.schema.table(name).map(|table| Effect {
                table,
                column: None,
            }),
        };
        let Some(effect) = effect else {
            self.problems.error(
                FILE,
                self.place,
                format!("on_change names {name:?}, which is neither a table nor a column"),
            );
            return;
        };
        let columns = &self.schema.tables[effect.table].columns;
        let slots: Vec<String> = columns
            .iter()
            .map(|column| format!("old_{}", column.name))
            .chain(columns.iter().map(|column| format!("new_{}", column.name)))
            .collect();
        if file.when != RuleMoment::Both {
            self.problems.error(
                FILE,
                self.place,
                "`when` belongs to tools: a rule on an effect is put after the call",
            );
        }
        rule.effects.push(effect);
        if let Some(text) = &file.violated_if {
            let (place, signatures) = (self.place, self.signatures);
            if let Some((statement, access)) = self.compiler().rule(place, text, &slots, signatures)
            {
                rule.looks_back |= access.functions.contains(LOOK_BACK);
                rule.on_change.push((effect, statement));
            }
        }
    }

    fn on_tools(
        &mut self,
        file: &BindingFile,
        position: usize,
        tools: &mut [Tool],
        rule: &mut Rule,
    ) {
        for name in &file.tools {
            let Some(at) = tools.iter().position(|tool| tool.name == *name) else {
                self.problems
                    .error(FILE, self.place, format!("there is no tool {name:?}"));
                continue;
            };
            if rule.tools.contains(&at) {
                self.problems
                    .error(FILE, self.place, format!("{name} is bound twice"));
                continue;
            }
            let arguments = tools[at].parameters().len();
            let slots = tools[at].slots[..2 * arguments].to_vec();
            let query = match &file.violated_if {
                None => None,
                Some(text) => {
                    let place = format!("{}, for {name}", self.place);
                    let signatures = self.signatures;
                    match self.compiler().rule(&place, text, &slots, signatures) {
                        Some((statement, access)) => {
                            rule.looks_back |= access.functions.contains(LOOK_BACK);
                            Some(statement)
                        }
                        None => continue,
                    }
                }
            };
            tools[at].rules.push(ToolRule {
                rule: position,
                query,
                before: file.when.before(),
                after: file.when.after(),
            });
            rule.tools.push(at);
        }
    }
}

/// A rule on tools that another tool with the same effect would dodge is no rule.
fn dodges(
    policy: &PolicyFile,
    rules: &[Rule],
    tools: &[Tool],
    schema: &Schema,
    problems: &mut Problems,
) {
    for (rule, file) in rules.iter().zip(&policy.rule) {
        if rule.tools.is_empty() {
            continue;
        }
        let guarded: BTreeSet<ColumnRef> = rule
            .tools
            .iter()
            .filter(|at| !tools[**at].benign)
            .flat_map(|at| own_writes(&tools[*at], schema))
            .filter(|column| !rule.effects.iter().any(|effect| effect.covers(*column)))
            .collect();
        for (at, tool) in tools.iter().enumerate() {
            if rule.tools.contains(&at)
                || tool.benign
                || tool.actor != tools[rule.tools[0]].actor
                || file.exempt.contains(&tool.name)
            {
                continue;
            }
            if let Some(column) = own_writes(tool, schema)
                .into_iter()
                .find(|column| guarded.contains(column))
            {
                problems.error(
                    FILE,
                    format!("rule {:?}", rule.id),
                    format!(
                        "{} writes {} too and is not covered: add it to tools, bind the rule to the effect with on_change, or list it under exempt",
                        tool.name,
                        schema.name(column)
                    ),
                );
            }
        }
        for name in &file.exempt {
            if !tools.iter().any(|tool| tool.name == *name) {
                problems.error(
                    FILE,
                    format!("rule {:?}", rule.id),
                    format!("exempt names {name:?}, which is no tool"),
                );
            }
        }
    }
}

/// The columns that a tool's own statements write; all of a table from which they delete.
fn own_writes(tool: &Tool, schema: &Schema) -> BTreeSet<ColumnRef> {
    let mut columns: BTreeSet<ColumnRef> =
        tool.flow.stores.iter().map(|store| store.column).collect();
    for table in &tool.effects.deletes {
        let count = schema.tables[*table].columns.len();
        columns.extend((0..count).map(|column| ColumnRef {
            table: *table,
            column,
        }));
    }
    columns
}
