//! One turn of a model, outside a fleet's episodes: for programs that hold conversations of their own.

use std::io;
use std::time::Duration;

use practicum_chat::Message;
use practicum_client::{Client, ClientError, Usage};
use serde_json::Value;
use serde_json::value::RawValue;

use super::ModelAgent;
use crate::dialogue::Turn;

/// The tools that a model is offered; their text is made once.
#[derive(Debug, Clone)]
pub struct Offer {
    tools: Vec<Value>,
    text: Option<Box<RawValue>>,
}

impl Offer {
    /// An offer of tools as [`practicum_chat::tool_schema`] writes them; of nothing when there are none.
    ///
    /// # Errors
    /// When they cannot be written as text.
    pub fn new(tools: Vec<Value>) -> io::Result<Self> {
        let text = if tools.is_empty() {
            None
        } else {
            Some(RawValue::from_string(serde_json::to_string(&tools)?)?)
        };
        Ok(Self { tools, text })
    }

    /// The tools.
    pub fn tools(&self) -> &[Value] {
        &self.tools
    }
}

/// What a model said in one turn, and what it took.
#[derive(Debug, Clone)]
pub struct Spoken {
    /// What it said and called.
    pub turn: Turn,
    /// Tokens.
    pub usage: Usage,
    /// How long it took, waiting for a place left out.
    pub took: Duration,
}

impl ModelAgent {
    /// Asks for the next turn of a conversation, in the model's own way of speaking.
    ///
    /// # Errors
    /// When there is no reply.
    pub async fn speak(
        &self,
        client: &Client,
        messages: &[Message],
        offer: &Offer,
        seed: u64,
    ) -> Result<Spoken, ClientError> {
        let view = self.view(messages, &offer.tools);
        let messages = view.as_deref().unwrap_or(messages);
        let mut request = self.request(messages, RawValue::NULL, seed);
        // Without tools none are offered: some servers refuse an empty list.
        request.tools = request.tools.and(offer.text.as_deref());
        let exchange = client.chat(&request).await?;
        let usage = exchange.completion.usage;
        let (turn, _) = self.speech.turn(exchange.completion);
        Ok(Spoken {
            turn,
            usage,
            took: exchange.took,
        })
    }
}
