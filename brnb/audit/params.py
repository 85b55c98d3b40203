"""Parameters of the chapter on claims."""

from pydantic import Field

from brnb.params import Params, Positive, Share


class ClaimsParams(Params):
    """Chapter 23."""

    mutations: Positive = Field(description="edits of numbers, units and signs that are tried")
    plausible_share: Share = Field(description="share of a GPU's peak above which none is believed")
