//! A model words what the user says, and says no more and no less than the ledger.
#![allow(clippy::unwrap_used)]

mod oracle;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oracle::{oracle, world_with_tasks};
use practicum_client::{Client, ClientOptions, Sampling};
use practicum_rollout::{
    Fleet, FleetOptions, Ground, ModelAgent, ModelVoice, Speech, Trajectory, read_trajectories,
};
use practicum_stub::{Answering, Behaviour, Stub};
use practicum_task::{Slot, Task};
use serde_json::{Value, json};

fn voice() -> ModelVoice {
    ModelVoice {
        model: "voice".into(),
        sampling: Sampling::default(),
        tries: 3,
    }
}

fn client(endpoint: &str) -> Client {
    Client::new(ClientOptions::new(endpoint), Arc::new(|| Duration::ZERO)).unwrap()
}

fn slots() -> Vec<Slot> {
    let slot = |name: &str, value: &str| -> Slot {
        serde_json::from_value(json!({
            "name": name, "about": "readers.x", "value": value, "said": value, "kind": "text",
        }))
        .unwrap()
    };
    vec![slot("city", "Cusco"), slot("e-mail", "leila@example.com")]
}

/// What is said when the model words it so, and why it was refused before.
async fn said(heard: &str, template: &str, wordings: &[&str]) -> (String, Vec<String>) {
    let asked = AtomicUsize::new(0);
    let wordings: Vec<String> = wordings.iter().map(ToString::to_string).collect();
    let answering: Answering = Arc::new(move |_: &[u8]| {
        let at = asked
            .fetch_add(1, Ordering::Relaxed)
            .min(wordings.len() - 1);
        json!({"role": "assistant", "content": wordings[at]})
    });
    let stub = Stub::start(Behaviour::default(), answering).await.unwrap();
    let client = client(&stub.endpoint());
    let worded = voice()
        .word(&client, &slots(), heard, template, 1)
        .await
        .unwrap();
    assert_eq!(worded.template, template);
    let refused = worded.refused.into_iter().map(|own| own.why);
    (worded.text, refused.collect())
}

#[tokio::test]
async fn what_is_meant_is_said_and_nothing_else() {
    let template = "The city is Cusco.";
    let heard = "Which city?";
    let fine = ["It's Cusco.", "That would be cusco, thanks!"];
    for own in fine {
        assert_eq!(said(heard, template, &[own]).await.0, own);
    }
    for (wrong, why) in [
        ("It's in Peru.", "the city is withheld"),
        (
            "Cusco; my e-mail is leila@example.com.",
            "the e-mail is told unasked",
        ),
        ("It's Cusco, house 12.", "\"12\" is invented"),
        ("It's Cusco, near Lima.", "\"lima\" is invented"),
        ("It's not Cusco.", "turned around"),
        ("It's Cusco, right?", "a question"),
        ("", "nothing is said"),
    ] {
        // Refused three times, the template speaks.
        let (text, refused) = said(heard, template, &[wrong]).await;
        assert_eq!((text.as_str(), refused.len()), (template, 3), "{wrong}");
        assert!(refused[0].contains(why), "{wrong}: {refused:?}");
        // A better wording is taken.
        let (text, refused) = said(heard, template, &[wrong, fine[0]]).await;
        assert_eq!((text.as_str(), refused.len()), (fine[0], 1));
    }
    let long = format!("Cusco {}", "and so on ".repeat(40));
    assert_eq!(said(heard, template, &[&long]).await.0, template);
}

#[tokio::test]
async fn a_yes_stays_a_yes_and_what_is_unknown_stays_unknown() {
    let yes = "Yes, please go ahead.";
    assert_eq!(
        said("Shall I?", yes, &["Sure, do it."]).await.0,
        "Sure, do it."
    );
    for wrong in [
        "Please don't.",
        "I will wait for you.",
        "The assistant said: yes.",
    ] {
        assert_eq!(said("Shall I?", yes, &[wrong]).await.0, yes, "{wrong}");
    }
    let unknown = "I don't have the barcode.";
    let own = "Sorry, I haven't got a barcode.";
    assert_eq!(said("The barcode?", unknown, &[own]).await.0, own);
    for wrong in ["I have the barcode.", "I can't say."] {
        assert_eq!(
            said("The barcode?", unknown, &[wrong]).await.0,
            unknown,
            "{wrong}"
        );
    }
    let asks = "Is it done?";
    assert_eq!(
        said("I did it.", asks, &["So, is it all done?"]).await.0,
        "So, is it all done?"
    );
    assert_eq!(said("I did it.", asks, &["It is done."]).await.0, asks);
}

/// Answers as gold for the agent; for the voice, with what it was given and a word before it.
fn both(world: practicum_world::World, tasks: Vec<Task>) -> Answering {
    let gold = oracle(vec![(world, tasks)]);
    Arc::new(move |body: &[u8]| {
        let mut request: Value = serde_json::from_slice(body).unwrap();
        if request["model"] != "voice" {
            // Gold knows the ledger's words.
            for message in request["messages"].as_array_mut().unwrap() {
                if let Some(rest) = message["content"]
                    .as_str()
                    .and_then(|own| own.strip_prefix("Well: "))
                {
                    message["content"] = Value::from(rest);
                }
            }
            return gold(request.to_string().as_bytes());
        }
        let told = request["messages"][1]["content"].as_str().unwrap();
        let template = told.rsplit("Message: ").next().unwrap();
        // Every second request is refused.
        let content = if request["seed"].as_u64().unwrap().is_multiple_of(2) {
            "My number is 987654321.".to_string()
        } else {
            format!("Well: {template}")
        };
        json!({"role": "assistant", "content": content})
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn episodes_with_a_voice_end_as_those_without() {
    let (world, mut tasks) = world_with_tasks("corner-shop", 16);
    tasks.truncate(12);
    let stub = Stub::start(Behaviour::default(), both(world.clone(), tasks.clone()))
        .await
        .unwrap();
    let agent = ModelAgent {
        model: "gold".into(),
        speech: Speech::Native,
        sampling: Sampling::default(),
        seed: 3,
    };
    let grounds = vec![Ground::new(world, tasks.clone()).unwrap()];
    let own = client(&stub.endpoint());
    let clock = Arc::new(|| Duration::ZERO);
    let fleet = Fleet::new(own, agent, grounds, FleetOptions::default(), clock).unwrap();
    let fleet = fleet.with_voice(voice(), client(&stub.endpoint()));
    let out = tempfile::tempdir().unwrap();
    let progress = Arc::new(fleet).run(out.path(), |_| {}).await.unwrap();
    assert_eq!(progress.done, tasks.len());
    let mut all: Vec<Trajectory> = Vec::new();
    read_trajectories(&out.path().join("trajectories.jsonl"), |own| all.push(own)).unwrap();
    let words = all
        .iter()
        .flat_map(|own| own.user.iter().filter_map(|own| own.voice.as_ref()));
    let (mut voiced, mut refused) = (0, 0);
    for own in words {
        voiced += 1;
        refused += own.refused.len();
        assert!(own.text == own.template || own.text == format!("Well: {}", own.template));
        assert!(own.refused.iter().all(|own| own.text.contains("987654321")));
    }
    assert_eq!((progress.voiced[0], progress.voiced[2]), (voiced, refused));
    assert!(voiced > tasks.len() && refused > 0, "{voiced} {refused}");
    // What is said stands in the conversation.
    for own in &all {
        for record in &own.user {
            if let Some(worded) = &record.voice {
                let said = own
                    .messages
                    .iter()
                    .any(|message| message.content == worded.text);
                assert!(said, "{worded:?}");
            }
        }
    }
    assert_eq!(progress.passed, progress.done);
}
