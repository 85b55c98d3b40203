"""The training loop of Track 2: read it from top to bottom."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from brnb.bases.attention import packed_attention
from brnb.bases.load import DTYPES
from brnb.bases.shards import shards_of
from brnb.finetune import budget
from brnb.finetune.copies import in_processes
from brnb.finetune.forward import PackLosses, check_head
from brnb.finetune.gradients import PackGradients
from brnb.finetune.identity import training_identity
from brnb.finetune.layers import can_replay
from brnb.finetune.lora import base_of, trained
from brnb.finetune.packing import Pack, Packs
from brnb.train import parallel
from brnb.train.checkpoint import Checkpoint, random_state, set_random_state
from brnb.train.device import Stopwatch
from brnb.train.history import History
from brnb.train.optimizer import warmup_and_cosine
from brnb.train.progress import require_finite, save_is_due, token_bar

if TYPE_CHECKING:
    from peft import PeftModel

    from brnb.finetune.params import FinetuneParams

BETAS = (0.9, 0.999)  # of AdamW, as in QLoRA


@dataclass
class FinetuneHistory(History):
    """What a QLoRA training left: curves, and what was chosen and took place.

    Attributes
    ----------
    targets
        Tokens that were predicted in training, with repetition; `tokens` counts all.
    plan
        `brnb.finetune.budget.MemoryPlan`: how steps were cut to the memory, with its predicted
        peak.
    peak
        Bytes that PyTorch had allocated at most; 0 on a CPU.
    replayed
        Whether `brnb.finetune.layers` computed it, or transformers' own layers.
    """

    targets: int = 0
    plan: dict[str, Any] = field(default_factory=dict)
    peak: int = 0
    replayed: bool = False

    def resources(self) -> dict[str, Any]:
        """Resources of the training for the receipt."""
        shown = {name: getattr(self, name) for name in ("targets", "peak", "replayed")}
        return super().resources() | self.plan | shown


class Finetuning:
    """A training under way: adapters, optimizer, position in the data, curves, clock."""

    def __init__(
        self,
        model: "PeftModel",
        train: Sequence[Pack],
        params: "FinetuneParams",
        folder: Path,
        identity: str,
    ) -> None:
        self.parameters = trained(model)
        if not self.parameters:
            raise ValueError("the model has no adapters: call brnb.finetune.lora.adapt first")
        torch.set_flush_denormal(True)  # subnormal numbers cost CPUs up to 100 cycles each
        self.model, self.params = model.train(), params
        self.device = self.parameters[0].device
        self.world = parallel.join(self.device)
        self.data = Packs(train, params.packs_per_step, params.seed)
        self.steps = params.epochs * self.data.steps_per_epoch
        plan = _plan(model, params, self.device)
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        losses = PackLosses(model, plan)
        check_head(model, losses, train[0])
        self.gradients = PackGradients(losses, self.parameters, plan, params.seq_len, self.world)
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            params.learning_rate,
            BETAS,
            weight_decay=params.weight_decay,
            fused=True,
        )
        precision = next(name for name, dtype in DTYPES.items() if dtype == losses.head.dtype)
        self.history = FinetuneHistory(device=self.device.type, precision=precision)
        self.history.parameters = sum(p.numel() for p in self.parameters)
        self.history.pass_tokens = sum(len(pack.ids) for pack in train)
        self.history.replayed = losses.replayed
        self.step, self.summed = 0, torch.zeros(2, dtype=torch.float64, device=self.device)
        self.checkpoint = Checkpoint(folder, training_identity(model, params, precision, identity))
        self._resume()
        self.first = self.step + 1
        total, shown = params.epochs * self.history.pass_tokens, self.world.rank == 0
        self.progress = token_bar(params.run_id, total, self.history.tokens, shown)
        self.clock = Stopwatch(self.device)
        self.saved = self.clock.last

    def learning_rate(self, step: int) -> float:
        """Learning rate of all adapters in a step."""
        p = self.params
        warmup_steps = round(p.warmup * self.steps)
        share = warmup_and_cosine(step, self.steps, warmup_steps, p.final_learning_rate)
        return p.learning_rate * share

    def advance(self) -> None:
        """Take one optimizer step."""
        packs = self.data.batch(self.step)
        rate = self.learning_rate(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.summed += self.gradients(packs)
        self.norm = nn.utils.clip_grad_norm_(self.parameters, self.params.grad_clip)
        self.optimizer.step()
        self.gradients.reset()
        self.step += 1
        tokens = sum(len(pack.ids) for pack in packs)
        self.history.tokens += tokens
        self.history.targets += sum(pack.targets for pack in packs)
        self.progress.update(tokens)
        if self.step == self.first:  # it compiled what the others only run
            self.history.count_start(self.clock.lap(), tokens)

    def log(self) -> None:
        """Add a point to the loss curve."""
        loss = self._finite_loss()
        self.history.train.append(
            {
                "step": self.step,
                "tokens": self.history.tokens,
                "loss": loss,
                "learning_rate": self.learning_rate(self.step - 1),
                "gradient_norm": self.norm.item(),
            }
        )
        self.summed.zero_()
        self.progress.set_postfix_str(f"loss {loss:.3f}", refresh=False)

    def validate(self, packs: Sequence[Pack]) -> None:
        """Add a point to the validation curve."""
        self.history.seconds += self.clock.lap()
        self.model.eval()
        loss = self.gradients.nats(packs).item() / sum(pack.targets for pack in packs)
        self.model.train()
        self.history.validation.append(
            {"step": self.step, "tokens": self.history.tokens, "loss": loss}
        )
        self.history.evaluation_seconds += self.clock.lap()

    def save(self) -> None:
        """Keep everything that the next step depends on; the first process writes."""
        self.history.seconds += self.clock.lap()
        self._finite_loss()
        self._count_memory()
        random = self.world.gather(random_state())
        if self.world.rank == 0:
            self.checkpoint.save(
                {
                    "step": self.step,
                    "adapters": [p.data for p in self.parameters],
                    "optimizer": self.optimizer.state_dict(),
                    "summed": self.summed,
                    "random": random,
                    "history": asdict(self.history),
                    "read": self.params.read(),
                }
            )
        self.history.checkpoint_seconds += self.clock.lap()
        self.saved = self.clock.last

    def save_is_due(self) -> bool:
        """Whether the training ends, `checkpoint_seconds` are over, or a pause is wanted."""
        ends = self.step == self.steps
        return ends or save_is_due(self.saved, self.step, self.params, self.world, self.progress)

    def due(self, every: int) -> bool:
        """Whether something that happens every so many steps does now, or the training ends."""
        return self.step % every == 0 or self.step == self.steps

    def _resume(self) -> None:
        saved = self.checkpoint.load(self.device)
        random = saved["random"] if saved else [random_state()]
        set_random_state(random, self.world.rank, self.params.seed)
        if saved:
            self._continue(saved)
        if self.step < self.steps:
            self.history.processes = self.world.size

    def _continue(self, saved: dict[str, Any]) -> None:
        for parameter, weights in zip(self.parameters, saved["adapters"], strict=True):
            parameter.data.copy_(weights)
        self.optimizer.load_state_dict(saved["optimizer"])
        self.history = FinetuneHistory(**saved["history"])
        self.step, self.summed = saved["step"], saved["summed"]
        self.params.count_as_read(saved.get("read", ()))
        if self.step < self.steps:
            self.history.interruptions += 1
            if self.world.rank == 0:
                print(f"resuming at step {self.step} of {self.steps}")

    def _count_memory(self) -> None:
        """What the first process chose, and the largest peak of all."""
        history, gradients = self.history, self.gradients
        history.micro_batch = gradients.plan.tokens // self.params.seq_len
        history.plan = gradients.plan.resources()
        splits, gradients.out_of_memory = gradients.out_of_memory, 0
        history.out_of_memory += sum(self.world.gather(splits))
        if self.device.type == "cuda":
            peaks = self.world.gather(torch.cuda.max_memory_allocated(self.device))
            history.peak = max(history.peak, *peaks)

    def _finite_loss(self) -> float:
        """Mean loss since the last point of the curve."""
        nats, targets = self.summed.tolist()
        loss = nats / max(targets, 1)
        return require_finite("the loss", loss, self.step, self.checkpoint)


def finetune(
    model: "PeftModel",
    train: Sequence[Pack],
    validation: Sequence[Pack],
    params: "FinetuneParams",
    folder: Path,
    identity: str,
) -> FinetuneHistory:
    """Train a model's adapters in place; continue from the checkpoint if there is one.

    A step is the mean loss over all targets of its packs, whatever micro-batches the memory
    allows. Exact to the bit on a CPU across any interruption. With ``BRNB_PROCESSES=2``, or under
    ``torchrun``, the packs of a step are shared out among the processes: the same losses, up to
    rounding. Each has the whole base, or its part of one that does not fit into a GPU
    (`brnb.bases.shards`). This process then continues from what they saved.

    Parameters
    ----------
    model
        A frozen base with adapters (`brnb.finetune.lora.adapt`).
    train, validation
        Packs (`brnb.finetune.packing.pack`).
    params
        What to do.
    folder
        Where checkpoints live.
    identity
        Names base, data and masks, so that a checkpoint of others is not continued.

    Raises
    ------
    ValueError
        If the model has no adapters, cannot be trained on packs, or has to be copied to other
        processes and was not loaded by `brnb.bases.load.load_base`.
    OutOfBudget
        If not even one pack fits into the memory.
    TrainingDiverged
        If the loss is no longer a number.
    WorkerError
        One of several processes failed; says how.
    """
    if shared := (count := parallel.wanted()) > 1:
        in_processes(count, finetune, model, train, validation, params, folder, identity)
    training = Finetuning(model, train, params, folder, identity)
    if not shared:  # else the processes have just trained: that time is this one's
        training.history.earlier_seconds = training.history.spent
    training.progress.offer_pause()
    with packed_attention(base_of(model)), training.progress, training.checkpoint:
        while training.step < training.steps:
            training.advance()
            if training.due(params.log_every):
                training.log()
            if training.due(params.evaluate_every):
                training.validate(validation)
            if training.save_is_due():
                training.save()
                training.progress.pause_if_asked()
    return training.history


def _plan(model: "PeftModel", params: "FinetuneParams", device: torch.device) -> budget.MemoryPlan:
    shards = shards_of(base_of(model))
    processes = shards.world.size if shards else 1
    limit = budget.limit_memory(params.memory_limit_gib, device)
    if limit is None:  # a CPU has no allocator to ask: one pack at a time is kind to its caches
        return budget.MemoryPlan(params.seq_len, processes=processes)
    shape = budget.shape_of(base_of(model).config)
    return budget.plan_memory(shape, params, limit, can_replay(model), processes)
