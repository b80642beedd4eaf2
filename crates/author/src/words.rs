//! Names as words: splitting, singular and plural.

/// The words of a name, in lower case: `listClinicDoctors` gives list, clinic, doctors.
pub(crate) fn words(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut current = String::new();
    for (at, character) in characters.iter().enumerate() {
        if !character.is_alphanumeric() {
            push(&mut words, &mut current);
            continue;
        }
        let before = at.checked_sub(1).map(|before| characters[before]);
        let after = characters.get(at + 1);
        // `orderId` breaks before the I, `HTTPStatus` before the S.
        let rises = character.is_uppercase()
            && (before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit())
                || (before.is_some_and(char::is_uppercase)
                    && after.is_some_and(|after| after.is_lowercase())));
        if rises {
            push(&mut words, &mut current);
        }
        current.extend(character.to_lowercase());
    }
    push(&mut words, &mut current);
    words
}

fn push(words: &mut Vec<String>, current: &mut String) {
    if !current.is_empty() {
        words.push(std::mem::take(current));
    }
}

/// The name in `snake_case`, safe as an SQL identifier and a parameter.
pub(crate) fn snake(name: &str) -> String {
    let mut snake: String = words(name)
        .join("_")
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '_')
        .collect();
    if snake.is_empty() {
        snake.push_str("value");
    }
    if snake.starts_with(|first: char| first.is_ascii_digit()) {
        snake.insert_str(0, "n_");
    }
    snake.truncate(48);
    snake
}

/// The name for people: `created_at` as `created at`.
pub(crate) fn spoken(name: &str) -> String {
    words(name).join(" ")
}

const IRREGULAR: &[(&str, &str)] = &[
    ("children", "child"),
    ("criteria", "criterion"),
    ("feet", "foot"),
    ("geese", "goose"),
    ("indices", "index"),
    ("leaves", "leaf"),
    ("lives", "life"),
    ("matrices", "matrix"),
    ("men", "man"),
    ("mice", "mouse"),
    ("movies", "movie"),
    ("people", "person"),
    ("persons", "person"),
    ("selves", "self"),
    ("shelves", "shelf"),
    ("teeth", "tooth"),
    ("cookies", "cookie"),
    ("ties", "tie"),
    ("vertices", "vertex"),
    ("women", "woman"),
];
const INVARIANT: &[&str] = &[
    "access",
    "address",
    "alias",
    "analysis",
    "analytics",
    "basis",
    "business",
    "bus",
    "campus",
    "canvas",
    "class",
    "corps",
    "data",
    "diagnosis",
    "dns",
    "gas",
    "glass",
    "https",
    "information",
    "media",
    "metadata",
    "news",
    "os",
    "process",
    "progress",
    "series",
    "sms",
    "species",
    "status",
    "tls",
    "virus",
    "wireless",
    "aws",
    "lens",
    "pass",
    "press",
    "loss",
    "boss",
    "mass",
    "less",
];

/// The singular of one English word.
pub(crate) fn singular(word: &str) -> String {
    if let Some((_, one)) = IRREGULAR.iter().find(|(many, _)| *many == word) {
        return (*one).to_string();
    }
    if let Some((many, one)) = IRREGULAR
        .iter()
        .find(|(many, _)| word.len() > many.len() && word.ends_with(many) && many.len() > 3)
    {
        // `tradespeople`
        return format!("{}{one}", &word[..word.len() - many.len()]);
    }
    if INVARIANT.contains(&word) || word.len() < 3 {
        return word.to_string();
    }
    if let Some(stem) = word.strip_suffix("ies")
        && stem.len() > 1
    {
        return format!("{stem}y");
    }
    for ending in ["sses", "shes", "ches", "xes", "zzes"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_string();
        }
    }
    if word.ends_with("statuses") || word.ends_with("buses") || word.ends_with("aliases") {
        return word[..word.len() - 2].to_string();
    }
    match word.strip_suffix('s') {
        Some(stem) if !stem.ends_with(['s', 'u', 'i']) => stem.to_string(),
        _ => word.to_string(),
    }
}

/// The singular of a name of several words: only the last one changes.
pub(crate) fn singular_name(name: &str) -> String {
    let mut all = words(name);
    if let Some(last) = all.last_mut() {
        *last = singular(last);
    }
    all.join("_")
}

/// The plural of a name in snake case.
pub(crate) fn plural_name(name: &str) -> String {
    let (head, last) = match name.rsplit_once('_') {
        Some((head, last)) => (Some(head), last),
        None => (None, name),
    };
    let plural = plural(last);
    head.map_or_else(|| plural.clone(), |head| format!("{head}_{plural}"))
}

fn plural(word: &str) -> String {
    if let Some((many, _)) = IRREGULAR.iter().find(|(_, one)| *one == word) {
        return (*many).to_string();
    }
    if [
        "data",
        "media",
        "metadata",
        "news",
        "series",
        "species",
        "information",
        "analytics",
    ]
    .contains(&word)
    {
        return word.to_string();
    }
    if let Some(start) = word.strip_suffix("person") {
        return format!("{start}people");
    }
    if let Some(stem) = word.strip_suffix('y')
        && !stem.ends_with(['a', 'e', 'i', 'o', 'u'])
        && !stem.is_empty()
    {
        return format!("{stem}ies");
    }
    if word.ends_with(['s', 'x', 'z']) || word.ends_with("ch") || word.ends_with("sh") {
        return format!("{word}es");
    }
    format!("{word}s")
}

/// Two names that mean the same column: `customerId` and `customer_id`.
pub(crate) fn same(a: &str, b: &str) -> bool {
    words(a).concat() == words(b).concat()
}

/// `an` before a vowel, else `a`.
pub(crate) fn article(noun: &str) -> &'static str {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    let exception = ["user", "unit", "uni", "use", "euro", "one"]
        .iter()
        .any(|word| noun.starts_with(word));
    if vowel && !exception || noun.starts_with("hour") {
        "an"
    } else {
        "a"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split() {
        assert_eq!(words("listClinicDoctors"), ["list", "clinic", "doctors"]);
        assert_eq!(words("HTTPStatus_code2"), ["http", "status", "code2"]);
        assert_eq!(snake("X-Request ID"), "x_request_id");
        assert_eq!(snake("2fa"), "n_2fa");
        assert!(same("customerId", "customer_id"));
    }

    #[test]
    fn words_become_singular_and_plural() {
        for (many, one) in [
            ("orders", "order"),
            ("categories", "category"),
            ("addresses", "address"),
            ("classes", "class"),
            ("boxes", "box"),
            ("statuses", "status"),
            ("people", "person"),
            ("tradespeople", "tradesperson"),
            ("news", "news"),
            ("houses", "house"),
        ] {
            assert_eq!(singular(many), one);
            assert_eq!(plural_name(one), many);
        }
        assert_eq!(singular("bus"), "bus");
        assert_eq!(plural_name("order_item"), "order_items");
        assert_eq!(article("appointment"), "an");
        assert_eq!(article("user"), "a");
    }
}
