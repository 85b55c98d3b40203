"""Tables of the extrinsic evaluation: what was published, and what our answers score."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.evaluate.statistics import supported
from brnb.report.labels import label
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.evaluate.statistics import Rate
    from brnb.evaluate.text_metrics import TokenizerEffect
    from brnb.extrinsic.judge import Verdicts
    from brnb.extrinsic.predictions import Prediction
    from brnb.extrinsic.scores import Row
    from brnb.extrinsic.temperatures import Setting
    from brnb.extrinsic.testsets import Item

_MEANS = {"baseline": 3, "baseline_sd": 3, "adapted": 3, "adapted_sd": 3}
_INTERVAL = {"ci_low": 3, "ci_high": 3}
DECIMALS = {
    "tab13": _MEANS | {"gain": 3, "gain_percent": 0, "p_value": 4} | _INTERVAL,
    "tokenizer": {"legacy": 3, "pt": 3, "legacy_floor": 3, "pt_floor": 3, "changed": 2},
    "rates": {"rate": 3} | _INTERVAL,
    "settings": {"mean": 3, "deviation": 3},
}
TASKS = {"QA (resposta curta)": "qa", "Sumarização": "summarisation", "Reescrita": "rewriting"}
METRICS = {"EM": "em", "F1": "f1", "ROUGE-L (F1)": "rougeL"}
"""Names that Table 13 prints, and ours."""


def table13(rows: Sequence["Row"], lang: str) -> "pd.DataFrame":
    """Table 13 as published, then each of our lines in every form of its metric.

    `claim` is whether the difference may be stated: the interval excludes zero and the corrected
    test agrees. Gains are relative to means that were not rounded.
    """
    import pandas as pd

    lines = []
    for printed in load("published", "tab13", "rows"):
        task, metric = TASKS[printed["task"]], METRICS[printed["metric"]]
        published = {name: printed[name] for name in ("baseline", "baseline_sd", "gain")}
        published |= {"adapted": printed["sft"], "adapted_sd": printed["sft_sd"]}
        published |= {"n": printed["n"], "gain_percent": printed["gain_percent"]}
        numbers = {name: float(text) for name, text in published.items()}
        head = {"task": label(task, lang), "metric": label(metric.lower(), lang)}
        lines.append(head | {"source": label("published", lang), **numbers, "n": int(printed["n"])})
        for row in rows:
            if (row.task, row.metric) == (task, metric):
                source = f"{label('ours', lang)} ({row.form})"
                lines.append(head | {"source": source} | _measured(row))
    columns = ["task", "metric", "source", "n", *_MEANS, "gain", "gain_percent", *_INTERVAL]
    return pd.DataFrame(lines, columns=[*columns, "p_value", "claim"], dtype=object)


def _measured(row: "Row") -> dict[str, Any]:
    claim = row.claim
    return {
        "n": row.n,
        "baseline": claim.baseline,
        "baseline_sd": row.baseline_sd,
        "adapted": claim.adapted,
        "adapted_sd": row.adapted_sd,
        "gain": claim.difference,
        "gain_percent": 100 * claim.gain,
        "ci_low": claim.low,
        "ci_high": claim.high,
        "p_value": claim.p_adjusted,
        "claim": supported(claim),
    }


def claims(rows: Sequence["Row"], lang: str) -> list[str]:
    """A sentence for each difference that the evidence supports; others are not stated."""
    word = {True: label("above_baseline", lang), False: label("below_baseline", lang)}
    return [
        f"{label(row.task, lang)}, {row.metric} ({row.form}): {word[row.claim.difference > 0]}"
        for row in rows
        if supported(row.claim)
    ]


def test_sets(
    items: Mapping[str, int],
    excluded: Mapping[str, Mapping[str, int]],
    distinct: Mapping[str, int],
    lang: str,
) -> "pd.DataFrame":
    """One row a task: items after the rules, what overlapped with training, items drawn."""
    import pandas as pd

    rows = [
        {"task": label(task, lang), "after_rules": count}
        | {f"overlap_{kind}": n for kind, n in excluded[task].items()}
        | {"distinct_items": distinct[task]}
        for task, count in items.items()
    ]
    return pd.DataFrame(rows, dtype=object)


def all_metrics(
    means: Mapping[tuple[str, str, str], Mapping[str, float]], lang: str
) -> "pd.DataFrame":
    """Every metric in every form, by task and model."""
    import pandas as pd

    rows = [
        {"task": label(task, lang), "form": form, "model": label(model, lang)}
        | {name.lower(): value for name, value in values.items()}
        for (task, form, model), values in means.items()
    ]
    return pd.DataFrame(rows, dtype=object)


def tokenizer_effect(
    effects: Mapping[str, Sequence["TokenizerEffect"]], lang: str
) -> "pd.DataFrame":
    """How much the legacy tokenizers change each metric, by what was scored."""
    import pandas as pd

    rows = [
        {"text": label(name, lang), "metric": label(e.metric.lower(), lang)}
        | {"legacy": e.legacy, "pt": e.pt}
        | {"legacy_floor": e.legacy_floor, "pt_floor": e.pt_floor, "changed": e.changed}
        for name, found in effects.items()
        for e in found
    ]
    return pd.DataFrame(rows, dtype=object)


def settings(found: Sequence["Setting"], lang: str) -> "pd.DataFrame":
    """One row a task, model and temperature: mean and deviation of the metric over seeds."""
    import pandas as pd

    rows = [
        {"task": label(s.task, lang), "model": label(s.model, lang), "temperature": s.temperature}
        | {"metric": label(s.metric.lower(), lang), "mean": s.mean, "deviation": s.deviation}
        for s in found
    ]
    return pd.DataFrame(rows, dtype=object)


def rates(
    found: Mapping[tuple[str, str], "Rate"], lang: str, chance: float | None = None
) -> "pd.DataFrame":
    """One row a check and model: how often, of how many, and the interval; chance if it has one."""
    import pandas as pd

    rows = []
    for (check, model), rate in found.items():
        low, high = rate.interval
        row = {"check": label(check, lang), "model": label(model, lang), "n": rate.trials}
        row |= {"count": rate.successes, "rate": rate.value, "ci_low": low, "ci_high": high}
        rows.append(row if chance is None else row | {"chance": chance})
    return pd.DataFrame(rows, dtype=object)


def flips(found: Mapping[tuple[str, str], "Rate"], lang: str) -> "pd.DataFrame":
    """One row a comparison and model: how many answers changed, and whether the interval shows
    that enough did not."""
    import pandas as pd

    from brnb.extrinsic.flips import same

    shown = pd.Series([same(rate) for rate in found.values()], dtype=object)
    return rates(found, lang).assign(enough_same=shown)


def personal_data(counts: Mapping[str, Mapping[str, int]], lang: str) -> "pd.DataFrame":
    """One row a text: pieces of personal data by kind."""
    import pandas as pd

    rows = [{"text": label(name, lang)} | dict(found) for name, found in counts.items()]
    return pd.DataFrame(rows, dtype=object)


def judged(verdicts: "Verdicts", lang: str) -> "pd.DataFrame":
    """How a judge chose, and how its verdicts stood the swap."""
    import pandas as pd

    final = verdicts.final
    row: dict[str, Any] = {"n": len(final), "judged_baseline": final.count("first")}
    row |= {"judged_adapted": final.count("second"), "judged_tie": final.count("tie")}
    row |= {"judged_none": final.count(None)}
    row |= {"consistency": verdicts.consistency, "kappa": verdicts.kappa}
    return pd.DataFrame([row], dtype=object)


def examples(
    items: Sequence["Item"],
    baseline: Sequence["Prediction"],
    adapted: Sequence["Prediction"],
    lang: str,
    characters: int = 300,
) -> "pd.DataFrame":
    """The published examples of section 4.4.2.5, then ours, cut to print."""
    import pandas as pd

    rows = [
        {"source": label("published", lang), "task": label(shown["task"], lang)}
        | {name: shown[name] for name in ("instruction", "reference", "baseline", "adapted")}
        for shown in load("examples", "extrinsic")
    ]
    for item, before, after in zip(items, baseline, adapted, strict=True):
        texts = {"instruction": item.prompt, "reference": item.references[0]}
        texts |= {"baseline": before.text, "adapted": after.text}
        row = {"source": label("ours", lang), "task": label(item.task, lang)}
        rows.append(row | {name: text[:characters] for name, text in texts.items()})
    return pd.DataFrame(rows, dtype=object)
