"""Chapter 15: models side by side, by benchmark, rubric and hypothesis."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.report.labels import format_number, label
from brnb.report.tables import AsPrinted, frame
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.evaluate.hypotheses import Evidence
    from brnb.evaluate.statistics import Floats, Rate
    from brnb.extrinsic.benchmarks import Benchmark, BenchmarkMarks
    from brnb.extrinsic.scores import ScoreRow


def tab_benchmarks(
    bleu: Mapping[str, float],
    rouge: Mapping[str, float],
    sentiment: Mapping[str, "Rate"],
    probes: Mapping[str, "Rate"],
    names: Mapping[str, str],
) -> "pd.DataFrame":
    """The benchmarks of section 4.4.3.1, a row a model: shares in percent, with intervals.

    Parameters
    ----------
    bleu
        Of translations from English.
    rouge
        ROUGE-L of summaries.
    sentiment, probes
        Right labels, and right answers to all cultural probes.
    names
        What each system is called.
    """
    return frame(
        [
            {"model": name, "bleu": 100 * bleu[system], "rouge_summaries": rouge[system]}
            | _percent("sentiment", sentiment[system])
            | _percent("probes", probes[system])
            for system, name in names.items()
        ]
    )


def tab_external_benchmarks(
    marks: Mapping[str, Mapping[str, "BenchmarkMarks"]],
    tasks: Sequence["Benchmark"],
    names: Mapping[str, str],
) -> "pd.DataFrame":
    """External benchmarks, a row a task and model: the harness' two accuracies in percent, the
    first with its interval, beside chance.

    Parameters
    ----------
    marks
        By system, then by task.
    tasks
        What was asked.
    names
        What each system is called.
    """
    return frame(
        [
            {"task": task.name, "model": name, "n": len(task.items)}
            | _percent("acc_percent", marks[system][task.name].acc)
            | {"acc_norm_percent": 100 * marks[system][task.name].acc_norm.value}
            | {"chance_percent": 100 * task.chance}
            for task in tasks
            for system, name in names.items()
        ]
    )


def tab_published_scores() -> "pd.DataFrame":
    """What others published for the models of section 4.4.3.2 that cannot run here."""
    rows = load("published_scores")
    return frame(
        [
            {"model": row["model"], "test": row["test"], "metric": row["metric"]}
            | {"published_score": AsPrinted(row["score"]), "reference_source": row["source"]}
            for row in rows
        ]
    )


def tab_rubric(
    marks: Mapping[str, "Floats"], criteria: Sequence[str], names: Mapping[str, str]
) -> "pd.DataFrame":
    """Share of the answers that meet each criterion, in percent, and the mean mark."""
    return frame(
        [
            {"model": names[system], "n": len(marked)}
            | {f"rubric_{c}": 100 * float(marked[:, i].mean()) for i, c in enumerate(criteria)}
            | {"rubric_mark": 100 * float(marked.mean())}
            for system, marked in marks.items()
        ]
    )


def tab_hypotheses(evidence: Sequence["Evidence"], lang: str) -> "pd.DataFrame":
    """A row a measure: the hypothesis, two values, the interval of the change, the verdict."""
    return frame(
        [
            {"hypothesis": one.hypothesis, "measure": label(one.measure, lang)}
            | {"value_before": one.before, "value_after": one.after}
            | {"ci_low": one.low, "ci_high": one.high, "verdict": label(one.verdict, lang)}
            for one in evidence
        ]
    )


def verdict_sentences(verdicts: Mapping[str, str], lang: str) -> list[str]:
    """One sentence a hypothesis, with its verdict."""
    return [f"{label(f'hypothesis_{n}', lang)}: {label(v, lang)}." for n, v in verdicts.items()]


def downstream_sentences(rows: Sequence["ScoreRow"], lang: str) -> list[str]:
    """Say of each line of SFT alone against CPT and then SFT how the two differ."""
    return [
        label("downstream_sentence", lang).format(
            task=label(row.task, lang),
            metric=label(row.metric.lower(), lang),
            before=format_number(row.claim.baseline, lang, 3),
            after=format_number(row.claim.adapted, lang, 3),
            low=format_number(-row.claim.high, lang, 3),
            high=format_number(-row.claim.low, lang, 3),
        )
        for row in rows
    ]


def _percent(name: str, rate: "Rate") -> dict[str, float]:
    low, high = rate.interval
    return {name: 100 * rate.value, f"{name}_low": 100 * low, f"{name}_high": 100 * high}
