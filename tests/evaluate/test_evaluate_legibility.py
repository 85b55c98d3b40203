"""Guardrails and measures of words, on samples counted by hand and on those of the dissertation."""

import pytest

from brnb.evaluate.calibration import calibrated_limits
from brnb.evaluate.legibility import (
    Legibility,
    contrast,
    legibility,
    lexicon,
    portuguese,
    repeated,
)
from brnb.tokenizers.char import CharTokenizer

V4 = """o seu nome se refere à borda de uma vida em círculo, é o que se o mais alto, para o
momento, o que quer, com o seu papel, o que o sol não se é o maior que se pode. o sequestro de
cavaleiros e a cúpula, o que é, no sentido de passar,, de modo que o seu seu papel não se
transforma em seu corpo"""
V5 = """clín informações viagem claro ta vê encamatos reserv suasóveisõe obrigu concre usar ecoên
clubeson marca pen? áre visão servidoresicidade anal 1. peso num prefeitoílias comput sobfeito
prazo banda autom total deseist flitasir suturados poss tema manterbas plapenho? serem intro?"""
SPANISH = """El sector de la infraestructura debate nuevas concesiones de ferrocarriles y metas de
productividad para los puertos, porque la empresa no tiene dinero para pagar a los trabajadores."""


class Pieces:
    """A tokenizer of given pieces: the id of a piece is its place."""

    name, unk_id, eos_id = "pieces", 0, 1

    def __init__(self, *pieces, byte_pieces=()):
        encoded = [piece.encode() for piece in pieces]
        self.token_bytes = (b"", b"", *encoded, *byte_pieces)
        self.byte_ids = frozenset(range(2 + len(encoded), len(self.token_bytes)))

    def decode(self, ids):
        return b"".join(self.token_bytes[i] for i in ids).decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("cut", "whole", "ratio", "passes"),
    [(50, 900, 0.050, True), (149, 702, 0.149, False), (155, 690, 0.155, False)],
)
def test_the_verdicts_of_table_10(cut, whole, ratio, passes):
    tokenizer = Pieces(" casa", "s", " rio")  # "casas" is cut into a long and a short piece
    found = legibility(tokenizer, [[2, 3] * cut, [4] * whole], frozenset())
    assert found.short_piece_ratio == pytest.approx(ratio)
    assert found.fallback_ratio == 0.0
    assert found.guardrails_pass is passes


def test_bytes_count_as_fallback():
    tokenizer = Pieces(" casa", byte_pieces=["ñ".encode()[:1], "ñ".encode()[1:]])
    found = legibility(tokenizer, [[2] * 98 + [3, 4]], frozenset(["casa"]))
    assert found.fallback_ratio == pytest.approx(0.02)
    assert not found.guardrails_pass


def test_repetition_is_the_share_of_4_grams_that_stood_before():
    assert repeated(["a", "casa", "do", "rio", "a", "casa", "do", "rio"]) == [False] * 4 + [True]
    assert repeated(["a", "casa", "do"]) == []
    tokenizer = Pieces(" a", " casa", " do", " rio")
    samples = [[2, 3, 4, 5, 2, 3, 4, 5], [2, 3, 4, 5]]  # once in each sample is no repetition
    assert legibility(tokenizer, samples, frozenset()).repetition == pytest.approx(1 / 6)


def test_a_lexicon_holds_frequent_words_and_few_letters():
    texts = ["A casa, a CASA e x", "casa é x", "casa à x 12", "rio x a a é é é x casa", "é x à"]
    assert lexicon(texts, at_least=4) == {"casa", "é", "a"}
    tokenizer = Pieces(" Casa", " rio")
    assert legibility(tokenizer, [[2, 3, 2, 2]], frozenset(["casa"])).dictionary_share == 0.75


def test_published_samples_of_v4_are_portuguese_and_those_of_v5_are_not():
    def words(text):
        return [word.strip(".,?").lower() for word in text.split()]

    assert portuguese(words(V4)) == [True, True, True]
    assert portuguese(words(V5)) == [False, False]
    assert portuguese(words(SPANISH)) == [False]
    assert portuguese(["o"] * 9) == []


def test_samples_without_words_have_no_shares():
    found = legibility(Pieces("…"), [[], [2]], frozenset())
    assert found.sample_words == 0
    assert found.dictionary_share is found.repetition is found.language_share is None
    assert found.short_piece_ratio is None
    assert (found.empty_samples, found.guardrails_pass) == (2, False)


def test_human_text_passes_limits_of_its_own_vocabulary_and_spelling_does_not():
    tokenizer = CharTokenizer.train(["uma casa"], name="char")
    texts = ["casa do rio"] * 10
    told = {"tokens": 9, "samples": 10, "seed": 1}
    assert calibrated_limits(tokenizer, texts, **told).short_piece_ratio == 1.0
    pieces = Pieces(" casa", "s", " rio")

    class Words(Pieces):
        def encode(self, text):  # one word in ten is cut in two
            return ([4] * 9 + [2, 3]) * 20

    words = Words(" casa", "s", " rio")
    limits = calibrated_limits(words, ["x", "y"], tokens=110, samples=10, seed=1)
    assert limits.short_piece_ratio == pytest.approx(1 / 11, rel=0.05)
    assert limits.fallback_ratio == 0.0
    spelt = legibility(pieces, [[2, 3] * 50], frozenset(), limits)
    assert (spelt.guardrails_pass, spelt.short_piece_limit) == (False, limits.short_piece_ratio)
    with pytest.raises(ValueError, match="there is none"):
        calibrated_limits(words, [], **told)


def test_a_change_is_seen_where_there_is_one_and_missing_values_are_left_out():
    def single(share, repetition):
        return Legibility(0.0, 0.1, repetition, share, None, 10, 0, 0.01, 0.1, True)

    before = {p: [single(0.9 + 0.001 * i, None) for i in range(5)] for p in ("a", "b")}
    after = {p: [single(0.5 + 0.001 * i, 0.1) for i in range(5)] for p in ("a", "b")}
    found = contrast(before, after)
    assert set(found) == {"fallback_ratio", "short_piece_ratio", "dictionary_share"}
    change, low, high = found["dictionary_share"]
    assert change == pytest.approx(-0.4)
    assert -0.41 < low < high < -0.39
    assert found["short_piece_ratio"] == (0.0, 0.0, 0.0)
