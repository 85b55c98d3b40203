"""The two kinds of tokenizers that prompts of chapter 17 are read with."""

from typing import TYPE_CHECKING, Any

from brnb.bases.template import DATE

if TYPE_CHECKING:
    from brnb.latency.params import Contestant
    from brnb.tokenizers.subword import SubwordTokenizer


class OwnVocabulary:
    """A subword tokenizer of chapter 03, for models of random weights."""

    def __init__(self, tokenizer: "SubwordTokenizer") -> None:
        self.tokenizer = tokenizer
        self.ends = frozenset([tokenizer.eos_id])

    def encode(self, text: str) -> list[int]:
        """Token ids of a prompt."""
        return self.tokenizer.encode(text)

    def decode(self, ids: list[int]) -> str:
        """Text of an answer; ids that a wider head has and the tokenizer lacks are left out."""
        return self.tokenizer.decode([i for i in ids if i < self.tokenizer.vocab_size])


class HubVocabulary:
    """A model's own tokenizer, with its chat template where it has one."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.ends = frozenset([tokenizer.eos_token_id])

    def encode(self, text: str) -> list[int]:
        """Token ids of a prompt, as a user's turn if the model knows turns."""
        if not self.tokenizer.chat_template:
            return list(self.tokenizer(text)["input_ids"])
        written = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}],
            add_generation_prompt=True,
            tokenize=False,
            date_string=DATE,
        )
        return list(self.tokenizer(written, add_special_tokens=False)["input_ids"])

    def decode(self, ids: list[int]) -> str:
        """Text of an answer."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True)).strip()


def vocabulary_of(
    contestant: "Contestant", own: "SubwordTokenizer"
) -> OwnVocabulary | HubVocabulary:
    """The vocabulary of a contestant: its base's, or ours for random weights."""
    if contestant.base is None:
        return OwnVocabulary(own)
    from transformers import AutoTokenizer

    return HubVocabulary(
        AutoTokenizer.from_pretrained(
            contestant.base, revision=contestant.revision, trust_remote_code=False
        )
    )
