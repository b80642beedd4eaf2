//! Runs of the binary in a folder of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The root of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
}

/// The folder of specs that ship with the project.
pub(crate) fn example_specs() -> PathBuf {
    workspace().join("examples/specs")
}

/// A temporary folder to run the binary in.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

/// What a run of the binary gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Asserts success.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    /// Asserts that the user's mistake was told in words that contain these.
    #[track_caller]
    pub(crate) fn refused(self, words: &[&str]) -> Self {
        assert_eq!(self.code, 2, "{}", self.stderr);
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no {word:?} in: {}",
                self.stderr
            );
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// A recipe on the specs that ship, with few tasks.
    pub(crate) fn small_recipe(&self) -> PathBuf {
        let specs = example_specs();
        self.write(
            "small.toml",
            format!(
                "name = \"small\"\nseed = 5\n[ingest]\nspecs = [{:?}]\n[graph]\nmin_size = 4\n[task]\nper_world = 8\n",
                specs.to_str().unwrap()
            ),
        )
    }

    /// The binary, about to run in this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_practicum"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments).output().unwrap();
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// The names in this folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Every artefact of a run by its path. Seconds and bytes of memory are taken out of the reports: they
/// are the only things that two runs may differ in.
pub(crate) fn artefacts(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    collect(run, run, &mut found);
    assert!(
        found.remove("timings.json").is_some(),
        "{:?}",
        found.keys().collect::<Vec<_>>()
    );
    let mut report: Value = serde_json::from_slice(&found["report.json"]).unwrap();
    report["seconds"] = Value::Null;
    report["peak_rss_bytes"] = Value::Null;
    found.insert("report.json".into(), report.to_string().into_bytes());
    let page = String::from_utf8(found["report.html"].clone()).unwrap();
    let (before, rest) = page.split_once("<h2>Time</h2>").unwrap();
    let (_, after) = rest.split_once("<h2>").unwrap();
    let page = format!("{before}{after}");
    found.insert("report.html".into(), page.into_bytes());
    found
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            found.insert(name.to_string(), std::fs::read(&path).unwrap());
        }
    }
}

/// Asserts that two runs made the same bytes, and says which file differs.
#[track_caller]
pub(crate) fn assert_same(left: &Path, right: &Path) {
    let (left, right) = (artefacts(left), artefacts(right));
    let names = |side: &BTreeMap<String, Vec<u8>>| side.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&left), names(&right));
    for (name, bytes) in &left {
        assert!(*bytes == right[name], "{name} differs");
    }
}
