//! What people call a kind of field: by the words of a column's name, and by the phrases of common kinds.

/// Kinds of fields: words of a column's name that say which it is, and how people ask for it.
const FIELDS: &[(&[&str], &[&str])] = &[
    (
        &["email", "mail"],
        &["email", "email address", "mail address", "mail"],
    ),
    (
        &["phone", "telephone", "mobile", "msisdn"],
        &[
            "phone",
            "phone number",
            "telephone number",
            "mobile number",
            "contact number",
            "number to call",
            "cell number",
        ],
    ),
    (
        &[
            "birth date",
            "birthdate",
            "birthday",
            "date of birth",
            "dob",
            "born on",
        ],
        &[
            "date of birth",
            "birth date",
            "birthday",
            "dob",
            "when were you born",
            "born",
        ],
    ),
    (
        &["zip", "zip code", "postcode", "postal code"],
        &["zip", "zip code", "postcode", "postal code", "post code"],
    ),
    (
        &["city", "town"],
        &["city", "town", "which city", "what city"],
    ),
    (&["country"], &["country", "which country", "nationality"]),
    (
        &["state", "province", "region"],
        &["state", "province", "region"],
    ),
    (
        &["street", "address", "address line"],
        &[
            "address",
            "street",
            "street address",
            "home address",
            "mailing address",
            "postal address",
            "where do you live",
        ],
    ),
    (
        &["first name", "given name"],
        &["first name", "given name", "forename"],
    ),
    (
        &["last name", "family name", "surname"],
        &["last name", "family name", "surname"],
    ),
    (&["full name", "name"], &["name", "full name", "called"]),
    (
        &["username", "user name", "login", "handle"],
        &["username", "user name", "login", "account name", "handle"],
    ),
    (
        &["password", "pin", "passcode"],
        &["password", "pin", "passcode", "secret code"],
    ),
    (
        &["account number", "iban"],
        &["account number", "iban", "bank account"],
    ),
    (
        &["card number", "last four", "card last four", "last4"],
        &[
            "card number",
            "last four digits",
            "last 4 digits",
            "digits of your card",
            "digits of the card",
        ],
    ),
    (&["title", "subject"], &["title", "subject", "heading"]),
    (
        &["description", "summary", "details"],
        &["description", "summary", "details"],
    ),
    (&["reason", "cause"], &["reason", "why", "cause"]),
    (
        &["note", "notes", "comment", "remark", "message", "memo"],
        &["note", "notes", "comment", "remark", "message", "memo"],
    ),
    (&["status", "state"], &["status", "current status"]),
    (
        &["kind", "type", "category"],
        &["kind", "type", "category", "what kind", "what type", "sort"],
    ),
    (
        &["priority", "urgency", "severity"],
        &["priority", "urgency", "severity", "how urgent"],
    ),
    (
        &["price", "unit price"],
        &["price", "cost", "how much does it cost"],
    ),
    (
        &["amount", "total", "sum"],
        &["amount", "total", "sum", "how much", "how much money"],
    ),
    (
        &["quantity", "count", "number of"],
        &["quantity", "how many", "number of items"],
    ),
    (&["currency"], &["currency"]),
    (
        &["date", "day", "due on", "on"],
        &["date", "day", "which day", "what day", "when"],
    ),
    (
        &["time", "hour", "starts at", "start time"],
        &["time", "what time", "hour", "start time", "when"],
    ),
    (
        &[
            "start date",
            "starts on",
            "from",
            "check in",
            "arrival",
            "arrives on",
        ],
        &[
            "start date",
            "starting date",
            "check in date",
            "check in",
            "arrival date",
            "arrival",
            "from when",
        ],
    ),
    (
        &[
            "end date",
            "ends on",
            "until",
            "check out",
            "departure",
            "leaves on",
        ],
        &[
            "end date",
            "ending date",
            "check out date",
            "check out",
            "departure date",
            "departure",
            "until when",
        ],
    ),
    (
        &["due date", "deadline", "due"],
        &["due date", "deadline", "by when"],
    ),
    (
        &["order number", "order id"],
        &["order number", "order id", "order code"],
    ),
    (
        &[
            "booking number",
            "reservation number",
            "booking reference",
            "confirmation code",
        ],
        &[
            "booking number",
            "booking reference",
            "reservation number",
            "reservation code",
            "confirmation number",
            "confirmation code",
        ],
    ),
    (&["policy number"], &["policy number", "insurance number"]),
    (&["claim number"], &["claim number", "claim id"]),
    (
        &["ticket number", "ticket id"],
        &["ticket number", "ticket id", "case number"],
    ),
    (&["invoice number"], &["invoice number", "bill number"]),
    (&["tracking number"], &["tracking number", "tracking code"]),
    (&["serial number", "serial"], &["serial number", "serial"]),
    (
        &["licence plate", "license plate", "plate", "registration"],
        &[
            "licence plate",
            "license plate",
            "plate number",
            "registration number",
        ],
    ),
    (
        &["passport", "passport number"],
        &["passport number", "passport"],
    ),
    (
        &["room", "room number"],
        &["room", "room number", "which room"],
    ),
    (&["seat", "seat number"], &["seat", "seat number"]),
    (&["flight", "flight number"], &["flight number", "flight"]),
    (
        &["plan", "tariff"],
        &["plan", "tariff", "which plan", "subscription plan"],
    ),
    (&["size"], &["size", "what size"]),
    (
        &["colour", "color"],
        &["colour", "color", "which colour", "which color"],
    ),
    (&["weight"], &["weight", "how heavy"]),
    (&["age"], &["age", "how old"]),
    (&["gender", "sex"], &["gender", "sex"]),
    (&["language"], &["language", "which language"]),
    (
        &["department", "team", "unit"],
        &["department", "team", "unit"],
    ),
    (
        &["role", "position", "job title"],
        &["role", "position", "job title"],
    ),
    (
        &["company", "organisation", "organization", "employer"],
        &["company", "organisation", "organization", "employer"],
    ),
    (
        &["specialty", "speciality"],
        &["specialty", "speciality", "specialism", "field"],
    ),
    (
        &["brand", "make", "manufacturer"],
        &["brand", "make", "manufacturer"],
    ),
    (&["model"], &["model", "which model"]),
    (
        &["payment method", "method"],
        &[
            "payment method",
            "method of payment",
            "how would you like to pay",
            "how to pay",
        ],
    ),
    (&["url", "website", "link"], &["website", "link", "url"]),
    (&["rating", "score", "stars"], &["rating", "score", "stars"]),
    (
        &["duration", "length", "minutes"],
        &["duration", "how long", "length", "minutes"],
    ),
    (
        &["location", "place", "site", "venue"],
        &["location", "place", "where", "venue"],
    ),
    (
        &["to", "recipient"],
        &["recipient", "sent to", "send it to", "goes to", "to whom"],
    ),
    (&["id"], &["id", "identifier"]),
    (
        &["number", "code", "reference"],
        &["number", "code", "reference", "reference number"],
    ),
];

/// Words of a name or a sentence: lower case, without dashes, `e-mail` and `email` as one.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .replace("e-mail", "email")
        .replace('\u{2019}', "'")
        .replace("'s", " ")
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_string)
        .collect()
}

/// One of several: `orders` is `order`, `categories` is `category`.
pub(crate) fn singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for ending in ["sses", "xes", "ches", "shes"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_string();
        }
    }
    match word.strip_suffix('s') {
        Some(stem) if !word.ends_with("ss") && !word.ends_with("us") && stem.len() > 2 => {
            stem.to_string()
        }
        _ => word.to_string(),
    }
}

/// Names of one word that sentences are full of.
const PARTICLES: &[&str] = &[
    "to", "from", "by", "at", "on", "in", "of", "for", "with", "is", "as",
];

/// The words of a name as a phrase. Whom a message goes `to`: every second sentence has that word, and few ask for it.
pub(crate) fn by_name(words: Vec<String>) -> Vec<String> {
    match &words[..] {
        [word] if PARTICLES.contains(&word.as_str()) => vec!["the".into(), word.clone()],
        _ => words,
    }
}

/// The phrases by which people ask for a column of this name, as words; its own name first.
pub(crate) fn phrases(column: &str) -> Vec<Vec<String>> {
    let own = words(column);
    let mut phrases = vec![by_name(own.clone())];
    let joined = own.join(" ");
    // The last words of a name say what it is: `home_phone` is a phone. The longest ending that is known
    // decides.
    let known = (0..own.len()).find_map(|from| {
        let ending = own[from..].join(" ");
        let fields: Vec<_> = FIELDS
            .iter()
            .filter(|(names, _)| names.contains(&ending.as_str()))
            .collect();
        (!fields.is_empty()).then_some((from, fields))
    });
    if let Some((from, fields)) = known {
        for (_, asked) in fields {
            for phrase in *asked {
                // A specific name does not answer to the general word alone: `card number` is not `number`.
                if from > 0 && is_general(phrase) {
                    continue;
                }
                phrases.push(words(phrase));
            }
        }
    }
    let on = own.last().is_some_and(|last| last == "on" || last == "at");
    if on && own.len() > 1 {
        phrases.push(own[..own.len() - 1].to_vec());
        phrases.push(words(&format!("{} date", own[..own.len() - 1].join(" "))));
        phrases.push(words(&format!(
            "date of {}",
            own[..own.len() - 1].join(" ")
        )));
        phrases.push(vec!["when".into()]);
    }
    if own.last().is_some_and(|last| last == "cents") && own.len() > 1 {
        phrases.push(own[..own.len() - 1].to_vec());
    }
    if joined.ends_with(" id") {
        let thing = &joined[..joined.len() - 3];
        for kind in ["number", "code", "reference", "identifier"] {
            phrases.push(words(&format!("{thing} {kind}")));
        }
    }
    phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    phrases.dedup();
    phrases
}

fn is_general(phrase: &str) -> bool {
    [
        "id",
        "number",
        "code",
        "reference",
        "identifier",
        "date",
        "day",
        "time",
        "name",
        "when",
        "called",
    ]
    .contains(&phrase)
}
