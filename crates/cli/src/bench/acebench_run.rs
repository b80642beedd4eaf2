//! `practicum bench run acebench`

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use practicum_bench::acebench::{
    Answer, Asked, Benchmark, CATEGORIES, Category, Family, Prompts, Scorecard, Verdict, ask,
    result_line,
};
use practicum_bench::run::{Folder, at_one_time};
use practicum_client::{Clock, Sampling};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::acebench::summary;
use super::models::AgentModel;
use super::tau2_run::folder_error;
use crate::clock::Stopwatch;
use crate::error::{CommandError, Result};
use crate::progress::{Progress, line, result};
use crate::rollout::runtime;
use crate::run_folder::{write_json, write_whole};

/// Arguments of `practicum bench run acebench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The benchmark's data: a checkout of ACEBench. With data alone, questions are put in other words.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Categories, such as normal_atom_bool; all normal and special ones unless given.
    #[arg(long, num_args = 1..)]
    category: Vec<String>,
    /// The language of the data.
    #[arg(long, default_value = "en", value_parser = ["en", "zh"])]
    language: String,
    /// Where everything goes. The same command goes on where it stopped.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    model: AgentModel,
    /// Threads; all of the machine's unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// Print nothing but rates and errors.
    #[arg(long, short)]
    quiet: bool,
}

/// One line of the log.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    category: String,
    id: String,
    model_result: Value,
}

/// Asks what has no answer yet, writes each as it comes, then the official files and the scores.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let benchmark = Benchmark::read(&arguments.data, &arguments.language).map_err(|error| {
        CommandError::user(error.to_string()).hint(
            "get the benchmark with `git clone https://github.com/chenchen0103/ACEBench` and name that folder with --data",
        )
    })?;
    let categories = categories(arguments, &benchmark)?;
    let prompts = Prompts::read(&arguments.data, &arguments.language);
    if !prompts.official {
        line(&format!(
            "note: {} holds data alone: questions are put in this program's words, not the benchmark's",
            arguments.data.display()
        ));
    }
    let watch = Stopwatch::start();
    let clock: Clock = Arc::new(move || Duration::from_secs_f64(watch.seconds()));
    // The official program's.
    let usual = Sampling {
        temperature: Some(0.7),
        top_p: Some(1.0),
        max_tokens: Some(1_200),
        ..Sampling::default()
    };
    runtime(arguments.threads)?.block_on(async {
        let side = arguments.model.side(&usual, &clock)?;
        let of = json!({
            "benchmark": "ACEBench", "language": arguments.language, "model": side.model.model,
            "speech": side.model.speech.name(), "sampling": side.model.sampling, "seed": side.model.seed,
            "prompts": if prompts.official { "official" } else { "own" },
        });
        let of: Map<String, Value> = of.as_object().cloned().unwrap_or_default();
        let (mut folder, records) =
            Folder::open::<Record>(&arguments.out, "answers.jsonl", &of).map_err(folder_error)?;
        let mut answers: HashMap<(Category, String), Answer> = HashMap::new();
        for record in records {
            if let Some(category) = Category::of(&record.category) {
                let answer = Answer {
                    category,
                    id: record.id.clone(),
                    result: record.model_result,
                    process: None,
                };
                answers.insert((category, record.id), answer);
            }
        }
        let asked: Vec<(Category, String)> = categories
            .iter()
            .flat_map(|category| benchmark.ids(*category).map(|id| (*category, id.to_string())))
            .collect();
        let total = asked.len();
        let pending: Vec<(Category, String)> = asked
            .iter()
            .filter(|key| !answers.contains_key(*key))
            .cloned()
            .collect();
        let (mut ended, mut lost) = (total - pending.len(), Vec::new());
        let progress = Progress::new("acebench", arguments.quiet);
        let work = |(category, id): (Category, String)| {
            let messages = prompts.messages(&benchmark, category, &id);
            let side = side.clone();
            async move {
                match messages {
                    Some(messages) => {
                        ask(&side.client, &side.model, &messages, category, &id).await
                    }
                    None => Ok(Asked::Lost(format!("{id} is no question"))),
                }
            }
        };
        at_one_time(pending, arguments.model.concurrency, work, |asked| {
            let unusable = |error: practicum_client::ClientError| {
                CommandError::user(format!("the endpoint cannot be used: {error}"))
                    .hint("check --endpoint, --model and the key; what was finished is kept")
            };
            match asked.map_err(unusable)? {
                Asked::Spent => return Ok(false),
                Asked::Lost(reason) => lost.push(reason),
                Asked::Answered(answer) => {
                    let record = Record {
                        category: answer.category.name().into(),
                        id: answer.id.clone(),
                        model_result: answer.result.clone(),
                    };
                    folder.append(&record).map_err(folder_error)?;
                    ended += 1;
                    progress.at(ended, total);
                    answers.insert((answer.category, answer.id.clone()), answer);
                }
            }
            Ok::<bool, CommandError>(true)
        })
        .await?;
        progress.done(&format!("{ended} of {total} answers"));
        write(arguments, &benchmark, &categories, &answers)?;
        if ended == total {
            return Ok(());
        }
        let why = lost.first().map_or("the budget is spent", String::as_str);
        Err(CommandError::work(format!(
            "{} questions have no answer, the first since {why}; here they count as wrong",
            total - ended
        ))
        .hint("run the same command again: it goes on where it stopped"))
    })
}

/// The categories that are run.
fn categories(arguments: &Arguments, benchmark: &Benchmark) -> Result<Vec<Category>> {
    let there: Vec<Category> = benchmark.categories().collect();
    if arguments.category.is_empty() {
        return Ok(CATEGORIES
            .into_iter()
            .filter(|category| category.family() != Family::Agent && there.contains(category))
            .collect());
    }
    arguments
        .category
        .iter()
        .map(|name| match Category::of(name) {
            Some(category) if category.family() == Family::Agent => {
                Err(CommandError::user(format!(
                    "{name} cannot be run: the environments of agent categories are not ported"
                ))
                .hint("run it with the official program, and score it with `bench score acebench`"))
            }
            Some(category) if there.contains(&category) => Ok(category),
            _ => Err(CommandError::user(format!(
                "the data has no category {name:?}"
            ))),
        })
        .collect()
}

/// Writes each whole category as the official program does, and the scores.
fn write(
    arguments: &Arguments,
    benchmark: &Benchmark,
    categories: &[Category],
    answers: &HashMap<(Category, String), Answer>,
) -> Result<()> {
    // The name must be one folder's.
    let name: String = arguments
        .model
        .model
        .chars()
        .map(|letter| {
            if matches!(letter, '/' | '\\' | ':') {
                '_'
            } else {
                letter
            }
        })
        .collect();
    let folder = arguments
        .out
        .join(format!("result_all/result_{}", arguments.language))
        .join(name);
    std::fs::create_dir_all(&folder).map_err(|error| crate::error::io_error(&folder, &error))?;
    let mut scored: Vec<(Answer, Verdict)> = Vec::new();
    for category in categories {
        let own: Vec<Option<&Answer>> = benchmark
            .ids(*category)
            .map(|id| answers.get(&(*category, id.to_string())))
            .collect();
        for answer in own.iter().copied().flatten() {
            scored.extend(
                benchmark
                    .score(answer)
                    .map(|verdict| (answer.clone(), verdict)),
            );
        }
        // Results are paired with questions by their place: part of a category is none.
        if own.iter().all(Option::is_some) {
            let mut text = String::new();
            for answer in own.into_iter().flatten() {
                text.push_str(&result_line(answer).to_string());
                text.push('\n');
            }
            let file = format!("data_{}_result.json", category.name());
            write_whole(&folder.join(file), text.as_bytes())?;
        }
    }
    let scorecard = Scorecard::new(benchmark, &scored);
    write_json(&arguments.out.join("summary.json"), &scorecard)?;
    result(summary(&scorecard).trim_end());
    Ok(())
}
