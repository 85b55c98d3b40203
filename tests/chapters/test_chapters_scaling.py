"""Tables and figures of the sweep, against hand calculation."""

import numpy as np
import pytest

from brnb.chapters import scaling
from brnb.studies.law import Law, fit_law, predict_largest
from brnb.studies.sweep import SweepTraining
from brnb.thesis import load
from brnb.train.history import History

LAW = Law(2.0, 60.0, 0.3)
SIZES = [10**6, 4 * 10**6, 10**7, 4 * 10**7, 10**8]
OPTIONS = {"resamples": 100, "confidence": 0.9, "seed": 1}


def training(size, seed):
    history = History(seconds=10.0 * seed)
    history.validation = [{"step": s, "tokens": 1e6 * s, "loss": 5.0 - s} for s in (1, 2)]
    loss = float(LAW.loss(size)) * (1 + 0.001 * (seed - 2))
    return SweepTraining(64, 2, seed, 0.001, 2 * size, size, loss, loss / 4, history)


TRAINED = [training(size, seed) for size in SIZES for seed in (1, 2, 3)]
FITS = {
    name: fit_law(
        [t.non_embedding for t in TRAINED], [t.loss for t in TRAINED], floor=floor, **OPTIONS
    )
    for name, floor in (("law_with_floor", True), ("power_law", False))
}
PREDICTED = {"law_with_floor": predict_largest(TRAINED, floor=True, **OPTIONS)}


def test_a_size_is_the_mean_of_its_seeds():
    first = scaling.tab_scaling_sizes(TRAINED).to_dict("records")[0]
    assert (first["non_embedding_million"], first["parameters_million"]) == (1.0, 2.0)
    assert (first["seeds"], first["seconds"]) == (3, 20.0)
    assert first["val_loss"] == pytest.approx(LAW.loss(10**6))
    assert first["standard_deviation"] == pytest.approx(0.001 * LAW.loss(10**6))


def test_our_laws_stand_above_the_published():
    frame = scaling.tab_scaling_laws(FITS, "pt")
    assert frame["law"].tolist()[2:] == [facts["name"] for facts in load("scaling").values()]
    assert frame["exponent"].tolist()[2:] == [0.076, 0.34, 0.3478]
    assert frame["floor"].tolist()[2:] == [None, 1.69, 1.8172]
    ours = frame.iloc[0]
    assert ours["exponent"] == pytest.approx(0.3, rel=0.05)
    assert ours["exponent_low"] < 0.3 < ours["exponent_high"]
    assert frame["floor"][1] == 0


def test_the_prediction_stands_beside_the_measured_loss():
    row = scaling.tab_scaling_prediction(PREDICTED, "en").iloc[0]
    assert row["measured_loss"] == pytest.approx(LAW.loss(10**8))
    assert row["error_percent"] == pytest.approx(0, abs=0.1)
    assert row["law"] == "Ours, with a constant"


def test_the_law_shows_every_training_and_the_prediction():
    axis = scaling.fig_scaling_law(TRAINED, FITS, PREDICTED, "pt").axes[0]
    points = {tuple(xy) for line in axis.lines for xy in np.transpose(line.get_data())}
    assert {(t.non_embedding, t.loss) for t in TRAINED} <= points
    assert (10**8, PREDICTED["law_with_floor"].predicted) in points
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")


def test_every_training_has_a_curve_and_every_size_a_name():
    axis = scaling.fig_scaling_curves(TRAINED, "pt").axes[0]
    assert len(axis.lines) == len(TRAINED)
    assert len(axis.get_legend().get_texts()) == len(SIZES)


def test_exponents_are_drawn_with_the_published_ones_below():
    axis = scaling.fig_scaling_exponents(FITS, "en").axes[0]
    names = [text.get_text() for text in axis.get_yticklabels()]
    assert names[1:3] == ["Ours, without a constant", "Kaplan et al. (2020)"]
