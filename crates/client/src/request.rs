//! What is asked of a model.

use practicum_chat::Message;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// How tokens are drawn. What is absent is the server's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Most tokens of one reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Ask for the log-probability of each token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<bool>,
    /// Texts that end a reply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// What only some servers know: `top_k`, `chat_template_kwargs`, `return_token_ids`...
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct ChatRequest<'a> {
    /// The model's name at the endpoint.
    pub model: &'a str,
    /// The conversation.
    pub messages: &'a [Message],
    /// The tools, as the text of a JSON array; None offers none.
    pub tools: Option<&'a RawValue>,
    /// How tokens are drawn.
    pub sampling: &'a Sampling,
    /// The seed of the draws.
    pub seed: Option<u64>,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a [Message],
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(flatten)]
    sampling: &'a Sampling,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl<'a> ChatRequest<'a> {
    /// A request without tools.
    pub fn new(model: &'a str, messages: &'a [Message], sampling: &'a Sampling) -> Self {
        Self {
            model,
            messages,
            tools: None,
            sampling,
            seed: None,
        }
    }

    /// The request's bytes: the same request gives the same bytes.
    pub(crate) fn to_json(self, stream: bool) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Body {
            model: self.model,
            messages: self.messages,
            tools: self.tools,
            seed: self.seed,
            stream: stream.then_some(true),
            stream_options: stream.then_some(StreamOptions {
                include_usage: true,
            }),
            sampling: self.sampling,
        })
    }
}
