//! Questions put to a model: one request for each item of the normal and special categories.

use std::path::Path;

use practicum_chat::{Message, Role};
use practicum_client::{Client, ClientError};
use practicum_rollout::{ModelAgent, Offer};
use serde_json::{Value as Json, json};

use super::category::{Category, Family};
use super::data::{Answer, Benchmark};
use crate::python_text::{constant, filled};
use crate::tau2::spelling::repr;

/// What models are told: how to answer, and where the question stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompts {
    normal: String,
    preference: String,
    special: String,
    user: String,
    /// They are the official program's.
    pub official: bool,
}

const NORMAL: &str = "You answer a user by calling functions. Read the conversation and write the calls that come next, and nothing \
else, as one list: [function(name='value'), other(name=1)]. Give a parameter that is not required only where the user has named \
it, take values in the user's words unless the description asks for a form, and write function() where there are no parameters.\
\n\n{time}\n\nThe functions:\n{function}";
const PREFERENCE: &str = "You answer a user by calling functions. Read the conversation and what is known of the user, and write the \
calls that come next, and nothing else, as one list: [function(name='value'), other(name=1)]. Take values from the user's words or \
from what is known.\n\nKnown of the user:\n{profile}\n\nThe functions:\n{function}";
const SPECIAL: &str = "You answer a user by calling functions. Where the request is clear and the functions suffice, write the calls \
that come next as one list: [function(name='value')]. Else write one of these, in a list: [\"There is incorrect value (the value) for \
the parameters (the name) in the conversation history.\"] where a value does not fit its description; [\"Missing necessary parameters \
(the names) for the api (the function)\"] where a value is missing; [\"Due to the limitations of the function, I cannot solve this \
problem.\"] where no function can do it.\n\n{time}\n\nThe functions:\n{function}";
const USER: &str = "The conversation so far:\n{question}";

impl Prompts {
    /// The prompts of the checkout that holds the data, or our own where there is no program beside them.
    /// The language is `en` or `zh`; ours are English.
    pub fn read(folder: &Path, language: &str) -> Self {
        let upper = language.to_uppercase();
        let file = format!("model_inference/prompt_{language}.py");
        let official = ["", "..", "../.."].iter().find_map(|up| {
            let file = folder.join(up).join(&file);
            let text = |name: &str| constant(&file, &format!("{name}_{upper}"));
            Some(Self {
                normal: text("SYSTEM_PROMPT_FOR_NORMAL_DATA")?,
                preference: text("SYSTEM_PROMPT_FOR_PREFERENCE_DATA")?,
                special: text("SYSTEM_PROMPT_FOR_SPECIAL_DATA")?,
                user: text("USER_PROMPT")?,
                official: true,
            })
        });
        official.unwrap_or_else(|| Self {
            normal: NORMAL.into(),
            preference: PREFERENCE.into(),
            special: SPECIAL.into(),
            user: USER.into(),
            official: false,
        })
    }

    /// The messages that put an item to a model; None for agent categories, which are conversations in
    /// environments, and where there is no such item.
    pub fn messages(
        &self,
        benchmark: &Benchmark,
        category: Category,
        id: &str,
    ) -> Option<[Message; 2]> {
        let item = benchmark.item(category, id)?;
        let system = match category.family() {
            Family::Agent => return None,
            Family::Special => &self.special,
            _ if category == Category::Preference => &self.preference,
            _ => &self.normal,
        };
        let functions = match &item.functions {
            Json::Array(_) => repr(&item.functions),
            one => repr(&json!([one])),
        };
        let values = [
            ("time", item.time.as_str()),
            ("profile", item.profile.as_str()),
            ("function", functions.as_str()),
        ];
        let question = filled(&self.user, &[("question", &item.question)]);
        Some([
            Message::text(Role::System, filled(system, &values)),
            Message::text(Role::User, question),
        ])
    }
}

/// What came of a question.
#[derive(Debug)]
pub enum Asked {
    /// The model answered.
    Answered(Answer),
    /// The infrastructure failed: it counts for nothing, and is asked again by the same command.
    Lost(String),
    /// The budget of tokens is spent.
    Spent,
}

/// Puts an item to a model.
///
/// # Errors
/// When the endpoint cannot be used at all.
pub async fn ask(
    client: &Client,
    model: &ModelAgent,
    messages: &[Message],
    category: Category,
    id: &str,
) -> Result<Asked, ClientError> {
    let nothing = match Offer::new(Vec::new()) {
        Ok(nothing) => nothing,
        Err(error) => return Ok(Asked::Lost(error.to_string())),
    };
    let spoken = model.speak(client, messages, &nothing, model.seed).await;
    Ok(match spoken {
        Ok(spoken) => Asked::Answered(Answer {
            category,
            id: id.to_string(),
            result: Json::String(spoken.turn.content),
            process: None,
        }),
        // What the model cannot read it cannot answer.
        Err(ClientError::ContextLength(_)) => Asked::Answered(Answer {
            category,
            id: id.to_string(),
            result: Json::String(String::new()),
            process: None,
        }),
        Err(ClientError::Budget(_)) => Asked::Spent,
        Err(error) if error.is_final() => return Err(error),
        Err(error) => Asked::Lost(error.to_string()),
    })
}

/// An answer as a line of the official files of results.
pub fn result_line(answer: &Answer) -> Json {
    let mut line = json!({"id": answer.id, "result": answer.result});
    if let Some(process) = &answer.process {
        line["process"] = process.clone();
    }
    line
}
