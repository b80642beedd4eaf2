//! The operations of `fused` made of candle's plain ones, whose gradients candle derives: the slow and obvious
//! twins, and the way on a GPU. Candle's own fused softmax, rms_norm and rope have no gradients and cut the graph
//! silently; none of them is used.

use std::ops::Range;

use candle_core::{D, DType, Result, Tensor};

use crate::rope::Rope;

pub(crate) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean + eps)?.sqrt()?)?
        .broadcast_mul(weight)
}

pub(crate) fn swiglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    gate.silu()? * up
}

pub(crate) fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let out = x.matmul(weight)?;
    match bias {
        Some(bias) => out.broadcast_add(bias),
        None => Ok(out),
    }
}

fn softmax(x: &Tensor) -> Result<Tensor> {
    let top = x.max_keepdim(D::Minus1)?.detach();
    let exp = x.broadcast_sub(&top)?.exp()?;
    exp.broadcast_div(&exp.sum_keepdim(D::Minus1)?)
}

/// (heads, tokens, width), rotated.
fn rotate(x: &Tensor, rope: &Rope) -> Result<Tensor> {
    let (_, length, width) = x.dims3()?;
    let (cos, sin) = rope.tables(length);
    let cos = Tensor::from_slice(cos, (length, width / 2), x.device())?;
    let sin = Tensor::from_slice(sin, (length, width / 2), x.device())?;
    let low = x.narrow(2, 0, width / 2)?;
    let high = x.narrow(2, width / 2, width / 2)?;
    let turned_low = (low.broadcast_mul(&cos)? - high.broadcast_mul(&sin)?)?;
    let turned_high = (high.broadcast_mul(&cos)? + low.broadcast_mul(&sin)?)?;
    Tensor::cat(&[turned_low, turned_high], 2)
}

/// Causal attention inside each segment.
pub(crate) fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    segments: &[Range<usize>],
    heads: usize,
    kv_heads: usize,
    rope: &Rope,
) -> Result<Tensor> {
    let width = q.dim(1)? / heads;
    let mut parts = Vec::new();
    for segment in segments {
        let length = segment.len();
        let split = |x: &Tensor, heads: usize| {
            x.narrow(0, segment.start, length)?
                .reshape((length, heads, width))?
                .transpose(0, 1)?
                .contiguous()
        };
        let repeat = |x: Tensor| {
            x.unsqueeze(1)?
                .broadcast_as((kv_heads, heads / kv_heads, length, width))?
                .reshape((heads, length, width))
        };
        let q = rotate(&split(q, heads)?, rope)?;
        let k = repeat(rotate(&split(k, kv_heads)?, rope)?)?;
        let v = repeat(split(v, kv_heads)?)?;
        let scores = (q.matmul(&k.transpose(1, 2)?)? * (1.0 / (width as f64).sqrt()))?;
        let mask: Vec<f32> = (0..length * length)
            .map(|at| {
                if at % length > at / length {
                    f32::NEG_INFINITY
                } else {
                    0.0
                }
            })
            .collect();
        let mask = Tensor::from_vec(mask, (length, length), q.device())?;
        let out = softmax(&scores.broadcast_add(&mask)?)?.matmul(&v)?;
        parts.push(
            out.transpose(0, 1)?
                .contiguous()?
                .reshape((length, heads * width))?,
        );
    }
    Tensor::cat(&parts, 0)
}

/// The weighted cross-entropy, summed, and the number of right first choices.
pub(crate) fn cross_entropy(
    logits: &Tensor,
    targets: &[u32],
    weights: &[f32],
) -> Result<(Tensor, usize)> {
    let device = logits.device();
    let targets = Tensor::from_slice(targets, (targets.len(), 1), device)?;
    let weights = Tensor::from_slice(weights, (weights.len(), 1), device)?;
    let top = logits.max_keepdim(1)?.detach();
    let log_sum = (logits.broadcast_sub(&top)?.exp()?.sum_keepdim(1)?.log()? + &top)?;
    let wanted = logits.gather(&targets, 1)?;
    let right = wanted
        .detach()
        .ge(&top)?
        .to_dtype(DType::F32)?
        .sum_all()?
        .to_scalar::<f32>()?;
    let loss = ((log_sum - wanted)? * weights)?.sum_all()?;
    Ok((loss, right as usize))
}
