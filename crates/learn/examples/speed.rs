//! Trained tokens per core-second of a model of SmolLM2-135M's shape, and the most memory: full fine-tuning, sequences of
//! 512 tokens, the head on a quarter of the rows.
//!
//! `RAYON_NUM_THREADS=1 cargo run --release -p practicum-learn --example speed -- [SEQUENCES OF A STEP] [STEPS]`
//!
//! Linux only: CPU time and memory are read from /proc, so that a busy machine does not spoil the figures.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::fs;

use practicum_learn::{Example, Model, ModelConfig, Result, TrainOptions, Trainer};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| {
        arguments
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (sequences, steps) = (number(1), number(4));
    let config = ModelConfig {
        vocab_size: 49_152,
        hidden_size: 576,
        intermediate_size: 1_536,
        layers: 30,
        heads: 9,
        kv_heads: 3,
        head_dim: 64,
        rope_theta: 100_000.0,
        max_positions: 8_192,
        ..ModelConfig::tiny(1)
    };
    let model = Model::random(config, 1)?;
    let examples: Vec<Example> = (0..sequences)
        .map(|number: usize| Example {
            id: number.to_string(),
            tokens: (0..512u32)
                .map(|at| (at * 97 + number as u32 * 31) % 49_152)
                .collect(),
            keeps: (0..512).map(|at| at % 4 == 3).collect(),
        })
        .collect();
    for frozen_embedding in [false, true] {
        let options = TrainOptions {
            epochs: steps as f64,
            batch: sequences,
            pass_tokens: 2_048,
            frozen_embedding,
            ..TrainOptions::default()
        };
        let mut trainer = Trainer::new(&model, &examples, options)?;
        // The first step takes memory for the first time.
        let mut best = f64::MAX;
        let (mut sum, mut tokens) = (0.0, 0);
        for step in 0..steps {
            let before = cpu_seconds();
            let Some(report) = trainer.step()? else { break };
            let seconds = cpu_seconds() - before;
            if step > 0 {
                best = best.min(seconds / report.tokens as f64);
                sum += seconds;
                tokens += report.tokens;
            }
            println!(
                "  step {}: loss {:.3}, {:.2} core-seconds",
                report.step, report.loss, seconds
            );
        }
        println!(
            "{} x 512 tokens a step, {}: {:.1} trained tokens per core-second (best step {:.1}), peak memory {:.2} GiB",
            sequences,
            if frozen_embedding {
                "embedding frozen"
            } else {
                "all weights"
            },
            f64::from(tokens as u32) / sum,
            1.0 / best,
            peak_bytes() / f64::from(1u32 << 30)
        );
    }
    Ok(())
}

/// Seconds that this process has used on all cores, in user and system mode.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    // Linux has a hundred ticks a second on every machine that this runs on (sysconf _SC_CLK_TCK).
    ticks / 100.0
}

fn peak_bytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok())
        .unwrap_or(0.0)
        * 1_024.0
}
