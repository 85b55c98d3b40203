"""What cleaning removed, as dots whose axis has a zero, and lengths as they were counted."""

import matplotlib.pyplot as plt
import pytest

from brnb.chapters.corpus import fig_cleaning, fig_document_lengths
from brnb.text.corpus import LENGTH_EDGES, build
from brnb.text.params import CorpusParams


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    params = CorpusParams(
        profile="smoke", run_id="corpus", seed=1, lang="pt", corpus="sample", documents=60,
        sample_share=1.0, min_chars=20, min_letters=0.5, validation_share=0.1, test_share=0.1,
        mask_personal_data=False, near_duplicate=0.8, part=None, registers={},
        max_malformed_share=0.01,
    )  # fmt: skip
    return build(tmp_path_factory.mktemp("corpus"), params)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_a_dot_for_each_rule_and_no_bars(report):
    for axis, unit in zip(fig_cleaning(report, "pt").axes, ("documents", "lines"), strict=False):
        (dots,) = axis.lines
        counts = [getattr(removed, unit) for removed in report.removed.values()]
        assert dots.get_xdata().tolist() == counts
        assert not axis.patches
        assert 2 <= len(axis.get_xticks()) <= 4


def test_the_histogram_is_that_of_the_report(report):
    (axis,) = fig_document_lengths(report, "en").axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        "before cleaning",
        "after cleaning",
    ]
    after = axis.collections[-1].get_paths()[0].vertices
    assert after[:, 1].max() == max(report.lengths_kept[:-1])
    assert len(LENGTH_EDGES) == len(report.lengths_kept) - 1
