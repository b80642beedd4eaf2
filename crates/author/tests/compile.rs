//! Example specs in, worlds out: what the compiler made of each, as text.
//!
//! After a change that is meant, run with `INSTA_UPDATE=always` and read the difference.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::Path;

use practicum_author::{Authored, Options, compile};
use practicum_corpus::read_bytes;
use practicum_world::{Actor, World};

fn authored(file: &str) -> Authored {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/specs");
    let bytes = std::fs::read(folder.join(file)).unwrap();
    let (specs, _) = read_bytes(file, &bytes, &practicum_corpus::Options::default());
    let name = file.split('.').next().unwrap();
    compile(name, name, &specs, &Options::default())
}

/// Tables, tools with what they take and change, rules, and what was left out.
fn show(authored: &Authored) -> String {
    let mut out = String::new();
    let made = authored.world.as_ref().unwrap();
    let world = &made.world;
    out.push_str(made.files.get("schema.sql").unwrap());
    out.push('\n');
    for tool in world.tools_of(Actor::Agent) {
        let arguments: Vec<String> = tool
            .parameters()
            .iter()
            .map(|parameter| {
                let mark = if parameter.required { "" } else { "?" };
                format!("{}{mark}", parameter.name)
            })
            .collect();
        let mut effects: Vec<String> = Vec::new();
        for (word, tables) in [
            ("inserts", &tool.effects.inserts),
            ("updates", &tool.effects.updates),
            ("deletes", &tool.effects.deletes),
        ] {
            for table in tables {
                effects.push(format!("{word} {}", world.schema().tables[*table].name));
            }
        }
        if effects.is_empty() {
            effects.push("reads".into());
        }
        writeln!(
            out,
            "{}({}): {}",
            tool.name,
            arguments.join(", "),
            effects.join(", ")
        )
        .unwrap();
    }
    for rule in world.rules() {
        writeln!(out, "rule {}: {}", rule.id, rule.text).unwrap();
    }
    for uncertain in &authored.uncertain {
        writeln!(out, "left out {}: {}", uncertain.tool, uncertain.reason).unwrap();
    }
    out
}

macro_rules! examples {
    ($($test:ident: $file:literal,)*) => {$(
        #[test]
        fn $test() {
            insta::assert_snapshot!(stringify!($test), show(&authored($file)));
        }
    )*};
}

examples! {
    banking: "banking.openapi.yaml",
    calendar_mail: "calendar-mail.discovery.json",
    clinic: "clinic.openapi.yaml",
    food_delivery: "food-delivery.openapi.yaml",
    gym_classes: "gym-classes.openapi.yaml",
    home_repairs: "home-repairs.openapi.json",
    hotel: "hotel.swagger.json",
    library: "library.mcp.json",
    parcel_tracking: "parcel-tracking.functions.json",
    shop: "shop.openapi.json",
}

/// What the compiler writes goes through the loader and the checker like any world, and is the same
/// bytes each time.
#[test]
fn what_is_written_is_a_world() {
    let first = authored("clinic.openapi.yaml").world.unwrap();
    let second = authored("clinic.openapi.yaml").world.unwrap();
    assert_eq!(first.files.digest(), second.files.digest());
    let loaded = World::from_files(&first.files).unwrap();
    assert!(first.check.passed());
    assert!(loaded.warnings().is_empty(), "{:?}", loaded.warnings());
}

/// Every operation becomes a tool or is listed with a reason.
#[test]
fn every_operation_is_accounted_for() {
    for file in ["banking.openapi.yaml", "library.mcp.json"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/specs");
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let (specs, _) = read_bytes(file, &bytes, &practicum_corpus::Options::default());
        let authored = compile("x", "x", &specs, &Options::default());
        let mut seen: Vec<String> = authored.world.unwrap().tools;
        seen.extend(authored.uncertain.into_iter().map(|left| left.tool));
        seen.sort();
        let mut all: Vec<String> = specs.into_iter().map(|spec| spec.id).collect();
        all.sort();
        assert_eq!(seen, all);
    }
}

#[test]
fn too_little_is_no_world() {
    let authored = compile("empty", "Empty", &[], &Options::default());
    assert!(authored.world.is_none());
    assert!(authored.failure.is_some());
}
