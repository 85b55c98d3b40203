"""Gradients of a step: the same however memory and processes cut it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from brnb.finetune.budget import MemoryPlan
from brnb.finetune.forward import PackLosses
from brnb.finetune.packing import Pack
from brnb.train.checkpoint import random_state, set_random_state
from brnb.train.device import is_out_of_memory
from brnb.train.parallel import World


class PackGradients:
    """Gradients of the mean loss over all targets of a step, in ``.grad``.

    Parameters
    ----------
    losses
        Of packs under the model.
    parameters
        What is trained; their ``.grad`` are zeros from now on.
    plan
        Tokens of a micro-batch; made smaller when memory runs out.
    seq_len
        Tokens of a pack at most.
    world
        The processes that share a step.
    """

    def __init__(
        self,
        losses: PackLosses,
        parameters: Sequence[nn.Parameter],
        plan: MemoryPlan,
        seq_len: int,
        world: World,
    ) -> None:
        self.losses, self.parameters, self.plan = losses, parameters, plan
        self.seq_len, self.world = seq_len, world
        self.out_of_memory = 0
        self.reset()

    def reset(self) -> None:
        """Set the gradients to zero, before a step."""
        for parameter in self.parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        torch._foreach_zero_([p.grad for p in self.parameters if p.grad is not None])

    def __call__(self, packs: Sequence[Pack]) -> Tensor:
        """Gradients of a step; returns its nats and targets, fp64, (2,).

        If memory runs out, the step begins again in smaller micro-batches; in all processes if they
        share a base.
        """
        targets = sum(pack.targets for pack in packs)
        mine = packs[self.world.rank :: self.world.size]
        random = random_state()
        while True:
            try:
                nats = self._accumulate(mine, targets)
                break
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                self.plan = self.plan.smaller(self.seq_len)
            # Past the handler, whose traceback held the tensors of the failed pass.
            self.out_of_memory += 1
            self.reset()
            set_random_state([random], 0, 0)
            if self.losses.device.type == "cuda":
                torch.cuda.empty_cache()
        self._share()
        return torch.stack([self.world.total(nats), torch.full_like(nats, targets)])

    def nats(self, packs: Sequence[Pack]) -> Tensor:
        """Sum of the losses of packs, without gradients, fp64."""
        total = torch.zeros((), dtype=torch.float64, device=self.losses.device)
        with torch.no_grad():
            for micro_batch in self._passes(packs[self.world.rank :: self.world.size]):
                with self._together(backward=False):
                    if micro_batch:
                        total += self.losses(micro_batch).sum()
        return self.world.total(total)

    def _accumulate(self, packs: Sequence[Pack], targets: int) -> Tensor:
        nats = torch.zeros((), dtype=torch.float64, device=self.losses.device)
        for micro_batch in self._passes(packs):
            with self._together(backward=True):
                if micro_batch:
                    loss = self.losses(micro_batch).sum()
                    (loss / targets).backward()
                    nats += loss.detach()
        return nats

    def _passes(self, packs: Sequence[Pack]) -> list[list[Pack]]:
        """Micro-batches; processes that share a base make the same number, some of them empty."""
        passes = micro_batches(packs, self.plan.tokens)
        if self.losses.shards:
            passes += [[]] * (max(self.world.gather(len(passes))) - len(passes))
        return passes

    def _together(self, backward: bool) -> AbstractContextManager[None]:
        shards = self.losses.shards
        return shards.together(backward) if shards else nullcontext()

    def _share(self) -> None:
        """Add up what all processes have; adapters are small, so all go at once."""
        if self.world.size == 1:
            return
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        flat = self.world.total(torch.cat([g.flatten() for g in gradients]))
        parts = flat.split([g.numel() for g in gradients])
        torch._foreach_copy_(
            gradients, [p.view_as(g) for p, g in zip(parts, gradients, strict=True)]
        )


def micro_batches(packs: Sequence[Pack], tokens: int) -> list[list[Pack]]:
    """Packs in order, as many at a time as have `tokens` tokens together; at least one."""
    parts: list[list[Pack]] = []
    room = 0
    for pack in packs:
        if len(pack.ids) > room:
            parts.append([])
            room = tokens
        parts[-1].append(pack)
        room -= len(pack.ids)
    return parts
