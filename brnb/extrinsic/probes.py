"""Cultural probes: multiple choice on Brazil, scored by likelihood (thesis 4.4.3.1).

Geography, expressions, history, law and health, forty questions each, with their sources, in
``probes/``. A model chooses the option that it finds most probable per byte (Brown et al., 2020,
normalise by tokens; bytes do not depend on the tokenizer), so options of any length are fair, and
a model that knows nothing is right as often as chance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TYPE_CHECKING

import torch

from brnb import data
from brnb.evaluate.statistics import Rate

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

AREAS = ("geografia", "expressoes", "historia", "direito", "saude")


@dataclass(frozen=True, slots=True)
class Probe:
    """A question with its options; `right` is the index of the right one."""

    id: str
    area: str
    question: str
    options: tuple[str, ...]
    right: int
    source: str

    @property
    def prompt(self) -> str:
        """The text that an option continues."""
        return f"Pergunta: {self.question}\nResposta:"


@cache
def read_probes() -> tuple[Probe, ...]:
    """All probes; the files put the right option first, here it is anywhere."""
    probes = []
    for area in AREAS:
        content = data.read("extrinsic/questions", f"{area}.yaml")
        for number, item in enumerate(content["items"]):
            name, order = f"{area}-{number:02d}", list(range(len(item["options"])))
            Random(name).shuffle(order)
            options = tuple(item["options"][i] for i in order)
            source = item.get("source", content["source"])
            probes.append(Probe(name, area, item["question"], options, order.index(0), source))
    return tuple(probes)


def choose(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    questions: Sequence[Probe],
    batch: int = 32,
) -> list[int]:
    """The option that the model finds most probable per byte, for each question.

    Parameters
    ----------
    model, tokenizer
        A causal language model of transformers; the question is put plainly, without its chat
        template, since the options continue it.
    questions
        The probes.
    batch
        Options scored at once.
    """
    texts = [(q.prompt, f" {option}") for q in questions for option in q.options]
    nats = option_nats(model, tokenizer, texts, batch)
    pairs = zip(nats, texts, strict=True)
    per_byte = [value / len(option.encode()) for value, (_, option) in pairs]
    chosen, start = list[int](), 0
    for question in questions:
        per_option = per_byte[start : start + len(question.options)]
        chosen.append(per_option.index(min(per_option)))
        start += len(per_option)
    return chosen


@torch.inference_mode()
def option_nats(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    texts: Sequence[tuple[str, str]],
    batch: int,
) -> list[float]:
    """Negative log-likelihood, in nats, of each continuation after its prompt.

    A continuation begins at the first token that the prompt alone does not have.
    """
    begin = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    rows = [_split(tokenizer, begin, prompt, option) for prompt, option in texts]
    nats_of = [0.0] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
    model.eval()
    for first in range(0, len(order), batch):
        chosen = order[first : first + batch]
        width = max(len(rows[i][0]) for i in chosen)
        ids = torch.zeros(len(chosen), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for line, i in enumerate(chosen):
            ids[line, : len(rows[i][0])] = torch.tensor(rows[i][0])
            mask[line, : len(rows[i][0])] = 1
        ids, mask = ids.to(model.device), mask.to(model.device)
        logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
        nats = -logits.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0].double().cpu()
        for line, i in enumerate(chosen):
            row, start = rows[i]
            nats_of[i] = float(nats[line, start - 1 : len(row) - 1].sum())
    return nats_of


def _split(
    tokenizer: "PreTrainedTokenizerBase", begin: list[int], prompt: str, option: str
) -> tuple[list[int], int]:
    """The ids of a prompt with its continuation, and where the continuation begins."""
    alone = begin + tokenizer(prompt, add_special_tokens=False)["input_ids"]
    whole = begin + tokenizer(prompt + option, add_special_tokens=False)["input_ids"]
    shared = next(
        (i for i, (a, b) in enumerate(zip(alone, whole, strict=False)) if a != b), len(alone)
    )
    return whole, max(1, min(shared, len(whole) - 1))


def accuracy(questions: Iterable[Probe], chosen: Iterable[int]) -> dict[str, Rate]:
    """Right answers by area, and of ``all`` areas."""
    hits: dict[str, list[bool]] = {area: [] for area in (*AREAS, "all")}
    for question, choice in zip(questions, chosen, strict=True):
        for area in (question.area, "all"):
            hits[area].append(choice == question.right)
    return {area: Rate(sum(flags), len(flags)) for area, flags in hits.items()}


def right_answers(questions: Sequence[Probe], chosen: Sequence[int]) -> Rate:
    """Right answers to all of some questions."""
    hits = [choice == q.right for q, choice in zip(questions, chosen, strict=True)]
    return Rate(sum(hits), len(hits))


def chance(questions: Sequence[Probe]) -> float:
    """Share that choosing blindly gets right."""
    return sum(1 / len(question.options) for question in questions) / len(questions)
