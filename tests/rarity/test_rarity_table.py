"""The table of models: complete, canonical, and loud about a bad row."""

import re

import pytest

from brnb.rarity import MODELS, read_models, write_models
from brnb.rarity.table import COLUMNS

# Totals that the model cards or papers print, to the last weight.
PUBLISHED_TOTALS = {
    "Llama 3.1 8B": 8_030_261_248,
    "Llama 3.3 70B": 70_553_706_496,
    "Mistral 7B v0.1": 7_241_732_096,
    "Mixtral 8x7B": 46_702_792_704,
    "Gemma 2 9B": 9_241_705_984,
    "Qwen2.5 7B": 7_615_616_512,
    "Qwen3 8B": 8_190_735_360,
    "Phi-4 14B": 14_659_507_200,
    "Falcon3 7B": 7_455_550_464,
    "DeepSeek-V3 671B": 671_026_419_200,
    "GPT-OSS 20B": 20_914_757_184,
    "OLMo 2 7B": 7_298_617_344,
    "Tucano 2B4": 2_444_618_240,
}
# Active parameters as the papers round them, billions.
PUBLISHED_ACTIVE = {
    "Mixtral 8x7B": 13, "DeepSeek-V3 671B": 37, "Kimi K2 1T": 32, "Jamba 52B": 12,
    "OLMoE 1B-7B": 1.3, "Qwen3 235B-A22B": 22, "Phi-3.5-MoE 42B": 6.6, "DBRX 132B": 36,
}  # fmt: skip


@pytest.fixture(scope="module")
def models():
    return read_models()


def test_at_least_seventy_models_of_2023_to_2026(models):
    assert len(models) >= 70
    assert models["released"].str[:4].isin(["2023", "2024", "2025", "2026"]).all()
    assert set(models["released"].str[:4]) == {"2023", "2024", "2025", "2026"}


def test_totals_are_the_published_ones(models):
    totals = models.set_index("name")["parameters"]
    assert {name: totals[name] for name in PUBLISHED_TOTALS} == PUBLISHED_TOTALS


@pytest.mark.parametrize(("name", "billions"), PUBLISHED_ACTIVE.items())
def test_active_parameters_round_to_the_published_ones(models, name, billions):
    active = models.set_index("name")["parameters_active"][name] / 1e9
    assert active == pytest.approx(billions, rel=0.03)


def test_nominal_size_is_near_the_total(models):
    # Gemma 7B leaves out its 0.8B of embeddings: 22% above its name, the widest gap of all.
    known = models[models["parameters"].notna()]
    ratio = known["parameters"] / 1e9 / known["size"]
    assert ratio.between(0.88, 1.38).all(), known["name"][~ratio.between(0.88, 1.38)].tolist()


def test_the_file_is_in_its_canonical_form(models, tmp_path):
    rows = [
        {k: v for k, v in row.items() if not (v is None or v != v)}
        for row in models.astype(object).where(models.notna(), None).to_dict("records")
    ]
    write_models(reversed(rows), tmp_path / "models.csv")
    assert (tmp_path / "models.csv").read_bytes() == MODELS.read_bytes()


def damaged(tmp_path, change):
    """The table with one change, and the line of Llama 3.1 8B in it."""
    lines = MODELS.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if line.startswith("Llama 3.1 8B,"))
    lines[at] = change(lines[at])
    file = tmp_path / "models.csv"
    file.write_text("".join(lines), encoding="utf-8")
    return file, at + 1


@pytest.mark.parametrize(("change", "said"), [
    (lambda row: row.replace("GQA", "GAQ"),
     "Llama 3.1 8B: attention = 'GAQ': .*'MHA', 'MQA', 'GQA' or 'MLA'"),
    (lambda row: row.replace("SwiGLU", "Swish"), "activation = 'Swish': .*'SwiGLU', 'GeGLU'"),
    (lambda row: row.replace("RoPE,131072", "RoPE,"), "context is empty"),
    (lambda row: row.replace("RoPE,131072", "RoPE,128K"), "context = '128K': .*integer"),
    (lambda row: row.replace("2024-07-23", "July 2024"), "released = 'July 2024'"),
    (lambda row: row.replace("https://", ""), "source = "),
    (lambda row: row.replace("attention,,,,", "attention,,8,,"), "experts_active: give both"),
    (lambda row: row.replace(",8,2024", ",-8,2024"), "size = '-8': .*greater than 0"),
    (lambda row: row.replace(",no,", ",maybe,"), "qk_norm = 'maybe': .*boolean"),
    (lambda row: "," + row, "cells expected"),
])  # fmt: skip
def test_a_bad_cell_is_named_with_its_line(tmp_path, change, said):
    file, line = damaged(tmp_path, change)
    with pytest.raises(ValueError, match=f"{re.escape(str(file))}:{line}: .*{said}"):
        read_models(file)


def test_a_model_twice_is_named_with_both_lines(tmp_path):
    file, line = damaged(tmp_path, lambda row: row + row)
    with pytest.raises(ValueError, match=f":{line + 1}: Llama 3.1 8B is already in line {line}"):
        read_models(file)


def test_a_missing_column_is_refused(tmp_path):
    file = tmp_path / "models.csv"
    file.write_text(",".join(COLUMNS[1:]) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"models\.csv:1: the columns must be name,family"):
        read_models(file)


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    file = tmp_path / "models.csv"
    file.write_bytes(MODELS.read_bytes().replace(b",", b"\xe7", 1))
    with pytest.raises(ValueError, match=r"models\.csv: not UTF-8 .*save it as UTF-8"):
        read_models(file)


def test_a_row_that_cannot_be_written_is_named(tmp_path, models):
    good = models.iloc[0].dropna().to_dict()
    bad = good | {"name": "Ours 8B", "attention": "linear"}
    with pytest.raises(ValueError, match=r"models\.csv: row 2: Ours 8B: attention = 'linear'"):
        write_models([good, bad], tmp_path / "models.csv")
    assert not (tmp_path / "models.csv").exists()
