"""All tokenizers of the thesis, trained and measured side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from brnb.progress import Bar
from brnb.text import finished
from brnb.text.draw import draw_bytes
from brnb.tokenizers import Tokenizer, load_tokenizer
from brnb.tokenizers.char import CharTokenizer
from brnb.tokenizers.fragmentation import Fragmentation, fragmentation
from brnb.tokenizers.hf import mismatches, to_hf
from brnb.tokenizers.params import Subword, SubwordSpec, TokenizerParams
from brnb.tokenizers.subword import SubwordTokenizer


@dataclass(frozen=True)
class TokenizerEntry:
    """A trained tokenizer, the cleaning it belongs to, and what was measured.

    Attributes
    ----------
    lossless
        Share of the measured documents that come back from encoding and decoding unchanged.
    export_mismatches
        Documents that the exported Hugging Face tokenizer encodes otherwise; None without export.
    """

    tokenizer: Tokenizer
    cleaning: str
    kind: str
    measures: Fragmentation
    lossless: float
    export_mismatches: int | None


def train_all(corpora: Path, folder: Path, params: TokenizerParams) -> list[str]:
    """Train and save every tokenizer of the chapter in ``folder/<name>``.

    Subword vocabularies are also exported in Hugging Face's format, in ``folder/<name>/hf``.

    Parameters
    ----------
    corpora
        Folder of run ``corpus``.
    folder
        Where the tokenizers go.
    params
        Which ones, and on how much text: documents of the training split that hashes draw.

    Returns
    -------
    list of str
        Their names, characters first.
    """
    characters = [f"char_{cleaning}" for cleaning in params.characters]
    jobs: list[str | Subword] = [*params.characters, *params.subwords]
    for job in (bar := Bar(jobs, desc="train", unit="tokenizer")):
        if isinstance(job, Subword):
            bar.set_postfix_str(job.name)
            stream = finished.texts(corpora, job.cleaning, "train")
            texts = draw_bytes(stream, params.training_bytes, params.seed, b"tokenizer")
            spec = SubwordSpec(**job.model_dump(exclude={"cleaning"}))
            to_hf(SubwordTokenizer.train(texts, spec, folder / job.name), folder / job.name / "hf")
        else:
            name = f"char_{job}"
            bar.set_postfix_str(name)
            everything = finished.texts(corpora, job, "train")
            CharTokenizer.train(everything, name=name).save(folder / name)
    return characters + [spec.name for spec in params.subwords]


def measure(corpora: Path, folder: Path, params: TokenizerParams) -> list[TokenizerEntry]:
    """Measure every trained tokenizer on the validation documents of its own cleaning."""
    kinds = {f"char_{c}": ("char", c) for c in params.characters}
    kinds |= {spec.name: (spec.kind, spec.cleaning) for spec in params.subwords}
    entries = []
    for name, (kind, cleaning) in (bar := Bar(kinds.items(), desc="measure", unit="tokenizer")):
        bar.set_postfix_str(name)
        tokenizer = load_tokenizer(folder / name)
        texts = evaluation_texts(corpora, cleaning, params)
        exported = None if kind == "char" else folder / name / "hf"
        back = [tokenizer.decode(ids) == text for ids, text in _encoded(tokenizer, texts)]
        entries.append(
            TokenizerEntry(
                tokenizer=tokenizer,
                cleaning=cleaning,
                kind=kind,
                measures=fragmentation(tokenizer, texts),
                lossless=sum(back) / len(back),
                export_mismatches=None
                if exported is None
                else mismatches(tokenizer, exported, texts),
            )
        )
    return entries


def evaluation_texts(corpora: Path, cleaning: str, params: TokenizerParams) -> list[str]:
    """The validation documents of a cleaning that tokenizers are measured on: a sample of them."""
    texts = finished.texts(corpora, cleaning, "validation")
    return list(islice(texts, params.evaluation_documents))


def _encoded(tokenizer: Tokenizer, texts: list[str]) -> Iterator[tuple[list[int], str]]:
    return zip(tokenizer.encode_batch(texts), texts, strict=True)
