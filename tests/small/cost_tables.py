"""Tables 1-4 at once, with receipts of ours beside them."""

import pandas as pd

from brnb.theory import thesis_tables
from brnb.theory.costs import EXCHANGE_RATE, PRICE_LIST, receipt_cost


def cost_tables(receipts=()):
    """Frames by id."""
    costs = [receipt_cost(receipt, PRICE_LIST, EXCHANGE_RATE) for receipt in receipts]
    tables = {
        "tab01": thesis_tables.training_times(costs),
        "tab02": thesis_tables.prices(PRICE_LIST),
        "tab03": thesis_tables.single_gpu_costs(costs),
        "tab04": thesis_tables.track_two(costs),
    }
    return {key: pd.DataFrame(rows, dtype=object) for key, rows in tables.items()}
