//! `data.toml`: how rows come to be.

use practicum_world::{Cell, StateSpec, World, WorldFiles};
use serde_json::json;

use crate::post_office::{SCHEMA, files, problems, world};

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
