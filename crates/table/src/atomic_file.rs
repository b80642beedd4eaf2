//! A file that appears under its name only when it is complete.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::TableError;

/// A file that is written beside its place and moved there by [`AtomicFile::commit`].
///
/// Dropped without a commit, it removes what it wrote and leaves the old file as it was. The temporary
/// name is the target's with `.tmp` behind it, so that what a killed run left is overwritten by the next.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    temporary: PathBuf,
    file: Option<BufWriter<File>>,
}

impl AtomicFile {
    /// Opens the temporary file beside `target`; the folder must exist.
    pub fn create(target: &Path) -> Result<Self, TableError> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".tmp");
        let temporary = target.with_file_name(name);
        let fail = |source| TableError::write(target, source);
        // Truncated only after the lock is held, so that another writer's bytes stay whole.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&temporary)
            .map_err(fail)?;
        // A file system without locks is no reason to refuse.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(TableError::Busy {
                path: target.to_owned(),
            });
        }
        if file.metadata().map_err(fail)?.len() > 0 {
            file.set_len(0).map_err(fail)?;
        }
        Ok(Self {
            target: target.to_owned(),
            temporary,
            file: Some(BufWriter::with_capacity(1 << 16, file)),
        })
    }

    /// The name under which the file will appear.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Writes bytes behind those that are there.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), TableError> {
        let written = self.open_file().and_then(|file| file.write_all(bytes));
        written.map_err(|source| TableError::write(&self.target, source))
    }

    /// Writes out what is buffered, makes it durable and moves the file to its place.
    pub fn commit(mut self) -> Result<(), TableError> {
        let Some(buffered) = self.file.take() else {
            return Ok(());
        };
        let done = buffered
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&self.temporary, &self.target));
        done.map_err(|source| {
            let _ = fs::remove_file(&self.temporary);
            TableError::write(&self.target, source)
        })
    }

    fn open_file(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.file
            .as_mut()
            .ok_or_else(|| io::Error::other("the file was already committed"))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open_file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open_file()?.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(buffered) = self.file.take() {
            // The rest of the buffer is of no use any more: do not write it to a disk that may be full.
            drop(buffered.into_parts());
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
