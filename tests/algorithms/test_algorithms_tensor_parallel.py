"""Tensor parallelism against one process."""

import torch
import torch.nn.functional as F
from four_processes import SIZE, block

from brnb.algorithms.attention import multi_head_attention


def test_four_processes_compute_what_one_does(four):
    given = block()
    names = ("query", "key", "value", "out")

    def mlp(x):
        return F.gelu(x @ given["up"]) @ given["down"]

    def attention(x):
        return multi_head_attention(x, x, x, 4, tuple(given[name] for name in names))

    for name, compute in (("mlp", mlp), ("attention", attention)):
        x = given["x"].clone().requires_grad_()
        y = compute(x)
        y.sin().sum().backward()
        for found in four:
            ours, gradient = found["tensor"][name]
            torch.testing.assert_close(ours, y)
            torch.testing.assert_close(gradient, x.grad)


def test_each_block_is_summed_once_forward_and_once_backward(four):
    """Four all-reduces of 2 · 5 · 8 numbers of 8 bytes, each 2 (P - 1)/P of them."""
    for found in four:
        assert found["tensor"]["sent"] == 4 * (2 * 5 * 8 * 8) * 2 * (SIZE - 1) / SIZE
