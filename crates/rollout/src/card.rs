//! The data card: what is in a data set, how it was made, and under which terms.

use std::collections::{BTreeMap, BTreeSet};

use crate::funnel::StageCount;
use crate::trajectory::Trajectory;

/// What a data set holds.
#[derive(Debug, Clone, Default)]
pub struct Card {
    kinds: BTreeMap<String, usize>,
    /// Worlds, and of each its digest, the trajectories and the licences.
    worlds: BTreeMap<String, (String, usize, Vec<String>)>,
    /// Who acted: source, agent, model.
    sources: BTreeMap<[String; 3], usize>,
    seeds: BTreeSet<u64>,
    states: BTreeSet<(String, String)>,
    tasks: BTreeSet<String>,
    kept: usize,
}

impl Card {
    /// Adds a trajectory of a world with these licences.
    pub fn add(&mut self, own: &Trajectory, licences: &[String]) {
        self.kept += 1;
        *self.kinds.entry(own.kind.clone()).or_default() += 1;
        let world = self.worlds.entry(own.world.clone()).or_insert_with(|| {
            let digest = own.world_digest.clone();
            (digest, 0, licences.to_vec())
        });
        world.1 += 1;
        let model = own.model.as_ref();
        let source = [
            own.source.clone(),
            own.agent.clone(),
            model.map(|model| model.name.clone()).unwrap_or_default(),
        ];
        *self.sources.entry(source).or_default() += 1;
        self.seeds
            .insert(model.map_or(own.seed, |model| model.seed));
        let state = serde_json::to_string(&own.state).unwrap_or_default();
        self.states.insert((own.world.clone(), state));
        self.tasks.insert(own.task.clone());
    }

    /// The card as Markdown. `files` are the data set's files: name, rows, digest.
    pub fn text(
        &self,
        name: &str,
        stages: &[StageCount],
        files: &[(String, usize, String)],
    ) -> String {
        let mut text = format!("# Data card: {}\n\n", cell(name));
        if self.sources.keys().any(|[source, ..]| source == "oracle") {
            text.push_str(
                "Oracle demonstrations are template English, made without a language model: good for testing a pipeline,\n\
                 for warming up small models and as the rejection floor. A model that will be deployed needs rollouts by a\n\
                 strong model.\n\n",
            );
        }
        let mut table = |head: &str, rows: Vec<Vec<String>>| {
            let columns = head.matches('|').count() + 1;
            text.push_str(&format!("| {head} |\n|{}\n", "---|".repeat(columns)));
            for row in rows {
                let row: Vec<String> = row.iter().map(|own| cell(own)).collect();
                text.push_str(&format!("| {} |\n", row.join(" | ")));
            }
            text.push('\n');
        };
        let seeds: Vec<String> = self.seeds.iter().take(20).map(u64::to_string).collect();
        let more = if self.seeds.len() > 20 { ", ..." } else { "" };
        table(
            "what | how many",
            vec![
                vec!["trajectories".into(), self.kept.to_string()],
                vec!["tasks".into(), self.tasks.len().to_string()],
                vec!["worlds".into(), self.worlds.len().to_string()],
                vec!["initial states".into(), self.states.len().to_string()],
                vec![
                    "seeds".into(),
                    format!("{}: {}{more}", self.seeds.len(), seeds.join(", ")),
                ],
            ],
        );
        let files = files.iter();
        table(
            "file | rows | blake3",
            files
                .map(|(name, rows, digest)| vec![name.clone(), rows.to_string(), digest.clone()])
                .collect(),
        );
        let sources = self.sources.iter();
        table(
            "source | agent | model | trajectories",
            sources
                .map(|([source, agent, model], count)| {
                    vec![
                        source.clone(),
                        agent.clone(),
                        model.clone(),
                        count.to_string(),
                    ]
                })
                .collect(),
        );
        let kinds = self.kinds.iter();
        table(
            "kind | trajectories",
            kinds
                .map(|(kind, count)| vec![kind.clone(), count.to_string()])
                .collect(),
        );
        let worlds = self.worlds.iter();
        table(
            "world | trajectories | licences | digest",
            worlds
                .map(|(name, (digest, count, licences))| {
                    let licences = if licences.is_empty() {
                        "not stated".to_string()
                    } else {
                        licences.join(", ")
                    };
                    vec![name.clone(), count.to_string(), licences, digest.clone()]
                })
                .collect(),
        );
        let stages = stages.iter();
        table(
            "stage of the funnel | entered | passed | held back",
            stages
                .map(|stage| {
                    let reasons = stage.dropped.iter();
                    let reasons: Vec<String> = reasons
                        .map(|(reason, count)| format!("{count} {reason}"))
                        .collect();
                    vec![
                        stage.stage.clone(),
                        stage.entered.to_string(),
                        stage.passed.to_string(),
                        reasons.join("; "),
                    ]
                })
                .collect(),
        );
        text.push_str("Loss falls on the agent's turns, not on those whose call failed.\n");
        text
    }
}

/// One cell of a table in Markdown.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
