//! Agents that are language models behind an endpoint.

mod parsers;
mod react;
mod speak;

use practicum_chat::{Message, ToolCall};
use practicum_client::{ChatRequest, Completion, Sampling};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

pub use self::speak::{Offer, Spoken};
use crate::dialogue::Turn;
use crate::trajectory::ModelRecord;

/// How a model makes calls.
///
/// `Native` leaves reading them to the server. The families are for servers that give the model's text as
/// it is: tools are offered natively, calls are read here. `React` is for models without tool calls: tools
/// stand in the system message, calls and replies are plain text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speech {
    /// The server reads calls.
    #[default]
    Native,
    /// Thought, Action, Action Input, Observation.
    React,
    /// `<tool_call>{...}</tool_call>`: Hermes, Qwen 2.5 and 3.
    Hermes,
    /// `{"name": ..., "parameters": ...}`: Llama 3.
    Llama3,
    /// `[TOOL_CALLS]...`: Mistral.
    Mistral,
    /// `<｜tool▁calls▁begin｜>...`: DeepSeek V3, V3.1, R1.
    Deepseek,
}

impl Speech {
    /// All ways.
    pub const ALL: [Self; 6] = [
        Self::Native,
        Self::React,
        Self::Hermes,
        Self::Llama3,
        Self::Mistral,
        Self::Deepseek,
    ];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::React => "react",
            Self::Hermes => "hermes",
            Self::Llama3 => "llama3",
            Self::Mistral => "mistral",
            Self::Deepseek => "deepseek",
        }
    }

    /// The way of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|speech| speech.name() == name)
    }

    /// Reads a model's text. What looks like a call and is none becomes a call that fails, so that the
    /// model is told what is wrong with it.
    pub fn read(self, text: &str) -> Turn {
        let (reasoning, text) = parsers::thought(text);
        let (content, calls) = match self {
            Self::Native => (text.to_string(), Vec::new()),
            Self::React => react::read(text),
            Self::Hermes => parsers::hermes(text),
            Self::Llama3 => parsers::llama3(text),
            Self::Mistral => parsers::mistral(text),
            Self::Deepseek => parsers::deepseek(text),
        };
        Turn {
            content: content.trim().to_string(),
            reasoning,
            calls,
        }
    }

    /// The turn of a completion, and the text that it was read from where it was not the server that read
    /// it.
    pub(crate) fn turn(self, completion: Completion) -> (Turn, Option<String>) {
        let Completion {
            content,
            reasoning,
            tool_calls,
            ..
        } = completion;
        if self == Self::Native || !tool_calls.is_empty() {
            // A server without a reasoning parser leaves the thought in the text.
            let (thought, said) = parsers::thought(&content);
            let turn = Turn {
                reasoning: reasoning.or(thought),
                content: said.trim().to_string(),
                calls: tool_calls,
            };
            return (turn, None);
        }
        let mut turn = self.read(&content);
        turn.reasoning = reasoning.or(turn.reasoning);
        let raw = (!turn.calls.is_empty()).then_some(content);
        (turn, raw)
    }
}

/// A model as an agent: its name, how it speaks, how its tokens are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelAgent {
    /// Its name at the endpoint.
    pub model: String,
    /// How it makes calls.
    pub speech: Speech,
    /// How its tokens are drawn.
    pub sampling: Sampling,
    /// The seed of the run.
    pub seed: u64,
}

impl ModelAgent {
    /// How it is written down.
    pub fn record(&self) -> ModelRecord {
        ModelRecord {
            name: self.model.clone(),
            speech: self.speech,
            sampling: self.sampling.clone(),
            seed: self.seed,
        }
    }

    /// The seed of one request: another for each task, attempt and turn. 31 bits, since some servers take
    /// no more.
    pub(crate) fn seed_of(&self, task: &str, attempt: u32, turn: usize) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(task.as_bytes());
        hasher.update(&attempt.to_le_bytes());
        hasher.update(&(turn as u64).to_le_bytes());
        let hash = hasher.finalize();
        let mut seed = [0; 8];
        seed[..4].copy_from_slice(&hash.as_bytes()[..4]);
        u64::from_le_bytes(seed) >> 1
    }

    /// The conversation as the model reads it, when that is not the conversation itself.
    pub(crate) fn view(&self, messages: &[Message], tools: &[Value]) -> Option<Vec<Message>> {
        (self.speech == Speech::React).then(|| react::view(messages, tools))
    }

    pub(crate) fn request<'a>(
        &'a self,
        messages: &'a [Message],
        tools: &'a RawValue,
        seed: u64,
    ) -> ChatRequest<'a> {
        ChatRequest {
            tools: (self.speech != Speech::React).then_some(tools),
            seed: Some(seed),
            ..ChatRequest::new(&self.model, messages, &self.sampling)
        }
    }
}

/// A call with whatever arguments the text holds.
pub(crate) fn call(name: &str, arguments: &str) -> ToolCall {
    ToolCall::new("", name.trim(), arguments.trim())
}
