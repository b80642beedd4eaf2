//! Messages and tool calls in the form that chat-completion endpoints and trainers speak.
//!
//! Arguments and schemas travel as JSON *text*: tables of nested structures would pad them with nulls
//! that leak into prompts.
//!
//! ```
//! use practicum_chat::{Message, ToolCall};
//!
//! let message = Message::calls(vec![ToolCall::new("call_0", "get_order", r#"{"order_id":"W1"}"#)]);
//! let text = serde_json::to_string(&message).unwrap();
//! assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message);
//! ```

mod template;

pub use template::{
    Arguments, ChatTemplate, Conversation, Reasoning, Refused, Rendered, RowOptions, Rows, Span,
    TemplateError, Tokens, Turns,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions: the policy and what the agent is.
    System,
    /// The user.
    User,
    /// The agent.
    Assistant,
    /// The reply to a tool call.
    Tool,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said; empty beside tool calls.
    #[serde(default)]
    pub content: String,
    /// What the agent thought, where its server tells that apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// The calls that the agent makes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// For a tool's reply: the call that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// For a tool's reply: the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Message {
    /// A message of plain text.
    pub fn text(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            reasoning_content: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            name: None,
        }
    }

    /// Calls of the agent.
    pub fn calls(tool_calls: Vec<ToolCall>) -> Self {
        Self {
            tool_calls,
            ..Self::text(Role::Assistant, "")
        }
    }

    /// The reply to a call.
    pub fn reply(call: &ToolCall, content: impl Into<String>) -> Self {
        Self {
            tool_call_id: Some(call.id.clone()),
            name: Some(call.function.name.clone()),
            ..Self::text(Role::Tool, content)
        }
    }
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique in the conversation.
    pub id: String,
    /// Always `function`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is called.
    pub function: Function,
}

/// The function of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// The tool's name.
    pub name: String,
    /// The arguments as JSON text.
    pub arguments: String,
}

impl ToolCall {
    /// A call with arguments as JSON text.
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            kind: "function".into(),
            function: Function {
                name: name.into(),
                arguments: arguments.into(),
            },
        }
    }
}

/// The description of a tool as models read it.
pub fn tool_schema(name: &str, description: &str, parameters: &Value) -> Value {
    json!({
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters}
    })
}
