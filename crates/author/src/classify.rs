//! What an operation does to rows: the class, or why it is uncertain.

use std::collections::{BTreeMap, BTreeSet};

use crate::entity::{Shows, Thing};
use crate::operation::{Method, Operation};
use crate::words::{same, words};

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Class {
    /// Returns the rows of a table, filtered.
    List,
    /// Returns one row by its key.
    Get,
    /// Inserts a row.
    Create,
    /// Changes given columns of a row.
    Update,
    /// Deletes a row.
    Delete,
    /// Sets a status, or a flag, of a row.
    Action(String),
}

/// An operation with its class and the noun that it is about.
#[derive(Debug, Clone)]
pub(crate) struct Classified {
    pub(crate) class: Class,
    /// Position of the noun in the operation's path.
    pub(crate) subject: usize,
    /// How sure the compiler is, 0 to 1.
    pub(crate) confidence: f64,
}

/// What all operations of a domain say about a noun together.
#[derive(Debug, Default, Clone)]
pub(crate) struct NounFacts {
    /// A path picks one of them by a parameter.
    pub(crate) picked: bool,
    /// A list of things with a key is shown for it.
    pub(crate) listed: bool,
    /// Reached without any other noun in front.
    pub(crate) root: bool,
    /// Entities that are shown for it.
    pub(crate) entities: BTreeSet<String>,
}

/// Gathers what the operations say about each noun.
pub(crate) fn noun_facts(operations: &[Operation<'_>]) -> BTreeMap<String, NounFacts> {
    let mut facts: BTreeMap<String, NounFacts> = BTreeMap::new();
    for operation in operations {
        for (at, step) in operation.path.iter().enumerate() {
            let last = at + 1 == operation.path.len();
            let own = facts.entry(step.noun.clone()).or_default();
            own.picked |= step.parameter.is_some();
            own.root |= at == 0 && (step.parameter.is_some() || last);
            if !last || operation.tail.is_some() {
                continue;
            }
            match &operation.shows {
                Shows::Many(thing) if operation.method == Method::Get => {
                    own.listed |= has_key(thing, &step.noun);
                    own.entities.extend(thing.entity.clone());
                }
                Shows::One(thing) if step.parameter.is_some() => {
                    own.entities.extend(thing.entity.clone());
                }
                _ => {}
            }
        }
    }
    facts
}

/// True when a thing has a field that could identify it.
pub(crate) fn has_key(thing: &Thing, noun: &str) -> bool {
    thing
        .fields
        .iter()
        .any(|field| is_key_name(&field.name, noun))
}

/// `id`, `order_id`, `orderNumber`, `uuid`, `sku`...
pub(crate) fn is_key_name(name: &str, noun: &str) -> bool {
    let words = words(name);
    let noun_words: Vec<&str> = noun.split('_').collect();
    let keys = [
        "id", "uuid", "guid", "key", "sku", "slug", "number", "code", "gid", "sid", "uid",
    ];
    match &words[..] {
        [only] => [
            "id", "uuid", "guid", "sku", "slug", "gid", "sid", "uid", "key",
        ]
        .contains(&only.as_str()),
        [head @ .., last] => {
            keys.contains(&last.as_str())
                && head.len() <= noun_words.len()
                && head
                    .iter()
                    .zip(&noun_words[noun_words.len() - head.len()..])
                    .all(|(a, b)| a == b)
        }
        [] => false,
    }
}

const SEARCH_WORDS: &[&str] = &[
    "search", "query", "find", "filter", "lookup", "list", "browse",
];

/// Classifies an operation. Err: why it is uncertain.
pub(crate) fn classify(
    operation: &Operation<'_>,
    facts: &BTreeMap<String, NounFacts>,
) -> Result<Classified, String> {
    let last = operation.path.len() - 1;
    let found = |class, subject, confidence| {
        Ok(Classified {
            class,
            subject,
            confidence,
        })
    };
    let is_resource = |noun: &str| {
        facts
            .get(noun)
            .is_some_and(|facts| facts.picked || facts.listed)
    };
    let noun = operation.noun();
    let picked = operation.item_parameter().is_some();
    let first = operation.name.first().map_or("", String::as_str);
    let searching = SEARCH_WORDS.contains(&first);

    if let Some(tail) = &operation.tail {
        return by_tail(operation, tail, is_resource(noun));
    }
    if operation.spec.name.to_ascii_lowercase().contains("batch")
        || operation.name.contains(&"bulk".to_string())
    {
        return Err("it handles many rows at once".into());
    }
    match operation.method {
        Method::Get => match &operation.shows {
            Shows::Many(thing) => {
                if picked {
                    return Err(format!(
                        "its path picks one {noun}, but its reply is a list"
                    ));
                }
                if is_resource(noun) {
                    found(Class::List, last, 0.95)
                } else if has_key(thing, noun) {
                    found(Class::List, last, 0.8)
                } else if operation.query().any(|input| input.field.required) {
                    Err("the things in its reply have no key, and it needs arguments: it probably computes them".into())
                } else {
                    Err("the things in its reply have no key".into())
                }
            }
            Shows::One(thing) => {
                if picked {
                    let computed = operation.query().any(|input| input.field.required);
                    if computed {
                        return Err("besides the key it needs other arguments: it probably computes its reply".into());
                    }
                    found(Class::Get, last, 0.95)
                } else if has_key(thing, noun) && operation.path[last].plural && is_resource(noun) {
                    Err("a list is expected here, but its reply is one thing".into())
                } else {
                    Err("no parameter picks what it returns: it is computed, or there is only one of it".into())
                }
            }
            Shows::Nothing | Shows::Plain => {
                if operation.output_missing() && is_resource(noun) {
                    // The spec is silent about the reply; the path is clear.
                    let class = if picked { Class::Get } else { Class::List };
                    found(class, last, 0.65)
                } else if operation.output_missing() {
                    Err("the spec does not say what it returns".into())
                } else {
                    Err("its reply has no fields of a thing".into())
                }
            }
        },
        Method::Post => by_post(operation, facts, is_resource(noun), searching),
        Method::Put | Method::Patch => {
            if picked {
                if operation.body().next().is_none() && operation.path.len() > 1 {
                    // `PUT /lists/{id}/members/{id}`: the path says it all.
                    return found(Class::Create, last, 0.75);
                }
                found(Class::Update, last, 0.9)
            } else if last > 0 && operation.path[last - 1].parameter.is_some() {
                Err(format!(
                    "it sets {noun} as a whole, which is no row of its own"
                ))
            } else {
                Err("no parameter picks what it changes".into())
            }
        }
        Method::Delete => {
            if picked {
                found(Class::Delete, last, 0.9)
            } else {
                Err("no parameter picks what it deletes".into())
            }
        }
    }
}

fn by_tail(operation: &Operation<'_>, tail: &str, is_resource: bool) -> Result<Classified, String> {
    let last = operation.path.len() - 1;
    if SEARCH_WORDS.contains(&tail) {
        return match &operation.shows {
            Shows::Many(_) if is_resource => Ok(Classified {
                class: Class::List,
                subject: last,
                confidence: 0.8,
            }),
            _ => Err("it searches, but its reply is no list of known things".into()),
        };
    }
    if operation.item_parameter().is_some() {
        return Ok(Classified {
            class: Class::Action(tail.to_string()),
            subject: last,
            confidence: 0.8,
        });
    }
    Err(format!(
        "the verb {tail:?} says nothing that a table could answer"
    ))
}

fn by_post(
    operation: &Operation<'_>,
    facts: &BTreeMap<String, NounFacts>,
    is_resource: bool,
    searching: bool,
) -> Result<Classified, String> {
    let last = operation.path.len() - 1;
    let noun = operation.noun();
    let found = |class, subject, confidence| {
        Ok(Classified {
            class,
            subject,
            confidence,
        })
    };
    if operation.item_parameter().is_some() {
        // Some APIs update by POST on the item.
        let body = operation.body().count();
        if body > 0 && matches!(operation.shows, Shows::One(_)) {
            return found(Class::Update, last, 0.75);
        }
        return Err("a POST on one thing: neither a creation nor a known action".into());
    }
    let above = last
        .checked_sub(1)
        .filter(|above| operation.path[*above].parameter.is_some());
    if SEARCH_WORDS.contains(&noun) && last > 0 {
        let shows_list = matches!(operation.shows, Shows::Many(_));
        return if shows_list {
            found(Class::List, last - 1, 0.8)
        } else {
            Err("it searches, but its reply is no list".into())
        };
    }
    if searching {
        return match &operation.shows {
            Shows::Many(_) if is_resource => found(Class::List, last, 0.75),
            _ => Err("it is named a search, but its reply is no list of known things".into()),
        };
    }
    if !is_resource {
        if let Some(above) = above
            && !operation.path[last].plural
        {
            return found(Class::Action(noun.to_string()), above, 0.8);
        }
        return Err(format!(
            "a POST on {noun:?}, of which nothing else is known: it may create nothing"
        ));
    }
    match &operation.shows {
        Shows::Many(_) => {
            Err("it returns a list: it searches, or handles many rows at once".into())
        }
        Shows::One(thing) => {
            let fits = thing.entity.as_ref().is_none_or(|entity| {
                facts.get(noun).is_some_and(|facts| {
                    facts.entities.is_empty() || facts.entities.contains(entity)
                }) || entity.split('_').next_back() == noun.split('_').next_back()
            }) || has_key(thing, noun);
            if fits {
                found(Class::Create, last, 0.9)
            } else {
                Err(format!(
                    "it returns {}, which is no {noun}",
                    thing.entity.as_deref().unwrap_or("something")
                ))
            }
        }
        Shows::Nothing | Shows::Plain => {
            if operation.body().next().is_some() || above.is_some() {
                found(Class::Create, last, 0.7)
            } else {
                Err("it sends nothing and returns nothing".into())
            }
        }
    }
}

/// The value of a status that a verb leads to, among those that there are.
pub(crate) fn status_for<'a>(verb: &str, choices: &'a [String]) -> Option<&'a String> {
    let verb = verb.replace('_', "");
    let irregular: &[(&str, &[&str])] = &[
        ("activate", &["active", "enabled"]),
        ("archive", &["archived"]),
        ("begin", &["inprogress", "started", "running"]),
        ("checkin", &["checkedin", "arrived"]),
        ("checkout", &["checkedout", "left"]),
        ("complete", &["completed", "complete", "done", "finished"]),
        ("deactivate", &["inactive", "deactivated", "disabled"]),
        ("deliver", &["delivered"]),
        ("disable", &["disabled", "inactive"]),
        ("enable", &["enabled", "active"]),
        ("file", &["filed", "submitted"]),
        ("finish", &["finished", "done", "completed"]),
        ("freeze", &["frozen"]),
        ("hold", &["onhold", "held"]),
        ("lock", &["locked"]),
        ("open", &["open", "opened"]),
        ("pause", &["paused", "onhold"]),
        ("pay", &["paid"]),
        ("publish", &["published", "live"]),
        ("reopen", &["open", "reopened"]),
        ("restore", &["active", "restored"]),
        ("resume", &["active", "running", "resumed"]),
        ("return", &["returned"]),
        ("send", &["sent"]),
        ("ship", &["shipped", "sent"]),
        ("start", &["inprogress", "started", "running", "active"]),
        ("stop", &["stopped", "inactive"]),
        ("submit", &["submitted", "pending"]),
        ("suspend", &["suspended"]),
        ("unarchive", &["active", "open"]),
        ("unfreeze", &["active"]),
        ("unlock", &["unlocked", "active"]),
        ("unpublish", &["unpublished", "draft"]),
        ("unsuspend", &["active"]),
        ("withdraw", &["withdrawn"]),
    ];
    let bare = |value: &String| -> String { words(value).concat() };
    if let Some((_, targets)) = irregular.iter().find(|(known, _)| *known == verb) {
        for target in *targets {
            if let Some(found) = choices.iter().find(|choice| bare(choice) == *target) {
                return Some(found);
            }
        }
    }
    // cancel: cancelled, canceled; accept: accepted; approve: approved; deny: denied.
    let stem = verb.strip_suffix('e').unwrap_or(&verb).to_string();
    let stem_y = verb.strip_suffix('y').map(|stem| format!("{stem}ied"));
    let mut forms = vec![format!("{verb}ed"), format!("{stem}ed")];
    forms.extend(stem_y);
    if let Some(last) = verb.chars().next_back() {
        forms.push(format!("{verb}{last}ed"));
    }
    choices.iter().find(|choice| forms.contains(&bare(choice)))
}

/// The boolean column that a verb sets, and the value: `archive` sets `archived` or `is_archived`.
pub(crate) fn flag_for<'a>(verb: &str, flags: &'a [String]) -> Option<(&'a String, bool)> {
    for (verb, value) in [(verb, true), (verb.strip_prefix("un").unwrap_or(""), false)] {
        if verb.is_empty() {
            continue;
        }
        let stem = verb.strip_suffix('e').unwrap_or(verb);
        let last: String = verb.chars().next_back().into_iter().collect();
        for form in [
            format!("{verb}ed"),
            format!("{stem}ed"),
            format!("{verb}{last}ed"),
            verb.to_string(),
        ] {
            let found = flags
                .iter()
                .find(|flag| same(flag, &form) || same(flag, &format!("is_{form}")));
            if let Some(found) = found {
                return Some((found, value));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_lead_to_statuses() {
        let choices: Vec<String> = ["pending", "in_progress", "cancelled", "frozen", "active"]
            .map(String::from)
            .to_vec();
        let to = |verb| status_for(verb, &choices).map(String::as_str);
        assert_eq!(to("cancel"), Some("cancelled"));
        assert_eq!(to("freeze"), Some("frozen"));
        assert_eq!(to("start"), Some("in_progress"));
        assert_eq!(to("resume"), Some("active"));
        assert_eq!(to("refund"), None);
        let flags = vec!["isArchived".to_string()];
        assert_eq!(flag_for("archive", &flags), Some((&flags[0], true)));
        assert_eq!(flag_for("unarchive", &flags), Some((&flags[0], false)));
    }

    #[test]
    fn keys_are_known_by_name() {
        assert!(is_key_name("id", "order"));
        assert!(is_key_name("orderId", "order"));
        assert!(is_key_name("item_id", "order_item"));
        assert!(!is_key_name("customerId", "order"));
        assert!(!is_key_name("phone_number", "order"));
    }
}
