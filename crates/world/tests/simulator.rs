//! Random calls, forks, parks, restores and restarts against a plain model: a session that is never
//! disturbed. Replies, states, order of rows, ids, clock and violations must be equal at every step.
//!
//! A short run is part of the tests; `cargo xtask soak` runs a long one.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use practicum_world::{
    Actor, Draws, Sampler, Session, Snapshot, State, StateSpec, World, WorldFiles,
};
use serde_json::Value;

/// One call of the history.
type Made = (Actor, String, Value);

/// A session that is disturbed, and the calls that a plain one makes to be the same.
struct Pair {
    session: Session,
    model: Session,
    history: Vec<Made>,
}

struct Simulation {
    name: String,
    state: State,
    seed: u64,
    pairs: Vec<Pair>,
    saved: Vec<(Snapshot, Vec<Made>)>,
    draws: Draws,
    operations: u64,
}

const MOST_PAIRS: usize = 4;

impl Simulation {
    fn new(world: &World, size: &str, seed: u64) -> Self {
        let state = world.state(&StateSpec::generated(size, seed)).unwrap();
        let pair = Pair {
            session: state.session(seed).unwrap(),
            model: state.session(seed).unwrap(),
            history: Vec::new(),
        };
        Self {
            name: world.name().to_string(),
            state,
            seed,
            pairs: vec![pair],
            saved: Vec::new(),
            draws: Draws::new(seed, &["simulation"]),
            operations: 0,
        }
    }

    fn model(&self, history: &[Made]) -> Session {
        let mut model = self.state.session(self.seed).unwrap();
        for (actor, tool, arguments) in history {
            model.call_as(*actor, tool, arguments);
        }
        model
    }

    fn run(&mut self, operations: u64) {
        while self.operations < operations {
            let at = self.draws.below(self.pairs.len());
            // Arguments from the rows of now, minted ones among them.
            let sampler = Sampler::of_session(&mut self.pairs[at].session).unwrap();
            for _ in 0..12 {
                self.call(at, &sampler);
            }
            self.compare(at);
            self.disturb(at);
        }
    }

    fn call(&mut self, at: usize, sampler: &Sampler) {
        self.operations += 1;
        let world = self.state.world().clone();
        let tool = &world.tools()[self.draws.below(world.tools().len())];
        let arguments = Value::Object(sampler.arguments(tool, 0.5, &mut self.draws));
        let pair = &mut self.pairs[at];
        let reply = pair.session.call_as(tool.actor, &tool.name, &arguments);
        let expected = pair.model.call_as(tool.actor, &tool.name, &arguments);
        assert_eq!(
            reply, expected,
            "{} seed {} operation {}: {} {arguments}",
            self.name, self.seed, self.operations, tool.name
        );
        pair.history
            .push((tool.actor, tool.name.clone(), arguments));
    }

    fn disturb(&mut self, at: usize) {
        self.operations += 1;
        match self.draws.below(6) {
            0 if self.pairs.len() < MOST_PAIRS => {
                let session = self.pairs[at].session.fork().unwrap();
                let history = self.pairs[at].history.clone();
                let model = self.model(&history);
                self.pairs.push(Pair {
                    session,
                    model,
                    history,
                });
            }
            0 => {
                self.pairs.swap_remove(at);
                return;
            }
            1 => {
                let mut pair = self.pairs.swap_remove(at);
                pair.session = pair.session.park().unwrap().session().unwrap();
                self.pairs.push(pair);
            }
            2 => {
                // As after a restart: nothing but bytes is left.
                let bytes = self.pairs[at].session.snapshot().unwrap().bytes().to_vec();
                self.pairs[at].session = self.state.snapshot(&bytes).unwrap().session().unwrap();
            }
            3 => {
                let snapshot = self.pairs[at].session.snapshot().unwrap();
                let history = self.pairs[at].history.clone();
                if self.saved.len() == MOST_PAIRS {
                    self.saved.remove(0);
                }
                self.saved.push((snapshot, history));
            }
            4 => {
                let Some((snapshot, history)) = self.draws.pick(&self.saved).cloned() else {
                    return;
                };
                let model = self.model(&history);
                let pair = &mut self.pairs[at];
                pair.session.restore(&snapshot).unwrap();
                pair.model = model;
                pair.history = history;
            }
            _ => {
                // Histories must not grow without end.
                if self.pairs[at].history.len() > 60 {
                    let pair = &mut self.pairs[at];
                    pair.session.reset(self.seed).unwrap();
                    pair.model.reset(self.seed).unwrap();
                    pair.history.clear();
                }
            }
        }
        for at in 0..self.pairs.len() {
            self.compare(at);
        }
    }

    fn compare(&mut self, at: usize) {
        let place = format!(
            "{} seed {} operation {}",
            self.name, self.seed, self.operations
        );
        let pair = &mut self.pairs[at];
        let (own, model) = (&mut pair.session, &mut pair.model);
        assert_eq!(own.diff().unwrap(), model.diff().unwrap(), "{place}");
        assert_eq!(own.now(), model.now(), "{place}");
        assert_eq!(own.minted(), model.minted(), "{place}");
        assert_eq!(own.log(), model.log(), "{place}");
        for table in &self.state.world().schema().tables {
            // Without an order: what SQLite gives first is part of what an agent sees.
            let text = format!("SELECT * FROM \"{}\"", table.name);
            let (own, model) = (own.query(&text, &[]), model.query(&text, &[]));
            assert_eq!(own.unwrap(), model.unwrap(), "{place}: {}", table.name);
        }
    }
}

fn worlds() -> Vec<World> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root.join("../../worlds"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("world.toml").is_file())
        .collect();
    folders.sort();
    folders.push(root.join("tests/worlds/corner-shop"));
    let mut worlds: Vec<World> = folders
        .iter()
        .map(|folder| World::load(folder).unwrap())
        .collect();
    worlds.push(World::from_files(&odd()).unwrap());
    worlds.push(World::from_files(&indexed("note_words USING fts5 (title, body)")).unwrap());
    let elsewhere =
        "note_words USING fts5 (title, body, content = 'notes', content_rowid = 'note_id')";
    worlds.push(World::from_files(&indexed(elsewhere)).unwrap());
    worlds
}

/// What is hard to bring back: cascades, traded unique values, triggers, WITHOUT ROWID, REPLACE, rows that
/// refer to each other, rowids that change under a key that stays, random draws.
fn odd() -> WorldFiles {
    let mut files = WorldFiles::new();
    files.insert(
        "world.toml",
        "format = 1\nname = \"odd\"\ntitle = \"Odd\"\nclock = \"2026-03-02T09:00:00Z\"\nclock_step_s = 7\ntables.audit = { log = true }\n",
    );
    files.insert(
        "schema.sql",
        "CREATE TABLE teams (team_id TEXT PRIMARY KEY, rank INTEGER NOT NULL UNIQUE) STRICT;
         CREATE TABLE members (
           member_id TEXT PRIMARY KEY DEFAULT (new_id('M')),
           team_id TEXT NOT NULL REFERENCES teams (team_id) ON DELETE CASCADE ON UPDATE CASCADE,
           boss_id TEXT REFERENCES members (member_id) ON DELETE SET NULL,
           luck INTEGER NOT NULL DEFAULT 0
         ) STRICT;
         CREATE TABLE badges (
           member_id TEXT NOT NULL REFERENCES members (member_id) ON DELETE CASCADE,
           badge TEXT NOT NULL, given_at TEXT NOT NULL DEFAULT (now()),
           PRIMARY KEY (member_id, badge)
         ) STRICT, WITHOUT ROWID;
         CREATE TABLE audit (audit_id INTEGER PRIMARY KEY, what TEXT NOT NULL) STRICT;
         CREATE TRIGGER member_gone AFTER DELETE ON members
           BEGIN INSERT INTO audit (what) VALUES ('gone ' || OLD.member_id); END;
         CREATE TRIGGER member_moved AFTER UPDATE OF team_id ON members
           BEGIN INSERT INTO audit (what) VALUES ('moved ' || NEW.member_id); END;",
    );
    files.insert(
        "data.toml",
        "[[table]]\nname = \"teams\"\nrows = 12\ncolumns.team_id = { id = \"T\" }\ncolumns.rank = { sequence = 1 }\n
         [[table]]\nname = \"members\"\nrows = 30\ncolumns.member_id = { id = \"M\" }\ncolumns.team_id = { ref = \"teams.team_id\" }\n
         [[table]]\nname = \"badges\"\nrows = 0\n[[table]]\nname = \"audit\"\nrows = 0\n",
    );
    add_tools(
        &mut files,
        &[
            (
                "trade_ranks",
                "a b",
                "run = \"UPDATE teams SET rank = -rank WHERE team_id IN (:a, :b); UPDATE teams SET rank = -(SELECT o.rank FROM teams o WHERE o.team_id IN (:a, :b) AND o.team_id <> teams.team_id) WHERE team_id = :a AND :a <> :b; UPDATE teams SET rank = abs(rank) + 1000 WHERE team_id = :b AND :a <> :b; UPDATE teams SET rank = abs(rank) WHERE rank < 0\"",
            ),
            (
                "add_member",
                "team_id",
                "run = \"INSERT INTO members (team_id, luck) VALUES (:team_id, random_int(1, 6))\"",
            ),
            (
                "set_boss",
                "member_id boss_id",
                "run = \"UPDATE members SET boss_id = :boss_id WHERE member_id = :member_id\"",
            ),
            (
                "give_badge",
                "member_id badge",
                "run = \"INSERT OR REPLACE INTO badges (member_id, badge) VALUES (:member_id, substr(:badge, 1, 1))\"",
            ),
            (
                "drop_member",
                "member_id",
                "run = \"DELETE FROM members WHERE member_id = :member_id\"",
            ),
            (
                "drop_team",
                "team_id",
                "run = \"DELETE FROM teams WHERE team_id = :team_id\"",
            ),
            (
                "rename_team",
                "team_id to",
                "run = \"UPDATE teams SET team_id = :to WHERE team_id = :team_id\"",
            ),
            (
                "replace_member",
                "member_id team_id",
                "run = \"REPLACE INTO members (member_id, team_id) VALUES (:member_id, :team_id)\"",
            ),
            (
                "roll",
                "member_id",
                "run = \"UPDATE members SET luck = random_int(1, 1000) WHERE member_id = :member_id\"",
            ),
            (
                "list_members",
                "team_id",
                "return = \"SELECT member_id, boss_id, luck FROM members WHERE team_id = :team_id\"",
            ),
            (
                "list_badges",
                "member_id",
                "return = \"SELECT member_id, badge FROM badges WHERE member_id = :member_id\"",
            ),
            (
                "list_teams",
                "",
                "return = \"SELECT team_id, rank FROM teams\"",
            ),
            ("read_audit", "", "return = \"SELECT what FROM audit\""),
        ],
    );
    files
}

/// Tools of one step each: name, arguments, step. One that writes says that it is done.
fn add_tools(files: &mut WorldFiles, tools: &[(&str, &str, &str)]) {
    for (name, arguments, steps) in tools {
        let names: Vec<&str> = arguments.split_whitespace().collect();
        let required: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        let properties: String = names
            .iter()
            .map(|name| format!("[input.properties.{name}]\ntype = \"string\"\n"))
            .collect();
        let (output, last) = if steps.starts_with("run") {
            ("object", "[[step]]\nreturn = \"SELECT 1 AS done\"\n")
        } else {
            ("array", "")
        };
        files.insert(
            format!("tools/{name}.toml"),
            format!(
                "name = {name:?}\ndescription = \"{name}.\"\n[input]\ntype = \"object\"\nrequired = [{}]\n{properties}[output]\ntype = {output:?}\n[[step]]\n{steps}\n{last}",
                required.join(", ")
            ),
        );
    }
}

/// Indexes of words, kept in step by triggers and by the tools themselves; SQLite's own counter of keys; a
/// key that has several spellings.
fn indexed(words: &str) -> WorldFiles {
    let mut files = WorldFiles::new();
    files.insert(
        "world.toml",
        "format = 1\nname = \"indexed\"\ntitle = \"Indexed\"\nclock = \"2026-03-02T09:00:00Z\"\n",
    );
    let elsewhere = words.contains("content");
    let (gone, column) = if elsewhere {
        (
            "INSERT INTO note_words (note_words, rowid, title, body) VALUES ('delete', OLD.note_id, OLD.title, OLD.body)",
            "",
        )
    } else {
        (
            "DELETE FROM note_words WHERE rowid = OLD.note_id",
            ", kept UNINDEXED",
        )
    };
    files.insert(
        "schema.sql",
        format!(
            "CREATE TABLE notes (note_id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, body TEXT NOT NULL) STRICT;
             CREATE VIRTUAL TABLE {words};
             CREATE VIRTUAL TABLE scraps USING fts5 (text{column}, tokenize = 'porter');
             CREATE TRIGGER note_added AFTER INSERT ON notes
               BEGIN INSERT INTO note_words (rowid, title, body) VALUES (NEW.note_id, NEW.title, NEW.body); END;
             CREATE TRIGGER note_changed AFTER UPDATE ON notes WHEN NEW.body <> OLD.body OR NEW.title <> OLD.title BEGIN
               {gone};
               INSERT INTO note_words (rowid, title, body) VALUES (NEW.note_id, NEW.title, NEW.body); END;
             CREATE TRIGGER note_gone AFTER DELETE ON notes BEGIN {gone}; END;
             CREATE TABLE labels (label TEXT PRIMARY KEY COLLATE NOCASE, uses INTEGER NOT NULL DEFAULT 0, note_id INTEGER REFERENCES notes (note_id) ON DELETE CASCADE ON UPDATE CASCADE) STRICT;"
        ),
    );
    files.insert(
        "data.toml",
        "[[table]]\nname = \"notes\"\nrows = 60\ncolumns.title = {{ fake = \"title\" }}\ncolumns.body = {{ fake = \"sentence\" }}\n
         [[table]]\nname = \"labels\"\nrows = 20\ncolumns.label = {{ fake = \"city\", unique = true }}\ncolumns.note_id = {{ ref = \"notes.note_id\" }}\n"
            .replace("{{", "{").replace("}}", "}"),
    );
    add_tools(
        &mut files,
        &[
            (
                "add_note",
                "title body",
                "run = \"INSERT INTO notes (title, body) VALUES (:title, :body)\"",
            ),
            (
                "copy_notes",
                "body",
                "run = \"INSERT INTO notes (title, body) SELECT title, body FROM notes WHERE body = :body LIMIT 3\"",
            ),
            (
                "change_note",
                "title body",
                "run = \"UPDATE notes SET body = :body WHERE title = :title\"",
            ),
            (
                "renumber_note",
                "title",
                "run = \"UPDATE notes SET note_id = note_id + 500 WHERE title = :title AND note_id < 5000\"",
            ),
            (
                "drop_note",
                "title",
                "run = \"DELETE FROM notes WHERE title = :title\"",
            ),
            (
                "drop_last_note",
                "",
                "run = \"DELETE FROM notes WHERE note_id = (SELECT max(note_id) FROM notes)\"",
            ),
            (
                "respell_label",
                "label",
                "run = \"UPDATE labels SET label = upper(label) WHERE label = :label\"",
            ),
            (
                "use_label",
                "label",
                "run = \"INSERT INTO labels (label, uses) VALUES (lower(:label), 1) ON CONFLICT (label) DO UPDATE SET uses = uses + 1\"",
            ),
            (
                "drop_label",
                "label",
                "run = \"DELETE FROM labels WHERE label = :label\"",
            ),
            (
                "add_scrap",
                "body",
                "run = \"INSERT INTO scraps (text) VALUES (:body)\"",
            ),
            (
                "change_scrap",
                "body title",
                "run = \"UPDATE scraps SET text = text || ' ' || :title WHERE scraps MATCH '\\\"' || replace(:body, '\\\"', '') || '\\\"'\"",
            ),
            (
                "drop_scrap",
                "",
                "run = \"DELETE FROM scraps WHERE rowid = (SELECT min(rowid) FROM scraps)\"",
            ),
            (
                "tidy_scraps",
                "",
                "run = \"INSERT INTO scraps (scraps) VALUES ('optimize')\"",
            ),
            (
                "find_notes",
                "body",
                "return = \"SELECT title, rank FROM note_words WHERE note_words MATCH '\\\"' || replace(substr(:body, 1, 5), '\\\"', '') || '\\\" *' ORDER BY rank LIMIT 9\"",
            ),
            (
                "find_scraps",
                "body",
                "return = \"SELECT text, rank FROM scraps WHERE scraps MATCH '\\\"' || replace(:body, '\\\"', '') || '\\\"' ORDER BY rank\"",
            ),
            (
                "list_labels",
                "",
                "return = \"SELECT label, uses, note_id FROM labels\"",
            ),
        ],
    );
    files
}

#[test]
fn a_disturbed_session_is_the_same() {
    for world in worlds() {
        for seed in 0..2 {
            Simulation::new(&world, "small", seed).run(150);
        }
    }
}

/// Bytes come from outside: what is not a snapshot of this state is an error, never a panic.
#[test]
fn foreign_bytes_are_refused() {
    let world = World::from_files(&odd()).unwrap();
    let state = world.state(&StateSpec::generated("small", 1)).unwrap();
    let mut session = state.session(1).unwrap();
    session.call("drop_team", &serde_json::json!({"team_id": "x"}));
    let team = state.query("SELECT team_id FROM teams", &[]).unwrap()[0][0].to_json();
    session.call("drop_team", &serde_json::json!({ "team_id": team }));
    session.call_once("r-1", Actor::Agent, "list_teams", "{}");
    let bytes = session.snapshot().unwrap().bytes().to_vec();
    assert!(state.snapshot(&bytes).is_ok());
    assert!(state.snapshot(&[]).is_err());
    assert!(state.snapshot(&bytes[..bytes.len() / 2]).is_err());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(state.snapshot(&changed).is_err(), "byte {at}");
    }
    let other = world.state(&StateSpec::generated("small", 2)).unwrap();
    assert!(other.snapshot(&bytes).is_err());
    // The same size and seed, with a row more.
    let row = serde_json::json!({"team_id": "T-more", "rank": 77});
    let rows = [("teams".to_string(), row.as_object().unwrap().clone())];
    let more = world.state_with(state.spec(), &rows).unwrap();
    assert!(more.snapshot(&bytes).is_err());
}

/// The long run of `cargo xtask soak`: a million operations over all worlds.
#[test]
#[ignore = "minutes: run by `cargo xtask soak`"]
fn soak() {
    const WANTED: u64 = 1_000_000;
    let worlds = worlds();
    let done = AtomicU64::new(0);
    let seeds = AtomicU64::new(100);
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while done.load(Ordering::Relaxed) < WANTED {
                    let seed = seeds.fetch_add(1, Ordering::Relaxed);
                    for world in &worlds {
                        Simulation::new(world, "small", seed).run(1_250);
                        done.fetch_add(1_250, Ordering::Relaxed);
                    }
                    println!("{} operations, no difference", done.load(Ordering::Relaxed));
                }
            });
        }
    });
}
