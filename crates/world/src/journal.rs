//! The journal of many sessions: one line per thing that happened, from which they are made again.
//!
//! A line is a checksum, a space, and a record as JSON. A process that is killed leaves at most its last line
//! unfinished; that one was never acknowledged, and is dropped. What a session is follows from its initial
//! state, its seed and its calls, so that replies are not kept: only a fingerprint of each, by which a reader
//! notices that the program has changed since.

use std::io::{self, BufRead, Read, Write};

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::format::Actor;
use crate::reply::Reply;
use crate::state::{State, StateError, StateSpec};

/// Bytes of the longest record that a reader takes; a guard against files that are no journal.
const MAX_LINE: u64 = 64 << 20;

/// Hexadecimal digits of a line's checksum and of a reply's fingerprint.
const CHECK_DIGITS: usize = 8;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// An initial state gets a number, by which later records of this part of the journal name it.
    State {
        number: usize,
        world: String,
        spec: StateSpec,
        digest: String,
    },
    Open {
        session: String,
        state: usize,
        seed: u64,
    },
    /// The session is here now, whatever was written of it before.
    At {
        session: String,
        state: usize,
        snapshot: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    Call(Call),
    Reset {
        session: String,
        seed: u64,
    },
    Note {
        session: String,
        text: String,
    },
    Close {
        session: String,
    },
    /// Every session that is open has been placed in this part.
    Whole,
}

/// A call as it came, and the fingerprint of its reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) session: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
    pub(crate) actor: Actor,
    pub(crate) tool: String,
    pub(crate) arguments: String,
    pub(crate) reply: String,
}

/// Why a journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be written. What was acknowledged before is there; nothing more can be accepted.
    #[error(
        "the journal cannot be written: {0}; what was acknowledged is in it, nothing more is accepted \
         until the program starts again from it"
    )]
    Write(String),
    /// It cannot be read.
    #[error("the journal cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Its first part begins in the middle.
    #[error("the first part of the journal names sessions of a part before it: give that one too")]
    Incomplete,
    /// A record in the middle is damaged.
    #[error("part {part} of the journal is damaged at line {line}: {message}")]
    Damaged {
        /// Which part, from 1.
        part: usize,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

/// Where records go.
pub(crate) struct Journal {
    writer: Box<dyn Write + Send>,
    /// States that have a number in this part.
    states: Vec<State>,
    /// Why it can no longer be written.
    broken: Option<String>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Journal")
            .field("states", &self.states.len())
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

impl Journal {
    pub(crate) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self {
            writer,
            states: Vec::new(),
            broken: None,
        }
    }

    /// Writes a record whole. After a failure the file may end in half a line, so that nothing more can
    /// follow it.
    pub(crate) fn write(&mut self, record: &Record) -> Result<(), JournalError> {
        if let Some(reason) = &self.broken {
            return Err(JournalError::Write(reason.clone()));
        }
        let line = line_of(record);
        let written = self
            .writer
            .write_all(line.as_bytes())
            .and_then(|()| self.writer.flush());
        written.map_err(|error| {
            self.broken = Some(error.to_string());
            JournalError::Write(error.to_string())
        })
    }

    /// The number of a state in this part; written first where it has none yet.
    pub(crate) fn number(&mut self, state: &State) -> Result<usize, JournalFailure> {
        if let Some(number) = self.states.iter().position(|own| own.is(state)) {
            return Ok(number);
        }
        let number = self.states.len();
        self.write(&Record::State {
            number,
            world: state.world().digest().to_string(),
            spec: state.spec().clone(),
            digest: state.digest()?,
        })?;
        self.states.push(state.clone());
        Ok(number)
    }
}

/// A failure of the journal or of a state that it names.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalFailure {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    State(#[from] StateError),
}

fn line_of(record: &Record) -> String {
    // A record holds strings and numbers only: writing it cannot fail.
    let json = serde_json::to_string(record).unwrap_or_default();
    format!("{} {json}\n", checksum(json.as_bytes()))
}

fn checksum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..CHECK_DIGITS].to_string()
}

/// By which a reader notices that a call made again is answered differently.
pub(crate) fn fingerprint(reply: &Reply) -> String {
    checksum(reply.content().as_bytes())
}

pub(crate) fn snapshot_text(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

pub(crate) fn snapshot_bytes(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok()
}

/// Hands over the records of one part, in order. Returns the bytes of an unfinished last line.
pub(crate) fn read_part(
    part: usize,
    mut reader: impl BufRead,
    mut take: impl FnMut(Record) -> Result<(), String>,
) -> Result<usize, JournalError> {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        number += 1;
        line.clear();
        let length = reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(0);
        }
        let damaged = |message: String| JournalError::Damaged {
            part,
            line: number,
            message,
        };
        let Some(text) = line.strip_suffix(b"\n") else {
            if length as u64 == MAX_LINE {
                return Err(damaged(format!("it is longer than {MAX_LINE} bytes")));
            }
            return Ok(length);
        };
        let record = parse(text).map_err(damaged)?;
        take(record).map_err(damaged)?;
    }
}

fn parse(line: &[u8]) -> Result<Record, String> {
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    let (check, json) = text.split_once(' ').ok_or("it has no checksum")?;
    if checksum(json.as_bytes()) != check {
        return Err("its checksum does not fit".into());
    }
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_found_wherever_it_is() {
        let record = Record::Note {
            session: "a".into(),
            text: "hello".into(),
        };
        let line = line_of(&record);
        assert_eq!(parse(line.trim_end().as_bytes()), Ok(record));
        for at in 0..line.len() - 1 {
            let mut bytes = line.trim_end().as_bytes().to_vec();
            bytes[at] ^= 1;
            assert!(parse(&bytes).is_err(), "byte {at}");
        }
    }
}
