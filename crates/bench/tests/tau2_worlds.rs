//! The embedded worlds of tau2-bench.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use practicum_bench::tau2::Domain;
use practicum_world::LoadError;

#[test]
fn every_world_compiles() {
    for domain in Domain::ALL {
        match domain.world() {
            Ok(world) => assert!(world.tools().len() > 10),
            Err(LoadError::Invalid(problems)) => {
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                panic!("{}:\n{}", domain.name(), problems.join("\n"));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn every_file_of_a_world_is_embedded() {
    for domain in Domain::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("worlds")
            .join(domain.name());
        let mut found = BTreeSet::new();
        for (inner, prefix) in [("", ""), ("tools", "tools/")] {
            for entry in std::fs::read_dir(folder.join(inner)).unwrap() {
                let entry = entry.unwrap();
                if entry.path().is_file() {
                    found.insert(format!("{prefix}{}", entry.file_name().to_str().unwrap()));
                }
            }
        }
        let embedded: BTreeSet<String> = domain
            .files()
            .iter()
            .map(|(path, _)| (*path).to_string())
            .collect();
        assert_eq!(embedded, found, "{}", domain.name());
    }
}
