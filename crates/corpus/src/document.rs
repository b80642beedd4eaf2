//! One file as a JSON value, whatever notation it is in, within limits.

use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;

use regex::bytes::Regex;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::reader::READERS;
use crate::{Limits, SkipReason};

/// Values nested deeper than this are refused; serde_json's own limit is the same.
const MAX_DEPTH: usize = 128;
/// The same for YAML, whose parser takes several times the stack.
const YAML_DEPTH: usize = 64;

/// Why a file is no document, in the words of a diagnostic.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) reason: SkipReason,
    pub(crate) message: String,
}

fn refused(reason: SkipReason, message: impl Into<String>) -> Refused {
    Refused {
        reason,
        message: message.into(),
    }
}

/// Some word that is in every document of a known format: most other files are passed over by it without
/// being parsed.
static ANY_MARKER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words: Vec<String> = READERS
        .iter()
        .flat_map(|reader| reader.markers)
        .map(|marker| regex::escape(marker))
        .collect();
    Regex::new(&words.join("|")).ok()
});

/// The beginning of a spec in YAML: a top-level key that only specs have.
static YAML_KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?m)^["']?(openapi|swagger|discoveryVersion|tools|functions)["']?\s*:"#).ok()
});

fn matches(pattern: &LazyLock<Option<Regex>>, bytes: &[u8]) -> bool {
    pattern
        .as_ref()
        .is_none_or(|pattern| pattern.is_match(bytes))
}

/// Parses one file as JSON, JSON lines or YAML. Several values in one file are an array of them.
pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, Refused> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if !matches(&ANY_MARKER, bytes) {
        return Err(refused(
            SkipReason::NotASpec,
            "no known format: none of the words that specs contain",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        refused(
            SkipReason::NotText,
            format!(
                "not UTF-8 (first bad byte at {}): convert the file to UTF-8",
                error.valid_up_to()
            ),
        )
    })?;
    if looks_like_json(text) {
        json(text, limits)
    } else if matches(&YAML_KEY, bytes) {
        yaml(text, limits)
    } else {
        Err(refused(
            SkipReason::NotASpec,
            "neither JSON nor YAML with the key of a known format",
        ))
    }
}

/// Whether a text begins as a JSON object or array does; `[![build]` and `{% raw %}` do not.
fn looks_like_json(text: &str) -> bool {
    let text = text.trim_start();
    text.strip_prefix(['{', '[']).is_some_and(|inner| {
        inner
            .trim_start()
            .chars()
            .next()
            .is_none_or(|c| matches!(c, '"' | '{' | '[' | '}' | ']' | '-' | '0'..='9'))
    })
}

/// One JSON value, or several one behind the other.
fn json(text: &str, limits: &Limits) -> Result<Value, Refused> {
    let budget = Budget::new(limits.values);
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut values = Vec::new();
    loop {
        match budget.seed().deserialize(&mut reader) {
            Ok(value) => values.push(value),
            Err(error) if budget.spent() => {
                return Err(too_complex(limits, error.line() as u64));
            }
            Err(error) => return Err(invalid_json(&error)),
        }
        if reader.end().is_ok() {
            break;
        }
    }
    if values.len() == 1 {
        Ok(values.swap_remove(0))
    } else {
        Ok(Value::Array(values))
    }
}

fn invalid_json(error: &serde_json::Error) -> Refused {
    let hint = if error.is_eof() {
        "the file ends too early: fetch it again"
    } else if error.to_string().starts_with("recursion limit") {
        "values are nested more than 128 deep: flatten the file or leave it out"
    } else {
        "mend the file there or leave it out"
    };
    refused(
        SkipReason::InvalidJson,
        format!("invalid JSON: {error}; {hint}"),
    )
}

fn too_complex(limits: &Limits, line: u64) -> Refused {
    refused(
        SkipReason::TooComplex,
        format!(
            "more than {} values, or nested more than {MAX_DEPTH} deep, at line {line}: raise \
             `limits.values` if the file is trusted",
            limits.values
        ),
    )
}

fn yaml(text: &str, limits: &Limits) -> Result<Value, Refused> {
    let budget = Budget::new(limits.values);
    // Aliases may repeat what they stand for, but not without end: the file's own limit on values holds
    // for what they unfold to.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: limits.values.saturating_mul(2),
            max_nodes: limits.values,
            max_depth: YAML_DEPTH,
            max_documents: 1,
        },
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: limits.values },
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    let parsed = serde_saphyr::with_deserializer_from_str_with_options(text, options, |reader| {
        budget.seed().deserialize(reader)
    });
    parsed.map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        if budget.spent() {
            return too_complex(limits, line);
        }
        if error.to_string().starts_with("budget breached") {
            return refused(
                SkipReason::TooComplex,
                format!(
                    "nested more than {YAML_DEPTH} deep, too many aliases, more than one document, or \
                     more than {} values, at line {line}: write it plainly, or convert it to JSON",
                    limits.values
                ),
            );
        }
        // The parser's messages may span lines and quote the source.
        let message = error.to_string();
        let message = message.lines().next().unwrap_or_default();
        refused(
            SkipReason::InvalidYaml,
            format!("invalid YAML: {message}; mend the file there or leave it out"),
        )
    })
}

/// Counts the values of a document while it is being parsed.
struct Budget {
    left: Cell<usize>,
    spent: Cell<bool>,
}

impl Budget {
    fn new(values: usize) -> Self {
        Self {
            left: Cell::new(values),
            spent: Cell::new(false),
        }
    }

    fn seed(&self) -> ValueSeed<'_> {
        ValueSeed {
            budget: self,
            depth: 0,
        }
    }

    fn spent(&self) -> bool {
        self.spent.get()
    }
}

/// Builds a [`Value`] as serde_json does, and stops when the budget is spent.
#[derive(Clone, Copy)]
struct ValueSeed<'b> {
    budget: &'b Budget,
    depth: usize,
}

impl ValueSeed<'_> {
    fn inner(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.budget.left.get();
        if left == 0 || self.depth > MAX_DEPTH {
            self.budget.spent.set(true);
            return Err(D::Error::custom("too many values"));
        }
        self.budget.left.set(left - 1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(wide(value as f64))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(wide(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(wide(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner())? {
            array.push(item);
        }
        array.shrink_to_fit();
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        // Collected first, so that the map has no more room than it needs: that halves the memory of a
        // document, most of whose objects are small.
        let mut pairs = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.inner())?;
            pairs.push((key, value));
        }
        let mut object = Map::with_capacity(pairs.len());
        object.extend(pairs);
        Ok(Value::Object(object))
    }
}

/// A number that JSON can hold, else null.
fn wide(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
