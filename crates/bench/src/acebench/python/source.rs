//! How Python writes expressions: `ast.unparse`.

use super::expression::{Binary, CallExpression, Expression, Unary};
use super::spelling::write_value;
use super::value::Value;

/// How deep an expression may be to be written: beyond some hundred levels Python's own recursion limit strikes.
const DEPTH: usize = 300;

/// `ast.unparse(expression)`; `None` where nothing here looks into the expression, or it is too deep.
pub(crate) fn source_of(expression: &Expression) -> Option<String> {
    let mut out = String::new();
    write_source(expression, 0, 0, &mut out).then_some(out)
}

/// Writes an expression where only operators of at least a rank may stand without brackets. False: cannot be written.
fn write_source(expression: &Expression, least: u8, depth: usize, out: &mut String) -> bool {
    const UNARY: u8 = 11;
    const ATOM: u8 = 14;
    if depth > DEPTH {
        return false;
    }
    let depth = depth + 1;
    match expression {
        Expression::Constant(value) => {
            match &**value {
                // Python writes what is no number in its syntax as one that overflows to it.
                Value::Float(number) if number.is_infinite() => out.push_str("1e309"),
                _ => write_value(value, out),
            }
            true
        }
        Expression::Ellipsis => {
            out.push_str("...");
            true
        }
        Expression::Name(name) => {
            out.push_str(name);
            true
        }
        Expression::Attribute(owner, name) => {
            let written = write_source(owner, ATOM, depth, out);
            // `1.real` would be a number that runs into a name.
            if matches!(&**owner, Expression::Constant(value) if matches!(**value, Value::Int(_) | Value::Bool(_)))
            {
                out.push(' ');
            }
            out.push('.');
            out.push_str(name);
            written
        }
        Expression::Subscript(owner, index) => {
            let written = write_source(owner, ATOM, depth, out);
            out.push('[');
            let written = written && write_index(index, depth, out);
            out.push(']');
            written
        }
        Expression::Slice(parts) => parts.iter().enumerate().all(|(at, part)| {
            // A missing step takes its colon along.
            if at > 0 && !(at == 2 && part.is_none()) {
                out.push(':');
            }
            part.as_ref()
                .is_none_or(|part| write_source(part, 0, depth, out))
        }),
        Expression::Call(call) => write_call(call, depth, out),
        Expression::List(items) => {
            out.push('[');
            let written = write_sources(items, depth, out);
            out.push(']');
            written
        }
        Expression::Tuple(items) => {
            out.push('(');
            let written = write_sources(items, depth, out);
            out.push_str(if items.len() == 1 { ",)" } else { ")" });
            written
        }
        Expression::Set(items) => {
            out.push('{');
            let written = write_sources(items, depth, out);
            out.push('}');
            written
        }
        Expression::Dict(pairs) => {
            out.push('{');
            let written = pairs.iter().enumerate().all(|(at, (key, value))| {
                out.push_str(if at == 0 { "" } else { ", " });
                match key {
                    Some(key) => {
                        let written = write_source(key, 0, depth, out);
                        out.push_str(": ");
                        written && write_source(value, 0, depth, out)
                    }
                    None => {
                        out.push_str("**");
                        write_source(value, 5, depth, out)
                    }
                }
            });
            out.push('}');
            written
        }
        Expression::Unary(operator, operand) => {
            let (rank, sign) = match operator {
                Unary::Plus => (UNARY, "+"),
                Unary::Minus => (UNARY, "-"),
                Unary::Invert => (UNARY, "~"),
                Unary::Not => (3, "not "),
            };
            in_brackets(rank < least, out, |out| {
                out.push_str(sign);
                write_source(operand, rank, depth, out)
            })
        }
        Expression::Binary(operator, left, right) => {
            let (rank, sign) = operator.rank();
            let (left_rank, right_rank) = if *operator == Binary::Power {
                (rank + 1, rank)
            } else {
                (rank, rank + 1)
            };
            in_brackets(rank < least, out, |out| {
                let written = write_source(left, left_rank, depth, out);
                out.push(' ');
                out.push_str(sign);
                out.push(' ');
                written && write_source(right, right_rank, depth, out)
            })
        }
        Expression::Starred(items) => {
            out.push('*');
            write_source(items, 5, depth, out)
        }
        Expression::Other(_) => false,
    }
}

fn in_brackets(brackets: bool, out: &mut String, write: impl FnOnce(&mut String) -> bool) -> bool {
    if brackets {
        out.push('(');
    }
    let written = write(out);
    if brackets {
        out.push(')');
    }
    written
}

/// A subscript's index: a tuple that holds something goes without its brackets.
fn write_index(index: &Expression, depth: usize, out: &mut String) -> bool {
    match index {
        Expression::Tuple(items) if !items.is_empty() => {
            let written = write_sources(items, depth, out);
            out.push_str(if items.len() == 1 { "," } else { "" });
            written
        }
        _ => write_source(index, 0, depth, out),
    }
}

fn write_sources(items: &[Expression], depth: usize, out: &mut String) -> bool {
    items.iter().enumerate().all(|(at, item)| {
        out.push_str(if at == 0 { "" } else { ", " });
        write_source(item, 0, depth, out)
    })
}

fn write_call(call: &CallExpression, depth: usize, out: &mut String) -> bool {
    let written = write_source(&call.function, 14, depth, out);
    out.push('(');
    let written = written && write_sources(&call.positional, depth, out);
    let written = written
        && call.named.iter().enumerate().all(|(at, (name, value))| {
            out.push_str(if at == 0 && call.positional.is_empty() {
                ""
            } else {
                ", "
            });
            match name {
                Some(name) => {
                    out.push_str(name);
                    out.push('=');
                }
                None => out.push_str("**"),
            }
            write_source(value, 0, depth, out)
        });
    out.push(')');
    written
}

/// What the official scorer makes of a subscript: owner and index written apart, so that a tuple keeps its brackets.
pub(crate) fn subscript(owner: &Expression, index: &Expression) -> Option<String> {
    Some(format!("{}[{}]", source_of(owner)?, source_of(index)?))
}
