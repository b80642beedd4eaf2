//! Replies of MCP servers to `tools/list`: bare, inside a JSON-RPC reply, or inside a record that says
//! which server gave them.

use serde_json::{Map, Value, json};

use super::{escape, text};
use crate::operation::{Api, Operation};
use crate::protocol::Credentials;
use crate::reading::Reading;
use crate::schema::{Direction, References, Resolver};
use crate::{Format, OutputOrigin, ToolSpec, benchmark, name, provider, text as prose};

/// Objects and lists around a list of tools that are looked into.
const DEPTH: usize = 6;

pub(super) fn recognises(root: &Value) -> bool {
    finds_tools(root, 0)
}

fn is_tool(value: &Value) -> bool {
    value.get("inputSchema").is_some_and(Value::is_object) && value.get("name").is_some()
}

fn is_tool_list(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|tools| tools.iter().take(20).any(is_tool))
}

fn finds_tools(value: &Value, depth: usize) -> bool {
    if depth > DEPTH {
        return false;
    }
    match value {
        Value::Array(items) => {
            is_tool_list(value)
                || items
                    .iter()
                    .take(50)
                    .any(|item| finds_tools(item, depth + 1))
        }
        Value::Object(fields) => {
            is_tool(value)
                || fields
                    .iter()
                    .take(50)
                    .any(|(key, inner)| holds_tools(key, fields) && finds_tools(inner, depth + 1))
        }
        _ => false,
    }
}

/// Whether a field may lead to tools: the names that replies and records use, and, in a record of
/// several servers, the servers' names.
fn holds_tools(key: &str, fields: &Map<String, Value>) -> bool {
    matches!(key, "tools" | "result" | "servers" | "mcpServers")
        || !fields.contains_key("tools")
            && !fields.contains_key("result")
            && !fields.contains_key("name")
}

/// What the records around a list of tools say about their server; the innermost one counts.
#[derive(Debug, Clone, Copy, Default)]
struct Server<'d> {
    package: Option<&'d str>,
    title: Option<&'d str>,
    name: Option<&'d str>,
    version: Option<&'d str>,
    licence: Option<&'d str>,
    category: Option<&'d str>,
}

impl<'d> Server<'d> {
    /// Takes in what one more record says.
    fn inside(self, record: &'d Value) -> Self {
        let nothing = &Value::Null;
        let info = record.get("serverInfo").unwrap_or(nothing);
        Self {
            package: text(record, "package").or(self.package),
            title: text(info, "title").or(self.title),
            name: text(info, "name")
                .or_else(|| text(record, "server_name"))
                .or_else(|| text(record, "server"))
                .or_else(|| text(record, "name"))
                .or(self.name),
            version: text(record, "version")
                .or_else(|| text(info, "version"))
                .or(self.version),
            licence: text(record, "license").or(self.licence),
            category: text(record, "category").or(self.category),
        }
    }

    fn api(&self, file: &str) -> Api {
        let title = self.title.or(self.name).or(self.package);
        let title = title.unwrap_or_else(|| provider::stem(file));
        let provider = name::slug(self.package.or(self.name).unwrap_or(title));
        let slug = name::slug(title);
        Api {
            format: Format::Mcp,
            provider: some_name(provider, "mcp"),
            title: title.trim().to_owned(),
            slug: some_name(slug, "server"),
            version: self.version.unwrap_or_default().to_owned(),
            licence: self.licence.map(str::to_owned),
            categories: self.category.map(str::to_owned).into_iter().collect(),
            credentials: Credentials::new(),
        }
    }
}

fn some_name(name: String, other: &str) -> String {
    if name.is_empty() {
        other.to_owned()
    } else {
        name
    }
}

pub(super) fn read(root: &Value, reading: &mut Reading<'_>) {
    walk(root, Server::default(), "", 0, reading);
}

fn walk(value: &Value, server: Server<'_>, place: &str, depth: usize, reading: &mut Reading<'_>) {
    if depth > DEPTH {
        return;
    }
    match value {
        Value::Array(tools) if is_tool_list(value) => read_tools(tools, server, place, reading),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(
                    item,
                    server,
                    &format!("{place}/{index}"),
                    depth + 1,
                    reading,
                );
            }
        }
        Value::Object(_) if is_tool(value) => {
            read_tools(std::slice::from_ref(value), server, place, reading);
        }
        Value::Object(fields) => {
            let server = server.inside(value);
            for (key, inner) in fields {
                if holds_tools(key, fields) {
                    let place = format!("{place}/{}", escape(key));
                    walk(inner, server, &place, depth + 1, reading);
                }
            }
        }
        _ => {}
    }
}

fn read_tools(tools: &[Value], server: Server<'_>, place: &str, reading: &mut Reading<'_>) {
    let api = server.api(reading.file);
    let alone = tools.len() == 1 && !place.ends_with("/tools");
    for (index, tool) in tools.iter().enumerate() {
        if !reading.has_room() {
            continue;
        }
        let pointer = if alone {
            place.to_owned()
        } else {
            format!("{place}/{index}")
        };
        if !tool.is_object() {
            reading.unreadable(&pointer, "the tool is not an object: mend the file");
            continue;
        }
        let nothing = json!({});
        let title =
            text(tool, "title").or_else(|| tool.get("annotations").and_then(|a| text(a, "title")));
        let function = Function {
            name: text(tool, "name").unwrap_or_default(),
            summary: title,
            description: text(tool, "description"),
            input: tool.get("inputSchema").unwrap_or(&nothing),
            output: tool.get("outputSchema"),
            benchmark: benchmark::is_dialect(tool),
        };
        function.emit(&api, &pointer, reading);
    }
}

/// A tool that is a name, a description and one schema on each side.
pub(super) struct Function<'d> {
    pub(super) name: &'d str,
    pub(super) summary: Option<&'d str>,
    pub(super) description: Option<&'d str>,
    pub(super) input: &'d Value,
    pub(super) output: Option<&'d Value>,
    pub(super) benchmark: bool,
}

impl Function<'_> {
    /// Resolves the schemas, each of which is a document of its own, and hands the operation over.
    pub(super) fn emit(&self, api: &Api, pointer: &str, reading: &mut Reading<'_>) {
        let limits = &reading.options.limits;
        let mut resolver = Resolver::new(self.input, References::Pointer, limits);
        pointer.clone_into(&mut resolver.place);
        let resolved = resolver.resolve(self.input, Direction::Plain, true, limits.schema_bytes);
        reading.cuts(&resolver.cuts);
        let output = self.output.map(|schema| {
            let mut resolver = Resolver::new(schema, References::Pointer, limits);
            pointer.clone_into(&mut resolver.place);
            let output = resolver.resolve(schema, Direction::Plain, false, limits.schema_bytes);
            reading.cuts(&resolver.cuts);
            output
        });
        let output = output.filter(|schema| schema.as_object().is_some_and(|s| !s.is_empty()));
        let name = name::tool_name(self.name).unwrap_or_default();
        let mut source = api.source(reading.file, pointer);
        source.benchmark = self.benchmark;
        reading.operation(Operation {
            own_name: name.clone(),
            spec: ToolSpec {
                id: format!("{}/{}#{name}", api.provider, api.slug),
                name,
                description: prose::describe(self.summary, self.description),
                input: as_object(resolved),
                output_origin: if output.is_some() {
                    OutputOrigin::Declared
                } else {
                    OutputOrigin::Missing
                },
                output,
                http: None,
                source,
            },
            deprecated: false,
            host: String::new(),
        });
    }
}

/// An input schema in the shape that tool specs promise: an object with properties.
fn as_object(schema: Value) -> Value {
    let mut out = Map::new();
    out.insert("type".to_owned(), json!("object"));
    out.insert("properties".to_owned(), json!({}));
    if let Value::Object(mut keywords) = schema {
        if let Some(properties) = keywords.shift_remove("properties") {
            out.insert("properties".to_owned(), properties);
        }
        for key in [
            "required",
            "additionalProperties",
            "x-entity",
            "x-variants",
            "x-cut",
        ] {
            if let Some(value) = keywords.shift_remove(key) {
                out.insert(key.to_owned(), value);
            }
        }
    }
    Value::Object(out)
}
