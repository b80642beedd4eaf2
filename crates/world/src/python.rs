//! JSON as Python writes it: `json.dumps` with its default separators and escapes.

use serde_json::Value;

/// A number as Python's `repr` writes a float: the shortest digits that read back as the same number, a
/// point or an exponent always, exponents below -4 and from 16.
pub fn python_float(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let shortest = format!("{value:e}");
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') {
        plain
    } else {
        format!("{plain}.0")
    }
}

/// Appends a string with its quotes: everything but printable ASCII is escaped.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
}

/// The value's text with members sorted by name, as `json.dumps(value, sort_keys=True)` gives it.
pub fn python_sorted(value: &Value) -> String {
    let mut out = String::new();
    push_sorted(&mut out, value);
    out
}

fn push_sorted(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => match number.as_f64() {
            Some(real) if number.is_f64() => out.push_str(&json_float(real)),
            _ => out.push_str(&number.to_string()),
        },
        Value::String(text) => push_string(out, text),
        Value::Array(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                push_sorted(out, element);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            out.push('{');
            for (at, name) in names.into_iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                push_string(out, name);
                out.push_str(": ");
                push_sorted(out, &members[name]);
            }
            out.push('}');
        }
    }
}

/// A float inside JSON: numbers that are not finite have names of their own there.
fn json_float(value: f64) -> String {
    match python_float(value).as_str() {
        "nan" => "NaN".into(),
        "inf" => "Infinity".into(),
        "-inf" => "-Infinity".into(),
        text => text.into(),
    }
}

/// Valid JSON in Python's spelling, members in the order in which they stand.
pub(crate) fn respell(json: &str) -> Result<String, String> {
    let bytes = json.as_bytes();
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let (end, plain) = end_of_string(bytes, at);
                let token = &json[at..end];
                if plain {
                    out.push_str(token);
                } else {
                    let text: String =
                        serde_json::from_str(token).map_err(|error| error.to_string())?;
                    push_string(&mut out, &text);
                }
                at = end;
            }
            b',' => {
                out.push_str(", ");
                at += 1;
            }
            b':' => {
                out.push_str(": ");
                at += 1;
            }
            byte if byte == b'-' || byte.is_ascii_digit() => {
                let end = bytes[at..]
                    .iter()
                    .position(|byte| {
                        !matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
                    })
                    .map_or(bytes.len(), |length| at + length);
                let token = &json[at..end];
                if is_shortest(token)
                    || !token.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
                {
                    out.push_str(token);
                } else {
                    let value: f64 = token.parse().map_err(|_| format!("{token} is no number"))?;
                    out.push_str(&json_float(value));
                }
                at = end;
            }
            byte if byte.is_ascii_whitespace() => at += 1,
            byte => {
                out.push(char::from(byte));
                at += 1;
            }
        }
    }
    Ok(out)
}

/// A number with a point that Python writes with these very digits: so few that they read back as the same
/// number, none of them superfluous, and too large for an exponent.
fn is_shortest(token: &str) -> bool {
    // Any decimal of 15 digits comes back from a double (IEEE 754-2008, 5.12.2).
    const DIGITS: usize = 15;
    let digits = token.strip_prefix('-').unwrap_or(token);
    let Some((whole, fraction)) = digits.split_once('.') else {
        return false;
    };
    whole.len() + fraction.len() <= DIGITS
        && (whole != "0" || !fraction.starts_with("000"))
        && (fraction == "0" || !fraction.ends_with('0'))
        && !fraction.is_empty()
        && whole
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit())
}

/// The position behind the closing quote of the string that opens at `open`, and whether it holds nothing but
/// printable ASCII without escapes.
fn end_of_string(bytes: &[u8], open: usize) -> (usize, bool) {
    let mut at = open + 1;
    let mut plain = true;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                plain = false;
                at += 2;
            }
            b'"' => return (at + 1, plain),
            byte => {
                plain &= (b' '..=b'~').contains(&byte);
                at += 1;
            }
        }
    }
    (bytes.len(), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn floats_are_spelled_as_python_spells_them() {
        // Each pair was printed by Python.
        for (value, text) in [
            (0.1 + 0.2, "0.30000000000000004"),
            (100.0, "100.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-0.0, "-0.0"),
            (123_456_789.123, "123456789.123"),
        ] {
            assert_eq!(python_float(value), text);
        }
    }

    /// Digits that are copied are those that the slow way writes.
    #[test]
    fn numbers_that_are_copied_are_those_that_would_be_written() {
        let mut copied = 0;
        let mut seed = 1_u64;
        for round in 0..20_000 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let number = (seed >> 20) % 10_u64.pow(1 + round % 13);
            let digits = format!("{number:02}");
            let point = 1 + (seed % digits.len() as u64) as usize;
            let (whole, fraction) = digits.split_at(point.min(digits.len()));
            let whole = whole.trim_start_matches('0');
            let token = format!(
                "{}{}.{fraction}",
                if seed.is_multiple_of(3) { "-" } else { "" },
                if whole.is_empty() { "0" } else { whole }
            );
            let zeros = format!("{token}0001");
            for token in [token, zeros] {
                if is_shortest(&token) {
                    copied += 1;
                    assert_eq!(token, json_float(token.parse().unwrap()), "{token}");
                }
            }
        }
        assert!(copied > 10_000, "{copied}");
        for token in [
            "0.0001",
            "0.00001",
            "1.50",
            "1.",
            "12",
            "1e5",
            "-",
            "1.2.3",
            "0.1234567890123456",
        ] {
            assert!(!is_shortest(token), "{token}");
        }
        assert!(is_shortest("0.0") && is_shortest("-0.5") && is_shortest("0.001"));
    }

    #[test]
    fn text_is_escaped_to_ascii() {
        assert_eq!(
            respell(r#"{"a":[1,2.50,1e16,"é\u0001\/"],"b":null}"#).unwrap(),
            r#"{"a": [1, 2.5, 1e+16, "\u00e9\u0001/"], "b": null}"#
        );
        assert_eq!(
            python_sorted(&json!({"b": "\u{1f4f6}", "a": {"d": 1.0, "c": true}})),
            r#"{"a": {"c": true, "d": 1.0}, "b": "\ud83d\udcf6"}"#
        );
    }
}
