"""Tables and figures of chapter 18: what real architectures store, remember and compute."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from brnb.architectures.architecture import COMPONENTS, Architecture
from brnb.architectures.known import entry, keys, known_architecture
from brnb.architectures.mixers import AttentionHeads, Delta, Latent
from brnb.report.figures import MARKERS, figure
from brnb.report.labels import label
from brnb.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.architectures.architecture import LayerShape

LONG = 131_072  # 128K
DECIMALS = {
    "sizes": {"parameters_billion": 2, "active_billion": 2, "multiplied_billion": 2},
    "components": dict.fromkeys(COMPONENTS, 3),
    "caches": {"kib_token": 1, "gib_by_token": 2, "gib_128k": 2, "gflop_token": 1}
    | {"gflop_128k": 1},
}


def tab_architectures() -> "pd.DataFrame":
    """Parameters of every model by both conventions, beside what its authors print."""
    rows = []
    for key in keys():
        model, printed = known_architecture(key), entry(key)["printed"]
        rows.append(
            {
                "model": model.name,
                "released": str(entry(key)["released"]),
                "layers": len(model.layers),
                "width": model.width,
                "parameters_billion": model.parameters / 1e9,
                "active_billion": model.active / 1e9,
                "multiplied_billion": model.multiplied / 1e9,
                "printed_total": Decimal(printed["total"]),
                "printed_active": Decimal(printed["active"]) if "active" in printed else None,
            }
        )
    return frame(rows)


def printed_actives_that_fit() -> dict[str, list[str]]:
    """Models whose printed active parameters are ours rounded, by convention; and those of none."""
    fitting: dict[str, list[str]] = {"active": [], "multiplied": [], "neither": []}
    for key in keys():
        printed, model = entry(key)["printed"].get("active"), known_architecture(key)
        if printed is None:
            continue
        places = len(printed.partition(".")[2])
        ours = {"active": model.active, "multiplied": model.multiplied}
        fits = [name for name, n in ours.items() if round(n / 1e9, places) == float(printed)]
        for name in fits or ["neither"]:
            fitting[name].append(model.name)
    return fitting


def tab_architectures_components(real: Mapping[str, Mapping[str, int]]) -> "pd.DataFrame":
    """Parameters by component, and how many of the real modules' a formula misses.

    Parameters
    ----------
    real
        By key, what `brnb.bases.census.count_components` counts.
    """
    rows = []
    for key, counted in real.items():
        ours = known_architecture(key).components()
        missed = sum(abs(ours[name] - counted.get(name, 0)) for name in COMPONENTS)
        row: dict[str, Any] = {"model": known_architecture(key).name}
        row |= {name: ours[name] / 1e9 if ours[name] else None for name in COMPONENTS}
        rows.append(row | {"difference": missed})
    return frame(rows)


def tab_architectures_caches(lang: str) -> "pd.DataFrame":
    """Cache of a token and of 128K tokens, by the token and as it is; operations of a token."""
    rows = []
    for key in keys():
        model = known_architecture(key)
        token = model.cache_bytes(2) - model.cache_bytes(1)
        rows.append(
            {
                "model": model.name,
                "attention": _attention(model, lang),
                "kib_token": token / 1024,
                "gib_by_token": token * LONG / 2**30,
                "gib_128k": model.cache_bytes(LONG) / 2**30,
                "gflop_token": model.flops(1) / 1e9,
                "gflop_128k": model.flops(LONG) / 1e9,
            }
        )
    return frame(rows)


def fig_architectures_cache(shown: Sequence[str], longest: int, lang: str) -> "Figure":
    """Bytes of the cache against context: windows bend the line, states make it flat.

    Parameters
    ----------
    shown
        Keys of the package.
    longest
        Tokens at the right end.
    """
    import numpy as np

    lengths = np.unique(np.geomspace(64, longest, 40).astype(int))
    fig, axes = figure(4.2)
    for i, key in enumerate(shown):
        model = known_architecture(key)
        gib = [model.cache_bytes(int(n)) / 2**30 for n in lengths]
        look = {"marker": MARKERS[i], "markevery": (i % 5, 8), "markersize": 4}
        axes.plot(lengths, gib, label=model.name, **look)
    axes.set(xscale="log", yscale="log", ylabel=label("cache_gib", lang))
    axes.set_xlabel(label("tokens_of_text", lang))
    ticks = [2**n for n in range(6, 22, 3) if 2**n <= longest]
    axes.set_xticks(ticks, [_short(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def fig_shared_heads(heads: int, lang: str) -> "Figure":
    """Query heads above, the keys and values that they read below: MHA, GQA with two groups, MQA.

    Source: Ainslie et al. (2023), arXiv:2305.13245, figure 2.
    """
    fig, panels = figure(1.9, ncols=3)
    for axes, (name, groups) in zip(panels, (("MHA", heads), ("GQA", 2), ("MQA", 1)), strict=True):
        size = heads // groups
        for i in range(heads):
            shared = (i // size + 0.5) * size - 0.5
            axes.plot((i, shared), (1, 0), color="0.5", linewidth=0.9, linestyle="-", zorder=1)
        axes.scatter(range(heads), [1] * heads, s=70, marker="s", color="C0", zorder=2)
        places = [(group + 0.5) * size - 0.5 for group in range(groups)]
        axes.scatter(places, [0] * groups, s=70, marker="s", color="C1", zorder=2)
        axes.set_title(name)
        axes.set(xlim=(-0.8, heads - 0.2), ylim=(-0.4, 1.4))
        axes.axis("off")
    legend = ("C0", label("query_heads", lang)), ("C1", label("key_value_heads", lang))
    for x, (color, text) in zip((0.22, 0.55), legend, strict=True):
        fig.text(x, 0.02, f"■ {text}", color=color, fontsize=9)
    return fig


def real_components(shown: Iterable[str]) -> dict[str, dict[str, int]]:
    """Count the real modules of Transformers for these keys, on the meta device."""
    from brnb.architectures.known import configuration
    from brnb.bases.census import build_on_meta, count_components

    return {key: count_components(build_on_meta(configuration(key))) for key in shown}


def _attention(model: Architecture, lang: str) -> str:
    """Kind of the attention, and how many layers are of another sort."""
    kind = next(layer.mixer.kind for layer in reversed(model.layers))
    local = sum(_is_local(layer) for layer in model.layers)
    states = sum(isinstance(layer.mixer, Delta) for layer in model.layers)
    sparse = any(isinstance(layer.mixer, Latent) and layer.mixer.indexer for layer in model.layers)
    if local:
        return (
            f"{kind}, {local} {label('of_layers', lang)} {len(model.layers)} {label('local', lang)}"
        )
    if states:
        return f"{kind}, {states} {label('of_layers', lang)} {len(model.layers)} delta"
    return f"{kind}, {label('with_indexer', lang)}" if sparse else kind


def _is_local(layer: "LayerShape") -> bool:
    return isinstance(layer.mixer, AttentionHeads) and layer.mixer.window is not None


def _short(tokens: int) -> str:
    return f"{tokens // 1024}K" if tokens >= 1024 else str(tokens)
