"""Parameters, caches and operations beside what the models' authors print."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.architectures.architecture import COMPONENTS
from brnb.architectures.config import read_config
from brnb.architectures.facts import differing_facts, drawn_facts
from brnb.architectures.known import configuration, entry, keys, known_architecture

LENGTHS = st.integers(min_value=1, max_value=1 << 20)


PARTS = ("mlp", "attention", "tables", "total", "active")


@pytest.mark.parametrize(("key", "billions"), [  # arXiv:2508.10925, table 1
    ("gpt_oss_120b", (114.71, 0.96, 1.16, 116.83, 5.13)),
    ("gpt_oss_20b", (19.12, 0.64, 1.16, 20.91, 3.61)),
])  # fmt: skip
def test_gpt_oss_is_as_its_card_says(key, billions):
    model = known_architecture(key)
    sizes = model.components()
    found = {
        "mlp": sizes["experts"] + sizes["router"],
        "attention": sizes["attention"] + sizes["sinks"],
        "tables": sizes["embedding"] + sizes["head"],
        "total": model.parameters,
        "active": model.multiplied,
    }
    assert tuple(round(found[name] / 1e9, 2) for name in PARTS) == billions


@pytest.mark.parametrize(("key", "table", "rest"), [  # in millions: arXiv:2503.19786, table 1
    ("gemma3_1b", 302, 698), ("gemma3_4b", 675, 3209), ("gemma3_12b", 1012, 10759),
    ("gemma3_27b", 1416, 25600),
])  # fmt: skip
def test_gemma_3_is_as_its_report_says(key, table, rest):
    model = known_architecture(key)
    embedding = model.components()["embedding"]
    assert round((model.parameters - embedding) / 1e6) == pytest.approx(rest, abs=8)
    # the report counts 262,144 rows; configurations of multimodal models have 64 more
    assert embedding / 1e6 == pytest.approx(table, rel=0.006)


@pytest.mark.parametrize(("key", "total"), [  # of the repositories' safetensors
    ("llama32_1b", 1_235_814_400), ("llama31_8b", 8_030_261_248),
    ("llama33_70b", 70_553_706_496), ("qwen3_06b", 596_049_920), ("qwen3_8b", 8_190_735_360),
    ("qwen3_30b_a3b", 30_532_122_624), ("phi4", 14_659_507_200),
    ("smollm3_3b", 3_075_098_624), ("gpt_oss_20b", 20_914_757_184),
])  # fmt: skip
def test_totals_are_those_of_the_published_weights(key, total):
    assert known_architecture(key).parameters == total


def test_printed_sizes_are_ours_rounded_but_for_one():
    def fits(key):
        printed, model = entry(key)["printed"]["total"], known_architecture(key)
        decimals = len(printed.partition(".")[2])
        return abs(model.parameters / 1e9 - float(printed)) <= 0.006 + 0.55 * 10.0**-decimals

    # Llama 3's report says 405 of 405.9, the V3.2 card repeats V3's, MiniMax
    # rounds to ten; Kimi K2's report says 1.04 trillion of 1.026.
    others = {key for key in keys() if not fits(key)}
    assert others == {"llama31_405b", "deepseek_v32", "minimax_m2", "kimi_k2"}


@pytest.mark.parametrize(("key", "kib"), [  # Raschka's LLM Architecture Gallery, bf16
    ("llama32_1b", 32), ("qwen3_06b", 112), ("llama31_8b", 128), ("olmo2_7b", 512), ("phi4", 200),
    ("deepseek_v3", 68.6), ("kimi_k2", 68.6), ("gemma3_27b", 496), ("mistral_small_31", 160),
    ("gpt_oss_20b", 48), ("gpt_oss_120b", 72), ("smollm3_3b", 72), ("mistral_small_4", 22.5),
    ("minimax_m2", 248), ("qwen35_27b", 64), ("qwen35_35b_a3b", 20), ("qwen3_235b_a22b", 188),
])  # fmt: skip
def test_the_cache_of_a_token_is_the_gallery_s(key, kib):
    model = known_architecture(key)
    assert (model.cache_bytes(2) - model.cache_bytes(1)) / 1024 == pytest.approx(kib, abs=0.05)


def test_windows_bend_the_cache_of_gemma_3():
    gemma = known_architecture("gemma3_27b")
    layer = 2 * 2 * 16 * 128  # bytes of a token: keys and values of 16 heads of 128, two bytes
    assert gemma.cache_bytes(131_072) == layer * (10 * 131_072 + 52 * 1024)
    assert gemma.cache_bytes(1024) == layer * 62 * 1024


@pytest.mark.parametrize(("key", "thousands"), [("deepseek_v2_lite", 15.6), ("deepseek_v2", 34.6)])
def test_latent_caches_are_those_of_table_9(key, thousands):
    assert round(known_architecture(key).cache_numbers(1) / 1000, 1) == thousands


@given(key=st.sampled_from(keys()), short=LENGTHS, long=LENGTHS)
def test_a_longer_text_never_takes_less(key, short, long):
    short, long = sorted((short, long))
    model = known_architecture(key)
    assert model.cache_numbers(short) <= model.cache_numbers(long)
    assert model.flops(short) <= model.flops(long)
    per_token = model.cache_bytes(2) - model.cache_bytes(1)
    assert model.cache_bytes(long) - model.cache_bytes(short) <= per_token * (long - short)


@pytest.mark.parametrize("key", keys())
def test_the_two_conventions_differ_by_the_input_table(key):
    model = known_architecture(key)
    table = 0 if model.tied else model.vocab * model.width
    assert model.active - model.multiplied == table
    assert model.parameters >= model.active
    assert tuple(model.components()) == COMPONENTS


def test_the_absorbed_form_reads_latents():
    """128 heads of 512 + 64 and 512 against 192 and 128, in 61 layers (DeepSeek-V3)."""
    model, n = known_architecture("deepseek_v3"), 1000
    more = 2 * 128 * ((2 * 512 + 64) - (192 + 128)) * 61 * n
    assert model.flops(n, absorbed=True) - model.flops(n) == more


def test_an_indexer_bounds_what_is_read():
    """DeepSeek-V3.2 reads 2,048 tokens at most; 64 index heads of 128 look at all of them."""
    model = known_architecture("deepseek_v32")
    grown = model.flops(131_072) - model.flops(65_536)
    assert grown == 61 * 2 * 64 * 128 * 65_536


def test_only_what_differs_is_marked():
    llama, other = known_architecture("llama31_8b"), configuration("llama31_8b")
    assert differing_facts(llama, read_config(other)) == set()
    smaller = read_config(other | {"vocab_size": 32_000})
    assert differing_facts(llama, smaller) == {"vocab", "parameters", "active"}
    marked = differing_facts(known_architecture("llama32_1b"), known_architecture("qwen3_06b"))
    assert {"mark_qk_norm", "depth", "attention"} <= marked
    assert not {"kind", "norm", "tied", "activation", "mark_rope"} & marked


def test_facts_count_layers_by_what_they_see():
    assert drawn_facts(known_architecture("gemma3_27b"))["windows"] == [(1024, 52), (None, 10)]
    assert drawn_facts(known_architecture("qwen35_27b"))["windows"] == [("delta", 48), (None, 16)]
    assert drawn_facts(known_architecture("smollm3_3b"))["unrotated"] == 9
    dense, count = drawn_facts(known_architecture("deepseek_v3"))["first_network"]
    assert (dense.hidden, count) == (18_432, 3)
