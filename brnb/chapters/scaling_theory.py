"""Chapter 22, the published laws: curves, optimum, prediction, emergence (C.1.1-C.1.4)."""

from typing import TYPE_CHECKING, Any

import numpy as np

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.theory.chinchilla import (
    LossLaw,
    chinchilla_loss,
    optimal_allocation,
    optimal_exponents,
    printed_compute_allocation,
    printed_exponents,
    printed_prediction,
    published,
)
from brnb.theory.compute import (
    GPT3_SIZES,
    forward_flops,
    forward_flops_of_large,
    layer_training_flops,
    printed_forward_flops,
    printed_forward_flops_of_large,
    printed_layer_training_flops,
    training_flops,
)
from brnb.theory.emergence import exact_match, rise, token_accuracy
from brnb.theory.kaplan import (
    LAWS,
    Variable,
    kaplan_elasticity,
    kaplan_law,
    kaplan_loss,
    kaplan_slope,
    printed_kaplan_law,
    printed_kaplan_loss,
)
from brnb.theory.law_prediction import (
    prediction_interval,
    prediction_variance,
    printed_interval,
    printed_variance,
    published_covariance,
)
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

POINTS: dict[Variable, float] = {"N": 1e10, "D": 1e11, "C": 1e20}  # of C.11-C.13
PRINTED_SLOPES = {"N": "C.11", "D": "C.12", "C": "C.13"}
BUDGETS = (1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26)  # FLOP
HOFFMANN, REPLICATION = "hoffmann_2022", "besiroglu_2024"
ANSWERS = (1, 5, 20, 100)  # tokens that must all be right


def tab_kaplan() -> "pd.DataFrame":
    """Kaplan's laws at the points of C.11-C.13: losses and slopes printed and right, elasticity."""
    rows = []
    for variable, x in POINTS.items():
        law = kaplan_law(variable)
        rows.append(
            {
                "variable": variable,
                "at": x,
                "exponent": law.exponent,
                "scale": law.scale * law.unit,
                "scale_published": printed_kaplan_law(variable).scale,
                "loss_recomputed": float(kaplan_loss(variable, x)),
                "loss_published": float(printed_kaplan_loss(variable, x)),
                "slope_recomputed": -float(kaplan_slope(variable, x)),
                "slope_published": float(load("equations", PRINTED_SLOPES[variable], "printed")),
                "elasticity": float(kaplan_elasticity(variable, x)),
            }
        )
    return frame(rows)


def fig_kaplan_chinchilla(lang: str) -> "Figure":
    """Loss against N, D and C: Kaplan, as printed with a floor, Chinchilla and its replication.

    Chinchilla's curves have the other variable without limit, and against C the optimum.
    """
    fig, axes = figure(2.9, ncols=3, sharey=True)
    spans = {"N": (1e7, 1e13), "D": (1e8, 1e14), "C": (1e17, 1e27)}
    for axis, variable in zip(axes, LAWS, strict=True):
        x = np.geomspace(*spans[variable], 200)
        axis.plot(x, kaplan_loss(variable, x), label="Kaplan")
        dashed = {"color": "C0", "linestyle": "--", "label": label("kaplan_printed", lang)}
        axis.plot(x, printed_kaplan_loss(variable, x), **dashed)
        for color, name in (("C1", HOFFMANN), ("C2", REPLICATION)):
            axis.plot(x, _against(published(name), variable, x), color=color, label=_name(name))
        axis.set_xscale("log")
        axis.set_ylim(1.3, 5.5)
        axis.set_xlabel(label(f"axis_{variable}", lang))
    axes[0].set_ylabel(label("loss_nats", lang))
    axes[-1].legend(fontsize="x-small")
    return fig


def _against(law: LossLaw, variable: str, x: np.ndarray) -> np.ndarray:
    if variable == "C":
        return law.best_loss(x)
    without_limit = np.full_like(x, 1e40)
    return law.loss(x, without_limit) if variable == "N" else law.loss(without_limit, x)


def tab_optimum(lang: str) -> "pd.DataFrame":
    """N*, D* and the loss of every budget: by the constants, by their replication, as printed.

    The loss is that of the law of C.15-C.17 for all three, so that they can be compared.
    """
    rows = []
    for flops in BUDGETS:
        choices = {
            _name(HOFFMANN): optimal_allocation(flops),
            _name(REPLICATION): optimal_allocation(flops, REPLICATION),
            label("as_printed", lang): printed_compute_allocation(flops),
        }
        for name, (size, tokens) in choices.items():
            N, D = float(size), float(tokens)
            rows.append(
                {
                    "flops": flops,
                    "law": name,
                    "parameters_billion": N / 1e9,
                    "tokens_billion": D / 1e9,
                    "tokens_per_parameter": D / N,
                    "predicted_loss": float(chinchilla_loss(N, D)),
                }
            )
    return frame(rows)


def tab_exponents(lang: str) -> "pd.DataFrame":
    """Powers of C that N* and D* grow with, by each set of constants and as C.24, C.25 print."""
    exponents = {_name(name): optimal_exponents(name) for name in (HOFFMANN, REPLICATION)}
    exponents[label("as_printed", lang)] = printed_exponents()
    rows = [{"law": law, "for_size": a, "for_data": b} for law, (a, b) in exponents.items()]
    return frame(rows)


def fig_chinchilla_optimum(lang: str) -> "Figure":
    """N* (solid) and D* (dashed) against C, and the first-order conditions of a budget.

    The right panel has C.20 and C.21 along 6ND = C: both are 0 where the loss is lowest.
    """
    fig, (axis, conditions) = figure(3.1, ncols=2)
    C = np.geomspace(1e19, 1e27, 50)
    choices = {_name(name): optimal_allocation(C, name) for name in (HOFFMANN, REPLICATION)}
    choices[label("as_printed", lang)] = printed_compute_allocation(C)
    for place, (name, (size, tokens)) in enumerate(choices.items()):
        axis.plot(C, size, "-", color=f"C{place}", label=name)
        axis.plot(C, tokens, "--", color=f"C{place}")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel(label("axis_C", lang))
    axis.set_ylabel(label("size_and_tokens", lang))
    axis.legend(fontsize="x-small")
    _draw_conditions(conditions, published(), 5.76e23, lang)
    return fig


def _draw_conditions(axis: Any, law: LossLaw, flops: float, lang: str) -> None:
    best, _ = (float(x) for x in law.optimum(flops))
    sizes = np.geomspace(best / 30, best * 30, 80)
    tokens = flops / 6 / sizes
    slope = -law.gradient(best, flops / 6 / best)[0] / (6 * flops / 6 / best)
    pairs = [law.conditions(N, D, slope) for N, D in zip(sizes, tokens, strict=True)]
    axis.plot(sizes, [dN * N for (dN, _), N in zip(pairs, sizes, strict=True)], label="C.20 × N")
    axis.plot(sizes, [dD * D for (_, dD), D in zip(pairs, tokens, strict=True)], label="C.21 × D")
    lagrangian = [law.lagrangian(N, D, slope, flops) for N, D in zip(sizes, tokens, strict=True)]
    axis.plot(sizes, np.array(lagrangian) - min(lagrangian), color="0.4", label="C.19 − min")
    axis.axvline(best, color="0.6", linestyle=":")
    axis.set_xscale("log")
    axis.set_xlabel(label("axis_N", lang))
    axis.set_ylabel(label("nats", lang))
    axis.legend(fontsize="x-small")


def tab_training_flops(lang: str) -> "pd.DataFrame":
    """GFLOP of a token of GPT-3, printed (C.26-C.32) and right, with their ratio."""
    right, printed = forward_flops(**GPT3_SIZES), printed_forward_flops(**GPT3_SIZES)
    layers, width, n = (GPT3_SIZES[key] for key in ("layers", "width", "seq_len"))
    pairs = {f"flops_{part}": (printed[part], right[part]) for part in right}
    pairs["flops_large"] = (
        printed_forward_flops_of_large(layers, width, n),
        forward_flops_of_large(layers, width, n),
    )
    pairs["flops_training"] = (
        printed_layer_training_flops(layers, width, 1),
        layer_training_flops(layers, width, 1),
    )
    pairs["flops_6nd"] = (training_flops(12 * layers * width**2, 1),) * 2
    rows = [
        {
            "part": label(name, lang),
            "gflops_published": theirs / 1e9,
            "gflops_recomputed": ours / 1e9,
            "ratio": theirs / ours,
        }
        for name, (theirs, ours) in pairs.items()
    ]
    return frame(rows)


def tab_prediction_interval(confidence: float = 0.95) -> "pd.DataFrame":
    """L_pred of every budget with its interval, by the covariance and by C.39 without it.

    The law is the replication's, whose covariance is known (brnb/thesis/scaling.yaml).
    """
    law, covariance = published(REPLICATION), published_covariance(REPLICATION)
    rows = []
    for flops in BUDGETS:
        ours = prediction_interval(law, flops, covariance, confidence)
        theirs = printed_interval(law, flops, covariance, confidence)
        rows.append(
            {
                "flops": flops,
                "predicted_loss": ours.loss,
                "ci_low": ours.low,
                "ci_high": ours.high,
                "printed_low": theirs.low,
                "printed_high": theirs.high,
                "too_wide": _deviation_ratio(law, flops),
            }
        )
    return frame(rows)


def _deviation_ratio(law: LossLaw, flops: float) -> float:
    covariance = published_covariance(REPLICATION)
    printed = printed_variance(law, flops, covariance)
    return float((printed / prediction_variance(law, flops, covariance)) ** 0.5)


def tab_extrapolation(lang: str) -> "pd.DataFrame":
    """C.40-C.43 for 1e26 FLOP: the printed terms, the same terms added up, and the optimum."""
    law, flops = published(), 1e26
    printed = tuple(map(float, printed_compute_allocation(flops)))
    best = tuple(map(float, law.optimum(flops)))
    rows = [_terms(label("as_printed", lang), law, *printed)]
    rows[0] |= {"size_term": 0.012, "data_term": 0.018, "predicted_loss": printed_prediction()}
    rows.append(_terms(label("printed_allocation", lang), law, *printed))
    rows.append(_terms(label("right_allocation", lang), law, *best))
    return frame(rows)


def _terms(name: str, law: LossLaw, N: float, D: float) -> dict[str, Any]:
    return {
        "case": name,
        "parameters_billion": N / 1e9,
        "tokens_billion": D / 1e9,
        "size_term": law.A * N**-law.alpha,
        "data_term": law.B * D**-law.beta,
        "predicted_loss": float(law.loss(N, D)),
    }


def fig_emergence(lang: str) -> "Figure":
    """Two scores of the same smooth loss: by token, and of whole answers of k tokens."""
    fig, axis = figure(3.2)
    C, loss = _losses_above_floor()
    axis.plot(C, token_accuracy(loss), color="black", label=label("token_accuracy", lang))
    for place, tokens in enumerate(ANSWERS[1:]):
        name = f"{label('exact_match', lang)}, k = {tokens}"
        axis.plot(C, exact_match(loss, tokens), color=f"C{place}", label=name)
    axis.set_xscale("log")
    axis.set_xlabel(label("axis_C", lang))
    axis.set_ylabel(label("score", lang))
    axis.legend()
    return fig


def tab_emergence() -> "pd.DataFrame":
    """Scores by the length of the answer, and the decades between 10% and 90% of their last."""
    C, loss = _losses_above_floor()
    at = [int(np.searchsorted(C, 0.999 * flops)) for flops in (1e18, 1e22, 1e26)]
    rows = []
    for tokens in ANSWERS:
        score = exact_match(loss, tokens)
        early = {f"score_1e{e}": float(score[i]) for e, i in zip((18, 22, 26), at, strict=True)}
        starts_low = score[0] < 0.1 * score[-1]
        rows.append(
            {"answer_tokens": tokens, **early, "decades": rise(C, score) if starts_low else None}
        )
    return frame(rows)


def _losses_above_floor() -> tuple[np.ndarray, np.ndarray]:
    """Compute up to that of today, and nats above E, which no model can save."""
    C = np.geomspace(1e17, 1e26, 600)
    law = published()
    return C, law.best_loss(C) - law.E


def _name(law: str) -> str:
    return str(load("scaling", law, "name"))
