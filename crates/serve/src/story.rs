//! What an episode keeps beside its session: where it started, what was said, how it ended.

use practicum_rollout::{Ending, UserMemory};
use practicum_world::{Agreement, Outcome, Transcript};
use serde::{Deserialize, Serialize};

use crate::catalogue::Start;

/// Everything that was said in an episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Story {
    pub(crate) start: Start,
    #[serde(default)]
    pub(crate) said: Vec<Said>,
    #[serde(default)]
    pub(crate) ended: Option<Ended>,
}

/// One message to the user, and what the user answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Said {
    /// The request's id, by which it is recognised when it is sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
    pub(crate) reply: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agreement: Option<Agreement>,
    pub(crate) memory: UserMemory,
}

/// How an episode ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ended {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
    pub(crate) ending: Ending,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<Outcome>,
    /// What the agent said last.
    pub(crate) answer: String,
}

/// One note of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Note {
    /// The first note: a new episode, or that of which this one is a fork.
    Story(Story),
    Said(Said),
    Ended(Ended),
}

impl Story {
    pub(crate) fn new(start: Start) -> Self {
        Self {
            start,
            said: Vec::new(),
            ended: None,
        }
    }

    /// The story that notes tell; None when the first one is missing: the episode was never acknowledged.
    ///
    /// # Errors
    /// When a note is not one of these.
    pub(crate) fn read(notes: &[String]) -> Result<Option<Self>, serde_json::Error> {
        let mut story: Option<Self> = None;
        for text in notes {
            match (serde_json::from_str(text)?, &mut story) {
                (Note::Story(own), _) => story = Some(own),
                (Note::Said(said), Some(story)) => story.said.push(said),
                (Note::Ended(ended), Some(story)) => story.ended = Some(ended),
                (_, None) => {}
            }
        }
        Ok(story)
    }

    /// What a verdict needs of it.
    pub(crate) fn transcript(&self) -> Transcript {
        let agreements = self.said.iter().filter_map(|said| said.agreement.clone());
        Transcript {
            answer: self
                .ended
                .as_ref()
                .map_or_else(String::new, |ended| ended.answer.clone()),
            outcome: self.ended.as_ref().and_then(|ended| ended.outcome),
            agreements: agreements.collect(),
        }
    }

    /// What the user remembers.
    pub(crate) fn memory(&self) -> UserMemory {
        self.said
            .last()
            .map_or_else(UserMemory::default, |said| said.memory.clone())
    }
}
