"""One fine-tuning as a call: what the ablations repeat with other values (thesis 5.3)."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brnb.bases import template
from brnb.bases.load import load_base
from brnb.finetune import chat
from brnb.finetune.budget import processes_for
from brnb.finetune.data import Splits
from brnb.finetune.identity import data_identity
from brnb.finetune.loop import FinetuneHistory, finetune
from brnb.finetune.lora import adapt
from brnb.finetune.merge import merge_adapters, save_adapter
from brnb.finetune.packing import pack
from brnb.finetune.params import SftParams
from brnb.text.pairs import Pair
from brnb.train.device import pick_device

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Variant:
    """A trained variant: its adapters merged, ready to be evaluated."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"
    history: FinetuneHistory


def train_variant(
    params: SftParams,
    splits: Splits[Pair],
    base: str,
    start: str | None,
    folder: Path,
    adapter: Path,
) -> Variant:
    """Fine-tune on instruction pairs as chapter 13 does, with other values.

    Parameters
    ----------
    params
        Those of the run, with the changes of the variant.
    splits
        The pairs of the run: every variant reads the same.
    base, start
        Located base, and adapters to go on from (`brnb.bases.locate.locate`).
    folder
        Where checkpoints live; each variant has its own there.
    adapter
        Folder that receives the adapters.
    """
    model, tokenizer = load_base(base, params, pick_device(params.device), processes_for)
    template.ensure_template(tokenizer)
    train, held_out = (
        pack(
            chat.from_pairs(tokenizer, pairs, params.seq_len).examples, params.seq_len, params.seed
        )
        for pairs in (splits.train, splits.validation)
    )
    name = data_identity(base, params.revision, start, train, held_out)
    adapted = adapt(model, params, Path(start) if start else None)
    history = finetune(adapted, train, held_out, params, folder, name)
    save_adapter(adapted, adapter)
    return Variant(merge_adapters(adapted, model.dtype), tokenizer, history)
