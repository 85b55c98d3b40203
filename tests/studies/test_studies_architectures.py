"""Variants of equal size: the trainings are those of the loop, the table's numbers by hand."""

import numpy as np
import pytest
import torch
from model_kinds import BASE
from tiny_study import ROWS, TRAINING

from brnb.evaluate.intrinsic import evaluate
from brnb.models.choices import Choices
from brnb.models.transformer import TransformerLM
from brnb.params import ParameterError, validate
from brnb.studies.architecture_params import ArchitectureParams
from brnb.studies.architectures import (
    VariantRow,
    compare_variants,
    count_parameters,
    decoding_speed,
    equal_hidden,
    pattern,
    variant_table,
)
from brnb.train.loop import train

STABILITY = {"learning_rates": [1e-3, 0.5], "forms": {"without": {}, "with": {"qk_norm": "learnt"}}}
PARAMS = TRAINING | {
    "run_id": "architectures", "tokens": 96, "evaluate_every": 1, "kv_heads": 2, "hidden": 64,
    "mlp": "swiglu", "tied": True, "variant_seeds": 3, "confidence": 0.95, "decoded_tokens": 3,
    "decoded_sequences": 2, "stability": STABILITY | {"tokens": 48, "seeds": 1},
    "variants": {"attention": {"mqa": {"kv_heads": 1}, "mla": {"kv_rank": 8, "rope_dim": 4}},
                 "activation": {"relu2": {"mlp": "relu2", "learning_rate": 3e-3}}},
}  # fmt: skip


def params(**change):
    return validate(ArchitectureParams, PARAMS | change)


def test_every_variant_is_a_training_of_the_loop_of_equal_size(tmp_path):
    p = params()
    base, mqa, mla, relu2 = compare_variants(p, ROWS, tmp_path)
    assert [r.variant for r in (base, mqa, mla, relu2)] == ["base", "mqa", "mla", "relu2"]
    assert (base.learning_rate, relu2.learning_rate) == (1e-2, 3e-3)
    assert (base.choices.hidden, relu2.choices.hidden) == (64, 96)  # two matrices, not three
    for variant in (mqa, mla, relu2):
        step = 8 * (2 if variant is relu2 else 3) * 16 * 2
        assert abs(variant.parameters - base.parameters) <= step / 2
    told = p.training({"kv_heads": 1, "hidden": mqa.choices.hidden}, 4)
    torch.manual_seed(4)
    model = TransformerLM(**told.choices(19))
    assert model.choices == mqa.choices
    train(model, ROWS.train.ids, ROWS.validation.ids, told, tmp_path / "own", "data")
    expected = evaluate(model, ROWS.validation, 8).bits_per_byte
    assert mqa.bits_per_byte[1] == pytest.approx(expected, abs=1e-12)
    notes = sorted(tmp_path.glob("*.json"))
    assert len(notes) == 12
    stamps = [note.stat().st_mtime_ns for note in notes]
    again = list(compare_variants(p, ROWS, tmp_path))
    assert again == [base, mqa, mla, relu2]
    assert [note.stat().st_mtime_ns for note in notes] == stamps


def test_the_width_is_the_nearest_and_may_not_vanish():
    form = BASE | {"hidden": 40}
    target = count_parameters(form)
    assert equal_hidden(form, target, "x.y") == 40
    assert equal_hidden(form | {"kv_heads": 1}, target, "x.y") == 56  # 2·24·18 = 864 = 12·72
    assert target == count_parameters(form | {"kv_heads": 1, "hidden": 52})
    with pytest.raises(ValueError, match=r"variants\.x\.y: .* make the base's hidden larger"):
        equal_hidden(form | {"tied": False}, target - 5000, "x.y")


def variant(name, bits, **choices):
    return VariantRow("g", name, Choices(**BASE | choices), 1e-3, 99, bits, 5.0)


def test_differences_are_held_against_the_seeds():
    # by hand: differences 0.1, 0.2, 0.3 have the interval 0.2 ± 4.3027 · 0.1 / sqrt(3)
    rows = [
        variant("base", (1.0, 2.0, 3.0)),
        variant("unsure", (1.1, 2.2, 3.3)),
        variant("worse", (2.0, 3.0, 4.01)),
        variant("hardly", (1.1, 2.1, 3.11)),
    ]
    base, unsure, worse, hardly = variant_table(rows, 0.95).to_dict("records")
    assert (base["bits_per_byte"], base["deviation"], base["exceeds"]) == (2.0, 1.0, None)
    values = [unsure[name] for name in ("change", "ci_low", "ci_high")]
    assert values == pytest.approx([0.2, -0.0484, 0.4484], abs=1e-4)
    assert [r["exceeds"] for r in (unsure, worse, hardly)] == [False, True, True]
    # t = 0.10333 / (0.0057735 / sqrt(3)) = 31: two-sided p of 0.00104, twice it after Holm
    assert [r["exceeds_corrected"] for r in (unsure, worse, hardly)] == [False, True, True]
    assert base["kv_bytes_token"] == 2 * 2 * 2 * 24
    assert base["kv_bytes_context"] == 16 * base["kv_bytes_token"]


def test_patterns_say_who_sees_whom():
    c = Choices(**BASE | {"window": 2, "global_every": 2})
    assert np.array_equal(pattern(c, 1, 5), np.tri(5, dtype=bool))
    assert np.array_equal(pattern(c, 0, 5), np.tri(5, dtype=bool) & ~np.tri(5, k=-2, dtype=bool))


def test_decoding_is_measured_in_tokens_of_all_sequences():
    model = TransformerLM(**BASE)
    assert decoding_speed(model, sequences=2, tokens=3) > 0


@pytest.mark.parametrize(("change", "message"), [
    ({"variants": {"a": {"b": {"kv_head": 1}}}}, "kv_head: no choice .* did you mean kv_heads"),
    ({"variants": {"a": {"b": {"kv_heads": 3}}}}, "a.b: kv_heads = 3: it must be a divisor"),
    ({"variants": {"a": {"b": {"window": 0}}}}, "a.b: window = 0: it must be at least 1"),
    ({"variants": {"a": {"b": {"mlp": "tanh"}}}}, "a.b: mlp = 'tanh': choose from"),
    ({"variants": {"a": {"b": {"context": 9}}}}, "a.b: context: no choice"),
    ({"variants": {"a": {"b": {"learning_rate": 2.0}}}}, "learning_rate = 2.0"),
    ({"decoded_tokens": 5}, "decoded_tokens = 5: .* there is room for 4; lower it"),
    ({"stability": STABILITY | {"tokens": 48, "seeds": 1, "learning_rates": [0.5, 1e-3]}},
     "sort them, each once"),
    ({"variant_seeds": 2}, "variant_seeds = 2"),
])  # fmt: skip
def test_forms_that_cannot_be_built_are_named_before_anything_runs(change, message):
    with pytest.raises(ParameterError, match=message):
        params(**change)
