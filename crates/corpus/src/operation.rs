//! From what a reader found to a tool spec: parameters, body and reply as two schemas.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::protocol::{self, Credentials};
use crate::schema::{Direction, Resolver, schema_of_example, size};
use crate::{Format, HttpShape, OutputOrigin, Place, Source, ToolSpec, name, text};

/// Bytes of one parameter's schema.
const PARAMETER_BYTES: usize = 4096;

/// The API that a document describes.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) format: Format,
    pub(crate) provider: String,
    pub(crate) title: String,
    /// Short form of the title for ids.
    pub(crate) slug: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    pub(crate) categories: Vec<String>,
    /// Parameters that carry keys.
    pub(crate) credentials: Credentials,
}

impl Api {
    /// The source of an operation of this API.
    pub(crate) fn source(&self, file: &str, pointer: &str) -> Source {
        Source {
            format: self.format,
            provider: self.provider.clone(),
            api: self.title.clone(),
            version: self.version.clone(),
            file: file.to_owned(),
            pointer: pointer.to_owned(),
            licence: self.licence.clone(),
            categories: self.categories.clone(),
            benchmark: false,
        }
    }
}

/// An operation as its format describes it.
#[derive(Debug, Default)]
pub(crate) struct Draft<'d> {
    pub(crate) pointer: String,
    /// Upper case.
    pub(crate) method: String,
    pub(crate) host: String,
    /// With the API's base path.
    pub(crate) path: String,
    /// Without it, to make a name from.
    pub(crate) own_path: &'d str,
    pub(crate) name: Option<&'d str>,
    pub(crate) summary: Option<&'d str>,
    pub(crate) description: Option<&'d str>,
    pub(crate) deprecated: bool,
    pub(crate) parameters: Vec<Parameter<'d>>,
    pub(crate) body: Option<Body<'d>>,
    pub(crate) reply: Reply<'d>,
}

/// One parameter of a [`Draft`].
#[derive(Debug)]
pub(crate) struct Parameter<'d> {
    pub(crate) name: &'d str,
    /// `None` for a cookie.
    pub(crate) place: Option<Place>,
    pub(crate) required: bool,
    pub(crate) description: Option<&'d str>,
    /// Its schema, which in some formats is the parameter object itself.
    pub(crate) schema: Option<&'d Value>,
    /// `schema` describes the members of a list.
    pub(crate) repeated: bool,
    pub(crate) example: Option<&'d Value>,
}

/// The body of a [`Draft`]'s request.
#[derive(Debug)]
pub(crate) struct Body<'d> {
    pub(crate) schema: Option<&'d Value>,
    pub(crate) example: Option<&'d Value>,
    pub(crate) description: Option<&'d str>,
    pub(crate) required: bool,
}

/// What a [`Draft`] says about the reply of success.
#[derive(Debug, Default)]
pub(crate) struct Reply<'d> {
    pub(crate) schema: Option<&'d Value>,
    pub(crate) example: Option<&'d Value>,
    /// The spec says that nothing comes back.
    pub(crate) empty: bool,
}

/// A tool spec, and what filters and folding need to know beside it.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) spec: ToolSpec,
    /// The name before it was made unique in its API.
    pub(crate) own_name: String,
    pub(crate) deprecated: bool,
    /// Host of the API; empty if unknown.
    pub(crate) host: String,
}

/// Why a parameter is not in a tool's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ParameterDrop {
    /// It carries a key or token.
    Credential,
    /// A header of HTTP itself, of tracing or of caching.
    ProtocolHeader,
    /// A cookie.
    Cookie,
    /// A parameter that every method of an API family has, such as `alt` or `prettyPrint`.
    GlobalProtocol,
    /// A body field that only the API sets.
    ReadOnly,
    /// The input has grown past its limit.
    OverLimit,
}

impl ParameterDrop {
    /// Every reason, in the order of the report.
    pub(crate) const ALL: [Self; 6] = [
        Self::Credential,
        Self::ProtocolHeader,
        Self::Cookie,
        Self::GlobalProtocol,
        Self::ReadOnly,
        Self::OverLimit,
    ];

    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::ProtocolHeader => "protocol_header",
            Self::Cookie => "cookie",
            Self::GlobalProtocol => "global_protocol",
            Self::ReadOnly => "read_only",
            Self::OverLimit => "over_limit",
        }
    }
}

/// How many parameters were dropped, by reason.
pub(crate) type ParameterDrops = BTreeMap<ParameterDrop, usize>;

/// Makes a tool spec of a draft. `bytes` is the budget of each of the two schemas.
///
/// The name may be empty, and is not yet unique.
pub(crate) fn finish<'d>(
    draft: &Draft<'d>,
    api: &Api,
    file: &str,
    resolver: &mut Resolver<'d>,
    bytes: usize,
    drops: &mut ParameterDrops,
) -> Operation {
    resolver.place.clone_from(&draft.pointer);
    let mut input = Input {
        properties: Map::new(),
        required: Vec::new(),
        places: BTreeMap::new(),
        marks: Map::new(),
        room: bytes,
    };
    let read_only = resolver.cuts.read_only;
    for parameter in &draft.parameters {
        match protocol::dropped(api, parameter) {
            Some(reason) => *drops.entry(reason).or_default() += 1,
            None => input.add_parameter(parameter, resolver, drops),
        }
    }
    input.add_missing_path_parameters(&draft.path);
    if let Some(body) = &draft.body {
        let bodiless = matches!(draft.method.as_str(), "GET" | "DELETE" | "HEAD" | "OPTIONS");
        // Google's prose says what is required to create, and methods that change take any part of it.
        let partial = draft.method == "PATCH" && api.format == Format::Discovery;
        let how = BodyRules { bodiless, partial };
        let repeated = input.add_body(body, how, resolver, bytes);
        *drops.entry(ParameterDrop::ReadOnly).or_default() += repeated;
    }
    *drops.entry(ParameterDrop::ReadOnly).or_default() += resolver.cuts.read_only - read_only;
    let (output, output_origin) = reply(&draft.reply, resolver, bytes);
    let name = draft
        .name
        .and_then(name::from_operation_id)
        .or_else(|| name::from_path(&draft.method, draft.own_path))
        .unwrap_or_default();
    let (input, places) = input.finish();
    Operation {
        own_name: name.clone(),
        spec: ToolSpec {
            id: format!("{}/{}#{name}", api.provider, api.slug),
            name,
            description: text::describe(draft.summary, draft.description),
            input,
            output,
            output_origin,
            http: Some(HttpShape {
                method: draft.method.clone(),
                path: draft.path.clone(),
                places,
            }),
            source: api.source(file, &draft.pointer),
        },
        deprecated: draft.deprecated,
        host: draft.host.clone(),
    }
}

/// What a method makes of its body.
#[derive(Debug, Clone, Copy)]
struct BodyRules {
    /// It has none as a rule, so that one that says nothing is no parameter.
    bodiless: bool,
    /// It takes any part of the fields.
    partial: bool,
}

/// The input schema while it is being put together.
struct Input {
    properties: Map<String, Value>,
    required: Vec<String>,
    places: BTreeMap<String, Place>,
    marks: Map<String, Value>,
    room: usize,
}

impl Input {
    fn add_parameter<'d>(
        &mut self,
        parameter: &Parameter<'d>,
        resolver: &mut Resolver<'d>,
        drops: &mut ParameterDrops,
    ) {
        let place = parameter.place.unwrap_or(Place::Query);
        if self.room == 0 && !parameter.required {
            *drops.entry(ParameterDrop::OverLimit).or_default() += 1;
            self.marks.insert("x-cut".to_owned(), json!("size"));
            return;
        }
        let bytes = self.room.min(PARAMETER_BYTES);
        let mut schema = match parameter.schema {
            Some(schema) => resolver.resolve(schema, Direction::Request, false, bytes),
            None => json!({"type": "string"}),
        };
        if parameter.repeated {
            // It describes the list, and is put there.
            if let Value::Object(keywords) = &mut schema {
                keywords.shift_remove("description");
            }
            schema = json!({"type": "array", "items": schema});
        }
        let description = parameter
            .description
            .map(|text| text::clean(text, 300))
            .filter(|text| !text.is_empty());
        if let Value::Object(keywords) = &mut schema {
            if let Some(description) = description {
                set_description(keywords, &description);
            }
            if let Some(example) = parameter.example
                && !keywords.contains_key("examples")
                && !example.is_null()
                && size(example) <= 120
            {
                keywords.insert("examples".to_owned(), json!([example]));
            }
        }
        let required = parameter.required || place == Place::Path;
        self.add(parameter.name, schema, place, required);
    }

    /// A parameter that the path names and the spec forgot to declare.
    fn add_missing_path_parameters(&mut self, path: &str) {
        for part in path.split('{').skip(1) {
            let Some((inner, _)) = part.split_once('}') else {
                continue;
            };
            let name = inner.split('=').next().unwrap_or(inner);
            if !name.is_empty() && self.places.get(name) != Some(&Place::Path) {
                self.add(name, json!({"type": "string"}), Place::Path, true);
            }
        }
    }

    /// Adds the fields of the body; returns how many were left out because the path has them.
    fn add_body<'d>(
        &mut self,
        body: &Body<'d>,
        how: BodyRules,
        resolver: &mut Resolver<'d>,
        bytes: usize,
    ) -> usize {
        let mut repeated = 0;
        // Parameters may take all but a quarter of the budget.
        let bytes = self.room.max(bytes / 4);
        let resolved = body
            .schema
            .map(|schema| resolver.resolve(schema, Direction::Request, true, bytes));
        let resolved = match (resolved, body.example) {
            (Some(schema), Some(example)) if says_little(&schema) => {
                schema_of_example(example).unwrap_or(schema)
            }
            (Some(schema), _) => schema,
            (None, Some(example)) => schema_of_example(example).unwrap_or_else(|| json!({})),
            (None, None) => json!({}),
        };
        if says_little(&resolved) && (how.bodiless || declares_no_fields(body.schema)) {
            return 0;
        }
        let Value::Object(mut schema) = resolved else {
            return 0;
        };
        match schema.shift_remove("properties") {
            Some(Value::Object(fields)) if !fields.is_empty() => {
                let required = strings(schema.get("required"));
                for (field, schema) in fields {
                    if self.places.get(&field) == Some(&Place::Path) && is_identifier(&schema) {
                        repeated += 1;
                        continue;
                    }
                    let required = required.contains(&field) && !how.partial;
                    self.add(&field, schema, Place::Body, required);
                }
                for mark in ["x-entity", "x-variants", "x-cut"] {
                    if let Some(value) = schema.shift_remove(mark) {
                        self.marks.insert(mark.to_owned(), value);
                    }
                }
            }
            _ => {
                if let Some(text) = body.description.map(|text| text::clean(text, 300))
                    && !text.is_empty()
                {
                    set_description(&mut schema, &text);
                }
                self.add("body", Value::Object(schema), Place::Body, body.required);
            }
        }
        repeated
    }

    /// Adds a property; where the name is taken, its place goes behind it.
    fn add(&mut self, name: &str, schema: Value, place: Place, required: bool) {
        let mut key = name.to_owned();
        if self.properties.contains_key(&key) {
            let suffix = match place {
                Place::Path => "path",
                Place::Query => "query",
                Place::Header => "header",
                Place::Body => "body",
            };
            key = format!("{name}_{suffix}");
            if self.properties.contains_key(&key) {
                return;
            }
        }
        self.room = self.room.saturating_sub(key.len() + size(&schema) + 4);
        if required {
            self.required.push(key.clone());
        }
        self.places.insert(key.clone(), place);
        self.properties.insert(key, schema);
    }

    fn finish(self) -> (Value, BTreeMap<String, Place>) {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("properties".to_owned(), Value::Object(self.properties));
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), json!(self.required));
        }
        schema.extend(self.marks);
        (Value::Object(schema), self.places)
    }
}

/// Sets a description in its usual place, behind `type`.
pub(crate) fn set_description(keywords: &mut Map<String, Value>, description: &str) {
    if let Some(place) = keywords.get_mut("description") {
        *place = json!(description);
        return;
    }
    let behind = usize::from(keywords.contains_key("type"));
    keywords.shift_insert(
        behind.min(keywords.len()),
        "description".to_owned(),
        json!(description),
    );
}

fn reply<'d>(
    reply: &Reply<'d>,
    resolver: &mut Resolver<'d>,
    bytes: usize,
) -> (Option<Value>, OutputOrigin) {
    let declared = reply
        .schema
        .map(|schema| resolver.resolve(schema, Direction::Reply, false, bytes));
    if let Some(declared) = &declared
        && !says_little(declared)
    {
        return (Some(declared.clone()), OutputOrigin::Declared);
    }
    if let Some(inferred) = reply.example.and_then(schema_of_example) {
        return (Some(inferred), OutputOrigin::Example);
    }
    match declared {
        Some(declared) if declared.get("type").is_some() => {
            (Some(declared), OutputOrigin::Declared)
        }
        _ if reply.empty => (Some(json!({"type": "null"})), OutputOrigin::Declared),
        _ => (None, OutputOrigin::Missing),
    }
}

/// Whether a schema says nothing about what is inside.
fn says_little(schema: &Value) -> bool {
    let Value::Object(keywords) = schema else {
        return true;
    };
    let telling = [
        "properties",
        "items",
        "additionalProperties",
        "oneOf",
        "anyOf",
        "enum",
        "x-entity",
        "x-cut",
    ];
    let scalar = keywords
        .get("type")
        .is_some_and(|kind| kind != "object" && kind != "array");
    !scalar && !telling.iter().any(|key| keywords.contains_key(*key))
}

/// Whether a field is the object's own name, which Google's paths have as well: its description says so.
fn is_identifier(schema: &Value) -> bool {
    let description = schema.get("description").and_then(Value::as_str);
    description.is_some_and(|text| text.contains("Identifier."))
}

/// Whether a schema says `properties: {}` and nothing else: a body without fields.
fn declares_no_fields(schema: Option<&Value>) -> bool {
    let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
    properties.is_some_and(Map::is_empty)
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
