"""Noun phrases that contract with prepositions, and numbers in Brazilian format."""

from typing import Any

Phrase = dict[str, Any]

ARTICLE_FORMS = ("o", "do", "no", "ao", "pelo")
CONTRACTIONS = {
    "o": ("o", "do", "no", "ao", "pelo"),
    "a": ("a", "da", "na", "à", "pela"),
    "os": ("os", "dos", "nos", "aos", "pelos"),
    "as": ("as", "das", "nas", "às", "pelas"),
    "um": ("um", "de um", "em um", "a um", "por um"),
    "uma": ("uma", "de uma", "em uma", "a uma", "por uma"),
    "": ("", "de", "em", "a", "por"),
}
_AGREEMENT = {"o": 0, "um": 0, "a": 1, "uma": 1, "os": 2, "as": 3}
MONTHS = (
    "janeiro",
    "fevereiro",
    "março",
    "abril",
    "maio",
    "junho",
    "julho",
    "agosto",
    "setembro",
    "outubro",
    "novembro",
    "dezembro",
)


def phrase(text: str, gender: int | None = None, **attributes: Any) -> Phrase:
    """A noun phrase with its forms; the article it begins with decides gender and number.

    Parameters
    ----------
    text
        ``"a ponte"``, ``"os trilhos"``; without an article (``"Goiás"``) prepositions stay whole.
    gender
        0 masculine, 1 feminine: for phrases without an article.
    **attributes
        What else a template may ask of it, such as ``river`` of a city.
    """
    head, _, tail = text.partition(" ")
    article, noun = (head, tail) if head in _AGREEMENT and gender is None else ("", text)
    forms = {
        form: f"{word} {noun}".lstrip()
        for form, word in zip(ARTICLE_FORMS, CONTRACTIONS[article], strict=True)
    }
    agreement = _AGREEMENT.get(article, 0) if gender is None else gender
    return {"": noun, "agreement": agreement, **forms, **attributes}


def integer(value: int) -> str:
    """Write an integer as Portuguese does: ``1234567`` as ``1.234.567``."""
    return f"{value:,}".replace(",", ".")


def decimal(value: float) -> str:
    """``3.25`` as ``3,2``: one decimal, and a comma."""
    return f"{value:.1f}".replace(".", ",")


def price(reais: float) -> str:
    """Reais and centavos: ``12.9`` as ``R$ 12,90``."""
    whole, cents = divmod(round(100 * reais), 100)
    return f"R$ {integer(whole)},{cents:02d}"


def money(millions: float) -> str:
    """Reais in words, singular below two: ``R$ 1,4 milhão``, ``R$ 3,2 bilhões``."""
    value, one, many = (
        (millions / 1000, "bilhão", "bilhões")
        if millions >= 1000
        else (millions, "milhão", "milhões")
    )
    tenths = int(value * 10)
    whole, tenth = divmod(tenths, 10)
    number = f"{whole},{tenth}" if tenth else str(whole)
    return f"R$ {number} {one if whole < 2 else many}"


def capitalise(sentence: str) -> str:
    """Upper-case the first letter, also behind an opening quotation mark."""
    at = 1 if sentence[0] == "“" else 0
    return sentence[:at] + sentence[at].upper() + sentence[at + 1 :]
