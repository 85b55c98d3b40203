"""From raw text to tokens: ours, SentencePiece's encode alone, and datatrove's own pipeline.

    pip install datatrove
    python benchmarks/corpus_scale.py [MB ...] [--write]     (default: 10 40)

For each size, shards of invented Brazilian text are written, in which every twentieth document is
repeated exactly and every twentieth with a few words changed. Then each contestant runs in a
process of its own, bound to one core or to two:

- ``encode``: SentencePiece on the cleaned texts, in memory, one thread: the yardstick;
- ``ours``: `clean_shards` (lines, exact and near-duplicates, personal data), then token rows;
- ``ours, language``: the same with py3langid's look at every document;
- ``datatrove``: C4's line filters, PIIFormatter, the four MinHash stages, DocumentTokenizer, with
  words between blanks, which is faster than its word tokenizers.

The table gives MB of raw text a second of wall time, MB a second of processor time, and the peak
memory of the largest process; below it the ratios that the project holds itself to. `--write` keeps
the numbers in ``results/corpus_scale.json``. From megabytes to gigabytes: corpus_growth.py.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

SHARDS = 8
VOCABULARY = 16_000
TURNS = 3
RUNS = [
    ("encode", 1),
    ("ours", 1),
    ("ours, language", 1),
    ("datatrove", 1),
    ("ours", 2),
    ("datatrove", 2),
]
"""Contestant and cores."""


def with_copies(text: str, number: int, draw: random.Random) -> list[str]:
    """A text; after every twentieth its copy, after every other tenth one with a word changed."""
    if number % 20 == 0:
        return [text, text]
    if number % 20 != 10:
        return [text]
    words = text.split(" ")
    words[draw.randrange(len(words))] = "trocada"
    return [text, " ".join(words)]


def write_source(folder: Path, megabytes: float) -> None:
    """Shards of invented documents of about `megabytes` together."""
    from brnb.text import sample

    draw, size = random.Random(0), 0
    texts: list[str] = []
    for number, document in enumerate(sample.documents(10**9)):
        text = "\n".join(" ".join(part) for part in document["text"]["paragraphs"])
        rows = with_copies(text, number, draw)
        texts += rows
        size += sum(len(row.encode()) for row in rows)
        if size >= megabytes * 1e6:
            break
    draw.shuffle(texts)
    folder.mkdir(parents=True)
    for shard in range(SHARDS):
        with (folder / f"{shard}.jsonl").open("w", encoding="utf-8") as out:
            for place, text in enumerate(texts[shard::SHARDS]):
                row = {"id": f"{shard}-{place}", "text": text}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")


def texts_of(file: Path) -> list[str]:
    """All texts of a shard."""
    return [json.loads(line)["text"] for line in file.open(encoding="utf-8")]


def train_tokenizer(source: Path, folder: Path) -> None:
    """A vocabulary of the source's first shards."""
    from brnb.tokenizers.params import SubwordSpec
    from brnb.tokenizers.subword import SubwordTokenizer

    texts = [text for file in sorted(source.iterdir())[:2] for text in texts_of(file)][:3000]
    for vocabulary in (VOCABULARY, 4000, 1000):
        spec = SubwordSpec(name="bench", vocab_size=vocabulary, byte_fallback=True)
        try:
            SubwordTokenizer.train(texts, spec, folder)
        except ValueError:  # too little text for so many pieces
            continue
        return


def encode(source: Path, tokenizer: Path, out: Path, cores: int) -> float:
    """SentencePiece alone; returns the seconds, without those of reading."""
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_file=str(tokenizer / "tokenizer.model"))
    texts = [text for file in sorted(source.iterdir()) for text in texts_of(file)]
    start = time.perf_counter()
    for text in texts:
        processor.encode(text)
    return time.perf_counter() - start


def ours(
    source: Path, tokenizer: Path, out: Path, cores: int, languages: tuple[str, ...] = ()
) -> float:
    """`clean_shards` and a row of tokens for each shard."""
    from brnb.text.shard import ShardRules
    from brnb.text.shards import clean_shards

    start = time.perf_counter()
    clean_shards(str(source), out / "clean", ShardRules(languages=languages), processes=cores)
    files = sorted((out / "clean/text").iterdir())
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(partial(encode_shard, tokenizer, out), files))
    return time.perf_counter() - start


def encode_shard(tokenizer: Path, out: Path, file: Path) -> None:
    """One shard as a row of tokens."""
    from brnb.train.rows import encode_file

    encode_file(file, tokenizer, out / "tokens" / file.name, "bench")


def datatrove(source: Path, tokenizer: Path, out: Path, cores: int) -> float:
    """The same work by datatrove's blocks."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.filters import C4QualityFilter
    from datatrove.pipeline.formatters import PIIFormatter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.tokens import DocumentTokenizer
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.hashing import HashConfig
    from datatrove.utils.word_tokenizers import WordTokenizer

    from brnb.tokenizers.hf import to_hf
    from brnb.tokenizers.subword import SubwordTokenizer

    class Blanks(WordTokenizer):  # faster than any of datatrove's, which need spaCy
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

        def sent_tokenize(self, text: str) -> list[str]:
            return [text]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(0, len(text))]

    # 5-grams, 14 x 8: ours are the same. Its default hash, xxhash, fails with xxhash 4.
    config = MinhashConfig(hash_config=HashConfig(hash_fc="sha1"))
    lines = C4QualityFilter(
        split_paragraph=True,
        remove_citations=False,
        filter_no_terminal_punct=False,
        min_num_sentences=-1,
        min_words_per_line=3,
    )
    to_hf(SubwordTokenizer.load(tokenizer), out / "hf")
    pieces = str(out / "hf/tokenizer.json")
    folders = {name: str(out / name) for name in ("clean", "sigs", "buckets", "ids", "tokens")}
    words = Blanks()
    stages: list[tuple[int, list[Any]]] = [
        (
            SHARDS,
            [
                JsonlReader(str(source)),
                lines,
                PIIFormatter(),
                JsonlWriter(folders["clean"], "${rank}.jsonl", compression=None),
                MinhashDedupSignature(folders["sigs"], config, language=words),
            ],
        ),
        (14, [MinhashDedupBuckets(folders["sigs"], folders["buckets"], config=config)]),
        (1, [MinhashDedupCluster(folders["buckets"], folders["ids"], config=config)]),
        (
            SHARDS,
            [
                JsonlReader(folders["clean"]),
                MinhashDedupFilter(folders["ids"]),
                DocumentTokenizer(folders["tokens"], pieces, eos_token="</s>"),
            ],
        ),
    ]
    start = time.perf_counter()
    for number, (tasks, steps) in enumerate(stages):
        logs = str(out / f"logs{number}")
        LocalPipelineExecutor(steps, tasks, workers=cores, logging_dir=logs).run()
    return time.perf_counter() - start


CONTESTANTS = {
    "encode": encode,
    "ours": ours,
    "ours, language": partial(ours, languages=("pt",)),
    "datatrove": datatrove,
}


def child(name: str, cores: int, folder: Path) -> None:
    """Run one contestant and print what it took."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    with tempfile.TemporaryDirectory(dir=folder) as out:
        seconds = CONTESTANTS[name](folder / "source", folder / "tokenizer", Path(out), cores)
        tokens = sum(f.stat().st_size for f in Path(out).rglob("*.ids")) // 2
        tokens += sum(f.stat().st_size for f in Path(out).rglob("*.ds")) // 2
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    measured = {
        "seconds": seconds,
        "cpu_seconds": sum(usage.ru_utime + usage.ru_stime for usage in usages),
        "peak_mib": max(usage.ru_maxrss for usage in usages) / 1024,
        "tokens": tokens,
    }
    print(json.dumps(measured))


def measure(megabytes: float, turns: int) -> list[dict[str, Any]]:
    """All contestants on a source of a size, in turns; of each the fastest turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_source(folder / "source", megabytes)
        train_tokenizer(folder / "source", folder / "tokenizer")
        size = sum(len(t.encode()) for f in (folder / "source").iterdir() for t in texts_of(f))
        best: dict[tuple[str, int], dict[str, Any]] = {}
        for _ in range(turns):
            for run in RUNS:
                command = [sys.executable, __file__, "--child", run[0], str(run[1]), name]
                environment = os.environ | {"OMP_NUM_THREADS": str(run[1])}
                environment |= {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}
                done = subprocess.run(
                    command, env=environment, capture_output=True, text=True, check=False
                )
                if done.returncode:
                    print(f"{run} cannot run here: {done.stderr[-3000:]}")
                    continue
                found = json.loads(done.stdout.splitlines()[-1])
                if run not in best or found["seconds"] < best[run]["seconds"]:
                    best[run] = found
    return [
        {"megabytes": size / 1e6, "name": run[0], "cores": run[1]}
        | found
        | {"mb_s": size / 1e6 / found["seconds"]}
        for run, found in best.items()
    ]


def rate(rows: list[dict[str, Any]], name: str, cores: int) -> float:
    """MB a second of a contestant; no number if it could not run."""
    rates = (float(r["mb_s"]) for r in rows if (r["name"], r["cores"]) == (name, cores))
    return next(rates, float("nan"))


def main() -> None:
    """Measure, print, and keep the numbers if asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sizes", nargs="*", type=float, default=[10, 40], help="MB")
    parser.add_argument("--turns", type=int, default=TURNS, help="the fastest counts")
    parser.add_argument("--write", action="store_true", help="keep the numbers")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print(f"{'text':>9} {'contestant':<15} {'cores':>5} {'MB/s':>7} {'MB/cpu-s':>9} {'peak':>9}")
    for size in options.sizes:
        rows += (new := measure(size, options.turns))
        for row in new:
            print(
                f"{row['megabytes']:>6.0f} MB {row['name']:<15} {row['cores']:>5} "
                f"{row['mb_s']:>7.2f} {row['megabytes'] / row['cpu_seconds']:>9.2f} "
                f"{row['peak_mib']:>5.0f} MiB"
            )
        print(
            f"          ours / encode {rate(new, 'ours', 1) / rate(new, 'encode', 1):.2f} (0.5), "
            f"two cores / one {rate(new, 'ours', 2) / rate(new, 'ours', 1):.2f} (1.9), "
            f"ours / datatrove {rate(new, 'ours', 1) / rate(new, 'datatrove', 1):.2f} (2)",
            flush=True,
        )
        if options.write:
            path = Path(__file__).parent / "results/corpus_scale.json"
            path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
