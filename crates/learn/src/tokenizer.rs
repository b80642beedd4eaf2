//! From text to tokens and back, with what a template marks kept apart from what people write.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::error::{LearnError, Result};
use crate::gguf::{Gguf, Meta};
use crate::tensors::write_text;

/// A model's tokenizer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The bytes that each token stands for; None for special tokens.
    bytes: Vec<Option<Vec<u8>>>,
}

impl Tokenizer {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(LearnError::file(path))?;
        Self::parse(&bytes).map_err(|error| LearnError::format(path, error.to_string()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|error| LearnError::Tokenizer(error.to_string()))?;
        // What people write never becomes a special token, whatever it looks like.
        inner.set_encode_special_tokens(true);
        let special: Vec<u32> = inner
            .get_added_tokens_decoder()
            .iter()
            .filter(|(_, token)| token.special)
            .map(|(id, _)| *id)
            .collect();
        let bytes = (0..inner.get_vocab_size(true) as u32)
            .map(|id| {
                if special.contains(&id) {
                    return None;
                }
                inner.id_to_token(id).map(|token| bytes_of(&token))
            })
            .collect();
        Ok(Self { inner, bytes })
    }

    /// The tokenizer inside a GGUF file: byte-level byte pairs.
    pub(crate) fn from_gguf(gguf: &Gguf, path: &Path) -> Result<Self> {
        let wrong = |what: String| LearnError::format(path, what);
        let text = |key: &str| gguf.meta.get(key).and_then(Meta::text).unwrap_or("");
        let list = |key: &str| {
            gguf.meta
                .get(key)
                .and_then(Meta::list)
                .ok_or_else(|| wrong(format!("there is no {key}")))
        };
        let model = text("tokenizer.ggml.model");
        if model != "gpt2" {
            return Err(wrong(format!(
                "a tokenizer of the kind {model:?}; byte-level ones (gpt2) can be read"
            )));
        }
        let pre = pre_tokenizer(text("tokenizer.ggml.pre")).map_err(wrong)?;
        let mut vocabulary = Map::new();
        let mut added = Vec::new();
        let kinds = list("tokenizer.ggml.token_type")?;
        for (id, token) in list("tokenizer.ggml.tokens")?.iter().enumerate() {
            let content = token.text().unwrap_or_default();
            vocabulary.insert(content.into(), json!(id));
            // Of ggml's kinds, 3 is a control token and 4 one that the model's makers added.
            let kind = kinds.get(id).and_then(Meta::integer).unwrap_or(1);
            if kind == 3 || kind == 4 {
                added.push(json!({
                    "id": id, "content": content, "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": kind == 3
                }));
            }
        }
        let merges: Vec<Value> = list("tokenizer.ggml.merges")?
            .iter()
            .filter_map(|merge| merge.text()?.split_once(' '))
            .map(|(left, right)| json!([left, right]))
            .collect();
        let file = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
            "pre_tokenizer": pre, "post_processor": null,
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                "vocab": vocabulary, "merges": merges
            }
        });
        Self::parse(file.to_string().as_bytes())
            .map_err(|error| LearnError::format(path, error.to_string()))
    }

    /// A tokenizer of single bytes and the given special tokens, for tests.
    ///
    /// # Errors
    /// Never, unless the special tokens repeat.
    pub fn of_bytes(special: &[&str]) -> Result<Self> {
        let mut vocabulary = Map::new();
        let mut added = Vec::new();
        for content in special {
            let id = vocabulary.len();
            vocabulary.insert((*content).into(), json!(id));
            added.push(json!({
                "id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true
            }));
        }
        for byte in 0..=255u8 {
            let id = vocabulary.len();
            vocabulary.insert(character_of(byte).to_string(), json!(id));
        }
        let file = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
            "pre_tokenizer": byte_level(false), "post_processor": null,
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                "vocab": vocabulary, "merges": []
            }
        });
        Self::parse(file.to_string().as_bytes())
    }

    /// Writes `tokenizer.json`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = self
            .inner
            .to_string(false)
            .map_err(|error| LearnError::Tokenizer(error.to_string()))?;
        write_text(path, &text)
    }

    /// The tokens of a text in which nothing is special.
    ///
    /// # Errors
    /// When the tokenizer has no token for a part of the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self
            .inner
            .encode_fast(text, false)
            .map_err(|error| LearnError::Tokenizer(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of tokens; special ones are left out.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> = tokens
            .iter()
            .filter_map(|token| self.bytes_of(*token))
            .flatten()
            .copied()
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The bytes of a token; None when it is special or unknown.
    pub fn bytes_of(&self, token: u32) -> Option<&[u8]> {
        self.bytes.get(token as usize)?.as_deref()
    }

    /// The id of a token, such as `<|im_end|>`.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The name of a token, such as `<|im_end|>`.
    pub fn name(&self, token: u32) -> Option<String> {
        self.inner.id_to_token(token)
    }

    /// Tokens of the vocabulary.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never, of a tokenizer that is good for anything.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

fn byte_level(use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex})
}

/// What splits a text before byte pairs are merged, by llama.cpp's name for it.
fn pre_tokenizer(name: &str) -> std::result::Result<Value, String> {
    match name {
        // Digits first: the rebuild without that step differs where a digit follows a line break.
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" => Ok(json!({
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": true}, byte_level(true)]
        })),
        "default" | "gpt-2" | "" => Ok(byte_level(true)),
        "qwen2" => Ok(json!({
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
                    "behavior": "Isolated",
                    "invert": false
                },
                byte_level(false)
            ]
        })),
        other => Err(format!(
            "a pre-tokenizer named {other:?}; smollm, gpt-2 and qwen2 are known. A folder with tokenizer.json can be read whatever it is"
        )),
    }
}

/// The character that byte-level tokenizers write a byte as: itself where it can be seen, else one from 256 on.
fn character_of(byte: u8) -> char {
    let visible = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if visible(byte) {
        return char::from(byte);
    }
    let hidden = (0..byte).filter(|byte| !visible(*byte)).count() as u32;
    char::from_u32(256 + hidden).unwrap_or(' ')
}

/// The bytes that a token's characters stand for; a token that is not byte-level stands for itself.
fn bytes_of(token: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for character in token.chars() {
        let byte = match u32::from(character) {
            256..=323 => (0..=255u8).find(|byte| character_of(*byte) == character),
            code @ 0..=255 => u8::try_from(code)
                .ok()
                .filter(|byte| character_of(*byte) == character),
            _ => None,
        };
        match byte {
            Some(byte) => bytes.push(byte),
            None => return token.as_bytes().to_vec(),
        }
    }
    bytes
}
