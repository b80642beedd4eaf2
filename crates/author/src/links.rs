//! Link tables: `/classes/{class_id}/members/{member_id}` where members are things of their own.

use std::collections::{BTreeMap, BTreeSet};

use crate::entity::Shows;
use crate::operation::{Method, Operation};
use crate::resources::refers_to;

/// A link table: the nouns that its rows connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The noun in front: class.
    pub(crate) above: String,
    /// The noun behind: member.
    pub(crate) below: String,
}

/// Finds the links of a domain, gives the operations on them a noun of their own (`class_member`), and
/// returns the links by that noun.
pub(crate) fn separate(operations: &mut [Operation<'_>]) -> BTreeMap<String, Link> {
    let roots: BTreeSet<String> = operations
        .iter()
        .filter(|operation| {
            operation.path.len() == 1
                && (operation.path[0].parameter.is_some()
                    || matches!(operation.shows, Shows::Many(_)))
        })
        .map(|operation| operation.path[0].noun.clone())
        .collect();
    // Nouns whose things hold a reference to another noun are its children, not linked to it.
    let mut refers: BTreeSet<(String, String)> = BTreeSet::new();
    for operation in operations.iter() {
        let noun = operation.noun().to_string();
        let (Shows::One(thing) | Shows::Many(thing)) = &operation.shows else {
            continue;
        };
        if operation.path.len() > 1
            && !matches!(thing.entity.as_deref(), Some(entity) if entity == noun)
        {
            continue;
        }
        for other in &roots {
            if *other != noun
                && thing
                    .fields
                    .iter()
                    .any(|field| refers_to(&field.name, other))
            {
                refers.insert((noun.clone(), other.clone()));
            }
        }
    }
    let pair = |operation: &Operation<'_>| -> Option<(String, String)> {
        let [.., above, below] = &operation.path[..] else {
            return None;
        };
        let linked = above.parameter.is_some()
            && above.noun != below.noun
            && roots.contains(&above.noun)
            && roots.contains(&below.noun)
            && !refers.contains(&(below.noun.clone(), above.noun.clone()));
        linked.then(|| (above.noun.clone(), below.noun.clone()))
    };
    let mut links: BTreeMap<String, Link> = BTreeMap::new();
    for operation in operations.iter() {
        let writes = matches!(
            operation.method,
            Method::Put | Method::Post | Method::Delete | Method::Patch
        );
        if let Some((above, below)) = pair(operation)
            && writes
            && operation.tail.is_none()
        {
            links.insert(format!("{above}_{below}"), Link { above, below });
        }
    }
    for operation in operations.iter_mut() {
        let Some((above, below)) = pair(operation) else {
            continue;
        };
        let noun = format!("{above}_{below}");
        if let Some(step) = operation.path.last_mut()
            && links.contains_key(&noun)
        {
            step.noun = noun;
        }
    }
    links
}
