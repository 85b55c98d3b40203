"""Chapter 14: what continued pretraining and fine-tuning gained, and what they forgot."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.bases.locate import model_name
from brnb.evaluate.statistics import supported
from brnb.report.figures import figure, look
from brnb.report.labels import format_number, label, run_name
from brnb.report.tables import AsPrinted, frame
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.evaluate.losses import LossChange, Losses
    from brnb.evaluate.statistics import Comparison
    from brnb.studies.adaptation import TrainingRecord


def tab11(trained: Mapping[str, "TrainingRecord"], lang: str) -> "pd.DataFrame":
    """Table 11 and ours: two rows a training.

    Hours and cost are those of the whole run, as its receipt has them; the loss is the lowest of
    the validation curve.

    Parameters
    ----------
    trained
        Ours, by the run of the dissertation that each stands beside.
    lang
        Language of the cells.
    """
    rows: list[dict[str, Any]] = []
    for published in load("published", "tab11", "rows"):
        ours = trained[published["run"]]
        rows.append(
            {"run": published["run"], "source": label("published", lang)}
            | {name: published[name] for name in ("base_model", "data")}
            | {name: AsPrinted(published[name]) for name in ("hours", "usd", "eval_loss", "ppl")}
        )
        rows.append(
            {"run": ours.run, "source": label("ours", lang)}
            | {"base_model": model_name(ours.params["base"]), "data": _read(ours, lang)}
            | {"hours": ours.seconds / 3600, "usd": ours.resources["usd"]}
            | {"eval_loss": ours.metrics["eval_loss"], "ppl": ours.metrics["eval_ppl"]}
        )
    return frame(rows)


def tab12(
    base: Mapping[str, "Losses"],
    adapted: Mapping[str, "Losses"],
    trained: Mapping[str, "TrainingRecord"],
    lang: str,
) -> "pd.DataFrame":
    """Table 12 and ours: base and adapted model on the validation split of each training.

    Parameters
    ----------
    base, adapted, trained
        By the run of the dissertation: losses on the validation split, and the training of ours.
    lang
        Language of the cells.
    """
    rows: list[dict[str, Any]] = []
    for published in load("published", "tab12", "rows"):
        run, after = published["run"], published["adapted"]
        ours = (adapted if after else base)[run]
        gain = ours.perplexity / base[run].perplexity - 1 if after else None
        named = run_name(model_name(trained[run].params["base"]), lang)
        printed = published["ppl_change"]
        rows.append(
            {"run": run, "source": label("published", lang)}
            | {"model": published["model"], "evaluated_on": published["split"]}
            | {"eval_loss": AsPrinted(published["eval_loss"]), "ppl": AsPrinted(published["ppl"])}
            | {"bits_per_byte": None, "ppl_change": printed and AsPrinted(printed)}
        )
        rows.append(
            {"run": trained[run].run, "source": label("ours", lang)}
            | {"model": f"+ {_method(run)}-QLoRA" if after else f"{named} (base)"}
            | {"evaluated_on": label("split_validation", lang), "eval_loss": ours.loss}
            | {"ppl": ours.perplexity, "bits_per_byte": ours.bits_per_byte}
            | {"ppl_change": None if gain is None else 100 * gain}
        )
    return frame(rows)


def tab_lexical(
    claims: Mapping[str, "Comparison"], ceiling: Mapping[str, float], lang: str
) -> "pd.DataFrame":
    """Lexical measures of what base and CPT model write, and of what the authors wrote."""
    return frame(
        [
            {"measure": label(name, lang), "documents": claim.items}
            | {"base_percent": 100 * claim.baseline, "adapted_percent": 100 * claim.adapted}
            | {"author_words": 100 * ceiling[name]}
            | {"ci_low": 100 * claim.low, "ci_high": 100 * claim.high}
            | {"p_value": claim.p_adjusted}
            for name, claim in claims.items()
        ]
    )


def tab_adaptation(changes: Mapping[tuple[str, str], "LossChange"], lang: str) -> "pd.DataFrame":
    """What each adapted model gained and forgot: one row a model and text, with intervals.

    Parameters
    ----------
    changes
        By run and id of the text (``text_cpt``, ``text_sft``, ``text_english``).
    lang
        Language of the cells.
    """
    rows = [
        {"method": _method(run), "text": label(text, lang), "documents": change.comparison.items}
        | {"loss_before": change.before, "loss_after": change.after}
        | {"bits_before": change.bits_before, "bits_after": change.bits_after}
        | _interval(change)
        for (run, text), change in changes.items()
    ]
    return frame(rows)


def tab_ablations(
    reference: "Losses", variants: Mapping[str, tuple["Losses", "LossChange"]], lang: str
) -> "pd.DataFrame":
    """Each variant's loss on the answers of the validation split, and its change from ours."""
    rows: list[dict[str, Any]] = [
        {"variant": label("reference", lang), "eval_loss": reference.loss}
        | {"ppl": reference.perplexity, "ppl_change": None, "ci_low": None, "ci_high": None}
        | {"p_value": None}
    ]
    for name, (losses, change) in variants.items():
        row = {"variant": name, "eval_loss": losses.loss, "ppl": losses.perplexity}
        rows.append(row | _interval(change))
    return frame(rows)


def tab_sft_examples(
    prompts: Sequence[str],
    references: Sequence[str],
    base: Sequence[str],
    adapted: Sequence[str],
    lang: str,
    characters: int = 300,
) -> "pd.DataFrame":
    """The examples of section 4.4.2.3 as printed, then ours, cut to print."""
    columns = ("instruction", "reference", "base", "adapted")
    rows = [
        {"source": label("published", lang)} | {name: shown.get(name) for name in columns}
        for shown in load("examples", "tuned")
    ]
    for texts in zip(prompts, references, base, adapted, strict=True):
        cut = {name: text[:characters] for name, text in zip(columns, texts, strict=True)}
        rows.append({"source": label("ours", lang)} | cut)
    return frame(rows)


def gain_sentences(
    changes: Mapping[tuple[str, str], "LossChange"], trained_on: Mapping[str, str], lang: str
) -> list[str]:
    """Say what each model learnt and forgot, and the gains beside the published ones.

    Parameters
    ----------
    changes
        As for `tab_adaptation`.
    trained_on
        The text of each run's own training.
    lang
        Of the sentences.
    """
    sentences = []
    for (run, text), change in changes.items():
        kind = "gain_open"
        if supported(change.comparison):
            kind = "gain_learnt" if change.perplexity < 0 else "gain_forgot"
        percent = {"change": change.perplexity, "low": change.low, "high": change.high}
        words = {name: format_number(100 * value, lang, 1) for name, value in percent.items()}
        sentences.append(
            label(kind, lang).format(run=_method(run), text=label(text, lang), **words)
        )
    ours = {_method(run).lower(): changes[run, text].perplexity for run, text in trained_on.items()}
    printed = {
        _method(r["run"]).lower(): r["ppl_change"] for r in load("published", "tab12", "rows")
    }
    numbers = {name: format_number(AsPrinted(text), lang) for name, text in printed.items()}
    numbers |= {f"our_{name}": format_number(100 * x, lang, 1) for name, x in ours.items()}
    return [*sentences, label("published_gain", lang).format(**numbers)]


def ablation_sentence(reference: "Losses", variants: Mapping[str, "Losses"], lang: str) -> str:
    """Say what CPT before SFT changed, against SFT alone on the same base."""
    if "cpt_then_sft" not in variants:
        return label("no_cpt_first", lang)
    alone, both = variants.get("sft_on_base", reference), variants["cpt_then_sft"]
    return label("cpt_first", lang).format(
        before=format_number(alone.loss, lang, 3),
        after=format_number(both.loss, lang, 3),
        difference=format_number(both.loss - alone.loss, lang, 3),
    )


def _read(ours: "TrainingRecord", lang: str) -> str:
    """How many documents, or pairs, the training read."""
    count = format_number(ours.metrics["train_documents"], lang)
    kind = "instruction_pairs" if "instructions" in ours.params else "documents"
    return f"{count} {label(kind, lang).lower()}"


def _method(run: str) -> str:
    """CPT or SFT, as the run's id begins."""
    return run.partition("_")[0].upper()


def _interval(change: "LossChange") -> dict[str, float]:
    """Relative change of perplexity in percent, its interval, and the corrected p-value."""
    return {
        "ppl_change": 100 * change.perplexity,
        "ci_low": 100 * change.low,
        "ci_high": 100 * change.high,
        "p_value": change.comparison.p_adjusted,
    }


def fig_track2_loss(
    trained: Mapping[str, "TrainingRecord"], before: Mapping[str, float], lang: str
) -> "Figure":
    """Training and validation loss of each training, in nats per target token.

    Dashed is the loss of its base on the validation text: where the training started from.
    """
    fig, axes = figure(3.2, ncols=len(trained), squeeze=False)
    for axis, (name, training) in zip(axes[0], trained.items(), strict=True):
        for curve, rows, form in (
            ("train_loss", training.curves["train"], "-"),
            ("val_loss", training.curves["validation"], "o-"),
        ):
            x = [row["tokens"] / 1e6 for row in rows]
            axis.plot(x, [row["loss"] for row in rows], form, label=label(curve, lang), ms=4)
        start = {"color": "0.3", "ls": "--", "lw": 1, "label": label("base_loss", lang)}
        axis.axhline(before[name], **start)
        axis.set_title(_method(training.run))
        axis.locator_params(axis="x", nbins=4)
        axis.set_xlabel(label("million_tokens", lang))
    axes[0][0].set_ylabel(label("loss_nats", lang))
    fig.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


def fig_adaptation(changes: Mapping[tuple[str, str], "LossChange"], lang: str) -> "Figure":
    """Change of perplexity in percent, with intervals: left of zero is learnt, right forgotten."""
    fig, axis = figure(0.9 + 0.3 * len(changes))
    names = []
    for row, ((run, text), change) in enumerate(changes.items()):
        value, low, high = (100 * x for x in (change.perplexity, change.low, change.high))
        interval = [[value - low], [high - value]]
        axis.errorbar([value], [row], xerr=interval, capsize=2, **look(run))
        names.append(f"{_method(run)} · {label(text, lang)}")
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    axis.set_xlabel(label("ppl_change", lang))
    return fig
