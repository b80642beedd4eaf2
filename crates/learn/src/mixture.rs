//! Which demonstrations a model learns from, and which tasks it is judged on.

use std::collections::BTreeMap;

use practicum_world::Draws;

use crate::demonstrate::{Demonstration, Length};

/// Demonstrations in drawn order, worlds taking turns, lengths in the wanted shares as far as there are enough.
/// Ends when one more would exceed `tokens`, or at `count`. Demonstrations repeat when `repeat` is set and there are
/// too few, so that a single world can be compared with many at equal tokens.
pub fn mix(
    demonstrations: &[Demonstration],
    shares: &BTreeMap<Length, f64>,
    count: usize,
    tokens: usize,
    repeat: bool,
    seed: u64,
) -> Vec<Demonstration> {
    let mut draws = Draws::new(seed, &["mixture"]);
    let mut pools = pools(demonstrations, &mut draws);
    let full = pools.clone();
    let mut chosen: Vec<Demonstration> = Vec::new();
    let mut used = 0;
    let mut made: BTreeMap<Length, usize> = BTreeMap::new();
    while chosen.len() < count {
        if repeat && pools.values().all(Vec::is_empty) {
            pools = full.clone();
        }
        // The length that is furthest behind its share, of those that are left.
        let behind = |length: Length| {
            let share = shares.get(&length).copied().unwrap_or(0.0);
            share * (chosen.len() + 1) as f64 - made.get(&length).copied().unwrap_or(0) as f64
        };
        let next = pools
            .iter()
            .filter(|(length, pool)| {
                !pool.is_empty() && shares.get(length).is_some_and(|share| *share > 0.0)
            })
            .map(|(length, _)| *length)
            .max_by(|a, b| behind(*a).total_cmp(&behind(*b)).then(b.cmp(a)));
        let Some(length) = next else {
            if repeat && !pools.is_empty() && !chosen.is_empty() {
                pools = full.clone();
                continue;
            }
            break;
        };
        let Some(own) = pools.get_mut(&length).and_then(Vec::pop) else {
            break;
        };
        if used + own.example.tokens.len() > tokens {
            break;
        }
        used += own.example.tokens.len();
        *made.entry(length).or_default() += 1;
        chosen.push(own.clone());
    }
    chosen
}

/// By length, so that taking from the end lets worlds take turns.
fn pools<'a>(
    demonstrations: &'a [Demonstration],
    draws: &mut Draws,
) -> BTreeMap<Length, Vec<&'a Demonstration>> {
    let mut by: BTreeMap<Length, BTreeMap<&str, Vec<&Demonstration>>> = BTreeMap::new();
    for own in demonstrations {
        let worlds = by.entry(own.length).or_default();
        worlds.entry(&own.world).or_default().push(own);
    }
    by.into_iter()
        .map(|(length, worlds)| {
            let mut worlds: Vec<Vec<&Demonstration>> = worlds.into_values().collect();
            draws.shuffle(&mut worlds);
            for world in &mut worlds {
                draws.shuffle(world);
            }
            let most = worlds.iter().map(Vec::len).max().unwrap_or(0);
            let mut pool: Vec<&Demonstration> = (0..most)
                .flat_map(|at| {
                    worlds
                        .iter()
                        .filter_map(move |world| world.get(at).copied())
                })
                .collect();
            pool.reverse();
            (length, pool)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::Example;

    fn demonstrations() -> Vec<Demonstration> {
        (0..60)
            .map(|at| Demonstration {
                task: format!("task-{at}"),
                world: format!("world-{}", at % 3),
                length: Length::ALL[at / 3 % 2],
                example: Example {
                    id: at.to_string(),
                    tokens: vec![0; 10],
                    keeps: vec![true; 10],
                },
                turns: Vec::new(),
            })
            .collect()
    }

    #[test]
    fn worlds_take_turns_and_lengths_have_their_shares() {
        let all = demonstrations();
        let shares = BTreeMap::from([(Length::OneCall, 0.75), (Length::TwoCall, 0.25)]);
        let chosen = mix(&all, &shares, 24, usize::MAX, false, 1);
        assert_eq!(chosen.len(), 24);
        let count =
            |test: &dyn Fn(&Demonstration) -> bool| chosen.iter().filter(|own| test(own)).count();
        assert_eq!(count(&|own| own.length == Length::OneCall), 18);
        for world in ["world-0", "world-1", "world-2"] {
            assert_eq!(count(&|own| own.world == world), 8);
        }
        let mut tasks: Vec<&String> = chosen.iter().map(|own| &own.task).collect();
        tasks.sort();
        tasks.dedup();
        assert_eq!(tasks.len(), 24);
        assert_eq!(chosen, mix(&all, &shares, 24, usize::MAX, false, 1));
        assert_ne!(chosen, mix(&all, &shares, 24, usize::MAX, false, 2));
    }

    #[test]
    fn budgets_hold_and_few_repeat_only_when_asked() {
        let all = demonstrations();
        let shares = BTreeMap::from([(Length::OneCall, 1.0)]);
        assert_eq!(mix(&all, &shares, 100, 105, false, 1).len(), 10);
        assert_eq!(mix(&all, &shares, 100, usize::MAX, false, 1).len(), 30);
        assert_eq!(mix(&all, &shares, 100, usize::MAX, true, 1).len(), 100);
        assert!(mix(&[], &shares, 100, usize::MAX, true, 1).is_empty());
    }
}
