"""Chapter 21: what its counts and measurements say of appendix B, as sentences with verdicts."""

from typing import TYPE_CHECKING, Any

from brnb.report.labels import find_label, label
from brnb.report.sentences import enumerated, fill_sentence
from brnb.theory.compute import GPT3_SIZES
from brnb.theory.transformer_flops import model_flops

if TYPE_CHECKING:
    import pandas as pd

    from brnb.chapters.compute_roofline import Ceilings

NEGLIGIBLE = 1.0  # percent of a model's FLOPs that may be left out
ROUNDING = 1e-9  # more than this is no rounding
BF16_EPSILON = 2**-7  # Table 17's precision of BF16


def say_head(flops: "pd.DataFrame", lang: str) -> str:
    """In which of the two models the output head is too large to be left out (Eq. B.14)."""
    head = flops.iloc[-1]
    shares = {"gpt3": head["share_gpt3"], "gpt2": head["share_gpt2"]}
    small = [name for name, share in shares.items() if share < NEGLIGIBLE]
    kind = "say_head_in_one" if small == ["gpt3"] else "say_head_in_neither"
    if len(small) == 2:
        kind = "say_head_in_both"
    sizes = GPT3_SIZES["layers"], GPT3_SIZES["width"], GPT3_SIZES["vocab"]
    total = fill_sentence("say_gpt3", lang, flops=float(model_flops(*sizes, 300e9)))
    return f"{fill_sentence(kind, lang, **shares)} {total}"


def say_numbers(numbers: "pd.DataFrame", lang: str) -> str:
    """How many printed numbers differ from what is recomputed, and the one that is furthest off."""
    wrong = numbers[~numbers["agrees"].astype(bool)]
    if wrong.empty:
        return fill_sentence("say_numbers_agree", lang, count=len(numbers))
    ratios = wrong["recomputed"].astype(float) / wrong["published"].astype(float)
    worst = wrong.iloc[int(ratios.map(lambda ratio: max(ratio, 1 / ratio)).argmax())]
    unit = str(worst["unit"])
    fields: dict[str, Any] = {"equation": str(worst["equation"]).split("-")[0]}
    fields["unit"] = find_label(f"unit_{unit}", lang) or unit
    for name in ("published", "recomputed"):
        value = float(worst[name])
        fields[name] = round(value) if abs(value) >= 10 else value
    return fill_sentence("say_numbers", lang, total=len(numbers), count=len(wrong), **fields)


def say_factors_of_two(pairs: "pd.DataFrame", lang: str) -> str:
    """How many of the printed formulas err by a factor of two."""
    ratios = pairs["printed_over_corrected"].astype(float)
    twice = int((((ratios - 2).abs() < 0.05) | ((ratios - 0.5).abs() < 0.05)).sum())
    return fill_sentence("say_factors_of_two", lang, total=len(pairs), count=twice)


def say_ridge(ceilings: "Ceilings", operations: "pd.DataFrame", lang: str) -> str:
    """Where the ridge is, and how many measured operations memory bounds."""
    bound = int((operations["intensity"].astype(float) < ceilings.ridge).sum())
    return fill_sentence(
        "say_ridge", lang, ridge=ceilings.ridge, count=bound, total=len(operations)
    )


def say_second_example(pairs: "pd.DataFrame", ridge: float, lang: str) -> str:
    """What Eq. B.31 gives in the text's second example, and what bounds it with all passes."""
    row: Any = pairs.set_index("equation").loc["B.31"]
    printed, counted = float(row["printed_value"]), float(row["corrected_value"])
    side = label("say_above" if printed > ridge else "say_below", lang)
    kind = "say_example_of_memory" if counted < ridge else "say_example_of_compute"
    return fill_sentence(kind, lang, side=side, printed=printed, counted=counted, ridge=ridge)


def say_sides(sides: "pd.DataFrame", lang: str) -> str:
    """Sides of matrices at the ridge: as in the text, and with equal formats."""
    text, fp16, fp32 = sides["side"].astype(float)
    return fill_sentence("say_sides", lang, text=text, fp16=fp16, fp32=fp32)


def say_tiles(tiles: "pd.DataFrame", lang: str) -> str:
    """The largest tile that fits, and what it saves beside what the text says."""
    fitting = tiles[tiles["fits"].astype(bool)]
    if fitting.empty:
        return label("say_no_tile", lang)
    row = fitting.iloc[-1]
    values = {"saved": row["traffic_reduction"], "published": row["reuse_published"]}
    return fill_sentence("say_tiles", lang, tile=row["tile"], **values)


def say_watts(levels: "pd.DataFrame", limit: float, lang: str) -> str:
    """Whether the printed energy of the slowest level needs more than a whole GPU has."""
    watts = float(levels["implied_watts"].iloc[-1])
    kind = "say_watts_too_many" if watts > limit else "say_watts"
    return fill_sentence(kind, lang, watts=watts, limit=limit)


def say_tpu(accelerators: "pd.DataFrame", lang: str) -> str:
    """The TPU's operations for a watt, computed and as printed."""
    row = accelerators.iloc[-1]
    values = {"computed": row["tflops_per_watt"], "published": row["efficiency_published"]}
    return fill_sentence("say_tpu", lang, name=row["accelerator"], **values)


def say_formats(formats: "pd.DataFrame", peaks: "pd.DataFrame", lang: str) -> str:
    """The measured error of BF16 beside the printed one, what INT8 loses, and speeds of an A100."""
    bf16, int8, a100 = formats.iloc[2], formats.iloc[3], peaks.iloc[0]
    error = float(bf16["error_measured"])
    kind = "say_bf16_half" if error <= BF16_EPSILON / 2 else "say_bf16_more"
    speeds = {"sixteen": a100["BF16"] / a100["FP32"], "eight": a100["INT8"] / a100["FP32"]}
    return " ".join([
        fill_sentence(kind, lang, error=error, printed=BF16_EPSILON),
        fill_sentence("say_int8_zeros", lang, lost=int8["lost_percent"]),
        fill_sentence("say_peaks", lang, accelerator=a100["accelerator"], **speeds),
    ])  # fmt: skip


def say_lost(lost: "pd.DataFrame", sigma: float, lang: str) -> str:
    """What share of gradients of this deviation fp16 loses, and whether a scale saves them."""
    row = lost.iloc[(lost["sigma"].astype(float) - sigma).abs().argmin()]
    values = {"measured": row["lost_measured"], "scaled": row["lost_scaled"]}
    kind = "say_lost_saved" if row["lost_scaled"] < row["lost_measured"] else "say_lost_still"
    return fill_sentence(kind, lang, sigma=float(row["sigma"]), **values)


def say_clips(clips: "pd.DataFrame", weights: "pd.DataFrame", lang: str) -> str:
    """What the text's clip costs in eight bits, and the error of our own weights beside 1%."""
    ratio = float(clips["rmse"].iloc[0]) / float(clips["rmse"].iloc[1])
    shares = weights.groupby("bits")["error_share"].max().astype(float)
    kind = "say_weights_within" if shares[8] < 1 else "say_weights_beyond"
    text = fill_sentence("say_clips", lang, ratio=ratio)
    return f"{text} {fill_sentence(kind, lang, eight=shares[8], four=shares[4])}"


def say_caches(caches: "pd.DataFrame", tokens: int, lang: str) -> str:
    """The cache of a sequence with and without shared heads (Eq. B.126)."""
    mha, gqa = caches.iloc[2], caches.iloc[3]
    values = {"mha": mha["model"], "whole": mha["gb_fp16"], "gqa": gqa["model"]}
    return fill_sentence("say_caches", lang, tokens=tokens, part=gqa["gb_fp16"], **values)


def say_integer_cache(table: "pd.DataFrame", lang: str) -> str:
    """What a cache in integers does to the loss."""
    eight, cut, four = table["loss_change"].iloc[1:4].astype(float)
    return fill_sentence("say_integer_cache", lang, eight=eight, cut=cut, four=four)


def say_batch(numbers: "pd.DataFrame", lang: str) -> str:
    """What Eq. B.51 gives for a batch of GPT-3, and how many tokens take the printed time."""
    row: Any = numbers.set_index("equation").loc["B.51"]
    printed, seconds = float(row["published"]), float(row["recomputed"])
    if row["agrees"]:
        return fill_sentence("say_batch_agrees", lang, seconds=seconds)
    thousands = 3200 * printed / seconds
    return fill_sentence("say_batch", lang, seconds=seconds, printed=printed, thousands=thousands)


def say_links(links: "pd.DataFrame", waiting: float, lang: str) -> str:
    """The same all-reduce on the fastest and the slowest link; latency's share of small ones."""
    seconds = links["allreduce_seconds"].astype(float)
    names = links["link"].tolist()
    fast, slow = names[int(seconds.argmin())], names[int(seconds.argmax())]
    values: dict[str, Any] = {"fast": fast, "slow": slow, "waiting": waiting}
    return fill_sentence("say_links", lang, least=seconds.min(), most=seconds.max(), **values)


def say_tree(trees: "pd.DataFrame", ports: int, lang: str) -> str:
    """Hosts and bisection of a fat tree of this many ports, counted and as printed."""
    row: Any = trees.set_index("ports").loc[ports]
    values = {"hosts": int(row["hosts"]), "printed": int(row["hosts_published"])}
    values |= {"cut": row["bisection_tb_s"], "printed_cut": row["bisection_published"]}
    return fill_sentence("say_tree", lang, ports=ports, **values)


def say_identities(checked: "pd.DataFrame", lang: str) -> str:
    """How many identities hold up to rounding, and the equations of those that do not."""
    deviations = checked["largest_deviation"].map(
        lambda value: float("inf") if value is None else float(value)
    )
    wrong = checked.loc[~(deviations < ROUNDING), "equation"]
    if wrong.empty:
        return fill_sentence("say_identities_hold", lang, count=len(checked))
    names = enumerated([str(name) for name in wrong], lang)
    counts = {"total": len(checked), "count": len(checked) - len(wrong)}
    return fill_sentence("say_identities", lang, names=names, **counts)


def say_points(measured: "pd.DataFrame", lang: str) -> str:
    """How far counted bytes and measured pipelines lie from their formulas."""
    piped = measured["measured_scheme"] == label("pipeline_share", lang)
    behind = (measured["predicted_value"] - measured["measured_value"]).astype(float)
    largest = float(behind[~piped].abs().max())
    kind = "say_points_exact" if largest < ROUNDING else "say_points_off"
    text = fill_sentence(kind, lang, count=int((~piped).sum()), largest=largest)
    worst = float(behind[piped].max())
    kind = "say_pipelines_below" if worst > 0 else "say_pipelines_reach"
    return f"{text} {fill_sentence(kind, lang, count=int(piped.sum()), behind=worst)}"


def say_zero(stages: "pd.DataFrame", zero: "pd.DataFrame", micro_batches: int, lang: str) -> str:
    """What a pipeline of eight stages uses of its time; what ZeRO-3 holds and sends."""
    row = stages.set_index("stages").loc[8]
    plain, sharded = zero.iloc[0], zero.iloc[-1]
    used = fill_sentence(
        "say_pipeline", lang, stages=8, batches=micro_batches, share=row["pipeline_efficiency"]
    )
    ratio = float(sharded["sent_gb"]) / float(plain["sent_gb"])
    kind = "say_zero_as_printed" if abs(ratio - 2) < 0.01 else "say_zero"
    held = {"whole": plain["worker_gb"], "part": sharded["worker_gb"]}
    return f"{used} {fill_sentence(kind, lang, ratio=ratio, **held)}"


def say_workers(maps: "pd.DataFrame", workers: int, weak: float, lang: str) -> str:
    """Whether a wide map's sum takes longer than computing it, and what 1024 workers keep."""
    wide = maps.iloc[-1]
    ratio = float(wide["link_over_compute"])
    kind = "say_link_waits" if ratio > 1 else "say_link_hides"
    text = fill_sentence(kind, lang, workers=workers, width=int(wide["width"]), ratio=ratio)
    return f"{text} {fill_sentence('say_weak', lang, share=weak)}"


def say_batching(gain: float, predicted: float, lang: str) -> str:
    """What continuous batching gains, beside Eq. B.133, which is the limit of a full queue."""
    kind = "say_batching_below" if gain <= predicted else "say_batching_above"
    return fill_sentence(kind, lang, gain=gain, predicted=predicted)


def say_paging(paging: "pd.DataFrame", page: int, lang: str) -> str:
    """What share of the cache pages of this size waste, beside one reservation a sequence."""
    waste = paging.set_index("page")["waste"].astype(float)
    return fill_sentence("say_paging", lang, page=page, paged=waste[page], reserved=waste.iloc[-1])
