"""Intrinsic measures (thesis 4.4.1.1): loss, perplexity, accuracy, and bits per byte.

Loss and perplexity count per token and so compare only models that share a tokenizer. Bits per
byte count per byte of the text itself and compare them all.
"""

import math
from dataclasses import dataclass

from torch import nn

from brnb.models.likelihood import likelihood
from brnb.train.rows import TokenRow


@dataclass(frozen=True)
class Intrinsic:
    """Loss in nats per token, perplexity e^loss, accuracy as a share, bits per byte of text."""

    loss: float
    perplexity: float
    accuracy: float
    bits_per_byte: float
    tokens: int
    documents: int


def evaluate(model: nn.Module, row: TokenRow, window: int) -> Intrinsic:
    """Evaluate on a whole row of documents, in fixed windows that each start from nothing.

    Bits per byte is nats / (ln 2 · bytes), with the bytes of the text in UTF-8 plus one for the
    end of each document, whatever the tokenizer.
    """
    found = likelihood(model, row.ids, window)
    return Intrinsic(
        loss=found.loss,
        perplexity=math.exp(found.loss),
        accuracy=found.correct / found.tokens,
        bits_per_byte=found.nats / (math.log(2) * row.text_bytes),
        tokens=found.tokens,
        documents=row.documents,
    )
