"""What a training reads, as a table."""

from brnb.chapters.tuning import tab_data
from brnb.report.tables import display


def test_counts_stand_beside_each_other_and_what_a_split_lacks_is_missing():
    frame = tab_data({"train": {"tokens": 5, "packs": 2}, "validation": {"tokens": 3}}, "en")
    assert frame["split_train"].tolist() == [5, 2]
    assert frame["split_validation"].tolist() == [3, None]
    assert display(frame, "tab-cpt-data", lang="en").cells[1][-1] == "–"
