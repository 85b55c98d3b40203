"""A split of a large corpus as token ids: in parts, by many processes, resumable by part.

The split's file is cut at line ends into parts of `PART_BYTES`; each is encoded by itself, like a
small corpus (`brnb.train.rows.encode`), and the finished parts are joined into the one row that
batches are cut from. A row is mapped to memory, so that its size is the disk's matter.
"""

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from itertools import pairwise, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from brnb.tokenizers import load_tokenizer
from brnb.train.rows import TokenRow, adopt, encode, is_encoded

if TYPE_CHECKING:
    from brnb.tokenizers import Tokenizer

PART_BYTES = 2**26


def encode_file(file: Path, tokenizer: Path, path: Path, identity: str) -> TokenRow:
    """Write the documents of a corpus file as token ids to `path`, once; later calls map it.

    The same bytes as `encode` writes, by as many processes as OMP_NUM_THREADS says, or cores
    there are. Parts that were encoded before a kill are not encoded again.

    Parameters
    ----------
    file
        JSON lines with ``text``, as chapter 02 writes them.
    tokenizer
        Folder of the tokenizer.
    path, identity
        As for `encode`.

    Raises
    ------
    ValueError
        If there is no document, or a line is damaged; names the file and the byte.
    """
    cuts = _cuts(file, PART_BYTES)
    spans = list(pairwise(cuts))
    if len(spans) <= 1:
        return encode(_texts(file, (0, cuts[-1])), _loaded(tokenizer), path, identity)
    if not is_encoded(path, identity):
        folder = path.with_name(f"{path.name}.parts")
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{start}-{end}" for start, end in spans]
        tasks = repeat(file), repeat(tokenizer), spans, paths, repeat(identity)
        count = min(len(spans), int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))
        with ProcessPoolExecutor(count, get_context("spawn")) as pool:
            for _ in tqdm(pool.map(_encode_part, *tasks), f"tokens · {path.name}", len(spans)):
                pass
        adopt(paths, path, identity)
        shutil.rmtree(folder)
    return encode((), _loaded(tokenizer), path, identity)


def _encode_part(
    file: Path, tokenizer: Path, span: tuple[int, int], path: Path, identity: str
) -> None:
    encode(_texts(file, span), _loaded(tokenizer), path, identity)


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> "Tokenizer":
    return load_tokenizer(folder)


def _cuts(file: Path, part_bytes: int) -> list[int]:
    """Where parts begin and end: the first line ends after multiples of a size."""
    size = file.stat().st_size
    cuts = [0]
    with file.open("rb") as lines:
        while cuts[-1] + part_bytes < size:
            lines.seek(cuts[-1] + part_bytes)
            lines.readline()
            cuts.append(lines.tell())
    return cuts if cuts[-1] == size and len(cuts) > 1 else [*cuts, size]


def _texts(file: Path, span: tuple[int, int]) -> Iterator[str]:
    start, end = span
    with file.open("rb") as lines:
        lines.seek(start)
        while start < end:
            line = lines.readline()
            try:
                yield json.loads(line)["text"]
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise ValueError(f"{file}: a damaged line at byte {start} ({error})") from None
            start += len(line)
