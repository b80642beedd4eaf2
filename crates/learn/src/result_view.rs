//! What a small model is shown of a tool's result: the rows and fields that the request is about, by rules that know
//! the request and the result and nothing else.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::aliases::Aliases;
use crate::form::plain;

/// How results are shown in one conversation.
#[derive(Debug)]
pub(crate) struct ResultView<'a> {
    /// What the user said, in lower case.
    pub(crate) asked: &'a str,
    /// Its words.
    pub(crate) words: BTreeSet<String>,
    /// Most fields of a row.
    pub(crate) fields: usize,
    /// Most rows.
    pub(crate) rows: usize,
}

/// Most bytes of a value or a message.
const LONGEST: usize = 160;

/// The words of a text in lower case; `startTime` and `start_time` are two words each.
pub(crate) fn lower_words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut word = String::new();
    let mut last_lower = false;
    for character in text.chars().chain([' ']) {
        let ends = !character.is_alphanumeric() || (character.is_uppercase() && last_lower);
        if ends && !word.is_empty() {
            words.insert(std::mem::take(&mut word));
        }
        if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
        }
        last_lower = character.is_lowercase() || character.is_numeric();
    }
    words
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace(['\n', '\r'], " ")
}

/// Scalars of an object, those of objects inside it under dotted names.
fn flatten<'v>(
    prefix: &str,
    row: &'v Map<String, Value>,
    depth: usize,
    out: &mut Vec<(String, &'v Value)>,
) {
    for (key, value) in row {
        let name = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            Value::Object(inner) if depth < 2 => flatten(&name, inner, depth + 1, out),
            Value::Object(_) | Value::Null => {}
            Value::Array(list)
                if list
                    .iter()
                    .any(|value| value.is_object() || value.is_array()) => {}
            _ => out.push((name, value)),
        }
    }
}

impl ResultView<'_> {
    /// The result as the model reads it. Ids that are shown get short names.
    pub(crate) fn show(&self, content: &str, aliases: &mut Aliases) -> String {
        let Ok(value) = serde_json::from_str::<Value>(content) else {
            return cut(content);
        };
        if let Some(message) = value["error"]["message"].as_str() {
            return format!("error: {}", cut(&aliases.shorten_text(message)));
        }
        let rows: Option<Vec<&Map<String, Value>>> = match &value {
            Value::Array(list) => list.iter().map(Value::as_object).collect(),
            // A page of a list: one member holds the rows.
            Value::Object(members) => {
                let mut lists = members.values().filter_map(Value::as_array);
                match (lists.next(), lists.next()) {
                    (Some(list), None) if members.len() <= 4 => {
                        list.iter().map(Value::as_object).collect()
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        match (rows, &value) {
            (Some(rows), _) => self.list(&rows, aliases),
            (None, Value::Object(row)) => self.row(row, aliases),
            (None, Value::Null) => "nothing".into(),
            (None, Value::Array(list)) => {
                let values: Vec<String> = list.iter().take(8).map(plain).collect();
                format!("{} values: {}", list.len(), cut(&values.join(", ")))
            }
            (None, other) => cut(&plain(other)),
        }
    }

    fn list(&self, rows: &[&Map<String, Value>], aliases: &mut Aliases) -> String {
        if rows.is_empty() {
            return "no rows".into();
        }
        let mut ranked: Vec<(usize, usize)> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| (self.about(row), at))
            .collect();
        ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut shown: Vec<usize> = ranked.iter().take(self.rows).map(|(_, at)| *at).collect();
        shown.sort_unstable();
        let plural = if rows.len() == 1 { "" } else { "s" };
        let mut out = format!("{} row{plural}", rows.len());
        if shown.len() < rows.len() {
            out.push_str(&format!(", {} shown", shown.len()));
        }
        for at in shown {
            out.push('\n');
            out.push_str(&self.row(rows[at], aliases));
        }
        out
    }

    /// How many values of a row the user spoke of.
    fn about(&self, row: &Map<String, Value>) -> usize {
        let mut fields = Vec::new();
        flatten("", row, 0, &mut fields);
        fields
            .iter()
            .filter(|(_, value)| self.is_named(value))
            .count()
    }

    fn is_named(&self, value: &Value) -> bool {
        let text = plain(value).to_lowercase();
        match value {
            Value::String(_) => text.len() >= 2 && self.asked.contains(&text),
            Value::Number(_) => self.words.contains(&text),
            _ => false,
        }
    }

    fn row(&self, row: &Map<String, Value>, aliases: &mut Aliases) -> String {
        let mut fields = Vec::new();
        flatten("", row, 0, &mut fields);
        let mut ranked: Vec<(usize, usize)> = fields
            .iter()
            .enumerate()
            .map(|(at, (name, value))| (self.weight(at, name, value), at))
            .collect();
        ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut shown: Vec<usize> = ranked.iter().take(self.fields).map(|(_, at)| *at).collect();
        shown.sort_unstable();
        let parts: Vec<String> = shown
            .into_iter()
            .map(|at| {
                let (name, value) = &fields[at];
                if let Value::String(text) = value {
                    aliases.learn(text);
                }
                format!("{name}: {}", cut(&plain(&aliases.shorten(value))))
            })
            .collect();
        parts.join("; ")
    }

    /// What makes a field worth showing: the row's own id, a name that the user used, a value that the user named,
    /// the id of something else.
    fn weight(&self, at: usize, name: &str, value: &Value) -> usize {
        let last = name.rsplit('.').next().unwrap_or(name);
        let words = lower_words(last);
        let is_id = words.contains("id") || words.contains("number") && at == 0;
        let asked = !words.is_empty()
            && words
                .iter()
                .filter(|word| !["at", "on", "id", "is", "the", "of"].contains(&word.as_str()))
                .all(|word| self.words.contains(word) || self.words.contains(&format!("{word}s")))
            && !is_id;
        5 * usize::from(is_id && at == 0)
            + 4 * usize::from(asked)
            + 2 * usize::from(self.is_named(value))
            + usize::from(is_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(asked: &str, content: &str) -> String {
        let asked = asked.to_lowercase();
        let view = ResultView {
            asked: &asked,
            words: lower_words(&asked),
            fields: 3,
            rows: 2,
        };
        view.show(content, &mut Aliases::default())
    }

    #[test]
    fn shows_what_the_request_is_about() {
        let list = r#"[{"id":"cli_1111","name":"Red","city":"Rome","address":"1 Way","phone":"5"},
            {"id":"cli_2222","name":"Blue","city":"Oslo","address":"2 Way","phone":"6"},
            {"id":"cli_3333","name":"Golden Summit","city":"Bern","address":"3 Way","phone":"7"}]"#;
        assert_eq!(
            show("What is the address of the clinic Golden Summit?", list),
            "3 rows, 2 shown\nid: cli1; name: Red; address: 1 Way\nid: cli2; name: Golden Summit; address: 3 Way"
        );
        assert_eq!(show("x", "[]"), "no rows");
        assert_eq!(
            show("x", r#"{"items":[{"id":"a"}],"next":null}"#),
            "1 row\nid: a"
        );
        assert_eq!(
            show(
                "x",
                r#"{"error":{"type":"refused","message":"No such order."}}"#
            ),
            "error: No such order."
        );
        assert_eq!(
            show(
                "start time",
                r#"{"orderId":"V1","where":{"startTime":"9:00"},"a":1,"b":2}"#
            ),
            "orderId: V1; where.startTime: 9:00; a: 1"
        );
    }
}
