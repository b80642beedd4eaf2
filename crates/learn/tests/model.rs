//! The decoder: every weight gets a gradient, fast and slow agree, what is saved loads again.
#![allow(clippy::unwrap_used)]

use candle_core::Tensor;
use practicum_learn::{Gradients, LanguageModel, Model, ModelConfig, Packed, Tokenizer};

fn families() -> Vec<(&'static str, ModelConfig)> {
    let tiny = ModelConfig::tiny(41);
    vec![
        ("llama", tiny.clone()),
        (
            "qwen2",
            ModelConfig {
                qkv_bias: true,
                tied: false,
                ..tiny.clone()
            },
        ),
        (
            "qwen3",
            ModelConfig {
                qk_norm: true,
                head_dim: 12,
                ..tiny
            },
        ),
    ]
}

/// Three segments of different lengths, half of the tokens with loss, of different weights.
fn batch() -> Packed {
    let mut batch = Packed::default();
    for (length, seed) in [(7u32, 3u32), (1, 5), (12, 8)] {
        let tokens: Vec<u32> = (0..length).map(|at| (seed + at * at * 7) % 41).collect();
        let keeps: Vec<bool> = (0..length).map(|at| at % 2 == 0).collect();
        batch.push(&tokens, &keeps);
    }
    for (at, target) in batch.targets.iter_mut().enumerate() {
        target.weight = 0.5 + at as f32 / 10.0;
    }
    batch
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn all_of(model: &Model) -> Gradients {
    Gradients::new(&vec![true; model.parameters().len()])
}

#[test]
fn every_weight_gets_a_gradient_and_both_ways_agree() {
    for (family, config) in families() {
        let model = Model::random(config, 1).unwrap();
        let (fast, slow) = (all_of(&model), all_of(&model));
        // Twice, so that sums over batches are compared too.
        for _ in 0..2 {
            let loss = model.backward(&batch(), 0.5, &fast).unwrap();
            let twin = model.composed_backward(&batch(), 0.5, &slow).unwrap();
            assert!(
                (loss.sum - twin.sum).abs() < 1e-3,
                "{family}: {loss:?} {twin:?}"
            );
            assert_eq!(
                (loss.count, loss.right),
                (twin.count, twin.right),
                "{family}"
            );
            let alone = model.loss(&batch()).unwrap();
            assert!((loss.sum - alone.sum).abs() < 1e-4, "{family}");
        }
        for (at, parameter) in model.parameters().iter().enumerate() {
            let name = &parameter.name;
            let fast = numbers(
                &fast
                    .take(at)
                    .unwrap_or_else(|| panic!("{family}: {name} has no gradient")),
            );
            let slow = numbers(&slow.take(at).unwrap());
            assert!(
                fast.iter().any(|x| *x != 0.0),
                "{family}: the gradient of {name} is 0"
            );
            assert!(fast.iter().all(|x| x.is_finite()), "{family}: {name}");
            let largest = slow.iter().fold(0f32, |most, x| most.max(x.abs()));
            for (a, b) in fast.iter().zip(&slow) {
                assert!(
                    (a - b).abs() < 1e-5 + 1e-3 * largest,
                    "{family}: {name}: {a} and {b}"
                );
            }
        }
    }
}

/// Not one twin by the other, but the gradient by what it means: the loss changes as it says.
#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    let model = Model::random(ModelConfig::tiny(41), 2).unwrap();
    let gradients = all_of(&model);
    model.backward(&batch(), 1.0, &gradients).unwrap();
    for (at, parameter) in model.parameters().iter().enumerate() {
        let gradient = gradients.take(at).unwrap();
        let norm = numbers(&gradient).iter().map(|x| x * x).sum::<f32>().sqrt();
        let step = 0.02 / f64::from(norm);
        let old = parameter.var.as_detached_tensor().copy().unwrap();
        let mut losses = Vec::new();
        for sign in [1.0, -1.0] {
            let moved = (&old + (&gradient * (sign * step)).unwrap()).unwrap();
            parameter.var.set(&moved).unwrap();
            losses.push(model.loss(&batch()).unwrap().sum);
        }
        parameter.var.set(&old).unwrap();
        let slope = (losses[0] - losses[1]) / 2.0 / step;
        let expected = f64::from(norm * norm);
        assert!(
            (slope - expected).abs() < 0.03 * expected,
            "{}: {slope} and {expected}",
            parameter.name
        );
    }
}

#[test]
fn what_is_frozen_gets_no_gradient_and_others_the_same() {
    let model = Model::random(ModelConfig::tiny(41), 1).unwrap();
    let whole = all_of(&model);
    model.backward(&batch(), 1.0, &whole).unwrap();
    let trained: Vec<bool> = (0..model.parameters().len())
        .map(|at| at % 3 == 1)
        .collect();
    let part = Gradients::new(&trained);
    model.backward(&batch(), 1.0, &part).unwrap();
    for (at, trained) in trained.iter().enumerate() {
        match part.take(at) {
            Some(gradient) => assert_eq!(numbers(&gradient), numbers(&whole.take(at).unwrap())),
            None => assert!(!trained),
        }
    }
}

/// A packed row gives each segment what it gets alone: nothing sees another segment.
#[test]
fn segments_do_not_see_each_other() {
    for (family, config) in families() {
        let model = Model::random(config, 3).unwrap();
        let batch = batch();
        let together = model.logits(&batch).unwrap();
        for segment in &batch.segments {
            let mut alone = Packed::default();
            let tokens = &batch.tokens[segment.clone()];
            alone.push(tokens, &vec![false; tokens.len()]);
            let alone = numbers(&model.logits(&alone).unwrap());
            let part = together.narrow(0, segment.start, segment.len()).unwrap();
            for (a, b) in numbers(&part).iter().zip(&alone) {
                assert!((a - b).abs() < 1e-5, "{family}: {a} and {b}");
            }
        }
    }
}

#[test]
fn a_saved_folder_loads_again_bit_for_bit() {
    for (family, config) in families() {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = Tokenizer::of_bytes(&["<|end|>"]).unwrap();
        let config = ModelConfig {
            vocab_size: tokenizer.len(),
            ..config
        };
        let saved = LanguageModel {
            model: Model::random(config, 4).unwrap(),
            tokenizer,
            chat_template: Some("{{ messages }}".into()),
        };
        saved.save(folder.path()).unwrap();
        let loaded = LanguageModel::load(folder.path()).unwrap();
        assert_eq!(loaded.model.config(), saved.model.config(), "{family}");
        assert_eq!(loaded.chat_template, saved.chat_template);
        let text = "ab\u{e9} 12\n<|end|>";
        let tokens = saved.tokenizer.encode(text).unwrap();
        assert_eq!(loaded.tokenizer.encode(text).unwrap(), tokens);
        assert_eq!(loaded.tokenizer.decode(&tokens), text);
        for (a, b) in saved
            .model
            .parameters()
            .iter()
            .zip(loaded.model.parameters())
        {
            assert_eq!(a.name, b.name);
            assert_eq!(
                numbers(a.var.as_tensor()),
                numbers(b.var.as_tensor()),
                "{family}: {}",
                a.name
            );
        }
        // A half-written folder is told from a whole one.
        std::fs::write(
            folder.path().join("model.safetensors"),
            b"\x08\0\0\0\0\0\0\0{\"a\":1",
        )
        .unwrap();
        let error = LanguageModel::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("model.safetensors"), "{error}");
    }
}

#[test]
fn wrong_input_is_an_error_that_says_what() {
    let model = Model::random(ModelConfig::tiny(41), 1).unwrap();
    let mut unknown = Packed::default();
    unknown.push(&[1, 41], &[true, true]);
    let error = model.loss(&unknown).unwrap_err().to_string();
    assert!(error.contains("token 41 of a vocabulary of 41"), "{error}");
    let mut long = Packed::default();
    long.push(&[1; 513], &[true; 513]);
    let error = model.loss(&long).unwrap_err().to_string();
    assert!(error.contains("513 tokens"), "{error}");
    let odd = ModelConfig {
        kv_heads: 3,
        ..ModelConfig::tiny(41)
    };
    assert!(Model::random(odd, 1).is_err());
}
