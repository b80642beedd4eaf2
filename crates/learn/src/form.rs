//! The compact form of a conversation, for small models: what they read, and how what they write is understood.
//!
//! It is versioned, and the same in training and in generation: a [`Conversation`] is fed observations and actions,
//! whoever acts. `docs/learning.md` describes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use practicum_chat::tool_schema;
use practicum_rollout::{Action, Observation, tools_of};
use practicum_task::Dressing;
use practicum_world::{Draws, Outcome, World};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::aliases::Aliases;
use crate::error::{LearnError, Result};
use crate::guide::Guide;
use crate::result_view::{ResultView, lower_words};
use crate::tokenizer::Tokenizer;

/// The name and version of the form. What is trained in one version is evaluated in the same.
pub const FORM: &str = "compact-2";

/// How much a model is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FormOptions {
    /// Tools: those that the task needs, and others of the same world.
    pub tools_shown: usize,
    /// Fields of each row of a result.
    pub result_fields: usize,
    /// Rows of a result.
    pub result_rows: usize,
    /// Words of a tool's description, of its first sentence.
    pub description_words: usize,
    /// Parameters of a tool: those that it requires, then others in their order.
    pub parameters: usize,
}

impl Default for FormOptions {
    fn default() -> Self {
        Self {
            tools_shown: 5,
            result_fields: 3,
            result_rows: 3,
            description_words: 6,
            parameters: 6,
        }
    }
}

/// What opens a turn that is no call, and what it means; `ask` says something to the user.
const OPENINGS: [(&str, Option<Outcome>); 5] = [
    ("done: ", Some(Outcome::Done)),
    ("declined: ", Some(Outcome::Declined)),
    ("impossible: ", Some(Outcome::Impossible)),
    ("transferred: ", Some(Outcome::Transferred)),
    ("ask: ", None),
];

/// The compact form with a model's tokens.
#[derive(Debug, Clone)]
pub struct Form<'a> {
    tokenizer: &'a Tokenizer,
    options: FormOptions,
    start: u32,
    end: u32,
}

impl<'a> Form<'a> {
    /// The form for a tokenizer with ChatML's marks, `<|im_start|>` and `<|im_end|>`.
    ///
    /// # Errors
    /// When the tokenizer lacks them.
    pub fn new(tokenizer: &'a Tokenizer, options: FormOptions) -> Result<Self> {
        let mark = |name: &str| {
            tokenizer.id(name).ok_or_else(|| {
                LearnError::Invalid(format!(
                    "the model's tokenizer has no {name}; the compact form needs ChatML's marks"
                ))
            })
        };
        Ok(Self {
            tokenizer,
            options,
            start: mark("<|im_start|>")?,
            end: mark("<|im_end|>")?,
        })
    }

    /// The token that ends a turn.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        self.tokenizer
    }

    /// Tokens as a person reads them, the template's marks included.
    pub fn text(&self, tokens: &[u32]) -> String {
        tokens
            .chunk_by(|a, b| {
                [a, b]
                    .iter()
                    .all(|own| self.tokenizer.bytes_of(**own).is_some())
            })
            .map(|some| match some {
                [one] if self.tokenizer.bytes_of(*one).is_none() => {
                    self.tokenizer.name(*one).unwrap_or_default()
                }
                some => self.tokenizer.decode(some),
            })
            .collect()
    }

    /// The tools to show: those that are needed and others, drawn and shuffled.
    pub fn choose(&self, tools: &[Value], needed: &[&str], draws: &mut Draws) -> Vec<Value> {
        let name = |tool: &Value| tool["function"]["name"].as_str().unwrap_or("").to_string();
        let mut shown: Vec<Value> = Vec::new();
        let mut others: Vec<Value> = Vec::new();
        for tool in tools {
            if needed.contains(&name(tool).as_str()) {
                shown.push(tool.clone());
            } else if name(tool) != "finish" {
                others.push(tool.clone());
            }
        }
        draws.shuffle(&mut others);
        let room = self.options.tools_shown.saturating_sub(shown.len());
        shown.extend(others.into_iter().take(room));
        draws.shuffle(&mut shown);
        shown
    }

    /// A conversation before the first message: what the model is told of the world.
    ///
    /// # Errors
    /// When the tokenizer cannot write it.
    pub fn begin(&'a self, world: &World, tools: Vec<Value>) -> Result<Conversation<'a>> {
        self.start(world, &tools_of(world), tools, None)
    }

    /// The same behind a layer that renames tools and parameters; `tools` are the world's, in the world's words.
    ///
    /// # Errors
    /// When the tokenizer cannot write it.
    pub fn begin_behind(
        &'a self,
        world: &World,
        tools: &[Value],
        layer: Dressing,
    ) -> Result<Conversation<'a>> {
        let every: Vec<Value> = layer
            .tools()
            .iter()
            .map(|own| tool_schema(&own.name, &own.description, &own.input))
            .collect();
        let chosen: Vec<String> = tools
            .iter()
            .filter_map(|tool| layer.dress(tool["function"]["name"].as_str()?, &Map::new()))
            .map(|(name, _)| name)
            .collect();
        let is_chosen = |tool: &&Value| {
            chosen
                .iter()
                .any(|name| tool["function"]["name"] == name.as_str())
        };
        let shown: Vec<Value> = every.iter().filter(is_chosen).cloned().collect();
        self.start(world, &every, shown, Some(Arc::new(layer)))
    }

    fn start(
        &'a self,
        world: &World,
        every: &[Value],
        tools: Vec<Value>,
        layer: Option<Arc<Dressing>>,
    ) -> Result<Conversation<'a>> {
        let clock = world.clock();
        let day = clock.split(['T', ' ']).next().unwrap_or("");
        let names = short_names(every);
        let tools: Vec<Value> = tools
            .into_iter()
            .map(|tool| compact(tool, &names, self.options.parameters))
            .collect();
        let mut text = format!(
            "Today is {day}. Reply with one line: a tool and its arguments as JSON, or done:, declined:, impossible: and the answer, or ask: and a question.\nTools:"
        );
        for tool in &tools {
            text.push('\n');
            text.push_str(&signature(tool, self.options.description_words));
        }
        let mut conversation = Conversation {
            form: self,
            tokens: Vec::new(),
            keeps: Vec::new(),
            prefix: 0,
            tools,
            names,
            layer,
            aliases: Aliases::default(),
            asked: String::new(),
            shown: String::new(),
            said: Vec::new(),
        };
        conversation.message("system", &text)?;
        conversation.prefix = conversation.tokens.len();
        Ok(conversation)
    }
}

/// Names without the beginnings that tell nothing in their world: of `shop_v1_orders_items_list` its last two parts, or as
/// many as no other tool ends with.
fn short_names(tools: &[Value]) -> BTreeMap<String, String> {
    let names: Vec<&str> = tools
        .iter()
        .filter_map(|tool| tool["function"]["name"].as_str())
        .collect();
    let ends_with = |name: &str, end: &str| {
        name.strip_suffix(end)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
    };
    names
        .iter()
        .map(|name| {
            let short = name
                .rmatch_indices('_')
                .skip(1)
                .map(|(at, _)| &name[at + 1..])
                .find(|end| names.iter().filter(|own| ends_with(own, end)).count() == 1)
                .unwrap_or(name);
            ((*name).to_string(), short.to_string())
        })
        .collect()
}

/// A tool under its short name, with the parameters that are shown: what it requires, and the first others that a line
/// of text can hold.
fn compact(mut tool: Value, names: &BTreeMap<String, String>, most: usize) -> Value {
    let function = &mut tool["function"];
    if let Some(short) = function["name"].as_str().and_then(|name| names.get(name)) {
        function["name"] = Value::from(short.as_str());
    }
    let required: Vec<String> = function["parameters"]["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_string))
        .collect();
    if let Some(properties) = function["parameters"]["properties"].as_object_mut() {
        let mut room = most.saturating_sub(required.len());
        properties.retain(|name, schema| {
            let nested = schema["type"] == "object" || schema["type"] == "array";
            let stays = required.contains(name) || (room > 0 && !nested);
            room -= usize::from(stays && !required.contains(name));
            stays
        });
    }
    tool
}

/// `update_order(id, status: open|closed, note?: int) Change an order.`
fn signature(tool: &Value, words: usize) -> String {
    let function = &tool["function"];
    let required = |name: &str| {
        function["parameters"]["required"]
            .as_array()
            .is_some_and(|list| list.iter().any(|own| own == name))
    };
    let parameters: Vec<String> = function["parameters"]["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, schema)| {
            let mark = if required(name) { "" } else { "?" };
            let kind = match (&schema["enum"], schema["type"].as_str()) {
                (Value::Array(values), _) => {
                    let values: Vec<String> = values.iter().take(6).map(plain).collect();
                    format!(": {}", values.join("|"))
                }
                (_, Some("string") | None) => String::new(),
                (_, Some("integer")) => ": int".into(),
                (_, Some(kind)) => format!(": {kind}"),
            };
            format!("{name}{mark}{kind}")
        })
        .collect();
    let mut ended = false;
    let description: Vec<&str> = function["description"]
        .as_str()
        .unwrap_or("")
        .split_whitespace()
        .take(words)
        .take_while(|word| !std::mem::replace(&mut ended, word.ends_with('.')))
        .collect();
    format!(
        "{}({}) {}",
        function["name"].as_str().unwrap_or(""),
        parameters.join(", "),
        description.join(" ")
    )
    .trim_end()
    .to_string()
}

/// A value as people write it: text without quotes.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A conversation in the compact form.
#[derive(Debug, Clone)]
pub struct Conversation<'a> {
    form: &'a Form<'a>,
    tokens: Vec<u32>,
    keeps: Vec<bool>,
    /// Tokens of the first message: the same for every conversation with the same tools.
    prefix: usize,
    /// The tools as they are shown.
    tools: Vec<Value>,
    /// Short names of tools by their long ones.
    names: BTreeMap<String, String>,
    /// Between the world's words and those that are shown.
    layer: Option<Arc<Dressing>>,
    aliases: Aliases,
    /// All that the user said, in lower case.
    asked: String,
    /// All that the agent could read.
    shown: String,
    /// What the agent wrote, and whether it carries loss.
    said: Vec<(String, bool)>,
}

impl Conversation<'_> {
    /// The tokens so far.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Which of them carry loss: the agent's words and the mark that ends its turn.
    pub fn keeps(&self) -> &[bool] {
        &self.keeps
    }

    /// The tokens of what the model is told of the world.
    pub fn prefix(&self) -> usize {
        self.prefix
    }

    /// What the agent wrote, and whether it carries loss.
    pub fn said(&self) -> &[(String, bool)] {
        &self.said
    }

    /// A guide for the agent's next turn.
    pub fn guide(&self) -> Guide {
        Guide::turn(&self.tools, &OPENINGS.map(|(opening, _)| opening))
    }

    fn push(&mut self, tokens: &[u32], keep: bool) {
        self.tokens.extend_from_slice(tokens);
        self.keeps.resize(self.tokens.len(), keep);
    }

    fn message(&mut self, role: &str, text: &str) -> Result<()> {
        let tokenizer = self.form.tokenizer;
        let body = tokenizer.encode(&format!("{role}\n{text}"))?;
        let gap = tokenizer.encode("\n")?;
        self.push(&[self.form.start], false);
        self.push(&body, false);
        self.push(&[self.form.end], false);
        self.push(&gap, false);
        Ok(())
    }

    /// The model reads what the agent learnt.
    ///
    /// # Errors
    /// When the tokenizer cannot write it.
    pub fn observe(&mut self, observation: &Observation) -> Result<()> {
        match observation {
            Observation::User(text) => {
                self.asked.push_str(&text.to_lowercase());
                self.asked.push('\n');
                let text = self.aliases.shorten_text(text);
                self.see(&text);
                self.message("user", &text)
            }
            Observation::Reply { content, .. } => {
                let view = ResultView {
                    asked: &self.asked,
                    words: lower_words(&self.asked),
                    fields: self.form.options.result_fields,
                    rows: self.form.options.result_rows,
                };
                let text = view.show(content, &mut self.aliases);
                self.see(&text);
                self.message("tool", &text)
            }
        }
    }

    fn see(&mut self, text: &str) {
        self.shown.push_str(text);
        self.shown.push('\n');
    }

    /// Opens the agent's turn.
    ///
    /// # Errors
    /// When the tokenizer cannot write it.
    pub fn open(&mut self) -> Result<()> {
        let head = self.form.tokenizer.encode("assistant\n")?;
        self.push(&[self.form.start], false);
        self.push(&head, false);
        Ok(())
    }

    /// Closes the agent's turn with the tokens that it wrote.
    ///
    /// # Errors
    /// When the tokenizer cannot write the gap.
    pub fn close(&mut self, written: &[u32], keep: bool) -> Result<()> {
        self.said.push((self.form.tokenizer.decode(written), keep));
        self.push(written, keep);
        self.push(&[self.form.end], keep);
        let gap = self.form.tokenizer.encode("\n")?;
        self.push(&gap, false);
        Ok(())
    }

    /// A whole turn of the agent.
    ///
    /// # Errors
    /// When the tokenizer cannot write it.
    pub fn act(&mut self, action: &Action, keep: bool) -> Result<()> {
        let text = self.write(action);
        let written = self.form.tokenizer.encode(&text)?;
        self.open()?;
        self.close(&written, keep)
    }

    /// An action as the agent writes it.
    pub fn write(&self, action: &Action) -> String {
        let line = |opening: &str, text: &str| {
            let text = self.aliases.shorten_text(text);
            let words: Vec<&str> = text.split_whitespace().collect();
            format!("{opening}{}", words.join(" "))
        };
        match action {
            Action::Call { tool, arguments } => {
                let dressed = self
                    .layer
                    .as_ref()
                    .and_then(|layer| layer.dress(tool, arguments.as_object()?));
                let (tool, arguments) = dressed.unwrap_or((tool.clone(), arguments.clone()));
                let name = self.names.get(&tool).unwrap_or(&tool);
                format!("{name} {}", self.aliases.shorten(&arguments))
            }
            Action::Say(text) => line("ask: ", text),
            Action::Finish { outcome, answer } => {
                let opening = OPENINGS
                    .iter()
                    .find(|(_, own)| own == outcome)
                    .map_or("ask: ", |(opening, _)| opening);
                line(opening, answer)
            }
        }
    }

    /// What a turn means; None when it is neither a call nor one of the openings.
    pub fn understand(&self, text: &str) -> Option<Action> {
        let text = text.trim();
        for (opening, outcome) in OPENINGS {
            if let Some(rest) = text.strip_prefix(opening.trim_end()) {
                let rest = self.aliases.lengthen_text(rest.trim());
                return Some(match outcome {
                    Some(_) => Action::Finish {
                        outcome,
                        answer: rest,
                    },
                    None => Action::Say(rest),
                });
            }
        }
        let (tool, arguments) = text.split_once(' ')?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if tool.is_empty() || !tool.bytes().all(plain) {
            return None;
        }
        let arguments: Map<String, Value> = serde_json::from_str(arguments).ok()?;
        let long = self.names.iter().find(|(_, short)| *short == tool);
        let tool = long.map_or(tool, |(name, _)| name);
        let (tool, arguments) = self
            .layer
            .as_ref()
            .and_then(|layer| layer.undress(tool, &arguments))
            .unwrap_or_else(|| (tool.to_string(), arguments));
        Some(Action::Call {
            tool,
            arguments: self.aliases.lengthen(&Value::Object(arguments)),
        })
    }

    /// Whether a tool is shown with all of these parameters.
    pub fn lists<'n>(&self, tool: &str, parameters: impl IntoIterator<Item = &'n str>) -> bool {
        let name = self.names.get(tool).map_or(tool, String::as_str);
        let shown = self
            .tools
            .iter()
            .find(|own| own["function"]["name"] == name)
            .map(|own| &own["function"]["parameters"]["properties"]);
        parameters
            .into_iter()
            .all(|name| shown.is_some_and(|shown| shown.get(name).is_some()))
    }

    /// Whether a value could be read in the conversation, as it is shown.
    pub fn has_shown(&self, value: &Value) -> bool {
        let text = plain(&self.aliases.shorten(value));
        let shown = self.shown.to_lowercase();
        shown.contains(&text.to_lowercase())
    }

    /// Whether a result of so many rows was shown.
    pub fn has_counted(&self, count: i64) -> bool {
        self.shown.lines().any(|line| {
            line.strip_prefix(&format!("{count} row"))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['s', ',']))
        }) || (count == 0 && self.shown.lines().any(|line| line == "no rows"))
    }
}
