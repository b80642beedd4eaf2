//! A differentiable decoder of the Llama family: grouped queries, rotary positions, RMS norms, SwiGLU.

#![expect(
    clippy::many_single_char_names,
    reason = "x, h, q, k and v are what the literature calls them"
)]

use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};

use crate::composed;
use crate::config::ModelConfig;
use crate::error::{LearnError, Result};
use crate::fused::{Attention, Linear, RmsNorm, Sink, SwiGlu, change, cross_entropy, read};
use crate::rope::Rope;

/// One weight of a model.
#[derive(Debug)]
pub struct Parameter {
    /// The name in Hugging Face's folders.
    pub name: String,
    /// The numbers. A projection is kept as (in, out), the transpose of what is in files.
    pub var: Var,
    /// Whether the numbers are the transpose of what is in files.
    pub transposed: bool,
    /// Whether weight decay applies: to matrices, not to norms and biases.
    pub decays: bool,
}

/// A weight as it must be: its name, its shape in files.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) transposed: bool,
}

/// Positions of one layer's weights.
#[derive(Debug, Clone)]
struct Layer {
    attention_norm: usize,
    q: usize,
    k: usize,
    v: usize,
    biases: Option<[usize; 3]>,
    norms: Option<[usize; 2]>,
    o: usize,
    feed_norm: usize,
    gate: usize,
    up: usize,
    down: usize,
}

/// Tokens of several segments in one row, and which of them carry loss.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Packed {
    /// The tokens of all segments, one behind the other.
    pub tokens: Vec<u32>,
    /// Where each segment lies. Nothing sees another segment.
    pub segments: Vec<Range<usize>>,
    /// What carries loss.
    pub targets: Vec<Target>,
}

/// A prediction that carries loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// The position that predicts.
    pub row: usize,
    /// The token that is right there.
    pub token: u32,
    /// How much it counts.
    pub weight: f32,
}

impl Packed {
    /// Puts a sequence behind the others. `keeps[i]` says whether token `i` carries loss; the first one cannot,
    /// nothing predicts it.
    pub fn push(&mut self, tokens: &[u32], keeps: &[bool]) {
        let from = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.segments.push(from..self.tokens.len());
        for (at, (token, keep)) in tokens.iter().zip(keeps).enumerate().skip(1) {
            if *keep {
                self.targets.push(Target {
                    row: from + at - 1,
                    token: *token,
                    weight: 1.0,
                });
            }
        }
    }
}

/// A loss, not divided by anything yet.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Loss {
    /// Sum of `weight x cross-entropy`.
    pub sum: f64,
    /// Sum of the weights.
    pub weight: f64,
    /// Predictions whose likeliest token is the right one.
    pub right: usize,
    /// Predictions.
    pub count: usize,
}

impl Loss {
    /// Adds another batch's.
    pub fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.weight += other.weight;
        self.right += other.right;
        self.count += other.count;
    }

    /// The mean; 0 of nothing.
    pub fn mean(&self) -> f64 {
        if self.weight > 0.0 {
            self.sum / self.weight
        } else {
            0.0
        }
    }
}

/// Gradients of the weights that are trained, summed over batches.
#[derive(Debug, Default)]
pub struct Gradients {
    sinks: Vec<Option<Sink>>,
}

impl Gradients {
    /// Of no batch yet. `trained[i]` says whether weight `i` is trained.
    pub fn new(trained: &[bool]) -> Self {
        Self {
            sinks: trained
                .iter()
                .map(|trained| trained.then(Sink::default))
                .collect(),
        }
    }

    /// Takes the sum of a weight's gradients out.
    pub fn take(&self, parameter: usize) -> Option<Tensor> {
        self.sinks.get(parameter)?.as_ref()?.take()
    }

    fn sink(&self, parameter: usize) -> Option<Sink> {
        self.sinks.get(parameter).cloned().flatten()
    }

    /// Adds the sums of another worker.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn merge(&self, other: &Self) -> Result<()> {
        for (at, sink) in self.sinks.iter().enumerate() {
            if let (Some(sink), Some(gradient)) = (sink, other.take(at)) {
                sink.add(gradient)?;
            }
        }
        Ok(())
    }
}

/// Longest sequence that tables are made for, whatever the model allows.
const LONGEST: usize = 8_192;
/// Rows that go through the head at a time: the logits of all would be the largest thing in memory.
const HEAD_ROWS: usize = 128;

/// A decoder.
#[derive(Debug)]
pub struct Model {
    config: ModelConfig,
    parameters: Vec<Parameter>,
    layers: Vec<Layer>,
    rope: Arc<Rope>,
    device: Device,
}

/// All weights of a shape, in order: the embedding, the layers, the last norm, the head where it is its own.
pub(crate) fn wanted(config: &ModelConfig) -> Vec<Wanted> {
    let mut all = Vec::new();
    let mut want = |name: String, shape: &[usize], transposed: bool| {
        all.push(Wanted {
            name,
            shape: shape.to_vec(),
            transposed,
        });
    };
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let (query, key) = (config.query_width(), config.key_width());
    want(
        "model.embed_tokens.weight".into(),
        &[config.vocab_size, hidden],
        false,
    );
    for layer in 0..config.layers {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        want(name("input_layernorm.weight"), &[hidden], false);
        want(name("self_attn.q_proj.weight"), &[query, hidden], true);
        want(name("self_attn.k_proj.weight"), &[key, hidden], true);
        want(name("self_attn.v_proj.weight"), &[key, hidden], true);
        if config.qkv_bias {
            want(name("self_attn.q_proj.bias"), &[query], false);
            want(name("self_attn.k_proj.bias"), &[key], false);
            want(name("self_attn.v_proj.bias"), &[key], false);
        }
        if config.qk_norm {
            want(name("self_attn.q_norm.weight"), &[config.head_dim], false);
            want(name("self_attn.k_norm.weight"), &[config.head_dim], false);
        }
        want(name("self_attn.o_proj.weight"), &[hidden, query], true);
        want(name("post_attention_layernorm.weight"), &[hidden], false);
        want(name("mlp.gate_proj.weight"), &[inner, hidden], true);
        want(name("mlp.up_proj.weight"), &[inner, hidden], true);
        want(name("mlp.down_proj.weight"), &[hidden, inner], true);
    }
    want("model.norm.weight".into(), &[hidden], false);
    if !config.tied {
        want("lm_head.weight".into(), &[config.vocab_size, hidden], false);
    }
    all
}

/// The transpose of a matrix, by blocks that fit the cache.
pub(crate) fn transpose(from: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const BLOCK: usize = 32;
    let mut to = vec![0.0; from.len()];
    for row_block in (0..rows).step_by(BLOCK) {
        for column_block in (0..columns).step_by(BLOCK) {
            for row in row_block..rows.min(row_block + BLOCK) {
                for column in column_block..columns.min(column_block + BLOCK) {
                    to[column * rows + row] = from[row * columns + column];
                }
            }
        }
    }
    to
}

impl Model {
    /// A model of weights that `weight` gives by name, as they are in files.
    ///
    /// # Errors
    /// When the shape makes no sense, or a weight is missing or of another shape.
    pub(crate) fn new(
        config: ModelConfig,
        device: &Device,
        mut weight: impl FnMut(&Wanted) -> Result<Vec<f32>>,
    ) -> Result<Self> {
        config.check().map_err(LearnError::Invalid)?;
        let mut parameters = Vec::new();
        for wanted in wanted(&config) {
            let mut numbers = weight(&wanted)?;
            let mut shape = wanted.shape.clone();
            if wanted.transposed {
                numbers = transpose(&numbers, shape[0], shape[1]);
                shape.reverse();
            }
            let tensor = Tensor::from_vec(numbers, shape.as_slice(), &Device::Cpu)?;
            parameters.push(Parameter {
                name: wanted.name,
                var: Var::from_tensor(&tensor.to_device(device)?)?,
                transposed: wanted.transposed,
                decays: wanted.shape.len() > 1,
            });
        }
        let per_layer = 9 + 3 * usize::from(config.qkv_bias) + 2 * usize::from(config.qk_norm);
        let layers = (0..config.layers)
            .map(|layer| {
                let mut next = 1 + layer * per_layer;
                let mut take = || {
                    next += 1;
                    next - 1
                };
                Layer {
                    attention_norm: take(),
                    q: take(),
                    k: take(),
                    v: take(),
                    biases: config.qkv_bias.then(|| [take(), take(), take()]),
                    norms: config.qk_norm.then(|| [take(), take()]),
                    o: take(),
                    feed_norm: take(),
                    gate: take(),
                    up: take(),
                    down: take(),
                }
            })
            .collect();
        let rope = Rope::new(
            config.head_dim,
            config.rope_theta,
            config.max_positions.min(LONGEST),
        );
        Ok(Self {
            config,
            parameters,
            layers,
            rope: Arc::new(rope),
            device: device.clone(),
        })
    }

    /// A model of random weights, drawn from a normal distribution of deviation 0.02 (norms: 1).
    ///
    /// # Errors
    /// When the shape makes no sense.
    pub fn random(config: ModelConfig, seed: u64) -> Result<Self> {
        let mut draws = practicum_world::Draws::new(seed, &["model"]);
        Self::new(config, &Device::Cpu, |wanted| {
            let count = wanted.shape.iter().product();
            let norm = wanted.shape.len() == 1 && wanted.name.ends_with("weight");
            Ok((0..count)
                .map(|_| {
                    // Twelve uniform draws less six: the central limit theorem's normal.
                    let sum: f64 = (0..12)
                        .map(|_| (draws.bits() >> 11) as f64 / (1u64 << 53) as f64)
                        .sum();
                    let normal = 0.02 * (sum - 6.0);
                    (if norm { 1.0 + normal } else { normal }) as f32
                })
                .collect())
        })
    }

    /// The shape.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// All weights.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Longest sequence that can be used.
    pub fn longest(&self) -> usize {
        self.rope.positions()
    }

    pub(crate) fn rope(&self) -> &Rope {
        &self.rope
    }

    /// A weight outside any graph.
    fn weight(&self, parameter: usize) -> Tensor {
        self.parameters[parameter].var.as_detached_tensor()
    }

    fn head(&self) -> usize {
        if self.config.tied {
            0
        } else {
            self.parameters.len() - 1
        }
    }

    fn last_norm(&self) -> usize {
        self.parameters.len() - 1 - usize::from(!self.config.tied)
    }

    fn check(&self, batch: &Packed) -> Result<()> {
        let longest = batch.segments.iter().map(Range::len).max().unwrap_or(0);
        if longest > self.longest() {
            return Err(LearnError::Invalid(format!(
                "a sequence of {longest} tokens, and the model takes {}",
                self.longest()
            )));
        }
        if batch.segments.iter().any(Range::is_empty) || batch.tokens.is_empty() {
            return Err(LearnError::Invalid("an empty sequence".into()));
        }
        let unknown = |token: &u32| *token as usize >= self.config.vocab_size;
        if let Some(token) = batch.tokens.iter().find(|token| unknown(token)) {
            return Err(LearnError::Invalid(format!(
                "token {token} of a vocabulary of {}",
                self.config.vocab_size
            )));
        }
        Ok(())
    }

    /// The embeddings of tokens, outside any graph.
    pub(crate) fn embed(&self, tokens: &[u32]) -> Result<Tensor> {
        let ids = Tensor::from_slice(tokens, tokens.len(), &self.device)?;
        Ok(self.weight(0).index_select(&ids, 0)?)
    }

    pub(crate) fn norm(&self, x: &Tensor, parameter: usize) -> Result<Tensor> {
        self.fused_norm(x, parameter, &Gradients::default())
    }

    fn fused_norm(&self, x: &Tensor, parameter: usize, gradients: &Gradients) -> Result<Tensor> {
        Ok(x.apply_op1(RmsNorm {
            weight: self.weight(parameter),
            eps: self.config.norm_eps as f32,
            sink: gradients.sink(parameter),
        })?)
    }

    fn fused_linear(
        &self,
        x: &Tensor,
        weight: usize,
        bias: Option<usize>,
        gradients: &Gradients,
    ) -> Result<Tensor> {
        Ok(x.apply_op1(Linear {
            weight: self.weight(weight),
            sink: gradients.sink(weight),
            bias: bias.map(|bias| self.weight(bias)),
            bias_sink: bias.and_then(|bias| gradients.sink(bias)),
        })?)
    }

    /// Queries and keys normalised head by head, where the family does so.
    fn head_norms(
        &self,
        layer: &Layer,
        q: Tensor,
        k: Tensor,
        norm: impl Fn(&Tensor, usize) -> Result<Tensor>,
    ) -> Result<(Tensor, Tensor)> {
        let Some([q_norm, k_norm]) = layer.norms else {
            return Ok((q, k));
        };
        let by_head = |x: &Tensor, parameter| -> Result<Tensor> {
            let heads = x.reshape(((), self.config.head_dim))?;
            Ok(norm(&heads, parameter)?.reshape(x.shape())?)
        };
        Ok((by_head(&q, q_norm)?, by_head(&k, k_norm)?))
    }

    /// Queries, keys and values of a layer, not rotated, for rows outside any graph.
    pub(crate) fn projections(&self, layer: usize, x: &Tensor) -> Result<[Tensor; 3]> {
        let layer = &self.layers[layer];
        self.fused_projections(layer, x, &Gradients::default())
    }

    fn fused_projections(
        &self,
        layer: &Layer,
        x: &Tensor,
        gradients: &Gradients,
    ) -> Result<[Tensor; 3]> {
        let bias = |at: usize| layer.biases.map(|biases| biases[at]);
        let h = self.fused_norm(x, layer.attention_norm, gradients)?;
        let q = self.fused_linear(&h, layer.q, bias(0), gradients)?;
        let k = self.fused_linear(&h, layer.k, bias(1), gradients)?;
        let v = self.fused_linear(&h, layer.v, bias(2), gradients)?;
        let (q, k) = self.head_norms(layer, q, k, |x, at| self.fused_norm(x, at, gradients))?;
        Ok([q, k, v])
    }

    /// What follows the attention of a layer, for rows outside any graph.
    pub(crate) fn rest_of_layer(&self, layer: usize, x: &Tensor, mixed: &Tensor) -> Result<Tensor> {
        self.fused_rest(&self.layers[layer], x, mixed, &Gradients::default())
    }

    fn fused_rest(
        &self,
        layer: &Layer,
        x: &Tensor,
        mixed: &Tensor,
        gradients: &Gradients,
    ) -> Result<Tensor> {
        let linear = |x: &Tensor, weight| self.fused_linear(x, weight, None, gradients);
        let x = (x + linear(mixed, layer.o)?)?;
        let h = self.fused_norm(&x, layer.feed_norm, gradients)?;
        let gate = linear(&h, layer.gate)?;
        let up = linear(&h, layer.up)?;
        let inner = gate.apply_op2(&up, SwiGlu)?;
        Ok((x + linear(&inner, layer.down)?)?)
    }

    /// All layers over a packed row, before the last norm.
    fn fused_trunk(&self, x: Tensor, batch: &Packed, gradients: &Gradients) -> Result<Tensor> {
        let segments = Arc::new(batch.segments.clone());
        let mut x = x;
        for layer in &self.layers {
            let [q, k, v] = self.fused_projections(layer, &x, gradients)?;
            let mixed = q.apply_op3(
                &k,
                &v,
                Attention {
                    segments: Arc::clone(&segments),
                    heads: self.config.heads,
                    kv_heads: self.config.kv_heads,
                    head_dim: self.config.head_dim,
                    rope: Arc::clone(&self.rope),
                },
            )?;
            x = self.fused_rest(layer, &x, &mixed, gradients)?;
        }
        Ok(x)
    }

    /// Logits of normalised rows.
    pub(crate) fn logits_of(&self, normed: &Tensor) -> Result<Tensor> {
        Ok(normed.matmul(&self.weight(self.head()).t()?)?)
    }

    /// The last norm, outside any graph.
    pub(crate) fn finish(&self, x: &Tensor) -> Result<Tensor> {
        self.norm(x, self.last_norm())
    }

    /// Logits of all positions of a packed row: (tokens, vocabulary).
    ///
    /// # Errors
    /// When a sequence is too long, or a token unknown.
    pub fn logits(&self, batch: &Packed) -> Result<Tensor> {
        self.check(batch)?;
        let x = self.fused_trunk(self.embed(&batch.tokens)?, batch, &Gradients::default())?;
        self.logits_of(&self.finish(&x)?)
    }

    fn rows(&self, batch: &Packed) -> Result<Tensor> {
        let rows: Vec<u32> = batch
            .targets
            .iter()
            .map(|target| target.row as u32)
            .collect();
        Ok(Tensor::from_vec(rows, batch.targets.len(), &self.device)?)
    }

    /// The loss alone.
    ///
    /// # Errors
    /// When a sequence is too long, or a token unknown.
    pub fn loss(&self, batch: &Packed) -> Result<Loss> {
        self.check(batch)?;
        if batch.targets.is_empty() {
            return Ok(Loss::default());
        }
        let x = self.fused_trunk(self.embed(&batch.tokens)?, batch, &Gradients::default())?;
        let rows = self.finish(&x.index_select(&self.rows(batch)?, 0)?)?;
        Ok(self.head_loss(&rows, &batch.targets, 1.0, None)?.0)
    }

    /// The loss, and the gradients of `scale x loss`, which are added to those gathered so far.
    ///
    /// # Errors
    /// When a sequence is too long, or a token unknown.
    pub fn backward(&self, batch: &Packed, scale: f32, gradients: &Gradients) -> Result<Loss> {
        self.check(batch)?;
        if batch.targets.is_empty() {
            return Ok(Loss::default());
        }
        if !self.device.is_cpu() {
            return self.composed_backward(batch, scale, gradients);
        }
        // The one variable of the graph: everything behind it is recorded, and its own gradient is the
        // embedding's.
        let x = Var::from_tensor(&self.embed(&batch.tokens)?)?;
        let trunk = self.fused_trunk(x.as_tensor().clone(), batch, gradients)?;
        let chosen = trunk.index_select(&self.rows(batch)?, 0)?;
        let rows = self.fused_norm(&chosen, self.last_norm(), gradients)?;
        let (loss, gradient) =
            self.head_loss(&rows.detach(), &batch.targets, scale, Some(gradients))?;
        // The head's gradient is known by now; this carries it into the graph.
        let store = (&rows * &gradient)?.sum_all()?.backward()?;
        if let (Some(sink), Some(gradient)) = (gradients.sink(0), store.get(&x)) {
            sink.add(self.spread(&batch.tokens, gradient)?)?;
        }
        Ok(loss)
    }

    /// The gradient of the embedding from that of its rows.
    fn spread(&self, tokens: &[u32], gradient: &Tensor) -> Result<Tensor> {
        let width = self.config.hidden_size;
        let whole = Tensor::zeros(self.weight(0).shape(), DType::F32, &self.device)?;
        read(&gradient.contiguous()?, |gradient| {
            change(&whole, |whole| {
                for (token, row) in tokens.iter().zip(gradient.chunks_exact(width)) {
                    let from = *token as usize * width;
                    crate::arithmetic::add_scaled(&mut whole[from..from + width], 1.0, row);
                }
            })
        })?;
        Ok(whole)
    }

    /// The loss of normalised rows, and the gradient of `scale x loss` by those rows when gradients are wanted.
    /// Some rows at a time: the logits of all would be the largest thing in memory.
    fn head_loss(
        &self,
        rows: &Tensor,
        targets: &[Target],
        scale: f32,
        gradients: Option<&Gradients>,
    ) -> Result<(Loss, Tensor)> {
        let head = self.weight(self.head());
        let sink = gradients.and_then(|gradients| gradients.sink(self.head()));
        let mut loss = Loss::default();
        let mut parts = Vec::new();
        for (at, targets) in targets.chunks(HEAD_ROWS).enumerate() {
            let rows = rows.narrow(0, at * HEAD_ROWS, targets.len())?;
            let logits = rows.matmul(&head.t()?)?;
            let tokens: Vec<u32> = targets.iter().map(|target| target.token).collect();
            let weights: Vec<f32> = targets.iter().map(|target| target.weight * scale).collect();
            let (sum, right) = cross_entropy(&logits, &tokens, &weights)?;
            loss.sum += sum / f64::from(scale);
            loss.weight += targets
                .iter()
                .map(|target| f64::from(target.weight))
                .sum::<f64>();
            loss.right += right;
            loss.count += targets.len();
            if gradients.is_some() {
                parts.push(logits.matmul(&head)?);
            }
            if let Some(sink) = &sink {
                sink.add(logits.t()?.matmul(&rows)?)?;
            }
        }
        let gradient = match gradients {
            Some(_) => Tensor::cat(&parts, 0)?,
            None => Tensor::zeros(1, DType::F32, &self.device)?,
        };
        Ok((loss, gradient))
    }

    /// The same by candle's own gradients: the slow and obvious twin, and the way on a GPU.
    ///
    /// # Errors
    /// When a sequence is too long, or a token unknown.
    pub fn composed_backward(
        &self,
        batch: &Packed,
        scale: f32,
        gradients: &Gradients,
    ) -> Result<Loss> {
        self.check(batch)?;
        if batch.targets.is_empty() {
            return Ok(Loss::default());
        }
        let weight = |at: usize| {
            if gradients.sink(at).is_some() {
                self.parameters[at].var.as_tensor().clone()
            } else {
                self.weight(at)
            }
        };
        let eps = self.config.norm_eps;
        let norm = |x: &Tensor, at| Ok(composed::rms_norm(x, &weight(at), eps)?);
        let ids = Tensor::from_slice(&batch.tokens, batch.tokens.len(), &self.device)?;
        let mut x = weight(0).index_select(&ids, 0)?;
        for layer in &self.layers {
            let h = norm(&x, layer.attention_norm)?;
            let project = |at: usize, number: usize| {
                let bias = layer.biases.map(|biases| weight(biases[number]));
                composed::linear(&h, &weight(at), bias.as_ref())
            };
            let (q, k, v) = (
                project(layer.q, 0)?,
                project(layer.k, 1)?,
                project(layer.v, 2)?,
            );
            let (q, k) = self.head_norms(layer, q, k, norm)?;
            let mixed = composed::attention(
                &q,
                &k,
                &v,
                &batch.segments,
                self.config.heads,
                self.config.kv_heads,
                &self.rope,
            )?;
            x = (x + mixed.matmul(&weight(layer.o))?)?;
            let h = norm(&x, layer.feed_norm)?;
            let inner = composed::swiglu(
                &h.matmul(&weight(layer.gate))?,
                &h.matmul(&weight(layer.up))?,
            )?;
            x = (x + inner.matmul(&weight(layer.down))?)?;
        }
        let rows = norm(&x.index_select(&self.rows(batch)?, 0)?, self.last_norm())?;
        let logits = rows.matmul(&weight(self.head()).t()?)?;
        let tokens: Vec<u32> = batch.targets.iter().map(|target| target.token).collect();
        let weights: Vec<f32> = batch.targets.iter().map(|target| target.weight).collect();
        let (loss, right) = composed::cross_entropy(&logits, &tokens, &weights)?;
        let store = (&loss * f64::from(scale))?.backward()?;
        for (at, parameter) in self.parameters.iter().enumerate() {
            if let (Some(sink), Some(gradient)) = (gradients.sink(at), store.get(&parameter.var)) {
                sink.add(gradient.contiguous()?)?;
            }
        }
        Ok(Loss {
            sum: f64::from(loss.to_scalar::<f32>()?),
            weight: weights.iter().map(|weight| f64::from(*weight)).sum(),
            right,
            count: batch.targets.len(),
        })
    }
}
