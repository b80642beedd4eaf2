//! The whole loop as a library: demonstrations in some worlds, training, judging in others.
//!
//! `cargo run --release -p practicum-learn --example unseen_worlds -- MODEL DEMONSTRATIONS TASKS TRAIN... -- HELD_OUT...`,
//! where TRAIN and HELD_OUT are folders of worlds.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::collections::BTreeMap;
use std::path::Path;

use practicum_learn::{
    Demonstration, Form, FormOptions, LanguageModel, LearnError, Length, Play, PlayOptions, Result,
    TrainOptions, Trainer, demonstrate, mix, play, rate,
};
use practicum_task::{Kind, Options, Task, generate};
use practicum_world::World;

/// Longest demonstration.
const MOST: usize = 384;

fn place(folder: &str, form: &Form<'_>) -> Result<(World, Vec<Task>, Vec<Demonstration>)> {
    let world = World::load(Path::new(folder))
        .map_err(|error| LearnError::Invalid(format!("{folder}: {error}")))?;
    let options = Options {
        per_world: 24,
        kinds: BTreeMap::from([
            (Kind::Write, 0.4),
            (Kind::Lookup, 0.25),
            (Kind::Count, 0.15),
            (Kind::Declined, 0.1),
            (Kind::Impossible, 0.1),
        ]),
        ..Options::default()
    };
    let (tasks, _) = generate(&world, &options)?;
    let found = demonstrate(form, &world, &tasks, MOST)?;
    println!(
        "{}: {} of {} tasks fit; {:?}",
        world.name(),
        found.kept.len(),
        tasks.len(),
        found.dropped
    );
    let fits = |task: &Task| found.kept.iter().any(|own| own.task == task.id);
    let tasks = tasks.into_iter().filter(fits).collect();
    Ok((world, tasks, found.kept))
}

fn judge(
    name: &str,
    language_model: &LanguageModel,
    form: &Form<'_>,
    plays: &[Play<'_>],
) -> Result<()> {
    let options = PlayOptions::default();
    let played = play(&language_model.model, form, plays, &options, |_, _| {})?;
    for guided in [false, true] {
        let own = || {
            plays
                .iter()
                .zip(&played)
                .filter(|(play, _)| play.guided == guided)
        };
        let passed = rate(own().map(|(play, played)| (play.world.name(), played.passed)));
        let first = rate(own().map(|(play, played)| (play.world.name(), played.first_right)));
        let valid = rate(own().map(|(play, played)| (play.world.name(), played.first_valid)));
        println!(
            "{name}, {}: {}/{} episodes pass ({:.0}-{:.0} %), first call right {}/{}, first turn valid {}/{}",
            if guided { "guided" } else { "free" },
            passed.passed,
            passed.tried,
            100.0 * passed.low,
            100.0 * passed.high,
            first.passed,
            first.tried,
            valid.passed,
            valid.tried
        );
        for (play, played) in own().take(6) {
            println!("    {}\n      {:?}", play.task.intent, played.said);
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = || LearnError::Invalid("MODEL DEMONSTRATIONS TASKS TRAIN... -- HELD_OUT...".into());
    let [model, count, tasks, folders @ ..] = arguments.as_slice() else {
        return Err(usage());
    };
    let (Ok(count), Ok(wanted)) = (count.parse::<usize>(), tasks.parse::<usize>()) else {
        return Err(usage());
    };
    let Some(border) = folders.iter().position(|folder| folder == "--") else {
        return Err(usage());
    };
    let language_model = LanguageModel::load(Path::new(model))?;
    let form = Form::new(&language_model.tokenizer, FormOptions::default())?;
    let mut demonstrations = Vec::new();
    for folder in &folders[..border] {
        demonstrations.extend(place(folder, &form)?.2);
    }
    let shares = BTreeMap::from([
        (Length::OneCall, 0.4),
        (Length::TwoCall, 0.3),
        (Length::ThreeCall, 0.15),
        (Length::Refuse, 0.15),
    ]);
    let chosen = mix(&demonstrations, &shares, count, usize::MAX, false, 1);
    let unseen = folders[border + 1..]
        .iter()
        .map(|folder| place(folder, &form))
        .collect::<Result<Vec<_>>>()?;
    let each = wanted.div_ceil(unseen.len().max(1));
    let mut plays = Vec::new();
    for (world, tasks, _) in &unseen {
        for task in tasks.iter().take(each) {
            for guided in [false, true] {
                plays.push(Play {
                    world,
                    task,
                    guided,
                    perturbed: false,
                    attempt: 0,
                });
            }
        }
    }
    judge("before", &language_model, &form, &plays)?;
    let examples: Vec<_> = chosen.into_iter().map(|own| own.example).collect();
    let tokens: usize = examples.iter().map(|own| own.tokens.len()).sum();
    let kept: usize = examples
        .iter()
        .map(|own| own.keeps.iter().filter(|keep| **keep).count())
        .sum();
    println!(
        "{} demonstrations, {tokens} tokens, {kept} with loss",
        examples.len()
    );
    let mut trainer = Trainer::new(&language_model.model, &examples, TrainOptions::default())?;
    while let Some(step) = trainer.step()? {
        println!(
            "  step {}: loss {:.3}, {:.0} % right",
            step.step,
            step.loss,
            100.0 * step.right
        );
    }
    judge("after", &language_model, &form, &plays)
}
