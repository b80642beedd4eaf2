//! What is wrong is told in words.

use practicum_world::{Cell, World};

use crate::post_office::{PACK, WORLD, files, problems};

#[test]
fn what_is_wrong_is_told_in_words() {
    let pack = PACK;
    for (path, text, words) in [
        (
            "data.toml",
            "[[table]]\nname = \"parcels\"\nrows = 1\ncolumns.told = { int = [2, 1] }",
            "int = [least, greatest]",
        ),
        (
            "data.toml",
            "[[table]]\nname = \"parcels\"\nrows = 1\ncolumns.told = { int = [1, 2], weights = [1] }",
            "weights belongs to choice",
        ),
        (
            "data.toml",
            "[[table]]\nname = \"parcels\"\nrows = 1\ncolumns.told = { bool = 30 }",
            "a probability",
        ),
        (
            "data.toml",
            "[[table]]\nname = \"parcels\"\nrows = 1\ncolumns.status = { time = [7, 30] }",
            "between 0 and 24",
        ),
        (
            "data.toml",
            "[[table]]\nname = \"parcels\"\nrows = 1\ncolumns.told = { choice = [0, 1], weights = [0, 0] }",
            "not all 0",
        ),
        (
            "data.toml",
            "[[table]]\nname = \"parcels\"\n[[table.literal]]\nstate = 1",
            "literal names \"state\"",
        ),
        ("data.toml", "[[state]]\nname = \"small\"", "that of a size"),
        (
            "data.toml",
            "[[state]]\nname = \"x\"\nsize = \"huge\"",
            "no size or state \"huge\"",
        ),
        (
            "data.toml",
            "[[state]]\nname = \"x\"\nsql = \"DROP TABLE parcels\"",
            "DROP",
        ),
        (
            "data.toml",
            "[[state]]\nname = \"x\"\n[[state.row]]\ntable = \"parcel\"\nvalues = {}",
            "no table \"parcel\"",
        ),
        (
            "tests/a.toml",
            "[[call]]\ntool = \"pack\"",
            "a test has a name",
        ),
        (
            "tests/a.toml",
            "[[test]]\nname = \"x\"\ncall = []\n[[call]]\ntool = \"pack\"",
            "[[test.call]]",
        ),
        (
            "policy.toml",
            "[[rule]]\nid = \"x\"\ntext = \"x\"\ntools = [\"send\"]\nexempt = [\"pack\"]\nviolated_if = \"SELECT new_id('P')\"",
            "a rule only looks",
        ),
        (
            "policy.toml",
            "[[rule]]\nid = \"x\"\ntext = \"x\"\ntools = [\"send\"]\nneeds_confirmation = true\n[[rule.also]]\ntools = [\"send\"]",
            "send is bound twice",
        ),
        (
            "policy.toml",
            "[[rule]]\nid = \"x\"\ntext = \"x\"\ntools = [\"send\"]\nneeds_confirmation = true\n[[rule.also]]\nwhen = \"after\"",
            "each [[rule.also]]",
        ),
        (
            "policy.toml",
            "[[rule]]\nid = \"x\"\ntext = \"x\"\ntools = [\"send\"]\nviolated_if = \"SELECT called('pack', 'speed')\"",
            "each in quotes and with its value",
        ),
        (
            "tools/pack.toml",
            &pack.replace("new_id('P') AS id", "minted('P') AS id"),
            "minted() is for the rules",
        ),
        (
            "tools/pack.toml",
            &pack.replace("as = \"box\"", "as = \"speed\""),
            ":speed is bound already",
        ),
        (
            "tools/pack.toml",
            &pack.replace("WHERE parcel_id = :new_id\"", "WHERE parcel_id = :box\""),
            ":box is not bound here",
        ),
        (
            "policy.toml",
            "[[rule]]\nid = \"x\"\ntext = \"x\"\non_change = \"parcels\"\nwhen = \"before\"\nviolated_if = \"SELECT 1\"",
            "`when` belongs to tools",
        ),
        (
            "world.toml",
            &WORLD.replace("\"phone\"", "\"\""),
            "a group needs a name",
        ),
    ] {
        let mut files = files();
        files.insert(path, text);
        let found = problems(&files);
        assert!(found.contains(words), "{text}\n--\n{found}");
    }
}

#[test]
fn registered_functions_leave_the_engines_alone() {
    for name in ["now", "NEW_ID", "random", "__touch"] {
        let mut functions = practicum_world::Functions::default();
        functions.insert(name, -1, |_| Ok(Cell::Null));
        let error = World::with_functions(&files(), functions).unwrap_err();
        assert!(
            error.to_string().contains("a function of the engine"),
            "{error}"
        );
    }
}

#[test]
fn what_is_not_read_is_told() {
    let mut files = files();
    assert!(World::from_files(&files).unwrap().warnings().is_empty());
    files.insert("rules.toml", "");
    files.insert("README.md", "");
    let world = World::from_files(&files).unwrap();
    let warnings: Vec<String> = world.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["warning: rules.toml: no file of a world has this name; it is not read"]
    );
}
