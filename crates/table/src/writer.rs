//! Writing a table, row group by row group.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use crate::{AtomicFile, Column, Kind, TableError};

/// zstd level 3 is its default: at level 9 tables of JSON text shrink by another tenth for four times
/// the time.
const ZSTD_LEVEL: i32 = 3;

/// Named in every file's footer. Without a version number, so that a new release writes the same bytes.
const CREATED_BY: &str = "practicum";

/// Writes one table.
///
/// Nothing appears under the table's name before [`TableWriter::finish`]; dropped earlier, the writer
/// leaves the old file as it was.
pub struct TableWriter {
    path: PathBuf,
    columns: Vec<(String, Kind)>,
    rows: usize,
    file: SerializedFileWriter<AtomicFile>,
}

impl TableWriter {
    /// Opens the table at `path` with these columns; the folder must exist.
    pub fn create(path: &Path, columns: &[(&str, Kind)]) -> Result<Self, TableError> {
        let fail = |error| TableError::encode(path, error);
        let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(fail)?;
        let properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(Compression::ZSTD(level))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .build();
        let schema = schema(columns).map_err(fail)?;
        let file = AtomicFile::create(path)?;
        let file = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
            .map_err(fail)?;
        Ok(Self {
            path: path.to_owned(),
            columns: columns
                .iter()
                .map(|(name, kind)| ((*name).to_owned(), *kind))
                .collect(),
            rows: 0,
            file,
        })
    }

    /// Writes one row group: the columns in the order given to [`TableWriter::create`], equally long.
    ///
    /// A group should hold some megabytes: readers hold one in memory at a time.
    pub fn write(&mut self, columns: Vec<Column>) -> Result<(), TableError> {
        let rows = self.check(&columns)?;
        if rows == 0 {
            return Ok(());
        }
        let path = self.path.clone();
        let fail = |error| TableError::encode(&path, error);
        let mut group = self.file.next_row_group().map_err(fail)?;
        for column in columns {
            let mut writer =
                group
                    .next_column()
                    .map_err(fail)?
                    .ok_or_else(|| TableError::Shape {
                        path: path.clone(),
                        detail: "the encoder has fewer columns than the table".to_owned(),
                    })?;
            write_column(&mut writer, column).map_err(fail)?;
            writer.close().map_err(fail)?;
        }
        group.close().map_err(fail)?;
        self.rows += rows;
        Ok(())
    }

    /// Number of rows written so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Completes the file, makes it durable and moves it to its place.
    pub fn finish(self) -> Result<(), TableError> {
        let path = self.path;
        self.file
            .into_inner()
            .map_err(|error| TableError::encode(&path, error))?
            .commit()
    }

    fn check(&self, columns: &[Column]) -> Result<usize, TableError> {
        let shape = |detail| TableError::Shape {
            path: self.path.clone(),
            detail,
        };
        if columns.len() != self.columns.len() {
            return Err(shape(format!(
                "{} columns given, {} wanted",
                columns.len(),
                self.columns.len()
            )));
        }
        let rows = columns.first().map_or(0, Column::len);
        for (column, (name, kind)) in columns.iter().zip(&self.columns) {
            if column.kind() != *kind {
                return Err(shape(format!(
                    "`{name}` is {}, not {}",
                    kind.name(),
                    column.kind().name()
                )));
            }
            if column.len() != rows {
                return Err(shape(format!(
                    "`{name}` has {} rows, the first column {rows}",
                    column.len()
                )));
            }
        }
        Ok(rows)
    }
}

fn schema(columns: &[(&str, Kind)]) -> Result<Type, ParquetError> {
    let mut fields = Vec::with_capacity(columns.len());
    for (name, kind) in columns {
        let physical = match kind {
            Kind::Text | Kind::OptionalText => Physical::BYTE_ARRAY,
            Kind::Int => Physical::INT64,
            Kind::Float => Physical::FLOAT,
            Kind::Double => Physical::DOUBLE,
            Kind::Bool => Physical::BOOLEAN,
        };
        let logical = match kind {
            Kind::Text | Kind::OptionalText => Some(LogicalType::String),
            _ => None,
        };
        let repetition = match kind {
            Kind::OptionalText => Repetition::OPTIONAL,
            _ => Repetition::REQUIRED,
        };
        let field = Type::primitive_type_builder(name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build()?;
        fields.push(Arc::new(field));
    }
    Type::group_type_builder("table")
        .with_fields(fields)
        .build()
}

fn write_column(
    writer: &mut SerializedColumnWriter<'_>,
    column: Column,
) -> Result<(), ParquetError> {
    match column {
        Column::Text(cells) => {
            let values: Vec<ByteArray> = cells.into_iter().map(byte_array).collect();
            batch::<ByteArrayType>(writer, &values, None)
        }
        Column::OptionalText(cells) => {
            let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
            let values: Vec<ByteArray> = cells.into_iter().flatten().map(byte_array).collect();
            batch::<ByteArrayType>(writer, &values, Some(&levels))
        }
        Column::Int(cells) => batch::<Int64Type>(writer, &cells, None),
        Column::Float(cells) => batch::<FloatType>(writer, &cells, None),
        Column::Double(cells) => batch::<DoubleType>(writer, &cells, None),
        Column::Bool(cells) => batch::<BoolType>(writer, &cells, None),
    }
}

fn byte_array(text: String) -> ByteArray {
    ByteArray::from(text.into_bytes())
}

fn batch<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    writer.typed::<T>().write_batch(values, levels, None)?;
    Ok(())
}
