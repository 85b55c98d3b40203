"""Mixtures beside dense models that are their equals: in active and in total parameters, on the
same tokens and in the same time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from brnb.evaluate.intrinsic import evaluate
from brnb.evaluate.statistics import student_interval
from brnb.models.moe import parameter_counts, token_training_flops
from brnb.models.transformer import TransformerLM
from brnb.train import fast
from brnb.train.loop import train
from brnb.train.progress import titled

if TYPE_CHECKING:
    import pandas as pd

    from brnb.train.history import History
    from brnb.train.params import MoEParams
    from brnb.train.rows import Rows, TokenRow

RIVALS = "dense_active", "dense_total"
CONFIDENCE = 0.95


@dataclass(frozen=True)
class FormTraining:
    """A training of one form: the mixture, or a dense rival.

    Attributes
    ----------
    form
        ``"moe"``, ``"dense_active"`` or ``"dense_total"``.
    seed
        Of first weights and batches.
    budget
        ``"tokens"``: as many as all others; ``"time"``: as many as take as long as the mixture.
    params, history, model
        What it was told, how it went, and the model as it ended, in evaluation mode.
    """

    form: str
    seed: int
    budget: Literal["tokens", "time"]
    params: "MoEParams"
    history: "History"
    model: TransformerLM


def fair_forms(params: "MoEParams") -> dict[str, "MoEParams"]:
    """The mixture, and dense models with its active and with its total parameters.

    A dense MLP is as wide as all experts of a token together, or as all there are, the shared one
    among them; the mixture has a router more, `experts` · `width` weights a block.
    """
    widths = {"dense_active": params.top_k, "dense_total": params.experts}
    rivals = {
        form: {"dense": True, "hidden": count * params.hidden + params.shared_hidden}
        for form, count in widths.items()
    }
    return {"moe": params} | {
        form: params.model_copy(update=change) for form, change in rivals.items()
    }


def train_forms(params: "MoEParams", rows: "Rows", seeds: int, folder: Path) -> list[FormTraining]:
    """Train every form with every seed, on equal tokens and then in equal time.

    The second time a form gets as many tokens as it passes while the mixture passes all: by the
    medians, over seeds, of the speeds of the first. Its learning rate falls over those.

    Parameters
    ----------
    params
        Of the mixture.
    rows
        The text of all.
    seeds
        Trainings a form and budget, of seeds seed, seed + 1…
    folder
        For the checkpoints; a training that is finished is only read back.
    """
    forms = fair_forms(params)
    equal = [
        _trained(form, told, "tokens", params.seed + i, rows, folder)
        for form, told in forms.items()
        for i in range(seeds)
    ]
    speeds = {
        form: np.median([t.history.tokens_per_second for t in equal if t.form == form])
        for form in forms
    }
    timed = []
    for form in RIVALS:
        tokens = round(params.tokens * float(speeds[form] / speeds["moe"]))
        told = forms[form].model_copy(update={"tokens": max(1, tokens)})
        timed += [_trained(form, told, "time", params.seed + i, rows, folder) for i in range(seeds)]
    # The mixture's own time is that of its tokens.
    same = [
        FormTraining("moe", t.seed, "time", t.params, t.history, t.model)
        for t in equal
        if t.form == "moe"
    ]
    return [*equal, *same, *timed]


def _trained(
    form: str,
    told: "MoEParams",
    budget: Literal["tokens", "time"],
    seed: int,
    rows: "Rows",
    folder: Path,
) -> FormTraining:
    changes = {"seed": seed, "evaluate_every": min(told.evaluate_every, told.steps)}
    params = titled(told.model_copy(update=changes), form, seed)
    torch.manual_seed(seed)
    model = TransformerLM(**params.choices(rows.tokenizer.vocab_size))
    text, held_out = rows.train.ids, rows.validation.ids
    history = train(model, text, held_out, params, folder, rows.identity, fast=fast.step_swaps)
    return FormTraining(form, seed, budget, params, history, model.eval())


def quality_frame(
    trainings: Sequence[FormTraining], rows: "Rows", held_out: "TokenRow | None" = None
) -> "pd.DataFrame":
    """What each training reached on held-out text: one row a training.

    Parameters
    ----------
    trainings
        By `train_forms`.
    rows
        Their text.
    held_out
        What they are measured on; the validation text if None.

    Returns
    -------
    DataFrame
        Columns form, budget, seed, parameters_total, parameters_active, flops_per_token (forward
        and backward), tokens, seconds (of the steps), tokens_per_second, loss (nats a token),
        bits_per_byte.
    """
    import pandas as pd

    table = []
    for t in trainings:
        counts, window = parameter_counts(t.model), t.params.seq_len
        quality = evaluate(t.model, held_out or rows.validation, window)
        speed = t.history.tokens_per_second
        table.append(
            {
                "form": t.form,
                "budget": t.budget,
                "seed": t.seed,
                "parameters_total": counts.total,
                "parameters_active": counts.active,
                "flops_per_token": token_training_flops(t.model, window),
                "tokens": t.history.tokens,
                "seconds": t.history.tokens / speed,  # without what the first step compiles
                "tokens_per_second": speed,
                "loss": quality.loss,
                "bits_per_byte": quality.bits_per_byte,
            }
        )
    return pd.DataFrame(table)


def comparison_frame(quality: "pd.DataFrame") -> "pd.DataFrame":
    """The mixture against each rival, by budget: mean change of bits per byte with its interval.

    Pairs have one seed, and so the same batches on equal tokens; the interval is Student's of their
    differences. Negative is better; an interval that holds 0 leaves it open.

    Returns
    -------
    DataFrame
        Columns budget, rival, seeds, moe, rival_bits, change, low, high, verdict (``"better"``,
        ``"worse"``, ``"open"``).
    """
    import pandas as pd

    by_seed = quality.pivot_table(
        "bits_per_byte", index=["budget", "seed"], columns="form", observed=True
    )
    table = []
    for budget, group in by_seed.groupby(level="budget"):
        for rival in RIVALS:
            change, low, high = student_interval(
                (group["moe"] - group[rival]).to_numpy(), CONFIDENCE
            )
            verdict = "open" if low <= 0 <= high else "better" if high < 0 else "worse"
            table.append(
                {
                    "budget": budget,
                    "rival": rival,
                    "seeds": len(group),
                    "moe": group["moe"].mean(),
                    "rival_bits": group[rival].mean(),
                    "change": change,
                    "low": low,
                    "high": high,
                    "verdict": verdict,
                }
            )
    return pd.DataFrame(table)
