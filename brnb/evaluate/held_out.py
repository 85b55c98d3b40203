"""The validation text of a run that another chapter trained."""

from itertools import islice
from pathlib import Path

from brnb.evaluate.records import Record
from brnb.fingerprint import digest
from brnb.receipt import describe
from brnb.text import finished
from brnb.tokenizers import Tokenizer, load_tokenizer
from brnb.train.rows import TokenRow, encode


def validation(
    record: Record, corpora: Path, tokenizers: Path, work: Path
) -> tuple[TokenRow, Tokenizer]:
    """The documents that a run was evaluated on, as its token ids, and its tokenizer.

    Parameters
    ----------
    record
        The run.
    corpora, tokenizers
        Folders of runs ``corpus`` and ``tokenizer``.
    work
        This chapter's folder for caches.
    """
    tokenizer = load_tokenizer(tokenizers / record.params["tokenizer"])
    cleaning = record.params["cleaning"]
    count = record.params["validation_documents"]
    text = describe(corpora / cleaning / "validation.jsonl").sha256
    texts = islice(finished.texts(corpora, cleaning, "validation"), count)
    identity = digest([record.params["tokenizer"], text, count])
    return encode(texts, tokenizer, work / record.run, identity), tokenizer
