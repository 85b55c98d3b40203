"""The facts are well formed, complete, and consistent with one another where the source is."""

import math
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

import brnb.thesis
from brnb.thesis import load

FILES = sorted(Path(brnb.thesis.__file__).parent.glob("*.yaml"))
RUNS = [
    "v1", "v2", "v3", "v4_subword", "v4_subword_ep6", "v4k_bf_ep2", "v4k_bf_lstm_ep2", "v5_main",
    "v5b_long", "v6_rc16k_v5b", "v6_rc16k_v5b_aligned", "cpt_qlora_llama31_8b_brwac10k",
    "sft_qlora_llama31_8b_instruct_canarim10k", "eval_trilha2_extrinsic_3seeds",
]  # fmt: skip


class UniqueKeys(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys without a word."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"{node.start_mark}: a key appears twice in {keys}"
        return super().construct_mapping(node, deep)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_no_key_appears_twice(path):
    yaml.load(path.read_text(encoding="utf-8"), Loader=UniqueKeys)


def test_every_table_has_its_place_in_the_source():
    tables = load("published")
    assert [t["number"] for t in tables.values()] == [1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13]
    for key, table in tables.items():
        assert key == f"tab{table['number']:02d}"
        assert {"section", "page", "caption", "units", "rows"} <= set(table)
        assert set(table["units"]) <= set(table["rows"][0]), f"{key}: units of unknown columns"
        assert all(set(row) == set(table["rows"][0]) for row in table["rows"])


def test_tables_1_and_3_list_the_runs_of_the_dissertation():
    for table in ("tab01", "tab03"):
        assert [row["run"] for row in load("published", table, "rows")] == RUNS


def test_no_number_lost_its_printed_decimals():
    # A bare 0.30 in YAML would be the float 0.3.
    for table in load("published").values():
        for row in table["rows"]:
            assert not [v for v in row.values() if isinstance(v, (int, float)) and v not in (0, 1)]


@pytest.mark.parametrize(("table", "loss", "ppl"), [
    ("tab07", "loss", "ppl"), ("tab09", "val_loss", "val_ppl"),
    ("tab11", "eval_loss", "ppl"), ("tab12", "eval_loss", "ppl"),
])  # fmt: skip
def test_perplexity_is_exp_of_the_loss(table, loss, ppl):
    # Both columns are printed, so a slip in typing either shows; the loss has 3 or 4 decimals.
    for row in load("published", table, "rows"):
        printed = float(row[ppl])
        half_unit = 0.5 * 10 ** -len(row[loss].partition(".")[2])
        assert math.exp(float(row[loss])) == pytest.approx(printed, abs=printed * half_unit + 0.005)


def test_gains_of_tables_12_and_13_follow_from_their_columns():
    for base, adapted in zip(*[iter(load("published", "tab12", "rows"))] * 2, strict=True):
        change = 100 * (float(adapted["ppl"]) / float(base["ppl"]) - 1)
        assert change == pytest.approx(float(adapted["ppl_change"]), abs=0.15)
    for row in load("published", "tab13", "rows"):
        gain = Decimal(row["sft"]) - Decimal(row["baseline"])
        assert abs(gain - Decimal(row["gain"])) <= Decimal("0.001")


def test_prices_of_the_dissertation_are_those_of_table_2():
    prices = load("prices", "usd_per_hour", "vast_ai_p25", "prices")
    names = {key: gpu["name"] for key, gpu in load("hardware").items()}
    assert {names[key]: price for key, price in prices.items()} == {
        row["gpu"]: row["price_usd_hour"] for row in load("published", "tab02", "rows")
    }


def test_every_price_and_rate_has_source_and_date_or_a_note():
    entries = [*load("prices", "usd_per_hour").values(), *load("prices", "brl_per_usd").values()]
    for entry in entries:
        assert entry["source"]
        assert entry["date"] or entry["note"]
    assert set(load("prices", "usd_per_hour", "cloud_2024", "prices")) <= set(load("hardware"))


def test_device_names_are_unambiguous():
    devices = [d for gpu in load("hardware").values() for d in (gpu["name"], *gpu["devices"])]
    assert len(devices) == len(set(devices))


def test_hardware_against_appendix_b_of_the_dissertation():
    # Equations B.34-B.37: 312 TFLOP/s at 400 W (A100), 989 TFLOP/s at 700 W (H100).
    hardware = load("hardware")
    a100, h100 = hardware["a100_80gb"], hardware["h100_sxm"]
    assert (a100["bf16_tflops"], a100["power_w"]) == (312, 400)
    assert (round(h100["bf16_tflops"]), h100["power_w"]) == (989, 700)


def test_a_wrong_name_says_where_and_what_there_is():
    with pytest.raises(KeyError, match=r"brnb/thesis/price\.yaml does not exist; .*prices"):
        load("price")
    with pytest.raises(KeyError, match=r"published\.yaml has no 'tab33' at the top level"):
        load("published", "tab33")
    with pytest.raises(KeyError, match=r"no 'x' at tab04/rows; it has: no keys"):
        load("published", "tab04", "rows", "x")


def test_callers_cannot_change_the_facts():
    load("published", "tab02", "rows")[0]["price_usd_hour"] = "99"
    assert load("published", "tab02", "rows")[0]["price_usd_hour"] == "0.07"


@pytest.mark.parametrize("gpu", load("hardware").values(), ids=lambda gpu: gpu["name"])
def test_peak_and_bandwidth_follow_from_the_chip(gpu):
    # Dense bf16 with fp32 accumulation, a clock and a streaming multiprocessor: 512 on GeForce,
    # 2048 on the A100, 4096 on Hopper. Data sheets round to the last printed digit.
    peak = gpu["sms"] * gpu["flops_per_clock"] * gpu["boost_mhz"] / 1e6
    assert peak == pytest.approx(gpu["bf16_tflops"], rel=0.003)
    assert gpu["bus_bits"] * gpu["gbit_per_pin"] / 8 == pytest.approx(
        gpu["bandwidth_gb_s"], rel=0.001
    )


def test_every_price_list_has_source_and_day():
    for name, entry in load("prices", "usd_per_hour").items():
        assert entry["source"], name
        # The two of the dissertation print no day.
        assert name in ("vast_ai_p25", "cloud_2024") or len(entry["date"]) == 10, name
