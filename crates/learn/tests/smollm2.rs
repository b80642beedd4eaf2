//! The real model, SmolLM2-135M-Instruct: the same tokens and the same logits as an independent reference
//! (`reference/reference.py`). Skipped, and said so, where `../shared/models` and `models` do not hold it.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use practicum_learn::{LanguageModel, Packed};
use serde_json::Value;

const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// `models/` of the checkout, as the README's download puts it there, or a folder beside the checkout.
fn file() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = [root.join("models"), root.join("../shared/models")];
    let found = places
        .iter()
        .map(|place| place.join(FILE))
        .find(|path| path.exists());
    if found.is_none() {
        println!("skipped: models/{FILE} is not there; docs/learning.md says how to get it");
    }
    found
}

fn reference() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/smollm2.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn tokens_and_logits_are_the_reference_s() {
    let Some(path) = file() else { return };
    let language_model = LanguageModel::load(&path).unwrap();
    let reference = reference();
    for case in reference["texts"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let tokens: Vec<u32> = serde_json::from_value(case["tokens"].clone()).unwrap();
        assert_eq!(
            language_model.tokenizer.encode(text).unwrap(),
            tokens,
            "{text:?}"
        );
        assert_eq!(language_model.tokenizer.decode(&tokens), text);
    }
    let spread: Vec<usize> = serde_json::from_value(reference["spread"].clone()).unwrap();
    let mut worst = 0.0f32;
    for case in reference["prompts"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let tokens = language_model.tokenizer.encode(text).unwrap();
        let mut batch = Packed::default();
        batch.push(&tokens, &vec![false; tokens.len()]);
        let logits = language_model.model.logits(&batch).unwrap();
        let logits = logits
            .get(tokens.len() - 1)
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        let best: Vec<(usize, f32)> = serde_json::from_value(case["best"].clone()).unwrap();
        let values: Vec<f32> = serde_json::from_value(case["spread"].clone()).unwrap();
        for (at, value) in best.into_iter().chain(spread.iter().copied().zip(values)) {
            worst = worst.max((logits[at] - value).abs());
            assert!(
                (logits[at] - value).abs() < 1e-3,
                "{text:?}, token {at}: {} and {value}",
                logits[at]
            );
        }
    }
    println!("largest difference of a logit: {worst:.1e}");
}
