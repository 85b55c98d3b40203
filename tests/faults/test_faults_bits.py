"""One bit flipped, or a file cut, in whatever a run rests on: found by its hash, and named."""

import json
import random

import pytest
import torch

from brnb import cli
from brnb.pipeline import Pipeline
from brnb.run import RunError
from brnb.train.checkpoint import Checkpoint
from brnb.verify import verify

FILES = {
    "artefact": "reports/smoke/runs/first/text.txt",
    "table": "reports/smoke/tables/tab-x.tex",
    "record of a table": "reports/smoke/tables/tab-x.csv",
    "receipt": "reports/smoke/runs/first/receipt.json",
}
CPU = torch.device("cpu")


@pytest.fixture
def done(project, run_chapter):
    """Both chapters, of which the first draws a table."""
    path = project / "notebooks/01_first.ipynb"
    cells = json.loads(path.read_text())
    draw = "import pandas as pd\nrun.table('tab-x', pd.DataFrame({'A': [1]}), caption='x')"
    cells["cells"][3]["source"] += f"\n{draw}"
    path.write_text(json.dumps(cells))
    run_chapter("first")
    run_chapter("second")
    return project


def spoilt(data, chance):
    """A copy with one bit flipped, or cut at any byte."""
    if chance.random() < 0.5:
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("kind", FILES)
def test_no_damage_counts_as_done(kind, done, tally, kills):
    path, chance = done / FILES[kind], random.Random(kind)
    data = path.read_bytes()
    for _ in range(10 * kills):
        path.write_bytes(spoilt(data, chance))
        found = Pipeline("smoke", done).status_of("first")
        is_named = path.name in found.why
        tally(f"{kind} flipped or cut", lost=found.state == "done" or not is_named)
        assert found.state != "done"
        assert is_named
        assert any(path.name in line for line in verify(Pipeline("smoke", done)).problems)
    path.write_bytes(data)
    assert Pipeline("smoke", done).status_of("first").state == "done"


def test_who_needs_a_damaged_artefact_is_stopped(done, run_chapter, tally, kills):
    path, chance = done / FILES["artefact"], random.Random(3)
    data = path.read_bytes()
    for _ in range(kills):
        path.write_bytes(spoilt(data, chance))
        with pytest.raises(RunError, match=r"text\.txt of first is .*Run: papermill"):
            run_chapter("second")
        tally("artefact damaged, and needed", lost=False)


def test_a_damaged_checkpoint_is_left_for_the_one_before(tmp_path, capsys, tally, kills):
    chance, saved = random.Random(4), Checkpoint(tmp_path, "a")
    for step in (1, 2):
        saved.save({"model": {"w": torch.randn(300)}, "step": step})
        saved.wait()
    data = saved.path.read_bytes()
    for _ in range(20 * kills):
        saved.path.write_bytes(spoilt(data, chance))
        state = Checkpoint(tmp_path, "a").load(CPU)
        said = capsys.readouterr().out
        is_safe = state["step"] == 1 and f"{saved.path} is damaged" in said
        tally("checkpoint flipped or cut", lost=not is_safe)
        assert is_safe


def test_a_torn_table_is_not_exported(done, tmp_path_factory, tally):
    dest = tmp_path_factory.mktemp("dest") / "tese"
    table = done / FILES["table"]
    table.write_bytes(table.read_bytes()[:200])
    assert cli.main(["export", str(dest)]) == 1
    tally("export of a torn table", lost=dest.exists())
    assert not dest.exists()
