"""Clean a source of any size file by file, in many processes and on many machines.

The floor below chapter 02, for what one process cannot read: every input file is a shard, which
any process may clean by itself (`brnb.text.shard`); then duplicates are found over all of them at
once, and each shard is written without them::

    text/<path of the input file>.jsonl   doc_id, title, text; ``text`` is a source of chapter 02
    quarantine.jsonl                      malformed records
    report.json                           `ShardReport`, written last
    unfinished/                           cleaned shards; goes when all is done

Work that was stopped goes on with the shards that are missing. Several machines that share the
folder may call `clean_shards` at the same time: a shard is claimed by a lock, which dies with its
holder.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from itertools import accumulate, pairwise, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from brnb.atomic import write_json
from brnb.fingerprint import digest
from brnb.locks import LockedError, hold_lock, release_lock
from brnb.progress import Bar
from brnb.text.near_duplicates import BANDS, first_of_clusters, first_of_equals
from brnb.text.reader import expand, input_files
from brnb.text.shard import Shard, ShardRules, way_of
from brnb.text.shard_report import ShardReport, sum_of

T = TypeVar("T")
_Map = Callable[..., Iterable[Any]]  # as the builtin: results in order


def clean_shards(
    source: str, folder: Path, rules: ShardRules, processes: int = 1, max_malformed: float = 0.01
) -> ShardReport | None:
    """Clean a source into `folder`: what `rules` remove goes, and all but the first of duplicates.

    The memory of a process does not grow with the text; the one that finds the duplicates takes
    160 bytes a document for a moment.

    Parameters
    ----------
    source
        File or folder, as `brnb.text.reader` reads it.
    folder
        Where the cleaned shards go; made if it does not exist.
    rules
        What to remove.
    processes
        How many work at a time.
    max_malformed
        Share of malformed records, of all, above which nothing is finished.

    Returns
    -------
    ShardReport or None
        None while another machine works on some shard, or finishes: call again.

    Raises
    ------
    ValueError
        A source without files (``sample``, ``hf:``), too many malformed records; and as
        `input_files`.
    FileNotFoundError
        As `input_files`.
    """
    shards = _shards(source, folder)
    with _mapping(processes) as run:
        named = run(Shard.identity, shards, repeat(way_of(rules)))
        identities = [*_progress(named, "hashing", shards)]
        if report := _finished(folder, identities):
            return report
        (folder / "unfinished").mkdir(parents=True, exist_ok=True)
        cleaned = run(partial(_clean, rules), shards, identities)
        reports = [*_progress(cleaned, "cleaning", shards)]
        if None in reports:
            return None
        total = sum_of(report for report in reports if report)
        _check(total, max_malformed, folder)
        with _claimed(folder / "unfinished/finish.lock") as is_ours:
            if is_ours:
                (folder / "report.json").unlink(missing_ok=True)
                total.add(_write(shards, rules, run))
                _publish(folder, shards, total, identities)
            return total if is_ours else None


@contextmanager
def _mapping(processes: int) -> Iterator[_Map]:
    """``map``, by so many processes; one is this one."""
    if processes == 1:
        yield map
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield pool.map


def _shards(source: str, folder: Path) -> list[Shard]:
    files = input_files(source)
    if not files:
        raise ValueError(f"source {source}: shards are files; give a file or a folder of files")
    root = Path(expand(source)).expanduser()
    names = [file.name if file == root else file.relative_to(root).as_posix() for file in files]
    return [
        Shard(file, folder / f"unfinished/{number:06}", folder / f"text/{name}.jsonl")
        for number, (file, name) in enumerate(zip(files, names, strict=True))
    ]


def _finished(folder: Path, identities: list[str]) -> ShardReport | None:
    """The report of the same work, if it is done."""
    try:
        note = json.loads((folder / "report.json").read_text("utf-8"))
        same = note.pop("identity") == digest(identities)
        return ShardReport.from_json(note) if same else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _clean(rules: ShardRules, shard: Shard, identity: str) -> ShardReport | None:
    """Clean a shard unless that was done; None if another process is at it."""
    with _claimed(shard.file("lock")) as is_ours:
        if not is_ours:
            return None
        return shard.report(identity) or shard.clean(rules, identity)


@contextmanager
def _claimed(lock: Path) -> Iterator[bool]:
    """Whether a lock is this process's, while the context lasts."""
    try:
        hold_lock(lock, lock.stem)
    except LockedError:
        yield False
        return
    try:
        yield True
    finally:
        release_lock(lock)


def _check(total: ShardReport, max_malformed: float, folder: Path) -> None:
    malformed = sum(total.malformed.values())
    if malformed > max_malformed * (malformed + total.documents_read):
        raise ValueError(
            f"{malformed} of {malformed + total.documents_read} records are malformed "
            f"({total.malformed}): see {folder / 'unfinished'}/*.quarantine, and repair them or "
            "raise max_malformed"
        )


def _write(shards: Sequence[Shard], rules: ShardRules, run: _Map) -> ShardReport:
    """Find the duplicates of all shards, and write each shard without them."""
    keys = [np.load(shard.file("npy"), mmap_mode="r") for shard in shards]
    hashes = np.concatenate([part[:, 0] for part in keys])
    is_first = stays = first_of_equals(hashes)
    if rules.near_duplicates:
        bands = (np.concatenate([part[:, 1 + band] for part in keys]) for band in range(BANDS))
        stays = first_of_clusters(hashes, bands)
    ends = accumulate(map(len, keys), initial=0)
    cuts = [slice(start, end) for start, end in pairwise(ends)]
    written = run(Shard.write, shards, [is_first[c] for c in cuts], [stays[c] for c in cuts])
    return sum_of(_progress(written, "writing", shards))


def _publish(
    folder: Path, shards: Sequence[Shard], total: ShardReport, identities: list[str]
) -> None:
    for outdated in {p for p in (folder / "text").rglob("*") if p.is_file()} - {
        shard.result for shard in shards
    }:
        outdated.unlink()
    with (folder / "quarantine.jsonl").open("wb") as out:
        for shard in shards:
            out.write(shard.file("quarantine").read_bytes())
    write_json(folder / "report.json", {"identity": digest(identities)} | asdict(total))
    shutil.rmtree(folder / "unfinished")


def _progress(results: Iterable[T], what: str, shards: Sequence[Shard]) -> Iterable[T]:
    return Bar(results, desc=what, total=len(shards), mininterval=5)
