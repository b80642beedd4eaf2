//! Data generators for the columns of a plan, chosen by what their names, types and formats say.

use std::collections::BTreeMap;

use practicum_world::format::{ColumnData, DataFile, Derive, TableData};
use serde_json::{Value, json};

use crate::entity::Kind;
use crate::plan::{ColumnPlan, Plan, TablePlan};
use crate::render::id_prefix;
use crate::sql_text::ident;
use crate::words::words;

/// Rows of a table that stands on its own.
const ROOT_ROWS: u32 = 24;

/// `data.toml`.
pub(crate) fn data(plan: &Plan) -> DataFile {
    let order = order(plan);
    let mut file = DataFile::default();
    for (position, at) in order.iter().enumerate() {
        let before: Vec<usize> = order[..position].to_vec();
        let (table, later) = table(plan, *at, &before);
        file.table.push(table);
        file.derive.extend(later);
    }
    for table in &plan.tables {
        file.derive.extend(ends_after_start(table));
    }
    file
}

/// Referenced tables before those that refer to them; a cycle is broken at a column that may be NULL.
pub(crate) fn order(plan: &Plan) -> Vec<usize> {
    let mut left: Vec<usize> = (0..plan.tables.len()).collect();
    let mut done: Vec<usize> = Vec::new();
    while !left.is_empty() {
        let waits = |at: usize, strict: bool| {
            plan.tables[at].columns.iter().any(|column| {
                column.references.is_some_and(|parent| {
                    parent != at && !done.contains(&parent) && (strict || column.required)
                })
            })
        };
        let next = left
            .iter()
            .copied()
            .find(|at| !waits(*at, true))
            .or_else(|| left.iter().copied().find(|at| !waits(*at, false)))
            .unwrap_or(left[0]);
        left.retain(|at| *at != next);
        done.push(next);
    }
    done
}

fn table(plan: &Plan, at: usize, before: &[usize]) -> (TableData, Vec<Derive>) {
    let table = &plan.tables[at];
    let mut data = TableData {
        name: table.name.clone(),
        ..TableData::default()
    };
    // Rows stand under their owner, else under the first thing that they must refer to.
    let parent = table
        .owner
        .filter(|owner| before.contains(owner))
        .or_else(|| {
            table
                .columns
                .iter()
                .filter(|column| column.required)
                .find_map(|column| column.references)
                .filter(|parent| before.contains(parent) && *parent != at)
        });
    let link = table.key.len() > 1;
    match parent {
        Some(parent) => {
            data.per = Some(plan.tables[parent].name.clone());
            data.count = Some(if link { [0, 3] } else { [1, 3] });
        }
        None => data.rows = Some(ROOT_ROWS),
    }
    let parent_column = parent.and_then(|parent| {
        table
            .columns
            .iter()
            .position(|column| column.references == Some(parent))
    });
    let mut columns: BTreeMap<String, ColumnData> = BTreeMap::new();
    let mut later = Vec::new();
    for (position, column) in table.columns.iter().enumerate() {
        if Some(position) == parent_column {
            continue;
        }
        if table.minted && table.key == [position] {
            if column.kind == Kind::Text {
                columns.insert(
                    column.name.clone(),
                    ColumnData {
                        id: Some(id_prefix(table)),
                        ..ColumnData::default()
                    },
                );
            }
            continue;
        }
        if let Some(parent) = column.references {
            let key = &plan.tables[parent].columns[plan.tables[parent].key[0]].name;
            if parent == at || !before.contains(&parent) {
                later.push(self_reference(plan, at, parent, column));
            } else {
                columns.insert(
                    column.name.clone(),
                    ColumnData {
                        reference: Some(format!("{}.{key}", plan.tables[parent].name)),
                        null_share: (!column.required).then_some(0.2),
                        ..ColumnData::default()
                    },
                );
            }
            continue;
        }
        let mut generator = generator(table, position, column);
        if !column.required && is_event(&column.name) {
            generator.null_share = Some(0.6);
        }
        columns.insert(column.name.clone(), generator);
    }
    data.columns = columns;
    (data, later)
}

/// References that the generator cannot fill in order are filled in afterwards.
fn self_reference(plan: &Plan, at: usize, parent: usize, column: &ColumnPlan) -> Derive {
    let table = &plan.tables[at];
    let parent_table = &plan.tables[parent];
    let key = ident(&parent_table.columns[parent_table.key[0]].name);
    Derive {
        sql: if parent == at {
            format!(
                "UPDATE {0} SET {1} = (SELECT p.{key} FROM {0} p WHERE p.rowid = 1 + {0}.rowid % 4) WHERE rowid > 4 AND rowid % 3 > 0",
                ident(&table.name),
                ident(&column.name)
            )
        } else {
            format!(
                "UPDATE {0} SET {1} = (SELECT p.{key} FROM {2} p WHERE p.rowid = 1 + {0}.rowid % (SELECT max(1, count(*)) FROM {2}))",
                ident(&table.name),
                ident(&column.name),
                ident(&parent_table.name)
            )
        },
        note: format!("{} refers to rows that are made later", column.name),
    }
}

/// A moment that only some rows have come to: `cancelled_at`, `completed_on`.
fn is_event(name: &str) -> bool {
    let words = words(name);
    matches!(
        words.last().map(String::as_str),
        Some("at" | "on" | "date" | "time")
    ) && words.first().is_some_and(|word| {
        word.ends_with("ed") && !["created", "updated"].contains(&word.as_str())
    })
}

/// The end of a span comes after its start.
fn ends_after_start(table: &TablePlan) -> Vec<Derive> {
    let pairs = [
        ("start", "end"),
        ("starts", "ends"),
        ("begin", "end"),
        ("from", "to"),
        ("from", "until"),
        ("check_in", "check_out"),
        ("checkin", "checkout"),
        ("arrival", "departure"),
        ("departure", "arrival"),
        ("pickup", "dropoff"),
        ("opens", "closes"),
        ("issued", "due"),
    ];
    let mut derived = Vec::new();
    let format = |column: &ColumnPlan| {
        column
            .schema
            .get("format")
            .and_then(Value::as_str)
            .map(str::to_string)
    };
    for start in &table.columns {
        for end in &table.columns {
            if start.name == end.name || format(start) != format(end) || start.group != end.group {
                continue;
            }
            let matched = pairs.iter().any(|(from, to)| {
                start.name.starts_with(from)
                    && end.name == format!("{to}{}", &start.name[from.len()..])
                    || start.name.ends_with(&format!("_{from}"))
                        && end.name
                            == format!("{}_{to}", &start.name[..start.name.len() - from.len() - 1])
            });
            if !matched {
                continue;
            }
            let change = match format(start).as_deref() {
                Some("date-time") => "strftime('%Y-%m-%dT%H:%M:%SZ', {}, '+1 hour')",
                Some("date") => "date({}, '+3 days')",
                _ => continue,
            };
            let from = ident(&start.name);
            derived.push(Derive {
                sql: format!(
                    "UPDATE {} SET {} = {} WHERE {} IS NOT NULL AND {from} IS NOT NULL",
                    ident(&table.name),
                    ident(&end.name),
                    change.replace("{}", &from),
                    ident(&end.name)
                ),
                note: format!("{} comes after {}", end.name, start.name),
            });
        }
    }
    derived
}

fn fake(kind: &str) -> ColumnData {
    ColumnData {
        fake: Some(kind.to_string()),
        ..ColumnData::default()
    }
}

fn unique(generator: ColumnData) -> ColumnData {
    ColumnData {
        unique: true,
        ..generator
    }
}

/// The nouns of people, of firms, of goods, of places.
fn noun_is(table: &TablePlan, list: &[&str]) -> bool {
    table.noun.split('_').any(|word| list.contains(&word))
}

const PEOPLE: &[&str] = &[
    "user",
    "customer",
    "patient",
    "member",
    "guest",
    "contact",
    "employee",
    "driver",
    "doctor",
    "person",
    "author",
    "agent",
    "owner",
    "teacher",
    "student",
    "client",
    "subscriber",
    "attendee",
    "homeowner",
    "tradesperson",
    "diner",
    "payee",
    "recipient",
    "sender",
    "passenger",
    "rider",
    "player",
    "artist",
    "candidate",
    "lead",
    "applicant",
    "staff",
    "technician",
    "participant",
    "speaker",
    "instructor",
    "tenant",
    "buyer",
    "seller",
    "beneficiary",
    "cardholder",
    "nurse",
    "worker",
    "assignee",
    "reviewer",
    "profile",
    "borrower",
];
const FIRMS: &[&str] = &[
    "company",
    "organization",
    "organisation",
    "vendor",
    "supplier",
    "merchant",
    "partner",
    "business",
    "employer",
    "publisher",
    "brand",
    "manufacturer",
    "carrier",
    "provider",
    "agency",
    "firm",
    "advertiser",
    "retailer",
];
const GOODS: &[&str] = &[
    "product",
    "item",
    "sku",
    "article",
    "good",
    "variant",
    "part",
    "asset",
    "device",
    "offer",
    "gift",
    "equipment",
    "listing",
];
const EVENTS: &[&str] = &[
    "event",
    "meeting",
    "task",
    "appointment",
    "session",
    "webinar",
    "course",
    "project",
    "ticket",
    "issue",
    "todo",
    "activity",
    "campaign",
    "job",
    "workshop",
    "class",
    "message",
    "thread",
];

fn generator(table: &TablePlan, position: usize, column: &ColumnPlan) -> ColumnData {
    let is_key = table.key.contains(&position);
    if let Some(choices) = column.schema.get("enum").and_then(Value::as_array) {
        return ColumnData {
            choice: Some(choices.clone()),
            ..ColumnData::default()
        };
    }
    match column.kind {
        Kind::Boolean => ColumnData {
            bool: Some(0.5),
            ..ColumnData::default()
        },
        Kind::Integer => integer(column, is_key),
        Kind::Real => real(column),
        Kind::List => list(column),
        _ => text(table, column, is_key),
    }
}

fn bound(column: &ColumnPlan, which: &str) -> Option<f64> {
    column.schema.get(which).and_then(Value::as_f64)
}

fn integer(column: &ColumnPlan, is_key: bool) -> ColumnData {
    if is_key {
        return ColumnData {
            sequence: Some(1),
            ..ColumnData::default()
        };
    }
    let words = words(&column.name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let (low, high, step) = if has(&["cents", "pence"]) {
        (500, 40_000, 50)
    } else if has(&[
        "price", "amount", "total", "fee", "cost", "balance", "budget", "revenue", "salary",
    ]) {
        (5, 900, 1)
    } else if has(&["rating", "stars", "score", "priority", "level"]) {
        (1, 5, 1)
    } else if has(&["year"]) {
        (1_985, 2_025, 1)
    } else if has(&["age"]) {
        (18, 80, 1)
    } else if has(&["minutes", "duration", "mins"]) {
        (10, 120, 5)
    } else if has(&["seconds", "ms", "milliseconds"]) {
        (30, 3_600, 30)
    } else if has(&["percent", "percentage", "pct"]) {
        (0, 100, 5)
    } else if has(&[
        "capacity",
        "seats",
        "stock",
        "inventory",
        "size",
        "pages",
        "weight",
        "grams",
    ]) {
        (4, 400, 2)
    } else if has(&[
        "timestamp",
        "time",
        "date",
        "at",
        "created",
        "updated",
        "epoch",
    ]) {
        (1_756_000_000, 1_772_000_000, 60)
    } else {
        (1, 60, 1)
    };
    let low = bound(column, "minimum").map_or(low, |minimum| low.max(minimum as i64));
    let high = bound(column, "maximum")
        .map_or(high.max(low), |maximum| (maximum as i64).min(high.max(low)));
    let (low, high) = if low > high {
        (high, high)
    } else {
        (low, high)
    };
    ColumnData {
        int: Some([low, high]),
        step: (step > 1 && high - low > step).then_some(step),
        ..ColumnData::default()
    }
}

fn real(column: &ColumnPlan) -> ColumnData {
    let words = words(&column.name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let (low, high, places): (f64, f64, u32) = if has(&["latitude", "lat"]) {
        (-60.0, 60.0, 4)
    } else if has(&["longitude", "lng", "lon"]) {
        (-170.0, 170.0, 4)
    } else if has(&["rating", "stars", "score"]) {
        (1.0, 5.0, 1)
    } else if has(&["rate", "share", "ratio", "probability", "confidence"]) {
        (0.0, 1.0, 2)
    } else if has(&["percent", "percentage", "discount", "tax"]) {
        (0.0, 30.0, 1)
    } else if has(&[
        "price", "amount", "total", "fee", "cost", "balance", "subtotal", "budget", "value",
    ]) {
        (5.0, 400.0, 2)
    } else {
        (1.0, 100.0, 1)
    };
    let low = bound(column, "minimum").map_or(low, |minimum| low.max(minimum));
    let high = bound(column, "maximum").map_or(high.max(low), |maximum| maximum.min(high.max(low)));
    ColumnData {
        real: Some([low.min(high), high]),
        places: Some(places),
        ..ColumnData::default()
    }
}

fn list(column: &ColumnPlan) -> ColumnData {
    let items = column.schema.get("items").cloned().unwrap_or(Value::Null);
    let words = words(&column.name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let inner = if let Some(choices) = items.get("enum").and_then(Value::as_array) {
        ColumnData {
            choice: Some(choices.clone()),
            ..ColumnData::default()
        }
    } else {
        match items.get("type").and_then(Value::as_str) {
            Some("integer") => ColumnData {
                int: Some([1, 60]),
                ..ColumnData::default()
            },
            Some("number") => ColumnData {
                real: Some([1.0, 60.0]),
                ..ColumnData::default()
            },
            _ if has(&["languages", "locales"]) => fake("language"),
            _ if has(&["emails", "recipients", "attendees"]) => fake("email"),
            _ if has(&["images", "photos", "urls", "links", "uris"]) => fake("url"),
            _ => ColumnData {
                choice: Some(
                    [
                        "basic", "bulk", "early", "family", "featured", "fragile", "gift", "group",
                        "local", "new", "online", "popular", "quiet", "seasonal", "urgent", "vip",
                    ]
                    .iter()
                    .map(|word| json!(word))
                    .collect(),
                ),
                ..ColumnData::default()
            },
        }
    };
    ColumnData {
        list_of: Some(Box::new(inner)),
        len: Some([0, 3]),
        ..ColumnData::default()
    }
}

fn text(table: &TablePlan, column: &ColumnPlan, is_key: bool) -> ColumnData {
    let words = words(&column.name);
    let last = words.last().map_or("", String::as_str);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let format = column.schema.get("format").and_then(Value::as_str);
    let has_email = table
        .columns
        .iter()
        .any(|other| other.name.contains("email"));
    let person = noun_is(table, PEOPLE) || (has_email && !noun_is(table, FIRMS));
    match format {
        Some("date") => {
            return ColumnData {
                date: Some(days(&words)),
                ..ColumnData::default()
            };
        }
        Some("date-time") => {
            return ColumnData {
                datetime: Some(days(&words)),
                ..ColumnData::default()
            };
        }
        Some("email") => return email(table, column),
        _ => {}
    }
    if is_key {
        return if has(&["email"]) {
            unique(fake("email"))
        } else if has(&["name", "slug", "title", "key"]) {
            unique(fake("title"))
        } else {
            ColumnData {
                id: Some(id_prefix(table)),
                ..ColumnData::default()
            }
        };
    }
    if has(&["email", "mail"]) && !has(&["subject", "body"]) {
        return email(table, column);
    }
    if has(&["phone", "mobile", "telephone", "fax", "msisdn"]) {
        return fake("phone");
    }
    if has(&[
        "url",
        "uri",
        "link",
        "website",
        "avatar",
        "image",
        "photo",
        "picture",
        "logo",
        "icon",
        "thumbnail",
        "webhook",
        "homepage",
        "href",
    ]) {
        return fake("url");
    }
    if has(&["first", "given", "forename"]) && has(&["name", "forename"]) {
        return fake("first_name");
    }
    if has(&["last", "family", "surname"]) && has(&["name", "surname"]) {
        return fake("last_name");
    }
    if has(&["username", "login", "nickname", "handle"]) || (has(&["user"]) && last == "name") {
        return unique(fake("username"));
    }
    if has(&["city", "town"]) {
        return fake("city");
    }
    if has(&["country"]) {
        return if has(&["code", "iso"])
            || column
                .schema
                .get("maxLength")
                .and_then(Value::as_u64)
                .is_some_and(|length| length <= 3)
        {
            fake("country_code")
        } else {
            fake("country")
        };
    }
    if has(&["region", "province", "county"]) || (last == "state" && column.group.is_some()) {
        return fake("state");
    }
    if has(&["street", "address", "line1", "address1"]) && !has(&["ip", "mac", "id"]) {
        return fake("street_address");
    }
    if has(&["postcode", "postal", "zip", "zipcode"]) {
        return fake("postcode");
    }
    if has(&["currency"]) {
        return fake("currency_code");
    }
    if has(&["language", "locale", "lang"]) {
        return fake("language");
    }
    if has(&["timezone", "tz"]) || (has(&["time"]) && has(&["zone"])) {
        return ColumnData {
            choice: Some(
                [
                    "Europe/Berlin",
                    "Europe/London",
                    "America/New_York",
                    "Asia/Tokyo",
                    "UTC",
                ]
                .iter()
                .map(|zone| json!(zone))
                .collect(),
            ),
            ..ColumnData::default()
        };
    }
    if has(&["color", "colour"]) {
        return fake("color");
    }
    if has(&["ip"]) {
        return fake("ip");
    }
    if has(&[
        "company",
        "organization",
        "organisation",
        "employer",
        "vendor",
        "supplier",
        "manufacturer",
        "brand",
        "publisher",
    ]) {
        return fake("company");
    }
    if has(&["job", "occupation", "profession", "role", "position"]) {
        return fake("job");
    }
    if has(&["filename", "file"]) {
        return fake("file_name");
    }
    if has(&[
        "author",
        "artist",
        "owner",
        "assignee",
        "sender",
        "recipient",
        "creator",
        "reporter",
        "organizer",
        "driver",
        "doctor",
        "contact",
    ]) && !has(&["id", "title", "type", "count"])
    {
        return fake("full_name");
    }
    if last == "name" || has(&["fullname", "displayname"]) {
        return if person || has(&["full"]) {
            fake("full_name")
        } else if noun_is(table, FIRMS) {
            unique(fake("company"))
        } else if noun_is(table, GOODS) {
            unique(fake("product"))
        } else if noun_is(table, EVENTS) {
            unique(fake("event_title"))
        } else {
            unique(fake("title"))
        };
    }
    if has(&["title", "subject", "headline", "label", "caption", "topic"]) {
        return if noun_is(table, EVENTS) {
            unique(fake("event_title"))
        } else if noun_is(table, GOODS) {
            unique(fake("product"))
        } else {
            unique(fake("title"))
        };
    }
    if has(&[
        "description",
        "notes",
        "note",
        "comment",
        "comments",
        "body",
        "message",
        "text",
        "content",
        "summary",
        "details",
        "reason",
        "bio",
        "snippet",
        "instructions",
        "memo",
        "remarks",
        "about",
    ]) {
        return fake("sentence");
    }
    if has(&["start", "end", "due", "date", "deadline", "day"]) || ["at", "on"].contains(&last) {
        return if last == "time" {
            ColumnData {
                time: Some([8, 20]),
                ..ColumnData::default()
            }
        } else {
            ColumnData {
                date: Some(days(&words)),
                ..ColumnData::default()
            }
        };
    }
    if last == "time" {
        return ColumnData {
            time: Some([8, 20]),
            ..ColumnData::default()
        };
    }
    if let Some(example) = coded_example(column) {
        return ColumnData {
            like: Some(example),
            ..ColumnData::default()
        };
    }
    if has(&[
        "number",
        "code",
        "reference",
        "ref",
        "isbn",
        "serial",
        "sku",
        "barcode",
        "iban",
        "vin",
    ]) || last == "id"
    {
        let letters: String = words
            .first()
            .map_or("", String::as_str)
            .chars()
            .take(2)
            .collect::<String>()
            .to_uppercase();
        return ColumnData {
            id: Some(format!("{letters}-")),
            ..ColumnData::default()
        };
    }
    if has(&[
        "price", "amount", "total", "value", "cost", "fee", "balance",
    ]) {
        return ColumnData {
            int: Some([5, 900]),
            ..ColumnData::default()
        };
    }
    let wordy = column
        .schema
        .get("examples")
        .and_then(|examples| examples.get(0))
        .and_then(Value::as_str)
        .is_some_and(|example| example.split_whitespace().count() > 3);
    if wordy {
        return fake("sentence");
    }
    if has(&[
        "type", "kind", "category", "genre", "group", "class", "source", "channel", "method",
        "level", "status", "state", "tier", "plan",
    ]) {
        // Free text in the spec, but a handful of values in life.
        return ColumnData {
            choice: Some(
                ["standard", "premium", "basic", "internal", "seasonal"]
                    .iter()
                    .map(|word| json!(word))
                    .collect(),
            ),
            ..ColumnData::default()
        };
    }
    fake("words")
}

/// An example that is a code rather than words: `4242`, `AB-1234`, `12:30`.
fn coded_example(column: &ColumnPlan) -> Option<String> {
    let example = column.schema.get("examples")?.get(0)?.as_str()?;
    let digits = example.chars().filter(char::is_ascii_digit).count();
    let plain = example.is_ascii() && !example.contains(' ') && !example.contains(':');
    (plain && digits > 0 && example.len() <= 24).then(|| example.to_string())
}

/// An address made from the row's name, where there is one.
fn email(table: &TablePlan, column: &ColumnPlan) -> ColumnData {
    let own = column.name != "email" && table.columns.iter().any(|other| other.name == "email");
    let named = |name: &str| {
        table.columns.iter().any(|other| {
            other.name == name && other.kind == Kind::Text && other.references.is_none()
        })
    };
    if own {
        return fake("email");
    }
    let template = if named("first_name") && named("last_name") {
        Some("{first_name|dot}.{last_name|dot}@example.com")
    } else if named("full_name") {
        Some("{full_name|dot}@example.com")
    } else if named("name") {
        Some("{name|dot}@example.com")
    } else {
        None
    };
    match template {
        Some(template) => ColumnData {
            template: Some(template.to_string()),
            unique: true,
            ..ColumnData::default()
        },
        None => unique(fake("email")),
    }
}

/// Days from the clock: what is planned lies ahead, what has happened lies behind.
fn days(words: &[String]) -> [i64; 2] {
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if has(&["birth", "dob", "birthday", "birthdate"]) {
        [-25_000, -7_000]
    } else if has(&[
        "start",
        "starts",
        "due",
        "scheduled",
        "arrival",
        "checkin",
        "check",
        "departure",
        "deadline",
        "expires",
        "expiry",
        "expiration",
        "valid",
        "until",
        "end",
        "ends",
        "appointment",
        "delivery",
        "planned",
        "next",
        "pickup",
        "event",
        "needed",
        "held",
    ]) {
        [1, 60]
    } else if has(&[
        "created",
        "updated",
        "modified",
        "joined",
        "registered",
        "opened",
        "placed",
        "added",
        "last",
        "since",
        "published",
        "sent",
        "received",
        "paid",
        "issued",
    ]) {
        [-300, -1]
    } else {
        [-60, 60]
    }
}
