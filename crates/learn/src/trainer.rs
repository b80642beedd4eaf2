//! Training: packed batches, several workers, a schedule, and checkpoints from which a killed run goes on as if
//! nothing had happened.

use std::fs;
use std::path::Path;

use practicum_world::Draws;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{LearnError, Result};
use crate::folder::save_weights;
use crate::model::{Gradients, Loss, Model, Packed, wanted};
use crate::optimizer::{AdamOptions, AdamW};
use crate::tensors::{Named, read, read_json, write, write_text};

/// One sequence to learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Where it comes from: the trajectory's id.
    pub id: String,
    /// The tokens.
    pub tokens: Vec<u32>,
    /// Which of them carry loss.
    pub keeps: Vec<bool>,
}

/// How a model is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainOptions {
    /// Times that every example is seen.
    pub epochs: f64,
    /// Examples of one step.
    pub batch: usize,
    /// Most tokens that go through the model at a time; a batch of more is accumulated.
    pub pass_tokens: usize,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Share of the steps in which it rises from 0; then it falls along a cosine.
    pub warmup: f64,
    /// What is left of it at the end, as a share.
    pub final_rate: f64,
    /// The embedding stays as it is; with it the head, where they are one.
    pub frozen_embedding: bool,
    /// The first so many layers stay as they are.
    pub frozen_layers: usize,
    /// The optimiser.
    pub adam: AdamOptions,
    /// Threads that each take a part of the batch.
    pub workers: usize,
    /// The seed of the order of examples.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 1.0,
            batch: 8,
            pass_tokens: 1_024,
            learning_rate: 2e-4,
            warmup: 0.05,
            final_rate: 0.1,
            frozen_embedding: true,
            frozen_layers: 0,
            adam: AdamOptions::default(),
            workers: 1,
            seed: 1,
        }
    }
}

/// How one step went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Number of the step, from 1.
    pub step: usize,
    /// Mean loss of the tokens that carry loss, before the step.
    pub loss: f64,
    /// Share of them whose likeliest token was right.
    pub right: f64,
    /// Length of the gradient before it was shortened.
    pub gradient: f64,
    /// The learning rate.
    pub rate: f64,
    /// Tokens that were seen.
    pub tokens: usize,
    /// Tokens that carried loss.
    pub kept: usize,
}

/// What a checkpoint says of itself, beside weights and means.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    version: u32,
    options: TrainOptions,
    examples: String,
    manifest: Value,
    history: Vec<StepReport>,
}

/// Version of a checkpoint's form.
const VERSION: u32 = 1;
const STATE: &str = "state.json";

/// Trains a model.
#[derive(Debug)]
pub struct Trainer<'a> {
    model: &'a Model,
    examples: &'a [Example],
    options: TrainOptions,
    trained: Vec<bool>,
    optimizer: AdamW,
    pools: Vec<rayon::ThreadPool>,
    history: Vec<StepReport>,
}

impl<'a> Trainer<'a> {
    /// Before the first step.
    ///
    /// # Errors
    /// When the options make no sense or an example does not fit the model.
    pub fn new(model: &'a Model, examples: &'a [Example], options: TrainOptions) -> Result<Self> {
        let wrong = |what: &str| Err(LearnError::Invalid(what.into()));
        if options.batch == 0 || options.pass_tokens == 0 || options.workers == 0 {
            return wrong("batch, pass_tokens and workers must be at least 1");
        }
        let finite = |number: f64| number.is_finite() && number >= 0.0;
        if !finite(options.epochs) || !finite(options.learning_rate) || options.epochs > 1e6 {
            return wrong("epochs and learning_rate must be numbers from 0");
        }
        if !(0.0..=1.0).contains(&options.warmup) || !(0.0..=1.0).contains(&options.final_rate) {
            return wrong("warmup and final_rate are shares, from 0 to 1");
        }
        if examples.is_empty() {
            return wrong("there is no example to learn from");
        }
        for example in examples {
            if example.tokens.len() != example.keeps.len() {
                return wrong("an example has other tokens than marks");
            }
            if example.tokens.len() > model.longest() {
                return Err(LearnError::Invalid(format!(
                    "{} is {} tokens long, and the model takes {}",
                    example.id,
                    example.tokens.len(),
                    model.longest()
                )));
            }
        }
        let trained = trained(model, &options);
        let optimizer = AdamW::new(model, &trained, options.adam.clone())?;
        let pools = (0..options.workers)
            .map(|_| {
                rayon::ThreadPoolBuilder::new()
                    .num_threads(1)
                    .stack_size(16 << 20)
                    .build()
                    .map_err(|error| {
                        LearnError::Invalid(format!("threads cannot be started: {error}"))
                    })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            model,
            examples,
            options,
            trained,
            optimizer,
            pools,
            history: Vec::new(),
        })
    }

    /// Steps of the whole run.
    pub fn steps(&self) -> usize {
        let seen = self.options.epochs * self.examples.len() as f64;
        (seen / self.options.batch as f64).ceil() as usize
    }

    /// The steps so far.
    pub fn history(&self) -> &[StepReport] {
        &self.history
    }

    /// True when all steps are done.
    pub fn is_done(&self) -> bool {
        self.history.len() >= self.steps()
    }

    /// The learning rate of a step, from 0: up along a line, then down along a cosine.
    fn rate(&self, step: usize) -> f64 {
        let steps = self.steps() as f64;
        let warm = (self.options.warmup * steps).ceil();
        let at = step as f64;
        let peak = self.options.learning_rate;
        if at < warm {
            return peak * (at + 1.0) / warm;
        }
        let share = (at - warm) / (steps - warm).max(1.0);
        let low = self.options.final_rate;
        peak * (low + (1.0 - low) * 0.5 * (1.0 + (std::f64::consts::PI * share).cos()))
    }

    /// The examples of a step. The order of an epoch depends on seed and epoch alone.
    fn of_step(&self, step: usize) -> Vec<&'a Example> {
        let count = self.examples.len();
        let mut order: Vec<usize> = Vec::new();
        let mut epoch = None;
        (step * self.options.batch..(step + 1) * self.options.batch)
            .filter(|at| (*at as f64) < self.options.epochs * count as f64)
            .map(|at| {
                if epoch != Some(at / count) {
                    epoch = Some(at / count);
                    order = (0..count).collect();
                    let name = format!("{}", at / count);
                    Draws::new(self.options.seed, &["order", &name]).shuffle(&mut order);
                }
                &self.examples[order[at % count]]
            })
            .collect()
    }

    /// Makes the next step. None when all are done.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn step(&mut self) -> Result<Option<StepReport>> {
        let step = self.history.len();
        if step >= self.steps() {
            return Ok(None);
        }
        let examples = self.of_step(step);
        let passes = pack(&examples, self.options.pass_tokens);
        let kept: usize = passes.iter().map(|pass| pass.targets.len()).sum();
        let scale = 1.0 / kept.max(1) as f32;
        let (loss, gradients) = self.gradients(&passes, scale)?;
        let rate = self.rate(step);
        let gradient = self.optimizer.update(self.model, &gradients, rate)?;
        let report = StepReport {
            step: step + 1,
            loss: loss.mean(),
            right: loss.right as f64 / loss.count.max(1) as f64,
            gradient,
            rate,
            tokens: passes.iter().map(|pass| pass.tokens.len()).sum(),
            kept,
        };
        self.history.push(report);
        Ok(Some(report))
    }

    /// Every worker takes each so-many-th pass; the sums are added in the order of the workers, so that the same
    /// number of workers gives the same bits.
    fn gradients(&self, passes: &[Packed], scale: f32) -> Result<(Loss, Gradients)> {
        let workers = self.pools.len().min(passes.len()).max(1);
        let work = |worker: usize| -> Result<(Loss, Gradients)> {
            let gradients = Gradients::new(&self.trained);
            let mut loss = Loss::default();
            for pass in passes.iter().skip(worker).step_by(workers) {
                loss.add(&self.model.backward(pass, scale, &gradients)?);
            }
            Ok((loss, gradients))
        };
        let parts: Vec<Result<(Loss, Gradients)>> = std::thread::scope(|scope| {
            let work = &work;
            let running: Vec<_> = self.pools[..workers]
                .iter()
                .enumerate()
                .map(|(worker, pool)| scope.spawn(move || pool.install(|| work(worker))))
                .collect();
            running
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|_| Err(LearnError::Invalid("a worker failed".into())))
                })
                .collect()
        });
        let mut parts = parts.into_iter();
        let (mut loss, gradients) = parts.next().unwrap_or_else(|| work(0))?;
        for part in parts {
            let (own_loss, own) = part?;
            loss.add(&own_loss);
            gradients.merge(&own)?;
        }
        Ok((loss, gradients))
    }

    /// The mean loss of other examples.
    ///
    /// # Errors
    /// When an example does not fit the model.
    pub fn loss_of(&self, examples: &[Example]) -> Result<Loss> {
        let all: Vec<&Example> = examples.iter().collect();
        let mut loss = Loss::default();
        for pass in pack(&all, self.options.pass_tokens) {
            loss.add(&self.pools[0].install(|| self.model.loss(&pass))?);
        }
        Ok(loss)
    }

    /// Writes a checkpoint into a folder, which appears whole: `model.safetensors`, `means.safetensors`,
    /// `state.json`. `manifest` says what the run is: its worlds, its mixture, what was held out.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, folder: &Path, manifest: &Value) -> Result<()> {
        let pending = folder.with_extension("tmp");
        if pending.exists() {
            fs::remove_dir_all(&pending).map_err(LearnError::file(&pending))?;
        }
        fs::create_dir_all(&pending).map_err(LearnError::file(&pending))?;
        save_weights(self.model, &pending.join("model.safetensors"))?;
        let mut names = Vec::new();
        let mut tensors = Vec::new();
        for (parameter, means) in self.model.parameters().iter().zip(&self.optimizer.means) {
            for (kind, tensor) in ["mean", "square"].iter().zip(means.iter().flatten()) {
                names.push((
                    format!("{}.{kind}", parameter.name),
                    parameter.var.dims().to_vec(),
                ));
                tensors.push(tensor);
            }
        }
        write(&pending.join("means.safetensors"), &names, |at| {
            Ok(tensors[at].flatten_all()?.to_vec1::<f32>()?)
        })?;
        let state = State {
            version: VERSION,
            options: self.options.clone(),
            examples: digest(self.examples),
            manifest: manifest.clone(),
            history: self.history.clone(),
        };
        let text = serde_json::to_string_pretty(&state)
            .map_err(|error| LearnError::Invalid(error.to_string()))?;
        write_text(&pending.join(STATE), &text)?;
        let old = folder.with_extension("old");
        if old.exists() {
            fs::remove_dir_all(&old).map_err(LearnError::file(&old))?;
        }
        if folder.exists() {
            fs::rename(folder, &old).map_err(LearnError::file(folder))?;
        }
        fs::rename(&pending, folder).map_err(LearnError::file(folder))?;
        if old.exists() {
            fs::remove_dir_all(&old).map_err(LearnError::file(&old))?;
        }
        Ok(())
    }

    /// Goes on from a checkpoint: the model's weights become those of the checkpoint, and the next step is the
    /// one that would have come. Nothing happens when there is none.
    ///
    /// # Errors
    /// When the checkpoint is of other examples or options, or damaged.
    pub fn resume(&mut self, folder: &Path) -> Result<bool> {
        // Killed between the two renames, the last whole one lies under its other name.
        let old = folder.with_extension("old");
        if !folder.exists() && old.join(STATE).exists() {
            fs::rename(&old, folder).map_err(LearnError::file(&old))?;
        }
        let state_path = folder.join(STATE);
        if !state_path.exists() {
            return Ok(false);
        }
        let state: State = serde_json::from_value(read_json(&state_path)?)
            .map_err(|error| LearnError::format(&state_path, error.to_string()))?;
        if state.version != VERSION || state.options != self.options {
            return Err(LearnError::format(
                &state_path,
                "the checkpoint is of other options; use another folder, or delete this one",
            ));
        }
        if state.examples != digest(self.examples) {
            return Err(LearnError::format(
                &state_path,
                "the checkpoint is of other examples; use another folder, or delete this one",
            ));
        }
        load_weights(self.model, &folder.join("model.safetensors"))?;
        let means_path = folder.join("means.safetensors");
        let mut named = Named::new();
        read(&means_path, &mut named)?;
        for (parameter, means) in self.model.parameters().iter().zip(&self.optimizer.means) {
            for (kind, tensor) in ["mean", "square"].iter().zip(means.iter().flatten()) {
                let name = format!("{}.{kind}", parameter.name);
                let Some((numbers, shape)) = named.remove(&name) else {
                    return Err(LearnError::format(
                        &means_path,
                        format!("there is no {name}"),
                    ));
                };
                let own = candle_core::Tensor::from_vec(numbers, shape, tensor.device())?;
                tensor.slice_set(&own, 0, 0)?;
            }
        }
        self.optimizer.step = state.history.len() as u64;
        self.history = state.history;
        Ok(true)
    }
}

/// Puts the weights of a file into a model of the same shape.
pub(crate) fn load_weights(model: &Model, path: &Path) -> Result<()> {
    let mut named = Named::new();
    read(path, &mut named)?;
    for (wanted, parameter) in wanted(model.config()).iter().zip(model.parameters()) {
        let Some((mut numbers, shape)) = named.remove(&wanted.name) else {
            return Err(LearnError::format(
                path,
                format!("there is no {}", wanted.name),
            ));
        };
        if shape != wanted.shape {
            return Err(LearnError::format(
                path,
                format!(
                    "{} is {shape:?}, and {:?} is needed",
                    wanted.name, wanted.shape
                ),
            ));
        }
        if wanted.transposed {
            numbers = crate::model::transpose(&numbers, shape[0], shape[1]);
        }
        let own = candle_core::Tensor::from_vec(numbers, parameter.var.shape(), model.device())?;
        parameter.var.set(&own)?;
    }
    Ok(())
}

/// Which weights are trained.
fn trained(model: &Model, options: &TrainOptions) -> Vec<bool> {
    model
        .parameters()
        .iter()
        .map(|parameter| {
            let layer = parameter
                .name
                .strip_prefix("model.layers.")
                .and_then(|rest| rest.split('.').next())
                .and_then(|number| number.parse::<usize>().ok());
            match layer {
                Some(layer) => layer >= options.frozen_layers,
                None if parameter.name.contains("embed_tokens") => !options.frozen_embedding,
                None => true,
            }
        })
        .collect()
}

/// Puts examples behind each other until a pass is full. An example is never cut.
pub fn pack(examples: &[&Example], pass_tokens: usize) -> Vec<Packed> {
    let mut passes: Vec<Packed> = Vec::new();
    for example in examples {
        match passes.last_mut() {
            Some(pass) if pass.tokens.len() + example.tokens.len() <= pass_tokens => {
                pass.push(&example.tokens, &example.keeps);
            }
            _ => {
                let mut pass = Packed::default();
                pass.push(&example.tokens, &example.keeps);
                passes.push(pass);
            }
        }
    }
    passes
}

/// A digest of examples.
fn digest(examples: &[Example]) -> String {
    let mut hasher = blake3::Hasher::new();
    for example in examples {
        hasher.update(&(example.tokens.len() as u64).to_le_bytes());
        for (token, keep) in example.tokens.iter().zip(&example.keeps) {
            hasher.update(&token.to_le_bytes());
            hasher.update(&[u8::from(*keep)]);
        }
    }
    hasher.finalize().to_hex()[..32].to_string()
}
