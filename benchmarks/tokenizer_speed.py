"""Encoding speed of the tokenizers, as ratios to SentencePiece on one machine.

    python benchmarks/tokenizer_speed.py [text file]

Without a file the text is 4 MB of shuffled Portuguese words. The contenders take turns, and the
median of the turns counts, so that a busy machine slows them all alike. (The file is not called
``tokenizers.py``: as a script it would hide the library of that name from transformers.)
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from brnb.tokenizers.char import CharTokenizer
from brnb.tokenizers.hf import to_hf
from brnb.tokenizers.params import SubwordSpec
from brnb.tokenizers.subword import SubwordTokenizer

TURNS = 5
STEMS, ENDINGS, SMALL_WORDS = (
    line.split()
    for line in (
        "casa cidad govern produç educaç histór trabalh pesso escol caminh públic nacion",
        "a o as os e es ão ões ar ado ando eira inho mente al",
        "de a o que e do da em um para com não uma os no se na por mais as",
    )
)


def shuffled_words(megabytes: float = 4.0) -> list[str]:
    """Lines of twelve words, every other one a small one; the same on every machine."""
    rng = np.random.default_rng(0)
    words = np.array([stem + ending for stem in STEMS for ending in ENDINGS])
    rows = int(megabytes * 1e6 / 74)
    small = rng.choice(SMALL_WORDS, size=(rows, 6))
    mixed = np.stack([small, rng.choice(words, size=(rows, 6))], axis=2).reshape(rows, 12)
    return [" ".join(row) + "." for row in mixed]


def contenders(lines: list[str], folder: Path) -> dict[str, Callable[[], object]]:
    """Name of each encoder and the call that encodes all lines with it."""
    text = "\n".join(lines)
    char = CharTokenizer.train(lines)
    calls: dict[str, Callable[[], object]] = {"char, array": partial(char.encode_array, text)}
    for kind in ("unigram", "bpe"):
        spec = SubwordSpec.model_validate({"name": kind, "kind": kind, "vocab_size": 300})
        subword = SubwordTokenizer.train(lines[:5000], spec, folder / kind)
        fast = to_hf(subword, folder / f"{kind}_hf")
        calls[f"{kind}, sentencepiece"] = partial(subword.encode_batch, lines)
        calls[f"{kind}, fast tokenizer"] = partial(fast.backend_tokenizer.encode_batch, lines)
    return calls


def main() -> None:
    """Time everyone in turns and print one line each."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    lines = path.read_text(encoding="utf-8").splitlines() if path else shuffled_words()
    megabytes = sum(len(line.encode()) + 1 for line in lines) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        calls = contenders(lines, Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(TURNS):
            for name, call in calls.items():
                start = time.perf_counter()
                call()
                seconds[name].append(time.perf_counter() - start)
    speed = {name: megabytes / statistics.median(turns) for name, turns in seconds.items()}
    reference = speed["unigram, sentencepiece"]
    print(f"{'encoder':<24}{'MB/s':>8}{'ratio':>8}   ({megabytes:.1f} MB, median of {TURNS})")
    for name, value in speed.items():
        print(f"{name:<24}{value:>8.1f}{value / reference:>8.2f}")


if __name__ == "__main__":
    main()
