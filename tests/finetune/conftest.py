"""Two small tokenizers of the kinds that bases have: SentencePiece and byte-level BPE."""

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from brnb.text import sample
from brnb.tokenizers.hf import to_hf
from brnb.tokenizers.params import SubwordSpec
from brnb.tokenizers.subword import SubwordTokenizer

LLAMA_3 = """\
{{- bos_token }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
    {%- if message['role'] == 'assistant' %}
        {%- generation %}{{- message['content'] | trim + '<|eot_id|>' }}{%- endgeneration %}
    {%- else %}
        {{- message['content'] | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}"""
"""The form of Llama 3.1's own template, with the marks from which transformers makes a mask."""


@pytest.fixture(scope="session")
def portuguese():
    """Thirty documents of the embedded sample."""
    rows = sample.documents(30, seed=1)
    return ["\n".join(" ".join(p) for p in row["text"]["paragraphs"]) for row in rows]


@pytest.fixture(scope="session")
def plain(portuguese, tmp_path_factory):
    """Ours: unigram without byte fallback, no template, adds no special token by itself."""
    folder = tmp_path_factory.mktemp("plain")
    spec = SubwordSpec(name="tiny", vocab_size=500, num_threads=1)
    to_hf(SubwordTokenizer.train(portuguese, spec, folder), folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="session")
def llama(portuguese):
    """Byte-level BPE with a beginning token, an end of turn, and a template of its own."""
    special = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    fast = Tokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    fast.train_from_iterator(portuguese, trainer)
    begin = (special[0], fast.token_to_id(special[0]))
    fast.post_processor = processors.TemplateProcessing(
        single=f"{special[0]} $A", special_tokens=[begin]
    )
    found = PreTrainedTokenizerFast(
        tokenizer_object=fast,
        bos_token=special[0],
        eos_token=special[3],
        pad_token=special[3],  # as many recipes set it: the end must be learnt all the same
        extra_special_tokens=special[1:3],
        clean_up_tokenization_spaces=False,
    )
    found.chat_template = LLAMA_3
    return found
