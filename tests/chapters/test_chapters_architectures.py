"""Chapter 18's tables beside what is printed, by hand, and its drawings."""

import pandas as pd
import pytest
from matplotlib import pyplot as plt

from brnb.architectures.known import keys, known_architecture
from brnb.chapters import architecture_costs as costs
from brnb.chapters import architecture_pairs as pairs
from brnb.chapters import architecture_trials as trials
from brnb.chapters import architectures
from brnb.chapters.architecture_diagram import draw_all, drawing, save_drawing
from brnb.generate.speed import DecodingSpeed
from brnb.report.figures import write_figure
from brnb.report.labels import label
from brnb.report.picture import Picture
from brnb.tokenizers.formatting_forms import FormCount, examples


def texts(figure):
    return {text.get_text() for axes in figure.get_axes() for text in axes.texts}


def test_sizes_stand_beside_what_is_printed():
    table = architectures.tab_architectures().set_index("model")
    assert len(table) == len(keys())
    assert str(table.loc["GPT-OSS 20B", "printed_active"]) == "3.61"
    assert table.loc["GPT-OSS 20B", "multiplied_billion"] == pytest.approx(3.61, abs=5e-3)
    assert table.loc["Phi-4 14B", "printed_active"] is None


def test_a_printed_number_tells_its_convention():
    fitting = architectures.printed_actives_that_fit()
    assert {"GPT-OSS 20B", "GPT-OSS 120B", "DeepSeek V3/R1"} <= set(fitting["multiplied"])
    assert not {"GPT-OSS 20B", "DeepSeek V3/R1"} & set(fitting["active"])  # 4.19 and 37.55
    assert "Qwen3 235B-A22B" in set(fitting["active"]) & set(fitting["multiplied"])  # 22.2, 21.6
    assert "Kimi K2" in fitting["neither"]  # 32.9 and 31.7 of a printed 32.6


def test_caches_by_the_token_and_as_they_are():
    table = architectures.tab_architectures_caches("pt").set_index("model")
    gemma = table.loc["Gemma 3 27B"]
    assert gemma["gib_by_token"] == 62  # 496 KiB times 131,072
    assert gemma["gib_128k"] == pytest.approx(8192 * (10 * 131_072 + 52 * 1024) / 2**30)
    assert gemma["attention"] == "GQA, 52 de 62 locais"
    assert table.loc["GPT-OSS 20B", "gib_128k"] == pytest.approx(3.0, abs=0.01)
    assert table.loc["DeepSeek V3/R1", "attention"] == "MLA"


def test_a_component_that_is_missed_is_counted():
    real = known_architecture("phi4").components()
    table = architectures.tab_architectures_components({"phi4": real | {"mlp": real["mlp"] - 7}})
    assert list(table["difference"]) == [7]
    assert table["sinks"].iloc[0] is None


def test_the_figure_of_caches_has_a_line_a_model():
    figure = architectures.fig_architectures_cache(["llama31_8b", "gemma3_27b"], 65_536, "en")
    assert len(figure.get_axes()[0].get_lines()) == 2
    plt.close(figure)


def test_heads_share_keys():
    figure = architectures.fig_shared_heads(8, "en")
    assert [axes.get_title() for axes in figure.get_axes()] == ["MHA", "GQA", "MQA"]
    assert [len(axes.collections[1].get_offsets()) for axes in figure.get_axes()] == [8, 2, 1]
    plt.close(figure)


def test_table_9_recomputed():
    assert costs.recomputed_caches() == {
        "small_mha": 110_592, "small_mla": 15_552, "large_mha": 860_160, "large_mla": 34_560,
    }  # fmt: skip
    table = costs.tab_mla("en").set_index("measure")
    printed, ours = label("cache_thousands", "en"), label("cache_recomputed", "en")
    columns = table.columns[:-1]
    assert list(table.loc[ours, columns]) == list(table.loc[printed, columns])
    assert table.loc["C-Eval", "better"] == "MHA, MLA"
    assert costs.cells_that_mla_wins() == (["c_eval_small"], 8)


def test_table_8_has_mha_ahead_everywhere():
    table = costs.tab_attention_7b("pt")
    scores = table.iloc[1:]
    assert len(scores) == 4
    assert (scores["MHA"] > scores["GQA"]).all()
    assert (scores["GQA"] > scores["MQA"]).all()


def test_training_costs_recomputed():
    table = costs.tab_training_cost("pt")
    assert list(table["million_usd_recomputed"]) == [5.328, 0.238, 0.01, 5.576]
    assert round(table["percent"].iloc[2], 2) == 0.18
    assert costs.pretraining_days() == pytest.approx(2664e3 / 2048 / 24)
    # 6ND of 37 billion and 14.8 trillion is 33.5% of the peak; attention over 4,096 adds to it
    floor = 6 * 36.6e9 * 14.8e12 / (2664e3 * 3600 * 989.4e12)
    assert floor < costs.implied_utilisation() < 1.25 * floor


def test_the_price_of_a_million_requests():
    count = FormCount("GPT-4o", examples()[0], 60, 47, None)
    row = costs.tab_formatting_price([count], "gpt_4o", "pt").iloc[0]
    assert (row["usd_formatted"], row["usd_unformatted"]) == (150, 117.5)  # 2.50 a million tokens
    assert row["saving_percent"] == pytest.approx(100 * 13 / 60)


def test_portuguese_over_english_counts_all_examples():
    java, other = examples()[0], examples()[1]
    counts = [FormCount("one", java, 60, 40, None), FormCount("one", other, 62, 50, None)]
    assert costs.portuguese_over_english(counts) == {"one": 1.25}


def test_speeds_stand_beside_the_lecture_s():
    measured = [DecodingSpeed("eager", 50.0, None, 8), DecodingSpeed("ours", 400.0, 3 * 10**9, 8)]
    table = costs.tab_decoding_speed({"llama32_1b": (10**6, measured)}, "pt")
    assert [str(table[c].iloc[0]) for c in ("printed_tokens_per_second", "printed_gigabytes")] == [
        "42", "2.91",
    ]  # fmt: skip
    assert table["printed_gigabytes"].iloc[1] is None
    assert list(table["times_eager"]) == [1, 8]
    assert table["gigabytes"].iloc[1] == 3


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_a_pair_says_what_the_lecture_says(lang):
    figure = pairs.fig_draw_gemma_mistral(lang)
    said = texts(figure)
    assert {"Gemma 3 27B", "Mistral Small 3.1 24B", "× 62", "× 40"} <= said
    assert any("1024" in text and "52" in text for text in said)
    assert "496 KiB" in said
    plt.close(figure)


def test_only_what_differs_has_the_colour_of_differences():
    figure = drawing(known_architecture("llama31_8b"), "en", known_architecture("llama31_8b"))
    colors = {text.get_color() for axes in figure.get_axes() for text in axes.texts}
    assert "#c14a00" not in colors
    plt.close(figure)
    figure = pairs.fig_draw_llama_qwen("en")
    marked = {
        t.get_text() for a in figure.get_axes() for t in a.texts if t.get_color() == "#c14a00"
    }
    assert {"QK-Norm", "× 16", "× 28"} <= marked
    assert not {"RoPE", "RMSNorm", "Grouped-query attention (GQA)"} & marked
    plt.close(figure)


@pytest.mark.parametrize("ending", ["svg", "pdf"])
def test_a_drawing_is_the_same_bytes_again(tmp_path, ending):
    files = [tmp_path / f"{name}.{ending}" for name in ("one", "other")]
    for file in files:
        figure = drawing(known_architecture("deepseek_v3"), "pt")
        save_drawing(figure, file)
        plt.close(figure)
    one, other = (file.read_bytes() for file in files)
    assert one == other
    assert b"<image" not in one  # vectors alone
    assert b"/Subtype /Image" not in one


def test_a_drawing_that_a_chapter_writes_and_shows_warns_of_nothing(tmp_path, recwarn):
    fig = pairs.fig_draw_gemma_mistral("pt")
    write_figure(tmp_path, "fig-draw-gemma-mistral", fig, lang="pt")
    Picture(fig, "two models")._repr_mimebundle_()
    assert [str(warning.message) for warning in recwarn] == []  # each would be a red box


def test_every_architecture_gets_a_file(tmp_path):
    shown = {key: known_architecture(key) for key in ("smollm3_3b", "qwen35_27b")}
    files = draw_all(shown, tmp_path / "drawings", "en")
    assert [file.name for file in files] == ["smollm3_3b.pdf", "qwen35_27b.pdf"]
    assert all(file.read_bytes().startswith(b"%PDF") for file in files)


def test_a_drawing_needs_a_known_ending(tmp_path):
    figure = drawing(known_architecture("phi4"), "en")
    with pytest.raises(ValueError, match=r"end the name in \.svg, \.pdf, \.png"):
        save_drawing(figure, tmp_path / "a.gif")
    plt.close(figure)


def test_rates_and_variants_are_drawn():
    rows = [
        {"form": form, "learning_rate": rate, "seed": 1, "loss": loss, "largest_score": score,
         "start": 6.0, "unigram": 5.0}
        for form, rate, loss, score in [
            ("without", 0.01, 3.0, 9.0), ("without", 0.1, None, None), ("l2", 0.01, 3.5, 1.0),
        ]
    ]  # fmt: skip
    figure = trials.fig_qk_norm_stability(pd.DataFrame(rows, dtype=object), "pt")
    assert max(figure.get_axes()[0].get_lines()[0].get_ydata()) == 6.0  # where nothing is known
    plt.close(figure)
    compared = pd.DataFrame(
        [{"group": "attention", "variant": "MQA", "change": 0.02, "ci_low": 0.01, "ci_high": 0.03,
          "exceeds_corrected": True},
         {"group": "norm", "variant": "post", "change": -0.02, "ci_low": -0.05, "ci_high": 0.01,
          "exceeds_corrected": False}]
    )  # fmt: skip
    assert [row["variant"] for row in trials.most_changed(compared)] == ["MQA"]
    figure = trials.fig_architecture_variants(compared, "en")
    assert [t.get_text() for t in figure.get_axes()[0].get_yticklabels()] == [
        "Norm: post", "Attention: MQA",
    ]  # fmt: skip
    plt.close(figure)
