"""External benchmarks through lm-evaluation-harness, and our tasks for it (extra ``harness``).

    tasks = harness.write_tasks(folder, items, read_probes())
    harness.run_harness("reports/lab/runs/sft_…/hf", tasks, folder)
    harness.run_harness("reports/lab/runs/sft_…/hf", harness.PORTUGUESE)

The folder also works from the command line: ``lm_eval --include_path <folder> --tasks brnb_qa``.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from brnb.atomic import write_atomic
from brnb.evaluate.text_metrics import FORMS, score_pairs
from brnb.extrinsic.probes import Probe
from brnb.extrinsic.testsets import TASKS, Item
from brnb.train.device import pick_device

PORTUGUESE = ("assin_entailment", "assin_paraphrase", "belebele_por_Latn")
"""Tasks of the harness in Portuguese: ASSIN's entailment and paraphrase, Belebele's reading."""

SCORED = ("em", "f1", "rougeL")

_DATA = """\
task: {name}
tag: brnb
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
metadata:
  version: 1.0
"""
_ANSWER = """\
output_type: generate_until
doc_to_text: "{{prompt}}"
doc_to_target: "{{references[0]}}"
process_results: !function scoring.process_results
generation_kwargs:
  until: []
  do_sample: false
  max_gen_toks: MAX_NEW_TOKENS
metric_list:
"""
_CHOICE = """\
output_type: multiple_choice
doc_to_text: "Pergunta: {{question}}\\nResposta:"
doc_to_choice: options
doc_to_target: right
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
"""
_SCORING = (
    '"""Scores of brnb\'s tasks."""\n\nfrom brnb.extrinsic.harness import process_results\n\n'
)
_SCORING += '__all__ = ["process_results"]\n'


class HarnessUnavailable(RuntimeError):
    """lm-evaluation-harness is not installed."""


def write_tasks(
    folder: Path, items: Iterable[Item], questions: Sequence[Probe], max_new_tokens: int
) -> list[str]:
    """Write our test sets and probes as a folder of tasks.

    Parameters
    ----------
    folder
        Receives ``brnb_<task>.yaml`` and ``.jsonl``, and ``scoring.py``. The YAML files name the
        data by its place, so write them where they will be used.
    items, questions
        The test items of any tasks, and the cultural probes.
    max_new_tokens
        Of an answer.

    Returns
    -------
    list of str
        Names of the tasks; one without items is not written.
    """
    rows: dict[str, list[dict[str, Any]]] = {f"brnb_{task}": [] for task in TASKS}
    for item in items:
        row = {"id": item.id, "prompt": item.prompt, "references": list(item.references)}
        rows[f"brnb_{item.task}"].append(row | {"hash": item.hash})
    rows["brnb_probes"] = [
        {"id": q.id, "question": q.question, "options": list(q.options), "right": q.right}
        for q in questions
    ]
    names = [f"{metric}_{form}" for form in FORMS for metric in SCORED]
    listed = "".join(
        f"  - {{metric: {name}, aggregation: mean, higher_is_better: true}}\n" for name in names
    )
    answering = _ANSWER.replace("MAX_NEW_TOKENS", str(max_new_tokens)) + listed
    rows = {name: documents for name, documents in rows.items() if documents}  # none may be empty
    for name, documents in rows.items():
        data = (folder / f"{name}.jsonl").resolve()
        write_atomic(data, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in documents))
        body = _CHOICE if name == "brnb_probes" else answering
        head = _DATA.format(name=name, data=json.dumps(str(data), ensure_ascii=False))
        write_atomic(folder / f"{name}.yaml", head + body)
    write_atomic(folder / "scoring.py", _SCORING)
    return list(rows)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Score one answer in every form, as the harness asks for it."""
    pair = [(results[0].strip(), list(doc["references"]))]
    means: dict[str, float] = {}
    for form in FORMS:
        scores = score_pairs(pair, form)
        means |= {f"{metric}_{form}": float(np.mean(scores[metric])) for metric in SCORED}
    return means


def run_harness(
    model: Path | str,
    tasks: Sequence[str],
    folder: Path | None = None,
) -> dict[str, Any]:
    """Run tasks of the harness on a model.

    Parameters
    ----------
    model
        A folder in Hugging Face's format, such as a run's ``hf``, or a hub id.
    tasks
        Names: `PORTUGUESE`, those of `write_tasks`, or any other of the harness.
    folder
        Where `write_tasks` put tasks of ours.

    Returns
    -------
    dict
        The harness's results by task.

    Raises
    ------
    HarnessUnavailable
        If it is not installed; the message says how to.
    """
    try:
        from lm_eval import simple_evaluate
        from lm_eval.tasks import TaskManager
    except ImportError:
        raise HarnessUnavailable(
            "lm-evaluation-harness is not installed: pip install 'brnb[harness]'"
        ) from None
    output = simple_evaluate(
        model="hf",
        model_args={"pretrained": str(model)},
        device=str(pick_device("auto")),  # else it asks for a GPU where there is none
        tasks=list(tasks),
        task_manager=TaskManager(include_path=str(folder) if folder else None),
    )
    results: dict[str, Any] = output["results"]
    return results
