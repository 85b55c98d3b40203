"""The sentences of an architecture's drawing, in Portuguese or English, from its facts."""

from typing import Any, NamedTuple

from brnb.architectures.facts import Facts
from brnb.architectures.networks import Dense, Network
from brnb.report.labels import format_number, label
from brnb.report.sentences import fill_sentence


class TextLine(NamedTuple):
    """A line of text, and the facts that it tells."""

    text: str
    tells: tuple[str, ...]


def heading(facts: Facts, lang: str) -> TextLine:
    """Size, below the name."""
    total = _billions(facts["parameters"], lang)
    if facts["active"] == facts["parameters"]:
        return TextLine(fill_sentence("draw_dense", lang, total=total), ())
    active = _billions(facts["active"], lang)
    return TextLine(fill_sentence("draw_sparse", lang, total=total, active=active), ())


def input_table(facts: Facts, lang: str) -> list[TextLine]:
    """The input table and its sides."""
    size = fill_sentence("draw_table_sizes", lang, vocab=facts["vocab"], width=facts["width"])
    return [TextLine(label("draw_embedding", lang), ()), TextLine(size, ("vocab", "width"))]


def attention_lines(facts: Facts, lang: str) -> list[TextLine]:
    """Kind, heads and their widths; who sees how much; who has no positions."""
    kind, heads, shared, width = facts["attention"]
    name = {
        "MHA": label("draw_mha", lang),
        "GQA": label("draw_gqa", lang),
        "MQA": label("draw_mqa", lang),
        "MLA": label("draw_mla", lang),
    }[kind]
    sizes = "draw_latent_sizes" if kind == "MLA" else "draw_head_sizes"
    lines = [
        TextLine(name, ("kind",)),
        TextLine(
            fill_sentence(sizes, lang, heads=heads, shared=shared, width=width), ("attention",)
        ),
    ]
    return lines + _sights(facts, lang)


def attention_marks(facts: Facts, lang: str) -> list[TextLine]:
    """Names of what else the attention has."""
    names = {
        "rope": label("draw_rope", lang),
        "qk_norm": label("draw_qk_norm", lang),
        "sinks": label("draw_sinks", lang),
        "bias": label("draw_bias", lang),
        "gated": label("draw_gated", lang),
        "indexer": label("draw_indexer", lang),
    }
    return [TextLine(names[mark], (f"mark_{mark}",)) for mark in facts["marks"]]


def network_lines(facts: Facts, lang: str) -> list[TextLine]:
    """The feed-forward part of most layers, and of the others."""
    name, size = _network(facts, facts["network"], lang)
    lines = [TextLine(name, ("activation", "sparse")), TextLine(size, ("network",))]
    if facts["first_network"]:
        first, count = facts["first_network"]
        text = fill_sentence("draw_first_layers", lang, count=count, hidden=first.hidden)
        lines.append(TextLine(text, ("first_network",)))
    return lines


def foot_rows(facts: Facts, lang: str) -> list[tuple[str, TextLine]]:
    """Names and values for the foot of the drawing."""
    kib, gib = facts["cache_of_token"] / 1024, facts["cache_128k"] / 2**30
    written = format_number(kib, lang, 0 if kib.is_integer() else 1)
    rows = {
        "context": (label("draw_context", lang), _number(facts["context"], lang)),
        "cache_of_token": (label("draw_cache_of_token", lang), f"{written} KiB"),
        "cache_128k": (label("draw_cache_128k", lang), f"{format_number(gib, lang, 1)} GiB"),
    }
    return [(text, TextLine(value, (name,))) for name, (text, value) in rows.items()]


def _network(facts: Facts, part: Network, lang: str) -> tuple[str, str]:
    if isinstance(part, Dense):
        name = fill_sentence("draw_mlp", lang, act=facts["activation"])
        return name, fill_sentence("draw_hidden", lang, hidden=part.hidden)
    sizes: Any = part
    shared = sizes.shared_hidden // sizes.hidden
    chosen = {"count": sizes.count, "active": sizes.active, "hidden": sizes.hidden}
    text = fill_sentence("draw_experts", lang, act=facts["activation"], **chosen)
    extra = fill_sentence("draw_shared", lang, count=shared) if shared else ""
    return label("draw_moe", lang), text + extra


def _sights(facts: Facts, lang: str) -> list[TextLine]:
    """Who sees how much, where layers differ or none sees all."""
    lines = []
    windows = dict(facts["windows"])
    if set(windows) != {None}:
        texts = []
        for sight, count in facts["windows"]:
            if sight == "delta":
                texts.append(fill_sentence("draw_delta", lang, count=count))
            elif sight is None:
                texts.append(fill_sentence("draw_global", lang, count=count))
            else:
                texts.append(fill_sentence("draw_local", lang, count=count, window=sight))
        lines.append(TextLine("; ".join(texts), ("windows",)))
    if facts["unrotated"]:
        lines.append(
            TextLine(fill_sentence("draw_nope", lang, count=facts["unrotated"]), ("unrotated",))
        )
    return lines


def _billions(count: int, lang: str) -> str:
    return format_number(count / 1e9, lang, 2 if count < 1e10 else 1 if count < 1e11 else 0)


def _number(value: int, lang: str) -> str:
    return format_number(value, lang)
