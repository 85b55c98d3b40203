"""A GGUF as a language model of the same face as ours, so that the same code measures it."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from brnb.compress.fidelity import BATCH
from brnb.compress.llama_cpp import LlamaCpp


class GgufModel(LlamaCpp):
    """A GGUF on the CPU as a `brnb.compress.language_models.Predictor`; up to `BATCH` sequences,
    or as many as it is told."""

    def __init__(self, file: Path, context: int, threads: int, sequences: int = BATCH) -> None:
        super().__init__(file, context, threads, sequences)

    def __call__(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Logits (B, T, V) of the next tokens; the state is how many the sequences have."""
        past = state or 0
        if not past:
            self.forget()
        logits = self.read(ids.tolist(), past, every=True)
        return torch.from_numpy(logits).to(ids.device), past + ids.shape[1]
