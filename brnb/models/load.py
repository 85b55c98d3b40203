"""Models read back from what `brnb.models.store` wrote."""

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM

MODEL_CLASSES: dict[str, type[nn.Module]] = {
    kind.__name__: kind for kind in (RecurrentLM, TransformerLM)
}


def load_language_model(folder: Path) -> nn.Module:
    """The model that `brnb.models.store.save` wrote, on the CPU, in evaluation mode.

    Raises
    ------
    ValueError
        If form or weights are damaged, or not of each other; names the file.
    """
    form, weights = folder / "model.json", folder / "model.safetensors"
    try:
        note = json.loads(form.read_text("utf-8"))
        model = MODEL_CLASSES[note["kind"]](**note["arguments"])
    except (ValueError, TypeError, KeyError, RuntimeError, RecursionError) as error:
        raise ValueError(f"{form} is damaged ({error!r}): run its chapter again") from None
    try:
        model.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{weights} is damaged ({error}): run its chapter again") from None
    return model.eval()
