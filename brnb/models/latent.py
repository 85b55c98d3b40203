"""Multi-head latent attention (DeepSeek-V2, 2024, section 2.1): a small latent is all that is kept.

Keys and values of all heads are two linear maps of one narrow latent vector a token. Position has
to stay out of it, since a rotation between the two maps would keep them apart: a part of each query
is rotated, and one rotated key that all heads share.
"""

import torch
from torch import Tensor, nn

from brnb.models.choices import Choices
from brnb.ops.causal import causal_attention
from brnb.ops.rope import rotate


class LatentAttention(nn.Module):
    """MLA in two forms of the same: to read a text, keys and values of all heads are written out;
    to decode, the queries go to the latents instead."""

    def __init__(self, c: Choices) -> None:
        super().__init__()
        self.choices, self.rank, self.rope = c, c.kv_rank or 0, c.rotated_dim
        self.dropout = c.dropout
        if c.query_rank is not None:
            self.query_down = nn.Linear(c.width, c.query_rank, bias=c.bias)
            self.query_norm = nn.RMSNorm(c.query_rank, eps=c.norm_eps)
        from_width = c.query_rank or c.width
        self.query = nn.Linear(from_width, c.heads * (c.head_dim + self.rope), bias=False)
        self.latent = nn.Linear(c.width, self.rank + self.rope, bias=c.bias)
        self.latent_norm = nn.RMSNorm(self.rank, eps=c.norm_eps)
        self.expand = nn.Linear(self.rank, c.heads * 2 * c.head_dim, bias=False)
        self.out = nn.Linear(c.width, c.width, bias=c.bias)

    def forward(
        self,
        x: Tensor,
        ids: Tensor,
        rotation: tuple[Tensor, Tensor],
        past: tuple[Tensor, ...],
    ) -> tuple[Tensor, ...]:
        """Output (B, T, width), and of all tokens so far the latents (B, 1, tokens, kv_rank) and
        the rotated keys (B, 1, tokens, rope_dim)."""
        q, turned = self.queries(x)
        turned = rotate(turned, *rotation)
        latents, keys = self.latent(x).unsqueeze(1).split((self.rank, self.rope), dim=-1)
        latents, keys = self.latent_norm(latents).type_as(keys), rotate(keys, *rotation)
        if past:
            latents = torch.cat((past[0], latents), dim=2)
            keys = torch.cat((past[1], keys), dim=2)
        heads = (self.absorbed if past else self.expanded)(q, turned, latents, keys)
        y: Tensor = self.out(heads.transpose(1, 2).flatten(2))
        return y, latents, keys

    def queries(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The parts of the heads' queries for the latents and for the rotated keys, not yet
        rotated; (B, heads, T, head_dim) and (B, heads, T, rope_dim)."""
        if self.choices.query_rank is not None:
            x = self.query_norm(self.query_down(x))
        q = self.query(x).unflatten(-1, (self.choices.heads, -1)).transpose(1, 2)
        straight, turned = q.split((self.choices.head_dim, self.rope), dim=-1)
        return straight, turned

    def expanded(self, q: Tensor, turned: Tensor, latents: Tensor, keys: Tensor) -> Tensor:
        """What the heads say, (B, heads, T, head_dim), with keys and values written out."""
        c = self.choices
        both = self.expand(latents.squeeze(1)).unflatten(-1, (c.heads, -1)).transpose(1, 2)
        k, v = both.chunk(2, dim=-1)
        k = torch.cat((k, keys.expand(-1, c.heads, -1, -1)), dim=-1)
        return causal_attention(torch.cat((q, turned), dim=-1), k, v, dropout=self._dropped)

    def absorbed(self, q: Tensor, turned: Tensor, latents: Tensor, keys: Tensor) -> Tensor:
        """The same, where q · (W c) is (Wᵀ q) · c: multi-query attention to the latents."""
        c = self.choices
        for_keys, for_values = self.expand.weight.unflatten(0, (c.heads, -1)).chunk(2, dim=1)
        heads = causal_attention(
            torch.cat((q @ for_keys, turned), dim=-1),
            torch.cat((latents, keys), dim=-1),
            latents,
            scale=(c.head_dim + self.rope) ** -0.5,
            dropout=self._dropped,
        )
        return heads @ for_values.mT

    @property
    def _dropped(self) -> float:
        return self.dropout if self.training else 0.0
