//! Benchmarks of the field, ported: their tasks scored here get the verdicts that the official scorers give.
//!
//! The benchmarks' data is not part of this project: callers name the folder of their own checkout.

pub mod acebench;
pub mod contamination;
mod python_text;
pub mod report;
pub mod run;
pub mod tau2;
