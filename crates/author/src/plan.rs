//! The plan of a world: tables with keys and references, tools with their class.

use serde_json::Value;

use crate::classify::Class;
use crate::entity::Kind;

/// A world before it is written down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) tables: Vec<TablePlan>,
    pub(crate) tools: Vec<ToolPlan>,
}

/// One table.
#[derive(Debug, Clone)]
pub(crate) struct TablePlan {
    /// Plural, in snake case.
    pub(crate) name: String,
    /// Singular, in snake case.
    pub(crate) noun: String,
    pub(crate) columns: Vec<ColumnPlan>,
    /// Positions of the key's columns.
    pub(crate) key: Vec<usize>,
    /// The engine assigns the key on insertion.
    pub(crate) minted: bool,
    /// The table under whose path its rows stand; they go with their owner.
    pub(crate) owner: Option<usize>,
}

impl TablePlan {
    /// The position of a column by its name in the API or in the table.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.field == name)
            .or_else(|| {
                self.columns
                    .iter()
                    .position(|column| crate::words::same(&column.field, name))
            })
    }

    /// The column that holds its status, and the values that it can have.
    pub(crate) fn status(&self) -> Option<(usize, Vec<String>)> {
        self.columns.iter().enumerate().find_map(|(at, column)| {
            let words = crate::words::words(&column.name);
            let last = words.last()?;
            if !["status", "state", "phase", "stage"].contains(&last.as_str()) {
                return None;
            }
            Some((at, column.choices()?))
        })
    }
}

/// One column.
#[derive(Debug, Clone)]
pub(crate) struct ColumnPlan {
    /// In snake case, unique in the table.
    pub(crate) name: String,
    /// The field's name in the API.
    pub(crate) field: String,
    /// The object that holds the field, when it is nested: `address` of `address.city`.
    pub(crate) group: Option<String>,
    pub(crate) kind: Kind,
    /// The field's schema, cleaned.
    pub(crate) schema: Value,
    pub(crate) required: bool,
    /// The table whose key it holds.
    pub(crate) references: Option<usize>,
    /// Not shown by any tool: it stands in paths only.
    pub(crate) hidden: bool,
}

impl ColumnPlan {
    /// The texts of an enumeration.
    pub(crate) fn choices(&self) -> Option<Vec<String>> {
        let choices = self.schema.get("enum")?.as_array()?;
        let texts: Vec<String> = choices
            .iter()
            .filter_map(|choice| choice.as_str().map(str::to_string))
            .collect();
        (!texts.is_empty()).then_some(texts)
    }
}

/// One tool.
#[derive(Debug, Clone)]
pub(crate) struct ToolPlan {
    /// Position of its operation.
    pub(crate) operation: usize,
    pub(crate) class: Class,
    pub(crate) table: usize,
    /// Arguments that stand for columns of the table: name, column.
    pub(crate) keys: Vec<(String, usize)>,
    /// The row is found through a link table.
    pub(crate) via: Option<Via>,
}

/// A list through a link table: the members of a class.
#[derive(Debug, Clone)]
pub(crate) struct Via {
    /// The argument that picks the other end.
    pub(crate) argument: String,
    /// The link table.
    pub(crate) link: usize,
    /// Its column that the argument stands for.
    pub(crate) argument_column: usize,
    /// Its column that refers to the listed table.
    pub(crate) own_column: usize,
}
