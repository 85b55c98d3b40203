"""Test sets: the rules, the draw, the hashes, the overlap with training, and bad files."""

import json
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brnb import receipt
from brnb.extrinsic import testsets
from brnb.extrinsic.contamination import Seen, exclude, held_by, normalised, read_by
from brnb.extrinsic.testsets import (
    Item,
    distinct,
    draw_items,
    pool,
    read_items,
    task_of,
    write_items,
)
from brnb.finetune.pairs import read_before
from brnb.text import sample
from brnb.text.finished import split_file
from brnb.text.pairs import Pair

TEXT = "A prefeitura de uma cidade do interior inaugurou ontem uma escola. " * 5


@pytest.mark.parametrize(
    ("instruction", "given", "output", "task"),
    [
        # the dissertation's own examples (4.4.2.5), where the first is a choice without a label
        ("Eu quero comprar uma guitarra elétrica. Qual devo obter? (1: Squier; 2: Padrão)", "", "1",
         "qa"),
        ("Descubra qual das seguintes frases é escrita em voz passiva e reescreva-a em voz ativa: "
         "o gato foi comido pelo cachorro.", "", "O cão comeu o gato.", "rewriting"),
        ("Encontre um artigo e escreva um resumo dele.", TEXT, "Uma escola abriu.",
         "summarisation"),
        ("Qual é a capital da França?", "", "Paris", "qa"),
        ("Responda em poucas palavras: quem escreveu Dom Casmurro", "", "Machado", "qa"),
        ("Qual é a capital da França?", "", "É Paris, que fica no norte do país, junto ao Sena",
         None),  # not short
        ("Qual é a capital?", "", "Paris\nLyon", None),
        ("Resuma o texto.", "Curto demais.", "Curto.", None),
        ("Resuma o texto.", TEXT, TEXT, None),  # no shorter than the text
        ("Reescreva a frase.", "Nada muda aqui.", "Nada muda aqui.", None),
        ("Traduza para o inglês: Qual é o seu nome?", "", "What is your name?", None),
        ("O sentimento é positivo ou negativo?", "Adorei!", "positivo", None),
        ("Escreva uma história sobre o mar.", "", "Era uma vez.", None),
        ("Qual é a capital?", "", "", None),
        ("Qual é o seu nome?", "", "Como modelo de linguagem, não tenho", None),
    ],
)  # fmt: skip
def test_the_rules_name_the_task(instruction, given, output, task):
    assert task_of(instruction, given, output) == task


def test_the_rules_agree_with_the_tasks_of_the_sample():
    rows = list(sample.instructions(800, seed=5, split="test"))
    found = Counter((r["task"], task_of(r["instruction"], r["input"], r["output"])) for r in rows)
    wanted = {(task, task): 200 for task in testsets.TASKS} | {("classification", None): 200}
    assert found == wanted


def pair(key, instruction, given="", output="Paris"):
    return Pair(str(key), instruction, given, output)


def test_the_pool_counts_what_it_leaves_out():
    pairs = [
        pair(0, "Qual é a capital da França?"),
        pair(1, "Qual é a capital da França?"),
        pair(2, "Qual é a capital de um país muito, muito, muito distante?"),
        pair(3, "Traduza: Paris"),
    ]
    items, left_out = pool(pairs, max_prompt_chars=40)
    assert [item.id for item in items["qa"]] == ["0"]
    assert left_out == {"other_task": 1, "too_long": 1, "repeated": 1}


def items(count=50):
    return [Item(str(n), "qa", f"Pergunta {n}?", "", (f"r{n}",)) for n in range(count)]


@given(st.permutations(items()), st.integers(0, 999))
def test_a_draw_depends_on_seed_and_items_not_on_order(shuffled, seed):
    assert draw_items(shuffled, 20, seed) == draw_items(items(), 20, seed)
    assert draw_items(shuffled, 10, seed) == draw_items(shuffled, 20, seed)[:10]


def test_seeds_draw_different_items_evenly():
    seeds = {seed: draw_items(items(), 10, seed) for seed in range(300)}
    counts = Counter(item.id for drawn in seeds.values() for item in drawn)
    assert len(counts) == 50
    assert max(counts.values()) < 90  # 60 expected, deviation 7
    assert len(list(distinct(seeds.values()))) == 50
    with pytest.raises(ValueError, match="51 items asked for, 50 left"):
        draw_items(items(), 51, 1)


def test_what_is_written_is_read_and_a_change_is_noticed(tmp_path):
    path = tmp_path / "qa.jsonl"
    strange = [Item("0", "qa", "O que é \\frac{1}{2}?", "<b>é</b>\t", ("meio", "0,5\u0007"))]
    write_items(path, [*strange, *items(3)[1:]])
    assert read_items(path) == [*strange, *items(3)[1:]]
    path.write_text(path.read_text().replace('"r2"', '"r3"'))
    with pytest.raises(ValueError, match=r"qa\.jsonl:3: '2' was changed after its hash"):
        read_items(path)


@pytest.mark.parametrize(
    ("record", "references"),
    [
        ({"question": "Quem?", "context": "c", "answers": {"text": ["a", "b"]}}, ("a", "b")),
        ({"question": "Quem?", "answer": "a"}, ("a",)),
        ({"source": "difícil", "target": "fácil"}, ("fácil",)),
        ({"text": "longo", "summary": "curto"}, ("curto",)),
        ({"instruction": "Faça", "input": None, "output": ""}, ("",)),
    ],
)
def test_other_shapes_of_records_are_read(tmp_path, record, references):
    (tmp_path / "x.jsonl").write_text(json.dumps(record | {"id": 7, "split": "test"}) + "\n")
    (found,) = read_items(tmp_path / "x.jsonl", task="qa")
    assert (found.id, found.references) == ("7", references)


@pytest.mark.parametrize(
    ("splits", "kept"),
    [
        (("train", "validation", "test", None), [2, 3]),
        (("train", "validation"), [1]),  # FaQuAD has no test split
        ((None, None), [0, 1]),
    ],
)
def test_items_are_held_out_ones(tmp_path, splits, kept):
    rows = [{"id": i, "question": "Q?", "answer": "a", "split": s} for i, s in enumerate(splits)]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [item.id for item in read_items(tmp_path / "x.jsonl", "qa")] == [str(i) for i in kept]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b'{"question": "Quem?", "answer": "a"}\n' * 2 + b"{", r"x\.jsonl:3: invalid JSON"),
        ('{"question": "Ação?", "answer": "a"}'.encode("latin-1"), r"x\.jsonl:1: invalid UTF-8"),
        (b'{"question": "Quem?"}', r"x\.jsonl:1: the record needs the fields"),
        (b'{"question": "Quem?", "answer": 3}', r"x\.jsonl:1: prompt and references must be texts"),
        (b'{"question": "Quem?", "answers": []}', "one reference is due"),
        (b'{"question": " ", "answer": "a"}', "instruction is empty"),
        (b'{"id": 1, "question": "Q?", "answer": "a"}\n' * 2, r"x\.jsonl:2: id '1' came before"),
        (b'{"question": "Q?", "answer": "a", "split": "train"}', "no item of the split 'test'"),
        (b'{"instruction": "Liste cores", "output": "azul"}', "task None is none of qa"),
        (
            '{"question": "Ação?", "answer": "sim"}\n'.encode() + b'{"question": "A\xe7',
            r":2: invalid",
        ),
        (b'{"question": "Q?", "answer": "a \\ud800"}', r"x\.jsonl:1: half a character"),
        ('{"question": "Ação?", "answer": "a"}'.encode("utf-16"), r"x\.jsonl:1: invalid UTF-8"),
    ],
)
def test_a_bad_file_is_an_error_that_names_the_line(tmp_path, lines, message):
    (tmp_path / "x.jsonl").write_bytes(lines)
    with pytest.raises(ValueError, match=message):
        read_items(tmp_path / "x.jsonl")


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "x.jsonl").write_bytes('{"question": "Ação?", "answer": "a"}'.encode("utf-8-sig"))
    assert read_items(tmp_path / "x.jsonl", task="qa")[0].prompt == "Ação?"


def test_a_file_that_is_not_json_lines_is_an_error(tmp_path):
    (tmp_path / "x.csv").write_text("question,answer\n")
    with pytest.raises(ValueError, match=r"x\.csv: test sets are JSON Lines"):
        read_items(tmp_path / "x.csv")


def test_two_pairs_of_one_id_are_an_error():
    pairs = [pair("a", "Qual é a capital da França?"), pair("a", "Qual é a maior cidade?")]
    with pytest.raises(ValueError, match="id 'a' came before"):
        pool(pairs, max_prompt_chars=100)


STRANGE = [
    r"\input{/etc/passwd} $\frac{1}{2}$ %",
    "<script>alert(1)</script> &amp; <b>ação</b>",
    "\u0007\u001b[31mvermelho\u0000\u2028\u200b",
    "{{ 7 * 7 }} {% raw %} ${HOME} $(id) `id`",
]


@pytest.mark.parametrize("text", STRANGE)
def test_strange_text_is_kept_as_it_is(tmp_path, text):
    item = Item("a", "qa", f"Pergunta {text}?", text, (text, "outra"))
    write_items(tmp_path / "x.jsonl", [item])
    assert read_items(tmp_path / "x.jsonl") == [item]
    assert len((tmp_path / "x.jsonl").read_bytes().split(b"\n")) == 2  # one line, whatever is in it


def test_overlap_is_found_by_its_kind():
    seen = Seen(["Qual é a capital da França?", "Quem escreveu o livro Dom Casmurro?"], 0.8)
    assert seen.overlap("Qual é a capital da França?") == "exact"
    assert seen.overlap("qual e a CAPITAL da Franca") == "normalised"
    assert seen.overlap("Quem escreveu o livro de Dom Casmurro?") == "near_duplicate"
    assert seen.overlap("Qual é a capital da Itália?") is None
    assert seen.overlap("") is None
    asked = [Item("a", "qa", "Qual é a capital da França?", "", ("x",)), *items(2)]
    clean, counts = exclude({"qa": asked}, seen, ["Faq. Pergunta 1? R1", "A capital da França?"])
    assert [item.id for item in clean["qa"]] == ["0"]
    assert counts == {"qa": {"exact": 1, "normalised": 0, "near_duplicate": 0, "document": 1}}


def test_documents_hold_what_stands_in_them_for_the_most_part():
    # ten runs of eight words each; a document with w0 to w13 holds seven of them, to w12 six
    long = " ".join(f"w{n}" for n in range(17))
    head = [f"x {' '.join(f'w{n}' for n in range(end))} y" for end in (14, 13)]
    assert held_by(head[:1], [long]) == {long}
    assert held_by(head[1:], [long]) == set()
    assert held_by([head[1], " ".join(f"w{n}" for n in range(6, 17))], [long]) == {long}
    short = "Quem foi Tiradentes?"
    assert held_by(["Ninguém sabia quem foi TIRADENTES."], [short, "Quem foi Zumbi?"]) == {short}
    assert held_by(["quem. foi", "tiradentes"], [short]) == set()
    assert held_by(["qualquer"], ["", "…"]) == set()


def test_a_text_to_summarise_is_looked_for_without_its_instruction():
    item = Item("a", "summarisation", "Resuma o texto.", TEXT, ("Uma escola.",))
    clean, counts = exclude({"summarisation": [item]}, Seen([], 0.8), [f"Notícia. {TEXT} Fim."])
    assert clean == {"summarisation": []}
    assert counts["summarisation"]["document"] == 1


def test_what_a_base_of_ours_has_read_is_known(tmp_path, monkeypatch):
    params = {
        "v6": {"cleaning": "v6"},
        "instruct": {"base": "run:v6", "instructions": "sample"},
        "cpt": {"base": "run:v6", "cleaning": "v6", "documents": 1},
    }
    notes = {
        tmp_path / run / "receipt.json": SimpleNamespace(params=values)
        for run, values in params.items()
    }
    monkeypatch.setattr(receipt, "read_receipt", notes.__getitem__)
    for split, text in (("train", "lido"), ("validation", "não lido")):
        path = tmp_path / "corpus" / split_file("v6", split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"doc_id": "1", "title": "", "text": text}) + "\n")
    (tmp_path / "corpus" / "report.json").touch()
    assert list(read_by("run:v6", tmp_path.joinpath)) == ["lido"]
    for split in ("train", "validation", "test"):
        pair = {"key": split, "instruction": f"Peça {split}", "input": "", "output": "Feito"}
        document = {"doc_id": "1", "title": "", "text": f"do CPT {split}", "source": ""}
        for run, row in (("instruct", pair), ("cpt", document)):
            (tmp_path / run).mkdir(exist_ok=True)
            (tmp_path / run / f"{split}.jsonl").write_text(json.dumps(row) + "\n")
    # a base of several trainings has read what each of them did
    assert list(read_by("run:instruct", tmp_path.joinpath)) == [
        *("Peça train\nFeito", "Peça validation\nFeito", "Peça test\nFeito"),
        "lido",
    ]
    assert list(read_by("run:cpt", tmp_path.joinpath)) == ["do CPT train", "lido"]
    assert list(read_before("run:instruct", tmp_path.joinpath)) == [
        *("Peça train", "Peça validation", "Peça test")
    ]
    assert list(read_by("meta-llama/Llama-3.1-8B", tmp_path.joinpath)) == []


@example("𝚨", "")  # a capital whose small form is that of its decomposition
@given(st.text(), st.text(alphabet=" .,;!?-"))
def test_case_accents_and_punctuation_are_normalised_away(text, noise):
    assert normalised(normalised(text)) == normalised(text)
    assert normalised(noise + text) == normalised(text)


def test_training_text_never_survives(tmp_path):
    rows = list(sample.instructions(200, seed=1, split="train"))
    train = [Pair(r["id"], r["instruction"], r["input"], r["output"]) for r in rows]
    found, _ = pool(train, 10_000)
    seen = Seen([p.text for p in train], 0.8)
    assert exclude(found, seen, [])[0] == {task: [] for task in testsets.TASKS}
