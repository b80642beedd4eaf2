//! Where templates are found: in `tokenizer_config.json`, beside it, or in a GGUF file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use serde_json::Value;

use super::TemplateError;

/// A template and what the tokenizer says of its marks.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) jinja: String,
    pub(super) bos: Option<String>,
    pub(super) eos: Option<String>,
    pub(super) marks: Vec<String>,
}

impl Source {
    pub(super) fn read(path: &Path) -> Result<Self, TemplateError> {
        if path.is_dir() {
            let jinja = path.join("chat_template.jinja");
            if jinja.is_file() {
                return Self::read(&jinja);
            }
            return Self::read(&path.join("tokenizer_config.json"));
        }
        match path.extension().and_then(|end| end.to_str()) {
            Some("gguf") => gguf(path),
            Some("json") => config(path),
            _ => {
                let jinja = read_text(path)?;
                let beside = path.with_file_name("tokenizer_config.json");
                let mut source = if beside.is_file() {
                    marks_of(&beside)?.1
                } else {
                    Self::default()
                };
                source.jinja = jinja;
                Ok(source)
            }
        }
    }
}

fn file_error(path: &Path) -> impl Fn(std::io::Error) -> TemplateError + '_ {
    move |error| TemplateError::File {
        file: path.display().to_string(),
        error,
    }
}

fn format_error(path: &Path, what: impl Into<String>) -> TemplateError {
    TemplateError::Format {
        file: path.display().to_string(),
        what: what.into(),
    }
}

fn read_text(path: &Path) -> Result<String, TemplateError> {
    std::fs::read_to_string(path).map_err(file_error(path))
}

/// A tokenizer's configuration, and the marks that it names.
fn marks_of(path: &Path) -> Result<(Value, Source), TemplateError> {
    let json: Value = serde_json::from_str(&read_text(path)?)
        .map_err(|error| format_error(path, error.to_string()))?;
    // A token is its text, or an object with it.
    let token = |own: &Value| {
        let text = own.as_str().or_else(|| own["content"].as_str());
        text.map(str::to_string)
    };
    let added = json["added_tokens_decoder"].as_object();
    let marks = added
        .into_iter()
        .flat_map(|added| added.values())
        .filter(|own| own["special"] == true)
        .filter_map(token)
        .collect();
    let source = Source {
        bos: token(&json["bos_token"]),
        eos: token(&json["eos_token"]),
        marks,
        jinja: String::new(),
    };
    Ok((json, source))
}

fn config(path: &Path) -> Result<Source, TemplateError> {
    let (json, mut source) = marks_of(path)?;
    // One template, or several by name.
    let named = |name: &str| {
        let all = json["chat_template"].as_array()?;
        let own = all.iter().find(|own| own["name"] == name)?;
        own["template"].as_str()
    };
    let jinja = json["chat_template"]
        .as_str()
        .or_else(|| named("tool_use"))
        .or_else(|| named("default"));
    let Some(jinja) = jinja else {
        return Err(format_error(
            path,
            "there is no `chat_template`; name the file that holds the template",
        ));
    };
    source.jinja = jinja.to_string();
    Ok(source)
}

/// What of a GGUF file's metadata matters here.
enum Meta {
    Number(u64),
    Text(String),
    Texts(Vec<String>),
    Numbers(Vec<u64>),
}

/// A list longer than any vocabulary is no vocabulary.
const LONGEST_LIST: u64 = 4_000_000;
const LONGEST_TEXT: u64 = 16 << 20;

struct Head<'a> {
    path: &'a Path,
    reader: BufReader<File>,
}

impl Head<'_> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], TemplateError> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| {
            format_error(self.path, format!("the file ends in its head: {error}"))
        })?;
        Ok(bytes)
    }

    fn number(&mut self, width: u32) -> Result<u64, TemplateError> {
        Ok(match width {
            1 => u64::from(self.bytes::<1>()?[0]),
            2 => u64::from(u16::from_le_bytes(self.bytes()?)),
            4 => u64::from(u32::from_le_bytes(self.bytes()?)),
            _ => u64::from_le_bytes(self.bytes()?),
        })
    }

    fn text(&mut self) -> Result<String, TemplateError> {
        let length = self.number(8)?;
        if length > LONGEST_TEXT {
            return Err(format_error(
                self.path,
                format!("a text of {length} bytes in its head"),
            ));
        }
        // Grows as bytes come: a wrong length takes no memory.
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(length).read_to_end(&mut bytes);
        if read.map_err(file_error(self.path))? as u64 != length {
            return Err(format_error(self.path, "the file ends in its head"));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A value of a type by the format's numbers: 0 to 7 and 10 to 12 are numbers, 8 is text, 9 a list.
    fn value(&mut self, kind: u64) -> Result<Meta, TemplateError> {
        let width = |kind: u64| match kind {
            0 | 1 | 7 => Some(1),
            2 | 3 => Some(2),
            4..=6 => Some(4),
            10..=12 => Some(8),
            _ => None,
        };
        if let Some(width) = width(kind) {
            return Ok(Meta::Number(self.number(width)?));
        }
        match kind {
            8 => Ok(Meta::Text(self.text()?)),
            9 => {
                let (inner, count) = (self.number(4)?, self.number(8)?);
                if count > LONGEST_LIST {
                    return Err(format_error(self.path, format!("a list of {count}")));
                }
                match (inner, width(inner)) {
                    (_, Some(width)) => (0..count)
                        .map(|_| self.number(width))
                        .collect::<Result<_, _>>()
                        .map(Meta::Numbers),
                    (8, _) => (0..count)
                        .map(|_| self.text())
                        .collect::<Result<_, _>>()
                        .map(Meta::Texts),
                    _ => Err(format_error(self.path, "lists of lists")),
                }
            }
            _ => Err(format_error(self.path, format!("a value of type {kind}"))),
        }
    }
}

/// The metadata of a GGUF file (its specification: github.com/ggml-org/ggml, docs/gguf.md), which comes first.
fn gguf(path: &Path) -> Result<Source, TemplateError> {
    let file = File::open(path).map_err(file_error(path))?;
    let mut head = Head {
        path,
        reader: BufReader::new(file),
    };
    let version = (head.bytes::<4>()?, head.number(4)?);
    if !matches!(version, (magic, 2 | 3) if &magic == b"GGUF") {
        return Err(format_error(path, "no GGUF file of version 2 or 3"));
    }
    let _tensors = head.number(8)?;
    let count = head.number(8)?;
    let mut source = Source::default();
    let (mut template, mut tokens, mut kinds) = (None, Vec::new(), Vec::new());
    let (mut bos, mut eos) = (None, None);
    for _ in 0..count {
        let key = head.text()?;
        let kind = head.number(4)?;
        let value = head.value(kind)?;
        match (key.strip_prefix("tokenizer.").unwrap_or_default(), value) {
            ("chat_template", Meta::Text(text)) => template = Some(text),
            ("ggml.tokens", Meta::Texts(texts)) => tokens = texts,
            ("ggml.token_type", Meta::Numbers(numbers)) => kinds = numbers,
            ("ggml.bos_token_id", Meta::Number(id)) => bos = Some(id as usize),
            ("ggml.eos_token_id", Meta::Number(id)) => eos = Some(id as usize),
            _ => {}
        }
    }
    let Some(jinja) = template else {
        return Err(format_error(path, "there is no chat template in it"));
    };
    let token = |id: Option<usize>| id.and_then(|id| tokens.get(id)).cloned();
    (source.bos, source.eos) = (token(bos), token(eos));
    // 3 is a control token.
    let marked = tokens.iter().zip(&kinds).filter(|(_, kind)| **kind == 3);
    source.marks = marked.map(|(token, _)| token.clone()).collect();
    source.jinja = jinja;
    Ok(source)
}
