"""Chapter 02: what its pictures say, as sentences computed from the report."""

from brnb.chapters.corpus import FROM_ZERO, waterfall
from brnb.report.labels import label
from brnb.report.sentences import fill_sentence
from brnb.text.corpus import CorpusReport


def say_waterfall(report: CorpusReport, lang: str) -> str:
    """How much of the lines that were read is kept, and which rule took away most of the rest."""
    steps = waterfall(report)
    sizes = {name: high - low for name, low, high in steps}
    removed = {name: size for name, size in sizes.items() if name not in FROM_ZERO}
    values = {"read": sizes["read"] / 1e6, "kept": sizes["v6"] / 1e6}
    values["share"] = sizes["v6"] / sizes["read"]
    if not removed:
        return fill_sentence("say_waterfall_nothing", lang, **values)
    rule = max(removed, key=lambda name: removed[name])
    part = removed[rule] / sum(removed.values())
    return fill_sentence("say_waterfall", lang, rule=label(rule, lang), part=part, **values)


def say_near_duplicates(report: CorpusReport, lang: str) -> str:
    """How many of the documents drawn for validation and test nearly repeated one of training."""
    removed = report.removed["near_duplicate"].documents
    left = sum(report.kept["v6"][split].documents for split in ("validation", "test"))
    share = removed / max(1, removed + left)
    return fill_sentence(
        "say_near_duplicates", lang, count=removed, total=removed + left, share=share
    )


def say_registers(report: CorpusReport, lang: str) -> str:
    """How many registers there are, and how much of the bytes the largest has."""
    sizes = {
        name: sum(amount.bytes for amount in splits.values())
        for name, splits in report.registers.items()
    }
    largest = max(sizes, key=lambda name: sizes[name])
    share = sizes[largest] / sum(sizes.values())
    return fill_sentence("say_registers", lang, count=len(sizes), name=largest, share=share)


def say_cleanings(report: CorpusReport, lang: str) -> str:
    """How many bytes fewer the early cleaning leaves than v6's of the same documents."""
    early, v6 = (
        sum(amount.bytes for amount in report.kept[name].values()) for name in ("early", "v6")
    )
    return fill_sentence("say_cleanings", lang, saved=1 - early / v6)
