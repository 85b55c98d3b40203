"""A Llama written as GGUF, the file that llama.cpp reads, with its tokenizer in it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

if TYPE_CHECKING:
    from gguf import GGUFWriter
    from transformers import LlamaForCausalLM

    from brnb.tokenizers.subword import SubwordTokenizer

MODEL_NAMES = {
    "model.embed_tokens.": "token_embd.",
    "model.norm.": "output_norm.",
    "lm_head.": "output.",
    "model.layers.": "blk.",
    "input_layernorm.": "attn_norm.",
    "post_attention_layernorm.": "ffn_norm.",
    "self_attn.q_proj.": "attn_q.",
    "self_attn.k_proj.": "attn_k.",
    "self_attn.v_proj.": "attn_v.",
    "self_attn.o_proj.": "attn_output.",
    "mlp.gate_proj.": "ffn_gate.",
    "mlp.up_proj.": "ffn_up.",
    "mlp.down_proj.": "ffn_down.",
}
SCHEMES = {
    "f32": "F32",
    "q8_0": "Q8_0",
    "q6_k": "Q6_K",
    "q5_k": "Q5_K",
    "q4_k": "Q4_K",
    "q3_k": "Q3_K",
    "q2_k": "Q2_K",
}
WIDER = ("Q5_K", "Q4_K", "Q3_K", "Q2_K")
OLDER = {"Q6_K": "Q8_0", "Q5_K": "Q5_1", "Q4_K": "Q5_0", "Q3_K": "Q4_0", "Q2_K": "Q4_0"}
K_BLOCK = 256  # values that share the scales of a k-quant
VOCABULARIES = {"unigram": "t5", "bpe": "llama"}  # SentencePiece's kinds, as llama.cpp calls them


def write_gguf(
    model: "LlamaForCausalLM",
    file: Path,
    scheme: str = "f32",
    tokenizer: "SubwordTokenizer | None" = None,
) -> Path:
    """Write a Llama, whole or not at all.

    Parameters
    ----------
    model
        On any device.
    file
        To write.
    scheme
        One of `SCHEMES`: how its matrices are kept. Vectors stay in fp32.
    tokenizer
        Whose pieces, scores and kinds go along; without one the file has no vocabulary, and
        speaks ids alone.

    Raises
    ------
    ValueError
        If the scheme is unknown, or the model of another family than Llama, or with scaled
        positions.
    """
    import gguf

    config = model.config
    require_llama(config)
    if scheme not in SCHEMES:
        raise ValueError(f"scheme = {scheme!r}: no GGUF is written so; known: {', '.join(SCHEMES)}")
    partial = file.with_suffix(".partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(partial, "llama")
    _describe(writer, config)
    if tokenizer is None:
        writer.add_tokenizer_model("no_vocab")
    else:
        _add_vocabulary(writer, tokenizer, config.vocab_size)
    for name, tensor in model.state_dict().items():
        if name != "lm_head.weight" or not config.tie_word_embeddings:
            _add(writer, gguf_name(name), _values(name, tensor, config), scheme)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return partial.replace(file)


def tensor_type(name: str, shape: tuple[int, ...], scheme: str) -> str:
    """The type that a tensor of a GGUF has in a scheme: ``Q4_K``.

    Vectors stay in fp32. The embedding, which a tied head reads too, has six bits where maps have
    fewer, as in llama.cpp's own mixtures. Rows that are no multiple of 256 cannot be in a k-quant,
    and have the older type of about as many bits that llama.cpp gives them.
    """
    if len(shape) < 2:
        return "F32"
    kind = SCHEMES[scheme]
    if name in ("token_embd.weight", "output.weight") and kind in WIDER:
        kind = "Q6_K"
    return OLDER.get(kind, kind) if shape[-1] % K_BLOCK else kind


def map_bits_of_file(file: Path) -> float:
    """Bits of a weight of the blocks' maps in a GGUF, with its share of scales."""
    from gguf import GGUFReader

    tensors = GGUFReader(file).tensors
    maps = [t for t in tensors if t.name.startswith("blk.") and len(t.shape) > 1]
    return float(8 * sum(t.n_bytes for t in maps) / sum(t.n_elements for t in maps))


def gguf_name(name: str) -> str:
    """A parameter of transformers' Llama, as GGUF calls it."""
    for theirs, ours in MODEL_NAMES.items():
        name = name.replace(theirs, ours)
    return name


def require_llama(config: Any) -> None:
    """Raise ValueError for a configuration that is not plain Llama's."""
    rope = config.rope_parameters.get("rope_type", "default")
    for field, value, known in (
        ("model_type", config.model_type, "llama"),
        ("rope_parameters.rope_type", rope, "default"),
        ("hidden_act", config.hidden_act, "silu"),
    ):
        if value != known:
            raise ValueError(
                f"config.json: {field} = {value!r}, and GGUF is written here for {known!r} alone: "
                "convert other models with llama.cpp's convert_hf_to_gguf.py"
            )


def _add(writer: "GGUFWriter", name: str, values: np.ndarray, scheme: str) -> None:
    from gguf import GGMLQuantizationType

    from brnb.compress.llama_cpp import quantise_rows

    kind = GGMLQuantizationType[tensor_type(name, values.shape, scheme)]
    if kind is GGMLQuantizationType.F32:
        writer.add_tensor(name, values)
    else:
        writer.add_tensor(name, quantise_rows(values, kind), raw_dtype=kind)


def _describe(writer: "GGUFWriter", c: Any) -> None:
    writer.add_vocab_size(c.vocab_size)
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    writer.add_head_count_kv(c.num_key_value_heads)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    writer.add_rope_dimension_count(c.head_dim)
    writer.add_rope_freq_base(c.rope_parameters["rope_theta"])


def _add_vocabulary(writer: "GGUFWriter", tokenizer: "SubwordTokenizer", size: int) -> None:
    """Pieces, scores, kinds; ids that the model has beyond the tokenizer's stand for nothing."""
    from gguf import TokenType

    p = tokenizer.processor
    kinds = (
        (p.is_unknown, TokenType.UNKNOWN),
        (p.is_control, TokenType.CONTROL),
        (p.is_byte, TokenType.BYTE),
        (p.is_unused, TokenType.UNUSED),
    )
    ids, extra = range(tokenizer.vocab_size), size - tokenizer.vocab_size
    types = [next((kind for has, kind in kinds if has(i)), TokenType.NORMAL) for i in ids]
    writer.add_tokenizer_model(VOCABULARIES[tokenizer.spec.kind])
    writer.add_tokenizer_pre("default")
    writer.add_token_list([*map(p.id_to_piece, ids), *(f"<unused{i}>" for i in range(extra))])
    writer.add_token_scores([*map(p.get_score, ids), *[-1e4] * extra])
    writer.add_token_types([*types, *[TokenType.UNUSED] * extra])
    writer.add_unk_token_id(tokenizer.unk_id)
    writer.add_bos_token_id(tokenizer.bos_id)
    writer.add_eos_token_id(tokenizer.eos_id)
    writer.add_pad_token_id(tokenizer.pad_id)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(True)
    writer.add_remove_extra_whitespaces(False)


def _values(name: str, tensor: Tensor, config: Any) -> np.ndarray:
    """Values in fp32; queries and keys in the order of llama.cpp, whose rotation takes neighbours
    for a pair where transformers takes halves."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    values = tensor.detach().float().cpu()
    count = next((n for part, n in heads.items() if part in name), None)
    if count is not None:
        values = values.unflatten(0, (count, 2, -1)).transpose(1, 2).flatten(0, 2)
    return values.contiguous().numpy()
