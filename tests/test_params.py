"""Parameters: validation with the fix in the message, derived values, what was read."""

from typing import Annotated, Self

import pytest
from pydantic import Field, model_validator

from brnb.params import (
    NEUTRAL,
    ParameterError,
    Params,
    identity,
    in_force,
    literals,
    validate,
)

BASE = {"profile": "smoke", "run_id": "v1", "seed": 1, "lang": "pt"}


class Schema(Params):
    learning_rate: Annotated[float, Field(gt=0, lt=1, description="peak")]
    batch_size: Annotated[int, Field(gt=0)]
    seq_len: int

    @property
    def tokens_per_step(self) -> int:
        return self.batch_size * self.seq_len


GOOD = BASE | {"learning_rate": 0.1, "batch_size": 4, "seq_len": 8}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"leraning_rate": 1.0}, ["leraning_rate", "unknown", "did you mean learning_rate?"]),
        ({"zzz": 1}, ["zzz: unknown", "known: batch_size"]),
        ({"learning_rate": 2.0}, ["learning_rate = 2.0", "less than 1", "peak"]),
        ({"learning_rate": "1e-3"}, ["'1e-3'", "write 1.0e-03 or 0.001"]),
        ({"batch_size": "x"}, ["batch_size = 'x'", "integer"]),
        ({"batch_size": True}, ["batch_size = True"]),
        ({"batch_size": 1.5}, ["batch_size = 1.5"]),
        ({"lang": "fr"}, ["lang = 'fr'", "'pt' or 'en'"]),
        ({"seed": -1}, ["seed = -1", "greater than or equal to 0"]),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(change, words):
    with pytest.raises(ParameterError) as error:
        validate(Schema, GOOD | change, "params/smoke/v1.yaml")
    assert "params/smoke/v1.yaml" in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_all_problems_are_listed_at_once():
    with pytest.raises(ParameterError, match="2 problems"):
        validate(Schema, GOOD | {"batch_size": 0, "learning_rate": 0.0})


def test_a_missing_parameter_says_where_it_belongs():
    values = {name: value for name, value in GOOD.items() if name != "seq_len"}
    with pytest.raises(ParameterError, match=r"seq_len: missing; .* parameters cell"):
        validate(Schema, values)


def test_an_integer_serves_as_a_float():
    class Wide(Params):
        share: float

    assert validate(Wide, BASE | {"share": 1}).share == 1.0


def test_unread_names_only_what_nobody_read():
    params = validate(Schema, GOOD)
    assert params.unread() == ["batch_size", "learning_rate", "seq_len"]
    assert params.tokens_per_step == 32
    assert params.unread() == ["learning_rate"]


def test_literals_takes_assignments_of_literals_only():
    assert literals("a = 1\nb: float = 2.5  # help\nc = ['x', None]\nd = -1_000") == {
        "a": 1,
        "b": 2.5,
        "c": ["x", None],
        "d": -1000,
    }
    for source in ("a = b", "a = f()", "import os", "a, b = 1, 2", "print(1)", "", "a ="):
        assert literals(source) is None


def test_in_force_reads_the_parameters_cell_and_what_was_injected_after_it():
    namespace = {"In": ["", "a = 1\nb = 2", "# Parameters\nb = 3\nc = 4"], "a": 1, "b": 3, "c": 4}
    assert in_force(namespace) == ({"a": 1, "b": 3, "c": 4}, {"a": 1, "b": 2})


def test_a_second_run_all_does_not_take_the_chapters_variables_for_parameters():
    cells = ["", "a = 1", "open_run()", "loss = compute()", "a = 5", "open_run()"]
    assert in_force({"In": cells, "a": 5, "loss": 1.5}) == ({"a": 5}, {"a": 5})


def test_without_a_parameters_cell_the_message_says_what_to_run():
    with pytest.raises(ParameterError, match="run the notebook's first code cell"):
        in_force({"In": ["", "open_run()"]})


def test_a_rule_about_several_parameters_is_told_in_its_own_words():
    class Short(Schema):
        @model_validator(mode="after")
        def _fits(self) -> Self:
            if self.tokens_per_step > 8:
                raise ValueError("seq_len = 8: lower it to 2")
            return self

    with pytest.raises(ParameterError) as error:
        validate(Short, GOOD)
    assert str(error.value) == "Short: 1 problem with the parameters\n  seq_len = 8: lower it to 2"


class Shaped(Params):
    width: int = Field(description="shapes everything")
    device: str = Field(description="shapes nothing", json_schema_extra=NEUTRAL)
    slots: int = Field(description="answers too", json_schema_extra={"shapes_answers": True})


def test_a_marked_parameter_is_no_part_of_the_identity():
    shaped = validate(Shaped, BASE | {"width": 2, "device": "cpu", "slots": 3})
    assert identity(shaped) == {"seed": 1, "width": 2, "slots": 3}
    assert identity(shaped, "answers") == {"slots": 3}
    assert "device" in shaped.unread()  # naming a training does not count as reading
