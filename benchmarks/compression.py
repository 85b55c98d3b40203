"""Chapter 19's comparisons in v6's shape on token ids: schemes, calibration, mixed bits, students.

    python benchmarks/compression.py FOLDER [TOKENS [STUDENT_TOKENS]] [part …]

(wants a GPU, and bitsandbytes for llm_int8 and nf4; about four minutes; the parts are schemes,
calibration, mixed, students and combined, which wants students; without a part: all)

FOLDER holds ``train``, ``validation``, ``test`` and ``english`` as ``.npy`` of ids, each document
closed by id 2, ``test_bytes.npy`` with the UTF-8 bytes of the test documents, and ``pieces.json``.
A teacher of v6's shape is trained first. GGUF and llama.cpp are not here: they are the CPU's.

Students of 1 M tokens after a teacher of 8 M, on an H200, three seeds: on text alone 2.35 to 2.40
bits a byte, from logits 2.33 to 2.35, with the last layer 2.28 to 2.33, on the teacher's text 2.39
to 2.42; on text alone with three times the tokens, which is the limit and takes 0.6 seconds where
the logits take 1.4, 2.02 to 2.11. The quantised student was not measured there.

The results go to ``benchmarks/results/compression.json``, part by part, or to ``$OUT`` if set; of
students without schemes, whose teacher is another, to ``distillation.json`` there.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from brnb.compress.allocation import map_sensitivities
from brnb.compress.comparisons import calibration_languages, mixed_against_uniform
from brnb.compress.graduates import Examination
from brnb.compress.language_models import Original
from brnb.compress.params import CompressionParams
from brnb.compress.students import train_students
from brnb.compress.survey import SchemeRow, Survey, survey_all
from brnb.fingerprint import notebook_cells
from brnb.models.transformer import TransformerLM
from brnb.params import literals
from brnb.train import fast
from brnb.train.loop import train
from brnb.train.params import V6Params
from brnb.train.rows import Rows, TokenRow

ROOT, END = Path(__file__).parents[1], 2
RESULTS = Path(os.environ.get("OUT", ROOT / "benchmarks" / "results"))
SCHEMES = ["fp32", "bf16", "fp8", "int8_tensor", "int8_channel", "llm_int8", "nf4", "int4", "gptq"]


class Pieces:
    """The vocabulary, as far as answers are decoded."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces, self.vocab_size, self.eos_id = pieces, len(pieces), END

    def decode(self, ids: list[int]) -> str:
        """Text of ids, but for pieces of single bytes."""
        return "".join(self.pieces[i] for i in ids).replace("▁", " ")


def defaults(notebook: str) -> dict[str, Any]:
    """Values of a notebook's parameters cell."""
    cells = notebook_cells(ROOT / "notebooks" / f"{notebook}.ipynb")
    return next(literals(source) for source, tags in cells if "parameters" in tags) or {}


def params(tokens: int, student_tokens: int) -> tuple[V6Params, CompressionParams]:
    """What teacher and chapter are told, as in profile lab but for the size of the measurement."""
    taught = defaults("09_v6_release_candidate") | {
        "width": 512, "layers": 8, "heads": 8, "kv_heads": 8, "hidden": 1408, "tokens": tokens,
        "batch_size": 32, "seq_len": 512, "learning_rate": 1e-3, "log_every": 50, "cleaning": "v6",
        "evaluate_every": max(1, tokens // (32 * 512) // 8), "checkpoint_seconds": 600.0,
    }  # fmt: skip
    told = defaults("19_quantization_distillation") | {
        "schemes": SCHEMES, "test_documents": 200, "calibration_windows": 256, "prompt_tokens": 64,
        "language_windows": 12, "group": 32,
        "new_tokens": 64, "prompts": 32, "tokens": student_tokens, "learning_rate": 2e-3,
        "student": {"width": 256, "layers": 5, "heads": 4, "kv_heads": 4, "hidden": 704},
        "evaluate_every": max(1, student_tokens // (32 * 512) // 4), "resamples": 10_000,
        "sequence_tokens": max(4096, student_tokens // 10),
    }  # fmt: skip
    return V6Params(**taught), CompressionParams(**told)


def windows(ids: np.ndarray, p: CompressionParams, count: int) -> torch.Tensor:
    """The first calibration windows of a row."""
    shape = count, p.calibration_tokens
    return torch.from_numpy(ids[: shape[0] * shape[1]].astype(np.int64)).reshape(shape)


def keep(results: dict[str, Any], name: str, measure: Callable[[], Any]) -> Any:
    """Measure a part, write all parts so far, and go on if it fails."""
    begun = time.perf_counter()
    try:
        value = measure()
        results[name] = value
    except Exception as error:  # one part that fails must not cost the others
        value, results[name] = None, repr(error)
    results[f"{name}_seconds"] = round(time.perf_counter() - begun, 1)
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"{results['measured']}.json"
    file.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    shown = json.dumps(results[name])
    print(f"{name} ({results[f'{name}_seconds']} s): {shown[:3000]}", flush=True)
    return value


def main(folder: Path, tokens: int, student_tokens: int, parts: list[str]) -> None:
    """Train the teacher, then measure part after part."""
    taught, p = params(tokens, student_tokens)
    ids = {name: np.load(folder / f"{name}.npy") for name in ("train", "validation", "test")}
    sizes = {name: np.load(folder / f"{name}_bytes.npy") for name in ids}
    rows = {name: TokenRow(row, len(sizes[name]), sizes[name]) for name, row in ids.items()}
    pieces = Pieces(json.loads((folder / "pieces.json").read_text("utf-8")))
    text = Rows(pieces, rows["train"], rows["validation"], "benchmark")
    work = folder / f"work-{tokens}-{student_tokens}"
    torch.manual_seed(taught.seed)
    teacher = TransformerLM(**taught.choices(pieces.vocab_size))
    subject = "distillation" if parts and "schemes" not in parts else "compression"
    results: dict[str, Any] = {
        "measured": subject, "torch": torch.__version__, "tokens": tokens,
        "student_tokens": student_tokens,
    }  # fmt: skip
    if torch.cuda.is_available():
        results["gpu"] = torch.cuda.get_device_name()
    history = train(
        teacher, ids["train"], ids["validation"], taught, work / "teacher", "benchmark",
        keep="best", fast=fast.step_swaps,
    )  # fmt: skip
    keep(results, "teacher", lambda: history.best | {"seconds": history.seconds})
    original = Original("teacher", teacher, pieces, taught.seq_len, None)
    survey = Survey(
        original, rows["test"], windows(ids["train"], p, p.calibration_windows), p, work / "survey"
    )

    def surveyed(model: Survey) -> list[SchemeRow]:
        measured, missing = survey_all(model, SCHEMES)
        print(*missing, sep="\n", flush=True)
        return measured

    def mixed() -> list[dict[str, Any]]:
        table = map_sensitivities(survey.model, survey.windows, p.widths, p.probe_bits, p.group)
        return [asdict(row) for row in mixed_against_uniform(survey, table, p.mean_bits)[0]]

    def students() -> list[dict[str, Any]]:
        examination = Examination(
            survey.model, rows["test"], taught.seq_len, END, survey.device, work / "examined"
        )
        seconds = history.tokens / history.tokens_per_second
        graduates = [examination.teacher_row(history.tokens, seconds)]
        for student in train_students(survey.model, taught.model_dump(), p, text, work):
            trained.append(student)
            graduates.append(examination.student_row(student))
            print(graduates[-1], flush=True)
        return [asdict(row) for row in graduates]

    def combined() -> list[dict[str, Any]]:
        best = min((s for s in trained if s.way in ("logits", "hidden")), key=lambda s: s.loss)
        small = Original("student", best.model.cpu(), pieces, taught.seq_len, None)
        again = Survey(small, rows["test"], survey.windows.cpu(), p, work / "student")
        return [asdict(row) | {"errors": None} for row in surveyed(again)]

    english = np.load(folder / "english.npy")
    trained: list[Any] = []
    foreign = windows(english, p, p.language_windows)
    measures: dict[str, Callable[[], Any]] = {
        "schemes": lambda: [asdict(row) for row in surveyed(survey)],
        "calibration": lambda: [asdict(row) for row in calibration_languages(survey, foreign)],
        "mixed": mixed,
        "students": students,
        "combined": combined,
    }
    for part in parts or measures:
        keep(results, part, measures[part])


if __name__ == "__main__":
    sizes = [int(word) for word in sys.argv[2:] if word[0].isdigit()]
    named = [word for word in sys.argv[2:] if not word[0].isdigit()]
    main(Path(sys.argv[1]), *(sizes + [30_000_000, 6_000_000][len(sizes) :]), named)
