"""Tables and figures name the receipt that they belong to."""

import csv
import subprocess

import pandas as pd
from latex import needs_latex

from brnb.report import figures, tables
from brnb.report.stamp import read_stamp, stamp

RUN = "sft_qlora_llama31_8b_instruct_canarim10k"


def written(folder):
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    frame = pd.DataFrame({"run": ["v1"], "n": [1]})
    tables.write_table(folder / "tables", "tab-x", frame, lang="pt", caption="C")
    with plt.rc_context():
        fig, _ = figures.figure()
        figures.write_figure(folder / "figures", "fig-x", fig, "pt")
        plt.close(fig)
    return folder


def test_a_stamp_can_be_read_from_every_kind_of_file(tmp_path):
    written(tmp_path)
    assert read_stamp(tmp_path / "tables/tab-x.tex") is None
    sizes = (tmp_path / "figures/fig-x.pdf").stat().st_size
    stamp(tmp_path, RUN, "0123456789abcdef")
    names = ("tables/tab-x.tex", "tables/tab-x.csv", "figures/fig-x.pdf", "figures/fig-x.csv")
    for name in names:
        assert read_stamp(tmp_path / name) == (RUN, "0123456789abcdef")
    assert (tmp_path / "figures/fig-x.pdf").stat().st_size == sizes
    lines = (tmp_path / "tables/tab-x.csv").read_text().splitlines()
    assert lines[0].startswith("# brnb receipt")
    assert list(csv.reader(lines[1:])) == [["run", "n"], ["v1", "1"]]
    assert pd.read_csv(tmp_path / "tables/tab-x.csv", comment="#").shape == (1, 2)


@needs_latex
def test_a_pdf_shows_it_as_its_subject(tmp_path):
    stamp(written(tmp_path), "v1", "0123456789abcdef")
    info = subprocess.run(
        ["pdfinfo", tmp_path / "figures/fig-x.pdf"], capture_output=True, text=True, check=True
    )
    assert "brnb receipt: v1 0123456789abcdef" in info.stdout
