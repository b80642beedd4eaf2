//! Mistakes of the user's: each is told with the file and the mend, and leaves nothing half-written.

use crate::support::{Bench, example_specs};

/// Runs a recipe on these specs, which give nothing; asserts that no run's folder is left.
fn refused(bench: &Bench, specs: &str, words: &[&str]) {
    let recipe = bench.small_recipe();
    let before = bench.names();
    bench
        .run(&["run", recipe.to_str().unwrap(), "--specs", specs])
        .refused(words);
    let out = bench.path("out");
    let left = std::fs::read_dir(&out).map_or(0, Iterator::count);
    assert_eq!(left, 0, "{} is not empty", out.display());
    let _ = std::fs::remove_dir(out);
    assert_eq!(before, bench.names());
}

#[test]
fn an_empty_folder() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("nothing")).unwrap();
    refused(&bench, "nothing", &["no file", "nothing", "OpenAPI"]);
}

#[test]
fn specs_that_are_not_there() {
    let bench = Bench::new();
    refused(&bench, "absent", &["absent", "does not exist", "--specs"]);
}

#[test]
fn a_file_that_is_no_text() {
    let bench = Bench::new();
    bench.write(
        "latin.yaml",
        b"openapi: 3.0.0\ninfo: {title: Caf\xe9, version: 1}\npaths: {}\n",
    );
    refused(&bench, "latin.yaml", &["latin.yaml", "UTF-8", "convert"]);
}

#[test]
fn a_bomb_of_two_hundred_megabytes() {
    let bench = Bench::new();
    // As an archive, of which the disk holds a few kilobytes.
    let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
    let mut header = tar::Header::new_gnu();
    let size = 200_u64 << 20;
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    let body = std::io::Read::chain(
        &b"{\"openapi\": \"3.0.0\", \"x\": "[..],
        std::io::Read::take(std::io::repeat(b'['), size),
    );
    archive
        .append_data(&mut header, "bomb.json", std::io::Read::take(body, size))
        .unwrap();
    let bytes = archive.into_inner().unwrap().finish().unwrap();
    bench.write("bomb.tar.zst", bytes);
    refused(
        &bench,
        "bomb.tar.zst",
        &["bomb.json", "larger than 64 MiB", "split it"],
    );
}

#[test]
fn nesting_without_end() {
    let bench = Bench::new();
    let deep = format!("{{\"openapi\": \"3.0.0\", \"x\": {}", "[".repeat(1 << 20));
    bench.write("deep.json", deep);
    refused(&bench, "deep.json", &["deep.json"]);
}

#[test]
fn a_truncated_archive_gives_what_is_in_it_and_says_so() {
    let bench = Bench::new();
    let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
    archive.append_dir_all("specs", example_specs()).unwrap();
    let bytes = archive.into_inner().unwrap().finish().unwrap();
    bench.write("cut.tar.zst", &bytes[..bytes.len() * 4 / 5]);
    let recipe = bench.small_recipe();
    let recipe = recipe.to_str().unwrap();
    let ran = bench
        .run(&["ingest", recipe, "--specs", "cut.tar.zst", "--out", "cut"])
        .done();
    for word in ["cut.tar.zst", "truncated", "fetch it again"] {
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    }
    // Cut so early that nothing is left.
    bench.write("stub.tar.zst", &bytes[..64]);
    refused(&bench, "stub.tar.zst", &["stub.tar.zst", "fetch it again"]);
}

#[test]
fn circular_and_dangling_references_are_diagnosed() {
    let bench = Bench::new();
    let shop = std::fs::read_to_string(example_specs().join("shop.openapi.json")).unwrap();
    let mut shop: serde_json::Value = serde_json::from_str(&shop).unwrap();
    let schemas = shop["components"]["schemas"].as_object_mut().unwrap();
    let (_, first) = schemas.iter_mut().next().unwrap();
    first["properties"]["gone"] = serde_json::json!({"$ref": "#/components/schemas/Gone"});
    first["properties"]["loop"] = serde_json::json!({"$ref": "#/components/schemas/Loop"});
    schemas.insert(
        "Loop".into(),
        serde_json::json!({"type": "object", "properties": {"again": {"$ref": "#/components/schemas/Loop"}}}),
    );
    bench.write("shop.json", shop.to_string());
    let recipe = bench.small_recipe();
    bench
        .run(&[
            "run",
            recipe.to_str().unwrap(),
            "--specs",
            "shop.json",
            "--out",
            "run",
        ])
        .done();
    let notes = std::fs::read_to_string(bench.path("run/ingest/diagnostics.jsonl")).unwrap();
    for word in ["dangling_reference", "circular_schema", "shop.json", "Gone"] {
        assert!(notes.contains(word), "{word}: {notes}");
    }
}

#[test]
fn a_folder_that_cannot_be_written() {
    let bench = Bench::new();
    let recipe = bench.small_recipe();
    let recipe = recipe.to_str().unwrap();
    let locked = bench.path("locked");
    std::fs::create_dir(&locked).unwrap();
    let mut mode = std::fs::metadata(&locked).unwrap().permissions();
    mode.set_readonly(true);
    std::fs::set_permissions(&locked, mode).unwrap();
    // A superuser may write anywhere; for one, a path that no one can write to stands in.
    let out = if std::fs::write(locked.join("probe"), "").is_err() {
        "locked/run"
    } else {
        "/dev/null/run"
    };
    bench
        .run(&["run", recipe, "--out", out])
        .refused(&["--out", out]);
    bench.write("file", "");
    bench
        .run(&["run", recipe, "--out", "file"])
        .refused(&["file", "folder", "--out"]);
}

#[test]
fn recipes_with_mistakes() {
    let bench = Bench::new();
    for (text, words) in [
        (
            "name = \"x\"\n[ingest]\nspecs = [\"a\"]\n[task]\nper_wrld = 3\n",
            &["line 5", "per_wrld", "per_world"][..],
        ),
        (
            "name = \"x\"\n[ingest]\nspecs = [\"a\"]\n[tasks]\n",
            &["line 4", "tasks", "task"][..],
        ),
        (
            "name = \"x\"\nseed = -1\n[ingest]\nspecs = [\"a\"]\n",
            &["line 2"][..],
        ),
        (
            "name = \"a/b\"\n[ingest]\nspecs = [\"a\"]\n",
            &["a/b", "folder"][..],
        ),
        (
            "name = \"x\"\n[ingest]\nspecs = [\"a\"]\n[rollout]\nagents = [\"golden\"]\n",
            &["golden", "gold"][..],
        ),
        (
            "name = \"x\"\n[ingest]\nspecs = [\"a\"]\n[export]\nformats = [\"csv\"]\n",
            &["csv", "parquet"][..],
        ),
        ("name = \"x\n", &["line 1"][..]),
    ] {
        bench.write("bad.toml", text);
        bench.run(&["run", "bad.toml"]).refused(words);
    }
    bench.run(&["run", "absent.toml"]).refused(&["absent.toml"]);
    assert_eq!(bench.names(), ["bad.toml"]);
}

#[test]
fn a_stage_before_its_time() {
    let bench = Bench::new();
    bench.small_recipe();
    bench
        .run(&["task", "small.toml"])
        .refused(&["author", "practicum run"]);
}
