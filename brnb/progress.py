"""Progress of what takes long, for whoever watches: a bar in JupyterLab, lines in a log of a batch.

In JupyterLab the bar is a widget: it lives in the kernel, so that a page that is loaded again shows
it as it is now, and its button works while a cell runs, through the kernel's subshells. When the
work is over a line of text takes its place. In a batch nobody could press a button: there the lines
go to the terminal that started the kernel, and the notebook keeps none of them.
"""

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import IO, Any

from tqdm import tqdm

_UNITS = {
    "token": ("tokens", "tokens"),
    "character": ("caracteres", "characters"),
    "document": ("documentos", "documents"),
    "item": ("itens", "items"),
    "tokenizer": ("tokenizadores", "tokenizers"),
}
_SCALES = ((1e9, "bi", "B"), (1e6, "mi", "M"), (1e3, "mil", "k"))
_LANGUAGES = ("pt", "en")
_language = 0


class Paused(KeyboardInterrupt):
    """Whoever watches asked the work to stop once it is saved."""


def speak(lang: str) -> None:
    """Choose the language of bars, "pt" or "en"."""
    global _language
    _language = _LANGUAGES.index(lang)


def is_watched() -> bool:
    """Whether a person waits for the running cell: papermill sends cells that may not ask."""
    kernel = getattr(_shell(), "kernel", None)
    request = kernel.get_parent() if kernel else {}
    return bool(request.get("content", {}).get("allow_stdin"))


def _shell() -> Any:
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


@contextmanager
def without_library_bars() -> Iterator[None]:
    """Without the bars of transformers, which say in English that files are read or written."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


class Bar(tqdm):
    """A bar with a name, the amount that is done, speed and time left.

    Parameters
    ----------
    iterable
        Counts by being read, if there is one; `update` counts else.
    desc
        What is under way: the run, or which of several trainings.
    unit
        A key of the units: token, character, document, item, tokenizer.
    options
        As `tqdm.tqdm` has them: total, initial, disable, mininterval…
    """

    def __init__(
        self, iterable: Any = None, *, desc: str, unit: str = "item", **options: Any
    ) -> None:
        self._view: _View | None = None
        watched = not options.get("disable") and is_watched()
        file = io.StringIO() if watched else _terminal()
        scaled = {"unit_scale": True, "smoothing": 0.05}
        if watched:
            self._view = _View(desc)
        self._kind = _UNITS[unit]
        super().__init__(iterable, desc=desc, unit=f" {unit}", file=file, **scaled | options)

    def display(self, msg: str | None = None, pos: int | None = None) -> Any:
        """Show the state: tqdm calls this when it is due."""
        if self._view is None:
            return super().display(msg, pos)
        return self._view.show(self.format_dict, self._line())

    def close(self) -> None:
        """Leave the last state as text."""
        if not self.disable and self._view:
            self._view.finish(self._line(over=True))
        super().close()

    def offer_pause(self) -> None:
        """Give a bar that somebody watches its button; `pause_if_asked` has to follow."""
        if self._view:
            self._view.offer_pause((("Parar depois de salvar", "Stop once saved"))[_language])

    @property
    def pause_is_asked(self) -> bool:
        """Whether the button was pressed."""
        return self._view is not None and self._view.asked

    def pause_if_asked(self) -> None:
        """Stop here, where everything is saved, if the button was pressed.

        Raises
        ------
        Paused
            Is answered as an interrupt is (`brnb.kernel.watch_cells`).
        """
        if self.pause_is_asked:
            raise Paused

    def _line(self, over: bool = False) -> str:
        """Amount, speed, time and note: ``1,5 mi de 2 mi tokens · 76 mil/s · falta 0:26``."""
        state, unit = self.format_dict, self._kind[_language]
        done, total, seconds = state["n"], state["total"], state["elapsed"]
        rate = state["rate"] or ((done - state["initial"]) / seconds if seconds else 0)
        of, left, spent = (("de", "falta", "em"), ("of", "left", "in"))[_language]
        amount = f"{_short(done)} {of} {_short(total)}" if total and not over else _short(done)
        parts = [f"{amount} {unit}", f"{_short(rate)}/s" if rate else ""]
        if over:
            parts.append(f"{spent} {self.format_interval(seconds)}")
        elif total and rate:
            parts.append(f"{left} {self.format_interval((total - done) / rate)}")
        return " · ".join(part for part in [*parts, state["postfix"] or ""] if part)


class _View:
    """The widget of a bar, and the text that takes its place."""

    def __init__(self, name: str) -> None:
        from IPython.display import display
        from ipywidgets import FloatProgress, HBox, Label, Layout

        self.name, self.asked = name, False
        self._said = Label()
        self._bar = FloatProgress(max=1.0, layout=Layout(width="12em"))
        self._box = HBox([Label(name), self._bar, self._said])
        self._handle = display(self._box, display_id=True)

    def show(self, state: Mapping[str, Any], line: str) -> None:
        self._bar.value = state["n"] / state["total"] if state["total"] else 0.0
        self._said.value = line

    def offer_pause(self, words: str) -> None:
        from ipywidgets import Button

        button = Button(description=words, layout={"width": "auto"})
        button.on_click(self._ask)
        self._box.children += (button,)

    def _ask(self, button: Any) -> None:
        self.asked = button.disabled = True

    def finish(self, line: str) -> None:
        self._said.value = line
        self._box.children = self._box.children[:3]
        self._handle.update({"text/plain": f"{self.name}: {line}"}, raw=True)


def _short(amount: float) -> str:
    """Three significant digits in words: ``1,25 mi`` (pt), ``1.25 M`` (en)."""
    for scale, *words in _SCALES:
        if amount >= scale * 0.9995:
            return f"{_digits(amount / scale)} {words[_language]}"
    return _digits(amount)


def _digits(amount: float) -> str:
    text = f"{amount:.3g}" if amount < 999.5 else f"{amount:.0f}"
    return text.replace(".", ",") if _language == 0 else text


def _terminal() -> IO[str]:
    """Standard error as it is now; a kernel's goes into the notebook, so what lies behind it."""
    return sys.stderr if getattr(_shell(), "kernel", None) is None else _behind_the_kernel()


@cache
def _behind_the_kernel() -> IO[str]:
    try:
        return os.fdopen(os.dup(sys.stderr.fileno()), "w")
    except OSError:  # a kernel within another process has none
        return sys.stderr
