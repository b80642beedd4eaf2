//! Tokens become an expression, after the rules of CPython's grammar for `eval` mode.

mod brackets;

use super::Unreadable;
use super::expression::{Binary, Expression, Unary};
use super::token::{Token, TokenKind, tokens};
use super::value::Value;

/// How deep a tree may be. CPython itself gives up at a few thousand; nothing here may run out of stack before that.
const DEPTH: usize = 1500;
/// How deep rules without brackets may nest: conditionals, lambdas, powers.
const NESTED_RULES: usize = 100;

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// Reads a text as one expression.
pub(crate) fn parse(text: &str) -> Result<Expression, Unreadable> {
    if text.contains('\0') {
        return Err(Unreadable::Syntax {
            what: "a null character",
            at: 1,
        });
    }
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        nested: 0,
    };
    parser.skip_newlines();
    let node = parser.expressions()?;
    parser.skip_newlines();
    match parser.kind() {
        TokenKind::End => Ok(node.expression),
        _ => parser.error("something follows the expression"),
    }
}

/// An expression with its depth.
struct Node {
    expression: Expression,
    depth: usize,
}

impl Node {
    fn leaf(expression: Expression) -> Self {
        Self {
            expression,
            depth: 1,
        }
    }
}

/// Expressions side by side, and the depth of the deepest.
#[derive(Default)]
struct Row {
    items: Vec<Expression>,
    depth: usize,
}

impl Row {
    fn push(&mut self, node: Node) {
        self.depth = self.depth.max(node.depth);
        self.items.push(node.expression);
    }
}

/// An operator that waits for its right side.
enum Waiting {
    Not,
    /// The left side; the operator unless it only compares or decides; its rank.
    Infix(Node, Option<Binary>, u8),
}

impl Waiting {
    fn rank(&self) -> u8 {
        match self {
            Self::Not => 3,
            Self::Infix(_, _, rank) => *rank,
        }
    }
}

type Parsed<T> = Result<T, Unreadable>;

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nested: usize,
}

impl Parser {
    fn token(&self, ahead: usize) -> &Token {
        let last = self.tokens.len() - 1; // the end, which every row of tokens has
        &self.tokens[(self.at + ahead).min(last)]
    }

    fn kind(&self) -> &TokenKind {
        &self.token(0).kind
    }

    fn error<T>(&self, what: &'static str) -> Parsed<T> {
        Err(Unreadable::Syntax {
            what,
            at: self.token(0).at,
        })
    }

    fn skip_newlines(&mut self) {
        while matches!(self.kind(), TokenKind::Newline) {
            self.at += 1;
        }
    }

    fn is_operator_at(&self, ahead: usize, text: &str) -> bool {
        matches!(self.token(ahead).kind, TokenKind::Operator(operator) if operator == text)
    }

    fn is_operator(&self, text: &str) -> bool {
        self.is_operator_at(0, text)
    }

    fn take_operator(&mut self, text: &str) -> bool {
        let found = self.is_operator(text);
        self.at += usize::from(found);
        found
    }

    fn expect_operator(&mut self, text: &str, what: &'static str) -> Parsed<()> {
        if self.take_operator(text) {
            Ok(())
        } else {
            self.error(what)
        }
    }

    fn is_keyword_at(&self, ahead: usize, text: &str) -> bool {
        matches!(&self.token(ahead).kind, TokenKind::Name(name) if name == text)
    }

    fn is_keyword(&self, text: &str) -> bool {
        self.is_keyword_at(0, text)
    }

    fn take_keyword(&mut self, text: &str) -> bool {
        let found = self.is_keyword(text);
        self.at += usize::from(found);
        found
    }

    /// The identifier at a place, keywords left out.
    fn identifier(&self, ahead: usize) -> Option<&str> {
        match &self.token(ahead).kind {
            TokenKind::Name(name) if !KEYWORDS.contains(&name.as_str()) => Some(name),
            _ => None,
        }
    }

    fn take_identifier(&mut self, what: &'static str) -> Parsed<String> {
        match self.identifier(0).map(ToOwned::to_owned) {
            Some(name) => {
                self.at += 1;
                Ok(name)
            }
            None => self.error(what),
        }
    }

    /// A node over others of a depth.
    fn over(&self, depth: usize, expression: Expression) -> Parsed<Node> {
        if depth >= DEPTH {
            return self.error("the expression is nested too deeply");
        }
        Ok(Node {
            expression,
            depth: depth + 1,
        })
    }

    /// Runs a rule that may contain itself without brackets.
    fn nest(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<Node>) -> Parsed<Node> {
        if self.nested == NESTED_RULES {
            return self.error("the expression is nested too deeply");
        }
        self.nested += 1;
        let node = rule(self);
        self.nested -= 1;
        node
    }

    /// Whether what follows closes the brackets that the parser is in.
    fn closes(&self) -> bool {
        matches!(self.kind(), TokenKind::Operator(")" | "]" | "}"))
    }

    /// The whole input: one expression, or a tuple without brackets.
    fn expressions(&mut self) -> Parsed<Node> {
        let first = self.expression()?;
        if !self.is_operator(",") {
            return Ok(first);
        }
        let mut row = Row::default();
        row.push(first);
        while self.take_operator(",") {
            if matches!(self.kind(), TokenKind::Newline | TokenKind::End) {
                break;
            }
            let node = self.expression()?;
            row.push(node);
        }
        self.over(row.depth, Expression::Tuple(row.items))
    }

    fn expression(&mut self) -> Parsed<Node> {
        if self.is_keyword("lambda") {
            return self.nest(Self::lambda);
        }
        let value = self.operators(1)?;
        if !self.take_keyword("if") {
            return Ok(value);
        }
        let condition = self.operators(1)?;
        if !self.take_keyword("else") {
            return self.error("a conditional without else");
        }
        let other = self.nest(Self::expression)?;
        let depth = value.depth.max(condition.depth).max(other.depth);
        self.over(depth, Expression::Other("a conditional"))
    }

    /// `name := value`, or an expression.
    fn named_expression(&mut self) -> Parsed<Node> {
        if self.identifier(0).is_some() && self.is_operator_at(1, ":=") {
            self.at += 2;
            let value = self.expression()?;
            return self.over(value.depth, Expression::Other("an assignment"));
        }
        let node = self.expression()?;
        if self.is_operator(":=") {
            return self.error("an assignment to something else than a name");
        }
        Ok(node)
    }

    fn star_named_expression(&mut self) -> Parsed<Node> {
        if !self.take_operator("*") {
            return self.named_expression();
        }
        let items = self.operators(5)?;
        self.over(items.depth, Expression::Starred(Box::new(items.expression)))
    }

    fn lambda(&mut self) -> Parsed<Node> {
        self.at += 1;
        self.lambda_parameters()?;
        self.expect_operator(":", "a lambda without its colon")?;
        let body = self.expression()?;
        self.over(body.depth, Expression::Other("a lambda"))
    }

    fn lambda_parameters(&mut self) -> Parsed<()> {
        let (mut any, mut defaults, mut slash, mut star, mut bare) =
            (false, false, false, false, false);
        loop {
            if self.is_operator(":") {
                break;
            }
            if self.take_operator("**") {
                self.take_identifier("a parameter without a name")?;
                if bare {
                    return self.error("no parameter after a bare star");
                }
                self.take_operator(",");
                break;
            } else if self.take_operator("*") {
                if star {
                    return self.error("two stars among the parameters");
                }
                star = true;
                if self.identifier(0).is_some() {
                    self.at += 1;
                } else {
                    bare = true;
                }
            } else if self.take_operator("/") {
                if slash || star || !any {
                    return self.error("a slash out of place among the parameters");
                }
                slash = true;
            } else {
                self.take_identifier("a parameter without a name")?;
                any = true;
                bare = false;
                if self.take_operator("=") {
                    self.expression()?;
                    defaults = true;
                } else if defaults && !star {
                    return self.error("a parameter without a default after one with it");
                }
            }
            if !self.take_operator(",") {
                break;
            }
        }
        if bare {
            return self.error("no parameter after a bare star");
        }
        Ok(())
    }

    /// Operands and operators that bind at least as tightly as a rank: 1 `or`, 2 `and`, 3 `not`, 4 comparisons, and
    /// those of [`Binary::rank`]. What waits for its right side is kept in a row, not on the stack.
    fn operators(&mut self, least: u8) -> Parsed<Node> {
        let mut waiting: Vec<Waiting> = Vec::new();
        loop {
            let before = waiting
                .last()
                .map_or(least.saturating_sub(1), Waiting::rank);
            if before < 3 {
                while self.take_keyword("not") {
                    waiting.push(Waiting::Not);
                }
            }
            let mut node = self.unary()?;
            let next = self.infix().filter(|(rank, ..)| *rank >= least);
            let rank = next.map_or(0, |(rank, ..)| rank);
            while let Some(last) = waiting.pop_if(|last| last.rank() >= rank) {
                node = self.completed(last, node)?;
            }
            let Some((rank, operator, width)) = next else {
                return Ok(node);
            };
            self.at += width;
            waiting.push(Waiting::Infix(node, operator, rank));
        }
    }

    /// What waited, with its right side.
    fn completed(&self, waiting: Waiting, right: Node) -> Parsed<Node> {
        match waiting {
            Waiting::Not => self.over(
                right.depth,
                Expression::Unary(Unary::Not, Box::new(right.expression)),
            ),
            Waiting::Infix(left, None, _) => self.over(
                left.depth.max(right.depth),
                Expression::Other("a comparison"),
            ),
            Waiting::Infix(left, Some(operator), _) => self.over(
                left.depth.max(right.depth),
                Expression::Binary(
                    operator,
                    Box::new(left.expression),
                    Box::new(right.expression),
                ),
            ),
        }
    }

    /// The operator that follows: its rank, itself unless it only compares or decides, and how many tokens it takes.
    fn infix(&self) -> Option<(u8, Option<Binary>, usize)> {
        match &self.token(0).kind {
            TokenKind::Operator("==" | "!=" | "<" | "<=" | ">" | ">=") => Some((4, None, 1)),
            TokenKind::Operator(text) => {
                let operator = Binary::of(text)?;
                Some((operator.rank().0, Some(operator), 1))
            }
            TokenKind::Name(name) => match name.as_str() {
                "or" => Some((1, None, 1)),
                "and" => Some((2, None, 1)),
                "in" => Some((4, None, 1)),
                "is" => Some((4, None, 1 + usize::from(self.is_keyword_at(1, "not")))),
                "not" if self.is_keyword_at(1, "in") => Some((4, None, 2)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Operators before an operand, the innermost last.
    fn prefixed(&self, operand: Node, operators: &[Unary]) -> Parsed<Node> {
        let mut node = operand;
        for operator in operators.iter().rev() {
            node = self.over(
                node.depth,
                Expression::Unary(*operator, Box::new(node.expression)),
            )?;
        }
        Ok(node)
    }

    fn unary(&mut self) -> Parsed<Node> {
        let mut operators = Vec::new();
        loop {
            operators.push(match self.kind() {
                TokenKind::Operator("+") => Unary::Plus,
                TokenKind::Operator("-") => Unary::Minus,
                TokenKind::Operator("~") => Unary::Invert,
                _ => break,
            });
            self.at += 1;
        }
        let operand = self.power()?;
        self.prefixed(operand, &operators)
    }

    fn power(&mut self) -> Parsed<Node> {
        let base = if self.take_keyword("await") {
            let node = self.primary()?;
            self.over(node.depth, Expression::Other("an await"))?
        } else {
            self.primary()?
        };
        if !self.take_operator("**") {
            return Ok(base);
        }
        let exponent = self.nest(Self::unary)?;
        let depth = base.depth.max(exponent.depth);
        self.over(
            depth,
            Expression::Binary(
                Binary::Power,
                Box::new(base.expression),
                Box::new(exponent.expression),
            ),
        )
    }

    fn primary(&mut self) -> Parsed<Node> {
        let mut node = self.atom()?;
        loop {
            node = if self.take_operator(".") {
                let name = self.take_identifier("a dot without a name")?;
                self.over(
                    node.depth,
                    Expression::Attribute(Box::new(node.expression), name),
                )?
            } else if self.take_operator("(") {
                self.call(node)?
            } else if self.take_operator("[") {
                let index = self.slices()?;
                let depth = node.depth.max(index.depth);
                self.over(
                    depth,
                    Expression::Subscript(Box::new(node.expression), Box::new(index.expression)),
                )?
            } else {
                return Ok(node);
            };
        }
    }

    fn atom(&mut self) -> Parsed<Node> {
        let expression = match self.kind() {
            TokenKind::Name(name) => match name.as_str() {
                "True" => Expression::constant(Value::Bool(true)),
                "False" => Expression::constant(Value::Bool(false)),
                "None" => Expression::constant(Value::None),
                _ if self.identifier(0).is_some() => Expression::Name(name.clone()),
                _ => return self.error("a keyword where a value belongs"),
            },
            TokenKind::Number(value) => Expression::constant(value.clone()),
            TokenKind::Text(_) | TokenKind::FormattedText => return self.texts(),
            TokenKind::Operator("...") => Expression::Ellipsis,
            TokenKind::Operator("(") => return self.bracketed(),
            TokenKind::Operator("[") => return self.list(),
            TokenKind::Operator("{") => return self.braced(),
            _ => return self.error("a value is missing"),
        };
        self.at += 1;
        Ok(Node::leaf(expression))
    }

    /// Texts side by side are one text.
    fn texts(&mut self) -> Parsed<Node> {
        let (mut text, mut bytes) = (None::<String>, None::<Vec<u8>>);
        let mut formatted = false;
        loop {
            match self.kind() {
                TokenKind::Text(Value::Str(more)) => text.get_or_insert_default().push_str(more),
                TokenKind::Text(Value::Bytes(more)) => {
                    let more = more.clone();
                    bytes.get_or_insert_default().extend(more);
                }
                TokenKind::FormattedText => formatted = true,
                _ => break,
            }
            self.at += 1;
        }
        match (text, bytes) {
            (None, Some(bytes)) if !formatted => {
                Ok(Node::leaf(Expression::constant(Value::Bytes(bytes))))
            }
            (_, Some(_)) => self.error("text and bytes side by side"),
            _ if formatted => Ok(Node::leaf(Expression::Other("an f-string"))),
            (text, None) => Ok(Node::leaf(Expression::constant(Value::Str(
                text.unwrap_or_default(),
            )))),
        }
    }
}
