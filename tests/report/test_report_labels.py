"""Labels in two languages, numbers as each language writes them."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import brnb.report.labels
from brnb.report.labels import find_label, format_number, label

NBSP = "\N{NO-BREAK SPACE}"


def test_every_label_has_both_languages():
    file = Path(brnb.report.labels.__file__).with_name("labels.yaml")
    for id, entry in yaml.safe_load(file.read_text(encoding="utf-8")).items():
        assert isinstance(id, str), f"{id!r}: quote it, YAML reads it as {type(id).__name__}"
        assert set(entry) - {"decimals", "quantity"} == {"pt", "en"}, id
        assert all(isinstance(entry[lang], str) and entry[lang] for lang in ("pt", "en")), id


def test_a_caption_with_a_run_in_its_id_is_a_pattern():
    assert label("tab-v4k_bf_ep2-samples", "en") == (
        "Samples of v4, 4k, GRU from the standard prompts."
    )
    assert label("fig-v1-loss", "pt") == "Curva de perda da v1."
    assert "Trilha 2" in label("tab-v6_130m", "pt")  # an id of its own goes before the pattern
    assert find_label("tab-nothing", "pt") is None


def test_a_caption_of_a_run_on_another_base_says_so():
    assert label("tab13-smollm2", "en") == f"{label('tab13', 'en')} Base: SmolLM2-135M-Instruct."
    assert label("fig-sft-loss-instruct", "en").startswith(label("fig-sft-loss", "en"))
    assert find_label("tab-nothing-smollm2", "en") is None


def test_no_label_appears_twice():
    file = Path(brnb.report.labels.__file__).with_name("labels.yaml")
    lines = file.read_text(encoding="utf-8").splitlines()
    ids = [line.split(":")[0] for line in lines if line and line[0] not in " #"]
    assert len(ids) == len(set(ids))


def test_an_unknown_label_names_the_nearest():
    with pytest.raises(KeyError, match=r"no label 'val_los' \(nearest: val_loss.*labels\.yaml"):
        label("val_los", "pt")
    assert find_label("val_los", "pt") is None


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match="'pt' or 'en'"):
        label("run", "fr")


@pytest.mark.parametrize(("value", "decimals", "pt", "en"), [
    (12345.678, 2, "12.345,68", "12,345.68"),
    (0.705, 2, "0,71", "0.71"),
    (1234567, None, "1.234.567", "1,234,567"),
    (2024, None, "2024", "2024"),
    (-1.5, 1, "−1,5", "−1.5"),
    (-0.001, 2, "0,00", "0.00"),
    (Decimal("0.30"), None, "0,30", "0.30"),
    (0.1 + 0.2, None, "0,3", "0.3"),
    (1 / 3, None, "0,333333", "0.333333"),
    (Decimal(1) / 3, None, "0,333333", "0.333333"),
    (np.float32(0.1), None, "0,1", "0.1"),
    (np.int64(7), None, "7", "7"),
    (3e-4, None, "0,0003", "0.0003"),
    (1.5e-7, None, "1,5\u202f×\u202f10⁻⁷", "1.5\u202f×\u202f10⁻⁷"),
    (13_880_000_000.0, None, "13.880.000.000", "13,880,000,000"),
    (0, None, "0", "0"),
    (0.0, 2, "0,00", "0.00"),
    (float("inf"), 2, "∞", "∞"),
    (999_999.96, 1, "1.000.000,0", "1,000,000.0"),
])  # fmt: skip
def test_numbers(value, decimals, pt, en):
    assert format_number(value, "pt", decimals) == pt
    assert format_number(value, "en", decimals) == en


@pytest.mark.parametrize("value", [None, float("nan"), np.nan, pd.NA, pd.NaT, Decimal("NaN")])
def test_missing_is_a_dash(value):
    assert format_number(value, "pt", 2, "USD") == "–"


@pytest.mark.parametrize(("unit", "text"), [
    ("%", "55,0%"), ("USD", f"US${NBSP}55,0"), ("BRL", f"R${NBSP}55,0"), ("kWh", f"55,0{NBSP}kWh"),
])  # fmt: skip
def test_units(unit, text):
    assert format_number(55, "pt", 1, unit) == text


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_what_is_printed_is_close_to_the_value(value):
    text = format_number(value, "en").replace("−", "-").replace(",", "").replace("\u202f", "")
    mantissa, _, power = text.partition("×10")
    power = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    assert float(f"{mantissa}e{power or 0}") == pytest.approx(value, rel=1e-5)
