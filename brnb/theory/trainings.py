"""What a receipt says about a training: model, work, time and result."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brnb import receipt
from brnb.theory.compute import flops_per_token
from brnb.theory.costs import hardware_id
from brnb.theory.lora import LLAMA_MAPS
from brnb.theory.measured import MeasuredTraining
from brnb.theory.memory import GIB, MicroBatch
from brnb.theory.plan import PROGRAM
from brnb.theory.shape import Shape
from brnb.theory.speed import Measured, recurrent_work, transformer_work

MODELS = ("RecurrentLM", "TransformerLM")  # kinds of model.json that are trained from scratch


@dataclass(frozen=True)
class FinishedTraining:
    """A finished training from scratch; of one on several GPUs, the share of each.

    Attributes
    ----------
    run, device, gpu
        Run id; processor as the system names it; key of hardware.yaml, None for anything else.
    tokens, seconds
        Seen, and the time of the training loop without evaluation and checkpoints.
    tokens_per_second
        Speed of the loop once its kernels are compiled.
    multiplied, flops_per_token
        Weights that a token is multiplied with; operations of a step for each token.
    layers, batch
        Of the model and the step.
    shape, step
        Of a Transformer; None for a recurrent network.
    peak_bytes, bits_per_byte, cleaning
        Peak GPU memory; validation result, and the cleaning of the text it was measured on.
    """

    run: str
    device: str
    gpu: str | None
    tokens: int
    seconds: float
    tokens_per_second: float
    multiplied: int
    flops_per_token: float
    layers: int
    batch: int
    shape: Shape | None
    step: MicroBatch | None
    peak_bytes: int | None
    bits_per_byte: float | None
    cleaning: str

    def fact(self) -> MeasuredTraining | None:
        """What the planner can learn from and be held against; None without a known peak."""
        if self.gpu is None:
            return None
        hours, gib = self.seconds / 3600, (self.peak_bytes or 0) / GIB or None
        seconds = 1 / self.tokens_per_second
        if self.shape is None or self.step is None:
            work = recurrent_work(self.multiplied, self.layers, self.batch, self.gpu)
            measured = Measured(self.run, PROGRAM, self.gpu, "recurrent", work, seconds)
            return MeasuredTraining(measured, gib=gib, hours=hours)
        work = transformer_work(self.shape, self.step, self.gpu, recorded=True)
        measured = Measured(self.run, PROGRAM, self.gpu, "scratch", work, seconds)
        return MeasuredTraining(measured, self.shape, self.step, gib, hours)


def read_trainings(folders: Iterable[Path]) -> list[FinishedTraining]:
    """The trainings from scratch among runs: those that left ``model.json`` and a training time.

    Raises
    ------
    ValueError
        If a receipt is damaged, or its training took no time; names the file.
    """
    trainings = []
    for folder in folders:
        note = receipt.read_receipt(folder / "receipt.json")
        model = folder / "model.json"
        if not model.is_file() or "training_seconds" not in note.resources:
            continue
        built = json.loads(model.read_text("utf-8"))
        if built["kind"] in MODELS:
            if not note.resources["training_seconds"] > 0:
                raise ValueError(f"{folder / 'receipt.json'}: training_seconds is not above 0")
            trainings.append(_training(note, built["arguments"]))
    return trainings


def read_adaptations(folders: Iterable[Path]) -> list[MeasuredTraining]:
    """The speeds of trainings of adapters among runs: those that left ``hf/config.json``.

    A run on a processor without a known peak says nothing to the planner and is left out.
    """
    trainings = []
    for folder in folders:
        note, config = receipt.read_receipt(folder / "receipt.json"), folder / "hf" / "config.json"
        device = note.provenance["gpu"]
        gpu = hardware_id(device) if device else None
        if gpu and "plan_tokens" in note.resources and config.is_file():
            trainings.append(_adaptation(note, gpu, json.loads(config.read_text("utf-8"))))
    return trainings


def _adaptation(note: receipt.Receipt, gpu: str, config: Mapping[str, Any]) -> MeasuredTraining:
    used, heads = note.resources, config["num_attention_heads"]
    shape = Shape(
        vocab=config["vocab_size"],
        width=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        kv_heads=config["num_key_value_heads"],
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        hidden=config["intermediate_size"],
        tied=config["tie_word_embeddings"],
    )
    step = _adapter_step(note)
    work = transformer_work(shape, step, gpu)
    seconds = used.get("processes", 1) / used["tokens_per_second"]
    measured = Measured(note.run, PROGRAM, gpu, "adapters", work, seconds)
    return MeasuredTraining(measured, shape, step, hours=used["training_seconds"] / 3600)


def _adapter_step(note: receipt.Receipt) -> MicroBatch:
    """The micro-batch as `brnb.finetune.budget.plan_memory` cut it to the memory."""
    used, params = note.resources, note.params
    replayed = used["replayed"]
    return MicroBatch(
        method="qlora" if params["quantization"] == "nf4" else "lora",
        batch=max(1, used["plan_tokens"] // params["seq_len"]),
        seq_len=params["seq_len"],
        rank=params["rank"],
        maps=[LLAMA_MAPS[name] for name in params["target_modules"]],
        kernels="replayed" if replayed else "eager",
        head="frozen",
        recomputed=used["plan_recomputed"],
        dequantised=used["plan_dequantised"],
        cast_inputs=not replayed,
        accumulated=True,
        processes=used["plan_processes"],
    )


def _training(note: receipt.Receipt, model: Mapping[str, Any]) -> FinishedTraining:
    used, device = note.resources, note.provenance["gpu"]
    shape = _shape(model) if "heads" in model else None
    if shape is None:
        multiplied = used["parameters"] - model["vocab_size"] * model["embedding_size"]
        flops = 6.0 * multiplied
    else:
        multiplied = shape.matmul_parameters
        flops = flops_per_token(shape, note.params["seq_len"])
    count = used.get("processes", 1)
    batch, seq_len = note.params["batch_size"] // count, note.params["seq_len"]
    return FinishedTraining(
        run=note.run,
        device=device or "CPU",
        gpu=hardware_id(device) if device else None,
        tokens=used["tokens"] // count,
        seconds=used["training_seconds"],
        tokens_per_second=used["tokens_per_second"] / count,
        multiplied=multiplied,
        flops_per_token=flops,
        layers=model["layers"],
        batch=batch,
        shape=shape,
        step=MicroBatch(method="full", batch=batch, seq_len=seq_len) if shape else None,
        peak_bytes=used.get("peak_gpu_memory"),
        bits_per_byte=note.metrics.get("bits_per_byte"),
        cleaning=note.params["cleaning"],
    )


def _shape(model: Mapping[str, Any]) -> Shape:
    """Sizes of a `brnb.models.transformer.TransformerLM` from its arguments."""
    return Shape(
        vocab=model["vocab_size"],
        width=model["width"],
        layers=model["layers"],
        heads=model["heads"],
        kv_heads=model["kv_heads"],
        head_dim=model["width"] // model["heads"],
        hidden=model["hidden"],
        gated=model["mlp"] == "swiglu",
        tied=model["tied"],
        positions=model["context"] if model["position"] == "learned" else 0,
        bias=model["bias"],
        norm_bias=model["bias"] and model["norm"] == "layernorm",
    )
