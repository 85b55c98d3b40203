"""Chapter 11 in JupyterLab: samples of two versions side by side."""

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.progress import is_watched
from brnb.report.labels import run_name
from brnb.report.sentences import fill_sentence

if TYPE_CHECKING:
    from ipywidgets import HBox, VBox

    from brnb.generate.samples import Sample


def compare_samples(samples: Mapping[str, Sequence["Sample"]], lang: str) -> "HBox | None":
    """Two columns of samples with a menu of versions over each.

    In a batch nobody could choose: a sentence names the table that stands for it, and the result
    is None.

    Parameters
    ----------
    samples
        By run; all runs have continued the same prompts.
    lang
        "pt" or "en".
    """
    if not is_watched():
        print(fill_sentence("say_widget", lang, shown="tab-published-samples"))
        return None
    from ipywidgets import HBox

    runs = list(samples)
    return HBox([_column(samples, run, lang) for run in (runs[0], runs[-1])])


def _column(samples: Mapping[str, Sequence["Sample"]], run: str, lang: str) -> "VBox":
    from ipywidgets import HTML, Dropdown, VBox

    menu = Dropdown(options=[(run_name(name, lang), name) for name in samples], value=run)
    pane = HTML(_as_html(samples[run]))

    def show(change: Mapping[str, Any]) -> None:
        pane.value = _as_html(samples[change["new"]])

    menu.observe(show, "value")
    return VBox([menu, pane], layout={"width": "50%", "padding": "0 1em 0 0"})


def _as_html(samples: Sequence["Sample"]) -> str:
    """Samples with each prompt once, in bold; every text is escaped."""
    parts, last = [], None
    for sample in samples:
        if sample.prompt != last:
            parts.append(f"<p><b>{html.escape(sample.prompt)}</b></p>")
        parts.append(f"<p>{html.escape(sample.text)}</p>")
        last = sample.prompt
    return "".join(parts)
