"""What an audit of the documents themselves found at release: verdicts, coverage, mutations.

The documents do not travel with the project, so that what was found with them at hand is kept.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from brnb.audit.claims import FOLDER
from brnb.audit.coverage import cover_marks, read_rules
from brnb.audit.engine import Audit, record
from brnb.audit.mutations import mutate, mutation_score

FOUND = "found.json"


def record_release(audited: Audit, edits: int = 200, folder: Path = FOLDER) -> Path:
    """Write the verdicts, and what coverage and mutations of the audited texts say."""
    record(audited, folder)
    english = {rule["reason"]: rule["en"] for rule in read_rules()}
    covered = cover_marks(audited.documents, audited.register.claims.values())
    summary = {
        "documents": {
            document: {
                "covered": sum(mark.document == document for mark in covered.covered),
                "explained": sum(mark.document == document for mark in covered.explained),
                "uncovered": sum(mark.document == document for mark in covered.uncovered),
            }
            for document in sorted(audited.documents)
        },
        "reasons": [
            {"pt": reason, "en": english[reason], "count": count}
            for reason, count in covered.reasons().items()
        ],
        "mutations": by_kind(mutate(audited, edits)),
    }
    path = folder / FOUND
    path.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def recorded_release(folder: Path = FOLDER) -> dict[str, Any]:
    """What `record_release` wrote; the error names the command.

    Raises
    ------
    FileNotFoundError
        If nothing was recorded.
    """
    path = folder / FOUND
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: BRNB_DOCUMENTS=… brnb audit --record")
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return summary


def by_kind(attempts: list[Any]) -> dict[str, dict[str, float]]:
    """`mutation_score` of the edits of each kind, and of all."""
    kinds = Counter(attempt.edit.kind for attempt in attempts)
    parts = {kind: [a for a in attempts if a.edit.kind == kind] for kind in sorted(kinds)}
    return {kind: mutation_score(part) for kind, part in {**parts, "all": attempts}.items()}
