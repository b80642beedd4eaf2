//! What ends a run, or keeps a corpus from being read.

use std::io;
use std::path::PathBuf;

use practicum_table::TableError;

/// An ingest could not be done: a mistake of the user's, or a fault of the machine.
///
/// What is wrong inside the input is never an error: it is a [`Diagnostic`](crate::Diagnostic).
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// No input was named.
    #[error("no input: name at least one file, folder or archive of API specs")]
    NoInput,
    /// An input is not there.
    #[error("{}: no such file or folder. Check the path", path.display())]
    InputMissing {
        /// The input.
        path: PathBuf,
    },
    /// An input is there and cannot be read.
    #[error("{}: cannot be read ({source}). Check that you may read it", path.display())]
    InputUnreadable {
        /// The input.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing in the inputs is a spec.
    #[error(
        "{}{first}\nGive OpenAPI 3, Swagger 2, Google discovery documents, MCP `tools/list` replies or \
         function definitions", none_of(*.files)
    )]
    NoSpec {
        /// Files that were looked at.
        files: usize,
        /// What was wrong with the first files, each on a line of its own; may be empty.
        first: String,
    },
    /// The output folder could not be made.
    #[error(
        "{}: cannot make the output folder ({source}). Choose a folder that you may write to", path.display()
    )]
    OutputFolder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An output file could not be written.
    #[error(transparent)]
    Output(#[from] TableError),
    /// The threads that parse could not be started.
    #[error("cannot start threads ({detail}). Try again with `threads = 1`")]
    Threads {
        /// What the system said.
        detail: String,
    },
}

fn none_of(files: usize) -> String {
    match files {
        0 => "there is no file in the input".into(),
        1 => "the only file in the input is no API spec:".into(),
        _ => format!("none of the {files} files in the input is an API spec:"),
    }
}

/// A corpus could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// The folder holds no corpus.
    #[error(
        "{}: no corpus here (there is no `tools.parquet`). Make one with `ingest`, or check the path", folder.display()
    )]
    NotACorpus {
        /// The folder.
        folder: PathBuf,
    },
    /// The table could not be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A row is not what this program writes.
    #[error(
        "{}: the tool `{id}` is damaged ({detail}). Run `ingest` again to make the corpus anew", path.display()
    )]
    Damaged {
        /// The table.
        path: PathBuf,
        /// The tool.
        id: String,
        /// What is wrong with it.
        detail: String,
    },
}
