"""A small Llama that answers, what it is asked, and Transformers' own answers to that."""

import os
import signal
from itertools import count
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from brnb.extrinsic.predictions import answer_items
from brnb.extrinsic.testsets import Item
from brnb.generate.engine import Batching, Decoding

SHAPE = Batching(slots=4, length=96, prefill_tokens=128)
GREEDY = Decoding(max_new_tokens=12)
END = 2


def model(kv_heads=2, **more):
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        vocab_size=60,
        max_position_embeddings=128,
        initializer_range=0.4,  # sharp enough not to tie
        bos_token_id=1,
        eos_token_id=END,
        pad_token_id=0,
        **more,
    )
    return LlamaForCausalLM(config).eval()


def prompts(count=11):
    draw = torch.Generator().manual_seed(1)
    lengths = [1, 2, 33, 32, 31, *torch.randint(1, 80, (count - 5,), generator=draw).tolist()]
    return [torch.randint(3, 60, (n,), generator=draw).tolist() for n in lengths]


def alone(net, prompt, new):
    """Transformers, one prompt at a time, without padding."""
    ids = torch.tensor([prompt])
    out = net.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=new
    )
    said = out[0, len(prompt) :].tolist()
    return said[: said.index(END)] if END in said else said


def word_tokenizer():
    words = ["<pad>", "<s>", "</s>", *(f"w{i}" for i in range(57))]
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<pad>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    made.chat_template = "{% for m in messages %}{{ m.content }} w1 {% endfor %}"
    return made


def items(count=9):
    return [Item(f"i{n}", "qa", f"w{n + 3} w{2 * n + 4} w9", "", (f"w{n}",)) for n in range(count)]


def ask_two_at_a_time(path, dies_after=None):
    """Answer the items in two slots; die, as of a power cut, once so many lines are written."""
    tokenizer, shape = word_tokenizer(), lambda length: Batching(2, length, 128)
    decode, lines = tokenizer.decode, count()

    def decode_or_die(*told, **options):
        if next(lines) == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return decode(*told, **options)

    tokenizer.decode = decode_or_die
    return answer_items(model(), tokenizer, items(), Path(path), GREEDY, shape, progress=False)
