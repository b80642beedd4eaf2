//! Tool specs as rows of `tools.parquet`.

use practicum_table::{Column, Kind, Table, TableError};
use serde_json::Value;

use crate::{Format, HttpShape, OutputOrigin, Source, ToolSpec};

/// Name of the table in a corpus's folder.
pub(crate) const TABLE: &str = "tools.parquet";

/// Rows of one row group at most, and the bytes at which it ends earlier.
const GROUP_ROWS: usize = 4096;
const GROUP_BYTES: usize = 16 << 20;

/// The columns of the table, in order.
pub(crate) const COLUMNS: [(&str, Kind); 19] = [
    ("id", Kind::Text),
    ("name", Kind::Text),
    ("description", Kind::Text),
    ("provider", Kind::Text),
    ("api", Kind::Text),
    ("version", Kind::Text),
    ("format", Kind::Text),
    ("method", Kind::OptionalText),
    ("path", Kind::OptionalText),
    ("places", Kind::OptionalText),
    ("input", Kind::Text),
    ("output", Kind::OptionalText),
    ("output_origin", Kind::Text),
    ("file", Kind::Text),
    ("pointer", Kind::Text),
    ("licence", Kind::OptionalText),
    ("categories", Kind::Text),
    ("benchmark", Kind::Bool),
    ("parameters", Kind::Int),
];

/// One tool spec with its schemas as text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) provider: String,
    pub(crate) api: String,
    pub(crate) version: String,
    pub(crate) format: String,
    pub(crate) method: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) places: Option<String>,
    pub(crate) input: String,
    pub(crate) output: Option<String>,
    pub(crate) output_origin: String,
    pub(crate) file: String,
    pub(crate) pointer: String,
    pub(crate) licence: Option<String>,
    pub(crate) categories: String,
    pub(crate) benchmark: bool,
    /// Number of arguments: derived from `input`, so that nobody need parse that to count.
    pub(crate) parameters: i64,
}

impl Row {
    pub(crate) fn of(spec: ToolSpec) -> Self {
        let parameters = i64::try_from(spec.parameter_count()).unwrap_or(i64::MAX);
        let (method, path, places) = match spec.http {
            Some(http) => (
                Some(http.method),
                Some(http.path),
                Some(json_text(&http.places)),
            ),
            None => (None, None, None),
        };
        Self {
            id: spec.id,
            name: spec.name,
            description: spec.description,
            provider: spec.source.provider,
            api: spec.source.api,
            version: spec.source.version,
            format: spec.source.format.name().to_owned(),
            method,
            path,
            places,
            input: json_text(&spec.input),
            output: spec.output.as_ref().map(json_text),
            output_origin: spec.output_origin.name().to_owned(),
            file: spec.source.file,
            pointer: spec.source.pointer,
            licence: spec.source.licence,
            categories: json_text(&spec.source.categories),
            benchmark: spec.source.benchmark,
            parameters,
        }
    }

    /// The tool spec again; an error says what is wrong with the row.
    pub(crate) fn spec(self) -> Result<ToolSpec, String> {
        fn parse<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, String> {
            serde_json::from_str(text).map_err(|error| format!("its {what}: {error}"))
        }
        let http = match (self.method, self.path, self.places) {
            (Some(method), Some(path), Some(places)) => Some(HttpShape {
                method,
                path,
                places: parse(&places, "places")?,
            }),
            _ => None,
        };
        let input: Value = parse(&self.input, "input")?;
        let output = match self.output {
            Some(output) => Some(parse(&output, "output")?),
            None => None,
        };
        let format = Format::ALL
            .into_iter()
            .find(|format| format.name() == self.format);
        let origin = OutputOrigin::ALL
            .into_iter()
            .find(|origin| origin.name() == self.output_origin);
        Ok(ToolSpec {
            id: self.id,
            name: self.name,
            description: self.description,
            input,
            output,
            output_origin: origin.ok_or("its output_origin is unknown")?,
            http,
            source: Source {
                format: format.ok_or("its format is unknown")?,
                provider: self.provider,
                api: self.api,
                version: self.version,
                file: self.file,
                pointer: self.pointer,
                licence: self.licence,
                categories: parse(&self.categories, "categories")?,
                benchmark: self.benchmark,
            },
        })
    }

    fn bytes(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.input.len()
            + self.description.len()
            + self.file.len()
            + self.pointer.len()
            + optional(&self.output)
            + optional(&self.places)
            + 200
    }
}

fn json_text<T: serde::Serialize>(value: &T) -> String {
    // Maps with string keys and no foreign types: this cannot fail.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    // A large file has many thousands of rows, which wait together.
    text.shrink_to_fit();
    text
}

/// Rows that wait to be written as one row group.
#[derive(Debug, Default)]
pub(crate) struct Group {
    rows: Vec<Row>,
    bytes: usize,
}

impl Group {
    pub(crate) fn push(&mut self, row: Row) {
        self.bytes += row.bytes();
        self.rows.push(row);
    }

    /// Whether it is time to write.
    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= GROUP_ROWS || self.bytes >= GROUP_BYTES
    }

    /// The rows as columns, in the order of [`COLUMNS`]; the group is empty afterwards.
    pub(crate) fn take(&mut self) -> Vec<Column> {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        let mut text: [Vec<String>; 12] = std::array::from_fn(|_| Vec::with_capacity(rows.len()));
        let mut optional: [Vec<Option<String>>; 5] =
            std::array::from_fn(|_| Vec::with_capacity(rows.len()));
        let mut benchmark = Vec::with_capacity(rows.len());
        let mut parameters = Vec::with_capacity(rows.len());
        for row in rows {
            let texts = [
                row.id,
                row.name,
                row.description,
                row.provider,
                row.api,
                row.version,
                row.format,
                row.input,
                row.output_origin,
                row.file,
                row.pointer,
                row.categories,
            ];
            for (column, cell) in text.iter_mut().zip(texts) {
                column.push(cell);
            }
            let optionals = [row.method, row.path, row.places, row.output, row.licence];
            for (column, cell) in optional.iter_mut().zip(optionals) {
                column.push(cell);
            }
            benchmark.push(row.benchmark);
            parameters.push(row.parameters);
        }
        let [
            id,
            name,
            description,
            provider,
            api,
            version,
            format,
            input,
            output_origin,
            file,
            pointer,
            categories,
        ] = text.map(Column::Text);
        let [method, path, places, output, licence] = optional.map(Column::OptionalText);
        vec![
            id,
            name,
            description,
            provider,
            api,
            version,
            format,
            method,
            path,
            places,
            input,
            output,
            output_origin,
            file,
            pointer,
            licence,
            categories,
            Column::Bool(benchmark),
            Column::Int(parameters),
        ]
    }
}

/// All the rows of a table that has all the columns.
pub(crate) fn rows(mut table: Table) -> Result<Vec<Row>, TableError> {
    let mut rows = vec![Row::default(); table.rows()];
    macro_rules! fill {
        ($cell:ty: $($field:ident)*) => {
            $(for (row, cell) in rows.iter_mut().zip(table.take::<$cell>(stringify!($field))?) {
                row.$field = cell;
            })*
        };
    }
    fill!(String: id name description provider api version format input output_origin file pointer categories);
    fill!(Option<String>: method path places output licence);
    fill!(bool: benchmark);
    fill!(i64: parameters);
    Ok(rows)
}
