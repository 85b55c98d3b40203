"""Tables: records, LaTeX and HTML from one frame."""

import csv
import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from brnb.report.latex import escape
from brnb.report.tables import display, frame, write_table

FRAME = pd.DataFrame({"run": ["v1", "v2", "v3"], "val_ppl": [4.58, 4.214, None]})


def body(tex):
    """Rows between the rules."""
    return tex.split(r"\midrule")[-1].split(r"\bottomrule")[0].strip().splitlines()


def write(folder, frame, **options):
    options = {"lang": "pt", "caption": "Uma tabela"} | options
    record, tex = write_table(folder, "tab99", frame, **options)
    assert (record.name, tex.name) == ("tab99.csv", "tab99.tex")
    return record.read_bytes().decode(), tex.read_bytes().decode()


def test_record_is_raw_and_print_is_rounded(tmp_path):
    record, tex = write(tmp_path, FRAME, decimals=1)
    assert record == "run,val_ppl\nv1,4.58\nv2,4.214\nv3,\n"
    assert body(tex) == [r"v1 & 4,6 \\", r"v2 & 4,2 \\", r"v3 & -- \\"]
    assert r"\toprule" in tex
    assert r"\label{tab:tab99}" in tex
    assert "nan" not in record + tex


def test_decimals_stand_with_the_label_unless_a_table_says_otherwise():
    frame = pd.DataFrame({"ppl": [4.5678], "loss": [1.23456]})

    def cells(**options):
        return display(frame, "t", lang="en", caption="", **options).cells[0]

    assert cells() == ["4.57", "1.235"]
    assert cells(decimals={"loss": 1}) == ["4.57", "1.2"]
    assert cells(decimals={"loss": None}) == ["4.57", "1.23456"]
    assert cells(decimals=0) == ["5", "1"]


def test_ids_of_models_variants_and_splits_print_as_names():
    named = {"model": ["mixture", "v6_rc16k_v5b_aligned", "GPT-3.5"],
             "variant": ["cpt_then_sft", "rank_4", "Referência"],
             "split": ["train", "validation", None]}  # fmt: skip
    shown = display(pd.DataFrame(named), "t", lang="pt", caption="").cells
    assert shown == [
        ["mistura", "CPT, depois SFT", "Treino"],
        ["v6, 16k, alinhada", "LoRA de posto 4", "Validação"],
        ["GPT-3.5", "Referência", "–"],
    ]


def test_runs_print_their_names_and_quantities_their_units(tmp_path):
    frame = pd.DataFrame(
        {
            "run": ["v1", "v4k_bf_lstm_ep2", "v9_unknown"],
            "hours": [Decimal("1.1"), 0.00726167, 13.2876],
            "tokens_billion": [13.88, 0.0020009, None],
        }
    )
    shown = display(frame, "t", lang="pt", caption="").cells
    assert shown == [
        ["v1", "1,1\u00a0h", "13,88\u00a0bi"],
        ["v4, 4k, LSTM", "26\u00a0s", "2,0\u00a0mi"],
        ["v9_unknown", "13,3\u00a0h", "–"],
    ]
    record, _ = write(tmp_path, frame)
    assert "v4k_bf_lstm_ep2,0.00726167,0.0020009" in record


def test_small_values_are_not_zero_and_thousands_are_set_apart_in_a_whole_column():
    frame = pd.DataFrame({"loss": [0.00002, 1.5, 0.0], "n": [8192, 16384, 2024], "y": [2024] * 3})
    shown = display(frame, "t", lang="pt", caption="", headers={"y": "y"}).cells
    assert [row[0] for row in shown] == ["0,00002", "1,500", "0,000"]
    assert [row[1] for row in shown] == ["8.192", "16.384", "2.024"]
    assert {row[2] for row in shown} == {"2024"}


def test_captions_say_where_the_dissertation_has_the_table():
    caption = display(FRAME, "tab07", lang="pt").caption
    assert caption.endswith("(Tabela 7 da dissertação, 4.4.1.3).")
    assert "Table 7 of the dissertation" in display(FRAME, "tab07", lang="en").caption


def test_the_same_frame_in_english(tmp_path):
    _, tex = write(tmp_path, FRAME, lang="en", decimals={"val_ppl": 2})
    assert body(tex)[0] == r"v1 & 4.58 \\"
    assert "Validation" in tex


def test_caption_and_headers_come_from_the_labels(tmp_path):
    frame = pd.DataFrame({"gpu": ["RTX 3080"], "price_usd_hour": [Decimal("0.07")]})
    write_table(tmp_path, "tab02", frame, lang="pt")
    tex = (tmp_path / "tab02.tex").read_text(encoding="utf-8")
    assert r"\caption{Preços de referência por hora" in tex
    assert body(tex) == [r"RTX 3080 & 0,07 \\"]


def test_a_header_that_looks_like_an_id_must_be_known():
    with pytest.raises(KeyError, match="val_loss"):
        display(pd.DataFrame({"val_los": [1.0]}), "t", lang="pt", caption="")
    shown = display(
        pd.DataFrame({"val_los": [1.0], "Perda (nats)": [2.0]}), "t", lang="pt", caption="",
        headers={"val_los": "Perda"},
    )  # fmt: skip
    assert shown.headers == ["Perda", "Perda (nats)"]


def test_integers_stay_integers_whatever_pandas_made_of_them(tmp_path):
    frame = pd.DataFrame({"A": [1, None, 3], "B": pd.array([1, None, 2], dtype="Int64"),
                          "C": [2.5, 1.0, 3.0], "D": [10**6, 2, 3]})  # fmt: skip
    record, tex = write(tmp_path, frame, decimals={"A": 2, "C": 1})
    assert record.splitlines()[1:] == ["1,1,2.5,1000000", ",,1.0,2", "3,2,3.0,3"]
    assert body(tex)[0] == r"1 & 1 & 2,5 & 1.000.000 \\"
    assert body(tex)[1] == r"-- & -- & 1,0 & 2 \\"


def test_mixed_columns_print_each_value_for_what_it_is(tmp_path):
    frame = pd.DataFrame({"X": [1, 2.5, "três", None, True, np.float64(0.5)]})
    _, tex = write(tmp_path, frame)
    assert [row[:-3] for row in body(tex)] == ["1", "2,5", "três", "--", "sim", "0,5"]


def test_numpys_numbers_in_a_column_of_objects_print_as_pythons():
    rows = [{"n": np.int64(1234567), "yes": np.bool_(True), "x": np.float64(0.5)}, {"n": "a"}]
    shown = display(frame(rows), "t", lang="en", caption="", headers={"x": "x", "yes": "y"})
    assert shown.cells == [["1,234,567", "yes", "0.5"], ["a", "–", "–"]]


def test_bold_marks_the_best_and_what_prints_the_same(tmp_path):
    frame = pd.DataFrame({"A": [1.001, 1.004, 2.0, None], "B": [1, 3, 2, 3]})
    _, tex = write(tmp_path, frame, decimals={"A": 2}, bold={"A": "min", "B": "max"})
    assert body(tex) == [
        r"\textbf{1,00} & 1 \\", r"\textbf{1,00} & \textbf{3} \\", r"2,00 & 2 \\",
        r"-- & \textbf{3} \\",
    ]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), [
    ({"bold": {"B": "max"}}, "bold names columns that the table lacks: B; it has: A"),
    ({"decimals": {"B": 2}}, "decimals names columns"),
    ({"bold": {"A": "best"}}, "use 'max' or 'min'"),
])  # fmt: skip
def test_options_that_name_nothing_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        display(pd.DataFrame({"A": [1.0]}), "t", lang="pt", caption="", **options)


def test_named_index_prints_and_unnamed_is_refused(tmp_path):
    frame = pd.DataFrame({"A": [1]}, index=pd.Index(["v1"], name="run"))
    record, _ = write(tmp_path, frame)
    assert record == "run,A\nv1,1\n"
    with pytest.raises(ValueError, match="the index has no name"):
        write(tmp_path, frame.rename_axis(None))
    with pytest.raises(ValueError, match="columns appear twice: A"):
        write(tmp_path, pd.DataFrame([[1, 2]], columns=["A", "A"]))


@pytest.mark.parametrize("id", ["", "../x", "a b", "tab 1", "tab.1", "é", "-x", "a\n"])
def test_a_bad_id_is_refused(tmp_path, id):
    with pytest.raises(ValueError, match="use letters, digits"):
        write_table(tmp_path, id, FRAME, lang="pt", caption="")
    assert not list(tmp_path.iterdir())


def test_an_empty_table_is_a_table(tmp_path):
    record, tex = write(tmp_path, pd.DataFrame({"A": []}))
    assert record == "A\n"
    assert body(tex) == []


def test_long_tables_break_over_pages(tmp_path):
    frame = pd.DataFrame({"A": range(41)})
    _, tex = write(tmp_path, frame)
    assert r"\begin{longtable}" in tex
    assert "(continuação)" in tex
    _, tex = write(tmp_path, frame[:40])
    assert "longtable" not in tex


def test_few_long_texts_break_over_pages_too(tmp_path):
    # A line holds about 88 characters at the smallest size: ten texts of 400 take 46 lines or more.
    frame = pd.DataFrame({"A": ["palavra " * 50] * 10})
    _, tex = write(tmp_path, frame)
    assert r"\begin{longtable}" in tex
    _, tex = write(tmp_path, frame[:5])
    assert "longtable" not in tex


def test_html_is_escaped_and_aligned():
    frame = pd.DataFrame({"<b>": ["<script>alert(1)</script>"], "N": [1.5]})
    html = display(frame, "t", lang="pt", caption="a < b")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;" in html
    assert '<td style="text-align: right">1,5</td>' in html


def test_record_keeps_hostile_text_as_it_is(tmp_path):
    texts = ["a,b", 'c"d', "e\nf", "<b>", "\\input{x}"]
    record, _ = write(tmp_path, pd.DataFrame({"T": texts}))
    assert [row[0] for row in csv.reader(record.splitlines(keepends=True))][1:] == texts


@pytest.mark.parametrize(("text", "tex"), [
    ("a_b & 50% #1 $x$ {y}", r"a\_b \& 50\% \#1 \$x\$ \{y\}"),
    ("\\input{x}", r"\textbackslash{}input\{x\}"),
    ("~^<>|", r"\ensuremath{\sim}\textasciicircum{}\textless{}\textgreater{}\textbar{}"),
    ("[x]*", "{[}x{]}{*}"),
    ("a--b,,c''", "a-{}-b,{},c'{}'"),
    ("→≈−", r"\ensuremath{\rightarrow}\ensuremath{\approx}\ensuremath{-}"),
    ("10⁻⁷", r"10\textsuperscript{-}\textsuperscript{7}"),
    ("😀\x00", r"{[}U+1F600{]}\hspace{0pt}{[}U+0000{]}\hspace{0pt}"),
    ("a\nb", "a b"),
    ("a\u0301 cão", "á cão"),
    ("▁de", r"\textvisiblespace{}de"),
])  # fmt: skip
def test_escape(text, tex):
    assert escape(text) == tex


def test_a_record_holds_no_formula(tmp_path):
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "a=1", ""]
    record, tex = write_table(
        tmp_path, "t", pd.DataFrame({"A": texts, "B": [-1.5] * 7}), lang="pt", caption="x"
    )
    rows = list(csv.reader(io.StringIO(record.read_text("utf-8"))))[1:]
    assert [row[0] for row in rows] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "a=1", ""]
    assert {row[1] for row in rows} == {"-1.5"}
    assert "'" not in tex.read_text("utf-8")


def test_columns_without_a_value_are_named_below_but_published_tables_keep_theirs():
    empty = pd.DataFrame({"run": ["v1"], "usd": [None], "kwh": [None], "loss": [1.5]})
    shown = display(empty, "t", lang="pt", caption="")
    assert shown.headers == ["Execução", "Perda"]
    assert shown.note == "Sem valor nesta execução: Custo (USD), Energia (kWh)."
    assert shown.note in shown.latex()
    assert "<tfoot>" in shown.html()
    assert len(display(empty, "tab03", lang="pt").headers) == 4
    assert display(empty[:0], "t", lang="pt", caption="").note is None


def test_ids_of_runs_and_variants_print_as_names_also_where_they_are_models():
    rows = pd.DataFrame({
        "model": ["sft_v6_instruct + SFT", "v6_rc16k_v5b (base)", "Llama 3.2 1B", "my_own"],
        "variant": ["cpt_then_sft", "seed", "the attention in a text", "rank_4"],
        "task": ["v7", "seed", "costs", "scaling"],
    })  # fmt: skip
    shown = display(rows, "t", lang="pt", caption="").cells
    assert shown == [
        ["SFT da v6 + SFT", "CPT, depois SFT", "v7"],
        ["v6, 16k (base)", "outra semente", "seed"],
        ["Llama 3.2 1B", "the attention in a text", "costs"],
        ["my_own", "LoRA de posto 4", "scaling"],
    ]
    assert display(rows, "t", lang="en", caption="").cells[0][0] == "SFT of v6 + SFT"


def test_a_sample_without_a_word_is_said_to_be_empty():
    rows = pd.DataFrame({"run": ["v1", "v2", "v3"], "text": ["casa", " ", None]})
    assert [row[1] for row in display(rows, "t", lang="pt", caption="").cells] == [
        "casa", "(vazio)", "–",
    ]  # fmt: skip
