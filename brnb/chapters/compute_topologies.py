"""Chapter 21: networks of a cluster, counted (Eqs. B.52-B.58)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from brnb.report.figures import figure
from brnb.report.labels import format_number, label
from brnb.theory import interconnect

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def tab_topologies(ports: Sequence[int], link: float) -> "pd.DataFrame":
    """Fat trees and the largest balanced dragonfly (a = 2p = 2h) of k-port switches (B.52-B.57)."""
    rows = []
    for k in ports:
        p = (k + 1) // 4
        groups = interconnect.dragonfly_groups(2 * p, p)
        rows.append(
            {
                "ports": k,
                "hosts_published": interconnect.printed_fat_tree_hosts(k),
                "hosts": interconnect.fat_tree_hosts(k),
                "switches": interconnect.fat_tree_switches(k),
                "bisection_published": interconnect.printed_bisection_bandwidth(k, link) / 1e12,
                "bisection_tb_s": interconnect.bisection_bandwidth(k, link) / 1e12,
                "dragonfly_groups": groups,
                "dragonfly_nodes": int(interconnect.dragonfly_nodes(groups, 2 * p, p)),
            }
        )
    return _frame(rows)


def fig_busy_links(loads: Sequence[float], lang: str) -> "Figure":
    """Probability that one of N links is busy, which the text calls congestion (Eq. B.58)."""
    fig, axis = figure(3.0)
    links = np.asarray([2.0**i for i in range(11)])
    for load in loads:
        busy = interconnect.busy_link_probability(load, 1.0, links)
        axis.semilogx(links, busy, base=2, label=f"λ/C = {format_number(load, lang)}")
    axis.set_xlabel(label("links", lang))
    axis.set_ylabel(label("probability_busy", lang))
    axis.legend()
    return fig


def _frame(rows: Any) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, dtype=object)
