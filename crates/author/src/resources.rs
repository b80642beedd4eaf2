//! From operations to tables: which nouns are tables, what their columns, keys and references are.

use std::collections::{BTreeMap, BTreeSet};

use practicum_corpus::Place;
use serde_json::{Map, Value};

use crate::classify::{Class, Classified, NounFacts, has_key, is_key_name};
use crate::entity::{Field, Kind, Shows, fields, kind_of};
use crate::links::Link;
use crate::operation::Operation;
use crate::plan::{ColumnPlan, Plan, TablePlan, ToolPlan, Via};
use crate::words::{plural_name, same, singular_name, snake, words};

/// A table has this many columns at most; what is left out is the least used.
const MAX_COLUMNS: usize = 18;

/// An operation that was left out, and why.
pub(crate) type LeftOut = (usize, String);

/// Builds tables and tools from classified operations. What cannot be placed is left out with the
/// reason.
pub(crate) fn plan(
    operations: &[Operation<'_>],
    classified: &BTreeMap<usize, Classified>,
    facts: &BTreeMap<String, NounFacts>,
    links: &BTreeMap<String, Link>,
) -> (Plan, Vec<LeftOut>) {
    let mut left_out: Vec<LeftOut> = Vec::new();
    // A noun is a table when something reads it.
    let mut by_noun: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, found) in classified {
        let noun = operations[*at].path[found.subject].noun.as_str();
        by_noun.entry(noun).or_default().push(*at);
    }
    let mut nouns: Vec<&str> = Vec::new();
    for (noun, members) in &by_noun {
        let read = members.iter().any(|at| {
            matches!(classified[at].class, Class::List | Class::Get)
                && !matches!(operations[*at].shows, Shows::Nothing | Shows::Plain)
        }) || members
            .iter()
            .any(|at| matches!(classified[at].class, Class::List | Class::Get))
            && members.iter().any(|at| {
                matches!(operations[*at].shows, Shows::One(_))
                    || operations[*at].body().next().is_some()
            });
        if read {
            nouns.push(noun);
        } else {
            for at in members {
                left_out.push((
                    *at,
                    format!("nothing reads a {noun}, so nobody could tell what it did"),
                ));
            }
        }
    }
    let mut builder = Builder {
        operations,
        classified,
        facts,
        links,
        nouns: nouns.clone(),
        tables: Vec::new(),
    };
    for noun in &nouns {
        let table = builder.table(noun, &by_noun[noun]);
        builder.tables.push(table);
    }
    builder.references();
    builder.keys(&by_noun);
    let mut plan = Plan {
        tables: builder.tables,
        tools: Vec::new(),
    };
    consistent(&mut plan);
    for (table, noun) in nouns.iter().enumerate() {
        for at in &by_noun[noun] {
            match tool(&plan, &operations[*at], *at, &classified[at], table, links) {
                Ok(tool) => plan.tools.push(tool),
                Err(reason) => left_out.push((*at, reason)),
            }
        }
    }
    plan.tools.sort_by_key(|tool| tool.operation);
    (plan, left_out)
}

/// Makes keys and references fit each other: one type, one column, no circle that must be filled.
fn consistent(plan: &mut Plan) {
    let keys: Vec<Option<Kind>> = plan
        .tables
        .iter()
        .map(|table| match table.key[..] {
            [key] => Some(table.columns[key].kind),
            _ => None,
        })
        .collect();
    for table in &mut plan.tables {
        for key in table.key.clone() {
            forget_values(&mut table.columns[key]);
        }
        for column in &mut table.columns {
            let Some(parent) = column.references else {
                continue;
            };
            match keys[parent] {
                Some(kind) => {
                    column.kind = kind;
                    forget_values(column);
                }
                None => column.references = None,
            }
        }
        let owner = table.owner;
        let owned = table
            .columns
            .iter()
            .any(|column| column.references.is_some() && column.references == owner);
        if !owned {
            table.owner = None;
        }
    }
    // What is filled later than its referrer may be NULL there.
    let order = crate::data::order(plan);
    for (position, at) in order.iter().enumerate() {
        let key = plan.tables[*at].key.clone();
        for (column_at, column) in plan.tables[*at].columns.iter_mut().enumerate() {
            let late = column
                .references
                .is_some_and(|parent| !order[..position].contains(&parent));
            if late && key.contains(&column_at) {
                column.references = None;
            } else if late {
                column.required = false;
            }
        }
    }
}

/// A key takes its values from the world, not from the spec.
fn forget_values(column: &mut ColumnPlan) {
    let kind = if column.kind == Kind::Integer {
        "integer"
    } else {
        "string"
    };
    if let Some(schema) = column.schema.as_object_mut() {
        for keyword in [
            "enum",
            "format",
            "minimum",
            "maximum",
            "maxLength",
            "default",
            "items",
        ] {
            schema.remove(keyword);
        }
        schema.insert("type".into(), Value::from(kind));
    }
}

struct Builder<'a> {
    operations: &'a [Operation<'a>],
    classified: &'a BTreeMap<usize, Classified>,
    facts: &'a BTreeMap<String, NounFacts>,
    links: &'a BTreeMap<String, Link>,
    nouns: Vec<&'a str>,
    tables: Vec<TablePlan>,
}

/// A field as it is gathered from several operations.
struct Gathered {
    field: Field,
    group: Option<String>,
    /// Shown in replies.
    shown: bool,
    /// Set, or filtered by, in requests.
    used: bool,
    required: bool,
    order: usize,
}

impl Builder<'_> {
    /// The columns of a noun's table, from what its operations show and take.
    fn table(&self, noun: &str, members: &[usize]) -> TablePlan {
        let mut gathered: Vec<Gathered> = Vec::new();
        for at in members {
            let operation = &self.operations[*at];
            if let Shows::One(thing) | Shows::Many(thing) = &operation.shows {
                // What a list of another noun shows belongs there.
                let foreign = thing.entity.as_deref().is_some_and(|entity| {
                    let linked = self
                        .links
                        .get(noun)
                        .is_some_and(|link| link.below == entity);
                    linked
                        || (entity != noun
                            && self.nouns.contains(&entity)
                            && !self.facts[noun].entities.contains(entity))
                });
                if !foreign {
                    gather(&mut gathered, &thing.fields, true, &[]);
                }
            }
        }
        for at in members {
            let operation = &self.operations[*at];
            let class = &self.classified[at].class;
            if !matches!(class, Class::Create | Class::Update) {
                continue;
            }
            let body: Vec<Field> = operation.body().map(|input| input.field.clone()).collect();
            // `{"order": {...}}` around the body.
            let inner = match &body[..] {
                [only] if only.kind() == Kind::Object && same(&only.name, noun) => {
                    fields(&only.schema)
                }
                _ => body,
            };
            let required: Vec<String> = if *class == Class::Create {
                inner
                    .iter()
                    .filter(|field| field.required)
                    .map(|field| field.name.clone())
                    .collect()
            } else {
                Vec::new()
            };
            gather(&mut gathered, &inner, false, &required);
        }
        for at in members {
            let operation = &self.operations[*at];
            for input in operation.query() {
                for own in &mut gathered {
                    own.used |= own.group.is_none() && same(&own.field.name, &input.field.name);
                }
            }
        }
        let mut columns = choose(gathered, noun);
        self.path_columns(noun, members, &mut columns);
        TablePlan {
            name: plural_name(noun),
            noun: noun.to_string(),
            columns,
            key: Vec::new(),
            minted: false,
            owner: None,
        }
    }

    /// Parameters that pick a row of the table, or of a table above it, need a column.
    fn path_columns(&self, noun: &str, members: &[usize], columns: &mut Vec<ColumnPlan>) {
        for at in members {
            let operation = &self.operations[*at];
            let subject = self.classified[at].subject;
            for (depth, step) in operation.path.iter().enumerate().take(subject + 1) {
                let Some(parameter) = &step.parameter else {
                    continue;
                };
                let own = depth == subject;
                if !own
                    && (!self.nouns.contains(&step.noun.as_str())
                        || link_between(self.links, &step.noun, noun).is_some())
                {
                    continue;
                }
                let known = columns.iter().any(|column| {
                    same(&column.field, parameter)
                        || (own
                            && !self.links.contains_key(noun)
                            && is_key_name(&column.field, noun))
                        || (!own && refers_to(&column.field, &step.noun))
                });
                let wanted = if own || parameter != "id" {
                    snake(parameter)
                } else {
                    format!("{}_id", step.noun)
                };
                if known || columns.iter().any(|column| column.name == wanted) {
                    continue;
                }
                let kind = operation
                    .input(parameter)
                    .map_or(Kind::Text, |input| input.field.kind());
                columns.push(ColumnPlan {
                    name: wanted.clone(),
                    field: wanted,
                    group: None,
                    kind: if kind == Kind::Integer {
                        Kind::Integer
                    } else {
                        Kind::Text
                    },
                    schema: Value::Object(Map::new()),
                    required: true,
                    references: None,
                    hidden: !own,
                });
            }
        }
    }

    /// Finds the table that each reference column refers to.
    fn references(&mut self) {
        let nouns: Vec<(usize, String)> = self
            .tables
            .iter()
            .enumerate()
            .map(|(at, table)| (at, table.noun.clone()))
            .collect();
        for at in 0..self.tables.len() {
            let noun = self.tables[at].noun.clone();
            for column in &mut self.tables[at].columns {
                if !matches!(column.kind, Kind::Text | Kind::Integer) || column.group.is_some() {
                    continue;
                }
                let link = self.links.get(&noun);
                if link.is_none()
                    && is_key_name(&column.field, &noun)
                    && !is_self_reference(&column.field, &noun)
                {
                    continue;
                }
                let best = nouns
                    .iter()
                    .filter(|(other, _)| *other != at)
                    .filter(|(_, noun)| refers_to(&column.field, noun))
                    .max_by_key(|(_, noun)| noun.len());
                column.references = match best {
                    Some((table, _)) => Some(*table),
                    None if is_self_reference(&column.field, &noun) => Some(at),
                    None => None,
                };
            }
        }
    }

    /// Chooses each table's key and owner.
    fn keys(&mut self, by_noun: &BTreeMap<&str, Vec<usize>>) {
        for at in 0..self.tables.len() {
            let noun = self.tables[at].noun.clone();
            let members = &by_noun[noun.as_str()];
            let parameters: BTreeSet<String> = members
                .iter()
                .filter(|member| {
                    let operation = &self.operations[**member];
                    self.classified[*member].subject + 1 == operation.path.len()
                })
                .filter_map(|member| self.operations[*member].item_parameter())
                .map(str::to_string)
                .collect();
            self.tables[at].owner = self.owner(at, members);
            let owner_column = self.tables[at].owner.and_then(|owner| {
                self.tables[at]
                    .columns
                    .iter()
                    .position(|column| column.references == Some(owner))
            });
            if let Some(link) = self.links.get(&noun) {
                let position = |wanted: &str| {
                    self.tables[at].columns.iter().position(|column| {
                        column
                            .references
                            .is_some_and(|table| self.tables[table].noun == wanted)
                    })
                };
                if let (Some(above), Some(below)) = (position(&link.above), position(&link.below)) {
                    for column in [above, below] {
                        self.tables[at].columns[column].required = true;
                    }
                    self.tables[at].key = vec![above, below];
                    continue;
                }
            }
            let table = &self.tables[at];
            // The column that the path's parameter is, or a column with a key's name.
            let by_parameter = parameters
                .iter()
                .find_map(|parameter| table.column(parameter));
            let by_name = table
                .columns
                .iter()
                .position(|column| {
                    column.references.is_none()
                        && matches!(column.kind, Kind::Text | Kind::Integer)
                        && column.group.is_none()
                        && is_key_name(&column.field, &noun)
                        && rank_key(&column.field) < 2
                })
                .or_else(|| {
                    table.columns.iter().position(|column| {
                        column.references.is_none()
                            && matches!(column.kind, Kind::Text | Kind::Integer)
                            && column.group.is_none()
                            && is_key_name(&column.field, &noun)
                    })
                });
            let (key, minted) = match (by_parameter, by_name) {
                (Some(column), _) if table.columns[column].references.is_some() => {
                    // `/orders/{order_id}/items/{sku}`: one of another table, within its owner.
                    let mut key: Vec<usize> = owner_column.into_iter().collect();
                    if !key.contains(&column) {
                        key.push(column);
                    }
                    (key, false)
                }
                (Some(column), Some(name)) if rank_key(&table.columns[column].field) >= 2 => {
                    // The path's `{name}` beside an `id`: the id is the key.
                    (vec![name], true)
                }
                (Some(column), _) => {
                    let given = self.is_given(members, &table.columns[column].field);
                    if given && let Some(owner) = owner_column {
                        (vec![owner, column], false)
                    } else {
                        (vec![column], !given)
                    }
                }
                (None, Some(column)) => (vec![column], true),
                (None, None) => (Vec::new(), true),
            };
            let table = &mut self.tables[at];
            if key.is_empty() {
                table.columns.insert(
                    0,
                    ColumnPlan {
                        name: format!("{noun}_row"),
                        field: format!("{noun}_row"),
                        group: None,
                        kind: Kind::Integer,
                        schema: Value::Object(Map::new()),
                        required: true,
                        references: None,
                        hidden: true,
                    },
                );
                table.key = vec![0];
                table.minted = true;
            } else {
                for column in &key {
                    table.columns[*column].required = true;
                }
                table.key = key;
                table.minted = minted;
            }
        }
    }

    /// A creation takes this field: the caller chooses the key.
    fn is_given(&self, members: &[usize], field: &str) -> bool {
        members.iter().any(|at| {
            let operation = &self.operations[*at];
            match self.classified[at].class {
                Class::Create => operation.inputs.iter().any(|input| {
                    same(&input.field.name, field)
                        && (input.field.required || input.place == Place::Path)
                }),
                _ => false,
            }
        })
    }

    /// The table under whose path most of the operations stand.
    fn owner(&self, at: usize, members: &[usize]) -> Option<usize> {
        let mut found: BTreeMap<usize, usize> = BTreeMap::new();
        for member in members {
            let operation = &self.operations[*member];
            let subject = self.classified[member].subject;
            let above = subject
                .checked_sub(1)
                .and_then(|above| operation.path.get(above))
                .filter(|step| step.parameter.is_some());
            if let Some(step) = above
                && let Some(table) = self.tables.iter().position(|table| table.noun == step.noun)
                && table != at
                && self.tables[at]
                    .columns
                    .iter()
                    .any(|column| column.references == Some(table))
            {
                *found.entry(table).or_default() += 1;
            }
        }
        found
            .into_iter()
            .max_by_key(|(table, count)| (*count, usize::MAX - table))
            .map(|(table, _)| table)
    }
}

fn rank_key(field: &str) -> u8 {
    match words(field).last().map_or("", String::as_str) {
        "id" | "uuid" | "guid" | "gid" | "sid" | "uid" => 0,
        "key" | "sku" => 1,
        _ => 2,
    }
}

/// `parent_id`, `parentCategoryId`, `replyToId`
fn is_self_reference(field: &str, noun: &str) -> bool {
    let words = words(field);
    let Some((last, head)) = words.split_last() else {
        return false;
    };
    if !["id", "uuid", "key"].contains(&last.as_str()) {
        return false;
    }
    match head {
        [first] => first == "parent",
        [first, rest @ ..] => first == "parent" && rest.join("_") == noun,
        [] => false,
    }
}

/// `customer_id`, `billingCustomerId` and `customer` refer to a customer; `sender_address_id` to an
/// address.
pub(crate) fn refers_to(field: &str, noun: &str) -> bool {
    let words = words(field);
    let Some((last, head)) = words.split_last() else {
        return false;
    };
    if ![
        "id", "uuid", "guid", "key", "gid", "sid", "uid", "code", "number", "sku",
    ]
    .contains(&last.as_str())
        || head.is_empty()
    {
        return false;
    }
    let head = singular_name(&head.join("_"));
    head == noun || head.ends_with(&format!("_{noun}"))
}

fn gather(gathered: &mut Vec<Gathered>, fields: &[Field], shown: bool, required: &[String]) {
    for field in fields {
        if field.kind() == Kind::Object {
            // An object of plain values becomes columns of its own.
            let inner = crate::entity::fields(&field.schema);
            if inner.is_empty() || inner.len() > 8 {
                continue;
            }
            for member in inner {
                if !matches!(
                    member.kind(),
                    Kind::Text | Kind::Integer | Kind::Real | Kind::Boolean
                ) {
                    continue;
                }
                let own_required = member.required
                    && !is_nullable(&member.schema)
                    && (required.contains(&field.name) || (shown && field.required));
                add(
                    gathered,
                    member,
                    Some(field.name.clone()),
                    shown,
                    own_required,
                );
            }
            continue;
        }
        if field.kind() == Kind::Other {
            continue;
        }
        let own_required = required.contains(&field.name)
            || (shown && field.required && !is_nullable(&field.schema));
        add(gathered, field.clone(), None, shown, own_required);
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema
        .get("type")
        .and_then(Value::as_array)
        .is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"))
}

fn add(
    gathered: &mut Vec<Gathered>,
    field: Field,
    group: Option<String>,
    shown: bool,
    required: bool,
) {
    let known = gathered.iter_mut().find(|own| {
        same(&own.field.name, &field.name)
            && match (&own.group, &group) {
                (None, None) => true,
                (Some(a), Some(b)) => same(a, b),
                _ => false,
            }
    });
    match known {
        Some(own) => {
            own.shown |= shown;
            own.used |= !shown;
            own.required |= required;
            // An enumeration in the request tells more than free text in the reply.
            if own.field.schema.get("enum").is_none() && field.schema.get("enum").is_some() {
                own.field.schema = field.schema;
            } else if let (Some(default), Some(own)) = (
                field.schema.get("default"),
                own.field.schema.as_object_mut(),
            ) {
                own.insert("default".into(), default.clone());
            }
        }
        None => {
            let order = gathered.len();
            gathered.push(Gathered {
                field,
                group,
                shown,
                used: !shown,
                required,
                order,
            });
        }
    }
}

/// The fields that become columns: keys and references, what requests use, natural names, then the rest.
fn choose(mut gathered: Vec<Gathered>, noun: &str) -> Vec<ColumnPlan> {
    gathered
        .retain(|own| !is_machinery(&own.field.name) && (own.used || !is_noise(&own.field.name)));
    if !gathered.iter().any(|own| own.shown) {
        // Where the spec says nothing of replies, they show what requests set.
        for own in &mut gathered {
            own.shown = true;
        }
    }
    if gathered.len() > MAX_COLUMNS {
        gathered.sort_by_key(|own| (importance(own, noun), own.order));
        gathered.truncate(MAX_COLUMNS);
        gathered.sort_by_key(|own| own.order);
    }
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut columns = Vec::new();
    for own in gathered {
        let mut name = match &own.group {
            Some(group) => snake(&format!("{group}_{}", own.field.name)),
            None => snake(&own.field.name),
        };
        if RESERVED.contains(&name.as_str()) {
            name.push('_');
        }
        if !names.insert(name.clone()) {
            continue;
        }
        let kind = own.field.kind();
        columns.push(ColumnPlan {
            name,
            field: own.field.name.clone(),
            group: own.group,
            kind,
            schema: clean(&own.field.schema, kind),
            required: own.required,
            references: None,
            hidden: !own.shown,
        });
    }
    columns
}

/// Words that SQL takes for its own even where a column's name could stand.
const RESERVED: &[&str] = &["rowid", "oid", "_rowid_"];

/// Fields that serve the protocol, whoever sends them: `@odata.type`, `_links`, `$schema`.
pub(crate) fn is_machinery(name: &str) -> bool {
    name.starts_with(['@', '_', '$']) || words(name).first().is_some_and(|first| first == "odata")
}

fn is_noise(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [
        "kind", "etag", "object", "links", "self", "selflink", "href", "livemode",
    ]
    .contains(&lower.as_str())
}

fn importance(own: &Gathered, noun: &str) -> u8 {
    let words = words(&own.field.name);
    let last = words.last().map_or("", String::as_str);
    if is_key_name(&own.field.name, noun) {
        return 0;
    }
    if own.required || ["name", "title", "email", "status", "state", "subject"].contains(&last) {
        return 1;
    }
    if own.used {
        return 2;
    }
    if last == "id" {
        return 4;
    }
    if own.group.is_some() {
        return 6;
    }
    match own.field.kind() {
        Kind::List => 6,
        _ if own.field.schema.get("enum").is_some() => 3,
        _ => 5,
    }
}

/// The part of a schema that a world keeps: what it is and what values it takes.
pub(crate) fn clean(schema: &Value, kind: Kind) -> Value {
    let mut cleaned = Map::new();
    let name = match kind {
        Kind::Text => "string",
        Kind::Integer => "integer",
        Kind::Real => "number",
        Kind::Boolean => "boolean",
        Kind::List => "array",
        Kind::Object | Kind::Other => "object",
    };
    cleaned.insert("type".into(), Value::from(name));
    if let Some(description) = schema.get("description").and_then(Value::as_str) {
        let short: String = description.chars().take(300).collect();
        cleaned.insert("description".into(), Value::from(short));
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        let fits: Vec<Value> = choices
            .iter()
            .filter(|choice| match kind {
                Kind::Text => choice.as_str().is_some_and(|text| !text.is_empty()),
                Kind::Integer => choice.as_i64().is_some(),
                Kind::Real => choice.is_number(),
                _ => false,
            })
            .cloned()
            .collect();
        if !fits.is_empty() && fits.len() <= 60 {
            cleaned.insert("enum".into(), Value::Array(fits));
        }
    }
    if kind == Kind::Text
        && let Some(format) = schema.get("format").and_then(Value::as_str)
        && ["date", "date-time", "email"].contains(&format)
        && schema.get("enum").is_none()
    {
        cleaned.insert("format".into(), Value::from(format));
    }
    if matches!(kind, Kind::Integer | Kind::Real) {
        for bound in ["minimum", "maximum"] {
            if let Some(value) = schema.get(bound)
                && value.as_f64().is_some_and(|value| value.abs() < 1e12)
            {
                cleaned.insert(bound.into(), value.clone());
            }
        }
    }
    if kind == Kind::Text
        && let Some(example) = schema
            .get("examples")
            .and_then(Value::as_array)
            .and_then(|examples| examples.first())
            .filter(|example| example.as_str().is_some_and(|text| text.len() <= 60))
    {
        cleaned.insert("examples".into(), Value::Array(vec![example.clone()]));
    }
    if kind == Kind::Text
        && let Some(length) = schema.get("maxLength").and_then(Value::as_u64)
        && (8..100_000).contains(&length)
    {
        cleaned.insert("maxLength".into(), Value::from(length));
    }
    if let Some(default) = schema.get("default")
        && match kind {
            Kind::Text => default.as_str().is_some_and(|text| {
                !text.is_empty()
                    && cleaned
                        .get("enum")
                        .and_then(Value::as_array)
                        .is_none_or(|choices| choices.contains(default))
            }),
            Kind::Integer => default.as_i64().is_some(),
            Kind::Real => default.is_number(),
            Kind::Boolean => default.is_boolean(),
            _ => false,
        }
    {
        cleaned.insert("default".into(), default.clone());
    }
    if kind == Kind::List
        && let Some(items) = schema.get("items")
    {
        cleaned.insert("items".into(), clean(items, kind_of(items)));
    }
    Value::Object(cleaned)
}

/// Places an operation on its table.
fn tool(
    plan: &Plan,
    operation: &Operation<'_>,
    at: usize,
    classified: &Classified,
    table: usize,
    links: &BTreeMap<String, Link>,
) -> Result<ToolPlan, String> {
    let definition = &plan.tables[table];
    let noun = &definition.noun;
    if let Some(listed) = listed_through(plan, operation, classified, links) {
        return Ok(ToolPlan {
            operation: at,
            ..listed
        });
    }
    let mut keys: Vec<(String, usize)> = Vec::new();
    let mut via = None;
    for (depth, step) in operation
        .path
        .iter()
        .enumerate()
        .take(classified.subject + 1)
    {
        let Some(parameter) = &step.parameter else {
            continue;
        };
        let column = if depth == classified.subject {
            definition
                .column(parameter)
                .or_else(|| match &definition.key[..] {
                    [only] => Some(*only),
                    _ => None,
                })
        } else {
            let above = plan.tables.iter().position(|other| other.noun == step.noun);
            // A noun above that is no table is the scope of the whole world: one shop, one tenant.
            match above {
                None => continue,
                Some(_) if link_between(links, &step.noun, noun).is_some() => {
                    let found = via_link(plan, links, &step.noun, noun, parameter);
                    if found.is_none() || classified.class != Class::List {
                        return Err(format!("nothing says how {parameter} belongs to a {noun}"));
                    }
                    via = found;
                    continue;
                }
                Some(above) => definition
                    .columns
                    .iter()
                    .position(|column| {
                        column.references == Some(above) && same(&column.field, parameter)
                    })
                    .or_else(|| {
                        definition
                            .columns
                            .iter()
                            .position(|column| column.references == Some(above))
                    }),
            }
        };
        match column {
            Some(column) => keys.push((parameter.clone(), column)),
            None => {
                return Err(format!("nothing says how {parameter} belongs to a {noun}"));
            }
        }
    }
    let picks_one = matches!(
        classified.class,
        Class::Get | Class::Update | Class::Delete | Class::Action(_)
    );
    if picks_one
        && !definition
            .key
            .iter()
            .all(|column| keys.iter().any(|(_, own)| own == column))
    {
        return Err(format!("its path does not pick one {noun} by its key"));
    }
    if let (Class::List, Shows::Many(thing)) = (&classified.class, &operation.shows)
        && !has_key(thing, noun)
        && definition.minted
        && definition.columns[definition.key[0]].hidden
        && thing.fields.len() < 2
    {
        return Err("the things in its reply have no key and hardly any field".into());
    }
    Ok(ToolPlan {
        operation: at,
        class: classified.class.clone(),
        table,
        keys,
        via,
    })
}

/// The noun of the link between two nouns.
fn link_between<'a>(
    links: &'a BTreeMap<String, Link>,
    one: &str,
    other: &str,
) -> Option<&'a String> {
    links
        .iter()
        .find(|(_, link)| {
            (link.above == one && link.below == other) || (link.above == other && link.below == one)
        })
        .map(|(noun, _)| noun)
}

/// How rows of `own` are found through the link to `above`.
fn via_link(
    plan: &Plan,
    links: &BTreeMap<String, Link>,
    above: &str,
    own: &str,
    argument: &str,
) -> Option<Via> {
    let noun = link_between(links, above, own)?;
    let link = plan.tables.iter().position(|table| table.noun == *noun)?;
    let column = |wanted: &str| {
        plan.tables[link].columns.iter().position(|column| {
            column
                .references
                .is_some_and(|table| plan.tables[table].noun == wanted)
        })
    };
    Some(Via {
        argument: argument.to_string(),
        link,
        argument_column: column(above)?,
        own_column: column(own)?,
    })
}

/// A list under a link that shows the things behind it: `/classes/{class_id}/members` with members.
fn listed_through(
    plan: &Plan,
    operation: &Operation<'_>,
    classified: &Classified,
    links: &BTreeMap<String, Link>,
) -> Option<ToolPlan> {
    let link = links.get(operation.noun())?;
    let Shows::Many(thing) = &operation.shows else {
        return None;
    };
    if classified.class != Class::List || thing.entity.as_deref() != Some(link.below.as_str()) {
        return None;
    }
    let parameter = operation.path[classified.subject.checked_sub(1)?]
        .parameter
        .as_deref()?;
    Some(ToolPlan {
        operation: 0,
        class: Class::List,
        table: plan
            .tables
            .iter()
            .position(|table| table.noun == link.below)?,
        keys: Vec::new(),
        via: Some(via_link(plan, links, &link.above, &link.below, parameter)?),
    })
}
