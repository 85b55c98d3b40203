"""Chapter 21: the roofline of the machine that runs the tests."""

import pytest
import torch

from brnb.algorithms.roofline import Timed
from brnb.chapters import compute_roofline as roofline

CPU = torch.device("cpu")
FLAT = roofline.Ceilings("CPU", "fp32", 1e10, 1e11, (2e10, 2e11))
GROUPS = {
    "operations_pytorch": [Timed("n = 8", 800.0, 10.0, 1e-8),
                           Timed("sum_of_matrices", 1.0, 12.0, 1e-9)],
    "operations_ours": [Timed("rms_norm", 4.0, 8.0, 2e-9)],
}  # fmt: skip


def test_ceilings_and_own_operations_are_measured():
    ceilings = roofline.measure_ceilings(CPU, "fp32", 2, [32, 64], 0.001)
    assert ceilings.published is None
    assert ceilings.ridge == ceilings.peak / ceilings.bandwidth
    sizes = {"batch": 2, "seq_len": 16, "width": 32, "heads": 2}
    groups = roofline.measure_operations(CPU, "fp32", [16, 32], sizes, 0.001)
    ours = {o.name: o for o in groups["operations_ours"]}
    assert ours["causal_attention"].flops == 2 * 4 * 16**2 * 32 / 2  # half of 4 n^2 d, twice
    assert ours["head_and_loss"].flops == 3 * 2 * 32 * 32 * 128  # loss and both gradients
    assert ours["swiglu_product"].traffic == 32 * (64 + 32) * 4
    assert all(o.seconds > 0 for o in ours.values())


def test_shares_of_the_roof():
    frame = roofline.tab_roofline_operations(FLAT, GROUPS, "en").set_index("operation")
    assert frame.loc["n = 8", "limit_gflops"] == 100  # 80 FLOP/byte, right of the ridge at 10
    assert frame.loc["n = 8", "roofline_share"] == pytest.approx(80)
    assert frame.loc["sum of matrices", "limit_gflops"] == pytest.approx(10 / 12)
    assert roofline.tab_roofline_ceilings(FLAT).loc[0, "copy_published"] == 20


def test_the_figure_has_both_roofs_and_all_operations():
    from matplotlib import pyplot as plt

    figure = roofline.fig_roofline(FLAT, GROUPS, "pt")
    (axis,) = figure.get_axes()
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == ["telhado medido", "telhado publicado", "PyTorch", "deste projeto"]
    assert {text.get_text() for text in axis.texts} == {"soma de matrizes", "RMSNorm"}
    plt.close(figure)
