"""Instruction pairs in the shape of Canarim-Instruct, drawn from the same world as the documents.

Questions are divided by fact: a fact of the test split is never asked in training. The other tasks
are divided by a hash of their input. Hence no pair of instruction and input is in two splits.
"""

import re
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

from brnb.text.sample.articles import paragraph, stage, statements, wordings
from brnb.text.sample.content import REGISTERS, read_templates, register, templates
from brnb.text.sample.grammar import Scene, Template
from brnb.text.sample.phrase import ARTICLE_FORMS, capitalise, phrase
from brnb.text.sample.world import SPLITS, Fact, facts, key, split_of, world

SAMPLE_TASKS = ("qa", "summarisation", "rewriting", "classification")
TaskPair = tuple[str, str, str]


def instructions(count: int, seed: int = 0, split: str = "train") -> Iterator[dict[str, str]]:
    """The first `count` pairs of a split; the tasks take turns.

    Parameters
    ----------
    count
        How many; there is no last one.
    seed
        Fixes the world and every pair.
    split
        Facts and inputs of one split are in no other.

    Yields
    ------
    dict of str to str
        ``id``, ``task``, ``instruction``, ``input`` (may be empty) and ``output``.

    Raises
    ------
    ValueError
        If the split is none of the three.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r}: expected one of {', '.join(SPLITS)}")
    return (_pair(index, seed, split) for index in range(count))


def _pair(index: int, seed: int, split: str) -> dict[str, str]:
    task = SAMPLE_TASKS[index % len(SAMPLE_TASKS)]
    random = Random(key(seed, "instruction", split, index))
    write = {"summarisation": _summary, "rewriting": _rewriting, "classification": _label}
    if task == "qa":
        instruction, given, output = _question(seed, split, random)
    else:
        instruction, given, output = write[task](seed, random)
        while split_of(given) != split:
            instruction, given, output = write[task](seed, random)
    return {
        "id": f"sample-{seed}-{split}-{index:07d}",
        "task": task,
        "instruction": instruction,
        "input": given,
        "output": output,
    }


@cache
def _facts_of(seed: int, split: str) -> list[Fact]:
    return [fact for fact in facts(seed) if fact.split == split]


@cache
def _entities(seed: int) -> dict[str, dict[str, Any]]:
    return {kind: {x["o"]: x for x in entities} for kind, entities in world(seed).entities.items()}


@cache
def _wordings(*path: str) -> list[Template]:
    block: Any = read_templates("instructions")
    for step in path:
        block = block[step]
    return templates(block)


@cache
def _summaries(kind: str) -> list[tuple[list[str], Template]]:
    """The summaries of a kind of entity, each with the relations it tells."""
    told = [
        (re.findall(rf"{{{kind}\.(\w+)", template.source), template)
        for template in _wordings("summarisation", kind)
    ]
    return [
        ([r for r in relations if r not in ARTICLE_FORMS], template) for relations, template in told
    ]


@cache
def _rewrites(style: str) -> list[tuple[Template, Template]]:
    pairs = (
        line.split(" => ")
        for line in read_templates("instructions")["rewriting"][style]["pairs"].splitlines()
    )
    return [(Template(source), Template(target)) for source, target in pairs]


def _ask(scene: Scene, value: str, *path: str) -> str:
    scene.cast = {**scene.cast, "value": phrase(value, gender=0)}
    return scene.say(scene.choice(_wordings(*path)))


def _question(seed: int, split: str, random: Random) -> TaskPair:
    """A question about a fact of the split, from memory or about a paragraph that states it."""
    known = _facts_of(seed, split)
    fact = known[int(random.random() * len(known))]
    entity = _entities(seed)[fact.kind][fact.subject]
    scene = world(seed).scene(random.random, fact.kind, entity)
    question = scene.choice(fact.questions)
    if scene.random() < 0.5:
        return _ask(scene, question, "qa", "closed"), "", fact.answer
    others = [r for r in wordings(fact.kind) if r != fact.relation]
    told = scene.shuffled([fact.relation, *scene.shuffled(others)[:2]])
    context = " ".join(statements(scene, fact.kind, entity, told))
    return _ask(scene, question, "qa", "open"), context, fact.answer


def _summary(seed: int, random: Random) -> TaskPair:
    """Two to four paragraphs about an entity, and the sentence that keeps the main facts."""
    spoken, scene = stage(seed, REGISTERS[int(random.random() * len(REGISTERS))], random)
    kind, entity = spoken.about, scene.cast[spoken.about]
    relations, template = scene.choice(_summaries(kind))
    facts_told = " ".join(statements(scene, kind, entity, scene.shuffled(relations)))
    pools = scene.shuffled(spoken.paragraphs)[: scene.integer(1, 3)]
    text = [facts_told, *(" ".join(paragraph(scene, pool)) for pool in pools)]
    instruction = scene.say(scene.choice(_wordings("summarisation", "wordings")))
    return instruction, "\n".join(text), scene.say(template)


def _rewriting(seed: int, random: Random) -> TaskPair:
    """A sentence in another style or voice, or with its punctuation and capitals restored."""
    scene = world(seed).scene(random.random, "company")
    style = scene.choice(list(read_templates("instructions")["rewriting"]))
    if style == "spelling":
        return _spelling(seed, random)
    source, target = scene.choice(_rewrites(style))
    instruction = scene.choice(_wordings("rewriting", style, "wordings"))(scene)
    given = scene.say(source)
    return instruction, given, capitalise(target(scene))


def _spelling(seed: int, random: Random) -> TaskPair:
    spoken, scene = stage(seed, REGISTERS[int(random.random() * len(REGISTERS))], random)
    right = scene.say(scene.choice(scene.choice(spoken.paragraphs)))
    bare = re.sub(r"(?<!\d)[.,;:?]|[.,;:?](?!\d)|[“”]", "", right).lower()
    return scene.choice(_wordings("rewriting", "spelling"))(scene), bare, right


def _label(seed: int, random: Random) -> TaskPair:
    """A text and its register, or a comment and its sentiment."""
    scene = world(seed).scene(random.random, "city")
    if scene.random() < 0.5:
        label = scene.choice(("positivo", "negativo", "neutro"))
        given = scene.say(scene.choice(_wordings("classification", label)))
        return scene.choice(_wordings("classification", "sentiment"))(scene), given, label
    name = scene.choice(REGISTERS)
    _, scene = stage(seed, name, random)
    given = " ".join(
        scene.say(t) for t in scene.shuffled(scene.choice(register(name).paragraphs))[:2]
    )
    instruction = scene.choice(_wordings("classification", "register"))(scene)
    return instruction, given, read_templates("instructions")["labels"][name]
