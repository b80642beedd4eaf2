//! ACEBench: normal, special and agent categories, scored item by item as the official checker does.
//!
//! The official scorer (Python, `eval_main.py` of <https://github.com/chenchen0103/ACEBench>) is the definition; what it
//! lets pass or fails against its own intent is kept. [`Benchmark::read`] reads the data, [`read_answers`] a model's
//! answers, [`Benchmark::score`] judges one, [`Scorecard`] adds verdicts up.

mod agent;
mod answers;
mod argument;
mod category;
mod data;
mod normal;
mod python;
mod run;
mod scorecard;
mod special;
mod verdict;

pub use answers::{AnswerProblem, Answers, read_answers};
pub use category::{CATEGORIES, Category, Family};
pub use data::{Answer, Benchmark, DataError};
pub use run::{Asked, Prompts, ask, result_line};
pub use scorecard::{CategoryScore, Count, Overall, Scorecard};
pub use verdict::Verdict;
