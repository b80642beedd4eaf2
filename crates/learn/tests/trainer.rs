//! A tiny random model learns: the loss falls, only what is marked is learnt, a killed run goes on bit by bit.
#![allow(clippy::unwrap_used)]

use practicum_learn::{Example, Model, ModelConfig, Packed, TrainOptions, Trainer, pack};
use proptest::prelude::*;
use serde_json::json;

const VOCABULARY: usize = 23;

/// Sequences in which each token follows from the one before, of several lengths.
fn examples(count: usize) -> Vec<Example> {
    (0..count)
        .map(|number| {
            let mut token = number as u32 % VOCABULARY as u32;
            let tokens: Vec<u32> = (0..10 + number % 5)
                .map(|_| {
                    token = (token * 5 + 3) % VOCABULARY as u32;
                    token
                })
                .collect();
            let keeps = tokens.iter().map(|token| token % 3 != 0).collect();
            Example {
                id: format!("example-{number}"),
                tokens,
                keeps,
            }
        })
        .collect()
}

fn options() -> TrainOptions {
    TrainOptions {
        epochs: 12.0,
        batch: 4,
        pass_tokens: 30,
        learning_rate: 1e-2,
        frozen_embedding: false,
        ..TrainOptions::default()
    }
}

fn model() -> Model {
    Model::random(ModelConfig::tiny(VOCABULARY), 1).unwrap()
}

fn weights(model: &Model) -> Vec<Vec<f32>> {
    let numbers = |parameter: &practicum_learn::Parameter| {
        parameter.var.flatten_all().unwrap().to_vec1().unwrap()
    };
    model.parameters().iter().map(numbers).collect()
}

#[test]
fn the_loss_falls_where_there_is_loss_and_only_there() {
    let (model, examples) = (model(), examples(16));
    let mut trainer = Trainer::new(&model, &examples, options()).unwrap();
    assert_eq!(trainer.steps(), 48);
    let before = trainer.loss_of(&examples).unwrap();
    while trainer.step().unwrap().is_some() {}
    let after = trainer.loss_of(&examples).unwrap();
    assert!(before.mean() > 2.8, "{before:?}");
    assert!(after.mean() < 0.3, "{after:?}");
    assert!(after.right * 10 > after.count * 9, "{after:?}");

    // What is not marked was not learnt: tokens that are multiples of 3 are never predicted.
    let unmarked: Vec<Example> = examples
        .iter()
        .map(|example| Example {
            keeps: example.keeps.iter().map(|keep| !keep).collect(),
            ..example.clone()
        })
        .collect();
    assert!(trainer.loss_of(&unmarked).unwrap().mean() > 3.0);

    // The rate rises, then falls.
    let rates: Vec<f64> = trainer.history().iter().map(|step| step.rate).collect();
    let peak = rates.iter().copied().fold(0.0, f64::max);
    assert!(rates[0] < peak && (peak - 1e-2).abs() < 1e-9);
    assert!(rates[47] < 1.2e-3 && rates[47] >= 1e-3);
}

#[test]
fn frozen_parts_stay_and_all_others_move() {
    let (model, examples) = (model(), examples(8));
    let before = weights(&model);
    let frozen = TrainOptions {
        frozen_embedding: true,
        frozen_layers: 1,
        epochs: 1.0,
        ..options()
    };
    let mut trainer = Trainer::new(&model, &examples, frozen).unwrap();
    while trainer.step().unwrap().is_some() {}
    let pairs = before.iter().zip(weights(&model)).zip(model.parameters());
    for ((before, after), parameter) in pairs {
        let name = &parameter.name;
        let stays = name.contains("embed") || name.contains("layers.0.");
        assert_eq!(*before == after, stays, "{name}");
    }
}

#[test]
fn a_killed_run_goes_on_bit_by_bit() {
    let examples = examples(10);
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let manifest = json!({"stage": "general", "held_out": ["hotel"]});
    for workers in [1, 2] {
        let options = TrainOptions {
            epochs: 3.0,
            workers,
            ..options()
        };
        let whole = model();
        let mut trainer = Trainer::new(&whole, &examples, options.clone()).unwrap();
        while trainer.step().unwrap().is_some() {}
        let history = trainer.history().to_vec();

        let first = model();
        let mut trainer = Trainer::new(&first, &examples, options.clone()).unwrap();
        for _ in 0..3 {
            trainer.step().unwrap();
        }
        trainer.save(&checkpoint, &manifest).unwrap();
        // Steps after the checkpoint are lost, and made again.
        trainer.step().unwrap();

        let other = Model::random(ModelConfig::tiny(VOCABULARY), 99).unwrap();
        let mut trainer = Trainer::new(&other, &examples, options.clone()).unwrap();
        assert!(trainer.resume(&checkpoint).unwrap());
        while trainer.step().unwrap().is_some() {}
        assert_eq!(trainer.history(), history);
        assert_eq!(weights(&other), weights(&whole), "{workers} workers");

        // Another run's checkpoint is refused.
        let error = Trainer::new(&other, &examples[1..], options)
            .unwrap()
            .resume(&checkpoint)
            .unwrap_err();
        assert!(error.to_string().contains("other examples"), "{error}");
    }
    let state: serde_json::Value =
        serde_json::from_slice(&std::fs::read(checkpoint.join("state.json")).unwrap()).unwrap();
    assert_eq!(state["manifest"], manifest);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let (model, examples) = (model(), examples(2));
    for wrong in [
        TrainOptions {
            batch: 0,
            ..options()
        },
        TrainOptions {
            epochs: f64::NAN,
            ..options()
        },
        TrainOptions {
            warmup: 1.5,
            ..options()
        },
    ] {
        assert!(Trainer::new(&model, &examples, wrong).is_err());
    }
    assert!(Trainer::new(&model, &[], options()).is_err());
}

proptest! {
    /// Packing loses nothing, cuts nothing and keeps the order.
    #[test]
    fn packing_keeps_every_example_whole(lengths in prop::collection::vec(1usize..40, 1..30), room in 1usize..80) {
        let examples: Vec<Example> = lengths
            .iter()
            .enumerate()
            .map(|(number, length)| Example {
                id: number.to_string(),
                tokens: vec![number as u32; *length],
                keeps: (0..*length).map(|at| at % 2 == 1).collect(),
            })
            .collect();
        let passes = pack(&examples.iter().collect::<Vec<_>>(), room);
        let together: Vec<u32> = passes.iter().flat_map(|pass| pass.tokens.clone()).collect();
        let right: Vec<u32> = examples.iter().flat_map(|example| example.tokens.clone()).collect();
        prop_assert_eq!(together, right);
        let segments: usize = passes.iter().map(|pass| pass.segments.len()).sum();
        prop_assert_eq!(segments, examples.len());
        for pass in &passes {
            prop_assert!(pass.tokens.len() <= room || pass.segments.len() == 1);
            let mut end = 0;
            for segment in &pass.segments {
                prop_assert_eq!(segment.start, end);
                end = segment.end;
            }
            for target in &pass.targets {
                prop_assert_eq!(pass.tokens[target.row + 1], target.token);
                // The one that predicts is in the same segment.
                prop_assert!(pass.segments.iter().any(|own| own.contains(&target.row) && own.contains(&(target.row + 1))));
            }
        }
        let kept: usize = passes.iter().map(|pass| pass.targets.len()).sum();
        let marked: usize = examples.iter().map(|example| example.keeps.iter().filter(|keep| **keep).count()).sum();
        prop_assert_eq!(kept, marked);
    }
    // A `Packed` that is made by hand is the same as a packed example.
    #[test]
    fn the_first_token_never_carries_loss(length in 1usize..20) {
        let mut packed = Packed::default();
        packed.push(&vec![1; length], &vec![true; length]);
        prop_assert_eq!(packed.targets.len(), length - 1);
    }
}
