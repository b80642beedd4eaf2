//! The checks that the benchmark's data classes make of what they are built from: which values they
//! take, in which form they keep them, and what they say otherwise.

use serde_json::{Map, Value};

use super::spelling::{repr, type_name};

/// The version of pydantic whose words these are; it stands in each of its messages.
const VERSION: &str = "2.14";

/// What a field takes.
enum Field {
    Text,
    OptionalText,
    Integer,
    OptionalInteger,
    Number,
    Boolean,
    /// One of these texts, checked as a literal or as an enumeration.
    Literal(&'static [&'static str]),
    Enumeration(&'static [&'static str]),
    /// A list of another class's values.
    List(&'static str),
}

/// One field: its name, what it takes, and what it is when nothing is given (JSON; required without).
type Definition = (&'static str, Field, Option<&'static str>);

/// The fields of a class in their order, and whether other names are refused.
fn class(name: &str) -> (Vec<Definition>, bool) {
    use Field::{
        Boolean, Enumeration, Integer, List, Literal, Number, OptionalInteger, OptionalText, Text,
    };
    let texts = |names: &[&'static str]| names.iter().map(|name| (*name, Text, None)).collect();
    match name {
        "UserAddress" => (
            texts(&["address1", "address2", "city", "country", "state", "zip"]),
            false,
        ),
        "FlightInfo" => (texts(&["flight_number", "date"]), false),
        "Passenger" => (texts(&["first_name", "last_name", "dob"]), false),
        "Payment" => (
            vec![("payment_id", Text, None), ("amount", Integer, None)],
            false,
        ),
        "Certificate" => (vec![("amount", Number, None)], false),
        "Reservation" => (
            vec![
                ("origin", Text, None),
                ("destination", Text, None),
                ("flight_type", Literal(&["round_trip", "one_way"]), None),
                (
                    "cabin",
                    Literal(&["business", "economy", "basic_economy"]),
                    None,
                ),
                ("passengers", List("Passenger"), None),
                ("payment_history", List("Payment"), None),
                ("total_baggages", Integer, None),
                ("nonfree_baggages", Integer, None),
                ("insurance", Literal(&["yes", "no"]), None),
            ],
            false,
        ),
        "APNSettings" => (
            vec![
                (
                    "apn_name",
                    Enumeration(&["internet", "broken"]),
                    Some("\"internet\""),
                ),
                ("reset_at_reboot", Boolean, Some("false")),
                ("mms_apn", OptionalText, Some("\"mms\"")),
                (
                    "mmsc_url",
                    OptionalText,
                    Some("\"http://mms.carrier.com/mms/wapenc\""),
                ),
                ("mms_proxy", OptionalText, Some("null")),
                ("mms_port", OptionalInteger, Some("null")),
            ],
            true,
        ),
        _ => (Vec::new(), false),
    }
}

/// The value as the class keeps it, or the message of its validation error.
pub(crate) fn validate(name: &str, given: &Value) -> Result<Value, String> {
    let mut errors = Vec::new();
    let value = build(name, given, "", &mut errors);
    if errors.is_empty() {
        return Ok(value);
    }
    let plural = if errors.len() == 1 { "" } else { "s" };
    Err(format!(
        "{} validation error{plural} for {name}\n{}",
        errors.len(),
        errors.join("\n")
    ))
}

fn build(name: &str, given: &Value, place: &str, errors: &mut Vec<String>) -> Value {
    let Some(members) = given.as_object() else {
        errors.push(error(
            place.trim_end_matches('.'),
            &format!("Input should be a valid dictionary or instance of {name}"),
            "model_type",
            given,
        ));
        return Value::Null;
    };
    let (fields, closed) = class(name);
    let mut kept = Map::new();
    for (field, takes, default) in &fields {
        let place = format!("{place}{field}");
        let value = match (members.get(*field), default) {
            (Some(value), _) => take(takes, value, &place, errors),
            (None, Some(default)) => serde_json::from_str(default).unwrap_or_default(),
            (None, None) => {
                errors.push(error(&place, "Field required", "missing", given));
                Value::Null
            }
        };
        kept.insert((*field).to_string(), value);
    }
    if closed {
        for (other, value) in members {
            if !fields.iter().any(|(field, ..)| field == other) {
                errors.push(error(
                    &format!("{place}{other}"),
                    "Extra inputs are not permitted",
                    "extra_forbidden",
                    value,
                ));
            }
        }
    }
    Value::Object(kept)
}

fn error(place: &str, message: &str, kind: &str, value: &Value) -> String {
    let mut shown = repr(value);
    let letters: Vec<char> = shown.chars().collect();
    if letters.len() > 50 {
        shown = letters[..25].iter().collect::<String>()
            + "..."
            + &letters[letters.len() - 24..].iter().collect::<String>();
    }
    format!(
        "{place}\n  {message} [type={kind}, input_value={shown}, input_type={}]\n    \
         For further information visit https://errors.pydantic.dev/{VERSION}/v/{kind}",
        type_name(value)
    )
}

/// The value as the field keeps it. In doubt it is converted: `"3"` becomes the integer 3.
fn take(field: &Field, value: &Value, place: &str, errors: &mut Vec<String>) -> Value {
    let taken = match field {
        Field::OptionalText | Field::OptionalInteger if value.is_null() => Ok(Value::Null),
        Field::Text | Field::OptionalText => match value {
            Value::String(_) => Ok(value.clone()),
            _ => Err(("Input should be a valid string".into(), "string_type")),
        },
        Field::Integer | Field::OptionalInteger => integer(value),
        Field::Number => number(value),
        Field::Boolean => boolean(value),
        Field::Literal(words) | Field::Enumeration(words) => {
            if value.as_str().is_some_and(|word| words.contains(&word)) {
                Ok(value.clone())
            } else {
                let kind = if matches!(field, Field::Literal(_)) {
                    "literal_error"
                } else {
                    "enum"
                };
                Err((format!("Input should be {}", alternatives(words)), kind))
            }
        }
        Field::List(class) => match value {
            Value::Array(elements) => {
                let kept = elements.iter().enumerate();
                Ok(kept
                    .map(|(at, element)| build(class, element, &format!("{place}.{at}."), errors))
                    .collect())
            }
            _ => Err(("Input should be a valid list".into(), "list_type")),
        },
    };
    taken.unwrap_or_else(|(message, kind): (String, &str)| {
        errors.push(error(place, &message, kind, value));
        Value::Null
    })
}

fn alternatives(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    match &words[..] {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.join(""),
    }
}

type Taken = Result<Value, (String, &'static str)>;

fn integer(value: &Value) -> Taken {
    const MESSAGE: &str = "Input should be a valid integer";
    match value {
        Value::Bool(value) => Ok(Value::from(i64::from(*value))),
        Value::Number(number) if !number.is_f64() => Ok(value.clone()),
        Value::Number(number) => match number.as_f64() {
            Some(real) if real.fract() == 0.0 && real.abs() < 9.2e18 => {
                Ok(Value::from(real as i64))
            }
            _ => Err((
                format!("{MESSAGE}, got a number with a fractional part"),
                "int_from_float",
            )),
        },
        Value::String(text) => integer_of(text).map(Value::from).ok_or_else(|| {
            (
                format!("{MESSAGE}, unable to parse string as an integer"),
                "int_parsing",
            )
        }),
        _ => Err((MESSAGE.into(), "int_type")),
    }
}

/// An integer in text: a sign, single underscores between digits, and a fraction of zeros are taken.
fn integer_of(text: &str) -> Option<i64> {
    let text = text.trim();
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0') => {
            whole
        }
        Some(_) => return None,
        None => text,
    };
    if whole.starts_with('_') || whole.ends_with('_') || whole.contains("__") {
        return None;
    }
    whole.replace('_', "").parse().ok()
}

fn number(value: &Value) -> Taken {
    match value {
        Value::Bool(value) => Ok(Value::from(f64::from(u8::from(*value)))),
        Value::Number(number) => Ok(number.as_f64().map_or(Value::Null, Value::from)),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(real) if real.is_finite() => Ok(Value::from(real)),
            _ => Err((
                "Input should be a valid number, unable to parse string as a number".into(),
                "float_parsing",
            )),
        },
        _ => Err(("Input should be a valid number".into(), "float_type")),
    }
}

fn boolean(value: &Value) -> Taken {
    const MESSAGE: &str = "Input should be a valid boolean";
    let unclear = || {
        Err((
            format!("{MESSAGE}, unable to interpret input"),
            "bool_parsing",
        ))
    };
    match value {
        Value::Bool(_) => Ok(value.clone()),
        Value::Number(number) => match number.as_f64() {
            Some(0.0) => Ok(Value::from(false)),
            Some(real) if real.to_bits() == 1.0_f64.to_bits() => Ok(Value::from(true)),
            Some(real) if real.fract() != 0.0 => Err((MESSAGE.into(), "bool_type")),
            _ => unclear(),
        },
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "t" | "yes" | "y" | "on" => Ok(Value::from(true)),
            "0" | "false" | "f" | "no" | "n" | "off" => Ok(Value::from(false)),
            _ => unclear(),
        },
        _ => Err((MESSAGE.into(), "bool_type")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_converted_where_they_can_be() {
        let kept = validate(
            "Payment",
            &json!({"payment_id": "a", "amount": " 3.0 ", "x": 1}),
        );
        assert_eq!(kept.unwrap(), json!({"payment_id": "a", "amount": 3}));
    }

    #[test]
    fn errors_have_pydantics_words() {
        let given = json!({"flight_number": ["a".repeat(47)]});
        assert_eq!(
            validate("FlightInfo", &given).unwrap_err(),
            "2 validation errors for FlightInfo\nflight_number\n  Input should be a valid string \
             [type=string_type, input_value=['aaaaaaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaaaaaa'], \
             input_type=list]\n    For further information visit \
             https://errors.pydantic.dev/2.14/v/string_type\ndate\n  Field required [type=missing, \
             input_value={'flight_number': ['aaaaa...aaaaaaaaaaaaaaaaaaaaa']}, input_type=dict]\n    \
             For further information visit https://errors.pydantic.dev/2.14/v/missing"
        );
    }
}
