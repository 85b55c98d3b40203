"""The dissertation's samples beside ours: fourteen, and nothing chosen."""

from types import SimpleNamespace

from brnb.chapters.published_samples import tab_published_samples
from brnb.generate.samples import Sample
from brnb.text.clean import early
from brnb.thesis import load


def test_each_printed_sample_stands_above_the_first_of_ours_cut_alike():
    prompt = early(load("prompts", "futebol"))
    drawn = [Sample(prompt, 14, "segunda", []), Sample(prompt, 13, "x" * 1000, [])]
    frame = tab_published_samples([SimpleNamespace(run="v1", samples=drawn)], "pt")
    assert len(frame) == 28
    printed = frame[frame["source"] == "Publicado"]
    assert printed["run"].nunique() == 7
    assert set(printed["prompt"]) == {"Infraestrutura", "Futebol"}
    theirs = load("samples", "futebol", "v1")
    assert theirs.startswith("na estrutura de conta as contratados")
    ours = frame[(frame["run"] == "v1") & (frame["prompt"] == "Futebol")].iloc[1]
    assert ours["text"] == "x" * len(theirs)
    assert frame[frame["source"] == "Nosso"]["text"].isna().sum() == 13
