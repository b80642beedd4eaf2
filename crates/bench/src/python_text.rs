//! Texts that stand in a benchmark's own program: they are read from the user's checkout, so that a model
//! reads what the official program shows it.

use std::path::Path;

/// The text of `name = """..."""` in a Python file, with the usual escapes; None where it is not there.
/// White space around it goes where the program strips it.
pub(crate) fn constant(file: &Path, name: &str) -> Option<String> {
    constant_in(&std::fs::read_to_string(file).ok()?, name)
}

fn constant_in(source: &str, name: &str) -> Option<String> {
    let head = format!("{name} = \"\"\"");
    let mut from = 0;
    let start = loop {
        let at = from + source[from..].find(&head)?;
        // The name must begin its line.
        let line = source[..at].rfind('\n').map_or(0, |end| end + 1);
        if source[line..at].trim().is_empty() {
            break at + head.len();
        }
        from = at + head.len();
    };
    let length = source[start..].find("\"\"\"")?;
    let text = unescaped(&source[start..start + length]);
    let after = &source[start + length + 3..];
    Some(if after.starts_with(".strip()") {
        text.trim().to_string()
    } else {
        text
    })
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('\n') | None => {}
            Some(other) if matches!(other, '\\' | '\'' | '"') => out.push(other),
            Some(other) => out.extend(['\\', other]),
        }
    }
    out
}

/// Fills `{name}` in a template; doubled braces are braces. A name without a value stays as it is.
pub(crate) fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        rest = after;
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        let value = (brace == "{")
            .then(|| rest.split_once('}'))
            .flatten()
            .and_then(|(name, after)| {
                let (_, value) = values.iter().find(|(own, _)| *own == name)?;
                Some((*value, after))
            });
        match value {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => out.push_str(brace),
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_filled_as_python_does() {
        let source = "A_B = \"\"\"no\"\"\"\nB = \"\"\"\nOne {x}:\\n\\\ntwo {{y}} {z}\n\"\"\".strip()\n    C = \"\"\"c\"\"\"";
        let text = constant_in(source, "B").unwrap();
        assert_eq!(text, "One {x}:\ntwo {{y}} {z}");
        assert_eq!(filled(&text, &[("x", "{y}")]), "One {y}:\ntwo {y} {z}");
        assert_eq!(constant_in(source, "C").unwrap(), "c");
        assert_eq!(constant_in(source, "D"), None);
        assert_eq!(filled("} {", &[]), "} {");
    }
}
