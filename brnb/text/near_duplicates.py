"""Near-duplicate documents by MinHash and banding, in numpy (Broder, 1997; Leskovec et al., ch. 3).

A document is the set of its word 5-grams. Hash functions keep their smallest and their largest
value over that set, `BANDS` times `ROWS` values in all (Ji et al., 2013: twice as many for each
function, and no less exact); two documents with Jaccard index J agree in one of them with
probability J, in a whole band with J^8, and in any band with 1 - (1 - J^8)^14: 5% at 0.5, 56% at
0.7, 92% at 0.8, nearly 1 at 0.9. These are FineWeb's bands and rows (Penedo et al., 2024, 3.4).
Documents that share a band are one cluster, of which the first that was read stays.
"""

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

WORDS = 5
BANDS, ROWS = 14, 8
_BLOCK = 512  # shingles whose values are computed at a time: they stay in the processor's cache
_LONGEST = 2**20  # bytes whose powers are kept; longer texts are hashed in parts of this size
_MIX = np.uint64(0x9E3779B97F4A7C15)

Keys = NDArray[np.uint64]
"""Band keys of documents, shape (documents, BANDS)."""


def band_keys(data: bytes) -> Keys:
    """One key for each band of a text; equal keys in a band make two texts near-duplicates.

    Parameters
    ----------
    data
        UTF-8, in the form in which texts are to be compared: the early form, so that case and
        digits tell nothing apart.

    Returns
    -------
    ndarray
        Shape (BANDS,), uint64.
    """
    values, factors = _shingles(data), _factors()
    extremes = np.empty((2, len(factors)), np.uint32)
    extremes[0], extremes[1] = 2**32 - 1, 0
    for start in range(0, len(values), _BLOCK):
        hashed = factors * values[start : start + _BLOCK]  # modulo 2^32
        np.minimum(extremes[0], hashed.min(axis=1), out=extremes[0])
        np.maximum(extremes[1], hashed.max(axis=1), out=extremes[1])
    keys = np.zeros(BANDS, np.uint64)
    for row in extremes.reshape(ROWS, BANDS):
        keys = (keys ^ row) * _MIX
        keys ^= keys >> np.uint64(32)
    return keys


def first_of_clusters(hashes: NDArray[np.uint64], bands: Iterable[Keys]) -> NDArray[np.bool_]:
    """Which documents stay: of every cluster of near-duplicates the first.

    Parameters
    ----------
    hashes
        Of the whole documents, shape (documents,), in order of reading: equal ones are exact
        duplicates, of which only the first takes part.
    bands
        One after the other, the keys of each band, each of shape (documents,): only one band has
        to be in memory.

    Returns
    -------
    ndarray
        Shape (documents,): whether a document stays.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    stays = first_of_equals(hashes)
    places = np.flatnonzero(stays)
    links = [_links(keys[places]) for keys in bands]
    one, other = (np.concatenate(ends) for ends in zip(*links, strict=True))
    shape = (len(places), len(places))
    graph = coo_array((np.ones(len(one), np.bool_), (one, other)), shape=shape)
    _, cluster = connected_components(graph, directed=False)
    stays[places] = first_of_equals(cluster)
    return stays


def first_of_equals(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Whether each value is the first of its kind, shape (N,)."""
    first = np.zeros(len(values), np.bool_)
    first[np.unique(values, return_index=True)[1]] = True
    return first


def _links(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of neighbours in the order of the keys that have the same key."""
    order = np.argsort(keys, kind="stable")
    equal = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    return order[equal], order[equal + 1]


def _shingles(data: bytes) -> NDArray[np.uint32]:
    """Hashes of the word 5-grams of a text; of fewer words, one of the whole."""
    parts = [_words(part) for part in _parts(data)]
    words = parts[0] if len(parts) == 1 else np.concatenate(parts)
    count = max(1, len(words) - WORDS + 1)
    hashes = np.zeros(count, np.uint64)
    for offset in range(min(WORDS, len(words))):  # a polynomial of the words, modulo 2^64
        hashes = hashes * _MIX + words[offset : offset + count]
    hashes ^= hashes >> np.uint64(29)
    hashes *= _MIX
    return (hashes >> np.uint64(32)).astype(np.uint32)


def _parts(data: bytes) -> Iterator[bytes]:
    """A text in parts that end at a blank, if there is one."""
    start = 0
    while len(data) - start > _LONGEST:
        cut = data.rfind(b" ", start, start + _LONGEST)
        end = cut if cut > start else start + _LONGEST
        yield data[start:end]
        start = end
    yield data[start:]


def _words(data: bytes) -> NDArray[np.uint64]:
    """A hash of each word: runs of ASCII letters and digits and of all bytes beyond ASCII.

    Sums of a byte's number times a power of an odd base, modulo 2^64: the difference of two
    running sums is a word's, and the base's inverse takes it to the front.
    """
    numbers, powers, inverses = _tables()
    codes = np.frombuffer(data, np.uint8)
    values = numbers[codes]
    inside = np.zeros(len(codes) + 2, np.bool_)
    inside[1:-1] = values != 0
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[::2], edges[1::2]
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(values * powers[: len(values)], out=sums[1:])
    hashes: NDArray[np.uint64] = (sums[ends] - sums[starts]) * inverses[starts]
    return hashes ^ (hashes >> np.uint64(32))


@cache
def _tables() -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    """A random number for each byte of a word (0 for others); powers of a base and its inverse."""
    numbers = _random("bytes", 256) | np.uint64(1)
    for code in range(128):
        if not chr(code).isalnum():
            numbers[code] = 0
    base = int(_MIX)
    return numbers, _powers(base), _powers(pow(base, -1, 2**64))


def _powers(base: int) -> NDArray[np.uint64]:
    factors = np.full(_LONGEST + 1, base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


@cache
def _factors() -> NDArray[np.uint32]:
    """Odd factors of the hash functions x -> a x modulo 2^32, shape (BANDS * ROWS / 2, 1)."""
    numbers = _random("functions", BANDS * ROWS // 2) >> np.uint64(32)
    return numbers.astype(np.uint32)[:, None] | np.uint32(1)


def _random(purpose: str, count: int) -> NDArray[np.uint64]:
    """Numbers fixed by their purpose, on any machine and in any version of numpy."""
    import hashlib

    data = hashlib.shake_256(purpose.encode()).digest(8 * count)
    return np.frombuffer(data, "<u8").copy()
