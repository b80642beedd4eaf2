//! Which kinds of tasks a world can carry, and what share each gets in a run over many worlds.

use std::collections::{BTreeMap, BTreeSet};

use practicum_world::World;

use crate::atlas::Atlas;
use crate::generate::Options;
use crate::task::Kind;

/// The share of the whole that a kind gets even if few worlds can carry it.
const LEAST: f64 = 0.04;
/// The share of one world's tasks that such a kind gets at most.
const MOST: f64 = 0.25;

/// The kinds of tasks that a world can carry, as far as its tools and rules say: a request can be declined
/// only where there are rules, left to the agent only where something can be chosen that is nobody's own,
/// done together only where the user has tools that change something.
pub fn carried(world: &World) -> BTreeSet<Kind> {
    let atlas = Atlas::new(world);
    let fits = |kind: &Kind| match kind {
        _ if atlas.writes.is_empty() => false,
        Kind::Declined => !world.rules().is_empty(),
        Kind::Together => !atlas.users_writes.is_empty(),
        Kind::Choice => !choosing(&atlas).is_empty(),
        _ => true,
    };
    Kind::ALL.into_iter().filter(fits).collect()
}

/// The writes of which an argument may be left to the agent.
pub(crate) fn choosing(atlas: &Atlas) -> Vec<usize> {
    let writes = atlas.writes.iter().copied();
    writes
        .filter(|tool| !atlas.left_open(*tool).is_empty())
        .collect()
}

/// The shares of the kinds in each of several worlds: a kind that few of them carry is made more often there,
/// so that it is a fair part of the whole.
pub fn balanced(options: &Options, worlds: &[BTreeSet<Kind>]) -> Vec<BTreeMap<Kind, f64>> {
    let sum: f64 = options.kinds.values().sum();
    let wanted = |kind: &Kind| options.kinds.get(kind).copied().unwrap_or(0.0) / sum.max(1e-9);
    let raised: BTreeMap<Kind, f64> = options
        .kinds
        .keys()
        .filter_map(|kind| {
            let carriers = worlds.iter().filter(|world| world.contains(kind)).count();
            let least = LEAST.min(wanted(kind)) * worlds.len() as f64 / carriers.max(1) as f64;
            let share = least.min(MOST);
            (share > wanted(kind)).then_some((*kind, share))
        })
        .collect();
    worlds
        .iter()
        .map(|world| {
            let own = options.kinds.keys().filter(|kind| world.contains(kind));
            let (rare, common): (Vec<&Kind>, Vec<&Kind>) =
                own.partition(|kind| raised.contains_key(kind));
            let left = 1.0 - rare.iter().map(|kind| raised[kind]).sum::<f64>();
            let whole: f64 = common.iter().map(|kind| wanted(kind)).sum();
            let mut shares: BTreeMap<Kind, f64> = common
                .iter()
                .map(|kind| (**kind, wanted(kind) * left / whole.max(1e-9)))
                .collect();
            shares.extend(rare.iter().map(|kind| (**kind, raised[kind])));
            shares
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_few_worlds_carry_is_made_more_often_there() {
        let all: BTreeSet<Kind> = Kind::ALL.into();
        let mut most = all.clone();
        most.remove(&Kind::Together);
        let worlds = [all, most.clone(), most.clone(), most];
        let shares = balanced(&Options::default(), &worlds);
        assert!((shares[0][&Kind::Together] - 0.16).abs() < 1e-9);
        for own in &shares {
            assert!((own.values().sum::<f64>() - 1.0).abs() < 1e-9);
        }
        assert!(!shares[1].contains_key(&Kind::Together));
        assert!(shares[1][&Kind::Write] > shares[0][&Kind::Write]);
    }
}
