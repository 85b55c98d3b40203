"""How wide a text prints, in points: the widths of the letters of Computer Modern.

Latin Modern and its relatives have the same, which hold for the dissertation's class too.
"""

import unicodedata

_MILS = {  # of cmr10.tfm, in thousandths of the type size
    **dict.fromkeys("ijl.,;:!'|ı’‘` ", 278),
    **dict.fromkeys("f", 306),
    **dict.fromkeys("rst-", 392),
    **dict.fromkeys("cezv?", 444),
    **dict.fromkeys("ao0123456789/*$~^“”\"«»", 500),
    **dict.fromkeys("gkvxyqª°º", 528),
    **dict.fromkeys("bdhnpuSß", 556),
    **dict.fromkeys("LFZ", 653),
    **dict.fromkeys("EPBRCT", 736),
    **dict.fromkeys("ADGHKNOQUVXY&@w+=<>±×−≈≤≥→←#", 785),
    **dict.fromkeys("mMæœ%", 917),
    **dict.fromkeys("WÆŒ—…", 1028),
    "I": 361, "J": 514, "[": 278, "]": 278, "(": 389, ")": 389, "v": 528, "w": 722, "–": 500,
}  # fmt: skip
_OTHER = 785  # symbols of mathematics
_THIN = dict.fromkeys("\N{ZERO WIDTH SPACE}\N{SOFT HYPHEN}", 0)
_RAISED = dict.fromkeys("⁻⁰¹²³⁴⁵⁶⁷⁸⁹₂", 400)


def width(text: str, size: float) -> float:
    """Width in points of a line of text.

    Parameters
    ----------
    text
        As it prints, without commands.
    size
        Of the type, in points.
    """
    return sum(map(_mils, text)) / 1000 * size


def _mils(character: str) -> int:
    for widths in (_THIN, _RAISED, _MILS):
        if character in widths:
            return widths[character]
    base = unicodedata.normalize("NFD", character)[0]
    return _MILS.get(base, _OTHER)
