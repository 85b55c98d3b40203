"""Figures: size, fonts, languages, and the same bytes every time."""

import hashlib
import subprocess
import sys

import pytest

from brnb.report import figures

DRAW = """
import sys
from pathlib import Path
import matplotlib
matplotlib.use("Agg")
from brnb.report import figures
fig, axes = figures.figure(2.5)
for i in range(3):
    axes.plot([0, 0.5, 1], [i, i + 0.5, i * 2], label=f"série ▁{i}")
axes.set_xlabel("Época")
axes.legend()
figures.write_figure(Path(sys.argv[1]), "fig-x", fig, "pt")
"""


@pytest.fixture
def drawn(monkeypatch):
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    with plt.rc_context():
        yield figures.figure
    plt.close("all")


def draw_in_new_process(folder, hash_seed):
    env = {"PYTHONHASHSEED": hash_seed, "PATH": "", "SOURCE_DATE_EPOCH": hash_seed + "00000"}
    env["PYTHONPATH"] = ":".join(sys.path)
    subprocess.run([sys.executable, "-c", DRAW, str(folder)], env=env, check=True)
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_two_processes_write_the_same_bytes(tmp_path):
    first = draw_in_new_process(tmp_path / "a", "1")
    assert set(first) == {"fig-x.pdf", "fig-x.png", "fig-x.csv"}
    assert draw_in_new_process(tmp_path / "b", "2") == first


def test_pdf_has_the_text_width_embedded_fonts_and_no_date(tmp_path, drawn):
    fig, axes = drawn(3)
    axes.set_title("ação")
    pdf, png, _ = figures.write_figure(tmp_path, "fig-x", fig, "pt")
    data = pdf.read_bytes()
    assert b"CreationDate" not in data
    assert b"/FontFile2" in data  # TrueType, whole glyph outlines; Type 3 is what journals refuse
    assert b"/Type3" not in data
    width, height = (float(n) for n in data.split(b"/MediaBox [ 0 0 ")[1].split(b" ]")[0].split())
    assert width == pytest.approx(16 / 2.54 * 72, abs=0.01)
    assert height == 3 * 72
    assert b"matplotlib version" not in png.read_bytes()


def labels_of(axis):
    return [tick.get_text() for tick in axis.get_ticklabels()]


def test_decimal_comma_in_portuguese_only_on_numbers(tmp_path, drawn):
    fig, axes = drawn()
    axes.bar(["v1.0", "v2"], [0.25, 0.75])
    figures.write_figure(tmp_path, "fig-x", fig, "pt")
    assert "0,2" in labels_of(axes.yaxis)
    assert labels_of(axes.xaxis) == ["v1.0", "v2"]


def test_decimal_point_in_english(tmp_path, drawn):
    fig, axes = drawn()
    axes.plot([0, 1], [0, 1])
    figures.write_figure(tmp_path, "fig-x", fig, "en")
    assert "0.2" in labels_of(axes.yaxis)


def test_offset_and_log_ticks_have_commas_too(tmp_path, drawn):
    from matplotlib.ticker import ScalarFormatter

    fig, (left, right) = drawn(ncols=2)
    left.plot([0, 1], [1000.0001, 1000.0002])
    right.set_yscale("log")
    right.yaxis.set_major_formatter(ScalarFormatter())
    right.plot([0, 1], [0.01, 10])
    figures.write_figure(tmp_path, "fig-x", fig, "pt")
    assert "." not in "".join([*labels_of(left.yaxis), *labels_of(right.yaxis)])
    assert "0,10" in labels_of(right.yaxis)
    assert "." not in left.yaxis.get_offset_text().get_text()


def test_a_bad_id_is_refused(tmp_path, drawn):
    fig, _ = drawn()
    with pytest.raises(ValueError, match="use letters"):
        figures.write_figure(tmp_path, "../fig", fig, "pt")


def test_series_differ_without_colour(drawn):
    import matplotlib.pyplot as plt

    drawn()
    styles = [str(entry["linestyle"]) for entry in plt.rcParams["axes.prop_cycle"]]
    assert len(set(styles)) == len(styles) == 8


def test_no_two_runs_look_the_same_and_versions_differ_in_grey_print():
    assert len(set(figures.LOOKS.values())) == len(figures.LOOKS)
    markers = [marker for run, (_, marker) in figures.LOOKS.items() if run.startswith("v")]
    assert len(set(markers)) == len(markers)
    assert figures.look("v5_main") == {"color": "C2", "marker": "X", "linestyle": "-"}
