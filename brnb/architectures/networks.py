"""The feed-forward part of a layer: one network, or experts and the router that chooses them."""

from dataclasses import dataclass
from typing import Protocol

from brnb.architectures.mixers import Components


class Network(Protocol):
    """What an architecture asks of the feed-forward part of a layer."""

    def maps(self, width: int) -> int:
        """Weights that every token is multiplied with: of experts, only those it passes."""

    def parameters(self, width: int) -> Components:
        """All stored numbers, by component."""

    def idle(self, width: int) -> int:
        """Stored numbers of the experts that a token does not pass through."""


@dataclass(frozen=True, kw_only=True)
class Dense:
    """One network: ``hidden`` wide, with a third map if it is gated (SwiGLU, GeGLU)."""

    hidden: int
    gated: bool = True

    def maps(self, width: int) -> int:
        """See `Network`."""
        return (3 if self.gated else 2) * width * self.hidden

    def parameters(self, width: int) -> Components:
        """See `Network`."""
        return {"mlp": self.maps(width)}

    def idle(self, width: int) -> int:
        """See `Network`."""
        return 0


@dataclass(frozen=True, kw_only=True)
class ExpertNetworks:
    """Gated networks of which a router chooses some for each token.

    Attributes
    ----------
    count, active
        Experts of the layer, and those that a token passes through.
    hidden, shared_hidden
        Width of each; of the shared ones together, which every token passes through.
    bias
        Of all maps of the experts and of the router (GPT-OSS).
    shared_gate
        Whether a map to one number scales the shared experts' output (Qwen).
    """

    count: int
    active: int
    hidden: int
    shared_hidden: int = 0
    bias: bool = False
    shared_gate: bool = False

    def maps(self, width: int) -> int:
        """See `Network`."""
        inside = 3 * width * (self.active * self.hidden + self.shared_hidden)
        return inside + width * (self.count + self.shared_gate)

    def parameters(self, width: int) -> Components:
        """See `Network`."""
        return {
            "router": self.count * (width + self.bias),
            "experts": self.count * self._expert(width),
            "shared_experts": 3 * width * self.shared_hidden + width * self.shared_gate,
        }

    def idle(self, width: int) -> int:
        """See `Network`."""
        return (self.count - self.active) * self._expert(width)

    def _expert(self, width: int) -> int:
        biases = (2 * self.hidden + width) * self.bias
        return 3 * width * self.hidden + biases
