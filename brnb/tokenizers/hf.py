"""Export of a subword vocabulary to a Hugging Face fast tokenizer with identical ids.

transformers' own conversions of a SentencePiece model change the ids (nearly every line of
Portuguese comes out different through ``LlamaTokenizer``), so the fast tokenizer is built here
piece by piece. Two differences remain. Text that spells a special symbol, as ``</s>``, is read as
that symbol unless ``tok(text, split_special_tokens=True)``. And where two unigram segmentations
have the same score, as 0000+00 and 00+0000, SentencePiece (32-bit sums) and tokenizers (64-bit)
may break the tie differently; the pieces then are the same but for their order, or score the same.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from brnb.tokenizers.subword import BLANK, SubwordTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer as FastTokenizer
    from tokenizers.models import BPE, Unigram
    from transformers import PreTrainedTokenizerFast

    from brnb.tokenizers import Tokenizer


NEVER = -1e4  # score of a piece that no text may choose; far below any learned log-probability


def to_hf(
    tokenizer: SubwordTokenizer, folder: Path, chat_template: str | None = None
) -> "PreTrainedTokenizerFast":
    """Build the equivalent fast tokenizer and save it where ``AutoTokenizer`` finds it.

    Parameters
    ----------
    tokenizer
        The vocabulary to export.
    folder
        Receives ``tokenizer.json``, ``tokenizer_config.json`` and, with a template,
        ``chat_template.jinja``. It may be a model's folder: the class named in
        ``tokenizer_config.json`` reloads exactly beside a llama ``config.json`` too.
    chat_template
        Jinja template for ``apply_chat_template``.

    Returns
    -------
    PreTrainedTokenizerFast
        Adds no special token on its own, as `SubwordTokenizer.encode`.
    """
    from transformers import PreTrainedTokenizerFast

    name = tokenizer.processor.id_to_piece
    fast = PreTrainedTokenizerFast(
        tokenizer_object=_fast_tokenizer(tokenizer),
        unk_token=name(tokenizer.unk_id),
        bos_token=name(tokenizer.bos_id),
        eos_token=name(tokenizer.eos_id),
        pad_token=name(tokenizer.pad_id),
        clean_up_tokenization_spaces=False,  # English rules: "casa ." would lose its blank
    )
    fast.chat_template = chat_template
    fast.save_pretrained(folder)
    return fast


def _fast_tokenizer(tokenizer: SubwordTokenizer) -> "FastTokenizer":
    from tokenizers import Tokenizer, decoders, normalizers

    fast = Tokenizer(_unigram(tokenizer) if tokenizer.spec.kind == "unigram" else _bpe(tokenizer))
    fast.normalizer = normalizers.Sequence(
        [normalizers.Replace(" ", BLANK), normalizers.Prepend(BLANK)]
    )
    fast.decoder = decoders.Sequence(
        [
            decoders.Replace(BLANK, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),  # the blank that Prepend put in front
        ]
    )
    return fast


def _unigram(tokenizer: SubwordTokenizer) -> "Unigram":
    """Pieces with their scores. Tab, the one user-defined symbol, needs no rule of its own: no
    other piece holds a tab, so every segmentation uses it."""
    from tokenizers.models import Unigram

    model = tokenizer.processor
    vocabulary = [
        (model.id_to_piece(i), NEVER if _unreachable(tokenizer, i) else model.get_score(i))
        for i in range(tokenizer.vocab_size)
    ]
    return Unigram(vocabulary, tokenizer.unk_id, tokenizer.spec.byte_fallback)


def _bpe(tokenizer: SubwordTokenizer) -> "BPE":
    """Vocabulary and merges. A SentencePiece model keeps no merges, only pieces in merge order:
    each way to put a piece together from two others is a merge, in that order."""
    from tokenizers.models import BPE

    model = tokenizer.processor
    vocabulary = {model.id_to_piece(i): i for i in range(tokenizer.vocab_size)}
    reachable = {p: i for p, i in vocabulary.items() if not _unreachable(tokenizer, i)}
    merges = [
        (piece[:cut], piece[cut:])
        for piece in sorted(reachable, key=lambda p: -model.get_score(reachable[p]))
        for cut in range(1, len(piece))
        if piece[:cut] in reachable and piece[cut:] in reachable
    ]
    return BPE(
        vocabulary,
        merges,
        unk_token=model.id_to_piece(tokenizer.unk_id),
        fuse_unk=True,
        byte_fallback=tokenizer.spec.byte_fallback,
    )


def _unreachable(tokenizer: SubwordTokenizer, index: int) -> bool:
    """Whether no text may be encoded as this piece by its spelling."""
    model = tokenizer.processor
    return model.is_control(index) or model.is_unknown(index) or model.is_byte(index)


def mismatches(tokenizer: "Tokenizer", folder: Path, texts: list[str]) -> int:
    """How many texts the fast tokenizer in `folder` encodes otherwise than the one exported."""
    from transformers import AutoTokenizer

    fast = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    ours = tokenizer.encode_batch(texts)
    theirs = fast(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return sum(a != b for a, b in zip(ours, theirs, strict=True))
