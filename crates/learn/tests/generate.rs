//! Writing: what is remembered changes nothing, a batch writes what each would alone, a guide allows what parses.
#![allow(clippy::unwrap_used)]

use practicum_learn::{
    Cache, Guide, Model, ModelConfig, Packed, Request, Tokenizer, WriteOptions, write,
};
use practicum_world::Draws;
use proptest::prelude::*;
use serde_json::{Value, json};

fn tokenizer() -> Tokenizer {
    Tokenizer::of_bytes(&["<|im_end|>"]).unwrap()
}

fn model(config: &ModelConfig) -> Model {
    Model::random(
        ModelConfig {
            vocab_size: tokenizer().len(),
            ..config.clone()
        },
        7,
    )
    .unwrap()
}

fn options(most: usize) -> WriteOptions {
    WriteOptions {
        most,
        end: 0,
        temperature: 1.0,
        top_p: 0.9,
    }
}

fn request(text: &str) -> Request {
    Request {
        cache: Cache::new(),
        tokens: tokenizer().encode(text).unwrap(),
        guide: None,
        draws: None,
    }
}

/// Reading in pieces, together with other texts, gives the logits of reading whole and alone.
#[test]
fn what_is_remembered_changes_nothing() {
    for config in [
        ModelConfig::tiny(1),
        ModelConfig {
            qkv_bias: true,
            qk_norm: true,
            tied: false,
            ..ModelConfig::tiny(1)
        },
    ] {
        let model = model(&config);
        let texts = [
            "a first text that is a little longer than the others",
            "another",
            "x",
        ];
        let encoded: Vec<Vec<u32>> = texts.map(|text| tokenizer().encode(text).unwrap()).to_vec();
        for pieces in [vec![1, 100], vec![20, 3, 100], vec![100]] {
            let mut caches: Vec<Cache> = encoded.iter().map(|_| Cache::new()).collect();
            let mut last: Vec<Vec<f32>> = vec![Vec::new(); texts.len()];
            let mut from = vec![0; texts.len()];
            for piece in pieces {
                let mut due: Vec<usize> = Vec::new();
                let mut news: Vec<&[u32]> = Vec::new();
                for (text, tokens) in encoded.iter().enumerate() {
                    let to = (from[text] + piece).min(tokens.len());
                    if from[text] < to {
                        due.push(text);
                        news.push(&tokens[from[text]..to]);
                        from[text] = to;
                    }
                }
                if due.is_empty() {
                    continue;
                }
                let mut own: Vec<&mut Cache> = caches
                    .iter_mut()
                    .enumerate()
                    .filter(|(text, _)| due.contains(text))
                    .map(|(_, cache)| cache)
                    .collect();
                let logits = model.extend(&mut own, &news).unwrap();
                for (row, text) in due.into_iter().enumerate() {
                    last[text] = logits.get(row).unwrap().to_vec1().unwrap();
                }
            }
            for (text, tokens) in encoded.iter().enumerate() {
                let mut whole = Packed::default();
                whole.push(tokens, &vec![false; tokens.len()]);
                let logits = model.logits(&whole).unwrap();
                let right: Vec<f32> = logits.get(tokens.len() - 1).unwrap().to_vec1().unwrap();
                for (a, b) in last[text].iter().zip(right) {
                    assert!((a - b).abs() < 1e-5, "{}: {a} and {b}", texts[text]);
                }
                assert_eq!(caches[text].len(), tokens.len());
            }
        }
    }
}

#[test]
fn a_batch_writes_what_each_would_alone() {
    let model = model(&ModelConfig::tiny(1));
    let texts = ["one", "a longer beginning, of another length", "three"];
    let together = write(
        &model,
        &tokenizer(),
        texts.map(request).into_iter().collect(),
        options(12),
    )
    .unwrap();
    for (text, written) in texts.iter().zip(&together) {
        let alone = write(&model, &tokenizer(), vec![request(text)], options(12)).unwrap();
        assert_eq!(alone[0].tokens, written.tokens, "{text}");
        assert!(written.tokens.len() <= 12);
    }
    // A prefix that was read before serves as well as the whole text; it can be cut back and used again.
    let mut prefix = Cache::new();
    let tokens = tokenizer().encode(texts[1]).unwrap();
    model.extend(&mut [&mut prefix], &[&tokens]).unwrap();
    prefix.truncate(9);
    for _ in 0..2 {
        let forked = Request {
            cache: prefix.clone(),
            tokens: tokens[9..].to_vec(),
            ..request("x")
        };
        let written = write(&model, &tokenizer(), vec![forked], options(12)).unwrap();
        assert_eq!(written[0].tokens, together[1].tokens);
    }
}

#[test]
fn sampling_is_seeded() {
    let model = model(&ModelConfig::tiny(1));
    let draw = |seed| {
        let sampled = Request {
            draws: Some(Draws::new(seed, &["sample"])),
            ..request("abc")
        };
        write(&model, &tokenizer(), vec![sampled], options(20)).unwrap()[0]
            .tokens
            .clone()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

fn tools() -> Vec<Value> {
    let tool = |name: &str, parameters: Value| json!({"type": "function", "function": {"name": name, "description": "", "parameters": parameters}});
    vec![
        tool(
            "get",
            json!({"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}),
        ),
        tool(
            "get_all",
            json!({
                "type": "object", "required": ["count", "sort"],
                "properties": {
                    "count": {"type": "integer"},
                    "sort": {"enum": ["up", "down", null]},
                    "price": {"type": "number"},
                    "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
                    "where": {"type": "object", "required": ["x"], "properties": {"x": {"type": ["boolean", "null"]}, "any": {}}},
                }
            }),
        ),
        tool(
            "none",
            json!({"type": "object", "properties": {}, "additionalProperties": false}),
        ),
    ]
}

fn accepts(text: &str) -> bool {
    let mut guide = Guide::turn(&tools(), &["done: ", "ask: "]);
    guide.take(text.as_bytes()) && guide.may_end()
}

#[test]
fn a_guide_takes_what_is_well_formed_and_nothing_else() {
    for good in [
        r#"get {"id":"x"}"#,
        r#"get {"id":"a \" b é \\ A"}"#,
        r#"get_all {"count":-12,"sort":"up"}"#,
        r#"get_all {"sort":null,"count":0,"price":1.5,"tags":[]}"#,
        r#"get_all {"tags":["a","b","a"],"where":{"x":null,"any":[1,{"k":"v"},true]},"count":7,"sort":"down"}"#,
        "none {}",
        "done: All is well.",
        "ask: Which one?",
    ] {
        assert!(accepts(good), "{good}");
        // Whatever is a beginning of it may not end.
        for end in 0..good.len() {
            if good.is_char_boundary(end) && !good.starts_with("done") && !good.starts_with("ask") {
                assert!(!accepts(&good[..end]), "{}", &good[..end]);
            }
        }
    }
    for bad in [
        "",
        "get",
        "get {}",
        r#"get {"id":1}"#,
        r#"get {"id":"x","id":"y"}"#,
        r#"get {"id":"x","other":1}"#,
        r#"get {"id":"x",}"#,
        r#"get {"id":"x"}}"#,
        r#"get  {"id":"x"}"#,
        r#"got {"id":"x"}"#,
        r#"get_all {"count":1.5,"sort":"up"}"#,
        r#"get_all {"count":01,"sort":"up"}"#,
        r#"get_all {"count":1,"sort":"sideways"}"#,
        r#"get_all {"count":1,"sort":"up","where":{}}"#,
        r#"get_all {"count":1,"sort":"up","tags":["c"]}"#,
        r#"none {"a":1}"#,
        "done: ",
        "done:x",
        "ask: two\nlines",
        "hello",
    ] {
        assert!(!accepts(bad), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever a random model writes under a guide, when it ends, is a call that parses and has what is required.
    #[test]
    fn what_is_written_under_a_guide_parses(seed in 0u64..1000) {
        let (model, tokenizer) = (model(&ModelConfig::tiny(1)), tokenizer());
        let guided = Request {
            guide: Some(Guide::turn(&tools(), &["done: "])),
            draws: Some(Draws::new(seed, &["guided"])),
            ..request("go")
        };
        let hot = WriteOptions { temperature: 3.0, top_p: 1.0, ..options(120) };
        let written = write(&model, &tokenizer, vec![guided], hot).unwrap();
        let text: Vec<u8> = written[0].tokens.iter().flat_map(|token| tokenizer.bytes_of(*token).unwrap().to_vec()).collect();
        let text = String::from_utf8_lossy(&text);
        if written[0].ended {
            match text.split_once(" {") {
                Some((name, rest)) if !text.starts_with("done: ") => {
                    let arguments: Value = serde_json::from_str(&format!("{{{rest}")).unwrap();
                    let tool = tools().into_iter().find(|tool| tool["function"]["name"] == name).unwrap();
                    for required in tool["function"]["parameters"]["required"].as_array().into_iter().flatten() {
                        prop_assert!(arguments.get(required.as_str().unwrap()).is_some());
                    }
                }
                _ => prop_assert!(text.starts_with("done: "), "{}", text),
            }
        }
    }
}
