"""SentencePiece subwords, from v4 on (dissertation, sections 3.1.2 and 4.3.1.2).

Settings that hold for every vocabulary of the project, and why:

- ``identity`` normalisation and no removal of blanks. The default ``nmt_nfkc`` writes º as o and
  a newline as a space. The text arrives in NFC, from the cleaning.
- The alphabet of Portuguese is always in the vocabulary (`ALPHABET`, through ``required_chars``):
  at the usual coverage of 0.9995 the rarer of its own characters (ª, Ú, À, “[”) would fall out.
  As it covers ASCII, text that spells a special symbol (``</s>``, ``<0x41>``) is always encoded as
  the plain text it is, here and in the exported fast tokenizer.
- Newline belongs to that alphabet, and training passages keep their inner newlines, so that it
  survives the round trip without byte fallback too.
- Tab is SentencePiece's own boundary mark and can be no part of a learned piece, hence a
  user-defined symbol of one character.

What is lossy. With byte fallback ``decode(encode(x)) == x`` for every text but one: U+2581 (▁), the
mark SentencePiece uses for a blank, comes back as a blank. Without byte fallback the same holds
for text over the alphabet; a run of other characters becomes one ``<unk>`` and decodes to U+FFFD.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from brnb.tokenizers.params import SubwordSpec

BLANK = "▁"
REPLACEMENT = "\ufffd"
ALPHABET = (
    "\n\u00a0"
    + "".join(map(chr, range(ord("!"), ord("~") + 1)))
    + "áàâãçéêíóôõúüÁÀÂÃÇÉÊÍÓÔÕÚÜ"
    + "\u0300\u0301\u0302\u0303\u0308\u0327"  # the accents of the above when decomposed (NFD)
    + "ªº°§–—…‘’“”«»•€"
)
SILENT = 2  # SentencePiece logs from level "error" up


class SubwordTokenizer:
    """A SentencePiece model and the settings that made it.

    Ids: ``<unk>`` 0, ``<s>`` 1, ``</s>`` 2, ``<pad>`` 3, tab 4, then the byte pieces if there are
    any, then the learned pieces.

    Parameters
    ----------
    spec
        The settings of the training.
    model
        The serialised SentencePiece model.
    """

    MODEL_FILE: ClassVar[str] = "tokenizer.model"
    SPEC_FILE: ClassVar[str] = "tokenizer_spec.json"

    unk_id: int = 0
    bos_id: int = 1
    eos_id: int = 2
    pad_id: int = 3

    def __init__(self, spec: SubwordSpec, model: bytes) -> None:
        self.spec = spec
        self.name = spec.name
        self.model = model
        self.processor = SentencePieceProcessor(model_proto=model)
        self.vocab_size: int = self.processor.vocab_size()

    @classmethod
    def train(cls, texts: Iterable[str], spec: SubwordSpec, folder: Path) -> "SubwordTokenizer":
        """Learn a vocabulary and save it; the same texts and settings give the same bytes.

        Parameters
        ----------
        texts
            NFC documents, read once, as a stream.
        spec
            The settings.
        folder
            Where `save` puts the result.

        Raises
        ------
        ValueError
            If the vocabulary is too large or too small for the text, or the text is empty.
        """
        model = io.BytesIO()
        try:
            SentencePieceTrainer.train(
                sentence_iterator=passages(texts, spec.max_sentence_length),
                model_writer=model,  # a path would be written into the model, and change its bytes
                model_type=spec.kind,
                **spec.model_dump(exclude={"name", "kind"}),
                normalization_rule_name="identity",
                remove_extra_whitespaces=False,
                add_dummy_prefix=True,
                unk_id=cls.unk_id,
                bos_id=cls.bos_id,
                eos_id=cls.eos_id,
                pad_id=cls.pad_id,
                unk_surface=REPLACEMENT,
                user_defined_symbols=["\t"],
                required_chars=ALPHABET,
                minloglevel=SILENT,
            )
        except RuntimeError as error:
            if (advice := _advice(spec, str(error))) is None:
                raise
            raise ValueError(advice) from error
        tokenizer = cls(spec, model.getvalue())
        tokenizer.save(folder)
        return tokenizer

    @classmethod
    def load(cls, folder: Path) -> "SubwordTokenizer":
        """Read back what `save` wrote; a missing or malformed file is named in the error."""
        spec, model = Path(folder) / cls.SPEC_FILE, Path(folder) / cls.MODEL_FILE
        file = spec
        try:
            settings = SubwordSpec.model_validate_json(spec.read_bytes())
            file = model
            return cls(settings, model.read_bytes())
        except (ValueError, RuntimeError) as error:  # SentencePiece's are RuntimeErrors
            raise ValueError(
                f"{file}: not of a tokenizer ({error}). Run 03_tokenizer to write it again."
            ) from None

    def save(self, folder: Path) -> list[Path]:
        """Write ``tokenizer.model`` (plain SentencePiece) and ``tokenizer_spec.json``."""
        model, spec = Path(folder) / self.MODEL_FILE, Path(folder) / self.SPEC_FILE
        model.parent.mkdir(parents=True, exist_ok=True)
        model.write_bytes(self.model)
        spec.write_text(self.spec.model_dump_json(indent=1) + "\n", encoding="utf-8", newline="\n")
        return [model, spec]

    @cached_property
    def byte_ids(self) -> frozenset[int]:
        """Ids of the byte-fallback pieces."""
        return frozenset(i for i in range(self.vocab_size) if self.processor.is_byte(i))

    @cached_property
    def token_bytes(self) -> tuple[bytes, ...]:
        """UTF-8 bytes of each id; joined over `encode`, a blank and then the text."""
        return tuple(self._bytes_of(i) for i in range(self.vocab_size))

    def _bytes_of(self, index: int) -> bytes:
        piece: str = self.processor.id_to_piece(index)
        if self.processor.is_control(index):
            return b""
        if self.processor.is_unknown(index):
            return REPLACEMENT.encode()
        if self.processor.is_byte(index):
            return bytes([int(piece[3:5], 16)])  # "<0x41>"
        return piece.replace(BLANK, " ").encode()

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without special tokens."""
        return self.processor.encode(text)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of many texts, in order, on all cores."""
        return self.processor.encode(list(texts), num_threads=-1)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids, without control symbols; invalid byte sequences become U+FFFD."""
        return self.processor.decode([int(i) for i in ids])

    def pieces(self, text: str) -> list[str]:
        """Pieces of a text; ``▁`` marks a blank and ``<0xC3>`` a byte."""
        return self.processor.id_to_piece(self.encode(text))


def passages(texts: Iterable[str], max_bytes: int) -> Iterator[str]:
    r"""Cut texts into the passages SentencePiece trains on.

    SentencePiece drops, with no more than a log line, what is longer than its limit, and what
    holds U+2585, its mark for rare characters. Here a long text is cut at the last newline that
    fits, else at the last blank, else inside the word; and U+2585 becomes a blank.

    Parameters
    ----------
    texts
        Documents; inner newlines stay.
    max_bytes
        Longest passage in UTF-8 bytes, at least 4.
    """
    for text in texts:
        data = text.replace("\u2585", " ").encode()
        start = 0
        while len(data) - start > max_bytes:
            end = max_end = start + max_bytes
            for separator in (b"\n", b" "):
                if (blank := data.rfind(separator, start + 1, max_end + 1)) > 0:
                    end = blank
                    break
            while data[end] & 0xC0 == 0x80:  # never between the bytes of one character
                end -= 1
            yield data[start:end].decode()
            start = end + (data[end] in b"\n ")
        if start < len(data):
            yield data[start:].decode()


def _advice(spec: SubwordSpec, message: str) -> str | None:
    """SentencePiece's error in the words of `SubwordSpec`; None for anyone else's error."""
    where = f"tokenizer {spec.name!r}: "
    if too_high := re.search(r"Vocabulary size too high .*<= (\d+)", message):
        return (
            f"{where}this text supports at most {too_high[1]} pieces. "
            f"Set vocab_size={too_high[1]} or less (now {spec.vocab_size}), or give more text."
        )
    if too_low := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
        return (
            f"{where}the alphabet alone needs {too_low[1]} pieces. Set vocab_size above that "
            f"(now {spec.vocab_size}) or lower character_coverage (now {spec.character_coverage})."
        )
    if "!sentences_.empty()" in message:
        return f"{where}the training text is empty. Check the corpus it comes from (02_corpus)."
    return None
