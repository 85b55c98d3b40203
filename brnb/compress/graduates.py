"""Teacher and trained students, measured on the same test documents."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from brnb.compress.fidelity import fidelity
from brnb.compress.remembered import remembered
from brnb.compress.students import Student
from brnb.fingerprint import digest, reached
from brnb.models.transformer import TransformerLM
from brnb.train.rows import TokenRow


@dataclass(frozen=True)
class Graduate:
    """A student, or the teacher, on test documents.

    Attributes
    ----------
    way, seed
        ``teacher``, or how the student was trained.
    parameters, tokens, seconds
        Weights, tokens of the training and seconds in its steps, at their speed.
    bits_per_byte
        Of the text.
    divergence, agreement
        Beside the teacher (`brnb.compress.fidelity.Fidelity`).
    """

    way: str
    seed: int
    parameters: int
    tokens: int
    seconds: float
    bits_per_byte: float
    divergence: float
    agreement: float


class Examination:
    """Test documents, read by the teacher and by each student.

    Parameters
    ----------
    teacher
        On `device`.
    row, window, end
        As for `fidelity`.
    work
        Keeps what is measured.
    """

    def __init__(
        self,
        teacher: TransformerLM,
        row: TokenRow,
        window: int,
        end: int,
        device: torch.device,
        work: Path,
    ) -> None:
        self.teacher, self.device, self.work = teacher.to(device), device, work
        self.ask = (row, window, end, device)
        self.text = digest([row.ids.tolist(), window])

    def teacher_row(self, tokens: int, seconds: float) -> Graduate:
        """The teacher itself, and what its training took."""
        return self._row("teacher", 0, self.teacher, tokens, seconds)

    def student_row(self, student: Student) -> Graduate:
        """A student beside the teacher."""
        model = student.model.to(self.device)
        return self._row(student.way, student.seed, model, student.history.tokens, student.seconds)

    def _row(
        self, way: str, seed: int, model: TransformerLM, tokens: int, seconds: float
    ) -> Graduate:
        def measure() -> dict[str, Any]:
            found = fidelity(self.teacher, model, *self.ask)
            size = sum(parameter.numel() for parameter in model.parameters())
            bits = found.documents.bits_per_byte
            row = Graduate(
                way, seed, size, tokens, seconds, bits, found.divergence, found.agreement
            )
            return asdict(row)

        content = [
            [float(p.detach().double().sum()) for p in m.parameters()]
            for m in (self.teacher, model)
        ]
        told = [reached([__name__]), content, self.text, way, seed]
        return Graduate(**remembered(self.work, told, measure))
