//! Values as few bytes, and back. What is read may come from outside: it is checked, and never panics.

use rusqlite::types::ValueRef;
use serde_json::Value;

use super::SnapshotError;
use crate::cell::Cell;

// The first number of a value: its kind in the low two bits, and what belongs to the kind above them.
const OTHER: u64 = 0;
const INTEGER: u64 = 1;
const REAL: u64 = 2;
const TEXT: u64 = 3;
const KIND_BITS: u32 = 2;

/// Bytes that a text may have from the one before it: few bytes must not ask for much memory.
const MOST_SHARED: usize = 64;

// What stands above OTHER.
const NULL: u64 = 0;
const WIDE: u64 = 1;
const FALSE: u64 = 2;
const TRUE: u64 = 3;
const JSON: u64 = 4;

type Result<T> = std::result::Result<T, SnapshotError>;

fn damaged<T>(what: &'static str) -> Result<T> {
    Err(SnapshotError::Damaged(what))
}

/// Appends values.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// The bytes, a checksum over them at their end.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let sum = checksum(&self.bytes);
        self.bytes.extend_from_slice(&sum.to_le_bytes());
        self.bytes
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Seven bits a byte, the lowest first.
    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    /// Small numbers of either sign take few bytes.
    pub(crate) fn signed(&mut self, number: i64) {
        self.number(zigzag(number));
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.raw(text.as_bytes());
    }

    fn integer(&mut self, value: i64) {
        let folded = zigzag(value);
        if folded << KIND_BITS >> KIND_BITS == folded {
            self.number(folded << KIND_BITS | INTEGER);
        } else {
            self.number(WIDE << KIND_BITS | OTHER);
            self.number(folded);
        }
    }

    fn real(&mut self, value: f64) {
        self.number(REAL);
        self.raw(&value.to_bits().to_le_bytes());
    }

    fn text_value(&mut self, bytes: &[u8]) {
        self.number((bytes.len() as u64) << KIND_BITS | TEXT);
        self.raw(bytes);
    }

    pub(crate) fn cell(&mut self, cell: &Cell) {
        match cell {
            Cell::Null => self.number(NULL << KIND_BITS | OTHER),
            Cell::Integer(value) => self.integer(*value),
            Cell::Real(value) => self.real(*value),
            Cell::Text(text) => self.text_value(text.as_bytes()),
        }
    }

    /// A cell as SQLite holds it.
    pub(crate) fn column(&mut self, value: ValueRef<'_>) -> rusqlite::Result<()> {
        match value {
            ValueRef::Null => self.number(NULL << KIND_BITS | OTHER),
            ValueRef::Integer(value) => self.integer(value),
            ValueRef::Real(value) => self.real(value),
            ValueRef::Text(bytes) => {
                std::str::from_utf8(bytes)?;
                self.text_value(bytes);
            }
            ValueRef::Blob(_) => return Err(rusqlite::types::FromSqlError::InvalidType.into()),
        }
        Ok(())
    }

    /// A JSON value; what is nested, as its text.
    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.number(NULL << KIND_BITS | OTHER),
            Value::Bool(value) => {
                self.number(if *value { TRUE } else { FALSE } << KIND_BITS | OTHER);
            }
            Value::String(text) => self.text_value(text.as_bytes()),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => self.integer(integer),
                (None, Some(real)) if number.is_f64() => self.real(real),
                _ => self.json(value),
            },
            Value::Array(_) | Value::Object(_) => self.json(value),
        }
    }

    fn json(&mut self, value: &Value) {
        self.number(JSON << KIND_BITS | OTHER);
        self.text(&value.to_string());
    }

    /// A cell that is likely to begin as the one before it did.
    pub(crate) fn cell_after(&mut self, before: Option<&Cell>, cell: &Cell) {
        match (before, cell) {
            (Some(before), cell) if before == cell => self.number(0),
            (Some(Cell::Text(before)), Cell::Text(text)) => {
                let shared = before
                    .bytes()
                    .zip(text.bytes())
                    .take(MOST_SHARED)
                    .take_while(|(before, own)| before == own)
                    .count();
                self.count(shared + 2);
                self.count(text.len() - shared);
                self.raw(&text.as_bytes()[shared..]);
            }
            (_, cell) => {
                self.number(1);
                self.cell(cell);
            }
        }
    }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(folded: u64) -> i64 {
    (folded >> 1) as i64 ^ -((folded & 1) as i64)
}

/// Tells damage by accident. Each step is a bijection of the state, so that no single changed word goes
/// unseen.
fn checksum(bytes: &[u8]) -> u64 {
    let mut sum = bytes.len() as u64 ^ 0xcbf2_9ce4_8422_2325;
    let mut add = |word: u64| {
        sum = (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        sum ^= sum >> 32;
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        add(u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    add(u64::from_le_bytes(last));
    sum
}

/// Reads what an [`Encoder`] wrote.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Checks the sum at the end of the bytes.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self> {
        let Some((rest, sum)) = bytes.split_last_chunk::<8>() else {
            return damaged("they are too short");
        };
        if checksum(rest) != u64::from_le_bytes(*sum) {
            return damaged("their sum is wrong");
        }
        Ok(Self { rest })
    }

    /// Fails unless all is read.
    pub(crate) fn end(self) -> Result<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            damaged("something follows their end")
        }
    }

    pub(crate) fn raw(&mut self, length: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return damaged("they end too early");
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn number(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.raw(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        damaged("a number is too large")
    }

    /// How many follow. Each takes a byte at least, so that no count asks for more memory than the bytes
    /// themselves.
    pub(crate) fn count(&mut self) -> Result<usize> {
        let count = self.number()? as usize;
        if count > self.rest.len() {
            return damaged("they end too early");
        }
        Ok(count)
    }

    /// A position below this one.
    pub(crate) fn position(&mut self, below: usize) -> Result<usize> {
        let position = self.number()?;
        if position >= below as u64 {
            return damaged("they name what the world does not have");
        }
        Ok(position as usize)
    }

    pub(crate) fn signed(&mut self) -> Result<i64> {
        self.number().map(unzigzag)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str> {
        let length = self.count()?;
        self.utf8(length)
    }

    fn utf8(&mut self, length: usize) -> Result<&'a str> {
        match std::str::from_utf8(self.raw(length)?) {
            Ok(text) => Ok(text),
            Err(_) => damaged("a text is not UTF-8"),
        }
    }

    pub(crate) fn cell(&mut self) -> Result<Cell> {
        let first = self.number()?;
        let rest = first >> KIND_BITS;
        Ok(match first & ((1 << KIND_BITS) - 1) {
            INTEGER => Cell::Integer(unzigzag(rest)),
            REAL => Cell::Real(self.real()?),
            TEXT => Cell::Text(self.utf8(rest as usize)?.into()),
            _ => match rest {
                NULL => Cell::Null,
                WIDE => Cell::Integer(self.signed()?),
                _ => return damaged("a cell holds what no cell can"),
            },
        })
    }

    fn real(&mut self) -> Result<f64> {
        let mut bits = [0; 8];
        bits.copy_from_slice(self.raw(8)?);
        let value = f64::from_bits(u64::from_le_bytes(bits));
        if value.is_finite() {
            Ok(value)
        } else {
            damaged("a number is not finite")
        }
    }

    pub(crate) fn value(&mut self) -> Result<Value> {
        let first = self.number()?;
        let rest = first >> KIND_BITS;
        Ok(match first & ((1 << KIND_BITS) - 1) {
            INTEGER => Value::from(unzigzag(rest)),
            REAL => Value::from(self.real()?),
            TEXT => Value::from(self.utf8(rest as usize)?),
            _ => match rest {
                NULL => Value::Null,
                WIDE => Value::from(self.signed()?),
                FALSE => Value::Bool(false),
                TRUE => Value::Bool(true),
                JSON => match serde_json::from_str(self.text()?) {
                    Ok(value) => value,
                    Err(_) => return damaged("an argument is not JSON"),
                },
                _ => return damaged("an argument is of no known kind"),
            },
        })
    }

    pub(crate) fn cell_after(&mut self, before: Option<&Cell>) -> Result<Cell> {
        match (self.number()?, before) {
            (0, Some(before)) => Ok(before.clone()),
            (1, _) => self.cell(),
            (shared, Some(Cell::Text(before))) if shared >= 2 => {
                let shared = (shared - 2) as usize;
                let Some(shared) = before
                    .as_bytes()
                    .get(..shared)
                    .filter(|_| shared <= MOST_SHARED)
                else {
                    return damaged("a text begins as none before it");
                };
                let length = self.count()?;
                let bytes = [shared, self.raw(length)?].concat();
                match std::str::from_utf8(&bytes) {
                    Ok(text) => Ok(Cell::Text(text.into())),
                    Err(_) => damaged("a text is not UTF-8"),
                }
            }
            _ => damaged("a text begins as none before it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells() -> impl Strategy<Value = Cell> {
        prop_oneof![
            Just(Cell::Null),
            any::<i64>().prop_map(Cell::Integer),
            (-40i64..40).prop_map(Cell::Integer),
            (prop::num::f64::NORMAL | prop::num::f64::ZERO).prop_map(Cell::Real),
            "W[0-9]{1,7}".prop_map(Cell::text),
            "[^\0]{0,9}".prop_map(Cell::text),
        ]
    }

    proptest! {
        #[test]
        fn cells_come_back(cells in prop::collection::vec(cells(), 0..20)) {
            let mut encoder = Encoder::default();
            let mut before = None;
            for cell in &cells {
                encoder.cell(cell);
                encoder.cell_after(before, cell);
                encoder.value(&cell.to_json());
                before = Some(cell);
            }
            let bytes = encoder.finish();
            let mut decoder = Decoder::new(&bytes).unwrap();
            let mut before = None;
            for cell in &cells {
                prop_assert_eq!(&decoder.cell().unwrap(), cell);
                prop_assert_eq!(&decoder.cell_after(before).unwrap(), cell);
                prop_assert_eq!(decoder.value().unwrap(), cell.to_json());
                before = Some(cell);
            }
            decoder.end().unwrap();
        }

        #[test]
        fn numbers_come_back(number: u64, signed: i64) {
            let mut encoder = Encoder::default();
            encoder.number(number);
            encoder.signed(signed);
            let bytes = encoder.finish();
            let mut decoder = Decoder::new(&bytes).unwrap();
            prop_assert_eq!(decoder.number().unwrap(), number);
            prop_assert_eq!(decoder.signed().unwrap(), signed);
        }

        #[test]
        fn a_changed_byte_is_seen(bytes: Vec<u8>, at: prop::sample::Index, change in 1u8..) {
            let mut encoder = Encoder::default();
            encoder.raw(&bytes);
            let mut bytes = encoder.finish();
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            prop_assert!(Decoder::new(&bytes).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut encoder = Encoder::default();
            encoder.raw(&bytes);
            let bytes = encoder.finish();
            let mut decoder = Decoder::new(&bytes).unwrap();
            let mut before = None;
            while let (Ok(cell), Ok(_)) = (decoder.cell_after(before.as_ref()), decoder.value()) {
                before = Some(cell);
            }
        }
    }
}
