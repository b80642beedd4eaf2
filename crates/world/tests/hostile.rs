//! Worlds and agents that mean harm: each hole is refused with file, place and reason when the world is
//! loaded, or ends a call as an error after which the session is what it was.
#![allow(clippy::unwrap_used)]

mod small;

use practicum_world::{Cell, ErrorKind, Functions, Problem, Session, State, StateSpec, World};
use proptest::prelude::*;
use serde_json::{Value, json};
use small::{Small, assert_diff_exact, dump, full_diff};

const T: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL DEFAULT 'x') STRICT;";

/// The only error of a world that must not load.
fn only_error(world: &Small, what: &str) -> Problem {
    let problems = world.problems();
    assert_eq!(problems.len(), 1, "{what}: {problems:#?}");
    problems.into_iter().next().unwrap()
}

/// Statements that no step may hold, with words of the reason.
const REFUSED_STATEMENTS: &[(&str, &str)] = &[
    ("PRAGMA foreign_keys = OFF", "PRAGMA is not allowed"),
    ("PRAGMA defer_foreign_keys = ON", "PRAGMA is not allowed"),
    ("ATTACH 'other.db' AS other", "ATTACH is not allowed"),
    ("DETACH other", "DETACH is not allowed"),
    ("VACUUM", "VACUUM is not allowed"),
    ("VACUUM INTO 'copy.db'", "VACUUM is not allowed"),
    ("EXPLAIN SELECT 1", "EXPLAIN is not allowed"),
    ("EXPLAIN QUERY PLAN DELETE FROM t", "EXPLAIN is not allowed"),
    ("BEGIN", "BEGIN is not allowed"),
    ("COMMIT", "COMMIT is not allowed"),
    ("END", "COMMIT is not allowed"),
    ("ROLLBACK", "ROLLBACK is not allowed"),
    ("ROLLBACK TO episode", "ROLLBACK is not allowed"),
    ("SAVEPOINT mine", "SAVEPOINT is not allowed"),
    ("RELEASE call", "RELEASE is not allowed"),
    ("CREATE TABLE x (a)", "CREATE TABLE is not allowed"),
    ("CREATE INDEX i ON t (v)", "CREATE INDEX is not allowed"),
    ("CREATE VIEW w AS SELECT 1", "CREATE VIEW is not allowed"),
    (
        "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE TRIGGER is not allowed",
    ),
    ("DROP TABLE t", "DROP is not allowed"),
    (
        "ALTER TABLE t ADD COLUMN z TEXT",
        "ALTER TABLE is not allowed",
    ),
    ("REINDEX", "REINDEX is not allowed"),
    ("ANALYZE", "ANALYZE is not allowed"),
    (
        "DELETE FROM t; COMMIT",
        "statement 2: COMMIT is not allowed",
    ),
    (
        "INSERT OR ROLLBACK INTO t (v) VALUES ('a')",
        "end the whole episode",
    ),
    ("UPDATE OR ROLLBACK t SET v = 'a'", "end the whole episode"),
    (
        "INSERT INTO words (words, rank) VALUES ('rank', 'bm25(9.0)')",
        "outlive a rollback",
    ),
    (
        "INSERT INTO words (\"rank\", \"Words\") SELECT 4, :v",
        "outlive a rollback",
    ),
    (
        "INSERT OR FAIL INTO t (v) VALUES ('a')",
        "half of a statement",
    ),
    (
        "INSERT INTO t (v) SELECT name FROM sqlite_master",
        "sqlite_master",
    ),
    (
        "INSERT INTO t (v) SELECT name FROM sqlite_schema",
        "sqlite_master",
    ),
    (
        "INSERT INTO t (v) SELECT name FROM main.sqlite_schema",
        "sqlite_master",
    ),
    (
        "INSERT INTO t (v) SELECT sql FROM temp.sqlite_schema",
        "sqlite_temp_master",
    ),
    (
        "INSERT INTO t (v) SELECT name FROM pragma_table_info('t')",
        "pragma_table_info",
    ),
    (
        "INSERT INTO t (v) SELECT count(*) FROM pragma_database_list",
        "pragma_database_list",
    ),
    ("INSERT INTO t (v) SELECT name FROM dbstat", "dbstat"),
    ("INSERT INTO t (v) SELECT count(*) FROM dbstat", "dbstat"),
    (
        "DELETE FROM sqlite_master",
        "cannot be parsed|sqlite_master|may not be modified",
    ),
    (
        "INSERT INTO t (v) VALUES (load_extension('x'))",
        "load_extension is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (readfile('x'))",
        "readfile is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (writefile('x', 'y'))",
        "writefile is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (edit('x'))",
        "edit is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (hex(zeroblob(400000000)))",
        "zeroblob is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (random())",
        "random is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (RANDOM())",
        "random is not available|RANDOM is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (\"random\"())",
        "random is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (hex(randomblob(8)))",
        "randomblob is not available",
    ),
    (
        "INSERT INTO t (v) SELECT v FROM t ORDER BY random()",
        "random is not available",
    ),
    (
        "INSERT INTO t (v) VALUES ('a') RETURNING random()",
        "random is not available",
    ),
    (
        "UPDATE t SET v = 'a' WHERE id = (SELECT random())",
        "random is not available",
    ),
    (
        "DELETE FROM t WHERE EXISTS (WITH c AS (SELECT random() AS r) SELECT r FROM c)",
        "random is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (changes())",
        "changes is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (total_changes())",
        "total_changes is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (last_insert_rowid())",
        "last_insert_rowid is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (sqlite_version())",
        "sqlite_version is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (sqlite_source_id())",
        "sqlite_source_id is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (rtreecheck('t'))",
        "rtreecheck is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (fts5_source_id())",
        "fts5_source_id is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (fts3_tokenizer('x'))",
        "fts3_tokenizer is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (__touch(0, 1))",
        "__touch is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (__change(0, 'I', 1))",
        "__change is not available",
    ),
    ("UPDATE t SET v = __hold('a')", "__hold is not available"),
    ("INSERT INTO t (v) VALUES (called('t'))", "policy.toml"),
    ("INSERT INTO t (v) VALUES (x'00')", "BLOB"),
    ("INSERT INTO t (v) VALUES (CAST('a' AS BLOB))", "BLOB"),
    (
        "INSERT INTO t (v) VALUES (CAST(CAST('a' AS BLOB) AS TEXT))",
        "BLOB",
    ),
    (
        "INSERT INTO t (v) VALUES (unhex('ff'))",
        "unhex is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (jsonb('[1]'))",
        "jsonb is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (jsonb_extract('[1]', '$'))",
        "jsonb_extract is not available",
    ),
    (
        "INSERT INTO t (v) VALUES (?1)",
        "parameters are written :name",
    ),
    (
        "INSERT INTO t (v) VALUES (@x)",
        "parameters are written :name",
    ),
    (
        "INSERT INTO t (v) VALUES ($x)",
        "parameters are written :name",
    ),
    (
        "INSERT INTO t (v) VALUES (:nobody)",
        ":nobody is not bound here",
    ),
    (
        "INSERT INTO temp.t (v) VALUES ('a')",
        "no such table: temp.t",
    ),
    ("UPDATE t SET v = 'a' LIMIT", "cannot be parsed"),
    (
        "INSERT INTO keyed (rowid, name) VALUES (9223372036854775807, 'a')",
        "rowid is no column of keyed",
    ),
    (
        "UPDATE keyed SET _rowid_ = 9223372036854775807",
        "_rowid_ is no column of keyed",
    ),
    ("DELETE FROM words_data", "words_data may not be modified"),
    (
        "INSERT INTO t (v) SELECT c0 FROM words_content",
        "words_content belongs to the index words",
    ),
];

const EVERYTHING: &str =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL DEFAULT 'x') STRICT;
    CREATE TABLE keyed (name TEXT PRIMARY KEY) STRICT;
    CREATE VIRTUAL TABLE words USING fts5 (word);";

#[test]
fn statements_that_no_step_may_hold() {
    for (sql, words) in REFUSED_STATEMENTS {
        let found = only_error(&Small::new(EVERYTHING).tool("t", "", &[("run", sql)]), sql);
        assert_eq!(
            (&*found.file, &*found.place),
            ("tools/t.toml", "step 1"),
            "{sql}"
        );
        assert!(
            words.split('|').any(|words| found.message.contains(words)),
            "{sql}: {found}"
        );
    }
    // What reads instead of writing is refused in every kind of step.
    for (kind, sql) in [
        ("require", "SELECT random() => no"),
        ("reject", "SELECT random() => no"),
        ("return", "SELECT random() AS r"),
    ] {
        let found = only_error(&Small::new(T).tool("t", "", &[(kind, sql)]), kind);
        assert!(found.message.contains("random is not available"), "{found}");
    }
    for (kind, error) in [("require", " => no"), ("reject", " => no"), ("return", "")] {
        let sql = format!("DELETE FROM t RETURNING id{error}");
        let found = &Small::new(T).tool("t", "", &[(kind, &sql)]).problems()[0];
        assert!(found.message.contains("must be a SELECT"), "{found}");
    }
}

/// Schemas that no world may have, where, and words of the reason.
const REFUSED_SCHEMAS: &[(&str, &str, &str)] = &[
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY ON CONFLICT ROLLBACK) STRICT",
        "statement 2",
        "end the whole episode",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v TEXT UNIQUE ON CONFLICT ROLLBACK) STRICT",
        "statement 2",
        "end the whole episode",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v TEXT NOT NULL ON CONFLICT ROLLBACK) STRICT",
        "statement 2",
        "end the whole episode",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v TEXT, UNIQUE (v) ON CONFLICT ROLLBACK) STRICT",
        "statement 2",
        "end the whole episode",
    ),
    (
        "CREATE TABLE u (id INTEGER, PRIMARY KEY (id) ON CONFLICT ROLLBACK) STRICT",
        "statement 2",
        "end the whole episode",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v TEXT, CHECK (v > '') ON CONFLICT ROLLBACK) STRICT",
        "statement 2",
        "cannot be parsed",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED) STRICT",
        "statement 2",
        "never be enforced",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v INTEGER, FOREIGN KEY (v) REFERENCES t DEFERRABLE INITIALLY DEFERRED) STRICT",
        "statement 2",
        "never be enforced",
    ),
    (
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT RAISE(ROLLBACK, 'x'); END",
        "statement 2",
        "end the whole episode",
    ),
    (
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET v = CASE WHEN 1 THEN RAISE(ROLLBACK, 'x') END; END",
        "statement 2",
        "end the whole episode",
    ),
    (
        "CREATE TRIGGER a AFTER INSERT ON t WHEN RAISE(FAIL, 'x') BEGIN SELECT 1; END",
        "statement 2",
        "half of a statement",
    ),
    (
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT OR ROLLBACK INTO t VALUES (1, 'a'); END",
        "statement 2",
        "end the whole episode",
    ),
    (
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO t (v) VALUES ('a'); END",
        "",
        "triggers form a cycle",
    ),
    (
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET v = 'a'; END; CREATE TRIGGER b AFTER UPDATE ON t BEGIN INSERT INTO t (v) VALUES ('a'); END",
        "",
        "triggers form a cycle",
    ),
    (
        "CREATE TRIGGER a AFTER DELETE ON t BEGIN INSERT OR REPLACE INTO t VALUES (OLD.id, 'a'); END",
        "",
        "triggers form a cycle",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY ON CONFLICT REPLACE) STRICT; CREATE TRIGGER a AFTER DELETE ON u BEGIN INSERT INTO u VALUES (OLD.id); END",
        "",
        "triggers form a cycle",
    ),
    (
        "CREATE TRIGGER a AFTER UPDATE ON t BEGIN INSERT INTO t VALUES (OLD.id, 'a') ON CONFLICT DO UPDATE SET v = v || 'a'; END",
        "",
        "triggers form a cycle",
    ),
    (
        "CREATE VIEW w AS SELECT * FROM t; CREATE TRIGGER i INSTEAD OF INSERT ON w BEGIN INSERT INTO t VALUES (NEW.id, 'a'); END; CREATE TRIGGER b AFTER INSERT ON t BEGIN INSERT INTO w VALUES (NEW.id + 1, 'a'); END",
        "",
        "triggers form a cycle",
    ),
    (
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM t WHERE id = random(); END",
        "statement 2",
        "random is not available",
    ),
    (
        "CREATE VIEW w AS SELECT random() AS r FROM t",
        "statement 2",
        "random is not available",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v INTEGER DEFAULT (random())) STRICT",
        "statement 2",
        "random is not available",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v INTEGER CHECK (v > changes())) STRICT",
        "statement 2",
        "changes is not available",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v INTEGER AS (random())) STRICT",
        "statement 2",
        "random is not available",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v TEXT AS (datetime('now'))) STRICT",
        "statement 2",
        "non-deterministic",
    ),
    (
        "CREATE INDEX i ON t (random())",
        "statement 2",
        "random is not available",
    ),
    (
        "CREATE INDEX i ON t (v) WHERE v > random()",
        "statement 2",
        "random is not available",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v TEXT DEFAULT (__touch(0, 1))) STRICT",
        "statement 2",
        "__touch",
    ),
    (
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT __touch(0, 1); END",
        "statement 2",
        "__touch",
    ),
    (
        "CREATE TEMP TABLE u (id INTEGER PRIMARY KEY) STRICT",
        "statement 2",
        "temporary",
    ),
    (
        "CREATE TABLE temp.u (id INTEGER PRIMARY KEY) STRICT",
        "statement 2",
        "before the dot",
    ),
    (
        "CREATE VIEW temp.w AS SELECT 1",
        "statement 2",
        "before the dot",
    ),
    (
        "CREATE TRIGGER temp.a AFTER INSERT ON t BEGIN SELECT 1; END",
        "statement 2",
        "before the dot",
    ),
    (
        "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY) STRICT",
        "t",
        "two tables have this name",
    ),
    (
        "CREATE TABLE __u (id INTEGER PRIMARY KEY) STRICT",
        "__u",
        "taken",
    ),
    (
        "CREATE TABLE json_each (id INTEGER PRIMARY KEY) STRICT",
        "json_each",
        "taken",
    ),
    (
        "CREATE TABLE pragma_table_info (id INTEGER PRIMARY KEY) STRICT",
        "pragma_table_info",
        "taken",
    ),
    (
        "CREATE TABLE dbstat (id INTEGER PRIMARY KEY) STRICT",
        "dbstat",
        "taken",
    ),
    (
        "CREATE TABLE sqlite_u (id INTEGER PRIMARY KEY) STRICT",
        "statement 2",
        "reserved",
    ),
    (
        "CREATE VIRTUAL TABLE u USING rtree (id, a, b)",
        "statement 2",
        "only fts5 is",
    ),
    (
        "CREATE VIRTUAL TABLE u USING dbstat",
        "statement 2",
        "only fts5 is",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, b BLOB) STRICT",
        "",
        "BLOB",
    ),
    (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, b TEXT)",
        "",
        "not STRICT",
    ),
    ("CREATE TABLE u (a TEXT) STRICT", "", "no primary key"),
    (
        "CREATE TABLE u AS SELECT 1 AS a",
        "statement 2",
        "has no keys",
    ),
    (
        "PRAGMA foreign_keys = OFF",
        "statement 2",
        "PRAGMA is not allowed",
    ),
    (
        "INSERT INTO t (v) VALUES ('a')",
        "statement 2",
        "INSERT is not allowed",
    ),
    ("DROP TABLE t", "statement 2", "DROP is not allowed"),
    ("ATTACH 'x' AS y", "statement 2", "ATTACH is not allowed"),
    ("BEGIN; COMMIT", "statement 2", "BEGIN is not allowed"),
];

#[test]
fn schemas_that_no_world_may_have() {
    for (schema, place, words) in REFUSED_SCHEMAS {
        let found = only_error(
            &Small::new(&format!("{T}\n{schema}")).tool("t", "", &[]),
            schema,
        );
        assert_eq!(
            (&*found.file, &*found.place),
            ("schema.sql", *place),
            "{schema}: {found}"
        );
        assert!(found.message.contains(words), "{schema}: {found}");
    }
}

/// What a view or a trigger reads is seen where a tool uses it.
#[test]
fn views_and_triggers_hide_nothing() {
    for (schema, kind, sql) in [
        (
            "CREATE VIEW w AS SELECT name FROM sqlite_master",
            "return",
            "SELECT name FROM w",
        ),
        (
            "CREATE VIEW w AS SELECT name FROM pragma_table_info('t')",
            "return",
            "SELECT name FROM w",
        ),
        (
            "CREATE VIEW w AS SELECT name FROM dbstat",
            "return",
            "SELECT name FROM w",
        ),
        (
            "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT name FROM sqlite_master; END",
            "run",
            "INSERT INTO t (v) VALUES ('a')",
        ),
    ] {
        let found = &Small::new(&format!("{T}\n{schema}"))
            .tool("t", "", &[(kind, sql)])
            .problems()[0];
        assert_eq!((&*found.file, &*found.place), ("tools/t.toml", "step 1"));
        assert!(
            (found.message.contains("not part of the world")
                || found.message.contains("unsafe use of virtual table")),
            "{found}"
        );
    }
}

#[test]
fn rules_data_and_steps_after_calls_are_held_to_the_same() {
    let world = Small::new(T).tool("t", "", &[("run", "DELETE FROM t")]);
    let rule = "[[rule]]\nid = \"r\"\ntext = \"r\"\ntools = [\"t\"]\nviolated_if = ";
    for sql in [
        "SELECT random()",
        "PRAGMA user_version",
        "DELETE FROM t",
        "SELECT 1 FROM sqlite_master",
        "COMMIT",
    ] {
        let found = only_error(
            &world
                .clone()
                .file("policy.toml", &format!("{rule}\"{sql}\"")),
            sql,
        );
        assert_eq!(found.file, "policy.toml");
        assert_eq!(found.place, "rule \"r\", for t");
        if sql == "DELETE FROM t" {
            continue;
        }
        for (list, first) in [("derive", "DELETE FROM t"), ("consistency", "SELECT 1")] {
            let data = format!("[[{list}]]\nsql = \"{first}; {sql}\"");
            let found = only_error(&world.clone().file("data.toml", &data), sql);
            assert_eq!(
                (&*found.file, &*found.place),
                ("data.toml", &*format!("{list} 1"))
            );
        }
        let found = only_error(
            &world.clone().world(&format!(
                "[[after_call]]\n[[after_call.step]]\nrequire = \"{sql}\"\nerror = \"no\""
            )),
            sql,
        );
        assert_eq!(
            (&*found.file, &*found.place),
            ("world.toml", "after_call step 1")
        );
    }
}

#[test]
fn limits_have_limits() {
    for (limit, value) in [
        ("vm_steps", "4000000000"),
        ("vm_steps", "10"),
        ("string_bytes", "1000000000"),
        ("rows", "0"),
        ("rows", "4000000000"),
        ("reply_bytes", "4000000000"),
        ("pages", "0"),
        ("pages", "4000000000"),
    ] {
        let world = Small::new(T)
            .world(&format!("limits.{limit} = {value}"))
            .tool("t", "", &[]);
        let problems = world.problems();
        assert!(
            problems
                .iter()
                .all(|found| found.file == "world.toml" && found.place.starts_with("limits"))
        );
    }
}

/// No way to the machine's clock: also where 'now' comes as data, in disguise, or by default.
#[test]
fn the_clock_is_the_worlds() {
    let expressions = [
        "datetime('now')",
        "datetime(:x)",
        "datetime(:x, 'subsec')",
        "datetime()",
        "date()",
        "date(:x)",
        "time()",
        "time(:x)",
        "julianday()",
        "julianday(:x)",
        "unixepoch()",
        "unixepoch(:x)",
        "unixepoch(:x, 'subsec')",
        "strftime('%Y-%m-%d %H:%M:%f')",
        "strftime('%s', :x)",
        "strftime(:x, 'now')",
        "timediff('2020-01-01', :x)",
        "timediff(:x, '2020-01-01')",
        "current_timestamp",
        "current_date",
        "current_time",
        "now()",
        "today()",
        "datetime(:x || char(0))",
        "date(char(0) || :x)",
        "datetime(:x, :x)",
        "datetime('2020-01-01', :x)",
        "julianday(:x, 'localtime')",
        "datetime(:x, 'utc' || char(0))",
        "datetime(upper(:x))",
        "(SELECT datetime(value) FROM json_each(json_array(:x)))",
    ];
    let year = |text: &str| {
        ["2026-03-02", "\"v\":\"2020"]
            .iter()
            .any(|known| text.contains(known))
            || !text.contains("\"v\":\"20")
    };
    for expression in expressions {
        let parameters = if expression.contains(":x") { "x" } else { "" };
        let state = Small::new(T)
            .tool(
                "t",
                parameters,
                &[("return", &format!("SELECT {expression} AS v"))],
            )
            .empty();
        for x in [
            "now",
            "NOW",
            " now",
            "now ",
            "subsec",
            "SubSec",
            "subsecond",
            "localtime",
            "utc",
            "auto",
            "now\u{1}",
        ] {
            let arguments = if parameters.is_empty() {
                json!({})
            } else {
                json!({ "x": x })
            };
            let [first, second] =
                [1, 2].map(|seed| state.session(seed).unwrap().call("t", &arguments).content());
            assert_eq!(first, second, "{expression} of {x:?}");
            assert!(year(&first), "{expression} of {x:?}: {first}");
            if first.contains("e6") || first.contains("\"v\":24") {
                // A Julian day: that of the world's clock.
                assert!(
                    first.contains("2461101.875"),
                    "{expression} of {x:?}: {first}"
                );
            }
        }
    }
}

/// A world with things to lose: ids, a clock that advances, a table that is written by every good call.
fn shop() -> Small {
    Small::new(
        "CREATE TABLE notes (note_id TEXT PRIMARY KEY DEFAULT (new_id('N')), text TEXT NOT NULL,
           parent_id TEXT REFERENCES notes (note_id) ON DELETE CASCADE, at TEXT NOT NULL DEFAULT (now())) STRICT;
         CREATE TABLE numbers (n INTEGER PRIMARY KEY, x REAL, any ANY) STRICT;
         CREATE TABLE codes (code TEXT PRIMARY KEY) STRICT;",
    )
    .world("clock_step_s = 60")
    .tool("note", "text parent_id?", &[("run", "INSERT INTO notes (text, parent_id) VALUES (:text, :parent_id)")])
    .tool("count", "", &[("return", "SELECT count(*) AS notes FROM notes")])
}

/// Makes good calls around bad ones. All bad ones must end as `kind`; the session must be one that never
/// saw them: rows, order, ids, clock, diff, snapshot.
fn intact(state: &State, bad: &[(&str, Value)], kinds: &[ErrorKind], what: &str) {
    let good = |session: &mut Session, text: &str| {
        let reply = session.call("note", &json!({ "text": text }));
        assert!(reply.is_ok(), "{what}: {}", reply.content());
    };
    let mut plain = state.session(7).unwrap();
    let mut session = state.session(7).unwrap();
    good(&mut plain, "one");
    good(&mut session, "one");
    for (tool, arguments) in bad {
        let reply = session.call(tool, arguments);
        let kind = reply.result.as_ref().map_err(|error| error.kind);
        assert!(
            kind.is_err_and(|kind| kinds.contains(&kind)),
            "{what}: {tool} gave {}",
            reply.content().chars().take(300).collect::<String>()
        );
        assert!(reply.content().len() < 8_000, "{what}: a long message");
        assert_eq!(dump(&mut session), dump(&mut plain), "{what}");
        assert_eq!(session.minted(), plain.minted(), "{what}");
        assert_eq!(session.now(), plain.now(), "{what}");
        assert_diff_exact(&mut session, what);
    }
    good(&mut plain, "two");
    good(&mut session, "two");
    assert_eq!(dump(&mut session), dump(&mut plain), "{what}");
    assert_eq!(session.diff().unwrap(), plain.diff().unwrap(), "{what}");
    assert_diff_exact(&mut session, what);
    // It can be kept and brought back, the failed calls in its log too.
    let bytes = session.snapshot().unwrap().bytes().to_vec();
    let mut woken = state.snapshot(&bytes).unwrap().session().unwrap();
    assert_eq!(woken.log(), session.log(), "{what}");
    good(&mut plain, "three");
    good(&mut woken, "three");
    assert_eq!(dump(&mut woken), dump(&mut plain), "{what}");
    assert_eq!(woken.diff().unwrap(), plain.diff().unwrap(), "{what}");
}

const ENDLESS: &str =
    "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 1000000000)";

/// Tools that would run for hours, or fill the memory: what each does, and how it ends.
#[test]
fn runaway_calls_end_as_limit() {
    let big = "printf('%.*c', 250000, 'a')";
    let cases: Vec<(&str, Vec<(&str, String)>)> = vec![
        ("a billion rows, read", vec![("return", format!("{ENDLESS} SELECT count(*) AS n FROM c"))]),
        ("a billion rows, guard", vec![("require", format!("{ENDLESS} SELECT 1 FROM c WHERE i < 0 => no"))]),
        ("a billion rows, reject", vec![("reject", format!("{ENDLESS} SELECT 1 FROM c WHERE i < 0 => no"))]),
        ("a billion rows, written", vec![("run", format!("INSERT INTO numbers (n) {ENDLESS} SELECT i FROM c"))]),
        (
            "written after others",
            vec![
                ("run", "INSERT INTO notes (text) VALUES ('lost'); DELETE FROM notes WHERE text = 'one'".into()),
                ("run", format!("INSERT INTO numbers (n) {ENDLESS} SELECT i FROM c")),
            ],
        ),
        (
            "ids minted without end",
            vec![("run", format!("INSERT INTO notes (text) {ENDLESS} SELECT 'x' FROM c"))],
        ),
        (
            "a cross join of millions",
            vec![(
                "return",
                "WITH c AS (SELECT value FROM json_each('[1,2,3,4,5,6,7,8,9,10]'))
                 SELECT count(*) AS n FROM c a, c b, c d, c e, c f, c g, c h, c i"
                    .into(),
            )],
        ),
        ("one huge value", vec![("return", "SELECT printf('%400000000d', 1) AS v".into())]),
        ("one huge value of text", vec![("return", format!("SELECT {big} || {big} AS v"))]),
        ("a huge value by replacing", vec![("return", format!("SELECT replace({big}, 'a', 'bbbb') AS v"))]),
        ("a huge value by grouping", vec![("return", format!("{ENDLESS} SELECT group_concat({big}) AS v FROM c"))]),
        ("a huge value by hex", vec![("return", format!("SELECT hex({big}) AS v"))]),
        (
            "a row of many large values",
            vec![("return", format!("SELECT {big} AS a, {big} AS b, {big} AS c, {big} AS d"))],
        ),
        ("pages of replies", vec![("rows", format!("{ENDLESS} SELECT i FROM c"))]),
        (
            "thousands of large strings, hashed",
            vec![("return", format!("{ENDLESS} SELECT count(sha256({big} || i)) AS v FROM c"))],
        ),
        (
            "thousands of large strings, in lower case",
            vec![("return", format!("{ENDLESS} SELECT count(lower({big} || i)) AS v FROM c"))],
        ),
        (
            "thousands of large strings, matched",
            vec![("return", format!("{ENDLESS} SELECT count(*) AS v FROM c WHERE ({big} || i) REGEXP 'b$'"))],
        ),
        (
            "a regular expression of great appetite",
            vec![(
                "return",
                format!("{ENDLESS} SELECT count(*) AS v FROM c WHERE ({big} || i) REGEXP '[ab]*a[ab]{{200}}c'"),
            )],
        ),
        (
            "thousands of regular expressions",
            vec![("return", format!("{ENDLESS} SELECT count(*) AS v FROM c WHERE 'abc' REGEXP ('\\w{{5}}' || i)"))],
        ),
        (
            "pages of the database",
            vec![("run", format!("INSERT INTO notes (text) SELECT {big} FROM json_each('[1,2,3,4,5,6,7,8,9,10]')"))],
        ),
        (
            "the last key",
            vec![("run", "INSERT INTO numbers (n) VALUES (9223372036854775807); INSERT INTO numbers (x) VALUES (1.0)".into())],
        ),
    ];
    for (what, steps) in cases {
        let steps: Vec<(&str, &str)> = steps
            .iter()
            .map(|(kind, sql)| (*kind, sql.as_str()))
            .collect();
        let state = shop()
            .world("clock_step_s = 60\nlimits.pages = 1024")
            .tool("bad", "", &steps)
            .empty();
        let bad = [("bad", json!({})), ("bad", json!({}))];
        intact(&state, &bad, &[ErrorKind::Limit], what);
    }
}

/// Where arguments decide how much work there is.
#[test]
fn runaway_arguments_end_as_limit() {
    let input = "[input]\ntype = \"object\"\nrequired = [\"a\", \"b\"]\n[input.properties.a]\ntype = \"array\"\n[input.properties.b]\ntype = \"array\"\n";
    let state = shop()
        .tool_with(
            "nested",
            input,
            &[(
                "raw",
                "[[step]]\nfor_each = \"a\"\nas = \"x\"\n[[step.step]]\nfor_each = \"b\"\nas = \"y\"\n[[step.step.step]]\nrequire = \"SELECT 1 WHERE :x IS NOT NULL AND :y IS NOT NULL\"\nerror = \"no\"\n",
            )],
        )
        .tool("search", "q", &[("return", "SELECT count(*) AS n FROM notes WHERE text LIKE '%' || :q || '%'")])
        .tool("count_to", "n:integer", &[(
            "return",
            "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < :n) SELECT max(i) AS n FROM c",
        )])
        .tool("repeat", "n:integer", &[("return", "SELECT length(printf('%.*c', :n, 'x')) AS n")])
        .empty();
    let many: Vec<u8> = vec![1; 20_000];
    intact(
        &state,
        &[
            ("nested", json!({"a": many, "b": many})),
            ("count_to", json!({"n": i64::MAX})),
            ("repeat", json!({"n": 2_000_000_000})),
        ],
        &[ErrorKind::Limit],
        "arguments",
    );
    intact(
        &state,
        &[("search", json!({"q": "%a".repeat(20_000)}))],
        &[ErrorKind::Refused],
        "a pattern",
    );
    let mut session = state.session(1).unwrap();
    assert!(
        session
            .call("nested", &json!({"a": [1, 2, 3], "b": [4, 5]}))
            .is_ok()
    );
    assert!(session.call("count_to", &json!({"n": 1_000})).is_ok());
}

/// A chain of rows that go with their parents, too long for SQLite's depth of triggers.
#[test]
fn cascades_without_end() {
    let state = shop()
        .tool(
            "drop",
            "note_id",
            &[("run", "DELETE FROM notes WHERE note_id = :note_id")],
        )
        .empty();
    let chain = |session: &mut Session, length: usize| -> Value {
        let mut first = Value::Null;
        let mut parent = Value::Null;
        for _ in 0..length {
            let arguments = if parent.is_null() {
                json!({"text": "x"})
            } else {
                json!({"text": "x", "parent_id": parent})
            };
            assert!(session.call("note", &arguments).is_ok());
            parent = json!(session.minted().last().unwrap());
            if first.is_null() {
                first = parent.clone();
            }
        }
        first
    };
    let mut session = state.session(1).unwrap();
    let first = chain(&mut session, 20);
    assert!(session.call("drop", &json!({ "note_id": first })).is_ok());
    assert!(session.diff().unwrap().is_empty());
    assert_diff_exact(&mut session, "a short chain");
    let first = chain(&mut session, 60);
    let before = dump(&mut session);
    let reply = session.call("drop", &json!({ "note_id": first }));
    let error = reply.result.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Limit, "{error}");
    assert_eq!(dump(&mut session), before);
    assert_diff_exact(&mut session, "a long chain");
}

/// A rule that cannot be put in time is the world's fault, and the call never happened.
#[test]
fn runaway_rules_are_a_fault() {
    let runs = |rule: &str| {
        let state = shop()
            .tool(
                "bad",
                "",
                &[("run", "INSERT INTO notes (text) VALUES ('lost')")],
            )
            .file("policy.toml", rule)
            .empty();
        intact(&state, &[("bad", json!({}))], &[ErrorKind::Fault], rule);
    };
    for when in ["before", "after"] {
        runs(&format!(
            "[[rule]]\nid = \"r\"\ntext = \"r\"\ntools = [\"bad\"]\nexempt = [\"note\"]\nwhen = \"{when}\"\nviolated_if = \"{ENDLESS} SELECT 1 FROM c WHERE i < 0\"\n"
        ));
    }
    runs(
        "[[rule]]\nid = \"r\"\ntext = \"r\"\non_change = \"notes\"\nviolated_if = \"WITH RECURSIVE c (i) AS (SELECT 1 WHERE :new_text = 'lost' UNION ALL SELECT i + 1 FROM c) SELECT 1 FROM c WHERE i < 0\"\n",
    );
}

/// What a world must not be able to do while it is loaded or filled.
#[test]
fn runaway_data_is_an_error() {
    let make = |data: &str| {
        let world = World::from_files(
            &Small::new(T)
                .tool("t", "", &[])
                .file("data.toml", data)
                .files,
        );
        match world {
            Ok(world) => world
                .state(&StateSpec::generated("large", 1))
                .map(|_| ())
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    };
    for (data, words) in [
        ("[[table]]\nname = \"t\"\nrows = 4294967295\n", "rows"),
        (
            "sizes.large = 10000.0\n[[table]]\nname = \"t\"\nrows = 4294967295\n",
            "rows",
        ),
        ("sizes.large = inf\n", "factor"),
        ("sizes.large = nan\n", "factor"),
        ("sizes.large = -1.0\n", "factor"),
        (
            "[[table]]\nname = \"t\"\nrows = 3\ncolumns.v = { date = [-9223372036854775808, 9223372036854775807] }",
            "between",
        ),
        (
            "[[table]]\nname = \"t\"\nrows = 3\ncolumns.v = { time = [-5, 900000000000000000] }",
            "between",
        ),
        (
            "[[table]]\nname = \"t\"\nrows = 3\ncolumns.v = { real = [-inf, inf] }",
            "finite",
        ),
        (
            "[[table]]\nname = \"t\"\nrows = 3\ncolumns.v = { real = [0.0, nan] }",
            "finite",
        ),
        (
            "[[table]]\nname = \"t\"\nrows = 3\ncolumns.v = { int = [5, 1] }",
            "between",
        ),
        (
            "[[table]]\nname = \"t\"\nrows = 3\ncolumns.v = { list_of = { int = [1, 2] }, len = [0, 4294967295] }",
            "len",
        ),
        (
            "[[table]]\nname = \"t\"\nrows = 3\ncolumns.v = { choice = [1, 2], weights = [nan, 1.0] }",
            "weights",
        ),
        (
            "[[table]]\nname = \"t\"\nrows = 3\ncolumns.v = { template = \"{v}\" }",
            "waits for itself",
        ),
    ] {
        let error = make(data).unwrap_err();
        assert!(error.contains(words), "{data}: {error}");
    }
    // Ends of ranges are no overflow.
    make("[[table]]\nname = \"t\"\nrows = 3\ncolumns.v = { int = [-9223372036854775808, 9223372036854775807] }").unwrap();
    make("[[table]]\nname = \"t\"\nrows = 3\ncolumns.v = { int = [0, 9223372036854775807], step = 9223372036854775807 }").unwrap();
    make("[[table]]\nname = \"t\"\nrows = 3\ncolumns.v = { sequence = 9223372036854775807 }")
        .unwrap();
}

/// Views that double at each level would be expanded without end while a statement is planned.
#[test]
fn views_that_double_are_refused_or_planned_in_time() {
    let mut schema = format!("{T}CREATE VIEW w0 AS SELECT id FROM t;");
    for level in 1..40 {
        let below = level - 1;
        schema.push_str(&format!(
            "CREATE VIEW w{level} AS SELECT max(a.id) AS id FROM w{below} a, w{below} b;"
        ));
    }
    let found = &Small::new(&schema)
        .tool("t", "", &[("return", "SELECT id FROM w39")])
        .problems()[0];
    assert_eq!(
        (&*found.file, &*found.place),
        ("tools/t.toml", "step 1"),
        "{found}"
    );
    let mut query = String::from("WITH w0 AS (SELECT id FROM t)");
    for level in 1..40 {
        let below = level - 1;
        query.push_str(&format!(
            ", w{level} AS (SELECT max(a.id) AS id FROM w{below} a, w{below} b)"
        ));
    }
    let query = format!("{query} SELECT id FROM w39");
    let found = &Small::new(T)
        .tool("t", "", &[("return", &query)])
        .problems()[0];
    assert_eq!(
        (&*found.file, &*found.place),
        ("tools/t.toml", "step 1"),
        "{found}"
    );
}

/// Values that JSON could not hold never come into a state.
#[test]
fn what_is_no_json_is_never_stored() {
    let cases = [
        "INSERT INTO notes (text) VALUES (char(55296))",
        "INSERT INTO notes (text) VALUES (unistr('\\d800'))",
        "INSERT INTO notes (text) VALUES (json_extract('\"\\ud800\"', '$'))",
        "UPDATE notes SET text = char(57343)",
        "INSERT INTO codes (code) VALUES (char(55296))",
        "INSERT INTO numbers (n, x) VALUES (1, 9e999)",
        "INSERT INTO numbers (n, x) VALUES (1, -9e999)",
        "INSERT INTO numbers (n, x) VALUES (1, 1e308 * 10)",
        "INSERT INTO numbers (n, any) VALUES (1, 9e999)",
        "INSERT INTO numbers (n, any) VALUES (1, substr(char(55296, 65), 1, 1))",
        "INSERT INTO numbers (n, x) VALUES (1, 1.0); UPDATE numbers SET x = x * 1e308 * 1e308",
    ];
    for sql in cases {
        let state = shop().tool("bad", "", &[("run", sql)]).empty();
        intact(
            &state,
            &[("bad", json!({}))],
            &[ErrorKind::Refused, ErrorKind::Fault],
            sql,
        );
    }
    // Not a number is NULL to SQLite, and a U+0000 that a world makes itself is text like any other.
    let state = shop()
        .tool(
            "odd",
            "",
            &[(
                "run",
                "INSERT INTO numbers (n, x, any) VALUES (1, 9e999 - 9e999, 'a' || char(0) || 'b')",
            )],
        )
        .empty();
    let mut session = state.session(1).unwrap();
    assert!(session.call("odd", &json!({})).is_ok());
    assert_diff_exact(&mut session, "odd");
    assert_eq!(
        session.diff().unwrap().changes[0].after,
        Some(vec![Cell::from(1), Cell::Null, Cell::text("a\0b")])
    );
    let mut woken = session.fork().unwrap();
    assert_eq!(dump(&mut woken), dump(&mut session));
}

/// Arguments that no honest agent sends.
#[test]
fn hostile_arguments_change_nothing() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    let input = "[input]\ntype = \"object\"\nrequired = [\"x\"]\n[input.properties.x]\n[input.properties.n]\ntype = \"integer\"\n[input.properties.s]\ntype = \"string\"\n";
    let state = shop()
        .tool_with(
            "any",
            input,
            &[(
                "run",
                "INSERT INTO notes (text) SELECT value FROM json_each(json_array(:x, :n, :s)) WHERE :x IS NULL",
            )],
        )
        .empty();
    let invalid = [ErrorKind::InvalidArguments];
    let limit = [ErrorKind::Limit];
    let bad: Vec<(&str, Value)> = vec![
        ("any", json!([])),
        ("any", json!("x")),
        ("any", Value::Null),
        ("any", json!({})),
        ("any", json!({"x": 1, "y": 2})),
        ("any", json!({"x": "a\0b"})),
        ("any", json!({"x": {"a\0b": 1}})),
        ("any", json!({"x": [[["\0"]]]})),
        ("any", json!({"x": 18_446_744_073_709_551_615_u64})),
        ("any", json!({"x": 1e19})),
        ("any", json!({"x": 1, "n": 1.5})),
        ("any", json!({"x": 1, "n": 9.3e18})),
        ("any", json!({"x": 1, "n": "1"})),
        ("any", json!({"x": 1, "s": ["a"]})),
        ("any", json!({"x": 1, "'; DROP TABLE notes; --": 1})),
        (
            "any",
            Value::Object((0..20_000).map(|n| (format!("k{n}"), json!(n))).collect()),
        ),
    ];
    intact(&state, &bad, &invalid, "invalid");
    let large: Vec<(&str, Value)> = vec![
        ("any", json!({"x": "a".repeat(300_000)})),
        ("any", json!({"x": nested(70)})),
        ("any", json!({"x": nested(500)})),
        ("any", json!({"x": vec![0; 200_000]})),
        ("nobody", json!({"x": nested(500)})),
    ];
    intact(&state, &large, &limit, "large");
    intact(
        &state,
        &[
            ("nobody", json!({})),
            ("a\0\u{202e}\"'", json!({"x": nested(60)})),
        ],
        &[ErrorKind::NotFound],
        "unknown",
    );

    // The same as text, which must not exhaust the stack either.
    let mut session = state.session(1).unwrap();
    let deep = "[".repeat(100_000);
    for text in [
        format!("{{\"x\": {}1{}}}", "[".repeat(100), "]".repeat(100)),
        format!("{{\"x\": {deep}"),
        "{\"x\": 1".to_string(),
        "{\"x\": \"\\ud800\"}".to_string(),
        "{\"x\": 1e999}".to_string(),
        "\u{feff}{}".to_string(),
        "{\"x\": 1} {}".to_string(),
        "NaN".to_string(),
        "x".repeat(1 << 20),
    ] {
        assert!(!session.call_text("any", &text).is_ok(), "{text:.40}");
        let bytes = session.snapshot().unwrap().bytes().to_vec();
        assert!(state.snapshot(&bytes).is_ok(), "{text:.40}");
    }
    assert!(session.diff().unwrap().is_empty());
    // The largest and the deepest that are allowed are.
    assert!(session.call("any", &json!({"x": nested(60)})).is_ok());
    assert!(
        session
            .call(
                "any",
                &json!({"x": i64::MAX, "n": i64::MIN, "s": "a".repeat(200_000)})
            )
            .is_ok()
    );
    assert!(session.call_text("any", "{\"x\": 5, \"n\": 2.0}").is_ok());
    assert_eq!(
        session.log().last().unwrap().arguments,
        json!({"x": 5, "n": 2})
    );
}

/// A rule sees arguments too: one that is too long for the world is the agent's limit, not its fault.
#[test]
fn long_arguments_before_rules() {
    let state = shop()
        .world("clock_step_s = 60\nlimits.string_bytes = 2000")
        .tool("bad", "x", &[("require", "SELECT 1 WHERE :x <> '' => no")])
        .file(
            "policy.toml",
            "[[rule]]\nid = \"r\"\ntext = \"r\"\ntools = [\"bad\"]\nviolated_if = \"SELECT 1 WHERE :x = 'a'\"\n",
        )
        .empty();
    intact(
        &state,
        &[("bad", json!({"x": "a".repeat(3_000)}))],
        &[ErrorKind::Limit],
        "long",
    );
}

/// Schemas that refer to themselves are followed as far as the value goes, and no further.
#[test]
fn schemas_that_refer_to_themselves() {
    let tree = "[input]\ntype = \"object\"\nrequired = [\"x\"]\nproperties.x = { \"$ref\" = \"#/$defs/tree\" }\n[input.\"$defs\".tree]\ntype = \"object\"\nproperties.left = { \"$ref\" = \"#/$defs/tree\" }\nproperties.name = { type = \"string\" }\n";
    let state = shop()
        .tool_with("t", tree, &[("require", "SELECT 1 WHERE :x <> '' => no")])
        .empty();
    let mut session = state.session(1).unwrap();
    let deep = (0..30).fold(json!({}), |inner, _| json!({ "left": inner }));
    assert!(session.call("t", &json!({ "x": deep })).is_ok());
    let wrong = (0..30).fold(json!(5), |inner, _| json!({ "left": inner }));
    assert!(!session.call("t", &json!({ "x": wrong })).is_ok());
    for (property, words) in [
        (
            "{ \"$ref\" = \"http://example.com/schema\" }",
            "same schema only",
        ),
        ("{ \"$ref\" = \"file:///etc/passwd\" }", "same schema only"),
        ("{ \"$ref\" = \"#/nowhere\" }", "not a valid JSON Schema"),
        ("{ type = \"nonsense\" }", "not a valid JSON Schema"),
        (
            "{ type = \"string\", pattern = \"(\" }",
            "not a valid JSON Schema",
        ),
    ] {
        let input =
            format!("[input]\ntype = \"object\"\nrequired = [\"x\"]\nproperties.x = {property}\n");
        let found = only_error(
            &shop().tool_with("t", &input, &[("require", "SELECT 1 WHERE :x => no")]),
            property,
        );
        assert_eq!(
            (&*found.file, &*found.place),
            ("tools/t.toml", "input"),
            "{property}"
        );
        assert!(found.message.contains(words), "{property}: {found}");
    }
    // A schema that is its own part says nothing, and must not be followed for ever.
    for property in [
        "{ \"$ref\" = \"#/properties/x\" }",
        "{ allOf = [{ \"$ref\" = \"#/properties/x\" }] }",
    ] {
        let input =
            format!("[input]\ntype = \"object\"\nrequired = [\"x\"]\nproperties.x = {property}\n");
        let world = shop().tool_with("t", &input, &[("require", "SELECT 1 WHERE :x <> '' => no")]);
        if let Ok(world) = World::from_files(&world.files) {
            let state = world.state(&StateSpec::empty()).unwrap();
            state.session(1).unwrap().call("t", &json!({"x": 1}));
        }
    }
}

/// Patterns of arguments that would try every way to match.
#[test]
fn patterns_of_great_appetite() {
    for pattern in [
        "(a+)+$",
        "^(a|a)*$",
        "(?=(a+)+$)a",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
    ] {
        let input = format!(
            "[input]\ntype = \"object\"\nrequired = [\"x\"]\n[input.properties.x]\ntype = \"string\"\npattern = '{pattern}'\n"
        );
        let state = shop()
            .tool_with("t", &input, &[("require", "SELECT 1 WHERE :x <> '' => no")])
            .empty();
        let x = format!("{}!", "a".repeat(40));
        let reply = state.session(1).unwrap().call("t", &json!({ "x": x }));
        let kind = reply.result.map_err(|error| error.kind);
        assert_eq!(kind, Err(ErrorKind::InvalidArguments), "{pattern}");
    }
}

const TOUCHED: &str = "
    CREATE TABLE plain (id INTEGER PRIMARY KEY, a TEXT NOT NULL UNIQUE, b INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE TABLE bare (a TEXT, b INTEGER, c TEXT NOT NULL DEFAULT '', PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID;
    CREATE TABLE named (name TEXT COLLATE NOCASE PRIMARY KEY, n INTEGER NOT NULL) STRICT;
    CREATE TABLE anything (k ANY PRIMARY KEY, n INTEGER NOT NULL) STRICT;
    CREATE TABLE replacing (id INTEGER PRIMARY KEY, u TEXT UNIQUE ON CONFLICT REPLACE) STRICT;
    CREATE TABLE child (id INTEGER PRIMARY KEY, plain_id INTEGER REFERENCES plain (id) ON DELETE CASCADE ON UPDATE CASCADE) STRICT;
    CREATE TABLE loose (id INTEGER PRIMARY KEY, plain_id INTEGER REFERENCES plain (id) ON DELETE SET NULL ON UPDATE SET NULL) STRICT;
    CREATE TABLE fallen (id INTEGER PRIMARY KEY, plain_id INTEGER NOT NULL DEFAULT 1 REFERENCES plain (id) ON DELETE SET DEFAULT ON UPDATE CASCADE) STRICT;
    CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL) STRICT;
    CREATE VIEW pairs AS SELECT p.id, p.a, c.id AS child FROM plain p JOIN child c ON c.plain_id = p.id;
    CREATE TRIGGER noted AFTER DELETE ON plain BEGIN INSERT INTO audit (what) VALUES (OLD.a); END;
    CREATE TRIGGER paired INSTEAD OF UPDATE ON pairs BEGIN UPDATE plain SET a = NEW.a WHERE id = OLD.id; DELETE FROM child WHERE id = OLD.child; END;";

const TOUCHES: &[(&str, &str)] = &[
    (
        "insert",
        "INSERT INTO plain (a, b) VALUES ('new' || :x, :x)",
    ),
    (
        "insert_many",
        "INSERT INTO bare (a, b) SELECT 'm', value FROM json_each('[1,2,3]') WHERE true ON CONFLICT DO NOTHING",
    ),
    ("update", "UPDATE plain SET b = b + 1 WHERE id % 3 = :x % 3"),
    ("rowid", "UPDATE plain SET id = id + 1000 WHERE id = :x"),
    (
        "rowids",
        "UPDATE plain SET id = id + 10000 WHERE id % 2 = :x % 2",
    ),
    (
        "replace",
        "INSERT OR REPLACE INTO plain (id, a) VALUES (:x, 'a2')",
    ),
    (
        "replace_update",
        "UPDATE OR REPLACE plain SET a = 'a3' WHERE id = :x",
    ),
    (
        "replace_schema",
        "INSERT INTO replacing (u) VALUES ('u' || (:x % 3))",
    ),
    (
        "replace_schema_update",
        "UPDATE replacing SET u = 'u0' WHERE id = :x",
    ),
    (
        "ignore",
        "INSERT OR IGNORE INTO plain (id, a) VALUES (:x, 'a1')",
    ),
    (
        "upsert",
        "INSERT INTO plain (a, b) VALUES ('a' || :x, 7) ON CONFLICT (a) DO UPDATE SET b = excluded.b + b",
    ),
    (
        "upsert_bare",
        "INSERT INTO bare (a, b, c) VALUES ('a', :x, 'z') ON CONFLICT DO UPDATE SET c = c || 'y', b = b + 100",
    ),
    ("delete", "DELETE FROM plain WHERE id = :x"),
    ("delete_some", "DELETE FROM plain WHERE id > :x"),
    (
        "delete_all",
        "DELETE FROM fallen; DELETE FROM plain WHERE :x = :x",
    ),
    (
        "truncate",
        "DELETE FROM child; DELETE FROM bare; UPDATE named SET n = :x",
    ),
    ("bare_key", "UPDATE bare SET b = b + 50 WHERE b = :x"),
    ("bare_delete", "DELETE FROM bare WHERE b <= :x"),
    ("rename", "UPDATE named SET name = upper(name) WHERE n = :x"),
    (
        "rename_new",
        "DELETE FROM named WHERE n = :x; INSERT INTO named VALUES (iif(:x % 2, 'N', 'n') || :x, :x)",
    ),
    (
        "retype",
        "UPDATE anything SET k = CAST(k AS REAL) WHERE k = :x",
    ),
    (
        "retype_text",
        "INSERT OR REPLACE INTO anything VALUES (CAST(:x AS TEXT), 5)",
    ),
    (
        "move_child",
        "UPDATE child SET plain_id = (SELECT max(id) FROM plain) WHERE id = :x",
    ),
    (
        "through_view",
        "UPDATE pairs SET a = a || '!' WHERE id = :x",
    ),
    (
        "swap",
        "UPDATE plain SET a = '~' || a WHERE id IN (1, :x); UPDATE plain SET a = 'a' || (1 + :x - id) WHERE id IN (1, :x)",
    ),
    (
        "back_and_forth",
        "UPDATE plain SET b = b + 1 WHERE id = :x; UPDATE plain SET b = b - 1 WHERE id = :x",
    ),
    (
        "again",
        "DELETE FROM bare WHERE b = :x; INSERT INTO bare (a, b) VALUES ('a', :x)",
    ),
    (
        "from",
        "UPDATE plain SET b = c.id FROM child c WHERE c.plain_id = plain.id AND c.id > :x",
    ),
    (
        "returning",
        "DELETE FROM loose WHERE id = :x RETURNING plain_id",
    ),
    (
        "fails",
        "DELETE FROM bare; INSERT INTO plain (id, a) VALUES (:x, 'a1'), (:x, 'a1')",
    ),
];

fn touched() -> State {
    let mut world = Small::new(TOUCHED).file(
        "data.toml",
        "[[table]]\nname = \"plain\"\nrows = 12\nfixed = true\ncolumns.a = { template = \"a{#}\" }
         [[table]]\nname = \"bare\"\nrows = 12\nfixed = true\ncolumns.a = { value = \"a\" }\ncolumns.b = { sequence = 1 }
         [[table]]\nname = \"named\"\nrows = 12\nfixed = true\ncolumns.name = { template = \"n{#}\" }\ncolumns.n = { sequence = 1 }
         [[table]]\nname = \"anything\"\nrows = 12\nfixed = true\ncolumns.k = { sequence = 1 }\ncolumns.n = { sequence = 1 }
         [[table]]\nname = \"replacing\"\nrows = 6\nfixed = true\ncolumns.u = { template = \"u{#}\" }
         [[table]]\nname = \"child\"\nrows = 12\nfixed = true\ncolumns.plain_id = { ref = \"plain.id\" }
         [[table]]\nname = \"loose\"\nrows = 12\nfixed = true\ncolumns.plain_id = { ref = \"plain.id\" }
         [[table]]\nname = \"fallen\"\nrows = 6\nfixed = true\ncolumns.plain_id = { ref = \"plain.id\" }",
    );
    for (name, sql) in TOUCHES {
        world = world.tool(
            name,
            "x:integer",
            &[("run", sql), ("return", "SELECT :x AS x")],
        );
    }
    world.state()
}

#[test]
fn every_touched_row_is_known() {
    let state = touched();
    for (name, _) in TOUCHES {
        let mut session = state.session(1).unwrap();
        for x in [1, 2, 5, 40] {
            session.call(name, &json!({ "x": x }));
            assert_diff_exact(&mut session, name);
        }
        if *name != "fails" && *name != "back_and_forth" && *name != "ignore" {
            assert!(!session.diff().unwrap().is_empty(), "{name} does nothing");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn diffs_of_many_calls_are_exact(calls in proptest::collection::vec((0..TOUCHES.len(), 0i64..16), 1..24)) {
        thread_local! { static STATE: State = touched(); }
        STATE.with(|state| {
            let mut session = state.session(1).unwrap();
            for (tool, x) in &calls {
                session.call(TOUCHES[*tool].0, &json!({ "x": x }));
                assert_diff_exact(&mut session, TOUCHES[*tool].0);
            }
            let mut woken = session.fork().unwrap();
            assert_eq!(dump(&mut woken), dump(&mut session));
            assert_eq!(full_diff(&mut woken), full_diff(&mut session));
            session.reset(1).unwrap();
            assert!(full_diff(&mut session).is_empty());
        });
    }
}

/// The same with keys that SQLite calls equal and bytes do not, in a world that is restored from rows.
#[test]
fn keys_that_are_equal_to_sqlite_only() {
    let state = Small::new(
        "CREATE TABLE named (name TEXT COLLATE NOCASE PRIMARY KEY, n INTEGER NOT NULL) STRICT;
         CREATE TABLE anything (k ANY PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
    )
    .file(
        "data.toml",
        "[[table]]\nname = \"named\"\nrows = 5\nfixed = true\ncolumns.name = { template = \"n{#}\" }\ncolumns.n = { sequence = 1 }
         [[table]]\nname = \"anything\"\nrows = 5\nfixed = true\ncolumns.k = { sequence = 1 }\ncolumns.n = { sequence = 1 }",
    )
    .tool("shout", "n:integer", &[("run", "UPDATE named SET name = upper(name) WHERE n = :n")])
    .tool("float", "n:integer", &[("run", "UPDATE anything SET k = k + 0.0 WHERE n = :n")])
    .tool("swap", "", &[("run", "DELETE FROM named WHERE n < 3; INSERT INTO named VALUES ('N2', 1), ('N1', 2)")])
    .state();
    for calls in [
        vec![("shout", json!({"n": 2}))],
        vec![("float", json!({"n": 3}))],
        vec![("swap", json!({}))],
        vec![
            ("swap", json!({})),
            ("shout", json!({"n": 1})),
            ("float", json!({"n": 1})),
        ],
    ] {
        let mut session = state.session(1).unwrap();
        for (tool, arguments) in calls {
            assert!(session.call(tool, &arguments).is_ok());
            assert_diff_exact(&mut session, tool);
            let mut woken = session.fork().unwrap();
            assert_eq!(dump(&mut woken), dump(&mut session), "{tool}");
            assert_diff_exact(&mut woken, tool);
        }
    }
}

/// What a REPLACE takes along is in the set of what a tool may write.
#[test]
fn effects_hold_what_replace_takes_along() {
    let world = touched().world().clone();
    let writes = |tool: &str| -> Vec<String> {
        let tables = world
            .tool(tool)
            .unwrap()
            .effects
            .writes
            .iter()
            .map(|at| at.table);
        let mut names: Vec<String> = tables
            .map(|at| world.schema().tables[at].name.clone())
            .collect();
        names.dedup();
        names
    };
    for tool in ["replace", "delete"] {
        assert_eq!(
            writes(tool),
            ["plain", "child", "loose", "fallen", "audit"],
            "{tool}"
        );
    }
    assert_eq!(writes("through_view"), ["plain", "child"]);
}

/// Each row of one statement gets its own id, and a failed call gives its ids back.
#[test]
fn ids_are_distinct_and_none_is_skipped() {
    let state = shop()
        .tool("three", "", &[("run", "INSERT INTO notes (text) VALUES ('a'), ('b'), ('c')")])
        .tool("chosen", "", &[("run", "INSERT INTO notes (note_id, text) SELECT new_id('X'), value FROM json_each('[1,2,3]')")])
        .tool("fails", "", &[("run", "INSERT INTO notes (text) VALUES ('a'), ('b')"), ("run", "INSERT INTO notes (text) VALUES (NULL)")])
        .tool("fails_new", "", &[("run", "INSERT INTO notes (note_id, text) VALUES (new_id('Y'), 'a'), (new_id('Z'), NULL)")])
        .empty();
    let mut plain = state.session(3).unwrap();
    let mut session = state.session(3).unwrap();
    for tool in ["three", "chosen", "three"] {
        assert!(plain.call(tool, &json!({})).is_ok());
        for bad in ["fails", "fails_new", "fails"] {
            assert_eq!(
                session.call(bad, &json!({})).result.unwrap_err().kind,
                ErrorKind::Refused
            );
        }
        assert!(session.call(tool, &json!({})).is_ok());
        assert_eq!(session.minted(), plain.minted());
        assert_eq!(dump(&mut session), dump(&mut plain));
    }
    let mut ids = session.minted();
    assert_eq!(ids.len(), 9);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 9);
}

/// Names that need quotes, in every place that writes a name into SQL.
#[test]
fn names_with_quotes() {
    let state = Small::new(
        "CREATE TABLE \"we\"\"ird; --\" (\"the key\" TEXT PRIMARY KEY DEFAULT (new_id('W')), \"a \"\"b\"\"\" TEXT, \"select\" INTEGER NOT NULL DEFAULT 0) STRICT;
         CREATE TABLE [or der] (`ta ble` INTEGER PRIMARY KEY, \"group\" TEXT REFERENCES \"we\"\"ird; --\" (\"the key\") ON DELETE CASCADE) STRICT;
         CREATE TABLE \"índice\" (\"ключ\" TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;",
    )
    .file("data.toml", "[[table]]\nname = 'we\"ird; --'\nrows = 4\ncolumns.\"the key\" = { id = \"W\" }\ncolumns.'a \"b\"' = { fake = \"city\" }
         [[table]]\nname = \"or der\"\nrows = 8\ncolumns.group = { ref = 'we\"ird; --.the key' }
         [[table]]\nname = \"índice\"\nrows = 3\ncolumns.\"ключ\" = { id = \"I\" }")
    .tool("add", "x", &[("run", "INSERT INTO \"we\"\"ird; --\" (\"a \"\"b\"\"\") VALUES (:x); INSERT INTO \"índice\" VALUES (:x)")])
    .tool("drop", "", &[("run", "DELETE FROM \"we\"\"ird; --\" WHERE \"select\" = 0")])
    .tool("list", "", &[("rows", "SELECT w.\"the key\", w.\"a \"\"b\"\"\", o.[ta ble] FROM \"we\"\"ird; --\" w LEFT JOIN [or der] o ON o.\"group\" = w.\"the key\"")])
    .state();
    let tables: Vec<&str> = state
        .world()
        .schema()
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    assert_eq!(tables, ["we\"ird; --", "or der", "índice"]);
    assert_eq!(state.world().schema().tables[0].columns[1].name, "a \"b\"");
    let mut session = state.session(1).unwrap();
    assert!(session.call("add", &json!({"x": "'\"--"})).is_ok());
    assert_diff_exact(&mut session, "add");
    let mut woken = session.fork().unwrap();
    assert_eq!(dump(&mut woken), dump(&mut session));
    assert!(session.call("list", &json!({})).is_ok());
    assert!(session.has_observed(0, &[Cell::text(&session.minted()[0])], |_| true));
    assert!(session.call("drop", &json!({})).is_ok());
    assert_diff_exact(&mut session, "drop");
    let report = state
        .world()
        .check(&practicum_world::CheckOptions::default());
    assert!(report.passed(), "{:#?}", report.problems);
}

/// Functions of the embedding program are held to what a state can hold, too.
#[test]
fn functions_of_the_embedding_program() {
    let mut functions = Functions::default();
    functions.insert("infinite", 0, |_| Ok(Cell::Real(f64::INFINITY)));
    functions.insert("fails", 0, |_| Err("out of order".into()));
    let files = shop()
        .tool(
            "store",
            "",
            &[("run", "INSERT INTO numbers (n, x) VALUES (1, infinite())")],
        )
        .tool("show", "", &[("return", "SELECT infinite() AS v")])
        .tool(
            "fail",
            "",
            &[("run", "INSERT INTO notes (text) VALUES ('lost'), (fails())")],
        )
        .files;
    let world = World::with_functions(&files, functions).unwrap();
    let state = world.state(&StateSpec::empty()).unwrap();
    let bad = ["store", "show", "fail"].map(|tool| (tool, json!({})));
    intact(
        &state,
        &bad,
        &[ErrorKind::Refused, ErrorKind::Fault],
        "functions",
    );
}
