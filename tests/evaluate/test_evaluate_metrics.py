import math
import re
import string
import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.translate.chrf_score import chrf_precision_recall_fscore_support
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer

from brnb.evaluate.text_metrics import METRICS, score_pairs, tokenizer_effect

ROUGE = ("rouge1", "rouge2", "rougeL")
SENTENCES = [
    "A avó não comprou pão.",
    "O avô não comprou mão de obra.",
    "É à tarde que a ação começa; às vezes, só à noite!",
    "Ação, nação e coração: três palavras.",
    "<b>São Paulo</b> &amp; $\\frac{1}{2}$ de 1.234,56",
    "the a an",
    "",
    "  \t\n",
    "\x00\x07\u200b\ud800",
]
WORDS = st.sampled_from(
    [
        *[
            "a",
            "o",
            "as",
            "um",
            "the",
            "não",
            "nao",
            "ação",
            "nação",
            "é",
            "à",
            "avó",
            "avô",
            "pão",
        ],
        *["1.234,56", "$x^2$", "<b>", "“sim”", "co-autor", "_", "中国", "", "\n", "\x00"],
        *["a\u0303o", "co\u00adração", "I\u0307", "\ufeff"],
    ]
)
TEXT = st.one_of(
    st.lists(WORDS, max_size=25).map(" ".join),
    st.text(st.characters(), max_size=60),
    st.sampled_from(SENTENCES),
)


def one(prediction: str, reference: str | list[str], form: str = "legacy") -> dict[str, float]:
    return {
        name: values.item() for name, values in score_pairs([(prediction, reference)], form).items()
    }


def squad_words(text: str) -> list[str]:
    """SQuAD's published normaliser, step by step."""
    lower = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", lower).split()


def squad_f1(guess: list[str], answer: list[str]) -> float:
    if not guess or not answer:
        return float(guess == answer)
    same = sum((Counter(guess) & Counter(answer)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(guess), same / len(answer)
    return (2 * precision * recall) / (precision + recall)


class Portuguese(Tokenizer):
    """Letters and digits, character by character, for rouge-score."""

    def tokenize(self, text: str) -> list[str]:
        return "".join(c if c.isalnum() else " " for c in text.lower()).split()


@given(TEXT, TEXT)
@example("", "")
def test_legacy_rouge_equals_rouge_score(prediction: str, reference: str) -> None:
    expected = RougeScorer(list(ROUGE)).score(reference, prediction)
    found = one(prediction, reference)
    assert {name: found[name] for name in ROUGE} == {n: expected[n].fmeasure for n in ROUGE}


@given(
    st.lists(st.sampled_from([*"áãçdef", "não", "“x”", "x,"]), max_size=90).map(" ".join),
    st.lists(st.sampled_from([*"áãçdef", "nao", "é"]), max_size=90).map(" ".join),
)
def test_pt_rouge_equals_rouge_score_with_unicode_words(prediction: str, reference: str) -> None:
    expected = RougeScorer(list(ROUGE), tokenizer=Portuguese()).score(reference, prediction)
    found = one(prediction, reference, "pt")
    assert {name: found[name] for name in ROUGE} == {n: expected[n].fmeasure for n in ROUGE}


@given(TEXT, st.lists(TEXT, min_size=1, max_size=4))
def test_the_best_reference_counts_as_in_rouge_score(
    prediction: str, references: list[str]
) -> None:
    expected = RougeScorer(list(ROUGE)).score_multi(references, prediction)
    found = one(prediction, references)
    assert {name: found[name] for name in ROUGE} == {n: expected[n].fmeasure for n in ROUGE}
    assert found["em"] == max(one(prediction, r)["em"] for r in references)


@given(TEXT, TEXT)
@example("The", "a")
@example("Super Bowl L!", "the Super-Bowl L")
def test_legacy_answers_equal_the_squad_script(prediction: str, reference: str) -> None:
    guess, answer = squad_words(prediction), squad_words(reference)
    found = one(prediction, reference)
    assert found["em"] == (" ".join(guess) == " ".join(answer))
    assert found["f1"] == squad_f1(guess, answer)


@pytest.mark.parametrize(
    ("prediction", "reference", "legacy", "pt"),
    [
        ("ação", "nação", 0.5, 0.0),  # rouge-score reads "a o" and "na o"
        ("pão", "mão", 0.5, 0.0),
        ("A avó dormiu", "O avô dormiu", 2 / 3, 1 / 3),
        ("é", "à", 0.0, 0.0),
        ("ação", unicodedata.normalize("NFD", "ação"), 0.8, 1.0),  # "a o" and "ac a o"
        ("co\u00adração", "coração", 0.4, 1.0),  # a soft hyphen: "co ra o" and "cora o"
    ],
)
def test_accents_by_hand(prediction: str, reference: str, legacy: float, pt: float) -> None:
    assert one(prediction, reference)["rouge1"] == pytest.approx(legacy)
    assert one(prediction, reference, "pt")["rouge1"] == pytest.approx(pt)


@pytest.mark.parametrize(
    ("prediction", "reference", "form", "em", "f1"),
    [
        ("o Brasil", "Brasil", "legacy", 0, 2 / 3),
        ("o Brasil", "Brasil", "pt", 1, 1),
        ("a casa", "casa", "legacy", 1, 1),
        ("the house", "house", "pt", 0, 2 / 3),
        ("A", "B", "legacy", 0, 0),
        ("", "A", "legacy", 1, 1),  # the option "A" is an article to SQuAD
        ("", "A", "pt", 0, 0),
        ("o", "A", "pt", 0, 0),
        ("avo", "avó", "pt", 0, 0),
        ("avo", "avó", "pt_folded", 1, 1),
        ("à casa", "casa", "pt_folded", 0, 2 / 3),  # a preposition stays
        ("“1.234,56”", "1.234,56", "legacy", 0, 0),  # SQuAD knows ASCII punctuation only
        ("“1.234,56”", "1.234,56", "pt", 1, 1),
        ("", "", "pt", 1, 1),
        ("", "sim", "pt", 0, 0),
        ("sim", "", "pt", 0, 0),
        ("<b>sim</b>", "sim", "pt", 0, 0.5),  # b, sim, b: precision 1/3, recall 1
        ("$\\alpha$", "alpha", "pt", 1, 1),
        ("sim\x00", "sim", "pt", 1, 1),
    ],
)
def test_answers_by_hand(prediction: str, reference: str, form: str, em: float, f1: float) -> None:
    found = one(prediction, reference, form)
    assert (found["em"], found["f1"]) == (em, pytest.approx(f1))


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        # sacrebleu, test/test_chrf.py, cases of the effective order that hold for any beta
        ("a", "a", 1.0),
        ("", "reference", 0.0),
        ("a b c", "abc", 1.0),
        ("aa", "ab", 0.25),
        ("abcdefg", "hijklmnop", 0.0),
        ("", "", 0.0),
        # by hand: precision 1, recall (3/4 + 2/3 + 1/2) / 3 = 23/36, F = 5 R / (4 + R)
        ("abc", "abcd", 115 / 167),
    ],
)
def test_chrf_by_hand(prediction: str, reference: str, expected: float) -> None:
    assert one(prediction, reference)["chrf"] == pytest.approx(expected)


def plain_chrf(prediction: str, reference: str) -> float:
    """Popović (2015): F2 of the means of nltk's precision and recall of each order."""
    reached = min(6, *(len("".join(text.split())) for text in (prediction, reference)))
    if reached == 0:
        return 0.0
    orders = [
        chrf_precision_recall_fscore_support(
            "".join(reference.split()), "".join(prediction.split()), n, beta=2, epsilon=0.0
        )
        for n in range(1, reached + 1)
    ]
    precision, recall = (sum(o[i] for o in orders) / reached for i in (0, 1))
    return 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0


@given(TEXT, TEXT)
def test_chrf_equals_the_definition(prediction: str, reference: str) -> None:
    assert one(prediction, reference)["chrf"] == pytest.approx(plain_chrf(prediction, reference))


def test_chrf_of_long_texts_and_large_alphabets() -> None:
    rng = np.random.default_rng(0)
    # 3000 characters to the sixth power do not fit in 64 bits
    texts = ["".join(map(chr, rng.integers(0x4E00, 0x4E00 + 3000, n))) for n in (4000, 3000)]
    texts = [texts[0] + texts[1], texts[1] + texts[0][:2000]]
    pairs = [(texts[0], texts[1]), ("não", "nao"), ("ab" * 70_000, "ba" * 70_001), ("", "x")]
    found = score_pairs(pairs, "legacy")["chrf"]
    assert found == pytest.approx([plain_chrf(*pair) for pair in pairs])


def test_length_ratio() -> None:
    assert one("um dois três", "um dois", "pt")["length_ratio"] == 1.5
    assert one("um dois três", "um dois")["length_ratio"] == 2  # "tr s"
    assert one("não é", ["a b c d e", "a b c"], "pt")["length_ratio"] == 2 / 3
    assert one("", "a")["length_ratio"] == 0
    assert math.isnan(one("a", "…")["length_ratio"])
    assert one("a b", ["…", "a"])["length_ratio"] == 2


@given(TEXT, TEXT)
def test_pt_does_not_depend_on_the_normal_form(prediction: str, reference: str) -> None:
    nfd = unicodedata.normalize("NFD", prediction), unicodedata.normalize("NFC", reference)
    for form in ("pt", "pt_folded"):
        assert one(*nfd, form) == pytest.approx(one(prediction, reference, form), nan_ok=True)


@settings(max_examples=30)
@given(st.lists(st.tuples(TEXT, st.lists(TEXT, min_size=1, max_size=3)), max_size=6))
def test_a_pair_does_not_depend_on_the_others(pairs: list[tuple[str, list[str]]]) -> None:
    together = score_pairs(pairs, "pt")
    assert list(together) == list(METRICS)
    for i, pair in enumerate(pairs):
        alone = {name: values.item() for name, values in score_pairs([pair], "pt").items()}
        assert {n: v[i] for n, v in together.items()} == pytest.approx(alone, nan_ok=True)


@settings(max_examples=50)
@given(TEXT, TEXT)
def test_scores_are_shares_and_a_text_equals_itself(prediction: str, reference: str) -> None:
    for form in ("legacy", "pt", "pt_folded"):
        found = one(prediction, reference, form)
        assert all(0 <= found[name] <= 1 for name in METRICS[:6])
        assert one(prediction, prediction, form)["em"] == 1


@pytest.mark.parametrize(
    ("pair", "error", "message"),
    [
        (("sim", None), TypeError, "pair 1: 'None' is of type NoneType, not str"),
        ((b"sim", "sim"), TypeError, "pair 1: .*bytes.*decode bytes as UTF-8"),
        ((float("nan"), "sim"), TypeError, "pair 1: 'nan' is of type float"),
        (("sim", {"text": ["sim"]}), TypeError, "pair 1: .* of type dict"),
        (("sim", [None]), TypeError, "pair 1"),
        (("sim", []), ValueError, "pair 1 has no reference"),
    ],
)
def test_errors_name_the_pair(pair: tuple, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        score_pairs([("a", "b"), pair], "pt")


def test_an_unknown_form_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'en' is unknown; use one of legacy, pt, pt_folded"):
        score_pairs([], "en")  # type: ignore[arg-type]


def test_no_pairs_no_scores() -> None:
    assert {name: values.shape for name, values in score_pairs([], "pt").items()} == dict.fromkeys(
        METRICS, (0,)
    )


def test_tokenizer_effect_by_hand() -> None:
    # rouge-score reads "p o" and "m o": each shares "o" with the other, that is all of its floor
    effect = {
        e.metric: e for e in tokenizer_effect([("pão", "pão"), ("mão", ["mão", "x"])], seed=1)
    }
    assert list(effect) == ["em", "f1", "rouge1", "rouge2", "rougeL"]
    rouge = effect["rouge1"]
    assert (rouge.legacy, rouge.pt, rouge.changed) == (1.0, 1.0, 0.0)
    assert (rouge.legacy_floor, rouge.pt_floor) == (0.5, 0.0)
    changed = {e.metric: e for e in tokenizer_effect([("pão", "mão"), ("sim", "sim")])}
    assert (changed["rouge1"].legacy, changed["rouge1"].pt) == (0.75, 0.5)
    assert changed["rouge1"].changed == 0.5


def test_tokenizer_effect_needs_two_pairs() -> None:
    with pytest.raises(ValueError, match="1 given"):
        tokenizer_effect([("a", "a")])
