//! `practicum bench score acebench`

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use practicum_bench::acebench::{
    Answer, Benchmark, Category, CategoryScore, Count, DataError, Scorecard, Verdict, read_answers,
};
use serde::Serialize;

use crate::error::{CommandError, Result};
use crate::progress::line;
use crate::run_folder::{write_json, write_whole};

/// Arguments of `practicum bench score acebench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The benchmark's data: a checkout of ACEBench, or a folder that holds `data_en`.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The model's answers: JSON lines of category, id, model_result (and process for agent categories), or a model's
    /// folder in the official layout of results.
    #[arg(long, value_name = "FILE|DIR")]
    results: PathBuf,
    /// Where the verdicts go, one JSON line per answer; standard output unless given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where the rates go as one JSON object, besides standard error.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// The language of the data.
    #[arg(long, default_value = "en", value_parser = ["en", "zh"])]
    language: String,
}

/// One line of verdicts.
#[derive(Serialize)]
struct VerdictLine<'a> {
    category: &'static str,
    id: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// Scores a model's answers: a line per answer, then the rates on standard error.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let benchmark = Benchmark::read(&arguments.data, &arguments.language)
        .map_err(|error| unusable(&error).hint(
            "get the benchmark with `git clone https://github.com/chenchen0103/ACEBench` and name that folder with --data",
        ))?;
    let read = read_answers(&arguments.results, &benchmark).map_err(|error| {
        unusable(&error)
            .hint("name a file of JSON lines or a model's folder of results with --results")
    })?;
    let scored: Vec<(Answer, Verdict)> = read
        .answers
        .into_iter()
        .filter_map(|answer| benchmark.score(&answer).map(|verdict| (answer, verdict)))
        .collect();
    write_verdicts(&scored, arguments.out.as_deref())?;
    for note in &read.notes {
        line(&format!("note: {note}"));
    }
    let scorecard = Scorecard::new(&benchmark, &scored);
    if let Some(path) = &arguments.summary {
        write_json(path, &scorecard)?;
    }
    line(summary(&scorecard).trim_end());
    if read.problems.is_empty() {
        return Ok(());
    }
    let problems: Vec<String> = read.problems.iter().map(ToString::to_string).collect();
    Err(CommandError::user(format!(
        "{} of the answers could not be used; all others are scored\n  {}",
        problems.len(),
        problems.join("\n  ")
    )))
}

fn unusable(error: &DataError) -> CommandError {
    CommandError::user(error.to_string())
}

fn write_verdicts(scored: &[(Answer, Verdict)], out: Option<&Path>) -> Result<()> {
    let mut text = String::new();
    for (answer, verdict) in scored {
        let line = VerdictLine {
            category: answer.category.name(),
            id: &answer.id,
            verdict,
        };
        text +=
            &serde_json::to_string(&line).map_err(|error| CommandError::work(error.to_string()))?;
        text.push('\n');
    }
    match out {
        Some(path) => write_whole(path, text.as_bytes()),
        None => match std::io::stdout().write_all(text.as_bytes()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(|error| {
                CommandError::work(format!("the verdicts cannot be written: {error}"))
            }),
        },
    }
}

/// The rates as a table, then the official overall scores.
pub(super) fn summary(scorecard: &Scorecard) -> String {
    let mut text = format!(
        "{:36} {:>11} {:>7}  95 % interval\n",
        "category", "right", "rate"
    );
    for (category, score) in scorecard.categories() {
        row(&mut text, category, score);
    }
    let overall = scorecard.overall();
    let _ = writeln!(
        text,
        "official scores: normal {:.3}, special {:.3}, agent {:.3}, overall {:.3}",
        overall.normal, overall.special, overall.agent, overall.overall
    );
    let missing: Vec<&str> = scorecard.missing().map(Category::name).collect();
    if !missing.is_empty() {
        let _ = writeln!(
            text,
            "not run, each counted as 0 in the official scores: {}",
            missing.join(", ")
        );
    }
    text
}

fn row(text: &mut String, category: Category, score: &CategoryScore) {
    let counted = score.counted();
    let _ = write!(text, "{:36} {}", category.name(), rate(counted));
    if score.dialogues.is_some() {
        let _ = write!(
            text,
            "  (dialogues; turns {}/{})",
            score.items.correct, score.items.total
        );
    }
    if let Some(process) = score.process {
        let _ = write!(text, "  (process {process:.3})");
    }
    if score.unanswered > 0 {
        let _ = write!(
            text,
            "  {} without an answer, counted as wrong",
            score.unanswered
        );
    }
    if score.official_stops > 0 {
        let _ = write!(
            text,
            "  {} on which the official scorer stops, counted as wrong",
            score.official_stops
        );
    }
    text.push('\n');
}

fn rate(count: Count) -> String {
    let (low, high) = count.interval();
    let right = format!("{}/{}", count.correct, count.total);
    format!("{right:>11} {:7.3}  {low:.3} to {high:.3}", count.rate())
}
