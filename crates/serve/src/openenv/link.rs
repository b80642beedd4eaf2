//! One client's hold on an episode, and what its messages do.

use practicum_rollout::Fault;
use serde_json::{Map, Value, json};

use super::{Refusal, Scope, tools};
use crate::catalogue::Wanted;
use crate::episodes::{Observation, View};
use crate::server::{OwnedAct, Server, handle_of};

/// Longest `episode_id`, as in the reference server.
const MAX_EPISODE_ID: usize = 255;

/// A client's episode: none before it is needed.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) server: Server,
    pub(super) scope: Scope,
    pub(super) id: Option<String>,
    /// An episode that is begun for a message stays for the next one.
    pub(super) keeps: bool,
}

type Done = Result<Value, Refusal>;

impl Link {
    pub(super) fn new(server: Server, scope: Scope, id: Option<String>) -> Self {
        Self {
            server,
            scope,
            id,
            keeps: false,
        }
    }

    fn refused(&self, error: &crate::server::ServerError) -> Refusal {
        Refusal::of(&self.server, error)
    }

    /// Checks that there is such an episode, and that it is of this scope.
    pub(super) async fn check(&self) -> Result<(), Refusal> {
        match &self.id {
            Some(id) => self.view(id).await.map(|_| ()),
            None => Ok(()),
        }
    }

    async fn view(&self, id: &str) -> Result<View, Refusal> {
        let own = id.to_string();
        let view = self
            .server
            .run(move |episodes, now| episodes.view(&own, now));
        let view = view.await.map_err(|error| self.refused(&error))?;
        match &self.scope.0 {
            Some(world) if *world != view.start.world => Err(Refusal::new(
                "SESSION_ERROR",
                format!("session {id:?} is of another world than {world:?}"),
            )),
            _ => Ok(view),
        }
    }

    /// The episode's id; one is begun where there is none.
    pub(super) async fn begun(&mut self, wanted: Wanted) -> Result<String, Refusal> {
        if let Some(id) = &self.id {
            return Ok(id.clone());
        }
        let wanted = self
            .scope
            .narrowed(self.server.episodes().catalogue(), wanted);
        let id = self.server.begin(wanted).await;
        let id = id.map_err(|error| self.refused(&error))?;
        self.id = Some(id.clone());
        Ok(id)
    }

    /// Closes the episode, where there is one.
    pub(super) async fn close(&mut self) {
        if let Some(id) = self.id.take() {
            // One that is gone already is closed.
            let _ = self.server.close(id).await;
        }
    }

    /// `reset`: another episode, and what its agent is told first.
    pub(super) async fn reset(&mut self, data: &Map<String, Value>) -> Done {
        let (wanted, ignored) = self.wanted(data)?;
        let id = match &self.id {
            None => self.begun(wanted).await?,
            Some(id) => {
                let wanted = self
                    .scope
                    .narrowed(self.server.episodes().catalogue(), wanted);
                let own = id.clone();
                self.server
                    .run(move |episodes, now| episodes.reset(&own, &wanted, now))
                    .await
                    .map_err(|error| self.refused(&error))?;
                id.clone()
            }
        };
        let own = id.clone();
        let told = self.server.run(move |episodes, now| {
            Ok((episodes.view(&own, now)?, episodes.opening(&own, now)?))
        });
        let (view, opening) = told.await.map_err(|error| self.refused(&error))?;
        let mut metadata = json!({
            "session_id": id,
            "world": view.start.world,
            "task": view.start.task,
            "mcp": format!("/s/{}/mcp", handle_of(&id)),
        });
        if !ignored.is_empty() {
            metadata["ignored"] = ignored.into();
        }
        // Trainers show the observation to the model. The session's id is for them alone: it is beside it.
        Ok(json!({
            "observation": {
                "system": opening.system,
                "request": opening.user,
                "metadata": {},
            },
            "reward": null,
            "done": false,
            "metadata": metadata,
        }))
    }

    /// What `reset`'s arguments ask for, and those that it does not know: trainers pass whole rows.
    fn wanted(&self, data: &Map<String, Value>) -> Result<(Wanted, Vec<String>), Refusal> {
        let mut wanted = Wanted::default();
        let mut ignored = Vec::new();
        let text = |name: &str, value: &Value| {
            let text = value.as_str().map(str::to_string);
            text.ok_or_else(|| Refusal::invalid(&["data", name], "it must be a string"))
        };
        for (name, value) in data {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                ("seed", value) => {
                    let seed = value.as_u64().ok_or_else(|| {
                        Refusal::invalid(&["data", "seed"], "it must be an integer of 0 or more")
                    })?;
                    wanted.seed = Some(seed);
                }
                ("episode_id", value) => {
                    if text(name, value)?.len() > MAX_EPISODE_ID {
                        return Err(Refusal::invalid(
                            &["data", name],
                            format!("it must have {MAX_EPISODE_ID} characters at most"),
                        ));
                    }
                }
                // As the task API gives it, or only its id.
                ("task", Value::Object(task)) => match task.get("id") {
                    Some(id) => wanted.task = Some(text("task.id", id)?),
                    None => return Err(Refusal::invalid(&["data", "task"], "it has no `id`")),
                },
                ("task" | "task_id", value) => wanted.task = Some(text(name, value)?),
                ("world", value) => wanted.world = Some(text(name, value)?),
                ("size", value) => wanted.size = Some(text(name, value)?),
                _ => ignored.push(name.clone()),
            }
        }
        let catalogue = self.server.episodes().catalogue();
        let other = |world: &String| self.scope.0.as_ref().is_some_and(|own| own != world);
        let task = wanted.task.as_ref().and_then(|id| catalogue.task(id));
        let world = task.map(|task| &task.world).or(wanted.world.as_ref());
        if let Some(world) = world.filter(|world| other(world)) {
            return Err(Refusal::invalid(
                &["data"],
                format!("this address serves another world than {world:?}"),
            ));
        }
        Ok((wanted, ignored))
    }

    /// `step`: lists the tools or calls one.
    pub(super) async fn step(&mut self, action: &Map<String, Value>) -> Done {
        let kind = match action.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            None if action.contains_key("tool_name") => "call_tool",
            _ => "",
        };
        match kind {
            "list_tools" => {
                let tools = self.tools("input_schema").await?;
                Ok(json!({
                    "observation": {"tools": tools, "metadata": {}},
                    "reward": null,
                    "done": false,
                }))
            }
            "call_tool" => {
                let act = act(action)?;
                let tool = act.tool.clone();
                let seen = self.act(act).await?;
                self.observed(&tool, &seen).await
            }
            _ => Err(Refusal::invalid(
                &["data", "type"],
                "an action is {\"type\": \"list_tools\"} or \
                 {\"type\": \"call_tool\", \"tool_name\": ..., \"arguments\": {...}}",
            )),
        }
    }

    /// `state`: what the episode is.
    pub(super) async fn state(&self) -> Done {
        let Some(id) = &self.id else {
            return Ok(json!({"episode_id": null, "step_count": 0}));
        };
        let view = self.view(id).await?;
        Ok(json!({
            "episode_id": id,
            "step_count": view.calls + view.turns + usize::from(view.ended.is_some()),
            "world": view.start.world,
            "task": view.start.task,
            "ended": view.ended,
        }))
    }

    /// The tools that an agent has, whether its episode has begun or not.
    pub(super) async fn tools(&self, key: &str) -> Result<Vec<Value>, Refusal> {
        let catalogue = self.server.episodes().catalogue();
        let world = match &self.id {
            Some(id) => catalogue.world(&self.view(id).await?.start.world),
            None => self.scope.default_world(catalogue),
        };
        Ok(world.map(|world| tools(world, key)).unwrap_or_default())
    }

    /// Does what an agent wants; the episode is begun where there is none.
    pub(super) async fn act(&mut self, act: OwnedAct) -> Result<Observation, Refusal> {
        let id = self.begun(Wanted::default()).await?;
        let seen = self.server.act(&id, act).await;
        seen.map_err(|error| self.refused(&error))
    }

    /// The observation of a call. What the call itself says, good or bad, is its `result`; `error` has the
    /// protocol's words for what is wrong with a call.
    async fn observed(&self, tool: &str, seen: &Observation) -> Done {
        let error = seen.reply.result.as_ref().err().and_then(|error| {
            use practicum_world::ErrorKind;
            let kind = match error.kind {
                ErrorKind::InvalidArguments => "invalid_args",
                ErrorKind::NotFound => "tool_not_found",
                ErrorKind::Limit | ErrorKind::Fault => "execution_error",
                // The tool ran, and this is its answer.
                ErrorKind::Refused => return None,
            };
            Some(json!({"error_type": kind, "message": error.message}))
        });
        let (reward, metadata) = self.judged(seen).await?;
        let mut frame = json!({
            "observation": {
                "tool_name": tool,
                "result": content(seen),
                "error": error,
                "metadata": {},
            },
            "reward": reward,
            "done": seen.ended.is_some(),
        });
        if !metadata.is_empty() {
            frame["metadata"] = metadata.into();
        }
        Ok(frame)
    }

    /// The reward of an act, and what is known of its end. Only the act that ends an episode has one, and
    /// only when the failure is the agent's.
    pub(super) async fn judged(
        &self,
        seen: &Observation,
    ) -> Result<(Option<f64>, Map<String, Value>), Refusal> {
        let mut metadata = Map::new();
        let (Some(ended), Some(id)) = (seen.ended, &self.id) else {
            return Ok((None, metadata));
        };
        metadata.insert("ended".into(), json!(ended));
        if !seen.last || self.view(id).await?.start.task.is_none() {
            return Ok((None, metadata));
        }
        let judged = self.server.judge(id).await;
        let judged = judged.map_err(|error| self.refused(&error))?;
        let clauses = judged.verdict.clauses.iter();
        let clauses = clauses.map(|clause| (clause.name.clone(), clause.passed.into()));
        metadata.insert("clauses".into(), Value::Object(clauses.collect()));
        if let Some(fault @ (Fault::World | Fault::Verifier)) = judged.fault {
            metadata.insert("fault".into(), json!(fault));
        }
        Ok((judged.reward, metadata))
    }
}

/// A reply as JSON.
pub(super) fn content(seen: &Observation) -> Value {
    serde_json::from_str(&seen.reply.content()).unwrap_or_default()
}

/// The act that an action asks for.
fn act(action: &Map<String, Value>) -> Result<OwnedAct, Refusal> {
    let Some(Value::String(tool)) = action.get("tool_name") else {
        return Err(Refusal::invalid(
            &["data", "tool_name"],
            "it must be a string",
        ));
    };
    // Models write arguments as text, and the reference's own web client sends them so.
    let arguments = match action.get("arguments") {
        None | Some(Value::Null) => "{}".to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(arguments @ Value::Object(_)) => arguments.to_string(),
        Some(_) => {
            return Err(Refusal::invalid(
                &["data", "arguments"],
                "they must be an object",
            ));
        }
    };
    let metadata = action.get("metadata");
    let request = action
        .get("request_id")
        .or_else(|| metadata.and_then(|own| own.get("request_id")));
    Ok(OwnedAct {
        request: request.and_then(Value::as_str).map(str::to_string),
        tool: tool.clone(),
        arguments,
    })
}
