//! Training data in the form that trainers read.

use practicum_chat::Role;
use serde_json::{Value, json};

use crate::trajectory::Trajectory;

/// One trajectory as a row of TRL's conversational form: `messages`, and `tools` as JSON text.
///
/// Arguments stay JSON text. Every message carries `train`: loss falls on the agent's turns only, and
/// not on those whose call failed.
pub fn trl_row(trajectory: &Trajectory, tools: &[Value]) -> Value {
    let mut failed = trajectory
        .steps
        .iter()
        .map(|step| step.call.error.is_some());
    let messages: Vec<Value> = trajectory
        .messages
        .iter()
        .map(|message| {
            let mut row = serde_json::to_value(message).unwrap_or_default();
            let mut train = message.role == Role::Assistant;
            for call in &message.tool_calls {
                if call.function.name != "finish" && failed.next().unwrap_or(false) {
                    train = false;
                }
            }
            row["train"] = Value::Bool(train);
            row
        })
        .collect();
    json!({
        "id": trajectory.id,
        "world": trajectory.world,
        "kind": trajectory.kind,
        "source": trajectory.source,
        "reward": trajectory.verdict.reward(),
        "messages": messages,
        "tools": Value::from(tools).to_string(),
    })
}
