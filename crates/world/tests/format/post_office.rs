//! A small world to write into: parcels are packed and sent, and somebody's phone is told.

use practicum_world::{World, WorldFiles};

pub(crate) const WORLD: &str = r#"
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

pub(crate) const SCHEMA: &str = "
CREATE TABLE parcels (
  parcel_id TEXT PRIMARY KEY DEFAULT (new_id('P')),
  status TEXT NOT NULL DEFAULT 'packed' CHECK (status IN ('packed', 'sent')),
  labels TEXT NOT NULL DEFAULT '[]',
  told INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE inbox (message_id INTEGER PRIMARY KEY, parcel_id TEXT NOT NULL REFERENCES parcels (parcel_id)) STRICT;
CREATE TABLE lines (line_id INTEGER PRIMARY KEY, parcel_id TEXT NOT NULL, thing TEXT NOT NULL, pieces INTEGER NOT NULL) STRICT;
";

pub(crate) const DATA: &str = r#"
[[table]]
name = "parcels"
rows = 40
"#;

pub(crate) const PACK: &str = r#"
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

pub(crate) const SEND: &str = r#"
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

pub(crate) fn files() -> WorldFiles {
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

pub(crate) fn world() -> World {
    World::from_files(&files()).unwrap_or_else(|error| panic!("{:#?}", error.problems()))
}

/// The findings of these files, one a line.
pub(crate) fn problems(files: &WorldFiles) -> String {
    let error = World::from_files(files).unwrap_err();
    let lines: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
    lines.join("\n")
}
