//! Training data in the forms that other trainers read. Which turns carry loss is the same in all of them:
//! those that [`trl_row`] marks.

use practicum_chat::{ChatTemplate, Conversation, Refused, RowOptions, TemplateError};
use serde_json::{Value, json};

use crate::export::trl_row;
use crate::trajectory::Trajectory;

/// A form of training data: one JSON line a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TRL, conversational; with `train` for each message, which Axolotl reads, too.
    Trl,
    /// TRL, prompt and completion: a row for each turn that carries loss. Right also where the chat template
    /// changes earlier turns, as those of thinking models do.
    TrlTurns,
    /// LLaMA-Factory, ShareGPT: a row for each turn that carries loss; needs `mask_history: true`.
    LlamaFactory,
    /// ms-swift's agent form, with `loss` for each message.
    MsSwift,
    /// Axolotl's `type: chat_template` with `message_field_training: train`.
    Axolotl,
    /// verl's conversations for supervised training, as JSON text: a table of nested types would pad arguments and
    /// schemas with nulls. [`VERL_DATASET`] reads them, and the loss flags, which verl's own class lacks.
    VerlSft,
    /// verl's prompts for reinforcement learning.
    VerlRl,
    /// The text of a model's own template in pieces, each with or without loss: Axolotl's `type: input_output`.
    /// Needs the template, see [`segments`].
    Segments,
}

/// A class for verl's `data.custom_cls`, which reads the rows of [`Format::VerlSft`].
pub const VERL_DATASET: &str = include_str!("formats/verl_dataset.py");

impl Format {
    /// All forms.
    pub const ALL: [Self; 8] = [
        Self::Trl,
        Self::TrlTurns,
        Self::LlamaFactory,
        Self::MsSwift,
        Self::Axolotl,
        Self::VerlSft,
        Self::VerlRl,
        Self::Segments,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trl => "trl",
            Self::TrlTurns => "trl-turns",
            Self::LlamaFactory => "llama-factory",
            Self::MsSwift => "ms-swift",
            Self::Axolotl => "axolotl",
            Self::VerlSft => "verl-sft",
            Self::VerlRl => "verl-rl",
            Self::Segments => "segments",
        }
    }

    /// The form of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The rows of a trajectory. `tools` are those that the agent had, as it read them. [`Format::Segments`] has none
    /// without a template.
    pub fn rows(self, trajectory: &Trajectory, tools: &[Value]) -> Vec<Value> {
        let row = trl_row(trajectory, tools);
        match self {
            Self::Trl | Self::Axolotl => vec![row],
            Self::TrlTurns => each_turn(&row)
                .map(|(before, turn)| {
                    json!({
                        "id": row["id"],
                        "prompt": plain(before),
                        "completion": plain(std::slice::from_ref(turn)),
                        "tools": row["tools"],
                    })
                })
                .collect(),
            Self::LlamaFactory => each_turn(&row)
                .map(|(before, turn)| {
                    let mut messages = before.to_vec();
                    messages.push(turn.clone());
                    share_gpt(&messages, &row["tools"])
                })
                .collect(),
            Self::MsSwift => vec![swift(&row)],
            Self::VerlSft => vec![json!({
                "id": row["id"],
                "messages": row["messages"].to_string(),
                "tools": row["tools"],
            })],
            Self::VerlRl => vec![verl_rl(trajectory, &row)],
            Self::Segments => Vec::new(),
        }
    }
}

/// The rows of [`Format::Segments`], and the turns that the template leaves out: a text in pieces, and for each
/// whether it carries loss.
///
/// # Errors
/// When the template refuses the conversation.
pub fn segments(
    trajectory: &Trajectory,
    tools: &[Value],
    template: &ChatTemplate,
    options: RowOptions,
) -> Result<(Vec<Value>, Vec<Refused>), TemplateError> {
    let row = trl_row(trajectory, tools);
    let marked = messages(&row);
    let conversation = Conversation {
        messages: &trajectory.messages,
        tools,
    };
    let made = template.rows(conversation, |at| marked[at]["train"] == true, options)?;
    let rows = made.rows.iter().map(|own| {
        let pieces = own.pieces().into_iter();
        let pieces: Vec<Value> = pieces
            .map(|(text, loss)| json!({"label": loss, "text": text}))
            .collect();
        json!({"id": row["id"], "segments": pieces})
    });
    Ok((rows.collect(), made.refused))
}

fn messages(row: &Value) -> &[Value] {
    row["messages"].as_array().map_or(&[], Vec::as_slice)
}

/// The turns that carry loss, each with all that was before it.
fn each_turn(row: &Value) -> impl Iterator<Item = (&[Value], &Value)> {
    let messages = messages(row);
    let trained = messages.iter().enumerate();
    trained
        .filter(|(_, message)| message["train"] == true)
        .map(|(at, message)| (&messages[..at], message))
}

/// Messages without the flag, for trainers that would stumble over it.
fn plain(messages: &[Value]) -> Value {
    let mut messages = messages.to_vec();
    for message in &mut messages {
        if let Some(members) = message.as_object_mut() {
            members.remove("train");
        }
    }
    Value::Array(messages)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// `{"name": ..., "arguments": {...}}`, with the arguments as an object.
fn call(own: &Value) -> Value {
    let function = &own["function"];
    let arguments: Value =
        serde_json::from_str(text(&function["arguments"])).unwrap_or_else(|_| json!({}));
    json!({"name": function["name"], "arguments": arguments})
}

/// Humans and observations in odd places, the model's turns in even ones: replies to several calls of one turn
/// are one observation, and several calls one list.
fn share_gpt(messages: &[Value], tools: &Value) -> Value {
    let (mut system, mut conversations) = ("", Vec::<Value>::new());
    for message in messages {
        let content = text(&message["content"]);
        match text(&message["role"]) {
            "system" => system = content,
            "user" => conversations.push(json!({"from": "human", "value": content})),
            "tool" => match conversations.last_mut() {
                Some(last) if last["from"] == "observation" => {
                    let both = format!("{}\n{content}", text(&last["value"]));
                    last["value"] = Value::from(both);
                }
                _ => conversations.push(json!({"from": "observation", "value": content})),
            },
            _ => {
                let calls: Vec<Value> = message["tool_calls"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(call)
                    .collect();
                conversations.push(match &calls[..] {
                    [] => json!({"from": "gpt", "value": content}),
                    [one] => json!({"from": "function_call", "value": one.to_string()}),
                    all => {
                        let all = Value::from(all.to_vec()).to_string();
                        json!({"from": "function_call", "value": all})
                    }
                });
            }
        }
    }
    json!({"conversations": conversations, "system": system, "tools": tools})
}

/// Each call and each reply is a message of its own.
fn swift(row: &Value) -> Value {
    let mut all = Vec::new();
    for message in messages(row) {
        let (content, train) = (&message["content"], &message["train"]);
        match text(&message["role"]) {
            "tool" => all.push(json!({"role": "tool_response", "content": content})),
            "assistant" => {
                if !text(content).is_empty() {
                    all.push(json!({"role": "assistant", "content": content, "loss": train}));
                }
                for own in message["tool_calls"].as_array().into_iter().flatten() {
                    all.push(json!({
                        "role": "tool_call",
                        "content": call(own).to_string(),
                        "loss": train,
                    }));
                }
            }
            role => all.push(json!({"role": role, "content": content})),
        }
    }
    json!({"id": row["id"], "messages": all, "tools": row["tools"]})
}

/// The request as a prompt; the environment gives the reward, by the task's id.
fn verl_rl(trajectory: &Trajectory, row: &Value) -> Value {
    let prompt: Vec<Value> = messages(row)
        .iter()
        .take(2)
        .map(|message| json!({"role": message["role"], "content": message["content"]}))
        .collect();
    json!({
        "data_source": format!("practicum/{}", trajectory.world),
        "prompt": prompt,
        "ability": trajectory.kind,
        "reward_model": {"style": "rule", "ground_truth": trajectory.task},
        "extra_info": {
            "index": trajectory.id,
            "need_tools_kwargs": true,
            "tools": row["tools"],
            "world": trajectory.world,
            "task": trajectory.task,
        },
        "agent_name": "tool_agent",
    })
}
