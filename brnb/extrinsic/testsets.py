"""Test sets of the extrinsic evaluation: QA, summarisation, rewriting (thesis 4.4.1.2).

An item asks for one thing and knows one or more right answers. Sets are filtered from pairs in
the shape of Canarim-Instruct (``instruction``, ``input``, ``output``) by the explicit rules of
`task_of`, or read from any other JSON Lines in one of the shapes of `RECORD_FORMS`. Each item
carries a hash of its prompt and references, so that answers to another test set are not scored by
mistake.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from brnb.atomic import write_atomic
from brnb.text.formats import Malformed, rows_of
from brnb.text.hashing import fraction
from brnb.text.marks import MOST, is_stacked
from brnb.text.pairs import Pair, read_pairs
from brnb.text.reader import expand

TASKS = ("qa", "summarisation", "rewriting")

HELD_OUT = ("test", "validation")
"""Items of a file are the records of the first of these splits in it, and those without one."""

QA_WORDS = 8
"""A short answer has at most so many words (the dissertation: "referências curtas")."""

SUMMARY_INPUT_WORDS, SUMMARY_SHARE = 30, 0.6
"""A text to summarise has at least so many words, and its summary at most this share of them."""

REWRITING_RATIO = (0.3, 3.0)
"""A rewritten text has between these multiples of the words of the original."""

_SUMMARISE = re.compile(
    r"\b(resum\w*|sumari\w+|sintetiz\w+|síntese|condens\w+|ideia central|fatos principais"
    r"|reduza o texto)\b"
)
_REWRITE = re.compile(
    r"\b(reescrev\w+|reescrit\w+|reformul\w+|parafras\w+|paráfrase|simplifi\w+|voz (ativa|passiva)"
    r"|linguagem (simples|formal|informal|coloquial)|registro (formal|coloquial|informal)"
    r"|tom (mais )?(formal|informal)|mais fácil de entender|com outras palavras|restaure"
    r"|(corrija|revise|pontue|coloque) (a|o|as|os) (frase|texto|sentença|pontuação)"
    r"|adapte a frase|sujeito da frase)"
)
_ASK = re.compile(
    r"^(qual|quais|quem|quando|onde|quant[oa]s?|que|o que|em que|de quem|como|por que|a que)\b"
    r"|\b(responda|pergunta)\b"
)
_OTHER = re.compile(
    r"\b(traduz\w+|tradução|classifi\w+|categoria|rótulo|tema principal|seção|editoria|opções"
    r"|(por assunto|assunto do texto)|sentimento"
    r"|(positiv|negativ|neutr)[oa]|código|função|programa|múltipla escolha|alternativas?"
    r"|liste|lista de|escreva (um|uma)|crie|invente|gere|poema|história)\b"
)
_HALF = re.compile("[\ud800-\udfff]")
_REFUSAL = re.compile(r"\b(como (um )?modelo de linguagem|não posso (ajudar|responder))\b", re.I)


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a test set; `references` are all right answers."""

    id: str
    task: str
    instruction: str
    input: str
    references: tuple[str, ...]

    @property
    def prompt(self) -> str:
        """Instruction and input, as the user would write them."""
        return f"{self.instruction}\n\n{self.input}" if self.input else self.instruction

    @property
    def hash(self) -> str:
        """Hash of what is asked and of what counts as right."""
        content = json.dumps([self.instruction, self.input, *self.references], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def task_of(instruction: str, given: str, output: str) -> str | None:
    """The task of a pair, or None if it is none of the three, or not a sound example of one.

    The wording decides: words for summarising, then for rewriting, then a question or a request
    to answer, where no word asks for something else (a translation, a label, a list, a story).
    Then lengths: `QA_WORDS`, `SUMMARY_INPUT_WORDS` and `SUMMARY_SHARE`, `REWRITING_RATIO`.
    """
    wording = instruction.strip().lower()
    words, answer = len(given.split()), len(output.split())
    if not answer or _REFUSAL.search(output):
        return None
    if _SUMMARISE.search(wording):
        fits = words >= SUMMARY_INPUT_WORDS and answer <= SUMMARY_SHARE * words
        return "summarisation" if fits else None
    if _REWRITE.search(wording):
        # without an input, the text to rewrite follows a colon: "Reescreva em voz ativa: o gato…"
        words = words or len(instruction.partition(":")[2].split())
        low, high = REWRITING_RATIO
        fits = words > 0 and low * words <= answer <= high * words
        return "rewriting" if fits and output.strip() != given.strip() else None
    if _OTHER.search(wording) or not ("?" in wording or _ASK.search(wording)):
        return None
    return "qa" if answer <= QA_WORDS and "\n" not in output.strip() else None


RECORD_FORMS: dict[frozenset[str], Callable[[Mapping[str, Any]], tuple[str, str, Any]]] = {
    frozenset({"instruction", "references"}): lambda r: (
        r["instruction"],
        r.get("input") or "",
        r["references"],
    ),
    frozenset({"instruction", "output"}): lambda r: (
        r["instruction"],
        r.get("input") or "",
        r["output"],
    ),
    frozenset({"question", "answers"}): lambda r: (
        r["question"],
        r.get("context") or "",
        r["answers"].get("text") if isinstance(r["answers"], Mapping) else r["answers"],
    ),
    frozenset({"question", "answer"}): lambda r: (
        r["question"],
        r.get("context") or r.get("context_pt") or "",
        r["answer"],
    ),
    frozenset({"text", "summary"}): lambda r: ("Resuma o texto.", r["text"], r["summary"]),
    frozenset({"source", "target"}): lambda r: (
        "Reescreva a frase em linguagem mais simples.",
        r["source"],
        r["target"],
    ),
}
"""Fields that a record must have, and how instruction, input and references are found in it."""


def read_items(path: Path, task: str | None = None) -> list[Item]:
    """Read the items of `HELD_OUT` from JSON Lines of any of `RECORD_FORMS`.

    Parameters
    ----------
    path
        ``.jsonl`` or ``.jsonl.gz``.
    task
        Task of all items; by default each record's own ``task``, else what `task_of` says.

    Raises
    ------
    ValueError
        Another format; a record that is damaged, not UTF-8, without the fields or a text where one
        must be, with an id that came before or another item's hash; no item. Names file and line.
    """
    if not path.name.lower().endswith((".jsonl", ".jsonl.gz")):
        raise ValueError(f"{path}: test sets are JSON Lines; give a .jsonl or .jsonl.gz file")
    named = [row.get("split") for _, row in rows_of(path) if not isinstance(row, Malformed)]
    split = next((name for name in HELD_OUT if name in named), None)
    items: dict[str, Item] = {}
    for line, row in rows_of(path):
        where = f"{path}:{line}"
        if isinstance(row, Malformed):
            raise ValueError(f"{where}: {row.reason}")
        if row.get("split") not in (split, None):
            continue
        item = _item(row, task, where)
        if item.id in items:
            raise ValueError(f"{where}: id {item.id!r} came before; give each item its own")
        if row.get("hash", item.hash) != item.hash:
            raise ValueError(f"{where}: {item.id!r} was changed after its hash was written")
        items[item.id] = item
    if not items:
        raise ValueError(f"{path}: no item of the split {' or '.join(map(repr, HELD_OUT))} in it")
    return list(items.values())


def external(files: Mapping[str, str]) -> dict[str, Path]:
    """The files that give the items of a task; ``~`` and ``${BRNB_…}`` are expanded."""
    return {task: Path(expand(name)).expanduser() for task, name in files.items()}


def write_items(path: Path, items: Iterable[Item]) -> None:
    """Write items as JSON Lines, each with its hash."""
    lines = [json.dumps(asdict(i) | {"hash": i.hash}, ensure_ascii=False) + "\n" for i in items]
    write_atomic(path, "".join(lines))


def _item(row: Mapping[str, Any], task: str | None, where: str) -> Item:
    shape = next((name for name in RECORD_FORMS if name <= row.keys()), None)
    if shape is None:
        known = "; ".join(", ".join(sorted(names)) for names in RECORD_FORMS)
        raise ValueError(f"{where}: the record needs the fields of one of: {known}")
    instruction, given, output = RECORD_FORMS[shape](row)
    references = tuple(output) if isinstance(output, list) else (output,)
    texts = (instruction, given, *references)
    if not (references and all(isinstance(text, str) for text in texts)):
        raise ValueError(f"{where}: prompt and references must be texts, and one reference is due")
    if not instruction.strip():
        raise ValueError(f"{where}: the instruction is empty")
    if any(map(is_stacked, texts)):
        raise ValueError(f"{where}: more than {MOST} combining marks in a row")
    if any(map(_HALF.search, texts)):
        raise ValueError(f"{where}: half a character (a lone surrogate), which no UTF-8 text has")
    kind = task or row.get("task") or task_of(instruction, given, references[0])
    if kind not in TASKS:
        raise ValueError(f"{where}: task {kind!r} is none of {', '.join(TASKS)}; name one for all")
    return Item(str(row.get("id", where)), kind, instruction, given, references)


def candidates(source: str, count: int | None, seed: int) -> Iterator[Pair]:
    """The pairs to build test sets from.

    Parameters
    ----------
    source
        ``sample`` (whose test split asks for facts that its training split never asks for),
        ``hf:<name>[:<split>]``, or a file or folder of JSON Lines or Parquet.
    count
        How many to read; None reads all, which the sample does not have.
    seed
        Of the sample.
    """
    if source != "sample":
        return islice(read_pairs(source), count)
    from brnb.text import sample

    if count is None:
        raise ValueError("the embedded sample has no end: set candidates to a number")
    instructions = sample.instructions(count, seed, "test")
    return (Pair(r["id"], r["instruction"], r["input"], r["output"]) for r in instructions)


def pool(
    pairs: Iterable[Pair], max_prompt_chars: int
) -> tuple[dict[str, list[Item]], Counter[str]]:
    """All sound items of the three tasks in a set of pairs, and why the others are left out.

    Parameters
    ----------
    pairs
        In the shape of Canarim-Instruct.
    max_prompt_chars
        A longer prompt is left out, never cut.

    Returns
    -------
    items, left_out
        Items by task, in order; pairs by reason: ``other_task``, ``too_long``, ``repeated``.

    Raises
    ------
    ValueError
        If two items have the same id.
    """
    items: dict[str, list[Item]] = {task: [] for task in TASKS}
    left_out = Counter(other_task=0, too_long=0, repeated=0)
    prompts, keys = set[str](), set[str]()
    for pair in pairs:
        task = task_of(pair.instruction, pair.input, pair.output)
        if task is None:
            left_out["other_task"] += 1
        elif len(pair.text) > max_prompt_chars:
            left_out["too_long"] += 1
        elif pair.text in prompts:
            left_out["repeated"] += 1
        elif pair.key in keys:
            raise ValueError(f"id {pair.key!r} came before; give each pair its own")
        else:
            prompts.add(pair.text)
            keys.add(pair.key)
            items[task].append(Item(pair.key, task, pair.instruction, pair.input, (pair.output,)))
    return items, left_out


def draw_items(items: Iterable[Item], count: int, seed: int) -> list[Item]:
    """Sample items without replacement: fixed by the seed and the items, not by their order.

    Raises
    ------
    ValueError
        If there are fewer.
    """
    ordered = sorted(items, key=lambda i: (fraction(i.hash.encode(), seed, b"test set"), i.hash))
    if len(ordered) < count:
        raise ValueError(
            f"{count} items asked for, {len(ordered)} left after the filters; give a larger source "
            "or more candidates, lower items_per_task, or raise max_prompt_chars"
        )
    return ordered[:count]


def distinct(sets: Iterable[Iterable[Item]]) -> Iterator[Item]:
    """Each item of several sets once: greedy decoding answers a question always alike."""
    seen: set[str] = set()
    for items in sets:
        for item in items:
            if item.hash not in seen:
                seen.add(item.hash)
                yield item
