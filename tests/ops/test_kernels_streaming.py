"""Kernels that decode one sequence beside PyTorch in higher precision, on a GPU.

Needs pytest, torch and transformers: `make test-gpu`, or with `--noconftest` where the rest of the
project is not installed.
"""

import pytest
import torch
import torch.nn.functional as F
from kernel_numbers import BF16, both_precisions, cut_rows, distance, gpu, needs_gpu, normal
from torch import nn

from brnb.ops import streaming
from brnb.ops.rope import rope_table

pytestmark = needs_gpu
SMALL, ODD, LLAMA = (64, 96), (1000, 384), (3072, 2048)  # of a product's matrix
matrices = pytest.mark.parametrize("shape", [SMALL, ODD, LLAMA, (256, 8192)])


def farthest(dtype):
    return 1e-5 if dtype == torch.float32 else 0.005


@both_precisions
@matrices
def test_a_product_with_a_vector_norms_it_first(shape, dtype):
    norm = nn.RMSNorm(shape[1], 1e-5)
    norm.weight.data = normal(shape[1])
    x, weight = normal(shape[1]), normal(*shape, scale=0.1).to(dtype)
    made = streaming.normed_product(
        *gpu(x.to(dtype), norm.weight.data.to(dtype)), 1e-5, gpu(weight), None, gpu(weight)
    )
    expected = norm.to(dtype)(x.to(dtype)).detach().double() @ weight.double().t()
    assert distance(made, expected) < farthest(dtype)


@both_precisions
@matrices
def test_a_gated_product_is_activated(shape, dtype):
    x, weight = normal(shape[1]).to(dtype), normal(*shape, scale=0.1).to(dtype)
    made = streaming.gated_product(
        *gpu(x, torch.ones_like(x)), 1e-5, gpu(weight), None, gpu(weight)
    )
    wide = nn.RMSNorm(shape[1], 1e-5)(x.float()).detach().double() @ weight.double().t()
    gate, up = wide.chunk(2)
    assert distance(made, F.silu(gate) * up) < 2 * farthest(dtype)


@both_precisions
@matrices
def test_a_product_is_added(shape, dtype):
    x, y, weight = (normal(*s, scale=0.5).to(dtype) for s in (shape[:1], shape[1:], shape))
    made = gpu(x).clone()
    streaming.add_product(made, *gpu(y, weight), None, gpu(weight))
    assert distance(made, x.double() + weight.double() @ y.double()) < farthest(dtype)


@both_precisions
@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize(
    ("heads", "kv", "size"), [(4, 4, 32), (9, 3, 64), (16, 8, 128), (8, 1, 256)]
)
def test_one_token_attends_to_those_before_and_is_stored(heads, kv, size, normed, dtype):
    length, begin = 3000, 3000
    angles = [torch.cat([part] * 2, 1).to(dtype) for part in rope_table(length, size, 1e4)]
    gains = [1 + normal(size, scale=0.1).to(dtype) for _ in "qk"] if normed else []
    joined = normal((heads + 2 * kv) * size).to(dtype)
    before = [normal(2 * length, kv, size, scale=2.0).to(dtype) for _ in "kv"]
    arrived = torch.zeros(kv, dtype=torch.int32)
    for position in (0, 1, 63, 64, 65, 500, 1023, 1024, 2999):
        at = torch.tensor([begin]), torch.tensor([position])
        rest = [*angles, *at]
        exact = [part.clone().double() for part in before]
        expected = streaming.attend_one(
            joined.double(), [gain.double() for gain in gains], 1e-6,
            *(part.double() for part in angles), *at, *exact, arrived, size**-0.5, joined,
        )  # fmt: skip
        stored = [part.cuda() for part in before]
        seen = arrived.cuda()
        made = streaming.attend_one(
            joined.cuda(), [gain.cuda() for gain in gains], 1e-6,
            *(part.cuda() for part in rest), *stored, seen, size**-0.5, joined.cuda(),
        )  # fmt: skip
        assert distance(made, expected) < (1e-5 if dtype == torch.float32 else 0.02)
        for found, true in zip(stored, exact, strict=True):
            assert distance(found, true) < farthest(dtype)
        assert not seen.any()


@matrices
def test_weights_in_8_bits_are_scaled_by_row(shape):
    weight = cut_rows(normal(*shape, scale=0.1))
    whole = weight[0].double() * weight[1].double()
    x, ones = normal(shape[1]).to(BF16), torch.ones(shape[1], dtype=BF16)
    unit = nn.RMSNorm(shape[1], 1e-5)(x.float()).detach().double()
    made = streaming.normed_product(*gpu(x, ones), 1e-5, *gpu(*weight, weight[0]))
    assert distance(made, whole @ unit) < 0.005
    gate, up = (whole @ unit).chunk(2)
    made = streaming.gated_product(*gpu(x, ones), 1e-5, *gpu(*weight, weight[0]))
    assert distance(made, F.silu(gate) * up) < 0.01
    made = torch.zeros(shape[0], dtype=BF16, device="cuda")
    streaming.add_product(made, *gpu(x, *weight, weight[0]))
    assert distance(made, whole @ x.double()) < 0.005


@both_precisions
@pytest.mark.parametrize("largest", [[0, 999], [637, 638], [999]])
def test_the_first_of_the_largest_scores_is_taken(largest, dtype):
    x, weight = torch.ones(256, dtype=dtype), -normal(1000, 256).abs().to(dtype)
    weight[largest] = -1e-4  # all scores are negative
    best = torch.full((1,), streaming.LEAST, device="cuda")
    last, begins, position = (torch.tensor([n], device="cuda") for n in (5, 0, 30))
    streaming.best_score(*gpu(x, torch.ones_like(x)), 1e-5, gpu(weight), best)
    streaming.advance(best, last, begins, position, 64, 32)
    assert (int(last), int(position), int(best)) == (largest[0], 31, streaming.LEAST)


@pytest.mark.parametrize(("begins", "position", "after"), [(0, 30, 31), (0, 31, 31), (64, 3, 3)])
def test_a_step_ends_one_further_unless_the_slot_is_full_or_free(begins, position, after):
    where = torch.tensor([position], device="cuda")
    best, last, begin = (torch.tensor([n], device="cuda") for n in (7, 5, begins))
    streaming.advance(best, last, begin, where, 64, 32)
    assert int(where) == after
