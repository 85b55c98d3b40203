"""A model as judge of two answers, and how far to trust it.

Judges prefer what stands first (Zheng et al., 2023, "Judging LLM-as-a-Judge"). Each pair is
therefore shown in both orders, and a verdict counts only if it survives the swap; how often it
does is reported, and agreement beyond chance by Cohen's kappa (1960).
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from brnb.extrinsic.testsets import Item

Choice = Literal["first", "second", "tie"]
Judge = Callable[[list[str]], list[str]]
"""Answers to prompts: a model behind `predictions.answer_items`, an API, a person."""

_SWAPPED: dict[Choice, Choice] = {"first": "second", "second": "first", "tie": "tie"}
_LETTERS: dict[str, Choice] = {"A": "first", "B": "second", "E": "tie"}
_VERDICT = re.compile(r"\b[ABE]\b")

QUESTION = """\
Pedido: {prompt}

Referência: {reference}

Resposta A: {first}

Resposta B: {second}

Qual resposta atende melhor ao pedido? Escreva somente A, B ou E (empate)."""


@dataclass(frozen=True)
class Verdicts:
    """What a judge said of each pair, in each order; None where it gave no verdict.

    Attributes
    ----------
    shown, swapped
        Choices of the pair as given, and with its answers exchanged, both named as given.
    """

    shown: list[Choice | None]
    swapped: list[Choice | None]

    @property
    def final(self) -> list[Choice | None]:
        """The choice where both orders agree, else a tie; None if an order has no verdict."""
        pairs = zip(self.shown, self.swapped, strict=True)
        return [
            None if one is None or other is None else one if one == other else "tie"
            for one, other in pairs
        ]

    @property
    def consistency(self) -> float:
        """Share of pairs with the same verdict in both orders."""
        pairs = list(zip(self.shown, self.swapped, strict=True))
        same = sum(one == other and one is not None for one, other in pairs)
        return same / len(pairs) if pairs else math.nan

    @property
    def kappa(self) -> float:
        """Agreement of the two orders beyond chance; pairs without a verdict are left out."""
        pairs = [p for p in zip(self.shown, self.swapped, strict=True) if None not in p]
        return cohen_kappa([one for one, _ in pairs], [other for _, other in pairs])


def judge_both_orders(
    judge: Judge, items: Sequence[Item], first: Sequence[str], second: Sequence[str]
) -> Verdicts:
    """Ask a judge which of two answers to each item is better, in both orders.

    Raises
    ------
    ValueError
        If the answers do not match the items, or the judge did not answer every prompt.
    """
    if not len(items) == len(first) == len(second):
        raise ValueError(f"{len(items)} items, {len(first)} and {len(second)} answers: not pairs")
    asked = [_question(*row) for row in zip(items, first, second, strict=True)]
    exchanged = [_question(*row) for row in zip(items, second, first, strict=True)]
    replies = judge(asked + exchanged)
    if len(replies) != 2 * len(items):
        raise ValueError(f"the judge gave {len(replies)} replies to {2 * len(items)} prompts")
    choices = [read_choice(reply) for reply in replies]
    shown, other = choices[: len(items)], choices[len(items) :]
    return Verdicts(shown, [None if choice is None else _SWAPPED[choice] for choice in other])


def read_choice(reply: str) -> Choice | None:
    """The first A, B or E that stands alone in a reply."""
    match = _VERDICT.search(reply)
    return _LETTERS[match.group()] if match else None


def cohen_kappa(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Agreement of two raters beyond chance: 1 is full, 0 is chance; NaN if chance is full.

    Raises
    ------
    ValueError
        If they did not rate the same things.
    """
    if len(one) != len(other):
        raise ValueError(f"{len(one)} and {len(other)} ratings: not of the same things")
    if not one:
        return math.nan
    total = len(one)
    observed = sum(a == b for a, b in zip(one, other, strict=True)) / total
    left, right = Counter(one), Counter(other)
    expected = sum(left[label] * right[label] for label in left) / total**2
    return (observed - expected) / (1 - expected) if expected < 1 else math.nan


def _question(item: Item, first: str, second: str) -> str:
    return QUESTION.format(
        prompt=item.prompt, reference=item.references[0], first=first, second=second
    )
