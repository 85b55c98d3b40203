import json
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.text import check_digits
from brnb.text.personal_data import IDENTIFIER_KINDS, count, find, mask


def found(text: str) -> list[tuple[str, str]]:
    return [(finding.kind, text[finding.start : finding.end]) for finding in find(text)]


def textbook_check_digit(digits: list[int], weights: list[int]) -> int:
    """The Receita Federal's rule as it is taught: 11 less the remainder, 0 for 10 and 11."""
    rest = sum(d * w for d, w in zip(digits, weights, strict=True)) % 11
    return 0 if rest < 2 else 11 - rest


@st.composite
def cpfs(draw: st.DrawFn) -> str:
    digits = draw(
        st.lists(st.integers(0, 9), min_size=9, max_size=9).filter(lambda d: len({*d}) > 1)
    )
    digits.append(textbook_check_digit(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2]))
    digits.append(textbook_check_digit(digits, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]))
    return "".join(map(str, digits))


@st.composite
def cnpjs(draw: st.DrawFn) -> str:
    body = draw(st.text("0123456789", min_size=12, max_size=12).filter(lambda d: len({*d}) > 1))
    digits = list(map(int, body))
    digits.append(textbook_check_digit(digits, [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]))
    digits.append(textbook_check_digit(digits, [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]))
    return "".join(map(str, digits))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CPF 529.982.247-25.", [("cpf", "529.982.247-25")]),
        ("(52998224725)", [("cpf", "52998224725")]),
        ("CNPJ: 11.222.333/0001-81;", [("cnpj", "11.222.333/0001-81")]),
        ("11222333000181", [("cnpj", "11222333000181")]),
        # Banco do Brasil; the Receita Federal's example with letters
        (
            "00.000.000/0001-91 e 12.ABC.345/01DE-35",
            [("cnpj", "00.000.000/0001-91"), ("cnpj", "12.ABC.345/01DE-35")],
        ),
        ("maria.silva+x@exemplo.com.br.", [("email", "maria.silva+x@exemplo.com.br")]),
        ("<a href='mailto:ana@a-b.org'>", [("email", "ana@a-b.org")]),
        ("52998224725@exemplo.com", [("email", "52998224725@exemplo.com")]),
        ("Ligue (11) 98765-4321!", [("phone", "(11) 98765-4321")]),
        (
            "+55 61 3303-4141, +5511987654321",
            [("phone", "+55 61 3303-4141"), ("phone", "+5511987654321")],
        ),
        (
            "21 2345-6789 ou 021 99876-5432",
            [("phone", "21 2345-6789"), ("phone", "021 99876-5432")],
        ),
        ("(85)987654321/(85) 3456.7890", [("phone", "(85)987654321"), ("phone", "(85) 3456.7890")]),
        ("(11)\u00a098765\u20114321", [("phone", "(11)\u00a098765\u20114321")]),
        (
            "(11) 9 8765-4321, (11) 3456 7890",
            [("phone", "(11) 9 8765-4321"), ("phone", "(11) 3456 7890")],
        ),
        (
            "zap 11987654321 ou 0xx11 3456-7890",
            [("phone", "11987654321"), ("phone", "0xx11 3456-7890")],
        ),
        ("529 982 247 25; 529.982.247/25", [("cpf", "529 982 247 25"), ("cpf", "529.982.247/25")]),
        ("529982247-25 e 529.982.247 - 25", [("cpf", "529982247-25"), ("cpf", "529.982.247 - 25")]),
        ("CNPJ 12ABC34501DE35", [("cnpj", "12ABC34501DE35")]),  # the Receita Federal's own example
        (
            "Av. Paulista, CEP 01310-100 ou 01310100 (CEP)",
            [("cep", "01310-100"), ("cep", "01310100")],
        ),
        ("CEP: 01.310-100", [("cep", "01.310-100")]),
        ("CEP 01.310100", [("cep", "01.310100")]),
        ("Tel. 68 3302-0444/0445.", [("phone", "68 3302-0444")]),
        ("ana (at) exemplo.com.br", [("email", "ana (at) exemplo.com.br")]),
        ("cartão 4242 4242 4242 4242", [("card", "4242 4242 4242 4242")]),
    ],
)
def test_known_documents_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "529.982.247-26",  # a wrong check digit
        "11.222.333/0001-82",
        "111.111.111-11 e 00.000.000/0000-00",  # right digits, never issued
        "R$ 1.234,56; 3,14%; US$ 1.234.567.890,12; 0,5",
        "Lei nº 8.666, de 21/06/1993; Lei 13.709/2018; art. 5º, LXXIX; IN RFB 2.229/2024",
        "1999-2004, 2019-2020; de 11 2019-2020; de 12 2014-1994; (12) 2015-2016; (21) 2020",
        "processo 0001234-56.2019.8.26.0100",
        "ISBN 978-85-333-0227-3; IP 192.168.100.101; peça 00310-100; 12345678",
        "0001234-56.2019.8.26.0100, 00012345620198260100, NUP 53000.012345/2019-11",
        "REsp 1.234.567/SP; ADI 4.815-DF; Lei 8.078/90; Decreto-Lei 2.848, art. 121",
        "chave 3519 0512 3456 7890 1234 5500 1000 0000 0112 3456 7890, EAN 7891000315507",
        "protocolo 11987654321; pedido nº 11987654321; código: 11987654321",
        "2014 2015 2016 e 2019-2020; de 1900 a 2000; telefones (12) 2015 2016",
        "529982247 25 unidades? não: 120.44567.89-0 tem outro dígito",
        "às 17:10:10.305981; date.sunset_zenith = 90.583333; renda de R$ 10.836322",
        "título 123456789012; CNH 12345678901; PIS 12345678901",
        "4242 4242 4242 4241; 9999 9999 9999 9995",  # a wrong digit; no card begins so
        "https://usuario:senha@example.com/x",  # a password, no address
        "(20) 98765-4321 e (11) 18765-4321",  # no such area; no such number
        "98765-4321",  # without an area code it may be anything
        "0800 123 4567",
        "@usuario, a@b, a@b.c, x @ y.com",
        "abc52998224725def e a1b2c352998224725",  # inside a hash
        "152998224725, 529982247251, 1.529.982.247-25, 52998224725,5",
    ],
)
def test_ordinary_numbers_are_none(text: str) -> None:
    assert found(text) == []


@given(cpfs(), st.integers(1, 9))
def test_cpfs(cpf: str, change: int) -> None:
    written = f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}"
    for text in (cpf, written, f"{cpf[:9]}-{cpf[9:]}"):
        assert found(f"meu CPF é {text}, ok") == [("cpf", text)]
        wrong = text[:-1] + str((int(text[-1]) + change) % 10)
        assert found(f"CPF {wrong}") == []


@given(cnpjs(), st.integers(1, 9))
def test_cnpjs(cnpj: str, change: int) -> None:
    written = f"{cnpj[:2]}.{cnpj[2:5]}.{cnpj[5:8]}/{cnpj[8:12]}-{cnpj[12:]}"
    for text in (cnpj, written):
        assert found(f"CNPJ {text}.") == [("cnpj", text)]
        wrong = text[:-1] + str((int(text[-1]) + change) % 10)
        assert found(wrong) == []


def brazilian(number: int, decimals: int) -> str:
    """A number as written in Brazil: 1.234.567,89."""
    return f"{number:,}".replace(",", ".") + (f",{'0123456789'[:decimals]}" if decimals else "")


@given(
    st.lists(
        st.one_of(
            st.builds(brazilian, st.integers(0, 10**13), st.integers(0, 4)).map("R$ {}".format),
            st.integers(0, 10**10 - 1).map(str),  # up to ten bare digits
            st.integers(1500, 2099).map(str),
            st.tuples(st.integers(1900, 2099), st.integers(1900, 2099)).map("{0[0]}-{0[1]}".format),
            st.dates().map("{:%d/%m/%Y}".format),
            st.builds(
                "Lei nº {}/{}".format,
                st.integers(1, 20_000).map(lambda n: brazilian(n, 0)),
                st.integers(1900, 2026),
            ),
            st.floats(0, 100).map("{:.2f}%".format),
        ),
        max_size=12,
    ),
    st.sampled_from([" ", ", ", "; ", " e ", "\n", " ("]),
)
def test_lists_of_ordinary_numbers_are_none(numbers: list[str], separator: str) -> None:
    assert found(separator.join(numbers)) == []


@given(st.text(max_size=80))
def test_spans_lie_in_the_text_and_do_not_overlap(text: str) -> None:
    place = 0
    for finding in find(text):
        assert place <= finding.start < finding.end <= len(text)
        place = finding.end


NUMBERS: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "brazilian_numbers.json").read_text("utf-8")
)


def spelt(number: str, form: str) -> str:
    """Put a number's symbols in the places of # in a form."""
    symbols = iter(number)
    return "".join(next(symbols) if c == "#" else c for c in form)


FORMS = {
    "cpf": ["###.###.###-##", "###########", "#########-##", "### ### ### ##", "###.###.###/##"],
    "cnpj": ["##.###.###/####-##", "##############", "##.###.###/#### ##", "########/####-##"],
    "pis": ["PIS ###.#####.##-#", "PIS/PASEP nº ###########", "NIT: ###.#####.##-#"],
    "cnh": ["CNH ###########", "carteira de habilitação nº ###########"],
    "voter": ["título de eleitor #### #### ####", "Título: ############"],
    "card": ["################", "#### #### #### ####", "####-####-####-####"],
}
SENTENCES = [
    "O contrato foi assinado por Maria, {}, em 12/03/2019, nos termos da Lei nº 13.709/2018.",
    "Processo 0001234-56.2019.8.26.0100: {} (fls. 1.234), valor de R$ 1.234.567,89.",
    "{}\n",
    "Segundo o art. 5º, LXXIX, da Constituição de 1988 e o Decreto 9.580/18: {}; e 2019-2020.",
]


def planted() -> list[tuple[str, str, str]]:
    """IdentifierKind, spelling and sentence of a thousand numbers."""
    made = [("cnpj", number) for number in NUMBERS["cnpj_letters"]]
    made += [(kind, number) for kind in FORMS for number in NUMBERS[kind]]
    rows = []
    for place, (kind, number) in enumerate(made):
        for form in FORMS[kind]:
            if form.count("#") == len(number):
                text = spelt(number, form)
                rows.append((kind, text, SENTENCES[place % len(SENTENCES)].format(text)))
    for place in range(120):
        area, last = ("11", "21", "85", "51")[place % 4], f"{(place * 7919) % 10**4:04}"
        mobile, fixed = f"9{(place * 31) % 9000 + 1000}", f"{place % 4 + 2}{(place * 13) % 1000:03}"
        if fixed.startswith("20"):
            continue
        for form in (
            f"({area}) {mobile}-{last}", f"({area}) 9 {mobile[1:]}-{last}",
            f"({area}) {fixed} {last}", f"+55 {area} {mobile}-{last}",
            f"{area} {fixed}-{last}", f"0xx{area} {fixed}-{last}",
        ):  # fmt: skip
            rows.append(("phone", form, SENTENCES[place % len(SENTENCES)].format(form)))
    return [*rows, *planted_addresses()]


def planted_addresses() -> Iterator[tuple[str, str, str]]:
    """E-mail addresses and postal codes: of São Paulo, Rio, Salvador, Manaus, Porto Alegre."""
    names = ("maria", "joao.silva", "ana-paula_2", "c.d.e", "josé", "x+lista")
    hosts = ("exemplo.com.br", "mail.ufrgs.br", "a-b.org", "tribunal.jus.br", "x1.io")
    for place, (name, host) in enumerate(product(names, hosts)):
        for form in (f"{name}@{host}", f"{name} (at) {host}", f"{name}[arroba]{host}"):
            yield "email", form, SENTENCES[place % len(SENTENCES)].format(form)
    for place in range(100):
        first, last = ("01310", "22071", "40020", "69005", "90010")[place % 5], f"{place * 7:03}"
        for form in (
            f"CEP {first}-{last}",
            f"CEP: {first[:2]}.{first[2:]}-{last}",
            f"CEP {first}{last}",
        ):
            yield "cep", form, SENTENCES[place % len(SENTENCES)].format(form)


def test_precision_and_recall_on_planted_numbers() -> None:
    """At least 0.99 of each, by kind; the digits are those of another implementation."""
    right, missed, wrong = Counter[str](), Counter[str](), Counter[str]()
    for kind, text, sentence in planted():
        hits = found(sentence)
        is_found = any(k == kind and part in text and len(part) > 7 for k, part in hits)
        right[kind] += is_found
        missed[kind] += not is_found
        wrong[kind] += len(hits) - is_found
    assert set(right) == set(IDENTIFIER_KINDS)
    for kind in right:
        assert right[kind] >= 0.99 * (right[kind] + missed[kind]), (kind, missed)
        assert right[kind] >= 0.99 * (right[kind] + wrong[kind]), (kind, wrong)


@pytest.mark.parametrize("kind", check_digits.RULES)
def test_numbers_of_another_implementation_are_valid(kind: str) -> None:
    for number in NUMBERS[kind]:
        assert check_digits.is_valid(kind, number)
        changed = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
        assert not check_digits.is_valid(kind, changed) or kind == "voter"


def test_masking_leaves_nothing_to_find() -> None:
    text = " e ".join(sentence for _, _, sentence in planted()[::7])
    masked, counts = mask(text)
    assert sum(counts.values()) == len(find(text))
    assert find(masked) == []
    assert mask(masked) == (masked, {})
    assert "[CPF]" in masked
    assert "0001234-56.2019.8.26.0100" in masked
    assert "Lei nº 13.709/2018" in masked


def test_count() -> None:
    texts = ["529.982.247-25, ana@exemplo.com", "", "(11) 98765-4321 e ana@exemplo.com"]
    assert count(texts) == dict.fromkeys(IDENTIFIER_KINDS, 0) | {"email": 2, "cpf": 1, "phone": 1}
    assert tuple(count([])) == IDENTIFIER_KINDS


def test_long_texts_take_linear_time() -> None:
    assert find("a" * 300_000 + "@" + "a." * 50_000) == []
    assert find("1" * 300_000 + " (11" * 10_000) == []
