"""Chapters 04 to 10: what every version of Track 1 shows of its training, and what it leaves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from brnb.evaluate import records
from brnb.evaluate.intrinsic import Intrinsic, by_document
from brnb.evaluate.legibility import Legibility, legibility, lexicon
from brnb.models.store import save
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.text import finished
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.generate.samples import Sample
    from brnb.models.recurrent import RecurrentLM
    from brnb.models.transformer import TransformerLM
    from brnb.tokenizers import Tokenizer
    from brnb.train.history import History
    from brnb.train.rows import Rows

BILLION = 1e9
COLUMNS = {
    "tab07": ("hours", "tokens_billion", "loss", "ppl", "accuracy", "bits_per_byte"),
    "tab08": ("epochs", "hours", "tokens_billion", "ppl", "bits_per_byte"),
    "tab09": ("hours", "tokens_billion", "val_loss", "val_ppl", "bits_per_byte"),
}
PRINTED = {"tokens_billion": "tokens", "accuracy": "acc"}  # names in published.yaml
MEASURES = (
    *("fallback_ratio", "short_piece_ratio", "guardrails_pass"),
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
    table: str, run: str, result: Intrinsic, history: "History", lang: str
) -> "pd.DataFrame":
    """The rows of one run in a published table (``tab07`` to ``tab09``): published and ours."""
    return beside_published(table, {run: result}, {run: history}, lang)


def beside_published(
    table: str,
    results: Mapping[str, Intrinsic],
    histories: Mapping[str, "History"],
    lang: str,
) -> "pd.DataFrame":
    """Two rows a run of one published table: the dissertation's, then ours.

    Where the dissertation has none of the runs (a larger v6), one row each: ours.

    Parameters
    ----------
    table
        ``tab07``, ``tab08`` or ``tab09``: losses in nats per token, accuracy in percent, tokens in
        billions, epochs in passes over the corpus.
    results, histories
        By run id; other runs of the table are left out.
    lang
        Language of the cells.
    """
    printed = {row["run"]: row for row in load("published", table, "rows")}
    rows: list[dict[str, Any]] = []
    for run in [name for name in printed if name in results] or results:
        if run in printed:
            texts = {name: printed[run].get(PRINTED.get(name, name)) for name in COLUMNS[table]}
            values = {name: None if text is None else float(text) for name, text in texts.items()}
            rows.append({"run": run, "source": label("published", lang)} | values)
        ours = _measured(results[run], histories[run])
        columns = {name: ours[name] for name in COLUMNS[table]}
        rows.append({"run": run, "source": label("ours", lang)} | columns)
    return frame(rows)


def _measured(result: Intrinsic, history: "History") -> dict[str, float | None]:
    """Our values of every column that one of the tables has."""
    one_pass = history.pass_tokens
    return {
        "epochs": history.tokens / one_pass if one_pass else None,
        "hours": history.seconds / 3600,
        "tokens_billion": history.tokens / BILLION,
        "loss": result.loss,
        "val_loss": result.loss,
        "ppl": result.perplexity,
        "val_ppl": result.perplexity,
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
    samples: Iterable["Sample"], tokenizer: "Tokenizer", corpus: Path, cleaning: str
) -> Legibility:
    """Measure generated text by the words of the text that its model was trained on.

    Parameters
    ----------
    samples
        Of one model.
    tokenizer
        The model's.
    corpus, cleaning
        Folder of run ``corpus``, and which of its texts the model read.
    """
    known = lexicon(finished.texts(corpus, cleaning, "train"))
    return legibility(tokenizer, [sample.ids for sample in samples], known)


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
    rows: "Rows",
    window: int,
    history: "History",
    result: Intrinsic,
    samples: Sequence["Sample"],
    legible: Legibility,
) -> None:
    """Leave what other chapters read: weights, curves, samples, documents' nats, metrics, numbers.

    Parameters
    ----------
    run
        The open run.
    model, rows, window
        Trained model, its text, and the tokens of a window in which documents are evaluated.
    history, result, samples, legible
        Of the training, its evaluation, and the text it generates.
    """
    save(model, run.folder)
    documents = by_document(model, rows.validation, window, rows.tokenizer.eos_id)
    records.write_record(run.folder, history, samples, documents)
    for name, value in {**asdict(result), **asdict(legible)}.items():
        run.metric(name, value)
    run.number("val_loss", result.loss, decimals=3)
    run.number("val_ppl", result.perplexity, decimals=2)
    run.number("bits_per_byte", result.bits_per_byte, decimals=3)
    run.number("tokens_per_second", history.resources()["tokens_per_second"], decimals=0)
