//! Learning: demonstrations in the compact form, two stages of training, judged on worlds never seen.

mod ground;
mod options;
mod plot;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use practicum_learn::{
    Demonstration, Example, FORM, Form, Judged, LanguageModel, Length, Paired, Play, PlayOptions,
    Rate, TrainOptions, Trainer, mix, paired, pass_hat, perturbed_over_clean, play, rate,
    with_wrong_turns,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::ground::{Place, all, choose, held_out, training, vertical};
use self::options::{Eval, Mode, Options};
use self::plot::Point;
use crate::RunArguments;
use crate::clock::{Stopwatch, core_seconds, peak_rss_bytes};
use crate::error::{CommandError, Result, io_error};
use crate::progress::{line, result};
use crate::run_folder::{Due, hash_inputs, read_json, write_json, write_whole};
use crate::stages::{Context, key_part};

const NAME: &str = "learn";

/// What to judge.
#[derive(Debug, clap::Args)]
pub(crate) struct EvalArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// The model: a Hugging Face folder or a GGUF file; the recipe's unless given.
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
    /// Also on versions of the tasks in which tools and parameters have other names, and compared with those that have
    /// not.
    #[arg(long)]
    pub(crate) perturbed: bool,
    /// Where the episodes are written, as JSON lines.
    #[arg(long, default_value = "eval.jsonl")]
    pub(crate) episodes: PathBuf,
    /// Episodes of an earlier evaluation to compare with.
    #[arg(long)]
    pub(crate) against: Option<PathBuf>,
}

/// The rates of one model on one set of tasks.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Card {
    checkpoint: String,
    /// `held-out` or `vertical`.
    tasks: String,
    mode: String,
    /// Whole episodes that pass.
    passed: Rate,
    /// First turns that are gold's first call, argument for argument.
    first_right: Rate,
    /// First turns that can be understood.
    first_valid: Rate,
    /// Episodes that pass, by what they ask.
    by_length: BTreeMap<Length, Rate>,
    /// The share of tasks of which all attempts pass, by number of attempts.
    pass_hat: Vec<f64>,
}

/// `learn/report.json`.
#[derive(Debug, Serialize, Deserialize)]
struct LearnReport {
    form: String,
    manifest: Value,
    cards: Vec<Card>,
    /// Held-out tasks, both modes: what each checkpoint gains over the one named.
    paired: BTreeMap<String, Paired>,
    /// What each part took.
    costs: Costs,
    peak_rss_bytes: Option<u64>,
}

/// What one part took.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Cost {
    seconds: f64,
    core_seconds: f64,
}

/// What the parts took, kept beside them so that a run that was stopped and goes on counts all of it but the part that
/// it was stopped in.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Costs(BTreeMap<String, Cost>);

impl Costs {
    const FILE: &str = "costs.json";

    fn read(folder: &Path) -> Result<Self> {
        match folder.join(Self::FILE) {
            path if path.exists() => read_json(&path),
            _ => Ok(Self::default()),
        }
    }

    /// Does a part, adds what it took, and writes all down.
    fn count<T>(
        &mut self,
        folder: &Path,
        part: &str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let (watch, before) = (Stopwatch::start(), core_seconds());
        let done = work()?;
        let cost = self.0.entry(part.into()).or_default();
        cost.seconds += watch.seconds();
        cost.core_seconds += core_seconds() - before;
        write_json(&folder.join(Self::FILE), self)?;
        Ok(done)
    }

    fn text(&self) -> String {
        let sum = self.0.values().fold(Cost::default(), |sum, own| Cost {
            seconds: sum.seconds + own.seconds,
            core_seconds: sum.core_seconds + own.core_seconds,
        });
        let all = [("all", &sum)].into_iter();
        let parts = self.0.iter().map(|(name, own)| (name.as_str(), own));
        parts
            .chain(all)
            .map(|(name, own)| {
                format!(
                    "{name}: {:.0} core-seconds, {:.0} s\n",
                    own.core_seconds, own.seconds
                )
            })
            .collect()
    }
}

fn failed(error: &practicum_learn::LearnError) -> CommandError {
    CommandError::work(error.to_string())
}

/// Trains and judges as the recipe says.
pub(crate) fn run(context: &Context) -> Result<()> {
    let options = Options::of(&context.recipe)?;
    let say = |text: &str| {
        if !context.quiet {
            line(&format!("{NAME:>9}  {text}"));
        }
    };
    let (_, author) = context.folder.finished("author")?;
    let mut inputs = vec![options.model.clone()];
    inputs.extend(options.worlds.vertical.iter().cloned());
    let inputs = hash_inputs(&inputs).map_err(|error| {
        io_error(&options.model, &error)
            .hint("docs/learning.md says how to get a small model with one download")
    })?;
    let seed = context.recipe.seed;
    let key = [&author, &inputs, &key_part(&options), &seed.to_string()];
    let folder = match context.folder.begin(NAME, &key.map(String::as_str))? {
        Due::Nothing => {
            let report: LearnReport = read_json(&context.folder.stage(NAME).join("report.json"))?;
            say(&table(&report.cards));
            return Ok(());
        }
        Due::Work(folder) => folder,
    };
    let mut costs = Costs::read(&folder)?;
    let base = ground::model(&options.model)?;
    let form =
        Form::new(&base.tokenizer, options.prompt.clone()).map_err(|error| failed(&error))?;
    let (unseen, seen, special) = costs.count(&folder, "worlds", || {
        Ok((
            held_out(context, &form, &options)?,
            training(context, &form, &options, options.worlds.train, seed)?,
            vertical(context, &form, &options)?,
        ))
    })?;
    let general = &options.stage.general;
    let mixture = |places: &[Place], count, tokens, repeat| {
        mix(&all(places), &options.mixture, count, tokens, repeat, seed)
    };
    let demonstrations = mixture(&seen, general.trajectories, usize::MAX, false);
    let tokens = token_count(&demonstrations);
    let manifest = json!({
        "form": FORM,
        "held_out": names(&unseen), "train": names(&seen), "vertical": names(&special),
        "mixture": options.mixture,
        "demonstrations": demonstrations.len(),
        "tokens": tokens,
        "lengths": lengths(&demonstrations),
        "not_fit": dropped(&[&unseen, &seen, &special]),
    });
    write_json(&folder.join("manifest.json"), &manifest)?;
    say(&format!(
        "{} training worlds, {} held out; {} demonstrations, {tokens} tokens; lengths {}",
        seen.len(),
        unseen.len(),
        demonstrations.len(),
        lengths(&demonstrations)
    ));
    let chosen = choose(&unseen, options.eval.tasks, &options.mixture);
    write_demonstrations(&folder.join("demonstrations.jsonl"), &form, &demonstrations)?;
    let judged_on: Vec<Demonstration> = chosen
        .iter()
        .filter_map(|(place, task)| unseen[*place].demonstration_of(*task))
        .cloned()
        .collect();
    write_demonstrations(&folder.join("held-out.jsonl"), &form, &judged_on)?;
    let studio = Studio {
        context,
        options: &options,
        folder: &folder,
        manifest: &manifest,
    };
    let mut cards = Vec::new();
    let mut episodes: BTreeMap<String, Vec<Judged>> = BTreeMap::new();
    let mut judge = |name: &str, model: &LanguageModel, costs: &mut Costs| {
        let judged = costs.count(&folder, "evaluation", || {
            studio.judge(name, "held-out", model, &unseen, &chosen)
        })?;
        cards.extend(cards_of(name, "held-out", &judged, &options.eval));
        episodes.insert(name.to_string(), judged);
        Ok::<(), CommandError>(())
    };
    judge("base", &base, &mut costs)?;
    costs.count(&folder, "general", || {
        studio.train("general", &base, &examples(&demonstrations), &general.train)
    })?;
    judge("general", &base, &mut costs)?;
    let mut vertical_cards = Vec::new();
    if !special.is_empty() {
        let later = &options.stage.vertical;
        // Tasks that are judged are never trained on.
        let judged_on = choose(&special, options.eval.vertical_tasks, &options.mixture);
        let reserved: Vec<&str> = judged_on
            .iter()
            .map(|(place, task)| special[*place].tasks[*task].id.as_str())
            .collect();
        let mut free = all(&special);
        free.retain(|own| !reserved.contains(&own.task.as_str()));
        let mut wanted = mix(
            &free,
            &options.mixture,
            later.trajectories,
            usize::MAX,
            false,
            seed,
        );
        let again = (later.replay * wanted.len() as f64).round() as usize;
        wanted.extend(demonstrations.iter().take(again).cloned());
        for (name, trains) in [("general", false), ("vertical", true)] {
            if trains && !wanted.is_empty() {
                costs.count(&folder, "vertical", || {
                    studio.train("vertical", &base, &examples(&wanted), &later.train)
                })?;
                judge("vertical", &base, &mut costs)?;
            }
            let judged = costs.count(&folder, "evaluation", || {
                studio.judge(name, "vertical", &base, &special, &judged_on)
            })?;
            vertical_cards.extend(cards_of(name, "vertical", &judged, &options.eval));
        }
    }
    drop(base);
    for control in &options.stage.controls {
        let model = ground::model(&options.model)?;
        let own = match control.as_str() {
            "wrong" => with_wrong_turns(&demonstrations, seed),
            _ => mixture(&seen[..1], usize::MAX, tokens, true),
        };
        costs.count(&folder, control, || {
            studio.train(control, &model, &examples(&own), &general.train)
        })?;
        judge(control, &model, &mut costs)?;
    }
    cards.extend(vertical_cards);
    let mut pairs = BTreeMap::new();
    if options.eval.perturbed {
        for (name, judged) in &episodes {
            let name = format!("{name}, perturbed over clean");
            pairs.insert(name, perturbed_over_clean(judged));
        }
    }
    for (first, second) in [
        ("base", "general"),
        ("general", "vertical"),
        ("wrong", "general"),
        ("one-world", "general"),
    ] {
        if let (Some(before), Some(after)) = (episodes.get(first), episodes.get(second)) {
            pairs.insert(format!("{second} over {first}"), paired(before, after));
        }
    }
    let report = LearnReport {
        form: FORM.into(),
        manifest,
        paired: pairs,
        costs,
        peak_rss_bytes: peak_rss_bytes(),
        cards,
    };
    write_json(&folder.join("report.json"), &report)?;
    let text = format!(
        "{}\n{}\n{}",
        table(&report.cards),
        pair_lines(&report.paired),
        report.costs.text()
    );
    write_whole(&folder.join("report.md"), text.as_bytes())?;
    write_whole(
        &folder.join("held-out.svg"),
        plot::shares("Held-out episodes that pass (95 %)", &points(&report.cards)).as_bytes(),
    )?;
    context.folder.finish(NAME)?;
    say(&text);
    Ok(())
}

fn names(places: &[Place]) -> Vec<&str> {
    places.iter().map(|place| place.world.name()).collect()
}

/// Writes conversations as a person reads them: what a model is trained on, and gold of what it is judged on.
fn write_demonstrations(path: &Path, form: &Form<'_>, all: &[Demonstration]) -> Result<()> {
    let mut text = String::new();
    for own in all {
        let tokens = &own.example.tokens;
        let turns: Vec<String> = own
            .turns
            .iter()
            .map(|turn| form.text(&tokens[turn.clone()]))
            .collect();
        let row = json!({
            "task": own.task, "world": own.world, "length": own.length, "tokens": tokens.len(),
            "turns": turns, "text": form.text(tokens),
        });
        text.push_str(&row.to_string());
        text.push('\n');
    }
    write_whole(path, text.as_bytes())
}

fn token_count(demonstrations: &[Demonstration]) -> usize {
    demonstrations
        .iter()
        .map(|own| own.example.tokens.len())
        .sum()
}

fn lengths(demonstrations: &[Demonstration]) -> Value {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for own in demonstrations {
        *counts.entry(own.length.name()).or_default() += 1;
    }
    json!(counts)
}

fn dropped(all: &[&Vec<Place>]) -> BTreeMap<String, usize> {
    let mut sum: BTreeMap<String, usize> = BTreeMap::new();
    for (reason, count) in all
        .iter()
        .flat_map(|own| own.iter())
        .flat_map(|own| &own.dropped)
    {
        *sum.entry(reason.clone()).or_default() += count;
    }
    sum
}

fn examples(demonstrations: &[Demonstration]) -> Vec<Example> {
    demonstrations
        .iter()
        .map(|own| own.example.clone())
        .collect()
}

/// Where models are trained and judged.
struct Studio<'a> {
    context: &'a Context,
    options: &'a Options,
    folder: &'a Path,
    manifest: &'a Value,
}

/// Steps between two checkpoints.
const CHECKPOINT: usize = 20;

impl Studio<'_> {
    /// Trains, or takes what a run before this one has finished. The model is left in `<name>/model`.
    fn train(
        &self,
        name: &str,
        language_model: &LanguageModel,
        examples: &[Example],
        options: &TrainOptions,
    ) -> Result<()> {
        let own = self.folder.join(name);
        std::fs::create_dir_all(&own).map_err(|error| io_error(&own, &error))?;
        let checkpoint = own.join("checkpoint");
        let mut options = options.clone();
        options.seed = options.seed.wrapping_add(self.context.recipe.seed);
        let mut trainer = Trainer::new(&language_model.model, examples, options)
            .map_err(|error| failed(&error))?;
        trainer
            .resume(&checkpoint)
            .map_err(|error| failed(&error))?;
        let watch = Stopwatch::start();
        let (begun, mut tokens) = (trainer.history().len(), 0);
        while let Some(step) = trainer.step().map_err(|error| failed(&error))? {
            tokens += step.tokens;
            let (steps, seconds) = (trainer.steps(), watch.seconds());
            let each = seconds / (step.step - begun) as f64;
            if !self.context.quiet && (step.step % 5 == 0 || step.step == steps) {
                line(&format!(
                    "{name:>9}  step {} of {steps}: loss {:.3}, {:.0} % right, {:.0} tokens/s, {:.0} s left",
                    step.step,
                    step.loss,
                    100.0 * step.right,
                    f64::from(tokens as u32) / seconds,
                    each * (steps - step.step) as f64
                ));
            }
            if step.step % CHECKPOINT == 0 && step.step < steps {
                trainer
                    .save(&checkpoint, self.manifest)
                    .map_err(|error| failed(&error))?;
            }
        }
        trainer
            .save(&checkpoint, self.manifest)
            .map_err(|error| failed(&error))?;
        let losses: Vec<f64> = trainer.history().iter().map(|step| step.loss).collect();
        let title = format!("Loss, {name}");
        write_whole(
            &own.join("loss.svg"),
            plot::losses(&title, &losses).as_bytes(),
        )?;
        language_model
            .save(&own.join("model"))
            .map_err(|error| failed(&error))
    }

    /// Judges, or reads what a run before this one has judged.
    fn judge(
        &self,
        name: &str,
        tasks: &str,
        language_model: &LanguageModel,
        places: &[Place],
        chosen: &[(usize, usize)],
    ) -> Result<Vec<Judged>> {
        let path = self.folder.join(format!("{name}-{tasks}.jsonl"));
        if path.exists() {
            return read_episodes(&path);
        }
        let judged = judge(self.options, language_model, places, chosen)?;
        write_episodes(&path, &judged)?;
        if !self.context.quiet {
            let share = rate(
                judged
                    .iter()
                    .map(|own| (own.world.as_str(), own.played.passed)),
            );
            line(&format!(
                "{name:>9}  {tasks}: {} of {} episodes pass",
                share.passed, share.tried
            ));
        }
        Ok(judged)
    }
}

/// Plays tasks in every mode; each worker has its own episodes.
fn judge(
    options: &Options,
    language_model: &LanguageModel,
    places: &[Place],
    chosen: &[(usize, usize)],
) -> Result<Vec<Judged>> {
    let form = Form::new(&language_model.tokenizer, options.prompt.clone())
        .map_err(|error| failed(&error))?;
    let mut plays = Vec::new();
    for (place, task) in chosen {
        let place = &places[*place];
        for attempt in 0..options.eval.attempts {
            for mode in options.eval.modes() {
                plays.push(Play {
                    world: &place.world,
                    task: &place.tasks[*task],
                    guided: mode.guided,
                    perturbed: mode.perturbed,
                    attempt,
                });
            }
        }
    }
    let size = plays.len().div_ceil(options.eval.workers).max(1);
    let work = |some: &[Play<'_>], play_options: &PlayOptions| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .stack_size(16 << 20)
            .build()
            .map_err(|error| CommandError::work(error.to_string()))?;
        pool.install(|| play(&language_model.model, &form, some, play_options, |_, _| {}))
            .map_err(|error| failed(&error))
    };
    let played: Vec<Result<Vec<practicum_learn::Played>>> = std::thread::scope(|scope| {
        let running: Vec<_> = plays
            .chunks(size)
            .map(|some| {
                let work = &work;
                scope.spawn(move || work(some, &options.eval.play))
            })
            .collect();
        running
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(CommandError::work("a worker failed")))
            })
            .collect()
    });
    let mut all = Vec::new();
    for part in played {
        all.extend(part?);
    }
    Ok(plays
        .iter()
        .zip(all)
        .map(|(play, played)| Judged {
            task: play.task.id.clone(),
            world: play.world.name().to_string(),
            length: Length::of(play.task),
            guided: play.guided,
            perturbed: play.perturbed,
            attempt: play.attempt,
            played,
        })
        .collect())
}

fn write_episodes(path: &Path, judged: &[Judged]) -> Result<()> {
    let mut text = String::new();
    for own in judged {
        text.push_str(&serde_json::to_string(own).unwrap_or_default());
        text.push('\n');
    }
    write_whole(path, text.as_bytes())
}

fn read_episodes(path: &Path) -> Result<Vec<Judged>> {
    let text = std::fs::read_to_string(path).map_err(|error| io_error(path, &error))?;
    text.lines()
        .map(|line| {
            serde_json::from_str(line)
                .map_err(|error| CommandError::user(format!("{}: {error}", path.display())))
        })
        .collect()
}

fn cards_of(checkpoint: &str, tasks: &str, judged: &[Judged], eval: &Eval) -> Vec<Card> {
    let is = |mode: Mode, own: &Judged| {
        mode == Mode {
            guided: own.guided,
            perturbed: own.perturbed,
        }
    };
    let of = |mode: Mode, test: &dyn Fn(&Judged) -> bool, length: Option<Length>| {
        rate(
            judged
                .iter()
                .filter(|own| is(mode, own) && length.is_none_or(|length| own.length == length))
                .map(|own| (own.world.as_str(), test(own))),
        )
    };
    eval.modes()
        .into_iter()
        .map(|mode| Card {
            checkpoint: checkpoint.into(),
            tasks: tasks.into(),
            mode: mode.name().into(),
            passed: of(mode, &|own| own.played.passed, None),
            first_right: of(mode, &|own| own.played.first_right, None),
            first_valid: of(mode, &|own| own.played.first_valid, None),
            by_length: Length::ALL
                .into_iter()
                .map(|length| (length, of(mode, &|own| own.played.passed, Some(length))))
                .filter(|(_, rate)| rate.tried > 0)
                .collect(),
            pass_hat: {
                let own: Vec<Judged> = judged.iter().filter(|own| is(mode, own)).cloned().collect();
                (1..=eval.attempts as usize)
                    .filter_map(|k| pass_hat(&own, k))
                    .collect()
            },
        })
        .collect()
}

fn percent(rate: &Rate) -> String {
    format!(
        "{}/{} {:.0} % ({:.0}-{:.0})",
        rate.passed,
        rate.tried,
        100.0 * rate.share(),
        100.0 * rate.low,
        100.0 * rate.high
    )
}

fn table(cards: &[Card]) -> String {
    let mut out = String::from(
        "\n| model | tasks | mode | episodes that pass | first call right | first turn valid | one call | two | three | refuse |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for card in cards {
        let length = |length| {
            card.by_length
                .get(&length)
                .map_or("-".into(), |rate| format!("{}/{}", rate.passed, rate.tried))
        };
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            card.checkpoint,
            card.tasks,
            card.mode,
            percent(&card.passed),
            percent(&card.first_right),
            percent(&card.first_valid),
            length(Length::OneCall),
            length(Length::TwoCall),
            length(Length::ThreeCall),
            length(Length::Refuse)
        ));
    }
    out
}

fn pair_lines(pairs: &BTreeMap<String, Paired>) -> String {
    pairs
        .iter()
        .map(|(name, own)| {
            format!(
                "{name}: {:+.1} points ({:+.1} to {:+.1}), {} better, {} worse of {}, chance {:.4}\n",
                100.0 * own.difference,
                100.0 * own.low,
                100.0 * own.high,
                own.better,
                own.worse,
                own.both,
                own.chance
            )
        })
        .collect()
}

fn points(cards: &[Card]) -> Vec<Point> {
    cards
        .iter()
        .filter(|card| card.tasks == "held-out")
        .map(|card| Point {
            label: format!("{} {}", card.checkpoint, card.mode),
            share: card.passed.share(),
            low: card.passed.low,
            high: card.passed.high,
            kind: usize::from(card.mode.starts_with("guided")),
        })
        .collect()
}

/// Judges one model on the recipe's held-out tasks.
pub(crate) fn eval(context: &Context, arguments: &EvalArguments) -> Result<()> {
    let mut options = Options::of(&context.recipe)?;
    options.eval.perturbed |= arguments.perturbed;
    let path = arguments.model.as_ref().unwrap_or(&options.model);
    let language_model = ground::model(path)?;
    let form = Form::new(&language_model.tokenizer, options.prompt.clone())
        .map_err(|error| failed(&error))?;
    let unseen = held_out(context, &form, &options)?;
    let chosen = choose(&unseen, options.eval.tasks, &options.mixture);
    let judged = judge(&options, &language_model, &unseen, &chosen)?;
    write_episodes(&arguments.episodes, &judged)?;
    let cards = cards_of("model", "held-out", &judged, &options.eval);
    let against = match &arguments.against {
        Some(path) => Some(paired(&read_episodes(path)?, &judged)),
        None => None,
    };
    let perturbed = options
        .eval
        .perturbed
        .then(|| perturbed_over_clean(&judged));
    if arguments.run.json {
        let all = json!({"cards": cards, "against": against, "perturbed_over_clean": perturbed});
        result(&all.to_string());
    } else {
        result(&table(&cards));
        if let Some(pair) = perturbed {
            result(&pair_lines(&BTreeMap::from([(
                "perturbed over clean".into(),
                pair,
            )])));
        }
        if let Some(pair) = against {
            result(&pair_lines(&BTreeMap::from([(
                "over the other".into(),
                pair,
            )])));
        }
    }
    Ok(())
}

/// One point of the curve: a number of worlds and a seed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct CurvePoint {
    worlds: usize,
    seed: u64,
    names: Vec<String>,
    demonstrations: usize,
    distinct: usize,
    tokens: usize,
    seconds: f64,
    core_seconds: f64,
}

/// Trains one model for every number of worlds and every seed, on as many tokens, and judges all on the same tasks.
pub(crate) fn curve(context: &Context) -> Result<()> {
    let options = Options::of(&context.recipe)?;
    let folder = context.folder.root().join("curve");
    std::fs::create_dir_all(&folder).map_err(|error| io_error(&folder, &error))?;
    let key = format!("{}{}", key_part(&options), context.recipe.seed);
    let key_path = folder.join("options.json");
    match std::fs::read_to_string(&key_path) {
        Ok(old) if old != key => {
            return Err(CommandError::user(format!(
                "{} holds the curve of another recipe",
                folder.display()
            ))
            .hint("delete that folder, or choose another with --out"));
        }
        _ => write_whole(&key_path, key.as_bytes())?,
    }
    let first = ground::model(&options.model)?;
    let tokenizer = first.tokenizer.clone();
    drop(first);
    let form = Form::new(&tokenizer, options.prompt.clone()).map_err(|error| failed(&error))?;
    let unseen = held_out(context, &form, &options)?;
    let chosen = choose(&unseen, options.curve.tasks, &options.mixture);
    let mut cards = Vec::new();
    let mut points = Vec::new();
    let mut by_worlds: BTreeMap<usize, Vec<Judged>> = BTreeMap::new();
    for seed in &options.curve.seeds {
        for worlds in &options.curve.worlds {
            let name = format!("{worlds}-worlds-seed-{seed}");
            let own = folder.join(&name);
            let done = own.join("point.json");
            let (watch, before) = (Stopwatch::start(), core_seconds());
            let manifest =
                json!({"form": FORM, "worlds": worlds, "seed": seed, "held_out": names(&unseen)});
            let studio = Studio {
                context,
                options: &options,
                folder: &folder,
                manifest: &manifest,
            };
            let judged = if done.exists() {
                points.push(read_json::<CurvePoint>(&done)?);
                read_episodes(&folder.join(format!("{name}-held-out.jsonl")))?
            } else {
                let seen = training(context, &form, &options, *worlds, *seed)?;
                let budget = options.curve.tokens;
                let demonstrations = mix(
                    &all(&seen),
                    &options.mixture,
                    usize::MAX,
                    budget,
                    true,
                    *seed,
                );
                let model = ground::model(&options.model)?;
                let mut train = options.curve.train.clone();
                train.seed = train.seed.wrapping_add(*seed);
                studio.train(&name, &model, &examples(&demonstrations), &train)?;
                let judged = studio.judge(&name, "held-out", &model, &unseen, &chosen)?;
                let mut distinct: Vec<&str> =
                    demonstrations.iter().map(|own| own.task.as_str()).collect();
                distinct.sort_unstable();
                distinct.dedup();
                let point = CurvePoint {
                    worlds: *worlds,
                    seed: *seed,
                    names: names(&seen).into_iter().map(str::to_string).collect(),
                    demonstrations: demonstrations.len(),
                    distinct: distinct.len(),
                    tokens: token_count(&demonstrations),
                    seconds: watch.seconds(),
                    core_seconds: core_seconds() - before,
                };
                write_json(&done, &point)?;
                // A point takes two gigabytes that nothing needs any more.
                for heavy in ["checkpoint", "model"] {
                    let path = own.join(heavy);
                    std::fs::remove_dir_all(&path).map_err(|error| io_error(&path, &error))?;
                }
                points.push(point);
                judged
            };
            cards.extend(cards_of(&name, "held-out", &judged, &options.eval));
            by_worlds.entry(*worlds).or_default().extend(judged);
        }
    }
    for (worlds, judged) in &by_worlds {
        cards.extend(cards_of(
            &format!("{worlds} worlds, all seeds"),
            "held-out",
            judged,
            &options.eval,
        ));
    }
    let plotted: Vec<Card> = cards
        .iter()
        .filter(|card| card.checkpoint.ends_with("all seeds"))
        .cloned()
        .collect();
    write_json(
        &folder.join("curve.json"),
        &json!({"points": points, "cards": cards}),
    )?;
    write_whole(&folder.join("curve.md"), table(&cards).as_bytes())?;
    write_whole(
        &folder.join("curve.svg"),
        plot::shares(
            "Held-out episodes that pass, by training worlds (95 %)",
            &self::points(&plotted),
        )
        .as_bytes(),
    )?;
    if !context.quiet {
        line(&table(&cards));
    }
    Ok(())
}
