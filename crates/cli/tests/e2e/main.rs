//! The binary, as a user runs it: real input, wrong input, a kill in the middle.
#![allow(clippy::unwrap_used)] // tests

mod bad_input;
mod bench_acebench;
mod bench_tau2;
mod commands;
mod docs;
mod quickstart;
mod real_specs;
mod same_bytes;
mod support;
mod tasks;
