"""Tables of Track 1: what was published, and what our receipts say, side by side."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from brnb.report.labels import label
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

    from brnb.evaluate.generate import Sample
    from brnb.evaluate.intrinsic import Intrinsic
    from brnb.train.loop import History

BILLION = 1e9


def beside_published(
    table: str,
    results: Mapping[str, "Intrinsic"],
    histories: Mapping[str, "History"],
    lang: str,
) -> "pd.DataFrame":
    """Two rows a run of one published table: the dissertation's, then ours.

    Parameters
    ----------
    table
        ``tab07`` (loss in nats per token, accuracy in percent, tokens in billions).
    results, histories
        By run id.
    lang
        Language of the cells.
    """
    import pandas as pd

    rows = []
    for published in load("published", table, "rows"):
        run = published["run"]
        if run not in results:
            continue
        result, history = results[run], histories[run]
        rows += [
            {
                "run": run,
                "source": label("published", lang),
                "hours": float(published["hours"]),
                "tokens_billion": float(published["tokens"]),
                "loss": float(published["loss"]),
                "ppl": float(published["ppl"]),
                "accuracy": float(published["acc"]),
                "bits_per_byte": None,
            },
            {
                "run": run,
                "source": label("ours", lang),
                "hours": history.seconds / 3600,
                "tokens_billion": history.tokens / BILLION,
                "loss": result.loss,
                "ppl": result.perplexity,
                "accuracy": 100 * result.accuracy,
                "bits_per_byte": result.bits_per_byte,
            },
        ]
    return pd.DataFrame(rows, dtype=object)


def sample_table(samples: Iterable["Sample"], characters: int = 300) -> "pd.DataFrame":
    """Prompt, seed and continuation of each sample, cut to a printable length."""
    import pandas as pd

    rows = [{"prompt": s.prompt, "seed": s.seed, "text": s.text[:characters]} for s in samples]
    return pd.DataFrame(rows, dtype=object)
