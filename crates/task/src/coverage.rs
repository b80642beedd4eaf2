//! What gold uses of a world: its tools, and the pairs of tools that data flows between.

use std::collections::{BTreeMap, BTreeSet};

use practicum_world::{Actor, ColumnRef, Schema, TableKind, Tool, World};
use serde::{Deserialize, Serialize};

use crate::atlas::Atlas;
use crate::reach::out_of_reach;
use crate::task::{Reason, Task};

/// How much of a world's tools some gold uses.
///
/// Two tools are connected when a field that the first returns and an argument that the second takes stand
/// for the key of one table, by what their statements say; what the first deletes does not count. A pair is
/// used when, in some gold, the second is called with a key that an earlier call of the first has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Tools of the agent.
    pub tools: usize,
    /// Of these, tools in some gold.
    pub tools_used: usize,
    /// Connected pairs of tools of the agent.
    pub pairs: usize,
    /// Of these, pairs in some gold.
    pub pairs_used: usize,
    /// Tools that can be in no gold, with the reason.
    pub out_of_reach: BTreeMap<String, String>,
    /// Connected pairs of which a tool is out of reach.
    pub pairs_out_of_reach: usize,
    /// Tools that could be in some gold and are in none.
    pub unused: Vec<String>,
    /// Connected pairs that could be in some gold and are in none, by whether the first and the second
    /// write: `write-read`.
    pub pairs_unused: BTreeMap<String, usize>,
}

impl Coverage {
    /// Of tasks of a world.
    pub fn of<'a>(world: &World, tasks: impl IntoIterator<Item = &'a Task>) -> Self {
        let mut usage = Usage::new(world);
        for task in tasks {
            usage.note(task);
        }
        usage.coverage()
    }

    /// Adds that of another world. Names of tools are not kept.
    pub fn add(&mut self, other: &Self) {
        self.tools += other.tools;
        self.tools_used += other.tools_used;
        self.pairs += other.pairs;
        self.pairs_used += other.pairs_used;
        self.pairs_out_of_reach += other.pairs_out_of_reach;
        for (tool, reason) in &other.out_of_reach {
            self.out_of_reach.insert(tool.clone(), reason.clone());
        }
        self.unused.extend(other.unused.iter().cloned());
        for (sort, count) in &other.pairs_unused {
            *self.pairs_unused.entry(sort.clone()).or_default() += count;
        }
    }

    /// The same with the world's name before each tool's.
    #[must_use]
    pub fn named(&self, world: &str) -> Self {
        let long = |tool: &String| format!("{world}/{tool}");
        Self {
            out_of_reach: self
                .out_of_reach
                .iter()
                .map(|(tool, reason)| (long(tool), reason.clone()))
                .collect(),
            unused: self.unused.iter().map(long).collect(),
            ..self.clone()
        }
    }

    /// Share of the tools that can be in gold that are.
    pub fn tool_share(&self) -> f64 {
        share(self.tools_used, self.tools - self.out_of_reach.len())
    }

    /// Share of the connected pairs that can be in gold that are.
    pub fn pair_share(&self) -> f64 {
        share(self.pairs_used, self.pairs - self.pairs_out_of_reach)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// What the gold of tasks that come one by one uses of a world.
#[derive(Debug, Clone)]
pub struct Usage {
    world: World,
    flows: Flows,
    tools: Vec<usize>,
    pairs: BTreeSet<(usize, usize)>,
}

/// Between which tools keys flow.
#[derive(Debug, Clone)]
struct Flows {
    /// Tables whose keys a tool shows, by tool.
    shows: Vec<BTreeSet<usize>>,
    /// Arguments that pick rows, with the table, by tool.
    takes: Vec<Vec<(String, usize)>>,
    pairs: BTreeSet<(usize, usize)>,
}

impl Usage {
    /// Nothing is used yet.
    pub fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            flows: Flows::new(world),
            tools: vec![0; world.tools().len()],
            pairs: BTreeSet::new(),
        }
    }

    /// Counts what a task's gold uses.
    pub fn note(&mut self, task: &Task) {
        let world = self.world.clone();
        let position = |name: &str| world.tools().iter().position(|tool| tool.name == name);
        let calls: Vec<Option<usize>> = task.gold.iter().map(|call| position(&call.tool)).collect();
        for (at, call) in task.gold.iter().enumerate() {
            let Some(own) = calls[at] else {
                continue;
            };
            self.tools[own] += 1;
            for why in &call.determined {
                if let Reason::Shown { call: earlier, .. } = &why.by
                    && let Some(earlier) = calls.get(*earlier).copied().flatten()
                {
                    self.pair(earlier, own);
                }
                // A call that took the key shows it again.
                let Some(table) = self.flows.taken(own, &why.argument) else {
                    continue;
                };
                let key = call.arguments.get(&why.argument);
                for (before, earlier) in task.gold.iter().zip(&calls).take(at) {
                    let Some(earlier) = *earlier else {
                        continue;
                    };
                    let again = self.flows.takes[earlier].iter().any(|(argument, picked)| {
                        *picked == table && before.arguments.get(argument) == key
                    });
                    if again && self.flows.shows[earlier].contains(&table) {
                        self.pair(earlier, own);
                    }
                }
            }
        }
    }

    fn pair(&mut self, first: usize, second: usize) {
        if self.flows.pairs.contains(&(first, second)) {
            self.pairs.insert((first, second));
        }
    }

    /// No gold has it yet.
    pub(crate) fn is_new(&self, tool: usize) -> bool {
        self.tools.get(tool).is_some_and(|count| *count == 0)
    }

    /// The two are connected, and no gold has them.
    pub(crate) fn is_new_pair(&self, first: usize, second: usize) -> bool {
        self.flows.pairs.contains(&(first, second)) && !self.pairs.contains(&(first, second))
    }

    /// Pairs that begin with a tool, or end with it, and that no gold has.
    pub(crate) fn new_pairs_of(&self, tool: usize) -> usize {
        let missing = self.flows.pairs.difference(&self.pairs);
        missing.filter(|(a, b)| *a == tool || *b == tool).count()
    }

    /// How much of the world that is.
    pub fn coverage(&self) -> Coverage {
        let world = &self.world;
        let reasons = out_of_reach(&Atlas::new(world));
        let of_agent = |at: &usize| world.tools()[*at].actor == Actor::Agent;
        let all: Vec<usize> = (0..world.tools().len()).filter(of_agent).collect();
        let used = |at: &usize| self.tools[*at] > 0;
        // What was used can be used, whatever was thought of it.
        let reasons: BTreeMap<usize, String> = reasons
            .into_iter()
            .filter(|(at, _)| of_agent(at) && !used(at))
            .collect();
        let name = |at: &usize| world.tools()[*at].name.clone();
        let mut pairs_unused: BTreeMap<String, usize> = BTreeMap::new();
        for (first, second) in self.flows.pairs.difference(&self.pairs) {
            if !reasons.contains_key(first) && !reasons.contains_key(second) {
                let does = [first, second].map(|at| {
                    let reads = world.tools()[*at].effects.read_only;
                    if reads { "read" } else { "write" }
                });
                *pairs_unused.entry(does.join("-")).or_default() += 1;
            }
        }
        Coverage {
            pairs_unused,
            tools: all.len(),
            tools_used: all.iter().filter(|at| used(at)).count(),
            pairs: self.flows.pairs.len(),
            pairs_used: self.pairs.len(),
            pairs_out_of_reach: self
                .flows
                .pairs
                .iter()
                .filter(|(a, b)| reasons.contains_key(a) || reasons.contains_key(b))
                .count(),
            unused: all
                .iter()
                .filter(|at| !used(at) && !reasons.contains_key(at))
                .map(name)
                .collect(),
            out_of_reach: reasons
                .iter()
                .map(|(at, reason)| (name(at), reason.clone()))
                .collect(),
        }
    }
}

impl Flows {
    fn new(world: &World) -> Self {
        let schema = world.schema();
        let tools = world.tools();
        let shows: Vec<BTreeSet<usize>> = tools.iter().map(|tool| shown(schema, tool)).collect();
        let takes: Vec<Vec<(String, usize)>> =
            tools.iter().map(|tool| taken(schema, tool)).collect();
        let mut pairs = BTreeSet::new();
        for (first, shown) in shows.iter().enumerate() {
            for (second, taken) in takes.iter().enumerate() {
                let both = [first, second].map(|at| tools[at].actor == Actor::Agent);
                let flows = taken.iter().any(|(_, table)| {
                    shown.contains(table) && !tools[first].effects.deletes.contains(table)
                });
                if first != second && both == [true, true] && flows {
                    pairs.insert((first, second));
                }
            }
        }
        Self {
            shows,
            takes,
            pairs,
        }
    }

    fn taken(&self, tool: usize, argument: &str) -> Option<usize> {
        let takes = self.takes[tool].iter();
        takes
            .filter(|(name, _)| name == argument)
            .map(|(_, table)| *table)
            .next()
    }
}

/// The table whose key a column is, or refers to.
fn key_table(schema: &Schema, column: ColumnRef) -> Option<usize> {
    let root = schema.root(column);
    let table = &schema.tables[root.table];
    (table.key == [root.column] && table.kind == TableKind::Table).then_some(root.table)
}

/// Tables whose keys the fields of a tool's result show, as they are or inside a nested value.
fn shown(schema: &Schema, tool: &Tool) -> BTreeSet<usize> {
    let fields = tool.flow.results.iter();
    fields
        .flat_map(|field| match field.origins.column {
            Some(column) => key_table(schema, column).into_iter().collect::<Vec<_>>(),
            None => {
                let own = field.origins.columns.iter().filter(|column| {
                    schema.tables[column.table].key == [column.column]
                        && schema.referenced(**column).is_none()
                });
                own.filter_map(|column| key_table(schema, *column))
                    .collect()
            }
        })
        .collect()
}

/// The arguments of a tool that pick rows by their keys.
fn taken(schema: &Schema, tool: &Tool) -> Vec<(String, usize)> {
    let parameters = tool.parameters().iter();
    parameters
        .filter_map(|own| {
            let column = tool.flow.column_of(&own.name, schema)?;
            Some((own.name.clone(), key_table(schema, column)?))
        })
        .collect()
}
