//! Files, folders and archives as one sequence of documents, in an order that depends on nothing but the
//! input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::archive;
use crate::{Diagnostic, IngestError, Limits, SkipReason};

/// Folders inside folders that are entered.
const DEPTH: usize = 64;

/// What the walk comes upon.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file or an archive entry.
    File {
        /// Its name in diagnostics and sources.
        file: String,
        /// All of its bytes.
        bytes: Vec<u8>,
    },
    /// A file or an archive entry that was not read.
    Skipped(SkipReason, Diagnostic),
    /// Something to say that concerns no single file.
    Note(Diagnostic),
}

impl Found {
    pub(crate) fn skipped(file: &str, reason: SkipReason, message: impl Into<String>) -> Self {
        Self::Skipped(reason, Diagnostic::skipped(file, reason, message))
    }
}

/// Takes what the walk finds; breaks when nobody wants more.
pub(crate) type Sink<'a> = dyn FnMut(Found) -> ControlFlow<()> + 'a;

/// Walks all inputs, one behind the other, until the sink breaks.
pub(crate) fn walk(
    inputs: &[PathBuf],
    limits: &Limits,
    sink: &mut Sink<'_>,
) -> Result<(), IngestError> {
    for input in inputs {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => IngestError::InputMissing {
                path: input.clone(),
            },
            _ => IngestError::InputUnreadable {
                path: input.clone(),
                source,
            },
        };
        let name = input
            .file_name()
            .map(|name| clean_name(&name.to_string_lossy()))
            .unwrap_or_default();
        let metadata = fs::metadata(input).map_err(unreadable)?;
        let flow = if metadata.is_dir() {
            let mut left = limits.entries;
            // Said as an error here: an unreadable folder that the user named is the user's mistake.
            fs::read_dir(input).map_err(unreadable)?;
            walk_folder(input, &name, 0, &mut left, limits, sink)
        } else {
            File::open(input).map_err(unreadable)?;
            walk_file(input, &name, limits, sink)
        };
        if flow.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

fn walk_folder(
    folder: &Path,
    name: &str,
    depth: usize,
    left: &mut usize,
    limits: &Limits,
    sink: &mut Sink<'_>,
) -> ControlFlow<()> {
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = match listed {
        Ok(entries) => entries,
        Err(error) => {
            let message =
                format!("the folder cannot be read ({error}): check that you may read it");
            return sink(Found::skipped(name, SkipReason::Unreadable, message));
        }
    };
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let own = entry.file_name();
        let own = own.to_string_lossy();
        // Version control and editors keep their files there.
        if own.starts_with('.') {
            continue;
        }
        let own = clean_name(&own);
        let file = if name.is_empty() {
            own
        } else {
            format!("{name}/{own}")
        };
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        // A link to a folder may lead back here.
        let is_file = kind.is_file() || kind.is_symlink() && path.is_file();
        if kind.is_dir() && depth < DEPTH {
            walk_folder(&path, &file, depth + 1, left, limits, sink)?;
        } else if is_file {
            if *left == 0 {
                let message = format!(
                    "the input has more than {} files; this and the following ones were not read: \
                     give them as another input, or raise `limits.entries`",
                    limits.entries
                );
                return sink(Found::skipped(&file, SkipReason::TooLarge, message));
            }
            *left -= 1;
            walk_file(&path, &file, limits, sink)?;
        }
    }
    ControlFlow::Continue(())
}

fn walk_file(path: &Path, file: &str, limits: &Limits, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let unreadable = |error: io::Error| {
        let message = format!("the file cannot be read ({error}): check that you may read it");
        Found::skipped(file, SkipReason::Unreadable, message)
    };
    let (mut opened, head) = match open(path) {
        Ok(opened) => opened,
        Err(error) => return sink(unreadable(error)),
    };
    if let Some(kind) = archive::Kind::of(&head) {
        return archive::read(kind, head, opened, file, limits, sink);
    }
    match archive::read_limited(&mut head.as_slice().chain(&mut opened), limits.file_bytes) {
        Ok(Some(bytes)) => sink(Found::File {
            file: file.to_owned(),
            bytes,
        }),
        Ok(None) => sink(archive::too_large(file, limits)),
        Err(error) => sink(unreadable(error)),
    }
}

/// Opens a file and reads the bytes by which archives are told.
fn open(path: &Path) -> io::Result<(File, Vec<u8>)> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    file.by_ref().take(archive::MAGIC).read_to_end(&mut head)?;
    Ok((file, head))
}

/// A name without what could confuse a terminal or a path: control characters, backslashes, `..`.
pub(crate) fn clean_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .take(1000)
        .map(|c| match c {
            '\\' => '/',
            c if c.is_control() => '_',
            c => c,
        })
        .collect();
    let parts: Vec<&str> = plain
        .split('/')
        .filter(|part| !part.is_empty() && *part != "." && *part != "..")
        .collect();
    parts.join("/")
}
