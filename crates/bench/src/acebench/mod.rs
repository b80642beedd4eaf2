//! ACEBench: normal, special and agent categories, scored item by item as the official checker does.
