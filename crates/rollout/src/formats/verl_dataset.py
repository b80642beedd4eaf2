"""Reads `verl-sft.parquet` for verl: messages and tools are JSON text, and each message says whether it carries loss.

    data.custom_cls.path=<this file> data.custom_cls.name=Conversations
"""

import json

from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset


class Conversations(MultiTurnSFTDataset):
    def _read_files_and_process(self):
        super()._read_files_and_process()
        self.messages = [self._opened(text) for text in self.messages]
        if self.tools is not None:
            self.tools = [json.loads(text) for text in self.tools]
        # Rows are read from the frame, too.
        self.dataframe = self.dataframe.reset_index(drop=True)
        self.dataframe[self.messages_key] = self.messages

    @staticmethod
    def _opened(text):
        messages = json.loads(text)
        for message in messages:
            for call in message.get("tool_calls") or []:
                call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        return messages

    def _process_single_message(self, index, message, *rest, **named):
        message = dict(message)
        train = message.pop("train", True)
        ids, loss, *others = super()._process_single_message(index, message, *rest, **named)
        if not train:
            loss[:] = 0
        return (ids, loss, *others)
