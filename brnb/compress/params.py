"""Parameters of chapter 19; light, so that `brnb check` needs no torch."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brnb.params import NEUTRAL, Name, Params, Positive, Share

Scheme = Literal[
    "fp32", "bf16", "fp8", "int8_tensor", "int8_channel", "llm_int8",
    "nf4", "nf4_double", "fp4", "fp4_double", "int4", "gptq",
]  # fmt: skip
FileScheme = Literal["f32", "q8_0", "q6_k", "q5_k", "q4_k", "q3_k", "q2_k"]
TrainingWay = Literal["text", "text_same_time", "logits", "hidden", "sequence"]
Width = Annotated[int, Field(ge=2, le=8)]


class StudentShape(BaseModel):
    """The sizes in which a student differs from its teacher; all else is the teacher's."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    width: Positive
    layers: Positive
    heads: Positive
    kv_heads: Positive
    hidden: Positive


class CompressionParams(Params):
    """Chapter 19: quantisation, distillation, and both together."""

    runs: Annotated[list[Name], Field(min_length=1)] = Field(description="our models to quantise")
    others: list[str] = Field(description="folders, GGUF files or hub ids of more models")
    window: Annotated[int, Field(ge=16)] = Field(description="tokens that these read at a time")
    cleaning: Literal["early", "v6"] = Field(description="of the text that these read")
    schemes: Annotated[list[Scheme], Field(min_length=1)] = Field(
        description="number formats of the weights"
    )
    file_schemes: Annotated[list[FileScheme], Field(min_length=1)] = Field(description="of GGUF")
    student_schemes: Annotated[list[Scheme], Field(min_length=1)] = Field(
        description="of the student, and GGUF's"
    )
    group: Positive = Field(description="weights of a row that share a scale, where groups do")

    test_documents: Positive = Field(description="of the test split, to measure on")
    calibration_windows: Positive = Field(description="of the training text")
    calibration_tokens: Annotated[int, Field(ge=16)] = Field(description="of each of them")
    language_windows: Positive = Field(description="of them, where languages are compared")
    english: str | None = Field(description="text in English to calibrate on; None: the embedded")

    prompt_tokens: Positive = Field(description="of the prompts that are continued")
    new_tokens: Annotated[int, Field(ge=2)] = Field(description="of a continuation")
    prompts: Positive = Field(description="test documents that are continued")
    batches: Annotated[list[Positive], Field(min_length=1)] = Field(
        description="sequences at a time, where speed is measured"
    )

    widths: Annotated[list[Width], Field(min_length=2)] = Field(description="bits a map may have")
    probe_bits: Width = Field(description="of the one rounded map that tells its sensitivity")
    mean_bits: Annotated[list[float], Field(min_length=1)] = Field(
        description="budgets of mixed bits, each beside the uniform width of as many"
    )

    teacher: Name = Field(description="run whose model teaches")
    student_tokenizer: Name = Field(description="which tokenizer of run 'tokenizer'")
    student: StudentShape = Field(description="its sizes; all else as the teacher")
    ways: Annotated[list[TrainingWay], Field(min_length=1)] = Field(
        description="of training the student"
    )
    repeats: Annotated[int, Field(ge=2)] = Field(description="of each, with seeds seed, seed + 1…")
    tokens: Positive = Field(description="of each training")
    learning_rate: float = Field(gt=0, lt=1, description="peak, of the student")
    evaluate_every: Positive = Field(description="steps between validation losses")
    temperature: float = Field(gt=0, description="T of the softened predictions")
    teacher_share: Share = Field(description="of the loss")
    hidden_weight: float = Field(ge=0, description="of the distance of the last layers")
    sequence_tokens: Positive = Field(description="that the teacher writes, for way sequence")
    most_extra_time: float = Field(ge=1, description="limit of text_same_time's tokens, times")

    edge_threads: Positive = Field(description="cores of the edge machine")
    edge_tokens: Annotated[int, Field(ge=2)] = Field(description="to answer there")
    resamples: Annotated[int, Field(ge=100)] = Field(description="draws of each bootstrap")
    confidence: float = Field(gt=0.5, lt=1, description="of the intervals")
    device: Literal["auto", "cpu", "cuda"] = Field(
        description="auto: the GPU if there is one", json_schema_extra=NEUTRAL
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name, holds, rule in (
            ("teacher", self.teacher in self.runs, f"one of runs = {self.runs}"),
            ("probe_bits", self.probe_bits in self.widths, f"one of widths = {self.widths}"),
            ("schemes", "fp32" in self.schemes, "a list with fp32, which the others stand beside"),
            ("student_schemes", {"fp32", "bf16"} <= set(self.student_schemes), "a list with both"),
            ("ways", {"text", "logits"} <= set(self.ways), "a list with text and logits"),
        ):
            if not holds:
                raise ValueError(f"{name} = {getattr(self, name)}: it must be {rule}")
        for bits in self.mean_bits:
            if bits not in self.widths:
                raise ValueError(
                    f"mean_bits = {bits}: choose one of widths = {self.widths}, so that uniform "
                    "bits of the same mean exist"
                )
        return self
