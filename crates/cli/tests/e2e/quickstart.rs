//! The quick start makes what the README promises.

use serde_json::{Value, json};

use crate::support::{Bench, workspace};

#[test]
fn the_quick_start_keeps_its_promises() {
    let bench = Bench::new();
    let recipe = workspace().join("recipes/quickstart.toml");
    let ran = bench
        .run(&["run", recipe.to_str().unwrap(), "--json"])
        .done();
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let at = |pointer: &str| {
        report
            .pointer(pointer)
            .unwrap_or_else(|| panic!("no {pointer} in {report}"))
    };
    let number = |pointer: &str| at(pointer).as_f64().unwrap();
    let count = |pointer: &str| at(pointer).as_u64().unwrap();
    // Exactly all of them: a rate that only rounds to one is not enough.
    let is_all = |pointer: &str| at(pointer) == &json!(1.0);

    // Every operation is accounted for.
    let dropped: u64 = report["operations"]["dropped"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(
        count("/operations/read"),
        count("/operations/kept") + dropped
    );
    assert!(count("/worlds/passed") >= 8);
    assert!(count("/tasks/proven") >= 500);
    for kind in [
        "write",
        "chain",
        "lookup",
        "count",
        "declined",
        "impossible",
    ] {
        assert!(count(&format!("/tasks/kinds/{kind}")) >= 10, "{kind}");
    }

    // What ships is proven on both sides.
    assert!(is_all("/tasks/kill_rate"));
    assert!(is_all("/tasks/acceptance_rate"));
    assert!(number("/tasks/kill_rate_before_filter") > 0.99);
    assert!(number("/tasks/acceptance_rate_before_filter") > 0.99);

    // The oracle always passes; those that know nothing do not.
    assert!(is_all("/agents/gold/pass_rate"));
    for floor in ["noop", "random", "spray", "echo", "gold+1", "yes-man"] {
        assert!(
            number(&format!("/agents/{floor}/pass_rate")) < 0.01,
            "{floor}"
        );
        assert!(count(&format!("/agents/{floor}/tried")) > 0, "{floor}");
    }
    assert_eq!(
        count("/agents/yes-man/tried"),
        count("/tasks/kinds/declined") + count("/tasks/kinds/impossible")
    );

    // A fault of the machinery is never a reward.
    let faults = report["trajectories"]["faults"].as_object().unwrap();
    assert!(!faults.contains_key("infrastructure"), "{faults:?}");
    assert!(!faults.contains_key("world"), "{faults:?}");

    // The data set is what the funnel kept.
    let stages = report["funnel"].as_array().unwrap();
    assert_eq!(stages.last().unwrap()["passed"], report["dataset"]["rows"]);
    let run = bench.path("out/quickstart");
    let lines = std::fs::read_to_string(run.join("export/train.jsonl")).unwrap();
    assert_eq!(lines.lines().count() as u64, count("/dataset/rows"));
    for line in lines.lines().take(20) {
        let row: Value = serde_json::from_str(line).unwrap();
        let messages = row["messages"].as_array().unwrap();
        assert_eq!(messages[0]["role"], "system", "{row}");
        assert!(
            messages
                .iter()
                .any(|message| message["role"] == "assistant")
        );
        // Arguments and schemas travel as text: tables of nested types would fill them with nulls.
        assert!(row["tools"].is_string());
    }
    assert!(run.join("export/train.parquet").is_file());
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    for word in [
        "Funnel",
        "Agents",
        "5 of 10 worlds",
        "5 of 1,200 trajectories",
        "Time",
    ] {
        assert!(page.contains(word), "{word}");
    }
    assert!(
        !page.contains("http://") && !page.contains("src=\"https"),
        "one file"
    );
    assert!(ran.stderr.contains("Try next:"), "{}", ran.stderr);
}
