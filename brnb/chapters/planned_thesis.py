"""Chapter 16: what the dissertation's own trainings would take today, on GPUs that can be hired."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brnb.report.labels import label
from brnb.report.sentences import fill_sentence
from brnb.report.tables import AsPrinted, frame
from brnb.theory.costs import gpu_cost, price_list_for
from brnb.theory.measured import DISSERTATION, measured_trainings, recurrent_weights
from brnb.theory.memory import CONTEXT, GIB, MicroBatch
from brnb.theory.plan import PROGRAM, plan
from brnb.theory.shape import LLAMA_8B, Shape
from brnb.theory.speed import Measured, predict, recurrent_work
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

RENTED = ("rtx4090", "rtx3090", "h200_sxm")
TOTAL = "total"
SIZES = ("cell", "vocab", "embedding", "hidden", "layers")
ADAPTED = ("cpt_qlora_llama31_8b_brwac10k", "sft_qlora_llama31_8b_instruct_canarim10k")


@dataclass(frozen=True)
class _Training:
    """A training of the dissertation; without a shape it is recurrent, and named by its run."""

    run: str
    tokens: float
    shape: Shape | None
    step: MicroBatch | None


def tab_plan_thesis(
    measured: Sequence[Measured], adaptation_tokens: float, price_list: str, lang: str
) -> "pd.DataFrame":
    """Every training of Tables 7 to 9 and 11: GPU, hours and USD as printed, then as planned.

    Parameters
    ----------
    measured
        What to learn the speed from.
    adaptation_tokens
        Of CPT and of SFT, whose tokens are not published.
    price_list
        Key of ``usd_per_hour`` in prices.yaml; where it lacks a GPU, the latest that has it counts.

    Returns
    -------
    pandas.DataFrame
        Four rows a training and the totals. The memory of recurrent networks is not counted.
    """
    trainings = list(_trainings(adaptation_tokens))
    rows = [row for one in trainings for row in _rows(one, measured, price_list, lang)]
    for gpu in dict.fromkeys(row["gpu"] for row in rows if row["planned"]):
        alike = [row for row in rows if row["gpu"] == gpu and row["planned"]]
        sums = {name: sum(row[name] for row in alike) for name in ("hours", "usd")}
        rows.append({"run": label(TOTAL, lang), "gpu": gpu, "planned": True} | sums)
    columns = ("run", "tokens_million", "source", "gpu", "gb", "hours", "usd")
    words = {True: label("planned", lang), False: label("published", lang)}
    return frame(
        [{name: (row | {"source": words[row["planned"]]}).get(name) for name in columns}
         for row in rows]
    )  # fmt: skip


def _trainings(adaptation_tokens: float) -> Iterator[_Training]:
    for fact in measured_trainings():
        if fact.measured.program == DISSERTATION and fact.hours:
            tokens = 3600 * fact.hours / fact.measured.seconds
            yield _Training(fact.measured.name, tokens, fact.shape, fact.step)
    step = MicroBatch(method="qlora", batch=1, seq_len=2048)
    for run in ADAPTED:
        yield _Training(run, adaptation_tokens, LLAMA_8B, step)


def _rows(
    one: _Training, measured: Sequence[Measured], price_list: str, lang: str
) -> Iterator[dict[str, Any]]:
    """As printed, and as planned for every GPU of `RENTED`."""
    (printed,) = (row for row in load("published", "tab01", "rows") if row["run"] == one.run)
    usd = [row["usd"] for row in load("published", "tab03", "rows") if row["run"] == one.run]
    usd += [row["usd"] for row in load("published", "tab04", "rows") if row["run"] == one.run]
    tokens = one.tokens / 1e6
    yield {
        "run": one.run,
        "planned": False,
        "tokens_million": None if one.run in ADAPTED else tokens,
        "gpu": printed["gpu"],
        "hours": AsPrinted(printed["hours"]),
        "usd": AsPrinted(usd[0]) if usd else None,
    }
    for gpu in RENTED:
        name = load("hardware", gpu, "name")
        priced = gpu in load("prices", "usd_per_hour", price_list, "prices")
        prices = price_list if priced else price_list_for(name)
        hours, gb = _planned(one, gpu, measured)
        price = load("prices", "usd_per_hour", prices, "prices")[gpu]
        cost = {"hours": hours, "usd": gpu_cost(hours, price), "gb": gb}
        yield {"run": one.run, "tokens_million": tokens, "gpu": name, "planned": True} | cost


def _planned(one: _Training, gpu: str, measured: Sequence[Measured]) -> tuple[float, float | None]:
    """Hours, and GiB of the peak with the context; None for what the planner does not count."""
    if one.shape is None or one.step is None:
        sizes = load("measured", "dissertation", "recurrent", one.run)
        multiplied = recurrent_weights(*(sizes[name] for name in SIZES))
        work = recurrent_work(multiplied, sizes["layers"], sizes["batch"], gpu)
        speed = predict(work, gpu, "recurrent", PROGRAM, measured)
        return one.tokens * speed.seconds / 3600, None
    planned = plan(one.shape, one.step, one.tokens, gpu, measured)
    return planned.hours, (planned.memory.total + CONTEXT) / GIB


def say_plan_thesis(planned: "pd.DataFrame", lang: str) -> str:
    """What all trainings together take on each GPU, beside the hours and the price printed."""
    is_published = planned["source"] == label("published", lang)
    printed = planned[is_published]
    totals = planned[planned["run"] == label(TOTAL, lang)]
    say = [
        fill_sentence(
            "say_plan_thesis_printed",
            lang,
            count=len(printed),
            hours=sum(float(value) for value in printed["hours"]),
            usd=sum(float(value) for value in printed["usd"].dropna()),
        )
    ]
    for _, row in totals.iterrows():
        numbers = {"hours": float(row["hours"]), "usd": float(row["usd"])}
        say.append(fill_sentence("say_plan_thesis_gpu", lang, gpu=row["gpu"], **numbers))
    return " ".join(say)
