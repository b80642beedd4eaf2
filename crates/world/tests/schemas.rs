//! The JSON Schemas of the format: what ships fits them, and a wrong key does not.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use practicum_world::WorldFiles;
use practicum_world::format::FileKind;
use serde_json::Value;

fn validator(kind: FileKind) -> Validator {
    jsonschema::draft202012::new(&kind.json_schema()).unwrap()
}

fn value(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

/// The folders of all worlds in the repository.
fn worlds() -> Vec<PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for parent in [crates.join("../../worlds"), crates.join("tests/worlds")] {
        for entry in std::fs::read_dir(parent).unwrap() {
            let path = entry.unwrap().path();
            if path.join("world.toml").is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_file_of_every_world_fits() {
    let validators: Vec<(FileKind, Validator)> = FileKind::ALL
        .into_iter()
        .map(|kind| (kind, validator(kind)))
        .collect();
    let mut seen = vec![0; validators.len()];
    for folder in worlds() {
        for (path, text) in WorldFiles::read(&folder).unwrap().iter() {
            let Some(kind) = FileKind::of_path(path) else {
                continue;
            };
            let at = validators.iter().position(|(own, _)| *own == kind).unwrap();
            let errors: Vec<String> = validators[at]
                .1
                .iter_errors(&value(text))
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(
                errors.is_empty(),
                "{}/{path}: {errors:#?}",
                folder.display()
            );
            seen[at] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

const WORLD: &str = r#"
format = 1
name = "x"
title = "x"
clock = "2026-03-02T09:00:00Z"
[limits]
vm_steps = 1000
[roles]
"a.b" = "text"
[tables.a]
log = true
"#;

const TOOL: &str = r#"
name = "x"
description = "x"
actor = "user"
[input]
anything = "goes"
[[step]]
let = "x"
query = "SELECT 1 AS a"
[[step]]
return = "SELECT 1 AS a"
"#;

const DATA: &str = r#"
[[table]]
name = "x"
rows = 1
columns.a = { fake = "city" }
columns.b = { choice = [1, 2], weights = [1, 2] }
[[state]]
name = "quiet"
[[state.row]]
table = "x"
values.a = "b"
"#;

const POLICY: &str = r#"
[[rule]]
id = "x"
text = "x"
tools = ["x"]
when = "before"
needs_confirmation = true
[[rule.also]]
on_change = "a.b"
"#;

const TEST: &str = r#"
name = "x"
[[call]]
tool = "x"
error = "refused"
"#;

const TESTS: &str = r#"
[[row]]
table = "x"
values.a = 1
[[test]]
name = "x"
violations = []
[[test.call]]
tool = "x"
"#;

#[test]
fn what_is_wrong_is_refused() {
    for (kind, good, from, to) in [
        (FileKind::World, WORLD, "title", "titel"),
        (FileKind::World, WORLD, "format = 1", "format = 2"),
        (FileKind::World, WORLD, "= \"text\"", "= \"secret\""),
        (FileKind::World, WORLD, "= 1000", "= 999"),
        (FileKind::World, WORLD, "log = true", "logs = true"),
        (FileKind::Tool, TOOL, "\"user\"", "\"nobody\""),
        (FileKind::Tool, TOOL, "return =", "returns ="),
        (FileKind::Tool, TOOL, "let = \"x\"\n", ""),
        (FileKind::Tool, TOOL, "query =", "run ="),
        (FileKind::Tool, TOOL, "name = \"x\"", "name = \"x y\""),
        (FileKind::Data, DATA, "rows = 1\n", ""),
        (
            FileKind::Data,
            DATA,
            "rows = 1",
            "rows = 1\nliteral = [{ a = 1 }]",
        ),
        (FileKind::Data, DATA, "\"city\"", "\"unicorn\""),
        (FileKind::Data, DATA, "fake =", "fakes ="),
        (FileKind::Data, DATA, "choice = [1, 2]", "value = 1"),
        (FileKind::Data, DATA, "\"quiet\"", "\"Quiet day\""),
        (FileKind::Data, DATA, "values.a", "value.a"),
        (FileKind::Policy, POLICY, "tools = [\"x\"]\n", ""),
        (FileKind::Policy, POLICY, "needs_confirmation = true\n", ""),
        (FileKind::Policy, POLICY, "\"before\"", "\"later\""),
        (FileKind::Policy, POLICY, "on_change =", "on_changes ="),
        (FileKind::Test, TEST, "\"refused\"", "\"oops\""),
        (FileKind::Test, TEST, "name = \"x\"\n", ""),
        (FileKind::Test, TESTS, "test.call", "test.calls"),
        (FileKind::Test, TESTS, "[[test.call]]", "[[call]]"),
    ] {
        let validator = validator(kind);
        assert!(validator.is_valid(&value(good)), "{good}");
        assert!(good.contains(from), "{from}");
        let bad = good.replace(from, to);
        assert!(!validator.is_valid(&value(&bad)), "{bad}");
    }
}

/// A key that an editor offers has a text that says what it is.
#[test]
fn every_key_is_described() {
    for kind in FileKind::ALL {
        let schema = kind.json_schema();
        let definitions = schema["$defs"].as_object().into_iter().flatten();
        let own = std::iter::once((kind.name(), &schema));
        for (name, part) in own.chain(definitions.map(|(name, part)| (name.as_str(), part))) {
            assert!(
                part["properties"].is_null() || part["additionalProperties"] == false,
                "{name} is open"
            );
            for (key, member) in part["properties"].as_object().into_iter().flatten() {
                assert!(member["description"].is_string(), "{name}.{key}: {member}");
            }
        }
    }
}
