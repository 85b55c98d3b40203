"""Parameters of the chapters that compare runs; light, so that checks read them without torch."""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.config import JsonDict

from brnb.params import Name, Params

ANSWERS: JsonDict = {"shapes_answers": True}
"""Mark of a field that another answer may follow from (`brnb.params.identity`)."""

Task = Literal["qa", "summarisation", "rewriting"]


class ComparedModel(BaseModel):
    """Another model that answers the same items: of the hub, a package, a folder or a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    base: Annotated[str, Field(min_length=1)]
    adapter: str | None = None
    revision: str | None = None


class ExtrinsicParams(Params):
    """The extrinsic evaluation of Track 2."""

    cpt_run: Name = Field(description="run of the continued pretraining")
    sft_run: Name = Field(description="fine-tuning; its base: the baseline")
    intrinsic_run: Name = Field(description="run of chapter 14, which trained the variants")
    variants: list[Name] = Field(description="ablations of chapter 14 that answer too")
    compared: list[ComparedModel] = Field(description="more models: name, base, adapter, revision")
    translations: str = Field(
        min_length=1, description="sample, or a JSONL file of id, en, pt and split"
    )
    translated_items: Annotated[int, Field(gt=1)] = Field(description="of the translation test")
    benchmarks: list[Annotated[str, Field(min_length=1)]] = Field(
        description="multiple-choice tasks of lm-evaluation-harness: YAML files; or sample"
    )
    instructions: str = Field(
        min_length=1,
        description="sample, hf:<name>[:<split>], or a file or folder of JSONL or Parquet",
    )
    candidates: Annotated[int, Field(gt=0)] | None = Field(
        description="pairs read from the source; None: all"
    )
    external: dict[Task, str] = Field(
        description="JSONL files that give the items of a task instead of the source"
    )
    items_per_task: dict[Task, Annotated[int, Field(gt=1)]] = Field(
        description="of each test set; all three tasks"
    )
    sampling_seeds: Annotated[list[int], Field(min_length=2)] = Field(
        description="each draws a test set a task"
    )
    max_prompt_chars: Annotated[int, Field(gt=0)] = Field(
        description="an item with a longer prompt is left out"
    )
    near_duplicate: float = Field(
        gt=0, le=1, description="Jaccard index of character 5-grams from which two prompts overlap"
    )
    max_new_tokens: Annotated[int, Field(gt=0)] = Field(
        description="of an answer", json_schema_extra=ANSWERS
    )
    slots: Annotated[int, Field(gt=0)] = Field(
        description="answers that are written together", json_schema_extra=ANSWERS
    )
    prefill_tokens: Annotated[int, Field(gt=0)] = Field(
        description="tokens of prompts that are read together", json_schema_extra=ANSWERS
    )
    graph: bool = Field(description="capture the decoding step as a CUDA graph")
    precision: Literal["fp32", "bf16"] = Field(
        description="of the merged weights", json_schema_extra=ANSWERS
    )
    device: Literal["auto", "cpu", "cuda"] = Field(description="auto: the GPU if there is one")
    checked_items: Annotated[int, Field(gt=0)] = Field(
        description="answers that our engine repeats one by one; 381 equal ones show 99%"
    )
    compared_items: Annotated[int, Field(gt=0)] = Field(
        description="answers compared with transformers' own, one prompt at a time"
    )
    temperatures: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = Field(
        description="beside greedy decoding"
    )
    generation_seeds: Annotated[list[int], Field(min_length=2)] = Field(
        description="answers drawn an item and temperature"
    )
    temperature_items: Annotated[int, Field(gt=0)] = Field(
        description="items of each task that are answered at each temperature"
    )
    judged_items: Annotated[int, Field(gt=0)] = Field(
        description="pairs of answers that the baseline judges"
    )
    resamples: Annotated[int, Field(ge=100)] = Field(description="draws of bootstrap and test")
    confidence: float = Field(gt=0.5, lt=1, description="of the intervals over items")

    @field_validator("items_per_task")
    @classmethod
    def _names_all_tasks(cls, items: dict[str, int]) -> dict[str, int]:
        if missing := set(get_args(Task)) - items.keys():
            raise ValueError(f"no number for {', '.join(sorted(missing))}: give all three tasks")
        return items
