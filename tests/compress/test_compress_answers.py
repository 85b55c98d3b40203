"""Greedy answers against transformers' own, in PyTorch and served from a GGUF."""

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from brnb.compress.answers import answer_speeds, beginnings, continuation_scores, greedy
from brnb.compress.edge import serve_at_edge
from brnb.compress.gguf_file import write_gguf
from brnb.compress.language_models import HuggingFaceLM
from brnb.compress.remembered import remembered
from brnb.compress.texts import english_texts, text_windows
from brnb.train.rows import TokenRow

CPU = torch.device("cpu")
END = 2


@pytest.fixture(scope="module")
def llama():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
        bos_token_id=None, eos_token_id=None, pad_token_id=0, initializer_range=0.5,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def generated(llama, prompts, new):
    out = llama.generate(prompts, max_new_tokens=new, do_sample=False)
    return out[:, prompts.shape[1] :]


def test_answers_are_transformers_greedy_ones(llama):
    prompts = torch.randint(3, 97, (3, 6))
    said, speed = greedy(HuggingFaceLM(llama), prompts, 8)
    assert torch.equal(said, generated(llama, prompts, 8))
    assert speed.tokens_per_second > 0
    assert set(answer_speeds(HuggingFaceLM(llama), prompts, 3, [1, 4])) == {1, 4}


def test_what_is_served_is_the_same_answer(llama, tmp_path):
    prompt = [5, 17, 80, 33, 9]
    served = serve_at_edge(write_gguf(llama, tmp_path / "a.gguf"), prompt, 6, 1)
    assert served.ids == generated(llama, torch.tensor([prompt]), 6)[0].tolist()
    assert served.file_bytes == (tmp_path / "a.gguf").stat().st_size
    assert min(served.first_token, served.tokens_per_second) > 0


def test_a_file_that_cannot_be_served_says_why(tmp_path):
    with pytest.raises(RuntimeError, match=r"none.gguf.*could not be served(.|\n)*no such GGUF"):
        serve_at_edge(tmp_path / "none.gguf", [1], 2, 1)


def test_prompts_are_beginnings_of_documents_that_are_long_enough():
    ids = np.array([3, 4, END, 5, 6, 7, 8, END, 9, 10, 11, 12, 13, END], np.uint16)
    row = TokenRow(ids, 3, np.ones(3, np.uint32))
    assert beginnings(row, END, 2, 2, 5).tolist() == [[5, 6, 7, 8], [9, 10, 11, 12]]
    assert beginnings(row, END, 2, 2, 1).tolist() == [[5, 6, 7, 8]]
    with pytest.raises(ValueError, match="no document has 4"):
        beginnings(row, END, 4, 4, 1)


class Words:
    eos_id, vocab_size = END, 97

    def decode(self, ids):
        return " ".join(f"w{i}" for i in ids)

    def encode_batch(self, texts):
        return [[3 + len(word) for word in text.split()] for text in texts]


def test_a_model_that_says_the_text_itself_scores_full_marks(llama):
    prompts = torch.randint(3, 97, (2, 4))
    texts = torch.cat([prompts, generated(llama, prompts, 5)], 1)
    scores = continuation_scores(HuggingFaceLM(llama), Words(), texts, 4, CPU)
    assert (scores.em, scores.f1, scores.rouge_l) == (1, 1, 1)


def test_calibration_text_is_cut_into_windows_and_its_lack_is_said():
    windows = text_windows(["um dois três", "quatro"], Words(), 2, 3)
    assert windows.tolist() == [[5, 7, 7], [END, 9, END]]
    with pytest.raises(ValueError, match="calibration needs 3 windows of 3 tokens"):
        text_windows(["um dois três", "quatro"], Words(), 3, 3)


def test_there_is_english_in_the_package(tmp_path):
    assert sum(map(len, english_texts(None, tmp_path))) > 4000
    (tmp_path / "more.txt").write_text("One document.\n", "utf-8")
    assert list(english_texts(str(tmp_path / "more.txt"), tmp_path)) == ["One document."]


def test_what_was_measured_is_not_measured_again(tmp_path):
    assert remembered(tmp_path, ["a", 1], lambda: [1.5]) == [1.5]
    assert remembered(tmp_path, ["a", 1], lambda: 1 / 0) == [1.5]
    assert remembered(tmp_path, ["a", 2], lambda: 2) == 2
