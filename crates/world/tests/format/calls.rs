//! Tools, rules, groups and what runs after calls.

use practicum_world::{AcceptedEnd, Cell, StateSpec, World, compare};
use serde_json::{Value, json};

use crate::post_office::{WORLD, files, world};

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
