"""Track 1's tables: both verdicts, one scale, and hours against hand calculation."""

from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

from brnb.chapters.track1 import (
    best_by_cleaning,
    chosen_gap,
    tab10,
    tab_track1_hours,
    tab_track1_registers,
    tab_yardstick,
)
from brnb.evaluate.intrinsic import DocumentNats, Intrinsic
from brnb.evaluate.legibility import Legibility
from brnb.evaluate.records import Record
from brnb.thesis import load
from brnb.train.history import History


def test_guardrails_show_both_verdicts_and_what_is_missing():
    found = Legibility(0.0, 0.05, 0.0, 0.9, 1.0, 40, 0, 0.01, 0.08, True)
    frame = tab10({"v1": None, "v6_rc16k_v5b": found}, "en")
    columns = ["run", "short_piece_limit", "empty_samples", "guardrails_pass"]
    assert frame[columns].to_numpy().tolist() == [
        ["v1", None, None, None],
        ["v6_rc16k_v5b", None, None, False],
        ["v6_rc16k_v5b", 0.08, 0, True],
    ]
    assert str(frame["short_piece_ratio"][1]) == "0.149"


def test_the_best_of_each_cleaning_is_told_apart_and_by_register():
    nats = np.log(2) * np.array([8.0, 16.0, 4.0])
    documents = DocumentNats(nats, np.array([8.0, 8.0, 8.0]), ("lei", "lei", "fala"))
    records = [
        Record(name, {"cleaning": cleaning}, Intrinsic(1, 2, 0.5, bits, 9, 1), History(),
               None, None, documents, Intrinsic(1, 2, 0.5, bits - 0.1, 9, 1))
        for name, cleaning, bits in (("a", "early", 1.2), ("b", "early", 1.1), ("c", "v6", 1.3))
    ]  # fmt: skip
    assert {c: r.run for c, r in best_by_cleaning(records).items()} == {"early": "b", "v6": "c"}
    assert chosen_gap(records) == (pytest.approx(0.1), pytest.approx(0.1))
    frame = tab_track1_registers(records, 100, 1, 0.95)
    assert frame[["run", "register", "bits_per_byte"]].to_numpy().tolist() == [
        ["b", "fala", pytest.approx(0.5)], ["b", "lei", pytest.approx(1.5)],
        ["c", "fala", pytest.approx(0.5)], ["c", "lei", pytest.approx(1.5)],
    ]  # fmt: skip


def test_the_yardstick_ends_with_the_best():
    worse, better = (
        Record(name, {"cleaning": "v6"}, Intrinsic(1, 2, 0.5, bits, 9, 1), History(), *[None] * 3)
        for name, bits in (("v2", 1.5), ("v3", 1.0))
    )
    frame = tab_yardstick([better, worse], {"v2": (1.4, 1.6)})
    assert frame["run"].tolist() == ["v2", "v3"]
    assert frame["ci_low"].tolist() == [1.4, None]


def run(name, gpu, tokens, seconds):
    device = "NVIDIA GeForce RTX 4090" if gpu else "CPU"
    speed = {"seconds": seconds + 60, "tokens_per_second": tokens / seconds}  # a minute to compile
    return SimpleNamespace(run=name, device=device, gpu=gpu, tokens=tokens, **speed)


def test_hours_are_the_published_tokens_at_our_speed():
    # 13.88e9 tokens at 5e6 a second are 2776 s; Table 2 has the RTX 4090 at 0.30 USD/h.
    frame = tab_track1_hours([run("v1", "rtx4090", 10**9, 200.0)], "pt")
    row, total = frame.to_dict("records")
    assert row["tokens_per_second"] == 5_000_000
    assert row["hours_projected"] == Decimal(2776) / 3600
    assert float(row["usd_projected"]) == pytest.approx(2776 / 3600 * 0.30)
    assert (row["gpu_published"], row["hours_published"]) == ("RTX 3080", Decimal("1.1"))
    assert (total["run"], total["hours_projected"]) == ("Total", row["hours_projected"])


def test_all_published_hours_add_up_and_a_cpu_has_no_price():
    names = [row["run"] for row in load("published", "tab01", "rows")]
    frame = tab_track1_hours([run(name, None, 10**6, 10.0) for name in [*names, "v7"]], "en")
    assert len(frame) == 11 + 1  # Track 2 and v7 have no published tokens
    total = frame.iloc[-1]
    assert total["hours_published"] == Decimal("47.5")
    assert total["tokens_billion"] == Decimal("49.08")
    assert total["usd_projected"] is None
    assert set(frame["gpu"][:-1]) == {"CPU"}
