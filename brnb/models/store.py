"""Weights on disk, as safetensors beside the model's form."""

import json
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn

from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM

KINDS: dict[str, type[nn.Module]] = {kind.__name__: kind for kind in (RecurrentLM, TransformerLM)}


def save(model: RecurrentLM | TransformerLM, folder: Path) -> list[Path]:
    """Write ``model.safetensors`` and ``model.json``; returns both paths."""
    weights, form = folder / "model.safetensors", folder / "model.json"
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()
    }
    save_file(state, weights)
    note = {"kind": type(model).__name__, "arguments": model.arguments}
    form.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    return [weights, form]


def load(folder: Path) -> nn.Module:
    """The model that `save` wrote, on the CPU, in evaluation mode."""
    note = json.loads((folder / "model.json").read_text("utf-8"))
    model = KINDS[note["kind"]](**note["arguments"])
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.eval()
