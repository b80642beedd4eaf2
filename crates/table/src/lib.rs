//! Flat tables as Parquet files, written whole or not at all.
//!
//! A table has named columns of five plain kinds. It is written row group by row group, so that memory
//! holds one group at a time, and appears under its name only when it is complete. The bytes depend on
//! nothing but the content and the grouping.
//!
//! ```
//! use practicum_table::{Column, Kind, TableWriter, read, read_columns};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("cities.parquet");
//!
//! let mut writer = TableWriter::create(&path, &[("name", Kind::Text), ("people", Kind::Int)])?;
//! writer.write(vec![
//!     Column::Text(vec!["Oslo".into(), "Bergen".into()]),
//!     Column::Int(vec![709_000, 289_000]),
//! ])?;
//! writer.finish()?;
//!
//! let table = read(&path)?;
//! assert_eq!(table.rows(), 2);
//! assert_eq!(table.get::<String>("name")?, ["Oslo", "Bergen"]);
//!
//! // Columns that are not asked for are not read from the disk.
//! let people = read_columns(&path, &["people"])?.take::<i64>("people")?;
//! assert_eq!(people, [709_000, 289_000]);
//! # Ok(())
//! # }
//! ```
//!
//! This is the only crate that sees the `parquet` crate, of which it uses the column interface without
//! Arrow. Text columns carry Parquet's string type, so that pyarrow, pandas and `datasets` open them as
//! strings.

mod atomic_file;
mod column;
mod error;
mod reader;
mod writer;

pub use atomic_file::AtomicFile;
pub use column::{Cell, Column, Kind, Table};
pub use error::TableError;
pub use reader::{TableReader, read, read_columns};
pub use writer::TableWriter;
