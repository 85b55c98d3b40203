"""QLoRA of an 8B Llama on one GPU: tokens per second and memory, ours beside the usual stacks.

    python benchmarks/qlora_speed.py [--gib 24] [--seconds 160] [--results benchmarks/results]
        [--pairs pairs.jsonl] [section …]

Sections: ours, plain (Transformers + PEFT + bitsandbytes), liger (the same with Liger's kernels),
trl (its SFTTrainer), sft (instruction pairs, packed and padded), curves (200 steps of a smaller
model). Weights are random, in the shape of Llama 3.1 8B: nobody has to download anything, and
speed and memory do not depend on them. All run in one process under one memory limit, each with
adapters of rank 16 on all seven maps and AdamW; tokens are real ones, never padding. Every result
is one JSON line, and all go to <results>/qlora_speed.json. Without a GPU a toy model runs.
"""

import argparse
import gc
import json
import os
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")

import numpy as np
import torch
from peft import PeftModel
from transformers import LlamaConfig

from brnb.finetune import loop
from brnb.finetune.attention import packed_attention
from brnb.finetune.base import random_base
from brnb.finetune.forward import PlainStack
from brnb.finetune.lora import adapt, base_of, trained
from brnb.finetune.packing import Example, Pack, pack
from brnb.finetune.params import FinetuneParams

GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if GPU else "cpu")
SEQ_LEN = 2048 if GPU else 64
LLAMA_8B = {
    "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "max_position_embeddings": 131072, "tie_word_embeddings": False,
}  # fmt: skip
SMALL = LLAMA_8B | {
    "vocab_size": 4096, "hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 6,
    "num_attention_heads": 8, "num_key_value_heads": 4,
}  # fmt: skip
TOY = SMALL | {
    "vocab_size": 500,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
}
SHAPE = LLAMA_8B if GPU else TOY
RESULTS: list[dict[str, Any]] = []
BEGUN = time.perf_counter()


def report(**values: Any) -> None:
    """One result: printed and kept."""
    RESULTS.append(values | {"at_s": round(time.perf_counter() - BEGUN, 1)})
    print(json.dumps(RESULTS[-1]), flush=True)


def params(**changed: Any) -> FinetuneParams:
    """The recipe."""
    values: dict[str, Any] = {
        "profile": "bench", "run_id": "bench", "seed": 0, "lang": "en", "base": "random",
        "revision": None, "start": None, "quantization": "nf4", "double_quantization": True,
        "rank": 16, "alpha": 32, "dropout": 0.0, "target_modules": [
            "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        "seq_len": SEQ_LEN, "packs_per_step": 2, "epochs": 1, "learning_rate": 2e-4,
        "final_learning_rate": 1.0, "warmup": 0.0, "weight_decay": 0.0, "grad_clip": 1.0,
        "memory_limit_gib": OPTIONS.gib, "precision": "bf16", "device": "auto", "log_every": 10**6,
        "evaluate_every": 10**6, "checkpoint_seconds": 1e9, "near_duplicate": 0.8,
    }  # fmt: skip
    known = {name: value for name, value in values.items() if name in FinetuneParams.model_fields}
    return FinetuneParams(**(known | changed))


def fresh(shape: dict[str, Any] = SHAPE) -> PeftModel:
    """A new model; the one before has to be gone."""
    gc.collect()
    if GPU:
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(DEVICE).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, OPTIONS.gib * 2**30 / total))
        torch.cuda.reset_peak_memory_stats()
    torch.manual_seed(0)
    return adapt(random_base(LlamaConfig(**shape), True, torch.bfloat16, DEVICE), params())


def documents(lengths: Sequence[int], vocabulary: int, supervised: Sequence[int]) -> list[Example]:
    """Random documents; the last `supervised` tokens of each are targets."""
    random = np.random.default_rng(0)
    found = []
    for number, (length, own) in enumerate(zip(lengths, supervised, strict=True)):
        ids = random.integers(5, vocabulary, length)
        labels = np.where(np.arange(length) >= max(1, length - own), ids, -100)
        found.append(Example(str(number), ids, labels, length))
    return found


def timed(step: Callable[[], int], warm: int = 2, count: int = 5) -> dict[str, Any]:
    """Median tokens a second of `step`, which returns its real tokens, and the peak memory."""
    for _ in range(warm):
        step()
    rates = []
    if GPU:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    for _ in range(count):
        start = time.perf_counter()
        tokens = step()
        if GPU:
            torch.cuda.synchronize()
        rates.append(tokens / (time.perf_counter() - start))
    found: dict[str, Any] = {"tok_s": round(statistics.median(rates))}
    if GPU:
        found["gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        found["reserved_gib"] = round(torch.cuda.max_memory_reserved() / 2**30, 2)
    return found


@contextmanager
def training(model: PeftModel, packs: list[Pack], **changed: Any) -> Iterator[loop.Finetuning]:
    """Our loop, ready to advance."""
    with tempfile.TemporaryDirectory() as folder:
        run = loop.Finetuning(model, packs, params(**changed), Path(folder), "bench")
        with packed_attention(base_of(model)):
            yield run


def advancing(run: loop.Finetuning) -> Callable[[], int]:
    """One optimizer step of our loop."""

    def step() -> int:
        if run.step >= run.steps:
            run.step = 0
        before = run.history.tokens
        run.advance()
        return run.history.tokens - before

    return step


def ours() -> None:
    """Our loop: whole documents, and documents of several lengths, two packs a step."""
    lengths = {
        "whole documents": [SEQ_LEN] * 8,
        "three a pack": [SEQ_LEN // 2] * 8 + [SEQ_LEN // 4] * 16,
    }
    for kind, own in lengths.items():
        packs = pack(documents(own, SHAPE["vocab_size"], own), SEQ_LEN, 0)
        with training(fresh(), packs) as run:
            found = timed(advancing(run), 3)
            plan = run.gradients.plan
            report(
                what="ours", data=kind, **found, micro_batch_tokens=plan.tokens,
                recomputed=plan.recomputed, dequantised=plan.dequantised,
                predicted_gib=plan.predicted and round(plan.predicted / 2**30, 2),
                out_of_memory=run.gradients.out_of_memory,
            )  # fmt: skip
            if OPTIONS.profile and kind == "whole documents":
                profile(advancing(run))
            del run


def profile(step: Callable[[], int]) -> None:
    """Where the time of a step goes, kernel by kernel."""
    activity = torch.profiler.ProfilerActivity.CUDA if GPU else torch.profiler.ProfilerActivity.CPU
    with torch.profiler.profile(activities=[activity]) as found:
        step()
    rows = [(e.self_device_time_total, e.count, e.key[:100]) for e in found.key_averages()]
    total, launches = sum(row[0] for row in rows) / 1e3, sum(row[1] for row in rows)
    print(f"kernels {total:.1f} ms, {launches} launches")
    for microseconds, count, name in sorted(rows, reverse=True)[:28]:
        print(f"{microseconds / 1e3:8.2f} ms {count:5d} {name}")


def stepping(
    model: PeftModel, ids: torch.Tensor, mask: torch.Tensor | None = None
) -> Callable[[], int]:
    """One step of the usual recipe: autocast, the model's own loss, AdamW."""
    parameters = trained(model)
    optimizer = torch.optim.AdamW(parameters, 2e-4, fused=True)
    labels = ids if mask is None else ids.masked_fill(~mask, -100)
    real = ids.numel() if mask is None else int(mask.sum())

    def step() -> int:
        with torch.autocast(DEVICE.type, torch.bfloat16):
            loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return real

    return step


def checkpointing(model: PeftModel, wanted: bool) -> None:
    """Recompute all layers, or none."""
    model.train()
    if wanted:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    else:
        model.gradient_checkpointing_disable()


def usual(what: str, settings: Sequence[tuple[int, bool]], compiled: bool = False) -> None:
    """The usual stack in several settings of micro-batch and checkpointing."""
    model = fresh()
    if compiled:
        for layer in base_of(model).model.layers:
            layer.compile()
    for batch, recompute in settings:
        try:
            checkpointing(model, recompute)
            ids = torch.randint(5, SHAPE["vocab_size"], (batch, SEQ_LEN), device=DEVICE)
            found = timed(stepping(model, ids), 1, 3)
            report(what=what, micro_batch=batch, checkpointing=recompute, **found)
        except torch.OutOfMemoryError:
            report(what=what, micro_batch=batch, checkpointing=recompute, error="out of memory")
        for parameter in model.parameters():
            parameter.grad = None
        gc.collect()
        if GPU:
            torch.cuda.empty_cache()


def plain() -> None:
    """Transformers + PEFT + bitsandbytes."""
    usual("plain", [(1, True), (4, True), (1, False)])


def liger() -> None:
    """The same with Liger's kernels; it changes transformers for the rest of the process."""
    from liger_kernel.transformers import apply_liger_kernel_to_llama

    apply_liger_kernel_to_llama(
        rope=True, swiglu=True, rms_norm=True, cross_entropy=False, fused_linear_cross_entropy=True
    )
    usual("liger", [(4, True), (1, False)])


def trl() -> None:
    """TRL's SFTTrainer, whose own defaults pack nothing here: the documents are whole."""
    import datasets
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    words = Tokenizer(models.WordLevel({"<unk>": 0, "<eos>": 1, "<pad>": 2}, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"
    )

    class Clock(TrainerCallback):
        times: list[float] = []  # noqa: RUF012

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if GPU:
                torch.cuda.synchronize()
            self.times.append(time.perf_counter())

    for batch, recompute, kernels in ((4, True, False), (4, True, True)):
        model, clock = fresh(), Clock()
        clock.times = []
        model.enable_input_require_grads()
        ids = torch.randint(5, SHAPE["vocab_size"], (batch * 6, SEQ_LEN)).tolist()
        rows = datasets.Dataset.from_dict({"input_ids": ids})
        with tempfile.TemporaryDirectory() as folder:
            config = SFTConfig(
                output_dir=folder, per_device_train_batch_size=batch, max_steps=6,
                max_length=SEQ_LEN, bf16=True, gradient_checkpointing=recompute,
                gradient_checkpointing_kwargs={"use_reentrant": False}, report_to=[],
                save_strategy="no", logging_steps=100, use_liger_kernel=kernels,
                dataset_kwargs={"skip_prepare_dataset": True}, disable_tqdm=True,
            )  # fmt: skip
            trainer = SFTTrainer(
                model=model, args=config, train_dataset=rows, processing_class=tokenizer,
                callbacks=[clock],
            )  # fmt: skip
            if GPU:
                torch.cuda.reset_peak_memory_stats()
            trainer.train()
        steps = [b - a for a, b in zip(clock.times[1:], clock.times[2:], strict=False)]
        peak = torch.cuda.max_memory_allocated() / 2**30 if GPU else 0
        report(
            what="trl liger" if kernels else "trl", micro_batch=batch, checkpointing=recompute,
            tok_s=round(batch * SEQ_LEN / statistics.median(steps)), gib=round(peak, 2),
        )  # fmt: skip
        del model, trainer


def pair_lengths() -> tuple[list[int], list[int]]:
    """Tokens of real instruction pairs and of their answers, four characters a token."""
    if OPTIONS.pairs is None:
        random = np.random.default_rng(0)
        whole = np.clip(random.lognormal(4.8, 0.8, 400), 16, SEQ_LEN).astype(int)
        return whole.tolist(), (whole // 2).tolist()
    rows = [json.loads(line) for line in Path(OPTIONS.pairs).read_text("utf-8").splitlines()[:2000]]
    asked = [len(row["instruction"]) + len(row.get("input") or "") for row in rows]
    answered = [max(8, len(row["output"])) for row in rows]
    whole = [min(SEQ_LEN, (a + b) // 4 + 8) for a, b in zip(asked, answered, strict=True)]
    return whole, [min(n - 1, b // 4 + 1) for n, b in zip(whole, answered, strict=True)]


def sft() -> None:
    """Instruction pairs: packed by us; padded to seq_len, or to the longest of a batch of 4."""
    lengths, answers = pair_lengths()
    packs = pack(documents(lengths, SHAPE["vocab_size"], answers), SEQ_LEN, 0)
    with training(fresh(), packs) as run:
        report(
            what="sft packed", **timed(advancing(run), 3, 6), mean_tokens=statistics.mean(lengths)
        )
        del run
    model = fresh()
    checkpointing(model, True)
    random = np.random.default_rng(1)
    for what, longest in (("sft padded to seq_len", SEQ_LEN), ("sft padded to the longest", 0)):
        own = [int(n) for n in random.choice(lengths, 4)]
        ids = torch.randint(5, SHAPE["vocab_size"], (4, longest or max(own)), device=DEVICE)
        mask = (
            torch.arange(ids.shape[1], device=DEVICE)[None]
            < torch.tensor(own, device=DEVICE)[:, None]
        )
        rates = timed(stepping(model, ids, mask), 1, 3)
        report(what=what, **rates, mean_tokens=statistics.mean(own))


def curves() -> None:
    """Losses of 200 steps: ours, and Transformers' own layers from two orders of the data."""
    random = np.random.default_rng(0)
    table = random.integers(5, SMALL["vocab_size"], (SMALL["vocab_size"], 4))
    walks = []
    for _ in range(256 if GPU else 8):
        ids = [5]
        while len(ids) < 256:
            ids.append(int(table[ids[-1], random.integers(4)]))
        walks.append(Example("", np.array(ids), np.array([-100, *ids[1:]]), 256))
    packs = pack(walks, 512, 0)
    steps = 200 if GPU else 4
    found = {}
    for name, seed, ours_too in (
        ("ours", 0, True),
        ("plain", 0, False),
        ("plain, other order", 1, False),
    ):
        settings = {"seq_len": 512, "packs_per_step": 4, "epochs": 50, "learning_rate": 2e-3}
        with training(
            fresh(SMALL), packs, **settings, seed=seed, memory_limit_gib=OPTIONS.gib
        ) as run:
            if not ours_too:
                run.gradients.losses.stack = PlainStack(run.model)
            losses = []
            for _ in range(steps):
                run.advance()
                losses.append((run.summed[0] / run.summed[1]).item())
                run.summed.zero_()
            found[name] = np.array(losses)
            del run
    apart = np.abs(found["ours"] - found["plain"])
    noise = np.abs(found["plain, other order"] - found["plain"])
    report(
        what="curves", steps=steps, first=float(found["ours"][0]),
        ours=float(found["ours"][-20:].mean()), plain=float(found["plain"][-20:].mean()),
        mean_difference=float(apart.mean()),
        largest_difference=float(apart.max()), mean_noise=float(noise.mean()),
    )  # fmt: skip


def ratios() -> dict[str, Any]:
    """Ours over each other, by the best setting of each that fits."""
    best: dict[str, int] = {}
    for row in RESULTS:
        if "tok_s" in row:
            best[row["what"]] = max(best.get(row["what"], 0), row["tok_s"])
    own, packed = best.get("ours"), best.get("sft packed")
    found = {name: round(own / rate, 2) for name, rate in best.items() if own and "sft" not in name}
    return found | {
        name: round(packed / rate, 2) for name, rate in best.items() if packed and "sft p" in name
    }


def main() -> None:
    """Run the sections until the time is up; write what was found after each."""
    sections = {f.__name__: f for f in (ours, plain, sft, curves, trl, liger)}
    gpu = torch.cuda.get_device_name() if GPU else "none"
    for name in OPTIONS.sections or sections:
        if time.perf_counter() - BEGUN > OPTIONS.seconds:
            report(what=name, error="no time left")
            continue
        try:
            sections[name]()
        except Exception as error:
            traceback.print_exc(limit=8)
            report(what=name, error=repr(error)[:300])
        machine = {"gpu": gpu, "torch": torch.__version__, "limit_gib": OPTIONS.gib}
        found = machine | {"seq_len": SEQ_LEN, "results": RESULTS, "ours_over": ratios()}
        OPTIONS.results.mkdir(parents=True, exist_ok=True)
        path = OPTIONS.results / "qlora_speed.json"
        path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(ratios()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sections", nargs="*")
    parser.add_argument("--gib", type=float, default=24.0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--pairs")
    parser.add_argument("--profile", action="store_true")
    OPTIONS = parser.parse_args(sys.argv[1:])
    main()
