//! Short names for long ids: `pat_581835` is eight tokens, `pat1` two.

use std::collections::BTreeMap;

use serde_json::Value;

/// The short names of one conversation, given in the order in which ids are first seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aliases {
    short: BTreeMap<String, String>,
    long: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
}

/// Whether a text is an id that is worth shortening: one word with letters and at least four digits, no date.
fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let starts_with_year = text.len() >= 10
        && text.as_bytes()[4] == b'-'
        && text.as_bytes()[7] == b'-'
        && text.bytes().take(4).all(|byte| byte.is_ascii_digit());
    text.len() >= 5
        && digits >= 4
        && text.bytes().all(plain)
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !starts_with_year
}

impl Aliases {
    /// Gives a text a short name when it is an id.
    pub(crate) fn learn(&mut self, text: &str) {
        if self.short.contains_key(text) || !is_id(text) {
            return;
        }
        let letters: String = text
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect::<String>()
            .to_lowercase();
        let stem = match letters.len() {
            1..=5 => letters,
            _ => "id".into(),
        };
        let count = self.counts.entry(stem.clone()).or_default();
        *count += 1;
        let alias = format!("{stem}{count}");
        self.short.insert(text.to_string(), alias.clone());
        self.long.insert(alias, text.to_string());
    }

    /// A value with short names in it.
    pub(crate) fn shorten(&self, value: &Value) -> Value {
        rename(value, &self.short)
    }

    /// A value with the ids that its short names stand for.
    pub(crate) fn lengthen(&self, value: &Value) -> Value {
        rename(value, &self.long)
    }

    /// A text with short names in it.
    pub(crate) fn shorten_text(&self, text: &str) -> String {
        rename_words(text, &self.short)
    }

    /// A text with the ids that its short names stand for.
    pub(crate) fn lengthen_text(&self, text: &str) -> String {
        rename_words(text, &self.long)
    }
}

fn rename(value: &Value, names: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => Value::from(names.get(text).unwrap_or(text).as_str()),
        Value::Array(list) => list.iter().map(|value| rename(value, names)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), rename(value, names)))
            .collect(),
        other => other.clone(),
    }
}

fn rename_words(text: &str, names: &BTreeMap<String, String>) -> String {
    if names.is_empty() {
        return text.to_string();
    }
    let part = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest
            .find(|character| !part(character))
            .unwrap_or(rest.len());
        let (own, behind) = rest.split_at(word);
        out.push_str(names.get(own).map_or(own, String::as_str));
        let gap = behind.find(part).unwrap_or(behind.len());
        out.push_str(&behind[..gap]);
        rest = &behind[gap..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_become_short_and_long_again() {
        let mut aliases = Aliases::default();
        for text in [
            "pat_581835",
            "pat_999999",
            "2026-03-02T09:00:00Z",
            "555-1234",
            "W0000042",
            "hello",
            "a1b2c3d4-0000-4000-8000-000000000000",
        ] {
            aliases.learn(text);
        }
        let value =
            json!({"a": "pat_999999", "b": ["W0000042", "2026-03-02T09:00:00Z"], "c": "555-1234"});
        let short = aliases.shorten(&value);
        assert_eq!(
            short,
            json!({"a": "pat2", "b": ["w1", "2026-03-02T09:00:00Z"], "c": "555-1234"})
        );
        assert_eq!(aliases.lengthen(&short), value);
        let text = "Order W0000042, of pat_581835.";
        assert_eq!(aliases.shorten_text(text), "Order w1, of pat1.");
        assert_eq!(aliases.lengthen_text("Order w1, of pat1."), text);
    }
}
