"""What code says: the data that it reads is seen however the door was imported."""

import pytest

from brnb.sources import normalise, read_source


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ('from brnb import data\ndata.read("a/b.yaml")', {"a/b.yaml"}),
        ('from brnb.data import read as r\nr("a/b.yaml")', {"a/b.yaml"}),
        ('import brnb.data\nbrnb.data.path("a/b.csv")', {"a/b.csv"}),
        ('import brnb.data as d\nd.read("a", f"{x}.yaml")', {"a"}),
        ('from .. import data\ndata.read("a/b.yaml")', {"a/b.yaml"}),
        ('def f():\n    from brnb.thesis import load\n    load("grid", x)', {"thesis/grid.yaml"}),
        ("from brnb.models.store import load\nload(folder)", set()),
        ('from json import load\nload("grid")', set()),
        ('grid = "grid"\nopen("thesis/grid.yaml")', set()),
    ],
)
def test_reading_is_seen(code, data):
    assert read_source(code, "x.py", package="brnb.report").data == data


@pytest.mark.parametrize("argument", ["name", 'f"{name}.yaml"', "*names", ""])
def test_a_name_that_is_no_literal_is_refused_with_its_line(argument):
    code = f"from brnb.thesis import load\n\nload({argument})"
    with pytest.raises(ValueError, match=r"x\.py, line 3: .* must be a literal"):
        read_source(code, "x.py")


def test_an_f_string_is_a_pattern():
    assert "tab-{}-samples" in read_source('f"tab-{run.id}-samples"', "x").strings


def test_a_line_of_a_text_that_looks_like_ipython_counts():
    code = '%matplotlib inline\nx = """\n% {}\n"""\n!ls\n'
    assert normalise(code.format("a")) != normalise(code.format("b"))
    assert normalise(code.format("a")) == normalise(code.format("a").replace("!ls", "%pwd"))
