"""What transformers makes of a saved folder: its configuration, its tokens, the names and shapes of its weights.

    pip install transformers safetensors numpy
    python saved_folder.py out/learn-small/learn/general/model out/learn-small/learn/held-out.jsonl

Torch is not needed. Ends with 1 when something differs.
"""

import json
import sys

from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer


def shapes_of(config):
    """The weights that transformers' Llama has, by name."""
    hidden, inner = config.hidden_size, config.intermediate_size
    narrow = hidden // config.num_attention_heads * config.num_key_value_heads
    shapes = {"model.embed_tokens.weight": (config.vocab_size, hidden), "model.norm.weight": (hidden,)}
    if not config.tie_word_embeddings:
        shapes["lm_head.weight"] = (config.vocab_size, hidden)
    for layer in range(config.num_hidden_layers):
        parts = {
            "self_attn.q_proj": (hidden, hidden),
            "self_attn.k_proj": (narrow, hidden),
            "self_attn.v_proj": (narrow, hidden),
            "self_attn.o_proj": (hidden, hidden),
            "mlp.gate_proj": (inner, hidden),
            "mlp.up_proj": (inner, hidden),
            "mlp.down_proj": (hidden, inner),
            "input_layernorm": (hidden,),
            "post_attention_layernorm": (hidden,),
        }
        for name, shape in parts.items():
            shapes[f"model.layers.{layer}.{name}.weight"] = shape
    return shapes


def main(folder, conversations):
    config = AutoConfig.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = [json.loads(line) for line in open(conversations, encoding="utf-8")]
    differ = 0
    for row in rows:
        tokens = tokenizer(row["text"], add_special_tokens=False)["input_ids"]
        differ += len(tokens) != row["tokens"] or tokenizer.decode(tokens) != row["text"]
    print(f"{len(rows)} conversations, {differ} with other tokens")
    turn = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    print(f"chat template: {turn!r}")
    weights = safe_open(f"{folder}/model.safetensors", "np")
    found = {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}
    wrong = sorted(set(shapes_of(config).items()) ^ set(found.items()))
    print(f"{type(config).__name__}: {len(found)} weights, {len(wrong)} wrong {wrong[:4]}")
    return 1 if differ or wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
