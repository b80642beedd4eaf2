//! Keys and values of what was read already, so that each new token costs one pass over the weights and no more.

use candle_core::{Device, Tensor};

use crate::arithmetic::{add_scaled, dot, softmax};
use crate::error::{LearnError, Result};
use crate::fused::{change, read};
use crate::model::Model;

/// What a model keeps of a text that it has read.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    tokens: usize,
    /// By layer and key head: rotated keys and values, (tokens, width) each.
    layers: Vec<Vec<[Vec<f32>; 2]>>,
}

impl Cache {
    /// Of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tokens read so far.
    pub fn len(&self) -> usize {
        self.tokens
    }

    /// True before the first token.
    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// Forgets all but the first tokens.
    pub fn truncate(&mut self, tokens: usize) {
        if tokens >= self.tokens {
            return;
        }
        for pair in self.layers.iter_mut().flatten() {
            for numbers in pair {
                let width = numbers.len() / self.tokens;
                numbers.truncate(tokens * width);
            }
        }
        self.tokens = tokens;
    }
}

/// New rows from which the attention is computed as a product of matrices; below, loops are faster.
const MANY_ROWS: usize = 12;

impl Model {
    /// Reads more tokens of each of several texts, and returns the logits behind the last of each: (texts,
    /// vocabulary). The texts do not see each other.
    ///
    /// # Errors
    /// When a text becomes too long, nothing new is read of one, or a token is unknown.
    pub fn extend(&self, caches: &mut [&mut Cache], news: &[&[u32]]) -> Result<Tensor> {
        let config = self.config();
        if caches.len() != news.len() || news.iter().any(|new| new.is_empty()) || news.is_empty() {
            return Err(LearnError::Invalid("there is nothing new to read".into()));
        }
        for (cache, new) in caches.iter_mut().zip(news) {
            let length = cache.tokens + new.len();
            if length > self.longest() {
                return Err(LearnError::Invalid(format!(
                    "a text of {length} tokens, and the model takes {}",
                    self.longest()
                )));
            }
            cache
                .layers
                .resize_with(config.layers, || vec![Default::default(); config.kv_heads]);
        }
        let tokens: Vec<u32> = news.iter().flat_map(|new| new.iter().copied()).collect();
        if let Some(token) = tokens
            .iter()
            .find(|token| **token as usize >= config.vocab_size)
        {
            return Err(LearnError::Invalid(format!(
                "token {token} of a vocabulary of {}",
                config.vocab_size
            )));
        }
        let mut x = self.embed(&tokens)?;
        for layer in 0..config.layers {
            let [q, k, v] = self.projections(layer, &x)?;
            // The attention of the few new rows is computed where the cache lies.
            let host = |x: Tensor| x.to_device(&Device::Cpu);
            let (q, k, v) = (host(q)?, host(k)?, host(v)?);
            let mut mixed = vec![0.0; tokens.len() * config.query_width()];
            read(&q, |q| {
                read(&k, |k| {
                    read(&v, |v| {
                        let mut row = 0;
                        for (cache, new) in caches.iter_mut().zip(news) {
                            let rows = row..row + new.len();
                            row = rows.end;
                            let (wide, narrow) = (config.query_width(), config.key_width());
                            let part = |x: &'_ [f32], width: usize| -> Vec<f32> {
                                x[rows.start * width..rows.end * width].to_vec()
                            };
                            let past = cache.tokens;
                            self.remember(
                                &mut cache.layers[layer],
                                &part(k, narrow),
                                &part(v, narrow),
                                past,
                            );
                            let out = &mut mixed[rows.start * wide..rows.end * wide];
                            self.attend(&cache.layers[layer], part(q, wide), past, out)?;
                        }
                        Ok(())
                    })
                })
            })?;
            let mixed =
                Tensor::from_vec(mixed, (tokens.len(), config.query_width()), &Device::Cpu)?
                    .to_device(self.device())?;
            x = self.rest_of_layer(layer, &x, &mixed)?;
        }
        let mut last = Vec::new();
        let mut end = 0;
        for (cache, new) in caches.iter_mut().zip(news) {
            cache.tokens += new.len();
            end += new.len();
            last.push(end as u32 - 1);
        }
        let count = last.len();
        let last = Tensor::from_vec(last, count, self.device())?;
        self.logits_of(&self.finish(&x.index_select(&last, 0)?)?)
    }

    /// Adds new keys, rotated, and values to a layer's.
    fn remember(&self, layer: &mut [[Vec<f32>; 2]], k: &[f32], v: &[f32], past: usize) {
        let (heads, width) = (self.config().kv_heads, self.config().head_dim);
        let rows = k
            .chunks_exact(heads * width)
            .zip(v.chunks_exact(heads * width));
        for (at, (k, v)) in rows.enumerate() {
            let parts = k.chunks_exact(width).zip(v.chunks_exact(width));
            for ([keys, values], (k, v)) in layer.iter_mut().zip(parts) {
                let from = keys.len();
                keys.extend_from_slice(k);
                self.rope().rotate(&mut keys[from..], past + at, 1.0);
                values.extend_from_slice(v);
            }
        }
    }

    /// The attention of new rows over all that a layer remembers, themselves included.
    fn attend(
        &self,
        layer: &[[Vec<f32>; 2]],
        mut q: Vec<f32>,
        past: usize,
        out: &mut [f32],
    ) -> candle_core::Result<()> {
        let config = self.config();
        let (heads, width) = (config.heads, config.head_dim);
        let group = heads / config.kv_heads;
        let rows = q.len() / (heads * width);
        let scale = 1.0 / (width as f32).sqrt();
        for (at, row) in q.chunks_exact_mut(heads * width).enumerate() {
            for head in row.chunks_exact_mut(width) {
                self.rope().rotate(head, past + at, 1.0);
                for x in head {
                    *x *= scale;
                }
            }
        }
        for (own, [keys, values]) in layer.iter().enumerate() {
            let known = past + rows;
            if rows < MANY_ROWS {
                for at in 0..rows {
                    for head in own * group..(own + 1) * group {
                        let from = (at * heads + head) * width;
                        let seen = past + at + 1;
                        let mut scores: Vec<f32> = keys
                            .chunks_exact(width)
                            .take(seen)
                            .map(|key| dot(&q[from..from + width], key))
                            .collect();
                        softmax(&mut scores);
                        let out = &mut out[from..from + width];
                        for (p, value) in scores.iter().zip(values.chunks_exact(width)) {
                            add_scaled(out, *p, value);
                        }
                    }
                }
                continue;
            }
            let mut queries = Vec::with_capacity(group * rows * width);
            for head in own * group..(own + 1) * group {
                for at in 0..rows {
                    let from = (at * heads + head) * width;
                    queries.extend_from_slice(&q[from..from + width]);
                }
            }
            let queries = Tensor::from_vec(queries, (group * rows, width), &Device::Cpu)?;
            let keys = Tensor::from_slice(keys, (known, width), &Device::Cpu)?;
            let values = Tensor::from_slice(values, (known, width), &Device::Cpu)?;
            let scores = queries.matmul(&keys.t()?)?;
            change(&scores, |scores| {
                for (at, row) in scores.chunks_exact_mut(known).enumerate() {
                    let (seen, hidden) = row.split_at_mut(past + at % rows + 1);
                    softmax(seen);
                    hidden.fill(0.0);
                }
            })?;
            read(&scores.matmul(&values)?, |mixed| {
                for (number, mixed) in mixed.chunks_exact(width).enumerate() {
                    let (head, at) = (own * group + number / rows, number % rows);
                    let from = (at * heads + head) * width;
                    out[from..from + width].copy_from_slice(mixed);
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}
