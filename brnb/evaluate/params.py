"""Parameters of the chapters that compare runs; light, so that checks read them without torch."""

from typing import Annotated

from pydantic import Field

from brnb.params import Params


class ResultsParams(Params):
    """Track 1 on one scale."""

    resamples: Annotated[int, Field(ge=100)] = Field(description="draws of each bootstrap")
    confidence: float = Field(gt=0.5, lt=1, description="of the intervals over documents")
    reference_documents: Annotated[int, Field(gt=0)] = Field(
        description="validation documents measured as if they were samples"
    )
