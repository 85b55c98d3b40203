"""Operations against PyTorch's counter, bytes against real tensors, seconds by hand."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from brnb.theory import attention_cost as cost


class Layer(nn.Module):
    """One Transformer layer with stored scores, part by part."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(0, 1)


def counted(function, *args):
    with FlopCounterMode(display=False) as counter:
        result = function(*args)
    return counter.get_total_flops(), result


def test_flops_of_every_part_are_pytorchs():
    n, width = 48, 32
    layer, x = Layer(width, 4), torch.randn(n, width)
    flops = cost.layer_flops(n, width)
    count, qkv = counted(layer.qkv, x)
    assert count == flops["qkv"]
    q, k, v = (layer.split(part) for part in qkv.chunk(3, dim=-1))
    count, scores = counted(torch.matmul, q, k.transpose(-1, -2))
    assert count == flops["scores"]
    count, mixed = counted(torch.matmul, scores.softmax(-1), v)
    assert count == flops["mixing"]
    count, _ = counted(layer.output, mixed.transpose(0, 1).flatten(1))
    assert count == flops["output"]
    count, _ = counted(lambda: layer.down(layer.up(x).relu()))
    assert count == flops["feedforward"]


def test_the_printed_count_is_half():
    n, d = np.array([1.0, 512, 3072, 9000]), 512
    np.testing.assert_allclose(cost.total_flops(n, d), 24 * n * d**2 + 4 * n**2 * d)
    np.testing.assert_allclose(cost.printed_total_flops(n, d), 12 * n * d**2 + 2 * n**2 * d)


@pytest.mark.parametrize(("causal", "share"), [(False, 1.0), (True, 0.5)])
def test_crossover_is_where_both_take_the_same(causal, share):
    n = cost.crossover_length(512, causal)
    parts = cost.layer_flops(n, 512)
    scores = share * (parts["scores"] + parts["mixing"])
    assert scores == pytest.approx(parts["qkv"] + parts["output"] + parts["feedforward"])
    assert cost.crossover_length(512) == 3072  # A.1.3.2


def test_bytes_are_those_of_tensors():
    n, heads, d = 64, 3, 8
    scores = torch.empty(heads, n, n, dtype=torch.float16)
    assert cost.score_bytes(n, heads, "fp16") == scores.nbytes
    activation = torch.empty(heads, n, d, dtype=torch.bfloat16)
    assert cost.activation_bytes(n, heads, d, "bf16") == activation.nbytes
    assert cost.score_bytes(8192) / 1e6 == pytest.approx(268, abs=0.5)  # A.21


def test_naive_attention_keeps_what_autograd_keeps():
    n, heads, d = 64, 3, 8
    q, k, v = (torch.randn(heads, n, d, requires_grad=True) for _ in range(3))
    stored: dict[int, int] = {}

    def pack(tensor):
        stored[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = ((q @ k.transpose(-1, -2)) * d**-0.5).softmax(-1) @ v
    kept = sum(stored.values()) + output.nbytes
    assert kept == cost.naive_attention_bytes(n, heads, d, "fp32")


def test_the_printed_example():
    # 2 * 32 * (8192^2 + 8192 * 128) bytes, A.40; at 1.6 TB/s, A.42
    assert cost.printed_naive_attention_bytes(8192, 32, 128) == 4_362_076_160
    assert cost.printed_memory_seconds(8192, 32, 128) == pytest.approx(2.7e-3, abs=0.05e-3)
    # four matrices of 2 * 32 * 8192^2 bytes and four activations
    assert cost.naive_traffic_bytes(8192, 32, 128) == 4 * (4_294_967_296 + 67_108_864)
    # 4 * 8192^2 * 4096 / 312e12; A.44 prints 0.9 ms
    assert cost.attention_seconds(8192, 32, 128, 312e12) == pytest.approx(3.524e-3, rel=1e-3)
    assert cost.printed_attention_seconds(8192, 32, 128) == pytest.approx(1.762e-3, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cost.layer_flops(-1, 8), "n = -1"),
        (lambda: cost.layer_flops([4, 0], 8), r"n = \[4, 0\]"),
        (lambda: cost.score_bytes(8, heads=0), "heads = 0"),
        (lambda: cost.transfer_seconds(8, "400 Gb/s"), r"bandwidth = .*bytes/s.*bytes_per_second"),
        (lambda: cost.naive_attention_bytes(8, 1, 8, "fp7"), "dtype = 'fp7'"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
