"""Parameters of the cost chapter: what is refused, and with which words."""

from pathlib import Path

import pytest

from brnb.params import ParameterError, validate
from brnb.pipeline import defaults
from brnb.theory.params import CostParams
from brnb.theory.shape import Shape

NOTEBOOK = Path(__file__).parents[2] / "notebooks/16_cost_tables.ipynb"
CASE = {
    "name": "QLoRA", "shape": "llama31_8b", "method": "qlora", "tokens": 1e6, "batch": 1,
    "seq_len": 2048, "gpu": "rtx4090", "count": 1,
}  # fmt: skip


@pytest.fixture
def values():
    return defaults(NOTEBOOK)


def refusal(values, **changes):
    with pytest.raises(ParameterError) as error:
        validate(CostParams, values | changes, where="costs.yaml")
    return str(error.value)


def test_the_notebooks_own_values_are_valid(values):
    params = validate(CostParams, values)
    assert params.cases[-1].model.parameters == 70_553_706_496  # Llama 3.1 70B, as its card says


@pytest.mark.parametrize(("changes", "words"), [
    ({"price_list": "vast"}, "price_list = 'vast'|prices.yaml has no 'vast' at usd_per_hour|"
                             "vast_ai_p25"),
    ({"exchange_rate": "eur"}, "exchange_rate = 'eur'|prices.yaml has no 'eur' at brl_per_usd"),
    ({"gpus": ["rtx9999"]}, "gpus.0 = 'rtx9999'|hardware.yaml has no 'rtx9999'|rtx4090"),
    ({"figure_gpu": "h200_sxm"}, "figure_gpu = 'h200_sxm' has no price|usd_per_hour/vast_ai_p25"),
    ({"grid": "mars"}, "grid = 'mars'|grid.yaml has no 'mars'|brazil_sin_2023"),
    ({"weights": {"performance": 1.0}}, "weights: give a number for each of performance, cost"),
    (
        {"weights": {"performance": 0.5, "cost": 0.5, "time": 0.2, "risk": 0.1}},
        "weights: they add up to 1.3; make it 1",
    ),
    ({"risk_values": {"Alto": 2.0, "Médio": 0.5, "Baixo": 0.2}}, "risk_values.Alto = 2.0"),
    ({"cases": [CASE | {"gpu": "h900"}]}, "cases.0.gpu = 'h900'|hardware.yaml has no 'h900'"),
    ({"cases": [CASE | {"tokens": -1.0}]}, "cases.0.tokens = -1.0"),
    ({"cases": [CASE | {"shape": "llama9"}]}, "shape 'llama9' is unknown; known: v6, llama2_7b"),
    ({"cases": [CASE | {"shape": {"vocab": 10}}]}, "shape: missing|'width'"),
    ({"cases": [CASE | {"shape": {"depth": 10}}]}, "unexpected keyword argument 'depth'"),
    ({"cases": [CASE | {"method": "dora"}]}, "cases.0.method = 'dora'"),
])  # fmt: skip
def test_bad_values_name_file_parameter_and_what_is_known(values, changes, words):
    message = refusal(values, **changes)
    for word in ["costs.yaml", *words.split("|")]:
        assert word in message


def test_a_shape_may_be_given_in_numbers(values):
    sizes = {"vocab": 10, "width": 4, "layers": 1, "heads": 1, "kv_heads": 1, "head_dim": 4,
             "hidden": 8}  # fmt: skip
    params = validate(CostParams, values | {"cases": [CASE | {"shape": sizes}]})
    assert params.cases[0].model == Shape(**sizes)
