"""Exact match against drawn answers, and how sharply it rises."""

import numpy as np
import pytest

from brnb.theory.chinchilla import published
from brnb.theory.emergence import exact_match, rise, token_accuracy


def test_exact_match_by_monte_carlo():
    draws = np.random.default_rng(4).random((100_000, 5)) < token_accuracy(0.2)
    assert exact_match(0.2, 5) == pytest.approx(draws.all(axis=1).mean(), abs=0.006)
    assert token_accuracy(np.log(2)) == pytest.approx(0.5)


def test_longer_answers_rise_later_and_faster():
    flops = np.geomspace(1e12, 1e34, 400)
    loss = published().best_loss(flops) - published().E  # nats beyond what nobody can know
    widths = [rise(flops, exact_match(loss, k)) for k in (1, 10, 100)]
    assert widths == sorted(widths, reverse=True)
    # e^(-k r C^-g) goes from 0.1 to 0.9 within log10(ln 10 / ln(10/9)) / g decades, any k
    with pytest.raises(ValueError, match="begin x earlier"):
        rise([1, 2], [0.5, 1.0])


def test_a_straight_rise_by_hand():
    assert rise([1e0, 1e10], [0.0, 1.0]) == pytest.approx(8)
