//! A tool as the graph sees it: what goes in, what comes out, whose it is.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::words;

/// Fields kept on each side of a tool. Schemas of cloud APIs have thousands; those nearest to the
/// root come first.
const MAX_FIELDS: usize = 64;
/// Levels of nested objects that are read.
const MAX_DEPTH: u8 = 2;
/// Wrappers and arrays inside one another that are seen through.
const MAX_WRAPPERS: u8 = 4;
/// Objects that wait to be read, at most.
const MAX_WAITING: usize = 1024;
/// Characters of a field's description that are kept.
const MAX_DESCRIPTION: usize = 120;

/// One tool: a node of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ToolNode {
    /// Unique among the tools of a graph.
    pub id: String,
    /// Who offers the API: `stripe.com`.
    pub provider: String,
    /// The API of the provider; one spec is one `(provider, api)`.
    pub api: String,
    /// What a model calls.
    pub name: String,
    /// The nouns of the path, or else of the name, outermost first, joined by `/`: `order/line
    /// item`.
    pub resource_hint: Option<String>,
    /// What goes in, nearest to the root first, without protocol noise (paging, headers,
    /// projections).
    pub params: Vec<Field>,
    /// What comes out, seen through envelopes such as `{"data": [...]}`; the same order, without
    /// the same noise.
    pub outputs: Vec<Field>,
    /// Names of the [`params`](Self::params) that a call must give.
    pub required: Vec<String>,
    /// Categories that the spec states.
    pub categories: Vec<String>,
}

/// A parameter or a field of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Field {
    /// As the schema spells it.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// The thing that the field belongs to, as lower-case singular words, where that is not the
    /// tool's own resource: `customer` for the `id` in `{"customer": {"id": ...}}`.
    pub entity: Option<String>,
    /// Objects around it: 0 for a parameter or a field of the replied thing itself.
    pub depth: u8,
}

/// What a [`ToolNode`] is made from.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// See [`ToolNode::id`].
    pub id: &'a str,
    /// See [`ToolNode::provider`].
    pub provider: &'a str,
    /// See [`ToolNode::api`].
    pub api: &'a str,
    /// See [`ToolNode::name`].
    pub name: &'a str,
    /// Path template, where the format has one: `/v1/orders/{order_id}`.
    pub path: Option<&'a str>,
    /// JSON Schema of the arguments, references resolved.
    pub input: &'a Value,
    /// JSON Schema of the reply, references resolved; `x-entity` names what an object is.
    pub output: Option<&'a Value>,
    /// See [`ToolNode::categories`].
    pub categories: &'a [String],
}

impl ToolNode {
    /// Reads a tool from its schemas. Never fails: what is no schema has no fields.
    pub fn from_schemas(operation: &Operation<'_>) -> Self {
        // `/v1/{+parent}/backups` hides nouns in its parameter; the name has them.
        let path = operation.path.filter(|path| !path.contains("{+"));
        let mut nouns = path.map(words::path_nouns).unwrap_or_default();
        if nouns.is_empty() {
            nouns = words::name_nouns(operation.name);
        }
        let resource = nouns.last().cloned();
        let mut params = Fields::new(resource.as_deref());
        params.read_root(operation.input);
        let mut params = params.finish();
        if let Some(path) = operation.path {
            for field in params.iter_mut().filter(|field| field.depth == 0) {
                let before = words::noun_before(path, &field.name);
                if before.is_some() && before != resource {
                    field.entity = before;
                }
            }
        }
        let mut outputs = Fields::new(resource.as_deref());
        if let Some(output) = operation.output {
            outputs.read_root(output);
        }
        let required = strings(operation.input.get("required"))
            .filter(|name| {
                params
                    .iter()
                    .any(|field| field.depth == 0 && field.name == *name)
            })
            .map(str::to_owned)
            .collect();
        Self {
            id: operation.id.to_owned(),
            provider: operation.provider.to_owned(),
            api: operation.api.to_owned(),
            name: operation.name.to_owned(),
            resource_hint: (!nouns.is_empty()).then(|| nouns.join("/")),
            params,
            outputs: outputs.finish(),
            required,
            categories: operation.categories.to_vec(),
        }
    }

    /// The nouns of [`resource_hint`](Self::resource_hint), outermost first.
    pub(crate) fn nouns(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.resource_hint
            .as_deref()
            .into_iter()
            .flat_map(|hint| hint.split('/'))
    }

    /// The innermost noun: what the tool is about.
    pub(crate) fn resource(&self) -> Option<&str> {
        self.nouns().next_back()
    }

    /// What a field belongs to.
    pub(crate) fn entity_of<'a>(&'a self, field: &'a Field) -> Option<&'a str> {
        field.entity.as_deref().or_else(|| self.resource())
    }
}

fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// Collects the fields of one side, level by level.
struct Fields<'a> {
    resource: Option<&'a str>,
    found: Vec<Field>,
    /// Objects whose fields are still to be read.
    waiting: Vec<Waiting<'a>>,
}

struct Waiting<'a> {
    properties: &'a Map<String, Value>,
    entity: Option<String>,
    depth: u8,
    wrappers: u8,
}

impl<'a> Fields<'a> {
    fn new(resource: Option<&'a str>) -> Self {
        Self {
            resource,
            found: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn finish(mut self) -> Vec<Field> {
        self.found.truncate(MAX_FIELDS);
        self.found
    }

    fn read_root(&mut self, schema: &'a Value) {
        if let Some((properties, named)) = object(schema) {
            let entity = self.foreign(named);
            self.waiting.push(Waiting {
                properties,
                entity,
                depth: 0,
                wrappers: 0,
            });
        }
        for level in 0..=MAX_DEPTH {
            while let Some(next) = self.waiting.iter().position(|object| object.depth == level) {
                if self.found.len() >= MAX_FIELDS {
                    return;
                }
                let object = self.waiting.remove(next);
                self.read(&object);
            }
        }
    }

    fn read(&mut self, object_read: &Waiting<'a>) {
        let Waiting {
            properties,
            ref entity,
            depth,
            wrappers,
        } = *object_read;
        for (name, schema) in properties.iter().take(4 * MAX_FIELDS) {
            if words::is_protocol(name) || is_api_key(name, schema) {
                continue;
            }
            let inner = object(schema);
            let own = words::words(name).join(" ");
            let wraps = words::is_wrapper(name) || self.resource == Some(own.as_str());
            if let Some((properties, named)) = inner
                && self.waiting.len() < MAX_WAITING
            {
                let wraps = wraps && wrappers < MAX_WRAPPERS;
                let named = if named.is_empty() && !wraps {
                    own
                } else {
                    named
                };
                let inner_entity = if named.is_empty() {
                    entity.clone()
                } else {
                    self.foreign(named)
                };
                self.waiting.push(Waiting {
                    properties,
                    entity: inner_entity,
                    depth: if wraps { depth } else { depth + 1 },
                    wrappers: if wraps { wrappers + 1 } else { wrappers },
                });
                if wraps {
                    continue;
                }
            }
            self.found.push(Field {
                name: name.clone(),
                description: description(schema),
                entity: entity.clone(),
                depth,
            });
        }
    }

    /// `None` for the tool's own resource, which needs no naming.
    fn foreign(&self, entity: String) -> Option<String> {
        (!entity.is_empty() && self.resource != Some(entity.as_str())).then_some(entity)
    }
}

/// The properties of an object, or of the objects in an array, and the name that the spec gave
/// them.
fn object(schema: &Value) -> Option<(&Map<String, Value>, String)> {
    let mut schema = schema;
    for _ in 0..MAX_WRAPPERS {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            let name = schema.get("x-entity").and_then(Value::as_str).unwrap_or("");
            return Some((properties, words::entity(name)));
        }
        schema = schema.get("items")?;
    }
    None
}

/// `key` is the caller's where its description says so.
fn is_api_key(name: &str, schema: &Value) -> bool {
    name == "key"
        && schema
            .get("description")
            .and_then(Value::as_str)
            .is_some_and(|text| text.to_ascii_lowercase().contains("api key"))
}

fn description(schema: &Value) -> String {
    let text = schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or("");
    text.chars().take(MAX_DESCRIPTION).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(fields: &[Field]) -> Vec<String> {
        fields
            .iter()
            .map(|field| {
                format!(
                    "{} {}.{}",
                    field.depth,
                    field.entity.as_deref().unwrap_or("-"),
                    field.name
                )
            })
            .collect()
    }

    #[test]
    fn envelopes_are_seen_through_and_noise_is_dropped() {
        let input = json!({"type": "object", "required": ["id", "page"], "properties": {
            "id": {"type": "string", "description": "The order"},
            "page": {"type": "integer"}, "X-Trace": {"type": "string"},
            "body": {"properties": {"note": {"type": "string"}}},
        }});
        let output = json!({"properties": {
            "data": {"type": "array", "items": {"x-entity": "LineItemDto", "properties": {
                "id": {}, "sku": {}, "customer": {"properties": {"id": {}, "name": {}}},
            }}},
            "nextPageToken": {"type": "string"},
        }});
        let tool = ToolNode::from_schemas(&Operation {
            id: "shop.example/orders#list",
            provider: "shop.example",
            api: "orders",
            name: "list_items",
            path: Some("/v2/orders/{id}/line_items"),
            input: &input,
            output: Some(&output),
            categories: &[],
        });
        assert_eq!(tool.resource_hint.as_deref(), Some("order/line item"));
        assert_eq!(shown(&tool.params), ["0 order.id", "0 -.note"]);
        assert_eq!(
            shown(&tool.outputs),
            [
                "0 -.id",
                "0 -.sku",
                "0 -.customer",
                "1 customer.id",
                "1 customer.name"
            ]
        );
        assert_eq!(tool.required, ["id"]);
    }

    #[test]
    fn what_is_no_schema_has_no_fields() {
        let tool = ToolNode::from_schemas(&Operation {
            id: "x",
            provider: "p",
            api: "a",
            name: "getOpenOrders",
            path: None,
            input: &json!([1, 2]),
            output: Some(&json!("text")),
            categories: &[],
        });
        assert!(tool.params.is_empty() && tool.outputs.is_empty());
        assert_eq!(tool.resource_hint.as_deref(), Some("order"));
    }
}
