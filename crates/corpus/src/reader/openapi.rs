//! OpenAPI 3.0 and 3.1.

use serde_json::Value;

use super::path_items::{
    Found, api, deref, is_error_schema, join, media_rank, parameter, parameters,
    starts_with_version, status_rank, visit,
};
use super::{entries, list, text};
use crate::operation::{Body, Draft, Parameter, Reply, finish};
use crate::provider::BaseUrl;
use crate::reading::Reading;
use crate::schema::{References, Resolver};

pub(super) fn recognises(root: &Value) -> bool {
    starts_with_version(root.get("openapi"), '3')
}

pub(super) fn read(root: &Value, reading: &mut Reading<'_>) {
    let base = server(root).unwrap_or_default();
    let nothing = Value::Null;
    let security = root
        .pointer("/components/securitySchemes")
        .unwrap_or(&nothing);
    let api = api(root, reading, &base, security);
    let options = reading.options;
    let mut resolver = Resolver::new(root, References::Pointer, &options.limits);
    visit(root, reading, &mut |found, reading| {
        let draft = draft(root, &found, &base);
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

fn draft<'d>(root: &'d Value, found: &Found<'d>, base: &BaseUrl) -> Draft<'d> {
    let operation = found.operation;
    let base = server(operation)
        .or_else(|| server(found.item))
        .unwrap_or_else(|| base.clone());
    let own = |key| text(operation, key).or_else(|| text(found.item, key));
    Draft {
        pointer: found.pointer.clone(),
        method: found.method.clone(),
        host: base.host,
        path: join(&base.path, found.path),
        own_path: found.path,
        name: text(operation, "operationId"),
        summary: own("summary"),
        description: own("description"),
        deprecated: operation.get("deprecated") == Some(&Value::Bool(true)),
        parameters: parameters(root, found)
            .into_iter()
            .filter_map(|value| typed_parameter(root, value))
            .collect(),
        body: operation
            .get("requestBody")
            .and_then(|body| deref(root, body))
            .and_then(|value| body(root, value)),
        reply: reply(root, operation),
    }
}

/// The first server that an object names, its variables replaced by their defaults.
fn server(object: &Value) -> Option<BaseUrl> {
    let server = list(object, "servers").next()?;
    let mut url = text(server, "url")?.to_owned();
    for (name, variable) in entries(server, "variables").take(32) {
        if let Some(default) = variable.get("default").and_then(Value::as_str) {
            url = url.replace(&format!("{{{name}}}"), default);
        }
    }
    Some(BaseUrl::parse(&url))
}

fn typed_parameter<'d>(root: &'d Value, value: &'d Value) -> Option<Parameter<'d>> {
    let mut parameter = parameter(value)?;
    if parameter.schema.is_none() {
        // A parameter that is a whole document in some media type; else one in Swagger's older style.
        let content = best_media(value);
        parameter.schema = content.and_then(|media| media.get("schema")).or_else(|| {
            value.get("type")?;
            Some(value)
        });
    }
    parameter.example = parameter.example.or_else(|| {
        let (_, named) = entries(value, "examples").next()?;
        deref(root, named)?.get("value")
    });
    Some(parameter)
}

fn best_media(object: &Value) -> Option<&Value> {
    entries(object, "content")
        .min_by_key(|(media, _)| media_rank(media))
        .map(|(_, value)| value)
}

/// An example in a media type object: its own, else the first of the named ones.
fn media_example<'d>(root: &'d Value, media: &'d Value) -> Option<&'d Value> {
    if let Some(example) = media.get("example") {
        return Some(example);
    }
    match media.get("examples")? {
        Value::Array(examples) => examples.first(),
        Value::Object(named) => {
            let example = deref(root, named.values().next()?)?;
            example.get("value").or(Some(example))
        }
        _ => None,
    }
}

fn body<'d>(root: &'d Value, value: &'d Value) -> Option<Body<'d>> {
    let media = best_media(value)?;
    Some(Body {
        schema: media.get("schema"),
        example: media_example(root, media),
        description: text(value, "description"),
        required: value.get("required") == Some(&Value::Bool(true)),
    })
}

fn reply<'d>(root: &'d Value, operation: &'d Value) -> Reply<'d> {
    let mut responses: Vec<(u8, &str, &Value)> = entries(operation, "responses")
        .filter_map(|(status, value)| Some((status_rank(status)?, status, deref(root, value)?)))
        .collect();
    responses.sort_by_key(|(rank, _, _)| *rank);
    let declared = responses.iter().any(|(rank, _, _)| *rank < 9);
    let empty = responses
        .iter()
        .any(|(_, status, _)| matches!(*status, "204" | "205"));
    for (rank, _, response) in responses {
        if rank == 9 && declared {
            break;
        }
        let Some(media) = best_media(response) else {
            continue;
        };
        let schema = media
            .get("schema")
            .filter(|schema| rank < 9 || !is_error_schema(schema));
        let example = media_example(root, media);
        if schema.is_some() || example.is_some() {
            return Reply {
                schema,
                example,
                empty: false,
            };
        }
    }
    Reply {
        empty,
        ..Reply::default()
    }
}
