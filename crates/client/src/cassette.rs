//! Exchanges on record: what was asked and what came back, byte for byte.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::wire::WireAnswer;

/// Why a cassette cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    /// It cannot be read or written.
    #[error("the cassette cannot be used: {0}")]
    Io(#[from] io::Error),
    /// A line is not an exchange.
    #[error("line {line} of the cassette: {reason}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A request that was never recorded, or more often than it was.
    #[error(
        "the cassette holds no further reply to this request (blake3 {0}): record it again where a model is at hand"
    )]
    Unknown(String),
}

/// The first line of a cassette.
#[derive(Serialize, Deserialize)]
struct Head {
    /// Version of the form.
    cassette: u32,
    /// What the person who recorded it says: model, hash of its weights, sampling, how to record again.
    about: Value,
}

const VERSION: u32 = 1;

/// One exchange: a line.
#[derive(Serialize, Deserialize)]
struct Line {
    request: String,
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// The reply's body where it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// Writes exchanges as they happen. Cheap to clone; shared by all requests of a client.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<dyn Write + Send>>);

impl std::fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Recorder")
    }
}

impl Recorder {
    /// Begins a cassette. `about` says what is recorded: the model, the hash of its weights, the sampling,
    /// how to record it again.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: impl Write + Send + 'static, about: Value) -> Result<Self, CassetteError> {
        let recorder = Self(Arc::new(Mutex::new(out)));
        recorder.write(&Head {
            cassette: VERSION,
            about,
        })?;
        Ok(recorder)
    }

    pub(crate) fn exchange(
        &self,
        request: &[u8],
        answer: &WireAnswer,
    ) -> Result<(), CassetteError> {
        let text = std::str::from_utf8(&answer.body).ok();
        self.write(&Line {
            request: String::from_utf8_lossy(request).into_owned(),
            status: answer.status,
            retry_after_ms: answer
                .retry_after
                .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            body: text.map(Into::into),
            body_base64: text.is_none().then(|| BASE64.encode(&answer.body)),
        })
    }

    fn write(&self, line: &impl Serialize) -> Result<(), CassetteError> {
        let mut bytes = serde_json::to_vec(line).map_err(io::Error::from)?;
        bytes.push(b'\n');
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(&bytes)?;
        Ok(out.flush()?)
    }
}

/// Recorded exchanges, to be replayed: the same request is answered as it was, in the order in which it was
/// asked.
#[derive(Debug)]
pub struct Cassette {
    about: Value,
    answers: Mutex<BTreeMap<[u8; 32], VecDeque<WireAnswer>>>,
}

impl Cassette {
    /// Reads a cassette.
    ///
    /// # Errors
    /// When it cannot be read, or a line is not an exchange.
    pub fn read(lines: impl BufRead) -> Result<Self, CassetteError> {
        let mut lines = lines.lines().enumerate();
        let wrong = |at: usize, reason: String| CassetteError::Line {
            line: at + 1,
            reason,
        };
        let Some((_, first)) = lines.next() else {
            return Err(wrong(0, "it is empty".into()));
        };
        let head: Head =
            serde_json::from_str(&first?).map_err(|error| wrong(0, error.to_string()))?;
        if head.cassette != VERSION {
            return Err(wrong(
                0,
                format!(
                    "this program reads version {VERSION}, not {}",
                    head.cassette
                ),
            ));
        }
        let mut answers: BTreeMap<[u8; 32], VecDeque<WireAnswer>> = BTreeMap::new();
        for (at, line) in lines {
            let line: Line =
                serde_json::from_str(&line?).map_err(|error| wrong(at, error.to_string()))?;
            let body = match (line.body, line.body_base64) {
                (Some(text), _) => text.into_bytes(),
                (None, Some(text)) => BASE64
                    .decode(text.as_bytes())
                    .map_err(|error| wrong(at, error.to_string()))?,
                (None, None) => return Err(wrong(at, "it holds no body".into())),
            };
            answers
                .entry(*blake3::hash(line.request.as_bytes()).as_bytes())
                .or_default()
                .push_back(WireAnswer {
                    status: line.status,
                    retry_after: line.retry_after_ms.map(Duration::from_millis),
                    body: Bytes::from(body),
                });
        }
        Ok(Self {
            about: head.about,
            answers: Mutex::new(answers),
        })
    }

    /// What the person who recorded it says of it.
    pub fn about(&self) -> &Value {
        &self.about
    }

    pub(crate) fn answer(&self, request: &[u8]) -> Result<WireAnswer, CassetteError> {
        let hash = blake3::hash(request);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers
            .get_mut(hash.as_bytes())
            .and_then(VecDeque::pop_front)
            .ok_or_else(|| CassetteError::Unknown(hash.to_hex()[..16].to_string()))
    }
}
