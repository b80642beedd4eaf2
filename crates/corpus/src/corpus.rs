//! A corpus on disk, as the later stages read it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use practicum_table::{Table, TableReader};

use crate::row::{COLUMNS, Row, TABLE, rows};
use crate::{CorpusError, ToolSpec};

/// A folder that [`ingest`](crate::ingest) wrote.
///
/// Nothing is held in memory: tool specs are read from the disk some thousands at a time, and columns
/// that nobody asks for are not read at all.
pub struct Corpus {
    path: PathBuf,
    table: TableReader,
}

/// A column of `tools.parquet`. Schemas are JSON in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolColumn {
    /// [`ToolSpec::id`], a `String`.
    Id,
    /// [`ToolSpec::name`], a `String`.
    Name,
    /// [`ToolSpec::description`], a `String`.
    Description,
    /// [`Source::provider`](crate::Source::provider), a `String`.
    Provider,
    /// [`Source::api`](crate::Source::api), a `String`.
    Api,
    /// [`Source::categories`](crate::Source::categories), a `String` with a JSON list.
    Categories,
    /// [`HttpShape::method`](crate::HttpShape::method), an `Option<String>`.
    Method,
    /// [`HttpShape::path`](crate::HttpShape::path), an `Option<String>`.
    Path,
    /// [`ToolSpec::input`], a `String` with a JSON Schema.
    Input,
    /// [`ToolSpec::output`], an `Option<String>` with a JSON Schema.
    Output,
}

impl ToolColumn {
    /// The column's name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Description => "description",
            Self::Provider => "provider",
            Self::Api => "api",
            Self::Categories => "categories",
            Self::Method => "method",
            Self::Path => "path",
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

impl Corpus {
    /// Opens the corpus in `folder`.
    pub fn open(folder: &Path) -> Result<Self, CorpusError> {
        let path = folder.join(TABLE);
        if !path.is_file() {
            return Err(CorpusError::NotACorpus {
                folder: folder.to_owned(),
            });
        }
        let table = TableReader::open(&path)?;
        Ok(Self { path, table })
    }

    /// Number of tool specs.
    pub fn len(&self) -> usize {
        self.table.rows()
    }

    /// Whether there is no tool spec.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All tool specs, in the corpus's order.
    pub fn specs(&self) -> impl Iterator<Item = Result<ToolSpec, CorpusError>> + '_ {
        (0..self.table.groups())
            .flat_map(|group| match self.rows(group) {
                Ok(rows) => rows.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            })
            // One at a time: a schema takes ten times more memory as a value than as text.
            .map(|row| row.and_then(|row| self.spec(row)))
    }

    /// Some columns of all tool specs, in the corpus's order, a few thousand rows at a time.
    pub fn batches<'a>(
        &'a self,
        columns: &'a [ToolColumn],
    ) -> impl Iterator<Item = Result<Table, CorpusError>> + 'a {
        (0..self.table.groups()).map(move |group| {
            let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
            Ok(self.table.group(group, &names)?)
        })
    }

    /// One column of all tool specs that has text in every row.
    pub fn column(&self, column: ToolColumn) -> Result<Vec<String>, CorpusError> {
        let mut all = Vec::with_capacity(self.len());
        for batch in self.batches(&[column]) {
            all.extend(batch?.take::<String>(column.name())?);
        }
        Ok(all)
    }

    /// The tool specs with these ids, in the corpus's order; ids that are not there are passed over.
    pub fn fetch(&self, ids: &BTreeSet<String>) -> Result<Vec<ToolSpec>, CorpusError> {
        let mut found = Vec::new();
        for group in 0..self.table.groups() {
            if found.len() >= ids.len() {
                break;
            }
            let here = self.table.group(group, &[ToolColumn::Id.name()])?;
            let here = here.get::<String>(ToolColumn::Id.name())?;
            if !here.iter().any(|id| ids.contains(id)) {
                continue;
            }
            for row in self.rows(group)? {
                if ids.contains(&row.id) {
                    found.push(self.spec(row)?);
                }
            }
        }
        Ok(found)
    }

    fn rows(&self, group: usize) -> Result<Vec<Row>, CorpusError> {
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        Ok(rows(self.table.group(group, &names)?)?)
    }

    fn spec(&self, row: Row) -> Result<ToolSpec, CorpusError> {
        let id = row.id.clone();
        row.spec().map_err(|detail| CorpusError::Damaged {
            path: self.path.clone(),
            id,
            detail,
        })
    }
}
