//! What the fuzz targets do with bytes: shared by `fuzz/`, which feeds them without end, and by
//! `tests/fuzzed.rs`, which feeds them a few with every test run.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

#[path = "../small/mod.rs"]
mod small;

use practicum_world::{
    CheckOptions, Expectation, Outcome, Session, State, StateSpec, Transcript, World, WorldFiles,
    verify,
};
use serde_json::{Map, Value, json};
use small::{Small, assert_diff_exact, dump};

/// Reads choices from bytes; zeros when there are no more.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn below(&mut self, bound: usize) -> usize {
        let word = usize::from(self.byte()) << 8 | usize::from(self.byte());
        word % bound.max(1)
    }

    fn take(&mut self, most: usize) -> &'a [u8] {
        let count = usize::from(self.byte()) % (most + 1);
        let (own, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        own
    }

    fn mostly(&mut self) -> bool {
        self.byte() > 31
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.take(40)).into_owned()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Pieces of worlds that a few changed bytes would hardly hit upon.
const PIECES: &[&str] = &[
    "SELECT",
    "INSERT OR REPLACE INTO",
    "UPDATE t SET",
    "DELETE FROM t",
    " ON CONFLICT DO UPDATE SET v = 1",
    " RETURNING id",
    "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) ",
    "(SELECT max(id) FROM t)",
    "json_each(:x)",
    " JOIN t USING (id)",
    "new_id('T')",
    "now()",
    "random()",
    "PRAGMA user_version",
    "; COMMIT",
    ":x",
    ":nobody",
    "{x}",
    "'",
    "\"",
    "\"\"\"",
    "'''",
    "(",
    ")",
    "((((((((",
    "]",
    "[[step]]\n",
    "[[step.step]]\n",
    "for_each = \"x\"\n",
    "run = \"\"\n",
    "reject = \"SELECT 1\"\n",
    "let = \"a\"\n",
    "query = \"SELECT 1 AS b\"\n",
    "error = \"no {x}\"\n",
    "[input]\n",
    "[output]\n",
    "type = \"array\"\n",
    "type = \"object\"\n",
    "properties.x = { type = [\"integer\", \"null\"] }\n",
    "items = { \"$ref\" = \"#\" }\n",
    "enum = []\n",
    "pattern = \"(a+)+$\"\n",
    "minimum = -9223372036854775808\n",
    "maximum = 1e308\n",
    "rows = 4000000000\n",
    "rows = 3\n",
    "per = \"t\"\n",
    "count = [0, 4]\n",
    "columns.v = { like = \"A-1\" }\n",
    "columns.v = { int = [0, 9223372036854775807] }\n",
    "columns.v = { ref = \"t.id\" }\n",
    "columns.v = { template = \"{id}{#}\" }\n",
    "[[derive]]\nsql = \"",
    "CREATE TABLE u (id TEXT PRIMARY KEY, v INTEGER REFERENCES t (id)) STRICT;",
    " WITHOUT ROWID",
    " ON DELETE CASCADE",
    "CREATE TRIGGER a AFTER UPDATE ON t BEGIN DELETE FROM t; END;",
    "CREATE VIEW w AS SELECT * FROM t;",
    "CREATE INDEX i ON t (v);",
    " GENERATED ALWAYS AS (id + 1)",
    " CHECK (v IN ('a', 'b'))",
    " COLLATE NOCASE",
    " UNIQUE",
    "limits.vm_steps = 1000\n",
    "clock_step_s = 4294967295\n",
    "tables.t.log = true\n",
    "roles.\"t.v\" = \"text\"\n",
    "[[after_call]]\n",
    "[[rule]]\nid = \"r\"\ntext = \"r\"\ntools = [\"write\"]\n",
    "violated_if = \"SELECT 1\"\n",
    "on_change = \"t.v\"\n",
    "\u{0}",
    "\u{202e}",
    "\r\n",
    "-1",
    "0",
    "9999999999999999999",
    "inf",
    "nan",
];

fn plain_world() -> WorldFiles {
    Small::new("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL DEFAULT 'x') STRICT;")
        .file("data.toml", "[[table]]\nname = \"t\"\nrows = 6\ncolumns.v = { fake = \"city\" }\n")
        .tool("read", "x:integer", &[
            ("require", "SELECT 1 FROM t WHERE id = :x => There is no {x}."),
            ("rows", "SELECT id, v FROM t WHERE id = :x"),
        ])
        .tool("write", "x? ids:array", &[
            ("reject", "SELECT v FROM t WHERE v = :x => {v} is taken."),
            ("run", "INSERT INTO t (v) VALUES (:x); UPDATE t SET v = v || 'a' WHERE id IN (SELECT value FROM json_each(:ids))"),
            ("return", "SELECT count(*) AS n FROM t"),
        ])
        .file("policy.toml", "[[rule]]\nid = \"short\"\ntext = \"Short.\"\ntools = [\"write\"]\nviolated_if = \"SELECT 1 WHERE length(:x) > 9\"\n")
        .file("policy.md", "Obey.\n{{rules}}\n")
        .file("tests/one.toml", "name = \"one\"\n[[row]]\ntable = \"t\"\nvalues = { id = 1, v = \"a\" }\n[[call]]\ntool = \"read\"\narguments = { x = 1 }\nresult = [{ id = 1, v = \"a\" }]\n")
        .files
}

/// A sound world with some of its text cut, doubled, swapped or replaced.
fn damaged_world(bytes: &mut Bytes<'_>) -> WorldFiles {
    let mut files = plain_world();
    let names: Vec<String> = files.iter().map(|(name, _)| name.to_string()).collect();
    for _ in 0..=bytes.below(6) {
        let name = &names[bytes.below(names.len())];
        let mut text: Vec<char> = files.get(name).unwrap_or_default().chars().collect();
        let at = bytes.below(text.len() + 1);
        let to = (at + bytes.below(30)).min(text.len());
        match bytes.below(5) {
            0 => drop(text.drain(at..to)),
            1 => {
                let piece: Vec<char> = PIECES[bytes.below(PIECES.len())].chars().collect();
                text.splice(at..at, piece);
            }
            2 => {
                let piece: Vec<char> = PIECES[bytes.below(PIECES.len())].chars().collect();
                text.splice(at..to, piece);
            }
            3 => {
                let piece: Vec<char> = bytes.text().chars().collect();
                text.splice(at..to, piece);
            }
            _ => {
                let piece: Vec<char> = text[at..to].to_vec();
                let other = bytes.below(text.len() + 1);
                text.splice(other..other, piece);
            }
        }
        files.insert(name.clone(), text.into_iter().collect::<String>());
    }
    files
}

/// Files from bytes: loading never panics, and says the same twice; what loads can be filled, called and
/// checked.
pub fn loader(data: &[u8]) {
    let mut bytes = Bytes(data);
    let files = if bytes.byte() == 255 {
        // Text as it comes, one file after the other.
        let mut files = WorldFiles::new();
        let text = String::from_utf8_lossy(bytes.0);
        let names = [
            "world.toml",
            "schema.sql",
            "tools/a.toml",
            "data.toml",
            "policy.toml",
            "tests/a.toml",
        ];
        for (name, part) in names.iter().zip(text.split('\u{1}')) {
            files.insert(*name, part);
        }
        files
    } else {
        damaged_world(&mut bytes)
    };
    let world = match World::from_files(&files) {
        Ok(world) => world,
        Err(error) => {
            assert!(!error.problems().is_empty());
            let again = World::from_files(&files).unwrap_err();
            assert_eq!(error.problems(), again.problems());
            return;
        }
    };
    if let Ok(state) = world.state(&StateSpec::generated("small", 3)) {
        assert_eq!(
            state.digest().ok(),
            world
                .state(&StateSpec::generated("small", 3))
                .unwrap()
                .digest()
                .ok()
        );
    }
    let report = world.check(&CheckOptions {
        tries: 4,
        fuzz: 8,
        ..CheckOptions::default()
    });
    for problem in &report.problems {
        assert!(
            !problem.message.contains("changed the state")
                && !problem.message.contains("different"),
            "{problem}"
        );
    }
}

/// JSON from bytes: values of every kind, or text as it comes.
fn value(bytes: &mut Bytes<'_>, known: &[Value], depth: usize) -> Value {
    match bytes.below(if depth > 5 { 10 } else { 13 }) {
        0 => Value::Null,
        1 => json!(bytes.byte() < 128),
        2 => json!(i64::from(bytes.byte()) - 8),
        3 => json!(f64::from(bytes.byte()) / 4.0),
        4 => [
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e300),
            json!(9.3e18),
            json!(-0.0),
        ][bytes.below(6)]
        .clone(),
        5 | 6 => json!(bytes.text()),
        7 => [
            json!("now"),
            json!("subsec"),
            json!(""),
            json!("a\u{0}"),
            json!("2026-03-02"),
            json!("2026-03-02T09:00:00+02:00"),
            json!("[1,2]"),
            json!("%"),
            json!("'; --"),
            json!("x".repeat(70_000)),
        ][bytes.below(10)]
        .clone(),
        8 | 9 if !known.is_empty() => known[bytes.below(known.len())].clone(),
        10 | 11 => (0..bytes.below(4))
            .map(|_| value(bytes, known, depth + 1))
            .collect(),
        _ => {
            let members = (0..bytes.below(4)).map(|_| {
                let name = ["x", "a", "b", "day", "name", "left"][bytes.below(6)];
                (name.to_string(), value(bytes, known, depth + 1))
            });
            Value::Object(members.collect::<Map<String, Value>>())
        }
    }
}

fn schemas() -> State {
    let schemas = [
        (
            "plain",
            "required = [\"x\"]\nproperties.x = { type = \"string\" }",
        ),
        (
            "numbers",
            "properties.x = { type = \"integer\", minimum = -5, default = 3 }\nproperties.a = { type = \"number\", multipleOf = 0.5 }",
        ),
        (
            "days",
            "properties.x = { type = \"string\", format = \"date-time\" }\nproperties.a = { type = \"string\", format = \"date\" }\nproperties.day = { type = [\"string\", \"null\"], format = \"uuid\" }",
        ),
        (
            "lists",
            "required = [\"x\"]\nproperties.x = { type = \"array\", uniqueItems = true, maxItems = 5, items = { type = \"integer\" } }",
        ),
        (
            "objects",
            "required = [\"x\"]\nproperties.x = { type = \"object\", required = [\"a\"], additionalProperties = false, properties = { a = { type = \"integer\" }, b = { type = \"array\", items = { type = \"string\", format = \"date-time\" } } } }",
        ),
        (
            "choices",
            "properties.x = { enum = [1, \"a\", true, { x = [1] }] }\nproperties.a = { const = 2.0 }\nproperties.name = { type = \"string\", pattern = \"^(?=.*[0-9])[a-z0-9]{2,8}$\", maxLength = 6 }",
        ),
        (
            "tree",
            "properties.x = { \"$ref\" = \"#/$defs/tree\" }\n\"$defs\".tree = { type = \"object\", properties = { left = { \"$ref\" = \"#/$defs/tree\" }, a = { type = \"integer\" } } }",
        ),
        (
            "open",
            "additionalProperties = true\nproperties.x = { oneOf = [{ type = \"integer\" }, { type = \"string\", minLength = 2 }], not = { const = 5 } }",
        ),
        (
            "any",
            "properties.x = { description = \"Anything.\" }\nproperties.a = true",
        ),
    ];
    let mut world = Small::new("CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT;");
    for (name, schema) in schemas {
        let names = ["x", "a", "b", "day", "name"];
        let used: Vec<String> = names
            .iter()
            .filter(|own| schema.contains(&format!("properties.{own} =")))
            .map(|own| format!("CASE :has_{own} WHEN 1 THEN :{own} END AS {own}"))
            .collect();
        let query = format!("SELECT {}", used.join(", "));
        world = world.tool_with(
            name,
            &format!("[input]\ntype = \"object\"\n{schema}\n"),
            &[("return", &query)],
        );
    }
    world.empty()
}

/// Arguments from bytes: an accepted call is logged in a form that is accepted again and stays as it is;
/// a refused one has a kind and a short message; the log can be written and read.
pub fn arguments(data: &[u8]) {
    thread_local! { static STATE: State = schemas(); }
    STATE.with(|state| {
        let mut bytes = Bytes(data);
        let mut session = state.session(1).unwrap();
        let tool = state.world().tools()[bytes.below(9)].name.clone();
        let reply = if bytes.byte() < 128 {
            let mut members = Map::new();
            for _ in 0..bytes.below(4) {
                let name = ["x", "a", "b", "day", "name", "left"][bytes.below(6)];
                members.insert(name.into(), value(&mut bytes, &[], 0));
            }
            session.call(&tool, &Value::Object(members))
        } else {
            session.call_text(&tool, &String::from_utf8_lossy(bytes.0))
        };
        assert_eq!(session.log().len(), 1);
        let record = session.log()[0].clone();
        match &reply.result {
            Ok(_) => {
                assert_eq!(record.error, None);
                let again = session.call(&tool, &record.arguments);
                assert_eq!(again, reply, "{}", record.arguments);
                assert_eq!(
                    session.log()[1].arguments.to_string(),
                    record.arguments.to_string()
                );
            }
            Err(error) => {
                assert_eq!(record.error, Some(error.kind));
                assert!(reply.content().len() < 16_000, "{}", reply.content().len());
                assert!(
                    ["invalid_arguments", "limit"].contains(&error.kind.name()),
                    "{error}"
                );
            }
        }
        let kept = session.snapshot().unwrap();
        let woken = state.snapshot(kept.bytes()).unwrap().session().unwrap();
        assert_eq!(woken.log(), session.log());
    });
}

/// A world of all that is hard to take back and to bring back.
fn busy() -> State {
    Small::new(
        "CREATE TABLE teams (team_id TEXT PRIMARY KEY, rank INTEGER NOT NULL UNIQUE) STRICT;
         CREATE TABLE members (
           member_id TEXT PRIMARY KEY DEFAULT (new_id('M')),
           team_id TEXT NOT NULL REFERENCES teams (team_id) ON DELETE CASCADE ON UPDATE CASCADE,
           boss_id TEXT REFERENCES members (member_id) ON DELETE SET NULL,
           luck REAL NOT NULL DEFAULT 0, note TEXT) STRICT;
         CREATE TABLE badges (member_id TEXT NOT NULL REFERENCES members (member_id) ON DELETE CASCADE,
           badge TEXT COLLATE NOCASE NOT NULL, given_at TEXT NOT NULL DEFAULT (now()), PRIMARY KEY (member_id, badge)) STRICT, WITHOUT ROWID;
         CREATE TABLE audit (audit_id INTEGER PRIMARY KEY, what TEXT NOT NULL) STRICT;
         CREATE TRIGGER gone AFTER DELETE ON members BEGIN INSERT INTO audit (what) VALUES ('gone ' || OLD.member_id); END;",
    )
    .world("clock_step_s = 7\nlimits.vm_steps = 20000\nlimits.string_bytes = 65536\nlimits.rows = 40")
    .file(
        "data.toml",
        "[[table]]\nname = \"teams\"\nrows = 5\nfixed = true\ncolumns.team_id = { template = \"T{#}\" }\ncolumns.rank = { sequence = 1 }
         [[table]]\nname = \"members\"\nrows = 8\nfixed = true\ncolumns.member_id = { template = \"M{#}\" }\ncolumns.team_id = { ref = \"teams.team_id\" }",
    )
    .file(
        "policy.toml",
        "[[rule]]\nid = \"small\"\ntext = \"Small.\"\non_change = \"members\"\nviolated_if = \"SELECT 1 WHERE :new_luck > 100\"\n[[rule]]\nid = \"once\"\ntext = \"Once.\"\ntools = [\"drop_team\"]\nexempt = [\"rename\", \"swap\", \"replace\", \"upsert\"]\nviolated_if = \"SELECT 1 WHERE called('drop_team') > 0\"",
    )
    .tool("join", "x a?", &[("run", "INSERT INTO members (team_id, boss_id, luck) VALUES (:x, :a, random_int(1, 6))")])
    .tool("many", "x:", &[("run", "INSERT INTO members (team_id, note) SELECT 'T1', value FROM json_each(:x)")])
    .tool("each", "x:array", &[("raw", "[[step]]\nfor_each = \"x\"\nas = \"own\"\n[[step.step]]\nrequire = \"SELECT 1 FROM members WHERE member_id = :own\"\nerror = \"no {own}\"\n[[step.step]]\nrun = \"UPDATE members SET luck = luck * 10 + 1 WHERE member_id = :own\"\n")])
    .tool("luck", "x a:", &[("run", "UPDATE members SET luck = :a WHERE member_id = :x")])
    .tool("note", "x a:", &[("run", "UPDATE members SET note = :a || coalesce(note, '') || coalesce(note, '') WHERE member_id = :x OR :x = 'all'")])
    .tool("badge", "x a", &[("run", "INSERT OR REPLACE INTO badges (member_id, badge) VALUES (:x, :a)")])
    .tool("upsert", "x a:integer", &[("run", "INSERT INTO teams VALUES (:x, :a) ON CONFLICT (team_id) DO UPDATE SET rank = excluded.rank")])
    .tool("replace", "x a:integer", &[("run", "REPLACE INTO teams VALUES (:x, :a)")])
    .tool("rename", "x a", &[("run", "UPDATE teams SET team_id = :a WHERE team_id = :x")])
    .tool("drop_team", "x", &[("run", "DELETE FROM teams WHERE team_id = :x")])
    .tool("drop_all", "", &[("run", "DELETE FROM badges; DELETE FROM members")])
    .tool("swap", "", &[("run", "UPDATE teams SET rank = -rank; UPDATE teams SET rank = rank + 6")])
    .tool("count", "x:integer", &[("return", "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < :x) SELECT max(i) AS i FROM c")])
    .tool("match", "x", &[("rows", "SELECT member_id, note FROM members WHERE note REGEXP :x OR note LIKE :x OR json_valid(:x) AND member_id IN (SELECT value FROM json_each(:x))")])
    .tool("day", "x", &[("return", "SELECT date(:x) AS day, strftime(:x, 'now') AS text, julianday(:x) AS number")])
    .tool("list", "", &[("rows", "SELECT member_id, team_id, luck, note FROM members")])
    .state()
}

/// One call from bytes: a tool, and arguments among which are keys of rows.
fn call(session: &mut Session, bytes: &mut Bytes<'_>) -> (String, Value, bool) {
    let mut known: Vec<Value> = session.minted().into_iter().map(Value::from).collect();
    known.extend((1..6).flat_map(|at| [json!(format!("T{at}")), json!(format!("M{at}"))]));
    known.push(json!("all"));
    let tools = session.world().tools();
    let tool = &tools[bytes.below(tools.len())];
    let name = tool.name.clone();
    let mut arguments = Map::new();
    for parameter in tool.parameters() {
        let own = match parameter.kind() {
            // Mostly of the type that the tool wants.
            "string" if bytes.mostly() => known[bytes.below(known.len())].clone(),
            "integer" if bytes.mostly() => json!(bytes.below(40_000)),
            "array" if bytes.mostly() => (0..bytes.below(4))
                .map(|_| known[bytes.below(known.len())].clone())
                .collect(),
            _ => value(bytes, &known, 0),
        };
        arguments.insert(parameter.name.clone(), own);
    }
    let arguments = Value::Object(arguments);
    let reply = session.call(&name, &arguments);
    (name, arguments, reply.is_ok())
}

/// Calls from bytes: a failed one leaves every row, id and the clock as they were; the diff is what a full
/// comparison finds; the same calls give the same bytes; the session can be kept and brought back.
pub fn calls(data: &[u8]) {
    thread_local! { static STATE: State = busy(); }
    STATE.with(|state| {
        let mut bytes = Bytes(data);
        let mut session = state.session(9).unwrap();
        let mut twin = state.session(9).unwrap();
        let mut replies = 0;
        while !bytes.is_empty() && replies < 24 {
            replies += 1;
            let before = (
                dump(&mut session),
                session.minted(),
                session.now(),
                session.diff().unwrap(),
            );
            let (tool, arguments, succeeded) = call(&mut session, &mut bytes);
            let what = format!("{tool} {arguments}");
            if !succeeded {
                let after = (
                    dump(&mut session),
                    session.minted(),
                    session.now(),
                    session.diff().unwrap(),
                );
                assert!(after == before, "{what} failed and left a trace");
            }
            assert_diff_exact(&mut session, &what);
            let reply = twin.call(&tool, &arguments);
            assert_eq!(reply.is_ok(), succeeded, "{what}");
            assert_eq!(session.log().last(), twin.log().last(), "{what}");
        }
        assert_eq!(dump(&mut session), dump(&mut twin));
        let kept = session.snapshot().unwrap();
        let mut woken = state.snapshot(kept.bytes()).unwrap().session().unwrap();
        assert_eq!(dump(&mut woken), dump(&mut session));
        assert_eq!(woken.log(), session.log());
        assert_eq!(woken.diff().unwrap(), session.diff().unwrap());
        assert_eq!(woken.snapshot().unwrap().bytes(), kept.bytes());
    });
}

/// Snapshots from bytes: those of a session with some bytes changed are refused, or give a session that
/// can be called, compared and judged.
pub fn snapshot(data: &[u8]) {
    thread_local! {
        static STATE: (State, Vec<u8>) = {
            let state = busy();
            let mut session = state.session(4).unwrap();
            for (tool, arguments) in [
                ("join", json!({"x": "T1"})),
                ("drop_team", json!({"x": "T2"})),
                ("badge", json!({"x": "M1", "a": "gold"})),
                ("luck", json!({"x": "M1", "a": 200})),
                ("luck", json!({"x": 5})),
                ("rename", json!({"x": "T3", "a": "T9"})),
                ("list", json!({})),
            ] {
                session.call(tool, &arguments);
            }
            let bytes = session.snapshot().unwrap().bytes().to_vec();
            (state, bytes)
        };
    }
    STATE.with(|(state, sound)| {
        let mut bytes = Bytes(data);
        let damaged = if bytes.byte() % 16 == 15 {
            bytes.0.to_vec()
        } else {
            let mut damaged = sound.clone();
            for _ in 0..=bytes.below(4) {
                let at = bytes.below(damaged.len() + 1);
                let to = (at + bytes.below(12)).min(damaged.len());
                match bytes.below(4) {
                    0 => drop(damaged.drain(at..to)),
                    1 => {
                        let piece = bytes.take(12).to_vec();
                        damaged.splice(at..to, piece);
                    }
                    2 => {
                        if let Some(own) = damaged.get_mut(at) {
                            *own = own.wrapping_add(1 + bytes.byte() % 9);
                        }
                    }
                    _ => {
                        let pieces = [
                            "null",
                            "-1",
                            "99999999999",
                            "18446744073709551615",
                            "\"T1\"",
                            "[]",
                            "{}",
                            "true",
                            "1e308",
                        ];
                        damaged.splice(at..to, pieces[bytes.below(pieces.len())].bytes());
                    }
                }
            }
            damaged
        };
        let Ok(snapshot) = state.snapshot(&damaged) else {
            return;
        };
        let Ok(mut session) = snapshot.session() else {
            // A session that it could not be put into is still one.
            let mut session = state.session(1).unwrap();
            assert!(session.restore(&snapshot).is_err());
            session.reset(1).unwrap();
            assert!(session.call("join", &json!({"x": "T1"})).is_ok());
            assert_diff_exact(&mut session, "after a failed restore");
            return;
        };
        for _ in 0..6 {
            call(&mut session, &mut bytes);
        }
        let _ = session.violations();
        let transcript = Transcript {
            outcome: Some(Outcome::Done),
            ..Transcript::default()
        };
        let expectation = Expectation {
            outcome: Outcome::Done,
            reason: None,
            ends: Vec::new(),
            facts: Vec::new(),
            grounds: Vec::new(),
            looked: Vec::new(),
        };
        let _ = verify(&mut session, &transcript, &expectation);
        if let Ok(diff) = session.diff() {
            let _ = diff.lines(state.world());
        }
        if let Ok(kept) = session.snapshot() {
            assert!(state.snapshot(kept.bytes()).is_ok());
        }
    });
}
