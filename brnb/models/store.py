"""Weights written to disk, as safetensors beside the model's form; `brnb.models.load` reads them.

Apart from it, so that a chapter that saves an LSTM does not depend on the Transformer.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import save_file

if TYPE_CHECKING:
    from brnb.models.recurrent import RecurrentLM
    from brnb.models.transformer import TransformerLM


def save(model: "RecurrentLM | TransformerLM", folder: Path) -> list[Path]:
    """Write ``model.safetensors`` and ``model.json``; returns both paths."""
    weights, form = folder / "model.safetensors", folder / "model.json"
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()
    }
    save_file(state, weights)
    note = {"kind": type(model).__name__, "arguments": model.arguments}
    form.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    weights.chmod(form.stat().st_mode)  # safetensors keeps others from reading it
    return [weights, form]
