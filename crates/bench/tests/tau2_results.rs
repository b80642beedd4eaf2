//! Results in tau2-bench's own format: graded here, and by the official package where it is at hand.
//!
//! The benchmark's data lies beside the checkout or nowhere. To compare with the official package, name a
//! Python 3.12 that has it in `PRACTICUM_TAU2_PYTHON`.

#![allow(clippy::print_stderr, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use practicum_bench::tau2::{
    Action, Benchmark, Domain, EnvironmentInfo, GradeError, Grader, Info, Judged, Party,
    ReplayLine, Replayer, Results, Simulation, Termination, TrajectoryMessage, Utterance, number,
    sentences_to_judge, timestamp, trajectory,
};
use serde_json::json;

/// The benchmark's data, if they are beside the checkout.
fn data() -> Option<Benchmark> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/benchmarks/tau2");
    if path.is_dir() {
        return Some(Benchmark::open(&path).unwrap());
    }
    eprintln!("skipped: there is no {}", path.display());
    None
}

fn party() -> Party {
    Party {
        implementation: "replay".into(),
        llm: None,
        llm_args: None,
        global_simulation_guidelines: None,
    }
}

const NOW: &str = "2026-03-02T09:00:00.000000";

fn simulation(task: &str, trial: u32, messages: Vec<TrajectoryMessage>) -> Simulation {
    let mut messages = messages;
    number(&mut messages, NOW);
    Simulation {
        id: format!("{task}-{trial}"),
        task_id: task.into(),
        timestamp: Some(NOW.into()),
        start_time: NOW.into(),
        end_time: NOW.into(),
        duration: 0.0,
        termination_reason: Termination::UserStop,
        agent_cost: None,
        user_cost: None,
        reward_info: None,
        messages: Some(messages),
        trial: Some(trial),
        seed: None,
        mode: "half_duplex".into(),
        info: None,
    }
}

/// Gold of the first tasks of the base split, then gold without its last call, then gold with all that must
/// be said, cut short.
fn results(benchmark: &Benchmark, domain: Domain, count: usize) -> Results {
    let base = &benchmark.splits(domain).unwrap()["base"];
    let documents: Vec<_> = benchmark
        .task_documents(domain)
        .unwrap()
        .into_iter()
        .filter(|document| base.iter().any(|id| document["id"] == **id))
        .take(count)
        .collect();
    let grader = Grader::new(benchmark, domain, documents.clone()).unwrap();
    let mut replayer = Replayer::new(benchmark.clone());
    let mut simulations = Vec::new();
    for document in &documents {
        let id = document["id"].as_str().unwrap();
        let criteria = grader
            .task(id)
            .unwrap()
            .evaluation_criteria
            .clone()
            .unwrap();
        let gold: Vec<Action> = criteria.actions.unwrap_or_default();
        let short = gold[..gold.len().saturating_sub(1)].to_vec();
        for (trial, actions) in [gold.clone(), short, gold].into_iter().enumerate() {
            let line = ReplayLine {
                domain: domain.name().into(),
                task_id: id.into(),
                actions: actions.clone(),
            };
            let outputs = replayer.replay(line).unwrap().outputs;
            let mut messages = trajectory(&actions, &outputs, "###STOP###");
            if trial != 1 {
                let said = criteria.communicate_info.iter().flatten();
                let said: Vec<&str> = said.map(String::as_str).collect();
                let last = messages.len() - 1;
                let said = Utterance::text(format!("So it is: {}.", said.join(" and ")));
                messages.insert(last, TrajectoryMessage::Assistant(said));
            }
            let mut one = simulation(id, trial as u32, messages);
            if trial == 2 {
                one.termination_reason = Termination::MaxSteps;
            }
            one.reward_info = grader.grade(&one, None).unwrap();
            simulations.push(one);
        }
    }
    Results {
        timestamp: Some(NOW.into()),
        info: Info {
            git_commit: "practicum".into(),
            num_trials: 3,
            max_steps: 200,
            max_errors: 10,
            user_info: party(),
            agent_info: party(),
            environment_info: EnvironmentInfo {
                domain_name: domain.name().into(),
                policy: benchmark.policy(domain).unwrap(),
            },
            seed: Some(300),
        },
        tasks: documents,
        simulations,
    }
}

#[test]
fn every_part_of_a_reward_is_told() {
    let Some(benchmark) = data() else { return };
    for domain in Domain::ALL {
        let results = results(&benchmark, domain, 15);
        let grader = Grader::new(&benchmark, domain, results.tasks.clone()).unwrap();
        for (at, one) in results.simulations.iter().enumerate() {
            let asks = !sentences_to_judge(grader.task(&one.task_id).unwrap()).is_empty();
            match (at % 3, &one.reward_info) {
                (0, Some(info)) => {
                    assert!((info.reward - 1.0).abs() < 1e-9, "{}: {info:?}", one.id);
                    let breakdown = info.reward_breakdown.as_ref().unwrap();
                    assert_eq!(breakdown.len(), info.reward_basis.as_ref().unwrap().len());
                }
                (0, None) => assert!(asks, "{}", one.id),
                (2, Some(info)) => assert!(info.reward == 0.0 && info.db_check.is_none()),
                _ => {}
            }
        }
        // What was written is what is read.
        let text = serde_json::to_string(&results).unwrap();
        assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
        let counts = results.counts();
        assert!(
            counts
                .iter()
                .all(|(_, right, all)| right < all && *all <= 3)
        );
    }
}

#[test]
fn a_judge_decides_what_only_it_can() {
    let Some(benchmark) = data() else { return };
    let documents = benchmark.task_documents(Domain::Retail).unwrap();
    let grader = Grader::new(&benchmark, Domain::Retail, documents).unwrap();
    let tasks = benchmark.tasks(Domain::Retail).unwrap();
    let task = tasks
        .iter()
        .find(|task| !sentences_to_judge(task).is_empty())
        .unwrap();
    let gold = task.evaluation_criteria.as_ref().unwrap().actions.clone();
    let gold = gold.unwrap_or_default();
    let line = ReplayLine {
        domain: "retail".into(),
        task_id: task.id.clone(),
        actions: gold.clone(),
    };
    let outputs = Replayer::new(benchmark).replay(line).unwrap().outputs;
    let one = simulation(&task.id, 0, trajectory(&gold, &outputs, "###STOP###"));
    assert_eq!(grader.grade(&one, None).unwrap(), None);
    for met in [true, false] {
        let judged: Vec<Judged> = sentences_to_judge(task)
            .iter()
            .map(|sentence| Judged {
                nl_assertion: sentence.clone(),
                met,
                justification: "so it is".into(),
            })
            .collect();
        let info = grader.grade(&one, Some(&judged)).unwrap().unwrap();
        assert_eq!(info.reward > 0.5, met);
        assert_eq!(info.nl_assertions.unwrap(), judged);
    }
    // Lost already: no judge is needed.
    let nothing = simulation(&task.id, 1, trajectory(&[], &[], "###STOP###"));
    let info = grader.grade(&nothing, None).unwrap().unwrap();
    assert!(info.reward == 0.0);
}

#[test]
fn messages_that_are_no_conversation_are_refused() {
    let Some(benchmark) = data() else { return };
    let documents = benchmark.task_documents(Domain::Airline).unwrap();
    let grader = Grader::new(&benchmark, Domain::Airline, documents).unwrap();
    let call =
        json!([{"role": "assistant", "tool_calls": [{"id": "a", "name": "x", "arguments": {}}]}]);
    let reply = json!({"role": "tool", "id": "b", "content": "1"});
    for (messages, what) in [
        (call.clone(), "message 0: a call without a reply"),
        (json!([reply]), "message 0: a reply without a call"),
        (
            json!([call[0], reply]),
            "message 0: the reply after the call is another call's",
        ),
    ] {
        let messages: Vec<TrajectoryMessage> = serde_json::from_value(messages).unwrap();
        let error = grader.grade(&simulation("0", 0, messages), None);
        assert_eq!(error.unwrap_err().to_string(), what);
    }
    let stranger = grader.grade(&simulation("none", 0, Vec::new()), None);
    assert!(matches!(stranger, Err(GradeError::NoTask(id)) if id == "none"));
}

#[test]
fn instants_are_written_as_the_official_program_writes_them() {
    let instant = std::time::Duration::from_micros(1_772_442_000_000_250);
    assert_eq!(timestamp(instant), "2026-03-02T09:00:00.000250");
}

#[test]
#[allow(clippy::disallowed_methods)] // the one place that names another program for this test
fn the_official_program_reads_our_results_and_gives_our_rewards() {
    let Some(benchmark) = data() else { return };
    let Some(python) = std::env::var_os("PRACTICUM_TAU2_PYTHON") else {
        eprintln!("skipped: PRACTICUM_TAU2_PYTHON names no Python with the tau2 package");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = Domain::ALL
        .into_iter()
        .map(|domain| {
            let path = folder.path().join(format!("{}.json", domain.name()));
            let results = results(&benchmark, domain, 6);
            std::fs::write(&path, serde_json::to_string_pretty(&results).unwrap()).unwrap();
            path
        })
        .collect();
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/tau2_results.py");
    let ran = Command::new(python)
        .arg(peer)
        .arg("--view")
        .arg("--results")
        .args(files)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert_eq!(said.matches(" 0 differ;").count(), 3, "{said}");
}
