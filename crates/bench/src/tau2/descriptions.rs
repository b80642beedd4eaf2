//! The tools as models read them. Where the data lie in a whole checkout, names, texts and schemas are
//! those that the official program derives from its own source; else the port's own descriptions serve.
//!
//! What is understood of Python is what the three domains' tools are written in: signatures with simple
//! annotations, docstrings with `Args:`, classes of fields, enumerations, aliases of literals.

use std::collections::BTreeMap;
use std::path::Path;

use practicum_chat::tool_schema;
use practicum_world::{Actor, World};
use serde_json::{Map, Value, json};

use super::data::Benchmark;
use super::domain::Domain;
use super::environment::Requestor;

/// The tools of both parties, in the form of chat completions.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDescriptions {
    /// The agent's.
    pub agent: Vec<Value>,
    /// The user's.
    pub user: Vec<Value>,
    /// They are the official program's.
    pub official: bool,
}

impl ToolDescriptions {
    /// The tools of a domain's parties.
    pub fn read(benchmark: &Benchmark, domain: Domain, world: &World) -> Self {
        benchmark
            .program()
            .and_then(|program| official(&program.join("domains").join(domain.name()), world))
            .unwrap_or_else(|| Self {
                agent: own(world, Actor::Agent),
                user: own(world, Actor::User),
                official: false,
            })
    }

    /// One party's tools.
    pub fn of(&self, party: Requestor) -> &[Value] {
        match party {
            Requestor::Assistant => &self.agent,
            Requestor::User => &self.user,
        }
    }
}

fn own(world: &World, actor: Actor) -> Vec<Value> {
    world
        .tools_of(actor)
        .map(|tool| tool_schema(&tool.name, &tool.description, tool.input()))
        .collect()
}

/// None unless every tool of the world is found and its schema understood.
fn official(folder: &Path, world: &World) -> Option<ToolDescriptions> {
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    let mut module = Module::default();
    for file in [
        "data_model.py",
        "user_data_model.py",
        "tools.py",
        "user_tools.py",
    ] {
        if let Some(source) = read(file) {
            module.read(&source);
        }
    }
    let tools = |file: &str, actor: Actor| -> Option<Vec<Value>> {
        let expected = world.tools_of(actor).count();
        let source = read(file).unwrap_or_default();
        let tools: Vec<Value> = tools_in(&source)
            .iter()
            .map(|tool| module.tool(tool))
            .collect::<Option<_>>()?;
        let known = |tool: &Value| {
            let name = tool["function"]["name"].as_str().unwrap_or_default();
            world.tool(name).is_some_and(|own| own.actor == actor)
        };
        (tools.len() == expected && tools.iter().all(known)).then_some(tools)
    };
    Some(ToolDescriptions {
        agent: tools("tools.py", Actor::Agent)?,
        user: tools("user_tools.py", Actor::User)?,
        official: true,
    })
}

/// A function that is a tool.
struct Tool<'a> {
    name: &'a str,
    parameters: &'a str,
    doc: String,
}

/// The functions of a file that its decorator makes tools.
fn tools_in(source: &str) -> Vec<Tool<'_>> {
    let mut tools = Vec::new();
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if !line.trim_start().starts_with("@is_tool(") {
            continue;
        }
        let Some(tool) = function(&source[start..]) else {
            continue;
        };
        tools.push(tool);
    }
    tools
}

/// The function that begins after decorators.
fn function(source: &str) -> Option<Tool<'_>> {
    let at = source.find("def ")? + 4;
    let open = at + source[at..].find('(')?;
    let close = open + closing(&source[open..])?;
    // The docstring comes before the next function, if there is one.
    let body = &source[close..];
    let body = &body[..body.find("\n    def ").unwrap_or(body.len())];
    let doc = body
        .split_once("\"\"\"")
        .and_then(|(_, rest)| Some(clean(&rest[..rest.find("\"\"\"")?])))
        .unwrap_or_default();
    Some(Tool {
        name: source[at..open].trim(),
        parameters: &source[open + 1..close],
        doc,
    })
}

/// The place of the bracket that closes the one at the beginning; texts and comments are passed over.
fn closing(source: &str) -> Option<usize> {
    let (mut depth, mut quote, mut comment, mut escaped) = (0_i32, None, false, false);
    for (at, character) in source.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            _ if comment => comment = character != '\n',
            (None, '#') => comment = true,
            (None, '\'' | '"') => quote = Some(character),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The parts between separators outside of brackets and texts, trimmed, without comments.
fn parts(source: &str, separator: char) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let (mut depth, mut quote, mut comment, mut escaped) = (0_i32, None, false, false);
    for character in source.chars() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            _ if comment => {
                comment = character != '\n';
                continue;
            }
            (None, '#') => {
                comment = true;
                continue;
            }
            (None, '\'' | '"') => quote = Some(character),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            _ if character == separator && depth == 0 => {
                parts.push(std::mem::take(&mut part).trim().to_string());
                continue;
            }
            _ => {}
        }
        part.push(character);
    }
    if !part.trim().is_empty() {
        parts.push(part.trim().to_string());
    }
    parts
}

/// A docstring without its indentation.
fn clean(text: &str) -> String {
    let indent = text
        .lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    let lines: Vec<&str> = text
        .lines()
        .enumerate()
        .map(|(at, line)| {
            if at == 0 {
                line.trim_start()
            } else {
                line.get(indent..).unwrap_or("")
            }
        })
        .collect();
    lines.join("\n").trim_matches('\n').trim_end().to_string()
}

/// The headings that Google's style of docstrings knows.
const SECTIONS: [&str; 12] = [
    "Args",
    "Arguments",
    "Parameters",
    "Params",
    "Raises",
    "Exceptions",
    "Except",
    "Attributes",
    "Example",
    "Examples",
    "Returns",
    "Yields",
];

/// A docstring's description, and what it says of each parameter.
fn described(doc: &str) -> (String, BTreeMap<String, String>) {
    let section = |line: &str| {
        let name = line.trim_end().strip_suffix(':')?;
        SECTIONS.contains(&name).then(|| name.to_string())
    };
    let (mut head, mut arguments) = (Vec::new(), Vec::new());
    let mut inside: Option<String> = None;
    for line in doc.lines() {
        if let Some(name) = section(line) {
            inside = Some(name);
        } else if let Some(name) = &inside {
            if matches!(
                name.as_str(),
                "Args" | "Arguments" | "Parameters" | "Params"
            ) {
                arguments.push(line);
            }
        } else {
            head.push(line);
        }
    }
    let short = head.first().copied().unwrap_or_default();
    let long = head.get(1..).unwrap_or_default().join("\n");
    let long = long.trim();
    let description = if long.is_empty() {
        short.to_string()
    } else {
        format!("{short}\n\n{long}")
    };
    let indent = arguments
        .first()
        .map_or(0, |line| line.len() - line.trim_start().len());
    let mut told: Vec<(String, Vec<&str>)> = Vec::new();
    for line in arguments {
        let inner = line.get(indent..).unwrap_or("");
        if !inner.is_empty() && !inner.starts_with(char::is_whitespace) {
            if let Some((name, text)) = inner.split_once(':') {
                let name = name.split(" (").next().unwrap_or(name).trim();
                told.push((
                    name.to_string(),
                    vec![text.strip_prefix(' ').unwrap_or(text)],
                ));
            }
        } else if let Some((_, lines)) = told.last_mut() {
            lines.push(line);
        }
    }
    let told = told
        .into_iter()
        .map(|(name, lines)| {
            let rest = clean(&format!("\n{}", lines[1..].join("\n")));
            let text = format!("{}\n{rest}", lines[0]);
            (name, text.trim_matches('\n').to_string())
        })
        .collect();
    (description, told)
}

/// A class whose instances are arguments.
#[derive(Debug, Default)]
struct Class {
    bases: Vec<String>,
    doc: Option<String>,
    /// Name, annotation, what stands after `=`.
    fields: Vec<(String, String, Option<String>)>,
    /// Name and value of each member of an enumeration.
    members: Vec<(String, Value)>,
}

/// What annotations may name.
#[derive(Debug, Default)]
struct Module {
    classes: BTreeMap<String, Class>,
    aliases: BTreeMap<String, String>,
}

impl Module {
    fn read(&mut self, source: &str) {
        let mut current: Option<String> = None;
        let mut at = 0;
        let lines: Vec<&str> = source.split_inclusive('\n').collect();
        let mut number = 0;
        while number < lines.len() {
            let line = lines[number];
            let start = at;
            at += line.len();
            number += 1;
            let indent = line.len() - line.trim_start().len();
            let text = line.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if indent == 0 {
                current = None;
                if let Some(rest) = text.strip_prefix("class ") {
                    let (head, _) = rest.split_once(':').unwrap_or((rest, ""));
                    let (name, bases) = head.split_once('(').unwrap_or((head, ")"));
                    let class = Class {
                        bases: parts(bases.trim_end_matches(')'), ','),
                        ..Class::default()
                    };
                    self.classes.insert(name.trim().to_string(), class);
                    current = Some(name.trim().to_string());
                } else if let Some((name, value)) = text.split_once(" = ")
                    && value.starts_with("Literal[")
                {
                    self.aliases.insert(name.to_string(), value.to_string());
                }
                continue;
            }
            let Some(class) = current.as_ref().and_then(|name| self.classes.get_mut(name)) else {
                continue;
            };
            if indent != 4 || text.starts_with('@') || text.starts_with("def ") {
                continue;
            }
            if let Some(rest) = source[start..].trim_start().strip_prefix("\"\"\"") {
                if class.doc.is_none() && class.fields.is_empty() {
                    class.doc = rest.find("\"\"\"").map(|end| clean(&rest[..end]));
                }
                continue;
            }
            // A field goes on to the next line while a bracket is open.
            let mut whole = line.to_string();
            while number < lines.len() && parts_open(&whole) {
                whole.push_str(lines[number]);
                at += lines[number].len();
                number += 1;
            }
            let whole = parts(&whole, '\n').join(" ");
            if let Some((name, rest)) = whole.split_once(':')
                && name
                    .chars()
                    .all(|letter| letter.is_alphanumeric() || letter == '_')
            {
                let halves = parts(rest, '=');
                let value = (halves.len() > 1).then(|| halves[1..].join("="));
                class
                    .fields
                    .push((name.trim().to_string(), halves[0].clone(), value));
            } else if let Some((name, value)) = whole.split_once(" = ")
                && let Some(value) = literal(value)
            {
                class.members.push((name.trim().to_string(), value));
            }
        }
    }

    fn tool(&self, tool: &Tool<'_>) -> Option<Value> {
        let (description, told) = described(&tool.doc);
        let mut definitions = BTreeMap::new();
        let mut properties = Map::new();
        let mut required = Vec::new();
        for parameter in parts(tool.parameters, ',') {
            let Some((name, rest)) = parameter.split_once(':') else {
                continue;
            };
            let halves = parts(rest, '=');
            let default = match halves.get(1) {
                Some(text) => Some(self.value(text)?),
                None => None,
            };
            if default.is_none() {
                required.push(json!(name));
            }
            let schema = self.schema(&halves[0], &mut definitions, 0)?;
            let told = told.get(name).cloned();
            properties.insert(name.to_string(), property(schema, name, told, default));
        }
        let mut schema = Map::new();
        if !definitions.is_empty() {
            schema.insert("$defs".into(), json!(definitions));
        }
        schema.insert("properties".into(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".into(), Value::Array(required));
        }
        schema.insert("title".into(), json!("parameters"));
        schema.insert("type".into(), json!("object"));
        let description = if description.is_empty() {
            tool.name.to_string()
        } else {
            description
        };
        Some(tool_schema(tool.name, &description, &Value::Object(schema)))
    }

    /// The JSON Schema of an annotation; None when it is not understood.
    fn schema(
        &self,
        annotation: &str,
        definitions: &mut BTreeMap<String, Value>,
        depth: usize,
    ) -> Option<Value> {
        let annotation = annotation.trim().trim_matches(['"', '\'']);
        if depth > 12 {
            return None;
        }
        let alternatives = parts(annotation, '|');
        if alternatives.len() > 1 {
            return self.any_of(&alternatives, definitions, depth);
        }
        if let Some((outer, inner)) = annotation
            .strip_suffix(']')
            .and_then(|text| text.split_once('['))
        {
            return match outer {
                "List" | "list" => {
                    let items = self.schema(inner, definitions, depth + 1)?;
                    Some(json!({"items": items, "type": "array"}))
                }
                "Optional" => self.any_of(&[inner.to_string(), "None".into()], definitions, depth),
                "Union" => self.any_of(&parts(inner, ','), definitions, depth),
                "Literal" => {
                    let values: Vec<Value> = parts(inner, ',')
                        .iter()
                        .map(|text| literal(text))
                        .collect::<Option<_>>()?;
                    Some(match &values[..] {
                        [one] => json!({"const": one, "type": "string"}),
                        _ => json!({"enum": values, "type": "string"}),
                    })
                }
                "Dict" | "dict" => Some(json!({"additionalProperties": true, "type": "object"})),
                _ => None,
            };
        }
        Some(match annotation {
            "str" => json!({"type": "string"}),
            "int" => json!({"type": "integer"}),
            "float" => json!({"type": "number"}),
            "bool" => json!({"type": "boolean"}),
            "None" => json!({"type": "null"}),
            "Any" => json!({}),
            "dict" | "Dict" => json!({"additionalProperties": true, "type": "object"}),
            name => {
                if let Some(alias) = self.aliases.get(name) {
                    return self.schema(alias, definitions, depth + 1);
                }
                let class = self.classes.get(name)?;
                if !definitions.contains_key(name) {
                    let schema = self.class(name, class, definitions, depth)?;
                    definitions.insert(name.to_string(), schema);
                }
                json!({"$ref": format!("#/$defs/{name}")})
            }
        })
    }

    fn any_of(
        &self,
        alternatives: &[String],
        definitions: &mut BTreeMap<String, Value>,
        depth: usize,
    ) -> Option<Value> {
        let schemas: Vec<Value> = alternatives
            .iter()
            .map(|text| self.schema(text, definitions, depth + 1))
            .collect::<Option<_>>()?;
        Some(json!({ "anyOf": schemas }))
    }

    fn class(
        &self,
        name: &str,
        class: &Class,
        definitions: &mut BTreeMap<String, Value>,
        depth: usize,
    ) -> Option<Value> {
        let mut schema = Map::new();
        if class.bases.iter().any(|base| base == "BaseModelNoExtra") {
            schema.insert("additionalProperties".into(), json!(false));
        }
        if let Some(doc) = &class.doc {
            schema.insert("description".into(), json!(doc));
        }
        if class.bases.iter().any(|base| base == "Enum") {
            let values: Vec<&Value> = class.members.iter().map(|(_, value)| value).collect();
            schema.insert("enum".into(), json!(values));
            schema.insert("title".into(), json!(name));
            schema.insert("type".into(), json!("string"));
            return Some(Value::Object(schema));
        }
        let known = ["BaseModel", "BaseModelNoExtra"];
        if !class
            .bases
            .iter()
            .all(|base| known.contains(&base.as_str()))
        {
            return None;
        }
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for (field, annotation, value) in &class.fields {
            let own = self.schema(annotation, definitions, depth + 1)?;
            let (mut told, mut default, mut optional) = (None, None, false);
            match value.as_deref() {
                None => {}
                Some(text) => match text
                    .strip_prefix("Field(")
                    .and_then(|t| t.strip_suffix(')'))
                {
                    None => default = Some(self.value(text)?),
                    Some(inner) => {
                        for part in parts(inner, ',') {
                            match part.split_once('=') {
                                Some(("description", text)) => {
                                    told = literal(text)?.as_str().map(Into::into);
                                }
                                Some(("default_factory", _)) => optional = true,
                                Some(("default", text)) => default = Some(self.value(text)?),
                                Some((key, _)) if !key.contains(['"', '\'']) => return None,
                                _ => default = Some(self.value(&part)?),
                            }
                        }
                    }
                },
            }
            if default.is_none() && !optional {
                required.push(json!(field));
            }
            properties.insert(field.clone(), property(own, field, told, default));
        }
        schema.insert("properties".into(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".into(), Value::Array(required));
        }
        schema.insert("title".into(), json!(name));
        schema.insert("type".into(), json!("object"));
        Some(Value::Object(schema))
    }

    /// A default: a literal, or a member of an enumeration.
    fn value(&self, text: &str) -> Option<Value> {
        literal(text).or_else(|| {
            let (class, member) = text.trim().split_once('.')?;
            let members = &self.classes.get(class)?.members;
            let (_, value) = members.iter().find(|(name, _)| name == member)?;
            Some(value.clone())
        })
    }
}

fn parts_open(source: &str) -> bool {
    let depth = |open: char, close: char| {
        let count = |which: char| source.chars().filter(|own| *own == which).count();
        count(open) > count(close)
    };
    depth('(', ')') || depth('[', ']')
}

/// A property's schema with its title, text and default; members in the order of their names.
fn property(schema: Value, name: &str, told: Option<String>, default: Option<Value>) -> Value {
    let Value::Object(members) = schema else {
        return schema;
    };
    let mut members: BTreeMap<String, Value> = members.into_iter().collect();
    if let Some(told) = told {
        members.insert("description".into(), json!(told));
    }
    if let Some(default) = default {
        members.insert("default".into(), default);
    }
    if !members.contains_key("$ref") {
        let words: Vec<String> = name
            .split('_')
            .map(|word| {
                let mut letters = word.chars();
                letters.next().map_or_else(String::new, |first| {
                    first.to_uppercase().collect::<String>() + letters.as_str()
                })
            })
            .collect();
        members.insert("title".into(), json!(words.join(" ")));
    }
    json!(members)
}

/// A literal: texts beside each other are one.
fn literal(text: &str) -> Option<Value> {
    let text = text.trim();
    let text = text
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(text)
        .trim();
    match text {
        "None" => return Some(Value::Null),
        "True" => return Some(json!(true)),
        "False" => return Some(json!(false)),
        _ => {}
    }
    if !text.starts_with(['"', '\'']) {
        return serde_json::from_str(text).ok();
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(quote) = rest.chars().next() {
        if !matches!(quote, '"' | '\'') {
            return None;
        }
        let mut letters = rest[1..].char_indices();
        let end = loop {
            let (at, letter) = letters.next()?;
            match letter {
                '\\' => out.push(match letters.next()?.1 {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                }),
                _ if letter == quote => break at + 2,
                _ => out.push(letter),
            }
        };
        rest = rest[end..].trim_start();
    }
    Some(Value::String(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODELS: &str = r#"
Size = Literal["small", "large"]

class Colour(str, Enum):
    RED = "red"  # the warm one
    BLUE = "blue"

class Thing(BaseModelNoExtra):
    """A thing."""

    colour: Colour = Field(
        Colour.RED,
        description="Which colour, "
        "if any.",
    )
    weight: Optional[float] = Field(None, description="In grams (g).")

    def heavy(self) -> bool:
        """Not a field."""
        return True
"#;

    const TOOLS: &str = r#"
class Tools:
    # @is_tool(ToolType.THINK)
    # def think(self) -> str:
    @is_tool(ToolType.WRITE)
    def wrap(
        self,
        things: List[Thing | dict],
        size: Size,  # how large
        count: int = 12,
    ) -> Box:
        """
        Wrap things.
        In paper.

        Args:
            things: What to wrap,
                all of it.
            size: How large.

        Returns:
            The box.
        """
        return None
"#;

    #[test]
    fn schemas_follow_from_signatures_and_docstrings() {
        let mut module = Module::default();
        module.read(MODELS);
        let tools = tools_in(TOOLS);
        assert_eq!(tools.len(), 1);
        let schema = module.tool(&tools[0]).unwrap();
        let colour = json!({"enum": ["red", "blue"], "title": "Colour", "type": "string"});
        let thing = json!({
            "additionalProperties": false, "description": "A thing.",
            "properties": {
                "colour": {"$ref": "#/$defs/Colour", "default": "red", "description": "Which colour, if any."},
                "weight": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": null,
                           "description": "In grams (g).", "title": "Weight"}},
            "title": "Thing", "type": "object"});
        let expected = json!({"type": "function", "function": {
            "name": "wrap", "description": "Wrap things.\n\nIn paper.", "parameters": {
                "$defs": {"Colour": colour, "Thing": thing},
                "properties": {
                    "things": {"description": "What to wrap,\nall of it.",
                        "items": {"anyOf": [{"$ref": "#/$defs/Thing"}, {"additionalProperties": true, "type": "object"}]},
                        "title": "Things", "type": "array"},
                    "size": {"description": "How large.", "enum": ["small", "large"], "title": "Size", "type": "string"},
                    "count": {"default": 12, "title": "Count", "type": "integer"}},
                "required": ["things", "size"], "title": "parameters", "type": "object"}}});
        assert_eq!(schema, expected, "{schema:#}");
        assert_eq!(schema.to_string(), expected.to_string());
    }

    #[test]
    fn what_is_not_understood_is_no_schema() {
        let module = Module::default();
        let tools = tools_in("@is_tool(X)\ndef f(self, a: Unknown) -> str:\n    \"\"\"F.\"\"\"\n");
        assert!(module.tool(&tools[0]).is_none());
        assert!(tools_in("@is_tool(X)\ndef f(").is_empty());
    }
}
