"""Table 13 beside the published one, and the tables around it."""

from answered import OPTIONS, prediction, world

from brnb.chapters import extrinsic
from brnb.evaluate.statistics import Rate
from brnb.extrinsic.scores import all_means, table13
from brnb.extrinsic.testsets import Item
from brnb.report.tables import display
from brnb.thesis import load

NAMES = {"baseline": "Llama"}


def lines(right_before, right_after, form):
    sets, before, after = world(right_before, right_after)
    return table13(sets, {"baseline": before}, after, (form,), **OPTIONS)


def test_a_supported_difference_is_claimed_in_words():
    rows = lines(2, 6, "pt")
    said = extrinsic.claims(rows, NAMES, "pt", "pt")
    # four in ten more are right, in every ten items
    assert said[0].startswith("QA, EM: o adaptado fica acima de “Llama”, 0,400 [")
    assert extrinsic.claims(rows, NAMES, "legacy", "pt") == []  # no claims in another form


def test_floors_have_rows_and_a_sentence():
    sets, before, after = world(2, 6)
    against = {"baseline": before, "copy": before, "lead": after, "other": before}
    rows = table13(sets, against, after, ("pt",), **OPTIONS)
    frame = extrinsic.tab13(rows, NAMES, "pt", "pt")
    named = frame["against"].tolist()
    assert named[:3] == ["LLaMA 3.1-8B-Instruct", "Llama", "piso: copiar a entrada"]
    said = extrinsic.floor_sentences(rows, "pt", "pt")
    assert len(said) == 4
    assert "não passa do piso mais alto (piso: três primeiras frases: 0,600)" in said[0]


def test_seeds_that_draw_alike_are_warned_of_and_have_no_deviation():
    sets, before, after = world(2, 6)
    sets = {key: sets[key[0], 123] for key in sets}
    pool = dict.fromkeys(("qa", "summarisation", "rewriting"), 21)
    rows = table13(sets, {"baseline": before}, after, ("pt",), pool=pool, **OPTIONS)
    assert len(extrinsic.spread_warnings(rows, "pt")) == 3
    frame = extrinsic.tab13(rows, NAMES, "pt", "pt")
    ours = frame[frame["source"] == "Nosso (pt)"]
    assert ours["baseline_sd"].isna().all()
    draws = extrinsic.tab_eval_draws(rows, "pt")
    assert draws["pool"].tolist() == [21] * 3
    assert draws["shared_items"].tolist() == [100] * 3


def test_every_metric_of_every_form_and_model_has_a_row():
    sets, before, after = world(2, 6)
    means = all_means(sets, {"baseline": before, "adapted": after})
    assert len(extrinsic.tab_extrinsic_metrics(means, "en")) == 3 * 3 * 2


def test_equal_models_make_no_claim():
    sets, before, _ = world(3, 3)
    rows = table13(sets, {"baseline": before}, before, ("pt",), **OPTIONS)
    assert extrinsic.claims(rows, NAMES, "pt", "pt") == []
    assert all(row.claim.p_adjusted == 1 for row in rows)


def test_the_published_lines_stand_as_printed():
    rows = lines(2, 6, "legacy")
    frame = extrinsic.tab13(rows, NAMES, "pt", "pt")
    printed = frame[frame["source"] == "Publicado"]
    assert printed["gain_percent"].tolist() == [145, 80, 33, 71]
    assert [str(value) for value in printed["baseline"]] == ["0.037", "0.063", "0.154", "0.173"]
    assert len(frame) == 8
    # relative gains come from means that were not rounded: the rounded ones give another number
    row = load("published", "tab13", "rows")[0]
    rounded = 100 * (float(row["sft"]) - float(row["baseline"])) / float(row["baseline"])
    assert round(rounded) == 143 != float(row["gain_percent"])


def test_tables_print_what_strange_answers_say_and_run_nothing():
    item = Item("a", "qa", "<script>alert(1)</script>", "", (r"\input{x}",))
    frame = extrinsic.tab_extrinsic_examples(
        [item], [prediction(item, "\u001b[31m")], [prediction(item, "")], "pt"
    )
    shown = display(frame, "tab-examples", lang="pt", caption="exemplos")
    assert "<script>" not in shown.html()
    assert r"\textbackslash{}input\{x\}" in shown.latex()
    assert "{[}U+001B{]}" in shown.latex()


def test_the_table_of_flips_says_where_99_percent_are_the_same():
    found = {
        ("flips_alone", "adapted"): Rate(0, 400),
        ("flips_alone", "baseline"): Rate(0, 10),
        ("flips_transformers", "adapted"): Rate(10, 400),
    }
    frame = extrinsic.tab_flips(found, "en")
    assert frame["enough_same"].tolist() == [True, None, False]
    assert frame["rate"].tolist() == [0, 0, 0.025]
    shown = display(frame, "tab-flips", lang="en")
    assert shown.headers[-1] == "At least 99% the same"
    assert [cells[-1] for cells in shown.cells] == ["yes", "–", "no"]


def test_figures_draw():
    rows = lines(2, 6, "pt")
    figure = extrinsic.fig_extrinsic_gains(rows, "pt", "pt")
    assert len(figure.axes[0].get_yticks()) == 4


def test_the_published_examples_stand_before_ours():
    item = Item("a", "qa", "Quem?", "", ("Ana",))
    frame = extrinsic.tab_extrinsic_examples(
        [item], [prediction(item, "Bia")], [prediction(item, "Ana")], "pt"
    )
    assert frame["reference"].tolist()[0] == "1"
    assert frame["adapted"].tolist()[-2:] == ["O cão comeu o gato.", "Ana"]
