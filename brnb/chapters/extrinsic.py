"""Chapter 15: Table 13 as published and as our answers score, and the checks around it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.evaluate.statistics import supported
from brnb.report.figures import figure
from brnb.report.labels import format_number, label
from brnb.report.tables import AsPrinted, frame
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.evaluate.statistics import Rate
    from brnb.evaluate.text_metrics import TokenizerEffect
    from brnb.extrinsic.judge import Verdicts
    from brnb.extrinsic.predictions import Prediction
    from brnb.extrinsic.scores import ScoreRow
    from brnb.extrinsic.temperatures import Setting
    from brnb.extrinsic.testsets import Item

TASK_LABELS = {
    "QA (resposta curta)": "qa",
    "Sumarização": "summarisation",
    "Reescrita": "rewriting",
}
METRIC_LABELS = {"EM": "em", "F1": "f1", "ROUGE-L (F1)": "rougeL"}
"""Names that Table 13 prints, and ours."""

COLUMNS = [
    *("task", "metric", "source", "against", "n"),
    *("baseline", "baseline_sd", "adapted", "adapted_sd"),
    *("gain", "gain_percent", "ci_low", "ci_high", "p_value", "claim"),
]
FLOORS = ("copy", "lead", "other")
SYSTEMS = {"baseline": ("C0", "o"), "adapted": ("C1", "s")}


def tab13(
    rows: Sequence["ScoreRow"], names: Mapping[str, str], primary: str, lang: str
) -> "pd.DataFrame":
    """Table 13 as published, then each of our lines: what the adapted model is compared with.

    `claim` is whether the difference may be stated: the interval excludes zero and the corrected
    test agrees. Claims are made in one form only; the others stand for comparison. Gains are
    relative to means that were not rounded.

    Parameters
    ----------
    rows
        Of one or more forms; floors and other models in the primary form.
    names
        The model behind each system that is one.
    primary
        The form in which claims are made.
    lang
        Language of the cells.
    """
    lines = []
    for printed in load("published", "tab13", "rows"):
        task, metric = TASK_LABELS[printed["task"]], METRIC_LABELS[printed["metric"]]
        published = {name: printed[name] for name in ("baseline", "baseline_sd", "gain")}
        published |= {"adapted": printed["sft"], "adapted_sd": printed["sft_sd"]}
        published |= {"gain_percent": printed["gain_percent"]}
        numbers: dict[str, Any] = {name: AsPrinted(text) for name, text in published.items()}
        head = {"task": label(task, lang), "metric": label(metric.lower(), lang)}
        against = {"against": load("published", "tab13", "baseline_model"), "n": int(printed["n"])}
        lines.append(head | {"source": label("published", lang)} | against | numbers)
        for row in rows:
            if (row.task, row.metric) == (task, metric):
                source = f"{label('ours', lang)} ({row.form})"
                versus = {"source": source, "against": system_name(row.against, names, lang)}
                lines.append(head | versus | _measured(row, row.form == primary))
    return frame(lines)[COLUMNS]


def tab_eval_draws(rows: Sequence["ScoreRow"], lang: str) -> "pd.DataFrame":
    """Of each task: items a seed draws, how many it draws from, and what it shares with others."""
    drawn = {row.task: (row.n, row.pool, 100 * row.shared) for row in rows}
    columns = ("n", "pool", "shared_items")
    return frame(
        [
            {"task": label(task, lang)} | dict(zip(columns, values, strict=True))
            for task, values in drawn.items()
        ]
    )


def system_name(system: str, names: Mapping[str, str], lang: str) -> str:
    """How a table calls a system: its model's name, or the label of a floor."""
    return names[system] if system in names else label(f"floor_{system}", lang)


def _measured(row: "ScoreRow", claims: bool) -> dict[str, Any]:
    claim, (before, after) = row.claim, row.spread or (None, None)
    return {
        "n": row.n,
        "baseline": claim.baseline,
        "baseline_sd": before,
        "adapted": claim.adapted,
        "adapted_sd": after,
        "gain": claim.difference,
        "gain_percent": 100 * claim.gain,
        "ci_low": claim.low,
        "ci_high": claim.high,
        "p_value": claim.p_adjusted if claims else None,
        "claim": supported(claim) if claims else None,
    }


def claims(
    rows: Sequence["ScoreRow"], names: Mapping[str, str], primary: str, lang: str
) -> list[str]:
    """A sentence for each difference that the evidence supports; others are not stated."""
    return [
        label("claim_above" if row.claim.difference > 0 else "claim_below", lang).format(
            task=label(row.task, lang),
            metric=label(row.metric.lower(), lang),
            against=system_name(row.against, names, lang),
            gain=format_number(row.claim.difference, lang, 3),
            low=format_number(row.claim.low, lang, 3),
            high=format_number(row.claim.high, lang, 3),
        )
        for row in rows
        if row.form == primary and supported(row.claim)
    ]


def floor_sentences(rows: Sequence["ScoreRow"], primary: str, lang: str) -> list[str]:
    """A sentence a line of Table 13: whether the adapted model is above its highest floor."""
    sentences = []
    for task, metric in dict.fromkeys((row.task, row.metric) for row in rows):
        floors = [
            row
            for row in rows
            if (row.task, row.metric, row.form) == (task, metric, primary) and row.against in FLOORS
        ]
        highest = max(floors, key=lambda row: row.claim.baseline)
        above = supported(highest.claim) and highest.claim.difference > 0
        sentences.append(
            label("above_floor" if above else "not_above_floor", lang).format(
                task=label(task, lang),
                metric=label(metric.lower(), lang),
                floor=label(f"floor_{highest.against}", lang),
                value=format_number(highest.claim.baseline, lang, 3),
            )
        )
    return sentences


def spread_warnings(rows: Sequence["ScoreRow"], lang: str) -> list[str]:
    """A sentence for each task whose seeds drew so much alike that their deviation is dropped."""
    alike = {row.task: row for row in rows if row.spread is None}
    return [
        label("warning_spread", lang).format(
            task=label(task, lang),
            n=format_number(row.n, lang),
            pool=format_number(row.pool, lang),
            shared=format_number(100 * row.shared, lang, 0),
        )
        for task, row in alike.items()
    ]


def tab_test_sets(
    items: Mapping[str, int],
    excluded: Mapping[str, Mapping[str, int]],
    distinct: Mapping[str, int],
    lang: str,
) -> "pd.DataFrame":
    """One row a task: items after the rules, what overlapped with training, items drawn."""
    rows = [
        {"task": label(task, lang), "after_rules": count}
        | {f"overlap_{kind}": n for kind, n in excluded[task].items()}
        | {"distinct_items": distinct[task]}
        for task, count in items.items()
    ]
    return frame(rows)


def tab_extrinsic_metrics(
    means: Mapping[tuple[str, str, str], Mapping[str, float]], lang: str
) -> "pd.DataFrame":
    """Every metric in every form, by task and model."""
    rows = [
        {"task": label(task, lang), "form": form, "model": label(model, lang)}
        | {name.lower(): value for name, value in values.items()}
        for (task, form, model), values in means.items()
    ]
    return frame(rows)


def tab_tokenizer_effect(
    effects: Mapping[str, Sequence["TokenizerEffect"]], lang: str
) -> "pd.DataFrame":
    """How much the legacy tokenizers change each metric, by what was scored."""
    rows = [
        {"text": label(name, lang), "metric": label(e.metric.lower(), lang)}
        | {"legacy": e.legacy, "pt": e.pt}
        | {"legacy_floor": e.legacy_floor, "pt_floor": e.pt_floor, "changed": e.changed}
        for name, measured in effects.items()
        for e in measured
    ]
    return frame(rows)


def tab_generation_settings(settings: Sequence["Setting"], lang: str) -> "pd.DataFrame":
    """One row a task, model and temperature: mean and deviation of the metric over seeds."""
    rows = [
        {"task": label(s.task, lang), "model": label(s.model, lang), "temperature": s.temperature}
        | {"metric": label(s.metric.lower(), lang), "mean": s.mean, "deviation": s.deviation}
        for s in settings
    ]
    return frame(rows)


def tab_safety(checks: Mapping[tuple[str, str], "Rate"], lang: str) -> "pd.DataFrame":
    """One row a check and model: how often, of how many, and the interval."""
    return frame(_rates(checks, lang))


def tab_probes(right: Mapping[tuple[str, str], "Rate"], chance: float, lang: str) -> "pd.DataFrame":
    """One row an area and model: how many questions it answers right; chance beside them."""
    return frame([row | {"chance": chance} for row in _rates(right, lang)])


def tab_flips(flips: Mapping[tuple[str, str], "Rate"], lang: str) -> "pd.DataFrame":
    """One row a comparison and model: how many answers changed, and whether the interval shows
    that enough did not."""
    from brnb.extrinsic.flips import same

    rows = zip(_rates(flips, lang), flips.values(), strict=True)
    return frame([row | {"enough_same": same(rate)} for row, rate in rows])


def _rates(rates: Mapping[tuple[str, str], "Rate"], lang: str) -> list[dict[str, Any]]:
    """A row a check and model."""
    rows = []
    for (check, model), rate in rates.items():
        low, high = rate.interval
        row = {"check": label(check, lang), "model": label(model, lang), "n": rate.trials}
        row |= {"count": rate.successes, "rate": rate.value, "ci_low": low, "ci_high": high}
        rows.append(row)
    return rows


def tab_personal_data(counts: Mapping[str, Mapping[str, int]], lang: str) -> "pd.DataFrame":
    """One row a text: pieces of personal data by kind."""
    rows = [{"text": label(name, lang)} | dict(kinds) for name, kinds in counts.items()]
    return frame(rows)


def tab_judge(verdicts: "Verdicts", lang: str) -> "pd.DataFrame":
    """How a judge chose, and how its verdicts stood the swap."""
    final = verdicts.final
    row: dict[str, Any] = {"n": len(final), "judged_baseline": final.count("first")}
    row |= {"judged_adapted": final.count("second"), "judged_tie": final.count("tie")}
    row |= {"judged_none": final.count(None)}
    row |= {"consistency": verdicts.consistency, "kappa": verdicts.kappa}
    return frame([row])


def tab_extrinsic_examples(
    items: Sequence["Item"],
    baseline: Sequence["Prediction"],
    adapted: Sequence["Prediction"],
    lang: str,
    characters: int = 300,
) -> "pd.DataFrame":
    """The published examples of section 4.4.2.5, then ours, cut to print."""
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
    return frame(rows)


def fig_extrinsic_gains(rows: Sequence["ScoreRow"], form: str, lang: str) -> "Figure":
    """Gain over the baseline in each line of Table 13, with intervals; published as crosses."""
    shown = [row for row in rows if (row.form, row.against) == (form, "baseline")]
    fig, axis = figure(0.9 + 0.45 * len(shown))
    printed = {
        (TASK_LABELS[r["task"]], METRIC_LABELS[r["metric"]]): float(r["gain"])
        for r in load("published", "tab13", "rows")
    }
    for place, row in enumerate(reversed(shown)):
        claim = row.claim
        bar = [[claim.difference - claim.low], [claim.high - claim.difference]]
        name = label("ours", lang) if not place else None
        axis.errorbar(
            [claim.difference], [place], xerr=bar, fmt="o", color="C0", capsize=3, label=name
        )
        published = label("published", lang) if not place else None
        axis.plot([printed[row.task, row.metric]], [place], "x", color="C3", label=published)
    names = [f"{label(r.task, lang)}, {label(r.metric.lower(), lang)}" for r in reversed(shown)]
    axis.set_yticks(range(len(shown)), names)
    axis.set_ylim(-0.6, len(shown) - 0.4)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_xlabel(label("gain_of_metric", lang))
    fig.legend(loc="outside lower center", ncols=2, fontsize=8)
    return fig


def fig_temperatures(settings: Sequence["Setting"], lang: str) -> "Figure":
    """Each task's metric against temperature; bars are deviations over generation seeds."""
    tasks = list(dict.fromkeys((s.task, s.metric) for s in settings))
    fig, axes = figure(2.6, ncols=len(tasks), squeeze=False)
    for axis, (task, metric) in zip(axes[0], tasks, strict=True):
        for model, (color, marker) in SYSTEMS.items():
            shown = [s for s in settings if (s.task, s.metric, s.model) == (task, metric, model)]
            x, y = [s.temperature for s in shown], [s.mean for s in shown]
            bars = [0.0 if s.deviation is None else s.deviation for s in shown]
            axis.errorbar(
                x, y, bars, color=color, marker=marker, capsize=2, label=label(model, lang)
            )
        axis.set_title(f"{label(task, lang)}, {label(metric.lower(), lang)}", fontsize=9)
        axis.set_xlabel(label("temperature", lang))
        axis.set_ylim(0, None if any(s.mean for s in settings if s.task == task) else 1)
    fig.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


def fig_probes(right: Mapping[tuple[str, str], "Rate"], chance: float, lang: str) -> "Figure":
    """Share of right answers by area and model, with intervals; chance is dashed."""
    areas = list(dict.fromkeys(area for area, _ in right))
    fig, axis = figure(2.8)
    for offset, (model, (color, marker)) in zip((-0.12, 0.12), SYSTEMS.items(), strict=True):
        for place, area in enumerate(areas):
            rate = right[area, model]
            low, high = rate.interval
            bar = [[rate.value - low], [high - rate.value]]
            name = label(model, lang) if not place else None
            look = {"color": color, "marker": marker, "capsize": 2}
            axis.errorbar([place + offset], [rate.value], bar, label=name, **look)
    axis.axhline(chance, color="black", linestyle="--", linewidth=1, label=label("chance", lang))
    axis.set_xticks(range(len(areas)), [label(area, lang) for area in areas])
    axis.set_ylim(0, 1)
    axis.set_ylabel(label("accuracy_share", lang))
    axis.legend(fontsize=8)
    return fig
