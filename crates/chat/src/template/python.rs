//! Jinja as `transformers` runs it: templates are written for Python.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::TemplateError;

/// An environment with the same whitespace, filters and functions.
pub(super) fn environment(fuel: u64) -> Result<Environment<'static>, TemplateError> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .map_err(|error| TemplateError::Template(error.to_string()))?;
    environment.set_syntax(syntax);
    environment.set_fuel(Some(fuel));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_filter("tojson", to_json);
    // Python's strings are iterable, and templates ask.
    environment.add_test("iterable", |value: &Value| {
        value.as_str().is_some() || value.try_iter().is_ok()
    });
    environment.add_function("raise_exception", |what: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, what))
    });
    environment.add_function("strftime_now", |_: String| -> Result<Value, Error> {
        Err(Error::new(
            ErrorKind::InvalidOperation,
            "it asks for today's date; give the date as a variable of the template (such as `date_string`)",
        ))
    });
    Ok(environment)
}

/// `{% generation %}` is a tag of `transformers`: its block is what the model writes. A filter that changes nothing
/// takes its place, so that the engine says where its output lies.
pub(super) fn tags_as_filters(jinja: &str, filter: &str) -> (String, bool) {
    let (mut text, mut rest, mut tagged) = (String::with_capacity(jinja.len()), jinja, false);
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at);
        text.push_str(before);
        let Some(end) = tag.find("%}") else {
            rest = tag;
            break;
        };
        let inner = &tag[2..end];
        let word = inner.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
        let new = match word {
            "generation" => format!("filter {filter}"),
            "endgeneration" => "endfilter".to_string(),
            _ => word.to_string(),
        };
        if new == word {
            text.push_str("{%");
            rest = &tag[2..];
        } else {
            tagged = true;
            text.push_str(&tag[..end + 2].replace(word, &new));
            rest = &tag[end + 2..];
        }
    }
    text.push_str(rest);
    (text, tagged)
}

/// `json.dumps` without ASCII escapes, as `transformers` has it.
#[allow(clippy::needless_pass_by_value)] // the engine's way to hand options over
fn to_json(value: &Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let sorted: Option<bool> = options.get("sort_keys")?;
    let ascii: Option<bool> = options.get("ensure_ascii")?;
    let separators: Option<Vec<String>> = options.get("separators")?;
    options.assert_all_used()?;
    let (comma, colon) = match separators.as_deref() {
        Some([comma, colon]) => (comma.clone(), colon.clone()),
        Some(_) => {
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                "two separators are needed",
            ));
        }
        None if indent.is_some() => (",".to_string(), ": ".to_string()),
        None => (", ".to_string(), ": ".to_string()),
    };
    let writer = Writer {
        indent,
        sorted: sorted.unwrap_or(false),
        ascii: ascii.unwrap_or(false),
        comma,
        colon,
    };
    let mut text = String::new();
    writer.write(value, 0, &mut text)?;
    Ok(text)
}

struct Writer {
    indent: Option<usize>,
    sorted: bool,
    ascii: bool,
    comma: String,
    colon: String,
}

impl Writer {
    fn write(&self, value: &Value, depth: usize, text: &mut String) -> Result<(), Error> {
        match value.kind() {
            ValueKind::None => text.push_str("null"),
            ValueKind::Bool => text.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number if value.is_integer() => text.push_str(&value.to_string()),
            ValueKind::Number => text.push_str(&float(f64::try_from(value.clone())?)),
            ValueKind::String => self.string(value.as_str().unwrap_or_default(), text),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.group(['[', ']'], &items, depth, text, |writer, item, text| {
                    writer.write(item, depth + 1, text)
                })?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sorted {
                    keys.sort();
                }
                self.group(['{', '}'], &keys, depth, text, |writer, key, text| {
                    match key.as_str() {
                        Some(own) => writer.string(own, text),
                        None => writer.string(&key.to_string(), text),
                    }
                    text.push_str(&writer.colon);
                    writer.write(&value.get_item(key)?, depth + 1, text)
                })?;
            }
            kind => {
                return Err(Error::new(
                    ErrorKind::InvalidOperation,
                    format!("{kind} cannot be written as JSON"),
                ));
            }
        }
        Ok(())
    }

    fn group(
        &self,
        ends: [char; 2],
        items: &[Value],
        depth: usize,
        text: &mut String,
        mut each: impl FnMut(&Self, &Value, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let line = |depth: usize, text: &mut String| {
            if let Some(width) = self.indent {
                text.push('\n');
                text.extend(std::iter::repeat_n(' ', width * depth));
            }
        };
        text.push(ends[0]);
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                text.push_str(&self.comma);
            }
            line(depth + 1, text);
            each(self, item, text)?;
        }
        if !items.is_empty() {
            line(depth, text);
        }
        text.push(ends[1]);
        Ok(())
    }

    fn string(&self, own: &str, text: &mut String) {
        text.push('"');
        for character in own.chars() {
            match character {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\u{8}' => text.push_str("\\b"),
                '\u{c}' => text.push_str("\\f"),
                control if control < ' ' => text.push_str(&format!("\\u{:04x}", control as u32)),
                other if self.ascii && !(' '..='~').contains(&other) => {
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        text.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                other => text.push(other),
            }
        }
        text.push('"');
    }
}

/// A float as Python writes it: the shortest digits, an exponent below 1e-4 and from 1e16.
fn float(number: f64) -> String {
    if !number.is_finite() {
        let text = if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        return text.to_string();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        return if plain.contains('.') {
            plain
        } else {
            format!("{plain}.0")
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn floats_as_python_writes_them() {
        for (number, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.000_012_5, "1.25e-05"),
        ] {
            assert_eq!(float(number), text);
        }
    }
}
