//! Which operations are the same: versions of one API, mirrors of one spec, plain repetitions.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::operation::Operation;
use crate::version::{Rank, comparable_path};
use crate::{DropReason, Filters, Format, provider};

/// What is remembered of an operation to tell whether it repeats another: some 200 bytes.
#[derive(Debug, Clone)]
pub(crate) struct FoldKey {
    /// The operation, whatever its version: host, method and path. `None` for functions,
    /// which have no identity beyond what they say.
    family: Option<Hash>,
    /// Everything that the operation says.
    content: Hash,
    rank: Rank,
}

type Hash = [u8; 16];

/// How an operation's fate was decided: dropped for a reason, in favour of another one.
pub(crate) type Verdict = Option<(DropReason, usize)>;

impl FoldKey {
    pub(crate) fn of(operation: &Operation) -> Self {
        let spec = &operation.spec;
        let (method, path) = spec
            .http
            .as_ref()
            .map_or(("", ""), |http| (http.method.as_str(), http.path.as_str()));
        let plain_path = comparable_path(path);
        let source = &spec.source;
        let prefix = spec.id.split('#').next().unwrap_or_default();
        let family = match source.format {
            Format::Functions => None,
            Format::Mcp => Some(hash(&["mcp", prefix, &operation.own_name])),
            // A URL is what it is, whoever describes it; a placeholder is not.
            _ if provider::from_host(&operation.host).is_some() => {
                Some(hash(&["host", &operation.host, method, &plain_path]))
            }
            _ => Some(hash(&["api", prefix, method, &plain_path])),
        };
        let mut content = blake3::Hasher::new();
        for part in [
            operation.own_name.to_lowercase().as_str(),
            spec.description.to_lowercase().as_str(),
            method,
            &plain_path,
        ] {
            add_text(&mut content, part);
        }
        add_value(&mut content, &spec.input);
        add_value(&mut content, spec.output.as_ref().unwrap_or(&Value::Null));
        Self {
            family,
            content: short(&content),
            rank: Rank::of(path, &source.version),
        }
    }
}

fn hash(parts: &[&str]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        add_text(&mut hasher, part);
    }
    short(&hasher)
}

fn short(hasher: &blake3::Hasher) -> Hash {
    let mut out = Hash::default();
    hasher.finalize_xof().fill(&mut out);
    out
}

fn add_text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

/// Hashes a value so that the order of keys does not matter.
fn add_value(hasher: &mut blake3::Hasher, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
            sorted.sort_by_key(|(key, _)| key.as_str());
            hasher.update(b"{");
            for (key, value) in sorted {
                add_text(hasher, key);
                add_value(hasher, value);
            }
            hasher.update(b"}");
        }
        Value::Array(items) => {
            hasher.update(b"[");
            for item in items {
                add_value(hasher, item);
            }
            hasher.update(b"]");
        }
        Value::String(text) => add_text(hasher, text),
        other => add_text(hasher, &other.to_string()),
    }
}

/// Decides on every operation. `keys` are in the order of the input, each with the number of its file.
///
/// What wins is never dropped itself: verdicts point at operations that stay.
pub(crate) fn fold(keys: &[(u32, FoldKey)], filters: &Filters) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = vec![None; keys.len()];
    let mut families: BTreeMap<Hash, Vec<usize>> = BTreeMap::new();
    for (index, (_, key)) in keys.iter().enumerate() {
        if let Some(family) = key.family {
            families.entry(family).or_default().push(index);
        }
    }
    for members in families.into_values() {
        if members.len() > 1 {
            fold_family(keys, &members, filters, &mut verdicts);
        }
    }
    if filters.duplicates {
        let mut first: BTreeMap<Hash, usize> = BTreeMap::new();
        for (index, (_, key)) in keys.iter().enumerate() {
            if verdicts.get(index).is_some_and(Option::is_some) {
                continue;
            }
            let winner = *first.entry(key.content).or_insert(index);
            if winner != index
                && let Some(verdict) = verdicts.get_mut(index)
            {
                *verdict = Some((DropReason::Duplicate, winner));
            }
        }
    }
    settle(&mut verdicts);
    verdicts
}

fn fold_family(
    keys: &[(u32, FoldKey)],
    members: &[usize],
    filters: &Filters,
    verdicts: &mut [Verdict],
) {
    let mut by_rank: BTreeMap<&Rank, Vec<(usize, u32)>> = BTreeMap::new();
    for index in members {
        if let Some((file, key)) = keys.get(*index) {
            by_rank.entry(&key.rank).or_default().push((*index, *file));
        }
    }
    // The newest comes last.
    let newest = by_rank
        .values()
        .next_back()
        .and_then(|members| members.first())
        .map(|(index, _)| *index);
    let ranks = by_rank.len();
    for (place, group) in by_rank.into_values().enumerate() {
        let Some((first, first_file)) = group.first().copied() else {
            continue;
        };
        let old = place + 1 < ranks;
        for (index, file) in group {
            let verdict = if old && filters.old_versions {
                newest.map(|newest| (DropReason::Superseded, newest))
            } else if file != first_file && filters.duplicates {
                Some((DropReason::Mirror, first))
            } else {
                None
            };
            if let Some(place) = verdicts.get_mut(index) {
                *place = verdict;
            }
        }
    }
}

/// Where the winner was itself dropped later, points at the one that beat it.
fn settle(verdicts: &mut [Verdict]) {
    for index in 0..verdicts.len() {
        let Some(Some((reason, mut winner))) = verdicts.get(index).copied() else {
            continue;
        };
        while let Some(Some((_, next))) = verdicts.get(winner) {
            winner = *next;
        }
        if let Some(place) = verdicts.get_mut(index) {
            *place = Some((reason, winner));
        }
    }
}
