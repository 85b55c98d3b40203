"""A decoder-only architecture as a list of layers, and its totals.

Two conventions count the active parameters of a token. `active` is all that is stored but the
experts which the token does not pass through. `multiplied` leaves the input table out too, of
which a token reads one row, and counts a shared table once, as the head that it also is (OpenAI's
3.61B of 20.91B). They differ by the table where it is not shared.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from brnb.architectures.mixers import Components, Latent, Mixer
from brnb.architectures.networks import Network
from brnb.theory.units import size_of

COMPONENTS = (
    *("embedding", "attention", "attention_norms", "sinks", "mlp"),
    *("router", "experts", "shared_experts", "norms", "head"),
)
NORMS = {"pre": 2, "post": 2, "sandwich": 4}  # of a layer


@dataclass(frozen=True)
class LayerShape:
    """One block: what mixes the tokens, and the network after it."""

    mixer: Mixer
    network: Network


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """All that a configuration says of a decoder.

    Attributes
    ----------
    name, family
        What it is called; the model type of its configuration.
    vocab, width, context
        Vocabulary, width of the residual stream, tokens that it was made for.
    layers
        From the input up.
    tied
        Whether the head is the input table.
    norm
        Where a layer normalises: before its parts, after them, or on both sides.
    activation
        SwiGLU or GeGLU.
    """

    name: str
    family: str
    vocab: int
    width: int
    context: int
    layers: tuple[LayerShape, ...]
    tied: bool
    norm: Literal["pre", "post", "sandwich"] = "pre"
    activation: str = "SwiGLU"

    def components(self) -> Components:
        """Parameters by component, in the order of `COMPONENTS`; what it lacks is 0."""
        table = self.vocab * self.width
        counted = Counter(embedding=table, head=0 if self.tied else table)
        counted["norms"] = (NORMS[self.norm] * len(self.layers) + 1) * self.width
        for layer in self.layers:
            counted.update(layer.mixer.parameters(self.width))
            counted.update(layer.network.parameters(self.width))
        return {name: counted[name] for name in COMPONENTS}

    @property
    def parameters(self) -> int:
        """All that are stored."""
        return sum(self.components().values())

    @property
    def active(self) -> int:
        """All but the experts that a token does not pass through."""
        return self.parameters - sum(layer.network.idle(self.width) for layer in self.layers)

    @property
    def multiplied(self) -> int:
        """The active ones without the input table, unless that is the head too."""
        return self.active - (0 if self.tied else self.vocab * self.width)

    def cache_numbers(self, context: int) -> int:
        """Numbers that all layers remember of `context` tokens."""
        return sum(layer.mixer.cached(context) for layer in self.layers)

    def cache_bytes(self, context: int, dtype: str = "bf16") -> float:
        """Bytes of the cache of one sequence, a function of its length: windows are full at last.

        Examples
        --------
        >>> from brnb.architectures.known import known_architecture
        >>> gemma = known_architecture("gemma3_27b")
        >>> round(gemma.cache_bytes(131072) / gemma.cache_bytes(1) / 131072, 3)
        0.168
        """
        return self.cache_numbers(context) * size_of(dtype)

    def flops(self, context: int, absorbed: bool = False) -> int:
        """Forward FLOPs of the token that sees `context` tokens, itself included.

        Two for each weight that it is multiplied with, head included, and the reading of the
        cache.

        Parameters
        ----------
        context
            Tokens in sight.
        absorbed
            Latent attention reads the latent vectors themselves, as engines decode.
        """
        weights = self.vocab * self.width
        reading = 0
        for layer in self.layers:
            weights += layer.mixer.maps(self.width) + layer.network.maps(self.width)
            if absorbed and isinstance(layer.mixer, Latent):
                reading += layer.mixer.absorbed_flops(context)
            else:
                reading += layer.mixer.reading_flops(context)
        return 2 * weights + reading

    def kinds(self) -> list[tuple[LayerShape, int]]:
        """The different layers and how many there are of each, the most frequent first."""
        return Counter(self.layers).most_common()
