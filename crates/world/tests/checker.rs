//! Small worlds with one defect each: the checker finds it, and says file, step and an example.
#![allow(clippy::unwrap_used)]

mod small;

use std::sync::atomic::{AtomicI64, Ordering};

use practicum_world::{Cell, CheckOptions, CheckReport, Functions, Problem, Severity, World};
use small::Small;

/// A world without a defect: things in places, one tool that reads and one that writes.
fn sound() -> Small {
    Small::new(
        "CREATE TABLE places (place_id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
         CREATE TABLE things (
           thing_id TEXT PRIMARY KEY DEFAULT (new_id('T')),
           place_id TEXT NOT NULL REFERENCES places (place_id),
           name TEXT NOT NULL,
           count INTEGER NOT NULL DEFAULT 0 CHECK (count >= 0)
         ) STRICT;",
    )
    .file(
        "data.toml",
        "[[table]]\nname = \"places\"\nrows = 20\ncolumns.place_id = { id = \"P\" }\ncolumns.name = { fake = \"city\" }
         [[table]]\nname = \"things\"\nrows = 60\ncolumns.thing_id = { id = \"T\" }\ncolumns.place_id = { ref = \"places.place_id\" }\ncolumns.name = { fake = \"title\" }\ncolumns.count = { int = [0, 9] }",
    )
    .tool("get_thing", "thing_id", &[
        ("require", "SELECT 1 FROM things WHERE thing_id = :thing_id => There is no thing {thing_id}."),
        ("return", "SELECT t.thing_id, t.name, t.count, p.name AS place FROM things t JOIN places p ON p.place_id = t.place_id WHERE t.thing_id = :thing_id"),
    ])
    .tool("rename_thing", "thing_id name", &[
        ("require", "SELECT 1 FROM things WHERE thing_id = :thing_id => There is no thing {thing_id}."),
        ("run", "UPDATE things SET name = :name WHERE thing_id = :thing_id"),
        ("return", "SELECT thing_id, name FROM things WHERE thing_id = :thing_id"),
    ])
}

fn check(world: &Small) -> CheckReport {
    world.load().check(&CheckOptions::default())
}

/// The one finding of a check.
fn only(report: &CheckReport) -> &Problem {
    assert_eq!(report.problems.len(), 1, "{:#?}", report.problems);
    &report.problems[0]
}

#[track_caller]
fn is(found: &Problem, severity: Severity, file: &str, place: &str, words: &str, example: &str) {
    assert_eq!(found.severity, severity, "{found}");
    assert_eq!((&*found.file, &*found.place), (file, place), "{found}");
    assert!(found.message.contains(words), "{found}");
    let own = found.example.as_deref().unwrap_or_default();
    assert!(own.contains(example), "{found}");
    assert_eq!(own.is_empty(), example.is_empty(), "{found}");
}

const ERROR: Severity = Severity::Error;
const WARNING: Severity = Severity::Warning;

#[test]
fn a_sound_world_has_no_findings() {
    let report = check(&sound());
    assert!(report.problems.is_empty(), "{:#?}", report.problems);
    for tool in &report.tools {
        assert!(
            tool.succeeded > 0 && tool.guards_fired == tool.guards,
            "{tool:?}"
        );
        assert_eq!(tool.read_only, tool.name == "get_thing");
    }
}

#[test]
fn a_tool_that_never_succeeds() {
    let world = sound().tool("break_thing", "thing_id", &[
        ("require", "SELECT 1 FROM things WHERE thing_id = :thing_id => There is no thing {thing_id}."),
        ("require", "SELECT 1 FROM things WHERE thing_id = :thing_id AND count > 1000 => {thing_id} is too small."),
        ("run", "DELETE FROM things WHERE thing_id = :thing_id"),
    ]);
    let report = check(&world);
    is(
        only(&report),
        ERROR,
        "tools/break_thing.toml",
        "step 2",
        "succeeded",
        "is too small.",
    );
    assert!(!report.passed());
}

#[test]
fn a_guard_that_never_fires() {
    let world = sound().tool("count_thing", "thing_id", &[
        ("require", "SELECT 1 FROM things WHERE thing_id = :thing_id => There is no thing {thing_id}."),
        ("reject", "SELECT count FROM things WHERE thing_id = :thing_id AND count < 0 => It has {count}."),
        ("return", "SELECT count FROM things WHERE thing_id = :thing_id"),
    ]);
    let report = check(&world);
    is(
        only(&report),
        WARNING,
        "tools/count_thing.toml",
        "step 2",
        "never fired",
        "passes it",
    );
    // A test that makes it fire is enough.
    let world = sound()
        .tool("full", "place_id", &[
            ("require", "SELECT 1 FROM places WHERE place_id = :place_id => There is no place {place_id}."),
            ("reject", "SELECT 1 WHERE (SELECT count(*) FROM things WHERE place_id = :place_id) > 500 => It is full."),
            ("return", "SELECT count(*) AS things FROM things WHERE place_id = :place_id"),
        ]);
    is(
        only(&check(&world)),
        WARNING,
        "tools/full.toml",
        "step 2",
        "never fired",
        "passes it",
    );
}

#[test]
fn a_write_that_changes_nothing() {
    let world = sound().tool(
        "touch_thing",
        "thing_id",
        &[
            (
                "require",
                "SELECT 1 FROM things WHERE thing_id = :thing_id => There is no thing {thing_id}.",
            ),
            (
                "run",
                "UPDATE things SET name = name WHERE thing_id = :thing_id",
            ),
        ],
    );
    is(
        only(&check(&world)),
        ERROR,
        "tools/touch_thing.toml",
        "step 2",
        "no successful call changed",
        "touch_thing {\"thing_id\":\"T",
    );
}

#[test]
fn a_result_that_does_not_meet_its_schema() {
    let world = sound().file(
        "tools/stock.toml",
        "name = \"stock\"\ndescription = \"Counts.\"\n[input]\ntype = \"object\"\nrequired = [\"thing_id\"]\nproperties.thing_id = { type = \"string\" }\nproperties.note = { type = \"string\" }
         [output]\ntype = \"object\"\nproperties.count = { type = \"integer\", maximum = 4 }\n[[step]]\nreturn = \"SELECT count FROM things WHERE thing_id = :thing_id AND (:note IS NULL OR true)\"",
    );
    let report = check(&world);
    assert!(report.problems.len() <= 3, "{:#?}", report.problems);
    is(
        &report.problems[0],
        ERROR,
        "tools/stock.toml",
        "output.count",
        "does not meet [output]",
        "stock {\"thing_id\":\"T",
    );
}

#[test]
fn a_result_that_is_no_json() {
    let world = sound().file(
        "tools/labels.toml",
        "name = \"labels\"\ndescription = \"Labels.\"\n[input]\ntype = \"object\"\nrequired = [\"thing_id\"]\nproperties.thing_id = { type = \"string\" }
         [output]\ntype = \"object\"\nproperties.labels = { type = \"array\", items = { type = \"string\" } }\n[[step]]\nreturn = \"SELECT name AS labels FROM things WHERE thing_id = :thing_id\"",
    );
    let report = check(&world);
    is(
        &report.problems[0],
        ERROR,
        "tools/labels.toml",
        "step 1",
        "not JSON",
        "labels {\"thing_id\":\"T",
    );
    assert!(
        report
            .problems
            .iter()
            .all(|found| found.file == "tools/labels.toml")
    );
}

/// A function of the embedding program that breaks its promise.
fn counting() -> Functions {
    static COUNT: AtomicI64 = AtomicI64::new(0);
    let mut functions = Functions::default();
    functions.insert("count_up", 0, |_| {
        Ok(Cell::Integer(COUNT.fetch_add(1, Ordering::Relaxed)))
    });
    functions
}

#[test]
fn a_repeated_run_that_differs() {
    let with = |world: &Small| {
        World::with_functions(&world.files, counting())
            .unwrap()
            .check(&CheckOptions::default())
    };
    let read = sound().tool(
        "draw",
        "",
        &[("return", "SELECT count_up() AS n FROM things LIMIT 1")],
    );
    let report = with(&read);
    is(
        &report.problems[0],
        ERROR,
        "tools/draw.toml",
        "",
        "two runs gave different replies",
        "draw {}",
    );
    let write = sound().tool(
        "draw",
        "thing_id",
        &[
            (
                "require",
                "SELECT 1 FROM things WHERE thing_id = :thing_id => There is no thing {thing_id}.",
            ),
            (
                "run",
                "UPDATE things SET count = count_up() WHERE thing_id = :thing_id",
            ),
        ],
    );
    let report = with(&write);
    is(
        only(&report),
        ERROR,
        "tools/draw.toml",
        "step 2",
        "different states",
        "draw {\"thing_id\":\"T",
    );
    let data = Small::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT (count_up())) STRICT;",
    )
    .file("data.toml", "[[table]]\nname = \"t\"\nrows = 5")
    .tool("list", "", &[("rows", "SELECT id, n FROM t")]);
    let report = with(&data);
    is(
        only(&report),
        ERROR,
        "data.toml",
        "size small",
        "two different states",
        "",
    );
}

#[test]
fn a_table_that_no_tool_reads() {
    let mut world = sound();
    let schema = world.files.get("schema.sql").unwrap().to_string();
    world = world.file(
        "schema.sql",
        &format!("{schema}\nCREATE TABLE ghosts (id INTEGER PRIMARY KEY) STRICT;"),
    );
    is(
        only(&check(&world)),
        WARNING,
        "schema.sql",
        "ghosts",
        "no tool reads this table",
        "",
    );
}

/// A parameter of any type, where the steps can only take a list.
#[test]
fn a_hostile_call_that_breaks_a_step() {
    let world = sound().tool_with(
        "count_all",
        "[input]\ntype = \"object\"\nrequired = [\"ids\"]\nproperties.ids = { description = \"Ids.\" }\nproperties.note = { type = \"string\" }\n",
        &[
            ("require", "SELECT 1 WHERE :note IS NULL OR length(:note) < 9999 => That is a long note."),
            ("raw", "[[step]]\nfor_each = \"ids\"\nas = \"id\"\n[[step.step]]\nrequire = \"SELECT 1 WHERE :id IS NOT NULL\"\nerror = \"No.\"\n"),
        ],
    );
    let report = check(&world);
    let found = report
        .problems
        .iter()
        .find(|found| found.message.contains("hostile call ended as a fault"))
        .unwrap();
    is(
        found,
        ERROR,
        "tools/count_all.toml",
        "step 2",
        "no array",
        "count_all {\"ids\":",
    );
    // The example holds what it takes and no more.
    assert!(found.example.as_ref().unwrap().len() < 40, "{found}");
    assert!(!found.example.as_ref().unwrap().contains("note"), "{found}");
}

/// What one tool stores breaks another.
#[test]
fn a_hostile_call_that_poisons_the_state() {
    let mut world = sound();
    let schema = world.files.get("schema.sql").unwrap().to_string();
    world = world
        .file("schema.sql", &schema.replace("count INTEGER", "labels TEXT NOT NULL DEFAULT '[]', count INTEGER"))
        .tool("label_thing", "thing_id labels", &[
            ("require", "SELECT 1 FROM things WHERE thing_id = :thing_id => There is no thing {thing_id}."),
            ("run", "UPDATE things SET labels = :labels WHERE thing_id = :thing_id"),
        ])
        .file(
            "tools/list_labels.toml",
            "name = \"list_labels\"\ndescription = \"Labels.\"\n[input]\ntype = \"object\"\nrequired = [\"thing_id\"]\nproperties.thing_id = { type = \"string\" }
             [output]\ntype = \"object\"\nproperties.labels = { type = \"array\", items = { type = \"string\" } }\n[[step]]\nrequire = \"SELECT 1 FROM things WHERE thing_id = :thing_id\"\nerror = \"No.\"\n[[step]]\nreturn = \"SELECT labels FROM things WHERE thing_id = :thing_id\"",
        );
    let report = check(&world);
    let found = report
        .problems
        .iter()
        .find(|found| found.severity == ERROR)
        .unwrap();
    is(
        found,
        ERROR,
        "tools/list_labels.toml",
        "step 2",
        "what label_thing may store",
        "list_labels {\"thing_id\":\"T",
    );
}

#[test]
fn a_rule_that_a_call_can_break() {
    let world = sound()
        .tool("set_count", "thing_id count:integer", &[
            ("require", "SELECT 1 FROM things WHERE thing_id = :thing_id => There is no thing {thing_id}."),
            ("reject", "SELECT 1 WHERE :count NOT BETWEEN 0 AND 1000 => Between 0 and 1,000."),
            ("run", "UPDATE things SET count = :count WHERE thing_id = :thing_id"),
        ])
        .file(
            "policy.toml",
            "[[rule]]\nid = \"few\"\ntext = \"Not more than 900.\"\ntools = [\"set_count\"]\nviolated_if = \"SELECT 1 WHERE abs(:count) > 900\"",
        )
        .file("policy.md", "{{rules}}");
    let report = check(&world);
    let found = report
        .problems
        .iter()
        .find(|found| found.severity == ERROR)
        .unwrap();
    is(
        found,
        ERROR,
        "tools/set_count.toml",
        "",
        "a rule cannot be put",
        "-9223372036854775808",
    );
}

#[test]
fn a_constraint_that_no_guard_foresees() {
    let world = sound().tool(
        "take_thing",
        "thing_id count:integer",
        &[
            (
                "require",
                "SELECT 1 FROM things WHERE thing_id = :thing_id => There is no thing {thing_id}.",
            ),
            (
                "run",
                "UPDATE things SET count = count - :count WHERE thing_id = :thing_id",
            ),
        ],
    );
    is(
        only(&check(&world)),
        WARNING,
        "tools/take_thing.toml",
        "step 2",
        "no guard foresees this",
        "take_thing {",
    );
}

#[test]
fn a_data_file_test_that_fails() {
    let world = sound().file(
        "tests/rename.toml",
        "name = \"a thing is renamed\"\n[[row]]\ntable = \"places\"\nvalues = { place_id = \"P1\", name = \"Here\" }\n[[row]]\ntable = \"things\"\nvalues = { thing_id = \"T1\", place_id = \"P1\", name = \"Old\" }\n[[call]]\ntool = \"rename_thing\"\narguments = { thing_id = \"T1\", name = \"New\" }\nresult = { thing_id = \"T1\", name = \"Newer\" }",
    );
    is(
        only(&check(&world)),
        ERROR,
        "tests/rename.toml",
        "a thing is renamed",
        "call 1 (rename_thing)",
        "",
    );
}

#[test]
fn a_rule_that_another_tool_dodges() {
    let world = sound()
        .tool("relabel", "thing_id name", &[("run", "UPDATE things SET name = :name WHERE thing_id = :thing_id")])
        .file("policy.toml", "[[rule]]\nid = \"names\"\ntext = \"No short names.\"\ntools = [\"rename_thing\"]\nviolated_if = \"SELECT 1 WHERE length(:name) < 3\"")
        .file("policy.md", "{{rules}}");
    let problems = world.problems();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    is(
        &problems[0],
        ERROR,
        "policy.toml",
        "rule \"names\"",
        "relabel writes things.name too",
        "",
    );
    let policy = world.files.get("policy.toml").unwrap().to_string();
    world
        .clone()
        .file("policy.toml", &format!("{policy}\nexempt = [\"relabel\"]"))
        .load();
    world
        .file(
            "policy.toml",
            &policy
                .replace("tools = [\"rename_thing\"]", "on_change = \"things.name\"")
                .replace(":name", ":new_name"),
        )
        .load();
}

#[test]
fn a_reference_that_is_not_declared() {
    let schema = "CREATE TABLE a (a_id TEXT PRIMARY KEY) STRICT; CREATE TABLE b (b_id TEXT PRIMARY KEY, a_id TEXT NOT NULL) STRICT;";
    let world = Small::new(schema).tool(
        "list",
        "",
        &[("rows", "SELECT b.b_id FROM b JOIN a ON a.a_id = b.a_id")],
    );
    let warnings = world.load().warnings().to_vec();
    assert_eq!(warnings.len(), 1);
    is(
        &warnings[0],
        WARNING,
        "schema.sql",
        "b.a_id",
        "no foreign key connects them",
        "",
    );
}

/// What can be said without running anything, with the place where it stands.
#[test]
fn defects_of_one_tool_file() {
    let plain = "name = \"x\"\ndescription = \"X.\"\n[input]\ntype = \"object\"\n[output]\ntype = \"object\"\n[[step]]\nreturn = \"SELECT name FROM things\"";
    let cases: Vec<(String, &str, &str)> = vec![
        (plain.replace("[output]", "properties.p = { type = \"string\" }\n[output]"), "input.p", "no step uses :p"),
        (plain.replace("[[step]]", "[[step]]\nrequire = \"SELECT 1\"\n[[step]]"), "step 1", "a guard needs a message"),
        (plain.replace("[[step]]", "[[step]]\nreject = \"SELECT 1\"\nerror = \"{nobody}\"\n[[step]]"), "step 1", "neither bound nor a column"),
        (plain.replace("name = \"x\"", "name = \"a b\""), "name", "is no tool name"),
        (plain.replace("name = \"x\"", "name = \"\""), "name", "is no tool name"),
        (plain.replace("name = \"x\"", "name = \"1x\""), "name", "begins with neither a letter nor _"),
        (plain.replace("name = \"x\"", &format!("name = \"{}\"", "x".repeat(65))), "name", "is no tool name"),
        (plain.replace("name = \"x\"", "name = \"reset\""), "name", "served sessions"),
        (plain.replace("\"X.\"", "\"\""), "description", "needs a description"),
        (plain.replace("X.", &"x".repeat(1_025)), "description", "1,024"),
        (plain.replace("[output]", "properties.\"a-b\" = { type = \"string\" }\n[output]"), "input.a-b", "is no parameter name"),
        (plain.replace("[output]", "properties.has_x = { type = \"string\" }\n[output]"), "input.has_x", "has_"),
        (plain.replace("[output]", "required = [\"q\"]\n[output]"), "input", "which is no property"),
        (plain.replace("[output]\ntype = \"object\"", "[output]\ntype = \"thing\""), "output", "not a valid JSON Schema"),
        (plain.replace("[output]", "[output]\nproperties.size = { type = \"integer\" }"), "step 1", "[output] promises size"),
        (plain.replace("SELECT name FROM things", "SELECT nobody FROM things"), "step 1", "no such column: nobody"),
        (plain.replace("SELECT name FROM things", "SELECT name, name FROM things"), "step 1", "two columns of the result"),
        (plain.replace("return = \"SELECT name FROM things\"", "run = \"UPDATE things SET count = 1\""), "", "no step returns anything"),
        (plain.replace("[[step]]", "[[step]]\nreturn = \"SELECT 1 AS a\"\n[[step]]"), "step 1", "steps after `return` never run"),
        (plain.replace("return =", "retrun ="), "line 8", "unknown field"),
        (plain.replace("[output]", "properties.o = { type = \"object\", properties = { \"a b\" = { type = \"string\" } } }\n[output]"), "input.o.a b", "refuse this name"),
    ];
    for (text, place, words) in cases {
        let world = sound().file("tools/other.toml", &text);
        let problems = match World::from_files(&world.files) {
            Err(error) => error.problems().to_vec(),
            Ok(world) => world.warnings().to_vec(),
        };
        let found = problems
            .iter()
            .find(|found| found.place == place && found.message.contains(words));
        assert!(found.is_some(), "{place}: {words}: {problems:#?}");
        assert!(
            problems
                .iter()
                .all(|found| found.file == "tools/other.toml"),
            "{problems:#?}"
        );
    }
    // Found while running, in a file that is not named after its tool.
    let world = sound().file("tools/other.toml", &plain.replace("SELECT name FROM things", "SELECT name FROM things WHERE count > 5000").replace("[[step]]", "[[step]]\nrequire = \"SELECT 1 FROM things WHERE count > 5000\"\nerror = \"None.\"\n[[step]]"));
    is(
        only(&check(&world)),
        ERROR,
        "tools/other.toml",
        "step 1",
        "succeeded",
        "x {} gives",
    );
}

#[test]
fn more_tools_than_an_api_takes() {
    let mut world = sound();
    for number in 0..127 {
        world = world.tool(
            &format!("read_{number}"),
            "",
            &[("return", "SELECT count(*) AS n FROM things")],
        );
    }
    let warnings = world.load().warnings().to_vec();
    assert_eq!(warnings.len(), 1);
    is(&warnings[0], WARNING, "tools", "", "129 tools", "");
}

/// Tools that only make sense with the right arguments: the sampler finds them, so that the check has
/// nothing to say.
#[test]
fn arguments_are_found() {
    let schema = "
        CREATE TABLE people (person_id TEXT PRIMARY KEY DEFAULT (new_id('H')), email TEXT NOT NULL UNIQUE, team_id TEXT NOT NULL REFERENCES teams (team_id)) STRICT;
        CREATE TABLE teams (team_id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
        CREATE TABLE cards (card_id TEXT PRIMARY KEY, person_id TEXT NOT NULL REFERENCES people (person_id)) STRICT;
        CREATE TABLE trips (trip_id TEXT PRIMARY KEY, card_id TEXT NOT NULL REFERENCES cards (card_id), at TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'paid', 'void'))) STRICT;
        CREATE TABLE loans (loan_id TEXT PRIMARY KEY DEFAULT (new_id('L')), person_id TEXT NOT NULL REFERENCES people (person_id), back INTEGER NOT NULL DEFAULT 0) STRICT;";
    let data = "
        [[table]]\nname = \"teams\"\nrows = 40\ncolumns.team_id = { id = \"A\" }\ncolumns.name = { fake = \"title\" }
        [[table]]\nname = \"people\"\nrows = 80\ncolumns.person_id = { id = \"H\" }\ncolumns.email = { fake = \"email\", unique = true }\ncolumns.team_id = { ref = \"teams.team_id\" }
        [[table]]\nname = \"cards\"\nrows = 80\ncolumns.card_id = { id = \"C\" }\ncolumns.person_id = { ref = \"people.person_id\" }
        [[table]]\nname = \"trips\"\nrows = 160\ncolumns.trip_id = { id = \"R\" }\ncolumns.card_id = { ref = \"cards.card_id\" }\ncolumns.at = { datetime = [-20, 20] }\ncolumns.state = { choice = [\"open\", \"paid\", \"void\"] }
        [[table]]\nname = \"loans\"\nrows = 0";
    let known =
        "SELECT 1 FROM people WHERE person_id = :person_id => There is no person {person_id}.";
    let world = Small::new(schema)
        .file("data.toml", data)
        // A value that must be new, and is taken now and then.
        .tool("add_person", "email team_id", &[
            ("require", "SELECT 1 FROM teams WHERE team_id = :team_id => There is no team {team_id}."),
            ("reject", "SELECT 1 FROM people WHERE email = :email => {email} is taken."),
            ("run", "INSERT INTO people (email, team_id) VALUES (:email, :team_id)"),
        ])
        // The row's own reference would be no change.
        .tool("move_person", "person_id team_id", &[
            ("require", known),
            ("require", "SELECT 1 FROM teams WHERE team_id = :team_id => There is no team {team_id}."),
            ("reject", "SELECT 1 FROM people WHERE person_id = :person_id AND team_id = :team_id => They are in {team_id} already."),
            ("run", "UPDATE people SET team_id = :team_id WHERE person_id = :person_id"),
        ])
        .tool("set_state", "trip_id state", &[
            ("require", "SELECT 1 FROM trips WHERE trip_id = :trip_id => There is no trip {trip_id}."),
            ("reject", "SELECT 1 FROM trips WHERE trip_id = :trip_id AND state = :state => It is {state} already."),
            ("reject", "SELECT 1 WHERE :state NOT IN ('open', 'paid', 'void') => {state} is no state."),
            ("run", "UPDATE trips SET state = :state WHERE trip_id = :trip_id"),
        ])
        // Three foreign keys lie between the two arguments.
        .tool("trip_of_team", "team_id trip_id", &[
            ("require", "SELECT 1 FROM trips t JOIN cards c ON c.card_id = t.card_id JOIN people p ON p.person_id = c.person_id WHERE t.trip_id = :trip_id AND p.team_id = :team_id => {trip_id} is no trip of team {team_id}."),
            ("return", "SELECT at, state FROM trips WHERE trip_id = :trip_id"),
        ])
        // A day, compared with the day of an instant.
        .tool_with("trips_on", "[input]\ntype = \"object\"\nrequired = [\"day\"]\nproperties.day = { type = \"string\", format = \"date\" }\n", &[
            ("require", "SELECT 1 FROM trips WHERE date(at) = :day => Nobody travels on {day}."),
            ("rows", "SELECT trip_id FROM trips WHERE date(at) = :day"),
        ])
        // One of several filters.
        .tool_with("find_people", "[input]\ntype = \"object\"\nanyOf = [{ required = [\"email\"] }, { required = [\"team_id\"] }]\nproperties.email = { type = \"string\" }\nproperties.team_id = { type = \"string\" }\n", &[
            ("rows", "SELECT person_id, email FROM people WHERE (:email IS NULL OR email = :email) AND (:team_id IS NULL OR team_id = :team_id)"),
        ])
        // Only what another tool has made can be used.
        .tool("lend", "person_id", &[("require", known), ("run", "INSERT INTO loans (person_id) VALUES (:person_id)")])
        .tool("give_back", "loan_id", &[
            ("require", "SELECT 1 FROM loans WHERE loan_id = :loan_id => There is no loan {loan_id}."),
            ("reject", "SELECT 1 FROM loans WHERE loan_id = :loan_id AND back = 1 => It is back."),
            ("run", "UPDATE loans SET back = 1 WHERE loan_id = :loan_id"),
        ])
        .tool("list_teams", "", &[("rows", "SELECT team_id, name FROM teams")]);
    for seed in 1..4 {
        let report = world.load().check(&CheckOptions {
            seed,
            ..CheckOptions::default()
        });
        assert!(report.problems.is_empty(), "{:#?}", report.problems);
        let find = report
            .tools
            .iter()
            .find(|tool| tool.name == "find_people")
            .unwrap();
        assert!(find.succeeded * 10 > find.tried * 9, "{find:?}");
        let trips = report
            .tools
            .iter()
            .find(|tool| tool.name == "trip_of_team")
            .unwrap();
        assert!(trips.succeeded * 2 > trips.tried, "{trips:?}");
    }
}

/// The same options give the same report, byte for byte.
#[test]
fn a_report_is_repeatable() {
    let world = sound().tool(
        "take_thing",
        "thing_id count:integer",
        &[(
            "run",
            "UPDATE things SET count = count - :count WHERE thing_id = :thing_id",
        )],
    );
    let text = || serde_json::to_string(&check(&world)).unwrap();
    assert_eq!(text(), text());
}
