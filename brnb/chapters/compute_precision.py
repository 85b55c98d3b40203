"""Chapter 21: number formats by measured round trip, lost gradients, and integers."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.theory.loss_scaling import (
    best_scale,
    printed_subnormal_share,
    printed_underflow_share,
    through_fp16,
    underflow_share,
)
from brnb.theory.quantisation import (
    affine_scale,
    best_clip,
    error_share,
    printed_rounding_rmse,
    quantise_affine,
    quantise_symmetric,
    restore_affine,
    restore_symmetric,
    rounding_rmse,
    rounding_variance,
    zero_point,
)
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import Tensor

    from brnb.algorithms.integer_cache import CachingModel
    from brnb.models.transformer import TransformerLM

Array = NDArray[np.float64]


def tab17(samples: int, seed: int) -> "pd.DataFrame":
    """Table 17 as printed, and the largest relative error of a round trip, measured.

    Values are spread evenly over five decades in logarithm, all inside every format's normal range;
    INT8 has a scale of its own, that of the largest value.
    """
    import torch

    values = 10 ** np.random.default_rng(seed).uniform(-4, 1, samples)
    types = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    rows = []
    for row in load("infrastructure", "tab17", "rows"):
        if row["dtype"] in types:
            restored = torch.tensor(values).to(types[row["dtype"]]).double().numpy()
            largest = float(torch.finfo(types[row["dtype"]]).max)
        else:
            restored = restore_symmetric(quantise_symmetric(values, values.max()), values.max())
            largest = 127.0
        published = {f"{key}_published": row[key] for key in ("range", "precision", "speedup")}
        error = float(np.abs(restored / values - 1).max())
        measured = {"largest": largest, "error_measured": error}
        lost = 100 * float(np.mean(restored == 0))
        rows.append({"format": row["format"], **published, **measured, "lost_percent": lost})
    return frame(rows)


def lost_gradients(sigmas: Sequence[float], samples: int, seed: int) -> "pd.DataFrame":
    """Share of normal gradients that fp16 makes zero: by formulas, measured, measured with a scale.

    The scale is the power of two below Eq. B.141's.
    """
    random = np.random.default_rng(seed)
    rows = []
    for sigma in sigmas:
        gradients = random.normal(0, sigma, samples)
        scale = 2.0 ** int(np.log2(best_scale(float(np.abs(gradients).max()))))
        rows.append(
            {
                "sigma": sigma,
                "lost_predicted": underflow_share(sigma),
                "lost_b45": printed_underflow_share(sigma),
                "lost_b137": printed_subnormal_share(sigma),
                "lost_measured": float(np.mean(through_fp16(gradients) == 0)),
                "lost_scaled": float(np.mean(through_fp16(gradients, scale) == 0)),
            }
        )
    return frame(rows)


def fig_underflow(lost: "pd.DataFrame", lang: str) -> "Figure":
    """Lost gradients against their standard deviation: three formulas and what was measured."""
    fig, axis = figure(3.4)
    sigma = lost["sigma"].astype(float)
    for name, line in (("lost_b137", ":"), ("lost_b45", "--"), ("lost_predicted", "-")):
        axis.loglog(sigma, lost[name].astype(float), line, label=label(name, lang))
    seen = lost[lost["lost_measured"] > 0].astype(float)
    hollow = {"color": "black", "markerfacecolor": "none", "label": label("lost_measured", lang)}
    axis.loglog(seen["sigma"], seen["lost_measured"], "o", **hollow)
    axis.set_xlabel(label("gradient_sigma", lang))
    axis.set_ylabel(label("lost_share", lang))
    axis.legend()
    return fig


def tab_clips(samples: int, seed: int, lang: str) -> "pd.DataFrame":
    """Normal values in eight and four bits at several clips: measured error beside the formulas."""
    values = np.random.default_rng(seed).normal(size=samples)
    rows = []
    for bits in (8, 4):
        for name, clip in {"clip_of_the_text": 2.5, "clip_best": best_clip(bits)}.items():
            error = values - restore_symmetric(quantise_symmetric(values, clip, bits), clip, bits)
            inner = error[np.abs(values) <= clip]
            rows.append(
                {
                    "bits": bits,
                    "case": label(name, lang),
                    "clip": clip,
                    "clipped_percent": 100 * float(np.mean(np.abs(values) > clip)),
                    "rmse": float(np.sqrt(np.mean(error**2))),
                    "rmse_inside": float(np.sqrt(np.mean(inner**2))),
                    "rmse_formula": float(rounding_rmse(clip, bits)),
                    "rmse_published": float(printed_rounding_rmse(clip)) if bits == 8 else None,
                }
            )
    return frame(rows)


def tab_weights_int(matrices: Mapping[str, Array], lang: str) -> "pd.DataFrame":
    """Our own weights in eight and four affine bits (Eqs. B.142-B.148), a scale for each matrix.

    Parameters
    ----------
    matrices : mapping of str to array
        Weights by the label of their kind; those of a kind are put together.
    """
    rows = []
    for name, weights in matrices.items():
        for bits in (8, 4):
            scale = float(affine_scale(float(weights.min()), float(weights.max()), bits))
            zero = zero_point(float(weights.min()), scale, bits)
            restored = restore_affine(quantise_affine(weights, scale, zero, bits), scale, zero)
            variance = float(np.var(weights))
            rows.append(
                {
                    "weights": label(name, lang),
                    "bits": bits,
                    "error_variance": float(np.mean((restored - weights) ** 2)),
                    "error_variance_formula": float(rounding_variance(scale)),
                    "error_share": 100 * float(error_share(scale, variance)),
                    "within_tolerance": bool(error_share(scale, variance) < 0.01),
                }
            )
    return frame(rows)


def trained_transformer(folder: Path) -> "TransformerLM":
    """The Transformer that a run left in its folder (`brnb.models.store`), on the CPU."""
    from safetensors.torch import load_file

    from brnb.models.transformer import TransformerLM

    note = json.loads((folder / "model.json").read_text("utf-8"))
    model = TransformerLM(**note["arguments"])
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.eval()


def matrices_of(state: "Mapping[str, Tensor]") -> dict[str, Array]:
    """The largest matrix of attention, of the MLP and of embeddings among a model's weights."""
    parts = ("attention", "mlp", "embedding")
    kinds = {f"weights_{part}": f"{part}." for part in parts}
    matrices: dict[str, Array] = {}
    for kind, part in kinds.items():
        named = [w for name, w in state.items() if part in name and w.dim() == 2]
        if named:
            largest = max(named, key=lambda w: w.numel())
            matrices[kind] = largest.double().cpu().numpy()
    return matrices


def validation_windows(
    corpus: Path, tokenizers: Path, params: Mapping[str, Any], length: int, count: int
) -> "Tensor":
    """Windows of validation text as the run with these parameters reads it, (count, length)."""
    from brnb.algorithms.integer_cache import disjoint_windows
    from brnb.text import finished
    from brnb.tokenizers import load_tokenizer as load_tokenizer

    tokenizer = load_tokenizer(tokenizers / params["tokenizer"])
    ids: list[int] = []
    for text in finished.texts(corpus, params["cleaning"], "validation"):
        ids += [*tokenizer.encode(text), tokenizer.eos_id]
        if len(ids) >= length * count:
            break
    return disjoint_windows(ids, length, count)


def tab_integer_cache(
    model: "CachingModel", ids: "Tensor", prompt: int, lang: str
) -> "pd.DataFrame":
    """Our own model with its cache in integers: error of the cache, and what the loss becomes.

    Parameters
    ----------
    model
        Takes ids and a state, returns logits and the state.
    ids
        Windows of validation text, shape (B, T).
    prompt : int
        Tokens whose keys and values are rounded; the loss is that of the tokens after them.
    """
    from brnb.algorithms.integer_cache import (
        continuation_nats,
        prompt_state,
        relative_error,
        rounded,
    )

    state = prompt_state(model, ids[:, :prompt])
    plain = float(continuation_nats(model, ids, prompt, lambda part: part).mean())
    width = state[0].shape[-1]
    rows: list[dict[str, Any]] = [
        {"cache": label("cache_as_it_is", lang), "bits": 32, "error": 0.0, "loss_nats": plain,
         "loss_change": 0.0}
    ]  # fmt: skip
    for bits, clip in ((8, None), (8, 2.5), (4, None), (4, 2.5)):
        rounding = partial(rounded, bits=bits, clip=clip)
        nats = continuation_nats(model, ids, prompt, rounding)
        name = "cache_largest" if clip is None else "cache_clipped"
        rows.append(
            {
                "cache": label(name, lang),
                "bits": bits + 16 / width,  # a 16-bit scale for each vector
                "error": 100 * relative_error(state, bits, clip),
                "loss_nats": float(nats.mean()),
                "loss_change": float(nats.mean()) - plain,
            }
        )
    return frame(rows)
