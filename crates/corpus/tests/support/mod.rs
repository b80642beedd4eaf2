//! What the integration tests share: small specs, archives in memory, and a run in a temporary folder.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses a part of it

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use practicum_corpus::{Corpus, Diagnostic, IngestError, Options, Report, ToolSpec, ingest};
use tempfile::TempDir;

/// An OpenAPI spec of one host with these operations: `(method, path, operationId)`.
pub(crate) fn spec(server: &str, version: &str, operations: &[(&str, &str, &str)]) -> String {
    let mut paths: BTreeMap<&str, BTreeMap<String, serde_json::Value>> = BTreeMap::new();
    for (method, path, name) in operations {
        paths.entry(path).or_default().insert(
            method.to_lowercase(),
            serde_json::json!({
                "operationId": name,
                "summary": format!("Does the work of {name}"),
                "responses": {"204": {"description": "done"}},
            }),
        );
    }
    serde_json::json!({
        "openapi": "3.0.0",
        "info": {"title": "Work", "version": version},
        "servers": [{"url": server}],
        "paths": paths,
    })
    .to_string()
}

/// Packs files as tar.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Packs with the window of `zstd --long`.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A folder with inputs in it, and the corpus that comes out.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
}

impl Bench {
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join("in").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn input(&self) -> PathBuf {
        self.folder.path().join("in")
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    pub(crate) fn ingest(&self, options: &Options) -> Result<Report, IngestError> {
        ingest(&[self.input()], options, &self.out(), &mut |_| {})
    }

    /// Ingests and checks that the account adds up.
    pub(crate) fn run(&self, options: &Options) -> Done {
        let report = self.ingest(options).unwrap();
        let done = Done::open(&self.out(), report);
        done.check_account();
        done
    }
}

/// A finished run.
pub(crate) struct Done {
    pub(crate) report: Report,
    pub(crate) specs: Vec<ToolSpec>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Done {
    pub(crate) fn open(out: &Path, report: Report) -> Self {
        let corpus = Corpus::open(out).unwrap();
        let lines = std::fs::read_to_string(out.join("diagnostics.jsonl")).unwrap();
        let text = std::fs::read_to_string(out.join("report.json")).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        Self {
            report,
            specs: corpus.specs().map(Result::unwrap).collect(),
            diagnostics: lines
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        }
    }

    /// Everything that was read is kept, or dropped for a reason.
    pub(crate) fn check_account(&self) {
        let operations = &self.report.operations;
        let dropped: usize = operations.dropped.values().sum();
        assert_eq!(operations.read, operations.kept + dropped, "{operations:?}");
        assert_eq!(operations.kept, self.specs.len());
        let files = &self.report.files;
        let skipped: usize = files.skipped.values().sum();
        assert_eq!(files.read, files.specs + skipped, "{files:?}");
        let formats = self.report.formats.values();
        assert_eq!(
            formats.clone().map(|f| f.read).sum::<usize>(),
            operations.read
        );
        assert_eq!(formats.map(|f| f.kept).sum::<usize>(), operations.kept);
        let lines: usize = self.report.diagnostics.values().sum();
        assert_eq!(lines, self.diagnostics.len());
        let ids: std::collections::BTreeSet<&str> =
            self.specs.iter().map(|spec| spec.id.as_str()).collect();
        assert_eq!(ids.len(), self.specs.len(), "ids are unique");
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.specs.iter().map(|spec| spec.id.as_str()).collect()
    }

    pub(crate) fn skipped(&self, reason: &str) -> usize {
        self.report.files.skipped.get(reason).copied().unwrap()
    }

    pub(crate) fn dropped(&self, reason: &str) -> usize {
        self.report.operations.dropped.get(reason).copied().unwrap()
    }

    /// `file: message` of the diagnostics that are not about single operations.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.diagnostics
            .iter()
            .filter(|d| {
                !matches!(
                    d.kind,
                    practicum_corpus::DiagnosticKind::OperationDropped(_)
                )
            })
            .map(|d| format!("{}: {}", d.file, d.message))
            .collect()
    }
}
