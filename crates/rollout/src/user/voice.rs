//! The user's words by a language model. The ledger has decided what is said; the model only words it, and what it
//! writes is read back: values that are missing were withheld, values that are not in the act were leaked or invented.

use practicum_chat::{Message, Role};
use practicum_client::{ChatRequest, Client, ClientError, Sampling};
use practicum_task::Slot;
use practicum_world::Answer;
use serde::{Deserialize, Serialize};

/// A language model that words what the user says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelVoice {
    /// Its name at the endpoint.
    pub model: String,
    /// How its tokens are drawn.
    pub sampling: Sampling,
    /// How often it may word one thing; then the template speaks.
    pub tries: u32,
}

/// What a model's voice made of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worded {
    /// What the ledger's template says.
    pub template: String,
    /// What is said: the model's words, or the template.
    pub text: String,
    /// Words of the model that were not said, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refusal>,
}

/// Words that a user must not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What the model wrote.
    pub text: String,
    /// Why it is not said.
    pub why: String,
}

/// What the model is told. The examples are nobody's task.
const HOW: &str = "You are a customer who talks to an assistant. You are given a message. Say the same in your own \
words, as the customer. Keep every name, number and date as it is. Add nothing. Write only the message.";
/// Words of the instruction that no customer says.
const FRAME: [&str; 4] = ["assistant", "message", "user", "customer"];
/// A yes.
const YES: [&str; 12] = [
    "yes", "yeah", "yep", "sure", "ok", "okay", "fine", "ahead", "correct", "right", "agreed",
    "confirm",
];
/// Of what the agent said, this much is shown.
const SHOWN: usize = 600;

impl ModelVoice {
    /// Words what a template says, in answer to what was heard. The request is the seed's and the try's.
    ///
    /// # Errors
    /// When the endpoint fails: an infrastructure fault.
    pub async fn word(
        &self,
        client: &Client,
        slots: &[Slot],
        heard: &str,
        template: &str,
        seed: u64,
    ) -> Result<Worded, ClientError> {
        let mut worded = Worded {
            template: template.to_string(),
            text: template.to_string(),
            refused: Vec::new(),
        };
        let shown: String = heard.chars().take(SHOWN).collect();
        let told = if shown.is_empty() {
            format!("Message: {template}")
        } else {
            format!("The assistant said: {shown}\n\nMessage: {template}")
        };
        let messages = [
            Message::text(Role::System, HOW),
            Message::text(Role::User, told),
        ];
        for tried in 0..self.tries {
            let request = ChatRequest {
                seed: Some(seed.wrapping_add(u64::from(tried)) & 0x7fff_ffff),
                ..ChatRequest::new(&self.model, &messages, &self.sampling)
            };
            let exchange = client.chat(&request).await?;
            let text = bare(&exchange.completion.content);
            match fault(slots, heard, template, text) {
                None => {
                    worded.text = text.to_string();
                    break;
                }
                Some(why) => worded.refused.push(Refusal {
                    text: text.to_string(),
                    why,
                }),
            }
        }
        Ok(worded)
    }
}

/// Without what models put around an answer.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("Message:").unwrap_or(text).trim();
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
        .trim()
}

/// Why words may not stand for a template: something is withheld, told unasked, invented, or turned around.
pub(crate) fn fault(slots: &[Slot], heard: &str, template: &str, text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("nothing is said".into());
    }
    if text.len() > 3 * template.len() + 120 {
        return Some("it is much longer".into());
    }
    let (own, meant, before) = (Answer::new(text), Answer::new(template), Answer::new(heard));
    for slot in slots {
        let says = own.mentions(&slot.value, slot.kind);
        let should = meant.mentions(&slot.value, slot.kind);
        if should && !says {
            return Some(format!("the {} is withheld", slot.name));
        }
        if says && !should && !before.mentions(&slot.value, slot.kind) {
            return Some(format!("the {} is told unasked", slot.name));
        }
    }
    // Numbers, addresses and names are kept as they are.
    let known: Vec<String> = values(template).chain(values(heard)).collect();
    if let Some(new) = values(text).find(|new| !known.contains(new)) {
        return Some(format!("{new:?} is invented"));
    }
    // In whatever case.
    let said: Vec<String> = text
        .split_whitespace()
        .map(|word| bare_word(word).to_lowercase())
        .collect();
    if let Some(missing) = values(template).find(|own| !said.contains(own)) {
        return Some(format!("{missing:?} is withheld"));
    }
    if denies(text) != denies(template) {
        return Some("yes and no are turned around".into());
    }
    if text.contains('?') != template.contains('?') {
        return Some("a question is added or missing".into());
    }
    let lower = |text: &str| -> Vec<String> {
        let words = text.split(|own: char| !own.is_alphanumeric());
        words
            .filter(|own| own.len() > 1)
            .map(str::to_lowercase)
            .collect()
    };
    let (own, meant) = (lower(text), lower(template));
    // Small models repeat what they were told to do.
    if let Some(frame) = FRAME
        .iter()
        .find(|word| own.iter().any(|own| own == *word) && !meant.iter().any(|own| own == *word))
    {
        return Some(format!("it speaks of the conversation ({frame})"));
    }
    if meant.first().is_some_and(|own| own == "yes") && !own.iter().any(|own| YES.contains(&&**own))
    {
        return Some("the yes is withheld".into());
    }
    if !own
        .iter()
        .any(|own| meant.contains(own) || YES.contains(&&**own))
    {
        return Some("it has no word in common".into());
    }
    // What the user does not have must keep its name.
    if let Some(name) = template
        .strip_prefix("I don't have the ")
        .map(|rest| rest.split(['.', ' ']).next().unwrap_or_default())
        && !text.to_lowercase().contains(&name.to_lowercase())
    {
        return Some(format!("what is not known ({name}) is withheld"));
    }
    None
}

/// Words that name something: with a digit, an `@`, or a capital letter in the middle of a sentence.
fn values(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut begins = true;
    text.split_whitespace().filter_map(move |word| {
        let first = begins;
        begins = word.ends_with(['.', '!', '?', ':', '\n']);
        let bare = bare_word(word);
        let exact = bare.contains(|own: char| own.is_ascii_digit() || own == '@');
        let name = !first
            && bare.len() > 1
            && bare.starts_with(char::is_uppercase)
            && !bare.starts_with("I'");
        (exact || name).then(|| bare.to_lowercase())
    })
}

fn bare_word(word: &str) -> &str {
    let bare = word.trim_matches(|own: char| !own.is_alphanumeric());
    bare.strip_suffix("'s").unwrap_or(bare)
}

fn denies(text: &str) -> bool {
    let lower = text.to_lowercase().replace('\u{2019}', "'");
    let mut words = lower.split(|own: char| !own.is_alphanumeric() && own != '\'');
    words.any(|word| {
        matches!(
            word,
            "no" | "not"
                | "never"
                | "none"
                | "nothing"
                | "cannot"
                | "without"
                | "neither"
                | "nor"
                | "unable"
        ) || word.ends_with("n't")
    })
}
