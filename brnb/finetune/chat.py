"""Instruction pairs as tokens: the prompt is read, the answer and its end are learnt.

The prompt is written by the model's own chat template. Prompt and answer are encoded apart, so
that the ids before an answer are those that generation will see; the mask follows from that, and
every single one is checked by decoding it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from brnb.bases.template import DATE, control_tokens
from brnb.finetune.packing import IGNORE, Example
from brnb.text.pairs import Pair

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass
class Chats:
    """Pairs as examples, and what did not fit.

    Attributes
    ----------
    examples
        Of at most `seq_len` tokens each.
    shortened_prompts, cut_answers
        Pairs whose prompt lost its end, or whose answer did (these learn no end).
    special_tokens, unwritable
        Pairs left out because their prompt spells a special token, or because the tokenizer has
        no pieces for their answer.
    """

    examples: list[Example] = field(default_factory=list)
    shortened_prompts: int = 0
    cut_answers: int = 0
    special_tokens: int = 0
    unwritable: int = 0

    def counts(self) -> dict[str, int]:
        """What did not fit, for the receipt."""
        return {name: value for name, value in vars(self).items() if name != "examples"}


def from_pairs(tokenizer: "PreTrainedTokenizerFast", pairs: Iterable[Pair], seq_len: int) -> Chats:
    """Pairs as examples in which the answer and its end are the targets.

    What is too long for `seq_len` is cut by rule: the user's text at its end, so that the
    instruction stays; and the answer at its end if it is longer than the room that the text
    leaves and than half of all room.

    Parameters
    ----------
    tokenizer
        With a chat template (`ensure_template`).
    pairs
        The pairs.
    seq_len
        Most tokens of an example.

    Raises
    ------
    ValueError
        If the template does not write the answer as it is, the supervised tokens do not decode to
        the answer and its end, or none is left; names the pair.
    """
    chats, control = Chats(), control_tokens(tokenizer)
    for pair in pairs:
        if any(token in pair.text for token in control):
            chats.special_tokens += 1
            continue
        example = _example(tokenizer, pair, seq_len, chats)
        if example is None:
            chats.unwritable += 1
        else:
            chats.examples.append(example)
    return chats


def _example(
    tokenizer: "PreTrainedTokenizerFast", pair: Pair, seq_len: int, counts: Chats
) -> Example | None:
    """One pair as ids and labels, or None if the tokenizer cannot write its answer."""
    asked = _prompt(tokenizer, pair.text)
    prompt, end = _ids(tokenizer, asked), _end(tokenizer, pair, asked)
    written = tokenizer(pair.output, add_special_tokens=False, split_special_tokens=True)
    answer = written["input_ids"] + _ids(tokenizer, end)
    if tokenizer.unk_token_id is not None and tokenizer.unk_token_id in answer:
        return None
    kept = _room_for(tokenizer, pair, len(prompt), len(answer), seq_len)
    if len(prompt) + kept > seq_len:
        prompt = _shortened(tokenizer, pair.text, seq_len - kept)
        counts.shortened_prompts += 1
    counts.cut_answers += kept < len(answer)
    cut, answer = kept < len(answer), answer[:kept]
    said = str(tokenizer.decode(answer, clean_up_tokenization_spaces=False))
    whole = pair.output + end
    if not (whole.startswith(said.rstrip("\ufffd")) if cut else said == whole):
        raise ValueError(
            f"pair {pair.key}: the supervised tokens say {said!r}, not {whole!r}: the tokenizer "
            "changes the text; use one that returns it, or leave the pair out"
        )
    ids = np.array(prompt + answer, dtype=np.int64)
    labels = ids.copy()
    labels[: len(prompt)] = IGNORE
    spelt = said if cut else pair.output
    return Example(pair.key, ids, labels, len(spelt.encode()) + (not cut))


def _room_for(
    tokenizer: "PreTrainedTokenizerFast", pair: Pair, prompt: int, answer: int, seq_len: int
) -> int:
    """Tokens of the answer that stay; `prompt` and `answer` are its lengths in tokens."""
    if prompt + answer <= seq_len:
        return answer
    frame = len(_ids(tokenizer, _prompt(tokenizer, "")))  # what the template itself takes
    room = seq_len - frame
    kept = min(answer, max(room // 2, seq_len - prompt))
    if kept < 1:
        raise ValueError(
            f"pair {pair.key}: no token of its answer is left in seq_len = {seq_len}, of which "
            f"the chat template alone takes {frame}: raise seq_len"
        )
    return kept


def _shortened(tokenizer: "PreTrainedTokenizerFast", text: str, most: int) -> list[int]:
    """The prompt of a text that lost as much of its end as `most` tokens demand."""
    ids = _ids(tokenizer, _prompt(tokenizer, text))
    while len(ids) > most and text:
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        left = max(0, len(encoded["input_ids"]) - (len(ids) - most))
        text = text[: encoded["offset_mapping"][left][0]].rstrip() if left else ""
        ids = _ids(tokenizer, _prompt(tokenizer, text))
    return ids


def _prompt(tokenizer: "PreTrainedTokenizerFast", text: str) -> str:
    """What the model reads before it answers."""
    return _render(tokenizer, [{"role": "user", "content": text}], add_generation_prompt=True)


def _end(tokenizer: "PreTrainedTokenizerFast", pair: Pair, asked: str) -> str:
    """What the template writes after an answer, up to the end of the turn."""
    said = asked + pair.output
    turns = [{"role": "user", "content": pair.text}, {"role": "assistant", "content": pair.output}]
    whole = _render(tokenizer, turns, add_generation_prompt=False)
    if not whole.startswith(said):
        raise ValueError(
            f"pair {pair.key}: the chat template of {tokenizer.name_or_path} does not write prompt "
            f"and answer as they are; it writes {whole!r}"
        )
    end = whole[len(said) :].strip()
    return end if tokenizer.eos_token in end else end + tokenizer.eos_token


def _render(
    tokenizer: "PreTrainedTokenizerFast", turns: list[dict[str, str]], add_generation_prompt: bool
) -> str:
    text = tokenizer.apply_chat_template(
        turns, tokenize=False, add_generation_prompt=add_generation_prompt, date_string=DATE
    )
    return str(text)


def _ids(tokenizer: "PreTrainedTokenizerFast", text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
