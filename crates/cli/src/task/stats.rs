//! `practicum task stats`: tasks counted. Files are read one at a time.

use std::collections::{BTreeMap, BTreeSet};

use practicum_task::{Coverage, Kind, Task, Usage, Wordings, difficulty};
use serde_json::{Value, json};

use super::{Stats, task_files, world_of};
use crate::error::Result;
use crate::progress::{line, result};
use crate::stages::task::read_tasks;

/// Tasks of a world whose wordings are compared: the share of different ones falls with their number.
const COMPARED: usize = 100;

/// What is counted of all tasks.
#[derive(Default)]
struct All {
    kinds: BTreeMap<Kind, usize>,
    lengths: BTreeMap<usize, usize>,
    scores: Vec<f64>,
    wordings: Wordings,
    worlds: BTreeMap<String, OfWorld>,
    /// Mutants killed and survived, variants accepted and refused, mutants that never gate killed and
    /// survived.
    proof: [usize; 6],
}

/// What is counted of one world's tasks.
#[derive(Default)]
struct OfWorld {
    tasks: usize,
    tools: BTreeMap<String, usize>,
    wordings: Wordings,
    /// None when the world is not there.
    usage: Option<Usage>,
}

pub(super) fn run(arguments: &Stats) -> Result<()> {
    let mut all = All::default();
    let mut without: BTreeSet<String> = BTreeSet::new();
    for place in &arguments.files {
        for file in task_files(place)? {
            for task in read_tasks(&file)? {
                if !all.worlds.contains_key(&task.world) {
                    let world = world_of(&file, &task.world, &arguments.places);
                    if world.is_err() {
                        without.insert(task.world.clone());
                    }
                    let own = OfWorld {
                        usage: world.ok().as_ref().map(Usage::new),
                        ..OfWorld::default()
                    };
                    all.worlds.insert(task.world.clone(), own);
                }
                all.note(&task);
            }
        }
    }
    let coverage: BTreeMap<&String, Coverage> = all
        .worlds
        .iter()
        .filter_map(|(world, own)| Some((world, own.usage.as_ref()?.coverage())))
        .collect();
    let mut covered = Coverage::default();
    for (world, own) in &coverage {
        covered.add(&own.named(world));
    }
    if arguments.json {
        result(&as_json(&all, &coverage, &covered).to_string());
    } else {
        result(as_text(&all, &coverage, &covered).trim_end());
        if !without.is_empty() {
            line(&format!(
                "{} worlds are not beside their tasks, so nothing is said of what their tasks use of them; --world gives their folder",
                without.len()
            ));
        }
    }
    Ok(())
}

impl All {
    fn note(&mut self, task: &Task) {
        *self.kinds.entry(task.kind).or_default() += 1;
        *self.lengths.entry(task.gold.len()).or_default() += 1;
        self.scores.push(difficulty(task));
        self.wordings.note(task);
        let proof = &task.proof;
        let counts = [
            proof.killed,
            proof.survived,
            proof.accepted,
            proof.refused,
            proof.beyond_killed,
            proof.beyond_survived,
        ];
        for (sum, count) in self.proof.iter_mut().zip(counts) {
            *sum += count;
        }
        let own = self.worlds.entry(task.world.clone()).or_default();
        own.tasks += 1;
        for call in &task.gold {
            *own.tools.entry(call.tool.clone()).or_default() += 1;
        }
        if own.tasks <= COMPARED {
            own.wordings.note(task);
        }
        if let Some(usage) = &mut own.usage {
            usage.note(task);
        }
    }
}

fn as_json(all: &All, coverage: &BTreeMap<&String, Coverage>, covered: &Coverage) -> Value {
    let kinds: BTreeMap<&str, usize> = all
        .kinds
        .iter()
        .map(|(kind, count)| (kind.name(), *count))
        .collect();
    let worlds: BTreeMap<&String, Value> = all
        .worlds
        .iter()
        .map(|(world, own)| {
            let variety = own.wordings.variety();
            let value = json!({
                "tasks": own.tasks,
                "tools": own.tools,
                "masked_intents_per_100": variety.per_hundred(),
                "distinct_3": variety.distinct_3,
                "coverage": coverage.get(world),
            });
            (world, value)
        })
        .collect();
    let variety = all.wordings.variety();
    json!({
        "tasks": variety.tasks,
        "kinds": kinds,
        "lengths": all.lengths,
        "masked_intents": variety.distinct,
        "distinct_3": variety.distinct_3,
        "coverage": covered,
        "worlds": worlds,
    })
}

fn as_text(all: &All, coverage: &BTreeMap<&String, Coverage>, covered: &Coverage) -> String {
    let tasks = all.scores.len();
    let percent = |count: usize| 100.0 * count as f64 / tasks.max(1) as f64;
    let mut scores = all.scores.clone();
    scores.sort_by(f64::total_cmp);
    let last = scores.len().saturating_sub(1);
    let fifths: Vec<String> = (0..=5)
        .filter_map(|fifth| scores.get(last * fifth / 5))
        .map(|score| format!("{score:.1}"))
        .collect();
    let mut text = format!("{tasks} tasks of {} worlds\n\nby kind\n", all.worlds.len());
    for (kind, count) in &all.kinds {
        text.push_str(&format!(
            "  {:<14} {count:>6}  {:>5.1} %\n",
            kind.name(),
            percent(*count)
        ));
    }
    text.push_str("\nby calls of gold\n");
    for (length, count) in &all.lengths {
        text.push_str(&format!(
            "  {length:<14} {count:>6}  {:>5.1} %\n",
            percent(*count)
        ));
    }
    text.push_str(&format!("\ndifficulty, by fifths: {}\n", fifths.join(", ")));
    text.push_str(
        "\nby world: tasks, tools in gold, of those that can be, connected pairs in gold, of those that can be, masked intents per 100, distinct-3\n",
    );
    for (world, own) in &all.worlds {
        let variety = own.wordings.variety();
        let used = coverage.get(world).map_or_else(
            || format!("{:>4}    -     -    -", own.tools.len()),
            |own| {
                format!(
                    "{:>4} {:>4} {:>5} {:>4}",
                    own.tools_used,
                    own.tools - own.out_of_reach.len(),
                    own.pairs_used,
                    own.pairs - own.pairs_out_of_reach
                )
            },
        );
        text.push_str(&format!(
            "  {world:<24} {:>6} {used} {:>6.0} {:>6.2}\n",
            own.tasks,
            variety.per_hundred(),
            variety.distinct_3
        ));
    }
    if !coverage.is_empty() {
        text.push_str(&coverage_lines(covered));
    }
    let [
        killed,
        survived,
        accepted,
        refused,
        beyond_killed,
        beyond_survived,
    ] = all.proof;
    text.push_str(&format!(
        "\nproof: {killed} mutants killed, {survived} survived; {accepted} variants accepted, {refused} refused; of those that never gate {beyond_killed} killed, {beyond_survived} survived\n"
    ));
    if let Some((wording, count)) = all.wordings.commonest()
        && count > 1
    {
        text.push_str(&format!(
            "the commonest wording, {count} times: {wording}\n"
        ));
    }
    text
}

/// What gold uses of all worlds, and why it does not use the rest.
fn coverage_lines(covered: &Coverage) -> String {
    let mut text = format!(
        "\n{} of {} tools in some gold: {:.1} % of the {} that can be; {} of {} connected pairs: {:.1} % of the {} that can be\n",
        covered.tools_used,
        covered.tools,
        100.0 * covered.tool_share(),
        covered.tools - covered.out_of_reach.len(),
        covered.pairs_used,
        covered.pairs,
        100.0 * covered.pair_share(),
        covered.pairs - covered.pairs_out_of_reach,
    );
    if !covered.out_of_reach.is_empty() {
        text.push_str("tools that can be in no gold\n");
        for (tool, reason) in &covered.out_of_reach {
            text.push_str(&format!("  {tool}: {reason}\n"));
        }
    }
    if !covered.unused.is_empty() {
        text.push_str(&format!(
            "tools that no gold has: {}\n",
            covered.unused.join(", ")
        ));
    }
    text
}
