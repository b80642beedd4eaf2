//! Text, tokens and mask of training data equal what `transformers` gives, token by token, for real models' templates
//! and vocabularies. Those come from PyPI packages and are kept nowhere else.
#![allow(clippy::print_stdout)] // what was compared

use std::path::{Path, PathBuf};

use practicum_chat::{ChatTemplate, Conversation, Message, Role, RowOptions, ToolCall, Turns};
use practicum_rollout::{Options, read_trajectories, run_world, tools_of};
use serde_json::{Value, json};
use tokenizers::Tokenizer;

use crate::clients::{environment, run, script};
use crate::oracle::world_with_tasks;
use crate::support::Bench;

/// Where the packages of an environment lie.
fn packages(environment: &Path) -> PathBuf {
    let all = std::fs::read_dir(environment.join("lib")).unwrap();
    let python = all.map(|own| own.unwrap().path());
    python
        .map(|own| own.join("site-packages"))
        .find(|own| own.is_dir())
        .unwrap()
}

/// What the conversations of the corner shop lack: thoughts, odd whitespace, characters of several bytes, nothing.
fn odd() -> Vec<Message> {
    let call = |id: &str, arguments: &str| ToolCall::new(id, "find_products", arguments);
    let one = call(
        "call_0",
        r#"{"name":"Käse \"<b>\" 漢字 🧀","limit":3,"at_most":1.50,"tags":[],"more":{"a":null,"b":1e-7}}"#,
    );
    let mut thinks = Message::calls(vec![one.clone()]);
    thinks.reasoning_content = Some("\nFirst I look.\n\nThen I say it.\n".into());
    let mut asks = Message::text(Role::Assistant, "Which one?\n\n1. brie\n2. feta  ");
    asks.reasoning_content = Some("think".into());
    let mut ends = Message::text(Role::Assistant, "Done 👍🏽.");
    ends.reasoning_content = Some("All is said.".into());
    vec![
        Message::text(Role::System, "You are a shop.\n\n- be kind\n"),
        Message::text(Role::User, "  Ich hätte gern Käse!\r\n\tBitte.  "),
        thinks,
        Message::reply(&one, "[\n {\"name\": \"brie\"}\n]"),
        asks,
        Message::text(Role::User, "2"),
        Message::text(Role::Assistant, "Good."),
        Message::text(Role::User, "Thanks"),
        ends,
    ]
}

fn conversations(folder: &Path) -> (Vec<Vec<Message>>, Vec<Value>) {
    let (world, tasks) = world_with_tasks("corner-shop", 12);
    let path = folder.join("own.jsonl");
    run_world(&world, &tasks, &Options::default(), &path).unwrap();
    let mut all = vec![odd()];
    read_trajectories(&path, |own| {
        if own.verdict.passed && !own.messages.is_empty() {
            all.push(own.messages);
        }
    })
    .unwrap();
    (all, tools_of(&world))
}

#[test]
fn text_and_mask_are_those_of_transformers() {
    let python = environment(
        "templates",
        &[
            "transformers==5.24.0",
            "jinja2>=3.1.6",
            "tiktoken>=0.12",
            "datasets==5.2.0",
        ],
    );
    // Without what they depend on: only their data is read.
    let texts = environment(
        "template-texts",
        &[
            "--no-deps",
            "trl==1.16.0",
            "dashscope==2.0.2",
            "llama-models==0.3.0",
        ],
    );
    let (Some(python), Some(texts)) = (python, texts) else {
        return;
    };
    let bench = Bench::new();
    let (folder, texts) = (bench.path("families"), packages(&texts));
    let (folder, texts) = (folder.to_str().unwrap(), texts.to_str().unwrap());
    let (program, script) = (python.join("bin/python"), script("chat_templates.py"));
    run(&program, &[&script, "make", texts, folder], &bench);

    let (all, tools) = conversations(&bench.path(""));
    assert!(all.len() > 12, "{}", all.len());
    let mut split = Vec::new();
    for family in std::fs::read_dir(folder).unwrap() {
        let family = family.unwrap().path();
        // Llama's ask for a date.
        let template = ChatTemplate::read(&family)
            .unwrap()
            .with_variable("date_string", json!("26 Jul 2024"));
        let tokenizer = Tokenizer::from_file(family.join("tokenizer.json")).unwrap();
        let encode = |text: &str| {
            let encoding = tokenizer.encode_fast(text, false)?;
            Ok::<_, tokenizers::Error>(encoding.get_ids().to_vec())
        };
        let mut lines = String::new();
        for (at, messages) in all.iter().enumerate() {
            for (turns, tools) in [(Turns::AsTemplate, &tools[..]), (Turns::Each, &[])] {
                let conversation = Conversation { messages, tools };
                let options = RowOptions {
                    turns,
                    ..RowOptions::default()
                };
                let made = template.rows(conversation, |_| true, options).unwrap();
                // Llama 3's first template knows no tools.
                let knows = !matches!(
                    family.file_name().and_then(|name| name.to_str()),
                    Some("llama3" | "llama3_training")
                );
                for refused in &made.refused {
                    assert!(
                        !knows && refused.why.contains("leaves its calls out"),
                        "{refused:?}"
                    );
                    assert!(!messages[refused.message].tool_calls.is_empty());
                }
                if at == 0 && turns == Turns::AsTemplate && made.rows.len() > 1 {
                    split.push(family.file_name().unwrap().to_str().unwrap().to_string());
                }
                let rows: Vec<Value> = made
                    .rows
                    .iter()
                    .map(|row| {
                        let tokens = row.whole(encode).unwrap().unwrap();
                        let last = row.turns.last().unwrap().message + 1;
                        let whole = template.render(conversation, false).unwrap() == row.text;
                        json!({
                            "messages": if whole { messages.len() } else { last },
                            "turns": row.turns.iter().map(|turn| turn.message).collect::<Vec<_>>(),
                            "text": row.text,
                            "ids": tokens.ids,
                            "mask": tokens.mask.iter().map(|own| u8::from(*own)).collect::<Vec<_>>(),
                            "kept": row.kept(),
                        })
                    })
                    .collect();
                let own = json!({
                    "messages": messages,
                    "tools": tools,
                    "text": template.render(conversation, false).unwrap(),
                    "rows": rows,
                });
                lines.push_str(&format!("{own}\n"));
            }
        }
        std::fs::write(family.join("predicted.jsonl"), lines).unwrap();
    }
    println!("{}", run(&program, &[&script, "check", folder], &bench));
    no_mask_where_a_turn_begins_inside_a_token(&Path::new(folder).join("qwen2_5"));
    // Those that write earlier turns otherwise than the model did, or not at all.
    split.sort();
    assert_eq!(split, ["llama3", "llama3_training", "qwen3"]);
}

/// Behind a header that ends with a newline, Qwen's vocabulary joins that and the newline of an empty line.
fn no_mask_where_a_turn_begins_inside_a_token(family: &Path) {
    let template = ChatTemplate::read(family).unwrap();
    let tokenizer = Tokenizer::from_file(family.join("tokenizer.json")).unwrap();
    let encode = |text: &str| {
        let encoding = tokenizer.encode_fast(text, false)?;
        Ok::<_, tokenizers::Error>(encoding.get_ids().to_vec())
    };
    let messages = [
        Message::text(Role::User, "Hi"),
        Message::text(Role::Assistant, "\nHello"),
    ];
    let conversation = Conversation {
        messages: &messages,
        tools: &[],
    };
    let made = template
        .rows(conversation, |_| true, RowOptions::default())
        .unwrap();
    assert_eq!(made.rows[0].whole(encode).unwrap(), None);
    let tokens = made.rows[0].tokens(encode).unwrap();
    assert_eq!(
        tokenizer.decode(&tokens.kept(), false).unwrap(),
        "\nHello<|im_end|>"
    );
}
