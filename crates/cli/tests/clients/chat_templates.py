"""What `transformers` makes of conversations, by real models' templates and vocabularies.

    chat_templates.py make TEXTS FOLDER     a folder for each family: template and tokenizer, as a model's folder has them
    chat_templates.py check FOLDER          compares FOLDER/<family>/predicted.jsonl with what transformers gives

TEXTS is a site-packages folder that holds `trl` (templates), `dashscope` (Qwen's vocabulary), `llama_models` (Llama
3's); none of them is imported.
"""

import json
import sys
from pathlib import Path

from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter

QWEN = dict(
    vocabulary="dashscope/resources/qwen.tiktoken",
    special=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    plain=["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"],
    bos=None,
    eos="<|im_end|>",
)
LLAMA = dict(
    vocabulary="llama_models/llama3/tokenizer.model",
    special=[
        "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>",
        "<|python_tag|>",
    ],
    plain=[],
    bos="<|begin_of_text|>",
    eos="<|eot_id|>",
)
FAMILIES = {
    "qwen3": QWEN,
    "qwen3_training": QWEN,
    "qwen3_instruct_2507": QWEN,
    "qwen2_5": QWEN,
    "qwen2_5_training": QWEN,
    "llama3": LLAMA,
    "llama3_training": LLAMA,
    "llama3_1": LLAMA,
    "llama3_2": LLAMA,
}


def make(texts, folder):
    converted = {}
    for name, family in FAMILIES.items():
        vocabulary = texts / family["vocabulary"]
        if vocabulary not in converted:
            inner = TikTokenConverter(str(vocabulary), extra_special_tokens=family["special"]).converted()
            inner.add_tokens(family["plain"])
            converted[vocabulary] = inner
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=converted[vocabulary], bos_token=family["bos"], eos_token=family["eos"]
        )
        tokenizer.chat_template = (texts / "trl/chat_templates" / f"{name}.jinja").read_text()
        tokenizer.save_pretrained(folder / name)


def objects(messages):
    """Arguments as objects, which is what servers give templates."""
    messages = json.loads(json.dumps(messages))
    for message in messages:
        for call in message.get("tool_calls") or []:
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return messages


def check(folder):
    for name, family in FAMILIES.items():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / name)
        tagged = "generation %}" in tokenizer.chat_template
        rows = kept = 0
        for line in (folder / name / "predicted.jsonl").open():
            own = json.loads(line)
            messages, tools = objects(own["messages"]), own["tools"] or None
            asked = dict(tools=tools, date_string="26 Jul 2024")
            given = dict(tokenize=True, return_dict=True, **asked)
            whole = tokenizer.apply_chat_template(messages, tokenize=False, **asked)
            assert whole == own["text"], (name, whole, own["text"])
            for row in own["rows"]:
                # A row is the conversation up to its last message.
                said = messages[: row["messages"]]
                assert tokenizer.apply_chat_template(said, tokenize=False, **asked) == row["text"], name
                if tagged:
                    real = tokenizer.apply_chat_template(said, return_assistant_tokens_mask=True, **given)
                    mask = real["assistant_masks"]
                    if len(row["turns"]) < mask_blocks(mask):
                        # One turn of several: the last.
                        mask = last_block(mask)
                else:
                    real = tokenizer.apply_chat_template(said, **given)
                    mask = [0] * len(real["input_ids"])
                    for turn in row["turns"]:
                        before = tokenizer.apply_chat_template(
                            messages[:turn], add_generation_prompt=True, **given
                        )["input_ids"]
                        after = tokenizer.apply_chat_template(messages[: turn + 1], **given)["input_ids"]
                        # What a server sends before the turn begins what is trained.
                        assert after[: len(before)] == before, name
                        end = len(before) + after[len(before):].index(tokenizer.eos_token_id) + 1
                        assert real["input_ids"][:end] == after[:end], name
                        mask[len(before):end] = [1] * (end - len(before))
                assert real["input_ids"] == row["ids"], (name, row["text"])
                assert mask == row["mask"], (name, row["text"])
                proof = [id for id, own in zip(row["ids"], row["mask"]) if own]
                assert tokenizer.decode(proof, skip_special_tokens=False) == row["kept"], name
                rows, kept = rows + 1, kept + len(proof)
        assert rows and kept, name
        print(f"{name}: {rows} rows, {kept} tokens with loss")


def mask_blocks(mask):
    return sum(1 for before, own in zip([0] + mask, mask) if own > before)


def last_block(mask):
    end = len(mask) - mask[::-1].index(1)
    start = end
    while start and mask[start - 1]:
        start -= 1
    return [0] * start + mask[start:end] + [0] * (len(mask) - end)


if sys.argv[1] == "make":
    make(Path(sys.argv[2]), Path(sys.argv[3]))
else:
    check(Path(sys.argv[2]))
