//! Calls are read out of the text of the common model families. The texts of `rendered/` were made by the
//! families' own chat templates (each file names which) from one conversation; those of `scripted/` were
//! written by hand, and are faults that a model may make.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use practicum_rollout::Speech;
use serde_json::{Value, json};

fn fixtures(kind: &str) -> Vec<(Speech, String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/calls")
        .join(kind);
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        // The first line says where it is from.
        let (head, body) = text.split_once('\n').unwrap();
        assert!(head.starts_with("# "), "{}", path.display());
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        let family = name.split('-').next().unwrap();
        all.push((
            Speech::parse(family).unwrap(),
            name.clone(),
            body.to_string(),
        ));
    }
    all.sort_by(|a, b| a.1.cmp(&b.1));
    all
}

#[test]
fn what_the_templates_render_is_read_back() {
    let all = fixtures("rendered");
    assert!(all.len() >= 4);
    for (speech, name, body) in all {
        let turn = speech.read(&body);
        let calls: Vec<(String, Value)> = turn
            .calls
            .iter()
            .map(|call| {
                let arguments = serde_json::from_str(&call.function.arguments);
                (call.function.name.clone(), arguments.unwrap())
            })
            .collect();
        let first = (
            "find_guest".to_string(),
            json!({"name": "Zoë \"Z\" <Q>", "vip": true}),
        );
        assert_eq!(calls[0], first, "{name}");
        // Llama 3's template takes one call a turn.
        if speech != Speech::Llama3 {
            let second = (
                "list_rooms".to_string(),
                json!({"floor": 3, "kinds": ["single", "double"]}),
            );
            assert_eq!(calls[1..], [second], "{name}");
        }
    }
}

/// What looks like a call and is none becomes a call that fails, so that the model is told; nothing panics.
#[test]
fn faults_become_calls_that_fail() {
    for (speech, name, body) in fixtures("scripted") {
        let turn = speech.read(&body);
        assert!(!turn.calls.is_empty(), "{name}: {turn:?}");
        for call in &turn.calls {
            let arguments = serde_json::from_str::<Value>(&call.function.arguments);
            assert!(
                call.function.name.is_empty() || arguments.is_err(),
                "{name}: {call:?}"
            );
        }
        for end in (0..body.len()).filter(|end| body.is_char_boundary(*end)) {
            for speech in Speech::ALL {
                speech.read(&body[..end]);
            }
        }
    }
}

#[test]
fn words_are_words() {
    for speech in Speech::ALL {
        let turn = speech.read("Your room is ready; it has {two} beds.");
        assert_eq!(turn.content, "Your room is ready; it has {two} beds.");
        assert!(turn.calls.is_empty(), "{speech:?}");
        let turn = speech.read("<think>\nHm.\n</think>\n\nYes.");
        assert_eq!(
            (turn.reasoning.as_deref(), turn.content.as_str()),
            (Some("Hm."), "Yes.")
        );
    }
    // Mistral's two forms, as its documentation describes them.
    for text in [
        "[TOOL_CALLS] [{\"name\": \"find_guest\", \"arguments\": {\"name\": \"Ada\"}, \"id\": \"abcdefghi\"}]</s>",
        "[TOOL_CALLS]find_guest[CALL_ID]abcdefghi[ARGS]{\"name\": \"Ada\"}</s>",
    ] {
        let turn = Speech::Mistral.read(text);
        assert_eq!(turn.calls.len(), 1);
        assert_eq!(turn.calls[0].function.name, "find_guest");
        let arguments: Value = serde_json::from_str(&turn.calls[0].function.arguments).unwrap();
        assert_eq!(arguments, json!({"name": "Ada"}));
    }
    let turn = Speech::React.read(
        "Thought: I look.\nAction: find_guest\nAction Input: {\"name\": \"Ada\"}\nObservation: made up",
    );
    assert_eq!(turn.content, "I look.");
    assert_eq!(turn.calls[0].function.name, "find_guest");
    assert_eq!(turn.calls[0].function.arguments, "{\"name\": \"Ada\"}");
    let turn = Speech::React.read("Thought: I know.\nAnswer: It is open.");
    assert_eq!(
        (turn.content.as_str(), turn.calls.len()),
        ("It is open.", 0)
    );
}
