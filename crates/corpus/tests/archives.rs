//! Archives and folders: whole, truncated, nested, lying about their size.
#![allow(clippy::unwrap_used)]

mod support;

use practicum_corpus::{IngestError, Limits, Options};
use support::{Bench, gzip, spec, tar, zip, zstd};

fn one(name: &str) -> String {
    let server = format!("https://{name}.dev");
    spec(&server, "1", &[("GET", "/items", &format!("list_{name}"))])
}

fn limited(limits: Limits) -> Options {
    Options {
        limits,
        ..Options::default()
    }
}

#[test]
fn every_kind_of_archive_is_read() {
    let [aa, bb, cc, dd, ee] = ["aa", "bb", "cc", "dd", "ee"].map(one);
    let readme = "# Read me\nNothing about APIs.";
    let script = "module.exports = require('./openapi')";
    let bench = Bench::new(&[
        ("1.tar.zst", &zstd(&tar(&[("x/a.json", aa.as_bytes())]))),
        (
            "2.tgz",
            &gzip(&tar(&[
                ("package/index.js", script.as_bytes()),
                ("package/b.json", bb.as_bytes()),
            ])),
        ),
        // The name says nothing: the content does.
        (
            "3.whl",
            &zip(&[("c/c.txt", cc.as_bytes()), ("README.md", readme.as_bytes())]),
        ),
        ("4/deep/d.yaml", dd.as_bytes()),
        ("5.json.gz", &gzip(ee.as_bytes())),
        (".git/config", b"openapi: 3.0.0"),
    ]);
    let done = bench.run(&Options::default());
    assert_eq!(
        done.ids(),
        [
            "aa.dev/work#list_aa",
            "bb.dev/work#list_bb",
            "cc.dev/work#list_cc",
            "dd.dev/work#list_dd",
            "ee.dev/work#list_ee",
        ]
    );
    let files: Vec<&str> = done.specs.iter().map(|s| s.source.file.as_str()).collect();
    assert_eq!(
        files,
        [
            "in/1.tar.zst!x/a.json",
            "in/2.tgz!package/b.json",
            "in/3.whl!c/c.txt",
            "in/4/deep/d.yaml",
            "in/5.json",
        ]
    );
    assert_eq!(done.report.files.read, 7);
    assert_eq!(done.skipped("not_a_spec"), 2);
}

#[test]
fn long_names_and_odd_ones() {
    let long = format!("{}/a.json", "folder-with-a-long-name".repeat(8));
    let (a, b) = (one("aa"), one("bb"));
    let mut pax = tar::Builder::new(Vec::new());
    pax.append_pax_extensions([("path", b"pax/../b\x07.json".as_slice())])
        .unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(b.len() as u64);
    header.set_path("short.json").unwrap();
    header.set_cksum();
    pax.append(&header, b.as_bytes()).unwrap();
    let bench = Bench::new(&[
        ("1.tar.zst", &zstd(&tar(&[(&long, a.as_bytes())]))),
        ("2.tar.gz", &gzip(&pax.into_inner().unwrap())),
    ]);
    let done = bench.run(&Options::default());
    let files: Vec<&str> = done.specs.iter().map(|s| s.source.file.as_str()).collect();
    assert_eq!(
        files,
        [
            format!("in/1.tar.zst!{long}").as_str(),
            "in/2.tar.gz!pax/b_.json"
        ]
    );
}

#[test]
fn truncated_archives_keep_what_came_before() {
    // Incompressible filler, so that the cut falls into the second entry.
    let mut filler = String::from("{\"openapi\": \"3.0.0\", \"x\": \"");
    let mut state = 1u64;
    for _ in 0..200_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        filler.push(char::from(b'a' + (state >> 60) as u8));
    }
    filler.push_str("\"}");
    let a = one("aa");
    let files: &[(&str, &[u8])] = &[("a.json", a.as_bytes()), ("b.json", filler.as_bytes())];
    for (name, bytes) in [
        ("cut.tar.zst", zstd(&tar(files))),
        ("cut.tgz", gzip(&tar(files))),
        ("cut.zip", zip(files)),
    ] {
        let half = &bytes[..bytes.len() / 2];
        let bench = Bench::new(&[(name, half)]);
        let options = Options::default();
        if name == "cut.tar.zst" {
            // One block of zstd may hold both entries: then nothing comes out, and that is said.
            match bench.ingest(&options) {
                Ok(_) => {}
                Err(IngestError::NoSpec { .. }) => continue,
                Err(other) => panic!("{other}"),
            }
        }
        let done = bench.run(&options);
        assert_eq!(done.ids(), ["aa.dev/work#list_aa"], "{name}");
        assert_eq!(done.skipped("truncated"), 1, "{name}");
        let messages = done.messages().join("\n");
        assert!(
            messages.contains("truncated: fetch it again"),
            "{name}: {messages}"
        );
    }
}

#[test]
fn a_cut_between_entries_is_noticed() {
    let a = one("aa");
    let packed = tar(&[("a.json", a.as_bytes()), ("b.json", a.as_bytes())]);
    // Whole blocks: header and content of the first entry, then half a header.
    let bytes = &packed[..512 + a.len().div_ceil(512) * 512 + 256];
    let bench = Bench::new(&[("cut.tgz", &gzip(bytes))]);
    let done = bench.run(&Options::default());
    assert_eq!(done.specs.len(), 1);
    assert!(
        done.messages()[0].contains("read up to entry 1"),
        "{:?}",
        done.messages()
    );
}

#[test]
fn rubbish_behind_a_magic_number() {
    let a = one("aa");
    let bench = Bench::new(&[
        ("a.json", a.as_bytes()),
        ("b.zip", b"PK\x03\x04 and nothing more"),
        ("c.gz", &[0x1f, 0x8b, 8, 0, 1, 2, 3]),
        ("d.zst", &[0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff, 0xff]),
        (
            "e.json",
            &[0xff, 0xfe, b'"', b'o', b'p', b'e', b'n', b'a', b'p', b'i'],
        ),
        ("f.json", b""),
    ]);
    let done = bench.run(&Options::default());
    assert_eq!(done.specs.len(), 1);
    assert_eq!(done.messages().len(), 5, "{:#?}", done.messages());
}

#[test]
fn archives_in_archives_are_not_entered() {
    let a = one("aa");
    let inner = zip(&[("a.json", a.as_bytes())]);
    let bench = Bench::new(&[(
        "outer.tgz",
        &gzip(&tar(&[("inner.zip", &inner), ("b.json", a.as_bytes())])),
    )]);
    let done = bench.run(&Options::default());
    assert_eq!((done.specs.len(), done.skipped("nested_archive")), (1, 1));
}

#[test]
fn large_entries_are_passed_over() {
    let a = one("aa");
    let big = format!(
        "{{\"openapi\": \"3.0.0\", \"x\": \"{}\"}}",
        "y".repeat(20_000)
    );
    let files: &[(&str, &[u8])] = &[("a.json", a.as_bytes()), ("big.json", big.as_bytes())];
    let options = limited(Limits {
        file_bytes: 10_000,
        ..Limits::default()
    });
    for (name, bytes) in [
        ("x.tar.zst", zstd(&tar(files))),
        ("x.zip", zip(files)),
        ("big.json.gz", gzip(big.as_bytes())),
        ("big.json", big.as_bytes().to_vec()),
    ] {
        let bench = Bench::new(&[(name, &bytes), ("z.json", a.as_bytes())]);
        let done = bench.run(&options);
        assert_eq!(done.skipped("too_large"), 1, "{name}");
        assert_eq!(done.specs.len(), 1, "{name}");
    }
}

#[test]
fn a_huge_file_is_not_loaded() {
    let a = one("aa");
    let bench = Bench::new(&[
        ("a.json", a.as_bytes()),
        ("bomb.json", b"{\"openapi\": \"3.0.0"),
    ]);
    // Two hundred megabytes, of which the disk holds a few.
    let bomb = std::fs::OpenOptions::new()
        .write(true)
        .open(bench.input().join("bomb.json"))
        .unwrap();
    bomb.set_len(200 << 20).unwrap();
    let done = bench.run(&Options::default());
    assert_eq!(done.skipped("too_large"), 1);
    assert!(done.messages()[0].contains("larger than 64 MiB"));
}

#[test]
fn an_archive_that_unpacks_without_end_is_cut() {
    let a = one("aa");
    let zeros = vec![b' '; 100_000];
    let files: &[(&str, &[u8])] = &[
        ("a.json", a.as_bytes()),
        ("b", &zeros),
        ("c", &zeros),
        ("d", &zeros),
    ];
    let options = limited(Limits {
        archive_bytes: 150_000,
        ..Limits::default()
    });
    for (name, bytes) in [
        ("x.tar.zst", zstd(&tar(files))),
        ("x.tgz", gzip(&tar(files))),
        ("x.zip", zip(files)),
    ] {
        let done = Bench::new(&[(name, &bytes)]).run(&options);
        assert_eq!(done.specs.len(), 1, "{name}");
        let messages = done.messages().join("\n");
        assert!(
            messages.contains("more than 150000 bytes"),
            "{name}: {messages}"
        );
    }
}

#[test]
fn too_many_entries_are_cut() {
    let names: Vec<String> = (0..30).map(|i| format!("n{i:02}")).collect();
    let specs: Vec<String> = names.iter().map(|name| one(name)).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .zip(&specs)
        .map(|(name, spec)| (name.as_str(), spec.as_bytes()))
        .collect();
    let options = limited(Limits {
        entries: 10,
        ..Limits::default()
    });
    for (name, bytes) in [("x.tgz", gzip(&tar(&files))), ("x.zip", zip(&files))] {
        let done = Bench::new(&[(name, &bytes)]).run(&options);
        assert_eq!(done.specs.len(), 10, "{name}");
        assert!(done.messages()[0].contains("more than 10 entries"));
    }
    let done = Bench::new(&files).run(&options);
    assert_eq!(done.specs.len(), 10);
    assert!(done.messages()[0].contains("more than 10 files"));
}

#[test]
fn an_extension_header_cannot_ask_for_memory() {
    let a = one("aa");
    // A long name that claims to have a gigabyte, in an archive that ends before.
    let mut header = tar::Header::new_gnu();
    header.set_path("././@LongLink").unwrap();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(1 << 30);
    header.set_cksum();
    let mut bytes = tar(&[("a.json", a.as_bytes())]);
    bytes.truncate(bytes.len() - 1024);
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(&[b'x'; 4096]);
    let done = Bench::new(&[("x.tgz", &gzip(&bytes))]).run(&Options::default());
    assert_eq!(done.specs.len(), 1);
}
