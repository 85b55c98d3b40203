"""Predicted memory against measured peaks, against what autograd keeps, and by hand."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brnb.theory.memory import CONTEXT, GIB, MicroBatch, fewest_recomputed, layer_bytes, memory
from brnb.theory.shape import Shape

LLAMA = Shape(vocab=128256, width=4096, layers=32, heads=32, kv_heads=8, head_dim=128, hidden=14336)
ALL = None

# Peak GiB measured on one H200, torch 2.11, Transformers 5.17, PEFT 0.21, bitsandbytes 0.50.2,
# liger-kernel 0.8.5, TRL 1.16: Llama-3.1-8B shape, r = 16 on seven maps, 2048 tokens a sequence.
# (who, method, batch, recomputed, kernels, head, measured GiB, tolerance)
MEASURED = [
    ("plain", "qlora", 1, ALL, "eager", "plain", 9.3, 0.01),
    ("plain", "qlora", 4, ALL, "eager", "plain", 19.7, 0.01),
    ("plain", "qlora", 1, 0, "eager", "plain", 22.2, 0.01),
    ("plain", "qlora", 4, 0, "eager", "plain", 70.9, 0.01),
    ("liger", "qlora", 4, ALL, "fused", "chunked", 10.0, 0.01),
    ("liger", "qlora", 2, 0, "fused", "chunked", 27.4, 0.01),
    ("liger+compile", "qlora", 4, ALL, "compiled", "chunked", 9.4, 0.05),
    ("liger+compile", "qlora", 2, 0, "compiled", "chunked", 25.2, 0.05),
    ("liger+compile", "lora", 1, 0, "compiled", "chunked", 25.2, 0.05),
    ("liger+compile", "lora", 2, 0, "compiled", "chunked", 34.8, 0.05),
    ("trl", "qlora", 1, ALL, "eager", "chunked", 7.0, 0.05),
    ("trl", "qlora", 4, ALL, "eager", "chunked", 10.5, 0.05),
    ("trl+liger", "qlora", 4, ALL, "fused", "chunked", 10.0, 0.01),
]


@pytest.mark.parametrize("row", MEASURED, ids=lambda r: f"{r[0]}-{r[1]}-{r[2]}-{r[3]}")
def test_measured_peaks_of_the_8b_shape(row):
    _, method, batch, recomputed, kernels, head, gib, tolerance = row
    step = MicroBatch(method=method, batch=batch, seq_len=2048, kernels=kernels, head=head,
                recomputed=recomputed)  # fmt: skip
    assert memory(LLAMA, step).total / GIB == pytest.approx(gib, rel=tolerance)


# Same machine, from scratch in bf16 autocast, fused AdamW, torch.compile of the whole model.
@pytest.mark.parametrize(("vocab", "width", "layers", "heads", "seq_len", "batch", "gib"), [
    (4096, 256, 6, 8, 256, 512, 8.1),
    (16384, 512, 8, 8, 512, 128, 11.7),
    (50304, 768, 12, 12, 1024, 32, 15.1),
])  # fmt: skip
def test_measured_peaks_from_scratch(vocab, width, layers, heads, seq_len, batch, gib):
    shape = Shape(vocab=vocab, width=width, layers=layers, heads=heads, kv_heads=heads,
                  head_dim=width // heads, hidden=4 * width, gated=False, tied=True,
                  positions=seq_len)  # fmt: skip
    step = MicroBatch(
        method="full", batch=batch, seq_len=seq_len, kernels="compiled", head="compiled"
    )
    assert memory(shape, step).total / GIB == pytest.approx(gib, rel=0.01)


def kept_bytes(forward: Callable[[], Tensor], parameters: Iterable[Tensor]) -> int:
    """Bytes that autograd saves in `forward` under bf16 autocast, parameters left out."""
    known = {p.untyped_storage().data_ptr() for p in parameters}
    saved: dict[int, tuple[int, Tensor]] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            saved.setdefault(storage.data_ptr(), (storage.nbytes(), tensor))  # keeps it alive
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16),
    ):
        forward()
    return sum(size for size, _ in saved.values())


def test_a_lora_layer_keeps_what_autograd_keeps():
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    def kept(layers: int) -> int:
        config = LlamaConfig(
            vocab_size=64, hidden_size=256, intermediate_size=896, num_hidden_layers=layers,
            num_attention_heads=4, num_key_value_heads=1, max_position_embeddings=64,
            attn_implementation="sdpa", use_cache=False,
        )  # fmt: skip
        names = [f"{m}_proj" for m in ("q", "k", "v", "o", "gate", "up", "down")]
        base = LlamaForCausalLM(config).to(torch.bfloat16)
        model = get_peft_model(base, LoraConfig(r=16, target_modules=names))
        model.enable_input_require_grads()
        ids = torch.zeros((1, 64), dtype=torch.int64)
        # autocast's bf16 copies of the adapters are counted among the weights
        copies = 2 * sum(p.numel() for p in model.parameters() if p.requires_grad)
        everything = [*model.parameters(), *model.buffers()]
        return kept_bytes(lambda: model(input_ids=ids, labels=ids).loss, everything) - copies

    shape = Shape(vocab=64, width=256, layers=2, heads=4, kv_heads=1, head_dim=64, hidden=896)
    step = MicroBatch(method="lora", batch=1, seq_len=64)
    assert (kept(3) - kept(2)) / 64 == pytest.approx(layer_bytes(shape, step), rel=0.002)


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, bias=False) for _ in range(2))
        self.qkv, self.out = (nn.Linear(width, n * width, bias=False) for n in (3, 1))
        self.up, self.down = nn.Linear(width, 4 * width, False), nn.Linear(4 * width, width, False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norms[0](x)).unflatten(-1, (3 * self.heads, -1)).transpose(
            1, 2).chunk(3, 1)  # fmt: skip
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norms[1](x))))


def test_a_layer_in_full_training_keeps_what_autograd_keeps():
    def kept(layers: int) -> int:
        torch.manual_seed(0)
        blocks = nn.Sequential(*(Block(256, 4) for _ in range(layers)))
        x = torch.randn(1, 64, 256, requires_grad=True)
        copies = 2 * sum(p.numel() for p in blocks.parameters() if p.dim() == 2)
        return kept_bytes(lambda: blocks(x), blocks.parameters()) - copies

    shape = Shape(vocab=64, width=256, layers=2, heads=4, kv_heads=4, head_dim=64, hidden=1024,
                  gated=False)  # fmt: skip
    step = MicroBatch(method="full", batch=1, seq_len=64)
    assert (kept(3) - kept(2)) / 64 == pytest.approx(layer_bytes(shape, step), rel=0.005)


def test_static_parts_by_hand():
    # 6,979,321,856 weights in NF4 at 4.126953125 bits, 1,050,939,392 others in bf16,
    # 41,943,040 adapters in fp32 with a bf16 copy; Adam has two fp32 moments of the adapters.
    peak = memory(LLAMA, MicroBatch(method="qlora", batch=1, seq_len=2048))
    base = 6_979_321_856 * 4.126953125 / 8 + 2 * 1_050_939_392
    assert peak.weights == pytest.approx(base + 6 * 41_943_040, abs=64)
    assert peak.optimizer == 8 * 41_943_040
    assert (peak.moment, peak.gradients) == ("loss", 0)
    assert peak.logits == 12 * 2048 * 128256


def test_gradients_are_there_when_they_are_accumulated():
    once = memory(LLAMA, MicroBatch(method="qlora", batch=1, seq_len=2048))
    more = memory(LLAMA, MicroBatch(method="qlora", batch=1, seq_len=2048, accumulated=True))
    assert more.total - once.total == 4 * 41_943_040


def test_small_batches_of_full_training_peak_at_the_end_of_the_backward_pass():
    step = MicroBatch(method="full", batch=1, seq_len=1, head="chunked")
    peak = memory(LLAMA, step)
    assert peak.moment == "first layer"
    assert peak.total == pytest.approx(16 * 8_030_261_248 + 2 * 7_504_658_432, rel=1e-3)


def test_recomputing_a_layer_leaves_its_input():
    step = MicroBatch(method="qlora", batch=4, seq_len=2048)
    none, one = (memory(LLAMA, replace(step, recomputed=n)).activations for n in (0, 1))
    assert none - one == 8192 * (layer_bytes(LLAMA, step) - 2 * 4096)


def test_fewest_recomputed_is_the_edge():
    step = MicroBatch(method="qlora", batch=4, seq_len=2048, kernels="fused", head="chunked")
    fewest = fewest_recomputed(LLAMA, step, 24 * GIB)
    assert fewest is not None
    assert 0 < fewest < 32
    totals = [memory(LLAMA, replace(step, recomputed=n)).total for n in (fewest - 1, fewest)]
    assert totals[1] + CONTEXT <= 24 * GIB < totals[0] + CONTEXT
    assert fewest_recomputed(LLAMA, step, 6 * GIB) is None
    assert fewest_recomputed(LLAMA, step, 140 * GIB) == 0


@pytest.mark.parametrize("wrong", [
    {"batch": 0}, {"seq_len": 0}, {"method": "dora"}, {"kernels": "fast"}, {"head": "tied"},
    {"recomputed": 33}, {"maps": ("query", "q")},
])  # fmt: skip
def test_bad_steps_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        memory(LLAMA, MicroBatch(**{"method": "qlora", "batch": 1, "seq_len": 8, **wrong}))
