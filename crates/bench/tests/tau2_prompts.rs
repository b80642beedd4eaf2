//! What models are told in tau2-bench: exactly what the official program tells them.
//!
//! To compare, name a Python 3.12 with the official package, installed from a checkout, in
//! `PRACTICUM_TAU2_PYTHON`.

#![allow(clippy::print_stderr, clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use practicum_bench::tau2::{Benchmark, Domain, Prompts, ToolDescriptions};
use serde_json::Value;

#[test]
#[allow(clippy::disallowed_methods)] // the one place that names another program for this test
fn models_are_told_what_the_official_program_tells_them() {
    let Some(python) = std::env::var_os("PRACTICUM_TAU2_PYTHON") else {
        eprintln!("skipped: PRACTICUM_TAU2_PYTHON names no Python with the tau2 package");
        return;
    };
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/tau2_prompts.py");
    let ran = Command::new(python).arg(peer).output().unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let benchmark = Benchmark::open(Path::new(told["data"].as_str().unwrap())).unwrap();
    for (name, official) in told["domains"].as_object().unwrap() {
        let domain = Domain::of_name(name).unwrap();
        let prompts = Prompts::read(&benchmark, domain.has_user_tools()).unwrap();
        assert!(prompts.official);
        let policy = benchmark.policy_of(domain, name).unwrap();
        assert_eq!(prompts.agent(&policy), official["agent"], "{name}");
        let tools = ToolDescriptions::read(&benchmark, domain, &domain.world().unwrap());
        assert!(tools.official, "{name}");
        for (ours, theirs) in [
            (&tools.agent, &official["agent_tools"]),
            (&tools.user, &official["user_tools"]),
        ] {
            let theirs = theirs.as_array().unwrap();
            assert_eq!(ours.len(), theirs.len());
            for (ours, theirs) in ours.iter().zip(theirs) {
                assert_eq!(ours, theirs, "{name}\n{ours:#}\n{theirs:#}");
                // The order of members, too.
                assert_eq!(ours.to_string(), theirs.to_string());
            }
        }
        let documents = benchmark.task_documents(domain).unwrap();
        let mut compared = 0;
        for (id, user) in official["users"].as_object().unwrap() {
            let document = documents.iter().find(|own| own["id"] == **id).unwrap();
            assert_eq!(prompts.user(document), *user, "{name} {id}");
            compared += 1;
        }
        assert!(compared >= 50, "{compared}");
    }
}

/// Where only the data are at hand, the port's own words serve, and say so.
#[test]
fn data_alone_give_our_own_descriptions() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/benchmarks/tau2");
    if !data.is_dir() {
        eprintln!("skipped: there is no {}", data.display());
        return;
    }
    let benchmark = Benchmark::open(&data).unwrap();
    for domain in Domain::ALL {
        let tools = ToolDescriptions::read(&benchmark, domain, &domain.world().unwrap());
        assert!(!tools.official && tools.agent.len() >= 13);
        assert_eq!(tools.user.is_empty(), !domain.has_user_tools());
        let prompts = Prompts::read(&benchmark, domain.has_user_tools()).unwrap();
        assert!(!prompts.official);
        let policy = benchmark.policy(domain).unwrap();
        assert!(prompts.agent(&policy).contains(&policy));
        let document = &benchmark.task_documents(domain).unwrap()[0];
        assert!(prompts.user(document).contains("###STOP###"));
    }
}
