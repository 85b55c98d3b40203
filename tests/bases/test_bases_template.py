"""What a text may not spell: every control token, whether or not it has a role by name."""

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from brnb.bases.template import control_tokens


def test_control_tokens_without_a_role_are_told_too():
    words = Tokenizer(WordLevel({"x": 0, "[U]": 1}, unk_token="[U]"))
    words.add_special_tokens(["</s>", "<|start_header_id|>"])
    words.add_tokens(["<think>"])  # a piece, which controls nothing
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>")
    assert tokenizer.all_special_tokens == ["</s>"]
    assert control_tokens(tokenizer) == ["</s>", "<|start_header_id|>"]
