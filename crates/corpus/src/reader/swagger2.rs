//! Swagger 2.0.

use serde_json::Value;

use super::path_items::{
    Found, api, deref, is_error_schema, join, media_rank, parameter, parameters,
    starts_with_version, status_rank, visit,
};
use super::{entries, text};
use crate::operation::{Body, Draft, Reply, finish};
use crate::provider::BaseUrl;
use crate::reading::Reading;
use crate::schema::{References, Resolver};

pub(super) fn recognises(root: &Value) -> bool {
    starts_with_version(root.get("swagger"), '2')
}

pub(super) fn read(root: &Value, reading: &mut Reading<'_>) {
    let host = text(root, "host").map_or_else(BaseUrl::default, |host| {
        BaseUrl::parse(&format!("//{host}"))
    });
    let base = BaseUrl {
        host: host.host,
        ..BaseUrl::parse(text(root, "basePath").unwrap_or_default())
    };
    let nothing = Value::Null;
    let security = root.get("securityDefinitions").unwrap_or(&nothing);
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
    let mut draft = Draft {
        pointer: found.pointer.clone(),
        method: found.method.clone(),
        host: base.host.clone(),
        path: join(&base.path, found.path),
        own_path: found.path,
        name: text(operation, "operationId"),
        summary: text(operation, "summary"),
        description: text(operation, "description"),
        deprecated: operation.get("deprecated") == Some(&Value::Bool(true)),
        reply: reply(root, operation),
        ..Draft::default()
    };
    for value in parameters(root, found) {
        if text(value, "in") == Some("body") {
            draft.body = Some(Body {
                schema: value.get("schema"),
                example: value.get("x-example"),
                description: text(value, "description"),
                required: value.get("required") == Some(&Value::Bool(true)),
            });
        } else if let Some(mut parameter) = parameter(value) {
            // The parameter object is its own schema.
            parameter.schema = parameter.schema.or(Some(value));
            draft.parameters.push(parameter);
        }
    }
    draft
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
        let schema = response
            .get("schema")
            .filter(|schema| rank < 9 || !is_error_schema(schema));
        let example = entries(response, "examples")
            .min_by_key(|(media, _)| media_rank(media))
            .map(|(_, example)| example);
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
