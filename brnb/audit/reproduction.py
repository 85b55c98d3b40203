"""Published beside reproduced: what of the dissertation's results and findings our runs show."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from brnb.audit.hypotheses import findings, hypotheses
from brnb.audit.outcome import Outcome, TableRows, by_sign, cell_number, unmeasured

SAME_BUDGET = 0.1  # tokens within a tenth of the published ones are the same training
SAME_VALUE = 0.05

_ALIGNED, _NOT_ALIGNED = "v6_rc16k_v5b_aligned", "v6_rc16k_v5b"
ORDERS = (  # place, label of the finding, table, column, the run that is lower, the higher one
    ("4.4.1.3", "v2_beats_v1", "tab07", "bits_per_byte", "v2", "v1"),
    ("4.4.1.3", "v3_beats_v2", "tab07", "bits_per_byte", "v3", "v2"),
    ("4.4.1.4", "epochs_help", "tab08", "bits_per_byte", "v4_subword_ep6", "v4_subword"),
    ("4.4.1.4", "gru_beats_lstm", "tab08", "bits_per_byte", "v4k_bf_ep2", "v4k_bf_lstm_ep2"),
    ("4.4.1.5", "v5b_fragments_less", "tab10", "short_piece_ratio", "v5b_long", _NOT_ALIGNED),
    ("4.4.1.7", "alignment_fragments", "tab10", "short_piece_ratio", _NOT_ALIGNED, _ALIGNED),
)


def outcomes(tables: Path) -> list[Outcome]:
    """Compare the tables that the chapters wrote with what they print as published.

    Parameters
    ----------
    tables
        Folder of ``tab07.csv`` and the like; a table that is missing is left out.
    """
    read = {path.stem: _rows(path) for path in tables.glob("tab*.csv")}
    own = [*_languages(read), *_guardrails(read), *_directions(read)]
    adapted = [*_fine_tunings(read), *_adaptations(read), *_extrinsic(read)]
    return [*own, *findings(read), *adapted, *hypotheses(read), *_slides(read), *_lecture(read)]


def _rows(path: Path) -> TableRows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def _pairs(rows: TableRows) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """Published and our own row of each run."""
    for row in rows:
        if row.get("source", "").startswith("Publi"):
            mine = [r for r in rows if r["run"] == row["run"] and r["source"] != row["source"]]
            if mine:
                yield row["run"], row, mine[0]


def _languages(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Perplexities of Tables 7 to 9: comparable only after the same tokens."""
    for table in (7, 8, 9):
        for run, theirs, ours in _pairs(read.get(f"tab{table:02d}", [])):
            published, mine = (cell_number(row, "val_ppl", "ppl") for row in (theirs, ours))
            tokens = [cell_number(row, "tokens_billion", "tokens") for row in (theirs, ours)]
            share = tokens[1] / tokens[0] if all(tokens) else None  # type: ignore[operator]
            verdict, reason = _value_verdict(published, mine, share)
            place = f"Tabela {table}: {run}"
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
        mine = {run: cell_number(ours, column) for run, _, ours in _pairs(read.get(table, []))}
        low, high = mine.get(better), mine.get(worse)
        if low is None or high is None:
            yield unmeasured(place, result, None)
            continue
        verdict = "undecided" if low == high else "reproduced" if low < high else "differs"
        yield Outcome(place, result, None, low - high, None, None, verdict)


def _guardrails(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Table 10: whether a version's samples keep to the guardrail of short pieces."""
    for run, theirs, ours in _pairs(read.get("tab10", [])):
        printed, measured = (cell_number(row, "short_piece_ratio") for row in (theirs, ours))
        same = theirs["guardrails_pass"] == ours["guardrails_pass"]
        kept = "kept" if theirs["guardrails_pass"] == "True" else "broken"
        verdict = "reproduced" if same else "differs"
        place, result = f"Tabela 10: {run}", f"guardrail_{kept}"
        yield Outcome(place, result, printed, measured, None, None, verdict)


def _fine_tunings(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Table 11: perplexity after CPT and SFT: comparable only of the same base model."""
    for run, theirs, ours in _pairs(read.get("tab11", [])):
        published, mine = (cell_number(row, "ppl") for row in (theirs, ours))
        place = f"Tabela 11: {run[:3].upper()}"
        if theirs["base_model"] == ours["base_model"]:
            verdict, reason = _value_verdict(published, mine, 1.0)
        else:
            verdict, reason = "not comparable", "other_base"
        yield Outcome(place, "perplexity", published, mine, None, None, verdict, reason)


def _adaptations(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Table 12: the change of perplexity by CPT and SFT on their own text, with our interval."""
    published = {
        row["run"][:3]: cell_number(row, "ppl_change")
        for row in read.get("tab12", [])
        if row["source"].startswith("Publi") and row.get("ppl_change")
    }
    changes = read.get("tab-adaptation", [])
    for method in ("CPT", "SFT"):
        matching = [row for row in changes if row["method"] == method and method in row["text"]]
        theirs, result = published.get(method.lower()), f"{method.lower()}_lowers_perplexity"
        if not matching:
            yield unmeasured("Tabela 12", result, theirs)
            continue
        ours, low, high = (
            cell_number(matching[0], name) for name in ("ppl_change", "ci_low", "ci_high")
        )
        yield Outcome("Tabela 12", result, theirs, ours, low, high, by_sign(low, high, -1))


def _extrinsic(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Table 13: the gain of SFT by task and metric, with our interval (legacy metrics)."""
    rows = read.get("tab13", [])
    for theirs in (r for r in rows if r["source"].startswith("Publi")):
        same = [r for r in rows if (r["task"], r["metric"]) == (theirs["task"], theirs["metric"])]
        ours = next((r for r in same if "legacy" in r["source"]), None)
        place = f"Tabela 13: {theirs['task']}, {theirs['metric']}"
        gain = cell_number(theirs, "gain")
        if ours is None:
            yield unmeasured(place, "sft_gains", gain)
            continue
        low, high = cell_number(ours, "ci_low"), cell_number(ours, "ci_high")
        yield Outcome(
            place, "sft_gains", gain, cell_number(ours, "gain"), low, high, by_sign(low, high, 1)
        )


def _slides(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Document 003: how much more a mixture speeds up in NF4 than in 16 bits, as it prints it."""
    rows = read.get("tab-moe-weights", [])
    theirs = [row for row in rows if row["shape"].startswith("Publi")]
    for row in (r for r in rows if r["weights"] == "nf4" and r["shape"] == "mixture"):
        low, high = cell_number(row, "speed_ratio_low"), cell_number(row, "speed_ratio_high")
        printed = cell_number(theirs[0], "speed_ratio") if theirs else None
        faster = by_sign(low and low - 1, high and high - 1, 1)
        ours = cell_number(row, "speed_ratio")
        yield Outcome("003: NF4", "nf4_is_faster", printed, ours, low, high, faster)


def _lecture(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Document 004: parameters of its models to the printed digit, and speeds of decoding."""
    rows = [row for row in read.get("tab-architectures", []) if row["printed_total"]]
    if rows:
        right = sum(_agrees(row["printed_total"], row["parameters_billion"]) for row in rows)
        counts = (right, len(rows) - right, 0)
        verdict = "reproduced" if right == len(rows) else "differs"
        yield Outcome("004", "parameter_counts", None, None, None, None, verdict, counts=counts)
    for row in read.get("tab-decoding-speed", []):
        if row["printed_tokens_per_second"]:
            printed, ours = (
                cell_number(row, "printed_tokens_per_second"),
                cell_number(row, "tokens_per_second"),
            )
            place, other = f"004: {row['model']}, {row['way']}", ("not comparable", "other_machine")
            yield Outcome(place, "decoding_speed", printed, ours, None, None, *other)


def _agrees(printed: str, ours: str) -> bool:
    half = 0.5 * 10.0 ** -len(printed.partition(".")[2])
    return abs(float(printed) - float(ours)) <= half * (1 + 1e-9)
