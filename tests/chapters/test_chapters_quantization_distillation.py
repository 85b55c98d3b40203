"""Chapter 19's tables and figures from small, known measurements."""

from dataclasses import asdict, replace

import pytest

from brnb.chapters import compression_facts as facts
from brnb.chapters import distillation as d
from brnb.chapters import quantization_distillation as q
from brnb.compress.comparisons import Compared
from brnb.compress.edge import EdgeAnswer
from brnb.compress.graduates import Graduate
from brnb.compress.survey import SchemeRow
from brnb.report.labels import label
from brnb.report.tables import display
from brnb.thesis import load

FULL = SchemeRow(
    model="v6", scheme="fp32", bits=32.0, disk=4_000_000, held=4_000_000, bits_per_byte=2.0,
    change=0.0, low=0.0, high=0.0, divergence=0.0, agreement=1.0, em=0.0, f1=0.1, rouge_l=0.2,
    speed={"cpu": {"1": 100.0, "8": 400.0}}, errors={"blocks.0.a": 0.0, "blocks.0.b": 0.0},
)  # fmt: skip
HALF = replace(
    FULL, scheme="bf16", bits=16.0, disk=2_000_000, held=2_000_000,
    speed={"cpu": {"1": 50.0, "8": 200.0}}, errors={"blocks.0.a": 1e-5, "blocks.0.b": 2e-5},
)  # fmt: skip
FOUR = replace(
    FULL, scheme="q4_k", bits=4.5, disk=1_000_000, held=1_000_000, bits_per_byte=2.1, change=0.1,
    low=0.05, high=0.15, divergence=0.02, agreement=0.9, speed={"cpu": {"1": 200.0}}, errors={},
)  # fmt: skip
ROWS = [FULL, HALF, FOUR]
TEACHER = Graduate("teacher", 0, 4000, 100, 50.0, 2.0, 0.0, 1.0)
STUDENTS = [
    Graduate(way, seed, 1000, 100, 5.0, bits, 0.3, 0.6)
    for way, values in (("text", (2.50, 2.52, 2.54)), ("logits", (2.40, 2.43, 2.44)))
    for seed, bits in enumerate(values)
]


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_every_table_prints_in_both_languages(lang):
    served = {("student", "q4_k"): EdgeAnswer(10**6, 2 * 10**6, 0.1, 0.02, 90.0, None, None, [1])}
    compared = [
        Compared("v6", "calibrated_pt", 4.0, 2.1, 0.02, None, None, None),
        Compared("v6", "mixed_bits", 4.0, 2.1, 0.02, -0.1, -0.2, 0.0),
    ]
    graduates = [TEACHER, *STUDENTS]
    for name, frame, decimals in (
        ("tab-quantization", q.tab_quantization(ROWS, lang), q.DECIMALS["sizes"]),
        ("tab-quantization-answers", q.tab_quantization_answers(ROWS, lang), None),
        ("tab-quantization-speed", q.tab_quantization_speed(ROWS, lang), None),
        ("tab-quantization-calibration", q.tab_quantization_calibration(compared, lang), None),
        ("tab-quantization-mixed", q.tab_quantization_mixed(compared, lang), None),
        ("tab-distillation", d.tab_distillation(graduates, 0.95, lang), d.DECIMALS["students"]),
        ("tab-distillation-quantized", d.tab_distillation_quantized(ROWS, ROWS, lang), None),
        ("tab-edge", d.tab_edge(served, {("student", "q4_k"): 2.1}, lang), d.DECIMALS["edge"]),
        ("tab-compression-facts", facts.tab_compression_facts(lang), None),
        ("tab-compression-references", facts.tab_compression_references(), None),
    ):
        assert "\\toprule" in display(frame, name, lang=lang, decimals=decimals).latex()


def test_speed_stands_beside_bf16_on_the_same_device_and_batch():
    frame = q.tab_quantization_speed(ROWS, "en")
    ratios = dict(
        zip(zip(frame["scheme"], frame["batch"], strict=True), frame["speed_ratio"], strict=True)
    )
    assert ratios == {
        ("fp32", 1): 2,
        ("fp32", 8): 2,
        ("bf16", 1): 1,
        ("bf16", 8): 1,
        ("GGUF Q4_K", 1): 4,
    }


def test_the_change_of_a_way_is_students_interval_of_the_paired_differences():
    """Differences -0.10, -0.09, -0.10: mean -0.09667, t(2) = 4.3027, s = 0.0057735."""
    frame = d.tab_distillation([TEACHER, *STUDENTS], 0.95, "en").set_index("way")
    row = frame.loc["teacher's logits"]
    assert row["change"] == pytest.approx(-0.0966667, abs=1e-6)
    reach = 4.302653 * 0.0057735 / 3**0.5
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(
        (-0.0966667 - reach, -0.0966667 + reach), abs=1e-5
    )
    assert frame.loc["text alone", "change"] is None


def test_a_student_is_a_share_of_the_teachers_file():
    frame = d.tab_distillation_quantized(ROWS, [replace(FOUR, disk=250_000)], "en")
    last = frame.iloc[-1]
    assert (last["share_of_teacher"], last["over_teacher"]) == pytest.approx((6.25, 0.1))


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_the_comparison_has_five_rows_with_what_was_measured(lang):
    frame = facts.tab_compression_comparison(ROWS, [TEACHER, *STUDENTS], "q4_k", lang)
    assert len(frame) == 5
    comma = "," if lang == "pt" else "."
    assert f"0{comma}25×" in frame["quantised_measured"][0]
    assert f"0{comma}25×" in frame["distilled_measured"][0]
    assert f"+0{comma}1000" in frame["quantised_measured"][2]
    assert f"2{comma}00×" in frame["quantised_measured"][3]


def test_every_fact_has_both_languages_a_verdict_and_a_source():
    for theme in ("slm", "quantised", "distilled"):
        for fact in load("compression", theme):
            assert set(fact["printed"]) == set(fact["corrected"]) == {"pt", "en"}
            assert label(f"fact_{fact['verdict']}", "pt")
            assert fact["source"].startswith(("arXiv:", "huggingface.co/", "github.com/"))


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_figures_show_all_schemes(lang):
    frontier = q.fig_quantization_frontier(ROWS, lang)
    named = {text.get_text() for text in frontier.legends[0].get_texts()}
    assert named == {"fp32", "bf16", "GGUF Q4_K"}
    layers = q.fig_quantization_layers(ROWS, lang)
    assert [line.get_label() for line in layers.axes[0].lines] == ["bf16"]
    bits = q.fig_quantization_bits({3.0: {"a": 2, "b": 4}}, lang)
    assert list(bits.axes[0].lines[0].get_ydata()) == [2, 4]
    students = d.fig_distillation([TEACHER, *STUDENTS], lang)
    assert [len(line.get_xdata()) for line in students.axes[0].lines][:2] == [3, 3]


def test_lines_of_more_schemes_than_colours_stay_apart():
    schemes = ["bf16", "fp8", "int8_tensor", "int8_channel", "llm_int8", "nf4", "nf4_double"]
    schemes += ["fp4", "fp4_double", "int4", "gptq"]
    rows = [replace(FOUR, scheme=scheme, errors={"a": 1e-3, "b": 2e-3}) for scheme in schemes]
    lines = q.fig_quantization_layers(rows, "pt").axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == len(schemes)


def test_models_have_the_names_of_print():
    ours = [replace(FOUR, model="v4k_bf_lstm_ep2")]
    assert q.tab_quantization(ours, "pt")["model"].tolist() == ["v4, 4k, LSTM"]


def test_measurements_are_plain_values():
    assert SchemeRow(**asdict(FOUR)) == FOUR
