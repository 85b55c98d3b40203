"""What Track 2's trainings changed (thesis 4.4.2): gained, forgotten, and what of it matters."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from brnb import data, receipt
from brnb.bases import template
from brnb.bases.load import load_base
from brnb.bases.locate import locate
from brnb.evaluate.losses import Losses, losses
from brnb.finetune import chat
from brnb.finetune.budget import processes_for
from brnb.finetune.data import Splits
from brnb.finetune.merge import load_adapted
from brnb.finetune.packing import IGNORE, Example
from brnb.finetune.params import FinetuneParams, SftParams
from brnb.finetune.texts import from_texts
from brnb.studies.adaptation_params import Ablation, AdaptationParams, variant_params
from brnb.studies.variants import train_variant
from brnb.text.finished import Document
from brnb.text.pairs import Pair
from brnb.train.device import pick_device
from brnb.train.history import CURVES
from brnb.train.progress import titled

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


VARIANTS = "variants"  # folder of a run of chapter 14 with the adapters of its ablations


@dataclass(frozen=True)
class TrainingRecord:
    """A training of Track 2 as its receipt and its curves tell it."""

    run: str
    params: dict[str, Any]
    metrics: dict[str, Any]
    resources: dict[str, Any]
    seconds: float
    curves: dict[str, list[dict[str, float]]]


def read_training(folder: Path) -> TrainingRecord:
    """Read a training back from its run's folder; `seconds` are those of all its processes."""
    note = receipt.read_receipt(folder / "receipt.json")
    return TrainingRecord(
        run=note.run,
        params=note.params,
        metrics=note.metrics,
        resources=note.resources,
        seconds=note.seconds + note.resources["earlier_seconds"],
        curves=json.loads((folder / CURVES).read_text("utf-8")),
    )


@dataclass(frozen=True)
class Evaluated:
    """Losses of a base and of the adapted model by text, their answers, and how they write on."""

    base: dict[str, Losses]
    adapted: dict[str, Losses]
    said_base: list[str]
    said_adapted: list[str]
    wrote_base: list[str]
    wrote_adapted: list[str]


def evaluate_adapter(
    params: FinetuneParams,
    base: str,
    adapter: Path,
    documents: Sequence[Document],
    pairs: Sequence[Pair],
    p: AdaptationParams,
    openings: int,
) -> Evaluated:
    """Evaluate a base and its adapters on raw text, on answers, and on English.

    Both as dequantised: what differs between them is the adapters alone.

    Parameters
    ----------
    params
        Of the training.
    base, adapter
        The located base (`brnb.bases.locate.locate`), and the folder of the adapters.
    documents, pairs
        The validation splits of both trainings: one is the adapter's own, on the other it may
        have forgotten.
    p
        Says how many prompts of `pairs` are answered, and how long texts get.
    openings
        How many of `documents` base and adapted model go on with.
    """
    frozen, tokenizer = load_base(base, params, pick_device(params.device), processes_for)
    template.ensure_template(tokenizer)
    chats = chat.from_pairs(tokenizer, pairs, params.seq_len).examples
    texts = {
        "text_cpt": list(from_texts(tokenizer, documents)),
        "text_sft": chats,
        "text_english": list(from_texts(tokenizer, english())),
    }
    begun = [example.ids[: p.opening_tokens] for example in texts["text_cpt"][:openings]]
    sides: list[tuple[dict[str, Losses], list[str], list[str]]] = []
    model = frozen
    for folder in (None, adapter):
        model = load_adapted(model, folder, frozen.dtype)
        measured = {name: losses(model, texts[name], params.seq_len) for name in texts}
        said = answers(model, tokenizer, chats[: p.questions], p.max_new_tokens)
        wrote = [write_on(model, tokenizer, ids, p.opening_tokens) for ids in begun]
        sides.append((measured, said, wrote))
    (plain, said, wrote), (adapted, said_adapted, wrote_adapted) = sides
    return Evaluated(plain, adapted, said, said_adapted, wrote, wrote_adapted)


def variant_losses(
    params: SftParams,
    ablations: Sequence[Ablation],
    splits: Splits[Pair],
    folder_of: Callable[[str], Path],
    work: Path,
    out: Path,
) -> dict[str, Losses]:
    """Repeat the supervised fine-tuning with other values; losses on its validation answers.

    Parameters
    ----------
    params
        Those of the run that the variants differ from.
    ablations
        The variants.
    splits
        The pairs of that run.
    folder_of
        The folder of a run, for a base or a start that names one.
    work
        Where checkpoints live: an interrupted variant goes on, a finished one is not repeated.
    out
        Folder that receives the adapters of each, for `read_variant`.
    """
    measured = {}
    for ablation in ablations:
        values = variant_params(params, ablation)
        base = locate(values.base, folder_of, "hf")
        start = locate(values.start, folder_of, "adapter") if values.start else None
        shown = titled(values, ablation.name)
        variant = train_variant(shown, splits, base, start, work, out / ablation.name)
        held_out = chat.from_pairs(variant.tokenizer, splits.validation, values.seq_len)
        measured[ablation.name] = losses(variant.model, held_out.examples, values.seq_len)
    return measured


def read_variant(folder: Path, params: SftParams, name: str) -> tuple[SftParams, Path]:
    """A variant that chapter 14 trained: its parameters and the folder of its adapters.

    Parameters
    ----------
    folder
        Of that chapter's run.
    params
        Those of the fine-tuning that the variant differs from.
    name
        Of the ablation.

    Raises
    ------
    ValueError
        If the run has no such ablation; names those that it has.
    """
    listed = receipt.read_receipt(folder / "receipt.json").params["ablations"]
    ablations = {row["name"]: Ablation(**row) for row in listed}
    if name not in ablations:
        known = ", ".join(ablations) or "none"
        raise ValueError(f"variants: {folder.name} trained no {name!r}; it has {known}")
    return variant_params(params, ablations[name]), folder / VARIANTS / name


def english() -> list[Document]:
    """Passages of English prose in the public domain: what a model adapted to Portuguese may lose.

    ``english.yaml`` names author and work of each.
    """
    content = data.read("studies/english.yaml")
    return [
        Document(doc_id=f"english-{number:02d}", title=source, text=text.strip(), source=source)
        for number, (source, text) in enumerate(content.items(), start=1)
    ]


def answers(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerFast",
    examples: Iterable[Example],
    max_new_tokens: int,
) -> list[str]:
    """What a model says to the prompts of some examples: greedy, one at a time, up to its end."""
    prompts = (x.ids[: int((x.labels != IGNORE).argmax())] for x in examples)
    return [write_on(model, tokenizer, ids, max_new_tokens) for ids in prompts]


@torch.no_grad()
def write_on(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerFast",
    ids: "npt.NDArray[np.int64]",
    max_new_tokens: int,
) -> str:
    """What a model writes after some tokens: greedy, up to its end."""
    generate: Any = model.eval().generate
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    prompt = torch.from_numpy(ids)[None].to(model.device)
    written = generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        do_sample=False,
        max_new_tokens=max_new_tokens,
        use_cache=True,
        pad_token_id=pad,
    )
    text = tokenizer.decode(written[0, prompt.shape[1] :], skip_special_tokens=True)
    return str(text).strip()
