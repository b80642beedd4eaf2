//! What a model answers.

use practicum_chat::ToolCall;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One whole reply of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Completion {
    /// What it says.
    pub content: String,
    /// What it thought, where the server tells it apart.
    pub reasoning: Option<String>,
    /// Its calls; ids may be empty where the server gives none.
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped: `stop`, `length`, `tool_calls`.
    pub finish: String,
    /// Tokens.
    pub usage: Usage,
    /// The tokens with their log-probabilities, when they were asked for.
    pub logprobs: Option<Vec<TokenLogprob>>,
    /// The reply's token ids, where the server gives them.
    pub token_ids: Option<Vec<u32>>,
    /// The prompt's token ids, where the server gives them.
    pub prompt_token_ids: Option<Vec<u32>>,
    /// The model as the server names it.
    pub model: Option<String>,
}

/// Tokens of one or many replies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompts.
    pub prompt: u64,
    /// Tokens of the replies.
    pub completion: u64,
    /// The server did not count: a fourth of the bytes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

impl Usage {
    /// Both together.
    pub fn total(self) -> u64 {
        self.prompt + self.completion
    }

    /// Adds another reply's.
    pub fn add(&mut self, other: Self) {
        self.prompt += other.prompt;
        self.completion += other.completion;
        self.estimated |= other.estimated;
    }
}

/// A token and how likely it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// The token's text.
    pub token: String,
    /// Its log-probability.
    pub logprob: f64,
}

#[derive(Deserialize)]
pub(crate) struct WireReply {
    #[serde(default)]
    pub(crate) choices: Vec<WireChoice>,
    #[serde(default)]
    pub(crate) usage: Option<WireUsage>,
    #[serde(default)]
    pub(crate) model: Option<String>,
    #[serde(default)]
    pub(crate) error: Option<Value>,
    #[serde(default)]
    pub(crate) prompt_token_ids: Option<Vec<u32>>,
}

#[derive(Deserialize)]
pub(crate) struct WireChoice {
    /// `delta` in a stream.
    #[serde(default, alias = "delta")]
    pub(crate) message: Option<WireMessage>,
    #[serde(default)]
    pub(crate) finish_reason: Option<String>,
    #[serde(default)]
    pub(crate) logprobs: Option<WireLogprobs>,
    #[serde(default)]
    pub(crate) token_ids: Option<Vec<u32>>,
}

#[derive(Default, Deserialize)]
pub(crate) struct WireMessage {
    #[serde(default)]
    pub(crate) content: Option<Value>,
    #[serde(default)]
    pub(crate) reasoning_content: Option<String>,
    #[serde(default)]
    pub(crate) reasoning: Option<Value>,
    #[serde(default)]
    pub(crate) tool_calls: Option<Vec<WireCall>>,
}

#[derive(Deserialize)]
pub(crate) struct WireCall {
    #[serde(default)]
    pub(crate) index: Option<usize>,
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) function: Option<WireFunction>,
}

#[derive(Deserialize)]
pub(crate) struct WireFunction {
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) arguments: Option<Value>,
}

#[derive(Deserialize)]
pub(crate) struct WireLogprobs {
    #[serde(default)]
    pub(crate) content: Option<Vec<TokenLogprob>>,
}

#[derive(Clone, Copy, Deserialize)]
pub(crate) struct WireUsage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: Option<u64>,
}

impl From<WireUsage> for Usage {
    fn from(usage: WireUsage) -> Self {
        Self {
            prompt: usage.prompt_tokens,
            completion: usage.completion_tokens.unwrap_or_default(),
            estimated: false,
        }
    }
}

/// Text, or parts of text.
pub(crate) fn text_of(content: Value) -> String {
    match content {
        Value::String(text) => text,
        Value::Array(parts) => parts
            .into_iter()
            .filter_map(|mut part| match part.get_mut("text").map(Value::take) {
                Some(Value::String(text)) => Some(text),
                _ => None,
            })
            .collect(),
        _ => String::new(),
    }
}

/// Arguments as text; some servers send the object itself.
pub(crate) fn arguments_of(arguments: Option<Value>) -> String {
    match arguments {
        Some(Value::String(text)) => text,
        Some(Value::Null) | None => String::new(),
        Some(value) => value.to_string(),
    }
}

impl Completion {
    /// Reads a reply that is not streamed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        let reply: WireReply = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if let Some(error) = reply.error {
            return Err(format!("it holds an error: {error}"));
        }
        let choice = reply
            .choices
            .into_iter()
            .next()
            .ok_or("it holds no choice")?;
        let message = choice.message.ok_or("its choice holds no message")?;
        let tool_calls = message
            .tool_calls
            .unwrap_or_default()
            .into_iter()
            .map(|call| {
                let function = call.function.ok_or("a call without a function")?;
                Ok(ToolCall::new(
                    call.id.unwrap_or_default(),
                    function.name.unwrap_or_default(),
                    arguments_of(function.arguments),
                ))
            })
            .collect::<Result<Vec<_>, String>>()?;
        Ok(Self {
            content: message.content.map(text_of).unwrap_or_default(),
            reasoning: message
                .reasoning_content
                .or_else(|| message.reasoning.map(text_of))
                .filter(|text| !text.is_empty()),
            tool_calls,
            finish: choice.finish_reason.unwrap_or_default(),
            usage: reply.usage.map(Usage::from).unwrap_or_default(),
            logprobs: choice.logprobs.and_then(|logprobs| logprobs.content),
            token_ids: choice.token_ids,
            prompt_token_ids: reply.prompt_token_ids,
            model: reply.model,
        })
    }
}
