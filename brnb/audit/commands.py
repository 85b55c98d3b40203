"""What ``brnb audit`` and ``brnb check paper.tex`` print, and whether all is well."""

import json
from dataclasses import replace
from pathlib import Path

from brnb.audit.claims import read_register
from brnb.audit.engine import audit, changed, recorded
from brnb.audit.explain import explain, records, verdict_word
from brnb.audit.exported import MANIFEST, broken_seals, edited_files
from brnb.audit.manuscript import Manuscript, check_manuscript, read_numbers
from brnb.audit.record import record_release


def audit_text(
    id: str = "", lang: str = "pt", record: bool = False, as_json: bool = False
) -> tuple[str, bool]:
    """Audit every claim, or explain one.

    Parameters
    ----------
    id
        Of the claim to explain; empty for all.
    lang
        "pt" or "en".
    record
        Write the verdicts, and what is found with the documents at hand, as those of the release.
    as_json
        Every claim with its values and verdict, and the problems, as an object.

    Returns
    -------
    tuple of str and bool
        The text to print, and whether no claim is broken and no verdict has changed.
    """
    audited = audit()
    if id:
        return explain(audited, id, lang), True
    written = record_release(audited) if record else None
    problems = [*map(str, audited.problems), *changed(audited, recorded())]
    if as_json:
        value = {"claims": records(audited), "counts": audited.counts(), "problems": problems}
        return json.dumps(value, indent=1, ensure_ascii=False), not problems
    counts = ", ".join(f"{n} {verdict_word(kind, lang)}" for kind, n in audited.counts().items())
    lines = [*problems, *([f"written: {written}"] if written else [])]
    return "\n".join([*lines, f"{len(audited.results)}: {counts}"]), not problems


def manuscript_text(path: Path, reports: Path) -> tuple[str, bool]:
    """Check a manuscript against ``numbers.tex`` beside it, or else that of a profile.

    What `brnb export` left beside it has to be what the profile has.

    Parameters
    ----------
    path
        The main LaTeX file.
    reports
        ``reports/<profile>``, from which it was exported.

    Returns
    -------
    tuple of str and bool
        The text to print, and whether there is no fault and no loose number.
    """
    beside = path.parent / "numbers.tex"
    home = path.parent if beside.is_file() else reports
    printed = home / "published.tex"
    known = read_numbers(printed) if printed.is_file() else {}
    numbers = read_numbers(home / "numbers.tex") | known
    checked = check_manuscript(path, numbers, read_register().claims)
    if (path.parent / MANIFEST).is_file():
        checked.faults.extend(edited_files(path.parent, reports))
    checked.faults.extend(broken_seals(path.parent))
    checked = replace(checked, uncited=[id for id in checked.uncited if id not in known])
    return _text(checked), not (checked.faults or checked.loose)


def _text(checked: Manuscript) -> str:
    lines = [*map(str, checked.faults), *map(str, checked.loose)]
    counts = ", ".join(f"{count} {kind}" for kind, count in checked.counts().items())
    lines.append(f"{len(checked.numbers)} numbers: {counts}")
    if checked.uncited:
        lines.append(f"{len(checked.uncited)} recorded numbers that nobody cites")
    return "\n".join(lines)
