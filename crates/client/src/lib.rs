//! A client for OpenAI-compatible chat completions: vLLM, SGLang, llama.cpp, Ollama, hosted ones.
//!
//! Thousands of requests may be in flight at one time. What may pass by itself (a dropped connection, 429,
//! 500, half a reply) is tried again with growing pauses; what will not is told at once. Every exchange can
//! be recorded on a [`Cassette`] and replayed byte for byte, without a network.
//!
//! ```no_run
//! use practicum_chat::{Message, Role};
//! use practicum_client::{ChatRequest, Client, ClientOptions, Sampling};
//!
//! # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = std::sync::Arc::new(|| std::time::Duration::ZERO); // the caller's clock
//! let options = ClientOptions::new("http://127.0.0.1:8000/v1");
//! let client = Client::new(options, clock)?;
//! let messages = [Message::text(Role::User, "Which day is it?")];
//! let sampling = Sampling::default();
//! let exchange = client.chat(&ChatRequest::new("my-model", &messages, &sampling)).await?;
//! println!("{}", exchange.completion.content);
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//!
//! - A reply is whole, or it is an error: half a JSON document, a stream without an end and bytes that are
//!   no UTF-8 never become a completion.
//! - No clock is read and no random number is made here: the caller gives the clock, and the spread of the
//!   pauses follows from a seed and the request.
//! - The budget of tokens is checked before a request, never in its middle.

mod cassette;
mod client;
mod completion;
mod failure;
mod request;
mod stream;
mod wire;

pub use cassette::{Cassette, CassetteError, Recorder};
pub use client::{Client, ClientOptions, Clock, Exchange, Spent};
pub use completion::{Completion, TokenLogprob, Usage};
pub use failure::ClientError;
pub use request::{ChatRequest, Sampling};
