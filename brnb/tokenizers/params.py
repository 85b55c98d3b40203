"""Settings of a subword vocabulary, light enough to be imported anywhere."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brnb.params import Params


class SubwordSpec(BaseModel):
    """What decides a SentencePiece model, besides its training text.

    Attributes
    ----------
    name
        Name in tables and file names: lower-case letters, digits and ``_``.
    kind
        Unigram language model (Kudo, 2018) or byte-pair encoding (Sennrich et al., 2016).
    vocab_size
        Number of ids, special symbols and byte pieces included.
    byte_fallback
        Spell characters outside the vocabulary as UTF-8 bytes (256 more ids) instead of
        ``<unk>``: then every text survives the round trip.
    split_digits
        Make every digit a piece of its own.
    character_coverage
        Share of the training text's characters, from the most frequent down, that become pieces.
    max_sentence_length
        Longest training passage, in bytes. Longer texts are cut, never dropped.
    input_sentence_size
        Number of passages sampled for training; 0 takes them all.
    num_threads
        Training threads. A unigram model depends on it in the last digits (summation order), so
        it belongs to the settings and not to the machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    kind: Literal["unigram", "bpe"] = "unigram"
    vocab_size: int = Field(gt=0)
    byte_fallback: bool = False
    split_digits: bool = False
    character_coverage: float = Field(default=0.9995, ge=0.98, le=1.0)
    max_sentence_length: int = Field(default=4192, ge=64)
    input_sentence_size: int = Field(default=0, ge=0)
    num_threads: int = Field(default=2, ge=1, le=128)


class Subword(SubwordSpec):
    """A vocabulary of the tokenizer chapter, and the cleaning of the text that it is trained on."""

    cleaning: Literal["early", "v6"]


class TokenizerParams(Params):
    """Which tokenizers to train, on how much text (thesis 4.3.1.2)."""

    characters: list[Literal["early", "v6"]] = Field(
        description="cleanings with a character vocabulary, named char_<cleaning>"
    )
    subwords: list[Subword] = Field(description="SentencePiece vocabularies")
    training_bytes: int = Field(gt=0, description="drawn training text to train on")
    evaluation_documents: int = Field(gt=0, description="validation documents to measure on")
    frequent_words: int = Field(gt=0, description="rows of the table of fragmented words")
    context: int = Field(gt=0, description="tokens of the context whose words are counted")
    model_parameters: float = Field(gt=0, description="of the model whose reading is counted")
    usd_per_million_tokens: float = Field(gt=0, description="price of reading to count with")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [f"char_{cleaning}" for cleaning in self.characters]
        names += [spec.name for spec in self.subwords]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two tokenizers are called {', '.join(twice)}: rename one")
        return self
