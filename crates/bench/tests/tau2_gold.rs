//! Gold of every task of tau2-bench, replayed: what comes out is what the official package gives.
//!
//! The benchmark's data lies beside the checkout or nowhere. `fixtures/tau2-gold.txt` holds one digest per
//! task, in the order of the benchmark's files; `peers/tau2.py digests` computes them from the official
//! package's verdicts.

#![allow(clippy::print_stderr, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use practicum_bench::tau2::{Benchmark, Domain, ReplayLine, Replayer};
use practicum_world::python_sorted;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const FIXTURE: &str = include_str!("fixtures/tau2-gold.txt");

/// The benchmark's data, if they are beside the checkout.
fn data() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/benchmarks/tau2");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: there is no {}", path.display());
    None
}

/// The digests of a domain's tasks.
fn expected(domain: Domain) -> Vec<&'static str> {
    FIXTURE
        .lines()
        .skip_while(|line| *line != format!("# {}", domain.name()))
        .skip(1)
        .take_while(|line| !line.starts_with('#'))
        .collect()
}

/// The digest of a verdict: SHA-256 of its members as sorted JSON, 16 hexadecimal digits.
fn digest(verdict: &Value) -> String {
    const MEMBERS: [&str; 8] = [
        "action_checks",
        "action_reward",
        "db_hash",
        "db_match",
        "env_assertions",
        "env_reward",
        "outputs",
        "user_db_hash",
    ];
    let members: Value = MEMBERS
        .iter()
        .map(|name| ((*name).to_string(), verdict[*name].clone()))
        .collect();
    let digest = Sha256::digest(python_sorted(&members));
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn replay_gold(domain: Domain) {
    let Some(data) = data() else { return };
    let benchmark = Benchmark::open(&data).unwrap();
    let tasks = benchmark.tasks(domain).unwrap();
    let expected = expected(domain);
    assert_eq!(
        tasks.len(),
        expected.len(),
        "the data are of another version"
    );
    let mut replayer = Replayer::new(benchmark);
    let mut wrong = Vec::new();
    for (task, expected) in tasks.iter().zip(expected) {
        let criteria = task.evaluation_criteria.as_ref().unwrap();
        let line = ReplayLine {
            domain: domain.name().into(),
            task_id: task.id.clone(),
            actions: criteria.actions.clone().unwrap_or_default(),
        };
        let verdict = serde_json::to_value(replayer.replay(line).unwrap()).unwrap();
        assert_eq!(verdict["env_reward"], json!(1.0), "{}", task.id);
        if digest(&verdict) != expected {
            wrong.push(task.id.clone());
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}: {wrong:?}",
        wrong.len(),
        tasks.len()
    );
}

#[test]
fn gold_of_airline_gives_the_official_verdicts() {
    replay_gold(Domain::Airline);
}

#[test]
fn gold_of_retail_gives_the_official_verdicts() {
    replay_gold(Domain::Retail);
}

#[test]
fn gold_of_telecom_gives_the_official_verdicts() {
    replay_gold(Domain::Telecom);
}
