"""Language models and a training step as one writes them without this project."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Sizes:
    """Vocabulary, layers, width, heads or 0 for an LSTM, tokens, batch; and other parameters."""

    V: int
    L: int
    d: int
    h: int
    T: int
    B: int
    form: dict[str, str | int] = field(default_factory=dict)


class PlainBlock(nn.Module):
    """A block of nanoGPT, without biases and dropout."""

    def __init__(self, d: int, h: int) -> None:
        super().__init__()
        self.h = h
        self.norm1, self.norm2 = nn.LayerNorm(d, bias=False), nn.LayerNorm(d, bias=False)
        self.qkv, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.up, self.down = nn.Linear(d, 4 * d, bias=False), nn.Linear(4 * d, d, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        B, T, d = x.shape
        parts = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        heads = (part.view(B, T, self.h, -1).transpose(1, 2) for part in parts)
        y = F.scaled_dot_product_attention(*heads, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, d))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class PlainLlamaBlock(nn.Module):
    """A block of Llama: RMSNorm, RoPE, SwiGLU; maps of one input are one product."""

    def __init__(self, d: int, h: int, hidden: int) -> None:
        super().__init__()
        self.h = h
        self.norm1, self.norm2 = nn.RMSNorm(d, eps=1e-5), nn.RMSNorm(d, eps=1e-5)
        self.qkv, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.gate_up = nn.Linear(d, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, d, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        B, T, d = x.shape
        parts = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        q, k, v = (part.view(B, T, self.h, -1).transpose(1, 2) for part in parts)
        q, k = (part * cos + half_turned(part) * sin for part in (q, k))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, d))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


def half_turned(x: Tensor) -> Tensor:
    """(-b, a) of the halves (a, b) of each head."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((-b, a), dim=-1)


class PlainLlama(nn.Module):
    """Llama's blocks, the head tied to the embedding; returns the loss."""

    def __init__(self, s: Sizes) -> None:
        super().__init__()
        self.embedding = nn.Embedding(s.V, s.d)
        hidden = int(s.form["hidden"])
        self.blocks = nn.ModuleList(PlainLlamaBlock(s.d, s.h, hidden) for _ in range(s.L))
        self.norm, self.head = nn.RMSNorm(s.d, eps=1e-5), nn.Linear(s.d, s.V, bias=False)
        self.embedding.weight = self.head.weight
        nn.init.normal_(self.head.weight, std=0.02)
        size = s.d // s.h
        rates = 1e4 ** (-torch.arange(0, size, 2) / size)
        angles = torch.outer(torch.arange(s.T), rates).repeat(1, 2)
        self.register_buffer("cos", angles.cos().bfloat16())
        self.register_buffer("sin", angles.sin().bfloat16())

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.embedding(x)
        for block in self.blocks:
            h = block(h, self.cos, self.sin)
        return F.cross_entropy(self.head(self.norm(h)).float().flatten(0, 1), y.flatten())


class PlainGPT(nn.Module):
    """nanoGPT; returns the loss."""

    def __init__(self, s: Sizes) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(s.V, s.d), nn.Embedding(s.T, s.d)
        self.blocks = nn.ModuleList(PlainBlock(s.d, s.h) for _ in range(s.L))
        self.norm, self.head = nn.LayerNorm(s.d, bias=False), nn.Linear(s.d, s.V, bias=False)
        self.embedding.weight = self.head.weight
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.embedding(x) + self.position.weight
        for block in self.blocks:
            h = block(h)
        return F.cross_entropy(self.head(self.norm(h)).float().flatten(0, 1), y.flatten())


class PlainLSTM(nn.Module):
    """Embedding, nn.LSTM, projection; returns the loss."""

    def __init__(self, s: Sizes) -> None:
        super().__init__()
        self.embedding = nn.Embedding(s.V, s.form["embedding"])
        self.rnn = nn.LSTM(s.form["embedding"], s.d, s.L, batch_first=True)
        self.head = nn.Linear(s.d, s.V)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        logits = self.head(self.rnn(self.embedding(x))[0])
        return F.cross_entropy(logits.float().flatten(0, 1), y.flatten())


def peer(s: Sizes, float8: bool = False, same_form: bool = False) -> Callable[[], None]:
    """The plain loop, as a function that takes one step.

    Parameters
    ----------
    s
        Sizes; the form counts with `same_form` only, else it is nanoGPT's whatever ours is.
    float8
        Products of all blocks in 8 bits, by torchao, at its fastest recipe for such widths.
    """
    plain = PlainLlama if same_form else PlainGPT
    model = (plain(s) if s.h else PlainLSTM(s)).cuda()
    if float8:
        from torchao.float8 import Float8LinearConfig, convert_to_float8_training

        recipe = Float8LinearConfig.from_recipe_name("tensorwise")
        convert_to_float8_training(
            model.blocks, config=recipe, module_filter_fn=lambda module, name: True
        )
    loss_of = torch.compile(model) if s.h else model  # it cannot compile cuDNN's recurrence
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    x, y = torch.randint(s.V, (2, s.B, s.T), device="cuda")

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step
