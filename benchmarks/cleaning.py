"""How fast a corpus is built, how its time and memory grow, and a plain peer beside it.

    python benchmarks/cleaning.py [MB ...]          (default: 50 200)

Text of each size is generated into a temporary folder, then `brnb.text.corpus.build` and a plain
per-line implementation of the same rules run over it, each in a process of its own. Both must
count the same; the table shows MB of text per second of CPU time and the peak memory.
"""

import hashlib
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SYLLABLES = ("ca", "re", "mo", "çã", "ti", "lo", "pra", "es", "sú", "gê", "nho", "qua", "vi", "fer")


def paragraphs(count: int) -> list[list[str]]:
    """A pool of paragraphs of two to five sentences, some as the web has them."""
    draw = random.Random(0)
    words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(20_000)]
    pool = []
    for _ in range(count):
        sentences = []
        for _ in range(draw.randint(2, 5)):
            sentence = " ".join(draw.choices(words, k=draw.randint(6, 24))).capitalize()
            sentences.append(f"{sentence}, {draw.randint(1, 2019)}.")
        if draw.random() < 0.1:
            sentences[0] = f"“{sentences[0]}” — disse."  # beyond Latin-1
        if draw.random() < 0.1:
            sentences[-1] = sentences[-1].replace(" ", "\u00a0 ", 3)
        pool.append(sentences)
    return pool


def records(size: int) -> Iterator[str]:
    """JSON lines in the BrWaC schema with about `size` bytes of text."""
    draw = random.Random(1)
    pool = paragraphs(5_000)
    written = number = 0
    last: list[list[str]] = []
    while written < size:
        if not last or draw.random() > 0.05:  # one in twenty repeats the document before
            last = draw.choices(pool, k=draw.randint(3, 12))
            if draw.random() < 0.3:
                last = [["Leia mais"], *last, ["12/03 14:55 — 1.234,56"]]
        number += 1
        row = {"doc_id": f"d{number}", "title": "", "uri": "", "text": {"paragraphs": last}}
        written += sum(len(sentence.encode()) + 1 for part in last for sentence in part)
        yield json.dumps(row, ensure_ascii=False) + "\n"


def plain(source: Path, folder: Path) -> dict[str, int]:
    """The same rules and files, line by line and character by character."""
    counts = {"short_line": 0, "low_letters": 0, "duplicate_document": 0}
    seen: set[bytes] = set()
    with source.open(encoding="utf-8") as lines, (folder / "plain.jsonl").open("w") as out:
        for line in lines:
            row = json.loads(line)
            kept = []
            for sentences in row["text"]["paragraphs"]:
                paragraph = " ".join(" ".join(sentences).split())
                if len(paragraph) < 20:
                    counts["short_line"] += 1
                elif sum(c.isalpha() for c in paragraph) / len(paragraph) < 0.5:
                    counts["low_letters"] += 1
                else:
                    kept.append(paragraph)
            text = "\n".join(kept)
            digest = hashlib.sha256(text.encode()).digest()
            if digest in seen:
                counts["duplicate_document"] += 1
                continue
            seen.add(digest)
            for form in (text, re.sub("[0-9]+", "0", text.lower())):
                out.write(json.dumps({"doc_id": row["doc_id"], "text": form}) + "\n")
    return counts


def ours(source: Path, folder: Path) -> dict[str, int]:
    """`brnb.text.corpus.build` with the same rules."""
    from brnb.text import corpus
    from brnb.text.params import CorpusParams

    params = CorpusParams(
        profile="bench",
        run_id="corpus",
        seed=0,
        lang="en",
        corpus=str(source),
        documents=None,
        sample_share=1.0,
        min_chars=20,
        min_letters=0.5,
        validation_share=0.01,
        test_share=0.01,
        near_duplicate=0.8,
        part=None,
        registers={},
        mask_personal_data=False,
        max_malformed_share=0.0,
    )
    removed = corpus.build(folder, params, progress=False).removed
    return {
        "short_line": removed["short_line"].lines,
        "low_letters": removed["low_letters"].lines,
        "duplicate_document": removed["duplicate_document"].documents,
    }


def child(which: str, source: Path) -> None:
    """Run one implementation and print what it took, without the time of its imports."""
    import brnb.text.corpus  # noqa: F401

    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        start = time.process_time()
        counts = {"ours": ours, "plain": plain}[which](source, Path(folder))
        seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "counts": counts}))


def main(sizes: list[int]) -> None:
    """Print the table."""
    print(f"{'text':>8} {'ours':>11} {'peak':>10} {'plain':>11} {'peak':>10} {'ours/plain':>11}")
    results = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "text.jsonl"
            with source.open("w", encoding="utf-8") as out:
                out.writelines(records(size * 10**6))
            found = {}
            for which in ("ours", "plain"):
                command = [sys.executable, __file__, "--child", which, str(source)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found[which] = json.loads(done.stdout)
        mine, peer = found["ours"], found["plain"]
        assert mine["counts"] == peer["counts"], (mine["counts"], peer["counts"])
        results.append(mine)
        print(
            f"{size:>5} MB {size / mine['seconds']:>6.1f} MB/s {mine['peak']:>6.0f} MiB "
            f"{size / peer['seconds']:>6.1f} MB/s {peer['peak']:>6.0f} MiB "
            f"{peer['seconds'] / mine['seconds']:>10.1f}x"
        )
    small, large = results[0], results[-1]
    print(
        f"{sizes[-1] / sizes[0]:.1f}x the text: {large['seconds'] / small['seconds']:.2f}x the "
        f"time, {large['peak'] / small['peak']:.2f}x the memory"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]))
    else:
        main([int(size) for size in sys.argv[1:]] or [50, 200])
