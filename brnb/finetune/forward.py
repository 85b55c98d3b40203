"""From packs to losses: the same for our layers and for a model of transformers as it stands."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from brnb.bases.attention import packed_attention
from brnb.bases.load import quiet
from brnb.bases.shards import shards_of
from brnb.finetune.layers import LlamaStack, can_replay
from brnb.finetune.lora import base_of, trained
from brnb.ops.frozen_head import target_nats, targets_of

if TYPE_CHECKING:
    from peft import PeftModel

    from brnb.finetune.budget import MemoryPlan
    from brnb.finetune.packing import Pack

Stack = Callable[[Tensor, Tensor, Sequence[int]], Tensor]
TOLERANCE = 0.02  # of the losses, as a share of 1 nat and of them


class PlainStack:
    """The layers of transformers, with PEFT's and bitsandbytes' own products.

    Parameters
    ----------
    model
        Any causal language model that transformers lets choose its attention; used inside
        `brnb.bases.attention.packed_attention`.
    recomputed
        Layers, the first ones, that keep only their input and run again in the backward pass.
    """

    def __init__(self, model: "PeftModel", recomputed: int = 0) -> None:
        base = base_of(model)
        self.core = base.base_model
        self.dtype: torch.dtype = base.get_input_embeddings().weight.dtype
        if recomputed:
            with quiet():
                base.gradient_checkpointing_enable({"use_reentrant": False})
            base.enable_input_require_grads()
            for layer in self.core.layers[recomputed:]:
                layer.gradient_checkpointing = False

    def __call__(self, ids: Tensor, positions: Tensor, lengths: Sequence[int]) -> Tensor:
        """What the head reads, shape (T, d), for ids and positions (T,)."""
        with torch.autocast(ids.device.type, self.dtype, enabled=self.dtype != torch.float32):
            outputs = self.core(
                input_ids=ids[None], position_ids=positions[None], lengths=lengths, use_cache=False
            )
        hidden: Tensor = outputs.last_hidden_state[0]
        return hidden


class PackLosses:
    """Losses of packs under an adapted model.

    Parameters
    ----------
    model
        With adapters (`brnb.finetune.lora.adapt`).
    plan
        Layers to recompute and to dequantise.

    Raises
    ------
    ValueError
        If the result is not that of the model's own head.
    """

    def __init__(self, model: "PeftModel", plan: "MemoryPlan") -> None:
        self.device = next(model.parameters()).device
        self.head: Tensor = base_of(model).get_output_embeddings().weight
        self.replayed, self.shards = can_replay(model), shards_of(base_of(model))
        self.stack: Stack = (
            LlamaStack(model, plan.recomputed, plan.dequantised)
            if self.replayed
            else PlainStack(model, plan.recomputed)
        )

    def __call__(self, packs: Sequence["Pack"]) -> Tensor:
        """Negative log-likelihood of each target of some packs, in order: nats, fp32, (M,)."""
        ids = torch.cat([pack.ids for pack in packs]).to(self.device, non_blocking=True)
        positions = torch.cat([pack.positions for pack in packs]).to(self.device, non_blocking=True)
        rows, targets = targets_of(torch.cat([pack.labels for pack in packs]))
        lengths = [n for pack in packs for n in pack.lengths]
        hidden = self.stack(ids, positions, lengths)[rows.to(self.device, non_blocking=True)]
        targets = targets.to(self.device, non_blocking=True)
        return target_nats(hidden.to(self.head.dtype), self.head, targets)


def check_head(model: "PeftModel", losses: PackLosses, pack: "Pack") -> None:
    """Compare the losses of the first document's beginning with the model's own logits.

    Heads with a bias, a cap or a scale, and layers that look beyond `lengths`, show here. There is
    a backward pass too, so that a GPU compiles and tunes its kernels while it has room: beside the
    activations of a whole micro-batch it has none.

    Raises
    ------
    ValueError
        If they differ by more than `TOLERANCE` of 1 nat and of the loss, on average. Rounding
        grows with the logits: in bf16, 32 layers of random weights differ by 0.05 of 12 nats.
    """
    from brnb.finetune.packing import Pack

    size = min(pack.lengths[0], 64)
    ids = pack.ids[:size]
    labels = ids.clone()
    labels[0] = -100
    was_training = model.training
    model.eval()  # dropout would differ
    with packed_attention(base_of(model)):
        ours = losses([Pack(ids, labels, torch.arange(size), (size,))])
        torch.autograd.grad(ours.sum(), trained(model), allow_unused=True)
    with torch.no_grad():
        logits = model(input_ids=ids[None].to(losses.device)).logits[0, :-1].float()
        theirs = torch.nn.functional.cross_entropy(
            logits, ids[1:].to(losses.device), reduction="none"
        )
    model.train(was_training)
    difference = (ours - theirs).abs().mean().item()
    if not difference <= TOLERANCE * (1 + theirs.mean().item()):
        kind = base_of(model).config.model_type
        raise ValueError(
            f"the losses of a {kind} base differ from its own logits by {difference:.3f} nats: "
            "its head or its attention is not supported; choose another base"
        )
