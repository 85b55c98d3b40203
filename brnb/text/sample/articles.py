"""Documents of the sample: titles and paragraphs about the world, in the schema of BrWaC."""

import re
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

from brnb.text.sample.content import REGISTERS, Register, read_templates, register, templates
from brnb.text.sample.grammar import Scene, Template
from brnb.text.sample.noise import duplicate_of, kinds, plant
from brnb.text.sample.phrase import Phrase
from brnb.text.sample.world import key, world

COMMON = ("opiniao", "debate", "futuro")
OPENER_SHARE, CLOSER_SHARE = 0.3, 0.16
_HOSTS = ["gazeta-do-vale", "folha-da-serra", "tribuna-do-rio", "jornal-da-praca"]
# Sentences that begin with their subject may follow an opener such as "além disso,".
# A sentence that already says who says so, or what comes of it, is left as it is.
_ATTRIBUTED = re.compile(
    r"[“:?]|[Ss]egundo |[Cc]onforme|acordo com|diss|diz |afirm|inform|estima|lembr|avali|ponde|reve"
    r"|garant|observ|apont|mostr|consider|sustent|acredit|pergunt|defend|indic|alert|explic|elogi"
    r"|[Pp]ara [oa] |[Pp]ara [A-Z]|[Rr]esta |cont[oa]u|declar|coment|recomend|promet|cobr|pediu"
    r"|anunci|respond|escreveu|relat|critic|brinc|protest|lament|conforme"
)
_ARTICLES = ("O ", "A ", "Os ", "As ", "Um ", "Uma ")


def document(index: int, seed: int = 0) -> dict[str, Any]:
    """One document: a pure function of the seed and its index.

    Parameters
    ----------
    index
        0 or more; there is no last one.
    seed
        Fixes the world and every document.

    Returns
    -------
    dict
        ``doc_id``, ``title``, ``register``, ``uri`` and ``text`` with ``title`` and
        ``paragraphs``, a list of lists of sentences, as in BrWaC (Wagner Filho et al., 2018).

    Raises
    ------
    ValueError
        If the index is negative.
    """
    if index < 0:
        raise ValueError(f"document {index}: the index of a document is 0 or more")
    copied, origin = duplicate_of(seed, index)
    section, scene, title, paragraphs = compose(seed, origin)
    if copied == "near_duplicate":
        scene.random = Random(key(seed, "edit", index)).random
        _edit(paragraphs, scene)
    scene.random = Random(key(seed, "plant", origin)).random
    plant(paragraphs, kinds(seed, origin), scene)
    return {
        "doc_id": f"sample-{seed}-{index:08d}",
        "title": title,
        "register": section,
        "uri": f"https://www.{_HOSTS[index % len(_HOSTS)]}.example/{section}/{index:08d}",
        "text": {"title": title, "paragraphs": paragraphs},
    }


def documents(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """The first `count` documents of a seed, one at a time, in constant memory."""
    return (document(index, seed) for index in range(count))


def sentence(scene: Scene, template: Template, first: bool = False) -> str:
    """One sentence; often with an attribution at its end or an opener before it."""
    said = scene.say(template)
    chance = scene.random()
    if chance > OPENER_SHARE + CLOSER_SHARE or _ATTRIBUTED.search(said):
        return said
    scene.picks.clear()
    if chance < CLOSER_SHARE:
        return said.removesuffix(".") + scene.choice(shared_templates("closers"))(scene)
    if first or not said.startswith(_ARTICLES):
        return said
    return f"{scene.say(scene.choice(shared_templates('openers')))} {said[0].lower()}{said[1:]}"


def statements(scene: Scene, kind: str, entity: Phrase, relations: list[str]) -> list[str]:
    """A sentence for each of an entity's relations that states the fact."""
    written: list[str] = []
    for relation in relations:
        scene.cast = {**scene.cast, kind: entity, "value": entity[relation]}
        written.append(sentence(scene, scene.choice(wordings(kind)[relation]), first=not written))
    return written


@cache
def wordings(kind: str) -> dict[str, list[Template]]:
    """The statements of each relation that a kind of entity has."""
    return {
        name: templates(r["statements"]) for name, r in read_templates("relations")[kind].items()
    }


def stage(seed: int, name: str, random: Random) -> tuple[Register, Scene]:
    """A register, and a scene with one of the entities that it is about."""
    spoken = register(name)
    scene = world(seed).scene(random.random, spoken.about)
    scene.lists = _lists(seed, name)
    scene.cast = {**scene.cast, **{slot: scene.get(slot) for slot in spoken.fixed}}
    return spoken, scene


def paragraph(scene: Scene, pool: list[Template]) -> list[str]:
    """Two to six sentences, no template twice."""
    chosen = scene.shuffled(pool)[: scene.integer(2, 6)]
    return [sentence(scene, template, first=at == 0) for at, template in enumerate(chosen)]


@cache
def _lists(seed: int, name: str) -> dict[str, list[Phrase]]:
    return {**world(seed).lists, **register(name).lists}


@cache
def shared_templates(name: str) -> list[Template]:
    """The templates of that name that every register may use."""
    source = read_templates("shared")
    return templates(source.get(name) or source["paragraphs"][name])


def compose(seed: int, index: int) -> tuple[str, Scene, str, list[list[str]]]:
    """A document before anything is planted: section, scene, title and paragraphs."""
    random = Random(key(seed, "document", index))
    section = REGISTERS[int(random.random() * len(REGISTERS))]
    spoken, scene = stage(seed, section, random)
    entity, city = scene.cast[spoken.about], scene.cast["city"]
    title = scene.say(scene.choice(spoken.title))
    known = scene.shuffled(wordings(spoken.about))
    first = scene.integer(1, 2)
    lead = [scene.say(scene.choice(spoken.lead))]
    paragraphs = [lead + statements(scene, spoken.about, entity, known[:first])]
    pools: list[Any] = [*spoken.paragraphs, *map(shared_templates, COMMON)]
    pools.append((spoken.about, entity, known[first:]))
    if spoken.about != "city":
        pools.append(("city", city, scene.shuffled(wordings("city"))[: scene.integer(2, 6)]))
    for pool in scene.shuffled(pools)[: scene.integer(2, 7)]:
        told = statements(scene, *pool) if isinstance(pool, tuple) else paragraph(scene, pool)
        paragraphs.append(told)
    return section, scene, title, paragraphs


def _edit(paragraphs: list[list[str]], scene: Scene) -> None:
    """Make a near duplicate: one sentence is dropped and one written anew."""
    longest = max(paragraphs, key=len)
    del longest[scene.integer(0, len(longest) - 1)]
    changed = scene.choice(paragraphs)
    changed[scene.integer(0, len(changed) - 1)] = scene.say(
        scene.choice(shared_templates("opiniao"))
    )
