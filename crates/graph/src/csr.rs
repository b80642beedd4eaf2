//! A weighted, undirected graph in compressed sparse rows.

/// Each edge is stored at both ends; weights of self-loops apart.
#[derive(Debug, Clone)]
pub(crate) struct Csr {
    offsets: Vec<u32>,
    targets: Vec<u32>,
    weights: Vec<f64>,
    self_loops: Vec<f64>,
}

impl Csr {
    /// From edges in any order; parallel edges stay apart, which changes nothing for sums of
    /// weights.
    pub(crate) fn new(nodes: usize, edges: impl Iterator<Item = (u32, u32, f64)> + Clone) -> Self {
        let mut offsets = vec![0_u32; nodes + 1];
        for (a, b, _) in edges.clone().filter(|(a, b, _)| a != b) {
            offsets[a as usize + 1] += 1;
            offsets[b as usize + 1] += 1;
        }
        for node in 0..nodes {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let ends = offsets[nodes] as usize;
        let (mut targets, mut weights) = (vec![0; ends], vec![0.0; ends]);
        let mut self_loops = vec![0.0; nodes];
        for (a, b, weight) in edges {
            if a == b {
                self_loops[a as usize] += weight;
                continue;
            }
            for (from, to) in [(a, b), (b, a)] {
                let place = &mut next[from as usize];
                targets[*place as usize] = to;
                weights[*place as usize] = weight;
                *place += 1;
            }
        }
        Self {
            offsets,
            targets,
            weights,
            self_loops,
        }
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.self_loops.len()
    }

    /// The other ends of a node's edges, with the weights.
    pub(crate) fn neighbours(&self, node: usize) -> impl Iterator<Item = (u32, f64)> {
        let range = self.offsets[node] as usize..self.offsets[node + 1] as usize;
        self.targets[range.clone()]
            .iter()
            .copied()
            .zip(self.weights[range].iter().copied())
    }

    /// Weight of the edges from a node to itself.
    pub(crate) fn self_loop(&self, node: usize) -> f64 {
        self.self_loops[node]
    }

    /// Weighted degree; a self-loop counts twice.
    pub(crate) fn strength(&self, node: usize) -> f64 {
        let range = self.offsets[node] as usize..self.offsets[node + 1] as usize;
        2.0 * self.self_loops[node] + self.weights[range].iter().sum::<f64>()
    }

    /// The sum of all strengths, 2m.
    pub(crate) fn twice_total(&self) -> f64 {
        2.0 * self.self_loops.iter().sum::<f64>() + self.weights.iter().sum::<f64>()
    }

    /// One node per community; labels are numbered without gaps.
    pub(crate) fn aggregated(&self, labels: &[u32]) -> Self {
        let communities = labels
            .iter()
            .copied()
            .max()
            .map_or(0, |most| most as usize + 1);
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); communities];
        for (node, label) in labels.iter().enumerate() {
            members[*label as usize].push(node as u32);
        }
        let mut offsets = vec![0_u32];
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        let mut self_loops = vec![0.0; communities];
        let mut weight_to = vec![0.0_f64; communities];
        let mut touched: Vec<u32> = Vec::new();
        for (community, members) in members.iter().enumerate() {
            for node in members {
                self_loops[community] += self.self_loop(*node as usize);
                for (other, weight) in self.neighbours(*node as usize) {
                    let label = labels[other as usize];
                    if weight_to[label as usize] == 0.0 {
                        touched.push(label);
                    }
                    weight_to[label as usize] += weight;
                }
            }
            touched.sort_unstable();
            for label in touched.drain(..) {
                let weight = std::mem::take(&mut weight_to[label as usize]);
                if label as usize == community {
                    // Seen from both ends.
                    self_loops[community] += weight / 2.0;
                } else {
                    targets.push(label);
                    weights.push(weight);
                }
            }
            offsets.push(targets.len() as u32);
        }
        Self {
            offsets,
            targets,
            weights,
            self_loops,
        }
    }

    /// The edges among some nodes, which are renumbered by their place in `nodes` (sorted).
    pub(crate) fn induced(&self, nodes: &[usize]) -> Self {
        let mut offsets = vec![0_u32];
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        for node in nodes {
            for (other, weight) in self.neighbours(*node) {
                if let Ok(place) = nodes.binary_search(&(other as usize)) {
                    targets.push(place as u32);
                    weights.push(weight);
                }
            }
            offsets.push(targets.len() as u32);
        }
        let self_loops = nodes.iter().map(|node| self.self_loop(*node)).collect();
        Self {
            offsets,
            targets,
            weights,
            self_loops,
        }
    }
}
