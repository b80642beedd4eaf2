//! Conversations that nearly repeat another one: the share of the runs of words that two have in common, estimated by
//! MinHash (Broder, 1997) and looked up by bands of it, so that each is compared with few others.

use std::collections::BTreeMap;

use practicum_chat::Role;

use crate::trajectory::Trajectory;

/// Words of a run.
const RUN: usize = 5;
/// Smallest hashes that are kept, and how many of them in a row must agree for two to be compared. At a share of 0.9,
/// a pair without such a row is one in 10^8.
const HASHES: usize = 64;
const BAND: usize = 4;

/// The smallest hash of a conversation's runs, by each of [`HASHES`] orders.
pub(super) type Signature = [u64; HASHES];

/// Kept conversations of each world.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    kept: Vec<(String, Signature)>,
    bands: BTreeMap<(String, usize, [u64; BAND]), Vec<usize>>,
}

impl Conversations {
    /// A kept one that shares at least `least`, and how much.
    pub(super) fn near(&self, world: &str, own: &Signature, least: f64) -> Option<(&str, f64)> {
        if least > 1.0 {
            return None;
        }
        for key in bands(world, own) {
            for &at in self.bands.get(&key).into_iter().flatten() {
                let (id, other) = &self.kept[at];
                let same = own.iter().zip(other).filter(|(a, b)| a == b).count();
                let share = same as f64 / HASHES as f64;
                if share >= least {
                    return Some((id, share));
                }
            }
        }
        None
    }

    pub(super) fn add(&mut self, world: &str, id: &str, own: &Signature) {
        let at = self.kept.len();
        for key in bands(world, own) {
            self.bands.entry(key).or_default().push(at);
        }
        self.kept.push((id.to_string(), *own));
    }
}

fn bands<'a>(
    world: &'a str,
    own: &'a Signature,
) -> impl Iterator<Item = (String, usize, [u64; BAND])> + 'a {
    own.chunks_exact(BAND).enumerate().map(move |(at, rows)| {
        let mut band = [0; BAND];
        band.copy_from_slice(rows);
        (world.to_string(), at, band)
    })
}

/// What was said and called, without the instructions, which are the world's.
pub(super) fn signature(trajectory: &Trajectory) -> Signature {
    let mut words: Vec<String> = Vec::new();
    for message in &trajectory.messages {
        if message.role == Role::System {
            continue;
        }
        let calls = message.tool_calls.iter();
        let calls = calls.flat_map(|call| [&call.function.name, &call.function.arguments]);
        for text in std::iter::once(&message.content).chain(calls) {
            let own = text.split(|own: char| !own.is_alphanumeric());
            words.extend(own.filter(|own| !own.is_empty()).map(str::to_lowercase));
        }
    }
    let mut least = [u64::MAX; HASHES];
    let short = words.len().clamp(1, RUN);
    for run in words.windows(short) {
        let mut hasher = blake3::Hasher::new();
        for word in run {
            hasher.update(word.as_bytes());
            hasher.update(b" ");
        }
        let mut first = [0; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        let hash = u64::from_le_bytes(first);
        for (at, least) in least.iter_mut().enumerate() {
            *least = (*least).min(mixed(hash, at as u64));
        }
    }
    least
}

/// Another order of hashes for each number: the finaliser of SplitMix64 (Steele et al., 2014).
fn mixed(hash: u64, order: u64) -> u64 {
    let mut own = hash ^ order.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    own = (own ^ (own >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    own = (own ^ (own >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    own ^ (own >> 31)
}
