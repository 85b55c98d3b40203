"""Text to measure on and to calibrate with: our corpus, and English beside it."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from brnb import data
from brnb.fingerprint import digest
from brnb.receipt import describe
from brnb.text import finished
from brnb.text.reader import Quarantine, read_documents
from brnb.train.rows import TokenRow, encode


def held_out_row(
    corpora: Path, cleaning: str, documents: int, tokenizer: Any, name: str, work: Path
) -> TokenRow:
    """The first documents of the test split, of which nothing was learnt and nothing chosen.

    Parameters
    ----------
    corpora
        Folder of run ``corpus``.
    tokenizer, name
        Of the model that reads them, and what its rows are called.
    work
        Folder for caches.
    """
    content = describe(corpora / finished.split_file(cleaning, "test")).sha256
    texts = islice(finished.texts(corpora, cleaning, "test"), documents)
    identity = digest([name, tokenizer.vocab_size, content, documents])
    return encode(texts, tokenizer, work / name / "test", identity)


def text_windows(texts: Iterable[str], tokenizer: Any, count: int, tokens: int) -> Tensor:
    """Texts one after the other, as `count` windows of `tokens` ids; shape (count, tokens).

    Raises
    ------
    ValueError
        If there is too little text.
    """
    ids: list[int] = []
    for text in texts:
        ids += [*tokenizer.encode_batch([text])[0], tokenizer.eos_id]
        if len(ids) >= count * tokens:
            return torch.tensor(ids[: count * tokens]).reshape(count, tokens)
    raise ValueError(
        f"calibration needs {count} windows of {tokens} tokens, and the text has {len(ids)}: lower "
        "calibration_windows or calibration_tokens, or give more text"
    )


def english_texts(source: str | None, work: Path) -> Iterator[str]:
    """Documents in English: of a file or folder (`brnb.text.reader`), or those of the package."""
    if source is None:
        yield from data.read("compress/english.yaml")
        return
    work.mkdir(parents=True, exist_ok=True)
    with Quarantine(work / "english_malformed.jsonl", 0.01) as quarantine:
        for document in read_documents(source, documents=None, seed=0, quarantine=quarantine):
            yield document.text
