//! Triggers that fire only where the engine lets them.

use turso_parser::ast::{Cmd, Expr, Operator, Stmt};
use turso_parser::parser::Parser;

use super::parse::Parsed;

/// The text of a trigger that fires only where `function`, a function without arguments, is true as well.
///
/// Where the condition belongs is not searched for with a second grammar: it is put at every place where it
/// could stand, and the place is right when the parser reads the same trigger with the condition in front.
/// None when there is no such place, or the statement is no trigger.
pub(crate) fn with_condition(trigger: &Parsed, function: &str) -> Option<String> {
    let Stmt::CreateTrigger { when_clause, .. } = &trigger.tree else {
        return None;
    };
    let text = &trigger.text;
    let begins = words(text, "BEGIN");
    if when_clause.is_none() {
        return begins
            .iter()
            .map(|at| format!("{}WHEN {function}() {}", &text[..*at], &text[*at..]))
            .find(|candidate| is_guarded(candidate, &trigger.tree, function));
    }
    let whens = words(text, "WHEN");
    whens
        .iter()
        .flat_map(|when| begins.iter().map(move |begin| (*when, *begin)))
        .filter_map(|(when, begin)| {
            let condition = text.get(when + "WHEN".len()..begin)?;
            let (before, after) = (&text[..when], &text[begin..]);
            Some(format!(
                "{before}WHEN {function}() AND ({condition}) {after}"
            ))
        })
        .take(MOST_PLACES)
        .find(|candidate| is_guarded(candidate, &trigger.tree, function))
}

/// Places that are tried in one trigger.
const MOST_PLACES: usize = 200;

/// Where a word stands, in any case; inside names and strings too.
fn words(text: &str, word: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len().saturating_sub(word.len()))
        .filter(|at| bytes[*at..at + word.len()].eq_ignore_ascii_case(word.as_bytes()))
        .collect()
}

/// True when the parser reads `candidate` as the trigger with the function's call before its condition.
fn is_guarded(candidate: &str, trigger: &Stmt, function: &str) -> bool {
    let mut parser = Parser::new(candidate.as_bytes());
    let (Ok(Some(Cmd::Stmt(mut read))), Ok(None)) = (parser.next_cmd(), parser.next_cmd()) else {
        return false;
    };
    let Stmt::CreateTrigger { when_clause, .. } = &mut read else {
        return false;
    };
    let is_call = |expression: &Expr| {
        matches!(expression, Expr::FunctionCall { name, args, .. }
            if args.is_empty() && name.as_str() == function)
    };
    let Some(condition) = when_clause.take() else {
        return false;
    };
    *when_clause = match *condition {
        Expr::Binary(call, Operator::And, rest) if is_call(&call) => match *rest {
            Expr::Parenthesized(mut parts) if parts.len() == 1 => parts.pop(),
            _ => return false,
        },
        call if is_call(&call) => None,
        _ => return false,
    };
    read == *trigger
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse_schema;
    use super::*;

    fn guarded(text: &str) -> Option<String> {
        let parsed = parse_schema(text).unwrap();
        with_condition(&parsed[0], "__fires")
    }

    #[test]
    fn the_condition_stands_before_the_triggers_own() {
        let plain = "CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM u; END";
        assert_eq!(
            guarded(plain).unwrap(),
            "CREATE TRIGGER a AFTER INSERT ON t WHEN __fires() BEGIN DELETE FROM u; END"
        );
        let own = "create trigger \"when begin\" after update of \"begin\" on t for each row -- when?\n\
                   when case when NEW.x = 'BEGIN' then 1 else NEW.\"begin\" or 0 end -- begin\n\
                   begin update u set x = case when x > 1 then 2 end; end";
        let text = guarded(own).unwrap();
        assert!(
            text.contains("when?\nWHEN __fires() AND ( case when NEW.x"),
            "{text}"
        );
        assert!(text.contains("-- begin\n) begin update"), "{text}");
    }

    #[test]
    fn what_is_no_trigger_stays() {
        assert_eq!(guarded("CREATE VIEW v AS SELECT 1"), None);
    }
}
