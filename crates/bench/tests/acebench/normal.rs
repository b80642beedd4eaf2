//! The oddities of the official scorer for calls, one by one. Each was seen in the official code and run there.

use practicum_bench::acebench::Category;
use serde_json::json;

use crate::fixture::{argument, function, said, said_in};

fn text() -> serde_json::Value {
    json!({ "type": "string" })
}

#[test]
fn the_first_outermost_brackets_are_the_answer() {
    let functions = function(json!({ "a": text() }));
    let said = |text| said(&functions, &json!({ "f": { "a": "x" } }), text);
    assert_eq!(said("[f(a='x')]"), "ok");
    assert_eq!(
        said("Here it is:\n```\n[ f ( a = 'x' , ) ] # done\n``` [f(a='no')]"),
        "ok"
    );
    assert_eq!(said("Step [1]: [f(a='x')]"), "wrong_output_format");
    assert_eq!(said("f(a='x')"), "wrong_output_format");
    assert_eq!(said("] [f(a='x')]"), "wrong_output_format");
    assert_eq!(said("] [ [f(a='x')]"), "ok");
    assert_eq!(said("[[f(a='x')]]"), "wrong_output_format");
    // Brackets in quotes count.
    assert_eq!(said("[f(a='x]')]"), "wrong_output_format");
    assert_eq!(said("[f(a='[x]')]"), "ok");
}

#[test]
fn dialogues_lose_all_white_space_first() {
    let functions = function(json!({ "a": text(), "b": { "type": "array", "items": text() } }));
    let said = |answer, text| said_in(Category::MultiTurnAdjust, &functions, &answer, text);
    assert_eq!(said(json!({ "f": { "a": "x y" } }), "[f(a = 'x y')]"), "ok");
    // In a list of lists nothing is cleaned up, and the spaces are gone.
    assert_eq!(
        said(json!({ "f": { "b": [["x y"]] } }), "[f(b=[['x y']])]"),
        "value_error:list/tuple"
    );
    assert_eq!(
        said(json!({ "f": { "b": [["xy"]] } }), "[f(b=[['x\u{3000}y']])]"),
        "ok"
    );
    // There is no search for brackets: what surrounds the list counts, and a bare row is one.
    assert_eq!(
        said(json!({ "f": { "a": "x" } }), "Sure: [f(a='x')]"),
        "wrong_output_format"
    );
    assert_eq!(said(json!({ "f": { "a": "x" } }), "f(a='x'),"), "ok");
    assert_eq!(said(json!({ "f": { "a": "x" } }), "{f(a='x')} # so"), "ok");
    assert_eq!(
        said(json!({ "f": { "a": "x" } }), "f(a='x')"),
        "wrong_output_format"
    );
}

#[test]
fn calls_are_python() {
    let functions = function(json!({ "a": text(), "n": { "type": "integer" } }));
    let one = |call: &str| {
        said(
            &functions,
            &json!({ "f": { "a": "x" } }),
            &format!("[{call}]"),
        )
    };
    assert_eq!(one("f('ignored', 2, *rest, a='x')"), "ok");
    assert_eq!(one("f(a='y', a='x')"), "ok");
    assert_eq!(one("f(1if 1else 0xfor 2, a='x')"), "ok");
    assert_eq!(one("f(1x, a='x')"), "wrong_output_format");
    assert_eq!(one("f(a='x', 'late')"), "wrong_output_format");
    assert_eq!(one("f(**{'a': 'x'})"), "addition_args");
    assert_eq!(one("f(a=x)"), "ok");
    assert_eq!(one("f(a=x.y)"), "wrong_output_format");
    assert_eq!(one("f(a=x[0])"), "ok");
    assert_eq!(one("f(a=f'x')"), "wrong_output_format");
    assert_eq!(one("f(a=u'' 'x' \"\"\"\"\"\")"), "ok");
    assert_eq!(one("f(a='a' + 'x' * 2)"), "ok");
    assert_eq!(one("f(a='\\x78')"), "ok");
    assert_eq!(one("f(a=\u{201c}x\u{201d})"), "wrong_output_format");
    assert_eq!(one("m.f(a='x')"), "function_mismatch");
    assert_eq!(one("F(a='x')"), "function_mismatch");
    assert_eq!(one("(f)(a='x')"), "ok");

    let number = |value: &str| {
        said(
            &functions,
            &json!({ "f": { "n": -1 } }),
            &format!("[f(n={value})]"),
        )
    };
    assert_eq!(number("007"), "wrong_output_format");
    assert_eq!(number("1__0"), "wrong_output_format");
    assert_eq!(number("- -1"), "wrong_output_format");
    assert_eq!(number("2023-01-01"), "wrong_output_format");
    assert_eq!(number("0x_1F"), "ok");
}

/// `not True` is -1: any sign before a literal is taken for a minus.
#[test]
fn every_sign_is_a_minus() {
    let list = json!({ "type": "array", "items": { "type": "integer" } });
    for value in ["-5", "+5", "~5", "not 5", "-(5)"] {
        assert_eq!(
            argument(list.clone(), json!([-5]), &format!("[{value}]")),
            "ok",
            "{value}"
        );
    }
    assert_eq!(argument(list.clone(), json!([-1]), "[not True]"), "ok");
    assert_eq!(argument(list, json!([5]), "[5 - -5 + -+5]"), "ok");
}

#[test]
fn text_is_cleaned_and_need_only_contain_the_answer() {
    let said = |answer: &str, value: &str| argument(text(), json!(answer), &format!("\"{value}\""));
    assert_eq!(said("New York", "the new-york_ci.ty, today"), "ok");
    assert_eq!(said("it's", "it'S"), "ok");
    assert_eq!(said("", "anything"), "ok");
    assert_eq!(said("New York", "New"), "value_error:string");
    // The words true and false are booleans before they are text, even where the answer is that word.
    assert_eq!(said("true", "true"), "type_error");
    assert_eq!(said("true", "True"), "ok");
    assert_eq!(argument(text(), json!("5"), "5"), "type_error");
}

#[test]
fn numbers_and_booleans_are_checked_by_type_alone() {
    let boolean = || json!({ "type": "boolean" });
    for value in ["True", "False", "true", "'false'"] {
        assert_eq!(argument(boolean(), json!(true), value), "ok", "{value}");
    }
    // 1 == True.
    assert_eq!(argument(boolean(), json!(true), "1"), "ok");
    assert_eq!(argument(boolean(), json!(true), "0"), "type_error");
    assert_eq!(argument(boolean(), json!(true), "'yes'"), "type_error");

    let number = || json!({ "type": "number" });
    assert_eq!(argument(number(), json!(5), "6"), "ok");
    assert_eq!(argument(number(), json!(5), "5.0"), "ok");
    assert_eq!(argument(number(), json!(5), "5.5"), "type_error");
    assert_eq!(argument(number(), json!(5.5), "6"), "ok");
    assert_eq!(argument(number(), json!(5.5), "7.5"), "ok");
    assert_eq!(argument(number(), json!(5), "'5'"), "type_error");
    assert_eq!(argument(json!({ "type": "float" }), json!(5.5), "6"), "ok");
    assert_eq!(
        argument(
            json!({ "type": "float" }),
            json!(5.5),
            &format!("1{}", "0".repeat(400))
        ),
        "stops"
    );
}

/// Where the answer's type is not the described one, a value of either type passes whatever it is.
#[test]
fn an_answer_of_another_type_is_not_compared() {
    assert_eq!(argument(text(), json!(["x"]), "'anything'"), "ok");
    assert_eq!(argument(text(), json!(["x"]), "['anything']"), "ok");
    assert_eq!(
        argument(
            json!({ "type": "array", "items": text() }),
            json!("x"),
            "'anything'"
        ),
        "ok"
    );
    assert_eq!(
        argument(json!({ "type": "object" }), json!("x"), "{}"),
        "ok"
    );
    assert_eq!(
        argument(json!({ "type": "object" }), json!(5), "{}"),
        "stops"
    );
}

#[test]
fn lists_are_compared_in_order_after_cleaning_text() {
    let list = json!({ "type": "array", "items": text() });
    let said = |value: &str| argument(list.clone(), json!(["A b", "c"]), value);
    assert_eq!(said("['a.B', 'C']"), "ok");
    assert_eq!(said("['c', 'a b']"), "value_error:list/tuple");
    assert_eq!(said("['a b']"), "value_error:list/tuple");
    assert_eq!(said("['a b', 'c', 'd']"), "value_error:list/tuple");
    assert_eq!(said("('a b', 'c')"), "type_error");
    // The items' types are looked at only where the answer's items are lists themselves.
    assert_eq!(
        argument(list.clone(), json!(["1"]), "[1]"),
        "value_error:list/tuple"
    );
    assert_eq!(argument(list.clone(), json!([1]), "[True]"), "ok");
    assert_eq!(
        argument(list.clone(), json!([["x"]]), "[[1]]"),
        "value_error:list/tuple"
    );
    assert_eq!(argument(list.clone(), json!([["x"]]), "[1]"), "type_error");
    assert_eq!(argument(list.clone(), json!([]), "[]"), "type_error");
    assert_eq!(argument(json!({ "type": "list" }), json!([]), "[]"), "ok");
    assert_eq!(
        argument(
            json!({ "type": "tuple", "items": text() }),
            json!(["x"]),
            "('x',)"
        ),
        "ok"
    );
}

#[test]
fn objects_are_compared_as_text_by_containment() {
    let said = |answer: serde_json::Value, value: &str| {
        argument(json!({ "type": "object" }), answer, value)
    };
    assert_eq!(said(json!({ "n": 5 }), "{'n': 15}"), "ok");
    assert_eq!(said(json!({ "n": 5 }), "{'n': '5 or so'}"), "ok");
    assert_eq!(said(json!({ "n": 15 }), "{'n': 5}"), "value_error");
    assert_eq!(said(json!({ "n": 1.0 }), "{'n': 1}"), "value_error");
    assert_eq!(said(json!({ "n": true }), "{'n': 'true'}"), "ok");
    assert_eq!(said(json!({ "n": true }), "{'n': false}"), "value_error");
    assert_eq!(said(json!({ "n": "a b" }), "{'n': 'x A-B x'}"), "ok");
    // Lists within objects are not cleaned: their text is part of the other's, or not.
    assert_eq!(
        said(json!({ "n": ["a b"] }), "{'n': ['A b']}"),
        "value_error"
    );
    assert_eq!(said(json!({ "n": ["a"] }), "{'n': [['a'], 'b']}"), "ok");
    assert_eq!(said(json!({ "n": ["it's"] }), "{'n': [\"it's\"]}"), "ok");
    assert_eq!(said(json!({ "n": 1 }), "{'n': 1, 'm': 2}"), "value_error");
    assert_eq!(said(json!({ "n": 1 }), "{'m': 1}"), "value_error");
    assert_eq!(said(json!({ "n": { "m": 1 } }), "{'n': 1}"), "value_error");
    // A call is an object, too.
    assert_eq!(said(json!({ "g": { "m": 1 } }), "g(m=1)"), "ok");
    assert_eq!(said(json!({}), "{}"), "type_error");
}

#[test]
fn lists_of_objects_are_compared_pair_by_pair() {
    let list = json!({ "type": "array", "items": { "type": "object" } });
    let said = |value: &str| argument(list.clone(), json!([{ "n": "a" }, { "n": "b" }]), value);
    assert_eq!(said("[{'n': 'A.'}, {'n': 'b'}]"), "ok");
    assert_eq!(said("[{'n': 'b'}, {'n': 'a'}]"), "value_error");
    assert_eq!(said("[{'n': 'a'}]"), "value_error:list_dict_count");
    assert_eq!(said("['a', 'b']"), "value_error");
    // Without a description of the items, they are taken for objects.
    assert_eq!(
        argument(json!({ "type": "array" }), json!(["a"]), "['a']"),
        "value_error"
    );
    assert_eq!(
        argument(json!({ "type": "array" }), json!(["a"]), "[{}]"),
        "stops"
    );
    assert_eq!(
        argument(
            json!({ "type": "objectArray" }),
            json!([{ "n": "a" }]),
            "[{'n': 'a'}]"
        ),
        "stops"
    );
    assert_eq!(
        argument(
            json!({ "type": "objectArray" }),
            json!([{ "n": "a" }]),
            "[]"
        ),
        "value_error:dict_items"
    );
}

#[test]
fn odd_descriptions_stop_the_official_scorer() {
    assert_eq!(argument(json!({ "type": "null" }), json!(1), "1"), "stops");
    assert_eq!(
        argument(json!({ "enum": ["x"] }), json!("x"), "'x'"),
        "stops"
    );
    assert_eq!(
        argument(
            json!({ "type": "array", "items": { "type": "null" } }),
            json!([1]),
            "[1]"
        ),
        "stops"
    );
    // The type `enum` stands for a class that no value has.
    assert_eq!(argument(json!({ "type": "enum" }), json!("x"), "'y'"), "ok");
    assert_eq!(
        argument(json!({ "type": "enum" }), json!("x"), "1"),
        "type_error"
    );
    let without_required =
        json!([{ "name": "f", "parameters": { "properties": { "a": text() } } }]);
    assert_eq!(
        said(
            &without_required,
            &json!({ "f": { "a": "x" } }),
            "[f(a='x')]"
        ),
        "stops"
    );
    let without_parameters = json!([{ "name": "f", "arguments": {} }]);
    assert_eq!(
        said(
            &without_parameters,
            &json!({ "f": { "a": "x" } }),
            "[f(a='x')]"
        ),
        "stops"
    );
    assert_eq!(
        said(&json!([]), &json!({ "f": { "a": "x" } }), "[f(a='x')]"),
        "stops"
    );
    // What was wrong before that is still said.
    assert_eq!(
        said(&json!([]), &json!({ "f": { "a": "x" } }), "[g(a='x')]"),
        "function_mismatch"
    );
}

#[test]
fn arguments_beyond_the_answer_are_too_many_and_optional_ones_may_go() {
    let functions = json!([{ "name": "f", "parameters": {
        "properties": { "a": text(), "b": text() }, "required": ["a"] } }]);
    let said = |answer, text| said(&functions, &answer, text);
    assert_eq!(
        said(json!({ "f": { "a": "x" } }), "[f(a='x', b='y')]"),
        "addition_args"
    );
    assert_eq!(
        said(json!({ "f": { "a": "x", "b": "y" } }), "[f(a='x')]"),
        "ok"
    );
    assert_eq!(
        said(json!({ "f": { "a": "x", "b": "y" } }), "[f(b='y')]"),
        "lack_args"
    );
    assert_eq!(said(json!({ "f": { "a": "x" } }), "[f()]"), "wrong_param");
    assert_eq!(said(json!({ "f": {} }), "[f(a='x')]"), "wrong_param");
    // An answer that repeats the function's own description lets everything pass.
    assert_eq!(
        said(json!({ "f": { "a": text(), "b": text() } }), "[f(z=1)]"),
        "ok"
    );

    let bare = json!([{ "name": "f", "parameters": {} }]);
    assert_eq!(
        crate::fixture::said(&bare, &json!({ "f": {} }), "[f()]"),
        "ok"
    );
    assert_eq!(
        crate::fixture::said(&bare, &json!({ "f": {} }), "[f(1)]"),
        "ok"
    );
    assert_eq!(
        crate::fixture::said(&bare, &json!({ "f": {} }), "[f(a=1)]"),
        "wrong_param"
    );
}

#[test]
fn parallel_calls_are_counted_and_then_any_may_fit_any() {
    let functions = function(json!({ "a": text() }));
    let answer = json!({ "f_1": { "a": "x" }, "f_2": { "a": "y" } });
    let said = |text: &str| said(&functions, &answer, text);
    assert_eq!(said("[f(a='y'), f(a='x')]"), "ok");
    assert_eq!(said("[f(a='x')]"), "wrong functions number");
    assert_eq!(said("[f(a='x'), g(a='y')]"), "function_mismatch");
    assert_eq!(said("[f_1(a='x'), f_2(a='y')]"), "function_mismatch");
    assert_eq!(said("[f(a='x'), f(a='z')]"), "value_error:string");
    // One call may serve twice, and another not at all.
    assert_eq!(said("[f(a='xy'), f(a='z')]"), "ok");
    assert_eq!(said("[]"), "wrong functions number");
    assert_eq!(crate::fixture::said(&functions, &json!({}), "[]"), "ok");
}

/// A call that stops the official scorer does so before a later one could fit.
#[test]
fn calls_are_tried_in_their_order() {
    let functions = function(json!({ "a": { "type": "object" } }));
    let answer = json!({ "f_1": { "a": 5 }, "f_2": { "a": 5 } });
    assert_eq!(said(&functions, &answer, "[f(a=7), f(a={})]"), "ok");
    assert_eq!(said(&functions, &answer, "[f(a={}), f(a=7)]"), "stops");
}

#[test]
fn the_first_function_that_is_part_of_the_name_is_taken() {
    let functions = json!([
        { "name": "get", "parameters": { "properties": { "a": text() }, "required": [] } },
        { "name": "get_all", "parameters": { "properties": { "a": text() }, "required": [] } },
    ]);
    assert_eq!(
        said(
            &functions,
            &json!({ "get_all": { "a": "x" } }),
            "[get_all(a='x')]"
        ),
        "wrong_function_name"
    );
    assert_eq!(
        said(&functions, &json!({ "get": { "a": "x" } }), "[get(a='x')]"),
        "ok"
    );
}

#[test]
fn alternatives_are_tried_and_the_first_says_what_is_wrong() {
    let functions = function(json!({ "a": text(), "n": { "type": "integer" } }));
    let answer = json!([{ "f": { "a": "x" } }, { "f": { "n": 1 } }]);
    assert_eq!(said(&functions, &answer, "[f(n=2)]"), "ok");
    assert_eq!(
        said(&functions, &answer, "[f(a='y')]"),
        "value_error:string"
    );
}

#[test]
fn what_is_no_text_is_no_call() {
    let items = [(
        "normal_atom_bool_0",
        function(json!({})),
        json!({ "ground_truth": { "f": {} } }),
    )];
    let benchmark = crate::fixture::benchmark(Category::AtomBool, &items);
    for result in [json!(null), json!(1), json!(["[f()]"]), json!({ "[": 1 })] {
        let verdict = crate::fixture::verdict(&benchmark, Category::AtomBool, result, None);
        assert_eq!(crate::fixture::word(&verdict), "wrong_output_format");
    }
}
