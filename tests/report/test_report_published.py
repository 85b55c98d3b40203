"""Numbers of the dissertation in the running text, as it prints them."""

from brnb.report.published import published_numbers, render_published


def test_ids_name_table_row_and_column_and_values_keep_their_decimals():
    text = render_published("pt")
    for id, printed in {
        "published.tab07.v1.ppl": "4,58",
        "published.tab09.v5_main.tokens": "6,00",
        "published.tab09.v5_main.val_ppl": "49,00",
        "published.tab10.v5b_long.fallback_ratio": "0,000",
        "published.tab13.qa.em.adapted": "0,090",
        "published.tab13.reescrita.rouge-l-f1.gain": "0,123",
        "published.tab04.total.usd": "1,57",
        "published.tab14.longformer.quality": r"\ensuremath{\sim}95\%",
        "published.tab14.bigbird.time": "O(n(w + g + r)d)",
        "published.tab15.registers.column4": "0,1 pJ",
        "published.tab16.h100.usd_per_hour": "8,00",
    }.items():
        assert rf"\brnbdefine{{{id}}}{{{printed}}}" in text
    base = "published.tab12.cpt_qlora_llama31_8b_brwac10k"
    assert rf"\brnbdefine{{{base}.base.ppl}}{{10,72}}" in text
    assert rf"\brnbdefine{{{base}.adapted.ppl}}{{8,66}}" in text
    assert r"\brnbdefine{published.tab07.v1.ppl}{4.58}" in render_published("en")


def test_every_table_of_results_is_there():
    tables = {id.split(".")[1] for id in published_numbers()}
    assert tables >= {f"tab{n:02d}" for n in (*range(1, 6), *range(7, 14), 15, 16, 18, 20, 21)}
