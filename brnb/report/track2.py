"""Tables of Track 2: what was published, and what our receipts and losses say, side by side."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.report.labels import format_number, label
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.evaluate.losses import Change, Losses
    from brnb.studies.adaptation import Trained

DECIMALS = {
    "tab11": {"hours": 3, "usd": 2, "eval_loss": 3, "ppl": 2},
    "tab12": {"eval_loss": 3, "ppl": 2, "bits_per_byte": 3, "ppl_change": 1},
    "adaptation": {"loss_before": 3, "loss_after": 3, "bits_before": 3, "bits_after": 3}
    | {"ppl_change": 1, "ci_low": 1, "ci_high": 1, "p_value": 4},
    "ablations": {"eval_loss": 3, "ppl": 2, "ppl_change": 1, "ci_low": 1, "ci_high": 1}
    | {"p_value": 4},
    "data": {"share": 4},
}
"""As many decimals as the dissertation printed, or as our runs need."""


def trainings(found: Mapping[str, "Trained"], lang: str) -> "pd.DataFrame":
    """Table 11 and ours: two rows a training.

    Hours and cost are those of the whole run, as its receipt has them; the loss is the lowest of
    the validation curve.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for published in load("published", "tab11", "rows"):
        ours = found[published["run"]]
        rows.append(
            {"run": ours.run, "source": label("published", lang)}
            | {name: published[name] for name in ("base_model", "data")}
            | {name: float(published[name]) for name in ("hours", "usd", "eval_loss", "ppl")}
        )
        rows.append(
            {"run": ours.run, "source": label("ours", lang), "base_model": ours.params["base"]}
            | {"data": _read(ours, lang)}
            | {"hours": ours.seconds / 3600, "usd": ours.resources["usd"]}
            | {"eval_loss": ours.metrics["eval_loss"], "ppl": ours.metrics["eval_ppl"]}
        )
    return pd.DataFrame(rows, dtype=object)


def intrinsic(
    base: Mapping[str, "Losses"], adapted: Mapping[str, "Losses"], lang: str
) -> "pd.DataFrame":
    """Table 12 and ours: base and adapted model on the validation split of each training.

    Parameters
    ----------
    base, adapted
        By run, on its own validation split.
    lang
        Language of the cells.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for published in load("published", "tab12", "rows"):
        run = published["run"]
        ours = (adapted if published["adapted"] else base)[run]
        gain = ours.perplexity / base[run].perplexity - 1 if published["adapted"] else None
        shared = {"run": run, "model": label("adapted" if published["adapted"] else "base", lang)}
        printed = published["ppl_change"]
        rows.append(
            shared
            | {"source": label("published", lang), "eval_loss": float(published["eval_loss"])}
            | {"ppl": float(published["ppl"]), "bits_per_byte": None}
            | {"ppl_change": None if printed is None else float(printed)}
        )
        rows.append(
            shared
            | {"source": label("ours", lang), "eval_loss": ours.loss, "ppl": ours.perplexity}
            | {"bits_per_byte": ours.bits_per_byte}
            | {"ppl_change": None if gain is None else 100 * gain}
        )
    return pd.DataFrame(rows, dtype=object)


def adaptation(found: Mapping[tuple[str, str], "Change"], lang: str) -> "pd.DataFrame":
    """What each adapted model gained and forgot: one row a model and text, with intervals.

    Parameters
    ----------
    found
        By run and id of the text (``text_cpt``, ``text_sft``, ``text_english``).
    lang
        Language of the cells.
    """
    import pandas as pd

    rows = [
        {"method": _method(run), "text": label(text, lang), "documents": change.comparison.items}
        | {"loss_before": change.before, "loss_after": change.after}
        | {"bits_before": change.bits_before, "bits_after": change.bits_after}
        | _interval(change)
        for (run, text), change in found.items()
    ]
    return pd.DataFrame(rows, dtype=object)


def ablations(
    reference: "Losses", variants: Mapping[str, tuple["Losses", "Change"]], lang: str
) -> "pd.DataFrame":
    """Each variant's loss on the answers of the validation split, and its change from ours."""
    import pandas as pd

    rows: list[dict[str, Any]] = [
        {"variant": label("reference", lang), "eval_loss": reference.loss}
        | {"ppl": reference.perplexity, "ppl_change": None, "ci_low": None, "ci_high": None}
        | {"p_value": None}
    ]
    for name, (losses, change) in variants.items():
        row = {"variant": name, "eval_loss": losses.loss, "ppl": losses.perplexity}
        rows.append(row | _interval(change))
    return pd.DataFrame(rows, dtype=object)


def data(counts: Mapping[str, Mapping[str, float | int]], lang: str) -> "pd.DataFrame":
    """What a training read and what was left out: a row a count, a column a split."""
    import pandas as pd

    names = list(dict.fromkeys(name for split in counts.values() for name in split))
    rows = [
        {"measure": label(name, lang)}
        | {f"split_{split}": values.get(name) for split, values in counts.items()}
        for name in names
    ]
    return pd.DataFrame(rows, dtype=object)


def conversations(
    prompts: Sequence[str],
    references: Sequence[str],
    base: Sequence[str],
    adapted: Sequence[str],
    characters: int = 300,
) -> "pd.DataFrame":
    """The examples of section 4.4.2.3: prompt, reference, and both answers, cut to print."""
    import pandas as pd

    columns = {"instruction": prompts, "reference": references, "base": base, "adapted": adapted}
    return pd.DataFrame(
        {name: [text[:characters] for text in texts] for name, texts in columns.items()},
        dtype=object,
    )


def _read(ours: "Trained", lang: str) -> str:
    """How many documents, or pairs, the training read."""
    count = format_number(ours.metrics["train_documents"], lang)
    kind = "instruction_pairs" if "instructions" in ours.params else "documents"
    return f"{count} {label(kind, lang).lower()}"


def _method(run: str) -> str:
    """CPT or SFT, as the run's id begins."""
    return run.partition("_")[0].upper()


def _interval(change: "Change") -> dict[str, float]:
    """Relative change of perplexity in percent, its interval, and the corrected p-value."""
    return {
        "ppl_change": 100 * change.perplexity,
        "ci_low": 100 * change.low,
        "ci_high": 100 * change.high,
        "p_value": change.comparison.p_adjusted,
    }
