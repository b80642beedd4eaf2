//! Thought, action, observation: calls as plain text, for models that make no others (Yao et al. 2022).

use practicum_chat::{Message, Role};
use serde_json::Value;

use super::call;
use super::parsers::Read;

const HOW: &str = "To use a tool, write exactly:

Thought: what you think
Action: the tool's name
Action Input: the arguments as one JSON object

and stop. You are then given the tool's reply after `Observation:`. To say something to the user, write

Thought: what you think
Answer: what you say

Use one action at a time. The tools, one per line, with the JSON Schema of their arguments:
";

/// The conversation as plain text: tools in the system message, calls and replies in words.
pub(crate) fn view(messages: &[Message], tools: &[Value]) -> Vec<Message> {
    let mut view: Vec<Message> = Vec::new();
    for message in messages {
        let own = match message.role {
            Role::System => {
                let mut text = format!("{}\n\n{HOW}", message.content);
                for tool in tools {
                    let function = &tool["function"];
                    text.push_str(&format!(
                        "- {}: {} {}\n",
                        function["name"].as_str().unwrap_or_default(),
                        function["description"].as_str().unwrap_or_default(),
                        function["parameters"]
                    ));
                }
                Message::text(Role::System, text)
            }
            Role::User => message.clone(),
            Role::Tool => {
                let text = format!("Observation: {}", message.content);
                match view.last_mut() {
                    // Replies to several calls of one turn are one message.
                    Some(last) if last.content.starts_with("Observation: ") => {
                        last.content.push_str(&format!("\n{text}"));
                        continue;
                    }
                    _ => Message::text(Role::User, text),
                }
            }
            Role::Assistant => {
                let mut text = String::new();
                if message.tool_calls.is_empty() {
                    text.push_str(&format!("Answer: {}", message.content));
                } else if !message.content.is_empty() {
                    text.push_str(&format!("Thought: {}\n", message.content));
                }
                for call in &message.tool_calls {
                    text.push_str(&format!(
                        "Action: {}\nAction Input: {}\n",
                        call.function.name, call.function.arguments
                    ));
                }
                Message::text(Role::Assistant, text.trim_end())
            }
        };
        view.push(own);
    }
    view
}

/// Reads an action, or what is said. What the model makes up after its first action, an observation among
/// it, is cut off.
pub(crate) fn read(text: &str) -> Read {
    let text = text.split("\nObservation:").next().unwrap_or(text);
    let lines = Labels::of(text);
    if let Some(name) = lines.get("action") {
        let name = name.trim().trim_matches(['`', '"', '*']);
        let input = lines.get("action input").unwrap_or("{}").trim();
        let input = input
            .strip_prefix("```json")
            .or_else(|| input.strip_prefix("```"))
            .map_or(input, |inner| inner.trim_end_matches('`'));
        let thought = lines.get("thought").unwrap_or_default();
        return (thought.to_string(), vec![call(name, object(input))]);
    }
    let said = lines
        .get("answer")
        .or_else(|| lines.get("final answer"))
        .or_else(|| lines.get("thought"))
        .unwrap_or(text);
    (said.to_string(), Vec::new())
}

/// The first JSON value of a text, where it begins with one.
fn object(text: &str) -> &str {
    let text = text.trim();
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(_)) => &text[..values.byte_offset()],
        _ => text,
    }
}

const LABELS: [&str; 5] = [
    "thought",
    "action",
    "action input",
    "answer",
    "final answer",
];

/// The parts of a text by the label at the head of their first line; the first of each counts, and nothing
/// after a second action.
struct Labels<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Labels<'a> {
    fn of(text: &'a str) -> Self {
        let mut starts: Vec<(&'static str, usize, usize)> = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let lower = line.trim_start().to_lowercase();
            let label = LABELS.into_iter().find(|label| {
                lower
                    .strip_prefix(label)
                    .is_some_and(|rest| rest.starts_with(':'))
            });
            if let Some(label) = label {
                let colon = line.find(':').map_or(at, |colon| at + colon + 1);
                starts.push((label, at, colon));
            }
            at += line.len();
        }
        let mut parts: Vec<(&'static str, &'a str)> = Vec::new();
        for (number, (label, _, from)) in starts.iter().enumerate() {
            let to = starts.get(number + 1).map_or(text.len(), |next| next.1);
            if parts.iter().any(|(own, _)| own == label) {
                if *label == "action" {
                    break;
                }
                continue;
            }
            parts.push((label, text[*from..to].trim()));
        }
        Self(parts)
    }

    fn get(&self, label: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(own, _)| *own == label)
            .map(|(_, text)| *text)
    }
}
