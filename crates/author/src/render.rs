//! Writes a plan down: `schema.sql` and the tools.

use practicum_world::Actor;
use practicum_world::format::{StepFile, ToolFile};
use serde_json::{Map, Value, json};

use crate::classify::{Class, flag_for, status_for};
use crate::entity::Kind;
use crate::operation::{Input, Operation};
use crate::plan::{ColumnPlan, Plan, TablePlan, ToolPlan};
use crate::sql_text::{ident, text};
use crate::words::{article, plural_name, same, snake, spoken, words};

/// A list returns this many rows unless asked for fewer or more.
const PAGE: i64 = 20;
const LARGEST_PAGE: i64 = 100;

/// `schema.sql`.
pub(crate) fn schema(plan: &Plan) -> String {
    let mut sql = String::new();
    for (at, table) in plan.tables.iter().enumerate() {
        let mut lines: Vec<String> = table
            .columns
            .iter()
            .enumerate()
            .map(|(position, column)| column_line(plan, at, position, column))
            .collect();
        if table.key.len() > 1 {
            let key: Vec<String> = table
                .key
                .iter()
                .map(|column| ident(&table.columns[*column].name))
                .collect();
            lines.push(format!("  PRIMARY KEY ({})", key.join(", ")));
        }
        sql.push_str(&format!(
            "CREATE TABLE {} (\n{}\n) STRICT;\n",
            ident(&table.name),
            lines.join(",\n")
        ));
        for column in &table.columns {
            if column.references.is_some() {
                sql.push_str(&format!(
                    "CREATE INDEX {} ON {} ({});\n",
                    ident(&format!("{}_by_{}", table.name, column.name)),
                    ident(&table.name),
                    ident(&column.name)
                ));
            }
        }
        sql.push('\n');
    }
    sql.trim_end().to_string() + "\n"
}

fn column_line(plan: &Plan, table_at: usize, position: usize, column: &ColumnPlan) -> String {
    let table = &plan.tables[table_at];
    let name = ident(&column.name);
    let kind = match column.kind {
        Kind::Integer | Kind::Boolean => "INTEGER",
        Kind::Real => "REAL",
        _ => "TEXT",
    };
    let mut line = format!("  {name} {kind}");
    if table.key == [position] {
        line.push_str(" PRIMARY KEY");
        if kind == "TEXT" {
            line.push_str(" NOT NULL");
        }
    } else if column.required {
        line.push_str(" NOT NULL");
    }
    if let Some(check) = check(column, &name) {
        line.push_str(&format!(" CHECK ({check})"));
    }
    if let Some(parent) = column.references {
        let parent_table = &plan.tables[parent];
        let key = &parent_table.columns[parent_table.key[0]].name;
        line.push_str(&format!(
            " REFERENCES {} ({})",
            ident(&parent_table.name),
            ident(key)
        ));
        // What stands under another thing's path goes with it.
        if table.owner == Some(parent) {
            line.push_str(" ON DELETE CASCADE");
        }
    }
    line
}

fn check(column: &ColumnPlan, name: &str) -> Option<String> {
    match column.kind {
        Kind::Boolean => Some(format!("{name} IN (0, 1)")),
        Kind::List => Some(format!("json_valid({name})")),
        Kind::Text => {
            let choices: Vec<String> = column.choices()?.iter().map(|value| text(value)).collect();
            Some(format!("{name} IN ({})", choices.join(", ")))
        }
        _ => None,
    }
}

/// Writes one tool, and names the columns that it has to leave NULL though replies promise them. Err: why
/// it cannot be written.
pub(crate) fn tool(
    plan: &Plan,
    operation: &Operation<'_>,
    tool: &ToolPlan,
) -> Result<(ToolFile, Vec<usize>), String> {
    let table = &plan.tables[tool.table];
    let mut writer = Writer {
        plan,
        operation,
        table,
        properties: Map::new(),
        required: Vec::new(),
        steps: Vec::new(),
        alias: "t",
        left_null: Vec::new(),
        creates: tool.class == Class::Create,
    };
    let output = match &tool.class {
        Class::List => writer.list(tool)?,
        Class::Get => writer.get(tool)?,
        Class::Create => writer.create(tool)?,
        Class::Update => writer.update(tool)?,
        Class::Delete => writer.delete(tool)?,
        Class::Action(verb) => writer.action(tool, verb)?,
    };
    let mut input = Map::new();
    input.insert("type".into(), json!("object"));
    if !writer.required.is_empty() {
        input.insert("required".into(), json!(writer.required));
    }
    input.insert("properties".into(), Value::Object(writer.properties));
    let description = operation.spec.description.trim();
    let left_null = std::mem::take(&mut writer.left_null);
    let file = ToolFile {
        name: operation.spec.name.clone(),
        description: if description.is_empty() {
            describe(&tool.class, table)
        } else {
            description.chars().take(1_024).collect()
        },
        actor: Actor::Agent,
        input: Value::Object(input),
        output,
        step: writer.steps,
    };
    Ok((file, left_null))
}

fn describe(class: &Class, table: &TablePlan) -> String {
    let noun = spoken(&table.noun);
    let many = spoken(&table.name);
    match class {
        Class::List => format!("List {many}."),
        Class::Get => format!("Get {} {noun}.", article(&noun)),
        Class::Create => format!("Create {} {noun}.", article(&noun)),
        Class::Update => format!("Change {} {noun}.", article(&noun)),
        Class::Delete => format!("Delete {} {noun}.", article(&noun)),
        Class::Action(verb) => {
            let verb = spoken(verb);
            let mut characters = verb.chars();
            let first: String = characters
                .next()
                .map(|first| first.to_uppercase().collect())
                .unwrap_or_default();
            format!("{first}{} {} {noun}.", characters.as_str(), article(&noun))
        }
    }
}

/// The name that a parameter has in the world: that of the API where it is an identifier.
pub(crate) fn parameter_name(name: &str) -> String {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && name.len() <= 64;
    let own = if plain { name.to_string() } else { snake(name) };
    if own.starts_with("has_") {
        format!("with_{own}")
    } else {
        own
    }
}

struct Writer<'a> {
    plan: &'a Plan,
    operation: &'a Operation<'a>,
    table: &'a TablePlan,
    properties: Map<String, Value>,
    required: Vec<String>,
    steps: Vec<StepFile>,
    alias: &'a str,
    left_null: Vec<usize>,
    creates: bool,
}

impl Writer<'_> {
    fn require(&mut self, query: String, error: String) {
        self.steps.push(StepFile {
            require: Some(query),
            error: Some(error),
            ..StepFile::default()
        });
    }

    fn reject(&mut self, query: String, error: String) {
        self.steps.push(StepFile {
            reject: Some(query),
            error: Some(error),
            ..StepFile::default()
        });
    }

    fn run(&mut self, statements: String) {
        self.steps.push(StepFile {
            run: Some(statements),
            ..StepFile::default()
        });
    }

    fn result(&mut self, query: String) {
        self.steps.push(StepFile {
            result: Some(query),
            ..StepFile::default()
        });
    }

    /// Adds a parameter that stands for a column.
    fn parameter(&mut self, name: &str, column: &ColumnPlan, required: bool) -> String {
        let own = parameter_name(name);
        let mut schema = column.schema.as_object().cloned().unwrap_or_default();
        // A default fills in what a creation leaves out; a filter or a change must not take it.
        if !self.creates {
            schema.remove("default");
        }
        schema.entry("type").or_insert_with(|| {
            json!(if column.kind == Kind::Integer {
                "integer"
            } else {
                "string"
            })
        });
        if column.references.is_some() || self.is_key(column) {
            for keyword in ["maxLength", "format", "examples"] {
                schema.remove(keyword);
            }
        }
        if let Some(input) = self.operation.input(name)
            && let Some(description) = input
                .field
                .schema
                .get("description")
                .and_then(Value::as_str)
        {
            let short: String = description.chars().take(300).collect();
            schema.insert("description".into(), json!(short));
        }
        self.declare(own.clone(), Value::Object(schema), required);
        own
    }

    fn declare(&mut self, name: String, schema: Value, required: bool) {
        if required && !self.required.contains(&name) {
            self.required.push(name.clone());
        }
        self.properties.insert(name, schema);
    }

    /// The parameters that pick a row, or its owner. Returns the conditions.
    fn key_conditions(&mut self, tool: &ToolPlan, prefix: &str) -> Vec<String> {
        let mut conditions = Vec::new();
        for (name, column) in &tool.keys {
            let definition = self.table.columns[*column].clone();
            let own = self.parameter(name, &definition, true);
            conditions.push(format!("{prefix}{} = :{own}", ident(&definition.name)));
        }
        conditions
    }

    /// The row that the call is about must be there.
    fn require_row(&mut self, tool: &ToolPlan) -> Vec<String> {
        let conditions = self.key_conditions(tool, "");
        let noun = spoken(&self.table.noun);
        let shown: Vec<String> = tool
            .keys
            .iter()
            .filter(|(_, column)| self.table.key.contains(column))
            .map(|(name, _)| format!("{{{}}}", parameter_name(name)))
            .collect();
        self.require(
            format!(
                "SELECT 1 FROM {} WHERE {}",
                ident(&self.table.name),
                conditions.join(" AND ")
            ),
            format!("There is no {noun} {}.", shown.join(" ")),
        );
        conditions
    }

    /// What an argument refers to must be there.
    fn require_reference(&mut self, argument: &str, parent: usize, required: bool) {
        let parent = &self.plan.tables[parent];
        let key = ident(&parent.columns[parent.key[0]].name);
        let noun = spoken(&parent.noun);
        let exists = format!(
            "SELECT 1 FROM {} WHERE {key} = :{argument}",
            ident(&parent.name)
        );
        let error = format!("There is no {noun} {{{argument}}}.");
        if required {
            self.require(exists, error);
        } else {
            self.reject(
                format!("SELECT 1 WHERE :{argument} IS NOT NULL AND NOT EXISTS ({exists})"),
                error,
            );
        }
    }

    /// The columns that a reply shows, and their schema.
    fn shown(&self) -> (Vec<String>, Value) {
        let alias = self.alias;
        let mut columns = Vec::new();
        let mut properties = Map::new();
        let mut groups: Vec<&str> = Vec::new();
        for column in &self.table.columns {
            if column.hidden && !self.is_key(column) {
                continue;
            }
            match &column.group {
                None => {
                    let field = &column.field;
                    if properties.contains_key(field) {
                        continue;
                    }
                    properties.insert(field.clone(), output_schema(column));
                    if *field == column.name {
                        columns.push(format!("{alias}.{}", ident(&column.name)));
                    } else {
                        columns.push(format!(
                            "{alias}.{} AS {}",
                            ident(&column.name),
                            ident(field)
                        ));
                    }
                }
                Some(group)
                    if !groups.contains(&group.as_str()) && !properties.contains_key(group) =>
                {
                    groups.push(group);
                    let members: Vec<&ColumnPlan> = self
                        .table
                        .columns
                        .iter()
                        .filter(|other| other.group.as_ref() == Some(group) && !other.hidden)
                        .collect();
                    let parts: Vec<String> = members
                        .iter()
                        .map(|member| {
                            format!("{}, {alias}.{}", text(&member.field), ident(&member.name))
                        })
                        .collect();
                    let inner: Map<String, Value> = members
                        .iter()
                        .map(|member| (member.field.clone(), output_schema(member)))
                        .collect();
                    columns.push(format!(
                        "json_object({}) AS {}",
                        parts.join(", "),
                        ident(group)
                    ));
                    properties.insert(
                        group.clone(),
                        json!({"type": "object", "properties": inner}),
                    );
                }
                Some(_) => {}
            }
        }
        (columns, json!({"type": "object", "properties": properties}))
    }

    fn is_key(&self, column: &ColumnPlan) -> bool {
        self.table
            .key
            .iter()
            .any(|key| self.table.columns[*key].name == column.name)
            && !column.name.ends_with("_row")
    }

    fn returned_row(&mut self, condition: &str) -> Value {
        let (columns, output) = self.shown();
        self.result(format!(
            "SELECT {}\nFROM {} {} WHERE {condition}",
            columns.join(", "),
            ident(&self.table.name),
            self.alias
        ));
        output
    }

    fn list(&mut self, tool: &ToolPlan) -> Result<Value, String> {
        let mut conditions = self.key_conditions(tool, "t.");
        for (name, column) in &tool.keys {
            if let Some(parent) = self.table.columns[*column].references {
                self.require_reference(&parameter_name(name), parent, true);
            }
        }
        if let Some(via) = &tool.via {
            let link = &self.plan.tables[via.link];
            let definition = link.columns[via.argument_column].clone();
            let own = self.parameter(&via.argument, &definition, true);
            if let Some(parent) = definition.references {
                self.require_reference(&own, parent, true);
            }
            conditions.push(format!(
                "t.{} IN (SELECT {} FROM {} WHERE {} = :{own})",
                ident(&self.table.columns[self.table.key[0]].name),
                ident(&link.columns[via.own_column].name),
                ident(&link.name),
                ident(&definition.name)
            ));
        }
        let mut limit = None;
        let taken: Vec<String> = tool.keys.iter().map(|(name, _)| name.clone()).collect();
        let inputs: Vec<Input> = self
            .operation
            .inputs
            .iter()
            .filter(|input| {
                !taken.contains(&input.field.name)
                    && tool
                        .via
                        .as_ref()
                        .is_none_or(|via| via.argument != input.field.name)
                    && !self
                        .operation
                        .path
                        .iter()
                        .any(|step| step.parameter.as_ref() == Some(&input.field.name))
            })
            .cloned()
            .collect();
        for input in inputs {
            if is_limit(&input.field.name) {
                if limit.is_none() {
                    let own = parameter_name(&input.field.name);
                    self.declare(
                        own.clone(),
                        json!({"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE, "description": "How many to return at most."}),
                        false,
                    );
                    limit = Some(own);
                }
                continue;
            }
            match self.filter(&input) {
                Some(condition) => conditions.push(condition),
                None if input.field.required && !is_protocol(&input.field.name) => {
                    return Err(format!(
                        "it needs {}, which stands for no column of {}",
                        input.field.name, self.table.name
                    ));
                }
                None => {}
            }
        }
        let (columns, items) = self.shown();
        let order = ident(&self.table.columns[*self.table.key.last().unwrap_or(&0)].name);
        let limit = limit.map_or_else(|| LARGEST_PAGE.to_string(), |name| format!(":{name}"));
        let condition = if conditions.is_empty() {
            String::new()
        } else {
            format!("\nWHERE {}", conditions.join("\n  AND "))
        };
        self.result(format!(
            "SELECT {}\nFROM {} t{condition}\nORDER BY t.{order} LIMIT {limit}",
            columns.join(", "),
            ident(&self.table.name)
        ));
        Ok(json!({"type": "array", "items": items}))
    }

    /// A condition for an optional argument of a list.
    fn filter(&mut self, input: &Input) -> Option<String> {
        let name = &input.field.name;
        let table = self.table;
        let required = input.field.required;
        let given = |own: &str, condition: String| {
            if required {
                condition
            } else {
                format!("(:has_{own} = 0 OR {condition})")
            }
        };
        if let Some(column) = table.column(name)
            && table.columns[column].group.is_none()
        {
            let definition = table.columns[column].clone();
            if definition.kind == Kind::List {
                let items = definition
                    .schema
                    .get("items")
                    .cloned()
                    .unwrap_or_else(|| json!({"type": "string"}));
                if input.field.kind() == Kind::List {
                    return None;
                }
                let own = parameter_name(name);
                self.declare(own.clone(), items, required);
                return Some(given(&own, list_holds(&definition, &own)));
            }
            if input.field.kind() == Kind::List || input.field.kind() == Kind::Object {
                return None;
            }
            let own = self.parameter(name, &definition, required);
            let left = format!("t.{}", ident(&definition.name));
            let free = definition.kind == Kind::Text
                && definition.choices().is_none()
                && definition.references.is_none()
                && !self.is_key(&definition);
            return Some(given(
                &own,
                if free {
                    format!("lower({left}) = lower(:{own})")
                } else {
                    format!("{left} = :{own}")
                },
            ));
        }
        // A list of tags filtered by one tag.
        if let Some(column) = table.columns.iter().find(|column| {
            column.kind == Kind::List && same(&column.field, &plural_name(&snake(name)))
        }) {
            let column = column.clone();
            let own = parameter_name(name);
            self.declare(own.clone(), json!({"type": "string"}), required);
            return Some(given(&own, list_holds(&column, &own)));
        }
        if is_search(name) && input.field.kind() == Kind::Text {
            let searched: Vec<String> = table
                .columns
                .iter()
                .filter(|column| {
                    column.kind == Kind::Text
                        && column.choices().is_none()
                        && column.references.is_none()
                        && !column.hidden
                        && column.group.is_none()
                        && column.schema.get("format").is_none()
                        && !self.is_key(column)
                })
                .map(|column| format!("t.{}", ident(&column.name)))
                .collect();
            if searched.is_empty() {
                return None;
            }
            let own = parameter_name(name);
            self.declare(
                own.clone(),
                json!({"type": "string", "description": "Part of a text, in any case."}),
                required,
            );
            let any: Vec<String> = searched
                .iter()
                .map(|column| format!("{column} LIKE '%' || :{own} || '%'"))
                .collect();
            return Some(given(&own, format!("({})", any.join(" OR "))));
        }
        let (column, operator) = range(name, table)?;
        let definition = table.columns[column].clone();
        let own = self.parameter(name, &definition, required);
        Some(given(
            &own,
            format!("t.{} {operator} :{own}", ident(&definition.name)),
        ))
    }

    fn get(&mut self, tool: &ToolPlan) -> Result<Value, String> {
        let conditions = self.require_row(tool);
        self.no_required_rest(tool, &[])?;
        let conditions: Vec<String> = conditions
            .iter()
            .map(|condition| format!("t.{condition}"))
            .collect();
        Ok(self.returned_row(&conditions.join(" AND ")))
    }

    /// Arguments that an operation insists on but that mean nothing here make it uncertain.
    fn no_required_rest(&self, tool: &ToolPlan, used: &[String]) -> Result<(), String> {
        for input in &self.operation.inputs {
            let name = &input.field.name;
            let known = used.contains(name)
                || tool.keys.iter().any(|(key, _)| key == name)
                || self
                    .operation
                    .path
                    .iter()
                    .any(|step| step.parameter.as_ref() == Some(name))
                || is_protocol(name);
            if input.field.required && !known {
                return Err(format!(
                    "it needs {name}, which stands for no column of {}",
                    self.table.name
                ));
            }
        }
        Ok(())
    }

    /// The columns that the body sets: column, SQL of the given value, and whether it is required.
    fn body_values(&mut self, tool: &ToolPlan, creates: bool) -> Result<Vec<Setting>, String> {
        let mut settings: Vec<Setting> = Vec::new();
        let mut used: Vec<String> = Vec::new();
        let body: Vec<Input> = self.operation.body().cloned().collect();
        // `{"order": {...}}` around the fields.
        let wrapped = match &body[..] {
            [only]
                if only.field.kind() == Kind::Object
                    && same(&only.field.name, &self.table.noun) =>
            {
                Some(only.field.clone())
            }
            _ => None,
        };
        let wrapped_fields: Vec<Input> = wrapped
            .iter()
            .flat_map(|field| crate::entity::fields(&field.schema))
            .map(|field| Input {
                field,
                place: practicum_corpus::Place::Body,
            })
            .collect();
        used.extend(wrapped.map(|field| field.name));
        let inputs: Vec<Input> = if wrapped_fields.is_empty() {
            // Some APIs send what belongs into the body in the query string.
            self.operation
                .inputs
                .iter()
                .filter(|input| input.place != practicum_corpus::Place::Path)
                .cloned()
                .collect()
        } else {
            wrapped_fields
        };
        for input in inputs {
            let name = &input.field.name;
            // A body field that repeats a path parameter carries the suffix `_body`.
            let bare = name.strip_suffix("_body").unwrap_or(name);
            if tool.keys.iter().any(|(key, _)| same(key, bare)) {
                used.push(name.clone());
                continue;
            }
            let required = input.field.required && creates;
            if input.field.kind() == Kind::Object {
                if self.group_values(name, required, &mut settings) {
                    used.push(name.clone());
                }
                continue;
            }
            let Some(column) = self.table.column(name).filter(|column| {
                let own = &self.table.columns[*column];
                own.group.is_none() && compatible(own.kind, input.field.kind())
            }) else {
                continue;
            };
            let definition = self.table.columns[column].clone();
            if !creates && self.is_key(&definition) {
                used.push(name.clone());
                continue;
            }
            if creates && self.table.minted && self.table.key == [column] {
                // The caller may suggest an id; the world gives its own.
                used.push(name.clone());
                continue;
            }
            let own = self.parameter(name, &definition, required);
            used.push(name.clone());
            settings.push(Setting {
                column,
                value: format!(":{own}"),
                given: format!(":has_{own}"),
                argument: own,
                required,
            });
        }
        if creates {
            self.no_required_rest(tool, &used)?;
        }
        Ok(settings)
    }

    /// The columns of a nested object. True when there are any.
    fn group_values(&mut self, name: &str, required: bool, settings: &mut Vec<Setting>) -> bool {
        let members: Vec<(usize, ColumnPlan)> = self
            .table
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| {
                column
                    .group
                    .as_deref()
                    .is_some_and(|group| same(group, name))
            })
            .map(|(at, column)| (at, column.clone()))
            .collect();
        if members.is_empty() {
            return false;
        }
        let own = parameter_name(name);
        let mut properties = Map::new();
        let mut needed = Vec::new();
        for (at, member) in &members {
            let mut inner = member.schema.clone();
            if let Some(inner) = inner.as_object_mut() {
                inner.remove("default");
            }
            properties.insert(member.field.clone(), inner);
            if required && member.required {
                needed.push(member.field.clone());
            }
            let path = text(&format!("$.{}", json_path(&member.field)));
            settings.push(Setting {
                column: *at,
                value: format!(":{own} ->> {path}"),
                given: format!("(:has_{own} AND json_type(:{own}, {path}) IS NOT NULL)"),
                argument: own.clone(),
                required: required && member.required,
            });
        }
        let mut schema =
            json!({"type": "object", "properties": properties, "additionalProperties": false});
        if !needed.is_empty() {
            schema["required"] = json!(needed);
        }
        self.declare(own, schema, required);
        true
    }

    fn create(&mut self, tool: &ToolPlan) -> Result<Value, String> {
        let mut settings: Vec<Setting> = Vec::new();
        for (name, column) in &tool.keys {
            let definition = self.table.columns[*column].clone();
            let own = self.parameter(name, &definition, true);
            settings.push(Setting {
                column: *column,
                value: format!(":{own}"),
                given: "1".into(),
                argument: own,
                required: true,
            });
        }
        settings.extend(self.body_values(tool, true)?);
        for setting in &settings {
            if let Some(parent) = self.table.columns[setting.column].references {
                self.require_reference(&setting.argument, parent, setting.required);
            }
        }
        let key = self.table.key.clone();
        let minted = self.table.minted;
        if !minted {
            let mut conditions = Vec::new();
            for column in &key {
                let Some(setting) = settings.iter().find(|setting| setting.column == *column)
                else {
                    return Err(format!(
                        "it does not say which {} it creates",
                        spoken(&self.table.noun)
                    ));
                };
                conditions.push(format!(
                    "{} = {}",
                    ident(&self.table.columns[*column].name),
                    setting.value
                ));
            }
            self.reject(
                format!(
                    "SELECT 1 FROM {} WHERE {}",
                    ident(&self.table.name),
                    conditions.join(" AND ")
                ),
                format!("This {} exists already.", spoken(&self.table.noun)),
            );
        }
        let mut names: Vec<String> = Vec::new();
        let mut values: Vec<String> = Vec::new();
        let key_column = self.table.columns[key[0]].clone();
        let text_key = minted && key_column.kind == Kind::Text;
        if text_key {
            let prefix = id_prefix(self.table);
            self.steps.push(StepFile {
                bind: Some("new".into()),
                query: Some(format!("SELECT new_id({}) AS id", text(&prefix))),
                ..StepFile::default()
            });
            names.push(ident(&key_column.name));
            values.push(":new_id".into());
        }
        for setting in &settings {
            let column = &self.table.columns[setting.column];
            names.push(ident(&column.name));
            let default = initial(column).filter(|_| !setting.required);
            if default.is_none()
                && !setting.required
                && column.required
                && column.schema.get("default").is_none()
            {
                self.left_null.push(setting.column);
            }
            values.push(match default {
                Some(default) => format!("coalesce({}, {default})", setting.value),
                None => setting.value.clone(),
            });
        }
        for (at, column) in self.table.columns.iter().enumerate() {
            if settings.iter().any(|setting| setting.column == at) || (minted && key == [at]) {
                continue;
            }
            match initial(column) {
                Some(value) => {
                    names.push(ident(&column.name));
                    values.push(value);
                }
                None => {
                    // A value that the API works out itself, such as a total.
                    if column.required {
                        self.left_null.push(at);
                    }
                }
            }
        }
        if names.is_empty() {
            self.run(format!(
                "INSERT INTO {} DEFAULT VALUES",
                ident(&self.table.name)
            ));
        } else {
            self.run(format!(
                "INSERT INTO {} ({})\nVALUES ({})",
                ident(&self.table.name),
                names.join(", "),
                values.join(", ")
            ));
        }
        let condition = if text_key {
            format!("t.{} = :new_id", ident(&key_column.name))
        } else if minted {
            format!(
                "t.{0} = (SELECT max({0}) FROM {1})",
                ident(&key_column.name),
                ident(&self.table.name)
            )
        } else {
            let parts: Vec<String> = key
                .iter()
                .filter_map(|column| {
                    let setting = settings.iter().find(|setting| setting.column == *column)?;
                    Some(format!(
                        "t.{} = {}",
                        ident(&self.table.columns[*column].name),
                        setting.value
                    ))
                })
                .collect();
            parts.join(" AND ")
        };
        Ok(self.returned_row(&condition))
    }

    fn update(&mut self, tool: &ToolPlan) -> Result<Value, String> {
        let conditions = self.require_row(tool);
        let settings = self.body_values(tool, false)?;
        if settings.is_empty() {
            return Err("nothing that it sets is a plain column".into());
        }
        for setting in &settings {
            if let Some(parent) = self.table.columns[setting.column].references {
                self.require_reference(&setting.argument, parent, false);
            }
        }
        let none: Vec<String> = {
            let mut arguments: Vec<&str> = settings
                .iter()
                .map(|setting| setting.argument.as_str())
                .collect();
            arguments.dedup();
            arguments
                .iter()
                .map(|argument| format!(":has_{argument} = 0"))
                .collect()
        };
        self.reject(
            format!("SELECT 1 WHERE {}", none.join(" AND ")),
            "There is nothing to change.".into(),
        );
        let mut sets: Vec<String> = settings
            .iter()
            .map(|setting| {
                let name = ident(&self.table.columns[setting.column].name);
                format!(
                    "{name} = CASE WHEN {} THEN {} ELSE {name} END",
                    setting.given, setting.value
                )
            })
            .collect();
        sets.extend(self.touched_stamps(None, &settings));
        self.run(format!(
            "UPDATE {} SET\n  {}\nWHERE {}",
            ident(&self.table.name),
            sets.join(",\n  "),
            conditions.join(" AND ")
        ));
        let conditions: Vec<String> = conditions
            .iter()
            .map(|condition| format!("t.{condition}"))
            .collect();
        Ok(self.returned_row(&conditions.join(" AND ")))
    }

    /// `updated_at`, and `cancelled_at` for a cancellation.
    fn touched_stamps(&self, verb: Option<&str>, settings: &[Setting]) -> Vec<String> {
        self.table
            .columns
            .iter()
            .enumerate()
            .filter(|(at, column)| {
                if settings.iter().any(|setting| setting.column == *at)
                    || column.kind != Kind::Text
                    || column.group.is_some()
                    || column.schema.get("format").and_then(Value::as_str) != Some("date-time")
                {
                    return false;
                }
                let words = words(&column.name);
                let first = words.first().map_or("", String::as_str);
                ["updated", "modified", "changed"].contains(&first)
                    || verb.is_some_and(|verb| status_for(verb, &[first.to_string()]).is_some())
            })
            .map(|(_, column)| format!("{} = now()", ident(&column.name)))
            .collect()
    }

    fn delete(&mut self, tool: &ToolPlan) -> Result<Value, String> {
        let conditions = self.require_row(tool);
        self.no_required_rest(tool, &[])?;
        let own = self
            .plan
            .tables
            .iter()
            .position(|table| table.name == self.table.name)
            .unwrap_or(0);
        if self.table.key.len() == 1 {
            let (argument, _) = tool
                .keys
                .iter()
                .find(|(_, column)| *column == self.table.key[0])
                .ok_or("its path does not pick a row")?;
            let argument = parameter_name(argument);
            for child in &self.plan.tables {
                if child.owner == Some(own) {
                    continue;
                }
                for column in &child.columns {
                    if column.references == Some(own) {
                        self.reject(
                            format!(
                                "SELECT 1 FROM {} WHERE {} = :{argument}",
                                ident(&child.name),
                                ident(&column.name)
                            ),
                            format!(
                                "{} {{{argument}}} still has {}.",
                                capitalised(&spoken(&self.table.noun)),
                                spoken(&child.name)
                            ),
                        );
                    }
                }
            }
        }
        self.run(format!(
            "DELETE FROM {} WHERE {}",
            ident(&self.table.name),
            conditions.join(" AND ")
        ));
        self.result("SELECT 1 AS deleted".into());
        Ok(json!({"type": "object", "properties": {"deleted": {"type": "boolean"}}}))
    }

    fn action(&mut self, tool: &ToolPlan, verb: &str) -> Result<Value, String> {
        let (column, value, shown) = match self.table.status() {
            Some((column, choices)) if status_for(verb, &choices).is_some() => {
                let target = status_for(verb, &choices).cloned().unwrap_or_default();
                (column, text(&target), spoken(&target))
            }
            _ => {
                let flags: Vec<String> = self
                    .table
                    .columns
                    .iter()
                    .filter(|column| column.kind == Kind::Boolean && column.group.is_none())
                    .map(|column| column.field.clone())
                    .collect();
                let Some((flag, on)) = flag_for(verb, &flags) else {
                    return Err(format!(
                        "{verb:?} leads to no status or flag of a {} that the spec names",
                        spoken(&self.table.noun)
                    ));
                };
                let column = self.table.column(flag).ok_or("the flag is no column")?;
                let shown = if on {
                    spoken(flag)
                } else {
                    format!("not {}", spoken(flag))
                };
                (column, u8::from(on).to_string(), shown)
            }
        };
        let name = ident(&self.table.columns[column].name);
        let conditions = self.require_row(tool);
        let settings: Vec<Setting> = self
            .body_values(tool, false)?
            .into_iter()
            .filter(|setting| setting.column != column)
            .collect();
        let used: Vec<String> = self
            .operation
            .inputs
            .iter()
            .map(|input| input.field.name.clone())
            .filter(|name| self.properties.contains_key(&parameter_name(name)))
            .collect();
        self.no_required_rest(tool, &used)?;
        let argument = tool
            .keys
            .iter()
            .find(|(_, own)| self.table.key.contains(own))
            .map(|(name, _)| parameter_name(name))
            .unwrap_or_default();
        self.reject(
            format!(
                "SELECT 1 FROM {} WHERE {} AND {name} = {value}",
                ident(&self.table.name),
                conditions.join(" AND ")
            ),
            format!(
                "{} {{{argument}}} is {shown} already.",
                capitalised(&spoken(&self.table.noun))
            ),
        );
        let mut sets = vec![format!("{name} = {value}")];
        for setting in &settings {
            let own = ident(&self.table.columns[setting.column].name);
            sets.push(format!(
                "{own} = CASE WHEN {} THEN {} ELSE {own} END",
                setting.given, setting.value
            ));
        }
        sets.extend(self.touched_stamps(Some(verb), &settings));
        self.run(format!(
            "UPDATE {} SET {} WHERE {}",
            ident(&self.table.name),
            sets.join(", "),
            conditions.join(" AND ")
        ));
        let conditions: Vec<String> = conditions
            .iter()
            .map(|condition| format!("t.{condition}"))
            .collect();
        Ok(self.returned_row(&conditions.join(" AND ")))
    }
}

/// A column that a call sets.
struct Setting {
    column: usize,
    /// SQL of the value.
    value: String,
    /// SQL that is true when the value was given.
    given: String,
    argument: String,
    required: bool,
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + characters.as_str()
    })
}

fn compatible(column: Kind, input: Kind) -> bool {
    column == input
        || matches!(
            (column, input),
            (Kind::Integer | Kind::Real, Kind::Integer | Kind::Real)
        )
}

fn json_path(field: &str) -> String {
    let plain = field
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain {
        field.to_string()
    } else {
        format!("\"{}\"", field.replace('"', ""))
    }
}

fn list_holds(column: &ColumnPlan, argument: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM json_each(t.{}) WHERE value = :{argument})",
        ident(&column.name)
    )
}

/// The value of a column that a creation does not give.
pub(crate) fn initial(column: &ColumnPlan) -> Option<String> {
    if column.group.is_some() || column.references.is_some() {
        return None;
    }
    let words = words(&column.name);
    let last = words.last().map_or("", String::as_str);
    if let Some(choices) = column.choices()
        && ["status", "state", "phase", "stage"].contains(&last)
    {
        let early = [
            "pending",
            "draft",
            "new",
            "open",
            "created",
            "requested",
            "scheduled",
            "placed",
            "booked",
            "submitted",
            "todo",
            "queued",
            "active",
            "available",
            "confirmed",
            "enabled",
        ];
        let found = early
            .iter()
            .find_map(|early| choices.iter().find(|choice| same(choice, early)))
            .or_else(|| choices.first())?;
        return Some(text(found));
    }
    match column.kind {
        Kind::Text => {
            let first = words.first().map_or("", String::as_str);
            let moment = [
                "created",
                "updated",
                "modified",
                "added",
                "placed",
                "booked",
                "requested",
                "joined",
                "registered",
                "opened",
                "submitted",
                "inserted",
            ];
            let format = column.schema.get("format").and_then(Value::as_str);
            match format {
                Some("date-time") if moment.contains(&first) => Some("now()".into()),
                Some("date") if moment.contains(&first) => Some("today()".into()),
                _ => None,
            }
        }
        Kind::Boolean => Some(
            if ["active", "enabled", "available", "visible"].contains(&last) {
                "1".into()
            } else {
                "0".into()
            },
        ),
        Kind::List => Some("'[]'".into()),
        _ => None,
    }
}

fn output_schema(column: &ColumnPlan) -> Value {
    let kind = match column.kind {
        Kind::Integer => "integer",
        Kind::Real => "number",
        Kind::Boolean => "boolean",
        Kind::List => "array",
        _ => "string",
    };
    if column.required {
        json!({"type": kind})
    } else {
        json!({"type": [kind, "null"]})
    }
}

/// The letters in front of minted ids: `apt_` for appointments.
pub(crate) fn id_prefix(table: &TablePlan) -> String {
    let letters: String = table
        .noun
        .split('_')
        .next_back()
        .unwrap_or(&table.noun)
        .chars()
        .filter(char::is_ascii_alphabetic)
        .take(3)
        .collect();
    let letters = if letters.is_empty() {
        "row".into()
    } else {
        letters
    };
    format!("{letters}_")
}

fn is_limit(name: &str) -> bool {
    let name = words(name).concat();
    [
        "limit",
        "pagesize",
        "perpage",
        "maxresults",
        "top",
        "count",
        "size",
        "max",
        "take",
        "first",
        "pagelimit",
        "maxitems",
        "rows",
        "length",
        "numresults",
        "results",
    ]
    .contains(&name.as_str())
}

fn is_search(name: &str) -> bool {
    let name = words(name).concat();
    [
        "q",
        "query",
        "search",
        "text",
        "keyword",
        "keywords",
        "term",
        "searchterm",
        "searchtext",
        "searchquery",
        "querystring",
        "filter",
        "contains",
        "phrase",
    ]
    .contains(&name.as_str())
}

/// Paging, sorting, projection: what an API needs and a world does not.
pub(crate) fn is_protocol(name: &str) -> bool {
    if crate::resources::is_machinery(name) {
        return true;
    }
    let words = words(name);
    let joined = words.concat();
    is_limit(name)
        || [
            "page",
            "offset",
            "cursor",
            "sort",
            "sortby",
            "order",
            "orderby",
            "direction",
            "fields",
            "expand",
            "include",
            "includes",
            "embed",
            "format",
            "locale",
            "lang",
            "language",
            "pagetoken",
            "nexttoken",
            "after",
            "before",
            "startingafter",
            "endingbefore",
            "skip",
            "apiversion",
            "version",
            "select",
            "view",
            "prettyprint",
            "alt",
            "callback",
            "start",
            "sortorder",
            "pagenumber",
            "continuationtoken",
            "timezone",
            "requestid",
            "idempotencykey",
            "nextpage",
            "accept",
            "acceptlanguage",
        ]
        .contains(&joined.as_str())
}

/// The column and operator of an argument that bounds a column: `min_price`, `starts_after`, `from`.
fn range(name: &str, table: &TablePlan) -> Option<(usize, &'static str)> {
    let all = words(name);
    let lower = [
        "min", "minimum", "from", "since", "after", "start", "starting", "gte", "gt", "later",
        "least",
    ];
    let upper = [
        "max", "maximum", "to", "until", "before", "end", "ending", "lte", "lt", "till", "most",
    ];
    let marks = |list: &[&str]| {
        all.first()
            .is_some_and(|word| list.contains(&word.as_str()))
            || all.last().is_some_and(|word| list.contains(&word.as_str()))
    };
    let operator = if marks(&upper) {
        "<="
    } else if marks(&lower) {
        ">="
    } else {
        return None;
    };
    let rest: Vec<&String> = all
        .iter()
        .filter(|word| !lower.contains(&word.as_str()) && !upper.contains(&word.as_str()))
        .collect();
    let orderly = |column: &ColumnPlan| {
        column.group.is_none()
            && !column.hidden
            && (matches!(column.kind, Kind::Integer | Kind::Real)
                || column
                    .schema
                    .get("format")
                    .and_then(Value::as_str)
                    .is_some_and(|format| format.starts_with("date")))
            && column.references.is_none()
    };
    let candidates: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| orderly(column))
        .filter(|(_, column)| {
            let own = words(&column.name);
            rest.is_empty() || rest.iter().all(|word| own.contains(word))
        })
        .map(|(at, _)| at)
        .collect();
    if rest.is_empty() {
        // A bare `from` means the moment that the thing is about.
        let moments: Vec<usize> = candidates
            .into_iter()
            .filter(|at| {
                let column = &table.columns[*at];
                column.kind == Kind::Text
                    && !["created", "updated", "modified"]
                        .iter()
                        .any(|word| column.name.starts_with(word))
            })
            .collect();
        return moments.first().map(|at| (*at, operator));
    }
    candidates.first().map(|at| (*at, operator))
}
