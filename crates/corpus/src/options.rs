//! What may be read, and what is kept of it.

use std::num::NonZero;

use serde::{Deserialize, Serialize};

/// How [`ingest`](crate::ingest) reads. `Options::default()` suits a trusted or untrusted mix of real specs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What a hostile or damaged input may cost.
    pub limits: Limits,
    /// Which operations are kept.
    pub filters: Filters,
    /// Keep function documents that come from a benchmark. By default they are read and counted, and
    /// set aside: what a benchmark tests must not become training data.
    pub include_benchmarks: bool,
    /// Threads that parse; all of the machine's when absent. The result does not depend on it.
    pub threads: Option<NonZero<usize>>,
}

/// What one input may cost in memory and time.
///
/// What passes a limit is left out with a diagnostic; the run goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one file, or of one archive entry when unpacked. Default 64 MiB; the largest real spec
    /// seen (Microsoft Graph's beta) has 45 MiB.
    pub file_bytes: u64,
    /// Bytes of one archive when unpacked. Default 4 GiB.
    pub archive_bytes: u64,
    /// Files in one folder tree, or entries in one archive. Default 200,000.
    pub entries: usize,
    /// JSON values in one file. Default 3,000,000, which may take half a gigabyte of memory; the largest
    /// real spec seen has 1,500,000.
    pub values: usize,
    /// Operations in one file. Default 50,000.
    pub operations: usize,
    /// Bytes of tool specs made from one file, as JSON. Default 256 MiB.
    pub output_bytes: usize,
    /// Objects inside objects in a resolved schema. Default 6.
    pub schema_depth: usize,
    /// Rough size of one resolved schema, as JSON. Default 16 KiB, so that an operation's two schemas
    /// stay below 32 KiB; wide levels survive and deep ones are cut first.
    pub schema_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 64 << 20,
            archive_bytes: 4 << 30,
            entries: 200_000,
            values: 3_000_000,
            operations: 50_000,
            output_bytes: 256 << 20,
            schema_depth: 6,
            schema_bytes: 16 << 10,
        }
    }
}

/// Which operations are dropped. Each filter has its count in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filters {
    /// Drop operations that have neither description nor summary. Default true: nobody, person or
    /// model, can know what such a tool is for.
    pub without_description: bool,
    /// Drop operations that take no arguments. Default false: a list of everything is often the call
    /// that finds an id. They are counted in either case.
    pub without_parameters: bool,
    /// Drop operations that the spec calls deprecated. Default true.
    pub deprecated: bool,
    /// Drop `HEAD`, `OPTIONS` and `TRACE`, which serve the protocol and do no work. Default true.
    pub protocol_methods: bool,
    /// Keep only the newest version of an operation that an API has in several. Default true.
    pub old_versions: bool,
    /// Keep one of several operations that are equal in name, description, schemas, method and path.
    /// Default true.
    pub duplicates: bool,
}

impl Default for Filters {
    fn default() -> Self {
        Self {
            without_description: true,
            without_parameters: false,
            deprecated: true,
            protocol_methods: true,
            old_versions: true,
            duplicates: true,
        }
    }
}
