//! Development tasks of the workspace, run as `cargo xtask TASK`.
//!
//! - `cargo xtask test [ARGS]`: every test: unit, integration and end-to-end tests (by cargo-nextest
//!   where it is installed, else by `cargo test`), then the documentation's examples and the program's tests with
//!   learning. ARGS go to the test runner, for example a filter: `cargo xtask test hostile`.
//! - `cargo xtask soak`: the long runs, in a release build: a process with a thousand journalled sessions is
//!   killed twenty times; then a million random operations on sessions, disturbed and not. Seeded, so that a
//!   failure comes again.
//! - `cargo xtask lint`: formatting, then clippy over all targets, warnings denied, without learning and with it.

#![allow(
    clippy::print_stderr,
    reason = "a development tool talks to a terminal"
)]

use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let passed = match task.as_deref() {
        Some("test") => test(&rest),
        Some("lint") if rest.is_empty() => lint(),
        Some("soak") if rest.is_empty() => soak(),
        _ => {
            eprintln!("usage: cargo xtask test [ARGS] | soak | lint");
            return ExitCode::from(2);
        }
    };
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn test(rest: &[String]) -> bool {
    let filtered = !rest.is_empty();
    let learning = [
        "test",
        "--workspace",
        "--bin",
        "practicum",
        "--features",
        LEARNING,
    ];
    let all = if nextest_is_installed() {
        // nextest runs no documentation examples: they follow by themselves.
        cargo(&["nextest", "run", "--workspace"], rest)
            && (filtered || cargo(&["test", "--workspace", "--doc"], &[]))
    } else {
        eprintln!("xtask: cargo-nextest is not installed; using cargo test");
        cargo(&["test", "--workspace"], rest)
    };
    all && (filtered || cargo(&learning, &[]))
}

/// What the default build leaves out.
const LEARNING: &str = "practicum-cli/learn";

fn soak() -> bool {
    let world_tests = ["test", "--release", "-p", "practicum-world"];
    let long = ["--ignored", "--nocapture", "--exact"];
    let run = |file: &str, test: &str| {
        let arguments = [&world_tests[..], &["--test", file, "--"], &long, &[test]].concat();
        cargo(&arguments, &[])
    };
    run("killed", "a_thousand_sessions_killed_twenty_times") && run("simulator", "soak")
}

fn lint() -> bool {
    let clippy = |features: &[&str]| {
        let command = [&["clippy", "--workspace", "--all-targets"], features];
        cargo(
            &[&command.concat()[..], &["--", "-D", "warnings"]].concat(),
            &[],
        )
    };
    cargo(&["fmt", "--all", "--check"], &[]) && clippy(&[]) && clippy(&["--features", LEARNING])
}

fn nextest_is_installed() -> bool {
    Command::new("cargo")
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs cargo and says which command failed.
fn cargo(command: &[&str], rest: &[String]) -> bool {
    let status = Command::new("cargo").args(command).args(rest).status();
    match status {
        Ok(status) if status.success() => true,
        Ok(status) => {
            eprintln!("xtask: `cargo {}` failed ({status})", command.join(" "));
            false
        }
        Err(error) => {
            eprintln!("xtask: cargo could not be started: {error}");
            false
        }
    }
}
