//! What can go wrong with a model, and where.

use std::io;
use std::path::{Path, PathBuf};

/// Why a model cannot be loaded, trained, run or saved.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// A file cannot be read or written.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {what}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// A tensor operation failed: shapes that do not fit, or no memory.
    #[error("tensors: {0}")]
    Tensor(#[from] candle_core::Error),
    /// The tokenizer cannot do what it is asked.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// Options or data that make no sense.
    #[error("{0}")]
    Invalid(String),
    /// A world's state cannot be made.
    #[error("world: {0}")]
    World(#[from] practicum_world::StateError),
}

impl LearnError {
    pub(crate) fn format(path: &Path, what: impl Into<String>) -> Self {
        Self::Format {
            path: path.to_path_buf(),
            what: what.into(),
        }
    }

    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File {
            path: path.to_path_buf(),
            source,
        }
    }
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, LearnError>;
