"""Chapter 21: round trips, lost gradients and integers, against formats' definitions."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from brnb.chapters import compute_precision as precision
from brnb.models.store import save
from brnb.models.transformer import TransformerLM
from brnb.thesis import load


def test_table_17_by_round_trip():
    frame = precision.tab17(20_000, 0).set_index("format")
    for name, bits in {"FP32": 23, "FP16": 10, "BF16": 7}.items():
        # half a gap, and nearly all of it is met
        assert 0.9 * 2.0 ** -(bits + 1) < frame.loc[name, "error_measured"] <= 2.0 ** -(bits + 1)
        assert frame.loc[name, "precision_published"] == f"2^-{bits}"
    assert frame.loc["FP16", "largest"] == 65504
    assert frame.loc["INT8", "error_measured"] == 1  # small values are lost altogether
    # below half a step of 10/127, of five decades in logarithm: log10(0.0394 / 1e-4) / 5
    assert frame.loc["INT8", "lost_percent"] == pytest.approx(51.9, abs=1)


def test_lost_gradients_follow_rounding_and_a_scale_keeps_them():
    frame = precision.lost_gradients([1e-7, 1e-6], 100_000, 0)
    assert list(frame["lost_measured"]) == pytest.approx(list(frame["lost_predicted"]), rel=0.05)
    assert list(frame["lost_scaled"]) == pytest.approx([0, 0], abs=1e-4)
    figure = precision.fig_underflow(frame, "en")
    assert len(figure.get_axes()[0].get_lines()) == 4
    plt.close(figure)


def test_clips_by_monte_carlo():
    frame = precision.tab_clips(100_000, 0, "en")
    assert list(frame["rmse_inside"]) == pytest.approx(list(frame["rmse_formula"]), rel=0.02)
    eight = frame[frame["bits"] == 8]
    assert eight["rmse"].iloc[0] > 4 * eight["rmse"].iloc[1]
    assert eight["clipped_percent"].iloc[0] == pytest.approx(1.242, abs=0.15)  # beyond 2.5 sigma


def test_weights_in_integers():
    weights = {"weights_mlp": np.random.default_rng(0).normal(size=(200, 300))}
    frame = precision.tab_weights_int(weights, "en").set_index("bits")
    for bits in (8, 4):
        assert frame.loc[bits, "error_variance"] == pytest.approx(
            frame.loc[bits, "error_variance_formula"], rel=0.03
        )
    assert list(frame["within_tolerance"]) == [True, False]


def test_integers_in_a_models_cache():
    torch.manual_seed(0)
    sizes = {"vocab_size": 40, "width": 32, "layers": 2, "heads": 4, "kv_heads": 4, "hidden": 48}
    model = TransformerLM(**sizes, context=32).eval()
    assert set(precision.matrices_of(model.state_dict())) == {
        "weights_attention", "weights_mlp", "weights_embedding"
    }  # fmt: skip
    frame = precision.tab_integer_cache(model, torch.randint(40, (2, 24)), 12, "en")
    assert list(frame["bits"]) == [32, 10, 10, 6, 6]  # a scale of 16 bits for 8 numbers
    errors = list(frame["error"])
    assert errors[0] == 0 < errors[1] < errors[3]
    assert frame["loss_change"].iloc[0] == 0


def test_a_run_gives_its_transformer_back(tmp_path):
    torch.manual_seed(0)
    sizes = {"vocab_size": 40, "width": 32, "layers": 1, "heads": 4, "kv_heads": 4, "hidden": 48}
    model = TransformerLM(**sizes, context=32).eval()
    save(model, tmp_path)
    ids = torch.randint(40, (1, 8))
    assert torch.equal(precision.trained_transformer(tmp_path)(ids)[0], model(ids)[0])


def test_the_formats_of_table_17_are_those_of_the_text():
    rows = load("infrastructure", "tab17", "rows")
    assert [row["bits"] for row in rows] == [32, 16, 16, 8]
