"""The schema of the small chapters."""

from brnb.params import Params


class MiniParams(Params):
    """One parameter of their own."""

    price_list: str
