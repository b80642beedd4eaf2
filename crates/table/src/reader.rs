//! Reading a table: whole, by columns, by row groups.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use crate::column::describe;
use crate::{Column, Kind, Table, TableError};

/// Rows decoded at a time.
const BATCH: usize = 8 * 1024;

/// Reads a whole table.
pub fn read(path: &Path) -> Result<Table, TableError> {
    let reader = TableReader::open(path)?;
    let names: Vec<String> = reader
        .columns()
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    reader.all(&names)
}

/// Reads some columns of a table; the others are not touched.
pub fn read_columns(path: &Path, columns: &[&str]) -> Result<Table, TableError> {
    TableReader::open(path)?.all(columns)
}

/// An open table, from which row groups are read one at a time.
pub struct TableReader {
    path: PathBuf,
    columns: Vec<(String, Kind)>,
    file: SerializedFileReader<File>,
}

impl TableReader {
    /// Opens a table and reads its footer.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let file = File::open(path).map_err(|source| TableError::Read {
            path: path.to_owned(),
            source,
        })?;
        let file = SerializedFileReader::new(file).map_err(|e| TableError::decode(path, e))?;
        let schema = file.metadata().file_metadata().schema_descr();
        let mut columns = Vec::new();
        for column in schema.columns() {
            let kind = kind_of(column).ok_or_else(|| TableError::NotATable {
                path: path.to_owned(),
                detail: format!(
                    "its column `{}` is of a type that flat tables do not have",
                    column.path()
                ),
            })?;
            columns.push((column.name().to_owned(), kind));
        }
        Ok(Self {
            path: path.to_owned(),
            columns,
            file,
        })
    }

    /// Names and kinds of the columns, in the file's order.
    pub fn columns(&self) -> &[(String, Kind)] {
        &self.columns
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        (0..self.groups()).map(|group| self.group_rows(group)).sum()
    }

    /// Number of row groups.
    pub fn groups(&self) -> usize {
        self.file.metadata().num_row_groups()
    }

    /// Number of rows of one row group; 0 if there is no such group.
    pub fn group_rows(&self, group: usize) -> usize {
        self.file
            .metadata()
            .row_groups()
            .get(group)
            .map_or(0, |group| usize::try_from(group.num_rows()).unwrap_or(0))
    }

    /// Reads the named columns of one row group, in the order of `columns`.
    pub fn group(&self, group: usize, columns: &[&str]) -> Result<Table, TableError> {
        let mut cells = self.empty(columns)?;
        self.append(group, &mut cells)?;
        Ok(self.table(self.group_rows(group), cells))
    }

    fn all(&self, columns: &[&str]) -> Result<Table, TableError> {
        let mut cells = self.empty(columns)?;
        for group in 0..self.groups() {
            self.append(group, &mut cells)?;
        }
        Ok(self.table(self.rows(), cells))
    }

    fn table(&self, rows: usize, cells: Vec<(usize, Column)>) -> Table {
        let named = cells
            .into_iter()
            .filter_map(|(place, column)| Some((self.columns.get(place)?.0.clone(), column)))
            .collect();
        Table::new(self.path.clone(), rows, named)
    }

    /// The named columns by place in the file, without rows yet.
    fn empty(&self, columns: &[&str]) -> Result<Vec<(usize, Column)>, TableError> {
        columns
            .iter()
            .map(|wanted| {
                self.columns
                    .iter()
                    .enumerate()
                    .find(|(_, (name, _))| name == wanted)
                    .map(|(place, (_, kind))| (place, Column::empty(*kind)))
                    .ok_or_else(|| TableError::MissingColumn {
                        path: self.path.clone(),
                        column: (*wanted).to_owned(),
                        wanted: "such",
                        found: describe(
                            self.columns
                                .iter()
                                .map(|(name, kind)| (name.as_str(), *kind)),
                        ),
                    })
            })
            .collect()
    }

    fn append(&self, group: usize, cells: &mut [(usize, Column)]) -> Result<(), TableError> {
        let rows = self.group_rows(group);
        let fail = |error| TableError::decode(&self.path, error);
        let damaged = |detail: &str| TableError::NotATable {
            path: self.path.clone(),
            detail: detail.to_owned(),
        };
        let reader = self.file.get_row_group(group).map_err(fail)?;
        for (place, column) in cells {
            let kind = column.kind();
            // The parquet crate asserts what it reads: a flipped bit in a page can make it panic.
            let decoded = catch_unwind(AssertUnwindSafe(|| {
                read_column(reader.get_column_reader(*place)?, kind, rows)
            }));
            let more = decoded
                .map_err(|_| damaged("a page of it cannot be decoded"))?
                .map_err(fail)?
                .ok_or_else(|| damaged("a text is not UTF-8"))?;
            if more.len() != rows || !column.append(more) {
                return Err(damaged("its columns are not equally long"));
            }
        }
        Ok(())
    }
}

/// The kind of a Parquet column, if it is one of ours.
fn kind_of(column: &ColumnDescriptor) -> Option<Kind> {
    if column.max_rep_level() != 0 || column.path().parts().len() != 1 {
        return None;
    }
    let text = column.logical_type_ref() == Some(&LogicalType::String)
        || column.converted_type() == ConvertedType::UTF8;
    let optional = column.self_type().get_basic_info().repetition() == Repetition::OPTIONAL;
    match (column.physical_type(), text, optional) {
        (Physical::BYTE_ARRAY, true, false) => Some(Kind::Text),
        (Physical::BYTE_ARRAY, true, true) => Some(Kind::OptionalText),
        (Physical::INT64, _, false) => Some(Kind::Int),
        (Physical::FLOAT, _, false) => Some(Kind::Float),
        (Physical::DOUBLE, _, false) => Some(Kind::Double),
        (Physical::BOOLEAN, _, false) => Some(Kind::Bool),
        _ => None,
    }
}

/// Decodes one column chunk; `None` if a text is not UTF-8.
fn read_column(
    reader: ColumnReader,
    kind: Kind,
    rows: usize,
) -> Result<Option<Column>, ParquetError> {
    let wrong = || ParquetError::General("a column changed its type between row groups".to_owned());
    Ok(match (reader, kind) {
        (ColumnReader::ByteArrayColumnReader(reader), Kind::Text) => {
            let (values, _) = drain::<ByteArrayType>(reader, rows)?;
            let texts: Option<Vec<String>> = values.iter().map(text).collect();
            texts.map(Column::Text)
        }
        (ColumnReader::ByteArrayColumnReader(reader), Kind::OptionalText) => {
            let (values, levels) = drain::<ByteArrayType>(reader, rows)?;
            let mut values = values.iter();
            let mut cells = Vec::with_capacity(levels.len());
            for level in levels {
                let cell = if level == 0 { None } else { values.next() };
                match cell.map(text) {
                    None => cells.push(None),
                    Some(Some(text)) => cells.push(Some(text)),
                    Some(None) => return Ok(None),
                }
            }
            Some(Column::OptionalText(cells))
        }
        (ColumnReader::Int64ColumnReader(reader), Kind::Int) => {
            Some(Column::Int(drain(reader, rows)?.0))
        }
        (ColumnReader::FloatColumnReader(reader), Kind::Float) => {
            Some(Column::Float(drain(reader, rows)?.0))
        }
        (ColumnReader::DoubleColumnReader(reader), Kind::Double) => {
            Some(Column::Double(drain(reader, rows)?.0))
        }
        (ColumnReader::BoolColumnReader(reader), Kind::Bool) => {
            Some(Column::Bool(drain(reader, rows)?.0))
        }
        _ => return Err(wrong()),
    })
}

fn text(value: &ByteArray) -> Option<String> {
    value.as_utf8().ok().map(str::to_owned)
}

/// All values of a column chunk, and the definition levels of one that may be empty.
///
/// Reads in batches and trusts no count of the file's, so that a damaged footer cannot ask for memory.
fn drain<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
) -> Result<(Vec<T::T>, Vec<i16>), ParquetError> {
    let mut values = Vec::new();
    let mut levels = Vec::new();
    let mut done = 0;
    while done < rows {
        let (records, _, _) =
            reader.read_records(BATCH.min(rows - done), Some(&mut levels), None, &mut values)?;
        if records == 0 {
            break;
        }
        done += records;
    }
    Ok((values, levels))
}
