"""Chapters 04 to 10: what every version of Track 1 shows of its training, and what it leaves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from brnb.evaluate import records
from brnb.evaluate.calibration import calibrated_limits
from brnb.evaluate.intrinsic import Evaluation, Intrinsic
from brnb.evaluate.legibility import Legibility, legibility, lexicon
from brnb.models.store import save
from brnb.report.labels import label
from brnb.report.tables import AsPrinted, frame
from brnb.text import finished
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.generate.samples import Sample
    from brnb.models.recurrent import RecurrentLM
    from brnb.models.transformer import TransformerLM
    from brnb.tokenizers import Tokenizer
    from brnb.train.history import History
    from brnb.train.params import TrainParams

BILLION = 1e9
FIGURES = 3  # significant digits of our tokens in billions: a short run has few of them
COLUMNS = {
    "tab07": ("architecture", "hours", "tokens_billion", "loss", "ppl", "accuracy"),
    "tab08": ("rnn", "vocab", "epochs", "hours", "tokens_billion", "ppl"),
    "tab09": ("tokenizer", "hours", "tokens_billion", "loss", "ppl"),
}
PRINTED: dict[str, tuple[str, ...]] = {
    "tokens_billion": ("tokens",),
    "accuracy": ("acc",),
}  # names in published.yaml
PRINTED |= {"loss": ("loss", "val_loss"), "ppl": ("ppl", "val_ppl")}
WORDS = ("architecture", "rnn", "vocab", "tokenizer")  # columns that are no numbers
MEASURES = (
    *("fallback_ratio", "fallback_limit", "short_piece_ratio", "short_piece_limit"),
    *("empty_samples", "guardrails_pass"),
    *("repetition", "dictionary_share", "language_share"),
)


class OpenRun(Protocol):
    """The part of `brnb.run.Run`, which stands above this room, that a version writes to."""

    folder: Path

    def metric(self, name: str, value: Any) -> None:
        """Record a result."""

    def number(self, name: str, value: Any, decimals: int | None = None) -> None:
        """Record a number of the running text."""


def tab_run(
    table: str, params: "TrainParams", result: Evaluation, history: "History"
) -> "pd.DataFrame":
    """The rows of one run in a published table (``tab07`` to ``tab09``): published and ours."""
    run, told = params.run_id, params.model_dump()
    record = records.Record(run, told, result.test, history, None, None, None, result.validation)
    return beside_published(table, [record], params.lang)


def beside_published(table: str, measured: Iterable["records.Record"], lang: str) -> "pd.DataFrame":
    """Three rows a run of one published table: the dissertation's as printed, ours on the test
    split, and ours on validation.

    Where the dissertation has none of the runs (a larger v6), only ours.

    Parameters
    ----------
    table
        ``tab07``, ``tab08`` or ``tab09``: losses in nats per token, accuracy in percent, tokens in
        billions, epochs in passes over the corpus.
    measured
        Our runs; those of other tables are left out.
    lang
        Language of the cells.
    """
    printed = {row["run"]: row for row in load("published", table, "rows")}
    ours = {record.run: record for record in measured}
    rows: list[dict[str, Any]] = []
    for run in [name for name in printed if name in ours] or ours:
        if run in printed:
            published = {"run": run, "source": label("published", lang)}
            rows.append(published | _printed(table, printed[run]) | {"bits_per_byte": None})
        for split, result in (("test", ours[run].result), ("validation", ours[run].validation)):
            if result is not None:
                values = _measured(ours[run], result)
                source = {"run": run, "source": label(f"ours_{split}", lang)}
                columns = {name: values[name] for name in (*COLUMNS[table], "bits_per_byte")}
                rows.append(source | columns)
    return frame(rows)


def _printed(table: str, row: Mapping[str, str]) -> dict[str, Any]:
    """Cells of a published row, numbers with the decimals that they are printed with."""
    cells: dict[str, Any] = {}
    for name in COLUMNS[table]:
        text = next((row[key] for key in PRINTED.get(name, (name,)) if key in row), None)
        cells[name] = text if name in WORDS or text is None else AsPrinted(text)
    return cells


def _measured(record: "records.Record", result: Intrinsic) -> dict[str, Any]:
    """Our values of every column that one of the tables has."""
    history, params = record.history, record.params
    one_pass = history.pass_tokens
    cell = str(params.get("cell", "")).upper()
    shape = f"{params.get('layers')} × {params.get('hidden_size') or params.get('width')}"
    return {
        "architecture": f"{cell} {shape}",
        "rnn": f"{cell} {shape}",
        "vocab": params.get("tokenizer"),
        "tokenizer": params.get("tokenizer"),
        "epochs": history.tokens / one_pass if one_pass else None,
        "hours": history.seconds / 3600,
        "tokens_billion": AsPrinted(f"{history.tokens / BILLION:.{FIGURES}g}"),
        "loss": result.loss,
        "ppl": result.perplexity,
        "accuracy": 100 * result.accuracy,
        "bits_per_byte": result.bits_per_byte,
    }


def tab_samples(samples: Iterable["Sample"], characters: int = 300) -> "pd.DataFrame":
    """Prompt, seed and continuation of each sample, cut to a printable length.

    A prompt stands beside the first of its samples only.
    """
    rows, last = [], None
    for sample in samples:
        prompt = "" if sample.prompt == last else sample.prompt
        rows.append({"prompt": prompt, "seed": sample.seed, "text": sample.text[:characters]})
        last = sample.prompt
    return frame(rows)


def read_samples(
    samples: Sequence["Sample"], tokenizer: "Tokenizer", corpus: Path, params: "TrainParams"
) -> Legibility:
    """Measure generated text by the words of the text that its model was trained on.

    The guardrails' limits are those that validation text passes in excerpts of the same length.

    Parameters
    ----------
    samples
        Of one model.
    tokenizer
        The model's.
    corpus
        Folder of run ``corpus``.
    params
        Of the run.
    """
    known = lexicon(finished.texts(corpus, params.cleaning, "train"))
    held_out = finished.texts(corpus, params.cleaning, "validation")
    limits = calibrated_limits(
        tokenizer,
        list(islice(held_out, params.validation_documents)),
        tokens=params.sample_tokens,
        samples=len(samples),
        seed=params.seed,
    )
    return legibility(tokenizer, [sample.ids for sample in samples], known, limits)


def tab_legibility(measured: Mapping[str, Legibility | None]) -> "pd.DataFrame":
    """All measures of generated text, one row a run; missing where a run left no samples."""
    rows = [
        {"run": run} | {name: getattr(legible, name, None) for name in MEASURES}
        for run, legible in measured.items()
    ]
    return frame(rows)


def leave(
    run: OpenRun,
    model: "RecurrentLM | TransformerLM",
    history: "History",
    result: Evaluation,
    samples: Sequence["Sample"],
    legible: Legibility,
) -> None:
    """Leave what other chapters read: weights, curves, samples, documents' nats, metrics, numbers.

    Measures of the test split have their own names, those of validation begin with it.

    Parameters
    ----------
    run
        The open run.
    model
        Trained.
    history, result, samples, legible
        Of the training, its evaluation, and the text it generates.

    Raises
    ------
    ValueError
        If the evaluation lacks a split.
    """
    documents, validation = result.documents, result.validation
    if documents is None or validation is None:
        raise ValueError("a version leaves results of both splits: use evaluate_splits")
    save(model, run.folder)
    records.write_record(run.folder, history, samples, documents)
    for name, value in {**asdict(result.test), **asdict(legible)}.items():
        run.metric(name, value)
    for name, value in asdict(validation).items():
        run.metric(f"validation_{name}", value)
    run.number("val_loss", validation.loss, decimals=3)
    run.number("val_ppl", validation.perplexity, decimals=2)
    run.number("test_loss", result.test.loss, decimals=3)
    run.number("test_ppl", result.test.perplexity, decimals=2)
    run.number("bits_per_byte", result.test.bits_per_byte, decimals=3)
    run.number("tokens_per_second", history.resources()["tokens_per_second"], decimals=0)
