//! What a run is of, and how far it is: `run.json`, `status.json`.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use practicum_client::Usage;
use serde::{Deserialize, Serialize};

use crate::episode::EpisodeLimits;
use crate::trajectory::{Fault, ModelRecord};
use crate::user::{ModelVoice, UserRecord};

/// What a run is of: `run.json`. Another run cannot go on in its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// The model and how it is asked.
    pub model: ModelRecord,
    /// What an episode may take.
    pub limits: EpisodeLimits,
    /// Calls in a row that fail.
    pub errors: usize,
    /// Tokens of an episode's replies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// The model that words what the user says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<ModelVoice>,
    /// The worlds' digests by name.
    pub worlds: BTreeMap<String, String>,
}

/// How far a run is: `status.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Attempts that the run consists of.
    pub total: usize,
    /// Attempts with a verdict.
    pub done: usize,
    /// Of these, those that passed.
    pub passed: usize,
    /// Of these, those that failed, by whose fault it is.
    pub faults: BTreeMap<String, usize>,
    /// Episodes that go on now.
    pub in_flight: usize,
    /// Attempts that the infrastructure ended for good in this process, by reason: never scored; the same
    /// command tries them again.
    pub infrastructure: BTreeMap<String, usize>,
    /// Episodes that were begun again after the infrastructure ended them.
    pub begun_again: usize,
    /// Replies of the model in this process.
    pub replies: u64,
    /// Tries of requests that failed.
    pub failed_tries: u64,
    /// Tokens of all episodes with a verdict.
    pub usage: Usage,
    /// Messages of the user that a model was to word, in this process; of these, those that the template said in
    /// the end; and words of the model that were not said.
    #[serde(default)]
    pub voiced: [usize; 3],
    /// Seconds since this process began.
    pub seconds: f64,
    /// Attempts that got their verdict in this process.
    pub here: usize,
    /// The budget of tokens is spent: nothing is begun.
    pub spent: bool,
    /// No process works on it any more.
    pub over: bool,
}

impl Progress {
    pub(super) fn count(&mut self, passed: bool, fault: Option<Fault>, usage: Option<Usage>) {
        self.done += 1;
        self.passed += usize::from(passed);
        if let Some(fault) = fault {
            *self.faults.entry(fault.name().into()).or_default() += 1;
        }
        self.usage.add(usage.unwrap_or_default());
    }

    pub(super) fn count_voice(&mut self, user: &[UserRecord]) {
        for worded in user.iter().filter_map(|own| own.voice.as_ref()) {
            self.voiced[0] += 1;
            self.voiced[1] += usize::from(worded.text == worded.template);
            self.voiced[2] += worded.refused.len();
        }
    }

    /// Faults of user, world or verifier: set aside in the attributable rate.
    pub fn set_aside(&self) -> usize {
        ["user", "world", "verifier"]
            .iter()
            .filter_map(|name| self.faults.get(*name))
            .sum()
    }
}

pub(super) fn write_status(folder: &Path, progress: &Progress) -> io::Result<()> {
    let text = serde_json::to_string_pretty(progress)?;
    write_whole(&folder.join("status.json"), text.as_bytes())
}

/// A file appears whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("part");
    fs::write(&beside, bytes)?;
    fs::rename(&beside, path)
}
