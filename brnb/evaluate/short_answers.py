"""A short answer in Portuguese as the words that count: what EM and F1 of `pt` compare.

SQuAD's normaliser keeps neither signs nor numbers whole: to it 1,5 is the words 1 and 5, and -5
is 5. Read as Portuguese, an answer keeps what tells it from another:

- A number is one word, however it is grouped: 1.234,56 and 1234,56; a date is one word too.
- Signs count: minus, %, degrees, currency, emoji, the + of C++; other punctuation does not, unless
  the answer is nothing else.
- 1º, 1° and 1o are one word, as are km² and km2, H₂O and H2O.
- Contractions are their parts (do: de + o), and then articles go: o, a, os, as, uns, umas before a
  blank and a word. A letter that ends a phrase ("grupo A"), a capital inside one, what stands
  before a number ("de 10 a 20"), a clitic ("vendeu-o", "ela o viu") is no article; um and uma are
  numerals as well, and stay.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

ARTICLES = frozenset({"o", "a", "os", "as", "uns", "umas"})
CLITIC_AFTER = frozenset(
    re.findall(r"\w+", "eu tu ele ela nós vós eles elas você vocês não nunca jamais ninguém")
)
"""After these words, o and a are pronouns: a subject or a negation, and then the verb's object."""

CONTRACTIONS = {
    preposition + article: (whole, article)
    for preposition, whole in (("d", "de"), ("n", "em"), ("pel", "por"))
    for article in ("o", "a", "os", "as", "um", "uma", "uns", "umas")
} | {"ao": ("a", "o"), "aos": ("a", "os"), "à": ("a", "a"), "às": ("a", "as")}
"""The contractions of a preposition with an article; that nobody writes ``pelum`` does no harm."""

_TOKEN = re.compile(
    r"(?<![\w-])[-−]?\d+(?:[.,:/]\d+)*[oa]?(?![\w])"  # numbers, dates, ordinals
    r"|\w[\w\u0300-\u036f]*(?:\+\+|#(?!\w))?"
    r"|%|[$<>+=](?=\s?\d)|[^\w\s\x00-\x7f]"
)
_GROUPED = re.compile(r"(\d{1,3}(?:\.\d{3})+)(,\d+)?|(\d{1,3}(?:,\d{3})+)(\.\d+)|(\d+)\.(\d+)")
_ORDINAL = re.compile(r"(?<=\d)[º°](?!\s?[CFK]\b)|(?<=\d)ª")
_DEGREE = re.compile(r"\s?[º°]\s?(?=[CFK]\b)")
_NUMERO = re.compile(r"(?<=[Nn])[º°]")
_SMALL = re.compile(r"(?<=[^\W\d_])[⁰¹²³⁴-⁹₀-₉]+")  # of units and formulas: 10² is not 102
_BEGINS = frozenset('.!?:;…\n"“«—–(')


class _Token(NamedTuple):
    text: str
    gap: str
    article: bool


def answer_words(text: str) -> list[str]:
    """The words of an answer that count, in lower case; none if nothing of it is visible.

    Parameters
    ----------
    text
        In NFC, without characters of no width.
    """
    tokens = [*_tokens(_NUMERO.sub("º", _signs(text.replace("_", " "))))]
    around = zip([None, *tokens], tokens, [*tokens[1:], None], strict=False)
    words = [
        token.text.lower()
        for last, token, following in around
        if not _is_article(last, token, following)
    ]
    return [unicodedata.normalize("NFC", word) for word in words] or _bare(text)


def _bare(text: str) -> list[str]:
    """Punctuation alone as one word."""
    rest = "".join(text.split())
    return [rest] if any(c.isprintable() for c in rest) else []


def _signs(text: str) -> str:
    """Ordinals, degrees and small digits written in one way."""
    if text.isascii():
        return text
    text = _DEGREE.sub(" ° ", text)
    text = _ORDINAL.sub(lambda sign: "a" if sign.group() == "ª" else "o", text)
    return _SMALL.sub(lambda digits: unicodedata.normalize("NFKC", digits.group()), text)


def _tokens(text: str) -> Iterator[_Token]:
    """Words, numbers and signs, each with what stands between it and the one before."""
    end = 0
    for match in _TOKEN.finditer(text):
        word = match.group()
        if not word[0].isalnum() and not _counts(word):
            continue
        gap, end = text[end : match.start()], match.end()
        parts = CONTRACTIONS.get(word.lower()) if not gap.endswith("-") else None
        if parts:
            yield _Token(parts[0], gap, False)
            yield _Token(parts[1], " ", parts[1] in ARTICLES)
        else:
            yield _Token(_number(word), gap, word.lower() in ARTICLES)


def _counts(sign: str) -> bool:
    """Whether a sign tells one answer from another: quotes and dashes do not."""
    return sign.isascii() or sign[0] == "−" or unicodedata.category(sign) in ("So", "Sm", "Sc")


def _number(word: str) -> str:
    """A number without the separators of thousands, its fraction after a comma."""
    if not word[-1].isdigit():
        return word
    plain = word.replace("−", "-")
    sign, digits = ("-", plain[1:]) if plain.startswith("-") else ("", plain)
    match = _GROUPED.fullmatch(digits)
    if not match:
        return sign + digits
    points, comma, commas, point, whole, fraction = match.groups("")
    if whole:
        return f"{sign}{whole},{fraction}"
    return sign + re.sub(r"[.,]", "", points or commas) + (comma or point).replace(".", ",")


def _is_article(before: _Token | None, token: _Token, after: _Token | None) -> bool:
    if not token.article or after is None or after.gap.strip() or not after.gap:
        return False
    if not after.text[0].isalpha() or after.text.lower() in ARTICLES or token.gap.endswith("-"):
        return False
    if before is None:
        return True
    if len(token.text) == 1 and token.text.isupper() and not _BEGINS & set(token.gap):
        return False
    return not (before.text.lower() in CLITIC_AFTER and not token.gap.strip())
