//! The baseline: one spec, one domain; split by resource where it is too large.

use std::collections::BTreeMap;

use crate::tool_node::ToolNode;

/// Levels by which groups are split: provider, API and this many nouns less two.
const MAX_LEVELS: usize = 16;

/// One group per provider and API, none larger than `max_size`.
pub(crate) fn specs(tools: &[&ToolNode], max_size: usize) -> Vec<Vec<usize>> {
    let mut by_spec: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (index, tool) in tools.iter().enumerate() {
        by_spec
            .entry((&tool.provider, &tool.api))
            .or_default()
            .push(index);
    }
    by_spec
        .into_values()
        .flat_map(|members| split(tools, members, max_size))
        .collect()
}

/// Splits by provider, then API, then the nouns of the resource from the outermost inwards; small
/// neighbours stay together.
pub(crate) fn split(tools: &[&ToolNode], members: Vec<usize>, max_size: usize) -> Vec<Vec<usize>> {
    let mut out = Vec::new();
    split_level(tools, members, max_size.max(1), 0, &mut out);
    out
}

fn split_level(
    tools: &[&ToolNode],
    mut members: Vec<usize>,
    max_size: usize,
    level: usize,
    out: &mut Vec<Vec<usize>>,
) {
    if members.len() <= max_size {
        members.sort_unstable();
        out.push(members);
        return;
    }
    let mut parts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for tool in &members {
        parts
            .entry(level_name(tools[*tool], level))
            .or_default()
            .push(*tool);
    }
    let deepest = |tool: &usize| tools[*tool].nouns().count() + 2 <= level;
    if level >= MAX_LEVELS || (parts.len() == 1 && level > 1 && members.iter().all(deepest)) {
        // All alike: as even as can be, in the order given.
        let pieces = members.len().div_ceil(max_size);
        let size = members.len().div_ceil(pieces);
        members.sort_unstable();
        out.extend(members.chunks(size).map(<[usize]>::to_vec));
        return;
    }
    let mut together: Vec<usize> = Vec::new();
    for part in parts.into_values() {
        if part.len() > max_size {
            split_level(tools, part, max_size, level + 1, out);
            continue;
        }
        if together.len() + part.len() > max_size {
            out.push(std::mem::take(&mut together));
        }
        together.extend(part);
    }
    if !together.is_empty() {
        out.push(together);
    }
    for piece in out {
        piece.sort_unstable();
    }
}

fn level_name(tool: &ToolNode, level: usize) -> &str {
    match level {
        0 => &tool.provider,
        1 => &tool.api,
        _ => tool.nouns().nth(level - 2).unwrap_or(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(api: &str, hint: &str) -> ToolNode {
        ToolNode {
            provider: "p".to_owned(),
            api: api.to_owned(),
            resource_hint: Some(hint.to_owned()),
            ..ToolNode::default()
        }
    }

    #[test]
    fn one_spec_one_domain_split_by_noun() {
        let hints = [
            "order",
            "order/item",
            "order/item",
            "order/item",
            "customer",
            "product",
            "order",
        ];
        let mut nodes: Vec<ToolNode> = hints.iter().map(|hint| tool("shop", hint)).collect();
        nodes.push(tool("mail", "message"));
        let tools: Vec<&ToolNode> = nodes.iter().collect();
        assert_eq!(specs(&tools, 10), [vec![7], vec![0, 1, 2, 3, 4, 5, 6]]);
        assert_eq!(
            specs(&tools, 3),
            [vec![7], vec![0, 6], vec![1, 2, 3], vec![4, 5]]
        );
        assert_eq!(specs(&tools, 2).iter().map(Vec::len).max(), Some(2));
        assert_eq!(specs(&[], 2), Vec::<Vec<usize>>::new());
    }
}
