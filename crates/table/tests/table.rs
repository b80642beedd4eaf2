//! Tables through the crate's front door.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write as _;
use std::path::Path;

use practicum_table::{
    AtomicFile, Column, Kind, TableError, TableReader, TableWriter, read, read_columns,
};
use proptest::collection::vec;
use proptest::prelude::*;

const COLUMNS: [(&str, Kind); 6] = [
    ("text", Kind::Text),
    ("maybe", Kind::OptionalText),
    ("int", Kind::Int),
    ("float", Kind::Float),
    ("double", Kind::Double),
    ("bool", Kind::Bool),
];

type Row = (String, Option<String>, i64, f32, f64, bool);

fn columns(rows: &[Row]) -> Vec<Column> {
    vec![
        Column::Text(rows.iter().map(|r| r.0.clone()).collect()),
        Column::OptionalText(rows.iter().map(|r| r.1.clone()).collect()),
        Column::Int(rows.iter().map(|r| r.2).collect()),
        Column::Float(rows.iter().map(|r| r.3).collect()),
        Column::Double(rows.iter().map(|r| r.4).collect()),
        Column::Bool(rows.iter().map(|r| r.5).collect()),
    ]
}

fn write(path: &Path, groups: &[Vec<Row>]) {
    let mut writer = TableWriter::create(path, &COLUMNS).unwrap();
    for group in groups {
        writer.write(columns(group)).unwrap();
    }
    writer.finish().unwrap();
}

fn row() -> impl Strategy<Value = Row> {
    (
        any::<String>(),
        any::<Option<String>>(),
        any::<i64>(),
        -1e30f32..1e30,
        -1e300f64..1e300,
        any::<bool>(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(groups in vec(vec(row(), 0..40), 0..4)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        write(&path, &groups);
        let rows: Vec<Row> = groups.concat();
        let table = read(&path).unwrap();
        prop_assert_eq!(table.rows(), rows.len());
        let cells: Vec<Column> = table.columns().iter().map(|(_, cells)| cells.clone()).collect();
        prop_assert_eq!(cells, columns(&rows));

        // The same again by row group and by column.
        let reader = TableReader::open(&path).unwrap();
        let mut maybe = Vec::new();
        for group in 0..reader.groups() {
            let mut table = reader.group(group, &["bool", "maybe"]).unwrap();
            maybe.extend(table.take::<Option<String>>("maybe").unwrap());
        }
        prop_assert_eq!(maybe, rows.iter().map(|r| r.1.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn damaged_files_are_errors(cut in 0usize..2000, flip in any::<u8>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        write(&path, &[vec![("a".into(), None, 1, 2.0, 3.0, true); 9]]);
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(cut % bytes.len());
        fs::write(&path, &bytes).unwrap();
        let damaged = matches!(read(&path), Err(TableError::NotATable { .. }));
        prop_assert!(damaged);

        write(&path, &[vec![("a".into(), None, 1, 2.0, 3.0, true); 9]]);
        let mut bytes = fs::read(&path).unwrap();
        // Pages only: what hostile footers do is the parquet crate's business, and no stranger's table
        // is ever opened here.
        let end = bytes.len() - 8;
        let footer = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
        let place = 4 + cut % (end - footer - 4);
        bytes[place] ^= flip;
        fs::write(&path, &bytes).unwrap();
        let _ = read(&path);
    }
}

#[test]
fn large_columns_span_pages() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let texts: Vec<String> = (0..20_000)
        .map(|i| format!("{i}:{}", "x".repeat(i % 200)))
        .collect();
    let mut writer = TableWriter::create(&path, &[("text", Kind::Text)]).unwrap();
    writer.write(vec![Column::Text(texts.clone())]).unwrap();
    assert_eq!(writer.rows(), 20_000);
    writer.finish().unwrap();
    assert_eq!(read(&path).unwrap().take::<String>("text").unwrap(), texts);
}

#[test]
fn same_content_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..500)
        .map(|i| (format!("row {i}"), None, i, 0.5, -1.0, i % 2 == 0))
        .collect();
    let bytes = |name: &str| {
        let path = folder.path().join(name);
        write(&path, &[rows.clone(), rows.clone()]);
        fs::read(path).unwrap()
    };
    assert_eq!(bytes("a.parquet"), bytes("b.parquet"));
}

#[test]
fn an_unfinished_table_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    write(&path, &[vec![("old".into(), None, 0, 0.0, 0.0, false)]]);
    let before = fs::read(&path).unwrap();

    let mut writer = TableWriter::create(&path, &COLUMNS).unwrap();
    writer
        .write(columns(&[("new".into(), None, 0, 0.0, 0.0, false)]))
        .unwrap();
    assert!(matches!(
        TableWriter::create(&path, &COLUMNS),
        Err(TableError::Busy { .. })
    ));
    drop(writer);

    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    // What a killed run left behind does not disturb the next one.
    fs::write(folder.path().join("t.parquet.tmp"), "rubbish".repeat(1000)).unwrap();
    write(&path, &[vec![("new".into(), None, 0, 0.0, 0.0, false)]]);
    assert_eq!(read(&path).unwrap().get::<String>("text").unwrap(), ["new"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_atomic_file_holds_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"{").unwrap();
    file.append(b"}").unwrap();
    assert!(!path.exists());
    assert_eq!(file.target(), path);
    file.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"{}");
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    write(&path, &[vec![("a".into(), None, 1, 2.0, 3.0, true)]]);
    let clean = |error: TableError| {
        error
            .to_string()
            .replace(folder.path().to_str().unwrap(), "FOLDER")
    };

    let error = read_columns(&path, &["text", "sum"]).unwrap_err();
    assert_eq!(
        clean(error),
        "FOLDER/t.parquet has no such column `sum`; it has `text` (text), `maybe` (optional text), \
         `int` (integer), `float` (32-bit number), `double` (64-bit number), `bool` (truth value). It \
         was probably written by another version of this program: run the stage that makes it again"
    );
    let error = read_columns(&path, &["int"]).unwrap().take::<String>("int");
    assert_eq!(
        clean(error.unwrap_err()),
        "FOLDER/t.parquet has no text column `int`; it has `int` (integer). It was probably written by \
         another version of this program: run the stage that makes it again"
    );

    let mut writer = TableWriter::create(&path, &[("n", Kind::Int), ("b", Kind::Bool)]).unwrap();
    let shape = |error: Result<(), TableError>| clean(error.unwrap_err());
    assert_eq!(
        shape(writer.write(vec![Column::Int(vec![1])])),
        "columns do not fit the table FOLDER/t.parquet: 1 columns given, 2 wanted"
    );
    assert_eq!(
        shape(writer.write(vec![Column::Int(vec![1]), Column::Int(vec![1])])),
        "columns do not fit the table FOLDER/t.parquet: `b` is truth value, not integer"
    );
    assert_eq!(
        shape(writer.write(vec![Column::Int(vec![1]), Column::Bool(vec![])])),
        "columns do not fit the table FOLDER/t.parquet: `b` has 0 rows, the first column 1"
    );

    let error = TableWriter::create(&folder.path().join("no/t.parquet"), &COLUMNS).err();
    assert!(matches!(error, Some(TableError::Write { .. })));
    let error = read(&folder.path().join("absent.parquet")).unwrap_err();
    assert!(matches!(error, TableError::Read { .. }));
    fs::write(&path, "hello").unwrap();
    let error = clean(read(&path).unwrap_err());
    assert!(
        error.starts_with("FOLDER/t.parquet is not a table that can be read here ("),
        "{error}"
    );
}

#[test]
fn a_full_disk_is_told_apart() {
    // The device that is always full, where the system has one.
    let full = Path::new("/dev/full");
    if !full.exists() {
        println!("skipped: no /dev/full here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    std::os::unix::fs::symlink(full, folder.path().join("t.parquet.tmp")).unwrap();
    let mut writer = TableWriter::create(&path, &COLUMNS).unwrap();
    let many = vec![("abc".to_owned(), None, 7, 1.0, 1.0, true); 5000];
    let error = writer
        .write(columns(&many))
        .and_then(|()| writer.finish())
        .unwrap_err();
    assert!(matches!(error, TableError::DiskFull { .. }), "{error}");
}
