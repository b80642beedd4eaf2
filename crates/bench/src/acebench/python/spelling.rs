//! How Python writes values: `str` and `repr`.

use super::value::Value;

/// `str(value)`
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        _ => representation(value),
    }
}

/// `repr(value)`
pub(crate) fn representation(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

/// Appends `repr(value)`.
pub(crate) fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        // Python refuses to write integers of more than 4,300 digits, and it takes long to try.
        Value::Int(number) if number.bits() > 14_300 => {
            out.push_str("an integer beyond all writing");
        }
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&real(*number)),
        Value::Complex(real, imaginary) => write_complex(*real, *imaginary, out),
        Value::Str(text) => write_quoted(text, out),
        Value::Bytes(bytes) => write_bytes(bytes, out),
        Value::List(items) => {
            out.push('[');
            write_row(items, out);
            out.push(']');
        }
        Value::Tuple(items) => {
            out.push('(');
            write_row(items, out);
            out.push_str(if items.len() == 1 { ",)" } else { ")" });
        }
        Value::Dict(dict) => {
            out.push('{');
            for (at, (key, value)) in dict.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                write_value(key, out);
                out.push_str(": ");
                write_value(value, out);
            }
            out.push('}');
        }
    }
}

fn write_row(items: &[Value], out: &mut String) {
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        write_value(item, out);
    }
}

/// The shortest digits that read back as the number; an exponent below 1e-4 and from 1e16 on.
fn real(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.into();
    }
    let scientific = format!("{number:e}");
    let exponent = scientific
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse::<i32>().ok())
        .unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        if plain.contains('.') {
            plain
        } else {
            plain + ".0"
        }
    } else {
        let digits = scientific.split('e').next().unwrap_or_default();
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.abs())
    }
}

fn write_complex(real_part: f64, imaginary: f64, out: &mut String) {
    // Inside a complex number, Python leaves ".0" out.
    let part = |number: f64| {
        let text = real(number);
        text.strip_suffix(".0")
            .map_or(text.clone(), ToOwned::to_owned)
    };
    if real_part == 0.0 && real_part.is_sign_positive() {
        out.push_str(&part(imaginary));
        out.push('j');
        return;
    }
    out.push('(');
    out.push_str(&part(real_part));
    if !imaginary.is_sign_negative() {
        out.push('+');
    }
    out.push_str(&part(imaginary));
    out.push_str("j)");
}

/// Single quotes, unless the text has some and no double ones.
fn quote_for(single: bool, double: bool) -> char {
    if single && !double { '"' } else { '\'' }
}

fn write_quoted(text: &str, out: &mut String) {
    let quote = quote_for(text.contains('\''), text.contains('"'));
    out.push(quote);
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if character == quote => {
                out.push('\\');
                out.push(character);
            }
            _ if is_printable(character) => out.push(character),
            _ => match character as u32 {
                code @ 0..=0xFF => out.push_str(&format!("\\x{code:02x}")),
                code @ 0x100..=0xFFFF => out.push_str(&format!("\\u{code:04x}")),
                // A lone surrogate, as `value::surrogate` maps it.
                code @ 0x0010_D800..=0x0010_DFFF => {
                    out.push_str(&format!("\\u{:04x}", code - 0x0010_0000));
                }
                code => out.push_str(&format!("\\U{code:08x}")),
            },
        }
    }
    out.push(quote);
}

fn write_bytes(bytes: &[u8], out: &mut String) {
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    out.push('b');
    out.push(quote);
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'\\' => out.push_str("\\\\"),
            _ if char::from(byte) == quote => {
                out.push('\\');
                out.push(quote);
            }
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
}

/// `str.isprintable` of one character, but for code points that Unicode has not assigned, which pass here.
fn is_printable(character: char) -> bool {
    if character == ' ' {
        return true;
    }
    let format = matches!(
        character as u32,
        0xAD | 0x600..=0x605
            | 0x61C
            | 0x6DD
            | 0x70F
            | 0x890..=0x891
            | 0x8E2
            | 0x180E
            | 0x200B..=0x200F
            | 0x202A..=0x202E
            | 0x2060..=0x2064
            | 0x2066..=0x206F
            | 0xE000..=0xF8FF
            | 0xFEFF
            | 0xFFF9..=0xFFFB
            | 0x110BD
            | 0x110CD
            | 0x13430..=0x1343F
            | 0x1BCA0..=0x1BCA3
            | 0x1D173..=0x1D17A
            | 0xE0001
            | 0xE0020..=0xE007F
            | 0xF0000..=0x10_FFFF
    );
    !(format || character.is_control() || character.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reals_are_written_as_python_writes_them() {
        let written: Vec<String> = [
            0.0,
            -0.0,
            1.0,
            0.1,
            1e15,
            1e16,
            1.5e16,
            123_456_789.125,
            1e-4,
            1e-5,
            1.25e-7,
            1e100,
            f64::INFINITY,
            f64::NAN,
        ]
        .into_iter()
        .map(real)
        .collect();
        assert_eq!(
            written,
            [
                "0.0",
                "-0.0",
                "1.0",
                "0.1",
                "1000000000000000.0",
                "1e+16",
                "1.5e+16",
                "123456789.125",
                "0.0001",
                "1e-05",
                "1.25e-07",
                "1e+100",
                "inf",
                "nan"
            ]
        );
    }

    #[test]
    fn text_is_quoted_as_python_quotes_it() {
        let quoted = |text: &str| representation(&Value::Str(text.into()));
        assert_eq!(quoted("a"), "'a'");
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(quoted("it's \"it\""), "'it\\'s \"it\"'");
        assert_eq!(quoted("a\\b\n\u{7f}\u{200b}é"), "'a\\\\b\\n\\x7f\\u200bé'");
        assert_eq!(
            representation(&Value::Bytes(vec![0, b'\'', 255])),
            "b\"\\x00'\\xff\""
        );
        assert_eq!(representation(&Value::Tuple(vec![Value::None])), "(None,)");
    }
}
