//! What stands in brackets: arguments, subscripts, groups, rows, dictionaries, comprehensions.

use super::super::expression::{CallExpression, Expression};
use super::{Node, Parsed, Parser, Row};

impl Parser {
    /// The arguments of a call, from behind its opening bracket to behind its closing one.
    pub(super) fn call(&mut self, function: Node) -> Parsed<Node> {
        let mut depth = function.depth;
        let mut positional = Vec::new();
        let mut named: Vec<(Option<String>, Expression)> = Vec::new();
        let mut unpacked = false;
        while !self.is_operator(")") {
            let value = if self.take_operator("**") {
                let value = self.expression()?;
                unpacked = true;
                named.push((None, value.expression));
                value.depth
            } else if self.take_operator("*") {
                if unpacked {
                    return self.error("unpacked items after an unpacked mapping");
                }
                let items = self.expression()?;
                positional.push(Expression::Starred(Box::new(items.expression)));
                items.depth + 1
            } else if self.identifier(0).is_some() && self.is_operator_at(1, "=") {
                let name = self.take_identifier("an argument without a name")?;
                self.at += 1;
                let value = self.expression()?;
                named.push((Some(name), value.expression));
                value.depth
            } else {
                if !named.is_empty() {
                    return self.error("an argument without a name after one with it");
                }
                let value = self.named_expression()?;
                if self.begins_comprehension() {
                    let node = self.comprehension(value.depth)?;
                    if !positional.is_empty() || !self.is_operator(")") {
                        return self.error("a generator among arguments without brackets");
                    }
                    positional.push(node.expression);
                    node.depth
                } else {
                    positional.push(value.expression);
                    value.depth
                }
            };
            depth = depth.max(value);
            if !self.take_operator(",") {
                break;
            }
        }
        self.expect_operator(
            ")",
            "a comma is missing, or the call's bracket is not closed",
        )?;
        self.over(
            depth,
            Expression::Call(Box::new(CallExpression {
                function: function.expression,
                positional,
                named,
            })),
        )
    }

    /// What stands in a subscript's brackets, to behind the closing one.
    pub(super) fn slices(&mut self) -> Parsed<Node> {
        let mut row = Row::default();
        let mut tuple = false;
        loop {
            let node = if self.take_operator("*") {
                tuple = true;
                let items = self.expression()?;
                self.over(items.depth, Expression::Starred(Box::new(items.expression)))?
            } else {
                self.slice()?
            };
            row.push(node);
            if !self.take_operator(",") {
                break;
            }
            tuple = true;
            if self.closes() {
                break;
            }
        }
        self.expect_operator("]", "a subscript that is not closed")?;
        match row.items.pop() {
            Some(only) if !tuple => Ok(Node {
                expression: only,
                depth: row.depth,
            }),
            last => {
                row.items.extend(last);
                self.over(row.depth, Expression::Tuple(row.items))
            }
        }
    }

    fn slice(&mut self) -> Parsed<Node> {
        if !self.is_operator(":") {
            let node = self.named_expression()?;
            if !self.is_operator(":") {
                return Ok(node);
            }
            return self.slice_from(Some(node));
        }
        self.slice_from(None)
    }

    fn slice_from(&mut self, lower: Option<Node>) -> Parsed<Node> {
        let mut depth = lower.as_ref().map_or(0, |node| node.depth);
        let mut parts = vec![lower.map(|node| node.expression)];
        while parts.len() < 3 && self.take_operator(":") {
            let part = if self.is_operator(":") || self.is_operator(",") || self.closes() {
                None
            } else {
                Some(self.expression()?)
            };
            depth = depth.max(part.as_ref().map_or(0, |node| node.depth));
            parts.push(part.map(|node| node.expression));
        }
        self.over(depth, Expression::Slice(parts))
    }

    /// A group, a tuple, or a generator.
    pub(super) fn bracketed(&mut self) -> Parsed<Node> {
        self.at += 1;
        if self.is_keyword("yield") {
            let node = self.nest(Self::yielded)?;
            self.expect_operator(")", "a bracket that is not closed")?;
            return Ok(node);
        }
        if self.take_operator(")") {
            return Ok(Node::leaf(Expression::Tuple(Vec::new())));
        }
        let first = self.star_named_expression()?;
        if self.begins_comprehension() {
            return self.comprehended(&first, ")");
        }
        if self.take_operator(")") {
            if matches!(first.expression, Expression::Starred(_)) {
                return self.error("unpacked items in a group");
            }
            return Ok(first);
        }
        let row = self.rest_of_row(first, ")")?;
        self.over(row.depth, Expression::Tuple(row.items))
    }

    pub(super) fn list(&mut self) -> Parsed<Node> {
        self.at += 1;
        if self.take_operator("]") {
            return Ok(Node::leaf(Expression::List(Vec::new())));
        }
        let first = self.star_named_expression()?;
        if self.begins_comprehension() {
            return self.comprehended(&first, "]");
        }
        let row = self.rest_of_row(first, "]")?;
        self.over(row.depth, Expression::List(row.items))
    }

    /// What follows the first of several items, to behind the closing bracket.
    fn rest_of_row(&mut self, first: Node, close: &'static str) -> Parsed<Row> {
        let mut row = Row::default();
        row.push(first);
        while self.take_operator(",") {
            if self.is_operator(close) {
                break;
            }
            let node = self.star_named_expression()?;
            row.push(node);
        }
        self.expect_operator(close, "a comma is missing, or a bracket is not closed")?;
        Ok(row)
    }

    /// A dictionary or a set.
    pub(super) fn braced(&mut self) -> Parsed<Node> {
        self.at += 1;
        if self.take_operator("}") {
            return Ok(Node::leaf(Expression::Dict(Vec::new())));
        }
        if !self.is_operator("**") {
            let first = self.star_named_expression()?;
            if !self.is_operator(":") {
                if self.begins_comprehension() {
                    return self.comprehended(&first, "}");
                }
                let row = self.rest_of_row(first, "}")?;
                return self.over(row.depth, Expression::Set(row.items));
            }
            if matches!(
                first.expression,
                Expression::Starred(_) | Expression::Other("an assignment")
            ) {
                return self.error("a key that is none");
            }
            self.at += 1;
            let value = self.expression()?;
            if self.begins_comprehension() {
                return self.comprehended(&value, "}");
            }
            return self.pairs(
                vec![(Some(first.expression), value.expression)],
                first.depth.max(value.depth),
            );
        }
        self.pairs(Vec::new(), 0)
    }

    /// The pairs of a dictionary after those that were read, to behind its closing bracket.
    fn pairs(
        &mut self,
        mut pairs: Vec<(Option<Expression>, Expression)>,
        depth: usize,
    ) -> Parsed<Node> {
        let mut depth = depth;
        if pairs.is_empty() || self.take_operator(",") {
            while !self.is_operator("}") {
                if self.take_operator("**") {
                    let mapping = self.operators(5)?;
                    depth = depth.max(mapping.depth);
                    pairs.push((None, mapping.expression));
                } else {
                    let key = self.expression()?;
                    self.expect_operator(":", "a key without a value")?;
                    let value = self.expression()?;
                    depth = depth.max(key.depth).max(value.depth);
                    pairs.push((Some(key.expression), value.expression));
                }
                if !self.take_operator(",") {
                    break;
                }
            }
        }
        self.expect_operator("}", "a comma is missing, or a bracket is not closed")?;
        self.over(depth, Expression::Dict(pairs))
    }

    fn yielded(&mut self) -> Parsed<Node> {
        self.at += 1;
        if self.take_keyword("from") {
            self.expression()?;
        } else if !self.closes() {
            loop {
                if self.take_operator("*") {
                    self.operators(5)?;
                } else {
                    self.expression()?;
                }
                if !self.take_operator(",") || self.closes() {
                    break;
                }
            }
        }
        Ok(Node::leaf(Expression::Other("a yield")))
    }

    fn begins_comprehension(&self) -> bool {
        self.is_keyword("for") || (self.is_keyword("async") && self.is_keyword_at(1, "for"))
    }

    /// The clauses of a comprehension after its item, to behind the closing bracket.
    fn comprehended(&mut self, item: &Node, close: &'static str) -> Parsed<Node> {
        if matches!(item.expression, Expression::Starred(_)) {
            return self.error("unpacked items in a comprehension");
        }
        let node = self.comprehension(item.depth)?;
        self.expect_operator(close, "a comprehension that is not closed")?;
        Ok(node)
    }

    fn comprehension(&mut self, depth: usize) -> Parsed<Node> {
        let mut depth = depth;
        while self.begins_comprehension() {
            self.at += 1 + usize::from(self.is_keyword("async"));
            self.targets()?;
            if !self.take_keyword("in") {
                return self.error("a comprehension without in");
            }
            let items = self.operators(1)?;
            depth = depth.max(items.depth);
            while self.take_keyword("if") {
                let condition = self.operators(1)?;
                depth = depth.max(condition.depth);
            }
        }
        self.over(depth, Expression::Other("a comprehension"))
    }

    /// What a comprehension assigns to.
    fn targets(&mut self) -> Parsed<()> {
        loop {
            self.take_operator("*");
            let target = self.operators(5)?;
            if !is_target(&target.expression) {
                return self.error("a comprehension that assigns to no name");
            }
            if !self.take_operator(",") || self.is_keyword("in") {
                return Ok(());
            }
        }
    }
}

fn is_target(expression: &Expression) -> bool {
    match expression {
        Expression::Name(_) | Expression::Attribute(..) | Expression::Subscript(..) => true,
        Expression::Starred(items) => is_target(items),
        Expression::List(items) | Expression::Tuple(items) => items.iter().all(is_target),
        _ => false,
    }
}
