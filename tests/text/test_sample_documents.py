"""The embedded sample: schema, determinism, sound Portuguese, and what was planted."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import islice

import pytest

from brnb.text import sample

COUNT = 1200
CPF = re.compile(r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b")
EMAIL = re.compile(r"\b[\w.]+@[\w.]+\.\w+\b")
PHONE = re.compile(r"\(\d{2}\) 9?\d{4}-\d{4}")


@pytest.fixture(scope="module")
def docs() -> list[dict]:
    return list(sample.documents(COUNT))


def lines(doc: dict) -> list[str]:
    return [" ".join(sentences) for sentences in doc["text"]["paragraphs"]]


def letters(line: str) -> float:
    return sum(map(str.isalpha, line)) / len(line)


def is_noise(line: str) -> bool:
    return len(line) < 20 or letters(line) < 0.5


def digest(seed: int, count: int) -> str:
    data = json.dumps(list(sample.documents(count, seed)), ensure_ascii=False)
    return hashlib.sha256(data.encode()).hexdigest()


def test_schema_is_that_of_brwac(docs: list[dict]) -> None:
    for doc in docs:
        assert set(doc) == {"doc_id", "title", "register", "uri", "text"}
        assert set(doc["text"]) == {"title", "paragraphs"}
        assert doc["text"]["title"] == doc["title"]
        assert all(isinstance(s, str) and s for p in doc["text"]["paragraphs"] for s in p)
    assert len({doc["doc_id"] for doc in docs}) == len({doc["uri"] for doc in docs}) == COUNT


def test_documents_have_three_to_eight_paragraphs_of_two_to_six_sentences() -> None:
    from brnb.text.sample.articles import compose

    for index in range(300):
        paragraphs = compose(0, index)[3]
        assert 3 <= len(paragraphs) <= 8
        assert all(2 <= len(sentences) <= 6 for sentences in paragraphs)


def test_same_seed_same_bytes_in_another_process_and_hash_seed() -> None:
    code = (
        "import hashlib, json; from brnb.text import sample;"
        "d = json.dumps(list(sample.documents(60, 7)), ensure_ascii=False);"
        "print(hashlib.sha256(d.encode()).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert digest(7, 60) == digest(7, 60) == other
    assert digest(8, 60) != other


def test_a_document_depends_on_nothing_but_seed_and_index(docs: list[dict]) -> None:
    for index in (900, 3, 517, 0):
        assert sample.document(index) == docs[index]
    assert list(islice(sample.documents(10**12), 5)) == docs[:5]
    with pytest.raises(ValueError, match="0 or more"):
        sample.document(-1)


def test_planted_counts_are_those_found_in_the_text(docs: list[dict]) -> None:
    found: Counter[str] = Counter()
    texts = [json.dumps(doc["text"], ensure_ascii=False) for doc in docs]
    furniture = Counter(line for doc in docs for line in lines(doc) if not is_noise(line))
    for doc in docs:
        body = "\n".join(lines(doc))
        found["short_line"] += sum(len(line) < 20 for line in lines(doc))
        found["low_letters"] += sum(len(x) >= 20 and letters(x) < 0.5 for x in lines(doc))
        found["boilerplate"] += sum(furniture[line] > COUNT * 0.4 / 20 / 2 for line in lines(doc))
        found["cpf"] += len(CPF.findall(body))
        found["email"] += len(EMAIL.findall(body))
        found["phone"] += len(PHONE.findall(body))
    found["exact_duplicate"] = COUNT - len(set(texts))
    expected = sample.planted(COUNT)
    assert {kind: found[kind] for kind in expected if kind != "near_duplicate"} == {
        kind: n for kind, n in expected.items() if kind != "near_duplicate"
    }


def test_near_duplicates_share_nearly_all_sentences_with_an_earlier_document(
    docs: list[dict],
) -> None:
    seen: list[set[str]] = []
    near = 0
    for doc in docs:
        own = {s for p in doc["text"]["paragraphs"] for s in p if len(s) > 60}
        best = max((len(own & other) / len(own | other) for other in seen), default=0.0)
        near += 0.5 < best < 1
        seen.append(own)
    assert near == sample.planted(COUNT)["near_duplicate"]


def test_rates_are_the_planted_shares() -> None:
    count = 20_000
    for kind, planted in sample.planted(count, seed=5).items():
        rate = sample.RATES[kind]
        assert abs(planted - rate * count) < 5 * (count * rate * (1 - rate)) ** 0.5


def is_valid_cpf(text: str) -> bool:
    """Receita Federal's rule, with ascending weights: the remainder itself is the digit."""
    digits = [int(c) for c in text if c.isdigit()]
    first = sum(d * w for d, w in zip(digits[:9], range(1, 10), strict=True)) % 11 % 10
    second = sum(d * w for d, w in zip(digits[:10], range(10), strict=True)) % 11 % 10
    return digits[9:] == [first, second]


def test_personal_data_is_valid_and_belongs_to_nobody(docs: list[dict]) -> None:
    assert is_valid_cpf("529.982.247-25")
    assert not is_valid_cpf("529.982.247-52")
    text = "\n".join(line for doc in docs for line in lines(doc))
    assert all(map(is_valid_cpf, CPF.findall(text)))
    # RFC 2606 reserves these domains
    assert {mail.partition("@")[2] for mail in EMAIL.findall(text)} <= {
        "example.com",
        "example.net",
        "example.org",
    }
    # Anatel's area codes
    assigned = "11-19 21 22 24 27 28 31-35 37 38 41-49 51 53-55 61-69 71 73-75 77 79 81-89 91-99"
    codes = {
        code
        for first, _, last in (part.partition("-") for part in assigned.split())
        for code in range(int(first), int(last or first) + 1)
    }
    assert len(codes) == 67
    assert {int(phone[1:3]) for phone in PHONE.findall(text)}.isdisjoint(codes)


def test_clean_text_survives_the_cleaning_rules() -> None:
    from brnb.text.sample.articles import compose

    for index in range(600):
        _, _, title, paragraphs = compose(0, index)
        for sentence in (title, *(s for p in paragraphs for s in p)):
            assert len(sentence) >= 20
            assert letters(sentence) >= 0.5


@pytest.mark.parametrize(
    "wrong",
    [
        r"\b(?:de|em|a|por) (?:o|a|os|as) [a-z]",
        r"\b(?:de|em|por) (?:do|da|no|na|ao|à|pelo|pela)\b",
        r"\b(?:ao|à|do|da|no|na|pelo|pela) (?:o|a|os|as)\b",
        r"  ",
        r" [,.;:]",
        r"[{}\[\]|#]",
        r"(?<![\d.,])1 (?:mês|gol|cartão|ano|dia|vez)e?s\b",
        r"\b0 (?:gols|meses)\b",
        r"R\$ 1(?:,\d)? (?:milhões|bilhões)",
        r"\d\.\d{1,2}\b(?!\.)(?=[^\d]*(?:milhões|km))",
        r"\bdia 1 de\b|\b1 de (?:janeiro|março|maio)",
        r"\b(\w{3,}) \1\b",
    ],
)
def test_no_slips_of_grammar(docs: list[dict], wrong: str) -> None:
    pattern = re.compile(wrong)
    ordinary = (s for d in docs for p in d["text"]["paragraphs"] for s in p if not is_noise(s))
    slips = [s for s in ordinary if pattern.search(EMAIL.sub("x", s))]
    assert slips == []


def test_sentences_begin_in_upper_case_and_end_in_a_stop(docs: list[dict]) -> None:
    for doc in docs:
        for sentence in (s for p in doc["text"]["paragraphs"] for s in p if not is_noise(s)):
            assert sentence[sentence[0] == "“"].isupper()
            assert sentence[-1] in ".?!”"
            assert sentence.count("“") == sentence.count("”")


def test_no_sentence_is_repeated_within_a_document(docs: list[dict]) -> None:
    for doc in docs:
        sentences = [s for p in doc["text"]["paragraphs"] for s in p]
        assert len(sentences) == len(set(sentences))


def test_text_is_varied() -> None:
    from brnb.text.sample.articles import compose

    sentences = [s for i in range(2000) for p in compose(0, i)[3] for s in p]
    assert len(set(sentences)) > 0.9 * len(sentences)
    words = {w for s in sentences for w in re.findall(r"[^\W\d_]+", s.lower())}
    assert len(words) > 3000


def test_eight_registers_each_with_its_own_words(docs: list[dict]) -> None:
    by_register: dict[str, Counter[str]] = {}
    for doc in docs:
        words = re.findall(r"[^\W\d_]+", " ".join(lines(doc)).lower())
        by_register.setdefault(doc["uri"].split("/")[3], Counter()).update(words)
    assert len(by_register) == 8
    typical = {
        "futebol": "gols",
        "direito": "recurso",
        "saude": "leitos",
        "economia": "receita",
        "cultura": "artistas",
        "geografia": "rio",
        "tecnologia": "usuários",
        "infraestrutura": "obras",
    }
    for register, word in typical.items():
        share = {name: c[word] / c.total() for name, c in by_register.items()}
        assert max(share, key=share.__getitem__) == register


def test_lexicon_covers_what_documents_say(docs: list[dict]) -> None:
    lexicon = sample.word_forms()
    assert {"da", "no", "pelo", "à", "obra", "gols", "fundada", "segunda-feira"} <= lexicon
    assert all(word == word.lower() for word in lexicon)
    known = total = 0
    for doc in docs[:200]:
        for sentence in (s for p in doc["text"]["paragraphs"] for s in p):
            # words in lower case inside a sentence are no proper names
            inner = re.findall(r"(?<=[ “])[a-zà-ú]+(?:-[a-zà-ú]+)*\b", EMAIL.sub("", sentence))
            total += len(inner)
            known += sum(word in lexicon for word in inner)
    assert known == total


def test_few_sentences_end_in_who_says_so() -> None:
    tag = re.compile(
        r"(, (segundo|informou|de acordo com|lembra|explica) [A-Z]|, como notici|, conforme a ata)"
        r".*\.$"
    )
    sentences = [s for d in sample.documents(300, 11) for p in d["text"]["paragraphs"] for s in p]
    assert sum(bool(tag.search(s)) for s in sentences) <= 0.1 * len(sentences)


def test_money_has_two_decimals_or_is_in_millions() -> None:
    one_decimal = re.compile(r"R\$ [\d.]+,\d(?!\d)(?! (mi|bi)lh)")
    for entry in sample.documents(300, 11):
        for paragraph in entry["text"]["paragraphs"]:
            assert not [s for s in paragraph if one_decimal.search(s)]
