//! The binary, as a user runs it: real input, wrong input, a kill in the middle.
#![allow(clippy::unwrap_used)] // tests

mod bad_input;
mod bench_acebench;
mod bench_run;
mod bench_tau2;
mod chat_templates;
mod clients;
mod commands;
mod docs;
mod export_recipe;
mod exports;
#[path = "../../../rollout/tests/oracle/mod.rs"]
mod oracle;
mod quickstart;
mod real_specs;
mod rollout_model;
mod same_bytes;
mod serve;
mod serving;
mod support;
mod tasks;
