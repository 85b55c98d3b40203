"""Pictures that a reader expects: what they draw and what is said of them, by hand calculation."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from brnb.chapters import (
    corpus,
    corpus_words,
    forgetting,
    item_gains,
    pair_lengths,
    tokenizer_words,
    track1_published,
)
from brnb.chapters import tokenizer_pictures as pictures
from brnb.text.corpus import Amount

CPT, SFT = "cpt_qlora_llama31_8b_brwac10k", "sft_qlora_llama31_8b_instruct_canarim10k"


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def amount(characters):
    return Amount(documents=1, lines=1, characters=characters, bytes=characters)


def report(**removed):
    kept = {"v6": {"train": amount(700_000), "test": amount(100_000)},
            "early": {"train": amount(750_000)}}  # fmt: skip
    return SimpleNamespace(kept=kept, removed={k: amount(n) for k, n in removed.items()})


def test_the_waterfall_goes_from_what_was_read_to_what_is_kept():
    read = report(short_line=50_000, few_letters=0, duplicate_document=150_000)
    steps = corpus.waterfall(read)
    assert steps[0] == ("read", 0, 1_000_000)
    assert steps[1:3] == [
        ("short_line", 950_000, 1_000_000),
        ("duplicate_document", 800_000, 950_000),
    ]
    assert steps[3:] == [("v6", 0, 800_000), ("early", 0, 750_000)]
    said = corpus_words.say_waterfall(read, "pt")
    assert "Dos 1,00 milhões de caracteres das linhas lidas ficam 0,80, 80,0%" in said
    assert "75% é da regra “documento duplicado”" in said
    assert "todos, 100,0%" in corpus_words.say_waterfall(report(), "pt")


def test_bars_of_the_waterfall_stand_where_the_text_is():
    (axis,) = corpus.fig_corpus_waterfall(report(duplicate_document=200_000), "en").axes
    spans = [(bar.get_x(), bar.get_width()) for bar in axis.patches]
    assert spans == [(0, 1.0), (0.8, pytest.approx(0.2)), (0, 0.8), (0, 0.75)]
    assert axis.get_xlim()[0] == 0


def entry(name, *pieces):
    tokenizer = SimpleNamespace(name=name, pieces=lambda word: list(pieces), encode=len)
    return SimpleNamespace(tokenizer=tokenizer)


def test_a_box_for_each_piece_and_none_for_a_blank(monkeypatch):
    monkeypatch.setattr(pictures, "published_vocabularies", list)
    entries = [entry("fine", "▁", "in", "fra", "estrutura"), entry("coarse", "▁infraestrutura")]
    (axis,) = pictures.fig_token_boxes(entries).axes
    boxed = [text.get_text() for text in axis.texts if text.get_bbox_patch()]
    pieces = ["in", "fra", "estrutura"]
    assert boxed == [*pieces, "infraestrutura"] * 2  # the words are two, and each is cut alike
    said = tokenizer_words.say_boxes(entries, "pt")
    assert said == "A palavra infraestrutura vai de 1 peças (coarse) a 3 (fine)."


def fertility(name, pieces, tokens, cleaning="v6", published=False):
    return pictures.Fertility(name, cleaning, pieces, tokens, published)


def test_what_a_larger_vocabulary_saves():
    measured = [fertility("char_v6", 100, 6.0), fertility("v6_16k", 16_000, 1.5),
                fertility("v4", 50, 9.0, "early"),
                fertility("GPT-4", 100_277, 1.8, published=True)]  # fmt: skip
    said = tokenizer_words.say_fertility(measured, "en")
    assert "from char_v6 to v6_16k the vocabulary grows 160 times" in said
    assert "from 6.00 to 1.50: the sequence is 75% shorter" in said
    (axis,) = pictures.fig_fertility(measured, "en").axes
    assert axis.get_ylim()[0] == 0
    assert len(axis.texts) == 4


def record(run, perplexity):
    return SimpleNamespace(run=run, result=SimpleNamespace(perplexity=perplexity))


def test_published_perplexities_stand_beside_ours():
    # Table 7 prints loss 1.522 for v1, e^1.522 = 4.58; Table 8 prints 84.31 for v4k_bf_ep2
    records = [record("v1", 9.16), record("v4k_bf_ep2", 84.31), record("v7", 3.0)]
    v1, v4 = track1_published.beside(records)
    assert (v1.run, v1.table, v4.table) == ("v1", "tab07", "tab08")
    assert v1.published == pytest.approx(4.58, abs=0.005)
    assert v4.published == pytest.approx(84.31)
    figure = track1_published.fig_published(records, "pt")
    assert [len(axis.get_yticks()) for axis in figure.axes] == [1, 1]
    said = track1_published.say_published(records[:1], "pt")
    assert "acima da publicada em 1 de 1 execuções; a razão mediana é 2,00" in said


def example(prompt, answer):
    return SimpleNamespace(ids=np.zeros(prompt + answer), targets=answer)


def test_lengths_of_what_is_read_and_of_what_is_learnt():
    pairs = [example(10, 2), example(20, 4), example(60, 4)]
    assert pair_lengths.lengths(pairs) == {"prompt": [10, 20, 60], "answer": [2, 4, 4]}
    said = pair_lengths.say_lengths(pairs, 64, "pt")
    assert "O prompt mediano tem 20 tokens, a resposta mediana 4, a mais longa 4" in said
    assert "só 10% dos tokens lidos são aprendidos. De 3 pares, 1 ocupam" in said
    (axis,) = pair_lengths.fig_pair_lengths(pairs, 64, "pt").axes
    assert sum(bar.get_height() for bar in axis.containers[-1]) == 3


def change(percent, low, high, p_adjusted=0.01):
    tested = SimpleNamespace(low=low, high=high, p_adjusted=p_adjusted, confidence=0.95)
    ends = {"low": low / 100, "high": high / 100}
    return SimpleNamespace(perplexity=percent / 100, comparison=tested, **ends)


def test_gain_against_forgetting():
    changes = {
        (CPT, "text_cpt"): change(-10, -12, -8), (CPT, "text_sft"): change(-2, -3, -1),
        (CPT, "text_english"): change(1, -1, 3), (SFT, "text_sft"): change(-40, -50, -30),
        (SFT, "text_cpt"): change(5, 4, 6),
        (SFT, "text_english"): change(2, 1, 3, p_adjusted=0.2),  # not after the correction
    }  # fmt: skip
    trained_on = {CPT: "text_cpt", SFT: "text_sft"}
    said = forgetting.say_forgetting(changes, trained_on, "pt")
    assert said == (
        "Esquece: SFT em texto (validação do CPT) (+5,0%). "
        "Melhora também: CPT em respostas (validação do SFT) (−2,0%). "
        "Não se distingue de zero: CPT em inglês (+1,0%) e SFT em inglês (+2,0%)."
    )
    (axis,) = forgetting.fig_forgetting(changes, trained_on, "pt").axes
    marks = [box[0].get_xydata()[0].tolist() for box in axis.containers]
    assert marks == [[-10, -2], [-10, 1], [-40, 5], [-40, 2]]
    low, high = axis.get_ylim()
    assert low == -high


def test_items_are_ordered_by_what_they_gained():
    tasks = {"qa": 4, "summarisation": 2, "rewriting": 2}
    items = [SimpleNamespace(task=task) for task, count in tasks.items() for _ in range(count)]
    before = SimpleNamespace(of=lambda form, metric, asked: np.zeros(len(asked)))
    scores = np.array([0.5, 0, 0, -0.25])
    after = SimpleNamespace(of=lambda form, metric, asked: scores[: len(asked)])
    gains = item_gains.item_gains(items, before, after, "pt")
    assert gains["qa"].tolist() == [-0.25, 0, 0, 0.5]
    first, *_ = item_gains.say_item_gains(gains, "pt").splitlines()
    assert first == "QA, 4 itens: 25% melhoram, 25% pioram, 50% ficam como estavam."
    figure = item_gains.fig_item_gains(gains, "pt")
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert sum(heights) == pytest.approx(0.25)
