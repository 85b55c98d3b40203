"""Text of registers that the corpus does not have: drawn, cleaned, apart from training."""

import json
import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from brnb.evaluate.intrinsic import DocumentNats
from brnb.receipt import Receipt, write_receipt
from brnb.studies.unseen import load_unseen, register_leads, sample_documents
from brnb.tokenizers.char import CharTokenizer

TRAIN = "O preço do arroz subiu de novo neste mês e o do feijão caiu outra vez."
PSALMS = ["O senhor é meu pastor.", "Nada me faltará, nunca.", "Verdes pastos e 23 águas."]
RULES = {"min_chars": 10, "min_letters": 0.5, "near_duplicate": 0.8, "max_malformed_share": 0.0}
RULES |= {"mask_personal_data": True}


def write_lines(path, **registers):
    lines = [
        json.dumps({"text": text, "register": register}, ensure_ascii=False)
        for register, texts in registers.items()
        for text in texts
    ]
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


@pytest.fixture
def corpora(tmp_path):
    folder = tmp_path / "corpus"
    for cleaning, text in (("early", TRAIN.lower()), ("v6", TRAIN)):
        (folder / cleaning).mkdir(parents=True)
        line = json.dumps({"doc_id": "a", "title": "", "text": text})
        (folder / cleaning / "train.jsonl").write_text(f"{line}\n")
    (folder / "report.json").touch()
    fields = {name: {} for name in Receipt.model_fields} | {
        "unclean": [],
        "unread": [],
        "seal": None,
    }
    fields |= {"run": "corpus", "notebook": "02_corpus", "profile": "smoke", "state": "done"}
    fields |= {"fingerprint": "", "seed": 1, "started": "", "seconds": 1.0, "params": RULES}
    write_receipt(folder / "receipt.json", Receipt(**fields))
    return folder


@pytest.fixture
def tokenizers(tmp_path):
    CharTokenizer.train([TRAIN, *PSALMS], name="char").save(tmp_path / "tokenizers/char")
    return tmp_path / "tokenizers"


def load(source, count, cleaning, corpora, tokenizers):
    told = SimpleNamespace(tokenizer="char", cleaning=cleaning, seed=13)
    return load_unseen(source, count, told, corpora, tokenizers, corpora.parent / "work")


def test_what_training_repeats_is_left_out_and_counted(tmp_path, corpora, tokenizers):
    source = write_lines(tmp_path / "bible.jsonl", salmos=PSALMS, imprensa=[TRAIN.upper()])
    text, repeated = load(source, 9, "v6", corpora, tokenizers)
    assert (repeated, text.row.documents) == (1, 3)
    assert text.registers == ("salmos",) * 3
    sizes = sorted(len(psalm.encode()) + 1 for psalm in PSALMS)
    assert sorted(text.row.document_bytes.tolist()) == sizes


def test_text_has_the_form_that_the_runs_read(tmp_path, corpora, tokenizers):
    source = write_lines(tmp_path / "a.jsonl", salmos=[f"curta\n{PSALMS[2]}"])
    text, _ = load(source, 9, "early", corpora, tokenizers)
    read = "verdes pastos e 0 águas."  # the short line has gone, case and digits too
    assert text.row.document_bytes.tolist() == [len(read.encode()) + 1]


def test_personal_data_are_masked_as_in_the_corpus(tmp_path, corpora, tokenizers):
    letter = "O número do meu CPF, que está no fim desta carta, é este: 529.982.247-25."
    source = write_lines(tmp_path / "a.jsonl", cartas=[letter])
    text, _ = load(source, 9, "v6", corpora, tokenizers)
    masked = letter.replace("529.982.247-25", "[CPF]")
    assert text.row.document_bytes.tolist() == [len(masked.encode()) + 1]


def test_another_tokenizer_of_the_same_name_encodes_anew(tmp_path, corpora, tokenizers):
    source = write_lines(tmp_path / "a.jsonl", salmos=PSALMS)
    before = load(source, 9, "v6", corpora, tokenizers)[0].row.ids.tolist()
    CharTokenizer.train(["zyx", TRAIN, *PSALMS], name="char").save(tokenizers / "char")
    text, _ = load(source, 9, "v6", corpora, tokenizers)
    told = CharTokenizer.load(tokenizers / "char")
    expected = [id for ids in told.encode_batch(PSALMS) for id in (*ids, told.eos_id)]
    assert sorted(text.row.ids.tolist()) == sorted(expected) != sorted(before)


def test_every_register_has_its_share_of_a_draw(corpora, tokenizers):
    text, repeated = load("sample", 30, "v6", corpora, tokenizers)
    assert repeated == 0
    shares = Counter(text.registers)
    whole = Counter(document.register for document in sample_documents())
    assert shares == {name: 30 * count / whole.total() for name, count in whole.items()}


def test_nothing_unseen_is_an_error(tmp_path, corpora, tokenizers):
    source = write_lines(tmp_path / "a.jsonl", imprensa=[TRAIN])
    with pytest.raises(ValueError, match="nothing left of 1 documents, of which training text"):
        load(source, 9, "v6", corpora, tokenizers)


def test_leads_by_register_are_paired_and_add_up():
    sizes = np.array([4.0, 4.0, 8.0])
    registers = ("lei", "lei", "fala")
    first = DocumentNats(math.log(2) * np.array([8.0, 8.0, 8.0]), sizes, registers)
    second = DocumentNats(math.log(2) * np.array([4.0, 4.0, 16.0]), sizes, registers)
    everything, speech, law = register_leads(first, second, 200, 1)
    assert (everything.register, everything.documents) == ("", 3)
    assert (everything.first, everything.second) == pytest.approx((1.5, 1.5))
    assert (law.first, law.second, law.change) == pytest.approx((2.0, 1.0, -1.0))
    assert (law.low, law.high) == pytest.approx((-1.0, -1.0))  # both documents say the same
    assert (speech.change, speech.low, speech.high) == (pytest.approx(1.0), None, None)
