//! `practicum bench replay tau2`: a small shop in the benchmark's layout, right and wrong calls, wrong lines.

use serde_json::{Value, json};

use crate::support::Bench;

/// A checkout whose retail domain holds one product, one user, one order and one task.
pub(crate) fn with_data() -> Bench {
    let bench = Bench::new();
    let address = json!({"address1": "1 Hill Rd", "address2": "", "city": "Oslo", "country": "Norway",
                         "state": "OS", "zip": "0150"});
    let variant = |id: &str, price: f64| json!({"item_id": id, "options": {"size": "L"}, "available": true, "price": price});
    let database = json!({
        "products": {"P1": {"name": "Jacket", "product_id": "P1",
            "variants": {"V1": variant("V1", 10.1), "V2": variant("V2", 12.3)}}},
        "users": {"ada_1": {"user_id": "ada_1", "name": {"first_name": "Ada", "last_name": "Berg"},
            "address": address, "email": "ada@example.com", "orders": ["#W1"],
            "payment_methods": {"gift_card_1": {"source": "gift_card", "id": "gift_card_1", "balance": 50.0}}}},
        "orders": {"#W1": {"order_id": "#W1", "user_id": "ada_1", "address": address, "status": "pending",
            "items": [{"name": "Jacket", "product_id": "P1", "item_id": "V1", "price": 10.1, "options": {"size": "L"}}],
            "fulfillments": [],
            "payment_history": [{"transaction_type": "payment", "amount": 10.1, "payment_method_id": "gift_card_1"}]}},
    });
    let gold = json!({"name": "modify_pending_order_items", "arguments": {
        "order_id": "#W1", "item_ids": ["V1"], "new_item_ids": ["V2"], "payment_method_id": "gift_card_1"}});
    let tasks = json!([{"id": "0", "evaluation_criteria": {"actions": [gold]}}]);
    let folder = "checkout/data/tau2/domains/retail";
    std::fs::create_dir_all(bench.path(folder)).unwrap();
    bench.write(&format!("{folder}/db.json"), database.to_string());
    bench.write(&format!("{folder}/tasks.json"), tasks.to_string());
    bench
}

fn replay<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    let command = [
        "bench",
        "replay",
        "tau2",
        "--data",
        "checkout",
        "--actions",
        "calls.jsonl",
    ];
    [&command, rest].concat()
}

fn list(domain: &str, task: &str, actions: &Value) -> String {
    json!({"domain": domain, "task_id": task, "actions": actions}).to_string() + "\n"
}

fn change(item: &Value) -> Value {
    json!({"requestor": "assistant", "name": "modify_pending_order_items", "arguments": {
        "order_id": "#W1", "item_ids": ["V1"], "new_item_ids": [item],
        "payment_method_id": "gift_card_1"}})
}

#[test]
fn lists_are_judged_by_where_they_lead() {
    let bench = with_data();
    let look = json!({"name": "get_user_details", "arguments": {"user_id": "ada_1"}});
    bench.write(
        "calls.jsonl",
        list("retail", "0", &json!([change(&json!("V2")), look]))
            + &list("retail", "0", &json!([change(&json!("V1"))]))
            + &list("mock", "0", &json!([])),
    );
    let ran = bench.run(&replay(&["--out", "verdicts.jsonl"])).done();
    assert_eq!(ran.stdout, "");
    let text = std::fs::read_to_string(bench.path("verdicts.jsonl")).unwrap();
    let verdicts: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [right, wrong, unknown] = &verdicts[..] else {
        panic!("{} verdicts", verdicts.len());
    };
    assert_eq!(right["db_match"], true);
    assert_eq!(right["env_reward"], 1.0);
    assert_eq!(right["action_checks"], json!([true]));
    // The difference is 12.3 - 10.1 in binary, and the card is charged with it rounded.
    let order = right["outputs"][0]["content"].as_str().unwrap();
    assert!(
        order.contains(r#""amount": 2.200000000000001, "#),
        "{order}"
    );
    let user = right["outputs"][1]["content"].as_str().unwrap();
    assert!(user.contains(r#""balance": 47.8}"#), "{user}");

    assert_eq!(wrong["db_match"], false);
    assert_eq!(wrong["env_reward"], 0.0);
    assert_eq!(
        wrong["outputs"],
        json!([{"error": true,
                "content": "Error: The new item id should be different from the old item id"}])
    );
    assert_ne!(right["db_hash"], wrong["db_hash"]);
    assert_eq!(unknown["unsupported"], true);
}

#[test]
fn a_wrong_line_is_named_and_the_others_run() {
    let bench = with_data();
    bench.write(
        "calls.jsonl",
        "no JSON\n".to_string()
            + &list("retail", "7", &json!([]))
            + &list("retail", "0", &json!([change(&json!(5))])),
    );
    let ran = bench
        .run(&replay(&[]))
        .refused(&["calls.jsonl, line 1: ", "line 2: retail has no task \"7\""]);
    assert_eq!(ran.stdout.lines().count(), 1);
    assert!(
        ran.stdout.contains("Error: Variant not found"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_folder_without_the_benchmark_is_refused() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("checkout")).unwrap();
    bench.write("calls.jsonl", "");
    bench
        .run(&replay(&[]))
        .refused(&["holds no tau2-bench data"]);
}

#[test]
fn lists_become_results_that_are_graded_again() {
    let bench = with_data();
    std::fs::write(
        bench.path("checkout/data/tau2/domains/retail/policy.md"),
        "Be kind.",
    )
    .unwrap();
    bench.write(
        "calls.jsonl",
        list("retail", "0", &json!([change(&json!("V2"))]))
            + &list("retail", "0", &json!([change(&json!("V1"))])),
    );
    bench.run(&replay(&["--results", "results.json"])).done();
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(bench.path(name)).unwrap()).unwrap()
    };
    let mut results = read("results.json");
    assert_eq!(results["info"]["environment_info"]["policy"], "Be kind.");
    assert_eq!(results["tasks"][0]["id"], "0");
    let rewards = |results: &Value| -> Vec<Value> {
        let simulations = results["simulations"].as_array().unwrap();
        simulations
            .iter()
            .map(|one| one["reward_info"]["reward"].clone())
            .collect()
    };
    assert_eq!(rewards(&results), [json!(1.0), json!(0.0)]);
    assert_eq!(
        results["simulations"][1]["reward_info"]["reward_breakdown"],
        json!({"DB": 0.0, "COMMUNICATE": 1.0})
    );

    // Somebody has touched a reward, and a conversation.
    results["simulations"][1]["reward_info"]["reward"] = json!(1.0);
    bench.write("results.json", results.to_string());
    let score = [
        "bench",
        "score",
        "tau2",
        "--data",
        "checkout",
        "--results",
        "results.json",
        "--out",
        "again.json",
    ];
    let ran = bench.run(&score).done();
    assert!(
        ran.stdout
            .starts_with("retail: 1 of 2 trials of 1 tasks succeed\npass^1 0.500"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("1 rewards are not those in the file"));
    assert_eq!(rewards(&read("again.json")), [json!(1.0), json!(0.0)]);
    results["simulations"][0]["messages"]
        .as_array_mut()
        .unwrap()
        .remove(3);
    bench.write("results.json", results.to_string());
    let ran = bench.run(&score).refused(&[
        "1 trials could not be graded",
        "task 0, trial 0: message 2: a call without a reply",
    ]);
    assert!(
        ran.stdout
            .contains("not counted: 1 trials whose sentences no judge has decided"),
        "{}",
        ran.stdout
    );
}
