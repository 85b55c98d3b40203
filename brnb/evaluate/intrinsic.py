"""Intrinsic measures (thesis 4.4.1.1): loss, perplexity, accuracy, and bits per byte.

Loss and perplexity count per token and so compare only models that share a tokenizer. Bits per
byte count per byte of the text itself and compare them all.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from brnb.evaluate.intervals import ratio_interval
from brnb.models.likelihood import likelihood, token_nats

if TYPE_CHECKING:
    from brnb.train.rows import ResultText, Rows, TokenRow


@dataclass(frozen=True)
class Intrinsic:
    """Loss in nats per token, perplexity e^loss, accuracy as a share, bits per byte of text."""

    loss: float
    perplexity: float
    accuracy: float
    bits_per_byte: float
    tokens: int
    documents: int


def evaluate(model: nn.Module, row: "TokenRow", window: int) -> Intrinsic:
    """Evaluate on a whole row of documents, in fixed windows that each start from nothing.

    Bits per byte is nats / (ln 2 · bytes), with the bytes of the text in UTF-8 plus one for the
    end of each document, whatever the tokenizer.
    """
    total = likelihood(model, row.ids, window)
    return Intrinsic(
        loss=total.loss,
        perplexity=math.exp(total.loss),
        accuracy=total.correct / total.tokens,
        bits_per_byte=total.nats / (math.log(2) * row.text_bytes),
        tokens=total.tokens,
        documents=row.documents,
    )


@dataclass(frozen=True)
class DocumentNats:
    """What each document costs a model.

    Attributes
    ----------
    nats, bytes
        Shape (documents,).
    registers
        Kind of text of each, if it is known.
    """

    nats: np.ndarray
    bytes: np.ndarray
    registers: tuple[str, ...] = ()

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of all documents together."""
        return float(self.nats.sum() / (math.log(2) * self.bytes.sum()))

    def of_register(self, register: str) -> "DocumentNats":
        """The documents of one register."""
        chosen = [place for place, name in enumerate(self.registers) if name == register]
        return DocumentNats(self.nats[chosen], self.bytes[chosen], (register,) * len(chosen))

    def minus(self, other: "DocumentNats") -> "DocumentNats":
        """Differences of nats on the same documents, for a paired interval.

        Raises
        ------
        ValueError
            If the documents are not the same.
        """
        if not np.array_equal(self.bytes, other.bytes):
            raise ValueError(
                "the two runs were not evaluated on the same documents: run both again"
            )
        return DocumentNats(self.nats - other.nats, self.bytes, self.registers)

    def interval(self, resamples: int, seed: int, confidence: float = 0.95) -> tuple[float, float]:
        """Studentised bootstrap of bits per byte over documents.

        Each draw of documents is a ratio of sums, so long documents weigh more, as in the measure
        itself. The same seed draws the same documents for every model that was evaluated on them.
        """
        bits = self.nats / math.log(2)
        return ratio_interval(bits, self.bytes, resamples, seed, confidence)


def by_document(model: nn.Module, row: "TokenRow", window: int, end: int) -> DocumentNats:
    """Likelihood of each document of a row, in the windows of `evaluate`; the nats add up to its.

    Parameters
    ----------
    model, row, window
        As for `evaluate`.
    end
        The token that closes a document, and counts to it.
    """
    ids = np.asarray(row.ids)
    document = np.cumsum(ids == end) - (ids == end)
    nats = token_nats(model, row.ids, window)
    total = np.bincount(document[1:], weights=nats, minlength=row.documents)
    return DocumentNats(total, np.asarray(row.document_bytes, dtype=np.float64))


@dataclass(frozen=True)
class Evaluation:
    """A trained model on the test split, which is reported, and on validation beside it.

    Attributes
    ----------
    test, validation
        Both in the same windows; `validation` is None where a run did not leave it.
    documents
        Of the test split; None where a run did not leave them.
    """

    test: Intrinsic
    validation: Intrinsic | None
    documents: DocumentNats | None


def evaluate_splits(model: nn.Module, rows: "Rows", text: "ResultText", window: int) -> Evaluation:
    """Evaluate a model that stays as it is on both held-out splits.

    Parameters
    ----------
    model, window
        As for `evaluate`.
    rows, text
        What the model was trained and chosen on (`load_rows`), and the test split
        (`load_result_text`).
    """
    documents = by_document(model, text.row, window, rows.tokenizer.eos_id)
    return Evaluation(
        test=evaluate(model, text.row, window),
        validation=evaluate(model, rows.validation, window),
        documents=replace(documents, registers=text.registers),
    )


def bits_per_nat(row: "TokenRow") -> float:
    """Bits per byte that a loss of 1 nat per token is on a row; its first token is given."""
    return (len(row.ids) - 1) / (math.log(2) * row.text_bytes)
