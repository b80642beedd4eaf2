//! Worlds that stand in for another program: arguments of any type, changes that outlive an error,
//! Python's spelling, documents, calls that nothing follows.

#![allow(clippy::unwrap_used)]

use practicum_world::{Actor, ErrorKind, Session, StateSpec, World, WorldFiles};
use serde_json::{Value, json};

const WORLD: &str = r#"
    format = 1
    name = "till"
    title = "A till"
    clock = "2026-03-02T09:00:00Z"

    [compatibility]
    validate = "lenient"
    on_error = "keep"
    output = "python"

    [[export]]
    group = "shop"
    member = "cards"
    view = "card_documents"
    tables = { cards = "card_id" }

    [[export]]
    group = "shop"
    member = "bookings"
    view = "booking_documents"
    form = "list"
    tables = { bookings = "booking_id" }

    [[export]]
    group = "screen"
    member = "screen"
    view = "screen_documents"
    form = "single"
    tables = { screen = "id" }

    [[after_call]]
    actors = ["agent", "setup"]
    [[after_call.step]]
    run = "UPDATE screen SET total = (SELECT sum(cents) FROM cards) WHERE total <> (SELECT sum(cents) FROM cards)"
"#;

const SCHEMA: &str = r"
    CREATE TABLE cards (card_id TEXT PRIMARY KEY, cents INTEGER NOT NULL, share REAL NOT NULL) STRICT;
    CREATE TABLE bookings (booking_id INTEGER PRIMARY KEY, note TEXT NOT NULL CHECK (json_valid(note))) STRICT;
    CREATE TABLE screen (id INTEGER PRIMARY KEY, total INTEGER NOT NULL) STRICT;
    CREATE VIEW card_documents AS
      SELECT card_id AS key, json_object('share', share, 'cents', cents) AS value FROM cards;
    CREATE VIEW booking_documents AS
      SELECT CAST(booking_id AS TEXT) AS key, booking_id AS position, json(note) AS value FROM bookings;
    CREATE VIEW screen_documents AS
      SELECT CAST(id AS TEXT) AS key, json_object('total', total) AS value FROM screen;
";

const CHARGE: &str = r#"
    name = "charge"
    description = "Charge a card."
    [input]
    type = "object"
    required = ["card_id", "cents"]
    properties.card_id = { type = "string" }
    properties.cents = { type = "integer" }
    properties.note = {}
    [output]
    type = "object"
    properties.card_id = { type = "string" }
    properties.share = { type = "number" }
    properties.note = { type = "string", contentMediaType = "application/json" }
    [[step]]
    reject = "SELECT 'no number: ' || :json_cents AS message WHERE :cents IS NULL"
    error = "{message}"
    [[step]]
    run = """
    UPDATE cards SET cents = cents - :cents WHERE card_id = :card_id;
    INSERT INTO bookings (note) SELECT :json_note WHERE :json_note IS NOT NULL"""
    [[step]]
    reject = "SELECT cents FROM cards WHERE card_id = :card_id AND cents < 0"
    error = "overdrawn by {cents}"
    [[step]]
    return = "SELECT card_id, share, ifnull(:json_note, 'null') AS note FROM cards WHERE card_id = :card_id"
"#;

const GREET: &str = r#"
    name = "greet"
    description = "Say a word."
    [output]
    type = "string"
    [[step]]
    return = "SELECT 'é' AS word"
"#;

const READY: &str = r#"
    name = "ready"
    description = "Bring the screen up to date."
    actor = "setup"
    [output]
    type = "string"
    [[step]]
    return = "SELECT 'ready' AS word"
"#;

fn session() -> Session {
    let mut files = WorldFiles::new();
    for (path, text) in [
        ("world.toml", WORLD),
        ("schema.sql", SCHEMA),
        ("tools/charge.toml", CHARGE),
        ("tools/greet.toml", GREET),
        ("tools/ready.toml", READY),
    ] {
        files.insert(path, text);
    }
    let world = World::from_files(&files).unwrap();
    let card = |id: &str, cents: i64, share: f64| {
        let row = json!({"card_id": id, "cents": cents, "share": share});
        ("cards".to_string(), row.as_object().unwrap().clone())
    };
    let screen = json!({"id": 1, "total": 400});
    let rows = [
        card("b", 100, 0.1 + 0.2),
        card("a", 300, 1e16),
        ("screen".to_string(), screen.as_object().unwrap().clone()),
    ];
    let state = world.state_with(&StateSpec::empty(), &rows).unwrap();
    state.session(1).unwrap()
}

fn charge(session: &mut Session, arguments: &Value) -> String {
    session.call("charge", arguments).result.unwrap()
}

fn document(session: &mut Session, group: &str) -> String {
    let mut text = String::new();
    session.export(group, |piece| text.push_str(piece)).unwrap();
    text
}

#[test]
fn results_are_spelled_as_python_does() {
    let mut session = session();
    let arguments = json!({"card_id": "b", "cents": 1, "note": [2.0, "ü", true]});
    assert_eq!(
        charge(&mut session, &arguments),
        r#"{"card_id": "b", "share": 0.30000000000000004, "note": [2.0, "\u00fc", true]}"#
    );
    assert_eq!(session.call("greet", &json!({})).result.unwrap(), "é");
}

#[test]
fn an_argument_of_another_type_reaches_the_steps_as_json() {
    let mut session = session();
    let error = session
        .call("charge", &json!({"card_id": "b", "cents": "1"}))
        .result
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert_eq!(error.message, "no number: \"1\"");
    for arguments in [
        json!({"card_id": "b"}),
        json!({"card_id": "b", "cents": 1, "x": 1}),
    ] {
        let error = session.call("charge", &arguments).result.unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArguments);
    }
    // A text that looks like a number is no number's equal.
    assert_eq!(
        charge(&mut session, &json!({"card_id": 1, "cents": 5})),
        "null"
    );
    assert!(document(&mut session, "shop").contains(r#""cents": 100"#));
}

#[test]
fn what_a_refused_call_changed_stays_even_after_a_restore() {
    let mut session = session();
    let refused = session.call("charge", &json!({"card_id": "b", "cents": 150}));
    assert_eq!(refused.result.unwrap_err().message, "overdrawn by -50");
    let document_then = document(&mut session, "shop");
    assert!(
        document_then.contains(r#""b": {"cents": -50"#),
        "{document_then}"
    );
    // Nothing follows a refused call.
    assert_eq!(
        document(&mut session, "screen"),
        r#"{"screen": {"total": 400}}"#
    );

    let snapshot = session.snapshot().unwrap();
    session.reset(1).unwrap();
    assert!(document(&mut session, "shop").contains(r#""b": {"cents": 100"#));
    session.restore(&snapshot).unwrap();
    assert_eq!(document(&mut session, "shop"), document_then);
}

#[test]
fn documents_are_sorted_and_follow_the_state() {
    let mut session = session();
    assert_eq!(
        document(&mut session, "shop"),
        r#"{"bookings": [], "cards": {"a": {"cents": 300, "share": 1e+16}, "b": {"cents": 100, "share": 0.30000000000000004}}}"#
    );
    charge(
        &mut session,
        &json!({"card_id": "a", "cents": 1, "note": {"z": 1, "a": null}}),
    );
    assert_eq!(
        document(&mut session, "shop"),
        r#"{"bookings": [{"a": null, "z": 1}], "cards": {"a": {"cents": 299, "share": 1e+16}, "b": {"cents": 100, "share": 0.30000000000000004}}}"#
    );
    assert_eq!(document(&mut session, "nobody"), "{}");
}

#[test]
fn a_call_made_alone_is_followed_by_nothing() {
    let mut session = session();
    let arguments = json!({"card_id": "a", "cents": 100});
    assert!(
        session
            .call_alone(Actor::Agent, "charge", &arguments)
            .is_ok()
    );
    assert_eq!(
        document(&mut session, "screen"),
        r#"{"screen": {"total": 400}}"#
    );
    let snapshot = session.snapshot().unwrap();
    session.restore(&snapshot).unwrap();
    assert_eq!(
        document(&mut session, "screen"),
        r#"{"screen": {"total": 400}}"#
    );
    assert!(session.call_as(Actor::Setup, "ready", &json!({})).is_ok());
    assert_eq!(
        document(&mut session, "screen"),
        r#"{"screen": {"total": 300}}"#
    );
}
