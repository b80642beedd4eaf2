//! Rates, intervals, and the official overall scores.

use practicum_bench::acebench::{Answer, Benchmark, Category, Count, Scorecard, Verdict};
use serde_json::json;

use crate::fixture::{benchmark, function};

fn scored(benchmark: &Benchmark, category: Category, texts: &[(&str, &str)]) -> Scorecard {
    let verdicts: Vec<(Answer, Verdict)> = texts
        .iter()
        .map(|(id, text)| {
            let answer = Answer {
                category,
                id: (*id).into(),
                result: json!(text),
                process: None,
            };
            let verdict = benchmark.score(&answer).unwrap();
            (answer, verdict)
        })
        .collect();
    Scorecard::new(benchmark, &verdicts)
}

fn turns(category: Category, ids: &[&str]) -> Benchmark {
    let functions = function(json!({ "a": { "type": "string" } }));
    let items: Vec<_> = ids
        .iter()
        .map(|id| {
            (
                *id,
                functions.clone(),
                json!({ "ground_truth": { "f": { "a": "x" } } }),
            )
        })
        .collect();
    benchmark(category, &items)
}

/// A dialogue is right where all its turns are, and a turn without an answer is not.
#[test]
fn dialogues_count_as_wholes() {
    let category = Category::MultiTurnSwitch;
    let ids = ["d_0_0", "d_0_1", "d_1_0", "d_1_1", "d_2_0"];
    let benchmark = turns(category, &ids);
    let card = scored(
        &benchmark,
        category,
        &[
            ("d_0_0", "[f(a='x')]"),
            ("d_0_1", "[f(a='x')]"),
            ("d_1_0", "[f(a='x')]"),
            ("d_2_0", "no"),
        ],
    );
    let (_, score) = card.categories().next().unwrap();
    assert_eq!(
        score.dialogues,
        Some(Count {
            correct: 1,
            total: 3
        })
    );
    assert_eq!(
        score.items,
        Count {
            correct: 3,
            total: 5
        }
    );
    assert_eq!(score.unanswered, 1);
    assert!((score.accuracy - 0.333).abs() < 1e-12);
    // One of twelve normal categories; the others count 0, as in the official summary.
    let overall = card.overall();
    assert!((overall.normal - 0.028).abs() < 1e-12);
    assert!((overall.overall - 0.016).abs() < 1e-12);
    assert_eq!(card.missing().count(), 16);
}

#[test]
fn intervals_are_wilsons() {
    let close = |one: f64, two: f64| (one - two).abs() < 5e-5;
    let (low, high) = Count {
        correct: 0,
        total: 10,
    }
    .interval();
    assert!(close(low, 0.0) && close(high, 0.27753));
    let (low, high) = Count {
        correct: 50,
        total: 100,
    }
    .interval();
    assert!(close(low, 0.40383) && close(high, 0.59617));
    assert_eq!(
        Count {
            correct: 0,
            total: 0
        }
        .interval(),
        (0.0, 1.0)
    );
    assert!(
        (Count {
            correct: 7,
            total: 7
        }
        .interval()
        .1 - 1.0)
            .abs()
            < 1e-12
    );
}
