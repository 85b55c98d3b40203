"""Models read back from what `brnb.models.store` wrote."""

import json
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM

MODEL_CLASSES: dict[str, type[nn.Module]] = {
    kind.__name__: kind for kind in (RecurrentLM, TransformerLM)
}


def load_language_model(folder: Path) -> nn.Module:
    """The model that `brnb.models.store.save` wrote, on the CPU, in evaluation mode."""
    note = json.loads((folder / "model.json").read_text("utf-8"))
    model = MODEL_CLASSES[note["kind"]](**note["arguments"])
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.eval()
