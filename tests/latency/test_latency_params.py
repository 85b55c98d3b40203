"""What parameters of the runner are refused, with the fix in the message."""

import pytest
from latency_values import VALUES

from brnb.latency.params import LatencyParams
from brnb.params import ParameterError, validate

PLAIN = VALUES["contestants"]


@pytest.mark.parametrize(("change", "message"), [
    ({"contestants": [PLAIN[0], PLAIN[0]]}, "d stands there twice"),
    ({"contestants": [PLAIN[1], PLAIN[0] | {"shape": "other"}]}, "no shape 'other' in shapes"),
    ({"shapes": VALUES["shapes"] | {"dense": {"hidden_size": 8}}}, "dense: model_type is missing"),
    (
        {"shapes": VALUES["shapes"] | {"s": {"model_type": "llama", "hidden_size": -3}}},
        "shapes, s: hidden_size = -3 is negative",
    ),
    ({"contestants": [PLAIN[1], PLAIN[0] | {"base": "x"}]}, "give either base or shape"),
    ({"contestants": [PLAIN[1], PLAIN[0] | {"weights": "int4"}]}, "int4"),
    ({"pairings": [{"name": "x", "moe": ["nobody"], "dense": ["d"]}]}, "no contestant nobody"),
    ({"new_tokens": {"dosmi_v2": 3}}, "no number for expertise_map, external"),
    ({"repeats": 1}, "greater than or equal to 2"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        validate(LatencyParams, VALUES | change)
