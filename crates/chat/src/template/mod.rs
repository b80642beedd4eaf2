//! Conversations as the text that a model reads, by the model's own chat template, and which of it carries loss.
//!
//! A template is a program: nothing is known of a family here. Where a turn begins and ends follows from rendering
//! the conversation up to it: what a server would send before the turn (`add_generation_prompt`) must be what the
//! conversation with the turn begins with, character by character, and the rest is the turn. Where a template writes
//! earlier turns differently once more has been said (those of thinking models drop earlier thoughts), the one text
//! does not begin with the other, and the conversation becomes one row for each turn.

mod python;
mod rows;
mod source;

use std::ops::Range;
use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, Value};
use serde_json::Value as Json;

pub use rows::{Reasoning, Refused, Rendered, RowOptions, Rows, Span, Tokens, Turns};

use crate::Message;
use source::Source;

/// What a template may cost: a long conversation takes some ten thousand steps.
const FUEL: u64 = 10_000_000;
/// What `{% generation %}` becomes, since tags of one's own are unknown here.
const TAG: &str = "generation_of_the_turn";
const NAME: &str = "chat_template";

/// Why a conversation has no text under a template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A file cannot be read.
    #[error("{file}: {error}")]
    File {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// A file holds no template.
    #[error("{file}: {what}")]
    Format {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// The template is no Jinja, or refuses the conversation.
    #[error("the chat template: {0}")]
    Template(String),
    /// A message holds one of the marks that templates set between messages: nobody could tell them apart.
    #[error("message {message} holds {mark:?}, which ends or begins messages for this model")]
    Mark {
        /// The message's place; the number of messages stands for the tools.
        message: usize,
        /// What it holds.
        mark: String,
    },
}

/// How calls' arguments reach the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arguments {
    /// As an object, which is what servers give their templates.
    #[default]
    Object,
    /// As JSON text, as rows of training data hold them.
    Text,
}

/// What is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Conversation<'a> {
    /// The messages.
    pub messages: &'a [Message],
    /// The tools, as [`tool_schema`](crate::tool_schema) describes them.
    pub tools: &'a [Json],
}

/// A model's chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// Whether the template says itself, by `{% generation %}`, what the model writes.
    tagged: bool,
    /// What begins every text, and what the model ends a turn with; by the tokenizer's word.
    bos: Option<String>,
    eos: Option<String>,
    /// All marks that are no text.
    marks: Vec<String>,
    arguments: Arguments,
    variables: serde_json::Map<String, Json>,
}

impl ChatTemplate {
    /// A template from its Jinja text, and the text of the token that ends a turn.
    ///
    /// # Errors
    /// When it is no Jinja.
    pub fn new(jinja: &str, eos: Option<&str>) -> Result<Self, TemplateError> {
        Self::of(Source {
            jinja: jinja.to_string(),
            eos: eos.map(str::to_string),
            ..Source::default()
        })
    }

    /// Reads a template: from a model's folder, its `tokenizer_config.json`, a `.jinja` file (with the
    /// `tokenizer_config.json` beside it, if there is one), or a GGUF file.
    ///
    /// # Errors
    /// When a file cannot be read, holds no template, or one that is no Jinja.
    pub fn read(path: &Path) -> Result<Self, TemplateError> {
        Self::of(Source::read(path)?)
    }

    fn of(source: Source) -> Result<Self, TemplateError> {
        let (jinja, tagged) = python::tags_as_filters(&source.jinja, TAG);
        let mut environment = python::environment(FUEL)?;
        environment.add_filter(TAG, |text: String| text);
        environment
            .add_template_owned(NAME, jinja)
            .map_err(|error| wrong(&error))?;
        let mut marks = source.marks;
        marks.extend(source.bos.clone());
        marks.extend(source.eos.clone());
        marks.retain(|mark| !mark.is_empty());
        marks.sort_unstable();
        marks.dedup();
        Ok(Self {
            environment,
            tagged,
            bos: source.bos,
            eos: source.eos,
            marks,
            arguments: Arguments::default(),
            variables: serde_json::Map::new(),
        })
    }

    /// With arguments in another form.
    #[must_use]
    pub fn with_arguments(mut self, arguments: Arguments) -> Self {
        self.arguments = arguments;
        self
    }

    /// With a variable that the template asks for, such as `enable_thinking` or `date_string`.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: Json) -> Self {
        self.variables.insert(name.to_string(), value);
        self
    }

    /// With more marks that no message may hold.
    #[must_use]
    pub fn with_marks(mut self, marks: impl IntoIterator<Item = String>) -> Self {
        self.marks.extend(marks);
        self
    }

    /// The conversation as the model reads it; with what a server adds so that the model answers, if `prompt`.
    ///
    /// # Errors
    /// When the template refuses the conversation, or a message holds one of the model's marks.
    pub fn render(
        &self,
        conversation: Conversation<'_>,
        prompt: bool,
    ) -> Result<String, TemplateError> {
        self.unmarked(conversation)?;
        let view = self.view(conversation);
        Ok(self.text(&view, view.messages.len(), prompt)?.0)
    }

    /// What the template sees: made once, rendered up to many places.
    fn view(&self, conversation: Conversation<'_>) -> View {
        let messages = conversation.messages.iter();
        let tools = match conversation.tools {
            [] => Value::from(()),
            tools => Value::from(Serde(tools)),
        };
        View {
            messages: messages.map(|message| self.message(message)).collect(),
            tools,
        }
    }

    fn message(&self, message: &Message) -> Value {
        let mut own = serde_json::to_value(message).unwrap_or_default();
        if self.arguments == Arguments::Object {
            let calls = own.get_mut("tool_calls").and_then(Json::as_array_mut);
            for (call, made) in calls.into_iter().flatten().zip(&message.tool_calls) {
                let parsed = serde_json::from_str(&made.function.arguments);
                if let Ok(parsed @ Json::Object(_)) = parsed {
                    call["function"]["arguments"] = parsed;
                }
            }
        }
        // The other name that templates know it by.
        if let Some(thought) = own.get("reasoning_content").cloned() {
            own["thinking"] = thought;
        }
        Value::from(Serde(&own))
    }

    /// The first messages as text, and where the template's own marks say that the model writes.
    fn text(
        &self,
        view: &View,
        count: usize,
        prompt: bool,
    ) -> Result<(String, Vec<Range<usize>>), TemplateError> {
        let mut context: Vec<(&str, Value)> = vec![
            ("messages", view.first(count)),
            ("tools", view.tools.clone()),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(prompt)),
        ];
        for (name, mark) in [("bos_token", &self.bos), ("eos_token", &self.eos)] {
            if let Some(mark) = mark {
                context.push((name, Value::from(mark.as_str())));
            }
        }
        for (name, value) in &self.variables {
            context.push((name, Value::from(Serde(value))));
        }
        let context = Value::from_pairs(context);
        let template = self
            .environment
            .get_template(NAME)
            .map_err(|error| wrong(&error))?;
        if !self.tagged {
            let text = template.render(context).map_err(|error| wrong(&error))?;
            return Ok((text, Vec::new()));
        }
        let (text, spans) = template
            .render_with_spans(context)
            .map_err(|error| wrong(&error))?;
        let source = template.source();
        let tags = spans
            .iter()
            .filter(|span| source.get(span.source_range()) == Some(TAG))
            .map(minijinja::OutputSpan::output_range)
            .collect();
        Ok((text, tags))
    }

    /// Refuses what would pass for the template's own marks.
    fn unmarked(&self, conversation: Conversation<'_>) -> Result<(), TemplateError> {
        let found = |text: &str| self.marks.iter().find(|mark| text.contains(mark.as_str()));
        let forged = |message: usize, mark: &String| TemplateError::Mark {
            message,
            mark: mark.clone(),
        };
        for (at, message) in conversation.messages.iter().enumerate() {
            let calls = message.tool_calls.iter();
            let texts = calls
                .flat_map(|call| [&call.function.name, &call.function.arguments])
                .chain([&message.content])
                .chain(&message.reasoning_content);
            for text in texts {
                if let Some(mark) = found(text) {
                    return Err(forged(at, mark));
                }
            }
        }
        for tool in conversation.tools {
            if let Some(mark) = found(&tool.to_string()) {
                return Err(forged(conversation.messages.len(), mark));
            }
        }
        Ok(())
    }
}

/// A conversation as templates see it.
#[derive(Debug, Clone)]
struct View {
    messages: Vec<Value>,
    tools: Value,
}

fn wrong(error: &minijinja::Error) -> TemplateError {
    let mut what = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it takes too long".to_string(),
        (_, Some(detail)) => detail.to_string(),
        (kind, None) => kind.to_string(),
    };
    if let Some(line) = error.line() {
        what.push_str(&format!(" (line {line})"));
    }
    TemplateError::Template(what)
}
