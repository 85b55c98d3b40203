"""One claim in a reader's words, or as a record: printed, check, both values, the verdict."""

import difflib
from collections.abc import Iterator
from typing import Any

from brnb.audit.claims import Both, Claim
from brnb.audit.engine import Audit, Result
from brnb.audit.quote import PRINTED

WORDS = {
    "confirmed": Both(pt="confirmada", en="confirmed"),
    "rounding": Both(pt="arredondamento", en="rounding"),
    "wrong": Both(pt="errada", en="wrong"),
    "inconsistent": Both(pt="contraditória", en="inconsistent"),
    "false fact": Both(pt="fato falso", en="false fact"),
    "not checkable": Both(pt="não verificável", en="not checkable"),
}
FACTS = {  # what is right in place of a false fact, where it is Portuguese
    "densa": "dense",
    "derivadas de unidades diferentes": "derivatives in different units",
    "manuscrito dos autores": "the authors' manuscript",
    "não existe": "there is none",
    "não publicado": "not published",
    "pesos não publicados": "weights not published",
}
_HEADS = {
    "says": Both(pt="Afirmação", en="Claim"),
    "quote": Both(pt="No texto", en="In the text"),
    "inputs": Both(pt="Entradas", en="Inputs"),
    "check": Both(pt="Conferência", en="Check"),
    "printed": Both(pt="Impresso", en="Printed"),
    "recomputed": Both(pt="Recalculado", en="Recomputed"),
    "verdict": Both(pt="Veredito", en="Verdict"),
    "reading": Both(pt="Outra leitura que dá o impresso", en="Another reading that gives it"),
    "consequence": Both(pt="Consequência", en="Consequence"),
    "changes": Both(pt="Muda também", en="Changes too"),
    "source": Both(pt="Fonte", en="Source"),
    "why": Both(pt="Porque", en="Because"),
    "where": Both(pt="Registro", en="Register"),
}


def records(audited: Audit) -> list[dict[str, Any]]:
    """Every claim with its check, both values and the verdict, as JSON has it.

    ``published`` and ``recomputed`` are numbers in ``unit``, where the claim is about one; they
    agree within ``tolerance``: half of the last printed digit, or what the text itself allows.
    """
    return [_record(id, result) for id, result in audited.results.items()]


def _record(id: str, result: Result) -> dict[str, Any]:
    claim, judgement = result.claim, result.judgement
    return {
        "id": id,
        "document": claim.document,
        "place": id.removeprefix(f"{claim.document}:"),
        "statement": {"pt": claim.says, "en": claim.says_en},
        "quotes": [quote.text for _, quote in claim.passages],
        "check": {"kind": claim.kind, "text": check_text(claim)},
        "inputs": _inputs(result),
        "printed": judgement.printed,
        "published": judgement.number and judgement.number.value,
        "recomputed": judgement.recomputed,
        "unit": judgement.unit,
        "tolerance": judgement.number and _tolerance(result),
        "interval": None if judgement.low is None else [judgement.low, judgement.high],
        "verdict": result.verdict,
        "why": judgement.why and {lang: judgement.reason(lang) for lang in ("pt", "en")},
        "reading": judgement.reading and judgement.reading.model_dump(include={"pt", "en"}),
        "consequence": claim.consequence and claim.consequence.model_dump(),
        "changes": claim.changes,
        "source": claim.source,
        "register": f"brnb/thesis/claims/{claim.file}:{claim.line}",
    }


def _tolerance(result: Result) -> float:
    """How far a recomputed number may be from the printed one and confirm it, in its unit."""
    judgement = result.judgement
    half = float(judgement.number.step) / 2 if judgement.number else 0.0
    value = judgement.recomputed if isinstance(judgement.recomputed, float) else 0.0
    return max(half, result.claim.about * abs(value))


def _inputs(result: Result) -> dict[str, Any]:
    slots = {name: text for name, text in result.slots.items() if name != PRINTED}
    return {**result.claim.given, **slots}


def verdict_word(verdict: str, lang: str) -> str:
    """A verdict in the language of the reader."""
    return str(getattr(WORDS[verdict], lang))


def explain(audited: Audit, id: str, lang: str = "pt") -> str:
    """Explain one claim.

    Raises
    ------
    ValueError
        If no claim has this id; the message names the nearest.
    """
    if id not in audited.results:
        within = [known for known in audited.results if known.startswith(id)]
        near = (within or difflib.get_close_matches(id, audited.results, cutoff=0.4))[:5]
        raise ValueError(f"no claim {id!r}; nearest: {', '.join(near) or 'none'}")
    result = audited.results[id]
    lines = (
        f"{getattr(_HEADS[head], lang)}: {text}" for head, text in _facts(result, lang) if text
    )
    return "\n".join([id, *lines])


def fact(text: str, lang: str) -> str:
    """What is right in place of a false fact, in the language of the reader."""
    return FACTS.get(text, text) if lang == "en" else text


def number(value: float | str | None, lang: str) -> str:
    """A recomputed value with six significant digits, with the language's decimal sign."""
    if not isinstance(value, float):
        return fact(str(value or ""), lang)
    digits, _, power = f"{value:.6g}".partition("e")
    written = digits.replace(".", "," if lang == "pt" else ".")
    return f"{written} × 10^{int(power)}" if power else written


def check_text(claim: Claim) -> str:
    """How a claim is checked, as the register has it."""
    match claim.kind:
        case "value" | "holds" | "algebra":
            text = str(getattr(claim, claim.kind))
            return text + "".join(f"; {name} = {value}" for name, value in claim.where.items())
        case "fact":
            return f"= {claim.fact} {claim.unit}".strip()
        case "shapes":
            assert claim.shapes is not None
            sizes = (f"{name}: {' × '.join(size)}" for name, size in claim.shapes.sizes.items())
            return f"{'; '.join(sizes)} → {' × '.join(claim.shapes.gives)}"
        case "test":
            assert claim.test is not None
            given = (f"{name} = {value}" for name, value in claim.test.arguments.items())
            return f"{claim.test.function}({', '.join(given)})"
    return "=" if claim.kind == "same" else ""


def _facts(result: Result, lang: str) -> Iterator[tuple[str, str | None]]:
    claim, judgement = result.claim, result.judgement
    yield "says", claim.statement(lang)
    for _, quote in claim.passages:
        yield "quote", " ".join(quote.text.split())
    yield "inputs", "; ".join(f"{name} = {value}" for name, value in _inputs(result).items())
    yield "check", check_text(claim)
    yield "printed", judgement.printed
    yield "recomputed", _recomputed(result, lang)
    yield "verdict", verdict_word(result.verdict, lang)
    yield "reading", getattr(judgement.reading, lang, None)
    yield "why", judgement.reason(lang)
    if result.verdict not in ("confirmed", "rounding", "not checkable"):
        yield "consequence", getattr(claim.consequence, lang, None)
        yield "changes", ", ".join(claim.changes)
    yield "source", claim.source
    yield "where", f"brnb/thesis/claims/{claim.file}:{claim.line}"


def _recomputed(result: Result, lang: str) -> str:
    judgement = result.judgement
    text = number(judgement.recomputed, lang)
    if judgement.low is not None and judgement.high is not None:
        text += f" [{number(judgement.low, lang)}; {number(judgement.high, lang)}]"
    return text
