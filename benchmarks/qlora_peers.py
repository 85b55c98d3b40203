"""The stacks beside which ours is measured: plain, Liger's kernels, TRL; and padded pairs."""

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, pairwise
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from qlora_case import DEVICE, GPU, SEQ_LEN, SHAPE, fresh, timed, whole

from brnb.finetune.lora import base_of, trained

Batch = tuple[torch.Tensor, torch.Tensor]  # ids and mask of real tokens, shape (B, T)
Row = dict[str, Any]


def plain() -> Iterator[Row]:
    """Transformers + PEFT + bitsandbytes."""
    yield from usual("plain", [(4, True), (1, False)])


def trl() -> Iterator[Row]:
    """TRL's SFTTrainer; the documents are whole, so that there is nothing to pack."""
    yield {"what": "trl", "micro_batch": 4, "checkpointing": True, **sft_trainer(4, False)}


def compiled() -> Iterator[Row]:
    """Plain, each layer compiled, with Liger's cross-entropy, which is a patch for good."""
    from liger_kernel.transformers import apply_liger_kernel_to_llama

    apply_liger_kernel_to_llama(
        rope=False, swiglu=False, rms_norm=False, fused_linear_cross_entropy=True
    )
    yield from usual("compiled", [(4, True), (1, False)], compiled=True)


def liger() -> Iterator[Row]:
    """Plain with all of Liger's kernels: patches for good, too."""
    from liger_kernel.transformers import apply_liger_kernel_to_llama

    apply_liger_kernel_to_llama()
    yield from usual("liger", [(4, True), (1, False)])


def trl_liger() -> Iterator[Row]:
    """TRL's trainer with Liger's kernels."""
    yield {"what": "trl liger", "micro_batch": 4, "checkpointing": True, **sft_trainer(4, True)}


def padded(lengths: Sequence[int]) -> Iterator[Row]:
    """Pairs as Transformers and TRL batch them: 8 by their default, 4 as in the best above."""
    model = fresh()
    checkpointing(model, True)
    for what, count, length in (
        ("sft padded to the longest of 8", 8, None),
        ("sft padded to the longest of 4", 4, None),
        ("sft padded to seq_len", 4, SEQ_LEN),
    ):
        batches = pad(lengths, count, length)
        found = timed(stepping(model, batches), 1, len(batches))
        share = sum(int(m.sum()) for _, m in batches) / sum(m.numel() for _, m in batches)
        yield {"what": what, **found, "real_share": round(share, 3)}


def usual(what: str, settings: Sequence[tuple[int, bool]], compiled: bool = False) -> Iterator[Row]:
    """The usual stack in several settings of micro-batch and checkpointing."""
    model = fresh()
    if compiled:
        for layer in base_of(model).model.layers:
            layer.compile()
    for batch, recompute in settings:
        row = {"what": what, "micro_batch": batch, "checkpointing": recompute}
        ids = torch.stack([pack.ids for pack in whole(batch)]).to(DEVICE)
        try:
            checkpointing(model, recompute)
            row |= timed(stepping(model, [(ids, torch.ones_like(ids))]), 1, 3)
        except torch.OutOfMemoryError:
            row["error"] = "out of memory"
        yield row
        for parameter in model.parameters():
            parameter.grad = None
        gc.collect()
        if GPU:
            torch.cuda.empty_cache()


def stepping(model: PeftModel, batches: Sequence[Batch]) -> Callable[[], int]:
    """One step of the usual recipe: autocast, the model's own loss, AdamW."""
    parameters = trained(model)
    optimizer = torch.optim.AdamW(parameters, 2e-4, fused=True)
    prepared = cycle(
        (ids, None if mask.all() else mask, ids.masked_fill(mask == 0, -100), int(mask.sum()))
        for ids, mask in batches
    )

    def step() -> int:
        ids, mask, labels, real = next(prepared)
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


def pad(lengths: Sequence[int], count: int, length: int | None) -> list[Batch]:
    """Four batches of random pairs, padded to a length, or each to its longest."""
    random, batches = np.random.default_rng(1), []
    for _ in range(4):
        own = torch.from_numpy(random.choice(lengths, count)).to(DEVICE)
        places = torch.arange(length or int(own.max()), device=DEVICE)
        ids = torch.randint(5, SHAPE["vocab_size"], (count, len(places)), device=DEVICE)
        batches.append((ids, (places[None] < own[:, None]).long()))
    return batches


def sft_trainer(batch: int, kernels: bool) -> Row:
    """Tokens per second and memory of six steps of TRL's trainer, by its default recomputed."""
    import datasets
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    words = Tokenizer(models.WordLevel({"<unk>": 0, "<eos>": 1, "<pad>": 2}, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"
    )
    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if GPU:
                torch.cuda.synchronize()
            times.append(time.perf_counter())

    model = fresh()
    model.enable_input_require_grads()
    rows = datasets.Dataset.from_dict({"input_ids": [p.ids.tolist() for p in whole(batch * 6)]})
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder, per_device_train_batch_size=batch, max_steps=6, max_length=SEQ_LEN,
            bf16=True, gradient_checkpointing=True, report_to=[], save_strategy="no",
            gradient_checkpointing_kwargs={"use_reentrant": False}, logging_steps=100,
            use_liger_kernel=kernels, dataset_kwargs={"skip_prepare_dataset": True},
            disable_tqdm=True,
        )  # fmt: skip
        trainer = SFTTrainer(
            model=model, args=config, train_dataset=rows, processing_class=tokenizer,
            callbacks=[Clock()],
        )  # fmt: skip
        if GPU:
            torch.cuda.reset_peak_memory_stats()
        trainer.train()
    steps = [b - a for a, b in pairwise(times[1:])]
    found: Row = {"tok_s": round(batch * SEQ_LEN / statistics.median(steps))}
    if GPU:
        found["gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    return found
