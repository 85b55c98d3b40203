"""Chat templates: the model's own, or a plain one where it has none."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast


PLAIN = """\
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- 'Resposta:\\n' + message.content + eos_token }}
    {%- elif message.role == 'user' %}
        {{- 'Instrução:\\n' + message.content + '\\n\\n' }}
    {%- else %}
        {{- message.content + '\\n\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- 'Resposta:\\n' }}
{%- endif %}"""
"""For models without a template: the headings under which the dissertation prints its examples."""


DATE = "26 Jul 2024"  # what Llama 3.1's template prints; later templates print today's


def ensure_template(tokenizer: "PreTrainedTokenizerFast") -> bool:
    """Give a tokenizer the plain template if it has none; whether it was given.

    The template is part of the tokenizer and is saved with it.
    """
    if tokenizer.chat_template is not None:
        return False
    tokenizer.chat_template = ("{{- bos_token }}" if begins(tokenizer) else "") + PLAIN
    return True


def begins(tokenizer: "PreTrainedTokenizerFast") -> bool:
    """Whether the tokenizer puts its beginning-of-sequence token before a text by itself."""
    begin = tokenizer.bos_token_id
    return begin is not None and tokenizer("a")["input_ids"][:1] == [begin]


def control_tokens(tokenizer: "PreTrainedTokenizerBase") -> list[str]:
    """What no text may spell, because it would be read as a part of the template.

    Also tokens that have no role by name, as Llama 3's ``<|start_header_id|>``: a tokenizer does
    not count them among its ``all_special_tokens``.
    """
    added = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    return sorted(added | set(tokenizer.all_special_tokens))
