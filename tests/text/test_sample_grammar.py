"""The sample's grammar against hand-made Portuguese."""

from itertools import chain
from random import Random

import pytest

from brnb.text.sample.grammar import Scene, Template
from brnb.text.sample.phrase import capitalise, decimal, integer, money, phrase


def scene(**cast: object) -> Scene:
    return Scene(Random(0).random, cast, {"fruta": [phrase("a uva"), phrase("o caju")]})


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("a ponte", ("a ponte", "da ponte", "na ponte", "à ponte", "pela ponte")),
        ("o rio", ("o rio", "do rio", "no rio", "ao rio", "pelo rio")),
        (
            "os trilhos",
            ("os trilhos", "dos trilhos", "nos trilhos", "aos trilhos", "pelos trilhos"),
        ),
        ("as obras", ("as obras", "das obras", "nas obras", "às obras", "pelas obras")),
        ("Goiás", ("Goiás", "de Goiás", "em Goiás", "a Goiás", "por Goiás")),
    ],
)
def test_contractions(text: str, forms: tuple[str, ...]) -> None:
    found = phrase(text)
    assert tuple(found[form] for form in ("o", "do", "no", "ao", "pelo")) == forms


@pytest.mark.parametrize(
    ("millions", "words"),
    [
        (1.0, "R$ 1 milhão"),
        (1.9, "R$ 1,9 milhão"),
        (2.0, "R$ 2 milhões"),
        (3.2, "R$ 3,2 milhões"),
        (999.9, "R$ 999,9 milhões"),
        (1400, "R$ 1,4 bilhão"),
        (2500, "R$ 2,5 bilhões"),
    ],
)
def test_money(millions: float, words: str) -> None:
    assert money(millions) == words


def test_brazilian_numbers() -> None:
    assert integer(1234567) == "1.234.567"
    assert integer(999) == "999"
    assert decimal(3.4) == "3,4"


def test_capitals() -> None:
    assert capitalise("água mole") == "Água mole"
    assert capitalise("“é cedo”, disse") == "“É cedo”, disse"


def test_agreement_in_gender_and_number() -> None:
    line = Template("{x.o} {x#foi|foram} {x|aberto|aberta|abertos|abertas} {x.do}")
    assert line(scene(x=phrase("a ponte"))) == "a ponte foi aberta da ponte"
    assert line(scene(x=phrase("os trilhos"))) == "os trilhos foram abertos dos trilhos"
    two = Template("{x|novo|nova}")
    assert two(scene(x=phrase("a rua"))) == "nova"


def test_a_slot_keeps_its_pick_and_a_second_pick_differs() -> None:
    stage = scene()
    for _ in range(50):
        one, again, other = stage.say(Template("{fruta} {fruta} {fruta2}")).lower().split()
        assert one == again != other


def test_attributes_and_nesting() -> None:
    city = phrase("Araçari", gender=1, river=phrase("o Rio Claro"))
    assert Template("{city} {city.river.do}")(scene(city=city)) == "Araçari do Rio Claro"
    stage = scene()
    assert {Template("[a|[b|c]]")(stage) for _ in range(50)} == {"a", "b", "c"}


def test_counted_nouns_agree() -> None:
    stage = scene()
    said = {Template("{count:1:2:gol:gols}")(stage) for _ in range(50)}
    assert said == {"1 gol", "2 gols"}


@pytest.mark.parametrize("source", ["[a|b", "a]", "a|b", "{x|só}", "{x#a|b|c}"])
def test_malformed_templates_are_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"template|slot"):
        Template(source)


def test_every_template_can_be_said() -> None:
    from brnb.text.sample.articles import COMMON, shared_templates, stage
    from brnb.text.sample.content import REGISTERS

    for name in REGISTERS:
        register, on = stage(0, name, Random(1))
        for template in chain(register.title, register.lead, *register.paragraphs):
            assert len(on.say(template)) >= 20
        for template in (t for block in COMMON for t in shared_templates(block)):
            assert len(on.say(template)) >= 20
