//! The shape of a decoder of the Llama family.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The shape of a decoder, with the switches that tell Llama, Qwen2 and Qwen3 (dense) apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward part.
    pub intermediate_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; they divide the query heads.
    pub kv_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// Base of the rotary embedding.
    pub rope_theta: f64,
    /// What is added to the mean square before the root.
    pub norm_eps: f64,
    /// Longest sequence that the model was made for.
    pub max_positions: usize,
    /// The head is the embedding.
    pub tied: bool,
    /// Biases on queries, keys and values (Qwen2).
    pub qkv_bias: bool,
    /// Queries and keys are normalised head by head (Qwen3).
    pub qk_norm: bool,
    /// The token that ends a turn.
    pub eos: u32,
    /// The token that begins a text, where the model has one.
    pub bos: Option<u32>,
}

impl ModelConfig {
    /// A random model's shape for tests: two layers, four query heads on two key heads.
    pub fn tiny(vocab_size: usize) -> Self {
        Self {
            vocab_size,
            hidden_size: 32,
            intermediate_size: 64,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            head_dim: 8,
            rope_theta: 10_000.0,
            norm_eps: 1e-5,
            max_positions: 512,
            tied: true,
            qkv_bias: false,
            qk_norm: false,
            eos: 0,
            bos: None,
        }
    }

    /// Reads Hugging Face's `config.json`; the error says which key is wrong or not supported.
    pub fn from_hugging_face(value: &Value) -> std::result::Result<Self, String> {
        let kind = value["model_type"].as_str().unwrap_or("");
        if !["llama", "qwen2", "qwen3"].contains(&kind) {
            return Err(format!(
                "model_type is {kind:?}; llama, qwen2 and qwen3 can be used"
            ));
        }
        let number = |key: &str| {
            value[key]
                .as_u64()
                .map(|number| number as usize)
                .ok_or_else(|| format!("{key} is missing or no number"))
        };
        let act = value["hidden_act"].as_str().unwrap_or("silu");
        if act != "silu" {
            return Err(format!("hidden_act is {act:?}; only silu is known"));
        }
        let scaling = [&value["rope_scaling"], &value["rope_parameters"]];
        for rope in scaling {
            let kind = rope["rope_type"].as_str().or_else(|| rope["type"].as_str());
            if kind.is_some_and(|kind| kind != "default") {
                return Err("scaled rotary embeddings are not supported".into());
            }
        }
        if value["use_sliding_window"] == json!(true) {
            return Err("sliding windows are not supported".into());
        }
        if value["attention_bias"] == json!(true) || value["mlp_bias"] == json!(true) {
            return Err("biases on output or feed-forward projections are not supported".into());
        }
        let token = |key: &str| {
            let id = &value[key];
            id.as_u64()
                .or_else(|| id[0].as_u64())
                .map(|number| number as u32)
        };
        let heads = number("num_attention_heads")?;
        let hidden_size = number("hidden_size")?;
        let config = Self {
            vocab_size: number("vocab_size")?,
            hidden_size,
            intermediate_size: number("intermediate_size")?,
            layers: number("num_hidden_layers")?,
            heads,
            kv_heads: value["num_key_value_heads"]
                .as_u64()
                .map_or(heads, |number| number as usize),
            head_dim: value["head_dim"].as_u64().map_or_else(
                || hidden_size.checked_div(heads).unwrap_or(0),
                |number| number as usize,
            ),
            rope_theta: value["rope_theta"]
                .as_f64()
                .or_else(|| value["rope_parameters"]["rope_theta"].as_f64())
                .unwrap_or(10_000.0),
            norm_eps: value["rms_norm_eps"].as_f64().unwrap_or(1e-6),
            max_positions: number("max_position_embeddings")?,
            tied: value["tie_word_embeddings"].as_bool().unwrap_or(false),
            qkv_bias: kind == "qwen2",
            qk_norm: kind == "qwen3",
            eos: token("eos_token_id").unwrap_or(0),
            bos: token("bos_token_id"),
        };
        config.check()?;
        Ok(config)
    }

    /// Whether the numbers fit together; the message says which do not.
    pub fn check(&self) -> std::result::Result<(), String> {
        let positive = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("layers", self.layers),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("head_dim", self.head_dim),
            ("max_positions", self.max_positions),
        ];
        for (name, number) in positive {
            if number == 0 || number > 1 << 24 {
                return Err(format!("{name} is {number}"));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(format!(
                "{} query heads cannot share {} key heads",
                self.heads, self.kv_heads
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(format!("the width of a head is odd: {}", self.head_dim));
        }
        Ok(())
    }

    /// The name of the family as Hugging Face writes it.
    pub fn model_type(&self) -> &'static str {
        match (self.qkv_bias, self.qk_norm) {
            (true, _) => "qwen2",
            (_, true) => "qwen3",
            _ => "llama",
        }
    }

    /// Hugging Face's `config.json`.
    pub fn to_hugging_face(&self) -> Value {
        let class = match self.model_type() {
            "qwen2" => "Qwen2ForCausalLM",
            "qwen3" => "Qwen3ForCausalLM",
            _ => "LlamaForCausalLM",
        };
        json!({
            "architectures": [class],
            "model_type": self.model_type(),
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "rope_theta": self.rope_theta,
            "rms_norm_eps": self.norm_eps,
            "max_position_embeddings": self.max_positions,
            "tie_word_embeddings": self.tied,
            "hidden_act": "silu",
            "attention_bias": false,
            "mlp_bias": false,
            "attention_dropout": 0.0,
            "eos_token_id": self.eos,
            "bos_token_id": self.bos,
            "torch_dtype": "float32",
        })
    }

    /// Width of all query heads together.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key heads, or value heads, together.
    pub fn key_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }
}
