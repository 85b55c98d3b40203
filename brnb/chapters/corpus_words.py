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
