"""The training loop of Track 1: read it from top to bottom."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule

from brnb.fingerprint import digest, reached
from brnb.models.likelihood import likelihood
from brnb.models.recurrent import RecurrentLM
from brnb.params import identity
from brnb.train import parallel, sharding
from brnb.train.batches import Streams, Windows
from brnb.train.checkpoint import Checkpoint, random_state, set_random_state
from brnb.train.device import Stopwatch, peak_memory, pick_device, pick_precision
from brnb.train.gradients import Gradients
from brnb.train.history import History
from brnb.train.optimizer import learning_rate_share, make_optimizer
from brnb.train.progress import require_finite, save_is_due, token_bar
from brnb.train.swap import FastParts

if TYPE_CHECKING:
    from brnb.train.params import TrainParams


def train(
    model: nn.Module,
    data: np.ndarray,
    validation: np.ndarray,
    params: "TrainParams",
    folder: Path,
    data_identity: str,
    keep: Literal["last", "best"] = "last",
    fast: FastParts | None = None,
) -> History:
    """Train a language model in place; continue from its checkpoint if there is one.

    Parameters
    ----------
    model
        Maps ids (B, T) and a state to logits (B, T, V) and the next state. Initialised by the
        caller from the run's seed; moved to the device. A recurrent model reads `Streams`, with
        its state carried from window to window, any other model random `Windows`. With
        ``BRNB_PROCESSES=2`` two processes train it, and this one continues from what they saved.
    data, validation
        Token ids, shape (N,).
    params
        What to do (`TrainParams`).
    folder
        Where checkpoints live.
    data_identity
        Names text and tokenizer, so that a checkpoint of other data is not continued.
    keep
        The weights that the model has in the end: of the last step, or of the lowest validation
        loss, as in Table 9.
    fast
        What a step on a GPU or in 8 bits computes in other forms: `brnb.train.fast.step_swaps`
        for a `TransformerLM`, which needs it there; a recurrent network has none.

    Raises
    ------
    TrainingDiverged
        The loss is not finite; names the step and the last good checkpoint.
    MemoryError
        Not even one sequence at a time fits into memory.
    WorkerError
        One of several processes failed; says how.
    """
    task = data, validation, params, folder, data_identity, "last", fast
    if shared := (count := parallel.wanted()) > 1:
        parallel.launch(count, pick_device(params.device), train, model, *task)
    training = Training(model, data, params, folder, data_identity, fast)
    history = training.history
    if not shared:  # else the processes have just trained: that time is this one's
        history.earlier_seconds = history.spent
    training.progress.offer_pause()
    with training.progress, training.checkpoint:
        while True:
            if training.step % params.evaluate_every == 0 or training.step == params.steps:
                known = history.validation[-1]["step"] if history.validation else 0
                if known != training.step:
                    training.validate(validation)
            if training.step == params.steps:
                break
            training.advance()
            if training.step % params.log_every == 0 or training.step == params.steps:
                training.log()
            if training.save_is_due():
                training.save()
                training.progress.pause_if_asked()
        training.save()
    if keep == "best":
        training.load_best()
    return history


class Training:
    """A training under way: model, optimizer, position in the data, curves, clock.

    Steps are exact to the bit on a CPU across any interruption: the state of the optimizer, of the
    random generators and of the recurrence, the position in the data and the sums behind the next
    point of the loss curve are all in the checkpoint.
    """

    def __init__(
        self,
        model: nn.Module,
        data: np.ndarray,
        params: "TrainParams",
        folder: Path,
        data_identity: str,
        fast: FastParts | None = None,
    ) -> None:
        torch.set_flush_denormal(True)  # subnormal numbers cost CPUs up to 100 cycles each
        self.device = pick_device(params.device)
        self.precision = pick_precision(params.precision, self.device)
        self.world = parallel.join(self.device)
        self.params, self.model = params, model.to(self.device).train()
        name = _identity(model, params, self.precision, data_identity, fast)
        self.checkpoint = Checkpoint(folder, name)
        saved = self.checkpoint.load(self.device)
        if saved:
            model.load_state_dict(saved["model"])
        if self.world.size > 1:
            parallel.same_weights(model)
            if sharding.is_needed(model, self.device):
                sharding.shard(model)
        self.parameters = list(model.parameters())
        self.after_step = getattr(model, "after_step", None)
        self.optimizer = make_optimizer(model, params, self.world)
        batches = Streams if isinstance(model, RecurrentLM) else Windows
        shape = params.batch_size, params.seq_len
        self.rows = self.world.rows(params.batch_size)
        self.data = batches(data, *shape, params.seed, self.device, self.rows)
        self.history = History(parameters=sum(p.numel() for p in self.parameters))
        self.history.pass_tokens = len(data)
        self.step, self.step_tokens = 0, params.tokens_per_step
        self.state: tuple[Tensor, ...] | None = None  # of the recurrence
        self.summed, self.loss = 0, torch.zeros((), device=self.device)  # since the last point
        self._resume(saved)
        self.first = self.step + 1
        self.gradients = Gradients(
            model, params.batch_size, self.device, self.world, self.history, fast
        )
        total, done = params.steps * self.step_tokens, self.step * self.step_tokens
        self.progress = token_bar(params.run_id, total, done, shown=self.world.rank == 0)
        self.clock = Stopwatch(self.device)
        self.saved = self.clock.last

    def advance(self) -> None:
        """Take one optimizer step; never wait for the GPU."""
        batch = self.data.batch(self.step)
        if batch.fresh:
            self.state = None
        share = learning_rate_share(self.step, self.params)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * share
        loss, self.state = self.gradients(batch, self.state)
        self.norm = nn.utils.clip_grad_norm_(self.parameters, self.params.grad_clip)
        self.optimizer.step()
        if self.after_step is not None:
            self.after_step(self.world.total)
        self.loss += loss
        self.summed += 1
        self.step += 1
        self.history.tokens = self.step * self.step_tokens
        self.progress.update(self.step_tokens)
        if self.step == self.first:  # it compiled and recorded what the others only run
            self.history.count_start(self.clock.lap(), self.step_tokens)

    def log(self) -> None:
        """Add a point to the loss curve."""
        loss = self._finite_loss() / self.summed
        self.history.train.append(
            {
                "step": self.step,
                "tokens": self.history.tokens,
                "loss": loss,
                "learning_rate": self.params.learning_rate
                * learning_rate_share(self.step - 1, self.params),
                "gradient_norm": sharding.whole(self.norm).item(),
            }
        )
        self.summed = 0
        self.loss.zero_()
        self.progress.set_postfix_str(f"loss {loss:.3f}", refresh=False)

    def validate(self, row: np.ndarray) -> None:
        """Add a point to the validation curve; keep the weights if it is the lowest so far."""
        self.save()  # first: an evaluation that dies must not cost the training
        # Who holds a part of the weights has to be there for every window.
        world = parallel.ALONE if isinstance(self.model, FSDPModule) else self.world
        window = self.params.seq_len
        held_out = likelihood(self.model, world.windows(row, window), window)
        scores = world.gather((held_out.nats, held_out.tokens))
        nats, tokens = (sum(part) for part in zip(*scores, strict=True))
        point = {"step": self.step, "tokens": self.history.tokens, "loss": nats / tokens}
        self.history.validation.append(point)
        self.history.evaluation_seconds += self.clock.lap()
        if self.history.best is point and self.world.rank == 0:
            self.checkpoint.keep_best()

    def load_best(self) -> None:
        """Take the weights of the lowest loss, which the first process has and has written."""
        self.checkpoint.wait()
        self.world.gather(0)  # nobody reads before it is written
        if self.world.rank > 0:
            self.checkpoint.load(torch.device("cpu"))
        self.checkpoint.load_best(self.model)

    def save_is_due(self) -> bool:
        """Whether `checkpoint_seconds` are over, or whoever watches wants to stop."""
        return save_is_due(self.saved, self.step, self.params, self.world, self.progress)

    def save(self) -> None:
        """Keep everything that the next step depends on; every process has to take part."""
        self.history.seconds += self.clock.lap()
        self._finite_loss()  # and after the last update, of which no loss has told yet:
        norm = sharding.whole(nn.utils.get_total_norm(self.parameters))
        require_finite("the weights", norm.item(), self.step, self.checkpoint)
        self.history.peak_gpu_memory = max(self.history.peak_gpu_memory, peak_memory(self.device))
        first = self.world.rank == 0
        state = {
            "step": self.step,
            "model": sharding.whole(self.model.state_dict(), first),
            "optimizer": sharding.whole(self.optimizer.state_dict(), first),
            "state": self.world.gather([part.cpu() for part in self.state or ()]),
            "random": self.world.gather(random_state()),
            "summed": self.summed,
            "loss": self.world.total(self.loss),
            "history": asdict(self.history),
            "read": self.params.read(),
        }
        if first:
            self.checkpoint.save(state)
        self.history.checkpoint_seconds += self.clock.lap()
        self.saved = self.clock.last

    def _resume(self, saved: dict[str, Any] | None) -> None:
        random = saved["random"] if saved else [random_state()]
        set_random_state(random, self.world.rank, self.params.seed)
        if saved:
            self._continue(saved)
        if self.step < self.params.steps:
            self.history.device, self.history.precision = self.device.type, self.precision
            self.history.processes = self.world.size
            self.history.micro_batch = self.params.batch_size // self.world.size

    def _continue(self, saved: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(saved["optimizer"])
        for part in self.optimizer.parts:
            sharding.spread_moments(part)
        self.history, self.step = History(**saved["history"]), saved["step"]
        self.summed, self.loss = saved["summed"], saved["loss"]
        self.params.count_as_read(saved.get("read", ()))
        if self.world.rank > 0:
            self.loss.zero_()  # the sum is with the first
        state = tuple(torch.cat(parts, dim=1) for parts in zip(*saved["state"], strict=True))
        self.state = tuple(part[:, self.rows].contiguous() for part in state) or None
        if self.step < self.params.steps:
            self.history.interruptions += 1
            if self.world.rank == 0:
                print(f"resuming at step {self.step} of {self.params.steps}")

    def _finite_loss(self) -> float:
        loss = self.world.total(self.loss).item()
        return require_finite("the loss", loss, self.step, self.checkpoint)


def _identity(
    model: nn.Module,
    params: "TrainParams",
    precision: str,
    data_identity: str,
    fast: FastParts | None,
) -> str:
    """What shapes a training: code of loop and model, the model's form, parameters, data."""
    modules = [__name__, type(model).__module__, *([fast.__module__] if fast else [])]
    return digest(
        {
            "code": reached(modules),
            "model": [(name, list(p.shape)) for name, p in model.named_parameters()],
            "params": identity(params),
            "precision": precision,
            "data": data_identity,
        }
    )
