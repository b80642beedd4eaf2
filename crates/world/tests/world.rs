//! Worlds are loaded, checked, called and compared through the crate's front door.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use practicum_world::{CheckOptions, Severity, World};

fn corner_shop() -> World {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds/corner-shop");
    World::load(&folder).unwrap_or_else(|error| panic!("{:#?}", error.problems()))
}

#[test]
fn data_file_tests_pass() {
    let results = corner_shop().run_tests();
    assert!(!results.is_empty());
    for result in results {
        assert!(
            result.failures.is_empty(),
            "{}: {:#?}",
            result.file,
            result.failures
        );
    }
}

#[test]
fn the_corner_shop_passes_the_check() {
    let report = corner_shop().check(&CheckOptions::default());
    assert!(report.problems.is_empty(), "{:#?}", report.problems);
    assert!(report.tools.iter().all(|tool| tool.succeeded > 0));
}

/// Its every call is a benchmark's, so that a world that does not load would be noticed late.
#[test]
fn the_benchmarks_world_passes_the_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/nursery");
    let world = World::load(&folder).unwrap_or_else(|error| panic!("{:#?}", error.problems()));
    let report = world.check(&CheckOptions::default());
    let errors = |problem: &&practicum_world::Problem| problem.severity == Severity::Error;
    assert_eq!(report.problems.iter().find(errors), None);
}

/// The corner shop with a rule of this query on `cancel_order`; the first problem.
fn problem_of_rule(query: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds/corner-shop");
    let mut files = practicum_world::WorldFiles::read(&folder).unwrap();
    let policy = files.get("policy.toml").unwrap().to_string();
    let rule = format!(
        "\n[[rule]]\nid = \"x\"\ntext = \"x\"\ntools = [\"cancel_order\"]\nexempt = [\"place_order\"]\nviolated_if = {query:?}\n"
    );
    files.insert("policy.toml", policy + &rule);
    let error = World::from_files(&files).unwrap_err();
    error.problems()[0].to_string()
}

#[test]
fn a_rule_that_looks_back_names_what_exists() {
    for (query, words) in [
        ("SELECT called('get_ordr')", "'get_ordr'"),
        ("SELECT called('get_order', 'id', 1)", "order_id"),
        ("SELECT called(:order_id)", "name of a tool in quotes"),
    ] {
        let problem = problem_of_rule(query);
        let plain = words.trim_matches('\'');
        assert!(problem.contains(plain), "{query}: {problem}");
    }
}

/// The worlds that ship: each loads without a warning, and its data-file tests pass; every rule has at
/// least one test that violates it and one that respects it.
#[test]
fn shipped_worlds_pass_their_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.join("world.toml").is_file() {
            continue;
        }
        let world = World::load(&path).unwrap_or_else(|error| panic!("{:#?}", error.problems()));
        assert!(world.warnings().is_empty(), "{:?}", world.warnings());
        for result in world.run_tests() {
            let file = format!("{}/{}", world.name(), result.file);
            assert!(result.failures.is_empty(), "{file}: {:#?}", result.failures);
        }
        for rule in world.rules() {
            let tests = || {
                world
                    .tests()
                    .iter()
                    .filter_map(|(_, test)| test.violations.as_ref())
            };
            assert!(
                tests().any(|violated| violated.contains(&rule.id))
                    && tests().any(|violated| !violated.contains(&rule.id)),
                "{}: {} lacks a test",
                world.name(),
                rule.id
            );
        }
        seen += 1;
    }
    assert_eq!(seen, 6);
}
