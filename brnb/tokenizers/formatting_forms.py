"""Tokens of the same content in several forms: indented, compact, and with escaped accents."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from brnb import data
from brnb.tokenizers.vocabularies import Vocabulary


@dataclass(frozen=True)
class FormattedExample:
    """A program or a JSON object in a language, in its forms.

    Attributes
    ----------
    name, lang
        "java", "python" or "json"; language of its names and texts.
    formatted, unformatted
        As a person and as a machine would write it; both mean the same.
    escaped
        Of JSON, compact in ASCII alone: é becomes ``\\u00e9``.
    """

    name: str
    lang: str
    formatted: str
    unformatted: str
    escaped: str | None = None


@dataclass(frozen=True)
class FormCount:
    """Tokens of an example's forms under a vocabulary."""

    vocabulary: str
    example: FormattedExample
    formatted: int
    unformatted: int
    escaped: int | None

    @property
    def saving(self) -> float:
        """Share of the formatted tokens that the unformatted form does without."""
        return 1 - self.unformatted / self.formatted


def examples() -> list[FormattedExample]:
    """Those of ``formatting_examples.yaml``, JSON written out in three forms."""
    return [_example(entry) for entry in data.read("tokenizers/formatting_examples.yaml")]


def count_forms(
    vocabularies: Iterable[Vocabulary], shown: Iterable[FormattedExample]
) -> list[FormCount]:
    """Count every example with every vocabulary."""
    counted, shown = [], list(shown)
    for vocabulary in vocabularies:
        name, encode = vocabulary.name, vocabulary.encode
        for example in shown:
            escaped = None if example.escaped is None else len(encode(example.escaped))
            forms = len(encode(example.formatted)), len(encode(example.unformatted))
            counted.append(FormCount(name, example, *forms, escaped))
    return counted


def _example(entry: dict[str, Any]) -> FormattedExample:
    if "content" not in entry:
        return FormattedExample(**entry)
    content, compact = entry["content"], (",", ":")
    return FormattedExample(
        name=entry["name"],
        lang=entry["lang"],
        formatted=json.dumps(content, ensure_ascii=False, indent=4),
        unformatted=json.dumps(content, ensure_ascii=False, separators=compact),
        escaped=json.dumps(content, separators=compact),
    )
