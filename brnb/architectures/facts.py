"""What a drawing says of an architecture, and what two of them do not have in common."""

from collections import Counter
from typing import Any

from brnb.architectures.architecture import Architecture
from brnb.architectures.mixers import AttentionHeads, Delta, Latent, Mixer
from brnb.architectures.networks import ExpertNetworks

Facts = dict[str, Any]


def drawn_facts(architecture: Architecture) -> Facts:
    """Values by name, alike where two architectures are alike; languages come later.

    Returns
    -------
    dict
        ``attention`` has the sizes of the last layer that attends (`AttentionHeads`, `Latent`),
        ``windows`` how many layers see how much, most first, ``network`` the feed-forward part of
        most layers, ``first_network`` that of the others, if any.
    """
    mixers = [layer.mixer for layer in architecture.layers]
    attention = next(m for m in reversed(mixers) if not isinstance(m, Delta))
    networks = Counter(layer.network for layer in architecture.layers).most_common()
    return {
        "vocab": architecture.vocab,
        "width": architecture.width,
        "context": architecture.context,
        "depth": len(mixers),
        "norm": architecture.norm,
        "tied": architecture.tied,
        "activation": architecture.activation,
        "kind": attention.kind,
        "attention": _sizes(attention),
        "marks": _marks(attention),
        "windows": Counter(_sight(mixer) for mixer in mixers).most_common(),
        "unrotated": sum(isinstance(m, AttentionHeads) and not m.rope for m in mixers),
        "sparse": isinstance(networks[0][0], ExpertNetworks),
        "network": networks[0][0],
        "first_network": networks[1] if len(networks) > 1 else None,
        "parameters": architecture.parameters,
        "active": architecture.active,
        "cache_of_token": architecture.cache_bytes(2) - architecture.cache_bytes(1),
        "cache_128k": architecture.cache_bytes(131_072),
    }


def differing_facts(one: Architecture, other: Architecture) -> set[str]:
    """Names of the facts that two architectures do not share."""
    ours, theirs = drawn_facts(one), drawn_facts(other)
    marks = set(ours["marks"]) ^ set(theirs["marks"])
    return {name for name in ours if ours[name] != theirs[name]} | {f"mark_{m}" for m in marks}


def _sizes(mixer: Mixer) -> tuple[Any, ...]:
    if isinstance(mixer, Latent):
        return (mixer.kind, mixer.heads, mixer.rank, mixer.rope_dim)
    assert isinstance(mixer, AttentionHeads)
    return (mixer.kind, mixer.heads, mixer.kv_heads, mixer.head_dim)


def _marks(mixer: Mixer) -> tuple[str, ...]:
    """Names of what else the attention has, in the order of drawing."""
    if isinstance(mixer, Latent):
        return ("rope", "indexer") if mixer.indexer else ("rope",)
    assert isinstance(mixer, AttentionHeads)
    present = {
        "rope": True,
        "qk_norm": mixer.qk_norm is not None,
        "sinks": mixer.sinks,
        "bias": mixer.bias,
        "gated": mixer.gated,
    }
    return tuple(name for name, there in present.items() if there)


def _sight(mixer: Mixer) -> int | str | None:
    """Window of a layer, ``"delta"`` for a state, None for all tokens."""
    if isinstance(mixer, Delta):
        return "delta"
    return mixer.window if isinstance(mixer, AttentionHeads) else None
