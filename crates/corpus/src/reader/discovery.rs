//! Google API discovery documents.

use serde_json::Value;

use super::{entries, escape, list, text};
use crate::operation::{Api, Body, Draft, Parameter, ParameterDrop, Reply, finish};
use crate::protocol::Credentials;
use crate::provider::{self, BaseUrl};
use crate::reading::Reading;
use crate::schema::{References, Resolver};
use crate::{Format, Place, name};

/// Resources inside resources that are followed.
const DEPTH: usize = 24;

pub(super) fn recognises(root: &Value) -> bool {
    let kind = root.get("kind").and_then(Value::as_str);
    kind == Some("discovery#restDescription")
        || root.get("discoveryVersion").is_some()
            && (root.get("resources").is_some() || root.get("methods").is_some())
}

pub(super) fn read(root: &Value, reading: &mut Reading<'_>) {
    let url = format!(
        "{}{}",
        text(root, "rootUrl").unwrap_or_default(),
        text(root, "servicePath").unwrap_or_default()
    );
    let url = if url.is_empty() {
        text(root, "baseUrl").unwrap_or_default().to_owned()
    } else {
        url
    };
    let base = BaseUrl::parse(&url);
    let short = text(root, "name").unwrap_or_else(|| provider::stem(reading.file));
    let api = Api {
        format: Format::Discovery,
        provider: provider::from_host(&base.host).unwrap_or_else(|| "googleapis.com".to_owned()),
        title: text(root, "title").unwrap_or(short).trim().to_owned(),
        slug: name::slug(short),
        version: text(root, "version").unwrap_or_default().to_owned(),
        licence: None,
        categories: list(root, "labels")
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        credentials: Credentials::new(),
    };
    let options = reading.options;
    let mut resolver = Resolver::new(root, References::Name, &options.limits);
    let globals = entries(root, "parameters").count();
    visit(root, "", 0, reading, &mut |pointer, method, reading| {
        // Every method takes the document's own parameters beside the ones it lists.
        *reading
            .parameter_drops
            .entry(ParameterDrop::GlobalProtocol)
            .or_default() += globals;
        let draft = draft(root, pointer, method, &base);
        let operation = finish(
            &draft,
            &api,
            reading.file,
            &mut resolver,
            options.limits.schema_bytes,
            &mut reading.parameter_drops,
        );
        reading.operation(operation);
    });
    reading.cuts(&resolver.cuts);
}

fn visit<'d>(
    resource: &'d Value,
    place: &str,
    depth: usize,
    reading: &mut Reading<'_>,
    found: &mut dyn FnMut(String, &'d Value, &mut Reading<'_>),
) {
    for (key, method) in entries(resource, "methods") {
        if !reading.has_room() {
            continue;
        }
        let pointer = format!("{place}/methods/{}", escape(key));
        if method.is_object() {
            found(pointer, method, reading);
        } else {
            reading.unreadable(&pointer, "the method is not an object: mend the document");
        }
    }
    if depth < DEPTH {
        for (key, inner) in entries(resource, "resources") {
            let place = format!("{place}/resources/{}", escape(key));
            visit(inner, &place, depth + 1, reading, found);
        }
    }
}

fn draft<'d>(root: &'d Value, pointer: String, method: &'d Value, base: &BaseUrl) -> Draft<'d> {
    let verb = text(method, "httpMethod").unwrap_or("GET");
    let reply = method
        .get("response")
        .and_then(|schema| named(root, schema));
    Draft {
        pointer,
        method: verb.to_ascii_uppercase(),
        host: base.host.clone(),
        path: path(method, base),
        own_path: text(method, "path").unwrap_or_default(),
        name: text(method, "id"),
        summary: None,
        description: text(method, "description"),
        deprecated: method.get("deprecated") == Some(&Value::Bool(true)),
        parameters: parameters(method),
        body: method
            .get("request")
            .and_then(|schema| named(root, schema))
            .map(|schema| Body {
                schema: Some(schema),
                example: None,
                description: None,
                required: true,
            }),
        reply: Reply {
            schema: reply,
            example: None,
            // A method without a response answers with no body, or with one that says nothing.
            empty: reply.is_none(),
        },
    }
}

/// A reference to a schema, unless that is an object without fields (`Empty`, `StopRequest`).
fn named<'d>(root: &'d Value, schema: &'d Value) -> Option<&'d Value> {
    let name = schema.get("$ref").and_then(Value::as_str)?;
    let target = root.get("schemas")?.get(name)?;
    let fields = entries(target, "properties").next().is_some();
    let object = text(target, "type") == Some("object");
    (fields || !object || target.get("additionalProperties").is_some()).then_some(schema)
}

/// The method's path, its parameters of several segments with their pattern.
fn path(method: &Value, base: &BaseUrl) -> String {
    let template = text(method, "path")
        .or_else(|| text(method, "flatPath"))
        .unwrap_or_default();
    let mut path = String::new();
    let mut rest = template;
    while let Some((head, tail)) = rest.split_once('{') {
        let Some((inner, behind)) = tail.split_once('}') else {
            break;
        };
        let name = inner
            .trim_start_matches(['+', '/', '#', '.'])
            .trim_end_matches('*');
        path.push_str(head);
        path.push('{');
        path.push_str(name);
        if inner.starts_with('+')
            && let Some(pattern) = segments_of(method, name)
        {
            path.push('=');
            path.push_str(&pattern);
        }
        path.push('}');
        rest = behind;
    }
    path.push_str(rest);
    format!("{}/{}", base.path, path.trim_start_matches('/'))
}

/// `^projects/[^/]+/zones/[^/]+$` as `projects/*/zones/*`, if the pattern is of that kind.
fn segments_of(method: &Value, parameter: &str) -> Option<String> {
    let pattern = text(method.get("parameters")?.get(parameter)?, "pattern")?;
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let plain = inner.replace("[^/]+", "*").replace(".*", "**");
    let simple = plain
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '*' | '/' | '_' | '-'));
    (simple && plain.contains('/')).then_some(plain)
}

/// The method's parameters: those of its `parameterOrder` first, then the others.
fn parameters(method: &Value) -> Vec<Parameter<'_>> {
    let ordered: Vec<&str> = list(method, "parameterOrder")
        .filter_map(Value::as_str)
        .take(100)
        .collect();
    let mut found: Vec<(&str, &Value)> = entries(method, "parameters").take(1000).collect();
    found.sort_by_key(|(name, _)| {
        let place = ordered.iter().position(|other| other == name);
        place.unwrap_or(ordered.len())
    });
    found
        .into_iter()
        .map(|(name, value)| Parameter {
            name,
            place: Some(match text(value, "location") {
                Some("path") => Place::Path,
                _ => Place::Query,
            }),
            required: value.get("required") == Some(&Value::Bool(true)),
            description: text(value, "description"),
            schema: Some(value),
            repeated: value.get("repeated") == Some(&Value::Bool(true)),
            example: None,
        })
        .collect()
}
