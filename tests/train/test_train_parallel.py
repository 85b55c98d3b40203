"""Two processes with gloo on the CPU train as one does with the same batch."""

import gc
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import TRAIN, VALIDATION, prepare
from two_processes import half, run

from brnb.train import parallel, sealed
from brnb.train.loop import train
from brnb.train.parallel import GradientSum, WorkerError, World, launch

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes under torchrun left, and their folder."""
    folder = tmp_path_factory.mktemp("two")
    half("v2", folder / "from_one")
    half("v6", folder / "one_to_sharded")
    tests = Path(__file__).parents[1]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *(str(tests / "small/two_processes.py"), str(folder)),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(tests.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-20000:]
    return json.loads((folder / "found.json").read_text()), folder


def losses(history):
    values = history if isinstance(history, dict) else vars(history)
    return [row["loss"] for row in values["train"] + values["validation"]]


def ends(history):
    """The last points of both curves."""
    values = history if isinstance(history, dict) else vars(history)
    return [values[curve][-1]["loss"] for curve in ("train", "validation")]


@pytest.mark.parametrize("form", ["v2", "v4", "v5", "v6", "v7"])
def test_two_processes_have_the_losses_of_one(form, two, tmp_path):
    found, expected = two[0][form], run(form, tmp_path)[1]
    assert losses(found) == pytest.approx(losses(expected), rel=2e-3 if form == "v7" else 1e-5)
    assert (found["processes"], found["micro_batch"]) == (2, 2)
    assert found["tokens"] == expected.tokens


def test_a_checkpoint_of_two_processes_continues_in_one(two, tmp_path):
    history = run("v2", two[1] / "to_one")[1]
    assert history.interruptions == 1
    assert ends(history) == pytest.approx(ends(run("v2", tmp_path)[1]), rel=1e-5)


def test_a_checkpoint_of_one_process_continues_in_two(two, tmp_path):
    found = two[0]["from_one"]
    assert found["interruptions"] == 1
    assert ends(found) == pytest.approx(ends(run("v2", tmp_path)[1]), rel=1e-5)


@pytest.mark.parametrize("form", ["v2", "v6"])
def test_spread_weights_have_the_losses_of_whole_ones(form, two, tmp_path):
    found = two[0]["sharded"][form]
    model, params = prepare(form, dropout=0.0)
    expected = train(model, TRAIN, VALIDATION, params, tmp_path, "data", keep="best")
    assert losses(found) == pytest.approx(losses(expected), rel=1e-5)
    sums = {name: part.sum().item() for name, part in model.state_dict().items()}
    assert found["sums"] == pytest.approx(sums, abs=2e-3)


def test_a_checkpoint_of_spread_weights_continues_in_one_process_and_back(two, tmp_path):
    expected = pytest.approx(ends(run("v6", tmp_path)[1]), rel=1e-5)
    assert ends(run("v6", two[1] / "sharded_to_one")[1]) == expected
    assert two[0]["one_to_sharded"]["interruptions"] == 1
    assert ends(two[0]["one_to_sharded"]) == expected


def test_processes_drop_different_units(two):
    first, second = two[0]["random"]
    assert first != second


@pytest.mark.parametrize("optimizer", ["muon", "normuon"])
def test_matrices_that_two_processes_share_are_updated_as_by_one(optimizer, two):
    assert two[0]["muon"][optimizer] == pytest.approx(0, abs=1e-6)  # batched, products round alike


@pytest.mark.parametrize("wire", ["fp32", "bf16"])
def test_only_matrices_are_added_up_in_the_precision_of_the_wire(wire, two):
    found, expected = two[0]["added_up"][wire]
    if wire == "bf16":
        expected[0] = torch.tensor(expected[0]).bfloat16().tolist()
    assert found == expected


def test_two_processes_in_bf16_have_the_losses_of_one_but_for_rounding(two, tmp_path):
    exact, rounded = (losses(run("v6", tmp_path / p, precision=p)[1]) for p in ("fp32", "bf16"))
    assert rounded != exact
    assert losses(two[0]["in bf16"]) == pytest.approx(rounded, rel=1e-3)


def test_memory_that_one_process_lacks_makes_both_compute_less_at_a_time(two, tmp_path):
    found = two[0]["memory"]
    assert (found["micro_batch"], found["out_of_memory"]) == (1, 1)
    assert losses(found) == pytest.approx(losses(run("v2", tmp_path)[1]), rel=1e-5)


def test_a_loss_that_is_no_number_in_one_process_stops_both(two):
    assert "nan by step 8; the last good state is" in two[0]["diverged"]
    states = (two[1] / "diverged").glob("*.pt")
    (last,) = [path for path in states if "previous" not in path.name]
    with sealed.reading(last) as file:
        assert torch.load(file)["state"]["step"] == 7


def test_a_chapter_trains_in_processes_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("BRNB_PROCESSES", "2")
    path = tmp_path / "row"
    TRAIN.tofile(path)
    data = np.memmap(path, np.uint16, "c")
    model, params = prepare("v6", dropout=0.0)
    found = train(model, data, VALIDATION, params, tmp_path / "two", "data", keep="best")
    monkeypatch.delenv("BRNB_PROCESSES")
    alone, _ = prepare("v6", dropout=0.0)
    expected = train(alone, TRAIN, VALIDATION, params, tmp_path / "one", "data", keep="best")
    assert losses(found) == pytest.approx(losses(expected), rel=1e-5)
    assert (found.processes, found.micro_batch, found.interruptions) == (2, 2, 0)
    assert found.earlier_seconds == 0
    for name, weight in alone.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], weight, rtol=1e-3, atol=1e-4)


def test_sums_of_gradients_do_not_keep_a_model_in_memory():
    weight = torch.nn.Parameter(torch.ones(2))
    sums = GradientSum([weight])
    gone = [weakref.ref(weight), weakref.ref(sums)]
    del sums
    weight.sum().backward()  # by itself again
    del weight
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def fail():
    raise FileNotFoundError("no tokenizer here")


def test_an_error_in_a_process_is_told():
    with pytest.raises(WorkerError, match="FileNotFoundError: no tokenizer here"):
        launch(1, CPU, fail)


def test_a_batch_that_cannot_be_split_is_refused():
    with pytest.raises(ValueError, match="take a multiple of 3"):
        World(0, 3).rows(32)
    assert [World(rank, 4).rows(32) for rank in (0, 3)] == [slice(0, 8), slice(24, 32)]


@pytest.mark.parametrize("length", [2, 8, 9, 89, 200])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 50])
def test_every_window_of_a_row_is_in_one_part(length, size):
    row = np.arange(90)
    parts = [World(rank, size).windows(row, length) for rank in range(size)]
    windows = [part[i : i + length + 1] for part in parts for i in range(0, len(part) - 1, length)]
    whole = [row[i : i + length + 1] for i in range(0, 89, length)]
    assert [list(window) for window in windows] == [list(window) for window in whole]
    assert min(map(len, parts)) >= 1


@pytest.mark.parametrize("text", ["two", "0", "-1"])
def test_a_number_of_processes_is_a_number(text, monkeypatch):
    monkeypatch.setenv("BRNB_PROCESSES", text)
    with pytest.raises(ValueError, match="BRNB_PROCESSES"):
        parallel.wanted()


def test_a_mapped_file_travels_by_name_and_a_part_of_one_by_content(tmp_path):
    TRAIN.tofile(tmp_path / "row")
    data = np.memmap(tmp_path / "row", np.uint16, "c")
    assert np.array_equal(parallel._by_name(data).open(), TRAIN)
    assert parallel._by_name(data[7:]) is not None
    assert np.array_equal(parallel._by_name(data[7:]), TRAIN[7:])
