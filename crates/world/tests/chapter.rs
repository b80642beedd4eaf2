//! `docs/world-format.md` against the program: its worlds load, pass the check and their tests, and nothing
//! of the format is missing from it.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use practicum_world::format::FileKind;
use practicum_world::{
    CheckOptions, FAKE_KINDS, FUNCTIONS, REFUSED_FUNCTIONS, ROLE_NAMES, World, WorldFiles,
};
use serde_json::Value;

const CHAPTER: &str = include_str!("../../../docs/world-format.md");

/// The worlds that the blocks form: a block whose fence names a file is that file.
fn worlds() -> BTreeMap<String, WorldFiles> {
    let mut worlds: BTreeMap<String, WorldFiles> = BTreeMap::new();
    let mut block: Option<(String, String)> = None;
    for line in CHAPTER.lines() {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(info)) => block = Some((info.to_string(), String::new())),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (Some(_), Some(_)) => {
                let (info, text) = block.take().unwrap();
                let Some((_, path)) = info.split_once(' ') else {
                    continue;
                };
                let (world, path) = path.split_once('/').unwrap();
                let files = worlds.entry(world.to_string()).or_default();
                assert!(files.get(path).is_none(), "{world}/{path} is there twice");
                files.insert(path, text);
            }
            (None, None) => {}
        }
    }
    assert!(block.is_none(), "a block has no end");
    worlds
}

#[test]
fn its_worlds_pass_the_check() {
    let worlds = worlds();
    assert_eq!(
        worlds.keys().map(String::as_str).collect::<Vec<_>>(),
        ["lost-property", "till", "workshop"]
    );
    for (name, files) in &worlds {
        let world = World::from_files(files).unwrap_or_else(|error| {
            let problems: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
            panic!("{name}:\n{}", problems.join("\n"))
        });
        for result in world.run_tests() {
            assert!(
                result.failures.is_empty(),
                "{name}/{} ({}):\n{}",
                result.file,
                result.name,
                result.failures.join("\n")
            );
        }
        let sizes: &[&str] = match &**name {
            "workshop" => &["tiny", "small", "medium", "no-stock"],
            _ => &["small", "medium"],
        };
        let options = CheckOptions {
            sizes: sizes.iter().map(ToString::to_string).collect(),
            ..CheckOptions::default()
        };
        let report = world.check(&options);
        let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{name}:\n{}", problems.join("\n"));
    }
}

/// Each rule of the chapter has a test that violates it and one that respects it.
#[test]
fn its_rules_are_tested() {
    let world = World::from_files(&worlds()["workshop"]).unwrap();
    for rule in world.rules() {
        let tests = || {
            let tests = world.tests().iter();
            tests.filter_map(|(_, test)| test.violations.as_ref())
        };
        assert!(
            tests().any(|violated| violated.contains(&rule.id))
                && tests().any(|violated| !violated.contains(&rule.id)),
            "{}",
            rule.id
        );
    }
}

/// The keys that a schema knows, each with the definition that it belongs to.
fn keys(kind: FileKind) -> BTreeSet<(String, String)> {
    let schema = kind.json_schema();
    let definitions = schema["$defs"].as_object().cloned().unwrap_or_default();
    let mut found = BTreeSet::new();
    let own = std::iter::once((kind.name().to_string(), schema.clone()));
    for (name, part) in own.chain(definitions) {
        for key in part["properties"].as_object().into_iter().flatten() {
            found.insert((name.clone(), key.0.clone()));
        }
    }
    found
}

/// Notes which keys of which definitions a value uses.
fn note(
    root: &Value,
    name: &str,
    part: &Value,
    value: &Value,
    used: &mut BTreeSet<(String, String)>,
) {
    if let Some(target) = part["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap();
        return note(root, name, &root["$defs"][name], value, used);
    }
    match value {
        Value::Array(elements) => {
            for element in elements {
                note(root, name, &part["items"], element, used);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let inner = &part["properties"][key];
                if inner.is_object() {
                    used.insert((name.to_string(), key.clone()));
                    note(root, name, inner, member, used);
                } else if part["additionalProperties"].is_object() {
                    note(root, name, &part["additionalProperties"], member, used);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_key_has_an_example() {
    let mut used: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    for files in worlds().values() {
        for (path, text) in files.iter() {
            let Some(kind) = FileKind::of_path(path) else {
                continue;
            };
            let value: Value = toml::from_str(text).unwrap();
            let schema = kind.json_schema();
            assert!(jsonschema::is_valid(&schema, &value), "{path}");
            let used = used.entry(kind.name()).or_default();
            note(&schema, kind.name(), &schema, &value, used);
        }
    }
    for kind in FileKind::ALL {
        let missing: Vec<_> = keys(kind)
            .difference(&used[kind.name()])
            // Steps that hang on `world.toml` are those of a tool.
            .filter(|(definition, _)| kind == FileKind::Tool || definition != "StepFile")
            .cloned()
            .collect();
        assert!(missing.is_empty(), "{}: {missing:?}", kind.name());
    }
}

/// The texts in backticks outside of blocks.
fn spoken() -> BTreeSet<&'static str> {
    let mut spoken = BTreeSet::new();
    for (at, part) in CHAPTER.split("```").enumerate() {
        if at % 2 == 0 {
            spoken.extend(part.split('`').skip(1).step_by(2));
        }
    }
    spoken
}

#[test]
fn every_name_is_explained() {
    let spoken = spoken();
    let words: BTreeSet<&str> = spoken
        .iter()
        .flat_map(|text| text.split(|own: char| !own.is_alphanumeric() && own != '_'))
        .collect();
    for kind in FileKind::ALL {
        for (definition, key) in keys(kind) {
            assert!(words.contains(&*key), "{definition}.{key} is not explained");
        }
    }
    let names = FAKE_KINDS
        .iter()
        .chain(&FUNCTIONS)
        .chain(REFUSED_FUNCTIONS)
        .chain(&ROLE_NAMES);
    for name in names {
        assert!(words.contains(name), "{name} is not explained");
    }
    for value in FileKind::ALL
        .iter()
        .flat_map(|kind| choices(&kind.json_schema()))
    {
        assert!(words.contains(&*value), "{value} is not explained");
    }
}

#[test]
fn every_function_has_an_example() {
    let mut text = String::new();
    for files in worlds().values() {
        text.extend(files.iter().map(|(_, own)| own));
    }
    for name in FUNCTIONS {
        // SQLite's own, with the session's clock, are SQLite's to document.
        let sqlites = [
            "current_date",
            "current_time",
            "current_timestamp",
            "datetime",
            "time",
            "timediff",
            "unixepoch",
        ];
        let called = text.contains(&format!("{name}(")) || text.contains(&name.to_uppercase());
        assert!(called || sqlites.contains(&name), "{name}");
    }
}

/// The values of a schema's enumerations.
fn choices(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match schema {
        Value::Array(elements) => found.extend(elements.iter().flat_map(choices)),
        Value::Object(members) => {
            for (key, member) in members {
                match (key.as_str(), member) {
                    ("enum", Value::Array(values)) => {
                        found.extend(values.iter().filter_map(Value::as_str).map(String::from));
                    }
                    ("const", Value::String(value)) => {
                        found.insert(value.clone());
                    }
                    _ => found.extend(choices(member)),
                }
            }
        }
        _ => {}
    }
    found
}

/// The columns that the table of roles names have these roles.
#[test]
fn every_role_has_an_example() {
    let world = World::from_files(&worlds()["workshop"]).unwrap();
    let (_, table) = CHAPTER.split_once("| role | derived when |").unwrap();
    let mut seen = BTreeSet::new();
    for line in table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
    {
        let named: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        let columns = named.iter().filter_map(|name| world.schema().resolve(name));
        for column in columns {
            assert_eq!(world.role(column).name(), named[0], "{line}");
            seen.insert(named[0]);
        }
    }
    assert_eq!(seen, BTreeSet::from(ROLE_NAMES));
}
