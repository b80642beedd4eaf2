//! The functions that the benchmark's worlds call beside SQLite's and the engine's. Arguments named
//! `json` are JSON text, NULL where nothing was given.

use practicum_world::{Cell, Functions, python_float, python_sorted};
use serde_json::Value;

use super::calculate::calculate;
use super::pydantic::validate;
use super::spelling;

/// The functions by name.
pub(crate) fn functions() -> Functions {
    let mut functions = Functions::default();
    of_json(&mut functions, "python_str", |value| {
        Some(spelling::spoken(value))
    });
    of_json(&mut functions, "python_repr", |value| {
        Some(spelling::repr(value))
    });
    of_json(&mut functions, "python_sorted", |value| {
        Some(python_sorted(value))
    });
    of_json(&mut functions, "python_list", |value| {
        spelling::elements(value).map(|elements| Value::from(elements).to_string())
    });
    // len(value); NULL where there is none.
    functions.insert("python_len", 1, |cells| {
        let length = json(cells, 0).and_then(|value| spelling::elements(&value));
        Ok(length.map_or(Cell::Null, |elements| Cell::Integer(elements.len() as i64)))
    });
    // Whether nothing but objects is in the value; NULL where Python cannot go through it.
    functions.insert("only_objects", 1, |cells| {
        let elements = json(cells, 0).and_then(|value| spelling::elements(&value));
        Ok(elements.map_or(Cell::Null, |elements| {
            Cell::Integer(i64::from(elements.iter().all(Value::is_object)))
        }))
    });
    of_json(&mut functions, "type_name", |value| {
        Some(spelling::type_name(value).into())
    });
    of_json(&mut functions, "unhashable", spelling::unhashable);
    of_json(&mut functions, "not_iterable", spelling::not_iterable);
    of_json(&mut functions, "no_len", spelling::no_len);
    of_json(&mut functions, "calculate", |value| calculated(value).ok());
    of_json(&mut functions, "calculate_error", |value| {
        calculated(value).err()
    });
    functions.insert("no_attribute", 2, |cells| {
        let name = text(cells, 1).unwrap_or_default();
        Ok(json(cells, 0)
            .and_then(|value| spelling::no_attribute(&value, name))
            .map_or(Cell::Null, Cell::from))
    });
    // What Python says of an operator between two values that it does not take.
    functions.insert("unsupported", 3, |cells| {
        let name = |at| json(cells, at).map_or("NoneType", |value| spelling::type_name(&value));
        Ok(Cell::from(format!(
            "unsupported operand type(s) for {}: '{}' and '{}'",
            text(cells, 0).unwrap_or_default(),
            name(1),
            name(2)
        )))
    });
    functions.insert("not_ordered", 3, |cells| {
        let name = |at| json(cells, at).map_or("NoneType", |value| spelling::type_name(&value));
        Ok(Cell::from(format!(
            "'{}' not supported between instances of '{}' and '{}'",
            text(cells, 0).unwrap_or_default(),
            name(1),
            name(2)
        )))
    });
    functions.insert("two_places", 1, |cells| {
        Ok(match cells.first() {
            Some(Cell::Real(value)) => Cell::from(format!("{value:.2}")),
            Some(Cell::Integer(value)) => Cell::from(format!("{value}.00")),
            _ => Cell::Null,
        })
    });
    functions.insert("validated", 2, |cells| {
        let class = text(cells, 0).unwrap_or_default();
        let kept = json(cells, 1).and_then(|value| validate(class, &value).ok());
        Ok(kept.map_or(Cell::Null, |value| Cell::from(value.to_string())))
    });
    functions.insert("validation_error", 2, |cells| {
        let class = text(cells, 0).unwrap_or_default();
        let message = json(cells, 1).and_then(|value| validate(class, &value).err());
        Ok(message.map_or(Cell::Null, Cell::from))
    });
    // What a parameter that is a list of a class's values takes. A list of nothing but objects is checked and
    // kept in the class's form; whatever else Python can go through stays what it is.
    functions.insert("kept_list", 2, |cells| {
        let class = text(cells, 0).unwrap_or_default();
        Ok(json(cells, 1)
            .and_then(|value| kept_list(class, value).ok())
            .map_or(Cell::Null, |value| Cell::from(value.to_string())))
    });
    functions.insert("list_error", 2, |cells| {
        let class = text(cells, 0).unwrap_or_default();
        Ok(json(cells, 1)
            .and_then(|value| kept_list(class, value).err())
            .map_or(Cell::Null, Cell::from))
    });
    // A number of SQLite's as Python's str() writes it: a real always shows that it is one.
    functions.insert("python_number", 1, |cells| {
        Ok(match cells.first() {
            Some(Cell::Real(value)) => Cell::from(python_float(*value)),
            Some(other) => Cell::from(other.to_string()),
            None => Cell::Null,
        })
    });
    functions
}

/// Adds a function from one JSON value to text; None gives NULL, and so does what is no JSON.
fn of_json(
    functions: &mut Functions,
    name: &str,
    function: impl Fn(&Value) -> Option<String> + Send + Sync + 'static,
) {
    functions.insert(name, 1, move |cells| {
        Ok(json(cells, 0)
            .and_then(|value| function(&value))
            .map_or(Cell::Null, Cell::from))
    });
}

fn kept_list(class: &str, value: Value) -> Result<Value, String> {
    let Some(elements) = spelling::elements(&value) else {
        return Err(spelling::not_iterable(&value).unwrap_or_default());
    };
    if !elements.iter().all(Value::is_object) {
        return Ok(value);
    }
    let kept: Result<Vec<Value>, String> = elements
        .iter()
        .map(|element| validate(class, element))
        .collect();
    kept.map(Value::from)
}

fn text(cells: &[Cell], at: usize) -> Option<&str> {
    cells.get(at).and_then(Cell::as_text)
}

fn json(cells: &[Cell], at: usize) -> Option<Value> {
    serde_json::from_str(text(cells, at)?).ok()
}

/// `calculate` of an argument of any type: Python goes through its letters before it evaluates it.
fn calculated(value: &Value) -> Result<String, String> {
    match value {
        Value::String(expression) => calculate(expression),
        Value::Array(_) | Value::Object(_) => {
            let letters = spelling::elements(value).unwrap_or_default();
            for letter in &letters {
                let Value::String(letter) = letter else {
                    return Err(format!(
                        "'in <string>' requires string as left operand, not {}",
                        spelling::type_name(letter)
                    ));
                };
                if !"0123456789+-*/(). ".contains(letter.as_str()) {
                    return Err("Invalid characters in expression".into());
                }
            }
            Err("eval() arg 1 must be a string, bytes or code object".into())
        }
        _ => Err(spelling::not_iterable(value).unwrap_or_default()),
    }
}
