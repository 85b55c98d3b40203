"""Chapter 16 in JupyterLab: what a planned training takes with other tokens and GPUs."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from brnb.chapters.cost_words import say_plan
from brnb.chapters.planner import plans
from brnb.progress import is_watched
from brnb.report.labels import label
from brnb.report.sentences import fill_sentence

if TYPE_CHECKING:
    from ipywidgets import VBox

    from brnb.theory.params import Case
    from brnb.theory.speed import Measured

_SLIDER = {"layout": {"width": "32em"}, "style": {"description_width": "9em"}}


def try_plan(
    cases: Sequence["Case"],
    measured: Sequence["Measured"],
    price_list: str,
    exchange_rate: str,
    lang: str,
) -> "VBox | None":
    """A menu of planned trainings, sliders of their tokens and GPUs, and what they take.

    In a batch nobody could move them: a sentence names the table that stands for it, and the
    result is None.

    Parameters
    ----------
    cases
        Trainings to begin with.
    measured, price_list, exchange_rate
        As `brnb.chapters.planner.plans` has them.
    lang
        "pt" or "en".
    """
    if not is_watched():
        print(fill_sentence("say_widget", lang, shown="tab-plan-cost"))
        return None
    from ipywidgets import HTML, Dropdown, FloatLogSlider, IntSlider, VBox

    named = {case.name: case for case in cases}
    menu = Dropdown(options=list(named), description=label("case", lang), **_SLIDER)
    tokens = FloatLogSlider(min=6, max=13, description=label("tokens", lang), **_SLIDER)
    gpus = IntSlider(min=1, max=64, description=label("gpus", lang), **_SLIDER)
    pane = HTML()

    def show(_: Any) -> None:
        chosen = {"tokens": tokens.value, "count": gpus.value}
        case = named[menu.value].model_copy(update=chosen)
        planned = plans([case], measured, price_list, exchange_rate, lang)
        pane.value = html.escape(say_plan(planned, lang))

    def begin(_: Any) -> None:
        tokens.value, gpus.value = named[menu.value].tokens, named[menu.value].count
        show(None)

    menu.observe(begin, "value")
    for slider in (tokens, gpus):
        slider.observe(show, "value")
    begin(None)
    return VBox([menu, tokens, gpus, pane])
