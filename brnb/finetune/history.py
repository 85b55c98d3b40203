"""What a QLoRA training left: its curves, what was chosen, what it took."""

from dataclasses import dataclass, field
from typing import Any

from brnb.train.history import History


@dataclass
class FinetuneHistory(History):
    """What a QLoRA training left: curves, and what was chosen and took place.

    Attributes
    ----------
    targets
        Tokens that were predicted in training, with repetition; `tokens` counts all.
    plan
        `brnb.finetune.budget.Plan`: how steps were cut to the memory, with the predicted peak.
    peak
        Bytes that PyTorch had allocated at most; 0 on a CPU.
    replayed
        Whether `brnb.finetune.layers` computed it, or transformers' own layers.
    """

    targets: int = 0
    plan: dict[str, Any] = field(default_factory=dict)
    peak: int = 0
    replayed: bool = False

    def resources(self) -> dict[str, Any]:
        """What goes into the receipt."""
        shown = {name: getattr(self, name) for name in ("targets", "peak", "replayed")}
        return super().resources() | self.plan | shown
