//! What runs of every benchmark share: a log that grows record by record, and pieces of work that go on at
//! one time.

use std::fs::{self, File, OpenOptions};
use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

/// Why a run's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no record.
    #[error("{}, line {line}: {what}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Another process works in the folder.
    #[error("another process works in {}", .0.display())]
    Busy(PathBuf),
    /// The folder holds another run.
    #[error("{} holds a run of another kind: its {what} differs; choose another folder", folder.display())]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// What differs.
        what: String,
    },
}

/// A run's folder, held by this process: what the run is of, and a log of finished pieces of work.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    log_path: PathBuf,
    log: File,
    _lock: File,
}

impl Folder {
    /// Opens a folder to begin a run or to go on with it: its records, in order. `of` says what the run is
    /// of; each member must be the one that the folder was made with. Of a half-written last record, as a
    /// kill leaves behind, nothing is kept.
    ///
    /// # Errors
    /// When the folder cannot be used, is in use, or holds another run.
    pub fn open<T: DeserializeOwned>(
        path: &Path,
        log: &str,
        of: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<(Self, Vec<T>), FolderError> {
        let at = |own: &Path| {
            let path = own.to_path_buf();
            move |source| FolderError::File { path, source }
        };
        fs::create_dir_all(path).map_err(at(path))?;
        let lock_path = path.join("lock");
        let lock = File::create(&lock_path).map_err(at(&lock_path))?;
        if lock.try_lock().is_err() {
            return Err(FolderError::Busy(path.to_path_buf()));
        }
        claim(path, of)?;
        let log_path = path.join(log);
        let mut records = Vec::new();
        let mut whole = 0_usize;
        let text = match fs::read(&log_path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(at(&log_path)(error)),
        };
        for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if line.last() != Some(&b'\n') {
                break;
            }
            let record = serde_json::from_slice(line).map_err(|error| FolderError::Record {
                path: log_path.clone(),
                line: number + 1,
                what: error.to_string(),
            })?;
            records.push(record);
            whole += line.len();
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_path)
            .map_err(at(&log_path))?;
        file.set_len(whole as u64).map_err(at(&log_path))?;
        let folder = Self {
            path: path.to_path_buf(),
            log_path,
            log: file,
            _lock: lock,
        };
        Ok((folder, records))
    }

    /// Appends a record, with one write.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn append(&mut self, record: &impl Serialize) -> Result<(), FolderError> {
        let failed = |source| FolderError::File {
            path: self.log_path.clone(),
            source,
        };
        let mut line = serde_json::to_vec(record).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.log.write_all(&line).map_err(failed)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Says in `run.json` what the folder is for, or compares.
fn claim(
    folder: &Path,
    of: &serde_json::Map<String, serde_json::Value>,
) -> Result<(), FolderError> {
    let path = folder.join("run.json");
    let failed = |source| FolderError::File {
        path: path.clone(),
        source,
    };
    if !path.exists() {
        let text = serde_json::to_vec_pretty(of).map_err(|error| failed(error.into()))?;
        let beside = path.with_extension("part");
        fs::write(&beside, text).map_err(failed)?;
        return fs::rename(&beside, &path).map_err(failed);
    }
    let there = fs::read(&path).map_err(failed)?;
    let there: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&there).map_err(|error| failed(error.into()))?;
    let names = of.keys().chain(there.keys());
    match names
        .into_iter()
        .find(|name| of.get(*name) != there.get(*name))
    {
        None => Ok(()),
        Some(name) => Err(FolderError::OtherRun {
            folder: folder.to_path_buf(),
            what: name.replace('_', " "),
        }),
    }
}

/// Does pieces of work, so many at one time, in their order; `each` takes what comes of one as it ends, and
/// says whether to begin another. A piece that panics is left out.
///
/// # Errors
/// The first error of `each`: nothing is begun after it, and what goes on is dropped.
pub async fn at_one_time<T, R, W, E>(
    pieces: impl IntoIterator<Item = T>,
    concurrency: usize,
    mut work: impl FnMut(T) -> W,
    mut each: impl FnMut(R) -> Result<bool, E>,
) -> Result<(), E>
where
    W: Future<Output = R> + Send + 'static,
    R: Send + 'static,
{
    let mut pieces = pieces.into_iter();
    let mut going = JoinSet::new();
    for piece in pieces.by_ref().take(concurrency.max(1)) {
        going.spawn(work(piece));
    }
    let mut open = true;
    while let Some(ended) = going.join_next().await {
        if let Ok(result) = ended {
            open &= each(result)?;
        }
        if open && let Some(piece) = pieces.next() {
            going.spawn(work(piece));
        }
    }
    Ok(())
}
