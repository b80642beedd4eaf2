"""Reference values for SmolLM2-135M-Instruct, by an independent forward pass in numpy (64-bit) and an independent
byte-pair encoder. Run once; the numbers are in smollm2.json. Needs numpy, gguf (the format's own Python reader, which
also dequantises) and regex:  python reference.py SmolLM2-135M-Instruct.Q4_1.gguf > smollm2.json
"""
import json
import sys

import gguf
import numpy as np
import regex

reader = gguf.GGUFReader(sys.argv[1])
tensors = {t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64) for t in reader.tensors}
field = lambda key: reader.fields[key].contents()
tokens, merges = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.merges")
ids = {token: at for at, token in enumerate(tokens)}
ranks = {tuple(merge.split(" ")): at for at, merge in enumerate(merges)}

visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
char_of, extra = {}, 0
for byte in range(256):
    if byte in visible:
        char_of[byte] = chr(byte)
    else:
        char_of[byte] = chr(256 + extra)
        extra += 1
WORD = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


def encode(text):
    out = []
    for piece in regex.split(r"(\p{N})", text):
        for word in WORD.findall(piece):
            parts = [char_of[byte] for byte in word.encode()]
            while len(parts) > 1:
                rank, at = min((ranks.get(pair, 1 << 30), at) for at, pair in enumerate(zip(parts, parts[1:])))
                if rank == 1 << 30:
                    break
                parts[at : at + 2] = [parts[at] + parts[at + 1]]
            out += [ids[part] for part in parts]
    return out


layers, heads, kv_heads, width = 30, 9, 3, 64
eps, theta = 1e-5, 100000.0


def norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def rotate(x):
    # llama.cpp's order: neighbours are turned against each other.
    angle = np.arange(len(x))[:, None] * theta ** (-2.0 * np.arange(width // 2) / width)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    even, odd = x[..., 0::2], x[..., 1::2]
    out = np.empty_like(x)
    out[..., 0::2], out[..., 1::2] = even * cos - odd * sin, odd * cos + even * sin
    return out


def logits(prompt):
    x = tensors["token_embd.weight"][prompt]
    length = len(prompt)
    mask = np.triu(np.full((length, length), -np.inf), 1)
    for layer in range(layers):
        w = lambda name: tensors[f"blk.{layer}.{name}.weight"]
        h = norm(x, w("attn_norm"))
        q = rotate((h @ w("attn_q").T).reshape(length, heads, width))
        k = rotate((h @ w("attn_k").T).reshape(length, kv_heads, width))
        v = (h @ w("attn_v").T).reshape(length, kv_heads, width)
        out = np.empty_like(q)
        for head in range(heads):
            own = head // (heads // kv_heads)
            s = q[:, head] @ k[:, own].T / np.sqrt(width) + mask
            p = np.exp(s - s.max(-1, keepdims=True))
            out[:, head] = p / p.sum(-1, keepdims=True) @ v[:, own]
        x = x + out.reshape(length, -1) @ w("attn_output").T
        h = norm(x, w("ffn_norm"))
        gate = h @ w("ffn_gate").T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ w("ffn_up").T)) @ w("ffn_down").T
    return norm(x[-1], tensors["output_norm.weight"]) @ tensors["token_embd.weight"].T


PROMPTS = [
    "The capital of France is", "def fibonacci(n):\n    ", "2 + 2 =", "Once upon a time, in a village by the sea,",
    '{"order_id": "W42", "status":', "Please cancel my order", "SELECT name FROM customers WHERE", "Ada Lovelace was",
    "Q: How many legs has a spider?\nA:", "Dear Sir or Madam,\n\nI am writing", "a b c d e f g", "1, 2, 3, 4, 5,",
    "The quick brown fox jumps over the lazy", "Die Hauptstadt von Deutschland ist", "https://www.example.com/",
    "To be, or not to be, that is", "Today is Monday, 2 March 2026. Tomorrow is",
    "list_orders(customer_id, status?) - List the orders of a customer.\nget_order(order_id) -", "!", "\n\n",
]
TEXTS = [
    "", " ", "a", " a", "  a", "a ", "\n", "\r\n", "\r\n1", "1\r\n2", "123", " 123", "12 34", "3.14", "1,234.50", "x1y2z3",
    "W0000042", "V12", "pat_581835", "don't", "DON'T", "it's we're I'll you'd they've I'm", "café", "naïve Ünïcödé", "日本語テキスト",
    "Привет, мир!", "😀👩‍👩‍👧‍👦🇩🇪", "٣٤٥", "½ and ²", "\t\tindented\n\n\n  text", "a\u00a0b", "zero\u200bwidth",
    "<|im_end|>", "<|im_start|>user\nhi<|im_end|>", '{"key": ["v", 1, null, true]}', "https://example.com/a?b=c&d=%20#e",
    "2026-03-02T09:00:00Z", "lessie.marvin@example.net", "(536) 211-4406 x2302", "foo_bar-baz.qux::Quux<T>",
    "     trailing     ", "e\u0301", "ﬁne ﬂow", "\u0000\u0001", "-----=====*****", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
]
SPREAD = list(range(17, 49152, 1021))
result = {"texts": [], "prompts": [], "spread": SPREAD}
for text in TEXTS:
    result["texts"].append({"text": text, "tokens": encode(text)})
for prompt in PROMPTS:
    out = logits(encode(prompt))
    best = np.argsort(-out)[:5]
    result["prompts"].append({
        "text": prompt,
        "best": [[int(at), round(float(out[at]), 5)] for at in best],
        "spread": [round(float(out[at]), 5) for at in SPREAD],
    })
    print(prompt[:30].encode(), tokens[best[0]].encode(), file=sys.stderr)
print(json.dumps(result, ensure_ascii=True, separators=(",", ":")))
