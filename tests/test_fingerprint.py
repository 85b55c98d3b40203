"""Fingerprints: what counts, and what must not."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb import fingerprint
from brnb.sources import normalise, read_source

CODE = '''
"""Module docstring."""
import os  # why

def f(x, y=1):
    """Docstring."""
    return x + y  # comment

class A:
    """Docstring."""
    async def g(self):
        "Docstring."
        return {"a": 'b'}
'''
SAME = '''import os
def f(x,
      y=1):
    return (x +
            y)
class A:
    """Another docstring."""


    async def g(self):
        return {'a': "b",}
'''


def test_comments_docstrings_and_format_do_not_count():
    assert normalise(CODE) == normalise(SAME)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x + y", "y + x"),
        ("y=1", "y=1.0"),
        ("'b'", "'c'"),
        ("async def", "def"),
        ("x + y", "x - y"),
    ],
)
def test_code_counts(old, new):
    assert normalise(CODE) != normalise(CODE.replace(old, new))


def test_magics_do_not_count():
    assert normalise("%matplotlib inline\nx = 1") == normalise("\nx = 1")


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.booleans())))
def test_digest_is_sha256_of_canonical_json(value):
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert fingerprint.digest(value) == hashlib.sha256(canonical.encode()).hexdigest()[:16]
    assert fingerprint.digest(dict(reversed(value.items()))) == fingerprint.digest(value)


def test_reached_follows_imports_lazy_ones_too_and_data_files():
    found = fingerprint.reached(["brnb.theory.costs"])
    assert {"brnb.theory", "brnb.theory.costs", "brnb.thesis"} <= found.keys()
    assert {"brnb/thesis/prices.yaml", "brnb/thesis/hardware.yaml"} <= found.keys()
    assert "brnb.text.clean" not in found
    assert "brnb/thesis/prompts.yaml" not in found
    lazy = fingerprint.reached(["brnb.text.reader"])  # imports the sample inside a function
    assert "brnb.text.sample" in lazy


def test_data_counts_where_it_is_read_and_not_where_its_name_is_a_string():
    safety = fingerprint.reached(["brnb.extrinsic.safety"])
    assert "brnb/extrinsic/injection.yaml" in safety
    kernels = fingerprint.reached(["brnb.ops.kernels.mlp"])  # has a dict key "grid"
    assert not {name for name in kernels if name.endswith(".yaml")}
    figures = fingerprint.reached(["brnb.report.figures"])
    assert {"brnb/report/brnb.mplstyle", "brnb/report/labels.yaml"} <= figures.keys()


def test_a_folder_counts_with_all_its_files():
    probes = fingerprint.reached(["brnb.extrinsic.probes"])
    areas = ("direito", "expressoes", "geografia", "historia", "saude")
    assert {f"brnb/extrinsic/questions/{area}.yaml" for area in areas} <= probes.keys()


def test_of_a_keyed_file_the_entries_count_whose_keys_are_asked_for(monkeypatch):
    source = {"report/labels.yaml"}
    captions = {"tab-{run}-samples": "a", "tab-cleaning": "b", "loss": "c"}
    monkeypatch.setattr(fingerprint, "_read_data", lambda file, mtime: captions)
    asked = {"loss", "tab-{}-samples"}  # the second is what f"tab-{run.id}-samples" says
    found = fingerprint._data(source, frozenset(asked))
    assert found == {
        "brnb/report/labels.yaml": fingerprint.digest({"tab-{run}-samples": "a", "loss": "c"})
    }


def test_data_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r"brnb/thesis/pricess\.yaml is read and does not exist"):
        fingerprint._files("thesis/pricess.yaml")


def test_a_training_reaches_neither_the_sample_nor_the_cleaning_of_its_corpus():
    found = fingerprint.reached(["brnb.train.loop", "brnb.train.rows"])
    assert not {"brnb.text.corpus", "brnb.text.sample", "brnb.text.reader"} & found.keys()


def test_a_checkpoint_does_not_depend_on_how_tables_and_figures_look():
    found = fingerprint.reached(["brnb.train.loop"])
    assert not {name for name in found if name.startswith(("brnb.report", "brnb/report"))}


def test_what_writes_receipts_does_not_count():
    assert not fingerprint.PROVENANCE & fingerprint.reached(["brnb.run"]).keys()


def test_imports_under_type_checking_do_not_count():
    source = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import brnb.cli\nimport brnb.run"
    )
    assert read_source(source, "x").imports == {"brnb.run"}


def test_a_broken_notebook_is_named(tmp_path):
    (tmp_path / "x.ipynb").write_text("{")
    with pytest.raises(ValueError, match=r"x\.ipynb: not a Jupyter notebook"):
        fingerprint.notebook_cells(tmp_path / "x.ipynb")
