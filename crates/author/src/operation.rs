//! What the shape of an operation says: where it points, and what it does there.

use practicum_corpus::{HttpShape, Place, Segment, ToolSpec};

use crate::entity::{Field, Shows, fields, shows};
use crate::words::{singular_name, words};

/// One operation, read as far as its shape goes.
#[derive(Debug, Clone)]
pub(crate) struct Operation<'a> {
    pub(crate) spec: &'a ToolSpec,
    /// The nouns of the path from the outside in, each with the parameter that picks one, if any.
    pub(crate) path: Vec<Step>,
    /// A verb after the nouns: `cancel` of `/orders/{id}/cancel`.
    pub(crate) tail: Option<String>,
    pub(crate) method: Method,
    pub(crate) inputs: Vec<Input>,
    pub(crate) shows: Shows,
    /// The words of its name.
    pub(crate) name: Vec<String>,
}

/// One noun of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// In singular snake case.
    pub(crate) noun: String,
    /// The noun was written in plural: it names a collection.
    pub(crate) plural: bool,
    /// The parameter that picks one of them.
    pub(crate) parameter: Option<String>,
}

/// What the method, or the verb of the name, says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// One argument, and where it travels.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) field: Field,
    pub(crate) place: Place,
}

impl<'a> Operation<'a> {
    /// Reads the shape of an operation. Err: why it cannot be placed.
    pub(crate) fn read(spec: &'a ToolSpec) -> Result<Self, String> {
        let shows = spec.output.as_ref().map_or(Shows::Nothing, shows);
        match &spec.http {
            Some(http) => {
                let method = match http.method.as_str() {
                    "GET" => Method::Get,
                    "POST" => Method::Post,
                    "PUT" => Method::Put,
                    "PATCH" => Method::Patch,
                    "DELETE" => Method::Delete,
                    other => return Err(format!("the method {other} says nothing of rows")),
                };
                let inputs: Vec<Input> = fields(&spec.input)
                    .into_iter()
                    .map(|field| {
                        let place = http.places.get(&field.name).copied();
                        Input {
                            field,
                            place: place.unwrap_or(Place::Query),
                        }
                    })
                    .collect();
                let (path, tail) = read_path(http)?;
                Ok(Self {
                    spec,
                    path,
                    tail,
                    method,
                    inputs,
                    shows,
                    name: words(&spec.name),
                })
            }
            None => Self::from_name(spec, shows),
        }
    }

    /// Formats without HTTP: the name has to say it all, `list_loans`, `get_member`, `create_hold`.
    fn from_name(spec: &'a ToolSpec, shows: Shows) -> Result<Self, String> {
        let name = words(&spec.name);
        let verb_at = name
            .iter()
            .position(|word| verb_method(word).is_some())
            .filter(|at| *at < 2);
        let Some(verb_at) = verb_at else {
            return Err(format!(
                "the name {:?} begins with no verb that says what it does",
                spec.name
            ));
        };
        let verb = name[verb_at].clone();
        let mut noun: Vec<String> = name[verb_at + 1..].to_vec();
        noun.extend_from_slice(&name[..verb_at]);
        // `get_order_by_id`, `list_orders_for_customer`
        if let Some(at) = noun.iter().position(|word| {
            ["by", "for", "from", "in", "to", "of", "on", "with"].contains(&word.as_str())
        }) {
            noun.truncate(at);
        }
        if noun
            .first()
            .is_some_and(|word| ["all", "my", "the", "new", "a"].contains(&word.as_str()))
        {
            noun.remove(0);
        }
        if noun.is_empty() {
            return Err(format!("the name {:?} names no thing", spec.name));
        }
        let written = noun.join("_");
        let singular = singular_name(&written);
        let own: Vec<Field> = fields(&spec.input);
        let key = own
            .iter()
            .find(|field| {
                let field = words(&field.name).join("_");
                field == format!("{singular}_id")
                    || field == "id"
                    || field == format!("{singular}_key")
            })
            .map(|field| field.name.clone());
        let method = verb_method(&verb).unwrap_or(Method::Post);
        let many = matches!(shows, Shows::Many(_))
            || ["list", "search", "find", "browse", "query"].contains(&verb.as_str());
        let creates = [
            "create", "add", "new", "register", "book", "place", "open", "make", "insert",
        ]
        .contains(&verb.as_str());
        let status_verb = method == Method::Post && !creates;
        let parameter = if (method == Method::Get && many) || creates {
            None
        } else {
            key.clone()
        };
        let tail = if ["search", "find", "browse", "query"].contains(&verb.as_str()) {
            Some("search".to_string())
        } else if status_verb {
            Some(verb)
        } else {
            None
        };
        let inputs = own
            .into_iter()
            .map(|field| Input {
                place: if Some(&field.name) == parameter.as_ref() {
                    Place::Path
                } else if method == Method::Get {
                    Place::Query
                } else {
                    Place::Body
                },
                field,
            })
            .collect();
        Ok(Self {
            spec,
            path: vec![Step {
                plural: singular != written || many,
                noun: singular,
                parameter,
            }],
            tail,
            method,
            inputs,
            shows,
            name,
        })
    }

    /// The innermost noun.
    pub(crate) fn noun(&self) -> &str {
        self.path.last().map_or("", |step| step.noun.as_str())
    }

    /// The parameter that picks one of the innermost noun.
    pub(crate) fn item_parameter(&self) -> Option<&str> {
        self.path.last()?.parameter.as_deref()
    }

    /// An argument by name.
    pub(crate) fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.field.name == name)
    }

    /// The arguments that travel in the body.
    pub(crate) fn body(&self) -> impl Iterator<Item = &Input> {
        self.inputs
            .iter()
            .filter(|input| input.place == Place::Body)
    }

    /// The arguments that travel in the query string.
    pub(crate) fn query(&self) -> impl Iterator<Item = &Input> {
        self.inputs
            .iter()
            .filter(|input| matches!(input.place, Place::Query | Place::Header))
    }

    /// The spec says nothing of the reply.
    pub(crate) fn output_missing(&self) -> bool {
        self.spec.output.is_none()
    }
}

fn verb_method(verb: &str) -> Option<Method> {
    Some(match verb {
        "get" | "list" | "search" | "find" | "read" | "fetch" | "show" | "browse" | "query"
        | "retrieve" | "view" | "describe" | "lookup" => Method::Get,
        "create" | "add" | "new" | "register" | "book" | "place" | "open" | "make" | "insert"
        | "cancel" | "confirm" | "approve" | "accept" | "reject" | "close" | "reopen"
        | "complete" | "start" | "stop" | "pause" | "resume" | "archive" | "unarchive"
        | "publish" | "unpublish" | "activate" | "deactivate" | "enable" | "disable"
        | "suspend" | "revoke" | "ship" | "deliver" | "return" | "withdraw" | "lock" | "unlock"
        | "freeze" | "file" | "renew" | "redirect" | "hold" | "pay" | "refund" | "send"
        | "assign" | "submit" => Method::Post,
        "update" | "edit" | "modify" | "change" | "set" | "patch" | "rename" => Method::Patch,
        "replace" | "put" => Method::Put,
        "delete" | "remove" | "destroy" | "drop" => Method::Delete,
        _ => return None,
    })
}

/// The nouns of a path template and the verb behind them.
fn read_path(http: &HttpShape) -> Result<(Vec<Step>, Option<String>), String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut tail: Option<String> = None;
    for segment in http.segments() {
        match segment {
            Segment::Noun(word) => {
                if let Some(before) = &tail {
                    return Err(format!("the path goes on after the verb {before:?}"));
                }
                let bare = word
                    .strip_suffix(".json")
                    .or_else(|| word.strip_suffix(".xml"))
                    .unwrap_or(word);
                if steps.is_empty() && is_mount(bare) {
                    continue;
                }
                let snake = words(bare).join("_");
                if snake.is_empty() || bare.contains(['(', ')', '$', '{', '}']) {
                    return Err(format!(
                        "the path segment {word:?} is neither a word nor a parameter"
                    ));
                }
                let singular = singular_name(bare);
                steps.push(Step {
                    plural: singular != snake,
                    noun: singular,
                    parameter: None,
                });
            }
            Segment::Parameter(name) => match steps.last_mut() {
                Some(step) if step.parameter.is_none() && tail.is_none() => {
                    step.parameter = Some(name.to_string());
                }
                // `/repos/{owner}/{repo}`: the last one picks, those before it are the scope.
                Some(step) if tail.is_none() => step.parameter = Some(name.to_string()),
                _ => return Err("a parameter stands where a thing should".into()),
            },
            // Part of a longer parameter: the rows above are the scope of the world.
            Segment::Wildcard => {}
            Segment::Verb(verb) => tail = Some(words(verb).join("_")),
        }
    }
    if steps.is_empty() {
        return Err("the path names no thing".into());
    }
    Ok((steps, tail))
}

/// Versions and mounting points in front of a path say nothing.
fn is_mount(word: &str) -> bool {
    let version = word.strip_prefix('v').is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_digit()) && rest.len() < 12
    });
    let mount = [
        "api", "rest", "apis", "service", "services", "public", "latest",
    ]
    .contains(&word.to_ascii_lowercase().as_str());
    let number = word
        .chars()
        .all(|character| character.is_ascii_digit() || ".-".contains(character));
    version || mount || number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(template: &str) -> String {
        let http = HttpShape {
            method: "GET".into(),
            path: template.into(),
            places: std::collections::BTreeMap::new(),
        };
        match read_path(&http) {
            Err(message) => message,
            Ok((steps, tail)) => {
                let steps: Vec<String> = steps
                    .iter()
                    .map(|step| match &step.parameter {
                        Some(name) => format!("{}[{name}]", step.noun),
                        None => step.noun.clone(),
                    })
                    .collect();
                format!(
                    "{}{}",
                    steps.join(" "),
                    tail.map_or_else(String::new, |tail| format!(" :{tail}"))
                )
            }
        }
    }

    #[test]
    fn paths_are_read() {
        assert_eq!(
            path("/v2/clinics/{clinic_id}/doctors"),
            "clinic[clinic_id] doctor"
        );
        assert_eq!(path("/api/v1/orders/{id}.json"), "order[id]");
        assert_eq!(path("/meetingTimes:suggest"), "meeting_time :suggest");
        assert_eq!(path("/orders/{id}/cancel"), "order[id] cancel");
        assert_eq!(
            path("/v1/{name=projects/*/zones/*}:stop"),
            "project zone[name] :stop"
        );
        assert_eq!(path("/repos/{owner}/{repo}/issues"), "repo[repo] issue");
    }
}
