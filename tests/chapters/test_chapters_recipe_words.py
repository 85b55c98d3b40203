"""Sentences of chapter 10 from hand-made results, every side of each verdict."""

import pytest

from brnb.chapters import recipe_words as words
from brnb.chapters.version_words import say_both_cleanings
from brnb.studies.ablation import AblationRow, Race, Worth
from brnb.studies.contest import Lead
from brnb.studies.unseen import RegisterLead


def test_the_same_documents_in_both_cleanings():
    # 36,145 tokens over 30,622 are 1.180
    assert say_both_cleanings(36_145, 30_622, "pt") == (
        "A validação tem 36.145 tokens na limpeza early e 30.622 na v6: 1,180 vezes os desta."
    )


@pytest.mark.parametrize(("tokens", "said"), [
    (3e6, "com 30,0% dos tokens: a meta de um terço está cumprida."),
    (4e6, "com 40,0% dos tokens: a meta de um terço não está cumprida."),
    (None, "A v7 não chegou ao melhor da v6: 1,300 contra 1,250 bits por byte."),
])  # fmt: skip
def test_a_goal_met_missed_and_out_of_reach(tokens, said):
    race = Race(target=1.25, baseline_tokens=10e6, tokens=tokens, best=1.3)
    assert words.say_race(race, "pt").endswith(said)


@pytest.mark.parametrize(("low", "high", "said"), [
    (-0.2, -0.05, "The interval excludes zero: v7 is ahead."),
    (-0.2, 0.1, "The interval holds zero: neither is ahead."),
])  # fmt: skip
def test_who_is_ahead_on_test(low, high, said):
    text = words.say_ahead_on_test(-0.125, low, high, "en")
    assert text.startswith("On test, v7 less v6, document by document: −0.1250 bits per byte [−0.2")
    assert text.endswith(said)


def test_unseen_texts_read_and_left_out():
    assert words.say_unseen_read(60, 0, "pt") == (
        "Leem-se 60 documentos de registros que o treino não tem. O treino não repete nenhum."
    )
    assert words.say_unseen_read(2, 1, "pt").endswith("Outro fica de fora, porque o treino quase "
                                                      "o repete.")  # fmt: skip
    assert "Another 3 stay out" in words.say_unseen_read(1, 3, "en")


@pytest.mark.parametrize(("interval", "said"), [
    ((0.01, 0.2), "a v6 está à frente."),
    ((-0.01, 0.2), "nenhuma está à frente."),
    ((None, None), "Um só documento não tem intervalo."),
])  # fmt: skip
def test_all_unseen_registers_together(interval, said):
    rows = [RegisterLead("fala", 1, 1.0, 1.5, 0.5, None, None),
            RegisterLead("", 4, 1.0, 1.1, 0.1, *interval)]  # fmt: skip
    text = words.say_unseen(rows, "pt")
    assert text.startswith("Em todos os registros não lidos juntos, v7 menos v6: +0,100 bits")
    assert text.endswith(said)


def test_leads_are_said_only_beyond_their_seeds():
    leads = [Lead("test", "tokens", -0.1, -0.2, -0.05), Lead("unseen", "time", 0.1, -0.1, 0.3),
             Lead("test", "flop", 0.1, 0.05, 0.3)]  # fmt: skip
    first, second, third = words.say_leads(leads, "pt").splitlines()
    assert first == (
        "No teste, com os mesmos tokens: a v7 está à frente, −0,1000 bits por byte "
        "[−0,2000; −0,0500]."
    )
    assert second.startswith("Em registros não lidos, no mesmo tempo: as sementes não decidem, +")
    assert "com as mesmas operações: a v6 está à frente" in third


def test_ingredients_that_help_that_harm_and_that_nobody_can_tell():
    def removed(name, low, high):
        return Worth(AblationRow(name, 1, (1.0,)), 1.0, 0.1, (low + high) / 2, low, high)

    rows = [removed(None, 0, 0), removed("muon", 0.2, 0.4), removed("relu2", 0.1, 0.2),
            removed("softcap", -0.3, -0.1), removed("trapezoid", -0.1, 0.2)]  # fmt: skip
    assert words.say_ingredients(rows, "pt") == (
        "Piora, com intervalo que exclui o zero, a receita sem Muon (AdamW) e sem ReLU² (SwiGLU). "
        "Melhora, com intervalo que exclui o zero, a receita sem softcap."
    )
    assert words.say_ingredients(rows[-1:], "en").startswith("No ingredient's interval")
