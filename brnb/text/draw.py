"""Samples of a stream of texts that hashes decide: never its first ones, whatever its order."""

import heapq
from collections.abc import Iterable

from brnb.text.hashing import fraction


def draw_bytes(texts: Iterable[str], size: int, seed: int, purpose: bytes) -> list[str]:
    """Texts of the smallest hashes, in their order, until `size` bytes of UTF-8 are reached.

    One pass, which holds little more than the sample: a text leaves as soon as those with smaller
    hashes are enough. The sample does not depend on the order of the stream.

    Parameters
    ----------
    texts
        The stream.
    size
        Bytes to reach: the last text taken passes them. All texts, if they are fewer.
    seed, purpose
        Of the hashes (`brnb.text.hashing.fraction`): other ones draw other texts.
    """
    largest_first: list[tuple[float, str, int]] = []
    held = 0
    for text in texts:
        data = text.encode()
        hashed = fraction(data, seed, purpose)
        if held >= size and hashed > -largest_first[0][0]:
            continue
        heapq.heappush(largest_first, (-hashed, text, len(data)))
        held += len(data)
        while held - largest_first[0][2] >= size:
            held -= heapq.heappop(largest_first)[2]
    return [text for _, text, _ in sorted(largest_first, key=lambda item: (-item[0], item[1]))]
