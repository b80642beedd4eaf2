//! The `calculate` tool: an arithmetic expression worked out as Python's `eval` does, rounded to two
//! places.

use practicum_world::python_float;

/// Integers beyond this many digits would take Python itself too long; here they are an error at once.
const MAX_DIGITS: f64 = 4_000.0;

/// The result as text, or what Python says instead.
pub(crate) fn calculate(expression: &str) -> Result<String, String> {
    if !expression.chars().all(|c| "0123456789+-*/(). ".contains(c)) {
        return Err("Invalid characters in expression".into());
    }
    let expression = expression.trim_start_matches([' ', '\t']);
    if expression.is_empty() {
        return Err(syntax("invalid syntax", 0));
    }
    let (tokens, open) = tokens(expression)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
    };
    let parsed = parser.sum().and_then(|tree| match parser.peek() {
        None => Ok(tree),
        Some(_) => Err(syntax("invalid syntax", 1)),
    });
    let tree = match parsed {
        // Python blames the parenthesis only when nothing before the end is wrong.
        Err(_) if open && parser.peek().is_none() => {
            return Err(syntax("'(' was never closed", 1));
        }
        parsed => parsed?,
    };
    let value = match evaluate(&tree)? {
        Number::Integer(value) => value as f64,
        Number::Large(value) if value.is_infinite() => {
            return Err("int too large to convert to float".into());
        }
        Number::Large(value) | Number::Float(value) => value,
        other => {
            return Err(format!(
                "float() argument must be a string or a real number, not '{}'",
                other.type_name()
            ));
        }
    };
    Ok(python_float(rounded(value)))
}

/// `round(value, 2)`: a tie on the exact binary value goes to the even digit.
fn rounded(value: f64) -> f64 {
    if value.is_finite() {
        format!("{value:.2}").parse().unwrap_or(value)
    } else {
        value
    }
}

fn syntax(message: &str, line: u32) -> String {
    format!("{message} (<string>, line {line})")
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
    Integer(i128),
    /// An integer that does not fit.
    Large(f64),
    Float(f64),
    Plus,
    Minus,
    Star,
    Slash,
    DoubleStar,
    DoubleSlash,
    Open,
    Close,
    Dot,
}

/// The tokens, and whether a parenthesis stays open.
fn tokens(text: &str) -> Result<(Vec<Token>, bool), String> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut open = 0_i32;
    while at < bytes.len() {
        let next = bytes.get(at + 1).copied();
        let (token, length) = match bytes[at] {
            b' ' => {
                at += 1;
                continue;
            }
            b'+' => (Token::Plus, 1),
            b'-' => (Token::Minus, 1),
            b'*' if next == Some(b'*') => (Token::DoubleStar, 2),
            b'*' => (Token::Star, 1),
            b'/' if next == Some(b'/') => (Token::DoubleSlash, 2),
            b'/' => (Token::Slash, 1),
            b'(' => {
                open += 1;
                (Token::Open, 1)
            }
            b')' => {
                open -= 1;
                if open < 0 {
                    return Err(syntax("unmatched ')'", 1));
                }
                (Token::Close, 1)
            }
            b'.' if !next.is_some_and(|byte| byte.is_ascii_digit()) => (Token::Dot, 1),
            _ => number(&text[at..])?,
        };
        tokens.push(token);
        at += length;
    }
    Ok((tokens, open > 0))
}

fn number(text: &str) -> Result<(Token, usize), String> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    if text[whole..].starts_with('.') {
        let length = whole + 1 + digits(&text[whole + 1..]);
        let value = format!("0{}0", &text[..length]).parse().unwrap_or(f64::NAN);
        return Ok((Token::Float(value), length));
    }
    let own = &text[..whole];
    if own.starts_with('0') && own.bytes().any(|byte| byte != b'0') {
        return Err(syntax(
            "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers",
            1,
        ));
    }
    let token = own.parse().map_or_else(
        |_| Token::Large(own.parse().unwrap_or(f64::INFINITY)),
        Token::Integer,
    );
    Ok((token, whole))
}

#[derive(Debug)]
enum Tree {
    Leaf(Number),
    Negative(Box<Tree>),
    Positive(Box<Tree>),
    Call(Box<Tree>),
    Binary(Token, Box<Tree>, Box<Tree>),
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    fn sum(&mut self) -> Result<Tree, String> {
        let mut left = self.product()?;
        while let Some(token @ (Token::Plus | Token::Minus)) = self.peek() {
            self.at += 1;
            let right = self.product()?;
            left = Tree::Binary(token, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Tree, String> {
        let mut left = self.factor()?;
        while let Some(token @ (Token::Star | Token::Slash | Token::DoubleSlash)) = self.peek() {
            self.at += 1;
            let right = self.factor()?;
            left = Tree::Binary(token, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn factor(&mut self) -> Result<Tree, String> {
        // As deep as Python's own parser goes, about.
        if self.depth > 190 {
            return Err(syntax("too many nested parentheses", 1));
        }
        self.depth += 1;
        let tree = match self.peek() {
            Some(Token::Minus) => {
                self.at += 1;
                Tree::Negative(Box::new(self.factor()?))
            }
            Some(Token::Plus) => {
                self.at += 1;
                Tree::Positive(Box::new(self.factor()?))
            }
            _ => self.power()?,
        };
        self.depth -= 1;
        Ok(tree)
    }

    fn power(&mut self) -> Result<Tree, String> {
        let base = self.primary()?;
        if self.peek() == Some(Token::DoubleStar) {
            self.at += 1;
            let exponent = self.factor()?;
            return Ok(Tree::Binary(
                Token::DoubleStar,
                Box::new(base),
                Box::new(exponent),
            ));
        }
        Ok(base)
    }

    fn primary(&mut self) -> Result<Tree, String> {
        let mut tree = match self.peek() {
            Some(Token::Integer(value)) => Tree::Leaf(Number::Integer(value)),
            Some(Token::Large(value)) => Tree::Leaf(Number::Large(value)),
            Some(Token::Float(value)) => Tree::Leaf(Number::Float(value)),
            Some(Token::Open) => {
                self.at += 1;
                if self.peek() == Some(Token::Close) {
                    Tree::Leaf(Number::Tuple)
                } else {
                    self.inner()?
                }
            }
            _ => return Err(syntax("invalid syntax", 1)),
        };
        self.at += 1;
        while self.peek() == Some(Token::Open) {
            self.at += 1;
            if self.peek() != Some(Token::Close) {
                // Its argument is never worked out: what is called is no function.
                self.inner()?;
            }
            self.at += 1;
            tree = Tree::Call(Box::new(tree));
        }
        Ok(tree)
    }

    /// What stands in parentheses, up to the closing one.
    fn inner(&mut self) -> Result<Tree, String> {
        let tree = self.sum()?;
        match self.peek() {
            Some(Token::Close) => Ok(tree),
            Some(Token::Integer(_) | Token::Large(_) | Token::Float(_)) => {
                Err(syntax("invalid syntax. Perhaps you forgot a comma?", 1))
            }
            _ => Err(syntax("invalid syntax", 1)),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Number {
    Integer(i128),
    /// An integer beyond 128 bits, as the nearest float; infinite when there is none.
    Large(f64),
    Float(f64),
    Complex,
    Tuple,
}

impl Number {
    fn type_name(self) -> &'static str {
        match self {
            Self::Integer(_) | Self::Large(_) => "int",
            Self::Float(_) => "float",
            Self::Complex => "complex",
            Self::Tuple => "tuple",
        }
    }

    fn is_integer(self) -> bool {
        matches!(self, Self::Integer(_) | Self::Large(_))
    }

    fn is_zero(self) -> bool {
        match self {
            Self::Integer(value) => value == 0,
            Self::Float(value) | Self::Large(value) => value == 0.0,
            Self::Complex | Self::Tuple => false,
        }
    }

    fn float(self) -> Result<f64, String> {
        match self {
            Self::Integer(value) => Ok(value as f64),
            Self::Large(value) if value.is_infinite() => {
                Err("int too large to convert to float".into())
            }
            Self::Large(value) | Self::Float(value) => Ok(value),
            Self::Complex | Self::Tuple => Ok(f64::NAN),
        }
    }

    /// The value of an integer as the nearest float, without the error.
    fn near(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Large(value) | Self::Float(value) => value,
            Self::Complex | Self::Tuple => f64::NAN,
        }
    }
}

fn evaluate(tree: &Tree) -> Result<Number, String> {
    match tree {
        Tree::Leaf(number) => Ok(*number),
        Tree::Call(callee) => {
            let callee = evaluate(callee)?;
            Err(format!("'{}' object is not callable", callee.type_name()))
        }
        Tree::Negative(inner) => signed(evaluate(inner)?, true),
        Tree::Positive(inner) => signed(evaluate(inner)?, false),
        Tree::Binary(token, left, right) => binary(*token, evaluate(left)?, evaluate(right)?),
    }
}

fn signed(number: Number, negative: bool) -> Result<Number, String> {
    match number {
        Number::Tuple => Err(format!(
            "bad operand type for unary {}: 'tuple'",
            if negative { '-' } else { '+' }
        )),
        Number::Integer(value) if negative => Ok(Number::Integer(-value)),
        Number::Large(value) if negative => Ok(Number::Large(-value)),
        Number::Float(value) if negative => Ok(Number::Float(-value)),
        other => Ok(other),
    }
}

fn binary(token: Token, left: Number, right: Number) -> Result<Number, String> {
    let sign = match token {
        Token::Plus => "+",
        Token::Minus => "-",
        Token::Star => "*",
        Token::Slash => "/",
        Token::DoubleSlash => "//",
        _ => "** or pow()",
    };
    if matches!(left, Number::Tuple) || matches!(right, Number::Tuple) {
        return tuples(token, sign, left, right);
    }
    if matches!(left, Number::Complex) || matches!(right, Number::Complex) {
        return match token {
            Token::DoubleSlash => Err(unsupported(sign, left, right)),
            Token::Slash if right.is_zero() => Err("complex division by zero".into()),
            _ => Ok(Number::Complex),
        };
    }
    if left.is_integer() && right.is_integer() {
        return integers(token, left, right);
    }
    let (a, b) = (left.float()?, right.float()?);
    match token {
        Token::Plus => Ok(Number::Float(a + b)),
        Token::Minus => Ok(Number::Float(a - b)),
        Token::Star => Ok(Number::Float(a * b)),
        Token::Slash if b == 0.0 => Err("float division by zero".into()),
        Token::Slash => Ok(Number::Float(a / b)),
        Token::DoubleSlash if b == 0.0 => Err("float floor division by zero".into()),
        Token::DoubleSlash => Ok(Number::Float(floor_division(a, b))),
        _ => float_power(a, b),
    }
}

fn unsupported(sign: &str, left: Number, right: Number) -> String {
    format!(
        "unsupported operand type(s) for {sign}: '{}' and '{}'",
        left.type_name(),
        right.type_name()
    )
}

fn tuples(token: Token, sign: &str, left: Number, right: Number) -> Result<Number, String> {
    match (token, left, right) {
        (Token::Plus, Number::Tuple, Number::Tuple) => Ok(Number::Tuple),
        (Token::Plus, Number::Tuple, other) => Err(format!(
            "can only concatenate tuple (not \"{}\") to tuple",
            other.type_name()
        )),
        (Token::Star, Number::Tuple, other) | (Token::Star, other, Number::Tuple) => {
            if other.is_integer() {
                Ok(Number::Tuple)
            } else {
                Err(format!(
                    "can't multiply sequence by non-int of type '{}'",
                    other.type_name()
                ))
            }
        }
        _ => Err(unsupported(sign, left, right)),
    }
}

fn integers(token: Token, left: Number, right: Number) -> Result<Number, String> {
    let exact =
        |result: Option<i128>, near: f64| result.map_or(Number::Large(near), Number::Integer);
    let (a, b) = (left.near(), right.near());
    let both = match (left, right) {
        (Number::Integer(a), Number::Integer(b)) => Some((a, b)),
        _ => None,
    };
    match token {
        Token::Plus => Ok(exact(both.and_then(|(a, b)| a.checked_add(b)), a + b)),
        Token::Minus => Ok(exact(both.and_then(|(a, b)| a.checked_sub(b)), a - b)),
        Token::Star => Ok(exact(both.and_then(|(a, b)| a.checked_mul(b)), a * b)),
        Token::Slash if right.is_zero() => Err("division by zero".into()),
        Token::Slash if b.is_infinite() => Ok(Number::Float(0.0)),
        Token::Slash if (a / b).is_infinite() => {
            Err("integer division result too large for a float".into())
        }
        Token::Slash => Ok(Number::Float(a / b)),
        Token::DoubleSlash if right.is_zero() => Err("integer division or modulo by zero".into()),
        Token::DoubleSlash => Ok(exact(
            both.and_then(|(a, b)| {
                let quotient = a.checked_div(b)?;
                Some(quotient - i128::from(a % b != 0 && (a < 0) != (b < 0)))
            }),
            (a / b).floor(),
        )),
        _ if b < 0.0 => {
            if left.is_zero() {
                return Err("0.0 cannot be raised to a negative power".into());
            }
            float_power(left.float()?, right.float()?)
        }
        _ => {
            let digits = a.abs().max(1.0).log10() * b;
            if digits > MAX_DIGITS {
                return Err("Exceeds the limit for integers".into());
            }
            let power = both.and_then(|(a, b)| a.checked_pow(u32::try_from(b).ok()?));
            Ok(exact(power, a.powf(b)))
        }
    }
}

fn float_power(a: f64, b: f64) -> Result<Number, String> {
    if a == 0.0 && b < 0.0 {
        return Err("0.0 cannot be raised to a negative power".into());
    }
    if a < 0.0 && a.is_finite() && b.is_finite() && b.fract() != 0.0 {
        return Ok(Number::Complex);
    }
    let power = a.powf(b);
    if power.is_infinite() && a.is_finite() && b.is_finite() {
        return Err("(34, 'Numerical result out of range')".into());
    }
    Ok(Number::Float(power))
}

/// `a // b` of floats as CPython computes it.
fn floor_division(a: f64, b: f64) -> f64 {
    let rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest != 0.0 && (b < 0.0) != (rest < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return f64::copysign(0.0, a / b);
    }
    let floor = quotient.floor();
    if quotient - floor > 0.5 {
        floor + 1.0
    } else {
        floor
    }
}

#[cfg(test)]
mod tests {
    use super::calculate;

    /// Each line was printed by Python 3.12.
    #[test]
    fn expressions_come_out_as_in_python() {
        for (expression, printed) in [
            ("2 + 2", "4.0"),
            ("2**3", "8.0"),
            ("-2**2", "-4.0"),
            ("2**-1", "0.5"),
            ("7 // 2 - -1", "4.0"),
            ("-5.5//2", "-3.0"),
            ("2.675", "2.67"),
            ("0.125", "0.12"),
            ("2**100", "1.2676506002282294e+30"),
            ("00", "0.0"),
            ("1.", "1.0"),
            ("12345678901234567890123/3", "4.1152263004115226e+21"),
            ("", "invalid syntax (<string>, line 0)"),
            ("1/0", "division by zero"),
            ("1/0.0", "float division by zero"),
            ("1//0", "integer division or modulo by zero"),
            ("1 // 0.0", "float floor division by zero"),
            ("0**-1", "0.0 cannot be raised to a negative power"),
            ("10**400", "int too large to convert to float"),
            ("1.5**10000", "(34, 'Numerical result out of range')"),
            ("1.2.3", "invalid syntax (<string>, line 1)"),
            ("(1", "'(' was never closed (<string>, line 1)"),
            ("(1 +* 2", "invalid syntax (<string>, line 1)"),
            ("1)", "unmatched ')' (<string>, line 1)"),
            (
                "(1 2)",
                "invalid syntax. Perhaps you forgot a comma? (<string>, line 1)",
            ),
            ("2(3)", "'int' object is not callable"),
            (
                "(-8)**0.5",
                "float() argument must be a string or a real number, not 'complex'",
            ),
            ("2 + x", "Invalid characters in expression"),
        ] {
            let (Ok(text) | Err(text)) = calculate(expression);
            assert_eq!(text, printed, "{expression}");
        }
    }
}
