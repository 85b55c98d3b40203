"""Text of registers that no version trained on: what a model is worth beyond its corpus.

The test split is held out by document, and has the registers of the training text. Here the whole
register is held out: a source that the corpus does not have, cleaned by the corpus' own rules,
without what nearly repeats a training document.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from brnb import data
from brnb.evaluate.intrinsic import DocumentNats, by_document
from brnb.fingerprint import digest
from brnb.receipt import read_receipt
from brnb.text.clean import clean_text, early
from brnb.text.finished import Document, texts
from brnb.text.held_out import drawn_order
from brnb.text.overlap import Overlap
from brnb.text.personal_data import mask
from brnb.text.reader import Quarantine, expand, read_documents
from brnb.train.params import TrainParams
from brnb.train.rows import ResultText, encode, hashed_tokenizer


def load_unseen(
    source: str, count: int, params: TrainParams, corpora: Path, tokenizers: Path, work: Path
) -> tuple[ResultText, int]:
    """Draw documents of a source that the corpus does not have, as a run's token ids.

    Parameters
    ----------
    source
        ``sample``, whose opinions, questions and everyday sentences stand in no corpus, or as for
        chapter 02: files or folders with their registers.
    count
        Documents, at most; every register has its share.
    params
        Name the tokenizer, the cleaning and the seed of the draw.
    corpora, tokenizers
        Folders of the runs ``corpus``, whose rules clean this text too, and ``tokenizer``.
    work
        For caches.

    Returns
    -------
    text
        The documents drawn.
    repeated
        How many were left out because training text nearly repeats them.

    Raises
    ------
    ValueError
        If nothing is left; and as `read_documents`.
    """
    told = read_receipt(corpora / "receipt.json").params
    documents = [
        replace(document, text=form)
        for document in _documents(source, params.seed, told["max_malformed_share"], work)
        if (form := _cleaned(document.text, params.cleaning, told))
    ]
    known = Overlap([document.text for document in documents], told["near_duplicate"])
    repeats = {n for text in texts(corpora, params.cleaning, "train") for n in known.all(text)}
    order = [place for place in drawn_order(documents, params.seed) if place not in repeats]
    chosen = [documents[place] for place in order[:count]]
    if not chosen:
        raise ValueError(
            f"unseen text {source!r}: nothing left of {len(documents)} documents, of which "
            f"training text repeats {len(repeats)}: name a source that the corpus does not have"
        )
    tokenizer, hashes = hashed_tokenizer(tokenizers, params.tokenizer)
    drawn = [document.text for document in chosen]
    row = encode(drawn, tokenizer, work / "unseen", digest([hashes, drawn]))
    return ResultText(row, tuple(document.register for document in chosen)), len(repeats)


def _documents(source: str, seed: int, malformed: float, work: Path) -> Iterator[Document]:
    if expand(source) == "sample":
        yield from sample_documents()
        return
    work.mkdir(parents=True, exist_ok=True)
    with Quarantine(work / "unseen_quarantine.jsonl", malformed) as quarantine:
        yield from read_documents(source, documents=None, seed=seed, quarantine=quarantine)
        quarantine.check()


def sample_documents() -> Iterator[Document]:
    """Embedded text beside the sample corpus: opinions, everyday sentences, questions.

    All were written for chapter 15, which asks models about them; here they are only read.
    """
    opinions = data.read("extrinsic/questions/sentimento.yaml")
    sentences = data.read("extrinsic/questions/traducao.yaml")["items"]
    questions = data.read("extrinsic/questions/expressoes.yaml")["items"]
    lines = {
        "opiniões": [*opinions["positivo"], *opinions["negativo"]],
        "frases": [item["pt"] for item in sentences],
        "perguntas": [f"{item['question']} {item['options'][0]}." for item in questions],
    }
    for register, written in lines.items():
        for number, text in enumerate(written):
            yield Document(f"{register}-{number:02d}", "", text, "sample", register)


def _cleaned(text: str, cleaning: str, rules: Mapping[str, Any]) -> str:
    """A text as the corpus would have it, by the parameters of its run."""
    text, _ = clean_text(text, rules["min_chars"], rules["min_letters"])
    text, _ = mask(text, rules["mask_personal_data"])
    return early(text) if cleaning == "early" else text


@dataclass(frozen=True)
class RegisterLead:
    """Two models on the documents of one register, or of all (``""``).

    Attributes
    ----------
    first, second
        Bits per byte.
    change, low, high
        The second less the first, paired by document, with the interval; a single document has
        none.
    """

    register: str
    documents: int
    first: float
    second: float
    change: float
    low: float | None
    high: float | None


def read_unseen(model: nn.Module, text: ResultText, window: int, end: int) -> DocumentNats:
    """What each document costs a model, with its register.

    Parameters are those of `brnb.evaluate.intrinsic.by_document`.
    """
    costs = by_document(model, text.row, window, end)
    return replace(costs, registers=text.registers)


def register_leads(
    first: DocumentNats, second: DocumentNats, resamples: int, seed: int
) -> list[RegisterLead]:
    """Compare two models on all documents and on those of each register.

    Parameters
    ----------
    first, second
        Of the same documents, with their registers.
    resamples, seed
        Of the bootstrap over documents.

    Raises
    ------
    ValueError
        If the documents are not the same.
    """
    parts = {"": (first, second)}
    parts |= {n: (first.of_register(n), second.of_register(n)) for n in sorted({*first.registers})}
    compared = []
    for register, (one, other) in parts.items():
        change = other.minus(one)
        low, high = change.interval(resamples, seed) if len(one.nats) > 1 else (None, None)
        bits = one.bits_per_byte, other.bits_per_byte, change.bits_per_byte
        compared.append(RegisterLead(register, len(one.nats), *bits, low, high))
    return compared
