//! Names of tables, columns and tools as a person would say them.

use practicum_world::{ColumnRef, Schema, Tool};

/// The words of a name in lower case.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut current = String::new();
    let characters: Vec<char> = name.chars().collect();
    for (at, character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| characters[before]);
        let rises = character.is_uppercase()
            && before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit());
        if !character.is_alphanumeric() || rises {
            if !current.is_empty() {
                words.push(std::mem::take(&mut current));
            }
            if !character.is_alphanumeric() {
                continue;
            }
        }
        current.extend(character.to_lowercase());
    }
    if !current.is_empty() {
        words.push(current);
    }
    words
}

/// The singular of one word, well enough for table names.
pub(crate) fn singular(word: &str) -> String {
    for (many, one) in [
        ("people", "person"),
        ("children", "child"),
        ("shelves", "shelf"),
        ("movies", "movie"),
    ] {
        if let Some(head) = word.strip_suffix(many) {
            return format!("{head}{one}");
        }
    }
    if let Some(stem) = word.strip_suffix("ies")
        && stem.len() > 1
    {
        return format!("{stem}y");
    }
    for ending in ["sses", "shes", "ches", "xes", "uses"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_string();
        }
    }
    match word.strip_suffix('s') {
        Some(stem) if !stem.ends_with(['s', 'u', 'i']) && stem.len() > 2 => stem.to_string(),
        _ => word.to_string(),
    }
}

/// A table's rows as a noun: `order items` and `order item`.
pub(crate) fn nouns(schema: &Schema, table: usize) -> (String, String) {
    let mut all = words(&schema.tables[table].name);
    let many = all.join(" ");
    if let Some(last) = all.last_mut() {
        *last = singular(last);
    }
    (many, all.join(" "))
}

/// A column as a noun: `phone number`, `date of birth`.
pub(crate) fn column_words(schema: &Schema, at: ColumnRef) -> String {
    let all = words(&schema.get(at).name);
    let shown: Vec<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|word| !["cents", "id"].contains(word))
        .collect();
    if shown.is_empty() {
        return all.join(" ");
    }
    if all.last().is_some_and(|last| last == "cents") {
        return amount(&shown.join(" "));
    }
    spell_out(&shown.join(" "))
}

/// `nightly` is a nightly price, `claimed` a claimed amount.
fn amount(phrase: &str) -> String {
    let last = phrase.rsplit(' ').next().unwrap_or(phrase);
    if [
        "nightly", "hourly", "daily", "weekly", "monthly", "yearly", "unit",
    ]
    .contains(&last)
    {
        return format!("{phrase} price");
    }
    if is_adjective(last) || ["total", "overdue", "due"].contains(&last) {
        return format!("{phrase} amount");
    }
    spell_out(phrase)
}

/// An argument as a noun.
pub(crate) fn argument_words(name: &str) -> String {
    let all = words(name);
    let shown: Vec<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|word| *word != "cents")
        .collect();
    if all.last().is_some_and(|last| last == "cents") && !shown.is_empty() {
        return amount(&shown.join(" "));
    }
    spell_out(&shown.join(" "))
}

/// A quantity's name without its unit, and the unit: `size gb` is a size in GB.
pub(crate) fn unit_of(name: &str) -> Option<(&str, &'static str)> {
    let (head, last) = name.rsplit_once(" in ").or_else(|| name.rsplit_once(' '))?;
    let last = last.to_lowercase();
    let unit = match last.as_str() {
        "kb" => "KB",
        "mb" => "MB",
        "gb" => "GB",
        "km" => "km",
        "kg" => "kg",
        "minutes" => "minutes",
        "percent" => "percent",
        _ => return None,
    };
    Some((head, unit))
}

/// True for a noun that stands for several: `directions`, `seats`.
pub(crate) fn is_plural(noun: &str) -> bool {
    let last = noun.rsplit(' ').next().unwrap_or(noun);
    // The minimum of something is one number.
    let bound = noun.starts_with("minimum ") || noun.starts_with("maximum ");
    !bound
        && last.ends_with('s')
        && !["ss", "us", "is", "news", "series"]
            .iter()
            .any(|ending| last.ends_with(ending))
        && last.len() > 3
}

fn spell_out(phrase: &str) -> String {
    if let Some((head, unit)) = unit_of(phrase) {
        return format!("{} in {unit}", spell_out(head));
    }
    for (short, long) in [("min ", "minimum "), ("max ", "maximum ")] {
        if let Some(rest) = phrase.strip_prefix(short) {
            return format!("{long}{}", spell_out(rest));
        }
    }
    if let Some(moment) = moment(phrase) {
        return moment;
    }
    match phrase {
        "email" => "e-mail address".into(),
        "dob" => "date of birth".into(),
        "since" => "first day".into(),
        "qty" => "quantity".into(),
        "phone" => "phone number".into(),
        other => other.to_string(),
    }
}

/// `starts at` is a start time, `due on` a due date, `check in` a check-in date.
fn moment(phrase: &str) -> Option<String> {
    let (head, last) = phrase.rsplit_once(' ')?;
    let head = match head {
        "starts" | "started" => "start",
        "ends" | "ended" => "end",
        "expires" | "expired" => "expiry",
        "opens" => "opening",
        "closes" => "closing",
        other => other,
    };
    if head == "born" {
        return Some("date of birth".into());
    }
    match last {
        "at" => Some(format!("{head} time")),
        "on" => Some(format!("{head} date")),
        "by" if head.ends_with("ed") => Some(format!("{head}-by date")),
        "in" | "out" if head == "check" => Some(format!("check-{last} date")),
        _ => None,
    }
}

/// Verbs by which tools are named.
const VERBS: &[&str] = &[
    "amend",
    "apply",
    "attach",
    "bar",
    "choose",
    "enter",
    "install",
    "restart",
    "block",
    "credit",
    "detach",
    "escalate",
    "extend",
    "grant",
    "invite",
    "issue",
    "lift",
    "record",
    "redeem",
    "refund",
    "renew",
    "reply",
    "respond",
    "switch",
    "transfer",
    "unblock",
    "waive",
    "accept",
    "activate",
    "add",
    "approve",
    "archive",
    "assign",
    "book",
    "cancel",
    "change",
    "check",
    "close",
    "complete",
    "confirm",
    "create",
    "deactivate",
    "delete",
    "deliver",
    "disable",
    "edit",
    "enable",
    "file",
    "finish",
    "freeze",
    "hold",
    "insert",
    "lock",
    "make",
    "mark",
    "merge",
    "modify",
    "move",
    "open",
    "patch",
    "pause",
    "pay",
    "place",
    "post",
    "publish",
    "put",
    "register",
    "reject",
    "remove",
    "rename",
    "reopen",
    "replace",
    "request",
    "reschedule",
    "reserve",
    "restore",
    "resume",
    "return",
    "revoke",
    "save",
    "schedule",
    "send",
    "set",
    "ship",
    "start",
    "stop",
    "submit",
    "suspend",
    "unarchive",
    "unfreeze",
    "unlock",
    "unpublish",
    "update",
    "upload",
    "withdraw",
];

/// Where the verb stands in the words of a tool's name. Another word first, before what it is done to, is
/// one that is not known here.
pub(crate) fn verb_at(all: &[String]) -> Option<usize> {
    if all
        .first()
        .is_some_and(|first| VERBS.contains(&first.as_str()))
    {
        return Some(0);
    }
    all.iter().position(|word| VERBS.contains(&word.as_str()))
}

/// The verb as a person says it: `post` makes something.
pub(crate) fn plain_verb(all: &[String], at: usize) -> String {
    match all[at].as_str() {
        "post" | "insert" | "put" if at == 0 || at + 1 == all.len() => "add".to_string(),
        other => other.to_string(),
    }
}

/// The verb that a tool's name holds: `cancel`, `check in`.
pub(crate) fn verb(tool: &Tool) -> Option<String> {
    let all = words(&tool.name);
    let at = verb_at(&all)?;
    let mut verb = plain_verb(&all, at);
    if verb == "check"
        && let Some(next) = all.get(at + 1)
        && ["in", "out"].contains(&next.as_str())
    {
        verb = format!("{verb} {next}");
    }
    Some(verb)
}

/// Whether something is so: `starred`, `not starred`; `with breakfast`, `without breakfast`.
pub(crate) fn flag(name: &str, yes: bool) -> String {
    let name = name.strip_prefix("is ").unwrap_or(name);
    // `waive fee`, `notify guests`
    if let Some((verb, rest)) = name.split_once(' ')
        && VERBS.contains(&verb)
    {
        return if yes {
            format!("please {verb} the {rest}")
        } else {
            format!("please do not {verb} the {rest}")
        };
    }
    // A switch is on or off.
    if name == "on" {
        return if yes { "on" } else { "off" }.to_string();
    }
    if is_adjective(name) {
        if yes {
            name.to_string()
        } else {
            format!("not {name}")
        }
    } else if yes {
        format!("with {name}")
    } else {
        format!("without {name}")
    }
}

/// A quality rather than a thing, as far as its ending tells.
pub(crate) fn is_adjective(name: &str) -> bool {
    let first = name.split(' ').next().unwrap_or(name);
    [
        "ed", "ing", "able", "ible", "ive", "ic", "ful", "ous", "ent", "ant",
    ]
    .iter()
    .any(|ending| first.ends_with(ending))
        || [
            "open",
            "read",
            "paid",
            "sent",
            "held",
            "kept",
            "sold",
            "new",
            "private",
            "hidden",
            "frozen",
            "done",
            "free",
            "ready",
            "silent",
            "empty",
            "valid",
            "secure",
            "primary",
            "default",
            "remote",
            "virtual",
            "urgent",
            "vegetarian",
            "vegan",
            "spicy",
            "full",
        ]
        .contains(&first)
}

/// `an` before a vowel, else `a`.
pub(crate) fn article(noun: &str) -> &'static str {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    let exception = ["user", "unit", "use", "euro", "one"]
        .iter()
        .any(|word| noun.starts_with(word));
    if vowel && !exception { "an" } else { "a" }
}

/// The first letter in upper case.
pub(crate) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + characters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        assert_eq!(words("homeStudioId"), ["home", "studio", "id"]);
        assert_eq!(singular("appointments"), "appointment");
        assert_eq!(singular("addresses"), "address");
        assert_eq!(singular("tradespeople"), "tradesperson");
        assert_eq!(argument_words("startsAt"), "start time");
        assert_eq!(argument_words("wanted_by"), "wanted-by date");
        assert_eq!(article("order"), "an");
    }
}
