"""Chapter 21: the curves of parallelism, and what real processes measure beside them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brnb.algorithms.parallel_points import Point
from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.theory.collectives import ring_bytes
from brnb.theory.pipelining import pipeline_efficiency
from brnb.theory.zero import Stage, sent_bytes, worker_bytes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STAGES: tuple[Stage, ...] = (0, 1, 2, 3)
DEPTHS = (2, 4, 8, 16)  # of the drawn pipelines


def predicted(point: Point) -> float:
    """What a formula says of a point (Eqs. B.84, B.87-B.93, B.97-B.98), in its unit."""
    stage: Stage = point.variant if point.scheme.startswith("zero") else 0  # type: ignore[assignment]
    values = {
        "ring_sent": lambda: ring_bytes(1.0, point.processes),
        "zero_sent": lambda: sent_bytes(1.0, point.processes, stage, "fp32") / 4,
        "zero_held": lambda: worker_bytes(1.0, point.processes, stage),
        "pipeline_ticks": lambda: pipeline_efficiency(point.processes, point.variant),
    }
    values["pipeline_share"] = values["pipeline_ticks"]
    return float(values[point.scheme]())


def tab_parallel_points(points: Sequence[Point], lang: str) -> "pd.DataFrame":
    """Every measured point beside its formula; shares of time in %."""
    rows = []
    for point in points:
        unit = 100 if point.scheme.startswith("pipeline") else 1
        rows.append(
            {
                "measured_scheme": label(point.scheme, lang),
                "counted_processes": point.processes,
                "scheme_variant": point.variant or None,
                "measured_value": unit * point.value,
                "predicted_value": unit * predicted(point),
            }
        )
    return frame(rows)


def fig_parallelism(parameters: float, points: Sequence[Point], lang: str) -> "Figure":
    """Three curves: the pipeline's efficiency, what a ring sends, and ZeRO's memory; and points of
    real processes on them."""
    fig, (bubble, ring, zero) = figure(3.0, ncols=3)
    _draw_bubble(bubble, points, lang)
    _draw_sent(ring, points, lang)
    _draw_held(zero, parameters, points, lang)
    for axis in (bubble, ring, zero):
        axis.legend(fontsize=7)
    return fig


def _draw_bubble(axis: "Axes", points: Sequence[Point], lang: str) -> None:
    batches = _powers_of_two(7)
    for number, count in enumerate(DEPTHS):
        efficiency = 100 * np.asarray(pipeline_efficiency(count, batches))
        axis.semilogx(batches, efficiency, base=2, color=f"C{number}", label=f"P = {count}")
        for scheme, marker in (("pipeline_ticks", "o"), ("pipeline_share", "x")):
            some = [p for p in points if p.scheme == scheme and p.processes == count]
            shares = [100 * p.value for p in some]
            _mark(axis, [p.variant for p in some], shares, number, marker)
    axis.set_xlabel(label("micro_batches", lang))
    axis.set_ylabel(label("pipeline_efficiency", lang))


def _draw_sent(axis: "Axes", points: Sequence[Point], lang: str) -> None:
    workers = _powers_of_two(8)
    ring = np.asarray(ring_bytes(1.0, workers))
    curves = (("ring_sent", 0, label("ring", lang), ring), ("zero_sent", 3, "ZeRO-3", 1.5 * ring))
    for number, (scheme, stage, name, curve) in enumerate(curves):
        axis.semilogx(workers, curve, base=2, color=f"C{number}", label=name)
        some = [p for p in points if p.scheme == scheme and p.variant == stage]
        _mark(axis, [p.processes for p in some], [p.value for p in some], number)
    axis.set_xlabel(label("workers", lang))
    axis.set_ylabel(label("sent_over_data", lang))


def _draw_held(axis: "Axes", parameters: float, points: Sequence[Point], lang: str) -> None:
    workers = _powers_of_two(8)
    for stage in STAGES:
        memory = np.asarray(worker_bytes(parameters, workers, stage)) / 1e9
        name = label("without_zero", lang) if stage == 0 else f"ZeRO-{stage}"
        axis.semilogx(workers, memory, base=2, color=f"C{stage}", label=name)
        some = [p for p in points if p.scheme == "zero_held" and p.variant == stage]
        _mark(axis, [p.processes for p in some], [p.value * parameters / 1e9 for p in some], stage)
    axis.set_yscale("log")
    axis.set_xlabel(label("workers", lang))
    axis.set_ylabel(label("gb_of_states", lang))


def _mark(
    axis: "Axes", x: Sequence[float], y: Sequence[float], color: int, marker: str = "o"
) -> None:
    axis.plot(x, y, marker, color=f"C{color}", markerfacecolor="white", markersize=5)


def _powers_of_two(last: int) -> NDArray[np.float64]:
    return np.asarray([2.0**i for i in range(last + 1)])
