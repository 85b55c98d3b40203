"""Translation and sentiment: the benchmarks of 4.4.3.1 that Table 13 has not.

A translation is generated and scored by BLEU; the sentiment of an opinion is the label that the
model finds most probable, as a probe's option is. The embedded sentences are invented for this
project; a file of translations (``id``, ``en``, ``pt``, ``split``) takes their place.
"""

from functools import cache
from pathlib import Path
from random import Random

from brnb import data
from brnb.evaluate.bleu import bleu
from brnb.extrinsic.probes import Probe
from brnb.extrinsic.testsets import HELD_OUT, Item, draw_items
from brnb.text.formats import Malformed, rows_of
from brnb.text.reader import expand

ORDER = "Traduza para o português: "


def read_translations(source: str, count: int, seed: int) -> list[Item]:
    """Sentences to translate from English, drawn by their hash.

    Parameters
    ----------
    source
        ``sample``, or a JSON Lines file; of its records, those of a held-out split or of none.
    count
        How many; all of the sample, if it has fewer.
    seed
        Of the draw.

    Raises
    ------
    ValueError
        If a record is no pair of texts (names file and line), or there are too few.
    """
    if source == "sample":
        pairs = data.read("extrinsic/questions/traducao.yaml")["items"]
        items = [_item(f"traducao-{n:02d}", r["en"], r["pt"]) for n, r in enumerate(pairs)]
        return draw_items(items, min(count, len(items)), seed)
    (path,) = translation_files(source)
    items = []
    for line, row in rows_of(path):
        if isinstance(row, Malformed):
            raise ValueError(f"{path}:{line}: {row.reason}")
        texts = row.get("en"), row.get("pt")
        if not all(isinstance(text, str) and text.strip() for text in texts):
            raise ValueError(f"{path}:{line}: a translation has two texts, en and pt")
        if row.get("split") in (*HELD_OUT, None):
            items.append(_item(str(row.get("id", line)), *map(str, texts)))
    return draw_items(items, count, seed)


def translation_files(source: str) -> list[Path]:
    """The local file behind a source of translations; none for ``sample``."""
    return [] if source == "sample" else [Path(expand(source)).expanduser()]


def translation_bleu(items: list[Item], said: list[str]) -> float:
    """BLEU of the translations of all items, in [0, 1]."""
    return bleu(said, [item.references for item in items])


@cache
def read_opinions() -> tuple[Probe, ...]:
    """Invented opinions, as many positive as negative ones, whose sentiment is asked for."""
    content = data.read("extrinsic/questions/sentimento.yaml")
    labels = ["positivo", "negativo"]
    probes = []
    for number, (text, right) in enumerate(
        (text, label) for label in labels for text in content[label]
    ):
        name = f"sentimento-{number:02d}"
        options = Random(name).sample(labels, 2)
        question = f"O sentimento desta opinião é positivo ou negativo? Opinião: {text}"
        where = options.index(right)
        probes.append(Probe(name, "sentimento", question, tuple(options), where, content["source"]))
    return tuple(probes)


def _item(name: str, english: str, portuguese: str) -> Item:
    return Item(name, "rewriting", ORDER + english, "", (portuguese,))
