"""Answers that change with their company: flips, how many are shown, which are checked."""

from answering import GREEDY, SHAPE, model, prompts

from brnb.evaluate.statistics import Rate
from brnb.extrinsic.flips import flips, one_at_a_time, same, spread
from brnb.generate.continuous import generate


def test_our_engine_says_the_same_to_one_prompt_at_a_time():
    net, asked = model(), prompts()
    together = [one.ids for one in sorted(generate(net, asked, GREEDY, SHAPE))]
    assert one_at_a_time(net, asked, GREEDY, SHAPE) == together


def test_a_flip_is_an_answer_with_another_token():
    said = [[5, 6], [], [7]]
    assert flips(said, [(5, 6), [], [7]]).value == 0
    found = flips(said, [[5, 6, 6], [], [8]])
    assert (found.successes, found.trials) == (2, 3)


def test_381_equal_answers_show_99_percent():
    """Of Wilson's interval for none of n, the upper end is z^2 / (n + z^2)."""
    assert same(Rate(0, 381)) is True
    assert same(Rate(0, 380)) is None
    assert same(Rate(10, 400)) is False  # from 1.4%


def test_the_answers_to_check_come_from_all_tasks():
    assert spread(9, 3) == [0, 3, 6]
    assert spread(7, 5) == [0, 1, 2, 4, 5]
    assert spread(2, 5) == [0, 1]
