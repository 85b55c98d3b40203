"""Chapter 01: what its tables say of rarity and diversity, as sentences computed from them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from brnb.report.labels import label
from brnb.report.sentences import enumerated, fill_sentence

if TYPE_CHECKING:
    import pandas as pd


def say_example(table: "pd.DataFrame", lang: str) -> str:
    """Whether the recomputed example, a row a feature and the score last, is the printed one.

    A value agrees if it is within one unit of the second decimal, which is the last printed.
    """
    differ = (table["published"].astype(float) - table["recomputed"].astype(float)).abs() > 0.01
    total = float(table["recomputed"].iloc[-1])
    if not differ.any():
        return fill_sentence("say_example_agrees", lang, total=total)
    names = enumerated([str(name) for name in table.loc[differ, "feature"]], lang)
    return fill_sentence("say_example_differs", lang, total=total, names=names)


def say_frequencies(table: "pd.DataFrame", lang: str) -> str:
    """The rarest and the commonest value of all features."""
    ordered = table.sort_values("count", kind="stable")
    rare, common = ordered.iloc[0], ordered.iloc[-1]
    return fill_sentence(
        "say_frequencies",
        lang,
        rare=rare["value"],
        few=rare["count"],
        weight=rare["weight"],
        common=common["value"],
        many=common["count"],
        least=common["weight"],
    )


def say_context(models: "pd.DataFrame", lang: str) -> str:
    """How much the longest context flattens the term of all others."""
    longest = models.iloc[models["context"].argmax()]
    return fill_sentence(
        "say_context",
        lang,
        name=longest["name"],
        tokens=longest["context"],
        median=models["weight_context"].median(),
    )


def say_chosen(choices: Mapping[str, "pd.DataFrame"], lang: str) -> str:
    """Of each size class, the first choice, and how many of the chosen are the class's commonest.

    The commonest is the combination of attention, activation and normalisation that most have.
    """
    parts = []
    for size_class, chosen in choices.items():
        kinds = chosen.groupby(["attention", "activation", "norm"]).size()
        first = chosen.iloc[chosen["score"].argmax()]
        parts.append(
            fill_sentence(
                "say_chosen",
                lang,
                size_class=size_class,
                first=first["name"],
                score=first["score"],
                alike=kinds.max(),
                count=len(chosen),
                kind=" + ".join(kinds.index[int(kinds.argmax())]),
            )
        )
    return "\n".join(parts)


def say_limit(needed: float, carriers: float, models: int, greatest: float, lang: str) -> str:
    """What a score of 10 asks for in the document's example."""
    kind = "say_limit_out_of_reach" if greatest < 10 else "say_limit"
    values = {"needed": needed, "carriers": carriers, "models": models, "greatest": greatest}
    return fill_sentence(kind, lang, **values)


def say_bands(table: "pd.DataFrame", lang: str) -> str:
    """How many of the described models keep the band that the document gives them."""
    same = int((table["band_described"] == table["band_formula"]).sum())
    return fill_sentence(
        "say_bands", lang, same=same, count=len(table), highest=float(table["score"].max())
    )


def say_diversity(diversity: "pd.DataFrame", lang: str) -> str:
    """Of each size class, which method covers most, and whether rarity beats chance.

    `diversity` is that of `brnb.chapters.rarity.at_size`.
    """
    parts = []
    for size_class, rows in diversity.groupby("size_class", sort=False):
        coverage = rows.set_index("method")["coverage"].astype(float)
        best = str(coverage.idxmax())
        beats = coverage["rarity"] > coverage["random"]
        parts.append(
            fill_sentence(
                "say_diversity_above" if beats else "say_diversity_below",
                lang,
                size_class=size_class,
                best=label(best, lang),
                most=coverage[best],
                rarity=coverage["rarity"],
                random=coverage["random"],
            )
        )
    return "\n".join(parts)


def say_sensitivity(left_out: "pd.DataFrame", resampled: "pd.DataFrame", lang: str) -> str:
    """Which feature the choice depends on most, and how many models a resampled table keeps."""
    needed = left_out.iloc[left_out["kept"].astype(float).argmin()]
    chosen = resampled["chosen"].astype(float)
    return fill_sentence(
        "say_sensitivity",
        lang,
        feature=label(str(needed["feature"]), lang),
        kept=needed["kept"],
        always=int((chosen >= 0.9).sum()),
        ever=int((chosen > 0.05).sum()),
    )
