"""Injection, hallucination, cultural probes and the judge, against hand-made answers."""

import math

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from brnb.evaluate.statistics import Rate
from brnb.extrinsic import judge, probes
from brnb.extrinsic.judge import cohen_kappa, judge_both_orders
from brnb.extrinsic.probes import accuracy, chance, choose, option_nats, read_probes
from brnb.extrinsic.safety import attacks, hallucination, obeyed, unsupported
from brnb.extrinsic.testsets import Item


def test_wilsons_interval_is_the_published_one():
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29
    expected = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605)}
    expected |= {(0, 20): (0.0, 0.1611), (1, 29): (0.0061, 0.1718)}
    for counts, interval in expected.items():
        assert Rate(*counts).interval == pytest.approx(interval, abs=5e-5)
    assert math.isnan(Rate(0, 0).value)
    assert math.isnan(Rate(0, 0).interval[0])


def test_no_prompt_of_the_suite_holds_its_marker():
    suite = attacks()
    assert len(suite) == 30
    assert len({attack.hidden.hash for attack in suite}) == 30
    for attack in suite:
        assert not obeyed(attack.marker, attack.hidden.prompt), attack.marker
        assert not obeyed(attack.marker, attack.open.prompt), attack.marker
        assert attack.open.instruction in attack.hidden.input


def test_a_marker_counts_as_a_whole_word_in_any_case():
    assert obeyed("frio", "A resposta é FRIO.")
    assert not obeyed("frio", "calafrios")
    assert obeyed("R$", "custa R$ 5")
    assert obeyed("***", "***oi***") is False  # joined to a word on both sides
    assert obeyed("***", "*** oi ***")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A obra custou R$ 1.200 e foi entregue a Maria Souza.", []),
        ("A obra custou 1200 reais.", []),
        ("A obra custou R$ 1.300.", ["1.300"]),
        ("Em Recife, a obra parou.", ["Recife"]),
        ("O prefeito João da Silva negou.", ["João da Silva"]),
        ("Foi entregue a MARIA SOUZA.", []),
        ("Depois parou. Ninguém soube.", []),
        ("", []),
    ],
)
def test_names_and_numbers_need_support(text, found):
    source = "A obra, orçada em R$ 1.200, foi entregue à engenheira Maria Souza em Olinda."
    assert unsupported(text, source) == found


def test_the_rate_counts_answers_not_findings():
    item = Item("0", "summarisation", "Resuma.", "Choveu em Olinda.", ("Choveu.",))
    found = hallucination(["Foi em Recife e em Natal, em 1999.", "Choveu em Olinda."], [item] * 2)
    assert (found.successes, found.trials) == (1, 2)


def test_probes_are_whole_and_the_right_option_is_anywhere():
    found = read_probes()
    assert len(found) == 200
    assert len({probe.question for probe in found}) == 200
    for probe in found:
        assert len(set(probe.options)) == len(probe.options) == 4
        assert all(option.strip() == option != "" for option in probe.options)
        assert probe.source
    places = [sum(p.right == place for p in found) for place in range(4)]
    assert min(places) >= 15
    assert chance(found) == 0.25
    assert found == read_probes()


@pytest.fixture(scope="module")
def tiny():
    """A GPT-2 and a tokenizer of bytes-like letters."""
    letters = sorted({c for p in read_probes() for c in p.prompt + " ".join(p.options)} | {" "})
    vocabulary = {letter: i + 1 for i, letter in enumerate(letters)} | {"<s>": 0}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<s>"))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="<s>")
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(vocabulary), n_embd=16, n_layer=2, n_head=2, n_positions=256)
    return GPT2LMHeadModel(config).eval(), tokenizer


def test_option_likelihood_is_that_of_one_text_at_a_time(tiny):
    model, tokenizer = tiny
    texts = [(p.prompt, f" {p.options[0]}") for p in read_probes()[:7]]
    found = option_nats(model, tokenizer, texts, batch=3)
    for (prompt, option), nats in zip(texts, found, strict=True):
        ids = [0, *tokenizer(prompt + option, add_special_tokens=False)["input_ids"]]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        start = len(ids) - len(option)
        by_hand = -sum(logits[i - 1, ids[i]].item() for i in range(start, len(ids)))
        assert nats == pytest.approx(by_hand, rel=1e-4)


def test_the_choice_is_per_byte(tiny, monkeypatch):
    question = probes.Probe("x", "saude", "?", ("aa", "ção", "aaaaaaaa", "b"), 2, "s")
    monkeypatch.setattr(probes, "option_nats", lambda *_: [4.0, 5.0, 12.0, 2.0])
    # with the blank, bytes are 3, 6, 9, 2: per byte 1.33, 0.83, 1.33, 1
    assert choose(*tiny, [question]) == [1]
    assert accuracy([question], [1])["all"].successes == 0
    assert accuracy([question], [2])["all"].successes == 1


def scripted(choose_answer):
    """A judge that reads both answers from the prompt and replies by a rule."""

    def replies(prompts):
        found = []
        for prompt in prompts:
            first = prompt.split("Resposta A: ")[1].split("\n")[0]
            second = prompt.split("Resposta B: ")[1].split("\n")[0]
            found.append(choose_answer(first, second))
        return found

    return replies


ITEMS = [Item(str(n), "qa", f"Pergunta {n}?", "", ("certo",)) for n in range(4)]
FIRST, SECOND = ["certo", "certo", "errado", "certo"], ["errado", "errado", "certo", "certo"]


def test_a_fair_judge_survives_the_swap():
    fair = scripted(lambda a, b: "E" if a == b else "A" if a == "certo" else "Resposta: B.")
    found = judge_both_orders(fair, ITEMS, FIRST, SECOND)
    assert found.final == ["first", "first", "second", "tie"]
    assert (found.consistency, found.kappa) == (1, 1)


def test_a_judge_that_prefers_the_first_place_only_ties():
    found = judge_both_orders(scripted(lambda a, b: "A"), ITEMS, FIRST, SECOND)
    assert found.final == ["tie"] * 4
    assert found.consistency == 0
    assert found.kappa == 0


def test_a_reply_without_a_verdict_is_none():
    found = judge_both_orders(scripted(lambda a, b: "Ambas são boas"), ITEMS, FIRST, SECOND)
    assert found.final == [None] * 4
    assert math.isnan(found.kappa)
    assert judge.read_choice("Acho que B, não A") == "second"


def test_kappa_is_cohens():
    # Fleiss, Levin & Paik (2003), table 18.1: proportions of 100 subjects, kappa = 0.676
    cells = {("p", "p"): 75, ("p", "n"): 1, ("p", "o"): 4, ("n", "p"): 5, ("n", "n"): 4}
    cells |= {("n", "o"): 1, ("o", "p"): 0, ("o", "n"): 0, ("o", "o"): 10}
    pairs = [pair for pair, count in cells.items() for _ in range(count)]
    assert cohen_kappa(*zip(*pairs, strict=True)) == pytest.approx(0.676, abs=5e-4)
    assert math.isnan(cohen_kappa(["a"], ["a"]))
    with pytest.raises(ValueError, match="not of the same things"):
        cohen_kappa(["a"], [])
