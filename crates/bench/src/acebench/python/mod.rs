//! As much of Python as the official scorer leans on: its expressions, its literals' values, its ideas of equality and
//! of text.
//!
//! The official scorer hands a model's text to Python's own parser, walks the tree, and compares what it finds with
//! `==`, `in` and `str()`. Verdicts agree only where these agree, so this module follows CPython 3.11 and 3.12 (which do
//! not differ here) rather than what a call syntax would need.
//!
//! What is not followed makes a text unreadable here that Python reads: `\N{...}` escapes; arithmetic on anything but
//! literals of numbers, text and rows (calls, `%` on text, f-strings, powers and quotients of complex numbers); subscripts
//! that hold comparisons, lambdas and the like; results of more than some million parts; text so deep that CPython's own
//! limits are near. F-strings that the scorer passes over are not looked into, and identifiers are not brought into
//! Unicode's NFKC form.

mod arithmetic;
mod calls;
mod expression;
mod literal;
mod parser;
mod source;
mod spelling;
mod token;
mod value;

pub(crate) use calls::{Call, read_calls};
pub(crate) use spelling::{representation, text_of};
pub(crate) use value::{Dict, Type, Value};

/// Why a text is not a list of calls.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Python's parser would refuse it.
    #[error("not a Python expression: {what} (character {at})")]
    Syntax {
        /// What is wrong.
        what: &'static str,
        /// The place, in characters from 1.
        at: usize,
    },
    /// It is an expression, but not one that stands for calls with plain values.
    #[error("not a list of calls with plain values: {0}")]
    Meaning(&'static str),
}

/// Whether Python's `str.isspace` holds for a character.
pub(crate) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// Python's `str.strip`.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}
