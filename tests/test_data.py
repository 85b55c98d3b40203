"""The door to packaged data: reads what there is, names what there is not, and is the only one."""

import tomllib
from pathlib import Path

import pytest

from brnb import data

# What reads files of the package by its own path, and why: no chapter's result depends on it.
ALLOWED = {
    "brnb/data.py": "the door",
    "brnb/fingerprint.py": "hashes what others read",
    "brnb/compress/llama_cpp.py": "of llama.cpp's extension, not of ours",
}


def test_a_file_is_read():
    assert data.read("thesis/grid.yaml")["brazil_sin_2023"]["kg_co2_per_kwh"] == "0.0385"
    assert data.read("thesis", "grid.yaml") == data.read("thesis/grid.yaml")


def test_what_is_read_is_the_callers_own():
    data.read("thesis/grid.yaml").clear()
    assert data.read("thesis/grid.yaml")


def test_a_missing_file_names_its_neighbours():
    with pytest.raises(FileNotFoundError, match=r"brnb/thesis/grids\.yaml .* grid\.yaml"):
        data.read("thesis/grids.yaml")


def test_packaged_data_is_read_through_the_door():
    package = Path(data.__file__).parent
    files = (path for path in package.rglob("*.py") if "__file__" in path.read_text("utf-8"))
    assert {path.relative_to(package.parent).as_posix() for path in files} <= ALLOWED.keys()


def test_a_wheel_holds_every_file():
    package = Path(data.__file__).parent
    settings = tomllib.loads((package.parent / "pyproject.toml").read_text("utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["brnb"]
    listed = {file for pattern in patterns for file in package.glob(pattern)}
    files = {
        file for file in package.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    }
    assert {file for file in files - listed if file.suffix != ".py"} == set()
