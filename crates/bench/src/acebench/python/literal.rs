//! The values of literals: numbers, text, bytes.

use num_bigint::BigInt;

use super::value::{Value, surrogate};

/// Digits that a decimal integer may have: `sys.int_info.default_max_str_digits`.
const DECIMAL_DIGITS: usize = 4300;

/// The letters before a quote.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Prefix {
    raw: bool,
    bytes: bool,
    unicode: bool,
    pub(crate) formatted: bool,
}

impl Prefix {
    /// Takes one more letter; false if no text can start so.
    pub(crate) fn take(&mut self, letter: char) -> bool {
        let flag = match letter {
            'b' | 'B' if !(self.bytes || self.unicode || self.formatted) => &mut self.bytes,
            'u' | 'U' if !(self.bytes || self.unicode || self.raw || self.formatted) => {
                &mut self.unicode
            }
            'r' | 'R' if !(self.raw || self.unicode) => &mut self.raw,
            'f' | 'F' if !(self.formatted || self.bytes || self.unicode) => &mut self.formatted,
            _ => return false,
        };
        *flag = true;
        true
    }
}

/// The value of what stands between the quotes.
pub(crate) fn text(content: &[char], prefix: Prefix) -> Result<Value, &'static str> {
    if prefix.bytes {
        return bytes(content, prefix.raw).map(Value::Bytes);
    }
    if prefix.raw {
        return Ok(Value::Str(content.iter().collect()));
    }
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((&character, after)) = rest.split_first() {
        rest = after;
        if character != '\\' {
            text.push(character);
            continue;
        }
        let Some((&letter, after)) = rest.split_first() else {
            return Err("text ends within an escape");
        };
        rest = after;
        let digits = match letter {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            'N' => return Err("a character by its name, which is not supported"),
            '0'..='7' => {
                let (code, after) = octal(letter, rest);
                rest = after;
                text.extend(char::from_u32(code));
                continue;
            }
            _ => {
                simple_escape(letter, &mut text);
                continue;
            }
        };
        let code = rest
            .get(..digits)
            .and_then(hexadecimal)
            .ok_or("an escape without its digits")?;
        rest = &rest[digits..];
        text.push(
            char::from_u32(code)
                .or_else(|| surrogate(code))
                .ok_or("an escape beyond Unicode")?,
        );
    }
    Ok(Value::Str(text))
}

/// An escape of one letter; an unknown one keeps its backslash.
fn simple_escape(letter: char, text: &mut String) {
    match letter {
        '\n' => {}
        'a' => text.push('\u{7}'),
        'b' => text.push('\u{8}'),
        'f' => text.push('\u{c}'),
        'n' => text.push('\n'),
        'r' => text.push('\r'),
        't' => text.push('\t'),
        'v' => text.push('\u{b}'),
        '\\' | '\'' | '"' => text.push(letter),
        _ => {
            text.push('\\');
            text.push(letter);
        }
    }
}

fn hexadecimal(digits: &[char]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |code, digit| {
        code.checked_mul(16)?.checked_add(digit.to_digit(16)?)
    })
}

/// Up to three octal digits, of which the first was read.
fn octal(first: char, mut rest: &[char]) -> (u32, &[char]) {
    let mut code = first.to_digit(8).unwrap_or(0);
    for _ in 0..2 {
        let Some(digit) = rest.first().and_then(|digit| digit.to_digit(8)) else {
            break;
        };
        code = code * 8 + digit;
        rest = &rest[1..];
    }
    (code, rest)
}

fn bytes(content: &[char], raw: bool) -> Result<Vec<u8>, &'static str> {
    if !content.iter().all(char::is_ascii) {
        return Err("bytes beyond ASCII");
    }
    let mut bytes = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some((&character, after)) = rest.split_first() {
        rest = after;
        if character != '\\' || raw {
            bytes.push(character as u8);
            continue;
        }
        let Some((&letter, after)) = rest.split_first() else {
            return Err("text ends within an escape");
        };
        rest = after;
        match letter {
            'x' => {
                let code = rest
                    .get(..2)
                    .and_then(hexadecimal)
                    .ok_or("an escape without its digits")?;
                rest = &rest[2..];
                bytes.push(code as u8);
            }
            '0'..='7' => {
                let (code, after) = octal(letter, rest);
                rest = after;
                bytes.push(code as u8);
            }
            _ => {
                let mut text = String::new();
                simple_escape(letter, &mut text);
                bytes.extend(text.bytes());
            }
        }
    }
    Ok(bytes)
}

/// The number that a text starts with, and how many characters it takes.
pub(crate) fn number(text: &[char]) -> Result<(Value, usize), &'static str> {
    let mut scan = Scan { text, at: 0 };
    if scan.peek() == Some('0') {
        let radix = match text.get(1) {
            Some('x' | 'X') => 16,
            Some('o' | 'O') => 8,
            Some('b' | 'B') => 2,
            _ => 10,
        };
        if radix != 10 {
            scan.at = 2;
            let digits = scan.radix_digits(radix)?;
            scan.ends()?;
            let value =
                BigInt::parse_bytes(digits.as_bytes(), radix).ok_or("a number without digits")?;
            return Ok((Value::Int(value), scan.at));
        }
    }
    let mut digits = String::new();
    if scan.peek() != Some('.') {
        scan.decimal_digits(&mut digits)?;
    }
    let integer = digits.len();
    let mut real = false;
    if scan.peek() == Some('.') {
        real = true;
        scan.at += 1;
        digits.push('.');
        if scan.peek().is_some_and(|digit| digit.is_ascii_digit()) {
            scan.decimal_digits(&mut digits)?;
        }
    }
    if matches!(scan.peek(), Some('e' | 'E')) {
        let signed = matches!(text.get(scan.at + 1), Some('+' | '-'));
        let first = text.get(scan.at + 1 + usize::from(signed));
        if first.is_some_and(char::is_ascii_digit) {
            real = true;
            digits.push('e');
            digits.extend(text.get(scan.at + 1).filter(|_| signed));
            scan.at += 1 + usize::from(signed);
            scan.decimal_digits(&mut digits)?;
        } else if signed {
            return Err("an exponent without digits");
        }
    }
    let imaginary = matches!(scan.peek(), Some('j' | 'J'));
    if imaginary {
        scan.at += 1;
    } else if !real && digits.starts_with('0') && digits.bytes().any(|digit| digit != b'0') {
        return Err("an integer with leading zeros");
    }
    scan.ends()?;
    let value = if real || imaginary {
        let value: f64 = digits.parse().map_err(|_| "a number that is none")?;
        if imaginary {
            Value::Complex(0.0, value)
        } else {
            Value::Float(value)
        }
    } else if integer > DECIMAL_DIGITS {
        return Err("an integer of more than 4300 digits");
    } else {
        Value::Int(BigInt::parse_bytes(digits.as_bytes(), 10).ok_or("a number without digits")?)
    };
    Ok((value, scan.at))
}

struct Scan<'a> {
    text: &'a [char],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    /// Digits with single underscores between them.
    fn decimal_digits(&mut self, digits: &mut String) -> Result<(), &'static str> {
        loop {
            while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
                digits.push(digit);
                self.at += 1;
            }
            if self.peek() != Some('_') {
                return Ok(());
            }
            self.at += 1;
            if !self.peek().is_some_and(|digit| digit.is_ascii_digit()) {
                return Err("an underscore that is not between digits");
            }
        }
    }

    /// Digits to a base, each group of which may have one underscore before it.
    fn radix_digits(&mut self, radix: u32) -> Result<String, &'static str> {
        let mut digits = String::new();
        loop {
            if self.peek() == Some('_') {
                self.at += 1;
            }
            let before = digits.len();
            while let Some(digit) = self.peek().filter(|digit| digit.is_digit(radix)) {
                digits.push(digit);
                self.at += 1;
            }
            if digits.len() == before {
                return Err("a number without digits");
            }
            if self.peek() != Some('_') {
                break;
            }
        }
        if self.peek().is_some_and(|digit| digit.is_ascii_digit()) {
            return Err("a digit beyond the number's base");
        }
        Ok(digits)
    }

    /// What may follow a number: nothing that belongs to a name, but for the keywords that can go on an expression.
    fn ends(&self) -> Result<(), &'static str> {
        let rest = &self.text[self.at..];
        let keyword = ["and", "else", "for", "if", "in", "is", "or", "not"]
            .iter()
            .any(|word| {
                word.chars()
                    .enumerate()
                    .all(|(at, letter)| rest.get(at) == Some(&letter))
            });
        let name = rest.first().is_some_and(|character| {
            character.is_ascii_alphanumeric() || *character == '_' || !character.is_ascii()
        });
        if name && !keyword {
            return Err("a number that runs into a name");
        }
        Ok(())
    }
}
