//! Worlds are loaded, checked, called and compared through the crate's front door.

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
