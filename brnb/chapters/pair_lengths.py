"""Chapter 13: how long prompts and answers are in tokens, as a picture and in words."""

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.log_axis import log_axis
from brnb.report.sentences import fill_sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brnb.finetune.packing import Example

_BINS = 24


def lengths(examples: Sequence["Example"]) -> dict[str, list[int]]:
    """Tokens of each example's prompt, which is read, and answer, which is learnt."""
    answers = [example.targets for example in examples]
    whole = [len(example.ids) for example in examples]
    return {"prompt": [n - a for n, a in zip(whole, answers, strict=True)], "answer": answers}


def fig_pair_lengths(examples: Sequence["Example"], seq_len: int, lang: str) -> "Figure":
    """Histogram of the tokens of prompts and answers; dashed, what one pack holds.

    Lengths are logarithmic; answers are filled, prompts an outline, so that grey print tells them.
    """
    import numpy as np

    measured = lengths(examples)
    longest = max(seq_len, *(max(counts) for counts in measured.values()))
    edges = np.geomspace(1, longest + 1, _BINS + 1)
    fig, axis = figure(2.6)
    looks = {"prompt": {"histtype": "step", "color": "black", "lw": 1.4, "zorder": 3}}
    looks["answer"] = {"color": "C1", "edgecolor": "white", "linewidth": 0.4}
    for name, style in looks.items():
        axis.hist(measured[name], bins=edges.tolist(), label=label(f"length_{name}", lang), **style)
    axis.axvline(seq_len, color="0.3", ls="--", lw=1, label=label("length_pack", lang))
    axis.set_xlim(1, 1.3 * longest)
    log_axis(axis.xaxis, lang)
    axis.set_xlabel(label("length_tokens", lang))
    axis.set_ylabel(label("instruction_pairs", lang))
    fig.legend(loc="outside lower center", ncols=3, fontsize=8)
    return fig


def say_lengths(examples: Sequence["Example"], seq_len: int, lang: str) -> str:
    """The middle prompt and the middle answer, and how many pairs fill a pack alone."""
    measured = lengths(examples)
    both = zip(*measured.values(), strict=True)
    return fill_sentence(
        "say_lengths",
        lang,
        prompt=statistics.median(measured["prompt"]),
        answer=statistics.median(measured["answer"]),
        longest=max(measured["answer"]),
        learnt=sum(measured["answer"]) / sum(map(sum, measured.values())),
        full=sum(prompt + answer >= seq_len for prompt, answer in both),
        count=len(examples),
    )
