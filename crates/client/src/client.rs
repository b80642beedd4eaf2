//! Requests with patience: limits, pauses, another try.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use crate::cassette::{Cassette, Recorder};
use crate::completion::{Completion, Usage};
use crate::failure::ClientError;
use crate::request::ChatRequest;
use crate::stream::assemble;
use crate::wire::{Wire, WireAnswer, WireLimits};

/// The caller's clock: the time since an instant of the caller's choice.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// How an endpoint is spoken to.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The address up to the version: `http://127.0.0.1:8000/v1`.
    pub endpoint: String,
    /// The key, sent as a bearer token.
    pub key: Option<String>,
    /// Requests in flight at one time.
    pub concurrency: usize,
    /// Requests begun within a minute; as many as there are when absent.
    pub per_minute: Option<u32>,
    /// Stream replies: then `patience` counts from piece to piece, not for the whole reply.
    pub stream: bool,
    /// How long to wait for a reply.
    pub patience: Duration,
    /// How long to wait for a connection.
    pub connect: Duration,
    /// Tries of one request, the first one included.
    pub tries: u32,
    /// The pause before the second try; it doubles from try to try.
    pub pause: Duration,
    /// No pause is longer, whatever the endpoint asks for.
    pub longest_pause: Duration,
    /// The longest reply in bytes.
    pub longest_reply: usize,
    /// Tokens of prompts and replies after which no request is begun.
    pub budget: Option<u64>,
    /// Spreads the pauses.
    pub seed: u64,
}

impl ClientOptions {
    /// The usual way to speak to an endpoint.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            key: None,
            concurrency: 256,
            per_minute: None,
            stream: false,
            patience: Duration::from_mins(5),
            connect: Duration::from_secs(20),
            tries: 6,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_mins(1),
            longest_reply: 16 << 20,
            budget: None,
            seed: 0,
        }
    }
}

enum Transport {
    Wire(Box<Wire>),
    Replay(Cassette),
}

/// A completion, and what it took.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The completion.
    pub completion: Completion,
    /// Failures before it, as words for counting.
    pub failures: Vec<String>,
    /// From the first try to the reply, waiting for a place left out.
    pub took: Duration,
}

/// What a client has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Replies that were completions.
    pub completions: u64,
    /// Tries that failed.
    pub failures: u64,
    /// Their tokens.
    pub usage: Usage,
}

/// Speaks to one endpoint. Any number of tasks may share one.
pub struct Client {
    options: ClientOptions,
    transport: Transport,
    recorder: Option<Recorder>,
    clock: Clock,
    places: Semaphore,
    pace: Option<Mutex<Interval>>,
    completions: AtomicU64,
    failures: AtomicU64,
    prompt_tokens: AtomicU64,
    completion_tokens: AtomicU64,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("endpoint", &self.options.endpoint)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of an endpoint. Must be called inside a tokio runtime when a pace is set.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(options: ClientOptions, clock: Clock) -> Result<Self, ClientError> {
        let wire = Wire::new(&options.endpoint, options.key.as_deref(), options.connect)?;
        Ok(Self::over(options, Transport::Wire(Box::new(wire)), clock))
    }

    /// A client that is answered from a cassette, without a network.
    pub fn replay(options: ClientOptions, cassette: Cassette, clock: Clock) -> Self {
        Self::over(options, Transport::Replay(cassette), clock)
    }

    fn over(options: ClientOptions, transport: Transport, clock: Clock) -> Self {
        let pace = options.per_minute.map(|count| {
            let mut pace = interval(Duration::from_mins(1) / count.max(1));
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Mutex::new(pace)
        });
        Self {
            places: Semaphore::new(options.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            options,
            transport,
            recorder: None,
            clock,
            pace,
            completions: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            prompt_tokens: AtomicU64::new(0),
            completion_tokens: AtomicU64::new(0),
        }
    }

    /// Records every reply from now on, also those that are no success.
    #[must_use]
    pub fn recording(mut self, recorder: Recorder) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// What was used so far.
    pub fn spent(&self) -> Spent {
        Spent {
            completions: self.completions.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            usage: Usage {
                prompt: self.prompt_tokens.load(Ordering::Relaxed),
                completion: self.completion_tokens.load(Ordering::Relaxed),
                estimated: false,
            },
        }
    }

    /// The budget is spent: no request will be begun.
    pub fn is_spent(&self) -> bool {
        self.options
            .budget
            .is_some_and(|budget| self.spent().usage.total() >= budget)
    }

    /// Asks for a completion; what may pass by itself is tried again.
    ///
    /// # Errors
    /// When the budget is spent, the request is refused, or every try failed: then the last failure.
    pub async fn chat(&self, request: &ChatRequest<'_>) -> Result<Exchange, ClientError> {
        let body = request
            .to_json(self.options.stream)
            .map_err(|error| ClientError::Malformed(error.to_string()))?;
        let body = Bytes::from(body);
        if self.is_spent() {
            return Err(ClientError::Budget(self.options.budget.unwrap_or_default()));
        }
        // The place is kept through the pauses: an endpoint that is in trouble gets fewer requests.
        let _place = self
            .places
            .acquire()
            .await
            .map_err(|error| ClientError::Transport(error.to_string()))?;
        let started = (self.clock)();
        let mut failures = Vec::new();
        loop {
            if let Some(pace) = &self.pace {
                pace.lock().await.tick().await;
            }
            let failure = match self.once(&body).await {
                Ok(mut completion) => {
                    if completion.usage.total() == 0 {
                        completion.usage = estimate(&body, &completion);
                    }
                    self.completions.fetch_add(1, Ordering::Relaxed);
                    let usage = completion.usage;
                    self.prompt_tokens
                        .fetch_add(usage.prompt, Ordering::Relaxed);
                    self.completion_tokens
                        .fetch_add(usage.completion, Ordering::Relaxed);
                    return Ok(Exchange {
                        completion,
                        failures,
                        took: (self.clock)().saturating_sub(started),
                    });
                }
                Err(failure) => failure,
            };
            self.failures.fetch_add(1, Ordering::Relaxed);
            failures.push(failure.kind());
            if !failure.is_transient() || failures.len() >= self.options.tries as usize {
                return Err(failure);
            }
            sleep(self.pause(&body, &failure, failures.len() as u32)).await;
        }
    }

    async fn once(&self, body: &Bytes) -> Result<Completion, ClientError> {
        let limits = WireLimits {
            wait: self.options.patience,
            body: self.options.longest_reply,
        };
        let answer = match &self.transport {
            Transport::Wire(wire) => wire.post(body.clone(), self.options.stream, limits).await?,
            Transport::Replay(cassette) => cassette.answer(body)?,
        };
        if let Some(recorder) = &self.recorder {
            recorder.exchange(body, &answer)?;
        }
        self.read(&answer)
    }

    fn read(&self, answer: &WireAnswer) -> Result<Completion, ClientError> {
        if !(200..300).contains(&answer.status) {
            return Err(ClientError::of_status(
                answer.status,
                &answer.body,
                answer.retry_after,
            ));
        }
        let streamed = self.options.stream && answer.body.trim_ascii_start().starts_with(b"data:");
        let read = if streamed {
            assemble(&answer.body)
        } else {
            Completion::read(&answer.body)
        };
        read.map_err(ClientError::Malformed)
    }

    /// Doubles from try to try; between half and the whole of it by the request, so that requests that
    /// failed together do not come back together.
    fn pause(&self, body: &[u8], failure: &ClientError, tried: u32) -> Duration {
        let doubled = self
            .options
            .pause
            .saturating_mul(1 << (tried - 1).min(20))
            .min(self.options.longest_pause);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.options.seed.to_le_bytes());
        hasher.update(&tried.to_le_bytes());
        hasher.update(body);
        let spread = f64::from(hasher.finalize().as_bytes()[0]) / 255.0;
        let own = doubled.mul_f64(0.5 + spread / 2.0);
        match failure {
            ClientError::Status {
                retry_after: Some(asked),
                ..
            } => (*asked).max(own).min(self.options.longest_pause),
            _ => own,
        }
    }
}

/// A fourth of the bytes, where the server does not count.
fn estimate(body: &[u8], completion: &Completion) -> Usage {
    let calls: usize = completion
        .tool_calls
        .iter()
        .map(|call| call.function.name.len() + call.function.arguments.len())
        .sum();
    let reasoning = completion.reasoning.as_ref().map_or(0, String::len);
    Usage {
        prompt: body.len() as u64 / 4,
        completion: (completion.content.len() + reasoning + calls) as u64 / 4,
        estimated: true,
    }
}
