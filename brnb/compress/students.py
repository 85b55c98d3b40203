"""Students of one size, trained in several ways and with several seeds by the one loop."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from brnb.compress import distillation
from brnb.compress.distillation import Distillation, Lesson
from brnb.compress.remembered import remembered
from brnb.fingerprint import digest, reached
from brnb.models.transformer import TransformerLM
from brnb.params import validate
from brnb.train.device import pick_device
from brnb.train.history import History
from brnb.train.loop import train
from brnb.train.params import V6Params
from brnb.train.progress import titled
from brnb.train.rows import Rows

if TYPE_CHECKING:
    from brnb.compress.params import CompressionParams

LESSONS: dict[str, Lesson] = {"logits": "logits", "hidden": "hidden"}  # else text alone
PROMPT = 8  # tokens of training text that a text of the teacher's begins with
WRITERS = 256  # texts that the teacher writes together


@dataclass(frozen=True, eq=False)
class Student:
    """A trained student.

    Attributes
    ----------
    way
        Of training: one of chapter 19's ``ways``.
    model
        On the CPU, in evaluation mode, with the weights of its lowest validation loss.
    loss
        That lowest validation loss, nats per token: what may be chosen by.
    """

    way: str
    seed: int
    model: TransformerLM
    history: History
    loss: float

    @property
    def seconds(self) -> float:
        """Of the training's steps at their speed: without compiling, evaluating and saving."""
        return self.history.tokens / self.history.tokens_per_second


def student_params(
    teacher: dict[str, Any], p: "CompressionParams", seed: int, tokens: int
) -> V6Params:
    """What a student's training is told: the teacher's text and form, in the student's sizes.

    Parameters
    ----------
    teacher
        Parameters of the teacher's receipt.

    Raises
    ------
    ParameterError
        If the sizes do not fit each other, or the budget is too small to evaluate.
    """
    known = {name: teacher[name] for name in V6Params.model_fields if name in teacher}
    steps = tokens // (teacher["batch_size"] * teacher["seq_len"])
    changes = p.student.model_dump() | {
        "warmup_steps": min(teacher["warmup_steps"], steps // 4),  # a short training still falls
        "profile": p.profile,
        "run_id": p.run_id,
        "seed": seed,
        "tokens": tokens,
        "learning_rate": p.learning_rate,
        "evaluate_every": p.evaluate_every,
        "tokenizer": p.student_tokenizer,
        "device": p.device,
        "recipe": None,
    }
    return validate(V6Params, known | changes, "student")


def train_students(
    teacher: TransformerLM,
    told: dict[str, Any],
    p: "CompressionParams",
    rows: Rows,
    work: Path,
) -> Iterator[Student]:
    """Train every way with every seed; trainings that are finished are only read back.

    ``text_same_time`` reads as many more tokens of text as the time of ``logits`` allows.

    Parameters
    ----------
    teacher, told
        The teacher, and the parameters of its receipt.
    p
        The chapter's.
    rows
        The text, in the tokens of both.
    work
        For checkpoints, and what the teacher writes.
    """
    order = sorted(p.ways, key=lambda way: (way == "text_same_time", p.ways.index(way)))
    seconds: dict[str, list[float]] = {}
    for way in order:
        for seed in range(p.seed, p.seed + p.repeats):
            tokens = p.tokens
            if way == "text_same_time":
                tokens = _same_time(seconds, p, work)
            student = _train(way, seed, tokens, teacher, told, p, rows, work)
            seconds.setdefault(way, []).append(student.seconds)
            yield student


def _train(
    way: str,
    seed: int,
    tokens: int,
    teacher: TransformerLM,
    told: dict[str, Any],
    p: "CompressionParams",
    rows: Rows,
    work: Path,
) -> Student:
    choice = student_params(told, p, seed, tokens)
    torch.manual_seed(seed)
    student = TransformerLM(**choice.choices(rows.tokenizer.vocab_size))
    pupil = Distillation(
        student, teacher, LESSONS.get(way, "text"), p.temperature, p.teacher_share, p.hidden_weight
    )
    ids = written_by(teacher, rows, p, work) if way == "sequence" else rows.train.ids
    lesson: list[Any] = [p.temperature, p.teacher_share, p.hidden_weight] if way in LESSONS else []
    if way in LESSONS or way == "sequence":
        lesson.append(_content(teacher))
    name = digest([rows.identity, way == "sequence" and p.sequence_tokens, pupil.lesson, lesson])
    history = train(
        pupil, ids, rows.validation.ids, titled(choice, way, seed), work / "checkpoints", name,
        keep="best", fast=distillation.distillation_swaps,
    )  # fmt: skip
    return Student(way, seed, student.cpu().eval(), history, history.best["loss"])


def _same_time(seconds: dict[str, list[float]], p: "CompressionParams", work: Path) -> int:
    """Tokens of text alone that take as long as the lesson did; measured once and kept."""

    def measure() -> float:
        return float(np.mean(seconds["logits"]) / np.mean(seconds["text"]))

    told = [reached([__name__]), p.student.model_dump(), p.tokens, p.device, p.repeats, p.seed]
    ratio = remembered(work / "same_time", told, measure)
    return math.ceil(p.tokens * min(max(ratio, 1.0), p.most_extra_time))


def written_by(
    teacher: TransformerLM, rows: Rows, p: "CompressionParams", work: Path
) -> np.ndarray:
    """Text that the teacher writes: sequence-level distillation (Kim & Rush, 2016), from samples.

    Every text goes on from a few tokens of the training text until the context is full. At least
    `sequence_tokens` of them; written once.
    """
    told = [_content(teacher), rows.identity, p.sequence_tokens, p.seed, p.device]
    file = work / f"written-{digest([reached([__name__]), told])}.npy"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial.npy")
        np.save(partial, _write(teacher, rows.train.ids, p))
        partial.replace(file)
    ids: np.ndarray = np.load(file)
    return ids


@torch.no_grad()
def _write(teacher: TransformerLM, ids: np.ndarray, p: "CompressionParams") -> np.ndarray:
    device, length = pick_device(p.device), teacher.choices.context
    teacher.to(device).eval()
    count = min(WRITERS, -(-p.sequence_tokens // length))
    random = np.random.default_rng(p.seed)
    generator = torch.Generator(device).manual_seed(p.seed)
    texts: list[np.ndarray] = []
    while sum(map(np.size, texts)) < p.sequence_tokens:
        starts = random.integers(len(ids) - PROMPT, size=count)
        prompts = np.stack([ids[s : s + PROMPT] for s in starts]).astype(np.int64)
        rows = _sample(teacher, torch.from_numpy(prompts).to(device), length, generator)
        texts.append(rows.cpu().numpy().astype(ids.dtype).ravel())
    return np.concatenate(texts)


def _sample(
    teacher: TransformerLM, prompts: Tensor, length: int, generator: torch.Generator
) -> Tensor:
    """Prompts (B, T) continued to (B, length), drawn from the predictions as they are."""
    parts = [prompts]
    logits, state = teacher(prompts)
    for _ in range(length - prompts.shape[1]):
        probabilities = logits[:, -1].float().softmax(-1)
        parts.append(torch.multinomial(probabilities, 1, generator=generator))
        logits, state = teacher(parts[-1], state)
    return torch.cat(parts, 1)


def _content(model: TransformerLM) -> list[float]:
    return [float(parameter.detach().double().sum()) for parameter in model.parameters()]
