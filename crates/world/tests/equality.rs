//! Equality of end states up to renaming, against its slow, obvious twin: try every renaming.

use std::path::Path;

use practicum_world::{
    AcceptedEnd, Cell, Comparison, Diff, RowChange, TextCell, TextRule, World, compare,
};
use proptest::prelude::*;

fn graph() -> World {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds/graph");
    World::load(&folder).unwrap_or_else(|error| panic!("{:#?}", error.problems()))
}

type Nodes = Vec<(usize, u8)>;
type Edges = Vec<(usize, usize, u8)>;

/// A graph: colours of its nodes, and edges between them with a remark.
#[derive(Debug, Clone)]
struct Graph {
    colours: Vec<u8>,
    edges: Vec<(usize, usize, u8)>,
}

impl Graph {
    /// The diff of a session that made the graph with these ids, in this order of edges.
    fn diff(&self, prefix: &str, order: &[usize]) -> Diff {
        let id = |node: usize| format!("{prefix}{node}");
        let mut changes: Vec<RowChange> = self
            .colours
            .iter()
            .enumerate()
            .map(|(node, colour)| RowChange {
                table: "nodes".into(),
                key: vec![id(node).into()],
                before: None,
                after: Some(vec![
                    id(node).into(),
                    format!("c{colour}").into(),
                    Cell::Null,
                    "some time".into(),
                ]),
            })
            .collect();
        for (number, edge) in order.iter().enumerate() {
            let (source, target, remark) = self.edges[*edge];
            changes.push(RowChange {
                table: "edges".into(),
                key: vec![Cell::Integer(number as i64 + 1)],
                before: None,
                after: Some(vec![
                    Cell::Integer(number as i64 + 1),
                    id(source).into(),
                    id(target).into(),
                    format!("r{remark} from {}", id(source)).into(),
                ]),
            });
        }
        Diff {
            changes,
            minted: (0..self.colours.len()).map(id).collect(),
        }
    }

    fn multiset(&self, names: &[usize]) -> (Nodes, Edges) {
        let mut nodes: Vec<(usize, u8)> = self
            .colours
            .iter()
            .enumerate()
            .map(|(node, colour)| (names[node], *colour))
            .collect();
        let mut edges: Vec<(usize, usize, u8)> = self
            .edges
            .iter()
            .map(|(source, target, remark)| (names[*source], names[*target], *remark))
            .collect();
        nodes.sort_unstable();
        edges.sort_unstable();
        (nodes, edges)
    }

    /// Tries every renaming of the nodes.
    fn is_isomorphic(&self, other: &Self) -> bool {
        if self.colours.len() != other.colours.len() || self.edges.len() != other.edges.len() {
            return false;
        }
        let identity: Vec<usize> = (0..self.colours.len()).collect();
        let wanted = other.multiset(&identity);
        let mut names = identity;
        permutations(&mut names, 0, &mut |names| self.multiset(names) == wanted)
    }
}

fn permutations(
    names: &mut Vec<usize>,
    from: usize,
    found: &mut dyn FnMut(&[usize]) -> bool,
) -> bool {
    if from == names.len() {
        return found(names);
    }
    for at in from..names.len() {
        names.swap(from, at);
        if permutations(names, from + 1, found) {
            return true;
        }
        names.swap(from, at);
    }
    false
}

fn accepted(diff: Diff) -> AcceptedEnd {
    AcceptedEnd {
        diff,
        texts: Vec::new(),
    }
}

fn graphs() -> impl Strategy<Value = Graph> {
    (0usize..6).prop_flat_map(|nodes| {
        let edges = if nodes == 0 { 0 } else { 7 };
        (
            proptest::collection::vec(0u8..2, nodes),
            proptest::collection::vec((0..nodes.max(1), 0..nodes.max(1), 0u8..2), 0..=edges),
        )
            .prop_map(|(colours, edges)| Graph { colours, edges })
    })
}

proptest! {
    #[test]
    fn agrees_with_trying_every_renaming(left in graphs(), right in graphs()) {
        let world = graph();
        let order: Vec<usize> = (0..left.edges.len()).collect();
        let gold = accepted(right.diff("n9", &(0..right.edges.len()).collect::<Vec<_>>()));
        let found = compare(&world, &left.diff("n8", &order), &gold);
        prop_assert_eq!(
            matches!(found, Comparison::Equal(_)),
            left.is_isomorphic(&right),
            "{:?}",
            found
        );
    }

    #[test]
    fn a_graph_made_in_another_order_is_the_same(graph_ in graphs(), seed in 0u64..1_000) {
        let world = graph();
        let nodes = graph_.colours.len();
        // A relabelling and an order of edges that the seed chooses.
        let mut names: Vec<usize> = (0..nodes).collect();
        let mut order: Vec<usize> = (0..graph_.edges.len()).collect();
        names.sort_by_key(|name| (*name as u64 + 1).wrapping_mul(seed | 1) % 7);
        order.sort_by_key(|edge| (*edge as u64 + 3).wrapping_mul(seed | 1) % 11);
        let mut shuffled = Graph { colours: vec![0; nodes], edges: Vec::new() };
        for (node, name) in names.iter().enumerate() {
            shuffled.colours[*name] = graph_.colours[node];
        }
        for edge in &order {
            let (source, target, remark) = graph_.edges[*edge];
            shuffled.edges.push((names[source], names[target], remark));
        }
        let gold = accepted(graph_.diff("n9", &(0..graph_.edges.len()).collect::<Vec<_>>()));
        let found = compare(&world, &shuffled.diff("n8", &(0..shuffled.edges.len()).collect::<Vec<_>>()), &gold);
        prop_assert!(matches!(found, Comparison::Equal(_)), "{:?}", found);
    }
}

#[test]
fn two_triangles_are_no_hexagon() {
    let world = graph();
    let ring = |nodes: &[usize]| -> Vec<(usize, usize, u8)> {
        (0..nodes.len())
            .map(|at| (nodes[at], nodes[(at + 1) % nodes.len()], 0))
            .collect()
    };
    let hexagon = Graph {
        colours: vec![0; 6],
        edges: ring(&[0, 1, 2, 3, 4, 5]),
    };
    let mut edges = ring(&[0, 1, 2]);
    edges.extend(ring(&[3, 4, 5]));
    let triangles = Graph {
        colours: vec![0; 6],
        edges,
    };
    let all: Vec<usize> = (0..6).collect();
    let gold = accepted(hexagon.diff("n9", &all));
    assert_eq!(
        compare(&world, &triangles.diff("n8", &all), &gold),
        Comparison::Different
    );
    assert!(matches!(
        compare(&world, &hexagon.diff("n8", &all), &gold),
        Comparison::Equal(_)
    ));
}

#[test]
fn interchangeable_ids_cost_no_budget() {
    let world = graph();
    let many = Graph {
        colours: vec![0; 100],
        edges: Vec::new(),
    };
    let gold = accepted(many.diff("n9", &[]));
    assert!(matches!(
        compare(&world, &many.diff("n8", &[]), &gold),
        Comparison::Equal(_)
    ));
}

#[test]
fn free_text_is_compared_where_it_is_quoted() {
    let world = graph();
    let node = |id: &str, label: Cell| RowChange {
        table: "nodes".into(),
        key: vec![id.into()],
        before: None,
        after: Some(vec![id.into(), "red".into(), label, "at some time".into()]),
    };
    let end = |rule: Option<TextRule>| AcceptedEnd {
        diff: Diff {
            changes: vec![node("n9", "Please ring twice".into())],
            minted: vec!["n9".into()],
        },
        texts: rule
            .map(|rule| TextCell {
                change: 0,
                column: "label".into(),
                rule,
            })
            .into_iter()
            .collect(),
    };
    let agent = |label: Cell| Diff {
        changes: vec![node("n8", label)],
        minted: vec!["n8".into()],
    };
    let equal = |label: &str, rule: Option<TextRule>| {
        let label = if label.is_empty() {
            Cell::Null
        } else {
            label.into()
        };
        matches!(
            compare(&world, &agent(label), &end(rule)),
            Comparison::Equal(_)
        )
    };
    assert!(equal("Please ring twice", Some(TextRule::Exact)));
    assert!(!equal("please ring two times", Some(TextRule::Exact)));
    let holds = || Some(TextRule::Holds(vec!["ring".into()]));
    assert!(equal("Ring the bell", holds()));
    assert!(!equal("Knock", holds()));
    assert!(equal("anything", None));
    assert!(!equal("", None));
}

#[test]
fn minted_ids_inside_words_are_left_alone() {
    let world = graph();
    let diff = |id: &str, label: &str| Diff {
        changes: vec![RowChange {
            table: "edges".into(),
            key: vec![Cell::Integer(1)],
            before: None,
            after: Some(vec![
                Cell::Integer(1),
                "n1".into(),
                "n2".into(),
                label.into(),
            ]),
        }],
        minted: vec![id.into()],
    };
    let gold = accepted(diff("n90", "see n90"));
    assert!(matches!(
        compare(&world, &diff("n91", "see n91"), &gold),
        Comparison::Equal(_)
    ));
    let inside = accepted(diff("n90", "see n905"));
    assert_eq!(
        compare(&world, &diff("n91", "see n915"), &inside),
        Comparison::Different
    );
}
