"""Chapter 18: what counts and trials say of the lecture's claims, as sentences with verdicts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.architectures.known import entry, known_architecture
from brnb.report.labels import find_label, label
from brnb.report.sentences import capitalised, enumerated, fill_sentence

if TYPE_CHECKING:
    import pandas as pd

    from brnb.architectures.architecture import Architecture
    from brnb.tokenizers.formatting_forms import FormCount

LECTURED = "GPT-4o"  # whose tokens the lecture prints
ROUNDING = 1e-4  # of a product of 64 terms in fp32; more is no rounding
KINDS = {"java": "Java", "python": "Python", "json": "JSON"}


def say_actives(fitting: Mapping[str, Sequence[str]], lang: str) -> str:
    """Two models whose printed sizes mislead, and how many printed sizes fit which convention."""
    oss, kimi = known_architecture("gpt_oss_20b"), known_architecture("kimi_k2")
    sizes = {"active": oss.active / 1e9, "multiplied": oss.multiplied / 1e9}
    total, printed = kimi.parameters / 1e12, float(entry("kimi_k2")["printed"]["total"]) / 1e3
    kind = "say_total_as_printed" if round(total, 2) == printed else "say_total_differs"
    counts = {name: len(models) for name, models in fitting.items() if name != "neither"}
    fits = fill_sentence("say_actives_fit", lang, **counts)
    neither = "say_actives_of_none" if fitting["neither"] else "say_actives_all"
    names = enumerated(list(fitting["neither"]) or ["–"], lang)
    return "\n".join([
        fill_sentence("say_two_actives", lang, name=oss.name, **sizes),
        fill_sentence(kind, lang, name=kimi.name, total=total, printed=printed),
        f"{fits} {fill_sentence(neither, lang, count=len(fitting['neither']), names=names)}",
    ])  # fmt: skip


def say_components(components: "pd.DataFrame", lang: str) -> str:
    """In how many architectures a formula misses a parameter of the real modules."""
    wrong = components.loc[components["difference"] > 0, "model"]
    if wrong.empty:
        return fill_sentence("say_components_agree", lang, count=len(components))
    names = enumerated([str(name) for name in wrong], lang)
    return fill_sentence("say_components_differ", lang, count=len(components), names=names)


def overestimates(caches: "pd.DataFrame") -> "pd.Series":
    """How many times too large multiplying the cache of a token is, by model."""
    ratios = caches["gib_by_token"] / caches["gib_128k"]
    return ratios.astype(float).set_axis(caches["model"])


def say_long_caches(caches: "pd.DataFrame", lang: str) -> str:
    """Where multiplying the cache of a token errs most, and two neighbours at 128K."""
    times, rows = overestimates(caches), caches.set_index("model")["gib_128k"]
    worst = str(times.idxmax())
    row = caches.set_index("model").loc[worst]
    first = fill_sentence(
        "say_multiplied_cache",
        lang,
        model=worst,
        multiplied=row["gib_by_token"],
        held=row["gib_128k"],
        times=times.max(),
    )
    gemma, mistral = rows["Gemma 3 27B"], rows["Mistral Small 3.1 24B"]
    return f"{first}\n{fill_sentence('say_neighbours', lang, gemma=gemma, mistral=mistral)}"


def say_drawings(count: int, lang: str) -> str:
    """How many architectures are drawn one by one."""
    return fill_sentence("say_drawings", lang, count=count)


def say_mla(lost: Sequence[str], cells: int, cached: Mapping[str, int], lang: str) -> str:
    """In how many cells MLA is better, where it is not, and how much its cache shrinks."""
    won = {"won": cells - len(lost), "cells": cells}
    if lost:
        names = [_cell(name, lang) for name in lost]
        text = fill_sentence("say_mla_loses", lang, names=enumerated(names, lang), **won)
    else:
        text = fill_sentence("say_mla_wins", lang, **won)
    ratios = {
        size: cached[f"{size}_mha"] / cached[f"{size}_mla"] for size in ("small", "large")
    }  # fmt: skip
    return f"{text} {fill_sentence('say_mla_cache', lang, **ratios)}"


def _cell(name: str, lang: str) -> str:
    """A benchmark and the size of the model, in words."""
    benchmark, _, size = name.rpartition("_")
    names = {"bbh": "BBH", "mmlu": "MMLU", "c_eval": "C-Eval", "cmmlu": "CMMLU"}
    return fill_sentence(f"say_cell_{size}", lang, benchmark=names[benchmark])


def say_absorbed(model: "Architecture", tokens: int, lang: str) -> str:
    """Operations of a token far into a text, with keys expanded and with their map absorbed."""
    expanded, absorbed = model.flops(tokens), model.flops(tokens, absorbed=True)
    kind = "say_absorbed_more" if absorbed > expanded else "say_absorbed_less"
    counts = {"expanded": expanded / 1e9, "absorbed": absorbed / 1e9}
    counts |= {"times": absorbed / expanded}
    return fill_sentence(kind, lang, name=model.name, kilo=tokens // 1024, **counts)


def say_training_cost(percent: float, days: float, used: float, lang: str) -> str:
    """The share of post-training, and what pre-training took and used of the peak."""
    return fill_sentence("say_training_cost", lang, percent=percent, days=days, used=used)


def say_rotation(worst: float, lang: str) -> str:
    """Whether the product of two rotated vectors depends on their distance alone."""
    kind = "say_rotation_holds" if worst < ROUNDING else "say_rotation_fails"
    return fill_sentence(kind, lang, worst=worst)


def say_caps(caps: "pd.DataFrame", lang: str) -> str:
    """The most that a key can get of the attention among the longest row of keys, by kind."""
    longest = caps["length"].max()
    weights = caps[caps["length"] == longest].set_index("form")["largest_weight"].astype(float)
    return fill_sentence("say_caps", lang, keys=int(longest), share=weights["l2"])


def say_survived(survived: "pd.DataFrame", lang: str) -> str:
    """How many trainings of each form diverged, its largest score, and which stands most."""
    parts = [
        fill_sentence(
            "say_diverged" if row["diverged"] else "say_none_diverged",
            lang,
            form=capitalised(_form(row["form"], lang)),
            diverged=row["diverged"],
            count=row["trainings"],
            score=row["largest_score"],
        )
        for row in survived.to_dict("records")
    ]
    shares = (survived["diverged"] / survived["trainings"]).astype(float)
    if shares.nunique() == 1:
        parts.append(label("say_survived_alike", lang))
    else:
        best = [_form(form, lang) for form in survived.loc[shares == shares.min(), "form"]]
        parts.append(fill_sentence("say_survived_best", lang, names=enumerated(best, lang)))
    return "\n".join(parts)


def _form(form: str, lang: str) -> str:
    return find_label(f"form_{form}", lang) or form


def say_variants(table: "pd.DataFrame", sure: Sequence[Mapping[str, Any]], lang: str) -> str:
    """Which variants differ from the base beyond the seeds, and by how much.

    `sure` is that of `brnb.chapters.architecture_trials.most_changed`.
    """
    count = len(table) - 1
    if not sure:
        return fill_sentence("say_no_variant", lang, count=count)
    text = [fill_sentence("say_variants", lang, total=count, count=len(sure))]
    text += [
        fill_sentence(
            "say_variant_better" if row["change"] < 0 else "say_variant_worse",
            lang,
            variant=row["variant"],
            change=row["change"],
        )
        for row in sure
    ]
    return "\n".join(text)


def say_decoding(speed: "pd.DataFrame", machine: str, lang: str) -> str:
    """The fastest shape and way; `machine` is ``"cpu"`` or ``"cuda"``."""
    best = speed.iloc[int(speed["tokens_per_second"].astype(float).argmax())]
    fields = {"model": best["model"], "way": best["way"], "speed": best["tokens_per_second"]}
    return fill_sentence(
        "say_decoding", lang, machine=machine.upper().replace("CUDA", "GPU"), **fields
    )


def say_formatting(counted: Sequence["FormCount"], lang: str) -> str:
    """Tokens of the lecture's vocabulary for each example, formatted, compact and in ASCII."""
    shown = [one for one in counted if one.vocabulary == LECTURED]
    if not shown:
        return fill_sentence("say_no_vocabulary", lang, name=LECTURED)
    parts = []
    for one in shown:
        kind = "say_formatting" if one.escaped is None else "say_formatting_ascii"
        example = f"{KINDS[one.example.name]} ({one.example.lang})"
        counts = {"formatted": one.formatted, "compact": one.unformatted, "ascii": one.escaped}
        parts.append(fill_sentence(kind, lang, name=LECTURED, example=example, **counts))
    return "\n".join(parts)


def say_languages(ratios: Mapping[str, float], lang: str) -> str:
    """Which vocabularies take more tokens for Portuguese than for English, and which fewest."""
    dear = {name: ratio for name, ratio in ratios.items() if ratio > 1}
    cheapest = min(ratios, key=lambda name: ratios[name])
    least = fill_sentence("say_cheapest_portuguese", lang, name=cheapest, ratio=ratios[cheapest])
    if not dear:
        return f"{fill_sentence('say_portuguese_never_dear', lang, count=len(ratios))} {least}"
    names = [
        fill_sentence("say_ratio", lang, name=name, ratio=ratio) for name, ratio in dear.items()
    ]
    fields = {"total": len(ratios), "count": len(dear), "names": enumerated(names, lang)}
    return f"{fill_sentence('say_portuguese_dear', lang, **fields)} {least}"
