//! The protocol of OpenEnv 0.10, which the clients of most trainers speak.
//!
//! `link` is one client's hold on an episode, whatever it came by; `rpc` is the JSON-RPC that OpenEnv
//! calls MCP (real MCP is in [`crate::mcp`]); `socket` and `http` are the two ways in; `attachments` keeps who
//! holds which episode by a socket; `package` describes the server as OpenEnv's packages are described.
//!
//! Where the reference server ends, this one goes on: a session outlives its socket for a while and is found again
//! by its id, over capacity one waits, and an act that is sent again is done once.

mod attachments;
mod http;
mod link;
mod package;
mod rpc;
mod socket;

pub(crate) use attachments::Attachments;
pub(crate) use http::{scoped, top};
pub(crate) use package::action_schema;
pub use package::openenv_manifest;

use practicum_world::World;
use serde_json::{Map, Value, json};

use crate::catalogue::{Catalogue, Wanted};
use crate::server::{Server, ServerError};

/// Which worlds a request is for: that of its path, or all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope(Option<String>);

impl Scope {
    /// The world that an episode is of before anything is asked for.
    fn default_world<'a>(&self, catalogue: &'a Catalogue) -> Option<&'a World> {
        let start = catalogue.start(&self.narrowed(catalogue, Wanted::default()));
        catalogue.world(&start.ok()?.world)
    }

    /// What is wanted, drawn from this scope where it leaves the draw to the seed.
    fn narrowed(&self, catalogue: &Catalogue, wanted: Wanted) -> Wanted {
        let Some(world) = self.0.as_ref() else {
            return wanted;
        };
        if wanted.task.is_some() || wanted.world.is_some() {
            return wanted;
        }
        let tasks: Vec<&String> = catalogue.tasks_of(world).map(|task| &task.id).collect();
        let seed = wanted.seed.unwrap_or_default();
        let drawn = usize::try_from(seed % tasks.len().max(1) as u64).unwrap_or_default();
        match tasks.get(drawn) {
            Some(task) if wanted.size.is_none() => Wanted {
                task: Some((*task).clone()),
                ..wanted
            },
            _ => Wanted {
                world: Some(world.clone()),
                ..wanted
            },
        }
    }
}

/// Why a message was not done: a code of the protocol, and what to say.
#[derive(Debug)]
struct Refusal {
    code: &'static str,
    message: String,
    more: Map<String, Value>,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            more: Map::new(),
        }
    }

    /// A message that does not have the shape that it must have.
    fn invalid(place: &[&str], message: impl Into<String>) -> Self {
        let message = message.into();
        let mut refusal = Self::new("VALIDATION_ERROR", format!("Invalid message: {message}"));
        refusal.more.insert(
            "errors".into(),
            json!([{"type": "value_error", "loc": place, "msg": message}]),
        );
        refusal
    }

    /// An error of the server, with what the protocol tells beside it.
    fn of(server: &Server, error: &ServerError) -> Self {
        use crate::episodes::EpisodesError as Error;
        let code = match error {
            ServerError::Full(_) => "CAPACITY_REACHED",
            error if error.is_infrastructure() => "EXECUTION_ERROR",
            ServerError::Episodes(Error::Unknown(_)) => "SESSION_ERROR",
            ServerError::Episodes(Error::Start(_)) => "VALIDATION_ERROR",
            _ => "EXECUTION_ERROR",
        };
        let mut refusal = Self::new(code, error.to_string());
        if let ServerError::Full(places) = error {
            let active = server.episodes().len();
            refusal.more.insert("active_sessions".into(), active.into());
            refusal.more.insert("max_sessions".into(), (*places).into());
        }
        refusal
    }

    fn data(self) -> Value {
        let mut data = self.more;
        data.insert("message".into(), self.message.into());
        data.insert("code".into(), self.code.into());
        Value::Object(data)
    }

    fn frame(self) -> Value {
        json!({"type": "error", "data": self.data()})
    }
}

/// The tools of an episode of a world: the world's, `say` and `finish`, as `{name, description, KEY: schema}`.
fn tools(world: &World, key: &str) -> Vec<Value> {
    crate::episodes::tools(world)
        .into_iter()
        .map(|mut tool| {
            let function = &mut tool["function"];
            json!({
                "name": function["name"].take(),
                "description": function["description"].take(),
                key: function["parameters"].take(),
            })
        })
        .collect()
}
