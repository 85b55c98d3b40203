"""Parameters of chapter 21: those that ship are good, and bad ones are told how to be mended."""

import json
from pathlib import Path

import pytest

from brnb.algorithms.params import ComputeParams
from brnb.params import ParameterError, literals, validate

NOTEBOOK = Path(__file__).parents[2] / "notebooks/21_compute_infrastructure.ipynb"


@pytest.fixture
def values():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    (cell,) = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
    return literals("".join(cell["source"]))


def test_the_notebooks_own_values_are_good(values):
    assert validate(ComputeParams, values).rows["heads"] == 4


@pytest.mark.parametrize(("change", "message"), [
    ({"rows": {"batch": 1, "seq_len": 64, "width": 60, "heads": 2}}, "give 32 or 64 for each head"),
    ({"rows": {"batch": 1, "seq_len": 65, "width": 64, "heads": 2}}, "give a multiple of 64"),
    ({"rows": {"batch": 1}}, "give batch, seq_len, width and heads"),
    ({"workers": 3}, "choose 1, 2, 4 or 8"),
    ({"dtype": "fp12"}, "dtype"),
    ({"measure_seconds": -1.0}, "measure_seconds"),
])  # fmt: skip
def test_bad_values_name_the_parameter_and_the_fix(values, change, message):
    with pytest.raises(ParameterError, match=message):
        validate(ComputeParams, values | change)
