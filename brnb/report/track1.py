"""Tables of Track 1: what was published, and what our receipts say, side by side."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from brnb.report.labels import label
from brnb.theory.costs import exact, price_list_for, receipt_cost
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.evaluate.intrinsic import Intrinsic
    from brnb.evaluate.legibility import Legibility
    from brnb.evaluate.records import Record
    from brnb.generate.samples import Sample
    from brnb.studies.finding import Change
    from brnb.theory.trainings import Training
    from brnb.train.history import History

BILLION, MILLION = 1e9, 1e6
COLUMNS = {
    "tab07": ("hours", "tokens_billion", "loss", "ppl", "accuracy", "bits_per_byte"),
    "tab08": ("epochs", "hours", "tokens_billion", "ppl", "bits_per_byte"),
    "tab09": ("hours", "tokens_billion", "val_loss", "val_ppl", "bits_per_byte"),
}
SUMMED = ("tokens_billion", "hours_published", "usd_published", "hours_projected", "usd_projected")
PRINTED = {"tokens_billion": "tokens", "accuracy": "acc"}  # names in published.yaml
SHORT = {"hours": 3, "tokens_billion": 3}  # our runs take seconds and millions of tokens
DECIMALS = {
    "tab07": SHORT | {"loss": 3, "ppl": 2, "accuracy": 1, "bits_per_byte": 3},
    "tab08": SHORT | {"epochs": 1, "ppl": 2, "bits_per_byte": 3},
    "tab09": SHORT | {"val_loss": 4, "val_ppl": 2, "bits_per_byte": 3},
    "legibility": {"fallback_ratio": 3, "short_piece_ratio": 3, "repetition": 3}
    | {"dictionary_share": 3, "language_share": 2},
    "finding": {"change": 3, "ci_low": 3, "ci_high": 3},
    "hours": {"tokens_billion": 2, "hours_published": 1, "usd_published": 2}
    | {"measured_over": 1, "hours_projected": 2, "usd_projected": 2},
    "yardstick": {"parameters_million": 2, "tokens_million": 1, "hours": 3}
    | {"bits_per_byte": 3, "ci_low": 3, "ci_high": 3},
}
"""As many decimals as the dissertation printed, or as our runs need."""


def beside_published(
    table: str,
    results: Mapping[str, "Intrinsic"],
    histories: Mapping[str, "History"],
    lang: str,
) -> "pd.DataFrame":
    """Two rows a run of one published table: the dissertation's, then ours.

    Where the dissertation has none of the runs (a larger v6), one row each: ours.

    Parameters
    ----------
    table
        ``tab07``, ``tab08`` or ``tab09``: losses in nats per token, accuracy in percent, tokens in
        billions, epochs in passes over the corpus.
    results, histories
        By run id; other runs of the table are left out.
    lang
        Language of the cells.
    """
    import pandas as pd

    printed = {row["run"]: row for row in load("published", table, "rows")}
    rows: list[dict[str, Any]] = []
    for run in [name for name in printed if name in results] or results:
        if run in printed:
            texts = {name: printed[run].get(PRINTED.get(name, name)) for name in COLUMNS[table]}
            values = {name: None if text is None else float(text) for name, text in texts.items()}
            rows.append({"run": run, "source": label("published", lang)} | values)
        ours = _measured(results[run], histories[run])
        own = {name: ours[name] for name in COLUMNS[table]}
        rows.append({"run": run, "source": label("ours", lang)} | own)
    return pd.DataFrame(rows, dtype=object)


def _measured(result: "Intrinsic", history: "History") -> dict[str, float | None]:
    """Our values of every column that one of the tables has."""
    one_pass = history.pass_tokens
    return {
        "epochs": history.tokens / one_pass if one_pass else None,
        "hours": history.seconds / 3600,
        "tokens_billion": history.tokens / BILLION,
        "loss": result.loss,
        "val_loss": result.loss,
        "ppl": result.perplexity,
        "val_ppl": result.perplexity,
        "accuracy": 100 * result.accuracy,
        "bits_per_byte": result.bits_per_byte,
    }


def guardrails(found: Mapping[str, "Legibility | None"], lang: str) -> "pd.DataFrame":
    """Table 10 and ours: both ratios and the verdict of each run's samples.

    Runs that the dissertation gives no ratios for, and runs of ours that left no samples, have
    missing values in that row.
    """
    import pandas as pd

    printed = {row["run"]: row for row in load("published", "tab10", "rows")}
    rows: list[dict[str, Any]] = []
    for run, ours in found.items():
        if run in printed:
            row = printed[run]
            ratios = {name: float(row[name]) for name in ("fallback_ratio", "short_piece_ratio")}
            source = {"run": run, "source": label("published", lang)}
            rows.append(source | ratios | {"guardrails_pass": row["passes"]})
        rows.append(
            {"run": run, "source": label("ours", lang)}
            | {
                name: getattr(ours, name, None)
                for name in ("fallback_ratio", "short_piece_ratio", "guardrails_pass")
            }
        )
    return pd.DataFrame(rows, dtype=object)


def legibility_table(found: Mapping[str, "Legibility | None"]) -> "pd.DataFrame":
    """All measures of generated text, one row a run."""
    import pandas as pd

    names = ["fallback_ratio", "short_piece_ratio", "guardrails_pass", "repetition"]
    names += ["dictionary_share", "language_share"]
    rows = [
        {"run": run} | {name: getattr(measures, name, None) for name in names}
        for run, measures in found.items()
    ]
    return pd.DataFrame(rows, dtype=object)


def yardstick(
    records: Sequence["Record"], intervals: Mapping[str, tuple[float, float]]
) -> "pd.DataFrame":
    """All runs on the one scale that they share, the best last; intervals where there are any."""
    import pandas as pd

    rows = []
    for record in sorted(records, key=lambda r: -r.result.bits_per_byte):
        low, high = intervals.get(record.run, (None, None))
        rows.append(
            {
                "run": record.run,
                "cleaning": record.params["cleaning"],
                "parameters_million": record.history.parameters / MILLION,
                "tokens_million": record.history.tokens / MILLION,
                "hours": record.history.seconds / 3600,
                "bits_per_byte": record.result.bits_per_byte,
                "ci_low": low,
                "ci_high": high,
            }
        )
    return pd.DataFrame(rows, dtype=object)


def hours_table(trainings: Iterable["Training"], lang: str) -> "pd.DataFrame":
    """What the dissertation's tokens took, and what they take at our measured speed; sums below.

    The speed is that of the training loop without evaluations, checkpoints and its first step, on
    the device of the receipt and with the receipt's sizes. Money is by the dissertation's price
    list where it prices the device, else by the latest that does, and missing for a CPU. Runs
    that the dissertation does not count tokens for are left out.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    spent = {row["run"]: row for row in load("published", "tab03", "rows")}
    tables = (load("published", table, "rows") for table in COLUMNS)
    tokens = {row["run"]: exact(row["tokens"]) for rows_ in tables for row in rows_}
    for ours in (training for training in trainings if training.run in tokens):
        published, device = spent[ours.run], ours.device if ours.gpu else None
        seconds = tokens[ours.run] * 10**9 / exact(ours.tokens_per_second)
        usage = {"run": ours.run, "gpu": device, "seconds": seconds}
        cost = receipt_cost(usage, price_list_for(device))
        rows.append(
            {
                "run": ours.run,
                "tokens_billion": tokens[ours.run],
                "gpu_published": published["gpu"],
                "hours_published": exact(published["hours"]),
                "usd_published": exact(published["usd"]),
                "gpu": cost.gpu or ours.device,
                "tokens_per_second": round(ours.tokens_per_second),
                "measured_over": ours.seconds,
                "hours_projected": cost.hours,
                "usd_projected": cost.usd,
            }
        )
    total = {name: _sum(row[name] for row in rows) for name in SUMMED}
    rows.append({"run": label("total", lang)} | total)
    return pd.DataFrame(rows, dtype=object)


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    """None if a part is missing: a partial total would pass for the whole."""
    known = list(values)
    return None if None in known else sum((v for v in known if v is not None), Decimal(0))


def finding_table(changes: Sequence["Change"], lang: str) -> "pd.DataFrame":
    """One row a measure: its change, the interval, and whether that is better."""
    import pandas as pd

    rows = [
        {"measure": label(c.measure, lang), "change": c.change, "ci_low": c.low, "ci_high": c.high}
        | {"better": c.better}
        for c in changes
    ]
    return pd.DataFrame(rows, dtype=object)


def sample_table(samples: Iterable["Sample"], characters: int = 300) -> "pd.DataFrame":
    """Prompt, seed and continuation of each sample, cut to a printable length.

    A prompt stands beside the first of its samples only.
    """
    import pandas as pd

    rows, last = [], None
    for sample in samples:
        prompt = "" if sample.prompt == last else sample.prompt
        rows.append({"prompt": prompt, "seed": sample.seed, "text": sample.text[:characters]})
        last = sample.prompt
    return pd.DataFrame(rows, dtype=object)
