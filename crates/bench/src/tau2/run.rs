//! Trials with models: one as the agent, one as the user, and, where there is one, a judge.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use practicum_chat::{Message, Role};
use practicum_client::{Client, ClientError, Clock, Usage};
use practicum_rollout::{ModelAgent, Offer, Spoken};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::conversation::{Conversation, Limits};
use super::data::{Benchmark, DataError};
use super::descriptions::ToolDescriptions;
use super::domain::Domain;
use super::environment::{EnvironmentError, Requestor};
use super::graded::{GradeError, Grader, Judged, sentences_to_judge};
use super::prompts::Prompts;
use super::results::{
    EnvironmentInfo, Info, Party, RecordedCall, Simulation, TrajectoryMessage, Utterance, number,
    timestamp,
};
use super::score::Termination;

/// A model behind an endpoint.
#[derive(Debug, Clone)]
pub struct Side {
    /// The endpoint.
    pub client: Arc<Client>,
    /// The model and how it is asked.
    pub model: ModelAgent,
    /// Dollars for a million tokens of prompts, and of replies.
    pub prices: Option<(f64, f64)>,
}

/// What a run is of.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The name of the domain as the benchmark has it: `telecom-workflow` is another than `telecom`.
    pub domain: String,
    /// What a trial may take.
    pub limits: Limits,
    /// A trial's time.
    pub time: Option<Duration>,
    /// How often a trial is begun that the infrastructure ends, and a judge asked that gives no decision.
    pub tries: u32,
    /// The seed of the run: each trial has its own by its number, the same for all tasks.
    pub seed: u64,
    /// This program, as results name it.
    pub program: String,
}

/// Why a run cannot go on, or a trial cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The domain is not ported.
    #[error("the domain {0:?} is not ported")]
    NoDomain(String),
    /// There is no such task.
    #[error("{0} has no task {1:?}")]
    NoTask(String, String),
    /// The data cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An endpoint cannot be used.
    #[error("the endpoint of the {side} cannot be used: {source}")]
    Endpoint {
        /// `agent`, `user` or `judge`.
        side: &'static str,
        /// Why.
        source: ClientError,
    },
    /// A task's environment cannot be made.
    #[error("task {task}: {source}")]
    Environment {
        /// The task.
        task: String,
        /// Why.
        source: EnvironmentError,
    },
    /// The tools cannot be written as text.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Plays trials of one domain.
#[derive(Debug)]
pub struct Runner {
    domain: Domain,
    options: RunOptions,
    grader: Grader,
    prompts: Prompts,
    official_tools: bool,
    policy: String,
    instructions: String,
    offers: [Offer; 2],
    agent: Side,
    user: Side,
    judge: Option<Side>,
    time: Time,
}

/// The caller's clocks.
struct Time {
    /// Since an instant of the caller's choice.
    clock: Clock,
    /// Since 1970.
    unix: Clock,
}

impl std::fmt::Debug for Time {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Time")
    }
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq)]
pub enum Trial {
    /// It was played to its end.
    Played(Box<Simulation>),
    /// The infrastructure ended it, for good: it counts for nothing.
    Lost(Box<Simulation>),
    /// The budget of tokens is spent; it was not played.
    Spent,
}

/// Why a conversation has no end of its own.
enum Cut {
    Infrastructure(String),
    /// The agent's model gave what is no message.
    Agent(String),
    Spent,
    Stop(RunError),
}

impl Runner {
    /// A runner over the user's copy of the benchmark. `clock` measures trials; `unix`, the time since
    /// 1970, stands in their records, as the format demands.
    ///
    /// # Errors
    /// When the domain is not ported, or its data cannot be used.
    pub fn new(
        benchmark: &Benchmark,
        options: RunOptions,
        agent: Side,
        user: Side,
        judge: Option<Side>,
        clock: Clock,
        unix: Clock,
    ) -> Result<Self, RunError> {
        let domain = Domain::of_name(&options.domain)
            .ok_or_else(|| RunError::NoDomain(options.domain.clone()))?;
        let documents = benchmark.task_documents(domain)?;
        let grader = Grader::new(benchmark, domain, documents)?;
        let prompts = Prompts::read(benchmark, domain.has_user_tools())?;
        let policy = benchmark.policy_of(domain, &options.domain)?;
        let tools = ToolDescriptions::read(benchmark, domain, grader.state().world());
        Ok(Self {
            instructions: prompts.agent(&policy),
            official_tools: tools.official,
            offers: [Offer::new(tools.agent)?, Offer::new(tools.user)?],
            domain,
            options,
            grader,
            prompts,
            policy,
            agent,
            user,
            judge,
            time: Time { clock, unix },
        })
    }

    /// What trials are graded with.
    pub fn grader(&self) -> &Grader {
        &self.grader
    }

    /// The prompts and tools are the official program's; else ours stand in for it.
    pub fn speaks_officially(&self) -> bool {
        self.prompts.official && self.official_tools
    }

    /// What the run is of, as results tell it.
    pub fn info(&self, trials: u32) -> Info {
        let party = |implementation: &str, side: &Side, guidelines: Option<String>| Party {
            implementation: implementation.into(),
            llm: Some(side.model.model.clone()),
            llm_args: serde_json::to_value(&side.model.sampling).ok(),
            global_simulation_guidelines: guidelines,
        };
        Info {
            git_commit: self.options.program.clone(),
            num_trials: trials,
            max_steps: self.options.limits.steps,
            max_errors: self.options.limits.errors,
            user_info: party(
                "user_simulator",
                &self.user,
                Some(self.prompts.guidelines().to_string()),
            ),
            agent_info: party("llm_agent", &self.agent, None),
            environment_info: EnvironmentInfo {
                domain_name: self.options.domain.clone(),
                policy: self.policy.clone(),
            },
            seed: Some(self.options.seed),
        }
    }

    /// What decides how a trial goes, for telling runs apart.
    pub fn identity(&self) -> Map<String, Value> {
        let side = |side: &Side| json!({"model": side.model.model, "speech": side.model.speech.name(), "sampling": side.model.sampling});
        let mut told = Sha256::new();
        for offer in &self.offers {
            told.update(json!(offer.tools()).to_string());
        }
        told.update(&self.instructions);
        told.update(self.prompts.guidelines());
        let told: String = told.finalize()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let identity = json!({
            "benchmark": "tau2-bench",
            "domain": self.options.domain,
            "agent": side(&self.agent),
            "user": side(&self.user),
            "judge": self.judge.as_ref().map(side),
            "limits": self.options.limits,
            "seconds_of_a_trial": self.options.time.map(|time| time.as_secs_f64()),
            "seed": self.options.seed,
            "prompts": if self.speaks_officially() { "official" } else { "own" },
            "digest_of_prompts_and_tools": told,
        });
        match identity {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    /// The seed of a trial, 31 bits: some servers take no more.
    pub fn seed_of(&self, trial: u32) -> u64 {
        let mut hasher = Sha256::new();
        hasher.update(self.options.seed.to_le_bytes());
        hasher.update(trial.to_le_bytes());
        let hash = hasher.finalize();
        let mut seed = [0; 8];
        seed[..4].copy_from_slice(&hash[..4]);
        u64::from_le_bytes(seed) >> 1
    }

    /// Plays and grades one trial.
    ///
    /// # Errors
    /// When an endpoint cannot be used at all, or the task's environment cannot be made.
    pub async fn trial(&self, task: &str, trial: u32) -> Result<Trial, RunError> {
        let seed = self.seed_of(trial);
        let began = (self.time.unix)();
        let mut reason = String::new();
        for _ in 0..self.options.tries.max(1) {
            let clock = (self.time.clock)();
            let mut conversation = self.begin(task)?;
            let cut = self.converse(&mut conversation, task, seed, clock).await;
            let (ending, note) = match cut {
                Ok(()) => (conversation.ending(), None),
                Err(Cut::Spent) => return Ok(Trial::Spent),
                Err(Cut::Stop(error)) => return Err(error),
                Err(Cut::Agent(what)) => (Some(Termination::AgentError), Some(what)),
                Err(Cut::Infrastructure(what)) => {
                    reason = what;
                    continue;
                }
            };
            let ending = ending.unwrap_or(Termination::UnexpectedError);
            let messages = conversation.into_messages();
            let mut simulation = self.record(task, trial, seed, ending, messages, began);
            if let Some(note) = note {
                remark(&mut simulation, "agent_error", &note);
            }
            self.grade(&mut simulation, seed).await?;
            return Ok(Trial::Played(Box::new(simulation)));
        }
        let ending = Termination::InfrastructureError;
        let mut simulation = self.record(task, trial, seed, ending, Vec::new(), began);
        remark(&mut simulation, "infrastructure_error", &reason);
        Ok(Trial::Lost(Box::new(simulation)))
    }

    fn begin(&self, task: &str) -> Result<Conversation, RunError> {
        let own = self
            .grader
            .task(task)
            .ok_or_else(|| RunError::NoTask(self.options.domain.clone(), task.into()))?;
        Conversation::begin(self.domain, self.grader.state(), own, self.options.limits).map_err(
            |source| RunError::Environment {
                task: task.into(),
                source,
            },
        )
    }

    async fn converse(
        &self,
        conversation: &mut Conversation,
        task: &str,
        seed: u64,
        began: Duration,
    ) -> Result<(), Cut> {
        let document = self.grader.document(task).unwrap_or(&Value::Null);
        let user_instructions = self.prompts.user(document);
        while conversation.ending().is_none() {
            let party = conversation.next();
            let (side, name, instructions, offer) = match party {
                Requestor::Assistant => (&self.agent, "agent", &self.instructions, &self.offers[0]),
                Requestor::User => (&self.user, "user", &user_instructions, &self.offers[1]),
            };
            let seen = conversation.seen_by(party, instructions);
            let spoken = match side.model.speak(&side.client, &seen, offer, seed).await {
                Ok(spoken) => spoken,
                Err(ClientError::ContextLength(_)) if party == Requestor::Assistant => {
                    conversation.end(Termination::ContextWindowExceeded);
                    break;
                }
                Err(error) => return Err(cut(name, error)),
            };
            let calls_before = conversation.messages().len();
            let mut said = utterance(&spoken, party, calls_before).map_err(|what| match party {
                Requestor::Assistant => Cut::Agent(what),
                Requestor::User => Cut::Infrastructure(format!("the user's model: {what}")),
            })?;
            said.cost = side.prices.map(|prices| cost(spoken.usage, prices));
            said.timestamp = Some(timestamp((self.time.unix)()));
            conversation.take(said);
            let late = self
                .options
                .time
                .is_some_and(|time| (self.time.clock)().saturating_sub(began) >= time);
            if late {
                conversation.end(Termination::Timeout);
            }
        }
        Ok(())
    }

    fn record(
        &self,
        task: &str,
        trial: u32,
        seed: u64,
        termination_reason: Termination,
        mut messages: Vec<TrajectoryMessage>,
        began: Duration,
    ) -> Simulation {
        let ended = (self.time.unix)();
        let end_time = timestamp(ended);
        number_in_order(&mut messages, &timestamp(began));
        let cost_of = |party: Requestor| {
            messages
                .iter()
                .filter_map(|message| match (party, message) {
                    (Requestor::Assistant, TrajectoryMessage::Assistant(said))
                    | (Requestor::User, TrajectoryMessage::User(said)) => Some(said.cost),
                    _ => None,
                })
                // What is said without a model, as the greeting, costs nothing.
                .fold(0.0, |sum, cost| sum + cost.unwrap_or(0.0))
        };
        Simulation {
            id: format!("{}-{task}-{trial}", self.options.domain),
            task_id: task.into(),
            timestamp: Some(end_time.clone()),
            start_time: timestamp(began),
            end_time,
            duration: ended.saturating_sub(began).as_secs_f64(),
            termination_reason,
            agent_cost: self.agent.prices.map(|_| cost_of(Requestor::Assistant)),
            user_cost: self.user.prices.map(|_| cost_of(Requestor::User)),
            reward_info: None,
            messages: Some(messages),
            trial: Some(trial),
            seed: Some(seed),
            mode: "half_duplex".into(),
            info: None,
        }
    }

    /// Grades a trial; where only a judge can decide and there is none, or it gives no decision, the trial
    /// has no reward, and says so.
    async fn grade(&self, simulation: &mut Simulation, seed: u64) -> Result<(), RunError> {
        match self.grader.grade(simulation, None) {
            Ok(Some(reward)) => {
                simulation.reward_info = Some(reward);
                return Ok(());
            }
            Ok(None) => {}
            Err(GradeError::Environment(source)) => {
                remark(simulation, "not_graded", &source.to_string());
                return Ok(());
            }
            Err(error) => {
                remark(simulation, "not_graded", &error.to_string());
                return Ok(());
            }
        }
        let Some(judge) = &self.judge else {
            let why = "the task's sentences need a judge, and none was given";
            remark(simulation, "not_judged", why);
            return Ok(());
        };
        let task = self.grader.task(&simulation.task_id);
        let sentences = task.map(sentences_to_judge).unwrap_or_default();
        let messages = simulation.messages.as_deref().unwrap_or_default();
        let decided = self.decide(judge, messages, sentences, seed).await?;
        match decided {
            Ok(judged) => match self.grader.grade(simulation, Some(&judged)) {
                Ok(reward) => simulation.reward_info = reward,
                Err(error) => remark(simulation, "not_graded", &error.to_string()),
            },
            Err(why) => remark(simulation, "not_judged", &why),
        }
        Ok(())
    }

    /// A judge's decisions, one for each sentence; or why there are none.
    async fn decide(
        &self,
        judge: &Side,
        messages: &[TrajectoryMessage],
        sentences: &[String],
        seed: u64,
    ) -> Result<Result<Vec<Judged>, String>, RunError> {
        let (system, question) = self.prompts.judge(messages, sentences);
        let asked = [
            Message::text(Role::System, system),
            Message::text(Role::User, question),
        ];
        let nothing = Offer::new(Vec::new())?;
        let mut why = String::new();
        for tried in 0..u64::from(self.options.tries.max(1)) {
            let spoken = judge
                .model
                .speak(&judge.client, &asked, &nothing, seed + tried)
                .await;
            match spoken {
                Ok(spoken) => match decisions(&spoken.turn.content, sentences) {
                    Ok(judged) => return Ok(Ok(judged)),
                    Err(what) => why = format!("the judge's answer {what}"),
                },
                Err(error) if error.is_final() => {
                    return Err(RunError::Endpoint {
                        side: "judge",
                        source: error,
                    });
                }
                Err(error) => why = format!("the judge's endpoint: {error}"),
            }
        }
        Ok(Err(why))
    }
}

fn cut(side: &'static str, error: ClientError) -> Cut {
    match error {
        ClientError::Budget(_) => Cut::Spent,
        source if source.is_final() => Cut::Stop(RunError::Endpoint { side, source }),
        other => Cut::Infrastructure(format!("the endpoint of the {side}: {other}")),
    }
}

fn cost(usage: Usage, (prompt, completion): (f64, f64)) -> f64 {
    (usage.prompt as f64 * prompt + usage.completion as f64 * completion) / 1e6
}

fn remark(simulation: &mut Simulation, name: &str, text: &str) {
    simulation
        .info
        .get_or_insert_default()
        .insert(name.into(), json!(text));
}

/// A model's turn as a message; what is wrong with it where it is none.
fn utterance(spoken: &Spoken, party: Requestor, before: usize) -> Result<Utterance, String> {
    let turn = &spoken.turn;
    let calls = turn
        .calls
        .iter()
        .enumerate()
        .map(|(at, call)| {
            let arguments = match call.function.arguments.trim() {
                "" => "{}",
                text => text,
            };
            let arguments = serde_json::from_str(arguments).map_err(|error| {
                format!(
                    "the arguments of a call of {} are no JSON object: {error}",
                    call.function.name
                )
            })?;
            Ok(RecordedCall {
                id: format!("call_{before}_{at}"),
                name: call.function.name.clone(),
                arguments,
                requestor: party,
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let said = !turn.content.trim().is_empty();
    if calls.is_empty() && !said {
        return Err("a message without text and calls".into());
    }
    Ok(Utterance {
        content: said.then(|| turn.content.clone()),
        tool_calls: (!calls.is_empty()).then_some(calls),
        usage: Some(json!({
            "completion_tokens": spoken.usage.completion, "prompt_tokens": spoken.usage.prompt})),
        generation_time_seconds: Some(spoken.took.as_secs_f64()),
        ..Utterance::default()
    })
}

/// Places, and the times of messages that no model wrote: the time of the message before.
fn number_in_order(messages: &mut [TrajectoryMessage], began: &str) {
    let mut time = began.to_string();
    for message in messages.iter_mut() {
        match message {
            TrajectoryMessage::System(said)
            | TrajectoryMessage::Assistant(said)
            | TrajectoryMessage::User(said) => match &said.timestamp {
                Some(own) => time.clone_from(own),
                None => said.timestamp = Some(time.clone()),
            },
            TrajectoryMessage::Tool(reply) => {
                reply.timestamp.get_or_insert_with(|| time.clone());
            }
        }
    }
    number(messages, began);
}

/// Reads a judge's answer: one decision for each sentence, in their order.
fn decisions(answer: &str, sentences: &[String]) -> Result<Vec<Judged>, String> {
    let from = answer.find('{').ok_or("holds no JSON object")?;
    let to = answer.rfind('}').ok_or("holds no JSON object")?;
    let value: Value = answer
        .get(from..=to)
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or("holds no JSON object")?;
    let results = value["results"].as_array().ok_or("holds no results")?;
    if results.len() != sentences.len() {
        return Err(format!(
            "decides {} of {} sentences",
            results.len(),
            sentences.len()
        ));
    }
    results
        .iter()
        .zip(sentences)
        .map(|(result, sentence)| {
            Ok(Judged {
                nl_assertion: sentence.clone(),
                met: result["metExpectation"]
                    .as_bool()
                    .ok_or("does not say true or false of a sentence")?,
                justification: result["reasoning"].as_str().unwrap_or_default().to_string(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_decides_every_sentence_or_none() {
        let sentences = ["a".to_string(), "b".to_string()];
        let answer = r#"```json
{"results": [{"expectedOutcome": "a", "reasoning": "yes", "metExpectation": true},
             {"expectedOutcome": "b", "metExpectation": false}]}
```"#;
        let judged = decisions(answer, &sentences).unwrap();
        assert_eq!(judged[0].justification, "yes");
        assert!(judged[0].met && !judged[1].met);
        assert_eq!(
            decisions(answer, &sentences[..1]).unwrap_err(),
            "decides 2 of 1 sentences"
        );
        assert!(decisions("}{", &sentences).is_err());
        assert!(decisions(r#"{"results": [{}, {}]}"#, &sentences).is_err());
    }
}
