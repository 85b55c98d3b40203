"""Any text as LaTeX that pdflatex compiles, with the packages that all have."""

import re

from brnb.text.marks import is_stacked, nfc

BREAK = "\N{ZERO WIDTH SPACE}"
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
    "\\": r"\textbackslash{}", "~": r"\ensuremath{\sim}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"{\char34}",
    "`": r"\textasciigrave{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "\N{NO-BREAK SPACE}": "~", "\u202f": r"\,", "\u2009": r"\,", "\N{SOFT HYPHEN}": r"\-",
    BREAK: r"\hspace{0pt}", "\t": " ", "\n": " ", "\r": " ",
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
    | {c: rf"\textsubscript{{{digit}}}" for digit, c in enumerate("₀₁₂₃₄₅₆₇₈₉")}
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
    parts = _LIGATURES.split(printable(text))
    return "{}".join("".join(_ESCAPED.get(c, c) for c in part) for part in parts)


def printable(text: str) -> str:
    """Text of characters that a standard font of pdflatex has; others print as their number."""
    return "".join(
        c if c in _ESCAPED or c in _PLAIN else f"[U+{ord(c):04X}]{BREAK}"
        for c in (text if is_stacked(text) else nfc(text))
    )
