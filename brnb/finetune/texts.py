"""Documents as tokens: raw text, of which every token but the first is to be predicted."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from brnb.finetune.packing import IGNORE, Example, Pack
from brnb.text.finished import Document

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerFast

CHUNK = 256  # documents that the tokenizer takes at once, on all its threads


def from_texts(
    tokenizer: "PreTrainedTokenizerFast", documents: Iterable[Document]
) -> Iterator[Example]:
    """Each document as ids, after the tokenizer's beginning token if it writes one, and its end.

    Text that spells a special token stays text. Where there is no beginning token the first token
    of the text is no target, and its bytes do not count.

    Raises
    ------
    ValueError
        If the tokenizer has no end-of-sequence token.
    """
    end = tokenizer.eos_token_id
    if end is None:
        raise ValueError(f"{tokenizer.name_or_path}: no eos_token; name the one that ends a text")
    left = iter(documents)
    while chunk := list(islice(left, CHUNK)):
        encoded = tokenizer([document.text for document in chunk], split_special_tokens=True)
        for row, document in enumerate(chunk):
            tokens = encoded["input_ids"][row]
            ids = np.array(tokens if tokens[-1:] == [end] else [*tokens, end], np.int64)
            labels = ids.copy()
            labels[0] = IGNORE
            learnt = document.text[_given(encoded, row, len(document.text)) :]
            yield Example(document.doc_id, ids, labels, len(learnt.encode()) + 1)


def _given(encoded: "BatchEncoding", row: int, length: int) -> int:
    """Characters of a text that its first token spells: none if that is a beginning token."""
    spans = [encoded.token_to_chars(row, n) for n in range(min(2, len(encoded["input_ids"][row])))]
    if not spans or spans[0] is None:
        return 0
    second = spans[1] if len(spans) > 1 else None
    return second.start if second else length


def summary(
    examples: Sequence[Example], packs: Sequence[Pack], seq_len: int
) -> dict[str, float | int]:
    """What a training is going to read, for its receipt.

    Returns
    -------
    dict
        ``documents`` and ``tokens``; ``supervised_share`` of the tokens that are targets;
        ``split_documents``, longer than one pack; ``packs``, and the ``packed_share`` of their room
        that tokens fill.
    """
    tokens = sum(len(pack.ids) for pack in packs)
    return {
        "documents": len(examples),
        "tokens": tokens,
        "supervised_share": round(sum(pack.targets for pack in packs) / tokens, 6),
        "split_documents": sum(len(example.ids) > seq_len for example in examples),
        "packs": len(packs),
        "packed_share": round(tokens / (len(packs) * seq_len), 6),
    }
