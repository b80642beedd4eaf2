//! A file of trajectories that grows record by record, and survives being cut off.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::trajectory::Fault;

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot use {path}: {source}; what was finished is kept, and the same command goes on from there"
)]
pub struct LogError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Which attempt at which task: an attempt is made once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) task: String,
    pub(crate) attempt: u32,
}

/// What is read of a record to know that it is there, and how it went.
#[derive(Deserialize)]
pub(crate) struct Brief {
    pub(crate) task: String,
    pub(crate) attempt: u32,
    #[serde(default)]
    pub(crate) fault: Option<Fault>,
    pub(crate) verdict: BriefVerdict,
    #[serde(default)]
    pub(crate) usage: Option<practicum_client::Usage>,
}

#[derive(Deserialize)]
pub(crate) struct BriefVerdict {
    pub(crate) passed: bool,
}

/// Trajectories, one a line. A record is written with one write; of a half-written last one, as a kill
/// leaves behind, nothing is kept.
#[derive(Debug)]
pub struct TrajectoryLog {
    path: PathBuf,
    file: Mutex<File>,
}

impl TrajectoryLog {
    /// Opens a log to go on with it. `each` sees the brief of every whole record.
    pub(crate) fn open(
        path: &Path,
        mut each: impl FnMut(Brief),
    ) -> Result<(Self, BTreeSet<Key>), LogError> {
        let failed = |source| LogError {
            path: path.to_path_buf(),
            source,
        };
        let mut done = BTreeSet::new();
        let mut whole = 0u64;
        if path.exists() {
            let mut reader = BufReader::new(File::open(path).map_err(failed)?);
            let mut line = Vec::new();
            let mut number = 0;
            loop {
                line.clear();
                let read = reader.read_until(b'\n', &mut line).map_err(failed)?;
                if read == 0 || line.last() != Some(&b'\n') {
                    break;
                }
                number += 1;
                let brief: Brief = serde_json::from_slice(&line).map_err(|error| {
                    failed(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("line {number} is no trajectory: {error}"),
                    ))
                })?;
                done.insert(Key {
                    task: brief.task.clone(),
                    attempt: brief.attempt,
                });
                each(brief);
                whole += read as u64;
            }
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(failed)?;
        if file.metadata().map_err(failed)?.len() != whole {
            file.set_len(whole).map_err(failed)?;
        }
        Ok((
            Self {
                path: path.to_path_buf(),
                file: Mutex::new(file),
            },
            done,
        ))
    }

    /// Appends a record.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&self, record: &impl Serialize) -> Result<(), LogError> {
        let failed = |source| LogError {
            path: self.path.clone(),
            source,
        };
        let mut line =
            serde_json::to_vec(record).map_err(|error| failed(io::Error::other(error)))?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line).map_err(failed)
    }
}
