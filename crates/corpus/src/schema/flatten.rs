//! One schema put together from its parts: the reference it is, what `allOf` adds, the alternative that
//! stands for the others.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::keywords::Types;
use super::resolve::Cut;
use super::{References, follow};

/// References and `allOf` parts nested deeper than this are not followed.
const CHAIN: usize = 32;
/// Alternatives that are looked at.
const MAX_VARIANTS: usize = 32;
/// Alternatives that are kept side by side, and properties that they may have together.
const KEPT_VARIANTS: usize = 4;
const KEPT_PROPERTIES: usize = 12;
/// Properties of one object that are looked at; the largest real one seen has some 600.
const MAX_PROPERTIES: usize = 1000;

/// The schemas through which a place was reached by reference. They are told apart by where they stand in
/// the document, since the same place may be written in several ways.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    refs: Vec<&'a Value>,
    parent: Option<Rc<Frame<'a>>>,
}

impl<'a> Frame<'a> {
    pub(super) fn below(parent: Option<&Rc<Self>>, refs: &[&'a Value]) -> Option<Rc<Self>> {
        if refs.is_empty() {
            return parent.cloned();
        }
        Some(Rc::new(Self {
            refs: refs.to_vec(),
            parent: parent.cloned(),
        }))
    }

    fn holds(frame: Option<&Rc<Self>>, schema: &Value) -> bool {
        let mut at = frame;
        while let Some(frame) = at {
            if frame.refs.iter().any(|seen| std::ptr::eq(*seen, schema)) {
                return true;
            }
            at = frame.parent.as_ref();
        }
        false
    }
}

/// Alternatives that stay side by side.
#[derive(Debug)]
pub(super) struct Variants<'a> {
    /// `oneOf` or `anyOf`.
    pub(super) key: &'static str,
    pub(super) schemas: Vec<&'a Value>,
    /// The types of all of them together.
    pub(super) types: Types,
    /// `null` is one of them.
    pub(super) null: bool,
    /// The object that one of them is.
    pub(super) entity: Option<&'a str>,
}

/// One schema with its parts put together.
#[derive(Debug, Default)]
pub(super) struct Flat<'a> {
    /// The name that the spec gives to this object.
    pub(super) entity: Option<&'a str>,
    /// Schemas that were entered by reference to get here.
    pub(super) refs: Vec<&'a Value>,
    /// Where keywords are looked up; the first that has one wins.
    parts: Vec<&'a Map<String, Value>>,
    pub(super) properties: Vec<(&'a str, &'a Value)>,
    pub(super) required: Vec<&'a str>,
    pub(super) items: Option<&'a Value>,
    pub(super) additional: Option<&'a Value>,
    pub(super) variants: Option<Variants<'a>>,
    /// Number of alternatives, where one stands for several.
    pub(super) replaced_variants: Option<usize>,
    /// Values that the alternatives allow, where all are constants.
    pub(super) constants: Vec<Value>,
    pub(super) nullable: bool,
    /// Why this place could not be followed.
    pub(super) cut: Option<Cut>,
    /// The reference that could not be followed.
    pub(super) dangling: Option<&'a str>,
}

impl<'a> Flat<'a> {
    /// A keyword of the first part that has it.
    pub(super) fn keyword(&self, key: &str) -> Option<&'a Value> {
        self.parts.iter().find_map(|part| part.get(key))
    }

    /// Whether a keyword is `true`.
    pub(super) fn flag(&self, key: &str) -> bool {
        matches!(self.keyword(key), Some(Value::Bool(true)))
    }

    /// Whether some part says that `null` is allowed.
    pub(super) fn is_nullable(&self) -> bool {
        self.nullable
            || self.flag("nullable")
            || self.flag("x-nullable")
            || self.flag("x-isnullable")
    }

    /// Whether other schemas hang on this one.
    pub(super) fn is_leaf(&self) -> bool {
        self.properties.is_empty()
            && self.items.is_none()
            && self.additional.is_none()
            && self.variants.is_none()
    }
}

/// Puts schemas of one document together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flattener<'a> {
    pub(super) root: &'a Value,
    pub(super) references: References,
}

/// How a part is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    /// It is the schema itself, perhaps through references.
    Itself,
    /// It is one of several parts.
    Part,
}

impl<'a> Flattener<'a> {
    /// Puts one schema together. `whole` merges one alternative into it even where several could stay.
    pub(super) fn flatten(
        &self,
        schema: &'a Value,
        stack: Option<&Rc<Frame<'a>>>,
        whole: bool,
        visits: &mut usize,
    ) -> Flat<'a> {
        let mut flat = Flat::default();
        let mut collect = Collect {
            flattener: *self,
            stack,
            visits,
        };
        collect.add(&mut flat, schema, Position::Itself, 0);
        // An alternative that is merged may bring alternatives of its own.
        for _ in 0..8 {
            let Some(variants) = flat.variants.take() else {
                break;
            };
            if !collect.choose(&mut flat, variants, whole) {
                break;
            }
        }
        flat
    }

    fn target(&self, reference: &str) -> Option<&'a Value> {
        match self.references {
            References::Pointer => follow(self.root, reference.strip_prefix('#')?),
            References::Name => self.root.get("schemas")?.get(reference),
        }
    }

    /// The name of the schema that a reference points at, if it points into a list of named schemas.
    fn entity(&self, reference: &'a str) -> Option<&'a str> {
        match self.references {
            References::Name => Some(reference),
            References::Pointer => {
                let (container, name) = reference.rsplit_once('/')?;
                let named = ["schemas", "definitions", "$defs"]
                    .iter()
                    .any(|list| container.ends_with(list));
                (named && !is_numbered(name)).then_some(name)
            }
        }
    }
}

struct Collect<'a, 's> {
    flattener: Flattener<'a>,
    stack: Option<&'s Rc<Frame<'a>>>,
    visits: &'s mut usize,
}

impl<'a> Collect<'a, '_> {
    fn add(&mut self, flat: &mut Flat<'a>, schema: &'a Value, position: Position, chain: usize) {
        let Value::Object(map) = schema else {
            return;
        };
        if chain > CHAIN || *self.visits == 0 {
            flat.cut = Some(Cut::Size);
            return;
        }
        *self.visits -= 1;
        if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
            // What stands beside a reference, mostly a description, goes before what it points at.
            if map.len() > 1 {
                flat.parts.push(map);
            }
            self.add_reference(flat, reference, position, chain);
            return;
        }
        flat.parts.push(map);
        Self::add_own(flat, map);
        if let Some(parts) = map.get("allOf").and_then(Value::as_array) {
            let alone = parts.len() == 1 && !map.contains_key("properties");
            let position = if alone { position } else { Position::Part };
            for part in parts {
                self.add(flat, part, position, chain + 1);
            }
        }
    }

    fn add_reference(
        &mut self,
        flat: &mut Flat<'a>,
        reference: &'a str,
        position: Position,
        chain: usize,
    ) {
        let entity = self.flattener.entity(reference);
        if position == Position::Itself || flat.entity.is_none() {
            flat.entity = entity.or(flat.entity);
        }
        let Some(target) = self.flattener.target(reference) else {
            flat.cut = Some(Cut::Dangling);
            flat.dangling = Some(reference);
            return;
        };
        if flat.refs.iter().any(|seen| std::ptr::eq(*seen, target)) {
            // A loop of references and `allOf` alone: everything that it says is already here.
            if position == Position::Itself {
                flat.cut = flat.cut.or(Some(Cut::Cycle));
            }
            return;
        }
        let seen = Frame::holds(self.stack, target);
        if seen && position == Position::Itself {
            flat.cut = Some(Cut::Cycle);
            // What it is may still be said; what it holds may not.
            flat.parts.extend(target.as_object());
            return;
        }
        flat.refs.push(target);
        let before = flat.variants.take();
        self.add(flat, target, position, chain + 1);
        // A subtype that names its base in `allOf` is reached through the base's list of subtypes:
        // the base's fields belong to it, the list does not.
        if seen || before.is_some() {
            flat.variants = before;
        }
    }

    fn add_own(flat: &mut Flat<'a>, map: &'a Map<String, Value>) {
        if let Some(properties) = map.get("properties").and_then(Value::as_object) {
            for (name, schema) in properties {
                if flat.properties.len() >= MAX_PROPERTIES {
                    flat.cut = flat.cut.or(Some(Cut::Size));
                    break;
                }
                if !flat.properties.iter().any(|(known, _)| known == name) {
                    flat.properties.push((name, schema));
                }
            }
        }
        if let Some(required) = map.get("required").and_then(Value::as_array) {
            for name in required
                .iter()
                .filter_map(Value::as_str)
                .take(MAX_PROPERTIES)
            {
                if !flat.required.contains(&name) {
                    flat.required.push(name);
                }
            }
        }
        flat.items = flat.items.or(match map.get("items") {
            // A tuple of old: its first member stands for all.
            Some(Value::Array(items)) => items.first(),
            items => items,
        });
        flat.additional = flat.additional.or_else(|| {
            map.get("additionalProperties")
                .filter(|schema| schema.is_object())
                .or_else(|| map.get("patternProperties")?.as_object()?.values().next())
                .filter(|schema| schema.as_object().is_some_and(|s| !s.is_empty()))
        });
        if flat.variants.is_none() {
            flat.variants = ["oneOf", "anyOf"].iter().find_map(|key| {
                let schemas: Vec<&Value> = map.get(*key)?.as_array()?.iter().collect();
                (!schemas.is_empty()).then_some(Variants {
                    key,
                    schemas,
                    types: Types::default(),
                    null: false,
                    entity: None,
                })
            });
        }
    }

    /// Decides what becomes of alternatives: none, one that is merged (`true`), or a few that stay.
    fn choose(&mut self, flat: &mut Flat<'a>, variants: Variants<'a>, whole: bool) -> bool {
        let mut leaves: Vec<(&'a Value, Types)> = Vec::new();
        let mut objects: Vec<(&'a Value, usize)> = Vec::new();
        let mut constants = Vec::new();
        let total = variants.schemas.len();
        let mut all_types = Types::default();
        let mut entity = None;
        let mut null = false;
        for schema in variants.schemas.into_iter().take(MAX_VARIANTS) {
            let mut shape = Flat::default();
            self.add(&mut shape, schema, Position::Itself, 1);
            let types = super::keywords::types(&shape);
            all_types.merge(&types);
            entity = entity.or(shape.entity);
            let free = types.names == ["object"] && shape.is_leaf() && shape.cut.is_none();
            if types.null && (free || types.names.is_empty()) {
                // Also OData's way to say that a value may be null: `{type: object, nullable: true}`.
                null = true;
            } else if shape.cut.is_some() || !shape.is_leaf() || types.names == ["object"] {
                objects.push((schema, shape.properties.len()));
            } else if let Some(values) = constant_values(&shape) {
                // Stripe's way to say that a value may be unset.
                if values != [""] {
                    constants.push((schema, types, values));
                }
            } else if (types != Types::default() || shape.keyword("format").is_some())
                && !leaves.iter().any(|(_, known)| *known == types)
            {
                leaves.push((schema, types));
            }
            // Else it only restricts (`required` alone), and says nothing about structure.
        }
        // Kept alternatives have `null` beside them; a single one takes it into its type.
        let nullable = flat.nullable || null;
        if leaves.is_empty() && objects.is_empty() {
            flat.nullable = nullable;
            flat.constants = constants
                .into_iter()
                .flat_map(|(_, _, values)| values.into_iter().cloned())
                .collect();
            return false;
        }
        // Constants beside a type that holds them anyway add nothing.
        for (schema, types, _) in constants {
            if !leaves.iter().any(|(_, known)| known.names == types.names) {
                leaves.push((schema, types));
            }
        }
        // Where one must do, one that has fields.
        let best = objects.iter().position(|(_, fields)| *fields > 0);
        if let Some(best) = best {
            objects.swap(0, best);
        }
        if let Some((first, _)) = objects.first()
            && (whole || !flat.properties.is_empty())
        {
            flat.nullable = nullable;
            // Alternatives beside own properties: fields that go with them in one of the cases.
            flat.replaced_variants = (objects.len() > 1).then_some(total);
            let entity = flat.entity;
            self.add(flat, first, Position::Itself, 1);
            flat.entity = entity.or(flat.entity);
            return true;
        }
        let fields: usize = objects.iter().map(|(_, fields)| fields).sum();
        if objects.len() > 1 && (objects.len() > KEPT_VARIANTS || fields > KEPT_PROPERTIES) {
            objects.truncate(1);
            flat.replaced_variants = Some(total);
        }
        leaves.truncate(KEPT_VARIANTS);
        let schemas: Vec<&Value> = leaves
            .into_iter()
            .map(|(schema, _)| schema)
            .chain(objects.into_iter().map(|(schema, _)| schema))
            .collect();
        match schemas.as_slice() {
            [only] => {
                flat.nullable = nullable;
                self.add(flat, only, Position::Itself, 1);
                true
            }
            [first, ..] if whole => {
                flat.nullable = nullable;
                flat.replaced_variants = Some(total);
                self.add(flat, first, Position::Itself, 1);
                true
            }
            _ => {
                flat.variants = Some(Variants {
                    key: variants.key,
                    schemas,
                    types: all_types,
                    null: null || flat.is_nullable(),
                    entity,
                });
                false
            }
        }
    }
}

/// Whether a generator made a name up: `def0`, `__schema12`.
fn is_numbered(name: &str) -> bool {
    let word = name.trim_end_matches(|c: char| c.is_ascii_digit());
    word.len() < name.len() && matches!(word, "" | "def" | "schema" | "__schema" | "_" | "type")
}

/// The values of an alternative that is nothing but constants.
fn constant_values<'a>(shape: &Flat<'a>) -> Option<Vec<&'a Value>> {
    if let Some(values) = shape.keyword("enum").and_then(Value::as_array) {
        return Some(values.iter().collect());
    }
    shape.keyword("const").map(|value| vec![value])
}
