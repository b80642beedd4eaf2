//! A text becomes tokens, as CPython's tokenizer cuts them.

use super::Unreadable;
use super::literal::{self, Prefix};
use super::value::Value;

/// Brackets that may be open at once: CPython's `MAXLEVEL`.
const OPEN_BRACKETS: usize = 200;

/// One token and the character, from 1, that it starts at.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) at: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum TokenKind {
    /// An identifier or a keyword.
    Name(String),
    Number(Value),
    /// One piece of text or bytes.
    Text(Value),
    /// An f-string, whose content is not kept.
    FormattedText,
    Operator(&'static str),
    /// The end of a line outside of brackets.
    Newline,
    End,
}

/// Longest first, so that the first that fits is the right one.
const OPERATORS: [&str; 47] = [
    "**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "<=", ">=", "==", "!=", "->", ":=",
    "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@=", "+", "-", "*", "/", "%", "&", "|", "^",
    "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ":", ".", ";", "@",
];

/// Cuts a text into tokens; the last is [`TokenKind::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Unreadable> {
    let mut tokenizer = Tokenizer {
        characters: unified_newlines(text),
        at: 0,
        open: Vec::new(),
    };
    let mut tokens = Vec::new();
    loop {
        let token = tokenizer.next()?;
        let end = matches!(token.kind, TokenKind::End);
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

/// `\r\n` and `\r` are line ends, in strings too.
fn unified_newlines(text: &str) -> Vec<char> {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .chars()
        .collect()
}

struct Tokenizer {
    characters: Vec<char>,
    at: usize,
    open: Vec<char>,
}

impl Tokenizer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn error<T>(&self, what: &'static str) -> Result<T, Unreadable> {
        Err(Unreadable::Syntax {
            what,
            at: self.at + 1,
        })
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(ahead, character)| self.peek(ahead) == Some(character))
    }

    fn next(&mut self) -> Result<Token, Unreadable> {
        if self.at == 0 && matches!(self.peek(0), Some(' ' | '\t')) {
            return self.error("unexpected indent");
        }
        self.skip_blanks()?;
        let at = self.at + 1;
        let Some(character) = self.peek(0) else {
            if !self.open.is_empty() {
                return self.error("a bracket is never closed");
            }
            return Ok(Token {
                kind: TokenKind::End,
                at,
            });
        };
        let kind = match character {
            '\n' => {
                self.at += 1;
                TokenKind::Newline
            }
            '0'..='9' => self.number()?,
            '.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) => self.number()?,
            '"' | '\'' => self.text(Prefix::default())?,
            _ if is_identifier_start(character) => self.word()?,
            _ => self.operator()?,
        };
        Ok(Token { kind, at })
    }

    /// Blanks, comments, continued lines, and line ends inside of brackets.
    fn skip_blanks(&mut self) -> Result<(), Unreadable> {
        loop {
            match self.peek(0) {
                Some(' ' | '\t' | '\u{c}') => self.at += 1,
                Some('\n') if !self.open.is_empty() => self.at += 1,
                Some('#') => {
                    while self.peek(0).is_some_and(|character| character != '\n') {
                        self.at += 1;
                    }
                }
                Some('\\') => {
                    if self.peek(1) != Some('\n') {
                        return self.error("a backslash that continues no line");
                    }
                    self.at += 2;
                    if self.peek(0).is_none() {
                        return self.error("the text ends after a backslash");
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn word(&mut self) -> Result<TokenKind, Unreadable> {
        let mut prefix = Prefix::default();
        let mut possible = true;
        let start = self.at;
        while let Some(character) = self.peek(0) {
            if possible && matches!(character, '"' | '\'') {
                return self.text(prefix);
            }
            if !is_identifier_part(character) {
                break;
            }
            possible = possible && prefix.take(character);
            self.at += 1;
        }
        Ok(TokenKind::Name(
            self.characters[start..self.at].iter().collect(),
        ))
    }

    fn text(&mut self, prefix: Prefix) -> Result<TokenKind, Unreadable> {
        let Some(quote) = self.peek(0) else {
            return self.error("text without a quote");
        };
        let width = if self.peek(1) == Some(quote) && self.peek(2) == Some(quote) {
            3
        } else {
            1
        };
        self.at += width;
        let start = self.at;
        loop {
            match self.peek(0) {
                None => return self.error("text that never ends"),
                Some('\n') if width == 1 => return self.error("text that never ends"),
                Some('\\') => {
                    if self.peek(1).is_none() {
                        return self.error("text that never ends");
                    }
                    self.at += 2;
                }
                Some(character) if character == quote => {
                    if (0..width).all(|ahead| self.peek(ahead) == Some(quote)) {
                        break;
                    }
                    self.at += 1;
                }
                Some(_) => self.at += 1,
            }
        }
        let content = &self.characters[start..self.at];
        if prefix.formatted {
            self.at += width;
            return Ok(TokenKind::FormattedText);
        }
        match literal::text(content, prefix) {
            Ok(value) => {
                self.at += width;
                Ok(TokenKind::Text(value))
            }
            Err(what) => self.error(what),
        }
    }

    fn number(&mut self) -> Result<TokenKind, Unreadable> {
        match literal::number(&self.characters[self.at..]) {
            Ok((value, length)) => {
                self.at += length;
                Ok(TokenKind::Number(value))
            }
            Err(what) => self.error(what),
        }
    }

    fn operator(&mut self) -> Result<TokenKind, Unreadable> {
        let Some(operator) = OPERATORS
            .into_iter()
            .find(|operator| self.starts_with(operator))
        else {
            return self.error("a character that Python has no use for");
        };
        match operator {
            "(" | "[" | "{" => {
                if self.open.len() == OPEN_BRACKETS {
                    return self.error("more than 200 brackets are open");
                }
                self.open.push(match operator {
                    "(" => ')',
                    "[" => ']',
                    _ => '}',
                });
            }
            ")" | "]" | "}" if self.open.pop() != self.peek(0) => {
                return self.error("a closing bracket without its opening one");
            }
            _ => {}
        }
        self.at += operator.chars().count();
        Ok(TokenKind::Operator(operator))
    }
}

/// Whether an identifier may start with the character.
pub(crate) fn is_identifier_start(character: char) -> bool {
    character == '_' || unicode_ident::is_xid_start(character)
}

/// Whether an identifier may go on with the character.
pub(crate) fn is_identifier_part(character: char) -> bool {
    unicode_ident::is_xid_continue(character)
}
