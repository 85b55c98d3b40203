"""Any text and any table as LaTeX that pdflatex compiles, with the packages that all have."""

import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from brnb.text.marks import is_stacked, nfc

_BREAK = "\N{ZERO WIDTH SPACE}"
_MATH = {
    "−": "-", "×": r"\times", "÷": r"\div", "±": r"\pm", "·": r"\cdot", "≈": r"\approx",
    "≤": r"\leq", "≥": r"\geq", "≠": r"\neq", "≪": r"\ll", "≫": r"\gg", "∞": r"\infty",
    "→": r"\rightarrow", "←": r"\leftarrow", "↔": r"\leftrightarrow", "⇒": r"\Rightarrow",
    "↑": r"\uparrow", "↓": r"\downarrow", "√": r"\surd", "∑": r"\sum", "∈": r"\in", "∆": r"\Delta",
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon",
    "η": r"\eta", "θ": r"\theta", "λ": r"\lambda", "μ": r"\mu", "µ": r"\mu", "π": r"\pi",
    "ρ": r"\rho", "σ": r"\sigma", "τ": r"\tau", "φ": r"\varphi", "χ": r"\chi", "ω": r"\omega",
    "Δ": r"\Delta", "Σ": r"\Sigma", "Ω": r"\Omega", "✓": r"\surd", "✔": r"\surd",
    "✗": r"\times", "✘": r"\times",
}  # fmt: skip
_TEXT = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"{\char34}",
    "`": r"\textasciigrave{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "\N{NO-BREAK SPACE}": "~", "\u202f": r"\,", "\u2009": r"\,", "\N{SOFT HYPHEN}": r"\-",
    _BREAK: r"\allowbreak{}", "\t": " ", "\n": " ", "\r": " ",
    "▁": r"\textvisiblespace{}", "␣": r"\textvisiblespace{}",
    "°": r"\textdegree{}", "º": r"\textordmasculine{}", "ª": r"\textordfeminine{}",
    "§": r"\S{}", "©": r"\textcopyright{}", "®": r"\textregistered{}", "™": r"\texttrademark{}",
    "€": r"\texteuro{}", "£": r"\textsterling{}", "¥": r"\textyen{}", "•": r"\textbullet{}",
    "…": r"\ldots{}", "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''",
    "«": r"\guillemotleft{}", "»": r"\guillemotright{}", "½": r"\textonehalf{}",
    "¼": r"\textonequarter{}", "¾": r"\textthreequarters{}",
}  # fmt: skip
_SUPERSCRIPTS = dict(zip("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", strict=True))
_ESCAPED = (
    {c: "\\" + c for c in "&%$#_{}"}
    | _TEXT
    | {c: rf"\ensuremath{{{tex}}}" for c, tex in _MATH.items()}
    | {c: rf"\textsuperscript{{{digit}}}" for c, digit in _SUPERSCRIPTS.items()}
)
_LETTERS = {chr(code) for code in range(ord("À"), ord("ÿ") + 1)} - set("ÐðÞþ")
_PLAIN = {chr(code) for code in range(ord(" "), ord("~") + 1)} | _LETTERS | set("ŒœŠšŽž")
_LIGATURES = re.compile(r"(?<=-)(?=-)|(?<=,)(?=,)|(?<=')(?=')")


def escape(text: str) -> str:
    """Return `text` as LaTeX that prints the same characters and executes nothing.

    Characters that a standard font of pdflatex lacks (emoji, other scripts, control characters)
    print as [U+1F600]: visible, and never an error in the middle of a dissertation.
    """
    # "--" typed in a cell is two hyphens, not a dash: break TeX's ligatures before escaping.
    parts = _LIGATURES.split(_printable(text))
    return "{}".join("".join(_ESCAPED.get(c, c) for c in part) for part in parts)


def _printable(text: str) -> str:
    return "".join(
        c if c in _ESCAPED or c in _PLAIN else f"[U+{ord(c):04X}]{_BREAK}"
        for c in (text if is_stacked(text) else nfc(text))
    )


# Type size, characters of average width in a line of 16 cm (12 pt class), and \tabcolsep in pt.
_SIZES = ((r"\normalsize", 72, 6), (r"\small", 80, 6), (r"\footnotesize", 88, 4))
_WRAPPED = 14  # least width in characters of a wrapped text column; narrower ones never wrap
_PAGE_LINES = 40  # more lines than this do not fit on one page


def tabular(
    id: str,
    caption: str,
    headers: Sequence[str],
    cells: Sequence[Sequence[str]],
    numeric: Sequence[bool],
    bold: frozenset[tuple[int, int]],
    word_continued: str,
) -> str:
    """Return a booktabs table that fits the text width, caption above, label ``tab:<id>``.

    The largest size of three at which the table fits is chosen; if none fits, text columns wrap at
    the smallest; a table of numbers that is wider still is scaled down. More than 40 lines
    become a longtable.

    Parameters
    ----------
    headers, cells : sequences of str
        Plain text; escaped here. ``cells`` is rows of ``len(headers)`` strings.
    numeric : sequence of bool
        Columns set flush right.
    bold : frozenset of (row, column)
        Cells in bold.
    word_continued : str
        "continued" in the table's language, for the second page of a longtable.
    """
    headers = [_printable(header) for header in headers]
    cells = [[_printable(cell) for cell in row] for row in cells]
    split = [_split_header(h, [row[j] for row in cells]) for j, h in enumerate(headers)]
    natural = [
        max(_width(line) for line in [*split[j], *(row[j] for row in cells)])
        for j in range(len(headers))
    ]
    layout = _fit(natural, numeric)
    head = " & ".join(map(_header, split, numeric)) + r" \\"
    body = [
        " & ".join(
            _cell(text, width=layout.widths[j], bold=(i, j) in bold) for j, text in enumerate(row)
        )
        + r" \\"
        for i, row in enumerate(cells)
    ]
    columns = "@{}" + "".join(map(_column, layout.widths, numeric)) + "@{}"
    title = rf"\caption{{{escape(caption)}}}\label{{tab:{id}}}"
    if sum(_height(row, layout.widths) for row in cells) > _PAGE_LINES:
        lines = _longtable(
            layout.size, columns, len(headers), title, head, body, escape(word_continued)
        )
    else:
        lines = _table(layout.size, columns, title, head, body, scale=not layout.fits)
    return "\n".join(
        ["% Generated by brnb: edit the record or the chapter, not this file.", *lines, ""]
    )


def _width(text: str) -> int:
    """In characters of average width; capitals are a third wider."""
    return math.ceil(len(text) + sum(map(str.isupper, text)) / 3)


def _height(row: Sequence[str], widths: Sequence[int | None]) -> int:
    """In lines, of which a wrapped cell takes several."""
    return max(
        math.ceil(len(text) / (w or len(text) or 1)) for text, w in zip(row, widths, strict=True)
    )


def _split_header(header: str, column: Sequence[str]) -> list[str]:
    """Break a header that is much longer than the cells below it."""
    room = max([10, *map(len, column)])
    return textwrap.wrap(header, width=room, break_long_words=False) or [""]


@dataclass(frozen=True)
class _Layout:
    size: str
    widths: list[int | None]  # of wrapped columns, in characters
    fits: bool


def _fit(natural: list[int], numeric: Sequence[bool]) -> _Layout:
    """Choose the type size, and the columns to wrap if no size is small enough."""
    natural_only: list[int | None] = [None] * len(natural)
    for size, line, gap in _SIZES:
        # A character is about half an em: 5.9, 5.5 and 5 pt.
        room = line - round((len(natural) - 1) * 2 * gap / 5.5)
        if sum(natural) <= room:
            command = size if gap == 6 else rf"{size}\setlength{{\tabcolsep}}{{{gap}pt}}"
            return _Layout(command, natural_only, True)
    command = rf"{size}\setlength{{\tabcolsep}}{{{gap}pt}}"
    wrapped = [j for j, w in enumerate(natural) if not numeric[j] and w > _WRAPPED]
    rest = room - sum(w for j, w in enumerate(natural) if j not in wrapped)
    # Square roots: a column ten times longer gets three times the width, not all of it.
    widths, shared, left = list(natural_only), sorted(wrapped, key=lambda j: natural[j]), rest
    while shared:  # the narrowest first: what it takes at least is not the others' to share
        j = shared[0]
        share = int(left * natural[j] ** 0.5 / sum(natural[i] ** 0.5 for i in shared))
        widths[j] = min(natural[j], max(_WRAPPED, share))
        left -= widths[j] or 0
        shared = shared[1:]
    return _Layout(command, widths, sum(w for w in widths if w) <= rest)


def _column(width: int | None, numeric: bool) -> str:
    if width is not None:
        return rf">{{\raggedright\arraybackslash}}p{{{width / 2}em}}"
    return "r" if numeric else "l"


def _header(lines: list[str], numeric: bool) -> str:
    escaped = [escape(line) for line in lines]
    if len(escaped) == 1:
        return escaped[0]
    side = "r" if numeric else "l"
    return rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}" + r"\\".join(escaped) + r"\end{tabular}"


def _cell(text: str, *, width: int | None, bold: bool) -> str:
    tex = escape(text if width is None else _breakable(text, width))
    return rf"\textbf{{{tex}}}" if bold else tex


def _breakable(text: str, width: int) -> str:
    """Allow breaks where a wrapped column needs them: run ids and paths have no spaces."""
    text = re.sub(r"(?<=[_/])(?=[^\s_/])", _BREAK, text)
    too_long = rf"[^\s{_BREAK}]{{{width},}}"
    return re.sub(too_long, lambda word: re.sub("(.{4})", rf"\1{_BREAK}", word[0]), text)


def _table(
    size: str, columns: str, title: str, head: str, body: list[str], *, scale: bool
) -> list[str]:
    return [
        r"\begin{table}[htbp]",
        r"\centering",
        title,
        size,
        *([r"\resizebox{\linewidth}{!}{%"] if scale else []),
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        head,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}" + ("}" if scale else ""),
        r"\end{table}",
    ]


def _longtable(
    size: str,
    columns: str,
    n_columns: int,
    title: str,
    head: str,
    body: list[str],
    continued: str,
) -> list[str]:
    return [
        rf"{{{size}",
        rf"\begin{{longtable}}{{{columns}}}",
        title + r"\\",
        r"\toprule",
        head,
        r"\midrule",
        r"\endfirsthead",
        rf"\multicolumn{{{n_columns}}}{{@{{}}l@{{}}}}{{({continued})}}\\",
        r"\toprule",
        head,
        r"\midrule",
        r"\endhead",
        r"\bottomrule",
        r"\endfoot",
        *body,
        r"\end{longtable}}",
    ]
