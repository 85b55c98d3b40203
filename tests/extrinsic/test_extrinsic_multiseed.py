"""What is versioned of an evaluation: the deviations of the table come out of it again."""

import json
import statistics

import pytest
from answered import OPTIONS, prediction, world

from brnb.extrinsic.hypotheses import several_seeds
from brnb.extrinsic.language_tasks import read_opinions, read_translations, translation_bleu
from brnb.extrinsic.multiseed import aggregate, write_aggregate, write_details
from brnb.extrinsic.scores import score_answers, table13


def test_the_deviations_of_table_13_come_out_of_the_aggregate(tmp_path):
    sets, before, after = world(2, 6)
    path = tmp_path / "multiseed.json"
    content = aggregate(sets, {"baseline": before, "adapted": after}, {"baseline": "Llama"})
    write_aggregate(path, content)
    found = json.loads(path.read_text("utf-8"))
    assert found["seeds"] == [123, 456]
    assert found["models"] == {"baseline": "Llama"}
    for row in table13(sets, {"baseline": before}, after, ("pt",), **OPTIONS):
        kept = found["means"]["adapted"][row.task]["pt"][row.metric]
        assert len(kept["by_seed"]) == 2
        assert statistics.stdev(kept["by_seed"]) == pytest.approx(row.adapted_sd)
        assert kept["mean"] == pytest.approx(statistics.mean(kept["by_seed"]))


def test_details_hold_every_metric_of_every_item_and_no_text(tmp_path):
    sets, *_ = world(2, 6)
    items = list({i.hash: i for drawn in sets.values() for i in drawn}.values())
    said = [prediction(item, item.references[0]) for item in items]
    path = tmp_path / "details.jsonl"
    write_details(path, sets, items, said, score_answers(items, said))
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(rows) == len(items) == 90
    assert {row["em_pt"] for row in rows} == {1}
    # 20 of 30 items a seed: 10 of them in both draws
    assert sum(row["seeds"] == [123, 456] for row in rows) == 30
    assert not any("fim" in line for line in path.read_text("utf-8").splitlines())


def test_more_distinct_items_give_a_narrower_interval():
    sets, before, after = world(2, 6)
    found = several_seeds(sets, before, after, "pt", **OPTIONS)
    assert [one.measure for one in found] == ["width_qa", "width_summarisation", "width_rewriting"]
    # 30 items instead of 20: about the square root of 2/3
    for one in found:
        assert one.after / one.before == pytest.approx((2 / 3) ** 0.5, abs=0.12)
    same = {key: sets[key[0], 123] for key in sets}
    assert {one.verdict for one in several_seeds(same, before, after, "pt", **OPTIONS)} == {
        "verdict_open"
    }


def test_translations_are_drawn_by_content_and_a_broken_record_is_named(tmp_path):
    assert len(read_translations("sample", 5, 1)) == 5
    assert len(read_translations("sample", 500, 1)) == 20
    path = tmp_path / "pairs.jsonl"
    rows = [
        {"id": str(n), "en": f"House {n}", "pt": f"Casa {n}", "split": "test"} for n in range(9)
    ]
    rows.append({"id": "x", "en": "Sea", "pt": "Mar", "split": "train"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    items = read_translations(str(path), 9, 1)
    assert {item.references[0] for item in items} == {f"Casa {n}" for n in range(9)}
    assert translation_bleu(items, ["nada"] * 9) == 0
    path.write_text('{"id": "1", "en": "Sea"}\n', "utf-8")
    with pytest.raises(ValueError, match=r"pairs.jsonl:1: a translation has two texts"):
        read_translations(str(path), 1, 1)


def test_half_of_the_opinions_are_positive_and_the_right_label_is_anywhere():
    opinions = read_opinions()
    right = [probe.options[probe.right] for probe in opinions]
    assert right.count("positivo") == right.count("negativo") == 20
    assert 10 < sum(probe.right for probe in opinions) < 30
