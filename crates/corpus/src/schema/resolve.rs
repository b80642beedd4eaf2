//! Resolving a schema within a budget, level by level.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::flatten::{Flat, Flattener, Frame};
use super::keywords::{Types, description, translate, types};
use super::{Direction, References, size};
use crate::operation::set_description;
use crate::{Limits, text};

/// What every place costs at least, beside its name: quotes, braces, a type.
const PLACE_BYTES: usize = 24;
/// The same for a place that may have to be cut, and marked.
const CUT_PLACE_BYTES: usize = 56;
/// Longest description of a property, in characters, and the shortest that is worth a cut.
const DESCRIPTION: usize = 300;
const SHORT_DESCRIPTION: usize = 48;
/// Arrays, alternatives and objects inside each other, together.
const NESTING: usize = 24;
/// Parts of schemas that are looked at for one resolved schema.
const VISITS: usize = 4000;

/// Why resolving stopped at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cut {
    /// The schema contains itself.
    Cycle,
    /// It is nested deeper than the limit.
    Depth,
    /// The budget was spent.
    Size,
    /// The reference leads nowhere.
    Dangling,
}

impl Cut {
    /// Every reason, in the order of the report.
    pub(crate) const ALL: [Self; 4] = [Self::Cycle, Self::Depth, Self::Size, Self::Dangling];

    /// The value of `x-cut`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cycle => "cycle",
            Self::Depth => "depth",
            Self::Size => "size",
            Self::Dangling => "dangling",
        }
    }
}

/// What was cut in one document.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    /// How often, by reason, and the place where it happened first.
    pub(crate) counts: BTreeMap<Cut, (usize, String)>,
    /// References that lead nowhere, how often, and the place of the first.
    pub(crate) dangling: BTreeMap<String, (usize, String)>,
    /// Properties left out of requests because they are read-only.
    pub(crate) read_only: usize,
}

impl Cuts {
    fn note(&mut self, cut: Cut, place: &str) {
        let entry = self
            .counts
            .entry(cut)
            .or_insert_with(|| (0, place.to_owned()));
        entry.0 += 1;
    }
}

/// Resolves the schemas of one document.
#[derive(Debug)]
pub(crate) struct Resolver<'d> {
    flattener: Flattener<'d>,
    limits: &'d Limits,
    /// What was cut so far.
    pub(crate) cuts: Cuts,
    /// The operation that is being read, as a JSON pointer.
    pub(crate) place: String,
}

impl<'d> Resolver<'d> {
    pub(crate) fn new(root: &'d Value, references: References, limits: &'d Limits) -> Self {
        Self {
            flattener: Flattener { root, references },
            limits,
            cuts: Cuts::default(),
            place: String::new(),
        }
    }

    /// A schema without references, of roughly `bytes` as JSON at most.
    ///
    /// `whole` makes one object of a schema with alternatives, so that its properties can be taken out.
    pub(crate) fn resolve(
        &mut self,
        schema: &'d Value,
        direction: Direction,
        whole: bool,
        bytes: usize,
    ) -> Value {
        let mut work = Work {
            flattener: self.flattener,
            cuts: &mut self.cuts,
            place: &self.place,
            direction,
            depth: self.limits.schema_depth,
            // Structure first; words get the rest, and three eighths at least.
            room: signed(bytes - bytes * 3 / 8),
            visits: VISITS,
            nodes: vec![Node::default()],
            queue: VecDeque::new(),
        };
        work.queue.push_back(Job {
            schema,
            node: 0,
            level: 0,
            nesting: 0,
            stack: None,
            prepaid: 0,
        });
        while let Some(job) = work.queue.pop_front() {
            work.step(&job, whole);
        }
        let words = unsigned(work.room) + bytes * 3 / 8;
        let mut nodes = work.nodes;
        describe(&mut nodes, words);
        assemble(&mut nodes, 0)
    }
}

/// A place in the result: its own keywords, and the places below it.
#[derive(Debug, Default)]
struct Node<'a> {
    keywords: Map<String, Value>,
    /// As the spec has it.
    description: Option<&'a str>,
    nesting: usize,
    properties: Vec<(String, usize)>,
    required: Vec<String>,
    items: Option<usize>,
    additional: Option<usize>,
    variants: Option<(&'static str, Vec<usize>, bool)>,
    marks: Map<String, Value>,
}

impl Node<'_> {
    /// Bytes of the place itself, without its description and what hangs on it.
    fn bytes(&self) -> usize {
        let fields = self.keywords.iter().chain(&self.marks);
        let own: usize = fields.map(|(key, value)| key.len() + 4 + size(value)).sum();
        let required: usize = self.required.iter().map(|name| name.len() + 3).sum();
        let below = !self.properties.is_empty() || self.items.is_some() || self.variants.is_some();
        3 + own + required + if below { 16 } else { 0 }
    }
}

/// A schema that waits to be put into its place.
struct Job<'a> {
    schema: &'a Value,
    node: usize,
    /// Objects around it.
    level: usize,
    /// Objects, arrays and alternatives around it.
    nesting: usize,
    stack: Option<Rc<Frame<'a>>>,
    /// Bytes that were set aside for it.
    prepaid: usize,
}

struct Work<'a, 'w> {
    flattener: Flattener<'a>,
    cuts: &'w mut Cuts,
    place: &'w str,
    direction: Direction,
    depth: usize,
    /// Bytes that may still be spent; below zero when places took more than was set aside for them.
    room: isize,
    visits: usize,
    nodes: Vec<Node<'a>>,
    queue: VecDeque<Job<'a>>,
}

impl<'a> Work<'a, '_> {
    fn step(&mut self, job: &Job<'a>, whole: bool) {
        let root = job.node == 0;
        let flat = self.flattener.flatten(
            job.schema,
            job.stack.as_ref(),
            whole && root,
            &mut self.visits,
        );
        let types = types(&flat);
        let tight = self.room <= 0 && !root;
        let mut node = Node {
            keywords: translate(&flat, &types, tight),
            description: description(&flat),
            nesting: job.nesting,
            ..Node::default()
        };
        if node.keywords.contains_key("x-cut") {
            self.cuts.note(Cut::Size, self.place);
        }
        if types.names.contains(&"object")
            && let Some(entity) = flat.entity
        {
            node.marks
                .insert("x-entity".to_owned(), json!(decoded(entity)));
        }
        if let Some(count) = flat.replaced_variants {
            node.marks.insert("x-variants".to_owned(), json!(count));
        }
        if let Some(cut) = flat.cut {
            if let Some(reference) = flat.dangling {
                let entry = self
                    .cuts
                    .dangling
                    .entry(reference.to_owned())
                    .or_insert_with(|| (0, self.place.to_owned()));
                entry.0 += 1;
            }
            self.mark(&mut node, &flat, cut);
        }
        // What was set aside for this place is there for it and for what hangs on it.
        self.room += signed(job.prepaid);
        // What a cut place still has (a description beside the reference, other parts) stays.
        if !flat.is_leaf() {
            self.expand(&mut node, &flat, &types, job);
        }
        self.spend(node.bytes());
        if let Some(place) = self.nodes.get_mut(job.node) {
            *place = node;
        }
    }

    fn expand(&mut self, node: &mut Node<'a>, flat: &Flat<'a>, types: &Types, job: &Job<'a>) {
        let root = job.node == 0;
        let stack = Frame::below(job.stack.as_ref(), &flat.refs);
        if job.nesting >= NESTING {
            self.mark(node, flat, Cut::Depth);
            return;
        }
        if !flat.properties.is_empty() {
            if job.level > self.depth {
                self.mark(node, flat, Cut::Depth);
                return;
            }
            self.expand_object(node, flat, job, stack.as_ref());
        } else if let Some(additional) = flat.additional
            && types.names.contains(&"object")
        {
            // A map's values are one level down, as a property's are.
            if job.level > self.depth || (self.room <= 0 && !root) {
                self.mark(node, flat, Cut::Depth);
                return;
            }
            node.additional = Some(self.child(additional, job, stack.as_ref(), 1));
        }
        if let Some(items) = flat.items
            && types.names.contains(&"array")
        {
            if self.room <= 0 && !root {
                self.mark(node, flat, Cut::Size);
                return;
            }
            node.items = Some(self.child(items, job, stack.as_ref(), 0));
        }
        if let Some(variants) = &flat.variants {
            if self.room <= 0 && !root {
                // The types at least, and the object that it may be.
                let types = Types {
                    null: types.null || variants.null,
                    ..variants.types.clone()
                };
                if let Some(types) = types.to_value() {
                    node.keywords.insert("type".to_owned(), types);
                }
                if let Some(entity) = variants.entity {
                    node.marks
                        .insert("x-entity".to_owned(), json!(decoded(entity)));
                }
                self.mark(node, flat, Cut::Size);
                return;
            }
            let children = variants
                .schemas
                .iter()
                .map(|schema| self.child(schema, job, stack.as_ref(), 0))
                .collect();
            node.variants = Some((variants.key, children, variants.null));
        }
    }

    fn expand_object(
        &mut self,
        node: &mut Node<'a>,
        flat: &Flat<'a>,
        job: &Job<'a>,
        stack: Option<&Rc<Frame<'a>>>,
    ) {
        let mut required = flat.required.clone();
        let mut kept = Vec::with_capacity(flat.properties.len());
        for (name, schema) in &flat.properties {
            let access = self.access(schema);
            let hidden = match self.direction {
                Direction::Request => access.read_only,
                Direction::Reply => access.write_only,
                Direction::Plain => false,
            };
            if hidden {
                if self.direction == Direction::Request {
                    self.cuts.read_only += 1;
                }
                required.retain(|r| r != name);
                continue;
            }
            if access.required && self.direction == Direction::Request && !required.contains(name) {
                required.push(name);
            }
            kept.push((*name, *schema));
        }
        let cost = |name: &str, schema: &Value| name.len() + least_bytes(schema);
        let total: usize = kept.iter().map(|(name, schema)| cost(name, schema)).sum();
        if signed(total) > self.room {
            if job.node != 0 {
                self.mark(node, flat, Cut::Size);
                return;
            }
            // The root always keeps what fits: first what is required, then in the spec's order.
            let mut left = unsigned(self.room);
            let mut fits = |name: &str, schema: &Value| {
                let fits = cost(name, schema) <= left;
                left = left.saturating_sub(cost(name, schema));
                fits
            };
            let mut keep: Vec<bool> = kept
                .iter()
                .map(|(name, schema)| required.contains(name) && fits(name, schema))
                .collect();
            for (keep, (name, schema)) in keep.iter_mut().zip(&kept) {
                *keep = *keep || fits(name, schema);
            }
            let mut keep = keep.into_iter();
            kept.retain(|_| keep.next().unwrap_or(false));
            self.mark(node, flat, Cut::Size);
        }
        for (name, _) in &kept {
            self.spend(name.len());
        }
        required.retain(|name| kept.iter().any(|(known, _)| known == name));
        for (name, schema) in kept {
            let child = self.child(schema, job, stack, 1);
            node.properties.push((name.to_owned(), child));
        }
        node.required = required.into_iter().map(str::to_owned).collect();
    }

    /// Puts a schema in the queue and returns the place it will have.
    fn child(
        &mut self,
        schema: &'a Value,
        job: &Job<'a>,
        stack: Option<&Rc<Frame<'a>>>,
        levels: usize,
    ) -> usize {
        let prepaid = least_bytes(schema);
        self.spend(prepaid);
        let node = self.nodes.len();
        self.nodes.push(Node::default());
        self.queue.push_back(Job {
            schema,
            node,
            level: job.level + levels,
            nesting: job.nesting + 1,
            stack: stack.cloned(),
            prepaid,
        });
        node
    }

    fn mark(&mut self, node: &mut Node<'a>, flat: &Flat<'a>, cut: Cut) {
        self.cuts.note(cut, self.place);
        // A reference that was not followed names an object, most likely.
        if matches!(cut, Cut::Cycle | Cut::Dangling) && node.keywords.get("type").is_none() {
            if cut == Cut::Cycle {
                node.keywords.insert("type".to_owned(), json!("object"));
            }
            if let Some(entity) = flat.entity {
                node.marks
                    .insert("x-entity".to_owned(), json!(decoded(entity)));
            }
        }
        node.marks.insert("x-cut".to_owned(), json!(cut.name()));
    }

    fn spend(&mut self, bytes: usize) {
        self.room -= signed(bytes);
    }

    /// What a property says about who may set it.
    fn access(&self, schema: &'a Value) -> Access {
        let flag = |key: &str| matches!(schema.get(key), Some(Value::Bool(true)));
        let mut access = Access {
            read_only: flag("readOnly"),
            write_only: flag("writeOnly"),
            required: false,
        };
        if self.flattener.references == References::Name
            && let Some(description) = schema.get("description").and_then(Value::as_str)
        {
            let start = description.trim_start_matches('[');
            access.read_only |=
                start.starts_with("Output only") || start.starts_with("Output Only");
            access.required = description.starts_with("Required.");
        }
        access
    }
}

#[derive(Debug, Clone, Copy)]
struct Access {
    read_only: bool,
    write_only: bool,
    required: bool,
}

/// Gives descriptions to places, as far as `room` bytes reach. What lies higher is described first, and
/// takes three quarters of what is there.
fn describe(nodes: &mut [Node<'_>], mut room: usize) {
    let mut levels: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        if node.description.is_some() {
            levels.entry(node.nesting).or_default().push(at);
        }
    }
    for level in levels.into_values() {
        let share = (room * 3 / 4) / level.len();
        let limit = share.clamp(SHORT_DESCRIPTION, DESCRIPTION);
        for at in level {
            if room < SHORT_DESCRIPTION {
                return;
            }
            let Some(node) = nodes.get_mut(at) else {
                continue;
            };
            let words = text::clean(node.description.unwrap_or_default(), limit);
            if !words.is_empty() {
                room = room.saturating_sub(words.len() + 18);
                set_description(&mut node.keywords, &words);
            }
        }
    }
}

fn signed(bytes: usize) -> isize {
    isize::try_from(bytes).unwrap_or(isize::MAX)
}

fn unsigned(bytes: isize) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}

/// What a schema takes at least, however little of it is kept.
fn least_bytes(schema: &Value) -> usize {
    let composite = ["$ref", "properties", "items", "allOf", "oneOf", "anyOf"];
    if composite.iter().any(|key| schema.get(*key).is_some()) {
        CUT_PLACE_BYTES
    } else {
        PLACE_BYTES
    }
}

/// A component's name as it was before it was escaped for a JSON pointer.
fn decoded(name: &str) -> String {
    let name = super::percent_decode(name).unwrap_or_else(|| name.to_owned());
    name.replace("~1", "/").replace("~0", "~")
}

fn assemble(nodes: &mut Vec<Node<'_>>, at: usize) -> Value {
    let node = nodes.get_mut(at).map(std::mem::take).unwrap_or_default();
    let mut out = node.keywords;
    if let Some(items) = node.items {
        let items = assemble(nodes, items);
        out.insert("items".to_owned(), items);
    }
    if !node.properties.is_empty() {
        let properties: Map<String, Value> = node
            .properties
            .into_iter()
            .map(|(name, child)| (name, assemble(nodes, child)))
            .collect();
        out.insert("properties".to_owned(), Value::Object(properties));
    }
    if !node.required.is_empty() {
        out.insert("required".to_owned(), json!(node.required));
    }
    if let Some(additional) = node.additional {
        let additional = assemble(nodes, additional);
        out.insert("additionalProperties".to_owned(), additional);
    }
    if let Some((key, children, null)) = node.variants {
        let mut variants: Vec<Value> = children
            .into_iter()
            .map(|child| assemble(nodes, child))
            .collect();
        if null {
            variants.push(json!({"type": "null"}));
        }
        out.insert(key.to_owned(), Value::Array(variants));
    }
    if out.contains_key("x-cut") && !node.marks.contains_key("x-cut") {
        // Keep the marks together at the end.
        if let Some(cut) = out.shift_remove("x-cut") {
            out.insert("x-cut".to_owned(), cut);
        }
    }
    out.extend(node.marks);
    Value::Object(out)
}
