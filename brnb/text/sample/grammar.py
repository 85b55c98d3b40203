"""A small grammar of Brazilian Portuguese: noun phrases that contract, templates that agree.

A template is a line of text with slots:

===============================  ==========================================================
``{work}``                       the bare phrase (a role of the scene or a pick from a list)
``{work.o}`` ``.do .no .ao``     with its article, contracted: *a ponte, da, na, à, pela*
``{work|novo|nova}``             agreement in gender; four forms add the plural
``{work#foi|foram}``             agreement in number
``{city2}``                      another pick of the same kind
``{city.river.do}``              an attribute of an entity, in one of its forms
``{int:3:90} {dec:1:4}``         1.234 and 3,4; also ``pct``, ``money`` (in millions), ``year``,
``{price:4:19}``                 R$ 12,90: reais and centavos
``{count:1:9:gol:gols}``         a number and the noun in the right number
``{day} {time}``                 12 de março; 14h30
``[ontem|hoje]``                 one of the alternatives, which may hold slots
===============================  ==========================================================

A slot keeps its pick within one sentence, so that the parts of the sentence agree.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from brnb.text.sample.phrase import (
    ARTICLE_FORMS,
    MONTHS,
    Phrase,
    capitalise,
    decimal,
    integer,
    money,
    price,
)

Clause = Callable[["Scene"], str]


class Scene:
    """Who is on stage: fixed roles, lists to pick from, and a source of chance.

    Parameters
    ----------
    random
        Uniform numbers in [0, 1): the only source of chance.
    cast
        Roles that stay the same for a whole document.
    lists
        What any other slot is picked from.
    """

    __slots__ = ("cast", "lists", "picks", "random")

    def __init__(
        self,
        random: Callable[[], float],
        cast: Mapping[str, Phrase],
        lists: Mapping[str, Sequence[Phrase]],
    ) -> None:
        self.random, self.cast, self.lists = random, cast, lists
        self.picks: dict[str, Phrase] = {}

    def integer(self, low: int, high: int) -> int:
        """A uniform integer of [low, high]."""
        return low + int(self.random() * (high - low + 1))

    def choice(self, options: Sequence[Any]) -> Any:
        """Draw one of the options."""
        return options[int(self.random() * len(options))]

    def shuffled(self, items: Iterable[Any]) -> list[Any]:
        """The items in a random order."""
        return sorted(items, key=lambda _: self.random())

    def get(self, name: str) -> Phrase:
        """The phrase that a slot stands for: a role, an earlier pick or a new one."""
        phrase = self.cast.get(name) or self.picks.get(name)
        return phrase if phrase is not None else self._pick(name)

    def _pick(self, name: str) -> Phrase:
        kind = name.rstrip("0123456789")
        options = self.lists[kind]
        taken = [self.cast.get(kind), *self.picks.values()]
        pick = self.choice(options)
        while any(pick is other for other in taken):
            pick = self.choice(options)
        self.picks[name] = pick
        return pick

    def say(self, template: "Template") -> str:
        """Say one sentence, with picks of its own."""
        self.picks.clear()
        return capitalise(template(self))


class Template:
    """A compiled line of the notation above; call it with a scene."""

    __slots__ = ("parts", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        tokens = [t for t in re.split(r"(\{[^{}]*\}|[\[\]|])", source) if t]
        branches, end = _branches(tokens, 0)
        if end != len(tokens) or len(branches) != 1:
            raise ValueError(f"template {source!r}: unbalanced brackets or a '|' outside of them")
        self.parts = branches[0]

    def __call__(self, scene: Scene) -> str:
        return _join(self.parts, scene)


def _join(parts: Sequence[str | Clause], scene: Scene) -> str:
    return "".join([part if part.__class__ is str else part(scene) for part in parts])  # type: ignore[operator]


def _branches(tokens: Sequence[str], at: int) -> tuple[list[list[str | Clause]], int]:
    """Read alternatives up to the closing bracket; returns them and where reading stopped."""
    branches: list[list[str | Clause]] = [[]]
    while at < len(tokens) and tokens[at] != "]":
        token = tokens[at]
        if token == "|":
            branches.append([])
        elif token == "[":
            inner, at = _branches(tokens, at + 1)
            if at == len(tokens):
                raise ValueError(f"template {''.join(tokens)!r}: '[' is never closed")
            branches[-1].append(_alternatives(inner))
        elif token[0] == "{":
            branches[-1].append(_slot(token[1:-1]))
        else:
            branches[-1].append(token)
        at += 1
    return branches, at


def _alternatives(branches: Sequence[Sequence[str | Clause]]) -> Clause:
    def render(scene: Scene) -> str:
        return _join(scene.choice(branches), scene)

    return render


def _slot(code: str) -> Clause:
    if "|" in code:
        return _agreement(code)
    name, *arguments = code.split(":")
    if name in _NUMBERS:
        return _NUMBERS[name](*arguments)
    name, *path = name.split(".")
    form = path.pop() if path and path[-1] in ARTICLE_FORMS else ""

    def render(scene: Scene) -> str:
        value = scene.get(name)
        for step in path:
            value = value[step]
        return value[form]

    return render


def _agreement(code: str) -> Clause:
    match = re.fullmatch(r"(\w+)([|#])(.*)", code)
    if match is None:
        raise ValueError(f"slot {{{code}}}: expected name|masculine|feminine or name#one|many")
    name, kind, forms = match[1], match[2], match[3].split("|")
    if len(forms) not in ({2} if kind == "#" else {2, 4}):
        raise ValueError(f"slot {{{code}}}: expected 2 forms (or 4 with the plurals)")
    # agreement is 0 m., 1 f., 2 m. pl., 3 f. pl.
    table = [forms[0]] * 2 + [forms[1]] * 2 if kind == "#" else (forms * 2)[:4]

    def render(scene: Scene) -> str:
        return table[scene.get(name)["agreement"]]

    return render


def _number(write: Callable[[float], str], step: float = 1) -> Callable[[str, str], Clause]:
    """A slot for a uniform number of [low, high] in multiples of ``step``."""

    def make(low: str, high: str) -> Clause:
        first, count = float(low), int((float(high) - float(low)) / step) + 1
        return lambda scene: write(first + step * int(scene.random() * count))

    return make


def _count(low: str, high: str, one: str, many: str) -> Clause:
    first, last = int(low), int(high)

    def render(scene: Scene) -> str:
        number = scene.integer(first, last)
        return f"{number} {one if number == 1 else many}"

    return render


def _day() -> Clause:
    def render(scene: Scene) -> str:
        day = scene.integer(1, 28)
        return f"{'1º' if day == 1 else day} de {scene.choice(MONTHS)}"

    return render


def _time() -> Clause:
    return lambda scene: f"{scene.integer(8, 21)}h{scene.choice(('', '15', '30', '45'))}"


_NUMBERS: Mapping[str, Callable[..., Clause]] = {
    "int": _number(lambda x: integer(int(x))),
    "year": _number(lambda x: str(int(x))),
    "dec": _number(decimal, step=0.1),
    "price": _number(price, step=0.01),
    "pct": _number(lambda x: f"{decimal(x).removesuffix(',0')}%", step=0.5),
    "money": _number(money, step=0.1),
    "count": _count,
    "day": _day,
    "time": _time,
}
