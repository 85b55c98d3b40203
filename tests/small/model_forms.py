"""Small models of every form that the dissertation's versions take."""

import pytest
import torch

from brnb.models.transformer import TransformerLM

SHAPE = {"vocab_size": 61, "width": 24, "layers": 3, "heads": 4, "context": 16, "hidden": 40}
LLAMA = {"norm": "rmsnorm", "position": "rope", "mlp": "swiglu", "bias": False}
MODERN = LLAMA | {"mlp": "relu2", "qk_norm": True, "zero_init": True, "value_embeddings": True}
MODERN |= {"attention_gate": True, "input_skip": True}
FORMS = {
    "v5": SHAPE | {"kv_heads": 4},
    "v6": SHAPE | LLAMA | {"kv_heads": 2},
    "v7": SHAPE | MODERN | {"kv_heads": 4, "tied": False, "softcap": 15.0},
}
forms = pytest.mark.parametrize("form", FORMS)


def build(**choices) -> TransformerLM:
    """A model far from its initial weights, where branches, norms and mixes all matter."""
    torch.manual_seed(0)
    model = TransformerLM(**choices)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model.eval()


def ids_for(model, rows=2, tokens=12):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(model.choices.vocab_size, (rows, tokens), generator=generator)
