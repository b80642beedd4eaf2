//! Which documents come from a benchmark. All the rules stand here.
//!
//! A benchmark's tools are for testing. They are read and counted, and reach the corpus only with
//! [`Options::include_benchmarks`](crate::Options::include_benchmarks).

use serde_json::Value;

/// Names of benchmarks as they appear in paths of files and archives, with `-`, `_` and spaces removed.
const NAMES: &[&str] = &[
    "acebench",
    "apibank",
    "appworld",
    "bfcl",
    "berkeleyfunctioncall",
    "complexfuncbench",
    "livemcpbench",
    "mcpbench",
    "mcpmark",
    "mcpuniverse",
    "multiturnfuncdoc",
    "nestful",
    "restbench",
    "stabletoolbench",
    "taubench",
    "tau2bench",
    "toolbench",
    "toolsandbox",
];

/// Whether a file's path names a benchmark.
pub(crate) fn path_names_one(file: &str) -> bool {
    let plain: String = file
        .chars()
        .flat_map(char::to_lowercase)
        .filter(|c| !matches!(c, '-' | '_' | ' '))
        .collect();
    plain
        .split(['/', '!', '.'])
        .any(|part| NAMES.iter().any(|name| part.starts_with(name)))
}

/// Whether an entry of a document is a test case: a question with the functions that may answer it.
/// BFCL, ACEBench and their kin are lists of these.
pub(crate) fn is_test_case(entry: &Value) -> bool {
    entry.get("question").is_some() && entry.get("function").is_some()
}

/// Whether a function is written in a dialect that only benchmarks use: BFCL's `"type": "dict"`, and
/// NESTFUL's `query_parameters` with `output_parameters`.
pub(crate) fn is_dialect(function: &Value) -> bool {
    let dict = |key: &str| {
        function
            .get(key)
            .and_then(|schema| schema.get("type"))
            .is_some_and(|kind| kind == "dict")
    };
    dict("parameters")
        || dict("arguments")
        || function.get("query_parameters").is_some() && function.get("output_parameters").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_judged_by_whole_parts() {
        assert!(path_names_one(
            "functions.tar.zst!functions/bfcl/BFCL_v4_multiple.json"
        ));
        assert!(path_names_one("data/tau-bench/retail_tools.json"));
        assert!(path_names_one("livemcpbench-tools.json"));
        assert!(path_names_one(
            "bfcl_eval-2026.3.23-py3-none-any.whl!bfcl_eval/data/x.json"
        ));
        assert!(!path_names_one("mybench/stripe.com.json"));
        assert!(!path_names_one("functions/tools.json"));
    }
}
