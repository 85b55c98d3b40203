"""Chapter 23: the claims of the documents, their verdicts, errata, and what is reproduced."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from brnb.audit.claims import Claim
from brnb.audit.engine import Audit, Result
from brnb.audit.explain import fact, number, verdict_word
from brnb.audit.latex_mutations import NAMES
from brnb.audit.mutations import Attempt
from brnb.audit.portuguese import in_manner_of
from brnb.audit.programmes import Implied
from brnb.audit.record import by_kind
from brnb.audit.verdict import VERDICT_KINDS
from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PARTS = {"14": "A", "15": "B", "16": "B", "17": "B", "18": "B", "19": "B", "20": "C", "21": "C"}
COLOURS = ("#029e73", "#56b4e9", "#d55e00", "#de8f05", "#cc78bc", "#cccccc")  # as KINDS
HATCHES = ("", "..", "//", "xx", "\\\\", "")  # the same in grey print


def part(claim: Claim) -> str:
    """Document of a claim; of the dissertation the chapter or appendix, "refs" for references."""
    document, place, *rest = claim.id.split(":")
    if document != "002":
        return document
    if place.startswith("Refer"):
        return "002 refs"
    if place == "tab":
        return f"002 {PARTS.get(rest[0], '4')}"
    if place == "alg":
        low = int(rest[0])
        return f"002 {'4' if low < 2 else 'A' if low < 10 else 'B'}"
    where = re.match(r"[ABC1-5](?=\.|$|:)|[ABC1-5]", rest[0] if place == "eq" else place)
    return f"002 {where[0]}" if where else "002"


def tab_verdicts(audited: Audit, lang: str) -> "pd.DataFrame":
    """Claims by part of the documents and verdict."""
    results = audited.results.values()
    counts = Counter((part(result.claim), result.verdict) for result in results)
    rows = [
        {"part": _part_name(name, lang), **{kind: counts[name, kind] for kind in VERDICT_KINDS}}
        for name in sorted({name for name, _ in counts})
    ]
    total: dict[str, Any] = {
        "part": label("total", lang),
        **{str(k): n for k, n in audited.counts().items()},
    }
    return frame(
        [{**row, "claims": sum(row[k] for k in VERDICT_KINDS)} for row in [*rows, total]]
    ).rename(columns={kind: verdict_word(kind, lang).capitalize() for kind in VERDICT_KINDS})


def fig_verdicts(audited: Audit, lang: str) -> "Figure":
    """Claims by part and verdict, as stacked bars."""
    table = tab_verdicts(audited, lang).iloc[:-1]
    drawn, axes = figure(height=0.35 * len(table) + 1.4)
    left, look = [0] * len(table), {"edgecolor": "white", "linewidth": 0.4}
    for kind, colour, hatch in zip(VERDICT_KINDS, COLOURS, HATCHES, strict=True):
        word = verdict_word(kind, lang)
        counts = [int(count) for count in table[word.capitalize()]]
        axes.barh(
            list(table["part"]),
            counts,
            left=left,
            label=word,
            **look | {"color": colour, "hatch": hatch},
        )
        left = [start + count for start, count in zip(left, counts, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel(label("claims", lang))
    axes.legend(loc="lower right", fontsize="small")
    return drawn


def tab_errata(audited: Audit, lang: str) -> "pd.DataFrame":
    """Every error, the gravest first: place, printed, correct, consequence."""
    rows = [
        {
            "place": result.claim.id,
            "statement": result.claim.statement(lang),
            "printed": _quoted(result.judgement.printed, result, lang),
            "correct": _correct(result, lang),
            "verdict": verdict_word(result.verdict, lang),
            "consequence": _consequence(result, lang),
        }
        for result in audited.errors()
    ]
    return frame(rows)


def tab_claims_000(audited: Audit, lang: str) -> "pd.DataFrame":
    """Claims of the document on choosing models, with their verdicts."""
    return _claims(audited, "000", lang)


def tab_claims_001(audited: Audit, lang: str) -> "pd.DataFrame":
    """Claims of the study material on small, quantised and distilled models."""
    return _claims(audited, "001", lang)


def tab_claims_002(audited: Audit, lang: str) -> "pd.DataFrame":
    """Claims of the dissertation, with their verdicts."""
    return _claims(audited, "002", lang)


def tab_claims_003(audited: Audit, lang: str) -> "pd.DataFrame":
    """Claims of the slides on MoE and dense models."""
    return _claims(audited, "003", lang)


def tab_claims_004(audited: Audit, lang: str) -> "pd.DataFrame":
    """Claims of the lecture on architectures."""
    return _claims(audited, "004", lang)


def tab_coverage(found: Mapping[str, Any], lang: str) -> "pd.DataFrame":
    """Numbers and comparisons of each document: in a claim, explained, neither."""
    return frame(
        {"part": _part_name(name, lang), **row} for name, row in found["documents"].items()
    )


def tab_coverage_reasons(found: Mapping[str, Any], lang: str) -> "pd.DataFrame":
    """Why what no claim covers states nothing that could be checked."""
    return frame([{"reason": row[lang], "count": row["count"]} for row in found["reasons"]])


def tab_mutations(scores: Mapping[str, Mapping[str, float]], lang: str) -> "pd.DataFrame":
    """Edits by kind, and the percentages found at all and by recomputation alone."""
    rows = [
        {
            "kind": label(f"edit_{kind}", lang),
            "edits": int(score["edits"]),
            "found_percent": 100 * score["found"],
            "recomputed_percent": 100 * score["recomputed"],
        }
        for kind, score in scores.items()
    ]
    return frame(rows)


def tab_mutations_documents(found: Mapping[str, Any], lang: str) -> "pd.DataFrame":
    """The same in copies of the documents themselves, as recorded at release."""
    return tab_mutations(found["mutations"], lang)


def tab_mutations_latex(attempts: Mapping[str, list[Attempt]], lang: str) -> "pd.DataFrame":
    """The same in copies of our own LaTeX: of all its numbers, units, signs and cells."""
    return tab_mutations(by_kind([*attempts["text"], *attempts["exported"]]), lang)


def tab_mutations_names(attempts: Mapping[str, list[Attempt]], lang: str) -> "pd.DataFrame":
    """Edits of digits in names, which are no numbers, and how many were found."""
    rows = [
        {
            "kind": label(f"edit_{name}", lang),
            "edits": len(attempts[name]),
            "found": sum(attempt.found for attempt in attempts[name]),
        }
        for name in NAMES
    ]
    return frame(rows)


def tab_portuguese_models(models: Iterable[Implied], lang: str) -> "pd.DataFrame":
    """Portuguese models and programmes: what their numbers imply, and whether that is plausible."""
    rows = [
        {
            "model": model.name,
            "tokens_billion": model.tokens_billion,
            "kwh": model.kwh,
            "published_cost": model.cost and model.cost[lang],
            "gpu_hours": model.gpu_hours,
            "tokens_per_second": model.tokens_per_second,
            "share_of_peak": None if model.share is None else 100 * model.share,
            "watts": model.watts,
            "our_hours": model.our_hours,
            "our_usd_per_billion": model.our_usd_per_billion,
            "our_brl": model.our_brl,
            "verdict": _plausibility(model, lang),
            "source": model.source[lang],
        }
        for model in models
    ]
    return frame(rows)


def _claims(audited: Audit, document: str, lang: str) -> "pd.DataFrame":
    """Every claim of one document with its verdict."""
    rows = [
        {
            "place": result.claim.id.removeprefix(f"{document}:"),
            "statement": result.claim.statement(lang),
            "printed": _quoted(result.judgement.printed, result, lang),
            "recomputed": _recomputed(result, lang),
            "verdict": verdict_word(result.verdict, lang),
        }
        for result in audited.results.values()
        if result.claim.document == document
    ]
    return frame(rows)


def _plausibility(model: Implied, lang: str) -> str:
    if model.plausible is None:
        names = ", ".join(label(f"missing_{name}", lang) for name in model.missing)
        return f"{label('not_computable', lang)} ({names})"
    return label("plausible" if model.plausible else "not_plausible", lang)


def _recomputed(result: Result, lang: str) -> str:
    """The recomputed value, or why there is none."""
    judgement = result.judgement
    if result.verdict == "not checkable":
        return str(judgement.reason(lang))
    return _value(result, lang)


def _correct(result: Result, lang: str) -> str:
    """The right value: recomputed, or the other side of an identity."""
    claim = result.claim
    if claim.algebra and claim.algebra.startswith("printed =="):
        right = claim.algebra.split("==")[1].strip()
        if not any(re.search(rf"\b{re.escape(name)}\b", right) for name in result.slots):
            return right.replace("**", "^").replace("*", "·")
    return _value(result, lang) or label("see_consequence", lang)


def _value(result: Result, lang: str) -> str:
    """The recomputed number, or what else of the document should agree."""
    value = result.judgement.recomputed
    if isinstance(value, str):
        return _quoted(fact(value, lang), result, lang)
    return _plain(number(value, lang))


def _quoted(text: str, result: Result, lang: str) -> str:
    """A document's words for a cell, numbers as the language has them; names keep their points."""
    named = isinstance(result.claim.fact, (str, list))
    return _plain(text) if named else in_manner_of(_plain(text), lang)


def _consequence(result: Result, lang: str) -> str:
    judgement, parts = result.judgement, []
    if result.claim.consequence:
        parts.append(str(getattr(result.claim.consequence, lang)))
    if judgement.reading:
        parts.append(f"{label('gives_printed', lang)}: {getattr(judgement.reading, lang)}.")
    if result.claim.changes:
        parts.append(f"{label('changes', lang)}: {', '.join(result.claim.changes)}.")
    return " ".join(part for part in parts if part)


_SIGNS = {
    "approx": "≈",
    "times": "×",
    "cdot": "·",
    "leq?": "≤",
    "geq?": "≥",
    "(?:right|to)arrow": "→",
    "sqrt": "√",
    "(?:left|right)": "",
}


def _plain(text: str) -> str:
    """A quotation short enough for a cell, without marks of LaTeX."""
    text = re.sub(r"\\(?:text|mathbb|mathcal|mathrm|mathbf)\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"(?<!\\)\$(?!\d+[MBk]\b)", "", text)
    for mark, plain in _SIGNS.items():
        text = re.sub(rf"\\{mark}(?![A-Za-z])", plain, text)
    text = re.sub(r"\\([A-Za-z]+)", r"\1", text).replace("\\", "")
    return text if len(text) <= 60 else f"{text[:57]}…"


def _part_name(part: str, lang: str) -> str:
    document, _, chapter = part.partition(" ")
    name = label(f"document_{document}", lang)
    if not chapter:
        return name
    kind = "references" if chapter == "refs" else "appendix" if chapter.isalpha() else "chapter"
    text = label(kind, lang)
    return text if chapter == "refs" else f"{text} {chapter}"
