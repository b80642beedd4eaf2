//! Files of named tensors, in the safetensors format (github.com/huggingface/safetensors).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use crate::error::{LearnError, Result};

/// Numbers and their shape.
pub(crate) type Named = BTreeMap<String, (Vec<f32>, Vec<usize>)>;

/// Reads all tensors of a file; F32, F16 and BF16 become 32-bit numbers.
pub(crate) fn read(path: &Path, into: &mut Named) -> Result<()> {
    let bytes = fs::read(path).map_err(LearnError::file(path))?;
    let wrong = |error: safetensors::SafeTensorError| {
        LearnError::format(path, format!("not a whole safetensors file: {error}"))
    };
    let tensors = SafeTensors::deserialize(&bytes).map_err(wrong)?;
    for (name, view) in tensors.tensors() {
        let data = view.data();
        let numbers: Vec<f32> = match view.dtype() {
            Dtype::F32 => data
                .as_chunks::<4>()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
            Dtype::F16 => data
                .as_chunks::<2>()
                .0
                .iter()
                .map(|bytes| f16::from_le_bytes(*bytes).to_f32())
                .collect(),
            Dtype::BF16 => data
                .as_chunks::<2>()
                .0
                .iter()
                .map(|bytes| bf16::from_le_bytes(*bytes).to_f32())
                .collect(),
            // Tables that some files carry along, such as positions.
            _ => continue,
        };
        into.insert(name, (numbers, view.shape().to_vec()));
    }
    Ok(())
}

/// Writes tensors one after the other; the file appears whole under its name. `numbers(i)` gives those of the
/// `i`-th name.
pub(crate) fn write(
    path: &Path,
    names: &[(String, Vec<usize>)],
    mut numbers: impl FnMut(usize) -> Result<Vec<f32>>,
) -> Result<()> {
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut from = 0usize;
    for (name, shape) in names {
        let to = from + 4 * shape.iter().product::<usize>();
        header.insert(
            name.clone(),
            json!({"dtype": "F32", "shape": shape, "data_offsets": [from, to]}),
        );
        from = to;
    }
    let mut header = Value::Object(header).to_string();
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    let pending = path.with_extension("tmp");
    let file = File::create(&pending).map_err(LearnError::file(&pending))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut write = |bytes: &[u8]| out.write_all(bytes).map_err(LearnError::file(&pending));
    write(&(header.len() as u64).to_le_bytes())?;
    write(header.as_bytes())?;
    for (at, (name, shape)) in names.iter().enumerate() {
        let numbers = numbers(at)?;
        if numbers.len() != shape.iter().product::<usize>() {
            return Err(LearnError::Invalid(format!(
                "{name} holds {} numbers, and its shape is {shape:?}",
                numbers.len()
            )));
        }
        for number in numbers {
            write(&number.to_le_bytes())?;
        }
    }
    out.into_inner()
        .map_err(|error| LearnError::File {
            path: pending.clone(),
            source: error.into_error(),
        })?
        .sync_all()
        .map_err(LearnError::file(&pending))?;
    fs::rename(&pending, path).map_err(LearnError::file(path))
}

/// Writes text; the file appears whole under its name.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<()> {
    let mut pending = path.as_os_str().to_owned();
    pending.push(".tmp");
    fs::write(&pending, text).map_err(LearnError::file(path))?;
    fs::rename(&pending, path).map_err(LearnError::file(path))
}

/// Reads a JSON file.
pub(crate) fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).map_err(LearnError::file(path))?;
    serde_json::from_str(&text)
        .map_err(|error| LearnError::format(path, format!("not JSON: {error}")))
}
