//! Tasks of the six hand-written worlds: how many are proven, of which kinds, under which rules.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use practicum_task::{
    Kind, Length, Options, Report, Task, Told, Variety, agreement, generate, is_proposal, propose,
    sayings, second_thoughts, wishes,
};
use practicum_world::{Agreement, Transcript, Verdict, World, spellings, verify};
use serde_json::Value;

fn worlds() -> Vec<World> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("world.toml").is_file())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| World::load(path).unwrap())
        .collect()
}

/// The rules that a task is about: that forbids it, or that its gold obeys.
fn rules(world: &World, task: &Task) -> Vec<String> {
    let calls = |tool: &str| task.gold.iter().any(|call| call.tool == tool);
    let mut about: Vec<String> = world
        .rules()
        .iter()
        .filter(|rule| {
            rule.needs_confirmation
                && rule
                    .tools
                    .iter()
                    .any(|tool| calls(&world.tools()[*tool].name))
        })
        .map(|rule| format!("{} (agreed)", rule.id))
        .collect();
    about.extend(
        task.expectation
            .reason
            .as_ref()
            .filter(|reason| world.rules().iter().any(|rule| rule.id == **reason))
            .map(|reason| format!("{reason} (declined)")),
    );
    about
}

/// A few tasks of each world, made once for all tests.
fn some() -> &'static [(World, Vec<Task>)] {
    static SOME: OnceLock<Vec<(World, Vec<Task>)>> = OnceLock::new();
    SOME.get_or_init(|| {
        let options = Options {
            per_world: 30,
            states: 1,
            ..Options::default()
        };
        worlds()
            .into_iter()
            .map(|world| {
                let (tasks, report) = generate(&world, &options).unwrap();
                assert_eq!((report.survived, report.refused), (0, 0));
                (world, tasks)
            })
            .collect()
    })
}

/// Plays gold; with an agreement to each of its calls that needs one, or with none.
fn judged(world: &World, task: &Task, asked: bool) -> Verdict {
    played(world, task, asked, true)
}

fn played(world: &World, task: &Task, asked: bool, all_succeed: bool) -> Verdict {
    let state = world.state(&task.state).unwrap();
    let mut session = state.session(task.seed).unwrap();
    let mut said = Transcript {
        answer: task.answer.clone(),
        outcome: Some(task.expectation.outcome),
        ..Transcript::default()
    };
    for call in &task.gold {
        let arguments = Value::Object(call.arguments.clone());
        if asked && world.needs_agreement(&call.tool) {
            said.agreements.push(Agreement {
                tool: call.tool.clone(),
                arguments: arguments.clone(),
                calls: session.log().len(),
            });
        }
        let reply = session.call_as(call.actor, &call.tool, &arguments);
        assert!(reply.is_ok() || !all_succeed);
    }
    verify(&mut session, &said, &task.expectation).unwrap()
}

/// Writes under a rule that asks for the user's yes are proven, in every hand-written world that such a
/// rule lets write, and the same calls without the yes fail.
#[test]
fn agreements_are_part_of_the_proof() {
    let mut agreed = 0;
    let mut looked_first = 0;
    for (world, tasks) in some() {
        for task in tasks {
            assert!(judged(world, task, true).passed, "{}", task.intent);
            let asks = task
                .gold
                .iter()
                .any(|call| world.needs_agreement(&call.tool));
            if !asks {
                continue;
            }
            agreed += 1;
            let verdict = judged(world, task, false);
            assert!(!verdict.passed, "{}", task.intent);
            assert_eq!(verdict.failures().len(), 1, "{:?}", verdict.failures());
            assert!(verdict.failures()[0].starts_with("confirmation"));
            // Without its reads, a write under a rule that demands one breaks that rule.
            let state = world.state(&task.state).unwrap();
            let mut session = state.session(task.seed).unwrap();
            for call in task.gold.iter().filter(|call| call.writes) {
                let arguments = Value::Object(call.arguments.clone());
                session.call_as(call.actor, &call.tool, &arguments);
            }
            looked_first += usize::from(!session.violations().is_empty());
        }
    }
    assert!(
        agreed >= 15 && looked_first >= 5,
        "{agreed}, {looked_first}"
    );
}

/// The words for a call are read back as exactly that call; with an argument changed in the words, or the
/// question left out, the user does not agree to it.
#[test]
fn a_proposal_is_read_as_the_call_that_it_names() {
    let mut tried = 0;
    for (world, tasks) in some() {
        for task in tasks {
            for (at, call) in wishes(task).enumerate() {
                let Some(tool) = world.tool(&call.tool) else {
                    continue;
                };
                let made = call.determined.iter().any(|why| {
                    matches!(&why.by, practicum_task::Reason::Shown { minted: true, .. })
                });
                if made || call.determined.is_empty() {
                    continue;
                }
                let others: Vec<usize> = (0..8).filter(|other| *other != at).collect();
                let heard = |said: &str| agreement(world, task, said, &[], 3, &others);
                let said = propose(world, task, tool, &call.arguments);
                let (wish, agreed) = heard(&said).unwrap_or_else(|| panic!("{said}"));
                assert_eq!(
                    (wish, &agreed.arguments, agreed.calls),
                    (at, &Value::Object(call.arguments.clone()), 3),
                    "{said}"
                );
                // A text that the user dictates may hold such a question itself.
                let unasked = said.replace("Shall I go ahead?", "");
                if !is_proposal(&unasked) {
                    assert_eq!(heard(&unasked), None);
                }
                assert_eq!(heard("Shall I go ahead?"), None);
                for (name, value) in &call.arguments {
                    let mut other = call.arguments.clone();
                    let told = matches!(
                        call.determined.iter().find(|why| why.argument == *name),
                        Some(why) if matches!(why.by, practicum_task::Reason::Told(_))
                    );
                    let changed = match value {
                        Value::Number(number) => {
                            number.as_i64().map(|number| Value::from(number + 731))
                        }
                        Value::String(text) if text.len() > 2 => Some(Value::from("qqxyz")),
                        Value::Bool(yes) => Some(Value::from(!yes)),
                        _ => None,
                    };
                    let (true, Some(changed)) = (told, changed) else {
                        continue;
                    };
                    // What another argument, or the row, says as well is named all the same.
                    let elsewhere = task.slots.iter().filter(|slot| {
                        slot.value == practicum_world::Cell::from_json(value)
                            || slot.said.contains(value.as_str().unwrap_or("\0"))
                    });
                    let by_tool = value
                        .as_str()
                        .is_some_and(|value| call.tool.split('_').any(|word| word == value));
                    // A default need not be named, and an agreement to it covers no other value.
                    let by_default = tool
                        .parameters()
                        .iter()
                        .any(|own| own.name == *name && own.default.as_ref() == Some(value));
                    if elsewhere.count() > 1 || by_tool || by_default {
                        continue;
                    }
                    other.insert(name.clone(), changed);
                    let said = propose(world, task, tool, &other);
                    let agreed = heard(&said).filter(|(wish, _)| *wish == at);
                    assert_eq!(agreed, None, "{said}\n{name} = {value}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried >= 40, "{tried}");
}

/// In every world, kinds that can be proven there get their share, and chains are several changes of which
/// each matters.
#[test]
fn every_world_has_chains() {
    for (world, tasks) in some() {
        assert_eq!(tasks.len(), 30, "{}", world.name());
        let of = |kind: Kind| tasks.iter().filter(move |task| task.kind == kind);
        assert!(of(Kind::Chain).count() >= 3, "{}", world.name());
        for (kind, share) in &Options::default().kinds {
            let wanted = (share * 30.0).ceil() as usize + 4;
            assert!(
                of(*kind).count() <= wanted,
                "{}: {}",
                world.name(),
                kind.name()
            );
        }
        for task in of(Kind::Chain) {
            let writes = task.gold.iter().filter(|call| call.writes).count();
            assert!(writes >= 2, "{}", task.intent);
            for (at, call) in task.gold.iter().enumerate() {
                let mut less = task.clone();
                less.gold.remove(at);
                let passes = call.writes && played(world, &less, true, false).passed;
                assert!(!passes, "{} without {}", task.intent, call.tool);
            }
        }
    }
}

/// Only the kinds that are wanted are made.
#[test]
fn chains_alone_can_be_wanted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds/hotel");
    let hotel = World::load(&folder).unwrap();
    let options = Options {
        per_world: 8,
        states: 1,
        kinds: [(Kind::Chain, 1.0)].into(),
        chain_length: 4,
        ..Options::default()
    };
    let (tasks, report) = generate(&hotel, &options).unwrap();
    assert_eq!(tasks.len(), 8, "{report:?}");
    assert!(tasks.iter().all(|task| task.kind == Kind::Chain));
    let longest = tasks
        .iter()
        .map(|task| task.gold.iter().filter(|call| call.writes).count())
        .max();
    assert!(longest >= Some(3), "{longest:?}");
}

/// Gold has the lengths that are asked for, up to twenty calls.
#[test]
fn lengths_can_be_asked_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds/hotel");
    let hotel = World::load(&folder).unwrap();
    let length = |least, most, share| Length { least, most, share };
    let options = Options {
        per_world: 60,
        states: 1,
        lengths: vec![
            length(1, 4, 0.5),
            length(5, 9, 0.2),
            length(10, 15, 0.2),
            length(16, 20, 0.1),
        ],
        ..Options::default()
    };
    let (tasks, report) = generate(&hotel, &options).unwrap();
    assert_eq!(tasks.len(), 60, "{report:?}");
    for wanted in &options.lengths {
        let made = tasks
            .iter()
            .filter(|task| (wanted.least..=wanted.most).contains(&task.gold.len()))
            .count();
        let off = made as f64 / tasks.len() as f64 - wanted.share;
        assert!(off.abs() <= 0.05, "{wanted:?}: {made}");
    }
}

/// What must be asked for is not in the request and is what the good agent asks for; what was wanted first is
/// taken back when it is proposed, and never agreed to; any of what will do is agreed to.
#[test]
fn conversations_hold_what_the_request_does_not() {
    let (mut asked, mut taken_back, mut chosen) = (0, 0, 0);
    for (world, tasks) in some() {
        for task in tasks {
            let says = sayings(world, task);
            for slot in &task.slots {
                let open = practicum_world::Answer::new(&task.intent);
                if slot.told != Told::AtStart {
                    assert!(!open.mentions(&slot.value, slot.kind), "{}", task.intent);
                }
                if slot.told == Told::IfAsked {
                    assert!(says.iter().any(|(_, said)| said.contains(&slot.name)));
                    asked += 1;
                }
            }
            if let Some(thoughts) = &task.second_thoughts {
                assert_eq!(task.kind, Kind::Reconsidered);
                let gold = &task.gold[thoughts.call].arguments[&thoughts.argument];
                assert_ne!(*gold, thoughts.first);
                if thoughts.told == Told::AtProposal {
                    let (_, said) = &says[0];
                    assert_eq!(second_thoughts(task, said), Some(thoughts.says.as_str()));
                    assert_eq!(agreement(world, task, said, &[], 0, &[]), None, "{said}");
                    taken_back += 1;
                } else {
                    assert!(task.intent.ends_with(&thoughts.says));
                }
            }
            for call in &task.gold {
                for argument in call.any_of.keys() {
                    for value in call.accepted(argument) {
                        let mut arguments = call.arguments.clone();
                        arguments.insert(argument.clone(), value.clone());
                        let tool = world.tool(&call.tool).unwrap();
                        let said = propose(world, task, tool, &arguments);
                        let (_, agreed) = agreement(world, task, &said, &[], 0, &[]).unwrap();
                        assert_eq!(agreed.arguments, Value::Object(arguments));
                        chosen += 1;
                    }
                }
            }
        }
    }
    assert!(
        asked >= 6 && taken_back >= 2 && chosen >= 6,
        "{asked}, {taken_back}, {chosen}"
    );
}

/// Questions about several rows are proven, and their right answers fail where the rows were never seen, as
/// does the value beside the right one.
#[test]
fn questions_about_several_rows_need_all_of_them() {
    let several = [Kind::Sum, Kind::Compare, Kind::Extremum];
    let options = Options {
        per_world: 6,
        states: 1,
        kinds: several.into_iter().map(|kind| (kind, 1.0)).collect(),
        ..Options::default()
    };
    let mut proven: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut by_last_read = 0;
    for world in worlds() {
        let (tasks, report) = generate(&world, &options).unwrap();
        assert_eq!((report.survived, report.refused), (0, 0));
        for task in &tasks {
            assert!(several.contains(&task.kind));
            *proven.entry(task.kind).or_default() += 1;
            assert!(judged(&world, task, true).passed, "{}", task.intent);
            let facts = &task.expectation.facts;
            assert!(facts[0].support.len() >= 2, "{}", task.intent);
            let mut blind = task.clone();
            blind.gold.pop();
            // An earlier read may have shown the rows on the way.
            by_last_read += usize::from(!judged(&world, &blind, true).passed);
            blind.gold.clear();
            assert!(!judged(&world, &blind, true).passed, "{}", task.intent);
            if let Some(other) = facts[0].others.first() {
                let mut wrong = task.clone();
                let said = spellings(other, facts[0].kind);
                wrong.answer = format!("It is {}.", said[0]);
                assert!(!judged(&world, &wrong, true).passed, "{}", task.intent);
            }
        }
    }
    let all: usize = proven.values().sum();
    assert!(by_last_read * 4 >= all * 3, "{by_last_read} of {all}");
    for kind in several {
        assert!(proven.get(&kind) >= Some(&3), "{proven:?}");
    }
}

/// `cargo test -p practicum-task --test hand_written -- --ignored --nocapture` prints what is proven, and
/// writes the tasks into the build folder, for reading.
#[test]
#[ignore = "a measurement: minutes"]
fn what_is_proven() {
    let options = Options {
        per_world: 300,
        ..Options::default()
    };
    let mut all = Report::default();
    let mut lengths: BTreeMap<usize, usize> = BTreeMap::new();
    for world in worlds() {
        let (tasks, report) = generate(&world, &options).unwrap();
        let lines: String = tasks
            .iter()
            .map(|task| serde_json::to_string(task).unwrap() + "\n")
            .collect();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.jsonl", world.name()));
        std::fs::write(path, lines).unwrap();
        for task in &tasks {
            *lengths.entry(task.gold.len()).or_default() += 1;
        }
        let mut by_rule: BTreeMap<String, usize> = BTreeMap::new();
        for task in &tasks {
            for rule in rules(&world, task) {
                *by_rule.entry(rule).or_default() += 1;
            }
        }
        let variety = Variety::of(tasks.iter().take(100));
        println!(
            "{}: {} of {} goals proven, {} of {} tools used; {} masked intents per 100, distinct-3 {:.2}\n  kinds {:?}\n  rules {by_rule:?}\n  before: killed {}, survived {}; accepted {}, refused {}: {:?}",
            world.name(),
            report.proven,
            report.tried,
            report.coverage.tools_used,
            report.coverage.tools,
            variety.per_hundred(),
            variety.distinct_3,
            report.kinds,
            report.killed_before,
            report.survived_before,
            report.accepted_before,
            report.refused_before,
            report.failures_before,
        );
        for (kind, reasons) in &report.rejected_by_kind {
            println!("  dropped {kind}: {reasons:?}");
        }
        all.add(&report);
    }
    println!(
        "together: {} proven of {}, {:?}; calls of gold {lengths:?}; kill rate {} and acceptance rate {} of what ships, {:.4} and {:.4} before; beyond {:.4}",
        all.proven,
        all.tried,
        all.kinds,
        all.kill_rate(),
        all.acceptance_rate(),
        all.kill_rate_before(),
        all.acceptance_rate_before(),
        all.beyond_kill_rate(),
    );
}
