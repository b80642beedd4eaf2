//! Joins: which tools of a domain produce what other tools of it require.

use crate::arithmetic::FixedHash;
use crate::search::Home;
use crate::tool_node::{Field, ToolNode};
use crate::words;

/// What each tool produces and requires, as hashed keys.
///
/// A field's key is its folded name (`customerId`, `customer_ids`: `customerid`); that of a generic
/// name (`id`, `name`) is qualified by the thing that it belongs to, so that the `id` of a customer
/// meets `customerId`. What identifies a thing also answers to the thing's bare name: `customer`
/// takes the `id` of a customer.
#[derive(Debug)]
pub(crate) struct Joins {
    /// Sorted, by tool.
    produced: Vec<Vec<u64>>,
    /// By tool, by required parameter: any of the keys will do.
    required: Vec<Vec<Vec<u64>>>,
    /// By tool, how many leading entries of `required` identify things.
    identifying: Vec<usize>,
}

/// How the required inputs of a domain's tools are met inside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Supply {
    /// Tools that require something.
    pub(crate) tools: usize,
    /// Those of which another tool of the domain produces every required input.
    pub(crate) tools_met: usize,
    /// Required inputs.
    pub(crate) inputs: usize,
    /// Those that another tool of the domain produces.
    pub(crate) inputs_met: usize,
    /// Required inputs that identify things.
    pub(crate) identifiers: usize,
    /// Those that another tool of the domain produces.
    pub(crate) identifiers_met: usize,
}

impl Joins {
    pub(crate) fn of(tools: &[ToolNode]) -> Self {
        let mut joins = Self {
            produced: Vec::new(),
            required: Vec::new(),
            identifying: Vec::new(),
        };
        for tool in tools {
            let mut produced = Vec::new();
            for field in &tool.outputs {
                produced_keys(tool, field, &mut produced);
            }
            produced.sort_unstable();
            produced.dedup();
            joins.produced.push(produced);
            let inputs = tool.required.iter().filter_map(|name| {
                tool.params
                    .iter()
                    .find(|field| field.depth == 0 && field.name == *name)
            });
            let (identifying, others): (Vec<&Field>, Vec<&Field>) = inputs
                .filter(|field| !words::is_protocol(&field.name))
                .partition(|field| identifies(&field.name));
            joins.identifying.push(identifying.len());
            let keys = identifying
                .iter()
                .chain(&others)
                .map(|field| required_keys(tool, field));
            joins.required.push(keys.collect());
        }
        joins
    }

    /// The data flow inside each API: for each required input, an edge of weight 1 to the nearest
    /// tool that produces it. In the order of tools; each pair once, with its weights summed.
    ///
    /// Nearest in the order of resources (`order`, `order/item`, `order/refund`), as most specs
    /// list them. An edge to every producer would tie half an API to `accountId`, which every reply
    /// repeats.
    pub(crate) fn flows(&self, tools: &[ToolNode], homes: &[Home]) -> Vec<(u32, u32, f64)> {
        let mut order: Vec<usize> = (0..tools.len()).collect();
        order.sort_by_key(|tool| {
            (
                homes[*tool].api,
                tools[*tool].resource_hint.as_deref(),
                *tool,
            )
        });
        let mut place = vec![0; tools.len()];
        for (rank, tool) in order.iter().enumerate() {
            place[*tool] = rank;
        }
        let mut producers: Vec<(u32, u64, usize)> = Vec::new();
        for (tool, keys) in self.produced.iter().enumerate() {
            producers.extend(keys.iter().map(|key| (homes[tool].api, *key, place[tool])));
        }
        producers.sort_unstable();
        let mut flows: Vec<(u32, u32, f64)> = Vec::new();
        for (tool, required) in self.required.iter().enumerate() {
            let (api, own) = (homes[tool].api, place[tool]);
            for keys in required {
                let nearest = keys
                    .iter()
                    .flat_map(|key| {
                        let here = producers.partition_point(|entry| *entry < (api, *key, own));
                        let around =
                            &producers[here.saturating_sub(1)..(here + 2).min(producers.len())];
                        around
                            .iter()
                            .filter(|(home, other, _)| (*home, *other) == (api, *key))
                    })
                    .map(|(.., producer)| *producer)
                    .filter(|producer| *producer != own)
                    .min_by_key(|producer| (producer.abs_diff(own), *producer));
                if let Some(nearest) = nearest {
                    let (a, b) = (tool as u32, order[nearest] as u32);
                    flows.push((a.min(b), a.max(b), 1.0));
                }
            }
        }
        flows.sort_unstable_by_key(|(a, b, _)| (*a, *b));
        flows.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 += next.2;
            }
            same
        });
        flows
    }

    /// Counts over one domain.
    pub(crate) fn met(&self, domain: &[usize]) -> Supply {
        let mut produced: Vec<(u64, usize)> = domain
            .iter()
            .flat_map(|tool| self.produced[*tool].iter().map(|key| (*key, *tool)))
            .collect();
        produced.sort_unstable();
        let by_another = |key: u64, own: usize| {
            let first = produced.partition_point(|(other, _)| *other < key);
            produced[first..]
                .iter()
                .take_while(|(other, _)| *other == key)
                .any(|(_, tool)| *tool != own)
        };
        let mut met = Supply::default();
        for tool in domain {
            let required = &self.required[*tool];
            if required.is_empty() {
                continue;
            }
            let found: Vec<bool> = required
                .iter()
                .map(|keys| keys.iter().any(|key| by_another(*key, *tool)))
                .collect();
            met.tools += 1;
            met.tools_met += usize::from(found.iter().all(|found| *found));
            met.inputs += found.len();
            met.inputs_met += found.iter().filter(|found| **found).count();
            let identifying = &found[..self.identifying[*tool]];
            met.identifiers += identifying.len();
            met.identifiers_met += identifying.iter().filter(|found| **found).count();
        }
        met
    }
}

fn identifies(name: &str) -> bool {
    words::words(name)
        .last()
        .is_some_and(|last| words::is_identifier(last))
}

fn key(parts: &[&str]) -> u64 {
    parts
        .iter()
        .fold(FixedHash::new(b'k'), |hash, part| hash.text(part))
        .finish()
}

/// The entity run together, and its last word: an `order item` is an `item` too.
fn entity_names(entity: &str) -> impl Iterator<Item = String> {
    let last = entity
        .rsplit(' ')
        .next()
        .filter(|last| last.len() < entity.len());
    std::iter::once(entity.replace(' ', "")).chain(last.map(str::to_owned))
}

fn entities<'a>(tool: &'a ToolNode, field: &'a Field) -> impl Iterator<Item = String> {
    let own = tool
        .resource()
        .filter(|_| field.depth == 0 && field.entity.is_some());
    field
        .entity
        .as_deref()
        .or_else(|| tool.resource())
        .into_iter()
        .chain(own)
        .flat_map(entity_names)
}

fn produced_keys(tool: &ToolNode, field: &Field, out: &mut Vec<u64>) {
    let folded = words::fold(&field.name);
    if !words::is_generic(&folded) {
        out.push(key(&[&folded]));
        return;
    }
    let identifies = words::is_identifier(&folded);
    let before = out.len();
    for entity in entities(tool, field) {
        out.push(key(&[&entity, &folded]));
        if identifies {
            out.push(key(&[&entity]));
        }
    }
    if out.len() == before {
        out.push(key(&[&folded]));
    }
}

fn required_keys(tool: &ToolNode, field: &Field) -> Vec<u64> {
    let folded = words::fold(&field.name);
    if !words::is_generic(&folded) {
        return vec![key(&[&folded])];
    }
    let mut keys: Vec<u64> = entities(tool, field)
        .map(|entity| key(&[&entity, &folded]))
        .collect();
    if keys.is_empty() {
        keys.push(key(&[&folded]));
    }
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tool_node::Operation;

    fn tool(name: &str, path: &str, required: &[&str], output: &serde_json::Value) -> ToolNode {
        let properties: serde_json::Map<_, _> = required
            .iter()
            .map(|name| ((*name).to_owned(), json!({})))
            .collect();
        ToolNode::from_schemas(&Operation {
            id: name,
            provider: "p",
            api: "a",
            name,
            path: Some(path),
            input: &json!({"properties": properties, "required": required}),
            output: Some(output),
            categories: &[],
        })
    }

    #[test]
    fn ids_meet_across_spellings() {
        let customer = json!({"properties": {"id": {}, "email": {}}});
        let lines = json!({"items": {"properties": {"sku": {}}}});
        let order = json!({"properties": {"id": {}, "customer_ids": {}, "lines": lines}});
        let tools = [
            tool(
                "list_customers",
                "/customers",
                &[],
                &json!({"properties": {"data": {"items": customer}}}),
            ),
            tool("get_customer", "/customers/{id}", &["id"], &customer),
            tool("create_order", "/orders", &["customerId", "sku"], &order),
            tool(
                "list_orders",
                "/customers/{customer}/orders",
                &["customer"],
                &order,
            ),
            tool(
                "cancel_order",
                "/orders/{id}/cancel",
                &["id", "reason"],
                &json!({}),
            ),
        ];
        let joins = Joins::of(&tools);
        let all = joins.met(&[0, 1, 2, 3, 4]);
        // Only the reason for a cancellation comes from nowhere.
        assert_eq!(
            (all.tools, all.tools_met, all.inputs, all.inputs_met),
            (4, 3, 6, 5)
        );
        assert_eq!((all.identifiers, all.identifiers_met), (3, 3));
        // What only the tool itself returns does not count.
        assert_eq!(joins.met(&[1]).inputs_met, 0);
        assert_eq!(joins.met(&[]), Supply::default());
    }

    #[test]
    fn data_flows_from_the_nearest_producer() {
        let order = json!({"properties": {"id": {}, "accountId": {}}});
        let account = json!({"properties": {"id": {}, "name": {}}});
        let tools = [
            tool("get_account", "/accounts/{id}", &["id"], &account),
            tool("list_accounts", "/accounts", &[], &account),
            tool("get_order", "/orders/{id}", &["id"], &order),
            tool("list_orders", "/orders", &["accountId"], &order),
        ];
        let homes = crate::search::homes(&tools);
        // get_account needs an account's id; get_order an order's; list_orders takes accountId from
        // get_order, not from afar.
        let flows = Joins::of(&tools).flows(&tools, &homes);
        assert_eq!(flows, [(0, 1, 1.0), (2, 3, 2.0)]);
        let mut apart = tools.clone();
        apart[1].api = "other".to_owned();
        let homes = crate::search::homes(&apart);
        // Without the accounts' list, an order's accountId is the nearest account's id.
        assert_eq!(
            Joins::of(&apart).flows(&apart, &homes),
            [(0, 2, 1.0), (2, 3, 2.0)]
        );
    }
}
