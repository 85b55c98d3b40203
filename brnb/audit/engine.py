"""The audit: every claim located, judged, and compared with the verdict recorded at release."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from brnb.audit.checks import judge
from brnb.audit.claims import FOLDER, Claim, ClaimRegister, Problem, read_register
from brnb.audit.documents import (
    Place,
    folder_of_documents,
    from_register,
    locate_quotations,
    read_originals,
    slots_at,
)
from brnb.audit.planting import can_fail
from brnb.audit.verdict import ERRORS, VERDICT_KINDS, Judgement, VerdictKind

RECORDED = "verdicts.json"


@dataclass(frozen=True)
class Result:
    """One claim, judged.

    Attributes
    ----------
    claim
        The claim.
    places
        Where its quotations stand.
    slots
        What the document says there.
    judgement
        The verdict and what it rests on.
    """

    claim: Claim
    places: tuple[Place, ...]
    slots: dict[str, str]
    judgement: Judgement

    @property
    def verdict(self) -> VerdictKind:
        """The verdict's kind."""
        return self.judgement.kind


@dataclass(frozen=True)
class Audit:
    """All results, what could not be judged, and the texts that they are about."""

    register: ClaimRegister
    documents: dict[str, str]
    results: dict[str, Result]
    problems: list[Problem] = field(default_factory=list)

    def counts(self) -> dict[VerdictKind, int]:
        """Claims by verdict, in the order of `brnb.audit.verdict.VERDICT_KINDS`."""
        number = Counter(result.verdict for result in self.results.values())
        return {kind: number[kind] for kind in VERDICT_KINDS}

    def errors(self) -> list[Result]:
        """Results that need an erratum, the gravest first."""
        wrong = [result for result in self.results.values() if result.verdict in ERRORS]
        return sorted(wrong, key=gravity, reverse=True)


def audit(folder: Path = FOLDER, documents: Mapping[str, str] | None = None) -> Audit:
    """Judge every claim of a register; what cannot be judged is collected, nothing stops it.

    Parameters
    ----------
    folder
        Of the register.
    documents
        Texts by number. Without them those of the folder that BRNB_DOCUMENTS names, and without
        that the register's own quotations.
    """
    register = read_register(folder)
    texts = dict(documents) if documents is not None else _texts(register)
    results: dict[str, Result] = {}
    problems = list(register.problems)
    for claim in register.claims.values():
        try:
            results[claim.id] = judge_claim(claim, texts)
            problem = unacceptable(results[claim.id])
            if problem:
                problems.append(Problem(claim.file, claim.line, f"{claim.id}: {problem}"))
        except (ValueError, LookupError, TypeError, ArithmeticError) as error:
            problems.append(Problem(claim.file, claim.line, f"{claim.id}: {error}"))
    return Audit(register, texts, results, problems)


def _texts(register: ClaimRegister) -> dict[str, str]:
    folder = folder_of_documents()
    return read_originals(folder) if folder else from_register(register.claims.values())


def judge_claim(claim: Claim, documents: Mapping[str, str]) -> Result:
    """Locate and judge one claim.

    Raises
    ------
    LookupError
        If a quotation is not in its document.
    ValueError
        If a slot cannot be read, or the check cannot be computed.
    """
    places = locate_quotations(claim, documents)
    slots = slots_at(places, documents)
    return Result(claim, places, slots, judge(claim, slots))


def unacceptable(result: Result) -> str | None:
    """Why a claim may not stay in the register as it is: it checks nothing, or says no use."""
    if not can_fail(result.claim, result.slots):
        return "no edit makes this check fail: it checks nothing; mend or drop it"
    both = result.claim.consequence
    if result.verdict in ERRORS and not (both and both.pt.strip() and both.en.strip()):
        why = result.judgement.reason("en")
        seen = f"{result.verdict} ({why})" if why else result.verdict
        return f"found {seen}: mend the check, or give the consequence in pt and en"
    return None


def gravity(result: Result) -> float:
    """How grave an error is: the claims that rest on it, and how far off it is."""
    judgement = result.judgement
    off = 0.5
    if isinstance(judgement.recomputed, float):
        from brnb.audit.checks import printed_number

        try:
            printed = printed_number(result.slots).value
            scale = max(abs(printed), abs(judgement.recomputed))
            off = abs(printed - judgement.recomputed) / scale if scale else 0.0
        except ValueError:
            pass
    weight = {"wrong": 1.0, "inconsistent": 0.7, "false fact": 0.9}.get(result.verdict, 0.0)
    return weight * (1 + len(result.claim.changes)) * (0.2 + off)


def recorded(folder: Path = FOLDER) -> dict[str, str]:
    """Verdicts by id as recorded at release; empty before the first record."""
    path = folder / RECORDED
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def record(audited: Audit, folder: Path = FOLDER) -> Path:
    """Write the verdicts of an audit as those of the release."""
    verdicts = {id: result.verdict for id, result in audited.results.items()}
    path = folder / RECORDED
    path.write_text(json.dumps(verdicts, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def changed(audited: Audit, before: Mapping[str, str]) -> list[str]:
    """Sentences on every verdict that is not the recorded one."""
    now = {id: result.verdict for id, result in audited.results.items()}
    lines = [
        f"{id}: recorded {before.get(id, 'not at all')}, now {now.get(id, 'not judged')}"
        for id in sorted({*before, *now})
        if before.get(id) != now.get(id)
    ]
    return lines
