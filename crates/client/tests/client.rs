//! The client against an endpoint that answers, breaks and stalls, and against a cassette.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use practicum_chat::{Message, Role, ToolCall};
use practicum_client::{
    Cassette, ChatRequest, Client, ClientError, ClientOptions, Clock, Exchange, Recorder, Sampling,
};
use practicum_stub::{Behaviour, Break, Stub};
use serde_json::{Value, json};

fn clock() -> Clock {
    Arc::new(|| Duration::ZERO)
}

fn quick(endpoint: &str) -> ClientOptions {
    ClientOptions {
        pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(4),
        patience: Duration::from_millis(300),
        tries: 30,
        ..ClientOptions::new(endpoint)
    }
}

async fn stub(behaviour: Behaviour, message: Value) -> Stub {
    Stub::start(behaviour, Arc::new(move |_: &[u8]| message.clone()))
        .await
        .unwrap()
}

fn hello() -> Vec<Message> {
    vec![Message::text(Role::User, "Hello, \u{1f44b} and \"quotes\"")]
}

async fn ask(client: &Client) -> Result<Exchange, ClientError> {
    let (messages, sampling) = (hello(), Sampling::default());
    client
        .chat(&ChatRequest {
            seed: Some(7),
            ..ChatRequest::new("stub", &messages, &sampling)
        })
        .await
}

#[tokio::test]
async fn a_completion_streamed_or_not() {
    let message = json!({
        "role": "assistant",
        "content": "One moment, I look.",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "get", "arguments": "{\"name\":\"Zoë\"}"}},
            {"id": "b", "type": "function", "function": {"name": "list", "arguments": "{}"}}
        ]
    });
    let stub = stub(Behaviour::default(), message).await;
    for stream in [false, true] {
        let options = ClientOptions {
            stream,
            ..quick(&stub.endpoint())
        };
        let client = Client::new(options, clock()).unwrap();
        let exchange = ask(&client).await.unwrap();
        assert_eq!(exchange.completion.content, "One moment, I look.");
        assert_eq!(
            exchange.completion.tool_calls,
            [
                ToolCall::new("a", "get", "{\"name\":\"Zoë\"}"),
                ToolCall::new("b", "list", "{}")
            ]
        );
        assert_eq!(exchange.completion.finish, "tool_calls");
        assert!(client.spent().usage.total() > 0);
        assert!(exchange.failures.is_empty());
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again() {
    let breaks = vec![
        Break::Drop,
        Break::DropHalfway,
        Break::TooMany,
        Break::Internal,
        Break::HalfJson,
        Break::NotUtf8,
        Break::Stall(Duration::from_secs(5)),
    ];
    let behaviour = Behaviour {
        breaks,
        share: 40,
        ..Behaviour::default()
    };
    let stub = stub(behaviour, json!({"role": "assistant", "content": "Fine."})).await;
    for stream in [false, true] {
        let options = ClientOptions {
            stream,
            ..quick(&stub.endpoint())
        };
        let client = Client::new(options, clock()).unwrap();
        let mut failures = std::collections::BTreeSet::new();
        for _ in 0..60 {
            let exchange = ask(&client).await.unwrap();
            assert_eq!(exchange.completion.content, "Fine.");
            failures.extend(exchange.failures);
        }
        for kind in [
            "malformed",
            "status 429",
            "status 500",
            "timeout",
            "transport",
        ] {
            assert!(failures.contains(kind), "{kind}: {failures:?}");
        }
    }
    assert!(stub.broken() > 20);
}

#[tokio::test]
async fn what_will_not_pass_is_told_at_once() {
    let bad = Client::new(quick("localhost:8000"), clock());
    assert!(matches!(bad, Err(ClientError::BadEndpoint(_))));
    let behaviour = Behaviour {
        breaks: vec![Break::Internal],
        share: 100,
        ..Behaviour::default()
    };
    let stub = stub(behaviour, Value::Null).await;
    let options = ClientOptions {
        tries: 3,
        ..quick(&stub.endpoint())
    };
    let client = Client::new(options, clock()).unwrap();
    let error = ask(&client).await.unwrap_err();
    assert!(matches!(error, ClientError::Status { status: 500, .. }));
    assert_eq!(stub.requests(), 3);
    assert_eq!(client.spent().failures, 3);
}

#[tokio::test]
async fn the_budget_stops_before_a_request() {
    let stub = stub(
        Behaviour::default(),
        json!({"role": "assistant", "content": "Fine."}),
    )
    .await;
    let options = ClientOptions {
        budget: Some(1),
        ..quick(&stub.endpoint())
    };
    let client = Client::new(options, clock()).unwrap();
    ask(&client).await.unwrap();
    assert!(client.is_spent());
    assert!(matches!(ask(&client).await, Err(ClientError::Budget(1))));
    assert_eq!(stub.requests(), 1);
}

/// What is written to it can be read by the test.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_cassette_answers_as_the_endpoint_did_also_where_it_broke() {
    let behaviour = Behaviour {
        breaks: vec![Break::NotUtf8, Break::Internal],
        share: 50,
        ..Behaviour::default()
    };
    for stream in [false, true] {
        let stub = stub(
            behaviour.clone(),
            json!({"role": "assistant", "content": "Fine, and you?"}),
        )
        .await;
        let tape = Shared::default();
        let recorder = Recorder::new(tape.clone(), json!({"model": "stub"})).unwrap();
        let options = ClientOptions {
            stream,
            ..quick(&stub.endpoint())
        };
        let client = Client::new(options.clone(), clock())
            .unwrap()
            .recording(recorder);
        let mut lived = Vec::new();
        for _ in 0..8 {
            let exchange = ask(&client).await.unwrap();
            lived.push((exchange.completion, exchange.failures));
        }
        assert!(lived.iter().any(|(_, failures)| !failures.is_empty()));

        // What is recorded while replaying is what was recorded.
        let bytes = tape.0.lock().unwrap().clone();
        let cassette = Cassette::read(&bytes[..]).unwrap();
        assert_eq!(cassette.about()["model"], "stub");
        let copy = Shared::default();
        let recorder = Recorder::new(copy.clone(), json!({"model": "stub"})).unwrap();
        let client = Client::replay(options, cassette, clock()).recording(recorder);
        for own in &lived {
            let exchange = ask(&client).await.unwrap();
            assert_eq!(&(exchange.completion, exchange.failures), own);
        }
        assert_eq!(*copy.0.lock().unwrap(), bytes);
        let over = ask(&client).await.unwrap_err();
        assert!(over.is_final() && over.to_string().contains("record it again"));
    }
    assert!(Cassette::read(&b"{\"cassette\":1,\"about\":null}\nnonsense\n"[..]).is_err());
    assert!(Cassette::read(&b""[..]).is_err());
}
