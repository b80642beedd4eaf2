//! Operations with their own gradients, for the CPU. Each has its slow twin made of candle's plain operations in
//! `composed`, and a test holds them equal, gradients included.
//!
//! Weights do not travel through candle's graph: an operation holds its weight and adds the weight's gradient to
//! a [`Sink`]. That saves two passes over every weight, and nothing is computed for a weight that is frozen.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Device, InplaceOp1, InplaceOp2, InplaceOp3,
    Layout, Result, Shape, Storage, Tensor, bail,
};

use crate::arithmetic::{add_scaled, dot, exp, softmax};
use crate::rope::Rope;

/// Where the gradient of one weight is gathered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Option<Tensor>>>);

impl Sink {
    pub(crate) fn add(&self, gradient: Tensor) -> Result<()> {
        let Ok(mut held) = self.0.lock() else {
            bail!("another thread failed while it added a gradient");
        };
        match held.as_ref() {
            Some(sum) => add_in_place(sum, &gradient)?,
            None => *held = Some(gradient),
        }
        Ok(())
    }

    pub(crate) fn take(&self) -> Option<Tensor> {
        self.0.lock().ok().and_then(|mut held| held.take())
    }
}

/// The numbers of a contiguous tensor in the CPU's memory.
pub(crate) fn numbers<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((from, to)) = layout.contiguous_offsets() else {
        bail!("a contiguous tensor is needed, and this one has {layout:?}");
    };
    Ok(&storage.as_slice::<f32>()?[from..to])
}

/// The same, to be changed.
fn numbers_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let Some((from, to)) = layout.contiguous_offsets() else {
        bail!("a contiguous tensor is needed, and this one has {layout:?}");
    };
    match storage {
        CpuStorage::F32(numbers) => Ok(&mut numbers[from..to]),
        _ => bail!("32-bit floating point numbers are needed"),
    }
}

/// Gives the numbers of a tensor to a function.
pub(crate) fn read<R>(tensor: &Tensor, use_: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => use_(numbers(storage, layout)?),
        _ => bail!("this operation is for the CPU"),
    }
}

/// Runs a function over the numbers of a tensor, in place.
pub(crate) fn change(tensor: &Tensor, with: impl Fn(&mut [f32])) -> Result<()> {
    struct Change<F>(F);
    impl<F: Fn(&mut [f32])> InplaceOp1 for Change<F> {
        fn name(&self) -> &'static str {
            "change"
        }
        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
            (self.0)(numbers_mut(storage, layout)?);
            Ok(())
        }
    }
    tensor.inplace_op1(&Change(with))
}

/// Runs a function over the numbers of two tensors; the first is changed.
pub(crate) fn change_by(
    tensor: &Tensor,
    by: &Tensor,
    with: impl Fn(&mut [f32], &[f32]),
) -> Result<()> {
    struct Change<F>(F);
    impl<F: Fn(&mut [f32], &[f32])> InplaceOp2 for Change<F> {
        fn name(&self) -> &'static str {
            "change_by"
        }
        fn cpu_fwd(
            &self,
            s1: &mut CpuStorage,
            l1: &Layout,
            s2: &CpuStorage,
            l2: &Layout,
        ) -> Result<()> {
            (self.0)(numbers_mut(s1, l1)?, numbers(s2, l2)?);
            Ok(())
        }
    }
    tensor.inplace_op2(by, &Change(with))
}

/// Runs a function over the numbers of three tensors; the first is changed.
pub(crate) fn change_by_two(
    tensor: &Tensor,
    one: &Tensor,
    other: &Tensor,
    with: impl Fn(&mut [f32], &[f32], &[f32]),
) -> Result<()> {
    struct Change<F>(F);
    impl<F: Fn(&mut [f32], &[f32], &[f32])> InplaceOp3 for Change<F> {
        fn name(&self) -> &'static str {
            "change_by_two"
        }
        fn cpu_fwd(
            &self,
            s1: &mut CpuStorage,
            l1: &Layout,
            s2: &CpuStorage,
            l2: &Layout,
            s3: &CpuStorage,
            l3: &Layout,
        ) -> Result<()> {
            (self.0)(numbers_mut(s1, l1)?, numbers(s2, l2)?, numbers(s3, l3)?);
            Ok(())
        }
    }
    tensor.inplace_op3(one, other, &Change(with))
}

/// `sum += other`.
pub(crate) fn add_in_place(sum: &Tensor, other: &Tensor) -> Result<()> {
    change_by(sum, other, |sum, other| add_scaled(sum, 1.0, other))
}

/// `x W + b` for a weight of shape (in, out).
pub(crate) struct Linear {
    pub(crate) weight: Tensor,
    pub(crate) sink: Option<Sink>,
    pub(crate) bias: Option<Tensor>,
    pub(crate) bias_sink: Option<Sink>,
}

impl Linear {
    fn shapes(&self, layout: &Layout) -> Result<((usize, usize, usize, usize), Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let (inner, out) = self.weight.dims2()?;
        if width != inner {
            bail!("{width} columns times a weight of {inner} rows");
        }
        Ok(((1, rows, out, inner), (rows, out).into()))
    }
}

impl CustomOp1 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (sides, shape) = self.shapes(layout)?;
        let (weight, weight_layout) = self.weight.storage_and_layout();
        let Storage::Cpu(weight) = &*weight else {
            bail!("the weight lies on another device");
        };
        let mut out = storage.matmul(weight, sides, layout, weight_layout)?;
        if let (Some(bias), CpuStorage::F32(out)) = (&self.bias, &mut out) {
            read(bias, |bias| {
                for row in out.chunks_exact_mut(bias.len()) {
                    add_scaled(row, 1.0, bias);
                }
                Ok(())
            })?;
        }
        Ok((out, shape))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        if let Some(sink) = &self.bias_sink {
            sink.add(gradient.sum(0)?)?;
        }
        if let Some(sink) = &self.sink {
            sink.add(x.detach().t()?.matmul(&gradient)?)?;
        }
        gradient.matmul(&self.weight.t()?).map(Some)
    }
}

/// Every row divided by its root mean square, times a weight.
pub(crate) struct RmsNorm {
    pub(crate) weight: Tensor,
    pub(crate) eps: f32,
    pub(crate) sink: Option<Sink>,
}

impl RmsNorm {
    fn scale(&self, row: &[f32]) -> f32 {
        1.0 / (dot(row, row) / row.len() as f32 + self.eps).sqrt()
    }
}

impl CustomOp1 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = numbers(storage, layout)?;
        let out = read(&self.weight, |weight| {
            let mut out = Vec::with_capacity(x.len());
            for row in x.chunks_exact(weight.len()) {
                let scale = self.scale(row);
                out.extend(row.iter().zip(weight).map(|(x, weight)| x * scale * weight));
            }
            Ok(out)
        })?;
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    // With y = x s w and s = (mean x^2 + eps)^(-1/2): dx = s (w g - x s^2 mean(w g x)), dw = sum of g x s.
    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let width = self.weight.elem_count();
        let mut weight_gradient = vec![0.0f32; width];
        let out = read(x, |x| {
            read(&gradient, |gradient| {
                read(&self.weight, |weight| {
                    let mut out = Vec::with_capacity(x.len());
                    let mut scaled = vec![0.0f32; width];
                    for (x, gradient) in x.chunks_exact(width).zip(gradient.chunks_exact(width)) {
                        let s = self.scale(x);
                        for at in 0..width {
                            scaled[at] = weight[at] * gradient[at];
                            weight_gradient[at] += gradient[at] * x[at] * s;
                        }
                        let mean = dot(&scaled, x) / width as f32 * s * s;
                        out.extend(scaled.iter().zip(x).map(|(wg, x)| s * (wg - x * mean)));
                    }
                    Ok(out)
                })
            })
        })?;
        if let Some(sink) = &self.sink {
            sink.add(Tensor::from_vec(weight_gradient, width, &Device::Cpu)?)?;
        }
        Tensor::from_vec(out, x.shape(), &Device::Cpu).map(Some)
    }
}

/// `silu(gate) up`.
pub(crate) struct SwiGlu;

impl CustomOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (numbers(s1, l1)?, numbers(s2, l2)?);
        let out = gate
            .iter()
            .zip(up)
            .map(|(gate, up)| gate / (1.0 + exp(-gate)) * up)
            .collect();
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }

    fn bwd(
        &self,
        gate: &Tensor,
        up: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let (gates, ups) = read(gate, |gate| {
            read(up, |up| {
                read(&gradient, |gradient| {
                    let mut gates = vec![0.0f32; gate.len()];
                    let mut ups = vec![0.0f32; gate.len()];
                    for at in 0..gate.len() {
                        let sigmoid = 1.0 / (1.0 + exp(-gate[at]));
                        let silu = gate[at] * sigmoid;
                        ups[at] = gradient[at] * silu;
                        gates[at] = gradient[at] * up[at] * (sigmoid + silu * (1.0 - sigmoid));
                    }
                    Ok((gates, ups))
                })
            })
        })?;
        Ok((
            Some(Tensor::from_vec(gates, gate.shape(), &Device::Cpu)?),
            Some(Tensor::from_vec(ups, up.shape(), &Device::Cpu)?),
        ))
    }
}

/// Causal attention inside each of several segments of one packed row: queries (tokens, heads x width), keys and
/// values (tokens, key heads x width), the rotary embedding included. Positions begin at 0 in every segment, and
/// nothing sees another segment: the block-diagonal mask, without computing what it would hide.
pub(crate) struct Attention {
    pub(crate) segments: Arc<Vec<Range<usize>>>,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) rope: Arc<Rope>,
}

/// Rotated queries (scaled), rotated keys, and values of one segment, heads first.
struct Heads {
    q: Tensor,
    k: Tensor,
    v: Tensor,
}

impl Attention {
    /// Rows `segment` of (tokens, heads x width) as (heads, tokens, width).
    fn gather(&self, x: &[f32], segment: &Range<usize>, heads: usize, rotate: bool) -> Vec<f32> {
        let width = self.head_dim;
        let mut out = vec![0.0; segment.len() * heads * width];
        for head in 0..heads {
            for (position, row) in segment.clone().enumerate() {
                let from = (row * heads + head) * width;
                let to = (head * segment.len() + position) * width;
                let out = &mut out[to..to + width];
                out.copy_from_slice(&x[from..from + width]);
                if rotate {
                    self.rope.rotate(out, position, 1.0);
                }
            }
        }
        out
    }

    /// The way back, for results and gradients.
    fn scatter(
        &self,
        x: &[f32],
        segment: &Range<usize>,
        heads: usize,
        rotate: bool,
        out: &mut [f32],
    ) {
        let width = self.head_dim;
        for head in 0..heads {
            for (position, row) in segment.clone().enumerate() {
                let to = (row * heads + head) * width;
                let from = (head * segment.len() + position) * width;
                let out = &mut out[to..to + width];
                out.copy_from_slice(&x[from..from + width]);
                if rotate {
                    self.rope.rotate(out, position, -1.0);
                }
            }
        }
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }

    fn heads(&self, q: &[f32], k: &[f32], v: &[f32], segment: &Range<usize>) -> Result<Heads> {
        let (length, width) = (segment.len(), self.head_dim);
        let group = self.heads / self.kv_heads;
        let mut queries = self.gather(q, segment, self.heads, true);
        let scale = self.scale();
        for x in &mut queries {
            *x *= scale;
        }
        let keys = self.gather(k, segment, self.kv_heads, true);
        let values = self.gather(v, segment, self.kv_heads, false);
        let device = &Device::Cpu;
        Ok(Heads {
            // A group of query heads shares its keys: its rows simply follow each other.
            q: Tensor::from_vec(queries, (self.kv_heads, group * length, width), device)?,
            k: Tensor::from_vec(keys, (self.kv_heads, length, width), device)?,
            v: Tensor::from_vec(values, (self.kv_heads, length, width), device)?,
        })
    }

    fn probabilities(heads: &Heads, length: usize) -> Result<Tensor> {
        let scores = heads.q.matmul(&heads.k.t()?)?;
        change(&scores, |scores| {
            for (at, row) in scores.chunks_exact_mut(length).enumerate() {
                let (seen, hidden) = row.split_at_mut(at % length + 1);
                softmax(seen);
                hidden.fill(0.0);
            }
        })?;
        Ok(scores)
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (q, k, v) = (numbers(s1, l1)?, numbers(s2, l2)?, numbers(s3, l3)?);
        let mut out = vec![0.0; q.len()];
        for segment in self.segments.iter() {
            let heads = self.heads(q, k, v, segment)?;
            let mixed = Self::probabilities(&heads, segment.len())?.matmul(&heads.v)?;
            read(&mixed, |mixed| {
                self.scatter(mixed, segment, self.heads, false, &mut out);
                Ok(())
            })?;
        }
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let mut dq = vec![0.0; q.elem_count()];
        let mut dk = vec![0.0; k.elem_count()];
        let mut dv = vec![0.0; v.elem_count()];
        for segment in self.segments.iter() {
            let length = segment.len();
            let heads = read(q, |q| {
                read(k, |k| read(v, |v| self.heads(q, k, v, segment)))
            })?;
            // Computed again instead of kept: a fifth of the attention's work, and none of its memory.
            let probabilities = Self::probabilities(&heads, length)?;
            let out = read(&gradient, |gradient| {
                Tensor::from_vec(
                    self.gather(gradient, segment, self.heads, false),
                    heads.q.shape(),
                    &Device::Cpu,
                )
            })?;
            let values = probabilities.t()?.matmul(&out)?;
            let scores = out.matmul(&heads.v.t()?)?;
            // Of a softmax: ds = p (dp - sum of p dp).
            change_by(&scores, &probabilities, |scores, probabilities| {
                let rows = probabilities.chunks_exact(length);
                for (ds, p) in scores.chunks_exact_mut(length).zip(rows) {
                    let mean = dot(ds, p);
                    for (ds, p) in ds.iter_mut().zip(p) {
                        *ds = p * (*ds - mean);
                    }
                }
            })?;
            let queries = scores.matmul(&heads.k)?;
            let scale = self.scale();
            change(&queries, |queries| {
                for x in queries {
                    *x *= scale;
                }
            })?;
            let keys = scores.t()?.matmul(&heads.q)?;
            read(&queries, |x| {
                self.scatter(x, segment, self.heads, true, &mut dq);
                Ok(())
            })?;
            read(&keys, |x| {
                self.scatter(x, segment, self.kv_heads, true, &mut dk);
                Ok(())
            })?;
            read(&values, |x| {
                self.scatter(x, segment, self.kv_heads, false, &mut dv);
                Ok(())
            })?;
        }
        Ok((
            Some(Tensor::from_vec(dq, q.shape(), &Device::Cpu)?),
            Some(Tensor::from_vec(dk, k.shape(), &Device::Cpu)?),
            Some(Tensor::from_vec(dv, v.shape(), &Device::Cpu)?),
        ))
    }
}

/// Turns logits (rows, vocabulary) into the gradient of the weighted cross-entropy in place, and returns the sums
/// of `weight x loss` and of right first choices.
pub(crate) fn cross_entropy(
    logits: &Tensor,
    targets: &[u32],
    weights: &[f32],
) -> Result<(f64, usize)> {
    let vocabulary = logits.dim(1)?;
    let sums = Mutex::new((0.0f64, 0usize));
    change(logits, |logits| {
        let mut own = (0.0f64, 0usize);
        let rows = logits.chunks_exact_mut(vocabulary);
        for (row, (target, weight)) in rows.zip(targets.iter().zip(weights)) {
            let target = *target as usize;
            let wanted = row[target];
            let best = crate::arithmetic::largest(row);
            own.1 += usize::from(wanted >= best);
            let log_sum = softmax(row);
            own.0 += f64::from(*weight) * f64::from(log_sum - wanted);
            row[target] -= 1.0;
            for x in row {
                *x *= weight;
            }
        }
        if let Ok(mut sums) = sums.lock() {
            *sums = own;
        }
    })?;
    sums.into_inner()
        .map_err(|_| candle_core::Error::Msg("a thread failed in the loss".into()))
}
