"""Personal data in generated text: CPF, CNPJ, e-mail addresses and Brazilian telephone numbers.

A CPF or CNPJ counts if its check digits are right, written out or as bare digits; one in a hundred
runs of 11 or 14 digits passes by chance. A telephone number has no check digits, so it needs a
valid area code and a sign of being one: parentheses, +55, or the hyphen of the usual spelling.
"""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple, cast

IdentifierKind = Literal["email", "cnpj", "cpf", "phone"]
IDENTIFIER_KINDS: tuple[IdentifierKind, ...] = ("email", "cnpj", "cpf", "phone")

_HYPHEN = "[-\u2010-\u2013]"
_NUMBER_STARTS = r"(?<!\w)(?<![0-9][.,/-])"
_NUMBER_ENDS = r"(?!\w|[.,-][0-9])"

_EMAIL = r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_]{2,24}\b"

_CPF = rf"""{_NUMBER_STARTS}
    (?: [0-9]{{3}}\.[0-9]{{3}}\.[0-9]{{3}}{_HYPHEN}[0-9]{{2}} | [0-9]{{9}}{_HYPHEN}?[0-9]{{2}} )
    {_NUMBER_ENDS}"""

# letters too since July 2026 (Instrução Normativa RFB 2.229/2024)
_CNPJ = rf"""{_NUMBER_STARTS}
    (?: [0-9A-Z]{{2}}\.[0-9A-Z]{{3}}\.[0-9A-Z]{{3}}/[0-9A-Z]{{4}}{_HYPHEN}[0-9]{{2}}
      | [0-9]{{8}}/?[0-9]{{4}}{_HYPHEN}?[0-9]{{2}} )
    {_NUMBER_ENDS}"""

# the 67 area codes; mobile numbers have nine digits from 9 on, others eight from 2 to 5 on
_AREA = "(?:1[1-9]|2[12478]|3[1-578]|4[1-9]|5[1345]|6[1-9]|7[134579]|8[1-9]|9[1-9])"
_MOBILE, _FIXED = "9[0-9]{4}", "(?!20[0-9]{2}.(?:19|20))[2-5][0-9]{3}"  # "2019-2020" are years
_PHONE = rf"""
    (?: (?: (?<![0-9])\+55[\s.-]? (?: \(0?{_AREA}\) | {_AREA} ) | \(0?{_AREA}\) ) [\s.-]?
        (?: {_MOBILE}(?:[\s.]|{_HYPHEN})? | {_FIXED}(?:\.|{_HYPHEN})? )
      | {_NUMBER_STARTS}0?{_AREA}[\s.-] (?:{_MOBILE}|{_FIXED}){_HYPHEN} )
    [0-9]{{4}}{_NUMBER_ENDS}"""

_ANY = re.compile(
    f"(?P<email>{_EMAIL})|(?P<cnpj>{_CNPJ})|(?P<cpf>{_CPF})|(?P<phone>{_PHONE})", re.VERBOSE
)
_LARGEST_WEIGHT = {"cpf": 11, "cnpj": 9}


class Finding(NamedTuple):
    """A piece of personal data: ``text[start:end]`` of the text it was found in."""

    kind: IdentifierKind
    start: int
    end: int


def find(text: str) -> list[Finding]:
    """Find personal data in a text, from left to right.

    CPF and CNPJ by the check digits of the Receita Federal; telephone numbers by Anatel's
    numbering plan (Resolução 749/2022). Numbers such as 0800, without an area code, are nobody's.
    """
    matches = ((cast(IdentifierKind, match.lastgroup), match) for match in _ANY.finditer(text))
    return [Finding(kind, *match.span()) for kind, match in matches if _valid(kind, match.group())]


def count(texts: Iterable[str]) -> dict[IdentifierKind, int]:
    """Count the personal data in texts by kind; kinds that do not occur are 0."""
    counts = dict.fromkeys(IDENTIFIER_KINDS, 0)
    for text in texts:
        for finding in find(text):
            counts[finding.kind] += 1
    return counts


def _valid(kind: IdentifierKind, text: str) -> bool:
    if kind not in _LARGEST_WEIGHT:
        return True
    number = "".join(filter(str.isalnum, text))
    if len(set(number)) == 1:  # 111.111.111-11 has the right check digits, and is never issued
        return False
    return number.endswith(_check_digits(number[:-2], _LARGEST_WEIGHT[kind]))


def _check_digits(body: str, largest_weight: int) -> str:
    """Two check digits modulo 11, with weights from 2 on, from the right, again and again."""
    for _ in range(2):
        weighted = sum(
            (ord(symbol) - 48) * (2 + i % (largest_weight - 1))
            for i, symbol in enumerate(reversed(body))
        )
        body += str(-weighted % 11 % 10)
    return body[-2:]
