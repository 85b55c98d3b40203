"""SentencePiece as the project sets it: what survives, what repeats, what the errors say."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor

from brnb.tokenizers import load_tokenizer
from brnb.tokenizers.params import SubwordSpec
from brnb.tokenizers.subword import ALPHABET, SubwordTokenizer, passages

BLANK_MARK = "▁"  # the one character that does not come back as itself
any_text = st.text().map(lambda text: text.replace(BLANK_MARK, ""))
over_the_alphabet = st.text(alphabet=[*ALPHABET, " ", "\t"])


def small(**changes) -> SubwordSpec:
    return SubwordSpec(**{"name": "pequeno", "vocab_size": 220, **changes})


def test_special_symbols_have_the_ids_of_the_interface(subword):
    assert subword.processor.id_to_piece([0, 1, 2, 3]) == ["<unk>", "<s>", "</s>", "<pad>"]
    assert (subword.unk_id, subword.bos_id, subword.eos_id, subword.pad_id) == (0, 1, 2, 3)
    assert subword.vocab_size == subword.spec.vocab_size
    assert len(subword.byte_ids) == (256 if subword.spec.byte_fallback else 0)


@given(text=any_text | over_the_alphabet)
def test_every_text_survives_with_byte_fallback(subword, text):
    if not subword.spec.byte_fallback:
        text = "".join(c for c in text if c in ALPHABET + " \t")
    ids = subword.encode(text)
    assert subword.decode(ids) == text
    assert subword.unk_id not in ids


def test_nasty_text_survives_or_is_counted_as_unknown(subword, nasty):
    alphabet = {*ALPHABET, " ", "\t"}
    for text in nasty:
        ids = subword.encode(text)
        if subword.spec.byte_fallback or alphabet.issuperset(text):
            assert subword.decode(ids) == text
        else:
            assert subword.unk_id in ids
            assert "\ufffd" in subword.decode(ids)


def test_text_that_spells_a_special_symbol_is_plain_text(subword):
    special = {*range(4), *subword.byte_ids}
    for text in ("<s>", "</s>", "<pad>", "<unk>", "<0x41>"):
        assert special.isdisjoint(subword.encode(text))


@given(text=any_text)
def test_token_bytes_spell_the_text(subword, text):
    if subword.spec.byte_fallback and text:
        spelt = b"".join(subword.token_bytes[i] for i in subword.encode(text))
        assert spelt.decode() == " " + text


def test_batch_equals_one_by_one_and_pieces_match_ids(subword, nasty):
    assert subword.encode_batch(nasty) == [subword.encode(text) for text in nasty]
    for text in nasty:
        assert len(subword.pieces(text)) == len(subword.encode(text))


def test_saved_model_is_plain_sentencepiece_and_loads_again(subword, tmp_path, nasty):
    model, spec = subword.save(tmp_path)
    assert (model.name, spec.name) == ("tokenizer.model", "tokenizer_spec.json")
    reference = SentencePieceProcessor(model_file=str(model))
    again = load_tokenizer(tmp_path)
    assert again.name == subword.name
    assert again.encode_batch(nasty) == [reference.encode(text) for text in nasty]


TRAIN = """
import hashlib, pathlib, sys
from brnb.tokenizers.params import SubwordSpec
from brnb.tokenizers.subword import SubwordTokenizer
texts = pathlib.Path("text.txt").read_text(encoding="utf-8").split("\\f")
for kind in ("unigram", "bpe"):
    spec = SubwordSpec(name="a", kind=kind, vocab_size=220)
    model = SubwordTokenizer.train(texts, spec, pathlib.Path(kind)).model
    print(hashlib.sha256(model).hexdigest())
"""


def test_same_text_same_bytes_in_any_process_and_folder(tmp_path, portuguese):
    digests = set()
    for seed in ("1", "2"):
        folder = tmp_path / f"process_{seed}"
        folder.mkdir()
        (folder / "text.txt").write_text("\f".join(portuguese), encoding="utf-8")
        path = os.pathsep.join(sys.path)
        done = subprocess.run(
            [sys.executable, "-c", TRAIN],
            cwd=folder,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_digits_are_split_on_demand(portuguese, tmp_path):
    years = [*portuguese, *[f"em 20{n:02} e 2024" for n in range(60)]]
    together = SubwordTokenizer.train(years, small(), tmp_path / "a")
    apart = SubwordTokenizer.train(years, small(split_digits=True), tmp_path / "b")
    assert apart.pieces("2024") == ["▁", "2", "0", "2", "4"]
    assert len(together.pieces("2024")) < 5


def test_long_lines_and_reserved_marks_do_not_lose_text(tmp_path, portuguese):
    long_line = "paralelepípedo " * 2000  # 32 kB in one line
    tokenizer = SubwordTokenizer.train([*portuguese, long_line + "▅"], small(), tmp_path)
    assert tokenizer.pieces("paralelepípedo") == ["▁paralelepípedo"]


def test_a_vocabulary_too_large_names_the_largest_that_works(tmp_path, portuguese):
    with pytest.raises(ValueError, match=r"'pequeno'.*at most (\d+) pieces.*vocab_size") as caught:
        SubwordTokenizer.train(portuguese, small(vocab_size=50_000), tmp_path)
    largest = int(str(caught.value).split("at most ")[1].split()[0])
    tokenizer = SubwordTokenizer.train(portuguese, small(vocab_size=largest), tmp_path)
    assert tokenizer.vocab_size == largest


def test_other_impossible_trainings_are_explained(tmp_path, portuguese):
    with pytest.raises(ValueError, match=r"'pequeno'.*alphabet alone needs \d+ pieces.*vocab_size"):
        SubwordTokenizer.train(portuguese, small(vocab_size=50), tmp_path)
    with pytest.raises(ValueError, match=r"'pequeno'.*training text is empty"):
        SubwordTokenizer.train(["", ""], small(), tmp_path)


def test_an_error_of_the_text_source_is_not_taken_for_ours(tmp_path):
    def broken():
        yield "um texto"
        raise OSError("disco cheio")

    with pytest.raises(RuntimeError, match="disco cheio"):
        SubwordTokenizer.train(broken(), small(), tmp_path)


@given(st.lists(st.text()), st.integers(4, 40))
def test_passages_fit_and_lose_nothing_but_separators(texts, max_bytes):
    cut = list(passages(texts, max_bytes))
    assert all(0 < len(passage.encode()) <= max_bytes for passage in cut)

    def squeeze(parts):
        return "".join(parts).replace("\u2585", " ").replace(" ", "").replace("\n", "")

    assert squeeze(cut) == squeeze(texts)


def test_passages_are_cut_at_newlines_then_blanks_then_characters():
    assert list(passages(["um dois\ntres quatro"], 14)) == ["um dois", "tres quatro"]
    assert list(passages(["um dois tres"], 8)) == ["um dois", "tres"]
    assert list(passages(["ããã"], 5)) == ["ãã", "ã"]


def test_a_vocabulary_has_no_other_fields():
    with pytest.raises(ValueError, match="extra"):
        SubwordSpec(name="x", vocab_size=10, vocabulary=3)
