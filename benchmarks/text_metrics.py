"""Speed of the text metrics, as ratios to rouge-score on one machine.

    python benchmarks/text_metrics.py [words ...]          (default: 20 60 200)

Pairs of a text and a changed copy of it, with so many words each, on one core. Both take turns, and
the median of the turns counts. rouge-score computes ROUGE-1, 2 and L; ours computes these, EM, F1,
chrF and the length ratio. The numbers that both compute must be equal. Last, 100,000 pairs are
scored in the forms `legacy` and `pt` by two processes: wall time, and time of cores. The results
go to ``benchmarks/results/text_metrics.json``.
"""

import json
import random
import resource
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rouge_score.rouge_scorer import RougeScorer

from brnb.evaluate.text_metrics import FORMS, score_pairs

TURNS = 3
PAIRS, PEER_PAIRS = 4_000, 200
MANY, CORES = 100_000, 2
ROUGE = ["rouge1", "rouge2", "rougeL"]
SYLLABLES = ("ca", "re", "mo", "çã", "ti", "lo", "pra", "es", "sú", "gê", "nho", "qua", "vi", "fer")
SMALL_WORDS = ("de", "a", "o", "que", "e", "do", "da", "em", "um", "não", "no", "é", "à")


def changed_copies(words: int, count: int) -> list[tuple[str, str]]:
    """Pairs of texts that share about two thirds of their words; the same on every machine."""
    draw = random.Random(words)
    nouns = ["".join(draw.choices(SYLLABLES, k=draw.randint(2, 4))) for _ in range(5_000)]
    pairs = []
    for _ in range(count):
        text = [draw.choice(SMALL_WORDS if i % 2 else nouns) for i in range(words)]
        copy = [word if draw.random() < 0.65 else draw.choice(nouns) for word in text]
        pairs.append((" ".join(copy) + ".", " ".join(text) + "."))
    return pairs


def rates(words: int) -> dict[str, float]:
    """Pairs a second of rouge-score (``peer``) and of each form."""
    peer, pairs = RougeScorer(ROUGE), changed_copies(words, PAIRS)
    seconds: dict[str, list[float]] = {name: [] for name in ("peer", *FORMS)}
    for _ in range(TURNS):
        start = time.perf_counter()
        expected = [peer.score(reference, guess) for guess, reference in pairs[:PEER_PAIRS]]
        seconds["peer"].append((time.perf_counter() - start) / PEER_PAIRS)
        for form in FORMS:
            start = time.perf_counter()
            scores = score_pairs(pairs, form)
            seconds[form].append((time.perf_counter() - start) / PAIRS)
            if form == "legacy":
                for name in ROUGE:
                    equal = [row[name].fmeasure for row in expected]
                    assert scores[name][:PEER_PAIRS].tolist() == equal, name
    return {name: 1 / statistics.median(values) for name, values in seconds.items()}


def many(words: int) -> dict[str, float]:
    """Wall time and core seconds of `MANY` pairs in both forms of the tables, in `CORES` processes.

    Where the cores are shared, a quiet machine takes their quotient.
    """
    pairs = changed_copies(words, MANY // CORES)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    start, before = time.perf_counter(), used.ru_utime + used.ru_stime
    with ProcessPoolExecutor(CORES) as pool:
        for form in ("legacy", "pt"):
            list(pool.map(score_pairs, [pairs] * CORES, [form] * CORES))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall, cores = time.perf_counter() - start, used.ru_utime + used.ru_stime - before
    return {"seconds_for_100k": wall, "core_seconds_for_100k": cores}


def main(lengths: list[int]) -> None:
    """Print one line for each length, and write them all."""
    path = Path(__file__).parent / "results" / "text_metrics.json"
    table = []
    print(f"{'words':>6} {'rouge-score':>14} " + " ".join(f"{form:>20}" for form in FORMS))
    for words in lengths:
        found = rates(words)
        line = "".join(f" {found[f]:>9.0f} /s {found[f] / found['peer']:>6.1f}x" for f in FORMS)
        print(f"{words:>6} {found['peer']:>8.0f} /s   {line}", end="", flush=True)
        spent = many(words)
        print("   {} pairs: {:.0f} s, {:.0f} s of cores".format(MANY, *spent.values()))
        table.append({"words": words, "pairs_per_second": found, **spent})
        path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main([int(words) for words in sys.argv[1:]] or [20, 60, 200])
