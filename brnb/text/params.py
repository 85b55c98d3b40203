"""Parameters of the corpus chapter."""

import re
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from brnb.params import Params


class CorpusParams(Params):
    """What to read, which lines to remove, and how to split (thesis 4.3.1.1)."""

    corpus: Annotated[
        str,
        Field(
            min_length=1,
            description="sample, hf:<name>[:<split>], or a file or folder of JSONL, Parquet, text",
        ),
    ]
    documents: Annotated[
        int | None, Field(ge=1, description="how many documents to read; None reads all")
    ]
    sample_share: Annotated[
        float, Field(gt=0, le=1, description="share of the documents read that is used")
    ]
    min_chars: Annotated[
        int, Field(ge=0, le=1000, description="a line with fewer characters is removed")
    ]
    min_letters: Annotated[
        float, Field(ge=0, le=1, description="a line with a lower share of letters is removed")
    ]
    validation_share: Annotated[float, Field(gt=0, lt=0.5, description="share of the documents")]
    test_share: Annotated[float, Field(gt=0, lt=0.5, description="share of the documents")]
    near_duplicate: Annotated[
        float,
        Field(gt=0, le=1, description="Jaccard index at which held-out text repeats other text"),
    ]
    part: Annotated[
        str | None,
        Field(description="expression of the end of a doc_id that tells parts of one work"),
    ]
    registers: Annotated[
        dict[str, str],
        Field(description="by name: expression searched in what a source calls its register"),
    ]
    mask_personal_data: Annotated[
        bool, Field(description="replace CPF, e-mail, telephone and the like by what they are")
    ]
    max_malformed_share: Annotated[
        float, Field(ge=0, le=1, description="the run fails above this share of malformed records")
    ]

    @field_validator("part", "registers")
    @classmethod
    def _expressions_can_be_read(cls, value: str | dict[str, str] | None) -> Any:
        for text in value.values() if isinstance(value, dict) else (value or "",):
            try:
                re.compile(text)
            except re.error as error:
                raise ValueError(f"{text!r} is no regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _sample_has_an_end(self) -> Self:
        if self.corpus == "sample" and self.documents is None:
            raise ValueError("the embedded sample has no end: set documents to a number")
        return self
