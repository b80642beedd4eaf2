//! Whole runs: what is folded, what is counted, what is refused.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use practicum_corpus::{
    Corpus, CorpusError, DiagnosticKind, DropReason, Filters, IngestError, Options, OutputOrigin,
    Segment, ToolColumn, ingest,
};
use support::{Bench, spec};

#[test]
fn versions_fold_to_the_newest() {
    let v1 = spec(
        "https://api.shop.dev/v1",
        "1.0",
        &[
            ("GET", "/orders", "listOrders"),
            ("GET", "/legacy", "oldThing"),
        ],
    );
    let v2 = spec(
        "https://api.shop.dev/v2",
        "2.0",
        &[
            ("GET", "/orders", "orders_list"),
            ("POST", "/orders", "create"),
        ],
    );
    let v3 = spec(
        "https://api.shop.dev/v3beta",
        "3.0",
        &[("GET", "/orders", "orders_all")],
    );
    let bench = Bench::new(&[
        ("a.json", v1.as_bytes()),
        ("b.json", v2.as_bytes()),
        ("c.json", v3.as_bytes()),
    ]);
    let done = bench.run(&Options::default());
    assert_eq!(
        done.ids(),
        [
            "shop.dev/work#oldThing",
            "shop.dev/work#orders_list",
            "shop.dev/work#create"
        ]
    );
    assert_eq!(done.dropped("superseded"), 2);
    let said: Vec<&str> = done
        .diagnostics
        .iter()
        .map(|d| d.message.as_str())
        .collect();
    let winner = "`shop.dev/work#orders_list` is the same operation in a newer version of the API";
    assert_eq!(said, [winner, winner]);
    assert_eq!(done.diagnostics[0].place, "/paths/~1orders/get");

    let all = Options {
        filters: Filters {
            old_versions: false,
            ..Filters::default()
        },
        ..Options::default()
    };
    assert_eq!(bench.run(&all).specs.len(), 5);
}

#[test]
fn mirrors_and_repetitions_fold_to_the_first() {
    let one = spec(
        "https://api.shop.dev",
        "1",
        &[("GET", "/orders", "listOrders")],
    );
    let reworded = one.replace("Does the work", "Does all the work");
    let elsewhere = one.replace("api.shop.dev", "api.store.dev");
    let bench = Bench::new(&[
        ("a.json", one.as_bytes()),
        ("b.json", reworded.as_bytes()),
        ("c.json", elsewhere.as_bytes()),
    ]);
    let done = bench.run(&Options::default());
    assert_eq!(done.ids(), ["shop.dev/work#listOrders"]);
    assert_eq!((done.dropped("mirror"), done.dropped("duplicate")), (1, 1));

    let all = Options {
        filters: Filters {
            duplicates: false,
            ..Filters::default()
        },
        ..Options::default()
    };
    let done = bench.run(&all);
    assert_eq!(
        done.ids(),
        [
            "shop.dev/work#listOrders",
            "shop.dev/work#listOrders~2",
            "store.dev/work#listOrders"
        ]
    );
}

#[test]
fn google_versions_meet_across_formats() {
    let discovery = |version: &str| {
        serde_json::json!({
            "kind": "discovery#restDescription", "name": "rooms", "version": version,
            "title": "Rooms", "rootUrl": "https://rooms.googleapis.com/", "servicePath": "",
            "methods": {"stop": {
                "id": "rooms.stop", "httpMethod": "POST", "path": format!("{version}/{{+name}}:stop"),
                "description": "Stops.",
                "parameters": {"name": {"type": "string", "location": "path", "required": true,
                    "pattern": "^halls/[^/]+/rooms/[^/]+$"}},
            }},
        })
        .to_string()
    };
    let open = spec(
        "https://rooms.googleapis.com",
        "v1alpha",
        &[(
            "POST",
            "/v1alpha/halls/{hallsId}/rooms/{roomsId}:stop",
            "stop",
        )],
    );
    let bench = Bench::new(&[
        ("a.json", open.as_bytes()),
        ("b.json", discovery("v1beta1").as_bytes()),
        ("c.json", discovery("v1").as_bytes()),
    ]);
    let done = bench.run(&Options::default());
    assert_eq!(done.ids(), ["googleapis.com/rooms#rooms_stop"]);
    assert_eq!(done.dropped("superseded"), 2);
    let http = done.specs[0].http.as_ref().unwrap();
    assert_eq!(http.path, "/v1/{name=halls/*/rooms/*}:stop");
    assert_eq!(
        http.segments(),
        [
            Segment::Noun("v1"),
            Segment::Noun("halls"),
            Segment::Wildcard,
            Segment::Noun("rooms"),
            Segment::Parameter("name"),
            Segment::Verb("stop"),
        ]
    );
}

#[test]
fn benchmarks_are_counted_apart() {
    let lines = "{\"id\":\"x_0\",\"question\":\"q\",\"function\":[{\"name\":\"f\",\"description\":\"Does \
                 it.\",\"parameters\":{\"type\":\"dict\",\"properties\":{}}}]}\n";
    let plain = r#"[{"name": "g", "description": "Does that.", "parameters": {"type": "object", "properties": {}}}]"#;
    let bench = Bench::new(&[
        ("bfcl/data.json", lines.repeat(3).as_bytes()),
        (
            "tau-bench/tools.json",
            plain.replace("\"g\"", "\"retail\"").as_bytes(),
        ),
        ("own.json", plain.replace("\"g\"", "\"gg\"").as_bytes()),
    ]);
    let done = bench.run(&Options::default());
    assert_eq!(done.ids(), ["own/own#gg"]);
    assert_eq!(done.report.operations.benchmarks_set_aside, 4);
    assert_eq!(done.report.operations.read, 1);

    let all = Options {
        include_benchmarks: true,
        ..Options::default()
    };
    let done = bench.run(&all);
    assert_eq!(done.report.operations.benchmarks_set_aside, 0);
    // Two of the three test cases repeat the first.
    assert_eq!(
        (done.dropped("duplicate"), done.report.kept.benchmarks),
        (2, 2)
    );
}

#[test]
fn filters_are_counted_and_can_be_turned_off() {
    let mut document: serde_json::Value = serde_json::from_str(&spec(
        "https://api.shop.dev",
        "1",
        &[
            ("GET", "/a", "silent"),
            ("GET", "/b", "deprecated_one"),
            ("GET", "/c", "plain"),
            ("HEAD", "/c", "head_only"),
        ],
    ))
    .unwrap();
    document["paths"]["/a"]["get"]["summary"] = "".into();
    document["paths"]["/b"]["get"]["deprecated"] = true.into();
    let bench = Bench::new(&[("a.json", document.to_string().as_bytes())]);
    let done = bench.run(&Options::default());
    assert_eq!(done.ids(), ["shop.dev/work#plain"]);
    assert_eq!(done.report.kept.without_parameters, 1);
    assert_eq!(done.report.kept.outputs[&OutputOrigin::Declared], 1);
    for reason in ["no_description", "deprecated", "protocol_method"] {
        assert_eq!(done.dropped(reason), 1, "{reason}");
    }

    let everything = Filters {
        without_description: false,
        deprecated: false,
        protocol_methods: false,
        ..Filters::default()
    };
    let options = |filters| Options {
        filters,
        ..Options::default()
    };
    assert_eq!(bench.run(&options(everything)).specs.len(), 4);
    let with_arguments = Filters {
        without_parameters: true,
        ..Filters::default()
    };
    let done = bench.run(&options(with_arguments));
    assert_eq!((done.specs.len(), done.dropped("no_parameters")), (0, 1));
}

#[test]
fn limits_of_one_file_are_accounted_for() {
    let paths: Vec<String> = (0..30).map(|i| format!("/p{i:02}")).collect();
    let operations: Vec<(&str, &str, &str)> = paths
        .iter()
        .map(|path| ("GET", path.as_str(), "list"))
        .collect();
    let bench = Bench::new(&[("a.json", spec("https://x.dev", "1", &operations).as_bytes())]);
    let mut options = Options::default();
    options.limits.operations = 10;
    let done = bench.run(&options);
    assert_eq!((done.specs.len(), done.dropped("over_limit")), (10, 20));
    assert_eq!(done.ids()[9], "x.dev/work#list_10");
    let over =
        |kind: &DiagnosticKind| *kind == DiagnosticKind::OperationDropped(DropReason::OverLimit);
    assert_eq!(done.diagnostics.iter().filter(|d| over(&d.kind)).count(), 1);
    options = Options::default();
    options.limits.output_bytes = 5000;
    let done = bench.run(&options);
    assert!(done.dropped("over_limit") > 10);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let specs: Vec<(String, String)> = (0..40)
        .map(|i| {
            let server = format!("https://host{}.dev/v{}", i % 7, i % 3);
            let path = format!("/things{}", i % 5);
            let text = spec(
                &server,
                "1",
                &[("GET", &path, "list"), ("POST", &path, "add")],
            );
            (format!("{i:02}.json"), text)
        })
        .collect();
    let files: Vec<(&str, &[u8])> = specs
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    let bytes = |threads: Option<usize>| {
        let bench = Bench::new(&files);
        let options = Options {
            threads: threads.and_then(NonZero::new),
            ..Options::default()
        };
        bench.run(&options);
        ["tools.parquet", "diagnostics.jsonl", "report.json"]
            .map(|name| std::fs::read(bench.out().join(name)).unwrap())
    };
    let one = bytes(Some(1));
    assert_eq!(one, bytes(Some(2)));
    assert_eq!(one, bytes(Some(5)));
    assert_eq!(one, bytes(None));
}

#[test]
fn a_corpus_is_read_by_columns_and_by_ids() {
    let text = spec(
        "https://api.shop.dev",
        "1",
        &[
            ("GET", "/a/{id}", "get_a"),
            ("GET", "/b", "list_b"),
            ("POST", "/b", "add_b"),
        ],
    );
    let bench = Bench::new(&[("a.json", text.as_bytes())]);
    let done = bench.run(&Options::default());
    let corpus = Corpus::open(&bench.out()).unwrap();
    assert_eq!((corpus.len(), corpus.is_empty()), (3, false));
    assert_eq!(
        corpus.column(ToolColumn::Name).unwrap(),
        ["get_a", "list_b", "add_b"]
    );
    let mut inputs = Vec::new();
    for batch in corpus.batches(&[ToolColumn::Input, ToolColumn::Path]) {
        let mut batch = batch.unwrap();
        inputs.extend(batch.take::<String>("input").unwrap());
        assert_eq!(batch.get::<Option<String>>("path").unwrap().len(), 3);
    }
    assert_eq!(
        inputs[0],
        r#"{"type":"object","properties":{"id":{"type":"string"}},"required":["id"]}"#
    );
    let ids = [
        "shop.dev/work#add_b",
        "shop.dev/work#get_a",
        "nobody/nothing#x",
    ];
    let ids: BTreeSet<String> = ids.map(String::from).into();
    let found = corpus.fetch(&ids).unwrap();
    assert_eq!(found, [done.specs[0].clone(), done.specs[2].clone()]);
}

#[test]
fn mistakes_are_said_plainly() {
    let bench = Bench::new(&[
        ("in.txt", b"hello"),
        ("broken.json", b"{\"openapi\": \"3.0.0\", ]}"),
    ]);
    let clean = |error: IngestError| {
        error
            .to_string()
            .replace(bench.folder.path().to_str().unwrap(), "FOLDER")
    };
    let go = |inputs: &[PathBuf], out: &Path| {
        clean(ingest(inputs, &Options::default(), out, &mut |_| {}).unwrap_err())
    };
    insta::assert_snapshot!(go(&[], &bench.out()), @"no input: name at least one file, folder or archive of API specs");
    insta::assert_snapshot!(go(&[bench.folder.path().join("nowhere")], &bench.out()), @"FOLDER/nowhere: no such file or folder. Check the path");
    insta::assert_snapshot!(go(&[bench.input()], &bench.out()), @r"
    none of the 2 files in the input is an API spec:
      in/broken.json: invalid JSON: key must be a string at line 1 column 22; mend the file there or leave it out
      in/in.txt: no known format: none of the words that specs contain
    Give OpenAPI 3, Swagger 2, Google discovery documents, MCP `tools/list` replies or function definitions
    ");
    std::fs::write(bench.folder.path().join("file"), "x").unwrap();
    let refused = go(&[bench.input()], &bench.folder.path().join("file/out"));
    assert!(
        refused.starts_with("FOLDER/file/out: cannot make the output folder ("),
        "{refused}"
    );
    // Nothing half-written stays behind.
    let left: Vec<_> = std::fs::read_dir(bench.out()).unwrap().collect();
    assert_eq!(left.len(), 0, "{left:?}");

    let error = Corpus::open(&bench.input()).err().unwrap();
    assert!(matches!(error, CorpusError::NotACorpus { .. }));
    std::fs::create_dir_all(bench.out()).unwrap();
    std::fs::write(bench.out().join("tools.parquet"), "PAR1 or not").unwrap();
    assert!(matches!(
        Corpus::open(&bench.out()),
        Err(CorpusError::Table(_))
    ));
}

#[test]
fn a_failed_run_leaves_the_old_corpus() {
    let good = spec("https://api.shop.dev", "1", &[("GET", "/a", "list_a")]);
    let bench = Bench::new(&[("a.json", good.as_bytes())]);
    bench.run(&Options::default());
    std::fs::write(bench.input().join("a.json"), "nothing").unwrap();
    assert!(matches!(
        bench.ingest(&Options::default()),
        Err(IngestError::NoSpec { .. })
    ));
    assert_eq!(Corpus::open(&bench.out()).unwrap().len(), 1);
}

#[test]
fn progress_is_told_in_order() {
    let specs: Vec<(String, String)> = (0..600)
        .map(|i| {
            (
                format!("{i:03}.json"),
                spec(&format!("https://h{i}.dev"), "1", &[("GET", "/a", "list")]),
            )
        })
        .collect();
    let files: Vec<(&str, &[u8])> = specs
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    let bench = Bench::new(&files);
    let mut seen = Vec::new();
    ingest(
        &[bench.input()],
        &Options::default(),
        &bench.out(),
        &mut |at| seen.push(at),
    )
    .unwrap();
    assert!(seen.len() >= 3);
    assert!(seen.is_sorted_by_key(|at| at.files_done));
    assert!(seen.iter().all(|at| at.files_done <= at.files_known));
    assert_eq!(seen.last().unwrap().operations, 600);
}

#[test]
#[cfg(unix)]
fn a_full_disk_is_said_and_loses_nothing() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let good = spec("https://api.shop.dev", "1", &[("GET", "/a", "list_a")]);
    let bench = Bench::new(&[("a.json", good.as_bytes())]);
    bench.run(&Options::default());
    for file in [
        "tools.parquet.tmp",
        "diagnostics.jsonl.tmp",
        "report.json.tmp",
    ] {
        let link = bench.out().join(file);
        std::os::unix::fs::symlink(full, &link).unwrap();
        // A run whose diagnostics have something to say.
        std::fs::write(bench.input().join("b.json"), "nothing").unwrap();
        let error = bench.ingest(&Options::default()).unwrap_err().to_string();
        assert!(error.starts_with("the disk is full: "), "{file}: {error}");
        assert_eq!(Corpus::open(&bench.out()).unwrap().len(), 1);
        let _ = std::fs::remove_file(link);
    }
}
