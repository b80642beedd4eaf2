//! Ingests files, folders and archives:
//! `cargo run --release --example ingest -- [--include-benchmarks] [--threads=N] OUT INPUT...`.
//!
//! Prints the report, and on Linux the processor time and the peak memory of the run.
#![allow(clippy::print_stdout, clippy::print_stderr)] // an example is a program

use std::path::PathBuf;
use std::process::ExitCode;

use practicum_corpus::{Options, ingest};

fn main() -> ExitCode {
    let mut options = Options::default();
    let mut paths = Vec::new();
    for argument in std::env::args_os().skip(1) {
        let text = argument.to_string_lossy();
        if text == "--include-benchmarks" {
            options.include_benchmarks = true;
        } else if let Some(threads) = text.strip_prefix("--threads=") {
            options.threads = threads.parse().ok();
        } else {
            paths.push(PathBuf::from(argument));
        }
    }
    let Some((out, inputs)) = paths.split_first() else {
        eprintln!("usage: ingest [--include-benchmarks] [--threads=N] OUT INPUT...");
        return ExitCode::from(2);
    };
    let result = ingest(inputs, &options, out, &mut |at| {
        eprint!(
            "\r{} of {} files, {} operations",
            at.files_done, at.files_known, at.operations
        );
    });
    eprintln!();
    match result {
        Ok(report) => {
            println!(
                "{}",
                serde_json::to_string_pretty(&report).unwrap_or_default()
            );
            if let Some(usage) = usage() {
                println!("{usage}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Processor seconds and peak memory, from `/proc`.
fn usage() -> Option<String> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Fields 14 and 15 are user and system time in hundredths of a second; the name, in brackets, may
    // hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields
        .get(11..13)?
        .iter()
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(format!(
        "processor time {:.1} s, peak memory {}",
        ticks / 100.0,
        peak.trim_start_matches("VmHWM:").trim()
    ))
}
