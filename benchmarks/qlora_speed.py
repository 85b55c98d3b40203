"""QLoRA of an 8B Llama on one GPU: tokens per second and memory, ours beside the usual stacks.

    python benchmarks/qlora_speed.py [--seconds 160] [--results benchmarks/results]
        [--pairs pairs.jsonl] [--profile] [section …]

Sections: ours, plain (Transformers + PEFT + bitsandbytes), trl (its SFTTrainer), sft (instruction
pairs, packed and padded), curves (200 steps of a smaller model, ours and Transformers' own layers),
compiled (plain with compiled layers and Liger's cross-entropy), liger (plain with
Liger's kernels), trl_liger. Weights are random, in the shape of Llama 3.1 8B: nobody has to
download anything, and speed and memory do not depend on them. All run in one process that may
allocate 24 GiB, each with adapters of rank 16 on all seven maps and AdamW; tokens are real ones,
never padding. Every result is one JSON line, and all go to <results>/qlora_speed.json; sections
that were not run keep their earlier lines. Without a GPU a toy model runs.
"""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import qlora_peers as peers
import torch
from qlora_case import GIB, GPU, SEQ_LEN, SMALL, advancing, fresh, packed, timed, training, whole

from brnb.finetune.forward import PlainStack
from brnb.finetune.packing import Example, Packs, pack

Row = dict[str, Any]
BEGUN = time.perf_counter()


def ours() -> Iterator[Row]:
    """Our loop: whole documents, and documents of several lengths, two packs a step."""
    several = [SEQ_LEN // 2] * 8 + [SEQ_LEN // 4] * 16
    with training(fresh(), whole(8)) as run:
        for what, packs in (("ours", whole(8)), ("ours, three a pack", packed(several, several))):
            run.data = Packs(packs, run.params.packs_per_step, 0)
            found, plan = timed(advancing(run), 3, 9), run.gradients.plan
            yield {
                "what": what, **found, "micro_batch_tokens": plan.tokens,
                "recomputed": plan.recomputed, "dequantised": plan.dequantised,
                "predicted_gib": plan.predicted and round(plan.predicted / 2**30, 2),
                "out_of_memory": run.gradients.out_of_memory,
            }  # fmt: skip
            if OPTIONS.profile:
                profile(advancing(run))
        del run


def profile(step: Callable[[], int]) -> None:
    """Where the time of a step goes, kernel by kernel."""
    activity = torch.profiler.ProfilerActivity.CUDA if GPU else torch.profiler.ProfilerActivity.CPU
    with torch.profiler.profile(activities=[activity]) as found:
        step()
    rows = [(e.self_device_time_total, e.count, e.key[:100]) for e in found.key_averages()]
    total, launches = sum(row[0] for row in rows) / 1e3, sum(row[1] for row in rows if row[0])
    print(f"kernels {total:.1f} ms, {launches} launches")
    for microseconds, count, name in sorted(rows, reverse=True)[:28]:
        print(f"{microseconds / 1e3:8.2f} ms {count:5d} {name}")


def sft() -> Iterator[Row]:
    """Instruction pairs: packed by us, padded by others."""
    lengths, answers = pair_lengths()
    packs = packed(lengths, answers)
    with training(fresh(), packs) as run:
        found = timed(advancing(run), 3, 9)
        mean = round(sum(lengths) / len(lengths), 1)
        yield {"what": "sft packed", **found, "pairs": len(lengths), "mean_tokens": mean}
        del run
    yield from peers.padded(lengths)


def pair_lengths() -> tuple[list[int], list[int]]:
    """Tokens of real instruction pairs and of their answers, four characters a token."""
    if OPTIONS.pairs is None:
        drawn = np.random.default_rng(0).lognormal(4.8, 0.8, 400)
        whole_pairs = np.clip(drawn, 16, SEQ_LEN).astype(int)
        return whole_pairs.tolist(), (whole_pairs // 2).tolist()
    rows = [json.loads(line) for line in OPTIONS.pairs.read_text("utf-8").splitlines()[:2000]]
    asked = [len(row["instruction"]) + len(row.get("input") or "") for row in rows]
    answered = [max(8, len(row["output"])) for row in rows]
    lengths = [min(SEQ_LEN, (a + b) // 4 + 8) for a, b in zip(asked, answered, strict=True)]
    return lengths, [min(n - 1, b // 4 + 1) for n, b in zip(lengths, answered, strict=True)]


def curves() -> Iterator[Row]:
    """Losses of 200 steps: ours, and Transformers' own layers from two orders of the data.

    The documents are walks over 64 tokens, four ways from each: a random base learns them from the
    first step on, where walks over all tokens keep it on a plateau that chance ends.
    """
    random = np.random.default_rng(0)
    table = random.integers(5, 5 + 64, (5 + 64, 4))
    walks = []
    for _ in range(256 if GPU else 8):
        ids = [5]
        while len(ids) < 256:
            ids.append(int(table[ids[-1], random.integers(4)]))
        walks.append(Example("", np.array(ids), np.array([-100, *ids[1:]]), 256))
    packs, steps, found = pack(walks, 512, 0), 200 if GPU else 4, {}
    settings = {"seq_len": 512, "packs_per_step": 4, "epochs": 50, "learning_rate": 2e-3}
    for name, seed, plain in (("ours", 0, False), ("plain", 0, True), ("other order", 1, True)):
        with training(fresh(SMALL), packs, **settings, seed=seed) as run:
            if plain:
                run.gradients.losses.stack = PlainStack(run.model)
            losses = []
            for _ in range(steps):
                run.advance()
                losses.append((run.summed[0] / run.summed[1]).item())
                run.summed.zero_()
            found[name] = np.array(losses)
            del run
    apart = np.abs(found["ours"] - found["plain"])
    noise = np.abs(found["other order"] - found["plain"])
    yield {
        "what": "curves", "steps": steps, "first": float(found["ours"][0]),
        "ours": float(found["ours"][-20:].mean()), "plain": float(found["plain"][-20:].mean()),
        "mean_difference": float(apart.mean()), "largest_difference": float(apart.max()),
        "mean_noise": float(noise.mean()),
        "curves": {name: losses[::10].round(3).tolist() for name, losses in found.items()},
    }  # fmt: skip


SECTIONS: dict[str, Callable[[], Iterator[Row]]] = {
    "ours": ours, "plain": peers.plain, "trl": peers.trl, "sft": sft, "curves": curves,
    "compiled": peers.compiled, "liger": peers.liger, "trl_liger": peers.trl_liger,
}  # fmt: skip


def ratios(rows: list[Row]) -> dict[str, float]:
    """Ours over each other, by the best setting of each that fits."""
    best: dict[str, int] = {}
    for row in rows:
        best[row["what"]] = max(best.get(row["what"], 0), row.get("tok_s", 0))
    found = {}
    for what, rate in best.items():
        own = best.get("sft packed" if what.startswith("sft") else "ours", 0)
        if own and rate and not what.startswith("ours") and what != "sft packed":
            found[what] = round(own / rate, 2)
    return found


def measured(name: str) -> Iterator[Row]:
    """The rows of a section; an error is one too."""
    if time.perf_counter() - BEGUN > OPTIONS.seconds:
        yield {"error": "no time left"}
        return
    try:
        yield from SECTIONS[name]()
    except Exception as error:
        traceback.print_exc(limit=8)
        yield {"error": repr(error)[:300]}


def main() -> None:
    """Run the sections until the time is up; write what was found after each."""
    machine = {
        "gpu": torch.cuda.get_device_name() if GPU else "none",
        "torch": torch.__version__, "limit_gib": GIB, "seq_len": SEQ_LEN,
    }  # fmt: skip
    path = OPTIONS.results / "qlora_speed.json"
    earlier = json.loads(path.read_text("utf-8")) if path.exists() else {}
    same = {name: earlier.get(name) for name in machine} == machine
    rows: list[Row] = earlier["results"] if same else []
    for name in OPTIONS.sections or SECTIONS:
        rows = [row for row in rows if row["section"] != name]
        for row in measured(name):
            at = round(time.perf_counter() - BEGUN, 1)
            rows.append({"section": name, **row, "at_s": at})
            print(json.dumps(rows[-1]), flush=True)
        found = machine | {"results": rows, "ours_over": ratios([r for r in rows if "what" in r])}
        OPTIONS.results.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(found["ours_over"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], metavar="section")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--profile", action="store_true")
    OPTIONS = parser.parse_args(sys.argv[1:])
    main()
