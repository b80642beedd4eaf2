//! The built-in embedder: hashed words and trigrams of parameters and output fields.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::arithmetic::{FixedHash, HashedKeys, ln, mix};
use crate::tool_node::{Field, ToolNode};
use crate::vectors::{Embedder, Vectors};
use crate::words;

/// How much each part of a tool counts in its vector, each part being of unit length before.
const PARAMS: f64 = 1.0;
const OUTPUTS: f64 = 0.8;
const RESOURCE: f64 = 0.8;
/// How much each kind of feature counts within its part.
const WHOLE_NAME: f32 = 1.0;
const WORD: f32 = 0.7;
const TRIGRAM: f32 = 0.15;
const DESCRIPTION_WORD: f32 = 0.2;
/// What `id`, `name`, `status`... keep of a word's weight.
const GENERIC: f32 = 0.2;
/// Words of a description that are read.
const DESCRIPTION_WORDS: usize = 12;
/// Coordinates onto which one feature is projected. More than one, so that two features that meet
/// in one coordinate differ in the others.
const SPREAD: u64 = 4;

/// Hashed features of parameter and output-field names and descriptions, weighted by rarity,
/// projected to a dense vector.
///
/// - A name gives its folded whole (`orderid`, for `id` of an order too), its words and their
///   trigrams; a description gives words.
/// - A feature counts by inverse document frequency twice: over providers, so that what everybody
///   calls `name` counts for little, and over tools, so that within one provider the words of every
///   tool (`accountSid`) count for less than those of a few.
/// - Parameters, outputs and the resource's nouns are weighted, brought to unit length each, and
///   added; they share one space, so that what one tool returns is near to what another takes.
/// - A part that a tool lacks is taken to be peculiar to its API and resource: what is not said is
///   not shared.
/// - Features are projected by signed hashing (Weinberger et al. 2009, "Feature Hashing for Large
///   Scale Multitask Learning").
///
/// No model, no download, and the same bits on every machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lexical {
    /// Numbers per vector.
    pub dimension: usize,
}

impl Default for Lexical {
    fn default() -> Self {
        Self { dimension: 256 }
    }
}

impl Embedder for Lexical {
    fn embed(&self, tools: &[ToolNode]) -> Vectors {
        let dimension = self.dimension.max(1);
        let rarity = Rarity::of(tools);
        let values: Vec<f32> = tools
            .par_iter()
            .flat_map_iter(|tool| project(tool, &features(tool), &rarity, dimension))
            .collect();
        Vectors::new(dimension, values)
    }
}

/// The features of one tool, by part; sorted by hash, each once.
struct Features {
    parts: [Vec<(u64, f32)>; 3],
}

fn features(tool: &ToolNode) -> Features {
    let mut params = Vec::new();
    for field in &tool.params {
        field_features(tool, field, &mut params);
    }
    let mut outputs = Vec::new();
    for field in &tool.outputs {
        field_features(tool, field, &mut outputs);
    }
    let mut resource = Vec::new();
    for (outwards, noun) in tool.nouns().rev().enumerate() {
        let weight = 1.0 / (1 + outwards) as f32;
        noun_features(noun, weight, &mut resource);
    }
    Features {
        parts: [params, outputs, resource].map(merged),
    }
}

/// Sums what one feature got, and dampens repetition: the square root stands between presence and
/// count.
fn merged(mut features: Vec<(u64, f32)>) -> Vec<(u64, f32)> {
    // A stable sort keeps the order in which equal hashes are summed.
    features.sort_by_key(|(hash, _)| *hash);
    features.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    for (_, weight) in &mut features {
        *weight = weight.sqrt();
    }
    features
}

fn field_features(tool: &ToolNode, field: &Field, out: &mut Vec<(u64, f32)>) {
    if words::is_protocol(&field.name) {
        return;
    }
    let weight = 1.0 / f32::from(1 + field.depth);
    let mut name = words::words(&field.name);
    if words::is_generic(&name.concat())
        && let Some(entity) = tool.entity_of(field)
    {
        name.splice(0..0, entity.split(' ').map(str::to_owned));
    }
    name_features(&name, weight, out);
    let described = words::words(&field.description);
    let content = described.iter().filter(|word| !words::is_stop_word(word));
    for word in content.take(DESCRIPTION_WORDS) {
        out.push((word_hash(word), weight * DESCRIPTION_WORD));
    }
}

fn noun_features(noun: &str, weight: f32, out: &mut Vec<(u64, f32)>) {
    let noun: Vec<String> = noun.split(' ').map(str::to_owned).collect();
    name_features(&noun, weight, out);
}

fn name_features(name: &[String], weight: f32, out: &mut Vec<(u64, f32)>) {
    let mut whole = FixedHash::new(b'n');
    for word in name {
        whole = whole.text(word);
        let generic = if words::is_generic(word) {
            GENERIC
        } else {
            1.0
        };
        out.push((word_hash(word), weight * WORD * generic));
        let letters: Vec<char> = word.chars().collect();
        for trigram in letters.windows(3) {
            let mut hash = FixedHash::new(b'3');
            for letter in trigram {
                hash = hash.bytes(&u32::from(*letter).to_le_bytes());
            }
            out.push((hash.finish(), weight * TRIGRAM * generic));
        }
    }
    let lonely = name.len() == 1 && words::is_generic(&name[0]);
    out.push((
        whole.finish(),
        weight * WHOLE_NAME * if lonely { GENERIC } else { 1.0 },
    ));
}

fn word_hash(word: &str) -> u64 {
    FixedHash::new(b'w').text(word).finish()
}

/// How rare each feature is, over providers and over tools.
struct Rarity {
    weights: HashedKeys<f32>,
}

impl Rarity {
    fn of(tools: &[ToolNode]) -> Self {
        let mut by_provider: Vec<usize> = (0..tools.len()).collect();
        by_provider.sort_by(|a, b| tools[*a].provider.cmp(&tools[*b].provider));
        let mut counts: HashedKeys<(u32, u32)> = HashedKeys::default();
        let mut providers = 0;
        for provider in by_provider.chunk_by(|a, b| tools[*a].provider == tools[*b].provider) {
            providers += 1;
            let mut found: Vec<u64> = provider
                .par_iter()
                .flat_map_iter(|tool| {
                    let mut hashes: Vec<u64> = features(&tools[*tool])
                        .parts
                        .into_iter()
                        .flatten()
                        .map(|(hash, _)| hash)
                        .collect();
                    hashes.sort_unstable();
                    hashes.dedup();
                    hashes
                })
                .collect();
            found.par_sort_unstable();
            for same in found.chunk_by(|a, b| a == b) {
                let count = counts.entry(same[0]).or_default();
                count.0 += 1;
                count.1 += same.len() as u32;
            }
        }
        let idf = |total: usize, found: u32| {
            let total = (total + 1) as f64;
            ln(total / f64::from(found)) / ln(total)
        };
        let weights = counts
            .into_iter()
            .map(|(hash, (in_providers, in_tools))| {
                let weight =
                    idf(providers, in_providers) * (0.2 + 0.8 * idf(tools.len(), in_tools));
                (hash, weight as f32)
            })
            .collect();
        Self { weights }
    }

    fn weight(&self, hash: u64) -> f64 {
        self.weights.get(&hash).copied().map_or(0.0, f64::from)
    }
}

/// Adds a feature at its coordinates, with its signs: 16 bits of the hash for each, one of them the
/// sign.
fn scatter(hash: u64, weight: f64, onto: &mut [f64]) {
    let bits = mix(hash);
    for turn in 0..SPREAD {
        let bits = bits >> (16 * turn);
        let place = ((bits & 0x7fff) * onto.len() as u64) >> 15;
        onto[place as usize] += if bits & 0x8000 == 0 { weight } else { -weight };
    }
}

/// What stands for a part that a tool lacks. Without it, `GET /charges` with neither parameters nor
/// a schema would be the twin of every other provider's.
fn unsaid(tool: &ToolNode) -> u64 {
    [
        tool.provider.as_str(),
        &tool.api,
        tool.resource().unwrap_or(""),
    ]
    .iter()
    .fold(FixedHash::new(b'u'), |hash, text| {
        hash.text(text).bytes(&[0])
    })
    .finish()
}

fn project(tool: &ToolNode, features: &Features, rarity: &Rarity, dimension: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; dimension];
    if features.parts.iter().all(Vec::is_empty) {
        return vec![0.0; dimension];
    }
    let mut part_sum = vec![0.0_f64; dimension];
    for (part, share) in features.parts.iter().zip([PARAMS, OUTPUTS, RESOURCE]) {
        part_sum.fill(0.0);
        let mut square = 0.0;
        for (hash, weight) in part {
            let weight = f64::from(*weight) * rarity.weight(*hash);
            square += weight * weight;
            scatter(*hash, weight, &mut part_sum);
        }
        if square <= 0.0 {
            scatter(unsaid(tool), 1.0, &mut part_sum);
            square = 1.0;
        }
        let scale = share / square.sqrt();
        for (total, value) in sum.iter_mut().zip(&part_sum) {
            *total += scale * value;
        }
    }
    sum.into_iter().map(|value| value as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Field {
        Field {
            name: name.to_owned(),
            ..Field::default()
        }
    }

    fn tool(provider: &str, noun: &str, params: &[&str], outputs: &[&str]) -> ToolNode {
        ToolNode {
            provider: provider.to_owned(),
            resource_hint: (!noun.is_empty()).then(|| noun.to_owned()),
            params: params.iter().map(|name| field(name)).collect(),
            outputs: outputs.iter().map(|name| field(name)).collect(),
            ..ToolNode::default()
        }
    }

    fn shop() -> Vec<ToolNode> {
        vec![
            tool("a", "order", &["id"], &["id", "total", "placedAt"]),
            tool(
                "a",
                "order",
                &["orderId", "reason"],
                &["total", "placed_at"],
            ),
            tool("a", "customer", &["id"], &["id", "email", "firstName"]),
            tool("a", "charge", &[], &[]),
            tool("b", "charge", &[], &[]),
            tool("b", "", &[], &[]),
        ]
    }

    fn cosine(vectors: &Vectors, a: usize, b: usize) -> f32 {
        let rows: Vec<&[f32]> = vectors.rows().collect();
        rows[a].iter().zip(rows[b]).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn what_shares_parameters_is_near() {
        let vectors = Lexical::default().embed(&shop());
        assert_eq!((vectors.len(), vectors.dimension()), (6, 256));
        // `id` of an order is `orderId`; `id` of a customer is not.
        assert!(cosine(&vectors, 0, 1) > 0.6);
        assert!(cosine(&vectors, 0, 2) < 0.3);
    }

    #[test]
    fn what_is_not_said_is_not_shared() {
        let vectors = Lexical::default().embed(&shop());
        assert!(cosine(&vectors, 3, 4) < 0.6);
        let empty = vectors.rows().nth(5).unwrap();
        assert!(empty.iter().all(|value| *value == 0.0));
    }

    #[test]
    fn paging_changes_nothing() {
        let mut paged = shop();
        for tool in &mut paged {
            tool.params
                .extend(["page", "pageSize", "X-Request-Id", "$top"].map(field));
        }
        assert_eq!(
            Lexical::default().embed(&paged),
            Lexical::default().embed(&shop())
        );
    }

    #[test]
    fn rarity_is_the_product_of_two_idfs() {
        let rarity = Rarity::of(&shop());
        let idf = |total: f64, found: f64| ((total + 1.0) / found).ln() / (total + 1.0).ln();
        // "charge" is in both providers and two of six tools; "email" in one of each.
        for (word, providers, tools) in [("charge", 2.0, 2.0), ("email", 1.0, 1.0)] {
            let expected = idf(2.0, providers) * (0.2 + 0.8 * idf(6.0, tools));
            assert!(
                (rarity.weight(word_hash(word)) - expected).abs() < 1e-6,
                "{word}"
            );
        }
    }
}
