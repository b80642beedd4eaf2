//! A guide lets a model write only what is well-formed: the name of a tool that there is, then arguments that its
//! schema allows; or one of the words that open a message.
//!
//! It is an automaton over bytes with a stack, small because the schemas that it meets are those of worlds' tools.
//! A parser of whole grammars (llguidance) would bring two dozen crates for what these few states do; schemas beyond
//! them are guided as any JSON value. Key order is free, white space is not written.

use std::sync::Arc;

use serde_json::Value;

/// Texts, none the beginning of another, and what follows each.
type Options = Arc<[(Vec<u8>, Option<Frame>)]>;

/// What may follow.
#[derive(Debug, Clone)]
enum Frame {
    /// These bytes, from a position.
    Literal(Arc<[u8]>, usize),
    /// One of several texts, none the beginning of another; what follows each.
    Choice(Options, Vec<usize>, usize),
    /// A value of one of the schemas.
    Value(Arc<[Schema]>),
    /// The inside of a string, after its opening quote.
    Text(Escape),
    /// A number, by how far it is.
    Number(Part, bool),
    /// The members of an object, after its brace: which were written, and what may come next.
    Members(Arc<Object>, u64, Next),
    /// The value of a member, then the rest of its object.
    Member(Arc<[Schema]>, Box<Frame>),
    /// The elements of an array, after its bracket.
    Elements(Arc<[Schema]>, Next),
    /// A message: one line, at least a byte long.
    Line(usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Escape {
    None,
    Backslash,
    Hex(u8),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Start,
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Next {
    /// The first member or element, or the end.
    First,
    /// A comma or the end.
    Comma,
    /// A member or element.
    Item,
}

/// A kind of value.
#[derive(Debug, Clone)]
enum Schema {
    /// One of these, as JSON text.
    Enum(Options),
    String,
    Number {
        integer: bool,
    },
    Object(Arc<Object>),
    Array(Arc<[Schema]>),
}

#[derive(Debug)]
struct Object {
    /// Key as JSON text with its colon, value, required.
    members: Vec<(Vec<u8>, Arc<[Schema]>, bool)>,
    /// Other keys may be written, with any value.
    open: bool,
}

/// Deepest schema that is followed; what lies below is any value.
const DEEPEST: usize = 6;

fn any(depth: usize) -> Arc<[Schema]> {
    let mut all = vec![
        words(&["true", "false", "null"]),
        Schema::String,
        Schema::Number { integer: false },
    ];
    if depth < DEEPEST {
        let inner = any(depth.max(DEEPEST - 3) + 1);
        all.push(Schema::Array(Arc::clone(&inner)));
        all.push(Schema::Object(Arc::new(Object {
            members: Vec::new(),
            open: true,
        })));
    }
    all.into()
}

fn words(words: &[&str]) -> Schema {
    Schema::Enum(
        words
            .iter()
            .map(|word| (word.as_bytes().to_vec(), None))
            .collect(),
    )
}

fn schemas(value: &Value, depth: usize) -> Arc<[Schema]> {
    if depth >= DEEPEST {
        return any(depth);
    }
    if let Some(list) = value["enum"].as_array() {
        let mut texts: Vec<String> = list.iter().map(Value::to_string).collect();
        texts.sort();
        texts.dedup();
        // Numbers may begin each other; they are guided by their type.
        if list.iter().all(|value| !value.is_number()) && !texts.is_empty() {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            return Arc::new([words(&texts)]);
        }
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(list) = value[key].as_array() {
            return list
                .iter()
                .flat_map(|one| schemas(one, depth + 1).to_vec())
                .collect();
        }
    }
    let kinds: Vec<&str> = match &value["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut all = Vec::new();
    for kind in kinds {
        all.push(match kind {
            "string" => Schema::String,
            "integer" => Schema::Number { integer: true },
            "number" => Schema::Number { integer: false },
            "boolean" => words(&["true", "false"]),
            "null" => words(&["null"]),
            "array" => Schema::Array(schemas(&value["items"], depth + 1)),
            "object" => Schema::Object(object(value, depth)),
            _ => return any(depth),
        });
    }
    if all.is_empty() {
        return any(depth);
    }
    all.into()
}

fn object(value: &Value, depth: usize) -> Arc<Object> {
    let required = |name: &str| {
        value["required"]
            .as_array()
            .is_some_and(|list| list.iter().any(|own| own == name))
    };
    let members: Vec<_> = value["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .take(64)
        .map(|(name, inner)| {
            let key = format!("{}:", Value::from(name.as_str()));
            (key.into_bytes(), schemas(inner, depth + 1), required(name))
        })
        .collect();
    Arc::new(Object {
        open: members.is_empty() && value["additionalProperties"] != Value::Bool(false),
        members,
    })
}

/// What happened to a byte.
enum Step {
    /// It was taken, and the frame goes on.
    Taken,
    /// It was taken, and the frame is over.
    Last,
    /// The frame was over already; the byte is the next frame's.
    Over,
    /// These frames stand in the frame's place, and one of them must take the byte.
    Instead(Vec<Frame>),
    /// It cannot come here.
    No,
}

/// Says byte by byte what may be written.
#[derive(Debug, Clone)]
pub struct Guide {
    /// The innermost frame last.
    frames: Vec<Frame>,
}

impl Guide {
    /// A turn of an agent: `name {arguments}` of one of the tools (as models read them), or one of the openings
    /// followed by a line of text.
    pub fn turn(tools: &[Value], openings: &[&str]) -> Self {
        let calls = tools.iter().filter_map(|tool| {
            let name = tool["function"]["name"].as_str()?;
            let arguments =
                Frame::Members(object(&tool["function"]["parameters"], 0), 0, Next::First);
            Some((format!("{name} {{").into_bytes(), Some(arguments)))
        });
        let lines = openings
            .iter()
            .map(|opening| (opening.as_bytes().to_vec(), Some(Frame::Line(0))));
        let all: Vec<_> = calls.chain(lines).collect();
        Self {
            frames: vec![choice(all.into())],
        }
    }

    /// Takes bytes. False, and nothing is taken, when they cannot come here.
    pub fn take(&mut self, bytes: &[u8]) -> bool {
        let mut ahead = self.clone();
        for byte in bytes {
            if !ahead.take_byte(*byte) {
                return false;
            }
        }
        *self = ahead;
        true
    }

    /// Whether the text may end here.
    pub fn may_end(&self) -> bool {
        self.frames.iter().all(|frame| match frame {
            Frame::Line(length) => *length > 0,
            Frame::Number(part, _) => {
                matches!(part, Part::Zero | Part::Whole | Part::Fraction)
            }
            _ => false,
        })
    }

    /// Which bytes may come next.
    pub fn firsts(&self) -> [bool; 256] {
        let mut firsts = [false; 256];
        for byte in 0..=255u8 {
            firsts[byte as usize] = self.clone().take_byte(byte);
        }
        firsts
    }

    fn take_byte(&mut self, byte: u8) -> bool {
        // Every round removes a frame or replaces one by deeper ones; schemas are finite.
        for _ in 0..64 {
            let Some(frame) = self.frames.last_mut() else {
                return false;
            };
            match frame.step(byte) {
                Step::Taken => return true,
                Step::Last => {
                    self.frames.pop();
                    return true;
                }
                Step::Over => {
                    self.frames.pop();
                }
                Step::Instead(frames) => {
                    self.frames.pop();
                    self.frames.extend(frames);
                }
                Step::No => return false,
            }
        }
        false
    }
}

fn choice(options: Options) -> Frame {
    let alive = (0..options.len()).collect();
    Frame::Choice(options, alive, 0)
}

fn literal(text: &[u8]) -> Frame {
    Frame::Literal(text.into(), 0)
}

impl Frame {
    fn step(&mut self, byte: u8) -> Step {
        match self {
            Self::Literal(text, at) => {
                if text.get(*at) != Some(&byte) {
                    return Step::No;
                }
                *at += 1;
                if *at == text.len() {
                    Step::Last
                } else {
                    Step::Taken
                }
            }
            Self::Choice(options, alive, at) => {
                alive.retain(|option| options[*option].0.get(*at) == Some(&byte));
                *at += 1;
                let Some(first) = alive.first() else {
                    return Step::No;
                };
                let (text, behind) = &options[*first];
                if *at < text.len() {
                    return Step::Taken;
                }
                match behind.clone() {
                    Some(behind) => {
                        *self = behind;
                        Step::Taken
                    }
                    None => Step::Last,
                }
            }
            Self::Value(schemas) => schemas
                .iter()
                .find_map(|schema| schema.begin(byte))
                .map_or(Step::No, Step::Instead),
            Self::Text(escape) => match (*escape, byte) {
                (Escape::None, b'"') => Step::Last,
                (Escape::None, b'\\') => go(escape, Escape::Backslash),
                (Escape::None, 0..0x20) => Step::No,
                (Escape::None, _) => Step::Taken,
                (Escape::Backslash, b'u') => go(escape, Escape::Hex(4)),
                (Escape::Backslash, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                    go(escape, Escape::None)
                }
                (Escape::Hex(left), _) if byte.is_ascii_hexdigit() => go(
                    escape,
                    if left == 1 {
                        Escape::None
                    } else {
                        Escape::Hex(left - 1)
                    },
                ),
                _ => Step::No,
            },
            Self::Number(part, integer) => number(part, *integer, byte),
            Self::Members(object, written, next) => members(object, written, next, byte),
            Self::Member(value, object) => {
                Step::Instead(vec![(**object).clone(), Self::Value(Arc::clone(value))])
            }
            Self::Elements(schemas, next) => match (*next, byte) {
                (Next::First | Next::Comma, b']') => Step::Last,
                (Next::Comma, b',') => go(next, Next::Item),
                (Next::First | Next::Item, _) => Step::Instead(vec![
                    Self::Elements(Arc::clone(schemas), Next::Comma),
                    Self::Value(Arc::clone(schemas)),
                ]),
                _ => Step::No,
            },
            Self::Line(length) => {
                if byte == b'\n' || (*length == 0 && byte == b' ') {
                    return Step::No;
                }
                *length += 1;
                Step::Taken
            }
        }
    }
}

fn go<T>(state: &mut T, to: T) -> Step {
    *state = to;
    Step::Taken
}

fn number(part: &mut Part, integer: bool, byte: u8) -> Step {
    let next = match (*part, byte) {
        (Part::Start, b'-') => Part::Minus,
        (Part::Start | Part::Minus, b'0') => Part::Zero,
        (Part::Start | Part::Minus, b'1'..=b'9') | (Part::Whole, b'0'..=b'9') => Part::Whole,
        (Part::Zero | Part::Whole, b'.') if !integer => Part::Point,
        (Part::Point | Part::Fraction, b'0'..=b'9') => Part::Fraction,
        (Part::Zero | Part::Whole | Part::Fraction, _) => return Step::Over,
        _ => return Step::No,
    };
    go(part, next)
}

fn members(object: &Arc<Object>, written: &mut u64, next: &mut Next, byte: u8) -> Step {
    let whole = object
        .members
        .iter()
        .enumerate()
        .all(|(at, (_, _, required))| !required || *written >> at & 1 == 1);
    let left = |at: usize| *written >> at & 1 == 0;
    match (*next, byte) {
        (Next::First | Next::Comma, b'}') if whole => Step::Last,
        (Next::Comma, b',') if object.open || (0..object.members.len()).any(left) => {
            go(next, Next::Item)
        }
        (Next::First | Next::Item, b'"') => {
            let behind = |written| Frame::Members(Arc::clone(object), written, Next::Comma);
            if object.open {
                // A key is a string, and anything may follow it. The innermost frame comes first.
                return Step::Instead(vec![
                    behind(*written),
                    Frame::Value(any(DEEPEST - 1)),
                    literal(b":"),
                    Frame::Text(Escape::None),
                    literal(b"\""),
                ]);
            }
            // The keys share their first bytes; each leads to its own value.
            let options: Vec<_> = object
                .members
                .iter()
                .enumerate()
                .filter(|(at, _)| left(*at))
                .map(|(at, (key, value, _))| {
                    let after =
                        Frame::Member(Arc::clone(value), Box::new(behind(*written | 1 << at)));
                    (key.clone(), Some(after))
                })
                .collect();
            Step::Instead(vec![choice(options.into())])
        }
        _ => Step::No,
    }
}

impl Schema {
    /// The frames of a value that begins with this byte; None when no such value does. The first of them takes it.
    fn begin(&self, byte: u8) -> Option<Vec<Frame>> {
        match self {
            Self::Enum(options) => options
                .iter()
                .any(|(text, _)| text.first() == Some(&byte))
                .then(|| vec![choice(Arc::clone(options))]),
            Self::String => (byte == b'"').then(|| vec![Frame::Text(Escape::None), literal(b"\"")]),
            Self::Number { integer } => (byte == b'-' || byte.is_ascii_digit())
                .then(|| vec![Frame::Number(Part::Start, *integer)]),
            Self::Object(object) => (byte == b'{').then(|| {
                vec![
                    Frame::Members(Arc::clone(object), 0, Next::First),
                    literal(b"{"),
                ]
            }),
            Self::Array(schemas) => (byte == b'[').then(|| {
                vec![
                    Frame::Elements(Arc::clone(schemas), Next::First),
                    literal(b"["),
                ]
            }),
        }
    }
}
