"""All contestants timed on all items, one after the other, and every answer scored."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from brnb.fingerprint import digest, reached
from brnb.latency.contestants import ModelSize, contestant_config, load_contestant, model_size
from brnb.latency.items import BenchmarkItem, dosmi_v2, expertise_map, first_of_each, read_benchmark
from brnb.latency.measure import Schedule, Timing, time_model
from brnb.latency.params import Contestant, LatencyParams
from brnb.latency.scores import Execute, best, score
from brnb.latency.vocabulary import vocabulary_of
from brnb.text.hashing import fraction
from brnb.train.device import pick_device

if TYPE_CHECKING:
    from brnb.tokenizers.subword import SubwordTokenizer


@dataclass(frozen=True)
class TimedContestant:
    """A contestant, its size, and its timings."""

    contestant: Contestant
    size: ModelSize
    timings: list[Timing]


def items_of(params: LatencyParams) -> list[BenchmarkItem]:
    """The items that every contestant is asked: both benchmarks, then those from files."""
    items = first_of_each([*dosmi_v2(), *expertise_map()], params.items_per_task)
    most = params.external_items
    for name, source in params.external.items():
        offered = read_benchmark(external_file(source))
        order = {x.hash: fraction(x.hash.encode(), params.seed, name.encode()) for x in offered}
        drawn = sorted(offered, key=lambda item: order[item.hash])[:most]
        items += [replace(item, benchmark=name, task=name) for item in drawn]
    return list({item.hash: item for item in items}.values())


def external_file(source: str) -> Path:
    """The file of another benchmark; ``~`` and ``${VARIABLE}`` are expanded."""
    return Path(os.path.expandvars(source)).expanduser()


def time_all(
    params: LatencyParams, items: Sequence[BenchmarkItem], own: "SubwordTokenizer", work: Path
) -> list[TimedContestant]:
    """Time every contestant; what an interrupted process has timed is not timed again.

    Parameters
    ----------
    params
        Contestants and schedule.
    items
        What each of them is asked.
    own
        Tokenizer of models of random weights.
    work
        Folder of the journals, one for each contestant and all that shapes its timings.
    """
    device = pick_device(params.device)
    budgets = {str(name): tokens for name, tokens in params.new_tokens.items()}
    schedule = Schedule(params.warm_up, params.repeats, budgets)
    results = []
    for contestant in params.contestants:
        config = contestant_config(contestant, params.shapes)
        shape = params.shapes.get(contestant.shape or "")
        key = timings_identity(contestant, shape, schedule, device, own.vocab_size)
        timings = time_model(
            contestant.name,
            partial(load_contestant, contestant, config, device, params.seed),
            vocabulary_of(contestant, own),
            items,
            schedule,
            work / f"{contestant.name}-{key}.jsonl",
        )
        results.append(TimedContestant(contestant, model_size(config), timings))
    return results


def timings_identity(
    contestant: Contestant,
    shape: dict[str, Any] | None,
    schedule: Schedule,
    device: torch.device,
    vocabulary: int,
) -> str:
    """What timings depend on, so that those of another machine or code are not taken for them."""
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    budgets = {"warm_up": schedule.warm_up, "new_tokens": schedule.new_tokens}
    quantised = ["bitsandbytes"] if contestant.weights in ("int8", "nf4") else []
    libraries = {name: version(name) for name in ("torch", "transformers", *quantised)}
    told = [contestant.model_dump(), shape, budgets, vocabulary, machine, libraries]
    return digest([told, reached(["brnb.latency.measure", "brnb.latency.contestants"])])


def answer_records(
    timed: Sequence[TimedContestant], items: Sequence[BenchmarkItem], execute: Execute | None
) -> pd.DataFrame:
    """One row an answer, as the CSV of document 003 had it, and more: every score stands beside.

    Columns: model, family, weights, benchmark, task, item, repeat, prompt_tokens, new_tokens,
    first_token_s, latency_s, tokens_per_s, peak_bytes, accuracy (the substring, as published),
    checked (`brnb.latency.scores.best`) and each of `brnb.latency.scores.SCORES`.
    """
    asked = {item.hash: item for item in items}
    known: dict[tuple[str, str], dict[str, bool | None]] = {}
    rows = []
    for result in timed:
        for timing in result.timings:
            item, key = asked[timing.hash], (timing.hash, timing.text)
            if key not in known:  # greedy answers repeat themselves
                known[key] = score(item, timing.text, execute)
            rows.append(_row(result.contestant, item, timing, known[key]))
    return pd.DataFrame(rows)


def _row(
    contestant: Contestant, item: BenchmarkItem, timing: Timing, scores: dict[str, bool | None]
) -> dict[str, Any]:
    return {
        "model": contestant.name,
        "family": contestant.family,
        "weights": contestant.weights,
        "benchmark": item.benchmark,
        "task": item.task,
        "item": item.id,
        "repeat": timing.repeat,
        "prompt_tokens": timing.prompt_tokens,
        "new_tokens": timing.new_tokens,
        "first_token_s": timing.first_token_seconds,
        "latency_s": timing.seconds,
        "tokens_per_s": timing.tokens_per_second,
        "peak_bytes": timing.peak_bytes,
        "accuracy": int(bool(scores["substring"])),
        "checked": int(best(scores)),
        **scores,
    }
