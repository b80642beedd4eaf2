//! Domains become worlds: `author/worlds/<name>/`, `domains.jsonl`, `uncertain.jsonl`, `report.json`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use practicum_author::{Authored, Uncertain};
use practicum_corpus::{Corpus, ToolSpec};
use practicum_world::Actor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::graph::DomainRecord;
use super::{Context, key_part};
use crate::error::{CommandError, Result};
use crate::progress::Progress;
use crate::run_folder::{Due, read_json, write_json, write_whole};

const NAME: &str = "author";

/// What came of all domains.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct AuthorReport {
    /// Domains that were tried.
    pub(crate) domains: usize,
    /// Worlds that passed the checker.
    pub(crate) passed: usize,
    /// Domains that gave none, by reason.
    pub(crate) failed: BTreeMap<String, usize>,
    /// Worlds that passed but were more than the recipe asks for.
    pub(crate) surplus: usize,
    /// Operations that became tools, of those in domains.
    pub(crate) tools: usize,
    /// Operations of the domains that were tried.
    pub(crate) operations: usize,
    /// Operations that were left out, by the sort of reason.
    pub(crate) uncertain: BTreeMap<String, usize>,
    /// The worlds.
    pub(crate) worlds: Vec<WorldRecord>,
    /// Number of worlds by number of tools: least of the bucket.
    pub(crate) tools_per_world: BTreeMap<usize, usize>,
    /// Number of worlds by number of tables.
    pub(crate) tables_per_world: BTreeMap<usize, usize>,
}

/// One world.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WorldRecord {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) providers: Vec<String>,
    pub(crate) cloud: bool,
    pub(crate) tools: usize,
    pub(crate) reads: usize,
    pub(crate) writes: usize,
    pub(crate) tables: usize,
    pub(crate) rules: usize,
    pub(crate) warnings: usize,
}

/// Sizes of worlds are counted in steps of so many tools.
const BUCKET: usize = 5;

/// Providers of infrastructure rather than of services to people.
const CLOUD: &[&str] = &[
    "googleapis.com",
    "amazonaws.com",
    "azure.com",
    "microsoft.com",
];

struct Compiled {
    domain: usize,
    authored: Authored,
    title: String,
    operations: usize,
}

pub(crate) fn run(context: &Context) -> Result<()> {
    let progress = Progress::new(NAME, context.quiet);
    let (corpus_folder, corpus_digest) = context.folder.finished("ingest")?;
    let (graph_folder, graph_digest) = context.folder.finished("graph")?;
    let author = &context.recipe.author;
    let options = practicum_author::Options {
        confidence: author.confidence,
        min_tools: author.min_tools,
        min_tables: author.min_tables,
        seed: context.recipe.seed,
        ..practicum_author::Options::default()
    };
    let part = key_part(&(author, &options));
    let folder = match context
        .folder
        .begin(NAME, &[&corpus_digest, &graph_digest, &part])?
    {
        Due::Nothing => {
            let report = read_json(&context.folder.stage(NAME).join("report.json"))?;
            progress.done(&summary(&report));
            return enough(&report);
        }
        Due::Work(folder) => folder,
    };
    let domains: Vec<DomainRecord> = read_json(&graph_folder.join("domains.json"))?;
    let specs = specs_by_domain(&corpus_folder, &domains)?;
    let names = practicum_author::world_names(domains.iter().map(|domain| domain.name.as_str()));

    let done = AtomicUsize::new(0);
    let total = domains.len();
    let compiled: Vec<Compiled> = specs
        .into_par_iter()
        .enumerate()
        .map(|(at, texts)| {
            let tools: Vec<ToolSpec> = texts
                .iter()
                .filter_map(|text| serde_json::from_slice(text).ok())
                .collect();
            let domain = &domains[at];
            let title = title_of(&tools, domain);
            let authored = practicum_author::compile(&names[at], &title, &tools, &options);
            progress.at(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            Compiled {
                domain: at,
                authored,
                title,
                operations: tools.len(),
            }
        })
        .collect();

    let report = write(context, &folder, &domains, &compiled)?;
    write_json(&folder.join("report.json"), &report)?;
    context.folder.finish(NAME)?;
    progress.done(&summary(&report));
    enough(&report)
}

fn enough(report: &AuthorReport) -> Result<()> {
    if report.passed > 0 {
        return Ok(());
    }
    Err(CommandError::work(
        "no domain became a world: none has operations that read and write two tables joined by a key",
    )
    .hint("author/uncertain.jsonl in the run's folder lists every operation that was left out, with the reason"))
}

/// What was made, and how large the worlds are.
fn summary(report: &AuthorReport) -> String {
    let tools: Vec<String> = report
        .tools_per_world
        .iter()
        .map(|(least, worlds)| format!("{least} to {}: {worlds}", least + BUCKET - 1))
        .collect();
    let tables: Vec<String> = report
        .tables_per_world
        .iter()
        .map(|(tables, worlds)| format!("{tables}: {worlds}"))
        .collect();
    format!(
        "{} worlds of {} domains; {} of {} operations became tools\n           worlds by tools:  {}\n           worlds by tables: {}",
        report.worlds.len(),
        report.domains,
        report.tools,
        report.operations,
        tools.join(", "),
        tables.join(", "),
    )
}

/// The specs of each domain as JSON text, which takes a fraction of the memory of the parsed ones.
fn specs_by_domain(
    corpus_folder: &std::path::Path,
    domains: &[DomainRecord],
) -> Result<Vec<Vec<Vec<u8>>>> {
    let failed = |error: practicum_corpus::CorpusError| CommandError::work(error.to_string());
    let mut place: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, domain) in domains.iter().enumerate() {
        for tool in &domain.tools {
            place.insert(tool, at);
        }
    }
    let mut specs: Vec<Vec<Vec<u8>>> = vec![Vec::new(); domains.len()];
    let corpus = Corpus::open(corpus_folder).map_err(failed)?;
    for spec in corpus.specs() {
        let spec = spec.map_err(failed)?;
        if let Some(at) = place.get(spec.id.as_str()) {
            specs[*at].push(serde_json::to_vec(&spec).unwrap_or_default());
        }
    }
    Ok(specs)
}

fn title_of(tools: &[ToolSpec], domain: &DomainRecord) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for tool in tools {
        *counts.entry(tool.source.api.as_str()).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(name, count)| (*count, std::cmp::Reverse(*name)))
        .map_or_else(|| domain.name.clone(), |(name, _)| name.to_string())
}

fn write(
    context: &Context,
    folder: &std::path::Path,
    domains: &[DomainRecord],
    compiled: &[Compiled],
) -> Result<AuthorReport> {
    let mut report = AuthorReport {
        domains: domains.len(),
        ..AuthorReport::default()
    };
    let mut uncertain_lines = String::new();
    let mut domain_lines = String::new();
    // The richest worlds stay when the recipe wants fewer.
    let mut order: Vec<usize> = (0..compiled.len())
        .filter(|at| compiled[*at].authored.world.is_some())
        .collect();
    order.sort_by_key(|at| {
        let tools = compiled[*at]
            .authored
            .world
            .as_ref()
            .map_or(0, |world| world.tools.len());
        (std::cmp::Reverse(tools), *at)
    });
    report.passed = order.len();
    if let Some(most) = context.recipe.author.max_worlds {
        report.surplus = order.len().saturating_sub(most);
        order.truncate(most);
    }
    for own in compiled {
        let domain = &domains[own.domain];
        report.operations += own.operations;
        for Uncertain { tool, reason } in &own.authored.uncertain {
            *report.uncertain.entry(sort_of(reason)).or_default() += 1;
            let line = serde_json::json!({"domain": domain.name, "tool": tool, "reason": reason});
            uncertain_lines.push_str(&format!("{line}\n"));
        }
        if let Some(reason) = &own.authored.failure {
            *report.failed.entry(sort_of(reason)).or_default() += 1;
        }
        let line = serde_json::json!({
            "domain": domain.name,
            "world": own.authored.world.as_ref().map(|world| world.world.name()),
            "kept": order.contains(&own.domain),
            "failure": own.authored.failure,
            "operations": own.operations,
        });
        domain_lines.push_str(&format!("{line}\n"));
        let Some(world) = own
            .authored
            .world
            .as_ref()
            .filter(|_| order.contains(&own.domain))
        else {
            continue;
        };
        let path = folder.join("worlds").join(world.world.name());
        world
            .files
            .write(&path)
            .map_err(|error| CommandError::work(error.to_string()))?;
        let providers: Vec<String> = domain
            .providers
            .iter()
            .map(|share| share.provider.clone())
            .collect();
        let reads = world
            .world
            .tools_of(Actor::Agent)
            .filter(|tool| tool.effects.read_only)
            .count();
        let tools = world.world.tools().len();
        let tables = world.world.schema().tables.len();
        report.tools += tools;
        *report
            .tools_per_world
            .entry(tools / BUCKET * BUCKET)
            .or_default() += 1;
        *report.tables_per_world.entry(tables).or_default() += 1;
        report.worlds.push(WorldRecord {
            name: world.world.name().to_string(),
            title: own.title.clone(),
            cloud: providers
                .iter()
                .all(|provider| CLOUD.contains(&provider.as_str())),
            providers,
            tools,
            reads,
            writes: tools - reads,
            tables,
            rules: world.world.rules().len(),
            warnings: world.check.problems.len(),
        });
    }
    write_whole(&folder.join("uncertain.jsonl"), uncertain_lines.as_bytes())?;
    write_whole(&folder.join("domains.jsonl"), domain_lines.as_bytes())?;
    Ok(report)
}

/// A reason without the names in it, so that it can be counted.
fn sort_of(reason: &str) -> String {
    let mut plain = String::new();
    let mut quoted = false;
    for character in reason.chars() {
        if character == '"' {
            quoted = !quoted;
            if quoted {
                plain.push('…');
            }
        } else if !quoted {
            plain.push(character);
        }
    }
    for (start, whole) in [
        ("nothing reads a ", "nothing reads what it writes"),
        ("it needs ", "it needs what stands for no column"),
        (
            "… leads to no status ",
            "its verb leads to no status or flag that the spec names",
        ),
        (
            "its path picks one ",
            "its path picks one, but its reply is a list",
        ),
        (
            "nothing says how ",
            "nothing says how its parameter belongs to the thing",
        ),
        (
            "its path does not pick one ",
            "its path does not pick one thing by its key",
        ),
        ("it sets ", "it sets a part that is no row of its own"),
        ("it returns ", "it returns another thing"),
        ("its tool failed the check", "its tool failed the check"),
        ("no tool reads ", "nothing reads what it writes"),
        (
            "another tool of the world is called ",
            "another tool of the world has its name",
        ),
        ("error: ", "the checker found an error"),
        ("the world has ", "the checker found an error"),
    ] {
        if plain.starts_with(start) {
            return whole.to_string();
        }
    }
    if plain.contains(" of its operations could be compiled") {
        return "too few operations could be compiled".into();
    }
    if plain.starts_with("it has ") && plain.contains("table(s)") {
        return "too few tables".into();
    }
    plain
}
