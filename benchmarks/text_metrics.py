"""Speed of the text metrics, as ratios to rouge-score on one machine.

    python benchmarks/text_metrics.py [words ...]          (default: 20 60 200)

Pairs of a text and a changed copy of it, with so many words each, on one core. Both take turns, and
the median of the turns counts. rouge-score computes ROUGE-1, 2 and L; ours computes these, EM, F1,
chrF and the length ratio. The numbers that both compute must be equal.
"""

import random
import statistics
import sys
import time

from rouge_score.rouge_scorer import RougeScorer

from brnb.evaluate.text_metrics import FORMS, score

TURNS = 3
PAIRS, PEER_PAIRS = 4_000, 200
ROUGE = ["rouge1", "rouge2", "rougeL"]
SYLLABLES = ("ca", "re", "mo", "çã", "ti", "lo", "pra", "es", "sú", "gê", "nho", "qua", "vi", "fer")
SMALL_WORDS = ("de", "a", "o", "que", "e", "do", "da", "em", "um", "não", "no", "é", "à")


def changed_copies(words: int) -> list[tuple[str, str]]:
    """Pairs of texts that share about two thirds of their words; the same on every machine."""
    draw = random.Random(words)
    nouns = ["".join(draw.choices(SYLLABLES, k=draw.randint(2, 4))) for _ in range(5_000)]
    pairs = []
    for _ in range(PAIRS):
        text = [draw.choice(SMALL_WORDS if i % 2 else nouns) for i in range(words)]
        copy = [word if draw.random() < 0.65 else draw.choice(nouns) for word in text]
        pairs.append((" ".join(copy) + ".", " ".join(text) + "."))
    return pairs


def main(lengths: list[int]) -> None:
    """Time both in turns and print one line for each length."""
    peer = RougeScorer(ROUGE)
    print(f"{'words':>6} {'rouge-score':>14} {'legacy':>20} {'pt':>20} {'pt_folded':>20}")
    for words in lengths:
        pairs = changed_copies(words)
        seconds: dict[str, list[float]] = {name: [] for name in ("peer", *FORMS)}
        for _ in range(TURNS):
            start = time.perf_counter()
            expected = [peer.score(reference, guess) for guess, reference in pairs[:PEER_PAIRS]]
            seconds["peer"].append((time.perf_counter() - start) / PEER_PAIRS)
            for form in FORMS:
                start = time.perf_counter()
                scores = score(pairs, form)
                seconds[form].append((time.perf_counter() - start) / PAIRS)
                if form == "legacy":
                    for name in ROUGE:
                        equal = [row[name].fmeasure for row in expected]
                        assert scores[name][:PEER_PAIRS].tolist() == equal, name
        median = {name: statistics.median(values) for name, values in seconds.items()}
        print(f"{words:>6} {1 / median['peer']:>8.0f} /s   ", end="")
        for form in FORMS:
            ratio = median["peer"] / median[form]
            print(f" {1 / median[form]:>9.0f} /s {ratio:>6.1f}x", end="")
        print()


if __name__ == "__main__":
    main([int(words) for words in sys.argv[1:]] or [20, 60, 200])
