//! Expressions become calls with plain values, by the official scorer's rules.

use super::Unreadable;
use super::arithmetic::{Budget, evaluate, negated};
use super::expression::{CallExpression, Expression};
use super::parser::parse;
use super::source::subscript;
use super::value::{Dict, Value};

/// One call of a function with named arguments.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The function's dotted name; empty for what has no name.
    pub(crate) name: String,
    /// The named arguments. An unpacked mapping (`**mapping`) stands under the key `None`.
    pub(crate) arguments: Dict,
}

/// Reads a text as a list, tuple or set of calls.
pub(crate) fn read_calls(text: &str) -> Result<Vec<Call>, Unreadable> {
    let mut budget = Budget::default();
    match parse(text)? {
        Expression::List(items) | Expression::Tuple(items) | Expression::Set(items) => items
            .iter()
            .map(|item| match item {
                Expression::Call(call) => call_of(call, &mut budget),
                _ => Err(Unreadable::Meaning("an item is no call")),
            })
            .collect(),
        _ => Err(Unreadable::Meaning("the text is no list")),
    }
}

/// Arguments without names are passed over.
fn call_of(call: &CallExpression, budget: &mut Budget) -> Result<Call, Unreadable> {
    let mut arguments = Dict::default();
    for (name, value) in &call.named {
        let value = value_of(value, budget)?;
        match name {
            Some(name) => arguments.set_text(name, value),
            None => {
                // `None` is hashable.
                let _ = arguments.set(Value::None, value);
            }
        }
    }
    Ok(Call {
        name: dotted_name(&call.function),
        arguments,
    })
}

/// `a.b.c`; where the innermost is no name, what stands behind it.
fn dotted_name(function: &Expression) -> String {
    let mut parts = Vec::new();
    let mut part = function;
    while let Expression::Attribute(owner, name) = part {
        parts.push(name.as_str());
        part = owner;
    }
    if let Expression::Name(name) = part {
        parts.push(name);
    }
    parts.reverse();
    parts.join(".")
}

/// The plain value that the official scorer takes an argument for.
fn value_of(expression: &Expression, budget: &mut Budget) -> Result<Value, Unreadable> {
    let no = |what| Err(Unreadable::Meaning(what));
    let mut all = |items: &[Expression]| {
        items
            .iter()
            .map(|item| value_of(item, budget))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(match expression {
        Expression::Constant(value) => (**value).clone(),
        Expression::Ellipsis => Value::Str("...".into()),
        // A bare word is its own text.
        Expression::Name(name) => Value::Str(name.clone()),
        // Any sign in front of a number is taken for a minus, `+`, `~` and `not` too.
        Expression::Unary(_, operand) => match &**operand {
            Expression::Constant(value) => match negated(value) {
                Some(value) => value,
                None => return no("a sign before something that is no number"),
            },
            _ => return no("a sign before something that is no literal"),
        },
        Expression::List(items) => Value::List(all(items)?),
        Expression::Tuple(items) => Value::Tuple(all(items)?),
        Expression::Dict(pairs) => {
            let mut dict = Dict::default();
            for (key, value) in pairs {
                let Some(key) = key else {
                    return no("a mapping unpacked in a dictionary");
                };
                let key = value_of(key, budget)?;
                if !dict.set(key, value_of(value, budget)?) {
                    return no("a key that Python cannot hash");
                }
            }
            Value::Dict(dict)
        }
        Expression::Binary(..) => match evaluate(expression, budget) {
            Some(value) => value,
            None => return no("a sum or product without a plain value"),
        },
        // A call as an argument is a dictionary: its name, its arguments.
        Expression::Call(call) => {
            let call = call_of(call, budget)?;
            let mut dict = Dict::default();
            dict.set_text(&call.name, Value::Dict(call.arguments));
            Value::Dict(dict)
        }
        Expression::Subscript(owner, index) => match subscript(owner, index) {
            Some(text) => Value::Str(text),
            None => return no("a subscript that is not looked into"),
        },
        Expression::Attribute(..) => return no("an attribute as a value"),
        Expression::Set(_) => return no("a set as a value"),
        Expression::Starred(_) | Expression::Slice(_) => return no("unpacked items as a value"),
        Expression::Other(what) => return no(what),
    })
}
