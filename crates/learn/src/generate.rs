//! Writing: several texts at a time, greedy or sampled, free or guided.

use candle_core::Tensor;
use practicum_world::Draws;

use crate::arithmetic::{exp, largest};
use crate::cache::Cache;
use crate::error::Result;
use crate::fused::read;
use crate::guide::Guide;
use crate::model::Model;
use crate::tokenizer::Tokenizer;

/// A text to go on with.
#[derive(Debug)]
pub struct Request {
    /// What was read already.
    pub cache: Cache,
    /// What is new: at least one token.
    pub tokens: Vec<u32>,
    /// What may be written; anything when absent.
    pub guide: Option<Guide>,
    /// Draws of a sampled text; the likeliest token each time when absent.
    pub draws: Option<Draws>,
}

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// What was read by now: the request's tokens and all that was written, the last token left out.
    pub cache: Cache,
    /// The tokens, without the one that ends the turn.
    pub tokens: Vec<u32>,
    /// The model ended the turn; else it ran into the limit.
    pub ended: bool,
}

/// How texts are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WriteOptions {
    /// Most new tokens of a turn.
    pub most: usize,
    /// The token that ends a turn.
    pub end: u32,
    /// Divides the logits of sampled texts; above 0.
    pub temperature: f32,
    /// Sampled tokens come from the likeliest that have this probability together.
    pub top_p: f32,
}

/// One text on its way.
struct Running {
    at: usize,
    request: Request,
    written: Vec<u32>,
}

/// Writes until every text has ended or reached the limit. The texts go through the model together.
///
/// # Errors
/// When a text becomes too long for the model.
pub fn write(
    model: &Model,
    tokenizer: &Tokenizer,
    requests: Vec<Request>,
    options: WriteOptions,
) -> Result<Vec<Written>> {
    let mut done: Vec<Option<Written>> = requests.iter().map(|_| None).collect();
    let mut running: Vec<Running> = requests
        .into_iter()
        .enumerate()
        .map(|(at, request)| Running {
            at,
            request,
            written: Vec::new(),
        })
        .collect();
    while !running.is_empty() {
        let mut caches = Vec::new();
        let mut news = Vec::new();
        for text in &mut running {
            caches.push(&mut text.request.cache);
            news.push(text.request.tokens.as_slice());
        }
        let logits = model.extend(&mut caches, &news)?;
        let mut still = Vec::new();
        for (row, mut text) in running.into_iter().enumerate() {
            let token = choose(&logits.get(row)?, tokenizer, &mut text.request, options)?;
            let ended = token.is_none_or(|token| token == options.end);
            if let (Some(token), false) = (token, ended) {
                text.written.push(token);
                text.request.tokens = vec![token];
            }
            let room = text.request.cache.len() + 1 < model.longest();
            if ended || text.written.len() >= options.most || !room {
                done[text.at] = Some(Written {
                    cache: text.request.cache,
                    tokens: text.written,
                    ended,
                });
            } else {
                still.push(text);
            }
        }
        running = still;
    }
    Ok(done.into_iter().flatten().collect())
}

/// The next token; None when the guide lets nothing follow.
fn choose(
    logits: &Tensor,
    tokenizer: &Tokenizer,
    request: &mut Request,
    options: WriteOptions,
) -> Result<Option<u32>> {
    let logits = logits.to_device(&candle_core::Device::Cpu)?;
    let allowed = request.guide.as_ref().map(|guide| Allowed {
        firsts: guide.firsts(),
        guide,
        tokenizer,
        end: options.end,
    });
    let token = read(&logits, |logits| {
        Ok(match &mut request.draws {
            None => greedy(logits, allowed.as_ref()),
            Some(draws) => sampled(logits, allowed.as_ref(), draws, options),
        })
    })?;
    if let (Some(guide), Some(token)) = (&mut request.guide, token)
        && let Some(bytes) = tokenizer.bytes_of(token)
    {
        guide.take(bytes);
    }
    Ok(token)
}

struct Allowed<'a> {
    guide: &'a Guide,
    firsts: [bool; 256],
    tokenizer: &'a Tokenizer,
    end: u32,
}

impl Allowed<'_> {
    fn token(&self, token: u32) -> bool {
        if token == self.end {
            return self.guide.may_end();
        }
        match self.tokenizer.bytes_of(token) {
            Some([first, rest @ ..]) if self.firsts[*first as usize] => {
                rest.is_empty() || {
                    let mut guide = self.guide.clone();
                    guide.take(&[*first]) && guide.take(rest)
                }
            }
            _ => false,
        }
    }
}

fn greedy(logits: &[f32], allowed: Option<&Allowed<'_>>) -> Option<u32> {
    let mut best: Option<(u32, f32)> = None;
    for (token, logit) in logits.iter().enumerate() {
        // Only what would be the best so far is worth asking the guide about.
        if best.is_none_or(|(_, most)| *logit > most)
            && allowed.is_none_or(|allowed| allowed.token(token as u32))
        {
            best = Some((token as u32, *logit));
        }
    }
    best.map(|(token, _)| token)
}

fn sampled(
    logits: &[f32],
    allowed: Option<&Allowed<'_>>,
    draws: &mut Draws,
    options: WriteOptions,
) -> Option<u32> {
    let mut likely: Vec<(u32, f32)> = logits
        .iter()
        .enumerate()
        .map(|(token, logit)| (token as u32, *logit))
        .collect();
    likely.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if let Some(allowed) = allowed {
        likely.retain(|(token, _)| allowed.token(*token));
    }
    let values: Vec<f32> = likely.iter().map(|(_, logit)| *logit).collect();
    let top = largest(&values);
    let weights: Vec<f64> = values
        .iter()
        .map(|logit| f64::from(exp((logit - top) / options.temperature.max(1e-3))))
        .collect();
    let whole: f64 = weights.iter().sum();
    let mut sum = 0.0;
    let kept: Vec<f64> = weights
        .into_iter()
        .take_while(|weight| {
            let before = sum;
            sum += weight;
            before < whole * f64::from(options.top_p)
        })
        .collect();
    likely.get(draws.weighted(&kept)).map(|(token, _)| *token)
}
