"""Every scheme applied to one model and measured: size, fidelity, answers, speed, errors."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from brnb.compress.answers import answer_speeds, beginnings, continuation_scores
from brnb.compress.calibration import MapInputs, collect_inputs, output_errors
from brnb.compress.fidelity import Fidelity, fidelity, paired_change
from brnb.compress.gguf_file import map_bits_of_file, write_gguf
from brnb.compress.gguf_model import GgufModel
from brnb.compress.language_models import Original, Predictor
from brnb.compress.llama_cpp import LlamaCppUnavailable
from brnb.compress.remembered import remembered
from brnb.compress.schemes import SchemeUnavailable, quantise_model
from brnb.compress.sizes import held_bytes, map_bits, write_weights
from brnb.fingerprint import digest, reached
from brnb.train.device import pick_device
from brnb.train.rows import TokenRow

if TYPE_CHECKING:
    from brnb.compress.params import CompressionParams

# The parameters that a row depends on, beside the model and its text.
SHAPING = {
    "group", "seed", "resamples", "confidence", "prompt_tokens", "new_tokens", "prompts", "batches",
    "edge_threads",
}  # fmt: skip
GPU_DTYPE = torch.bfloat16  # of the computation, where speed is measured on one


@dataclass(frozen=True)
class SchemeRow:
    """A model in one scheme.

    Attributes
    ----------
    bits
        Of a weight of the blocks' maps, with its share of scales.
    disk, held
        Bytes of the file, and of everything that the model keeps while it answers.
    bits_per_byte, change, low, high
        On test documents; what the scheme adds, and its paired interval.
    divergence, agreement
        Of `Fidelity`.
    em, f1, rouge_l
        Of greedy continuations beside the text itself.
    speed
        Tokens a second by device, then by batch (as text).
    errors
        Of each map's outputs by its name; none where maps were not at hand.
    """

    model: str
    scheme: str
    bits: float
    disk: int
    held: int
    bits_per_byte: float
    change: float
    low: float
    high: float
    divergence: float
    agreement: float
    em: float
    f1: float
    rouge_l: float
    speed: dict[str, dict[str, float]]
    errors: dict[str, float]


class NotInGguf(ValueError):
    """The model is of a family that is not written as GGUF here."""


LACKING: dict[type[Exception], str] = {
    NotInGguf: "format",
    SchemeUnavailable: "bitsandbytes",
    LlamaCppUnavailable: "llama_cpp",
}
"""What a model or a machine lacks that cannot have a scheme."""


class MissingScheme(NamedTuple):
    """A scheme that a model does not have here, and what is lacking: a value of `LACKING`."""

    model: str
    scheme: str
    lacks: str


class Survey:
    """One model, its text, and what its maps read; `measure` gives a scheme's row.

    Parameters
    ----------
    original
        The model.
    row
        Test documents in its tokens.
    windows
        Calibration windows, (n, T).
    params
        Of the chapter.
    work
        Keeps what is measured, so that a killed run goes on.
    """

    def __init__(
        self,
        original: Original,
        row: TokenRow,
        windows: Tensor,
        params: "CompressionParams",
        work: Path,
    ) -> None:
        self.original, self.row, self.params, self.work = original, row, params, work
        self.device = pick_device(params.device)
        self.model, self.windows = original.model.to(self.device), windows.to(self.device)
        self.end = original.tokenizer.eos_id
        self.inputs = collect_inputs(self.model, windows)
        self.texts = beginnings(
            row, self.end, params.prompt_tokens, params.new_tokens, params.prompts
        )
        content = {
            name: float(t.detach().double().sum()) for name, t in self.model.state_dict().items()
        }
        modules = [__name__, "brnb.compress.llama_cpp", "brnb.compress.gguf_model"]
        self.identity = [
            content, reached(modules), params.model_dump(include=SHAPING), original.name,
            str(self.device), digest([row.ids.tolist(), windows.tolist()]),
        ]  # fmt: skip

    def measure(self, scheme: str) -> SchemeRow:
        """The model in a scheme of `brnb.compress.schemes` or of GGUF."""
        how = self._file if scheme in self.params.file_schemes else self._scheme
        values = remembered(self.work / "measured", [*self.identity, scheme], lambda: how(scheme))
        return SchemeRow(**values)

    def compressed(
        self,
        scheme: str,
        inputs: Mapping[str, MapInputs] | None = None,
        bits: Mapping[str, int] | None = None,
    ) -> nn.Module:
        """The model quantised (`quantise_model`), calibrated on the survey's text unless told."""
        group = self.params.group
        return quantise_model(self.model, scheme, group, inputs or self.inputs, bits)

    def fidelity(self, compressed: Predictor) -> Fidelity:
        """A model beside the original, on the test documents."""
        window = self.original.window
        return fidelity(self.model, compressed, self.row, window, self.end, self.device)

    def _scheme(self, scheme: str) -> dict[str, Any]:
        smaller = self.compressed(scheme)
        file = self.work / f"{scheme}.safetensors"
        size = {
            "bits": map_bits(smaller, self.model),
            "disk": write_weights(smaller, self.model, file, whole=scheme == "fp32"),
            "held": held_bytes(smaller),
        }
        errors = output_errors(self.model, smaller, self.inputs)
        return self._row(scheme, smaller, size, errors, self._speed(scheme))

    def _file(self, scheme: str) -> dict[str, Any]:
        p, llama = self.params, self.original.llama
        if llama is None:
            raise NotInGguf("GGUF is written here for models that Llama's format expresses, as v6")
        file = write_gguf(llama.cpu(), self.work / f"{scheme}.gguf", scheme)
        context = self.original.window + 1
        size = {"bits": map_bits_of_file(file), "disk": file.stat().st_size}
        size["held"] = size["disk"]  # mapped into memory as it is
        longest = max(*p.batches, 16)
        with GgufModel(file, context, p.edge_threads, longest) as model:
            prompts = self.texts[:, : p.prompt_tokens]
            speed = {"cpu": _rates(model, prompts, p.new_tokens, p.batches)}
            return self._row(scheme, model, size, {}, speed)

    def _row(
        self,
        scheme: str,
        model: Predictor,
        size: dict[str, Any],
        errors: dict[str, float],
        speed: dict[str, dict[str, float]],
    ) -> dict[str, Any]:
        p, found, exact = self.params, self.fidelity(model), self._exact
        change = paired_change(exact.documents, found.documents, p.resamples, p.confidence, p.seed)
        scores = continuation_scores(
            model, self.original.tokenizer, self.texts, p.prompt_tokens, self.device
        )
        return asdict(
            SchemeRow(
                model=self.original.name, scheme=scheme, **size,
                bits_per_byte=found.documents.bits_per_byte,
                change=change.value, low=change.low, high=change.high,
                divergence=found.divergence, agreement=found.agreement,
                em=scores.em, f1=scores.f1, rouge_l=scores.rouge_l, speed=speed, errors=errors,
            )
        )  # fmt: skip

    @cached_property
    def _exact(self) -> Fidelity:
        return self.fidelity(self.model)

    def _speed(self, scheme: str) -> dict[str, dict[str, float]]:
        """Tokens a second on each device, the model computing in what is fast there."""
        p, measured = self.params, {}
        form = "int4" if scheme == "gptq" else scheme  # codes of one form, found in another way
        places = {"cpu": torch.float32} | (
            {"cuda": GPU_DTYPE} if self.device.type == "cuda" else {}
        )
        for place, dtype in places.items():
            model = quantise_model(self.model.to(place), form, p.group, dtype=dtype)
            prompts = self.texts[:, : p.prompt_tokens].to(place)
            measured[place] = _rates(model, prompts, p.new_tokens, p.batches)
        self.model.to(self.device)
        return measured


def _rates(model: Predictor, prompts: Tensor, new: int, batches: Sequence[int]) -> dict[str, float]:
    measured = answer_speeds(model, prompts, new, batches)
    return {str(batch): speed.tokens_per_second for batch, speed in measured.items()}


def survey_all(
    survey: Survey, schemes: Sequence[str]
) -> tuple[list[SchemeRow], list[MissingScheme]]:
    """The rows of all schemes that the model can have here, and what it cannot."""
    rows, missing = [], []
    for scheme in schemes:
        try:
            rows.append(survey.measure(scheme))
        except tuple(LACKING) as reason:
            missing.append(MissingScheme(survey.original.name, scheme, LACKING[type(reason)]))
    return rows, missing
