//! Schemas of every dialect as JSON Schema 2020-12, with references resolved within limits.
//!
//! [`Resolver::resolve`] is the door. It works level by level, so that a wide entity keeps all its
//! fields and what lies deep below is cut first; [`flatten`] puts the parts of one object together
//! (`$ref`, `allOf`, alternatives), [`keywords`] translates what stands in one place.

mod example;
mod flatten;
mod keywords;
mod resolve;

pub(crate) use example::schema_of_example;
pub(crate) use resolve::{Cut, Cuts, Resolver};

/// Where a schema is used, which decides on `readOnly` and `writeOnly` properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Sent to the API: `readOnly` properties are left out.
    Request,
    /// Received from the API: `writeOnly` properties are left out.
    Reply,
    /// Neither: everything stays.
    Plain,
}

/// How a dialect writes references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum References {
    /// `#/components/schemas/Pet`: a JSON pointer into the document.
    Pointer,
    /// `Pet`: a name in the document's `schemas`, as Google's discovery documents do. Their
    /// descriptions also begin with `Required.` and `Output only.` where other dialects have keywords.
    Name,
}

/// Follows a JSON pointer (`/a/b~1c`), percent escapes decoded.
pub(crate) fn follow<'d>(
    root: &'d serde_json::Value,
    pointer: &str,
) -> Option<&'d serde_json::Value> {
    if pointer.contains('%') {
        root.pointer(&percent_decode(pointer)?)
    } else {
        root.pointer(pointer)
    }
}

/// `%7B` as `{`; `None` if what comes out is not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut ahead = rest.clone();
        let digits = (ahead.next().and_then(hex), ahead.next().and_then(hex));
        if let (Some(high), Some(low)) = digits {
            bytes.push(high * 16 + low);
            rest = ahead;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Roughly how many bytes a value has as JSON.
pub(crate) fn size(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 6,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| size(item) + 1).sum::<usize>(),
        Value::Object(fields) => {
            2 + fields
                .iter()
                .map(|(key, value)| key.len() + 4 + size(value))
                .sum::<usize>()
        }
    }
}
