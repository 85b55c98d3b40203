"""Models of one tokenizer on the same held-out text, whatever cleaning they were trained on.

The alignment of the dissertation (4.4.1.7) compares losses of two texts. Here both models read
both texts, and differences are paired by document.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from brnb.evaluate.intrinsic import DocumentNats, by_document
from brnb.evaluate.records import Record
from brnb.models.load import load_language_model
from brnb.text.finished import CLEANINGS
from brnb.tokenizers import load_tokenizer
from brnb.train.device import pick_device
from brnb.train.rows import HeldOutChoice, load_result_text


@dataclass(frozen=True)
class Reading:
    """A model on the text of one cleaning, beside the first model on the same documents.

    Attributes
    ----------
    cleaning, trained
        Of the text, and of the one that the model was trained on.
    change, low, high
        Bits per byte more than the first model's, with the paired interval over documents; None
        for the first itself.
    """

    run: str
    cleaning: str
    trained: str
    bits_per_byte: float
    change: float | None
    low: float | None
    high: float | None


def read_both_cleanings(
    runs: Sequence[tuple[Record, Path]], corpora: Path, tokenizers: Path, work: Path,
    resamples: int, seed: int,
) -> list[Reading]:  # fmt: skip
    """Evaluate trained models on the test text of both cleanings.

    Parameters
    ----------
    runs
        Records and folders of runs with one tokenizer, the one to compare with first.
    corpora, tokenizers
        Folders of the runs ``corpus`` and ``tokenizer``.
    work
        For caches.
    resamples, seed
        Of the bootstrap.

    Raises
    ------
    ValueError
        If the runs do not share a tokenizer.
    """
    names = {record.params["tokenizer"] for record, _ in runs}
    if len(names) != 1:
        raise ValueError(f"{len(names)} tokenizers, {', '.join(sorted(names))}: give runs of one")
    (name,) = names
    count = runs[0][0].params["validation_documents"]
    end = load_tokenizer(tokenizers / name).eos_id
    readings: list[Reading] = []
    for cleaning in CLEANINGS:
        choice = HeldOutChoice(name, cleaning, count)
        text = load_result_text(corpora, tokenizers, choice, work / cleaning)
        first: DocumentNats | None = None
        for record, folder in runs:
            window = record.params["seq_len"]
            model = load_language_model(folder).to(pick_device("auto"))
            documents = by_document(model, text.row, window, end)
            readings.append(_reading(record, cleaning, documents, first, resamples, seed))
            first = first or documents
    return readings


def _reading(
    record: Record, cleaning: str, documents: DocumentNats, first: DocumentNats | None,
    resamples: int, seed: int,
) -> Reading:  # fmt: skip
    told = record.run, cleaning, record.params["cleaning"], documents.bits_per_byte
    if first is None:
        return Reading(*told, None, None, None)
    change = documents.minus(first)
    return Reading(*told, change.bits_per_byte, *change.interval(resamples, seed))
