"""The front page of a profile's results, for who opens their folder: what ran, what it cost."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from brnb.atomic import write_atomic
from brnb.pipeline import Pipeline
from brnb.receipt import Receipt
from brnb.report.labels import find_label, format_number, label, run_name
from brnb.report.spending import Spending, spending

_VERDICTS = "tables/tab-reproduces.csv"
_COLUMNS = ("tokens", "seconds", "peak_gb", "energy_wh", "usd")
_SUMS = ("overview_hours", "kwh", "usd")


def write_overview(pipeline: Pipeline, lang: str) -> Path:
    """Write ``reports/<profile>/README.md`` from the receipts and from chapter 23's verdicts.

    Every run with its device, time, memory, energy and price, a line of totals for each device,
    and what of the dissertation was reproduced and what was not.
    """
    receipts = {}
    for run in pipeline.runs:
        try:
            receipts[run] = pipeline.receipt_of(run)
        except (FileNotFoundError, ValueError):
            continue  # `brnb status` says why; here it has nothing to show
    missing = [run for run in pipeline.runs if run not in receipts]
    parts = [f"# {label('overview_title', lang).format(profile=pipeline.profile)}"]
    if caution := find_label(f"caution_{pipeline.profile}", lang):
        parts.append(f"**{caution}**")
    parts += [label("overview_text", lang), _runs(receipts, lang)]
    if missing:
        parts.append(label("overview_missing", lang).format(runs=", ".join(missing)))
    parts += [f"## {label('overview_totals', lang)}", _totals(receipts.values(), lang)]
    if (pipeline.reports / _VERDICTS).is_file():
        parts += [f"## {label('overview_verdicts', lang)}"]
        parts.append(_verdicts(pipeline.reports / _VERDICTS, lang))
    path = pipeline.root / "reports" / pipeline.profile / "README.md"
    write_atomic(path, "\n\n".join(parts) + "\n")
    return path


def _runs(receipts: Mapping[str, Receipt], lang: str) -> str:
    heads = [label("run", lang), label("device", lang), *(label(id, lang) for id in _COLUMNS)]
    rows = []
    for run, receipt in receipts.items():
        used = spending(receipt)
        name = f"[{run_name(run, lang)}](notebooks/{run}.ipynb)"
        commit = str(receipt.provenance.get("git_commit") or "")[:7] or "–"
        dirty = "*" if receipt.provenance.get("git_dirty") else ""
        link = f"[{commit}{dirty}](runs/{run}/receipt.json)"
        rows.append([name, used.device, *_numbers(used, lang), link])
    return _markdown([*heads, label("commit", lang)], rows)


def _totals(receipts: Iterable[Receipt], lang: str) -> str:
    """Hours, kWh and US dollars for each device; a value that no receipt has adds nothing."""
    by_device: dict[str, list[Spending]] = defaultdict(list)
    for receipt in receipts:
        used = spending(receipt)
        by_device[used.device].append(used)
    rows = []
    for device, runs in sorted(by_device.items()):
        wh = [run.energy_wh for run in runs if run.energy_wh is not None]
        usd = [run.price for run in runs if run.price is not None]
        hours = sum(run.seconds for run in runs) / 3600
        values = (hours, sum(wh) / 1000 if wh else None, sum(usd) if usd else None)
        sums = [format_number(value, lang, 3) for value in values]
        rows.append([device, format_number(len(runs), lang), *sums])
    return _markdown([label(id, lang) for id in ("device", "runs", *_SUMS)], rows)


def _verdicts(file: Path, lang: str) -> str:
    """How many published results have which verdict, and each that does not stay uncompared."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    verdicts = Counter(row["verdict"].partition(":")[0] for row in rows)
    counts = ", ".join(f"{verdict}: {count}" for verdict, count in verdicts.most_common())
    apart = label("outcome_not_comparable", lang)
    told = [
        [row["place"], row["finding"], *_published_and_ours(row, lang), row["verdict"]]
        for row in rows
        if not row["verdict"].startswith(apart)
    ]
    heads = [label(id, lang) for id in ("place", "finding", "published", "ours", "verdict")]
    return f"{counts}.\n\n{_markdown(heads, told)}"


def _published_and_ours(row: Mapping[str, str], lang: str) -> list[str]:
    """The published number with its printed digits, ours with three."""
    ours = row["ours"]
    rounded = Decimal(f"{float(ours):.3g}") if ours else None
    published = Decimal(row["published"]) if row["published"] else None
    return [format_number(published, lang), format_number(rounded, lang)]


def _numbers(used: Spending, lang: str) -> list[str]:
    return [
        format_number(used.tokens, lang),
        format_number(used.seconds, lang, 0),
        format_number(used.peak_gb, lang, 2),
        format_number(used.energy_wh, lang, 1),
        format_number(used.price, lang, 4),
    ]


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
