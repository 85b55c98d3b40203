"""The one Transformer against Transformers' models on equal weights: logits and gradients.

Each row is a whole small model of a family, whose choices the one Transformer takes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssAttention

from brnb.models.choices import Choices
from brnb.models.transformer import Attention, TransformerLM
from brnb.ops.rope import rope_table
from brnb.ops.rope_scaling import Scaling

Tensors = dict[str, Tensor]
WIDTH, LAYERS, HEADS, TOKENS = 32, 3, 4, 12
NAMES = [
    ("embedding.", "model.embed_tokens."), ("head.", "lm_head."), ("blocks.", "model.layers."),
    ("mlp_norm.", "post_attention_layernorm."), ("attention_norm.", "input_layernorm."),
    ("attention.query_norm.", "self_attn.q_norm."), ("attention.key_norm.", "self_attn.k_norm."),
    ("attention.query.", "self_attn.q_proj."), ("attention.key.", "self_attn.k_proj."),
    ("attention.value.", "self_attn.v_proj."), ("attention.out.", "self_attn.o_proj."),
    ("mlp.gate.", "mlp.gate_proj."), ("mlp.up.", "mlp.up_proj."), ("mlp.down.", "mlp.down_proj."),
]  # fmt: skip
SANDWICH = [
    ("mlp_norm.", "pre_feedforward_layernorm."),
    ("attention_residual.norm.", "post_attention_layernorm."),
    ("mlp_residual.norm.", "post_feedforward_layernorm."),
]
LATENT = [
    ("attention.query_down.", "self_attn.q_a_proj."),
    ("attention.query_norm.", "self_attn.q_a_layernorm."),
    ("attention.query.", "self_attn.q_b_proj."),
    ("attention.latent.", "self_attn.kv_a_proj_with_mqa."),
    ("attention.latent_norm.", "self_attn.kv_a_layernorm."),
    ("attention.expand.", "self_attn.kv_b_proj."),
]


def renamed(theirs: Tensors, ours: str, names: list[tuple[str, str]]) -> Tensor:
    for own, other in names:
        ours = ours.replace(own, other)
    return theirs["model.norm.weight" if ours == "norm.weight" else ours]


def llama(theirs: Tensors, ours: str) -> Tensor:
    return renamed(theirs, ours, NAMES)


def sandwich(theirs: Tensors, ours: str) -> Tensor:
    return renamed(theirs, ours, SANDWICH + NAMES)


def latent(theirs: Tensors, ours: str) -> Tensor:
    plain = ours.replace("attention.query.", "attention.plain_query.")
    names = [*LATENT, ("attention.plain_query.", "self_attn.q_proj."), *NAMES]
    queries = any("q_a_proj" in name for name in theirs)
    return renamed(theirs, ours if queries else plain, names)


def gpt1(theirs: Tensors, ours: str) -> Tensor:
    """GPT-1 keeps matrices transposed, and queries, keys and values as one."""
    names = [
        ("position_embedding.", "positions_embed."), ("embedding.", "tokens_embed."),
        ("blocks.", "h."), ("attention_residual.norm.", "ln_1."), ("mlp_residual.norm.", "ln_2."),
        ("attention.out.", "attn.c_proj."), ("mlp.up.", "mlp.c_fc."), ("mlp.down.", "mlp.c_proj."),
    ]  # fmt: skip
    for i, part in enumerate(("query", "key", "value")):
        if f"attention.{part}." in ours:
            whole = gpt1(theirs, ours.replace(f"attention.{part}", "attn.c_attn"))
            return whole.chunk(3)[i]
    for own, other in names:
        ours = ours.replace(own, other)
    tensor = theirs[f"transformer.{ours}"]
    return tensor.T if tensor.dim() == 2 and ".h." in f".{ours}" else tensor


@dataclass
class Family:
    """A family's classes and settings, and the choices that make the same model."""

    name: str
    theirs: dict[str, Any]
    ours: dict[str, Any]
    read: Callable[[Tensors, str], Tensor] = llama
    gain: float = 0.0  # what a family's norms add to their weights
    patch: Callable[[Any], None] = field(default=lambda model: None)


def no_qk_norm(model):
    for layer in model.model.layers:
        layer.self_attn.q_norm = layer.self_attn.k_norm = torch.nn.Identity()


def unscaled_embedding(model):
    model.model.embed_tokens.embed_scale.fill_(1.0)


def rope(kind: str, **fields: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10_000.0} | fields}


def scaled(kind: str, factor: float, **theirs: Any) -> Family:
    original = theirs.get("original_max_position_embeddings")
    ours = {"rope_scaling": kind, "rope_factor": factor, "original_context": original}
    return Family("Llama", rope(kind, factor=factor, **theirs), ours)


LLAMA3 = {"original_max_position_embeddings": 8, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
PATTERN = ["sliding_attention", "sliding_attention", "full_attention"]
GEMMA = {
    "head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 4, "layer_types": PATTERN,
    "rope_parameters": {"sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
                        "full_attention": {"rope_type": "linear", "rope_theta": 9000.0,
                                           "factor": 8.0}},
}  # fmt: skip
GEMMA_OURS = {
    "norm_place": "sandwich", "qk_norm": "learnt", "mlp": "geglu", "window": 4, "global_every": 3,
    "local_rope_theta": 100.0, "rope_theta": 9000.0, "rope_scaling": "linear", "rope_factor": 8.0,
}  # fmt: skip
DEEPSEEK = {
    "num_key_value_heads": 4, "q_lora_rank": None, "kv_lora_rank": 12, "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 8, "v_head_dim": 8, "first_k_dense_replace": LAYERS, "rms_norm_eps": 1e-6,
    "rope_interleave": False, "n_group": 1, "topk_group": 1, "n_routed_experts": 2,
}  # fmt: skip
MLA = {"kv_heads": 4, "kv_rank": 12, "rope_dim": 4, "norm_eps": 1e-6}
FAMILIES = {
    "mha": Family("Llama", {"num_key_value_heads": 4}, {"kv_heads": 4}),
    "gqa": Family("Llama", {}, {}),
    "mqa": Family("Llama", {"num_key_value_heads": 1}, {"kv_heads": 1}),
    "linear": scaled("linear", 4.0),
    "yarn": scaled("yarn", 4.0, original_max_position_embeddings=8),
    "llama3": scaled("llama3", 8.0, **LLAMA3),
    "mistral": Family("Mistral", {"sliding_window": 5}, {"window": 5}),
    "gemma3": Family("Gemma3", GEMMA, GEMMA_OURS, sandwich, 1.0, unscaled_embedding),
    "qwen3": Family("Qwen3", {"head_dim": 8}, {"qk_norm": "learnt"}),
    "olmo2": Family("Olmo2", {}, {"norm_place": "reordered"}, sandwich, patch=no_qk_norm),
    "deepseek": Family("DeepseekV3", DEEPSEEK, MLA, latent),
    "deepseek_queries": Family(
        "DeepseekV3", DEEPSEEK | {"q_lora_rank": 20}, MLA | {"query_rank": 20}, latent
    ),
}


def their_model(family: Family):
    common = {
        "vocab_size": 61, "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": 2, "intermediate_size": 48,
        "max_position_embeddings": 32, "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
        "attn_implementation": "eager", "pad_token_id": 0, "bos_token_id": None,
        "eos_token_id": None,
    }  # fmt: skip
    prefix = "Gemma3Text" if family.name == "Gemma3" else family.name
    config = getattr(transformers, f"{prefix}Config")(**common | family.theirs)
    torch.manual_seed(0)
    model = getattr(transformers, f"{family.name}ForCausalLM")(config)
    family.patch(model)
    return moved(model)


def moved(model):
    """Far from its initial weights, so that every norm's gain and every bias counts."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model.train()


def our_model(family: Family, theirs) -> TransformerLM:
    choices = {
        "vocab_size": 61, "width": WIDTH, "layers": LAYERS, "heads": HEADS, "kv_heads": 2,
        "context": 32, "hidden": 48, "norm": "rmsnorm", "position": "rope", "mlp": "swiglu",
        "bias": False, "tied": False,
    }  # fmt: skip
    model = TransformerLM(**choices | family.ours).train()
    weights = dict(theirs.named_parameters())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            gain = family.gain if parameter.dim() == 1 else 0.0
            parameter.copy_(family.read(weights, name) + gain)
    return model


def assert_equal(ours, theirs, read, tolerance=1e-4):
    ids = torch.randint(61, (2, TOKENS), generator=torch.Generator().manual_seed(1))
    logits, expected = ours(ids)[0], theirs(ids).logits
    torch.testing.assert_close(logits, expected, rtol=tolerance, atol=tolerance)
    d = torch.randn(logits.shape, generator=torch.Generator().manual_seed(2))
    for y in (logits, expected):
        (y * d).sum().backward()
    gradients = {n: p.grad for n, p in theirs.named_parameters() if p.grad is not None}
    assert len(gradients) >= LAYERS * 6
    for name, parameter in ours.named_parameters():
        expected = read(gradients, name)
        largest = max(expected.abs().max().item(), 1.0)  # that of a key's bias is 0
        torch.testing.assert_close(
            parameter.grad, expected, rtol=tolerance, atol=tolerance * largest, msg=name
        )


@pytest.mark.parametrize("name", FAMILIES)
def test_the_one_transformer_is_every_family(name):
    family = FAMILIES[name]
    theirs = their_model(family)
    assert_equal(our_model(family, theirs), theirs, family.read)


def test_a_post_norm_transformer_is_gpt_1():
    config = transformers.OpenAIGPTConfig(
        vocab_size=61, n_positions=32, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, afn="gelu",
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    torch.manual_seed(0)
    theirs = moved(transformers.OpenAIGPTLMHeadModel(config))
    form = {"norm": "layernorm", "position": "learned", "mlp": "gelu", "bias": True, "tied": True}
    form |= {"kv_heads": 4, "hidden": 4 * WIDTH, "norm_place": "post"}
    family = Family("OpenAIGPT", {}, form, gpt1)
    assert_equal(our_model(family, theirs), theirs, gpt1)


@pytest.mark.parametrize("layer", [0, 1])  # with a window, and without
def test_attention_with_sinks_is_gpt_oss(layer):
    config = transformers.GptOssConfig(
        hidden_size=WIDTH, num_attention_heads=HEADS, num_key_value_heads=2, head_dim=8,
        num_hidden_layers=2, sliding_window=4, attn_implementation="eager",
    )  # fmt: skip
    torch.manual_seed(0)
    theirs = GptOssAttention(config, layer)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(std=0.5)
    choices = Choices(
        vocab_size=61, width=WIDTH, layers=2, heads=HEADS, kv_heads=2, context=32, hidden=48,
        position="rope", bias=True, window=4, global_every=2, sinks=True,
    )  # fmt: skip
    ours = Attention(choices, False, choices.is_local(layer))
    pairs = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "o_proj"}
    names = [(f"{own}.", f"{other}.") for own, other in pairs.items()]
    weights = dict(theirs.named_parameters())
    with torch.no_grad():
        for name, parameter in ours.named_parameters():
            parameter.copy_(renamed(weights, name, names))
    cos, sin = rope_table(TOKENS, 8, 10_000.0)
    x = torch.randn(2, TOKENS, WIDTH)
    distance = torch.arange(TOKENS)[:, None] - torch.arange(TOKENS)
    seen = (distance >= 0) & ((distance < 4) | (layer == 1))
    mask = torch.zeros(TOKENS, TOKENS).masked_fill(~seen, float("-inf"))
    expected = theirs(x, (cos[None], sin[None]), mask)[0]
    y = ours(x, None, (cos, sin), ())[0]
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)
    d = torch.randn_like(y)
    for out in (y, expected):
        (out * d).sum().backward()
    gradients = {name: p.grad for name, p in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(
            parameter.grad, renamed(gradients, name, names), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("length", [20, 32, 64])
def test_the_dynamic_base_is_that_of_transformers(length):
    """Which counts from max_position_embeddings, for a text as long as the context."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = transformers.LlamaConfig(
        hidden_size=WIDTH, num_attention_heads=HEADS, max_position_embeddings=16,
        **rope("dynamic", factor=3.0),
    )  # fmt: skip
    expected, _ = ROPE_INIT_FUNCTIONS["dynamic"](config, seq_len=length)
    cos, sin = rope_table(length, 8, 10_000.0, Scaling("dynamic", 3.0, 16))
    angles = torch.outer(torch.arange(length).float(), expected)
    torch.testing.assert_close(cos, angles.cos())
    torch.testing.assert_close(sin, angles.sin())


def test_the_ntk_base_slows_the_slowest_pair_by_the_factor_and_the_fastest_not():
    """bloc97 (2023) chose d / (d - 2) so that theta^(-(d - 2)/d) falls by the factor."""
    from brnb.ops.rope_scaling import rope_frequencies, scaled_frequencies

    plain = rope_frequencies(16, 10_000.0)
    slower, size = scaled_frequencies(Scaling("ntk", 4.0), 16, 10_000.0, 0)
    assert (slower[0].item(), size) == (1.0, 1.0)
    assert (plain[-1] / slower[-1]).item() == pytest.approx(4.0, rel=1e-5)
    assert torch.equal(scaled_frequencies(Scaling(), 16, 10_000.0, 0)[0], plain)
    with pytest.raises(ValueError, match="rope_scaling = 'cubic': no such kind"):
        scaled_frequencies(Scaling("cubic"), 16, 10_000.0, 0)
