"""Personal data in texts: Brazilian documents, cards, e-mail addresses, telephones, postal codes.

A document counts if its check digits are right, in any usual spelling; one in a hundred numbers of
the right length passes by chance. Where a number says less than that (PIS, CNH, título de eleitor
and a bare postal code), a word before it has to say what it is. A telephone number has no check
digits and needs a valid area code. Numbers of laws and of court cases are nobody's.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal, NamedTuple, cast, get_args

from brnb.text import check_digits

IdentifierKind = Literal["email", "cnpj", "cpf", "pis", "voter", "cnh", "card", "phone", "cep"]
IDENTIFIER_KINDS: tuple[IdentifierKind, ...] = get_args(IdentifierKind)
MASKS: dict[IdentifierKind, str] = {
    "email": "[E-MAIL]",
    "cnpj": "[CNPJ]",
    "cpf": "[CPF]",
    "pis": "[PIS]",
    "voter": "[TÍTULO DE ELEITOR]",
    "cnh": "[CNH]",
    "card": "[CARTÃO]",
    "phone": "[TELEFONE]",
    "cep": "[CEP]",
}


class Finding(NamedTuple):
    """A piece of personal data: ``text[start:end]`` of the text it was found in."""

    kind: IdentifierKind
    start: int
    end: int


_DASH = "[-\u2010-\u2013]"
_BLANK = "[ \u00a0]"
_STARTS = r"(?<!\w)(?<![0-9][.,/-])"
_ENDS = r"(?!\w|[.,/-][0-9])"
_LAST = rf"(?:{_BLANK}?(?:{_DASH}|/){_BLANK}?|[. ])?"  # before a document's check digits
# The 67 area codes; mobile numbers have nine digits from 9 on, others eight from 2 to 5 on.
_AREA = "(?:1[1-9]|2[12478]|3[1-578]|4[1-9]|5[1345]|6[1-9]|7[134579]|8[1-9]|9[1-9])"
_PREFIX = "(?:0?[xX]{2}|0)?"  # 011, 0xx11: how numbers were dialled
_MOBILE = rf"9[ .]?[0-9]{{4}}(?:{_BLANK}|\.|{_DASH})?[0-9]{{4}}"
_FIXED = "(?!(?:19|20)[0-9]{2}.?(?:19|20)[0-9]{2})[2-5][0-9]{3}"  # "2019-2020" are years
_BRACKETS = rf"\({_PREFIX}{_AREA}\)"
_CODED = rf"(?: (?<![0-9])\+55{_BLANK}?[.-]?(?:{_BRACKETS}|{_AREA}) | {_BRACKETS} )"

_PHONE = rf"""
    {_CODED}{_BLANK}?[.-]? (?: {_MOBILE} | {_FIXED}(?:{_BLANK}|\.|{_DASH})?[0-9]{{4}} )
  | {_STARTS}(?:55{_BLANK})?{_PREFIX}{_AREA}(?:{_BLANK}|[.-])
    (?: {_MOBILE} | {_FIXED}{_DASH}[0-9]{{4}} )"""
_ELEVEN = rf"""
    (?: [0-9]{{9}}(?:{_BLANK}?(?:{_DASH}|/){_BLANK}?)?
      | [0-9]{{3}}(?P<gap>[. ])[0-9]{{3}}(?P=gap)[0-9]{{3}}{_LAST} )[0-9]{{2}}"""
_CNPJ = (
    rf"[0-9A-Z]{{2}}\.?[0-9A-Z]{{3}}\.?[0-9A-Z]{{3}}{_BLANK}?/?{_BLANK}?[0-9A-Z]{{4}}"
    rf"{_LAST}[0-9]{{2}}"
)
_CARD = (
    "[0-9]{4}(?P<space>[ -]?)"
    "(?:[0-9]{4}(?P=space)[0-9]{4}(?P=space)[0-9]{4}|[0-9]{6}(?P=space)[0-9]{4,5})"
)
_NUMBER = re.compile(
    rf"""(?P<phone> {_PHONE} )(?: {_ENDS} | (?=/[0-9]{{4}}\b) )
    | {_STARTS}(?:
        (?P<pis> [0-9]{{3}}\.[0-9]{{5}}\.[0-9]{{2}}{_DASH}[0-9] )
      | (?P<eleven> {_ELEVEN} )
      | (?P<cnpj> {_CNPJ} )
      | (?<![0-9][ ])(?P<card> {_CARD} )(?![ -]?[0-9])
      | (?P<voter> [0-9]{{4}}[ .]?[0-9]{{4}}[ .]?[0-9]{{4}} )
      | (?P<cep> [0-9]{{2}}\.?[0-9]{{3}}{_DASH}?[0-9]{{3}} )
    ){_ENDS}""",
    re.VERBOSE,
)
# Where a number may be: cheap to find, and all that `_NUMBER` may take; CNPJs may begin in letters.
_PLACES = (
    re.compile("[0-9(+][-0-9A-Zx ()./+\u00a0\u2010-\u2013]{7,}"),
    re.compile(
        r"[A-Z][0-9A-Z]\.?[0-9A-Z]{3}\.?[0-9A-Z]{3} ?/? ?[0-9A-Z]{4}[- ./\u2010-\u2013]*[0-9]{2}"
    ),
)
_AT = ("@", "(at)", "[at]", "(arroba)", "[arroba]")
_EMAIL = re.compile(
    rf"(?<![\w.%+-])[\w.%+-]{{1,64}}(?:@|{_BLANK}?[(\[](?:at|arroba)[)\]]{_BLANK}?)"
    r"(?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_]{2,24}\b"
)
_CARDS = re.compile(  # of Visa, Mastercard, American Express, Diners, Discover, JCB, Elo, Hipercard
    r"4\d{15}|5[0-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[0-2])\d{13}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}(?:\d\d)?"
    r"|35\d{14}|6(?:011|[235]\d\d|0628)\d{11,12}"
)
_BARE_MOBILE = re.compile(f"{_AREA}9[1-9][0-9]{{7}}")
_WORDS: dict[str, re.Pattern[str]] = {
    "pis": re.compile(r"\b(?:pis|pasep|nit|nis)\b"),
    "cnh": re.compile(r"\b(?:cnh|habilitação|motorista)\b"),
    "voter": re.compile(r"\b(?:título|titulo|eleitor\w*)\b"),
    "cep": re.compile(r"\bcep\b"),
    "other": re.compile(r"(?:\bn[ºo°.]*|cpf|protocolo|processo|pedido|código|matrícula)\W{0,3}$"),
}
_CONTEXT = 30  # characters before a number in which a word says what it is


def find(text: str) -> list[Finding]:
    """Find personal data in a text, from left to right.

    Documents by their check digits (`brnb.text.check_digits`), telephone numbers by Anatel's
    numbering plan (Resolução 749/2022). Numbers such as 0800, without an area code, are nobody's.
    """
    findings = [*_emails(text), *_numbers(text)]
    findings.sort(key=lambda finding: finding.start)
    apart: list[Finding] = []
    for finding in findings:
        if not apart or finding.start >= apart[-1].end:
            apart.append(finding)
    return apart


def mask(text: str, replaced: bool = True) -> tuple[str, dict[IdentifierKind, int]]:
    """Put ``[CPF]`` and the like in the place of personal data; also how many there were, by kind.

    >>> mask("CPF 529.982.247-25")
    ('CPF [CPF]', {'cpf': 1})
    >>> mask("CPF 529.982.247-25", replaced=False)
    ('CPF 529.982.247-25', {'cpf': 1})
    """
    findings = find(text)
    for kind, start, end in reversed(findings) if replaced else ():
        text = f"{text[:start]}{MASKS[kind]}{text[end:]}"
    return text, dict(Counter(finding.kind for finding in findings))


def count(texts: Iterable[str]) -> dict[IdentifierKind, int]:
    """Count the personal data in texts by kind; kinds that do not occur are 0."""
    counts = Counter(finding.kind for text in texts for finding in find(text))
    return {kind: counts[kind] for kind in IDENTIFIER_KINDS}


def _emails(text: str) -> Iterator[Finding]:
    for sign in _AT:
        end, at = 0, text.find(sign)
        while at >= 0:
            match = _EMAIL.search(text, max(end, at - 66), at + 600)
            if match and match.end() <= at:  # another address, before this sign
                end = match.end()
                continue
            if match and not _is_password(text, match.start()):
                end = match.end()
                yield Finding("email", match.start(), end)
            at = text.find(sign, max(at + 1, end))


def _is_password(text: str, start: int) -> bool:
    """Whether what stands before is a URL's user: ``https://user:password@host``."""
    head = text[max(0, start - 80) : start].rpartition("//")
    return head[1] == "//" and not re.search(r"[\s/]", head[2])


def _numbers(text: str) -> Iterator[Finding]:
    for place in chain.from_iterable(pattern.finditer(text) for pattern in _PLACES):
        # Two characters more: what follows a number tells whether it ends there.
        for match in _NUMBER.finditer(text, place.start(), min(len(text), place.end() + 2)):
            if kind := _kind(text, match):
                yield Finding(kind, *match.span())


def _kind(text: str, match: re.Match[str]) -> IdentifierKind | None:
    """What a number is, or None if it is nobody's."""
    form, number = cast(str, match.lastgroup), "".join(filter(str.isalnum, match.group()))
    if form == "phone":
        return "phone"
    before = text[max(0, match.start() - _CONTEXT) : match.start()].casefold()
    if form == "eleven":
        return _eleven(number, before, is_bare=len(match.group()) == 11)
    if form == "cep":
        is_written = not match.group()[-4].isdigit() and number >= "01"  # "90.583333" is a number
        return "cep" if is_written or _WORDS["cep"].search(before) else None
    if form == "voter" and not _WORDS["voter"].search(before):
        return None
    if form == "card" and not _CARDS.fullmatch(number):
        return None
    return cast(IdentifierKind, form) if check_digits.is_valid(form, number) else None


def _eleven(number: str, before: str, is_bare: bool) -> IdentifierKind | None:
    """Eleven digits: of a CPF, PIS, CNH, or a mobile telephone."""
    for kind in ("pis", "cnh"):
        if _WORDS[kind].search(before) and check_digits.is_valid(kind, number):
            return kind
    if check_digits.is_valid("cpf", number):
        return "cpf"
    is_mobile = is_bare and _BARE_MOBILE.fullmatch(number)
    return "phone" if is_mobile and not _WORDS["other"].search(before) else None
