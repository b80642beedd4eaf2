//! What a reply shows: one thing or many, and the fields of it.

use serde_json::{Map, Value};

use practicum_world::schema_type;

use crate::words::{singular_name, words};

/// One field of a thing, as a spec describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) schema: Value,
    pub(crate) required: bool,
}

impl Field {
    pub(crate) fn kind(&self) -> Kind {
        kind_of(&self.schema)
    }
}

/// The kind of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Real,
    Boolean,
    /// An array of plain values.
    List,
    /// An object of plain values.
    Object,
    /// Anything deeper, or unknown.
    Other,
}

pub(crate) fn kind_of(schema: &Value) -> Kind {
    if schema.get("x-cut").is_some() {
        return Kind::Other;
    }
    match schema_type(schema) {
        Some("string") => {
            // 64-bit integers travel as strings in some formats.
            match schema.get("format").and_then(Value::as_str) {
                Some("int64" | "uint64") => Kind::Integer,
                Some("binary" | "byte") => Kind::Other,
                _ => Kind::Text,
            }
        }
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Real,
        Some("boolean") => Kind::Boolean,
        Some("array") => match schema.get("items").map(kind_of) {
            Some(Kind::Text | Kind::Integer | Kind::Real) => Kind::List,
            _ => Kind::Other,
        },
        Some("object") => Kind::Object,
        None if schema.get("enum").is_some() => Kind::Text,
        _ => Kind::Other,
    }
}

/// The properties of an object schema.
pub(crate) fn fields(schema: &Value) -> Vec<Field> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, schema)| Field {
            name: name.clone(),
            schema: schema.clone(),
            required: required.contains(&name.as_str()),
        })
        .collect()
}

/// What a reply shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shows {
    /// One thing.
    One(Thing),
    /// A list of things.
    Many(Thing),
    /// Nothing, or nothing with fields.
    Nothing,
    /// Plain values without a thing, such as `{"deleted": true}`.
    Plain,
}

/// A thing in a reply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Thing {
    /// The name that the spec gives it, in singular snake case.
    pub(crate) entity: Option<String>,
    pub(crate) fields: Vec<Field>,
}

/// Members of envelopes that say something about the list, not about a thing.
fn is_paging(name: &str) -> bool {
    let words = words(name);
    let paging = [
        "next",
        "prev",
        "previous",
        "page",
        "pages",
        "paging",
        "pagination",
        "cursor",
        "total",
        "count",
        "size",
        "limit",
        "offset",
        "more",
        "has",
        "meta",
        "metadata",
        "links",
        "link",
        "kind",
        "etag",
        "token",
        "first",
        "last",
        "per",
        "success",
        "status",
        "code",
        "message",
        "ok",
        "errors",
        "error",
        "warnings",
        "url",
        "object",
        "href",
        "result",
        "number",
        "request",
        "id",
        "response",
        "sync",
        "summary",
        "time",
        "version",
        "incomplete",
        "results",
        "self",
        "unreachable",
        "query",
        "took",
        "context",
        "includes",
        "included",
        "type",
        "order",
        "filter",
    ];
    words.iter().all(|word| paging.contains(&word.as_str()))
}

/// Reads what a reply shows. Envelopes around a list or a thing are taken off.
pub(crate) fn shows(output: &Value) -> Shows {
    unwrap(output, 0)
}

fn unwrap(schema: &Value, depth: usize) -> Shows {
    match schema_type(schema) {
        Some("array") => match schema.get("items") {
            Some(items) if schema_type(items) == Some("object") => match thing(items) {
                // `[{"order": {...}}]`
                Some(thing) => Shows::Many(inner_thing(thing)),
                None => Shows::Plain,
            },
            _ => Shows::Plain,
        },
        Some("object") | None => {
            let Some(members) = schema.get("properties").and_then(Value::as_object) else {
                return Shows::Plain;
            };
            if members.is_empty() {
                return Shows::Nothing;
            }
            if let Some(found) = envelope(schema, members, depth) {
                return found;
            }
            match thing(schema) {
                Some(thing) => Shows::One(thing),
                None => Shows::Plain,
            }
        }
        Some("null") => Shows::Nothing,
        _ => Shows::Plain,
    }
}

fn envelope(schema: &Value, members: &Map<String, Value>, depth: usize) -> Option<Shows> {
    let has_key = members.keys().any(|name| {
        let words = words(name);
        words == ["id"] || words == ["uuid"]
    });
    let lists: Vec<(&String, &Value)> = members
        .iter()
        .filter(|(_, member)| {
            schema_type(member) == Some("array")
                && member
                    .get("items")
                    .is_some_and(|items| schema_type(items) == Some("object"))
        })
        .collect();
    let others = |own: &str| {
        members
            .iter()
            .filter(|(name, _)| *name != own)
            .all(|(name, member)| {
                is_paging(name) || (schema_type(member) == Some("object") && is_paging(name))
            })
    };
    if let [(name, list)] = lists[..]
        && !has_key
        && (others(name) || is_list_entity(schema))
        && let found @ Shows::Many(_) = unwrap(list, depth + 1)
    {
        return Some(found);
    }
    let objects: Vec<(&String, &Value)> = members
        .iter()
        .filter(|(name, member)| {
            schema_type(member) == Some("object")
                && member.get("properties").is_some()
                // An object called "order" is something that is ordered; a sort order is a text.
                && (!is_paging(name) || ["result", "response", "order"].contains(&name.as_str()))
        })
        .collect();
    if let [(name, object)] = objects[..]
        && !has_key
        && depth < 2
        && others(name)
    {
        let found = unwrap(object, depth + 1);
        if matches!(found, Shows::One(_) | Shows::Many(_)) {
            return Some(found);
        }
    }
    None
}

/// `ListOrdersResponse`, `OrderList`, `Orders`: the schema's own name says that it is a list.
fn is_list_entity(schema: &Value) -> bool {
    schema
        .get("x-entity")
        .and_then(Value::as_str)
        .is_some_and(|name| {
            let words = words(name);
            words.first().is_some_and(|word| word == "list")
                || words.iter().any(|word| {
                    [
                        "list",
                        "page",
                        "collection",
                        "response",
                        "result",
                        "results",
                    ]
                    .contains(&word.as_str())
                })
        })
}

fn thing(schema: &Value) -> Option<Thing> {
    let fields = fields(schema);
    if fields.is_empty() {
        return None;
    }
    let entity = schema
        .get("x-entity")
        .and_then(Value::as_str)
        .map(entity_name)
        .filter(|name| !name.is_empty());
    Some(Thing { entity, fields })
}

fn inner_thing(thing: Thing) -> Thing {
    if let [only] = &thing.fields[..]
        && only.kind() == Kind::Object
        && let Some(inner) = self::thing(&only.schema)
    {
        return Thing {
            entity: inner.entity.or_else(|| Some(singular_name(&only.name))),
            fields: inner.fields,
        };
    }
    thing
}

/// The entity behind a schema's name: `OrderResponse`, `Order_v2`, `orders.Order` are all an order.
fn entity_name(name: &str) -> String {
    let last = name.rsplit(['.', '/']).next().unwrap_or(name);
    let noise = [
        "response",
        "result",
        "schema",
        "dto",
        "model",
        "resource",
        "object",
        "entity",
        "output",
        "out",
        "read",
        "view",
        "payload",
        "data",
        "full",
        "detail",
        "details",
        "item",
        "info",
        "v1",
        "v2",
        "v3",
        "public",
        "api",
        "representation",
        "record",
    ];
    let mut words = words(last);
    while words.len() > 1 {
        let last_is_noise = words
            .last()
            .is_some_and(|word| noise.contains(&word.as_str()));
        if last_is_noise {
            words.pop();
        } else if ["api", "get", "v1", "v2"].contains(&words[0].as_str()) {
            words.remove(0);
        } else {
            break;
        }
    }
    singular_name(&words.join("_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn order() -> Value {
        json!({"type": "object", "x-entity": "Order", "properties": {"id": {"type": "string"}, "total": {"type": "number"}}})
    }

    #[test]
    fn envelopes_are_taken_off() {
        for (schema, many) in [
            (order(), false),
            (json!({"type": "array", "items": order()}), true),
            (
                json!({"type": "object", "properties": {"data": {"type": "array", "items": order()}, "next_page": {"type": "string"}}}),
                true,
            ),
            (
                json!({"type": "object", "properties": {"order": order()}}),
                false,
            ),
            (
                json!({"type": "object", "properties": {"result": {"type": "object", "properties": {"orders": {"type": "array", "items": order()}, "total": {"type": "integer"}}}}}),
                true,
            ),
        ] {
            let thing = match (shows(&schema), many) {
                (Shows::Many(thing), true) | (Shows::One(thing), false) => thing,
                (other, _) => panic!("{schema}: {other:?}"),
            };
            assert_eq!(thing.entity.as_deref(), Some("order"));
            assert_eq!(thing.fields.len(), 2);
        }
        assert_eq!(shows(&json!({"type": "null"})), Shows::Nothing);
        assert_eq!(shows(&json!({"type": "string"})), Shows::Plain);
    }

    #[test]
    fn schema_names_lose_their_noise() {
        assert_eq!(entity_name("OrderResponse"), "order");
        assert_eq!(entity_name("api.v1.CustomerDTO"), "customer");
        assert_eq!(entity_name("Category"), "category");
    }
}
