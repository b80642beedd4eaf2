//! Columns in memory, and a table of them.

use std::path::PathBuf;

use crate::TableError;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text in every row.
    Text,
    /// Text, or nothing.
    OptionalText,
    /// 64-bit signed integers.
    Int,
    /// 32-bit floating-point numbers.
    Float,
    /// 64-bit floating-point numbers.
    Double,
    /// Truth values.
    Bool,
}

impl Kind {
    /// The kind in words, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::OptionalText => "optional text",
            Self::Int => "integer",
            Self::Float => "32-bit number",
            Self::Double => "64-bit number",
            Self::Bool => "truth value",
        }
    }
}

/// The cells of one column, one per row.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Text in every row.
    Text(Vec<String>),
    /// Text, or nothing.
    OptionalText(Vec<Option<String>>),
    /// 64-bit signed integers.
    Int(Vec<i64>),
    /// 32-bit floating-point numbers.
    Float(Vec<f32>),
    /// 64-bit floating-point numbers.
    Double(Vec<f64>),
    /// Truth values.
    Bool(Vec<bool>),
}

impl Column {
    /// A column without rows.
    pub fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Vec::new()),
            Kind::OptionalText => Self::OptionalText(Vec::new()),
            Kind::Int => Self::Int(Vec::new()),
            Kind::Float => Self::Float(Vec::new()),
            Kind::Double => Self::Double(Vec::new()),
            Kind::Bool => Self::Bool(Vec::new()),
        }
    }

    /// What the column holds.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::OptionalText(_) => Kind::OptionalText,
            Self::Int(_) => Kind::Int,
            Self::Float(_) => Kind::Float,
            Self::Double(_) => Kind::Double,
            Self::Bool(_) => Kind::Bool,
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(cells) => cells.len(),
            Self::OptionalText(cells) => cells.len(),
            Self::Int(cells) => cells.len(),
            Self::Float(cells) => cells.len(),
            Self::Double(cells) => cells.len(),
            Self::Bool(cells) => cells.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves the rows of `other`, which must be of the same kind, behind those of `self`.
    pub(crate) fn append(&mut self, other: Self) -> bool {
        match (self, other) {
            (Self::Text(all), Self::Text(more)) => all.extend(more),
            (Self::OptionalText(all), Self::OptionalText(more)) => all.extend(more),
            (Self::Int(all), Self::Int(more)) => all.extend(more),
            (Self::Float(all), Self::Float(more)) => all.extend(more),
            (Self::Double(all), Self::Double(more)) => all.extend(more),
            (Self::Bool(all), Self::Bool(more)) => all.extend(more),
            _ => return false,
        }
        true
    }
}

/// A Rust type that is the cell of one kind of column: `String`, `Option<String>`, `i64`, `f32`, `f64`
/// or `bool`.
pub trait Cell: Sized + sealed::Sealed {
    /// The kind of column that holds such cells.
    const KIND: Kind;
    /// The cells, if the column is of this kind.
    fn cells(column: &Column) -> Option<&[Self]>;
    /// The cells by value, if the column is of this kind.
    fn into_cells(column: Column) -> Option<Vec<Self>>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! cell {
    ($cell:ty, $kind:ident) => {
        impl sealed::Sealed for $cell {}
        impl Cell for $cell {
            const KIND: Kind = Kind::$kind;
            fn cells(column: &Column) -> Option<&[Self]> {
                match column {
                    Column::$kind(cells) => Some(cells),
                    _ => None,
                }
            }
            fn into_cells(column: Column) -> Option<Vec<Self>> {
                match column {
                    Column::$kind(cells) => Some(cells),
                    _ => None,
                }
            }
        }
    };
}

cell!(String, Text);
cell!(Option<String>, OptionalText);
cell!(i64, Int);
cell!(f32, Float);
cell!(f64, Double);
cell!(bool, Bool);

/// Rows read from a file: some or all of its columns, of one row group or of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    path: PathBuf,
    rows: usize,
    columns: Vec<(String, Column)>,
}

impl Table {
    pub(crate) fn new(path: PathBuf, rows: usize, columns: Vec<(String, Column)>) -> Self {
        Self {
            path,
            rows,
            columns,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns with their names, in the order in which they were asked for.
    pub fn columns(&self) -> &[(String, Column)] {
        &self.columns
    }

    /// The cells of one column.
    pub fn get<T: Cell>(&self, name: &str) -> Result<&[T], TableError> {
        self.columns
            .iter()
            .find(|(column, _)| column == name)
            .and_then(|(_, column)| T::cells(column))
            .ok_or_else(|| self.missing(name, T::KIND))
    }

    /// Moves the cells of one column out of the table.
    pub fn take<T: Cell>(&mut self, name: &str) -> Result<Vec<T>, TableError> {
        let missing = self.missing(name, T::KIND);
        let place = self
            .columns
            .iter()
            .position(|(column, cells)| column == name && cells.kind() == T::KIND);
        place
            .and_then(|place| T::into_cells(self.columns.swap_remove(place).1))
            .ok_or(missing)
    }

    fn missing(&self, name: &str, wanted: Kind) -> TableError {
        TableError::MissingColumn {
            path: self.path.clone(),
            column: name.to_owned(),
            wanted: wanted.name(),
            found: describe(
                self.columns
                    .iter()
                    .map(|(name, column)| (name.as_str(), column.kind())),
            ),
        }
    }
}

/// Names and kinds of columns as one line, for messages.
pub(crate) fn describe<'a>(columns: impl Iterator<Item = (&'a str, Kind)>) -> String {
    let parts: Vec<String> = columns
        .map(|(name, kind)| format!("`{name}` ({})", kind.name()))
        .collect();
    if parts.is_empty() {
        "no columns".to_owned()
    } else {
        parts.join(", ")
    }
}
