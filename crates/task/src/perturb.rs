//! A layer between an agent and a session that changes how tools look and behave, and nothing of what they
//! do: other names and descriptions, another order, fewer optional parameters, calls that fail for once,
//! lists in pages. The session sees its own tools only, so a verdict cannot depend on the layer.

use std::collections::{BTreeMap, BTreeSet};

use practicum_world::{Actor, Draws, Session, Tool, World};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::task::Task;
use crate::words::words;

/// What is changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Perturbation {
    /// Tools and their parameters have other names.
    pub names: bool,
    /// Tools are described in other words.
    pub descriptions: bool,
    /// Tools stand in another order.
    pub order: bool,
    /// Optional parameters that a task's gold does not use are left out.
    pub optional: bool,
    /// Share of calls that fail for once, before they are made.
    pub faults: f64,
    /// Longer lists come in pages of so many; 0: whole.
    pub page: usize,
    /// The seed of all that.
    pub seed: u64,
}

impl Default for Perturbation {
    /// Everything but faults and pages.
    fn default() -> Self {
        Self {
            names: true,
            descriptions: true,
            order: true,
            optional: true,
            faults: 0.0,
            page: 0,
            seed: 1,
        }
    }
}

/// A tool as the agent sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct DressedTool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub input: Value,
    /// Its name in the world.
    own: String,
    /// Shown parameter to own parameter.
    parameters: BTreeMap<String, String>,
    /// It takes a page.
    paged: bool,
}

impl DressedTool {
    /// Arguments under the world's names.
    fn own_arguments(&self, shown: &Map<String, Value>) -> Map<String, Value> {
        shown
            .iter()
            .map(|(shown, value)| {
                let own = self.parameters.get(shown).cloned();
                // A name of the world's own is unknown here.
                (own.unwrap_or_else(|| format!("{shown}?")), value.clone())
            })
            .collect()
    }
}

/// What the agent reads of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DressedReply {
    /// JSON text.
    pub content: String,
    /// The call succeeded.
    pub ok: bool,
}

/// The layer for one task.
#[derive(Debug)]
pub struct Dressing {
    tools: Vec<DressedTool>,
    faults: f64,
    page: usize,
    draws: Draws,
    /// The last call failed for once: the next one does not.
    failed: bool,
}

/// Words that tools are named by, and others that say the same.
const SYNONYMS: &[(&str, &[&str])] = &[
    ("get", &["fetch", "read", "retrieve"]),
    ("list", &["show", "enumerate", "browse"]),
    ("find", &["search", "lookup", "query"]),
    ("search", &["find", "query", "discover"]),
    ("create", &["add", "make", "new"]),
    ("add", &["append", "insert", "attach"]),
    ("update", &["modify", "edit", "revise"]),
    ("change", &["alter", "modify", "adjust"]),
    ("cancel", &["revoke", "annul", "drop"]),
    ("delete", &["remove", "erase", "discard"]),
    ("remove", &["take_out", "detach", "strip"]),
    ("book", &["reserve", "schedule", "arrange"]),
    ("send", &["dispatch", "deliver", "transmit"]),
    ("check", &["verify", "confirm", "test"]),
    ("close", &["finish", "conclude", "end"]),
    ("open", &["start", "begin", "raise"]),
    ("email", &["mail", "mail_address"]),
    ("phone", &["telephone", "phone_no"]),
    ("id", &["ref", "key", "identifier"]),
    ("name", &["label", "title"]),
    ("date", &["day", "on_date"]),
    ("amount", &["sum", "value"]),
    ("reason", &["cause", "why"]),
    ("quantity", &["count", "number"]),
];

/// Openings of descriptions.
const LEADS: &[&str] = &[
    "Use this to: ",
    "This operation does the following: ",
    "What it does: ",
    "Purpose: ",
    "When called: ",
];

impl Dressing {
    /// The layer for a task of a world: the same task and seed give the same one.
    pub fn new(world: &World, task: &Task, perturbation: &Perturbation) -> Self {
        let seed = perturbation.seed ^ task.seed;
        let mut draws = Draws::new(seed, &["dressing", &task.id]);
        let used: BTreeSet<(&str, &str)> = task
            .gold
            .iter()
            .flat_map(|call| {
                call.arguments
                    .keys()
                    .map(|name| (call.tool.as_str(), name.as_str()))
            })
            .collect();
        let camel = draws.chance(0.5);
        let mut taken = BTreeSet::new();
        let mut tools: Vec<DressedTool> = world
            .tools_of(Actor::Agent)
            .map(|tool| {
                let name = if perturbation.names {
                    renamed(&tool.name, camel, &mut taken, &mut draws)
                } else {
                    tool.name.clone()
                };
                dressed(tool, name, perturbation, &used, camel, &mut draws)
            })
            .collect();
        // Descriptions name other tools.
        let names: Vec<(String, String)> = tools
            .iter()
            .map(|tool| (tool.own.clone(), tool.name.clone()))
            .collect();
        for tool in &mut tools {
            tool.description = with_names(&tool.description, &names);
            let input = with_names(&tool.input.to_string(), &names);
            tool.input = serde_json::from_str(&input).unwrap_or_default();
        }
        if perturbation.order {
            draws.shuffle(&mut tools);
        }
        Self {
            tools,
            faults: perturbation.faults,
            page: perturbation.page,
            draws,
            failed: false,
        }
    }

    /// The tools as the agent sees them.
    pub fn tools(&self) -> &[DressedTool] {
        &self.tools
    }

    /// A call of the world in the words of the layer, as a good agent would make it.
    pub fn dress(&self, tool: &str, arguments: &Map<String, Value>) -> Option<(String, Value)> {
        let dressed = self.tools.iter().find(|own| own.own == tool)?;
        let shown: Map<String, Value> = arguments
            .iter()
            .map(|(name, value)| {
                let shown = dressed
                    .parameters
                    .iter()
                    .find(|(_, own)| *own == name)
                    .map_or(name, |(shown, _)| shown);
                (shown.clone(), value.clone())
            })
            .collect();
        Some((dressed.name.clone(), Value::Object(shown)))
    }

    /// A call in the words of the layer as the world knows it; None when the layer has no such tool. A parameter that it
    /// does not show gets a name that the world does not know either.
    pub fn undress(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> Option<(String, Map<String, Value>)> {
        let tool = self.tools.iter().find(|tool| tool.name == name)?;
        Some((tool.own.clone(), tool.own_arguments(arguments)))
    }

    /// Makes a call that is given in the words of the layer.
    pub fn call(&mut self, session: &mut Session, name: &str, arguments: &Value) -> DressedReply {
        if self.faults > 0.0 && !self.failed && self.draws.chance(self.faults) {
            self.failed = true;
            let error = json!({"error": {
                "type": "unavailable",
                "message": "The service could not be reached. Nothing was done; please try again."
            }});
            return DressedReply {
                content: error.to_string(),
                ok: false,
            };
        }
        self.failed = false;
        let Some(tool) = self.tools.iter().find(|tool| tool.name == name) else {
            let reply = session.call(&format!("{name} (no such tool)"), arguments);
            return DressedReply {
                content: reply.content(),
                ok: false,
            };
        };
        let mut page = None;
        let own = match arguments {
            Value::Object(members) => {
                let rest = members
                    .iter()
                    .filter(|(shown, value)| {
                        let is_page = tool.paged && *shown == "page";
                        if is_page {
                            page = value.as_u64();
                        }
                        !is_page
                    })
                    .map(|(shown, value)| (shown.clone(), value.clone()))
                    .collect();
                Value::Object(tool.own_arguments(&rest))
            }
            other => other.clone(),
        };
        let reply = session.call(&tool.own, &own);
        let ok = reply.is_ok();
        let names: Vec<(String, String)> = self
            .tools
            .iter()
            .map(|tool| (tool.own.clone(), tool.name.clone()))
            .collect();
        let content = match reply.value() {
            Some(Value::Array(all)) if tool.paged => paged(&all, self.page, page.unwrap_or(1)),
            Some(_) => reply.content(),
            // What failed says which tool shows more.
            None => with_names(&reply.content(), &names),
        };
        DressedReply { content, ok }
    }
}

/// One page of a list, where it has several.
fn paged(all: &[Value], size: usize, page: u64) -> String {
    let pages = all.len().div_ceil(size.max(1)).max(1);
    let at = (page.max(1) as usize - 1).saturating_mul(size);
    let items: Vec<&Value> = all.iter().skip(at).take(size).collect();
    json!({"items": items, "page": page.max(1), "pages": pages}).to_string()
}

fn dressed(
    tool: &Tool,
    name: String,
    perturbation: &Perturbation,
    used: &BTreeSet<(&str, &str)>,
    camel: bool,
    draws: &mut Draws,
) -> DressedTool {
    let mut input = tool.input().clone();
    let mut parameters = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut properties = Map::new();
    let one_of_several = ["anyOf", "oneOf", "allOf"]
        .iter()
        .any(|key| input.get(key).is_some());
    for parameter in tool.parameters() {
        let kept = !perturbation.optional
            || parameter.required
            || one_of_several
            || used.contains(&(tool.name.as_str(), parameter.name.as_str()));
        if !kept {
            continue;
        }
        let shown = if perturbation.names {
            renamed(&parameter.name, camel, &mut taken, draws)
        } else {
            parameter.name.clone()
        };
        properties.insert(shown.clone(), parameter.schema.clone());
        parameters.insert(shown, parameter.name.clone());
    }
    let lists = practicum_world::schema_type(&tool.output) == Some("array");
    let paged = perturbation.page > 0 && lists && !parameters.contains_key("page");
    if paged {
        let page = json!({"type": "integer", "minimum": 1, "default": 1, "description": "Page of the list."});
        properties.insert("page".into(), page);
    }
    if let Some(object) = input.as_object_mut() {
        object.insert("properties".into(), Value::Object(properties));
        for key in ["required", "anyOf", "oneOf", "allOf"] {
            if let Some(own) = object.get_mut(key) {
                rename_required(own, key == "required", &parameters);
            }
        }
    }
    let description = if perturbation.descriptions {
        let lead = draws.pick(LEADS).copied().unwrap_or_default();
        format!("{lead}{}", tool.description)
    } else {
        tool.description.clone()
    };
    DressedTool {
        name,
        description,
        input,
        own: tool.name.clone(),
        parameters,
        paged,
    }
}

/// The names in `required` lists, also inside `anyOf` and the like.
fn rename_required(schema: &mut Value, is_list: bool, parameters: &BTreeMap<String, String>) {
    match schema {
        Value::Array(elements) if is_list => {
            for element in elements {
                let own = element.as_str().map(str::to_string);
                let shown = own.and_then(|own| {
                    parameters
                        .iter()
                        .find(|(_, name)| **name == own)
                        .map(|(shown, _)| shown.clone())
                });
                if let Some(shown) = shown {
                    *element = Value::from(shown);
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                if let Some(own) = element.get_mut("required") {
                    rename_required(own, true, parameters);
                }
            }
        }
        _ => {}
    }
}

/// Another name that says the same, and that nothing has yet.
fn renamed(name: &str, camel: bool, taken: &mut BTreeSet<String>, draws: &mut Draws) -> String {
    let changed: Vec<String> = words(name)
        .into_iter()
        .map(|word| {
            let others = SYNONYMS.iter().find(|(own, _)| *own == word);
            let other = others.and_then(|(_, others)| draws.pick(others));
            other.map_or(word, |other| (*other).to_string())
        })
        .collect();
    let joined = changed.join("_");
    let mut shown = if camel {
        let mut parts = joined.split('_');
        let first = parts.next().unwrap_or_default().to_string();
        parts.fold(first, |name, part| name + &crate::words::capital(part))
    } else {
        joined
    };
    if shown.is_empty() {
        shown = name.to_string();
    }
    let base = shown.clone();
    let mut number = 2;
    while !taken.insert(shown.clone()) {
        shown = format!("{base}_{number}");
        number += 1;
    }
    shown
}

/// A text in which tools go by other names. Names of one word are words of the language as well, and stay.
fn with_names(text: &str, names: &[(String, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    let flush = |word: &mut String, out: &mut String| {
        let other = names
            .iter()
            .find(|(own, _)| own == word && own.contains(['_', '.']));
        out.push_str(other.map_or(word.as_str(), |(_, shown)| shown));
        word.clear();
    };
    for character in text.chars() {
        if character.is_alphanumeric() || character == '_' {
            word.push(character);
        } else {
            flush(&mut word, &mut out);
            out.push(character);
        }
    }
    flush(&mut word, &mut out);
    out
}
