"""What a chapter says about itself: what it needs, makes and takes when it opens, what it left.

The words are in ``report/labels.yaml``; nothing here changes a result.
"""

import ast
import json
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from brnb import receipt
from brnb.fingerprint import notebook_cells
from brnb.pipeline import Pipeline
from brnb.report.labels import find_label, format_number, label

WIDTH = 100  # columns of an output
_FEW = 8  # names of a kind that are printed


def opening(pipeline: Pipeline, run: str, lang: str, count: int, changed: Mapping[str, Any]) -> str:
    """Title of a chapter, what its profile is for, what it needs and makes, how long it takes.

    Parameters
    ----------
    count, changed
        How many parameters there are, and those that are not the notebook's.
    """
    path = pipeline.notebook(run)
    lines = {
        "needs": _names(pipeline.needs(run)) or label("needs_none", lang),
        "makes": _counted(_made(path, run), lang),
        "duration": "; ".join(_durations(pipeline, run, lang)),
        "values_in_force": _values(count, changed, lang),
    }
    profile = pipeline.profile
    worth = find_label(f"caution_{profile}", lang) or f"{label('profile', lang)} {profile}."
    return "\n".join([f"{_title(path)} · {run}", worth, *_aligned(lines, lang)])


def closing(result: receipt.Receipt, home: Path, lang: str) -> str:
    """What a run left, and where."""
    files: dict[str, list[str]] = defaultdict(list)
    for path in result.artefacts:
        folder, _, name = path.partition("/")
        files[folder].append(name if folder == "runs" else Path(name).stem)
    named = {kind: sorted(set(names)) for kind, names in sorted(files.items()) if kind != "runs"}
    lines = {kind: _names(names) for kind, names in named.items()}
    if result.numbers:
        lines["numbers"] = (
            f"{len(result.numbers)} (\\brnb{{{next(iter(sorted(result.numbers)))}}}…)"
        )
    left = sorted({name.partition("/")[2].partition("/")[0] for name in files.get("runs", ())})
    lines["run_files"] = f"runs/{result.run}: {_names([*left, 'receipt.json'])}"
    spent = _time(result.seconds, lang)
    done = note("done_in", lang, run=result.run, time=spent, home=home)
    return "\n".join([done, *_aligned(lines, lang)])


def note(id: str, lang: str, **values: Any) -> str:
    """One sentence: ``unread``, ``unclean``, ``left_out``, ``need_stale``, ``scratch_where``…"""
    return label(id, lang).format(**values)


def _values(count: int, changed: Mapping[str, Any], lang: str) -> str:
    told = ", ".join(f"{name} = {value!r}" for name, value in sorted(changed.items()))
    return note("values_changed" if told else "values_default", lang, count=count, changed=told)


def _aligned(lines: Mapping[str, str], lang: str) -> Iterator[str]:
    heads = {name: (find_label(name, lang) or name).lower() for name in lines}
    wide = max(map(len, heads.values()))
    for name, text in lines.items():
        head = f"  {heads[name]:<{wide}}  "
        lines_of = textwrap.TextWrapper(WIDTH, head, " " * len(head), break_on_hyphens=False)
        yield lines_of.fill(text)


def _title(notebook: Path) -> str:
    """The first heading of a notebook; its name if it has none."""
    text = json.loads(notebook.read_text("utf-8"))
    prose = ("".join(cell["source"]) for cell in text["cells"] if cell["cell_type"] == "markdown")
    heading = re.search(r"^# (.+)$", next(prose, ""), re.MULTILINE)
    return heading[1].strip() if heading else notebook.stem


def _made(notebook: Path, run: str) -> dict[str, list[str]]:
    """Ids of the tables and figures that the cells write, by kind, without running them."""
    made: dict[str, list[str]] = {"tables": [], "figures": []}
    for source, _ in notebook_cells(notebook):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                kind = f"{node.func.attr}s"
                if kind in made and (name := _literal(node.args[0], run)):
                    made[kind].append(name)
    return made


def _literal(node: ast.expr, run: str) -> str | None:
    """A text, also one that holds the run's name in a place of its own."""
    if isinstance(node, ast.JoinedStr):
        parts = (getattr(part, "value", None) for part in node.values)
        return "".join(part if isinstance(part, str) else run for part in parts)
    return str(node.value) if isinstance(node, ast.Constant) else None


def _counted(made: Mapping[str, Iterable[str]], lang: str) -> str:
    parts = []
    for kind, names in made.items():
        if names := list(dict.fromkeys(names)):
            word = label(kind if len(names) > 1 else kind.removesuffix("s"), lang).lower()
            parts.append(f"{len(names)} {word} ({_names(names)})")
    return "; ".join(parts) or "–"


def _names(names: list[str]) -> str:
    """At most `_FEW` of them."""
    return ", ".join(names[:_FEW]) + (", …" if len(names) > _FEW else "")


def _durations(pipeline: Pipeline, run: str, lang: str) -> Iterator[str]:
    """Time that the run took in each profile that has it, and on what; as receipts say."""
    for folder in sorted((pipeline.root / "params").iterdir()):
        if not (folder / f"{run}.yaml").is_file():
            continue
        try:
            path = pipeline.root / "reports" / folder.name / "runs" / run / "receipt.json"
            done = receipt.read_receipt(path)
        except (FileNotFoundError, ValueError):
            yield f"{folder.name} {label('not_measured', lang)}"
            continue
        seconds = done.seconds + done.resources.get("earlier_seconds", 0.0)
        machine = done.provenance.get("gpu") or f"{done.provenance.get('cpu_cores')} CPU"
        yield f"{folder.name} {_time(seconds, lang)} ({machine})"


def _time(seconds: float, lang: str) -> str:
    """A time in the unit that fits: 26,3 s, 4,5 min, 3,2 h."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return format_number(seconds / length, lang, 1, unit)
    return format_number(seconds, lang, 1, "s")
