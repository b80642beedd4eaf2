//! Reads GGUF files, version 2 and 3: metadata, and tensors of the types F32, F16, Q8_0 and Q4_1, dequantised.
//!
//! The layout is that of the format's specification (github.com/ggml-org/ggml, docs/gguf.md). A file is hostile
//! until read: every length is checked against what the file holds before memory is taken.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::f16;

use crate::error::{LearnError, Result};

/// A value of the metadata.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meta {
    Integer(i128),
    Float(f64),
    Bool(bool),
    Text(String),
    List(Vec<Meta>),
}

impl Meta {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn integer(&self) -> Option<i128> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> Option<&[Meta]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }
}

/// Where a tensor lies.
#[derive(Debug, Clone)]
struct Place {
    /// The slowest dimension first, as everywhere outside GGUF.
    shape: Vec<usize>,
    kind: u32,
    offset: u64,
}

/// An open GGUF file.
#[derive(Debug)]
pub(crate) struct Gguf {
    path: PathBuf,
    reader: BufReader<File>,
    size: u64,
    data: u64,
    pub(crate) meta: BTreeMap<String, Meta>,
    places: BTreeMap<String, Place>,
}

/// Deepest nesting of lists in the metadata.
const DEEPEST: usize = 4;

impl Gguf {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(LearnError::file(path))?;
        let size = file.metadata().map_err(LearnError::file(path))?.len();
        let mut gguf = Self {
            path: path.to_path_buf(),
            reader: BufReader::with_capacity(1 << 16, file),
            size,
            data: 0,
            meta: BTreeMap::new(),
            places: BTreeMap::new(),
        };
        gguf.head()?;
        Ok(gguf)
    }

    fn wrong(&self, what: impl Into<String>) -> LearnError {
        LearnError::format(&self.path, what)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader
            .read_exact(&mut bytes)
            .map_err(|error| self.wrong(format!("the file ends in its head: {error}")))?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    /// A count of things that take at least a byte each.
    fn count(&mut self) -> Result<usize> {
        let count = self.u64()?;
        if count > self.size {
            return Err(self.wrong(format!(
                "a length of {count} in a file of {} bytes",
                self.size
            )));
        }
        Ok(count as usize)
    }

    fn text(&mut self) -> Result<String> {
        let length = self.count()?;
        let mut bytes = vec![0; length];
        self.reader
            .read_exact(&mut bytes)
            .map_err(|error| self.wrong(format!("the file ends inside a text: {error}")))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<Meta> {
        Ok(match kind {
            0 => Meta::Integer(self.bytes::<1>()?[0].into()),
            1 => Meta::Integer(i8::from_le_bytes(self.bytes()?).into()),
            2 => Meta::Integer(u16::from_le_bytes(self.bytes()?).into()),
            3 => Meta::Integer(i16::from_le_bytes(self.bytes()?).into()),
            4 => Meta::Integer(self.u32()?.into()),
            5 => Meta::Integer(i32::from_le_bytes(self.bytes()?).into()),
            6 => Meta::Float(f32::from_le_bytes(self.bytes()?).into()),
            7 => Meta::Bool(self.bytes::<1>()?[0] != 0),
            8 => Meta::Text(self.text()?),
            9 if depth < DEEPEST => {
                let kind = self.u32()?;
                let count = self.count()?;
                let mut list = Vec::new();
                for _ in 0..count {
                    list.push(self.value(kind, depth + 1)?);
                }
                Meta::List(list)
            }
            10 => Meta::Integer(self.u64()?.into()),
            11 => Meta::Integer(i64::from_le_bytes(self.bytes()?).into()),
            12 => Meta::Float(f64::from_le_bytes(self.bytes()?)),
            _ => return Err(self.wrong(format!("metadata of the unknown type {kind}"))),
        })
    }

    fn head(&mut self) -> Result<()> {
        if &self.bytes::<4>()? != b"GGUF" {
            return Err(self.wrong("this is no GGUF file: it does not begin with GGUF"));
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return Err(self.wrong(format!("GGUF version {version}; 2 and 3 can be read")));
        }
        let tensors = self.count()?;
        let entries = self.count()?;
        for _ in 0..entries {
            let key = self.text()?;
            let kind = self.u32()?;
            let value = self.value(kind, 0)?;
            self.meta.insert(key, value);
        }
        for _ in 0..tensors {
            let name = self.text()?;
            let rank = self.u32()?;
            if rank > 4 {
                return Err(self.wrong(format!("the tensor {name} has {rank} dimensions")));
            }
            let mut shape = Vec::new();
            for _ in 0..rank {
                shape.push(self.u64()? as usize);
            }
            shape.reverse();
            let kind = self.u32()?;
            let offset = self.u64()?;
            self.places.insert(
                name,
                Place {
                    shape,
                    kind,
                    offset,
                },
            );
        }
        let alignment = self
            .meta
            .get("general.alignment")
            .and_then(Meta::integer)
            .unwrap_or(32)
            .clamp(1, 1 << 16) as u64;
        let end = self
            .reader
            .stream_position()
            .map_err(LearnError::file(&self.path.clone()))?;
        self.data = end.div_ceil(alignment) * alignment;
        Ok(())
    }

    /// The names of all tensors.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// A tensor as numbers, the last dimension running fastest, and its shape.
    pub(crate) fn tensor(&mut self, name: &str) -> Result<(Vec<f32>, Vec<usize>)> {
        let place = self
            .places
            .get(name)
            .cloned()
            .ok_or_else(|| self.wrong(format!("there is no tensor {name}")))?;
        let (block, width) = match place.kind {
            0 => (1usize, 4usize),
            1 => (1, 2),
            3 => (32, 20),
            8 => (32, 34),
            other => {
                return Err(self.wrong(format!(
                    "the tensor {name} is of ggml type {other}; F32, F16, Q8_0 and Q4_1 can be read"
                )));
            }
        };
        let row = place.shape.last().copied().unwrap_or(1);
        let elements = place
            .shape
            .iter()
            .try_fold(1usize, |product, side| product.checked_mul(*side))
            .filter(|elements| elements / block * width <= self.size as usize)
            .ok_or_else(|| self.wrong(format!("the tensor {name} is larger than the file")))?;
        if !row.is_multiple_of(block) {
            return Err(self.wrong(format!(
                "the rows of {name} are {row} long, no multiple of {block}"
            )));
        }
        let length = elements / block * width;
        let from = self
            .data
            .checked_add(place.offset)
            .filter(|from| from.saturating_add(length as u64) <= self.size)
            .ok_or_else(|| self.wrong(format!("the tensor {name} lies outside the file")))?;
        let mut bytes = vec![0; length];
        let path = self.path.clone();
        self.reader
            .seek(SeekFrom::Start(from))
            .and_then(|_| self.reader.read_exact(&mut bytes))
            .map_err(LearnError::file(&path))?;
        Ok((dequantise(place.kind, &bytes), place.shape))
    }
}

fn half(bytes: &[u8]) -> f32 {
    match bytes {
        [low, high, ..] => f16::from_le_bytes([*low, *high]).to_f32(),
        _ => 0.0,
    }
}

/// Blocks of ggml as numbers. Q8_0: a scale and 32 signed bytes. Q4_1: a scale, a minimum and 16 bytes, whose low
/// halves are the first 16 numbers and whose high halves the last.
fn dequantise(kind: u32, bytes: &[u8]) -> Vec<f32> {
    let mut out = Vec::new();
    match kind {
        0 => out.extend(
            bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes)),
        ),
        1 => out.extend(bytes.chunks_exact(2).map(half)),
        8 => {
            out.reserve(bytes.len() / 34 * 32);
            for block in bytes.chunks_exact(34) {
                let scale = half(block);
                out.extend(block[2..].iter().map(|byte| scale * f32::from(*byte as i8)));
            }
        }
        _ => {
            out.reserve(bytes.len() / 20 * 32);
            for block in bytes.chunks_exact(20) {
                let (scale, least) = (half(block), half(&block[2..]));
                let number = |half: u8| scale * f32::from(half) + least;
                out.extend(block[4..].iter().map(|byte| number(byte & 15)));
                out.extend(block[4..].iter().map(|byte| number(byte >> 4)));
            }
        }
    }
    out
}
