"""Refit the law of Hoffmann et al. (2022) to its published points, and resample the constants.

The points are svg_extracted_data.csv of github.com/Besiroglu/data (Besiroglu et al., 2024), which
has no licence and is not kept here. Prints the constants, and what brnb/thesis/scaling.yaml holds
of them: deviations and correlations of E, ln A, ln B, alpha and beta.

    python benchmarks/refit_chinchilla.py svg_extracted_data.csv
"""

import sys

import numpy as np
import pandas as pd
from scipy.optimize import minimize

DELTA = 1e-3  # of the Huber loss, as in both papers
LEFT_OUT = 5  # points of fewest tokens a parameter, as in the replication
START = np.array([np.log(482.01), np.log(2085.43), np.log(1.8172), 0.3478, 0.3658])


def read(file: str) -> np.ndarray:
    """ln N, ln D and ln L of the points, shape (n, 3)."""
    frame = pd.read_csv(file).dropna(subset=["Model Size", "Training FLOP", "loss"])
    N, C, L = (frame[name].to_numpy(float) for name in ("Model Size", "Training FLOP", "loss"))
    points = np.log(np.stack([N, C / 6 / N, L], axis=1))
    return points[np.argsort(points[:, 1] - points[:, 0])[LEFT_OUT:]]


def misfit(theta: np.ndarray, points: np.ndarray) -> float:
    """Huber loss of ln L, summed over points; theta is ln A, ln B, ln E, alpha, beta."""
    a, b, e, alpha, beta = theta
    terms = np.logaddexp(a - alpha * points[:, 0], b - beta * points[:, 1])
    error = np.abs(np.logaddexp(terms, e) - points[:, 2])
    return float(np.where(error <= DELTA, error**2 / 2, DELTA * (error - DELTA / 2)).sum())


def fit(points: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The theta of least misfit."""
    rough = minimize(misfit, start, points, method="BFGS", options={"gtol": 1e-10})
    limits = {"maxiter": 4000, "maxfev": 4000, "xatol": 1e-8, "fatol": 1e-13}
    found = minimize(misfit, rough.x, points, method="Nelder-Mead", options=limits)
    return np.asarray(found.x)


def main(file: str, resamples: int = 400) -> None:
    """Print the fit to all points, and how its constants vary over resamples."""
    points = read(file)
    best = fit(points, START)
    print(f"{len(points)} points; E {np.exp(best[2]):.4f}, A {np.exp(best[0]):.1f}, "
          f"B {np.exp(best[1]):.1f}, alpha {best[3]:.4f}, beta {best[4]:.4f}")  # fmt: skip
    draw = np.random.default_rng(0)
    drawn = np.array([fit(draw.choice(points, len(points)), best) for _ in range(resamples)])
    theta = np.column_stack([np.exp(drawn[:, 2]), drawn[:, [0, 1, 3, 4]]])
    print("deviations", theta.std(axis=0, ddof=1).round(7).tolist())
    print("correlations", np.corrcoef(theta.T).round(7).tolist(), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])
