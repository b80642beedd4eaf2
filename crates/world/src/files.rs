//! The files of a world, in memory.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Largest file that a world may hold.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// Largest number of files that a world may hold.
const MAX_FILES: usize = 2_000;

/// The text files of a world by their path inside its folder, `/`-separated.
///
/// A world is made of these alone, so it can be built, checked and run without touching a disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorldFiles {
    texts: BTreeMap<String, String>,
}

/// Why a world's folder could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The folder, or a file in it, cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// What was being read.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file is larger than any file of a world may be, or there are too many.
    #[error("{path} is not a world: {reason}")]
    NotAWorld {
        /// The file or folder.
        path: PathBuf,
        /// What disqualifies it.
        reason: String,
    },
    /// The folder, or a file in it, cannot be written.
    #[error(
        "cannot write {path}: {source}; check that the folder can be written and the disk has room"
    )]
    Write {
        /// What was being written.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl WorldFiles {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.texts.insert(path.into(), text.into());
    }

    /// The text of a file.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// All files in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files directly below `folder` whose names end with `extension`.
    pub(crate) fn below<'a>(
        &'a self,
        folder: &'a str,
        extension: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.iter().filter(move |(path, _)| {
            path.strip_prefix(folder)
                .is_some_and(|name| !name.contains('/') && name.ends_with(extension))
        })
    }

    /// Reads the files of a world's folder: `.toml`, `.sql`, `.md` and `.json`, at the top and in
    /// `tools/` and `tests/`. Everything else is left alone.
    ///
    /// # Errors
    /// When the folder or a file cannot be read, or is too large to be a world's.
    pub fn read(folder: &Path) -> Result<Self, FilesError> {
        let mut files = Self::new();
        files.read_folder(folder, "")?;
        for inner in ["tools", "tests"] {
            let path = folder.join(inner);
            if path.is_dir() {
                files.read_folder(&path, &format!("{inner}/"))?;
            }
        }
        Ok(files)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> Result<(), FilesError> {
        let failed = |path: &Path, source| FilesError::Read {
            path: path.to_path_buf(),
            source,
        };
        let entries = fs::read_dir(folder).map_err(|source| failed(folder, source))?;
        for entry in entries {
            let path = entry.map_err(|source| failed(folder, source))?.path();
            let (Some(name), Some(extension)) = (
                path.file_name().and_then(|name| name.to_str()),
                path.extension().and_then(|extension| extension.to_str()),
            ) else {
                continue;
            };
            if !["toml", "sql", "md", "json"].contains(&extension) || !path.is_file() {
                continue;
            }
            if self.texts.len() >= MAX_FILES {
                return Err(FilesError::NotAWorld {
                    path: folder.to_path_buf(),
                    reason: format!("it holds more than {MAX_FILES} files"),
                });
            }
            let mut text = String::new();
            let file = fs::File::open(&path).map_err(|source| failed(&path, source))?;
            file.take(MAX_FILE_BYTES + 1)
                .read_to_string(&mut text)
                .map_err(|source| failed(&path, source))?;
            if text.len() as u64 > MAX_FILE_BYTES {
                return Err(FilesError::NotAWorld {
                    path,
                    reason: format!("it is larger than {MAX_FILE_BYTES} bytes"),
                });
            }
            self.texts.insert(format!("{prefix}{name}"), text);
        }
        Ok(())
    }

    /// Writes the files into `folder` by way of a temporary folder beside it, so that a half-written
    /// world never stands under its name. A world that stood there before is replaced.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), FilesError> {
        let failed = |path: &Path, source| FilesError::Write {
            path: path.to_path_buf(),
            source,
        };
        let mut pending = folder.as_os_str().to_owned();
        pending.push(".tmp");
        let pending = PathBuf::from(pending);
        if pending.exists() {
            fs::remove_dir_all(&pending).map_err(|source| failed(&pending, source))?;
        }
        for (name, text) in self.iter() {
            let path = pending.join(name);
            let parent = path.parent().unwrap_or(&pending);
            fs::create_dir_all(parent).map_err(|source| failed(parent, source))?;
            let mut file = fs::File::create(&path).map_err(|source| failed(&path, source))?;
            file.write_all(text.as_bytes())
                .map_err(|source| failed(&path, source))?;
        }
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(|source| failed(folder, source))?;
        }
        fs::rename(&pending, folder).map_err(|source| failed(folder, source))
    }

    /// A hash over all paths and texts but `check.json`, which records a check of the others.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (path, text) in self.iter().filter(|(path, _)| *path != "check.json") {
            for part in [path, text] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        hasher.finalize().to_hex()[..32].to_string()
    }
}
