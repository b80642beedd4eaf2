//! The tree of an expression, as far as anything reads it.

use super::value::Value;

/// An expression. It is kept small, since parsing keeps many on the stack.
#[derive(Debug, Clone)]
pub(crate) enum Expression {
    /// A literal: number, text, bytes, `True`, `False`, `None`.
    Constant(Box<Value>),
    /// `...`
    Ellipsis,
    Name(String),
    Attribute(Box<Expression>, String),
    Subscript(Box<Expression>, Box<Expression>),
    /// `lower:upper:step` inside a subscript.
    Slice(Vec<Option<Expression>>),
    Call(Box<CallExpression>),
    List(Vec<Expression>),
    Tuple(Vec<Expression>),
    Set(Vec<Expression>),
    /// Pairs; a `**mapping` has no key.
    Dict(Vec<(Option<Expression>, Expression)>),
    Unary(Unary, Box<Expression>),
    Binary(Binary, Box<Expression>, Box<Expression>),
    /// `*items`
    Starred(Box<Expression>),
    /// What Python parses and nothing here looks into: lambdas, comparisons, comprehensions, f-strings and the like.
    Other(&'static str),
}

impl Expression {
    pub(crate) fn constant(value: Value) -> Self {
        Self::Constant(Box::new(value))
    }
}

/// A call.
#[derive(Debug, Clone)]
pub(crate) struct CallExpression {
    pub(crate) function: Expression,
    /// Arguments without a name, `*items` among them.
    pub(crate) positional: Vec<Expression>,
    /// Named arguments in their order, repeated ones too; a `**mapping` has no name.
    pub(crate) named: Vec<(Option<String>, Expression)>,
}

/// An operator before its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Plus,
    Minus,
    Invert,
    Not,
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    Xor,
    And,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    MatrixMultiply,
    Power,
}

impl Binary {
    /// How tightly the operator binds, and its text.
    pub(crate) fn rank(self) -> (u8, &'static str) {
        match self {
            Self::Or => (5, "|"),
            Self::Xor => (6, "^"),
            Self::And => (7, "&"),
            Self::ShiftLeft => (8, "<<"),
            Self::ShiftRight => (8, ">>"),
            Self::Add => (9, "+"),
            Self::Subtract => (9, "-"),
            Self::Multiply => (10, "*"),
            Self::Divide => (10, "/"),
            Self::FloorDivide => (10, "//"),
            Self::Remainder => (10, "%"),
            Self::MatrixMultiply => (10, "@"),
            Self::Power => (12, "**"),
        }
    }

    /// The operator of a text; `**` is not among them, since it binds to the right.
    pub(crate) fn of(text: &str) -> Option<Self> {
        [
            Self::Or,
            Self::Xor,
            Self::And,
            Self::ShiftLeft,
            Self::ShiftRight,
            Self::Add,
            Self::Subtract,
            Self::Multiply,
            Self::Divide,
            Self::FloorDivide,
            Self::Remainder,
            Self::MatrixMultiply,
        ]
        .into_iter()
        .find(|operator| operator.rank().1 == text)
    }
}
