//! The value of sums, products and the like over literals, as Python's `eval` gives it.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::expression::{Binary, Expression, Unary};
use super::value::{Dict, Value};

/// How deep sums may nest: beyond some hundred levels Python's own recursion limit strikes.
const DEPTH: usize = 300;
/// Bits that a number may get, and parts that a repeated row may get.
const SIZE: u64 = 1 << 20;

/// How much all results of one text may hold together: a few characters can ask for any amount of memory.
pub(crate) struct Budget {
    left: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: 4 * SIZE }
    }
}

impl Budget {
    fn take(&mut self, value: Value) -> Option<Value> {
        self.left = self.left.checked_sub(weight(&value))?;
        Some(value)
    }
}

/// How much a value holds: parts, characters, words of a number.
fn weight(value: &Value) -> u64 {
    1 + match value {
        Value::Int(number) => number.bits() / 64,
        Value::Str(text) => text.len() as u64,
        Value::Bytes(bytes) => bytes.len() as u64,
        Value::List(items) | Value::Tuple(items) => items.iter().map(weight).sum(),
        Value::Dict(dict) => dict
            .iter()
            .map(|(key, value)| weight(key) + weight(value))
            .sum(),
        _ => 0,
    }
}

/// The value of an expression of literals; `None` where Python raises, and where nothing here follows it.
pub(crate) fn evaluate(expression: &Expression, budget: &mut Budget) -> Option<Value> {
    evaluate_at(expression, budget, 0)
}

fn evaluate_at(expression: &Expression, budget: &mut Budget, depth: usize) -> Option<Value> {
    if depth > DEPTH {
        return None;
    }
    let mut all = |items: &[Expression]| -> Option<Vec<Value>> {
        items
            .iter()
            .map(|item| evaluate_at(item, budget, depth + 1))
            .collect()
    };
    Some(match expression {
        Expression::Constant(value) => (**value).clone(),
        Expression::List(items) => Value::List(all(items)?),
        Expression::Tuple(items) => Value::Tuple(all(items)?),
        Expression::Dict(pairs) => {
            let mut dict = Dict::default();
            for (key, value) in pairs {
                let key = evaluate_at(key.as_ref()?, budget, depth + 1)?;
                if !dict.set(key, evaluate_at(value, budget, depth + 1)?) {
                    return None;
                }
            }
            Value::Dict(dict)
        }
        Expression::Unary(operator, operand) => {
            unary(*operator, evaluate_at(operand, budget, depth + 1)?)?
        }
        Expression::Binary(operator, left, right) => {
            let left = evaluate_at(left, budget, depth + 1)?;
            let right = evaluate_at(right, budget, depth + 1)?;
            budget.take(binary(*operator, &left, &right)?)?
        }
        _ => return None,
    })
}

/// `-value`, as the official scorer applies it to what stands behind any sign.
pub(crate) fn negated(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Bool(value) => Value::Int(-BigInt::from(u8::from(*value))),
        Value::Int(value) => Value::Int(-value),
        Value::Float(value) => Value::Float(-value),
        Value::Complex(real, imaginary) => Value::Complex(-real, -imaginary),
        _ => return None,
    })
}

fn unary(operator: Unary, operand: Value) -> Option<Value> {
    match operator {
        Unary::Minus => negated(&operand),
        Unary::Plus => negated(&negated(&operand)?),
        Unary::Invert => integer(&operand).map(|value| Value::Int(-value - 1_i32)),
        Unary::Not => Some(Value::Bool(match operand {
            Value::None => true,
            Value::Bool(value) => !value,
            Value::Int(value) => value.is_zero(),
            Value::Float(value) => value == 0.0,
            Value::Complex(real, imaginary) => real == 0.0 && imaginary == 0.0,
            Value::Str(text) => text.is_empty(),
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::List(items) | Value::Tuple(items) => items.is_empty(),
            Value::Dict(dict) => dict.is_empty(),
        })),
    }
}

/// The integer that a value is, booleans among them.
fn integer(value: &Value) -> Option<BigInt> {
    match value {
        Value::Bool(value) => Some(BigInt::from(u8::from(*value))),
        Value::Int(value) => Some(value.clone()),
        _ => None,
    }
}

/// The real that a number becomes beside another real; an integer beyond all reals is an error.
fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        _ => integer(value)?.to_f64().filter(|value| value.is_finite()),
    }
}

fn binary(operator: Binary, left: &Value, right: &Value) -> Option<Value> {
    if let (Value::Bool(left), Value::Bool(right)) = (left, right) {
        match operator {
            Binary::Or => return Some(Value::Bool(left | right)),
            Binary::Xor => return Some(Value::Bool(left ^ right)),
            Binary::And => return Some(Value::Bool(left & right)),
            _ => {}
        }
    }
    if let (Some(left), Some(right)) = (integer(left), integer(right)) {
        return of_integers(operator, &left, &right);
    }
    match (operator, left, right) {
        (Binary::Add, Value::Str(left), Value::Str(right)) => {
            Some(Value::Str(format!("{left}{right}")))
        }
        (Binary::Add, Value::Bytes(left), Value::Bytes(right)) => {
            Some(Value::Bytes([left.as_slice(), right].concat()))
        }
        (Binary::Add, Value::List(left), Value::List(right)) => {
            Some(Value::List([left.as_slice(), right].concat()))
        }
        (Binary::Add, Value::Tuple(left), Value::Tuple(right)) => {
            Some(Value::Tuple([left.as_slice(), right].concat()))
        }
        (Binary::Or, Value::Dict(left), Value::Dict(right)) => {
            let mut merged = left.clone();
            for (key, value) in right.iter() {
                if !merged.set(key.clone(), value.clone()) {
                    return None;
                }
            }
            Some(Value::Dict(merged))
        }
        (Binary::Multiply, row, times) if integer(times).is_some() && real(row).is_none() => {
            repeated(row, &integer(times)?)
        }
        (Binary::Multiply, times, row) if integer(times).is_some() && real(row).is_none() => {
            repeated(row, &integer(times)?)
        }
        (_, Value::Complex(..), _) | (_, _, Value::Complex(..)) => {
            of_complex(operator, left, right)
        }
        _ => of_reals(operator, real(left)?, real(right)?),
    }
}

/// A text, list or tuple, so many times over.
fn repeated(row: &Value, times: &BigInt) -> Option<Value> {
    let times = if times.is_negative() {
        0
    } else {
        times.to_usize()?
    };
    if weight(row).checked_mul(times as u64)? > SIZE {
        return None;
    }
    Some(match row {
        Value::Str(text) => Value::Str(text.repeat(times)),
        Value::Bytes(bytes) => Value::Bytes(bytes.repeat(times)),
        Value::List(items) => Value::List(vec![items.as_slice(); times].concat()),
        Value::Tuple(items) => Value::Tuple(vec![items.as_slice(); times].concat()),
        _ => return None,
    })
}

fn of_integers(operator: Binary, left: &BigInt, right: &BigInt) -> Option<Value> {
    Some(Value::Int(match operator {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        Binary::Multiply if left.bits() + right.bits() > SIZE => return None,
        Binary::Multiply => left * right,
        Binary::Or => left | right,
        Binary::Xor => left ^ right,
        Binary::And => left & right,
        Binary::FloorDivide | Binary::Remainder => {
            if right.is_zero() {
                return None;
            }
            let (mut quotient, mut remainder) = (left / right, left % right);
            // Python rounds down, and a remainder has the divisor's sign.
            if !remainder.is_zero() && remainder.is_negative() != right.is_negative() {
                quotient -= 1_i32;
                remainder += right;
            }
            if operator == Binary::FloorDivide {
                quotient
            } else {
                remainder
            }
        }
        Binary::Divide => {
            if right.is_zero() {
                return None;
            }
            let (left, right) = (left.to_f64()?, right.to_f64()?);
            return Some(Value::Float(left / right)).filter(|_| left.is_finite());
        }
        Binary::ShiftLeft | Binary::ShiftRight => {
            if right.is_negative() {
                return None;
            }
            let places = right.to_u64()?;
            if operator == Binary::ShiftRight {
                left >> places
            } else if left.bits().checked_add(places)? > SIZE {
                return None;
            } else {
                left << places
            }
        }
        Binary::Power => {
            if right.is_negative() {
                return of_reals(operator, left.to_f64()?, right.to_f64()?);
            }
            let exponent = right
                .to_u32()
                .or_else(|| (left.bits() <= 1).then_some(right.bit(0).into()))?;
            if left.bits() > 1 && left.bits().checked_mul(u64::from(exponent))? > SIZE {
                return None;
            }
            left.pow(exponent)
        }
        Binary::MatrixMultiply => return None,
    }))
}

fn of_reals(operator: Binary, left: f64, right: f64) -> Option<Value> {
    Some(Value::Float(match operator {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        Binary::Multiply => left * right,
        Binary::Divide if right != 0.0 => left / right,
        Binary::FloorDivide if right != 0.0 => floor_divide(left, right).0,
        Binary::Remainder if right != 0.0 => floor_divide(left, right).1,
        Binary::Power => {
            // 0 ** -1 is an error, a negative base with a broken exponent a complex number.
            if left == 0.0 && right < 0.0 || left < 0.0 && right.fract() != 0.0 {
                return None;
            }
            let power = left.powf(right);
            if power.is_infinite() && left.is_finite() && right.is_finite() {
                return None;
            }
            power
        }
        _ => return None,
    }))
}

/// CPython's `float_divmod`: the quotient rounded down, the remainder with the divisor's sign.
fn floor_divide(left: f64, right: f64) -> (f64, f64) {
    let mut remainder = left % right;
    let mut quotient = (left - remainder) / right;
    if remainder == 0.0 {
        remainder = 0.0_f64.copysign(right);
    } else if (right < 0.0) != (remainder < 0.0) {
        remainder += right;
        quotient -= 1.0;
    }
    let floor = if quotient == 0.0 {
        0.0_f64.copysign(left / right)
    } else if quotient - quotient.floor() > 0.5 {
        quotient.floor() + 1.0
    } else {
        quotient.floor()
    };
    (floor, remainder)
}

fn of_complex(operator: Binary, left: &Value, right: &Value) -> Option<Value> {
    let parts = |value: &Value| match value {
        Value::Complex(real, imaginary) => Some((*real, *imaginary)),
        _ => real(value).map(|real| (real, 0.0)),
    };
    let ((a, b), (c, d)) = (parts(left)?, parts(right)?);
    match operator {
        Binary::Add => Some(Value::Complex(a + c, b + d)),
        Binary::Subtract => Some(Value::Complex(a - c, b - d)),
        Binary::Multiply => Some(Value::Complex(a * c - b * d, a * d + b * c)),
        _ => None,
    }
}
