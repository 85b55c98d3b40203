r"""Formulas as LaTeX prints them, made arithmetic: ``\frac{2mkn}{4(mk + kn)}`` becomes Python."""

import re

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<command>\\[A-Za-z]+|\\[,$%{}])|(?P<letter>[A-Za-zΔλ])"
    r"|(?P<mark>[-+*/^_(){}\[\]|,=<>≈×]))"
)
_FUNCTIONS = {"\\min": "min", "\\max": "max", "\\log": "log", "\\exp": "exp", "\\sqrt": "sqrt"}
_GREEK = "alpha beta gamma eta lambda sigma tau mu Phi varepsilon epsilon theta ell Pi Delta delta"
_SPACES = {"\\left", "\\right", "\\,", "\\quad", "\\;", "\\big", "\\Big"}


class FormulaError(ValueError):
    """LaTeX that is no formula of sums, products, fractions, powers and named functions."""


def to_expression(latex: str) -> str:
    r"""Translate LaTeX into an arithmetic expression.

    Letters side by side multiply, a subscript belongs to its name (``d_{ff}`` is ``d_ff``), words
    in ``\text{}`` are names, and ``T`` or ``\top`` as an exponent transposes (``K**T``).

    Raises
    ------
    FormulaError
        Where something else stands; the message shows it.

    Examples
    --------
    >>> to_expression(r"\frac{2nd}{4d + n}")
    '((2*n*d)/(4*d + n))'
    """
    reader = _Reader(_tokens(latex), latex)
    expression = reader.sum()
    if reader.left:
        raise FormulaError(f"{latex!r}: cannot read on at {reader.left[0]!r}")
    return expression


def _tokens(latex: str) -> list[str]:
    latex = re.sub(r"\\(?:text|mathbf|mathrm)\{([^{}]*)\}", lambda m: f" \\W{_word(m[1])} ", latex)
    tokens, end = [], 0
    while end < len(latex.rstrip()):
        token = _TOKEN.match(latex, end)
        if token is None:
            raise FormulaError(f"{latex!r}: cannot read {latex[end:].strip()[0]!r}")
        end = token.end()
        if token[0].strip() not in _SPACES:
            tokens.append(token[0].strip())
    return tokens


def _word(words: str) -> str:
    """A name of letters only, so that a token is a command: "feed-forward" gives Feedforward."""
    return re.sub(r"[^A-Za-z]", "", words)


class _Reader:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[str], latex: str) -> None:
        self.left, self.latex = tokens, latex

    def take(self, expected: str | None = None) -> str:
        if not self.left or (expected and self.left[0] != expected):
            at = self.left[0] if self.left else "the end"
            raise FormulaError(f"{self.latex!r}: {expected or 'more'} expected at {at}")
        return self.left.pop(0)

    def next_is(self, *tokens: str) -> bool:
        return bool(self.left) and self.left[0] in tokens

    def sum(self) -> str:
        sign = self.take() if self.next_is("-", "+") else ""
        text = sign + self.product()
        while self.next_is("+", "-"):
            text += f" {self.take()} {self.product()}"
        return text

    def product(self) -> str:
        text = self.power()
        while self.left and not self.next_is("+", "-", ")", "}", "]", ",", "="):
            if self.next_is("*", "×", "\\times", "\\cdot"):
                self.take()
                text += f"*{self.power()}"
            elif self.next_is("/"):
                self.take()
                text += f"/{self.denominator()}"
            else:
                text += f"*{self.power()}"
        return text

    def denominator(self) -> str:
        """What stands below an inline ``/``: in ``M/4d`` it is 4d, a sign of × ends it."""
        text = self.power()
        while self.left and (self.left[0].isalnum() or self.next_is("(")):
            text += f"*{self.power()}"
        return f"({text})" if "*" in text else text

    def power(self) -> str:
        base = self.atom()
        while self.next_is("^"):
            self.take()
            exponent = self.group()
            if len(exponent) == 1 and exponent in "QKVO":  # a matrix for queries, no power
                base = f"{base}_{exponent}"
                continue
            base = f"{base}**{exponent if exponent.isalnum() else f'({exponent})'}"
        return base

    def group(self) -> str:
        """What follows ``^``: one token, or a sum in braces."""
        if self.next_is("{"):
            self.take()
            inside = self.sum()
            self.take("}")
            return inside
        token = self.take()
        return "T" if token == "\\top" else token

    def atom(self) -> str:
        token = self.take()
        if token[0].isdigit():
            return token
        if token == "\\frac":
            above, below = self.braced(), self.braced()
            return f"(({above})/({below}))"
        if token in _FUNCTIONS:
            return f"{_FUNCTIONS[token]}({self.arguments()})"
        if token in ("(", "["):
            inside = self.sum()
            self.take(")" if token == "(" else "]")
            return f"({inside})"
        if token == "{":
            inside = self.sum()
            self.take("}")
            return f"({inside})"
        return self.name(token)

    def braced(self) -> str:
        self.take("{")
        inside = self.sum()
        self.take("}")
        return inside

    def arguments(self) -> str:
        closing = {"(": ")", "{": "}"}[self.take()]
        values = [self.sum()]
        while self.next_is(","):
            self.take()
            values.append(self.sum())
        self.take(closing)
        return ", ".join(values)

    def name(self, token: str) -> str:
        if token.startswith("\\W"):
            name = token[2:]
            if (self.next_is("(") and name[:1].isupper()) or name == "softmax":
                return f"{name}({self.arguments()})"
        elif token.startswith("\\"):
            name = token[1:]
            if name not in _GREEK.split():
                raise FormulaError(f"{self.latex!r}: cannot read {token}")
            name = "lam" if name == "lambda" else name
        elif token.isalpha():
            name = token
        else:
            raise FormulaError(f"{self.latex!r}: cannot read {token!r}")
        if self.next_is("_"):
            self.take()
            name += f"_{self.subscript()}"
        return name

    def subscript(self) -> str:
        if not self.next_is("{"):
            return self.take().lstrip("\\")
        self.take()
        parts = []
        while not self.next_is("}"):
            parts.append(self.take().lstrip("\\").removeprefix("W"))
        self.take("}")
        return re.sub(r"\W", "", "".join(parts))
