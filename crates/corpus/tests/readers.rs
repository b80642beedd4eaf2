//! Each format and its oddities: a fixture in, tool specs and diagnostics out.
//!
//! After a change that is meant, run with `INSTA_UPDATE=always` and read the difference.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::Path;

use practicum_corpus::{Options, ToolSpec, read_bytes};

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(folder.join(name)).unwrap()
}

/// A tool spec as indented JSON with the schemas in a short form, one property a line.
fn show(spec: &ToolSpec) -> String {
    let mut out = format!("{}\n  {}\n", spec.id, spec.description);
    if let Some(http) = &spec.http {
        writeln!(out, "  {} {}", http.method, http.path).unwrap();
    }
    writeln!(out, "  in").unwrap();
    show_schema(&mut out, &spec.input, 2);
    if let Some(http) = &spec.http
        && !http.places.is_empty()
    {
        let places: Vec<String> = http
            .places
            .iter()
            .map(|(name, place)| format!("{name}: {place:?}").to_lowercase())
            .collect();
        writeln!(out, "  places {}", places.join(", ")).unwrap();
    }
    writeln!(out, "  out ({})", spec.output_origin.name()).unwrap();
    if let Some(output) = &spec.output {
        show_schema(&mut out, output, 2);
    }
    let source = &spec.source;
    writeln!(
        out,
        "  from {} {} `{}` {:?} {:?} {:?} {}{}",
        source.file,
        source.pointer,
        source.api,
        source.version,
        source.licence,
        source.categories,
        source.format.name(),
        if source.benchmark { " BENCHMARK" } else { "" },
    )
    .unwrap();
    out
}

/// One line for the keywords of each place, then the places below it, indented.
fn show_schema(out: &mut String, schema: &serde_json::Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let fields = schema.as_object().unwrap();
    let own: Vec<String> = fields
        .iter()
        .filter(|(key, _)| {
            !matches!(
                key.as_str(),
                "properties" | "items" | "additionalProperties" | "oneOf" | "anyOf"
            )
        })
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    writeln!(out, "{indent}{{{}}}", own.join(" ")).unwrap();
    for (key, value) in fields {
        match key.as_str() {
            "properties" => {
                for (name, value) in value.as_object().unwrap() {
                    writeln!(out, "{indent}. {name}").unwrap();
                    show_schema(out, value, depth + 1);
                }
            }
            "items" | "additionalProperties" => {
                writeln!(out, "{indent}* {key}").unwrap();
                show_schema(out, value, depth + 1);
            }
            "oneOf" | "anyOf" => {
                for value in value.as_array().unwrap() {
                    writeln!(out, "{indent}| {key}").unwrap();
                    show_schema(out, value, depth + 1);
                }
            }
            _ => {}
        }
    }
}

fn read(name: &str, options: &Options) -> String {
    let (specs, diagnostics) = read_bytes(name, &fixture(name), options);
    let mut out: Vec<String> = specs.iter().map(show).collect();
    for diagnostic in diagnostics {
        out.push(format!(
            "{:?} {:?} {}\n  {}\n",
            diagnostic.severity, diagnostic.kind, diagnostic.place, diagnostic.message
        ));
    }
    out.join("\n")
}

fn plain(name: &str) -> String {
    read(name, &Options::default())
}

fn with_benchmarks(name: &str) -> String {
    let options = Options {
        include_benchmarks: true,
        ..Options::default()
    };
    read(name, &options)
}

#[test]
fn openapi_30() {
    insta::assert_snapshot!(plain("openapi30.json"));
}

#[test]
fn openapi_31() {
    insta::assert_snapshot!(plain("openapi31.yaml"));
}

#[test]
fn swagger_2() {
    insta::assert_snapshot!(plain("swagger2.yaml"));
}

#[test]
fn discovery() {
    insta::assert_snapshot!(plain("discovery.json"));
}

#[test]
fn mcp_record() {
    insta::assert_snapshot!(plain("mcp_record.json"));
}

#[test]
fn mcp_reply() {
    insta::assert_snapshot!(plain("mcp_rpc.json"));
}

#[test]
fn mcp_servers() {
    insta::assert_snapshot!(plain("mcp_servers.json"));
}

#[test]
fn functions_openai() {
    insta::assert_snapshot!(plain("functions_openai.json"));
}

#[test]
fn functions_anthropic_and_gemini() {
    insta::assert_snapshot!(plain("functions_anthropic.json"));
}

#[test]
fn functions_in_json_lines() {
    assert_eq!(plain("functions_lines.json"), "");
    insta::assert_snapshot!(with_benchmarks("functions_lines.json"));
}

#[test]
fn functions_in_a_bare_dialect() {
    insta::assert_snapshot!(with_benchmarks("functions_nested.json"));
}
