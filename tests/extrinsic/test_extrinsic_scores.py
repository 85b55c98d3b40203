"""Table 13's comparison, and the tasks for the harness."""

import importlib.util
import json
import math
import sys

import pytest
import yaml
from answered import OPTIONS, prediction, world

from brnb.evaluate.statistics import supported
from brnb.extrinsic import harness
from brnb.extrinsic.predictions import Prediction
from brnb.extrinsic.probes import read_probes
from brnb.extrinsic.scores import all_means, score_answers, table13
from brnb.extrinsic.testsets import TASKS, Item


def test_means_and_deviations_are_over_seeds_and_items_count_once():
    sets, before, after = world(2, 6)
    rows = table13(sets, {"baseline": before}, after, ("legacy", "pt"), **OPTIONS)
    assert [(r.task, r.metric, r.form) for r in rows[:4]] == [
        ("qa", "em", "legacy"),
        ("qa", "f1", "legacy"),
        ("summarisation", "rougeL", "legacy"),
        ("rewriting", "rougeL", "legacy"),
    ]
    first = rows[0].claim
    # two in ten right before, six in ten after, in every run of ten items
    assert (first.baseline, first.adapted) == pytest.approx((0.2, 0.6))
    assert first.gain == pytest.approx(2.0)
    assert (rows[0].n, first.items) == (20, 30)
    assert rows[0].baseline_sd == pytest.approx(0)
    assert supported(first)


def test_scores_of_other_items_are_refused():
    item = Item("a", "qa", "Quem?", "", ("x",))
    with pytest.raises(ValueError, match="do not belong together"):
        score_answers([item], [Prediction("a", "0" * 16, "x", [1], True)])


def test_empty_answers_and_several_references_have_clear_scores():
    items = [Item("a", "qa", "Quem?", "", ("Ana", "Bia")), Item("b", "qa", "E?", "", ("",))]
    found = score_answers(items, [prediction(items[0], "bia"), prediction(items[1], "")])
    assert found.of("pt", "em", items).tolist() == [1, 1]
    assert found.of("pt", "rougeL", items).tolist() == [1, 0]
    empty = score_answers(items[:1], [prediction(items[0], "")])
    assert empty.of("legacy", "f1", items[:1]).tolist() == [0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"\input{segredo} $x$", ["input", "segredo", "x"]),
        ("<b>ação</b>\u0007", ["b", "ação", "b"]),
        ("{{ 7 * 7 }}", ["7", "7"]),
        ("a\u0300", ["à"]),  # decomposed, as some files are
    ],
)
def test_strange_answers_are_scored_as_the_words_they_hold(text, words):
    item = Item("a", "qa", "Quem?", "", (" ".join(words),))
    found = score_answers([item], [prediction(item, text)])
    assert found.of("pt", "f1", [item]).tolist() == [1]
    assert found.of("pt", "rougeL", [item]).tolist() == [1]


def test_every_metric_has_a_mean():
    sets, before, after = world(2, 6)
    means = all_means(sets, {"baseline": before, "adapted": after})
    assert len(means) == 3 * 3 * 2
    assert means["qa", "pt", "adapted"]["em"] == pytest.approx(0.6)
    assert not math.isnan(means["qa", "pt", "baseline"]["length_ratio"])


class Loader(yaml.SafeLoader):
    """The harness's YAML: ``!function module.name``."""


Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def test_task_files_are_valid_and_name_their_data(tmp_path):
    items = [Item(f"i{n}", task, f"P {n}?", "", ("a",)) for n, task in enumerate(TASKS)]
    names = harness.write_tasks(tmp_path, items, read_probes(), max_new_tokens=7)
    assert names == ["brnb_qa", "brnb_summarisation", "brnb_rewriting", "brnb_probes"]
    for name in names:
        task = yaml.load((tmp_path / f"{name}.yaml").read_text(), Loader)
        assert task["task"] == name
        with open(task["dataset_kwargs"]["data_files"]["test"], encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        assert len(rows) == (200 if name == "brnb_probes" else 1)
        if name == "brnb_probes":
            assert task["output_type"] == "multiple_choice"
            assert (
                rows[3]["options"][rows[3]["right"]]
                == read_probes()[3].options[read_probes()[3].right]
            )
        else:
            assert task["generation_kwargs"]["max_gen_toks"] == 7
            listed = {metric["metric"] for metric in task["metric_list"]}
            scored = harness.process_results(rows[0], [" a "])
            assert set(scored) == listed
            assert set(scored.values()) == {1.0}


def test_the_scoring_file_of_the_tasks_is_importable(tmp_path):
    # of a task without items nothing is written: the harness cannot read an empty file
    assert harness.write_tasks(tmp_path, [], read_probes(), 7) == ["brnb_probes"]
    assert not (tmp_path / "brnb_qa.yaml").exists()
    spec = importlib.util.spec_from_file_location("scoring", tmp_path / "scoring.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.process_results is harness.process_results


def test_without_the_harness_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(harness.HarnessUnavailable, match=r"pip install 'brnb\[harness\]'"):
        harness.run_harness("nowhere", harness.PORTUGUESE)
