//! An environment: what the official program keeps for one conversation, and how it answers calls.

use practicum_world::{Actor, CallError, ErrorKind, Parameter, Session, State, StateError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::domain::Domain;
use super::spelling::listed;
use super::task::{EnvironmentCall, Task};

/// Who calls a tool.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Requestor {
    /// The agent.
    #[default]
    Assistant,
    /// The simulated user.
    User,
}

impl Requestor {
    fn actor(self) -> Actor {
        match self {
            Self::Assistant => Actor::Agent,
            Self::User => Actor::User,
        }
    }
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// What the caller reads.
    pub content: String,
    /// The call failed.
    pub error: bool,
}

/// Why an environment could not be made or asked.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The world's state could not be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A function that a task names failed.
    #[error("{function}: {message}")]
    Function {
        /// The function.
        function: String,
        /// What it said.
        message: String,
    },
    /// The task needs what is not ported.
    #[error("the task has {0}, which is not supported in this domain")]
    Unsupported(&'static str),
    /// A call that was replayed gave another result than it had at first.
    #[error("{tool} gave another result when it was replayed")]
    Replay {
        /// The tool.
        tool: String,
    },
}

/// What an environment is for. Where the original draws ids at random, environments of different roles
/// draw different ones: there, too, a replay finds other ids than the conversation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The conversation.
    Live,
    /// A replay of the conversation.
    Replay,
    /// A replay of gold.
    Gold,
}

/// A live environment.
#[derive(Debug)]
pub struct Environment {
    domain: Domain,
    session: Session,
}

impl Environment {
    /// A fresh environment.
    ///
    /// # Errors
    /// When the state cannot give a session.
    pub fn new(domain: Domain, state: &State, role: Role) -> Result<Self, EnvironmentError> {
        let session = state.session(role as u64)?;
        Ok(Self { domain, session })
    }

    /// An environment in which a task begins.
    ///
    /// # Errors
    /// When the state cannot give a session, or a function that prepares the task fails.
    pub fn of_task(
        domain: Domain,
        state: &State,
        task: &Task,
        role: Role,
    ) -> Result<Self, EnvironmentError> {
        let mut environment = Self::new(domain, state, role)?;
        if let Some(initial) = &task.initial_state {
            if initial.initialization_data.is_some() {
                return Err(EnvironmentError::Unsupported("initialization_data"));
            }
            if initial
                .message_history
                .as_ref()
                .is_some_and(|history| !history.is_empty())
            {
                return Err(EnvironmentError::Unsupported("a message history"));
            }
            for call in initial.initialization_actions.iter().flatten() {
                environment.run(call)?;
            }
        }
        Ok(environment)
    }

    /// The session beneath.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// True when the agent or the user has a tool of this name.
    pub fn has_tool(&self, name: &str) -> bool {
        self.tool_actor(name).is_some()
    }

    /// True when a replay makes the call of this tool again: it may change the state.
    pub fn is_mutating(&self, name: &str) -> bool {
        let tool = self.session.world().tool(name);
        tool.is_none_or(|tool| !tool.effects.read_only)
    }

    fn tool_actor(&self, name: &str) -> Option<Actor> {
        let actor = self.session.world().tool(name)?.actor;
        matches!(actor, Actor::Agent | Actor::User).then_some(actor)
    }

    /// Answers a call as in a conversation: what it changes in one database is carried over to the other.
    pub fn respond(
        &mut self,
        requestor: Requestor,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> Output {
        if let Some(message) = taken_name(arguments) {
            return Output {
                content: format!("Error: {message}"),
                error: true,
            };
        }
        let arguments = Value::Object(arguments.clone());
        let reply = self.session.call_as(requestor.actor(), name, &arguments);
        match reply.result {
            Ok(content) => Output {
                content,
                error: false,
            },
            Err(error) => Output {
                content: format!("Error: {}", self.words(requestor, name, &arguments, &error)),
                error: true,
            },
        }
    }

    /// Makes a call of gold: nothing is carried over, and what fails stays as it is.
    pub fn follow_gold(
        &mut self,
        requestor: Requestor,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> bool {
        if taken_name(arguments).is_some() {
            return false;
        }
        let arguments = Value::Object(arguments.clone());
        self.session
            .call_alone(requestor.actor(), name, &arguments)
            .is_ok()
    }

    /// Carries over what one database says to the other.
    ///
    /// # Errors
    /// When the databases do not fit together.
    pub fn synchronise(&mut self) -> Result<(), EnvironmentError> {
        const FUNCTION: &str = "sync_tools";
        if self.session.world().tool(FUNCTION).is_none() {
            return Ok(());
        }
        let reply = self
            .session
            .call_as(Actor::Setup, FUNCTION, &Value::Object(Map::new()));
        reply
            .result
            .map(|_| ())
            .map_err(|error| failed(FUNCTION, error))
    }

    /// Runs a function that a task names; its result as text.
    ///
    /// # Errors
    /// When there is no such function, or it fails.
    pub fn run(&mut self, call: &EnvironmentCall) -> Result<String, EnvironmentError> {
        let actor = match self.session.world().tool(&call.func_name) {
            Some(tool) => tool.actor,
            None => call.env_type.actor(),
        };
        let arguments = Value::Object(call.arguments.clone());
        let reply = self.session.call_as(actor, &call.func_name, &arguments);
        reply.result.map_err(|error| failed(&call.func_name, error))
    }

    /// Runs an assertion of a task: true when it comes out as the task wants it.
    ///
    /// # Errors
    /// When there is no such function, it fails, or is no assertion.
    pub fn assert(&mut self, call: &EnvironmentCall) -> Result<bool, EnvironmentError> {
        match self.run(call)?.as_str() {
            "true" => Ok(call.assert_value),
            "false" => Ok(!call.assert_value),
            other => Err(EnvironmentError::Function {
                function: call.func_name.clone(),
                message: format!("it is no assertion: it returned {other}"),
            }),
        }
    }

    /// The hash of the agent's database, in hexadecimal.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn db_hash(&mut self) -> Result<String, EnvironmentError> {
        self.hash("agent")
    }

    /// The hash of the user's database; None where there is none.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn user_db_hash(&mut self) -> Result<Option<String>, EnvironmentError> {
        if self.domain.has_user_tools() {
            self.hash("user").map(Some)
        } else {
            Ok(None)
        }
    }

    fn hash(&mut self, group: &str) -> Result<String, EnvironmentError> {
        let mut hasher = Sha256::new();
        self.session
            .export(group, |text| hasher.update(text.as_bytes()))?;
        let digest = hasher.finalize();
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What the original says of a call that failed.
    fn words(
        &self,
        requestor: Requestor,
        name: &str,
        arguments: &Value,
        error: &CallError,
    ) -> String {
        match error.kind {
            ErrorKind::NotFound
                if requestor == Requestor::User && !self.domain.has_user_tools() =>
            {
                "User tools not available".into()
            }
            ErrorKind::NotFound => format!("Tool '{name}' not found."),
            ErrorKind::InvalidArguments => {
                let Some(tool) = self.session.world().tool(name) else {
                    return error.message.clone();
                };
                let given = arguments.as_object();
                let function = format!("{}.{name}()", self.domain.class(requestor.actor()));
                given
                    .and_then(|given| misfit(&function, tool.parameters(), given))
                    .unwrap_or_else(|| error.message.clone())
            }
            _ => error.message.clone(),
        }
    }
}

fn failed(function: &str, error: CallError) -> EnvironmentError {
    EnvironmentError::Function {
        function: function.to_string(),
        message: error.message,
    }
}

/// What Python says of an argument with the name of one that the original passes itself: no tool is reached.
fn taken_name(arguments: &Map<String, Value>) -> Option<String> {
    if arguments.contains_key("requestor") {
        return Some(
            "tau2.environment.environment.Environment.make_tool_call() got multiple values for \
             keyword argument 'requestor'"
                .into(),
        );
    }
    arguments
        .keys()
        .find(|name| matches!(name.as_str(), "self" | "tool_name"))
        .map(|name| {
            format!("Environment.make_tool_call() got multiple values for argument '{name}'")
        })
}

/// What Python says of arguments whose names do not fit the function's.
fn misfit(function: &str, parameters: &[Parameter], given: &Map<String, Value>) -> Option<String> {
    for name in given.keys() {
        if !parameters.iter().any(|parameter| parameter.name == *name) {
            return Some(format!(
                "{function} got an unexpected keyword argument '{name}'"
            ));
        }
    }
    let missing: Vec<&str> = parameters
        .iter()
        .filter(|parameter| parameter.required && !given.contains_key(&parameter.name))
        .map(|parameter| parameter.name.as_str())
        .collect();
    let plural = if missing.len() == 1 { "" } else { "s" };
    (!missing.is_empty()).then(|| {
        format!(
            "{function} missing {} required positional argument{plural}: {}",
            missing.len(),
            listed(&missing)
        )
    })
}
