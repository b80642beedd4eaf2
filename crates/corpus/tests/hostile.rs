//! Input that means harm, and input that is merely random: no panic, no blow-up, an account that adds up.
#![allow(clippy::unwrap_used)]

mod support;

use practicum_corpus::{DiagnosticKind, Limits, Options, SkipReason, ToolSpec, read_bytes};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::Bench;

fn read(name: &str, text: &str) -> (Vec<ToolSpec>, Vec<practicum_corpus::Diagnostic>) {
    read_bytes(name, text.as_bytes(), &Options::default())
}

fn refused(text: &str, options: &Options) -> (SkipReason, String) {
    let (specs, diagnostics) = read_bytes("x", text.as_bytes(), options);
    assert_eq!(specs.len(), 0);
    let diagnostic = diagnostics.first().unwrap();
    match diagnostic.kind {
        DiagnosticKind::FileSkipped(reason) => (reason, diagnostic.message.clone()),
        _ => panic!("{diagnostic:?}"),
    }
}

/// A spec whose one operation answers with the schema `S`.
fn with_schemas(schemas: &Value) -> String {
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Harm"},
        "paths": {"/x/{id}": {"post": {
            "summary": "Do harm",
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S"}}}},
            "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S"}}}}},
        }}},
        "components": {"schemas": schemas},
    })
    .to_string()
}

/// The two schemas of the one operation stay below `limit` bytes.
fn stays_small(schemas: &Value, limit: usize) -> ToolSpec {
    let (mut specs, _) = read("x.json", &with_schemas(schemas));
    assert_eq!(specs.len(), 1);
    let spec = specs.remove(0);
    let bytes =
        spec.input.to_string().len() + spec.output.as_ref().map_or(0, |o| o.to_string().len());
    assert!(bytes <= limit, "{bytes} bytes");
    spec
}

#[test]
fn text_that_is_no_document() {
    let options = Options::default();
    let reason = |text: &str| refused(text, &options).0;
    assert_eq!(reason(""), SkipReason::NotASpec);
    assert_eq!(
        reason("openapi is a word in this prose"),
        SkipReason::NotASpec
    );
    assert_eq!(reason("[![openapi](badge)] a readme"), SkipReason::NotASpec);
    assert_eq!(
        reason("{\"openapi\": \"1.0\", \"paths\": {}}"),
        SkipReason::NotASpec
    );
    assert_eq!(reason("{\"openapi\": \"3.0.0\"}"), SkipReason::NoOperations);
    assert_eq!(reason("{\"openapi\": \"3.0.0\","), SkipReason::InvalidJson);
    assert_eq!(
        reason("openapi: 3.0.0\npaths: {\n"),
        SkipReason::InvalidYaml
    );
    assert_eq!(
        reason("openapi: 3.0.0\n\tpaths: 1\n"),
        SkipReason::InvalidYaml
    );
    let (reason, message) = refused("{\"openapi\": 3,\n \"x\" 1}", &options);
    assert_eq!(reason, SkipReason::InvalidJson);
    assert_eq!(
        message,
        "invalid JSON: expected `:` at line 2 column 6; mend the file there or leave it out"
    );
}

#[test]
fn documents_that_are_too_much() {
    let deep = format!(
        "{{\"openapi\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let (reason, message) = refused(&deep, &Options::default());
    assert_eq!(reason, SkipReason::InvalidJson);
    assert!(message.contains("nested more than 128 deep"), "{message}");

    let deep = format!("openapi: {}{}", "[".repeat(5000), "]".repeat(5000));
    let reason = refused(&deep, &Options::default()).0;
    assert!(
        matches!(reason, SkipReason::InvalidYaml | SkipReason::TooComplex),
        "{reason:?}"
    );

    let small = Options {
        limits: Limits {
            values: 1000,
            ..Limits::default()
        },
        ..Options::default()
    };
    let many = format!("{{\"openapi\": [{}0]}}", "0,".repeat(2000));
    assert_eq!(refused(&many, &small).0, SkipReason::TooComplex);
    let many = format!("openapi: [{}0]", "0,".repeat(2000));
    assert_ne!(refused(&many, &small).0, SkipReason::NotASpec);

    // Nine aliases of nine aliases of ...
    let mut bomb = String::from("openapi: 3.0.0\na0: &a0 [x, x, x]\n");
    for level in 1..12 {
        let inner = format!("*a{}", level - 1);
        bomb.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            [inner.as_str(); 9].join(", ")
        ));
    }
    let (reason, message) = refused(&bomb, &Options::default());
    assert_eq!(reason, SkipReason::TooComplex, "{message}");
}

#[test]
fn nesting_up_to_the_limit_fits_on_the_stack() {
    let wrap = |depth: usize| format!("{}1{}", "{\"a\": ".repeat(depth), "}".repeat(depth));
    let json = format!("{{\"openapi\": \"3.0.0\", \"x\": {}}}", wrap(120));
    assert_eq!(
        refused(&json, &Options::default()).0,
        SkipReason::NoOperations
    );
    let yaml = format!("openapi: 3.0.0\nx: {}", wrap(60));
    assert_eq!(
        refused(&yaml, &Options::default()).0,
        SkipReason::NoOperations
    );
    let yaml = format!("openapi: 3.0.0\nx: {}", wrap(120));
    assert_eq!(
        refused(&yaml, &Options::default()).0,
        SkipReason::TooComplex
    );
    // A schema nested as deep as JSON may be.
    let mut schema = json!({"type": "string"});
    for level in 0..50 {
        schema = match level % 3 {
            0 => json!({"type": "array", "items": schema}),
            1 => json!({"type": "object", "properties": {"p": schema}}),
            _ => json!({"oneOf": [schema, {"type": "integer"}]}),
        };
    }
    stays_small(&json!({"S": schema}), 10_000);
}

#[test]
fn schemas_that_grow() {
    // Each has two of the next: 2^40 places.
    let mut schemas = serde_json::Map::new();
    for i in 0..40 {
        let next = json!({"$ref": format!("#/components/schemas/S{}", i + 1)});
        let name = if i == 0 {
            "S".to_owned()
        } else {
            format!("S{i}")
        };
        schemas.insert(
            name,
            json!({"type": "object", "properties": {"a": next, "b": next}}),
        );
    }
    let spec = stays_small(&Value::Object(schemas), 40_000);
    assert!(spec.input.to_string().contains("\"x-cut\":\"depth\""));

    // The same with alternatives and with `allOf`.
    for key in ["oneOf", "anyOf", "allOf"] {
        let mut schemas = serde_json::Map::new();
        for i in 0..40 {
            let next = json!({"$ref": format!("#/components/schemas/S{}", i + 1)});
            let name = if i == 0 {
                "S".to_owned()
            } else {
                format!("S{i}")
            };
            let field = format!("f{i}");
            let own = json!({"type": "object", "properties": {field: next}});
            schemas.insert(name, json!({key: [next, next, own, {"type": "string"}]}));
        }
        stays_small(&Value::Object(schemas), 40_000);
    }
}

#[test]
fn schemas_that_are_wide_or_long() {
    let properties: serde_json::Map<String, Value> = (0..20_000)
        .map(|i| {
            (
                format!("field_{i}"),
                json!({"type": "string", "description": "x ".repeat(400)}),
            )
        })
        .collect();
    let required: Vec<String> = (19_000..20_000).map(|i| format!("field_{i}")).collect();
    let wide = json!({"S": {"type": "object", "properties": properties, "required": required}});
    let spec = stays_small(&wide, 50_000);
    assert_eq!(spec.input["x-cut"], "size");
    assert!(spec.parameter_count() > 100);

    let enumeration: Vec<String> = (0..100_000).map(|i| format!("value {i}")).collect();
    let long = json!({"S": {"type": "object", "properties": {
        "e": {"type": "string", "enum": enumeration},
        "p": {"type": "string", "pattern": "x".repeat(100_000), "default": "y".repeat(100_000)},
        "d": {"type": "string", "description": "word ".repeat(100_000), "example": "z".repeat(100_000)},
    }}});
    stays_small(&long, 4000);
}

#[test]
fn references_that_go_nowhere_or_round() {
    let schemas = json!({
        "S": {"$ref": "#/components/schemas/T"},
        "T": {"$ref": "#/components/schemas/S"},
    });
    stays_small(&schemas, 1000);
    let schemas = json!({
        "S": {"allOf": [{"$ref": "#/components/schemas/S"}, {"$ref": "#"}, {"$ref": "#/paths"}, {"$ref": ""}, {"$ref": 7}]},
    });
    stays_small(&schemas, 2000);
    // A chain of fifty thousand.
    let mut chain = serde_json::Map::new();
    for i in 0..50_000 {
        let name = if i == 0 {
            "S".to_owned()
        } else {
            format!("S{i}")
        };
        let next = json!({"$ref": format!("#/components/schemas/S{}", i + 1)});
        let link = match i % 3 {
            0 => json!({"type": "array", "items": next}),
            1 => json!({"allOf": [next]}),
            _ => next,
        };
        chain.insert(name, link);
    }
    stays_small(&Value::Object(chain), 5000);

    let path = json!({"openapi": "3.0.0", "paths": {
        "/a": {"$ref": "#/paths/~1b"}, "/b": {"$ref": "#/paths/~1a"},
        "/c": {"get": {"summary": "Get c", "parameters": [{"$ref": "#/paths/~1c/get/parameters/0"}, 7, null],
            "responses": {"200": {"$ref": "#/paths/~1c/get/responses/200"}}}},
    }});
    let (specs, diagnostics) = read("x.json", &path.to_string());
    assert_eq!(specs.len(), 1);
    assert_eq!(diagnostics.len(), 2);
}

#[test]
fn many_parameters_and_many_dangling_references() {
    let parameters: Vec<Value> = (0..5000)
        .map(|i| {
            json!({"name": format!("p{i}"), "in": "query", "description": "word ".repeat(50),
                "schema": {"$ref": format!("#/nowhere/{i}")}})
        })
        .collect();
    let text = json!({"openapi": "3.0.0", "paths": {"/x": {"get": {"summary": "Get x", "parameters": parameters}}}});
    let (specs, diagnostics) = read("x.json", &text.to_string());
    assert_eq!(specs[0].input["x-cut"], "size");
    assert!(specs[0].input.to_string().len() < 50_000);
    assert!(diagnostics.len() <= 25, "{}", diagnostics.len());
}

/// Words that mean something to some reader, so that random documents reach far.
const WORDS: &[&str] = &[
    "openapi",
    "swagger",
    "paths",
    "/a/{id}",
    "get",
    "post",
    "parameters",
    "name",
    "in",
    "query",
    "path",
    "body",
    "schema",
    "$ref",
    "#/components/schemas/A",
    "#/definitions/A",
    "components",
    "schemas",
    "A",
    "definitions",
    "type",
    "object",
    "array",
    "string",
    "properties",
    "items",
    "required",
    "allOf",
    "oneOf",
    "anyOf",
    "enum",
    "const",
    "nullable",
    "example",
    "examples",
    "responses",
    "200",
    "default",
    "content",
    "application/json",
    "requestBody",
    "summary",
    "description",
    "operationId",
    "servers",
    "url",
    "https://x.dev/v1",
    "discoveryVersion",
    "resources",
    "methods",
    "id",
    "httpMethod",
    "parameterOrder",
    "request",
    "response",
    "tools",
    "result",
    "inputSchema",
    "outputSchema",
    "function",
    "functions",
    "input_schema",
    "arguments",
    "question",
    "query_parameters",
    "3.0.0",
    "2.0",
    "info",
    "title",
    "x-serviceName",
    "#",
    "",
    "additionalProperties",
    "format",
    "minimum",
    "exclusiveMinimum",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => proptest::sample::select(WORDS).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => word().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(7, 80, 8, |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..5).prop_map(Value::from),
            3 => vec((word(), inner), 0..8).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A value put somewhere into a document that was right before.
fn mutate(document: &mut Value, path: &[usize], with: &Value) {
    let Some((first, rest)) = path.split_first() else {
        *document = with.clone();
        return;
    };
    match document {
        Value::Array(items) if !items.is_empty() => {
            let place = first % items.len();
            mutate(&mut items[place], rest, with);
        }
        Value::Object(fields) if !fields.is_empty() => {
            let place = first % fields.len();
            mutate(fields.values_mut().nth(place).unwrap(), rest, with);
        }
        other => *other = with.clone(),
    }
}

const FIXTURES: &[&str] = &[
    include_str!("fixtures/openapi30.json"),
    include_str!("fixtures/discovery.json"),
    include_str!("fixtures/mcp_record.json"),
    include_str!("fixtures/functions_openai.json"),
    include_str!("fixtures/functions_nested.json"),
];

fn check(specs: &[ToolSpec]) {
    for spec in specs {
        assert!((1..=64).contains(&spec.name.len()), "{}", spec.name);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        assert!(spec.name.chars().all(plain), "{}", spec.name);
        assert!(spec.description.chars().count() <= 1024);
        assert_eq!(spec.input["type"], "object");
        assert!(spec.input["properties"].is_object());
        assert!(!spec.input.to_string().contains("\"$ref\":\""));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_documents_are_read_or_refused(document in document(), yaml in any::<bool>()) {
        let text = document.to_string();
        // JSON is YAML too.
        let text = if yaml { format!("openapi: {text}\npaths: {text}") } else { text };
        let options = Options { include_benchmarks: true, ..Options::default() };
        let (specs, diagnostics) = read_bytes("x/y.json", text.as_bytes(), &options);
        check(&specs);
        prop_assert!(!specs.is_empty() || !diagnostics.is_empty());
    }

    #[test]
    fn mutated_specs_are_read_or_refused(
        which in 0..FIXTURES.len(),
        changes in vec((vec(any::<usize>(), 1..9), document()), 1..6),
    ) {
        let mut value: Value = serde_json::from_str(FIXTURES[which]).unwrap();
        for (path, with) in &changes {
            mutate(&mut value, path, with);
        }
        let options = Options { include_benchmarks: true, ..Options::default() };
        let (specs, diagnostics) = read_bytes("x.json", value.to_string().as_bytes(), &options);
        check(&specs);
        prop_assert!(!specs.is_empty() || !diagnostics.is_empty());
    }

    #[test]
    fn damaged_bytes_are_read_or_refused(
        which in 0..FIXTURES.len(),
        cut in any::<usize>(),
        flips in vec((any::<usize>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = FIXTURES[which].as_bytes().to_vec();
        for (place, byte) in flips {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        bytes.truncate(1 + cut % bytes.len());
        let (specs, _) = read_bytes("x.json", &bytes, &Options::default());
        check(&specs);
    }

    #[test]
    fn random_text_is_read_or_refused(text in any::<String>(), head in proptest::sample::select(WORDS)) {
        let _ = read("x", &format!("{head}: {text}"));
        let _ = read("x", &format!("{{\"{head}\": {text}"));
        let _ = read("x", &text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_account_of_mutated_specs_adds_up(
        changes in vec((0..FIXTURES.len(), vec((vec(any::<usize>(), 1..9), document()), 0..5)), 1..8),
    ) {
        let texts: Vec<(String, String)> = changes
            .iter()
            .enumerate()
            .map(|(number, (which, changes))| {
                let mut value: Value = serde_json::from_str(FIXTURES[*which]).unwrap();
                for (path, with) in changes {
                    mutate(&mut value, path, with);
                }
                (format!("{number}.json"), value.to_string())
            })
            .chain([("good.json".to_owned(), FIXTURES[0].to_owned())])
            .collect();
        let files: Vec<(&str, &[u8])> =
            texts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
        // Checks the account.
        Bench::new(&files).run(&Options::default());
    }
}
