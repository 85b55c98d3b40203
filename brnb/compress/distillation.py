"""A student that learns from a teacher's predictions: the model that the training loop is given."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brnb.models.transformer import State, TransformerLM
from brnb.train import fast
from brnb.train.swap import Swap

Lesson = Literal["text", "logits", "hidden"]
SIZES = ("width", "layers", "hidden", "vocab_size")


class Distillation(nn.Module):
    """A student with its teacher beside it, as one language model to train.

    The loss of a training step is (1 - share) · cross-entropy + share · T² · KL(teacher ‖ student)
    of predictions softened by the temperature T (Hinton et al., 2015), and for ``hidden`` the mean
    squared distance of the last layers, the student's through a map that is learnt (Jiao et al.,
    2020) and both of unit root mean square. In evaluation it is the student alone.

    Parameters
    ----------
    student, teacher
        Of one vocabulary. The teacher is no part of the module: it has no gradients, and is in no
        checkpoint.
    lesson
        ``text`` has no use for the teacher.
    temperature, share, hidden_weight
        T, the teacher's share of the loss, and the weight of the layers' distance.

    Raises
    ------
    ValueError
        If the student is larger than the teacher in any way, or of another vocabulary.
    """

    def __init__(
        self,
        student: TransformerLM,
        teacher: TransformerLM,
        lesson: Lesson,
        temperature: float,
        share: float,
        hidden_weight: float,
    ) -> None:
        super().__init__()
        require_smaller(student, teacher)
        self.student, self.lesson = student, lesson
        self.temperature, self.share, self.hidden_weight = temperature, share, hidden_weight
        self._teacher = (teacher.eval().requires_grad_(False),)  # a tuple: no part of the module
        widths = student.choices.width, teacher.choices.width
        self.bridge = nn.Linear(*widths, bias=False) if lesson == "hidden" else None

    def forward(
        self, ids: Tensor, state: State | None = None, targets: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """As `TransformerLM.forward`; with targets, the loss of the lesson."""
        if targets is None or self.lesson == "text":
            result: tuple[Tensor, State] = self.student(ids, state, targets)
            return result
        teacher = self._teacher[0].to(ids.device)
        with torch.no_grad():
            known = teacher.hidden(ids)
            wanted = _logits(teacher, known)
        seen = self.student.hidden(ids)
        logits = _logits(self.student, seen)
        loss = (1 - self.share) * F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss = loss + self.share * softened_divergence(wanted, logits, self.temperature)
        if self.bridge is not None:
            loss = loss + self.hidden_weight * _distance(self.bridge(seen), known)
        return loss, ()

    def parameters_by_kind(self) -> dict[str, list[nn.Parameter]]:
        """The student's, and among its hidden matrices the map to the teacher's layer."""
        kinds = self.student.parameters_by_kind()
        if self.bridge is not None:
            kinds["hidden"] += self.bridge.parameters()
        return kinds


def distillation_swaps(model: Distillation, precision: str) -> list[Swap]:
    """The student's fast parts, for a step on a GPU (`brnb.train.fast.step_swaps`)."""
    return fast.step_swaps(model.student, precision)


def softened_divergence(wanted: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """T² · KL of the predictions at temperature T, mean over tokens; logits (B, T, V).

    The factor keeps the gradients' size whatever the temperature (Hinton et al., 2015, section 2).
    """
    target, ours = (part.flatten(0, 1) / temperature for part in (wanted, logits))
    divergence = F.kl_div(
        ours.log_softmax(-1), target.log_softmax(-1), reduction="batchmean", log_target=True
    )
    return divergence * temperature**2


def require_smaller(student: TransformerLM, teacher: TransformerLM) -> None:
    """Raise ValueError, with the field, for a student larger than its teacher."""
    for name in SIZES:
        ours, theirs = getattr(student.choices, name), getattr(teacher.choices, name)
        if name == "vocab_size" and ours != theirs:
            raise ValueError(
                f"the student has {ours} ids and the teacher {theirs}: give both one tokenizer"
            )
        if ours > theirs:
            raise ValueError(
                f"student.{name} = {ours} is more than the teacher's {theirs}: a student is to be "
                "smaller, lower it"
            )


class OtherTokens(ValueError):
    """A student would read a text as other tokens than its teacher.

    Attributes
    ----------
    probe
        The text.
    student, teacher
        The ids that each reads.
    """

    def __init__(
        self, probe: str, student: Sequence[int], teacher: Sequence[int], tokenizer: str
    ) -> None:
        self.probe, self.student, self.teacher = probe, list(student), list(teacher)
        super().__init__(
            f"teacher and student read {probe!r} as other tokens ({self.teacher[:8]}… and "
            f"{self.student[:8]}…): give the student the teacher's tokenizer, {tokenizer!r}"
        )


def require_same_tokens(ours: Any, theirs: Any, probes: Sequence[str]) -> None:
    """Check that a student's tokenizer encodes some texts as its teacher's does.

    Equal sizes of vocabularies prove nothing: a teacher that reads other ids teaches nonsense, in
    silence.

    Raises
    ------
    OtherTokens
        If one of the texts is encoded differently.
    """
    for probe, left, right in zip(
        probes, ours.encode_batch(list(probes)), theirs.encode_batch(list(probes)), strict=True
    ):
        if left != right:
            raise OtherTokens(probe, left, right, theirs.name)


def _logits(model: TransformerLM, hidden: Tensor) -> Tensor:
    logits, cap = F.linear(hidden, model.head_weight).float(), model.choices.softcap
    return logits if cap is None else cap * torch.tanh(logits / cap)


def _distance(ours: Tensor, theirs: Tensor) -> Tensor:
    ours, theirs = (F.rms_norm(part.float(), part.shape[-1:]) for part in (ours, theirs))
    return F.mse_loss(ours, theirs)
