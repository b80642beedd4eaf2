CREATE TABLE nodes (
  node_id TEXT PRIMARY KEY,
  colour TEXT NOT NULL,
  label TEXT,
  made_at TEXT
) STRICT;
CREATE TABLE edges (
  edge_id INTEGER PRIMARY KEY,
  source TEXT NOT NULL REFERENCES nodes (node_id),
  target TEXT NOT NULL REFERENCES nodes (node_id),
  remark TEXT
) STRICT;
