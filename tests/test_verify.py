"""A bit that fell over leaves no time behind: `brnb verify` finds it, and status knows then."""

import os

import pytest
import torch

from brnb import cli
from brnb.pipeline import Pipeline
from brnb.train.checkpoint import Checkpoint
from brnb.verify import verify


@pytest.fixture
def done(project, run_chapter):
    run_chapter("first")
    run_chapter("second")
    checkpoint = Checkpoint(project / "work/smoke/first/checkpoints", "a")
    checkpoint.save({"model": {"w": torch.ones(3)}})
    checkpoint.wait()
    Pipeline("smoke", project).status()
    return project


def flip(path):
    """Change one bit and give the file back its time."""
    before, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_two_receipts_an_artefact_and_a_checkpoint_are_whole(done, capsys):
    assert cli.main(["verify"]) == 0
    assert capsys.readouterr().out.startswith("4 of 4 files are as they were written (")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("reports/smoke/runs/first/text.txt", "altered (its SHA-256 differs)"),
        ("reports/smoke/runs/first/receipt.json", "not a valid receipt"),
        ("work/smoke/first/checkpoints/a.pt", "is damaged (its SHA-256 differs)"),
    ],
)
def test_a_flipped_bit_is_found_though_the_file_time_is_the_same(done, path, problem):
    flip(done / path)
    (found,) = verify(Pipeline("smoke", done)).problems
    assert path in found
    assert problem in found
    assert cli.main(["verify"]) == 1


def test_status_knows_what_was_verified(done):
    flip(done / "reports/smoke/runs/first/text.txt")
    pipeline = Pipeline("smoke", done)
    assert pipeline.status_of("first").state == "done"  # nobody touched the file, as far as it sees
    verify(pipeline)
    assert "text.txt altered" in pipeline.status_of("first").why
