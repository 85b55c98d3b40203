"""Algorithms 1-22 as floats: all there, with the numbers of the dissertation, naming real code."""

import importlib
import re

import pytest

from brnb.report.algorithms import write_algorithms
from brnb.thesis import load

NUMBERS = [f"{number:02}" for number in range(1, 23)]


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_all_are_written_with_their_number(tmp_path, lang):
    paths = write_algorithms(tmp_path / "algorithms", lang)
    assert [path.name for path in paths] == [f"alg{number}.tex" for number in NUMBERS]
    for number, path in zip(NUMBERS, paths, strict=True):
        text = path.read_text("utf-8")
        assert rf"\setcounter{{brnbalgorithmfloat}}{{{int(number) - 1}}}" in text
        assert rf"\label{{alg:{number}}}" in text
        for left, right in ((r"\begin{enumerate}", r"\end{enumerate}"), ("{", "}")):
            assert text.count(left) == text.count(right)
        assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0


def test_their_code_is_there():
    for number, facts in load("algorithms").items():
        if number in ("01", "19"):  # a parameter file, and a kernel that wants triton
            continue
        module, *names = re.split(r"[., ]+", facts["code"])
        for name in names:
            assert hasattr(importlib.import_module(f"brnb.algorithms.{module}"), name)
