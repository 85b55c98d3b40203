"""Items of every task and two models' scores on them, for tests of several rooms."""

from brnb.extrinsic.predictions import Prediction
from brnb.extrinsic.scores import score_answers
from brnb.extrinsic.testsets import TASKS, Item

OPTIONS = {"seed": 1, "resamples": 500, "confidence": 0.95}


def prediction(item, text):
    return Prediction(item.id, item.hash, text, [1], True)


def world(right_before, right_after):
    """Items of every task, two seeds that share half of them, and both models' scores."""
    items = [Item(f"{t}{n}", t, f"{t} {n}?", "", (f"r{n} fim",)) for t in TASKS for n in range(30)]
    sets = {
        (task, seed): [i for i in items if i.task == task][start : start + 20]
        for task in TASKS
        for seed, start in ((123, 0), (456, 10))
    }
    scores = [
        score_answers(
            items, [prediction(i, i.references[0] if int(i.id[-1]) < k else "x") for i in items]
        )
        for k in (right_before, right_after)
    ]
    return sets, *scores
