"""Sentences of chapters 12 and 13 from numbers by hand, both sides of each verdict."""

import pytest

from brnb.chapters import tuning_words as words
from brnb.finetune.merge import GgufUnavailable


def test_from_which_split_documents_are_drawn():
    assert words.say_drawn("validation", 30, 10, "pt") == (
        "Da partição de validação do corpus, que a base não leu, sorteiam-se 30 documentos para "
        "treinar e outros 10 para validar."
    )
    assert words.say_drawn("train", 10_000, 500, "en").startswith(
        "From the training split of the corpus 10,000 documents are drawn to train on"
    )


def test_rules_that_left_something_out_and_rules_that_did_not():
    removed = {"empty_answer": 3, "read_by_base": 0, "duplicate_prompt": 12_000}
    assert words.say_removed(removed, "pt") == (
        "Fora do sorteio: Sem resposta, removidos (3); Prompts repetidos, removidos (12.000)."
    )
    assert words.say_removed({"empty_answer": 0, "read_by_base": 0}, "en") == (
        "None of the 2 rules left anything out of the draw."
    )


def test_the_most_frequent_noise():
    counts = {"pairs": 400, "refused": 3, "empty": 1}
    # 3 of 400 are 0.75%
    assert words.say_noise(counts, "pt") == (
        "De 400 pares, o ruído mais frequente é: recusa (3, 0,75%)."
    )
    assert words.say_noise({"pairs": 9, "refused": 0}, "en").startswith("In 9 pairs there is no")


@pytest.mark.parametrize(("template", "said"), [
    (None, "com 1.012.608 parâmetros."),
    (True, "Não tem template de conversa; recebe um simples."),
    (False, "O template de conversa é o do próprio modelo."),
])  # fmt: skip
def test_the_base_and_its_template(template, said):
    text = words.say_base("v6", 1_012_608, "pt", template)
    assert text.startswith("A base é v6, com 1.012.608 parâmetros.")
    assert text.endswith(said)


def test_how_much_merging_changes():
    assert "at most 6.4\u202f×\u202f10⁻⁷ of" in words.say_merged(6.38e-7, "en")


def test_a_gguf_that_is_written_one_that_cannot_be_and_one_that_was_refused(tmp_path):
    file = tmp_path / "sft.gguf"
    file.write_bytes(bytes(3 * 2**19))
    assert words.say_gguf(file, None, "pt") == "sft.gguf: 1,5 MiB."
    lacking = GgufUnavailable("git clone …", installed=False)
    assert "conversor do llama.cpp não está instalado" in words.say_gguf(file, lacking, "pt")
    refused = GgufUnavailable("failed on hf:\nTraceback\nunknown architecture\n", installed=True)
    assert words.say_gguf(file, refused, "pt").endswith("Ele diz: unknown architecture")


def test_a_training_whose_loss_fell_and_one_whose_never_did():
    curve = [{"loss": 2.5, "tokens": 0}, {"loss": 2.25, "tokens": 20_000.0},
             {"loss": 2.375, "tokens": 30_000.0}]  # fmt: skip
    assert words.say_training(curve, "pt") == (
        "A perda de validação vai de 2,500 no primeiro ponto medido a 2,250 no melhor, depois de "
        "20.000 tokens: cai 0,25."
    )
    assert words.say_training(curve[1:], "en").endswith("and no other lies below it.")
