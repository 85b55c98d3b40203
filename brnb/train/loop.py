"""The training loop of Track 1: read it from top to bottom."""

import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from brnb.fingerprint import digest, reached
from brnb.models.likelihood import likelihood
from brnb.models.recurrent import RecurrentLM
from brnb.train.batches import Streams, Windows
from brnb.train.checkpoint import Checkpoint
from brnb.train.history import History
from brnb.train.optimizer import learning_rate, make_optimizer

if TYPE_CHECKING:
    from brnb.train.params import TrainParams

# What changes nothing in the weights does not belong to the identity of a training.
NOT_IDENTITY = {"profile", "run_id", "lang", "device", "checkpoint_seconds", "sample_tokens"} | {
    "sample_seeds", "temperature", "top_p"
}  # fmt: skip


class TrainingDiverged(RuntimeError):
    """The loss is no longer a number."""


def pick_device(wish: str) -> torch.device:
    """The device for "auto", "cpu" or "cuda"."""
    return torch.device(
        ("cuda" if torch.cuda.is_available() else "cpu") if wish == "auto" else wish
    )


def pick_precision(wish: str, device: torch.device) -> str:
    """The precision for "auto": bf16 where matrix units compute it, else fp32."""
    if wish != "auto":
        return wish
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"


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
    ) -> None:
        torch.set_flush_denormal(True)  # subnormal numbers cost CPUs up to 100 cycles each
        self.device = pick_device(params.device)
        self.precision = pick_precision(params.precision, self.device)
        self.params, self.model = params, model.to(self.device).train()
        self.optimizer = make_optimizer(model, params)
        batches = Streams if isinstance(model, RecurrentLM) else Windows
        self.data = batches(data, params.batch_size, params.seq_len, params.seed, self.device)
        identity = _identity(model, params, self.precision, data_identity)
        self.checkpoint = Checkpoint(folder, identity)
        self.history = History(device=self.device.type, precision=self.precision)
        self.history.parameters = sum(p.numel() for p in model.parameters())
        self.history.pass_tokens = len(data)
        self.step = 0
        self.state: tuple[Tensor, ...] | None = None  # of the recurrence
        self.summed, self.loss = 0, torch.zeros((), device=self.device)  # since the last point
        self._resume()
        self.progress = _progress(params, self.step)
        self.clock = self.saved = time.perf_counter()

    def advance(self) -> None:
        """One optimizer step."""
        batch = self.data.batch(self.step)
        if batch.fresh:
            self.state = None
        rate = learning_rate(self.step, self.params)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            logits, state = self.model(batch.x, self.state)
        self.state = tuple(part.detach() for part in state)
        loss = F.cross_entropy(logits.flatten(0, 1).float(), batch.y.flatten())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.params.grad_clip)
        self.optimizer.step()
        self.loss += loss.detach()
        self.summed += 1
        self.step += 1
        self.history.tokens = self.step * self.params.tokens_per_step
        self.progress.update(self.params.tokens_per_step)

    def log(self) -> None:
        """A point of the loss curve."""
        loss = self._finite_loss() / self.summed
        self.history.train.append(
            {
                "step": self.step,
                "tokens": self.history.tokens,
                "loss": loss,
                "learning_rate": learning_rate(self.step - 1, self.params),
                "gradient_norm": self.norm.item(),
            }
        )
        self.summed = 0
        self.loss.zero_()
        self.progress.set_postfix_str(f"loss {loss:.3f}", refresh=False)

    def validate(self, row: np.ndarray) -> None:
        """A point of the validation curve; the weights are kept if it is the lowest so far."""
        self._count_time()
        loss = likelihood(self.model, row, self.params.seq_len).loss
        point = {"step": self.step, "tokens": self.history.tokens, "loss": loss}
        self.history.validation.append(point)
        self.history.evaluation_seconds += self._restart_clock()
        if self.history.best is point:
            self.checkpoint.save_best(self.model)
            self.history.checkpoint_seconds += self._restart_clock()

    def save(self) -> None:
        """Keep everything that the next step depends on."""
        self._count_time()
        self._finite_loss()
        self.checkpoint.save(
            {
                "step": self.step,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "state": list(self.state or ()),
                "summed": self.summed,
                "loss": self.loss,
                "history": asdict(self.history),
            }
        )
        self.history.checkpoint_seconds += self._restart_clock()
        self.saved = self.clock

    def _resume(self) -> None:
        found = self.checkpoint.load(self.device)
        if found is None:
            return
        self.model.load_state_dict(found["model"])
        self.optimizer.load_state_dict(found["optimizer"])
        self.history = History(**found["history"])
        old = self.history
        old.earlier_seconds = old.seconds + old.evaluation_seconds + old.checkpoint_seconds
        self.step, self.summed, self.loss = found["step"], found["summed"], found["loss"]
        self.state = tuple(found["state"]) or None
        if self.step < self.params.steps:
            self.history.interruptions += 1
            print(f"resuming at step {self.step} of {self.params.steps}")

    def _count_time(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self.history.seconds += self._restart_clock()

    def _restart_clock(self) -> float:
        passed, self.clock = time.perf_counter() - self.clock, time.perf_counter()
        return passed

    def _finite_loss(self) -> float:
        loss = self.loss.item()
        if not math.isfinite(loss):
            good = self.checkpoint.path
            kept = f"the last good state is {good}" if good.is_file() else "there is no checkpoint"
            raise TrainingDiverged(
                f"the loss became {loss} by step {self.step}; {kept}. "
                "Lower learning_rate or grad_clip, or raise warmup"
            )
        return loss


def train(
    model: nn.Module,
    data: np.ndarray,
    validation: np.ndarray,
    params: "TrainParams",
    folder: Path,
    data_identity: str,
    keep: Literal["last", "best"] = "last",
) -> History:
    """Train a language model in place; continue from its checkpoint if there is one.

    Parameters
    ----------
    model
        Maps ids (B, T) and a state to logits (B, T, V) and the next state. Initialised by the
        caller from the run's seed; moved to the device. A recurrent model reads `Streams`, with
        its state carried from window to window, any other model random `Windows`.
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

    Raises
    ------
    TrainingDiverged
        The loss is not finite; names the step and the last good checkpoint.
    """
    training = Training(model, data, params, folder, data_identity)
    history = training.history
    with training.progress:
        while True:
            if training.step % params.evaluate_every == 0 or training.step == params.steps:
                known = history.validation[-1]["step"] if history.validation else 0
                if known != training.step:
                    training.save()  # first: an evaluation that dies must not cost the training
                    training.validate(validation)
            if training.step == params.steps:
                break
            training.advance()
            if training.step % params.log_every == 0 or training.step == params.steps:
                training.log()
            if time.perf_counter() - training.saved > params.checkpoint_seconds:
                training.save()
    training.save()
    if keep == "best":
        training.checkpoint.load_best(model)
    return history


def _identity(model: nn.Module, params: "TrainParams", precision: str, data_identity: str) -> str:
    """What shapes a training: code of loop and model, the model's form, parameters, data."""
    return digest(
        {
            "code": reached([__name__, type(model).__module__]),
            "model": [(name, list(p.shape)) for name, p in model.named_parameters()],
            "params": {k: v for k, v in params.model_dump().items() if k not in NOT_IDENTITY},
            "precision": precision,
            "data": data_identity,
        }
    )


def _progress(params: "TrainParams", step: int) -> tqdm:
    """Loss, tokens per second and time left; TQDM_MININTERVAL spaces the lines of a batch log."""
    return tqdm(
        desc=params.run_id,
        total=params.steps * params.tokens_per_step,
        initial=step * params.tokens_per_step,
        unit="tok",
        unit_scale=True,
        smoothing=0.05,
        file=sys.stderr,
    )
