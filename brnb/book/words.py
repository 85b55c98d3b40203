"""Words of the book in Portuguese and English, by id."""

from functools import cache
from typing import Any

from brnb import data


@cache
def _words() -> dict[str, dict[str, Any]]:
    words: dict[str, dict[str, Any]] = data.read("book/words.yaml")
    return words


def word(id: str, lang: str) -> str:
    """Return a word or a text of the book in `lang` ("pt" or "en").

    Raises
    ------
    KeyError
        If brnb/book/words.yaml has none of this id.
    """
    if id not in _words():
        raise KeyError(f"no word {id!r}: add it to brnb/book/words.yaml in pt and en")
    return str(_words()[id][lang])


def banner(profile: str, lang: str) -> str | None:
    """What every page of a profile's book warns of, as HTML; None if there is nothing."""
    entry = _words().get(f"banner_{profile}")
    return str(entry[lang]) if entry else None
