//! A language model as it lies on disk: weights, tokenizer and chat template together.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::Device;
use serde_json::{Value, json};

use crate::config::ModelConfig;
use crate::error::{LearnError, Result};
use crate::gguf::{Gguf, Meta};
use crate::model::{Model, Wanted, transpose, wanted};
use crate::tensors::{Named, read, read_json, write, write_text};
use crate::tokenizer::Tokenizer;

/// A model with its tokenizer and its chat template.
#[derive(Debug)]
pub struct LanguageModel {
    /// The weights.
    pub model: Model,
    /// From text to tokens.
    pub tokenizer: Tokenizer,
    /// The template of its conversations, in Jinja, where it has one.
    pub chat_template: Option<String>,
}

impl LanguageModel {
    /// Loads a Hugging Face folder or a GGUF file.
    ///
    /// # Errors
    /// When a file is missing or not what it should be; the message names it.
    pub fn load(path: &Path) -> Result<Self> {
        Self::load_on(path, &Device::Cpu)
    }

    /// The same, with the weights on a device.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_on(path: &Path, device: &Device) -> Result<Self> {
        if path.is_dir() {
            Self::load_folder(path, device)
        } else {
            Self::load_gguf(path, device)
        }
    }

    fn load_folder(folder: &Path, device: &Device) -> Result<Self> {
        let config_path = folder.join("config.json");
        let config = ModelConfig::from_hugging_face(&read_json(&config_path)?)
            .map_err(|what| LearnError::format(&config_path, what))?;
        let mut tensors = Named::new();
        let index_path = folder.join("model.safetensors.index.json");
        if index_path.exists() {
            let index = read_json(&index_path)?;
            let mut files: Vec<&str> = index["weight_map"]
                .as_object()
                .map(|map| map.values().filter_map(Value::as_str).collect())
                .unwrap_or_default();
            files.sort_unstable();
            files.dedup();
            for file in files {
                if Path::new(file).components().count() != 1 {
                    return Err(LearnError::format(
                        &index_path,
                        format!("{file:?} is no file of this folder"),
                    ));
                }
                read(&folder.join(file), &mut tensors)?;
            }
        } else {
            read(&folder.join("model.safetensors"), &mut tensors)?;
        }
        let model = Model::new(config, device, |wanted| {
            take(&mut tensors, wanted, &wanted.name, folder)
        })?;
        let tokenizer = Tokenizer::read(&folder.join("tokenizer.json"))?;
        let jinja = folder.join("chat_template.jinja");
        let chat_template = if jinja.exists() {
            Some(fs::read_to_string(&jinja).map_err(LearnError::file(&jinja))?)
        } else {
            let path = folder.join("tokenizer_config.json");
            let config = if path.exists() {
                read_json(&path)?
            } else {
                Value::Null
            };
            config["chat_template"].as_str().map(str::to_string)
        };
        Ok(Self {
            model,
            tokenizer,
            chat_template,
        })
    }

    fn load_gguf(path: &Path, device: &Device) -> Result<Self> {
        let mut gguf = Gguf::open(path)?;
        let tokenizer = Tokenizer::from_gguf(&gguf, path)?;
        let config = config_of(&gguf, path)?;
        let chat_template = gguf
            .meta
            .get("tokenizer.chat_template")
            .and_then(Meta::text)
            .map(str::to_string);
        // llama.cpp keeps the rows of Llama's queries and keys in another order, for its own rotation.
        let interleaved = config.model_type() == "llama";
        let (heads, kv_heads) = (config.heads, config.kv_heads);
        let model = Model::new(config, device, |wanted| {
            let name = gguf_name(&wanted.name);
            let (numbers, shape) = gguf.tensor(&name)?;
            let mut one = Named::from([(name.clone(), (numbers, shape))]);
            let numbers = take(&mut one, wanted, &name, path)?;
            let heads = if wanted.name.ends_with("q_proj.weight") {
                heads
            } else if wanted.name.ends_with("k_proj.weight") {
                kv_heads
            } else {
                return Ok(numbers);
            };
            Ok(if interleaved {
                uninterleave(&numbers, heads, wanted.shape[0], wanted.shape[1])
            } else {
                numbers
            })
        })?;
        Ok(Self {
            model,
            tokenizer,
            chat_template,
        })
    }

    /// Writes a folder that `transformers` and [`Self::load`] read.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).map_err(LearnError::file(folder))?;
        let config = self.model.config();
        save_weights(&self.model, &folder.join("model.safetensors"))?;
        self.tokenizer.save(&folder.join("tokenizer.json"))?;
        let name = |id: u32| self.tokenizer.name(id);
        let mut tokenizer_config = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": config.max_positions,
            "clean_up_tokenization_spaces": false,
            "eos_token": name(config.eos),
            "bos_token": config.bos.and_then(name),
        });
        if let Some(template) = &self.chat_template {
            tokenizer_config["chat_template"] = json!(template);
            write_text(&folder.join("chat_template.jinja"), template)?;
        }
        let pretty = |value: &Value| format!("{value:#}\n");
        write_text(
            &folder.join("tokenizer_config.json"),
            &pretty(&tokenizer_config),
        )?;
        let ends = json!({"eos_token_id": config.eos, "bos_token_id": config.bos});
        write_text(&folder.join("generation_config.json"), &pretty(&ends))?;
        // Last, so that a folder with a configuration is whole.
        write_text(
            &folder.join("config.json"),
            &pretty(&config.to_hugging_face()),
        )
    }
}

/// The weights alone, under Hugging Face's names.
pub(crate) fn save_weights(model: &Model, path: &Path) -> Result<()> {
    let names: Vec<(String, Vec<usize>)> = wanted(model.config())
        .into_iter()
        .map(|wanted| (wanted.name, wanted.shape))
        .collect();
    write(path, &names, |at| {
        let parameter = &model.parameters()[at];
        let numbers = parameter
            .var
            .as_detached_tensor()
            .flatten_all()?
            .to_vec1::<f32>()?;
        let shape = &names[at].1;
        Ok(if parameter.transposed {
            transpose(&numbers, shape[1], shape[0])
        } else {
            numbers
        })
    })
}

/// Takes a weight out, and checks its shape.
fn take(tensors: &mut Named, wanted: &Wanted, name: &str, path: &Path) -> Result<Vec<f32>> {
    let Some((numbers, shape)) = tensors.remove(name) else {
        return Err(LearnError::format(
            path,
            format!("there is no tensor {name}"),
        ));
    };
    if shape != wanted.shape {
        return Err(LearnError::format(
            path,
            format!("{name} is {shape:?}, and {:?} is needed", wanted.shape),
        ));
    }
    Ok(numbers)
}

/// Rows (head, pair, half) as (head, half, pair).
fn uninterleave(from: &[f32], heads: usize, rows: usize, columns: usize) -> Vec<f32> {
    let width = rows / heads;
    let mut to = vec![0.0; from.len()];
    for row in 0..rows {
        let (head, within) = (row / width, row % width);
        let source = head * width + within % (width / 2) * 2 + within / (width / 2);
        to[row * columns..(row + 1) * columns]
            .copy_from_slice(&from[source * columns..(source + 1) * columns]);
    }
    to
}

/// The name that llama.cpp gives a weight.
fn gguf_name(name: &str) -> String {
    let parts: BTreeMap<&str, &str> = BTreeMap::from([
        ("input_layernorm.weight", "attn_norm.weight"),
        ("self_attn.q_proj.weight", "attn_q.weight"),
        ("self_attn.k_proj.weight", "attn_k.weight"),
        ("self_attn.v_proj.weight", "attn_v.weight"),
        ("self_attn.q_proj.bias", "attn_q.bias"),
        ("self_attn.k_proj.bias", "attn_k.bias"),
        ("self_attn.v_proj.bias", "attn_v.bias"),
        ("self_attn.q_norm.weight", "attn_q_norm.weight"),
        ("self_attn.k_norm.weight", "attn_k_norm.weight"),
        ("self_attn.o_proj.weight", "attn_output.weight"),
        ("post_attention_layernorm.weight", "ffn_norm.weight"),
        ("mlp.gate_proj.weight", "ffn_gate.weight"),
        ("mlp.up_proj.weight", "ffn_up.weight"),
        ("mlp.down_proj.weight", "ffn_down.weight"),
    ]);
    match name {
        "model.embed_tokens.weight" => "token_embd.weight".into(),
        "model.norm.weight" => "output_norm.weight".into(),
        "lm_head.weight" => "output.weight".into(),
        _ => {
            let rest = name.strip_prefix("model.layers.").unwrap_or(name);
            let (layer, part) = rest.split_once('.').unwrap_or((rest, ""));
            format!("blk.{layer}.{}", parts.get(part).copied().unwrap_or(part))
        }
    }
}

fn config_of(gguf: &Gguf, path: &Path) -> Result<ModelConfig> {
    let wrong = |what: String| LearnError::format(path, what);
    let family = gguf
        .meta
        .get("general.architecture")
        .and_then(Meta::text)
        .unwrap_or("");
    if !["llama", "qwen2", "qwen3"].contains(&family) {
        return Err(wrong(format!(
            "the architecture is {family:?}; llama, qwen2 and qwen3 can be used"
        )));
    }
    let get = |key: &str| gguf.meta.get(&format!("{family}.{key}"));
    let number = |key: &str| {
        get(key)
            .and_then(Meta::integer)
            .and_then(|number| usize::try_from(number).ok())
            .ok_or_else(|| wrong(format!("there is no {family}.{key}")))
    };
    let float = |key: &str, default: f64| match get(key) {
        Some(Meta::Float(number)) => *number,
        _ => default,
    };
    let has = |name: &str| gguf.names().any(|own| own == name);
    if has("rope_freqs.weight")
        || get("rope.scaling.type")
            .and_then(Meta::text)
            .is_some_and(|kind| kind != "none")
    {
        return Err(wrong("scaled rotary embeddings are not supported".into()));
    }
    let token = |key: &str| {
        gguf.meta
            .get(&format!("tokenizer.ggml.{key}_token_id"))
            .and_then(Meta::integer)
            .and_then(|id| u32::try_from(id).ok())
    };
    let heads = number("attention.head_count")?;
    let hidden_size = number("embedding_length")?;
    let vocab_size = gguf
        .meta
        .get("tokenizer.ggml.tokens")
        .and_then(Meta::list)
        .map_or(0, <[Meta]>::len);
    let config = ModelConfig {
        vocab_size,
        hidden_size,
        intermediate_size: number("feed_forward_length")?,
        layers: number("block_count")?,
        heads,
        kv_heads: number("attention.head_count_kv").unwrap_or(heads),
        head_dim: number("attention.key_length")
            .unwrap_or_else(|_| hidden_size.checked_div(heads).unwrap_or(0)),
        rope_theta: float("rope.freq_base", 10_000.0),
        // Files hold it as a 32-bit number; its nearest short decimal is what was meant.
        norm_eps: {
            let eps = float("attention.layer_norm_rms_epsilon", 1e-6);
            format!("{:e}", eps as f32).parse().unwrap_or(eps)
        },
        max_positions: number("context_length")?,
        tied: !has("output.weight"),
        qkv_bias: has("blk.0.attn_q.bias"),
        qk_norm: has("blk.0.attn_q_norm.weight"),
        eos: token("eos").unwrap_or(0),
        bos: token("bos"),
    };
    config.check().map_err(wrong)?;
    if config.model_type() != family {
        return Err(wrong(format!(
            "the architecture is {family}, and the tensors are those of {}",
            config.model_type()
        )));
    }
    Ok(config)
}
