"""Chapter 18: the lecture's tables recomputed, the price of formatting, the speed of decoding."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from brnb.architectures.known import known_architecture
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.theory.compute import mfu
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.generate.speed import DecodingSpeed
    from brnb.tokenizers.formatting_forms import FormCount

BENCHMARKS = ("bbh", "mmlu", "c_eval", "cmmlu")
DECIMALS = {
    "training": {"percent": 2, "million_usd_recomputed": 3},
    "formatting": {"saving_percent": 1, "usd_formatted": 0, "usd_unformatted": 0},
    "speed": {"tokens_per_second": 0, "gigabytes": 2, "times_eager": 1, "parameters_million": 1},
}


def tab_attention_7b(lang: str) -> "pd.DataFrame":
    """Table 8 of DeepSeek-V2 as the lecture prints it."""
    printed = load("lectures", "attention_7b")
    return _printed_table(printed, {"mqa": "MQA", "gqa": "GQA", "mha": "MHA"}, lang)


def tab_mla(lang: str) -> "pd.DataFrame":
    """Table 9 of DeepSeek-V2, with the cache recomputed and who wins in each size."""
    printed = load("lectures", "mla")
    names = {
        "small_mha": label("small_mha", lang),
        "small_mla": label("small_mla", lang),
        "large_mha": label("large_mha", lang),
        "large_mla": label("large_mla", lang),
    }
    table = _printed_table(printed, names, lang)
    winners = [_winners(printed["rows"][name]) for name in printed["rows"]]
    table["better"] = [
        ", ".join(label(winner, lang) for winner in pair) if name in BENCHMARKS else None
        for name, pair in zip(printed["rows"], winners, strict=True)
    ]
    cache: dict[str, Any] = {"measure": label("cache_recomputed", lang)}
    recomputed = recomputed_caches()
    cache |= {names[c]: round(Decimal(recomputed[c]) / 1000, 1) for c in names}
    after = list(printed["rows"]).index("cache_thousands") + 1
    rows = table.to_dict("records")
    return frame([*rows[:after], cache | {"better": None}, *rows[after:]])


def recomputed_caches() -> dict[str, int]:
    """Numbers that Table 9's four models remember of a token, from their shapes."""
    printed = load("lectures", "mla")
    heads = {
        name: 2 * shape["heads"] * shape["head_dim"] * shape["layers"]
        for name, shape in printed["mha"].items()
    }
    return heads | {
        name: known_architecture(key).cache_numbers(1) for name, key in printed["mla"].items()
    }


def cells_that_mla_wins() -> tuple[list[str], int]:
    """Benchmarks, with the size, where Table 9's MLA loses; and how many cells there are."""
    rows = load("lectures", "mla", "rows")
    pairs = {name: _winners(rows[name]) for name in BENCHMARKS}
    sizes = ("small", "large")
    lost = [
        f"{name}_{size}"
        for name, pair in pairs.items()
        for size, winner in zip(sizes, pair, strict=True)
        if winner == "mha"
    ]
    return lost, 2 * len(pairs)


def tab_training_cost(lang: str) -> "pd.DataFrame":
    """Hours and dollars of DeepSeek-V3 as printed, the dollars and shares recomputed."""
    printed = load("lectures", "training_costs")
    price = float(printed["usd_per_hour"])
    total = float(printed["rows"]["total"]["thousand_hours"])
    names = {
        "pre_training": label("pre_training", lang),
        "context_extension": label("context_extension", lang),
        "post_training": label("post_training", lang),
        "total": label("total", lang),
    }
    rows = []
    for name, row in printed["rows"].items():
        hours = float(row["thousand_hours"])
        rows.append(
            {
                "phase": names[name],
                "thousand_hours": int(row["thousand_hours"]),
                "million_usd": Decimal(row["million_usd"]),
                "million_usd_recomputed": hours * price / 1000,
                "percent": 100 * hours / total,
            }
        )
    return frame(rows)


def implied_utilisation() -> float:
    """Share of an H800's peak that DeepSeek-V3's pre-training used, by our count of its FLOPs.

    Forward and twice that backward, for every token of a causal sequence on average.
    """
    facts = load("lectures", "training_costs")
    model, n = known_architecture("deepseek_v3"), facts["seq_len"]
    forward = (model.flops(1) + model.flops(n)) / 2  # reading grows in proportion to position
    hours = 1e3 * float(facts["rows"]["pre_training"]["thousand_hours"])
    rate = float(facts["tokens"]) / (hours * 3600)
    return mfu(rate, 3 * forward, float(load("hardware", facts["gpu"], "bf16_tflops")))


def pretraining_days() -> float:
    """Days that the printed hours are on the printed number of GPUs."""
    facts = load("lectures", "training_costs")
    hours = 1e3 * float(facts["rows"]["pre_training"]["thousand_hours"])
    return hours / facts["gpus"] / 24


def tab_formatting_price(counts: Sequence["FormCount"], price: str, lang: str) -> "pd.DataFrame":
    """Tokens of every example's forms under every vocabulary; dollars for a million of each.

    Parameters
    ----------
    price
        Key of ``brnb/thesis/token_prices.yaml``: what a million input tokens cost. It is a scale:
        other vocabularies are not sold at it.
    """
    usd = float(load("token_prices", price, "input"))
    kinds = {"java": "Java", "python": "Python", "json": "JSON"}
    rows = [
        {
            "vocabulary": one.vocabulary,
            "example": f"{kinds[one.example.name]} ({one.example.lang})",
            "formatted": one.formatted,
            "unformatted": one.unformatted,
            "escaped": one.escaped,
            "saving_percent": 100 * one.saving,
            "usd_formatted": one.formatted * usd,
            "usd_unformatted": one.unformatted * usd,
        }
        for one in counts
    ]
    return frame(rows)


def portuguese_over_english(counts: Sequence["FormCount"]) -> dict[str, float]:
    """Tokens of all examples, compact, in Portuguese over those in English, by vocabulary."""
    total = Counter[tuple[str, str]]()
    for one in counts:
        total[one.vocabulary, one.example.lang] += one.unformatted
    names = dict.fromkeys(one.vocabulary for one in counts)
    return {name: total[name, "pt"] / total[name, "en"] for name in names}


def tab_decoding_speed(measured: Mapping[str, "MeasuredSpeeds"], lang: str) -> "pd.DataFrame":
    """The lecture's speeds and memory, and ours by every way, one below the other."""
    printed = load("lectures", "decoding", "rows")
    names = {
        "eager": label("way_eager", lang),
        "eager_compiled": label("way_eager_compiled", lang),
        "cache": label("way_cache", lang),
        "compiled": label("way_compiled", lang),
        "graph": label("way_graph", lang),
        "ours": label("way_ours", lang),
    }
    rows: list[dict[str, Any]] = []
    for key, (parameters, speeds) in measured.items():
        eager = next((s.tokens_per_second for s in speeds if s.way == "eager"), None)
        for speed in speeds:
            facts = printed.get(key, {}).get(speed.way, {})
            rows.append(
                {
                    "model": known_architecture(key).name,
                    "way": names[speed.way],
                    "printed_tokens_per_second": _printed(facts.get("tokens_per_second")),
                    "printed_gigabytes": _printed(facts.get("gigabytes")),
                    "parameters_million": parameters / 1e6,
                    "tokens_per_second": speed.tokens_per_second,
                    "gigabytes": speed.peak_bytes / 1e9 if speed.peak_bytes else None,
                    "times_eager": speed.tokens_per_second / eager if eager else None,
                    "same_tokens": speed.same,
                }
            )
    return frame(rows)


MeasuredSpeeds = tuple[int, Sequence["DecodingSpeed"]]
"""Parameters of the shape that was measured, and results."""


def _printed_table(printed: Any, names: Mapping[str, str], lang: str) -> "pd.DataFrame":
    measures = {
        "parameters_billion": label("parameters_billion", lang),
        "active_billion": label("active_billion", lang),
        "cache_thousands": label("cache_thousands", lang),
        "bbh": "BBH (EM)",
        "mmlu": "MMLU",
        "c_eval": "C-Eval",
        "cmmlu": "CMMLU",
    }
    return frame(
        [
            {"measure": measures[name]}
            | {names[c]: Decimal(v) for c, v in zip(printed["columns"], values, strict=True)}
            for name, values in printed["rows"].items()
        ]
    )


def _printed(text: str | None) -> Decimal | None:
    """A number with the decimals that its source prints."""
    return None if text is None else Decimal(text)


def _winners(values: Sequence[str]) -> tuple[str, str]:
    """Who has more in the smaller and in the larger model."""
    small, large = values[:2], values[2:]
    pick = [("mla" if float(mla) > float(mha) else "mha") for mha, mla in (small, large)]
    return pick[0], pick[1]
