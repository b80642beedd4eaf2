//! The core without a network: acts, ends, verdicts, forks, and a journal that is cut anywhere.

use std::time::Duration;

use practicum_rollout::{Ending, EpisodeLimits};
use practicum_serve::{Act, Episodes, EpisodesError, Observation, Wanted};
use practicum_task::Task;
use serde_json::{Value, json};

use crate::support::{Written, catalogue, gold, shop};

const NOW: Duration = Duration::from_secs(1);

fn episodes() -> Episodes {
    Episodes::new(catalogue(), 4, EpisodeLimits::default())
}

fn task(id: &str) -> Wanted {
    Wanted {
        task: Some(id.into()),
        ..Wanted::default()
    }
}

fn act(episodes: &Episodes, id: &str, tool: &str, arguments: &Value) -> Observation {
    let arguments = arguments.to_string();
    let act = Act {
        request: None,
        tool,
        arguments: &arguments,
    };
    episodes.act(id, &act, NOW).unwrap()
}

/// A task whose gold changes something, so that half of it is not enough.
fn changing(tasks: &[Task]) -> &Task {
    tasks
        .iter()
        .find(|task| !task.kind.changes_nothing())
        .unwrap()
}

#[test]
fn gold_passes_and_doing_nothing_fails() {
    let (world, tasks) = shop();
    let episodes = episodes();
    for task_ in &tasks {
        episodes.begin("gold", &task(&task_.id), NOW).unwrap();
        let opening = episodes.opening("gold", NOW).unwrap();
        assert_eq!(opening.user.as_deref(), Some(task_.intent.as_str()));
        for (tool, arguments) in gold(&world, task_) {
            act(&episodes, "gold", &tool, &arguments);
        }
        let judged = episodes.judge("gold", NOW).unwrap();
        assert_eq!(judged.reward, Some(1.0), "{}: {judged:?}", task_.id);
        episodes.close("gold").unwrap();

        episodes.begin("noop", &task(&task_.id), NOW).unwrap();
        act(&episodes, "noop", "finish", &json!({"outcome": "done"}));
        assert_eq!(episodes.judge("noop", NOW).unwrap().reward, Some(0.0));
        episodes.close("noop").unwrap();
    }
    assert!(episodes.is_empty());
}

#[test]
fn nothing_is_judged_before_the_end_or_done_after_it() {
    let (world, tasks) = shop();
    let own = changing(&tasks);
    let episodes = episodes();
    episodes.begin("a", &task(&own.id), NOW).unwrap();
    assert!(matches!(
        episodes.judge("a", NOW),
        Err(EpisodesError::NotEnded)
    ));
    let seen = act(&episodes, "a", "finish", &json!({"outcome": "declined"}));
    assert_eq!(seen.ended, Some(Ending::Finished));
    let before = episodes.view("a", NOW).unwrap();
    for (tool, arguments) in gold(&world, own) {
        assert!(!act(&episodes, "a", &tool, &arguments).reply.is_ok());
    }
    assert_eq!(episodes.view("a", NOW).unwrap(), before);
    assert_eq!(episodes.judge("a", NOW).unwrap().reward, Some(0.0));

    // A session without a task has no user and no verdict.
    let free = Wanted {
        world: Some(world.name().into()),
        size: Some("small".into()),
        ..Wanted::default()
    };
    episodes.begin("free", &free, NOW).unwrap();
    assert!(
        !act(&episodes, "free", "say", &json!({"text": "Hello?"}))
            .reply
            .is_ok()
    );
    act(&episodes, "free", "finish", &json!({"outcome": "done"}));
    assert!(matches!(
        episodes.judge("free", NOW),
        Err(EpisodesError::NoTask)
    ));
}

#[test]
fn a_user_is_asked_by_the_names_of_parameters() {
    let (_, tasks) = shop();
    let episodes = episodes();
    let mut told = 0;
    for (at, own) in tasks.iter().enumerate() {
        let id = format!("asks-{at}");
        episodes.begin(&id, &task(&own.id), NOW).unwrap();
        for slot in &own.slots {
            let asks = json!({"text": "Please tell me.", "asks": [slot.about]});
            let reply = act(&episodes, &id, "say", &asks).reply.content();
            told += usize::from(reply.contains(&slot.said));
            assert!(
                reply.contains(&slot.said) || reply.contains("Which do you mean"),
                "{reply}"
            );
        }
        let asks = json!({"text": "And?", "asks": ["no_such_parameter"]});
        let reply = act(&episodes, &id, "say", &asks).reply.content();
        assert!(
            reply.contains("I don't have the no such parameter"),
            "{reply}"
        );
    }
    assert!(told > 5, "{told}");
}

#[test]
fn wrong_acts_are_told_and_change_nothing() {
    let (_, tasks) = shop();
    let episodes = episodes();
    episodes.begin("a", &task(&tasks[0].id), NOW).unwrap();
    for (tool, arguments) in [
        ("say", "{}"),
        ("say", r#"{"text": 3}"#),
        ("say", r#"{"text": "Which?", "asks": "email"}"#),
        ("finish", r#"{"outcome": "won"}"#),
        ("finish", "[1,"),
        ("no_such_tool", "{}"),
        ("", ""),
    ] {
        let act = Act {
            request: None,
            tool,
            arguments,
        };
        let seen = episodes.act("a", &act, NOW).unwrap();
        assert!(!seen.reply.is_ok() && seen.ended.is_none(), "{tool}");
    }
    for id in ["", "a.b", "../a", &"a".repeat(65)] {
        assert!(matches!(
            episodes.begin(id, &Wanted::default(), NOW),
            Err(EpisodesError::BadId(_))
        ));
    }
    assert!(matches!(
        episodes.begin("a", &Wanted::default(), NOW),
        Err(EpisodesError::Taken(_))
    ));
    let nowhere = task("nowhere");
    assert!(matches!(
        episodes.reset("a", &nowhere, NOW),
        Err(EpisodesError::Start(_))
    ));
    assert_eq!(
        episodes.view("a", NOW).unwrap().start.task.as_deref(),
        Some(tasks[0].id.as_str())
    );
}

#[test]
fn limits_end_an_episode() {
    let limits = EpisodeLimits { turns: 1, calls: 1 };
    let (_, tasks) = shop();
    let episodes = Episodes::new(catalogue(), 4, limits);
    episodes.begin("a", &task(&tasks[0].id), NOW).unwrap();
    assert_eq!(act(&episodes, "a", "nothing", &json!({})).ended, None);
    let ended = act(&episodes, "a", "nothing", &json!({}));
    assert_eq!(ended.ended, Some(Ending::CallLimit));
    episodes.reset("a", &task(&tasks[0].id), NOW).unwrap();
    let hello = json!({"text": "Hello"});
    assert_eq!(act(&episodes, "a", "say", &hello).ended, None);
    let ended = act(&episodes, "a", "say", &hello);
    assert_eq!(ended.ended, Some(Ending::TurnLimit));
    assert_eq!(episodes.judge("a", NOW).unwrap().reward, Some(0.0));
}

#[test]
fn an_act_that_is_sent_again_is_done_once() {
    let (world, tasks) = shop();
    let own = changing(&tasks);
    let episodes = episodes();
    episodes.begin("a", &task(&own.id), NOW).unwrap();
    for (at, (tool, arguments)) in gold(&world, own).into_iter().enumerate() {
        let request = format!("r{at}");
        let arguments = arguments.to_string();
        let act = Act {
            request: Some(&request),
            tool: &tool,
            arguments: &arguments,
        };
        let first = episodes.act("a", &act, NOW).unwrap();
        let view = episodes.view("a", NOW).unwrap();
        assert_eq!(episodes.act("a", &act, NOW).unwrap(), first);
        assert_eq!(episodes.view("a", NOW).unwrap(), view);
    }
    assert_eq!(episodes.judge("a", NOW).unwrap().reward, Some(1.0));
}

#[test]
fn a_fork_goes_its_own_way() {
    let (world, tasks) = shop();
    let own = changing(&tasks);
    let acts = gold(&world, own);
    let episodes = episodes();
    episodes.begin("a", &task(&own.id), NOW).unwrap();
    let (first, rest) = acts.split_first().unwrap();
    act(&episodes, "a", &first.0, &first.1);
    episodes.fork("a", "b", NOW).unwrap();
    act(&episodes, "a", "finish", &json!({"outcome": "done"}));
    for (tool, arguments) in rest {
        act(&episodes, "b", tool, arguments);
    }
    assert_eq!(episodes.judge("a", NOW).unwrap().reward, Some(0.0));
    assert_eq!(episodes.judge("b", NOW).unwrap().reward, Some(1.0));
}

#[test]
fn idle_episodes_are_closed_and_used_ones_are_not() {
    let (_, tasks) = shop();
    let episodes = episodes();
    episodes.begin("old", &task(&tasks[0].id), NOW).unwrap();
    episodes.begin("used", &task(&tasks[0].id), NOW).unwrap();
    let later = Duration::from_mins(1);
    episodes.view("used", later).unwrap();
    assert_eq!(episodes.close_idle(Duration::from_secs(30)), ["old"]);
    assert_eq!(episodes.ids(), ["used"]);
}

/// What a verdict and a user depend on, told as text.
fn seen(episodes: &Episodes) -> Vec<String> {
    let ids = episodes.ids();
    let tell = |id: &String| {
        let judged = episodes.judge(id, NOW).ok();
        format!("{:?} {judged:?}", episodes.view(id, NOW).unwrap())
    };
    ids.iter().map(tell).collect()
}

#[test]
fn a_journal_that_is_cut_anywhere_brings_back_what_was_acknowledged() {
    let (world, tasks) = shop();
    let own = changing(&tasks);
    let acts = gold(&world, own);
    let written = Written::default();
    let episodes = episodes();
    episodes.journal_to(Box::new(written.clone())).unwrap();
    // What is there after each acknowledged act, with the length of the journal.
    let mut points: Vec<(usize, Vec<String>)> = Vec::new();
    let mut point = |episodes: &Episodes| points.push((written.bytes().len(), seen(episodes)));
    point(&episodes);
    episodes.begin("a", &task(&own.id), NOW).unwrap();
    point(&episodes);
    for (at, (tool, arguments)) in acts.iter().enumerate() {
        act(&episodes, "a", tool, arguments);
        point(&episodes);
        if at == 0 {
            episodes.fork("a", "b", NOW).unwrap();
            point(&episodes);
        }
    }
    act(&episodes, "b", "finish", &json!({"outcome": "impossible"}));
    point(&episodes);
    episodes.reset("b", &task(&tasks[0].id), NOW).unwrap();
    point(&episodes);
    episodes.close("a").unwrap();
    point(&episodes);
    drop(episodes);

    let bytes = written.bytes();
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let whole = points[0].0;
    for cut in ends.map(|(at, _)| at + 1).filter(|cut| *cut >= whole) {
        let recovered =
            Episodes::recover(catalogue(), 4, EpisodeLimits::default(), [&bytes[..cut]]).unwrap();
        assert!(recovered.lost.is_empty(), "{:?}", recovered.lost);
        let now = seen(&recovered.episodes);
        // Between two points, an act that was begun counts or does not.
        let before = points.iter().rev().find(|(end, _)| *end <= cut).unwrap();
        let after = points.iter().find(|(end, _)| *end >= cut).unwrap();
        assert!(
            now == before.1 || now == after.1,
            "cut at {cut}: {now:#?}\n{:#?}",
            before.1
        );
    }

    // The last one goes on.
    let recovered =
        Episodes::recover(catalogue(), 4, EpisodeLimits::default(), [&bytes[..]]).unwrap();
    let episodes = recovered.episodes;
    for (tool, arguments) in gold(&world, &tasks[0]) {
        act(&episodes, "b", &tool, &arguments);
    }
    assert_eq!(episodes.judge("b", NOW).unwrap().reward, Some(1.0));
}

#[test]
fn the_user_goes_on_after_a_restart() {
    let (world, tasks) = shop();
    let own = changing(&tasks);
    let acts = gold(&world, own);
    let mut expected = None;
    for killed_after in 0..acts.len() {
        let written = Written::default();
        let mut own_episodes = episodes();
        own_episodes.journal_to(Box::new(written.clone())).unwrap();
        own_episodes.begin("a", &task(&own.id), NOW).unwrap();
        let mut replies = Vec::new();
        for (at, (tool, arguments)) in acts.iter().enumerate() {
            replies.push(act(&own_episodes, "a", tool, arguments));
            if at == killed_after {
                let bytes = written.bytes();
                let limits = EpisodeLimits::default();
                own_episodes = Episodes::recover(catalogue(), 1, limits, [&bytes[..]])
                    .unwrap()
                    .episodes;
            }
        }
        let judged = own_episodes.judge("a", NOW).unwrap();
        assert_eq!(judged.reward, Some(1.0));
        assert_eq!(*expected.get_or_insert_with(|| replies.clone()), replies);
    }
}
