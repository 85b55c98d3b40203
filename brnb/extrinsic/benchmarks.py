"""External benchmarks: tasks of lm-evaluation-harness from local files, scored by likelihood.

A task is a YAML file of the harness (Gao et al., 2024) with its documents as JSON lines beside it.
Of the harness' kinds this reads ``multiple_choice`` without shots; it needs neither the harness nor
a network. Templates are Jinja's, in its sandbox. The two accuracies are the harness' own:
``acc`` takes the most probable option, ``acc_norm`` the most probable one a character.
"""

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from brnb import data
from brnb.evaluate.statistics import Rate
from brnb.extrinsic.probes import option_nats
from brnb.text.formats import Malformed, is_readable, rows_of
from brnb.text.reader import expand
from brnb.yaml_file import read_parameters

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

UNREAD = (
    *("include", "group", "dataset_name", "custom_dataset", "use_prompt", "process_docs"),
    *("process_results", "fewshot_split", "num_fewshot", "gen_prefix", "doc_to_image"),
)
"""Keys of the harness that would change what is asked, and that this does not read."""

_JINJA = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
_UNFIT = (TemplateError, ValueError, SyntaxError, TypeError, LookupError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class HarnessItem:
    """A context, the options that may continue it, and the index of the right one."""

    context: str
    options: tuple[str, ...]
    right: int


@dataclass(frozen=True)
class Benchmark:
    """A task: its name, its documents as items, and what stands between context and option."""

    name: str
    items: tuple[HarnessItem, ...]
    delimiter: str = " "

    @property
    def chance(self) -> float:
        """Share that choosing blindly gets right."""
        return sum(1 / len(one.options) for one in self.items) / len(self.items)


@dataclass(frozen=True)
class BenchmarkMarks:
    """The harness' two accuracies of a model on a task."""

    acc: Rate
    acc_norm: Rate


def task_files(source: str) -> list[Path]:
    """The local files of a task, YAML and documents; none for ``sample``."""
    if source == "sample":
        return []
    path = Path(expand(source)).expanduser()
    return [path, _documents(path, _read(path))]


def read_harness_tasks(sources: Iterable[str]) -> list[Benchmark]:
    """Read tasks, each as `read_harness_task` does; raises ValueError if two have one name."""
    tasks = [read_harness_task(source) for source in sources]
    names = [task.name for task in tasks]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"benchmarks: {', '.join(sorted(repeated))}: one name for several tasks")
    return tasks


def read_harness_task(source: str) -> Benchmark:
    """Read a task.

    Parameters
    ----------
    source
        ``sample``, which is a small one on agreement in Portuguese, or the YAML file of a task. Its
        data file is looked for from the folder of the YAML file.

    Raises
    ------
    ValueError
        If the file is no such task, asks for what this does not read, or a document does not fit
        its templates; names the file, and the line of the document.
    FileNotFoundError
        If a file is missing.
    """
    if source == "sample":
        return _read_task(data.path("extrinsic/harness_tasks", "concordancia.yaml"))
    return _read_task(Path(expand(source)).expanduser())


def _read_task(path: Path) -> Benchmark:
    task = _read(path)
    documents = _documents(path, task)
    items = []
    for line, row in rows_of(documents):
        if isinstance(row, Malformed):
            raise ValueError(f"{documents}:{line}: {row.reason}")
        try:
            items.append(_item(task, row))
        except _UNFIT as error:
            raise ValueError(
                f"{documents}:{line}: does not fit the templates of {path.name} ({error})"
            ) from None
    if not items:
        raise ValueError(f"{documents}: no documents; export the split that {path.name} names")
    return Benchmark(str(task["task"]), tuple(items), task.get("target_delimiter", " "))


def _read(path: Path) -> Mapping[str, Any]:
    """The settings of a task, of which every one that counts here is understood."""
    task = read_parameters(path)
    needed = ("task", "dataset_kwargs", "doc_to_text", "doc_to_choice", "doc_to_target")
    if missing := [key for key in needed if key not in task]:
        lacks = ", ".join(missing)
        raise ValueError(f"{path}: no task of lm-evaluation-harness on local files: lacks {lacks}")
    kind, source = task.get("output_type"), task.get("dataset_path")
    if (kind, source) != ("multiple_choice", "json"):
        raise ValueError(
            f"{path}: output_type {kind!r}, dataset_path {source!r}: this reads multiple_choice of "
            "local json; the others run through brnb.extrinsic.harness"
        )
    if unread := [key for key in UNREAD if task.get(key)]:
        raise ValueError(f"{path}: {', '.join(unread)}: not read here; write the task without")
    return task


def _documents(path: Path, task: Mapping[str, Any]) -> Path:
    told = task["dataset_kwargs"]
    files = told.get("data_files") if isinstance(told, dict) else None
    name = files.get(task.get("test_split", "test")) if isinstance(files, dict) else files
    if not isinstance(name, str):
        raise ValueError(f"{path}: data_files: name one file of the test split")
    documents = path.parent / name
    if not documents.is_file():
        raise FileNotFoundError(f"{documents}: no such file; {path.name} names it as its data")
    if not is_readable(documents):
        raise ValueError(f"{documents}: a format that is not read; JSON lines are")
    return documents


def _item(task: Mapping[str, Any], row: Mapping[str, Any]) -> HarnessItem:
    """A document through the task's templates."""
    options = _value(task["doc_to_choice"], row)
    options = ast.literal_eval(options) if isinstance(options, str) else options
    options = options.values() if isinstance(options, dict) else options
    options = tuple(str(option) for option in options)
    if len(options) < 2 or not all(options):
        raise ValueError(f"options {options}: a choice has two or more, none of them empty")
    context = f"{_render(task.get('description') or '', row)}{_value(task['doc_to_text'], row)}"
    return HarnessItem(context, options, _right(task["doc_to_target"], row, options))


def _right(template: Any, row: Mapping[str, Any], options: tuple[str, ...]) -> int:
    """Index of the right option: an index, digits that a template renders, or its very text."""
    target = _value(template, row)
    if isinstance(target, str) and (template in row or not target.isdigit()):
        if target not in options:
            raise ValueError(f"the right option {target!r} is none of {options}")
        return options.index(target)
    if not 0 <= (right := int(target)) < len(options):
        raise ValueError(f"the right option is number {right} of {len(options)}")
    return right


def _value(template: Any, row: Mapping[str, Any]) -> Any:
    """A column if the template names one, what it says if it is no text, else what it renders."""
    if not isinstance(template, str):
        return template
    return row[template] if template in row else _render(template, row)


def _render(template: str, row: Mapping[str, Any]) -> str:
    return _JINJA.from_string(template).render(**row)


def mark_benchmark(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    task: Benchmark,
    batch: int = 32,
) -> BenchmarkMarks:
    """Let a model choose, for every document, the option that it finds most probable.

    Parameters
    ----------
    model, tokenizer
        As for `brnb.extrinsic.probes.choose`; the context is put plainly.
    task
        What is asked.
    batch
        Options scored at once.
    """
    texts = [(one.context, task.delimiter + text) for one in task.items for text in one.options]
    nats, start, hits = option_nats(model, tokenizer, texts, batch), 0, [0, 0]
    for one in task.items:
        costs = nats[start : start + len(one.options)]
        a_character = [cost / len(text) for cost, text in zip(costs, one.options, strict=True)]
        hits[0] += _least(costs) == one.right
        hits[1] += _least(a_character) == one.right
        start += len(costs)
    return BenchmarkMarks(*(Rate(count, len(task.items)) for count in hits))


def _least(values: Sequence[float]) -> int:
    return values.index(min(values))
