"""What a claim's expression may use: its slots and given numbers with units, and our functions."""

import itertools
import re
import unicodedata
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from brnb.audit import attention, grim, hardware, models, numeric, properties, words
from brnb.audit.claims import Claim
from brnb.audit.expression import ExpressionError, evaluate_expression, quantity
from brnb.audit.formula import FormulaError, to_expression
from brnb.audit.printed import UnreadableNumber, read_printed
from brnb.audit.quote import PRINTED
from brnb.theory import (
    accelerators,
    attention_cost,
    budget,
    chinchilla,
    compute,
    feasibility,
    kaplan,
    lora,
    number_formats,
    quantisation,
    tradeoffs,
    transformer_flops,
)
from brnb.theory import attention as attention_formulas

ROOMS = {  # what an expression of a claim may call
    "audit": SimpleNamespace(
        attention=attention,
        grim=grim,
        hardware=hardware,
        models=models,
        numeric=numeric,
        properties=properties,
        words=words,
    ),
    "theory": SimpleNamespace(
        accelerators=accelerators,
        attention=attention_formulas,
        attention_cost=attention_cost,
        budget=budget,
        chinchilla=chinchilla,
        compute=compute,
        feasibility=feasibility,
        kaplan=kaplan,
        lora=lora,
        number_formats=number_formats,
        quantisation=quantisation,
        tradeoffs=tradeoffs,
        transformer_flops=transformer_flops,
    ),
}


def inputs(claim: Claim, slots: Mapping[str, str]) -> dict[str, Any]:
    """Values of the named slots and of `given`, with their units."""
    values: dict[str, Any] = dict(ROOMS)
    for name, text in {**claim.given, **slots}.items():
        if name != PRINTED:
            values[name] = read_input(text, values)
    return values


def read_input(text: float | int | str, earlier: Mapping[str, Any]) -> Any:
    if not isinstance(text, str):
        return text
    try:
        printed = read_printed(text)
    except UnreadableNumber:
        return _formula_or_word(text, earlier)
    return quantity(printed.value, printed.unit)


def _formula_or_word(text: str, earlier: Mapping[str, Any]) -> Any:
    try:
        return evaluate_expression(to_expression(text), earlier)
    except (FormulaError, ExpressionError):
        return folded(text)


def corners(
    claim: Claim, slots: Mapping[str, str], values: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Inputs with every rounded one at either end of what rounds to it."""
    texts = {**slots, **claim.given}
    every = [n for n, t in texts.items() if n != PRINTED and isinstance(t, str)]
    names = every if claim.rounded == "all" else list(claim.rounded)
    ends = []
    for name in names:
        printed = read_printed(str(texts[name]))
        ends.append([quantity(corner, printed.unit) for corner in printed.corners])
    return [{**values, **dict(zip(names, c, strict=True))} for c in itertools.product(*ends)]


def folded(text: str) -> str:
    """Words without case, accents, marks of LaTeX and Markdown."""
    bare = unicodedata.normalize("NFKD", re.sub(r"\\text|[{}*\\$]", "", text))
    return " ".join("".join(c for c in bare if not unicodedata.combining(c)).casefold().split())
