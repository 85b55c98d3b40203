"""Chapter 22, money: full cost, known models, tiers and roadmaps (C.1.2.2, C.2.1.1, C.2.2)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.theory.budget import (
    cluster,
    compute_cost,
    energy_cost,
    links,
    network_cost,
    printed_storage_cost,
    storage_cost,
    tier,
    total_cost,
    usd_per_flop,
)
from brnb.theory.compute import YEAR, gpu_seconds, training_flops
from brnb.theory.costs import price_list_for
from brnb.theory.memory import MicroBatch
from brnb.theory.params import SHAPES
from brnb.theory.plan import Plan, plan
from brnb.theory.shape import Shape
from brnb.theory.speed import Measured
from brnb.theory.thesis_tables import model_costs
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

TIERS = ("tier1", "tier2", "tier3")
TIER_GPUS = {"tier1": "h100_sxm", "tier2": "a100_80gb", "tier3": "rtx4090"}
PRINTED_CLUSTERS = {  # C.2.2: FLOP/s, bytes, bytes/s
    "tier1": (2.02e18, 163e12, 6.8e15),
    "tier2": (80e15, 20e12, 410e12),
    "tier3": (2.6e15, 768e9, 26e12),
}


def tab_full_cost() -> "pd.DataFrame":
    """C.50-C.55 for three projects: USD of every part, and their sum."""
    facts = load("full_cost")
    return frame([_full_cost(facts, project) for project in facts["projects"].values()])


def _full_cost(facts: dict[str, Any], project: dict[str, Any]) -> dict[str, Any]:
    N, D, months = (float(project[key]) for key in ("parameters", "tokens", "months"))
    peak = float(load("hardware", project["gpu"], "bf16_tflops"))
    share = float(facts["utilization"])
    nodes = int(project["nodes"])
    gpus = 1 if nodes == 1 else 8 * nodes
    hours = gpu_seconds(training_flops(N, D), peak, share) / gpus / 3600
    corpus = (D, float(facts["bytes_per_token"]), months * _value(facts, "usd_per_gb_month"))
    people = float(project["persons"]) * months * _value(facts, "usd_per_person_month")
    costs = {
        "compute_usd": compute_cost(N, D, usd_per_flop(_hourly(project["gpu"]), peak), share),
        "storage_usd": storage_cost(*corpus, float(facts["replication"])),
        "network_usd": network_cost(
            links(nodes, "ring"), _value(facts, "usd_per_link_hour"), hours
        ),
        "people_usd": people,
        "data_usd": float(project["data_usd"]),
    }
    return {
        "model": project["name"],
        **costs,
        "total_usd": total_cost(*costs.values()),
        "compute_share": 100 * costs["compute_usd"] / total_cost(*costs.values()),
        "storage_as_printed": printed_storage_cost(*corpus, float(facts["replication"])),
    }


def _value(facts: dict[str, Any], name: str) -> float:
    return float(facts[name]["value"])


def _hourly(gpu: str) -> float:
    """The price by the hour that is in force for a GPU."""
    prices = price_list_for(load("hardware", gpu, "name"))
    return float(load("prices", "usd_per_hour", prices, "prices", gpu))


def tab_known_models() -> "pd.DataFrame":
    """Table 20 with C.34-C.36 for GPT-3: compute, A100-years and USD, printed and right."""
    table = model_costs()
    facts = load("economics", "tab20")
    years = [
        gpu_seconds(flops, float(facts["peak_tflops"]), float(facts["utilization"])) / YEAR
        for flops in table["flops_recomputed"]
    ]
    keep = [name for name in table if not str(name).startswith("agrees")]
    return table[keep].assign(gpu_years=years)


def tab_tiers(lang: str) -> "pd.DataFrame":
    """The reference tiers (C.61-C.77), USD and days: each quantity printed and right."""
    rows = []
    for key in TIERS:
        facts, right = load("economics", "tiers", key), tier(key)
        for name, printed in facts["printed"].items():
            rows.append(
                {
                    "tier": facts["name"],
                    "quantity": label(f"tier_{name}", lang),
                    "published": float(printed),
                    "recomputed": right[name],
                    "ratio": float(printed) / float(right[name] or np.nan),
                }
            )
    return frame(rows)


def tab_tier_energy() -> "pd.DataFrame":
    """C.62, C.69 and C.75 factor by factor, with their product."""
    rows = []
    for key in TIERS:
        facts = load("economics", "tiers", key)
        factors = {name: float(facts[name]) for name in ("gpus", "power_w", "years", "usd_per_kwh")}
        usd = energy_cost(int(facts["gpus"]), *list(factors.values())[1:])
        published_usd = float(facts["printed"]["energy"])
        rows.append(
            {
                "tier": facts["name"],
                **factors,
                "usd_published": published_usd,
                "usd_recomputed": usd,
            }
        )
    return frame(rows)


def tab_tier_specifications(lang: str) -> "pd.DataFrame":
    """Aggregate compute, memory and bandwidth of the tiers, printed and of their data sheets."""
    rows = []
    for key, printed in PRINTED_CLUSTERS.items():
        facts = load("economics", "tiers", key)
        right = cluster(TIER_GPUS[key], int(facts["gpus"]))
        for (name, value), theirs in zip(right.items(), printed, strict=True):
            rows.append(
                {
                    "tier": facts["name"],
                    "quantity": label(f"cluster_{name}", lang),
                    "published": theirs / 1e12,
                    "recomputed": value / 1e12,
                    "ratio": theirs / value,
                }
            )
    return frame(rows)


def tab_roadmap(measured: Sequence[Measured], lang: str) -> "pd.DataFrame":
    """The phases of 4.4.4.3 and C.2.4.2 as the planner prices them.

    Trainings of a phase run one after another; a copy of the model on each GPU. `fits` is whether
    every one of them fits so.
    """
    rows = []
    for facts in load("roadmap", "phases").values():
        plans = [_planned(training, measured) for training in facts["trainings"]]
        copies = int(facts.get("copies", 1))
        usd = [float(p.usd) for p in plans if p.usd is not None]
        deadline = facts["deadline_days"]
        rows.append(
            {
                "section": facts["section"],
                "phase": facts[lang],
                "days": copies * sum(p.hours for p in plans) / 24,
                "deadline_days": None if deadline is None else int(deadline),
                "usd": copies * sum(usd) if len(usd) == len(plans) else None,
                "kwh": copies * float(sum(p.kwh for p in plans)),
                "fits": all(p.fits for p in plans),
            }
        )
    return frame(rows)


def _planned(training: dict[str, Any], measured: Sequence[Measured]) -> Plan:
    shape = SHAPES.get(training["shape"]) or Shape(**load("roadmap", "shapes", training["shape"]))
    step = MicroBatch(
        method=training["method"], batch=training["batch"], seq_len=training["seq_len"]
    )
    gpu = training["gpu"]
    return plan(
        shape, step, float(training["tokens"]), gpu, measured,
        count=training["count"], price_list=price_list_for(load("hardware", gpu, "name")),
    )  # fmt: skip
