"""Chapter 11: the samples that the dissertation prints (4.4.1.6), beside ours."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.text.clean import early
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.evaluate.records import Record


def tab_published_samples(records: Iterable["Record"], lang: str) -> "pd.DataFrame":
    """The 14 printed samples, each above the first that our run of that version drew.

    Ours is that of the lowest seed, whatever it says, cut to the length of the printed one;
    missing where a run left none.
    """
    ours = {(record.run, s.prompt): s.text for record in records for s in _first(record)}
    rows: list[dict[str, Any]] = []
    for name, printed in load("samples").items():
        prompt = load("prompts", name)
        for run, text in printed.items():
            sample = ours.get((run, prompt)) or ours.get((run, early(prompt)))
            subject = {"prompt": label(f"prompt_{name}", lang), "run": run}
            rows.append(subject | {"source": label("published", lang), "text": text})
            shown = sample[: len(text)] if sample is not None else None
            rows.append(subject | {"source": label("ours", lang), "text": shown})
    return frame(rows)


def _first(record: "Record") -> list[Any]:
    samples = record.samples or []
    seeds = [sample.seed for sample in samples]
    return [sample for sample in samples if sample.seed == min(seeds)]
