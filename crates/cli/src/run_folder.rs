//! The folder of a run: one folder a stage, made whole or not at all, skipped when nothing changed.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{CommandError, Result, io_error};

/// Bookkeeping of a finished stage, in `.stage.json` beside its artefacts.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Finished {
    /// Hash of everything that the stage depends on.
    key: String,
    /// Hash of its artefacts.
    digest: String,
}

const BOOK: &str = ".stage.json";

/// The folder of a run.
#[derive(Debug, Clone)]
pub(crate) struct RunFolder {
    root: PathBuf,
    /// Hash of this very program: another build may make other artefacts.
    program: String,
}

/// What is to be done about a stage.
#[derive(Debug)]
pub(crate) enum Due {
    /// Its artefacts are there and nothing that it depends on has changed.
    Nothing,
    /// It is to be made, in this folder, which may hold units that a run before this one finished.
    Work(PathBuf),
}

impl RunFolder {
    /// Opens or makes the folder of a run.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        if root.exists() && !root.is_dir() {
            return Err(CommandError::user(format!(
                "{} is a file, and the run needs a folder",
                root.display()
            ))
            .hint("choose another with --out"));
        }
        fs::create_dir_all(root).map_err(|error| io_error(root, &error))?;
        let probe = root.join(".writable");
        fs::write(&probe, b"").map_err(|error| io_error(root, &error))?;
        fs::remove_file(&probe).map_err(|error| io_error(root, &error))?;
        let program = std::env::current_exe()
            .and_then(|path| hash_file(&path))
            .unwrap_or_else(|_| env!("CARGO_PKG_VERSION").to_string());
        Ok(Self {
            root: root.to_path_buf(),
            program,
        })
    }

    /// The run's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a stage's artefacts.
    pub(crate) fn stage(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The folder of a stage that must be finished already.
    pub(crate) fn finished(&self, name: &str) -> Result<(PathBuf, String)> {
        let folder = self.stage(name);
        match read_book(&folder) {
            Some(book) => Ok((folder, book.digest)),
            None => Err(CommandError::user(format!(
                "{} is not there yet",
                folder.display()
            ))
            .hint(format!("run the stage {name:?} before this one, or `practicum run RECIPE` for all of them"))),
        }
    }

    /// Decides whether a stage is to be made. `parts` are what it depends on.
    pub(crate) fn begin(&self, name: &str, parts: &[&str]) -> Result<Due> {
        let mut hasher = blake3::Hasher::new();
        for part in std::iter::once(&self.program.as_str()).chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let key = hasher.finalize().to_hex()[..32].to_string();
        let folder = self.stage(name);
        if let Some(book) = read_book(&folder)
            && book.key == key
        {
            return Ok(Due::Nothing);
        }
        let partial = self.partial(name);
        let key_file = partial.join(".key");
        let same = fs::read_to_string(&key_file).is_ok_and(|known| known == key);
        if !same {
            if partial.exists() {
                fs::remove_dir_all(&partial).map_err(|error| io_error(&partial, &error))?;
            }
            fs::create_dir_all(&partial).map_err(|error| io_error(&partial, &error))?;
            fs::write(&key_file, key).map_err(|error| io_error(&key_file, &error))?;
        }
        Ok(Due::Work(partial))
    }

    /// Takes away what a stage left that could not begin because of the user's mistake: nothing
    /// half-written stays, nor a run's folder with nothing in it.
    pub(crate) fn discard(&self, name: &str) {
        // Best effort: the user's mistake is what is to be told, not this.
        let _ = fs::remove_dir_all(self.partial(name));
        let _ = fs::remove_dir(&self.root);
    }

    fn partial(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.partial"))
    }

    /// Puts a finished stage in its place and returns the digest of its artefacts.
    pub(crate) fn finish(&self, name: &str) -> Result<String> {
        let partial = self.partial(name);
        let folder = self.stage(name);
        let failed = |error: io::Error| io_error(&partial, &error);
        let key_file = partial.join(".key");
        let key = fs::read_to_string(&key_file).map_err(failed)?;
        let digest = digest_of(&partial).map_err(failed)?;
        let book = Finished {
            key,
            digest: digest.clone(),
        };
        let text = serde_json::to_string(&book).unwrap_or_default();
        fs::write(partial.join(BOOK), text).map_err(failed)?;
        fs::remove_file(&key_file).map_err(failed)?;
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed)?;
        }
        fs::rename(&partial, &folder).map_err(failed)?;
        Ok(digest)
    }
}

fn read_book(folder: &Path) -> Option<Finished> {
    serde_json::from_str(&fs::read_to_string(folder.join(BOOK)).ok()?).ok()
}

/// A hash over the artefacts of a folder: paths and contents, bookkeeping left out.
fn digest_of(folder: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for path in files {
        let name = path.strip_prefix(folder).unwrap_or(&path);
        hasher.update(name.to_string_lossy().as_bytes());
        hasher.update(b"\0");
        hasher.update(hash_file(&path)?.as_bytes());
    }
    Ok(hasher.finalize().to_hex()[..32].to_string())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// A hash over what the user gave: every file of the paths, by content.
pub(crate) fn hash_inputs(paths: &[PathBuf]) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    for path in paths {
        let mut files = Vec::new();
        if path.is_dir() {
            collect(path, &mut files)?;
        } else {
            files.push(path.clone());
        }
        files.sort();
        for file in files {
            let name = file.strip_prefix(path).unwrap_or(&file);
            hasher.update(name.to_string_lossy().as_bytes());
            hasher.update(b"\0");
            hasher.update(hash_file(&file)?.as_bytes());
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn hash_file(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hasher.finalize().to_hex().to_string());
        }
        hasher.update(&buffer[..read]);
    }
}

/// Writes a file by way of a temporary name beside it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error: io::Error| io_error(path, &error);
    let mut pending = path.as_os_str().to_owned();
    pending.push(".tmp");
    let pending = PathBuf::from(pending);
    fs::write(&pending, bytes).map_err(failed)?;
    fs::rename(&pending, path).map_err(failed)
}

/// Writes a value as JSON for people.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| CommandError::work(format!("{}: {error}", path.display())))?;
    text.push(b'\n');
    write_whole(path, &text)
}

/// Reads a JSON artefact of an earlier stage.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(|error| io_error(path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        CommandError::work(format!("{} is damaged: {error}", path.display()))
            .hint("delete the run's folder and run the recipe again")
    })
}
