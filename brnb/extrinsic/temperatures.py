"""How much the scores depend on temperature and luck (thesis 5.3, "Robustez e variância")."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brnb.evaluate.statistics import mean_and_deviation
from brnb.evaluate.text_metrics import score_pairs
from brnb.extrinsic.predictions import answer_items
from brnb.extrinsic.scores import MAIN
from brnb.extrinsic.testsets import TASKS, Item
from brnb.generate.engine import Batching, Decoding

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Setting:
    """A task's metric at a temperature: mean and sample deviation over generation seeds.

    `deviation` is None for greedy decoding, which is temperature 0 and has no seed.
    """

    task: str
    model: str
    metric: str
    temperature: float
    mean: float
    deviation: float | None


def vary_temperature(
    name: str,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    items: Sequence[Item],
    folder: Path,
    temperatures: Sequence[float],
    seeds: Sequence[int],
    max_new_tokens: int,
    batching: "Callable[[int], Batching]",
) -> list[Setting]:
    """Answer some items greedily, and once a temperature and seed.

    Parameters
    ----------
    name
        Of the model, for the results.
    model, tokenizer, items, batching
        As for `brnb.extrinsic.predictions.answer_items`.
    folder
        Receives one file of answers a setting.
    temperatures, seeds
        The settings beside greedy decoding.
    max_new_tokens
        Of an answer.

    Returns
    -------
    list of Setting
        Of the last metric that Table 13 reports of each task, in its form for Portuguese.
    """
    settings: list[Setting] = []
    for temperature in (0.0, *temperatures):
        tries: dict[str, list[float]] = {task: [] for task in TASKS}
        for seed in seeds if temperature else seeds[:1]:
            path = folder / f"t{temperature:g}-s{seed}.jsonl"
            decoding = Decoding(max_new_tokens, temperature, seed)
            said = answer_items(model, tokenizer, items, path, decoding, batching, progress=False)
            for task in TASKS:
                pairs = [
                    (prediction.text, item.references)
                    for item, prediction in zip(items, said.predictions, strict=True)
                    if item.task == task
                ]
                tries[task].append(float(score_pairs(pairs, "pt")[MAIN[task][-1]].mean()))
        for task, values in tries.items():
            mean, deviation = mean_and_deviation(values)
            spread = deviation if temperature else None
            settings.append(Setting(task, name, MAIN[task][-1], temperature, mean, spread))
    return settings
