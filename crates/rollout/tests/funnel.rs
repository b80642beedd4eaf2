//! The later stages of the funnel hold back what they say, count it, and name it.
#![allow(clippy::unwrap_used)]

mod oracle;

use std::collections::BTreeMap;

use oracle::world_with_tasks;
use practicum_rollout::{
    Dropped, Funnel, FunnelOptions, Options, Origin, Trajectory, read_trajectories, run_world,
};
use practicum_task::{Fingerprint, Task};
use practicum_world::World;

struct Shop {
    world: World,
    tasks: BTreeMap<String, Task>,
    /// Those of gold, each of another task.
    gold: Vec<Trajectory>,
}

impl Shop {
    fn new() -> Self {
        let (world, tasks) = world_with_tasks("corner-shop", 20);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.jsonl");
        run_world(&world, &tasks, &Options::default(), &path).unwrap();
        let mut gold = Vec::new();
        read_trajectories(&path, |own| {
            if own.agent == "gold" && own.verdict.passed && !own.messages.is_empty() {
                gold.push(own);
            }
        })
        .unwrap();
        assert!(gold.len() > 8);
        let tasks = tasks.into_iter().map(|task| (task.id.clone(), task));
        Self {
            world,
            tasks: tasks.collect(),
            gold,
        }
    }

    fn funnel(&self, options: FunnelOptions) -> Funnel {
        let mut funnel = Funnel::with(options);
        funnel.add_origin(self.world.name(), Origin::of(&self.world));
        funnel
    }

    fn decide(&self, funnel: &mut Funnel, own: &Trajectory) -> Result<(), Dropped> {
        funnel.decide(own, &self.tasks[&own.task])
    }

    /// How many of gold's pass, and what is said of the others.
    fn play(&self, options: FunnelOptions) -> (usize, Vec<Dropped>) {
        let mut funnel = self.funnel(options);
        let held: Vec<Dropped> = self
            .gold
            .iter()
            .filter_map(|own| self.decide(&mut funnel, own).err())
            .collect();
        for count in funnel.counts() {
            let dropped: usize = count.dropped.values().sum();
            assert_eq!(count.entered, count.passed + dropped, "{}", count.stage);
        }
        (self.gold.len() - held.len(), held)
    }
}

#[track_caller]
fn stage(held: &[Dropped], stage: &str) -> usize {
    held.iter().filter(|own| own.stage == stage).count()
}

#[test]
fn gold_of_different_tasks_passes() {
    let shop = Shop::new();
    let (passed, held) = shop.play(FunnelOptions::default());
    assert!(passed * 10 >= shop.gold.len() * 9, "{held:?}");
}

#[test]
fn a_value_that_nobody_said_is_held_back() {
    let shop = Shop::new();
    let mut funnel = shop.funnel(FunnelOptions::default());
    // A call that changed something names an id: say it otherwise everywhere before.
    let (mut own, id) = shop
        .gold
        .iter()
        .find_map(|own| {
            let step = own.steps.iter().find(|step| !step.changes.is_empty())?;
            let arguments = step.call.arguments.as_object()?;
            let id = arguments.values().find_map(|value| {
                let text = value.as_str()?;
                let digit = text.chars().any(|own| own.is_ascii_digit());
                (digit && !text.contains(['-', ' '])).then(|| text.to_string())
            })?;
            Some((own.clone(), id))
        })
        .unwrap();
    shop.decide(&mut funnel, &own).unwrap();
    for message in &mut own.messages {
        message.content = message.content.replace(&id, "it");
    }
    own.id.push_str("/again");
    let held = shop.decide(&mut funnel, &own).unwrap_err();
    assert_eq!(held.stage, "grounding");
    assert!(held.detail.unwrap().contains(&id));
}

#[test]
fn nearly_the_same_is_the_same() {
    let shop = Shop::new();
    let longest = shop
        .gold
        .iter()
        .max_by_key(|own| own.messages.len())
        .unwrap();
    let mut other = longest.clone();
    let last = other.messages.last_mut().unwrap();
    last.content.push_str(" Goodbye");
    for (near, stage) in [(0.8, Some("near-duplicates")), (2.0, None)] {
        let options = FunnelOptions {
            near,
            ..FunnelOptions::default()
        };
        let mut funnel = shop.funnel(options);
        shop.decide(&mut funnel, longest).unwrap();
        let held = shop.decide(&mut funnel, &other).err();
        assert_eq!(held.as_ref().map(|own| own.stage.as_str()), stage);
        if let Some(held) = held {
            assert!(held.detail.unwrap().contains(&longest.id));
        }
    }
}

#[test]
fn an_evaluation_set_is_left_out() {
    let shop = Shop::new();
    let set = |print: Fingerprint| FunnelOptions {
        sets: vec![print],
        ..FunnelOptions::default()
    };
    // Another set takes nothing.
    let mut stranger = Fingerprint::default();
    stranger.add_text("the quick brown fox jumps over the lazy dog and then it runs away again");
    let (passed, _) = shop.play(set(stranger));
    assert!(passed > 0);
    // The world itself under another name, and one request word by word.
    let (passed, held) = shop.play(set(Fingerprint::of(&shop.world, [])));
    assert_eq!(
        (passed, stage(&held, "contamination")),
        (0, shop.gold.len())
    );
    let mut words = Fingerprint::default();
    let said = shop.gold.iter().map(|own| &own.messages[1].content);
    words.add_text(said.max_by_key(|own| own.len()).unwrap());
    let (_, held) = shop.play(set(words));
    assert!(stage(&held, "contamination") >= 1, "{held:?}");
}

#[test]
fn a_licence_must_permit_it() {
    let shop = Shop::new();
    let own = shop.gold.first().unwrap();
    let decide = |licence: Option<&str>, permitted: &[&str]| {
        let options = FunnelOptions {
            licences: permitted.iter().map(ToString::to_string).collect(),
            ..FunnelOptions::default()
        };
        let mut funnel = shop.funnel(options);
        let mut origin = Origin::of(&shop.world);
        origin.licences = licence.into_iter().map(str::to_string).collect();
        funnel.add_origin(shop.world.name(), origin);
        shop.decide(&mut funnel, own).err().map(|held| held.reason)
    };
    assert_eq!(decide(None, &[]), None);
    assert_eq!(decide(Some("Apache-2.0"), &[]), None);
    assert!(
        decide(Some("CC-BY-NC-4.0"), &[])
            .unwrap()
            .contains("forbids")
    );
    assert_eq!(decide(Some("MIT OR Apache-2.0"), &["mit"]), None);
    assert!(
        decide(Some("Apache-2.0"), &["MIT"])
            .unwrap()
            .contains("not among")
    );
    assert!(decide(None, &["MIT"]).unwrap().contains("no licence"));
}

#[test]
fn no_world_no_task_and_no_tools_too_often() {
    let shop = Shop::new();
    let all = shop.play(FunnelOptions::default()).0;
    let (passed, held) = shop.play(FunnelOptions {
        per_world: 3,
        ..FunnelOptions::default()
    });
    assert_eq!((passed, stage(&held, "balance")), (3, all - 3));
    let (passed, held) = shop.play(FunnelOptions {
        per_tools: 1,
        ..FunnelOptions::default()
    });
    assert!(passed > 1 && passed < all, "{held:?}");
    assert!(
        held.iter()
            .any(|own| own.reason == "enough with these tools")
    );
}
