//! The oddities of the official scorer for prose (special categories) and for end states (agent categories).

use practicum_bench::acebench::Category;
use serde_json::{Value as Json, json};

use crate::fixture::{benchmark, verdict, word};

fn said(category: Category, truth: Json, result: Json) -> &'static str {
    let items = [("item_0", json!([]), json!({ "ground_truth": truth }))];
    word(&verdict(
        &benchmark(category, &items),
        category,
        result,
        None,
    ))
}

#[test]
fn missing_parameters_are_named_with_their_function() {
    let said = |result: Json| {
        said(
            Category::Incomplete,
            json!({ "book": ["from", "to"] }),
            result,
        )
    };
    assert_eq!(
        said(json!(
            "Missing necessary parameters (to, from) for the api (book)"
        )),
        "ok"
    );
    assert_eq!(
        said(json!(
            "Missing necessary parameters: notebook, together, from"
        )),
        "ok"
    );
    assert_eq!(
        said(json!(
            "missing necessary parameters (to, from) for the api (book)"
        )),
        "error_detection"
    );
    assert_eq!(
        said(json!("Missing necessary parameters (to, from)")),
        "error_correction"
    );
    assert_eq!(
        said(json!(
            "Missing necessary parameters (to) for the api (book)"
        )),
        "error_correction"
    );
    // A list is searched for whole items.
    assert_eq!(
        said(json!([
            "Missing necessary parameters",
            "book",
            "from",
            "to"
        ])),
        "ok"
    );
    assert_eq!(
        said(json!(["Missing necessary parameters (from, to) for book"])),
        "error_detection"
    );
    assert_eq!(said(json!(null)), "stops");
    assert_eq!(said(json!(5)), "stops");
}

#[test]
fn incorrect_values_need_no_name() {
    let said = |result: &str| {
        said(
            Category::ErrorParam,
            json!({ "date": ["31 June"] }),
            json!(result),
        )
    };
    assert_eq!(said("There is incorrect value: 31 June"), "ok");
    assert_eq!(
        said("There is incorrect value (30 June) for date"),
        "error_correction"
    );
    assert_eq!(
        said("There is an incorrect value: 31 June"),
        "error_detection"
    );
}

#[test]
fn the_last_mistake_names_the_kind() {
    let truth = json!({ "a": ["1"], "b": ["2"] });
    let text = "Missing necessary parameters 1 for a, none for";
    assert_eq!(
        said(Category::Incomplete, truth, json!(text)),
        "error_correction"
    );
}

#[test]
fn limitations_are_a_phrase() {
    let said = |result: &str| said(Category::Irrelevant, json!("..."), json!(result));
    assert_eq!(said("Due to the limitations of the function, no."), "ok");
    assert_eq!(
        said("Due to limitations of the functions, no."),
        "error_detection"
    );
}

fn state() -> Json {
    json!([{ "Base": { "wifi": true } }, { "Box": { "mail": { "1": "a", "2": "b" }, "count": 2 } }])
}

fn judged(
    truth: &Json,
    milestones: &Json,
    result: Json,
    process: Option<Json>,
) -> (&'static str, f64) {
    let answer = json!({ "ground_truth": truth, "mile_stone": milestones });
    let items = [("agent_multi_turn_0", json!([]), answer)];
    let category = Category::AgentMultiTurn;
    let verdict = verdict(&benchmark(category, &items), category, result, process);
    (word(&verdict), verdict.process.unwrap())
}

fn end(result: Json) -> &'static str {
    judged(&state(), &json!(["[a()]"]), result, Some(json!([]))).0
}

#[test]
fn end_states_are_compared_one_sidedly() {
    const WRONG: &str = "class attributes wrong";
    assert_eq!(end(state()), "ok");
    // Order, types of numbers, members beyond the answer's and attributes that are not there do not count.
    assert_eq!(
        end(
            json!([{ "Box": { "count": 2.0, "mail": { "2": "b", "1": "a", "3": "c" } } }, { "Base": { "wifi": 1 } }])
        ),
        "ok"
    );
    assert_eq!(end(json!([{ "Base": {} }, { "Box": {} }])), "ok");
    assert_eq!(
        end(json!([{ "Base": { "wifi": true } }, { "Box": { "mail": { "1": "a" } } }])),
        WRONG
    );
    assert_eq!(
        end(json!([{ "Base": { "wifi": true } }, { "Box": { "count": 3 } }])),
        WRONG
    );
    assert_eq!(
        end(json!([{ "Base": { "wifi": true, "extra": 1 } }, { "Box": {} }])),
        WRONG
    );
    assert_eq!(
        end(json!([{ "Base": { "wifi": true } }])),
        "wrong number of class"
    );
}

/// A class that is not there at all is judged as the class before it was.
#[test]
fn a_missing_class_inherits_the_verdict_before_it() {
    assert_eq!(
        end(json!([{ "Base": { "wifi": true } }, { "Other": {} }])),
        "ok"
    );
    assert_eq!(end(json!([{}, {}])), "ok");
    assert_eq!(
        end(json!([{ "Base": { "wifi": false } }, { "Other": {} }])),
        "class attributes wrong"
    );
}

#[test]
fn end_states_of_other_shapes_stop_the_official_scorer() {
    assert_eq!(end(json!(null)), "stops");
    assert_eq!(end(json!(["a", "b"])), "stops");
    assert_eq!(end(json!("ab")), "stops");
    assert_eq!(end(json!("abc")), "wrong number of class");
    assert_eq!(end(json!({ "a": 1 })), "wrong number of class");
    assert_eq!(end(json!([{ "Base": 1 }, { "Box": {} }])), "stops");
    assert_eq!(
        end(json!([{ "Base": {} }, { "Box": { "mail": 5 } }])),
        "stops"
    );
    assert_eq!(
        end(json!([{ "Base": {} }, { "Box": { "mail": ["1"] } }])),
        "stops"
    );
    assert_eq!(
        end(json!([{ "Base": {} }, { "Box": { "mail": [] } }])),
        "class attributes wrong"
    );
}

#[test]
fn milestones_are_passed_in_order() {
    let milestones = json!(["[a()]", "[b()]", "[c()]", "[d()]"]);
    let share = |process: Json| judged(&state(), &milestones, json!([]), Some(process)).1;
    let close = |one: f64, two: f64| (one - two).abs() < 1e-12;
    assert!(close(
        share(json!(["[a()]", "[x()]", " [b()]\n", "[c()]", "[d()]"])),
        1.0
    ));
    // Once one is missing, so are all after it.
    assert!(close(share(json!(["[a()]", "[c()]", "[d()]"])), 0.25));
    assert!(close(share(json!(["[b()]", "[a()]", "[b()]"])), 0.5));
    assert!(close(share(json!([])), 0.0));
    // A right end state is all that counts.
    assert!(close(judged(&state(), &milestones, state(), None).1, 1.0));
    assert_eq!(judged(&state(), &milestones, json!([]), None).0, "stops");
    assert_eq!(
        judged(&state(), &milestones, json!([]), Some(json!([1]))).0,
        "stops"
    );
    assert_eq!(
        judged(&state(), &json!([]), json!([]), Some(json!([]))).0,
        "stops"
    );
}

/// The best alternative counts, rounded to three digits, which a single row of milestones is not.
#[test]
fn alternatives_are_rounded() {
    let process = || Some(json!(["a"]));
    let third = judged(
        &state(),
        &json!([["b"], ["a", "b", "c"]]),
        json!([]),
        process(),
    )
    .1;
    assert!((third - 0.333).abs() < 1e-12);
    let third = judged(&state(), &json!(["a", "b", "c"]), json!([]), process()).1;
    assert!((third - 1.0 / 3.0).abs() < 1e-12);
}
