//! Tools become domains: `graph/edges.parquet`, `domains.json`, `report.json`.

use practicum_corpus::Corpus;
use practicum_graph::{Operation, ToolNode};
use practicum_table::{Column, Kind, TableError, TableWriter};
use serde::{Deserialize, Serialize};

use super::{Context, key_part};
use crate::error::{CommandError, Result};
use crate::progress::Progress;
use crate::run_folder::{Due, read_json, write_json};

const NAME: &str = "graph";

/// A domain by the ids of its tools.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DomainRecord {
    pub(crate) name: String,
    pub(crate) providers: Vec<practicum_graph::Share>,
    pub(crate) words: Vec<String>,
    pub(crate) tools: Vec<String>,
}

pub(crate) fn run(context: &Context) -> Result<()> {
    let progress = Progress::new(NAME, context.quiet);
    let (corpus_folder, corpus_digest) = context.folder.finished("ingest")?;
    let mut options = context.recipe.graph.clone();
    options.seed = options.seed.wrapping_add(context.recipe.seed);
    let folder = match context
        .folder
        .begin(NAME, &[&corpus_digest, &key_part(&options)])?
    {
        Due::Nothing => {
            progress.done(&summary(&read_json(
                &context.folder.stage(NAME).join("report.json"),
            )?));
            return Ok(());
        }
        Due::Work(folder) => folder,
    };
    let corpus =
        Corpus::open(&corpus_folder).map_err(|error| CommandError::work(error.to_string()))?;
    let mut nodes = Vec::with_capacity(corpus.len());
    for spec in corpus.specs() {
        let spec = spec.map_err(|error| CommandError::work(error.to_string()))?;
        nodes.push(ToolNode::from_schemas(&Operation {
            id: &spec.id,
            provider: &spec.source.provider,
            api: &spec.source.api,
            name: &spec.name,
            path: spec.http.as_ref().map(|http| http.path.as_str()),
            input: &spec.input,
            output: spec.output.as_ref(),
            categories: &spec.source.categories,
        }));
    }
    let graph = practicum_graph::domains(&nodes, &options, &mut |step| {
        progress.at(step.done, step.total);
    });
    write_edges(&folder.join("edges.parquet"), &nodes, &graph.edges)
        .map_err(|error| CommandError::work(error.to_string()))?;
    let domains: Vec<DomainRecord> = graph
        .domains
        .iter()
        .map(|domain| DomainRecord {
            name: domain.name.clone(),
            providers: domain.providers.clone(),
            words: domain.words.clone(),
            tools: domain
                .tools
                .iter()
                .map(|tool| nodes[*tool].id.clone())
                .collect(),
        })
        .collect();
    write_json(&folder.join("domains.json"), &domains)?;
    write_json(&folder.join("report.json"), &graph.quality)?;
    context.folder.finish(NAME)?;
    progress.done(&summary(&graph.quality));
    Ok(())
}

fn summary(quality: &practicum_graph::Quality) -> String {
    format!(
        "{} tools in {} domains, {} set aside; {} edges",
        quality.placed,
        quality.domains,
        quality.tools - quality.placed,
        quality.graph.edges
    )
}

fn write_edges(
    path: &std::path::Path,
    nodes: &[ToolNode],
    edges: &[practicum_graph::Edge],
) -> std::result::Result<(), TableError> {
    let mut writer = TableWriter::create(
        path,
        &[
            ("a", Kind::Text),
            ("b", Kind::Text),
            ("similarity", Kind::Float),
        ],
    )?;
    for group in edges.chunks(100_000) {
        let id = |tool: u32| nodes[tool as usize].id.clone();
        writer.write(vec![
            Column::Text(group.iter().map(|edge| id(edge.a)).collect()),
            Column::Text(group.iter().map(|edge| id(edge.b)).collect()),
            Column::Float(group.iter().map(|edge| edge.similarity).collect()),
        ])?;
    }
    writer.finish()
}
