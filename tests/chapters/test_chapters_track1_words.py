"""Sentences of chapter 11 from hand-made records, both sides of each verdict."""

from types import SimpleNamespace

from brnb.chapters import track1_words as words
from brnb.chapters.track1_words import say_compute_front, say_falling
from brnb.evaluate.intrinsic import Intrinsic
from brnb.evaluate.records import Record
from brnb.studies.cleanings import Reading
from brnb.studies.factorial import Effect
from brnb.studies.finding import MeasureChange
from brnb.train.history import History


def record(run, cleaning, bits, compute, losses=(2.0, 1.0)):
    rows = [{"tokens": 10.0 * (n + 1), "loss": loss} for n, loss in enumerate(losses)]
    history = History(validation=rows, parameters=10, tokens=compute)
    result = Intrinsic(1, 2, 0.5, bits, 9, 1)
    return Record(run, {"cleaning": cleaning}, result, history, None, None, None)


RECORDS = [
    record("v1", "early", 2.0, 100),
    record("v2", "early", 2.5, 200),  # dearer and worse than v1
    record("v3", "early", 1.5, 300, losses=(1.0, 1.2)),
    record("v7", "v6", 3.0, 50),
]


def test_curves_that_fall_to_the_end_and_one_that_does_not():
    assert say_falling(RECORDS, "pt") == (
        "Em 3 de 4 execuções o último ponto da curva é o mais baixo: o orçamento acabou antes que "
        "ela parasse de cair. O mais baixo veio antes do fim em: v3."
    )
    assert "O mais baixo" not in say_falling(RECORDS[:2], "pt")


def test_runs_that_none_of_less_compute_equals_stand_by_cleaning():
    assert say_compute_front(RECORDS, "en") == (
        "In the early cleaning, no run of less compute equals: v1 and v3. "
        "In the v6 cleaning, no run of less compute equals: v7."
    )


def legible(passes, empty=0):
    return SimpleNamespace(guardrails_pass=passes, empty_samples=empty)


def test_how_far_test_lies_from_validation():
    split = [SimpleNamespace(result=bits(test), validation=bits(chosen))
             for test, chosen in ((1.5, 1.25), (2.0, 2.125))]  # fmt: skip
    # 0.25 and −0.125: 0.0625 on average, 0.25 the larger
    assert words.say_gap(split, "pt") == (
        "Teste menos validação: +0,063 bits por byte em média; a maior distância é de 0,250."
    )


def bits(value):
    return SimpleNamespace(bits_per_byte=value)


def test_runs_that_fail_and_samples_without_a_word():
    measured = {"v1": legible(True), "v2": legible(False, empty=1), "v3": None}
    assert words.say_guardrails(measured, "pt") == (
        "Os guardrails reprovam 1 de 2 execuções. Há 1 amostra sem nenhuma palavra."
    )
    assert words.say_guardrails({"v1": legible(True)}, "en").endswith("Every sample has words.")


def test_verdicts_that_depend_on_the_nucleus():
    measured = {("v5_main", 0.75): legible(True), ("v5_main", 0.95): legible(False),
                ("v1", 0.75): legible(True), ("v1", 0.95): legible(True)}  # fmt: skip
    said = words.say_nuclei(measured, "pt")
    assert said == "Com outro top-p o veredito muda em 1 de 2 execuções: v5, 4k."
    steady = {key: one for key, one in measured.items() if key[0] == "v1"}
    assert words.say_nuclei(steady, "en") == "In no run does the verdict change with top-p."


def test_the_best_of_each_cleaning():
    assert words.say_best(RECORDS, "pt") == (
        "Na limpeza early a melhor é a v3, com 1,500 bits por byte no teste. "
        "Na limpeza v6 a melhor é a v7, com 3,000 bits por byte no teste."
    )


def test_tokenizer_or_architecture_or_neither():
    def effect(low, high):
        return [Effect("tokenizer_over_architecture", (low + high) / 2, low, high)]

    said = words.say_factorial({"tokens": effect(0.1, 0.3), "time": effect(-0.1, 0.3)}, "pt")
    assert said == (
        "Com os mesmos tokens, o tokenizador muda mais que a arquitetura. "
        "No mesmo tempo, as sementes não decidem se muda mais o tokenizador ou a arquitetura."
    )
    said = words.say_factorial({"time": effect(-0.3, -0.1)}, "en")
    assert said == "In the same time, the architecture changes more than the tokenizer."


def test_the_aligned_model_on_both_texts():
    readings = [Reading("v6_rc16k_v5b", "early", "early", 1.0, None, None, None),
                Reading("v6_rc16k_v5b_aligned", "early", "v6", 1.5, 0.5, 0.25, 0.75),
                Reading("v6_rc16k_v5b", "v6", "early", 1.5, None, None, None),
                Reading("v6_rc16k_v5b_aligned", "v6", "v6", 1.25, -0.25, -0.75, 0.25)]  # fmt: skip
    first, second = words.say_alignment(readings, "pt").splitlines()
    assert first == (
        "No texto da limpeza early, v6, 16k, alinhada menos v6, 16k: +0,500 bits por byte. "
        "O intervalo exclui o zero."
    )
    assert second.endswith("−0,250 bits por byte. O intervalo contém o zero.")


def test_the_finding_that_appears_and_one_that_does_not():
    fell = MeasureChange("bits_per_byte", -0.5, -0.6, -0.4)
    worse = [MeasureChange("short_piece_ratio", 0.2, 0.1, 0.3),
             MeasureChange("dictionary_share", -0.2, -0.3, -0.1)]  # fmt: skip
    unsure = MeasureChange("bits_per_byte", 0.0, -0.1, 0.1)
    better = MeasureChange("language_share", 0.2, 0.1, 0.3)
    shown, absent = words.say_finding([fell, *worse], [unsure, better], "pt").splitlines()
    assert shown == (
        "Como nas versões, a perda cai. Piora: razão de peças curtas e palavras conhecidas. "
        "Nenhuma medida do texto melhora. A descoberta aparece."
    )
    assert absent == (
        "Com os mesmos tokens, a perda não cai. Nenhuma medida do texto piora. "
        "Melhora: em português. A descoberta não aparece."
    )
