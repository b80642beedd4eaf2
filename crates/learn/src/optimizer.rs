//! AdamW (Loshchilov and Hutter 2019): Adam whose weight decay stands beside the gradient, not in it.

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fused::{change_by, change_by_two, read};
use crate::model::{Gradients, Model};

/// The numbers of AdamW, apart from the learning rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamOptions {
    /// How long the mean of gradients remembers.
    pub beta1: f64,
    /// How long the mean of squared gradients remembers.
    pub beta2: f64,
    /// What is added to the root.
    pub eps: f64,
    /// Decay of matrices; norms and biases never decay.
    pub weight_decay: f64,
    /// Longest gradient, over all weights together; longer ones are shortened to it.
    pub clip: f64,
}

impl Default for AdamOptions {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.95,
            eps: 1e-8,
            weight_decay: 0.01,
            clip: 1.0,
        }
    }
}

/// AdamW with its two means of every weight that is trained.
#[derive(Debug)]
pub(crate) struct AdamW {
    options: AdamOptions,
    /// Steps so far.
    pub(crate) step: u64,
    /// Mean and mean square by weight; None where it is frozen.
    pub(crate) means: Vec<Option<[Tensor; 2]>>,
}

impl AdamW {
    pub(crate) fn new(model: &Model, trained: &[bool], options: AdamOptions) -> Result<Self> {
        let means = model
            .parameters()
            .iter()
            .zip(trained)
            .map(|(parameter, trained)| {
                let zeros =
                    || Tensor::zeros(parameter.var.shape(), DType::F32, parameter.var.device());
                Ok(if *trained {
                    Some([zeros()?, zeros()?])
                } else {
                    None
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            options,
            step: 0,
            means,
        })
    }

    /// Moves the weights, and returns the length of the whole gradient before it was shortened.
    pub(crate) fn update(
        &mut self,
        model: &Model,
        gradients: &Gradients,
        rate: f64,
    ) -> Result<f64> {
        let own: Vec<Option<Tensor>> = (0..self.means.len()).map(|at| gradients.take(at)).collect();
        let mut square = 0.0;
        for gradient in own.iter().flatten() {
            square += square_of(gradient)?;
        }
        let norm = square.sqrt();
        self.step += 1;
        if !norm.is_finite() {
            // Nothing sensible can be learnt from it: the weights stay as they are.
            return Ok(norm);
        }
        let shorten = if self.options.clip > 0.0 && norm > self.options.clip {
            self.options.clip / norm
        } else {
            1.0
        };
        for (at, gradient) in own.into_iter().enumerate() {
            let (Some(gradient), Some(means)) = (gradient, self.means[at].as_ref()) else {
                continue;
            };
            let parameter = &model.parameters()[at];
            let decay = if parameter.decays {
                self.options.weight_decay
            } else {
                0.0
            };
            self.move_one(
                parameter.var.as_tensor(),
                means,
                &gradient,
                shorten,
                rate,
                decay,
            )?;
        }
        Ok(norm)
    }

    fn move_one(
        &self,
        weight: &Tensor,
        [mean, square]: &[Tensor; 2],
        gradient: &Tensor,
        shorten: f64,
        rate: f64,
        decay: f64,
    ) -> Result<()> {
        let (beta1, beta2) = (self.options.beta1, self.options.beta2);
        let correct1 = 1.0 - beta1.powi(self.step as i32);
        let correct2 = 1.0 - beta2.powi(self.step as i32);
        if !weight.device().is_cpu() {
            let gradient = (gradient * shorten)?;
            let new_mean = ((mean * beta1)? + (&gradient * (1.0 - beta1))?)?;
            let new_square = ((square * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?;
            let root = ((&new_square / correct2)?.sqrt()? + self.options.eps)?;
            let step = ((&new_mean / correct1)? / root)?;
            let moved = ((weight.detach() * (1.0 - rate * decay))? - (step * rate)?)?;
            mean.slice_set(&new_mean, 0, 0)?;
            square.slice_set(&new_square, 0, 0)?;
            weight.slice_set(&moved, 0, 0)?;
            return Ok(());
        }
        let (b1, b2) = (beta1 as f32, beta2 as f32);
        let (g1, g2) = (
            ((1.0 - beta1) * shorten) as f32,
            ((1.0 - beta2) * shorten * shorten) as f32,
        );
        change_by(mean, gradient, |mean, gradient| {
            for (mean, g) in mean.iter_mut().zip(gradient) {
                *mean = b1 * *mean + g1 * g;
            }
        })?;
        change_by(square, gradient, |square, gradient| {
            for (square, g) in square.iter_mut().zip(gradient) {
                *square = b2 * *square + g2 * g * g;
            }
        })?;
        let keep = (1.0 - rate * decay) as f32;
        let rate = (rate / correct1) as f32;
        let scale = (1.0 / correct2) as f32;
        let eps = self.options.eps as f32;
        Ok(change_by_two(
            weight,
            mean,
            square,
            |weight, mean, square| {
                for ((weight, mean), square) in weight.iter_mut().zip(mean).zip(square) {
                    *weight = keep * *weight - rate * mean / ((square * scale).sqrt() + eps);
                }
            },
        )?)
    }
}

fn square_of(gradient: &Tensor) -> Result<f64> {
    if !gradient.device().is_cpu() {
        return Ok(f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?));
    }
    Ok(read(&gradient.contiguous()?, |gradient| {
        // In pieces, so that the 32-bit sums stay short.
        Ok(gradient
            .chunks(4_096)
            .map(|piece| f64::from(crate::arithmetic::dot(piece, piece)))
            .sum())
    })?)
}
