//! What the files of a world can say, through the front door: what must hold, and what is refused in words.
#![allow(clippy::unwrap_used)]

use practicum_world::{AcceptedEnd, Cell, StateSpec, World, WorldFiles, compare};
use serde_json::{Value, json};

const WORLD: &str = r#"
format = 1
name = "post"
title = "Post office"
clock = "2026-03-02T09:00:00Z"
[tables.inbox]
group = "phone"
[[after_call]]
[[after_call.step]]
run = """
INSERT INTO inbox (parcel_id) SELECT parcel_id FROM parcels WHERE status = 'sent' AND told = 0;
UPDATE parcels SET told = 1 WHERE status = 'sent' AND told = 0;
"""
"#;

const SCHEMA: &str = "
CREATE TABLE parcels (
  parcel_id TEXT PRIMARY KEY DEFAULT (new_id('P')),
  status TEXT NOT NULL DEFAULT 'packed' CHECK (status IN ('packed', 'sent')),
  labels TEXT NOT NULL DEFAULT '[]',
  told INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE inbox (message_id INTEGER PRIMARY KEY, parcel_id TEXT NOT NULL REFERENCES parcels (parcel_id)) STRICT;
CREATE TABLE lines (line_id INTEGER PRIMARY KEY, parcel_id TEXT NOT NULL, thing TEXT NOT NULL, pieces INTEGER NOT NULL) STRICT;
";

const DATA: &str = r#"
[[table]]
name = "parcels"
rows = 40
"#;

const PACK: &str = r#"
name = "pack"
description = "Pack a parcel."
[input.properties.speed]
enum = ["slow", "fast"]
default = "slow"
[input.properties.boxes]
type = "array"
[input.properties.boxes.items]
type = "object"
[input.properties.boxes.items.properties.things]
type = "array"
[input.properties.boxes.items.properties.things.items]
type = "object"
required = ["name"]
properties.name = { type = "string" }
properties.pieces = { type = "integer", default = 2 }
[[step]]
let = "new"
query = "SELECT new_id('P') AS id WHERE :speed <> ''"
[[step]]
run = "INSERT INTO parcels (parcel_id, labels) VALUES (:new_id, json_array('fragile'))"
[[step]]
for_each = "boxes"
as = "box"
[[step.step]]
for_each = "box_things"
[[step.step.step]]
run = "INSERT INTO lines (parcel_id, thing, pieces) VALUES (:new_id, :item_name, :item_pieces)"
[[step]]
for_each = "boxes"
as = "box"
[[step.step]]
reject = "SELECT 1 WHERE json_array_length(:box, '$.things') = 0"
error = "Box {box_index} is empty."
[[step]]
return = "SELECT parcel_id FROM parcels WHERE parcel_id = :new_id"
"#;

const SEND: &str = r#"
name = "send"
description = "Send a parcel."
[input]
required = ["parcel_id"]
properties.parcel_id.type = "string"
[output]
type = "object"
[output.properties]
parcel_id.type = "string"
sent.type = "boolean"
[output.properties.what]
type = "object"
[output.properties.what.properties]
labels.type = "array"
inner = { type = "object", properties.fragile.type = "boolean" }
[[step]]
run = "UPDATE parcels SET status = 'sent' WHERE parcel_id = :parcel_id"
[[step]]
return = """
SELECT parcel_id, status = 'sent' AS sent,
  json_object('labels', labels, 'inner', (SELECT json_object('fragile', 1) || '')) AS what
FROM parcels WHERE parcel_id = :parcel_id
"""
"#;

fn files() -> WorldFiles {
    let mut files = WorldFiles::new();
    for (path, text) in [
        ("world.toml", WORLD),
        ("schema.sql", SCHEMA),
        ("data.toml", DATA),
        ("tools/pack.toml", PACK),
        ("tools/send.toml", SEND),
    ] {
        files.insert(path, text);
    }
    files
}

fn world() -> World {
    World::from_files(&files()).unwrap_or_else(|error| panic!("{:#?}", error.problems()))
}

/// The findings of these files, one a line.
fn problems(files: &WorldFiles) -> String {
    let error = World::from_files(files).unwrap_err();
    let lines: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn generated_and_minted_ids_never_meet() {
    let state = world().state(&StateSpec::generated("medium", 3)).unwrap();
    // All ids of this state come from new_id by a DEFAULT, and the session has the same seed.
    let mut session = state.session(3).unwrap();
    for _ in 0..20 {
        let reply = session.call("pack", &json!({}));
        assert!(reply.is_ok(), "{}", reply.content());
    }
    let counts = session
        .query(
            "SELECT count(*), count(DISTINCT parcel_id) FROM parcels",
            &[],
        )
        .unwrap();
    assert_eq!(counts[0], [Cell::Integer(60), Cell::Integer(60)]);
}

#[test]
fn loops_stand_in_loops_and_defaults_hold_inside() {
    let state = world().state(&StateSpec::empty()).unwrap();
    let mut session = state.session(1).unwrap();
    let boxes = json!([
        {"things": [{"name": "cup"}, {"name": "plate", "pieces": 6}]},
        {"things": [{"name": "spoon"}]}
    ]);
    assert!(session.call("pack", &json!({"boxes": boxes})).is_ok());
    let rows = session.query("SELECT thing, pieces FROM lines ORDER BY line_id", &[]);
    let shown: Vec<String> = rows
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", row[0], row[1]))
        .collect();
    assert_eq!(shown, ["cup 2", "plate 6", "spoon 2"]);
    // The second loop has an element of the same name, and sees its own.
    let reply = session.call(
        "pack",
        &json!({"boxes": [{"things": [{"name": "cup"}]}, {"things": []}]}),
    );
    assert!(
        reply.content().contains("Box 1 is empty."),
        "{}",
        reply.content()
    );
}

#[test]
fn lists_and_objects_are_values_at_any_depth() {
    let state = world().state(&StateSpec::empty()).unwrap();
    let mut session = state.session(1).unwrap();
    let packed = session.call("pack", &json!({})).value().unwrap();
    let sent = session.call("send", &packed).value().unwrap();
    assert_eq!(sent["sent"], true);
    assert_eq!(
        sent["what"],
        json!({"labels": ["fragile"], "inner": {"fragile": true}})
    );
}

/// Two parcels are packed and sent, in this order.
fn end(order: [usize; 2]) -> (World, practicum_world::Session) {
    let world = world();
    let state = world.state(&StateSpec::empty()).unwrap();
    let mut session = state.session(order[0] as u64).unwrap();
    let parcels: Vec<Value> = [1, 2]
        .map(|pieces| {
            let boxes = json!([{"things": [{"name": "cup", "pieces": pieces}]}]);
            let reply = session.call("pack", &json!({"boxes": boxes}));
            reply.value().unwrap()
        })
        .to_vec();
    for at in order {
        assert!(session.call("send", &parcels[at]).is_ok());
    }
    (world, session)
}

#[test]
fn what_runs_after_calls_counts_for_roles() {
    let (world, mut first) = end([0, 1]);
    let (_, mut second) = end([1, 0]);
    // Message 1 is about the other parcel in the other session, and both ends are the same.
    let accepted = AcceptedEnd {
        diff: first.diff().unwrap(),
        texts: Vec::new(),
    };
    let comparison = compare(&world, &second.diff().unwrap(), &accepted);
    assert!(
        matches!(comparison, practicum_world::Comparison::Equal(_)),
        "{comparison:?}"
    );
}

#[test]
fn a_group_has_a_diff_and_a_hash() {
    let (world, mut session) = end([0, 1]);
    assert_eq!(world.groups().into_iter().collect::<Vec<_>>(), ["phone"]);
    let diff = session.diff().unwrap();
    let tables = |group| -> Vec<String> {
        let own = diff.of_group(&world, group);
        own.changes.into_iter().map(|change| change.table).collect()
    };
    assert_eq!(tables(Some("phone")), ["inbox", "inbox"]);
    assert_eq!(tables(None), ["parcels", "parcels", "lines", "lines"]);
    assert!(tables(Some("other")).is_empty());

    // A call that reaches one side alone changes that side's hash alone.
    let before = |session: &mut practicum_world::Session| {
        [None, Some("phone")].map(|group| session.group_digest(group).unwrap())
    };
    let [office, phone] = before(&mut session);
    assert!(session.call("pack", &json!({})).is_ok());
    let [office_after, phone_after] = before(&mut session);
    assert!(office != office_after && phone == phone_after);
    let initial = session.state().clone();
    assert!(initial.group_digest(Some("phone")).unwrap() != phone);
}

#[test]
fn rules_look_at_arguments_with_their_defaults() {
    let mut files = files();
    files.insert(
        "policy.toml",
        r#"
[[rule]]
id = "slow-first"
text = "Pack slowly before you send."
tools = ["send"]
violated_if = "SELECT 1 WHERE called('pack', 'speed', 'slow', 'boxes', NULL) <> 1 OR minted(:parcel_id) = 0"
exempt = ["pack"]
"#,
    );
    let world = World::from_files(&files).unwrap();
    let state = world.state(&StateSpec::generated("small", 1)).unwrap();
    let mut session = state.session(1).unwrap();
    let own = session.call("pack", &json!({})).value().unwrap();
    session.call("send", &own);
    assert!(session.violations().is_empty());
    // A parcel of the initial state was not made here.
    let other = state
        .query("SELECT parcel_id FROM parcels LIMIT 1", &[])
        .unwrap()[0][0]
        .to_json();
    session.call("send", &json!({"parcel_id": other}));
    assert_eq!(session.violations(), [0]);
    // Nor does a restored session forget.
    let snapshot = session.snapshot().unwrap();
    let mut restored = state.session(9).unwrap();
    restored.restore(&snapshot).unwrap();
    restored.call("send", &own);
    assert!(restored.log().last().unwrap().violations.is_empty());
}

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
fn rows_written_out_may_leave_columns_to_their_generator_or_default() {
    let mut files = files();
    files.insert(
        "data.toml",
        r#"
[[table]]
name = "parcels"
columns.told = { int = [5, 5] }
columns.labels = { template = "[\"{parcel_id}\"]" }
[[table.literal]]
parcel_id = "A"
status = "sent"
told = 1
[[table.literal]]
parcel_id = "B"
[[table]]
name = "inbox"
per = "parcels"
count = [1, 1]
[[state]]
name = "one-more"
size = "small"
sql = "DELETE FROM inbox; UPDATE parcels SET told = 7"
[[state.row]]
table = "parcels"
values = { parcel_id = "C", labels = ["x"] }
[[consistency]]
sql = "SELECT 1 FROM parcels WHERE parcel_id = 'D'"
"#,
    );
    let world = World::from_files(&files).unwrap();
    let rows = |size: &str| -> Vec<String> {
        let state = world.state(&StateSpec::generated(size, 1)).unwrap();
        let rows = state.query(
            "SELECT parcel_id, status, labels, told, (SELECT count(*) FROM inbox) FROM parcels",
            &[],
        );
        let shown = rows.unwrap().into_iter().map(|row| {
            let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
            cells.join(" ")
        });
        shown.collect()
    };
    assert_eq!(
        rows("small"),
        ["A sent [\"A\"] 1 2", "B packed [\"B\"] 5 2"]
    );
    assert_eq!(
        rows("one-more"),
        [
            "A sent [\"A\"] 7 0",
            "B packed [\"B\"] 7 0",
            "C packed [\"x\"] 0 0"
        ]
    );

    // A named state must meet the consistency queries too.
    let text = files.get("data.toml").unwrap().replace("\"C\"", "\"D\"");
    files.insert("data.toml", text);
    let world = World::from_files(&files).unwrap();
    let error = world
        .state(&StateSpec::generated("one-more", 1))
        .unwrap_err();
    assert!(error.to_string().contains("consistency 1"), "{error}");
}

#[test]
fn generators_look_at_their_row() {
    let mut files = files();
    files.insert(
        "schema.sql",
        SCHEMA.to_string()
            + "CREATE TABLE trips (trip_id TEXT PRIMARY KEY, leaves TEXT NOT NULL, back TEXT) STRICT;
               CREATE TABLE stops (trip_id TEXT NOT NULL REFERENCES trips (trip_id), number INTEGER NOT NULL,
                 day TEXT, at TEXT NOT NULL, luck INTEGER NOT NULL DEFAULT (random_int(1, 1000000)), PRIMARY KEY (trip_id, number)) STRICT;",
    );
    let data = r#"
[[table]]
name = "trips"
rows = 30
columns.trip_id = { id = "T" }
columns.leaves = { date = [5, 9] }
columns.back = { date = [1, 3], from = "leaves", null_share = 0.3 }
[[table]]
name = "stops"
per = "trips"
count = [2, 4]
columns.number = { sequence = 10, within = "trip_id" }
columns.day = { date = [0, 2], from = "trips.back" }
columns.at = { datetime = [0, 0], from = "trips.leaves" }
[[derive]]
sql = "UPDATE trips SET leaves = leaves || random_int(1, 1000000)"
[[consistency]]
sql = "SELECT 1 FROM trips WHERE julianday(back) - julianday(substr(leaves, 1, 10)) NOT BETWEEN 1 AND 3"
[[consistency]]
sql = "SELECT 1 FROM stops s JOIN trips t ON t.trip_id = s.trip_id WHERE julianday(s.day) - julianday(t.back) NOT BETWEEN 0 AND 2 OR (s.day IS NULL) <> (t.back IS NULL)"
[[consistency]]
sql = "SELECT 1 FROM stops s JOIN trips t ON t.trip_id = s.trip_id WHERE substr(s.at, 1, 10) <> substr(t.leaves, 1, 10)"
[[consistency]]
sql = "SELECT 1 FROM stops GROUP BY trip_id HAVING min(number) <> 10 OR max(number) <> 9 + count(*) OR count(*) < 2"
"#;
    files.insert("data.toml", data);
    let draws = |files: &WorldFiles| {
        let world =
            World::from_files(files).unwrap_or_else(|error| panic!("{:#?}", error.problems()));
        let state = world.state(&StateSpec::generated("medium", 4)).unwrap();
        let luck = state.query("SELECT luck FROM stops", &[]).unwrap();
        let leaves = state.query("SELECT leaves FROM trips", &[]).unwrap();
        (luck, leaves)
    };
    let (luck, leaves) = draws(&files);
    assert!(luck.len() > 60 && luck.iter().collect::<std::collections::BTreeSet<_>>().len() > 60);
    // A statement before the others that draws too leaves their draws alone.
    let first =
        "[[derive]]\nsql = \"UPDATE stops SET luck = luck + 0 * random_int(1, 9)\"\n[[derive]]";
    files.insert("data.toml", data.replacen("[[derive]]", first, 1));
    assert_eq!((luck, leaves), draws(&files));

    for (bad, words) in [
        (
            data.replace("from = \"leaves\"", "from = \"back\""),
            "neither another column",
        ),
        (
            data.replace("\"trips.leaves\"", "\"parcels.told\""),
            "neither another column",
        ),
        (
            data.replace("within = \"trip_id\"", "within = \"trip\""),
            "no other column",
        ),
        (
            data.replace("date = [5, 9] }", "date = [5, 9], from = \"back\" }"),
            "waits for itself",
        ),
    ] {
        files.insert("data.toml", bad);
        let found = match World::from_files(&files) {
            Ok(world) => world
                .state(&StateSpec::generated("small", 1))
                .unwrap_err()
                .to_string(),
            Err(_) => problems(&files),
        };
        assert!(found.contains(words), "{found}");
    }
}

#[test]
fn a_loop_runs_over_what_a_query_found() {
    let mut files = files();
    files.insert(
        "tools/send_all.toml",
        r#"
name = "send_all"
description = "Send all parcels that are packed."
[output]
type = "integer"
[[step]]
let = "packed"
query = "SELECT json_group_array(parcel_id) AS ids FROM parcels WHERE status = 'packed'"
[[step]]
for_each = "packed_ids"
as = "id"
[[step.step]]
run = "UPDATE parcels SET status = 'sent', labels = json_array(:id_index) WHERE parcel_id = :id"
[[step]]
return = "SELECT json_array_length(:packed_ids) AS sent"
"#,
    );
    let world = World::from_files(&files).unwrap();
    let state = world.state(&StateSpec::generated("small", 1)).unwrap();
    let mut session = state.session(1).unwrap();
    assert_eq!(session.call("send_all", &json!({})).content(), "10");
    assert_eq!(session.call("send_all", &json!({})).content(), "0");
    let left = session.query("SELECT max(labels), min(status) FROM parcels", &[]);
    assert_eq!(left.unwrap()[0], [Cell::text("[9]"), Cell::text("sent")]);
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

#[test]
fn hostile_data_ends_in_words() {
    let bomb: String = (1..40)
        .map(|at| {
            format!(
                "columns.c{at} = {{ template = \"{{c{0}}}{{c{0}}}\" }}\n",
                at - 1
            )
        })
        .collect();
    let columns: String = (0..40).map(|at| format!(", c{at} TEXT")).collect();
    let schema =
        format!("{SCHEMA} CREATE TABLE bombs (bomb_id INTEGER PRIMARY KEY{columns}) STRICT;");
    for (data, words) in [
        ("[[table]]\nname = \"parcels\"\nrows = 4000000000".to_string(), "are the most"),
        (
            "[sizes]\nhuge = 10000\n[[table]]\nname = \"parcels\"\nrows = 1000000".to_string(),
            "are the most",
        ),
        (
            "[[table]]\nname = \"parcels\"\nrows = 9\n[[table]]\nname = \"inbox\"\nper = \"parcels\"\ncount = [4000000000, 4000000000]".to_string(),
            "are the most",
        ),
        (
            "[[table]]\nname = \"parcels\"\nrows = 1\ncolumns.labels = { list_of = { value = 1 }, len = [0, 4000000000] }".to_string(),
            "at most 1000",
        ),
        (
            format!("[[table]]\nname = \"bombs\"\nrows = 1\ncolumns.c0 = {{ value = \"x\" }}\n{bomb}"),
            "more than 65536 bytes",
        ),
    ] {
        let mut files = files();
        files.insert("schema.sql", schema.as_str());
        files.insert("data.toml", data.as_str());
        let size = if data.contains("huge") { "huge" } else { "medium" };
        let found = match World::from_files(&files) {
            Ok(world) => world.state(&StateSpec::generated(size, 1)).unwrap_err().to_string(),
            Err(_) => problems(&files),
        };
        assert!(found.contains(words), "{found}");
    }
}

#[test]
fn a_rule_that_fails_takes_the_call_back() {
    // One rule never ends, the other cannot read what it is given.
    for query in [
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT 1 FROM n WHERE i = 2",
        "SELECT 1 FROM json_each(:new_labels || 'x')",
    ] {
        let mut files = files();
        files.insert(
            "policy.toml",
            format!("[[rule]]\nid = \"x\"\ntext = \"x\"\non_change = \"parcels\"\nviolated_if = \"{query}\"\n"),
        );
        files.insert(
            "world.toml",
            WORLD.replace("[tables", "clock_step_s = 60\n[tables"),
        );
        let world = World::from_files(&files).unwrap();
        let state = world.state(&StateSpec::empty()).unwrap();
        let mut session = state.session(1).unwrap();
        let reply = session.call("pack", &json!({}));
        assert!(
            reply.content().contains("a rule cannot be put"),
            "{}",
            reply.content()
        );
        assert!(session.diff().unwrap().is_empty());
        assert!(session.minted().is_empty());
        assert_eq!(session.now(), "2026-03-02T09:00:00Z");
    }
}
