//! Small worlds written in memory, for tests of one thing each.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use practicum_world::{Cell, LoadError, Problem, RowChange, Session, State, TableKind};
use practicum_world::{StateSpec, World, WorldFiles};

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A world of a few lines.
#[derive(Clone)]
pub struct Small {
    pub files: WorldFiles,
}

impl Small {
    /// A world with these tables and no rows.
    pub fn new(schema: &str) -> Self {
        let mut files = WorldFiles::new();
        files.insert("schema.sql", schema);
        files.insert("data.toml", "");
        Self { files }.world("")
    }

    /// More of world.toml.
    pub fn world(mut self, more: &str) -> Self {
        self.files.insert(
            "world.toml",
            format!(
                "format = 1\nname = \"small\"\ntitle = \"Small\"\nclock = \"2026-03-02T09:00:00Z\"\n{more}\n"
            ),
        );
        self
    }

    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path, text);
        self
    }

    /// A tool. Parameters are written `order_id count:integer`, optional ones `note?`; a step is its kind
    /// and its SQL, with the message after ` => ` for guards. A result is an array of objects when the
    /// last step is `rows`, an object when it is `return`; a tool without either returns `1 AS done`.
    pub fn tool(self, name: &str, parameters: &str, steps: &[(&str, &str)]) -> Self {
        let mut properties = String::new();
        let mut required = Vec::new();
        for parameter in parameters.split_whitespace() {
            let (own, kind) = parameter.split_once(':').unwrap_or((parameter, "string"));
            let own = match own.strip_suffix('?') {
                Some(own) => own,
                None => {
                    required.push(quoted(own));
                    own
                }
            };
            properties.push_str(&format!("[input.properties.{own}]\n"));
            if !kind.is_empty() {
                properties.push_str(&format!("type = {}\n", quoted(kind)));
            }
        }
        let input = format!(
            "[input]\ntype = \"object\"\nrequired = [{}]\n{properties}",
            required.join(", ")
        );
        self.tool_with(name, &input, steps)
    }

    /// The same with the `[input]` table written out.
    pub fn tool_with(mut self, name: &str, input: &str, steps: &[(&str, &str)]) -> Self {
        let mut output = "object";
        let mut text = String::new();
        for (kind, sql) in steps {
            if *kind == "raw" {
                text.push_str(sql);
                continue;
            }
            if *kind == "rows" {
                output = "array";
            }
            let kind = if *kind == "rows" { "return" } else { *kind };
            let (sql, error) = match sql.split_once(" => ") {
                Some((sql, error)) => (sql, Some(error)),
                None => (*sql, None),
            };
            text.push_str(&format!("[[step]]\n{kind} = {}\n", quoted(sql)));
            if let Some(error) = error {
                text.push_str(&format!("error = {}\n", quoted(error)));
            }
        }
        if !steps.iter().any(|(kind, sql)| {
            ["rows", "return"].contains(kind) || (*kind == "raw" && sql.contains("return ="))
        }) {
            text.push_str("[[step]]\nreturn = \"SELECT 1 AS done\"\n");
        }
        self.files.insert(
            format!("tools/{name}.toml"),
            format!(
                "name = {}\ndescription = \"Does {name}.\"\n{input}\n[output]\ntype = \"{output}\"\n{text}",
                quoted(name)
            ),
        );
        self
    }

    pub fn load(&self) -> World {
        World::from_files(&self.files).unwrap_or_else(|error| panic!("{:#?}", error.problems()))
    }

    /// The findings of a world that must not load.
    pub fn problems(&self) -> Vec<Problem> {
        match World::from_files(&self.files) {
            Err(LoadError::Invalid(problems)) => problems,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it loads"),
        }
    }

    /// A state without generated rows.
    pub fn empty(&self) -> State {
        self.load().state(&StateSpec::empty()).unwrap()
    }

    /// A generated state.
    pub fn state(&self) -> State {
        self.load()
            .state(&StateSpec::generated("medium", 1))
            .unwrap()
    }
}

/// All rows of a session, by table, in the order in which SQLite gives them.
pub fn dump(session: &mut Session) -> Vec<Vec<Vec<Cell>>> {
    let names: Vec<String> = session
        .world()
        .schema()
        .tables
        .iter()
        .map(|table| table.name.clone())
        .collect();
    names
        .iter()
        .map(|name| {
            let text = format!("SELECT * FROM \"{}\"", name.replace('"', "\"\""));
            session.query(&text, &[]).unwrap()
        })
        .collect()
}

/// The slow twin of a session's diff: every row of every table, compared by key.
pub fn full_diff(session: &mut Session) -> Vec<RowChange> {
    let state = session.state().clone();
    let now = dump(session);
    let mut changes = Vec::new();
    for (at, table) in state.world().schema().tables.iter().enumerate() {
        if table.kind != TableKind::Table {
            continue;
        }
        let by_key = |rows: Vec<Vec<Cell>>| -> std::collections::BTreeMap<Vec<Cell>, Vec<Cell>> {
            rows.into_iter()
                .map(|row| {
                    let key = table.key.iter().map(|column| row[*column].clone());
                    (key.collect(), row)
                })
                .collect()
        };
        let before = by_key(state.rows(at).unwrap());
        let after = by_key(now[at].clone());
        let keys: std::collections::BTreeSet<&Vec<Cell>> =
            before.keys().chain(after.keys()).collect();
        for key in keys {
            let (before, after) = (before.get(key), after.get(key));
            if before != after {
                changes.push(RowChange {
                    table: table.name.clone(),
                    key: key.clone(),
                    before: before.cloned(),
                    after: after.cloned(),
                });
            }
        }
    }
    changes
}

/// The session's own diff is what a full comparison finds.
pub fn assert_diff_exact(session: &mut Session, what: &str) {
    assert_eq!(
        session.diff().unwrap().changes,
        full_diff(session),
        "{what}"
    );
}
