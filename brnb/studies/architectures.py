"""Does the architecture matter at our scale: variants of one base, of equal size and tokens."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from brnb.evaluate.intrinsic import bits_per_nat
from brnb.evaluate.statistics import holm, mean_and_deviation, student_interval
from brnb.models.cache import cache_elements
from brnb.models.choices import Choices
from brnb.models.likelihood import likelihood
from brnb.models.transformer import TransformerLM
from brnb.ops.causal import attention_mask
from brnb.studies.noted import noted_training
from brnb.train.device import wait_for
from brnb.train.progress import titled

if TYPE_CHECKING:
    import pandas as pd

    from brnb.studies.architecture_params import ArchitectureParams, ChoiceValues
    from brnb.train.loop import Training
    from brnb.train.rows import Rows

UNIT = 8  # an MLP's width is a multiple, as matrix units want it
BYTES = 2  # of a number in the cache, in bf16
ROUNDS = 5  # of which the fastest counts


@dataclass(frozen=True)
class VariantRow:
    """One variant, trained with every seed.

    Attributes
    ----------
    group, variant
        What it varies, and how; ``"base"`` twice for the base.
    choices, learning_rate
        What it is made of, the MLP's width solved for, and the peak that it was trained at.
    parameters
        Weights.
    bits_per_byte
        Of the validation text, one value a seed.
    tokens_per_second
        Written with a cache, all sequences together.
    """

    group: str
    variant: str
    choices: Choices
    learning_rate: float
    parameters: int
    bits_per_byte: tuple[float, ...]
    tokens_per_second: float


def compare_variants(
    params: "ArchitectureParams", rows: "Rows", folder: Path
) -> Iterator[VariantRow]:
    """Train the base, then every variant of as many parameters, all with the same seeds.

    Rows come as they are done, so that a table can grow with them.

    Parameters
    ----------
    params
        Base, variants, tokens, seeds.
    rows
        Text to train and to evaluate on.
    folder
        Keeps what each training gave: one that is finished is not trained again.

    Raises
    ------
    ValueError
        If a variant without an MLP has more parameters than the base; names it.
    """
    vocabulary = rows.tokenizer.vocab_size
    target = count_parameters(params.training({}, params.seed).choices(vocabulary))
    groups = {"base": {"base": dict[str, Any]()}, **params.variants}
    for group, variants in groups.items():
        for name, form in variants.items():
            torch.compiler.reset()  # compiled forms of the variants before are of no more use
            choices = params.training(form, params.seed).choices(vocabulary)
            sized = form | {"hidden": equal_hidden(choices, target, f"{group}.{name}")}
            yield _trained(params, rows, folder, group, name, sized)


def _trained(
    params: "ArchitectureParams",
    rows: "Rows",
    folder: Path,
    group: str,
    name: str,
    form: "ChoiceValues",
) -> VariantRow:
    def measure(training: "Training", model: TransformerLM) -> dict[str, float]:
        training.log()  # it raises an error if the loss is not finite
        loss = likelihood(model, rows.validation.ids, params.seq_len).loss
        speed = decoding_speed(model, params.decoded_sequences, params.decoded_tokens)
        return {
            "parameters": training.history.parameters,
            "bits_per_byte": loss * bits_per_nat(rows.validation),
            "tokens_per_second": speed,
        }

    seeds = range(params.seed, params.seed + params.variant_seeds)
    recipes = [titled(params.training(form, seed), group, name, seed) for seed in seeds]
    notes = [noted_training(recipe, rows, folder, __name__, measure) for recipe in recipes]
    return VariantRow(
        group,
        name,
        Choices(**recipes[0].choices(rows.tokenizer.vocab_size)),
        recipes[0].learning_rate,
        notes[0]["parameters"],
        tuple(note["bits_per_byte"] for note in notes),
        max(note["tokens_per_second"] for note in notes),
    )


def count_parameters(choices: dict[str, Any]) -> int:
    """Weights of a Transformer of these choices, by building it without memory."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in TransformerLM(**choices).parameters())


def equal_hidden(choices: dict[str, Any], target: int, name: str) -> int:
    """Width of the MLP, a multiple of `UNIT`, with which a model has nearest to `target` weights.

    Raises
    ------
    ValueError
        If the narrowest MLP is too wide; says `name`.
    """
    narrow, wide = (count_parameters(choices | {"hidden": width}) for width in (UNIT, 2 * UNIT))
    hidden = UNIT * (1 + round((target - narrow) / (wide - narrow)))
    if hidden < UNIT:
        raise ValueError(
            f"variants.{name}: {narrow} parameters with an MLP of width {UNIT}, and the base has "
            f"{target}: make the base's hidden larger, or the variant smaller"
        )
    return hidden


@torch.no_grad()
def decoding_speed(model: TransformerLM, sequences: int, tokens: int) -> float:
    """Tokens a second that sequences write together, greedily, after half a context.

    Token by token with a cache, nothing compiled; in bf16 on a GPU, where a small model waits for
    its kernels to be launched, so that a smaller cache shows only with many sequences.
    """
    device = next(model.parameters()).device
    model = model.eval().to(torch.bfloat16 if device.type == "cuda" else torch.float32)
    prompt = torch.zeros(sequences, model.choices.context // 2, dtype=torch.long, device=device)
    seconds = []
    for _ in range(ROUNDS):
        logits, state = model(prompt)
        last = logits[:, -1:].argmax(-1)
        wait_for(device)
        start = time.perf_counter()
        for _ in range(tokens):
            logits, state = model(last, state)
            last = logits[:, -1:].argmax(-1)
        wait_for(device)
        seconds.append(time.perf_counter() - start)
    return sequences * tokens / min(seconds)


def variant_table(rows: Sequence[VariantRow], confidence: float) -> "pd.DataFrame":
    """Each variant beside the base: bits per byte, memory, speed, and whether seeds explain it.

    Parameters
    ----------
    rows
        Of `compare_variants`, the base first.
    confidence
        Of the intervals.

    Returns
    -------
    DataFrame
        A row a variant. ``change`` in bits per byte with Student's interval ``ci_low`` to
        ``ci_high`` of the differences seed by seed, as trainings of one seed read the same
        batches; ``exceeds``, whether that leaves zero out, and ``exceeds_corrected``, whether its
        test still does when corrected for all rows (Holm, 1979); all None for the base.
        ``kv_bytes_token`` of one more token while no window is full, and ``kv_bytes_context`` at
        the whole context, in bf16.
    """
    import pandas as pd
    from scipy.stats import ttest_1samp

    base = np.array(rows[0].bits_per_byte)
    changes = [np.array(row.bits_per_byte) - base for row in rows[1:]]
    corrected = holm([float(ttest_1samp(change, 0).pvalue) for change in changes])
    table: list[dict[str, Any]] = []
    for i, row in enumerate(rows):
        mean, deviation = mean_and_deviation(row.bits_per_byte)
        values: dict[str, Any] = {
            "group": row.group,
            "variant": row.variant,
            "hidden": row.choices.hidden,
            "parameters": row.parameters,
            "learning_rate": row.learning_rate,
            "seeds": len(row.bits_per_byte),
            "bits_per_byte": mean,
            "deviation": deviation,
        }
        difference = dict.fromkeys(("change", "ci_low", "ci_high", "exceeds", "exceeds_corrected"))
        if i > 0:
            change, low, high = student_interval(changes[i - 1], confidence)
            sure = corrected[i - 1] <= 1 - confidence
            both = not low <= 0 <= high, sure
            difference = dict(zip(difference, (change, low, high, *both), strict=True))
        memory = {
            "kv_bytes_token": BYTES * cache_elements(row.choices, 1),
            "kv_bytes_context": BYTES * cache_elements(row.choices, row.choices.context),
            "tokens_per_second": row.tokens_per_second,
        }
        table.append(values | difference | memory)
    return pd.DataFrame(table, dtype=object)


def pattern(choices: Choices, block: int, tokens: int) -> np.ndarray:
    """Which token (column) each token (row) sees in a block, bool of shape (tokens, tokens)."""
    window = choices.window if choices.is_local(block) else None
    mask = attention_mask(tokens, tokens, window, torch.device("cpu"))
    if mask is None:
        mask = torch.ones(tokens, tokens, dtype=torch.bool).tril()
    return mask.numpy()
