"""Raw text as tokens: beginning, end, and the bytes that targets spell."""

from brnb.bases.template import begins
from brnb.finetune.packing import IGNORE, pack
from brnb.finetune.texts import from_texts, summary
from brnb.text.finished import Document


def documents(*texts):
    return [Document(str(n), "", text, "") for n, text in enumerate(texts)]


def test_a_beginning_token_makes_all_of_the_text_a_target(llama):
    (example,) = from_texts(llama, documents("Água mole"))
    assert example.ids[0] == llama.bos_token_id
    assert example.labels.tolist() == [IGNORE, *example.ids[1:].tolist()]
    assert llama.decode(example.labels[1:]) == "Água mole<|eot_id|>"
    assert example.bytes == len("Água mole".encode()) + 1
    assert begins(llama)


def test_without_one_the_first_token_is_given_and_its_bytes_do_not_count(plain):
    for text in ("Água mole", "a água", "é"):
        (example,) = from_texts(plain, documents(text))
        first = plain.decode(example.ids[:1])  # of "Água" a blank alone, which the text lacks
        assert text.startswith(first)
        assert example.ids[-1] == example.labels[-1] == plain.eos_token_id
        assert example.bytes == len(text.encode()) - len(first.encode()) + 1
    assert not begins(plain)


def test_text_that_spells_the_end_is_text(llama, plain):
    for tokenizer in (llama, plain):
        text = f"o fim {tokenizer.eos_token} não é aqui"
        (example,) = from_texts(tokenizer, documents(text))
        assert (example.ids == tokenizer.eos_token_id).sum() == 1


def test_summary_of_what_is_read(llama):
    examples = list(from_texts(llama, documents("a" * 3, "b" * 3, "abc " * 30)))
    lengths = [len(example.ids) for example in examples]
    packs = pack(examples, 16, 0)
    found = summary(examples, packs, 16)
    windows = -(-(lengths[2] - 1) // 15)  # each but the first repeats a token
    tokens = sum(lengths) + windows - 1
    assert found["documents"] == 3
    assert found["tokens"] == tokens
    assert found["split_documents"] == 1
    assert found["supervised_share"] == round((sum(lengths) - 3) / tokens, 6)
    assert found["packed_share"] == round(tokens / (16 * found["packs"]), 6)
