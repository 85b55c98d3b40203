"""Export of a Transformer to Hugging Face's Llama format, with the same logits."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from brnb.models.transformer import TransformerLM
from brnb.progress import without_library_bars

if TYPE_CHECKING:
    from transformers import LlamaConfig, LlamaForCausalLM

    from brnb.tokenizers.subword import SubwordTokenizer

# The choices that Llama has made; all others (sizes, kv_heads, tied, rope_theta, ...) are free.
LLAMA = {
    "norm": "rmsnorm",
    "position": "rope",
    "mlp": "swiglu",
    "bias": False,
    "qk_norm": False,
    "value_embeddings": False,
    "attention_gate": False,
    "input_skip": False,
    "softcap": None,
    "norm_place": "pre",
    "window": None,
    "sinks": False,
    "kv_rank": None,
    "rope_scaling": "none",
    "experts": None,
}
LLAMA_NAMES = {
    "embedding.": "model.embed_tokens.",
    "blocks.": "model.layers.",
    "attention_norm.": "input_layernorm.",
    "mlp_norm.": "post_attention_layernorm.",
    "attention.query.": "self_attn.q_proj.",
    "attention.key.": "self_attn.k_proj.",
    "attention.value.": "self_attn.v_proj.",
    "attention.out.": "self_attn.o_proj.",
    "mlp.gate.": "mlp.gate_proj.",
    "mlp.up.": "mlp.up_proj.",
    "mlp.down.": "mlp.down_proj.",
}


def to_llama(
    model: TransformerLM, folder: Path, tokenizer_folder: Path | None = None
) -> "LlamaForCausalLM":
    """Write the folder that ``AutoModelForCausalLM`` and ``AutoTokenizer`` read.

    Parameters
    ----------
    model
        RMSNorm, RoPE, SwiGLU, no biases; any sizes, tied or not. Dropout, which acts in training
        only, is not exported.
    folder
        Receives ``config.json``, ``generation_config.json``, ``model.safetensors`` (fp32) and,
        with a tokenizer, its fast equivalent.
    tokenizer_folder
        Folder of a subword tokenizer; it gives the ids of beginning, end and padding.

    Returns
    -------
    LlamaForCausalLM
        On the CPU, in evaluation mode. Its logits are the model's, up to rounding.

    Raises
    ------
    ValueError
        If Llama cannot express a choice of the model (names each), or the tokenizer is not a
        subword tokenizer whose ids the model knows.
    """
    from transformers import LlamaForCausalLM

    _check_expressible(model)
    tokenizer = None if tokenizer_folder is None else _tokenizer(tokenizer_folder, model)
    with torch.random.fork_rng(devices=[]):  # the constructor draws weights of its own
        llama = LlamaForCausalLM(_config(model, tokenizer))
    llama.load_state_dict(_weights(model))
    with without_library_bars():
        llama.eval().save_pretrained(folder)
    if tokenizer is not None:
        from brnb.tokenizers.hf import to_hf

        to_hf(tokenizer, folder)
    return llama


def _check_expressible(model: TransformerLM) -> None:
    wrong = [
        f"{name} = {model.arguments[name]!r} (Llama: {llama!r})"
        for name, llama in LLAMA.items()
        if model.arguments[name] != llama
    ]
    if wrong:
        raise ValueError(
            f"the Llama format cannot express {', '.join(wrong)}: "
            "export a model trained with Llama's choices, as v6"
        )


def _tokenizer(folder: Path, model: TransformerLM) -> "SubwordTokenizer":
    from brnb.tokenizers import load_tokenizer
    from brnb.tokenizers.subword import SubwordTokenizer

    tokenizer = load_tokenizer(folder)
    if not isinstance(tokenizer, SubwordTokenizer):
        raise ValueError(f"{folder}: only subword tokenizers can be exported, give one of those")
    if tokenizer.vocab_size > model.choices.vocab_size:
        raise ValueError(
            f"{folder}: the tokenizer has {tokenizer.vocab_size} ids, the model only "
            f"{model.choices.vocab_size}: give the tokenizer that the model was trained with"
        )
    return tokenizer


def _config(model: TransformerLM, tokenizer: "SubwordTokenizer | None") -> "LlamaConfig":
    from transformers import LlamaConfig

    c = model.choices
    return LlamaConfig(
        vocab_size=c.vocab_size,
        hidden_size=c.width,
        intermediate_size=c.hidden,
        num_hidden_layers=c.layers,
        num_attention_heads=c.heads,
        num_key_value_heads=c.kv_heads,
        max_position_embeddings=c.context,
        rms_norm_eps=c.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": c.rope_theta},
        tie_word_embeddings=c.tied,
        dtype=torch.float32,
        bos_token_id=tokenizer.bos_id if tokenizer else None,  # the defaults are Llama 2's
        eos_token_id=tokenizer.eos_id if tokenizer else None,
        pad_token_id=tokenizer.pad_id if tokenizer else None,
    )


def _weights(model: TransformerLM) -> dict[str, Tensor]:
    weights = {}
    for name, tensor in model.state_dict().items():
        for ours, llama in LLAMA_NAMES.items():
            name = name.replace(ours, llama)
        weights[name] = tensor
    weights["model.norm.weight"] = weights.pop("norm.weight")
    weights.pop("head.weight", None)
    weights["lm_head.weight"] = model.head_weight.detach()
    return weights
