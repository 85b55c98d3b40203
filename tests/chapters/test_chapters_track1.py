"""Track 1's tables: both verdicts, one scale, and hours against hand calculation."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from brnb.chapters.track1 import tab10, tab_track1_hours, tab_yardstick
from brnb.evaluate.intrinsic import Intrinsic
from brnb.evaluate.legibility import Legibility
from brnb.evaluate.records import Record
from brnb.thesis import load
from brnb.train.history import History


def test_guardrails_show_both_verdicts_and_what_is_missing():
    found = Legibility(0.0, 0.05, 0.0, 0.9, 1.0, 40, True)
    frame = tab10({"v1": None, "v6_rc16k_v5b": found}, "en")
    rows = frame[["run", "short_piece_ratio", "guardrails_pass"]].to_numpy().tolist()
    assert rows == [
        ["v1", None, None],
        ["v6_rc16k_v5b", 0.149, False],
        ["v6_rc16k_v5b", 0.05, True],
    ]


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
