"""Tables and figures of chapter 19 on quantisation: size, fidelity, speed, layers, bits."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.report.figures import MARKERS, figure
from brnb.report.labels import label, run_name
from brnb.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.compress.comparisons import Compared
    from brnb.compress.survey import SchemeRow

DECIMALS = {
    "sizes": {"weight_bits": 2, "disk_mb": 3, "held_mb": 3, "bits_per_byte": 4}
    | {"change": 5, "ci_low": 5, "ci_high": 5},
    "answers": {"divergence": 6, "agreement_percent": 2}
    | {"em_percent": 1, "f1_percent": 1, "rouge_l_percent": 1, "worst_map": 5},
    "speed": {"tokens_per_second": 0, "speed_ratio": 2},
    "compared": {"weight_bits": 2, "bits_per_byte": 4, "divergence": 5}
    | {"change": 5, "ci_low": 5, "ci_high": 5},
}


def tab_quantization(rows: Sequence["SchemeRow"], lang: str) -> "pd.DataFrame":
    """Size and bits per byte of each model in each scheme, with what the scheme adds."""
    return frame(
        [
            {
                "model": run_name(row.model, lang),
                "scheme": label(row.scheme, lang),
                "weight_bits": row.bits,
                "disk_mb": row.disk / 1e6,
                "held_mb": row.held / 1e6,
                "bits_per_byte": row.bits_per_byte,
                "change": row.change,
                "ci_low": row.low,
                "ci_high": row.high,
            }
            for row in rows
        ]
    )


def tab_quantization_answers(rows: Sequence["SchemeRow"], lang: str) -> "pd.DataFrame":
    """Distance from the original's predictions, and continuations beside the text itself."""
    return frame(
        [
            {
                "model": run_name(row.model, lang),
                "scheme": label(row.scheme, lang),
                "divergence": row.divergence,
                "agreement_percent": 100 * row.agreement,
                "em_percent": 100 * row.em,
                "f1_percent": 100 * row.f1,
                "rouge_l_percent": 100 * row.rouge_l,
                "worst_map": max(row.errors.values(), default=None),
            }
            for row in rows
        ]
    )


def tab_quantization_speed(rows: Sequence["SchemeRow"], lang: str) -> "pd.DataFrame":
    """Tokens a second by device and batch, and as many times as bf16 on the same device.

    GGUF runs in llama.cpp; all else in PyTorch.
    """
    exact = {
        (r.model, device): r.speed[device] for r in rows if r.scheme == "bf16" for device in r.speed
    }
    lines = []
    for row in rows:
        for device, rates in row.speed.items():
            beside = exact.get((row.model, device), {})
            for batch, rate in rates.items():
                lines.append(
                    {
                        "model": run_name(row.model, lang),
                        "scheme": label(row.scheme, lang),
                        "device": label(device, lang),
                        "batch": int(batch),
                        "tokens_per_second": rate,
                        "speed_ratio": rate / beside[batch] if batch in beside else None,
                    }
                )
    return frame(lines)


def fig_quantization_frontier(rows: Sequence["SchemeRow"], lang: str) -> "Figure":
    """What each scheme adds to the bits per byte against the size of its file, model by model."""
    models = list(dict.fromkeys(row.model for row in rows))
    fig, panels = figure(4.4, ncols=len(models), sharey=True, squeeze=False)
    for axes, model in zip(panels[0], models, strict=True):
        for i, row in enumerate(row for row in rows if row.model == model):
            spread = [[row.change - row.low], [row.high - row.change]]
            style = {"linestyle": "none", "markersize": 5, "color": f"C{i % 8}", "linewidth": 1}
            style |= {"marker": MARKERS[i % len(MARKERS)], "label": label(row.scheme, lang)}
            if i >= len(MARKERS):
                style["markerfacecolor"] = "white"
            axes.errorbar([row.disk / 1e6], [row.change], yerr=spread, capsize=2, **style)
        axes.axhline(0, color="black", linestyle="--", linewidth=0.8)
        axes.set(title=run_name(model, lang), xlabel=label("disk_mb", lang))
    unit = label("bits_per_byte", lang).lower()
    panels[0][0].set_ylabel(f"{label('change', lang)} ({unit})")
    named = max(panels[0], key=lambda axes: len(axes.containers))
    handles, names = named.get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=5, fontsize=8)
    return fig


def fig_quantization_layers(rows: Sequence["SchemeRow"], lang: str) -> "Figure":
    """Error of each map's outputs, in the order of the model, one line a scheme."""
    models = list(dict.fromkeys(row.model for row in rows if row.errors))
    fig, panels = figure(2.6 * len(models), nrows=len(models), squeeze=False)
    for axes, model in zip(panels[:, 0], models, strict=True):
        shown = [r for r in rows if r.model == model and max(r.errors.values(), default=0.0) > 0]
        for i, row in enumerate(shown):
            values, style = list(row.errors.values()), ("-", "--", ":")[i // 8 % 3]
            axes.plot(values, style, color=f"C{i % 8}", linewidth=1, label=label(row.scheme, lang))
        axes.set(yscale="log", title=run_name(model, lang), xlabel=label("map_number", lang))
        axes.set_ylabel(label("output_error", lang))
        axes.xaxis.get_major_locator().set_params(integer=True)
    fig.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return fig


def tab_quantization_calibration(rows: Sequence["Compared"], lang: str) -> "pd.DataFrame":
    """4 bits by the language of the calibration text, beside Portuguese."""
    return _compared(rows, lang)


def tab_quantization_mixed(rows: Sequence["Compared"], lang: str) -> "pd.DataFrame":
    """Bits shared by C.84-C.86, each beside uniform bits of the same budget."""
    return _compared(rows, lang)


def fig_quantization_bits(shared: Mapping[float, Mapping[str, int]], lang: str) -> "Figure":
    """Bits that each map was given under each budget, in the order of the model."""
    fig, axes = figure(2.4)
    for i, (budget, bits) in enumerate(shared.items()):
        name = f"{label('budget_bits', lang)}: {budget:g}"
        axes.step(range(len(bits)), list(bits.values()), where="mid", color=f"C{i}", label=name)
    axes.set(xlabel=label("map_number", lang), ylabel=label("weight_bits", lang))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    return fig


def _compared(rows: Sequence["Compared"], lang: str) -> "pd.DataFrame":
    return frame(
        [
            {
                "model": run_name(row.model, lang),
                "form": label(row.way, lang),
                "weight_bits": row.bits,
                "bits_per_byte": row.bits_per_byte,
                "divergence": row.divergence,
                "change": row.change,
                "ci_low": row.low,
                "ci_high": row.high,
            }
            for row in rows
        ]
    )
