"""FLOPs against PyTorch's counter on real modules, and against published sizes."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from brnb.theory.transformer_flops import (
    attention_layer_flops,
    embedding_flops,
    feedforward_flops,
    head_flops,
    layer_parameters,
    layers_flops,
    model_flops,
    norm_flops,
    printed_embedding_flops,
    printed_factored_flops,
    printed_sequence_flops,
    printed_step_flops,
    sequence_flops,
    step_flops,
)

L, D, HIDDEN, HEADS, N, V = 2, 32, 96, 4, 24, 50
GPT3 = {"layers": 96, "width": 12288, "hidden": 49152}


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(D, D) for _ in range(4))
        self.up, self.down = nn.Linear(D, HIDDEN), nn.Linear(HIDDEN, D)

    def forward(self, x):
        query, key, value = (m(x).view(N, HEADS, -1).transpose(0, 1) for m in self.maps[:3])
        weights = (query @ key.transpose(1, 2)).softmax(-1)
        x = x + self.maps[3]((weights @ value).transpose(0, 1).reshape(N, D))
        return x + self.down(torch.relu(self.up(x)))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(V, D), nn.Embedding(N, D)
        self.blocks = nn.Sequential(*(Block() for _ in range(L)))
        self.head = nn.Linear(D, V, bias=False)

    def forward(self, tokens):
        return self.head(self.blocks(self.tokens(tokens) + self.positions.weight))


def counted(backward=False):
    model, tokens = GPT(), torch.randint(V, (N,))
    with FlopCounterMode(display=False) as counter:
        logits = model(tokens)
        if backward:
            logits.sum().backward()
    return counter.get_total_flops()


def test_forward_pass_as_pytorch_counts_it():
    # the counter sees products; adding positions and norms are no products
    parts = sequence_flops(L, D, HIDDEN, N, V)
    assert counted() == parts["attention"] + parts["feedforward"] + parts["head"]
    assert counted() == layers_flops(L, D, N, HIDDEN) + head_flops(D, V, N)


def test_parts_of_a_layer_as_pytorch_counts_them():
    x = torch.randn(N, D)
    attention = attention_layer_flops(D, N)
    for part, run in {
        "query_key_value": lambda: nn.Linear(D, 3 * D)(x),
        "scores": lambda: x @ x.T,
        "mixing": lambda: torch.randn(N, N) @ x,
        "output": lambda: nn.Linear(D, D)(x),
    }.items():
        with FlopCounterMode(display=False) as counter:
            run()
        assert counter.get_total_flops() == attention[part], part
    assert sum(attention.values()) == 8 * N * D**2 + 4 * N**2 * D
    assert sum(feedforward_flops(D, HIDDEN, N).values()) == 4 * N * D * HIDDEN


def test_an_embedding_is_a_copy():
    with FlopCounterMode(display=False) as counter:
        nn.Embedding(V, D)(torch.randint(V, (N,)))
    assert counter.get_total_flops() == 0
    assert embedding_flops(D, N) == N * D  # adding the positions
    assert printed_embedding_flops(V, D, N) == 2 * V * D + 2 * N * D


def test_a_backward_pass_is_two_forward_passes():
    products = layers_flops(L, D, N, HIDDEN) + head_flops(D, V, N)
    # no gradient flows into the tokens, but into their embeddings it does: all maps count thrice
    assert counted(backward=True) == 3 * products
    assert step_flops(L, D, N) == 3 * layers_flops(L, D, N)


def test_6nd_and_what_is_printed():
    tokens, width = 1, 4096
    parameters = layer_parameters(1, width)
    assert step_flops(1, width, tokens) / parameters == pytest.approx(6, rel=1e-3)
    assert printed_step_flops(1, width, tokens) / width**2 == pytest.approx(86.4, rel=1e-3)
    assert printed_step_flops(1, width, tokens) / parameters == pytest.approx(7.2, rel=1e-3)


def test_gpt3():
    assert layer_parameters(96, 12288) == pytest.approx(175e9, rel=0.01)
    assert model_flops(96, 12288, 50257, 300e9) == pytest.approx(3.15e23, rel=0.01)
    parts = sequence_flops(**GPT3, seq_len=2048, vocab=50257)
    assert parts["head"] / sum(parts.values()) == pytest.approx(0.0034, abs=1e-4)
    assert norm_flops(12288, 2048) == 10 * 2048 * 12288


def test_the_printed_factoring_is_not_the_printed_sum():
    total = printed_sequence_flops(**GPT3, seq_len=2048, vocab=50257)
    factored = printed_factored_flops(**GPT3, seq_len=2048, vocab=50257)
    lost = 2 * 2048 * 12288 * 50257 - 2 * 12288 * 50257  # the head over n instead of times n
    assert total - factored == pytest.approx(lost)
    assert total - sum(sequence_flops(**GPT3, seq_len=2048, vocab=50257).values()) == (
        2 * 50257 * 12288 + 2048 * 12288
    )


def test_lengths_may_be_an_array():
    lengths = np.array([128.0, 1024.0])
    assert layers_flops(12, 768, lengths) == pytest.approx(
        [layers_flops(12, 768, n) for n in lengths]
    )


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match=r"seq_len = -1: it cannot be negative \(tokens\)"):
        attention_layer_flops(8, -1)
    with pytest.raises(ValueError, match=r"width = 0: it must be above 0 \(elements\)"):
        sequence_flops(1, 0, 4, 4, 4)
