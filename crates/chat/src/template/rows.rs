//! Rows of training data: a text, where its messages lie, and which of it carries loss.

use std::ops::Range;

use minijinja::Value;

use super::{ChatTemplate, Conversation, TemplateError, View};
use crate::Role;

/// What becomes of what the model thought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reasoning {
    /// It is taken out of the conversation.
    Dropped,
    /// It is read and carries no loss, with the mark that opens it; the mark that closes it does, so that the model
    /// learns to stop thinking.
    Masked,
    /// It carries loss.
    #[default]
    Trained,
}

/// When a conversation is one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Turns {
    /// One row where the template writes every turn as the model wrote it, else one for each turn.
    #[default]
    AsTemplate,
    /// One row for each turn.
    Each,
}

/// How rows are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowOptions {
    /// What becomes of thoughts.
    pub reasoning: Reasoning,
    /// When a conversation is one row.
    pub turns: Turns,
}

/// Where a message lies in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The message's place in the conversation.
    pub message: usize,
    /// Bytes of the text.
    pub range: Range<usize>,
}

/// A text that a model reads in training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The text, with all of the template's marks: a tokenizer adds none of its own.
    pub text: String,
    /// What the model writes of it: a span for each turn that carries loss.
    pub turns: Vec<Span>,
    /// What carries loss: ranges of bytes, in order, apart from each other.
    pub loss: Vec<Range<usize>>,
}

/// A text as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// The tokens.
    pub ids: Vec<u32>,
    /// Whether each carries loss.
    pub mask: Vec<bool>,
}

impl Tokens {
    /// The tokens that carry loss. Decoded, they are [`Rendered::kept`]: the proof of the mask.
    pub fn kept(&self) -> Vec<u32> {
        let marked = self.ids.iter().zip(&self.mask);
        marked
            .filter(|(_, kept)| **kept)
            .map(|(id, _)| *id)
            .collect()
    }
}

impl Rendered {
    /// The text in pieces, and whether each carries loss.
    pub fn pieces(&self) -> Vec<(&str, bool)> {
        let (mut pieces, mut at) = (Vec::new(), 0);
        for range in &self.loss {
            pieces.push((&self.text[at..range.start], false));
            pieces.push((&self.text[range.clone()], true));
            at = range.end;
        }
        pieces.push((&self.text[at..], false));
        pieces.retain(|(text, _)| !text.is_empty());
        pieces
    }

    /// What carries loss, joined.
    pub fn kept(&self) -> String {
        let ranges = self.loss.iter();
        ranges.map(|range| &self.text[range.clone()]).collect()
    }

    /// The text as tokens, piece by piece: a server reads what stands before a turn as tokens of their own, too, and
    /// no token is half in a turn. `encode` reads the marks of the template as tokens and adds none.
    ///
    /// Trainers encode the whole text at once, see [`whole`](Self::whole).
    ///
    /// # Errors
    /// What `encode` says.
    pub fn tokens<E>(
        &self,
        mut encode: impl FnMut(&str) -> Result<Vec<u32>, E>,
    ) -> Result<Tokens, E> {
        let mut tokens = Tokens {
            ids: Vec::new(),
            mask: Vec::new(),
        };
        for (text, kept) in self.pieces() {
            tokens.ids.extend(encode(text)?);
            tokens.mask.resize(tokens.ids.len(), kept);
        }
        Ok(tokens)
    }
}

impl Rendered {
    /// The text as tokens as trainers encode it, at once. None where that gives other tokens: a turn then begins or
    /// ends inside a token of theirs (one that begins with an empty line, behind a header that ends with one), and
    /// no mask is right.
    ///
    /// # Errors
    /// What `encode` says.
    pub fn whole<E>(
        &self,
        mut encode: impl FnMut(&str) -> Result<Vec<u32>, E>,
    ) -> Result<Option<Tokens>, E> {
        let ids = encode(&self.text)?;
        let tokens = self.tokens(encode)?;
        Ok((tokens.ids == ids).then_some(tokens))
    }
}

/// A turn that a template does not let a model write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The message.
    pub message: usize,
    /// Why it is no row.
    pub why: String,
}

/// The rows of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    /// The rows.
    pub rows: Vec<Rendered>,
    /// Turns that are in none of them.
    pub refused: Vec<Refused>,
}

/// Stands for a thought while its place is looked for. No character of any text.
const PROBE: &str = "\u{fdd0}";

/// A turn, in the text up to its end.
struct Target {
    message: usize,
    /// What the model reads before it.
    before: usize,
    range: Range<usize>,
    loss: Vec<Range<usize>>,
    text: String,
}

impl ChatTemplate {
    /// The rows that train the messages that `trained` names, by place; of these, the agent's.
    ///
    /// # Errors
    /// When the template refuses the conversation, or a message holds one of the model's marks.
    pub fn rows(
        &self,
        conversation: Conversation<'_>,
        trained: impl Fn(usize) -> bool,
        options: RowOptions,
    ) -> Result<Rows, TemplateError> {
        self.unmarked(conversation)?;
        let mut messages = conversation.messages.to_vec();
        if options.reasoning == Reasoning::Dropped {
            for message in &mut messages {
                message.reasoning_content = None;
            }
        }
        let conversation = Conversation {
            messages: &messages,
            ..conversation
        };
        let view = self.view(conversation);
        let mut rows = Rows::default();
        let mut targets = Vec::new();
        for (at, message) in messages.iter().enumerate() {
            if message.role != Role::Assistant || !trained(at) {
                continue;
            }
            match self.target(conversation, &view, at, options.reasoning)? {
                Ok(target) => targets.push(target),
                Err(why) => rows.refused.push(Refused { message: at, why }),
            }
        }
        if options.turns == Turns::AsTemplate && rows.refused.is_empty() && targets.len() > 1 {
            let (text, _) = self.text(&view, messages.len(), false)?;
            let same = |target: &Target| {
                let end = target.range.end.max(target.before);
                text.get(..end) == target.text.get(..end)
            };
            if targets.iter().all(same) {
                rows.rows.push(Rendered {
                    text,
                    turns: targets.iter().map(Target::span).collect(),
                    loss: targets.into_iter().flat_map(|target| target.loss).collect(),
                });
                return Ok(rows);
            }
        }
        rows.rows = targets
            .into_iter()
            .map(|target| Rendered {
                turns: vec![target.span()],
                text: target.text,
                loss: target.loss,
            })
            .collect();
        Ok(rows)
    }

    /// Where a turn lies in the text up to it; or why it lies nowhere.
    fn target(
        &self,
        conversation: Conversation<'_>,
        view: &View,
        at: usize,
        reasoning: Reasoning,
    ) -> Result<Result<Target, String>, TemplateError> {
        let (text, tags) = self.text(view, at + 1, false)?;
        let (lead, _) = self.text(view, at, true)?;
        let range = if self.tagged {
            let before = &conversation.messages[..=at];
            let turns = before.iter().filter(|own| own.role == Role::Assistant);
            let (turns, count) = (turns.count(), tags.len());
            match tags.into_iter().next_back() {
                Some(last) if turns == count => last,
                _ => {
                    return Ok(Err(format!(
                        "the template marks {count} pieces of text for {turns} turns"
                    )));
                }
            }
        } else if text.starts_with(&lead) {
            lead.len()..self.stop(&text, lead.len())
        } else {
            return Ok(Err(
                "the template writes this turn otherwise than a model that is asked for it"
                    .to_string(),
            ));
        };
        let mut calls = conversation.messages[at].tool_calls.iter();
        if calls.any(|call| !text[range.clone()].contains(&call.function.name)) {
            return Ok(Err("the template leaves its calls out".to_string()));
        }
        let mut loss = vec![range.clone()];
        if reasoning == Reasoning::Masked
            && conversation.messages[at].reasoning_content.is_some()
            && let Some(thought) = self.thought(conversation, view, at, &text)?
        {
            if thought.start < range.start || thought.end > range.end {
                return Ok(Err("its thought is written outside of it".to_string()));
            }
            loss[0].start = thought.end;
        }
        loss.retain(|range| !range.is_empty());
        Ok(Ok(Target {
            message: at,
            // With the template's own tags, what it writes before a turn is its own affair.
            before: if self.tagged { 0 } else { lead.len() },
            range,
            loss,
            text,
        }))
    }

    /// Where the model stops writing: behind the mark that ends its turn; what is set behind it is none of its own.
    fn stop(&self, text: &str, start: usize) -> usize {
        let own = &text[start..];
        let trimmed = own.trim_end();
        match &self.eos {
            Some(mark) if !mark.is_empty() && trimmed.ends_with(mark.as_str()) => {
                start + trimmed.len()
            }
            _ => text.len(),
        }
    }

    /// Where a turn's thought lies: what changes when the thought does.
    fn thought(
        &self,
        conversation: Conversation<'_>,
        view: &View,
        at: usize,
        text: &str,
    ) -> Result<Option<Range<usize>>, TemplateError> {
        let mut other = conversation.messages[at].clone();
        other.reasoning_content = Some(PROBE.to_string());
        let mut probed = view.clone();
        probed.messages[at] = self.message(&other);
        let (probed, _) = self.text(&probed, at + 1, false)?;
        let Some(start) = probed.find(PROBE) else {
            return Ok(None);
        };
        let after = probed.len() - start - PROBE.len();
        let fits = text.get(..start) == probed.get(..start)
            && after <= text.len() - start
            && text.get(text.len() - after..) == probed.get(start + PROBE.len()..);
        if !fits {
            return Err(TemplateError::Template(format!(
                "what message {at} thought changes more of the text than the thought"
            )));
        }
        Ok(Some(start..text.len() - after))
    }

    /// Where each message lies in the conversation's text; None where a message's text depends on what follows it.
    ///
    /// # Errors
    /// When the template refuses the conversation, or a message holds one of the model's marks.
    pub fn spans(
        &self,
        conversation: Conversation<'_>,
    ) -> Result<Vec<Option<Span>>, TemplateError> {
        self.unmarked(conversation)?;
        let view = self.view(conversation);
        let (text, _) = self.text(&view, view.messages.len(), false)?;
        let (mut spans, mut begun) = (Vec::new(), Some(0));
        for message in 0..view.messages.len() {
            // Templates may refuse a conversation that has only begun.
            let part = self.text(&view, message + 1, false).ok();
            let end = part.and_then(|(part, _)| text.starts_with(&part).then_some(part.len()));
            let range = begun.zip(end).map(|(start, end)| start..end);
            spans.push(range.map(|range| Span { message, range }));
            begun = end;
        }
        Ok(spans)
    }
}

impl Target {
    fn span(&self) -> Span {
        Span {
            message: self.message,
            range: self.range.clone(),
        }
    }
}

impl View {
    /// The messages as a list that a template reads.
    pub(super) fn first(&self, count: usize) -> Value {
        Value::from(self.messages[..count.min(self.messages.len())].to_vec())
    }
}
