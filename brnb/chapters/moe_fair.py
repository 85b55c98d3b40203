"""Chapter 17: mixtures and dense models of equal size, trained by us, and what routing costs."""

from typing import TYPE_CHECKING, Any

import numpy as np

from brnb.report.figures import figure
from brnb.report.labels import find_label, label
from brnb.report.tables import frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FORMS = {"moe": ("C1", "o"), "dense_active": ("C0", "s"), "dense_total": ("C2", "D")}


def tab_moe_quality(quality: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """Means over seeds of every form and budget: size, work, speed, bits per byte."""
    columns = ["parameters_total", "parameters_active", "flops_per_token", "tokens"]
    columns += ["seconds", "tokens_per_second"]
    rows = []
    for (form, budget), group in quality.groupby(["form", "budget"], sort=False):
        row: dict[str, Any] = {"form": label(str(form), lang)}
        row |= {"equal_in": label(f"budget_{budget}", lang)}
        row |= {"seeds": len(group)} | {name: float(group[name].mean()) for name in columns}
        row |= {name: round(row[name]) for name in columns[:4]}
        bits = group["bits_per_byte"].to_numpy(float)
        row |= {"bits_per_byte": float(bits.mean()), "deviation": float(bits.std(ddof=1))}
        rows.append(row)
    return frame(rows)


def tab_moe_comparison(comparison: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """The mixture less each rival, in bits per byte: below 0 the mixture is better."""
    rows = [
        {
            "equal_in": label(f"budget_{row['budget']}", lang),
            "rival": label(row["rival"], lang),
            "seeds": row["seeds"],
            "moe": row["moe"],
            "rival_bits": row["rival_bits"],
            "change": row["change"],
            "ci_low": row["low"],
            "ci_high": row["high"],
            "verdict": label(f"verdict_{row['verdict']}", lang),
        }
        for row in comparison.to_dict("records")
    ]
    return frame(rows)


def fig_moe_quality(quality: "pd.DataFrame", lang: str) -> "Figure":
    """Bits per byte of every training, at equal tokens and at equal time."""
    budgets = list(dict.fromkeys(quality["budget"]))
    fig, panels = figure(2.6, ncols=len(budgets), sharey=True, squeeze=False)
    for axis, budget in zip(panels[0], budgets, strict=True):
        shown = quality[quality["budget"] == budget]
        for form, (color, marker) in FORMS.items():
            rows = shown[shown["form"] == form]
            look = {"color": color, "marker": marker, "linestyle": "", "label": label(form, lang)}
            axis.plot(rows["parameters_active"] / 1e6, rows["bits_per_byte"], **look)
        axis.set_title(label(f"budget_{budget}", lang))
        axis.set_xlabel(label("millions_active", lang))
    panels[0][0].set_ylabel(label("bits_per_byte", lang))
    panels[0][-1].legend(fontsize=7)
    return fig


def tab_moe_entropy(entropy: "pd.DataFrame") -> "pd.DataFrame":
    """Means over seeds, a row a layer: how decided the router is, and how even the load."""
    columns = ["token_entropy", "load_entropy", "largest", "imbalance"]
    means = entropy.groupby("layer")[columns].mean().reset_index()
    means["layer"] += 1
    return frame(means.rename(columns={"largest": "entropy_most"}).to_dict("list"))


def fig_moe_load(load: "pd.DataFrame", lang: str) -> "Figure":
    """Share of the assignments that each expert has, a panel a layer; even is dashed."""
    layers = sorted(load["layer"].unique())
    fig, panels = figure(2.4, ncols=len(layers), sharey=True, squeeze=False)
    for axis, layer in zip(panels[0], layers, strict=True):
        shares = load[load["layer"] == layer].groupby("expert")["share"]
        mean, deviation = shares.mean(), shares.std(ddof=0)
        axis.bar(mean.index, mean, yerr=deviation, color="C1", capsize=2)
        axis.axhline(load["uniform"].iloc[0], color="black", linestyle="--", linewidth=0.8)
        axis.set_title(f"{label('layer', lang)} {layer + 1}", fontsize=9)
        axis.set_xlabel(label("expert", lang))
    panels[0][0].set_ylabel(label("load_share", lang))
    return fig


def tab_moe_specialisation(specialisation: "pd.DataFrame") -> "pd.DataFrame":
    """A row a layer and seed: what the register tells of the expert, and what chance would."""
    columns = ["seed", "layer", "information", "by_chance", "specialised"]
    rows = specialisation.rename(columns={"chance": "by_chance"})[columns].to_dict("records")
    counted = ({"layer": row["layer"] + 1, "specialised": bool(row["specialised"])} for row in rows)
    return frame([row | change for row, change in zip(rows, counted, strict=True)])


def fig_moe_registers(registers: "pd.DataFrame", lang: str) -> "Figure":
    """Which experts each register of text goes to, beside all text; of the first seed."""
    shown = registers[registers["seed"] == registers["seed"].min()]
    layers, names = sorted(shown["layer"].unique()), list(dict.fromkeys(shown["register"]))
    fig, panels = figure(0.9 + 0.35 * len(names), ncols=len(layers), sharey=True, squeeze=False)
    most = max(1.0, float(np.abs(np.log2(shown["lift"].clip(lower=1 / 8))).max()))
    for axis, layer in zip(panels[0], layers, strict=True):
        rows = shown[shown["layer"] == layer]
        lift = rows.pivot(index="register", columns="expert", values="lift").loc[names]
        image = np.log2(lift.to_numpy(float).clip(1 / 8))
        drawn = axis.imshow(image, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
        axis.set_title(f"{label('layer', lang)} {layer + 1}", fontsize=9)
        axis.set_xlabel(label("expert", lang))
        axis.grid(False)
        axis.set_yticks(range(len(names)), [find_label(n, lang) or n for n in names], fontsize=8)
    fig.colorbar(drawn, ax=list(panels[0]), label=label("lift_log", lang))
    return fig


def tab_moe_routing_cost(costs: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """Milliseconds of a block by engine, direction and tokens, routing by itself, and the dense
    block of equal active parameters."""
    columns = ["tokens", "milliseconds", "routing_milliseconds", "routing_share"]
    columns += ["dense_milliseconds", "overhead"]
    rows = [
        {"engine": label(f"engine_{row['engine']}", lang)}
        | {"direction": label(f"direction_{row['direction']}", lang)}
        | {name: row[name] for name in columns}
        for row in costs.to_dict("records")
    ]
    return frame(rows)


def fig_moe_engines(costs: "pd.DataFrame", lang: str) -> "Figure":
    """Time of a block over that of the dense block of equal active parameters, by engine."""
    directions = list(dict.fromkeys(costs["direction"]))
    fig, panels = figure(2.6, ncols=len(directions), sharey=True, squeeze=False)
    for axis, direction in zip(panels[0], directions, strict=True):
        rows = costs[costs["direction"] == direction]
        for i, (engine, line) in enumerate(rows.groupby("engine", sort=False)):
            look = {"color": f"C{i}", "marker": "osD"[i % 3], "markersize": 3}
            name = label(f"engine_{engine}", lang)
            axis.plot(line["tokens"], line["overhead"], label=name, **look)
        axis.axhline(1, color="black", linestyle="--", linewidth=0.8)
        axis.set(xscale="log", yscale="log", title=label(f"direction_{direction}", lang))
        axis.set_xlabel(label("tokens", lang))
    panels[0][0].set_ylabel(label("overhead", lang))
    panels[0][-1].legend(fontsize=7)
    return fig
