"""Published beside reproduced: what of the dissertation's results and findings our runs show."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SAME_BUDGET = 0.1  # tokens within a tenth of the published ones are the same training
SAME_VALUE = 0.05

_ALIGNED, _NOT_ALIGNED = "v6_rc16k_v5b_aligned", "v6_rc16k_v5b"
ORDERS = (  # place, label of the finding, table, column, the run that is lower, the higher one
    ("4.4.1.3", "v2_beats_v1", "tab07", "bits_per_byte", "v2", "v1"),
    ("4.4.1.3", "v3_beats_v2", "tab07", "bits_per_byte", "v3", "v2"),
    ("4.4.1.4", "epochs_help", "tab08", "bits_per_byte", "v4_subword_ep6", "v4_subword"),
    ("4.4.1.4", "gru_beats_lstm", "tab08", "bits_per_byte", "v4k_bf_ep2", "v4k_bf_lstm_ep2"),
    ("4.4.1.5", "v5b_fragments_less", "tab10", "short_piece_ratio", "v5b_long", _NOT_ALIGNED),
    ("4.4.1.7", "alignment_helps", "tab09", "bits_per_byte", _ALIGNED, _NOT_ALIGNED),
    ("4.4.1.7", "alignment_fragments", "tab10", "short_piece_ratio", _NOT_ALIGNED, _ALIGNED),
)

TableRows = list[dict[str, str]]


@dataclass(frozen=True)
class Outcome:
    """One published result or finding, and what ours says of it.

    Attributes
    ----------
    place
        Where it is published.
    result
        Id of its label.
    published, ours, low, high
        Numbers; the interval is ours where there is one.
    verdict
        ``reproduced``, ``differs``, ``not comparable`` or ``undecided``.
    reason
        Id of the label that says why nothing can be compared; empty where it can.
    share
        Our tokens over the published ones, where that is the reason.
    """

    place: str
    result: str
    published: float | None
    ours: float | None
    low: float | None
    high: float | None
    verdict: str
    reason: str = ""
    share: float | None = None


def outcomes(tables: Path) -> list[Outcome]:
    """Compare the tables that the chapters wrote with what they print as published.

    Parameters
    ----------
    tables
        Folder of ``tab07.csv`` and the like; a table that is missing is left out.
    """
    read = {path.stem: _rows(path) for path in tables.glob("tab*.csv")}
    return [*_languages(read), *_directions(read), *_adaptations(read), *_extrinsic(read)]


def _rows(path: Path) -> TableRows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def _number(row: Mapping[str, str], *names: str) -> float | None:
    for name in names:
        if row.get(name):
            return float(row[name])
    return None


def _pairs(rows: TableRows) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """Published and our own row of each run."""
    for row in rows:
        if row.get("source", "").startswith("Publi"):
            mine = [r for r in rows if r["run"] == row["run"] and r["source"] != row["source"]]
            if mine:
                yield row["run"], row, mine[0]


def _languages(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Perplexities of Tables 7 to 9: comparable only after the same tokens."""
    for number in (7, 8, 9):
        for run, theirs, ours in _pairs(read.get(f"tab{number:02d}", [])):
            published, mine = (_number(row, "val_ppl", "ppl") for row in (theirs, ours))
            tokens = [_number(row, "tokens_billion", "tokens") for row in (theirs, ours)]
            share = tokens[1] / tokens[0] if all(tokens) else None  # type: ignore[operator]
            verdict, reason = _value_verdict(published, mine, share)
            place = f"Tabela {number}: {run}"
            yield Outcome(place, "perplexity", published, mine, None, None, verdict, reason, share)


def _value_verdict(
    published: float | None, ours: float | None, share: float | None
) -> tuple[str, str]:
    if published is None or ours is None:
        return "not comparable", "no_result"
    if share is None or abs(share - 1) > SAME_BUDGET:
        return "not comparable", "other_budget"
    return ("reproduced" if abs(ours / published - 1) <= SAME_VALUE else "differs"), ""


def _directions(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Orders that the text reads off its tables, in ours (bits per byte, lower is better)."""
    for place, result, table, column, better, worse in ORDERS:
        if column == "bits_per_byte" and _ALIGNED in (better, worse):
            other = "not comparable", "other_cleaning"  # they read texts cleaned in different ways
            yield Outcome(place, result, None, None, None, None, *other)
            continue
        mine = {run: _number(ours, column) for run, _, ours in _pairs(read.get(table, []))}
        low, high = mine.get(better), mine.get(worse)
        if low is None or high is None:
            yield _absent(place, result, None)
            continue
        verdict = "undecided" if low == high else "reproduced" if low < high else "differs"
        yield Outcome(place, result, None, low - high, None, None, verdict)


def _adaptations(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Table 12: the change of perplexity by CPT and SFT on their own text, with our interval."""
    published = {
        row["run"][:3]: _number(row, "ppl_change")
        for row in read.get("tab12", [])
        if row["source"].startswith("Publi") and row.get("ppl_change")
    }
    changes = read.get("tab-adaptation", [])
    for method in ("CPT", "SFT"):
        matching = [row for row in changes if row["method"] == method and method in row["text"]]
        theirs, result = published.get(method.lower()), f"{method.lower()}_lowers_perplexity"
        if not matching:
            yield _absent("Tabela 12", result, theirs)
            continue
        ours, low, high = (
            _number(matching[0], name) for name in ("ppl_change", "ci_low", "ci_high")
        )
        yield Outcome("Tabela 12", result, theirs, ours, low, high, _sign(low, high, -1))


def _extrinsic(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Table 13: the gain of SFT by task and metric, with our interval (legacy metrics)."""
    rows = read.get("tab13", [])
    for theirs in (r for r in rows if r["source"].startswith("Publi")):
        same = [r for r in rows if (r["task"], r["metric"]) == (theirs["task"], theirs["metric"])]
        ours = next((r for r in same if "legacy" in r["source"]), None)
        place = f"Tabela 13: {theirs['task']}, {theirs['metric']}"
        gain = _number(theirs, "gain")
        if ours is None:
            yield _absent(place, "sft_gains", gain)
            continue
        low, high = _number(ours, "ci_low"), _number(ours, "ci_high")
        yield Outcome(
            place, "sft_gains", gain, _number(ours, "gain"), low, high, _sign(low, high, 1)
        )


def _absent(place: str, result: str, published: float | None) -> Outcome:
    return Outcome(place, result, published, None, None, None, "not comparable", "no_result")


def _sign(low: float | None, high: float | None, expected: int) -> str:
    """Whether an interval has the expected sign, the other one, or holds zero."""
    if low is None or high is None or low <= 0 <= high:
        return "undecided"
    return "reproduced" if (low > 0) == (expected > 0) else "differs"
