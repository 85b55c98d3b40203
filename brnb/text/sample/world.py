"""The invented world behind the sample: entities with attributes, and the facts about them.

A few hundred municipalities, clubs, companies, laws, hospitals, works, pieces of art and programs,
fixed by the seed. Every document speaks of them, so that the same fact returns in many documents
and a question about it has one answer.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from random import Random

from brnb.text.sample.content import items, lists, read_templates, templates
from brnb.text.sample.grammar import Scene
from brnb.text.sample.phrase import MONTHS, Phrase, capitalise, decimal, integer, money, phrase

SIZES = {
    "city": 64,
    "company": 56,
    "club": 48,
    "law": 48,
    "hospital": 40,
    "work": 48,
    "artwork": 56,
    "software": 48,
}
"""How many entities of each kind a world has."""

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of the world.

    Attributes
    ----------
    kind, subject, relation
        What the fact is about: ``"city"``, ``"Santa Lídia do Umbu"``, ``"population"``.
    value
        As documents write it: ``"48.210"``.
    questions
        Ways to ask for it.
    answer
        A short answer: ``"48.210 habitantes"``.
    split
        About 80, 10 and 10 %, by a hash of kind, subject and relation.
    """

    kind: str
    subject: str
    relation: str
    value: str
    questions: tuple[str, ...]
    answer: str
    split: str


def key(*parts: object) -> int:
    """A 64-bit integer that depends on the parts alone, on any machine and in any process."""
    data = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def split_of(*parts: object) -> str:
    """The split of whatever the parts name: about 80, 10 and 10 %."""
    return SPLITS[max(0, key("split", *parts) % 10 - 7)]


class InventedWorld:
    """Every entity of a seed, by kind; built once and then only read."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._scene = Scene(Random(key(seed, "world")).random, {}, {})
        self._used: set[str] = set()
        self.entities: dict[str, list[Phrase]] = {}
        for kind, size in SIZES.items():
            self.entities[kind] = [getattr(self, f"_{kind}")() for _ in range(size)]
        everyone = [self._person() for _ in range(1500)]
        self.lists = lists(read_templates("shared")) | self.entities
        self.lists |= {
            "river": [city["river"] for city in self.entities["city"]],
            "date": [phrase(f"{d} de {m}", gender=0) for m in MONTHS for d in range(2, 29)],
            "person": everyone,
            "person_m": [x for x in everyone if x["agreement"] == 0],
            "person_f": [x for x in everyone if x["agreement"] == 1],
        }

    def scene(self, random: Callable[[], float], kind: str, entity: Phrase | None = None) -> Scene:
        """A stage with an entity of a kind in the leading role, and those around it."""
        entity = entity or self.entities[kind][int(random() * SIZES[kind])]
        cast = {kind: entity, **{k: v for k, v in entity.items() if isinstance(v, dict)}}
        if "contractor" in cast:
            cast["company"] = cast["contractor"]
        city = cast.get("city") or cast["company"]["city"]
        cast["city"] = city
        cast |= {k: city[k] for k in ("state", "river", "product", "mayor", "biome")}
        return Scene(random, cast, self.lists)

    def _pick(self, name: str) -> str:
        return self._scene.choice(items(read_templates("names")[name]))

    def _unique(self, make: Callable[[], str]) -> str:
        name = make()
        while name in self._used:
            name = make()
        self._used.add(name)
        return name

    def _one(self, kind: str) -> Phrase:
        return self._scene.choice(self.entities[kind])

    def _company_of(self, *sectors: str) -> Phrase:
        every = self.entities["company"]
        return self._scene.choice([x for x in every if x["sector"][""] in sectors] or every)

    def _name(self, head: str, tail: str) -> str:
        return self._unique(lambda: f"{self._pick(head)} {self._pick(tail)}")

    def _year(self, low: int, high: int) -> Phrase:
        return phrase(str(self._scene.integer(low, high)), gender=0)

    def _count(self, low: int, high: int, step: int = 1) -> Phrase:
        return phrase(integer(step * self._scene.integer(low // step, high // step)), gender=0)

    def _money(self, low: int, high: int) -> Phrase:
        return phrase(money(self._scene.integer(low * 10, high * 10) / 10), gender=0)

    def _person(self) -> Phrase:
        gender = int(self._scene.random() < 0.5)
        given = partial(self._pick, "given_f" if gender else "given_m")
        first, last = self._scene.shuffled(items(read_templates("names")["family"]))[:2]
        return phrase(self._unique(lambda: f"{given()} {first} {last}"), gender=gender)

    def _city(self) -> Phrase:
        state, uf, biome = self._pick("states").split("=")
        return phrase(
            self._name("city_head", "city_tail"),
            gender=1,
            state=phrase(state),
            uf=phrase(uf, gender=0),
            biome=phrase(biome),
            population=self._count(4_100, 390_000),
            founded=self._year(1702, 1958),
            river=phrase(f"o Rio {self._pick('river')}"),
            product=phrase(self._pick("product")),
            mayor=self._person(),
        )

    def _company(self) -> Phrase:
        sector, head = self._pick("sector").split("=")
        return phrase(
            self._unique(lambda: f"{head} {self._pick('company_tail')}"),
            city=self._one("city"),
            sector=phrase(sector),
            revenue=self._money(40, 4800),
            employees=self._count(120, 9800),
            founder=self._person(),
            founded=self._year(1921, 2009),
        )

    def _club(self) -> Phrase:
        return phrase(
            self._name("club_head", "club_tail"),
            city=self._one("city"),
            stadium=phrase(f"o Estádio {self._person()['']}"),
            capacity=self._count(3_000, 46_000, step=100),
            founded=self._year(1904, 1979),
            coach=self._man(),
            nickname=phrase(self._unique(lambda: self._pick("nickname")), gender=0),
        )

    def _man(self) -> Phrase:
        person = self._person()
        while person["agreement"] == 1:
            person = self._person()
        return person

    def _law(self) -> Phrase:
        number = partial(self._scene.integer, 1200, 9800)
        return phrase(
            self._unique(lambda: f"a Lei Municipal nº {integer(number())}"),
            city=self._one("city"),
            subject=phrase(self._pick("subject")),
            year=self._year(1994, 2020),
            author=self._person(),
            fine=phrase(f"R$ {integer(50 * self._scene.integer(6, 400))}", gender=0),
        )

    def _hospital(self) -> Phrase:
        return phrase(
            self._name("hospital", "hospital_tail"),
            city=self._one("city"),
            beds=self._count(48, 720),
            specialty=phrase(self._pick("specialty"), gender=1),
            director=self._person(),
            opened=self._year(1931, 2019),
        )

    def _work(self) -> Phrase:
        head, low, high, *millions = self._pick("work").split("=")
        length = int(low) + (int(high) - int(low)) * self._scene.random()
        return phrase(
            self._unique(lambda: f"{head} {self._pick('work_tail')}"),
            city=self._one("city"),
            length=phrase(
                integer(int(length)) if length >= 20 else decimal(length).removesuffix(",0"),
                gender=0,
            ),
            cost=self._money(*map(int, millions)),
            deadline=self._year(2027, 2036),
            contractor=self._company_of("construção civil", "metalurgia", "energia", "logística"),
        )

    def _artwork(self) -> Phrase:
        kind = self._pick("art")
        title = self._name("art_head", "art_tail")
        return phrase(
            f"{kind} “{title}”",
            city=self._one("city"),
            author=self._person(),
            year=self._year(1952, 2020),
            prize=phrase(self._pick("prize")),
        )

    def _software(self) -> Phrase:
        return phrase(
            self._name("software", "software_name"),
            company=self._company_of("tecnologia da informação", "energia", "varejo", "logística"),
            year=self._year(2009, 2020),
            users=self._count(8_000, 4_900_000, step=100),
            purpose=phrase(self._pick("purpose"), gender=0),
            developer=self._person(),
        )


@cache
def world(seed: int) -> InventedWorld:
    """The world of a seed."""
    return InventedWorld(seed)


def _facts(current: InventedWorld) -> Iterator[Fact]:
    for kind, relations in read_templates("relations").items():
        for relation, wording in relations.items():
            asked = templates(wording["questions"])
            answer = templates(wording.get("answer", "{value}"))[0]
            for entity in current.entities[kind]:
                value = entity[relation]
                scene = Scene(lambda: 0.0, {kind: entity, "value": value}, {})
                yield Fact(
                    kind=kind,
                    subject=entity["o"],
                    relation=relation,
                    value=value[""],
                    questions=tuple(capitalise(question(scene)) for question in asked),
                    answer=answer(scene),
                    split=split_of(kind, entity["o"], relation),
                )


@cache
def facts(seed: int = 0) -> list[Fact]:
    """Every fact of a seed's world, in a fixed order."""
    return list(_facts(world(seed)))
