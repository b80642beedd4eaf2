//! Models behind endpoints, as runs of benchmarks take them on the command line.

use std::sync::Arc;
use std::time::Duration;

use practicum_bench::tau2::Side;
use practicum_client::{Client, ClientOptions, Clock, Sampling};
use practicum_rollout::{ModelAgent, Speech};

use crate::error::{CommandError, Result};

/// The model that is judged, and what requests have in common.
#[derive(Debug, clap::Args)]
pub(super) struct AgentModel {
    /// The endpoint of the model that is judged, up to its version: http://127.0.0.1:8000/v1.
    #[arg(long, value_name = "URL", help_heading = "The model")]
    pub(super) endpoint: String,
    /// Its name at the endpoint.
    #[arg(long, help_heading = "The model")]
    pub(super) model: String,
    /// How it makes calls: native, react, or the family whose text is read here: hermes, llama3, mistral, deepseek.
    #[arg(long, default_value = "native", help_heading = "The model")]
    pub(super) speech: String,
    /// Its temperature; the official program's unless given: 0 in tau2-bench, 0.7 in ACEBench.
    #[arg(long, help_heading = "The model")]
    pub(super) temperature: Option<f64>,
    /// Nucleus; the official program's unless given: the server's in tau2-bench, 1 in ACEBench.
    #[arg(long, help_heading = "The model")]
    pub(super) top_p: Option<f64>,
    /// Tokens of one reply; the official program's limit unless given: the server's in tau2-bench, 1,200 in ACEBench.
    #[arg(long, help_heading = "The model")]
    pub(super) max_tokens: Option<u32>,
    /// More members of each request, as one JSON object: {"top_k": 20}.
    #[arg(long, value_name = "JSON", help_heading = "The model")]
    pub(super) extra: Option<String>,
    /// Prices of a million tokens, of prompts and of replies: 0.5,1.5.
    #[arg(long, value_name = "IN,OUT", help_heading = "The model")]
    pub(super) prices: Option<String>,
    /// Environment variable that holds the endpoint's key.
    #[arg(long, default_value = "OPENAI_API_KEY", help_heading = "The model")]
    pub(super) key_env: String,
    /// Trials or requests at one time.
    #[arg(long, default_value_t = 32, help_heading = "Requests")]
    pub(super) concurrency: usize,
    /// Requests of each model begun within a minute.
    #[arg(long, help_heading = "Requests")]
    pub(super) per_minute: Option<u32>,
    /// Tokens of each model after which nothing is begun.
    #[arg(long, help_heading = "Requests")]
    pub(super) budget: Option<u64>,
    /// Seconds to wait for a reply.
    #[arg(long, default_value_t = 300.0, help_heading = "Requests")]
    pub(super) patience: f64,
    /// Tries of one request.
    #[arg(long, default_value_t = 6, help_heading = "Requests")]
    pub(super) tries: u32,
    /// The seed of the run.
    #[arg(long, default_value_t = 300, help_heading = "Requests")]
    pub(super) seed: u64,
}

/// Another model: what is not given is the first one's.
pub(super) struct Other<'a> {
    pub(super) endpoint: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    pub(super) temperature: f64,
    pub(super) key_env: Option<&'a str>,
    pub(super) prices: Option<&'a str>,
}

impl AgentModel {
    /// The model that is judged; what is not given is as usual.
    pub(super) fn side(&self, usual: &Sampling, clock: &Clock) -> Result<Side> {
        let extra = match &self.extra {
            Some(text) => serde_json::from_str(text).map_err(|error| {
                CommandError::user(format!("--extra is no JSON object: {error}"))
            })?,
            None => serde_json::Map::new(),
        };
        let speech = Speech::parse(&self.speech).ok_or_else(|| {
            let known: Vec<&str> = Speech::ALL.iter().map(|speech| speech.name()).collect();
            CommandError::user(format!(
                "there is no way of speaking {:?}; there are: {}",
                self.speech,
                known.join(", ")
            ))
        })?;
        let sampling = Sampling {
            temperature: self.temperature.or(usual.temperature),
            top_p: self.top_p.or(usual.top_p),
            max_tokens: self.max_tokens.or(usual.max_tokens),
            stop: if speech == Speech::React {
                vec!["\nObservation:".into()]
            } else {
                Vec::new()
            },
            extra,
            ..usual.clone()
        };
        Ok(Side {
            client: self.client(&self.endpoint, &self.key_env, clock)?,
            model: ModelAgent {
                model: self.model.clone(),
                speech,
                sampling,
                seed: self.seed,
            },
            prices: prices("--prices", self.prices.as_deref())?,
        })
    }

    /// Another model of the run: a user's or a judge's. They speak natively.
    pub(super) fn other(&self, other: &Other<'_>, clock: &Clock) -> Result<Side> {
        let endpoint = other.endpoint.unwrap_or(&self.endpoint);
        let key = other.key_env.unwrap_or(&self.key_env);
        Ok(Side {
            client: self.client(endpoint, key, clock)?,
            model: ModelAgent {
                model: other.model.unwrap_or(&self.model).to_string(),
                speech: Speech::Native,
                sampling: Sampling {
                    temperature: Some(other.temperature),
                    ..Sampling::default()
                },
                seed: self.seed,
            },
            prices: prices("--user-prices", other.prices)?,
        })
    }

    fn client(&self, endpoint: &str, key_env: &str, clock: &Clock) -> Result<Arc<Client>> {
        let patience = Duration::try_from_secs_f64(self.patience)
            .map_err(|error| CommandError::user(format!("--patience: {error}")))?;
        #[allow(clippy::disallowed_methods)] // only the binary reads the environment
        let key = std::env::var(key_env).ok();
        let options = ClientOptions {
            key: key.filter(|key| !key.is_empty()),
            concurrency: self.concurrency,
            per_minute: self.per_minute,
            patience,
            tries: self.tries,
            budget: self.budget,
            seed: self.seed,
            ..ClientOptions::new(endpoint)
        };
        Client::new(options, Arc::clone(clock))
            .map(Arc::new)
            .map_err(|error| CommandError::user(error.to_string()))
    }
}

fn prices(option: &str, text: Option<&str>) -> Result<Option<(f64, f64)>> {
    let Some(text) = text else { return Ok(None) };
    text.split_once(',')
        .and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)))
        .map(Some)
        .ok_or_else(|| CommandError::user(format!("{option} {text:?} is not two numbers: 0.5,1.5")))
}
