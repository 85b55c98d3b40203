"""The exported fast tokenizer gives SentencePiece's ids, also after AutoTokenizer reads it back."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brnb.tokenizers.hf import to_hf

LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
fragments = st.sampled_from(
    [
        "casa ",
        "ção",
        " do",
        "ferro",
        "0",
        "12",
        "R$",
        "\n",
        "\t",
        "  ",
        "º",
        "…",
        "😀",
        "<s>",
        "\u0301",
    ]
)
mixed = st.lists(fragments | st.text(max_size=5)).map("".join)


@pytest.fixture(scope="module")
def fast(subword, tmp_path_factory):
    """The export, read back beside the config of a llama model."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("hf")
    (folder / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    subword.save(folder)
    to_hf(subword, folder)
    return AutoTokenizer.from_pretrained(folder)


def encode(fast, text: str) -> list[int]:
    return fast(text, split_special_tokens=True)["input_ids"]


def assert_same(subword, ids: list[int], text: str) -> None:
    """Equal ids or, for unigram alone, an exact tie: other pieces, the same total score."""
    expected = subword.encode(text)
    if ids != expected:
        assert subword.spec.kind == "unigram", (ids, expected)
        score = subword.processor.get_score
        assert sum(map(score, ids)) == pytest.approx(sum(map(score, expected)), rel=1e-6)
        assert [i for i in ids if score(i) == 0] == [i for i in expected if score(i) == 0]
        assert subword.decode(ids) == subword.decode(expected)


def test_ids_equal_on_nasty_text_and_prose(subword, fast, nasty, portuguese):
    for text in [*nasty, *portuguese]:
        assert encode(fast, text) == subword.encode(text), text


@settings(max_examples=300)
@given(text=mixed)
def test_ids_equal_on_any_text(subword, fast, text):
    assert_same(subword, encode(fast, text), text)


def test_decoding_gives_the_text_back(subword, fast, nasty):
    for text in nasty:
        if subword.unk_id not in (ids := encode(fast, text)):
            assert fast.decode(ids) == text


def test_special_tokens_and_size(subword, fast):
    assert len(fast) == subword.vocab_size
    ids = (fast.unk_token_id, fast.bos_token_id, fast.eos_token_id, fast.pad_token_id)
    assert ids == (subword.unk_id, subword.bos_id, subword.eos_id, subword.pad_id)
    assert fast("</s>")["input_ids"] == [subword.eos_id]  # unless split_special_tokens


def test_chat_template_travels(subword, tmp_path):
    from transformers import AutoTokenizer

    template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    to_hf(subword, tmp_path, chat_template=template)
    fast = AutoTokenizer.from_pretrained(tmp_path)
    chat = [{"role": "usuário", "content": "olá"}]
    assert fast.apply_chat_template(chat, tokenize=False) == "usuário: olá\n"


def test_export_repeats_byte_for_byte(subword, tmp_path):
    for folder in ("a", "b"):
        to_hf(subword, tmp_path / folder)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
