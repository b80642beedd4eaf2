//! Python's plain values: types, equality across numbers, dictionaries in the order of insertion.

use std::collections::HashMap;

use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};

/// A plain value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(BigInt),
    Float(f64),
    /// Real and imaginary part.
    Complex(f64, f64),
    /// Text. Lone surrogates, which Python's strings can hold, stand as [`surrogate`] maps them.
    Str(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Dict(Dict),
}

/// What `type(value)` tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    None,
    Bool,
    Int,
    Float,
    Complex,
    Str,
    Bytes,
    List,
    Tuple,
    Dict,
    /// The class `enumerate`, which no plain value has: the official table names it for `enum`.
    Enumerate,
}

impl Type {
    /// The type's name in Python.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::Complex => "complex",
            Self::Str => "str",
            Self::Bytes => "bytes",
            Self::List => "list",
            Self::Tuple => "tuple",
            Self::Dict => "dict",
            Self::Enumerate => "enumerate",
        }
    }
}

impl Value {
    /// What `json.loads` makes of a JSON value.
    pub(crate) fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::None,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => {
                if let Some(value) = number.as_i64() {
                    Self::Int(value.into())
                } else if let Some(value) = number.as_u64() {
                    Self::Int(value.into())
                } else {
                    Self::Float(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            serde_json::Value::String(text) => Self::Str(text.clone()),
            serde_json::Value::Array(items) => {
                Self::List(items.iter().map(Self::from_json).collect())
            }
            serde_json::Value::Object(members) => {
                let mut dict = Dict::default();
                for (name, member) in members {
                    dict.set_text(name, Self::from_json(member));
                }
                Self::Dict(dict)
            }
        }
    }

    /// `type(self)`.
    pub(crate) fn kind(&self) -> Type {
        match self {
            Self::None => Type::None,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Float(_) => Type::Float,
            Self::Complex(..) => Type::Complex,
            Self::Str(_) => Type::Str,
            Self::Bytes(_) => Type::Bytes,
            Self::List(_) => Type::List,
            Self::Tuple(_) => Type::Tuple,
            Self::Dict(_) => Type::Dict,
        }
    }

    /// Whether the value is this text.
    pub(crate) fn is_text(&self, text: &str) -> bool {
        matches!(self, Self::Str(own) if own == text)
    }

    /// `self == other`.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Str(one), Self::Str(two)) => one == two,
            (Self::Bytes(one), Self::Bytes(two)) => one == two,
            (Self::List(one), Self::List(two)) | (Self::Tuple(one), Self::Tuple(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.equals(two))
            }
            (Self::Dict(one), Self::Dict(two)) => {
                one.len() == two.len()
                    && one
                        .iter()
                        .all(|(key, value)| two.get(key).is_some_and(|other| value.equals(other)))
            }
            _ => match (self.number(), other.number()) {
                (Some(one), Some(two)) => one == two,
                _ => false,
            },
        }
    }

    /// A number in the form in which equal numbers of different types are equal.
    fn number(&self) -> Option<Number> {
        Some(match self {
            Self::Bool(value) => Number::Integer(BigInt::from(u8::from(*value))),
            Self::Int(value) => Number::Integer(value.clone()),
            Self::Float(value) => Number::real(*value),
            Self::Complex(real, imaginary) if *imaginary == 0.0 => Number::real(*real),
            Self::Complex(real, imaginary) => Number::Complex(real.to_bits(), imaginary.to_bits()),
            _ => return None,
        })
    }

    /// What a dictionary files the value under; `None` for what Python calls unhashable.
    fn key(&self) -> Option<Key> {
        Some(match self {
            Self::None => Key::None,
            Self::Str(text) => Key::Text(text.clone()),
            Self::Bytes(bytes) => Key::Bytes(bytes.clone()),
            Self::Tuple(items) => {
                Key::Tuple(items.iter().map(Self::key).collect::<Option<Vec<_>>>()?)
            }
            Self::List(_) | Self::Dict(_) => return None,
            _ => Key::Number(self.number()?),
        })
    }
}

/// Numbers that Python holds equal are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Number {
    Integer(BigInt),
    /// The bits of a real that is no integer.
    Real(u64),
    Complex(u64, u64),
}

impl Number {
    fn real(value: f64) -> Self {
        // Infinities and NaN have no integer.
        match BigInt::from_f64(value) {
            Some(integer) if integer.to_f64() == Some(value) => Self::Integer(integer),
            _ => Self::Real(value.to_bits()),
        }
    }
}

/// What a dictionary finds its entries by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    None,
    Number(Number),
    Text(String),
    Bytes(Vec<u8>),
    Tuple(Vec<Key>),
}

/// A dictionary: a key that comes again keeps its place and its first spelling, and takes the new value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dict {
    entries: Vec<(Value, Value)>,
    places: HashMap<Key, usize>,
}

impl Dict {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &Value) -> Option<&Value> {
        let place = self.places.get(&key.key()?)?;
        Some(&self.entries[*place].1)
    }

    /// The value of a textual key.
    pub(crate) fn get_text(&self, key: &str) -> Option<&Value> {
        let place = self.places.get(&Key::Text(key.to_owned()))?;
        Some(&self.entries[*place].1)
    }

    /// Sets a key's value. False if the key is unhashable: nothing is set.
    #[must_use]
    pub(crate) fn set(&mut self, key: Value, value: Value) -> bool {
        let Some(own) = key.key() else { return false };
        self.set_under(own, key, value);
        true
    }

    /// Sets a textual key's value.
    pub(crate) fn set_text(&mut self, key: &str, value: Value) {
        self.set_under(Key::Text(key.to_owned()), Value::Str(key.to_owned()), value);
    }

    fn set_under(&mut self, own: Key, key: Value, value: Value) {
        match self.places.get(&own) {
            Some(place) => self.entries[*place].1 = value,
            None => {
                self.places.insert(own, self.entries.len());
                self.entries.push((key, value));
            }
        }
    }
}

/// The characters that stand for lone surrogates, U+D800 to U+DFFF, which Rust's text cannot hold: the last private-use
/// plane's own 10D800 to 10DFFF.
pub(crate) fn surrogate(code: u32) -> Option<char> {
    match code {
        0xD800..=0xDFFF => char::from_u32(0x0010_0000 + code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(entries: Vec<(Value, Value)>) -> Dict {
        let mut dict = Dict::default();
        for (key, value) in entries {
            assert!(dict.set(key, value));
        }
        dict
    }

    #[test]
    fn numbers_are_equal_across_types() {
        let one = || Value::Int(1.into());
        assert!(one().equals(&Value::Bool(true)));
        assert!(one().equals(&Value::Float(1.0)));
        assert!(Value::Bool(false).equals(&Value::Float(-0.0)));
        assert!(Value::Complex(1.0, 0.0).equals(&one()));
        assert!(!Value::Str("1".into()).equals(&one()));
        // 2^53 + 1 is no double.
        let odd = Value::Int(BigInt::from(9_007_199_254_740_993_i64));
        assert!(!odd.equals(&Value::Float(9_007_199_254_740_992.0)));
    }

    #[test]
    fn a_repeated_key_keeps_its_place_and_spelling() {
        let entries = vec![
            (Value::Int(1.into()), Value::None),
            (Value::Str("a".into()), Value::None),
            (Value::Bool(true), Value::Str("x".into())),
        ];
        let dict = dict(entries);
        assert_eq!(dict.len(), 2);
        let first = dict
            .iter()
            .next()
            .map(|(key, value)| (key.kind(), value.is_text("x")));
        assert_eq!(first, Some((Type::Int, true)));
    }

    #[test]
    fn lists_are_no_keys() {
        assert!(!Dict::default().set(Value::List(vec![]), Value::None));
        assert!(!Dict::default().set(Value::Tuple(vec![Value::List(vec![])]), Value::None));
        assert!(Dict::default().set(Value::Tuple(vec![]), Value::None));
    }

    #[test]
    fn dictionaries_are_equal_in_any_order() {
        let one = dict(vec![
            (Value::Str("a".into()), Value::Int(1.into())),
            (Value::Str("b".into()), Value::Int(2.into())),
        ]);
        let two = dict(vec![
            (Value::Str("b".into()), Value::Float(2.0)),
            (Value::Str("a".into()), Value::Bool(true)),
        ]);
        assert!(Value::Dict(one).equals(&Value::Dict(two)));
    }
}
