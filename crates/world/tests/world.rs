//! Worlds are loaded, checked, called and compared through the crate's front door.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use practicum_world::{CheckOptions, World};

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
