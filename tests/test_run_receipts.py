"""What upstream runs used: those that have finished count, the others are named and left out."""

import pytest
from mini_project import write_notebook

SECOND = """
import brnb
from mini_schema import MiniParams

run = brnb.open_run("02_second", MiniParams, globals())
#%%
from brnb.theory.costs import usage

used = [usage(receipt) for receipt in run.receipts()]
run.params.price_list
receipt = run.close()
"""


@pytest.fixture
def costs(project, run_chapter):
    path = project / "notebooks" / "02_second.ipynb"
    values = {"profile": "smoke", "run_id": "second", "seed": 1, "lang": "pt"}
    write_notebook(path, SECOND, values | {"price_list": "vast_ai_p25"})
    return lambda: run_chapter("second")


def test_a_missing_run_is_named_and_left_out(costs, capsys):
    found = costs()
    assert found["used"] == []
    assert found["receipt"].needs == {}
    assert "aviso: first não terminou e fica de fora" in capsys.readouterr().out


def test_a_finished_run_is_counted_though_its_artefacts_stayed_elsewhere(
    project, run_chapter, costs
):
    first = run_chapter("first")["receipt"]
    (project / "reports/smoke/runs/first/text.txt").unlink()
    found = costs()
    (used,) = found["used"]
    assert (used["run"], used["gpu"], used["gpus"]) == ("first", None, 1)
    assert float(used["seconds"]) == first.seconds
    assert list(found["receipt"].needs) == ["first"]
