"""Loads every export with `datasets`, and compares text and loss with `transformers`.

    exports.py FOLDER JINJA    FOLDER is what `trajectory export` wrote, JINJA the template that it was given
"""

import glob
import json
import sys
import types
from pathlib import Path

import datasets
import numpy
import pandas
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

folder, jinja = Path(sys.argv[1]), Path(sys.argv[2]).read_text()


def rows(name):
    """All rows of a form, of its files by length."""
    loaded = []
    for path in sorted(glob.glob(f"{folder}/{name}-[0-9]*") + glob.glob(f"{folder}/{name}-longer.*")):
        kind = "parquet" if path.endswith("parquet") else "json"
        # `datasets` loads no file without rows.
        if (len(pandas.read_parquet(path)) if kind == "parquet" else Path(path).stat().st_size) > 0:
            own = datasets.load_dataset(kind, data_files=path, split="train", cache_dir=f"{folder}/cache")
            loaded += list(own)
    assert loaded, name
    return loaded


def called(message):
    return message.get("tool_calls") or []


trl = [json.loads(line) for path in sorted(folder.glob("trl-[0-9l]*.jsonl")) for line in open(path)]
by_id = {row["id"]: row for row in trl}
turns = sum(message["train"] for row in trl for message in row["messages"])
assert turns and len(by_id) == len(trl)

# Arrow pads rows of nested types with nulls: arguments and schemas must have stayed text.
for name in ["axolotl", "verl-sft"]:
    for row in rows(name):
        messages = row["messages"]
        messages = json.loads(messages) if isinstance(messages, str) else messages
        assert json.loads(row["tools"])[-1]["function"]["name"] == "finish", name
        for message, own in zip(messages, by_id[row["id"]]["messages"], strict=True):
            assert message["train"] == own["train"], name
            for call, other in zip(called(message), called(own), strict=True):
                assert call["function"] == other["function"], name
assert len(rows("trl-turns")) == turns
assert sum(message.get("loss") is True for row in rows("ms-swift") for message in row["messages"]) >= turns
sharegpt = rows("llama-factory")
assert len(sharegpt) == turns
for row in sharegpt:
    model = [turn["from"] in ("gpt", "function_call") for turn in row["conversations"]]
    assert model == [at % 2 == 1 for at in range(len(model))]
info = json.loads((folder / "dataset_info.json").read_text())
for entry in info.values():
    assert (folder / entry["file_name"]).exists() and set(entry["columns"].values()) <= set(sharegpt[0])
for row in rows("verl-rl"):
    assert [message["role"] for message in row["prompt"]] == ["system", "user"]

# verl's own class needs torch; what ours adds to it is shown on a stand-in with the same front.
base = types.ModuleType("multiturn_sft_dataset")


class MultiTurnSFTDataset:
    def __init__(self, files):
        self.messages_key, self.files = "messages", files
        self._read_files_and_process()

    def _read_files_and_process(self):
        self.dataframe = pandas.concat([pandas.read_parquet(file) for file in self.files])
        self.messages = self.dataframe["messages"].tolist()
        self.tools = self.dataframe["tools"].tolist()

    def _process_single_message(self, index, message, tools=None, enable_thinking=None):
        assert "train" not in message
        lost = numpy.full(3, message["role"] == "assistant")
        return numpy.zeros(3), lost, numpy.ones(3), {}


base.MultiTurnSFTDataset = MultiTurnSFTDataset
for name in ["verl", "verl.utils", "verl.utils.dataset"]:
    sys.modules[name] = types.ModuleType(name)
sys.modules["verl.utils.dataset.multiturn_sft_dataset"] = base
sys.path.insert(0, str(folder))
import verl_dataset  # noqa: E402

files = [path for path in sorted(folder.glob("verl-sft*.parquet")) if pandas.read_parquet(path).shape[0]]
dataset = verl_dataset.Conversations(files)
lost = 0
for at, messages in enumerate(dataset.messages):
    assert isinstance(dataset.tools[at], list) and dataset.dataframe.iloc[at].to_dict()["messages"] == messages
    for index, message in enumerate(messages):
        assert all(isinstance(call["function"]["arguments"], dict) for call in called(message))
        lost += any(dataset._process_single_message(index, message, tools=None)[1])
assert lost == turns, (lost, turns)

# Text and loss of `segments` are those of the template, token by token.
alphabet = pre_tokenizers.ByteLevel.alphabet()
inner = Tokenizer(models.BPE({own: at for at, own in enumerate(sorted(alphabet))}, []))
inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
inner.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>")
tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
tokenizer.chat_template = jinja
tokens = 0
for row in rows("segments"):
    own = by_id[row["id"]]
    messages, tools = json.loads(json.dumps(own["messages"])), json.loads(own["tools"])
    for message in messages:
        for call in called(message):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    text = tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)
    assert "".join(piece["text"] for piece in row["segments"]) == text
    given = dict(tools=tools, tokenize=True, return_dict=True)
    ids = tokenizer.apply_chat_template(messages, **given)["input_ids"]
    mask = [0] * len(ids)
    for turn, message in enumerate(messages):
        if message["train"]:
            before = len(tokenizer.apply_chat_template(messages[:turn], add_generation_prompt=True, **given)["input_ids"])
            end = ids.index(tokenizer.eos_token_id, before) + 1
            mask[before:end] = [1] * (end - before)
    pieces = [(tokenizer.encode(piece["text"], add_special_tokens=False), piece["label"]) for piece in row["segments"]]
    assert [id for own, _ in pieces for id in own] == ids
    assert [int(label) for own, label in pieces for _ in own] == mask
    tokens += sum(mask)
assert tokens
print(f"datasets {datasets.__version__}: {len(trl)} conversations, {turns} turns, {tokens} bytes with loss")
