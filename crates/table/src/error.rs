//! What can go wrong with a table's file.

use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;

/// A table could not be written or read. Each message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The disk has no room left. The file that was there before, if any, is untouched.
    #[error(
        "the disk is full: {} could not be written. Free some space or choose another folder, then run this again; nothing was replaced", path.display()
    )]
    DiskFull {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// The file could not be written for another reason.
    #[error(
        "cannot write {}: {source}. Check that the folder exists and that you may write to it", path.display()
    )]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another program is writing the same file at this moment.
    #[error(
        "{} is being written by another process. Wait until it ends, or choose another folder", path.display()
    )]
    Busy {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// The file could not be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file that was to be read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a complete table of ours.
    #[error(
        "{} is not a table that can be read here ({detail}). If a stage of this program wrote it, delete it and run that stage again", path.display()
    )]
    NotATable {
        /// The file that was read.
        path: PathBuf,
        /// What the decoder said.
        detail: String,
    },
    /// A column that the caller asked for is not there, or is of another kind.
    #[error(
        "{} has no {wanted} column `{column}`; it has {found}. It was probably written by another version of this program: run the stage that makes it again", path.display()
    )]
    MissingColumn {
        /// The file that was read.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// The kind that the caller wanted.
        wanted: &'static str,
        /// Names and kinds of the columns that are there.
        found: String,
    },
    /// The columns handed to the writer do not fit the table: a mistake in the calling code.
    #[error("columns do not fit the table {}: {detail}", path.display())]
    Shape {
        /// The file that was to be written.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },
}

impl TableError {
    /// Turns the system's error while writing `path` into ours.
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Write { path, source },
        }
    }

    /// Turns the encoder's error while writing `path` into ours.
    pub(crate) fn encode(path: &Path, error: ParquetError) -> Self {
        match error {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(source) => Self::write(path, *source),
                Err(other) => Self::write(path, io::Error::other(other)),
            },
            other => Self::write(path, io::Error::other(other)),
        }
    }

    /// Turns the decoder's error while reading `path` into ours.
    pub(crate) fn decode(path: &Path, error: ParquetError) -> Self {
        match error {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(source) => Self::Read {
                    path: path.to_owned(),
                    source: *source,
                },
                Err(other) => Self::NotATable {
                    path: path.to_owned(),
                    detail: other.to_string(),
                },
            },
            other => Self::NotATable {
                path: path.to_owned(),
                detail: other.to_string(),
            },
        }
    }
}
