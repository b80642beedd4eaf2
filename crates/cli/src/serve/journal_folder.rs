//! The folder of a journal: its parts, of which the newest is written, and a lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{CommandError, Result, io_error};

/// Bytes beyond which a part is renewed, when it has also doubled: a new one begins with where every
/// session is, and the calls that led there are dropped.
const LONG: u64 = 64 << 20;

/// The parts of a journal, held by this process alone.
#[derive(Debug)]
pub(crate) struct JournalFolder {
    folder: PathBuf,
    parts: Vec<PathBuf>,
    next: u64,
    written: Arc<AtomicU64>,
    /// Bytes that the part began with.
    begun: u64,
    _lock: File,
}

/// A part, and how long it is. Not buffered: what was written outlives the process.
struct Part {
    file: File,
    written: Arc<AtomicU64>,
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl JournalFolder {
    /// Opens a folder, made when it is not there.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| io_error(folder, &error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(CommandError::user(format!(
                    "another process uses the journal {}",
                    folder.display()
                ))
                .hint("stop it, or name another folder with --journal"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut parts = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if number(&path).is_some() {
                parts.push(path);
            }
        }
        parts.sort_by_key(|path| number(path));
        Ok(Self {
            folder: folder.into(),
            next: parts.last().and_then(|path| number(path)).unwrap_or(0) + 1,
            parts,
            written: Arc::default(),
            begun: 0,
            _lock: lock,
        })
    }

    /// What the parts hold, the oldest first.
    pub(crate) fn readers(&self) -> Result<Vec<BufReader<File>>> {
        let open = |path: &PathBuf| File::open(path).map_err(|error| io_error(path, &error));
        let readers = self.parts.iter().map(|path| open(path).map(BufReader::new));
        readers.collect()
    }

    /// Begins a part, and removes those before it when `begin` has returned.
    pub(crate) fn next_part(
        &mut self,
        begin: impl FnOnce(Box<dyn Write + Send>) -> Result<()>,
    ) -> Result<()> {
        let path = self.folder.join(format!("{:09}.journal", self.next));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| io_error(&path, &error))?;
        self.next += 1;
        self.parts.push(path);
        self.written = Arc::default();
        begin(Box::new(Part {
            file,
            written: Arc::clone(&self.written),
        }))?;
        self.begun = self.written.load(Ordering::Relaxed);
        let newest = self.parts.pop();
        for old in self.parts.drain(..) {
            std::fs::remove_file(&old).map_err(|error| io_error(&old, &error))?;
        }
        self.parts.extend(newest);
        Ok(())
    }

    /// Begins a part when this one is long.
    pub(crate) fn renew(
        &mut self,
        begin: impl FnOnce(Box<dyn Write + Send>) -> Result<()>,
    ) -> Result<()> {
        let written = self.written.load(Ordering::Relaxed);
        if written < LONG.max(self.begun.saturating_mul(2)) {
            return Ok(());
        }
        self.next_part(begin)
    }
}

fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_suffix(".journal")?.parse().ok()
}
