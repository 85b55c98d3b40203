"""Hypotheses and findings of the documents, judged by what our chapters measured."""

from collections.abc import Iterator, Mapping

from brnb.audit.outcome import Outcome, TableRows, by_measures, by_sign, cell_number, unmeasured

SUPPORTING = ("sustentada", "supported", "confirmada", "confirmed")  # as the chapters print them
AGAINST = ("contrariada", "contradicted", "refutada", "refuted")
HYPOTHESES = (  # place, number, table that judges it
    ("4.4.1.2", "i", "tab-hypotheses"),
    ("4.4.1.2", "ii", "tab-eval-hypotheses"),
    ("4.4.1.2", "iii", "tab-hypotheses"),
    ("003", "H1", "tab-moe-hypotheses"),
    ("003", "H2", "tab-moe-hypotheses"),
    ("003", "H3", "tab-moe-hypotheses"),
)


def hypotheses(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Hypotheses of 4.4.1.2 and of the slides: verdicts on their measures, taken together."""
    for place, name, table in HYPOTHESES:
        verdicts = [row["verdict"] for row in read.get(table, []) if row["hypothesis"] == name]
        where, result = f"{place} ({name})", f"hypothesis_{name.lower()}"
        if not verdicts:
            yield unmeasured(where, result, None)
            continue
        supporting, against = (
            sum(verdict in words for verdict in verdicts) for words in (SUPPORTING, AGAINST)
        )
        counts = (supporting, against, len(verdicts) - supporting - against)
        yield Outcome(where, result, None, None, None, None, by_measures(counts), counts=counts)


def findings(read: Mapping[str, TableRows]) -> Iterator[Outcome]:
    """Findings of 4.4.1.7, in the order of the text."""
    yield _loss_is_not_legibility(read.get("tab-finding", []))
    yield _tokenizer_matters(read.get("tab-legibility", []))
    yield Outcome("4.4.1.7", "limits_shape", None, None, None, None, "not comparable", "decision")
    compared = [row for row in read.get("tab-alignment", []) if row["change"]]
    for row in compared:
        ours, low, high = (cell_number(row, name) for name in ("change", "ci_low", "ci_high"))
        place = f"4.4.1.7 ({row['read_cleaning']})"
        yield Outcome(place, "alignment_helps", None, ours, low, high, by_sign(low, high, -1))
    if not compared:
        yield unmeasured("4.4.1.7", "alignment_helps", None)


def _loss_is_not_legibility(changes: TableRows) -> Outcome:
    """From v4 to v5 the loss falls and not all measures of legibility improve; loss comes first."""
    place, result = "4.4.1.7", "loss_is_not_legibility"
    if not changes:
        return unmeasured(place, result, None)
    loss, *others = changes
    if loss["better"] != "True":
        return Outcome(place, result, None, None, None, None, "not comparable", "loss_rose")
    better = sum(row["better"] == "True" for row in others)
    worse = sum(row["better"] == "False" for row in others)
    counts = (worse, better, len(others) - worse - better)
    verdict = "reproduced" if better < len(others) else "differs"
    return Outcome(place, result, None, None, None, None, verdict, counts=counts)


def _tokenizer_matters(versions: TableRows) -> Outcome:
    """Other pieces, v3 to v4 and v5 to v5b, change known words more than v1 to v2 to v3 do."""
    known = {row["run"]: cell_number(row, "dictionary_share") for row in versions}

    def change(before: str, after: str) -> float | None:
        first, second = known.get(before), known.get(after)
        return None if first is None or second is None else second - first

    pieces = [change("v3", "v4_subword_ep6"), change("v5_main", "v5b_long")]
    networks = [change("v1", "v2"), change("v2", "v3")]
    if None in (*pieces, *networks):
        return unmeasured("4.4.1.7", "tokenizer_matters", None)
    margin = min(x for x in pieces if x is not None) - max(
        abs(x) for x in networks if x is not None
    )
    verdict = "reproduced" if margin > 0 else "differs"
    return Outcome("4.4.1.7", "tokenizer_matters", None, margin, None, None, verdict)
