"""Parameters of the theory chapters."""

from pydantic import Field

from brnb.params import Params


class CostParams(Params):
    """Which prices to count with (Table 2)."""

    price_list: str = Field(description="key of usd_per_hour in brnb/thesis/prices.yaml")
