"""How time and memory grow with the text, from raw shards to tokens: megabytes to gigabytes.

    python benchmarks/corpus_growth.py [MB ...] [--processes N] [--write]    (default: 10 100 1000)

A source of each size is made of paragraphs of the packaged sample, drawn anew for each document;
every twentieth document is repeated exactly, every twentieth with a word changed. Then
`clean_shards` and one row of tokens a shard (``ours`` of corpus_scale.py), in a process of its own
with so many workers. What starting the workers takes is measured on a document a shard, and said.

``linear`` is processor time beyond that start for each MB, against the size before the last: 1 is
a straight line. ``worker`` is the peak memory of the largest worker, ``parent`` of the process
that finds the duplicates (159 bytes a document), ``planted`` and ``removed`` the copies put
in and taken out. The disk must hold four times the text. `--write` keeps the numbers in
``results/corpus_growth.json``.
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
from itertools import islice
from pathlib import Path
from typing import Any

from corpus_scale import ours, train_tokenizer, with_copies

SHARD_MB = 42
POOL = 4000
"""Documents whose paragraphs are drawn from."""


def paragraphs() -> list[list[str]]:
    """The paragraphs of documents of the sample, a list a document."""
    from brnb.text import sample

    documents = islice(sample.documents(10**9), POOL)
    return [[" ".join(part) for part in document["text"]["paragraphs"]] for document in documents]


def write_shard(pool: list[list[str]], megabytes: float, job: tuple[Path, int]) -> tuple[int, int]:
    """A file of so many MB of text (0: a document); returns its documents and the copies in it."""
    path, number = job
    draw, size, written, copies = random.Random(number), 0, 0, 0
    lengths, parts = (
        [len(document) for document in pool],
        [p for document in pool for p in document],
    )
    with path.open("w", encoding="utf-8") as out:
        while size < max(megabytes * 1e6, 1):
            text = "\n".join(draw.choices(parts, k=draw.choice(lengths)))
            texts = with_copies(text, written, draw)
            for row in texts:
                out.write(json.dumps({"text": row}, ensure_ascii=False) + "\n")
                size += len(row.encode())
            written += 1
            copies += len(texts) - 1
    return written + copies, copies


def measure(
    megabytes: float, folder: Path, processes: int, pool: list[list[str]]
) -> dict[str, Any]:
    """Write a source, run ours on it in a process of its own, and return what that took."""
    shards = processes * max(1, round(megabytes / SHARD_MB / processes))
    source = folder / f"{megabytes:g}"
    source.mkdir()
    jobs = [(source / f"{number:04}.jsonl", number) for number in range(shards)]
    with ProcessPoolExecutor(processes) as workers:
        planted = list(workers.map(partial(write_shard, pool, megabytes / shards), jobs))
    command = [sys.executable, __file__, "--child", str(source), str(folder), str(processes)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    for file in source.iterdir():
        file.unlink()
    row = {
        "processes": processes,
        "shards": shards,
        "planted": sum(copies for _, copies in planted),
    }
    return row | json.loads(done.stdout.splitlines()[-1])


def child(source: Path, folder: Path, processes: int) -> None:
    """Run ours and print what it took and found."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        start = time.perf_counter()
        ours(source, folder / "tokenizer", Path(out), processes)
        seconds = time.perf_counter() - start
        report = json.loads((Path(out) / "clean/report.json").read_text("utf-8"))
        tokens = sum(file.stat().st_size for file in Path(out).rglob("*.ids")) // 2
    parent, workers = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    removed = [report["removed"].get(f"{kind}duplicate_document", {}) for kind in ("", "near_")]
    measured = {
        "megabytes": report["bytes_read"] / 1e6,
        "documents": report["documents_read"],
        "removed": sum(what.get("documents", 0) for what in removed),
        "tokens": tokens,
        "seconds": seconds,
        "cpu_seconds": sum(u.ru_utime + u.ru_stime for u in (parent, workers)),
        "worker_mib": workers.ru_maxrss / 1024,
        "parent_mib": parent.ru_maxrss / 1024,
    }
    print(json.dumps(measured))


def with_rates(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rates beyond the start, which is the first row, and how straight the line is."""
    start, previous = rows[0]["cpu_seconds"], None
    rated = []
    for row in rows[1:]:
        per_mb = (row["cpu_seconds"] - start) / row["megabytes"]
        linear = per_mb / previous if previous else None
        rated.append(row | {"mb_per_cpu_second": 1 / per_mb, "linear": linear})
        previous = per_mb
    return [rows[0], *rated]


def line(row: dict[str, Any]) -> str:
    """A row of the printed table."""
    linear = row.get("linear")
    return (
        f"{row['megabytes']:>8.1f} {row['seconds']:>8.1f} {row['cpu_seconds']:>8.1f} "
        f"{row.get('mb_per_cpu_second', float('nan')):>9.2f} "
        f"{'' if linear is None else format(linear, '.3f'):>7} {row['worker_mib']:>7.0f} "
        f"{row['parent_mib']:>7.0f} {row['planted']:>8} {row['removed']:>8}"
    )


def main() -> None:
    """Measure every size, print, and keep the numbers if asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sizes", nargs="*", type=float, default=[10, 100, 1000], help="MB")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true", help="keep the numbers")
    options = parser.parse_args()
    print("      MB  seconds    cpu s  MB/cpu-s  linear  worker  parent  planted  removed   (MiB)")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder, pool = Path(name), paragraphs()
        first = folder / "source"
        first.mkdir()
        write_shard(pool, 5, (first / "0.jsonl", -1))
        train_tokenizer(first, folder / "tokenizer")
        for size in [0, *options.sizes]:
            rows.append(measure(size, folder, options.processes, pool))
            print(line(with_rates(rows)[-1]), flush=True)
            if options.write:
                path = Path(__file__).parent / "results/corpus_growth.json"
                path.write_text(json.dumps(with_rates(rows), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
